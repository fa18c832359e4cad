# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts laid out as the tables that people ask for by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.render import Column, Report
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.request import SUBSETS

Facts = Mapping[str, Any]


def ping(facts: Facts) -> Report:
    status = facts["status"]
    rows = [{"version": status["version"], "access": "locked" if status["access_locked"] else "open"}]
    return Report("Dolibarr answers", (Column("version", "Version"), Column("access", "Access")), rows)


def whoami(facts: Facts) -> Report:
    """What the user of the key may read, subset by subset."""
    user = facts["user"]
    lacking = user["missing_rights"]
    rows = [{"subset": name, "readable": name not in lacking, "missing": lacking.get(name)} for name in SUBSETS]
    columns = (Column("subset", "Subset"), Column("readable", "Readable"), Column("missing", "Missing right"))
    title = f"The key is that of {user['login']} (id {user['id']})" if user["id"] else "Whose key it is, is not known"
    notes = []
    if user["is_admin"]:
        notes.append("It is an administrator: give this the key of a user who may only read.")
    if user["third_party_id"]:
        notes.append(f"It is an external user, who sees third party {user['third_party_id']} alone.")
    if user["rights"] is None:
        notes.append("Which other rights are missing shows when it may read its own.")
    if lacking.keys() - {"company"}:
        notes.append("Rights are ticked on the tab Permissions of the user's card.")
    return Report(title, columns, rows, notes=notes)


def payments_state(facts: Facts) -> Report:
    payments = facts["payments"]
    columns = (
        Column("ref", "Invoice"),
        Column("type", "Type"),
        Column("third_party", "Third party"),
        Column("issued", "Issued"),
        Column("due", "Due"),
        Column("total_ttc", "Total TTC", True),
        Column("received", "Received", True),
        Column("credit_notes", "Credit notes", True),
        Column("deposits", "Deposits", True),
        Column("converted", "Converted", True),
        Column("balance", "Balance", True),
        Column("state", "State"),
        Column("days_late", "Days late", True),
        Column("bucket", "Ageing"),
    )
    total = payments["total"]
    buckets = payments["ageing"]["buckets"].items()
    notes = [f"Outstanding: {total['outstanding']} ({', '.join(f'{name} {amount}' for name, amount in buckets)})"]
    if any(row["due_assumed"] for row in payments["state"]):
        notes.append("Where no due date is stored, 30 days after the invoice are assumed.")
    if payments["schedule"]:
        notes += schedule_notes(payments["schedule"])
    below = {"ref": f"{total['invoices']} invoices", **total}
    return Report(f"State of payments, {payments['side']}", columns, payments["state"], below, notes=notes)


def schedule_notes(schedule: Mapping[str, Any]) -> list[str]:
    """How the contractual instalments were met, one sentence each, and the money that none explains."""
    met = [
        f"Instalment of {row['amount']} due {row['due']}, {row['third_party']}: {row['state']}, {row['days'] or 0} days,"
        f" received {row['received']}."
        for row in schedule["instalments"]
    ]
    return met + [
        f"Unexpected: {row['amount']} from {row['third_party']} on {row['date']} ({row['ref']})."
        for row in schedule["unexpected"]
    ]


def payments_timeline(facts: Facts) -> Report:
    payments = facts["payments"]
    columns = (
        Column("date", "Date"),
        Column("ref", "Payment"),
        Column("mode", "Mode"),
        Column("number", "Number"),
        Column("account", "Account"),
        Column("invoices", "Invoices"),
        Column("third_parties", "Third party"),
        Column("amount", "Amount", True),
        Column("balance", "Running balance", True),
    )
    return Report(f"Payments by date, {payments['side']}", columns, payments["timeline"], notes=payments["notes"])


def payments_by_month(facts: Facts) -> Report:
    payments = facts["payments"]
    columns = (
        Column("month", "Month"),
        Column("movements", "Movements", True),
        Column("received", "Received", True),
        Column("paid_back", "Paid back", True),
        Column("net", "Net", True),
        Column("cumulative", "Cumulative", True),
    )
    return Report(f"Payments by month, {payments['side']}", columns, payments["by_month"], payments["by_month_total"])


