# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The retention rule as a table: the cases that broke other tools, one by one."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup.retention import (
    LastPrune,
    Plan,
    Point,
    Policy,
    Refusal,
    Situation,
    State,
    add_years,
    core,
    decide,
    documents_needed_until,
    financial_year_closes,
    legal_end,
    seed_tiers,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

PARIS = ZoneInfo("Europe/Paris")
BASE = datetime(2026, 6, 30, 2, tzinfo=UTC)
FREE: dict[str, Any] = {"max_delete_count": 10**6, "max_delete_share": 1.0, "max_delete_yearly": 10**6}
BARE = Policy(verified_floor=0, keep_oldest=False, **FREE)


def name(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


@contextlib.contextmanager
def process_zone(zone: str) -> Iterator[None]:
    """Let the process believe that it runs in this zone."""
    former = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        del os.environ["TZ"]
        if former is not None:
            os.environ["TZ"] = former
        time.tzset()


def series(instants: list[datetime], state: State = "verified") -> list[Point]:
    """Restore points at these instants, numbered in the order of time."""
    return [Point(name(instant), instant, number, state) for number, instant in enumerate(sorted(instants), 1)]


def daily(count: int, last: datetime = BASE, state: State = "verified") -> list[Point]:
    return series([last - timedelta(days=age) for age in range(count)], state)


def at(now: datetime, runner: datetime | None = None, last: LastPrune | None = None) -> Situation:
    return Situation(now, runner or now, last)


def plan_of(points: list[Point], policy: Policy = BARE, now: datetime | None = None, **facts: object) -> Plan:
    now = now or max(one.instant for one in points)
    return decide(points, policy, replace(at(now), **facts))  # type: ignore[arg-type]


def codes(plan: Plan) -> set[str]:
    return {refusal.code for refusal in plan.refusals}


def gone(plan: Plan) -> set[str]:
    return {*plan.ids("tombstone"), *plan.ids("sweep")}


def reasons(plan: Plan, ident: str) -> str:
    return "; ".join(next(one for one in plan.decisions if one.id == ident).reasons)


def test_the_vector_keeps_44_by_whole_buckets_and_46_by_the_exclusive_rule() -> None:
    points = daily(1100)

    assert len(plan_of(points).ids("keep")) == 44
    assert len(core(points, BARE)) == 44
    exclusive = plan_of(points, replace(BARE, seed_compatible=True))
    assert len(exclusive.ids("keep")) == 46
    tiers = seed_tiers(points, BARE)
    assert [len(tier) for tier in tiers] == [31, 12, 3]
    assert set(exclusive.ids("keep")) == {ident for tier in tiers for ident in tier}
    assert core(points, BARE) < set(exclusive.ids("keep"))


@pytest.mark.parametrize("hour", [0, 2, 12, 23])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "Pacific/Auckland", "Pacific/Honolulu"])
def test_the_vector_holds_at_any_local_hour_of_any_zone(zone: str, hour: int) -> None:
    last = datetime(2026, 6, 30, hour, tzinfo=ZoneInfo(zone))
    points = series([last - timedelta(days=age) for age in range(1100)])
    policy = replace(BARE, timezone=zone)

    assert len(core(points, policy)) == 44
    assert len(plan_of(points, replace(policy, seed_compatible=True)).ids("keep")) == 46


def test_every_decision_names_its_reason_in_words() -> None:
    plan = plan_of(daily(500), Policy(financial_year_end=(12, 31), **FREE))

    assert "newest of March 2026 (monthly tier)" in reasons(plan, "20260331T020000Z")
    assert "newest of 2025 (yearly tier)" in reasons(plan, "20251231T020000Z")
    assert (
        "last before the end of the financial year closed on 2025-12-31, to keep until 2036-01-31 (financial-year tier)"
    ) in reasons(plan, "20251231T020000Z")
    assert reasons(plan, "20260330T020000Z") == (
        "92 days before the anchor, outside the daily window of 30; 20260331T020000Z is kept for March 2026; "
        "20260630T020000Z is kept for 2026"
    )
    assert "March 2025 is outside the window of 12 months" in reasons(plan, "20250331T020000Z")


