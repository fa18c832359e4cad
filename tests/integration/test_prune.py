# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pruning restore points in a real object store: what goes, when, in which order, and what never does."""

from __future__ import annotations

import contextlib
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup import prune as pruning
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store, StoreError
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from tests.support import stores
from tests.support.prune_scene import DAY, GENEROUS, Scene, actions, codes, name, owned_by, reasons

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)


@pytest.fixture
def scene(object_store: stores.Store) -> Scene:
    return Scene(object_store, NOW)


def test_an_empty_prefix_is_unchanged(scene: Scene) -> None:
    facts = scene.prune().facts

    assert (facts["outcome"], facts["changed"], facts["plan"], facts["anchor"]) == ("unchanged", False, [], None)


def test_check_mode_is_the_plan_and_writes_nothing(scene: Scene) -> None:
    ids = scene.daily(10)
    before = scene.listing()
    result = scene.prune(check_mode=True)
    facts = result.facts

    assert scene.listing() == before
    assert (facts["outcome"], facts["changed"]) == ("done", True)
    assert actions(facts, "tombstone") == set(ids[1:5])
    assert (facts["kept"], facts["tombstoned"], facts["swept"]) == (6, 4, 0)
    assert reasons(facts, ids[0]).startswith("oldest good restore point while the yearly tier is not full")
    assert facts["anchor"] == ids[-1]
    assert [line for line in result.after if line not in result.before] == [f"{ident} tombstone" for ident in ids[1:5]]


def test_a_tombstone_comes_first_and_the_sweep_after_the_grace(scene: Scene) -> None:
    ids = scene.daily(10)
    before = scene.listing()
    facts = scene.prune().facts

    assert facts["outcome"] == "done"
    added = scene.listing() - before
    assert {key.split("/")[1] for key in added if key.startswith("records/")} == set(ids[1:5])
    assert all("/tombstone-" in key for key in added if key.startswith("records/"))
    tombstone = json.loads(scene.read(next(key for key in added if ids[1] in key)))
    assert tombstone["plan_id"] == facts["plan_id"]
    assert any("outside the daily window" in reason for reason in tombstone["reasons"])
    assert before <= scene.listing(), "nothing is deleted yet"

    scene.wait(13)
    waiting = scene.prune(**GENEROUS).facts
    assert actions(waiting, "wait") >= set(ids[1:5])
    assert set(ids) <= set(scene.ids())
    scene.wait(1.5)
    swept = scene.prune(**GENEROUS).facts
    assert actions(swept, "sweep") == set(ids[1:5])
    assert swept["swept"] == 4
    assert not owned_by(ids[1:5], scene.listing("manifests/", "db/", "docs/"))
    assert swept["bytes_freed"] > 4 * 3 * len("db/20261016T040000Z.dump.zst")
    assert set(ids) - set(ids[1:5]) <= set(scene.ids())


def test_a_second_run_changes_no_byte(scene: Scene) -> None:
    scene.daily(10)
    scene.prune()
    before = scene.listing()
    facts = scene.prune().facts

    assert (facts["outcome"], facts["changed"]) == ("unchanged", False)
    assert scene.listing() == before


def test_an_applied_plan_is_left_behind_and_linked_to_the_one_before(scene: Scene) -> None:
    scene.daily(10)
    first = scene.prune().facts
    scene.wait(1)
    scene.prune()
    keys = sorted(scene.listing("plans/"))
    plans = [json.loads(scene.read(key)) for key in keys]

    assert len(plans) == 2
    assert plans[0]["previous"] is None
    assert plans[0]["plan_id"] == first["plan_id"]
    assert plans[0]["decisions"] == first["plan"]
    assert plans[0]["anchor"]["id"] == first["anchor"]
    assert plans[0]["done"]["tombstoned"] == sorted(actions(first, "tombstone"))
    body = scene.read(keys[0])
    assert plans[1]["previous"] == {"key": keys[0], "sha256": hashlib.sha256(body).hexdigest()}


