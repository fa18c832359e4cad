# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of PDFs, which may be hostile: read by other processes whose time and memory are bounded.

A PDF that ends its process costs one start of another, and is unreadable with the reason; the rest are read.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from types import TracebackType
from typing import IO, Any, cast

from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import ordered
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.invoices import pdf_child
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.pdf_child import LENGTH, READY, Reason
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import PdfText
from ansible_collections.arcodange.erp.plugins.module_utils.programs import Program

LARGEST = 100_000_000  # bytes of a PDF
LARGEST_ANSWER = 64 << 20
FRENCH = {str(reason): reason.fr for reason in Reason}


@dataclass(frozen=True)
class Limits:
    """What reading one PDF may take."""

    memory: int = 512 << 20  # bytes of address space, the interpreter included
    seconds: int = 10  # of processor time
    patience: float = 60  # seconds by the clock, on a host that has other things to do


class PdfReader:
    """Reads PDFs in as many processes as there are processors; any thread may use it. To be used as a context manager."""

    def __init__(self, processes: int | None = None, limits: Limits | None = None) -> None:
        self.processes = processes or os.cpu_count() or 1
        self._limits = limits or Limits()
        self._idle: SimpleQueue[_Child | None] = SimpleQueue()
        for _number in range(self.processes):
            self._idle.put(None)

    def __enter__(self) -> PdfReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _number in range(self.processes):
            child = self._idle.get()
            if child is not None:
                child.end()
            self._idle.put(None)

    def read(self, content: bytes) -> PdfText:
        """The text of one PDF, or the reason why it cannot be read. Raises :class:`ErpError` when nothing can be."""
        answer: dict[str, Any] = {"reason": Reason.TOO_LARGE} if len(content) > LARGEST else self._answer(content)
        attached: dict[str, str] = answer.get("attachments", {})
        return PdfText(
            pages=tuple(answer.get("pages", ())),
            reason=str(answer["reason"]),
            reason_fr=FRENCH.get(answer["reason"], ""),
            attachments={name: base64.b64decode(data) for name, data in attached.items()},
            xmp=base64.b64decode(answer.get("xmp", "")),
            sha256=hashlib.sha256(content).hexdigest(),
            md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
            size=len(content),
        )

    def read_all(self, contents: Iterable[bytes]) -> Iterator[PdfText]:
        """The text of each PDF in order, some at a time; no more contents are taken than that needs."""
        with ThreadPoolExecutor(self.processes, thread_name_prefix="pdf") as pool:
            yield from ordered(pool, self.read, contents, self.processes + 1)

    def _answer(self, content: bytes) -> dict[str, Any]:
        child = self._idle.get()
        try:
            child = child or _Child(self._limits)
            answer = child.ask(content)
            if not child.lives:
                child = None
            return answer
        except BaseException:
            if child is not None:
                child.end()
                child = None
            raise
        finally:
            self._idle.put(child)


class _Child:
    """One process that reads PDFs; ``lives`` until one of them ends it."""

    def __init__(self, limits: Limits) -> None:
        self._patience = limits.patience
        self.lives = True
        self._process = Program(
            [sys.executable, "-P", "-m", pdf_child.__name__, str(limits.memory), str(limits.seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
        self._to = cast(IO[bytes], self._process.stdin)
        self._from = cast(IO[bytes], self._process.stdout)
        if self._from.read(len(READY)) != READY:
            self.end()
            raise ErpError(
                f"The process that reads PDFs did not start with {sys.executable}: install pypdf for it, and see that "
                f"{limits.memory >> 20} MiB of memory are free."
            )

    def ask(self, content: bytes) -> dict[str, Any]:
        """What the process says of a PDF; when that ended it, why."""
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(self._patience, give_up)
        timer.start()
        try:
            with suppress(BrokenPipeError):
                self._to.write(LENGTH.pack(len(content)))
                self._to.write(content)
                self._to.flush()
                head = self._from.read(LENGTH.size)
                if len(head) == LENGTH.size and (length := LENGTH.unpack(head)[0]) <= LARGEST_ANSWER:
                    body = self._from.read(length)
                    if len(body) == length:
                        answer: dict[str, Any] = json.loads(body)
                        return answer
        finally:
            timer.cancel()
        return {"reason": self._post_mortem(late.is_set())}

    def _post_mortem(self, is_late: bool) -> Reason:
        status = self.end()
        if is_late or status == -signal.SIGXCPU:
            return Reason.TOO_LONG
        # The kernel kills what takes the last memory; Python ends with 1 when it cannot even say so.
        return Reason.TOO_MUCH_MEMORY if status in (-signal.SIGKILL, 1) else Reason.CRASHED

    def end(self) -> int:
        """Have the process end, and say with which status it did."""
        self.lives = False
        with suppress(BrokenPipeError):
            self._to.close()
        self._from.close()
        try:
            return self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def environment() -> dict[str, str]:
    """The environment of the process: where Python finds what this one does, and none of its secrets."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "PYTHONHOME") if name in os.environ}
    # Absolute, as this process may have another directory; a module of Ansible runs from a zip file in this list.
    return kept | {"PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path if path)}
