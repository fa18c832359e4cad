# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What single values of Dolibarr's REST API mean: its strings, epochs and half-empty fields as Python values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

Answer = Mapping[str, Any]
EMPTY = (None, "")


class UnreadableAnswer(ErpError):
    """Dolibarr answered something that this collection does not understand."""


def number(answer: Answer, key: str) -> Decimal:
    """An amount, a rate or a quantity; zero when it was never set."""
    value = answer.get(key)
    try:
        # By way of str: a JSON number is a float already, and its shortest form is what was sent.
        return Decimal("0") if value in EMPTY else Decimal(str(value))
    except InvalidOperation as error:
        raise unreadable(answer, key, "a number") from error


def integer(answer: Answer, key: str) -> int | None:
    """An id, a code or a counter."""
    value = answer.get(key)
    try:
        return None if value in EMPTY else int(str(value))
    except ValueError as error:
        raise unreadable(answer, key, "a whole number") from error


def identity(answer: Answer, key: str = "id") -> int:
    """An id that must be there."""
    value = integer(answer, key)
    if value is None:
        raise unreadable(answer, key, "an id")
    return value


def text(answer: Answer, key: str) -> str:
    """A text without surrounding space; empty when it was never set."""
    value = answer.get(key)
    return "" if value is None else str(value).strip()


def flag(answer: Answer, key: str) -> bool:
    """A yes or no, which Dolibarr sends as ``"1"``, ``1`` or nothing."""
    return bool(integer(answer, key))


def instant(answer: Answer, key: str) -> datetime | None:
    """An epoch, as an aware instant in UTC."""
    seconds = integer(answer, key)
    return None if seconds is None or seconds == 0 else datetime.fromtimestamp(seconds, UTC)


def day(answer: Answer, key: str) -> date | None:
    """The calendar day of an epoch that stands for midnight in the time zone of Dolibarr's PHP.

    Midnight between UTC-11 and UTC+12 is less than twelve hours from midnight UTC, so that the day does not depend on
    knowing the zone, nor on its half-yearly change.
    """
    midnight = instant(answer, key)
    return None if midnight is None else (midnight + timedelta(hours=12)).date()


def local_day(answer: Answer, key: str) -> date:
    """The calendar day of a payment, which Dolibarr sends as local text: ``2025-04-15 12:00:00``."""
    value = text(answer, key)
    try:
        return date.fromisoformat(value[:10])
    except ValueError as error:
        raise unreadable(answer, key, "a day") from error


def unreadable(answer: Answer, key: str, wanted: str) -> UnreadableAnswer:
    """The error of a field that holds something else; the value itself may be personal and is not shown."""
    name = text(answer, "ref") or text(answer, "id") or "an object"
    return UnreadableAnswer(
        f"Dolibarr's answer for {name} has something other than {wanted} in {key}: report it with the version of your Dolibarr.",
        field=key,
    )
