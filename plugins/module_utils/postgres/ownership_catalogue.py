# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who owns what in a database, read from PostgreSQL's catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import one_row
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.ownership import Owned

if TYPE_CHECKING:
    import psycopg
    from psycopg.rows import TupleRow

FIRST_OF_A_USER = 16384  # what initdb makes has lower numbers

# Row types, arrays and indexes are not listed: they have no owner of their own. The first part asks each catalogue, because
# pg_shdepend does not list what superusers own; the second asks pg_shdepend for what the first does not know.
OBJECTS = f"""
WITH known(catalogue, number, owner, space, name, of_catalogue, of_number) AS (
    SELECT 'pg_class'::regclass::oid, c.oid, relowner, relnamespace, relname::text, 'pg_class'::regclass::oid,
        CASE WHEN relkind = 'S' THEN (
            SELECT d.refobjid FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i') LIMIT 1) END
        FROM pg_class c WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    UNION ALL SELECT 'pg_type'::regclass, t.oid, typowner, typnamespace, typname, 'pg_type'::regclass,
        -- From 17 on, a multirange has the owner of its range.
        (SELECT r.rngtypid FROM pg_range r
            WHERE r.rngmultitypid = t.oid AND current_setting('server_version_num')::int >= 170000)
        FROM pg_type t LEFT JOIN pg_class c ON c.oid = typrelid
        WHERE (typrelid = 0 OR c.relkind = 'c') AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
    UNION ALL SELECT 'pg_proc'::regclass, p.oid, proowner, pronamespace, proname, NULL, NULL
        FROM pg_proc p WHERE NOT EXISTS (
            SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
    UNION ALL SELECT 'pg_operator'::regclass, oid, oprowner, oprnamespace, oprname, NULL, NULL FROM pg_operator
    UNION ALL SELECT 'pg_opfamily'::regclass, oid, opfowner, opfnamespace, opfname, NULL, NULL FROM pg_opfamily
    UNION ALL SELECT 'pg_opclass'::regclass, oid, opcowner, opcnamespace, opcname, NULL, NULL FROM pg_opclass
    UNION ALL SELECT 'pg_collation'::regclass, oid, collowner, collnamespace, collname, NULL, NULL FROM pg_collation
    UNION ALL SELECT 'pg_conversion'::regclass, oid, conowner, connamespace, conname, NULL, NULL FROM pg_conversion
    UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, stxowner, stxnamespace, stxname, NULL, NULL FROM pg_statistic_ext
    UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictowner, dictnamespace, dictname, NULL, NULL FROM pg_ts_dict
    UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgowner, cfgnamespace, cfgname, NULL, NULL FROM pg_ts_config
    UNION ALL SELECT 'pg_namespace'::regclass, oid, nspowner, 0, nspname, NULL, NULL FROM pg_namespace
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
    UNION ALL SELECT 'pg_language'::regclass, oid, lanowner, 0, lanname, NULL, NULL FROM pg_language
    UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid, fdwowner, 0, fdwname, NULL, NULL FROM pg_foreign_data_wrapper
    UNION ALL SELECT 'pg_foreign_server'::regclass, oid, srvowner, 0, srvname, NULL, NULL FROM pg_foreign_server
    UNION ALL SELECT 'pg_largeobject'::regclass, oid, lomowner, 0, oid::text, NULL, NULL FROM pg_largeobject_metadata
    UNION ALL SELECT 'pg_event_trigger'::regclass, oid, evtowner, 0, evtname, NULL, NULL FROM pg_event_trigger
    UNION ALL SELECT 'pg_publication'::regclass, oid, pubowner, 0, pubname, NULL, NULL FROM pg_publication
    UNION ALL SELECT 'pg_subscription'::regclass, oid, subowner, 0, subname, NULL, NULL FROM pg_subscription
        WHERE subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    UNION ALL SELECT 'pg_extension'::regclass, oid, extowner, 0, extname, NULL, NULL FROM pg_extension
    UNION ALL SELECT 'pg_database'::regclass, oid, datdba, 0, datname, NULL, NULL FROM pg_database
    UNION ALL SELECT 'pg_tablespace'::regclass, oid, spcowner, 0, spcname, NULL, NULL FROM pg_tablespace
), owned AS (
    SELECT * FROM known
    UNION ALL SELECT s.classid, s.objid, s.refobjid, 0, '', NULL, NULL FROM pg_shdepend s
        WHERE s.deptype = 'o' AND s.refclassid = 'pg_authid'::regclass
            AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
            -- These end with their role, and have no other owner to go to.
            AND s.classid NOT IN ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass)
            AND NOT EXISTS (SELECT FROM known k WHERE k.catalogue = s.classid AND k.number = s.objid)
)
SELECT o.catalogue, o.number, i.type, i.identity, coalesce(nullif(o.name, ''), i.identity), pg_get_userbyid(o.owner),
    coalesce(n.nspname, i.schema), pg_get_userbyid(n.nspowner), o.of_catalogue, o.of_number, e.extname
FROM owned o
CROSS JOIN LATERAL pg_identify_object(o.catalogue, o.number, 0) i
LEFT JOIN pg_namespace n ON n.oid = o.space
LEFT JOIN pg_depend d ON d.classid = o.catalogue AND d.objid = o.number AND d.objsubid = 0 AND d.deptype = 'e'
LEFT JOIN pg_extension e ON e.oid = d.refobjid
WHERE (o.number >= {FIRST_OF_A_USER} OR o.owner >= {FIRST_OF_A_USER}) AND i.identity IS NOT NULL
    AND (n.nspname IS NULL OR n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')
ORDER BY i.type, i.identity
"""


@dataclass(frozen=True)
class Inventory:
    """Everything in a database that a user made or owns, and who is a superuser."""

    database: str
    items: tuple[Owned, ...]
    superusers: frozenset[str]


def read_inventory(connection: psycopg.Connection[TupleRow]) -> Inventory:
    """Read the catalogue. The session's search_path is empty, so every name that comes back carries its schema."""
    superusers = connection.execute("SELECT rolname FROM pg_roles WHERE rolsuper").fetchall()
    items = [
        Owned(
            key=(catalogue, number),
            kind=kind,
            identity=identity,
            name=name,
            owner=owner,
            schema=schema,
            schema_owner=schema_owner if schema else None,
            follows=None if leader is None else (leading, leader),
            extension=extension,
        )
        for catalogue, number, kind, identity, name, owner, schema, schema_owner, leading, leader, extension in (
            connection.execute(OBJECTS.encode()).fetchall()
        )
    ]
    return Inventory(
        one_row(connection, "SELECT current_database()")[0], tuple(items), frozenset(row[0] for row in superusers)
    )
