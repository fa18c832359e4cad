# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The subset ``vat`` laid out as tables."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import money, total
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import SELF_ASSESSED
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.render import Column, Report

Facts = Mapping[str, Any]

ROW_KEY = ("month", "rate", "treatment", "is_adjustment")


def vat_summary(facts: Facts) -> Report:
    """What each month owes, and everything that was assumed or could not be told."""
    vat = facts["vat"]
    columns = (
        Column("month", "Month"),
        Column("gross_tax", "Collected", True),
        Column("deductible_tax", "Deductible", True),
        Column("net", "Net", True),
        Column("credit_brought_forward", "Credit before (22)", True),
        Column("credit_carried_forward", "Credit after (27)", True),
        Column("to_pay", "To pay (32)", True),
        Column("is_partial", "In part"),
    )
    deductible = money(total(Decimal(month["deductible_tax"]) for month in vat["months"]))
    below = {"month": "All", **vat["totals"], "deductible_tax": deductible}
    notes = [reconciled(vat["reconciliation"])]
    notes += [
        f"Not classified: {row['invoice']}:{row['line']}, {row['total_ht']} at {row['rate']} % ({row['reason'].rstrip('.')})."
        for row in vat["unclassified"]
    ]
    notes += [f"Assumed: {assumption}" for assumption in vat["assumptions"]]
    return Report(title(vat, "by month"), columns, vat["months"], below, notes=notes)


def vat_ca3(facts: Facts) -> Report:
    """The lines of each month's return, in cents and as they are filled in."""
    vat = facts["vat"]
    columns = (
        Column("month", "Month"),
        Column("line", "Line"),
        Column("label", "Label"),
        Column("box", "Box"),
        Column("base", "Base", True),
        Column("tax", "Tax", True),
        Column("base_rounded", "Base, euros", True),
        Column("tax_rounded", "Tax, euros", True),
    )
    rows = [{"month": month["month"], **line} for month in vat["months"] for line in month["lines"]]
    return Report(title(vat, "by line of the form 3310-CA3"), columns, rows, notes=[reconciled(vat["reconciliation"])])


def vat_collected(facts: Facts) -> Report:
    return side(facts["vat"], "collected")


def vat_deductible(facts: Facts) -> Report:
    return side(facts["vat"], "deductible")


def side(vat: Facts, name: str) -> Report:
    """Collected or deductible VAT by month and rate, as due and as invoiced; line by line where lines were asked for."""
    if "entries" in vat:
        return detail(vat, name)
    columns = (
        Column("month", "Month"),
        Column("rate", "Rate", True),
        Column("treatment", "Treatment"),
        Column("is_adjustment", "Adjustment"),
        Column("due_base", "Base due", True),
        Column("due_tax", "Tax due", True),
        Column("invoiced_base", "Base invoiced", True),
        Column("invoiced_tax", "Tax invoiced", True),
    )
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for basis in ("due", "invoiced"):
        for row in vat[basis][name]:
            joined = rows.setdefault(tuple(row[key] for key in ROW_KEY), {key: row[key] for key in ROW_KEY})
            joined |= {f"{basis}_base": row["base"], f"{basis}_tax": row["tax"]}
    below = {"month": "All", **{f"{basis}_tax": vat[basis][f"{name}_tax"] for basis in ("due", "invoiced")}}
    ordered = [rows[key] for key in sorted(rows, key=lambda key: (key[0], Decimal(key[1]), *map(str, key[2:])))]
    return Report(title(vat, name), columns, ordered, below, notes=[reconciled(vat["reconciliation"])])


def detail(vat: Facts, name: str) -> Report:
    """What is due, invoice by invoice and rate by rate."""
    columns = (
        Column("day", "Due on"),
        Column("invoice", "Invoice"),
        Column("event", "Because of"),
        Column("rate", "Rate", True),
        Column("treatment", "Treatment"),
        Column("category", "Kind"),
        Column("is_adjustment", "Adjustment"),
        Column("base", "Base", True),
        Column("tax", "Tax", True),
    )
    self_assessed = set(map(str, SELF_ASSESSED))
    rows = [
        row
        for row in vat["entries"]
        if (row["side"] == "purchase") == (name == "deductible")
        or (name == "collected" and row["treatment"] in self_assessed)
    ]
    return Report(title(vat, f"{name}, in detail"), columns, sorted(rows, key=lambda row: (row["day"], row["invoice"])))


def title(vat: Facts, what: str) -> str:
    """What the table is; a preparation, and never a return."""
    return f"VAT {what}: {vat['title']}"


def reconciled(facts: Facts) -> str:
    """Whether the figures are those of the invoices."""
    invoices = facts["customers"]["invoices"] + facts["suppliers"]["invoices"]
    if facts["is_exact"]:
        return f"Reconciles to the cent with the {invoices} invoices dated in the period."
    return "Does not reconcile with the invoices: see vat.reconciliation, and do not use these figures."
