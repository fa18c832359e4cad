# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers and samples given to all tests are what they say."""

from __future__ import annotations

import pathlib
import tarfile

import psycopg
import pytest
from psycopg import sql

from tests.support.databases import Cluster, Database
from tests.support.paths import DOCUMENTS_TAR, TABLES
from tests.support.stores import Store


def table_counts(database: Database) -> dict[str, int]:
    """Exact row counts of the tables in the schema public."""
    with database.connect() as connection:
        names = [row[0] for row in connection.execute("select tablename from pg_tables where schemaname = 'public'")]
        counts = sql.SQL(" union all ").join(
            sql.SQL("select {}, count(*) from {}").format(name, sql.Identifier(name)) for name in names
        )
        return dict(connection.execute(counts).fetchall())


def expected_counts() -> dict[str, int]:
    rows = [line.split("\t") for line in TABLES.read_text(encoding="utf-8").splitlines()[1:]]
    return {name: int(count) for name, count, _owner in rows}


def test_sample_database_holds_what_was_dumped(sample_database: Database) -> None:
    assert table_counts(sample_database) == expected_counts()
    assert sample_database.execute("select distinct tableowner from pg_tables where schemaname = 'public'") == [
        ("dolibarr",)
    ]


def test_sample_databases_do_not_share_rows(postgres: Cluster, sample_database: Database) -> None:
    sample_database.execute("delete from llx_const")
    other = postgres.sample_database()
    assert other.execute("select count(*) > 0 from llx_const") == [(True,)]
    postgres.drop(other.name)


def test_backup_role_reads_and_cannot_write(postgres: Cluster, sample_database: Database) -> None:
    reader = postgres.as_backup(sample_database.name)
    assert reader.execute("select count(*) from llx_facture") == sample_database.execute(
        "select count(*) from llx_facture"
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("delete from llx_const")


def test_postgres_refuses_a_wrong_password(postgres: Cluster) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host=postgres.host, port=postgres.port, dbname="postgres", user="postgres", password="wrong")


def test_object_stores_do_not_share_objects(moto: Store, object_store: Store) -> None:
    object_store.write("a/key", b"body")
    assert object_store.read("a/key") == b"body"
    assert object_store.keys() == {"a/key": 4}
    assert moto.fresh().keys() == {}
    assert object_store.uploads() == []


def test_sample_documents_are_whole(sample_documents: pathlib.Path) -> None:
    with tarfile.open(DOCUMENTS_TAR) as archive:
        for member in archive:
            found = (sample_documents.parent / member.name).stat()
            assert found.st_mtime == member.mtime
            assert member.isdir() or found.st_size == member.size
