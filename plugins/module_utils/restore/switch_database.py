# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The switch of databases: the restored one takes the live name, the former one stays beside it.

What a database is, is told by its name and by its comment, which change in the one transaction of the renames. So there
is no moment at which the live name points to anything but a complete database, and a run that was killed leaves at most
a database that refuses connections and says so in its comment; the next run lets them in again.
"""

from __future__ import annotations

import json
import re
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import (
    DatabaseError,
    DatabaseOptions,
    connect,
    explain,
    one_row,
)

try:
    import psycopg
    from psycopg import sql
except ImportError:
    pass  # the door says which library is missing

if TYPE_CHECKING:
    from psycopg.rows import TupleRow

LOCK_CLASS = zlib.crc32(b"arcodange.erp.restore") >> 1  # advisory locks take two signed 32 bit numbers
PREFIX = "arcodange.erp: "  # of the comments that are ours
INCOMPLETE, COMPLETE, SWITCHING, LIVE, FORMER = "incomplete", "complete", "switching", "live", "former"
RESTORED = "__restore_"
REPLACED = "__before_"
LONGEST_NAME = 63  # bytes; PostgreSQL cuts what is longer
LONGEST_SUFFIX = len("__restore_20261120T040000Z_99")
PATIENCE = 30.0  # seconds for sessions to end
FIRST_OID = 16384  # of what users make
LOCK_PATIENCE = 5.0  # seconds for the server to notice that a killed run is gone
PAUSE = 0.2  # seconds between two tries
Steps = Callable[[str], None]
DATABASES = """
SELECT d.datname, pg_catalog.shobj_description(d.oid, 'pg_database'), d.datallowconn,
       CASE WHEN pg_catalog.has_database_privilege(d.oid, 'CONNECT') OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
            THEN pg_catalog.pg_database_size(d.oid) END
FROM pg_catalog.pg_database d
WHERE d.datname = %(name)s OR d.datname ~ %(pattern)s
ORDER BY d.datname
"""
# A vacuum of the server's own has no role: only a superuser may end it, and the renaming server ends it by itself.
OF_OTHERS = "pid <> pg_backend_pid() AND usesysid IS NOT NULL"
SESSIONS = f"SELECT count(*), min(usename) FROM pg_catalog.pg_stat_activity WHERE datname = %s AND {OF_OTHERS}"
END_SESSIONS = (
    "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity"
    f" WHERE datname = ANY(%s) AND {OF_OTHERS}"
)
OWN_SETTINGS = """
SELECT coalesce(r.rolname, ''), s.setting
FROM pg_catalog.pg_db_role_setting d
JOIN pg_catalog.pg_database b ON b.oid = d.setdatabase
LEFT JOIN pg_catalog.pg_roles r ON r.oid = d.setrole,
LATERAL unnest(d.setconfig) AS s(setting)
WHERE b.datname = %s
ORDER BY 1, 2
"""
OWN_RIGHTS = """
SELECT CASE WHEN a.grantee <> 0 THEN pg_catalog.pg_get_userbyid(a.grantee) END, a.privilege_type, a.is_grantable
FROM pg_catalog.pg_database d, LATERAL pg_catalog.aclexplode(d.datacl) a
WHERE d.datname = %s ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Mark:
    """What a database's comment says of it; ``note`` is the comment that somebody else had given it."""

    state: str
    restore_point: str | None
    since: str
    former: str | None = None
    note: str | None = None

    def to_comment(self) -> str:
        """The comment, for a person and for the next run."""
        return PREFIX + json.dumps({name: value for name, value in asdict(self).items() if value is not None})

    @classmethod
    def parse(cls, comment: str | None) -> Mark | None:
        """What a comment says; ``None`` when it is not ours."""
        if comment is None or not comment.startswith(PREFIX):
            return None
        try:
            return cls(**{"restore_point": None, **json.loads(comment[len(PREFIX) :])})
        except (TypeError, ValueError):
            return None


