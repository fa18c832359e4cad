# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A dump's archive: its list of contents, the entries to restore, and its rows as COPY takes them.

Only ``pg_restore`` reads the archive. The list stands at its head, so whatever needs no rows needs the head alone.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.programs import run_program

# What an entry may be, as pg_dump names it; those of several words come before those they begin with.
KINDS = tuple(
    sorted(
        (
            *"ACCESS_METHOD ACL AGGREGATE BLOB BLOB_COMMENTS BLOB_METADATA BLOBS CAST CHECK_CONSTRAINT COLLATION COMMENT".split(),
            *"CONSTRAINT CONVERSION DATABASE DATABASE_PROPERTIES DEFAULT DEFAULT_ACL DOMAIN ENCODING EVENT_TRIGGER".split(),
            *"EXTENSION FK_CONSTRAINT FOREIGN_DATA_WRAPPER FOREIGN_SERVER FOREIGN_TABLE FUNCTION INDEX INDEX_ATTACH".split(),
            *"LANGUAGE MATERIALIZED_VIEW MATERIALIZED_VIEW_DATA OPERATOR OPERATOR_CLASS OPERATOR_FAMILY POLICY".split(),
            *"PROCEDURAL_LANGUAGE PROCEDURE PUBLICATION PUBLICATION_TABLE PUBLICATION_TABLES_IN_SCHEMA ROW_SECURITY".split(),
            *"RULE SCHEMA SEARCHPATH SECURITY_LABEL SEQUENCE SEQUENCE_OWNED_BY SEQUENCE_SET SERVER SHELL_TYPE".split(),
            *"STATISTICS STATISTICS_DATA STDSTRINGS SUBSCRIPTION SUBSCRIPTION_TABLE TABLE TABLE_ATTACH TABLE_DATA".split(),
            *"TEXT_SEARCH_CONFIGURATION TEXT_SEARCH_DICTIONARY TEXT_SEARCH_PARSER TEXT_SEARCH_TEMPLATE TRANSFORM".split(),
            *"TRIGGER TYPE USER_MAPPING VIEW".split(),
        ),
        key=len,
        reverse=True,
    )
)
LINE = re.compile(
    rf"^(?P<number>\d+); \d+ \d+ (?P<kind>{'|'.join(kind.replace('_', ' ') for kind in KINDS)}) (?P<rest>.*)$"
)
NEEDS = re.compile(r"^;\s+depends on: ([\d ]+)$")
# What belongs to the server, is made by CREATE DATABASE, or says how the archive itself is read.
OF_THE_DATABASE = frozenset({"DATABASE", "DATABASE PROPERTIES", "ENCODING", "STDSTRINGS", "SEARCHPATH"})
ROUTINES = ("FUNCTION", "PROCEDURE", "AGGREGATE")
# Statements about privileges, as pg_dump writes them: each on a line of its own.
PRIVILEGES = ("GRANT ", "REVOKE ", "ALTER DEFAULT PRIVILEGES ", "SET SESSION AUTHORIZATION ", "RESET SESSION ")
ROLE = r'(?P<role>"(?:[^"]|"")+"|[\w$]+)'
ROLES = (
    re.compile(r"^(?:ALTER DEFAULT PRIVILEGES .*?)?GRANT .* TO " + ROLE + r"(?: WITH GRANT OPTION)?"),
    re.compile(r"^(?:ALTER DEFAULT PRIVILEGES .*?)?REVOKE .* FROM " + ROLE),
    re.compile(r"^ALTER DEFAULT PRIVILEGES FOR ROLE " + ROLE),
    re.compile(r"^SET SESSION AUTHORIZATION " + ROLE),
)
POLICY_ROLES = re.compile(r"^CREATE POLICY .*? TO (.+?)(?: USING \(| WITH CHECK \(|;)", re.MULTILINE)
COPY_BEGINS = b"\nCOPY "
COPY_READS = b" FROM stdin;\n"
COPY_ENDS = b"\n\\.\n"
ROWS = 256 << 10  # bytes of rows handed over at once


class CutShort(ErpError):
    """The archive ends among the rows of a table."""


@dataclass(frozen=True)
class Entry:
    """One line of the list of contents. ``needs`` are the numbers of the entries that must be restored before it."""

    number: int
    kind: str
    schema: str
    name: str
    line: str
    needs: tuple[int, ...] = ()

    def describe(self) -> str:
        """The entry as a person names it."""
        return f"{self.kind.lower()} {'' if self.schema == '-' else self.schema + '.'}{self.name}"


@dataclass(frozen=True)
class Contents:
    """The list of contents of an archive, and the bytes of the archive's head that hold it."""

    pg_restore: str
    head: bytes = field(repr=False)
    entries: tuple[Entry, ...]
    before_data: frozenset[int]
    after_data: frozenset[int]

    def of_kind(self, *kinds: str) -> list[Entry]:
        """The entries of these kinds, in the order of the archive."""
        return [entry for entry in self.entries if entry.kind in kinds]

    def script(self, entries: Sequence[Entry], *options: str) -> str:
        """The SQL of entries that carry no rows, as ``pg_restore`` writes it; nothing for no entries."""
        if not entries:
            return ""
        with list_file(entries) as path:
            command = [self.pg_restore, *options, f"--use-list={path}", "--file=-"]
            done = run_program(command, input=self.head, capture_output=True, check=False)
        return str(done.stdout.decode(errors="replace"))


