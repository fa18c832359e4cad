# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole restores: what was lost comes back, what was live can be had again, and a refusal changes nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import pathlib
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql

from ansible_collections.arcodange.erp.plugins.module_utils.backup.catalogue import write_record
from ansible_collections.arcodange.erp.plugins.module_utils.backup.info import InfoOptions, read_info
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Listed
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.restore import run, switch_documents
from ansible_collections.arcodange.erp.plugins.module_utils.restore.run import RestoreResult
from ansible_collections.arcodange.erp.plugins.module_utils.restore.switch_documents import DocumentsSwitch
from tests.support.databases import Cluster, Database
from tests.support.document_points import Held
from tests.support.documents import unpack_documents
from tests.support.restore_points import Scene, connect
from tests.support.restore_scene import INSTANCE, UNIQUE_ID, Live, Rows, Series, Tree, named_points, series
from tests.support.stores import Store

# One second before and one after 18:00 in Paris, in the first days of summer time.
OLDER, NEWER = "20260331T155959Z", "20260331T160001Z"
FLIPS = 200
UNUSED = 36  # the bit of the head of a zstd frame that zstd itself does not look at
BOTH = ["database", "documents"]


@pytest.fixture(scope="module")
def points(postgres: Cluster, moto: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Series]:
    with series(postgres, moto, tmp_path_factory.mktemp("points"), OLDER, NEWER) as made:
        yield made


@pytest.fixture
def live(points: Series, tmp_path: pathlib.Path) -> Iterator[Live]:
    """What is live, as it was at the newer restore point."""
    place = tmp_path / "live"
    place.mkdir()
    with points.live(place) as made:
        yield made


@pytest.fixture
def own(points: Series, live: Live) -> Live:
    """The same with a bucket that the test may damage."""
    return dataclasses.replace(live, store=points.own_bucket())


def damage(live: Live) -> tuple[Rows, Tree]:
    """What a bad afternoon does to both halves; returns what is left."""
    live.admin.execute("UPDATE llx_facture SET total_ttc = total_ttc + 1 WHERE rowid = 2")
    live.admin.execute("DROP TABLE llx_bank CASCADE")
    (live.documents / "facture/FA0/FA0.pdf").unlink()
    (live.documents / "facture/FA2/FA2.pdf").write_bytes(b"another content")
    (live.documents / "extra.txt").write_text("of today")
    return live.state()


def refusal(live: Live, kind: type[ErpError] = ErpError, **changes: Any) -> str:
    """The sentence of a restore that is refused and leaves no trace anywhere."""
    before, bucket = live.traces(), live.bucket.sizes()
    with pytest.raises(ErpError) as caught:
        live.restore(**changes)
    assert isinstance(caught.value, kind), repr(caught.value)
    assert (live.traces(), live.bucket.sizes()) == (before, bucket)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence
    return sentence


# There and back


def test_the_sample_comes_back_after_it_is_wiped(
    postgres: Cluster, sample_database: Database, object_store: Store, tmp_path: pathlib.Path
) -> None:
    documents = unpack_documents(tmp_path)
    live = Live(postgres, object_store, sample_database.name, documents)
    Scene(sample_database, object_store, documents, postgres.bin_dir).back_up()
    rows, tree = live.state()
    assert len(rows) > 277 and sum(1 for thing in tree.values() if thing[0].startswith("0o100")) == 78
    live.drop()
    shutil.rmtree(documents)
    result = live.restore()
    assert live.rows() == rows
    assert live.tree() == tree
    assert (result.changed, result.outcome, result.facts["parts"]) == (True, "done", BOTH)
    assert (result.facts["database"]["former"], result.facts["documents"]["former"]) == (None, None)
    assert result.warnings == []
    assert (live.databases(), live.directories()) == (
        [live.database],
        ["documents", f"documents__restore_{result.restore_point}.json"],
    )
    before = live.traces()
    again = live.restore()
    assert (again.changed, again.outcome, again.facts["parts"]) == (False, "unchanged", [])
    assert live.traces() == before
    live.drop()


