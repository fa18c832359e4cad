# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What settles each invoice: money, and the credit notes, deposits and surpluses of other invoices.

Dolibarr turns a credit note, a paid deposit or a surplus into a discount, and another invoice uses the discount in one of
two ways: as a row of its payments, which names the invoice that the discount came from, or as a negative line, which
does not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import TOLERANCE, ZERO, total
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Invoice, InvoiceType, Line, Payment

# What Dolibarr writes as the description of a discount, and so of the line or payment that uses it.
DEPOSIT = "(DEPOSIT)"
CREDIT_NOTE = "(CREDIT_NOTE)"
SURPLUS = ("(EXCESS RECEIVED)", "(EXCESS PAID)")


@dataclass
class Settlement:
    """What settles one invoice and what it gave to others, in the company's currency.

    Amounts have the sign of the invoice: money received for an invoice and money paid back for a surplus differ in sign,
    and so do money received and money paid back for a credit note.
    """

    money: tuple[Payment, ...] = ()  # by day
    credit_notes: Decimal = ZERO  # credit notes and surpluses of other invoices, used as payments
    deposits: Decimal = ZERO  # deposits used as payments
    deposit_lines: Decimal = ZERO  # deposits used as negative lines: the invoice's total is already net of them
    used_elsewhere: Decimal = ZERO  # of its own value, by other invoices; never negative
    users: list[str] = field(default_factory=list)  # the refs of those other invoices

    @property
    def received(self) -> Decimal:
        """The money, less what was paid back."""
        return total(payment.amount for payment in self.money)

    def give(self, amount: Decimal, user: Invoice) -> None:
        """Note that another invoice used some of this one's value."""
        self.used_elsewhere += amount
        self.users.append(user.ref)


def settlements(
    invoices: Iterable[Invoice], payments: Mapping[int, tuple[Payment, ...]]
) -> dict[int, tuple[Invoice, Settlement]]:
    """The settlement of each invoice, by id. All invoices of one side are needed: a discount may come from any of them.

    A negative line does not say whose value it uses. It is attributed to an invoice of the same third party and of the
    kind that its text names: to the oldest one of which exactly that amount is left, else to the oldest with anything
    left, and on to the next. What nobody has left is attributed to the newest, which was then used twice.
    """
    known = {invoice.id: (invoice, Settlement()) for invoice in sorted(invoices, key=lambda invoice: invoice.id)}
    by_ref = {invoice.ref: invoice for invoice, _settlement in known.values()}
    for invoice, settlement in known.values():
        rows = payments.get(invoice.id, ())
        settlement.money = tuple(
            sorted((row for row in rows if row.is_money), key=lambda row: (row.paid_on, row.ref, row.amount))
        )
        for row in rows:
            if row.is_money:
                continue
            source = by_ref.get(row.ref)
            if source is not None:
                known[source.id][1].give(row.amount, invoice)
            if row.mode == DEPOSIT or (source is not None and source.type is InvoiceType.DEPOSIT):
                settlement.deposits += row.amount
            else:
                settlement.credit_notes += row.amount
    _attribute_lines(known)
    return known


def _attribute_lines(known: Mapping[int, tuple[Invoice, Settlement]]) -> None:
    of_third_party = defaultdict(list)
    for pair in sorted(known.values(), key=lambda pair: (pair[0].issued or date.max, pair[0].id)):
        of_third_party[pair[0].third_party_id].append(pair)
    for pairs in of_third_party.values():
        for invoice, settlement in pairs:
            for line in invoice.lines:
                if line.discount_id is not None and line.total_ttc < ZERO:
                    if DEPOSIT in line.description:
                        settlement.deposit_lines -= line.total_ttc
                    _attribute(line, invoice, [pair for pair in pairs if _may_be_source(pair, invoice, line)])


def _attribute(line: Line, user: Invoice, sources: Sequence[tuple[Invoice, Settlement]]) -> None:
    amount = -line.total_ttc
    exact = [pair for pair in sources if abs(_left(*pair) - amount) < TOLERANCE]
    for source, settlement in exact[:1] or sources:
        share = min(amount, max(_left(source, settlement), ZERO))
        if share > ZERO:
            settlement.give(share, user)
            amount -= share
    if amount >= TOLERANCE and sources:
        sources[-1][1].give(amount, user)


def _may_be_source(pair: tuple[Invoice, Settlement], user: Invoice, line: Line) -> bool:
    source, settlement = pair
    if source.id == user.id or source.is_draft:
        return False
    if DEPOSIT in line.description:
        return source.type is InvoiceType.DEPOSIT
    if CREDIT_NOTE in line.description:
        return source.is_credit_note
    return any(text in line.description for text in SURPLUS) and is_surplus(source, settlement)


def is_surplus(invoice: Invoice, settlement: Settlement) -> bool:
    """Whether more was received than the invoice asked for."""
    return not invoice.is_credit_note and owed(invoice, settlement) <= -TOLERANCE


def owed(invoice: Invoice, settlement: Settlement) -> Decimal:
    """Total less what settled it, as Dolibarr reckons ``remaintopay``: blind to what the invoice gave to others."""
    return invoice.total_ttc - settlement.received - settlement.credit_notes - settlement.deposits


def value(invoice: Invoice, settlement: Settlement) -> Decimal:
    """What an invoice has to give: a deposit what was received for it, a credit note or a surplus what is owed back."""
    if invoice.type is InvoiceType.DEPOSIT:
        return min(invoice.total_ttc, invoice.total_ttc - owed(invoice, settlement))
    return max(-owed(invoice, settlement), ZERO)


def _left(invoice: Invoice, settlement: Settlement) -> Decimal:
    return value(invoice, settlement) - settlement.used_elsewhere
