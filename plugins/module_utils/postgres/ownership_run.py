# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Give every object of a database to its owner role: read, decide, check the rights, act, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.arcodange.erp.plugins.module_utils.errors import Refused
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import (
    LOCK_TIMEOUT,
    OLDEST_SERVER,
    DatabaseError,
    DatabaseOptions,
    apply_session_settings,
    connect,
    explain,
    server_major,
)
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.ownership import (
    Plan,
    Rules,
    count_owned,
    make_plan,
)
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.ownership_catalogue import (
    Inventory,
    read_inventory,
)
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.ownership_grants import (
    Grant,
    plan_defaults,
    plan_grants,
    read_defaults,
    read_members,
    read_privileges,
)
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.ownership_rights import (
    Lack,
    lacking,
    read_rights,
)

try:
    import psycopg
except ImportError:
    pass  # the door says which library is missing

if TYPE_CHECKING:
    from psycopg.rows import TupleRow

SHOWN = 5  # statements that a message shows; the facts hold them all


@dataclass(frozen=True)
class OwnershipOptions:
    """What is to belong to whom; ``grant_to`` are roles that are to read and write all of it."""

    database: DatabaseOptions
    rules: Rules
    grant_to: tuple[str, ...] = ()
    default_privileges: bool = False
    lock_timeout: float = LOCK_TIMEOUT


@dataclass(frozen=True)
class Reassigned:
    """What changed, or would change."""

    plan: Plan
    grants: tuple[Grant, ...]

    @property
    def steps(self) -> list[tuple[str, str]]:
        """What each statement is about, and the statement."""
        return [*self.plan.statements(), *((grant.what, grant.statement) for grant in self.grants)]

    def to_facts(self) -> dict[str, Any]:
        """The JSON form used in results."""
        blocked = self.plan.blocked
        changed = bool(self.steps)
        return {
            "changed": changed,
            "outcome": "findings" if blocked else "done" if changed else "unchanged",
            "queries": [statement for _what, statement in self.steps],
            "moved": count_owned(self.plan.objects),
            "objects": [item.to_facts() for item in self.plan.objects],
            "left": [item.to_facts() for item in self.plan.left if not item.blocked],
            "blocked": [item.to_facts() for item in blocked],
        }

    def warnings(self) -> list[str]:
        """A sentence for everything that ought to move and cannot."""
        return [
            f"The {entry.item.kind} {entry.item.identity} still belongs to {entry.item.owner}: {entry.reason}."
            for entry in self.plan.blocked
        ]

    def diff(self) -> dict[str, dict[str, str]]:
        """The owners before and after, and the privileges that change."""
        names = {f"{item.kind} {item.identity}": item.owner for item in self.plan.objects}
        changes = {grant.what: grant.statement for grant in self.grants}
        return {"before": names, "after": {**dict.fromkeys(names, self.plan.owner), **changes}}


def run_reassign(options: OwnershipOptions, check: bool) -> Reassigned:
    """Carry the plan out, or only make it.

    Raises :class:`Refused` before anything changes when the role that connects lacks a right, :class:`DatabaseError`
    when the server fails; either way nothing is changed.
    """
    with connect(options.database) as connection:
        # The server itself sees to it that check mode writes nothing.
        connection.read_only = check
        try:
            begin(connection, options.database)
            inventory = read_inventory(connection)
            found = _plan(connection, options, inventory)
            _check_rights(connection, options, found)
            if not check:
                _act(connection, options, found.steps)
        except psycopg.Error as error:
            raise explain(options.database, "read the owners in", error) from error
    return found


def begin(connection: psycopg.Connection[TupleRow], database: DatabaseOptions) -> None:
    """Begin a transaction in which names come with their schema."""
    major = server_major(connection)
    if major < OLDEST_SERVER:
        raise DatabaseError(
            f"The {database.describe()} is PostgreSQL {major}: this collection needs {OLDEST_SERVER} or newer, upgrade the server."
        )
    apply_session_settings(connection)