def test_restore_undo_and_restore_again(points: Series, live: Live) -> None:
    damaged = damage(live)
    result = live.restore()
    assert live.state() == points.states[NEWER]
    formers = result.facts["database"]["former"], result.facts["documents"]["former"]
    assert formers == (f"{live.database}__before_{NEWER}", f"{live.documents}__before_{NEWER}")
    assert (live.rows(formers[0]), live.tree(formers[1])) == damaged

    undone = live.restore(undo=True)
    assert (undone.changed, undone.restore_point, undone.facts["parts"]) == (True, NEWER, BOTH)
    assert live.state() == damaged
    kept = undone.facts["database"]["kept"], undone.facts["documents"]["kept"]
    assert (live.rows(kept[0]), live.tree(kept[1])) == points.states[NEWER]
    assert refusal(live, Refused, undo=True).startswith("There is no restore to undo")

    redone = live.restore()
    assert live.state() == points.states[NEWER]
    assert (redone.facts["parts"], redone.facts["database"]["former"]) == (BOTH, f"{live.database}__before_{NEWER}_2")
    assert live.restore().outcome == "unchanged"


def test_a_restore_on_top_of_a_restore_is_undone_first(points: Series, live: Live) -> None:
    live.restore(backup_id=OLDER)
    changed = damage(live)
    live.restore(backup_id=NEWER)
    assert live.restore(undo=True).restore_point == NEWER
    assert live.state() == changed
    assert live.restore(settle=True).facts["live"] == dict.fromkeys(BOTH, f"restore point {OLDER}")


def test_sessions_are_ended_and_may_come_back(points: Series, live: Live) -> None:
    damage(live)
    with live.admin.connect() as session:
        live.restore(parts=["database"])
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    assert live.rows() == points.states[NEWER][0]


def test_an_instant_means_what_was_true_then(points: Series, live: Live) -> None:
    damage(live)
    assert live.restore(backup_id="2026-03-31 18:00 Europe/Paris").restore_point == OLDER
    assert live.state() == points.states[OLDER]
    for wanted, meant in (
        ("latest", NEWER),
        (OLDER, OLDER),
        ("2026-03-31T16:00:01+00:00", NEWER),
        ("2027-01-01 00:00 America/Toronto", NEWER),
    ):
        planned = live.restore(True, backup_id=wanted, parts=["documents"])
        assert (planned.restore_point, planned.changed) == (meant, meant == NEWER)


def test_what_was_found_out_about_restore_points_counts(points: Series, own: Live) -> None:
    assert "latest_verified" not in refusal(own, backup_id="latest_verified")
    store = connect(own.store)
    write_record(store, OLDER, "verified", {"findings": []})
    write_record(store, NEWER, "damaged", {"findings": []})
    damage(own)
    assert own.restore(True, backup_id="latest_verified").restore_point == OLDER
    assert own.restore(True).restore_point == OLDER
    assert own.restore(True, backup_id=NEWER).restore_point == NEWER


@pytest.mark.parametrize("part", BOTH)
def test_one_half_alone(part: str, points: Series, live: Live) -> None:
    damaged = damage(live)
    other: dict[str, dict[str, Any]] = {
        "database": {"documents_path": None},
        "documents": {"db_host": None, "db_name": None, "db_user": None},
    }
    result = live.restore(parts=[part], **other[part])
    assert result.facts["parts"] == [part]
    wanted = points.states[NEWER]
    assert live.state() == ((wanted[0], damaged[1]) if part == "database" else (damaged[0], wanted[1]))
    live.restore(undo=True, parts=[part], **other[part])
    assert live.state() == damaged


