# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backing up the documents: what is not stored yet goes into one archive, and the index names everything."""

from __future__ import annotations

import errno
import os
import tarfile
from collections import deque
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import NamedTuple

from ansible_collections.arcodange.erp.plugins.module_utils.backup.contents import KnownContents, Place
from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import (
    DIRECTORY,
    FILE,
    HARDLINK,
    SYMLINK,
    Entry,
    IndexWriter,
    display,
    read_index,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store
from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import (
    Compressor,
    ObjectWriter,
    StoredObject,
    ordered,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.tree import (
    Changing,
    Content,
    Found,
    Problem,
    describe,
    exclusion,
    joined,
    read_file,
    same,
    second_reading,
    walk,
    why,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.restore.switch_documents import mixed_point

FRAME = 1 << 20  # bytes of the tar in one frame: one document is read back with little around it
LARGE = 4 << 20  # a larger file is read twice: once to know it, once to store it
BATCH_FILES = 128
MOST_ENTRIES = 1024  # a frame ends early when so many entries, most of them unchanged, wait for it
WORKERS = min(4, os.cpu_count() or 1)
WINDOW = WORKERS + 2
TAR_NAME, TAR_OWNER, TAR_ID, TAR_SIZE = 100, 32, 8**7, 8**11  # what the fields of a tar header have room for
TAR_TYPES = {FILE: tarfile.REGTYPE, DIRECTORY: tarfile.DIRTYPE, SYMLINK: tarfile.SYMTYPE, HARDLINK: tarfile.LNKTYPE}


@dataclass(frozen=True)
class DocumentsOptions:
    """What to back up: ``path`` is the documents directory, ``exclude`` shell patterns such as ``*/temp/*``.

    ``wanted`` are the paths whose MD5 is recorded too, because Dolibarr recorded theirs; ``usable`` the archives that
    entries of an earlier index may still refer to. With ``unreadable`` set to
    ``warn``, files that cannot be opened are listed; else they fail the run.
    """

    path: str
    exclude: tuple[str, ...] = ("*/temp/*",)
    unreadable: str = "fail"
    wanted: Collection[bytes] = ()
    usable: Collection[str] = ()

    def keeps(self, found: Found, entry: Entry | None) -> bool:
        """Whether a thing is as the index has it, and what the index refers to can be used."""
        return (
            entry is not None
            and same(found, entry)
            and (entry.kind != FILE or entry.archive in self.usable)
            and (entry.kind != FILE or bool(entry.md5) or entry.path not in self.wanted)
        )


@dataclass
class Tally:
    """What a run met; bytes are counted before compression."""

    files: int = 0
    directories: int = 0
    links: int = 0
    content_bytes: int = 0
    new_files: int = 0
    new_bytes: int = 0
    known_files: int = 0
    removed: int = 0
    changed: int = 0  # things new or not as before, whatever they are; only a preview counts them
    problems: list[Problem] = field(default_factory=list)
    wanted: dict[bytes, Entry] = field(default_factory=dict)
    archives: set[str] = field(default_factory=set)

    def count(self, entry: Entry, wanted: Collection[bytes]) -> None:
        """Add an entry of the restore point."""
        if entry.kind == FILE:
            self.files += 1
            self.content_bytes += entry.size
            self.archives.add(entry.archive)
            if entry.path in wanted:
                self.wanted[entry.path] = entry
        elif entry.kind == DIRECTORY:
            self.directories += 1
        else:
            self.links += 1

    def skipped(self) -> list[dict[str, str]]:
        """The problems as JSON, in a stable order."""
        return [
            {"path": display(item.path), "reason": item.reason}
            for item in sorted(self.problems, key=lambda item: item.path)
        ]


@dataclass(frozen=True)
class DocumentsResult:
    """The documents half of a restore point; ``index`` and ``archive`` are ``None`` when nothing had to be stored."""

    tally: Tally
    index: StoredObject | None
    archive: StoredObject | None


class UnstableLargeFile(Exception):
    """A large file changed between its two readings; the archive must be begun again without it."""

    def __init__(self, path: bytes) -> None:
        super().__init__(path)
        self.path = path


def check_documents(options: DocumentsOptions) -> None:
    """Raise one sentence when the documents directory is missing, cannot be listed or holds half of what it should."""
    if not os.path.isdir(options.path):
        raise ErpError(
            f"The documents directory {options.path} does not exist or is not a directory: correct documents_path."
        )
    try:
        with os.scandir(options.path):
            pass
    except OSError as error:
        raise ErpError(
            f"The documents directory {options.path} cannot be listed ({error.strerror}): run as a user who may read it."
        ) from error
    point = mixed_point(options.path)
    if point:
        raise Refused(
            f"The documents in {options.path} are half way to or from the restore point {point}, because a restore was stopped:"
            " run erp_restore with settle=true first."
        )


def survey(options: DocumentsOptions, previous: Iterator[Entry]) -> Tally | None:
    """Compare the directory with an earlier index by metadata alone; ``None`` as soon as anything differs."""
    tally = Tally()
    for found, entry in joined(walk(os.fsencode(options.path), exclusion(options.exclude)), previous):
        if isinstance(found, Problem):
            if found.reason == "unreadable":
                return None
            tally.problems.append(found)
        elif found is None or entry is None or not options.keeps(found, entry):
            return None
        else:
            tally.count(entry, options.wanted)
    return tally


def preview(options: DocumentsOptions, previous: Iterator[Entry]) -> Tally:
    """What a backup would read, judged by metadata alone: nothing is opened and nothing written."""
    tally = Tally()
    for found, entry in joined(walk(os.fsencode(options.path), exclusion(options.exclude)), previous):
        if isinstance(found, Problem):
            tally.problems.append(found)
        elif found is None:
            tally.removed += 1
        elif entry is not None and options.keeps(found, entry):
            tally.count(entry, options.wanted)
        else:
            tally.count(describe(found, found.stat), ())
            tally.changed += 1
            if found.kind == FILE:
                tally.new_files += 1
                tally.new_bytes += found.stat.st_size
    tally.archives.discard("")
    return tally


def back_up_documents(
    store: Store, point_id: str, options: DocumentsOptions, previous: StoredObject | None, progress: Progress
) -> DocumentsResult:
    """Store what is new below the documents directory and an index of everything there.

    ``previous`` is the index of the newest restore point; contents it refers to are not sent again. Nothing is written
    when nothing changed. Raises :class:`ErpError` when files cannot be read and ``unreadable`` is ``fail``.
    """
    if previous is not None:
        tally = survey(options, read_index(store, previous))
        if tally is not None:
            return DocumentsResult(tally, None, None)
    unstable: set[bytes] = set()
    while True:
        try:
            return _Run(store, point_id, options, previous, progress, unstable).run()
        except UnstableLargeFile as changed:
            unstable.add(changed.path)


class _Step(NamedTuple):
    """A step of the walk: the entry an earlier index has, if any, and the thing to read, unless it is unchanged."""

    entry: Entry | None
    found: Found | None


class _Read(NamedTuple):
    """An entry of the restore point; ``stored`` says that it needs no place in the archive."""

    entry: Entry
    stored: bool = False
    content: Content | None = None


@dataclass(frozen=True, slots=True)
class _Frame:
    """Bytes of the tar that become one frame, and the entries that are complete once it is stored.

    The ``frame`` of an entry of this archive counts frames here. The first ``size`` bytes of ``buffer`` are meant.
    """

    buffer: bytearray
    size: int
    entries: list[Entry]


class _Run:
    """One attempt at storing the documents."""

    def __init__(
        self,
        store: Store,
        point_id: str,
        options: DocumentsOptions,
        previous: StoredObject | None,
        progress: Progress,
        unstable: set[bytes],
    ) -> None:
        self._store = store
        self._root = os.fsencode(options.path)
        self._options = options
        self._previous = previous
        self._progress = progress
        self._unstable = unstable
        self._lost: dict[bytes, str] = {}
        self._archive_key = f"docs/{point_id}.tar.zst"
        self._index_key = f"docs/{point_id}.index.jsonl.zst"
        self._tally = Tally()
        self._compress = Compressor()
        self._buffer = bytearray(FRAME)
        self._size = 0
        self._spare: deque[bytearray] = deque()
        self._entries: list[Entry] = []
        self._frames_begun = 0
        self._known = KnownContents()
        self._places: dict[bytes, Place] = {}
        self._added: dict[bytes, Place] = {}
        self._known_loaded = False

    def run(self) -> DocumentsResult:
        """Walk, read, store, prove."""
        with ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(WORKERS, thread_name_prefix="documents"))
            stack.callback(self._known.close)
            index = IndexWriter(self._store, self._index_key)
            stack.enter_context(index.object)
            archive = stack.enter_context(ObjectWriter(self._store, self._archive_key))
            offsets: list[int] = []
            read = ordered(pool, self._read, self._batches(), WINDOW)
            for data, entries in ordered(pool, self._pack, self._frames(read), WINDOW):
                if data:
                    offsets.append(archive.size)
                    archive.write(data)
                for entry in entries:
                    if entry.archive == self._archive_key:
                        entry = entry._replace(frame=offsets[entry.frame])
                    self._tally.count(entry, self._options.wanted)
                    index.add(entry)
            self._check_problems()
            stored = None
            if not archive.size and index.is_as(self._previous):
                return DocumentsResult(self._tally, None, None)
            if archive.size:
                archive.write(self._compress(bytes(2 * tarfile.BLOCKSIZE)))
                stored = archive.commit()
            return DocumentsResult(self._tally, index.commit(), stored)

    def _check_problems(self) -> None:
        unreadable = [item["path"] for item in self._tally.skipped() if item["reason"] == "unreadable"]
        if unreadable and self._options.unreadable == "fail":
            more = f" and {len(unreadable) - 3} more" if len(unreadable) > 3 else ""
            raise ErpError(
                f"Cannot read {len(unreadable)} of the documents in {self._options.path} ({', '.join(unreadable[:3])}{more}):"
                " run as a user who may read them, or set unreadable=warn.",
                unreadable=unreadable,
            )

    def _batches(self) -> Iterator[list[_Step]]:
        """The walk in pieces of about one frame, so that a thread has something to do."""
        batch: list[_Step] = []
        size = 0
        entries = iter(()) if self._previous is None else read_index(self._store, self._previous)
        for found, entry in joined(walk(self._root, exclusion(self._options.exclude)), entries):
            if isinstance(found, Problem):
                self._tally.problems.append(found)
            elif found is None:
                self._tally.removed += 1
            elif self._options.keeps(found, entry):
                batch.append(_Step(entry, None))
            else:
                batch.append(_Step(entry, found))
                size += found.stat.st_size if found.kind == FILE and found.stat.st_size <= LARGE else 0
            if size >= FRAME or len(batch) >= BATCH_FILES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _read(self, batch: list[_Step]) -> list[_Read]:
        """Read what a batch asks for; runs in a thread."""
        done = [read for step in batch if (read := self._read_one(step)) is not None]
        self._progress.add(read=sum(read.entry.size for read in done if read.content and read.content.blocks))
        return done

    def _read_one(self, step: _Step) -> _Read | None:
        found, before = step.found, step.entry
        if found is None:
            return None if before is None else _Read(before, stored=True)
        path = os.path.join(self._root, found.path)
        try:
            if found.kind == SYMLINK:
                return _Read(describe(found, found.stat, os.readlink(path)))
            if found.kind != FILE:
                return _Read(describe(found, found.stat, found.target))
            if found.path in self._unstable:
                raise Changing
            content = read_file(path, found.stat.st_size <= LARGE, found.path in self._options.wanted)
        except Changing:
            reason = "unstable"
        except OSError as error:
            # A name that has become a link or a socket since the walk, or a link no more, is a change.
            reason = "unstable" if error.errno in (errno.ELOOP, errno.ENXIO, errno.EINVAL) else why(error)
        else:
            return _Read(describe(found, content.stat, sha256=content.sha256.hex(), md5=content.md5), content=content)
        self._tally.problems.append(Problem(found.path, reason))
        # The version that is stored already stays in the restore point rather than none.
        if before is not None and before.archive in self._options.usable and reason == "unstable":
            return _Read(before, stored=True)
        self._lost[found.path] = reason
        return None

    def _frames(self, batches: Iterator[list[_Read]]) -> Iterator[_Frame]:
        """Turn what was read into pieces of the tar, leaving out contents that are stored already."""
        for read in self._placed(batches):
            entry, content = read.entry, read.content
            place = None if content is None else self._places.get(content.sha256)
            if entry.kind == HARDLINK and entry.target in self._lost:
                self._tally.problems.append(Problem(entry.path, self._lost[entry.target]))
            elif read.stored:
                self._entries.append(entry)
            elif place is not None:
                member = place.member if place.member != entry.path else b""
                entry = entry._replace(archive=place.archive, frame=place.frame, offset=place.offset, member=member)
                self._entries.append(entry)
                self._tally.known_files += 1
            elif content is not None and content.blocks is None:
                yield from self._large(entry, content)
            else:
                yield from self._gather(entry, content)
            if len(self._entries) >= MOST_ENTRIES:
                yield self._cut()
        if self._size or self._entries:
            yield self._cut()

    def _gather(self, entry: Entry, content: Content | None) -> Iterator[_Frame]:
        """Add a thing to the tar."""
        header = tar_header(entry)
        pieces: tuple[bytes, ...] = (header,)
        if content is not None and content.blocks is not None:
            entry = self._new(entry, content, len(header))
            pieces = (header, *content.blocks, bytes(-entry.size % tarfile.BLOCKSIZE))
        for piece in pieces:
            yield from self._add(piece)
        self._entries.append(entry)

    def _add(self, piece: bytes) -> Iterator[_Frame]:
        """Add bytes to the frame being gathered; it ends where it is full."""
        rest = memoryview(piece)
        while rest:
            taken = rest[: len(self._buffer) - self._size]
            memoryview(self._buffer)[self._size : self._size + len(taken)] = taken
            self._size += len(taken)
            rest = rest[len(taken) :]
            if self._size == len(self._buffer):
                yield self._cut()

    def _cut(self) -> _Frame:
        """End the frame being gathered."""
        frame = _Frame(self._buffer, self._size, self._entries)
        if self._size:
            self._frames_begun += 1
            self._buffer = self._spare.popleft() if self._spare else bytearray(FRAME)
        self._size, self._entries = 0, []
        return frame

    def _placed(self, batches: Iterator[list[_Read]]) -> Iterator[_Read]:
        """What was read, one by one, while the places of the contents of its batch are known."""
        for batch in batches:
            contents = [read.content.sha256 for read in batch if read.content is not None]
            if contents and not self._known_loaded:
                self._load_known()
            self._places, self._added = self._known.find(contents), {}
            yield from batch
            self._known.add(self._added)

    def _load_known(self) -> None:
        self._known_loaded = True
        if self._previous is not None:
            entries = read_index(self._store, self._previous)
            self._known.load(entry for entry in entries if entry.archive in self._options.usable)

    def _new(self, entry: Entry, content: Content, ahead: int) -> Entry:
        """Note that a content begins ``ahead`` bytes from here."""
        place = Place(self._archive_key, self._frames_begun, self._size + ahead, entry.path)
        self._places[content.sha256] = self._added[content.sha256] = place
        self._tally.new_files += 1
        self._tally.new_bytes += entry.size
        return entry._replace(archive=place.archive, frame=place.frame, offset=place.offset)

    def _large(self, entry: Entry, content: Content) -> Iterator[_Frame]:
        """Add a file too large to hold; it must be what the first reading saw."""
        header = tar_header(entry)
        entry = self._new(entry, content, len(header))
        yield from self._add(header)
        try:
            for block in second_reading(os.path.join(self._root, entry.path), content):
                self._progress.add(read=len(block))
                yield from self._add(block)
        except (Changing, OSError) as error:
            raise UnstableLargeFile(entry.path) from error
        yield from self._add(bytes(-entry.size % tarfile.BLOCKSIZE))
        self._entries.append(entry)

    def _pack(self, frame: _Frame) -> tuple[bytes, list[Entry]]:
        """Compress a piece of the tar; runs in a thread."""
        packed = b""
        if frame.size:
            packed = self._compress(memoryview(frame.buffer)[: frame.size])
            self._spare.append(frame.buffer)
        self._progress.add(files=sum(entry.kind == FILE for entry in frame.entries))
        return packed, frame.entries


def tar_header(entry: Entry) -> bytes:
    """The tar header of an entry in GNU format, which keeps names of any bytes and any length."""
    name = entry.path + b"/" if entry.kind == DIRECTORY else entry.path
    size = entry.size if entry.kind == FILE else 0
    mtime = entry.mtime_ns // 10**9
    user, group = entry.user.encode("utf-8", "surrogateescape"), entry.group.encode("utf-8", "surrogateescape")
    if (
        max(len(name), len(entry.target)) > TAR_NAME
        or max(len(user), len(group)) >= TAR_OWNER
        or max(entry.uid, entry.gid) >= TAR_ID
        or max(size, mtime) >= TAR_SIZE
        or mtime < 0
    ):
        return _unusual_tar_header(entry)
    # By hand, because the library takes five times as long and every document has one.
    numbers = b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (entry.mode, entry.uid, entry.gid, size, mtime)
    kind = TAR_TYPES[entry.kind] + entry.target.ljust(TAR_NAME, b"\0") + tarfile.GNU_MAGIC
    owner = user.ljust(TAR_OWNER, b"\0") + group
    total = sum(name) + sum(numbers) + sum(kind) + sum(owner) + 8 * ord(" ")
    header = b"%b%b%06o\0 %b%b" % (name.ljust(TAR_NAME, b"\0"), numbers, total, kind, owner)
    return header.ljust(tarfile.BLOCKSIZE, b"\0")


def _unusual_tar_header(entry: Entry) -> bytes:
    info = tarfile.TarInfo(entry.path.decode("utf-8", "surrogateescape"))
    info.type = TAR_TYPES[entry.kind]
    info.mode, info.uid, info.gid = entry.mode, entry.uid, entry.gid
    info.uname, info.gname = entry.user, entry.group
    info.mtime = entry.mtime_ns // 10**9
    info.size = entry.size if entry.kind == FILE else 0
    info.linkname = entry.target.decode("utf-8", "surrogateescape")
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
