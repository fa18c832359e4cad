# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far a long run has come, written to a file that the controller reads now and then."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

INTERVAL = 1.0  # seconds between two writes
COUNTERS = ("read", "files", "answers")


class Progress:
    """Counters that any thread may add to; as a context manager it keeps ``path`` up to date (``None``: nowhere)."""

    def __init__(self, path: str | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._counters = dict.fromkeys(COUNTERS, 0)
        self._phase = "starting"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write_on, name="progress", daemon=True)

    def __enter__(self) -> Progress:
        if self._path:
            self._write()
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._path:
            with suppress(OSError):
                os.unlink(self._path)

    def phase(self, name: str) -> None:
        """Begin another part of the run; the counters start again."""
        with self._lock:
            self._phase = name
            self._counters = dict.fromkeys(COUNTERS, 0)

    def wait(self, reason: str) -> None:
        """Begin a part of the run that waits and counts nothing."""
        with self._lock:
            self._phase = reason
            self._counters = {}

    def add(self, read: int = 0, files: int = 0, answers: int = 0) -> None:
        """Count bytes read, files done and answers of a server."""
        with self._lock:
            self._counters["read"] += read
            self._counters["files"] += files
            self._counters["answers"] += answers

    def mirror(self, state: Mapping[str, Any]) -> None:
        """Show how far a run in another place has come, from what it wrote there."""
        with self._lock:
            self._phase = str(state.get("phase", ""))
            self._counters = {name: int(state[name]) for name in COUNTERS if name in state}

    def _write_on(self) -> None:
        while not self._stop.wait(INTERVAL):
            self._write()

    def _write(self) -> None:
        with self._lock:
            state = {"pid": os.getpid(), "phase": self._phase, **self._counters}
        try:
            with open(f"{self._path}.new", "w", encoding="ascii") as file:
                json.dump(state, file)
            os.replace(f"{self._path}.new", str(self._path))
        except OSError:
            self._stop.set()  # a full disk must not end a backup that needs no disk