@dataclass(frozen=True)
class DatabaseState:
    """One database of the instance; ``size`` in bytes, ``None`` where this role may not know it."""

    name: str
    mark: Mark | None
    comment: str | None
    accepts_connections: bool
    size: int | None

    @property
    def state(self) -> str | None:
        """The state in its mark."""
        return None if self.mark is None else self.mark.state

    @property
    def since(self) -> datetime | None:
        """Since when it is in that state."""
        return None if self.mark is None else datetime.fromisoformat(self.mark.since)

    @property
    def note(self) -> str | None:
        """The comment that is not ours."""
        return self.comment if self.mark is None else self.mark.note

    def to_facts(self) -> dict[str, Any]:
        """The JSON form used in results."""
        point = None if self.mark is None else self.mark.restore_point
        since = None if self.mark is None else self.mark.since
        return {"name": self.name, "state": self.state, "restore_point": point, "since": since, "size": self.size}


@dataclass(frozen=True)
class DatabaseStates:
    """The live database, those restored beside it, and those that were live before."""

    live: DatabaseState | None
    restored: tuple[DatabaseState, ...]
    former: tuple[DatabaseState, ...]

    def find(self, name: str | None) -> DatabaseState | None:
        """The one of this name."""
        return next((state for state in self.all if state.name == name), None)

    @property
    def all(self) -> tuple[DatabaseState, ...]:
        """All of them."""
        return (*(() if self.live is None else (self.live,)), *self.restored, *self.former)


def restored_name(name: str, point_id: str) -> str:
    """The name of the database that a restore point is restored into."""
    return f"{name}{RESTORED}{point_id}"


def name_problem(name: str) -> str | None:
    """Why ``name`` cannot be the live name of a switch: PostgreSQL would cut the longer ones made of it."""
    longest = LONGEST_NAME - LONGEST_SUFFIX
    if len(name.encode()) <= longest:
        return None
    return f"The database name {name} has more than {longest} bytes, too many to keep a former state beside it: rename the database."


def database_states(admin: DatabaseOptions, name: str) -> DatabaseStates:
    """What exists of the instance whose live database is ``name``."""
    with _session(admin, "look at the databases on") as connection:
        return _states(connection, name)


def mark_complete(admin: DatabaseOptions, database: str, point_id: str) -> None:
    """Say that a database is restored and compared: ready to be switched."""
    with _session(admin, "comment a database on") as connection:
        set_comment(connection, database, new_mark(COMPLETE, point_id).to_comment())


def recover_switch(admin: DatabaseOptions, name: str) -> bool:
    """Let connections in again where a switch was killed before its renames; says whether one was."""
    with _session(admin, "switch databases on") as connection, lock_instance(connection, admin, name):
        return _recover(connection, name)


def switch_database(admin: DatabaseOptions, name: str, point_id: str, steps: Steps | None = None) -> str | None:
    """Give the restored database the live name; returns the name that the former one has now, ``None`` if there was none.

    Sessions are ended and refused meanwhile. Raises :class:`Refused` with the live database as it was. When the switch
    was done already it says so by returning the same name.
    """
    with _session(admin, "switch databases on") as connection, lock_instance(connection, admin, name):
        _recover(connection, name)
        states = _states(connection, name)
        wanted = states.find(restored_name(name, point_id))
        live = states.live
        if wanted is None and live is not None and _is_live(live, point_id):
            return None if live.mark is None else live.mark.former
        if wanted is None or wanted.mark is None or wanted.mark.state != COMPLETE:
            raise Refused(
                f"The database {restored_name(name, point_id)} is not there or was not found equal to its restore point:"
                " restore it first, nothing was changed."
            )
        former = None if live is None else _free_name(states, f"{name}{REPLACED}{point_id}")
        new_live = new_mark(LIVE, point_id, former, None if live is None else live.note)
        old_live = new_mark(FORMER, _point(live), None, None if live is None else live.note)
        renames = [] if live is None or former is None else [_Rename(live, former, old_live)]
        renames.append(_Rename(wanted, name, new_live))
        _exchange(connection, admin, renames, steps or _no_steps)
        return former


