# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Days, months and years as people write them, rightly and wrongly."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Period
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.periods import read_period
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError


@pytest.mark.parametrize(
    ("said", "since", "until"),
    [
        ({}, None, None),
        ({"since": "", "until": "", "month": ""}, None, None),
        ({"since": "2026-01-15"}, date(2026, 1, 15), None),
        ({"until": "2026-01-15"}, None, date(2026, 1, 15)),
        ({"since": "2026-01-15", "until": "2026-01-15"}, date(2026, 1, 15), date(2026, 1, 15)),
        ({"year": 2025}, date(2025, 1, 1), date(2025, 12, 31)),
        ({"year": 2024, "month": "2"}, date(2024, 2, 1), date(2024, 2, 29)),
        ({"year": 2026, "month": "02"}, date(2026, 2, 1), date(2026, 2, 28)),
        ({"month": "2026-12"}, date(2026, 12, 1), date(2026, 12, 31)),
        ({"month": "2026-04", "year": 2026}, date(2026, 4, 1), date(2026, 4, 30)),
    ],
)
def test_what_is_meant(said: dict[str, Any], since: date | None, until: date | None) -> None:
    assert read_period(**said) == Period(since, until)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"since": "2026-02-30"}, "since is '2026-02-30', which is no day: write it as 2026-01-31."),
        ({"until": "31/01/2026"}, "until is '31/01/2026', which is no day: write it as 2026-01-31."),
        ({"since": "20260131"}, "since is '20260131', which is no day: write it as 2026-01-31."),
        ({"since": "2026-01-31T00:00"}, "since is '2026-01-31T00:00', which is no day: write it as 2026-01-31."),
        (
            {"since": "2026-02-01", "until": "2026-01-31"},
            "since (2026-02-01) comes after until (2026-01-31): no day lies between them.",
        ),
        ({"month": "13", "year": 2026}, "month is '13', which is no month: write it as 2026-03, or as 3 with year."),
        ({"month": "3"}, "month is '3', which is no month: write it as 2026-03, or as 3 with year."),
        ({"month": "March"}, "month is 'March', which is no month: write it as 2026-03, or as 3 with year."),
        ({"month": "0", "year": 2026}, "month is '0', which is no month: write it as 2026-03, or as 3 with year."),
        ({"year": 26}, "year is 26, which is no year: write it as 2026."),
        ({"year": 26, "month": "3"}, "year is 26, which is no year: write it as 2026."),
        (
            {"month": "2025-03", "year": 2026},
            "month (2025-03) is not in year (2026): give one of them, or 3 with year.",
        ),
        (
            {"year": 2026, "since": "2026-01-01"},
            "A period is given twice: give either since and until, or year and month.",
        ),
    ],
)
def test_what_is_no_period_is_said_in_one_sentence(said: dict[str, Any], message: str) -> None:
    with pytest.raises(ErpError) as caught:
        read_period(**said)
    assert str(caught.value) == message
