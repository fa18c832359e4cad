# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Putting a restored documents directory in the place of the live one, and back, by renaming alone.

Beside the live directory lie ``<name>__restoring_<id>`` while it is being written, ``<name>__restore_<id>`` once it is
complete, ``<name>__before_<id>`` with what was live before, and ``<name>__restore_<id>.json``, which says which
directory is the restored one (by its inode, which a rename keeps) and what is being done. So a run that is stopped
between two renames is told from its traces and finished or taken back by :meth:`DocumentsSwitch.settle`. In the root of
a volume the same lies in ``.erp_restore``, without ``<name>__``: see :mod:`.switch_documents_ways`.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.private_files import sync_directory
from ansible_collections.arcodange.erp.plugins.module_utils.restore.switch_documents_ways import (
    Inside,
    way_for,
)

AT_FDCWD = -100
RENAME_EXCHANGE = 2
NOT_HERE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)
READY, SWITCHING, SWITCHED, UNDOING, UNDONE = "ready", "switching", "switched", "undoing", "undone"


class Unfinished(ErpError):
    """The documents are between two states, and only settling ends that."""


@dataclass(frozen=True)
class Journal:
    """What is known of one restored directory; ``inode`` is its identity, ``since`` an ISO instant."""

    point: str
    inode: int
    state: str
    since: str
    former: str = ""  # the name of what was live before, among the directories of restores
    roots: Sequence[Sequence[int]] = ()  # what the roots of the outgoing and the incoming tree were like


