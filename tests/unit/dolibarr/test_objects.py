# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strings, epochs and half-empty fields become amounts, days and codes."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    CloseCode,
    Invoice,
    InvoiceStatus,
    InvoiceType,
    Payment,
    Template,
    ThirdParty,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.values import (
    UnreadableAnswer,
    day,
    flag,
    integer,
    number,
    text,
)
from tests.support.paths import FIXTURES

API = FIXTURES / "api"


def captured(file: str) -> Any:
    return json.loads((API / file).read_text(encoding="utf-8"))


def invoice(number_of: int) -> Invoice:
    return Invoice.of_customer(captured(f"invoices/by-id/invoices__{number_of}.json"))


def test_amounts_are_exact_whatever_json_calls_them() -> None:
    # FA2602-0024 of 1440.00, of which 600.00 was paid and 840.00 given up
    found = invoice(28)
    assert (found.total_ht, found.total_tva, found.total_ttc) == (Decimal("1200"), Decimal("240"), Decimal("1440"))
    assert (found.paid, found.remaining) == (Decimal("600"), Decimal("840"))
    # FA2510-0037: a JSON float, and the rest as a string without zeros
    found = invoice(43)
    assert (found.paid, found.remaining) == (Decimal("1388.89"), Decimal("2083.33"))
    assert (found.currency, found.currency_total_ttc) == ("USD", Decimal("3750"))
    assert number({"a": 0.1}, "a") + number({"a": "0.20000000"}, "a") == Decimal("0.3")


@pytest.mark.parametrize("value", [None, ""])
def test_never_set_and_empty_are_the_same(value: str | None) -> None:
    answer = {"a": value}
    assert (number(answer, "a"), integer(answer, "a"), text(answer, "a"), flag(answer, "a"), day(answer, "a")) == (
        Decimal("0"),
        None,
        "",
        False,
        None,
    )
    assert (number({}, "a"), integer({}, "a"), text({}, "a")) == (Decimal("0"), None, "")


@pytest.mark.parametrize(("value", "wanted"), [("1", True), (1, True), ("0", False), (0, False)])
def test_flags_are_strings_or_numbers(value: object, wanted: bool) -> None:
    assert flag({"a": value}, "a") is wanted


def test_a_day_is_the_same_by_the_clock_of_paris_and_of_utc() -> None:
    paris = invoice(1)
    utc = Invoice.of_customer(captured("config-variants/invoices__1--php-timezone-utc.json"))
    assert paris.issued == utc.issued == date(2025, 1, 31)
    assert paris.due == utc.due
    assert [Payment.read(1, row).paid_on for row in captured("invoices/payments/invoices__1__payments.json")] == [
        Payment.read(1, row).paid_on for row in captured("config-variants/invoices__1__payments--php-timezone-utc.json")
    ]


@given(
    st.dates(date(2000, 1, 1), date(2060, 12, 31)),
    st.sampled_from(["Europe/Paris", "UTC", "America/New_York", "Asia/Tokyo", "Indian/Reunion", "Pacific/Noumea"]),
)
def test_midnight_is_its_day_in_summer_and_winter_wherever_the_server_is(wanted: date, zone: str) -> None:
    midnight = datetime(wanted.year, wanted.month, wanted.day, tzinfo=ZoneInfo(zone))
    assert day({"date": int(midnight.timestamp())}, "date") == wanted


def test_the_days_on_which_the_clock_changes() -> None:
    # 2026-03-29 begins at 23:00 UTC of the day before, 2026-10-25 at 22:00
    spring, autumn = datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert day({"a": int(spring.timestamp())}, "a") == date(2026, 3, 29)
    assert day({"a": str(int(autumn.timestamp()))}, "a") == date(2026, 10, 25)


def test_codes_have_names() -> None:
    assert (invoice(9).type, invoice(9).total_ttc) == (InvoiceType.CREDIT_NOTE, Decimal("-1440"))
    assert (invoice(12).status, invoice(12).close_code) == (InvoiceStatus.ABANDONED, CloseCode.REPLACED)
    assert (invoice(14).type, invoice(14).source_id) == (InvoiceType.REPLACEMENT, 12)
    # FA2512-0022: closed, not paid
    closed = invoice(25)
    assert (closed.status, closed.is_paid, closed.close_code) == (InvoiceStatus.CLOSED, False, CloseCode.DISCOUNT)


def test_a_supplier_invoice_says_nothing_of_payments_and_sends_its_type_as_a_number() -> None:
    found = Invoice.of_supplier(captured("supplierinvoices/by-id/supplierinvoices__4.json"))
    assert (found.type, found.reverse_charge, found.total_ttc) == (InvoiceType.STANDARD, True, Decimal("210"))
    assert (found.paid, found.remaining, found.has_settlement) == (None, None, True)
    credit = Invoice.of_supplier(captured("supplierinvoices/by-id/supplierinvoices__15.json"))
    assert (credit.type, credit.total_ttc) == (InvoiceType.CREDIT_NOTE, Decimal("-54"))
    undated = Invoice.of_supplier(captured("supplierinvoices/by-id/supplierinvoices__19.json"))
    assert undated.due is None
    draft = Invoice.of_supplier(captured("supplierinvoices/by-id/supplierinvoices__26.json"))
    assert not draft.has_settlement


def test_a_payment_that_was_paid_back_is_a_settlement_too() -> None:
    answer = captured("invoices/by-id/invoices__42.json")
    assert not Invoice.of_customer(answer).has_settlement
    assert Invoice.of_customer({**answer, "sumpayed": "0.00000000"}).has_settlement


def test_a_template_that_does_not_exist_is_none() -> None:
    assert Template.read(captured("templates/invoices__templates__999.json")) is None
    found = Template.read(captured("templates/invoices__templates__3.json"))
    assert found is not None and found.next_date == date(2026, 8, 1)


def test_a_third_party_is_customer_supplier_or_both() -> None:
    rows = {party.id: party for party in map(ThirdParty.read, captured("thirdparties/thirdparties.json"))}
    assert (rows[1].is_customer, rows[1].is_supplier) == (True, False)
    assert (rows[7].is_customer, rows[7].is_supplier) == (False, True)
    assert (rows[10].is_prospect, rows[11].is_active) == (True, False)
    assert rows[5].professional_ids[0] == "333333335"
    assert rows[8].zip == ""


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"total_ttc": "12,5 €"}, "FA2501-0001 has something other than a number in total_ttc"),
        ({"socid": "x"}, "a whole number in socid"),
        ({"socid": None}, "an id in socid"),
        ({"type": "7"}, "a known InvoiceType in type"),
        ({"close_code": "gone"}, "a known reason in close_code"),
    ],
)
def test_what_is_not_understood_is_an_error_that_names_object_and_field(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(UnreadableAnswer) as caught:
        Invoice.of_customer({**captured("invoices/by-id/invoices__1.json"), **changed})
    assert told in str(caught.value)
    assert not any(str(value) in str(caught.value) for value in changed.values() if value)


def test_a_payment_without_a_day_is_an_error() -> None:
    with pytest.raises(UnreadableAnswer, match="PAY1 has something other than a day in date"):
        Payment.read(1, {"ref": "PAY1", "date": 1738278000, "amount": "1", "typeline": "payment"})
