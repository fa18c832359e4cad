# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which lines of the CA3 each operation feeds, rounding, and the credit carried from month to month."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Period
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Invoice, Line
from tests.support.ledger import paid
from tests.support.vat import (
    AMERICAN,
    FRENCH,
    GERMAN,
    GOODS,
    MONEGASQUE,
    NORTHERN_IRISH,
    REUNION,
    SERVICE,
    bill,
    checks,
    credit_note,
    deposit_line,
    form,
    joined,
    line,
    on,
    report,
)

OCTOBER = "2026-10"


def of_sale(*lines: Line, party: int = FRENCH, options: dict[str, Any] | None = None) -> dict[str, Any]:
    """The lines that one paid invoice feeds, without the totals."""
    sold = bill(1, *lines, third_party_id=party)
    return feeds(report([sold], paid(1, ("2026-10-02", str(sold.total_ttc))), **options or {}))


def of_purchase(*lines: Line, party: int = FRENCH, options: dict[str, Any] | None = None) -> dict[str, Any]:
    """The lines that one paid supplier's invoice feeds, without the totals."""
    bought = bill(1, *lines, third_party_id=party)
    return feeds(report([], {}, [bought], paid(1, ("2026-10-02", str(bought.total_ttc))), **options or {}))


def feeds(made: Any) -> dict[str, Any]:
    return {number: row for number, row in form(made, OCTOBER).items() if number not in "16 23 25 TD 27 28 32".split()}


@pytest.mark.parametrize(
    ("rate", "number", "tax"),
    [
        ("20", "08", "20.00"),
        ("5.5", "09", "5.50"),
        ("10", "9B", "10.00"),
        ("2.1", "T6", "2.10"),
        ("8.5", "10", "8.50"),
        ("19.6", "13", "19.60"),
    ],
)
def test_a_sale_feeds_a1_and_its_rate(rate: str, number: str, tax: str) -> None:
    assert of_sale(line("100", rate)) == {"A1": ("100.00", "0.00"), number: ("100.00", tax)}


@pytest.mark.parametrize(
    ("party", "kind", "number"),
    [
        (AMERICAN, GOODS, "E1"),
        (AMERICAN, SERVICE, "E2"),
        (GERMAN, SERVICE, "E2"),
        (GERMAN, GOODS, "F2"),
        (NORTHERN_IRISH, GOODS, "F2"),
    ],
)
def test_a_sale_without_vat_feeds_one_line(party: int, kind: Any, number: str) -> None:
    assert of_sale(line("100", "0", kind), party=party) == {number: ("100.00", "0.00")}


def test_exempt_and_subcontracted_sales_go_to_e2() -> None:
    assert of_sale(line("100", "0", description="art. 261-4-4° du CGI")) == {"E2": ("100.00", "0.00")}
    assert of_sale(line("100", "0"), options={"subcontracted": frozenset({"FA1"})}) == {"E2": ("100.00", "0.00")}


def test_vat_charged_in_monaco_is_shown_apart() -> None:
    expected = {"A1": ("100.00", "0.00"), "08": ("100.00", "20.00"), "18": ("0.00", "20.00")}
    assert of_sale(line("100"), party=MONEGASQUE) == expected


@pytest.mark.parametrize("option", ["disbursements", "margin"])
def test_what_is_no_turnover_or_cannot_be_reckoned_feeds_nothing(option: str) -> None:
    assert of_sale(line("100", "0"), options={option: frozenset({"FA1"})}) == {}


