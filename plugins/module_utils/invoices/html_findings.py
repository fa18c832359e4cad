# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The findings and the invoices on the audit's page, with the words that were found and the law."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html_dom import (
    Child,
    check_name,
    clean,
    day,
    el,
    joined,
    named,
    sentence,
    word,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html_tables import (
    Column,
    Row,
    badge,
    money,
    table,
    text,
    when,
)

Report = Mapping[str, Any]

SEVERITIES = ("error", "warning", "info")
LEVELS = ("error", "warning", "undetermined", "pass")
STATUSES = ("fail", "undetermined", "pass", "not_applicable")
# What a result says: how bad it is, or what else became of the rule.
KINDS = (*(f"severity.{severity}" for severity in SEVERITIES), *(f"status.{status}" for status in STATUSES[1:]))
# More is folded.
MOST_GAPS = 6


def findings(report: Report) -> Element:
    """All findings, worst first."""
    links = places(report)
    rows = [_finding(finding, report, links) for finding in report["findings"]]
    columns = (Column("severity"), Column("section"), Column("subject"), Column("finding"))
    choices = {
        "severity": ("severity", "severity"),
        "section": ("section", "section"),
        "acceptance": ("acceptance", "accepted"),
    }
    return table("findings-table", columns, rows, choices)


def places(report: Report) -> dict[str, str]:
    """Where on the page the invoices are, by reference."""
    return {invoice["ref"]: f"invoice-{invoice['id']}" for invoice in report["invoices"] or ()}


def _finding(finding: Report, report: Report, links: Mapping[str, str]) -> Row:
    accepted = finding["accepted"]
    cells = (
        text(badge("severity", finding["severity"]), value=SEVERITIES.index(finding["severity"])),
        text(word(f"section.{finding['section']}"), class_="part"),
        text(_link(finding["subject"], links.get(finding["invoice"] or "")), class_="subject"),
        el(
            "td",
            check_name(finding["check"], report["checks"], "strong"),
            sentence(finding["message"], finding["message_fr"]),
            _evidence(finding["evidence"]),
            _sources(finding["sources"]),
            _acceptance(accepted) if accepted else None,
            class_="found",
        ),
    )
    state = "accepted" if accepted else "open"
    return Row(cells, {"severity": finding["severity"], "section": finding["section"], "acceptance": state})


def _link(subject: str, place: str | None) -> Child:
    return el("a", subject, href=f"#{place}") if place else subject


def _evidence(evidence: Iterable[Report]) -> Element | None:
    """The words that were found, and where."""
    quotes = [
        el(
            "li",
            el("q", one["text"]),
            " ",
            el("span", word("page"), f" {one['page']}") if one["page"] else word("from-data"),
        )
        for one in evidence
    ]
    return el("ul", *quotes, class_="evidence") if quotes else None


def _sources(sources: Iterable[str]) -> Element | None:
    texts = " · ".join(sources)
    return el("p", texts, class_="sources") if texts else None


def _acceptance(accepted: Report) -> Element:
    """Who accepted a finding, until when, and why."""
    return el(
        "p",
        word("accepted-by"),
        " ",
        el("b", accepted["who"]),
        " ",
        word("until"),
        " ",
        day(accepted["until"]),
        f" — {accepted['why']}",
        class_="accepted",
    )


def invoices(report: Report) -> Element:
    """All invoices, each with its results below it."""
    url = report["instance"]["url"]
    rows = [_invoice(invoice, url) for invoice in report["invoices"]]
    columns = (
        Column("verdict-of"),
        Column("invoice"),
        Column("issued"),
        Column("customer"),
        Column("total-ht", is_figure=True),
        Column("total-ttc", is_figure=True),
        Column("pdf"),
        Column("results", is_figure=True),
    )
    choices = {"verdict": ("verdict-of", "verdict-of"), "type": ("type", "type"), "pdf": ("pdf", "pdf")}
    return table("invoices-table", columns, rows, choices)


