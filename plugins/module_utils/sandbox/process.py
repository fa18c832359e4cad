# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long-lived processes: started detached, recognised again later, stopped by pid."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.programs import Program, run_program

HOST = "127.0.0.1"
POLL_SECONDS = 0.02


@dataclasses.dataclass(frozen=True)
class ProcessRef:
    """A process that a recycled pid cannot be mistaken for: its pid, and when it began."""

    pid: int
    began: str

    @classmethod
    def of(cls, pid: int) -> ProcessRef | None:
        """The live process with this pid, or nothing (a zombie is dead)."""
        began = _began(pid)
        return None if began is None else cls(pid, began)

    def alive(self) -> bool:
        return _began(self.pid) == self.began

    def stop(self, first: signal.Signals = signal.SIGTERM, timeout: float = 30.0) -> None:
        """Ask with ``first``; after ``timeout`` seconds kill; return when it is gone."""
        for number, patience in ((first, timeout), (signal.SIGKILL, 10.0)):
            if not self.alive():
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
            with contextlib.suppress(TimeoutError):
                wait_until(lambda: not self.alive(), patience)
        if self.alive():
            raise ErpError(f"Process {self.pid} cannot be stopped: look at it by hand.", pid=self.pid)


def _began(pid: int) -> str | None:
    if pathlib.Path("/proc/self/stat").exists():
        return _began_linux(pid)
    shown = run_program(
        ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=1)
    return None if len(shown) < 2 or shown[0].startswith("Z") else shown[1].strip()


def _began_linux(pid: int) -> str | None:
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may itself hold spaces and brackets
    if fields[0] in ("Z", "X"):
        return None
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}/{fields[19]}"


def command_line(pid: int) -> list[str]:
    """The arguments of a process; empty when it is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        shown = run_program(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return str(shown.stdout).split()


def wait_until(condition: Callable[[], bool], timeout: float) -> None:
    """Return once the condition holds; TimeoutError after ``timeout`` seconds."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(POLL_SECONDS)


def free_port() -> int:
    """A free TCP port of 127.0.0.1, below the range from which the kernel hands out client ports."""
    for candidate in random.sample(range(10240, 32768), 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, candidate))
            return candidate
    raise ErpError(f"No TCP port between 10240 and 32767 is free on {HOST}: stop what is using them.")


def spawn(argv: Sequence[str | os.PathLike[str]], log: pathlib.Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own that holds nothing of ours but its log file."""
    with log.open("wb") as output:
        return Program(
            [os.fspath(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
            env=dict(env),
        )


def last_line(log: pathlib.Path) -> str:
    """The last line of a log that says something, for an error message."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        return "it left no log"
    telling = [line.strip() for line in lines if "FATAL" in line or "rror" in line]
    return (telling or [line.strip() for line in lines if line.strip()] or ["it said nothing"])[-1]


def write_json(path: pathlib.Path, value: object, mode: int = 0o644) -> None:
    """Write a file that readers see either as it was or complete."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            json.dump(value, handle, indent=2, sort_keys=True)
            handle.write("\n")
            handle.flush()
            os.fsync(handle.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """The object in a file of ours; empty when there is none or a crash left it unreadable."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
