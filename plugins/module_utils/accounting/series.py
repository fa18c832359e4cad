# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the reference of an invoice stands in which series.

Dolibarr's models Terre and Mars count without end whatever the month in the reference; Mercure follows masks. What fits
no mask, because the mask was changed or a person wrote the number, is its own series by what is before its last digits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.masks import Mask
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words, french_count, same
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import InvoiceType

ENDLESS = re.compile(r"(?P<letters>[A-Za-z]+)\d{4}-(?P<n>\d{4,})")
ANY = re.compile(r"(?P<head>.*?)(?P<n>\d+)")
MOST_NAMED = 20

# The masks of each kind, the present one first and former ones after it; without any, the model is Terre or Mars.
Masks = Mapping[int, Sequence[Mask]]


@dataclass(frozen=True)
class Place:
    """Where a reference stands: its series and its number in it, and what is around the number."""

    series: tuple[object, ...]
    number: int
    before: str
    after: str
    width: int
    mask: Mask | None = None
    period: tuple[object, ...] = ()

    def neighbour(self, number: int) -> str:
        """The reference of another number, all else as here."""
        return f"{self.before}{number:0{self.width}d}{self.after}"


def is_draft(ref: str) -> bool:
    """Whether it is provisional, such as ``(PROV12)``, and has no number yet."""
    return ref.startswith("(")


def masks_of(kind: int, masks: Masks) -> Sequence[Mask]:
    """The masks of a kind; what has none follows that of invoices, but for credit notes and deposits."""
    own = masks.get(kind, ())
    if own or kind in (InvoiceType.CREDIT_NOTE, InvoiceType.DEPOSIT):
        return own
    return masks.get(InvoiceType.STANDARD, ())


def place(ref: str, kind: int, masks: Masks) -> Place | None:
    """Where a reference stands in which series; ``None`` for a draft and for what carries no number."""
    if is_draft(ref):
        return None
    for mask in masks_of(kind, masks):
        if match := mask.pattern.fullmatch(ref):
            period = mask.period(match)
            # Invoices and deposits of one mask share its counter, credit notes have their own.
            series = (mask.text, kind == InvoiceType.CREDIT_NOTE, *period)
            return _placed(ref, match, series, mask, period)
    if match := ENDLESS.fullmatch(ref):
        return _placed(ref, match, (match["letters"],))
    if match := ANY.fullmatch(ref):
        return _placed(ref, match, (match["head"],))
    return None


def _placed(
    ref: str,
    match: re.Match[str],
    series: tuple[object, ...],
    mask: Mask | None = None,
    period: tuple[object, ...] = (),
) -> Place:
    name = "n" if "n" in match.re.groupindex else "k"
    start, end = match.span(name)
    return Place(series, int(match[name]), ref[:start], ref[end:], end - start, mask, period)


def missing_names(low: Place, high: Place, number: int) -> tuple[str, ...]:
    """The references that a missing number can have: that of the month before it or that of the one after."""
    return tuple(dict.fromkeys((low.neighbour(number), high.neighbour(number))))


def describe_hole(before: Words, after: Words, count: int, names: Sequence[Sequence[str]]) -> Words:
    """A hole in words, without a full stop; ``names`` are those of its first numbers, at most ``MOST_NAMED``."""
    others = count - len(names)
    more = Words(f" et {others} de plus", f" and {others} more") if others > 0 else same("")
    return Words(
        f"Entre {before.fr} et {after.fr} il manque {french_count(count, 'numéro')} :"
        f" {', '.join(' ou '.join(name) for name in names)}{more.fr}",
        f"Between {before.en} and {after.en} {count} {'number is' if count == 1 else 'numbers are'} missing:"
        f" {', '.join(' or '.join(name) for name in names)}{more.en}",
    )
