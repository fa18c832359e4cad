# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit of the captured Dolibarr as the module makes it: what is in the report, and every way to ask for less."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.answers import ChangedWhileRead
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.invoices import run
from tests.support import stores
from tests.support.document_points import Points
from tests.support.dolibarr import StandIn
from tests.support.dolibarr_sample import Reply
from tests.support.invoice_audits import KNOWN, SELLER, audited, documents_at, results_of
from tests.support.paths import FIXTURES, ROOT

# Of the 47 in the captured list, three have status 0 and none has type 4.
ISSUED, DRAFTS = 44, 3


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setenv("no_proxy", "*")
    with StandIn() as server:
        yield server


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    """The audit of everything, made once."""
    with StandIn() as server:
        result = audited(server, **KNOWN)
        assert {request.verb for request in server.requests} == {"GET"}
    return result


def test_everything_is_audited_over_one_read(whole: dict[str, Any]) -> None:
    report = whole["audit"]
    assert (whole["outcome"], whole["changed"], whole["files"]) == ("findings", False, [])
    assert report["counts"]["invoices"] == len(report["invoices"]) == ISSUED
    assert report["scope"]["left_out"] == {"drafts": DRAFTS, "proformas": 0}
    assert {one["pdf"]["state"] for one in report["invoices"]} == {"read"}
    assert {finding["section"] for finding in report["findings"]} == {
        *("invoices", "payments", "vat", "third_parties", "templates"),
    }
    assert report["seller"]["unknown"] == []
    # 126675.72 was received and 1800.00 paid back, by the captured payments
    receipts = report["charts"]["receipts_by_month"]
    assert sum(Decimal(row["received"]) for row in receipts) == Decimal("126675.72")
    assert sum(Decimal(row["paid_back"]) for row in receipts) == Decimal("1800.00")


