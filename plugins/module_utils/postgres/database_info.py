# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Dolibarr database says of itself: versions, who is connected, and who owns what he should not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import (
    DatabaseError,
    DatabaseOptions,
    LoginRefused,
    connect,
    explain,
    one_row,
    server_major,
)
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.dolibarr_version import DOLIBARR_VERSION
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.ownership import Rules, count_owned, make_plan
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.ownership_catalogue import read_inventory
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.ownership_run import begin, check_names

try:
    import psycopg
except ImportError:
    pass  # the door says which library is missing

if TYPE_CHECKING:
    from psycopg.rows import TupleRow

# What a role without pg_read_all_stats may not see of another role's session is null.
SESSIONS = """
SELECT pid, usename, application_name, coalesce(host(client_addr), ''), state, backend_start
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
    AND coalesce(backend_type, 'client backend') = 'client backend'
ORDER BY usename, pid
"""
# Nothing where there is no such table.
READABLE = """
SELECT (SELECT has_table_privilege(c.oid, 'SELECT') FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname = 'public' AND relname = 'llx_const')
"""


@dataclass(frozen=True)
class InfoOptions:
    """The database, and whose its objects ought to be: nobody asks about owners when ``rules`` is ``None``."""

    database: DatabaseOptions
    rules: Rules | None = None


def read_info(options: InfoOptions) -> dict[str, Any]:
    """Read it all in one read-only transaction; a database that cannot be reached is an answer too."""
    try:
        connection = connect(options.database)
    except DatabaseError as error:
        return {
            "outcome": "findings",
            "reachable": False,
            "login_refused": isinstance(error, LoginRefused),
            "reason": str(error),
            "login_user": options.database.user,
        }
    with connection:
        connection.read_only = True
        try:
            begin(connection, options.database)
            may_read = one_row(connection, READABLE)[0]
            facts = {
                "reachable": True,
                "login_user": one_row(connection, "SELECT current_user")[0],
                "server_version": str(connection.info.parameter_status("server_version")).split(" ", 1)[0],
                "server_major": server_major(connection),
                "holds_dolibarr": may_read is not None,
                "dolibarr_version": _dolibarr_version(connection) if may_read else None,
                "sessions": _sessions(connection),
            }
            if options.rules is not None:
                facts["foreign_owners"] = _foreign(connection, options.database, options.rules)
        except psycopg.Error as error:
            raise explain(options.database, "read", error) from error
    found = facts.get("foreign_owners", {"count": 0})["count"]
    return {"outcome": "findings" if found else "done", **facts}


def _dolibarr_version(connection: psycopg.Connection[TupleRow]) -> str | None:
    """The version that last changed the tables."""
    row = connection.execute(DOLIBARR_VERSION).fetchone()
    return None if row is None else str(row[0])


def _sessions(connection: psycopg.Connection[TupleRow]) -> list[dict[str, Any]]:
    return [
        {
            "pid": pid,
            "user": user,
            "application": application or "",
            "address": address,
            "state": state or "",
            "since": since.isoformat(timespec="seconds") if since else "",
        }
        for pid, user, application, address, state, since in connection.execute(SESSIONS).fetchall()
    ]


def _foreign(connection: psycopg.Connection[TupleRow], database: DatabaseOptions, rules: Rules) -> dict[str, Any]:
    """What :func:`run_reassign` with the same rules would move, and what it could not."""
    check_names(connection, database, rules)
    inventory = read_inventory(connection)
    plan = make_plan(inventory.items, rules, inventory.superusers, inventory.database)
    items = [*plan.objects, *(entry.item for entry in plan.blocked)]
    return {"count": len(items), "owners": count_owned(items)}
