# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Row counts and content digests of every table: equal content, equal digest, whatever the order of rows or the settings.

The digest of a row is PostgreSQL's 64 bit hash of the row, hashed once more as text; that of a table is their sum
modulo 2^64. The second hash is what keeps it honest: row hashes are linear in the hashes of the columns, so without it
two values exchanged between two rows would leave the sum as it was. Both hashes are stable between servers because
hash-partitioned tables rely on them. Types for which equal does not mean identical are hashed as text, the text of a row of that one value:
unlike a cast it keeps the blanks at the end of ``char``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import one_row
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.snapshot import Snapshot

try:
    from psycopg import sql
except ImportError:
    pass  # the door says which library is missing

if TYPE_CHECKING:
    from psycopg.rows import DictRow  # noqa: F401

ALGORITHM = "rowhash64-1"
# Types whose own hash tells apart everything that their text tells apart.
EXACT_TYPES = frozenset(
    "bool bytea char date int2 int4 int8 name oid text time timestamp timestamptz uuid varchar".split()
)
TABLES = """
SELECT n.nspname, c.relname, c.oid::bigint,
       array_agg(a.attname ORDER BY a.attnum) FILTER (WHERE a.attname IS NOT NULL),
       array_agg(CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname::text ELSE '' END ORDER BY a.attnum)
           FILTER (WHERE a.attname IS NOT NULL),
       array_agg(a.atttypmod ORDER BY a.attnum) FILTER (WHERE a.attname IS NOT NULL),
       array_agg(coalesce(l.collisdeterministic, true) ORDER BY a.attnum) FILTER (WHERE a.attname IS NOT NULL),
       bool_or(c.relpersistence = 'u' AND pg_is_in_recovery())
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
LEFT JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_temp\\_%'
  AND n.nspname NOT LIKE 'pg\\_toast%' AND c.relpersistence <> 't'
GROUP BY 1, 2, 3
ORDER BY 1, 2
"""
# Everything a dump says about the shape of the database, names instead of object numbers.
SCHEMA = (
    "SELECT c.oid::regclass::text, c.relkind::text, coalesce(pg_get_viewdef(CASE WHEN c.relkind IN ('v', 'm') THEN c.oid END), '')"
    " FROM pg_class c WHERE c.relnamespace IN ({spaces}) AND c.relkind IN ('r', 'v', 'm', 'S', 'p', 'f')",
    "SELECT a.attrelid::regclass::text, a.attnum::int, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,"
    " coalesce(pg_get_expr(d.adbin, d.adrelid), '') FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
    " LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
    " WHERE c.relnamespace IN ({spaces}) AND c.relkind IN ('r', 'p', 'f', 'c') AND a.attnum > 0 AND NOT a.attisdropped",
    "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indexrelid"
    " WHERE c.relnamespace IN ({spaces})",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace IN ({spaces})",
    "SELECT tgrelid::regclass::text, pg_get_triggerdef(t.oid), tgenabled::text FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid"
    " WHERE c.relnamespace IN ({spaces}) AND NOT tgisinternal",
    "SELECT p.oid::regprocedure::text, coalesce(pg_get_functiondef(CASE WHEN p.prokind IN ('f', 'p') THEN p.oid END), '')"
    " FROM pg_proc p WHERE p.pronamespace IN ({spaces})",
    "SELECT t.oid::regtype::text, t.typtype::text, format_type(t.typbasetype, t.typtypmod), t.typnotnull, coalesce(t.typdefault, '')"
    " FROM pg_type t WHERE t.typnamespace IN ({spaces}) AND t.typtype IN ('d', 'e', 'r', 'm')",
    "SELECT enumtypid::regtype::text, enumsortorder, enumlabel FROM pg_enum JOIN pg_type t ON t.oid = enumtypid"
    " WHERE t.typnamespace IN ({spaces})",
    "SELECT seqrelid::regclass::text, seqtypid::regtype::text, seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle"
    " FROM pg_sequence JOIN pg_class c ON c.oid = seqrelid WHERE c.relnamespace IN ({spaces})",
    "SELECT oid::regnamespace::text FROM pg_namespace WHERE oid IN ({spaces})",
    "SELECT extname, extversion FROM pg_extension",
    "SELECT oid::text FROM pg_largeobject_metadata",
)
SPACES = "SELECT oid FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'"


