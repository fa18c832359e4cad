# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring databases in tests: where to, from what, and judging what came of it without the code under test."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import zstandard

from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import DatabaseOptions
from ansible_collections.arcodange.erp.plugins.module_utils.restore.database import TargetOptions
from tests.support.databases import OWNER, Cluster, Database
from tests.support.restore_points import Bucket, Scene

DATABASES = "SELECT datname, datallowconn FROM pg_database ORDER BY 1"


def options(database: Database) -> DatabaseOptions:
    """A database as the code under test reaches it."""
    return DatabaseOptions(database.host, database.port, database.name, database.user, database.password)


def target(cluster: Cluster, admin: Database | None = None, **changes: Any) -> TargetOptions:
    """The server of the tests as the target of a restore."""
    settings = {"owner": OWNER, "bindir": str(cluster.bin_dir), **changes}
    return TargetOptions(options(admin or cluster.admin), **settings)


def manifest_of(scene: Scene) -> Manifest:
    """The newest manifest of a bucket, through JSON as the store gives it."""
    return Manifest(scene.bucket.newest(), "")


def changed(manifest: Manifest, *path: str, to: Any) -> Manifest:
    """The manifest with one value changed."""
    data = json.loads(json.dumps(manifest.data))
    place = data
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = to
    return Manifest(data, "")


def with_dump(manifest: Manifest, bucket: Bucket, archive: bytes, frame: int = 1 << 20) -> Manifest:
    """The manifest of the same restore point, its dump being ``archive`` in frames of so many bytes."""
    compressor = zstandard.ZstdCompressor(write_checksum=True)
    body = b"".join(
        compressor.compress(archive[start : start + frame]) for start in range(0, max(1, len(archive)), frame)
    )
    key = f"db/{hashlib.sha256(body).hexdigest()[:16]}.dump.zst"
    bucket.write(key, body)
    dump = {"part": "database", "key": key, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    others = [item for item in manifest.data["objects"] if item["part"] != "database"]
    return changed(manifest, "objects", to=[dump, *others])


def definitions(cluster: Cluster, name: str) -> str:
    """The definitions of a database, as pg_dump writes them."""
    done = subprocess.run(
        [cluster.bin_dir / "pg_dump", "--schema-only", "--dbname", name],
        env={**cluster.as_superuser(name).environment(), "LC_ALL": "C"},
        check=True,
        capture_output=True,
        text=True,
    )
    # A key that is another one each time.
    return "\n".join(line for line in done.stdout.split("\n") if not line.startswith(("\\restrict", "\\unrestrict")))


def contents(cluster: Cluster, name: str) -> dict[str, list[str]]:
    """Every row of every table as text, in order, and the state of every sequence."""
    found: dict[str, list[str]] = {}
    with cluster.as_superuser(name).connect() as connection:
        connection.execute("SET search_path TO ''")
        connection.execute("SET extra_float_digits TO 3")
        tables = connection.execute(
            "SELECT format('%I.%I', n.nspname, c.relname), c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE relkind IN ('r', 'm', 'S') AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'"
        ).fetchall()
        for table, kind in tables:
            row = "ROW(last_value, is_called)" if kind in ("S", b"S") else "t"
            rows = connection.execute(f"SELECT coalesce({row}::text, '') FROM {table} t".encode()).fetchall()
            found[table] = sorted(text for (text,) in rows)
        blobs = connection.execute("SELECT oid, lo_get(oid) FROM pg_largeobject_metadata ORDER BY 1").fetchall()
        found["large objects"] = [f"{number} {bytes(body).hex()}" for number, body in blobs]
    return found


def databases(cluster: Cluster) -> list[tuple[Any, ...]]:
    """The names of all databases and whether they accept connections."""
    return cluster.admin.execute(DATABASES)


def programs_with(directory: pathlib.Path, bin_dir: pathlib.Path, pg_restore: str) -> pathlib.Path:
    """A directory of client programs in which pg_restore is a shell script that finds the real one in ``$REAL``."""
    directory.mkdir()
    (directory / "pg_dump").symlink_to(bin_dir / "pg_dump")
    script = directory / "pg_restore"
    script.write_text(f'#!/bin/sh\nREAL="{bin_dir}/pg_restore"\n{pg_restore}\n')
    script.chmod(0o755)
    return directory


class DeadlyProgress(Progress):
    """Kills this process with SIGKILL at a step; steps of the switch count with the phases of the restore."""

    def __init__(self, deadly: int) -> None:
        super().__init__()
        self.left = deadly

    def phase(self, name: str) -> None:
        self.step(name)

    def step(self, _name: str) -> None:
        """Live one step longer, or not."""
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)


def run_in_child(work: Callable[[], object]) -> int:
    """Run ``work`` in a copy of this process and return how that ended: 0, or minus the signal that killed it."""
    child = os.fork()
    if not child:
        status = 1
        with contextlib.suppress(BaseException):
            work()
            status = 0
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@contextlib.contextmanager
def role(cluster: Cluster, name: str, rights: str = "") -> Iterator[Database]:
    """A role of this test's own that may log in, in the maintenance database."""
    cluster.admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret' {rights}")
    try:
        yield dataclasses.replace(cluster.admin, user=name, password="secret")
    finally:
        cluster.admin.execute(f"DROP OWNED BY {name}")
        cluster.admin.execute(f"DROP ROLE {name}")
