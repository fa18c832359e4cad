# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dump: whole or not at all, of one instant, and never by a program that is too old."""

from __future__ import annotations

import pathlib
import random
import subprocess
from collections.abc import Iterator

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.postgres import connection, dump
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import DatabaseError, DatabaseOptions
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.digests import digest_tables, list_tables
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.dump import ArchiveCheck
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.snapshot import open_snapshot
from tests.support.databases import Cluster, Database, load_dump
from tests.support.restore_points import Scene, programs, unpacked
from tests.support.stores import Store


@pytest.fixture(scope="module")
def sample(postgres: Cluster) -> Iterator[Database]:
    """One copy of the sample for the tests that only read it."""
    database = postgres.sample_database()
    yield database
    postgres.drop(database.name)


@pytest.fixture
def scene(postgres: Cluster, sample: Database, object_store: Store, tmp_path: pathlib.Path) -> Scene:
    """The sample with one document."""
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "note.txt").write_text("a document")
    return Scene(sample, object_store, documents, postgres.bin_dir)


def archive_of(cluster: Cluster, database: Database) -> bytes:
    """The bytes that pg_dump writes."""
    command = [str(cluster.bin_dir / "pg_dump"), "--format=custom", "--compress=0"]
    return subprocess.run(
        command, env={**database.environment(), "LC_ALL": "C"}, check=True, capture_output=True
    ).stdout


@pytest.fixture(scope="module")
def archive(postgres: Cluster, sample: Database) -> bytes:
    return archive_of(postgres, sample)


def check(bin_dir: pathlib.Path, archive: bytes, block: int = 64 << 10) -> None:
    """Let the check see an archive piece by piece."""
    seen = ArchiveCheck(str(bin_dir / "pg_restore"))
    for start in range(0, len(archive), block):
        seen.feed(archive[start : start + block])
    seen.finish()


# An archive that ends early


@pytest.mark.parametrize("block", [1 << 20, 50_001, 7_777])
def test_a_whole_archive_is_accepted_however_it_arrives(block: int, postgres: Cluster, archive: bytes) -> None:
    check(postgres.bin_dir, archive, block)


