# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the role that connects may carry out a plan, and which GRANT is missing when it may not."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import one_row, server_major
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.ownership import Plan, quoted

if TYPE_CHECKING:
    import psycopg
    from psycopg.rows import TupleRow

OPTIONS_SINCE = 16  # from this version on, a membership may come without inheriting and without SET ROLE


@dataclass(frozen=True)
class Rights:
    """What the role that connects may do. ``member``: of these roles; ``uses``: has their privileges too."""

    user: str
    superuser: bool
    major: int
    database: str
    member: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    becomes_owner: bool = False
    creates_databases: bool = False
    creates_in_database: bool = False
    owner_creates_in: frozenset[str] = frozenset()
    owner_creates_in_database: bool = False


@dataclass(frozen=True)
class Lack:
    """A statement that an administrator would have to run; ``role`` when it is about the objects of that role."""

    statement: str
    role: str | None = None


def read_rights(connection: psycopg.Connection[TupleRow], owner: str, roles: Collection[str]) -> Rights:
    """Ask the server about the role that connects, the owner role, and the roles that the plan is about."""
    major = server_major(connection)
    user, superuser, creates, database = one_row(
        connection,
        "SELECT rolname, rolsuper, rolcreatedb, current_database() FROM pg_roles WHERE rolname = current_user",
    )
    become = "SET" if major >= OPTIONS_SINCE else "MEMBER"
    memberships = connection.execute(
        "SELECT rolname, pg_has_role(oid, 'MEMBER'), pg_has_role(oid, 'USAGE'), pg_has_role(oid, %s)"
        " FROM pg_roles WHERE rolname = ANY (%s)",
        (become, [*roles, owner]),
    ).fetchall()
    schemas = connection.execute(
        "SELECT nspname FROM pg_namespace WHERE has_schema_privilege(%s, oid, 'CREATE')", (owner,)
    ).fetchall()
    own, theirs = one_row(
        connection,
        "SELECT has_database_privilege(current_database(), 'CREATE'), has_database_privilege(%s, current_database(), 'CREATE')",
        (owner,),
    )
    return Rights(
        user=user,
        superuser=superuser,
        major=major,
        database=database,
        member=frozenset(row[0] for row in memberships if row[1]),
        uses=frozenset(row[0] for row in memberships if row[2]),
        becomes_owner=any(row[3] for row in memberships if row[0] == owner),
        creates_databases=creates,
        creates_in_database=own,
        owner_creates_in=frozenset(row[0] for row in schemas),
        owner_creates_in_database=theirs,
    )


def lacking(plan: Plan, others: Iterable[str], uses_owner: bool, rights: Rights) -> list[Lack]:
    """What is missing for a plan; ``others`` are the roles whose default privileges change besides.

    ``uses_owner`` when privileges of the owner role's objects change too.
    """
    if rights.superuser:
        return []
    user, owner = quoted(rights.user), quoted(plan.owner)
    sources = {item.owner for item in plan.objects} | set(others)
    lacks = [_membership(role, rights) for role in sorted(sources - rights.uses)]
    if plan.objects and not rights.becomes_owner:
        how = " WITH SET TRUE" if plan.owner in rights.member else ""
        lacks.append(Lack(f"GRANT {owner} TO {user}{how}"))
    elif (uses_owner or plan.extensions) and plan.owner not in rights.uses:
        lacks.append(_membership(plan.owner, rights, of_source=False))
    moving_schemas = {item.name for item in plan.moving if item.kind == "schema"}
    closed = {item.schema for item in plan.moving if item.schema} - moving_schemas - rights.owner_creates_in
    lacks += [Lack(f"GRANT CREATE ON SCHEMA {quoted(schema)} TO {owner}") for schema in sorted(closed)]
    database = quoted(rights.database)
    if moving_schemas and not rights.creates_in_database:
        lacks.append(Lack(f"GRANT CREATE ON DATABASE {database} TO {user}"))
    needs_database = {"publication", "subscription"} & {item.kind for item in plan.moving}
    if needs_database and not rights.owner_creates_in_database:
        lacks.append(Lack(f"GRANT CREATE ON DATABASE {database} TO {owner}"))
    if any(item.kind == "database" for item in plan.moving) and not rights.creates_databases:
        lacks.append(Lack(f"ALTER ROLE {user} CREATEDB"))
    return lacks


def _membership(role: str, rights: Rights, of_source: bool = True) -> Lack:
    """What gives the privileges of a role: a membership, or inheriting from the one there is."""
    statement = f"GRANT {quoted(role)} TO {quoted(rights.user)}"
    if role in rights.member:
        if rights.major >= OPTIONS_SINCE:
            statement += " WITH INHERIT TRUE"
        else:
            statement = f"ALTER ROLE {quoted(rights.user)} INHERIT"
    return Lack(statement, role if of_source else None)
