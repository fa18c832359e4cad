# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Content digests: the same content gives the same digest on every server, any other content another one."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.postgres import digests
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import (
    DatabaseOptions,
    apply_session_settings,
)
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.digests import durable_change
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.snapshot import Snapshot, open_snapshot
from tests.support.databases import Cluster, Database, embedded_cluster, load_dump


@pytest.fixture(scope="module")
def postgres_16() -> Iterator[Cluster]:
    """An older server beside the one of all tests."""
    with embedded_cluster(16) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def shared(postgres: Cluster) -> Iterator[Database]:
    """One database for all tests of this file."""
    database = postgres.empty_database()
    yield database
    postgres.drop(database.name)


@pytest.fixture
def database(shared: Database) -> Iterator[Database]:
    """The same with nothing but an empty schema ``t``."""
    shared.execute("CREATE SCHEMA t")
    yield shared
    shared.execute("DROP SCHEMA t CASCADE")


def options(database: Database) -> DatabaseOptions:
    return DatabaseOptions(database.host, database.port, database.name, database.user, database.password)


def content(database: Database) -> dict[str, list[Any]]:
    """Rows and digest of every table, as a manifest has them."""
    with open_snapshot(options(database), None) as snapshot:
        found = digests.digest_tables(snapshot, digests.list_tables(snapshot))
        return {name: digest.to_json() for name, digest in found.items()}


def schema(database: Database) -> str:
    with open_snapshot(options(database), None) as snapshot:
        return digests.digest_schema(snapshot)


EVERY_TYPE = """
CREATE TYPE t.mood AS ENUM ('bon', 'mauvais', 'moyen');
CREATE DOMAIN t.siren AS varchar(9);
CREATE TYPE t.pair AS (a int, b text);
CREATE TYPE t.date AS ENUM ('jamais', 'toujours');
CREATE TABLE t.x (
    id int PRIMARY KEY, small smallint, big bigint, exact numeric(24,8), free numeric, single real, double double precision,
    short varchar(20), long text, fixed char(5), plain bpchar, stamp timestamp, zoned timestamptz, day date, hour time,
    zoned_hour timetz, span interval, blob bytea, flag boolean, id2 uuid, document json, binary_document jsonb, price money,
    address inet, numbers int[], words text[], mood t.mood, siren t.siren, pair t.pair, span_of_days daterange,
    vector tsvector, spot point, bits bit varying, tiny "char", catalogue_name name, object oid, class regclass, own_date t.date
);
INSERT INTO t.x VALUES (
    1, 1, 1, 1.5, 1.0, 1.5, 1.5, 'court', 'Long texte', 'ab', 'ab ', '2026-11-20 04:00:00.123456',
    '2026-11-20 04:00:00.123456+01', '2026-11-20', '04:00', '04:00+01', '1 mon 2 days 03:04:05', '\\x00ff10', true,
    '00000000-0000-0000-0000-000000000001', '{"a": 1,  "b": 2}', '{"a": 1}', 12.34, '10.0.0.1', '{1,2,NULL}', '{a,NULL,"b c"}',
    'bon', '123456789', '(1,b)', '[2026-01-01,2026-12-31)', 'a b', '(1.5,2.5)', '1010', 'x', 'name', 1, 't.x', 'jamais'
);
INSERT INTO t.x (id) VALUES (2);
INSERT INTO t.x (id, single, double, free, long, fixed) VALUES (3, 'NaN', '-Infinity', 'NaN', '', '');
"""


def test_equal_content_in_another_order_has_the_same_digest(database: Database) -> None:
    database.execute("CREATE TABLE t.x AS SELECT g id, md5(g::text) v FROM generate_series(1, 1000) g")
    before = content(database)
    database.execute("CREATE TABLE t.y AS SELECT * FROM t.x ORDER BY v")
    database.execute("UPDATE t.x SET v = v WHERE id % 3 = 0")
    database.execute("VACUUM FULL t.y")
    after = content(database)
    assert after["t.x"] == before["t.x"] == after["t.y"]
    assert after["t.x"][0] == 1000


