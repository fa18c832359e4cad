# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dump restored: everything comes back, whatever does not is found, and a failure leaves nothing."""

from __future__ import annotations

import dataclasses
import pathlib
import random
import re
import string
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.restore import archive, rows, target
from ansible_collections.arcodange.erp.plugins.module_utils.restore.database import (
    RestoredDatabase,
    check_target,
    compare_database,
    restore_database,
)
from tests.support import restores
from tests.support.databases import OWNER, Cluster, Database, embedded_cluster
from tests.support.paths import DUMP
from tests.support.restore_points import Scene, connect, small_database, unpacked
from tests.support.stores import Store

NAME = "restored"
UNKNOWN = "The free space of the server .* cannot be seen from here: about [0-9]+ MiB are needed"


@dataclasses.dataclass(frozen=True)
class Point:
    """A restore point and where it is restored to."""

    scene: Scene
    cluster: Cluster
    manifest: Manifest

    def restore(self, name: str = NAME, manifest: Manifest | None = None, **changes: Any) -> RestoredDatabase:
        """Restore the dump under a name that the test drops."""
        where = changes.pop("target", None) or restores.target(self.cluster, **changes)
        return restore_database(
            connect(self.scene.store), manifest or self.manifest, where, name, changes.pop("progress", Progress())
        )

    def compare(self, restored: RestoredDatabase | None = None, name: str = NAME) -> list[str]:
        """The differences as sentences, with or without what the restore knows."""
        contents = None if restored is None else restored.contents
        options = restores.options(self.cluster.as_superuser(name))
        return [
            found.describe()
            for found in compare_database(options, self.manifest, contents, restores.target(self.cluster))
        ]

    def check(self, manifest: Manifest | None = None, **changes: Any) -> list[str]:
        """The problems that the preflight finds."""
        where = restores.target(self.cluster, **changes)
        return list(check_target(connect(self.scene.store), manifest or self.manifest, where, NAME).problems)


def made(scene: Scene, cluster: Cluster) -> Point:
    """One backup."""
    scene.back_up()
    return Point(scene, cluster, restores.manifest_of(scene))


def scene_of(cluster: Cluster, database: Database, store: Store, directory: pathlib.Path) -> Scene:
    """A scene with an empty documents directory, as the superuser: some tests have what only one may read."""
    return Scene(cluster.as_superuser(database.name), store, directory, cluster.bin_dir)


@pytest.fixture(scope="module")
def sample(postgres: Cluster, moto: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Point]:
    """The sample Dolibarr."""
    database = postgres.sample_database()
    yield made(scene_of(postgres, database, moto.fresh(), tmp_path_factory.mktemp("documents")), postgres)
    postgres.drop(database.name)


@pytest.fixture(scope="module")
def small(postgres: Cluster, moto: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Point]:
    """The few tables that a backup looks at."""
    with small_database(postgres) as database:
        for statement in (
            "ALTER TABLE llx_bank ADD CONSTRAINT llx_bank_pkey PRIMARY KEY (rowid)",
            "CREATE SEQUENCE llx_bank_rowid_seq",
            "SELECT setval('llx_bank_rowid_seq', 12)",
        ):
            database.execute(statement)
        yield made(scene_of(postgres, database, moto.fresh(), tmp_path_factory.mktemp("documents")), postgres)


@pytest.fixture(autouse=True)
def _drop(postgres: Cluster) -> Iterator[None]:
    """No database of a test survives it."""
    yield
    postgres.drop(NAME)


