# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was read of a Dolibarr to what the rules look at: one subject for each invoice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Finding
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.numbering import NumberingAudit
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.settlements import settlements
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import VatOptions
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import (
    Party,
    Verdict,
    is_worth_nothing,
    treatment_of_sale,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind, kind_of
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    Invoice,
    InvoiceType,
    Payment,
    ThirdParty,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import (
    AuditOptions,
    PdfText,
    Seller,
    Subject,
)


@dataclass(frozen=True)
class Ties:
    """What ties invoices to each other, each by the invoice's id."""

    by_id: Mapping[int, Invoice]
    credit_notes: Mapping[int, tuple[Invoice, ...]]  # by the credited invoice
    deposits: Mapping[int, tuple[Invoice, ...]]  # by the invoice that consumed them

    @classmethod
    def read(cls, invoices: Iterable[Invoice], payments: Mapping[int, tuple[Payment, ...]]) -> Ties:
        by_id = {invoice.id: invoice for invoice in invoices}
        ids = {invoice.ref: invoice.id for invoice in by_id.values()}
        credit_notes: dict[int, list[Invoice]] = defaultdict(list)
        for invoice in by_id.values():
            if invoice.is_credit_note and not invoice.is_draft and invoice.source_id is not None:
                credit_notes[invoice.source_id].append(invoice)
        deposits: dict[int, list[Invoice]] = defaultdict(list)
        for source, settlement in settlements(by_id.values(), payments).values():
            if source.type is InvoiceType.DEPOSIT:
                for user in sorted(set(settlement.users)):
                    deposits[ids[user]].append(source)
        return cls(
            by_id,
            {number: tuple(found) for number, found in credit_notes.items()},
            {number: tuple(found) for number, found in deposits.items()},
        )


def build_subjects(
    invoices: Iterable[Invoice],
    third_parties: Iterable[ThirdParty],
    payments: Mapping[int, tuple[Payment, ...]],
    seller: Seller | None,
    *,
    today: date,
    pdfs: Mapping[int, PdfText | None] | None = None,
    recorded_md5: Mapping[int, str] | None = None,
    options: AuditOptions | None = None,
    numbering: NumberingAudit | None = None,
    only: Container[int] | None = None,
) -> tuple[Subject, ...]:
    """The subjects of customers' invoices, by date and reference.

    All invoices must be given, as they refer to each other; ``only`` holds the ids of those that are wanted. ``pdfs`` and
    ``recorded_md5`` (what Dolibarr noted when it made the PDF) are by id too.
    """
    options, known = options or AuditOptions(), tuple(invoices)
    ties, customers = Ties.read(known, payments), {one.id: one for one in third_parties}
    of_numbers: dict[str, list[Finding]] = defaultdict(list)
    for finding in numbering.findings if numbering else ():
        of_numbers[finding.subject].append(finding)
    wanted = [invoice for invoice in known if only is None or invoice.id in only]
    return tuple(
        _subject(
            invoice,
            customers.get(invoice.third_party_id),
            seller,
            ties,
            pdf=(pdfs or {}).get(invoice.id),
            recorded_md5=(recorded_md5 or {}).get(invoice.id, ""),
            payments=payments.get(invoice.id, ()),
            numbering=tuple(of_numbers[invoice.ref]) if numbering else None,
            options=options,
            today=today,
        )
        for invoice in sorted(wanted, key=lambda one: (one.issued or date.max, one.ref, one.id))
    )


def _subject(
    invoice: Invoice,
    customer: ThirdParty | None,
    seller: Seller | None,
    ties: Ties,
    *,
    pdf: PdfText | None,
    recorded_md5: str,
    payments: tuple[Payment, ...],
    numbering: tuple[Finding, ...] | None,
    options: AuditOptions,
    today: date,
) -> Subject:
    party = Party.read(customer)
    credited = invoice.source_id if invoice.is_credit_note else invoice.id
    return Subject(
        invoice=invoice,
        customer=customer,
        kind=kind_of(customer) if customer else Kind.UNKNOWN,
        zone=party.zone,
        treatments=line_treatments(invoice, party, _with_regime(options.vat, seller)),
        seller=seller,
        pdf=pdf,
        recorded_md5=recorded_md5,
        payments=payments,
        source=ties.by_id.get(invoice.source_id) if invoice.source_id is not None else None,
        credit_notes=ties.credit_notes.get(credited, ()) if credited is not None else (),
        deposits=ties.deposits.get(invoice.id, ()),
        numbering=numbering,
        options=options,
        today=today,
    )


def line_treatments(invoice: Invoice, customer: Party, options: VatOptions) -> tuple[Verdict | None, ...]:
    """The VAT treatment of each line; None of those worth nothing."""
    return tuple(
        None if is_worth_nothing(line) else treatment_of_sale(invoice, place, line, customer, options)
        for place, line in enumerate(invoice.lines, 1)
    )


def _with_regime(options: VatOptions, seller: Seller | None) -> VatOptions:
    """The options with the seller's own regime, where that is known."""
    if seller is None or seller.regime is None:
        return options
    return replace(options, regime=seller.regime)
