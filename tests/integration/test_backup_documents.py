# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents as they really are: odd names, links, files that change while they are read; judged with tar and zstd alone."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import os
import pathlib
import pwd
import random
import shutil
import socket
import stat
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.backup import documents, tree
from ansible_collections.arcodange.erp.plugins.module_utils.backup.documents import DocumentsOptions, DocumentsResult
from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store
from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import StoredObject
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from tests.support import stores
from tests.support.restore_points import Bucket, Line, connect, framed, unpacked


@functools.cache
def connected(found: stores.Store) -> Store:
    """One client for the buckets of all tests: each new one reads megabytes of descriptions."""
    return connect(found)


class Series:
    """Restore points of one directory, one after the other, as runs of the module would make them."""

    def __init__(self, found: stores.Store, root: pathlib.Path) -> None:
        self.root = root
        self.bucket = Bucket(found)
        self.store = copy.copy(connected(dataclasses.replace(found, bucket="")))
        self.store.options = dataclasses.replace(self.store.options, bucket=found.bucket)
        self.number = 0
        self.objects: dict[str, StoredObject] = {}
        self.index: StoredObject | None = None

    def options(self, **changes: Any) -> DocumentsOptions:
        usable = self.bucket.keys() & set(self.objects)
        return DocumentsOptions(str(self.root), usable=frozenset(usable), **changes)

    def run(self, **changes: Any) -> DocumentsResult:
        """Back up what is there now."""
        self.number += 1
        point = f"20261120T{self.number:06}Z"
        options = self.options(**changes)
        previous = self.index if self.index and self.index.key in options.usable else None
        result = documents.back_up_documents(self.store, point, options, previous, Progress())
        assert self.bucket.uploads() == []
        self.index = result.index or self.index
        kept = {key: item for key, item in self.objects.items() if key in result.tally.archives}
        new = {item.key: item for item in (result.archive, self.index) if item}
        self.objects = kept | new
        return result

    @property
    def manifest(self) -> dict[str, Any]:
        """As much of a manifest as judging the documents takes."""
        parts = [("index" if ".index." in key else "documents", item) for key, item in self.objects.items()]
        return {"objects": [{"part": part, **item.to_json()} for part, item in parts]}

    @property
    def contents(self) -> dict[str, bytes]:
        return {os.fsdecode(path): body for path, body in self.bucket.contents(self.manifest).items()}

    @property
    def lines(self) -> dict[str, Line]:
        return {os.fsdecode(line.path): line for line in self.bucket.index(self.manifest)}


@pytest.fixture
def root() -> Iterator[pathlib.Path]:
    """A documents directory that an ordinary user may enter too."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="erp-documents-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def series(object_store: stores.Store, root: pathlib.Path) -> Series:
    return Series(object_store, root)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large file is one of 64 KiB, so that small ones show what large ones do."""
    monkeypatch.setattr(documents, "LARGE", 64 << 10)
    monkeypatch.setattr(documents, "FRAME", 16 << 10)
    monkeypatch.setattr(tree, "BLOCK", 16 << 10)


def write(path: pathlib.Path, content: bytes | str = "content") -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def files(root: pathlib.Path) -> dict[str, bytes]:
    """Path and content of every regular file, one path of each inode."""
    found = {}
    seen = set()
    for place in sorted(root.rglob("*"), key=lambda path: os.fsencode(path).replace(b"/", b"\0")):
        status = place.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_ino not in seen:
            seen.add(status.st_ino)
            found[str(place.relative_to(root))] = place.read_bytes()
    return found


def described(root: pathlib.Path) -> dict[str, tuple[Any, ...]]:
    """All that tar can bring back of each thing below a directory."""
    found = {}
    for place in root.rglob("*"):
        status = place.lstat()
        link = os.readlink(place) if place.is_symlink() else ""
        content = place.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        when = 0 if place.is_symlink() else int(status.st_mtime)
        found[str(place.relative_to(root))] = (oct(status.st_mode), status.st_nlink, when, link, content)
    return found


