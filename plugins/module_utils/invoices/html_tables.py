# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of the audit's page: they sort by a click on a heading, filter by words and by choices, and open rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html_dom import (
    Child,
    add,
    amount,
    day,
    el,
    named,
    sentence,
    word,
)

# Fewer rows than this are seen at once.
WORTH_FILTERING = 6


@dataclass(frozen=True)
class Column:
    """A column: the key of its heading; figures stand at the right and sort as figures."""

    heading: str
    is_figure: bool = False


@dataclass(frozen=True)
class Row:
    """A row: its cells, the values it is filtered by, and what opens below it.

    ``detail`` is shown when the row is opened; with ``lazy`` the script makes it, from the results of this invoice.
    """

    cells: Sequence[Element]
    filters: Mapping[str, str] = field(default_factory=dict)
    detail: Element | None = None
    lazy: str = ""
    id: str = ""


def table(
    name: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    choices: Mapping[str, tuple[str, str]] | None = None,
    total: Sequence[Element] = (),
) -> Element:
    """A table with its tools; ``choices``: a filter of the rows, its heading, and the words of its values."""
    if not rows:
        return word("nothing", "p", class_="nothing")
    opens = any(row.detail is not None or row.lazy for row in rows)
    head = el("tr", *(_heading(column) for column in columns))
    grid = el("table", el("thead", head), id=name, class_="grid opens" if opens else "grid")
    if opens:
        add(grid, *(_opening(row, len(columns)) for row in rows))
    else:
        add(grid, el("tbody", *(_plain(row) for row in rows)))
    if total:
        add(grid, el("tfoot", el("tr", *total)))
    tools = _tools(name, rows, choices or {}) if len(rows) >= WORTH_FILTERING else None
    return el("div", tools, el("div", grid, class_="scroll"), class_="tabled")


def _heading(column: Column) -> Element:
    """A heading to click on; no real button: browsers do not repeat headings with one on the next sheet of paper."""
    return el(
        "th",
        word(column.heading, role="button", tabindex="0"),
        scope="col",
        class_="figure" if column.is_figure else None,
        data_sort="figure" if column.is_figure else "text",
    )


def _attributes(row: Row) -> dict[str, object]:
    return {"class_": "item", "id": row.id or None, **{f"data_is_{name}": value for name, value in row.filters.items()}}


def _plain(row: Row) -> Element:
    return el("tr", *row.cells, **_attributes(row))


def _opening(row: Row, width: int) -> Element:
    """A row that opens is a body of its own, so that what it opens stays with it when the table is sorted."""
    body = el("tbody", el("tr", *row.cells), **_attributes(row), data_results=row.lazy or None)
    if row.detail is not None:
        add(body, el("tr", el("td", row.detail, colspan=width), class_="detail"))
    return body


def _tools(name: str, rows: Sequence[Row], choices: Mapping[str, tuple[str, str]]) -> Element:
    """The field of words, a list for every choice, and how many rows are shown."""
    search = el("input", type="search", data_placeholder="search", placeholder="Rechercher", aria_label="Rechercher")
    lists = []
    for choice, (heading, group) in choices.items():
        values = dict.fromkeys(row.filters[choice] for row in rows)
        if len(values) > 1:
            options = [named(group, value, "option", value=value) for value in values]
            every = word("all", "option", value="")
            lists.append(el("label", word(heading), el("select", every, *options, data_filter=choice)))
    shown = el("output", el("b", str(len(rows))), " ", word("of"), f" {len(rows)} ", word("shown"))
    return el("div", search, *lists, shown, class_="tools", data_for=name)


def text(*children: Child, value: object = None, **attributes: object) -> Element:
    """A cell of words; ``value`` is what it sorts by, where that is not its text."""
    return el("td", *children, data_v=value, **attributes)


def money(value: str | None, **attributes: object) -> Element:
    """A cell with an amount."""
    return amount(value, "td", class_="figure", data_v=value, **attributes)


def count(value: int | str | None) -> Element:
    """A cell with a number."""
    return el("td", "" if value is None else str(value), class_="figure", data_v=value)


def when(value: str | None) -> Element:
    """A cell with a day."""
    return day(value, "td", class_="day", data_v=value or "")


def badge(group: str, value: str) -> Element:
    """A word in the colour of what it says."""
    return named(group, value, class_=f"badge {value.lower().replace('_', '-')}")


def notes(english: Sequence[str], french: Sequence[str]) -> list[Element]:
    """Sentences that belong to figures, where there are any."""
    items = [sentence(*both, "li") for both in zip(english, french, strict=True)]
    return [el("ul", *items, class_="notes")] if items else []