@dataclass(frozen=True)
class TableDigest:
    """Exact number of rows of a table and the digest of their content, 16 hexadecimal digits."""

    rows: int
    digest: str

    def to_json(self) -> list[Any]:
        """The short form used in manifests."""
        return [self.rows, self.digest]


@dataclass(frozen=True)
class Table:
    """A table and how each of its columns is hashed.

    Of one that is ``absent`` a read replica has no rows: those of an unlogged table never leave the primary.
    """

    schema: str
    name: str
    columns: tuple[tuple[str, str, int, bool], ...]
    absent: bool = False

    @property
    def full_name(self) -> str:
        """``schema.name``, as manifests write it."""
        return f"{_told_apart(self.schema)}.{_told_apart(self.name)}"


def _told_apart(name: str) -> str:
    """A name in quotes when its own dot could be taken for the one between schema and table."""
    return f'"{name}"' if "." in name else name


def list_tables(snapshot: Snapshot) -> tuple[Table, ...]:
    """Every table that holds rows, in order of name."""
    rows = snapshot.connection.execute(TABLES).fetchall()
    return tuple(
        Table(
            schema,
            name,
            tuple(zip(names or (), types or (), modifiers or (), deterministic or (), strict=True)),
            absent,
        )
        for schema, name, _oid, names, types, modifiers, deterministic, absent in rows
    )


def digest_query(table: Table) -> sql.Composed:
    """The statement that counts and digests a table."""
    columns = [_hashable(*column) for column in table.columns]
    return sql.SQL(
        "SELECT count(*), sum(hashtextextended(hash_record_extended(ROW({}), 0)::text, 0)) FROM ONLY {}"
    ).format(sql.SQL(", ").join(columns), sql.Identifier(table.schema, table.name))


def _hashable(name: str, kind: str, modifier: int, deterministic: bool) -> sql.Composed:
    column = sql.SQL("{}").format(sql.Identifier(name))
    # A numeric of declared scale has one text for each value; without one, 1.0 and 1.00 are equal and differ.
    if deterministic and (kind in EXACT_TYPES or (kind == "numeric" and modifier >= 0)):
        return column
    return sql.SQL('ROW({})::text COLLATE "C"').format(column)


def digest_tables(snapshot: Snapshot, tables: tuple[Table, ...]) -> dict[str, TableDigest]:
    """Count and digest every table in the snapshot; keys are ``schema.name``."""
    digests = {}
    for table in tables:
        # pg_dump leaves out what a replica does not have, so after a restore the table is empty too.
        row = (0, 0) if table.absent else one_row(snapshot.connection, digest_query(table))
        digests[table.full_name] = TableDigest(row[0], f"{int(row[1] or 0) % (1 << 64):016x}")
    return digests


def has_large_objects(snapshot: Snapshot) -> bool:
    """Whether the database holds large objects, of which no digest tells a change of content."""
    return bool(one_row(snapshot.connection, "SELECT EXISTS (SELECT FROM pg_largeobject_metadata)")[0])


def digest_schema(snapshot: Snapshot) -> str:
    """SHA-256 of the definitions of tables, columns, indexes, constraints, triggers, functions, views and extensions."""
    parts = []
    for query in SCHEMA:
        rows = snapshot.connection.execute(query.format(spaces=SPACES).encode()).fetchall()
        parts.append(sorted(list(row) for row in rows))
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def durable_change(before: Mapping[str, Any], after: Mapping[str, Any], volatile: frozenset[str]) -> list[str]:
    """The tables whose content differs between two manifests' ``tables``, volatile ones left out, in order of name."""
    names = sorted(set(before) | set(after))
    return [name for name in names if name.partition(".")[2] not in volatile and before.get(name) != after.get(name)]
