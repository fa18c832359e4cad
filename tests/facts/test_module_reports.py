# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports in every format, findings as an outcome, files, snapshots, and bad input: one sentence each."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import pathlib
from decimal import Decimal
from typing import Any

import pytest
import yaml

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr import run as run_of_facts
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.answers import ChangedWhileRead
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.report_kinds import REPORTS
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.modules import dolibarr_facts
from tests.support.dolibarr import StandIn
from tests.support.dolibarr_facts import gather, run_facts

SILENT = {"payments_by_month", "payments_timeline", "ping", "snapshot", "vat_ca3", "vat_collected", "vat_deductible"}
# Rows of each report, counted by hand in the captured data.
ROWS = {
    "ping": 1,
    "whoami": 13,
    "payments_state": 47,
    "payments_timeline": 34,
    "payments_by_month": 21,
    "third_parties": 9,
    "templates": 5,
    "numbering": 3,
    "snapshot": 7,
}


def rewritten(path: pathlib.Path, target: pathlib.Path, change: Any) -> None:
    """Copy a snapshot with other data, and the hash that belongs to them: the SHA-256 of ``jq -cSj .data``."""
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content["data"])
    data = json.dumps(content["data"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    content["content_hash"] = f"sha256:{hashlib.sha256(data.encode()).hexdigest()}"
    target.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_says_the_same_in_every_format(stand_in: StandIn, name: str) -> None:
    table = gather(stand_in, report=name)["report"]
    said = json.loads(gather(stand_in, report=name, format="json")["report"])
    rows = list(csv.DictReader(io.StringIO(gather(stand_in, report=name, format="csv")["report"])))
    markdown = gather(stand_in, report=name, format="markdown")["report"]
    assert len(rows) == len(said["rows"]) == ROWS.get(name, len(rows)) > 0
    assert table.splitlines()[0] == said["title"] == markdown.splitlines()[0].removeprefix("## ")
    for row, shown in zip(said["rows"], rows, strict=True):
        assert list(row) == list(shown)
        for value in row.values():
            if isinstance(value, str) and value and "\n" not in value:
                assert value in shown.values() and value in table
                assert value.replace("|", "\\|") in markdown
    assert said["findings"] == [] if name in SILENT else said["findings"] or name == "whoami"


def test_the_total_below_a_table_is_the_sum_of_its_rows(stand_in: StandIn) -> None:
    summed = {
        "payments_state": {"total_ttc", "received", "credit_notes", "deposits", "converted", "balance"},
        "payments_by_month": {"received", "paid_back", "net"},
        "vat_summary": {"gross_tax", "deductible_tax", "net", "to_pay"},
    }
    for name, columns in summed.items():
        said = json.loads(gather(stand_in, report=name, format="json")["report"])
        sums = set()
        for column, total in said["total"].items():
            cells = [row[column] for row in said["rows"] if column in row]
            if column in ("credit_carried_forward", "credit_brought_forward") or not cells:
                continue
            if all(isinstance(cell, str) and cell.replace(".", "").lstrip("-").isdigit() for cell in cells):
                assert sum(map(Decimal, cells)) == Decimal(total), (name, column)
                sums.add(column)
        assert sums >= columns, name


def test_findings_are_an_outcome_and_no_failure(stand_in: StandIn) -> None:
    result = gather(stand_in, report="numbering")
    assert result["outcome"] == "findings"
    assert [(one["subset"], one["check"], one["subject"]) for one in result["findings"]] == [
        ("numbering", "number-order", "FA2607-0039")
    ]
    assert result["msg"] == "Found 1 error: number-order."


def test_what_only_lists_finds_nothing_unless_it_was_asked_to_judge(stand_in: StandIn) -> None:
    assert gather(stand_in, report="payments_timeline")["outcome"] == "unchanged"
    judged = gather(stand_in, report="payments_timeline", gather_subset=["payments"])
    assert judged["outcome"] == "findings"
    assert "payment-overpaid" in judged["msg"]


def test_remarks_alone_are_no_findings(stand_in: StandIn) -> None:
    """Boréale Conseil lacks no more than its RCS, which is only useful."""
    result = gather(stand_in, report="third_parties", third_party_ids=[1])
    assert [one["severity"] for one in result["findings"]] == ["info"]
    assert (result["outcome"], result["msg"]) == ("unchanged", "Found 1 remark: see findings.")


def test_a_report_in_a_file_for_its_owner_alone(stand_in: StandIn, tmp_path: pathlib.Path) -> None:
    dest = tmp_path / "état.csv"
    said: dict[str, Any] = {"report": "payments_by_month", "format": "csv", "dest": str(dest)}
    planned = gather(stand_in, check_mode=True, **said)
    assert (planned["changed"], planned["outcome"], dest.exists()) == (True, "done", False)
    done = gather(stand_in, **said)
    assert (done["changed"], done["outcome"]) == (True, "done")
    assert dest.read_bytes().decode() == done["report"] == planned["diff"]["after"]
    assert dest.stat().st_mode & 0o777 == 0o600
    again = gather(stand_in, **said)
    assert (again["changed"], again["outcome"], "diff" in again) == (False, "unchanged", False)
    dest.chmod(0o644)
    assert gather(stand_in, **said)["changed"] and dest.stat().st_mode & 0o777 == 0o600
    shorter = gather(stand_in, **said, year=2026)
    assert shorter["diff"]["before"] == done["report"] != shorter["diff"]["after"] == dest.read_bytes().decode()
    assert [path.name for path in tmp_path.iterdir()] == ["état.csv"]


def test_a_snapshot_in_a_file_and_what_changed_since(stand_in: StandIn, tmp_path: pathlib.Path) -> None:
    dest, earlier = tmp_path / "now.json", tmp_path / "earlier.json"
    first = gather(stand_in, report="snapshot", dest=str(dest))
    taken = first["ansible_facts"]["dolibarr"]["snapshot"]
    assert first["changed"] and dest.stat().st_mode & 0o777 == 0o600
    assert taken["counts"]["invoices"] == 47 and "data" not in taken
    assert json.loads(dest.read_text(encoding="utf-8"))["content_hash"] == taken["content_hash"]
    assert not gather(stand_in, report="snapshot", dest=str(dest))["changed"]

    def change(data: dict[str, Any]) -> None:
        data["third_parties"][0]["town"] = "Lyon"
        data["products"].pop()

    rewritten(dest, earlier, change)
    result = gather(stand_in, report="snapshot", compare_with=str(earlier), dest=str(tmp_path / "other.json"))
    difference = result["ansible_facts"]["dolibarr"]["snapshot"]["difference"]
    assert difference["counts"] == {"added": 1, "removed": 0, "changed": 1}
    assert result["diff"]["prepared"].splitlines()[0].startswith('third party Boréale Conseil: town: "Lyon" -> ')
    assert "town" in result["report"] and "added" in result["report"]


def test_an_earlier_snapshot_shows_a_number_that_is_gone(stand_in: StandIn, tmp_path: pathlib.Path) -> None:
    dest, earlier = tmp_path / "now.json", tmp_path / "earlier.json"
    gather(stand_in, report="snapshot", dest=str(dest))

    def change(data: dict[str, Any]) -> None:
        data["invoices"].append({"id": "99", "ref": "FA2611-0040"})

    rewritten(dest, earlier, change)
    checks = {one["check"] for one in gather(stand_in, report="numbering", compare_with=str(earlier))["findings"]}
    assert checks == {"number-order", "number-lost"}


def test_what_changed_while_it_was_read_is_read_once_more(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    times = []

    def read_once(*given: Any) -> Any:
        times.append(1)
        if len(times) == 1:
            raise ChangedWhileRead("Somebody worked: run this again.")
        return original(*given)

    original = run_of_facts.read_once
    monkeypatch.setattr(run_of_facts, "read_once", read_once)
    assert gather(stand_in)["outcome"] == "unchanged"
    assert len(times) == 2


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"dest": "/tmp/x"}, "dest is given and no report: say with report what to write there."),
        (
            {"compare_with": "/tmp/x"},
            "compare_with is given and nothing to compare: ask for the report snapshot or numbering.",
        ),
        (
            {"report": "ping", "dest": "/nonexistent/x"},
            "Cannot write /nonexistent/x (No such file or directory): give a dest in a directory that this user may"
            " write to.",
        ),
        (
            {"report": "snapshot", "compare_with": "/nonexistent/x"},
            "The snapshot /nonexistent/x cannot be read (No such file or directory): give the path of one.",
        ),
        (
            {"clients_only": True, "suppliers_only": True},
            "clients_only and suppliers_only leave nobody: give one of them.",
        ),
        (
            {"vat": {"credit_brought_forward": "a lot"}},
            "vat.credit_brought_forward is 'a lot', which is no number: write it as 223.22.",
        ),
        (
            {"vat": {"credit_brought_forward": "-1"}},
            "vat.credit_brought_forward is -1: give a number that is not below zero.",
        ),
        (
            {"numbering": {"fiscal_month": 13}},
            "numbering.fiscal_month is 13: give the number of a month, 1 to 12.",
        ),
        (
            {"numbering": {"series_start": {"FA": "first"}}},
            "numbering.series_start of FA is no number: give the first one of the series.",
        ),
        (
            {"gather_subset": ["payments"], "schedule": [{"date": "soon", "amount": "1", "customer": "5"}]},
            "Entry 1 of the schedule: the date must be written as 2026-11-21.",
        ),
        ({"raw": "invoices"}, "'invoices' is no path of the API: give one such as /invoices/12."),
        (
            {"raw": "/invoices/999"},
            'Dolibarr has nothing at /invoices/999 (404, "Invoice not found"): check the id and the path.',
        ),
    ],
)
def test_bad_input_is_one_sentence(stand_in: StandIn, said: dict[str, Any], message: str) -> None:
    with pytest.raises(ErpError) as caught:
        gather(stand_in, **said)
    assert str(caught.value) == message


