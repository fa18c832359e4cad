# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How amounts and dates are written, as patterns for one amount or day in text as :func:`text.flat` makes it.

A row of a table reads as one line, in which « 2 250,00 » may be a quantity and a price: so amounts are never read out of
a text, the one expected is looked for.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import ZERO, cents

MONTHS = "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre".split()
ENGLISH_MONTHS = "january february march april may june july august september october november december".split()


def amount_pattern(amount: Decimal, any_sign: bool = False) -> re.Pattern[str]:
    """An amount with two decimals and any separators, of the sign given or, with ``any_sign``, of either."""
    whole, _point, decimals = str(abs(cents(amount))).partition(".")
    groups = f"{int(whole):,}".split(",")
    # The decimals' sign is never that of the thousands: 1.234.50 is nothing.
    forms = {
        rf"{mark.join(groups)}{point}{decimals}"
        for mark, point in (("", "[.,]"), (r"[ ']", "[.,]"), (r"\.", ","), (",", r"\."))
    }
    if any_sign:
        sign = r"(?<![\d.,])"
    elif amount < ZERO:
        sign = r"(?<![\d.,])-\s?"
    else:
        sign = r"(?<![\d.,-])"
    return re.compile(rf"{sign}(?:{'|'.join(sorted(forms))})(?!\d|[.,]\d)")


def day_pattern(day: date, english: bool = False) -> re.Pattern[str]:
    """A day as figures or words; ``english``: on papers in American English 03/02 is 2 March."""
    number, month, year = day.day, day.month, day.year
    first, second = (month, number) if english else (number, month)
    ordinal = "(?:er|st)?" if number == 1 else "(?:e|st|nd|rd|th)?"
    names = f"(?:{MONTHS[month - 1]}|{ENGLISH_MONTHS[month - 1]})"
    forms = (
        rf"0?{first}[/.-]0?{second}[/.-]{year}",
        rf"{year}-{month:02}-{number:02}",
        rf"0?{number}{ordinal} {names} {year}",
        rf"{ENGLISH_MONTHS[month - 1]} 0?{number}{ordinal},? {year}",
    )
    return re.compile(rf"(?<![\d/.-])(?:{'|'.join(forms)})(?!\d)")
