# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fields of a Factur-X but amounts and parties must be, compared with Dolibarr's; each check is a pure function."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import (
    Severity,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import (
    Words,
    french_date,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import InvoiceType
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.cii import Cii
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.outcomes import (
    failed,
    needless,
    passed,
    undetermined,
    unknown_seller,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, Subject
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import Evidence

EURO = "EUR"
CREDIT_NOTE_TYPES = frozenset({"381", "396", "502", "503", "261", "262"})
CORRECTIVE_TYPES = frozenset({"384", "471", "472", "473"})
DEPOSIT_TYPES = frozenset({"386", "500"})
TYPES = {
    InvoiceType.STANDARD: frozenset({"380", "389", "393", "501"}),
    InvoiceType.REPLACEMENT: CORRECTIVE_TYPES | {"380"},
    InvoiceType.CREDIT_NOTE: CREDIT_NOTE_TYPES,
    InvoiceType.DEPOSIT: DEPOSIT_TYPES,
    InvoiceType.SITUATION: frozenset({"380", "389", "393", "501"}),
}
NOTES = {
    "PMT": Words("l'indemnité de 40 € (PMT)", "the indemnity of 40 € (PMT)"),
    "PMD": Words("les pénalités de retard (PMD)", "the late penalties (PMD)"),
    "AAB": Words("l'escompte (AAB)", "the early-payment discount (AAB)"),
}
FRAMEWORK = re.compile(r"[BSM]\d")
NUMBER = re.compile(r"[A-Za-z0-9+\-_/]{1,35}")


def seen(name: str, value: object) -> Evidence:
    """A field of the XML as evidence."""
    return Evidence(f"XML {name}: {'nothing' if value is None or value == '' else value}")


def equal(name: str, found: object, expected: object) -> Outcome:
    """Whether a field is what Dolibarr says."""
    french = french_date(expected) if isinstance(expected, date) else expected
    if found == expected:
        return passed(seen(name, found))
    return failed(
        f"{name} in the XML is not {expected}, as in Dolibarr: make the electronic invoice again.",
        f"{name} dans le XML n'est pas {french}, comme dans Dolibarr : générer de nouveau la facture électronique.",
        seen(name, found),
    )


def number(cii: Cii, subject: Subject) -> Outcome:
    return equal("BT-1", cii.number, subject.invoice.ref)


def number_charset(cii: Cii, subject: Subject) -> Outcome:
    if NUMBER.fullmatch(cii.number):
        return passed(seen("BT-1", cii.number))
    return failed(
        "BT-1 is not 1 to 35 letters without accents, digits or + - _ /: number invoices otherwise.",
        "BT-1 ne fait pas 1 à 35 lettres sans accent, chiffres ou + - _ / : numéroter autrement les factures.",
        seen("BT-1", cii.number),
    )


def issue_date(cii: Cii, subject: Subject) -> Outcome:
    if subject.invoice.issued is None:
        return undetermined(
            "The invoice has no date in Dolibarr: give it one.",
            "La facture n'a pas de date dans Dolibarr : la saisir.",
            seen("BT-2", cii.issued),
        )
    return equal("BT-2", cii.issued, subject.invoice.issued)


def currency(cii: Cii, subject: Subject) -> Outcome:
    return equal("BT-5", cii.currency, subject.invoice.currency or EURO)


def type_code(cii: Cii, subject: Subject) -> Outcome:
    expected = TYPES.get(subject.invoice.type, frozenset())
    if cii.type_code in expected:
        return passed(seen("BT-3", cii.type_code))
    return failed(
        f"BT-3 is not the code of such a document ({' or '.join(sorted(expected))}): make the electronic invoice again.",
        f"BT-3 n'est pas le code d'une telle pièce ({' ou '.join(sorted(expected))}) : "
        "générer de nouveau la facture électronique.",
        seen("BT-3", cii.type_code),
    )


def due_date(cii: Cii, subject: Subject) -> Outcome:
    """BR-FR-CO-07: the due date is not before the invoice, unless it is a deposit or was paid; and it is Dolibarr's."""
    if subject.invoice.is_credit_note or cii.type_code in DEPOSIT_TYPES:
        return needless()
    if cii.due is None:
        return failed(
            "BT-9, the due date, is missing: make the electronic invoice again.",
            "BT-9, l'échéance, manque : générer de nouveau la facture électronique.",
            severity=Severity.WARNING,
        )
    is_paid = cii.total_ttc is not None and cii.prepaid == cii.total_ttc
    if cii.issued is not None and cii.due < cii.issued and not is_paid:
        return failed(
            "BT-9, the due date, is before the invoice: correct the due date.",
            "BT-9, l'échéance, précède la facture : corriger l'échéance.",
            seen("BT-9", cii.due),
        )
    return equal("BT-9", cii.due, subject.invoice.due) if subject.invoice.due else passed(seen("BT-9", cii.due))


def credit_reference(cii: Cii, subject: Subject) -> Outcome:
    """BR-FR-CO-04 and -05: a credit note names an invoice with its date, a corrective invoice exactly one."""
    is_corrective = cii.type_code in CORRECTIVE_TYPES
    if not is_corrective and not subject.invoice.is_credit_note:
        return needless()
    shown = tuple(seen("BT-25", f"{ref} ({day})") for ref, day in cii.sources)
    if not cii.sources or any(not ref or day is None for ref, day in cii.sources):
        return failed(
            "It does not name the invoice it corrects with its date (BT-25, BT-26): link them.",
            "La facture corrigée n'est pas citée avec sa date (BT-25, BT-26) : les lier.",
            *shown,
        )
    if is_corrective and len(cii.sources) != 1:
        return failed(
            "A corrective invoice names exactly one invoice (BT-25): link just that one.",
            "Une facture rectificative cite une facture et une seule (BT-25) : n'en lier qu'une.",
            *shown,
        )
    if subject.source is not None and subject.source.ref not in [ref for ref, _day in cii.sources]:
        return failed(
            f"BT-25 is not {subject.source.ref}, as in Dolibarr: make the electronic invoice again.",
            f"BT-25 n'est pas {subject.source.ref}, comme dans Dolibarr : générer de nouveau la facture électronique.",
            *shown,
        )
    return passed(*shown)


def notes(cii: Cii, subject: Subject) -> Outcome:
    """BR-FR-05 and -06: once each."""
    if subject.invoice.is_credit_note or subject.kind is Kind.CONSUMER:
        return needless()
    counts = Counter(code for code, _text in cii.notes)
    lacking = [what for code, what in NOTES.items() if not counts[code]]
    doubled = [what for code, what in NOTES.items() if counts[code] > 1]
    shown = tuple(seen(f"BT-22 {code}", text) for code, text in cii.notes if code in NOTES)
    if lacking:
        return failed(
            f"The notes lack {', '.join(one.en for one in lacking)}: set up the notes of the e-invoicing module.",
            f"Il manque aux notes {', '.join(one.fr for one in lacking)} : configurer les notes "
            "du module de facturation électronique.",
            *shown,
        )
    if doubled:
        return failed(
            f"The notes have {', '.join(one.en for one in doubled)} more than once: leave one of each.",
            f"Les notes contiennent plusieurs fois {', '.join(one.fr for one in doubled)} : n'en "
            "laisser qu'une de chaque.",
            *shown,
        )
    return passed(*shown)


def framework(cii: Cii, subject: Subject) -> Outcome:
    """BT-23: B, S or M and a digit; 2 says that it is paid already, 4 that it is the last one after a deposit."""
    found = seen("BT-23", cii.framework)
    if not FRAMEWORK.fullmatch(cii.framework):
        return failed(
            "BT-23 is no billing framework (B, S or M and a digit): set up the e-invoicing module.",
            "BT-23 n'est pas un cadre de facturation (B, S ou M suivi d'un chiffre) : configurer "
            "le module de facturation électronique.",
            found,
        )
    if cii.framework[1] == "2" and cii.prepaid != cii.total_ttc:
        return failed(
            "BT-23 says that it is paid and BT-113 does not: correct one of them.",
            "BT-23 dit que la facture est payée, pas BT-113 : corriger l'un des deux.",
            found,
        )
    if cii.framework[1] == "4" and not subject.deposits:
        return failed(
            "BT-23 says that it follows a deposit, and it deducts none in Dolibarr: correct one of them.",
            "BT-23 dit que la facture suit un acompte, et aucun n'est déduit dans Dolibarr : corriger l'un des deux.",
            found,
        )
    return passed(found)


def due_code(cii: Cii, subject: Subject) -> Outcome:
    """BT-8: 5 stands for the option for debits, 72 for payments; nothing for no option."""
    codes = {tax.due_code for tax in cii.taxes if tax.due_code}
    if subject.seller is None or subject.seller.debits is None:
        return unknown_seller("debits") if codes else needless()
    shown = tuple(seen("BT-8", code) for code in sorted(codes))
    if "5" in codes and not subject.seller.debits:
        return failed(
            "BT-8 says debits, and the seller did not opt for them: correct the e-invoicing setup.",
            "BT-8 indique les débits alors que le vendeur n'a pas opté : corriger la "
            "configuration de la facturation électronique.",
            *shown,
        )
    has_services = any(line.is_service for line in subject.invoice.lines)
    if subject.seller.debits and "5" not in codes and has_services:
        return failed(
            "The seller opted for debits and BT-8 is not 5: correct the e-invoicing setup.",
            "Le vendeur a opté pour les débits et BT-8 n'est pas 5 : corriger la configuration "
            "de la facturation électronique.",
            *shown,
        )
    return passed(*shown)