@pytest.mark.parametrize(
    "settings_of_role",
    [
        {"datestyle": "'German, DMY'"},
        {"datestyle": "'SQL, MDY'"},
        {"intervalstyle": "iso_8601"},
        {"timezone": "'America/New_York'"},
        {"extra_float_digits": "-15"},
        {"extra_float_digits": "0"},
        {"bytea_output": "escape"},
        {"search_path": "t, public"},
        {"xmloption": "document"},
        {"client_encoding": "LATIN1"},
        {"quote_all_identifiers": "on"},
        {"row_security": "on"},
        {"lc_monetary": "'C.UTF-8'"},
        {"standard_conforming_strings": "off"},
        {"default_transaction_isolation": "serializable"},
        {"default_transaction_read_only": "on"},
        {"enable_seqscan": "off"},
        {"work_mem": "'64kB'"},
    ],
    ids=lambda value: " ".join(f"{name}={setting}" for name, setting in value.items()),
)
def test_settings_of_the_role_do_not_matter(settings_of_role: dict[str, str], database: Database) -> None:
    with database.connect() as connection:
        connection.execute(EVERY_TYPE.encode())
        connection.execute("CREATE VIEW t.v AS SELECT id, 'a\\b' AS b FROM t.x WHERE stamp > '2026-01-02'")
    before = content(database), schema(database)
    scope = f'ALTER ROLE "{database.user}" IN DATABASE "{database.name}"'
    for name, value in settings_of_role.items():
        database.execute(f"{scope} SET {name} = {value}")
    try:
        assert (content(database), schema(database)) == before
    finally:
        # In a session of its own, for the setting may forbid to write.
        with database.connect(options="-c default_transaction_read_only=off") as connection:
            connection.execute(f"{scope} RESET ALL".encode())


def test_timeouts_of_the_role_do_not_end_the_snapshot(database: Database) -> None:
    scope = f'ALTER ROLE "{database.user}" IN DATABASE "{database.name}"'
    for name in ("statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout", "lock_timeout"):
        database.execute(f"{scope} SET {name} = '300ms'")
    try:
        with open_snapshot(options(database), None) as snapshot:
            time.sleep(0.5)
            snapshot.connection.execute("SELECT pg_sleep(0.5)")
            snapshot.check_alive()
    finally:
        database.execute(f"{scope} RESET ALL")


CHANGES = {
    "small": "2",
    "big": "2",
    "exact": "1.50000001",
    "free": "1.00",  # equal to 1.0, and yet written otherwise
    "single": "1.5000001",
    "double": "1.5000000000000002",
    "short": "'Court'",
    "long": "'Long texte '",
    "fixed": "'aB'",
    "plain": "'ab'",
    "stamp": "'2026-11-20 04:00:00.123457'",
    "zoned": "'2026-11-20 04:00:00.123456+00'",
    "day": "'2026-11-21'",
    "hour": "'04:00:00.000001'",
    "zoned_hour": "'03:00+00'",
    "span": "'1 mon 2 days 03:04:06'",
    "blob": "'\\x00ff11'",
    "flag": "false",
    "id2": "'00000000-0000-0000-0000-000000000002'",
    "document": '\'{"a": 1, "b": 2}\'',
    "binary_document": "'{\"a\": 1.0}'",
    "price": "12.35",
    "address": "'10.0.0.1/8'",
    "numbers": "'{2,1,NULL}'",
    "words": '\'{a,"NULL","b c"}\'',
    "mood": "'mauvais'",
    "siren": "'123456788'",
    "pair": "'(1,\"b \")'",
    "span_of_days": "'[2026-01-01,2026-12-31]'",
    "vector": "'a c'",
    "spot": "'(1.5,2.4)'",
    "bits": "'10100'",
    "tiny": "'y'",
    "catalogue_name": "'nam'",
    "object": "2",
    "class": "'pg_class'",
    "own_date": "'toujours'",
}


