# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The days that a person asks for: ``since``, ``until``, ``year`` and ``month`` as one period."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Period
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

FIRST_YEAR, LAST_YEAR = 1900, 9998


def read_day(value: str, option: str) -> date:
    """A day written as ``YYYY-MM-DD``."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ErpError(f"{option} is '{value}', which is no day: write it as 2026-01-31.")


def read_period(
    since: str | None = None, until: str | None = None, year: int | None = None, month: str | None = None
) -> Period:
    """The days that the four options name together; both ends are included, and without any option all days are.

    ``month`` is ``2026-03``, or ``3`` beside ``year``.
    """
    if (year is not None or month) and (since or until):
        raise ErpError("A period is given twice: give either since and until, or year and month.")
    if year is not None or month:
        return calendar_period(year, month)
    period = Period(read_day(since, "since") if since else None, read_day(until, "until") if until else None)
    if period.since and period.until and period.since > period.until:
        raise ErpError(f"since ({period.since}) comes after until ({period.until}): no day lies between them.")
    return period


def calendar_period(year: int | None, month: str | None) -> Period:
    """A whole calendar year or month."""
    wanted = f"{year}-12" if not month else month if "-" in month or year is None else f"{year}-{month}"
    found = re.fullmatch(r"(\d{4})-(\d{1,2})", wanted)
    chosen, last = (int(found[1]), int(found[2])) if found else (0, 0)
    if year is not None and not FIRST_YEAR <= year <= LAST_YEAR:
        raise ErpError(f"year is {year}, which is no year: write it as 2026.")
    if not 1 <= last <= 12 or not FIRST_YEAR <= chosen <= LAST_YEAR:
        raise ErpError(f"month is '{month}', which is no month: write it as 2026-03, or as 3 with year.")
    if year is not None and chosen != year:
        raise ErpError(f"month ({month}) is not in year ({year}): give one of them, or {last} with year.")
    first = last if month else 1
    return Period(date(chosen, first, 1), date(chosen, last, monthrange(chosen, last)[1]))
