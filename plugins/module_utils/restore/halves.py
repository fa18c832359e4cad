# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two halves of a restore, the database and the documents, handled alike."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import display
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.restore import switch_database as databases
from ansible_collections.arcodange.erp.plugins.module_utils.restore import switch_documents as directories
from ansible_collections.arcodange.erp.plugins.module_utils.restore.comparison import compare_database
from ansible_collections.arcodange.erp.plugins.module_utils.restore.database import restore_database
from ansible_collections.arcodange.erp.plugins.module_utils.restore.documents import (
    compare_documents,
    restore_documents,
)
from ansible_collections.arcodange.erp.plugins.module_utils.restore.sanitize import sanitize_database
from ansible_collections.arcodange.erp.plugins.module_utils.restore.switch_documents import DocumentsSwitch
from ansible_collections.arcodange.erp.plugins.module_utils.restore.target import (
    TargetOptions,
    check_target,
    pg_restore_for,
    read_head,
)
from ansible_collections.arcodange.erp.plugins.module_utils.volumes import documents_in

NAMED = 3  # differences that a sentence names
DATABASE, DOCUMENTS = "database", "documents"


@dataclass(frozen=True, order=True)
class Switched:
    """When a half was switched, and to which restore point; ``undoable`` while what was live before is there."""

    since: datetime
    point: str
    undoable: bool = field(compare=False)


class Half(Protocol):
    """One half of a restore; ``facts`` say what was done."""

    name: str
    facts: dict[str, Any]

    def check(self, store: Store, manifest: Manifest) -> list[str]:
        """Raise a sentence for what stands in the way; return what could not be found out. Changes nothing."""

    def settle(self) -> None:
        """End what a stopped run began."""

    def is_equal(self, store: Store, manifest: Manifest, progress: Progress) -> bool:
        """Whether what is live is what the restore point holds."""

    def is_ready(self) -> bool:
        """Whether the restored state waits, compared, for its switch."""

    def prepare(self, store: Store, manifest: Manifest, progress: Progress) -> list[str]:
        """Restore beside what is live and compare; return warnings."""

    def switch(self) -> None:
        """Make the restored state live; what was live is kept."""

    def undo(self) -> None:
        """Make live again what was live before."""

    def last_switch(self) -> Switched | None:
        """The restore that made what is live live, if one did."""

    def live(self) -> str:
        """What is live, as a person says it."""

    def drop(self, keep: timedelta, at: datetime, check_mode: bool) -> list[str]:
        """Remove what was put aside longer than ``keep`` ago; in check mode only name it."""


class DatabaseHalf:
    """The database ``database`` of a server and what lies beside it."""

    name = DATABASE

    def __init__(self, target: TargetOptions, database: str, point: str, into: bool, sanitize: bool) -> None:
        self.facts: dict[str, Any] = {}
        self._target = target
        self._database = database
        self._point = point
        self._into = into
        self._sanitize = sanitize
        self._restored = databases.restored_name(database, point)

    def _states(self) -> databases.DatabaseStates:
        return databases.database_states(self._target.admin, self._database)

    def check(self, store: Store, manifest: Manifest) -> list[str]:
        found = check_target(store, manifest, self._target, self._restored)
        problem = databases.name_problem(self._database)
        problems = [*([problem] if problem else []), *found.problems]
        if problems:
            raise ErpError(" ".join(problems), problems=problems)
        live = self._states().live
        if (
            self._into
            and live is not None
            and live.mark is None
            and not databases.is_empty(self._target.admin, live.name)
        ):
            raise Refused(
                f"The database {live.name} holds tables that no restore made: choose another db_name, or mode=switch."
            )
        return list(found.unknown)

    def settle(self) -> None:
        databases.recover_switch(self._target.admin, self._database)

    def is_equal(self, store: Store, manifest: Manifest, progress: Progress) -> bool:
        if self._states().live is None or self._sanitize:
            return False
        contents = read_head(store, manifest, pg_restore_for(manifest, self._target))
        live = replace(self._target.admin, name=self._database)
        return not compare_database(live, manifest, contents, self._target)

    def is_ready(self) -> bool:
        restored = self._states().find(self._restored)
        mark = None if restored is None else restored.mark
        return mark is not None and mark.state == databases.COMPLETE and mark.former is None and not self._sanitize

    def prepare(self, store: Store, manifest: Manifest, progress: Progress) -> list[str]:
        databases.set_aside_undone(self._target.admin, self._database, self._point)
        restored = restore_database(store, manifest, self._target, self._restored, progress)
        at = replace(self._target.admin, name=self._restored)
        differences = compare_database(at, manifest, restored.contents, self._target)
        if differences:
            named = "; ".join(item.describe() for item in differences[:NAMED])
            more = f" and {len(differences) - NAMED} more" if len(differences) > NAMED else ""
            said = f" (pg_restore said: {restored.messages[0]})" if restored.messages else ""
            raise ErpError(
                f"The database restored from {manifest.id} is not what its manifest names: {named}{more}{said}."
                f" It is kept as {self._restored} for a look; what is live was not touched.",
                differences=[item.describe() for item in differences],
            )
        self.facts |= restored.to_facts()
        if self._sanitize:
            self.facts["sanitized"] = sanitize_database(at)
        databases.mark_complete(self._target.admin, self._restored, self._point)
        return [f"Roles that the dump grants to do not exist here: {', '.join(restored.roles_missing)}."] * bool(
            restored.roles_missing
        )

    def switch(self) -> None:
        former = databases.switch_database(self._target.admin, self._database, self._point)
        self.facts |= {"name": self._database, "former": former}

    def undo(self) -> None:
        kept = databases.undo_database(self._target.admin, self._database, self._point)
        self.facts |= {"name": self._database, "kept": kept}

    def last_switch(self) -> Switched | None:
        states = self._states()
        live = states.live
        if live is None or live.mark is None or live.mark.state != databases.LIVE or live.since is None:
            return None
        point = str(live.mark.restore_point)
        undone = states.find(databases.restored_name(self._database, point))
        is_undone = undone is not None and undone.mark is not None and undone.mark.former == self._database
        return Switched(live.since, point, is_undone or states.find(live.mark.former) is not None)

    def live(self) -> str:
        if self._states().live is None:
            return f"there is no database {self._database}"
        last = self.last_switch()
        return "not restored" if last is None else f"restore point {last.point}"

    def drop(self, keep: timedelta, at: datetime, check_mode: bool) -> list[str]:
        if check_mode:
            return databases.droppable(self._target.admin, self._database, keep, at)
        return databases.drop_former(self._target.admin, self._database, keep, at)


