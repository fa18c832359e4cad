# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VAT report of the captured Dolibarr; every figure worked out by hand from the invoices and payments named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Period
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat import VatReport
from tests.support.ledger import CUSTOMER_INVOICES, CUSTOMER_PAYMENTS, SUPPLIER_INVOICES, SUPPLIER_PAYMENTS
from tests.support.vat import (
    AMERICAN,
    BRITISH,
    FRENCH,
    GOODS,
    SERVICE,
    SWISS_PRIVATE,
    bill,
    checks,
    form,
    line,
    on,
    report,
)

BOTH = (CUSTOMER_INVOICES, CUSTOMER_PAYMENTS, SUPPLIER_INVOICES, SUPPLIER_PAYMENTS)


@pytest.fixture(scope="module")
def captured() -> VatReport:
    return report(*BOTH)


@pytest.fixture(scope="module")
def facts(captured: VatReport) -> dict[str, Any]:
    return captured.to_facts(with_lines=True)


def row(facts: dict[str, Any], basis: str, side: str, month: str) -> dict[tuple[str, str, bool], tuple[str, str]]:
    """The rows of a month: (rate, treatment, is_adjustment) to (base, tax)."""
    return {
        (one["rate"], one["treatment"], one["is_adjustment"]): (one["base"], one["tax"])
        for one in facts[basis][side]
        if one["month"] == month
    }


@pytest.mark.parametrize(
    ("month", "expected"),
    [
        # FA2501-0001 and AC2502-0001 at 20 %, the book of FA2502-0003; SI2501-0001 18 and SI2502-0002 16.90.
        (
            "2025-02",
            {
                "A1": ("6690.00", "0.00"),
                "08": ("6600.00", "1320.00"),
                "09": ("90.00", "4.95"),
                "16": ("0.00", "1324.95"),
                "20": ("0.00", "34.90"),
                "23": ("0.00", "34.90"),
                "TD": ("0.00", "1290.05"),
                "28": ("0.00", "1290.05"),
                "32": ("0.00", "1290.05"),
            },
        ),
        # FA2502-0003 1500 and 200; FA2501-0002 to the United States; the Irish SI2503-0004 on both sides.
        (
            "2025-03",
            {
                "A1": ("1700.00", "0.00"),
                "A3": ("210.00", "0.00"),
                "E2": ("3250.00", "0.00"),
                "08": ("1710.00", "342.00"),
                "9B": ("200.00", "20.00"),
                "16": ("0.00", "362.00"),
                "20": ("0.00", "42.00"),
                "23": ("0.00", "42.00"),
                "TD": ("0.00", "320.00"),
                "28": ("0.00", "320.00"),
                "32": ("0.00", "320.00"),
            },
        ),
        # FA2510-0017 1080, FA2511-0019 1500, FA2510-0018 2200; AV2511-0002 paid back; SI2510-0012 116.67.
        (
            "2025-11",
            {
                "A1": ("4780.00", "0.00"),
                "B5": ("1500.00", "0.00"),
                "08": ("4780.00", "956.00"),
                "16": ("0.00", "956.00"),
                "20": ("0.00", "116.67"),
                "21": ("0.00", "300.00"),
                "23": ("0.00", "416.67"),
                "TD": ("0.00", "539.33"),
                "28": ("0.00", "539.33"),
                "32": ("0.00", "539.33"),
            },
        ),
        # FA2608-0033: a newspaper at 2.1 %, which is line T6, and 3600 at 20 %.
        (
            "2026-09",
            {
                "A1": ("3720.00", "0.00"),
                "08": ("3600.00", "720.00"),
                "T6": ("120.00", "2.52"),
                "16": ("0.00", "722.52"),
                "TD": ("0.00", "722.52"),
                "28": ("0.00", "722.52"),
                "32": ("0.00", "722.52"),
            },
        ),
        # SI2607-0021 alone, in August: 16.20 of credit; the insurance SI2608-0022 has no line.
        (
            "2026-08",
            {
                "20": ("0.00", "16.20"),
                "23": ("0.00", "16.20"),
                "25": ("0.00", "16.20"),
                "27": ("0.00", "16.20"),
            },
        ),
    ],
)
def test_the_return_of_a_month(captured: VatReport, month: str, expected: dict[str, tuple[str, str]]) -> None:
    found = form(captured, month)
    if month == "2026-09":
        # The credit of August.
        assert found.pop("22") == ("0.00", "16.20")
        assert found.pop("23") == ("0.00", "16.20")
        assert {found.pop(number) for number in ("TD", "28", "32")} == {("0.00", "706.32")}
        expected = {number: amounts for number, amounts in expected.items() if number not in ("TD", "28", "32")}
    assert found == expected