def test_only_the_half_that_differs_is_restored(points: Series, live: Live) -> None:
    inode = live.documents.stat().st_ino
    live.admin.execute("DELETE FROM llx_const WHERE name = 'NEW'")
    assert live.restore().facts["parts"] == ["database"]
    (live.documents / "extra.txt").touch()
    oid = live.admin.execute("SELECT oid FROM pg_database WHERE datname = current_database()")
    assert live.documents.stat().st_ino == inode
    assert live.restore().facts["parts"] == ["documents"]
    assert live.admin.execute("SELECT oid FROM pg_database WHERE datname = current_database()") == oid
    assert live.state() == points.states[NEWER]
    # Both come from that restore point.
    assert live.restore(undo=True).facts["parts"] == BOTH


# Elsewhere


@pytest.fixture
def elsewhere(live: Live, tmp_path: pathlib.Path) -> Iterator[Live]:
    """Another database and directory, neither of which exists."""
    (tmp_path / "elsewhere").mkdir()
    other = dataclasses.replace(live, database=f"{live.database}_other", documents=tmp_path / "elsewhere/documents")
    yield other
    other.drop()


def test_into_another_place(points: Series, live: Live, elsewhere: Live) -> None:
    before = live.state(), live.directories()
    result = elsewhere.restore(mode="into")
    assert elsewhere.state() == points.states[NEWER]
    assert result.facts["database"]["name"] == elsewhere.database
    assert elsewhere.restore(mode="into").outcome == "unchanged"
    # It was made by a restore, so it may be replaced, and is kept all the same.
    elsewhere.restore(mode="into", backup_id=OLDER)
    assert elsewhere.state() == points.states[OLDER]
    assert elsewhere.rows(f"{elsewhere.database}__before_{OLDER}") == points.states[NEWER][0]
    assert (live.state(), live.directories()) == before


def test_into_what_is_empty(points: Series, elsewhere: Live) -> None:
    elsewhere.documents.mkdir()
    elsewhere.cluster.admin.execute(f"CREATE DATABASE {elsewhere.database}")
    elsewhere.restore(mode="into")
    assert elsewhere.state() == points.states[NEWER]


def test_into_what_is_somebody_elses(live: Live) -> None:
    sentence = refusal(live, Refused, mode="into", parts=["database"])
    assert sentence == (
        f"The database {live.database} holds tables that no restore made: choose another db_name, or mode=switch."
    )
    sentence = refusal(live, Refused, mode="into", parts=["documents"])
    assert sentence == (
        f"{live.documents} holds files that no restore made: choose another documents_path, or mode=switch."
    )


def test_single_documents(points: Series, live: Live, tmp_path: pathlib.Path) -> None:
    target = tmp_path / "handed-over"
    options: dict[str, Any] = {"parts": ["documents"], "mode": "into", "documents_path": str(target), "db_host": None}
    before = live.traces()
    result = live.restore(paths=["facture/FA2/*.pdf"], backup_id=OLDER, **options)
    assert (result.changed, result.facts["documents"]["files"]) == (True, 1)
    path = "facture/FA2/FA2.pdf"
    (content,) = [thing for name, thing in live.tree(target).items() if name == path.encode()]
    assert content[:5] == points.states[OLDER][1][path.encode()][:5]
    shutil.rmtree(target)
    assert refusal(live, paths=["facture/FA9/*"], **options).startswith(
        f"No document of {NEWER} matches facture/FA9/*:"
    )
    assert not target.exists()
    assert live.traces() == before


# What is refused


def test_a_missing_or_cut_object_is_named(points: Series, own: Live) -> None:
    damaged = damage(own)
    objects = own.bucket.manifests()[NEWER]["objects"]
    assert Counter(item["part"] for item in objects) == {"database": 1, "index": 1, "documents": 2}
    for item in objects:
        body = own.bucket.read(item["key"])
        own.bucket.delete(item["key"])
        assert refusal(own) == (
            f"The restore point {NEWER} is not whole: s3://{own.store.bucket}/{own.prefix}/{item['key']} is missing."
            " Choose another one, nothing was changed."
        )
        own.bucket.write(item["key"], body)
    own.bucket.write(item["key"], body[:-1])
    assert f"has {len(body) - 1} bytes instead of {len(body)}." in refusal(own)
    assert own.state() == damaged
    own.bucket.write(item["key"], body)
    assert own.restore(True).changed


