# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backing up as only real servers show it: signatures, locks and sums checked, TLS proven, poolers in the way."""

from __future__ import annotations

import dataclasses
import datetime
import json
import pathlib
import random
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.compat import get_current_datetime
from botocore.exceptions import ClientError

from ansible_collections.arcodange.erp.plugins.module_utils.backup import run
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import StoreError
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.postgres import snapshot as snapshots
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import DatabaseOptions, find_program
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.digests import digest_tables, list_tables
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.snapshot import open_snapshot
from tests.support import pgbouncer as pooling
from tests.support.databases import Cluster, Database
from tests.support.debian_postgres import TlsCluster, debian_bin_dir
from tests.support.faults import FaultProxy
from tests.support.pgbouncer import Mode, Poolers
from tests.support.radosgw import Radosgw
from tests.support.restore_points import Scene, connect, programs, run_module, small_database
from tests.support.stores import Store

MIB = 1 << 20


@pytest.fixture(autouse=True)
def _own_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore points a second apart by name, so that nobody waits for the next second to begin."""
    start = datetime.datetime.now(datetime.UTC).replace(microsecond=0) - datetime.timedelta(hours=1)
    numbers = iter(range(1000))
    given: dict[Any, str] = {}

    def name(instant: Any) -> str:
        if instant not in given:
            given[instant] = (start + datetime.timedelta(seconds=next(numbers))).strftime("%Y%m%dT%H%M%SZ")
        return given[instant]

    monkeypatch.setattr(run, "restore_point_id", name)


@pytest.fixture
def scene(tls_postgres: TlsCluster, rgw_store: Store, tmp_path: pathlib.Path) -> Iterator[Scene]:
    """Tables of the sample in Debian's PostgreSQL, and documents that take more than one part."""
    documents = tmp_path / "documents"
    (documents / "facture").mkdir(parents=True)
    (documents / "facture/note.txt").write_text("a document")
    (documents / "photo.jpg").write_bytes(random.Random(1).randbytes(20 * MIB))
    with small_database(tls_postgres) as database:
        yield Scene(database, rgw_store, documents, tls_postgres.bin_dir)


# The object store


def refused(scene: Scene, store: Store) -> str:
    with pytest.raises(StoreError) as caught:
        dataclasses.replace(scene, store=store).back_up()
    sentence = str(caught.value)
    assert sentence.startswith("Cannot use s3://") and sentence.endswith(".") and "\n" not in sentence
    assert scene.bucket.keys() == set()
    return sentence


def test_refused_credentials_are_named(scene: Scene, rgw: Radosgw) -> None:
    stranger = rgw.create_user("backup-stranger")
    other = dataclasses.replace(scene.store, access_key=stranger.access_key, secret_key=stranger.secret_key)
    assert "check s3_secret_key" in refused(scene, dataclasses.replace(scene.store, secret_key="wrong"))
    assert "check s3_access_key" in refused(scene, dataclasses.replace(scene.store, access_key="unknown"))
    assert "check the rights of s3_access_key on this bucket and prefix" in refused(scene, other)
    assert "create it or correct s3_bucket" in refused(scene, dataclasses.replace(scene.store, bucket="no-such-bucket"))


def test_the_module_says_so_too(scene: Scene) -> None:
    ended = run_module(scene.module(s3_secret_key="planted-wrong-secret"))
    assert (ended.status, ended.result["outcome"]) == (1, "failed")
    assert ended.result["msg"].endswith("the signature was refused: check s3_secret_key, s3_region and s3_checksums.")
    assert "planted-wrong-secret" not in ended.output


def test_a_clock_that_is_wrong_is_named(scene: Scene) -> None:
    now = get_current_datetime
    with pytest.MonkeyPatch.context() as patch:
        late = datetime.timedelta(hours=2)
        patch.setattr("botocore.auth.get_current_datetime", lambda **options: now(**options) - late)
        with pytest.raises(StoreError, match="the clock of this host differs too much from the store's: set the clock"):
            scene.back_up()
    assert scene.bucket.keys() == set()


