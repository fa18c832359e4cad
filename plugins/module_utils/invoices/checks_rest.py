# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the file of an invoice, and of what needs no reckoning."""

from __future__ import annotations

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import money, total
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.mentions import mention
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, Status, Subject
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import Check, Rule


def pdf_present(subject: Subject, _rule: Rule) -> Outcome:
    """Is there a PDF at all?"""
    if subject.pdf is None:
        return Outcome(Status.FAIL, "There is no PDF of it: make one in Dolibarr, or find the one that was sent.")
    return Outcome(Status.PASS)


def pdf_readable(subject: Subject, _rule: Rule) -> Outcome:
    """Can the text of the PDF be read?"""
    if subject.pdf is None:
        return Outcome(Status.NOT_APPLICABLE)
    if subject.pdf.reason:
        return Outcome(Status.UNDETERMINED, f"Its PDF {subject.pdf.reason}.")
    return Outcome(Status.PASS)


def pdf_unchanged(subject: Subject, _rule: Rule) -> Outcome:
    """Is the PDF the one that Dolibarr made?"""
    if subject.pdf is None or not subject.pdf.md5 or not subject.recorded_md5:
        return Outcome(Status.NOT_APPLICABLE)
    if subject.pdf.md5 != subject.recorded_md5:
        message = (
            "Its PDF is not the one that Dolibarr made: find out who changed the file, and restore it from a backup."
        )
        return Outcome(Status.FAIL, message)
    return Outcome(Status.PASS)


def buyer_billing_address(subject: Subject, _rule: Rule) -> Outcome:
    """Dolibarr prints the address of the billing contact instead of the customer's; the API does not give it."""
    if not subject.invoice.contact_ids:
        return Outcome(Status.NOT_APPLICABLE)
    message = "A contact is set on it, whose address the API does not give: see that the billing address is printed."
    return Outcome(Status.UNDETERMINED, message)


def deposit_invoiced(subject: Subject, _rule: Rule) -> Outcome:
    """Was money received before the invoice, without a deposit invoice?"""
    issued = subject.invoice.issued
    early = [payment for payment in subject.payments if payment.is_money and issued and payment.paid_on < issued]
    if not early:
        return Outcome(Status.PASS)
    amount = money(total(payment.amount for payment in early))
    message = f"{amount} were received on {early[0].paid_on}, before the invoice: make a deposit invoice for it."
    return Outcome(Status.FAIL, message)


REST_CHECKS: dict[str, Check] = {
    "mention": mention,
    "pdf_present": pdf_present,
    "pdf_readable": pdf_readable,
    "pdf_unchanged": pdf_unchanged,
    "buyer_billing_address": buyer_billing_address,
    "deposit_invoiced": deposit_invoiced,
}
