# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of a dump on their way into a database: read once, and loaded by several sessions side by side."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING, cast

from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import (
    SESSION_SETTINGS,
    DatabaseOptions,
    connect,
    explain,
)
from ansible_collections.arcodange.erp.plugins.module_utils.programs import Program

try:
    import psycopg
    from psycopg import sql
except ImportError:
    pass  # the door says which library is missing

if TYPE_CHECKING:
    from psycopg.rows import TupleRow

PIPE_SIZE = 1 << 20
POLL = 1.0  # seconds after which a loader that waits looks whether its sessions still live


@dataclass(frozen=True)
class _Job:
    """Some rows of a table, which is told by its number."""

    table: int
    statement: bytes
    rows: bytes


class Piped:
    """A program that reads a stream of ours; ``stdout`` is what it writes, where that is read."""

    def __init__(self, process: Program, messages: IO[bytes]) -> None:
        self._process = process
        self._messages = messages
        self.stdin = cast("IO[bytes]", process.stdin)
        self.stdout = cast("IO[bytes]", process.stdout)

    def kill(self) -> None:
        """End it at once, so that whoever writes to it stops waiting."""
        self._process.kill()

    def finish(self) -> bytes:
        """Wait for its end; returns what it complained about."""
        self._process.wait()
        self._messages.seek(0)
        return self._messages.read(1 << 16)


@contextmanager
def piped(command: Sequence[str], environment: Mapping[str, str], read: bool = False) -> Iterator[Piped]:
    """Start a program whose input, and output with ``read``, are pipes; it is gone afterwards."""
    with tempfile.TemporaryFile() as messages:
        process = Program(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if read else subprocess.DEVNULL,
            stderr=messages,
            env=environment,
            pipesize=PIPE_SIZE,
        )
        program = Piped(process, messages)
        try:
            yield program
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            with suppress(OSError):
                program.stdin.close()
            if process.stdout is not None:
                process.stdout.close()


class Feed:
    """Gives the blocks of an archive to programs; one that has had enough does not keep the others from the rest."""

    def __init__(self, blocks: Iterable[bytes], progress: Progress) -> None:
        self._blocks = blocks
        self._progress = progress
        self._stop = threading.Event()
        self.size = 0

    def stop(self) -> None:
        """Read no further."""
        self._stop.set()

    def run(self, sinks: Sequence[IO[bytes]]) -> None:
        """Read the archive to its end and close the sinks."""
        open_sinks = list(sinks)
        try:
            for block in self._blocks:
                if self._stop.is_set():
                    return
                self.size += len(block)
                self._progress.add(read=len(block))
                open_sinks = [sink for sink in open_sinks if _written(sink, block)]
        finally:
            for sink in sinks:
                with suppress(OSError):
                    sink.close()


def _written(sink: IO[bytes], block: bytes) -> bool:
    try:
        sink.write(block)
    except BrokenPipeError:
        return False
    return True


def blocks_of(source: IO[bytes], size: int = PIPE_SIZE) -> Iterator[bytes]:
    """What a pipe gives, as it comes."""
    while block := os.read(source.fileno(), size):
        yield block


class Loader:
    """Sends rows to ``sessions`` sessions, each with a COPY of its own, so that one large table keeps them all busy.

    A table that does not take its rows is left as it is and a message kept: the comparison with the manifest finds it.
    ``finished`` is told the number of each table, in the order of the dump, once its last row is committed.
    """

    def __init__(
        self,
        options: DatabaseOptions,
        encoding: str,
        role: str | None,
        sessions: int,
        finished: Callable[[int], None],
    ) -> None:
        self._options = options
        self._settings = SESSION_SETTINGS | {"client_encoding": encoding, "synchronous_commit": "off"}
        self._role = role
        self._sessions = sessions
        self._finished = finished
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._room = threading.Semaphore(2 * sessions)
        self._lock = threading.Lock()
        self._under_way: Counter[int] = Counter()
        self._sent: set[int] = set()
        self.messages: list[str] = []

    def run(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Load all rows, as :func:`copies` gives them.

        Raises :class:`DatabaseError` when a session is lost, and what ``rows`` raises.
        """
        with ThreadPoolExecutor(self._sessions, thread_name_prefix="rows") as pool:
            sessions = [pool.submit(self._session) for _number in range(self._sessions)]
            table = -1
            try:
                for statement, some in rows:
                    if some:
                        self._wait_for_room(sessions)
                        with self._lock:
                            self._under_way[table] += 1
                        self._jobs.put(_Job(table, statement, some))
                    else:
                        self._settle(table, sent=True)
                        table += 1
                self._settle(table, sent=True)
            finally:
                for _session in sessions:
                    self._jobs.put(None)
            for session in sessions:
                session.result()

    def _wait_for_room(self, sessions: Sequence[Future[None]]) -> None:
        while not self._room.acquire(timeout=POLL):
            for session in sessions:
                if session.done():
                    session.result()

    def _settle(self, table: int, jobs: int = 0, sent: bool = False) -> None:
        """Note that so many jobs of a table are committed, or that its last one is sent; both together finish it."""
        with self._lock:
            self._under_way[table] -= jobs
            if sent:
                self._sent.add(table)
            finished = table in self._sent and not self._under_way[table]
        if finished and table >= 0:
            self._finished(table)

    def _next(self) -> _Job | None:
        job = self._jobs.get()
        self._room.release()
        return job

    def _session(self) -> None:
        with connect(self._options, autocommit=True) as connection:
            try:
                for name, value in self._settings.items():
                    connection.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))
                if self._role is not None:
                    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(self._role)))
                self._load(connection)
            except psycopg.Error as error:
                raise explain(self._options, "load rows into", error) from error

    def _load(self, connection: psycopg.Connection[TupleRow]) -> None:
        job = self._next()
        while job is not None:
            table, statement, done = job.table, job.statement, 0
            try:
                with connection.cursor().copy(statement) as copy:
                    while job is not None and job.table == table:
                        copy.write(job.rows)
                        done += 1
                        job = self._next()
            except psycopg.Error as error:
                if connection.closed:
                    raise
                self.messages.append(f"{statement.decode(errors='replace')} {error.diag.message_primary}")
                while job is not None and job.table == table:
                    done += 1
                    job = self._next()
            self._settle(table, done)


class Follower:
    """Does ``work`` with what is finished while the rest is not, whatever is there at a time at once."""

    def __init__(self, work: Callable[[list[int]], None]) -> None:
        self._work = work
        self._changed = threading.Condition()
        self._ready: list[int] = []
        self._closed = False
        self.taken: set[int] = set()

    def add(self, number: int) -> None:
        """Something is finished."""
        with self._changed:
            self._ready.append(number)
            self._changed.notify()

    def close(self) -> None:
        """Begin nothing more: others do what is left."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def run(self) -> None:
        """Work until closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ready or self._closed)
                if self._closed:
                    return
                batch, self._ready = self._ready, []
                self.taken.update(batch)
            self._work(batch)
