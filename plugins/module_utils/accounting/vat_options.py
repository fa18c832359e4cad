# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VAT report needs to know and Dolibarr does not say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from enum import StrEnum

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Invoice
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

NOTHING: frozenset[str] = frozenset()


class Regime(StrEnum):
    """How the seller stands to VAT."""

    NORMAL = "normal"
    FRANCHISE = "franchise"  # small business, CGI 293 B: charges none and deducts none


@dataclass(frozen=True)
class VatOptions:
    """The seller's choices, and the lines that only a person can tell apart.

    A set of lines holds names: ``FA2501-0001`` is every line of that invoice, ``FA2501-0001:2`` its second line.
    """

    regime: Regime = Regime.NORMAL
    on_debits: bool = False  # VAT on services is due when invoiced, not when paid
    suppliers_on_debits: frozenset[int] = frozenset()  # ids of third parties
    margin: frozenset[str] = NOTHING  # sales taxed on the margin
    disbursements: frozenset[str] = NOTHING  # sales that pass on an expense at cost
    subcontracted: frozenset[str] = NOTHING  # building work, sold or bought: the customer owes the VAT
    fixed_assets: frozenset[str] = NOTHING
    not_deductible: frozenset[str] = NOTHING
    exempt_purchases: frozenset[str] = NOTHING  # bought abroad and taxed nowhere, such as insurance
    supplied_in_france: frozenset[str] = NOTHING  # by a supplier established abroad, without an import (CGI 283, 1)
    self_assessed_rates: Mapping[str, Decimal] = field(default_factory=dict)  # of such a line, where not 20 %
    credit_brought_forward: Decimal | None = None  # line 27 of the return before the first month
    ca3_lines: Mapping[str, str] = field(default_factory=dict)  # a feed of the return to another line of the form


def is_named(invoice: Invoice, place: int, names: Iterable[str]) -> bool:
    """Whether a set of lines holds the line at this place, the first being 1."""
    return invoice.ref in names or f"{invoice.ref}:{place}" in names


def self_assessed_rate(invoice: Invoice, place: int, options: VatOptions, default: Decimal) -> Decimal:
    """The rate in percent at which the customer reckons the VAT of a line himself."""
    rates = options.self_assessed_rates
    return rates.get(f"{invoice.ref}:{place}", rates.get(invoice.ref, default))


def require_known_lines(options: VatOptions, invoices: Iterable[Invoice]) -> None:
    """Refuse a name that no invoice bears: the line it means would be reckoned as any other."""
    known = {name for invoice in invoices for name in _names(invoice)}
    for option in fields(options):
        chosen = getattr(options, option.name)
        if (
            isinstance(chosen, frozenset)
            and option.name != "suppliers_on_debits"
            or option.name == "self_assessed_rates"
        ):
            unknown = sorted(set(chosen) - known)
            if unknown:
                raise ErpError(
                    f"{option.name} names {unknown[0]}, which is no invoice or line of one: write the reference, or the "
                    "reference, a colon and the number of the line."
                )


def _names(invoice: Invoice) -> Iterator[str]:
    yield invoice.ref
    for place in range(1, len(invoice.lines) + 1):
        yield f"{invoice.ref}:{place}"