class TestDays:
    """Cases 1, 2, 7, 8 and 10: what a day is, and how many of it stay."""

    def test_24_in_a_day_are_all_kept_by_default(self) -> None:
        points = series([BASE - timedelta(hours=hour) for hour in range(24)])

        assert not plan_of(points).deletes

    def test_thinning_leaves_the_newest_verified_of_each_day(self) -> None:
        day = datetime(2026, 6, 20, tzinfo=PARIS)
        points = series([day + timedelta(hours=hour) for hour in range(24)] + [BASE])
        policy = replace(BARE, thin_days=True, months=0, years=0)

        assert plan_of(points, policy).ids("keep") == [name(day + timedelta(hours=23)), name(BASE)]

    def test_thinning_keeps_the_verified_one_until_the_newest_is_verified(self) -> None:
        morning, evening = datetime(2026, 6, 20, 4, tzinfo=UTC), datetime(2026, 6, 20, 16, tzinfo=UTC)
        points = [
            Point("a", morning, 1, "verified"),
            Point("b", evening, 2, "complete"),
            Point("c", BASE, 3, "verified"),
        ]
        policy = replace(BARE, thin_days=True, months=0, years=0)

        assert not plan_of(points, policy).deletes
        points[1] = replace(points[1], state="verified")
        assert gone(plan_of(points, policy)) == {"a"}

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            # The clock goes back at 03:00 on 25 October: 02:30 comes twice.
            (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
            # The clock goes forward at 02:00 on 29 March: the day has 23 hours.
            (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), datetime(2026, 3, 29, 21, 59, tzinfo=UTC)),
        ],
    )
    def test_a_day_of_23_or_25_hours_is_one_day(self, first: datetime, second: datetime) -> None:
        assert first.astimezone(PARIS).date() == second.astimezone(PARIS).date()
        points = series([first, second, second + timedelta(days=3)])

        assert len({one.id for one in points}) == 3
        assert not plan_of(points).deletes
        thin = plan_of(points, replace(BARE, thin_days=True, months=0, years=0))
        assert gone(thin) == {name(first)}

    def test_local_midnight_decides_whatever_the_zone_of_the_process(self) -> None:
        before = datetime(2025, 12, 31, 23, 30, tzinfo=PARIS)
        after = datetime(2026, 1, 1, 0, 30, tzinfo=PARIS)
        points = series([before, after, datetime(2026, 6, 30, 4, tzinfo=PARIS)])
        plans = []
        for zone in ("UTC", "Pacific/Auckland", "Pacific/Honolulu"):
            with process_zone(zone):
                plans.append(plan_of(points, replace(BARE, days=0)))

        assert "newest of December 2025 (monthly tier)" in reasons(plans[0], name(before))
        assert "newest of 2025 (yearly tier)" in reasons(plans[0], name(before))
        assert "newest of January 2026 (monthly tier)" in reasons(plans[0], name(after))
        assert plans[0] == plans[1] == plans[2]

    def test_the_window_counts_days_over_months_of_31_and_30_days(self) -> None:
        for last in (datetime(2026, 5, 31, 2, tzinfo=UTC), datetime(2026, 5, 1, 2, tzinfo=UTC)):
            kept = core(daily(120, last), replace(BARE, months=0, years=0))
            assert kept == {name(last - timedelta(days=age)) for age in range(31)}

    def test_the_window_is_never_shorter_than_its_days_of_24_hours(self) -> None:
        # The clocks went forward on 29 March: 30 days of 24 hours reach into 20 March, the 31st day back.
        last = datetime(2026, 4, 20, 0, 30, tzinfo=PARIS)
        edge = last.astimezone(UTC) - timedelta(days=30)
        assert edge.astimezone(PARIS).date() == date(2026, 3, 20)

        assert name(edge) in core(series([edge, last]), replace(BARE, months=0, years=0))

    def test_29_february_is_not_lost_and_its_anniversary_is_1_march(self) -> None:
        leap = datetime(2024, 2, 29, 2, tzinfo=UTC)
        points = series([leap, leap - timedelta(days=1), datetime(2024, 12, 1, 2, tzinfo=UTC)])

        assert name(leap) in core(points, replace(BARE, days=0))
        assert add_years(date(2024, 2, 29), 10) == date(2034, 3, 1)
        assert add_years(date(2024, 2, 29), 4) == date(2028, 2, 29)
        assert financial_year_closes(Policy(financial_year_end=(2, 29)), date(2024, 1, 1), date(2026, 1, 1)) == [
            date(2023, 2, 28),
            date(2024, 2, 29),
            date(2025, 2, 28),
        ]