def test_two_missing_objects_are_named(points: Series, own: Live) -> None:
    keys = [item["key"] for item in own.bucket.manifests()[NEWER]["objects"]][:2]
    for key in keys:
        own.bucket.delete(key)
    with pytest.raises(ErpError) as caught:
        own.restore()
    assert [finding["key"] for finding in caught.value.facts["findings"]] == keys


def test_restore_points_that_are_not_meant(live: Live) -> None:
    assert f"belongs to the instance '{INSTANCE}', not to 'other'" in refusal(live, instance_id="other")
    assert refusal(live, backup_id="20200101T000000Z").startswith(
        "There is no restore point 20200101T000000Z (the newest"
    )
    assert "of 2026-03-31T15:00:00+00:00 or before" in refusal(live, backup_id="2026-03-31 17:00 Europe/Paris")
    assert "add its name, for example Europe/Paris" in refusal(live, backup_id="2026-03-31 17:00")
    assert refusal(live, s3_prefix="erp/nowhere").startswith("There is no restore point below the prefix")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"db_host": None}, "Restoring the database needs db_host, db_name and db_user"),
        ({"documents_path": None}, "Restoring the documents needs documents_path"),
        ({"paths": ["*"]}, "Single documents are restored into another directory"),
        ({"paths": ["*"], "parts": ["documents"]}, "Single documents are restored into another directory"),
        ({"sanitize": True, "parts": ["documents"]}, "The option sanitize changes the restored database"),
    ],
)
def test_options_that_make_no_sense_together(changes: dict[str, Any], sentence: str, live: Live) -> None:
    assert refusal(live, **changes).startswith(sentence)


