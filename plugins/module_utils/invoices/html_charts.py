# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The charts of the audit's page, as SVG that takes its colours from the style of the page.

Figures become floats here, where they only say how long a bar is; what is written beside it is the amount itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html_dom import (
    add,
    amount,
    check_name,
    day,
    el,
    french_amount,
    french_day,
    named,
    word,
)

# In units of the drawing, which is as wide as its card.
WIDTH, HEIGHT = 440, 236
LEFT, RIGHT, TOP, BOTTOM = 58, 6, 10, 26
ROW = 34  # of a bar that lies
MOST_RULES = 8
MOST_LABELS = 5
SEVERITIES = ("error", "warning", "info")
GRID = 4  # lines at most on each side of zero


class Series(NamedTuple):
    """One figure of every month: its class in the style, its name, and the amounts (None where there is none)."""

    look: str
    name: str
    amounts: Sequence[str]
    is_line: bool = False


def draw(report: Mapping[str, Any]) -> list[Element]:
    """All charts of a report that have something to show."""
    charts = report["charts"]
    receipts, vat = _every_month(charts["receipts_by_month"]), charts["vat_by_month"]
    figures = [
        _figure("receipts", *_by_month(receipts, Series("a", "received", _of(receipts, "received")),
                                       Series("b", "paid-back", [_turned(one) for one in _of(receipts, "paid_back")]))),
        _figure("ageing", _ageing(charts["ageing"])),
        _figure("vat", *_by_month(vat, Series("a", "collected", _of(vat, "collected")),
                                  Series("b", "deductible", [_turned(one) for one in _of(vat, "deductible")]),
                                  Series("c", "vat-net", _of(vat, "net"), is_line=True))),
        _figure("findings", *_findings(charts["findings_by_check"], report["checks"])),
    ]  # fmt: skip
    return [figure for figure in figures if figure is not None]


def _figure(name: str, drawing: Element | None, legend: Element | None = None) -> Element | None:
    if drawing is None:
        return None
    drawing.set("aria-labelledby", f"chart-{name}")
    return el(
        "figure", word(f"chart.{name}", "figcaption", id=f"chart-{name}"), legend, drawing, class_=f"chart {name}"
    )


def _of(rows: Sequence[Mapping[str, Any]], key: str) -> list[str]:
    return [str(row[key]) for row in rows]


