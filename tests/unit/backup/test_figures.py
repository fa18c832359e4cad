# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Amounts as text: exact, never rounded, always readable as money."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.backup.figures import money


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "0.00"),
        ("0", "0.00"),
        ("1", "1.00"),
        ("1.5", "1.50"),
        ("1.50000000", "1.50"),
        ("1.005", "1.005"),
        ("1.00000001", "1.00000001"),
        ("-12.3", "-12.30"),
        ("1000000", "1000000.00"),
        ("1E+3", "1000.00"),
        ("123456789012345678901234.12345678", "123456789012345678901234.12345678"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
    ],
)
def test_an_amount_has_two_decimals_or_as_many_as_it_needs(amount: str | None, text: str) -> None:
    assert money(None if amount is None else Decimal(amount)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**18), max_value=10**18, places=8))
def test_no_amount_is_rounded(amount: Decimal) -> None:
    assert Decimal(money(amount)) == amount
    assert len(money(amount).partition(".")[2]) >= 2
