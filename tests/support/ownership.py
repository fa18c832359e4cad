# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles that come and go as HashiCorp Vault makes them, and one object of every kind for them to own."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
from psycopg import sql

from ansible_collections.arcodange.erp.plugins.module_utils.postgres.ownership import Rules
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.ownership_run import (
    OwnershipOptions,
    Reassigned,
    run_reassign,
)
from tests.support.databases import Cluster, Database
from tests.support.restores import options

_NUMBERS = itertools.count(1)
PASSWORD = "planted-vault+password-91e4"


@dataclasses.dataclass
class House:
    """A database whose owner role cannot log in, as a provisioner leaves it, and the users whom Vault lets into it."""

    cluster: Cluster
    admin: Database
    owner: str
    roles: list[str] = dataclasses.field(default_factory=list)

    @classmethod
    def build(cls, cluster: Cluster) -> House:
        number = next(_NUMBERS)
        name, owner = f"house_{number}", f"house_{number}_role"
        with cluster.admin.connect() as connection:
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(owner)))
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
                    sql.Identifier(name), sql.Identifier(owner)
                )
            )
        house = cls(cluster, cluster.as_superuser(name), owner)
        house.provision()
        return house

    def provision(self) -> None:
        """What the provisioner leaves: the function that PgBouncer asks for passwords."""
        self.admin.execute("CREATE SCHEMA pgbouncer")
        self.admin.execute(
            "CREATE FUNCTION pgbouncer.user_lookup(text, OUT text, OUT text) RETURNS record LANGUAGE sql SECURITY DEFINER"
            " AS 'SELECT usename::text, passwd FROM pg_shadow WHERE usename = $1'"
        )
        if self._major() < 15:
            self.admin.execute(f'GRANT CREATE ON SCHEMA public TO "{self.owner}"')

    def _major(self) -> int:
        return int(self.admin.execute("SHOW server_version_num")[0][0]) // 10000

    @functools.cached_property
    def session(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Vault's own connection."""
        return self.admin.connect()

    def demolish(self) -> None:
        self.session.close()
        self.cluster.drop(self.admin.name)
        with self.cluster.admin.connect() as connection:
            for role in [*self.roles, self.owner]:
                connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))

    def user(self, name: str | None = None) -> Database:
        """Vault's creation statements."""
        role = name or f"v-kubernetes-{self.admin.name}-{next(_NUMBERS)}"
        self.session.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} VALID UNTIL '2099-01-01'").format(
                sql.Identifier(role), sql.Literal(PASSWORD)
            )
        )
        self.session.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(self.owner), sql.Identifier(role)))
        self.roles.append(role)
        return dataclasses.replace(self.admin, user=role, password=PASSWORD)

    def expire(self, role: str) -> None:
        """What happens when nobody revokes: the role stays and cannot log in."""
        name = sql.Identifier(role)
        self.session.execute(sql.SQL("ALTER ROLE {} NOLOGIN VALID UNTIL '2001-01-01'").format(name))

    def revoke(self, role: str) -> None:
        """Vault's revocation statements."""
        name, owner = sql.Identifier(role), sql.Identifier(self.owner)
        self.session.execute(sql.SQL("REVOKE {} FROM {}").format(owner, name))
        self.session.execute(sql.SQL("DROP ROLE {}").format(name))
        self.roles.remove(role)

    def options(self, user: Database | None = None, **changes: Any) -> OwnershipOptions:
        """The options of a run; those that are not rules go to the run itself."""
        own = {field.name for field in dataclasses.fields(OwnershipOptions)}
        rules = Rules(self.owner, **{name: value for name, value in changes.items() if name not in own})
        others = {name: value for name, value in changes.items() if name in own}
        return OwnershipOptions(options(user or self.admin), rules, **others)

    def run(self, user: Database | None = None, check: bool = False, **changes: Any) -> Reassigned:
        """Run the code under test, as the superuser unless told otherwise."""
        return run_reassign(self.options(user, **changes), check)

    def foreign(self) -> list[tuple[str, str]]:
        """What pg_shdepend says that roles other than the owner own here, and whose it is."""
        return list(
            self.admin.execute(
                "SELECT pg_describe_object(classid, objid, 0), r.rolname FROM pg_shdepend JOIN pg_roles r ON r.oid = refobjid"
                " WHERE deptype = 'o' AND refclassid = 'pg_authid'::regclass"
                " AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
                f" AND r.rolname <> '{self.owner}' ORDER BY 1"
            )
        )

    def tables(self) -> list[str]:
        return [
            row[0]
            for row in self.admin.execute(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
                " WHERE schemaname NOT LIKE 'pg\\_%' AND schemaname <> 'information_schema' ORDER BY 1"
            )
        ]


@contextlib.contextmanager
def house_on(cluster: Cluster) -> Iterator[House]:
    """A house that is gone afterwards."""
    house = House.build(cluster)
    try:
        yield house
    finally:
        house.demolish()


Make = Callable[[psycopg.Connection[tuple[Any, ...]], str, str], None]


def _as_role(statements: str) -> Make:
    """Statements that the role runs itself; ``$`` is a name to build others from."""

    def make(connection: psycopg.Connection[tuple[Any, ...]], role: str, name: str) -> None:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        _run(connection, statements, name)
        connection.execute("RESET ROLE")

    return make