class TestSharedObjects:
    """Mark and sweep: what another manifest needs stays, whoever made it."""

    def test_objects_that_a_kept_manifest_lists_survive_their_restore_point(self, scene: Scene) -> None:
        old = scene.back_up(NOW - 40 * DAY)
        shared = [f"db/{old}.dump.zst", f"docs/{old}.tar.zst"]
        scene.back_up(NOW - 2 * DAY, dump=False, archive=False, shared=shared)
        scene.back_up(NOW - DAY, dump=False, archive=False, shared=shared[1:])
        options: dict[str, Any] = {
            "months": 0,
            "years": 0,
            "verified_floor": 0,
            "grace_days": 0,
            "max_delete_share": 0.5,
        }
        facts = scene.prune(**options).facts

        assert old not in scene.ids()
        assert owned_by([old], scene.listing("db/", "docs/")) == set(shared)
        assert f"docs/{old}.index.jsonl.zst" not in scene.listing()
        assert facts["bytes_freed"] > 0

        # The last manifest that lists the dump goes: so does the dump, though it carries another id.
        scene.wait(8)
        scene.prune(**{**options, **GENEROUS})
        assert owned_by([old], scene.listing("db/", "docs/")) == set()

    def test_documents_archives_stay_for_the_legal_period_of_their_year(self, scene: Scene) -> None:
        scene.back_up(NOW - 60 * DAY)
        old = scene.back_up(NOW - 40 * DAY)
        scene.back_up(NOW - DAY)
        options: dict[str, Any] = {
            "months": 0,
            "years": 0,
            "verified_floor": 0,
            "grace_days": 0,
            "max_delete_share": 0.5,
        }
        facts = scene.prune(**options, financial_year_end="12-31").facts

        assert old not in scene.ids()
        assert owned_by([old], scene.listing("db/", "docs/")) == {f"docs/{old}.tar.zst"}
        assert facts["documents_kept"] == [f"docs/{old}.tar.zst"]
        again = scene.prune(**options, financial_year_end="12-31").facts
        assert (again["outcome"], again["documents_kept"]) == ("unchanged", facts["documents_kept"])

        # Eleven years later the year of 2026 is over, legally too.
        scene.now += 4060 * DAY
        scene.back_up(scene.now - DAY)
        later = scene.prune(**options, financial_year_end="12-31", max_delete_count=9, max_delete_yearly=9).facts
        assert later["documents_kept"] == []
        assert owned_by([old], scene.listing("db/", "docs/")) == set()

    def test_keys_that_no_manifest_lists_beside_a_restore_point_are_left_alone(self, scene: Scene) -> None:
        ids = scene.daily(10)
        scene.write(f"db/{ids[2]}.notes.txt")
        strange = ["docs/readme.txt", f"records/{ids[-1]}/damaged-20261399T000000000000Z.json"]
        for key in strange:
            scene.write(key)
        facts = scene.prune(grace_days=0).facts

        assert ids[2] not in scene.ids()
        for key in strange:
            assert key in scene.listing()
            assert any(f"{key} is not an object of this collection" in alarm for alarm in facts["alarms"])


