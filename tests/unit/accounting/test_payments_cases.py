# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of payment that the captured invoices do not show, each made of an invoice or two."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.payment_state import (
    Bucket,
    PaymentState,
    State,
    bucket_of,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.payments import payment_states
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    CloseCode,
    Invoice,
    InvoiceStatus,
    InvoiceType,
)
from tests.support.ledger import CUSTOMER_INVOICES, TODAY, Payments, invoice, paid, set_off

CLOSED = {"status": InvoiceStatus.CLOSED, "is_paid": True}
(DEPOSIT_LINE,) = (line for line in CUSTOMER_INVOICES[6].lines if line.discount_id is not None)


def states(*invoices: Invoice, payments: Payments | None = None) -> list[PaymentState]:
    return list(payment_states(invoices, payments or {}, TODAY, {}))


def discount(amount: str, text: str = "(DEPOSIT)") -> dict[str, Any]:
    """An invoice's lines: one that uses a discount."""
    line = dataclasses.replace(DEPOSIT_LINE, description=text, total_ttc=-Decimal(amount))
    return {"lines": (line,)}


def checks(state: PaymentState) -> list[str]:
    return [f"{finding.check}:{finding.severity}" for finding in state.findings]


def test_the_borrowed_line_is_one_that_uses_a_deposit() -> None:
    assert (DEPOSIT_LINE.description, DEPOSIT_LINE.total_ttc) == ("(DEPOSIT)", Decimal("-2160"))


@pytest.mark.parametrize(
    ("total", "received", "state"),
    [
        ("100", "0", State.UNPAID),
        ("100", "99.99", State.PARTIAL),
        ("100", "99.996", State.OK),
        ("100", "100.004", State.OK),
        ("100", "100.01", State.OVERPAID),
        ("100", "-20", State.UNPAID),
        ("-100", "0", State.UNPAID),
        ("-100", "-99.99", State.PARTIAL),
        ("-100", "-100", State.OK),
        ("-100", "-100.01", State.OVERPAID),
        ("-100", "20", State.UNPAID),
        ("0", "0", State.OK),
        ("0", "10", State.OVERPAID),
    ],
)
def test_more_and_less_turn_round_on_credit_notes(total: str, received: str, state: State) -> None:
    (shown,) = states(invoice(1, total), payments=paid(1, ("2026-10-20", received)))
    assert shown.state is state


@pytest.mark.parametrize(
    ("days", "bucket"),
    [(-1, "not_due"), (0, "not_due"), (1, "1-30"), (30, "1-30"), (31, "31-60"), (60, "31-60"), (61, "61-90")]
    + [(90, "61-90"), (91, "90+"), (4000, "90+")],
)
def test_buckets(days: int, bucket: str) -> None:
    (shown,) = states(invoice(1, due=TODAY - timedelta(days)))
    assert (shown.bucket, shown.days_late) == (Bucket(bucket), max(days, 0))
    assert bucket_of(days) == bucket


def test_a_credit_note_that_paid_back_too_much_is_to_be_received() -> None:
    (shown,) = states(invoice(1, "-100", due=date(2026, 11, 1)), payments=paid(1, ("2026-10-20", "-130")))
    assert (shown.outstanding, shown.days_late, shown.bucket) == (Decimal(30), 20, Bucket.UP_TO_30)


def test_a_credit_note_used_in_part_is_partly_outstanding() -> None:
    user, note = states(
        invoice(1, "100"), invoice(2, "-80", ref="AV2"), payments={1: (set_off(1, "AV2", "30"),), 2: ()}
    )
    assert (user.settlement.credit_notes, user.balance, user.state) == (Decimal(30), Decimal(70), State.PARTIAL)
    assert (note.converted, note.outstanding, note.state) == (Decimal(30), Decimal(-50), State.PARTIAL)
    assert checks(note) == ["credit-note-unused:warning"]


