# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which restore points stay and which may go: a pure decision over facts that somebody else read.

Nothing here reads a clock, a store or the environment. The same points, policy and situation give the same plan,
whatever the order of the points and the time zone of the process.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

State = Literal["complete", "verified", "damaged", "running", "failed"]
Action = Literal["keep", "tombstone", "wait", "sweep", "ignore"]

CLOCK_TOLERANCE = timedelta(minutes=5)
CLOCK_GRAIN = timedelta(seconds=2)  # the header Date counts whole seconds
STALE_ANCHOR = timedelta(hours=48)

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


@dataclass(frozen=True, slots=True)
class Point:
    """What retention knows of one restore point.

    ``instant`` is the aware instant of the database snapshot. ``running`` is a run that may still be writing,
    ``failed`` one that never committed. ``holds`` and ``lock`` are reasons in words. ``foreign`` says why the point is
    none of ours. ``tombstoned_at`` is set while a tombstone is in force.
    """

    id: str
    instant: datetime
    sequence: int = 0
    state: State = "complete"
    holds: tuple[str, ...] = ()
    lock: str = ""
    tombstoned_at: datetime | None = None
    undeleted_at: datetime | None = None
    foreign: str = ""

    @property
    def good(self) -> bool:
        """Only these are counted, and only these can push another one out."""
        return self.state in ("complete", "verified")

    @property
    def order(self) -> tuple[datetime, int, str]:
        """A total order: no two points are ever tied."""
        return (self.instant, self.sequence, self.id)


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers of the rule.

    ``days``, ``weeks``, ``months`` and ``years`` count whole units before the anchor's own one.
    ``financial_year_end`` is (month, day) and derives a close for each year after the last of
    ``financial_year_closes``; with neither there is no financial-year tier. ``needs_verified`` is false for a
    catalogue that cannot say which of its points were verified.
    """

    days: int = 30
    weeks: int = 0
    months: int = 12
    years: int = 10
    timezone: str = "Europe/Paris"
    thin_days: bool = False
    financial_year_end: tuple[int, int] | None = None
    financial_year_closes: tuple[date, ...] = ()
    closing_lag_days: int = 0
    legal_years: int = 10
    legal_margin_days: int = 31
    seed_compatible: bool = False
    verified_floor: int = 7
    keep_oldest: bool = True
    unfinished_floor: int = 3
    grace_days: int = 14
    max_delete_count: int = 10
    max_delete_share: float = 0.20
    max_delete_yearly: int = 0
    allow_stale_anchor: bool = False
    needs_verified: bool = True

    def zone(self) -> ZoneInfo:
        """The policy's time zone; raises ``ErpError`` for a name that is not in the zone database."""
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ErpError(
                f"The time zone '{self.timezone}' is not in the zone database of this machine: "
                "give a name such as Europe/Paris, or install tzdata."
            ) from error


@dataclass(frozen=True, slots=True)
class LastPrune:
    """What the previous applied prune left behind: when it ran and how far verification had come by then."""

    instant: datetime
    anchor_instant: datetime | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a plan may not be applied: a code for a play, a sentence for a person, and the restore point it is about."""

    code: str
    sentence: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Situation:
    """The world around the catalogue: ``now`` by the store's clock, ``runner_now`` by ours, and what reading it met."""

    now: datetime
    runner_now: datetime
    last_prune: LastPrune | None = None
    problems: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """One restore point's fate, and every reason for it."""

    id: str
    action: Action
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {"id": self.id, "action": self.action, "reasons": list(self.reasons)}


