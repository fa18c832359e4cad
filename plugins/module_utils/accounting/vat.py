# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VAT report: collected and deductible VAT, the return of each month, and what a person has to decide.

A preparation, never a declaration. Nothing here reads or writes anything.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.ca3 import Ca3Return, returns
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.ca3_lines import (
    RENUMBERED,
    check_overrides,
    rate_text,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import (
    ZERO,
    Finding,
    Period,
    Severity,
    money,
    month_of,
    total,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_books import Book, book
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_checks import (
    Unclassified,
    abandoned_findings,
    assumptions,
    findings,
    unclassified,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_due import Entry, issued
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_lines import Document, Side
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import (
    VatOptions,
    require_known_lines,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_rows import (
    Reconciliation,
    Rows,
    collected,
    deductible,
    due_entries,
    invoiced_entries,
    months,
    reconciliation,
    rows_to_facts,
    tax_of,
    waiting,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words, french_month
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Invoice, Payment, ThirdParty


@dataclass(frozen=True)
class Basis:
    """Collected and deductible VAT by month, rate and treatment, on one choice of days."""

    collected: Rows
    deductible: Rows

    def to_facts(self) -> dict[str, Any]:
        return {
            "collected": rows_to_facts(self.collected),
            "deductible": rows_to_facts(self.deductible),
            "collected_tax": money(tax_of(self.collected)),
            "deductible_tax": money(tax_of(self.deductible)),
            "net": money(tax_of(self.collected) - tax_of(self.deductible)),
        }


@dataclass(frozen=True)
class VatReport:
    """VAT of a period: on the invoices' days, and on the days when the law makes it due."""

    period: Period
    options: VatOptions
    invoiced: Basis
    due: Basis
    returns: tuple[Ca3Return, ...]
    entries: tuple[Entry, ...]  # behind ``due``, in the period
    documents: tuple[Document, ...]  # issued in the period, or with something due in it
    third_parties: Mapping[int, ThirdParty]
    not_due: dict[str, list[dict[str, Any]]]
    unclassified: tuple[Unclassified, ...]
    findings: tuple[Finding, ...]
    assumptions: tuple[Words, ...]
    reconciliations: Mapping[Side, Reconciliation]

    def to_facts(self, with_lines: bool = False) -> dict[str, Any]:
        """Everything as JSON values; with ``with_lines`` also every line's treatment and everything that is due."""
        facts: dict[str, Any] = {
            "title": "préparation de la déclaration de TVA",
            "since": str(self.period.since) if self.period.since else None,
            "until": str(self.period.until) if self.period.until else None,
            "basis": "debits" if self.options.on_debits else "receipts",
            "regime": str(self.options.regime),
            "invoiced": self.invoiced.to_facts(),
            "due": self.due.to_facts(),
            "months": [self._month(one) for one in self.returns],
            "totals": {
                "gross_tax": money(total(one.exact["16"].tax for one in self.returns)),
                "net": money(total(one.net for one in self.returns)),
                "to_pay": money(total(one.rounded["32"].tax for one in self.returns)),
                "credit_carried_forward": money(self.returns[-1].rounded["27"].tax if self.returns else ZERO),
            },
            "not_due": self.not_due,
            "unclassified": [one.to_facts() for one in self.unclassified],
            "assumptions": [one.en for one in self.assumptions],
            "assumptions_fr": [one.fr for one in self.assumptions],
            "findings": [one.to_facts() for one in self.findings],
            "reconciliation": {
                "is_exact": all(one.is_exact for one in self.reconciliations.values()),
                "customers": self.reconciliations[Side.SALE].to_facts(),
                "suppliers": self.reconciliations[Side.PURCHASE].to_facts(),
            },
        }
        if with_lines:
            facts["lines"] = [line for document in self.documents for line in self._lines(document)]
            facts["entries"] = [_entry(one) for one in self.entries]
        return facts

    def _month(self, one: Ca3Return) -> dict[str, Any]:
        return {**one.to_facts(), "is_partial": _is_partial(one.month, self.period)}

    def _lines(self, document: Document) -> Iterator[dict[str, Any]]:
        invoice = document.invoice
        third_party = self.third_parties.get(invoice.third_party_id)
        for line in document.lines:
            yield {
                "side": str(document.side),
                "invoice": invoice.ref,
                "line": line.place,
                "issued": str(issued(invoice)),
                "third_party": third_party.name if third_party else "",
                "zone": str(document.party.zone),
                "description": line.line.description,
                "category": "service" if line.key.is_service else "goods",
                "rate": rate_text(line.key.rate),
                "treatment": str(line.key.treatment),
                "use": str(line.key.use),
                "base": money(line.amounts.base),
                "tax": money(line.amounts.tax),
                "charged_tax": money(line.line.total_tva),
            }


def vat_report(
    invoices: Iterable[Invoice],
    payments: Mapping[int, tuple[Payment, ...]],
    supplier_invoices: Iterable[Invoice],
    supplier_payments: Mapping[int, tuple[Payment, ...]],
    third_parties: Mapping[int, ThirdParty],
    period: Period,
    options: VatOptions,
) -> VatReport:
    """Reckon the VAT of a period.

    All invoices and payments are needed, whatever the period: a payment in it may settle an older invoice. ``payments``
    are the rows by id of the invoice, discounts included.
    """
    sold, bought = list(invoices), list(supplier_invoices)
    check_overrides(options.ca3_lines)
    require_known_lines(options, [*sold, *bought])
    sales = book(Side.SALE, sold, payments, third_parties, options)
    purchases = book(Side.PURCHASE, bought, supplier_payments, third_parties, options)
    books = (sales, purchases)
    due = [entry for one in books for entry in due_entries(one, period)]
    on_invoices = [entry for one in books for entry in invoiced_entries(one, period)]
    every_month = months(period, books)
    known_months = [one for one in every_month if one >= RENUMBERED]
    made = returns(known_months, due, options.ca3_lines, options.credit_brought_forward or ZERO)
    concerned = {one.side: _concerned(one, due, period) for one in books}
    documents = tuple(document for one in books for document in concerned[one.side])
    found = [finding for one in books for finding in findings(one, concerned[one.side], third_parties, options)]
    found.extend(finding for one in books for finding in abandoned_findings(one, options))
    found.extend(_of_months(every_month, period))
    return VatReport(
        period=period,
        options=options,
        invoiced=Basis(collected(on_invoices), deductible(on_invoices)),
        due=Basis(collected(due), deductible(due)),
        returns=made,
        entries=tuple(due),
        documents=documents,
        third_parties=third_parties,
        not_due={"customers": waiting(sales), "suppliers": waiting(purchases)},
        unclassified=tuple(unclassified(documents)),
        findings=tuple(sorted(found, key=lambda one: (one.check, one.subject, one.message))),
        assumptions=tuple(assumptions(options, books, month_of(known_months[0]) if known_months else "")),
        reconciliations={one.side: reconciliation(one, period) for one in books},
    )


def _concerned(one: Book, due: Iterable[Entry], period: Period) -> list[Document]:
    touched = {entry.document.invoice.id for entry in due if entry.document.side is one.side}
    return [
        document for document in one.documents if document.invoice.id in touched or issued(document.invoice) in period
    ]


def _of_months(every_month: Iterable[date], period: Period) -> Iterator[Finding]:
    for month in every_month:
        name = month_of(month)
        if month < RENUMBERED:
            yield Finding(
                "vat-form-unknown",
                Severity.WARNING,
                name,
                f"{name}: the form CA3 before 2022 is not known, no return.",
                f"{french_month(name)} : le formulaire CA3 d'avant 2022 n'est pas connu, pas de déclaration.",
            )
        elif _is_partial(month, period):
            yield Finding(
                "vat-partial-month",
                Severity.WARNING,
                name,
                f"{name} is not whole in the period that was asked for: its return is not complete.",
                f"{french_month(name)} n'est pas entier dans la période demandée : sa déclaration n'est pas complète.",
            )


def _is_partial(month: date, period: Period) -> bool:
    last = month.replace(day=monthrange(month.year, month.month)[1])
    return month not in period or last not in period


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "side": str(entry.document.side),
        "day": str(entry.day),
        "invoice": entry.document.invoice.ref,
        "event": entry.event,
        "rate": rate_text(entry.key.rate),
        "treatment": str(entry.key.treatment),
        "category": "service" if entry.key.is_service else "goods",
        "use": str(entry.key.use),
        "is_adjustment": entry.is_adjustment,
        "base": money(entry.amounts.base),
        "tax": money(entry.amounts.tax),
    }
