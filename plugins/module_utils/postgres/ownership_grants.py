# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Privileges beside ownership: reading and writing what the owner role has, and what rotating roles will make."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.arcodange.erp.plugins.module_utils.postgres.ownership import (
    DEFAULT_SCHEMA,
    Key,
    Owned,
    Plan,
    Rules,
    quoted,
)

if TYPE_CHECKING:
    import psycopg
    from psycopg.rows import TupleRow

# Reading and writing, by what a GRANT calls the thing.
WANTED = {
    "TABLE": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "SEQUENCE": ("USAGE", "SELECT", "UPDATE"),
    "SCHEMA": ("USAGE",),
}
GRANTED_ON = {
    "table": "TABLE",
    "foreign table": "TABLE",
    "view": "TABLE",
    "materialized view": "TABLE",
    "sequence": "SEQUENCE",
    "schema": "SCHEMA",
}
DEFAULTS = {"r": "TABLE", "S": "SEQUENCE"}
PUBLIC = ""  # what a privilege for everybody is granted to

PRIVILEGES = """
SELECT 'pg_class'::regclass::oid, c.oid, coalesce(pg_get_userbyid(nullif(a.grantee, 0)), ''), a.privilege_type
FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) a
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.oid >= 16384
UNION ALL
SELECT 'pg_namespace'::regclass::oid, n.oid, coalesce(pg_get_userbyid(nullif(a.grantee, 0)), ''), a.privilege_type
FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
"""
MEMBERS = """
SELECT rolname, rolcanlogin AND (rolvaliduntil IS NULL OR rolvaliduntil > now())
FROM pg_roles WHERE pg_has_role(oid, %s, 'MEMBER') AND NOT rolsuper AND rolname <> %s ORDER BY rolname
"""
DEFAULT_PRIVILEGES = """
SELECT pg_get_userbyid(d.defaclrole), n.nspname, d.defaclobjtype::text, a.privilege_type
FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) a
WHERE a.grantee = (SELECT oid FROM pg_roles WHERE rolname = %s)
"""

Held = Mapping[Key, Collection[tuple[str, str]]]
Defaults = Mapping[tuple[str, str, str], Collection[str]]


@dataclass(frozen=True)
class Grant:
    """One statement that gives or takes privileges; ``role`` when it is about what that role will make."""

    what: str
    statement: str
    role: str | None = None


def read_privileges(connection: psycopg.Connection[TupleRow]) -> Held:
    """Who holds which privilege on each relation and schema, by name."""
    held: dict[Key, set[tuple[str, str]]] = {}
    for catalogue, number, grantee, privilege in connection.execute(PRIVILEGES.encode()).fetchall():
        held.setdefault((catalogue, number), set()).add((grantee, privilege))
    return held


def read_members(connection: psycopg.Connection[TupleRow], owner: str) -> list[tuple[str, bool]]:
    """The members of the owner role, and whether each can still log in."""
    return [(role, bool(able)) for role, able in connection.execute(MEMBERS.encode(), (owner, owner)).fetchall()]


def read_defaults(connection: psycopg.Connection[TupleRow], owner: str) -> Defaults:
    """The default privileges for the owner role, by maker, schema and kind."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for role, schema, kind, privilege in connection.execute(DEFAULT_PRIVILEGES.encode(), (owner,)).fetchall():
        found.setdefault((role, schema, kind), set()).add(privilege)
    return found


def plan_grants(
    items: Iterable[Owned], plan: Plan, rules: Rules, superusers: Collection[str], roles: Iterable[str], held: Held
) -> list[Grant]:
    """What lets ``roles`` read and write everything that the owner role has once the plan is carried out."""
    moved = {item.key: item.owner for item in plan.objects}
    found: list[Grant] = []
    for item in items:
        if item.kind not in GRANTED_ON or item.extension is not None or not rules.wants(item, superusers):
            continue
        if item.owner != rules.owner and item.key not in moved:
            continue
        # Whatever the former owner holds, the new one holds in its place.
        holders = {
            (rules.owner if grantee == moved.get(item.key) else grantee, privilege)
            for grantee, privilege in held.get(item.key, ())
        }
        word = GRANTED_ON[item.kind]
        for role in roles:
            missing = [name for name in WANTED[word] if not {(role, name), (PUBLIC, name)} & holders]
            if missing:
                statement = f"GRANT {', '.join(missing)} ON {word} {item.identity} TO {quoted(role)}"
                found.append(Grant(f"privileges of {role} on {item.kind} {item.identity}", statement))
    return found


def plan_defaults(rules: Rules, members: Iterable[tuple[str, bool]], present: Defaults) -> list[Grant]:
    """What lets the owner role read and write what its members will make.

    Those of a member that can no longer log in are taken back: a role that has default privileges cannot be dropped.
    """
    found: list[Grant] = []
    for role, able in members:
        if not rules.is_source(role):
            continue
        for schema in rules.schemas or (DEFAULT_SCHEMA,):
            for kind, word in DEFAULTS.items():
                have = present.get((role, schema, kind), ())
                missing = [name for name in WANTED[word] if name not in have]
                if able and missing:
                    change = f"GRANT {', '.join(missing)} ON {word}S TO {quoted(rules.owner)}"
                elif have and not able:
                    change = f"REVOKE ALL ON {word}S FROM {quoted(rules.owner)}"
                else:
                    continue
                where = f"FOR ROLE {quoted(role)} IN SCHEMA {quoted(schema)}"
                what = f"default privileges of {role} on {word.lower()}s in {schema}"
                found.append(Grant(what, f"ALTER DEFAULT PRIVILEGES {where} {change}", role))
    return found
