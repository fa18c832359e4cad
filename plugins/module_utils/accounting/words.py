# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both languages of reports, and how France writes figures and days in a sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import money

FIGURE = re.compile(r"(-?)(\d+)(?:\.(\d+))?")
NARROW = "\u202f"  # the space between thousands in French
MINUS = "\u2212"


@dataclass(frozen=True)
class Words:
    """A text in both languages."""

    fr: str
    en: str


def same(text: str) -> Words:
    """What is alike in both languages, such as a reference."""
    return Words(text, text)


class Phrase(StrEnum):
    """A choice of words: in English, as facts show them, and beside it in French."""

    fr: str

    def __new__(cls, english: str, french: str) -> Phrase:
        phrase = str.__new__(cls, english)
        phrase._value_ = english
        phrase.fr = french
        return phrase


def french_amount(value: str) -> str:
    """A figure as France writes it: 1 234,50, with narrow spaces that do not break."""
    match = FIGURE.fullmatch(value)
    if match is None:
        return value
    sign, whole, decimals = match.groups()
    return (MINUS if sign else "") + f"{int(whole):,}".replace(",", NARROW) + (f",{decimals}" if decimals else "")


def french_money(amount: Decimal, currency: str = "EUR") -> str:
    """An amount of money in a French sentence."""
    return f"{french_amount(money(amount))}\u00a0{'€' if currency in ('', 'EUR') else currency}"


def french_figure(figure: Decimal) -> str:
    """A quantity, price or rate in a French sentence, without needless zeros."""
    return french_amount(f"{figure.normalize():f}")


def french_date(day: date) -> str:
    """A day in a French sentence."""
    return f"{day:%d/%m/%Y}"


def french_month(month: str) -> str:
    """A month such as ``2026-11`` in a French sentence."""
    year, _dash, number = month.partition("-")
    return f"{number}/{year}"


def french_count(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun in French, where zero is singular."""
    return f"{french_amount(str(count))} {(plural or f'{noun}s') if count > 1 else noun}"
