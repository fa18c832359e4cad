# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a large catalogue cheaply: what may go wrong on the way, and what a cache may and may not decide."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup import summaries
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from tests.support import stores
from tests.support.faults import Fault, FaultProxy
from tests.support.prune_scene import DAY, GENEROUS, Scene, actions, canonical, codes

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)


@pytest.fixture
def scene(object_store: stores.Store) -> Scene:
    return Scene(object_store, NOW)


@pytest.fixture
def proxy(object_store: stores.Store) -> Iterator[FaultProxy]:
    with FaultProxy(object_store.endpoint) as proxy:
        yield proxy


def behind(scene: Scene, proxy: FaultProxy) -> Scene:
    """The same prefix, reached through the proxy."""
    return dataclasses.replace(scene, bucket=scene.bucket.through(proxy.endpoint))


def read(proxy: FaultProxy) -> list[str]:
    """Ids of the manifests that were read through the proxy."""
    return sorted(call.path[-21:-5] for call in proxy.calls if call.method == "GET" and "/manifests/" in call.path)


def test_a_plan_needs_one_listing_for_a_thousand_keys_and_one_look_at_each_manifest(
    scene: Scene, proxy: FaultProxy
) -> None:
    ids = scene.daily(10)
    scene.store.check_bucket()
    facts = behind(scene, proxy).prune(check_mode=True).facts
    listings = [call for call in proxy.calls if "list-type=2" in call.query]

    assert len(listings) == 1
    assert read(proxy) == ids
    assert facts["plan_id"] == scene.prune(check_mode=True).facts["plan_id"]


def test_a_listing_of_several_pages_is_whole(scene: Scene) -> None:
    ids = scene.daily(5)
    for number in range(1100):
        scene.write(f"docs/note+{number:04d} é.txt")
    facts = scene.prune(check_mode=True).facts

    assert [one["id"] for one in facts["plan"]] == ids
    assert sum("is not an object of this collection" in alarm for alarm in facts["alarms"]) == 1100
    assert any("docs/note+0000 é.txt" in alarm for alarm in facts["alarms"])


@pytest.mark.parametrize("fault", [Fault.ERROR_503, Fault.RESET_REQUEST, Fault.RESET_RESPONSE, Fault.SHORT])
@pytest.mark.parametrize("call", [2, 3, 7])
def test_one_fault_at_any_call_is_repeated(scene: Scene, proxy: FaultProxy, fault: Fault, call: int) -> None:
    scene.daily(8)
    expected = scene.prune(check_mode=True).facts
    hurt = behind(scene, proxy)
    hurt.store.check_bucket()
    proxy.inject(fault, call)

    assert hurt.prune(check_mode=True).facts == expected


def test_a_manifest_whose_bytes_changed_on_the_way_is_not_believed(scene: Scene, proxy: FaultProxy) -> None:
    scene.daily(8)
    hurt = behind(scene, proxy)
    hurt.store.check_bucket()
    proxy.inject(Fault.ALTERED, 4)
    facts = hurt.prune(check_mode=True).facts

    assert codes(facts) == {"unreadable"}
    assert hurt.prune(check_mode=True).facts["refusals"] == []


@pytest.mark.parametrize("fault", [Fault.DENIED, Fault.SIGNATURE, Fault.SKEWED])
def test_a_store_that_keeps_refusing_is_one_sentence(scene: Scene, proxy: FaultProxy, fault: Fault) -> None:
    scene.daily(8)
    proxy.inject(fault, 1, forever=True)
    with pytest.raises(ErpError) as caught:
        behind(scene, proxy).prune()
    assert str(caught.value).startswith("Cannot use s3://")