def test_the_sample_comes_back_whole(sample: Point, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = sample.scene.database.name
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert sample.check() == []
    restored = sample.restore()
    assert (restored.messages, restored.skipped, restored.roles_missing) == ((), (), ())
    assert sample.compare() == []
    assert sample.compare(restored) == []
    assert restores.contents(sample.cluster, NAME) == restores.contents(sample.cluster, source)
    assert restores.definitions(sample.cluster, NAME) == restores.definitions(sample.cluster, source)
    owners = "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE oid >= 16384"
    assert sample.cluster.as_superuser(NAME).execute(owners) == [(OWNER,)]
    collation = "SELECT encoding, datlocprovider, datlocale, datcollate, pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s"
    assert sample.cluster.admin.execute(collation, [NAME]) == sample.cluster.admin.execute(collation, [source])
    assert list(tmp_path.iterdir()) == []


EVERYTHING = (
    "CREATE SCHEMA other",
    "CREATE TYPE other.mood AS ENUM ('bon', 'mauvais')",
    "CREATE DOMAIN other.siren AS varchar(9) CHECK (VALUE ~ '^[0-9]+$')",
    "CREATE TABLE a (id serial PRIMARY KEY, t text UNIQUE, m other.mood, s other.siren,"
    " g int GENERATED ALWAYS AS (id * 2) STORED, status varchar(3) CHECK (status IN ('x', 'y')), dropped int)",
    "ALTER TABLE a DROP COLUMN dropped",
    "ALTER TABLE a ADD COLUMN later int DEFAULT 3",
    "CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a DEFERRABLE INITIALLY DEFERRED, self int REFERENCES b)",
    "CREATE TABLE other.cycle_1 (id int PRIMARY KEY, other int)",
    "CREATE TABLE other.cycle_2 (id int PRIMARY KEY, other int REFERENCES other.cycle_1)",
    "ALTER TABLE other.cycle_1 ADD FOREIGN KEY (other) REFERENCES other.cycle_2",
    "CREATE TABLE parts (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)",
    "CREATE TABLE parts_25 PARTITION OF parts FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
    "CREATE TABLE parts_rest PARTITION OF parts DEFAULT",
    "CREATE INDEX ON parts (day)",
    "CREATE TABLE no_columns ()",
    'CREATE TABLE "Odd; 1 0 1 TABLE DATA" ("a \\ b" text, "COPY" text)',
    "CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.t := NEW.t || '!'; RETURN NEW; END $$",
    "CREATE FUNCTION user_lookup(text) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT $1'",
    "INSERT INTO a (t, m, s, status) VALUES ('l''été\t\\.\n\\.\n', 'bon', '123', 'x'), (NULL, NULL, NULL, NULL), ('', 'mauvais', '9', 'y')",
    "INSERT INTO b VALUES (1, 1, 1), (2, NULL, 1)",
    "INSERT INTO other.cycle_1 VALUES (1, NULL)",
    "INSERT INTO other.cycle_2 VALUES (7, 1)",
    "UPDATE other.cycle_1 SET other = 7",
    "INSERT INTO parts SELECT g, date '2024-06-01' + g FROM generate_series(1, 900) g",
    "INSERT INTO no_columns DEFAULT VALUES",
    "INSERT INTO no_columns DEFAULT VALUES",
    "INSERT INTO \"Odd; 1 0 1 TABLE DATA\" VALUES ('\\.', 'COPY x FROM stdin;'), (E'\\\\.\\n', E'\\nCOPY public.a FROM stdin;\\n')",
    "CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON a FOR EACH ROW EXECUTE FUNCTION stamp()",
    "CREATE VIEW v AS SELECT a.*, count(*) OVER () AS n FROM a GROUP BY a.id",
    "CREATE MATERIALIZED VIEW m AS SELECT t, id FROM v",
    "CREATE UNIQUE INDEX ON m (id)",
    # It needs the primary key, so it comes after the tables' indexes, and its own index after it.
    "CREATE MATERIALIZED VIEW late AS SELECT a.*, count(*) AS n FROM a GROUP BY a.id",
    "CREATE UNIQUE INDEX ON late (id)",
    "CREATE MATERIALIZED VIEW m_of_m AS SELECT count(*) FROM m",
    "CREATE RULE r AS ON DELETE TO no_columns DO INSTEAD NOTHING",
    'CREATE SEQUENCE other."Facture \' 2026" START 10 INCREMENT 5',
    "SELECT nextval('other.\"Facture '' 2026\"'), nextval('other.\"Facture '' 2026\"')",
    "CREATE SEQUENCE never_called START 44",
    "COMMENT ON TABLE a IS 'a table'",
    "COMMENT ON COLUMN a.t IS 'a column'",
    "COMMENT ON CONSTRAINT a_pkey ON a IS 'a key'",
    "CREATE STATISTICS st ON id, t FROM a",
    "ALTER TABLE b ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY p ON b USING (id > 0)",
    "SELECT lo_from_bytea(11, '\\x00ff00'), lo_from_bytea(12, ''), lo_from_bytea(13, convert_to(repeat('x', 3000000), 'UTF8'))",
)
AS_SUPERUSER = (
    "CREATE FUNCTION on_event() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$",
    "CREATE EVENT TRIGGER watch ON ddl_command_end WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION on_event()",
    "CREATE PUBLICATION pub FOR TABLE a",
    "GRANT SELECT ON a TO erp_backup",
    "GRANT UPDATE (t) ON a TO erp_backup",
    "REVOKE ALL ON FUNCTION stamp() FROM PUBLIC",
)


def test_everything_that_a_database_may_hold_comes_back(
    postgres: Cluster, object_store: Store, tmp_path: pathlib.Path
) -> None:
    database = postgres.empty_database()
    with database.connect() as connection:
        for statement in EVERYTHING:
            connection.execute(statement.encode())
    with postgres.as_superuser(database.name).connect() as connection:
        for statement in AS_SUPERUSER:
            connection.execute(statement.encode())
        # What the owner may not make would come back as the superuser's.
        connection.execute("ALTER FUNCTION on_event() OWNER TO dolibarr")
    point = made(scene_of(postgres, database, object_store, tmp_path), postgres)
    assert point.check() == []
    restored = point.restore()
    assert restored.messages == ()
    assert point.compare(restored) == []
    assert restores.contents(postgres, NAME) == restores.contents(postgres, database.name)
    # PostgreSQL writes this expression differently once it has read it back, in every restore.
    before, after = (
        restores.definitions(postgres, name).replace("(status)::text = ANY", "").split("\n")
        for name in (database.name, NAME)
    )
    assert [line for line in before if "'x'::" not in line] == [line for line in after if "'x'::" not in line]
    privileges = "SELECT relname, relacl::text FROM pg_class WHERE relacl IS NOT NULL AND relnamespace = 'public'::regnamespace ORDER BY 1"
    assert postgres.as_superuser(NAME).execute(privileges) == postgres.as_superuser(database.name).execute(privileges)

    postgres.drop(NAME)
    restored = point.restore(skip_functions=("user_lookup",))
    assert restored.skipped == ("function public.user_lookup(text)",)
    functions = "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1"
    assert postgres.as_superuser(NAME).execute(functions) == [("on_event",), ("stamp",)]
    options = restores.options(postgres.as_superuser(NAME))
    without = restores.target(postgres, skip_functions=("user_lookup",))
    assert compare_database(options, point.manifest, restored.contents, without) == []
    assert point.compare(restored) == ["schema function public.user_lookup(text) is missing"]
    postgres.drop(database.name)


# Random schemas

TEXT = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "smallint": st.integers(-(2**15), 2**15 - 1),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "numeric(24,8)": st.decimals(-(10**15), 10**15, places=8),
    "numeric": st.decimals(allow_infinity=False, allow_nan=False).map(str),
    "real": st.floats(width=32).map(str),
    "double precision": st.floats().map(str),
    "varchar(40)": st.text(TEXT, max_size=40),
    "character(3)": st.text(TEXT, max_size=3),
    "text": st.text(TEXT),
    "boolean": st.booleans(),
    "date": st.dates(),
    "timestamp without time zone": st.datetimes(),
    "timestamp with time zone": st.datetimes(timezones=st.just(UTC)),
    "bytea": st.binary(),
    "json": st.just('{"a": [1,  2], "é": null}'),
    "integer[]": st.lists(st.integers(0, 9)),
}