def test_rounded_returns(facts: dict[str, Any]) -> None:
    """February 2025: 1320 + 5 - 35. August and September 2026: a credit of 16, then 720 + 3 - 16."""
    months = {one["month"]: one for one in facts["months"]}
    assert months["2025-02"]["to_pay"] == "1290.00"
    assert (months["2026-08"]["credit_carried_forward"], months["2026-08"]["to_pay"]) == ("16.00", "0.00")
    assert (months["2026-09"]["credit_brought_forward"], months["2026-09"]["to_pay"]) == ("16.00", "707.00")


def test_the_invoices_days_and_the_days_when_due_differ(facts: dict[str, Any]) -> None:
    """January 2025 invoiced FA2501-0001 (4800) and FA2501-0002; nothing of it was due before it was paid."""
    assert row(facts, "invoiced", "collected", "2025-01") == {
        ("0", "OUT_SERVICE", False): ("3250.00", "0.00"),
        ("20", "STD", False): ("4800.00", "960.00"),
    }
    assert row(facts, "due", "collected", "2025-01") == {}
    # November: FA2511-0019 and its credit note AV2511-0002 of the same month.
    assert row(facts, "invoiced", "collected", "2025-11") == {
        ("20", "STD", False): ("1500.00", "300.00"),
        ("20", "STD", True): ("-1500.00", "-300.00"),
    }


def test_deductible_rows(facts: dict[str, Any]) -> None:
    """April 2025: SI2504-0005 at three rates, by its date; hosting SI2503-0003 of March, paid on 5 April."""
    assert row(facts, "due", "deductible", "2025-04") == {
        ("2.1", "STD", False): ("30.00", "0.63"),
        ("5.5", "STD", False): ("82.46", "4.54"),
        ("20", "STD", False): ("128.70", "25.74"),
    }
    # September 2025: the Irish SI2509-0011, 245.40 at 20 %, collected and deductible.
    assert row(facts, "due", "deductible", "2025-09") == {("20", "AE_SERVICE", False): ("245.40", "49.08")}
    assert row(facts, "due", "collected", "2025-09")["20", "AE_SERVICE", False] == ("245.40", "49.08")


def test_what_is_not_due_yet(facts: dict[str, Any]) -> None:
    """FA2509-0015: 2100 of 3600 to come; FA2602-0024: 840 of 1440 lost; SI2510-0012: 740 of 1440 to pay."""
    found = {one["invoice"]: (one["base"], one["tax"], one["reason"]) for one in facts["not_due"]["customers"]}
    assert found["FA2509-0015"] == ("1750.00", "350.00", "not paid")
    assert found["FA2602-0024"] == ("700.00", "140.00", "closed with a missing amount (badcustomer)")
    assert found["FA2512-0022"] == ("120.00", "24.00", "closed with a missing amount (discount_vat)")
    assert found["AV2604-0003"] == ("-300.00", "-60.00", "neither used nor paid back")
    assert found["AV2505-0001"] == ("-1200.00", "-240.00", "cancelled without a payment")
    bought = {one["invoice"]: (one["base"], one["tax"]) for one in facts["not_due"]["suppliers"]}
    assert bought == {
        "SI2510-0012": ("616.67", "123.33"),
        "SA2512-0001": ("-45.00", "-9.00"),
        "SI2610-0023": ("90.00", "18.00"),
    }


def test_findings_and_what_is_left_to_a_person(captured: VatReport, facts: dict[str, Any]) -> None:
    assert checks(captured) == [
        "vat-business-unproven:Northwind Prairie LLC",
        "vat-charged-abroad:FA2603-0026",
        "vat-overpaid:FA2509-0016",
        "vat-overpaid:FA2510-0017",
        "vat-overpaid:SI2606-0020",
        "vat-reverse-charge-unmarked:SI2602-0015",
        "vat-unclassified:FA2505-0008",
    ]
    (left,) = facts["unclassified"]
    assert (left["invoice"], left["line"], left["total_ht"]) == ("FA2505-0008", 1, "1200.00")
    assert "without a VAT number" in left["reason"]


