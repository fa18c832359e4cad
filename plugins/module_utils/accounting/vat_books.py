# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All invoices of one side as VAT documents, with everything that is due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_due import Entry, Ledger, entries
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_lines import (
    Document,
    SetOff,
    Side,
    document,
    progress,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import VatOptions
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import Party
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    Invoice,
    InvoiceStatus,
    InvoiceType,
    Payment,
    ThirdParty,
)


@dataclass(frozen=True)
class Book:
    """One side: what counts, what was abandoned, and what is due when."""

    side: Side
    ledger: Ledger
    abandoned: tuple[Invoice, ...]
    entries: tuple[Entry, ...]

    @property
    def documents(self) -> list[Document]:
        """Sorted by day and reference."""
        known = self.ledger.documents.values()
        return sorted(known, key=lambda one: (str(one.invoice.issued), one.invoice.ref))

    def entries_by_invoice(self) -> dict[int, list[Entry]]:
        """The entries of each invoice, by its id."""
        found: dict[int, list[Entry]] = {}
        for entry in self.entries:
            found.setdefault(entry.document.invoice.id, []).append(entry)
        return found


def book(
    side: Side,
    invoices: Iterable[Invoice],
    payments: Mapping[int, tuple[Payment, ...]],
    third_parties: Mapping[int, ThirdParty],
    options: VatOptions,
) -> Book:
    """Reckon one side; drafts and proforma invoices are no invoices, abandoned ones do not count."""
    issued = [one for one in invoices if not one.is_draft and one.type is not InvoiceType.PROFORMA]
    counted = [one for one in issued if one.status is not InvoiceStatus.ABANDONED]
    lines_by_id = {line.id: line for one in issued for line in one.lines}
    by_ref = {one.ref: one for one in counted}
    parties = {number: Party.read(third_parties.get(number)) for number in {one.third_party_id for one in counted}}
    documents = {}
    for invoice in counted:
        lines, doubt = progress(invoice, lines_by_id)
        deposits = _deposits(payments.get(invoice.id, ()), by_ref)
        party = parties[invoice.third_party_id]
        documents[invoice.id] = document(side, invoice, party, options, lines, doubt, deposits)
    ledger = Ledger(documents, payments, options)
    abandoned = tuple(one for one in issued if one.status is InvoiceStatus.ABANDONED)
    return Book(side, ledger, abandoned, entries(ledger))


def _deposits(rows: Iterable[Payment], by_ref: Mapping[str, Invoice]) -> Iterator[SetOff]:
    for row in rows:
        source = None if row.is_money else by_ref.get(row.ref)
        if source is not None and source.type is InvoiceType.DEPOSIT and source.total_ttc:
            yield SetOff(source, row.amount)
