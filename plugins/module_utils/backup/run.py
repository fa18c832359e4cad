# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One backup run: from the snapshot of the database to the manifest that commits the restore point."""

from __future__ import annotations

import hashlib
import hmac
import os
import platform
import sqlite3
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup import documents, evidence
from ansible_collections.arcodange.erp.plugins.module_utils.backup.catalogue import (
    Catalogue,
    newest_manifest,
    read_catalogue,
    read_damage,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.documents import DocumentsOptions, Tally
from ansible_collections.arcodange.erp.plugins.module_utils.backup.figures import read_figures
from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import read_index
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import (
    FORMAT,
    FORMAT_VERSION,
    encode,
    manifest_key,
    restore_point_id,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store, StoreError, StoreOptions
from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import StoredObject
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import (
    DatabaseError,
    DatabaseOptions,
    find_program,
)
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.digests import (
    ALGORITHM,
    digest_schema,
    digest_tables,
    durable_change,
    has_large_objects,
    list_tables,
)
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.dump import Programs, dump_database
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.snapshot import Snapshot, open_snapshot
from ansible_collections.arcodange.erp.plugins.module_utils.version import COLLECTION_VERSION

# Tables that change without anything having happened: settings, log-ins, sessions, the clock of scheduled jobs.
VOLATILE_TABLES = frozenset({"llx_const", "llx_user", "llx_session", "llx_cronjob"})
MOST_SKEW = timedelta(minutes=15)  # what S3 lets its clients be off by


@dataclass(frozen=True)
class BackupOptions:
    """One run of ``erp_backup``; ``full_interval`` says after how long an unchanged database is dumped anew."""

    store: StoreOptions
    database: DatabaseOptions
    documents: DocumentsOptions
    instance_id: str
    environment: str
    full_interval: timedelta
    bindir: str | None = None
    unique_id: str | None = field(default=None, repr=False)
    progress_file: str | None = None


@dataclass(frozen=True)
class BackupResult:
    """What a run did: the manifest's document, the objects it stored, and the diff against the newest restore point."""

    manifest: Mapping[str, Any]
    stored: tuple[StoredObject, ...]
    diff: dict[str, Any]
    warnings: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether anything but a manifest was stored."""
        return bool(self.stored)

    def to_facts(self) -> dict[str, Any]:
        """The result of the module, diff and warnings left out."""
        summary = {name: section for name, section in self.manifest.items() if name != "skipped"}
        if "database" in summary:
            summary["database"] = {name: value for name, value in summary["database"].items() if name != "tables"}
        return {
            "changed": self.changed,
            "outcome": "done" if self.changed else "unchanged",
            "restore_point": self.manifest["id"],
            "summary": summary,
            "stored": [item.to_json() for item in self.stored],
            "bytes_stored": sum(item.size for item in self.stored),
            "skipped_documents": self.manifest["skipped"],
        }


@dataclass(frozen=True)
class _State:
    """What the tables and their definitions are in the snapshot."""

    tables: dict[str, list[Any]]
    schema: str


class _SameSecond(Exception):
    """A restore point of this second exists already."""


def run_backup(options: BackupOptions, check_mode: bool = False) -> BackupResult:
    """Make one restore point, or say what it would store. Raises an ``ErpError`` with nothing half-written left."""
    if not options.instance_id:
        raise ErpError("The option instance_id is empty: name the instance whose restore points these are.")
    documents.check_documents(options.documents)
    store = Store(options.store)
    store.check_bucket()
    lock = None if check_mode else store.describe()
    with Progress(options.progress_file) as progress:
        while True:
            try:
                with open_snapshot(options.database, lock) as snapshot:
                    run = _Run(options, store, snapshot, progress)
                    return run.preview() if check_mode else run.run()
            except _SameSecond:
                time.sleep(1)
            except (OSError, sqlite3.Error) as error:
                raise ErpError(
                    f"This host cannot go on ({error}): check its disk space and its temporary directory and run again."
                ) from error


class _Run:
    """One run inside one snapshot."""

    def __init__(self, options: BackupOptions, store: Store, snapshot: Snapshot, progress: Progress) -> None:
        self.options = options
        self.store = store
        self.snapshot = snapshot
        self.progress = progress
        self.id = restore_point_id(snapshot.instant)
        self.stored: list[StoredObject] = []
        self.warnings: list[str] = []
        self.durations: dict[str, float] = {}
        pg_dump, version = find_program("pg_dump", snapshot.major, options.bindir)
        pg_restore, _version = find_program("pg_restore", snapshot.major, options.bindir)
        self.programs = Programs(pg_dump, pg_restore, version)
        self._check_clock()
        catalogue = read_catalogue(store)
        if self.id in catalogue.ids:
            raise _SameSecond
        self.previous = newest_manifest(store, catalogue, options.instance_id)
        if self.previous is not None and self.previous.instant >= snapshot.instant:
            self.warnings.append(
                f"The database server's clock is behind the restore point {self.previous.id}: set its clock, nothing is pruned until then."
            )
        self.usable = self._usable_objects(catalogue)

    def _check_clock(self) -> None:
        """Refuse an instant that retention would never count, or that would leave the series out of order for good."""
        if self.store.clock_offset is None:
            return
        stores = datetime.now(UTC) + timedelta(seconds=self.store.clock_offset)
        if abs(self.snapshot.instant - stores) > MOST_SKEW:
            raise Refused(
                f"The clock of the database server says {self.snapshot.instant.isoformat(' ', 'seconds')} and the store's"
                f" {stores.isoformat(' ', 'seconds')}: set the wrong one right (NTP) and run again."
            )

    def _usable_objects(self, catalogue: Catalogue) -> dict[str, StoredObject]:
        """The objects of the newest restore point that are still there, whole as far as anyone knows."""
        if self.previous is None:
            return {}
        sizes = {item.key: item.size for prefix in ("db/", "docs/") for item in self.store.list(prefix)}
        damaged = read_damage(self.store, catalogue, self.previous.id)
        usable = {}
        for item in self.previous.objects:
            if sizes.get(item.key) == item.size and item.key not in damaged:
                usable[item.key] = item
            else:
                self.warnings.append(
                    f"{self.store.describe(item.key)} is missing or damaged: what it held is stored anew,"
                    " but older restore points that need it cannot be restored whole."
                )
        return usable

    # The database half

    def _state(self) -> _State:
        tables = list_tables(self.snapshot)
        digests = digest_tables(self.snapshot, tables)
        return _State({name: digest.to_json() for name, digest in digests.items()}, digest_schema(self.snapshot))

    def _dump_due(self) -> bool:
        """Whether a dump is needed whatever the tables hold: none that can be used, too old, or more than tables in it."""
        if self.previous is None or self._part("database") not in self.usable or has_large_objects(self.snapshot):
            return True
        database = self.previous.data["database"]
        return (
            self.snapshot.instant - datetime.fromisoformat(database["dumped"]) >= self.options.full_interval
            or database["digest_algorithm"] != ALGORITHM
            or self.previous.data["versions"]["postgresql"].split(".")[0] != str(self.snapshot.major)
        )

    def _part(self, part: str) -> str:
        """The key of the object that holds a part of the newest restore point."""
        return next((item["key"] for item in self._before.get("objects", ()) if item["part"] == part), "")

    @property
    def _before(self) -> Mapping[str, Any]:
        """The manifest of the newest restore point, empty when there is none."""
        return {} if self.previous is None else self.previous.data

    def _unchanged(self, state: _State) -> bool:
        database = self._before.get("database", {})
        changed = durable_change(database.get("tables", {}), state.tables, VOLATILE_TABLES)
        return not changed and state.schema == database.get("schema_digest")

    def _database(self) -> tuple[dict[str, Any], dict[str, Any], StoredObject | None, _State]:
        """The manifest's sections ``database`` and ``business``, and the dump unless the last one still serves."""
        self.progress.phase("database")
        if self._dump_due():
            with ThreadPoolExecutor(1, thread_name_prefix="digests") as pool:
                coming = pool.submit(self._state)
                try:
                    dump, size = self._dump()
                except DatabaseError:
                    coming.result()  # what failed here has taken the snapshot from pg_dump, and is what to tell
                    raise
                state = coming.result()
        else:
            state = self._state()
            if self._unchanged(state):
                return dict(self._before["database"]), dict(self._before["business"]), None, state
            dump, size = self._dump()
        section = {
            "name": self.options.database.name,
            "dumped": self.snapshot.instant.isoformat(timespec="microseconds"),
            "archive_bytes": size,
            "tables_total": len(state.tables),
            "rows": sum(rows for rows, _digest in state.tables.values()),
            "tables": state.tables,
            "schema_digest": state.schema,
            "digest_algorithm": ALGORITHM,
        }
        return section, read_figures(self.snapshot), dump, state

    def _dump(self) -> tuple[StoredObject, int]:
        dump, size = dump_database(self.store, f"db/{self.id}.dump.zst", self.snapshot, self.programs, self.progress)
        self.stored.append(dump)
        return dump, size

    # The documents half

    def _previous_index(self) -> StoredObject | None:
        return None if self.previous is None else self.usable.get(self._part("index"))

    def _documents_options(self, expected: list[evidence.Expected]) -> DocumentsOptions:
        return replace(self.options.documents, wanted=evidence.wanted_paths(expected), usable=frozenset(self.usable))

    def _warn_of_nothing(self, tally: Tally) -> None:
        """A volume that is not mounted looks like a directory from which everything was deleted."""
        before = self._before.get("documents", {}).get("files", 0)
        if before and not tally.files:
            self.warnings.append(
                f"The documents directory {self.options.documents.path} holds no file any more, the restore point"
                f" {self._before['id']} has {before}: check that its volume is mounted."
            )

    # Together

    def run(self) -> BackupResult:
        """Store both halves, prove them, commit."""
        self._abort_unfinished_uploads()
        try:
            started = time.monotonic()
            database, business, dump, state = self._database()
            expected = evidence.read_expected(self.snapshot)
            self.durations["database_seconds"] = round(time.monotonic() - started, 3)
            started = time.monotonic()
            self.progress.phase("documents")
            result = documents.back_up_documents(
                self.store, self.id, self._documents_options(expected), self._previous_index(), self.progress
            )
            self.stored += [item for item in (result.index, result.archive) if item]
            self._warn_of_nothing(result.tally)
            self.durations["documents_seconds"] = round(time.monotonic() - started, 3)
            self.progress.phase("commit")
            document = self._document(database, business, dump, expected, result)
            self.snapshot.check_alive()
        except BaseException:
            self._discard()
            raise
        # From here on the manifest may be there even when its answer is lost, so nothing it names is taken back.
        if not self.store.put_once(manifest_key(self.id), encode(document)) and self.options.store.conditional_writes:
            self.warnings.append(
                "The store ignores conditional writes: two runs of the same second could overwrite each other."
            )
        return BackupResult(document, tuple(self.stored), self._diff(state, result.tally), tuple(self.warnings))

    def _abort_unfinished_uploads(self) -> None:
        try:
            self.store.abort_uploads(("db/", "docs/"))  # the lock is ours, so whoever began them is gone
        except StoreError as error:
            self.warnings.append(f"{error} What stopped runs left there takes space until it is aborted.")

    def preview(self) -> BackupResult:
        """Say what a run would store; nothing is written and no lock is taken."""
        state = self._state()
        expected = evidence.read_expected(self.snapshot)
        index = self._previous_index()
        options = self._documents_options(expected)
        tally = documents.preview(options, iter(()) if index is None else read_index(self.store, index))
        self._warn_of_nothing(tally)
        would = []
        if self._dump_due() or not self._unchanged(state):
            would.append(StoredObject(f"db/{self.id}.dump.zst", 0, ""))
        if tally.changed or tally.removed or index is None:
            would.append(StoredObject(f"docs/{self.id}.index.jsonl.zst", 0, ""))
        if tally.changed:
            would.append(StoredObject(f"docs/{self.id}.tar.zst", 0, ""))
        document = {"id": self.id, "documents": self._documents_section(tally), "skipped": tally.skipped()}
        return BackupResult(document, tuple(would), self._diff(state, tally), tuple(self.warnings))

    def _document(
        self,
        database: dict[str, Any],
        business: dict[str, Any],
        dump: StoredObject | None,
        expected: list[evidence.Expected],
        result: documents.DocumentsResult,
    ) -> dict[str, Any]:
        archives = {key: self.usable[key] for key in result.tally.archives if key in self.usable}
        if result.archive:
            archives[result.archive.key] = result.archive
        parts = [
            ("database", dump or self.usable[self._part("database")]),
            ("index", result.index or self._previous_index()),
        ]
        parts += [("documents", archives[key]) for key in sorted(archives)]
        previous = None if self.previous is None else {"id": self.previous.id, "sha256": self.previous.sha256}
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "id": self.id,
            "sequence": 1 if self.previous is None else self.previous.sequence + 1,
            "previous": previous,
            "instant": self.snapshot.instant.isoformat(timespec="microseconds"),
            "instance": {
                "id": self.options.instance_id,
                "environment": self.options.environment,
                "key_fingerprint": key_fingerprint(self.options.unique_id),
            },
            "versions": {
                "collection": COLLECTION_VERSION,
                "dolibarr": business.get("dolibarr_version"),
                "postgresql": self.snapshot.server_version,
                "pg_dump": self.programs.version,
                "python": platform.python_version(),
            },
            "objects": [{"part": part, **item.to_json()} for part, item in parts if item is not None],
            "database": database,
            "documents": self._documents_section(result.tally),
            "business": business,
            "evidence": evidence.judge(expected, result.tally.wanted),
            "skipped": result.tally.skipped(),
            "durations": self.durations,
        }

    def _documents_section(self, tally: Tally) -> dict[str, Any]:
        root = os.stat(self.options.documents.path)
        return {
            "root": {
                "mode": f"{root.st_mode & 0o7777:04o}",
                "uid": root.st_uid,
                "gid": root.st_gid,
                "mtime_ns": root.st_mtime_ns,
            },
            "exclude": list(self.options.documents.exclude),
            "files": tally.files,
            "directories": tally.directories,
            "links": tally.links,
            "bytes": tally.content_bytes,
            "new_files": tally.new_files,
            "new_bytes": tally.new_bytes,
            "known_files": tally.known_files,
            "removed": tally.removed,
        }

    def _diff(self, state: _State, tally: Tally) -> dict[str, Any]:
        """Tables that changed, with rows and digest, and the documents, before and after."""
        old = self._before
        before = old.get("database", {}).get("tables", {})
        names = sorted(
            name for name in before.keys() | state.tables.keys() if before.get(name) != state.tables.get(name)
        )
        documents_before = {key: old.get("documents", {}).get(key, 0) for key in ("files", "bytes")}
        return {
            "before": {
                "restore_point": old.get("id"),
                "tables": {name: before[name] for name in names if name in before},
                "documents": documents_before,
            },
            "after": {
                "restore_point": self.id,
                "tables": {name: state.tables[name] for name in names if name in state.tables},
                "documents": {"files": tally.files, "bytes": tally.content_bytes},
            },
        }

    def _discard(self) -> None:
        """Take back what a failed run has stored; where that is not allowed, pruning sweeps it as an orphan."""
        for item in self.stored:
            try:
                self.store.delete(item.key)
            except StoreError:
                return


def key_fingerprint(unique_id: str | None) -> str | None:
    """A fingerprint of Dolibarr's ``$dolibarr_main_instance_unique_id``, which its encrypted fields depend on."""
    if not unique_id:
        return None
    return hmac.new(unique_id.encode(), b"arcodange.erp instance key", hashlib.sha256).hexdigest()
