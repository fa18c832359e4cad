# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A drill: a restore point restored for nobody's use, compared, asked what an accountant would ask, and dropped."""

from __future__ import annotations

import os
import random
import re
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils import volumes
from ansible_collections.arcodange.erp.plugins.module_utils.backup.catalogue import (
    Catalogue,
    check_instance,
    read_catalogue,
    read_manifest,
    write_record,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import display, read_index
from ansible_collections.arcodange.erp.plugins.module_utils.backup.info import hours, look_for_objects
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store, StoreOptions
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import (
    DatabaseOptions,
    connect,
    explain,
)
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.snapshot import open_snapshot
from ansible_collections.arcodange.erp.plugins.module_utils.restore.business import business_findings, live_findings
from ansible_collections.arcodange.erp.plugins.module_utils.restore.choice import choose_point
from ansible_collections.arcodange.erp.plugins.module_utils.restore.comparison import compare_database
from ansible_collections.arcodange.erp.plugins.module_utils.restore.database import RestoredDatabase, restore_database
from ansible_collections.arcodange.erp.plugins.module_utils.restore.documents import (
    compare_documents,
    index_of,
    restore_documents,
)
from ansible_collections.arcodange.erp.plugins.module_utils.restore.target import TargetOptions, check_target
from ansible_collections.arcodange.erp.plugins.module_utils.version import COLLECTION_VERSION

try:
    import psycopg
    from psycopg import sql
except ImportError:
    pass  # the door says which library is missing

RANDOM = "random"
DRILLED = "__drill_"


@dataclass(frozen=True)
class DrillOptions:
    """One drill. ``backup_id`` may also be ``random``, for an older restore point that nobody has looked at lately.

    ``database`` and ``documents`` are what is live: the scratch lies beside it, or below ``scratch``, and it is compared
    with the restore point when ``compare_live`` is set.
    """

    store: StoreOptions
    instance_id: str
    backup_id: str
    target: TargetOptions
    database: str
    documents: str
    scratch: str | None = None
    compare_live: bool = True
    progress_file: str | None = None


def run_drill(options: DrillOptions, check_mode: bool, now: datetime) -> dict[str, Any]:
    """The result of the module. Raises an ``ErpError`` when the restore point cannot be restored; the scratch is gone."""
    store = Store(options.store)
    store.check_bucket()
    catalogue = read_catalogue(store)
    manifest = read_manifest(store, choose(catalogue, options.backup_id))
    check_instance(store, manifest, options.instance_id)
    missing = look_for_objects(store, manifest)
    if missing:
        if not check_mode:
            body = {"mode": "drill", "findings": [item.to_json() for item in missing]}
            write_record(store, manifest.id, "damaged", body)
        raise ErpError(
            f"The restore point {manifest.id} is not whole: {' '.join(item.message for item in missing)}",
            findings=[item.to_json() for item in missing],
        )
    with Progress(options.progress_file) as progress:
        return _Drill(options, store, catalogue, manifest, progress, now).run(check_mode)


def choose(catalogue: Catalogue, wanted: str) -> str:
    """The restore point to drill: of the older ones that are whole, ``random`` prefers those never read in full."""
    if wanted != RANDOM:
        return choose_point(catalogue, wanted)
    whole = [point for point in catalogue.ids[:-1] if not catalogue.is_damaged(point)]
    unread = [point for point in whole if not catalogue.is_verified(point)]
    return random.choice(unread or whole) if whole else choose_point(catalogue, "latest")


class _Drill:
    """One restore point in its scratch."""

    def __init__(
        self,
        options: DrillOptions,
        store: Store,
        catalogue: Catalogue,
        manifest: Manifest,
        progress: Progress,
        now: datetime,
    ) -> None:
        self._options = options
        self._store = store
        self._catalogue = catalogue
        self._manifest = manifest
        self._progress = progress
        self._now = now
        live = os.path.realpath(options.documents)
        parent = options.scratch or os.path.dirname(live)
        self._database = f"{options.database}{DRILLED}{manifest.id}"
        self._directory = os.path.join(parent, f"{os.path.basename(live)}{DRILLED}{manifest.id}")
        self._admin = options.target.admin

    def run(self, check_mode: bool) -> dict[str, Any]:
        """Restore, compare, ask, record, drop."""
        if self._options.scratch is None and volumes.is_mount_point(self._options.documents):
            raise Refused(
                f"{self._options.documents} is a mount point, so beside it is another file system: name a directory with room"
                " for the documents as scratch_path."
            )
        found = check_target(self._store, self._manifest, self._options.target, self._database)
        if found.problems:
            raise ErpError(" ".join(found.problems), problems=list(found.problems))
        facts: dict[str, Any] = {
            "restore_point": self._manifest.id,
            "age_hours": hours(self._now - self._manifest.instant),
            "unknown": list(found.unknown),
        }
        if check_mode:
            return facts | {"changed": True, "outcome": "done", "findings": [], "live_findings": [], "durations": {}}
        with self._scratch():
            facts |= self._ask()
        return facts

    @contextmanager
    def _scratch(self) -> Iterator[None]:
        """The scratch, dropped whatever happens, and what a stopped drill left before."""
        self._clean()
        try:
            yield
        finally:
            self._clean()

    def _clean(self) -> None:
        drop_scratch(self._admin, self._options.database)
        parent, name = os.path.split(self._directory)
        ours = re.compile(rf"{re.escape(name.partition(DRILLED)[0])}{DRILLED}\d{{8}}T\d{{6}}Z")
        for left in os.listdir(parent):
            if ours.fullmatch(left):
                shutil.rmtree(os.path.join(parent, left))

    def _ask(self) -> dict[str, Any]:
        started = time.monotonic()
        restored, durations = self._restore()
        durations["restore_seconds"] = round(time.monotonic() - started, 3)
        self._progress.phase("compare")
        copy = replace(self._admin, name=self._database)
        wrong = [
            {"kind": "database", "name": item.name, "message": f"The restored {item.describe()}."}
            for item in compare_database(copy, self._manifest, restored.contents, self._options.target)
        ]
        wrong += [
            {
                "kind": "document",
                "name": display(item.path),
                "message": f"The restored {display(item.path)}: {item.what}.",
            }
            for item in compare_documents(self._store, self._manifest, self._directory, self._progress)
        ]
        self._progress.phase("questions")
        entries = list(read_index(self._store, index_of(self._manifest)))
        with ExitStack() as stack:
            snapshot = stack.enter_context(open_snapshot(copy, None))
            live = stack.enter_context(open_snapshot(self._live(), None)) if self._options.compare_live else None
            asked = business_findings(snapshot, entries, self._manifest, self._beside(1), self._beside(-1), live)
            changed = live_findings(live, snapshot, entries, self._options.documents) if live else []
        findings = wrong + [item.to_json() for item in asked]
        durations["drill_seconds"] = round(time.monotonic() - started, 3)
        record = {
            "mode": "drill",
            "checked": self._now.isoformat(timespec="seconds"),
            "collection": COLLECTION_VERSION,
            "age_hours": hours(self._now - self._manifest.instant),
            "versions": self._manifest.data["versions"],
            "durations": durations,
            "findings": [{"key": self._manifest.id, **item} for item in findings],
        }
        # What is wrong with the business is no damage of the copy: only a difference is.
        write_record(self._store, self._manifest.id, "damaged" if wrong else "verified", record)
        return {
            "changed": True,
            "outcome": "findings" if findings or changed else "done",
            "findings": findings,
            "live_findings": [item.to_json() for item in changed],
            "durations": durations,
        }

    def _restore(self) -> tuple[RestoredDatabase, dict[str, float]]:
        self._progress.phase("restore")
        with ThreadPoolExecutor(1, thread_name_prefix="drill") as pool:
            started = time.monotonic()
            coming = pool.submit(
                restore_database, self._store, self._manifest, self._options.target, self._database, self._progress
            )
            restore_documents(self._store, self._manifest, self._directory, self._progress)
            documents_seconds = round(time.monotonic() - started, 3)
            restored = coming.result()
        return restored, {
            "database_seconds": round(sum(restored.durations.values()), 3),
            "documents_seconds": documents_seconds,
        }

    def _beside(self, step: int) -> Manifest | None:
        """The restore point so many steps later: its chain goes on where this one's ends."""
        place = self._catalogue.ids.index(self._manifest.id) + step
        return read_manifest(self._store, self._catalogue.ids[place]) if 0 <= place < len(self._catalogue.ids) else None

    def _live(self) -> DatabaseOptions:
        return replace(self._admin, name=self._options.database)


def drop_scratch(admin: DatabaseOptions, database: str) -> None:
    """Drop the scratch databases beside ``database``, whoever looks at them."""
    pattern = rf"^{re.escape(database)}{DRILLED}\d{{8}}T\d{{6}}Z$"
    with connect(admin, autocommit=True) as connection:
        try:
            for (name,) in connection.execute(
                "SELECT datname FROM pg_database WHERE datname ~ %s", (pattern,)
            ).fetchall():
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        except psycopg.Error as error:
            raise explain(admin, "drop the scratch beside", error) from error