def test_a_closed_credit_note_is_a_discount_until_it_is_used() -> None:
    user, note = states(
        invoice(1, "100"), invoice(2, "-80", ref="AV2", **CLOSED), payments={1: (set_off(1, "AV2", "30"),)}
    )
    assert user.balance == Decimal(70)
    assert (note.converted, note.balance, note.available, note.state) == (
        Decimal(80),
        Decimal(0),
        Decimal(50),
        State.OK,
    )
    assert checks(note) == ["credit-note-unused:warning"]


def test_deposits_as_payments_are_told_from_credit_notes_by_the_invoice_they_come_from() -> None:
    """Where deposits are set up to be payments, the row of the final invoice may carry any text."""
    deposit = invoice(1, "40", ref="AC1", type=InvoiceType.DEPOSIT, **CLOSED)
    rows = paid(1, ("2026-10-10", "40")) | {2: (set_off(2, "AC1", "40", mode="Acompte"),)}
    given, final = states(deposit, invoice(2, "100"), payments=rows)
    assert (final.settlement.deposits, final.settlement.credit_notes, final.balance) == (
        Decimal(40),
        Decimal(0),
        Decimal(60),
    )
    assert (given.available, given.balance, given.state) == (Decimal(0), Decimal(0), State.OK)


def test_a_deposit_used_twice_is_an_error() -> None:
    deposit = invoice(1, "40", ref="AC1", type=InvoiceType.DEPOSIT, **CLOSED)
    given, *_finals = states(
        deposit,
        invoice(2, "60", **discount("40")),
        invoice(3, "60", **discount("40")),
        payments=paid(1, ("2026-10-10", "40")),
    )
    assert checks(given) == ["discount-overused:error"]
    assert given.findings[0].message.startswith("FA2, FA3 used 40.00 more of AC1 than there was")


def test_a_credit_note_used_twice_is_an_error_and_still_settled() -> None:
    note, *_users = states(
        invoice(1, "-80", ref="AV1", **CLOSED),
        invoice(2, "100"),
        invoice(3, "100"),
        payments={2: (set_off(2, "AV1", "80"),), 3: (set_off(3, "AV1", "80"),)},
    )
    assert (note.balance, note.state, checks(note)) == (Decimal(0), State.OK, ["discount-overused:error"])


def test_an_unpaid_deposit_that_was_used_is_an_error() -> None:
    unpaid = invoice(1, "40", ref="AC1", type=InvoiceType.DEPOSIT, due=TODAY)
    deposit, _final = states(unpaid, invoice(2, "60", **discount("40")))
    assert checks(deposit) == ["discount-overused:error"]


def test_a_line_uses_the_deposit_of_its_own_amount_before_the_oldest() -> None:
    first, second, _final = states(
        invoice(1, "40", ref="AC1", type=InvoiceType.DEPOSIT, **CLOSED),
        invoice(2, "30", ref="AC2", type=InvoiceType.DEPOSIT, **CLOSED),
        invoice(3, "70", **discount("30")),
        payments=paid(1, ("2026-10-10", "40")) | paid(2, ("2026-10-11", "30")),
    )
    assert (first.available, second.available) == (Decimal(40), Decimal(0))


def test_a_line_of_another_amount_uses_the_oldest_and_then_the_next() -> None:
    first, second, _final = states(
        invoice(1, "40", ref="AC1", type=InvoiceType.DEPOSIT, **CLOSED),
        invoice(2, "30", ref="AC2", type=InvoiceType.DEPOSIT, **CLOSED),
        invoice(3, "70", **discount("60")),
        payments=paid(1, ("2026-10-10", "40")) | paid(2, ("2026-10-11", "30")),
    )
    assert (first.available, second.available) == (Decimal(0), Decimal(10))


def test_a_draft_gives_nothing() -> None:
    """What the paid deposit lacks for the line was not taken from the draft."""
    deposit, _draft, _final = states(
        invoice(1, "40", ref="AC1", type=InvoiceType.DEPOSIT, **CLOSED),
        invoice(2, "30", ref="(PROV2)", type=InvoiceType.DEPOSIT, status=InvoiceStatus.DRAFT),
        invoice(3, "70", **discount("60")),
        payments=paid(1, ("2026-10-10", "40")),
    )
    assert checks(deposit) == ["discount-overused:error"]


