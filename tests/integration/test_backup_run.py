# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run after the other: what each stores, says and leaves alone."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup import progress, run
from ansible_collections.arcodange.erp.plugins.module_utils.backup.catalogue import write_record
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import encode, restore_point_id
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.snapshot import Snapshot, open_snapshot
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.privileges import run_as
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.process import free_port, wait_until
from tests.support.databases import Cluster, Database
from tests.support.faults import FaultProxy
from tests.support.quirks import QuirkyProxy
from tests.support.restore_points import Scene, connect, programs, small_database
from tests.support.stores import Store


@pytest.fixture
def scene(postgres: Cluster, object_store: Store, sample_documents: pathlib.Path) -> Iterator[Scene]:
    with small_database(postgres) as database:
        yield Scene(database, object_store, sample_documents, postgres.bin_dir)


@pytest.fixture
def proxy(scene: Scene) -> Iterator[FaultProxy]:
    with FaultProxy(scene.store.endpoint) as opened:
        yield opened


@pytest.fixture(autouse=True)
def ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore points a second apart by name, so that nobody waits for the next second to begin."""
    numbers = itertools.count()
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    given: dict[datetime, datetime] = {}

    def name(instant: datetime) -> str:
        if instant not in given:
            given[instant] = start + timedelta(seconds=next(numbers))
        return given[instant].strftime("%Y%m%dT%H%M%SZ")

    monkeypatch.setattr(run, "restore_point_id", name)


def kinds(result: run.BackupResult) -> list[str]:
    """What a run stored, or would store, by kind."""
    return sorted(item.key.partition(".")[2] for item in result.stored)


DUMP, INDEX, ARCHIVE = "dump.zst", "index.jsonl.zst", "tar.zst"


def rewrite(scene: Scene, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the newest manifest as another version of the collection might have written it."""
    manifest = scene.bucket.newest()
    del manifest["digest"]
    change(manifest)
    scene.bucket.write(f"manifests/{manifest['id']}.json", encode(manifest))


# What a run stores


def test_the_first_run_stores_everything_and_says_so(scene: Scene) -> None:
    result = scene.back_up()
    point = result.manifest["id"]
    assert scene.bucket.keys() == {
        f"db/{point}.dump.zst",
        f"docs/{point}.tar.zst",
        f"docs/{point}.index.jsonl.zst",
        f"manifests/{point}.json",
    }
    assert scene.bucket.torn() == []
    (manifest,) = scene.bucket.manifests().values()
    digest = manifest.pop("digest")
    assert manifest == json.loads(json.dumps(result.manifest))
    canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert digest == hashlib.sha256(canonical).hexdigest()
    assert (manifest["format"], manifest["format_version"]) == ("arcodange.erp/restore-point", 1)
    assert (manifest["sequence"], manifest["previous"]) == (1, None)
    assert manifest["instance"] == {"id": "atelier-lumen", "environment": "test", "key_fingerprint": None}
    assert [item["part"] for item in manifest["objects"]] == ["database", "index", "documents"]
    assert manifest["skipped"] == []


def test_the_result_is_the_manifest_without_the_digests_of_tables(scene: Scene) -> None:
    result = scene.back_up()
    facts = result.to_facts()
    assert (facts["changed"], facts["outcome"], facts["restore_point"]) == (True, "done", result.manifest["id"])
    assert "tables" not in facts["summary"]["database"]
    assert facts["summary"]["documents"] == result.manifest["documents"]
    assert facts["bytes_stored"] == sum(item["size"] for item in facts["stored"])
    sizes = scene.bucket.sizes()
    assert {item["key"]: item["size"] for item in facts["stored"]} == {
        key: size for key, size in sizes.items() if not key.startswith("manifests/")
    }


def test_what_was_stored_is_what_was_there(scene: Scene) -> None:
    manifest = scene.back_up().manifest
    stored = {os.fsdecode(path): body for path, body in scene.bucket.contents(manifest).items()}
    there = {
        str(path.relative_to(scene.documents)): path.read_bytes()
        for path in scene.documents.rglob("*")
        if path.is_file()
    }
    assert stored == there
    assert len(there) > 50
    assert manifest["documents"]["files"] == len(there)
    assert manifest["documents"]["bytes"] == sum(map(len, there.values()))


