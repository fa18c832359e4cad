# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When VAT is due and how much of it: small invoices, every figure worked out by hand."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Period
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    CloseCode,
    InvoiceStatus,
    InvoiceType,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from tests.support.ledger import paid, set_off
from tests.support.vat import (
    CLOSED,
    FRENCH,
    GERMAN,
    GOODS,
    SERVICE,
    bill,
    checks,
    credit_note,
    deposit_line,
    due,
    joined,
    line,
    on,
    report,
)

DEPOSIT = {"type": InvoiceType.DEPOSIT, "status": InvoiceStatus.CLOSED, "is_paid": True}
SITUATION = {"type": InvoiceType.SITUATION}


def test_goods_are_due_on_the_invoice_and_services_when_paid() -> None:
    """300 goods at 5.5 % (16.50) and 1000 services at 20 % (200): 1516.50; 758.25 is half of it."""
    made = report([bill(1, line("300", "5.5", GOODS), line("1000"))], paid(1, ("2026-10-20", "758.25")))
    assert due(made) == [
        ("2026-10-01", "FA1", "300.00", "16.50"),
        ("2026-10-20", "FA1", "500.00", "100.00"),
    ]


def test_goods_are_due_on_delivery_if_it_is_known() -> None:
    made = report([bill(1, line("300", "20", GOODS), delivery=on("2026-09-28"))])
    assert due(made) == [("2026-09-28", "FA1", "300.00", "60.00")]


@pytest.mark.parametrize(
    ("delivery", "day"),
    [("2026-09-03", "2026-10-01"), ("2026-08-31", "2026-09-15"), ("2026-10-20", "2026-10-01"), (None, "2026-10-01")],
)
def test_goods_within_the_eu_are_due_on_the_fifteenth_of_the_next_month_or_on_the_invoice(
    delivery: str | None, day: str
) -> None:
    sold = bill(1, line("300", "0", GOODS), third_party_id=GERMAN, delivery=on(delivery) if delivery else None)
    assert due(report([sold])) == [(day, "FA1", "300.00", "0.00")]
    assert due(report([], {}, [sold])) == [(day, "FA1", "300.00", "60.00")]


def test_the_payment_that_settles_takes_the_remainder() -> None:
    """10.00 and 2.00 in three payments of 4: 3.33 and 0.67 twice, then 3.34 and 0.66."""
    made = report([bill(1, line("10"))], paid(1, ("2026-10-05", "4"), ("2026-11-05", "4"), ("2026-12-05", "4")))
    assert due(made) == [
        ("2026-10-05", "FA1", "3.33", "0.67"),
        ("2026-11-05", "FA1", "3.33", "0.67"),
        ("2026-12-05", "FA1", "3.34", "0.66"),
    ]


def test_more_than_the_invoice_makes_nothing_due_and_is_said() -> None:
    made = report([bill(1, line("100"))], paid(1, ("2026-10-05", "100"), ("2026-10-06", "50"), ("2026-10-07", "1")))
    assert due(made) == [("2026-10-05", "FA1", "83.33", "16.67"), ("2026-10-06", "FA1", "16.67", "3.33")]
    assert checks(made) == ["vat-overpaid:FA1"]
    assert "31.00 too much" in made.findings[0].message


def test_a_surplus_paid_back_changes_nothing_and_a_payment_that_bounced_does() -> None:
    surplus = report([bill(1, line("100"))], paid(1, ("2026-10-05", "150"), ("2026-10-06", "-30")))
    assert due(surplus) == [("2026-10-05", "FA1", "100.00", "20.00")]
    bounced = report([bill(1, line("100"))], paid(1, ("2026-10-05", "120"), ("2026-11-06", "-120")))
    assert due(bounced) == [("2026-10-05", "FA1", "100.00", "20.00"), ("2026-11-06", "FA1", "-100.00", "-20.00")]
    assert [entry.is_adjustment for entry in bounced.entries] == [False, True]


def test_the_option_for_debits_makes_services_due_on_the_invoice_but_not_deposits() -> None:
    deposit = bill(1, line("100"), **DEPOSIT)
    final = bill(2, line("1000"), deposit_line("100"), issued=on("2026-11-10"))
    made = report([deposit, final], paid(1, ("2026-10-09", "120")), on_debits=True)
    assert due(made) == [("2026-10-09", "FA1", "100.00", "20.00"), ("2026-11-10", "FA2", "900.00", "180.00")]


