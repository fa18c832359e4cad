# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as a person reads it (``table``, ``markdown``) or as data (``json``, ``csv``)."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

FORMATS = ("table", "json", "csv", "markdown")
# What would break a line, drive a terminal or turn text around: it comes from whoever filled in a form.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
# Spreadsheets run a cell that begins so; figures may.
FORMULA = re.compile(r"\s*[=+\-@]")


@dataclass(frozen=True)
class Column:
    """One column: the key in every row, what stands above it, and whether it holds figures."""

    key: str
    heading: str
    is_figure: bool = False


@dataclass(frozen=True)
class Report:
    """One table with what belongs below it.

    ``total`` is one more row, shown apart; ``findings`` are facts of findings; ``notes`` are sentences.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]
    total: Mapping[str, Any] = field(default_factory=dict)
    findings: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[str] = ()


FINDING_COLUMNS = (
    Column("severity", "Severity"),
    Column("subject", "Subject"),
    Column("check", "Check"),
    Column("message", "What is wrong"),
)


def render(report: Report, form: str) -> str:
    """The whole report as text that ends with a line feed."""
    if form == "json":
        return render_json(report)
    if form == "csv":
        return render_csv(report)
    return render_text(report, markdown=form == "markdown")


def render_json(report: Report) -> str:
    """Rows, total, findings and notes as they are; keys in the order of the columns."""
    answer = {
        "title": report.title,
        "rows": [{column.key: row.get(column.key) for column in report.columns} for row in report.rows],
        "total": dict(report.total),
        "findings": [dict(finding) for finding in report.findings],
        "notes": list(report.notes),
    }
    return json.dumps(answer, ensure_ascii=False, indent=2) + "\n"


def render_csv(report: Report) -> str:
    """The rows as RFC 4180 wants them, with the keys above; totals and findings are no rows and are left out."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([column.key for column in report.columns])
    for row in report.rows:
        writer.writerow([csv_cell(row.get(column.key), column.is_figure) for column in report.columns])
    return file.getvalue()


def csv_cell(value: Any, is_figure: bool) -> str:
    """A value as text; one that a spreadsheet would run begins with an apostrophe."""
    shown = cell(value)
    return f"'{shown}" if not is_figure and FORMULA.match(shown) else shown


def render_text(report: Report, *, markdown: bool) -> str:
    """Heading, table, findings and notes, each set apart by an empty line."""
    parts = [f"## {report.title}" if markdown else report.title]
    parts.append(table(report.columns, report.rows, report.total, markdown=markdown) if report.rows else "Nothing.")
    if report.findings:
        parts.append("### Findings" if markdown else "Findings")
        parts.append(table(FINDING_COLUMNS, report.findings, {}, markdown=markdown))
    if report.notes:
        parts.append("\n".join(f"- {cell(note)}" for note in report.notes))
    return "\n\n".join(parts) + "\n"


def table(
    columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], total: Mapping[str, Any], *, markdown: bool
) -> str:
    """Rows under their headings, figures flush right, columns that are empty in every row left out."""
    from tabulate import SEPARATING_LINE, tabulate

    shown = [column for column in columns if any(cell(row.get(column.key)) for row in rows)] or list(columns)
    body: list[Any] = [[text_cell(row.get(column.key), markdown) for column in shown] for row in rows]
    if total:
        body += [] if markdown else [SEPARATING_LINE]
        body.append([text_cell(total.get(column.key), markdown) for column in shown])
    drawn = tabulate(
        body,
        headers=[column.heading for column in shown],
        tablefmt="pipe" if markdown else "simple",
        colalign=["right" if column.is_figure else "left" for column in shown],
        disable_numparse=True,
    )
    return "\n".join(line.rstrip() for line in drawn.splitlines())


def text_cell(value: Any, markdown: bool) -> str:
    """A value inside a table, where a bar would begin another column of Markdown."""
    shown = cell(value)
    return shown.replace("\\", "\\\\").replace("|", "\\|") if markdown else shown


def cell(value: Any) -> str:
    """A value as one line of text."""
    if value is None or value is False:
        return ""
    if value is True:
        return "yes"
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value)
    return UNPRINTABLE.sub(" ", str(value)).strip()
