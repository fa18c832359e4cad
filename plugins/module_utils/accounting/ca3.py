# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA3 return of each month, prepared: what goes on which line, in cents and in whole euros."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.ca3_lines import (
    DEDUCTIONS,
    FEEDS,
    GROSS,
    lines_on,
    rate_text,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import ZERO, euros, money, total
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_due import Entry
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_lines import NOTHING, Amounts, Side, Use
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import SELF_ASSESSED, Treatment
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Zone

Lines = dict[str, Amounts]
# Shown on every return, even at zero: they carry it from one month to the next.
RESULTS = "16 23 25 TD 27 28 32".split()


@dataclass(frozen=True)
class Ca3Return:
    """One month's return.

    ``exact`` holds cents; ``rounded`` what is filled in: every base and tax in whole euros, totals adding up the rounded
    lines. Line 22 is the line 27 of the month before, in both.
    """

    month: date  # its first day
    exact: Lines
    rounded: Lines
    if_netted: Lines  # the lines that differ when customers' credit notes are netted instead of lines B5 and 21, exact

    @property
    def net(self) -> Decimal:
        """The month's own VAT: collected less deductible, without the credit brought forward; negative is a credit."""
        return self.exact["16"].tax - self.exact["23"].tax + self.exact["22"].tax

    def to_facts(self) -> dict[str, Any]:
        form = lines_on(self.month)
        return {
            "month": f"{self.month:%Y-%m}",
            "gross_tax": money(self.exact["16"].tax),
            "deductible_tax": money(self.exact["16"].tax - self.net),
            "net": money(self.net),
            "credit_brought_forward": money(self.rounded["22"].tax),
            "credit_carried_forward": money(self.rounded["27"].tax),
            "to_pay": money(self.rounded["32"].tax),
            "lines": [
                {
                    "line": number,
                    "label": line.label,
                    "box": line.box,
                    "base": money(self.exact[number].base),
                    "tax": money(self.exact[number].tax),
                    "base_rounded": money(self.rounded[number].base),
                    "tax_rounded": money(self.rounded[number].tax),
                }
                for number, line in form.items()
                if number in RESULTS
                or {self.exact.get(number, NOTHING), self.rounded.get(number, NOTHING)} != {NOTHING}
            ],
            "if_credit_notes_netted": [
                {"line": number, "label": form[number].label, "base": money(amounts.base), "tax": money(amounts.tax)}
                for number, amounts in self.if_netted.items()
            ],
        }


def returns(
    months: Iterable[date], entries: Iterable[Entry], overrides: Mapping[str, str], brought_forward: Decimal
) -> tuple[Ca3Return, ...]:
    """The returns of consecutive months (their first days), each carrying its credit to the next."""
    by_month = defaultdict(list)
    for entry in entries:
        by_month[entry.day.replace(day=1)].append(entry)
    made = []
    exact_credit = rounded_credit = brought_forward
    for month in months:
        own = by_month[month]
        lines = filled(own, overrides, is_netted=False)
        netted = filled(own, overrides, is_netted=True)
        exact = completed(lines, exact_credit)
        rounded = completed(
            {name: Amounts(euros(one.base), euros(one.tax)) for name, one in lines.items()}, rounded_credit
        )
        differing = {name: netted.get(name, NOTHING) for name in lines_on(month) if _differ(name, lines, netted)}
        made.append(Ca3Return(month, exact, rounded, differing))
        exact_credit, rounded_credit = exact["27"].tax, rounded["27"].tax
    return tuple(made)


def filled(entries: Iterable[Entry], overrides: Mapping[str, str], is_netted: bool) -> Lines:
    """What entries put on the lines that they feed themselves."""
    feeds = {**FEEDS, **overrides}
    lines: Lines = {}
    for entry in entries:
        for number, amounts in _postings(entry, feeds, is_netted):
            lines[number] = lines.get(number, NOTHING).plus(amounts)
    return lines


def completed(lines: Lines, credit: Decimal) -> Lines:
    """The same lines with the credit brought forward and the results."""
    full = {**lines, "22": Amounts(ZERO, credit)}
    gross = total(full.get(number, NOTHING).tax for number in GROSS)
    deductible = total(full.get(number, NOTHING).tax for number in DEDUCTIONS)
    due, left = max(gross - deductible, ZERO), max(deductible - gross, ZERO)
    for number, tax in {"16": gross, "23": deductible, "25": left, "TD": due, "27": left, "28": due, "32": due}.items():
        full[number] = Amounts(ZERO, tax)
    return full


def feed_of(entry: Entry) -> str:
    """The feed of an entry's base; empty where the form has no line for it."""
    side, treatment = entry.document.side, entry.key.treatment
    name = f"{side}_{treatment}"
    if treatment is Treatment.AE_SERVICE and entry.document.party.zone is not Zone.EU:
        name += "_outside_eu"
    return name if name in FEEDS else ""


def rate_feed(treatment: Treatment, rate: Decimal) -> str:
    """The feed of a rate; empty where the form has no line for such a rate."""
    name = f"{'import' if treatment is Treatment.IMPORT else 'rate'}_{rate_text(rate)}"
    return name if name in FEEDS else ""


def is_collected(entry: Entry) -> bool:
    """Whether the entry's tax is owed to the State: charged to a customer, or reckoned on a purchase."""
    treatment = entry.key.treatment
    return treatment in SELF_ASSESSED if entry.document.side is Side.PURCHASE else treatment is Treatment.STD


def is_deductible(entry: Entry) -> bool:
    """Whether the entry's tax may be deducted."""
    if entry.document.side is Side.SALE or entry.key.use is Use.NOT_DEDUCTIBLE:
        return False
    return entry.key.treatment is Treatment.STD or entry.key.treatment in SELF_ASSESSED


def _postings(entry: Entry, feeds: Mapping[str, str], is_netted: bool) -> Iterator[tuple[str, Amounts]]:
    base, tax = entry.amounts
    is_adjustment = entry.is_adjustment and not (is_netted and entry.document.side is Side.SALE)
    feed, rate = feed_of(entry), rate_feed(entry.key.treatment, entry.key.rate)
    if is_collected(entry) and feed and rate:
        if is_adjustment:
            yield feeds["adjustment_taxed"], Amounts(-base, ZERO)
            yield feeds["deduction_adjustment"], Amounts(ZERO, -tax)
        else:
            yield feeds[feed], Amounts(base, ZERO)
            yield feeds[rate], Amounts(base, tax)
            if entry.key.treatment is Treatment.IC_ACQUISITION:
                yield "17", Amounts(ZERO, tax)
            if entry.document.side is Side.SALE and entry.document.party.is_in_monaco:
                yield "18", Amounts(ZERO, tax)
    elif feed and entry.document.side is Side.SALE and not is_collected(entry):
        yield (
            (feeds["adjustment_untaxed"], Amounts(-base, ZERO)) if is_adjustment else (feeds[feed], Amounts(base, ZERO))
        )
    if is_deductible(entry) and (rate or entry.key.treatment is Treatment.STD):
        if is_adjustment:
            yield feeds["repaid"], Amounts(ZERO, -tax)
        else:
            use = "deduction_fixed_asset" if entry.key.use is Use.FIXED_ASSET else "deduction_other"
            yield feeds[use], Amounts(ZERO, tax)
            if entry.key.treatment is Treatment.IMPORT:
                yield "24", Amounts(ZERO, tax)


def _differ(number: str, lines: Lines, netted: Lines) -> bool:
    return lines.get(number, NOTHING) != netted.get(number, NOTHING)