def test_no_room_for_the_documents(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    damage(live)
    real = os.statvfs

    def small(blocks: int, files: int) -> None:
        def statvfs(path: Any) -> Any:
            found = real(path)
            if path != str(live.documents.parent):
                return found
            values = {name: getattr(found, name) for name in dir(found) if name.startswith("f_")}
            return type("Room", (), values | {"f_bavail": blocks, "f_favail": files})

        monkeypatch.setattr(os, "statvfs", statvfs)

    small(10, 10_000)
    assert refusal(live).startswith(f"The documents of {NEWER} need 0 MiB and {live.documents.parent} has 0 MiB free")
    small(10_000_000, 3)
    assert "has 3 free: remove files there." in refusal(live)
    small(10_000_000, 10_000)
    assert live.restore().changed


def test_no_room_for_the_database(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    damage(live)
    real = os.statvfs
    directory = str(live.cluster.server.data)

    def statvfs(path: Any) -> Any:
        found = real(path)
        return type("Room", (), {"f_bavail": 0, "f_frsize": found.f_frsize}) if path == directory else found

    monkeypatch.setattr(os, "statvfs", statvfs)
    assert "has 0 MiB free and about 0 MiB are needed: free space there." in refusal(live)


def test_directories_that_cannot_be_switched(live: Live, tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").touch()
    assert refusal(live, Refused, documents_path=str(tmp_path / "file")).endswith("is not a directory: move it away.")
    assert refusal(live, documents_path=str(tmp_path / "no/documents")) == (
        f"The directory {tmp_path / 'no'} does not exist: create it or correct documents_path."
    )


# What goes wrong on the way


def test_a_switch_that_fails_half_way_is_taken_back(
    points: Series, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = damage(live)

    def full(self: DocumentsSwitch) -> str:
        assert live.rows() == points.states[NEWER][0]  # the database was switched before
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(DocumentsSwitch, "switch", full)
        with pytest.raises(ErpError, match="^The switch was taken back, what was live is live again: .* No space left"):
            live.restore()
    assert live.state() == damaged
    assert live.restore().facts["parts"] == BOTH
    assert live.state() == points.states[NEWER]


def test_a_rename_that_fails_half_way_is_settled(points: Series, live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """The documents were live already when the rest of their switch failed: both halves go back."""
    damaged = damage(live)
    monkeypatch.setattr(switch_documents, "exchange", lambda one, other: False)
    real = os.rename

    def rename(old: Any, new: Any, **places: Any) -> None:
        if new == str(live.documents):
            raise OSError(errno.EIO, "Input/output error")
        real(old, new, **places)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", rename)
        with contextlib.suppress(ErpError):
            live.restore()
    settled = live.restore(settle=True)
    assert settled.outcome in ("done", "unchanged")
    rows, tree = live.state()
    assert rows in (damaged[0], points.states[NEWER][0])
    assert tree in (damaged[1], points.states[NEWER][1])
    live.restore()
    assert live.state() == points.states[NEWER]


def test_an_undo_that_could_not_be_whole_is_refused(live: Live) -> None:
    damage(live)
    shutil.rmtree(live.documents)
    live.restore()
    assert refusal(live, Refused, undo=True).startswith(
        f"Nothing is there any more of the documents that {NEWER} replaced"
    )
    assert live.restore(undo=True, parts=["database"]).changed


@pytest.mark.parametrize("beneath", [False, True], ids=["first restore", "restored before"])
def test_an_undo_that_stops_between_the_halves_goes_on(
    beneath: bool, points: Series, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    if beneath:
        live.restore(backup_id=OLDER)
    damaged = damage(live)
    live.restore()
    with monkeypatch.context() as patch:
        patch.setattr(DocumentsSwitch, "undo", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            live.restore(undo=True)
    assert live.state() == (damaged[0], points.states[NEWER][1])
    assert live.restore(undo=True).facts["parts"] == ["documents"]
    assert live.state() == damaged


# The sandbox, and what was encrypted


def test_a_copy_is_made_harmless_before_anybody_sees_it(points: Series, live: Live) -> None:
    live.admin.execute("UPDATE llx_user SET api_key = 'of today'")
    before = live.rows()
    result = live.restore(sanitize=True, parts=["database"])
    steps = {step["step"]: step for step in result.facts["database"]["sanitized"]}
    assert {"outgoing mail off", "scheduled jobs off", "API keys of users dropped"} <= steps.keys()
    assert live.admin.execute("SELECT count(*) FROM llx_user WHERE api_key IS NOT NULL") == [(0,)]
    assert live.admin.execute("SELECT count(*) FROM llx_cronjob WHERE status <> 0") == [(0,)]
    mails = "SELECT DISTINCT value FROM llx_const WHERE name = 'MAIN_DISABLE_ALL_MAILS'"
    assert live.admin.execute(mails) == [("1",)]
    rows, wanted = live.rows(), points.states[NEWER][0]
    touched = {name.rpartition("_id_seq")[0] or name for name in rows if rows[name] != wanted[name]}
    assert {name for name in touched if "seq" not in name} <= {
        "public.llx_const",
        "public.llx_cronjob",
        "public.llx_user",
        "public.llx_societe",
    }
    # Whoever wants the copy as it was gets it, and whoever wants it harmless again gets that.
    assert live.restore(parts=["database"]).changed
    assert live.rows() == wanted
    live.restore(undo=True, parts=["database"])
    assert live.restore(sanitize=True, parts=["database"]).changed
    live.restore(undo=True, parts=["database"])
    assert live.rows() != before


def test_another_key_of_the_instance_is_said(live: Live) -> None:
    assert live.restore(instance_unique_id=UNIQUE_ID).warnings == []
    (warning,) = live.restore(instance_unique_id="another").warnings
    assert warning.startswith("The restore point was made under another $dolibarr_main_instance_unique_id")
    assert live.restore().warnings == []


# What was put aside


def test_former_states_are_dropped_by_an_explicit_step_only(points: Series, live: Live) -> None:
    damage(live)
    made = live.restore().facts
    formers = {"database": [made["database"]["former"]], "documents": [made["documents"]["former"]]}
    assert live.restore(drop_former=True).facts["dropped"] == {"database": [], "documents": []}
    before = live.traces()
    planned = live.restore(True, drop_former=True, keep_days=0)
    assert (planned.changed, planned.facts["dropped"]) == (True, formers)
    assert live.traces() == before
    done = live.restore(drop_former=True, keep_days=0)
    assert (done.changed, done.facts["dropped"]) == (True, formers)
    assert (live.databases(), live.directories()) == (
        [live.database],
        ["documents", f"documents__restore_{NEWER}.json"],
    )
    assert live.state() == points.states[NEWER]
    assert live.restore(drop_former=True, keep_days=0).outcome == "unchanged"
    for parts in (["database"], ["documents"], BOTH):
        assert refusal(live, Refused, undo=True, parts=parts) == (
            f"Nothing is there any more of the {' and the '.join(parts)} that {NEWER} replaced:"
            " nothing can be undone and nothing was changed, restore another restore point."
        )
    assert live.restore().outcome == "unchanged"


def test_what_was_restored_and_undone_is_dropped_too(live: Live) -> None:
    damaged = damage(live)
    live.restore()
    undone = live.restore(undo=True).facts
    kept = {part: [undone[part]["kept"]] for part in BOTH}
    assert live.restore(True, drop_former=True, keep_days=0).facts["dropped"] == kept
    assert live.restore(drop_former=True, keep_days=0).facts["dropped"] == kept
    assert live.state() == damaged


# Check mode


def test_check_mode_changes_nothing_at_all(points: Series, own: Live, tmp_path: pathlib.Path) -> None:
    damaged = damage(own)

    def everything() -> tuple[Any, ...]:
        return own.traces(), own.state(), own.bucket.bodies(), sorted(tmp_path.rglob("*"))

    before = everything()

    def plan(**changes: Any) -> RestoreResult:
        result = own.restore(True, **changes)
        assert everything() == before
        return result

    planned = plan()
    assert (planned.changed, planned.outcome, planned.facts["parts"]) == (True, "done", BOTH)
    assert planned.diff == {
        "before": dict.fromkeys(BOTH, "not restored"),
        "after": dict.fromkeys(BOTH, f"restore point {NEWER}"),
    }
    assert plan(sanitize=True).changed
    assert plan(mode="into", db_name=f"{own.database}_other", documents_path=str(tmp_path / "other")).changed
    assert plan(
        mode="into", parts=["documents"], paths=["*"], documents_path=str(tmp_path / "other"), db_name=None
    ).changed
    assert not plan(settle=True).changed
    assert not plan(drop_former=True, keep_days=0).changed
    own.restore()
    before = everything()
    assert not plan().changed
    undone = plan(undo=True)
    assert (undone.changed, undone.facts["parts"]) == (True, BOTH)
    assert undone.diff["after"] == dict.fromkeys(BOTH, f"what was live before {NEWER}")
    assert plan(drop_former=True, keep_days=0).changed
    own.restore(undo=True)
    assert own.state() == damaged


# One flipped bit


class Memory(Held):
    """A store that is a dictionary: what the wire does is tested elsewhere, and two hundred restores take no minutes."""

    clock_offset = None

    def check_bucket(self) -> None:
        """It is there."""

    def list(self, prefix: str) -> Iterator[Listed]:
        at = datetime.fromtimestamp(0, UTC)
        yield from (Listed(key, len(body), "", at) for key, body in self.bodies.items() if key.startswith(prefix))


@pytest.fixture(scope="module")
def tiny(postgres: Cluster, moto: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """As little as needs every kind of object: one table, two documents, the second run adding to the first."""
    documents = tmp_path_factory.mktemp("tiny") / "documents"
    documents.mkdir()
    database = postgres.empty_database()
    database.execute("CREATE TABLE llx_societe (rowid int PRIMARY KEY, nom text)")
    database.execute("INSERT INTO llx_societe SELECT n, 'Société ' || n FROM generate_series(1, 50) n")
    live = Live(postgres, moto.fresh(), database.name, documents)
    scene = Scene(database, live.store, documents, postgres.bin_dir)
    dice = random.Random(3)
    with named_points(OLDER, NEWER):
        for number in range(2):
            (documents / f"{number}.pdf").write_bytes(dice.randbytes(1_000))
            os.utime(documents / f"{number}.pdf", (1_700_000_000, 1_700_000_000))
            scene.back_up()
    database.execute("DELETE FROM llx_societe WHERE rowid = 1")
    (documents / "0.pdf").unlink()
    yield live
    live.drop()


def test_one_flipped_bit_is_found_two_hundred_times_out_of_two_hundred(
    tiny: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Memory(tiny.bucket.bodies())
    monkeypatch.setattr(run, "Store", lambda options: store)
    parts = {item["key"]: item["part"] for item in tiny.bucket.manifests()[NEWER]["objects"]}
    keys = [*parts, f"manifests/{NEWER}.json"]
    assert sorted(parts.values()) == ["database", "documents", "documents", "index"]
    before = tiny.state()
    dice = random.Random(20261120)
    missed, struck = [], Counter[str]()
    with tiny.cluster.admin.connect() as connection:
        for number in range(FLIPS):
            key = dice.choice(keys)
            # The half that the object belongs to must read it; the other one may wait for its switch, restored.
            forget(tiny, half(parts.get(key)), connection)
            whole = store.bodies[key]
            bit = dice.randrange(8 * len(whole)) if number % 10 else UNUSED
            altered = bytearray(whole)
            altered[bit // 8] ^= 1 << bit % 8
            where = f"bit {bit} of {key} (number {number})"
            store.bodies[key] = bytes(altered)
            struck[key] += 1
            if found_by_verification(store) != [key]:
                missed.append(f"verify=full: {where}")
            names = live_names(tiny, connection)
            try:
                tiny.restore(backup_id=NEWER, parts=BOTH if number % 8 == 0 else [half(parts.get(key))])
                missed.append(f"restore: {where}")
            except ErpError as error:
                if not str(error).endswith("."):
                    missed.append(f"no sentence: {where}: {error}")
            if live_names(tiny, connection) != names:
                missed.append(f"touched: {where}")
            store.bodies[key] = whole
    assert missed == []
    assert struck.keys() == set(keys) and min(struck.values()) > FLIPS / 10
    assert tiny.state() == before
    assert found_by_verification(store) == []
    assert tiny.restore().facts["parts"] == BOTH


def found_by_verification(store: Memory) -> list[str]:
    """The keys that a full verification of the newer restore point finds wrong."""
    options = InfoOptions(verify="full", points=(NEWER,))
    return [finding["key"] for finding in read_info(store, INSTANCE, options, True, datetime.now(UTC))["findings"]]


def half(part: str | None) -> str:
    """The half of a restore that reads a part of the restore point; a manifest is read for any."""
    return "database" if part == "database" else "documents"


Connection = psycopg.Connection[tuple[Any, ...]]


def live_names(live: Live, connection: Connection) -> tuple[Any, ...]:
    """What the live names point to."""
    status = live.documents.stat()
    found = connection.execute(
        "SELECT oid, datallowconn, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
        [live.database],
    )
    return found.fetchall(), status.st_ino, status.st_ctime_ns


def forget(live: Live, part: str, connection: Connection) -> None:
    """Remove what was restored of a half and waits."""
    if part == "database":
        name = sql.Identifier(f"{live.database}__restore_{NEWER}")
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
    else:
        for path in live.documents.parent.glob("documents__rest*"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
