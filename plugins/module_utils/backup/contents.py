# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which contents are stored already, and where: known by SHA-256, whatever the name of the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import FILE, Entry


@dataclass(frozen=True, slots=True)
class Place:
    """Where a content lies: ``frame`` counts frames in the archive being written, bytes in an older one."""

    archive: str
    frame: int
    offset: int
    member: bytes


class KnownContents:
    """A table from SHA-256 to place that spills to an unnamed temporary file, so that memory stays flat.

    After each statement the thread waits for its turn among the others, so contents are handled many at a time.
    """

    def __init__(self) -> None:
        # An empty name is SQLite's own temporary database, gone with the process however it ends.
        self._table = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._table.execute("PRAGMA journal_mode=OFF")
        self._table.execute("PRAGMA synchronous=OFF")
        self._table.execute(
            "CREATE TABLE content (sha256 BLOB PRIMARY KEY, archive, frame, offset, member) WITHOUT ROWID"
        )
        self._table.execute("BEGIN")

    def close(self) -> None:
        """Drop the table."""
        self._table.close()

    def load(self, entries: Iterable[Entry]) -> None:
        """Add the contents that an earlier index refers to."""
        self._table.executemany(
            "INSERT OR IGNORE INTO content VALUES (?, ?, ?, ?, ?)",
            (
                (bytes.fromhex(entry.sha256), entry.archive, entry.frame, entry.offset, entry.member or entry.path)
                for entry in entries
                if entry.kind == FILE
            ),
        )

    def find(self, contents: Collection[bytes]) -> dict[bytes, Place]:
        """Where those of the contents lie that are stored."""
        marks = ", ".join("?" * len(contents))
        rows = self._table.execute(f"SELECT * FROM content WHERE sha256 IN ({marks})", tuple(contents))
        return {sha256: Place(*place) for sha256, *place in rows}

    def add(self, places: Mapping[bytes, Place]) -> None:
        """Remember where contents that were not known are being stored."""
        if places:
            marks = ", ".join(["(?, ?, ?, ?, ?)"] * len(places))
            rows = [(sha256, at.archive, at.frame, at.offset, at.member) for sha256, at in places.items()]
            self._table.execute(f"INSERT INTO content VALUES {marks}", [value for row in rows for value in row])
