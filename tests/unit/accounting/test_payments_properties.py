# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is true of any set of invoices and payments: the parts add up to the whole, however it is divided."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.ageing import (
    ageing,
    ageing_by_third_party,
    state_totals,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Period, month_of
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.movements import (
    Movement,
    movements,
    payment_timeline,
    payments_by_month,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.payment_state import State
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.payments import payment_states
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    Invoice,
    InvoiceStatus,
    InvoiceType,
    Payment,
)
from tests.support.ledger import TODAY, Payments, invoice, paid

CENTS = st.integers(-300_00, 300_00).map(lambda amount: Decimal(amount) / 100)
DAYS = st.integers(0, 400).map(lambda days: TODAY - timedelta(days))
KINDS = st.sampled_from((InvoiceType.STANDARD, InvoiceType.DEPOSIT, InvoiceType.CREDIT_NOTE, InvoiceType.SITUATION))
PARTITIONS: list[Callable[[Invoice], object]] = [
    lambda one: one.third_party_id,
    lambda one: one.type,
    lambda one: one.issued,
    lambda one: one.id % 3,
]


@st.composite
def ledgers(draw: st.DrawFn) -> tuple[list[Invoice], Payments]:
    """A few invoices of three customers, paid by transfers that may be for several of them."""
    invoices = []
    rows: dict[int, list[Payment]] = {}
    for number in range(1, draw(st.integers(1, 6)) + 1):
        kind, amount = draw(KINDS), abs(draw(CENTS))
        status = draw(st.sampled_from(InvoiceStatus))
        one = invoice(
            number,
            str(-amount if kind is InvoiceType.CREDIT_NOTE else amount),
            type=kind,
            status=status,
            is_paid=status is InvoiceStatus.CLOSED and draw(st.booleans()),
            third_party_id=draw(st.integers(1, 3)),
            issued=draw(DAYS),
        )
        invoices.append(one)
        for place in range(draw(st.integers(0, 2))):
            ref = draw(st.sampled_from(("PAY1", "PAY2", f"PAY{number}-{place}")))
            day = date(2026, 9, 1) if ref in ("PAY1", "PAY2") else draw(DAYS)
            rows.setdefault(number, []).extend(paid(number, (day.isoformat(), str(draw(CENTS)), ref))[number])
        source = draw(st.sampled_from([None, *invoices]))
        if source is not None and source.id != number:
            used = dataclasses.replace(
                paid(number, ("2026-10-01", str(abs(draw(CENTS))), source.ref))[number][0], is_money=False
            )
            rows.setdefault(number, []).append(used)
    return invoices, {number: tuple(found) for number, found in rows.items()}


@given(ledgers())
@settings(max_examples=60, deadline=None)
def test_every_total_is_explained(ledger: tuple[list[Invoice], Payments]) -> None:
    invoices, payments = ledger
    for state in payment_states(invoices, payments, TODAY, {}):
        settlement = state.settlement
        explained = settlement.received + settlement.credit_notes + settlement.deposits - state.converted
        assert explained + state.balance == state.invoice.total_ttc
        assert state.converted >= 0 <= state.available
        assert (state.bucket is None) is (state.state not in (State.UNPAID, State.PARTIAL, State.OVERPAID))
        assert (state.days_late is not None) is (state.outstanding > 0)


@given(ledgers())
@settings(max_examples=40, deadline=None)
def test_buckets_customers_and_states_add_up_to_what_is_outstanding(ledger: tuple[list[Invoice], Payments]) -> None:
    states = payment_states(*ledger, TODAY, {})
    whole = sum(state.outstanding for state in states)
    assert ageing(states).total == whole
    assert sum(row.total for row in ageing_by_third_party(states)) == whole
    assert sum(row.outstanding for row in state_totals(states)) == whole
    assert sum(row.invoices for row in state_totals(states)) == len(states)


@pytest.mark.parametrize("part_of", PARTITIONS)
@given(ledger=ledgers())
@settings(max_examples=25, deadline=None)
def test_any_partition_of_the_invoices_adds_up_to_all_money(
    part_of: Callable[[Invoice], object], ledger: tuple[list[Invoice], Payments]
) -> None:
    invoices, payments = ledger
    parts: dict[object, list[Invoice]] = {}
    for one in invoices:
        parts.setdefault(part_of(one), []).append(one)
    whole = sum(row.net for row in payments_by_month(moved(invoices, payments), Period()))
    assert whole == sum(row.amount for rows in payments.values() for row in rows if row.is_money)
    assert whole == sum(
        row.net for part in parts.values() for row in payments_by_month(moved(part, payments), Period())
    )


@given(ledgers(), DAYS)
@settings(max_examples=40, deadline=None)
def test_any_day_divides_the_timeline(ledger: tuple[list[Invoice], Payments], day: date) -> None:
    all_moved = moved(*ledger)
    before, after = Period(until=day - timedelta(1)), Period(since=day)
    rows = payment_timeline(all_moved, Period())
    assert [row.movement for half in (before, after) for row in payment_timeline(all_moved, half)] == [
        row.movement for row in rows
    ]
    months = payments_by_month(all_moved, Period())
    assert sum(row.movements for row in months) == len(rows)
    assert [row.month for row in months] == sorted({month_of(row.movement.day) for row in rows})
    if rows:
        assert rows[-1].balance == months[-1].cumulative == sum(row.net for row in months)


def moved(invoices: list[Invoice], payments: Payments) -> tuple[Movement, ...]:
    return movements(invoices, payments, {}, {})
