# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Showing how far a long module has come: the module writes a small file, the controller reads it now and then."""

from __future__ import annotations

import copy
import json
import shlex
import threading
import time
import uuid
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

display = Display()

QUIET = 10  # seconds; a shorter run shows nothing
# Seconds between two lines, by how long the run has taken: often at first, then without flooding a log.
PACE = ((60, 10), (600, 30))
SLOWEST = 60


def pace(elapsed: float) -> int:
    """Seconds to wait for the next line after ``elapsed`` seconds."""
    return next((every for until, every in PACE if elapsed < until), SLOWEST)


def human_bytes(count: float) -> str:
    """A number of bytes as a person reads it."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def progress_line(state: dict[str, Any], before: dict[str, Any], seconds: float, elapsed: float) -> str:
    """One line: phase, files, answers and bytes done, and the rate since the line before, ``seconds`` ago."""
    parts = [str(state["phase"])]
    parts += [f"{state[name]} {name}" for name in ("files", "answers") if state.get(name)]
    if "read" in state:  # a wait counts nothing
        parts.append(human_bytes(state["read"]))
        start = before["read"] if before.get("phase") == state["phase"] else 0
        if state["read"] > start and seconds > 0:
            parts.append(f"{human_bytes((state['read'] - start) / seconds)}/s")
    return f"{', '.join(parts)}, {elapsed:.0f} s"


class ProgressAction(ActionBase):
    """Runs the module of the same name and shows its progress when it takes longer than ten seconds."""

    _supports_check_mode = True
    _supports_async = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module; in check mode, which writes nothing anywhere, and under ``async`` without progress."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        wrap_async = bool(self._task.async_val)
        if wrap_async or self._task.check_mode:
            result.update(self._execute_module(task_vars=task_vars, wrap_async=wrap_async))
            return result
        path = f"/tmp/.arcodange-erp-{uuid.uuid4().hex}.json"
        done = threading.Event()
        host = (task_vars or {}).get("inventory_hostname", "")
        watcher = threading.Thread(target=self._watch, args=(path, host, done), daemon=True)
        watcher.start()
        try:
            result.update(
                self._execute_module(module_args={**self._task.args, "progress_file": path}, task_vars=task_vars)
            )
            return result
        finally:
            done.set()
            watcher.join()

    def _watch(self, path: str, host: str, done: threading.Event) -> None:
        # The module occupies the connection; a copy of it runs its own commands beside it.
        connection = copy.copy(self._connection)
        started = time.monotonic()
        shown = started
        before: dict[str, Any] = {}
        wait = float(QUIET)
        while not done.wait(wait):
            now = time.monotonic()
            wait = pace(now - started)
            try:
                code, output, _errors = connection.exec_command(f"cat {shlex.quote(path)}", sudoable=False)
                state = json.loads(output) if code == 0 else None
            except Exception as error:  # showing progress must never break the run it speaks of
                display.vvv(f"no progress to show: {error}", host=host)
                return
            if state:
                display.display(f"{host}: {progress_line(state, before, now - shown, now - started)}")
                shown, before = now, state