@pytest.mark.parametrize(
    ("party", "kind", "options", "expected"),
    [
        # Base, gross tax and deduction; net nothing.
        (GERMAN, SERVICE, {}, {"A3": ("100.00", "0.00"), "08": ("100.00", "20.00"), "20": ("0.00", "20.00")}),
        (AMERICAN, SERVICE, {}, {"A3": ("100.00", "0.00"), "08": ("100.00", "20.00"), "20": ("0.00", "20.00")}),
        (
            GERMAN,
            GOODS,
            {},
            {"B2": ("100.00", "0.00"), "08": ("100.00", "20.00"), "17": ("0.00", "20.00"), "20": ("0.00", "20.00")},
        ),
        (
            AMERICAN,
            GOODS,
            {},
            {"A4": ("100.00", "0.00"), "I1": ("100.00", "20.00"), "24": ("0.00", "20.00"), "20": ("0.00", "20.00")},
        ),
        (
            FRENCH,
            SERVICE,
            {"subcontracted": frozenset({"FA1"})},
            {"A2": ("100.00", "0.00"), "08": ("100.00", "20.00"), "20": ("0.00", "20.00")},
        ),
        (
            GERMAN,
            GOODS,
            {"supplied_in_france": frozenset({"FA1"})},
            {"B4": ("100.00", "0.00"), "08": ("100.00", "20.00"), "20": ("0.00", "20.00")},
        ),
        # A printed book, and a machine.
        (
            GERMAN,
            GOODS,
            {"self_assessed_rates": {"FA1": Decimal("5.5")}},
            {"B2": ("100.00", "0.00"), "09": ("100.00", "5.50"), "17": ("0.00", "5.50"), "20": ("0.00", "5.50")},
        ),
        (
            GERMAN,
            GOODS,
            {"fixed_assets": frozenset({"FA1:1"})},
            {"B2": ("100.00", "0.00"), "08": ("100.00", "20.00"), "17": ("0.00", "20.00"), "19": ("0.00", "20.00")},
        ),
        # What may not be deducted is owed all the same.
        (
            GERMAN,
            SERVICE,
            {"not_deductible": frozenset({"FA1"})},
            {"A3": ("100.00", "0.00"), "08": ("100.00", "20.00")},
        ),
        (GERMAN, SERVICE, {"exempt_purchases": frozenset({"FA1"})}, {}),
        (FRENCH, SERVICE, {}, {}),
        (REUNION, GOODS, {}, {}),
    ],
)
def test_both_sides_of_a_reverse_charge(party: int, kind: Any, options: dict[str, Any], expected: Any) -> None:
    assert of_purchase(line("100", "0", kind), party=party, options=options) == expected


def test_the_rate_of_one_line_outweighs_that_of_its_invoice() -> None:
    bought = (line("100", "0", GOODS), line("200", "0", GOODS))
    rates = {"self_assessed_rates": {"FA1": Decimal(10), "FA1:2": Decimal("5.5")}}
    found = of_purchase(*bought, party=GERMAN, options=rates)
    assert (found["9B"], found["09"], found["20"]) == (("100.00", "10.00"), ("200.00", "11.00"), ("0.00", "21.00"))


def test_every_rate_is_deducted_on_20_and_assets_on_19() -> None:
    bought = (line("100", "20", GOODS), line("100", "5.5", GOODS), line("1000", "20", GOODS), line("100", "10"))
    options = {"fixed_assets": frozenset({"FA1:3"}), "not_deductible": frozenset({"FA1:4"})}
    assert of_purchase(*bought, options=options) == {"20": ("0.00", "25.50"), "19": ("0.00", "200.00")}


def test_credit_notes_to_customers_go_to_b5_and_21_and_both_figures_are_shown() -> None:
    """1000 at 20 % and a credit note of 100 at 20 % and 50 at 10 %, both on goods."""
    note = credit_note(2, 1, line("-100", "20", GOODS), line("-50", "10", GOODS), issued=on("2026-10-20"))
    made = report([bill(1, line("1000", "20", GOODS)), note])
    assert feeds(made) == {
        "A1": ("1000.00", "0.00"),
        "08": ("1000.00", "200.00"),
        "B5": ("150.00", "0.00"),
        "21": ("0.00", "25.00"),
    }
    (month,) = made.to_facts()["months"]
    assert (month["net"], month["to_pay"]) == ("175.00", "175.00")
    netted = {row["line"]: (row["base"], row["tax"]) for row in month["if_credit_notes_netted"]}
    assert netted == {
        "A1": ("850.00", "0.00"),
        "08": ("900.00", "180.00"),
        "9B": ("-50.00", "-5.00"),
        "B5": ("0.00", "0.00"),
        "21": ("0.00", "0.00"),
    }


def test_credit_notes_on_untaxed_sales_go_to_f8() -> None:
    note = credit_note(2, 1, line("-100", "0", GOODS), third_party_id=AMERICAN)
    assert feeds(report([note])) == {"F8": ("100.00", "0.00")}


def test_credit_notes_of_suppliers_repay_what_was_deducted() -> None:
    """On 15; of a reverse charge the tax that was owed comes back on 21 too."""
    note = credit_note(1, None, line("-100", "20", GOODS))
    assert feeds(report([], {}, [note])) == {"15": ("0.00", "20.00")}
    foreign = credit_note(1, None, line("-100", "0", GOODS), third_party_id=GERMAN)
    assert feeds(report([], {}, [foreign])) == {
        "B5": ("100.00", "0.00"),
        "21": ("0.00", "20.00"),
        "15": ("0.00", "20.00"),
    }


def test_a_discount_on_the_invoice_itself_is_no_credit_note() -> None:
    assert of_sale(line("1000"), deposit_line("100", text="Remise fixe")) == {
        "A1": ("900.00", "0.00"),
        "08": ("900.00", "180.00"),
    }


