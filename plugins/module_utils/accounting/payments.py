# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where each invoice stands: what was received, what is still due, since when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import TOLERANCE, ZERO
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.payment_checks import checked
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.payment_state import OPEN, PaymentState, State
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.settlements import (
    Settlement,
    owed,
    settlements,
    value,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    CloseCode,
    Invoice,
    InvoiceStatus,
    InvoiceType,
    Payment,
    ThirdParty,
)

# Nothing agreed: 30 days (C. com. L441-10 I).
DEFAULT_TERM = timedelta(days=30)


def payment_states(
    invoices: Iterable[Invoice],
    payments: Mapping[int, tuple[Payment, ...]],
    today: date,
    third_parties: Mapping[int, ThirdParty],
) -> tuple[PaymentState, ...]:
    """The state of each invoice of one side, customers' or suppliers', sorted by id.

    All invoices and payments of that side are needed, since invoices settle each other: choose among the results, not
    among what goes in. What each case is (amounts as the captured Dolibarr answers them):

    ===================================== ================= ======================================================
    case                                  state             amounts
    ===================================== ================= ======================================================
    credit note, validated, not used      UNPAID            balance -360: to be set off or paid back
    credit note, used on an invoice       OK                converted 1440, balance 0 (the API says -1440 remain)
    credit note, paid back                OK                received -1800, balance 0
    credit note, closed, not yet used     OK                converted and available 360: a discount of the customer
    invoice settled by a credit note      OK                credit_notes 1440 beside the money
    invoice net of a deposit (line)       OK                deposit_lines 2160, which the total no longer contains
    deposit, paid                         OK                available: what no invoice has used of it
    surplus, invoice still open           OVERPAID          balance -120: to be paid back or converted
    surplus, invoice closed as paid       OK                converted 104: Dolibarr closes it when it is converted
    closed with a missing amount          CLOSED_SHORT      balance is what will not come; nothing is outstanding
    abandoned; replaced                   ABANDONED;        balance is what was never received; nothing is
                                          REPLACED          outstanding
    draft                                 DRAFT             nothing is outstanding
    ===================================== ================= ======================================================

    On a credit note all comparisons turn round: it is OVERPAID when more than its total was paid back.
    """
    states = []
    for invoice, settlement in settlements(invoices, payments).values():
        name = third_parties[invoice.third_party_id].name if invoice.third_party_id in third_parties else ""
        states.append(_state_of(invoice, settlement, name, today))
    return checked(states, today)


def _state_of(invoice: Invoice, settlement: Settlement, name: str, today: date) -> PaymentState:
    converted = _converted(invoice, settlement)
    balance = owed(invoice, settlement) + converted
    state = _classify(invoice, settlement, balance)
    due = invoice.due
    if due is None and invoice.issued is not None:
        due = invoice.issued + DEFAULT_TERM
    is_receivable = state in OPEN and balance > ZERO
    return PaymentState(
        invoice=invoice,
        settlement=settlement,
        third_party=name,
        due=due,
        is_due_assumed=invoice.due is None and due is not None,
        converted=converted,
        available=_available(invoice, settlement, state, converted),
        balance=balance,
        state=state,
        days_late=max((today - (due or today)).days, 0) if is_receivable else None,
    )


def _converted(invoice: Invoice, settlement: Settlement) -> Decimal:
    if invoice.type is InvoiceType.DEPOSIT:
        return ZERO  # what it gives is what was received for it, not what is owed back
    if invoice.status is InvoiceStatus.CLOSED and invoice.is_paid:
        # Dolibarr closes a credit note or a surplus when all that is left of it becomes a discount.
        return value(invoice, settlement)
    return min(value(invoice, settlement), settlement.used_elsewhere)


def _available(invoice: Invoice, settlement: Settlement, state: State, converted: Decimal) -> Decimal:
    given = value(invoice, settlement) if invoice.type is InvoiceType.DEPOSIT else converted
    return max(given - settlement.used_elsewhere, ZERO) if state is State.OK else ZERO


def _classify(invoice: Invoice, settlement: Settlement, balance: Decimal) -> State:
    if invoice.is_draft:
        return State.DRAFT
    if invoice.status is InvoiceStatus.ABANDONED:
        return State.REPLACED if invoice.close_code is CloseCode.REPLACED else State.ABANDONED
    if abs(balance) < TOLERANCE:
        return State.OK
    # On a credit note, total and balance are negative.
    sign = -1 if invoice.total_ttc < ZERO else 1
    if balance * sign < ZERO:
        return State.OVERPAID
    if invoice.status is InvoiceStatus.CLOSED and not invoice.is_paid:
        return State.CLOSED_SHORT
    return State.PARTIAL if (invoice.total_ttc - balance) * sign >= TOLERANCE else State.UNPAID
