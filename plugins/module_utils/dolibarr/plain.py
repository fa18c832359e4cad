# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Typed objects as plain values, which a play can use and JSON can hold."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import cents


def figure(value: Decimal) -> str:
    """A figure as text with two decimals, and with more where there are more: a rate of exchange, a price per piece."""
    rounded = cents(value)
    return str(rounded + 0) if rounded == value else f"{value.normalize():f}"


def plain(value: Any) -> Any:
    """Objects as dictionaries by field, days and instants as ISO texts, codes as their names in lower case."""
    if isinstance(value, Decimal):
        return figure(value)
    if isinstance(value, date):  # and an instant, which is a date too
        return value.isoformat()
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, tuple | list | frozenset):
        return [plain(item) for item in (sorted(value) if isinstance(value, frozenset) else value)]
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return value