@pytest.mark.parametrize("kind", [GOODS, SERVICE])
def test_a_deposit_is_due_when_paid_and_its_final_invoice_is_net_of_it(kind: Any) -> None:
    """The same whether Dolibarr set it off as a negative line or as a payment: 900 and 180 of 1000 and 200."""
    deposit = bill(1, line("100", "20", kind), **DEPOSIT)
    money = paid(1, ("2026-10-09", "120"))
    as_line = bill(2, line("1000", "20", kind), deposit_line("100"), issued=on("2026-11-10"))
    as_payment = bill(2, line("1000", "20", kind), issued=on("2026-11-10"))
    used = {2: (set_off(2, "FA1", "120", "(DEPOSIT)"), *paid(2, ("2026-11-20", "1080"))[2])}
    expected = [
        ("2026-10-09", "FA1", "100.00", "20.00"),
        ("2026-11-10" if kind is GOODS else "2026-11-20", "FA2", "900.00", "180.00"),
    ]
    assert due(report([deposit, as_line], joined(money, paid(2, ("2026-11-20", "1080"))))) == expected
    assert due(report([deposit, as_payment], joined(money, used))) == expected


def test_a_deposit_beside_goods_and_services_is_split_by_their_amounts() -> None:
    """Goods 300 and services 600 less a deposit of 90: goods 270 on the invoice, services 540 when 324 of 972 come."""
    final = bill(1, line("300", "20", GOODS), line("600"), deposit_line("90"))
    made = report([final], paid(1, ("2026-10-20", "324")))
    assert due(made) == [("2026-10-01", "FA1", "270.00", "54.00"), ("2026-10-20", "FA1", "180.00", "36.00")]


def test_a_final_invoice_that_deposits_cover_makes_nothing_due() -> None:
    assert due(report([bill(1, line("100"), deposit_line("100"))])) == []


def test_an_invoice_of_nothing_at_two_rates_is_due_at_once() -> None:
    """110 and 22 at 20 %, -120 and -12 at 10 %: nobody will ever pay it."""
    made = report([bill(1, line("110", "20"), line("-120", "10"))])
    assert due(made) == [("2026-10-01", "FA1", "-120.00", "-12.00"), ("2026-10-01", "FA1", "110.00", "22.00")]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        # An early-payment discount was never owed, a bad debt stays taxed but was never received.
        (CloseCode.DISCOUNT, [("2026-10-20", "FA1", "980.00", "196.00")]),
        (CloseCode.BAD_DEBT, [("2026-10-20", "FA1", "980.00", "196.00")]),
        # The customer paid all; the bank or his State kept 24.
        (CloseCode.BANK_CHARGE, [("2026-10-20", "FA1", "980.00", "196.00"), ("2026-10-20", "FA1", "20.00", "4.00")]),
        (
            CloseCode.WITHHOLDING_TAX,
            [("2026-10-20", "FA1", "980.00", "196.00"), ("2026-10-20", "FA1", "20.00", "4.00")],
        ),
    ],
)
def test_services_closed_with_24_missing(code: CloseCode, expected: list[Any]) -> None:
    made = report([bill(1, line("1000"), close_code=code, **CLOSED)], paid(1, ("2026-10-20", "1176")))
    assert sorted(due(made)) == sorted(expected)


@pytest.mark.parametrize(
    ("code", "lowered"),
    [(CloseCode.DISCOUNT, [("2026-10-20", "FA1", "-20.00", "-4.00")]), (CloseCode.BAD_DEBT, [])],
)
def test_goods_closed_with_24_missing(code: CloseCode, lowered: list[Any]) -> None:
    """Due in full on the invoice; the discount lowers it when the payment comes, a bad debt does not (CGI 272, 1)."""
    made = report([bill(1, line("1000", "20", GOODS), close_code=code, **CLOSED)], paid(1, ("2026-10-20", "1176")))
    assert due(made) == [("2026-10-01", "FA1", "1000.00", "200.00"), *lowered]


def test_vat_noted_and_not_charged_is_never_collected() -> None:
    """NPR: 100 at 8.5 %, of which the total including tax is 100."""
    sold = bill(1, line("100", "8.5", GOODS, info_bits=1, total_ttc=Decimal(100)))
    made = report([sold])
    assert due(made) == [("2026-10-01", "FA1", "100.00", "0.00")]
    assert [one["invoice"] for one in made.to_facts()["unclassified"]] == ["FA1"]


def test_situation_invoices_count_their_progress() -> None:
    """40 % of 1000 at 20 % and of 500 at 10 %, then 70 %: lines 400 and 200, then 700 and 350; totals 600, then 450."""
    first = bill(1, line("400", "20", id=11), line("200", "10", id=12), **SITUATION)
    second = bill(2, line("700", "20", previous_id=11), line("350", "10", previous_id=12), **SITUATION)
    # Totals of the second: 450 without tax, 60 + 15 of VAT.
    second = dataclasses.replace(second, total_ht=Decimal(450), total_tva=Decimal(75), total_ttc=Decimal(525))
    made = report([first, second], joined(paid(1, ("2026-10-20", "700")), paid(2, ("2026-11-20", "525"))))
    assert due(made) == [
        ("2026-10-20", "FA1", "200.00", "20.00"),
        ("2026-10-20", "FA1", "400.00", "80.00"),
        ("2026-11-20", "FA2", "150.00", "15.00"),
        ("2026-11-20", "FA2", "300.00", "60.00"),
    ]
    assert made.to_facts()["reconciliation"]["is_exact"] is True