def check_names(connection: psycopg.Connection[TupleRow], options: DatabaseOptions, rules: Rules, *roles: str) -> None:
    """Raise when the owner role, one of the roles or a schema that is to be looked into does not exist."""
    wanted = (
        ("role", "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)", (rules.owner, *roles)),
        ("schema", "SELECT nspname FROM pg_namespace WHERE nspname = ANY (%s)", rules.schemas),
    )
    for kind, query, names in wanted:
        known = {row[0] for row in connection.execute(query.encode(), (list(names),)).fetchall()}
        for name in names:
            if name not in known:
                raise DatabaseError(
                    f"There is no {kind} {name} in the {options.describe()}: create it or correct its name."
                )


def _plan(connection: psycopg.Connection[TupleRow], options: OwnershipOptions, inventory: Inventory) -> Reassigned:
    rules = options.rules
    check_names(connection, options.database, rules, *options.grant_to)
    plan = make_plan(inventory.items, rules, inventory.superusers, inventory.database)
    grants: list[Grant] = []
    if options.grant_to:
        held = read_privileges(connection)
        grants += plan_grants(inventory.items, plan, rules, inventory.superusers, options.grant_to, held)
    if options.default_privileges:
        members = read_members(connection, rules.owner)
        grants += plan_defaults(rules, members, read_defaults(connection, rules.owner))
    return Reassigned(plan, tuple(grants))


def _check_rights(connection: psycopg.Connection[TupleRow], options: OwnershipOptions, found: Reassigned) -> None:
    others = {grant.role for grant in found.grants if grant.role is not None}
    on_objects = any(grant.role is None for grant in found.grants)
    roles = {item.owner for item in found.plan.objects} | others
    rights = read_rights(connection, options.rules.owner, roles)
    lacks = lacking(found.plan, others, on_objects, rights)
    if lacks:
        raise _refusal(options, found, rights.user, lacks)


def _refusal(options: OwnershipOptions, found: Reassigned, user: str, lacks: Sequence[Lack]) -> Refused:
    statements = [lack.statement for lack in lacks]
    roles = [lack.role for lack in lacks if lack.role is not None]
    count = sum(item.owner in roles for item in found.plan.objects) or len(found.plan.objects)
    whose = f" of {', '.join(roles[:SHOWN])}{' and others' if len(roles) > SHOWN else ''}" if roles else ""
    more = f" and {len(statements) - SHOWN} more" if len(statements) > SHOWN else ""
    what = f"{count} objects{whose}" if found.plan.objects else f"the default privileges{whose}"
    return Refused(
        f"The role {user} may not give {what} in the {options.database.describe()} to {options.rules.owner}:"
        f" have an administrator run {'; '.join(statements[:SHOWN])}{more}, or connect as one"
        f" (db_user and its password, in an inventory erp_db_admin_user and erp_db_admin_password).",
        missing_grants=statements,
        lacking_roles=roles,
        moved=count_owned(found.plan.objects),
    )


def _act(connection: psycopg.Connection[TupleRow], options: OwnershipOptions, steps: Sequence[tuple[str, str]]) -> None:
    connection.execute("SELECT set_config('lock_timeout', %s, true)", (f"{round(options.lock_timeout * 1000)}ms",))
    for what, statement in steps:
        try:
            connection.execute(statement.encode())
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            raise DatabaseError(
                f"The {what} in the {options.database.describe()} was in use for longer than {options.lock_timeout:g} seconds:"
                " nothing was changed, run again when that has ended, or raise lock_timeout."
            ) from error
        except psycopg.Error as error:
            text = getattr(error.diag, "message_primary", None) or str(error).strip().split("\n", 1)[0]
            raise DatabaseError(
                f"{statement} failed in the {options.database.describe()}: {text}: nothing was changed, correct that and run again."
            ) from error
