# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Holds: who wants a restore point kept, why, and when that is to be looked at again.

A hold is a record that is never rewritten. It stands until its own holder releases it, for the business object it was
placed for: what one holder releases, another one may still hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup.catalogue import Record
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

HOLD, RELEASE = "hold", "release"
INVOICE, CUSTOMER, YEAR = "invoice", "customer", "year"
SUBJECTS = (INVOICE, CUSTOMER, YEAR)


@dataclass(frozen=True, order=True)
class Subject:
    """A business object that restore points are held for: ``invoice`` and its reference, ``customer`` and its id, ``year``."""

    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"

    def to_json(self) -> dict[str, str]:
        """The JSON form used in records, options and results."""
        return {self.kind: self.value}


@dataclass(frozen=True)
class Hold:
    """A hold that stands; an empty ``holder`` is one that did not say its name, ``subject`` is ``None`` for a hold by id."""

    holder: str
    reason: str
    since: datetime
    review: date | None = None
    subject: Subject | None = None

    @property
    def owner(self) -> tuple[str, Subject | None]:
        """What a release must name to lift it."""
        return self.holder, self.subject

    def __str__(self) -> str:
        details = [self.holder, str(self.subject or ""), f"review {self.review}" if self.review else ""]
        named = ", ".join(detail for detail in details if detail)
        return f"{self.reason} ({named})" if named else self.reason

    def is_overdue(self, now: datetime) -> bool:
        """Whether its day of review has come."""
        return self.review is not None and self.review <= now.date()

    def to_json(self, now: datetime) -> dict[str, Any]:
        """The JSON form used in results."""
        return {
            "holder": self.holder,
            "reason": self.reason,
            "review": self.review.isoformat() if self.review else None,
            "object": self.subject.to_json() if self.subject else None,
            "since": self.since.isoformat(timespec="seconds"),
            "overdue": self.is_overdue(now),
        }


@dataclass(frozen=True)
class Wish:
    """A hold to place (``kind`` is ``hold``) or to lift (``release``) on a restore point."""

    kind: str
    holder: str
    reason: str
    review: date | None = None
    subject: Subject | None = None

    def body(self) -> dict[str, Any]:
        """The body of the record."""
        said = {
            "holder": self.holder,
            "reason": self.reason,
            "review": self.review.isoformat() if self.review else None,
            "object": self.subject.to_json() if self.subject else None,
        }
        return {name: value for name, value in said.items() if value}

    def is_due(self, standing: Iterable[Hold]) -> bool:
        """Whether it changes anything: a hold that says the same, or nothing to release, needs no record."""
        mine = [one for one in standing if one.owner == (self.holder, self.subject)]
        if self.kind == RELEASE:
            return bool(mine)
        return not any(one.reason == self.reason and self.review in (None, one.review) for one in mine)

    def apply(self, standing: Iterable[Hold], instant: datetime) -> tuple[Hold, ...]:
        """The holds that stand once it is recorded."""
        if self.kind == RELEASE:
            return tuple(one for one in standing if one.owner != (self.holder, self.subject))
        new = Hold(self.holder, self.reason, instant, self.review, self.subject)
        # The same said again with another day of review takes the place of the first.
        return (*(one for one in standing if (*one.owner, one.reason) != (*new.owner, new.reason)), new)


def read_holds(store: Store, records: Iterable[Record]) -> tuple[Hold, ...]:
    """The holds that stand on one restore point; nothing is read of one that was never held."""
    said = sorted((one for one in records if one.kind in (HOLD, RELEASE)), key=lambda one: (one.instant, one.key))
    while said and said[0].kind == RELEASE:
        del said[0]
    standing: tuple[Hold, ...] = ()
    for record in said:
        wish = parse_record(record, store.get(record.key))
        if wish is not None:
            standing = wish.apply(standing, record.instant)
    return standing


def parse_record(record: Record, body: bytes) -> Wish | None:
    """What a record says. A hold that cannot be read still holds; a release that cannot be read lifts nothing."""
    try:
        said = json.loads(body)
        reason = str(said["reason"] or "") if record.kind == HOLD else str(said.get("reason") or "")
        subject = _subject(said.get("object"))
        return Wish(record.kind, str(said.get("holder") or ""), reason, _date(said.get("review")), subject)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Wish(HOLD, "", f"see {record.key}") if record.kind == HOLD else None


def _subject(said: Any) -> Subject | None:
    if not said:
        return None
    ((kind, value),) = said.items()
    return Subject(str(kind), str(value))


def _date(said: Any) -> date | None:
    return date.fromisoformat(str(said)) if said else None


def parse_review(text: str | None) -> date | None:
    """The option ``review``. Raises :class:`ErpError` when it is not a date."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise ErpError(f"'{text}' in review is not a date such as 2027-06-30.") from error


def parse_subjects(said: Iterable[Mapping[str, Any]]) -> tuple[Subject, ...]:
    """The option ``objects``, without repetitions. Raises :class:`ErpError` for one that makes no sense."""
    found = []
    for one in said:
        named = {kind: str(one[kind]).strip() for kind in SUBJECTS if one.get(kind) is not None}
        if len(named) != 1:
            raise ErpError("Each of objects names one of invoice, customer and year: split or correct it.")
        ((kind, value),) = named.items()
        if kind == INVOICE and (not value or value.startswith("(")):
            raise ErpError(f"'{value}' in objects is not the reference of an issued invoice, such as FA2501-0001.")
        found.append(Subject(kind, value))
    return tuple(dict.fromkeys(found))
