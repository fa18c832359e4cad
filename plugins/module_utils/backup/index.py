# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The index of documents: one line of JSON for each thing below the documents directory, in the order of the walk."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any, NamedTuple

from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store, StoreError
from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import (
    Compressor,
    ObjectWriter,
    StoredObject,
    decompressed,
    hash_object,
    lines,
)

FILE, DIRECTORY, SYMLINK, HARDLINK = "file", "directory", "symlink", "hardlink"
BLOCK = 1 << 20
COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
DECODER = json.JSONDecoder()


class Entry(NamedTuple):
    """One thing below the documents directory; paths are bytes relative to it.

    ``size`` in bytes and times in nanoseconds since 1970, as the file system gives them. For a file, ``archive`` is the
    key of the archive that holds its content, ``frame`` the byte at which the zstd frame begins in it, ``offset`` the
    place of the content in what that frame (and those after it) decompress to, and ``member`` its name in the tar.
    ``target`` is what a symbolic link says, or the path of the file that a hard link shares its content with.
    """

    path: bytes
    kind: str
    mode: int
    uid: int
    gid: int
    user: str
    group: str
    mtime_ns: int
    ctime_ns: int
    size: int = 0
    sha256: str = ""
    md5: str = ""
    archive: str = ""
    frame: int = 0
    offset: int = 0
    member: bytes = b""
    target: bytes = b""


def display(path: bytes) -> str:
    """A path as a person can read it on one line, whatever its bytes."""
    text = path.decode("utf-8", "backslashreplace")
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def encode_entry(entry: Entry) -> bytes:
    """The line of an entry. A name that is not UTF-8 is shown in ``path`` and kept in ``path_base64``."""
    line: dict[str, Any] = {"type": entry.kind}
    _put_name(line, "path", entry.path)
    line |= {
        "mode": f"{entry.mode:04o}",
        "uid": entry.uid,
        "gid": entry.gid,
        "user": entry.user,
        "group": entry.group,
        "mtime_ns": entry.mtime_ns,
        "ctime_ns": entry.ctime_ns,
    }
    if entry.kind == FILE:
        line |= {
            "size": entry.size,
            "sha256": entry.sha256,
            "archive": entry.archive,
            "frame": entry.frame,
            "offset": entry.offset,
        }
        if entry.md5:
            line["md5"] = entry.md5
        if entry.member:
            _put_name(line, "member", entry.member)
    elif entry.target:
        _put_name(line, "target", entry.target)
    return COMPACT.encode(line).encode() + b"\n"


def decode_entry(line: bytes) -> Entry:
    """Read one line of an index."""
    data = DECODER.decode(line.decode())
    get = data.get
    return Entry(
        _name(data, "path"),
        data["type"],
        int(data["mode"], 8),
        data["uid"],
        data["gid"],
        data["user"],
        data["group"],
        data["mtime_ns"],
        data["ctime_ns"],
        get("size", 0),
        get("sha256", ""),
        get("md5", ""),
        get("archive", ""),
        get("frame", 0),
        get("offset", 0),
        _name(data, "member") if "member" in data else b"",
        _name(data, "target") if "target" in data else b"",
    )


def _put_name(line: dict[str, Any], field: str, name: bytes) -> None:
    try:
        line[field] = name.decode()
    except UnicodeDecodeError:
        line[field] = display(name)
        line[f"{field}_base64"] = b64encode(name).decode()


def _name(data: dict[str, Any], field: str) -> bytes:
    exact = data.get(f"{field}_base64")
    return b64decode(exact) if exact is not None else data[field].encode()


def order(path: bytes) -> bytes:
    """Sorting key of the walk: a directory comes before what it holds, and that before its next sibling."""
    return path.replace(b"/", b"\0")


def read_index(store: Store, index: StoredObject) -> Iterator[Entry]:
    """The entries of an index, in order. Raises :class:`StoreError` when its bytes are not those committed."""
    if hash_object(store, index.key) != index.sha256:
        raise StoreError(
            f"{store.describe(index.key)} is damaged: its content is not what the manifest names, verify with verify=full."
        )
    for line in lines(decompressed(store.stream(index.key), store.describe(index.key))):
        yield decode_entry(line)


class IndexWriter:
    """Writes the index of a restore point while it is being made."""

    def __init__(self, store: Store, key: str) -> None:
        self.object = ObjectWriter(store, key)
        self._compress = Compressor()
        self._block = bytearray()

    def add(self, entry: Entry) -> None:
        """Add the next entry in the order of the walk."""
        self._block += encode_entry(entry)
        if len(self._block) >= BLOCK:
            self._flush()

    def _flush(self) -> None:
        self.object.write(self._compress(self._block))
        self._block.clear()

    def is_as(self, other: StoredObject | None) -> bool:
        """Whether this index, which is complete now, says what an earlier one says."""
        self._finish()
        return other is not None and (self.object.size, self.object.sha256) == (other.size, other.sha256)

    def commit(self) -> StoredObject:
        """Complete the index and prove it."""
        self._finish()
        return self.object.commit()

    def _finish(self) -> None:
        if self._block or not self.object.size:
            self._flush()
