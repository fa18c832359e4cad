# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small subjects of an audit, made for one test: a French company that bills a French business for a service."""

from __future__ import annotations

import dataclasses
from datetime import date
from decimal import Decimal
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.third_party_rules import SellerSize
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import Treatment, Verdict
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind, Zone
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Line, ProductType
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import (
    Form,
    PdfText,
    Seller,
    Subject,
)
from tests.support import ledger

SELLER = Seller(
    name="Atelier Lumen",
    address="12 rue des Exemples",
    zip="91000",
    town="Évry-Courcouronnes",
    country="FR",
    legal_form="SAS",
    capital=Decimal(5000),
    siren="123456782",
    siret="12345678200010",
    vat_number="FR11123456782",
    rcs_city="Évry",
    naf="62.02A",
    ibans=("FR7616958000010012345678923",),
    form=Form.COMPANY,
    is_in_rcs=True,
    regime=Regime.NORMAL,
    size=SellerSize.SME,
    debits=False,
)


def line(ht: str = "1000", rate: str = "20", goods: bool = False, **differing: Any) -> Line:
    """A line of one piece."""
    base = Decimal(ht)
    tax = (base * Decimal(rate) / 100).quantize(Decimal("0.01"))
    values: dict[str, Any] = {
        "id": 1,
        "description": "Audit technique",
        "product_type": ProductType.GOODS if goods else ProductType.SERVICE,
        "quantity": Decimal(1),
        "unit_price": base,
        "discount_percent": Decimal(0),
        "vat_rate": Decimal(rate),
        "vat_code": "",
        "total_ht": base,
        "total_tva": tax,
        "total_ttc": base + tax,
        "info_bits": 0,
        "discount_id": None,
        "date_start": None,
        "date_end": None,
        "situation_percent": Decimal(100),
        **differing,
    }
    return Line(**values)


def subject(
    text: str | None = "",
    *lines: Line,
    treatment: Treatment = Treatment.STD,
    kind: Kind = Kind.BUSINESS,
    zone: Zone = Zone.FR,
    seller: Seller | None = SELLER,
    pdf: PdfText | None = None,
    more: dict[str, Any] | None = None,
    **invoice: Any,
) -> Subject:
    """An invoice whose PDF says ``text``; ``more`` are fields of the subject, the rest those of the invoice.

    Without a text there is no PDF but the one given.
    """
    lines = lines or (line(),)
    invoice = {
        "issued": date(2026, 10, 1),
        "lines": lines,
        "total_ht": sum((one.total_ht for one in lines), Decimal(0)),
        "total_tva": sum((one.total_tva for one in lines), Decimal(0)),
        **invoice,
    }
    total = invoice["total_ht"] + invoice["total_tva"]
    return Subject(
        invoice=dataclasses.replace(ledger.invoice(1), total_ttc=total, currency_total_ttc=total, **invoice),
        customer=ledger.THIRD_PARTIES[1],
        kind=kind,
        zone=zone,
        treatments=tuple(Verdict(treatment) for _line in lines),
        seller=seller,
        pdf=PdfText((text,)) if text is not None else pdf,
        today=ledger.TODAY,
        **(more or {}),
    )
