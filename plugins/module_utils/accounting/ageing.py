# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How old the outstanding amounts are, and how late money usually comes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import (
    ZERO,
    Period,
    cents,
    money,
    total,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.payment_state import (
    OPEN,
    Bucket,
    PaymentState,
    State,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import InvoiceStatus, InvoiceType

YEAR = 365


@dataclass(frozen=True)
class StateTotal:
    """The invoices in one state."""

    state: State
    invoices: int
    total_ttc: Decimal
    received: Decimal
    balance: Decimal
    outstanding: Decimal

    def to_facts(self) -> dict[str, Any]:
        return {
            "state": str(self.state),
            "invoices": self.invoices,
            "total_ttc": money(self.total_ttc),
            "received": money(self.received),
            "balance": money(self.balance),
            "outstanding": money(self.outstanding),
        }


def state_totals(states: Sequence[PaymentState]) -> tuple[StateTotal, ...]:
    """Count and sums per state, in the order of the states, those without an invoice left out."""
    rows = []
    for wanted in State:
        chosen = [state for state in states if state.state is wanted]
        if chosen:
            rows.append(
                StateTotal(
                    state=wanted,
                    invoices=len(chosen),
                    total_ttc=total(state.invoice.total_ttc for state in chosen),
                    received=total(state.settlement.received for state in chosen),
                    balance=total(state.balance for state in chosen),
                    outstanding=total(state.outstanding for state in chosen),
                )
            )
    return tuple(rows)


@dataclass(frozen=True)
class Ageing:
    """Outstanding amounts by bucket: every bucket is there, and ``total`` is their sum."""

    third_party_id: int | None  # None for all together
    third_party: str
    amounts: dict[Bucket, Decimal]

    @property
    def total(self) -> Decimal:
        return total(self.amounts.values())

    def to_facts(self) -> dict[str, Any]:
        return {
            "third_party_id": self.third_party_id,
            "third_party": self.third_party,
            "buckets": {str(bucket): money(amount) for bucket, amount in self.amounts.items()},
            "total": money(self.total),
        }


def ageing(states: Iterable[PaymentState]) -> Ageing:
    """All outstanding amounts by bucket."""
    return _ageing(None, "", states)


def ageing_by_third_party(states: Iterable[PaymentState]) -> tuple[Ageing, ...]:
    """Outstanding amounts by third party, sorted by name; those with none are left out."""
    grouped: dict[tuple[str, int], list[PaymentState]] = defaultdict(list)
    for state in states:
        if state.state in OPEN:
            grouped[state.third_party, state.invoice.third_party_id].append(state)
    return tuple(_ageing(key[1], key[0], grouped[key]) for key in sorted(grouped))


def _ageing(third_party_id: int | None, name: str, states: Iterable[PaymentState]) -> Ageing:
    amounts = dict.fromkeys(Bucket, ZERO)
    for state in states:
        if state.bucket is not None:
            amounts[state.bucket] += state.outstanding
    return Ageing(third_party_id, name, amounts)


@dataclass(frozen=True)
class Delays:
    """How late money comes; negative days are early, None where there is nothing to tell from."""

    payments: int  # that settled invoices
    weighted_days: Decimal | None  # mean of payment day less due day, by amount
    mean_days: Decimal | None  # the same, each payment counting once
    receivables: Decimal
    sales: Decimal  # with VAT, of the days before today
    days: int
    dso: Decimal | None  # days of sales outstanding

    def to_facts(self) -> dict[str, Any]:
        return {
            "payments": self.payments,
            "weighted_days": _days(self.weighted_days),
            "mean_days": _days(self.mean_days),
            "receivables": money(self.receivables),
            "sales": money(self.sales),
            "days": self.days,
            "dso": _days(self.dso),
        }


def _days(value: Decimal | None) -> str | None:
    return None if value is None else money(value)


def payment_delays(states: Sequence[PaymentState], today: date) -> Delays:
    """Average delay and days of sales outstanding.

    The delay is that of every payment of a settled invoice: Σ (amount × (day paid - day due)) ÷ Σ amount; credit notes
    and money paid back are left out. Days of sales outstanding are receivables ÷ sales with VAT × days, over the 365
    days that end today: sales are validated and closed invoices less credit notes, and less the deposits that a final
    invoice used as payment, since they are within its total already.
    """
    late = [
        (row.amount, (row.paid_on - state.due).days)
        for state in states
        if state.state is State.OK and state.due is not None and not state.invoice.is_credit_note
        for row in state.settlement.money
        if row.amount > ZERO
    ]
    amount = total(paid for paid, _days_late in late)
    year = Period(today - timedelta(days=YEAR - 1), today)
    sales = total(
        state.invoice.total_ttc - state.settlement.deposits
        for state in states
        if state.invoice.issued in year
        and state.invoice.status in (InvoiceStatus.VALIDATED, InvoiceStatus.CLOSED)
        and state.invoice.type is not InvoiceType.PROFORMA
    )
    receivables = total(max(state.outstanding, ZERO) for state in states)
    return Delays(
        payments=len(late),
        weighted_days=cents(total(paid * days for paid, days in late) / amount) if late else None,
        mean_days=cents(Decimal(sum(days for _paid, days in late)) / len(late)) if late else None,
        receivables=receivables,
        sales=sales,
        days=YEAR,
        dso=cents(receivables / sales * YEAR) if sales > ZERO else None,
    )
