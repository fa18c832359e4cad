# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox: an embedded PostgreSQL with the sample Dolibarr, its documents, its REST API, and an object store.

Everything lies in one directory:

* ``secrets.json``: the passwords and keys, made at the first start, mode 0600; it also marks the directory as ours
* ``state.json``: endpoints and process ids, there only while the sandbox runs
* ``postgresql-<major>/``, ``object-store/``, ``dolibarr/``: one server each; the store keeps its objects in memory
* ``documents/``: the documents directory
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import fcntl
import pathlib
import secrets
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.programs import run_program
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.dolibarr import LOGIN, Dolibarr
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.object_store import ObjectStore
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.postgres import (
    SUPERUSER,
    PostgresServer,
    embedded_bin_dir,
)
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.process import HOST, read_json, write_json
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.web_server import WebServer

try:
    import boto3.session
    import psycopg
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
    from psycopg import sql
except ImportError:
    pass  # the door says which library is missing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAJORS = (18, 16)
DATABASE = "erp"
LOADING = "erp_loading"
OWNER = "dolibarr"
BACKUP = "erp_backup"
BUCKET = "erp-backups"
REGION = "us-east-1"
FORMAT = "arcodange.erp/sandbox"
SECRETS = (
    "superuser_password",
    "owner_password",
    "backup_password",
    "s3_access_key",
    "s3_secret_key",
    "dolibarr_api_key",
)


@dataclasses.dataclass(frozen=True)
class Report:
    """What was done, or would be done in check mode, and where the running parts are (None when not all run)."""

    actions: list[str]
    endpoints: dict[str, Any] | None