class DocumentsSwitch:
    """The directories of one restore point that belong to one live documents directory."""

    def __init__(self, path: str, point: str) -> None:
        self._way = way_for(path)
        self.live = self._way.live
        self.space = self._way.space
        self.point = point
        self.partial = f"{self._way.prefix}restoring_{point}"
        self.ready = f"{self._way.prefix}restore_{point}"
        self._tree = self._way.tree
        self._journal = f"{self.ready}.json"

    # What there is

    def check(self) -> None:
        """Raise a sentence when the switch could not be made here; nothing is changed."""
        for place in (self.live, self._tree, self.partial, self.ready):
            if os.path.lexists(place) and (os.path.islink(place) or not os.path.isdir(place)):
                raise Refused(f"{place} is not a directory: move it away.")
        self._way.check(self.point)

    def journal(self) -> Journal | None:
        """What the journal says, or ``None`` without one."""
        try:
            with open(self._journal, encoding="utf-8") as file:
                return Journal(**json.load(file))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise ErpError(f"{self._journal} cannot be read ({error}): move it away and restore again.") from error

    def is_ready(self) -> bool:
        """Whether a complete restored directory waits for its switch, unused since it was compared."""
        journal = self.journal()
        return journal is not None and journal.state == READY and _is_it(self.ready, journal)

    def is_switched(self) -> bool:
        """Whether the live directory is this restored one."""
        journal = self.journal()
        return journal is not None and journal.state == SWITCHED and _is_it(self._tree, journal)

    def former(self) -> str:
        """The path of what was live before this restored directory, empty when it is gone."""
        journal = self.journal()
        path = self._named(journal.former) if journal is not None and journal.former else ""
        return path if os.path.isdir(path) else ""

    # What is done

    def begin(self) -> str:
        """The empty place to restore into; what a stopped run left there is removed, what was in use is kept aside."""
        self.settle()
        self._way.prepare()
        journal = self.journal()
        if journal is not None and journal.state == UNDONE and _is_it(self.ready, journal):
            os.rename(self.ready, self._free_name())
        for left in (self.partial, self.ready):
            if os.path.lexists(left):
                shutil.rmtree(left)
        if journal is not None and journal.state != SWITCHED:
            os.unlink(self._journal)
        os.mkdir(self.partial, 0o700)
        return self.partial

    def mark_complete(self) -> None:
        """Say that the restored directory was compared and waits for its switch."""
        self._way.check_restored(self.partial)
        journal = Journal(self.point, os.lstat(self.partial).st_ino, READY, now())
        os.rename(self.partial, self.ready)
        self._write(journal)

    def switch(self) -> str:
        """Make the restored directory the live one and return the path of what was live before, empty when nothing was."""
        journal = self._known(READY)
        former = self._free_name() if os.path.lexists(self._tree) else ""
        self._carry_out(replace(journal, state=SWITCHING, former=os.path.basename(former)), self.ready)
        return former

    def undo(self) -> str:
        """Make what was live before live again and return the path where the restored directory is kept."""
        journal = self._known(SWITCHED)
        former = self.former()
        if not former:
            gone = self._named(journal.former) if journal.former else "there was none"
            raise Refused(
                f"The directory that was live before the restore of {self.point} is gone ({gone}):"
                " nothing can be undone, restore another restore point."
            )
        if os.path.lexists(self.ready):  # restored once more, and stopped before that was written down
            shutil.rmtree(self.ready)
        self._carry_out(replace(journal, state=UNDOING), former)
        return self.ready

    def settle(self) -> None:
        """End what a stopped run began: a switch or undo is finished when names had begun to change, else taken back."""
        journal = self.journal()
        if journal is None or journal.state not in (SWITCHING, UNDOING):
            return
        incoming, aside = self._names(journal)
        try:
            if not os.path.lexists(self._tree):
                os.rename(incoming, self._tree)
            if not self._has_come(journal):
                self._restore_state(journal)
                return
            if aside and os.path.lexists(incoming):
                os.rename(incoming, aside)
            self._finish(journal)
        except OSError as error:
            raise self._unfinished(str(error)) from error

    def _carry_out(self, journal: Journal, incoming: str) -> None:
        """Exchange the trees as the journal says, or leave everything as it was."""
        journal = replace(journal, roots=self._way.roots(incoming))
        self._write(journal)
        try:
            self._way.gather()
            self._swap(*self._names(journal))
            self._finish(journal)
        except (ErpError, OSError) as error:
            try:
                self._take_back(journal)
            except (ErpError, OSError) as worse:
                raise self._unfinished(f"{error}; {worse}") from error
            raise

    def _finish(self, journal: Journal) -> None:
        """What came is live: describe both trees and say so."""
        _incoming, aside = self._names(journal)
        outgoing_root, incoming_root = journal.roots or ((), ())
        self._way.spread(aside, outgoing_root, incoming_root)
        done = (
            replace(journal, state=SWITCHED)
            if journal.state == SWITCHING
            else replace(journal, state=UNDONE, former="")
        )
        self._write(replace(done, since=now(), roots=()))

    def _take_back(self, journal: Journal) -> None:
        """Bring every name back to where it was before the journal was written."""
        incoming, aside = self._names(journal)
        said = self.journal()
        if said is None or said.state != journal.state:  # that all is done was written, and not kept by the disk
            self._write(journal)
        if self._has_come(journal):
            self._way.gather()
            if not aside:
                os.rename(self._tree, incoming)
            elif os.path.lexists(aside):
                self._swap(incoming=aside, aside=incoming)
            else:  # exchanged, and not named aside
                exchange(incoming, self._tree)
        elif aside and not os.path.lexists(self._tree):
            os.rename(aside, self._tree)
        self._restore_state(journal)

    def _restore_state(self, journal: Journal) -> None:
        """The outgoing tree is live, or nothing is: complete it and say that nothing was begun."""
        incoming, aside = self._names(journal)
        if aside and os.path.lexists(aside):
            os.rename(aside, incoming)  # exchanged back, and not named as before
        outgoing_root, incoming_root = journal.roots or ((), ())
        self._way.spread(incoming, incoming_root, outgoing_root)
        before = (
            replace(journal, state=READY, former="") if journal.state == SWITCHING else replace(journal, state=SWITCHED)
        )
        self._write(replace(before, roots=()))

    def _names(self, journal: Journal) -> tuple[str, str]:
        """Where the tree that comes is before, and where the one that goes is after; the latter empty when there is none."""
        former = self._named(journal.former) if journal.former else ""
        return (self.ready, former) if journal.state == SWITCHING else (former, self.ready)

    def _has_come(self, journal: Journal) -> bool:
        """Whether the tree that was to become the live one has its name."""
        return os.path.lexists(self._tree) and _is_it(self._tree, journal) == (journal.state == SWITCHING)

    def _swap(self, incoming: str, aside: str) -> None:
        """Exchange ``incoming`` and the live tree, then name what was live ``aside``; the live name is never missing.

        Where the file system cannot exchange, it is missing between two renames, and :meth:`settle` ends what a stop
        there leaves.
        """
        if not aside:
            os.rename(incoming, self._tree)
        elif exchange(incoming, self._tree):
            os.rename(incoming, aside)
        else:
            os.rename(self._tree, aside)
            os.rename(incoming, self._tree)
        sync_directory(os.path.dirname(self._tree))

    def _known(self, state: str) -> Journal:
        self.settle()
        journal = self.journal()
        if journal is None or journal.state != state:
            raise Refused(
                f"There is nothing to {'switch' if state == READY else 'undo'} beside {self.live}"
                f" for the restore point {self.point}: restore it first."
            )
        self._way.prepare()
        return journal

    def _unfinished(self, why: str) -> Unfinished:
        return Unfinished(
            f"The documents in {self.live} are between two states ({why}): mend that and run erp_restore with settle=true"
            " before the application starts."
        )

    def _named(self, name: str) -> str:
        return os.path.join(os.path.dirname(self._way.prefix), name)

    def _free_name(self) -> str:
        base = f"{self._way.prefix}before_{self.point}"
        number, name = 1, base
        while os.path.lexists(name):
            number += 1
            name = f"{base}_{number}"
        return name

    def _write(self, journal: Journal) -> None:
        """Replace the journal at once and for good."""
        new = f"{self._journal}.new"
        with open(new, "w", encoding="utf-8") as file:
            json.dump(asdict(journal), file, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self._journal)
        sync_directory(os.path.dirname(self._journal))