@st.composite
def schemas(draw: st.DrawFn) -> dict[str, tuple[list[str], list[list[Any]]]]:
    """Tables: the types of their columns and their rows."""
    names = st.text(string.ascii_letters + " é.\"'\\$;-", min_size=1, max_size=12)
    tables = {}
    for name in draw(st.lists(names, unique=True, min_size=1, max_size=4)):
        kinds = draw(st.lists(st.sampled_from(sorted(SCALARS)), min_size=1, max_size=8))
        row = st.tuples(*(st.none() | SCALARS[kind] for kind in kinds)).map(list)
        tables[name] = (kinds, draw(st.lists(row, max_size=12)))
    return tables


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(tables=schemas())
def test_any_schema_comes_back(
    tables: dict[str, tuple[list[str], list[list[Any]]]], postgres: Cluster, moto: Store, tmp_path: pathlib.Path
) -> None:
    database = postgres.empty_database()
    with database.connect() as connection:
        for name, (kinds, rows_of_it) in tables.items():
            table = sql.Identifier(name)
            columns = sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(f"c{number}"), sql.SQL(kind))
                for number, kind in enumerate(kinds)
            )
            connection.execute(sql.SQL("CREATE TABLE {} ({})").format(table, columns))
            values = sql.SQL(", ").join(sql.SQL("%s::{}").format(sql.SQL(kind)) for kind in kinds)
            for row in rows_of_it:
                connection.execute(sql.SQL("INSERT INTO {} VALUES ({})").format(table, values), row)
    point = made(scene_of(postgres, database, moto.fresh(), tmp_path), postgres)
    restored = point.restore()
    assert restored.messages == ()
    assert point.compare() == []
    assert restores.contents(postgres, NAME) == restores.contents(postgres, database.name)
    postgres.drop(NAME)
    postgres.drop(database.name)


