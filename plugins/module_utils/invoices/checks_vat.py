# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of VAT that wordings alone do not settle: what is charged, and whether a line at 0 % has a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Severity, money
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import Party, Treatment
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import french_money
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind, Zone
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Line
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks_document import api
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.mentions import mention, no_paper
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.outcomes import (
    failed,
    needless,
    passed,
    undetermined,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.patterns import PATTERNS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, Subject
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import Check, Rule
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import Found, Paper

# Reasons for charging no VAT, by the names of their patterns, and where a customer must be for each to be right.
HOME = frozenset((Zone.FR, Zone.DROM, Zone.UNKNOWN))
EUROPE = frozenset((Zone.EU, Zone.NI))
ANYWHERE = frozenset(Zone)
ABROAD = ANYWHERE - {Zone.FR}
REASONS = {
    "autoliq": ANYWHERE - {Zone.DROM},
    "art261": ANYWHERE,
    "art261_7": ANYWHERE,
    "art259_1": ABROAD,
    "art262ter": EUROPE,
    "art262ter_bad": EUROPE,
    "art262I": ABROAD,
    "art294": frozenset((Zone.DROM,)),
    "franchise_cgi": ANYWHERE,
    "franchise_cibs": ANYWHERE,
    "margin": ANYWHERE,
}
# Other reasons that the law knows, seldom enough to have no rule of their own.
OTHER_REASONS = re.compile(
    r"\b259[ -]?[abcd]\b|\b26[23][ ,-]{0,2}ii\b|\b263\b.{0,25}\bcgi\b|\b27[57][ -]?a?\b.{0,40}\bcgi\b|\b29[58]\b.{0,40}\bcgi\b"
    r"|\bart(?:icle|\.)? ?(?:13[0-9]|14[0-9]|15[0-9]|4[4-9]|5[0-9])\b.{0,40}directive|\bdebours\b|\bl\.?\s?2[1-4]\d-\d{1,3}\b"
)
SMALL = Decimal(150)  # euros without tax


def vat_franchise(subject: Subject, rule: Rule) -> Outcome:
    """A small business charges no VAT, and says why."""
    invoice = subject.invoice
    if invoice.total_tva:
        return failed(
            f"It charges VAT of {money(invoice.total_tva)} and the seller is exempt as a small business: what is charged is"
            " owed (CGI art. 283, 3), so issue a credit note.",
            f"De la TVA est facturée pour {french_money(invoice.total_tva)} alors que le vendeur "
            "est en franchise en base : la TVA facturée est due (CGI art. 283, 3), établir un "
            "avoir.",
            api(money(invoice.total_tva)),
            severity=Severity.ERROR,
        )
    return mention(subject, rule)


def vat_0_unexplained(subject: Subject, rule: Rule) -> Outcome:
    """A line at 0 % whose treatment does not follow from the customer has a reason, and one that can be right there.

    Of the treatments that do follow each has a rule of its own; services outside the EU need no mention at all.
    """
    lines = [line for line, treatment in _untaxed(subject) if treatment is Treatment.UNKNOWN]
    if not lines:
        return needless()
    if subject.paper is None:
        return no_paper(subject)
    found = list(_reasons(subject.paper))
    right = [place for place, zones in found if subject.zone in zones]
    if right:
        return passed(right[0])
    # The reference may be left out of a small invoice and of a credit note (242 nonies A, II).
    is_lenient = abs(subject.invoice.total_ht) <= SMALL or subject.invoice.is_credit_note
    if found:
        return failed(
            "The reason on it for charging no VAT is none for a customer who is there: print the right one, or charge VAT.",
            "Le motif imprimé pour ne pas facturer de TVA ne vaut pas pour un client situé là : "
            "imprimer celui qui convient, ou facturer la TVA.",
            found[0][0],
            severity=Severity.INFO if is_lenient else Severity.WARNING,
        )
    return failed(
        "It has a line at 0 % and no reason for it: print the article that applies, or charge VAT.",
        "Une ligne est à 0 % sans motif : imprimer l'article applicable, ou facturer la TVA.",
        api(lines[0].description or lines[0].label),
        severity=Severity.INFO if is_lenient else None,
    )


def _untaxed(subject: Subject) -> Iterator[tuple[Line, Treatment]]:
    """The lines that are sold without VAT."""
    for line, verdict in zip(subject.invoice.lines, subject.treatments, strict=True):
        if verdict is not None and not line.vat_rate and line.discount_id is None:
            yield line, verdict.treatment


def _reasons(paper: Paper) -> Iterator[tuple[Found, frozenset[Zone]]]:
    for name, zones in REASONS.items():
        if found := paper.find(PATTERNS[name]):
            yield found, zones
    if found := paper.find(OTHER_REASONS):
        yield found, ANYWHERE


def vat_charged_abroad(subject: Subject, rule: Rule) -> Outcome:
    """French VAT on a service to a business abroad, which is taxed where that business is (CGI 259, 1°)."""
    services = [
        line
        for line, verdict in zip(subject.invoice.lines, subject.treatments, strict=True)
        if verdict is not None and verdict.treatment is Treatment.STD and line.is_service and line.discount_id is None
    ]
    if not services or subject.zone in HOME or subject.zone is Zone.UNKNOWN:
        return needless()
    if subject.zone in EUROPE and not Party.read(subject.customer).has_eu_number:
        return needless(
            "Without a valid VAT number the customer is charged French VAT.",
            "Sans numéro de TVA valide, le client se voit facturer la TVA française.",
        )
    if subject.kind is Kind.UNKNOWN:
        return undetermined(
            "French VAT is charged on a service to a customer abroad: enter a number that shows that it is a business, who is"
            " not to be charged, or leave it for a consumer.",
            "La TVA française est facturée sur un service à un client à l'étranger : saisir un "
            "identifiant qui établit qu'il est assujetti et ne doit pas la payer, ou la laisser "
            "pour un consommateur.",
            api(services[0].description),
        )
    return failed(
        "French VAT is charged on a service to a business abroad, which is taxed there (CGI art. 259, 1°): issue a credit note"
        " and a new invoice, unless it is one of the services of CGI art. 259 A.",
        "La TVA française est facturée sur un service à un assujetti établi à l'étranger, où "
        "il est imposable (CGI art. 259, 1°) : établir un avoir et une nouvelle facture, "
        "sauf s'il s'agit d'un des services de l'art. 259 A du CGI.",
        api(services[0].description),
    )


def electronic_services_oss(subject: Subject, rule: Rule) -> Outcome:
    """Nothing goes untaxed to a consumer in the EU; what is taxed there is declared by OSS."""
    if Party.read(subject.customer).has_eu_number:
        return needless()
    untaxed = [line for line, treatment in _untaxed(subject) if treatment is Treatment.UNKNOWN]
    if not untaxed:
        return needless("VAT is charged.", "La TVA est facturée.")
    if subject.kind is not Kind.CONSUMER:
        return undetermined(
            "Nothing shows that the customer is a business: without a VAT number, charge French VAT, or that of his country by"
            " OSS.",
            "Rien n'établit que le client est assujetti : sans numéro de TVA, facturer la TVA "
            "française, ou celle de son pays par le guichet unique OSS.",
            api(untaxed[0].description),
        )
    return failed(
        "No VAT is charged to a consumer in the EU: charge French VAT, or that of his country by OSS.",
        "Aucune TVA n'est facturée à un consommateur de l'UE : facturer la TVA française, ou "
        "celle de son pays par le guichet unique OSS.",
        api(untaxed[0].description),
        severity=Severity.WARNING,
    )


VAT_CHECKS: dict[str, Check] = {
    "vat_franchise": vat_franchise,
    "vat_0_unexplained": vat_0_unexplained,
    "vat_charged_abroad": vat_charged_abroad,
    "electronic_services_oss": electronic_services_oss,
}