@dataclass(frozen=True)
class Plan:
    """Every decision, oldest point first, with what stands in the way of applying them.

    ``plan_id`` covers the catalogue and the decisions; neither the clock nor the limits change it, so that a plan shown
    today can be approved with a raised limit an hour later.
    """

    decisions: tuple[Decision, ...]
    refusals: tuple[Refusal, ...]
    alarms: tuple[str, ...]
    anchor: str | None
    anchor_instant: datetime | None
    fingerprint: str
    revive: tuple[str, ...] = ()
    running: frozenset[str] = field(default=frozenset())

    def ids(self, action: Action) -> list[str]:
        """Ids with this action, oldest first."""
        return [decision.id for decision in self.decisions if decision.action == action]

    @property
    def deletes(self) -> bool:
        """Whether applying it would take anything away, now or after the grace."""
        return any(decision.action in ("tombstone", "sweep") for decision in self.decisions)

    @property
    def refused(self) -> bool:
        """A refusal stops a plan that deletes; a catalogue out of order is told even when nothing would go."""
        return any(self.deletes or refusal.code == "order" for refusal in self.refusals)

    @property
    def plan_id(self) -> str:
        """SHA-256 over the canonical JSON of catalogue and decisions; runs in progress do not count."""
        return sha256_json(
            {
                "catalogue": self.fingerprint,
                "anchor": self.anchor,
                "decisions": [one.as_dict() for one in self.decisions if one.id not in self.running],
            }
        )


class _Dated(NamedTuple):
    """A point with its calendar day in the policy's time zone."""

    point: Point
    day: date


_Kept = Iterator[tuple[Point, str]]


def canonical_json(value: Any) -> str:
    """One text per value: sorted keys, no spaces, UTF-8 as it is."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256_json(value: Any) -> str:
    """SHA-256 in hexadecimal of the canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def add_years(day: date, years: int) -> date:
    """The same calendar day ``years`` later; 29 February becomes 1 March, so that no day is lost."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def fingerprint(points: Iterable[Point]) -> str:
    """SHA-256 of every fact that a decision rests on, runs in progress left out: they may start and end at any time."""
    rows = [
        [
            one.id,
            one.instant.astimezone(UTC).isoformat(),
            one.sequence,
            one.state,
            sorted(one.holds),
            one.lock,
            _iso(one.tombstoned_at),
            _iso(one.undeleted_at),
            one.foreign,
        ]
        for one in sorted(points, key=lambda point: point.order)
        if one.state != "running"
    ]
    return sha256_json(rows)


def decide(points: Iterable[Point], policy: Policy, situation: Situation) -> Plan:
    """The plan for this catalogue. Raises ``ErpError`` for two points of one id or an unknown time zone."""
    ordered = sorted(points, key=_order)
    by_id = {one.id: one for one in ordered}
    if len(by_id) != len(ordered):
        raise ErpError("The catalogue names one restore point twice: the listing cannot be trusted, run again.")
    ours = [one for one in ordered if not one.foreign and not _is_future(one, situation)]
    good = _dated((one for one in ours if one.good), policy)
    anchor = _anchor(good, policy)
    inversion = _inversion([one.point for one in good])
    keeps = _keeps(good, anchor, policy)
    for one in ours:
        keeps[one.id].extend(_vetoes(one, policy, situation))
        if inversion:
            keeps[one.id].append("nothing is planned while the order of the catalogue is in doubt")
    for one, reason in _remains(ours, good, anchor, policy):
        keeps[one.id].append(reason)
    history = _History(good, anchor, policy)
    decisions = tuple(_decision(one, keeps[one.id], history, policy, situation) for one in ordered)
    plan = Plan(
        decisions=decisions,
        refusals=(),
        alarms=tuple(_alarms(ordered, good, policy, situation)),
        anchor=anchor.point.id if anchor else None,
        anchor_instant=anchor.point.instant if anchor else None,
        fingerprint=fingerprint(ordered),
        revive=tuple(
            one.id for one in decisions if one.action == "keep" and by_id[one.id].tombstoned_at and not inversion
        ),
        running=frozenset(one.id for one in ordered if one.state == "running"),
    )
    refusals = (
        *_catalogue_refusals(ours, good, anchor, policy),
        *_clock_refusals(anchor, policy, situation),
        *_limit_refusals(plan, by_id, history, policy),
        *situation.problems,
    )
    return replace(plan, refusals=refusals)


def core(points: Iterable[Point], policy: Policy) -> set[str]:
    """Ids that the tiers alone keep, without floors, vetoes and the seed's extras: this does not depend on the path."""
    good = _dated((one for one in sorted(points, key=_order) if one.good), policy)
    anchor = _anchor(good, policy)
    return {one.id for one, _reason in _tiers(good, anchor, policy)} if anchor else set()


