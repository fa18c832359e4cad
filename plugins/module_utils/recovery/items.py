# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a look at one thing came to: how it stands, in a sentence, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

PASS, WARNING, ERROR = "pass", "warning", "error"
UNDETERMINED = "undetermined"  # it could not be read, which is never a pass
NOT_APPLICABLE = "not_applicable"
STATES = (ERROR, UNDETERMINED, WARNING, PASS, NOT_APPLICABLE)  # the worst first


@dataclass(frozen=True)
class Item:
    """One thing that was looked at; ``advice`` is empty where nothing is to be done."""

    check: str
    state: str
    subject: str
    message: str
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        """The form for results and files."""
        return asdict(self)

    @property
    def is_finding(self) -> bool:
        """Whether somebody has to look at it."""
        return self.state in (ERROR, WARNING, UNDETERMINED)


def findings(items: Iterable[Item]) -> list[Item]:
    """What somebody has to look at, the worst first."""
    return sorted((item for item in items if item.is_finding), key=lambda item: STATES.index(item.state))


def counts(items: Iterable[Item]) -> dict[str, int]:
    """How many items there are of each state."""
    found = [item.state for item in items]
    return {state: found.count(state) for state in STATES}


def worst(items: Iterable[Item]) -> str:
    """The worst state; pass when there is nothing."""
    return min((item.state for item in items if item.state != NOT_APPLICABLE), key=STATES.index, default=PASS)


def span(seconds: float) -> str:
    """A span as a person says it."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def size(count: float) -> str:
    """A number of bytes as a person says it."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
