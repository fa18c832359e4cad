# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of invoices as VAT sees them: treated, net of deposits, and gathered by treatment and rate."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import (
    TOLERANCE,
    ZERO,
    cents,
    total,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import (
    Regime,
    VatOptions,
    is_named,
    self_assessed_rate,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import (
    SELF_ASSESSED,
    Party,
    Treatment,
    Verdict,
    is_worth_nothing,
    treatment_of_purchase,
    treatment_of_sale,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    Invoice,
    InvoiceType,
    Line,
    ProductType,
)

STANDARD_RATE = Decimal("20")
# Their tax column says nothing about French VAT to collect or to deduct.
UNTAXED = frozenset((Treatment.NPR, Treatment.SET_OFF, Treatment.UNKNOWN, Treatment.FRANCHISE))


class Side(StrEnum):
    """Whose invoices: ours to customers, or suppliers' to us."""

    SALE = "sale"
    PURCHASE = "purchase"


class Use(StrEnum):
    """What VAT on a purchase may be deducted as; sales are ``SOLD``."""

    SOLD = ""
    FIXED_ASSET = "fixed_asset"
    OTHER = "other"
    NOT_DEDUCTIBLE = "not_deductible"


class Key(NamedTuple):
    """What lines have in common when they share a row of a VAT report."""

    treatment: Treatment
    rate: Decimal  # in percent; of self-assessed purchases the rate that the customer applies
    is_service: bool
    use: Use


class Amounts(NamedTuple):
    """A base and its tax, in the company's currency."""

    base: Decimal
    tax: Decimal

    def plus(self, other: Amounts) -> Amounts:
        return Amounts(self.base + other.base, self.tax + other.tax)

    def minus(self, other: Amounts) -> Amounts:
        return Amounts(self.base - other.base, self.tax - other.tax)

    def portion(self, part: Decimal, whole: Decimal) -> Amounts:
        """Both times ``part`` of ``whole``, each rounded to cents once."""
        return Amounts(cents(self.base * part / whole), cents(self.tax * part / whole))


NOTHING = Amounts(ZERO, ZERO)
Groups = dict[Key, Amounts]


@dataclass(frozen=True)
class TreatedLine:
    """A line, or the part of a deposit's line that falls to goods or to services."""

    place: int  # on the invoice, from 1; 0 for a deposit set off as a payment
    line: Line  # with the amounts that this invoice adds: of a situation, the progress since the last one
    verdict: Verdict
    key: Key
    amounts: Amounts


@dataclass(frozen=True)
class Document:
    """An invoice with its treated lines."""

    side: Side
    invoice: Invoice
    party: Party
    lines: tuple[TreatedLine, ...]

    @property
    def groups(self) -> Groups:
        """What is to be declared for it, by key; without what merely pays it."""
        return gathered((one.key, one.amounts) for one in self.lines if one.key.treatment is not Treatment.SET_OFF)

    @property
    def payable(self) -> Decimal:
        """What all payments together come to, tax included."""
        return total(one.line.total_ttc for one in self.lines if one.key.treatment is not Treatment.SET_OFF)

    @property
    def paid_by_lines(self) -> Decimal:
        """What was set off by negative lines, as a positive amount."""
        return -total(one.line.total_ttc for one in self.lines if one.key.treatment is Treatment.SET_OFF)


class SetOff(NamedTuple):
    """How much of a deposit an invoice used as a payment."""

    deposit: Invoice
    amount: Decimal


def document(
    side: Side,
    invoice: Invoice,
    party: Party,
    options: VatOptions,
    lines: Sequence[tuple[int, Line]],
    doubt: Words | None,
    deposits: Iterable[SetOff] = (),
) -> Document:
    """Treat an invoice's lines (with ``doubt``, see ``progress``), net of the deposits that it used as payments.

    Both ways in which Dolibarr sets a deposit off come to the same: its lines, negative, on the final invoice.
    """
    set_off = [
        (0, _as_discount(line, one)) for one in deposits for line in one.deposit.lines if not is_worth_nothing(line)
    ]
    worth = [(place, line) for place, line in lines if not is_worth_nothing(line)]
    treat: Callable[[Invoice, int, Line, Party, VatOptions], Verdict] = (
        treatment_of_sale if side is Side.SALE else treatment_of_purchase
    )
    treated = []
    for place, line in spread([*worth, *set_off]):
        verdict = (
            Verdict(Treatment.UNKNOWN, doubt.en, doubt.fr) if doubt else treat(invoice, place, line, party, options)
        )
        key, amounts = _keyed(side, invoice, place, line, verdict, options)
        treated.append(TreatedLine(place, line, verdict, key, amounts))
    return Document(side, invoice, party, tuple(treated))


def progress(invoice: Invoice, lines_by_id: Mapping[int, Line]) -> tuple[list[tuple[int, Line]], Words | None]:
    """What an invoice adds, line by line with its place, and why that cannot be told, if it cannot.

    The lines of a situation invoice are cumulative where ``INVOICE_USE_SITUATION`` is 1, and its totals are the progress
    since the one before: the line before is then taken off. What agrees with the totals is right.
    """
    plain = list(enumerate(invoice.lines, 1))
    if invoice.type is not InvoiceType.SITUATION or agrees(invoice, [line for _place, line in plain]):
        return plain, None
    added = [(place, _minus(line, lines_by_id.get(line.previous_id or 0))) for place, line in plain]
    if agrees(invoice, [line for _place, line in added]):
        return added, None
    return plain, Words(
        "les lignes, même diminuées de celles de la situation précédente, ne font pas le total de la facture : décider à la main.",
        "the lines, also less those of the situation before, do not add up to the invoice: decide by hand.",
    )


def agrees(invoice: Invoice, lines: Iterable[Line]) -> bool:
    """Whether lines add up to an invoice's totals, to the cent."""
    worth = list(lines)
    sums = (
        (total(line.total_ht for line in worth), invoice.total_ht),
        (total(line.total_tva for line in worth), invoice.total_tva),
        (total(line.total_ttc for line in worth), invoice.total_ttc),
    )
    return all(abs(found - wanted) < TOLERANCE for found, wanted in sums)


def spread(lines: Sequence[tuple[int, Line]]) -> Iterator[tuple[int, Line]]:
    """Type the lines that Dolibarr adds for discounts, which it types as goods whatever they reduce.

    Such a line follows the lines of its rate, or all of them if none has it; beside both goods and services it is split
    by their amounts, the services taking the remainder.
    """
    sold = [line for _place, line in lines if line.discount_id is None]
    for place, line in lines:
        beside = [one for one in sold if one.vat_rate == line.vat_rate] or sold
        everything = total(abs(one.total_ht) for one in beside)
        services = total(abs(one.total_ht) for one in beside if one.is_service)
        if line.discount_id is None or not everything or line.is_service:
            yield place, line
        elif services == everything:
            yield place, dataclasses.replace(line, product_type=ProductType.SERVICE)
        elif not services:
            yield place, line
        else:
            goods = _portion(line, everything - services, everything)
            yield place, goods
            yield place, dataclasses.replace(_minus(line, goods), product_type=ProductType.SERVICE)


def gathered(pairs: Iterable[tuple[Key, Amounts]]) -> Groups:
    """The sums by key, in a stable order."""
    sums: Groups = {}
    for key, amounts in pairs:
        sums[key] = sums.get(key, NOTHING).plus(amounts)
    return dict(sorted(sums.items()))


def _keyed(
    side: Side, invoice: Invoice, place: int, line: Line, verdict: Verdict, options: VatOptions
) -> tuple[Key, Amounts]:
    rate, tax = line.vat_rate, line.total_tva
    use = Use.SOLD if side is Side.SALE else Use.OTHER
    if verdict.treatment in UNTAXED:
        tax = ZERO
    if side is Side.PURCHASE:
        if options.regime is Regime.FRANCHISE or is_named(invoice, place, options.not_deductible):
            use = Use.NOT_DEDUCTIBLE
        elif is_named(invoice, place, options.fixed_assets):
            use = Use.FIXED_ASSET
        if verdict.treatment in SELF_ASSESSED:
            rate = self_assessed_rate(invoice, place, options, STANDARD_RATE)
            tax = cents(line.total_ht * rate / 100)
    return Key(verdict.treatment, rate, line.is_service, use), Amounts(line.total_ht, tax)


def _as_discount(line: Line, used: SetOff) -> Line:
    negative = _portion(line, -used.amount, used.deposit.total_ttc)
    # The deposit's own id marks it as a discount; its type follows what it reduces.
    return dataclasses.replace(
        negative, discount_id=line.id, product_type=ProductType.GOODS, date_start=None, date_end=None
    )


def _portion(line: Line, part: Decimal, whole: Decimal) -> Line:
    ht, tva = Amounts(line.total_ht, line.total_tva).portion(part, whole)
    # NPR leaves the tax out of the total.
    ttc = ht + tva if line.total_ttc != line.total_ht else ht
    return dataclasses.replace(line, total_ht=ht, total_tva=tva, total_ttc=ttc)


def _minus(line: Line, other: Line | None) -> Line:
    if other is None:
        return line
    return dataclasses.replace(
        line,
        total_ht=line.total_ht - other.total_ht,
        total_tva=line.total_tva - other.total_tva,
        total_ttc=line.total_ttc - other.total_ttc,
    )