class TestGaps:
    """Cases 3, 4, 20 and 21: nothing ages while nothing new is verified."""

    @pytest.mark.parametrize("gap", [1, 30, 31, 90, 400])
    def test_nothing_goes_during_a_gap(self, gap: int) -> None:
        points = daily(60)
        before = plan_of(points, now=BASE)
        during = plan_of(points, now=BASE + timedelta(days=gap))

        assert before.plan_id == during.plan_id
        assert ("stale_anchor" in codes(during)) == (gap > 2)

    @pytest.mark.parametrize("gap", [1, 30, 31, 90, 400])
    def test_after_a_gap_the_mass_ageing_out_waits_for_approval(self, gap: int) -> None:
        kept = set(plan_of(daily(400)).ids("keep"))
        points = [one for one in daily(400) if one.id in kept]
        back = BASE + timedelta(days=gap)
        points.append(Point(name(back), back, 401, "verified"))
        plan = plan_of(points, Policy())

        assert plan.refused == (gap >= 30)
        assert ("too_many" in codes(plan)) == (gap >= 30)
        stays = set(plan.ids("keep"))
        assert {name(back), points[0].id, *[one.id for one in points[-7:]]} <= stays
        assert core(points, Policy()) <= stays
        approved = plan_of(points, Policy(**FREE))
        assert not approved.refused
        assert approved.plan_id == plan.plan_id, "a raised limit approves the plan that was shown"

    def test_when_backups_stop_for_ever_the_catalogue_never_shrinks(self) -> None:
        points = [one for one in daily(60) if one.id in core(daily(60), BARE)]
        points[0] = replace(points[0], tombstoned_at=BASE - timedelta(days=1))
        for days in (3, 30, 365, 4000):
            plan = plan_of(points, Policy(), now=BASE + timedelta(days=days))
            assert plan.refused or not plan.deletes
            assert set(plan.ids("keep")) >= core(points, BARE)

    def test_fewer_points_than_any_floor_stay(self) -> None:
        instants = [BASE - timedelta(days=45 * number) for number in range(7)]
        plan = plan_of(series(instants), Policy(months=0, years=0, **FREE))

        assert not plan.deletes
        assert plan_of(series(instants), Policy(months=0, years=0, verified_floor=3, keep_oldest=False)).deletes

    def test_unchanged_runs_keep_the_newest_fresh(self) -> None:
        # Each unchanged run is a restore point of its own that points to the same objects.
        first = Point(name(BASE), BASE, 1, "verified")
        unchanged = [
            Point(name(BASE + timedelta(days=day)), BASE + timedelta(days=day), day + 1, "complete")
            for day in range(1, 41)
        ]
        plan = plan_of([first, *unchanged])

        assert plan.anchor == first.id
        assert not plan.deletes

    def test_an_empty_catalogue_is_no_error(self) -> None:
        plan = decide([], Policy(), at(BASE))

        assert (plan.decisions, plan.refused, plan.deletes) == ((), False, False)