class TestLeftovers:
    """What stopped runs left: finished or cleaned by the next run, never by hand."""

    def test_an_unfinished_run_is_swept_after_a_day_but_for_the_three_newest(self, scene: Scene) -> None:
        scene.daily(5)
        old = [name(NOW - number * DAY - timedelta(hours=3)) for number in (9, 8, 7, 6)]
        for ident in old:
            scene.write(f"docs/{ident}.tar.zst")
            scene.write(f"db/{ident}.dump.zst")
        young = name(NOW - timedelta(hours=23))
        scene.write(f"db/{young}.dump.zst")
        facts = scene.prune().facts

        # The run of this night is one of the three.
        assert actions(facts, "sweep") == {old[0], old[1]}
        assert owned_by(old + [young], scene.listing("db/", "docs/")) == owned_by(old[2:] + [young], scene.listing())
        assert "a run that may still be writing" in reasons(facts, young)
        scene.back_up(NOW)
        assert actions(scene.prune(unfinished_floor=0).facts, "sweep") == set(old[2:])
        assert owned_by([young], scene.listing("db/"))

    def test_stale_uploads_are_aborted_and_young_ones_are_not(self, scene: Scene) -> None:
        scene.daily(3)
        client = scene.client
        keys = [scene.key(f"db/{name(NOW - hours * timedelta(hours=1))}.dump.zst") for hours in (30, 20)]
        for key in keys:
            client.create_multipart_upload(Bucket=scene.bucket.bucket, Key=key)
        assert scene.prune(check_mode=True).facts["aborted_uploads"] == 1
        assert sorted(scene.bucket.uploads()) == sorted(keys)
        facts = scene.prune().facts

        assert (facts["aborted_uploads"], facts["outcome"]) == (1, "done")
        assert scene.bucket.uploads() == [keys[1]]
        assert scene.prune().facts["outcome"] == "unchanged"

    @pytest.mark.parametrize("calls", [1, 5, 13, 25])
    def test_a_sweep_that_was_stopped_is_finished_by_the_next_run(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch, calls: int
    ) -> None:
        ids = scene.daily(10)
        scene.prune()
        scene.wait(14.5)
        expected = actions(scene.prune(check_mode=True, **GENEROUS).facts, "sweep")
        left = [calls]
        for method in ("delete", "put_once"):
            whole = getattr(Store, method)

            def broken(self: Store, *arguments: Any, _whole: Any = whole) -> Any:
                left[0] -= 1
                if left[0] <= 0:
                    raise StoreError("the connection broke")
                return _whole(self, *arguments)

            monkeypatch.setattr(Store, method, broken)
        with contextlib.suppress(StoreError):
            scene.prune(**GENEROUS)
        monkeypatch.undo()
        for ident in scene.ids():
            assert len(owned_by([ident], scene.listing("db/", "docs/"))) == 3, "a manifest is never without its objects"

        facts = scene.prune(**GENEROUS).facts
        assert facts["outcome"] in ("done", "unchanged")
        assert not owned_by(expected, scene.listing("manifests/", "db/", "docs/"))
        assert set(ids) - expected <= set(scene.ids())
        assert scene.prune().facts["outcome"] == "unchanged"


