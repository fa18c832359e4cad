# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the payments of an invoice, or waits for somebody."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import (
    TOLERANCE,
    Finding,
    Severity,
    money,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.payment_state import OPEN, PaymentState, State
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.settlements import owed, value
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import (
    Words,
    french_count,
    french_date,
    french_money,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    CloseCode,
    InvoiceStatus,
    InvoiceType,
)

# A deposit precedes its final invoice; after a quarter it looks forgotten.
PATIENCE = timedelta(days=90)
SHORT_REASONS = {
    CloseCode.DISCOUNT: Words(
        "au titre d'un escompte : vérifier qu'il était convenu, il réduit la TVA due",
        "as an early-payment discount: check that it was agreed, it lowers the VAT due",
    ),
    CloseCode.BAD_DEBT: Words(
        "comme créance douteuse : garder les preuves, sa TVA reste due tant que la créance n'est pas irrécouvrable (CGI 272, 1)",
        "as a bad debt: keep the proof, its VAT stays due until the debt is irrecoverable (CGI 272, 1)",
    ),
    CloseCode.BAD_SUPPLIER: Words(
        "du fait du fournisseur : garder la preuve de ce qui n'allait pas",
        "because of the supplier: keep the proof of what was wrong",
    ),
    CloseCode.BANK_CHARGE: Words(
        "comme frais bancaires : passer les frais en comptabilité",
        "as a bank charge: enter the charge in the accounts",
    ),
    CloseCode.WITHHOLDING_TAX: Words(
        "comme retenue à la source du client : garder l'attestation",
        "as tax withheld by the customer: keep the certificate",
    ),
    CloseCode.OTHER: Words(
        "pour une autre raison : garder l'explication dans sa note",
        "for another reason: keep the explanation in its note",
    ),
}


def checked(states: Sequence[PaymentState], today: date) -> tuple[PaymentState, ...]:
    """The same states with their findings, sorted by check."""
    credited: dict[int, Decimal] = defaultdict(Decimal)
    for state in states:
        if state.invoice.is_credit_note and state.state not in (State.DRAFT, State.ABANDONED, State.REPLACED):
            credited[state.invoice.source_id or 0] -= state.invoice.total_ttc
    return tuple(
        dataclasses.replace(state, findings=tuple(sorted(_findings(state, credited, today), key=lambda one: one.check)))
        for state in states
    )


def _findings(state: PaymentState, credited: Mapping[int, Decimal], today: date) -> Iterator[Finding]:
    if state.state is State.DRAFT:
        return
    yield from _of_balance(state)
    yield from _of_flags(state)
    yield from _of_discounts(state, today)
    invoice = state.invoice
    if credited.get(invoice.id, Decimal(0)) - invoice.total_ttc >= TOLERANCE and not invoice.is_credit_note:
        yield _warning(
            state,
            "credit-note-exceeds",
            f"The credit notes on {invoice.ref} amount to {money(credited[invoice.id])}, more than its total of "
            f"{money(invoice.total_ttc)}: cancel what was credited twice.",
            f"Les avoirs sur {invoice.ref} s'élèvent à {french_money(credited[invoice.id])}, plus "
            f"que son total de {french_money(invoice.total_ttc)} : annuler ce qui a été crédité "
            "deux fois.",
        )


def _of_balance(state: PaymentState) -> Iterator[Finding]:
    ref, amount, amount_fr = state.invoice.ref, money(abs(state.balance)), french_money(abs(state.balance))
    if state.state is State.OVERPAID:
        yield _warning(
            state,
            "payment-overpaid",
            f"{ref} was settled with {amount} too much: pay it back, or convert it into a discount for a later invoice.",
            f"{ref} : {amount_fr} réglés en trop, à rembourser ou à convertir en réduction sur une facture à venir.",
        )
    if state.state is State.CLOSED_SHORT:
        reason = SHORT_REASONS.get(
            state.invoice.close_code,
            Words(
                "sans motif : en saisir un dans Dolibarr",
                "without a reason: enter one in Dolibarr",
            ),
        )
        yield _warning(
            state,
            "payment-closed-short",
            f"{ref} was closed with {amount} missing, {reason.en}.",
            f"{ref} : pièce classée avec {amount_fr} manquants, {reason.fr}.",
        )
    if state.state in (State.UNPAID, State.PARTIAL) and state.invoice.is_credit_note:
        yield _warning(
            state,
            "credit-note-unused",
            f"{amount} of {ref} was neither set off nor paid back: use it on an invoice or pay it back.",
            f"{amount_fr} de {ref} n'ont été ni imputés ni remboursés : les utiliser sur une facture ou les rembourser.",
        )
    if state.due and state.days_late:
        yield _warning(
            state,
            "payment-overdue",
            f"{amount} of {ref} has been due since {state.due}, {state.days_late} days: settle it or send a reminder.",
            f"{amount_fr} de {ref} sont échus depuis le {french_date(state.due)}, soit "
            f"{french_count(state.days_late, 'jour')} : régler ou relancer.",
        )
    if state.due and state.state in OPEN and state.is_due_assumed:
        yield Finding(
            "due-date-missing",
            Severity.INFO,
            ref,
            f"{ref} has no due date, so that {state.due} was assumed, 30 days after its date: enter one in Dolibarr.",
            f"{ref} n'a pas d'échéance, celle du {french_date(state.due)}, 30 jours après sa "
            "date, a été supposée : en saisir une dans Dolibarr.",
        )
    if state.state in (State.ABANDONED, State.REPLACED) and abs(state.settlement.received) >= TOLERANCE:
        yield _warning(
            state,
            "payment-on-abandoned",
            f"{money(state.settlement.received)} was paid for {ref}, which is abandoned: move the payment to the "
            "invoice that it is for, or pay it back.",
            f"{french_money(state.settlement.received)} ont été réglés pour {ref}, pièce "
            "abandonnée : déplacer le règlement vers la facture concernée, ou le rembourser.",
        )