def test_the_report_is_what_its_schema_says(whole: dict[str, Any]) -> None:
    schema = json.loads((ROOT / "docs/audit.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert [error.message for error in Draft202012Validator(schema).iter_errors(whole["audit"])] == []


def test_each_check_that_found_something_has_a_title_in_both_languages(whole: dict[str, Any]) -> None:
    report = whole["audit"]
    named = {finding["check"] for finding in report["findings"]} | {
        result["rule"] for one in report["invoices"] for result in one["results"]
    }
    assert sorted(check for check in named if check not in report["checks"]) == []
    assert all(title["en"] and title["fr"] for title in report["checks"].values())


def test_what_the_paper_says_comes_with_words_and_page(whole: dict[str, Any]) -> None:
    """Read in FA2501-0001: « Pas d'escompte pour paiement anticipé. » on its one page; FA2505-0009 has no such sentence."""
    found = results_of(whole, "FA2501-0001")["escompte"]
    assert (found["status"], found["message"]) == ("pass", "")
    assert [one["page"] for one in found["evidence"]] == [1]
    assert "escompte" in found["evidence"][0]["text"]
    missing = results_of(whole, "FA2505-0009")["escompte"]
    assert (missing["status"], missing["severity"], missing["evidence"]) == ("fail", "error", [])
    assert "C. com. art. L441-9 I" in missing["sources"]


def test_one_thing_is_said_once(whole: dict[str, Any]) -> None:
    """The order of FA2607-0039 is a finding of the rule and of the numbering."""
    order = [one for one in whole["audit"]["findings"] if "numbered after FA2611-0038" in one["message"]]
    assert [(one["section"], one["check"]) for one in order] == [("invoices", "number-continuous")]
    # the customer of FA2505-0008 is in the EU and has no VAT number: a rule says so, and VAT cannot place its line
    errors = [
        one for one in whole["audit"]["findings"] if (one["subject"], one["severity"]) == ("FA2505-0008", "error")
    ]
    assert [(one["section"], one["check"]) for one in errors] == [("invoices", "buyer-vat-number")]


@pytest.mark.parametrize("name", ["FA2502-0003", "3"])
def test_one_invoice_by_reference_or_id(stand_in: StandIn, name: str) -> None:
    report = audited(stand_in, invoices=[name], **KNOWN)["audit"]
    assert [one["ref"] for one in report["invoices"]] == ["FA2502-0003"]
    assert report["scope"] == {
        "since": None,
        "until": None,
        "invoices": [name],
        "sections": ["invoices"],
        "left_out": None,
    }
    assert (report["payments"], report["vat"], report["charts"]["ageing"]) == (None, None, [])
    asked = [request.path for request in stand_in.requests]
    assert asked.count("/documents") == asked.count("/documents/download") == 1


def test_a_draft_is_audited_when_it_is_named(stand_in: StandIn) -> None:
    (draft,) = audited(stand_in, invoices=["47"], **KNOWN)["audit"]["invoices"]
    results = {one["rule"]: one["status"] for one in draft["results"]}
    assert (draft["status"], draft["verdict"], results["doc-not-draft"]) == ("draft", "error", "fail")
    assert results["escompte"] == "not_applicable"


def test_a_window_of_some_sections(stand_in: StandIn) -> None:
    """Two invoices of January 2025: FA2501-0001 and FA2501-0002."""
    report = audited(stand_in, month="2025-01", sections=["invoices", "vat"], **KNOWN)["audit"]
    assert [one["ref"] for one in report["invoices"]] == ["FA2501-0001", "FA2501-0002"]
    assert [row["month"] for row in report["charts"]["vat_by_month"]] == ["2025-01"]
    assert (report["scope"]["since"], report["scope"]["until"]) == ("2025-01-01", "2025-01-31")
    assert report["payments"] is None


def test_no_invoice_at_all_is_no_mistake(stand_in: StandIn) -> None:
    report = audited(stand_in, year=2019, sections=["invoices"], **KNOWN)["audit"]
    assert (report["invoices"], report["verdict"]["level"]) == ([], "pass")


def test_a_missing_pdf_is_a_finding_and_its_words_are_not_known(stand_in: StandIn, tmp_path: pathlib.Path) -> None:
    documents = documents_at(tmp_path)
    (documents / "facture/FA2502-0003/FA2502-0003.pdf").unlink()
    where: dict[str, Any] = {"pdfs": "documents", "documents_path": str(documents)}
    report = audited(stand_in, invoices=["FA2502-0003"], **where, **KNOWN)
    results = results_of(report, "FA2502-0003")
    (invoice,) = report["audit"]["invoices"]
    assert (invoice["pdf"]["state"], results["pdf-present"]["status"], invoice["verdict"]) == (
        "missing",
        "fail",
        "error",
    )
    assert results["escompte"]["status"] == results["seller-siren"]["status"] == "undetermined"
    assert results["totals-arithmetic"]["status"] == "pass"


def test_a_pdf_that_cannot_be_read_fails_no_rule_of_the_paper(stand_in: StandIn, tmp_path: pathlib.Path) -> None:
    documents = documents_at(tmp_path)
    (documents / "facture/FA2502-0003/FA2502-0003.pdf").write_bytes(b"no PDF at all")
    where: dict[str, Any] = {"pdfs": "documents", "documents_path": str(documents)}
    report = audited(stand_in, invoices=["FA2502-0003"], **where, **KNOWN)
    results = results_of(report, "FA2502-0003")
    (invoice,) = report["audit"]["invoices"]
    assert invoice["pdf"]["state"] == "unreadable" and invoice["pdf"]["reason"]
    failed = {rule for rule, result in results.items() if result["status"] == "fail"}
    assert failed == {"pdf-unchanged"}  # it is not the one that Dolibarr made
    assert results["pdf-readable"]["status"] == results["escompte"]["status"] == "undetermined"
    assert any(
        "FA2502-0003" in one["invoices"] and "escompte" in one["rules"] for one in report["audit"]["undetermined"]
    )


def test_an_electronic_invoice_is_the_paper_where_there_is_no_other(stand_in: StandIn, tmp_path: pathlib.Path) -> None:
    documents = documents_at(tmp_path)
    folder = documents / "facture/FA2502-0003"
    (folder / "FA2502-0003.pdf").rename(folder / "FA2502-0003_facturx.pdf")
    where: dict[str, Any] = {"pdfs": "documents", "documents_path": str(documents)}
    results = results_of(audited(stand_in, invoices=["FA2502-0003"], **where, **KNOWN), "FA2502-0003")
    assert results["pdf-present"]["status"] == results["escompte"]["status"] == "pass"


def test_pdfs_of_a_restore_point(stand_in: StandIn, object_store: stores.Store, tmp_path: pathlib.Path) -> None:
    """What was changed since the backup is not looked at."""
    documents = documents_at(tmp_path)
    points = Points(object_store, documents)
    points.back_up()
    (documents / "facture/FA2502-0003/FA2502-0003.pdf").write_bytes(b"changed since")
    report = audited(stand_in, invoices=["FA2502-0003"], pdfs="restore_point", store=points.store.options, **KNOWN)
    assert report["audit"]["invoices"][0]["pdf"]["state"] == "read"
    assert results_of(report, "FA2502-0003")["pdf-unchanged"]["status"] == "pass"


@pytest.mark.parametrize(
    ("vat", "shown"),
    [
        ({"regime": "franchise"}, ("franchise", "receipts")),
        ({"regime": "normal", "on_debits": True}, ("normal", "debits")),
        ({}, ("normal", "receipts")),
    ],
)
def test_what_is_known_of_vat_is_known_everywhere(
    stand_in: StandIn, vat: dict[str, Any], shown: tuple[str, str]
) -> None:
    report = audited(stand_in, sections=["vat"], vat=vat)["audit"]
    assert (report["vat"]["regime"], report["vat"]["basis"]) == shown
    assert ("regime" in report["seller"]["unknown"]) is (vat == {})


def test_without_a_seller_it_is_said_what_to_fill_in(stand_in: StandIn) -> None:
    report = audited(stand_in, invoices=["FA2501-0001"])
    results = results_of(report, "FA2501-0001")
    about_seller = {rule: result["status"] for rule, result in results.items() if rule.startswith("seller-")}
    assert "fail" not in about_seller.values()
    assert about_seller["seller-siren"] == about_seller["seller-capital"] == "undetermined"
    assert {"name", "siren", "capital", "regime", "size", "debits"} <= set(report["audit"]["seller"]["unknown"])
    asked = " ".join(one["message"] for one in report["audit"]["undetermined"])
    assert "seller.siren" in asked and "regime" in asked


def test_an_identity_file_that_drifted_is_a_finding(stand_in: StandIn, tmp_path: pathlib.Path) -> None:
    """The paper and the options say SAS."""
    path = tmp_path / "company.json"
    path.write_text(json.dumps({"info": {"name": "Atelier Lumen"}, "ID": {"legal_form": "SARL"}}), encoding="utf-8")
    found = audited(stand_in, invoices=["FA2501-0001"], identity_file=str(path), **KNOWN)["audit"]["findings"]
    assert [
        (one["section"], one["check"], one["subject"], one["invoice"]) for one in found if one["section"] == "seller"
    ] == [("seller", "seller-drift", "legal_form", None)]


def test_accepted_findings_do_not_count_and_old_entries_are_said(stand_in: StandIn, tmp_path: pathlib.Path) -> None:
    """FA2505-0009 has no word of discount, penalties and indemnity."""
    accepted = {"subject": "FA2505-0009", "who": "A. Martin", "why": "agreed", "until": "2027-06-30"}
    rules = ("escompte", "late-penalty-rate", "recovery-indemnity")
    entries = [{"check": rule, **accepted} for rule in rules]
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(entries), encoding="utf-8")
    said = {"invoices": ["FA2505-0009"], "baseline": str(path), **KNOWN}
    report = audited(stand_in, **said)["audit"]
    assert {
        one["check"]: (one["accepted"] or {}).get("who") for one in report["findings"] if one["severity"] == "error"
    } == dict.fromkeys(rules, "A. Martin")
    assert (report["counts"]["accepted"], report["counts"]["open"]["error"]) == (3, 0)
    path.write_text(json.dumps([{**entries[0], "until": "2026-11-20"}, *entries[1:], {"check": "x"}]), encoding="utf-8")
    report = audited(stand_in, **said)["audit"]
    assert [one["check"] for one in report["findings"] if one["severity"] == "error" and not one["accepted"]] == [
        "escompte"
    ]
    # invoices were named, so that entries for others are not called unused
    assert [problem["kind"] for problem in report["baseline"]["problems"]] == ["expired", "invalid"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            {"invoices": ["FA9999-0001"]},
            "There is no invoice FA9999-0001 among the 47 of Dolibarr: give the reference or",
        ),
        (
            {"invoices": ["3"], "year": 2025},
            "Both invoices and a period are given: name the invoices, or say from when",
        ),
        ({"month": "2025-13"}, "month is '2025-13', which is no month: write it as 2026-03, or as 3 with year."),
        (
            {"pdfs": "documents", "documents_path": "/nowhere"},
            "There is no directory facture in /nowhere: give Dolibarr's",
        ),
        (
            {"baseline": "/nowhere/b.yml"},
            "The baseline /nowhere/b.yml cannot be read (No such file or directory): give",
        ),
        ({"identity_file": "/nowhere/c.json"}, "The identity file /nowhere/c.json cannot be read (No such file or"),
        (
            {"seller": {**SELLER, "capital": "much"}},
            "The capital « much » in the options is no number: write it in euros",
        ),
        (
            {"dest": "/nowhere/deeper"},
            "dest /nowhere/deeper cannot be written to: give a directory, or the name of a new",
        ),
    ],
)
def test_a_mistake_is_one_sentence(stand_in: StandIn, said: dict[str, Any], message: str) -> None:
    with pytest.raises(ErpError) as caught:
        audited(stand_in, **said)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_destination_is_looked_at_before_anything_is_read(stand_in: StandIn, tmp_path: pathlib.Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    with pytest.raises(ErpError, match=r"taken is no directory: give a directory"):
        audited(stand_in, dest=str(taken))
    assert stand_in.requests == []


def test_a_missing_right_is_said_before_a_list_is_read(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    rights = stand_in.sample.rights
    monkeypatch.setitem(rights, "ai_limited", rights["ai_agent"] - {"fournisseur.facture.lire"})
    with pytest.raises(ErpError, match=r'may not read all of .*tick 1231 "Read vendor invoices"'):
        audited(stand_in, login="ai_limited")
    assert {request.path for request in stand_in.requests} <= {"/users/info", "/status"}
    assert audited(stand_in, login="ai_limited", invoices=["3"], **KNOWN)["audit"]["counts"]["invoices"] == 1


def test_somebody_working_meanwhile_is_read_again(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = run.audit

    def once(*given: Any) -> Any:
        calls.append(given)
        if len(calls) == 1:
            raise ChangedWhileRead("The list /invoices ended before its end: run this again.")
        return real(*given)

    monkeypatch.setattr(run, "audit", once)
    assert audited(stand_in, invoices=["3"], **KNOWN)["audit"]["counts"]["invoices"] == 1
    assert len(calls) == 2


def test_the_result_is_short_unless_details_are_asked_for(stand_in: StandIn) -> None:
    audit = audited(stand_in, invoices=["3"], details=False, **KNOWN)["audit"]
    assert set(audit) == {"verdict", "counts", "findings", "undetermined", "baseline", "invoices"}
    assert set(audit["invoices"][0]) == {"id", "ref", "customer", "pdf", "verdict", "counts"}


def test_a_planted_name_with_html_is_data_everywhere(stand_in: StandIn, tmp_path: pathlib.Path) -> None:
    name = "<script>alert(1)</script> & Fils"
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in (FIXTURES / "api/thirdparties/by-id").iterdir()]
    rows.sort(key=lambda row: int(row["id"]))
    rows[0]["name"] = name
    stand_in.fail(Reply(200, json.dumps(rows).encode()), "/thirdparties")
    dest = tmp_path / "report"
    result = audited(stand_in, invoices=["FA2501-0001"], dest=str(dest), **KNOWN)
    assert result["audit"]["invoices"][0]["customer"] == name
    assert "<script>alert" not in (dest / "audit.html").read_text(encoding="utf-8")
    assert "<script>" not in (dest / "audit.md").read_text(encoding="utf-8")