# Damage


def damaged(point: Point, body: bytes) -> Manifest:
    """The manifest of a dump whose object was changed afterwards; it says what the object was before."""
    key = point.scene.bucket.part(point.manifest.data, "database")
    other = f"{key}.changed"
    point.scene.bucket.write(other, body)
    dump = next(dict(item) for item in point.manifest.data["objects"] if item["part"] == "database")
    return restores.changed(point.manifest, "objects", to=[{**dump, "key": other}])


def test_every_flipped_bit_is_found_and_leaves_nothing(small: Point) -> None:
    dice = random.Random(20261120)
    whole = small.scene.bucket.read(small.scene.bucket.part(small.manifest.data, "database"))
    # In frames of 32 KiB, so that many are found when the database is there already.
    cut = restores.with_dump(small.manifest, small.scene.bucket, unpacked(whole), 32 << 10)
    framed = small.scene.bucket.read(small.scene.bucket.part(cut.data, "database"))
    before = restores.databases(small.cluster)
    found_late = 0
    for body, manifest, times in ((whole, small.manifest, 40), (framed, cut, 20)):
        for _number in range(times):
            place = dice.randrange(len(body))
            flipped = bytearray(body)
            flipped[place] ^= 1 << dice.randrange(8)
            point = dataclasses.replace(small, manifest=manifest)
            changed = damaged(point, bytes(flipped))
            progress = Watched()
            with pytest.raises(ErpError, match=r"db/\w+\.dump\.zst\.changed is (damaged|not the dump)"):
                restore_database(connect(small.scene.store), changed, restores.target(small.cluster), NAME, progress)
            found_late += "database: rows" in progress.phases
            assert restores.databases(small.cluster) == before
    assert found_late > 5


class Watched(Progress):
    """Remembers its phases."""

    def __init__(self) -> None:
        super().__init__()
        self.phases: list[str] = []

    def phase(self, name: str) -> None:
        self.phases.append(name)
        super().phase(name)


