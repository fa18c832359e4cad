# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running one command and weighing its whole process tree: wall, CPU and peak memory."""

from __future__ import annotations

import os
import pathlib
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

SAMPLE = 0.1  # seconds between two looks at the memory of the tree
PATIENCE = 600  # seconds; a store that is full hangs in silence


@dataclass(frozen=True)
class Weight:
    """What one run took: seconds of wall clock and CPU, and MiB of memory.

    ``tree`` is the largest sum of proportional set sizes (a page that several processes share counts once) of all
    processes at one time, ``process`` the peak resident set of the largest one.
    """

    wall: float
    cpu: float
    tree: float
    process: float


class Failed(Exception):
    """A measured command did not succeed."""


def weigh(command: Sequence[str], environment: Mapping[str, str], standard_input: str = "") -> tuple[Weight, str]:
    """Run a command to its end and return what it took and what it printed."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as given:
        given.write(standard_input)
        given.seek(0)
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            stdin=given,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd="/",
            start_new_session=True,
        )
        peak = _Peak(process.pid)
        timer = threading.Timer(PATIENCE, process.kill)
        timer.start()
        # CPU of the process and of all below it that was waited for.
        _pid, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        tree, largest = peak.stop()
        output.seek(0)
        said = output.read()
    if process.returncode:
        raise Failed(f"{' '.join(command)[:200]} ended with {process.returncode}: {said[-2000:]}")
    return Weight(wall, usage.ru_utime + usage.ru_stime, tree, largest), said


class _Peak:
    """Looks at the memory of a process and all below it until told to stop."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._most = 0
        self._largest = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE):
            try:
                processes = [self._root.pid, *(child.pid for child in self._root.children(recursive=True))]
            except psutil.Error:
                return
            self._most = max(self._most, sum(field(pid, "smaps_rollup", "Pss") for pid in processes))
            # What getrusage calls the maximum would count what the parent held when it forked.
            self._largest = max(self._largest, *(field(pid, "status", "VmHWM") for pid in processes))

    def stop(self) -> tuple[float, float]:
        """The peaks of the tree and of its largest process in MiB."""
        self._done.set()
        self._thread.join()
        return self._most / 1024, self._largest / 1024


def field(pid: int, file: str, name: str) -> int:
    """A number that the kernel tells of a process, in KiB; 0 when it has just ended."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/{file}").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def machine() -> list[str]:
    """The machine in a few words, and how busy it is."""
    lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if "model name" in line), os.uname().machine)
    memory = f"{psutil.virtual_memory().total / (1 << 30):.0f} GiB"
    return [f"{os.cpu_count()} x {model}", memory, f"{os.uname().sysname} {os.uname().release}"]