def test_every_change_of_one_value_changes_the_digest(database: Database) -> None:
    with database.connect() as connection:
        connection.execute(EVERY_TYPE.encode())
        seen = {content(database)["t.x"][1]: "before"}
        for column, value in CHANGES.items():
            for new in (value, "NULL"):
                connection.execute("BEGIN")
                connection.execute(f"UPDATE t.x SET {column} = {new} WHERE id = 1".encode())
                connection.execute("COMMIT")
                found = content(database)["t.x"]
                assert found[0] == 3
                assert found[1] not in seen, (column, new, seen[found[1]])
                seen[found[1]] = f"{column} = {new}"
    assert len(CHANGES) == 37  # each column but the key


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("text", "''", "NULL"),
        ("text", "'NULL'", "NULL"),
        ("numeric", "'0'", "'0.0'"),
        ("numeric(10,2)", "0", "NULL"),
        ("double precision", "'0'", "'-0'"),
        ("real", "'0'", "'-0'"),
        ("double precision[]", "'{0}'", "'{-0}'"),
        ("numeric[]", "'{1}'", "'{1.0}'"),
        ("interval", "'1 day'", "'24 hours'"),
        ("timetz", "'00:00+00'", "'01:00+01'"),
        ("jsonb", "'1'", "'1.0'"),
        ("bpchar", "'a'", "'a '"),
        ("char(3)[]", "'{a}'", "'{b}'"),
        ("bytea", "''", "NULL"),
        ("text[]", "'{}'", "NULL"),
        ("text[]", "'{NULL}'", "'{\"\"}'"),
        ("int[]", "'[0:1]={1,2}'", "'[1:2]={1,2}'"),
        ("inet", "'10.0.0.1'", "'10.0.0.1/24'"),
        ("point", "'(0,0)'", "'(-0,0)'"),
        ("t.padded", "'a'", "'a '"),
        ("t.real", "'0'", "'-0'"),
    ],
)
def test_values_that_count_as_equal_are_told_apart(kind: str, one: str, other: str, database: Database) -> None:
    database.execute("CREATE DOMAIN t.padded AS bpchar")
    database.execute("CREATE DOMAIN t.real AS real")
    database.execute(f"CREATE TABLE t.x (v {kind})")
    database.execute(f"INSERT INTO t.x VALUES ({one})")
    before = content(database)["t.x"]
    database.execute(f"UPDATE t.x SET v = {other}")
    assert content(database)["t.x"] != before
    database.execute(f"UPDATE t.x SET v = {one}")
    assert content(database)["t.x"] == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("(1, 10, 20), (2, 30, 40)", "(1, 30, 20), (2, 10, 40)"),  # exchanged between two rows
        ("(1, 10, 20), (2, 30, 40)", "(1, 20, 10), (2, 30, 40)"),  # exchanged between two columns
        ("(1, 10, 20), (2, 30, 40)", "(2, 10, 20), (1, 30, 40)"),
        ("(1, 10, NULL)", "(1, NULL, 10)"),
        ("(1, 1, 1), (1, 1, 1)", "(1, 1, 1)"),
        ("(1, 1, 1), (1, 1, 1)", "(2, 2, 2), (2, 2, 2)"),
        ("(1, 1, 1), (2, 2, 2)", "(1, 1, 1), (3, 3, 3)"),
        ("(1, 1, 1), (1, 1, 1), (2, 2, 2)", "(1, 1, 1), (2, 2, 2), (2, 2, 2)"),
        ("(0, 0, 0)", "(NULL, NULL, NULL)"),
    ],
)
def test_every_rearrangement_changes_the_digest(before: str, after: str, database: Database) -> None:
    database.execute(f"CREATE TABLE t.x AS SELECT * FROM (VALUES {before}) v (id, a, b)")
    first = content(database)["t.x"]
    database.execute("TRUNCATE t.x")
    database.execute(f"INSERT INTO t.x VALUES {after}")
    assert content(database)["t.x"] != first


def test_names_may_be_anything(database: Database) -> None:
    with database.connect() as connection:
        for statement in (
            'CREATE TABLE t."%s {0} ""quoted"" é\n\'" ("a%(b)s" int, "{c}" text, "d""e" int, "SELECT" int)',
            'CREATE TABLE t."UPPER" (id int)',
            'CREATE TABLE t."a.b" (id int)',
        ):
            connection.execute(statement.encode())
        connection.execute('INSERT INTO t."%s {0} ""quoted"" é\n\'" VALUES (1, \'x\', 2, 3)'.encode(), None)
    found = content(database)
    assert {name: rows for name, (rows, _digest) in found.items()} == {
        't.%s {0} "quoted" é\n\'': 1,
        "t.UPPER": 0,
        't."a.b"': 0,
    }