def test_debits_move_services_to_the_invoices_months() -> None:
    """March 2025: FA2503-0005 (7200). May: FA2505-0009 (2400), AV2505-0001 (-1200), and the unclassified FA2505-0008."""
    made = report(*BOTH, on_debits=True)
    assert form(made, "2025-03")["A1"] == ("7200.00", "0.00")
    may = form(made, "2025-05")
    assert (may["A1"], may["B5"], may["21"]) == (("2400.00", "0.00"), ("1200.00", "0.00"), ("0.00", "240.00"))
    # The deposit AC2502-0001 still when paid, beside FA2502-0003 by its date: 1800 + 1500 at 20 %.
    assert form(made, "2025-02")["08"] == ("3300.00", "660.00")
    # The early-payment discount of FA2512-0022, 144 with tax, when its payment came.
    assert form(made, "2026-01")["21"] == ("0.00", "24.00")
    # The replaced FA2506-0010 of 1500 may have been declared.
    assert "vat-abandoned:FA2506-0010" in checks(made)


def test_a_month_asked_for_in_part_is_said() -> None:
    made = report(*BOTH, period=Period(on("2025-02-10"), on("2025-03-31")))
    assert [(one["month"], one["is_partial"]) for one in made.to_facts()["months"]] == [
        ("2025-02", True),
        ("2025-03", False),
    ]
    assert "vat-partial-month:2025-02" in checks(made)
    # SI2501-0001 was paid on the 5th.
    assert form(made, "2025-02")["20"] == ("0.00", "16.90")


def test_months_end_with_the_last_thing_that_is_known() -> None:
    made = report(*BOTH, period=Period(on("2026-01-01"), on("2026-12-31")))
    assert [one["month"] for one in made.to_facts()["months"]] == [f"2026-{month:02}" for month in range(1, 12)]


def test_without_invoices_there_is_no_month() -> None:
    facts = report().to_facts(with_lines=True)
    assert (facts["months"], facts["due"]["collected"], facts["entries"]) == ([], [], [])
    assert facts["totals"] == {
        "gross_tax": "0.00",
        "net": "0.00",
        "to_pay": "0.00",
        "credit_carried_forward": "0.00",
    }
    assert facts["reconciliation"]["is_exact"] is True


def test_facts_are_plain_json_in_a_stable_order(facts: dict[str, Any]) -> None:
    assert json.loads(json.dumps(facts)) == facts
    turned = report(CUSTOMER_INVOICES[::-1], CUSTOMER_PAYMENTS, SUPPLIER_INVOICES[::-1], SUPPLIER_PAYMENTS)
    assert turned.to_facts(with_lines=True) == facts
    assert "lines" not in turned.to_facts()


def test_the_report_is_called_a_preparation(facts: dict[str, Any]) -> None:
    assert facts["title"] == "préparation de la déclaration de TVA"
    assert any("not a declaration" in one for one in facts["assumptions"])


def test_services_to_an_unknown_customer_abroad_need_a_proof_once_per_customer() -> None:
    sold = [bill(number, line("100", "0", SERVICE), third_party_id=AMERICAN) for number in (1, 2)]
    assert checks(report(sold)) == ["vat-business-unproven:Northwind Prairie LLC"]


@pytest.mark.parametrize(
    ("party", "rate", "expected"),
    [
        # A company in the United Kingdom has shown a number, a private person in Switzerland owes French VAT.
        (BRITISH, "0", []),
        (BRITISH, "20", ["vat-charged-abroad:FA1"]),
        (SWISS_PRIVATE, "20", []),
        (AMERICAN, "20", ["vat-charged-abroad:FA1"]),
        (FRENCH, "20", []),
    ],
)
def test_services_abroad(party: int, rate: str, expected: list[str]) -> None:
    assert checks(report([bill(1, line("100", rate), third_party_id=party)])) == expected


def test_goods_abroad_may_bear_vat() -> None:
    assert checks(report([bill(1, line("100", "20", GOODS), third_party_id=AMERICAN)])) == []