class TestRefusals:
    """Nothing is deleted when something smells wrong, and the plan is in the result."""

    def refused(self, scene: Scene, code: str, **options: Any) -> Refused:
        before = scene.listing()
        with pytest.raises(Refused) as caught:
            scene.prune(**options)
        assert scene.listing() == before
        assert code in codes(caught.value.facts)
        assert caught.value.facts["outcome"] == "refused"
        assert caught.value.facts["changed"] is False
        assert caught.value.facts["plan"]
        return caught.value

    def test_too_many_refuse_and_check_mode_says_so_without_failing(self, scene: Scene) -> None:
        scene.daily(17)
        error = self.refused(scene, "too_many")

        assert "max_delete_count" in str(error)
        shown = scene.prune(check_mode=True)
        assert (shown.facts["outcome"], shown.facts["changed"]) == ("refused", False)
        assert shown.before == shown.after
        approved = scene.prune(max_delete_count=11, max_delete_share=0.7, plan_id=shown.facts["plan_id"]).facts
        assert approved["tombstoned"] == len(actions(shown.facts, "tombstone"))

    def test_nothing_verified_since_the_last_prune(self, scene: Scene) -> None:
        scene.daily(10)
        scene.prune()
        scene.now += DAY
        scene.back_up(scene.now, verified=False)
        assert scene.prune().facts["outcome"] == "unchanged", "nothing to delete, nothing to refuse"
        scene.now += 14 * DAY
        self.refused(scene, "no_new_verified", allow_stale_anchor=True)

    def test_nothing_verified_at_all(self, scene: Scene) -> None:
        scene.daily(36, verified=False)
        self.refused(scene, "no_verified")

    def test_a_stale_anchor(self, scene: Scene) -> None:
        scene.daily(10)
        scene.now += 2 * DAY
        self.refused(scene, "stale_anchor")
        assert scene.prune(allow_stale_anchor=True).facts["outcome"] == "done"

    def test_a_clock_that_is_off(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        scene.daily(10)
        monkeypatch.setattr(Store, "clock_offset", property(lambda _self: 301.0))
        self.refused(scene, "clock_skew")
        monkeypatch.setattr(Store, "clock_offset", property(lambda _self: None))
        self.refused(scene, "clock_unknown")

    def test_a_clock_before_the_last_prune(self, scene: Scene) -> None:
        scene.daily(10)
        scene.prune()
        scene.wait(15)
        scene.now = NOW - timedelta(hours=1)
        scene.write("plans/20261205T060000000000Z.json", scene.read(next(iter(scene.listing("plans/")))))
        assert "clock_before_last_prune" in codes(scene.prune(check_mode=True).facts)

    @pytest.mark.parametrize(
        ("body", "says"),
        [
            (b'{"format": "arcodange.erp/restore-po', "not complete JSON"),
            (b'{"format": "somebody else"}', "not a manifest of this collection"),
            (b'{"format": "arcodange.erp/restore-point", "format_version": 2}', "update the collection"),
            (b"[]", "not a manifest of this collection"),
        ],
    )
    def test_a_manifest_that_cannot_be_read(self, scene: Scene, body: bytes, says: str) -> None:
        ids = scene.daily(10)
        scene.write(f"manifests/{ids[7]}.json", body)
        error = self.refused(scene, "unreadable")

        assert says in str(error)
        assert actions(error.facts, "ignore") == {ids[7]}

    def test_an_altered_manifest(self, scene: Scene) -> None:
        ids = scene.daily(10)
        body = scene.read(f"manifests/{ids[7]}.json")
        scene.write(f"manifests/{ids[7]}.json", body.replace(b'"sequence":8', b'"sequence":9'))
        assert "does not match its own digest" in str(self.refused(scene, "unreadable"))

    def test_a_manifest_that_was_replaced_by_a_valid_one(self, scene: Scene) -> None:
        ids = scene.daily(10)
        scene.sequence = 7
        again = scene.back_up(NOW - 2 * DAY - timedelta(hours=2), instance={"id": "atelier-lumen", "site": "other"})
        assert again == ids[7]
        self.refused(scene, "altered")

    def test_two_manifests_that_claim_one_key(self, scene: Scene) -> None:
        scene.daily(9)
        first = scene.ids()[0]
        claim = {"key": f"db/{first}.dump.zst", "size": 7, "sha256": "0" * 64, "part": "database"}
        scene.back_up(NOW - timedelta(hours=1), objects=[claim])
        self.refused(scene, "conflict")

    def test_a_manifest_missing_from_the_listing(self, scene: Scene) -> None:
        ids = scene.daily(10)
        scene.bucket.delete(scene.key(f"manifests/{ids[7]}.json"))
        error = self.refused(scene, "missing")
        assert ids[7] in str(error)

        declared = scene.prune(declare_lost=[ids[7]], reason="deleted by hand").facts
        assert declared["recorded"] == [{"kind": "tombstone", "id": ids[7]}]
        assert len(owned_by([ids[7]], scene.listing("db/", "docs/"))) == 3
        facts = scene.prune().facts
        assert facts["outcome"] == "done"
        assert len(owned_by([ids[7]], scene.listing("db/", "docs/"))) == 3, "its objects wait for the grace"
        scene.wait(14.5)
        scene.prune(**GENEROUS)
        assert not owned_by([ids[7]], scene.listing("db/", "docs/"))

    def test_order_against_time(self, scene: Scene) -> None:
        scene.daily(10)
        scene.sequence = 1
        scene.back_up(NOW - timedelta(minutes=30))
        self.refused(scene, "order")

    def test_a_plan_that_is_no_longer_the_one_shown(self, scene: Scene) -> None:
        scene.daily(10)
        shown = scene.prune(check_mode=True).facts["plan_id"]
        scene.wait(1)
        self.refused(scene, "plan_changed", plan_id=shown)

    @pytest.mark.parametrize("what", ["hold", "backup"])
    def test_what_comes_between_plan_and_application(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch, what: str
    ) -> None:
        ids = scene.daily(10)
        describe = pruning.describe

        def between(*arguments: Any) -> dict[str, Any]:
            if what == "hold":
                scene.record(ids[1], "hold", NOW, b'{"reason": "tax audit"}')
            else:
                scene.back_up(NOW)
            return describe(*arguments)

        monkeypatch.setattr(pruning, "describe", between)
        with pytest.raises(Refused) as caught:
            scene.prune()
        assert "catalogue_changed" in codes(caught.value.facts)
        assert not [key for key in scene.listing("records/") if "tombstone" in key]

    def test_a_hold_placed_while_the_sweep_goes_on_is_seen(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        ids = scene.daily(10)
        scene.prune()
        scene.wait(14.5)
        deleted = Store.delete

        def hold_then_delete(self: Store, key: str, version: str | None = None) -> None:
            scene.record(ids[1], "hold", scene.now, b'{"reason": "tax audit"}')
            deleted(self, key, version)

        monkeypatch.setattr(Store, "delete", hold_then_delete)
        facts = scene.prune(**GENEROUS).facts

        assert facts["changed_meanwhile"] == [ids[1]]
        assert len(owned_by([ids[1]], scene.listing("manifests/", "db/", "docs/"))) == 4

    def test_a_backup_that_commits_while_the_sweep_goes_on_finds_its_objects(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = scene.daily(10)
        scene.prune()
        scene.wait(14.5)
        shared = f"docs/{ids[1]}.tar.zst"
        deleted = Store.delete
        committed: list[str] = []

        def commit_then_delete(self: Store, key: str, version: str | None = None) -> None:
            if not committed:
                committed.append(scene.back_up(scene.now, archive=False, shared=[shared]))
            deleted(self, key, version)

        monkeypatch.setattr(Store, "delete", commit_then_delete)
        scene.prune(**GENEROUS)

        assert shared in scene.listing()
        assert not owned_by(ids[1:5], scene.listing("manifests/", "db/"))


class TestInstances:
    def test_restore_points_of_another_instance_are_left_alone(self, scene: Scene) -> None:
        alien = Scene(scene.bucket, NOW, instance="other")
        others = alien.daily(14)
        mine = Scene(scene.bucket, NOW + timedelta(hours=1))
        ids = [mine.back_up(mine.now - number * DAY) for number in range(9, -1, -1)]
        facts = mine.prune(instance_id="atelier-lumen", grace_days=0).facts

        assert actions(facts, "ignore") == set(others)
        assert facts["swept"] == 4
        assert owned_by(others, mine.listing("manifests/", "db/", "docs/")) == owned_by(others, alien.listing("m", "d"))
        assert len(owned_by(others, mine.listing("manifests/"))) == 14
        assert ids[1] not in mine.ids()

    def test_without_an_instance_id_two_instances_are_refused(self, scene: Scene) -> None:
        scene.daily(14)
        other = Scene(scene.bucket, NOW, instance="other", sequence=100)
        other.back_up(NOW - timedelta(hours=1))
        with pytest.raises(Refused, match="set instance_id"):
            scene.prune()


class TestWishes:
    """Holds, releases, undeletes: recorded, never followed by a deletion in the same run."""

    def test_a_hold_keeps_with_its_reason_until_the_release(self, scene: Scene) -> None:
        ids = scene.daily(10)
        held = scene.prune(hold=[ids[1]], reason="tax audit of 2025").facts

        assert (held["outcome"], held["changed"]) == ("done", True)
        assert not [key for key in scene.listing("records/") if "tombstone" in key]
        assert reasons(held, ids[1]) == "held: tax audit of 2025"
        assert actions(scene.prune().facts, "tombstone") == set(ids[2:5])
        assert scene.prune(hold=[ids[1]], reason="tax audit of 2025").facts["outcome"] == "unchanged"
        scene.now += timedelta(hours=1)
        assert scene.prune(release=[ids[1]]).facts["outcome"] == "done"
        assert ids[1] in actions(scene.prune(check_mode=True).facts, "tombstone")

    def test_undelete_brings_back_and_keeps_for_another_grace(self, scene: Scene) -> None:
        ids = scene.daily(10)
        scene.prune()
        scene.now += timedelta(hours=1)
        facts = scene.prune(undelete=[ids[2]], reason="wanted for a comparison").facts

        assert facts["recorded"] == [{"kind": "undelete", "id": ids[2]}]
        assert "brought back on 2026-11-20" in reasons(facts, ids[2])
        scene.wait(13.5)
        scene.prune(**GENEROUS)
        scene.wait(1)
        scene.prune(**GENEROUS)
        assert ids[2] in scene.ids()
        assert ids[1] not in scene.ids()

    def test_check_mode_records_nothing(self, scene: Scene) -> None:
        ids = scene.daily(3)
        before = scene.listing()
        facts = scene.prune(check_mode=True, hold=[ids[1]], reason="tax audit").facts

        assert facts["changed"] is True
        assert scene.listing() == before

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"hold": ["20200101T000000Z"], "reason": "x"}, "There is no restore point 20200101T000000Z"),
            ({"undelete": ["20200101T000000Z"]}, "There is no restore point 20200101T000000Z"),
            ({"hold": ["20261120T040000Z"]}, "A hold needs a reason"),
            ({"declare_lost": ["20261120T040000Z"]}, "it cannot be declared lost"),
            ({"declare_lost": ["20200101T000000Z"]}, "Nothing names a restore point"),
        ],
    )
    def test_a_wish_that_cannot_be_is_one_sentence(self, scene: Scene, options: dict[str, Any], says: str) -> None:
        scene.daily(3)
        before = scene.listing()
        with pytest.raises(ErpError, match=says):
            scene.prune(**options)
        assert scene.listing() == before

    def test_a_record_of_an_unknown_kind_keeps_its_restore_point(self, scene: Scene) -> None:
        ids = scene.daily(10)
        scene.record(ids[1], "sealed", NOW)
        assert "recorded 'sealed' about it" in reasons(scene.prune().facts, ids[1])

    def test_what_is_needed_again_loses_its_tombstone(self, scene: Scene) -> None:
        scene.back_up(NOW - 60 * DAY)
        first, second = scene.back_up(NOW - 33 * DAY), scene.back_up(NOW - 32 * DAY)
        scene.daily(8)
        assert first in actions(scene.prune().facts, "tombstone")
        scene.wait(1)
        # The newest of October turns out to be damaged: the one before it stands for October again.
        scene.record(second, "damaged", scene.now)
        facts = scene.prune(**GENEROUS).facts

        assert "newest of October 2026 (monthly tier)" in reasons(facts, first)
        assert [key for key in scene.listing(f"records/{first}/") if "undelete" in key]
        assert first in actions(scene.prune(check_mode=True).facts, "keep")


