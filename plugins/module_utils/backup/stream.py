# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Streams: work done in parallel and delivered in order, and bytes of unknown length written to one object."""

from __future__ import annotations

import hashlib
import threading
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store, StoreError

try:
    import zstandard
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # the door says which library is missing

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

T = TypeVar("T")
R = TypeVar("R")

FIRST_PART = 8 << 20
GROWTH_STEPS = 10  # the part size doubles so often over the parts a store accepts
PARALLEL_PARTS = 4
BUFFERS_IN_USE = PARALLEL_PARTS + 2  # parts under way, the next one of the archive and that of the index
IN_FLIGHT = PARALLEL_PARTS * FIRST_PART  # bytes waiting for the store, however large the parts have grown
ZSTD_LEVEL = 1  # higher levels take longer and make dumps no smaller (2: a third longer, 3: twice as long)


@dataclass(frozen=True)
class StoredObject:
    """An object proven to be in the store: key relative to the prefix, size in bytes, SHA-256 in hexadecimal."""

    key: str
    size: int
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """The JSON form used in manifests and results."""
        return asdict(self)


def part_size(number: int, max_parts: int) -> int:
    """Size in bytes of part ``number`` (from 0): it doubles ten times, so that 10 000 parts hold 8 TiB."""
    return FIRST_PART << (number * GROWTH_STEPS // max_parts)


def ordered(pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T], window: int) -> Iterator[R]:
    """``map(function, items)`` in the pool, results in order, at most ``window`` items under way."""
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            if len(waiting) >= window:
                yield waiting.popleft().result()
            waiting.append(pool.submit(function, item))
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


class Compressor:
    """Makes one independent zstd frame of each block, in any thread."""

    def __init__(self, level: int = ZSTD_LEVEL) -> None:
        self._level = level
        self._local = threading.local()

    def __call__(self, block: bytes | bytearray | memoryview) -> bytes:
        """The frame of a block; the content size is in its header and a checksum at its end."""
        own = getattr(self._local, "compressor", None)
        if own is None:
            own = self._local.compressor = zstandard.ZstdCompressor(level=self._level, write_checksum=True)
        frame: bytes = own.compress(block)
        return frame


class Buffers:
    """Room for parts, shared by all objects and used again, so that memory is the same after the first few parts.

    Freeing something so large would also make the C library keep as much of everything freed later.
    """

    def __init__(self) -> None:
        self._made = 0
        self._spare: deque[bytearray] = deque()  # all of one size

    def take(self, size: int) -> bytearray:
        """A buffer of ``size`` bytes with anything in it."""
        if self._spare and len(self._spare[0]) != size:
            self._made -= len(self._spare)
            self._spare.clear()
        if self._spare and (self._made >= BUFFERS_IN_USE or size != FIRST_PART):
            return self._spare.popleft()
        self._made += 1
        return bytearray(size)

    def give_back(self, buffer: bytearray) -> None:
        """Let others use a buffer, unless it has another size than theirs."""
        if len(buffer) == (len(self._spare[0]) if self._spare else FIRST_PART):
            self._spare.append(buffer)
        else:
            self._made -= 1


BUFFERS = Buffers()