def test_a_whole_run_is_proven_by_etags_alone(scene: Scene) -> None:
    with FaultProxy(scene.store.endpoint) as proxy:
        first = scene.through(proxy.endpoint).back_up()
        assert not [call for call in proxy.calls if call.method == "GET" and call.path.endswith(".zst")]
        parts = [call for call in proxy.calls if "partNumber" in call.query]
        assert len(parts) == 3  # 20 MiB in parts of 8
        assert first.warnings == ()
        proxy.heal()
        second = scene.through(proxy.endpoint).back_up()
    assert (second.changed, second.warnings) == (False, ())
    assert scene.bucket.torn() == []
    assert scene.bucket.uploads() == []
    assert scene.bucket.contents(second.manifest)[b"photo.jpg"] == (scene.documents / "photo.jpg").read_bytes()


def test_checksums_of_newer_clients_are_taken_too(scene: Scene) -> None:
    assert scene.back_up(s3_checksums="when_supported").changed
    assert scene.bucket.torn() == []


def test_bytes_that_change_on_their_way_are_refused_by_the_store(scene: Scene) -> None:
    store = connect(scene.store)

    def alter(request: Any, **_: Any) -> None:
        request.body = request.body.read()[:-1] + b"?"

    # After the signature, as a broken network card would.
    store.client.meta.events.register("before-send.s3.PutObject", alter)
    with pytest.raises(StoreError) as caught:
        store.put("db/x", b"some bytes")
    assert caught.value.facts["code"] in ("BadDigest", "XAmzContentSHA256Mismatch", "SignatureDoesNotMatch")
    assert scene.bucket.keys() == set()


def test_a_bucket_that_is_full_half_way_keeps_nothing(scene: Scene, rgw: Radosgw) -> None:
    small = rgw.create_user("backup-small")
    there = dataclasses.replace(scene, store=rgw.store_as(small).fresh())
    rgw.admin("quota", "set", "--quota-scope=user", "--uid=backup-small", "--max-objects=1")
    rgw.admin("quota", "enable", "--quota-scope=user", "--uid=backup-small")
    with pytest.raises(StoreError, match="the bucket or account is full: free space or raise the quota"):
        there.back_up()
    assert (there.bucket.keys(), there.bucket.uploads()) == (set(), [])
    rgw.admin("quota", "disable", "--quota-scope=user", "--uid=backup-small")
    assert there.back_up().changed
    assert there.bucket.torn() == []


def test_a_bucket_policy_that_forbids_manifests_commits_nothing(scene: Scene) -> None:
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{scene.store.bucket}/{scene.prefix}/manifests/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    client = scene.store.client()
    client.put_bucket_policy(Bucket=scene.store.bucket, Policy=policy)
    with pytest.raises(StoreError, match="Cannot write .*manifests.*: the credentials do not allow it"):
        scene.back_up()
    assert scene.bucket.keys("manifests/") == set()
    client.delete_bucket_policy(Bucket=scene.store.bucket)
    assert scene.back_up().changed
    assert scene.bucket.torn() == []


def test_a_bucket_whose_objects_are_locked_by_default(scene: Scene, rgw: Radosgw) -> None:
    """Nothing that a run needs to do is forbidden there, and everything it keeps is locked."""
    store = dataclasses.replace(rgw.store, bucket=f"{scene.store.bucket}-locked")
    client = store.client()
    client.create_bucket(Bucket=store.bucket, ObjectLockEnabledForBucket=True)
    client.put_object_lock_configuration(
        Bucket=store.bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}},
        },
    )
    there = dataclasses.replace(scene, store=store)
    first = there.back_up()
    (scene.documents / "new.txt").write_text("new")
    second = there.back_up()
    assert there.back_up().changed is False
    assert there.bucket.torn() == []
    versions = client.list_object_versions(Bucket=store.bucket)
    kept = [(version["Key"], version["ETag"]) for version in versions["Versions"]]
    assert len(set(kept)) == 3 + 2 + 3  # dump, archive, index; archive, index; three manifests
    assert versions.get("DeleteMarkers", []) == []
    # Older ones ignore conditions in such a bucket. Then the same bytes are there twice, and the run says so.
    twice = {key for key, _etag in kept if kept.count((key, _etag)) > 1}
    assert {key.partition("/manifests/")[1] for key in twice} <= {"/manifests/"}
    ignored = "The store ignores conditional writes: two runs of the same second could overwrite each other."
    assert set(first.warnings) == set(second.warnings) == ({ignored} if twice else set())
    for version in versions["Versions"]:
        which = {"Bucket": store.bucket, "Key": version["Key"], "VersionId": version["VersionId"]}
        retention = client.get_object_retention(**which)["Retention"]
        assert retention["Mode"] == "COMPLIANCE"
        with pytest.raises(ClientError, match="AccessDenied"):
            client.delete_object(**which)


