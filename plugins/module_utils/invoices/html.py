# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit as one page: verdict, charts, findings, invoices and figures, with nothing to fetch from anywhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from ansible_collections.arcodange.erp.plugins.module_utils.invoices import html_parts, html_vat
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html_charts import draw
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html_dom import (
    Child,
    clean,
    day,
    el,
    html,
    joined,
    raw,
    word,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html_findings import (
    as_json,
    fill,
    findings,
    invoices,
    results,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html_script import SCRIPT
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html_style import STYLE
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html_words import MONTHS, WORDS

LANGUAGES = ("en", "fr")
PARTS: dict[str, Callable[[Any], list[Element]]] = {
    "payments": html_parts.payments,
    "vat": html_vat.vat,
    "third_parties": html_parts.third_parties,
    "templates": html_parts.templates,
    "numbering": html_parts.numbering,
}


def render_html(report: Mapping[str, Any]) -> str:
    """The page of an audit, from the data of ``audit.json``; the same data give the same page.

    It is written in French; its script shows English where the browser asks for it, or the reader. All text of the data
    is text of the page, never HTML, and the page may neither load nor send anything.
    """
    content = _content(report)
    page = el(
        "html",
        el(
            "head",
            el("meta", charset="utf-8"),
            el("meta", http_equiv="Content-Security-Policy", content=_policy()),
            el("meta", name="viewport", content="width=device-width, initial-scale=1"),
            el("meta", name="referrer", content="no-referrer"),
            el("meta", name="color-scheme", content="light dark"),
            el("link", rel="icon", href="data:,"),
            el("title", f"{WORDS['title'][1]} — {report['seller']['name'] or report['instance']['url']}"),
            raw("style", STYLE),
        ),
        el(
            "body",
            _head(report),
            _contents(content),
            el("main", _verdict(report), *content),
            _foot(report),
            raw("script", _words(report), type="application/json", id="words"),
            raw("script", results(report), type="application/json", id="results"),
            raw("script", SCRIPT),
        ),
        lang="fr",
    )
    return f"<!doctype html>\n{html(page)}\n"


def _policy() -> str:
    """Nothing but this style and this script, and an icon that is in the page."""
    style, script = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (STYLE, SCRIPT)
    )  # fmt: skip
    return (
        f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )


def _words(report: Mapping[str, Any]) -> str:
    """The words of the page and the titles of the checks in both languages, for the script."""
    return as_json(
        {
            language: {
                "months": [month[place] for month in MONTHS],
                "words": {key: texts[place] for key, texts in WORDS.items()}
                | {f"check.{check}": clean(title[language]) for check, title in report["checks"].items()}
                | {"verdict.sentence": clean(report["verdict"][language])},
            }
            for place, language in enumerate(LANGUAGES)
        }
    )


def _head(report: Mapping[str, Any]) -> Element:
    """Whose invoices, which, and when they were looked at."""
    seller = report["seller"]
    numbers: list[Child] = [
        el("span", word(name), f" {value}")
        for name, value in (("siren", seller["siren"]), ("vat-number", seller["vat_number"]))
        if value
    ]
    return el(
        "header",
        el(
            "div",
            word("title", "h1"),
            el("p", el("b", seller["name"]), *(joined(" · ", ["", *numbers])), class_="seller")
            if seller["name"]
            else None,
            el(
                "p",
                *_scope(report["scope"]),
                " · ",
                word("made"),
                " ",
                day(report["generated_at"]),
                " · ",
                word("in-euros"),
            ),
        ),
        el(
            "div",
            el("button", "Français", type="button", data_language="fr", lang="fr"),
            el("button", "English", type="button", data_language="en", lang="en"),
            word("print", "button", type="button", id="print"),
            class_="buttons",
        ),
    )


def _scope(scope: Mapping[str, Any]) -> list[Child]:
    """The invoices or the period that were asked for."""
    if scope["invoices"]:
        return [word("chosen"), " ", ", ".join(str(one) for one in scope["invoices"])]
    bounds: list[Child] = []
    for name in ("since", "until"):
        if scope[name]:
            bounds += [word(name), " ", day(scope[name]), " "]
    return [word("period"), " ", *(bounds or [word("whole")])]


def _contents(sections: list[Element]) -> Element:
    """Links to the parts of the page."""
    links = []
    for section in sections:
        heading = section.find("h2")
        if heading is not None:
            links.append(el("a", word(heading.attrib["data-t"]), href=f"#{section.attrib['id']}"))
    return el("nav", *links, aria_label="Sommaire", data_label="contents")


def _verdict(report: Mapping[str, Any]) -> Element:
    """The verdict in words, and the figures it stands on; each leads to what it counts."""
    verdict, counts = report["verdict"], report["counts"]
    figures: list[Child] = []
    if report["invoices"] is not None:
        figures.append(_count("invoices", counts["invoices"], "#invoices"))
    figures += [
        _count(severity, number, "#findings", f"severity={severity}&acceptance=open")
        for severity, number in counts["open"].items()
    ]
    if report["invoices"] is not None:
        figures.append(_count("undetermined", counts["results"]["undetermined"], "#fill"))
    if counts["accepted"]:
        figures.append(_count("accepted", counts["accepted"], "#findings", "acceptance=accepted"))
    return el(
        "section",
        word(f"verdict.{verdict['level']}", "p", class_="level"),
        el("p", verdict["fr"], data_t="verdict.sentence"),
        el("ul", *figures, class_="counts"),
        id="verdict",
        class_=f"verdict {verdict['level']}",
    )


def _count(name: str, number: int, target: str, choices: str | None = None) -> Element:
    figure = el("b", str(number))
    return el("li", el("a", figure, " ", word(f"count.{name}"), href=target, data_choose=choices), class_=name)


def _content(report: Mapping[str, Any]) -> list[Element]:
    """The sections below the verdict: those that were asked for."""
    charts = draw(report)
    sections = [
        _section("charts", el("div", *charts, class_="charts")) if charts else None,
        fill(report),
        _section("findings", findings(report)),
        _section("invoices", _left_out(report["scope"]["left_out"]), invoices(report))
        if report["invoices"] is not None
        else None,
        *(
            _section(part, _lead(report, part), *show(report[part])) if report[part] is not None else None
            for part, show in PARTS.items()
        ),
    ]
    return [section for section in sections if section is not None]


def _section(name: str, *content: Element | None) -> Element:
    return el("section", word(f"section.{name}", "h2"), *content, id=name.replace("_", "-"))


def _lead(report: Mapping[str, Any], part: str) -> Element | None:
    """A link from a part to its open findings, where there are any."""
    number = sum(one["section"] == part and one["accepted"] is None for one in report["findings"])
    if not number:
        return None
    words = word("open-finding" if number == 1 else "open-findings")
    choices = f"section={part}&acceptance=open"
    return el("p", el("a", f"{number} ", words, href="#findings", data_choose=choices), class_="lead")


def _left_out(counts: Mapping[str, int] | None) -> Element | None:
    """How many were no invoices, where there were any."""
    number = sum((counts or {}).values())
    return el("p", f"{number} ", word("left-out"), class_="lead") if number else None


def _foot(report: Mapping[str, Any]) -> Element:
    """What made the page, from what, and what it is not."""
    instance = report["instance"]
    return el(
        "footer",
        el(
            "p",
            word("made-by"),
            f" {report['collection_version']}, ",
            word("against"),
            f" {instance['dolibarr_version']}, {instance['url']}.",
        ),
        word("no-advice", "p"),
    )