def test_every_line_is_rounded_to_euros_and_totals_add_up_the_rounded_lines() -> None:
    """12.50 at 20 % (2.50) and 10 at 5.5 % (0.55): 3 and 1 make 4, although 3.05 is 3."""
    made = report([bill(1, line("12.50", "20", GOODS), line("10", "5.5", GOODS))])
    (month,) = made.to_facts()["months"]
    rounded = {row["line"]: (row["base_rounded"], row["tax_rounded"]) for row in month["lines"]}
    assert (rounded["A1"], rounded["08"], rounded["09"]) == (("23.00", "0.00"), ("13.00", "3.00"), ("10.00", "1.00"))
    assert (rounded["16"], rounded["TD"], rounded["32"]) == (("0.00", "4.00"),) * 3
    assert (month["gross_tax"], month["net"], month["to_pay"]) == ("3.05", "3.05", "4.00")


def three_months() -> tuple[list[Invoice], list[Invoice]]:
    """September: bought 500 (100 of VAT). October: nothing. November: sold 300 (60); December: sold 300 (60)."""
    bought = [bill(1, line("500", "20", GOODS), issued=on("2026-09-10"))]
    sold = [
        bill(2, line("300", "20", GOODS), issued=on("2026-11-10")),
        bill(3, line("300", "20", GOODS), issued=on("2026-12-10")),
    ]
    return sold, bought


def test_a_credit_is_carried_through_the_months() -> None:
    """100 of credit, still 100, then 40 left, then 20 to pay."""
    sold, bought = three_months()
    months = report(sold, {}, bought).to_facts()["months"]
    columns = ("month", "net", "credit_brought_forward", "credit_carried_forward", "to_pay")
    assert [tuple(one[column] for column in columns) for one in months] == [
        ("2026-09", "-100.00", "0.00", "100.00", "0.00"),
        ("2026-10", "0.00", "100.00", "100.00", "0.00"),
        ("2026-11", "60.00", "100.00", "40.00", "0.00"),
        ("2026-12", "60.00", "40.00", "0.00", "20.00"),
    ]
    november = {row["line"]: row["tax"] for row in months[2]["lines"]}
    assert (november["22"], november["23"], november["25"], november["27"]) == ("100.00", "100.00", "40.00", "40.00")


def test_a_credit_from_before_is_brought_forward() -> None:
    sold, bought = three_months()
    period = Period(on("2026-11-01"), on("2026-12-31"))
    made = report(sold, {}, bought, period=period, credit_brought_forward=Decimal("223"))
    months = made.to_facts()["months"]
    assert [(one["credit_brought_forward"], one["credit_carried_forward"]) for one in months] == [
        ("223.00", "163.00"),
        ("163.00", "103.00"),
    ]
    assert not any("brought forward" in one.en for one in made.assumptions)
    without = report(sold, {}, bought, period=period)
    assert [one for one in without.assumptions if "No credit is brought forward into 2026-11" in one.en]


def test_the_franchise_deducts_nothing_and_still_owes_reverse_charges() -> None:
    bought = [bill(1, line("100", "20", GOODS)), bill(2, line("100", "0"), third_party_id=GERMAN)]
    sold = [bill(3, line("1000", "0")), bill(4, line("50", "20"))]
    made = report(sold, joined(paid(3, ("2026-10-05", "1000"))), bought, regime=Regime.FRANCHISE)
    assert feeds(made) == {"A3": ("100.00", "0.00"), "08": ("100.00", "20.00")}
    assert "vat-franchise-charged:FA4" in checks(made)


def test_a_rate_of_another_state_is_left_to_a_person() -> None:
    sold = bill(1, line("100", "21", GOODS), third_party_id=GERMAN)
    made = report([sold])
    assert feeds(made) == {}
    assert [one["reason"][:38] for one in made.to_facts()["unclassified"]] == ["the return has no line for a rate of 2"]


def test_a_feed_may_be_moved_to_another_line() -> None:
    corsica = {"ca3_lines": {"rate_10": "T3", "purchase_AE_SERVICE_outside_eu": "B4"}}
    assert of_sale(line("100", "10"), options=corsica) == {"A1": ("100.00", "0.00"), "T3": ("100.00", "10.00")}
    assert "B4" in of_purchase(line("100", "0"), party=AMERICAN, options=corsica)
    assert "A3" in of_purchase(line("100", "0"), party=GERMAN, options=corsica)


def test_a_credit_of_cents_is_carried_in_cents_and_not_in_euros() -> None:
    """0.40 of VAT bought in September: nothing to carry on the form; 0.40 lowers October's 20 in cents alone."""
    bought = bill(1, line("2", "20", GOODS), issued=on("2026-09-10"))
    sold = bill(2, line("100", "20", GOODS))
    months = report([sold], {}, [bought]).to_facts()["months"]
    october = {row["line"]: (row["tax"], row["tax_rounded"]) for row in months[1]["lines"]}
    assert (october["22"], october["32"]) == (("0.40", "0.00"), ("19.60", "20.00"))