NON_UTF8 = os.fsdecode(b"caf\xe9.pdf")
ODD_NAMES = [
    "facture/FA2501-0001/FA2501-0001.pdf",
    "été/ça va.odt",
    f"latin/{NON_UTF8}",
    os.fsdecode(b"\xff\xfe/\x80"),
    "two\nlines/and\ttab",
    " leading and trailing ",
    "-rf",
    "a\\nb",
    "\"quotes'",
    "\x1b[31mred",
    "n" * 255,
    "/".join(["deep" * 20] * 10),
    "facture-x",  # sorts between "facture" and what that directory holds, byte by byte
    "\U0001f4c4",
]


def everything(root: pathlib.Path) -> None:
    """A tree with one of each."""
    for number, name in enumerate(ODD_NAMES):
        write(root / name, f"content {number}")
    write(root / "empty file", b"")
    (root / "empty directory").mkdir()
    (root / "nested/empty").mkdir(parents=True)
    with (root / "sparse").open("wb") as file:
        file.seek(300_000)
        file.write(b"end")
    (root / "link").symlink_to("facture-x")
    (root / "link to directory").symlink_to("facture")
    (root / "dangling").symlink_to("nowhere/at all\n")
    (root / "loop").symlink_to("loop")
    (root / os.fsdecode(b"link \xe9")).symlink_to(os.fsdecode(b"target \xe9"))
    (root / "long link").symlink_to("x" * 1000)
    os.link(root / "facture-x", root / "été/twin")
    (root / "private").mkdir()
    write(root / "private/secret").chmod(0o600)
    (root / "private").chmod(0o700)
    os.utime(root / "facture-x", ns=(0, 1_234_567_890_123_456_789))
    os.utime(root / "empty file", (-86400, -86400))


def test_one_of_each_comes_back_from_the_index(series: Series, root: pathlib.Path) -> None:
    everything(root)
    result = series.run()
    assert result.tally.problems == []
    assert series.contents == files(root)
    for path, line in series.lines.items():
        status = (root / path).lstat()
        assert (int(line.data["mode"], 8), line.data["uid"], line.data["gid"]) == (
            stat.S_IMODE(status.st_mode),
            status.st_uid,
            status.st_gid,
        )
        assert line.data["mtime_ns"] == status.st_mtime_ns
        assert line.data["user"] == pwd.getpwuid(status.st_uid).pw_name
        if line.kind == "symlink":
            assert os.fsdecode(line.name("target")) == os.readlink(root / path)
        if line.kind == "hardlink":
            assert (root / os.fsdecode(line.name("target"))).samefile(root / path)
    assert set(series.lines) == {str(place.relative_to(root)) for place in root.rglob("*")}
    assert [line.kind for line in series.lines.values()].count("hardlink") == 1