def test_the_second_run_sends_no_data_and_writes_one_manifest(scene: Scene, proxy: FaultProxy) -> None:
    first = scene.back_up()
    before = scene.bucket.sizes()
    second = scene.through(proxy.endpoint).back_up()
    assert (second.changed, second.stored, second.to_facts()["outcome"]) == (False, (), "unchanged")
    assert scene.bucket.keys() - set(before) == {f"manifests/{second.manifest['id']}.json"}
    written = {call.path for call in proxy.calls if call.method in ("PUT", "POST", "DELETE")}
    assert written == {f"/{scene.store.bucket}/{scene.prefix}/manifests/{second.manifest['id']}.json"}
    assert second.manifest["objects"] == first.manifest["objects"]
    assert second.manifest["sequence"] == 2
    body = scene.bucket.read(f"manifests/{first.manifest['id']}.json")
    assert second.manifest["previous"] == {"id": first.manifest["id"], "sha256": hashlib.sha256(body).hexdigest()}
    for part in ("database", "documents", "business", "evidence"):
        found, expected = dict(second.manifest[part]), dict(first.manifest[part])
        if part == "documents":
            for name in ("new_files", "new_bytes", "known_files"):
                found.pop(name), expected.pop(name)
        assert found == expected


CHANGES = [
    ("UPDATE llx_societe SET nom = nom || ' SARL' WHERE rowid = (SELECT min(rowid) FROM llx_societe)", [DUMP]),
    (
        "INSERT INTO llx_bank_account (rowid, ref, label, fk_pays, currency_code) VALUES (99, 'N', 'N', 1, 'EUR')",
        [DUMP],
    ),
    ("ALTER TABLE llx_societe ADD COLUMN extra int", [DUMP]),
    ("CREATE TABLE llx_new (id int)", [DUMP]),
    ("CREATE INDEX ON llx_societe (nom)", [DUMP]),
    ("UPDATE llx_const SET tms = now(), value = value || ' '", []),
    ("UPDATE llx_user SET datelastlogin = now()", []),
    ("UPDATE llx_cronjob SET datelastrun = now()", []),
    ("INSERT INTO llx_session (session_id, date_creation) VALUES ('x', now())", []),
    ("DROP TABLE llx_session", [DUMP]),
    ("ANALYZE", []),
    ("UPDATE llx_societe SET nom = nom", []),  # without the trigger that sets its time
]


def test_only_a_durable_change_of_the_database_is_dumped(scene: Scene) -> None:
    before = scene.back_up()
    for change, stored in CHANGES:
        scene.database.execute(change)
        after = scene.back_up()
        assert kinds(after) == stored, change
        assert after.changed is bool(stored)
        old, new = (result.manifest["objects"] for result in (before, after))
        assert [item for item in new if item["part"] != "database"] == [
            item for item in old if item["part"] != "database"
        ]
        older = scene.bucket.part(before.manifest, "database")
        expected = f"db/{after.manifest['id']}.dump.zst" if stored else older
        assert scene.bucket.part(after.manifest, "database") == expected
        before = after
    assert scene.bucket.torn() == []


def test_only_new_documents_are_stored(scene: Scene) -> None:
    first = scene.back_up()
    (scene.documents / "facture" / "new.pdf").write_bytes(b"new content")
    second = scene.back_up()
    assert kinds(second) == [INDEX, ARCHIVE]
    assert (second.manifest["documents"]["new_files"], second.manifest["documents"]["new_bytes"]) == (1, 11)
    assert second.manifest["database"] == first.manifest["database"]
    assert [item["part"] for item in second.manifest["objects"]] == ["database", "index", "documents", "documents"]
    stored = scene.bucket.contents(second.manifest)
    assert stored == {**scene.bucket.contents(first.manifest), b"facture/new.pdf": b"new content"}
    assert scene.bucket.torn() == []


def test_an_archive_that_nothing_refers_to_is_named_no_more(scene: Scene) -> None:
    note = scene.documents / "note"
    note.write_bytes(b"one")
    scene.back_up()
    note.write_bytes(b"two")
    second = scene.back_up().manifest
    note.write_bytes(b"three")
    third = scene.back_up().manifest
    names = [item["key"] for item in third["objects"]]
    assert f"docs/{second['id']}.tar.zst" not in names
    assert scene.bucket.contents(third)[b"note"] == b"three"
    assert scene.bucket.contents(second)[b"note"] == b"two"


