# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A contractual schedule of instalments against the money that came."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import (
    TOLERANCE,
    ZERO,
    cents,
    money,
    total,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.movements import Movement
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import ThirdParty
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

# Money that comes longer before an instalment is due was paid for something else.
EARLIEST = timedelta(days=31)


class InstalmentState(StrEnum):
    """How an instalment was met."""

    MATCHED = "matched"  # in full, on the day
    EARLY = "early"  # in full, before the day
    LATE = "late"  # in full after the day, or not at all although it is due
    SHORT = "short"  # in part, although it is due
    PENDING = "pending"  # not due yet, and not in full


@dataclass(frozen=True)
class Instalment:
    """What a third party has to pay by a day."""

    due: date
    amount: Decimal
    third_party: ThirdParty


@dataclass(frozen=True)
class Receipt:
    """Money of one third party, or what of it an instalment took; negative when it was paid back."""

    day: date
    ref: str
    third_party_id: int
    third_party: str
    amount: Decimal

    def to_facts(self) -> dict[str, Any]:
        return {
            "date": self.day.isoformat(),
            "ref": self.ref,
            "third_party_id": self.third_party_id,
            "third_party": self.third_party,
            "amount": money(self.amount),
        }


@dataclass(frozen=True)
class InstalmentResult:
    """One instalment and the receipts that met it."""

    instalment: Instalment
    receipts: tuple[Receipt, ...]
    state: InstalmentState
    days: int | None  # from the due day to the last receipt, or to today while money is missing; None before that

    @property
    def received(self) -> Decimal:
        return total(receipt.amount for receipt in self.receipts)

    @property
    def missing(self) -> Decimal:
        return self.instalment.amount - self.received

    def to_facts(self) -> dict[str, Any]:
        return {
            "due": self.instalment.due.isoformat(),
            "third_party_id": self.instalment.third_party.id,
            "third_party": self.instalment.third_party.name,
            "amount": money(self.instalment.amount),
            "received": money(self.received),
            "missing": money(self.missing),
            "state": str(self.state),
            "days": self.days,
            "receipts": [receipt.to_facts() for receipt in self.receipts],
        }


@dataclass(frozen=True)
class ScheduleReport:
    """All instalments, and the money that no instalment explains."""

    instalments: tuple[InstalmentResult, ...]
    unexpected: tuple[Receipt, ...]

    def to_facts(self) -> dict[str, Any]:
        return {
            "instalments": [result.to_facts() for result in self.instalments],
            "unexpected": [receipt.to_facts() for receipt in self.unexpected],
            "expected": money(total(result.instalment.amount for result in self.instalments)),
            "received": money(total(result.received for result in self.instalments)),
            "missing": money(total(result.missing for result in self.instalments)),
            "unexpected_total": money(total(receipt.amount for receipt in self.unexpected)),
        }


def read_schedule(
    entries: Sequence[Mapping[str, Any]], third_parties: Mapping[int, ThirdParty]
) -> tuple[Instalment, ...]:
    """Read instalments as a person writes them: ``date`` (ISO), ``amount``, ``customer`` (id, customer code or name)."""
    found: dict[str, list[ThirdParty]] = defaultdict(list)
    for third_party in third_parties.values():
        for name in {str(third_party.id), third_party.customer_code, third_party.name} - {""}:
            found[name].append(third_party)
    return tuple(_read_entry(place, entry, found) for place, entry in enumerate(entries, start=1))


def _read_entry(place: int, entry: Mapping[str, Any], found: Mapping[str, list[ThirdParty]]) -> Instalment:
    customer = str(entry.get("customer", "")).strip()
    matching = found.get(customer, [])
    if len(matching) != 1:
        problem = "several third parties have" if matching else "no third party has"
        raise ErpError(
            f"Entry {place} of the schedule: {problem} the id, customer code or name {customer!r}; give the id."
        )
    try:
        due = date.fromisoformat(str(entry.get("date", "")))
    except ValueError as error:
        raise ErpError(f"Entry {place} of the schedule: the date must be written as 2026-11-21.") from error
    try:
        amount = Decimal(str(entry.get("amount", "")))
    except InvalidOperation as error:
        raise ErpError(f"Entry {place} of the schedule: the amount must be a number such as 510.00.") from error
    if not amount.is_finite() or amount <= ZERO or cents(amount) != amount:
        raise ErpError(f"Entry {place} of the schedule: the amount must be above zero and have two decimals at most.")
    return Instalment(due, amount, matching[0])


@dataclass
class _Open:
    """A receipt or an instalment while it is being matched."""

    left: Decimal
    day: date
    taken: list[Receipt] = field(default_factory=list)


@dataclass
class _OpenReceipt(_Open):
    receipt: Receipt = field(kw_only=True)


@dataclass
class _OpenInstalment(_Open):
    instalment: Instalment = field(kw_only=True)


