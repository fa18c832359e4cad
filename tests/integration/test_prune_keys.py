# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pruning what other tools wrote: any prefix whose keys carry a timestamp."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup.prune import PruneResult
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from tests.support import stores
from tests.support.prune_scene import DAY, GENEROUS, Scene, actions, codes, reasons

NOW = datetime(2026, 6, 30, 6, tzinfo=UTC)
TEMPLATE = "backup-{Y}{m}{d}T{H}{M}{S}.dump"


@pytest.fixture
def scene(object_store: stores.Store) -> Scene:
    return Scene(object_store, NOW, prefix="dumps")


def dump(instant: datetime) -> str:
    return instant.strftime("backup-%Y%m%dT%H%M%S.dump")


def daily(scene: Scene, count: int, body: bytes = b"a dump") -> list[str]:
    keys = [dump(NOW.replace(hour=4) - age * DAY) for age in reversed(range(count))]
    for key in keys:
        scene.write(key, body)
    return keys


def prune(scene: Scene, check_mode: bool = False, **options: Any) -> PruneResult:
    return scene.prune(check_mode, **{"catalogue": "keys", "key_template": TEMPLATE, **options})


def test_the_vector_of_1100_days(scene: Scene) -> None:
    keys = daily(scene, 1100)
    options = {"days": 30, "verified_floor": 0, "keep_oldest": False, "grace_days": 0, "max_delete_share": 1}
    for seed_compatible, kept in ((True, 46), (False, 44)):
        facts = prune(scene, check_mode=True, seed_compatible=seed_compatible, max_delete_count=2000, **options).facts

        assert (facts["outcome"], facts["kept"], facts["swept"]) == ("done", kept, 1100 - kept)
        assert facts["bytes_freed"] == (1100 - kept) * len(b"a dump")
        assert reasons(facts, keys[-1]).startswith("0 days before the anchor")


def test_tombstones_grace_and_sweep_work_as_for_manifests(scene: Scene) -> None:
    keys = daily(scene, 10)
    first = prune(scene).facts

    assert first["outcome"] == "done"
    assert actions(first, "tombstone") == set(keys[1:5])
    marks = scene.listing(".prune/records/")
    assert {key.split("/")[2] for key in marks} == set(keys[1:5])
    assert set(keys) <= scene.listing()
    assert prune(scene).facts["outcome"] == "unchanged"

    scene.now += 14 * DAY + timedelta(hours=1)
    scene.write(dump(scene.now - timedelta(hours=1)), b"fresh")
    second = prune(scene, **GENEROUS).facts
    assert actions(second, "sweep") == set(keys[1:5])
    assert not set(keys[1:5]) & scene.listing()
    assert len(scene.listing(".prune/plans/")) == 2
    assert second["unmatched"] == [], "what pruning keeps for itself is no key of anybody"


def test_keys_that_do_not_match_are_reported_and_never_deleted(scene: Scene) -> None:
    keys = daily(scene, 10)
    others = {"README", "backup-20260101T000000.dump.sha256", "old/backup-20260101T000000.dump"}
    for key in others:
        scene.write(key)
    facts = prune(scene, grace_days=0).facts

    assert set(facts["unmatched"]) == others
    assert any("3 keys below" in alarm for alarm in facts["alarms"])
    assert others <= scene.listing()
    assert not set(keys[1:5]) & scene.listing()


def test_an_empty_dump_displaces_nothing_and_stops_the_prune(scene: Scene) -> None:
    keys = daily(scene, 10)
    empty = dump(NOW.replace(hour=5))
    scene.write(empty, b"")
    with pytest.raises(Refused) as caught:
        prune(scene)

    assert codes(caught.value.facts) == {"newest_failed"}
    assert caught.value.facts["anchor"] == keys[-1]
    assert actions(caught.value.facts, "tombstone") == set(keys[1:5])
    scene.write(dump(NOW.replace(hour=5, minute=30)), b"a dump")
    assert prune(scene).facts["outcome"] == "done"


def test_verification_is_not_asked_for_but_clocks_and_limits_are(scene: Scene) -> None:
    daily(scene, 10)
    assert prune(scene, check_mode=True).facts["refusals"] == []
    assert codes(prune(scene, check_mode=True, max_delete_count=3).facts) == {"too_many"}
    scene.now += 3 * DAY
    assert codes(prune(scene, check_mode=True).facts) == {"stale_anchor"}


def test_holds_work_on_keys_with_slashes(scene: Scene) -> None:
    template = "{Y}/{m}/db {Y}{m}{d}.dump"
    keys = [(NOW - age * DAY).strftime("%Y/%m/db %Y%m%d.dump") for age in reversed(range(10))]
    for key in keys:
        scene.write(key)
    held = prune(scene, key_template=template, hold=[keys[2]], reason="before the migration").facts

    assert held["recorded"] == [{"kind": "hold", "id": keys[2]}]
    facts = prune(scene, key_template=template, grace_days=0).facts
    assert "held: before the migration" in reasons(facts, keys[2])
    assert {keys[0], keys[2], *keys[5:]} == {key for key in scene.listing() if not key.startswith(".prune/")}
    assert prune(scene, key_template=template, grace_days=0).facts["outcome"] == "unchanged"


def test_a_new_dump_between_plan_and_application_is_noticed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.arcodange.erp.plugins.module_utils.backup import prune as pruning

    daily(scene, 10)
    describe = pruning.describe

    def between(*arguments: Any) -> dict[str, Any]:
        scene.write(dump(NOW))
        return describe(*arguments)

    monkeypatch.setattr(pruning, "describe", between)
    with pytest.raises(Refused) as caught:
        prune(scene)
    assert "catalogue_changed" in codes(caught.value.facts)


def test_a_missing_template_is_one_sentence(scene: Scene) -> None:
    with pytest.raises(ErpError, match="key_template must say what the keys look like"):
        prune(scene, key_template=None)
