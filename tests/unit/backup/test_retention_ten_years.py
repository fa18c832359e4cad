# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ten years of backups and a prune a day, with gaps, failures and clocks that jump."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup.retention import (
    LastPrune,
    Plan,
    Point,
    Policy,
    Situation,
    State,
    core,
    decide,
    legal_end,
)

DAYS = 3653
DAY = timedelta(days=1)
ZONES = ["Europe/Paris", "UTC", "Pacific/Auckland", "Pacific/Honolulu"]
LIMITS = {"too_many", "too_large_share", "yearly"}


class Years:
    """An instance that is backed up, verified and pruned, one simulated day after the other."""

    def __init__(self, seed: int, zone: str) -> None:
        self.rng = random.Random(seed)
        self.policy = Policy(timezone=zone, financial_year_end=self.rng.choice([(12, 31), (6, 30), (3, 31)]))
        self.start = datetime(2016, 1, 1, tzinfo=ZoneInfo(zone))
        self.present: dict[str, Point] = {}
        self.history: list[Point] = []
        self.swept: set[str] = set()
        self.last: LastPrune | None = None
        self.silent_until = -1
        self.refused = 0
        self.approved = 0

    def back_up(self, day: int) -> None:
        """One to four runs a day, some unverified, damaged or failed, and now and then none for up to 90 days."""
        if day < self.silent_until:
            return
        if self.rng.random() < 0.01:
            self.silent_until = day + self.rng.randint(1, 90)
            return
        for hour in sorted(self.rng.sample(range(24), self.rng.choice([1, 1, 1, 2, 4]))):
            # Wall-clock arithmetic: the runs of the two short and long days of each year are included.
            instant = (self.start + day * DAY).replace(hour=hour, minute=self.rng.randrange(60)).astimezone(UTC)
            states: list[State] = ["verified", "complete", "damaged", "failed"]
            state = self.rng.choices(states, [85, 10, 3, 2])[0]
            point = Point(instant.strftime("%Y%m%dT%H%M%SZ"), instant, len(self.history) + 1, state)
            if not self.history or instant > self.history[-1].instant:
                self.history.append(point)
                self.present[point.id] = point

    def prune(self, day: int) -> Plan:
        """The plan of the evening, applied unless refused; what only a limit stops is approved by an operator."""
        now = (self.start + day * DAY).replace(hour=23, minute=59).astimezone(UTC)
        runner = now + timedelta(days=3653) if self.rng.random() < 0.01 else now
        plan = decide(self.present.values(), self.policy, Situation(now, runner, self.last))
        if plan.refused and {refusal.code for refusal in plan.refusals} <= LIMITS:
            shown = plan.plan_id
            generous = replace(self.policy, max_delete_count=10**6, max_delete_share=1.0, max_delete_yearly=10**6)
            plan = decide(self.present.values(), generous, Situation(now, runner, self.last))
            assert plan.plan_id == shown
            self.approved += 1
        elif plan.deletes and not plan.refused:
            assert len(plan.ids("tombstone")) <= self.policy.max_delete_count
        if plan.refused:
            self.refused += 1
        elif plan.deletes or plan.revive:
            self.apply(plan, now)
        return plan

    def apply(self, plan: Plan, now: datetime) -> None:
        for ident in plan.revive:
            self.present[ident] = replace(self.present[ident], tombstoned_at=None, undeleted_at=now)
        for ident in plan.ids("tombstone"):
            self.present[ident] = replace(self.present[ident], tombstoned_at=now)
        for ident in plan.ids("sweep"):
            del self.present[ident]
            self.swept.add(ident)
        self.last = LastPrune(now, plan.anchor_instant)

    def check(self, plan: Plan) -> None:
        """What must hold after every day."""
        kept = set(plan.ids("keep"))
        good = [one for one in self.history if one.good]
        verified = [one for one in good if one.state == "verified"]
        if good:
            assert good[-1].id in kept
        if verified:
            assert plan.anchor == verified[-1].id
            assert {one.id for one in verified[-7:]} <= kept
            first_day = verified[-1].instant - timedelta(days=30)
            assert {one.id for one in good if one.instant >= first_day} <= kept
        assert all(decision.reasons for decision in plan.decisions)
        assert not kept & self.swept

    def check_history(self) -> None:
        """The tiers over all that was ever made give what the tiers over what is left give."""
        wanted = core(self.history, self.policy)
        assert wanted <= set(self.present)
        assert core(self.present.values(), self.policy) == wanted


@pytest.mark.parametrize("seed", range(2))
def test_ten_years_of_days_leave_what_one_prune_at_the_end_would_leave(seed: int) -> None:
    years = Years(seed, ZONES[seed % len(ZONES)])
    for day in range(DAYS):
        years.back_up(day)
        years.check(years.prune(day))
        if day % 61 == 0:
            years.check_history()
    years.check_history()

    assert years.refused > 30, "clock faults and stale anchors were met"
    assert years.approved > 5, "limits were met"
    assert len(years.swept) > 3000
    assert len(years.present) < 250
    covered_until = legal_end(years.policy, date(2016, *years.policy.financial_year_end or (12, 31)))
    assert covered_until > date(2026, 1, 1), "no financial year may have been given up yet"
    for year in range(2017, 2026):
        assert any(one.startswith(str(year)) for one in years.present)


def test_a_prune_a_day_for_twelve_years_equals_one_prune_at_the_end() -> None:
    policy = Policy(financial_year_end=(12, 31))
    last = datetime(2027, 12, 31, 3, tzinfo=UTC)
    points = [
        Point(f"{age:05d}", last - age * DAY, 12 * 366 - age, "verified") for age in reversed(range(12 * 365 + 3))
    ]
    present: list[Point] = []
    for point in points:
        present.append(point)
        kept = core(present, policy)
        present = [one for one in present if one.id in kept]

    assert {one.id for one in present} == core(points, policy)
    assert len(present) == 31 + 11 + 9 + 11, "days, months beyond them, years beyond those, first days of years"
