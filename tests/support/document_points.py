# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore points of a documents directory alone, and judging a tree without the code that restores it."""

from __future__ import annotations

import copy
import dataclasses
import functools
import hashlib
import os
import pathlib
import stat
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup import documents, manifest
from ansible_collections.arcodange.erp.plugins.module_utils.backup.documents import DocumentsOptions
from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import Entry, encode_entry
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import (
    KeyMissing,
    Store,
    StoreError,
    StoreOptions,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import Compressor, StoredObject
from tests.support import stores
from tests.support.restore_points import Bucket, connect

FIRST = datetime(2026, 11, 20, 4, 0, 0, 123456, UTC)
ROOT = {"mode": "0755", "uid": os.geteuid(), "gid": os.getegid()}
INDEX_KEY = "docs/20261120T040000Z.index.jsonl.zst"


@functools.cache
def connected(found: stores.Store) -> Store:
    """One client for the buckets of all tests: each new one reads megabytes of descriptions."""
    return connect(found)


def commit(objects: Iterable[tuple[str, StoredObject]], number: int = 0, **changes: Any) -> tuple[str, bytes]:
    """Key and bytes of a manifest that says as much as documents need, one day after the one before it."""
    instant = FIRST + timedelta(days=number)
    point = manifest.restore_point_id(instant)
    document = {
        "format": manifest.FORMAT,
        "format_version": manifest.FORMAT_VERSION,
        "id": point,
        "sequence": number + 1,
        "instant": instant.isoformat(),
        "previous": None,
        "instance": {"id": "atelier-lumen", "environment": "test", "key_fingerprint": None},
        "objects": [{"part": part, **item.to_json()} for part, item in objects],
        "documents": {"root": ROOT, "exclude": ["*/temp/*"], **changes},
    }
    return manifest.manifest_key(point), manifest.encode(document)


class Points:
    """Restore points of one directory, one after the other, as nightly runs would make them."""

    def __init__(self, found: stores.Store, root: pathlib.Path) -> None:
        self.root = root
        self.bucket = Bucket(found)
        self.store = copy.copy(connected(dataclasses.replace(found, bucket="")))
        self.store.options = dataclasses.replace(self.store.options, bucket=found.bucket)
        self.made: list[Manifest] = []
        self._objects: dict[str, StoredObject] = {}
        self._index: StoredObject | None = None

    def back_up(self, **options: Any) -> Manifest:
        """Back up what is there now and commit it."""
        number = len(self.made)
        usable = frozenset(self._objects)
        status = self.root.stat()
        result = documents.back_up_documents(
            self.store,
            manifest.restore_point_id(FIRST + timedelta(days=number)),
            DocumentsOptions(str(self.root), usable=usable, **options),
            self._index,
            Progress(),
        )
        self._index = result.index or self._index
        assert self._index is not None
        self._objects |= {item.key: item for item in [result.archive] if item}
        parts = [("index", self._index)]
        parts += [("documents", self._objects[key]) for key in sorted(result.tally.archives)]
        root = {"mode": f"{status.st_mode & 0o7777:04o}", "uid": status.st_uid, "gid": status.st_gid}
        key, body = commit(parts, number, root=root | {"mtime_ns": status.st_mtime_ns})
        self.bucket.write(key, body)
        self.made.append(manifest.decode(body, key, key))
        return self.made[-1]


class Held(Store):
    """A store that is a dictionary: thousands of readings take no time."""

    def __init__(self, bodies: Mapping[str, bytes]) -> None:
        self.options = StoreOptions(bucket="bucket", prefix="erp/test")
        self.bodies = dict(bodies)
        self.asked: list[tuple[str, int, int]] = []

    def stream(self, key: str, chunk: int = 1 << 20, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        body = self.bodies.get(key)
        if body is None:
            raise KeyMissing(f"Cannot read {self.describe(key)}: there is no such object.", key=key)
        end = len(body) if end is None else end
        self.asked.append((key, start, end))
        if end > len(body):
            raise StoreError(f"Cannot read {self.describe(key)}: InvalidRange.", code="InvalidRange")
        for at in range(start, end, chunk):
            yield body[at : min(at + chunk, end)]


def by_hand(
    lines: Iterable[Entry | bytes], archives: Mapping[str, bytes] | None = None, **changes: Any
) -> tuple[Held, Manifest]:
    """A restore point whose index says anything at all, and whose manifest vouches for it."""
    text = b"".join(line if isinstance(line, bytes) else encode_entry(line) for line in lines)
    bodies = {INDEX_KEY: Compressor()(text), **(archives or {})}
    objects = [
        ("index" if key == INDEX_KEY else "documents", StoredObject(key, len(body), hashlib.sha256(body).hexdigest()))
        for key, body in bodies.items()
    ]
    key, body = commit(objects, **changes)
    return Held(bodies), manifest.decode(body, key, key)


def held(points: Points, made: Manifest) -> Held:
    """The objects of a restore point without a server."""
    return Held({item.key: points.bucket.read(item.key) for item in made.objects})


def everything(root: pathlib.Path) -> dict[bytes, tuple[Any, ...]]:
    """All of a tree that a restore brings back; hard links by what they are linked with, the root as ``.``."""
    names: dict[tuple[int, int], list[bytes]] = {}
    found: dict[bytes, tuple[Any, ...]] = {}
    top = os.fsencode(root)
    places = [b"."]
    for place, directories, files in os.walk(top):
        places += [os.path.relpath(os.path.join(place, name), top) for name in directories + files]
    for path in places:
        status = os.lstat(os.path.join(top, path))
        if stat.S_ISREG(status.st_mode):
            names.setdefault((status.st_dev, status.st_ino), []).append(path)
    for path in places:
        place = os.path.join(top, path)
        status = os.lstat(place)
        content: bytes | tuple[bytes, ...] = b""
        twins: list[bytes] = []
        if stat.S_ISLNK(status.st_mode):
            content = os.readlink(place)
        elif stat.S_ISREG(status.st_mode):
            with open(place, "rb") as file:
                content = hashlib.sha256(file.read()).digest()
            twins = sorted(names[status.st_dev, status.st_ino])
        found[path] = (oct(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns, content, *twins)
    return found
