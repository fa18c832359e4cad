# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One instant of the database: an exported snapshot that the dump, the digests and the figures share."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ansible_collections.arcodange.erp.plugins.module_utils.errors import Refused
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import (
    OLDEST_SERVER,
    DatabaseError,
    DatabaseOptions,
    apply_session_settings,
    connect,
    explain,
    one_row,
    server_major,
)

try:
    import psycopg
except ImportError:
    pass  # the door says which library is missing

if TYPE_CHECKING:
    from psycopg.rows import TupleRow

LOCK_CLASS = zlib.crc32(b"arcodange.erp.backup") >> 1  # advisory locks take two signed 32 bit numbers
PROBES = 4
PROBE_SECONDS = 20


@dataclass(frozen=True)
class Snapshot:
    """A read-only transaction whose snapshot others may join by ``name``; ``instant`` is when it was taken."""

    connection: psycopg.Connection[TupleRow]
    options: DatabaseOptions
    name: str
    instant: datetime
    server_version: str
    major: int

    def check_alive(self) -> None:
        """Raise when the transaction, and with it the lock, was lost."""
        try:
            self.connection.execute("SELECT 1")
        except psycopg.Error as error:
            raise explain(self.options, "keep a transaction open in", error) from error


@contextmanager
def open_snapshot(options: DatabaseOptions, lock: str | None) -> Iterator[Snapshot]:
    """Open the snapshot, holding the advisory lock that is named ``lock`` for as long as it is open.

    Raises :class:`Refused` behind a transaction pooler, and when another run holds the lock; :class:`DatabaseError`
    when the server is too old or fails.
    """
    with connect(options, autocommit=True) as connection:
        major = server_major(connection)
        if major < OLDEST_SERVER:
            raise DatabaseError(
                f"The {options.describe()} is PostgreSQL {major}: this collection needs {OLDEST_SERVER} or newer, upgrade the server."
            )
        refuse_transaction_pooler(connection, options)
        connection.autocommit = False
        try:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            apply_session_settings(connection)
            row = one_row(connection, "SELECT pg_export_snapshot(), clock_timestamp()")
            if lock is not None:
                _take_lock(connection, options, lock)
            version = str(connection.info.parameter_status("server_version")).split(" ", 1)[0]
            yield Snapshot(connection, options, row[0], row[1].astimezone(UTC), version, major)
        except psycopg.Error as error:
            raise explain(options, "read", error) from error
        finally:
            # A session that was lost needs none, and must not hide what was said of it.
            with suppress(psycopg.Error):
                connection.rollback()


def _take_lock(connection: psycopg.Connection[TupleRow], options: DatabaseOptions, lock: str) -> None:
    key = zlib.crc32(lock.encode()) >> 1
    row = connection.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", (LOCK_CLASS, key)).fetchone()
    if row is not None and row[0]:
        return
    holder = connection.execute(
        "SELECT l.pid, a.usename, a.client_addr::text, coalesce(a.xact_start, a.backend_start)"
        " FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid::bigint = %s AND l.objid::bigint = %s"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        (LOCK_CLASS, key),
    ).fetchone()
    if holder is None:
        raise Refused(f"Another backup of the {options.describe()} has just ended: run again.")
    pid, user, address, since = holder
    # A role without pg_read_all_stats sees neither the address nor the time of another role's session.
    when = (
        since.isoformat(timespec="seconds")
        if since
        else "a time that this role may not see (grant it pg_read_all_stats)"
    )
    raise Refused(
        f"Another backup of the {options.describe()} is under way, held by {user or 'another role'}"
        f" from {address or 'the server itself'} (server process {pid}) since {when}: wait for it to end.",
        holder={"pid": pid, "user": user, "address": address, "since": since.isoformat() if since else None},
    )


def refuse_transaction_pooler(connection: psycopg.Connection[TupleRow], options: DatabaseOptions) -> None:
    """Raise :class:`Refused` when the connection goes through a pooler that changes servers between transactions.

    A dump through one can leave another session with an empty search_path, and an exported snapshot may not be found.
    """
    own = _backend(connection)
    if own == connection.info.backend_pid:
        return  # a pooler cannot give the real process number as that of the client's connection
    with connect(options, autocommit=True) as other, ThreadPoolExecutor(1, thread_name_prefix="pooler") as pool:
        seen = {own}
        for _probe in range(PROBES):
            try:
                with other.transaction():
                    # While this transaction keeps one server busy, a pooled client has to move to another one,
                    # or to wait where there is no other.
                    theirs = _backend(other)
                    mine = pool.submit(_backend, connection).result(PROBE_SECONDS)
            except (psycopg.Error, TimeoutError) as error:
                raise _pooled(options, "statement" if "statement pooling" in str(error) else "transaction") from error
            seen.add(mine)
            if theirs in seen or len(seen) > 1:
                raise _pooled(options, "transaction")


def _pooled(options: DatabaseOptions, mode: str) -> Refused:
    return Refused(
        f"The {options.describe()} is behind a pooler in {mode} mode, through which no consistent dump can be taken:"
        " set db_host and db_port to PostgreSQL itself, or give the backup's database pool_mode=session in the pooler."
    )


def _backend(connection: psycopg.Connection[TupleRow]) -> int:
    row = one_row(connection, "SELECT pg_backend_pid()")
    return int(row[0])
