# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every report by name: the subset that it is made of, how, and whether it judges or only lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.render import Report
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.reports import (
    numbering,
    payments_by_month,
    payments_state,
    payments_timeline,
    ping,
    snapshot,
    templates,
    third_parties,
    whoami,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.vat_reports import (
    vat_ca3,
    vat_collected,
    vat_deductible,
    vat_summary,
)


class ReportKind(NamedTuple):
    """How a report is made."""

    subset: str
    build: Callable[[Mapping[str, Any]], Report]
    shows_findings: bool = False


REPORTS = {
    "numbering": ReportKind("numbering", numbering, True),
    "payments_by_month": ReportKind("payments", payments_by_month),
    "payments_state": ReportKind("payments", payments_state, True),
    "payments_timeline": ReportKind("payments", payments_timeline),
    "ping": ReportKind("status", ping),
    "snapshot": ReportKind("status", snapshot),
    "templates": ReportKind("templates", templates, True),
    "third_parties": ReportKind("third_parties", third_parties, True),
    "vat_ca3": ReportKind("vat", vat_ca3),
    "vat_collected": ReportKind("vat", vat_collected),
    "vat_deductible": ReportKind("vat", vat_deductible),
    "vat_summary": ReportKind("vat", vat_summary, True),
    "whoami": ReportKind("user", whoami),
}
