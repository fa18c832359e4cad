# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what ties an invoice to others: credit notes, replacements, deposits, situations."""

from __future__ import annotations

import re

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import (
    TOLERANCE,
    ZERO,
    Severity,
    money,
    total,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import french_figure, french_money
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import CloseCode, Invoice, InvoiceStatus
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks_document import api
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.mentions import no_paper
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.outcomes import (
    failed,
    needless,
    passed,
    undetermined,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.patterns import PATTERNS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, Subject
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import Check, Rule
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import Found, flat
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.wording import find_day, reference_pattern

# Something that is numbered as invoices are, beside a word that says that it is one.
SOME_INVOICE = re.compile(r"\b(?:facture|invoice)s?\s?(?:n[°o]?\s?|no\.?\s?|:\s?)*([a-z]{0,6}[-/]?\d[\d/_-]{2,}\d)")
ALL = 100


def credit_note_reference(subject: Subject, rule: Rule) -> Outcome:
    """The number of the credited invoice, and its date."""
    if subject.paper is None:
        return no_paper(subject)
    source = subject.source
    if source is None:
        return _any_reference(subject)
    found = subject.paper.find(reference_pattern(source.ref))
    if found is None:
        return failed(
            f"The invoice {source.ref} that it corrects is not on it: print its number and date.",
            f"La facture {source.ref} qu'il corrige n'y figure pas : imprimer son numéro et sa date.",
        )
    day = find_day(subject.paper, source.issued) if source.issued else None
    if day is None:
        return failed(
            f"It names the invoice {source.ref} without its date: write the date into the public note.",
            f"La facture {source.ref} y est citée sans sa date : l'écrire dans la note publique.",
            found,
            severity=Severity.WARNING,
        )
    return passed(found, day)


def _any_reference(subject: Subject) -> Outcome:
    """Dolibarr does not know what it corrects; it may be said in words, such as of a rebate on several invoices."""
    own = flat(subject.invoice.ref)
    for found in subject.paper.find_all(SOME_INVOICE) if subject.paper else ():
        if found[1] != own:
            return passed(found)
    return failed(
        "It does not say which invoice it corrects: name its number and date in the public note.",
        "Rien n'indique quelle facture est corrigée : citer son numéro et sa date dans la note publique.",
    )


def credit_note_sign(subject: Subject, rule: Rule) -> Outcome:
    """The amounts of a credit note are negative."""
    if subject.invoice.total_ttc <= ZERO:
        return passed(api(money(subject.invoice.total_ttc)))
    return failed(
        "The amounts of a credit note should be negative in Dolibarr: correct its lines.",
        "Les montants d'un avoir doivent être négatifs dans Dolibarr : corriger ses lignes.",
    )


def credit_note_amount(subject: Subject, rule: Rule) -> Outcome:
    """All credit notes on an invoice together take back no more than it asked for."""
    source = subject.source
    if source is None:
        return undetermined(
            "Dolibarr does not know which invoice it corrects: compare the amounts by hand.",
            "Dolibarr ne sait pas quelle facture est corrigée : comparer les montants à la main.",
        )
    notes = {note.id: note for note in (*subject.credit_notes, subject.invoice)}
    credited = -total(note.total_ttc for note in notes.values())
    if credited <= source.total_ttc + TOLERANCE:
        return passed(api(f"{money(credited)} / {money(source.total_ttc)}"))
    return failed(
        f"Credit notes on {source.ref} make {money(credited)} and it asked for {money(source.total_ttc)}: find out which of"
        " them is too much.",
        f"Les avoirs sur {source.ref} font {french_money(credited)} pour une facture de "
        f"{french_money(source.total_ttc)} : chercher lequel est de trop.",
    )


def replacement_reference(subject: Subject, rule: Rule) -> Outcome:
    """« Annule et remplace », or Dolibarr's own word for it, and the number of the replaced invoice."""
    if subject.paper is None:
        return no_paper(subject)
    word = subject.paper.find(PATTERNS["replaces"])
    number = _number_of(subject, subject.source)
    if subject.source is not None and number is None:
        return failed(
            f"The invoice {subject.source.ref} that it replaces is not on it: print its number.",
            f"La facture {subject.source.ref} qu'elle remplace n'y figure pas : imprimer son numéro.",
            word,
        )
    if word is None:
        return failed(
            "It does not say that it replaces another one: print « annule et remplace » with its number.",
            "Rien n'indique qu'elle en remplace une autre : imprimer « annule et remplace » avec son numéro.",
            number,
        )
    if subject.source is None:
        return _any_reference(subject)
    return passed(word, number)


def _number_of(subject: Subject, other: Invoice | None) -> Found | None:
    return subject.paper.find(reference_pattern(other.ref)) if other and subject.paper else None


def replaced_is_closed(subject: Subject, rule: Rule) -> Outcome:
    """The replaced invoice is abandoned for that reason, so that nobody asks for its money."""
    source = subject.source
    if source is None:
        return undetermined(
            "Dolibarr does not know which invoice it replaces: look at it by hand.",
            "Dolibarr ne sait pas quelle facture elle remplace : le vérifier à la main.",
        )
    if source.status is InvoiceStatus.ABANDONED and source.close_code is CloseCode.REPLACED:
        return passed(api(source.ref))
    return failed(
        f"{source.ref}, which it replaces, is not closed as replaced: close it.",
        f"{source.ref}, qu'elle remplace, n'est pas classée comme remplacée : la classer.",
        api(source.ref),
    )


def final_refers_to_deposit(subject: Subject, rule: Rule) -> Outcome:
    """The numbers of the deposit invoices that it takes off."""
    if not subject.deposits:
        return needless("It takes off no deposit.", "Aucun acompte n'est déduit.")
    if subject.paper is None:
        return no_paper(subject)
    places = [_number_of(subject, deposit) for deposit in subject.deposits]
    for deposit, place in zip(subject.deposits, places, strict=True):
        if place is None:
            return failed(
                f"The deposit invoice {deposit.ref} that it takes off is not on it: name it.",
                f"La facture d'acompte {deposit.ref} qu'elle déduit n'y figure pas : la citer.",
            )
    return passed(*places)


def situation_coherent(subject: Subject, rule: Rule) -> Outcome:
    """No line is further than finished."""
    for line in subject.invoice.lines:
        if not ZERO <= line.situation_percent <= ALL:
            return failed(
                f"A line is at {line.situation_percent.normalize():f} % of progress: correct the situations before it.",
                f"Une ligne est à {french_figure(line.situation_percent)} % d'avancement : corriger "
                "les situations précédentes.",
                api(line.description),
            )
    return passed()


TYPE_CHECKS: dict[str, Check] = {
    "credit_note_reference": credit_note_reference,
    "credit_note_sign": credit_note_sign,
    "credit_note_amount": credit_note_amount,
    "replacement_reference": replacement_reference,
    "replaced_is_closed": replaced_is_closed,
    "final_refers_to_deposit": final_refers_to_deposit,
    "situation_coherent": situation_coherent,
}
