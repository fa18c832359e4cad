# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold for every catalogue and every policy, tried on random ones."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.backup.retention import (
    CLOCK_TOLERANCE,
    Plan,
    Point,
    Policy,
    Situation,
    State,
    core,
    decide,
    seed_tiers,
)

ZONES = ["Europe/Paris", "UTC", "Pacific/Auckland", "Pacific/Honolulu", "America/St_Johns"]
STATES: tuple[State, ...] = ("verified", "verified", "complete", "complete", "damaged", "failed")
GOOD: list[State] = ["verified", "complete"]
HOUR = 3600
# Seconds between two restore points: seconds, hours, days around the windows, months, a year and more.
STEPS = [
    1,
    HOUR,
    6 * HOUR,
    23 * HOUR,
    24 * HOUR,
    25 * HOUR,
    48 * HOUR,
    *(day * 24 * HOUR for day in (7, 29, 30, 31, 90, 400)),
]
FREE = {"max_delete_count": 10**6, "max_delete_share": 1.0, "max_delete_yearly": 10**6, "allow_stale_anchor": True}


@st.composite
def catalogues(draw: st.DrawFn, states: Sequence[State] = STATES, most: int = 40) -> list[Point]:
    """Restore points in order, over hours or decades, in any mixture of states."""
    instant = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=draw(st.integers(0, 4 * 366 * 24 * HOUR)))
    points: list[Point] = []
    steps = st.tuples(st.sampled_from(STEPS), st.sampled_from(states), st.integers(0, 7))
    for number, (step, state, chance) in enumerate(draw(st.lists(steps, min_size=1, max_size=most)), 1):
        instant += timedelta(seconds=step)
        points.append(
            Point(
                id=f"p{number:03d}",
                instant=instant,
                sequence=number,
                state=state,
                holds=("a tax audit",) if chance == 0 else (),
                lock="until 2040-01-01" if chance == 1 else "",
                tombstoned_at=instant if chance == 2 else None,
            )
        )
    return points


policies = st.builds(
    Policy,
    days=st.integers(0, 40),
    weeks=st.integers(0, 8),
    months=st.integers(0, 15),
    years=st.integers(0, 11),
    timezone=st.sampled_from(ZONES),
    thin_days=st.booleans(),
    financial_year_end=st.sampled_from([None, (12, 31), (6, 30), (2, 29)]),
    financial_year_closes=st.sampled_from([(), (date(2021, 3, 31), date(2022, 6, 30))]),
    closing_lag_days=st.sampled_from([0, 120]),
    seed_compatible=st.booleans(),
    verified_floor=st.integers(0, 8),
    keep_oldest=st.booleans(),
    grace_days=st.sampled_from([0, 14]),
    **{name: st.just(value) for name, value in FREE.items()},
)


def plan(points: list[Point], policy: Policy) -> Plan:
    now = max(one.instant for one in points)
    return decide(points, policy, Situation(now, now))


def stay(points: list[Point], policy: Policy) -> set[str]:
    return set(plan(points, policy).ids("keep"))


def left(points: list[Point], policy: Policy) -> list[Point]:
    """What is in the store after tombstones and sweeps were carried out."""
    kept = stay(points, policy)
    return [replace(one, tombstoned_at=None) for one in points if one.id in kept]


@settings(max_examples=500)
@given(catalogues(), policies)
def test_newest_anchor_holds_locks_and_floors_are_kept_with_a_reason(points: list[Point], policy: Policy) -> None:
    result = plan(points, policy)
    kept = set(result.ids("keep"))
    good = [one for one in points if one.good]
    verified = [one for one in good if one.state == "verified"]

    if good:
        assert good[-1].id in kept
        assert result.anchor == (verified or good)[-1].id
        assert result.anchor in kept
    assert {one.id for one in verified[max(0, len(verified) - policy.verified_floor) :]} <= kept
    assert {one.id for one in points if one.holds or one.lock} <= kept
    if policy.keep_oldest and good and len({one.instant.year for one in good}) < policy.years:
        assert good[0].id in kept
    assert all(decision.reasons and all(decision.reasons) for decision in result.decisions)
    assert [one.id for one in result.decisions] == [one.id for one in points]


@settings(max_examples=500)
@given(catalogues(), policies, st.randoms(use_true_random=False))
def test_the_order_in_which_points_are_read_is_irrelevant(
    points: list[Point], policy: Policy, rng: random.Random
) -> None:
    shuffled = list(points)
    rng.shuffle(shuffled)

    assert plan(shuffled, policy) == plan(points, policy)


@settings(max_examples=500)
@given(catalogues(), policies)
def test_a_second_plan_deletes_nothing_more(points: list[Point], policy: Policy) -> None:
    rest = left(points, policy)
    if not rest:
        return

    now = max(one.instant for one in points)
    again = decide(rest, policy, Situation(now, now))
    assert again.ids("keep") == [one.id for one in rest]


@settings(max_examples=400)
@given(catalogues(GOOD), policies)
def test_the_core_does_not_depend_on_when_it_was_applied(points: list[Point], policy: Policy) -> None:
    present: list[Point] = []
    for point in points:
        present.append(point)
        kept = core(present, policy)
        present = [one for one in present if one.id in kept]

    assert {one.id for one in present} == core(points, policy)


