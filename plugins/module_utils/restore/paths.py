# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which paths of an index may be written, and which of them are wanted: decided before anything is."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Collection, Iterable, Iterator

from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import (
    DIRECTORY,
    FILE,
    HARDLINK,
    SYMLINK,
    Entry,
    display,
    order,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

KINDS = (FILE, DIRECTORY, SYMLINK, HARDLINK)
SHA256 = re.compile("[0-9a-f]{64}")
MOST_ID = 2**32 - 2  # the one above means "leave as it is"
MOST_NUMBER = 2**63 - 1


class PathError(ErpError):
    """An index asks for something that must not or cannot be written."""


def path_fault(path: bytes) -> str:
    """Why a path must not be written below a directory; empty when it may."""
    if b"\0" in path:
        return "holds a NUL byte"
    if path.startswith(b"/"):
        return "is absolute"
    if not {b"", b".", b".."}.isdisjoint(path.split(b"/")):
        return "has an empty component, '.' or '..'"
    return ""


def fault(entry: Entry) -> str:
    """Why an entry cannot be restored, whatever else the index holds; empty when it can."""
    numbers = (entry.mode, entry.uid, entry.gid, entry.mtime_ns, entry.size, entry.frame, entry.offset)
    if reason := path_fault(entry.path):
        return reason
    if entry.kind not in KINDS:
        return f"is of the unknown type {entry.kind!r}"
    if not all(
        isinstance(number, int) and not isinstance(number, bool) and abs(number) <= MOST_NUMBER for number in numbers
    ):
        return "has an impossible number"
    if not (0 <= entry.mode <= 0o7777 and 0 <= entry.uid <= MOST_ID and 0 <= entry.gid <= MOST_ID):
        return "has an impossible mode or owner"
    if min(entry.size, entry.frame, entry.offset) < 0:
        return "has an impossible size or place"
    if entry.kind == FILE and not SHA256.fullmatch(entry.sha256):
        return "has no SHA-256"
    if entry.kind == SYMLINK and (not entry.target or b"\0" in entry.target):
        return "is a link to nothing"
    return ""


def checked(entries: Iterable[Entry], address: str) -> Iterator[Entry]:
    """The entries of the index at ``address``, each found to be writable below a directory by itself.

    Raises :class:`PathError` at the first that is not: traversal, a name given twice, something below a thing that is
    no directory. An index is in the order of the walk, so only the directories above the last entry are remembered.
    """
    above: list[bytes] = []
    last = b""
    for entry in entries:
        reason = fault(entry)
        place = order(entry.path)
        if not reason and place <= last:
            reason = "comes twice" if place == last else "is out of order"
        parent = entry.path.rpartition(b"/")[0]
        while above and above[-1] != parent:
            above.pop()
        if not reason and parent and not above:
            reason = "lies below something that is not a directory there"
        if reason:
            raise PathError(
                f"{address} names {display(entry.path)!r}, which {reason}: do not trust it, choose another restore point."
            )
        if entry.kind == DIRECTORY:
            above.append(entry.path)
        last = place
        yield entry


def matcher(patterns: Iterable[str]) -> Callable[[bytes], bool]:
    """Whether a path as a whole matches one of the shell patterns, in which ``*`` passes slashes too."""
    either = re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns) or "(?!)")
    return lambda path: either.match(path.decode("utf-8", "surrogateescape")) is not None


def chosen(entries: Iterable[Entry], patterns: Collection[str]) -> Iterator[Entry]:
    """The entries that match a pattern, and before them the directories above; all of them without patterns."""
    if not patterns:
        yield from entries
        return
    matches = matcher(patterns)
    above: list[Entry] = []  # directories, the outermost first
    given = 0  # so many of them were yielded
    for entry in entries:
        while above and not entry.path.startswith(above[-1].path + b"/"):
            above.pop()
        given = min(given, len(above))
        wanted = matches(entry.path)
        if wanted:
            yield from above[given:]
            given = len(above)
            yield entry
        if entry.kind == DIRECTORY:
            above.append(entry)
            given += wanted


def leaves(path: bytes, target: bytes, links: Collection[bytes]) -> bool:
    """Whether a symbolic link leads out of the tree; ``links`` are the paths of all symbolic links there.

    What follows another link is not guessed: going up from there counts as leaving.
    """
    if target.startswith(b"/"):
        return True
    place = path.split(b"/")[:-1]
    crossed = False
    for name in target.split(b"/"):
        if name == b"..":
            if not place or crossed:
                return True
            place.pop()
        elif name not in (b"", b"."):
            place.append(name)
            crossed = crossed or b"/".join(place) in links
    return False