class DocumentsHalf:
    """The documents directory ``path`` and what lies beside it."""

    name = DOCUMENTS

    def __init__(self, path: str, point: str, into: bool) -> None:
        self.facts: dict[str, Any] = {}
        self._path = path
        self._into = into
        self._switch = DocumentsSwitch(path, point)

    def check(self, store: Store, manifest: Manifest) -> list[str]:
        self._switch.check()
        live = self._switch.live
        if self._into and os.path.isdir(live) and documents_in(live) and self.last_switch() is None:
            raise Refused(f"{live} holds files that no restore made: choose another documents_path, or mode=switch.")
        self._check_room(manifest)
        return []

    def _check_room(self, manifest: Manifest) -> None:
        space = self._switch.space
        room = os.statvfs(space)
        documents = manifest.data["documents"]
        needed = documents["bytes"] + documents["files"] * room.f_frsize  # each file ends in a block of its own
        free = room.f_bavail * room.f_frsize
        things = documents["files"] + documents["directories"] + documents["links"]
        if needed > free:
            raise ErpError(
                f"The documents of {manifest.id} need {needed >> 20} MiB and {space} has {free >> 20} MiB free: free space there."
            )
        if room.f_files and things > room.f_favail:
            raise ErpError(
                f"The documents of {manifest.id} need {things} inodes and {space} has {room.f_favail} free: remove files there."
            )

    def settle(self) -> None:
        for journal in directories.restored_points(self._path):
            DocumentsSwitch(self._path, journal.point).settle()

    def is_equal(self, store: Store, manifest: Manifest, progress: Progress) -> bool:
        if not os.path.isdir(self._switch.live):
            return False
        return not compare_documents(store, manifest, self._switch.live, progress)

    def is_ready(self) -> bool:
        return self._switch.is_ready()

    def prepare(self, store: Store, manifest: Manifest, progress: Progress) -> list[str]:
        restored = restore_documents(store, manifest, self._switch.begin(), progress)
        self._switch.mark_complete()
        self.facts |= restored.to_facts()
        warnings = []
        if restored.refused:
            names = ", ".join(display(item.path) for item in restored.refused[:NAMED])
            warnings.append(f"{len(restored.refused)} links that lead out of the documents were not made ({names}).")
        if restored.owners_kept:
            warnings.append(
                f"{restored.owners_kept} documents belong to this user because it may not give them to their owner: run as root."
            )
        return warnings

    def switch(self) -> None:
        former = self._switch.switch()
        self.facts |= {"path": self._switch.live, "former": former or None}

    def undo(self) -> None:
        self.facts |= {"path": self._switch.live, "kept": self._switch.undo()}

    def last_switch(self) -> Switched | None:
        switches = [
            (journal, DocumentsSwitch(self._path, journal.point)) for journal in directories.restored_points(self._path)
        ]
        switched = [
            Switched(datetime.fromisoformat(journal.since), journal.point, switch.former() != "")
            for journal, switch in switches
            if switch.is_switched()
        ]
        return max(switched, default=None)

    def live(self) -> str:
        if not os.path.isdir(self._switch.live):
            return f"there is no directory {self._switch.live}"
        point = directories.mixed_point(self._path)
        if point:
            return f"half way to or from restore point {point}"
        last = self.last_switch()
        return "not restored" if last is None else f"restore point {last.point}"

    def drop(self, keep: timedelta, at: datetime, check_mode: bool) -> list[str]:
        if check_mode:
            return [one.path for one in directories.droppable(self._path, keep, at)]
        return directories.drop_former_directories(self._path, keep, at)