def test_with_a_proxy_in_the_environment_everything_goes_the_ordinary_way(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.daily(10)
    store, calls = scene.new_store(), []
    store.client.meta.events.register("before-call.s3", lambda model, **_rest: calls.append(model.name))
    whole = scene.prune(check_mode=True, store=store).facts
    assert (calls.count("ListObjectsV2"), calls.count("GetObject")) == (0, 0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    assert scene.prune(check_mode=True, store=store).facts == whole
    assert (calls.count("ListObjectsV2"), calls.count("GetObject")) == (1, 10)


class TestCache:
    """A manifest is written once, so it is read once; but no cache ever deletes anything."""

    @pytest.fixture(autouse=True)
    def _soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(summaries, "WORTH_IT", 5)

    def plant(self, scene: Scene, change: Any) -> None:
        """Rewrite the newest cache with a digest that fits."""
        key = max(scene.listing("cache/"))
        document = json.loads(scene.read(key))
        del document["digest"]
        change(document)
        document["digest"] = hashlib.sha256(canonical(document)).hexdigest()
        scene.write(key, canonical(document))

    def test_the_next_plan_reads_only_new_manifests(self, scene: Scene, proxy: FaultProxy) -> None:
        scene.daily(10)
        scene.prune(check_mode=True)
        assert not scene.listing("cache/"), "check mode writes nothing"
        scene.prune()
        assert len(scene.listing("cache/")) == 1
        new = scene.back_up(NOW)
        facts = behind(scene, proxy).prune(check_mode=True).facts

        assert read(proxy) == [new]
        assert facts == scene.prune(check_mode=True).facts
        for key in scene.listing("cache/"):
            scene.bucket.delete(scene.key(key))
        assert facts == scene.prune(check_mode=True).facts

    def test_few_new_manifests_are_not_worth_a_new_cache_and_many_replace_it(self, scene: Scene) -> None:
        scene.daily(10)
        scene.prune()
        first = scene.listing("cache/")
        scene.wait(4)
        scene.prune(**GENEROUS)
        assert scene.listing("cache/") == first
        scene.wait(1)
        scene.prune(**GENEROUS)
        assert len(scene.listing("cache/")) == 1
        assert scene.listing("cache/") != first

    def test_a_manifest_that_is_no_longer_the_same_is_read_again(self, scene: Scene, proxy: FaultProxy) -> None:
        ids = scene.daily(10)
        scene.prune()
        body = scene.read(f"manifests/{ids[7]}.json")
        scene.write(f"manifests/{ids[7]}.json", body.replace(b'"sequence":8', b'"sequence":9'))
        facts = behind(scene, proxy).prune(check_mode=True).facts

        assert read(proxy) == [ids[7]]
        assert actions(facts, "ignore") == {ids[7]}

    @pytest.mark.parametrize("damage", ["", "{}", "[]", '{"format": "x", "digest": "y"}', "altered"])
    def test_a_cache_that_cannot_be_used_is_ignored(self, scene: Scene, proxy: FaultProxy, damage: str) -> None:
        ids = scene.daily(10)
        scene.prune()
        expected = scene.prune(check_mode=True).facts
        key = max(scene.listing("cache/"))
        altered = scene.read(key).replace(b'"size":', b'"size": ').replace(ids[3].encode(), ids[4].encode(), 1)
        scene.write(key, altered if damage == "altered" else damage.encode())

        assert behind(scene, proxy).prune(check_mode=True).facts == expected
        assert read(proxy) == ids

    def test_a_cache_that_lies_deletes_nothing(self, scene: Scene) -> None:
        old = scene.back_up(NOW - 9 * DAY)
        for age in range(8, 2, -1):
            scene.back_up(NOW - age * DAY)
        shared = f"docs/{old}.tar.zst"
        user = scene.back_up(NOW - timedelta(hours=3), archive=False, shared=[shared])
        options = {"months": 0, "years": 0, **GENEROUS}
        scene.prune(**options)

        def lie(document: dict[str, Any]) -> None:
            for row in document["manifests"]:
                if row[0] == user:
                    row[-1] = []

        self.plant(scene, lie)
        scene.wait(15)
        scene.record(user, "hold", scene.now, b'{"reason": "stays"}')
        facts = scene.prune(**options).facts

        assert old in actions(facts, "sweep")
        assert old not in scene.ids()
        assert shared in scene.listing()


def test_the_store_clock_is_known_before_anything_is_decided(scene: Scene) -> None:
    scene.daily(3)
    store = scene.new_store()

    assert store.clock_offset is None
    scene.prune(check_mode=True, store=store)
    assert store.clock_offset is not None
