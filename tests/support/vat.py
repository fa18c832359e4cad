# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small invoices with lines, third parties in other countries, and what VAT makes of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Period
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat import VatReport, vat_report
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import VatOptions
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    Invoice,
    InvoiceStatus,
    InvoiceType,
    Line,
    Payment,
    ProductType,
    ThirdParty,
)
from tests.support.ledger import CUSTOMER_INVOICES, THIRD_PARTIES, Payments, invoice

GOODS, SERVICE = ProductType.GOODS, ProductType.SERVICE
CLOSED = {"status": InvoiceStatus.CLOSED}
EVERYTHING = Period()
# Third parties of the sample: 1 France, 2 United States, 3 Germany with a VAT number, 6 a private person in France.
FRENCH, AMERICAN, GERMAN, PRIVATE = 1, 2, 3, 6
# Made for tests: suppliers and customers elsewhere.
BRITISH, NORTHERN_IRISH, REUNION, NOWHERE, SWISS_PRIVATE, GERMAN_WITH_FRENCH_NUMBER, MONEGASQUE = range(901, 908)


def _elsewhere(number: int, country: str, vat_number: str = "", kind: str = "") -> ThirdParty:
    return dataclasses.replace(
        THIRD_PARTIES[AMERICAN], id=number, name=f"Party {number}", country=country, vat_number=vat_number, kind=kind
    )


PARTIES = {
    **THIRD_PARTIES,
    BRITISH: _elsewhere(BRITISH, "GB", "GB980780684"),
    NORTHERN_IRISH: _elsewhere(NORTHERN_IRISH, "GB", "XI110305878"),
    REUNION: _elsewhere(REUNION, "RE"),
    NOWHERE: _elsewhere(NOWHERE, ""),
    SWISS_PRIVATE: _elsewhere(SWISS_PRIVATE, "CH", kind="TE_PRIVATE"),
    GERMAN_WITH_FRENCH_NUMBER: _elsewhere(GERMAN_WITH_FRENCH_NUMBER, "DE", "FR44111111118"),
    MONEGASQUE: _elsewhere(MONEGASQUE, "MC"),
}


def line(ht: str, rate: str = "20", kind: ProductType = SERVICE, **differing: Any) -> Line:
    """A line of this amount without tax, of which the tax is ``ht`` times ``rate``, in whole cents as a caller chooses."""
    base = Decimal(ht)
    tax = (base * Decimal(rate) / 100).quantize(Decimal("0.01"))
    values: dict[str, Any] = {
        "id": differing.pop("id", 1),
        "product_type": kind,
        "vat_rate": Decimal(rate),
        "total_ht": base,
        "total_tva": tax,
        "total_ttc": base + tax,
        "description": "",
        **differing,
    }
    return dataclasses.replace(CUSTOMER_INVOICES[0].lines[0], **values)


def deposit_line(ht: str, rate: str = "20", text: str = "(DEPOSIT)") -> Line:
    """The negative line that uses a discount; Dolibarr types it as goods."""
    return line(f"-{ht}", rate, GOODS, discount_id=1, info_bits=2, description=text)


def bill(number: int, *lines: Line, **differing: Any) -> Invoice:
    """A validated invoice ``FA<number>`` of 1 October 2026 to the French customer, with totals that fit its lines."""
    numbered = tuple(
        dataclasses.replace(one, id=one.id if one.id != 1 else number * 100 + place)
        for place, one in enumerate(lines, 1)
    )
    ttc = sum((one.total_ttc for one in lines), Decimal(0))
    values = {
        "total_ht": sum((one.total_ht for one in lines), Decimal(0)),
        "total_tva": sum((one.total_tva for one in lines), Decimal(0)),
        "lines": numbered,
        "note_public": "",
        **differing,
    }
    return invoice(number, str(ttc), **values)


def credit_note(number: int, source: int | None, *lines: Line, **differing: Any) -> Invoice:
    """A credit note on invoice ``source``; give its lines negative."""
    return bill(number, *lines, **{"type": InvoiceType.CREDIT_NOTE, "source_id": source, **differing})


def report(
    sales: Iterable[Invoice] = (),
    payments: Mapping[int, tuple[Payment, ...]] | None = None,
    purchases: Iterable[Invoice] = (),
    supplier_payments: Mapping[int, tuple[Payment, ...]] | None = None,
    period: Period = EVERYTHING,
    **options: Any,
) -> VatReport:
    """The VAT report of these invoices alone."""
    return vat_report(sales, payments or {}, purchases, supplier_payments or {}, PARTIES, period, VatOptions(**options))


def due(made: VatReport) -> list[tuple[str, str, str, str]]:
    """What is due: (day, invoice, base, tax), in order."""
    return [(row["day"], row["invoice"], row["base"], row["tax"]) for row in made.to_facts(with_lines=True)["entries"]]


def form(made: VatReport, month: str) -> dict[str, tuple[str, str]]:
    """The lines of one month's return that are not zero: line to (base, tax) in cents."""
    (found,) = (one for one in made.to_facts()["months"] if one["month"] == month)
    return {
        row["line"]: (row["base"], row["tax"])
        for row in found["lines"]
        if (row["base"], row["tax"]) != ("0.00", "0.00")
    }


def checks(made: VatReport) -> list[str]:
    """What was found, as check:subject."""
    return [f"{finding.check}:{finding.subject}" for finding in made.findings]


def joined(*parts: Payments) -> Payments:
    """The payments of several invoices as one mapping."""
    return {number: rows for part in parts for number, rows in part.items()}


def on(day: str) -> date:
    return date.fromisoformat(day)