class ObjectWriter:
    """Writes one object from a stream of unknown length, in growing parts sent side by side.

    Use it as a context manager: an exception inside aborts the upload, so nothing half-written stays.
    :meth:`commit` completes the object and proves that the store holds exactly the bytes written.
    """

    def __init__(self, store: Store, key: str) -> None:
        self._store = store
        self._key = key
        self._sha256 = hashlib.sha256()
        self._buffer: bytearray | None = None
        self._filled = 0
        self._size = 0
        self._upload_id = ""  # none yet
        self._parts: list[Future[tuple[str, bytes]]] = []
        self._budget = threading.Semaphore(PARALLEL_PARTS)
        self._pool = ThreadPoolExecutor(PARALLEL_PARTS, thread_name_prefix="part")
        self._failed = threading.Event()
        self._completing = False
        self._committed = False

    def __enter__(self) -> ObjectWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._failed.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._buffer is not None:
            BUFFERS.give_back(self._buffer)
        if value is None and not self._committed:
            self._abort()
        elif value is not None:
            # The failure is the one to tell; the next run or pruning removes what the store does not let go now.
            with suppress(StoreError):
                self._abort()
            with suppress(StoreError):
                self._take_back()

    def _abort(self) -> None:
        if self._upload_id and not self._committed:
            self._store.call(
                "abort the upload of", self._key, self._store.client.abort_multipart_upload, UploadId=self._upload_id
            )

    def _take_back(self) -> None:
        if self._completing:
            self._store.delete(self._key)

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._size

    @property
    def sha256(self) -> str:
        """The digest of the bytes written so far."""
        return self._sha256.hexdigest()

    def write(self, block: bytes) -> None:
        """Add bytes; raises what a part sent earlier met."""
        self._sha256.update(block)
        self._size += len(block)
        rest = memoryview(block)
        while rest:
            if self._buffer is None:
                self._buffer, self._filled = BUFFERS.take(part_size(len(self._parts), self._store.options.max_parts)), 0
            taken = rest[: len(self._buffer) - self._filled]
            memoryview(self._buffer)[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            rest = rest[len(taken) :]
            if self._filled == len(self._buffer):
                full, self._buffer = self._buffer, None
                self._send(full)

    def _send(self, body: bytearray) -> None:
        if not self._upload_id:
            answer = self._store.call("begin the upload of", self._key, self._store.client.create_multipart_upload)
            self._upload_id = answer["UploadId"]
        # Parts that have grown take more of the budget, so that memory stays the same.
        weight = min(PARALLEL_PARTS, max(1, len(body) * PARALLEL_PARTS // IN_FLIGHT))
        for _slot in range(weight):
            self._budget.acquire()
        if self._failed.is_set():
            self._raise_first()
        self._parts.append(self._pool.submit(self._send_part, len(self._parts) + 1, body, weight))

    def _send_part(self, number: int, body: bytearray, weight: int) -> tuple[str, bytes]:
        try:
            digest = hashlib.md5(body, usedforsecurity=False).digest()
            answer = self._store.call(
                "write a part of",
                self._key,
                self._store.client.upload_part,
                UploadId=self._upload_id,
                PartNumber=number,
                Body=body,
                ContentMD5=b64encode(digest).decode(),
            )
            return answer["ETag"], digest
        except BaseException:
            self._failed.set()
            raise
        finally:
            BUFFERS.give_back(body)
            self._budget.release(weight)

    def _raise_first(self) -> None:
        for part in self._parts:
            if part.done() and part.exception() is not None:
                part.result()

    def commit(self) -> StoredObject:
        """Complete the object, prove it, and return what was stored. Raises :class:`StoreError` when it is not so."""
        if not self._upload_id:
            self._completing = True
            body = bytearray() if self._buffer is None else self._buffer
            del body[self._filled :]
            digest = hashlib.md5(body, usedforsecurity=False).digest()
            etag = digest.hex()
            put = self._store.client.put_object
            self._store.call("write", self._key, put, Body=body, ContentMD5=b64encode(digest).decode())
        else:
            if self._buffer is not None:
                self._send(self._buffer[: self._filled])
            done = [part.result() for part in self._parts]
            etag = f"{hashlib.md5(b''.join(digest for _etag, digest in done), usedforsecurity=False).hexdigest()}-{len(done)}"
            self._completing = True
            self._complete([tag for tag, _digest in done])
        self._committed = True
        stored = StoredObject(self._key, self._size, self._sha256.hexdigest())
        self._prove(stored, etag)
        return stored

    def _complete(self, etags: list[str]) -> None:
        parts: list[CompletedPartTypeDef] = [
            {"ETag": etag, "PartNumber": number} for number, etag in enumerate(etags, 1)
        ]
        try:
            self._store.client.complete_multipart_upload(
                Bucket=self._store.options.bucket,
                Key=self._store.full(self._key),
                UploadId=self._upload_id,
                MultipartUpload={"Parts": parts},
            )
        except (ClientError, BotoCoreError) as error:
            # A repeated request finds the upload gone when the first one succeeded unheard: then the object is there.
            code = (getattr(error, "response", None) or {}).get("Error", {}).get("Code")
            if code not in ("NoSuchUpload", "404") or not self._store.exists(self._key):
                raise self._store.explain(error, "complete the upload of", self._key) from error

    def _prove(self, stored: StoredObject, etag: str) -> None:
        size, given = self._store.head(stored.key)
        if size == stored.size and given == etag:
            return
        if size != stored.size or hash_object(self._store, stored.key) != stored.sha256:
            raise StoreError(
                f"{self._store.describe(stored.key)} does not read back as written: check the store, nothing was committed."
            )


class Hashed:
    """The blocks of an object as they are, with their number of bytes and SHA-256 so far."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = blocks
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """The digest in hexadecimal."""
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            self._digest.update(block)
            self.size += len(block)
            yield block


def hash_object(store: Store, key: str) -> str:
    """The SHA-256 of an object, in hexadecimal, read back at constant memory."""
    digest = hashlib.sha256()
    for block in store.stream(key):
        digest.update(block)
    return digest.hexdigest()


def decompressed(blocks: Iterable[bytes], address: str) -> Iterator[bytes]:
    """The content of the zstd frames of the object at ``address``.

    Raises :class:`StoreError` when it is damaged or ends inside a frame.
    """
    engine = None
    try:
        for block in blocks:
            while block:
                engine = engine or zstandard.ZstdDecompressor().decompressobj()
                if content := engine.decompress(block):
                    yield content
                block = engine.unused_data if engine.eof else b""
                engine = None if engine.eof else engine
    except zstandard.ZstdError as error:
        raise StoreError(f"{address} is damaged ({error}): verify the restore points with verify=full.") from error
    if engine is not None:
        raise StoreError(f"{address} is damaged (it ends early): verify the restore points with verify=full.")


def lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a stream of blocks, without their ends."""
    rest = b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
    if rest:
        yield rest