def test_the_module_as_it_is_run(stand_in: StandIn, tmp_path: pathlib.Path) -> None:
    """In a process of its own: key from a file, check mode, diff, findings that fail."""
    key = tmp_path / "key"
    key.write_text(f"{stand_in.key('ai_agent')}\n")
    key.chmod(0o600)
    opening: dict[str, Any] = {"dolibarr_url": stand_in.url, "dolibarr_api_key_file": str(key)}
    dest = tmp_path / "x.md"
    wanted: dict[str, Any] = {"report": "numbering", "format": "markdown", "dest": str(dest)}
    planned = run_facts(check_mode=True, diff=True, **opening, **wanted)
    assert planned.status == 0, planned.output
    assert planned.result["diff"]["after"] == planned.result["report"] and not dest.exists()
    ended = run_facts(**opening, **wanted, fail_on_findings=True)
    assert ended.status == 1
    assert (ended.result["failed"], ended.result["outcome"]) == (True, "findings")
    assert ended.result["msg"] == "Found 1 error: number-order."
    assert ended.result["ansible_facts"]["dolibarr"]["numbering"]["numbered"] == 44
    assert "diff" not in ended.result and dest.exists()
    assert {request.verb for request in stand_in.requests} == {"GET"}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"gather_subset": ["invoice"]}, "gather_subset has 'invoice', which is no subset: choose among all, status, "),
        ({"dolibarr_api_key": "wrong"}, "Dolibarr does not accept the key (401): check the key, "),
        ({"dolibarr_api_key": None}, "There is no key for Dolibarr: set dolibarr_api_key, DOLIBARR_API_KEY or "),
        ({"report": "invoices"}, "value of report must be one of: numbering, payments_by_month, payments_state, "),
    ],
)
def test_bad_input_to_the_module_is_one_sentence(stand_in: StandIn, said: dict[str, Any], message: str) -> None:
    opening: dict[str, Any] = {"dolibarr_url": stand_in.url, "dolibarr_api_key": stand_in.key("ai_agent")}
    ended = run_facts(**{**opening, **said})
    assert ended.status == 1 and "Traceback" not in ended.output
    assert ended.result["msg"].startswith(message), ended.result
    assert ended.result.get("outcome", "failed") == "failed"


