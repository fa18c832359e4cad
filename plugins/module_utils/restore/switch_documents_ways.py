# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the directories of restores lie: beside the live documents directory, or inside it where it is a mount point.

Both ways exchange the names of directories. Beside, one of them is the live directory itself. Inside, the live tree has a
directory too, ``.erp_restore/live``, which is empty but while trees are exchanged: the documents are gathered in it, the
names are exchanged, and what has the name then is spread into the root. So at any moment the root and
``.erp_restore/live`` together are one complete tree, and spreading completes the root.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from ansible_collections.arcodange.erp.plugins.module_utils import volumes
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.private_files import sync_directory

LONGEST_NAME = 255  # bytes


class Way(Protocol):
    """One of the two ways; ``prefix`` begins the path of everything a restore keeps, ``tree`` is what is exchanged."""

    live: str
    tree: str
    prefix: str
    space: str  # a directory on the file system that is written to

    def check(self, point: str) -> None:
        """Raise a sentence when the switch could not be made; nothing is changed."""

    def check_restored(self, path: str) -> None:
        """Raise a sentence when a restored tree cannot become the live one."""

    def prepare(self) -> None:
        """Make what must be there before anything is restored or exchanged."""

    def roots(self, incoming: str) -> Sequence[Sequence[int]]:
        """What the roots of the live tree and of the incoming one are like, where moving their entries changes that."""

    def gather(self) -> None:
        """Bring the whole live tree into the directory that is exchanged."""

    def spread(self, kept: str, kept_root: Sequence[int], live_root: Sequence[int]) -> None:
        """Make the tree in the directory that is exchanged live, and give both roots back what they were like."""


class Beside:
    """Directories beside the live one, which is renamed itself."""

    def __init__(self, live: str) -> None:
        self.live = self.tree = live
        self.prefix = f"{live}__"
        self.space = os.path.dirname(live)

    def check(self, point: str) -> None:
        name = os.path.basename(self.live)
        if not os.path.isdir(self.space):
            raise ErpError(f"The directory {self.space} does not exist: create it or correct documents_path.")
        if not os.access(self.space, os.W_OK | os.X_OK):
            raise ErpError(
                f"This user may not write to {self.space}: run as its owner, the directories beside {name} change."
            )
        if len(os.fsencode(f"{name}__restoring_{point}.json")) > LONGEST_NAME:
            raise ErpError(f"The name {name} is too long to keep directories beside it: shorten documents_path.")

    def check_restored(self, path: str) -> None:
        pass

    def prepare(self) -> None:
        pass

    def roots(self, incoming: str) -> Sequence[Sequence[int]]:
        return ()

    def gather(self) -> None:
        pass

    def spread(self, kept: str, kept_root: Sequence[int], live_root: Sequence[int]) -> None:
        pass


class Inside:
    """Directories inside the live one, whose documents are renamed one by one."""

    def __init__(self, live: str) -> None:
        self.live = self.space = live
        self._home = os.path.join(live, volumes.OURS)
        self.prefix = os.path.join(self._home, "")
        self.tree = f"{self.prefix}live"

    def check(self, point: str) -> None:
        if os.path.lexists(self._home) and (os.path.islink(self._home) or not os.path.isdir(self._home)):
            raise Refused(f"{self._home} is not a directory: move it away.")
        for place in (self.live, self._home):
            if os.path.lexists(place) and not os.access(place, os.R_OK | os.W_OK | os.X_OK):
                raise ErpError(f"This user may not write to {place}: run as its owner, what lies in it is moved.")
        for path in (os.path.join(self.live, name) for name in volumes.documents_in(self.live)):
            if volumes.is_mount_point(path):
                raise Refused(
                    f"{path} is a mount point inside the documents, which cannot be moved: mount it elsewhere, or restore with mode=into."
                )
            # A directory that gets another one above it is itself written to.
            if os.path.isdir(path) and not os.path.islink(path) and not os.access(path, os.W_OK):
                raise ErpError(f"This user may not move the directory {path}: run as its owner or as root.")

    def check_restored(self, path: str) -> None:
        taken = sorted(set(os.listdir(path)) & set(volumes.reserved_names(self.live)))
        if taken:
            raise Refused(
                f"The restore point holds {' and '.join(taken)}, which {self.live} cannot take because it is the root of a"
                " volume: restore with mode=into, nothing was switched."
            )

    def prepare(self) -> None:
        if not os.path.isdir(self._home):
            before = os.stat(self.live)
            os.mkdir(self._home)
            os.chmod(self._home, 0o755)  # a backup by another user looks there whether a switch has ended
            with suppress(PermissionError):  # the time of somebody else's directory
                os.utime(self.live, ns=(before.st_atime_ns, before.st_mtime_ns))
        with suppress(FileExistsError):
            os.mkdir(self.tree, 0o700)

    def roots(self, incoming: str) -> Sequence[Sequence[int]]:
        return _root_of(self.live), _root_of(incoming)

    def gather(self) -> None:
        self._open()
        while names := volumes.documents_in(self.live):
            for name in names:
                _rename(os.path.join(self.live, name), os.path.join(self.tree, name))
        sync_directory(self.tree)
        sync_directory(self.live)

    def spread(self, kept: str, kept_root: Sequence[int], live_root: Sequence[int]) -> None:
        if os.path.lexists(kept):
            _describe(kept, kept_root)
        self._open()
        for name in sorted(os.listdir(self.tree)):
            _rename(os.path.join(self.tree, name), os.path.join(self.live, name))
        _describe(self.live, live_root)
        sync_directory(self.live)
        sync_directory(self.tree)

    def _open(self) -> None:
        """Have both directories written to by this user and seen by nobody else until their roots are described."""
        for place in (self.live, self.tree):
            with suppress(PermissionError):  # a group may write to a volume that belongs to somebody else
                os.chmod(place, 0o700)


def way_for(path: str) -> Way:
    """Inside where the path is a mount point, or was one of another host or container when it was restored before."""
    live = os.path.realpath(path)
    if volumes.is_mount_point(live) or os.path.isdir(os.path.join(live, volumes.OURS)):
        return Inside(live)
    return Beside(live)


def _rename(old: str, new: str) -> None:
    if os.path.lexists(new):
        raise ErpError(
            f"{new} appeared while the documents were being switched: stop the application, move that away and run"
            " erp_restore with settle=true."
        )
    os.rename(old, new)


def _root_of(path: str) -> Sequence[int]:
    status = os.stat(path)
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns


def _describe(path: str, root: Sequence[int]) -> None:
    """Give a directory the mode, owner and time of a root, as far as this user may."""
    mode, uid, gid, mtime_ns = root
    with suppress(PermissionError):
        os.chown(path, uid, gid)
    with suppress(PermissionError):
        os.chmod(path, mode)
    with suppress(PermissionError):
        os.utime(path, ns=(mtime_ns, mtime_ns))
