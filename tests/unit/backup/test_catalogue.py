# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the listing alone says about restore points."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.backup.catalogue import (
    MANIFEST_KEY,
    RECORD_KEY,
    Catalogue,
    Record,
    point_id,
    record_key,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Listed

POINT = "20261120T040000Z"
START = datetime(2026, 11, 20, 5, tzinfo=UTC)
KINDS = ("verified", "damaged", "hold", "release")


def catalogue(kinds: Iterable[str], points: Iterable[str] = (POINT,)) -> Catalogue:
    """A restore point with these records, one second after another."""
    instants = [START + timedelta(seconds=number) for number, _kind in enumerate(kinds)]
    records = tuple(
        Record(record_key(POINT, kind, instant), POINT, kind, instant)
        for kind, instant in zip(kinds, instants, strict=True)
    )
    manifests = tuple(Listed(f"manifests/{point}.json", 1, "", START) for point in points)
    return Catalogue(manifests, {POINT: records}, ())


@pytest.mark.parametrize(
    ("kinds", "verified", "damaged", "maybe_held"),
    [
        ((), False, False, False),
        (("verified",), True, False, False),
        (("verified", "damaged"), False, True, False),
        (("damaged", "verified"), True, False, False),
        (("hold",), False, False, True),
        (("hold", "release"), False, False, True),
        (("hold", "verified", "damaged"), False, True, True),
    ],
)
def test_the_last_word_counts(kinds: tuple[str, ...], verified: bool, damaged: bool, maybe_held: bool) -> None:
    found = catalogue(kinds)
    assert (found.is_verified(POINT), found.is_damaged(POINT), found.may_be_held(POINT)) == (
        verified,
        damaged,
        maybe_held,
    )


@given(st.lists(st.sampled_from(KINDS), max_size=6), st.randoms())
def test_the_order_of_the_listing_does_not_matter(kinds: list[str], random: Random) -> None:
    found = catalogue(kinds)
    records = list(found.records[POINT])
    random.shuffle(records)
    shuffled = Catalogue(found.manifests, {POINT: tuple(records)}, ())
    for question in (Catalogue.is_verified, Catalogue.is_damaged, Catalogue.may_be_held):
        assert question(shuffled, POINT) == question(found, POINT)


def test_nothing_is_known_of_a_restore_point_without_records() -> None:
    assert not catalogue(["verified", "hold"]).is_verified("20270101T000000Z")


def test_ids_come_oldest_first() -> None:
    found = catalogue((), ["20261120T040000Z", "20251231T235959Z", "20261120T040001Z"])
    assert found.ids == ("20251231T235959Z", "20261120T040000Z", "20261120T040001Z")


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2200, 1, 1)), st.sampled_from(KINDS))
def test_the_key_of_a_record_tells_all_a_listing_must_tell(instant: datetime, kind: str) -> None:
    match = RECORD_KEY.fullmatch(record_key(POINT, kind, instant.replace(tzinfo=UTC)))
    assert match is not None
    assert (match["point"], match["kind"]) == (POINT, kind)
    assert match["instant"] == instant.strftime("%Y%m%dT%H%M%S%fZ")


@pytest.mark.parametrize(
    "key",
    [
        "manifests/",
        "manifests/latest.json",
        "manifests/20261120T040000Z.json.tmp",
        "manifests/20261120T040000.json",
        "manifests/x/20261120T040000Z.json",
    ],
)
def test_other_keys_are_no_manifests(key: str) -> None:
    assert MANIFEST_KEY.fullmatch(key) is None


def test_the_id_is_read_from_the_key() -> None:
    assert point_id(f"manifests/{POINT}.json") == POINT
