# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server that a dump is restored to: how it is reached, and what stands in the way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.arcodange.erp.plugins.module_utils.addresses import is_loopback
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store, StoreError
from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import StoredObject, decompressed
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import (
    OLDEST_SERVER,
    DatabaseError,
    DatabaseOptions,
    connect,
    explain,
    find_program,
    server_major,
)
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.snapshot import refuse_transaction_pooler
from ansible_collections.arcodange.erp.plugins.module_utils.restore.archive import (
    Contents,
    Entry,
    policy_roles,
    privilege_statements,
    read_contents,
    roles_of,
)
from ansible_collections.arcodange.erp.plugins.module_utils.restore.switch_database import (
    COMPLETE,
    INCOMPLETE,
    LONGEST_NAME,
    Mark,
    is_empty,
)

try:
    import psycopg
except ImportError:
    pass  # the door says which library is missing

if TYPE_CHECKING:
    from psycopg.rows import TupleRow

LARGEST_HEAD = 256 << 20  # bytes among which the list of contents must end
PRIVILEGES = ("ACL", "DEFAULT ACL")


@dataclass(frozen=True)
class TargetOptions:
    """Where a dump is restored to.

    ``admin`` is a role that may create databases, connected to a database it does not restore; ``owner`` the role that
    owns what is restored, the admin itself when it is ``None``. With ``privileges``, what the dump grants is granted.
    """

    admin: DatabaseOptions
    owner: str | None = None
    skip_functions: tuple[str, ...] = ()
    bindir: str | None = None
    jobs: int = 2
    privileges: bool = True


@dataclass(frozen=True)
class Preflight:
    """What stands in the way of a restore, a sentence each, and what could not be found out."""

    problems: tuple[str, ...]
    unknown: tuple[str, ...]


def dump_of(manifest: Manifest) -> StoredObject:
    """The object that holds the dump of a restore point."""
    dumps = manifest.part("database")
    if not dumps:
        raise ErpError(f"The restore point {manifest.id} names no dump: choose another one.")
    return dumps[0]


def major_of(version: str) -> int:
    """The major version in a full one."""
    return int(str(version).split(".", 1)[0])


def pg_restore_for(manifest: Manifest, target: TargetOptions) -> str:
    """The path of a ``pg_restore`` that reads the dump; raises :class:`DatabaseError` when there is none."""
    version = manifest.data["versions"]["pg_dump"]
    try:
        return find_program("pg_restore", major_of(version), target.bindir)[0]
    except DatabaseError as error:
        where = f" in {target.bindir}" if target.bindir else ""
        raise DatabaseError(
            f"The dump of {manifest.id} was made by pg_dump {version} and there is no pg_restore that new{where}:"
            f" install postgresql-client-{major_of(version)} or set pg_bindir."
        ) from error


def read_head(store: Store, manifest: Manifest, pg_restore: str) -> Contents:
    """The list of contents of the dump, reading no more of it than that takes."""
    dump = dump_of(manifest)
    blocks = decompressed(store.stream(dump.key), store.describe(dump.key))
    return head_of(blocks, pg_restore, store.describe(dump.key))[0]


def head_of(blocks: Iterator[bytes], pg_restore: str, address: str) -> tuple[Contents, bytes]:
    """The list of contents at the head of an archive, and what was read of it."""
    head = b""
    for block in blocks:
        head += block
        if contents := read_contents(pg_restore, head):
            return contents, head
        if len(head) > LARGEST_HEAD:
            break
    raise StoreError(
        f"{address} does not begin with a list of contents that {pg_restore} can read: verify it with verify=full."
    )


def check_target(store: Store, manifest: Manifest, target: TargetOptions, name: str) -> Preflight:
    """Find out what stands in the way of restoring into the new database ``name``; changes nothing.

    Raises :class:`DatabaseError` when the server or the dump cannot be looked at at all.
    """
    contents = read_head(store, manifest, pg_restore_for(manifest, target))
    with connect(target.admin, autocommit=True) as connection:
        try:
            refuse_transaction_pooler(connection, target.admin)
            check = _Check(connection, manifest, target, contents)
            check.run(name)
        except psycopg.Error as error:
            raise explain(target.admin, "look at", error) from error
    return Preflight(tuple(check.problems), tuple(check.unknown))


