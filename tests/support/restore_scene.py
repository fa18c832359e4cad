# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A live database and a live directory with a bucket to restore them from, judged without the code under test."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from psycopg import sql

from ansible_collections.arcodange.erp.plugins.module_utils.arguments import database_admin_spec, object_store_spec
from ansible_collections.arcodange.erp.plugins.module_utils.backup import run
from ansible_collections.arcodange.erp.plugins.module_utils.restore.run import (
    RestoreOptions,
    RestoreResult,
    run_restore,
)
from ansible_collections.arcodange.erp.plugins.modules import erp_restore
from tests.support.databases import OWNER, Cluster, Database
from tests.support.document_points import everything
from tests.support.restore_points import PREFIX, Bucket, Ended, Scene, environment, small_database
from tests.support.stores import Store

MODULE = "ansible_collections.arcodange.erp.plugins.modules.erp_restore"
INSTANCE = "atelier-lumen"
TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 1
"""
ROWS = (
    "SELECT '{0}', count(*), md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE \"C\"), '')) FROM {0} t"
)
SEQUENCES = "SELECT schemaname || '.' || sequencename, coalesce(last_value, 0), '' FROM pg_sequences ORDER BY 1"
BESIDE = "SELECT datname FROM pg_database WHERE datname LIKE %s ORDER BY 1"
OLD = 1_700_000_000
UNIQUE_ID = "planted-unique-id-51ce"
_NUMBERS = itertools.count(1)
Rows = dict[str, tuple[int, str]]
Tree = dict[bytes, tuple[Any, ...]]


def rows_of(database: Database) -> Rows:
    """Count and MD5 of the ordered rows of every table, and where every sequence stands."""
    with database.connect(options="-c timezone=UTC -c datestyle=ISO,YMD -c extra_float_digits=1") as connection:
        tables = [name for (name,) in connection.execute(TABLES.encode()).fetchall()]
        query = " UNION ALL ".join(ROWS.format(name.replace("'", "''")) for name in tables)
        rows = connection.execute(query.encode()).fetchall() if tables else []
        rows += connection.execute(SEQUENCES).fetchall()
    return {str(name): (int(count), str(digest)) for name, count, digest in rows}


@dataclasses.dataclass(frozen=True)
class Live:
    """What is live and may be replaced, and the bucket to restore from."""

    cluster: Cluster
    store: Store
    database: str
    documents: pathlib.Path
    prefix: str = PREFIX

    @property
    def bucket(self) -> Bucket:
        """What is in the bucket now."""
        return Bucket(self.store, self.prefix)

    @property
    def admin(self) -> Database:
        """The live database as the superuser reaches it."""
        return self.cluster.as_superuser(self.database)

    def arguments(self, **changes: Any) -> dict[str, Any]:
        """The options of the module that a task would set."""
        return {
            **self.admin.module_options(),
            **self.store.module_options(),
            "s3_prefix": self.prefix,
            "pg_bindir": str(self.cluster.bin_dir),
            "db_owner": OWNER,
            "documents_path": str(self.documents),
            "instance_id": INSTANCE,
            **changes,
        }

    def options(self, **changes: Any) -> RestoreOptions:
        """The same with the defaults of the module, as the module itself reads them."""
        spec: dict[str, Any] = {**object_store_spec(), **database_admin_spec(), **erp_restore.SPEC}
        defaults = {name: option.get("default") for name, option in spec.items()}
        return erp_restore.build(defaults | self.arguments(**changes))

    def restore(self, check_mode: bool = False, **changes: Any) -> RestoreResult:
        """One run in this process."""
        return run_restore(self.options(**changes), check_mode)

    def module(self, check_mode: bool = False, diff: bool = False, **changes: Any) -> str:
        """What the module reads from its standard input."""
        flags = {"_ansible_check_mode": check_mode, "_ansible_diff": diff}
        return json.dumps({"ANSIBLE_MODULE_ARGS": {**self.arguments(**changes), **flags}})

    def rows(self, database: str = "") -> Rows:
        """What the live database, or one beside it, holds."""
        return rows_of(self.cluster.as_superuser(database or self.database))

    def tree(self, path: pathlib.Path | str = "") -> Tree:
        """What the live directory, or one beside it, holds."""
        return everything(pathlib.Path(path) if path else self.documents)

    def state(self) -> tuple[Rows, Tree]:
        """Both halves of what is live."""
        return self.rows(), self.tree()

    def databases(self) -> list[str]:
        """The names that begin as the live one does."""
        return [name for (name,) in self.cluster.admin.execute(BESIDE, [self.database.replace("_", "\\_") + "%"])]

    def directories(self) -> list[str]:
        """What lies in the directory above the documents."""
        return sorted(path.name for path in self.documents.parent.iterdir())

    def traces(self) -> tuple[Any, ...]:
        """What cannot stay the same when anything is written anywhere: cheap to ask, whatever the size of the data."""
        databases = self.cluster.admin.execute(
            "SELECT datname, d.oid::int, datallowconn, shobj_description(d.oid, 'pg_database') FROM pg_database d ORDER BY 1"
        )
        parent = self.documents.parent
        places = [parent, *sorted(parent.iterdir())]
        found = [(str(path), path.lstat().st_ino, path.lstat().st_ctime_ns, path.lstat().st_mode) for path in places]
        return databases, found

    def drop(self) -> None:
        """Drop the live database and all beside it."""
        for name in self.databases():
            self.cluster.drop(name)

    def tidy(self) -> None:
        """Leave the live database and directory alone, with nothing beside them and no comment."""
        for name in self.databases():
            if name != self.database:
                self.cluster.drop(name)
        comment = sql.SQL("COMMENT ON DATABASE {} IS NULL").format(sql.Identifier(self.database))
        with self.cluster.admin.connect() as connection:
            connection.execute(comment)
        for path in self.documents.parent.glob(f"{self.documents.name}__*"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def copy_database(cluster: Cluster, source: str, name: str) -> None:
    """A database like another one."""
    statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
    with cluster.admin.connect() as connection:
        connection.execute(statement.format(*(sql.Identifier(word) for word in (name, OWNER, source))))


@contextmanager
def live_copy(
    cluster: Cluster, store: Store, database: str, documents: pathlib.Path, place: pathlib.Path
) -> Iterator[Live]:
    """A live installation that is a copy of another one; its directory is ``documents`` in ``place``."""
    name = f"live_{next(_NUMBERS)}"
    copy_database(cluster, database, name)
    subprocess.run(["cp", "-a", documents, place / "documents"], check=True)
    live = Live(cluster, store, name, place / "documents")
    try:
        yield live
    finally:
        live.drop()


def run_module(standard_input: str, module: str = MODULE, **variables: str) -> Ended:
    """Run the module in a process of its own and read its result."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", module],
        input=standard_input,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=environment(**variables),
    )
    try:
        result = json.loads(done.stdout)
    except ValueError:
        result = {}
    return Ended(done.returncode, result, done.stdout + done.stderr)


