# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a module that audits invoices, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.third_parties import ThirdPartyOptions
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.third_party_rules import SellerSize
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import StoreOptions
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.fact_options import (
    INSTALMENT_SPEC,
    NUMBERING_SPEC,
    VAT_SPEC,
    numbering_of,
    third_party_options,
    vat_options,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.periods import read_period
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.audit import AuditRequest, PdfPlace
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.report import SECTIONS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import AuditOptions, Form, Sector

FAIL_ON = ("none", "warning", "error")
PDFS = ("api", "documents", "restore_point")
SELLER_TEXTS = (
    *("name", "address", "zip", "town", "country", "legal_form", "capital", "siren", "siret", "vat_number", "rcs_city"),
    *("naf", "fiscal_representative", "mediator"),
)
SELLER_SPEC: dict[str, dict[str, Any]] = {
    **{name: {"type": "str"} for name in SELLER_TEXTS},
    "ibans": {"type": "list", "elements": "str", "default": []},
    "form": {"type": "str", "choices": [str(form) for form in Form]},
    "is_in_rcs": {"type": "bool"},
    "sector": {"type": "str", "choices": [str(sector) for sector in Sector], "default": str(Sector.GENERAL)},
    "oga": {"type": "bool", "default": False},
    "vat_group": {"type": "bool", "default": False},
}
# What is not said is not known here, where facts are reckoned with the usual.
AUDIT_VAT_SPEC: dict[str, dict[str, Any]] = {
    **VAT_SPEC,
    "regime": {"type": "str", "choices": [str(regime) for regime in Regime]},
    "on_debits": {"type": "bool"},
}
AUDIT_SPEC: dict[str, dict[str, Any]] = {
    "invoices": {"type": "list", "elements": "str", "default": []},
    "sections": {"type": "list", "elements": "str", "choices": list(SECTIONS)},
    "since": {"type": "str"},
    "until": {"type": "str"},
    "year": {"type": "int"},
    "month": {"type": "str"},
    "seller": {"type": "dict", "apply_defaults": True, "options": SELLER_SPEC},
    "seller_size": {"type": "str", "choices": [str(size) for size in SellerSize]},
    "identity_file": {"type": "path"},
    "vat": {"type": "dict", "apply_defaults": True, "options": AUDIT_VAT_SPEC},
    "numbering": {"type": "dict", "apply_defaults": True, "options": NUMBERING_SPEC},
    "schedule": {"type": "list", "elements": "dict", "default": [], "options": INSTALMENT_SPEC},
    "self_assessing_customers": {"type": "list", "elements": "int", "default": []},
    "self_billed": {"type": "list", "elements": "str", "default": []},
    "terms_45_eom": {"type": "bool", "default": False},
    "pdfs": {"type": "str", "choices": list(PDFS), "default": PDFS[0]},
    "documents_path": {"type": "path"},
    "backup_id": {"type": "str", "default": "latest"},
    "baseline": {"type": "path"},
    "dest": {"type": "path"},
    "details": {"type": "bool", "default": False},
    "fail_on": {"type": "str", "choices": list(FAIL_ON), "default": FAIL_ON[0]},
    "progress_file": {"type": "path"},
}
REQUIRED_IF = [("pdfs", "documents", ("documents_path",)), ("pdfs", "restore_point", ("s3_bucket", "s3_prefix"))]


def audit_request(params: Mapping[str, Any], store: StoreOptions | None) -> AuditRequest:
    """What to audit; invoices named by hand are audited alone unless sections are named too."""
    names = tuple(name.strip() for name in params["invoices"])
    period = read_period(params["since"], params["until"], params["year"], params["month"])
    if names and (period.since or period.until):
        raise ErpError("Both invoices and a period are given: name the invoices, or say from when to when.")
    vat = params["vat"]
    return AuditRequest(
        sections=frozenset(params["sections"] or (("invoices",) if names else SECTIONS)),
        names=names,
        period=period,
        seller={
            **params["seller"],
            "size": params["seller_size"],
            "regime": vat["regime"],
            "debits": vat["on_debits"],
        },
        identity_file=params["identity_file"],
        options=AuditOptions(
            vat=vat_options({**vat, "regime": vat["regime"] or Regime.NORMAL, "on_debits": bool(vat["on_debits"])}),
            terms_45_eom=params["terms_45_eom"],
            self_billed=frozenset(params["self_billed"]),
        ),
        third_parties=third_parties(params),
        numbering=numbering_of(params["numbering"]),
        schedule=params["schedule"],
        pdfs=PdfPlace(params["pdfs"], params["documents_path"] or "", params["backup_id"], store),
    )


def third_parties(params: Mapping[str, Any]) -> ThirdPartyOptions:
    """As for facts: a company of unknown size is reckoned as most are."""
    return third_party_options({**params, "seller_size": params["seller_size"] or SellerSize.SME})