@pytest.mark.parametrize(("age", "due"), [(timedelta(days=6, hours=23), False), (timedelta(days=7, minutes=1), True)])
def test_an_unchanged_database_is_dumped_again_after_the_interval(age: timedelta, due: bool, scene: Scene) -> None:
    scene.back_up()
    dumped = (datetime.now(UTC) - age).isoformat()
    rewrite(scene, lambda manifest: manifest["database"].update(dumped=dumped))
    second = scene.back_up()
    assert kinds(second) == ([DUMP] if due else [])
    if not due:
        assert second.manifest["database"]["dumped"] == dumped  # the interval counts from the dump, not the last run


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest["database"].update(digest_algorithm="another"),
        lambda manifest: manifest["versions"].update(postgresql="15.18"),
        lambda manifest: manifest["database"]["tables"].pop("public.llx_facture"),
        lambda manifest: manifest["objects"].pop(0),
    ],
    ids=["other digests", "other server version", "table unknown then", "no dump"],
)
def test_what_cannot_be_compared_is_dumped_again(change: Callable[[dict[str, Any]], object], scene: Scene) -> None:
    scene.back_up()
    rewrite(scene, change)
    assert kinds(scene.back_up()) == [DUMP]


# What others broke


@pytest.mark.parametrize("damage", ["deleted", "cut", "recorded"])
def test_what_is_damaged_is_stored_anew_and_told(damage: str, scene: Scene) -> None:
    before = scene.back_up().manifest
    for part, stored in (("database", [DUMP]), ("index", [INDEX, ARCHIVE]), ("documents", [INDEX, ARCHIVE])):
        key = scene.bucket.part(before, part)
        if damage == "deleted":
            scene.bucket.delete(key)
        elif damage == "cut":
            scene.bucket.write(key, scene.bucket.read(key)[:-1])
        else:
            write_record(connect(scene.store), before["id"], "damaged", {"findings": [{"key": key}]})
        after = scene.back_up()
        assert kinds(after) == stored
        (warning,) = after.warnings
        assert f"{key} is missing or damaged: what it held is stored anew" in warning
        assert key not in [item["key"] for item in after.manifest["objects"]]
        assert not [finding for finding in scene.bucket.torn() if finding.startswith(after.manifest["id"])]
        assert scene.bucket.contents(after.manifest)
        before = after.manifest
    again = scene.back_up()
    assert (again.changed, again.warnings) == (False, ())


def test_a_restore_point_found_whole_again_is_used_again(scene: Scene) -> None:
    first = scene.back_up().manifest
    key = scene.bucket.part(first, "database")
    write_record(connect(scene.store), first["id"], "damaged", {"findings": [{"key": key}]})
    write_record(connect(scene.store), first["id"], "verified", {"findings": []})
    assert scene.back_up().changed is False