def test_an_archive_that_ends_anywhere_before_its_end_is_refused(postgres: Cluster, archive: bytes) -> None:
    dice = random.Random(20261120)
    marks = [0, 1, 5, 100, *(len(archive) - short for short in (1, 2, 4, 5, 6, 10, 11, 100))]
    tables = [place for place in range(len(archive) - 16) if archive.startswith(b"\0" * 5 + b"\1\0", place)]
    assert len(tables) > 200
    # After the end of a table, where nothing but the number of tables tells.
    marks += [place + 5 for place in dice.sample(tables, 15)] + [place + 16 for place in dice.sample(tables, 5)]
    marks += [len(archive) * percent // 100 for percent in (1, 50, 99)] + [
        dice.randrange(len(archive)) for _number in range(15)
    ]
    for length in marks:
        with pytest.raises(DatabaseError, match="ended early|not a readable archive"):
            check(postgres.bin_dir, archive[:length], max(1, length // 3))


def test_archives_without_data_with_large_objects_and_odd_tables_are_whole(postgres: Cluster) -> None:
    database = postgres.empty_database()
    check(postgres.bin_dir, archive_of(postgres, database))
    for statement in (
        "CREATE SCHEMA s",
        'CREATE TABLE s."a table\nwith; 1 0 1 TABLE DATA" (id int)',
        "CREATE TABLE s.no_columns ()",
        "INSERT INTO s.no_columns DEFAULT VALUES",
        "CREATE TABLE s.empty (id int)",
        "CREATE TABLE s.wide (v text)",
        "INSERT INTO s.wide SELECT repeat('x', 3000000) FROM generate_series(1, 2)",
        "SELECT lo_from_bytea(3, 'the last')",
        "SELECT lo_from_bytea(1, decode(repeat('0000000000010000', 1000), 'hex'))",
        "SELECT lo_from_bytea(2, '')",
    ):
        database.execute(statement)
        whole = archive_of(postgres, database)
        check(postgres.bin_dir, whole)
        for length in (len(whole) // 10, len(whole) - 5, len(whole) - 1):
            with pytest.raises(DatabaseError):
                check(postgres.bin_dir, whole[:length])
    postgres.drop(database.name)


@pytest.mark.parametrize("percent", [1, 50, 99])
@pytest.mark.parametrize("ending", ["status 0", "status 1", "kill -9"])
def test_a_dump_that_ends_early_stores_nothing(
    percent: int, ending: str, scene: Scene, archive: bytes, tmp_path: pathlib.Path
) -> None:
    last = {"status 0": "exit 0", "status 1": "echo pg_dump: error: gave up >&2; exit 1", "kill -9": "kill -9 $$"}
    script = f'"$REAL" "$@" | head -c {len(archive) * percent // 100}; {last[ending]}'
    bindir = programs(tmp_path / "bin", scene.bin_dir, script)
    with pytest.raises(DatabaseError) as caught:
        scene.back_up(pg_bindir=str(bindir))
    expected = {
        "status 0": "The dump .*: run again and check the runner's memory",
        "status 1": r"pg_dump of the database .* ended with status 1 \(pg_dump: error: gave up\): nothing was kept",
        "kill -9": "pg_dump of the database .* was killed by signal 9: nothing was kept, see the server's log",
    }
    assert caught.match(expected[ending])
    assert scene.bucket.keys() == set()
    assert scene.bucket.uploads() == []
    assert scene.back_up().changed
    assert scene.bucket.torn() == []


def test_a_dump_that_fails_after_an_earlier_one_leaves_that_one_alone(scene: Scene, tmp_path: pathlib.Path) -> None:
    scene.back_up()
    before = scene.bucket.sizes()
    bindir = programs(tmp_path / "bin", scene.bin_dir, '"$REAL" "$@" | head -c 100000; exit 0')
    with pytest.raises(DatabaseError, match="The dump"):
        scene.back_up(pg_bindir=str(bindir), full_interval_days=0)
    assert scene.bucket.sizes() == before


def contents(database: Database) -> dict[str, list[object]]:
    options = DatabaseOptions(database.host, database.port, database.name, database.user, database.password)
    with open_snapshot(options, None) as snapshot:
        found = digest_tables(snapshot, list_tables(snapshot))
    return {name: digest.to_json() for name, digest in found.items()}


# One instant


def test_what_is_committed_after_the_snapshot_is_in_nothing(
    postgres: Cluster,
    sample_database: Database,
    object_store: Store,
    sample_documents: pathlib.Path,
    tmp_path: pathlib.Path,
) -> None:
    """An invoice, a payment and a setting are committed by another session before pg_dump reads its first row."""
    meddle = (
        "INSERT INTO llx_facture (ref, entity, fk_soc, datef, total_ht, total_ttc, fk_statut, fk_user_author)"
        " SELECT 'FA9999-9999', 1, rowid, '2026-11-20', 1000, 1200, 1, 1 FROM llx_societe LIMIT 1;"
        " UPDATE llx_bank SET amount = amount + 1; DELETE FROM llx_const;"
    )
    script = f'"$(dirname "$REAL")/psql" -q -c "{meddle}" >&2 || exit 3; exec "$REAL" "$@"'
    bindir = programs(tmp_path / "bin", postgres.bin_dir, script)
    scene = Scene(sample_database, object_store, sample_documents, postgres.bin_dir)
    before = contents(sample_database)
    manifest = scene.back_up(pg_bindir=str(bindir)).manifest
    assert manifest["database"]["tables"] == before
    assert contents(sample_database) != before
    # It is read with zstd and pg_restore alone.
    plain = tmp_path / "erp.dump"
    plain.write_bytes(unpacked(scene.bucket.read(scene.bucket.part(manifest, "database"))))
    assert plain.stat().st_size == manifest["database"]["archive_bytes"]
    copy = postgres.empty_database()
    load_dump(postgres.bin_dir, postgres.as_superuser(copy.name), plain)
    assert contents(copy) == before
    assert "FA9999-9999" not in manifest["business"]["customer_invoices"]["last_numbers"].values()
    assert all(item["ref"] != "FA9999-9999" for item in manifest["evidence"]["exceptions"])
    postgres.drop(copy.name)
    # And the next restore point has it all.
    manifest = scene.back_up().manifest
    assert manifest["database"]["tables"] == contents(sample_database)
    assert manifest["business"]["customer_invoices"]["last_numbers"]["FA"] == "FA9999-9999"
    assert {"kind": "invoice", "ref": "FA9999-9999", "class": "missing"}.items() <= manifest["evidence"]["exceptions"][
        -1
    ].items()


# What pg_dump is


def test_a_pg_dump_older_than_the_server_is_refused_before_anything_is_written(
    scene: Scene, tmp_path: pathlib.Path
) -> None:
    bindir = programs(tmp_path / "bin", scene.bin_dir, 'touch "$0.ran"; exec "$REAL" "$@"', version="15.18")
    with pytest.raises(DatabaseError, match="The server is PostgreSQL 18 and needs a pg_dump of version 18 or newer"):
        scene.back_up(pg_bindir=str(bindir))
    assert scene.bucket.keys() == set()
    assert not (bindir / "pg_dump.ran").exists()


def test_the_password_is_no_argument_of_pg_dump(scene: Scene, tmp_path: pathlib.Path) -> None:
    script = f'tr "\\0" "\\n" </proc/$$/cmdline >"{tmp_path}/argv"; exec "$REAL" "$@"'
    bindir = programs(tmp_path / "bin", scene.bin_dir, script)
    scene.back_up(pg_bindir=str(bindir))
    given = (tmp_path / "argv").read_text()
    assert "--format=custom" in given
    assert scene.database.password not in given


def test_a_table_that_a_migration_holds_is_not_waited_for_all_night(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dump, "LOCK_TIMEOUT", 1)
    monkeypatch.setitem(connection.SESSION_SETTINGS, "lock_timeout", "1s")
    with scene.database.connect(autocommit=False) as other:
        other.execute("LOCK TABLE llx_facture IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(ErpError, match="canceling statement due to .* timeout"):
            scene.back_up()
        other.rollback()
    assert scene.bucket.keys() == set()
    assert scene.back_up().changed
