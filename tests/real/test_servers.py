# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each real server is what the tests take it for; where one is missing or broken, this fails."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.support.databases import Database
from tests.support.debian_postgres import TlsCluster
from tests.support.pgbouncer import Mode, Poolers
from tests.support.radosgw import Radosgw
from tests.support.stores import Store


@pytest.fixture
def tls_database(tls_postgres: TlsCluster) -> Iterator[Database]:
    database = tls_postgres.empty_database()
    yield database
    tls_postgres.drop(database.name)


def refusal(store: Store) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        store.write("key", b"body")
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def test_rgw_stores_and_lists(rgw_store: Store) -> None:
    rgw_store.write("a/key", b"body")
    assert rgw_store.read("a/key") == b"body"
    assert rgw_store.keys() == {"a/key": 4}


def test_rgw_refuses_wrong_credentials(rgw: Radosgw, rgw_store: Store) -> None:
    assert refusal(dataclasses.replace(rgw_store, secret_key="wrong")) == (403, "SignatureDoesNotMatch")
    assert refusal(dataclasses.replace(rgw_store, access_key="wrong")) == (403, "InvalidAccessKeyId")
    stranger = rgw.create_user("stranger")
    other = dataclasses.replace(rgw_store, access_key=stranger.access_key, secret_key=stranger.secret_key)
    assert refusal(other) == (403, "AccessDenied")


def test_rgw_refuses_what_exceeds_the_quota(rgw: Radosgw) -> None:
    small = rgw.create_user("small")
    rgw.admin("quota", "set", "--quota-scope=user", "--uid=small", "--max-objects=1")
    rgw.admin("quota", "enable", "--quota-scope=user", "--uid=small")
    store = rgw.store_as(small).fresh()
    store.write("first", b"body")
    assert refusal(store) == (403, "QuotaExceeded")


def test_rgw_keeps_a_condition(rgw_store: Store) -> None:
    client = rgw_store.client()
    client.put_object(Bucket=rgw_store.bucket, Key="key", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as caught:
        client.put_object(Bucket=rgw_store.bucket, Key="key", Body=b"second", IfNoneMatch="*")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert rgw_store.read("key") == b"first"


def test_rgw_locks_objects(rgw: Radosgw) -> None:
    store = dataclasses.replace(rgw.store, bucket="erp-locked")
    client = store.client()
    client.create_bucket(Bucket=store.bucket, ObjectLockEnabledForBucket=True)
    version = client.put_object(Bucket=store.bucket, Key="key", Body=b"body")["VersionId"]
    client.put_object_legal_hold(Bucket=store.bucket, Key="key", VersionId=version, LegalHold={"Status": "ON"})
    with pytest.raises(ClientError, match="AccessDenied"):
        client.delete_object(Bucket=store.bucket, Key="key", VersionId=version)
    client.put_object_legal_hold(Bucket=store.bucket, Key="key", VersionId=version, LegalHold={"Status": "OFF"})
    client.delete_object(Bucket=store.bucket, Key="key", VersionId=version)


def test_postgres_proves_its_name_by_tls(tls_postgres: TlsCluster, tls_database: Database) -> None:
    with tls_database.connect(sslmode="verify-full", sslrootcert=str(tls_postgres.ca)) as connection:
        row = connection.execute("select ssl, version from pg_stat_ssl where pid = pg_backend_pid()").fetchone()
    assert row is not None
    assert row[0] is True
    assert row[1].startswith("TLSv1.")


def test_postgres_is_not_believed_under_another_authority_or_name(
    tls_postgres: TlsCluster, tls_database: Database
) -> None:
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        tls_database.connect(sslmode="verify-full", sslrootcert=str(tls_postgres.other_ca))
    elsewhere = dataclasses.replace(tls_database, host="127.0.0.1")
    with pytest.raises(psycopg.OperationalError, match="does not match host name"):
        elsewhere.connect(sslmode="verify-full", sslrootcert=str(tls_postgres.ca))
    elsewhere.connect(sslmode="verify-ca", sslrootcert=str(tls_postgres.ca)).close()


def test_postgres_takes_no_one_without_tls(tls_database: Database) -> None:
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        tls_database.connect(sslmode="disable")


def backends(database: Database) -> tuple[int, int]:
    """The server processes that two clients, connected at once, find behind their connections."""
    with database.connect(prepare_threshold=None) as one, database.connect(prepare_threshold=None) as other:
        first = one.execute("select pg_backend_pid()").fetchone()
        second = other.execute("select pg_backend_pid()").fetchone()
    assert first is not None
    assert second is not None
    return first[0], second[0]


@pytest.mark.parametrize(("mode", "shared"), [("transaction", True), ("statement", True), ("session", False)])
def test_pgbouncer_shares_backends(mode: Mode, shared: bool, pgbouncer: Poolers, tls_database: Database) -> None:
    one, other = backends(pgbouncer.through(tls_database, mode))
    assert (one == other) is shared
    one, other = backends(tls_database)
    assert one != other


def test_pgbouncer_in_transaction_mode_keeps_a_transaction_together(pgbouncer: Poolers, tls_database: Database) -> None:
    pooled = pgbouncer.through(tls_database, "transaction")
    with (
        pooled.connect(prepare_threshold=None) as one,
        pooled.connect(prepare_threshold=None) as other,
        one.transaction(),
    ):
        mine = one.execute("select pg_backend_pid()").fetchone()
        assert other.execute("select pg_backend_pid()").fetchone() != mine
        assert one.execute("select pg_backend_pid()").fetchone() == mine


def test_pgbouncer_in_statement_mode_refuses_transactions(pgbouncer: Poolers, tls_database: Database) -> None:
    pooled = pgbouncer.through(tls_database, "statement")
    with pooled.connect(prepare_threshold=None) as connection, pytest.raises(psycopg.Error, match="statement pooling"):
        connection.execute("begin")


def test_pgbouncer_refuses_a_wrong_password(pgbouncer: Poolers, tls_database: Database) -> None:
    wrong = dataclasses.replace(tls_database, password="wrong")
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        pgbouncer.through(wrong, "transaction").connect()
