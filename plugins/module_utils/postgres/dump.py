# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The dump of a snapshot: pg_dump's archive, uncompressed, cut into frames and stored while it is made."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, cast

from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store
from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import (
    Compressor,
    ObjectWriter,
    StoredObject,
    ordered,
)
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import LOCK_TIMEOUT, DatabaseError
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.snapshot import Snapshot
from ansible_collections.arcodange.erp.plugins.module_utils.programs import Program, run_program

BLOCK = 2 << 20
WORKERS = min(4, os.cpu_count() or 1)
WINDOW = WORKERS + 2
PIPE_SIZE = 1 << 20

# Sections of a custom-format archive that carry data: a mark, the number of the entry, chunks, and a length of zero.
DATA_KINDS = ("TABLE DATA", "BLOBS", "BLOB DATA")
LISTED = re.compile(r"^(\d+); \d+ \d+ (.*)$", re.MULTILINE)
END_OF_DATA = bytes(5)
NEXT_DATA = re.compile(re.escape(END_OF_DATA) + rb"[\x01\x03]\x00(.{4})", re.DOTALL)
OVERLAP = len(END_OF_DATA) + 6


@dataclass(frozen=True)
class Programs:
    """Paths of the client programs and the version of ``pg_dump``."""

    pg_dump: str
    pg_restore: str
    version: str


class ArchiveCheck:
    """Notices an archive that ends early, also when ``pg_dump`` claims success.

    The list of contents at the head says which entries carry data; each must be met in the stream, and the last one
    must be ended. Rows hold no NUL bytes, so the marks between entries cannot be mistaken for data.
    """

    def __init__(self, pg_restore: str) -> None:
        self._pg_restore = pg_restore
        self._expected: list[int] | None = None
        self._met: set[int] = set()
        self._end = END_OF_DATA
        self._head = b""
        self._tail = b""

    def feed(self, block: bytes) -> None:
        """Look at the next bytes of the archive."""
        if self._expected is None:
            self._head += block
            self._expected = self._list(self._head)
            if self._expected is not None:
                self._head = b""
        window = self._tail + block
        if END_OF_DATA in window:
            self._met.update(int.from_bytes(match[1], "little") for match in NEXT_DATA.finditer(window))
        self._tail = window[-OVERLAP:]

    def _list(self, head: bytes) -> list[int] | None:
        """The numbers of the entries that carry data, in the order of the file, once the head is whole."""
        listing = run_program([self._pg_restore, "--list"], input=head, capture_output=True, check=False)
        if listing.returncode != 0:
            return None
        listed = LISTED.findall(listing.stdout.decode(errors="replace"))
        found = [(int(number), what) for number, what in listed if what.startswith(DATA_KINDS)]
        if found and found[-1][1].startswith("BLOB"):
            self._end = END_OF_DATA * 2  # that of the last large object, and that of them all
        return [number for number, _what in found]

    def finish(self) -> None:
        """Raise :class:`DatabaseError` unless the archive is whole."""
        if self._expected is None:
            raise DatabaseError(
                "The dump is not a readable archive or was cut at its head: run again and check the runner's memory."
            )
        missing = set(self._expected[1:]) - self._met  # the first one follows the list of contents, not other data
        if missing or (self._expected and not self._tail.endswith(self._end)):
            raise DatabaseError(
                f"The dump ended early although pg_dump reported success ({len(missing)} of {len(self._expected)} tables never began):"
                " run again and check the runner's memory."
            )


def dump_database(
    store: Store, key: str, snapshot: Snapshot, programs: Programs, progress: Progress
) -> tuple[StoredObject, int]:
    """Store a dump of the snapshot under ``key``; returns the object and the size of the archive in bytes.

    Raises :class:`DatabaseError` when ``pg_dump`` fails or its archive is not whole; nothing is left in the store then.
    """
    check = ArchiveCheck(programs.pg_restore)
    compress = Compressor()
    size = 0

    def blocks(source: IO[bytes]) -> Iterator[bytes]:
        nonlocal size
        while block := source.read(BLOCK):
            size += len(block)
            check.feed(block)
            progress.add(read=len(block))
            yield block

    with ObjectWriter(store, key) as writer, ThreadPoolExecutor(WORKERS, thread_name_prefix="dump") as pool:
        with _pg_dump(snapshot, programs.pg_dump) as source:
            for frame in ordered(pool, compress, blocks(source), WINDOW):
                writer.write(frame)
        check.finish()
        return writer.commit(), size


@contextmanager
def _pg_dump(snapshot: Snapshot, pg_dump: str) -> Iterator[IO[bytes]]:
    """The output of ``pg_dump``; raises when it does not end well, and ends it when the reader gives up."""
    command = [
        pg_dump,
        "--format=custom",
        "--compress=0",
        f"--snapshot={snapshot.name}",
        f"--lock-wait-timeout={LOCK_TIMEOUT * 1000}",
        "--no-password",
    ]
    with tempfile.TemporaryFile() as messages:
        process = Program(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=messages,
            env=snapshot.options.environment(),
            pipesize=PIPE_SIZE,
            bufsize=BLOCK,
        )
        source = cast("IO[bytes]", process.stdout)
        try:
            yield source
            code = process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            source.close()
        if code:
            messages.seek(0)
            said = messages.read(1 << 16).decode(errors="replace").strip().split("\n", 1)[0]
            how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
            raise DatabaseError(
                f"pg_dump of the {snapshot.options.describe()} {how}{f' ({said})' if said else ''}: nothing was kept, see the server's log."
            )