class Sandbox:
    """One sandbox in one directory.

    ``fixtures`` holds the sample: ``db/erp.dump``, ``db/tables.tsv``, ``documents.tar`` and ``api/``. Every step says
    whether something was, or in check mode would be, done.
    """

    def __init__(self, path: pathlib.Path, fixtures: pathlib.Path, major: int = 18) -> None:
        self.path = path
        self.major = major
        self.fixtures = fixtures
        self.dump = fixtures / "db" / "erp.dump"
        self.tables = fixtures / "db" / "tables.tsv"
        self.archive = fixtures / "documents.tar"
        self.documents = path / "documents"
        self._state = path / "state.json"
        self._secrets_file = path / "secrets.json"
        self._store = ObjectStore(path / "object-store")

    def start(self, check: bool = False) -> Report:
        """Make everything that is missing and leave alone what is there."""
        self._require_ours()
        self._require_sample()
        steps = {
            "stop the other PostgreSQL": self._stop_others,
            f"start PostgreSQL {self.major}": self._start_postgres,
            "load the sample database": self._load_database,
            "start the object store": self._start_store,
            "create the bucket": self._create_bucket,
            "unpack the sample documents": self._unpack_documents,
            "start the stand-in for Dolibarr": self._start_dolibarr,
        }
        with self._held(check):
            if not check:
                self._make_secrets()
            actions = [name for name, step in steps.items() if step(check)]
            endpoints = self._endpoints()
            if endpoints and not check and read_json(self._state) != {"format": FORMAT, **endpoints}:
                write_json(self._state, {"format": FORMAT, **endpoints})
            return Report(actions, endpoints)

    def stop(self, check: bool = False) -> Report:
        """Stop the servers; database and documents stay, what is in the object store is lost."""
        self._require_ours()
        if not self.path.exists():
            return Report([], None)
        with self._held(check):
            return Report(self._stop_all(check), self._endpoints())

    def remove(self, check: bool = False) -> Report:
        """Stop the servers and remove the directory."""
        self._require_ours()
        if not self.path.exists():
            return Report([], None)
        with self._held(check):
            actions = [*self._stop_all(check), "remove the directory"]
            if not check:
                shutil.rmtree(self.path)
            return Report(actions, None)

    def _make_secrets(self) -> None:
        known = read_json(self._secrets_file)
        if not known.keys() >= set(SECRETS):
            write_json(self._secrets_file, {**{name: secrets.token_urlsafe(24) for name in SECRETS}, **known}, 0o600)

    @contextlib.contextmanager
    def _held(self, check: bool) -> Iterator[None]:
        """Keep other runs out, and turn what the operating system refuses into our own error."""
        try:
            if check:
                yield
                return
            self.path.mkdir(parents=True, exist_ok=True)
            with (self.path / "lock").open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise Refused(f"Another run holds the sandbox in {self.path}: wait until it has ended.") from None
                yield
        except (OSError, psycopg.Error, BotoCoreError, ClientError) as error:
            said = " ".join(str(error).split())
            raise ErpError(f"The sandbox in {self.path} cannot be handled: {said}.") from error

    def _require_ours(self) -> None:
        if not self.path.exists() or {entry.name for entry in self.path.iterdir()} <= {"lock"}:
            return
        if not self._secrets_file.exists():
            raise Refused(
                f"{self.path} is not empty and holds no secrets.json of a sandbox: "
                "choose another directory or remove it yourself."
            )

    def _require_sample(self) -> None:
        for part in (self.dump, self.tables, self.archive, self._dolibarr().answers, self._dolibarr().program):
            if not part.is_file():
                raise ErpError(f"The sample Dolibarr lacks {part}: run this from a clone.")

    def _secret(self, name: str) -> str:
        """One of the secrets; empty before the first start, when check mode has nothing to open with it."""
        return str(read_json(self._secrets_file).get(name, ""))

    def _postgres(self, major: int) -> PostgresServer:
        return PostgresServer(
            embedded_bin_dir(major), self.path / f"postgresql-{major}", self._secret("superuser_password")
        )

    def _dolibarr(self) -> Dolibarr:
        return Dolibarr(self.path / "dolibarr", self.fixtures, self._secret("dolibarr_api_key"))

    def _stop_all(self, check: bool) -> list[str]:
        servers: dict[str, PostgresServer | WebServer] = {
            "stop the stand-in for Dolibarr": self._dolibarr(),
            "stop the object store": self._store,
        }
        servers |= {f"stop PostgreSQL {major}": self._postgres(major) for major in MAJORS}
        actions = [name for name, server in servers.items() if server.process() is not None]
        if not check:
            self._state.unlink(missing_ok=True)
            for server in servers.values():
                server.stop()
        return actions

    def _stop_others(self, check: bool) -> bool:
        others = [self._postgres(major) for major in MAJORS if major != self.major]
        running = [server for server in others if server.process() is not None]
        if not check:
            for server in running:
                server.stop()
        return bool(running)

    def _start_postgres(self, check: bool) -> bool:
        server = self._postgres(self.major)
        if check or server.process() is not None:
            return server.process() is None
        self._state.unlink(missing_ok=True)
        return server.start()

    def _load_database(self, check: bool) -> bool:
        server = self._postgres(self.major)
        if check and server.process() is None:
            return not server.data.exists()
        with psycopg.connect(**server.connection(), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
                return False
            if check:
                return True
            self._create_roles(connection)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(LOADING)))
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
                    sql.Identifier(LOADING), sql.Identifier(OWNER)
                )
            )
            self._restore_dump(server)
            # The name that everybody uses appears only once the load is known to be whole.
            connection.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(LOADING), sql.Identifier(DATABASE))
            )
        return True

    def _create_roles(self, connection: psycopg.Connection[Any]) -> None:
        for role, secret in ((OWNER, "owner_password"), (BACKUP, "backup_password")):
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                        sql.Identifier(role), sql.Literal(self._secret(secret))
                    )
                )
        connection.execute(sql.SQL("GRANT pg_read_all_data TO {}").format(sql.Identifier(BACKUP)))

    def _restore_dump(self, server: PostgresServer) -> None:
        restored = run_program(
            [server.bin_dir / "pg_restore", "--exit-on-error", "--jobs=2", "--dbname", LOADING, self.dump],
            env=server.client_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if restored.returncode != 0:
            raise ErpError(f"pg_restore of {self.dump} failed: {restored.stderr.strip().splitlines()[-1]}")
        with self.tables.open(encoding="utf-8", newline="") as listing:
            expected = {row["table"]: int(row["rows"]) for row in csv.DictReader(listing, delimiter="\t")}
        with psycopg.connect(**server.connection(LOADING)) as connection:
            differences = expected.items() ^ _row_counts(connection).items()
        if differences:
            names = ", ".join(sorted({name for name, _rows in differences}))
            raise ErpError(f"The sample database did not load whole; {self.tables} says otherwise about: {names}.")

    def _start_store(self, check: bool) -> bool:
        if check or self._store.process() is not None:
            return self._store.process() is None
        self._state.unlink(missing_ok=True)
        return self._store.start()

    def _client(self) -> S3Client:
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self._store.endpoint,
            region_name=REGION,
            aws_access_key_id=self._secret("s3_access_key"),
            aws_secret_access_key=self._secret("s3_secret_key"),
            config=Config(s3={"addressing_style": "path"}, proxies={}),  # no proxy leads to this machine itself
        )

    def _create_bucket(self, check: bool) -> bool:
        if check and self._store.process() is None:
            return True
        client = self._client()
        if BUCKET in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
            return False
        if not check:
            client.create_bucket(Bucket=BUCKET)
        return True

    def _unpack_documents(self, check: bool) -> bool:
        if check or self.documents.exists():
            return not self.documents.exists()
        unfinished = self.path / "documents.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        with tarfile.open(self.archive) as archive:
            # The sample is ours, and its odd modes are part of it.
            archive.extraction_filter = lambda member, _path: member
            archive.extractall(unfinished, numeric_owner=True)
        (unfinished / "documents").rename(self.documents)
        unfinished.rmdir()
        return True

    def _start_dolibarr(self, check: bool) -> bool:
        server = self._dolibarr()
        if check or server.process() is not None:
            return server.process() is None
        self._state.unlink(missing_ok=True)
        return server.start()

    def _endpoints(self) -> dict[str, Any] | None:
        server, stand_in = self._postgres(self.major), self._dolibarr()
        database, store, dolibarr = server.process(), self._store.process(), stand_in.process()
        if database is None or store is None or dolibarr is None:
            return None
        return {
            "postgresql": {
                "host": HOST,
                "port": server.port,
                "pid": database.pid,
                "major": self.major,
                "bin_dir": str(server.bin_dir),
                "database": DATABASE,
                "owner": OWNER,
                "backup_role": BACKUP,
                "superuser": SUPERUSER,
            },
            "object_store": {"endpoint": self._store.endpoint, "region": REGION, "bucket": BUCKET, "pid": store.pid},
            "documents": str(self.documents),
            "dolibarr": {"url": stand_in.endpoint, "login": LOGIN, "pid": dolibarr.pid},
        }


def _row_counts(connection: psycopg.Connection[Any]) -> dict[str, int]:
    names = [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    count = sql.SQL("SELECT {}, count(*) FROM {}")
    parts = [count.format(sql.Literal(name), sql.Identifier("public", name)) for name in names]
    return dict(connection.execute(sql.SQL(" UNION ALL ").join(parts)).fetchall()) if parts else {}