class TestClocks:
    """Cases 5 and 6, and the other half of the clock refusals."""

    @pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=1), timedelta(days=3653)])
    def test_a_point_of_the_future_is_neither_counted_nor_deleted(self, ahead: timedelta) -> None:
        points = daily(400)
        future = Point(name(BASE + ahead), BASE + ahead, 7, "verified")
        plan = plan_of([*points, future], now=BASE)

        assert reasons(plan, future.id) == "dated in the future: never counted, never deleted"
        assert plan.ids("ignore") == [future.id]
        assert any(future.id in alarm for alarm in plan.alarms)
        assert plan.ids("keep") == plan_of(points, now=BASE).ids("keep")
        assert plan.anchor == name(BASE)

    def test_five_minutes_ahead_is_a_clock_and_not_the_future(self) -> None:
        near = BASE + timedelta(minutes=5)
        assert plan_of([*daily(3), Point(name(near), near, 4, "verified")], now=BASE).anchor == name(near)

    @pytest.mark.parametrize("off", [timedelta(days=3653), timedelta(days=-365), timedelta(minutes=6)])
    def test_a_wrong_clock_of_the_runner_refuses(self, off: timedelta) -> None:
        plan = decide(daily(400), BARE, at(BASE, BASE + off))

        assert plan.refused
        assert "clock_skew" in codes(plan)

    def test_five_minutes_of_skew_are_accepted(self) -> None:
        assert not decide(daily(400), BARE, at(BASE, BASE - timedelta(minutes=5))).refused

    def test_a_clock_earlier_than_the_last_prune_refuses(self) -> None:
        last = LastPrune(BASE + timedelta(minutes=1), BASE - timedelta(days=1))

        assert codes(decide(daily(400), BARE, at(BASE, last=last))) == {"clock_before_last_prune"}

    def test_an_anchor_older_than_48_hours_refuses_without_the_override(self) -> None:
        points = daily(400)
        assert not plan_of(points, now=BASE + timedelta(hours=48)).refused
        late = BASE + timedelta(hours=48, minutes=1)
        assert codes(plan_of(points, now=late)) == {"stale_anchor"}
        assert not plan_of(points, replace(BARE, allow_stale_anchor=True), now=late).refused


class TestOrder:
    """Cases 13, 14 and 4.1: time and sequence number decide, and must agree."""

    def test_order_rests_on_time_and_sequence_alone(self) -> None:
        # Names as a major upgrade or a renamed database would leave them: they sort against time.
        points = [
            Point(f"{'z' if age > 200 else 'a'}-{400 - age:04d}", BASE - timedelta(days=age), 400 - age, "verified")
            for age in range(400)
        ]
        renamed = plan_of(points)

        assert renamed.anchor == "a-0400"
        assert len(renamed.ids("keep")) == len(plan_of(daily(400)).ids("keep"))

    def test_time_against_sequence_plans_nothing_and_says_so(self) -> None:
        points = daily(400)
        points[200] = replace(points[200], sequence=399)
        plan = plan_of(points)

        assert not plan.deletes
        assert plan.refused
        assert "order" in codes(plan)
        assert any("wrong time" in alarm for alarm in plan.alarms)

    def test_a_damaged_mark_takes_the_wrong_one_out_of_the_order(self) -> None:
        points = daily(400)
        points[200] = replace(points[200], sequence=399, state="damaged")

        assert not plan_of(points).refused

    def test_one_instant_twice_is_ordered_by_sequence_and_then_id(self) -> None:
        twins = [Point("b", BASE, 2, "verified"), Point("a", BASE, 2, "verified"), Point("c", BASE, 1, "verified")]

        plan = plan_of(twins, replace(BARE, thin_days=True))
        assert plan.anchor == "b"
        assert gone(plan) == {"a", "c"}
        assert any("same sequence number" in alarm for alarm in plan.alarms)

    def test_one_id_twice_is_an_error(self) -> None:
        with pytest.raises(ErpError, match="twice"):
            plan_of([*daily(3), *daily(1)])


def test_weeks_of_iso_years_are_not_hidden_by_months() -> None:
    """Case 9: 2026 has 53 ISO weeks; 1 January 2027 belongs to week 53 of 2026."""
    last = datetime(2027, 1, 20, 2, tzinfo=UTC)
    points = daily(200, last)
    policy = replace(BARE, days=0, months=0, years=0, weeks=20)
    plan = plan_of(points, policy)
    by_week: dict[tuple[int, int], str] = {}
    for one in points:
        iso = one.instant.astimezone(PARIS).date().isocalendar()
        by_week[(iso.year, iso.week)] = one.id

    wanted = [ident for _week, ident in sorted(by_week.items())][-21:]
    assert plan.ids("keep") == wanted
    assert "newest of week 53 of 2026 (weekly tier)" in reasons(plan, "20270103T020000Z")
    both = plan_of(points, replace(policy, months=12))
    assert set(wanted) <= set(both.ids("keep")), "a month never hides a week"


