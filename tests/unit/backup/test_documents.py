# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be taken over from an earlier index, and the tar headers of names that tar was not made for."""

from __future__ import annotations

import os
import stat
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.backup.documents import DocumentsOptions, Tally, tar_header
from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import (
    DIRECTORY,
    FILE,
    HARDLINK,
    SYMLINK,
    Entry,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.tree import Found, Problem

ARCHIVE = "docs/20261120T040000Z.tar.zst"
NAMES = st.binary(min_size=1, max_size=300).map(lambda name: name.replace(b"\0", b"_").strip(b"/") or b"_")


def entry(kind: str = FILE, **changes: object) -> Entry:
    fields = {"path": b"a", "kind": kind, "mode": 0o644, "uid": 1, "gid": 2, "user": "", "group": "", "mtime_ns": 3}
    fields |= {"ctime_ns": 4, "size": 5, "archive": ARCHIVE} if kind == FILE else {"ctime_ns": 4}
    return Entry(**(fields | changes))  # type: ignore[arg-type]


def found(kind: str = FILE) -> Found:
    # mode, inode, device, links, uid, gid, size, three times in seconds, then more that Python keeps unnamed
    values = [stat.S_IFREG | 0o644, 9, 9, 1, 1, 2, 5, 0, 0, 0, 0.0, 0.0, 0.0, 0, 3, 4]
    return Found(b"a", kind, os.stat_result(values))


@pytest.mark.parametrize(
    ("kind", "before", "usable", "wanted", "kept"),
    [
        (FILE, entry(), {ARCHIVE}, (), True),
        (FILE, None, {ARCHIVE}, (), False),
        (FILE, entry(), set(), (), False),  # the archive is gone
        (FILE, entry(mtime_ns=7), {ARCHIVE}, (), False),
        (FILE, entry(), {ARCHIVE}, {b"a"}, False),  # its MD5 is needed and not known
        (FILE, entry(md5="0" * 32), {ARCHIVE}, {b"a"}, True),
        (SYMLINK, entry(SYMLINK), set(), (), True),
        (SYMLINK, entry(FILE), {ARCHIVE}, (), False),
        (HARDLINK, entry(HARDLINK), set(), {b"a"}, True),
        (HARDLINK, entry(HARDLINK, target=b"b"), set(), (), False),
    ],
)
def test_what_is_taken_over(kind: str, before: Entry | None, usable: set[str], wanted: object, kept: bool) -> None:
    options = DocumentsOptions("/", wanted=wanted, usable=usable)  # type: ignore[arg-type]
    assert options.keeps(found(kind), before) is kept


def test_what_is_counted() -> None:
    tally = Tally()
    for one in (entry(size=7), entry(path=b"b", size=1), entry(DIRECTORY), entry(SYMLINK), entry(HARDLINK)):
        tally.count(one, {b"b"})
    assert (tally.files, tally.directories, tally.links, tally.content_bytes) == (2, 1, 2, 8)
    assert tally.archives == {ARCHIVE}
    assert set(tally.wanted) == {b"b"}


def test_problems_come_in_a_stable_order_and_readable() -> None:
    tally = Tally(problems=[Problem(b"z", "vanished"), Problem(b"caf\xe9\n", "unstable"), Problem(b"a", "special")])
    assert tally.skipped() == [
        {"path": "a", "reason": "special"},
        {"path": "caf\\\\xe9\\n", "reason": "unstable"},
        {"path": "z", "reason": "vanished"},
    ]


@given(NAMES, st.integers(0, 2**40), st.integers(-(2**40), 2**40), st.integers(0, 2**31), st.text(max_size=40))
def test_any_name_comes_back_from_a_header(path: bytes, size: int, seconds: int, uid: int, user: str) -> None:
    one = entry(path=path, size=size, mtime_ns=seconds * 10**9 + 999_999_999, uid=uid, user=user.replace("\0", ""))
    member = tarfile.TarInfo.frombuf(tar_header(one)[-512:], "utf-8", "surrogateescape")
    assert (member.size, member.mtime, member.uid, member.type) == (size, seconds, uid, tarfile.REGTYPE)
    assert len(tar_header(one)) % 512 == 0
    if len(path) <= 100:
        assert os.fsencode(member.name) == path


@given(NAMES, NAMES)
def test_any_link_comes_back_from_a_header(path: bytes, target: bytes) -> None:
    for kind, type_ in ((SYMLINK, tarfile.SYMTYPE), (HARDLINK, tarfile.LNKTYPE)):
        header = tar_header(entry(kind, path=path, target=target))
        member = tarfile.TarInfo.frombuf(header[-512:], "utf-8", "surrogateescape")
        assert (member.type, member.size) == (type_, 0)
        assert path in header and target in header