def _given(statements: str, what: str) -> Make:
    """Statements that only a superuser runs, who gives the thing to the role."""

    def make(connection: psycopg.Connection[tuple[Any, ...]], role: str, name: str) -> None:
        _run(connection, statements, name)
        # As long as it is a superuser the role may own anything.
        connection.execute(sql.SQL("ALTER ROLE {} SUPERUSER").format(sql.Identifier(role)))
        target = sql.Identifier(role).as_string(None)
        connection.execute(f"ALTER {_named(what, name)} OWNER TO {target}".encode())
        connection.execute(sql.SQL("ALTER ROLE {} NOSUPERUSER").format(sql.Identifier(role)))

    return make


def _run(connection: psycopg.Connection[tuple[Any, ...]], statements: str, name: str) -> None:
    for statement in _named(statements, name).split(";;"):
        connection.execute(statement.encode())


def _named(text: str, name: str) -> str:
    """Put the name in: ``$a`` becomes the quoted name with the suffix ``a``."""
    for suffix in "abcd":
        text = text.replace(f"${suffix}", '"' + (name + suffix).replace('"', '""') + '"')
    return text


# One of each kind that can have an owner, in the schema public unless it has none.
KINDS: dict[str, Make] = {
    "table": _as_role("CREATE TABLE public.$a (id serial PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, label text)"),
    "partitioned": _as_role(
        "CREATE TABLE public.$a (id int) PARTITION BY LIST (id);; CREATE TABLE public.$b PARTITION OF public.$a FOR VALUES IN (1)"
    ),
    "view": _as_role("CREATE VIEW public.$a AS SELECT 1 AS one"),
    "materialized": _as_role("CREATE MATERIALIZED VIEW public.$a AS SELECT 1 AS one;; CREATE INDEX ON public.$a (one)"),
    "sequence": _as_role("CREATE SEQUENCE public.$a"),
    "function": _as_role("CREATE FUNCTION public.$a(int, OUT text) LANGUAGE sql AS 'SELECT ''x'''"),
    "procedure": _as_role("CREATE PROCEDURE public.$a(int, INOUT text) LANGUAGE sql AS 'SELECT ''x'''"),
    "aggregate": _as_role("CREATE AGGREGATE public.$a(*) (sfunc = int8inc, stype = int8, initcond = '0')"),
    "variadic": _as_role(
        "CREATE FUNCTION public.$a(VARIADIC int[]) RETURNS int LANGUAGE sql AS 'SELECT 1';;"
        " CREATE AGGREGATE public.$b(float8 ORDER BY int) (sfunc = array_append, stype = int[])"
    ),
    "enum": _as_role("CREATE TYPE public.$a AS ENUM ('one');; CREATE DOMAIN public.$b AS int CHECK (VALUE > 0)"),
    "composite": _as_role("CREATE TYPE public.$a AS (n int)"),
    "range": _as_role("CREATE TYPE public.$a AS RANGE (subtype = float8)"),
    "operator": _as_role(
        "CREATE FUNCTION public.$a(int, text) RETURNS bool LANGUAGE sql AS 'SELECT true';;"
        " CREATE FUNCTION public.$b(int) RETURNS bool LANGUAGE sql AS 'SELECT true';;"
        " CREATE SCHEMA $c;;"
        " CREATE OPERATOR $c.<%> (leftarg = int, rightarg = text, function = public.$a);;"
        " CREATE OPERATOR $c.@@! (rightarg = int, function = public.$b)"
    ),
    "operator class": _given(
        "CREATE OPERATOR FAMILY public.$a USING btree;;"
        " CREATE OPERATOR CLASS public.$b FOR TYPE int USING btree FAMILY public.$a AS OPERATOR 1 <, FUNCTION 1 btint4cmp(int, int)",
        "OPERATOR CLASS public.$b USING btree",
    ),
    "operator family": _given("CREATE OPERATOR FAMILY public.$a USING hash", "OPERATOR FAMILY public.$a USING hash"),
    "collation": _as_role("CREATE COLLATION public.$a (locale = 'C')"),
    "conversion": _as_role("CREATE CONVERSION public.$a FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8"),
    "statistics": _as_role(
        "CREATE TABLE public.$a (x int, y int);; CREATE STATISTICS public.$b ON x, y FROM public.$a"
    ),
    "text search": _as_role(
        "CREATE TEXT SEARCH DICTIONARY public.$a (TEMPLATE = simple);; CREATE TEXT SEARCH CONFIGURATION public.$b (COPY = simple)"
    ),
    "schema": _as_role("CREATE SCHEMA $a;; CREATE TABLE $a.$b (id serial)"),
    "large object": _as_role("SELECT lo_create(0)"),
    "foreign": _given(
        "CREATE FOREIGN DATA WRAPPER $a;; CREATE SERVER $b FOREIGN DATA WRAPPER $a;;"
        " GRANT USAGE ON FOREIGN SERVER $b TO PUBLIC;; CREATE FOREIGN TABLE public.$c (x int) SERVER $b",
        "SERVER $b",
    ),
    "publication": _as_role("CREATE PUBLICATION $a"),
    "language": _given("CREATE LANGUAGE $a HANDLER plpgsql_call_handler", "LANGUAGE $a"),
}


def make_object(connection: psycopg.Connection[tuple[Any, ...]], kind: str, role: str, name: str) -> None:
    """Make an object, which may bring others along, that belongs to a role."""
    KINDS[kind](connection, role, name)
