# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Putting a restored documents directory in the place of the live one, and back, by renaming alone.

Beside the live directory lie ``<name>__restoring_<id>`` while it is being written, ``<name>__restore_<id>`` once it is
complete, ``<name>__before_<id>`` with what was live before, and ``<name>__restore_<id>.json``, which says which
directory is the restored one (by its inode, which a rename keeps) and what is being done. So a run that is stopped
between two renames is told from its traces and finished or taken back by :meth:`DocumentsSwitch.settle`.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import re
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused

AT_FDCWD = -100
RENAME_EXCHANGE = 2
NOT_HERE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)
LONGEST_NAME = 255  # bytes
READY, SWITCHING, SWITCHED, UNDOING, UNDONE = "ready", "switching", "switched", "undoing", "undone"


@dataclass(frozen=True)
class Journal:
    """What is known of one restored directory; ``device`` and ``inode`` are its identity, ``since`` an ISO instant."""

    point: str
    device: int
    inode: int
    state: str
    since: str
    former: str = ""  # the name beside the live directory of what was live before


class DocumentsSwitch:
    """The directories of one restore point beside one live documents directory."""

    def __init__(self, path: str, point: str) -> None:
        self.live = os.path.realpath(path)
        self.point = point
        self.partial = f"{self.live}__restoring_{point}"
        self.ready = f"{self.live}__restore_{point}"
        self._journal = f"{self.ready}.json"

    # What there is

    def check(self) -> None:
        """Raise a sentence when the switch could not be made here; nothing is changed."""
        parent, name = os.path.split(self.live)
        if os.path.ismount(self.live):
            raise Refused(
                f"{self.live} is a mount point, which cannot be renamed: keep the documents in a directory inside the"
                " volume and set documents_path to it, or restore with mode=into."
            )
        if not os.path.isdir(parent):
            raise ErpError(f"The directory {parent} does not exist: create it or correct documents_path.")
        if not os.access(parent, os.W_OK | os.X_OK):
            raise ErpError(
                f"This user may not write to {parent}: run as its owner, the directories beside {name} change."
            )
        if len(os.fsencode(f"{name}__restoring_{self.point}.json")) > LONGEST_NAME:
            raise ErpError(f"The name {name} is too long to keep directories beside it: shorten documents_path.")
        for place in (self.live, self.partial, self.ready):
            if os.path.lexists(place) and (os.path.islink(place) or not os.path.isdir(place)):
                raise Refused(f"{place} is not a directory: move it away.")

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
        return journal is not None and journal.state == READY and self._is_it(self.ready, journal)

    def is_switched(self) -> bool:
        """Whether the live directory is this restored one."""
        journal = self.journal()
        return journal is not None and journal.state == SWITCHED and self._is_it(self.live, journal)

    @staticmethod
    def _is_it(path: str, journal: Journal) -> bool:
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            return False
        return (status.st_dev, status.st_ino) == (journal.device, journal.inode)

    # What is done

    def begin(self) -> str:
        """The empty place to restore into; what a stopped run left there is removed, what was in use is kept aside."""
        self.settle()
        journal = self.journal()
        if journal is not None and journal.state == UNDONE and self._is_it(self.ready, journal):
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
        status = os.lstat(self.partial)
        journal = Journal(self.point, status.st_dev, status.st_ino, READY, now())
        os.rename(self.partial, self.ready)
        self._write(journal)

    def switch(self) -> str:
        """Make the restored directory the live one and return the path of what was live before, empty when nothing was."""
        journal = self._known(READY)
        former = self._free_name() if os.path.lexists(self.live) else ""
        self._write(replace(journal, state=SWITCHING, former=os.path.basename(former)))
        if former:
            self._swap(self.ready, self.live, former)
        else:
            os.rename(self.ready, self.live)
        self._write(replace(journal, state=SWITCHED, former=os.path.basename(former), since=now()))
        return former

    def undo(self) -> str:
        """Make what was live before live again and return the path where the restored directory is kept."""
        journal = self._known(SWITCHED)
        former = self._beside(journal.former) if journal.former else ""
        if not former or not os.path.isdir(former):
            raise Refused(
                f"The directory that was live before the restore of {self.point} is gone ({former or 'there was none'}):"
                " nothing can be undone, restore another restore point."
            )
        self._write(replace(journal, state=UNDOING))
        self._swap(former, self.live, self.ready)
        self._write(replace(journal, state=UNDONE, former="", since=now()))
        return self.ready

    def _swap(self, incoming: str, live: str, aside: str) -> None:
        """Exchange ``incoming`` and ``live``, then name what was live ``aside``; the live name is never missing.

        Where the file system cannot exchange, it is missing between two renames, and :meth:`settle` ends what a stop
        there leaves.
        """
        if exchange(incoming, live):
            os.rename(incoming, aside)
        else:
            os.rename(live, aside)
            os.rename(incoming, live)
        sync_directory(os.path.dirname(live))

    def settle(self) -> None:
        """End what a stopped run began: a switch or undo is finished when it had begun to rename, else taken back."""
        journal = self.journal()
        if journal is None or journal.state not in (SWITCHING, UNDOING):
            return
        switching = journal.state == SWITCHING
        former = self._beside(journal.former) if journal.former else ""
        incoming, aside = (self.ready, former) if switching else (former, self.ready)
        here = self._is_it(self.live, journal)
        if os.path.lexists(self.live) and here != switching:
            state = READY if switching else SWITCHED  # nothing was renamed yet
            self._write(replace(journal, state=state, former="" if switching else journal.former))
            return
        if not os.path.lexists(self.live):
            os.rename(incoming, self.live)
        elif os.path.lexists(incoming) and aside:
            os.rename(incoming, aside)
        done = replace(journal, state=SWITCHED) if switching else replace(journal, state=UNDONE, former="")
        self._write(replace(done, since=now()))

    def _known(self, state: str) -> Journal:
        self.settle()
        journal = self.journal()
        if journal is None or journal.state != state:
            raise Refused(
                f"There is nothing to {'switch' if state == READY else 'undo'} beside {self.live}"
                f" for the restore point {self.point}: restore it first."
            )
        return journal

    def _beside(self, name: str) -> str:
        return os.path.join(os.path.dirname(self.live), name)

    def _free_name(self) -> str:
        base = f"{self.live}__before_{self.point}"
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