class TestFinancialYears:
    """Cases 11 and 12: ten years run from the close, not from the day of the backup."""

    def test_the_last_before_and_the_first_after_a_close_are_kept(self) -> None:
        policy = replace(BARE, days=0, months=0, years=0, financial_year_end=(6, 30))
        last = datetime(2026, 8, 31, 2, tzinfo=UTC)
        plan = plan_of(daily(600, last), policy)

        assert plan.ids("keep") == [
            name(last - timedelta(days=599)),  # first after the close of 2024
            "20250630T020000Z",
            "20250701T020000Z",
            "20260630T020000Z",
            "20260701T020000Z",
            "20260831T020000Z",
        ]

    def test_the_closing_lag_moves_the_second_one(self) -> None:
        policy = replace(BARE, days=0, months=0, years=0, financial_year_end=(12, 31), closing_lag_days=120)

        kept = core(daily(400), policy)
        assert kept == {"20250527T020000Z", "20251231T020000Z", "20260501T020000Z", "20260630T020000Z"}

    def test_given_closes_replace_the_derived_ones_up_to_the_last_of_them(self) -> None:
        # A first financial year of 15 months: there was no close at the end of 2024.
        policy = replace(BARE, financial_year_end=(12, 31), financial_year_closes=(date(2025, 12, 31),))

        closes = financial_year_closes(policy, date(2024, 10, 1), date(2027, 12, 31))
        assert closes == [date(2025, 12, 31), date(2026, 12, 31), date(2027, 12, 31)]
        kept = core(daily(1200, datetime(2027, 6, 30, 2, tzinfo=UTC)), replace(policy, days=0, months=0, years=0))
        assert kept == {
            "20251231T020000Z",
            "20260101T020000Z",
            "20261231T020000Z",
            "20270101T020000Z",
            "20270630T020000Z",
        }

    def test_closes_that_begin_too_late_raise_an_alarm(self) -> None:
        plan = plan_of(daily(1100), replace(BARE, financial_year_closes=(date(2025, 12, 31),)))

        assert any("list their closes" in alarm for alarm in plan.alarms)

    def test_an_invoice_of_the_first_day_of_the_year_is_covered_4016_days_later(self) -> None:
        issued = date(2025, 1, 1)
        until = issued + timedelta(days=4016)
        last = datetime(until.year, until.month, until.day, 22, 30, tzinfo=UTC)  # 23:30 in Paris
        december = datetime(2025, 12, 31, 3, tzinfo=UTC)
        january = datetime(2026, 1, 1, 3, tzinfo=UTC)
        points = series([december, january, last])
        policy = replace(BARE, years=5, financial_year_end=(12, 31))

        assert (until, legal_end(policy, date(2025, 12, 31))) == (date(2035, 12, 31), date(2036, 1, 31))
        assert name(december) in plan_of(points, policy).ids("keep")
        in_margin = series([december, january, datetime(2036, 1, 31, 3, tzinfo=UTC)])
        assert not plan_of(in_margin, policy).deletes
        over = series([december, january, datetime(2036, 2, 1, 3, tzinfo=UTC)])
        assert gone(plan_of(over, policy)) == {name(december)}
        assert "legal period of its financial year ended on 2036-01-31" in reasons(
            plan_of(over, policy), name(december)
        )

    def test_documents_are_needed_until_the_end_of_the_legal_period_of_their_year(self) -> None:
        policy = Policy(financial_year_end=(12, 31))

        assert documents_needed_until(policy, datetime(2025, 12, 31, 22, 30, tzinfo=UTC)) == date(2036, 1, 31)
        assert documents_needed_until(policy, datetime(2025, 12, 31, 23, 30, tzinfo=UTC)) == date(2037, 1, 31)
        assert documents_needed_until(Policy(), BASE) is None
        given = Policy(financial_year_closes=(date(2020, 12, 31),))
        assert documents_needed_until(given, BASE) == date(2038, 7, 31), "an unknown close is at most two years away"