def seed_tiers(points: Iterable[Point], policy: Policy) -> tuple[list[str], list[str], list[str]]:
    """Ids of the exclusive rule: days, then months among what is left, then years among what is left of that."""
    good = _dated((one for one in sorted(points, key=_order) if one.good), policy)
    anchor = _anchor(good, policy)
    if anchor is None:
        return [], [], []
    daily = [one for one in good if (anchor.day - one.day).days <= policy.days]
    monthly = _exclusive(good, anchor, policy.days, policy.months * 365 // 12, _month_key)
    yearly = _exclusive(good, anchor, max(policy.days, policy.months * 365 // 12), policy.years * 365, _year_key)
    return [one.point.id for one in daily], [one.point.id for one in monthly], [one.point.id for one in yearly]


def financial_year_closes(policy: Policy, first: date, last: date) -> list[date]:
    """The closes that matter to points of ``first`` to ``last``: the given ones, then one a year after the last."""
    closes = {close for close in policy.financial_year_closes if close <= last}
    if policy.financial_year_end:
        given = max(policy.financial_year_closes, default=None)
        month, day = policy.financial_year_end
        for year in range(first.year - 1, last.year + 1):
            close = _last_valid_day(year, month, day)
            if close <= last and (given is None or close > given):
                closes.add(close)
    return sorted(closes)


def legal_end(policy: Policy, close: date) -> date:
    """Last day on which what belongs to the financial year that ended on ``close`` must still be readable."""
    return add_years(close, policy.legal_years) + timedelta(days=policy.legal_margin_days)


def documents_needed_until(policy: Policy, stored: datetime) -> date | None:
    """Last day of the legal period of documents stored at this instant, or None without a financial-year tier."""
    day = stored.astimezone(policy.zone()).date()
    if not policy.financial_year_end and not policy.financial_year_closes:
        return None
    longest = add_years(day, 2)  # no financial year is longer, so an unknown close is not later
    closes = [close for close in financial_year_closes(policy, day, longest) if close >= day]
    return legal_end(policy, closes[0] if closes else longest)


# -- the rule ---------------------------------------------------------------------------------------------------------


def _order(point: Point) -> tuple[datetime, int, str]:
    return point.order


def _newest(dated: Iterable[_Dated]) -> _Dated:
    return max(dated, key=lambda one: one.point.order)


def _dated(points: Iterable[Point], policy: Policy) -> list[_Dated]:
    zone = policy.zone()
    return [_Dated(one, one.instant.astimezone(zone).date()) for one in points]


def _is_future(point: Point, situation: Situation) -> bool:
    return point.instant > situation.now + CLOCK_TOLERANCE


def _iso(instant: datetime | None) -> str | None:
    return instant.astimezone(UTC).isoformat() if instant else None


def _last_valid_day(year: int, month: int, day: int) -> date:
    """29 February stands for the last day of February in every year."""
    try:
        return date(year, month, day)
    except ValueError:
        return date(year, month + 1, 1) - timedelta(days=1)


def _proven(good: Sequence[_Dated], policy: Policy) -> list[_Dated]:
    return [one for one in good if one.point.state == "verified" or not policy.needs_verified]


def _anchor(good: Sequence[_Dated], policy: Policy) -> _Dated | None:
    """The newest verified point; without one the newest good point, so that a refused plan can still be shown."""
    return max(_proven(good, policy) or good, key=lambda one: one.point.order, default=None)


def _best(bucket: Iterable[_Dated]) -> _Dated:
    """The newest verified point of a bucket, else the newest complete one."""
    return max(bucket, key=lambda one: (one.point.state == "verified", one.point.order))


_Key = tuple[str, int, int]


def _week_key(day: date) -> _Key:
    iso = day.isocalendar()
    return ("week", iso.year, iso.week)


def _month_key(day: date) -> _Key:
    return ("month", day.year, day.month)


def _year_key(day: date) -> _Key:
    return ("year", day.year, 0)


def _day_key(day: date) -> _Key:
    return ("day", day.year, day.timetuple().tm_yday)


def _buckets(dated: Iterable[_Dated], key: Callable[[date], _Key]) -> dict[_Key, list[_Dated]]:
    buckets: dict[_Key, list[_Dated]] = defaultdict(list)
    for one in dated:
        buckets[key(one.day)].append(one)
    return buckets


def _first_day(anchor: _Dated, policy: Policy) -> date:
    """First day of the daily window: whole local days, at least ``days`` times 24 hours before the anchor."""
    window = timedelta(days=policy.days)
    exact = anchor.point.instant.astimezone(UTC) - window
    return min(anchor.day - window, exact.astimezone(policy.zone()).date())


def _daily(good: Sequence[_Dated], anchor: _Dated, policy: Policy) -> _Kept:
    first = _first_day(anchor, policy)
    window = [one for one in good if one.day >= first]
    if not policy.thin_days:
        for one in window:
            yield one.point, _daily_reason(one, anchor, policy)
        return
    for day in _buckets(window, _day_key).values():
        best, newest = _best(day), _newest(day)
        yield best.point, f"newest of {best.day.isoformat()} (daily window, one a day)"
        if newest is not best:
            yield newest.point, f"newest of {newest.day.isoformat()}, not verified yet (daily window, one a day)"


def _daily_reason(one: _Dated, anchor: _Dated, policy: Policy) -> str:
    age = (anchor.day - one.day).days
    if one.point.order > anchor.point.order:
        return "newer than the anchor (daily window)"
    return f"{age} {'day' if age == 1 else 'days'} before the anchor (daily window of {policy.days})"


def _whole(good: Sequence[_Dated], anchor: _Dated, policy: Policy) -> Iterator[tuple[_Key, list[_Dated]]]:
    """Whole calendar buckets inside the weekly, monthly and yearly windows."""
    monday = anchor.day - timedelta(days=anchor.day.weekday())
    for key, bucket in _buckets(good, _week_key).items():
        if policy.weeks and bucket[0].day >= monday - timedelta(weeks=policy.weeks):
            yield key, bucket
    month = anchor.day.year * 12 + anchor.day.month
    for key, bucket in _buckets(good, _month_key).items():
        if key[1] * 12 + key[2] >= month - policy.months:
            yield key, bucket
    for key, bucket in _buckets(good, _year_key).items():
        if key[1] >= anchor.day.year - policy.years:
            yield key, bucket


def _in_words(key: _Key) -> tuple[str, str]:
    """A bucket in an operator's words, and the name of its tier."""
    tier, year, number = key
    if tier == "week":
        return f"week {number} of {year}", "weekly tier"
    if tier == "month":
        return f"{_MONTHS[number - 1]} {year}", "monthly tier"
    return str(year), "yearly tier"


def _legal(good: Sequence[_Dated], policy: Policy) -> Iterator[tuple[Point, str, date]]:
    """Points that carry a financial year, with the last day on which they must stay."""
    # Up to the newest point and not only to the anchor: thinning must not take the first one after a close.
    for close in financial_year_closes(policy, good[0].day, good[-1].day) if good else ():
        until = legal_end(policy, close)
        term = (
            f"the financial year closed on {close.isoformat()}, to keep until {until.isoformat()} (financial-year tier)"
        )
        opened = close + timedelta(days=policy.closing_lag_days)
        before = [one for one in good if one.day <= close]
        after = [one for one in good if one.day > opened]
        # A newer or earlier copy that nobody verified never replaces the verified one: both stay.
        for some in (before, _proven(before, policy)):
            if some:
                yield some[-1].point, f"last before the end of {term}", until
        for some in (after, _proven(after, policy)):
            if some:
                yield some[0].point, f"first after the end of {term}", until


def _tiers(good: Sequence[_Dated], anchor: _Dated, policy: Policy) -> _Kept:
    yield from _daily(good, anchor, policy)
    for key, bucket in _whole(good, anchor, policy):
        words, tier = _in_words(key)
        yield _best(bucket).point, f"newest of {words} ({tier})"
    for point, reason, until in _legal(good, policy):
        if anchor.day <= until:
            yield point, reason


def _exclusive(
    good: Sequence[_Dated], anchor: _Dated, above: int, upto: int, key: Callable[[date], _Key]
) -> list[_Dated]:
    left = [one for one in good if above < (anchor.day - one.day).days <= upto]
    return sorted((_best(bucket) for bucket in _buckets(left, key).values()), key=lambda one: one.point.order)


def _seed(good: Sequence[_Dated], anchor: _Dated, policy: Policy) -> _Kept:
    months = policy.months * 365 // 12
    for one in _exclusive(good, anchor, policy.days, months, _month_key):
        yield one.point, f"newest of {_in_words(_month_key(one.day))[0]} beyond the days (seed's monthly tier)"
    for one in _exclusive(good, anchor, max(policy.days, months), policy.years * 365, _year_key):
        yield one.point, f"newest of {one.day.year} beyond the months (seed's yearly tier)"


def _floors(good: Sequence[_Dated], anchor: _Dated, policy: Policy) -> _Kept:
    proven = _proven(good, policy)
    yield good[-1].point, "newest good restore point"
    if policy.needs_verified and proven:
        yield proven[-1].point, "newest verified restore point"
    for one in proven[max(0, len(proven) - policy.verified_floor) :]:
        yield one.point, f"one of the last {policy.verified_floor} {'verified' if policy.needs_verified else 'good'}"
    if policy.keep_oldest:
        # Unverified points must not fill the tier at the expense of the oldest verified one.
        for some, word in ((good, "good"), (proven, "verified")) if policy.needs_verified else ((good, "good"),):
            years = {one.day.year for one in some if one.day.year >= anchor.day.year - policy.years}
            if some and len(years) <= policy.years:
                yield some[0].point, f"oldest {word} restore point while the yearly tier is not full"


def _keeps(good: Sequence[_Dated], anchor: _Dated | None, policy: Policy) -> defaultdict[str, list[str]]:
    """Reasons to keep, by id: tiers, the seed's extras, floors."""
    keeps: defaultdict[str, list[str]] = defaultdict(list)
    if anchor is None:
        return keeps
    sources = [_tiers(good, anchor, policy), _floors(good, anchor, policy)]
    if policy.seed_compatible:
        sources.insert(1, _seed(good, anchor, policy))
    for source in sources:
        for point, reason in source:
            if reason not in keeps[point.id]:
                keeps[point.id].append(reason)
    return keeps


def _vetoes(one: Point, policy: Policy, situation: Situation) -> Iterator[str]:
    for reason in one.holds:
        yield f"held: {reason}"
    if one.lock:
        yield f"kept by lock: {one.lock}"
    if one.state == "running":
        yield "a run that may still be writing"
    if one.undeleted_at:
        until = one.undeleted_at + timedelta(days=policy.grace_days)
        if situation.now < until:
            yield f"brought back on {one.undeleted_at.date().isoformat()}, stays at least until {_minute(until)}"


def _remains(ours: Sequence[Point], good: Sequence[_Dated], anchor: _Dated | None, policy: Policy) -> _Kept:
    """Unfinished points stay for diagnosis, damaged ones also while they are all there is of their time."""
    unfinished = [one for one in ours if one.state in ("running", "failed")]
    for one in unfinished[max(0, len(unfinished) - policy.unfinished_floor) :]:
        yield one, f"one of the {policy.unfinished_floor} newest unfinished runs, left for diagnosis"
    damaged = _dated((one for one in ours if one.state == "damaged"), policy)
    if anchor is None:
        for each in damaged:
            yield each.point, "damaged, but there is no good restore point at all"
        return
    for each in damaged:
        if each.day >= _first_day(anchor, policy):
            yield each.point, "damaged, left for diagnosis within the daily window"
    covered = {key for key, _bucket in _whole(good, anchor, policy)}
    for key, bucket in _whole(damaged, anchor, policy):
        if key not in covered:
            yield _newest(bucket).point, f"damaged, but nothing good is left of {_in_words(key)[0]}"


# -- decisions and their words ----------------------------------------------------------------------------------------


class _History:
    """Which points stand for a month or a year, and so why a point that nothing keeps may go."""

    def __init__(self, good: Sequence[_Dated], anchor: _Dated | None, policy: Policy) -> None:
        self.policy = policy
        self.anchor = anchor
        self.days = {one.point.id: one.day for one in good}
        buckets = {**_buckets(good, _month_key), **_buckets(good, _year_key)}
        self.best = {key: _best(bucket).point.id for key, bucket in buckets.items()}
        self.legal = {point.id: until for point, _reason, until in _legal(good, policy)}
        self.yearly = {best for key, best in self.best.items() if key[0] == "year"} | set(self.legal)

    def reasons(self, one: Point) -> tuple[str, ...]:
        if one.state == "failed":
            return ("never committed: no manifest names it, and no run in progress claims it",)
        if one.state == "damaged":
            return ("damaged, and a good restore point covers its time",)
        if self.anchor is None:
            return ("nothing keeps it",)
        day = self.days[one.id]
        words = []
        if day >= _first_day(self.anchor, self.policy):
            words.append(f"not the newest of {day.isoformat()} (daily window, one a day)")
        else:
            age = (self.anchor.day - day).days
            words.append(f"{age} days before the anchor, outside the daily window of {self.policy.days}")
        oldest = self.anchor.day.year * 12 + self.anchor.day.month - self.policy.months
        for key, inside, window in (
            (_month_key(day), day.year * 12 + day.month >= oldest, f"{self.policy.months} months"),
            (_year_key(day), day.year >= self.anchor.day.year - self.policy.years, f"{self.policy.years} years"),
        ):
            name = _in_words(key)[0]
            words.append(
                f"{self.best[key]} is kept for {name}" if inside else f"{name} is outside the window of {window}"
            )
        if one.id in self.legal:
            words.append(f"the legal period of its financial year ended on {self.legal[one.id].isoformat()}")
        return tuple(words)


def _decision(one: Point, keep: list[str], history: _History, policy: Policy, situation: Situation) -> Decision:
    if one.foreign:
        return Decision(one.id, "ignore", (f"not ours: {one.foreign}",))
    if _is_future(one, situation):
        return Decision(one.id, "ignore", ("dated in the future: never counted, never deleted",))
    if keep:
        return Decision(one.id, "keep", tuple(keep))
    reasons = history.reasons(one)
    if one.state == "failed":
        return Decision(one.id, "sweep", reasons)
    grace = timedelta(days=policy.grace_days)
    since = one.tombstoned_at
    if since is None:
        return Decision(one.id, "tombstone" if grace else "sweep", reasons)
    tombstoned = f"tombstoned on {since.astimezone(UTC).date().isoformat()}"
    if situation.now < since + grace:
        return Decision(one.id, "wait", (*reasons, f"{tombstoned}, swept from {_minute(since + grace)} on"))
    return Decision(one.id, "sweep", (*reasons, f"{tombstoned}, {policy.grace_days} days of grace are over"))


def _minute(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _inversion(good: Sequence[Point]) -> tuple[Point, Point] | None:
    """The first neighbours, by time, whose sequence numbers run backwards."""
    for earlier, later in zip(good, good[1:], strict=False):
        if earlier.instant < later.instant and earlier.sequence > later.sequence:
            return earlier, later
    return None


def _alarms(ordered: Sequence[Point], good: Sequence[_Dated], policy: Policy, situation: Situation) -> Iterator[str]:
    for one in ordered:
        if not one.foreign and _is_future(one, situation):
            yield f"{one.id} is dated {_minute(one.instant)}, after the store's clock: check the clock that made it."
        if one.state == "damaged":
            yield f"{one.id} is damaged: it counts for nothing; take a new backup."
        if one.foreign:
            yield f"{one.id} is left alone: {one.foreign}."
    inversion = _inversion([one.point for one in good])
    if inversion:
        yield _out_of_order(*inversion)
    numbers: dict[int, str] = {}
    for one in (each.point for each in good if each.point.sequence):
        if one.sequence in numbers:
            yield f"{numbers[one.sequence]} and {one.id} carry the same sequence number {one.sequence}."
        numbers[one.sequence] = one.id
    first_given = min(policy.financial_year_closes, default=None)
    if good and first_given and add_years(good[0].day, 2) < first_given:
        yield (
            f"The first financial-year close given is {first_given.isoformat()}, but restore points go back to "
            f"{good[0].day.isoformat()}: the years between have no financial-year tier; list their closes."
        )


def _out_of_order(earlier: Point, later: Point) -> str:
    return (
        f"{earlier.id} is older than {later.id} but carries the higher sequence number "
        f"({earlier.sequence} and {later.sequence}): one of them has a wrong time."
    )


# -- refusals ---------------------------------------------------------------------------------------------------------


def _catalogue_refusals(
    ours: Sequence[Point],
    good: Sequence[_Dated],
    anchor: _Dated | None,
    policy: Policy,
) -> Iterator[Refusal]:
    inversion = _inversion([one.point for one in good])
    if inversion:
        yield Refusal("order", f"{_out_of_order(*inversion)} Mark the wrong one as damaged, then plan again.")
    if policy.needs_verified and not (anchor and anchor.point.state == "verified"):
        yield Refusal(
            "no_verified", "No restore point has been verified yet: verify the newest one in full, then prune."
        )
    failed = [one for one in ours if one.state == "failed"]
    if failed and good and failed[-1].order > good[-1].point.order:
        yield Refusal(
            "newest_failed",
            f"The newest attempt, {failed[-1].id}, left nothing usable: back up again before anything is deleted.",
        )


def _clock_refusals(anchor: _Dated | None, policy: Policy, situation: Situation) -> Iterator[Refusal]:
    skew = abs(situation.runner_now - situation.now)
    if skew > CLOCK_TOLERANCE:
        yield Refusal(
            "clock_skew",
            f"This machine's clock says {_minute(situation.runner_now)} and the store's {_minute(situation.now)}: "
            "set the wrong one right.",
        )
    last = situation.last_prune
    if last and min(situation.now, situation.runner_now) < last.instant - CLOCK_GRAIN:
        yield Refusal(
            "clock_before_last_prune",
            f"The clock is earlier than the last prune, which ran at {_minute(last.instant)}: set the clock right.",
        )
    if anchor is None:
        return
    if last and policy.needs_verified and last.anchor_instant and anchor.point.instant <= last.anchor_instant:
        yield Refusal(
            "no_new_verified",
            f"No restore point newer than {anchor.point.id} was verified since the last prune, "
            f"{_minute(last.instant)}: verify the newest one, then prune.",
        )
    age = situation.now - anchor.point.instant
    if age > STALE_ANCHOR and not policy.allow_stale_anchor:
        yield Refusal(
            "stale_anchor",
            f"The newest {'verified' if policy.needs_verified else 'good'} restore point, {anchor.point.id}, is "
            f"{int(age.total_seconds() // 3600)} hours old (limit 48): find out why backups or verification stopped, "
            "or set allow_stale_anchor.",
        )


def _limit_refusals(plan: Plan, by_id: dict[str, Point], history: _History, policy: Policy) -> Iterator[Refusal]:
    """Limits apply where the decision is taken, at the tombstone; a sweep only carries out what passed them."""
    going = [
        by_id[one.id]
        for one in plan.decisions
        if one.action in ("tombstone", "sweep")
        and by_id[one.id].tombstoned_at is None
        and by_id[one.id].state != "failed"
    ]
    good_going = [one for one in going if one.good]
    living = [
        one
        for one in by_id.values()
        if one.good and not one.foreign and one.tombstoned_at is None and one.id in history.days
    ]
    if len(going) > policy.max_delete_count:
        yield Refusal(
            "too_many",
            f"The plan deletes {len(going)} restore points, more than {policy.max_delete_count}: look at it, then set "
            f"max_delete_count to {len(going)} for one run.",
        )
    if good_going and len(good_going) > policy.max_delete_share * len(living):
        yield Refusal(
            "too_large_share",
            f"The plan deletes {len(good_going)} of {len(living)} good restore points, more than "
            f"{policy.max_delete_share:.0%}: look at it, then set max_delete_share for one run.",
        )
    yearly = [one.id for one in good_going if one.id in history.yearly]
    if len(yearly) > policy.max_delete_yearly:
        yield Refusal(
            "yearly",
            f"The plan deletes what stands for a calendar or financial year ({', '.join(yearly[:3])}"
            f"{', ...' if len(yearly) > 3 else ''}): set max_delete_yearly to {len(yearly)} for one run to allow it.",
        )
