# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which objects of a database must change their owner, and by which statements: decided without a connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The words that follow ALTER, in the order in which objects move: an owner may only have things in a schema that lets it
# create there, and moving the schema first gives it that.
ALTER = {
    "database": "DATABASE",
    "tablespace": "TABLESPACE",
    "schema": "SCHEMA",
    "type": "TYPE",
    "table": "TABLE",
    "foreign table": "FOREIGN TABLE",
    "sequence": "SEQUENCE",
    "view": "VIEW",
    "materialized view": "MATERIALIZED VIEW",
    "function": "ROUTINE",
    "procedure": "ROUTINE",
    "aggregate": "ROUTINE",
    "operator": "OPERATOR",
    "operator family": "OPERATOR FAMILY",
    "operator class": "OPERATOR CLASS",
    "collation": "COLLATION",
    "conversion": "CONVERSION",
    "statistics object": "STATISTICS",
    "text search dictionary": "TEXT SEARCH DICTIONARY",
    "text search configuration": "TEXT SEARCH CONFIGURATION",
    "language": "LANGUAGE",
    "server": "SERVER",
    "publication": "PUBLICATION",
    "subscription": "SUBSCRIPTION",
    "large object": "LARGE OBJECT",
}
ORDER = {kind: place for place, kind in enumerate(ALTER)}
ROUTINES = frozenset({"function", "procedure", "aggregate"})
SHARED = frozenset({"database", "tablespace"})
# What a superuser makes in a database for its own ends: nobody's data, and dangerous in other hands.
PROVISIONED = frozenset({"language", "server", "publication", "subscription", "extension"})
SUPERUSERS_ONLY = frozenset({"event trigger", "foreign-data wrapper"})
DEFAULT_SCHEMA = "public"

Key = tuple[int, int]


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class Owned:
    """One object and its owner. ``identity`` is its name in SQL, as the server quotes it; ``name`` the bare one.

    ``follows`` is the object whose owner it always has, ``extension`` the one that it is a member of.
    """

    key: Key
    kind: str
    identity: str
    name: str
    owner: str
    schema: str | None = None
    schema_owner: str | None = None
    follows: Key | None = None
    extension: str | None = None

    def to_facts(self) -> dict[str, Any]:
        """The JSON form used in results."""
        return {"type": self.kind, "name": self.identity, "owner": self.owner}


@dataclass(frozen=True)
class Rules:
    """What belongs to whom; the fields are the module's options, ``owner`` being ``db_owner``."""

    owner: str
    from_roles: tuple[str, ...] = ()
    except_roles: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    tablespaces: tuple[str, ...] = ()

    def is_source(self, role: str) -> bool:
        """Whether the objects of a role are to change hands."""
        # Predefined roles own what the server made; pg_database_owner is whoever owns the database.
        if role == self.owner or role in self.except_roles or role.startswith("pg_"):
            return False
        return not self.from_roles or role in self.from_roles

    def names(self, item: Owned) -> bool:
        """Whether something that is left alone otherwise is named."""
        if item.kind in SHARED:
            return item.name in (self.databases if item.kind == "database" else self.tablespaces)
        identity = item.identity.replace("pg_catalog.", "")  # as a person writes the types of arguments
        bare, parenthesis, arguments = identity.partition("(")
        return not {identity, bare, item.name, item.name + parenthesis + arguments}.isdisjoint(self.functions)

    def wants(self, item: Owned, superusers: Collection[str]) -> bool:
        """Whether something is where this is about: in the schemas that are named, or in any that is not a provisioner's."""
        schema = item.name if item.kind == "schema" else item.schema
        if schema is None:
            return True
        if self.schemas:
            return schema in self.schemas
        owner = item.owner if item.kind == "schema" else item.schema_owner
        return schema == DEFAULT_SCHEMA or (owner not in superusers and owner not in self.except_roles)


@dataclass(frozen=True)
class Left:
    """A foreign object that stays as it is, and why; ``blocked`` when it ought to move and cannot."""

    item: Owned
    reason: str
    blocked: bool = False

    def to_facts(self) -> dict[str, Any]:
        """The JSON form used in results."""
        return {**self.item.to_facts(), "reason": self.reason}


@dataclass(frozen=True)
class Plan:
    """What moves, in order, and what does not. ``following`` moves with something of ``moving``, without a statement."""

    owner: str
    moving: tuple[Owned, ...] = ()
    following: tuple[Owned, ...] = ()
    extensions: tuple[Owned, ...] = ()
    left: tuple[Left, ...] = ()

    @property
    def objects(self) -> tuple[Owned, ...]:
        """Everything whose owner changes."""
        return (*self.moving, *self.extensions, *self.following)

    @property
    def blocked(self) -> tuple[Left, ...]:
        """What ought to move and cannot."""
        return tuple(item for item in self.left if item.blocked)

    def statements(self) -> list[tuple[str, str]]:
        """What each statement is about, and the statement."""
        target = quoted(self.owner)
        found = [
            (f"{item.kind} {item.identity}", f"ALTER {ALTER[item.kind]} {item.identity} OWNER TO {target}")
            for item in self.moving
        ]
        # An extension has no other way; it is planned only where this moves nothing else.
        found += [
            (f"the extensions of {role}", f"REASSIGN OWNED BY {quoted(role)} TO {target}")
            for role in sorted({item.owner for item in self.extensions})
        ]
        return found