def _of_flags(state: PaymentState) -> Iterator[Finding]:
    invoice = state.invoice
    arithmetic = owed(invoice, state.settlement)
    if invoice.remaining is not None and abs(invoice.remaining - arithmetic) >= TOLERANCE:
        yield Finding(
            "payment-remaining-differs",
            Severity.ERROR,
            invoice.ref,
            f"Dolibarr says that {money(invoice.remaining)} remains to be paid of {invoice.ref} and its payments leave "
            f"{money(arithmetic)}: run this again, and look for a payment that was changed if they still differ.",
            f"Selon Dolibarr il reste {french_money(invoice.remaining)} à régler sur "
            f"{invoice.ref} et d'après ses règlements {french_money(arithmetic)} : exécuter de "
            "nouveau, et chercher un règlement modifié si l'écart demeure.",
        )
    if invoice.is_paid and state.state in OPEN:
        yield _warning(
            state,
            "payment-flag-mismatch",
            f"{invoice.ref} is marked as paid with a balance of {money(state.balance)}: enter the missing payment, or "
            "open the invoice again.",
            f"{invoice.ref} : pièce classée payée avec un solde de {french_money(state.balance)}, "
            "saisir le règlement manquant ou la rouvrir.",
        )
    is_open = invoice.status is InvoiceStatus.VALIDATED and not invoice.is_paid
    if is_open and state.state is State.OK and abs(invoice.total_ttc) >= TOLERANCE:
        yield _warning(
            state,
            "payment-flag-mismatch",
            f"{invoice.ref} is settled and not marked as paid: close it in Dolibarr.",
            f"{invoice.ref} : pièce réglée et non classée payée, la classer dans Dolibarr.",
        )


def _of_discounts(state: PaymentState, today: date) -> Iterator[Finding]:
    invoice, settlement = state.invoice, state.settlement
    excess = settlement.used_elsewhere - value(invoice, settlement)
    if excess >= TOLERANCE:
        yield Finding(
            "discount-overused",
            Severity.ERROR,
            invoice.ref,
            f"{', '.join(sorted(set(settlement.users)))} used {money(excess)} more of {invoice.ref} than there was: "
            "correct the invoice that used it twice.",
            f"{french_money(excess)} de plus que le montant de {invoice.ref} ont été imputés sur "
            f"{', '.join(sorted(set(settlement.users)))} : corriger la facture qui l'a imputé "
            "deux fois.",
        )
    if state.available < TOLERANCE:
        return
    left, left_fr = f"{money(state.available)} of {invoice.ref}", f"{french_money(state.available)} de {invoice.ref}"
    if invoice.is_credit_note:
        yield _warning(
            state,
            "credit-note-unused",
            f"{left} is a discount that no invoice has used: use it on an invoice or pay it back.",
            f"{left_fr} sont une réduction qu'aucune facture n'a utilisée : l'utiliser sur une facture ou rembourser.",
        )
    elif invoice.type is InvoiceType.DEPOSIT:
        paid_on = state.settled_on
        is_old = paid_on is None or today - paid_on > PATIENCE
        yield Finding(
            "deposit-unused",
            Severity.WARNING if is_old else Severity.INFO,
            invoice.ref,
            f"{left} was paid{f' on {paid_on}' if paid_on else ''} and no invoice has used it: deduct the deposit from "
            "the final invoice or pay it back.",
            f"{left_fr} ont été réglés{f' le {french_date(paid_on)}' if paid_on else ''} et aucune facture ne les a utilisés : imputer"
            " l'acompte sur la facture finale ou le rembourser.",
        )
    else:
        yield Finding(
            "surplus-unused",
            Severity.INFO,
            invoice.ref,
            f"{left} was paid too much and became a discount that no invoice has used: use it on an invoice or pay it "
            "back.",
            f"{left_fr} payés en trop sont devenus une réduction qu'aucune facture n'a utilisée : "
            "l'utiliser sur une facture ou rembourser.",
        )


def _warning(state: PaymentState, check: str, message: str, message_fr: str) -> Finding:
    return Finding(check, Severity.WARNING, state.invoice.ref, message, message_fr)
