# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VAT on the audit's page: the CA3 of every month, and what could not be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import Element

from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html_dom import add, el, named, sentence, word
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html_tables import (
    Column,
    Row,
    count,
    money,
    notes,
    table,
    text,
    when,
)

Facts = Mapping[str, Any]


def vat(facts: Facts) -> list[Element]:
    """The CA3 of every month, what is not due, what could not be classified, and what was assumed."""
    is_exact = facts["reconciliation"]["is_exact"]
    content = [
        el(
            "p",
            word("vat-preparation"),
            ". ",
            word("exact" if is_exact else "not-exact", class_="exact" if is_exact else "inexact"),
        ),
        word("ca3", "h3"),
        _returns(facts["months"]),
    ]
    if facts["unclassified"]:
        content += [word("unclassified", "h3"), _unclassified(facts["unclassified"])]
    undue = [*facts["not_due"]["customers"], *facts["not_due"]["suppliers"]]
    if undue:
        content += [word("not-due", "h3"), _not_due(undue)]
    if facts["assumptions"]:
        content += [word("assumptions", "h3"), *notes(facts["assumptions"], facts["assumptions_fr"])]
    return content


def _returns(months: Sequence[Facts]) -> Element:
    keys = {
        "gross_tax": "collected",
        "deductible_tax": "deductible",
        "net": "vat-net",
        "credit_carried_forward": "credit-forward",
        "to_pay": "to-pay",
    }
    columns = (Column("month"), *(Column(heading, is_figure=True) for heading in keys.values()))
    rows = [
        Row(
            (
                add(
                    el("td", class_="subject day", data_v=one["month"]),
                    _opener(one["month"]),
                    el("small", word("partial")) if one["is_partial"] else None,
                ),
                *(money(one[key]) for key in keys),
            ),
            detail=_ca3(one["lines"]),
        )
        for one in months
    ]
    summed = ("gross_tax", "deductible_tax", "net", None, "to_pay")  # a credit is carried, and adds up to nothing
    sums = (
        word("total", "td"),
        *(money(str(sum(Decimal(one[key]) for one in months))) if key else el("td") for key in summed),
    )
    return table("vat-table", columns, rows, total=sums)


def _opener(month: str) -> Element:
    opener = when(month)
    return el("button", opener.text, type="button", class_="opener", aria_expanded="false", data_d=month)


def _ca3(lines: Sequence[Facts]) -> Element:
    """The lines of one return, in whole euros as they are declared."""
    head = el(
        "tr",
        *(
            word(heading, "th", scope="col", class_="figure" if heading in ("base", "tax") else None)
            for heading in ("ca3-line", "ca3-label", "box", "base", "tax")
        ),
    )
    body = [
        el(
            "tr",
            el("td", line["line"]),
            el("td", line["label"], lang="fr"),
            el("td", line["box"]),
            _whole(line["base_rounded"]) if Decimal(line["base"]) else el("td"),
            _whole(line["tax_rounded"]),
        )
        for line in lines
    ]
    return el("table", el("thead", head), el("tbody", *body), class_="inner")


def _whole(value: str) -> Element:
    """A cell with whole euros."""
    return money(value.removesuffix(".00"))


def _unclassified(rows: Sequence[Facts]) -> Element:
    columns = (
        Column("invoice"),
        Column("side"),
        Column("line", is_figure=True),
        Column("total-ht", is_figure=True),
        Column("tax", is_figure=True),
        Column("reason"),
    )
    shown = [
        Row(
            (
                text(one["invoice"], class_="subject"),
                text(named("side", one["side"])),
                count(one["line"]),
                money(one["total_ht"]),
                money(one["total_tva"]),
                sentence(one["reason"], one["reason_fr"], "td"),
            )
        )
        for one in rows
    ]
    return table("unclassified-table", columns, shown)


def _not_due(rows: Sequence[Facts]) -> Element:
    columns = (
        Column("invoice"),
        Column("issued"),
        Column("base", is_figure=True),
        Column("tax", is_figure=True),
        Column("reason"),
    )
    shown = [
        Row(
            (
                text(one["invoice"], class_="subject"),
                when(one["issued"]),
                money(one["base"]),
                money(one["tax"]),
                sentence(one["reason"], one["reason_fr"], "td"),
            )
        )
        for one in rows
    ]
    return table("not-due-table", columns, shown)
