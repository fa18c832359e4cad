# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The numbering of issued invoices: which numbers of which series are missing or were given twice.

Dolibarr's models Terre and Mars count without end whatever the month in the reference; Mercure follows masks that may
begin anew each year or month. What fits no mask, because the mask was changed, is its own series by what is before its
last digits.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

STANDARD, REPLACEMENT, CREDIT_NOTE, DEPOSIT = range(4)
MODEL, MERCURE = "FACTURE_ADDON", "mod_facture_mercure"
MASKS = {
    REPLACEMENT: "FACTURE_MERCURE_MASK_REPLACEMENT",
    CREDIT_NOTE: "FACTURE_MERCURE_MASK_CREDIT",
    DEPOSIT: "FACTURE_MERCURE_MASK_DEPOSIT",
}
INVOICE_MASK = "FACTURE_MERCURE_MASK_INVOICE"
FISCAL_MONTH = "SOCIETE_FISCAL_MONTH_START"
SETTINGS = (MODEL, INVOICE_MASK, *MASKS.values(), FISCAL_MONTH)
ENDLESS = re.compile(r"(?P<letters>[A-Za-z]+)\d{4}-(?P<n>\d{4,})")
ANY = re.compile(r"(?P<head>.*?)(?P<n>\d+)")
TOKEN = re.compile(r"\{([^}]*)\}")
COUNTER = re.compile(r"(0+)((?:[@+][0-9+\-=]+){0,2})")
MONTHLY = 99
MOST_NAMED = 20


@dataclass(frozen=True)
class Numbered:
    """An invoice: its reference, its type as Dolibarr numbers them, and its company."""

    ref: str
    kind: int = STANDARD
    entity: int = 1


@dataclass(frozen=True)
class Place:
    """Where a reference stands: its series and its number in it, and what is around the number."""

    series: tuple[object, ...]
    number: int
    before: str
    after: str
    width: int

    def neighbour(self, number: int) -> str:
        """The reference of another number, all else as here."""
        return f"{self.before}{number:0{self.width}d}{self.after}"


@dataclass(frozen=True)
class NumberingFinding:
    """Something wrong with a series: a ``hole``, a ``duplicate`` or a ``lost`` number.

    ``refs`` are the references that are missing, as far as they can be told, or those that have the same number.
    ``live`` says whether the live database has the same hole, ``None`` when nobody asked it.
    """

    problem: str
    refs: tuple[str, ...]
    message: str
    live: bool | None = None


@dataclass(frozen=True)
class Mask:
    """A mask of the model Mercure: what its references look like and when its counter begins anew."""

    text: str
    pattern: re.Pattern[str]
    restart: int = 0


def parse_mask(text: str, fiscal_month: int = 1) -> Mask | None:
    """Read a mask; ``None`` when it has no counter or something unknown in it."""
    pattern, restart, at = "", 0, 0
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
            restart = _restart(counter[2], fiscal_month)
    if not {"n", "k"} & names:
        return None
    return Mask(text, re.compile(pattern + re.escape(text[at:])), restart)


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
    """The month in which a counter begins anew, 99 for every month, 0 for never."""
    found = re.search(r"@(\d+|[+\-=])", modifiers)
    if found is None:
        return 0
    month = int(found[1]) if found[1].isdecimal() else 0
    return month or fiscal_month


def place(invoice: Numbered, settings: Mapping[str, str]) -> Place | None:
    """Where an invoice stands in which series; ``None`` for a draft and for what carries no number."""
    if invoice.ref.startswith("("):
        return None
    if settings.get(MODEL) == MERCURE:
        own = settings.get(MASKS.get(invoice.kind, INVOICE_MASK)) or ""
        if not own and invoice.kind == REPLACEMENT:
            own = settings.get(INVOICE_MASK) or ""
        mask = _mask(own, int(settings.get(FISCAL_MONTH) or 1))
        match = mask.pattern.fullmatch(invoice.ref) if mask else None
        if mask is not None and match is not None:
            # Invoices and deposits of one mask share its counter, credit notes have their own.
            return _placed(match, invoice, (mask.text, invoice.kind == CREDIT_NOTE, *_period(mask, match)))
    if match := ENDLESS.fullmatch(invoice.ref):
        return _placed(match, invoice, (match["letters"],))
    if match := ANY.fullmatch(invoice.ref):
        return _placed(match, invoice, (match["head"],))
    return None