def test_names_with_dots_are_not_mistaken_for_each_other(database: Database) -> None:
    with database.connect() as connection:
        connection.execute('CREATE SCHEMA "t.a"')
        connection.execute('CREATE TABLE "t.a".b (id int)')
        connection.execute('CREATE TABLE t."a.b" (id int)')
        connection.execute('INSERT INTO t."a.b" VALUES (1)')
        try:
            assert sorted(rows for rows, _digest in content(database).values()) == [0, 1]
        finally:
            connection.execute('DROP SCHEMA "t.a" CASCADE')


def test_every_kind_of_table_is_counted_once(database: Database) -> None:
    with database.connect() as connection:
        for statement in (
            "CREATE TABLE t.no_columns ()",
            "INSERT INTO t.no_columns DEFAULT VALUES",
            "CREATE TABLE t.parent (id int, v text)",
            "CREATE TABLE t.child (extra int) INHERITS (t.parent)",
            "INSERT INTO t.parent VALUES (1)",
            "INSERT INTO t.child VALUES (2, 'x', 3)",
            "CREATE TABLE t.parted (id int) PARTITION BY HASH (id)",
            "CREATE TABLE t.parted_0 PARTITION OF t.parted FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
            "CREATE TABLE t.parted_1 PARTITION OF t.parted FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
            "INSERT INTO t.parted SELECT generate_series(1, 10)",
            "CREATE TABLE t.generated (a int, b int GENERATED ALWAYS AS (a * 2) STORED, c int GENERATED ALWAYS AS (a * 3) VIRTUAL)",
            "INSERT INTO t.generated VALUES (1)",
            "CREATE TABLE t.dropped (a int, b int, c int)",
            "ALTER TABLE t.dropped DROP COLUMN b",
            "CREATE UNLOGGED TABLE t.unlogged (id int)",
            "CREATE TABLE t.identity (id int GENERATED ALWAYS AS IDENTITY)",
            "CREATE VIEW t.view AS SELECT * FROM t.parent",
            "CREATE MATERIALIZED VIEW t.materialized AS SELECT * FROM t.parent",
            "CREATE SEQUENCE t.sequence",
            "CREATE TEMPORARY TABLE temporary (id int)",
        ):
            connection.execute(statement.encode())
        assert {name: rows for name, (rows, _digest) in content(database).items()} == {
            "t.child": 1,
            "t.dropped": 0,
            "t.generated": 1,
            "t.identity": 0,
            "t.no_columns": 1,
            "t.parent": 1,
            "t.parted_0": content(database)["t.parted_0"][0],
            "t.parted_1": 10 - content(database)["t.parted_0"][0],
            "t.unlogged": 0,
        }


def test_rows_without_columns_are_counted(database: Database) -> None:
    database.execute("CREATE TABLE t.x ()")
    database.execute("INSERT INTO t.x DEFAULT VALUES")
    one = content(database)["t.x"]
    database.execute("INSERT INTO t.x DEFAULT VALUES")
    two = content(database)["t.x"]
    assert (one[0], two[0]) == (1, 2)


def test_only_changed_tables_are_named(database: Database) -> None:
    for name in ("llx_facture", "llx_const", "llx_user"):
        database.execute(f"CREATE TABLE t.{name} (id int)")
    before = content(database)
    for name in ("llx_facture", "llx_const", "llx_user"):
        database.execute(f"INSERT INTO t.{name} VALUES (1)")
    assert durable_change(before, content(database), frozenset()) == ["t.llx_const", "t.llx_facture", "t.llx_user"]
    assert durable_change(before, content(database), frozenset({"llx_const", "llx_user"})) == ["t.llx_facture"]
    database.execute("DROP TABLE t.llx_facture")
    assert durable_change(before, content(database), frozenset({"llx_const", "llx_user"})) == ["t.llx_facture"]


# After a dump and a restore