class TestStates:
    """Cases 15, 16 and 18, and what is not good."""

    def test_an_empty_dump_displaces_nothing_and_stops_the_prune(self) -> None:
        points = daily(400)
        now = BASE + timedelta(days=1)
        failed = Point(name(now), now, 401, "failed")
        plan = plan_of([*points, failed])

        assert plan.ids("keep") == [*plan_of(points).ids("keep"), failed.id]
        assert codes(plan) == {"newest_failed"}
        assert plan.refused

    def test_the_three_newest_unfinished_are_left_for_diagnosis(self) -> None:
        failed = [Point(f"f{number}", BASE - timedelta(days=10, hours=number), state="failed") for number in range(5)]
        running = Point("r", BASE, state="running")
        plan = plan_of([*daily(10, BASE + timedelta(hours=1)), *failed, running])

        assert plan.ids("sweep") == ["f4", "f3", "f2"]
        assert "left for diagnosis" in reasons(plan, "f0")
        assert "a run that may still be writing" in reasons(plan, "r")

    def test_a_run_in_progress_does_not_change_the_plan_id(self) -> None:
        running = Point("r", BASE, state="running")

        assert plan_of(daily(50)).plan_id == plan_of([*daily(50), running]).plan_id

    def test_1000_newer_unverified_points_lose_no_verified_one(self) -> None:
        points = daily(400)
        junk = [
            Point(f"junk{number}", BASE + timedelta(minutes=number + 1), 401 + number, "complete")
            for number in range(1000)
        ]
        now = BASE + timedelta(days=1)
        kept = set(plan_of(points, Policy(**FREE), now=now).ids("keep"))

        for thin in (False, True):
            plan = plan_of([*points, *junk], Policy(thin_days=thin, **FREE), now=now)
            assert kept <= set(plan.ids("keep"))

    def test_unverified_points_never_take_the_place_of_a_verified_one_at_a_close(self) -> None:
        policy = replace(BARE, days=0, months=0, years=0, financial_year_end=(12, 31))
        closing = [datetime(2025, 12, 30, 3, tzinfo=UTC), datetime(2026, 1, 3, 3, tzinfo=UTC)]
        verified = series([datetime(2025, 3, 1, tzinfo=UTC), *closing, BASE])
        junk = [
            Point("before", datetime(2025, 12, 31, 3, tzinfo=UTC), 1, "complete"),
            Point("after", datetime(2026, 1, 1, 3, tzinfo=UTC), 1, "complete"),
        ]

        assert core(verified, policy) == {one.id for one in verified}
        assert core([*verified, *junk], policy) == {one.id for one in [*verified, *junk]}

    def test_unverified_points_never_fill_the_years_at_the_expense_of_the_oldest_verified_one(self) -> None:
        policy = replace(BARE, days=0, months=0, years=2, keep_oldest=True)
        verified = series([datetime(2020, 5, 5, tzinfo=UTC), datetime(2025, 5, 5, tzinfo=UTC), BASE])
        junk = Point("junk", datetime(2024, 5, 5, tzinfo=UTC), 1, "complete")

        assert verified[0].id in plan_of(verified, policy).ids("keep")
        assert verified[0].id in plan_of([*verified, junk], policy).ids("keep")
        assert verified[0].id not in plan_of([*verified, replace(junk, state="verified")], policy).ids("keep")

    def test_a_lock_keeps_the_point_and_says_so(self) -> None:
        points = daily(400)
        going = plan_of(points).ids("tombstone")[0]
        locked = [replace(one, lock="until 2027-01-01") if one.id == going else one for one in points]

        assert reasons(plan_of(locked), going) == "kept by lock: until 2027-01-01"

    def test_a_hold_keeps_the_point_with_its_reason(self) -> None:
        points = daily(400)
        going = plan_of(points).ids("tombstone")[0]
        held = [replace(one, holds=("tax audit 2024",)) if one.id == going else one for one in points]

        assert reasons(plan_of(held), going) == "held: tax audit 2024"
        assert plan_of(held).fingerprint != plan_of(points).fingerprint

    def test_a_damaged_point_never_stands_for_its_month(self) -> None:
        points = daily(400)
        march = next(number for number, one in enumerate(points) if one.id == "20260331T020000Z")
        points[march] = replace(points[march], state="damaged")
        plan = plan_of(points)

        assert "newest of March 2026 (monthly tier)" in reasons(plan, "20260330T020000Z")
        assert "20260331T020000Z" in gone(plan)
        assert any("20260331T020000Z is damaged" in alarm for alarm in plan.alarms)

    def test_the_remains_of_a_month_stay_when_nothing_good_is_left_of_it(self) -> None:
        points = [replace(one, state="damaged") if one.id.startswith("202603") else one for one in daily(400)]
        plan = plan_of(points)

        assert reasons(plan, "20260331T020000Z") == "damaged, but nothing good is left of March 2026"
        assert "20260330T020000Z" in gone(plan)

    def test_what_is_not_ours_is_left_alone(self) -> None:
        alien = Point("alien", BASE - timedelta(days=300), 1, "verified", foreign="it belongs to the instance 'other'")
        plan = plan_of([*daily(100), alien])

        assert plan.ids("ignore") == ["alien"]
        assert any("alien" in alarm for alarm in plan.alarms)

    def test_without_any_verified_point_the_plan_is_shown_and_refused(self) -> None:
        plan = plan_of(daily(400, state="complete"))

        assert plan.deletes
        assert codes(plan) == {"no_verified"}
        assert not plan_of(daily(20, state="complete")).refused, "nothing to delete, nothing to refuse"

    def test_nothing_verified_since_the_last_prune_refuses(self) -> None:
        points = [*daily(400), Point("new", BASE + timedelta(hours=5), 401, "complete")]
        last = LastPrune(BASE + timedelta(hours=1), BASE)
        now = BASE + timedelta(hours=6)

        assert codes(plan_of(points, now=now, last_prune=last)) == {"no_new_verified"}
        points[-1] = replace(points[-1], state="verified")
        assert not plan_of(points, now=now, last_prune=last).refused


