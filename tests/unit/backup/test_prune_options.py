# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of a prune mean, and what is said about those that make no sense."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup.key_catalogue import parse_template
from ansible_collections.arcodange.erp.plugins.module_utils.backup.prune_options import (
    LARGEST,
    PRUNE_SPEC,
    prune_options,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.retention import Point, Policy, Situation, decide
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

PARIS, ZULU = ZoneInfo("Europe/Paris"), ZoneInfo("UTC")


def policy(**options: Any) -> Policy:
    return prune_options({name: spec.get("default") for name, spec in PRUNE_SPEC.items()} | options).policy


def test_the_defaults_of_the_module_are_those_of_the_rule() -> None:
    assert policy() == Policy(financial_year_end=(12, 31))


@pytest.mark.parametrize(
    ("options", "end", "closes"),
    [
        ({"financial_year_end": "06-30"}, (6, 30), ()),
        ({"financial_year_end": "02-29"}, (2, 29), ()),
        ({"financial_year_end": ""}, None, ()),
        ({"financial_year_closes": ["2025-06-30", "2024-03-31"]}, (6, 30), (date(2024, 3, 31), date(2025, 6, 30))),
        ({"financial_year_closes": ["2025-06-30"], "financial_year_end": "12-31"}, (12, 31), (date(2025, 6, 30),)),
        ({"financial_year_closes": ["2025-06-30"], "financial_year_end": ""}, None, (date(2025, 6, 30),)),
    ],
)
def test_financial_years_follow_the_given_closes_and_then_the_month_and_day(
    options: dict[str, Any], end: tuple[int, int] | None, closes: tuple[date, ...]
) -> None:
    chosen = policy(**options)

    assert (chosen.financial_year_end, chosen.financial_year_closes) == (end, closes)


def test_the_largest_numbers_can_be_reckoned_with() -> None:
    now = datetime(2026, 6, 30, 4, tzinfo=UTC)
    points = [Point("a", now, 2, "verified"), Point("b", now - timedelta(days=400), 1, "verified", tombstoned_at=now)]
    plan = decide(points, policy(**LARGEST, months=10**6, years=10**6), Situation(now, now))
    assert plan.ids("keep") == ["b", "a"]


def test_only_manifests_know_what_was_verified() -> None:
    assert policy(catalogue="manifests").needs_verified
    assert not policy(catalogue="keys").needs_verified


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"days": -1}, "option days is -1: give 0 or more"),
        ({"days": 1000000}, "option days is 1000000: give 36525 or less"),
        ({"grace_days": 10000000}, "option grace_days is 10000000: give 36525 or less"),
        ({"legal_years": 9999}, "option legal_years is 9999: give 1000 or less"),
        ({"max_delete_share": 20}, "option max_delete_share is 20: give a number from 0 to 1"),
        ({"financial_year_end": "31/12"}, "financial_year_end is '31/12': give month and day such as 12-31"),
        ({"financial_year_end": "02-30"}, "financial_year_end is '02-30'"),
        ({"financial_year_closes": ["2025"]}, "'2025' in financial_year_closes is not a date such as 2025-12-31"),
    ],
)
def test_an_option_that_makes_no_sense_is_one_sentence(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ErpError, match=says):
        policy(**options)


@pytest.mark.parametrize(
    ("template", "key", "instant"),
    [
        (
            "backup-{Y}{m}{d}T{H}{M}{S}.dump",
            "backup-20261120T040512.dump",
            datetime(2026, 11, 20, 4, 5, 12, tzinfo=UTC),
        ),
        ("{Y}-{m}-{d}.tar", "2024-02-29.tar", datetime(2024, 2, 29, tzinfo=UTC)),
        ("{Y}/{m}/db-{Y}{m}{d}_{H}.gz", "2026/11/db-20261120_23.gz", datetime(2026, 11, 20, 23, tzinfo=UTC)),
        ("a.b+{{{Y}}}{m}{d}", "a.b+{2026}1120", datetime(2026, 11, 20, tzinfo=UTC)),
    ],
)
def test_a_template_reads_the_instant_in_a_key(template: str, key: str, instant: datetime) -> None:
    assert parse_template(template, ZULU).instant(key) == instant


def test_names_are_read_in_the_zone_that_they_were_written_in() -> None:
    template = parse_template("{Y}{m}{d}{H}{M}", PARIS)

    assert template.instant("202611200400") == datetime(2026, 11, 20, 3, tzinfo=UTC)
    assert template.instant("202607200400") == datetime(2026, 7, 20, 2, tzinfo=UTC)
    assert template.instant("202610250230") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "the first of the two"


@pytest.mark.parametrize(
    "key",
    [
        "backup-20261120.dump.sha256",
        "old/backup-20261120.dump",
        "backup-2026112.dump",
        "backup-20261320.dump",
        "backup-20260229.dump",
        "backup-00010101.dump",
        "backup-２０２６１１２０.dump",
        "backupX20261120.dump",
        "",
    ],
)
def test_keys_that_do_not_match_or_carry_no_possible_date_have_no_instant(key: str) -> None:
    assert parse_template("backup-{Y}{m}{d}.dump", ZULU).instant(key) is None


def test_both_parts_of_a_repeated_field_must_agree() -> None:
    assert parse_template("{Y}/{m}/{Y}{m}{d}", ZULU).instant("2026/10/20261120") is None


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("", r"it lacks \{Y\}, \{m\}, \{d\}"),
        ("backup-{Y}{m}.dump", r"it lacks \{d\}"),
        ("backup-{Y}{m}{D}.dump", r"\{D\} is not one of \{Y\}, \{m\}, \{d\}, \{H\}, \{M\}, \{S\}"),
        ("backup-{Y}{m}{d:>2}.dump", r"\{d\} is not one of"),
        ("backup-{Y}{m}{d}{}.dump", r"\{\} is not one of"),
        ("backup-{Y}{m}{d}{M}.dump", r"\{M\} needs \{H\} beside it"),
        ("backup-{Y}{m}{d}{H}{S}.dump", r"\{S\} needs \{M\} beside it"),
        ("backup-{Y}{m}{d", "double a brace that is part of the name"),
        ("backup-{Y}{m}{d}}", "double a brace that is part of the name"),
    ],
)
def test_a_bad_template_is_one_sentence(template: str, says: str) -> None:
    with pytest.raises(ErpError, match=f"The key_template '.*' cannot be used: .*{says}"):
        parse_template(template, ZULU)
