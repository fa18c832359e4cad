# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The masks of Dolibarr's numbering model Mercure: what their references look like, when their counter begins anew.

``FA{yy}{mm}-{0000@1}`` is a literal FA, year and month of the invoice, and a counter that begins anew in January.
Dolibarr's own page: https://wiki.dolibarr.org/index.php/Numbering_modules
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TOKEN = re.compile(r"\{([^}]*)\}")
COUNTER = re.compile(r"(0+)((?:[@+][0-9+\-=]+){0,2})")
MONTHLY = 99


@dataclass(frozen=True)
class Mask:
    """A mask that could be read.

    ``pattern`` has the groups ``n`` (the counter), ``k`` (the counter of one customer), ``y``, ``m`` and ``c`` (the
    customer code), as far as the mask has them.
    """

    text: str
    pattern: re.Pattern[str]
    restart: int = 0  # the month in which the counter begins anew, 99 for every month, 0 for never
    offset: int = 0  # the counter begins at the number after it
    width: int = 0  # digits of the counter, or of the customer's where there is no other

    @property
    def is_per_customer(self) -> bool:
        """Whether each customer has a series and nothing counts all invoices."""
        return "n" not in self.pattern.groupindex

    def period(self, match: re.Match[str]) -> tuple[object, ...]:
        """What tells the series of one mask apart: the customer, the year or the month of a reference."""
        groups = match.groupdict()
        customer = (groups.get("c"),) if self.is_per_customer else ()
        year, month = groups.get("y"), groups.get("m")
        if not self.restart or year is None:
            return customer
        if self.restart == MONTHLY:
            return (*customer, year, month)
        early = month is not None and int(month) < self.restart
        return (*customer, int(year) - early)


def parse_mask(text: str, fiscal_month: int = 1) -> Mask | None:
    """Read a mask; ``None`` when it has no counter or something unknown in it.

    ``fiscal_month`` is the first of the company's financial year, which masks refer to as ``@0``, ``@+`` and so on.
    """
    pattern, restart, offset, width, at = "", 0, 0, 0, 0
    names: set[str] = set()
    for token in TOKEN.finditer(text):
        pattern += re.escape(text[at : token.start()])
        at = token.end()
        piece = _piece(token[1])
        if piece is None:
            return None
        for name in re.findall(r"\?P<(\w+)>", piece):
            if name in names:
                piece = piece.replace(f"?P<{name}>", "")
            names.add(name)
        pattern += piece
        if counter := COUNTER.fullmatch(token[1]):
            restart, offset, width = _restart(counter[2], fiscal_month), _offset(counter[2]), len(counter[1])
        elif not width:
            width = token[1].count("0")
    if not {"n", "k"} & names:
        return None
    return Mask(text, re.compile(pattern + re.escape(text[at:])), restart, offset, width)


def _piece(token: str) -> str | None:
    low = token.lower()
    if counter := COUNTER.fullmatch(token):
        # Terre's counters grow past their width, those of masks stop; a longer one is still a number of the series.
        return rf"(?P<n>\d{{{len(counter[1])},}})"
    if low in ("yyyy", "yy", "y"):
        return rf"(?P<y>\d{{{len(low)}}})"
    if low in ("mm", "dd"):
        return r"(?P<m>\d{2})" if low == "mm" else r"\d{2}"
    if customer := re.fullmatch(r"(c+)(0*)", low):
        return rf"(?P<c>.{{{len(customer[1])}}})" + (rf"(?P<k>\d{{{len(customer[2])},}})" if customer[2] else "")
    if re.fullmatch(r"t+|u+|jj+", low):
        return f".{{{len(low)}}}"
    if own := re.fullmatch(r"[A-Z]+-(\d+)", token):
        return f".{{{own[1]}}}"
    return None


def _restart(modifiers: str, fiscal_month: int) -> int:
    found = re.search(r"@(\d+|[+\-=])", modifiers)
    if found is None:
        return 0
    month = int(found[1]) if found[1].isdecimal() else 0
    return month or fiscal_month


def _offset(modifiers: str) -> int:
    found = re.search(r"(?<!@)\+(\d+)", modifiers)
    return int(found[1]) if found else 0