def plain_dump(cluster: Cluster, database: Database) -> str:
    """A dump as statements, without the one setting that an older server does not know."""
    dump = subprocess.run(
        [cluster.bin_dir / "pg_dump", "--no-owner"],
        env={**database.environment(), "LC_ALL": "C.UTF-8"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return re.sub(r"^SET transaction_timeout = 0;$", "", dump, flags=re.MULTILINE)


def load(cluster: Cluster, dump: str) -> Database:
    database = cluster.empty_database()
    subprocess.run(
        [cluster.bin_dir / "psql", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1"],
        env={**database.environment(), "LC_ALL": "C.UTF-8"},
        input=dump,
        check=True,
        capture_output=True,
        text=True,
    )
    return database


def test_every_type_has_the_same_digest_after_a_restore_into_16_and_18(
    database: Database, postgres: Cluster, postgres_16: Cluster
) -> None:
    with database.connect() as connection:
        connection.execute(EVERY_TYPE.encode())
        connection.execute("CREATE TABLE t.parted (id int) PARTITION BY HASH (id)")
        connection.execute("CREATE TABLE t.parted_0 PARTITION OF t.parted FOR VALUES WITH (MODULUS 1, REMAINDER 0)")
        connection.execute("INSERT INTO t.parted SELECT generate_series(1, 100)")
    dump = plain_dump(postgres, database)
    assert content(load(postgres, dump)) == content(database)
    assert content(load(postgres_16, dump)) == content(database)


def test_the_sample_has_the_same_digests_on_16_and_18(
    sample_database: Database, postgres: Cluster, postgres_16: Cluster
) -> None:
    older = postgres_16.empty_database()
    load_dump(postgres_16.bin_dir, postgres_16.as_superuser(older.name))
    found = content(older)
    assert len(found) == 277
    assert found == content(sample_database)


# The shape of the database


SHAPES = [
    "ALTER TABLE t.x ADD COLUMN b int",
    "ALTER TABLE t.x DROP COLUMN v",
    "ALTER TABLE t.x RENAME COLUMN v TO w",
    "ALTER TABLE t.x ALTER COLUMN v TYPE varchar(50)",
    "ALTER TABLE t.x ALTER COLUMN v SET NOT NULL",
    "ALTER TABLE t.x ALTER COLUMN v SET DEFAULT 'b'",
    "ALTER TABLE t.x ADD CONSTRAINT c CHECK (id > 0)",
    "ALTER TABLE t.x ADD CONSTRAINT k PRIMARY KEY (id)",
    "CREATE INDEX ON t.x (v)",
    "CREATE TABLE t.y ()",
    "CREATE VIEW t.v AS SELECT id FROM t.x",
    "CREATE SEQUENCE t.s",
    "CREATE FUNCTION t.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION t.g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
    " CREATE TRIGGER g BEFORE INSERT ON t.x FOR EACH ROW EXECUTE FUNCTION t.g()",
    "CREATE TYPE t.e AS ENUM ('a')",
    "CREATE DOMAIN t.d AS int",
    "CREATE SCHEMA t2",
    "SELECT lo_create(0)",
]


@pytest.mark.parametrize("change", SHAPES)
def test_every_change_of_shape_changes_the_digest(change: str, database: Database) -> None:
    database.execute("CREATE TABLE t.x (id int, v varchar(20) DEFAULT 'a')")
    before = schema(database)
    with database.connect(autocommit=False) as connection:
        connection.execute(change.encode())
        shape = digests.digest_schema(in_session(connection, database))
        connection.rollback()
    assert shape != before
    assert schema(database) == before


def in_session(connection: psycopg.Connection[tuple[Any, ...]], database: Database) -> Snapshot:
    """A session that is under way as if it were a snapshot."""
    apply_session_settings(connection)
    return Snapshot(connection, options(database), "", psycopg_now(connection), "18", 18)


def psycopg_now(connection: psycopg.Connection[tuple[Any, ...]]) -> Any:
    row = connection.execute("SELECT now()").fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ("CREATE TYPE t.e AS ENUM ('a', 'b')", "ALTER TYPE t.e RENAME VALUE 'b' TO 'c'"),
        ("CREATE DOMAIN t.d AS varchar(9)", "ALTER DOMAIN t.d ADD CONSTRAINT c CHECK (VALUE <> '')"),
        ("CREATE DOMAIN t.d AS varchar(9)", "ALTER DOMAIN t.d SET DEFAULT 'x'"),
        ("CREATE SEQUENCE t.s", "ALTER SEQUENCE t.s INCREMENT BY 2"),
        ("CREATE VIEW t.v AS SELECT 1 AS a", "CREATE OR REPLACE VIEW t.v AS SELECT 2 AS a"),
        ("CREATE TYPE t.c AS (a int)", "ALTER TYPE t.c ADD ATTRIBUTE b int"),
    ],
)
def test_every_change_of_a_definition_changes_the_digest(before: str, change: str, database: Database) -> None:
    database.execute(before)
    shape = schema(database)
    database.execute(change)
    assert schema(database) != shape


def test_content_and_upkeep_do_not_change_the_shape(database: Database) -> None:
    database.execute("CREATE TABLE t.x (id serial PRIMARY KEY, v text)")
    before = schema(database)
    database.execute("INSERT INTO t.x (v) SELECT 'a' FROM generate_series(1, 100)")
    for statement in ("ANALYZE t.x", "VACUUM FULL t.x", "REINDEX TABLE t.x"):
        database.execute(statement)
    assert schema(database) == before


# Any rows


VALUES = st.tuples(
    st.none() | st.integers(-3, 3),
    st.none() | st.text("aA \u00e9", max_size=3),
    st.none() | st.just(Decimal("NaN")) | st.decimals(min_value=-2, max_value=2, places=2),
    st.none() | st.sampled_from([0.0, -0.0, 1.0, 1e-300, float("inf"), float("nan")]),
    st.none() | st.lists(st.none() | st.integers(0, 2), max_size=2),
)
ROWS = st.lists(VALUES, max_size=5)


def multiset(rows: list[Any]) -> list[str]:
    """Rows in an order of their own, each value as exact as PostgreSQL keeps it."""
    return sorted(
        repr(tuple(format(v, "f") if isinstance(v, Decimal) and v.is_finite() else v for v in row)) for row in rows
    )


@pytest.fixture(scope="module")
def session(shared: Database) -> Iterator[tuple[Snapshot, digests.Table]]:
    """A session with one table, never committed."""
    with shared.connect(autocommit=False) as connection:
        connection.execute("CREATE SCHEMA any_rows")
        connection.execute("CREATE TABLE any_rows.x (a int, b text, c numeric, d float8, e int[])")
        snapshot = in_session(connection, shared)
        (table,) = [table for table in digests.list_tables(snapshot) if table.schema == "any_rows"]
        yield snapshot, table
        connection.rollback()


def digest_of(session: tuple[Snapshot, digests.Table], rows: list[Any]) -> list[Any]:
    snapshot, table = session
    snapshot.connection.execute("DELETE FROM any_rows.x")
    with snapshot.connection.cursor() as cursor:
        cursor.executemany("INSERT INTO any_rows.x VALUES (%s, %s, %s, %s, %s::int[])", rows)
    return digests.digest_tables(snapshot, (table,))["any_rows.x"].to_json()


@settings(
    max_examples=150,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(one=[(1, "a", None, None, None)], other=[(1, "a", None, 0.0, None)])
@given(one=ROWS, other=ROWS)
def test_digests_are_equal_when_and_only_when_the_rows_are(
    session: tuple[Snapshot, digests.Table], one: list[Any], other: list[Any]
) -> None:
    same = multiset(one) == multiset(other)
    assert (digest_of(session, one) == digest_of(session, other)) is same


@settings(
    max_examples=50,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=st.lists(VALUES, min_size=2, max_size=5), data=st.data())
def test_one_value_more_or_less_is_seen(
    session: tuple[Snapshot, digests.Table], rows: list[Any], data: st.DataObject
) -> None:
    before = digest_of(session, rows)
    assert digest_of(session, data.draw(st.permutations(rows))) == before
    number = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, 4))
    other = data.draw(VALUES)[column]
    changed = [list(row) for row in rows]
    changed[number][column] = other
    same = multiset([tuple(row) for row in changed]) == multiset(rows)
    assert (digest_of(session, [tuple(row) for row in changed]) == before) is same