def undo_database(admin: DatabaseOptions, name: str, point_id: str, steps: Steps | None = None) -> str:
    """Give the live name back to the database that had it before; returns the name that the restored one has now."""
    with _session(admin, "switch databases on") as connection, lock_instance(connection, admin, name):
        _recover(connection, name)
        states = _states(connection, name)
        live = states.live
        undone = states.find(restored_name(name, point_id))
        if undone is not None and undone.mark is not None and undone.mark.former == name:
            return undone.name
        former = states.find(live.mark.former) if live is not None and live.mark is not None else None
        if live is None or former is None or not _is_live(live, point_id):
            raise Refused(
                f"The database {name} is not the one restored from {point_id} with its former state beside it:"
                " there is nothing to undo, nothing was changed."
            )
        target = _free_name(states, restored_name(name, point_id))
        # It was complete when it went live, so the switch can be done again.
        back = new_mark(COMPLETE, point_id, name)
        point = former.mark.restore_point if former.mark else None
        again = None if point is None else new_mark(LIVE, point, None, former.note)
        renames = [_Rename(live, target, back), _Rename(former, name, again)]
        _exchange(connection, admin, renames, steps or _no_steps)
        return target


def set_aside_undone(admin: DatabaseOptions, name: str, point_id: str) -> str | None:
    """Make room for restoring a point anew: what was live and undone becomes a former state; returns its name then."""
    with _session(admin, "rename databases on") as connection, lock_instance(connection, admin, name):
        _recover(connection, name)
        states = _states(connection, name)
        undone = states.find(restored_name(name, point_id))
        if undone is None or undone.mark is None or undone.mark.former is None:
            return None
        aside = _free_name(states, f"{name}{REPLACED}{point_id}")
        _exchange(connection, admin, [_Rename(undone, aside, new_mark(FORMER, point_id))], _no_steps)
        return aside


def droppable(admin: DatabaseOptions, name: str, keep: timedelta, now: datetime) -> list[str]:
    """The databases that :func:`drop_former` would drop."""
    return [state.name for state in database_states(admin, name).all if _is_old(state, keep, now)]


def is_empty(admin: DatabaseOptions, name: str) -> bool:
    """Whether nothing was ever made in a database; not so when this role cannot connect to it."""
    with suppress(DatabaseError), connect(replace(admin, name=name), autocommit=True) as connection:
        made = one_row(connection, "SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid >= %s)", (FIRST_OID,))
        return not made[0]
    return False


def drop_former(admin: DatabaseOptions, name: str, keep: timedelta, now: datetime) -> list[str]:
    """Drop the databases that were replaced, or restored and undone, longer than ``keep`` ago and return their names.

    Raises :class:`Refused` when somebody is connected to one of them; those before it in order of name are gone then.
    """
    dropped = []
    with _session(admin, "drop former databases on") as connection, lock_instance(connection, admin, name):
        for state in _states(connection, name).all:
            if not _is_old(state, keep, now):
                continue
            # Asked first, because the server waits five seconds for sessions to end.
            if one_row(connection, SESSIONS, (state.name,))[0]:
                raise Refused(
                    f"The former database {state.name} was not dropped because somebody is connected to it:"
                    " end that session and run again."
                )
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(state.name)))
            dropped.append(state.name)
    return dropped


@dataclass(frozen=True)
class _Rename:
    """A database, its next name, and what its comment will say; no mark restores the comment of somebody else."""

    database: DatabaseState
    name: str
    mark: Mark | None


def _no_steps(_step: str) -> None:
    """Nobody watches."""


def new_mark(state: str, point_id: str | None, former: str | None = None, note: str | None = None) -> Mark:
    """A mark that begins now."""
    return Mark(state, point_id, datetime.now(UTC).isoformat(timespec="seconds"), former, note)