def test_a_line_never_uses_what_belongs_to_somebody_else() -> None:
    deposit, _final = states(
        invoice(1, "40", ref="AC1", type=InvoiceType.DEPOSIT, **CLOSED),
        invoice(2, "60", third_party_id=2, **discount("40")),
        payments=paid(1, ("2026-10-10", "40")),
    )
    assert deposit.available == Decimal(40)


@pytest.mark.parametrize(
    ("source", "received", "text"),
    [
        (invoice(1, "-40", ref="AV1", **CLOSED), "0", "(CREDIT_NOTE)"),
        (invoice(1, "60", **CLOSED), "100", "(EXCESS RECEIVED)"),
        (invoice(1, "60", **CLOSED), "100", "(EXCESS PAID)"),
    ],
)
def test_credit_notes_and_surpluses_can_be_lines_too(source: Invoice, received: str, text: str) -> None:
    given, user = states(source, invoice(2, "60", **discount("40", text)), payments=paid(1, ("2026-10-10", received)))
    assert (given.converted, given.available, given.state) == (Decimal(40), Decimal(0), State.OK)
    assert user.settlement.deposit_lines == 0


def test_a_discount_granted_by_hand_comes_from_no_invoice() -> None:
    deposit, user = states(
        invoice(1, "40", ref="AC1", type=InvoiceType.DEPOSIT, **CLOSED),
        invoice(2, "60", **discount("40", "Geste commercial")),
        payments=paid(1, ("2026-10-10", "40")),
    )
    assert (deposit.available, user.settlement.deposit_lines) == (Decimal(40), Decimal(0))


def test_a_surplus_used_as_payment_is_no_credit_any_more() -> None:
    surplus, user = states(
        invoice(1, "60", **CLOSED),
        invoice(2, "40", **CLOSED),
        payments=paid(1, ("2026-10-10", "100")) | {2: (set_off(2, "FA1", "40", "(EXCESS RECEIVED)"),)},
    )
    assert (surplus.converted, surplus.available, surplus.findings) == (Decimal(40), Decimal(0), ())
    assert (user.settlement.credit_notes, user.balance) == (Decimal(40), Decimal(0))


def test_a_deposit_paid_too_much_gives_its_total_and_owes_the_rest() -> None:
    (deposit,) = states(invoice(1, "40", ref="AC1", type=InvoiceType.DEPOSIT), payments=paid(1, ("2026-10-10", "45")))
    assert (deposit.state, deposit.outstanding) == (State.OVERPAID, Decimal(-5))


def test_a_deposit_gives_its_total_at_most() -> None:
    deposit, _final = states(
        invoice(1, "40", ref="AC1", type=InvoiceType.DEPOSIT),
        invoice(2, "60", **discount("45")),
        payments=paid(1, ("2026-10-10", "45")),
    )
    assert checks(deposit) == ["discount-overused:error", "payment-overpaid:warning"]


def test_a_deposit_is_no_discount_before_it_is_paid_in_full() -> None:
    unpaid = invoice(1, "40", ref="AC1", type=InvoiceType.DEPOSIT)
    (deposit,) = states(unpaid, payments=paid(1, ("2026-10-10", "15")))
    assert (deposit.state, deposit.available) == (State.PARTIAL, Decimal(0))


def test_an_open_credit_note_gives_its_total_at_most() -> None:
    note, *_users = states(
        invoice(1, "-80", ref="AV1"),
        invoice(2, "100"),
        invoice(3, "100"),
        payments={2: (set_off(2, "AV1", "30"),), 3: (set_off(3, "AV1", "60"),)},
    )
    assert (note.converted, note.balance, note.state) == (Decimal(80), Decimal(0), State.OK)
    assert "discount-overused:error" in checks(note)


def test_an_invoice_of_nothing_needs_no_closing() -> None:
    (shown,) = states(invoice(1, "0"))
    assert checks(shown) == []


