# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of when an invoice is to be paid, and of what late payment costs.

Sources: C. com. L441-9, L441-10, L441-11; the rates of each half-year are in ``tables``.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import french_date, french_figure
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks_document import api
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.figures import day_pattern
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.mentions import no_paper
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.outcomes import (
    failed,
    foreign_language,
    needless,
    passed,
    undetermined,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.patterns import (
    NEAR_PENALTY,
    NOT_OF_A_LINE,
    PATTERNS,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import (
    Outcome,
    Sector,
    Status,
    Subject,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import Check, Rule
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.tables import (
    MAXIMUM_TERMS,
    PenaltyRate,
    penalty_rate,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import Found, Paper
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.wording import (
    DUE,
    find_day,
    is_understood,
    labelled_day,
)

MONTHS_OF_A_YEAR, DAYS_OF_A_YEAR = 12, 365


def due_date(subject: Subject, rule: Rule) -> Outcome:
    """The date on which payment is due, as Dolibarr has it."""
    day = subject.invoice.due
    if day is None:
        return failed(
            "Dolibarr has no date on which it is due: enter it.", "Dolibarr n'a pas de date d'échéance : la saisir."
        )
    if subject.paper is None:
        return no_paper(subject)
    labelled = labelled_day(subject.paper, DUE, day)
    if labelled.right:
        return passed(labelled.right[0])
    # Read by columns, both labels stand before both dates: behind this one is then the date of the invoice.
    issued = day_pattern(subject.invoice.issued) if subject.invoice.issued else None
    if any(not (issued and issued.fullmatch(one[1])) for one in labelled.wrong):
        return failed(
            f"It is due on another day than in Dolibarr, which has {day.isoformat()}: find out which is right.",
            f"L'échéance imprimée n'est pas celle de Dolibarr, le {french_date(day)} : chercher laquelle est juste.",
            labelled.wrong[0],
        )
    found = find_day(subject.paper, day)
    return (
        passed(found)
        if found
        else failed(
            f"The date {day.isoformat()} on which it is due is not on it: print it.",
            f"L'échéance du {french_date(day)} n'y figure pas : l'imprimer.",
        )
    )


def due_date_legal(subject: Subject, rule: Rule) -> Outcome:
    """Not later than the law allows between businesses."""
    invoice = subject.invoice
    if invoice.issued is None or invoice.due is None:
        return undetermined(
            "The date of the invoice or that on which it is due is not known: enter it.",
            "La date de la facture ou son échéance n'est pas connue : la saisir.",
        )
    case = _case(subject)
    latest = invoice.issued + timedelta(days=MAXIMUM_TERMS[case].days)
    if case == "agreed" and subject.options.terms_45_eom:
        # Both ways to count end within the same month: the later one is allowed.
        days = MAXIMUM_TERMS["end of month"].days
        latest = max(latest, *_end_of_month(invoice.issued, days))
    if invoice.due <= latest:
        return passed(api(invoice.due.isoformat()))
    return failed(
        f"It is due on {invoice.due.isoformat()}, later than the {latest.isoformat()} that the law allows"
        f" ({MAXIMUM_TERMS[case].source}): shorten the terms of payment.",
        f"L'échéance est le {french_date(invoice.due)}, après le {french_date(latest)} que "
        f"permet la loi ({MAXIMUM_TERMS[case].source}) : réduire le délai de règlement.",
        api(invoice.due.isoformat()),
    )


def _case(subject: Subject) -> str:
    if subject.kind is Kind.PUBLIC:
        return "public"
    if subject.seller is not None and subject.seller.sector is Sector.TRANSPORT:
        return "transport"
    return "agreed"


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def _end_of_month(issued: date, days: int) -> set[date]:
    """Days, end of month: the end of the month in which the days end, or the days from the end of the month on."""
    return {_month_end(issued + timedelta(days=days)), _month_end(issued) + timedelta(days=days)}


@dataclass(frozen=True)
class Terms:
    """Terms of payment as printed, and the days on which an invoice of a day is then due."""

    pattern: re.Pattern[str]
    due: Callable[[date, int], set[date]]


LABEL = r"(?:conditions? de (?:reglement|paiement)|payment terms|terms of payment)\s?:?\s?"
# The first that is printed counts; what none of them reads, such as a plan of several payments, is not compared.
DAYS = r"(?:due in |reglement (?:sous|a) |sous |within |a |net )?(\d{1,3})\s?(?:jours?|days?)\b"
TERMS = (
    Terms(
        re.compile(rf"{LABEL}{DAYS} (?:suivant la fin du mois|following the end of the month)"),
        lambda issued, days: {_month_end(issued) + timedelta(days=days)},
    ),
    Terms(
        re.compile(rf"{LABEL}{DAYS},? (?:net,? )?(?:fin de mois|end of (?:the )?month)(?! le)"),
        _end_of_month,
    ),
    Terms(
        re.compile(rf"{LABEL}{DAYS}(?!,? (?:fin|end|of|suivant|following|le))"),
        lambda issued, days: {issued + timedelta(days=days)},
    ),
    # Dolibarr counts one day for it; a few more do not contradict the words.
    Terms(
        re.compile(
            rf"{LABEL}(?:reglement |payable )?(?:a (?:la )?reception(?! de (?:la |votre )?(?:commande|livraison|marchandise))"
            r"|due (?:upon|on) receipt|comptant)()"
        ),
        lambda issued, _days: {issued + timedelta(days=days) for days in range(8)},
    ),
)


def payment_terms_consistent(subject: Subject, rule: Rule) -> Outcome:
    """The printed terms lead to the date on which it is due."""
    invoice = subject.invoice
    if subject.paper is None:
        return no_paper(subject)
    if invoice.issued is None or invoice.due is None:
        return needless("It has no date on which it is due.", "Il n'y a pas d'échéance.")
    for terms in TERMS:
        found = subject.paper.find(terms.pattern)
        if found is None:
            continue
        days = terms.due(invoice.issued, int(found[1] or 0))
        if invoice.due in days:
            return passed(found)
        # The last of several days is what the words mean at the latest.
        meant = sorted(days) if len(days) < 3 else [max(days)]
        shown = " or ".join(day.isoformat() for day in meant)
        shown_fr = " ou ".join(map(french_date, meant))
        return failed(
            f"Its terms of payment make it due on {shown} and it says {invoice.due.isoformat()}: correct the date, or the"
            " words of the terms in Dolibarr.",
            f"Les conditions de règlement donnent l'échéance du {shown_fr} et celle du "
            f"{french_date(invoice.due)} est indiquée : corriger la date, ou le libellé des "
            "conditions dans Dolibarr.",
            found,
        )
    return needless(
        "It prints no terms of payment that a date can be reckoned from.",
        "Aucune condition de règlement imprimée ne permet de calculer une échéance.",
    )


# -- late payment -----------------------------------------------------------------------------------------------------

TIMES = {"deux": 2, "two": 2, "trois": 3, "three": 3, "quatre": 4, "four": 4, "cinq": 5, "five": 5}
COUNT = r"(\d{1,2}(?:[.,]\d{1,2})?|deux|trois|quatre|cinq|two|three|four|five)"
LEGAL = (
    r"(?:taux (?:de l'|d')?interets? (?:au taux )?legal|taux legal|interet legal|taux de l'interet legal"
    r"|(?:french )?(?:legal|statutory) (?:interest rate|rate of interest|interest))"
)
ECB = r"(?:bce|ecb|banque centrale europeenne|european central bank|refinancement|refinancing)"
RATES = re.compile(
    rf"(?P<times>{COUNT}(?: \([^)]{{1,8}}\))?\s?(?:fois|times|x)\s(?:le |du |au |the |l'|de l')?{LEGAL}|triple (?:du |de l')?{LEGAL})"
    rf"|(?P<multiplied>{LEGAL}[^.;]{{0,20}}?(?:x|multiplie par|multiplied by) ?(?P<by>\d|deux|trois|two|three))"
    rf"|(?P<raised>{LEGAL}[^.;]{{0,20}}?(?:\+|majore[es]* de|augmente[es]* de) ?(?P<by_points>\d{{1,2}}|cinq|six|sept|huit|dix))"
    rf"|(?P<legal>{LEGAL})"
    rf"|(?P<ecb>{ECB}[^;]{{0,90}}?(?:\+|majore[es]* de|augmente[es]* de|plus|increased by) ?(?P<points>\d{{1,2}}|dix|huit|ten|eight)(?!\d|[.,]\d))"
    rf"|(?P<added>(?P<more>\d{{1,2}}|dix|ten) (?:percentage )?points\b)"
    rf"|(?<![\d.,])(?P<percent>\d{{1,2}}(?:[.,]\d{{1,3}})?)\s?%{NOT_OF_A_LINE}(?P<month>[^.;]{{0,12}}?(?:par mois|mensuel|per month|a month))?"
    r"(?P<day>[^.;]{0,12}?(?:par jour|per day|a day))?"
)
POINTS = {"dix": 10, "ten": 10, "huit": 8, "eight": 8, "sept": 7, "six": 6, "cinq": 5}
# Another thing than the rate of penalties that a percentage near them may be.
OTHER_PERCENTAGE = re.compile(r"(?:tva|vat|escompte|remise|discount|acompte|tax)[^.;]{0,40}$")


def late_penalty_rate(subject: Subject, rule: Rule) -> Outcome:
    """The rate of late-payment penalties, not below three times the legal interest of the half-year."""
    if subject.paper is None:
        return no_paper(subject)
    if none := subject.paper.find(PATTERNS["no_penalty"]):
        return failed(
            "It says that nothing is due for late payment, which the law does not allow: print the rate.",
            "Il y est dit que rien n'est dû en cas de retard de paiement, ce que la loi ne "
            "permet pas : imprimer le taux des pénalités de retard.",
            none,
        )
    spoken = list(subject.paper.find_all(PATTERNS["penalty"]))
    if not spoken and not is_understood(subject.paper):
        return foreign_language(rule.title)
    if not spoken:
        return failed(
            "The rate of late-payment penalties is not on it: print « taux de la BCE majoré de 10 points ».",
            "Le taux des pénalités de retard n'y figure pas : imprimer « taux de la BCE majoré de 10 points ».",
        )
    rates = penalty_rate(subject.day)
    outcomes = [_judged(found, rates) for found in printed_rates(subject.paper, spoken)]
    if not outcomes:
        return failed(
            "It speaks of late-payment penalties without their rate: print « BCE + 10 points ».",
            "Les pénalités de retard y sont mentionnées sans leur taux : imprimer « BCE + 10 points ».",
            spoken[0],
        )
    # The terms of sale may be printed after the mention: one of them is enough.
    return next((outcome for outcome in outcomes if outcome.status is Status.PASS), outcomes[0])


def printed_rates(paper: Paper, spoken: list[Found]) -> Iterator[Found]:
    """The rate behind each place where penalties are spoken of."""
    for penalty in spoken:
        start = penalty.end
        while found := paper.find(RATES, start, penalty.end + NEAR_PENALTY):
            start = found.end
            is_other = found.match["percent"] and OTHER_PERCENTAGE.search(paper.text[penalty.end : found.start])
            if not is_other:
                yield found
                break


def meaning(found: Found) -> tuple[str, Decimal]:
    """What a rate means, however it is worded.

    ``times`` the legal interest, ``raised`` by so many points over it, ``ecb`` and so many points, or ``percent`` a year.
    """
    words = found.match.groupdict()
    count = "3" if words["times"] and "triple" in words["times"] else words["times"] and found.match[2] or words["by"]
    if count:
        return "times", Decimal(TIMES.get(count) or count.replace(",", "."))
    if words["legal"]:
        return "times", Decimal(1)
    if words["raised"]:
        return "raised", Decimal(POINTS.get(words["by_points"]) or words["by_points"])
    if points := words["points"] or words["more"]:
        return "ecb", Decimal(POINTS.get(points) or points)
    times = MONTHS_OF_A_YEAR if words["month"] else DAYS_OF_A_YEAR if words["day"] else 1
    return "percent", Decimal(words["percent"].replace(",", ".")) * times


def _judged(found: Found, rates: PenaltyRate | None) -> Outcome:
    """A printed rate against the floor; three times the legal interest is the floor itself, whatever it is."""
    kind, figure = meaning(found)
    if kind == "times":
        return _at_least_three(figure, found)
    if kind == "ecb" and figure == 10:
        return passed(found)
    if rates is None:
        return undetermined(
            "The legal interest of that half-year is not known: update the collection.",
            "Le taux d'intérêt légal de ce semestre n'est pas connu : mettre à jour la collection.",
            found,
        )
    percent = figure + {"raised": rates.legal, "ecb": rates.ecb}.get(kind, Decimal(0))
    if percent >= rates.floor:
        return passed(found)
    return failed(
        f"Penalties of {percent:f} % are below the {rates.floor:f} % that the law asks for at least in that half-year: print"
        " « BCE + 10 points », which never gets old.",
        f"Des pénalités de retard de {french_figure(percent)} % sont inférieures au minimum "
        f"légal de {french_figure(rates.floor)} % de ce semestre : imprimer « BCE + 10 points "
        "», qui ne se périme jamais.",
        found,
    )


def _at_least_three(count: Decimal, found: Found) -> Outcome:
    if count >= 3:
        return passed(found)
    return failed(
        "The rate of its penalties is below three times the legal interest: print « BCE + 10 points ».",
        "Le taux des pénalités de retard est inférieur à trois fois l'intérêt légal : imprimer « BCE + 10 points ».",
        found,
    )


PAYMENT_CHECKS: dict[str, Check] = {
    "due_date": due_date,
    "due_date_legal": due_date_legal,
    "payment_terms_consistent": payment_terms_consistent,
    "late_penalty_rate": late_penalty_rate,
}
