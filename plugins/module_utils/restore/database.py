# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The database half of a restore: a dump streamed into a new database.

The dump is read once and never lies on a disk. ``pg_restore`` makes what needs no rows from the head of the archive and
turns the rest into rows, which several sessions load side by side, also those of one large table. Indexes and keys
follow in parallel, then whatever refers to them.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store, StoreError
from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import Hashed, decompressed
from ansible_collections.arcodange.erp.plugins.module_utils.errors import Refused
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import (
    DatabaseError,
    DatabaseOptions,
    connect,
    explain,
    one_row,
)
from ansible_collections.arcodange.erp.plugins.module_utils.programs import run_program
from ansible_collections.arcodange.erp.plugins.module_utils.restore.archive import (
    OF_THE_DATABASE,
    Contents,
    CutShort,
    Entry,
    complaints,
    copies,
    list_file,
    privilege_statements,
    roles_of,
    skipped_by,
)
from ansible_collections.arcodange.erp.plugins.module_utils.restore.comparison import (
    DatabaseDifference,
    compare_database,
)
from ansible_collections.arcodange.erp.plugins.module_utils.restore.rows import (
    Feed,
    Follower,
    Loader,
    blocks_of,
    piped,
)
from ansible_collections.arcodange.erp.plugins.module_utils.restore.switch_database import (
    INCOMPLETE,
    lock_instance,
    new_mark,
    set_comment,
)
from ansible_collections.arcodange.erp.plugins.module_utils.restore.target import (
    PRIVILEGES,
    Preflight,
    TargetOptions,
    check_target,
    dump_of,
    granted,
    head_of,
    may_replace,
    missing_roles,
    pg_restore_for,
)

try:
    import psycopg
    from psycopg import sql
    from psycopg.conninfo import make_conninfo
except ImportError:
    pass  # the door says which library is missing

if TYPE_CHECKING:
    from psycopg.rows import TupleRow

__all__ = [
    "DatabaseDifference",
    "Preflight",
    "RestoredDatabase",
    "TargetOptions",
    "check_target",
    "compare_database",
    "restore_database",
]

MESSAGES = 20  # complaints that are kept
# Only a superuser makes these, so they are made by the admin and not as the owner.
ADMIN_FIRST = frozenset({"EXTENSION", "FOREIGN DATA WRAPPER", "PROCEDURAL LANGUAGE", "ACCESS METHOD"})
ADMIN_LAST = frozenset(
    {"EVENT TRIGGER", "PUBLICATION", "PUBLICATION TABLE", "PUBLICATION TABLES IN SCHEMA", "SUBSCRIPTION"}
)
LARGE_OBJECTS = frozenset({"BLOB", "BLOB METADATA", "BLOBS"})
INDEXES = frozenset({"INDEX", "CONSTRAINT"})
CREATE = re.compile(r"^CREATE DATABASE .*? WITH TEMPLATE = template0(?P<options>.*);$", re.MULTILINE)
OPTION = re.compile(
    r" (ENCODING|LOCALE_PROVIDER|LOCALE|LC_COLLATE|LC_CTYPE|ICU_LOCALE|ICU_RULES|BUILTIN_LOCALE) = (?:'((?:[^']|'')*)'|(\w+))"
)
ENCODING = re.compile(r"^SET client_encoding = '(\w+)';$", re.MULTILINE)
# Losing the last commits in a crash loses a database that is not complete yet.
PGOPTIONS = "-c synchronous_commit=off"


@dataclass(frozen=True)
class RestoredDatabase:
    """A database as ``pg_restore`` left it: only a comparison says whether it is what the restore point holds."""

    name: str
    archive_bytes: int
    skipped: tuple[str, ...]
    roles_missing: tuple[str, ...]
    messages: tuple[str, ...]
    contents: Contents = field(repr=False)
    durations: Mapping[str, float] = field(default_factory=dict)

    def to_facts(self) -> dict[str, Any]:
        """The JSON form used in results."""
        return {
            "name": self.name,
            "archive_bytes": self.archive_bytes,
            "skipped": list(self.skipped),
            "roles_missing": list(self.roles_missing),
            "messages": list(self.messages),
            "durations": dict(self.durations),
        }


