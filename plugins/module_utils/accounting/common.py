# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Money, periods and findings: what all of accounting shares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any

CENT = Decimal("0.01")
# Two amounts that differ by less are the same amount.
TOLERANCE = Decimal("0.005")
ZERO = Decimal("0")


def cents(amount: Decimal) -> Decimal:
    """Rounded to cents, half away from zero, as Dolibarr and the law do."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def euros(amount: Decimal) -> Decimal:
    """Rounded to whole euros, 0.50 up, as VAT returns are filled in."""
    return amount.quantize(Decimal("1"), ROUND_HALF_UP)


def money(amount: Decimal) -> str:
    """An amount as facts show it: two decimals, never minus zero."""
    return str(cents(amount) + ZERO)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    return sum(amounts, ZERO)


@dataclass(frozen=True)
class Period:
    """Days from ``since`` to ``until``, both included; an open end is None."""

    since: date | None = None
    until: date | None = None

    def __contains__(self, day: date | None) -> bool:
        if day is None:
            return False
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


def month_of(day: date) -> str:
    """The calendar month, as ``2026-11``."""
    return f"{day:%Y-%m}"


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Finding:
    """Something that should be otherwise: what, where, and what to do, in one sentence of each language."""

    check: str  # its id, such as number-gap
    severity: Severity
    subject: str  # the ref or the name of what it is about
    message: str
    message_fr: str

    def to_facts(self) -> dict[str, Any]:
        return {
            "check": self.check,
            "severity": str(self.severity),
            "subject": self.subject,
            "message": self.message,
            "message_fr": self.message_fr,
        }
