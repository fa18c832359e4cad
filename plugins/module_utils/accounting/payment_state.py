# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of the payment of one invoice, and how facts show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import ZERO, Finding, cents, money
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.settlements import Settlement
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Invoice


class State(StrEnum):
    """Where an invoice stands, in the order in which a person wants to see them."""

    UNPAID = "UNPAID"
    PARTIAL = "PARTIAL"
    OVERPAID = "OVERPAID"
    OK = "OK"
    CLOSED_SHORT = "CLOSED_SHORT"
    ABANDONED = "ABANDONED"
    REPLACED = "REPLACED"
    DRAFT = "DRAFT"


# The states in which somebody still owes something.
OPEN = frozenset((State.UNPAID, State.PARTIAL, State.OVERPAID))


class Bucket(StrEnum):
    """How long an amount has been due; ``CREDIT`` is what the other side is owed."""

    NOT_DUE = "not_due"
    UP_TO_30 = "1-30"
    UP_TO_60 = "31-60"
    UP_TO_90 = "61-90"
    OVER_90 = "90+"
    CREDIT = "credit"


@dataclass(frozen=True)
class PaymentState:
    """One invoice: amounts in the company's currency, negative where a credit note turns them round.

    ``total_ttc == received + credit_notes + deposits - converted + balance`` always, and ``outstanding`` is the balance
    where somebody still owes it, else zero: it is what ageing and receivables add up.
    """

    invoice: Invoice
    settlement: Settlement
    third_party: str
    due: date | None  # None on a document without a date
    is_due_assumed: bool
    converted: Decimal  # of a credit note or a surplus, what became a discount; never negative
    available: Decimal  # of that or of a paid deposit, what no other invoice has used
    balance: Decimal
    state: State
    days_late: int | None  # zero until it is due; None where nothing is to be received
    findings: tuple[Finding, ...] = ()

    @property
    def outstanding(self) -> Decimal:
        """What is still to be received, negative where it is to be paid back."""
        return self.balance if self.state in OPEN else ZERO

    @property
    def bucket(self) -> Bucket | None:
        """The ageing bucket of the outstanding amount; None where nothing is outstanding."""
        if self.state not in OPEN:
            return None
        return Bucket.CREDIT if self.days_late is None else bucket_of(self.days_late)

    @property
    def settled_on(self) -> date | None:
        """The day of the last money of an invoice that is settled; None if it was settled without money."""
        money_rows = self.settlement.money
        return money_rows[-1].paid_on if self.state is State.OK and money_rows else None

    @property
    def foreign(self) -> dict[str, str] | None:
        """The amounts in the invoice's own currency, where it has one: money received at the invoice's rate.

        The payments of the API are in the company's currency alone.
        """
        invoice = self.invoice
        if invoice.currency_rate in (ZERO, Decimal(1)):
            return None
        balance = cents(self.balance * invoice.currency_rate)
        return {
            "currency": invoice.currency,
            "total_ttc": money(invoice.currency_total_ttc),
            "settled": money(invoice.currency_total_ttc - balance),
            "balance": money(balance),
        }

    def to_facts(self) -> dict[str, Any]:
        invoice, settlement = self.invoice, self.settlement
        return {
            "id": invoice.id,
            "ref": invoice.ref,
            "type": invoice.type.name.lower(),
            "third_party_id": invoice.third_party_id,
            "third_party": self.third_party,
            "issued": iso(invoice.issued),
            "due": iso(self.due),
            "due_assumed": self.is_due_assumed,
            "total_ttc": money(invoice.total_ttc),
            "received": money(settlement.received),
            "credit_notes": money(settlement.credit_notes),
            "deposits": money(settlement.deposits),
            "deposit_lines": money(settlement.deposit_lines),
            "converted": money(self.converted),
            "balance": money(self.balance),
            "outstanding": money(self.outstanding),
            "available": money(self.available),
            "state": str(self.state),
            "days_late": self.days_late,
            "bucket": None if self.bucket is None else str(self.bucket),
            "settled_on": iso(self.settled_on),
            "foreign": self.foreign,
            "findings": [finding.to_facts() for finding in self.findings],
        }


def iso(day: date | None) -> str | None:
    """A day as facts show it."""
    return None if day is None else day.isoformat()


def bucket_of(days_late: int) -> Bucket:
    """The bucket of an amount to be received that is due since so many days."""
    if days_late <= 0:
        return Bucket.NOT_DUE
    ends = ((30, Bucket.UP_TO_30), (60, Bucket.UP_TO_60), (90, Bucket.UP_TO_90))
    return next((bucket for last, bucket in ends if days_late <= last), Bucket.OVER_90)