def _point(state: DatabaseState | None) -> str | None:
    return None if state is None or state.mark is None else state.mark.restore_point


def _is_live(state: DatabaseState, point_id: str) -> bool:
    return state.mark is not None and state.mark.state == LIVE and state.mark.restore_point == point_id


def _is_old(state: DatabaseState, keep: timedelta, now: datetime) -> bool:
    undone = state.state == COMPLETE and state.mark is not None and state.mark.former is not None
    return (state.state == FORMER or undone) and state.since is not None and now - state.since >= keep


def _free_name(states: DatabaseStates, name: str) -> str:
    """The name, with a number behind it when it is taken."""
    number, free = 1, name
    taken = {state.name for state in states.all}
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


@contextmanager
def _session(admin: DatabaseOptions, doing: str) -> Iterator[psycopg.Connection[TupleRow]]:
    with connect(admin, autocommit=True) as connection:
        try:
            yield connection
        except psycopg.errors.InsufficientPrivilege as error:
            raise DatabaseError(
                f"The role {admin.user} may not {doing} {admin.host}:{admin.port} ({error.diag.message_primary}):"
                " grant it the owner role of the databases, CREATEDB and pg_signal_backend, nothing was changed."
            ) from error
        except psycopg.Error as error:
            raise explain(admin, f"{doing} the server, with", error) from error


@contextmanager
def lock_instance(connection: psycopg.Connection[TupleRow], admin: DatabaseOptions, name: str) -> Iterator[None]:
    """Hold the instance against other restores, until the session ends at the latest."""
    key = zlib.crc32(name.encode()) >> 1
    deadline = time.monotonic() + LOCK_PATIENCE
    while not one_row(connection, "SELECT pg_catalog.pg_try_advisory_lock(%s, %s)", (LOCK_CLASS, key))[0]:
        if time.monotonic() < deadline:
            time.sleep(PAUSE)
            continue
        raise Refused(f"Another restore of {name} on {admin.host}:{admin.port} is under way: wait for it to end.")
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_catalog.pg_advisory_unlock(%s, %s)", (LOCK_CLASS, key))


def _states(connection: psycopg.Connection[TupleRow], name: str) -> DatabaseStates:
    pattern = rf"^{re.escape(name)}({RESTORED}|{REPLACED})\d{{8}}T\d{{6}}Z(_\d+)?$"
    rows = connection.execute(DATABASES, {"name": name, "pattern": pattern}).fetchall()
    found = [DatabaseState(row[0], Mark.parse(row[1]), row[1], row[2], row[3]) for row in rows]
    begin = len(name)
    return DatabaseStates(
        next((state for state in found if state.name == name), None),
        tuple(state for state in found if state.name.startswith(RESTORED, begin)),
        tuple(state for state in found if state.name.startswith(REPLACED, begin)),
    )


def set_comment(connection: psycopg.Connection[TupleRow], database: str, comment: str | None) -> None:
    """Comment on a database."""
    connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(database), sql.Literal(comment)))


def _allow(connection: psycopg.Connection[TupleRow], database: str, allowed: bool) -> None:
    connection.execute(
        sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(sql.Identifier(database), sql.Literal(allowed))
    )


def _recover(connection: psycopg.Connection[TupleRow], name: str) -> bool:
    states = _states(connection, name)
    begun = [state for state in states.all if state.mark is not None and state.mark.state == SWITCHING]
    for state in begun:
        _reopen(connection, state.name, state.note)
    return bool(begun)


def _reopen(connection: psycopg.Connection[TupleRow], database: str, comment: str | None) -> None:
    with connection.transaction():
        _allow(connection, database, True)
        set_comment(connection, database, comment)


