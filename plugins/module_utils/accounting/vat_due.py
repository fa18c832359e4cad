# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the VAT of each invoice is due: goods when delivered, services when paid (CGI 269; deduction 271)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import ZERO
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_lines import (
    NOTHING,
    Amounts,
    Document,
    Groups,
    Key,
    Side,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import VatOptions
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_receipts import (
    Receipt,
    missing,
    overpaid,
    shares,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import SELF_ASSESSED, Treatment
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    CloseCode,
    Invoice,
    InvoiceType,
    Payment,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

# Somebody kept the missing amount from money that the customer did pay: the whole price is taxed.
PAID_IN_FULL = (CloseCode.BANK_CHARGE, CloseCode.WITHHOLDING_TAX)
INTRA_COMMUNITY = (Treatment.IC_GOODS, Treatment.IC_ACQUISITION)


@dataclass(frozen=True)
class Entry:
    """A part of an invoice whose VAT is due, to the State or by it, on one day."""

    document: Document
    key: Key
    day: date
    amounts: Amounts
    event: str  # what made it due
    is_adjustment: bool  # takes back what was due before: a credit note, a refund, an early-payment discount


class UsedBy(NamedTuple):
    """A row of another invoice's payments that used this one: a credit note, a deposit or a surplus."""

    user: Invoice
    row: Payment


@dataclass
class Ledger:
    """The documents of one side with what links them."""

    documents: Mapping[int, Document]
    payments: Mapping[int, tuple[Payment, ...]]
    options: VatOptions
    uses: dict[int, list[UsedBy]] = field(default_factory=dict)  # by id of the invoice that was used
    by_ref: dict[str, Document] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_ref = {one.invoice.ref: one for one in self.documents.values()}
        for one in self.documents.values():
            for row in self.payments.get(one.invoice.id, ()):
                source = None if row.is_money else self.by_ref.get(row.ref)
                if source is not None:
                    self.uses.setdefault(source.invoice.id, []).append(UsedBy(one.invoice, row))


def entries(ledger: Ledger) -> tuple[Entry, ...]:
    """Everything that is due, of all days, sorted by day and reference."""
    found = (entry for document in ledger.documents.values() for entry in entries_of(document, ledger))
    return tuple(sorted(found, key=lambda one: (one.day, one.document.invoice.ref, one.event, one.key)))


def entries_of(document: Document, ledger: Ledger) -> Iterator[Entry]:
    """What one invoice makes due."""
    invoice = document.invoice
    groups = document.groups
    payable = document.payable
    paid = {key: amounts for key, amounts in groups.items() if is_due_on_payment(document, key, ledger)}
    receipts = list(receipts_of(document, ledger))
    for key, amounts in groups.items():
        if (key not in paid or not payable) and amounts != NOTHING:
            day, event = tax_point(invoice, key)
            yield Entry(document, key, day, amounts, event, invoice.is_credit_note)
    if not payable:
        return
    for one in shares(paid, payable, receipts):
        is_adjustment = one.is_adjustment or invoice.is_credit_note
        yield Entry(document, one.key, one.receipt.day, one.amounts, one.receipt.event, is_adjustment)
    if invoice.close_code is CloseCode.DISCOUNT:
        day = max((one.day for one in receipts), default=issued(invoice))
        for key, amounts in groups.items():
            lowered = NOTHING.minus(amounts.portion(missing(payable, receipts), payable))
            if key not in paid and lowered != NOTHING:
                yield Entry(document, key, day, lowered, "early-payment discount", is_adjustment=True)


def is_due_on_payment(document: Document, key: Key, ledger: Ledger) -> bool:
    """Whether VAT waits for the payment: of deposits, and of services unless the seller opted for debits."""
    credited = ledger.documents.get(document.invoice.source_id or 0, document)
    if InvoiceType.DEPOSIT in (document.invoice.type, credited.invoice.type):
        return True
    if not key.is_service or key.treatment is Treatment.AE_SERVICE:
        return False
    if document.side is Side.SALE:
        return not ledger.options.on_debits
    return document.invoice.third_party_id not in ledger.options.suppliers_on_debits


def tax_point(invoice: Invoice, key: Key) -> tuple[date, str]:
    """The day on which what does not wait for a payment is due, and why.

    Goods within the EU: on the 15th of the month after delivery, or on the invoice's day if earlier (CGI 269, 2-d).
    """
    on_invoice = issued(invoice)
    if invoice.delivery is None or (key.is_service and key.treatment not in SELF_ASSESSED):
        return on_invoice, "invoice"
    if key.treatment in INTRA_COMMUNITY:
        fifteenth = (invoice.delivery.replace(day=1) + timedelta(days=31)).replace(day=15)
        return min(on_invoice, fifteenth), "delivery"
    return invoice.delivery, "delivery"


def issued(invoice: Invoice) -> date:
    """The invoice's day, which Dolibarr gives to every validated invoice."""
    if invoice.issued is None:
        raise ErpError(f"{invoice.ref} has no date, so that the month of its VAT is unknown: enter one in Dolibarr.")
    return invoice.issued


def receipts_of(document: Document, ledger: Ledger) -> Iterator[Receipt]:
    """What pays an invoice, besides the deposits that its lines are net of already."""
    invoice = document.invoice
    known = []
    for row in ledger.payments.get(invoice.id, ()):
        source = None if row.is_money else ledger.by_ref.get(row.ref)
        if row.is_money or source is None:
            known.append(Receipt(row.paid_on, row.amount, f"payment {row.ref}" if row.is_money else row.ref))
        elif source.invoice.is_credit_note and source.invoice.source_id == invoice.id:
            taken = _services(source, -row.amount, ledger)
            known.append(
                Receipt(
                    row.paid_on,
                    row.amount,
                    f"cancelled by {row.ref}",
                    {key: NOTHING.minus(amounts) for key, amounts in taken.items()},
                )
            )
        elif source.invoice.type is not InvoiceType.DEPOSIT:
            known.append(Receipt(row.paid_on, row.amount, f"set off against {row.ref}"))
    if invoice.is_credit_note:
        known.extend(_set_off(document, use, ledger) for use in ledger.uses.get(invoice.id, ()))
    if document.paid_by_lines:
        known.append(Receipt(issued(invoice), document.paid_by_lines, "set off on the invoice"))
    rest = missing(document.payable, known)
    if rest and invoice.close_code in PAID_IN_FULL:
        last = max((one.day for one in known), default=issued(invoice))
        known.append(Receipt(last, rest, f"closed: {invoice.close_code}"))
    yield from known


def overpayment(document: Document, ledger: Ledger) -> Decimal:
    """What was received beyond the total; no VAT is due on it."""
    return overpaid(document.payable, receipts_of(document, ledger)) if document.payable else ZERO


def not_due(document: Document, due: Iterable[Entry]) -> Groups:
    """What the invoice contains and did not become due: to be paid, written off, or cancelled by a credit note."""
    rest = dict(document.groups)
    for entry in due:
        rest[entry.key] = rest.get(entry.key, NOTHING).minus(entry.amounts)
    return {key: amounts for key, amounts in rest.items() if amounts != NOTHING}


def _set_off(credit_note: Document, use: UsedBy, ledger: Ledger) -> Receipt:
    """A credit note used as the payment of an invoice: due then, unless it cancels what that invoice asked for."""
    amount = -use.row.amount
    if credit_note.invoice.source_id == use.user.id:
        taken = _services(credit_note, amount, ledger)
        return Receipt(use.row.paid_on, amount, f"cancels {use.user.ref}", taken)
    return Receipt(use.row.paid_on, amount, f"set off against {use.user.ref}")


def _services(credit_note: Document, amount: Decimal, ledger: Ledger) -> Groups:
    """The part of a credit note that waits for a payment, in proportion to what was used of it; goods do not wait."""
    return {
        key: amounts.portion(amount, credit_note.payable)
        for key, amounts in credit_note.groups.items()
        if credit_note.payable and is_due_on_payment(credit_note, key, ledger)
    }
