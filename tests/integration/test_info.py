# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue: what it says of restore points, and what each kind of verification finds."""

from __future__ import annotations

import json
import pathlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup.info import InfoOptions, read_info
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store, StoreOptions
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from tests.support import stores
from tests.support.databases import Cluster, Database
from tests.support.restore_points import Scene

INSTANCE = "atelier-lumen"


@pytest.fixture
def scene(
    postgres: Cluster, sample_database: Database, object_store: stores.Store, sample_documents: pathlib.Path
) -> Scene:
    return Scene(sample_database, object_store, sample_documents, postgres.bin_dir)


def info(scene: Scene, check_mode: bool = False, instance: str = INSTANCE, **options: Any) -> dict[str, Any]:
    """What the module would return."""
    found = scene.store
    store = Store(
        StoreOptions(
            bucket=found.bucket,
            prefix=scene.prefix,
            endpoint=found.endpoint,
            access_key=found.access_key,
            secret_key=found.secret_key,
            addressing_style="path",
        )
    )
    return read_info(store, instance, InfoOptions(**options), check_mode, datetime.now(UTC))


def flip_a_bit(scene: Scene, key: str) -> None:
    body = bytearray(scene.bucket.read(key))
    body[len(body) // 2] ^= 1
    scene.bucket.write(key, bytes(body))


def dump_key(point: str) -> str:
    return f"db/{point}.dump.zst"


def test_an_empty_prefix_has_nothing_and_no_freshness(scene: Scene) -> None:
    facts = info(scene)
    assert (facts["restore_points"], facts["count"], facts["latest"], facts["outcome"]) == ([], 0, None, "unchanged")
    assert set(facts["freshness_hours"].values()) == {None}


def test_restore_points_are_listed_newest_first_with_sizes_and_ages(scene: Scene) -> None:
    first, second = scene.back_up().manifest["id"], scene.back_up().manifest["id"]
    facts = info(scene)
    assert [point["id"] for point in facts["restore_points"]] == [second, first]
    newest = facts["restore_points"][0]
    assert newest["states"] == ["complete"]
    assert newest["sequence"] == 2
    assert 0 <= newest["age_hours"] < 1
    assert newest["database"]["stored_bytes"] == scene.bucket.sizes()[dump_key(first)]
    assert newest["documents"]["files"] == 78
    assert facts["latest"] == second
    assert facts["latest_verified"] is None
    assert facts["freshness_hours"]["verified"] is None
    assert facts["freshness_hours"]["database_dump"] >= facts["freshness_hours"]["restore_point"]


def test_a_full_verification_is_recorded_beside_the_manifest_and_goes_on_where_it_stopped(scene: Scene) -> None:
    first, second = scene.back_up().manifest["id"], scene.back_up().manifest["id"]
    before = scene.bucket.keys()
    facts = info(scene, verify="full", points=(first,), verified_within=timedelta(days=1))
    assert (facts["changed"], facts["outcome"]) == (True, "done")
    added = scene.bucket.keys() - before
    assert len(added) == 1 and added.pop().startswith(f"records/{first}/verified-")
    info(scene, verify="full", verified_within=timedelta(days=1))
    assert len(scene.bucket.keys(f"records/{first}/")) == 1
    assert len(scene.bucket.keys(f"records/{second}/")) == 1
    assert [point["states"] for point in info(scene)["restore_points"]] == [["complete", "verified"]] * 2
    again = info(scene, verify="full", verified_within=timedelta(days=1))
    assert (again["changed"], again["outcome"]) == (False, "unchanged")
    assert info(scene, verify="full")["changed"] is True


def test_check_mode_reads_everything_and_records_nothing(scene: Scene) -> None:
    point = scene.back_up().manifest["id"]
    flip_a_bit(scene, dump_key(point))
    before = scene.bucket.keys()
    facts = info(scene, check_mode=True, verify="full")
    assert [finding["key"] for finding in facts["findings"]] == [dump_key(point)]
    assert scene.bucket.keys() == before


def test_one_flipped_bit_is_found_by_full_and_not_by_quick_verification(scene: Scene) -> None:
    point = scene.back_up().manifest["id"]
    for key in sorted(scene.bucket.keys("db/") | scene.bucket.keys("docs/")):
        flip_a_bit(scene, key)
        assert info(scene, verify="quick")["findings"] == []
        facts = info(scene, verify="full", check_mode=True)
        assert [(finding["key"], finding["problem"]) for finding in facts["findings"]] == [(key, "content")]
        assert facts["outcome"] == "findings"
        flip_a_bit(scene, key)
    assert info(scene, verify="full")["findings"] == []
    assert info(scene)["restore_points"][0]["states"] == ["complete", "verified"]
    assert point == info(scene)["latest_verified"]


def test_damage_is_remembered_until_a_full_verification_finds_the_point_whole(scene: Scene) -> None:
    point = scene.back_up().manifest["id"]
    flip_a_bit(scene, dump_key(point))
    info(scene, verify="full")
    assert info(scene)["restore_points"][0]["states"] == ["damaged"]
    flip_a_bit(scene, dump_key(point))
    info(scene, verify="full")
    assert info(scene)["restore_points"][0]["states"] == ["complete", "verified"]


@pytest.mark.parametrize("kind", ["verified", "damaged"])
def test_what_a_host_with_a_fast_clock_recorded_does_not_outlive_what_is_found_now(kind: str, scene: Scene) -> None:
    point = scene.back_up().manifest["id"]
    ahead = (datetime.now(UTC) + timedelta(days=400)).strftime("%Y%m%dT%H%M%S%fZ")
    scene.bucket.write(f"records/{point}/{kind}-{ahead}.json", b'{"findings": []}')
    if kind == "verified":
        flip_a_bit(scene, dump_key(point))
    info(scene, verify="full", verified_within=timedelta(days=1))
    states = ["damaged"] if kind == "verified" else ["complete", "verified"]
    assert info(scene)["restore_points"][0]["states"] == states


@pytest.mark.parametrize("verify", ["none", "quick", "full"])
def test_a_missing_or_cut_object_is_named_whatever_the_verification(scene: Scene, verify: str) -> None:
    point = scene.back_up().manifest["id"]
    scene.bucket.write(dump_key(point), b"cut")
    scene.bucket.delete(f"docs/{point}.tar.zst")
    facts = info(scene, verify=verify, check_mode=True)
    assert {(finding["key"], finding["problem"]) for finding in facts["findings"]} == {
        (dump_key(point), "size"),
        (f"docs/{point}.tar.zst", "missing"),
    }
    assert facts["restore_points"][0]["states"] == ["damaged"]


def test_an_unreadable_manifest_is_a_finding_and_hides_no_other_restore_point(scene: Scene) -> None:
    first, second = scene.back_up().manifest["id"], scene.back_up().manifest["id"]
    scene.bucket.write(f"manifests/{second}.json", b'{"format":"arco')
    facts = info(scene)
    assert [(point["id"], point["states"]) for point in facts["restore_points"]] == [
        (second, ["damaged"]),
        (first, ["complete"]),
    ]
    assert [finding["problem"] for finding in facts["findings"]] == ["manifest"]
    assert facts["latest"] == first


def test_what_is_not_ours_is_named(scene: Scene) -> None:
    scene.back_up()
    scene.bucket.write("manifests/notes.txt", b"hello")
    assert info(scene)["foreign"] == ["manifests/notes.txt"]


def test_an_unknown_id_and_another_instance_are_one_sentence(scene: Scene) -> None:
    point = scene.back_up().manifest["id"]
    with pytest.raises(ErpError, match=f"There is no restore point 20200101T000000Z .the newest is {point}.: correct"):
        info(scene, points=("20200101T000000Z",))
    with pytest.raises(ErpError, match="belongs to the instance 'atelier-lumen', not to 'other'"):
        info(scene, instance="other")
    assert [found["id"] for found in info(scene, points=("latest",))["restore_points"]] == [point]


def test_a_held_restore_point_is_said_to_be_held(scene: Scene) -> None:
    point = scene.back_up().manifest["id"]
    body = json.dumps({"holder": "accountant", "reason": "inspection"}).encode()
    scene.bucket.write(f"records/{point}/hold-20260101T000000000000Z.json", body)
    assert info(scene)["restore_points"][0]["states"] == ["complete", "held"]
