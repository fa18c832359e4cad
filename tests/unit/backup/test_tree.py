# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The walk over a directory that others change meanwhile, and reading that never joins two versions of a file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import pwd
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.backup import tree
from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import (
    DIRECTORY,
    FILE,
    HARDLINK,
    SYMLINK,
    Entry,
    order,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.tree import Changing, Found, Problem

NOTHING = tree.exclusion(())


@pytest.fixture
def root() -> Iterator[pathlib.Path]:
    """A directory that an ordinary user may enter too."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="erp-tree-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@contextlib.contextmanager
def ordinary_user() -> Iterator[None]:
    """Root may read everything: be somebody else for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


def make(root: pathlib.Path, *names: str) -> None:
    """Files, and directories where the name ends in a slash."""
    for name in names:
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            place.mkdir(exist_ok=True)
        else:
            place.write_bytes(name.encode())


def met(root: pathlib.Path, *patterns: str) -> dict[str, str]:
    """What the walk says of each path."""
    found = tree.walk(os.fsencode(root), tree.exclusion(patterns))
    return {os.fsdecode(item.path): item.reason if isinstance(item, Problem) else item.kind for item in found}


def test_everything_is_met_and_links_are_not_followed(root: pathlib.Path) -> None:
    make(root, "a/file", "a/empty/", "a/b/c/deep", "outside/secret")
    (root / "a/link").symlink_to("file")
    (root / "a/dangling").symlink_to("nowhere")
    (root / "a/to-directory").symlink_to("b")
    (root / "a/loop").symlink_to("loop")
    (root / "a/upwards").symlink_to("..")
    os.link(root / "a/file", root / "a/twin")
    os.mkfifo(root / "a/fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fsencode(root / "a/socket"))
        assert met(root / "a") == {
            "b": DIRECTORY,
            "b/c": DIRECTORY,
            "b/c/deep": FILE,
            "dangling": SYMLINK,
            "empty": DIRECTORY,
            "fifo": "special",
            "file": FILE,
            "link": SYMLINK,
            "loop": SYMLINK,
            "socket": "special",
            "to-directory": SYMLINK,
            "twin": HARDLINK,
            "upwards": SYMLINK,
        }


def test_a_hard_link_names_the_path_that_comes_first(root: pathlib.Path) -> None:
    make(root, "b/original")
    os.link(root / "b/original", root / "a")
    os.link(root / "b/original", root / "c")
    found = {item.path: item for item in tree.walk(os.fsencode(root), NOTHING) if isinstance(item, Found)}
    assert (found[b"a"].kind, found[b"b/original"].kind, found[b"c"].kind) == (FILE, HARDLINK, HARDLINK)
    assert found[b"b/original"].target == found[b"c"].target == b"a"


def test_a_hard_link_to_something_excluded_is_a_file_of_its_own(root: pathlib.Path) -> None:
    make(root, "a/temp/original")
    os.link(root / "a/temp/original", root / "b")
    assert met(root, "*/temp/*") == {"a": DIRECTORY, "b": FILE}


def test_the_root_itself_may_be_a_link(root: pathlib.Path) -> None:
    make(root, "real/file")
    (root / "link").symlink_to("real")
    assert met(root / "link") == {"file": FILE}


@pytest.mark.parametrize(
    ("patterns", "left_out"),
    [
        ((), set()),
        (("*/temp/*",), {"temp", "temp/x", "a/temp", "a/temp/sub", "a/temp/sub/y"}),
        (("*.log",), {"dolibarr.log", "a/x.log"}),
        (("/dolibarr.log",), {"dolibarr.log"}),
        (("*/temp/*", "*.log"), {"temp", "temp/x", "a/temp", "a/temp/sub", "a/temp/sub/y", "dolibarr.log", "a/x.log"}),
        (("/a/*",), {"a", "a/x.log", "a/temp", "a/temp/sub", "a/temp/sub/y"}),
        # What the pattern does not match stays: neither the directory "temp" nor the file is meant here.
        (("*/tem?",), set()),
        (("*/temp?",), set()),
        (("*/temp/[!x]*",), {"a/temp/sub", "a/temp/sub/y"}),
        (("*/tem[!x]",), set()),
        (("*[!x]",), {"a/temp/sub/y", "dolibarr.log", "a/x.log", "temperature", "b/temp.pdf"}),
        (("*/te/*", "temp/*", "*/TEMP/*"), set()),
    ],
)
def test_only_what_a_pattern_matches_is_left_out(
    root: pathlib.Path, patterns: tuple[str, ...], left_out: set[str]
) -> None:
    make(root, "temp/x", "a/temp/sub/y", "dolibarr.log", "a/x.log", "temperature", "b/temp.pdf")
    everything = set(met(root))
    kept = set(met(root, *patterns))
    assert kept == everything - left_out


def walking(root: pathlib.Path, after: str, change: Callable[[], object]) -> dict[str, str]:
    """What a walk meets when something changes right after it has met ``after``."""
    found = {}
    for item in tree.walk(os.fsencode(root), NOTHING):
        if item.path == os.fsencode(after) and after not in found:
            change()
        found[os.fsdecode(item.path)] = item.reason if isinstance(item, Problem) else item.kind
    return found


def test_what_vanishes_during_the_walk_is_told(root: pathlib.Path) -> None:
    make(root, "a", "b", "c")
    assert walking(root, "a", (root / "b").unlink) == {"a": FILE, "b": "vanished", "c": FILE}


def test_a_directory_that_vanishes_during_the_walk_is_told(root: pathlib.Path) -> None:
    make(root, "a/x", "b")
    assert walking(root, "a", lambda: shutil.rmtree(root / "a")) == {"a": "vanished", "b": FILE}


def test_a_directory_that_becomes_a_file_during_the_walk_is_told(root: pathlib.Path) -> None:
    make(root, "a/x", "b")

    def replace() -> None:
        shutil.rmtree(root / "a")
        (root / "a").touch()

    assert walking(root, "a", replace) == {"a": "vanished", "b": FILE}


def test_a_directory_that_cannot_be_listed_is_told(root: pathlib.Path) -> None:
    make(root, "a/x", "b")
    (root / "a").chmod(0)
    with ordinary_user():
        assert met(root) == {"a": "unreadable", "b": FILE}


def test_a_directory_that_can_be_listed_and_not_entered_is_told(root: pathlib.Path) -> None:
    make(root, "a/x", "b")
    (root / "a").chmod(0o444)
    with ordinary_user():
        assert met(root) == {"a": DIRECTORY, "a/x": "unreadable", "b": FILE}


def test_a_path_longer_than_the_system_takes_is_told(root: pathlib.Path) -> None:
    # Created from inside, a name of 255 bytes at a time, past the 4096 bytes that a path may have.
    home = os.open(".", os.O_RDONLY)
    try:
        os.chdir(root)
        for _level in range(17):
            os.mkdir("d" * 255)
            os.chdir("d" * 255)
        found = met(root)
    finally:
        os.fchdir(home)
        os.close(home)
    assert len(found) >= 15
    assert list(found.values())[-1] == "unreadable"


def file_entry(path: str = "a", **changes: Any) -> Entry:
    names = {"mode": 0o644, "uid": 1, "gid": 2, "user": "", "group": "", "mtime_ns": 3, "ctime_ns": 4, "size": 5}
    return Entry(**{"path": path.encode(), "kind": FILE, **names, **changes})


@given(st.sets(st.text("ab/", min_size=1, max_size=4)), st.sets(st.text("ab/", min_size=1, max_size=4)))
def test_walk_and_index_are_paired_by_path(now: set[str], before: set[str]) -> None:
    nobody = os.stat_result(range(10))
    walk = [Found(path.encode(), FILE, nobody) for path in sorted(now, key=lambda path: order(path.encode()))]
    index = [file_entry(path) for path in sorted(before, key=lambda path: order(path.encode()))]
    pairs = list(tree.joined(walk, index))
    assert {item.path.decode() for item, entry in pairs if item and entry and item.path == entry.path} == now & before
    assert {item.path.decode() for item, entry in pairs if item and not entry} == now - before
    assert {entry.path.decode() for item, entry in pairs if entry and not item} == before - now
    assert len(pairs) == len(now | before)


def test_only_what_is_as_before_is_the_same(root: pathlib.Path) -> None:
    make(root, "a")
    (found,) = tree.walk(os.fsencode(root), NOTHING)
    assert isinstance(found, Found)
    entry = tree.describe(found, found.stat)
    assert tree.same(found, entry)
    changes: list[tuple[str, Any]] = [
        ("kind", SYMLINK),
        ("mtime_ns", entry.mtime_ns + 1),
        ("ctime_ns", entry.ctime_ns + 1),
        ("size", entry.size + 1),
        ("mode", entry.mode ^ 0o1),
        ("uid", entry.uid + 1),
        ("gid", entry.gid + 1),
    ]
    for field, other in changes:
        assert not tree.same(found, entry._replace(**{field: other})), field


class Meddler:
    """Does something to a file each time that a piece of it is read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *changes: Callable[[], object]) -> None:
        self.changes = list(changes)
        self.read = os.read
        monkeypatch.setattr(tree.os, "read", self)

    def __call__(self, descriptor: int, size: int) -> bytes:
        block = self.read(descriptor, size)
        if self.changes:
            self.changes.pop(0)()
        return block


@pytest.fixture
def victim(root: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A file of a few pieces; nobody waits for a clock to tick."""
    monkeypatch.setattr(tree, "CHUNK", 1000)
    path = root / "victim"
    path.write_bytes(b"old." * 1000)
    return path


NEW = b"new!" * 1000


def append(path: pathlib.Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def overwrite_quietly(path: pathlib.Path) -> None:
    """New content of the same size, and the old time put back, as an image tool may do."""
    before = path.stat()
    path.write_bytes(NEW)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: pathlib.Path) -> None:
    (path.parent / "other").write_bytes(NEW)
    (path.parent / "other").rename(path)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(
    ("change", "content"),
    [
        (append, b"old." * 1000 + b"more"),
        (lambda path: os.truncate(path, 1500), (b"old." * 1000)[:1500]),
        (lambda path: os.truncate(path, 0), b""),
        (lambda path: path.write_bytes(NEW), NEW),
        (overwrite_quietly, NEW),
        (replace, NEW),
    ],
    ids=["grows", "shrinks", "is emptied", "is overwritten", "keeps size and time", "is replaced"],
)
def test_a_file_that_changes_once_is_read_again(
    change: Callable[[pathlib.Path], object],
    content: bytes,
    keep: bool,
    victim: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Meddler(monkeypatch, lambda: change(victim))
    found = tree.read_file(os.fsencode(victim), keep, True)
    assert found.sha256 == hashlib.sha256(content).digest()
    assert found.md5 == hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert found.stat.st_size == len(content)
    assert (found.blocks is not None) == keep
    assert b"".join(found.blocks or ()) == (content if keep else b"")


def test_a_file_that_changes_every_time_is_given_up(victim: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Meddler(monkeypatch, *[lambda: append(victim)] * 100)
    with pytest.raises(Changing):
        tree.read_file(os.fsencode(victim), True, False)


def test_a_file_that_is_deleted_while_it_is_read_has_vanished(
    victim: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Meddler(monkeypatch, victim.unlink)
    with pytest.raises(FileNotFoundError):
        tree.read_file(os.fsencode(victim), True, False)


def test_a_change_within_one_tick_of_the_clock_is_waited_for(
    victim: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The file has just been written, so another write now might leave its times as they are.
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        victim.write_bytes(NEW)

    monkeypatch.setattr(tree.time, "sleep", sleep)
    victim.touch()
    assert b"".join(tree.read_file(os.fsencode(victim), True, False).blocks or ()) == NEW
    assert waits == [tree.SETTLE]


@pytest.mark.parametrize(
    "make_other",
    [os.mkfifo, lambda path: path.mkdir()],
    ids=["a pipe", "a directory"],
)
def test_a_file_that_has_become_something_else_does_not_hang(
    make_other: Callable[[pathlib.Path], object], victim: pathlib.Path
) -> None:
    victim.unlink()
    make_other(victim)
    with pytest.raises(Changing):
        tree.read_file(os.fsencode(victim), True, False)


def test_a_file_that_has_become_a_link_is_not_followed(victim: pathlib.Path) -> None:
    victim.rename(victim.parent / "elsewhere")
    victim.symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        tree.read_file(os.fsencode(victim), True, False)


@pytest.mark.parametrize(
    "change",
    [append, lambda path: os.truncate(path, 1500), overwrite_quietly, replace],
    ids=["grew", "shrank", "kept size and time", "was replaced"],
)
def test_a_second_reading_must_be_as_the_first(change: Callable[[pathlib.Path], object], victim: pathlib.Path) -> None:
    first = tree.read_file(os.fsencode(victim), False, False)
    assert b"".join(tree.second_reading(os.fsencode(victim), first)) == b"old." * 1000
    change(victim)
    with pytest.raises(Changing):
        b"".join(tree.second_reading(os.fsencode(victim), first))


def test_whoever_writes_meanwhile_no_two_versions_are_joined(
    root: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "CHUNK", 4096)
    path = root / "busy"
    path.write_bytes(b"\0" * 100_000)
    stop = threading.Event()

    def write() -> None:
        for version in range(1, 10_000):
            # Half of the time the file is left alone for longer than a reading needs.
            if stop.wait(0.15 if version % 2 else 0.0):
                return
            path.write_bytes(bytes([version % 251]) * (100_000 - version))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        whole = 0
        while whole < 5:
            try:
                content = tree.read_file(os.fsencode(path), True, False)
            except Changing:
                continue
            assert content.blocks is not None
            data = b"".join(content.blocks)
            assert len(set(data)) == 1 or not data
            assert len(data) == content.stat.st_size
            whole += 1
    finally:
        stop.set()
        writer.join()
