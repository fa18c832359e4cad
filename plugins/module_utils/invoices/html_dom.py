# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The elements of the audit's page: built as a tree, so that no text can ever be read as HTML.

Words, dates and amounts carry what they are (``data-t``, ``data-d``, ``data-n``), and show it in French; the script of
the page shows the same in the other language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Union
from xml.etree.ElementTree import Element, tostring

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import french_amount
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.render import UNPRINTABLE
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html_words import MONTHS, WORDS

Child = Union[Element, str, None]  # noqa: UP007 - at import, Element has no | in old Pythons

# What UTF-8 cannot hold: a half of a character.
SURROGATE = re.compile("[\ud800-\udfff]")
DAY = re.compile(r"(\d{4})-(\d\d)(?:-(\d\d))?(?:T(\d\d:\d\d)(?::[\d.]+(\+00:00)?)?)?")


def clean(text: object) -> str:
    """Text without what breaks lines, drives a terminal or turns text around."""
    return SURROGATE.sub("\ufffd", UNPRINTABLE.sub(" ", str(text)))


def el(tag: str, /, *children: Child, **attributes: object) -> Element:
    """An element. ``None`` among children and attributes is left out, ``class_`` is class, ``data_t`` is data-t."""
    element = Element(tag)
    for name, value in attributes.items():
        if value is not None and value is not False:
            element.set(name.rstrip("_").replace("_", "-"), "" if value is True else clean(value))
    add(element, *children)
    return element


def add(element: Element, *children: Child) -> Element:
    """The element, with more in it."""
    for child in children:
        if isinstance(child, Element):
            element.append(child)
        elif child:
            _add_text(element, clean(child))
    return element


def _add_text(element: Element, text: str) -> None:
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text


def raw(tag: str, text: str, /, **attributes: object) -> Element:
    """A style or a script: its text is ours, and not escaped in HTML."""
    element = el(tag, **attributes)
    element.text = text
    return element


def html(element: Element) -> str:
    """The element as HTML."""
    return tostring(element, encoding="unicode", method="html")


def word(key: str, tag: str = "span", /, **attributes: object) -> Element:
    """Words of the page, in both languages."""
    return el(tag, WORDS[key][1], data_t=key, **attributes)


def sentence(english: str, french: str, tag: str = "p", /, **attributes: object) -> Element:
    """A sentence of the report, in both languages."""
    return el(tag, french, data_en=english, data_fr=french, **attributes)


def named(group: str, fact: object, tag: str = "span", /, **attributes: object) -> Element:
    """One of the values that facts hold in English, in words; itself where there are none."""
    key = f"{group}.{fact}"
    return word(key, tag, **attributes) if key in WORDS else el(tag, str(fact), **attributes)


def check_name(check: str, checks: Mapping[str, Any], tag: str = "span", /, **attributes: object) -> Element:
    """The title of a check, its id where it has none."""
    title = checks.get(check)
    if title is None:
        return el(tag, check, **attributes)
    return el(tag, title["fr"], data_t=f"check.{check}", **attributes)


def day(value: str | None, tag: str = "span", /, **attributes: object) -> Element:
    """A day, an instant or a month (ISO)."""
    return el(tag, french_day(value), data_d=value, **attributes) if value else el(tag, **attributes)


def french_day(value: str) -> str:
    """An ISO day, instant or month as France writes it: 31/01/2025, 31/01/2025 14:55, janv. 2025."""
    match = DAY.match(value)
    if match is None:
        return value
    year, month, date, time, is_utc = match.groups()
    if date is None:
        return f"{MONTHS[int(month) - 1][1]} {year}"
    return f"{date}/{month}/{year}" + (f" {time}" if time else "") + (" UTC" if is_utc else "")


def amount(value: str | None, tag: str = "span", /, **attributes: object) -> Element:
    """An amount; nothing where there is none."""
    return el(tag, french_amount(value), data_n=value, **attributes) if value else el(tag, **attributes)


def joined(separator: str, parts: list[Child]) -> Iterator[Child]:
    """Parts with something between them."""
    for index, part in enumerate(parts):
        if index:
            yield separator
        yield part