@contextmanager
def named_points(*names: str) -> Iterator[None]:
    """Give the next restore points these ids, so that nobody waits for the clock."""
    waiting = iter(names)
    given: dict[datetime, str] = {}

    def name(instant: datetime) -> str:
        if instant not in given:
            given[instant] = next(waiting)
        return given[instant]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "restore_point_id", name)
        yield


@dataclasses.dataclass(frozen=True)
class Series:
    """Two restore points, the second of which needs objects of the first, and what was live at each."""

    cluster: Cluster
    scene: Scene
    states: dict[str, tuple[Rows, Tree]]

    @property
    def older(self) -> str:
        return min(self.states)

    @property
    def newer(self) -> str:
        return max(self.states)

    def own_bucket(self) -> Store:
        """The same objects in a bucket of a test's own, which it may damage."""
        store = self.scene.store.fresh()
        for key, body in self.scene.bucket.bodies().items():
            Bucket(store).write(key, body)
        return store

    @contextmanager
    def live(self, place: pathlib.Path, store: Store | None = None) -> Iterator[Live]:
        """A live installation as it was at the newer restore point."""
        scene = self.scene
        with live_copy(self.cluster, store or scene.store, scene.database.name, scene.documents, place) as live:
            yield live


@contextmanager
def series(cluster: Cluster, store: Store, place: pathlib.Path, older: str, newer: str) -> Iterator[Series]:
    """Make them of a few tables of the sample and a few documents."""
    documents = place / "documents"
    plant(documents)
    with small_database(cluster) as database:
        scene = Scene(database, store.fresh(), documents, cluster.bin_dir)
        live = Live(cluster, scene.store, database.name, documents)
        # The tables alone came without the sequences that number their rows.
        database.execute("CREATE SEQUENCE llx_const_rowid_seq START 100000 OWNED BY llx_const.rowid")
        database.execute("ALTER TABLE llx_const ALTER rowid SET DEFAULT nextval('llx_const_rowid_seq')")
        states = {}
        with named_points(older, newer):
            scene.back_up(instance_unique_id=UNIQUE_ID)
            states[older] = live.state()
            database.execute("UPDATE llx_facture SET note_private = 'changed' WHERE rowid = 1")
            database.execute("INSERT INTO llx_const (name, entity, value, type) VALUES ('NEW', 1, 'été', 'chaine')")
            (documents / "facture/FA2/FA2.pdf").write_bytes(b"second version")
            (documents / "facture/FA1/FA1.pdf").rename(documents / "facture/FA1-moved.pdf")
            plant_old_times(documents)
            scene.back_up(instance_unique_id=UNIQUE_ID)
            states[newer] = live.state()
        yield Series(cluster, scene, states)


def plant(documents: pathlib.Path) -> None:
    """A few documents of every kind, of different modes, times and owners."""
    dice = random.Random(20261120)
    for number in range(4):
        path = documents / f"facture/FA{number}/FA{number}.pdf"
        path.parent.mkdir(parents=True)
        path.write_bytes(dice.randbytes(3_000 + number))
    (documents / "facture/FA0/été (1).odt").write_bytes(dice.randbytes(70_000))
    (documents / "facture/FA3/copy.pdf").write_bytes((documents / "facture/FA3/FA3.pdf").read_bytes())
    (documents / "mycompany").mkdir(mode=0o750)
    (documents / "mycompany/empty").touch(mode=0o600)
    (documents / "link").symlink_to("facture/FA1/FA1.pdf")
    os.link(documents / "facture/FA2/FA2.pdf", documents / "facture/twin.pdf")
    (documents / "facture/FA1/FA1.pdf").chmod(0o640)
    if os.geteuid() == 0:
        os.chown(documents / "facture/FA2/FA2.pdf", 33, 33)
        os.chown(documents / "mycompany", 33, 0)
    plant_old_times(documents)


def plant_old_times(documents: pathlib.Path) -> None:
    """Times long past that differ, so that nobody waits for a tick of the clock."""
    for number, path in enumerate(sorted(documents.rglob("*"))):
        if path.lstat().st_mtime > OLD + 1000:
            os.utime(path, (OLD + number, OLD + number), follow_symlinks=False)
