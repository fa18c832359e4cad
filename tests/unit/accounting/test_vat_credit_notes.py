# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credit notes and surpluses: when they count for VAT, and what they set off; every figure worked out by hand."""

from __future__ import annotations

from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    InvoiceStatus,
    InvoiceType,
)
from tests.support.ledger import paid, set_off
from tests.support.vat import (
    CLOSED,
    GOODS,
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

DEPOSIT: dict[str, Any] = {"type": InvoiceType.DEPOSIT, "status": InvoiceStatus.CLOSED, "is_paid": True}


def test_a_credit_note_that_cancels_an_unpaid_service_changes_nothing() -> None:
    """FA1 of 1200 TTC, 960 paid before 240 of it are credited: 800 and 160, and no more."""
    note = credit_note(2, 1, line("-200"), **CLOSED)
    rows = {1: (*paid(1, ("2026-10-20", "960"))[1], set_off(1, "FA2", "240"))}
    made = report([bill(1, line("1000"), **CLOSED), note], rows)
    assert due(made) == [("2026-10-20", "FA1", "800.00", "160.00")]
    assert checks(made) == []
    assert {one["invoice"]: (one["base"], one["reason"]) for one in made.not_due["customers"]} == {
        "FA1": ("200.00", "cancelled without a payment"),
        "FA2": ("-200.00", "cancelled without a payment"),
    }


def test_what_is_paid_after_a_partial_credit_note_settles_the_rest() -> None:
    """1000 at 20 % and 1000 at 10 % (2300); 1150 paid; the 10 % line is credited (1100); the last 50 settle the 20 %.

    Half of both is due first: 500 and 100, 500 and 50. In the end 1000 and 200 must be due and nothing at 10 %.
    """
    invoice = bill(1, line("1000", "20"), line("1000", "10"), **CLOSED)
    note = credit_note(2, 1, line("-1000", "10"), **CLOSED)
    rows = {
        1: (
            *paid(1, ("2026-10-20", "1150"))[1],
            set_off(1, "FA2", "1100"),  # on 1 November
            *paid(1, ("2026-11-20", "50", "PAY9"))[1],
        )
    }
    assert due(report([invoice, note], rows)) == [
        ("2026-10-20", "FA1", "500.00", "50.00"),
        ("2026-10-20", "FA1", "500.00", "100.00"),
        ("2026-11-20", "FA1", "-500.00", "-50.00"),
        ("2026-11-20", "FA1", "500.00", "100.00"),
    ]


def test_a_credit_note_set_off_against_a_later_invoice_is_due_then() -> None:
    """FA3 of 600 TTC is paid with the credit note on FA1 (120) and 480: all of it is due, and the credit note too."""
    first = bill(1, line("1000"), **CLOSED)
    note = credit_note(2, 1, line("-100"), **CLOSED)
    later = bill(3, line("500"), **CLOSED)
    rows = joined(
        paid(1, ("2026-10-05", "1200")),
        {3: (set_off(3, "FA2", "120"), *paid(3, ("2026-12-01", "480"))[3])},
    )
    made = report([first, note, later], rows)
    assert due(made) == [
        ("2026-10-05", "FA1", "1000.00", "200.00"),
        ("2026-11-01", "FA2", "-100.00", "-20.00"),
        ("2026-11-01", "FA3", "100.00", "20.00"),
        ("2026-12-01", "FA3", "400.00", "80.00"),
    ]
    assert [entry.is_adjustment for entry in made.entries] == [False, True, False, False]


def test_a_credit_note_on_services_waits_until_it_is_paid_back() -> None:
    note = credit_note(2, 1, line("-100"), issued=on("2026-10-12"))
    open_note = report([bill(1, line("1000")), note], paid(1, ("2026-10-05", "1200")))
    assert due(open_note) == [("2026-10-05", "FA1", "1000.00", "200.00")]
    paid_back = report([note], paid(2, ("2026-11-15", "-60"), ("2026-12-15", "-60")))
    assert due(paid_back) == [("2026-11-15", "FA2", "-50.00", "-10.00"), ("2026-12-15", "FA2", "-50.00", "-10.00")]


def test_a_credit_note_on_goods_counts_on_its_own_date() -> None:
    note = credit_note(2, 1, line("-100", "20", GOODS), issued=on("2026-11-12"), **CLOSED)
    sold = bill(1, line("1000", "20", GOODS), **CLOSED)
    rows = {1: (*paid(1, ("2026-10-20", "1080"))[1], set_off(1, "FA2", "120"))}
    assert due(report([sold, note], rows)) == [
        ("2026-10-01", "FA1", "1000.00", "200.00"),
        ("2026-11-12", "FA2", "-100.00", "-20.00"),
    ]


def test_a_credit_note_on_a_deposit_waits_for_the_money_even_on_goods() -> None:
    deposit = bill(1, line("100", "20", GOODS), **DEPOSIT)
    note = credit_note(2, 1, line("-100", "20", GOODS), issued=on("2026-10-12"))
    assert due(report([deposit, note])) == []
    assert due(report([deposit, note], paid(2, ("2026-12-01", "-120")))) == [("2026-12-01", "FA2", "-100.00", "-20.00")]


def test_under_debits_a_credit_note_counts_on_its_own_date() -> None:
    note = credit_note(2, 1, line("-200"), issued=on("2026-10-12"), **CLOSED)
    rows = {1: (*paid(1, ("2026-10-20", "960"))[1], set_off(1, "FA2", "240"))}
    made = report([bill(1, line("1000"), **CLOSED), note], rows, on_debits=True)
    assert due(made) == [("2026-10-01", "FA1", "1000.00", "200.00"), ("2026-10-12", "FA2", "-200.00", "-40.00")]


def test_a_surplus_used_for_a_later_invoice_pays_it() -> None:
    """FA1 of 120 was paid 180; 60 of it pay half of FA2: as a payment, or as a line, which lowers no base."""
    first = bill(1, line("100"), **CLOSED)
    money = paid(1, ("2026-10-05", "180"))
    as_payment = report(
        [first, bill(2, line("100"))], joined(money, {2: (set_off(2, "FA1", "60", "(EXCESS RECEIVED)"),)})
    )
    assert due(as_payment) == [("2026-10-05", "FA1", "100.00", "20.00"), ("2026-11-01", "FA2", "50.00", "10.00")]
    used = deposit_line("60", "0", "(EXCESS RECEIVED)")
    later = bill(2, line("100"), used, issued=on("2026-11-01"))
    as_line = report([first, later], joined(money, paid(2, ("2026-12-01", "60"))))
    assert due(as_line) == [*due(as_payment), ("2026-12-01", "FA2", "50.00", "10.00")]
    assert as_line.to_facts()["reconciliation"]["customers"]["payments_as_lines_ht"] == "-60.00"
    assert as_line.to_facts()["reconciliation"]["is_exact"] is True


def test_a_credit_note_used_as_a_line_is_left_to_a_person() -> None:
    """The API does not name it: the invoice counts in full, the credit note must be put on line 21 by hand."""
    later = bill(2, line("100"), deposit_line("50", text="(CREDIT_NOTE)"))
    made = report([later], paid(2, ("2026-12-01", "60")))
    assert due(made) == [("2026-10-01", "FA2", "50.00", "10.00"), ("2026-12-01", "FA2", "50.00", "10.00")]
    (left,) = made.to_facts()["unclassified"]
    assert (left["invoice"], left["line"], left["total_ht"], left["total_tva"]) == ("FA2", 2, "-50.00", "-10.00")


def test_a_set_off_from_an_unknown_invoice_is_taken_for_money_and_said() -> None:
    made = report([bill(1, line("100"))], {1: (set_off(1, "FA99", "60"),)})
    assert due(made) == [("2026-11-01", "FA1", "50.00", "10.00")]
    assert checks(made) == ["vat-set-off-unknown:FA1"]