def restore_database(
    store: Store, manifest: Manifest, target: TargetOptions, name: str, progress: Progress
) -> RestoredDatabase:
    """Restore the dump of a restore point into the new database ``name``.

    What an interrupted restore left there is dropped first. Raises :class:`ErpError`, with nothing of the new database
    left, when the dump is not the one that the manifest names or the server fails. That ``pg_restore`` complained is no
    such failure and that it did not is no success: compare the database before anything relies on it.
    """
    pg_restore = pg_restore_for(manifest, target)
    with _admin(target.admin) as connection, lock_instance(connection, target.admin, name):
        restore = _Restore(connection, store, manifest, target, name, progress)
        return restore.run(pg_restore)


@contextmanager
def _admin(admin: DatabaseOptions) -> Iterator[psycopg.Connection[TupleRow]]:
    with connect(admin, autocommit=True) as connection:
        try:
            yield connection
        except psycopg.Error as error:
            raise explain(admin, "restore a database by way of", error) from error


class _Restore:
    """One dump on its way into one new database."""

    def __init__(
        self,
        connection: psycopg.Connection[TupleRow],
        store: Store,
        manifest: Manifest,
        target: TargetOptions,
        name: str,
        progress: Progress,
    ) -> None:
        self.connection = connection
        self.store = store
        self.manifest = manifest
        self.target = target
        self.options = replace(target.admin, name=name)
        self.progress = progress
        self.dump = dump_of(manifest)
        self.address = store.describe(self.dump.key)
        self.messages: list[str] = []
        self.durations: dict[str, float] = {}

    def run(self, pg_restore: str) -> RestoredDatabase:
        """Create, fill, and drop again what did not get filled."""
        self.progress.phase("database: list of contents")
        source = Hashed(self.store.stream(self.dump.key))
        blocks = decompressed(source, self.address)
        contents, head = head_of(blocks, pg_restore, self.address)
        self._create(contents)
        try:
            return self._fill(contents, Feed(chain((head,), blocks), self.progress), source)
        except BaseException:
            self._drop()
            raise

    def _create(self, contents: Contents) -> None:
        name = self.options.name
        if not may_replace(self.connection, self.target.admin, name):
            raise Refused(f"The {self.options.describe()} exists already: drop or rename it, nothing was changed.")
        self._drop()
        options: list[sql.Composable] = [sql.SQL("TEMPLATE template0")]
        script = contents.script(contents.of_kind("DATABASE"), "--create")
        made = CREATE.search(script)
        for option, text, word in OPTION.findall(made["options"]) if made else ():
            if option != "LOCALE_PROVIDER" or word != "libc":  # the default, and servers before 15 know no other
                value = sql.SQL(word) if word else sql.Literal(text.replace("''", "'"))
                options.append(sql.SQL("{} {}").format(sql.SQL(option), value))
        if self.target.owner is not None:
            options.append(sql.SQL("OWNER {}").format(sql.Identifier(self.target.owner)))
        create = sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), sql.SQL(" ").join(options))
        try:
            self.connection.execute(create)
        except psycopg.errors.InsufficientPrivilege as error:
            raise DatabaseError(
                f"The role {self.options.user} may not create the {self.options.describe()} ({error.diag.message_primary}):"
                f" grant it CREATEDB and membership of the owner role."
            ) from error
        except psycopg.Error as error:
            raise DatabaseError(
                f"Cannot create the {self.options.describe()}: {error.diag.message_primary}: give the server the locale and the roles of the dump."
            ) from error
        set_comment(self.connection, name, new_mark(INCOMPLETE, self.manifest.id).to_comment())

    def _drop(self) -> None:
        """Drop the new database, whoever is still connected."""
        with suppress(psycopg.Error):
            statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.options.name))
            self.connection.execute(statement)

    def _fill(self, contents: Contents, feed: Feed, source: Hashed) -> RestoredDatabase:
        skipped = skipped_by(self.target.skip_functions)
        without = OF_THE_DATABASE | set(PRIVILEGES)
        entries = [entry for entry in contents.entries if entry.kind not in without and not skipped(entry)]
        before = [
            entry for entry in entries if entry.number in contents.before_data and entry.kind not in LARGE_OBJECTS
        ]
        rows = [entry for entry in entries if entry.kind == "TABLE DATA"]
        large = [entry for entry in entries if entry.kind in LARGE_OBJECTS]
        done = {entry.number for entry in (*before, *rows, *large)}
        after = [entry for entry in entries if entry.number not in done]
        pending = {entry.number for entry in after}
        early = [entry for entry in after if entry.kind in INDEXES and pending.isdisjoint(entry.needs)]
        with self._step("definitions"):
            self._definitions(contents, before)
        with self._step("rows"):
            self._rows_and_indexes(contents, rows, large, early, feed, source)
        with self._step("rest"):
            made = {entry.number for entry in early}
            missing = self._rest(contents, [entry for entry in after if entry.number not in made])
        left_out = tuple(entry.describe() for entry in contents.entries if skipped(entry))
        return RestoredDatabase(
            self.options.name, feed.size, left_out, missing, tuple(self.messages), contents, self.durations
        )

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        self.progress.phase(f"database: {what}")
        started = time.monotonic()
        yield
        self.durations[what] = round(time.monotonic() - started, 3)

    def _keep(self, messages: Iterable[str]) -> None:
        self.messages += list(messages)[: MESSAGES - len(self.messages)]

    def _command(self, contents: Contents, path: str, as_owner: bool = True) -> list[str]:
        role = [f"--role={self.target.owner}"] if as_owner and self.target.owner is not None else []
        database = make_conninfo(dbname=self.options.name)
        return [contents.pg_restore, "--no-owner", "--no-password", *role, f"--use-list={path}", f"--dbname={database}"]

    def _environment(self) -> dict[str, str]:
        return {**self.options.environment(), "PGOPTIONS": PGOPTIONS, "LC_ALL": "C"}

    def _restore(self, contents: Contents, entries: Sequence[Entry], as_owner: bool = True) -> None:
        """Let ``pg_restore`` make entries that carry no rows."""
        if entries:
            with list_file(entries) as path:
                command = self._command(contents, path, as_owner)
                made = run_program(command, input=contents.head, capture_output=True, env=self._environment())
            self._keep(complaints(made.stderr))

    def _definitions(self, contents: Contents, entries: list[Entry]) -> None:
        """Everything that stands before the rows."""
        # Every database has that schema, and its owner is not the dump's to say.
        wanted = [entry for entry in entries if not (entry.kind == "SCHEMA" and entry.name == "public")]
        admin = [entry for entry in wanted if entry.kind in ADMIN_FIRST or entry.name.startswith("EXTENSION ")]
        schemas = [entry for entry in wanted if entry.kind == "SCHEMA"] if admin else []
        made = {entry.number for entry in (*admin, *schemas)}
        self._restore(contents, schemas)
        self._restore(contents, admin, as_owner=False)
        self._restore(contents, [entry for entry in wanted if entry.number not in made])

    def _rows_and_indexes(
        self,
        contents: Contents,
        rows: list[Entry],
        large: list[Entry],
        indexes: list[Entry],
        feed: Feed,
        source: Hashed,
    ) -> None:
        """Load all rows and make the indexes and keys: those of the first tables while the rows of the others come."""
        tables = {entry.number for entry in contents.of_kind("TABLE")}
        of_table: dict[int, list[Entry]] = defaultdict(list)
        for entry in indexes:
            of_table[next((number for number in entry.needs if number in tables), -1)].append(entry)
        # The rows of a table need the table alone.
        loaded = [next((number for number in entry.needs if number in tables), -2) for entry in rows]

        def follow(finished: list[int]) -> None:
            self._restore(contents, [entry for number in finished for entry in of_table[loaded[number]]])

        follower = Follower(follow)
        with ThreadPoolExecutor(1, thread_name_prefix="indexes") as pool:
            following = pool.submit(follower.run)
            try:
                self._rows(contents, rows, large, feed, source, follower.add)
            finally:
                follower.close()
            taken = {loaded[number] for number in follower.taken}
            self._indexes(contents, {table: made for table, made in of_table.items() if table not in taken})
            following.result()

    def _rows(
        self,
        contents: Contents,
        rows: list[Entry],
        large: list[Entry],
        feed: Feed,
        source: Hashed,
        finished: Callable[[int], None],
    ) -> None:
        """Load the rows of all tables and the large objects while the dump is read, and prove that it is the dump."""
        found = ENCODING.search(contents.script(contents.of_kind("DATABASE"), "--create"))
        encoding = found[1] if found else "UTF8"
        loader = Loader(self.options, encoding, self._loading_role(), self.target.jobs, finished)
        with ExitStack() as stack:
            path = stack.enter_context(list_file(rows))
            command = [contents.pg_restore, f"--use-list={path}", "--file=-"]
            programs = [stack.enter_context(piped(command, self._environment(), read=True))]
            if large:
                command = self._command(contents, stack.enter_context(list_file(large)))
                programs.append(stack.enter_context(piped(command, self._environment())))
            pool = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="dump"))
            feeding = pool.submit(feed.run, [program.stdin for program in programs])
            try:
                loader.run(copies(blocks_of(programs[0].stdout)))
            except CutShort as error:
                self._keep([str(error)])  # and if the object is damaged, that is what to tell
            except BaseException:
                feed.stop()
                for program in programs:
                    program.kill()
                raise
            feeding.result()
            self._check_object(source)
            for program in programs:
                self._keep(complaints(program.finish()))
        self._keep(loader.messages)

    def _loading_role(self) -> str | None:
        """The owner, unless the admin may write everywhere: rows of extensions' tables are not the owner's."""
        row = one_row(self.connection, "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user")
        return None if row[0] else self.target.owner

    def _check_object(self, source: Hashed) -> None:
        if (source.size, source.sha256) != (self.dump.size, self.dump.sha256):
            raise StoreError(
                f"{self.address} is not the dump that the manifest of {self.manifest.id} names:"
                " verify the restore points with verify=full and choose another one.",
                key=self.dump.key,
            )

    def _indexes(self, contents: Contents, of_table: Mapping[int, list[Entry]]) -> None:
        """Make the indexes and keys of tables, several at a time."""
        sizes = self.manifest.data["database"]["tables"]
        names = {entry.number: f"{entry.schema}.{entry.name}" for entry in contents.of_kind("TABLE")}
        rows = {table: int(sizes.get(names.get(table, ""), (0,))[0]) for table in of_table}
        # A key shuts everybody else out of its table, so those of a table follow each other and all come first.
        keys = [(rows[table], [one for one in made if one.kind != "INDEX"]) for table, made in of_table.items()]
        self._side_by_side(contents, keys)
        others = [(rows[table], [one]) for table, made in of_table.items() for one in made if one.kind == "INDEX"]
        self._side_by_side(contents, others)

    def _side_by_side(self, contents: Contents, groups: list[tuple[int, list[Entry]]]) -> None:
        """Make groups of entries, as many at a time as there are jobs; each job gets about as many rows to read."""
        shares: list[list[Entry]] = [[] for _number in range(self.target.jobs)]
        loads = [0] * self.target.jobs
        for rows, group in sorted(groups, key=lambda item: -item[0]):
            lightest = loads.index(min(loads))
            shares[lightest] += group
            loads[lightest] += (rows + 1) * len(group)
        with ThreadPoolExecutor(self.target.jobs, thread_name_prefix="indexes") as pool:
            for _done in pool.map(lambda share: self._restore(contents, share), shares):
                pass

    def _rest(self, contents: Contents, entries: list[Entry]) -> tuple[str, ...]:
        """Whatever refers to rows and keys; returns the roles that the server lacks."""
        views = [entry for entry in entries if entry.kind == "MATERIALIZED VIEW DATA"]
        admin = [entry for entry in entries if entry.kind in ADMIN_LAST]
        last = {entry.number for entry in (*views, *admin)}
        self._restore(contents, [entry for entry in entries if entry.number not in last])
        with connect(self.options, autocommit=True) as connection:
            missing = missing_roles(connection, contents, self.target.privileges)
            if self.target.privileges:
                self._grant(connection, contents, set(missing))
            self._restore(contents, views)
            self._restore(contents, admin, as_owner=False)
            # The server gathers statistics by itself within a minute or two, while the rows are compared.
            if one_row(connection, "SHOW autovacuum")[0] == "off":
                connection.execute("ANALYZE")
        return tuple(missing)

    def _grant(self, connection: psycopg.Connection[TupleRow], contents: Contents, missing: set[str]) -> None:
        """Give the privileges of the dump; those of roles that are not there would fail and are left out."""
        skipped = skipped_by(self.target.skip_functions)
        entries = [entry for entry in granted(contents) if not skipped(entry)]
        for statement in privilege_statements(contents.script(entries)):
            if missing.isdisjoint(roles_of(statement)):
                try:
                    connection.execute(statement.encode())
                except psycopg.Error as error:
                    self._keep([f"{statement} {error.diag.message_primary}"])