def third_parties(facts: Facts) -> Report:
    audit = facts["third_parties"]["audit"]
    columns = (
        Column("id", "Id", True),
        Column("name", "Name"),
        Column("roles", "Roles"),
        Column("country", "Country"),
        Column("zone", "Zone"),
        Column("kind", "Kind"),
        Column("complete", "Complete"),
        Column("level", "Level"),
        Column("missing", "Missing"),
        Column("invalid", "Invalid"),
        Column("undetermined", "Undetermined"),
    )
    notes = [
        f"{audit['complete']} complete, {audit['incomplete']} with gaps that matter.",
        *facts["third_parties"]["notes"],
    ]
    if audit["not_audited"]:
        left = ", ".join(f"{row['name']} ({row['reason']})" for row in audit["not_audited"])
        notes.append(f"Not looked at: {left}.")
    return Report("Third parties", columns, audit["third_parties"], notes=notes)


def templates(facts: Facts) -> Report:
    columns = (
        Column("id", "Id", True),
        Column("title", "Title"),
        Column("third_party", "Third party"),
        Column("state", "State"),
        Column("frequency", "Every", True),
        Column("unit", "Unit"),
        Column("last_generated", "Last made"),
        Column("next_date", "Next"),
        Column("generated", "Made", True),
        Column("maximum", "Of", True),
        Column("children", "Invoices"),
        Column("missed", "Missed", True),
        Column("total_ttc", "Total TTC", True),
    )
    rows = [{**row, "last_generated": (row["last_generated"] or "")[:10]} for row in facts["templates"]["health"]]
    return Report("Recurring templates", columns, rows)


def numbering(facts: Facts) -> Report:
    audit = facts["numbering"]
    columns = (
        Column("name", "Series"),
        Column("mask", "Mask"),
        Column("count", "Invoices", True),
        Column("first", "First"),
        Column("last", "Last"),
        Column("since", "Since"),
        Column("until", "Until"),
        Column("missing", "Missing", True),
    )
    below = {"name": "All", "count": audit["numbered"]}
    notes = [f"{audit['drafts']} drafts have no number yet. All invoices of all time are looked at."]
    return Report("Numbering of customer invoices", columns, audit["series"], below, notes=notes)


def snapshot(facts: Facts) -> Report:
    """What differs from an earlier snapshot, else how much there is."""
    taken = facts["snapshot"]
    notes = [f"Content {taken['content_hash']} of {taken['instance']}, captured {taken['captured_at']}."]
    notes += [f"Not read, for lack of a right: {name}." for name in taken["not_read"]]
    difference = taken["difference"]
    if difference is not None:
        return changes(difference, notes)
    rows = [{"section": name, "objects": count} for name, count in taken["counts"].items()]
    return Report("Snapshot", (Column("section", "Section"), Column("objects", "Objects", True)), rows, notes=notes)


def changes(difference: Facts, notes: list[str]) -> Report:
    """What differs between two snapshots, a row for each field."""
    columns = (
        Column("object", "Object"),
        Column("change", "Change"),
        Column("field", "Field"),
        Column("before", "Before"),
        Column("after", "After"),
    )
    rows = [
        {"object": change["object"], "change": change["change"], **field}
        for change in difference["changes"]
        for field in change["fields"] or [{}]
    ]
    counts = ", ".join(f"{count} {kind}" for kind, count in difference["counts"].items())
    notes.append(f"Since {difference['before']['captured_at']}: {counts}.")
    if difference["before"]["instance"] != difference["after"]["instance"]:
        notes.append(f"The earlier one is of another instance, {difference['before']['instance']}.")
    notes += [f"Not compared, for only one of them has it: {name}." for name in difference["not_compared"]]
    return Report("What changed", columns, rows, notes=notes)