def test_a_failed_run_in_a_locked_bucket_leaves_no_restore_point(
    scene: Scene, rgw: Radosgw, tmp_path: pathlib.Path
) -> None:
    store = dataclasses.replace(rgw.store, bucket=f"{scene.store.bucket}-locked")
    client = store.client()
    client.create_bucket(Bucket=store.bucket, ObjectLockEnabledForBucket=True)
    client.put_object_lock_configuration(
        Bucket=store.bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
        },
    )
    there = dataclasses.replace(scene, store=store)
    scene.database.execute("ALTER TABLE llx_facture RENAME COLUMN total_tva TO gone")
    with pytest.raises(ErpError, match="total_tva"):
        there.back_up()
    assert there.bucket.keys() == set()
    scene.database.execute("ALTER TABLE llx_facture RENAME COLUMN gone TO total_tva")
    assert there.back_up().changed
    assert there.bucket.torn() == []


# TLS


def test_a_server_that_proves_its_name_is_backed_up(scene: Scene, tls_postgres: TlsCluster) -> None:
    result = scene.back_up(db_sslmode="verify-full", db_sslrootcert=str(tls_postgres.ca))
    assert result.changed
    assert scene.bucket.torn() == []


@pytest.mark.parametrize("mode", ["verify-full", "verify-ca"])
def test_another_authority_is_not_believed(mode: str, scene: Scene, tls_postgres: TlsCluster) -> None:
    not_accepted(scene, db_sslmode=mode, db_sslrootcert=str(tls_postgres.other_ca))


def test_another_name_is_not_believed(scene: Scene, tls_postgres: TlsCluster) -> None:
    elsewhere: dict[str, Any] = {"db_host": "127.0.0.1", "db_sslrootcert": str(tls_postgres.ca)}
    not_accepted(scene, db_sslmode="verify-full", **elsewhere)
    assert scene.back_up(db_sslmode="verify-ca", **elsewhere).changed


