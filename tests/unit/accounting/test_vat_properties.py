# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is true of VAT whatever the invoices: shares add up, parts make the whole, every euro is somewhere."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Period
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat import VatReport
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_lines import Amounts, Key, Use
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_receipts import Receipt, shares
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import Treatment
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    Invoice,
    InvoiceStatus,
    InvoiceType,
    ProductType,
)
from tests.support.ledger import Payments, paid, set_off
from tests.support.vat import AMERICAN, FRENCH, GERMAN, bill, credit_note, deposit_line, line, report

FIRST = date(2026, 1, 1)
CENTS = st.integers(1, 500_00).map(lambda amount: Decimal(amount) / 100)
DAYS = st.integers(0, 330).map(lambda days: FIRST + timedelta(days))
RATES = st.sampled_from(("20", "10", "5.5", "2.1", "0"))
KINDS = st.sampled_from((ProductType.GOODS, ProductType.SERVICE))
STATUSES = st.sampled_from((InvoiceStatus.VALIDATED, InvoiceStatus.CLOSED, InvoiceStatus.ABANDONED))


@st.composite
def payments_of(draw: st.DrawFn, number: int, amount: Decimal) -> Payments:
    """Up to three payments: any amounts, or such that the last settles the invoice."""
    sign = -1 if amount < 0 else 1
    amounts = [draw(CENTS) * sign for _place in range(draw(st.integers(0, 3)))]
    settles: bool = draw(st.booleans())
    if amounts and settles:
        amounts[-1] = amount - sum(amounts[:-1], Decimal(0))
    days = [draw(DAYS) for _amount in amounts]
    return paid(number, *((str(day), str(one)) for day, one in zip(days, amounts, strict=True)))


@st.composite
def ledgers(draw: st.DrawFn) -> tuple[list[Invoice], Payments]:
    """A few invoices with lines at any rate, deposits and credit notes, set off in both ways, paid or not."""
    invoices: list[Invoice] = []
    rows: Payments = {}
    for number in range(1, draw(st.integers(1, 5)) + 1):
        lines = [line(str(draw(CENTS)), draw(RATES), draw(KINDS)) for _place in range(1, draw(st.integers(1, 3)) + 1)]
        party = draw(st.sampled_from((FRENCH, AMERICAN, GERMAN)))
        common = {"third_party_id": party, "issued": draw(DAYS), "status": draw(STATUSES)}
        kind = draw(st.sampled_from(("plain", "deposit", "credit")))
        if kind == "credit" and invoices:
            source = draw(st.sampled_from(invoices))
            negative = [
                dataclasses.replace(one, total_ht=-one.total_ht, total_tva=-one.total_tva, total_ttc=-one.total_ttc)
                for one in lines
            ]
            made = credit_note(number, source.id, *negative, **common)
            if draw(st.booleans()):
                used = set_off(source.id, made.ref, str(-made.total_ttc))
                rows[source.id] = (*rows.get(source.id, ()), used)
        elif kind == "deposit":
            made = bill(number, *lines, **{**common, "type": InvoiceType.DEPOSIT})
        else:
            if draw(st.booleans()):
                lines.append(deposit_line(str(draw(CENTS)), draw(RATES)))
            made = bill(number, *lines, **common)
            deposits = [one for one in invoices if one.type is InvoiceType.DEPOSIT]
            uses: bool = draw(st.booleans())
            if deposits and uses:
                deposit = draw(st.sampled_from(deposits))
                used = set_off(number, deposit.ref, str(deposit.total_ttc), "(DEPOSIT)")
                rows[number] = (*rows.get(number, ()), used)
        invoices.append(made)
        money = draw(payments_of(number, made.total_ttc))
        rows[number] = (*rows.get(number, ()), *money[number])
    return invoices, rows