def _invoice(invoice: Report, url: str) -> Row:
    counts = Counter(_what(result) for result in invoice["results"])
    numbers: list[Child] = [
        el("span", str(counts[what]), class_=f"dot {what.rpartition('.')[2]}", data_title=what)
        for what in KINDS
        if counts[what]
    ]
    # Errors first, then warnings, then remarks, then what is unknown.
    weight = sum(counts[what] * 1000 ** (3 - place) for place, what in enumerate(KINDS[:4]))
    kind = None if invoice["type"] == "standard" else named("type", invoice["type"], "small")
    cells = (
        text(badge("verdict-of", invoice["verdict"]), value=LEVELS.index(invoice["verdict"])),
        text(
            el("button", invoice["ref"], type="button", class_="opener", aria_expanded="false"),
            _card(url, invoice["id"]),
            kind,
            value=invoice["ref"],
            class_="subject",
        ),
        when(invoice["issued"]),
        text(invoice["customer"]),
        _amount(invoice["total_ht"], invoice["currency"]),
        _amount(invoice["total_ttc"], invoice["currency"]),
        text(badge("pdf", invoice["pdf"]["state"])),
        el("td", *joined(" ", numbers), class_="figure results", data_v=weight),
    )
    filters = {"verdict": invoice["verdict"], "type": invoice["type"], "pdf": invoice["pdf"]["state"]}
    return Row(cells, filters, lazy=str(invoice["id"]), id=f"invoice-{invoice['id']}")


def _what(result: Report) -> str:
    return f"severity.{result['severity']}" if result["status"] == "fail" else f"status.{result['status']}"


def _amount(value: str, currency: str) -> Element:
    """An amount of an invoice; the currency only where it is not the euro."""
    cell = money(value)
    if currency != "EUR":
        cell.append(el("small", currency))
    return cell


def _card(url: str, identity: int) -> Element | None:
    """A link to the invoice's card in Dolibarr."""
    if not url.startswith(("https://", "http://")):
        return None
    address = f"{url.rstrip('/')}/compta/facture/card.php?facid={identity}"
    return el("a", "↗", href=address, class_="card", target="_blank", rel="noopener noreferrer", data_title="dolibarr")


def results(report: Report) -> str:
    """The results of all invoices, as JSON that the script shows of the invoice that is opened.

    ``rules``, ``sentences`` and ``sources`` are listed once; ``invoices``: by id, results as [rule, status, severity,
    sentence, [[words, page]...], [source...]], worst first.
    """
    rules: dict[str, int] = {}
    sentences: dict[tuple[str, str], int] = {}
    sources: dict[str, int] = {}
    by_invoice = {}
    for invoice in report["invoices"] or ():
        by_invoice[str(invoice["id"])] = [
            [
                rules.setdefault(one["rule"], len(rules)),
                one["status"],
                one["severity"],
                sentences.setdefault((clean(one["message"]), clean(one["message_fr"])), len(sentences)),
                [[clean(found["text"]), found["page"]] for found in one["evidence"]],
                [sources.setdefault(source, len(sources)) for source in one["sources"]],
            ]
            for one in sorted(invoice["results"], key=_rank)
        ]
    return as_json(
        {
            "rules": list(rules),
            "sentences": [{"en": english, "fr": french} for english, french in sentences],
            "sources": [clean(one) for one in sources],
            "invoices": by_invoice,
        }
    )


def _rank(result: Report) -> tuple[int, int]:
    return STATUSES.index(result["status"]), SEVERITIES.index(result["severity"])


def as_json(data: object) -> str:
    """JSON that can stand inside of HTML, whatever is in it."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def fill(report: Report) -> Element | None:
    """What could not be told and what to fill in, then what was accepted once and alarms again."""
    gaps = [
        el(
            "li",
            sentence(gap["message"], gap["message_fr"]),
            el(
                "p",
                *joined(" · ", [check_name(rule, report["checks"]) for rule in gap["rules"]]),
                " — ",
                _concerned(gap["invoices"], places(report)),
                class_="sources",
            ),
        )
        for gap in report["undetermined"]
    ]
    problems = [
        el("li", sentence(problem["message"], problem["message_fr"])) for problem in report["baseline"]["problems"]
    ]
    if not gaps and not problems:
        return None
    return el(
        "section",
        word("section.fill", "h2"),
        _folded(gaps),
        *((word("baseline", "h3"), el("ul", *problems, class_="gaps")) if problems else ()),
        id="fill",
    )


def _folded(gaps: list[Element]) -> Element | None:
    """The first gaps, and the others folded."""
    if not gaps:
        return None
    shown, others = gaps[:MOST_GAPS], gaps[MOST_GAPS:]
    more = el("summary", f"+ {len(others)}")
    return el(
        "div",
        el("ul", *shown, class_="gaps"),
        el("details", more, el("ul", *others, class_="gaps")) if others else None,
    )


def _concerned(refs: list[str], links: Mapping[str, str]) -> Element:
    """The one invoice, or how many."""
    if len(refs) == 1:
        return el("span", _link(refs[0], links.get(refs[0])))
    return el("span", f"{len(refs)} ", word("concerns"))
