# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A catalogue without manifests: every key below a prefix whose name carries a timestamp is a restore point."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from string import Formatter
from zoneinfo import ZoneInfo

from ansible_collections.arcodange.erp.plugins.module_utils.backup.holdings import (
    Holdings,
    facts,
    list_all,
    read_last_plan,
    records_in,
    seal,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.retention import Point
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Listed, Store
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

KEY_STATE = ".prune/"  # records and plans lie here, below the prefix
FIELDS = {"Y": r"\d{4}", "m": r"\d{2}", "d": r"\d{2}", "H": r"\d{2}", "M": r"\d{2}", "S": r"\d{2}"}
OLDEST = 1970


@dataclass(frozen=True)
class KeyTemplate:
    """What the keys of restore points look like, for example ``backup-{Y}{m}{d}T{H}{M}{S}.dump``.

    ``zone`` is the time zone that the names are written in. A literal brace is doubled.
    """

    text: str
    pattern: re.Pattern[str]
    zone: ZoneInfo

    def instant(self, key: str) -> datetime | None:
        """The instant in a key, or ``None`` when the key does not match or carries no possible time."""
        match = self.pattern.fullmatch(key)
        if match is None:
            return None
        numbers = {name: int(text) for name, text in match.groupdict().items()}
        if numbers["Y"] < OLDEST:
            return None
        try:
            local = datetime(
                numbers["Y"],
                numbers["m"],
                numbers["d"],
                numbers.get("H", 0),
                numbers.get("M", 0),
                numbers.get("S", 0),
                tzinfo=self.zone,
            )
        except ValueError:
            return None
        return local.astimezone(UTC)


def parse_template(text: str, zone: ZoneInfo) -> KeyTemplate:
    """Compile a template. Raises ``ErpError`` that says what is wrong with it."""
    wrong = f"The key_template '{text}' cannot be used"
    seen: list[str] = []
    pattern = ""
    try:
        for literal, name, spec, conversion in Formatter().parse(text):
            pattern += re.escape(literal)
            if name is None:
                continue
            if name not in FIELDS or spec or conversion:
                raise ErpError(f"{wrong}: {{{name}}} is not one of {', '.join(f'{{{field}}}' for field in FIELDS)}.")
            pattern += f"(?P={name})" if name in seen else f"(?P<{name}>{FIELDS[name]})"
            seen.append(name)
    except ValueError as error:
        raise ErpError(f"{wrong}: {error}; double a brace that is part of the name.") from error
    missing = [field for field in ("Y", "m", "d") if field not in seen]
    if missing:
        raise ErpError(f"{wrong}: it lacks {', '.join(f'{{{field}}}' for field in missing)}.")
    for finer, coarser in (("M", "H"), ("S", "M")):
        if finer in seen and coarser not in seen:
            raise ErpError(f"{wrong}: {{{finer}}} needs {{{coarser}}} beside it.")
    return KeyTemplate(text, re.compile(pattern, re.ASCII), zone)


def keys_in(items: Iterable[Listed], template: KeyTemplate) -> tuple[dict[str, tuple[Listed, datetime]], list[str]]:
    """The keys that match with the instants they carry, and those that do not."""
    matched: dict[str, tuple[Listed, datetime]] = {}
    unmatched = []
    for item in items:
        if item.key.startswith(KEY_STATE):
            continue
        instant = template.instant(item.key)
        if instant is None:
            unmatched.append(item.key)
        else:
            matched[item.key] = (item, instant)
    return matched, unmatched


def read_key_holdings(store: Store, template: KeyTemplate) -> Holdings:
    """Read a prefix by the names of its keys; what does not match is reported and never touched."""
    items = list_all(store)
    records, strange = records_in(items, KEY_STATE)
    last_plan, last_prune = read_last_plan(store, items, KEY_STATE)
    matched, unmatched = keys_in(items, template)
    commits = {key: item for key, (item, _instant) in matched.items()}
    return Holdings(
        points=tuple(
            Point(
                key,
                instant,
                # An empty object is what a dump leaves that failed: it never counts.
                state="complete" if item.size else "failed",
                **facts(store, records.get(key, ())),
            )
            for key, (item, instant) in matched.items()
        ),
        commits=commits,
        needs={},
        objects={},
        own={},
        half_swept=frozenset(),
        records=records,
        seal=seal(commits.values(), records),
        last_plan=last_plan,
        last_prune=last_prune,
        state=KEY_STATE,
        alarms=tuple(_alarms(store, unmatched, strange, template)),
        unmatched=tuple(unmatched),
    )


def _alarms(store: Store, unmatched: list[str], strange: Iterable[str], template: KeyTemplate) -> Iterator[str]:
    if unmatched:
        yield (
            f"{len(unmatched)} keys below {store.describe()} do not match {template.text}, {unmatched[0]} for example: "
            "they are left alone."
        )
    for key in strange:
        yield f"{store.describe(key)} is not a record: it is left alone."
