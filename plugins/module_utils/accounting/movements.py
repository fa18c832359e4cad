# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Money as it moved: one movement per transfer, however many invoices it settled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import accumulate
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import (
    ZERO,
    Period,
    money,
    month_of,
    total,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Invoice, Payment, ThirdParty


@dataclass(frozen=True)
class Share:
    """What of a movement one invoice took."""

    invoice: Invoice
    third_party: str
    amount: Decimal

    def to_facts(self) -> dict[str, Any]:
        return {
            "invoice_id": self.invoice.id,
            "invoice": self.invoice.ref,
            "third_party_id": self.invoice.third_party_id,
            "third_party": self.third_party,
            "amount": money(self.amount),
        }


@dataclass(frozen=True)
class Movement:
    """One transfer, cheque, card payment or handful of cash; negative when money was paid back."""

    day: date
    ref: str
    mode: str
    number: str
    account: str  # empty where it is not known
    shares: tuple[Share, ...]  # by id of the invoice

    @property
    def amount(self) -> Decimal:
        return total(share.amount for share in self.shares)


@dataclass(frozen=True)
class TimelineRow:
    """A movement and the sum of all movements up to and with it."""

    movement: Movement
    balance: Decimal

    def to_facts(self) -> dict[str, Any]:
        movement = self.movement
        return {
            "date": movement.day.isoformat(),
            "ref": movement.ref,
            "mode": movement.mode,
            "number": movement.number,
            "account": movement.account,
            "invoices": [share.invoice.ref for share in movement.shares],
            "third_parties": sorted({share.third_party for share in movement.shares}),
            "amount": money(movement.amount),
            "balance": money(self.balance),
            "shares": [share.to_facts() for share in movement.shares],
        }


@dataclass(frozen=True)
class MonthRow:
    """The movements of one calendar month."""

    month: str
    movements: int
    received: Decimal
    paid_back: Decimal  # positive
    cumulative: Decimal  # net, since the first month shown

    @property
    def net(self) -> Decimal:
        return self.received - self.paid_back

    def to_facts(self) -> dict[str, Any]:
        return {
            "month": self.month,
            "movements": self.movements,
            "received": money(self.received),
            "paid_back": money(self.paid_back),
            "net": money(self.net),
            "cumulative": money(self.cumulative),
        }


def movements(
    invoices: Iterable[Invoice],
    payments: Mapping[int, tuple[Payment, ...]],
    third_parties: Mapping[int, ThirdParty],
    accounts: Mapping[int, str],
) -> tuple[Movement, ...]:
    """All money that moved for these invoices of one side, by day and ref.

    One payment for several invoices has the same ref on each of them, and is one movement with a share for each. Credit
    notes and deposits that were set off moved no money. ``accounts`` gives the bank account of bank lines, by the id of
    the line: the payment itself does not say on which account it is.
    """
    shares: dict[tuple[date, str, int], list[Share]] = defaultdict(list)
    rows: dict[tuple[date, str, int], Payment] = {}
    for invoice in invoices:
        name = third_parties[invoice.third_party_id].name if invoice.third_party_id in third_parties else ""
        for row in payments.get(invoice.id, ()):
            if row.is_money:
                key = (row.paid_on, row.ref, row.bank_line_id or 0)
                rows[key] = row
                shares[key].append(Share(invoice, name, row.amount))
    return tuple(
        Movement(
            day=row.paid_on,
            ref=row.ref,
            mode=row.mode,
            number=row.number,
            account=accounts.get(row.bank_line_id or 0, ""),
            shares=tuple(sorted(shares[key], key=lambda share: share.invoice.id)),
        )
        for key, row in sorted(rows.items(), key=lambda item: item[0])
    )


def payment_timeline(all_movements: Iterable[Movement], period: Period) -> tuple[TimelineRow, ...]:
    """The movements of a period with a balance that starts at zero."""
    chosen = [movement for movement in all_movements if movement.day in period]
    balances = accumulate(movement.amount for movement in chosen)
    return tuple(TimelineRow(movement, balance) for movement, balance in zip(chosen, balances, strict=True))


def payments_by_month(all_movements: Iterable[Movement], period: Period) -> tuple[MonthRow, ...]:
    """The movements of a period by calendar month; a month without any has no row."""
    by_month: dict[str, list[Decimal]] = defaultdict(list)
    for movement in all_movements:
        if movement.day in period:
            by_month[month_of(movement.day)].append(movement.amount)
    months = sorted(by_month)
    cumulative = accumulate(total(by_month[month]) for month in months)
    return tuple(
        MonthRow(
            month=month,
            movements=len(by_month[month]),
            received=total(amount for amount in by_month[month] if amount > ZERO),
            paid_back=-total(amount for amount in by_month[month] if amount < ZERO),
            cumulative=so_far,
        )
        for month, so_far in zip(months, cumulative, strict=True)
    )