def parse_list(text: str) -> tuple[Entry, ...]:
    """The entries of what ``pg_restore --list --verbose`` prints."""
    entries: list[Entry] = []
    for line in text.split("\n"):
        if found := LINE.match(line):
            named = found["rest"].rpartition(" ")[0]  # the last word is the owner
            schema, _space, name = named.partition(" ")
            entries.append(Entry(int(found["number"]), found["kind"], schema, name, line))
        elif entries and (needs := NEEDS.match(line)):
            entries[-1] = replace(entries[-1], needs=tuple(int(number) for number in needs[1].split()))
    return tuple(entries)


def read_contents(pg_restore: str, head: bytes) -> Contents | None:
    """The list of contents at the head of an archive; ``None`` while ``head`` does not hold all of it."""

    def listed(*options: str) -> str | None:
        done = run_program([pg_restore, "--list", *options], input=head, capture_output=True, check=False)
        return done.stdout.decode(errors="replace") if done.returncode == 0 else None

    everything = listed("--verbose")
    if everything is None:
        return None
    before, after = (
        frozenset(entry.number for entry in parse_list(listed(f"--section={section}") or ""))
        for section in ("pre-data", "post-data")
    )
    return Contents(pg_restore, head, parse_list(everything), before, after)


@contextmanager
def list_file(entries: Iterable[Entry]) -> Iterator[str]:
    """The path of a file for ``pg_restore --use-list`` with these entries, gone afterwards."""
    with tempfile.NamedTemporaryFile("w", prefix="erp-restore-", suffix=".list", encoding="utf-8") as file:
        file.writelines(f"{entry.line}\n" for entry in entries)
        file.flush()
        yield file.name


def skipped_by(names: Collection[str]) -> Callable[[Entry], bool]:
    """Tells the entries of functions that are left out, with their comments and privileges.

    A name may carry its schema, its arguments, both or neither: ``user_lookup``, ``pgbouncer.user_lookup(text)``.
    """
    wanted = frozenset(names)

    def skipped(entry: Entry) -> bool:
        kind, name = entry.kind, entry.name
        if kind in ("ACL", "COMMENT", "SECURITY LABEL"):
            kind, _space, name = name.partition(" ")
        if kind not in ROUTINES:
            return False
        bare = name.partition("(")[0]
        return not wanted.isdisjoint((name, bare, f"{entry.schema}.{name}", f"{entry.schema}.{bare}"))

    return skipped


def privilege_statements(script: str) -> list[str]:
    """The statements of a script that give or take privileges."""
    return [line for line in script.split("\n") if line.startswith(PRIVILEGES)]


def roles_of(statement: str) -> set[str]:
    """The roles that a statement about privileges needs."""
    found = {match["role"] for pattern in ROLES if (match := pattern.match(statement))}
    return {_unquoted(role) for role in found if role != "PUBLIC"}


def policy_roles(script: str) -> set[str]:
    """The roles that the row security policies of a script name."""
    named = [role.strip() for roles in POLICY_ROLES.findall(script) for role in roles.split(",")]
    return {_unquoted(role) for role in named if role.upper() not in ("PUBLIC", "CURRENT_USER", "SESSION_USER")}


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def copies(blocks: Iterable[bytes], size: int = ROWS) -> Iterator[tuple[bytes, bytes]]:
    """The rows in a script of ``pg_restore``: the COPY statement they belong to and whole lines, some ``size`` bytes.

    Each table begins with no rows, so that those without any are met too.

    The text format of COPY writes a line break inside a value as two characters, so a line break ends a row and
    ``\\.`` alone on a line ends the rows. Raises :class:`CutShort` when the script ends among them.
    """
    statement: bytes | None = None
    text = b"\n"  # always begins with the line break before the next line
    for block in _gathered(blocks, size):
        text += block
        while True:
            if statement is None:
                start = text.find(COPY_BEGINS)
                end = text.find(COPY_READS, start) if start >= 0 else -1
                if end < 0:
                    text = text[start:] if start >= 0 else text[1 - len(COPY_BEGINS) :]
                    break
                end += len(COPY_READS) - 1
                statement, text = text[start + 1 : end], text[end:]
                yield statement, b""
            end = text.find(COPY_ENDS)
            rows = end if end >= 0 else text.rfind(b"\n")
            if rows > 0:
                yield statement, text[1 : rows + 1]
            if end < 0:
                text = text[max(0, rows) :]
                break
            statement, text = None, text[end + len(COPY_ENDS) - 1 :]
    if statement is not None:
        raise CutShort(
            f"The dump ends among the rows of a table ({statement.decode(errors='replace')}): verify it with verify=full."
        )


def _gathered(blocks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in blocks of at least ``size``, but for the last."""
    waiting: list[bytes] = []
    length = 0
    for block in blocks:
        waiting.append(block)
        length += len(block)
        if length >= size:
            yield b"".join(waiting)
            waiting, length = [], 0
    yield b"".join(waiting)


def complaints(stderr: bytes) -> list[str]:
    """What ``pg_restore`` complained about, without the statements and rows that it quotes."""
    lines = stderr.decode(errors="replace").split("\n")
    return [line.partition(": error: ")[2] for line in lines if line.startswith("pg_restore: error: ")]
