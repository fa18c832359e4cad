# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes: modules that need not import everything first, and who looks at the arguments of all."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import threading
import time
from collections.abc import Callable

import pytest
from ansible.module_utils import basic


def fork_module(main: Callable[[], None], standard_input: str, prepare: Callable[[pytest.MonkeyPatch], None]) -> int:
    """Start a module with the options of its standard input, after ``prepare`` changed what it will meet; its id.

    It has everything imported already: fifty of them start in the time of ten.
    """
    child = os.fork()
    if child:
        return child
    status = 9
    with contextlib.suppress(BaseException), pytest.MonkeyPatch.context() as patch:
        with open(os.devnull, "r+b") as null:
            for stream in (0, 1, 2):
                os.dup2(null.fileno(), stream)
        prepare(patch)
        patch.setattr(basic, "_ANSIBLE_ARGS", standard_input.encode())
        patch.setattr(basic, "_ANSIBLE_PROFILE", "legacy")
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
    os._exit(status)


def status_of(child: int) -> int:
    """Wait for a process; its exit status, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_after(seconds: float, child: int) -> bool:
    """Kill a process at a moment, and say whether it was still running."""
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return status_of(child) == -signal.SIGKILL


class Onlooker:
    """Another user of the machine, who looks at the arguments of all processes again and again.

    One that ends within a few hundredths of a second may go unseen, so a test slows down those it must see.
    """

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.look)

    def __enter__(self) -> Onlooker:
        self.thread.start()
        return self

    def look(self) -> None:
        while not self.stop.wait(0.05):
            for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue  # it has ended meanwhile

    def __exit__(self, *_error: object) -> None:
        self.stop.set()
        self.thread.join()
