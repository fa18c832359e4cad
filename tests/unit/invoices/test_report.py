# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as data and as Markdown: verdicts, what was accepted, what is not known, and texts that would break out."""

from __future__ import annotations

import dataclasses
import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Finding, Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind, Zone
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.baseline import Accepted, Baseline
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.markdown import render_markdown
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.report import (
    LEVELS,
    Audited,
    Gathered,
    build_report,
    pdf_facts,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import PdfText, Result, Status, Subject
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import Evidence
from tests.support.ledger import invoice

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
READ = pdf_facts(PdfText(pages=("text",), sha256="ab", size=12))


def result(rule: str, status: Status = Status.FAIL, severity: Severity = ERROR, message: str = "") -> Result:
    said = message or f"{rule} is wrong: mend it."
    return Result(rule, status, severity, said, f"{said} (fr)", (), ("C. com. L441-9, I",))


def audited(number: int, *results: Result) -> Audited:
    one = invoice(number)
    return Audited(Subject(one, None, Kind.BUSINESS, Zone.FR, (None,) * len(one.lines), None, None), READ, results)


def gathered(*invoices: Audited, **differing: Any) -> Gathered:
    made = Gathered(
        generated_at="2026-11-21T15:00:00+00:00",
        instance={"url": "https://erp.example.com", "dolibarr_version": "22.0.4"},
        scope={"since": None, "until": None, "invoices": None, "sections": ["invoices"], "left_out": None},
        seller={"name": "Atelier", "unknown": []},
        titles={},
        invoices=invoices,
    )
    return dataclasses.replace(made, **differing)


def accepting(check: str, subject: str) -> Baseline:
    return Baseline("baseline.yml", (Accepted(1, check, subject, "A. Martin", "agreed", date(2027, 6, 30)),))


@pytest.mark.parametrize(
    ("results", "level"),
    [
        ([], "pass"),
        ([result("escompte", Status.PASS), result("drom", Status.NOT_APPLICABLE)], "pass"),
        ([result("escompte", severity=INFO)], "pass"),
        ([result("escompte", severity=INFO), result("drom", Status.UNDETERMINED)], "undetermined"),
        ([result("escompte", severity=WARNING), result("drom", Status.UNDETERMINED)], "warning"),
        ([result("escompte", severity=WARNING), result("drom")], "error"),
    ],
)
def test_the_worst_that_is_open_decides(results: list[Result], level: str) -> None:
    report = build_report(gathered(audited(1, *results)))
    assert (report["verdict"]["level"], report["invoices"][0]["verdict"]) == (level, level)
    assert report["counts"]["verdicts"] == {**dict.fromkeys(LEVELS, 0), level: 1}


def test_what_was_accepted_is_shown_and_does_not_count() -> None:
    first, second = audited(1, result("escompte")), audited(2, result("escompte"))
    ref = first.subject.invoice.ref
    report = build_report(gathered(first, second, baseline=accepting("escompte", ref)))
    assert [one["verdict"] for one in report["invoices"]] == ["pass", "error"]
    assert [one["accepted"] for one in report["findings"]] == [
        {"who": "A. Martin", "why": "agreed", "until": "2027-06-30"},
        None,
    ]
    assert (report["counts"]["findings"]["error"], report["counts"]["open"]["error"]) == (2, 1)
    assert report["baseline"]["accepted"] == 1
    assert report["charts"]["findings_by_check"] == [{"check": "escompte", "severity": "error", "count": 1}]
    assert "(A. Martin, until 2027-06-30)" in render_markdown(report)


def test_what_other_sections_find_counts_and_is_shown_once() -> None:
    """VAT and the rules both find French VAT charged abroad; the rule's finding has the law with it."""
    one = audited(1, result("vat-charged-abroad", severity=WARNING))
    ref = one.subject.invoice.ref
    findings = {
        "vat": [
            Finding("vat-charged-abroad", WARNING, ref, "It charges VAT abroad.", "TVA facturée à l'étranger."),
            Finding("vat-overpaid", INFO, ref, "It was overpaid.", "Trop-perçu."),
        ],
        "numbering": [
            Finding("number-gap", ERROR, "FA", "2 is missing.", "Le 2 manque."),
            Finding("number-gap", ERROR, "FA", "4 is.", "Le 4 aussi."),
        ],
    }
    report = build_report(gathered(one, findings=findings))
    assert [(found["section"], found["check"], found["invoice"]) for found in report["findings"]] == [
        ("numbering", "number-gap", None),
        ("numbering", "number-gap", None),
        ("invoices", "vat-charged-abroad", ref),
        ("vat", "vat-overpaid", ref),
    ]
    assert report["findings"][2]["sources"] == ["C. com. L441-9, I"]
    # what others found of it is not a fault of the paper
    assert report["invoices"][0]["verdict"] == "warning"


def test_what_a_rule_says_in_other_words_is_shown_once() -> None:
    """A customer in the EU without a number: the rule asks for it, and the VAT return has no place for the line."""
    missing = result("buyer-vat-number")
    said = Finding("vat-unclassified", ERROR, audited(1).subject.invoice.ref, "line 1: no number.", "ligne 1.")
    shown = build_report(gathered(audited(1, missing), findings={"vat": [said]}))["findings"]
    assert [found["check"] for found in shown] == ["buyer-vat-number"]
    # of another invoice, or where the rule takes it less seriously, it stays
    for one in (audited(2, missing), audited(1, dataclasses.replace(missing, severity=INFO)), audited(1)):
        shown = build_report(gathered(one, findings={"vat": [said]}))["findings"]
        assert "vat-unclassified" in [found["check"] for found in shown]


def test_what_is_not_known_is_asked_for_once() -> None:
    ask = result("seller-capital", Status.UNDETERMINED, message="The capital is not known: fill in seller.capital.")
    form = dataclasses.replace(ask, rule="seller-legal-form")
    other = result("issue-date", Status.UNDETERMINED, message="Its PDF is encrypted.")
    report = build_report(gathered(audited(2, ask, form), audited(1, ask, other)))
    refs = [one["ref"] for one in report["invoices"]]
    assert report["undetermined"] == [
        {
            "message": ask.message,
            "message_fr": ask.message_fr,
            "rules": ["seller-capital", "seller-legal-form"],
            "invoices": sorted(refs),
        },
        {
            "message": "Its PDF is encrypted.",
            "message_fr": "Its PDF is encrypted. (fr)",
            "rules": ["issue-date"],
            "invoices": [refs[1]],
        },
    ]
    assert report["verdict"] == {
        "level": "undetermined",
        "en": "0 errors, 0 warnings and 0 remarks open. 2 questions undetermined.",
        "fr": "0 erreur, 0 avertissement et 0 remarque à traiter. 2 questions sans réponse.",
    }


@pytest.mark.parametrize(
    ("pdf", "state", "reason"),
    [
        (None, "missing", ""),
        (PdfText(reason="is encrypted", size=9), "unreadable", "is encrypted"),
        (PdfText(pages=("a", "b")), "read", ""),
    ],
)
def test_a_missing_pdf_is_told_from_one_that_cannot_be_read(pdf: PdfText | None, state: str, reason: str) -> None:
    facts = pdf_facts(pdf)
    assert (facts["state"], facts["reason"], facts["pages"]) == (state, reason, len(pdf.pages) if pdf else 0)


def test_sections_that_were_not_asked_for_are_null() -> None:
    report = build_report(gathered(invoices=None))
    assert [report[name] for name in ("invoices", "payments", "vat", "third_parties", "templates", "numbering")] == [
        None
    ] * 6
    assert set(map(len, report["charts"].values())) == {0}
    assert render_markdown(report).startswith("# Nothing wrong was found\n")


HOSTILE = "<script>alert(1)</script> | [x](http://evil.example) *a* `b` \n# Title\n\x1b[31m\u202e"


def test_names_and_words_are_data_in_markdown() -> None:
    bad = dataclasses.replace(result("escompte", message=HOSTILE), evidence=(Evidence(HOSTILE, 2),))
    one = audited(1, bad)
    report = build_report(gathered(one))
    report["invoices"][0]["customer"] = HOSTILE
    text = render_markdown(report)
    assert "<script" not in text and "\x1b" not in text and "\u202e" not in text
    assert not re.search(r"(?<!\\)\[x", text) and "\n# Title" not in text
    (row,) = [line for line in text.splitlines() if line.startswith(f"| {one.subject.invoice.ref}")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 9  # eight columns: that of the PDF is empty


@settings(max_examples=40)
@given(st.text(max_size=30))
def test_no_text_opens_a_tag_or_a_line_of_its_own(text: str) -> None:
    one = audited(1, result("escompte", message=text or "x"))
    lines = len(render_markdown(build_report(gathered(audited(1, result("escompte", message="x"))))).splitlines())
    shown = render_markdown(build_report(gathered(one)))
    assert len(shown.splitlines()) == lines
    assert not re.search(r"(?<!\\)<", shown)
