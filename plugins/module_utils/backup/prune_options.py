# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a prune, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup.holds import parse_review
from ansible_collections.arcodange.erp.plugins.module_utils.backup.retention import Policy
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

_LIST: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
PRUNE_SPEC: dict[str, dict[str, Any]] = {
    "catalogue": {"type": "str", "choices": ["manifests", "keys"], "default": "manifests"},
    "instance_id": {"type": "str"},
    "key_template": {"type": "str", "no_log": False},
    "key_timezone": {"type": "str", "default": "UTC", "no_log": False},
    "days": {"type": "int", "default": 30},
    "thin_days": {"type": "bool", "default": False},
    "weeks": {"type": "int", "default": 0},
    "months": {"type": "int", "default": 12},
    "years": {"type": "int", "default": 10},
    "timezone": {"type": "str", "default": "Europe/Paris"},
    "financial_year_end": {"type": "str"},
    "financial_year_closes": _LIST,
    "closing_lag_days": {"type": "int", "default": 0},
    "legal_years": {"type": "int", "default": 10},
    "legal_margin_days": {"type": "int", "default": 31},
    "seed_compatible": {"type": "bool", "default": False},
    "verified_floor": {"type": "int", "default": 7},
    "keep_oldest": {"type": "bool", "default": True},
    "unfinished_floor": {"type": "int", "default": 3},
    "grace_days": {"type": "int", "default": 14},
    "max_delete_count": {"type": "int", "default": 10},
    "max_delete_share": {"type": "float", "default": 0.2},
    "max_delete_yearly": {"type": "int", "default": 0},
    "allow_stale_anchor": {"type": "bool", "default": False},
    "plan_id": {"type": "str"},
    "hold": _LIST,
    "release": _LIST,
    "undelete": _LIST,
    "declare_lost": _LIST,
    "reason": {"type": "str"},
    "holder": {"type": "str"},
    "review": {"type": "str"},
}
NUMBERS = (
    "days",
    "weeks",
    "months",
    "years",
    "closing_lag_days",
    "legal_years",
    "legal_margin_days",
    "verified_floor",
    "unfinished_floor",
    "grace_days",
    "max_delete_count",
    "max_delete_yearly",
)
# A century is as good as for ever; much more of them is no date any more.
LARGEST = {
    "days": 36525,
    "weeks": 5218,
    "closing_lag_days": 36525,
    "legal_years": 1000,
    "legal_margin_days": 36525,
    "grace_days": 36525,
}
FLAGS = ("timezone", "thin_days", "seed_compatible", "keep_oldest", "max_delete_share", "allow_stale_anchor")


@dataclass(frozen=True)
class PruneOptions:
    """One run. ``catalogue`` is ``manifests`` or ``keys``; ``plan_id`` is the plan that must be found unchanged.

    ``hold``, ``release``, ``undelete`` and ``declare_lost`` are ids to record a wish about; with any of them nothing
    is deleted. ``reason`` is recorded with them, ``holder`` and ``review`` with holds.
    """

    policy: Policy
    catalogue: str = "manifests"
    instance_id: str | None = None
    key_template: str | None = None
    key_timezone: str = "UTC"
    plan_id: str | None = None
    hold: tuple[str, ...] = ()
    release: tuple[str, ...] = ()
    undelete: tuple[str, ...] = ()
    declare_lost: tuple[str, ...] = ()
    reason: str | None = None
    holder: str | None = None
    review: date | None = None

    @property
    def wishes(self) -> dict[str, tuple[str, ...]]:
        """Record kind and ids of everything that was asked for by name."""
        wanted = {"hold": self.hold, "release": self.release, "undelete": self.undelete, "tombstone": self.declare_lost}
        return {kind: ids for kind, ids in wanted.items() if ids}


def prune_options(params: Mapping[str, Any]) -> PruneOptions:
    """The options of the module as those of a run. Raises ``ErpError`` for one that makes no sense."""
    return PruneOptions(
        policy=policy_of(params),
        catalogue=params["catalogue"],
        instance_id=params["instance_id"],
        key_template=params["key_template"],
        key_timezone=params["key_timezone"],
        plan_id=params["plan_id"],
        hold=tuple(params["hold"]),
        release=tuple(params["release"]),
        undelete=tuple(params["undelete"]),
        declare_lost=tuple(params["declare_lost"]),
        reason=params["reason"],
        holder=params["holder"],
        review=parse_review(params["review"]),
    )


def policy_of(options: Mapping[str, Any]) -> Policy:
    """The retention policy that the options describe."""
    for name in NUMBERS:
        if options[name] < 0:
            raise ErpError(f"The option {name} is {options[name]}: give 0 or more.")
        if options[name] > LARGEST.get(name, options[name]):
            raise ErpError(f"The option {name} is {options[name]}: give {LARGEST[name]} or less.")
    if not 0 <= options["max_delete_share"] <= 1:
        raise ErpError(f"The option max_delete_share is {options['max_delete_share']}: give a number from 0 to 1.")
    closes = tuple(sorted(_date(text) for text in options["financial_year_closes"]))
    end = options["financial_year_end"]
    if end is None:
        end = f"{closes[-1].month:02d}-{closes[-1].day:02d}" if closes else "12-31"
    return Policy(
        financial_year_end=_month_day(end) if end else None,
        financial_year_closes=closes,
        needs_verified=options["catalogue"] == "manifests",
        **{name: options[name] for name in (*NUMBERS, *FLAGS)},
    )


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ErpError(f"'{text}' in financial_year_closes is not a date such as 2025-12-31.") from error


def _month_day(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{2})-(\d{2})", text)
    try:
        if match is None:
            raise ValueError(text)
        leap = date(2024, int(match[1]), int(match[2]))
    except ValueError as error:
        raise ErpError(f"The option financial_year_end is '{text}': give month and day such as 12-31.") from error
    return leap.month, leap.day
