# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the file of an invoice, and of what needs no reckoning."""

from __future__ import annotations

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import money, total
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import french_date, french_money
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.mentions import mention, no_paper
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.outcomes import failed, undetermined
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, Status, Subject
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import Check, Rule


def pdf_present(subject: Subject, _rule: Rule) -> Outcome:
    """Is there a PDF at all?"""
    if subject.pdf is None:
        return failed(
            "There is no PDF of it: make one in Dolibarr, or find the one that was sent.",
            "Il n'y a pas de PDF : le générer dans Dolibarr, ou retrouver celui qui a été envoyé.",
        )
    return Outcome(Status.PASS)


def pdf_readable(subject: Subject, _rule: Rule) -> Outcome:
    """Can the text of the PDF be read?"""
    if subject.pdf is None:
        return Outcome(Status.NOT_APPLICABLE)
    if subject.pdf.reason:
        return no_paper(subject)
    return Outcome(Status.PASS)


def pdf_unchanged(subject: Subject, _rule: Rule) -> Outcome:
    """Is the PDF the one that Dolibarr made?"""
    if subject.pdf is None or not subject.pdf.md5 or not subject.recorded_md5:
        return Outcome(Status.NOT_APPLICABLE)
    if subject.pdf.md5 != subject.recorded_md5:
        return failed(
            "Its PDF is not the one that Dolibarr made: find out who changed the file, and restore it from a backup.",
            "Son PDF n'est pas celui que Dolibarr a généré : chercher qui a modifié le fichier, et le restaurer d'une sauvegarde.",
        )
    return Outcome(Status.PASS)


def buyer_billing_address(subject: Subject, _rule: Rule) -> Outcome:
    """Dolibarr prints the address of the billing contact instead of the customer's; the API does not give it."""
    if not subject.invoice.contact_ids:
        return Outcome(Status.NOT_APPLICABLE)
    return undetermined(
        "A contact is set on it, whose address the API does not give: see that the billing address is printed.",
        "Un contact y est associé, dont l'API ne donne pas l'adresse : vérifier que l'adresse de facturation est imprimée.",
    )


def deposit_invoiced(subject: Subject, _rule: Rule) -> Outcome:
    """Was money received before the invoice, without a deposit invoice?"""
    issued = subject.invoice.issued
    early = [payment for payment in subject.payments if payment.is_money and issued and payment.paid_on < issued]
    if not early:
        return Outcome(Status.PASS)
    amount, day = total(payment.amount for payment in early), early[0].paid_on
    return failed(
        f"{money(amount)} were received on {day}, before the invoice: make a deposit invoice for it.",
        f"{french_money(amount)} ont été encaissés le {french_date(day)}, avant la facture : établir une facture d'acompte.",
    )


REST_CHECKS: dict[str, Check] = {
    "mention": mention,
    "pdf_present": pdf_present,
    "pdf_readable": pdf_readable,
    "pdf_unchanged": pdf_unchanged,
    "buyer_billing_address": buyer_billing_address,
    "deposit_invoiced": deposit_invoiced,
}
