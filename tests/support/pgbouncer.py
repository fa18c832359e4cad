# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PgBouncer in front of a cluster, in each of its three modes."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from typing import Literal

from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.privileges import run_as
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.process import (
    HOST,
    ProcessRef,
    free_port,
    last_line,
    spawn,
    wait_until,
)
from tests.support.databases import BACKUP, OWNER, Cluster, Database

Mode = Literal["transaction", "statement", "session"]
PROGRAM = pathlib.Path("/usr/sbin/pgbouncer")
START_SECONDS = 30.0

CONFIGURATION = """\
[databases]
* = host={server_host} port={server_port}
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = {mode}
default_pool_size = 5
server_tls_sslmode = prefer
ignore_startup_parameters = extra_float_digits
"""


class Poolers:
    """One PgBouncer per mode, started when it is first asked for."""

    def __init__(self, cluster: Cluster, directory: pathlib.Path) -> None:
        self.cluster = cluster
        self.directory = directory
        self._running: dict[Mode, tuple[subprocess.Popen[bytes], int]] = {}

    def through(self, database: Database, mode: Mode) -> Database:
        """The same database and user, reached by way of PgBouncer in this mode."""
        if mode not in self._running:
            self._running[mode] = self._start(mode)
        return dataclasses.replace(database, host=HOST, port=self._running[mode][1])

    def _start(self, mode: Mode) -> tuple[subprocess.Popen[bytes], int]:
        if not PROGRAM.exists():
            raise RuntimeError("PgBouncer is not installed: apt-get install pgbouncer.")
        user = run_as(PROGRAM, self.directory)
        users = self.directory / "users.txt"
        passwords = {
            self.cluster.user: self.cluster.password,
            OWNER: self.cluster.owner_password,
            BACKUP: self.cluster.backup_password,
        }
        users.write_text("".join(f'"{name}" "{value}"\n' for name, value in passwords.items()), encoding="utf-8")
        users.chmod(0o600)
        user.give(users)
        port = free_port()
        configuration = self.directory / f"{mode}.ini"
        configuration.write_text(
            CONFIGURATION.format(
                server_host=self.cluster.host,
                server_port=self.cluster.port,
                host=HOST,
                port=port,
                users=users,
                mode=mode,
            ),
            encoding="utf-8",
        )
        log = self.directory / f"{mode}.log"
        child = spawn([*user.prefix, PROGRAM, configuration], log, {"PATH": "/usr/bin:/bin", "LC_ALL": "C"})
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: child.poll() is not None or "process up" in log.read_text(), START_SECONDS)
        if child.poll() is not None:
            raise RuntimeError(f"PgBouncer does not start: {last_line(log)}")
        return child, port

    def stop(self) -> None:
        for child, _port in self._running.values():
            process = ProcessRef.of(child.pid)
            if process is not None:
                process.stop()
            child.wait()


@contextlib.contextmanager
def poolers(cluster: Cluster) -> Iterator[Poolers]:
    """PgBouncers in front of this cluster, gone afterwards."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="erp-pgbouncer-"))
    directory.chmod(0o755)
    running = Poolers(cluster, directory)
    try:
        yield running
    finally:
        running.stop()
        shutil.rmtree(directory)
