# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One restore: from the choice of a restore point to the switch of what is live, or back.

Both halves are restored beside what is live and compared with the manifest; only then are they switched. A run that is
stopped anywhere leaves what is live complete, and the next one goes on from the traces that each half keeps.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup.catalogue import (
    check_instance,
    read_catalogue,
    read_manifest,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.info import look_for_objects
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.backup.run import key_fingerprint
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store, StoreOptions
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.restore.choice import choose_point
from ansible_collections.arcodange.erp.plugins.module_utils.restore.documents import restore_documents
from ansible_collections.arcodange.erp.plugins.module_utils.restore.halves import (
    DATABASE,
    DOCUMENTS,
    DatabaseHalf,
    DocumentsHalf,
    Half,
)
from ansible_collections.arcodange.erp.plugins.module_utils.restore.switch_documents import Unfinished
from ansible_collections.arcodange.erp.plugins.module_utils.restore.target import TargetOptions


@dataclass(frozen=True)
class RestoreOptions:
    """One run of ``erp_restore``.

    ``task`` is ``restore``, ``undo``, ``settle`` or ``drop_former``. ``mode`` is ``switch`` for a live system, whose
    former state is kept, or ``into`` for a target that must be absent, empty or made by an earlier run. ``paths`` are
    shell patterns of single documents, with ``into`` alone.
    """

    store: StoreOptions
    instance_id: str
    backup_id: str
    parts: tuple[str, ...]
    mode: str
    target: TargetOptions | None
    database: str | None
    documents: str | None
    paths: tuple[str, ...] = ()
    sanitize: bool = False
    task: str = "restore"
    keep: timedelta = timedelta(days=7)
    unique_id: str | None = field(default=None, repr=False)
    progress_file: str | None = None


@dataclass
class RestoreResult:
    """What a run did, as the result of the module."""

    changed: bool = False
    outcome: str = "unchanged"
    restore_point: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    diff: dict[str, Any] = field(default_factory=dict)

    def to_facts(self) -> dict[str, Any]:
        """The result of the module, warnings and diff left out."""
        return {
            "changed": self.changed,
            "outcome": self.outcome,
            "restore_point": self.restore_point,
            **self.facts,
        }


def run_restore(options: RestoreOptions, check_mode: bool = False) -> RestoreResult:
    """Restore, undo, settle, or drop what was put aside. Raises an ``ErpError``; what is live is complete in any case."""
    check_options(options)
    try:
        if options.task != "restore":
            return TASKS[options.task](options, check_mode)
        store = Store(options.store)
        store.check_bucket()
        catalogue = read_catalogue(store)
        manifest = read_manifest(store, choose_point(catalogue, options.backup_id))
        check_instance(store, manifest, options.instance_id)
        with Progress(options.progress_file) as progress:
            run = _Restore(options, store, manifest, progress)
            run.check()
            return run.single_documents(check_mode) if options.paths else run.restore(check_mode)
    except OSError as error:
        raise ErpError(
            f"This host cannot go on ({error}): check its disks and rights and run again, what is live is complete."
        ) from error


def check_options(options: RestoreOptions) -> None:
    """Raise a sentence for options that make no sense together."""
    if DATABASE in options.parts and options.target is None:
        raise ErpError("Restoring the database needs db_host, db_name and db_user: set them, or parts=documents.")
    if DOCUMENTS in options.parts and not options.documents:
        raise ErpError("Restoring the documents needs documents_path: set it, or parts=database.")
    if options.paths and (options.parts != (DOCUMENTS,) or options.mode != "into"):
        raise ErpError("Single documents are restored into another directory: set parts=documents and mode=into.")
    if options.sanitize and DATABASE not in options.parts:
        raise ErpError("The option sanitize changes the restored database: add database to parts.")


def _halves(options: RestoreOptions, point: str) -> list[Half]:
    """The halves that a run is about, the database first."""
    into = options.mode == "into"
    halves: list[Half] = []
    if DATABASE in options.parts and options.target is not None and options.database is not None:
        halves.append(DatabaseHalf(options.target, options.database, point, into, options.sanitize))
    if DOCUMENTS in options.parts and options.documents is not None:
        halves.append(DocumentsHalf(options.documents, point, into))
    return halves


class _Restore:
    """One restore point on its way to what is live."""

    def __init__(self, options: RestoreOptions, store: Store, manifest: Manifest, progress: Progress) -> None:
        self._options = options
        self._store = store
        self._manifest = manifest
        self._progress = progress
        self._halves = _halves(options, manifest.id)
        self._result = RestoreResult(restore_point=manifest.id, facts={"versions": dict(manifest.data["versions"])})

    def check(self) -> None:
        """Everything that can be known before any change; each failure is one sentence."""
        missing = look_for_objects(self._store, self._manifest)
        if missing:
            raise ErpError(
                f"The restore point {self._manifest.id} is not whole: {' '.join(item.message for item in missing)}"
                " Choose another one, nothing was changed.",
                findings=[item.to_json() for item in missing],
            )
        if not self._options.paths:
            for half in self._halves:
                self._result.warnings += half.check(self._store, self._manifest)
        recorded = self._manifest.data["instance"]["key_fingerprint"]
        if recorded and self._options.unique_id and recorded != key_fingerprint(self._options.unique_id):
            self._result.warnings.append(
                "The restore point was made under another $dolibarr_main_instance_unique_id: encrypted settings such as"
                " mail passwords will not be readable until conf.php has the former value."
            )

    def single_documents(self, check_mode: bool) -> RestoreResult:
        """Only the documents asked for, into a directory that is absent or empty."""
        path = str(self._options.documents)
        result = self._result
        result.changed, result.outcome = True, "done"
        if not check_mode:
            was_there = os.path.lexists(path)
            restored = restore_documents(self._store, self._manifest, path, self._progress, self._options.paths)
            if not restored.files + restored.links:
                if not was_there:
                    shutil.rmtree(path)  # it holds directories at most
                raise ErpError(
                    f"No document of {self._manifest.id} matches {', '.join(self._options.paths)}: correct paths."
                )
            result.facts["documents"] = restored.to_facts() | {"path": path}
        return result

    def restore(self, check_mode: bool) -> RestoreResult:
        """Restore what differs beside what is live, compare, switch."""
        result = self._result
        if not check_mode:
            for half in self._halves:
                half.settle()
        self._progress.phase("compare")
        todo = [half for half in self._halves if not half.is_equal(self._store, self._manifest, self._progress)]
        result.facts["parts"] = [half.name for half in todo]
        if not todo:
            return result
        result.changed, result.outcome = True, "done"
        result.diff = {
            "before": {half.name: half.live() for half in todo},
            "after": {half.name: f"restore point {self._manifest.id}" for half in todo},
        }
        if check_mode:
            return result
        self._progress.phase("restore")
        waiting = [half for half in todo if not half.is_ready()]
        with ThreadPoolExecutor(len(todo), thread_name_prefix="restore") as pool:
            coming = [pool.submit(half.prepare, self._store, self._manifest, self._progress) for half in waiting]
        for done in coming:
            result.warnings += done.result()
        self._progress.phase("switch")
        self._switch(todo)
        result.facts |= {half.name: half.facts for half in todo}
        return result

    def _switch(self, todo: Sequence[Half]) -> None:
        """Switch all halves, or none."""
        switched: list[Half] = []
        try:
            for half in todo:
                half.switch()
                switched.append(half)
        except (ErpError, OSError) as error:
            for half in reversed(switched):
                half.undo()
            if isinstance(error, Unfinished):
                raise
            raise ErpError(f"The switch was taken back, what was live is live again: {error}") from error


def _undo(options: RestoreOptions, check_mode: bool) -> RestoreResult:
    """Make live again what was live before the newest restore."""
    every = _halves(options, "")
    if not check_mode:
        for half in every:
            half.settle()
    switches = {half.name: last for half in every if (last := half.last_switch()) is not None}
    if not switches:
        raise Refused("There is no restore to undo: nothing that is live was put there by one.")
    # A half that an earlier run has undone already may itself be restored from an older one: that one is not meant.
    point = max(switches.values(), key=lambda last: (last.undoable, last)).point
    halves = [half for half in _halves(options, point) if half.name in switches and switches[half.name].point == point]
    gone = [half.name for half in halves if not switches[half.name].undoable]
    if gone:
        raise Refused(
            f"Nothing is there any more of the {' and the '.join(gone)} that {point} replaced: nothing can be undone"
            " and nothing was changed, restore another restore point."
        )
    result = RestoreResult(True, "done", point, {"parts": [half.name for half in halves]})
    result.diff = {
        "before": {half.name: half.live() for half in halves},
        "after": {half.name: f"what was live before {point}" for half in halves},
    }
    if not check_mode:
        for half in halves:
            half.undo()
            result.facts[half.name] = half.facts
    return result


def _settle(options: RestoreOptions, check_mode: bool) -> RestoreResult:
    """End what a stopped run began."""
    halves = _halves(options, "")
    before = {half.name: half.live() for half in halves}
    if not check_mode:
        for half in halves:
            half.settle()
    after = {half.name: half.live() for half in halves}
    changed = before != after
    result = RestoreResult(changed, "done" if changed else "unchanged", None, {"live": after})
    result.diff = {"before": before, "after": after}
    return result


def _drop(options: RestoreOptions, check_mode: bool) -> RestoreResult:
    """Remove what was put aside longer ago than it must be kept."""
    at = datetime.now(UTC)
    dropped = {half.name: half.drop(options.keep, at, check_mode) for half in _halves(options, "")}
    changed = any(dropped.values())
    result = RestoreResult(changed, "done" if changed else "unchanged", None, {"dropped": dropped})
    result.diff = {"before": dropped, "after": {name: [] for name in dropped}}
    return result


TASKS = {"undo": _undo, "settle": _settle, "drop_former": _drop}
