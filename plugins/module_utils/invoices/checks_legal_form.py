# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the seller's legal form, and of what it obliges to print: share capital, register, « EI ».

A company may change all of these, so a difference from what is known today is a warning on an older invoice.
"""

from __future__ import annotations

import re

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words, french_figure
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks_seller import find_phrase, of_seller
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.legal_forms import (
    BY_INITIALS,
    LEGAL_FORMS,
    LegalForm,
    legal_form_of,
    pattern_of,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.outcomes import (
    failed,
    foreign_language,
    passed,
    undetermined,
    unknown_seller,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.patterns import PATTERNS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, Seller, Subject
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import Check
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import Found, Paper
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.wording import (
    is_understood,
    number_pattern,
    phrase,
    read_amount,
)

NEAR = 90  # characters between the legal form and what shows that it is the seller's
WORD_OF_CAPITAL = re.compile(r"\bcapital\b")


def seller_legal_form(subject: Subject, seller: Seller, paper: Paper) -> Outcome:
    """The legal form, in full or in initials, where the seller is named and nowhere else."""
    form = legal_form_of(seller.legal_form)
    if form is None:
        if not seller.legal_form:
            return unknown_seller("legal_form")
        found = find_phrase(paper, seller.legal_form)
        return (
            passed(found)
            if found
            else failed(
                f"The legal form {seller.legal_form} is not on it: print it.",
                f"La forme juridique {seller.legal_form} n'y figure pas : l'imprimer.",
            )
        )
    anchors = _anchors(subject, seller, paper)
    if found := _form_near(form, subject, paper, anchors):
        return passed(found)
    if form.wider and (wider := _form_near(BY_INITIALS[form.wider], subject, paper, anchors)):
        return failed(
            f"It says {form.wider} and not {form.initials}: write the exact legal form into Dolibarr's setup.",
            f"{form.wider} y figure et non {form.initials} : inscrire la forme juridique exacte dans la configuration de"
            " Dolibarr.",
            wider,
            severity=Severity.WARNING,
        )
    for other in LEGAL_FORMS:
        # « sa », « se » and « sc » are also words of every day.
        if other.initials not in (form.initials, form.wider) and len(other.initials) > 2:
            wrong = _form_near(other, subject, paper, anchors)
            if wrong:
                return failed(
                    f"It says {other.initials} and the seller is a {form.initials}: correct Dolibarr's setup.",
                    f"{other.initials} y figure alors que le vendeur est une {form.initials} : corriger la configuration de"
                    " Dolibarr.",
                    wrong,
                )
    return failed(
        f"The legal form {form.initials} is not on it beside the seller's name: print it.",
        f"La forme juridique {form.initials} n'y figure pas à côté du nom du vendeur : l'imprimer.",
    )


def _anchors(subject: Subject, seller: Seller, paper: Paper) -> list[Found]:
    """Places where it is the seller who is spoken of."""
    name = phrase(seller.name)
    patterns = [
        *([name] if name else ()),
        *(number_pattern(number) for number in (seller.siren, seller.siret, seller.vat_number) if number),
        WORD_OF_CAPITAL,
    ]
    return [found for pattern in patterns for found in paper.find_all(pattern)]


def _form_near(form: LegalForm, subject: Subject, paper: Paper, anchors: list[Found]) -> Found | None:
    name = phrase(subject.customer.name) if subject.customer else None
    theirs = list(paper.find_all(name)) if name else []
    for found in paper.find_all(pattern_of(form)):
        is_theirs = any(one.start - 8 <= found.start and found.end <= one.end + 8 for one in theirs)
        if not is_theirs and any(
            -NEAR <= found.start - one.end <= NEAR or 0 <= one.start - found.end <= NEAR for one in anchors
        ):
            return found
    return None


def seller_capital(subject: Subject, seller: Seller, paper: Paper) -> Outcome:
    """The share capital with its amount."""
    found = list(paper.find_all(PATTERNS["capital"]))
    if not found and not is_understood(paper):
        return foreign_language(Words("Montant du capital social", "Amount of the share capital"))
    if not found:
        return failed(
            "The amount of the share capital is not on it: print « capital de … € ».",
            "Le montant du capital social n'y figure pas : imprimer « capital de … € ».",
        )
    if seller.capital is None:
        return undetermined(
            "The seller's capital is not known: fill in seller.capital.",
            "Le capital du vendeur n'est pas connu : renseigner seller.capital.",
            found[0],
        )
    for one in found:
        if read_amount(one[1] or one[2]) == seller.capital:
            return passed(one)
    return failed(
        f"It shows another capital than {seller.capital:f} €: correct Dolibarr's setup, or the known capital if it was"
        " changed since.",
        f"Un autre capital que {french_figure(seller.capital)} € y figure : corriger la "
        "configuration de Dolibarr, ou le capital connu s'il a changé depuis.",
        found[0],
        severity=Severity.WARNING,
    )


def seller_rcs_city(subject: Subject, seller: Seller, paper: Paper) -> Outcome:
    """« RCS » and the city of the register."""
    found = list(paper.find_all(PATTERNS["rcs"]))
    city = phrase(seller.rcs_city)
    if not found:
        return failed(
            f"« RCS » and the city are not on it: print « RCS {seller.rcs_city or 'the city of the register'} ».",
            f"« RCS » et la ville du greffe n'y figurent pas : imprimer « RCS {seller.rcs_city or 'ville du greffe'} ».",
        )
    if city is None:
        return undetermined(
            "The seller's rcs_city is not known: fill in seller.rcs_city.",
            "La ville du greffe du vendeur n'est pas connue : renseigner seller.rcs_city.",
            found[0],
        )
    for one in found:
        if city.search(one.match[0]):
            return passed(one)
    return failed(
        f"It does not name {seller.rcs_city} as the city of the register: correct Dolibarr's setup, or the known city if"
        " the seller has moved since.",
        f"{seller.rcs_city} n'y est pas indiqué comme ville du greffe : corriger la "
        "configuration de Dolibarr, ou la ville connue si le vendeur a déménagé depuis.",
        found[0],
        severity=Severity.WARNING,
    )


def seller_ei(subject: Subject, seller: Seller, paper: Paper) -> Outcome:
    """« EI » or « entrepreneur individuel » right before or after the name."""
    if not seller.name:
        return unknown_seller("name")
    # The name as it is known may hold the words itself.
    words = re.sub(
        r"(?i)\b(?:EI|E\.I\.|entrepreneure? individuel(?:le)?|entrepreneuse individuelle)(?!\w)", "", seller.name
    )
    name, elsewhere = phrase(words), list(paper.find_all(PATTERNS["ei"]))
    for one in elsewhere:
        for ours in paper.find_all(name) if name else ():
            if -1 <= one.start - ours.end <= 4 or -1 <= ours.start - one.end <= 4:
                return passed(one)
    if elsewhere:
        return failed(
            "« EI » is not beside the name: write it into the company's name in Dolibarr's setup.",
            "« EI » n'est pas à côté du nom : l'inscrire dans le nom de la société dans la configuration de Dolibarr.",
            elsewhere[0],
            severity=Severity.WARNING,
        )
    return failed(
        "« EI » or « entrepreneur individuel » is not on it: write it beside the name in Dolibarr's setup.",
        "« EI » ou « entrepreneur individuel » n'y figure pas : l'inscrire à côté du nom "
        "dans la configuration de Dolibarr.",
    )


LEGAL_FORM_CHECKS: dict[str, Check] = {
    name: of_seller(check)
    for name, check in {
        "seller_legal_form": seller_legal_form,
        "seller_capital": seller_capital,
        "seller_rcs_city": seller_rcs_city,
        "seller_ei": seller_ei,
    }.items()
}
