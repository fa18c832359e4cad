# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documents directory as it is: one walk, in a fixed order, and reading that never takes half of two versions."""

from __future__ import annotations

import errno
import fnmatch
import grp
import hashlib
import os
import pwd
import re
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import NamedTuple

from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import (
    DIRECTORY,
    FILE,
    HARDLINK,
    SYMLINK,
    Entry,
    order,
)
from ansible_collections.arcodange.erp.plugins.module_utils.volumes import set_apart

ATTEMPTS = 3  # a file that changes while it is read is read again so often
SETTLE = 0.1  # seconds; a change within one tick of the file system's clock would leave its times as they are
CHUNK = 256 << 10  # larger pieces would leave larger holes in the memory of the process
BLOCK = 4 << 20
NAME = attrgetter("name")
GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)


@dataclass(frozen=True, slots=True)
class Problem:
    """A thing that could not be taken, and why: ``unreadable``, ``vanished``, ``unstable`` or ``special``."""

    path: bytes
    reason: str


class Found(NamedTuple):
    """A thing met by the walk; ``target`` is the earlier path that a hard link shares its content with."""

    path: bytes
    kind: str
    stat: os.stat_result
    target: bytes = b""


class Changing(Exception):
    """A file changed each time it was read."""


def why(error: OSError) -> str:
    """The reason to give for a thing that could not be looked at or opened."""
    return "vanished" if error.errno in GONE else "unreadable"


@dataclass(frozen=True, slots=True)
class Exclusion:
    """What to leave out: ``things`` one by one, and directories with all they hold whose path and slash match ``trees``."""

    things: re.Pattern[bytes]
    trees: re.Pattern[bytes]


def exclusion(patterns: Iterable[str]) -> Exclusion:
    """Read shell patterns that are matched against the path with a slash before it."""
    given = list(patterns)
    # Only a pattern that ends in a star matches, with a directory, whatever may lie below it.
    return Exclusion(_any_of(given), _any_of(pattern for pattern in given if pattern.endswith("*")))


def _any_of(patterns: Iterable[str]) -> re.Pattern[bytes]:
    return re.compile(b"|".join(fnmatch.translate(pattern).encode() for pattern in patterns) or rb"(?!)")


def walk(root: bytes, excluded: Exclusion) -> Iterator[Found | Problem]:
    """Everything below ``root`` in the order of :func:`index.order`; links are named, not followed.

    A directory whose whole content is excluded is left out with it, and at the top what is set apart from documents.
    """
    first_names: dict[tuple[int, int], bytes] = {}
    apart = {os.fsencode(name) for name in set_apart(os.fsdecode(root))}
    top = (child for child in _children(root, b"") if child[0] not in apart)
    waiting: list[Iterator[tuple[bytes, os.DirEntry[bytes]]]] = [top]
    while waiting:
        path, entry = next(waiting[-1], (b"", None))
        if entry is None:
            waiting.pop()
            continue
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError as error:
            yield Problem(path, why(error))
            continue
        mode = status.st_mode
        if stat.S_ISDIR(mode):
            if excluded.trees.match(b"/" + path + b"/"):
                continue
            yield Found(path, DIRECTORY, status)
            try:
                waiting.append(_children(root, path))
            except OSError as error:
                yield Problem(path, why(error))
        elif excluded.things.match(b"/" + path):
            continue
        elif stat.S_ISREG(mode):
            first = first_names.setdefault((status.st_dev, status.st_ino), path) if status.st_nlink > 1 else path
            yield Found(path, FILE, status) if first == path else Found(path, HARDLINK, status, first)
        elif stat.S_ISLNK(mode):
            yield Found(path, SYMLINK, status)
        else:
            yield Problem(path, "special")


def _children(root: bytes, path: bytes) -> Iterator[tuple[bytes, os.DirEntry[bytes]]]:
    with os.scandir(b"%b/%b" % (root, path)) as entries:
        found = sorted(entries, key=NAME)
    before = path + b"/" if path else b""
    return iter([(before + entry.name, entry) for entry in found])