@settings(max_examples=400)
@given(catalogues(GOOD), policies)
def test_the_core_is_contained_in_what_the_seeds_rule_leaves_by_any_path(points: list[Point], policy: Policy) -> None:
    seed = replace(policy, seed_compatible=True)
    present: list[Point] = []
    for point in points:
        present.append(replace(point, holds=(), lock="", tombstoned_at=None))
        present = left(present, seed)
    kept = core(points, policy)

    assert kept <= {one.id for one in present}
    assert kept <= stay(points, seed)
    assert {ident for tier in seed_tiers(points, policy) for ident in tier} <= stay(
        points, replace(seed, thin_days=False)
    )


@settings(max_examples=500)
@given(
    catalogues(), policies, st.sampled_from(["days", "weeks", "months", "years", "verified_floor"]), st.integers(1, 9)
)
def test_raising_a_keep_number_never_deletes_more(points: list[Point], policy: Policy, number: str, more: int) -> None:
    # The exclusive rule breaks this by design: a longer tier leaves less for the next one.
    policy = replace(policy, seed_compatible=False)
    raised = replace(policy, **{number: getattr(policy, number) + more})

    assert stay(points, policy) <= stay(points, raised)


@settings(max_examples=500)
@given(catalogues(GOOD), policies)
def test_each_tiers_result_is_contained_in_that_of_all_tiers(points: list[Point], policy: Policy) -> None:
    everything = core(points, policy)
    off = replace(
        policy, days=0, weeks=0, months=0, years=0, thin_days=True, financial_year_end=None, financial_year_closes=()
    )

    for tier in (["weeks"], ["months"], ["years"], ["financial_year_end", "financial_year_closes"]):
        alone = core(points, replace(off, **{number: getattr(policy, number) for number in tier}))
        # The anchor's own day is the least that any policy keeps.
        assert alone - core(points, off) <= everything
    assert core(points, replace(off, days=policy.days, thin_days=policy.thin_days)) <= everything


@settings(max_examples=500)
@given(catalogues(), policies, st.sampled_from(ZONES))
def test_the_zone_of_the_process_is_irrelevant(points: list[Point], policy: Policy, zone: str) -> None:
    here = plan(points, policy)
    patch = pytest.MonkeyPatch()
    try:
        patch.setenv("TZ", zone)
        time.tzset()
        assert plan(points, policy) == here
        # The zone in which an instant was written down says nothing about the instant.
        assert plan([replace(one, instant=one.instant.astimezone(ZoneInfo(zone))) for one in points], policy) == here
    finally:
        patch.undo()
        time.tzset()


@settings(max_examples=500)
@given(catalogues(), policies, st.lists(st.tuples(st.integers(0, 40), st.integers(1, 90000)), max_size=30))
def test_unverified_points_never_remove_a_verified_one(
    points: list[Point], policy: Policy, junk: list[tuple[int, int]]
) -> None:
    now = points[-1].instant + timedelta(days=2)
    added = [
        Point(f"junk{number}", points[min(place, len(points) - 1)].instant + timedelta(seconds=offset), 0, "complete")
        for number, (place, offset) in enumerate(junk)
    ]
    numbered = [replace(one, sequence=0) for one in points]
    before = decide(numbered, policy, Situation(now, now))
    after = decide([*numbered, *added], policy, Situation(now, now))
    verified = {one.id for one in points if one.state == "verified"}

    if verified:
        assert verified & set(before.ids("keep")) <= set(after.ids("keep"))


@settings(max_examples=500)
@given(catalogues(), policies)
def test_every_bucket_inside_its_window_keeps_one(points: list[Point], policy: Policy) -> None:
    kept = stay(points, policy)
    zone = policy.zone()
    good = [(one.id, one.instant.astimezone(zone).date()) for one in points if one.good]
    anchor_id = plan(points, policy).anchor
    if anchor_id is None:
        return
    anchor = dict(good)[anchor_id]

    days = {day for _ident, day in good if (anchor - day).days <= policy.days}
    assert days <= {day for ident, day in good if ident in kept}
    months = {(day.year, day.month) for _ident, day in good}
    wanted = {key for key in months if key[0] * 12 + key[1] >= anchor.year * 12 + anchor.month - policy.months}
    assert wanted <= {(day.year, day.month) for ident, day in good if ident in kept}
    years = {day.year for _ident, day in good if day.year >= anchor.year - policy.years}
    assert years <= {day.year for ident, day in good if ident in kept}


@settings(max_examples=500)
@given(catalogues(), policies, st.integers(0, 12), st.floats(0, 1))
def test_limits_always_hold(points: list[Point], policy: Policy, count: int, share: float) -> None:
    policy = replace(
        policy, max_delete_count=count, max_delete_share=share, max_delete_yearly=0, allow_stale_anchor=False
    )
    result = plan(points, policy)
    by_id = {one.id: one for one in points}
    going = [
        one.id
        for one in result.decisions
        if one.action in ("tombstone", "sweep") and not by_id[one.id].tombstoned_at and by_id[one.id].state != "failed"
    ]
    good = [one for one in points if one.good and not one.tombstoned_at]

    if not result.refused:
        assert len(going) <= count
        assert sum(by_id[ident].good for ident in going) <= share * len(good)


@settings(max_examples=500)
@given(catalogues(), policies, st.integers(6, 10**7))
def test_time_alone_changes_no_tombstone(points: list[Point], policy: Policy, minutes: int) -> None:
    now = points[-1].instant
    later = now + timedelta(minutes=minutes)

    before, after = decide(points, policy, Situation(now, now)), decide(points, policy, Situation(later, later))
    assert before.ids("keep") == after.ids("keep")
    assert before.ids("tombstone") == after.ids("tombstone")
    assert later > now + CLOCK_TOLERANCE