def count_owned(items: Iterable[Owned]) -> dict[str, dict[str, int]]:
    """How many objects of each type each role owns."""
    counts: dict[str, Counter[str]] = {}
    for item in items:
        counts.setdefault(item.owner, Counter())[item.kind] += 1
    return {owner: dict(sorted(kinds.items())) for owner, kinds in sorted(counts.items())}


def make_plan(items: Sequence[Owned], rules: Rules, superusers: Collection[str], database: str) -> Plan:
    """Decide for every object of a database whether it moves."""
    moving: dict[Key, Owned] = {}
    left: list[Left] = []
    extensions: list[Owned] = []
    for item in items:
        # Members follow their extension, and are told apart below.
        if item.follows is not None or item.extension is not None:
            continue
        if item.kind in SHARED:
            if item.owner != rules.owner and rules.names(item):
                moving[item.key] = item
        elif rules.is_source(item.owner) and rules.wants(item, superusers):
            reason = _stays(item, rules, superusers)
            if reason is not None:
                left.append(reason)
            elif item.kind == "extension":
                extensions.append(item)
            elif item.owner not in superusers or item.kind != "schema" or item.name in rules.schemas:
                moving[item.key] = item
    following = {item.key: item for item in items if item.follows in moving and item.owner != rules.owner}
    at_home = {item.key for item in items if item.owner == rules.owner}
    left += [
        Left(item, "should have the owner of what it belongs to, and has not: give that away and back", blocked=True)
        for item in items
        if item.follows in at_home and rules.is_source(item.owner)
    ]
    left += _shared_left(items, rules, superusers, moving, database)
    movable, stuck, members = _reassigned(items, extensions, {**moving, **following})
    left += stuck
    ordered = sorted(moving.values(), key=lambda item: (ORDER[item.kind], item.identity))
    return Plan(rules.owner, tuple(ordered), (*following.values(), *members), tuple(movable), tuple(left))


def _stays(item: Owned, rules: Rules, superusers: Collection[str]) -> Left | None:
    """Why an object of a source stays, if it does."""
    if item.owner in superusers:
        if item.kind in ROUTINES:
            return (
                None if rules.names(item) else Left(item, "belongs to the provisioner: name it in functions to move it")
            )
        if item.kind in PROVISIONED or item.kind in SUPERUSERS_ONLY:
            return Left(item, "belongs to the provisioner")
    if item.kind in SUPERUSERS_ONLY:
        return Left(item, "only a superuser may own it: an administrator drops it or gives it to one", blocked=True)
    if item.kind not in ALTER and item.kind != "extension":
        return Left(item, "is of a kind that this version does not know: an administrator gives it away", blocked=True)
    return None


def _shared_left(
    items: Iterable[Owned], rules: Rules, superusers: Collection[str], moving: Mapping[Key, Owned], database: str
) -> list[Left]:
    """The shared objects that a person may have expected to move: this database, and those of the roles concerned."""
    concerned = {item.owner for item in moving.values()} | set(rules.from_roles)
    return [
        Left(item, f"is not part of the database: name it in {item.kind}s to move it")
        for item in items
        if item.kind in SHARED
        and item.key not in moving
        and rules.is_source(item.owner)
        and (
            item.owner in concerned
            or item.kind == "database"
            and item.name == database
            and item.owner not in superusers
        )
    ]


def _reassigned(
    items: Sequence[Owned], extensions: Iterable[Owned], planned: Mapping[Key, Owned]
) -> tuple[list[Owned], list[Left], list[Owned]]:
    """The extensions that can move, those that cannot, and the members that move along.

    Only REASSIGN OWNED moves an extension, with all else that its owner has, shared objects too.
    """
    movable: list[Owned] = []
    stuck: list[Left] = []
    by_owner: dict[str, list[Owned]] = {}
    for item in items:
        by_owner.setdefault(item.owner, []).append(item)
    for extension in extensions:
        others = [
            item
            for item in by_owner[extension.owner]
            if item.key not in planned and item.kind != "extension" and item.extension is None and item.follows is None
        ]
        if others:
            reason = (
                f"only REASSIGN OWNED moves an extension, and that would move the {others[0].kind} {others[0].identity} too:"
                " an administrator drops the extension and creates it as the owner"
            )
            stuck.append(Left(extension, reason, blocked=True))
        else:
            movable.append(extension)
    owners = {item.owner for item in movable}
    return movable, stuck, [item for item in items if item.extension is not None and item.owner in owners]