@pytest.mark.parametrize(("paid_on", "severity"), [("2026-08-23", "info"), ("2026-08-22", "warning")])
def test_a_deposit_is_forgotten_after_ninety_days(paid_on: str, severity: str) -> None:
    """90 days before 21 November is 23 August: 8 + 30 + 31 + 21."""
    deposit = invoice(1, "40", ref="AC1", type=InvoiceType.DEPOSIT, **CLOSED)
    (shown,) = states(deposit, payments=paid(1, (paid_on, "40")))
    assert checks(shown) == [f"deposit-unused:{severity}"]


@pytest.mark.parametrize(
    ("differing", "received", "found"),
    [
        ({"is_paid": True, "status": InvoiceStatus.CLOSED}, "60", ["payment-flag-mismatch:warning"]),
        ({}, "100", ["payment-flag-mismatch:warning"]),
        ({"status": InvoiceStatus.CLOSED, "is_paid": True}, "100", []),
        ({"status": InvoiceStatus.CLOSED, "close_code": CloseCode.DISCOUNT}, "60", ["payment-closed-short:warning"]),
        ({"status": InvoiceStatus.CLOSED, "close_code": CloseCode.NONE}, "60", ["payment-closed-short:warning"]),
        (
            {"status": InvoiceStatus.ABANDONED, "close_code": CloseCode.ABANDONED},
            "60",
            ["payment-on-abandoned:warning"],
        ),
        ({"status": InvoiceStatus.ABANDONED, "close_code": CloseCode.REPLACED}, "60", ["payment-on-abandoned:warning"]),
        ({"status": InvoiceStatus.DRAFT}, "0", []),
    ],
)
def test_flags_that_contradict_the_money(differing: dict[str, Any], received: str, found: list[str]) -> None:
    (shown,) = states(invoice(1, "100", due=TODAY, **differing), payments=paid(1, ("2026-10-20", received)))
    assert checks(shown) == found


@pytest.mark.parametrize("code", [code for code in CloseCode if code not in (CloseCode.ABANDONED, CloseCode.REPLACED)])
def test_every_reason_for_closing_short_is_put_in_words(code: CloseCode) -> None:
    (shown,) = states(
        invoice(1, "100", status=InvoiceStatus.CLOSED, close_code=code), payments=paid(1, ("2026-10-20", "60"))
    )
    without_reason = "without a reason" in shown.findings[0].message
    assert shown.state is State.CLOSED_SHORT
    assert without_reason is (code is CloseCode.NONE)


def test_dolibarrs_own_remainder_is_compared() -> None:
    (shown,) = states(invoice(1, "100", due=TODAY, remaining=Decimal("55")), payments=paid(1, ("2026-10-20", "40")))
    assert checks(shown) == ["payment-remaining-differs:error"]
    assert "55.00" in shown.findings[0].message
    assert "60.00" in shown.findings[0].message


def test_credit_notes_above_their_invoice_are_found() -> None:
    source, *_notes = states(
        invoice(1, "100", due=TODAY),
        invoice(2, "-60", ref="AV2", source_id=1),
        invoice(3, "-60", ref="AV3", source_id=1),
    )
    assert checks(source) == ["credit-note-exceeds:warning"]
    assert "120.00" in source.findings[0].message


def test_a_draft_or_abandoned_credit_note_credits_nothing() -> None:
    source, *_notes = states(
        invoice(1, "100", due=TODAY),
        invoice(2, "-100", ref="AV2", source_id=1),
        invoice(3, "-60", ref="AV3", source_id=1, status=InvoiceStatus.DRAFT),
        invoice(4, "-60", ref="AV4", source_id=1, status=InvoiceStatus.ABANDONED),
    )
    assert checks(source) == []


def test_a_settled_foreign_invoice_has_no_cent_left_in_its_currency() -> None:
    """100.00 EUR at 1.0837 are 108.37 USD: the money in euros is exact, so nothing remains in dollars."""
    dollars = {"currency": "USD", "currency_rate": Decimal("1.0837"), "currency_total_ttc": Decimal("108.37")}
    rows = paid(1, ("2026-10-20", "33.33"), ("2026-10-21", "66.67"))
    (shown,) = states(invoice(1, "100", **CLOSED, **dollars), payments=rows)
    assert shown.foreign == {"currency": "USD", "total_ttc": "108.37", "settled": "108.37", "balance": "0.00"}
