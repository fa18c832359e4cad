# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is different between two snapshots, object by object and field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.canonical import canonical_text

# What an object of a section is called, and the field that names it.
NAMES = {
    "status": ("Dolibarr", ""),
    "company": ("company", "name"),
    "third_parties": ("third party", "name"),
    "invoices": ("invoice", "ref"),
    "supplier_invoices": ("supplier invoice", "ref"),
    "templates": ("template", "title"),
    "products": ("product", "ref"),
    "bank_accounts": ("bank account", "ref"),
}
HEADER = ("captured_at", "content_hash", "instance")
# What tells the rows of a list apart, the first that all rows have and that differs in each.
ROW_KEYS = (("id",), ("rowid",), ("typeline", "ref", "fk_bank_line"), ("typeline", "ref"))

Content = Mapping[str, Any]


@dataclass(frozen=True)
class FieldChange:
    """A field with its two values; None where it was not there."""

    field: str  # a path such as lines[12].qty
    before: Any
    after: Any

    def to_facts(self) -> dict[str, Any]:
        return {"field": self.field, "before": self.before, "after": self.after}


@dataclass(frozen=True)
class ObjectChange:
    """An object that is new, gone or different."""

    change: str  # added, removed or changed
    section: str
    id: int
    name: str
    fields: tuple[FieldChange, ...] = ()

    @property
    def label(self) -> str:
        """What a person calls it: ``invoice FA2501-0001``."""
        return f"{NAMES[self.section][0]} {self.name}".strip()

    def to_facts(self) -> dict[str, Any]:
        return {
            "change": self.change,
            "object": self.label,
            "section": self.section,
            "id": self.id,
            "fields": [one.to_facts() for one in self.fields],
        }


@dataclass(frozen=True)
class SnapshotDifference:
    """From an earlier snapshot to a later one."""

    before: Mapping[str, str]
    after: Mapping[str, str]
    not_compared: tuple[str, ...]  # sections that only one of them has
    changes: tuple[ObjectChange, ...]

    @property
    def is_same(self) -> bool:
        return not self.changes

    def lines(self) -> list[str]:
        """One line for each object that is new or gone, and for each field that changed."""
        found = []
        for one in self.changes:
            if one.change != "changed":
                found.append(f"{one.label}: {one.change}")
            found += [
                f"{one.label}: {field.field}: {_shown(field.before)} -> {_shown(field.after)}" for field in one.fields
            ]
        return found

    def to_facts(self) -> dict[str, Any]:
        kinds = [one.change for one in self.changes]
        return {
            "same": self.is_same,
            "before": dict(self.before),
            "after": dict(self.after),
            "not_compared": list(self.not_compared),
            "counts": {kind: kinds.count(kind) for kind in ("added", "removed", "changed")},
            "changes": [one.to_facts() for one in self.changes],
        }


def _shown(value: Any) -> str:
    return "nothing" if value is None else canonical_text(value)


def compare_snapshots(before: Content, after: Content) -> SnapshotDifference:
    """Compare two snapshots as :func:`read_snapshot` or ``Snapshot.to_content`` gives them."""
    old, new = before["data"], after["data"]
    both = [section for section in NAMES if section in old and section in new]
    return SnapshotDifference(
        {name: before[name] for name in HEADER},
        {name: after[name] for name in HEADER},
        tuple(section for section in NAMES if (section in old) != (section in new)),
        tuple(change for section in both for change in _section(section, _by_id(old[section]), _by_id(new[section]))),
    )


def invoice_refs(snapshot: Content) -> dict[int, str]:
    """The references of a snapshot's customer invoices by id, which show a number that was given again."""
    return {int(one["id"]): str(one.get("ref", "")) for one in snapshot["data"].get("invoices", [])}


def _by_id(section: Any) -> dict[int, Content]:
    # The status and the company are one object without an id of their own.
    if isinstance(section, Mapping):
        return {0: section}
    return {int(one["id"]): one for one in section}


def _section(section: str, old: dict[int, Content], new: dict[int, Content]) -> Iterator[ObjectChange]:
    named = NAMES[section][1]
    for identity in sorted(old.keys() | new.keys()):
        before, after = old.get(identity), new.get(identity)
        name = str((after or before or {}).get(named, ""))
        if before is None:
            yield ObjectChange("added", section, identity, name)
        elif after is None:
            yield ObjectChange("removed", section, identity, name)
        elif before != after:
            yield ObjectChange("changed", section, identity, name, tuple(_fields("", before, after)))


def _fields(path: str, before: Any, after: Any) -> Iterator[FieldChange]:
    if before == after:
        return
    inner = _inner(before, after)
    if inner is None:
        yield FieldChange(path, before, after)
        return
    old, new, is_list = inner
    for key in sorted(old.keys() | new.keys()):
        within = f"{path}[{key}]" if is_list else f"{path}.{key}".removeprefix(".")
        yield from _fields(within, old.get(key), new.get(key))


def _inner(before: Any, after: Any) -> tuple[dict[str, Any], dict[str, Any], bool] | None:
    """The parts of two values by name, where both have parts that can be told apart."""
    # An empty list is not in a snapshot.
    before, after = (
        [] if one is None and isinstance(other, list) else one for one, other in ((before, after), (after, before))
    )
    if isinstance(before, list) and isinstance(after, list):
        keys = next((keys for keys in ROW_KEYS if _tells_apart(keys, before) and _tells_apart(keys, after)), None)
        if keys is None:
            return None
        return _rows(keys, before), _rows(keys, after), True
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return dict(before), dict(after), False
    return None


def _tells_apart(keys: tuple[str, ...], rows: list[Any]) -> bool:
    if not all(isinstance(row, Mapping) and keys[0] in row for row in rows):
        return False
    return len(_rows(keys, rows)) == len(rows)


def _rows(keys: tuple[str, ...], rows: list[Any]) -> dict[str, Any]:
    return {" ".join(str(row[key]) for key in keys if row.get(key)): row for row in rows}
