# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an electronic invoice and its paper both say: the terms of late payment and of the discount are the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks_payment import (
    RATES,
    meaning,
    printed_rates,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.cii import Cii
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.facturx_checks import NOTES, seen
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.outcomes import failed, needless, passed
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.patterns import PATTERNS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, Subject
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import Paper

PERCENT = re.compile(r"(\d{1,2}(?:[.,]\d{1,3})?)\s?%")
EUROS = re.compile(r"(?<![\d.,])(\d+)(?:[.,]00)?\s?(?:€|eur)")
# What a note says and what the paper says, as sets of figures; nothing where it cannot be told.
Terms = frozenset[tuple[str, Decimal]]
Reader = Callable[[Paper], Terms]


def penalties_noted(note: Paper) -> Terms:
    return frozenset(map(meaning, note.find_all(RATES)))


def penalties_printed(paper: Paper) -> Terms:
    return frozenset(map(meaning, printed_rates(paper, list(paper.find_all(PATTERNS["penalty"])))))


def discounts(paper: Paper) -> Terms:
    """The discounts in percent, zero where there is none."""
    found = [PERCENT.search(one.match[0]) for one in paper.find_all(PATTERNS["escompte"])]
    return frozenset(("percent", Decimal(one[1].replace(",", ".")) if one else Decimal(0)) for one in found)


def indemnity_noted(note: Paper) -> Terms:
    return frozenset(("euros", Decimal(one[1])) for one in note.find_all(EUROS))


def indemnity_printed(paper: Paper) -> Terms:
    return frozenset([("euros", Decimal(40))] if paper.find(PATTERNS["indemnity"]) else [])


TERMS: dict[str, tuple[Reader, Reader]] = {
    "PMT": (indemnity_noted, indemnity_printed),
    "PMD": (penalties_noted, penalties_printed),
    "AAB": (discounts, discounts),
}


def agreement(cii: Cii, subject: Subject) -> Outcome:
    """Each note gives the figures of the paper; what either of them does not say is of other rules."""
    compared = []
    for code, text in cii.notes:
        if subject.paper is None or code not in TERMS:
            continue
        of_note, of_paper = TERMS[code]
        noted, printed = of_note(Paper((text,))), of_paper(subject.paper)
        if noted and printed:
            shown = seen(f"BT-22 {code}", text)
            if noted.isdisjoint(printed):
                return failed(
                    f"The XML does not say of {NOTES[code].en} what the paper says: set up the same notes for both.",
                    f"Le XML ne dit pas la même chose que la pièce sur {NOTES[code].fr} : configurer les mêmes mentions"
                    " pour les deux.",
                    shown,
                )
            compared.append(shown)
    return passed(*compared) if compared else needless()
