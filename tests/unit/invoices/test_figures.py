# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Amounts and dates as papers write them, and those that only look like them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.invoices.figures import amount_pattern, day_pattern
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import flat


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("1234.50", "Total TTC 1 234,50"),
        ("1234.50", "Total TTC 1\u202f234,50 €"),
        ("1234.50", "Total TTC 1?234,50 €"),
        ("1234.50", "1234,50€"),
        ("1234.50", "1.234,50 EUR"),
        ("1234.50", "Total (inc. tax) 1,234.50"),
        ("1234.50", "CHF 1'234.50"),
        ("1234.50", "CHF 1\u2019234.50"),
        ("1234567.80", "1 234 567,80"),
        ("0", "Reste à payer 0,00"),
        ("-360", "Total TTC -360,00"),
        ("-360", "Total TTC −360,00"),
        ("-1234.5", "- 1 234,50 €"),
        ("12.345", "12,35"),
        # A full stop that ends the sentence is no digit.
        ("1234.50", "soit 1 234,50."),
    ],
)
def test_an_amount_is_found_however_it_is_written(amount: str, text: str) -> None:
    assert amount_pattern(Decimal(amount)).search(flat(text))


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("1234.50", "11 1234,501"),
        ("1234.50", "1 234,5"),
        ("1234.50", "1 234.506"),
        ("1234.50", "1 234,50.75"),
        ("1234.50", "-1 234,50"),
        ("1234.50", "1.234.50"),
        ("1234.50", "1,234,50"),
        ("1234.50", "12 34,50"),
        ("234.50", "1.234,50"),
        ("234.50", "1234,50"),
        ("-360", "360,00"),
        ("360", "Total TTC -360,00"),
        ("1234.50", "1 234,51"),
        ("40", "140,00"),
    ],
)
def test_another_amount_is_not_taken_for_it(amount: str, text: str) -> None:
    assert not amount_pattern(Decimal(amount)).search(flat(text))


def test_credit_notes_may_be_printed_without_a_sign() -> None:
    assert amount_pattern(Decimal("-360"), any_sign=True).search("total ttc 360,00")
    assert amount_pattern(Decimal("-360"), any_sign=True).search("total ttc -360,00")


@settings(max_examples=100)
@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_every_amount_is_found_as_french_and_english_write_it(amount: Decimal) -> None:
    english = f"{amount:,.2f}"
    french = english.replace(",", " ").replace(".", ",")
    pattern = amount_pattern(amount)
    if amount or not amount.is_signed():
        assert pattern.search(flat(f"Total {english} €")) and pattern.search(flat(f"Total {french}?€"))


@pytest.mark.parametrize(
    ("day", "text"),
    [
        (date(2026, 3, 31), "Date échéance : 31/03/2026"),
        (date(2026, 3, 31), "31-03-2026"),
        (date(2026, 3, 31), "31.03.2026"),
        (date(2026, 3, 31), "2026-03-31"),
        (date(2026, 3, 31), "31 mars 2026"),
        (date(2026, 4, 1), "1er avril 2026"),
        (date(2026, 8, 15), "15 août 2026"),
        (date(2026, 2, 5), "5 février 2026"),
        (date(2026, 2, 5), "05/02/2026"),
        (date(2026, 2, 5), "5/2/2026"),
        (date(2026, 2, 5), "February 5, 2026"),
    ],
)
def test_a_day_is_found_however_it_is_written(day: date, text: str) -> None:
    assert day_pattern(day).search(flat(text))


@pytest.mark.parametrize(
    ("day", "text"),
    [
        (date(2026, 3, 1), "31/03/2026"),
        (date(2026, 3, 1), "01/03/20261"),
        (date(2026, 3, 1), "21 mars 2026"),
        (date(2026, 3, 1), "1 mars 2025"),
        (date(2026, 3, 2), "03/02/2026"),
        (date(2026, 3, 1), "2026-03-10"),
        (date(2026, 3, 1), "11/3/2026"),
    ],
)
def test_another_day_is_not_taken_for_it(day: date, text: str) -> None:
    assert not day_pattern(day).search(flat(text))


def test_american_papers_put_the_month_first() -> None:
    assert day_pattern(date(2025, 3, 2), english=True).search("due date : 03/02/2025")
    assert not day_pattern(date(2025, 2, 3), english=True).search("due date : 03/02/2025")