@cache
def _mask(text: str, fiscal_month: int) -> Mask | None:
    return parse_mask(text, fiscal_month) if text else None


def _period(mask: Mask, match: re.Match[str]) -> tuple[object, ...]:
    groups = match.groupdict()
    customer = () if "n" in groups else (groups.get("c"),)
    year, month = groups.get("y"), groups.get("m")
    if not mask.restart or year is None:
        return customer
    if mask.restart == MONTHLY:
        return (*customer, year, month)
    early = month is not None and int(month) < mask.restart
    return (*customer, int(year) - early)


def _placed(match: re.Match[str], invoice: Numbered, series: tuple[object, ...]) -> Place:
    name = "n" if "n" in match.groupdict() else "k"
    start, end = match.span(name)
    ref = invoice.ref
    return Place((invoice.entity, *series), int(match[name]), ref[:start], ref[end:], end - start)


# -- the questions ----------------------------------------------------------------------------------------------------


def check_numbering(
    invoices: Iterable[Numbered], settings: Mapping[str, str], live: Iterable[Numbered] | None = None
) -> list[NumberingFinding]:
    """Holes and duplicates among invoices; ``settings`` are those of ``llx_const`` about numbering.

    Drafts that never had a number are passed over. A hole is a number between the first and the last of its series. With
    ``live``, each says whether it is there too.
    """
    present = None if live is None else _by_series(live, settings)
    found: list[NumberingFinding] = []
    for series, numbers in sorted(_by_series(invoices, settings).items(), key=lambda item: str(item[0])):
        found += [_duplicate(places) for _number, places in sorted(numbers.items()) if len(places) > 1]
        found += _holes(numbers, None if present is None else present.get(series, {}))
    return found


Series = dict[int, list[tuple[str, Place]]]


def _by_series(invoices: Iterable[Numbered], settings: Mapping[str, str]) -> dict[tuple[object, ...], Series]:
    found: dict[tuple[object, ...], Series] = defaultdict(lambda: defaultdict(list))
    for invoice in invoices:
        where = place(invoice, settings)
        if where is not None:
            found[where.series][where.number].append((invoice.ref, where))
    return found


def _duplicate(places: list[tuple[str, Place]]) -> NumberingFinding:
    refs = tuple(sorted(ref for ref, _place in places))
    number = places[0][1].number
    return NumberingFinding(
        "duplicate", refs, f"The number {number} was given {len(refs)} times in its series: {', '.join(refs)}."
    )


def _holes(numbers: Series, live: Series | None) -> Iterator[NumberingFinding]:
    for low, high in pairwise(sorted(numbers)):
        missing = range(low + 1, high)
        if not missing:
            continue
        (before, first), (after, last) = numbers[low][0], numbers[high][0]
        kept = {number: live[number][0][0] for number in missing if number in live} if live else {}
        # Between two months either may be meant, unless the live database has the invoice.
        names = [
            (kept[number],) if number in kept else tuple({first.neighbour(number): 0, last.neighbour(number): 0})
            for number in missing[:MOST_NAMED]
        ]
        more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        message = (
            f"Between {before} and {after} {len(missing)} {'number is' if len(missing) == 1 else 'numbers are'} missing:"
            f" {', '.join(' or '.join(name) for name in names)}{more}"
        )
        if live is not None:
            message += "; the live database has " + (", ".join(kept.values()) if kept else "the same hole")
        refs = tuple(ref for name in names for ref in name)
        yield NumberingFinding("hole", refs, f"{message}.", None if live is None else not kept)


def check_last_numbers(recorded: Mapping[str, str], refs: Iterable[str], where: str) -> list[NumberingFinding]:
    """Last numbers of series that were recorded in ``where`` and are not among the references."""
    present = set(refs)
    return [
        NumberingFinding("lost", (ref,), f"{ref}, the last number of the series {series} in {where}, is missing.")
        for series, ref in sorted(recorded.items())
        if ref not in present
    ]
