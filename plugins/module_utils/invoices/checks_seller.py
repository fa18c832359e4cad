# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the seller's identity: that it is on the paper, and that it is ours.

What a company may change (address, NAF code, accounts) can be right on an older invoice and differ from what is
known today: such a difference is a warning. What it keeps for life (SIREN, and the VAT number made of it) is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.identifiers import Identifier, compact, fault
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.mentions import mention, no_paper
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.outcomes import (
    failed,
    needless,
    passed,
    undetermined,
    unknown_seller,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.patterns import PATTERNS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, Seller, Status, Subject
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import Check, Rule
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import Found, Paper
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.wording import (
    number_pattern,
    phrase,
    written_ibans,
)

TRANSFER = "VIR"

SellerCheck = Callable[[Subject, Seller, Paper], Outcome]


def of_seller(check: SellerCheck) -> Check:
    """A check that needs to know the seller and to have a paper."""

    def checked(subject: Subject, rule: Rule) -> Outcome:
        if subject.seller is None:
            return unknown_seller("name")
        return check(subject, subject.seller, subject.paper) if subject.paper else no_paper(subject)

    return checked


def find_phrase(paper: Paper, words: str) -> Found | None:
    """Words of ours on the paper."""
    pattern = phrase(words)
    return paper.find(pattern) if pattern else None


def seller_name_address(subject: Subject, seller: Seller, paper: Paper) -> Outcome:
    """The name, and street, postal code and town."""
    if not seller.name:
        return unknown_seller("name")
    name = find_phrase(paper, seller.name)
    if name is None:
        return failed(
            f"The seller's name {seller.name} is not on it: print it at its head.",
            f"Le nom du vendeur, {seller.name}, n'y figure pas : l'imprimer en tête.",
        )
    if not (seller.address or seller.town):
        return unknown_seller("address")
    found, missing = _address(paper, seller)
    if not missing:
        return passed(name, *found)
    if not found:
        return failed(
            f"The seller's address is not on it ({seller.address}, {seller.zip} {seller.town}): print it.",
            f"L'adresse du vendeur n'y figure pas ({seller.address}, {seller.zip} {seller.town}) : l'imprimer.",
            name,
        )
    return failed(
        f"The seller's address on it lacks {' and '.join(missing)}: correct Dolibarr's setup, or the known address if the"
        " seller has moved since.",
        f"Il manque {' et '.join(missing)} à l'adresse imprimée du vendeur : corriger la "
        "configuration de Dolibarr, ou l'adresse connue si le vendeur a déménagé depuis.",
        *found,
        severity=Severity.WARNING,
    )


def _address(paper: Paper, seller: Seller) -> tuple[list[Found], list[str]]:
    """The parts of the address that are on the paper, and those that are not."""
    found, missing = [], []
    for part in (*seller.address.splitlines(), seller.zip, seller.town):
        place = find_phrase(paper, part)
        if place:
            found.append(place)
        elif phrase(part):
            missing.append(part.strip())
    return found, missing


def seller_registered_office(subject: Subject, seller: Seller, paper: Paper) -> Outcome:
    """The town of the registered office, which the sender's address usually gives."""
    if not seller.town:
        return unknown_seller("town")
    found = find_phrase(paper, seller.town) or paper.find(re.compile(r"\bsiege (?:social )?(?::|\w)"))
    if found:
        return passed(found)
    has_address = bool(_address(paper, seller)[0])
    return failed(
        f"Nothing says where the registered office is ({seller.town}): print its address.",
        f"Rien n'indique où se trouve le siège social ({seller.town}) : imprimer son adresse.",
        severity=Severity.WARNING if has_address else None,
    )


def seller_siren(subject: Subject, seller: Seller, paper: Paper) -> Outcome:
    """The SIREN, by itself or as the beginning of the SIRET."""
    if not seller.siren:
        return unknown_seller("siren")
    found = paper.find(number_pattern(seller.siren)) or _siret_of(paper, seller.siren)
    if found:
        return passed(found)
    other = next(_foreign_numbers(paper, subject, Identifier.SIREN), None) or next(
        _foreign_numbers(paper, subject, Identifier.SIRET), None
    )
    if other:
        return failed(
            f"It bears another number than the seller's SIREN {seller.siren}: correct Dolibarr's setup.",
            f"Un autre numéro que le SIREN du vendeur, {seller.siren}, y figure : corriger la "
            "configuration de Dolibarr.",
            other,
        )
    return failed(
        f"The seller's SIREN {seller.siren} is not on it: print it.",
        f"Le SIREN du vendeur, {seller.siren}, n'y figure pas : l'imprimer.",
    )


def _siret_of(paper: Paper, siren: str) -> Found | None:
    signs = r"[ .]?".join(siren)
    return paper.find(re.compile(rf"(?<![a-z0-9])(?<!\d ){signs}(?:[ .]?\d){{5}}(?!\d)"))


def _foreign_numbers(paper: Paper, subject: Subject, identifier: Identifier) -> Iterator[Found]:
    """Numbers of this kind that are neither the seller's nor the customer's."""
    ours = (
        {compact(number) for number in (subject.seller.siren, subject.seller.siret) if number}
        if subject.seller
        else set()
    )
    theirs = {compact(number) for number in subject.customer.professional_ids if number} if subject.customer else set()
    for found in paper.find_all(PATTERNS[identifier.lower()]):
        number = "".join(found.match.groups())
        if number not in ours | theirs and _is_labelled(paper, found, identifier):
            yield found


def _is_labelled(paper: Paper, found: Found, identifier: Identifier) -> bool:
    return identifier.lower() in paper.text[max(found.start - 15, 0) : found.start]


def seller_siret(subject: Subject, seller: Seller, paper: Paper) -> Outcome:
    """The SIRET of the head office, or of another establishment of the same company."""
    if not seller.siret:
        return unknown_seller("siret")
    if found := paper.find(number_pattern(seller.siret)):
        return passed(found)
    other = _siret_of(paper, seller.siret[:9])
    if other:
        wrong = fault(Identifier.SIRET, re.sub(r"\D", "", other.match[0]))
        if not wrong:
            return passed(other)
        return failed(
            f"The SIRET on it {wrong}: correct Dolibarr's setup.",
            f"Le SIRET imprimé {wrong.fr} : corriger la configuration de Dolibarr.",
            other,
            severity=Severity.WARNING,
        )
    foreign = next(_foreign_numbers(paper, subject, Identifier.SIRET), None)
    if foreign:
        return failed(
            f"The SIRET on it is not the seller's {seller.siret}: correct Dolibarr's setup.",
            f"Le SIRET imprimé n'est pas celui du vendeur, {seller.siret} : corriger la configuration de Dolibarr.",
            foreign,
            severity=Severity.WARNING,
        )
    return failed(
        f"The seller's SIRET {seller.siret} is not on it: print it.",
        f"Le SIRET du vendeur, {seller.siret}, n'y figure pas : l'imprimer.",
    )


def seller_vat_number(subject: Subject, seller: Seller, paper: Paper) -> Outcome:
    """The intra-EU VAT number; another company's is an error also where it might be left out."""
    if not seller.vat_number:
        return unknown_seller("vat_number")
    if found := paper.find(_vat_pattern(seller.vat_number)):
        return passed(found)
    theirs = compact(subject.customer.vat_number) if subject.customer else ""
    for other in paper.find_all(PATTERNS["fr_vat"]):
        if compact(other.match[0]) != theirs:
            return failed(
                f"The VAT number on it is not the seller's {seller.vat_number}: correct Dolibarr's setup.",
                f"Le numéro de TVA imprimé n'est pas celui du vendeur, {seller.vat_number} : corriger la configuration de"
                " Dolibarr.",
                other,
                severity=Severity.ERROR,
            )
    return failed(
        f"The seller's VAT number {seller.vat_number} is not on it: print it.",
        f"Le numéro de TVA du vendeur, {seller.vat_number}, n'y figure pas : l'imprimer.",
    )


def _vat_pattern(number: str) -> re.Pattern[str]:
    signs = r"[ .-]?".join(re.escape(sign) for sign in compact(number).casefold())
    return re.compile(rf"(?<![a-z0-9]){signs}(?!\d)")


def seller_naf(subject: Subject, seller: Seller, paper: Paper) -> Outcome:
    """The code of the activity."""
    found = paper.find(PATTERNS["ape"])
    if found is None:
        return failed(
            "The NAF code is not on it, as is customary: print it.",
            "Le code NAF n'y figure pas, contrairement à l'usage : l'imprimer.",
        )
    if not seller.naf:
        return undetermined(
            "The seller's NAF code is not known: fill in seller.naf.",
            "Le code NAF du vendeur n'est pas connu : renseigner seller.naf.",
            found,
        )
    if compact(found[1]) == compact(seller.naf):
        return passed(found)
    return failed(
        f"It shows another NAF code than {seller.naf}: correct Dolibarr's setup, or the known code.",
        f"Un autre code NAF que {seller.naf} y figure : corriger la configuration de Dolibarr, ou le code connu.",
        found,
    )


def seller_bank_details(subject: Subject, seller: Seller, paper: Paper) -> Outcome:
    """The IBAN to pay to, which must be one of the seller's: another one is stale, or a fraud."""
    theirs = {compact(iban) for iban in subject.customer.ibans} if subject.customer else set()
    found = [one for one in written_ibans(paper) if one.number not in theirs]
    if not found:
        if subject.invoice.payment_mode != TRANSFER or subject.invoice.is_credit_note:
            return needless("It is not to be paid by transfer.", "Le règlement ne se fait pas par virement.")
        return failed(
            "It is to be paid by transfer and bears no IBAN: choose the bank account on the invoice.",
            "Le règlement se fait par virement et aucun IBAN n'y figure : choisir le compte bancaire sur la facture.",
        )
    for one in found:
        if one.fault:
            return failed(
                f"The IBAN on it {one.fault}: correct the bank account.",
                f"L'IBAN imprimé {one.fault.fr} : corriger le compte bancaire.",
                one.found,
                severity=Severity.WARNING,
            )
    if not seller.ibans:
        return undetermined(
            "The seller's ibans are not known: fill in seller.ibans.",
            "Les IBAN du vendeur ne sont pas connus : renseigner seller.ibans.",
            found[0].found,
        )
    for one in found:
        if one.number not in seller.ibans:
            return failed(
                "The IBAN on it is of none of the seller's accounts: find out whose it is before anybody pays.",
                "L'IBAN imprimé n'est celui d'aucun compte du vendeur : chercher à qui il est avant que quelqu'un ne paie.",
                one.found,
                severity=Severity.WARNING,
            )
    return passed(*(one.found for one in found))


def mention_of(field: str) -> Check:
    """A check of wordings, and of the name of whom they are about where this field of the seller gives it."""

    def checked(subject: Subject, rule: Rule) -> Outcome:
        outcome = mention(subject, rule)
        name = getattr(subject.seller, field) if subject.seller else ""
        if outcome.status is not Status.PASS or not name or subject.paper is None:
            return outcome
        if found := find_phrase(subject.paper, name):
            return replace(outcome, evidence=(*outcome.evidence, found.evidence))
        return Outcome(
            Status.FAIL,
            f"{rule.title.en}: {name} is not named; {rule.remedy.en}.",
            f"{rule.title.fr} : {name} n'est pas nommé ; {rule.remedy.fr}.",
            outcome.evidence,
        )

    return checked


SELLER_CHECKS: dict[str, Check] = {
    name: of_seller(check)
    for name, check in {
        "seller_name_address": seller_name_address,
        "seller_registered_office": seller_registered_office,
        "seller_siren": seller_siren,
        "seller_siret": seller_siret,
        "seller_vat_number": seller_vat_number,
        "seller_naf": seller_naf,
        "seller_bank_details": seller_bank_details,
    }.items()
} | {
    "seller_fiscal_representative": mention_of("fiscal_representative"),
    "b2c_mediator": mention_of("mediator"),
}