class _Check:
    """The questions of the preflight."""

    def __init__(
        self, connection: psycopg.Connection[TupleRow], manifest: Manifest, target: TargetOptions, contents: Contents
    ) -> None:
        self.connection = connection
        self.manifest = manifest
        self.target = target
        self.contents = contents
        self.problems: list[str] = []
        self.unknown: list[str] = []
        self.server = f"server {target.admin.host}:{target.admin.port}"

    def run(self, name: str) -> None:
        """Ask them all."""
        self._version()
        self._name(name)
        superuser = self._rights()
        self._extensions(superuser)
        self._roles()
        self._space()

    def _ask(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(query.encode(), parameters or None).fetchall()

    def _version(self) -> None:
        major = server_major(self.connection)
        needed = major_of(self.manifest.data["versions"]["postgresql"])
        if major < max(needed, OLDEST_SERVER):
            self.problems.append(
                f"The {self.server} is PostgreSQL {major} and the dump of {self.manifest.id} is of {needed}:"
                f" restore it into version {max(needed, OLDEST_SERVER)} or newer."
            )

    def _name(self, name: str) -> None:
        if len(name.encode()) > LONGEST_NAME:
            self.problems.append(f"The database name {name} has more than {LONGEST_NAME} bytes: choose a shorter one.")
        elif not may_replace(self.connection, self.target.admin, name) and not self._undone(name):
            self.problems.append(f"The database {name} exists already on the {self.server}: drop or rename it.")

    def _undone(self, name: str) -> bool:
        """Whether it is a restored database whose switch was undone: it is put aside before the next restore."""
        rows = self._ask("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", name)
        mark = Mark.parse(rows[0][0])
        return mark is not None and mark.state == COMPLETE

    def _rights(self) -> bool:
        user, owner = self.target.admin.user, self.target.owner
        superuser, creates = self._ask("SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user")[0]
        if not (superuser or creates):
            self.problems.append(
                f"The role {user} may not create databases on the {self.server}: ALTER ROLE {user} CREATEDB, or name another admin."
            )
        if owner is None or superuser and self._ask("SELECT 1 FROM pg_roles WHERE rolname = %s", owner):
            return bool(superuser)
        if not self._ask("SELECT 1 FROM pg_roles WHERE rolname = %s", owner):
            self.problems.append(f"There is no role {owner} on the {self.server} to own the database: create it.")
        else:
            # From 16 on, a member may lack the right to become the role.
            right = "SET" if server_major(self.connection) >= 16 else "MEMBER"
            if not self._ask("SELECT pg_has_role(%s, %s)", owner, right)[0][0]:
                self.problems.append(
                    f"The role {user} is not a member of {owner} on the {self.server}: GRANT {owner} TO {user}."
                )
        return bool(superuser)

    def _extensions(self, superuser: bool) -> None:
        known = dict(
            self._ask(
                "SELECT name, bool_or(trusted OR NOT superuser) FROM pg_available_extension_versions GROUP BY name"
            )
        )
        for entry in self.contents.of_kind("EXTENSION"):
            if entry.name not in known:
                self.problems.append(
                    f"The dump needs the extension {entry.name} and the {self.server} has none: install its package there."
                )
            elif not (superuser or known[entry.name]):
                self.problems.append(
                    f"The dump needs the extension {entry.name}, which only a superuser creates on the {self.server}: name one as admin."
                )

    def _roles(self) -> None:
        for role in missing_roles(self.connection, self.contents, self.target.privileges):
            self.problems.append(
                f"The dump gives rights to the role {role} and the {self.server} has none: create it, or restore without privileges."
            )

    def _space(self) -> None:
        needed = self.manifest.data["database"]["archive_bytes"] * 3 // 2  # rows take more than their text, and indexes
        try:
            free = self._free_bytes()
        except (psycopg.Error, OSError):
            free = None
        if free is None:
            self.unknown.append(
                f"The free space of the {self.server} cannot be seen from here: about {needed >> 20} MiB are needed."
            )
        elif free < needed:
            self.problems.append(
                f"The {self.server} has {free >> 20} MiB free and about {needed >> 20} MiB are needed: free space there."
            )

    def _free_bytes(self) -> int | None:
        """What is free where the server keeps its data, when that is surely a directory of this host."""
        if not (self.target.admin.host.startswith("/") or is_loopback(f"//{self.target.admin.host}")):
            return None
        directory = str(self._ask("SHOW data_directory")[0][0])
        with open(os.path.join(directory, "postmaster.pid"), encoding="utf-8") as file:
            lines = file.read().split("\n")
        # A server in a container may name a directory that this host has too, of another server.
        if lines[3:4] != [str(self._ask("SHOW port")[0][0])]:
            return None
        found = os.statvfs(directory)
        return found.f_bavail * found.f_frsize


def missing_roles(connection: psycopg.Connection[TupleRow], contents: Contents, privileges: bool) -> list[str]:
    """The roles that privileges and policies name and the server does not have."""
    needed = policy_roles(contents.script(contents.of_kind("POLICY")))
    if privileges:
        for statement in privilege_statements(contents.script(granted(contents))):
            needed |= roles_of(statement)
    known = {row[0] for row in connection.execute("SELECT rolname FROM pg_catalog.pg_roles").fetchall()}
    return sorted(needed - known)


def granted(contents: Contents) -> list[Entry]:
    """The entries of privileges inside the database; those of the database itself stay with the place."""
    return [entry for entry in contents.of_kind(*PRIVILEGES) if not entry.name.startswith("DATABASE ")]


def may_replace(connection: psycopg.Connection[TupleRow], admin: DatabaseOptions, name: str) -> bool:
    """Whether no database has the name, or one that a restore made and nobody used, or one with nothing in it."""
    row = connection.execute(
        "SELECT pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database WHERE datname = %s",
        (name,),
    ).fetchone()
    if row is None:
        return True
    mark = Mark.parse(row[0])
    if mark is None:
        return is_empty(admin, name)  # what was killed just after its creation has no mark yet
    return mark.state == INCOMPLETE or (mark.state == COMPLETE and mark.former is None)
