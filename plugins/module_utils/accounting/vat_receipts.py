# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VAT that falls due as an invoice is paid: which share on which day (CGI 269, 2-c)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import TOLERANCE, ZERO, total
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_lines import (
    NOTHING,
    Amounts,
    Groups,
    Key,
)


@dataclass(frozen=True)
class Receipt:
    """Something that pays an invoice, or cancels a part of it.

    ``amount`` has the sign of the invoice: positive for money received, negative for money paid back on a credit note.
    ``cancels`` are the amounts that a credit note on this very invoice takes off: nobody pays them, so nothing is due.
    """

    day: date
    amount: Decimal
    event: str
    cancels: Groups | None = None


class Share(NamedTuple):
    """What falls due on one day for one key."""

    receipt: Receipt
    key: Key
    amounts: Amounts
    is_adjustment: bool  # takes back what was due before


def shares(groups: Groups, payable: Decimal, receipts: Iterable[Receipt]) -> Iterator[Share]:
    """The shares of an invoice's amounts that its receipts make due, in the order of days.

    Each is the receipt's part of ``payable`` (the total including tax, not zero), rounded to cents by key; the receipt
    that settles the invoice takes what is left, so that all shares add up to the invoice. More than the invoice makes
    nothing due; money paid back takes it down again.
    """
    sign = 1 if payable > ZERO else -1
    target, given = dict(groups), dict.fromkeys(groups, NOTHING)
    received = before = ZERO
    limit = payable * sign
    for receipt in sorted(receipts, key=lambda one: (one.day, one.event)):
        if receipt.cancels is None:
            received += receipt.amount * sign
        else:
            limit -= receipt.amount * sign
            for key, amounts in receipt.cancels.items():
                target[key] = target.get(key, NOTHING).minus(amounts)
                given.setdefault(key, NOTHING)
        now = min(max(received, ZERO), max(limit, ZERO))
        for key, wanted in target.items():
            part = (
                wanted.minus(given[key])
                if abs(limit - now) < TOLERANCE
                else groups.get(key, NOTHING).portion((now - before) * sign, payable)
            )
            if part != NOTHING:
                given[key] = given[key].plus(part)
                yield Share(receipt, key, part, is_adjustment=now < before or receipt.cancels is not None)
        before = now


def overpaid(payable: Decimal, receipts: Iterable[Receipt]) -> Decimal:
    """By how much more was received than the invoice asked for, credit notes taken off; zero if it was not."""
    known = list(receipts)
    sign = 1 if payable > ZERO else -1
    asked = payable - total(one.amount for one in known if one.cancels is not None)
    surplus = (total(one.amount for one in known if one.cancels is None) - asked) * sign
    return surplus if surplus >= TOLERANCE else ZERO


def missing(payable: Decimal, receipts: Iterable[Receipt]) -> Decimal:
    """What is still to be paid, with the sign of the invoice; zero once it is settled or overpaid."""
    sign = 1 if payable > ZERO else -1
    rest = payable - total(one.amount for one in receipts)
    return rest if rest * sign >= TOLERANCE else ZERO
