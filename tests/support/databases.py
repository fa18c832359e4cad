# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases for tests: fresh ones, and copies of the sample Dolibarr, on a server that the test session owns."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import pathlib
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg import sql

from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.postgres import (
    SUPERUSER,
    PostgresServer,
    embedded_bin_dir,
)
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.process import HOST
from tests.support.paths import DUMP

OWNER = "dolibarr"
BACKUP = "erp_backup"
TEMPLATE = "sample_template"


@dataclasses.dataclass(frozen=True)
class Database:
    """One database and one user that may log in to it."""

    host: str
    port: int
    name: str
    user: str
    password: str

    def connect(self, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
        """A psycopg connection in autocommit mode, unless told otherwise."""
        options.setdefault("autocommit", True)
        return psycopg.connect(
            host=self.host, port=self.port, dbname=self.name, user=self.user, password=self.password, **options
        )

    def execute(self, statement: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        with self.connect() as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def environment(self) -> dict[str, str]:
        """PG* variables for psql, pg_dump and pg_restore."""
        return {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGDATABASE": self.name,
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
        }

    def module_options(self) -> dict[str, str | int]:
        """The db_* options of the collection's modules."""
        return {
            "db_host": self.host,
            "db_port": self.port,
            "db_name": self.name,
            "db_user": self.user,
            "db_password": self.password,
        }


class Cluster:
    """A running server and the passwords of its three roles: the superuser, the owner of the data, the backup."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self.host = HOST
        self.port = server.port
        self.bin_dir = server.bin_dir
        self.user = SUPERUSER
        self.password = server.password
        self.owner_password = secrets.token_urlsafe(16)
        self.backup_password = secrets.token_urlsafe(16)
        self._numbers = itertools.count(1)
        self._has_sample = False
        self._create_roles()

    @property
    def admin(self) -> Database:
        """The superuser in the maintenance database."""
        return self.as_superuser("postgres")

    def as_superuser(self, name: str) -> Database:
        return Database(self.host, self.port, name, self.user, self.password)

    def as_owner(self, name: str) -> Database:
        return Database(self.host, self.port, name, OWNER, self.owner_password)

    def as_backup(self, name: str) -> Database:
        """The least that a backup needs: it reads all data and owns nothing."""
        return Database(self.host, self.port, name, BACKUP, self.backup_password)

    def _create_roles(self) -> None:
        with self.admin.connect() as connection:
            for role, password in ((OWNER, self.owner_password), (BACKUP, self.backup_password)):
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(password))
                )
            connection.execute(sql.SQL("GRANT pg_read_all_data TO {}").format(sql.Identifier(BACKUP)))

    def _create(self, name: str, template: str) -> None:
        with self.admin.connect() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template)
                )
            )

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected."""
        with self.admin.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def empty_database(self) -> Database:
        """A new database without a table, as its owner."""
        name = f"empty_{next(self._numbers)}"
        self._create(name, "template0")
        return self.as_owner(name)

    def sample_database(self) -> Database:
        """A new copy of the sample Dolibarr, as its owner."""
        if not self._has_sample:
            self._create(TEMPLATE, "template0")
            load_dump(self.bin_dir, self.as_superuser(TEMPLATE))
            self._has_sample = True
        name = f"sample_{next(self._numbers)}"
        self._create(name, TEMPLATE)
        return self.as_owner(name)


def load_dump(bin_dir: pathlib.Path, database: Database, dump: pathlib.Path = DUMP) -> None:
    """Restore a dump with pg_restore itself."""
    subprocess.run(
        [bin_dir / "pg_restore", "--exit-on-error", "--jobs=2", "--dbname", database.name, dump],
        env={**database.environment(), "PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        check=True,
        capture_output=True,
    )


@contextlib.contextmanager
def embedded_cluster(major: int = 18) -> Iterator[Cluster]:
    """A server of this major version in a directory of its own, gone afterwards."""
    # Not in pytest's own directory: that one is closed to the user as whom root runs PostgreSQL.
    directory = pathlib.Path(tempfile.mkdtemp(prefix="erp-postgres-"))
    server = PostgresServer(embedded_bin_dir(major), directory, secrets.token_urlsafe(16))
    try:
        server.start()
        yield Cluster(server)
    finally:
        server.stop()
        shutil.rmtree(directory)