def sync_directory(path: str) -> None:
    """Have renames in a directory outlive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
    """What lies beside a live documents directory and could be made live again, oldest first."""
    live = os.path.realpath(path)
    pattern = re.compile(rf"{re.escape(os.path.basename(live))}__(?:before|restore)_(\d{{8}}T\d{{6}}Z)(?:_\d+)?")
    found = []
    with suppress(FileNotFoundError), os.scandir(os.path.dirname(live)) as entries:
        for entry in entries:
            match = pattern.fullmatch(entry.name)
            if match and entry.is_dir(follow_symlinks=False):
                # Renaming is the last thing that was done to it.
                changed = datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_ctime, UTC)
                found.append(FormerDirectory(entry.path, match[1], changed))
    return sorted(found, key=lambda one: (one.since, one.path))


def restored_points(path: str) -> list[Journal]:
    """The restore points that were made live at ``path`` and not undone, newest last."""
    live = os.path.realpath(path)
    pattern = re.compile(rf"{re.escape(os.path.basename(live))}__restore_(\d{{8}}T\d{{6}}Z)\.json")
    with suppress(FileNotFoundError):
        points = [match[1] for name in os.listdir(os.path.dirname(live)) if (match := pattern.fullmatch(name))]
        journals = [DocumentsSwitch(live, point).journal() for point in points]
        switched = [one for one in journals if one is not None and one.state in (SWITCHING, SWITCHED, UNDOING)]
        return sorted(switched, key=lambda one: one.since)
    return []


def drop_former_directories(path: str, keep: timedelta, at: datetime) -> list[str]:
    """Remove what was put aside longer ago than ``keep``, and what a stopped removal left. Returns the paths."""
    live = os.path.realpath(path)
    parent, name = os.path.split(live)
    for left in [entry for entry in os.listdir(parent) if entry.startswith(f"{name}__dropping_")]:
        shutil.rmtree(os.path.join(parent, left))
    dropped = []
    for former in former_directories(path):
        if at - former.since >= keep:
            # Half removed it must not look like a state that could be made live again.
            doomed = os.path.join(parent, f"{name}__dropping_{former.point}")
            os.rename(former.path, doomed)
            shutil.rmtree(doomed)
            dropped.append(former.path)
    return dropped