def compare_schedule(instalments: Iterable[Instalment], movements: Iterable[Movement], today: date) -> ScheduleReport:
    """Match receipts with instalments, third party by third party; the same input always gives the same answer.

    1. Money paid back takes from the receipts before it: from the last of the same amount, else from the last ones.
    2. Receipts of exactly an instalment's amount meet it: oldest instalment first, oldest receipt first.
    3. What is left is divided among what is left, oldest first on both sides, as payments that name no debt are
       (C. civ. 1342-10).

    A receipt meets an instalment from 31 days before it is due. Receipts older than that for the first instalment of a
    third party, and those of third parties without an instalment, are no part of the comparison.
    """
    receipts = _receipts(movements)
    expected: dict[int, list[Instalment]] = defaultdict(list)
    for instalment in instalments:
        expected[instalment.third_party.id].append(instalment)
    results: list[InstalmentResult] = []
    unexpected: list[Receipt] = []
    for third_party_id, wanted in expected.items():
        wanted.sort(key=lambda one: (one.due, one.amount))
        start = wanted[0].due - EARLIEST
        came = _without_refunds([receipt for receipt in receipts[third_party_id] if receipt.day >= start])
        due = [_OpenInstalment(one.amount, one.due, instalment=one) for one in wanted]
        _match_exactly(due, came)
        _match_in_order(due, came)
        results += [_result(one.instalment, one.taken, today) for one in due]
        unexpected += [_part(one.receipt, one.left) for one in came if abs(one.left) >= TOLERANCE]
    results.sort(key=lambda one: (one.instalment.due, one.instalment.third_party.id, one.instalment.amount))
    unexpected.sort(key=lambda one: (one.day, one.ref, one.third_party_id))
    return ScheduleReport(tuple(results), tuple(unexpected))


def _receipts(movements: Iterable[Movement]) -> dict[int, list[Receipt]]:
    """One receipt per movement and third party, by day and ref."""
    receipts: dict[int, list[Receipt]] = defaultdict(list)
    for movement in sorted(movements, key=lambda movement: (movement.day, movement.ref)):
        amounts: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
        for share in movement.shares:
            amounts[share.invoice.third_party_id, share.third_party] += share.amount
        for (third_party_id, name), amount in amounts.items():
            receipts[third_party_id].append(Receipt(movement.day, movement.ref, third_party_id, name, amount))
    return receipts


def _without_refunds(receipts: Iterable[Receipt]) -> list[_OpenReceipt]:
    came: list[_OpenReceipt] = []
    for receipt in receipts:
        one = _OpenReceipt(receipt.amount, receipt.day, receipt=receipt)
        if one.left < ZERO:
            earlier = [other for other in reversed(came) if other.left > ZERO]
            exact = [other for other in earlier if abs(other.left + one.left) < TOLERANCE]
            for other in exact[:1] or earlier:
                back = min(other.left, -one.left)
                other.left -= back
                one.left += back
        came.append(one)
    return came


def _match_exactly(due: Sequence[_OpenInstalment], came: Sequence[_OpenReceipt]) -> None:
    for instalment in due:
        same = [one for one in came if one.left > ZERO and abs(one.left - instalment.left) < TOLERANCE]
        for receipt in _in_time(instalment, same):
            _take(instalment, receipt)
            break


def _match_in_order(due: Sequence[_OpenInstalment], came: Sequence[_OpenReceipt]) -> None:
    for instalment in due:
        for receipt in _in_time(instalment, came):
            if receipt.left > ZERO and instalment.left > ZERO:
                _take(instalment, receipt)


def _in_time(instalment: _OpenInstalment, came: Iterable[_OpenReceipt]) -> Iterator[_OpenReceipt]:
    return (one for one in came if one.day >= instalment.day - EARLIEST)


def _take(instalment: _OpenInstalment, receipt: _OpenReceipt) -> None:
    amount = min(instalment.left, receipt.left)
    instalment.left -= amount
    receipt.left -= amount
    instalment.taken.append(_part(receipt.receipt, amount))


def _part(receipt: Receipt, amount: Decimal) -> Receipt:
    return Receipt(receipt.day, receipt.ref, receipt.third_party_id, receipt.third_party, amount)


def _result(instalment: Instalment, taken: Sequence[Receipt], today: date) -> InstalmentResult:
    missing = instalment.amount - total(receipt.amount for receipt in taken)
    if missing < TOLERANCE:
        days = (max(receipt.day for receipt in taken) - instalment.due).days
        state = InstalmentState.MATCHED
        if days:
            state = InstalmentState.LATE if days > 0 else InstalmentState.EARLY
        return InstalmentResult(instalment, tuple(taken), state, days)
    if today <= instalment.due:
        return InstalmentResult(instalment, tuple(taken), InstalmentState.PENDING, None)
    state = InstalmentState.SHORT if taken else InstalmentState.LATE
    return InstalmentResult(instalment, tuple(taken), state, (today - instalment.due).days)
