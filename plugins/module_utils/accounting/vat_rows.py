# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a VAT report: by month, rate and treatment, on the invoices' days and on the days when VAT is due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.ca3 import is_collected, is_deductible
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.ca3_lines import rate_text
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import (
    TOLERANCE,
    ZERO,
    Period,
    money,
    month_of,
    total,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_books import Book
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_due import Entry, issued, not_due
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_lines import NOTHING, Amounts, Side
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import SELF_ASSESSED, Treatment
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Invoice, InvoiceStatus


class RowKey(NamedTuple):
    """What the entries of a row have in common."""

    month: str
    rate: Decimal
    treatment: Treatment
    is_adjustment: bool


Rows = dict[RowKey, Amounts]


def invoiced_entries(book: Book, period: Period) -> Iterator[Entry]:
    """What each invoice contains, as if all were due on the invoice's day, net of deposits invoiced before."""
    for document in book.documents:
        invoice = document.invoice
        if issued(invoice) in period:
            for key, amounts in document.groups.items():
                yield Entry(document, key, issued(invoice), amounts, "invoice", invoice.is_credit_note)


def due_entries(book: Book, period: Period) -> Iterator[Entry]:
    """What is due in the period."""
    return (entry for entry in book.entries if entry.day in period)


def collected(entries: Iterable[Entry]) -> Rows:
    """Rows of what is sold, and of the purchases whose VAT the customer reckons himself."""
    return _rows(
        (entry, entry.amounts if is_collected(entry) else Amounts(entry.amounts.base, ZERO))
        for entry in entries
        if entry.document.side is Side.SALE or entry.key.treatment in SELF_ASSESSED
    )


def deductible(entries: Iterable[Entry]) -> Rows:
    """Rows of what is bought; the tax is what may be deducted of it."""
    return _rows(
        (entry, entry.amounts if is_deductible(entry) else Amounts(entry.amounts.base, ZERO))
        for entry in entries
        if entry.document.side is Side.PURCHASE
    )


def _rows(pairs: Iterable[tuple[Entry, Amounts]]) -> Rows:
    rows: Rows = {}
    for entry, amounts in pairs:
        key = RowKey(month_of(entry.day), entry.key.rate, entry.key.treatment, entry.is_adjustment)
        rows[key] = rows.get(key, NOTHING).plus(amounts)
    return dict(sorted(rows.items()))


def rows_to_facts(rows: Rows) -> list[dict[str, Any]]:
    return [
        {
            "month": key.month,
            "rate": rate_text(key.rate),
            "treatment": str(key.treatment),
            "is_adjustment": key.is_adjustment,
            "base": money(amounts.base),
            "tax": money(amounts.tax),
        }
        for key, amounts in rows.items()
    ]


def tax_of(rows: Rows) -> Decimal:
    return total(amounts.tax for amounts in rows.values())


@dataclass(frozen=True)
class Reconciliation:
    """One side's invoices of a period against what the report made of their lines.

    The totals of the invoices equal those of their lines; the base of the invoiced rows, and what deposits and set-offs
    took off, equal the totals without tax; what is due on any day and what is not due equal what was invoiced.
    """

    invoices: tuple[Amounts, Decimal]  # totals of the invoices: base and tax; total including tax
    lines: tuple[Amounts, Decimal]
    invoiced_base: Decimal
    deposits_base: Decimal  # of deposits used as payments: the invoice's total does not know of them
    set_off_base: Decimal  # of lines that are payments
    all_invoiced: Amounts  # whatever the period
    all_due: Amounts
    all_not_due: Amounts
    count: int

    @property
    def is_exact(self) -> bool:
        rows = self.invoiced_base - self.deposits_base + self.set_off_base
        pairs = (
            (self.invoices[0].base, self.lines[0].base),
            (self.invoices[0].tax, self.lines[0].tax),
            (self.invoices[1], self.lines[1]),
            (self.lines[0].base, rows),
            (self.all_invoiced.base, self.all_due.base + self.all_not_due.base),
            (self.all_invoiced.tax, self.all_due.tax + self.all_not_due.tax),
        )
        return all(abs(one - other) < TOLERANCE for one, other in pairs)

    def to_facts(self) -> dict[str, Any]:
        return {
            "is_exact": self.is_exact,
            "invoices": self.count,
            "total_ht": money(self.invoices[0].base),
            "total_tva": money(self.invoices[0].tax),
            "total_ttc": money(self.invoices[1]),
            "lines_ht": money(self.lines[0].base),
            "lines_tva": money(self.lines[0].tax),
            "lines_ttc": money(self.lines[1]),
            "rows_ht": money(self.invoiced_base),
            "deposits_set_off_ht": money(self.deposits_base),
            "payments_as_lines_ht": money(self.set_off_base),
        }


def reconciliation(book: Book, period: Period) -> Reconciliation:
    """Compare one side's report with its invoices."""
    documents = [one for one in book.documents if issued(one.invoice) in period]
    headers = [one.invoice for one in documents]
    lines = [one for document in documents for one in document.lines]
    own = [one.line for one in lines if one.place]
    by_invoice = book.entries_by_invoice()
    left = [
        amounts
        for document in book.documents
        for amounts in not_due(document, by_invoice.get(document.invoice.id, ())).values()
    ]
    return Reconciliation(
        invoices=(
            Amounts(total(one.total_ht for one in headers), total(one.total_tva for one in headers)),
            total(one.total_ttc for one in headers),
        ),
        lines=(
            Amounts(total(one.total_ht for one in own), total(one.total_tva for one in own)),
            total(one.total_ttc for one in own),
        ),
        invoiced_base=total(one.amounts.base for one in invoiced_entries(book, period)),
        deposits_base=total(one.line.total_ht for one in lines if not one.place),
        set_off_base=total(one.line.total_ht for one in lines if one.key.treatment is Treatment.SET_OFF),
        all_invoiced=_sum(amounts for document in book.documents for amounts in document.groups.values()),
        all_due=_sum(entry.amounts for entry in book.entries),
        all_not_due=_sum(left),
        count=len(documents),
    )


def waiting(book: Book) -> list[dict[str, Any]]:
    """The invoices of which something is not due yet, or never will be, as facts by date and reference."""
    by_invoice = book.entries_by_invoice()
    rows = []
    for document in book.documents:
        rest = _sum(not_due(document, by_invoice.get(document.invoice.id, ())).values())
        if rest != NOTHING:
            invoice = document.invoice
            why = _why_waiting(invoice)
            rows.append(
                {
                    "invoice": invoice.ref,
                    "issued": str(issued(invoice)),
                    "base": money(rest.base),
                    "tax": money(rest.tax),
                    "reason": why.en,
                    "reason_fr": why.fr,
                }
            )
    return rows


def _why_waiting(invoice: Invoice) -> Words:
    if invoice.close_code:
        return Words(
            f"classée avec un reste dû ({invoice.close_code})", f"closed with a missing amount ({invoice.close_code})"
        )
    if invoice.status is InvoiceStatus.CLOSED:
        return Words("annulée sans règlement", "cancelled without a payment")
    if invoice.is_credit_note:
        return Words("ni utilisé ni remboursé", "neither used nor paid back")
    return Words("non réglée", "not paid")


def months(period: Period, books: Iterable[Book]) -> list[date]:
    """The first days of the months of a period, from the first to the last with an invoice or anything due."""
    days = [day for book in books for day in _days(book)]
    if not days:
        return []
    first, last = max(min(days), period.since or date.min), min(max(days), period.until or date.max)
    found, month = [], first.replace(day=1)
    while month <= last:
        found.append(month)
        month = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return found


def _days(book: Book) -> Iterator[date]:
    yield from (issued(document.invoice) for document in book.documents)
    yield from (entry.day for entry in book.entries)


def _sum(amounts: Iterable[Amounts]) -> Amounts:
    sums = NOTHING
    for one in amounts:
        sums = sums.plus(one)
    return sums
