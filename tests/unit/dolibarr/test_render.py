# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports as a person reads them and as data, with texts that would break out of their cell."""

from __future__ import annotations

import csv
import dataclasses
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.render import FORMATS, Column, Report, render

REPORT = Report(
    title="State of payments",
    columns=(
        Column("ref", "Invoice"),
        Column("third_party", "Third party"),
        Column("number", "Number"),
        Column("balance", "Balance", True),
    ),
    rows=[
        {"id": 9, "ref": "AV2505-0001", "third_party": "Boréale Conseil", "number": "", "balance": "-1440.00"},
        {
            "id": 17,
            "ref": "FA2509-0015",
            "third_party": "Cabinet Hêtre | Associés",
            "number": None,
            "balance": "2100.00",
        },
    ],
    total={"ref": "2 invoices", "balance": "660.00"},
    findings=[{"check": "payment-overpaid", "severity": "warning", "subject": "FA1", "message": "Pay it back."}],
    notes=["Outstanding: 2100.00"],
)


def test_a_table_is_aligned_and_leaves_out_what_is_empty_in_every_row() -> None:
    assert render(REPORT, "table") == (
        "State of payments\n"
        "\n"
        "Invoice      Third party                 Balance\n"
        "-----------  ------------------------  ---------\n"
        "AV2505-0001  Boréale Conseil            -1440.00\n"
        "FA2509-0015  Cabinet Hêtre | Associés    2100.00\n"
        "-----------  ------------------------  ---------\n"
        "2 invoices                                660.00\n"
        "\n"
        "Findings\n"
        "\n"
        "Severity    Subject    Check             What is wrong\n"
        "----------  ---------  ----------------  ---------------\n"
        "warning     FA1        payment-overpaid  Pay it back.\n"
        "\n"
        "- Outstanding: 2100.00\n"
    )


def test_markdown_has_the_same_in_cells_of_its_own() -> None:
    lines = render(REPORT, "markdown").splitlines()
    assert lines[0] == "## State of payments"
    assert lines[3].split("|")[1:4] == [":------------", ":--------------------------", "----------:"]
    assert lines[5] == r"| FA2509-0015 | Cabinet Hêtre \| Associés |   2100.00 |"
    assert lines[6].split("|")[3].strip() == "660.00"
    assert "### Findings" in lines


def test_json_holds_rows_total_findings_and_notes() -> None:
    said = json.loads(render(REPORT, "json"))
    assert said["rows"][0] == {
        "ref": "AV2505-0001",
        "third_party": "Boréale Conseil",
        "number": "",
        "balance": "-1440.00",
    }
    assert said["total"] == {"ref": "2 invoices", "balance": "660.00"}
    assert said["findings"][0]["check"] == "payment-overpaid"
    assert said["notes"] == ["Outstanding: 2100.00"]


def test_csv_holds_the_rows_alone_with_every_column() -> None:
    assert render(REPORT, "csv") == (
        "ref,third_party,number,balance\r\n"
        "AV2505-0001,Boréale Conseil,,-1440.00\r\n"
        "FA2509-0015,Cabinet Hêtre | Associés,,2100.00\r\n"
    )


@pytest.mark.parametrize("name", ["=cmd|'/c calc'!A0", "+33", "-2+3", "@SUM(A1)", " =1"])
def test_a_name_that_a_spreadsheet_would_run_is_text(name: str) -> None:
    report = dataclasses.replace(REPORT, rows=[{"ref": name, "balance": "-12.00"}])
    (row,) = list(csv.DictReader(io.StringIO(render(report, "csv"))))
    assert row["ref"] == f"'{name.strip()}"
    assert row["balance"] == "-12.00"


def test_a_name_neither_breaks_its_line_nor_drives_the_terminal() -> None:
    report = dataclasses.replace(REPORT, rows=[{"ref": "FA1\n\x1b[2J\u202eFA2\x85", "balance": "1.00"}], findings=())
    for form in ("table", "markdown"):
        line = next(line for line in render(report, form).splitlines() if "FA1" in line)
        assert "FA1 [2J FA2" in line and "1.00" in line


def test_nothing_is_said_as_such() -> None:
    report = Report("Recurring templates", REPORT.columns, [])
    assert render(report, "table") == "Recurring templates\n\nNothing.\n"
    assert json.loads(render(report, "json"))["rows"] == []
    assert render(report, "csv") == "ref,third_party,number,balance\r\n"


@settings(max_examples=40)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=4), st.sampled_from(FORMATS))
def test_every_row_has_one_line_in_every_format(names: list[str], form: str) -> None:
    report = Report("Names", (Column("id", "Id", True), Column("name", "Name")), [{"id": 1, "name": x} for x in names])
    shown = render(report, form)
    if form == "json":
        assert [row["name"] for row in json.loads(shown)["rows"]] == names
    elif form == "csv":
        assert len(list(csv.reader(io.StringIO(shown)))) == len(names) + 1
    else:
        assert len(shown.split("\n")) == len(names) + 5
