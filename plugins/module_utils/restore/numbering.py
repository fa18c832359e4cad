# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The numbering of issued invoices: which numbers of which series are missing or were given twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.masks import parse_mask
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.series import (
    MOST_NAMED,
    Masks,
    Place,
    describe_hole,
    missing_names,
    place,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import same

STANDARD, REPLACEMENT, CREDIT_NOTE, DEPOSIT = range(4)
MODEL, MERCURE = "FACTURE_ADDON", "mod_facture_mercure"
MASKS = {
    STANDARD: "FACTURE_MERCURE_MASK_INVOICE",
    REPLACEMENT: "FACTURE_MERCURE_MASK_REPLACEMENT",
    CREDIT_NOTE: "FACTURE_MERCURE_MASK_CREDIT",
    DEPOSIT: "FACTURE_MERCURE_MASK_DEPOSIT",
}
FISCAL_MONTH = "SOCIETE_FISCAL_MONTH_START"
SETTINGS = (MODEL, *MASKS.values(), FISCAL_MONTH)


@dataclass(frozen=True)
class Numbered:
    """An invoice: its reference, its type as Dolibarr numbers them, and its company."""

    ref: str
    kind: int = STANDARD
    entity: int = 1


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


def masks_in(settings: Mapping[str, str]) -> Masks:
    """The masks that a company's settings name; none unless its model is Mercure."""
    if settings.get(MODEL) != MERCURE:
        return {}
    fiscal_month = int(settings.get(FISCAL_MONTH) or 1)
    found = {kind: parse_mask(settings.get(name) or "", fiscal_month) for kind, name in MASKS.items()}
    return {kind: (mask,) for kind, mask in found.items() if mask}


# -- the questions ----------------------------------------------------------------------------------------------------


def check_numbering(
    invoices: Iterable[Numbered], settings: Mapping[str, str], live: Iterable[Numbered] | None = None
) -> list[NumberingFinding]:
    """Holes and duplicates among invoices; ``settings`` are those of ``llx_const`` about numbering.

    Drafts that never had a number are passed over. A hole is a number between the first and the last of its series. With
    ``live``, each says whether it is there too.
    """
    masks = masks_in(settings)
    present = None if live is None else _by_series(live, masks)
    found: list[NumberingFinding] = []
    for series, numbers in sorted(_by_series(invoices, masks).items(), key=lambda item: str(item[0])):
        found += [_duplicate(places) for _number, places in sorted(numbers.items()) if len(places) > 1]
        found += _holes(numbers, None if present is None else present.get(series, {}))
    return found


Series = dict[int, list[tuple[str, Place]]]


def _by_series(invoices: Iterable[Numbered], masks: Masks) -> dict[tuple[object, ...], Series]:
    found: dict[tuple[object, ...], Series] = defaultdict(lambda: defaultdict(list))
    for invoice in invoices:
        where = place(invoice.ref, invoice.kind, masks)
        if where is not None:
            where = replace(where, series=(invoice.entity, *where.series))
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
            (kept[number],) if number in kept else missing_names(first, last, number) for number in missing[:MOST_NAMED]
        ]
        message = describe_hole(same(before), same(after), len(missing), names).en
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