def test_a_situation_invoice_that_adds_up_neither_way_is_left_to_a_person() -> None:
    odd = dataclasses.replace(bill(1, line("700"), **SITUATION), total_ht=Decimal(300))
    made = report([odd], paid(1, ("2026-10-20", "840")))
    assert [one["reason"][:9] for one in made.to_facts()["unclassified"]] == ["the lines"]
    assert made.to_facts()["due"]["collected_tax"] == "0.00"
    assert made.to_facts()["reconciliation"]["is_exact"] is False


def test_lines_that_do_not_add_up_to_the_invoice_are_said() -> None:
    made = report([dataclasses.replace(bill(1, line("100")), total_ht=Decimal("99.99"))])
    assert checks(made) == ["vat-lines-differ:FA1"]
    assert made.to_facts()["reconciliation"]["customers"]["is_exact"] is False


def test_drafts_proforma_and_abandoned_invoices_do_not_count() -> None:
    others = [
        bill(1, line("1", "20", GOODS), status=InvoiceStatus.DRAFT),
        bill(2, line("2", "20", GOODS), type=InvoiceType.PROFORMA),
        bill(3, line("3", "20", GOODS), status=InvoiceStatus.ABANDONED, close_code=CloseCode.REPLACED),
        bill(4, line("4"), status=InvoiceStatus.ABANDONED, close_code=CloseCode.ABANDONED),
        bill(5, line("5", "20", GOODS), type=InvoiceType.REPLACEMENT),
    ]
    made = report(others)
    assert due(made) == [("2026-10-01", "FA5", "5.00", "1.00")]
    # The goods of FA3 may have been declared in their month, the services of FA4 were never paid.
    assert checks(made) == ["vat-abandoned:FA3"]


def test_suppliers_mirror_customers() -> None:
    """Goods on the invoice, services when paid, save for a supplier on debits; a credit note when paid back."""
    bought = [
        bill(1, line("100", "20", GOODS)),
        bill(2, line("200")),
        bill(3, line("300"), third_party_id=7),
        credit_note(4, 2, line("-50")),
    ]
    rows = joined(paid(2, ("2026-10-20", "240")), paid(4, ("2026-12-01", "-60")))
    made = report([], {}, bought, rows, suppliers_on_debits=frozenset({7}))
    assert due(made) == [
        ("2026-10-01", "FA1", "100.00", "20.00"),
        ("2026-10-01", "FA3", "300.00", "60.00"),
        ("2026-10-20", "FA2", "200.00", "40.00"),
        ("2026-12-01", "FA4", "-50.00", "-10.00"),
    ]


def test_services_from_abroad_are_due_when_performed_and_their_deposits_when_paid() -> None:
    performed = bill(1, line("100", "0"), third_party_id=GERMAN)
    known = bill(2, line("200", "0"), third_party_id=GERMAN, delivery=on("2026-09-30"))
    deposit = bill(3, line("300", "0"), third_party_id=GERMAN, **DEPOSIT)
    made = report([], {}, [performed, known, deposit], paid(3, ("2026-12-24", "300")))
    assert due(made) == [
        ("2026-09-30", "FA2", "200.00", "40.00"),
        ("2026-10-01", "FA1", "100.00", "20.00"),
        ("2026-12-24", "FA3", "300.00", "60.00"),
    ]


def test_subcontracted_work_is_due_when_paid() -> None:
    work = bill(1, line("1000", "0"), third_party_id=FRENCH)
    made = report([], {}, [work], paid(1, ("2026-11-11", "500")), subcontracted=frozenset({"FA1"}))
    assert due(made) == [("2026-11-11", "FA1", "500.00", "100.00")]


def test_only_what_falls_into_the_period_is_shown_but_all_of_it_is_reckoned() -> None:
    """The last of three payments, alone in the period, still takes the remainder."""
    rows = paid(1, ("2026-10-05", "4"), ("2026-11-05", "4"), ("2026-12-05", "4"))
    made = report([bill(1, line("10"))], rows, period=Period(on("2026-12-01"), on("2026-12-31")))
    assert due(made) == [("2026-12-05", "FA1", "3.34", "0.66")]


def test_an_invoice_without_a_date_is_an_error() -> None:
    with pytest.raises(ErpError, match="FA1 has no date"):
        report([dataclasses.replace(bill(1, line("10")), issued=None)])


def test_a_deposit_on_goods_received_before_2023_is_said() -> None:
    deposit = bill(1, line("100", "20", GOODS), issued=on("2022-12-01"), **DEPOSIT)
    assert checks(report([deposit], paid(1, ("2022-12-09", "120")))) == ["vat-deposit-before-2023:FA1"]
    assert checks(report([deposit], paid(1, ("2023-01-01", "120")))) == []
