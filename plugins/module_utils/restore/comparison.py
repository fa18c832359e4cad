# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database compared with the manifest of the restore point it was restored from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup.figures import read_figures
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import DatabaseOptions, find_program
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.digests import (
    ALGORITHM,
    digest_schema,
    digest_tables,
    list_tables,
)
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.snapshot import Snapshot, open_snapshot
from ansible_collections.arcodange.erp.plugins.module_utils.programs import run_program
from ansible_collections.arcodange.erp.plugins.module_utils.restore.archive import (
    OF_THE_DATABASE,
    Contents,
    Entry,
    read_contents,
    skipped_by,
)
from ansible_collections.arcodange.erp.plugins.module_utils.restore.target import PRIVILEGES, TargetOptions, major_of

SETVAL = re.compile(r"^SELECT pg_catalog\.setval\('((?:[^']|'')+)', (-?\d+), (true|false)\);$", re.MULTILINE)
# Entries that a dump of definitions alone does not have, or that other versions name otherwise.
NOT_DEFINED = (
    OF_THE_DATABASE
    | set(PRIVILEGES)
    | set(
        "BLOB|BLOBS|BLOB METADATA|TABLE DATA|SEQUENCE SET|MATERIALIZED VIEW DATA|STATISTICS DATA|COMMENT|SECURITY LABEL".split(
            "|"
        )
    )
)


@dataclass(frozen=True)
class DatabaseDifference:
    """One thing that is not as the manifest says; ``what`` is ``table``, ``schema``, ``sequence`` or ``figure``."""

    what: str
    name: str
    expected: Any
    found: Any

    def describe(self) -> str:
        """The difference as a sentence without its full stop."""
        if self.found is None:
            return f"{self.what} {self.name} is missing"
        if self.expected is None:
            return f"{self.what} {self.name} is not in the restore point"
        return f"{self.what} {self.name} is {self.found} instead of {self.expected}"


def compare_database(
    options: DatabaseOptions,
    manifest: Manifest,
    contents: Contents | None = None,
    target: TargetOptions | None = None,
) -> list[DatabaseDifference]:
    """Everything in which a database is not what the manifest says, read in one snapshot; nothing when it is equal.

    ``contents`` is the list of contents of the dump, known where it was just restored. With it the sequences are compared
    too, and definitions that PostgreSQL writes differently after a restore are told from definitions that are not there.
    """
    expected = manifest.data["database"]
    if expected["digest_algorithm"] != ALGORITHM:
        raise ErpError(
            f"The digests of {manifest.id} are made by {expected['digest_algorithm']}, which is not known here: update the collection."
        )
    with open_snapshot(options, None) as snapshot:
        found = {name: digest.to_json() for name, digest in digest_tables(snapshot, list_tables(snapshot)).items()}
        differences = list(_tables(expected["tables"], found))
        differences += _figures(manifest.data["business"], read_figures(snapshot))
        if contents is not None:
            differences += _sequences(contents, snapshot)
        same_major = snapshot.major == major_of(manifest.data["versions"]["postgresql"])
        schema = digest_schema(snapshot) if same_major else None
    if schema != expected["schema_digest"]:
        if contents is not None:
            differences += _definitions(contents, options, target or TargetOptions(options), snapshot.major)
        elif schema is not None:
            differences.append(DatabaseDifference("schema", "digest", expected["schema_digest"], schema))
    return differences


def _tables(expected: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[DatabaseDifference]:
    for name in sorted(expected.keys() | found.keys()):
        before, after = expected.get(name), found.get(name)
        if before != after:
            yield DatabaseDifference("table", name, before and list(before), after)


def _figures(expected: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[DatabaseDifference]:
    before, after = dict(_flat(expected)), dict(_flat(found))
    for name in sorted(before.keys() | after.keys()):
        if name == "llx_tables":
            if after[name] < before.get(name, 0):
                yield DatabaseDifference("figure", name, before[name], after[name])
        elif before.get(name) != after.get(name):
            yield DatabaseDifference("figure", name, before.get(name), after.get(name))


def _flat(figures: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _sequences(contents: Contents, snapshot: Snapshot) -> Iterator[DatabaseDifference]:
    """The sequences, whose values are in no table: what the dump sets them to and what they are."""
    entries = contents.of_kind("SEQUENCE SET")
    values = SETVAL.findall(contents.script(entries))
    if len(values) != len(entries):
        yield DatabaseDifference("number of sequences", "that pg_restore reads", len(entries), len(values))
    for quoted, value, called in values:
        name = quoted.replace("''", "'")
        expected = [int(value), called == "true"]
        row = snapshot.connection.execute("SELECT to_regclass(%s)::text", (name,)).fetchone()
        if row is None or row[0] is None:
            yield DatabaseDifference("sequence", name, expected, None)
            continue
        # The name is as PostgreSQL quotes it.
        state = snapshot.connection.execute(f"SELECT last_value, is_called FROM {row[0]}".encode()).fetchone()
        if state is None or list(state) != expected:
            yield DatabaseDifference("sequence", name, expected, state and list(state))


def _definitions(
    contents: Contents, options: DatabaseOptions, target: TargetOptions, major: int
) -> Iterator[DatabaseDifference]:
    """What the dump defines and the database does not have.

    Their text may differ although all is well: PostgreSQL writes some expressions otherwise once it has read them back,
    and forgets the places of columns that were dropped.
    """
    pg_dump, _version = find_program("pg_dump", major, target.bindir)
    pg_restore, _version = find_program("pg_restore", major, target.bindir)
    command = [pg_dump, "--format=custom", "--compress=0", "--schema-only", "--no-password"]
    dumped = run_program(command, capture_output=True, check=False, env=options.environment())
    found = read_contents(pg_restore, dumped.stdout) if dumped.returncode == 0 else None
    if found is None:
        raise ErpError(f"Cannot read the definitions of the {options.describe()} with {pg_dump}: run it by hand.")
    skipped = skipped_by(target.skip_functions)
    there = {_identity(entry) for entry in found.entries}
    for entry in contents.entries:
        public = entry.kind == "SCHEMA" and entry.name == "public"
        if entry.kind not in NOT_DEFINED and not public and not skipped(entry) and _identity(entry) not in there:
            yield DatabaseDifference("schema", entry.describe(), "there", None)


def _identity(entry: Entry) -> tuple[str, str, str]:
    return entry.kind, entry.schema, entry.name