def test_one_of_each_comes_back_with_tar_alone(series: Series, root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    everything(root)
    # Made last, or writing into it would change the time.
    for place in sorted(root.rglob("*"), reverse=True):
        if not place.is_symlink() and place.is_dir():
            os.utime(place, (1_700_000_000, 1_700_000_000))
    archive = series.run().archive
    assert archive is not None
    subprocess.run(["tar", "-xpf", "-", "-C", tmp_path], input=unpacked(series.bucket.read(archive.key)), check=True)
    assert described(tmp_path) == described(root)


def test_every_frame_is_readable_alone_and_entries_name_where_theirs_begins(
    series: Series, root: pathlib.Path, small: None
) -> None:
    for number in range(40):
        write(root / f"{number % 5}/{number}", random.Random(number).randbytes(5000))
    write(root / "large", random.Random(99).randbytes(100_000))
    archive = series.run().archive
    assert archive is not None
    found = framed(series.bucket.read(archive.key))
    assert max(map(len, found.values())) <= 32 << 10
    entries = [line for line in series.lines.values() if line.kind == "file"]
    assert {line.data["frame"] for line in entries} <= set(found)
    assert len({line.data["frame"] for line in entries}) > 5
    assert series.contents == files(root)


def test_nothing_changed_stores_nothing(series: Series, root: pathlib.Path) -> None:
    everything(root)
    first = series.run()
    before = series.bucket.sizes()
    second = series.run()
    assert (second.index, second.archive) == (None, None)
    assert series.bucket.sizes() == before
    for field in ("files", "directories", "links", "content_bytes", "archives"):
        assert getattr(second.tally, field) == getattr(first.tally, field)
    assert (second.tally.new_files, second.tally.known_files, second.tally.removed) == (0, 0, 0)


def sent(series: Series, result: DocumentsResult) -> list[str]:
    """The names of the files whose content a run has sent."""
    if result.archive is None:
        return []
    return [member.name for member in series.bucket.tar(result.archive.key) if member.isreg()]


def changed(root: pathlib.Path, change: Callable[[pathlib.Path], object], series: Series) -> DocumentsResult:
    """A second run after a change to three files."""
    for name in ("a/one", "a/two", "three"):
        write(root / name, name * 100)
    series.run()
    change(root)
    result = series.run()
    assert series.contents == files(root)
    assert result.index is not None
    return result


@pytest.mark.parametrize(
    "change",
    [
        lambda root: os.utime(root / "a/one", (0, 0)),
        lambda root: (root / "a/one").chmod(0o600),
        lambda root: (root / "a").rename(root / "b"),
        lambda root: (root / "a/one").rename(root / "elsewhere"),
        lambda root: shutil.copy(root / "three", root / "copy"),
        lambda root: os.link(root / "three", root / "0-comes-first"),
        lambda root: (root / "a/one").write_bytes((root / "a/one").read_bytes()),
        lambda root: (root / "a/one").unlink(),
        lambda root: shutil.rmtree(root / "a"),
        lambda root: (root / "link").symlink_to("a"),
        lambda root: (root / "empty").mkdir(),
        lambda root: (root / "a").chmod(0o700),
    ],
    ids=[
        "touch",
        "chmod",
        "rename of a directory",
        "rename",
        "copy",
        "hard link before it",
        "written anew",
        "removal",
        "removal of a directory",
        "symbolic link",
        "empty directory",
        "chmod of a directory",
    ],
)
def test_stored_content_is_not_sent_again(
    change: Callable[[pathlib.Path], object], series: Series, root: pathlib.Path
) -> None:
    result = changed(root, change, series)
    assert sent(series, result) == []
    assert (result.tally.new_files, result.tally.new_bytes) == (0, 0)
    again = series.run()
    assert (again.index, again.archive) == (None, None)


def test_only_new_content_is_sent(series: Series, root: pathlib.Path) -> None:
    result = changed(root, lambda root: (root / "a/one").write_bytes(b"new"), series)
    assert sent(series, result) == ["a/one"]
    assert (result.tally.new_files, result.tally.new_bytes) == (1, 3)
    assert len([key for key in series.objects if key.endswith(".tar.zst")]) == 2


def test_equal_contents_of_one_run_are_sent_once(series: Series, root: pathlib.Path) -> None:
    for name in ("a", "b/c", "d"):
        write(root / name, b"same" * 100)
    write(root / "other")
    result = series.run()
    assert sent(series, result) == ["a", "other"]
    assert (result.tally.new_files, result.tally.known_files) == (2, 2)
    assert series.contents == files(root)


def test_the_time_and_mode_of_known_content_are_those_of_now(series: Series, root: pathlib.Path) -> None:
    def change(root: pathlib.Path) -> None:
        (root / "three").chmod(0o640)
        os.utime(root / "three", (7, 7))

    changed(root, change, series)
    assert series.lines["three"].data["mode"] == "0640"
    assert series.lines["three"].data["mtime_ns"] == 7 * 10**9


def test_removed_documents_are_counted_and_stay_in_older_restore_points(series: Series, root: pathlib.Path) -> None:
    write(root / "gone", b"was here")
    write(root / "stays")
    series.run()
    old = series.manifest
    (root / "gone").unlink()
    assert series.run().tally.removed == 1
    assert set(series.contents) == {"stays"}
    assert series.bucket.contents(old)[b"gone"] == b"was here"


def test_a_file_may_become_a_directory_and_back(series: Series, root: pathlib.Path) -> None:
    write(root / "a", b"first")
    series.run()
    (root / "a").unlink()
    write(root / "a/b", b"second")
    series.run()
    assert series.contents == {"a/b": b"second"}
    shutil.rmtree(root / "a")
    (root / "a").symlink_to("b")
    series.run()
    assert series.lines["a"].kind == "symlink"
    (root / "a").unlink()
    write(root / "a", b"first")
    assert sent(series, series.run()) == ["a"]  # nothing refers to its first archive any more
    assert series.contents == {"a": b"first"}


def test_what_has_vanished_from_the_bucket_is_stored_anew(series: Series, root: pathlib.Path) -> None:
    write(root / "a", b"first")
    archive = series.run().archive
    write(root / "b", b"second")
    series.run()
    assert archive is not None
    series.bucket.delete(archive.key)
    result = series.run()
    assert sent(series, result) == ["a"]
    assert series.contents == {"a": b"first", "b": b"second"}


def test_without_the_index_everything_is_stored_anew(series: Series, root: pathlib.Path) -> None:
    write(root / "a", b"first")
    index = series.run().index
    assert index is not None
    series.bucket.delete(index.key)
    assert sent(series, series.run()) == ["a"]
    assert series.contents == {"a": b"first"}


def test_what_is_excluded_is_neither_stored_nor_counted(series: Series, root: pathlib.Path) -> None:
    for name in ("temp/x", "a/temp/y", "a/z", "temporary"):
        write(root / name)
    result = series.run()
    assert set(series.lines) == {"a", "a/z", "temporary"}
    assert (result.tally.files, result.tally.content_bytes) == (2, 14)
    write(root / "a/temp/new")
    os.utime(root / "a", ns=(0, series.lines["a"].data["mtime_ns"]))
    assert series.run().index is None


def test_the_documents_directory_may_be_a_link(series: Series, root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    write(root / "a")
    series.root = tmp_path / "link"
    series.root.symlink_to(root)
    series.run()
    assert series.contents == files(root)


def test_pipes_and_sockets_are_told(series: Series, root: pathlib.Path) -> None:
    write(root / "file")
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fsencode(root / "socket"))
        result = series.run()
    assert result.tally.skipped() == [{"path": "pipe", "reason": "special"}, {"path": "socket", "reason": "special"}]
    assert set(series.contents) == {"file"}
    assert series.run().index is None


# What changes between the walk and the reading of it, or while it is read


class Meddler:
    """Does something right before a path is opened for the n-th time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: pathlib.Path) -> None:
        self.root = root
        self.plans: dict[tuple[bytes, int], Callable[[], object]] = {}
        self.opened: dict[bytes, int] = {}
        self.open_plain = tree._open_plain
        monkeypatch.setattr(tree, "_open_plain", self)

    def before(self, name: str, time: int, change: Callable[[pathlib.Path], object]) -> None:
        path = self.root / name
        self.plans[os.fsencode(path), time] = lambda: change(path)

    def always(self, name: str, change: Callable[[pathlib.Path], object]) -> None:
        for time in range(1, 100):
            self.before(name, time, change)

    def __call__(self, path: bytes) -> int:
        self.opened[path] = self.opened.get(path, 0) + 1
        plan = self.plans.get((path, self.opened[path]))
        if plan is not None:
            plan()
        return self.open_plain(path)


@pytest.fixture
def meddler(monkeypatch: pytest.MonkeyPatch, root: pathlib.Path) -> Meddler:
    return Meddler(monkeypatch, root)


def become_directory(path: pathlib.Path) -> None:
    path.unlink()
    path.mkdir()


def become_link(path: pathlib.Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def become_pipe(path: pathlib.Path) -> None:
    path.unlink()
    os.mkfifo(path)


def lose_directory(path: pathlib.Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.touch()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (pathlib.Path.unlink, "vanished"),
        (lambda path: shutil.rmtree(path.parent), "vanished"),
        (lose_directory, "vanished"),
        (become_directory, "unstable"),
        (become_link, "unstable"),
        (become_pipe, "unstable"),
    ],
)
def test_what_is_something_else_when_it_is_read_is_told(
    change: Callable[[pathlib.Path], object], reason: str, series: Series, root: pathlib.Path, meddler: Meddler
) -> None:
    write(root / "a/victim", b"victim")
    write(root / "b", b"stays")
    meddler.before("a/victim", 1, change)
    result = series.run()
    assert result.tally.skipped() == [{"path": "a/victim", "reason": reason}]
    assert series.contents == {"b": b"stays"}


def test_a_link_that_is_a_file_when_it_is_read_is_told(
    series: Series, root: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "link").symlink_to("b")
    write(root / "b", b"stays")
    readlink = os.readlink

    def meddle(path: Any, **options: Any) -> Any:
        if os.path.basename(os.fsencode(path)) == b"link" and os.path.islink(path):
            os.unlink(path)
            write(root / "link")
        return readlink(path, **options)

    monkeypatch.setattr(documents.os, "readlink", meddle)
    result = series.run()
    assert result.tally.skipped() == [{"path": "link", "reason": "unstable"}]
    assert series.contents == {"b": b"stays"}


def grow(path: pathlib.Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def while_read(monkeypatch: pytest.MonkeyPatch, path: pathlib.Path, changes: int) -> None:
    """Let a file grow between the look at its size and the reading of its bytes, so many times."""
    fstat = os.fstat
    inode = path.stat().st_ino
    left = [changes * 2]

    def meddle(descriptor: int) -> os.stat_result:
        status = fstat(descriptor)
        if status.st_ino == inode and left[0]:
            left[0] -= 1
            if left[0] % 2:
                grow(path)
        return status

    monkeypatch.setattr(tree.os, "fstat", meddle)
    monkeypatch.setattr(tree, "SETTLE", 0.0)


def test_a_file_that_grew_while_it_was_read_is_read_again(
    series: Series, root: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = write(root / "victim", b"start")
    while_read(monkeypatch, victim, 1)
    assert series.run().tally.skipped() == []
    assert series.contents == {"victim": b"startmore"}


def test_a_file_that_never_rests_is_told_and_not_stored(
    series: Series, root: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = write(root / "victim", b"start")
    write(root / "b", b"stays")
    while_read(monkeypatch, victim, 50)
    assert series.run().tally.skipped() == [{"path": "victim", "reason": "unstable"}]
    assert series.contents == {"b": b"stays"}


def test_of_a_file_that_never_rests_the_stored_version_stays(
    series: Series, root: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = write(root / "victim", b"start")
    series.run()
    grow(victim)
    with monkeypatch.context() as patch:
        while_read(patch, victim, 50)
        result = series.run()
    assert result.tally.skipped() == [{"path": "victim", "reason": "unstable"}]
    assert series.contents == {"victim": b"start"}
    assert series.run().tally.skipped() == []
    assert series.contents == files(root)


@pytest.mark.parametrize("change", [pathlib.Path.unlink, become_pipe], ids=["vanished", "unstable"])
def test_the_other_names_of_a_file_that_could_not_be_stored_are_told_too(
    change: Callable[[pathlib.Path], object], series: Series, root: pathlib.Path, meddler: Meddler
) -> None:
    write(root / "first", b"linked")
    os.link(root / "first", root / "second")
    write(root / "third", b"stays")
    meddler.before("first", 1, change)
    result = series.run()
    assert [problem["path"] for problem in result.tally.skipped()] == ["first", "second"]
    assert series.contents == {"third": b"stays"}
    assert set(series.lines) == {"third"}
    series.run()
    assert series.contents == files(root)


def large(seed: int) -> bytes:
    return random.Random(seed).randbytes(100_000)


def test_large_files_are_stored_in_frames_of_their_own(series: Series, root: pathlib.Path, small: None) -> None:
    for number in range(3):
        write(root / f"large{number}", large(number))
        write(root / f"small{number}", f"small {number}")
    result = series.run()
    assert sorted(sent(series, result)) == sorted(files(root))
    assert series.contents == files(root)
    (root / "large1").rename(root / "renamed")
    assert sent(series, series.run()) == []
    assert series.contents == files(root)


@pytest.mark.parametrize("size", [65_537, 65_536 + 511, 65_536 + 512, 131_072])
def test_what_follows_a_large_file_is_found_whatever_its_padding(
    series: Series, root: pathlib.Path, small: None, size: int
) -> None:
    write(root / "a-large", (large(1) * 3)[:size])
    for number in range(40):
        write(root / f"small{number:02}", large(number)[:4000])
    series.run()
    assert series.contents == files(root)


@pytest.mark.parametrize(
    "change",
    [
        grow,
        lambda path: os.truncate(path, 50_000),
        lambda path: path.write_bytes(large(98)),
        pathlib.Path.unlink,
        become_pipe,
    ],
    ids=["grew", "shrank", "was overwritten", "vanished", "became a pipe"],
)
def test_a_large_file_that_changed_before_its_second_reading_is_never_stored_torn(
    change: Callable[[pathlib.Path], object], series: Series, root: pathlib.Path, small: None, meddler: Meddler
) -> None:
    write(root / "a", b"before")
    write(root / "large", large(1))
    write(root / "z", b"after")
    meddler.before("large", 2, change)
    result = series.run()
    assert [problem["path"] for problem in result.tally.skipped() if problem["reason"] != "special"] in (["large"], [])
    assert series.contents == {"a": b"before", "z": b"after"}
    assert sent(series, result) == ["a", "z"]
    series.run()
    assert series.contents == files(root)


def test_several_large_files_may_change_in_one_run(
    series: Series, root: pathlib.Path, small: None, meddler: Meddler
) -> None:
    for number in range(4):
        write(root / f"large{number}", large(number))
    meddler.before("large1", 2, grow)
    meddler.before("large3", 3, grow)  # in the second attempt
    result = series.run()
    assert [problem["path"] for problem in result.tally.skipped()] == ["large1", "large3"]
    assert series.contents == {"large0": large(0), "large2": large(2)}
    assert series.bucket.keys() == set(series.objects)


def test_of_a_large_file_that_changes_the_stored_version_stays(
    series: Series, root: pathlib.Path, small: None, meddler: Meddler
) -> None:
    write(root / "large", large(1))
    series.run()
    write(root / "large", large(2))
    meddler.before("large", 4, grow)
    result = series.run()
    assert result.tally.skipped() == [{"path": "large", "reason": "unstable"}]
    assert series.contents == {"large": large(1)}


# Files that may not be read


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


@pytest.fixture
def locked(root: pathlib.Path) -> pathlib.Path:
    """A directory with things that only their owner may read."""
    write(root / "open/a", b"readable")
    for number in range(5):
        write(root / f"closed{number}").chmod(0)
    write(root / "directory/x").parent.chmod(0)
    return root


def test_unreadable_files_fail_the_run_and_nothing_is_stored(series: Series, locked: pathlib.Path) -> None:
    with ordinary_user(), pytest.raises(ErpError) as caught:
        series.run()
    assert str(caught.value) == (
        f"Cannot read 6 of the documents in {locked} (closed0, closed1, closed2 and 3 more):"
        " run as a user who may read them, or set unreadable=warn."
    )
    assert caught.value.facts["unreadable"] == [*(f"closed{number}" for number in range(5)), "directory"]
    assert series.bucket.keys() == set()
    assert series.bucket.uploads() == []


def test_unreadable_files_are_told_when_that_is_wanted(series: Series, locked: pathlib.Path) -> None:
    with ordinary_user():
        result = series.run(unreadable="warn")
        assert {problem["reason"] for problem in result.tally.skipped()} == {"unreadable"}
        assert len(result.tally.skipped()) == 6
        assert series.contents == {"open/a": b"readable"}
        again = series.run(unreadable="warn")
    assert (again.index, again.archive) == (None, None)
    assert again.tally.skipped() == result.tally.skipped()


def test_a_missing_directory_is_refused_before_anything_else(root: pathlib.Path) -> None:
    for path in (root / "missing", write(root / "file")):
        with pytest.raises(
            ErpError, match=f"^The documents directory {path} does not exist .*: correct documents_path"
        ):
            documents.check_documents(DocumentsOptions(str(path)))
    (root / "closed").mkdir(mode=0)
    with ordinary_user(), pytest.raises(ErpError, match="cannot be listed .Permission denied.: run as a user who may"):
        documents.check_documents(DocumentsOptions(str(root / "closed")))


# All at once


def test_whoever_writes_meanwhile_only_whole_versions_are_stored(
    series: Series, root: pathlib.Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are rewritten, replaced, renamed and deleted while run follows run; each content vouches for itself."""
    monkeypatch.setattr(tree, "CHUNK", 4096)
    monkeypatch.setattr(tree, "SETTLE", 0.02)  # still longer than a tick of this system's clock
    names = [f"{number % 4}/{number}" for number in range(20)]
    sizes = [10, 3000, 40_000, 90_000]
    dice = random.Random(20261120)

    def version(number: int) -> bytes:
        stamp = b"%08d" % dice.randrange(10**8)
        return stamp * (sizes[number % 4] // 8 + dice.randrange(5))

    for number, name in enumerate(names):
        write(root / name, version(number))
    stop = threading.Event()

    def meddle() -> None:
        while not stop.wait(0.002):
            number = dice.randrange(len(names))
            path = root / names[number]
            what = dice.randrange(4)
            if what == 0:
                path.write_bytes(version(number))
            elif what == 1:
                write(root / "new", version(number)).replace(path)
            elif what == 2:
                path.unlink(missing_ok=True)
            elif path.exists():
                grown = path.read_bytes()
                with path.open("ab") as file:
                    file.write(grown[:8] * 100)

    writer = threading.Thread(target=meddle)
    writer.start()
    try:
        for _run in range(3):
            result = series.run()
            for path, content in series.contents.items():
                assert content == content[:8] * (len(content) // 8), path
            assert {problem.reason for problem in result.tally.problems} <= {"vanished", "unstable"}
    finally:
        stop.set()
        writer.join()
    assert series.run().tally.problems == []
    assert series.contents == files(root)


NAMES = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a", NON_UTF8])
OPERATIONS = st.tuples(
    st.sampled_from(["write", "delete", "rename", "touch", "chmod", "link", "symlink", "lose"]),
    NAMES,
    NAMES,
    st.sampled_from([b"", b"one", b"two", b"three" * 5000]),
)


def apply(series: Series, operation: str, path: pathlib.Path, other: pathlib.Path, content: bytes) -> None:
    """One change of the directory, where it makes sense; ``lose`` takes an archive out of the bucket."""
    other.parent.mkdir(parents=True, exist_ok=True)
    if operation == "write":
        if path.is_symlink():
            path.unlink()
        write(path, content)
    elif operation == "lose":
        for key in [key for key in series.objects if key.endswith(".tar.zst")][:1]:
            series.bucket.delete(key)
    elif operation == "symlink":
        other.unlink(missing_ok=True)
        other.symlink_to(path.name)
    elif path.is_file() and not path.is_symlink():
        if operation == "delete":
            path.unlink()
        elif operation == "rename":
            path.rename(other)
        elif operation == "touch":
            path.touch()
        elif operation == "chmod":
            path.chmod(0o600 if path.stat().st_mode & 0o077 else 0o644)
        elif operation == "link" and not (other.exists() or other.is_symlink()):
            os.link(path, other)


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.lists(OPERATIONS, max_size=5), min_size=2, max_size=4))
def test_after_any_changes_a_restore_point_is_what_is_there(
    moto: stores.Store, rounds: list[list[tuple[str, str, str, bytes]]]
) -> None:
    with tempfile.TemporaryDirectory(prefix="erp-documents-") as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "LARGE", 8 << 10)
        patch.setattr(tree, "SETTLE", 0.02)
        root = pathlib.Path(place)
        series = Series(moto.fresh(), root)
        older: list[tuple[dict[str, Any], dict[str, bytes]]] = []
        for operations in rounds:
            lost = any(operation[0] == "lose" for operation in operations)
            for operation, name, other, content in operations:
                apply(series, operation, root / name, root / other, content)
            known = (
                set()
                if lost
                else {line.data["sha256"] for line in series.lines.values() if "sha256" in line.data}
                if series.index
                else set()
            )
            result = series.run()
            assert result.tally.problems == []
            assert series.contents == files(root)
            assert set(series.lines) == {str(thing.relative_to(root)) for thing in root.rglob("*")}
            new = [
                line
                for line in series.lines.values()
                if result.archive and line.data.get("archive") == result.archive.key
            ]
            assert lost or not {line.data["sha256"] for line in new} & known
            assert len(sent(series, result)) == len({line.data["sha256"] for line in new})
            older = [] if lost else older
            older.append((series.manifest, files(root)))
            for manifest, contents in older:
                assert {os.fsdecode(path): body for path, body in series.bucket.contents(manifest).items()} == contents