def _is_it(path: str, journal: Journal) -> bool:
    """Whether a directory is the restored one; a device may get another number when its volume is attached again."""
    try:
        return os.lstat(path).st_ino == journal.inode
    except FileNotFoundError:
        return False


def exchange(one: str, other: str) -> bool:
    """Swap the names of two directories in one step; ``False`` where the system or the file system cannot."""
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "renameat2"):
        return False
    if library.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in NOT_HERE:
        return False
    raise OSError(code, os.strerror(code), one, None, other)


def now() -> str:
    """The present instant as ISO text."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class FormerDirectory:
    """A directory that was live once, or was restored and undone; ``since`` is when it was put aside."""

    path: str
    point: str
    since: datetime

    def to_json(self) -> dict[str, Any]:
        """The JSON form used in results."""
        return {"path": self.path, "restore_point": self.point, "since": self.since.isoformat(timespec="seconds")}


def former_directories(path: str) -> list[FormerDirectory]:
    """What is kept of a live documents directory and could be made live again, oldest first."""
    way = way_for(path)
    pattern = re.compile(rf"{re.escape(os.path.basename(way.prefix))}(?:before|restore)_(\d{{8}}T\d{{6}}Z)(?:_\d+)?")
    # Who mounts a volume may change the owners of everything in it, and with them the times.
    said = {
        name: datetime.fromisoformat(journal.since)
        for journal in journals(path)
        for name in (journal.former, f"{os.path.basename(way.prefix)}restore_{journal.point}")
        if journal.state in (SWITCHED, UNDONE)
    }
    found = []
    with suppress(FileNotFoundError), os.scandir(os.path.dirname(way.prefix)) as entries:
        for entry in entries:
            match = pattern.fullmatch(entry.name)
            if match and entry.is_dir(follow_symlinks=False):
                # Renaming is the last thing that was done to it.
                changed = datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_ctime, UTC)
                found.append(FormerDirectory(entry.path, match[1], said.get(entry.name, changed)))
    return sorted(found, key=lambda one: (one.since, one.path))


def journals(path: str) -> list[Journal]:
    """What is known of every restored directory that belongs to the live one at ``path``, oldest first."""
    way = way_for(path)
    pattern = re.compile(rf"{re.escape(os.path.basename(way.prefix))}restore_(\d{{8}}T\d{{6}}Z)\.json")
    with suppress(FileNotFoundError):
        points = [match[1] for name in os.listdir(os.path.dirname(way.prefix)) if (match := pattern.fullmatch(name))]
        found = [DocumentsSwitch(path, point).journal() for point in points]
        return sorted((one for one in found if one is not None), key=lambda one: one.since)
    return []


def restored_points(path: str) -> list[Journal]:
    """The restore points that were made live at ``path`` and not undone, newest last."""
    return [one for one in journals(path) if one.state in (SWITCHING, SWITCHED, UNDOING)]


def unsettled_point(path: str) -> str:
    """The restore point whose switch or undo was stopped, empty when none was."""
    return next((one.point for one in journals(path) if one.state in (SWITCHING, UNDOING)), "")


def mixed_point(path: str) -> str:
    """The same where the live directory may hold half of its documents meanwhile, as the root of a volume does."""
    with suppress(PermissionError):  # somebody else's restores
        return unsettled_point(path) if isinstance(way_for(path), Inside) else ""
    return ""


def droppable(path: str, keep: timedelta, at: datetime) -> list[FormerDirectory]:
    """What :func:`drop_former_directories` would remove."""
    point = unsettled_point(path)
    if point:  # one of its directories may be all there is
        raise Refused(f"The restore of {point} into {path} was stopped: run erp_restore with settle=true first.")
    return [one for one in former_directories(path) if at - one.since >= keep]


def drop_former_directories(path: str, keep: timedelta, at: datetime) -> list[str]:
    """Remove what was put aside longer ago than ``keep``, and what a stopped removal left. Returns the paths."""
    way = way_for(path)
    formers = droppable(path, keep, at)
    home, doomed = os.path.split(f"{way.prefix}dropping_")
    with suppress(FileNotFoundError):
        for left in [entry for entry in os.listdir(home) if entry.startswith(doomed)]:
            shutil.rmtree(os.path.join(home, left))
    for former in formers:
        # Half removed it must not look like a state that could be made live again.
        os.rename(former.path, os.path.join(home, doomed + former.point))
        shutil.rmtree(os.path.join(home, doomed + former.point))
    return [former.path for former in formers]
