# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tar headers written by hand, contents looked up many at a time, room for parts used again."""

from __future__ import annotations

import hashlib
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.backup import documents
from ansible_collections.arcodange.erp.plugins.module_utils.backup.contents import KnownContents, Place
from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import (
    DIRECTORY,
    FILE,
    HARDLINK,
    SYMLINK,
    Entry,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import (
    BUFFERS_IN_USE,
    FIRST_PART,
    Buffers,
)

# Names and numbers on both sides of what a plain header has room for.
NAMES = st.binary(min_size=1, max_size=110).map(lambda name: name.replace(b"\0", b"0").strip(b"/") or b"a")
OWNERS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40) | st.just("\udcff")
IDS = st.integers(0, 2**32 - 1) | st.sampled_from([8**7 - 1, 8**7])
SIZES = st.integers(0, 2**40) | st.sampled_from([8**11 - 1, 8**11])
TIMES = st.integers(-(2**62), 2**62) | st.sampled_from([0, -1, (8**11 - 1) * 10**9, 8**11 * 10**9])


def by_the_library(entry: Entry) -> bytes:
    info = tarfile.TarInfo(entry.path.decode("utf-8", "surrogateescape"))
    info.type = documents.TAR_TYPES[entry.kind]
    info.mode, info.uid, info.gid, info.uname, info.gname = entry.mode, entry.uid, entry.gid, entry.user, entry.group
    info.size = entry.size if entry.kind == FILE else 0
    info.mtime = entry.mtime_ns // 10**9
    info.linkname = entry.target.decode("utf-8", "surrogateescape")
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


@given(
    st.builds(
        Entry,
        path=NAMES,
        kind=st.sampled_from([FILE, DIRECTORY, SYMLINK, HARDLINK]),
        mode=st.integers(0, 0o7777),
        uid=IDS,
        gid=IDS,
        user=OWNERS,
        group=OWNERS,
        mtime_ns=TIMES,
        ctime_ns=st.just(0),
        size=SIZES,
        target=st.just(b"") | NAMES,
    )
)
def test_a_header_is_the_one_that_the_tar_library_writes(entry: Entry) -> None:
    assert documents.tar_header(entry) == by_the_library(entry)


@pytest.mark.parametrize("path", [b"a", b"\xff\xfe", b"n" * 100, b"n" * 101])
def test_a_header_is_read_back(path: bytes) -> None:
    entry = Entry(path, FILE, 0o640, 33, 34, "www-data", "www-data", 1_700_000_000 * 10**9, 0, 5)
    info = tarfile.TarInfo.frombuf(documents.tar_header(entry)[-512:], "utf-8", "surrogateescape")
    assert path.startswith(info.name.encode("utf-8", "surrogateescape"))
    assert (info.mode, info.uid, info.gid, info.uname, info.gname) == (0o640, 33, 34, "www-data", "www-data")
    assert (info.size, info.mtime, info.type) == (5, 1_700_000_000, tarfile.REGTYPE)


def place(number: int) -> Place:
    return Place("docs/20261120T040000Z.tar.zst", number, 512, b"path")


def digest(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def test_only_contents_that_are_stored_are_found() -> None:
    known = KnownContents()
    known.add({digest(number): place(number) for number in range(documents.BATCH_FILES)})
    known.add({})
    assert known.find([]) == {}
    assert known.find([digest(3), digest(1000), digest(7)]) == {digest(3): place(3), digest(7): place(7)}
    assert len(known.find([digest(number) for number in range(documents.BATCH_FILES)])) == documents.BATCH_FILES
    known.close()


def test_room_for_parts_is_used_again() -> None:
    buffers = Buffers()
    seen = []
    for _part in range(20):
        seen.append(buffers.take(FIRST_PART))
        buffers.give_back(seen[-1])
    assert len({id(buffer) for buffer in seen}) == BUFFERS_IN_USE


def test_room_has_the_size_that_is_asked_for() -> None:
    buffers = Buffers()
    for size in (FIRST_PART, 2 * FIRST_PART, FIRST_PART, 4 * FIRST_PART, 4 * FIRST_PART):
        taken = [buffers.take(size) for _part in range(2)]
        assert [len(buffer) for buffer in taken] == [size, size]
        del taken[0][100:]  # the last part of an object
        for buffer in taken:
            buffers.give_back(buffer)
