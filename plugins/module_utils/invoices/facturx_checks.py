# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fields of a Factur-X must be, compared with Dolibarr's and with each other; each check is a pure function."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from decimal import Decimal

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import (
    TOLERANCE,
    Severity,
    cents,
    money,
    total,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import (
    Words,
    french_date,
    french_figure,
    french_money,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind, Zone
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import InvoiceType
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.cii import Cii, Party
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
RATES = frozenset(map(Decimal, "0 0.9 1.05 1.75 2.1 5.5 7 8.5 9.2 9.6 10 13 19.6 20 20.6".split()))
NOTES = {
    "PMT": Words("l'indemnité de 40 € (PMT)", "the indemnity of 40 € (PMT)"),
    "PMD": Words("les pénalités de retard (PMD)", "the late penalties (PMD)"),
    "AAB": Words("l'escompte (AAB)", "the early-payment discount (AAB)"),
}
FRAMEWORK = re.compile(r"[BSM]\d")
NUMBER = re.compile(r"[A-Za-z0-9+\-_/]{1,35}")
SPARE = Decimal(1)  # the published schematron lets the tax of a category differ by this much (BR-CO-17)


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


def foreign_currency(cii: Cii, subject: Subject) -> Outcome:
    if cii.currency == EURO:
        return needless()
    found = seen("BT-6", cii.tax_currency), seen("BT-111", cii.tax_in(EURO))
    if cii.tax_currency == EURO and any(code == EURO for code, _amount in cii.tax_totals):
        return passed(*found)
    return failed(
        "The VAT is not given in euros (BT-6 and BT-111): make the electronic invoice again.",
        "La TVA n'est pas donnée en euros (BT-6 et BT-111) : générer de nouveau la facture électronique.",
        *found,
    )


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


def totals(cii: Cii, subject: Subject) -> Outcome:
    """BT-109, BT-110 and BT-112 are Dolibarr's in the invoice's currency; a credit note's have no sign there."""
    invoice = subject.invoice
    if invoice.currency in ("", EURO):
        known = invoice.total_ht, invoice.total_tva, invoice.total_ttc
    else:
        known = invoice.currency_total_ht, invoice.currency_total_tva, invoice.currency_total_ttc
    sign = -1 if invoice.is_credit_note and cii.type_code in CREDIT_NOTE_TYPES else 1
    found = cii.total_ht, cii.total_tax or (Decimal(0) if known[1] == 0 else None), cii.total_ttc
    names = ("BT-109", "BT-110", "BT-112")
    shown = tuple(map(seen, names, found))
    wrong = [
        (name, sign * amount)
        for name, amount, written in zip(names, known, found, strict=True)
        if written is None or abs(written - sign * amount) >= TOLERANCE
    ]
    if wrong:
        return failed(
            f"{', '.join(f'{name} is not {money(amount)}' for name, amount in wrong)}, as in Dolibarr: make the electronic invoice again.",
            f"{', '.join(f'{name} n{chr(39)}est pas {french_money(amount, cii.currency)}' for name, amount in wrong)}, comme dans"
            " Dolibarr : générer de nouveau la facture électronique.",
            *shown,
        )
    return passed(*shown)


def payable(cii: Cii, subject: Subject) -> Outcome:
    """BR-CO-16: what is to be paid is the total less what was paid, rounded."""
    if cii.total_ttc is None or cii.payable is None:
        return failed(
            "BT-112 or BT-115 is missing: make the electronic invoice again.",
            "BT-112 ou BT-115 manque : générer de nouveau la facture électronique.",
            seen("BT-112", cii.total_ttc),
            seen("BT-115", cii.payable),
        )
    expected = cii.total_ttc - cii.prepaid + cii.rounding
    if abs(cii.payable - expected) < TOLERANCE:
        return passed(seen("BT-115", cii.payable))
    return failed(
        f"BT-115 is not BT-112 - BT-113 + BT-114 = {money(expected)}: make the electronic invoice again.",
        f"BT-115 n'est pas BT-112 - BT-113 + BT-114 = {french_money(expected, cii.currency)} "
        ": générer de nouveau la facture électronique.",
        seen("BT-115", cii.payable),
    )


def breakdown(cii: Cii, subject: Subject) -> Outcome:
    """BR-CO-14, BR-CO-17 and BR-S-08: each tax fits its basis and rate, and all of them add up."""
    for tax in cii.taxes:
        if tax.basis is None or tax.tax is None:
            return failed(
                "A VAT category lacks BT-116 or BT-117: make the electronic invoice again.",
                "Il manque BT-116 ou BT-117 à une catégorie de TVA : générer de nouveau la facture électronique.",
            )
        if abs(tax.tax - cents(tax.basis * (tax.rate or Decimal(0)) / 100)) >= SPARE:
            return failed(
                f"The VAT at {tax.rate} % on {money(tax.basis)} is not {money(tax.tax)}: make the electronic invoice again.",
                f"La TVA à {french_figure(tax.rate or Decimal(0))} % sur "
                f"{french_money(tax.basis, cii.currency)} n'est pas de "
                f"{french_money(tax.tax, cii.currency)} : générer de nouveau la facture électronique.",
                seen("BT-117", tax.tax),
            )
    sums = (
        ("BT-116", "BT-109", total(tax.basis or Decimal(0) for tax in cii.taxes), cii.total_ht),
        ("BT-117", "BT-110", total(tax.tax or Decimal(0) for tax in cii.taxes), cii.total_tax or Decimal(0)),
    )
    for part, whole, added, written in sums:
        if written is None or abs(added - written) >= TOLERANCE:
            return failed(
                f"The sum of {part} is {money(added)} and not {whole}: make the electronic invoice again.",
                f"La somme des {part} est de {french_money(added, cii.currency)} et non {whole} : "
                "générer de nouveau la facture électronique.",
                seen(whole, written),
            )
    return passed(*(seen("BT-117", tax.tax) for tax in cii.taxes))


def lines(cii: Cii, subject: Subject) -> Outcome:
    """BR-CO-10 and BR-CO-13: the lines, allowances and charges make up the total."""
    if None in cii.line_totals or not cii.line_totals:
        return failed(
            "A line lacks its total (BT-131), or there is none: make the electronic invoice again.",
            "Une ligne n'a pas de total (BT-131), ou il n'y en a aucune : générer de nouveau la facture électronique.",
        )
    added = total(line for line in cii.line_totals if line is not None) - cii.allowances + cii.charges
    if cii.total_ht is not None and abs(added - cii.total_ht) < TOLERANCE:
        return passed(seen("BT-109", cii.total_ht))
    return failed(
        f"The lines add up to {money(added)} and not to BT-109: make the electronic invoice again.",
        f"Les lignes font {french_money(added, cii.currency)} et non BT-109 : générer de "
        "nouveau la facture électronique.",
        seen("BT-109", cii.total_ht),
    )


def rates(cii: Cii, subject: Subject) -> Outcome:
    wrong = [tax for tax in cii.taxes if tax.rate is not None and tax.rate not in RATES]
    if not wrong:
        return passed(*(seen("BT-119", tax.rate) for tax in cii.taxes if tax.rate is not None))
    return failed(
        "A VAT rate is none of France: correct the line.",
        "Un taux de TVA n'existe pas en France : corriger la ligne.",
        *(seen("BT-119", tax.rate) for tax in wrong),
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


def seller_siren(cii: Cii, subject: Subject) -> Outcome:
    """BR-FR-10."""
    if subject.seller is None or not subject.seller.siren:
        return unknown_seller("siren")
    return equal("BT-30", cii.seller.siren, subject.seller.siren)


def seller_vat_number(cii: Cii, subject: Subject) -> Outcome:
    if subject.seller is None or not subject.seller.vat_number:
        return unknown_seller("vat_number")
    return equal("BT-31", cii.seller.vat_number, re.sub(r"\s", "", subject.seller.vat_number))


def buyer_siren(cii: Cii, subject: Subject) -> Outcome:
    """BR-FR-11: of businesses in France."""
    if subject.zone is not Zone.FR or subject.kind is Kind.CONSUMER or subject.customer is None:
        return needless()
    siren, siret = (re.sub(r"\s", "", number) for number in subject.customer.professional_ids[:2])
    expected = siren[:9] or siret[:9]
    if expected:
        return equal("BT-47", cii.buyer.siren, expected)
    return undetermined(
        "The customer's SIREN is not known: fill it in in Dolibarr.",
        "Le SIREN du client n'est pas connu : le renseigner dans Dolibarr.",
        seen("BT-47", cii.buyer.siren),
    )


def buyer_vat_number(cii: Cii, subject: Subject) -> Outcome:
    """Needed where the customer is liable (AE) or for goods that go to another member state (K); else as known."""
    known = re.sub(r"\s", "", subject.customer.vat_number) if subject.customer else ""
    is_needed = any(tax.category == "K" or (tax.category == "AE" and not cii.buyer.siren) for tax in cii.taxes)
    if not cii.buyer.vat_number:
        return (
            failed(
                "BT-48, the customer's VAT number, is missing: fill it in.",
                "BT-48, le numéro de TVA du client, manque : le renseigner.",
            )
            if is_needed
            else needless()
        )
    if known:
        return equal("BT-48", cii.buyer.vat_number, known)
    return undetermined(
        "The customer's VAT number is not known in Dolibarr.",
        "Le numéro de TVA du client n'est pas connu dans Dolibarr.",
        seen("BT-48", cii.buyer.vat_number),
    )


def sirets(cii: Cii, subject: Subject) -> Outcome:
    """BR-FR-09: a SIRET is 14 digits that begin with the SIREN."""
    parties: dict[str, Party] = {"BT-29": cii.seller, "BT-46": cii.buyer}
    given = {name: party for name, party in parties.items() if party.siret}
    wrong = [
        seen(name, party.siret)
        for name, party in given.items()
        if not re.fullmatch(r"\d{14}", party.siret) or (party.siren and not party.siret.startswith(party.siren))
    ]
    if wrong:
        return failed(
            "A SIRET is not 14 digits that begin with the SIREN: correct it.",
            "Un SIRET n'est pas composé de 14 chiffres commençant par le SIREN : le corriger.",
            *wrong,
        )
    return passed(*(seen(name, party.siret) for name, party in given.items())) if given else needless()


def endpoints(cii: Cii, subject: Subject) -> Outcome:
    """BR-FR-12 and -13."""
    found = seen("BT-34", cii.seller.endpoint), seen("BT-49", cii.buyer.endpoint)
    if cii.seller.endpoint and cii.buyer.endpoint:
        return passed(*found)
    return failed(
        "An electronic address is missing (BT-34 or BT-49): fill it in.",
        "Une adresse électronique manque (BT-34 ou BT-49) : la renseigner.",
        *found,
    )


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
    """BT-23: B, S or M and a digit; 2 says that it is paid already."""
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