class TestLimits:
    """4.4: how much may go at once."""

    def test_more_than_ten_refuse(self) -> None:
        kept = [one for one in daily(400) if one.id in core(daily(400), BARE)]
        older = daily(400)[300:]
        ten = [one for one in older if one.id not in core(daily(400), BARE)][:10]
        eleven = [one for one in older if one.id not in core(daily(400), BARE)][:11]
        policy = replace(BARE, max_delete_count=10)

        assert codes(plan_of([*kept, *ten], policy)) == set()
        assert codes(plan_of([*kept, *eleven], policy)) == {"too_many"}

    def test_more_than_a_fifth_refuses(self) -> None:
        # 31 stay in the window, the newest of May among them: 7 of 38 go, then 8 of 39.
        policy = replace(BARE, max_delete_share=0.20)

        assert len(gone(plan_of(daily(38), policy))) == 7
        assert codes(plan_of(daily(38), policy)) == set()
        assert codes(plan_of(daily(39), policy)) == {"too_large_share"}
        assert codes(plan_of(daily(40), replace(policy, max_delete_share=9 / 40))) == set()

    def test_what_stands_for_a_year_goes_only_with_its_own_limit(self) -> None:
        points = series([datetime(2015, 12, 31, 3, tzinfo=UTC), datetime(2016, 12, 31, 3, tzinfo=UTC), BASE])
        policy = replace(BARE, max_delete_yearly=0)
        plan = plan_of(points, policy)

        assert gone(plan) == {"20151231T030000Z"}
        assert codes(plan) == {"yearly"}
        assert not plan_of(points, replace(policy, max_delete_yearly=1)).refused

    def test_what_stood_for_a_financial_year_goes_only_with_its_own_limit(self) -> None:
        close, later = datetime(2014, 6, 30, 3, tzinfo=UTC), datetime(2014, 12, 31, 3, tzinfo=UTC)
        points = series([close, later, BASE])
        policy = replace(BARE, years=20, financial_year_end=(6, 30), max_delete_yearly=0)

        assert gone(plan_of(points, policy)) == {name(close)}
        assert codes(plan_of(points, policy)) == {"yearly"}

    def test_sweeps_were_limited_when_they_were_tombstoned(self) -> None:
        old = BASE - timedelta(days=20)
        going = set(plan_of(daily(400)).ids("tombstone"))
        points = [replace(one, tombstoned_at=old) if one.id in going else one for one in daily(400)]
        plan = plan_of(points, Policy())

        assert set(plan.ids("sweep")) >= going - {one.id for one in points[:1]}
        assert not plan.refused

    def test_problems_met_while_reading_refuse_a_plan_that_deletes(self) -> None:
        problem = Refusal("unreadable", "manifests/x.json is cut.")

        assert plan_of(daily(400), problems=(problem,)).refused
        assert not plan_of(daily(20), problems=(problem,)).refused
        assert codes(plan_of(daily(20), problems=(problem,))) == {"unreadable"}