def joined(
    found: Iterable[Found | Problem], previous: Iterable[Entry]
) -> Iterator[tuple[Found | Problem | None, Entry | None]]:
    """Pair what the walk meets with the entries of an earlier index; both are in the same order."""
    old = iter(previous)
    entry = next(old, None)
    for item in found:
        place = order(item.path)
        while entry is not None and order(entry.path) < place:
            yield None, entry
            entry = next(old, None)
        if entry is not None and entry.path == item.path:
            yield item, entry
            if isinstance(item, Found):  # a directory that cannot be listed is met twice: as itself and as a problem
                entry = next(old, None)
        else:
            yield item, None
    while entry is not None:
        yield None, entry
        entry = next(old, None)


def same(found: Found, entry: Entry) -> bool:
    """Whether a thing is as the index has it, judged by its metadata alone."""
    status = found.stat
    return (
        found.kind == entry.kind
        and status.st_mtime_ns == entry.mtime_ns
        and (found.kind == DIRECTORY or status.st_ctime_ns == entry.ctime_ns)
        and (found.kind != FILE or status.st_size == entry.size)
        and stat.S_IMODE(status.st_mode) == entry.mode
        and status.st_uid == entry.uid
        and status.st_gid == entry.gid
        and (found.kind != HARDLINK or found.target == entry.target)
    )


def describe(found: Found, status: os.stat_result, target: bytes = b"", sha256: str = "", md5: str = "") -> Entry:
    """The entry of a thing, without the place of its content."""
    return Entry(
        found.path,
        found.kind,
        stat.S_IMODE(status.st_mode),
        status.st_uid,
        status.st_gid,
        user_name(status.st_uid),
        group_name(status.st_gid),
        status.st_mtime_ns,
        0 if found.kind == DIRECTORY else status.st_ctime_ns,  # a directory's own times say nothing of what it holds
        status.st_size if found.kind == FILE else 0,
        sha256,
        md5,
        target=target,
    )


@cache
def user_name(uid: int) -> str:
    """The name of a user, or nothing where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


@cache
def group_name(gid: int) -> str:
    """The name of a group, or nothing where there is none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""


@dataclass(frozen=True, slots=True)
class Content:
    """What was read of a file in one piece of its life: its digests, its metadata then, and its bytes when kept."""

    stat: os.stat_result
    sha256: bytes
    md5: str
    blocks: tuple[bytes, ...] | None


def read_file(path: bytes, keep: bool, with_md5: bool) -> Content:
    """Read a regular file so that its bytes are those of one moment; ``keep`` its bytes, else digests only.

    Raises :class:`Changing` when it changed each time, and what the system says when it cannot be opened.
    """
    for _attempt in range(ATTEMPTS):
        descriptor = _open_plain(path)
        try:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise Changing
            if 0 <= time.time_ns() - before.st_ctime_ns < SETTLE * 1e9:
                time.sleep(SETTLE)
                before = os.fstat(descriptor)
            sha256 = hashlib.sha256()
            md5 = hashlib.md5(usedforsecurity=False) if with_md5 else None
            blocks: list[bytes] = []
            size = 0
            # One byte more than expected shows growth that the times may not show yet.
            while block := os.read(descriptor, min(CHUNK, before.st_size + 1 - size)):
                size += len(block)
                sha256.update(block)
                if md5:
                    md5.update(block)
                if keep:
                    blocks.append(block)
                if size >= before.st_size:
                    break
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        if size == before.st_size and _moment(before) == _moment(after):
            return Content(after, sha256.digest(), md5.hexdigest() if md5 else "", tuple(blocks) if keep else None)
    raise Changing


def second_reading(path: bytes, first: Content) -> Iterator[bytes]:
    """The bytes of a file that was read before, in large blocks; raises :class:`Changing` unless they are the same."""
    with open(_open_plain(path), "rb", buffering=0) as file:
        sha256 = hashlib.sha256()
        while block := file.read(BLOCK):
            sha256.update(block)
            yield block
        if sha256.digest() != first.sha256 or _moment(os.fstat(file.fileno())) != _moment(first.stat):
            raise Changing


def _open_plain(path: bytes) -> int:
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _moment(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