def test_a_file_that_is_no_certificate_is_not_believed(scene: Scene, tmp_path: pathlib.Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    not_accepted(scene, db_sslmode="verify-full", db_sslrootcert=str(tmp_path / "ca.pem"))


def not_accepted(scene: Scene, **changes: Any) -> None:
    with pytest.raises(ErpError) as caught:
        scene.back_up(**changes)
    assert str(caught.value).endswith(": the TLS connection was not accepted: check db_sslmode and db_sslrootcert.")
    assert scene.bucket.keys() == set()


def test_a_server_that_wants_tls_says_so(scene: Scene) -> None:
    with pytest.raises(ErpError, match=r"the server's pg_hba.conf does not let this user or host in"):
        scene.back_up(db_sslmode="disable")
    assert scene.bucket.keys() == set()


# Poolers


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_pooler_in_transaction_mode_is_refused(check_mode: bool, scene: Scene, pgbouncer: Poolers) -> None:
    pooled = dataclasses.replace(scene, database=pgbouncer.through(scene.database, "transaction"))
    with pytest.raises(Refused) as caught:
        pooled.back_up(check_mode=check_mode)
    where = f"{pooled.database.name} on {pooled.database.host}:{pooled.database.port}"
    assert str(caught.value) == (
        f"The database {where} is behind a pooler in transaction mode, through which no consistent dump can be taken:"
        " set db_host and db_port to PostgreSQL itself, or give the backup's database pool_mode=session in the pooler."
    )
    assert scene.bucket.keys() == set()


def test_a_pooler_in_statement_mode_is_refused(scene: Scene, pgbouncer: Poolers) -> None:
    pooled = dataclasses.replace(scene, database=pgbouncer.through(scene.database, "statement"))
    with pytest.raises(ErpError) as caught:
        pooled.back_up()
    assert "is behind a pooler in statement mode" in str(caught.value)
    assert "set db_host and db_port to PostgreSQL itself" in str(caught.value)
    assert scene.bucket.keys() == set()


def test_a_pooler_in_session_mode_is_as_good_as_the_server(scene: Scene, pgbouncer: Poolers) -> None:
    pooled = dataclasses.replace(scene, database=pgbouncer.through(scene.database, "session"))
    assert pooled.back_up().changed
    assert pooled.back_up().changed is False
    assert scene.back_up().changed is False
    assert scene.bucket.torn() == []


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_a_pooler_with_a_single_server_is_refused_too(mode: Mode, scene: Scene, tls_postgres: TlsCluster) -> None:
    """There a second connection cannot show that the first one has changed servers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshots, "PROBE_SECONDS", 1)
        narrower = pooling.CONFIGURATION.replace("default_pool_size = 5", "default_pool_size = 1")
        patch.setattr(pooling, "CONFIGURATION", narrower)
        with pooling.poolers(tls_postgres) as narrow:
            pooled = dataclasses.replace(scene, database=narrow.through(scene.database, mode))
            with pytest.raises(Refused, match=f"is behind a pooler in {mode} mode, .*: set db_host and db_port to"):
                pooled.back_up()
    assert scene.bucket.keys() == set()


# Debian's PostgreSQL


def test_a_pg_dump_of_debian_is_too_old_for_a_newer_server(
    scene: Scene, postgres: Cluster, sample_database: Database
) -> None:
    newer = dataclasses.replace(scene, database=sample_database, bin_dir=debian_bin_dir())
    with pytest.raises(ErpError) as caught:
        newer.back_up()
    assert "The server is PostgreSQL 18 and needs a pg_dump of version 18 or newer" in str(caught.value)
    assert f"{debian_bin_dir()}/pg_dump is 1" in str(caught.value)
    assert scene.bucket.keys() == set()


def test_the_programs_of_debian_are_found(scene: Scene) -> None:
    major = int(debian_bin_dir().parent.name)
    path, version = find_program("pg_dump", major, None)
    assert version.startswith(f"{major}.")
    assert pathlib.Path(path).exists()
    assert scene.back_up(pg_bindir=None).changed


@pytest.mark.parametrize("percent", [1, 50, 99])
def test_an_early_end_is_seen_in_archives_of_debian_too(percent: int, scene: Scene, tmp_path: pathlib.Path) -> None:
    size = scene.back_up().manifest["database"]["archive_bytes"]
    before = scene.bucket.sizes()
    script = f'"$REAL" "$@" | head -c {size * percent // 100}; exit 0'
    bindir = programs(tmp_path / "bin", scene.bin_dir, script, version="15.18")
    with pytest.raises(ErpError, match="The dump"):
        scene.back_up(pg_bindir=str(bindir), full_interval_days=0)
    assert scene.bucket.sizes() == before


def test_values_that_a_collation_calls_equal_are_told_apart(tls_postgres: TlsCluster) -> None:
    """Only a server with ICU has collations in which 'Jus' and 'jus' are the same."""
    database = tls_postgres.empty_database()
    database.execute("CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
    database.execute("CREATE TABLE x (a text COLLATE caseless, b varchar COLLATE caseless)")
    database.execute("INSERT INTO x VALUES ('Jus', 'Jus')")
    assert database.execute("SELECT a = 'jus' FROM x") == [(True,)]
    before = content(database)
    database.execute("UPDATE x SET a = 'jus'")
    between = content(database)
    database.execute("UPDATE x SET b = 'jus'")
    assert len({before, between, content(database)}) == 3
    tls_postgres.drop(database.name)


def content(database: Database) -> str:
    options = DatabaseOptions(database.host, database.port, database.name, database.user, database.password)
    with open_snapshot(options, None) as snapshot:
        digest = next(iter(digest_tables(snapshot, list_tables(snapshot)).values()))
        return digest.digest
