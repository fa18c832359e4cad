# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading archives of documents: pieces fetched side by side, delivered in order, cut into the frames they are made of."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store, StoreError
from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import StoredObject, ordered

try:
    import zstandard
except ImportError:
    pass  # the door says which library is missing

PIECE = 8 << 20  # bytes of one request: fewer of them cost less than more of them side by side bring
FETCHERS = 3
MOST_CONTENT = 16 << 20  # what a frame may hold; ours hold 1 MiB
MAGIC = b"\x28\xb5\x2f\xfd"
DICTIONARY_FIELD, SIZE_FIELD = (0, 1, 2, 4), (0, 2, 4, 8)
RLE_BLOCK = 1
BEYOND = ("InvalidRange", "416")  # what a store says when it is asked for bytes behind the last


class Damage(Exception):
    """Bytes of an archive are not what was stored; ``at`` is about where."""

    def __init__(self, key: str, at: int, reason: str) -> None:
        super().__init__(reason)
        self.key = key
        self.at = at
        self.reason = reason


class Span(NamedTuple):
    """Bytes of an archive to read, from the beginning of a frame on; ``whole`` has all of them compared with its digest."""

    archive: StoredObject
    start: int
    end: int
    whole: bool = False


class Frame(NamedTuple):
    """One frame: where it begins in its archive, its bytes, and the size of what they decompress to."""

    key: str
    start: int
    data: memoryview
    size: int

    @property
    def end(self) -> int:
        """Where the next frame begins."""
        return self.start + len(self.data)


def measure(data: memoryview) -> tuple[int, int] | None:
    """Length and size of content of the zstd frame (RFC 8878) at the head of ``data``; ``None`` when it goes on.

    Raises :class:`ValueError` when there is none, or none of the kind that a backup writes.
    """
    if len(data) < 6:
        return None
    if data[:4] != MAGIC:
        raise ValueError("no frame begins there")
    descriptor = data[4]
    is_single = descriptor >> 5 & 1
    at = 6 - is_single + DICTIONARY_FIELD[descriptor & 3]
    width = SIZE_FIELD[descriptor >> 6] or is_single
    size = int.from_bytes(data[at : at + width], "little") + (256 if width == 2 else 0)
    at += width
    if len(data) < at:
        return None
    if not width or size > MOST_CONTENT:
        raise ValueError("its size is not plausible")
    while True:
        if len(data) < at + 3:
            return None
        block = int.from_bytes(data[at : at + 3], "little")
        at += 3 + (1 if block >> 1 & 3 == RLE_BLOCK else block >> 3)
        if at > 2 * MOST_CONTENT:
            raise ValueError("it does not end")
        if block & 1:
            break
    at += 4 if descriptor & 4 else 0
    return (at, size) if at <= len(data) else None


class Decompressor:
    """Decompresses one frame at a time, in any thread."""

    def __init__(self) -> None:
        self._local = threading.local()

    def __call__(self, frame: Frame) -> bytes:
        """The content of a frame, proven by its checksum. Raises :class:`Damage`."""
        own = getattr(self._local, "decompressor", None)
        if own is None:
            own = self._local.decompressor = zstandard.ZstdDecompressor()
        try:
            content: bytes = own.decompress(frame.data)
        except zstandard.ZstdError as error:
            raise Damage(frame.key, frame.start, str(error)) from error
        if len(content) != frame.size:
            raise Damage(frame.key, frame.start, "its size is not plausible")
        return content


def read_frames(
    store: Store, pool: ThreadPoolExecutor, spans: Iterable[Span], needs_more: Callable[[str, int], bool]
) -> Iterator[Frame]:
    """The frames of the spans in order; what can only be known at the end of a span is raised there.

    A span that ends early is read on while ``needs_more``, asked with the key and the place, says so; what is left of
    its last frame is dropped otherwise.
    """
    ahead, spans = itertools.tee(spans)
    requests = (
        (span.archive.key, start, min(start + PIECE, span.end))
        for span in ahead
        for start in range(span.start, span.end, PIECE)
    )

    def fetch(request: tuple[str, int, int]) -> bytes:
        key, start, end = request
        try:
            return b"".join(store.stream(key, start=start, end=end))
        except StoreError as error:
            if error.facts.get("code") in BEYOND:
                raise Damage(key, start, "it ends early") from error
            raise

    fetched = ordered(pool, fetch, requests, FETCHERS + 1)
    for span in spans:
        yield from _cut(span, fetched, fetch, needs_more)


def _cut(
    span: Span,
    fetched: Iterator[bytes],
    fetch: Callable[[tuple[str, int, int]], bytes],
    needs_more: Callable[[str, int], bool],
) -> Iterator[Frame]:
    key = span.archive.key
    digest = hashlib.sha256()
    start = read = span.start  # of the next frame; of the next piece
    data = memoryview(b"")
    while True:
        if read < span.end:
            piece = next(fetched, b"")
        elif read < span.archive.size and needs_more(key, start):
            piece = fetch((key, read, min(read + PIECE, span.archive.size)))
        else:
            break
        if not piece:
            raise Damage(key, start, "it ends early")
        read += len(piece)
        if span.whole:
            digest.update(piece)
        data = memoryview(b"".join((data, piece)))
        while True:
            try:
                measured = measure(data)
            except ValueError as error:
                raise Damage(key, start, str(error)) from error
            if measured is None:
                break
            length, size = measured
            yield Frame(key, start, data[:length], size)
            start, data = start + length, data[length:]
    if span.whole and digest.hexdigest() != span.archive.sha256:
        raise Damage(key, start, "its content is not what the manifest names")
    if len(data) and read == span.archive.size:
        raise Damage(key, start, "it ends early")
