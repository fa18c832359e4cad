# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the document itself: its number, its dates, and what it says it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Finding, Severity, month_of
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import french_date
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import InvoiceType, Line, ProductType
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.mentions import mention, no_paper
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.outcomes import (
    failed,
    foreign_language,
    needless,
    passed,
    undetermined,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.patterns import PATTERNS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, Subject
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import Check, Rule
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import Evidence, Found
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.wording import (
    ISSUED,
    find_day,
    is_understood,
    labelled_day,
    reference_pattern,
)

# What an e-invoice accepts as a number (BR-FR-01, BR-FR-02).
NUMBER = re.compile(r"[A-Za-z0-9+\-_/]{1,35}")
OF_UNIQUENESS = frozenset(("number-duplicate", "number-repeated", "number-reused"))
OF_SEQUENCE = frozenset(("number-order", "number-gap", "number-off-mask", "number-start", "number-future"))
GRACE = timedelta(days=7)  # « a few days » after the delivery
GOODS, SERVICES, MIXED = "goods", "services", "mixed"
PRINTED = {
    "livr": GOODS,
    "deli": GOODS,
    "pres": SERVICES,
    "prov": SERVICES,
    "mixt": MIXED,
    "oper": MIXED,
    "mixe": MIXED,
}
NOT_AUDITED = (
    "The numbering of all invoices was not looked at: audit it with them.",
    "La numérotation de toutes les factures n'a pas été contrôlée : la contrôler avec elles.",
)
CATEGORIES = {GOODS: "biens", SERVICES: "services", MIXED: "mixte"}


def doc_not_draft(subject: Subject, rule: Rule) -> Outcome:
    """A definitive number: drafts and proformas are no invoices."""
    invoice = subject.invoice
    if invoice.type is InvoiceType.PROFORMA:
        return failed(
            "It is a proforma, which is no invoice: make an invoice of it.",
            "C'est une facture proforma, qui n'est pas une facture : en faire une facture.",
            api(invoice.ref),
        )
    if invoice.is_draft or invoice.ref.startswith("("):
        return failed(
            "It is a draft and has no number: validate it, or delete it.",
            "C'est un brouillon, sans numéro : le valider, ou le supprimer.",
            api(invoice.ref),
        )
    return passed(api(invoice.ref))


def number_unique(subject: Subject, rule: Rule) -> Outcome:
    """No other invoice has this number."""
    return _of_numbering(subject, OF_UNIQUENESS)


def number_continuous(subject: Subject, rule: Rule) -> Outcome:
    """Its number is in its place among the others. A gap is a finding of its own, of no invoice."""
    return _of_numbering(subject, OF_SEQUENCE)


def _of_numbering(subject: Subject, checks: Iterable[str]) -> Outcome:
    if subject.numbering is None:
        return undetermined(*NOT_AUDITED)
    found = sorted(
        (finding for finding in subject.numbering if finding.check in checks and finding.severity is not Severity.INFO),
        key=lambda one: list(Severity).index(one.severity),
    )
    return _as_outcome(found[0]) if found else passed(api(subject.invoice.ref))


def _as_outcome(finding: Finding) -> Outcome:
    return failed(finding.message, finding.message_fr, api(finding.subject), severity=finding.severity)


def number_format(subject: Subject, rule: Rule) -> Outcome:
    """What e-invoices accept as a number."""
    reference = subject.invoice.ref
    if NUMBER.fullmatch(reference):
        return passed(api(reference))
    return failed(
        "Its number is longer than 35 signs or has others than letters, digits and + - _ /, which e-invoices refuse:"
        " change the mask of the numbering.",
        "Son numéro dépasse 35 caractères ou en contient d'autres que des lettres, des "
        "chiffres et + - _ /, ce que la facturation électronique refuse : changer le masque "
        "de numérotation.",
        api(reference),
    )


def issue_date(subject: Subject, rule: Rule) -> Outcome:
    """The date of issue, as Dolibarr has it."""
    day = subject.invoice.issued
    if day is None:
        return failed("Dolibarr has no date for it: enter it.", "Dolibarr n'a pas de date d'émission : la saisir.")
    if subject.paper is None:
        return no_paper(subject)
    labelled = labelled_day(subject.paper, ISSUED, day)
    if labelled.right:
        return passed(labelled.right[0])
    if labelled.wrong:
        return failed(
            f"It is dated otherwise than in Dolibarr, which has {day.isoformat()}: find out which is right.",
            f"La date imprimée n'est pas celle de Dolibarr, le {french_date(day)} : chercher laquelle est juste.",
            labelled.wrong[0],
        )
    found = find_day(subject.paper, day)
    return (
        passed(found)
        if found
        else failed(
            f"Its date {day.isoformat()} is not on it: print it.",
            f"Sa date du {french_date(day)} n'y figure pas : l'imprimer.",
        )
    )


def supply_date(subject: Subject, rule: Rule) -> Outcome:
    """The date of delivery or completion, or that on which a deposit was received, where it is another than that of issue."""
    invoice = subject.invoice
    if invoice.is_credit_note:
        return needless("A credit note supplies nothing.", "Un avoir ne livre rien.")
    days = _supply_days(subject)
    if not days:
        if invoice.type is InvoiceType.DEPOSIT:
            return needless(
                "The deposit had not been received when it was issued.",
                "L'acompte n'avait pas été encaissé à l'émission.",
            )
        return undetermined(
            "Dolibarr has no date of delivery: enter it where it is not the date of the invoice.",
            "Dolibarr n'a pas de date de livraison : la saisir si ce n'est pas celle de la facture.",
        )
    differing = sorted(day for day in days if day != invoice.issued)
    if not differing:
        return needless("The date of delivery is that of the invoice.", "La date de livraison est celle de la facture.")
    if subject.paper is None:
        return no_paper(subject)
    places = [find_day(subject.paper, day) for day in differing]
    # Of a period, its end says when the service was completed.
    if places[-1] is not None:
        return passed(*places)
    return failed(
        f"The date of delivery or completion {differing[-1].isoformat()} is not on it: print it.",
        f"La date de livraison ou d'achèvement, le {french_date(differing[-1])}, n'y figure pas : l'imprimer.",
    )


def _supply_days(subject: Subject) -> set[date]:
    invoice = subject.invoice
    if invoice.type is InvoiceType.DEPOSIT:
        received = {payment.paid_on for payment in subject.payments if payment.is_money}
        return {day for day in received if invoice.issued is not None and day < invoice.issued}
    return {day for day in (invoice.delivery, *(line.date_end or line.date_start for line in invoice.lines)) if day}


def invoice_timely(subject: Subject, rule: Rule) -> Outcome:
    """Issued on delivery or a few days later, and what recurs by the end of its month."""
    invoice = subject.invoice
    if invoice.type in (InvoiceType.CREDIT_NOTE, InvoiceType.DEPOSIT):
        return needless()
    supplied = max(_supply_days(subject), default=None)
    if supplied is None or invoice.issued is None:
        return undetermined(
            "Dolibarr has no date of delivery to compare with that of the invoice.",
            "Dolibarr n'a pas de date de livraison à comparer avec celle de la facture.",
        )
    if invoice.issued <= supplied + GRACE or month_of(invoice.issued) == month_of(supplied):
        return passed(api(f"{supplied.isoformat()} / {invoice.issued.isoformat()}"))
    return failed(
        f"It was issued on {invoice.issued.isoformat()} for what was delivered on {supplied.isoformat()}: issue invoices on"
        " delivery, or by the end of the month.",
        f"La facture a été émise le {french_date(invoice.issued)} pour une livraison du "
        f"{french_date(supplied)} : facturer dès la livraison, ou avant la fin du mois.",
        api(invoice.issued.isoformat()),
    )


def pdf_matches_number(subject: Subject) -> Found | None:
    """The number of the invoice on its paper."""
    return subject.paper.find(reference_pattern(subject.invoice.ref)) if subject.paper else None


def sold(subject: Subject) -> list[Line]:
    """The lines that sell something: no titles, nothing worth nothing, no deposit or credit note that is used."""
    pairs = zip(subject.invoice.lines, subject.treatments, strict=True)
    return [line for line, verdict in pairs if verdict is not None and line.discount_id is None]


def operation_category(subject: Subject, rule: Rule) -> Outcome:
    """Goods, services or both: printed, and what the lines are."""
    right = _categories(subject)
    if not right:
        return needless("It sells nothing.", "Rien n'y est vendu.")
    if subject.paper is None:
        return no_paper(subject)
    found = subject.paper.find(PATTERNS["category"])
    if found is None and not is_understood(subject.paper):
        return foreign_language(rule.title)
    if found is None:
        return failed(
            "It does not say whether it is about goods, services or both: set INVOICE_CATEGORY_OF_OPERATION in Dolibarr.",
            "Rien n'indique s'il s'agit de biens, de services ou des deux : activer "
            "INVOICE_CATEGORY_OF_OPERATION dans Dolibarr.",
        )
    said = PRINTED[(found[1] or found[2])[:4]]
    if said in right:
        return passed(found)
    return failed(
        f"It says {said} and its lines are {' or '.join(sorted(right))}: correct the kind of the products on its lines.",
        f"La catégorie imprimée est « {CATEGORIES[said]} » et celle des lignes « "
        f"{' ou '.join(CATEGORIES[one] for one in sorted(right))} » : corriger le type des "
        "produits sur les lignes.",
        found,
        severity=Severity.WARNING,
    )


def _categories(subject: Subject) -> set[str]:
    """What it may rightly say. A line with a period is a service, whatever its kind; one for nothing may count or not."""
    lines = sold(subject)
    if not lines:
        return set()
    free = [
        line for line in subject.invoice.lines if line.product_type is not ProductType.TEXT and line.discount_id is None
    ]
    readings = (
        {line.is_service for line in lines},
        {line.product_type is ProductType.SERVICE for line in lines},
        {line.product_type is ProductType.SERVICE for line in free},
    )
    return {MIXED if len(reading) > 1 else SERVICES if True in reading else GOODS for reading in readings}


def vat_on_debits(subject: Subject, rule: Rule) -> Outcome:
    """The option for debits, in the words of the law; never where the seller did not choose it."""
    seller = subject.seller
    if seller is None or seller.debits is None:
        return undetermined(
            "It is not known whether the seller pays VAT on debits: fill in seller.debits.",
            "On ne sait pas si le vendeur a opté pour les débits : renseigner seller.debits.",
        )
    if subject.paper is None:
        return no_paper(subject)
    found = subject.paper.find(PATTERNS["debits_literal"]) or subject.paper.find(PATTERNS["debits_loose"])
    if not seller.debits:
        if found is None:
            return needless(
                "The seller pays VAT on services when they are paid.",
                "Le vendeur acquitte la TVA sur les services à l'encaissement.",
            )
        return failed(
            "It says that VAT is paid on debits, which the seller did not choose, and the customer deducts too early: take it"
            " off.",
            "La mention du paiement d'après les débits y figure alors que le vendeur n'a pas "
            "opté, et le client déduit trop tôt : la retirer.",
            found,
            severity=Severity.ERROR,
        )
    if not any(line.is_service and line.vat_rate for line in sold(subject)):
        return needless("It charges no VAT on services.", "Aucune TVA sur des services n'est facturée.")
    return mention(subject, rule)


def api(text: str) -> Evidence:
    """What a field of the API says."""
    return Evidence(text)


DOCUMENT_CHECKS: dict[str, Check] = {
    "doc_not_draft": doc_not_draft,
    "number_unique": number_unique,
    "number_continuous": number_continuous,
    "number_format": number_format,
    "issue_date": issue_date,
    "supply_date": supply_date,
    "invoice_timely": invoice_timely,
    "operation_category": operation_category,
    "vat_on_debits": vat_on_debits,
}
