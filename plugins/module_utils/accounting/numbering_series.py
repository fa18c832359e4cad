# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One series of numbers: its invoices in order, and what is wrong within it."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from itertools import pairwise
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Finding, Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.masks import MONTHLY, Mask, parse_mask
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.series import (
    ENDLESS,
    MOST_NAMED,
    Masks,
    Place,
    describe_hole,
    masks_of,
    missing_names,
    place,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words, french_date, same
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import InvoiceType

NEARLY_FULL = 0.8  # of the numbers that the digits of a mask allow
# How Terre's form of reference may be counted, the model itself first.
COUNTED = ("{0000}", "{0000@1}", "{0000@99}")


@dataclass(frozen=True)
class Numbered:
    """What the numbering knows of an invoice that has its number."""

    id: int
    ref: str
    kind: InvoiceType
    issued: date | None
    validated: datetime | None


@dataclass(frozen=True)
class Entry:
    """An invoice at its place in a series."""

    invoice: Numbered
    place: Place

    @property
    def number(self) -> int:
        return self.place.number


@dataclass(frozen=True)
class NumberedSeries:
    """The invoices that one counter numbered, by number."""

    name: str
    mask: Mask | None
    is_assumed: bool  # nobody said how it is counted
    is_credit: bool
    family: tuple[str, ...]  # the texts of all masks of its kind
    period: tuple[object, ...]
    invoices: tuple[Entry, ...]

    @cached_property
    def numbers(self) -> list[int]:
        """Those that were given, each once, in order."""
        return sorted({entry.number for entry in self.invoices})

    @property
    def missing(self) -> int:
        numbers = self.numbers
        return numbers[-1] - numbers[0] + 1 - len(numbers)

    def to_facts(self) -> dict[str, Any]:
        days = sorted(entry.invoice.issued for entry in self.invoices if entry.invoice.issued)
        return {
            "name": self.name,
            "mask": self.mask.text if self.mask else None,
            "is_assumed": self.is_assumed,
            "count": len(self.invoices),
            "first": self.invoices[0].invoice.ref,
            "last": self.invoices[-1].invoice.ref,
            "missing": self.missing,
            "since": days[0].isoformat() if days else None,
            "until": days[-1].isoformat() if days else None,
        }


def series_of(
    issued: Iterable[Numbered], masks: Masks, is_assumed: bool
) -> tuple[tuple[NumberedSeries, ...], tuple[str, ...]]:
    """All series, by name, and the references that have no number."""
    found: dict[tuple[object, ...], list[Entry]] = defaultdict(list)
    unplaced = []
    for invoice in issued:
        where = place(invoice.ref, invoice.kind, masks)
        if where is None:
            unplaced.append(invoice.ref)
        else:
            found[where.series].append(Entry(invoice, where))
    series = [_series(key, entries, masks, is_assumed) for key, entries in found.items()]
    return tuple(sorted(series, key=lambda one: (one.name, one.is_credit))), tuple(sorted(unplaced))


def _series(key: tuple[object, ...], entries: list[Entry], masks: Masks, is_assumed: bool) -> NumberedSeries:
    mask, period = entries[0].place.mask, entries[0].place.period
    in_order = tuple(sorted(entries, key=lambda entry: (entry.number, entry.invoice.ref, entry.invoice.id)))
    is_credit = mask is not None and bool(key[1])
    counter = counter_name(mask, is_assumed) if mask else str(key[0])
    name = f"{counter} {'-'.join(map(str, period))}" if period else counter
    family = tuple(one.text for one in masks_of(entries[0].invoice.kind, masks))
    return NumberedSeries(name, mask, is_assumed, is_credit, family, period, in_order)


def counter_name(mask: Mask, is_assumed: bool) -> str:
    """What a person calls the counter of a mask: the letters of one that was assumed, else the mask."""
    return mask.text.partition("{")[0] if is_assumed else mask.text


def assumed_masks(issued: Sequence[Numbered]) -> Masks:
    """How the references of Terre's form seem to be counted, where nobody said so: what explains them with least amiss.

    The model itself never begins anew, but Mercure's masks can look the same and begin anew each year or month.
    """
    by_letters: dict[tuple[bool, str], list[Numbered]] = defaultdict(list)
    for invoice in issued:
        if match := ENDLESS.fullmatch(invoice.ref):
            by_letters[invoice.kind is InvoiceType.CREDIT_NOTE, match["letters"]].append(invoice)
    credits: list[Mask] = []
    invoices: list[Mask] = []
    for (is_credit, letters), theirs in sorted(by_letters.items()):
        masks = [mask for count in COUNTED if (mask := parse_mask(f"{letters}{{yy}}{{mm}}-{count}"))]
        amiss = [_amiss(mask, theirs) for mask in masks]
        (credits if is_credit else invoices).append(masks[amiss.index(min(amiss))])
    return {InvoiceType.STANDARD: invoices, InvoiceType.DEPOSIT: invoices, InvoiceType.CREDIT_NOTE: credits}


def _amiss(mask: Mask, invoices: list[Numbered]) -> int:
    masks: Masks = {one.kind: (mask,) for one in invoices}
    series, _unplaced = series_of(invoices, masks, is_assumed=True)
    later = series[1:]
    return sum(one.missing + len(one.invoices) - len(one.numbers) for one in series) + sum(
        one.numbers[0] - 1 for one in later
    )


# -- what is wrong within a series ------------------------------------------------------------------------------------


def series_findings(
    one: NumberedSeries, others: Sequence[NumberedSeries], today: date, series_start: Mapping[str, int]
) -> Iterator[Finding]:
    """Everything that one series shows by itself; ``others`` are all series, where its first numbers may have a past."""
    if assumption := _assumption(one):
        yield assumption
    yield from _start(one, others, series_start)
    yield from _gaps(one)
    yield from _repeated(one)
    yield from _order(one, today)
    yield from _capacity(one, others)


def _assumption(one: NumberedSeries) -> Finding | None:
    if not one.is_assumed:
        return None
    if one.mask is None:
        return Finding(
            "number-series-assumed",
            Severity.WARNING,
            one.invoices[0].invoice.ref,
            f"How {one.invoices[0].invoice.ref} was counted is not known, what is before its last digits is taken for"
            " its series: give the masks of Dolibarr's setup.",
            f"Le mode de numérotation de {one.invoices[0].invoice.ref} n'est pas connu, ce qui "
            "précède ses derniers chiffres est pris pour sa série : indiquer les masques de la "
            "configuration de Dolibarr.",
        )
    if one.mask.restart:
        often = Words("mois", "month") if one.mask.restart == MONTHLY else Words("année", "year")
        return Finding(
            "number-series-assumed",
            Severity.INFO,
            one.invoices[0].invoice.ref,
            f"The series {one.name} seems to begin anew each {often.en}: give the masks of Dolibarr's setup to be sure.",
            f"La série {one.name} semble recommencer chaque {often.fr} : indiquer les masques de "
            "la configuration de Dolibarr pour en être sûr.",
        )
    return None


def _start(one: NumberedSeries, others: Sequence[NumberedSeries], series_start: Mapping[str, int]) -> Iterator[Finding]:
    first, entry = one.numbers[0], one.invoices[0]
    given = _given_start(one, others, series_start)
    expected = given if given is not None else (one.mask.offset if one.mask else 0) + 1
    if first <= expected or (given is None and _goes_on(one, others)):
        return
    before = entry.place.neighbour(expected)
    if given is not None:
        count = first - expected
        names = [(entry.place.neighbour(number),) for number in range(expected, first)[:MOST_NAMED]]
        start = Words("le début de la série", "the start of the series")
        hole = describe_hole(start, same(entry.invoice.ref), count, names)
        yield Finding(
            "number-gap",
            Severity.ERROR,
            " or ".join(names[0]),
            f"{hole.en}.",
            f"{hole.fr}.",
        )
        return
    yield Finding(
        "number-start",
        Severity.WARNING,
        entry.invoice.ref,
        f"The series {one.name} begins with {entry.invoice.ref} and not with {before}: say with series_start where it"
        " begins if the invoices before it are in another program.",
        f"La série {one.name} commence par {entry.invoice.ref} et non par {before} : indiquer "
        "avec series_start où elle commence si les factures précédentes sont dans un autre "
        "logiciel.",
    )


def _given_start(one: NumberedSeries, others: Sequence[NumberedSeries], series_start: Mapping[str, int]) -> int | None:
    key = _counter(one)
    if key not in series_start:
        return None
    # Only the first of its periods has a past in another program.
    periods = [other.period for other in others if _counter(other) == key and other.is_credit == one.is_credit]
    return series_start[key] if one.period == min(periods, key=str) else None


def _counter(one: NumberedSeries) -> str:
    return counter_name(one.mask, one.is_assumed) if one.mask else one.name


def _goes_on(one: NumberedSeries, others: Sequence[NumberedSeries]) -> bool:
    """Whether the number before its first is the last of another series of its kind: the mask was changed."""
    if one.is_assumed or one.mask is None:
        return False
    family = (one.is_credit, one.family)
    return any(
        (other.is_credit, other.family) == family and other.numbers[-1] == one.numbers[0] - 1 for other in others
    )


def _gaps(one: NumberedSeries) -> Iterator[Finding]:
    at = {entry.number: entry for entry in one.invoices}
    for low, high in pairwise(sorted(at)):
        count = high - low - 1
        if not count:
            continue
        names = [missing_names(at[low].place, at[high].place, number) for number in range(low + 1, high)[:MOST_NAMED]]
        before, after = (same(at[end].invoice.ref) for end in (low, high))
        hole = describe_hole(before, after, count, names)
        yield Finding(
            "number-gap",
            Severity.WARNING if one.mask is None and one.is_assumed else Severity.ERROR,
            " or ".join(names[0]),
            f"{hole.en}: find the invoice in a backup, or note for the tax office why the number was not used.",
            f"{hole.fr} ; retrouver la facture dans une sauvegarde, ou noter pour "
            "l'administration fiscale pourquoi le numéro n'a pas servi.",
        )


def _repeated(one: NumberedSeries) -> Iterator[Finding]:
    by_number: dict[int, set[str]] = defaultdict(set)
    for entry in one.invoices:
        by_number[entry.number].add(entry.invoice.ref)
    for number, refs in sorted(by_number.items()):
        if len(refs) > 1:
            yield Finding(
                "number-repeated",
                Severity.ERROR if one.mask else Severity.WARNING,
                min(refs),
                f"The number {number} of the series {one.name} was given {len(refs)} times: {', '.join(sorted(refs))};"
                " note for the tax office why.",
                f"Le numéro {number} de la série {one.name} a été attribué {len(refs)} fois : "
                f"{', '.join(sorted(refs))} ; noter pourquoi pour l'administration fiscale.",
            )


def _order(one: NumberedSeries, today: date) -> Iterator[Finding]:
    dated = [(entry.invoice, entry.invoice.issued) for entry in one.invoices if entry.invoice.issued is not None]
    for invoice, issued in dated:
        if issued > today:
            yield Finding(
                "number-future",
                Severity.WARNING,
                invoice.ref,
                f"{invoice.ref} is dated {issued.isoformat()}, after today: correct the date of the next ones.",
                f"{invoice.ref} porte la date du {french_date(issued)}, après aujourd'hui : corriger "
                "la date des suivantes.",
            )
    kept = _longest_in_order([issued for _invoice, issued in dated])
    for index, (invoice, issued) in enumerate(dated):
        if index not in kept:
            yield _out_of_order(index, invoice, issued, dated, kept)


def _out_of_order(
    index: int, invoice: Numbered, issued: date, dated: list[tuple[Numbered, date]], kept: set[int]
) -> Finding:
    earlier = [place for place in sorted(kept) if place < index and dated[place][1] > issued]
    later = [place for place in sorted(kept) if place > index and dated[place][1] < issued]
    other, other_issued = dated[earlier[-1] if earlier else later[0]]
    # The dates of validation say whether the number was given out of order, or the date alone was put back.
    first, second = (other, invoice) if earlier else (invoice, other)
    if first.validated is None or second.validated is None:
        confirmed = False
        why = Words("leurs dates de validation ne sont pas connues", "their validation dates are not known")
    elif second.validated < first.validated:
        confirmed = True
        why = Words("leurs dates de validation disent la même chose", "their validation dates say the same")
    else:
        confirmed = False
        why = Words(
            "la validation est dans l'ordre et la date ne l'est pas", "it was validated in order and dated otherwise"
        )
    word = Words("après", "after") if earlier else Words("avant", "before")
    return Finding(
        "number-order",
        Severity.ERROR if confirmed else Severity.WARNING,
        invoice.ref,
        f"{invoice.ref} is dated {issued.isoformat()} and numbered {word.en} {other.ref}, which is dated"
        f" {other_issued.isoformat()}; {why.en}: note for the tax office why.",
        f"{invoice.ref} porte la date du {french_date(issued)} et un numéro {word.fr} celui "
        f"de {other.ref}, qui porte celle du {french_date(other_issued)} ; {why.fr} : noter "
        "pourquoi pour l'administration fiscale.",
    )


def _longest_in_order(days: list[date]) -> set[int]:
    """Places of a longest run of days that never go back; of two that contradict each other, the earlier is kept.

    The places left out are the fewest that explain the disorder, so that one wrong date is one finding.
    """
    tails: list[int] = []  # ordinals turned round: from the end backwards, days must not rise
    places: list[int] = []
    before: dict[int, int | None] = {}
    for index in range(len(days) - 1, -1, -1):
        turned = -days[index].toordinal()
        at = bisect_right(tails, turned)
        before[index] = places[at - 1] if at else None
        tails[at : at + 1] = [turned]
        places[at : at + 1] = [index]
    kept: set[int] = set()
    step = places[-1] if places else None
    while step is not None:
        kept.add(step)
        step = before[step]
    return kept


def _capacity(one: NumberedSeries, others: Sequence[NumberedSeries]) -> Iterator[Finding]:
    if one.mask is None or one.is_assumed:
        return
    most, highest = 10**one.mask.width - 1, one.numbers[-1]
    if highest < NEARLY_FULL * most:
        return
    newest = max((other.period for other in others if other.mask == one.mask), key=str)
    if one.period == newest or one.mask.is_per_customer:
        yield Finding(
            "number-capacity",
            Severity.INFO,
            one.invoices[-1].invoice.ref,
            f"The series {one.name} is at {highest} of {most}, where Dolibarr stops numbering: widen the counter of its"
            " mask.",
            f"La série {one.name} en est à {highest} sur {most}, où Dolibarr cesse de numéroter : "
            "élargir le compteur de son masque.",
        )
