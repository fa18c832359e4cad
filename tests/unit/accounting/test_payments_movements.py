# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Money as it moved, and how old what did not is: the captured payments, added up by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.ageing import (
    ageing,
    ageing_by_third_party,
    payment_delays,
    state_totals,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Period
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.movements import (
    movements,
    payment_timeline,
    payments_by_month,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.payments import payment_states
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import InvoiceStatus, InvoiceType
from tests.support.ledger import (
    CUSTOMER_INVOICES,
    CUSTOMER_PAYMENTS,
    SUPPLIER_INVOICES,
    SUPPLIER_PAYMENTS,
    THIRD_PARTIES,
    TODAY,
    invoice,
    paid,
    set_off,
)

ALWAYS = Period()
AUTUMN = Period(date(2025, 9, 1), date(2025, 11, 30))
RECEIVED = movements(CUSTOMER_INVOICES, CUSTOMER_PAYMENTS, THIRD_PARTIES, {24: "QONTO"})
SPENT = movements(SUPPLIER_INVOICES, SUPPLIER_PAYMENTS, THIRD_PARTIES, {})
STATES = payment_states(CUSTOMER_INVOICES, CUSTOMER_PAYMENTS, TODAY, THIRD_PARTIES)
SUPPLIER_STATES = payment_states(SUPPLIER_INVOICES, SUPPLIER_PAYMENTS, TODAY, THIRD_PARTIES)


def test_one_transfer_over_two_invoices_is_one_movement() -> None:
    """PAY2509-0015: 6480.00 for FA2507-0013 and 3600.00 for FA2508-0014 came as 10080.00 on 15 September 2025."""
    (row,) = [row.to_facts() for row in payment_timeline(RECEIVED, ALWAYS) if len(row.movement.shares) > 1]
    assert row == {
        "date": "2025-09-15",
        "ref": "PAY2509-0015",
        "mode": "VIR",
        "number": "VIR-GROUPE",
        "account": "QONTO",
        "invoices": ["FA2507-0013", "FA2508-0014"],
        "third_parties": ["Boréale Conseil"],
        "amount": "10080.00",
        "balance": "58444.95",
        "shares": [
            {
                "invoice_id": 15,
                "invoice": "FA2507-0013",
                "third_party_id": 1,
                "third_party": "Boréale Conseil",
                "amount": "6480.00",
            },
            {
                "invoice_id": 16,
                "invoice": "FA2508-0014",
                "third_party_id": 1,
                "third_party": "Boréale Conseil",
                "amount": "3600.00",
            },
        ],
    }


def test_timeline_of_three_months() -> None:
    """The refund of AV2511-0002 is one row of its own, after the other movement of that day."""
    rows = [row.to_facts() for row in payment_timeline(RECEIVED, AUTUMN)]
    assert [(row["date"], row["ref"], row["amount"], row["balance"]) for row in rows] == [
        ("2025-09-15", "PAY2509-0015", "10080.00", "10080.00"),
        ("2025-10-10", "PAY2510-0016", "1500.00", "11580.00"),
        ("2025-10-28", "PAY2510-0017", "3000.00", "14580.00"),
        ("2025-11-10", "PAY2511-0018", "1400.00", "15980.00"),
        ("2025-11-20", "PAY2511-0020", "1800.00", "17780.00"),
        ("2025-11-28", "PAY2511-0019", "2640.00", "20420.00"),
        ("2025-11-28", "PAY2511-0021", "-1800.00", "18620.00"),
    ]


def test_months_of_three_months() -> None:
    """November 2025: 1400.00 + 1800.00 + 2640.00 received, 1800.00 paid back."""
    rows = [row.to_facts() for row in payments_by_month(RECEIVED, AUTUMN)]
    assert rows == [
        month("2025-09", 1, "10080.00", "0.00", "10080.00", "10080.00"),
        month("2025-10", 2, "4500.00", "0.00", "4500.00", "14580.00"),
        month("2025-11", 4, "5840.00", "1800.00", "4040.00", "18620.00"),
    ]


def month(name: str, count: int, *amounts: str) -> dict[str, object]:
    return {"month": name, "movements": count} | dict(
        zip(("received", "paid_back", "net", "cumulative"), amounts, strict=True)
    )


def test_what_was_set_off_moved_no_money() -> None:
    """The 1440.00 of AV2505-0001 on FA2504-0007 are in no movement: 34 payments, 124875.72 in all."""
    assert len(RECEIVED) == 34
    assert payment_timeline(RECEIVED, ALWAYS)[-1].balance == Decimal("124875.72")
    assert "AV2505-0001" not in {movement.ref for movement in RECEIVED}


def test_what_suppliers_got() -> None:
    """22 payments of 5134.96, of which SI2605-0018 took 500.00 and 526.88."""
    assert len(SPENT) == 22
    assert payments_by_month(SPENT, ALWAYS)[-1].cumulative == Decimal("5134.96")


def test_an_unknown_account_is_empty() -> None:
    assert {movement.ref for movement in RECEIVED if movement.account} == {"PAY2509-0015"}


def test_outstanding_amounts_by_bucket() -> None:
    """Over 90 days: 2100.00 + 2800.00 + 816.00 + 2160.00 + 720.00; credits: 120.00 and 360.00."""
    assert ageing(STATES).to_facts() == {
        "third_party_id": None,
        "third_party": "",
        "buckets": {
            "not_due": "7043.33",
            "1-30": "2160.00",
            "31-60": "0.00",
            "61-90": "0.00",
            "90+": "8596.00",
            "credit": "-480.00",
        },
        "total": "17319.33",
    }


def test_outstanding_amounts_by_customer() -> None:
    """Dolibarr's own ``outstandinginvoices`` of Boréale Conseil says 240 as well."""
    rows = [(row.third_party, row.to_facts()["total"]) for row in ageing_by_third_party(STATES)]
    assert rows == [
        ("Boréale Conseil", "240.00"),
        ("Cabinet Hêtre & Associés", "8580.00"),
        ("Kiefernwald GmbH", "5600.00"),
        ("Northwind Prairie LLC", "2899.33"),
    ]


def test_outstanding_amounts_to_suppliers() -> None:
    """Dolibarr's own ``outstandinginvoices`` of Hébergements Cèdre says 794 as well."""
    rows = [(row.third_party, row.to_facts()["total"]) for row in ageing_by_third_party(SUPPLIER_STATES)]
    assert rows == [("Hébergements Cèdre", "794.00"), ("Papeterie Sureau", "292.80")]


def test_totals_by_state() -> None:
    rows = [row.to_facts() for row in state_totals(SUPPLIER_STATES)]
    assert [(row["state"], row["invoices"], row["total_ttc"], row["outstanding"]) for row in rows] == [
        ("UNPAID", 3, "352.80", "352.80"),
        ("PARTIAL", 1, "1440.00", "740.00"),
        ("OVERPAID", 1, "84.00", "-6.00"),
        ("OK", 19, "4344.96", "0.00"),
        ("ABANDONED", 1, "180.00", "0.00"),
        ("DRAFT", 1, "50.40", "0.00"),
    ]


def test_delays_are_weighted_by_amount() -> None:
    """300.00 ten days early and 100.00 thirty days late: (-3000 + 3000) / 400 is no delay, the plain mean ten days."""
    closed = {"status": InvoiceStatus.CLOSED, "is_paid": True, "due": date(2026, 10, 31)}
    rows = paid(1, ("2026-10-21", "300")) | paid(2, ("2026-11-30", "100")) | paid(3, ("2026-11-30", "50"))
    invoices = [invoice(1, "300", **closed), invoice(2, "100", **closed), invoice(3, "100")]
    facts = payment_delays(payment_states(invoices, rows, TODAY, {}), TODAY).to_facts()
    assert (facts["payments"], facts["weighted_days"], facts["mean_days"]) == (2, "0.00", "10.00")


def test_money_paid_back_has_no_delay() -> None:
    """130.00 on the day and 30.00 back later: one payment without delay; what a credit note got back is none either."""
    closed = {"status": InvoiceStatus.CLOSED, "is_paid": True, "due": date(2026, 10, 31)}
    invoices = [invoice(1, "100", **closed), invoice(2, "-100", ref="AV2", **closed)]
    rows = paid(1, ("2026-10-31", "130"), ("2026-11-10", "-30")) | paid(2, ("2026-11-10", "-130"), ("2026-11-15", "30"))
    facts = payment_delays(payment_states(invoices, rows, TODAY, {}), TODAY).to_facts()
    assert (facts["payments"], facts["weighted_days"], facts["mean_days"]) == (1, "0.00", "0.00")


def test_days_of_sales_outstanding() -> None:
    """Sales of the year: 1000 + 200 - 100 = 1100, less a deposit of 60 within the 200; 104 owed: 104 / 1040 × 365.

    What is owed to a customer, the 5 too much on the old invoice, does not lessen what others owe.
    """
    closed = {"status": InvoiceStatus.CLOSED, "is_paid": True}
    invoices = [
        invoice(1, "1000", issued=date(2025, 11, 22), due=date(2025, 12, 22)),
        invoice(2, "200", **closed),
        invoice(3, "-100", ref="AV3", **closed),
        invoice(4, "500", issued=date(2025, 11, 21), due=date(2025, 12, 21), **closed),
        invoice(5, "70", status=InvoiceStatus.ABANDONED),
        invoice(6, "70", status=InvoiceStatus.DRAFT),
        invoice(7, "70", type=InvoiceType.PROFORMA, status=InvoiceStatus.CLOSED),
        invoice(8, "10", issued=date(2025, 1, 1)),
    ]
    rows = {
        **paid(1, ("2026-10-10", "896")),
        2: (set_off(2, "AC9", "60", "(DEPOSIT)"), *paid(2, ("2026-10-10", "140"))[2]),
        **paid(3, ("2026-10-10", "-100")),
        **paid(4, ("2026-10-10", "500")),
        **paid(8, ("2026-10-10", "15")),
    }
    facts = payment_delays(payment_states(invoices, rows, TODAY, {}), TODAY).to_facts()
    assert (facts["sales"], facts["receivables"], facts["days"], facts["dso"]) == ("1040.00", "104.00", 365, "36.50")


@pytest.mark.parametrize("figure", ["weighted_days", "mean_days", "dso"])
def test_nothing_to_tell_from_is_no_figure(figure: str) -> None:
    assert payment_delays((), TODAY).to_facts()[figure] is None