def sums(made: VatReport, basis: str) -> dict[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for side in ("collected", "deductible"):
        for row in made.to_facts()[basis][side]:
            for column in ("base", "tax"):
                found[f"{side} {column}"] += Decimal(row[column])
    return found


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(CENTS, RATES), min_size=1, max_size=4, unique_by=lambda pair: pair[1]),
    st.lists(st.integers(1, 100), min_size=1, max_size=6),
    st.sampled_from((1, -1)),
)
def test_the_shares_of_payments_add_up_to_the_invoice(
    parts: list[tuple[Decimal, str]], weights: list[int], sign: int
) -> None:
    """However many payments, in whole cents, make up the total; and none makes more due than there is."""
    groups = {
        Key(Treatment.STD, Decimal(rate), True, Use.SOLD): Amounts(
            base * sign, (base * sign * Decimal(rate) / 100).quantize(Decimal("0.01"))
        )
        for base, rate in parts
    }
    payable = sum((one.base + one.tax for one in groups.values()), Decimal(0))
    amounts = [(payable * weight / sum(weights)).quantize(Decimal("0.01")) for weight in weights]
    amounts[-1] += payable - sum(amounts, Decimal(0))
    receipts = [Receipt(FIRST + timedelta(place), one, "payment") for place, one in enumerate(amounts)]
    found: dict[Key, Amounts] = defaultdict(lambda: Amounts(Decimal(0), Decimal(0)))
    for share in shares(groups, payable, receipts):
        found[share.key] = found[share.key].plus(share.amounts)
        assert share.amounts.base == share.amounts.base.quantize(Decimal("0.01"))
    assert {key: amounts for key, amounts in found.items() if any(amounts)} == {
        key: amounts for key, amounts in groups.items() if any(amounts)
    }


@settings(max_examples=60, deadline=None)
@given(ledgers(), st.booleans())
def test_every_cent_is_reconciled(ledger: tuple[list[Invoice], Payments], on_debits: bool) -> None:
    """Lines make invoices, rows make lines, what is due and what is not make what was invoiced; on both sides."""
    invoices, rows = ledger
    for made in (report(invoices, rows, on_debits=on_debits), report([], {}, invoices, rows)):
        facts = made.to_facts()
        assert facts["reconciliation"]["is_exact"] is True
        counted = [one for one in invoices if one.status is not InvoiceStatus.ABANDONED]
        totals = {Decimal(facts["reconciliation"][side]["total_ttc"]) for side in ("customers", "suppliers")}
        assert totals <= {sum((one.total_ttc for one in counted), Decimal(0)), Decimal(0)}


@settings(max_examples=30, deadline=None)
@given(ledgers(), st.lists(DAYS, min_size=1, max_size=3))
def test_periods_make_the_whole(ledger: tuple[list[Invoice], Payments], cuts: list[date]) -> None:
    """Cut anywhere, what the periods show adds up to what one report of all days shows."""
    invoices, rows = ledger
    ends = sorted(set(cuts))
    starts = [None, *(end + timedelta(1) for end in ends)]
    periods = [Period(start, end) for start, end in zip(starts, [*ends, None], strict=True)]
    for basis in ("due", "invoiced"):
        whole = sums(report(invoices, rows, invoices, rows), basis)
        added: dict[str, Decimal] = defaultdict(Decimal)
        for period in periods:
            for name, amount in sums(report(invoices, rows, invoices, rows, period=period), basis).items():
                added[name] += amount
        assert added == whole


@settings(max_examples=30, deadline=None)
@given(ledgers())
def test_the_returns_are_the_rows(ledger: tuple[list[Invoice], Payments]) -> None:
    """Net of all months is collected less deductible, and what is paid and carried is that, forwards."""
    invoices, rows = ledger
    made = report(invoices, rows, invoices, rows)
    facts = made.to_facts()
    assert Decimal(facts["totals"]["net"]) == Decimal(facts["due"]["net"])
    credit = Decimal(0)
    for month in made.returns:
        after = month.exact["27"].tax
        assert month.exact["32"].tax - after == month.net - credit
        credit = after


@settings(max_examples=20, deadline=None)
@given(ledgers())
def test_netting_credit_notes_changes_no_net(ledger: tuple[list[Invoice], Payments]) -> None:
    """The tax of B5 and 21 is the tax that the rate lines lose."""
    invoices, rows = ledger
    for month in report(invoices, rows).returns:
        gross = {name: month.if_netted.get(name, amounts).tax for name, amounts in month.exact.items()}
        gross |= {name: amounts.tax for name, amounts in month.if_netted.items()}
        rates = sum((tax for name, tax in gross.items() if name in "08 9B 09 T6".split()), Decimal(0))
        assert rates == month.net
