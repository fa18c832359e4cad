# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A contractual schedule against receipts: the captured ones, and by small ones worked out by hand."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.movements import Movement, movements
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.schedule import (
    Instalment,
    ScheduleReport,
    compare_schedule,
    read_schedule,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from tests.support.ledger import (
    CUSTOMER_INVOICES,
    CUSTOMER_PAYMENTS,
    THIRD_PARTIES,
    TODAY,
    Payments,
    invoice,
    paid,
)

BOREALE, HETRE = THIRD_PARTIES[1], THIRD_PARTIES[5]


def expected(*rows: tuple[str, str], customer: int = 1) -> list[Instalment]:
    return [Instalment(date.fromisoformat(day), Decimal(amount), THIRD_PARTIES[customer]) for day, amount in rows]


def received(*rows: tuple[str, str], customer: int = 1) -> tuple[Movement, ...]:
    """Money of a customer: (day, amount), with the refs PAY<customer>-1, PAY<customer>-2..."""
    return movements([invoice(customer, third_party_id=customer)], paid(customer, *rows), THIRD_PARTIES, {})


def lines(report: ScheduleReport) -> list[str]:
    """Each instalment as: due day, state, days, what is missing, the receipts that met it."""
    return [
        " ".join(
            [
                row["due"],
                row["state"],
                str(row["days"]),
                row["missing"],
                *(f"{receipt['ref']}={receipt['amount']}" for receipt in row["receipts"]),
            ]
        )
        for row in report.to_facts()["instalments"]
    ]


def extra(report: ScheduleReport) -> list[str]:
    return [f"{row['date']} {row['ref']} {row['amount']}" for row in report.to_facts()["unexpected"]]


def test_the_captured_receipts_of_one_customer() -> None:
    """Cabinet Hêtre from September 2025 on paid 1500.00, 1800.00 (and got 1800.00 back) and 600.00.

    Of a schedule of 1500.00 on 10 October, 600.00 on 31 March and 2160.00 on 31 October, the last was not paid.
    """
    schedule = expected(("2025-10-10", "1500"), ("2026-03-31", "600"), ("2026-10-31", "2160"), customer=5)
    all_received = movements(CUSTOMER_INVOICES, CUSTOMER_PAYMENTS, THIRD_PARTIES, {})
    report = compare_schedule(schedule, all_received, TODAY)
    assert lines(report) == [
        "2025-10-10 matched 0 0.00 PAY2510-0016=1500.00",
        "2026-03-31 early -21 0.00 PAY2603-0025=600.00",
        "2026-10-31 late 21 2160.00",
    ]
    assert extra(report) == []


def test_a_transfer_for_two_invoices_is_one_receipt() -> None:
    """PAY2509-0015 brought 10080.00 for FA2507-0013 and FA2508-0014."""
    report = compare_schedule(
        expected(("2025-09-10", "10080")),
        [one for one in movements(CUSTOMER_INVOICES, CUSTOMER_PAYMENTS, THIRD_PARTIES, {}) if one.day.year == 2025],
        TODAY,
    )
    assert lines(report) == ["2025-09-10 late 5 0.00 PAY2509-0015=10080.00"]
    assert "2025-10-28 PAY2510-0017 3000.00" in extra(report)


def test_facts_add_up() -> None:
    report = compare_schedule(
        expected(("2026-10-01", "510"), ("2026-11-01", "510")),
        received(("2026-10-03", "510"), ("2026-11-04", "77")),
        TODAY,
    )
    assert report.to_facts() == {
        "instalments": [
            {
                "due": "2026-10-01",
                "third_party_id": 1,
                "third_party": "Boréale Conseil",
                "amount": "510.00",
                "received": "510.00",
                "missing": "0.00",
                "state": "late",
                "days": 2,
                "receipts": [
                    {
                        "date": "2026-10-03",
                        "ref": "PAY1-1",
                        "third_party_id": 1,
                        "third_party": "Boréale Conseil",
                        "amount": "510.00",
                    }
                ],
            },
            {
                "due": "2026-11-01",
                "third_party_id": 1,
                "third_party": "Boréale Conseil",
                "amount": "510.00",
                "received": "77.00",
                "missing": "433.00",
                "state": "short",
                "days": 20,
                "receipts": [
                    {
                        "date": "2026-11-04",
                        "ref": "PAY1-2",
                        "third_party_id": 1,
                        "third_party": "Boréale Conseil",
                        "amount": "77.00",
                    }
                ],
            },
        ],
        "unexpected": [],
        "expected": "1020.00",
        "received": "587.00",
        "missing": "433.00",
        "unexpected_total": "0.00",
    }


@pytest.mark.parametrize(
    ("schedule", "money", "met", "unexpected"),
    [
        pytest.param(
            [("2026-10-01", "510")],
            [("2026-09-20", "510")],
            ["2026-10-01 early -11 0.00 PAY1-1=510.00"],
            [],
            id="early",
        ),
        pytest.param([("2026-12-01", "510")], [], ["2026-12-01 pending None 510.00"], [], id="not due"),
        pytest.param([("2026-11-21", "510")], [], ["2026-11-21 pending None 510.00"], [], id="due today"),
        pytest.param([("2026-11-20", "510")], [], ["2026-11-20 late 1 510.00"], [], id="nothing came"),
        pytest.param(
            [("2026-12-01", "510")],
            [("2026-11-10", "200")],
            ["2026-12-01 pending None 310.00 PAY1-1=200.00"],
            [],
            id="part before it is due",
        ),
        pytest.param(
            [("2026-10-01", "510")],
            [("2026-10-01", "255"), ("2026-10-05", "255")],
            ["2026-10-01 late 4 0.00 PAY1-1=255.00 PAY1-2=255.00"],
            [],
            id="two halves: late as the last",
        ),
        pytest.param(
            [("2026-09-01", "510"), ("2026-10-01", "510")],
            [("2026-09-30", "1020")],
            ["2026-09-01 late 29 0.00 PAY1-1=510.00", "2026-10-01 early -1 0.00 PAY1-1=510.00"],
            [],
            id="one receipt for two",
        ),
        pytest.param(
            [("2026-09-01", "510"), ("2026-10-01", "300")],
            [("2026-10-01", "300")],
            ["2026-09-01 late 81 510.00", "2026-10-01 matched 0 0.00 PAY1-1=300.00"],
            [],
            id="an exact amount goes before age",
        ),
        pytest.param(
            [("2026-09-01", "510"), ("2026-10-01", "510")],
            [("2026-10-01", "510")],
            ["2026-09-01 late 30 0.00 PAY1-1=510.00", "2026-10-01 late 51 510.00"],
            [],
            id="of two alike the oldest is paid first",
        ),
        pytest.param(
            [("2026-10-01", "510")],
            [("2026-10-01", "510"), ("2026-10-09", "42.50")],
            ["2026-10-01 matched 0 0.00 PAY1-1=510.00"],
            ["2026-10-09 PAY1-2 42.50"],
            id="unexpected",
        ),
        pytest.param(
            [("2026-10-01", "510")],
            [("2026-10-01", "600")],
            ["2026-10-01 matched 0 0.00 PAY1-1=510.00"],
            ["2026-10-01 PAY1-1 90.00"],
            id="too much",
        ),
        pytest.param(
            [("2026-10-01", "510"), ("2026-12-20", "510")],
            [("2026-10-01", "510"), ("2026-11-18", "510")],
            ["2026-10-01 matched 0 0.00 PAY1-1=510.00", "2026-12-20 pending None 510.00"],
            ["2026-11-18 PAY1-2 510.00"],
            id="32 days before is something else",
        ),
        pytest.param(
            [("2026-10-01", "510"), ("2026-12-19", "510")],
            [("2026-10-01", "510"), ("2026-11-18", "510")],
            ["2026-10-01 matched 0 0.00 PAY1-1=510.00", "2026-12-19 early -31 0.00 PAY1-2=510.00"],
            [],
            id="31 days before is early",
        ),
        pytest.param(
            [("2026-10-01", "510")],
            [("2026-01-15", "510"), ("2026-10-02", "510")],
            ["2026-10-01 late 1 0.00 PAY1-2=510.00"],
            [],
            id="what came before the contract does not count",
        ),
        pytest.param(
            [("2026-10-01", "510")],
            [("2026-10-01", "510"), ("2026-10-05", "-510"), ("2026-10-09", "510")],
            ["2026-10-01 late 8 0.00 PAY1-3=510.00"],
            [],
            id="paid back and paid again is paid once",
        ),
        pytest.param(
            [("2026-10-01", "510"), ("2026-11-01", "100")],
            [("2026-10-01", "510"), ("2026-11-01", "100"), ("2026-11-05", "-30")],
            ["2026-10-01 matched 0 0.00 PAY1-1=510.00", "2026-11-01 short 20 30.00 PAY1-2=70.00"],
            [],
            id="a refund takes from the last receipt",
        ),
        pytest.param(
            [("2026-10-01", "510"), ("2026-11-01", "100")],
            [("2026-10-01", "510"), ("2026-11-01", "100"), ("2026-11-05", "-510")],
            ["2026-10-01 late 51 510.00", "2026-11-01 matched 0 0.00 PAY1-2=100.00"],
            [],
            id="a refund takes from the receipt of its amount first",
        ),
        pytest.param(
            [("2026-10-01", "510")],
            [("2026-10-01", "-25")],
            ["2026-10-01 late 51 510.00"],
            ["2026-10-01 PAY1-1 -25.00"],
            id="a refund of nothing",
        ),
    ],
)
def test_how_instalments_are_met(
    schedule: list[tuple[str, str]], money: list[tuple[str, str]], met: list[str], unexpected: list[str]
) -> None:
    report = compare_schedule(expected(*schedule), received(*money), TODAY)
    assert (lines(report), extra(report)) == (met, unexpected)


def test_customers_pay_their_own_instalments_alone() -> None:
    schedule = expected(("2026-10-01", "510")) + expected(("2026-10-01", "510"), customer=5)
    report = compare_schedule(schedule, received(("2026-10-01", "510"), customer=5), TODAY)
    assert lines(report) == ["2026-10-01 late 51 510.00", "2026-10-01 matched 0 0.00 PAY5-1=510.00"]


def test_unexpected_money_comes_by_day() -> None:
    schedule = expected(("2026-10-01", "510")) + expected(("2026-10-01", "510"), customer=5)
    money = received(("2026-10-01", "510"), ("2026-10-09", "9")) + received(
        ("2026-10-01", "510"), ("2026-10-04", "4"), customer=5
    )
    assert extra(compare_schedule(schedule, money, TODAY)) == ["2026-10-04 PAY5-2 4.00", "2026-10-09 PAY1-2 9.00"]


def test_customers_without_an_instalment_are_no_part_of_it() -> None:
    report = compare_schedule(expected(("2026-10-01", "510")), received(("2026-10-02", "9"), customer=5), TODAY)
    assert extra(report) == []


@pytest.mark.parametrize("customer", [1, "1", "CU2611-00001", "Boréale Conseil", " 1 "])
def test_a_customer_by_id_code_or_name(customer: object) -> None:
    (instalment,) = read_schedule([{"date": "2026-10-01", "amount": "510.50", "customer": customer}], THIRD_PARTIES)
    assert instalment == Instalment(date(2026, 10, 1), Decimal("510.50"), BOREALE)


def test_what_yaml_makes_of_dates_and_amounts() -> None:
    (instalment,) = read_schedule([{"date": date(2026, 10, 1), "amount": 510.1, "customer": 5}], THIRD_PARTIES)
    assert instalment == Instalment(date(2026, 10, 1), Decimal("510.1"), HETRE)


@pytest.mark.parametrize(
    ("differing", "said"),
    [
        ({"customer": "Nobody"}, "no third party has the id, customer code or name 'Nobody'; give the id"),
        ({"customer": ""}, "no third party has"),
        ({"date": "01/10/2026"}, "the date must be written as 2026-11-21"),
        ({"date": None}, "the date must be written"),
        ({"amount": "5OO"}, "the amount must be a number such as 510.00"),
        ({"amount": "-5"}, "the amount must be above zero"),
        ({"amount": "0"}, "the amount must be above zero"),
        ({"amount": "NaN"}, "the amount must be above zero"),
        ({"amount": "1.005"}, "have two decimals at most"),
        ({"amount": True}, "the amount must be a number"),
    ],
)
def test_a_bad_entry_is_one_sentence(differing: dict[str, Any], said: str) -> None:
    good = {"date": "2026-10-01", "amount": "510.00", "customer": 1}
    with pytest.raises(ErpError) as caught:
        read_schedule([good, {**good, **differing}], THIRD_PARTIES)
    assert str(caught.value).startswith("Entry 2 of the schedule: ")
    assert said in str(caught.value)


def test_a_name_that_two_have_is_ambiguous() -> None:
    twins = {1: BOREALE, 99: dataclasses.replace(BOREALE, id=99, customer_code="CU99")}
    with pytest.raises(ErpError, match="several third parties have"):
        read_schedule([{"date": "2026-10-01", "amount": "1", "customer": "Boréale Conseil"}], twins)


DAYS = st.integers(-20, 90).map(lambda days: date(2026, 9, 1) + timedelta(days))
SUMS = st.sampled_from([Decimal(amount) for amount in ("100", "100", "50", "33.33", "250", "-100")])


@given(
    st.lists(st.tuples(DAYS, SUMS.map(abs), st.sampled_from((1, 5))), min_size=1, max_size=6),
    st.lists(st.tuples(DAYS, SUMS, st.sampled_from((1, 5))), max_size=8),
    st.randoms(use_true_random=False),
)
@settings(max_examples=80, deadline=None)
def test_no_cent_is_lost_and_the_order_does_not_matter(
    wanted: list[tuple[date, Decimal, int]], came: list[tuple[date, Decimal, int]], chance: Any
) -> None:
    schedule = [Instalment(day, amount, THIRD_PARTIES[customer]) for day, amount, customer in wanted]
    payments: Payments = {}
    for place, (day, amount, customer) in enumerate(came):
        row = paid(customer, (day.isoformat(), str(amount), f"PAY{place:02}"))[customer]
        payments[customer] = (*payments.get(customer, ()), *row)
    all_received = list(
        movements([invoice(1), invoice(5, third_party_id=5)], payments, THIRD_PARTIES, {}),
    )
    report = compare_schedule(schedule, all_received, TODAY)
    starts = {
        customer: min(one.due for one in schedule if one.third_party.id == customer) - timedelta(31)
        for customer in {one.third_party.id for one in schedule}
    }
    counted = sum(amount for day, amount, customer in came if customer in starts and day >= starts[customer])
    met = sum(result.received for result in report.instalments)
    assert met + sum(receipt.amount for receipt in report.unexpected) == counted
    assert met + sum(result.missing for result in report.instalments) == sum(amount for _day, amount, _who in wanted)
    assert all(result.missing >= 0 for result in report.instalments)
    chance.shuffle(schedule)
    chance.shuffle(all_received)
    assert compare_schedule(schedule, all_received, TODAY) == report
