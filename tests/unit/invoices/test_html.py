# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of an audit: what is text stays text, what it may do, and what it shows before its script runs."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import pathlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.invoices import html_dom
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html import render_html
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html_charts import draw
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html_script import SCRIPT
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html_words import WORDS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.titles import TITLES
from tests.support.audit_report import CLOSING, KEPT, QUOTED, SCRIPT_NAME, TURNED, bare_report, report

ACCOUNTING = pathlib.Path(html_dom.__file__).parents[1] / "accounting"
CHECK = re.compile(r"(payment|credit-note|deposit|surplus|vat|third-party|template|number)-[a-z-]+[a-z]")
VOID = {"meta", "link", "input", "img", "br"}


class Page(HTMLParser):
    """What a browser would find: elements with their attributes, and all text by the element that it is in."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} closes another element"

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text_of(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]

    @property
    def text(self) -> str:
        return " ".join(text for name, text in self.texts if name not in ("script", "style"))


def test_names_that_would_be_html_are_text() -> None:
    page = Page(render_html(report()))
    assert page.open == []
    assert len(page.of("script")) == 3
    assert not page.of("img")
    for planted in (SCRIPT_NAME, QUOTED, CLOSING, KEPT):
        assert planted in page.text
    assert not [name for _tag, attributes in page.elements for name in attributes if name.startswith("on")]


def test_data_for_the_script_cannot_leave_it() -> None:
    page = Page(render_html(report()))
    words, results = (json.loads(text) for text in page.text_of("script")[:2])
    assert CLOSING in words["fr"]["words"]["verdict.sentence"]
    said = [results["sentences"][result[3]] for result in results["invoices"]["1"]]
    assert {"en": f"Nobody knows: ask {CLOSING}.", "fr": f"En français : Nobody knows: ask {CLOSING}."} in said


def test_what_turns_text_around_or_is_no_text_is_taken_out() -> None:
    text = render_html(report())
    assert TURNED not in text
    assert not re.search("[\x00-\x08\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)
    text.encode()


def test_nothing_can_be_loaded_but_what_is_in_the_page() -> None:
    page = Page(render_html(report()))
    policy = next(one["content"] for one in page.of("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    (style,), script = page.text_of("style"), page.text_of("script")[2]
    assert script == SCRIPT
    for name, text in (("style", style), ("script", script)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert not re.search(r"url\(|@import", style)
    assert not [one for _tag, one in page.elements if "src" in one or "style" in one or "srcset" in one]
    assert [one["href"] for one in page.of("link")] == ["data:,"]


def test_links_lead_into_the_page_or_to_this_dolibarr() -> None:
    page = Page(render_html(report()))
    targets = [str(one["href"]) for one in page.of("a")]
    ids = {f"#{one['id']}" for _tag, one in page.elements if "id" in one}
    assert {target for target in targets if target.startswith("#")} <= ids
    cards = {target for target in targets if not target.startswith("#")}
    assert cards == {f"https://erp.example.com/compta/facture/card.php?facid={number}" for number in range(1, 7)}
    ids_of_page = [one["id"] for _tag, one in page.elements if "id" in one]
    assert len(ids_of_page) == len(set(ids_of_page))


def test_an_address_that_is_none_is_no_link() -> None:
    instance = {"url": "javascript:alert(1)", "dolibarr_version": "22.0.4"}
    page = Page(render_html(report(instance=instance)))
    assert not [one for one in page.of("a") if "javascript" in str(one["href"])]


def test_the_same_report_gives_the_same_page() -> None:
    assert render_html(report()) == render_html(report())


def test_everything_is_there_before_the_script_runs_in_french() -> None:
    text = Page(render_html(report())).text
    for words in (
        "Audit des factures",
        "À corriger",
        "Taux des pénalités de retard",
        "C. com. art. L441-9 I · C. com. art. L441-10 II",
        "1\u202f234,50",
        "\u2212100,00",
        "20\u202f000,00",
        "15/01/2026",
        "déc. 2025",
        "21/11/2026 09:30",
        "30/06/2027",
        "unheard-of",
        "En français : The rate is too low: write the legal one.",
        "Son PDF n'a pas de texte : le lire.",
        "Préparation, pas une déclaration.",
        "non réglée",
    ):
        assert words in text
    assert "Its PDF holds no text" not in text


def test_every_word_of_the_page_is_known_in_both_languages() -> None:
    page = Page(render_html(report()))
    words = json.loads(page.text_of("script")[0])
    assert set(words) == {"en", "fr"}
    assert set(words["en"]["words"]) == set(words["fr"]["words"])
    names = ("data-t", "data-title", "data-placeholder", "data-label")
    used = {str(one[name]) for _tag, one in page.elements for name in names if name in one}
    assert used <= set(words["en"]["words"])
    assert len(words["en"]["months"]) == len(words["fr"]["months"]) == 12


def test_words_of_the_script_are_known() -> None:
    said = set(re.findall(r'(?:said\("\w+", |word\()"([a-z.-]+)"', SCRIPT))
    assert said
    assert said <= set(WORDS)


def test_an_audit_of_nothing_is_a_page_too() -> None:
    page = Page(render_html(bare_report()))
    sections = [one["id"] for one in page.of("section")]
    assert sections == ["verdict", "findings"]
    assert WORDS["nothing"][1] in page.text
    assert WORDS["verdict.pass"][1] in page.text


def test_what_was_not_asked_for_is_not_shown() -> None:
    page = Page(render_html(report(vat=None, templates=None)))
    sections = [one["id"] for one in page.of("section")]
    assert sections == ["verdict", "charts", "fill", "findings", "invoices", "payments", "third-parties", "numbering"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0.00", "0,00"),
        ("-1234567.89", "\u22121\u202f234\u202f567,89"),
        ("999", "999"),
        ("1000", "1\u202f000"),
        ("?", "?"),
    ],
)
def test_amounts_in_french(value: str, shown: str) -> None:
    assert html_dom.french_amount(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2026-01-31", "31/01/2026"),
        ("2026-08", "août 2026"),
        ("2026-01-31T09:30:00+00:00", "31/01/2026 09:30 UTC"),
        ("2026-01-31T09:30:00+01:00", "31/01/2026 09:30"),
        ("?", "?"),
    ],
)
def test_days_in_french(value: str, shown: str) -> None:
    assert html_dom.french_day(value) == shown


def heights(figure: Any, look: str) -> list[float]:
    return [float(one.get("height", "")) for one in figure.iter("rect") if one.get("class") == look]


def test_bars_are_as_long_as_their_amounts() -> None:
    receipts, ageing, vat, findings = draw(report())
    first, second = heights(receipts, "a")
    assert first / second == pytest.approx(1000 / 234.50, rel=0.01)
    (paid_back,) = heights(receipts, "b")
    assert paid_back / second == pytest.approx(100 / 234.50, rel=0.01)
    owed = {one.get("class"): float(one.get("width", "")) for one in ageing.iter("rect") if one.get("class") != "track"}
    assert owed == {"age1": pytest.approx(2), "age4": pytest.approx(440), "age5": pytest.approx(2.2, abs=0.1)}
    assert len(list(vat.iter("circle"))) == 2
    assert [one.get("class") for one in findings.iter("rect") if one.get("class") != "track"] == (
        ["error"] * 2 + ["warning"] * 2 + ["info"] * 2
    )


def test_months_without_receipts_keep_their_place() -> None:
    receipts = draw(report())[0]
    bars = [one for one in receipts.iter("rect") if one.get("class") == "a"]
    places = [float(one.get("x", "")) + float(one.get("width", "")) / 2 for one in bars]
    # December is the first of four months, March the last; the drawing is 376 wide between its margins.
    assert places == pytest.approx([58 + 376 / 8, 58 + 376 * 7 / 8], abs=0.2)


def test_rules_with_few_findings_are_counted_together() -> None:
    rows = [{"check": f"check-{number:02}", "severity": "error", "count": 20 - number} for number in range(12)]
    (figure,) = draw(report(charts={**bare_report()["charts"], "findings_by_check": rows}))
    texts = ["".join(text.itertext()) for text in figure.iter("text")]
    # The four that are not shown have 12, 11, 10 and 9 findings.
    assert texts[-2:] == ["4 autres règles", "42"]
    assert texts[:2] == ["check-00", "20"]


def test_findings_of_one_rule_share_a_bar() -> None:
    rows = [
        {"check": "escompte", "severity": "warning", "count": 3},
        {"check": "number-gap", "severity": "warning", "count": 2},
        {"check": "escompte", "severity": "error", "count": 1},
    ]
    (figure,) = draw(report(charts={**bare_report()["charts"], "findings_by_check": rows}))
    parts = [
        (one.get("class"), one.get("x"), one.get("width")) for one in figure.iter("rect") if one.get("class") != "track"
    ]
    assert parts == [("error", "0", "110"), ("warning", "110", "330"), ("warning", "0", "220")]


def checks_of(path: pathlib.Path) -> set[str]:
    """Every text of a module that is the id of a check."""
    constants = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
    return {value for value in constants if isinstance(value, str) and CHECK.fullmatch(value)}


def test_every_check_of_accounting_has_a_title() -> None:
    used = set().union(*(checks_of(path) for path in ACCOUNTING.glob("*.py")))
    assert len(used) > 40
    assert used - set(TITLES) == set()


def test_titles_are_in_both_languages() -> None:
    assert all(english and french for english, french in TITLES.values())
    assert TITLES["third-party-vat-number-missing"] == ("VAT number missing", "Numéro de TVA : à renseigner")