def test_a_key_that_others_may_read_is_refused(stand_in: StandIn, tmp_path: pathlib.Path) -> None:
    key = tmp_path / "key"
    key.write_text(stand_in.key("ai_agent"))
    key.chmod(0o640)
    ended = run_facts(dolibarr_url=stand_in.url, dolibarr_api_key_file=str(key))
    assert ended.result["msg"].startswith(f"The key file {key} has mode 0640, so that others may read it: chmod 600 it")
    assert not stand_in.requests


def test_the_key_of_the_environment_gives_way_to_a_file(stand_in: StandIn, tmp_path: pathlib.Path) -> None:
    key = tmp_path / "key"
    key.write_text(stand_in.key("admin"))
    key.chmod(0o600)
    environment: dict[str, str] = {"DOLIBARR_API_KEY": stand_in.key("ai_agent")}
    of_file = run_facts(environment=environment, dolibarr_url=stand_in.url, dolibarr_api_key_file=str(key))
    assert of_file.result["ansible_facts"]["dolibarr"]["user"]["login"] == "admin"
    of_environment = run_facts(environment=environment, dolibarr_url=stand_in.url)
    assert of_environment.result["ansible_facts"]["dolibarr"]["user"]["login"] == "ai_agent"


def test_the_documentation_knows_every_report() -> None:
    said = yaml.safe_load(dolibarr_facts.DOCUMENTATION)["options"]
    assert said["report"]["choices"] == sorted(REPORTS)