@pytest.mark.parametrize("frame", [32 << 10, 1 << 20])
@pytest.mark.parametrize("percent", [0, 10, 60, 99])
def test_a_dump_that_ends_early_is_found_and_leaves_nothing(percent: int, frame: int, small: Point) -> None:
    archive = unpacked(small.scene.bucket.read(small.scene.bucket.part(small.manifest.data, "database")))
    before = restores.databases(small.cluster)
    short = restores.with_dump(small.manifest, small.scene.bucket, archive[: len(archive) * percent // 100], frame)
    # Whole frames that end too early, of an object that is not the one in the manifest.
    mine = next(item for item in small.manifest.data["objects"] if item["part"] == "database")
    theirs = next(item for item in short.data["objects"] if item["part"] == "database")
    manifest = restores.changed(small.manifest, "objects", to=[{**mine, "key": theirs["key"]}])
    with pytest.raises(ErpError, match=f"{theirs['key']} (is not the dump|does not begin with a list of contents)"):
        small.restore(manifest=manifest)
    assert restores.databases(small.cluster) == before


def test_a_missing_dump_is_named(small: Point) -> None:
    manifest = restores.changed(
        small.manifest, "objects", to=[{"part": "database", "key": "db/gone.dump.zst", "size": 1, "sha256": ""}]
    )
    for attempt in (small.restore, small.check):
        with pytest.raises(ErpError, match="Cannot read s3://.*/db/gone.dump.zst: there is no such object"):
            attempt(manifest=manifest)
    with pytest.raises(ErpError, match="names no dump: choose another one"):
        small.restore(manifest=restores.changed(small.manifest, "objects", to=[]))


# A pg_restore that lies


def test_a_pg_restore_that_leaves_out_a_table_and_reports_success_is_found_out(
    small: Point, tmp_path: pathlib.Path
) -> None:
    script = (
        'for word in "$@"; do case "$word" in --use-list=*) list="${word#*=}";; esac; done\n'
        'if [ -n "$list" ]; then grep -v " llx_paiement " "$list" > "$list.less"; cat "$list.less" > "$list"; rm "$list.less"; fi\n'
        '"$REAL" "$@" 2>/dev/null; exit 0'
    )
    bindir = restores.programs_with(tmp_path / "bin", small.cluster.bin_dir, script)
    restored = small.restore(bindir=str(bindir))
    assert restored.messages == ()
    differences = small.compare()
    assert "table public.llx_paiement is missing" in differences
    assert any(found.startswith("figure customer_payments.count is") for found in differences)
    assert "schema table public.llx_paiement is missing" in small.compare(restored)


def test_a_pg_restore_that_leaves_out_what_is_no_row_is_found_out(small: Point, tmp_path: pathlib.Path) -> None:
    script = (
        'for word in "$@"; do case "$word" in --use-list=*) list="${word#*=}";; esac; done\n'
        'case "$*" in *"$WHERE"*) ;; *) list=;; esac\n'
        'if [ -n "$list" ]; then grep -v "{}" "$list" > "$list.less"; cat "$list.less" > "$list"; rm "$list.less"; fi\n'
        '"$REAL" "$@"; exit 0'
    )
    for number, (pattern, where, found) in enumerate(
        (
            ("SEQUENCE SET", "--dbname", "sequence public.llx_bank_rowid_seq is [1, False] instead of [12, True]"),
            ("SEQUENCE SET", "--file", "number of sequences that pg_restore reads is 0 instead of 1"),
            ("CONSTRAINT", "--dbname", "schema constraint public.llx_bank llx_bank_pkey is missing"),
            ("TABLE DATA public llx_bank ", "--file", "table public.llx_bank is [0, '0000000000000000'] instead of"),
        )
    ):
        lie = script.replace("{}", pattern).replace("$WHERE", where)
        bindir = restores.programs_with(tmp_path / f"bin{number}", small.cluster.bin_dir, lie)
        restored = small.restore(bindir=str(bindir))
        assert any(difference.startswith(found) for difference in small.compare(restored)), pattern
        small.cluster.drop(NAME)


def test_a_pg_restore_that_reports_failure_although_all_is_there_is_not_believed(
    small: Point, tmp_path: pathlib.Path
) -> None:
    script = '"$REAL" "$@"; code=$?; case "$*" in *--list*|*--version*) exit $code;; esac; echo "pg_restore: error: lost" >&2; exit 1'
    bindir = restores.programs_with(tmp_path / "bin", small.cluster.bin_dir, script)
    restored = small.restore(bindir=str(bindir))
    assert "lost" in restored.messages
    assert small.compare(restored) == []


def test_what_pg_restore_complained_about_is_kept(small: Point, tmp_path: pathlib.Path) -> None:
    script = '"$REAL" "$@" | sed "s/^COPY public.llx_bank /COPY public.nothing /"'
    bindir = restores.programs_with(tmp_path / "bin", small.cluster.bin_dir, script)
    restored = small.restore(bindir=str(bindir))
    (message,) = restored.messages
    assert message.endswith('FROM stdin; relation "public.nothing" does not exist')
    assert any("table public.llx_bank is [0" in found for found in small.compare())


def test_a_pg_restore_that_is_killed_is_found_out(small: Point, tmp_path: pathlib.Path) -> None:
    script = 'case "$*" in *--file=-*TABLE*) ;; *--file=-*) "$REAL" "$@" | head -c 30000; kill -9 $$;; esac\nexec "$REAL" "$@"'
    bindir = restores.programs_with(tmp_path / "bin", small.cluster.bin_dir, script)
    restored = small.restore(bindir=str(bindir))
    assert any("The dump ends among the rows of a table" in message for message in restored.messages)
    assert small.compare() != []


def test_a_session_that_is_lost_fails_the_restore_and_leaves_nothing(
    small: Point, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = restores.databases(small.cluster)
    load = rows.Loader._load

    def lost(self: rows.Loader, connection: psycopg.Connection[Any]) -> None:
        connection.execute("SELECT 1")
        small.cluster.admin.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
        load(self, connection)

    monkeypatch.setattr(rows.Loader, "_load", lost)
    with pytest.raises(ErpError, match="^Cannot load rows into the database restored on "):
        small.restore()
    assert restores.databases(small.cluster) == before


# Versions


def of_version_15(point: Point) -> Manifest:
    """The same restore point, dumped by version 15: its digests are those of every version."""
    manifest = restores.with_dump(point.manifest, point.scene.bucket, DUMP.read_bytes())
    for name in ("postgresql", "pg_dump"):
        manifest = restores.changed(manifest, "versions", name, to="15.18")
    return manifest


def test_a_dump_of_15_is_restored_into_18(sample: Point) -> None:
    old = dataclasses.replace(sample, manifest=of_version_15(sample))
    assert old.check() == []
    restored = old.restore()
    assert old.compare() == []
    assert old.compare(restored) == []


def test_a_dump_of_15_is_restored_into_16_and_one_of_18_is_not(sample: Point) -> None:
    with embedded_cluster(16) as older:
        old = dataclasses.replace(sample, manifest=of_version_15(sample), cluster=older)
        assert old.check() == []
        restored = old.restore()
        assert old.compare(restored) == []
        assert restores.contents(older, NAME) == restores.contents(sample.cluster, sample.scene.database.name)
        older.drop(NAME)

        point = dataclasses.replace(sample, cluster=older)
        (problem,) = point.check(bindir=str(sample.cluster.bin_dir))
        assert problem.startswith("The server 127.0.0.1:")
        assert f"is PostgreSQL 16 and the dump of {point.manifest.id} is of 18: restore it into version 18" in problem
        for attempt in (point.check, point.restore):
            with pytest.raises(ErpError) as caught:
                attempt()
            assert caught.match(r"was made by pg_dump 18\.\d+ and there is no pg_restore that new in .*pginstall/bin")


# The preflight


def test_a_role_without_the_rights_is_told_so_and_nothing_is_changed(postgres: Cluster, small: Point) -> None:
    before = restores.databases(postgres)
    with restores.role(postgres, "poor") as poor:
        where = restores.target(postgres, poor)
        found = check_target(connect(small.scene.store), small.manifest, where, NAME)
        expected = [
            "may not create databases on the server .*: ALTER ROLE poor CREATEDB",
            "is not a member of dolibarr",
        ]
        for problem, sentence in zip(found.problems, expected, strict=True):
            assert_matches(problem, sentence)
        assert_matches(found.unknown[0], UNKNOWN)
        with pytest.raises(
            ErpError, match="The role poor may not create the database restored on .*: grant it CREATEDB"
        ):
            small.restore(target=where)
    assert restores.databases(postgres) == before


def assert_matches(sentence: str, pattern: str) -> None:
    assert re.search(pattern, sentence), sentence


def test_an_admin_who_is_no_superuser_restores_for_the_owner(postgres: Cluster, small: Point) -> None:
    with restores.role(postgres, "creator", f"CREATEDB IN ROLE {OWNER}") as creator:
        where = restores.target(postgres, creator)
        assert check_target(connect(small.scene.store), small.manifest, where, NAME).problems == ()
        restored = small.restore(target=where)
        assert restored.messages == ()
        assert small.compare(restored) == []
        owners = "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE oid >= 16384"
        assert postgres.as_superuser(NAME).execute(owners) == [(OWNER,)]
        postgres.drop(NAME)


def test_an_owner_that_does_not_exist_is_told(small: Point) -> None:
    (problem,) = small.check(owner="nobody_here")
    assert_matches(problem, "^There is no role nobody_here on the server .* to own the database: create it.$")
    before = restores.databases(small.cluster)
    with pytest.raises(ErpError, match='Cannot create the database restored .*role "nobody_here" does not exist'):
        small.restore(owner="nobody_here")
    assert restores.databases(small.cluster) == before


def test_a_database_that_is_not_ours_is_left_alone(small: Point) -> None:
    small.cluster.admin.execute(f"CREATE DATABASE {NAME} OWNER {OWNER} TEMPLATE template0")
    small.restore()  # nothing was in it
    small.cluster.admin.execute(f"COMMENT ON DATABASE {NAME} IS 'mine'")
    (problem,) = small.check()
    assert_matches(problem, f"^The database {NAME} exists already on the server .*: drop or rename it.$")
    with pytest.raises(
        Refused, match=f"The database {NAME} on .* exists already: drop or rename it, nothing was changed"
    ):
        small.restore()
    assert small.compare() == []


def test_a_name_that_is_too_long_is_told(small: Point) -> None:
    found = check_target(connect(small.scene.store), small.manifest, restores.target(small.cluster), "é" * 32)
    assert_matches(found.problems[0], "has more than 63 bytes: choose a shorter one")


def test_a_missing_extension_and_a_missing_role_are_told(
    postgres: Cluster, object_store: Store, tmp_path: pathlib.Path
) -> None:
    database = postgres.empty_database()
    database.execute("CREATE TABLE t (id int)")
    with restores.role(postgres, "auditor"):
        database.execute("GRANT SELECT ON t TO auditor, erp_backup")
        database.execute("ALTER TABLE t ENABLE ROW LEVEL SECURITY")
        postgres.as_superuser(database.name).execute("CREATE EXTENSION vector SCHEMA public")
        postgres.as_superuser(database.name).execute("COMMENT ON EXTENSION vector IS 'ours'")
        point = made(scene_of(postgres, database, object_store, tmp_path), postgres)
        assert point.check() == []
        restored = point.restore()
        assert restored.messages == ()
        assert point.compare(restored) == []
        postgres.drop(NAME)
        postgres.as_superuser(database.name).execute("DROP OWNED BY auditor")
    try:
        (problem,) = point.check()
        assert_matches(problem, "^The dump gives rights to the role auditor and the server .* has none: create it, or")
        assert point.check(privileges=False) == []
        restored = point.restore()
        assert restored.roles_missing == ("auditor",)
        assert restored.messages == ()
        granted = (
            "SELECT grantee FROM information_schema.role_table_grants WHERE table_name = 't' AND grantee <> 'dolibarr'"
        )
        assert postgres.as_superuser(NAME).execute(granted) == [("erp_backup",)]
        postgres.drop(NAME)
        point.restore(privileges=False)
        assert postgres.as_superuser(NAME).execute(granted) == []
    finally:
        postgres.drop(database.name)


def test_an_extension_that_the_server_does_not_have_is_told(small: Point, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = archive.Entry(1, "EXTENSION", "-", "unaccent", "1; 3079 16388 EXTENSION - unaccent ")
    contents = target.read_head(connect(small.scene.store), small.manifest, str(small.cluster.bin_dir / "pg_restore"))
    contents = dataclasses.replace(contents, entries=(*contents.entries, entry))
    monkeypatch.setattr(target, "read_head", lambda *_words: contents)
    (problem,) = small.check()
    assert_matches(problem, "^The dump needs the extension unaccent and the server .* has none: install its package")


def test_free_space_is_compared_where_it_can_be_seen(small: Point, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(**changes: Any) -> tuple[str, ...]:
        where = restores.target(small.cluster, **changes)
        return check_target(connect(small.scene.store), small.manifest, where, NAME).unknown

    assert unknown() == ()
    large = restores.changed(small.manifest, "database", "archive_bytes", to=1 << 60)
    (problem,) = small.check(large)
    assert_matches(
        problem, "^The server .* has [0-9]+ MiB free and about 1649267441664 MiB are needed: free space there"
    )
    monkeypatch.setattr(target, "is_loopback", lambda _address: False)
    assert_matches(unknown()[0], UNKNOWN)
    assert small.check(large) == []


# A comparison


def test_every_difference_is_found(small: Point) -> None:
    small.restore()
    database = small.cluster.as_superuser(NAME)
    assert small.compare() == []
    for statement, expected in {
        "UPDATE llx_const SET value = value || 'x' WHERE name = 'MAIN_LANG_DEFAULT'": "table public.llx_const is ",
        "UPDATE llx_facture SET total_ttc = total_ttc + 0.01 WHERE rowid = 1": "figure customer_invoices.by_month.",
        "DELETE FROM llx_user WHERE rowid = (SELECT max(rowid) FROM llx_user)": "table public.llx_user is ",
        "CREATE TABLE more (id int)": "table public.more is not in the restore point",
        "DROP TABLE llx_cronjob": "figure llx_tables is ",
    }.items():
        database.execute(statement)
        assert any(found.startswith(expected) for found in small.compare()), statement
    assert any(found.startswith("schema digest is ") for found in small.compare())


def test_statistics_are_gathered_where_the_server_does_not_do_it(small: Point) -> None:
    known = "SELECT count(*) FROM pg_stats WHERE tablename = 'llx_facture'"
    small.cluster.admin.execute("ALTER SYSTEM SET autovacuum TO off")
    try:
        small.cluster.admin.execute("SELECT pg_reload_conf()")
        while small.cluster.admin.execute("SHOW autovacuum") != [("off",)]:
            time.sleep(0.01)
        small.restore()
        assert small.cluster.as_superuser(NAME).execute(known)[0][0] > 0
    finally:
        small.cluster.admin.execute("ALTER SYSTEM RESET autovacuum")
        small.cluster.admin.execute("SELECT pg_reload_conf()")


def test_digests_of_another_kind_are_not_compared(small: Point) -> None:
    manifest = restores.changed(small.manifest, "database", "digest_algorithm", to="rowhash128")
    options = restores.options(small.scene.database)
    with pytest.raises(ErpError, match="are made by rowhash128, which is not known here: update the collection"):
        compare_database(options, manifest)