class TestVersionsAndLocks:
    """On a versioned bucket space comes back; what is locked stays, whole, and is no error."""

    @pytest.fixture
    def locked(self, moto: stores.Store) -> Scene:
        bucket = moto.fresh()
        name = f"{bucket.bucket}-locked"
        bucket.client().create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
        return Scene(stores.Store(bucket.endpoint, name, bucket.access_key, bucket.secret_key), NOW)

    def versions(self, scene: Scene) -> set[str]:
        answer = scene.client.list_object_versions(Bucket=scene.bucket.bucket)
        found = [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]
        return {one["Key"].removeprefix(f"{scene.prefix}/") for one in found}

    def test_every_version_goes_and_no_delete_marker_stays(self, scene: Scene) -> None:
        scene.client.put_bucket_versioning(Bucket=scene.bucket.bucket, VersioningConfiguration={"Status": "Enabled"})
        ids = scene.daily(10)
        scene.write(f"docs/{ids[1]}.tar.zst", b"another version")
        scene.write(f"docs/{ids[1]}.tar.zst", f"docs/{ids[1]}.tar.zst".encode())
        scene.prune(grace_days=0)

        assert not owned_by(ids[1:5], {key for key in self.versions(scene) if not key.startswith("records/")})
        assert len(owned_by(ids[5:], self.versions(scene))) == 4 * len(ids[5:])

    @pytest.mark.parametrize("part", ["manifests/{}.json", "db/{}.dump.zst", "docs/{}.index.jsonl.zst"])
    @pytest.mark.parametrize("kind", ["retention", "hold"])
    def test_one_locked_object_keeps_the_whole_restore_point(self, locked: Scene, part: str, kind: str) -> None:
        ids = locked.daily(10)
        key = part.format(ids[2])
        client, where = locked.client, {"Bucket": locked.bucket.bucket, "Key": locked.key(key)}
        if kind == "hold":
            client.put_object_legal_hold(**where, LegalHold={"Status": "ON"})
        else:
            until = datetime.now(UTC) + timedelta(days=30)
            client.put_object_retention(**where, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until})
        facts = locked.prune(grace_days=0).facts

        assert facts["outcome"] == "done"
        assert list(facts["kept_by_lock"]) == [ids[2]]
        assert key in facts["kept_by_lock"][ids[2]]
        assert "kept by lock" in reasons(facts, ids[2])
        assert len(owned_by([ids[2]], locked.listing("manifests/", "db/", "docs/"))) == 4
        assert not owned_by([ids[1], ids[3]], locked.listing("manifests/", "db/", "docs/"))

    def test_a_lock_on_a_shared_object_keeps_what_needs_it(self, locked: Scene) -> None:
        old = locked.back_up(NOW - 90 * DAY)
        user = locked.back_up(NOW - 70 * DAY, archive=False, shared=[f"docs/{old}.tar.zst"])
        free = locked.back_up(NOW - 69 * DAY)
        locked.daily(9)
        client = locked.client
        client.put_object_legal_hold(
            Bucket=locked.bucket.bucket, Key=locked.key(f"docs/{old}.tar.zst"), LegalHold={"Status": "ON"}
        )
        options: dict[str, Any] = {"months": 0, "years": 0, "keep_oldest": False, "grace_days": 0}
        facts = locked.prune(**options, max_delete_share=0.5, max_delete_yearly=2).facts

        assert set(facts["kept_by_lock"]) == {old, user}
        assert free not in locked.ids()

    def test_a_lock_placed_after_the_plan_is_seen_by_the_sweep(
        self, locked: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = locked.daily(10)
        describe, client = pruning.describe, locked.client

        def between(*arguments: Any) -> dict[str, Any]:
            client.put_object_legal_hold(
                Bucket=locked.bucket.bucket, Key=locked.key(f"db/{ids[2]}.dump.zst"), LegalHold={"Status": "ON"}
            )
            return describe(*arguments)

        monkeypatch.setattr(pruning, "describe", between)
        facts = locked.prune(grace_days=0).facts

        assert list(facts["kept_by_lock"]) == [ids[2]]
        assert len(owned_by([ids[2]], locked.listing("manifests/", "db/", "docs/"))) == 4


def test_a_copy_of_the_bucket_gives_the_same_plan(scene: Scene, moto: stores.Store) -> None:
    scene.daily(14)
    copy = Scene(moto.fresh(), NOW)
    for key in sorted(scene.listing(), reverse=True):
        copy.write(key, scene.read(key))

    assert copy.prune(check_mode=True).facts["plan_id"] == scene.prune(check_mode=True).facts["plan_id"]