def _exchange(
    connection: psycopg.Connection[TupleRow], admin: DatabaseOptions, renames: list[_Rename], steps: Steps
) -> None:
    """Rename, all or nothing; what goes wrong leaves every database as it was and open."""
    steps("begin")
    try:
        with connection.transaction():
            for rename in renames:
                state = rename.database
                # The comment of before travels in the mark, so that whoever finds it can put it back.
                mark = new_mark(SWITCHING, _point(state), None, state.comment)
                set_comment(connection, state.name, mark.to_comment())
                _allow(connection, state.name, False)
                steps(f"{state.name} refused")
        steps("connections refused")
        _rename_all(connection, admin, renames, steps)
    except BaseException:
        if not connection.closed:
            for rename in renames:
                _reopen(connection, rename.database.name, rename.database.comment)
        raise
    steps("end")


def _rename_all(
    connection: psycopg.Connection[TupleRow], admin: DatabaseOptions, renames: list[_Rename], steps: Steps
) -> None:
    names = [rename.database.name for rename in renames]
    deadline = time.monotonic() + PATIENCE
    while True:
        connection.execute(END_SESSIONS, (names,))
        steps("sessions ended")
        try:
            with connection.transaction():
                if len(names) > 1:
                    _carry_over(connection, *names)
                for rename in renames:
                    old, new = sql.Identifier(rename.database.name), sql.Identifier(rename.name)
                    connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(old, new))
                    steps(f"{rename.database.name} renamed")
                    set_comment(
                        connection, rename.name, rename.mark.to_comment() if rename.mark else rename.database.note
                    )
                    _allow(connection, rename.name, True)
                steps("all renamed")
            return
        except psycopg.errors.ObjectInUse as error:
            if time.monotonic() > deadline:
                raise _in_use(connection, admin, names, error) from error
            time.sleep(PAUSE)


def _carry_over(connection: psycopg.Connection[TupleRow], source: str, target: str) -> None:
    """Give ``target`` the settings and connection rights of ``source``: they belong to the place, not to the data."""
    database = sql.Identifier(target)
    for role, setting in connection.execute(OWN_SETTINGS, (source,)).fetchall():
        name, _equals, value = setting.partition("=")
        whom = sql.SQL("ROLE {} IN DATABASE {}").format(sql.Identifier(role), database)
        # FROM CURRENT takes the value as it is, where a literal would make one name of a list of names.
        current = one_row(connection, "SELECT current_setting(%s, true)", (name,))[0]
        connection.execute("SELECT set_config(%s, %s, true)", (name, value))
        connection.execute(
            sql.SQL("ALTER {} SET {} FROM CURRENT").format(
                whom if role else sql.SQL("DATABASE {}").format(database),
                sql.SQL(".").join(sql.Identifier(part) for part in name.split(".")),
            )
        )
        connection.execute("SELECT set_config(%s, %s, true)", (name, current or ""))
    rights = connection.execute(OWN_RIGHTS, (source,)).fetchall()
    if rights:
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    for grantee, privilege, grantable in rights:
        statement = sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(
            sql.SQL(privilege),
            database,
            sql.SQL("PUBLIC") if grantee is None else sql.Identifier(grantee),
            sql.SQL(" WITH GRANT OPTION" if grantable else ""),
        )
        connection.execute(statement)
    limit = one_row(connection, "SELECT datconnlimit FROM pg_catalog.pg_database WHERE datname = %s", (source,))[0]
    connection.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(database, sql.Literal(limit)))


def _in_use(
    connection: psycopg.Connection[TupleRow], admin: DatabaseOptions, names: list[str], error: psycopg.Error
) -> ErpError:
    for name in names:
        count, user = one_row(connection, SESSIONS, (name,))
        if count:
            return Refused(
                f"The database {name} on {admin.host}:{admin.port} is still used by {count} sessions ({user}) that do not end:"
                " stop the application and run again, nothing was changed."
            )
    reason = error.diag.message_detail or error.diag.message_primary
    return Refused(
        f"The databases on {admin.host}:{admin.port} cannot be renamed: {reason} Run again when that has ended."
    )