def _every_month(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Also the months without a movement, so that the distance between bars is time."""
    known = {_month_number(row["month"]): row for row in rows}
    if not known:
        return []
    still = dict.fromkeys(rows[0], "0.00")
    return [
        known.get(number) or {**still, "month": f"{number // 12:04}-{number % 12 + 1:02}"}
        for number in range(min(known), max(known) + 1)
    ]


def _month_number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:7]) - 1


def _turned(value: str) -> str:
    """What goes out, drawn below what comes in."""
    return value[1:] if value.startswith("-") else f"-{value}" if float(value) else value


def _by_month(rows: Sequence[Mapping[str, Any]], *series: Series) -> tuple[Element | None, Element | None]:
    """Bars that stand, in the order of the months, and which is which."""
    shown = [one for one in series if any(float(value) for value in one.amounts)]
    if not shown:
        return None, None
    values = [float(value) for one in shown for value in one.amounts]
    step = _step(max(*values, 0.0), min(*values, 0.0))
    low, high = (math.floor(min(*values, 0.0) / step) * step, math.ceil(max(*values, 0.0) / step) * step)
    drawing = _svg(HEIGHT)

    def height(value: float) -> float:
        return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

    for line in range(round(low / step), round(high / step) + 1):
        y = height(line * step)
        add(
            drawing,
            _shape("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid" if line else "zero"),
            amount(_plain(line * step), "text", x=LEFT - 8, y=_round(y + 3.5), class_="axis end"),
        )
    months = [str(row["month"]) for row in rows]
    width = (WIDTH - LEFT - RIGHT) / len(months)
    thickness = min(width * 0.7, 26)
    every = math.ceil(len(months) / MOST_LABELS)
    for place, month in enumerate(months):
        middle = LEFT + (place + 0.5) * width
        for one in shown:
            length = float(one.amounts[place])
            if length and not one.is_line:
                top, bottom = sorted((height(length), height(0)))
                shape = _shape(
                    "rect", x=middle - thickness / 2, y=top, width=thickness, height=max(bottom - top, 1), rx=1.5
                )
                shape.set("class", one.look)
                add(drawing, add(shape, _tip(month, one.amounts[place])))
        if place % every == 0:
            add(drawing, day(month, "text", x=_round(middle), y=HEIGHT - 8, class_="axis middle"))
    for one in shown:
        if not one.is_line:
            continue
        points = [(LEFT + (place + 0.5) * width, height(float(value))) for place, value in enumerate(one.amounts)]
        add(drawing, el("polyline", points=" ".join(f"{_round(x)},{_round(y)}" for x, y in points), class_=one.look))
        for (x, y), month, value in zip(points, months, one.amounts, strict=True):
            add(drawing, add(_shape("circle", cx=x, cy=y, r=2.6, class_=one.look), _tip(month, value)))
    legend = el("ul", *(el("li", word(one.name), class_=one.look) for one in shown), class_="legend")
    return drawing, legend


def _ageing(rows: Sequence[Mapping[str, Any]]) -> Element | None:
    """What is owed, by how long it has been due."""
    if not any(float(row["amount"]) for row in rows):
        return None
    longest = max(abs(float(row["amount"])) for row in rows)
    drawing = _svg(ROW * len(rows))
    for place, row in enumerate(rows):
        look = f"age{place}"
        label = named("bucket", row["bucket"], "text")
        value = amount(row["amount"], "text")
        _lie(drawing, place, label, value, (abs(float(row["amount"])) / longest, look))
    return drawing


def _findings(rows: Sequence[Mapping[str, Any]], checks: Mapping[str, Any]) -> tuple[Element | None, Element | None]:
    """The checks with most errors, then warnings, then remarks, each in its colours; the others counted."""
    counts: dict[str, list[int]] = {}
    for row in rows:
        counts.setdefault(row["check"], [0] * len(SEVERITIES))[SEVERITIES.index(row["severity"])] += row["count"]
    if not counts:
        return None, None
    ordered = sorted(counts.items(), key=lambda item: ([-count for count in item[1]], item[0]))
    shown, others = ordered[:MOST_RULES], ordered[MOST_RULES:]
    longest = max(sum(of_check) for _check, of_check in shown)
    drawing = _svg(ROW * (len(shown) + bool(others)))
    for place, (check, of_check) in enumerate(shown):
        parts = [(count / longest, look) for count, look in zip(of_check, SEVERITIES, strict=True)]
        _lie(drawing, place, check_name(check, checks, "text"), el("text", str(sum(of_check))), *parts)
    if others:
        rest = sum(sum(of_check) for _check, of_check in others)
        label = el("text", f"{len(others)} ", word("chart.others", "tspan"))
        _lie(drawing, len(shown), label, el("text", str(rest)))
    found = [look for place, look in enumerate(SEVERITIES) if any(of_check[place] for of_check in counts.values())]
    return drawing, el("ul", *(word(f"count.{look}", "li", class_=look) for look in found), class_="legend")


def _lie(drawing: Element, place: int, label: Element, value: Element, *parts: tuple[float, str]) -> None:
    """A name and a figure; below them a bar that lies, of parts with their lengths and looks, where there are any."""
    y = place * ROW
    for text, x, side in ((label, 0, "start"), (value, WIDTH, "end")):
        text.set("x", str(x))
        text.set("y", str(y + 13))
        text.set("class", f"label {side}")
    add(drawing, label, value)
    if parts:
        add(drawing, _shape("rect", x=0, y=y + 19, width=WIDTH, height=7, class_="track"))
    begin = 0.0
    for share, look in parts:
        if share:
            add(drawing, _shape("rect", x=begin, y=y + 19, width=max(share * WIDTH, 2), height=7, class_=look))
        begin += share * WIDTH


def _tip(month: str, value: str) -> Element:
    """What the pointer shows: the month and the amount."""
    return el("title", f"{french_day(month)} : {french_amount(value)}", data_d=month, data_n=value)


def _svg(height: float) -> Element:
    return el("svg", viewBox=f"0 0 {WIDTH} {_round(height)}", role="img")


def _shape(tag: str, **attributes: float | str) -> Element:
    return el(tag, **{name: value if isinstance(value, str) else _round(value) for name, value in attributes.items()})


def _round(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _plain(value: float) -> str:
    return f"{value:.2f}".removesuffix(".00")


def _step(high: float, low: float) -> float:
    """The distance of the lines of a grid: 1, 2 or 5 times a power of ten."""
    least = max(high, -low) / GRID
    power: float = 10.0 ** math.floor(math.log10(least))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= least), 10 * power)