class TestGrace:
    """4.5: tombstone, wait, sweep, and the way back."""

    def pruned(self, since: datetime | None, **changes: object) -> Plan:
        points = daily(100)
        first = replace(points[0], tombstoned_at=since, **changes)  # type: ignore[arg-type]
        return plan_of([first, *points[1:]])

    def test_a_tombstone_waits_for_14_days(self) -> None:
        ident = daily(100)[0].id

        assert ident in self.pruned(None).ids("tombstone")
        waiting = self.pruned(BASE - timedelta(days=13, hours=23))
        assert waiting.ids("wait") == [ident]
        assert "tombstoned on 2026-06-16, swept from 2026-06-30 03:00 UTC on" in reasons(waiting, ident)
        assert self.pruned(BASE - timedelta(days=14)).ids("sweep") == [ident]

    def test_without_grace_it_is_swept_at_once(self) -> None:
        plan = plan_of(daily(100), replace(BARE, grace_days=0))

        assert plan.ids("sweep")
        assert not plan.ids("tombstone")

    def test_what_is_needed_again_comes_back(self) -> None:
        points = daily(100)
        march = next(number for number, one in enumerate(points) if one.id == "20260430T020000Z")
        points[march] = replace(points[march], state="damaged")
        before = next(number for number, one in enumerate(points) if one.id == "20260429T020000Z")
        points[before] = replace(points[before], tombstoned_at=BASE - timedelta(days=20))
        plan = plan_of(points)

        assert plan.revive == ("20260429T020000Z",)
        assert "20260429T020000Z" in plan.ids("keep")

    def test_what_was_brought_back_stays_as_long_as_a_grace(self) -> None:
        ident = daily(100)[0].id

        assert ident in self.pruned(None, undeleted_at=BASE - timedelta(days=13)).ids("keep")
        assert ident in self.pruned(None, undeleted_at=BASE - timedelta(days=14)).ids("tombstone")

    def test_a_tombstone_is_still_counted_until_it_is_swept(self) -> None:
        points = daily(400)
        going = set(plan_of(points).ids("tombstone"))
        marked = [replace(one, tombstoned_at=BASE) if one.id in going else one for one in points]

        assert plan_of(marked).ids("keep") == plan_of(points).ids("keep")
        assert not plan_of(marked).deletes


def test_without_verified_states_the_newest_good_point_is_the_anchor() -> None:
    policy = replace(BARE, needs_verified=False, verified_floor=7)
    points = daily(400, state="complete")
    last = LastPrune(BASE - timedelta(hours=1), BASE)
    plan = plan_of(points, policy, last_prune=last)

    assert plan.anchor == name(BASE)
    assert not plan.refused
    assert "one of the last 7 good" in reasons(plan, name(BASE))


def test_an_unknown_time_zone_is_one_sentence() -> None:
    with pytest.raises(ErpError, match="time zone 'Europe/Atlantis' is not in the zone database"):
        decide(daily(1), Policy(timezone="Europe/Atlantis"), at(BASE))
