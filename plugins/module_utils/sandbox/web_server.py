# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server of the sandbox: one process, its log and its record in one directory, on 127.0.0.1."""

from __future__ import annotations

import pathlib
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.process import (
    HOST,
    ProcessRef,
    free_port,
    last_line,
    read_json,
    spawn,
    wait_until,
    write_json,
)

START_SECONDS = 60.0
TRIES = 5


class WebServer(ABC):
    """A server whose log and process belong to ``directory``."""

    name: ClassVar[str]  # for a person
    log_name: ClassVar[str]
    ready: ClassVar[str]  # what it says in its log once it holds its port

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        self.log = directory / self.log_name
        self._record = directory / "process.json"
        self._child: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def argv(self, port: int) -> list[str]:
        """The command that listens on this port."""

    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """The environment of the command."""

    def process(self) -> ProcessRef | None:
        """The running server of this directory."""
        found = self._running()
        return None if found is None else found[0]

    @property
    def port(self) -> int:
        """Where the running server listens."""
        found = self._running()
        if found is None:
            raise ErpError(f"{self.name} in {self.directory} is not running: start it.")
        return found[1]

    @property
    def endpoint(self) -> str:
        """The address for clients."""
        return f"http://{HOST}:{self.port}"

    def _running(self) -> tuple[ProcessRef, int] | None:
        record = read_json(self._record)
        if not record:
            return None
        process = ProcessRef(record["pid"], record["began"])
        return (process, record["port"]) if process.alive() else None

    def start(self) -> bool:
        """Start it; False when it was running."""
        if self.process() is not None:
            return False
        self.directory.mkdir(parents=True, exist_ok=True)
        for _attempt in range(TRIES):
            if self._launch(free_port()):
                return True
        raise ErpError(f"{self.name} in {self.directory} does not start: {last_line(self.log)}", log=str(self.log))

    def _launch(self, port: int) -> bool:
        child = spawn(self.argv(port), self.log, self.environment())
        self._child = child
        process = ProcessRef.of(child.pid)
        if process is not None:
            write_json(self._record, {"pid": process.pid, "began": process.began, "port": port})

        def settled() -> bool:
            # It says so once it holds the port; an answer on the port might come from a stranger.
            return self.ready in self.log.read_text(errors="replace") or child.poll() is not None

        try:
            wait_until(settled, START_SECONDS)
        except TimeoutError:
            child.kill()
            child.wait()
        return child.poll() is None

    def stop(self) -> bool:
        """Stop it; False when it was not running."""
        process = self.process()
        if process is not None:
            process.stop()
        if self._child is not None:
            self._child.wait()
        self._record.unlink(missing_ok=True)
        return process is not None
