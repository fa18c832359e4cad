# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose hold stands after any series of records, and the fewest restore points that hold everything of an object."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.backup.catalogue import Record
from ansible_collections.arcodange.erp.plugins.module_utils.backup.holds import (
    Hold,
    Subject,
    Wish,
    parse_review,
    parse_subjects,
    read_holds,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store
from ansible_collections.arcodange.erp.plugins.module_utils.backup.subjects import (
    Scope,
    View,
    is_given,
    resolve,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

POINT = "20261120T040000Z"
START = datetime(2026, 11, 20, 4, tzinfo=UTC)
INVOICE = Subject("invoice", "FA2501-0001")


class Bodies:
    """The bodies of records, and how often they were read."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.reads = 0

    def get(self, key: str) -> bytes:
        self.reads += 1
        return self.bodies[key]


def standing(*said: tuple[str, Any]) -> tuple[tuple[Hold, ...], int]:
    """The holds after these records, one a minute, and how many of them were read."""
    bodies = Bodies()
    records = []
    for minute, (kind, body) in enumerate(said):
        records.append(Record(f"records/{POINT}/{kind}-{minute}.json", POINT, kind, START + timedelta(minutes=minute)))
        bodies.bodies[records[-1].key] = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_holds(cast(Store, bodies), reversed(records)), bodies.reads


def said(holder: str, reason: str = "audit", **more: Any) -> dict[str, Any]:
    return {"holder": holder, "reason": reason, **more}


@pytest.mark.parametrize(
    ("records", "holders"),
    [
        ([], []),
        ([("verified", {})], []),
        ([("hold", said("ann"))], ["ann"]),
        ([("hold", said("ann")), ("release", said("ann"))], []),
        ([("hold", said("ann")), ("hold", said("bob")), ("release", said("ann"))], ["bob"]),
        ([("hold", said("ann")), ("release", said("bob"))], ["ann"]),
        ([("release", said("ann")), ("hold", said("ann"))], ["ann"]),
        ([("hold", said("ann")), ("release", said("ann")), ("hold", said("ann"))], ["ann"]),
        ([("hold", said("ann", object={"year": "2025"})), ("release", said("ann"))], ["ann"]),
        ([("hold", said("ann")), ("release", said("ann", object={"year": "2025"}))], ["ann"]),
        ([("hold", said("ann", object={"year": "2025"})), ("release", said("ann", object={"year": 2025}))], []),
        ([("hold", said("ann")), ("hold", said("ann", "another")), ("release", said("ann", "why"))], []),
        ([("hold", {"reason": "audit"})], [""]),
        ([("hold", {"reason": "audit"}), ("release", {"reason": None})], []),
        ([("hold", said("ann")), ("release", {"reason": None})], ["ann"]),
        # What cannot be read keeps.
        ([("hold", b"{"), ("release", said("ann"))], [""]),
        ([("hold", b"[]")], [""]),
        ([("hold", said("ann")), ("release", b'{"holder": "an')], ["ann"]),
        ([("hold", b"{"), ("release", {"reason": "cannot be read any more"})], []),
    ],
)
def test_only_the_holder_lifts_a_hold_and_for_its_own_object(
    records: list[tuple[str, Any]], holders: list[str]
) -> None:
    assert [hold.holder for hold in standing(*records)[0]] == holders


def test_nothing_is_read_of_what_was_never_held() -> None:
    assert standing(("verified", {}), ("damaged", {}), ("release", {}), ("tombstone", {}))[1] == 0
    assert standing(("release", {}), ("hold", said("ann")), ("verified", {}))[1] == 1


def test_a_hold_tells_who_why_what_for_and_when_to_look_again() -> None:
    ((hold,), _reads) = standing(("hold", said("ann", review="2027-06-30", object={"invoice": "FA2501-0001"})))
    assert hold == Hold("ann", "audit", START, date(2027, 6, 30), INVOICE)
    assert str(hold) == "audit (ann, invoice FA2501-0001, review 2027-06-30)"
    assert str(Hold("", "audit", START)) == "audit"
    day = datetime(2027, 6, 30, tzinfo=UTC)
    assert hold.is_overdue(day) and not hold.is_overdue(day - timedelta(seconds=1))
    assert hold.to_json(day) == {
        "holder": "ann",
        "reason": "audit",
        "review": "2027-06-30",
        "object": {"invoice": "FA2501-0001"},
        "since": "2026-11-20T04:00:00+00:00",
        "overdue": True,
    }


@pytest.mark.parametrize(
    ("wish", "due"),
    [
        (Wish("hold", "ann", "audit"), False),
        (Wish("hold", "ann", "audit", date(2027, 1, 1)), True),
        (Wish("hold", "ann", "trial"), True),
        (Wish("hold", "bob", "audit"), True),
        (Wish("hold", "ann", "audit", None, INVOICE), True),
        (Wish("hold", "eve", "audit", date(2027, 1, 1), INVOICE), False),
        (Wish("hold", "eve", "audit", None, INVOICE), False),
        (Wish("release", "ann", "done"), True),
        (Wish("release", "bob", "done"), False),
        (Wish("release", "ann", "done", None, INVOICE), False),
        (Wish("release", "eve", "done", None, INVOICE), True),
    ],
)
def test_what_says_nothing_new_needs_no_record(wish: Wish, due: bool) -> None:
    holds = (Hold("ann", "audit", START), Hold("eve", "audit", START, date(2027, 1, 1), INVOICE))
    assert wish.is_due(holds) is due


WISHES = st.builds(
    Wish,
    st.sampled_from(["hold", "release"]),
    st.sampled_from(["", "ann", "bob"]),
    st.sampled_from(["audit", "trial"]),
    st.sampled_from([None, date(2027, 1, 1), date(2028, 1, 1)]),
    st.sampled_from([None, INVOICE, Subject("year", "2025")]),
)


@given(st.lists(WISHES, max_size=8))
def test_records_read_back_say_what_was_wished(wishes: list[Wish]) -> None:
    expected: tuple[Hold, ...] = ()
    for minute, wish in enumerate(wishes):
        expected = wish.apply(expected, START + timedelta(minutes=minute))
        assert not wish.is_due(expected)
    assert set(standing(*((wish.kind, wish.body()) for wish in wishes))[0]) == set(expected)


@pytest.mark.parametrize(
    ("objects", "sentence"),
    [
        ([{}], "names one of invoice, customer and year"),
        ([{"invoice": "FA1", "year": 2025}], "names one of invoice, customer and year"),
        ([{"invoice": ""}], "is not the reference"),
        ([{"invoice": "(PROV40)"}], "is not the reference"),
    ],
)
def test_an_object_that_makes_no_sense_is_one_sentence(objects: list[dict[str, Any]], sentence: str) -> None:
    with pytest.raises(ErpError, match=sentence):
        parse_subjects(objects)


def test_options_are_read() -> None:
    assert parse_subjects([{"invoice": "FA2501-0001", "year": None}, {"invoice": "FA2501-0001"}]) == (INVOICE,)
    assert (parse_review(None), parse_review("2027-06-30")) == (None, date(2027, 6, 30))
    with pytest.raises(ErpError, match="'soon' in review is not a date"):
        parse_review("soon")


# -- the restore points of an object ----------------------------------------------------------------------------------

PDF = b"facture/FA2501-0001/FA2501-0001.pdf"
SCOPE = Scope(frozenset({b"facture/FA2501-0001"}), ("FA2501-0001",))


def view(ident: str, contents: str = "", good: bool = True, issued: bool = True, same: object = None) -> View:
    """A restore point with these versions of the PDF, one a letter."""
    versions = frozenset((PDF, letter) for letter in contents)
    return View(ident, same or object(), good, versions, frozenset(SCOPE.refs if issued else ()))


@pytest.mark.parametrize(
    ("views", "points"),
    [
        ([view("1", "a")], "1"),
        ([view("1", issued=False), view("2", "a"), view("3", "a"), view("4", "a")], "24"),
        ([view("1", "a"), view("2", "a"), view("3", "b"), view("4", "b")], "14"),
        ([view("1"), view("2", "a"), view("3", "a"), view("4", "b"), view("5")], "1345"),
        ([view("1"), view("2", "a"), view("3", "ab"), view("4", "b"), view("5", "c")], "135"),
        ([view("1"), view("2", "a"), view("3", "b"), view("4", "c"), view("5")], "12345"),
        # A damaged one serves only when nothing else has it.
        ([view("1"), view("2", "a"), view("3", "a", good=False), view("4")], "124"),
        ([view("1"), view("2", "a", good=False), view("3")], "123"),
        ([view("1", "a"), view("2", "a", good=False)], "1"),
        ([view("1", "a", good=False)], "1"),
    ],
)
def test_the_fewest_restore_points_are_taken(views: list[View], points: str) -> None:
    assert "".join(sorted(resolve(INVOICE, SCOPE, views).points)) == points


def test_each_restore_point_has_its_reasons() -> None:
    views = [view("1", issued=False), view("2", "a"), view("3", "b"), view("4", "c")]
    found = resolve(INVOICE, SCOPE, views)
    assert found.points == {
        "2": ("the first one that holds the invoice FA2501-0001 as issued",),
        "3": ("the newest one that holds facture/FA2501-0001/FA2501-0001.pdf with SHA-256 b",),
        "4": ("the newest restore point",),
    }
    assert (found.versions, found.unsafe, found.undocumented) == (3, (), ())


def test_what_only_damaged_restore_points_hold_and_what_none_holds_is_said() -> None:
    found = resolve(INVOICE, SCOPE, [view("1", "a", good=False), view("2", "b")])
    assert (found.unsafe, set(found.points)) == ((PDF.decode(),), {"1", "2"})
    assert resolve(INVOICE, SCOPE, [view("1")]).undocumented == ("FA2501-0001",)


def test_what_is_held_already_is_not_held_once_more() -> None:
    views = [view("1", "a"), view("2", "b"), view("3", "b", same="x"), view("4", "b", same="x")]
    assert set(resolve(INVOICE, SCOPE, views).points) == {"1", "4"}
    # The same dump and documents are the same restore point under another name.
    assert set(resolve(INVOICE, SCOPE, views, {"1", "3"}).points) == {"1", "3"}
    # Nor is a version that a held one has.
    views = [view("1", "a"), view("2", "ab"), view("3", "b"), view("4", "c")]
    assert set(resolve(INVOICE, SCOPE, views, {"1", "2", "4"}).points) == {"1", "2", "4"}


def test_nothing_of_an_invoice_anywhere_is_one_sentence() -> None:
    for views in ([], [view("1", issued=False)]):
        with pytest.raises(ErpError, match="No restore point holds anything of the invoice FA2501-0001"):
            resolve(INVOICE, SCOPE, views)


@pytest.mark.parametrize(
    ("ref", "last", "given"),
    [
        ("FA2501-0002", "FA2501-0001", False),
        ("FA2501-0002", "FA2501-0002", True),
        ("FA2501-0002", "FA2512-0040", True),
        # Dated earlier than its number: the last number is of an earlier month.
        ("FA2607-0039", "FA2611-0038", False),
        ("FA2611-0038", "FA2607-0039", False),
        # A counter that begins anew each year.
        ("FA26-0003", "FA25-0150", False),
        ("FA25-0003", "FA25-0150", True),
        ("AV2501-0001", "FA2512-0040", False),
        ("manual", "FA2512-0040", False),
    ],
)
def test_a_number_is_given_when_the_last_one_leaves_no_doubt(ref: str, last: str, given: bool) -> None:
    assert is_given(ref, {last[:2]: last}) is given


@st.composite
def histories(draw: st.DrawFn) -> list[View]:
    """Up to six restore points of documents that come and go once, as files do."""
    count = draw(st.integers(1, 6))
    spans = draw(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=5))
    issued = draw(st.integers(0, count))
    return [
        View(
            str(number),
            number,
            True,
            frozenset((PDF, str(span)) for span in spans if min(span) <= number <= max(span)),
            frozenset(SCOPE.refs if number >= issued else ()),
        )
        for number in range(count)
    ]


@given(histories())
def test_everything_is_held_and_no_smaller_choice_would_do(views: list[View]) -> None:
    everything = {version for one in views for version in one.versions}
    first = next((one.id for one in views if one.issued), None)
    if not everything and first is None:
        return
    needed = {views[-1].id, first or views[-1].id}

    def holds_everything(ids: set[str]) -> bool:
        return needed <= ids and everything == {version for one in views if one.id in ids for version in one.versions}

    chosen = set(resolve(INVOICE, SCOPE, views).points)
    assert holds_everything(chosen)
    smaller = itertools.combinations([one.id for one in views], len(chosen) - 1)
    assert not any(holds_everything(set(ids)) for ids in smaller)
