# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an index says, found fit to be restored, in a table that spills to an unnamed file, so that memory stays flat."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import (
    DIRECTORY,
    FILE,
    HARDLINK,
    SYMLINK,
    Entry,
    read_index,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store
from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import StoredObject
from ansible_collections.arcodange.erp.plugins.module_utils.restore.paths import PathError, checked

COLUMNS = "path, mode, uid, gid, mtime_ns, target, size, sha256, archive, frame, offset"


def read_entries(store: Store, index: StoredObject) -> Iterator[Entry]:
    """The entries of an index. Raises :class:`PathError` at the first that cannot be restored."""
    address = store.describe(index.key)
    try:
        yield from checked(read_index(store, index), address)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PathError(
            f"{address} has a line that is no entry ({type(error).__name__}: {error}): choose another restore point."
        ) from error


class Thing(NamedTuple):
    """One thing to make; the fields are those of an entry of the index."""

    path: bytes
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    target: bytes
    size: int
    sha256: str
    archive: str
    frame: int
    offset: int


class Selection:
    """The things to make, in the order of the index or in the order in which archives hold them."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        # An empty name is SQLite's own temporary database, gone with the process however it ends.
        self._table = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._table.execute("PRAGMA journal_mode=OFF")
        self._table.execute("PRAGMA synchronous=OFF")
        self._table.execute(f"CREATE TABLE thing (number INTEGER PRIMARY KEY, kind, {COLUMNS})")
        self._table.execute("BEGIN")
        self._table.executemany(
            f"INSERT INTO thing (kind, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    entry.kind,
                    entry.path,
                    entry.mode,
                    entry.uid,
                    entry.gid,
                    entry.mtime_ns,
                    entry.target,
                    entry.size,
                    entry.sha256,
                    entry.archive,
                    entry.frame,
                    entry.offset,
                )
                for entry in entries
            ),
        )

    def close(self) -> None:
        """Drop the table."""
        self._table.close()

    def _things(self, what: str, *values: object) -> Iterator[Thing]:
        return map(Thing._make, self._table.execute(f"SELECT {COLUMNS} FROM thing WHERE {what}", values))

    def directories(self, deepest_first: bool = False) -> Iterator[Thing]:
        """Every directory, before what it holds or after it."""
        return self._things(f"kind = ? ORDER BY number {'DESC' if deepest_first else 'ASC'}", DIRECTORY)

    def empty_files(self) -> Iterator[Thing]:
        """Every file without content, which needs no archive."""
        return self._things("kind = ? AND size = 0", FILE)

    def files(self) -> Iterator[Thing]:
        """Every file with content, in the order in which the archives hold them."""
        return self._things("kind = ? AND size > 0 ORDER BY archive, frame, offset, size, sha256", FILE)

    def hard_links(self) -> Iterator[Thing]:
        """Every further name of a file."""
        return self._things("kind = ?", HARDLINK)

    def symbolic_links(self) -> Iterator[Thing]:
        """Every symbolic link."""
        return self._things("kind = ?", SYMLINK)

    def archives(self) -> list[str]:
        """The keys of the archives that files refer to."""
        rows = self._table.execute("SELECT DISTINCT archive FROM thing WHERE kind = ? ORDER BY archive", (FILE,))
        return [archive for (archive,) in rows]

    def lost_targets(self) -> set[bytes]:
        """What hard links point to that is no file here."""
        rows = self._table.execute(
            "SELECT DISTINCT link.target FROM thing AS link LEFT JOIN thing AS file"
            " ON file.path = link.target AND file.kind = ? WHERE link.kind = ? AND file.path IS NULL",
            (FILE, HARDLINK),
        )
        return {target for (target,) in rows}

    def adopt(self, file: Entry) -> None:
        """Make a file of the first of the hard links to one that is not wanted itself, and have the others point to it."""
        linked = "FROM thing WHERE kind = ? AND target = ?"
        ((number, path),) = self._table.execute(
            f"SELECT number, path {linked} ORDER BY number LIMIT 1", (HARDLINK, file.path)
        )
        self._table.execute(
            "UPDATE thing SET kind = ?, target = x'', size = ?, sha256 = ?, archive = ?, frame = ?, offset = ?"
            " WHERE number = ?",
            (FILE, file.size, file.sha256, file.archive, file.frame, file.offset, number),
        )
        self._table.execute("UPDATE thing SET target = ? WHERE kind = ? AND target = ?", (path, HARDLINK, file.path))

    def held_by(self, archive: str, near: int = 0) -> tuple[bytes, int]:
        """A file whose content an archive holds, the one that begins nearest to a byte, and how many there are."""
        held = "FROM thing WHERE kind = ? AND archive = ?"
        ((count,),) = self._table.execute(f"SELECT count(*) {held}", (FILE, archive))
        row = self._table.execute(
            f"SELECT path {held} ORDER BY size = 0, abs(frame - ?), offset LIMIT 1", (FILE, archive, near)
        ).fetchone()
        return (row[0] if row else b""), count
