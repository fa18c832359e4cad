# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restoring the documents: every content compared with its digest while it is written, nothing written elsewhere."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import stat
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from ansible_collections.arcodange.erp.plugins.module_utils.backup.documents import FRAME
from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import (
    DIRECTORY,
    FILE,
    HARDLINK,
    SYMLINK,
    Entry,
    display,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import KeyMissing, Store
from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import StoredObject, ordered
from ansible_collections.arcodange.erp.plugins.module_utils.backup.tree import (
    GONE,
    Found,
    Problem,
    exclusion,
    joined,
    walk,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.restore.frames import (
    FETCHERS,
    Damage,
    Decompressor,
    Frame,
    Span,
    read_frames,
)
from ansible_collections.arcodange.erp.plugins.module_utils.restore.paths import PathError, chosen, leaves
from ansible_collections.arcodange.erp.plugins.module_utils.restore.selection import Selection, Thing, read_entries

WORKERS = min(4, os.cpu_count() or 1)
WINDOW = WORKERS + 2
BATCH = 64  # files hashed in one go
MOST_THINGS = 512  # made in one go: a content may have any number of names
SLACK = FRAME + (64 << 10)  # what may follow a content in its last frame
COPY = 1 << 20
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
PRIVATE = 0o700  # nobody else may enter until everything is in place
OUTSIDE = "outside"
ADVICE = {
    errno.ENOSPC: "free space there",
    errno.EDQUOT: "raise the quota there",
    errno.EACCES: "run as a user who may write there",
    errno.EPERM: "run as a user who may write there",
    errno.EROFS: "choose a directory that can be written",
}


@dataclass(frozen=True)
class RestoredDocuments:
    """What was restored. ``refused`` are symbolic links that lead out of the tree and were not made, with the reason
    ``outside``; ``owners_kept`` counts things whose owner or group this user may not set; ``objects_read`` those of
    the store, the index included.
    """

    files: int
    directories: int
    links: int
    content_bytes: int
    objects_read: int
    refused: tuple[Problem, ...] = ()
    owners_kept: int = 0

    def to_facts(self) -> dict[str, Any]:
        """The JSON form used in results."""
        return asdict(self) | {
            "refused": [{"path": display(item.path), "reason": item.reason} for item in self.refused]
        }


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """A thing that is not as the index says: ``missing``, ``extra``, or another ``content`` or ``metadata``."""

    path: bytes
    what: str


def index_of(manifest: Manifest) -> StoredObject:
    """The object that lists the documents of a restore point."""
    return manifest.part("index")[0]


def restore_documents(
    store: Store, manifest: Manifest, target: str, progress: Progress, patterns: Sequence[str] = ()
) -> RestoredDocuments:
    """Restore the documents of a restore point into ``target``, which must be absent or empty.

    With ``patterns`` only what matches one of them and the directories above, reading no more than that takes; without,
    every byte of every archive is compared with the manifest. Raises :class:`ErpError` in one sentence when anything
    is not as it was stored or cannot be written; what was made until then is left for the caller to remove.
    """
    with ExitStack() as stack:
        return _Run(store, manifest, target, progress, patterns, stack).run()


class _Growing:
    """A file whose content comes from more than one frame; ``begin`` counts from the beginning of the span."""

    def __init__(self, things: list[Thing], begin: int) -> None:
        self.things = things
        self.begin = begin
        self.end = begin + things[0].size
        self.left = things[0].size
        self.digest = hashlib.sha256()
        self.descriptor = -1


class _Job(NamedTuple):
    """A frame, the contents that it holds whole, each with its offset and all the things that have it, and parts."""

    frame: Frame
    whole: list[tuple[int, list[Thing]]]
    parts: list[tuple[_Growing, int, int]]


class _Run:
    """One restore."""

    def __init__(
        self,
        store: Store,
        manifest: Manifest,
        target: str,
        progress: Progress,
        patterns: Sequence[str],
        stack: ExitStack,
    ) -> None:
        self._store = store
        self._manifest = manifest
        self._target = target
        self._progress = progress
        self._patterns = patterns
        self._stack = stack
        self._index = index_of(manifest)
        self._address = store.describe(self._index.key)
        self._archives = {item.key: item for item in manifest.part("documents")}
        self._read = {self._index.key}
        self._root = -1
        self._decompress = Decompressor()
        self._lock = threading.Lock()
        self._owners_kept = 0
        self._counts = dict.fromkeys((FILE, DIRECTORY, SYMLINK), 0)
        self._content_bytes = 0
        self._open: set[int] = set()
        self._growing: list[_Growing] = []
        self._next: list[Thing] = []

    def run(self) -> RestoredDocuments:
        """Choose, check, write, make durable."""
        self._selection = Selection(chosen(read_entries(self._store, self._index), self._patterns))
        self._stack.callback(self._selection.close)
        self._check_archives()
        self._find_lost_targets()
        refused = tuple(self._leaving())
        self._make_target()
        for thing in self._selection.directories():
            try:
                os.mkdir(thing.path, PRIVATE, dir_fd=self._root)
            except OSError as error:
                raise self._failed(error, thing) from error
            self._counts[DIRECTORY] += 1
        for thing in self._selection.empty_files():
            self._check(thing, hashlib.sha256())
            self._make(thing, b"")
        try:
            self._write_contents()
        except Damage as damage:
            raise self._damaged(damage) from damage
        except KeyMissing as missing:
            raise self._missing(missing) from missing
        self._link({item.path for item in refused})
        self._finish_directories()
        return RestoredDocuments(
            self._counts[FILE],
            self._counts[DIRECTORY],
            self._counts[SYMLINK],
            self._content_bytes,
            len(self._read),
            refused,
            self._owners_kept,
        )

    # Deciding

    def _check_archives(self) -> None:
        for key in self._selection.archives():
            if key not in self._archives:
                path, count = self._selection.held_by(key)
                raise PathError(
                    f"{self._address} looks for {count} documents, {display(path)} among them, in {self._store.describe(key)},"
                    " which the manifest does not name: do not trust it, choose another restore point."
                )

    def _find_lost_targets(self) -> None:
        """Hard links to a file that is not wanted itself get its content; to one that is not there they are refused."""
        lost = self._selection.lost_targets()
        if lost and self._patterns:
            for entry in read_entries(self._store, self._index):
                if entry.kind == FILE and entry.path in lost:
                    self._selection.adopt(entry)
                    lost.discard(entry.path)
            self._check_archives()
        if lost:
            raise PathError(
                f"{self._address} has a hard link to {display(min(lost))!r}, which is no file there:"
                " do not trust it, choose another restore point."
            )

    def _leaving(self) -> Iterator[Problem]:
        links = {thing.path for thing in self._selection.symbolic_links()}
        for thing in self._selection.symbolic_links():
            if leaves(thing.path, thing.target, links):
                yield Problem(thing.path, OUTSIDE)

    # Reading

    def _spans(self) -> Iterator[Span]:
        if not self._patterns:
            for key in sorted(self._archives):
                self._read.add(key)
                yield Span(self._archives[key], 0, self._archives[key].size, whole=True)
            return
        span: Span | None = None
        for thing in self._selection.files():
            archive = self._archives[thing.archive]
            content = thing.offset + thing.size
            end = min(archive.size, thing.frame + content + content // 128 + SLACK)
            if span is not None and span.archive == archive and thing.frame <= span.end:
                span = span._replace(end=max(span.end, end))
                continue
            if span is not None:
                yield span
            self._read.add(archive.key)
            span = Span(archive, thing.frame, end)
        if span is not None:
            yield span

    def _contents(self) -> Iterator[list[Thing]]:
        """Things with one content, which lies in one place, in the order of the archives."""
        group: list[Thing] = []
        for thing in self._selection.files():
            if group and (group[0][-5:] != thing[-5:] or len(group) >= MOST_THINGS):
                yield group
                group = []
            group.append(thing)
        if group:
            yield group

    def _needs_more(self, key: str, start: int) -> bool:
        return bool(self._growing) or bool(self._next and _place(self._next) == (key, start))

    def _jobs(self, frames: Iterable[Frame]) -> Iterator[_Job]:
        """What is to be made of each frame."""
        contents = self._contents()
        self._next = next(contents, [])
        expected = ("", 0)
        position = 0  # in what the span decompresses to
        for frame in frames:
            if (frame.key, frame.start) != expected:
                self._check_grown(expected)
                position = 0
            expected = (frame.key, frame.end)
            end = position + frame.size
            whole: list[tuple[int, list[Thing]]] = []
            count = 0
            while self._next and _place(self._next) == (frame.key, frame.start):
                offset = self._next[0].offset
                if offset + self._next[0].size <= frame.size:
                    whole.append((offset, self._next))
                    count += len(self._next)
                else:
                    self._growing.append(_Growing(self._next, position + offset))
                if count >= MOST_THINGS:
                    yield _Job(frame, whole, [])
                    whole, count = [], 0
                self._next = next(contents, [])
            parts = [
                (growing, max(growing.begin, position) - position, min(growing.end, end) - position)
                for growing in self._growing
                if growing.begin < end
            ]
            self._growing = [growing for growing in self._growing if growing.end > end]
            if whole or parts:
                yield _Job(frame, whole, parts)
            position = end
        self._check_grown(expected)
        if self._next:
            raise Damage(*_place(self._next), "no frame begins there")

    def _check_grown(self, place: tuple[str, int]) -> None:
        if self._growing:
            raise Damage(*place, "it ends early")

    # Writing

    def _write_contents(self) -> None:
        self._stack.callback(self._close_all)
        with (
            ThreadPoolExecutor(FETCHERS, thread_name_prefix="fetch") as fetchers,
            ThreadPoolExecutor(WORKERS, thread_name_prefix="documents") as workers,
        ):
            frames = read_frames(self._store, fetchers, self._spans(), self._needs_more)
            for parts in ordered(workers, self._unpack, self._jobs(frames), WINDOW):
                for growing, part in parts:
                    self._grow(growing, part)

    def _unpack(self, job: _Job) -> list[tuple[_Growing, memoryview]]:
        """Decompress a frame, write what it holds whole and return the rest; runs in a thread."""
        content = memoryview(self._decompress(job.frame))
        for offset, things in job.whole:
            piece = content[offset : offset + things[0].size]
            self._check(things[0], hashlib.sha256(piece))
            for thing in things:
                self._make(thing, piece)
        return [(growing, content[begin:end]) for growing, begin, end in job.parts]

    def _check(self, thing: Thing, digest: hashlib._Hash) -> None:
        if digest.hexdigest() != thing.sha256:
            where = self._store.describe(thing.archive)
            raise ErpError(
                f"The content of {display(thing.path)} in {where} is not the one that was stored (its SHA-256 differs):"
                " choose another restore point, and verify this one with verify=full.",
                key=thing.archive,
                path=display(thing.path),
            )

    def _make(self, thing: Thing, content: bytes | memoryview) -> None:
        """Make a file at once."""
        try:
            descriptor = os.open(thing.path, CREATE, 0o600, dir_fd=self._root)
            try:
                _write(descriptor, content)
                kept = _describe(descriptor, thing)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._failed(error, thing) from error
        self._count(thing, kept)

    def _grow(self, growing: _Growing, part: memoryview) -> None:
        """Add to a file, and see to its further copies once it is whole."""
        thing = growing.things[0]
        try:
            if growing.descriptor < 0:
                growing.descriptor = os.open(thing.path, CREATE, 0o600, dir_fd=self._root)
                self._open.add(growing.descriptor)
            _write(growing.descriptor, part)
            growing.digest.update(part)
            growing.left -= len(part)
            if growing.left:
                return
            self._check(thing, growing.digest)
            kept = _describe(growing.descriptor, thing)
            self._open.discard(growing.descriptor)
            os.close(growing.descriptor)
        except OSError as error:
            raise self._failed(error, thing) from error
        self._count(thing, kept)
        for other in growing.things[1:]:
            self._copy(thing, other)

    def _copy(self, made: Thing, thing: Thing) -> None:
        with ExitStack() as stack:
            try:
                source = os.open(made.path, READ, dir_fd=self._root)
                stack.callback(os.close, source)
                descriptor = os.open(thing.path, CREATE, 0o600, dir_fd=self._root)
                stack.callback(os.close, descriptor)
                while block := os.read(source, COPY):
                    _write(descriptor, block)
                kept = _describe(descriptor, thing)
                stack.close()
            except OSError as error:
                raise self._failed(error, thing) from error
        self._count(thing, kept)

    def _count(self, thing: Thing, owner_kept: bool) -> None:
        with self._lock:
            self._counts[FILE] += 1
            self._content_bytes += thing.size
            self._owners_kept += owner_kept
        self._progress.add(read=thing.size, files=1)

    def _close_all(self) -> None:
        for descriptor in self._open:
            os.close(descriptor)

    def _link(self, refused: set[bytes]) -> None:
        """Links come when every file is written, so that none is written through one."""
        root = self._root
        for thing in self._selection.hard_links():
            try:
                os.link(thing.target, thing.path, src_dir_fd=root, dst_dir_fd=root, follow_symlinks=False)
            except OSError as error:
                raise self._failed(error, thing) from error
            self._counts[SYMLINK] += 1
        for thing in self._selection.symbolic_links():
            if thing.path not in refused:
                try:
                    os.symlink(thing.target, thing.path, dir_fd=root)
                    self._own(thing)
                    os.utime(thing.path, ns=(thing.mtime_ns,) * 2, dir_fd=root, follow_symlinks=False)
                except OSError as error:
                    raise self._failed(error, thing) from error
                self._counts[SYMLINK] += 1

    def _own(self, thing: Thing) -> None:
        try:
            os.chown(thing.path, thing.uid, thing.gid, dir_fd=self._root, follow_symlinks=False)
        except PermissionError:
            self._owners_kept += 1

    def _finish_directories(self) -> None:
        for thing in self._selection.directories(deepest_first=True):
            try:
                self._own(thing)
                os.chmod(thing.path, thing.mode, dir_fd=self._root)
                os.utime(thing.path, ns=(thing.mtime_ns,) * 2, dir_fd=self._root, follow_symlinks=False)
            except OSError as error:
                raise self._failed(error, thing) from error
        root = self._manifest.data["documents"]["root"]
        try:
            try:
                os.fchown(self._root, root["uid"], root["gid"])
            except PermissionError:
                self._owners_kept += 1
            os.fchmod(self._root, int(root["mode"], 8))
            if "mtime_ns" in root:
                os.utime(self._root, ns=(root["mtime_ns"],) * 2)
            _flush(self._root)
        except OSError as error:
            raise self._failed(error) from error

    def _make_target(self) -> None:
        """Make or take the directory; what is done in it goes through its descriptor, whatever becomes of its name."""
        try:
            try:
                os.mkdir(self._target, PRIVATE)
            except FileExistsError:
                pass
            self._root = os.open(self._target, READ | os.O_DIRECTORY)
            self._stack.callback(os.close, self._root)
            if os.listdir(self._root):
                raise Refused(f"The directory {self._target} is not empty: name one that is empty or does not exist.")
            os.fchmod(self._root, PRIVATE)
        except OSError as error:
            advice = "name a directory of yours that is empty or does not exist"
            raise ErpError(f"Cannot restore into {self._target} ({error.strerror}): {advice}.") from error

    # Saying what went wrong

    def _failed(self, error: OSError, thing: Thing | None = None) -> ErpError:
        what = "the documents" if thing is None else display(thing.path)
        source = f" from {self._store.describe(thing.archive)}" if thing is not None and thing.archive else ""
        advice = ADVICE.get(error.errno or 0, "check that file system")
        return ErpError(
            f"Cannot restore {what}{source} into {self._target} ({error.strerror}): {advice} and run again.",
            **({} if thing is None else {"path": display(thing.path)}),
        )

    def _damaged(self, damage: Damage) -> ErpError:
        path, count = self._selection.held_by(damage.key, damage.at)
        where = f", where {display(path)} is stored" if count else ""
        return ErpError(
            f"{self._store.describe(damage.key)} is damaged near byte {damage.at}{where} ({damage.reason}):"
            " choose another restore point, or single documents of this one.",
            key=damage.key,
            path=display(path),
        )

    def _missing(self, missing: KeyMissing) -> ErpError:
        key = str(missing.facts["key"])
        path, count = self._selection.held_by(key)
        lost = f", and with it {count} of the documents, {display(path)} among them" if count else ""
        return ErpError(
            f"{self._store.describe(key)} is missing{lost}: choose another restore point, or single documents of this one.",
            key=key,
            path=display(path),
        )


def _place(things: list[Thing]) -> tuple[str, int]:
    return things[0].archive, things[0].frame


def _write(descriptor: int, content: bytes | memoryview) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _describe(descriptor: int, thing: Thing) -> bool:
    """Give a file its owner, mode and time, and say whether its owner had to stay that of this process."""
    mode = thing.mode
    try:
        os.fchown(descriptor, thing.uid, thing.gid)
        kept = False
    except PermissionError:
        mode &= ~(stat.S_ISUID | stat.S_ISGID)  # they would lend the rights of somebody else
        kept = True
    os.fchmod(descriptor, mode)
    os.utime(descriptor, ns=(thing.mtime_ns, thing.mtime_ns))
    return kept


def _flush(descriptor: int) -> None:
    """Have the file system keep everything, which also tells what could not be written since."""
    sync = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if sync is None:
        os.sync()
    elif sync(descriptor):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def compare_documents(store: Store, manifest: Manifest, path: str, progress: Progress) -> list[Difference]:
    """Where a tree differs from a restore point, by content and metadata, sorted by path; its root is called ``.``.

    What the backup was told to leave out is not extra. Raises :class:`ErpError` when something cannot be read.
    """
    return _Comparison(store, manifest, path, progress).run()


class _Step(NamedTuple):
    """A file to hash, and the entry that says what it should be."""

    found: Found
    entry: Entry


@dataclass
class _Comparison:
    """One comparison of a tree with an index."""

    store: Store
    manifest: Manifest
    path: str
    progress: Progress
    differences: list[Difference] = field(default_factory=list)
    linked: dict[bytes, list[tuple[Found, Entry]]] = field(default_factory=dict)

    def run(self) -> list[Difference]:
        """Walk the tree beside the index, hash in threads."""
        self._compare_root()
        index = index_of(self.manifest)
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="compare") as pool:
            for _done in ordered(pool, self._hash, self._batches(index), WINDOW):
                pass
            if self.linked:
                # What should be a further name of a file and is not: it may still have its content.
                targets = (entry for entry in read_entries(self.store, index) if entry.path in self.linked)
                steps = [
                    _Step(found, link._replace(size=entry.size, sha256=entry.sha256))
                    for entry in targets
                    for found, link in self.linked[entry.path]
                ]
                self._hash(steps)
        return sorted(self.differences)

    def _compare_root(self) -> None:
        root = self.manifest.data["documents"]["root"]
        try:
            status = os.stat(self.path)
        except OSError as error:
            raise self._unreadable(b".", error.strerror or "") from error
        is_owned = (status.st_uid, status.st_gid) == (root["uid"], root["gid"])
        is_timed = status.st_mtime_ns == root.get("mtime_ns", status.st_mtime_ns)
        if not (is_owned and is_timed and stat.S_IMODE(status.st_mode) == int(root["mode"], 8)):
            self._add(b".", "metadata")

    def _add(self, path: bytes, what: str) -> None:
        self.differences.append(Difference(path, what))

    def _unreadable(self, path: bytes, why: str) -> ErpError:
        return ErpError(
            f"Cannot read {display(path)} in {self.path} ({why}): run as a user who may read everything there."
        )

    def _batches(self, index: StoredObject) -> Iterator[list[_Step]]:
        excluded = exclusion(self.manifest.data["documents"]["exclude"])
        batch: list[_Step] = []
        for found, entry in joined(walk(os.fsencode(self.path), excluded), read_entries(self.store, index)):
            if isinstance(found, Problem):
                if found.reason == "unreadable":
                    raise self._unreadable(found.path, "permission denied")
            elif found is None and entry is not None:
                self._add(entry.path, "missing")
            elif found is not None and entry is None:
                self._add(found.path, "extra")
            elif found is not None and entry is not None:
                batch += self._compare(found, entry)
            if len(batch) >= BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _compare(self, found: Found, entry: Entry) -> list[_Step]:
        """Compare what needs no reading; return the file whose content must be read."""
        is_file = found.kind in (FILE, HARDLINK)
        if is_file and entry.kind == FILE:
            if found.stat.st_size == entry.size:
                return [_Step(found, entry)]
            self._add(entry.path, "content")
        elif is_file and entry.kind == HARDLINK and (found.kind, found.target) != (HARDLINK, entry.target):
            self.linked.setdefault(entry.target, []).append((found, entry))
        elif entry.kind != found.kind or (entry.kind == SYMLINK and self._target(found) != entry.target):
            self._add(entry.path, "content")
        elif not _is_described(found, entry):
            self._add(entry.path, "metadata")
        return []

    def _target(self, found: Found) -> bytes:
        try:
            return os.readlink(os.path.join(os.fsencode(self.path), found.path))
        except OSError:
            return b""

    def _hash(self, batch: list[_Step]) -> None:
        """Read files; runs in a thread."""
        for found, entry in batch:
            try:
                descriptor = os.open(os.path.join(os.fsencode(self.path), found.path), READ)
                with open(descriptor, "rb", buffering=0) as file:
                    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                if error.errno in GONE:
                    self._add(entry.path, "missing")
                elif error.errno in (errno.ELOOP, errno.ENXIO):
                    self._add(entry.path, "content")
                else:
                    raise self._unreadable(entry.path, error.strerror or "") from error
                continue
            if sha256 != entry.sha256:
                self._add(entry.path, "content")
            elif (found.kind, found.target) != (entry.kind, entry.target) or not _is_described(found, entry):
                self._add(entry.path, "metadata")
        self.progress.add(read=sum(step.entry.size for step in batch), files=len(batch))


def _is_described(found: Found, entry: Entry) -> bool:
    status = found.stat
    return (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns) == (
        entry.mode,
        entry.uid,
        entry.gid,
        entry.mtime_ns,
    )
