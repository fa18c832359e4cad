# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a module that gathers facts, checked."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.numbering import (
    NumberingOptions,
    numbering_options,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.third_parties import ThirdPartyOptions
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.third_party_rules import SellerSize
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime, VatOptions
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.facts import Request
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import InvoiceType
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.periods import read_period
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.render import FORMATS
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.report_kinds import REPORTS
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.request import (
    DEFAULT,
    Selection,
    Side,
    choose_subsets,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

_TEXTS: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
_IDS: dict[str, Any] = {"type": "list", "elements": "int", "default": []}
# Lines of invoices that only a person can tell apart, by the names of the fields of VatOptions.
VAT_LINES = (
    "margin",
    "disbursements",
    "subcontracted",
    "fixed_assets",
    "not_deductible",
    "exempt_purchases",
    "supplied_in_france",
)
VAT_SPEC: dict[str, dict[str, Any]] = {
    "regime": {"type": "str", "choices": [str(regime) for regime in Regime], "default": str(Regime.NORMAL)},
    "on_debits": {"type": "bool", "default": False},
    "suppliers_on_debits": _IDS,
    **dict.fromkeys(VAT_LINES, _TEXTS),
    "self_assessed_rates": {"type": "dict", "default": {}},
    "credit_brought_forward": {"type": "str"},
    "ca3_lines": {"type": "dict", "default": {}},
}
MASKS = {
    "invoice": InvoiceType.STANDARD,
    "replacement": InvoiceType.REPLACEMENT,
    "credit_note": InvoiceType.CREDIT_NOTE,
    "deposit": InvoiceType.DEPOSIT,
}
NUMBERING_SPEC: dict[str, dict[str, Any]] = {
    **dict.fromkeys(MASKS, _TEXTS),
    "fiscal_month": {"type": "int", "default": 1},
    "series_start": {"type": "dict", "default": {}},
}
INSTALMENT_SPEC: dict[str, dict[str, Any]] = {
    name: {"type": "str", "required": True} for name in ("date", "amount", "customer")
}
FACTS_SPEC: dict[str, dict[str, Any]] = {
    "gather_subset": {"type": "list", "elements": "str", "default": list(DEFAULT)},
    "since": {"type": "str"},
    "until": {"type": "str"},
    "year": {"type": "int"},
    "month": {"type": "str"},
    "third_party_ids": _IDS,
    "clients_only": {"type": "bool", "default": False},
    "suppliers_only": {"type": "bool", "default": False},
    "raw": {"type": "str"},
    "details": {"type": "bool", "default": False},
    "schedule": {"type": "list", "elements": "dict", "default": [], "options": INSTALMENT_SPEC},
    "vat": {"type": "dict", "apply_defaults": True, "options": VAT_SPEC},
    "numbering": {"type": "dict", "apply_defaults": True, "options": NUMBERING_SPEC},
    "seller_size": {"type": "str", "choices": [str(size) for size in SellerSize], "default": str(SellerSize.SME)},
    "self_assessing_customers": _IDS,
    "report": {"type": "str", "choices": list(REPORTS)},
    "format": {"type": "str", "choices": list(FORMATS), "default": FORMATS[0]},
    "dest": {"type": "path"},
    "compare_with": {"type": "path"},
    "fail_on_findings": {"type": "bool", "default": False},
    "progress_file": {"type": "path"},
}


def facts_request(params: Mapping[str, Any]) -> Request:
    """Read what is asked for; a report adds the subset that it is made of."""
    report = REPORTS.get(params["report"])
    subsets = choose_subsets(params["gather_subset"])
    return Request(
        subsets=subsets | {report.subset} if report else subsets,
        selection=Selection(
            period=read_period(params["since"], params["until"], params["year"], params["month"]),
            third_party_ids=frozenset(params["third_party_ids"]),
            side=read_side(params["clients_only"], params["suppliers_only"]),
        ),
        raw=params["raw"],
        details=params["details"],
        schedule=params["schedule"],
        vat=vat_options(params["vat"]),
        third_parties=third_party_options(params),
        numbering=numbering_of(params["numbering"]),
    )


def read_side(clients_only: bool, suppliers_only: bool) -> Side:
    """Whose facts are wanted."""
    if clients_only and suppliers_only:
        raise ErpError("clients_only and suppliers_only leave nobody: give one of them.")
    if clients_only:
        return Side.CUSTOMERS
    return Side.SUPPLIERS if suppliers_only else Side.BOTH


def vat_options(said: Mapping[str, Any]) -> VatOptions:
    """What only a person knows about VAT."""
    brought_forward = said["credit_brought_forward"]
    rates = said["self_assessed_rates"].items()
    return VatOptions(
        regime=Regime(said["regime"]),
        on_debits=said["on_debits"],
        suppliers_on_debits=frozenset(said["suppliers_on_debits"]),
        **{name: frozenset(said[name]) for name in VAT_LINES},
        self_assessed_rates={name: decimal(rate, f"vat.self_assessed_rates of {name}") for name, rate in rates},
        credit_brought_forward=decimal(brought_forward, "vat.credit_brought_forward") if brought_forward else None,
        ca3_lines={str(feed): str(line) for feed, line in said["ca3_lines"].items()},
    )


def third_party_options(params: Mapping[str, Any]) -> ThirdPartyOptions:
    """What third parties do not tell themselves."""
    masks = [mask for kind in MASKS for mask in params["numbering"][kind]]
    return ThirdPartyOptions(
        seller_size=SellerSize(params["seller_size"]),
        self_assessing_customers=frozenset(params["self_assessing_customers"]),
        customer_code_is_in_numbers=any("{c" in mask.lower() for mask in masks),
    )


def numbering_of(said: Mapping[str, Any]) -> NumberingOptions:
    """How invoices are numbered."""
    if not 1 <= said["fiscal_month"] <= 12:
        raise ErpError(f"numbering.fiscal_month is {said['fiscal_month']}: give the number of a month, 1 to 12.")
    starts = said["series_start"]
    wrong = sorted(name for name, start in starts.items() if not str(start).isdecimal())
    if wrong:
        raise ErpError(f"numbering.series_start of {wrong[0]} is no number: give the first one of the series.")
    return numbering_options(
        {kind: said[name] for name, kind in MASKS.items() if said[name]},
        said["fiscal_month"],
        {str(name): int(start) for name, start in starts.items()},
    )


def decimal(value: Any, option: str) -> Decimal:
    """A number that a person wrote."""
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise ErpError(f"{option} is '{value}', which is no number: write it as 223.22.") from error
    if not number.is_finite() or number < 0:
        raise ErpError(f"{option} is {value}: give a number that is not below zero.")
    return number
