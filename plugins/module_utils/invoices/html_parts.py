# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Payments, third parties, templates and numbering on the audit's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element

from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html_dom import (
    Child,
    amount,
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
    count,
    money,
    notes,
    table,
    text,
    when,
)

Facts = Mapping[str, Any]


def payments(facts: Facts) -> list[Element]:
    """Where every invoice stands, what is owed by whom and since when, and what came in."""
    delays = facts["delays"]
    figures = el(
        "dl",
        _figure("outstanding", facts["total"]["outstanding"]),
        _figure("received", facts["total"]["received"]),
        _figure("delay", delays["weighted_days"]),
        _figure("dso", delays["dso"]),
        class_="facts",
    )
    return [
        figures,
        word("by-invoice", "h3"),
        _states(facts["state"], facts["total"]),
        word("by-third-party", "h3"),
        _ageing(facts["ageing_by_third_party"], facts["ageing"]),
        word("by-month", "h3"),
        _months(facts["by_month"], facts["by_month_total"]),
        *notes(facts["notes"], facts["notes_fr"]),
    ]


def _figure(name: str, value: str | None) -> Element | None:
    return el("div", word(name, "dt"), amount(value, "dd")) if value else None


def _states(states: Sequence[Facts], total: Facts) -> Element:
    columns = (
        Column("invoice"),
        Column("third-party"),
        Column("issued"),
        Column("due"),
        Column("total-ttc", is_figure=True),
        Column("received", is_figure=True),
        Column("credited", is_figure=True),
        Column("outstanding", is_figure=True),
        Column("days-late", is_figure=True),
        Column("state"),
    )
    rows = [
        Row(
            (
                text(one["ref"], class_="subject"),
                text(one["third_party"]),
                when(one["issued"]),
                when(one["due"]),
                money(one["total_ttc"]),
                money(one["received"]),
                money(one["credit_notes"]),
                money(one["outstanding"]),
                count(one["days_late"]),
                text(badge("state", one["state"])),
            ),
            {"state": one["state"]},
        )
        for one in states
    ]
    sums = (
        word("total", "td"),
        *(el("td") for _place in range(3)),
        money(total["total_ttc"]),
        money(total["received"]),
        money(total["credit_notes"]),
        money(total["outstanding"]),
        *(el("td") for _place in range(2)),
    )
    return table("payments-table", columns, rows, {"state": ("state", "state")}, sums)


def _ageing(rows: Sequence[Facts], total: Facts) -> Element:
    buckets = list(total["buckets"])
    columns = (
        Column("third-party"),
        *(Column(f"bucket.{bucket}", is_figure=True) for bucket in buckets),
        Column("total", is_figure=True),
    )
    sums = (word("total", "td"), *(money(total["buckets"][bucket]) for bucket in buckets), money(total["total"]))
    return table(
        "ageing-table",
        columns,
        [
            Row((text(one["third_party"]), *(money(one["buckets"][bucket]) for bucket in buckets), money(one["total"])))
            for one in rows
        ],
        total=sums,
    )


def _months(rows: Sequence[Facts], total: Facts) -> Element:
    keys = {"received": "received", "paid_back": "paid-back", "net": "net"}
    columns = (
        Column("month"),
        Column("movements", is_figure=True),
        *(Column(heading, is_figure=True) for heading in keys.values()),
        Column("cumulative", is_figure=True),
    )
    shown = [
        Row((when(one["month"]), count(one["movements"]), *(money(one[key]) for key in keys), money(one["cumulative"])))
        for one in rows
    ]
    sums = (word("total", "td"), count(total["movements"]), *(money(total[key]) for key in keys), el("td"))
    return table("receipts-table", columns, shown, total=sums)


def third_parties(facts: Facts) -> list[Element]:
    """What is known of customers and suppliers, and what is missing."""
    columns = (Column("name"), Column("roles"), Column("country"), Column("kind"), Column("complete"),
               Column("missing"), Column("invalid"))  # fmt: skip
    rows = [
        Row(
            (
                text(one["name"], class_="subject"),
                text(*joined(", ", [named("role", role) for role in one["roles"]])),
                text(one["country"]),
                text(named("kind", one["kind"])),
                text(
                    word("yes" if one["complete"] else "no", class_=f"badge {'pass' if one['complete'] else 'warning'}")
                ),
                text(*joined(", ", [named("field", name) for name in one["missing"]])),
                text(*joined(", ", [named("field", name) for name in one["invalid"]])),
            ),
            {"complete": "yes" if one["complete"] else "no", "kind": one["kind"]},
        )
        for one in facts["third_parties"]
    ]
    content = [table("third-parties-table", columns, rows, {"complete": ("complete", "is"), "kind": ("kind", "kind")})]
    if facts["not_audited"]:
        names: list[Child] = [
            el("span", f"{one['name']} (", sentence(one["reason"], one["reason_fr"], "span"), ")")
            for one in facts["not_audited"]
        ]
        content.append(el("p", word("not-audited"), " ", *joined(", ", names), class_="sources"))
    return content


def templates(rows: Sequence[Facts]) -> list[Element]:
    """Every template of recurring invoices."""
    columns = (
        Column("template"),
        Column("customer"),
        Column("state"),
        Column("every"),
        Column("next"),
        Column("generated", is_figure=True),
        Column("missed", is_figure=True),
        Column("total-ttc", is_figure=True),
    )
    shown = [
        Row(
            (
                text(one["title"], class_="subject"),
                text(one["third_party"]),
                text(badge("template-state", one["state"])),
                text(*((f"{one['frequency']} ", named("unit", one["unit"])) if one["frequency"] else ())),
                when(one["next_date"]),
                count(one["generated"]),
                count(one["missed"]),
                money(one["total_ttc"]),
            ),
            {"state": one["state"]},
        )
        for one in rows
    ]
    return [table("templates-table", columns, shown, {"state": ("state", "template-state")})]


def numbering(facts: Facts) -> list[Element]:
    """Every series of numbers, from its first to its last."""
    columns = (
        Column("series"),
        Column("mask"),
        Column("first"),
        Column("last"),
        Column("count", is_figure=True),
        Column("numbers-missing", is_figure=True),
    )
    rows = [
        Row(
            (
                text(one["name"], class_="subject"),
                text(one["mask"], el("small", word("assumed")) if one["is_assumed"] else None),
                text(one["first"]),
                text(one["last"]),
                count(one["count"]),
                count(one["missing"]),
            )
        )
        for one in facts["series"]
    ]
    return [table("numbering-table", columns, rows)]
