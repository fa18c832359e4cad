# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The captured invoices and payments as objects, and small ones made for one test."""

from __future__ import annotations

import dataclasses
import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    Invoice,
    InvoiceStatus,
    InvoiceType,
    Payment,
    Template,
    ThirdParty,
)
from tests.support.paths import FIXTURES

API = FIXTURES / "api"
# The day on which the sample was captured.
TODAY = date(2026, 11, 21)
Payments = dict[int, tuple[Payment, ...]]


def answers(path: str) -> Any:
    """One captured answer."""
    return json.loads((API / path).read_text(encoding="utf-8"))


def _payments(kind: str, count: int) -> Payments:
    return {
        number: tuple(Payment.read(number, row) for row in answers(f"{kind}/payments/{kind}__{number}__payments.json"))
        for number in range(1, count + 1)
    }


CUSTOMER_INVOICES = tuple(Invoice.of_customer(answer) for answer in answers("invoices/invoices.json"))
SUPPLIER_INVOICES = tuple(Invoice.of_supplier(answer) for answer in answers("supplierinvoices/supplierinvoices.json"))
CUSTOMER_PAYMENTS = _payments("invoices", 47)
SUPPLIER_PAYMENTS = _payments("supplierinvoices", 26)
THIRD_PARTIES = {
    third_party.id: third_party for third_party in map(ThirdParty.read, answers("thirdparties/thirdparties.json"))
}
TEMPLATES = tuple(
    template
    for number in range(1, 7)
    if (template := Template.read(answers(f"templates/invoices__templates__{number}.json"))) is not None
)


def invoice(number: int, total: str = "100", **differing: Any) -> Invoice:
    """A customer's validated invoice ``FA<number>`` of 1 October 2026, due thirty days later, without lines.

    What Dolibarr itself says was paid is left open unless given.
    """
    amount = Decimal(total)
    values: dict[str, Any] = {
        "id": number,
        "ref": f"FA{number}",
        "type": InvoiceType.CREDIT_NOTE if amount < 0 else InvoiceType.STANDARD,
        "status": InvoiceStatus.VALIDATED,
        "is_paid": False,
        "third_party_id": 1,
        "issued": date(2026, 10, 1),
        "total_ttc": amount,
        "currency_total_ttc": amount,
        "paid": None,
        "credit_notes_used": None,
        "deposits_used": None,
        "remaining": None,
        "lines": (),
        **differing,
    }
    values.setdefault("due", values["issued"] + timedelta(days=30))
    return dataclasses.replace(CUSTOMER_INVOICES[0], **values)


def paid(number: int, *rows: tuple[str, str] | tuple[str, str, str], mode: str = "VIR") -> Payments:
    """Money for one invoice: (day, amount[, ref])."""
    return {
        number: tuple(
            Payment(
                invoice_id=number,
                ref=row[2] if len(row) == 3 else f"PAY{number}-{place}",
                paid_on=date.fromisoformat(row[0]),
                amount=Decimal(row[1]),
                mode=mode,
                is_money=True,
                number="",
                bank_line_id=None,
            )
            for place, row in enumerate(rows, 1)
        )
    }


def set_off(number: int, source: str, amount: str, mode: str = "(CREDIT_NOTE)") -> Payment:
    """A row that uses the value of another invoice as payment."""
    return Payment(
        invoice_id=number,
        ref=source,
        paid_on=date(2026, 11, 1),
        amount=Decimal(amount),
        mode=mode,
        is_money=False,
        number="",
        bank_line_id=None,
    )
