# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as Markdown, for a person, a merge request or a mail."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.render import UNPRINTABLE, Column, table

# What Markdown or HTML would take for more than a character inside a line.
SPECIAL = re.compile(r"[\\`*_\[\]<>~&]")
ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
HEADINGS = {"error": "Errors", "warning": "Warnings", "info": "Remarks"}
VERDICTS = {
    "error": "Errors are open",
    "warning": "Warnings are open",
    "undetermined": "Nothing wrong was found, and not everything could be told",
    "pass": "Nothing wrong was found",
}
INVOICES = (
    Column("ref", "Invoice"),
    Column("issued", "Date"),
    Column("customer", "Customer"),
    Column("total_ttc", "Total incl. VAT", True),
    Column("verdict", "Verdict"),
    Column("pass", "Pass", True),
    Column("fail", "Fail", True),
    Column("undetermined", "Undetermined", True),
    Column("pdf", "PDF"),
)
AGEING = (Column("bucket", "Days late"), Column("amount", "Outstanding", True))
VAT = (
    Column("month", "Month"),
    Column("collected", "Collected", True),
    Column("deductible", "Deductible", True),
    Column("net", "Net", True),
)


def render_markdown(report: Mapping[str, Any]) -> str:
    """The verdict, what is open, what is not known, what was accepted, and a table of the invoices."""
    findings = report["findings"]
    parts = [
        f"# {VERDICTS[report['verdict']['level']]}",
        report["verdict"]["en"],
        heading(report),
        *open_findings([one for one in findings if one["accepted"] is None]),
        *listed("Undetermined", map(question, report["undetermined"])),
        *listed("Accepted", (accepted(one) for one in findings if one["accepted"])),
        *listed("Baseline", (text(problem["message"]) for problem in report["baseline"]["problems"])),
        *tabled("Invoices", INVOICES, map(invoice_row, report["invoices"] or ())),
        *tabled("Outstanding", AGEING, report["charts"]["ageing"]),
        *tabled("VAT by month", VAT, report["charts"]["vat_by_month"]),
    ]
    return "\n\n".join(parts) + "\n"


def heading(report: Mapping[str, Any]) -> str:
    """Whose invoices these are, which of them, and when they were looked at."""
    instance, scope = report["instance"], report["scope"]
    days = " to ".join(filter(None, (scope["since"], scope["until"])))
    about = {
        "Seller": report["seller"]["name"] or "not known",
        "Dolibarr": f"{instance['url']}, version {instance['dolibarr_version']}",
        "Invoices": ", ".join(scope["invoices"]) if scope["invoices"] else f"{report['counts']['invoices']} {days}",
        "Sections": ", ".join(scope["sections"]),
        "Read on": report["generated_at"],
    }
    return "\n".join(f"- {name}: {text(value)}" for name, value in about.items())


def open_findings(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The findings under a heading for each severity."""
    parts = []
    for severity, title in HEADINGS.items():
        parts += listed(title, (finding_item(one) for one in findings if one["severity"] == severity))
    return parts


def finding_item(finding: Mapping[str, Any]) -> str:
    """Where, what, the words that were found, and the law."""
    lines = [f"**{text(finding['subject'])}** {text(finding['message'])} `{finding['check']}`"]
    for one in finding["evidence"]:
        page = f", page {one['page']}" if one["page"] else ""
        lines.append(f"  - found{page}: « {text(one['text'])} »")
    if finding["sources"]:
        lines.append(f"  - {text('; '.join(finding['sources']))}")
    return "\n".join(lines)


def question(undetermined: Mapping[str, Any]) -> str:
    """What is not known, and how many invoices it concerns."""
    refs = undetermined["invoices"]
    concerned = refs[0] if len(refs) == 1 else f"{len(refs)} invoices"
    return (
        f"{text(undetermined['message'])} ({text(concerned)}: {', '.join(f'`{one}`' for one in undetermined['rules'])})"
    )


def accepted(finding: Mapping[str, Any]) -> str:
    """A finding that somebody accepted."""
    said = finding["accepted"]
    return (
        f"**{text(finding['subject'])}** `{finding['check']}`: {text(said['why'])}"
        f" ({text(said['who'])}, until {said['until']})"
    )


def invoice_row(invoice: Mapping[str, Any]) -> dict[str, Any]:
    """An invoice as a row of its table."""
    pdf = invoice["pdf"]
    return {
        **{name: invoice[name] for name in ("issued", "total_ttc", "verdict")},
        **invoice["counts"],
        "ref": in_cell(invoice["ref"]),
        "customer": in_cell(invoice["customer"]),
        "pdf": "" if pdf["state"] == "read" else in_cell(pdf["reason"] or pdf["state"]),
    }


def listed(title: str, items: Iterable[str]) -> list[str]:
    """A heading and a list; nothing without items."""
    found = [f"- {item}" for item in items]
    return [f"## {title}", "\n".join(found)] if found else []


def tabled(title: str, columns: Sequence[Column], rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """A heading and a table; nothing without rows."""
    found = list(rows)
    return [f"## {title}", table(columns, found, {}, markdown=True)] if found else []


def text(value: Any) -> str:
    """A value as one line of plain text: names and words of a PDF are data, whatever they hold."""
    one_line = UNPRINTABLE.sub(" ", str(value)).strip()
    return SPECIAL.sub(lambda found: ENTITIES.get(found[0], f"\\{found[0]}"), one_line)


def in_cell(value: Any) -> str:
    """The same for a table, which has its own use for backslashes."""
    return SPECIAL.sub(lambda found: f"&#{ord(found[0])};", str(value))