def test_an_index_that_was_altered_fails_the_run_until_it_is_recorded(scene: Scene) -> None:
    first = scene.back_up().manifest
    key = scene.bucket.part(first, "index")
    body = bytearray(scene.bucket.read(key))
    body[len(body) // 2] ^= 1
    scene.bucket.write(key, bytes(body))
    with pytest.raises(ErpError, match=f"{key} is damaged: .* verify with verify=full"):
        scene.back_up()
    write_record(connect(scene.store), first["id"], "damaged", {"findings": [{"key": key}]})
    assert kinds(scene.back_up()) == [INDEX, ARCHIVE]


def test_unfinished_uploads_of_stopped_runs_are_aborted(scene: Scene) -> None:
    client = scene.store.client()
    names = [f"{scene.prefix}/db/x", f"{scene.prefix}/docs/x", "other/db/x", f"{scene.prefix}2/db/x"]
    for name in names:
        client.create_multipart_upload(Bucket=scene.store.bucket, Key=name)
    scene.back_up()
    assert sorted(scene.bucket.uploads()) == sorted(names[2:])


def test_a_session_that_is_lost_on_the_way_commits_nothing(scene: Scene, tmp_path: pathlib.Path) -> None:
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'arcodange.erp'"
    script = f'PGAPPNAME=x "$(dirname "$REAL")/psql" -q -c "{kill} AND pid <> pg_backend_pid()" >&2; "$REAL" "$@"'
    bindir = programs(tmp_path / "bin", scene.bin_dir, script)
    with pytest.raises(ErpError, match="database .*(terminat|snapshot|closed)") as caught:
        scene.back_up(pg_bindir=str(bindir))
    assert "\n" not in str(caught.value)
    assert scene.bucket.keys() == set()


def test_a_session_that_is_lost_does_not_hide_what_went_wrong_before(scene: Scene) -> None:
    kill = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'arcodange.erp'"
    with pytest.raises(ErpError, match="the dump failed"), open_snapshot(scene.options().database, None):
        scene.database.execute(kill)
        raise ErpError("the dump failed.")


def test_a_figure_that_cannot_be_read_takes_the_dump_back(scene: Scene) -> None:
    scene.database.execute("ALTER TABLE llx_facture DROP COLUMN total_tva")
    with pytest.raises(ErpError, match='Cannot read the database .*: column "total_tva" does not exist: '):
        scene.back_up()
    assert scene.bucket.keys() == set()


def test_a_session_that_is_lost_after_the_dump_commits_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    back_up_documents = run.documents.back_up_documents

    def lose(*arguments: Any) -> Any:
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'arcodange.erp'"
        scene.database.execute(kill)
        return back_up_documents(*arguments)

    monkeypatch.setattr(run.documents, "back_up_documents", lose)
    with pytest.raises(ErpError, match="Cannot keep a transaction open in the database"):
        scene.back_up()
    assert scene.bucket.keys() == set()


# Check mode and diff


def test_check_mode_says_what_would_be_stored_and_writes_nothing(scene: Scene, proxy: FaultProxy) -> None:
    through = scene.through(proxy.endpoint)
    changes: list[Callable[[], object]] = [
        lambda: None,  # the first run
        lambda: None,  # nothing changed
        lambda: scene.database.execute("UPDATE llx_societe SET nom = nom || '.'"),
        lambda: (scene.documents / "new").write_bytes(b"new"),
        (scene.documents / "new").unlink,
        (scene.documents / "directory").mkdir,
        lambda: (scene.documents / "link").symlink_to("directory"),
        lambda: (scene.documents / "directory").chmod(0o700),
        lambda: scene.bucket.delete(scene.bucket.part(scene.bucket.newest(), "database")),
        lambda: scene.bucket.delete(scene.bucket.part(scene.bucket.newest(), "index")),
    ]
    for change in changes:
        change()
        before = scene.bucket.sizes()
        proxy.heal()
        expected = through.back_up(check_mode=True)
        assert {call.method for call in proxy.calls} == {"GET"}
        assert scene.bucket.sizes() == before
        result = scene.back_up()
        assert kinds(expected) == kinds(result)
        assert expected.changed == result.changed
        assert expected.warnings == result.warnings
        assert expected.manifest["documents"]["files"] == result.manifest["documents"]["files"]
        for moment in ("before", "after"):
            assert expected.diff[moment].keys() == result.diff[moment].keys()
            assert expected.diff[moment]["tables"] == result.diff[moment]["tables"]
            assert expected.diff[moment]["documents"] == result.diff[moment]["documents"]


def test_check_mode_takes_no_lock_and_meets_none(scene: Scene) -> None:
    with running(scene):
        scene.back_up(check_mode=True)


def test_check_mode_works_where_nothing_may_be_written(scene: Scene, postgres: Cluster) -> None:
    """A standby, for example, takes no lock and no write."""
    name = scene.database.name
    postgres.admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    reader = dataclasses.replace(scene, database=postgres.as_backup(name))
    reader.back_up(check_mode=True)
    assert reader.bucket.keys() == set()


def test_the_difference_names_tables_and_documents(scene: Scene) -> None:
    first = scene.back_up()
    assert first.diff["before"] == {"restore_point": None, "tables": {}, "documents": {"files": 0, "bytes": 0}}
    assert len(first.diff["after"]["tables"]) == 13
    scene.database.execute(
        "INSERT INTO llx_bank_account (rowid, ref, label, fk_pays, currency_code) VALUES (99, 'NEW', 'New', 1, 'EUR')"
    )
    scene.database.execute("DROP TABLE llx_session")
    scene.database.execute("CREATE TABLE llx_new (id int)")
    (scene.documents / "new").write_bytes(b"new")
    second = scene.back_up()
    tables = first.manifest["database"]["tables"]
    before, after = second.diff["before"], second.diff["after"]
    assert (before["restore_point"], after["restore_point"]) == (first.manifest["id"], second.manifest["id"])
    assert before["tables"] == {name: tables[name] for name in ("public.llx_bank_account", "public.llx_session")}
    assert set(after["tables"]) == {"public.llx_bank_account", "public.llx_new"}
    assert after["tables"]["public.llx_bank_account"][0] == before["tables"]["public.llx_bank_account"][0] + 1
    assert after["documents"]["files"] == before["documents"]["files"] + 1
    assert after["documents"]["bytes"] == before["documents"]["bytes"] + 3
    third = scene.back_up()
    assert third.diff["before"]["tables"] == third.diff["after"]["tables"] == {}


# One at a time


class running:
    """A run of the scene that has begun, holds the lock, and waits until the block ends."""

    def __init__(self, scene: Scene, **changes: Any) -> None:
        self.scene = scene
        self.changes = changes
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.outcome: list[run.BackupResult] = []

    def __enter__(self) -> running:
        original = run._Run._database

        def wait(one: Any) -> Any:
            if one.options.documents.path == self.path:
                self.begun.set()
                assert self.go_on.wait(60)
            return original(one)

        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(run._Run, "_database", wait)
        # The same directory by another name tells this run from that of the test.
        self.path = f"{self.scene.documents}/."
        self.thread = threading.Thread(target=self.work)
        self.thread.start()
        assert self.begun.wait(60)
        return self

    def work(self) -> None:
        self.outcome.append(self.scene.back_up(documents_path=self.path, **self.changes))

    def __exit__(self, *_error: object) -> None:
        self.go_on.set()
        self.thread.join()
        self.patch.undo()
        assert len(self.outcome) == 1


def test_a_second_run_is_refused_with_who_holds_the_lock_and_since_when(scene: Scene, proxy: FaultProxy) -> None:
    with running(scene):
        with pytest.raises(Refused) as caught:
            scene.through(proxy.endpoint).back_up()
        assert {call.method for call in proxy.calls} == {"GET"}
        (found,) = scene.database.execute(
            "SELECT pid, usename, client_addr::text, xact_start FROM pg_stat_activity"
            " WHERE application_name = 'arcodange.erp' AND state = 'idle in transaction'"
        )
        pid, user, address, since = found
        assert str(caught.value) == (
            f"Another backup of the database {scene.database.name} on {scene.database.host}:{scene.database.port}"
            f" is under way, held by {user} from {address} (server process {pid})"
            f" since {since.isoformat(timespec='seconds')}: wait for it to end."
        )
        holder = caught.value.facts["holder"]
        assert holder == {"pid": pid, "user": user, "address": address, "since": since.isoformat()}
        assert caught.value.outcome == "refused"
    assert scene.bucket.torn() == []
    assert len(scene.bucket.manifests()) == 1
    assert scene.back_up().changed is False


def test_another_role_that_may_not_see_the_holder_is_refused_too(scene: Scene, postgres: Cluster) -> None:
    other = dataclasses.replace(scene, database=postgres.as_backup(scene.database.name))
    with running(scene), pytest.raises(Refused, match="held by .* since a time that this role may not see"):
        other.back_up()


def test_another_bucket_or_prefix_is_another_backup(scene: Scene, moto: Store) -> None:
    with running(scene):
        dataclasses.replace(scene, store=moto.fresh()).back_up()
        dataclasses.replace(scene, prefix="erp/other").back_up()


def test_the_lock_is_free_after_a_failure(scene: Scene, tmp_path: pathlib.Path) -> None:
    bindir = programs(tmp_path / "bin", scene.bin_dir, "exit 1")
    with pytest.raises(ErpError, match="ended with status 1"):
        scene.back_up(pg_bindir=str(bindir))
    assert scene.back_up().changed


def test_two_runs_in_one_second_are_two_restore_points(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "restore_point_id", restore_point_id)
    first, second, third = (scene.back_up().manifest for _run in range(3))
    assert first["id"] < second["id"] < third["id"]
    assert second["id"] == datetime.fromisoformat(second["instant"]).strftime("%Y%m%dT%H%M%SZ")
    assert [item["sequence"] for item in scene.bucket.manifests().values()] == [1, 2, 3]


# Whom the restore points belong to, and when they are from


def test_the_restore_points_of_another_instance_are_refused(scene: Scene) -> None:
    scene.back_up()
    with pytest.raises(ErpError, match="belongs to the instance 'atelier-lumen', not to 'other': correct s3_prefix or"):
        scene.back_up(instance_id="other")
    assert len(scene.bucket.manifests()) == 1


def test_a_restore_point_of_the_future_is_told_and_kept(scene: Scene) -> None:
    scene.back_up()
    manifest = scene.bucket.newest()
    scene.bucket.delete(f"manifests/{manifest['id']}.json")
    del manifest["digest"]
    manifest |= {"id": "29991231T235959Z", "instant": "2999-12-31T23:59:59.000000+00:00"}
    scene.bucket.write("manifests/29991231T235959Z.json", encode(manifest))
    result = scene.back_up()
    assert result.changed is False
    assert result.warnings == (
        "The database server's clock is behind the restore point 29991231T235959Z: set its clock, nothing is pruned until then.",
    )
    assert result.manifest["sequence"] == 2


@pytest.mark.parametrize("seconds", [-901, 901, 86400 * 365])
def test_a_server_whose_clock_is_off_makes_no_restore_point(
    seconds: int, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = run.open_snapshot

    @contextlib.contextmanager
    def off(*arguments: Any) -> Iterator[Snapshot]:
        with opened(*arguments) as snapshot:
            yield dataclasses.replace(snapshot, instant=snapshot.instant + timedelta(seconds=seconds))

    monkeypatch.setattr(run, "open_snapshot", off)
    with pytest.raises(
        Refused, match="^The clock of the database server says .* and the store's .*: set the wrong one"
    ):
        scene.back_up()
    assert scene.bucket.keys() == set()


def test_a_documents_volume_that_is_not_mounted_is_told(scene: Scene, tmp_path: pathlib.Path) -> None:
    first = scene.back_up()
    (tmp_path / "unmounted").mkdir()
    empty = dataclasses.replace(scene, documents=tmp_path / "unmounted")
    told = (
        f"The documents directory {empty.documents} holds no file any more, the restore point {first.manifest['id']}"
        f" has {first.manifest['documents']['files']}: check that its volume is mounted.",
    )
    assert empty.back_up(check_mode=True).warnings == told
    assert empty.back_up().warnings == told
    assert scene.back_up().warnings == ()


def test_a_store_that_ignores_conditions_is_told(scene: Scene) -> None:
    with QuirkyProxy(scene.store.endpoint, "unconditional") as proxy:
        result = scene.through(proxy.endpoint).back_up()
        assert result.warnings == (
            "The store ignores conditional writes: two runs of the same second could overwrite each other.",
        )
        assert scene.through(proxy.endpoint).back_up(s3_conditional_writes=False).warnings == ()
    assert scene.bucket.torn() == []


def test_a_store_whose_etags_are_no_md5_works_as_well(scene: Scene) -> None:
    with QuirkyProxy(scene.store.endpoint, "etag") as proxy:
        assert scene.through(proxy.endpoint).back_up().changed
        assert scene.through(proxy.endpoint).back_up().changed is False
    assert scene.bucket.torn() == []


def test_the_key_of_encrypted_fields_leaves_only_a_fingerprint(scene: Scene) -> None:
    def fingerprint(**changes: Any) -> str:
        return str(scene.back_up(**changes).manifest["instance"]["key_fingerprint"])

    first = fingerprint(instance_unique_id="planted-unique-id")
    assert len(first) == 64
    assert first == fingerprint(instance_unique_id="planted-unique-id")
    assert first != fingerprint(instance_unique_id="another")
    assert b"planted-unique-id" not in b"".join(scene.bucket.read(key) for key in scene.bucket.keys("manifests/"))


# What the database says of itself


def test_a_role_that_only_reads_is_enough(scene: Scene, postgres: Cluster) -> None:
    reader = dataclasses.replace(scene, database=postgres.as_backup(scene.database.name))
    assert reader.back_up().changed
    assert reader.bucket.torn() == []


def test_a_role_that_may_not_read_is_told_what_to_grant(scene: Scene, postgres: Cluster) -> None:
    name = scene.database.name
    postgres.admin.execute("DROP ROLE IF EXISTS stranger")
    postgres.admin.execute(f"CREATE ROLE stranger LOGIN PASSWORD '{postgres.backup_password}'")
    stranger = dataclasses.replace(postgres.as_backup(name), user="stranger")
    with pytest.raises(ErpError) as caught:
        dataclasses.replace(scene, database=stranger).back_up()
    assert str(caught.value) == (
        f"Cannot read the database {name} on {postgres.host}:{postgres.port}: permission denied for table llx_bank:"
        " grant it to stranger, for example with the role pg_read_all_data."
    )
    assert scene.bucket.keys() == set()


def test_a_role_whose_rows_policies_hide_is_told_what_it_needs(scene: Scene, postgres: Cluster) -> None:
    scene.database.execute("ALTER TABLE llx_societe ENABLE ROW LEVEL SECURITY")
    reader = postgres.as_backup(scene.database.name)
    with pytest.raises(ErpError) as caught:
        dataclasses.replace(scene, database=reader).back_up()
    assert str(caught.value).endswith(
        ": policies hide rows from erp_backup, let the superuser ALTER ROLE erp_backup BYPASSRLS."
    )
    assert scene.bucket.keys() == set()


def test_large_objects_are_dumped_each_time(scene: Scene) -> None:
    scene.database.execute("SELECT lo_from_bytea(4711, 'one')")
    assert DUMP in kinds(scene.back_up())
    scene.database.execute("SELECT lo_put(4711, 0, 'two')")
    assert kinds(scene.back_up(check_mode=True)) == [DUMP]
    assert kinds(scene.back_up()) == [DUMP]
    scene.database.execute("SELECT lo_unlink(4711)")
    assert kinds(scene.back_up()) == [DUMP]
    assert kinds(scene.back_up()) == []


@contextlib.contextmanager
def replica(cluster: Cluster, database: Database) -> Iterator[Database]:
    """A read replica of the cluster, as it is now."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="erp-replica-"))
    data, port = directory / "data", free_port()
    user = run_as(cluster.bin_dir / "postgres", directory)
    user.give(directory)
    copy = ["-D", str(data), "-R", "-X", "stream", "-c", "fast", "--no-sync"]
    settings = ["-h", database.host, "-p", str(port), "-k", "", "-c", "fsync=off"]
    try:
        subprocess.run(
            [*user.prefix, cluster.bin_dir / "pg_basebackup", *copy],
            env={**cluster.admin.environment(), "HOME": "/", "LC_ALL": "C"},
            cwd="/",
            check=True,
        )
        log = (directory / "log").open("w")
        with (
            log,
            subprocess.Popen(
                [*user.prefix, cluster.bin_dir / "postgres", "-D", data, *settings],
                env={"HOME": "/", "LC_ALL": "C"},
                cwd="/",
                stdout=log,
                stderr=log,
            ) as server,
        ):
            there = dataclasses.replace(database, port=port)
            try:
                wait_until(lambda: server.poll() is not None or _answers(there), 60)
                yield there
            finally:
                server.send_signal(signal.SIGINT)
    finally:
        shutil.rmtree(directory)


def _answers(database: Database) -> bool:
    with contextlib.suppress(psycopg.OperationalError):
        return bool(database.execute("SELECT pg_is_in_recovery()")[0][0])
    return False


def test_a_read_replica_is_backed_up_without_what_it_does_not_have(scene: Scene, postgres: Cluster) -> None:
    scene.database.execute("CREATE UNLOGGED TABLE waiting (id int)")
    scene.database.execute("INSERT INTO waiting VALUES (1)")
    with replica(postgres, scene.database) as there:
        tables = dataclasses.replace(scene, database=there).back_up().manifest["database"]["tables"]
        assert tables["public.waiting"] == [0, "0" * 16]
        assert scene.bucket.torn() == []
        expected = {name: digest for name, digest in tables.items() if name != "public.waiting"}
    found = scene.back_up().manifest["database"]["tables"]
    assert found.pop("public.waiting")[0] == 1
    assert found == expected


def test_odd_figures_are_no_reason_to_be_without_a_backup(scene: Scene) -> None:
    first, second, *_rest = scene.database.execute("SELECT rowid FROM llx_facture WHERE fk_statut > 0")
    plain = scene.back_up().manifest["business"]
    for table, column in (("llx_facture", "total_ht"), ("llx_bank", "amount"), ("llx_paiement", "amount")):
        # As a database is that pgloader moved from MySQL.
        scene.database.execute(f"ALTER TABLE {table} ALTER {column} TYPE double precision")
    assert scene.back_up().manifest["business"] == plain
    scene.database.execute("UPDATE llx_facture SET datef = NULL, total_tva = 'NaN' WHERE rowid = %s", first)
    scene.database.execute("UPDATE llx_facture SET datef = NULL WHERE rowid = %s", second)
    months = scene.back_up().manifest["business"]["customer_invoices"]["by_month"]
    assert months["undated"]["tva"] == "NaN"
    assert scene.back_up().changed is False


def test_the_folder_of_an_odd_reference_is_named_as_dolibarr_names_it(scene: Scene) -> None:
    pdf = min(scene.documents.glob("facture/FA*/FA*.pdf"))
    before = scene.back_up().manifest["evidence"]["issued_invoices"]
    scene.database.execute("UPDATE llx_facture SET ref = 'FA/25:1', last_main_doc = NULL WHERE ref = %s", [pdf.stem])
    scene.database.execute(
        "UPDATE llx_ecm_files SET filepath = 'facture/FA_25_1', filename = 'FA_25_1.pdf' WHERE filename = %s",
        [pdf.name],
    )
    pdf.rename(pdf.with_name("FA_25_1.pdf"))
    pdf.parent.rename(pdf.parent.with_name("FA_25_1"))
    assert scene.back_up().manifest["evidence"]["issued_invoices"] == before


def test_figures_and_evidence_are_those_of_the_sample(scene: Scene, sample_database: Database) -> None:
    scene = dataclasses.replace(scene, database=sample_database)
    manifest = scene.back_up().manifest
    business = manifest["business"]

    def one(query: str) -> Any:
        return scene.database.execute(query)[0][0]

    assert business["llx_tables"] == 277
    assert business["dolibarr_version"] == manifest["versions"]["dolibarr"] == "22.0.4"
    invoices = business["customer_invoices"]
    assert sum(item["count"] for item in invoices["by_type_and_status"]) == one("SELECT count(*) FROM llx_facture")
    for column, name in (("total_ht", "ht"), ("total_tva", "tva"), ("total_ttc", "ttc")):
        total = one(f"SELECT sum({column}) FROM llx_facture WHERE fk_statut > 0")
        found = sum(round(float(month[name]) * 10**8) for month in invoices["by_month"].values())
        assert found == round(float(total) * 10**8)
    assert business["customer_payments"]["count"] == one("SELECT count(*) FROM llx_paiement")
    assert float(business["customer_payments"]["sum"]) == float(one("SELECT sum(amount) FROM llx_paiement"))
    assert len(business["bank_balances"]) == one("SELECT count(*) FROM llx_bank_account")
    issued = manifest["evidence"]["issued_invoices"]
    assert issued["total"] == one("SELECT count(*) FROM llx_facture WHERE fk_statut > 0")
    assert issued["total"] == sum(value for name, value in issued.items() if name != "total")
    assert issued["present_equal"] > 0


def test_evidence_follows_the_documents(scene: Scene) -> None:
    before = scene.back_up().manifest["evidence"]["issued_invoices"]
    (first, second, *_rest) = sorted(scene.documents.glob("facture/FA*/FA*.pdf"))
    first.unlink()
    second.write_bytes(b"made again")
    after = scene.back_up().manifest["evidence"]
    assert after["issued_invoices"]["missing"] == before["missing"] + 1
    assert after["issued_invoices"]["present_regenerated"] == before["present_regenerated"] + 1
    assert {(item["ref"], item["class"]) for item in after["exceptions"]} >= {
        (first.stem, "missing"),
        (second.stem, "present_regenerated"),
    }


def test_a_database_that_is_no_dolibarr_can_be_backed_up(
    empty_database: Database, object_store: Store, tmp_path: pathlib.Path, postgres: Cluster
) -> None:
    (tmp_path / "documents").mkdir()
    scene = Scene(empty_database, object_store, tmp_path / "documents", postgres.bin_dir)
    first = scene.back_up()
    assert first.manifest["business"] == {"llx_tables": 0, "dolibarr_version": None}
    assert first.manifest["evidence"]["issued_invoices"]["total"] == 0
    assert kinds(first) == [DUMP, INDEX]
    assert scene.bucket.torn() == []
    assert scene.back_up().changed is False


def test_progress_is_told_in_a_file_that_is_gone_afterwards(
    scene: Scene, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "progress"
    told: list[dict[str, Any]] = []
    back_up_documents = run.documents.back_up_documents

    def look(*arguments: Any) -> Any:
        while not told or told[-1]["phase"] != "documents":
            told.append(json.loads(file.read_text()))
        return back_up_documents(*arguments)

    monkeypatch.setattr(progress, "INTERVAL", 0.01)
    monkeypatch.setattr(run.documents, "back_up_documents", look)
    scene.back_up(progress_file=str(file))
    assert told[-1] == {"pid": os.getpid(), "phase": "documents", "read": 0, "files": 0, "answers": 0}
    assert list(tmp_path.glob("progress*")) == []


def test_a_progress_file_that_cannot_be_written_does_not_end_a_backup(scene: Scene) -> None:
    assert scene.back_up(progress_file="/nonexistent/progress").changed
