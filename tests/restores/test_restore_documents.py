# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was backed up comes back, what is not as it was is found, and nothing is written anywhere else."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import os
import pathlib
import pwd
import random
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.backup import documents as backup_documents
from ansible_collections.arcodange.erp.plugins.module_utils.backup import tree
from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import (
    DIRECTORY,
    FILE,
    HARDLINK,
    SYMLINK,
    Entry,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store
from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import Compressor
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.restore import documents, frames
from ansible_collections.arcodange.erp.plugins.module_utils.restore.documents import (
    Difference,
    RestoredDocuments,
    compare_documents,
    restore_documents,
)
from tests.support import stores
from tests.support.document_points import INDEX_KEY, Held, Points, by_hand, everything, held

ARCHIVE = "docs/20261120T040000Z.tar.zst"


@pytest.fixture
def place() -> Iterator[pathlib.Path]:
    """A directory that an ordinary user may enter too."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="erp-restore-"))
    directory.chmod(0o777)
    yield directory
    subprocess.run(["chmod", "-R", "u+rwx", directory], check=True)
    shutil.rmtree(directory)


@pytest.fixture
def points(object_store: stores.Store, place: pathlib.Path) -> Points:
    (place / "live").mkdir()
    return Points(object_store, place / "live")


@pytest.fixture
def target(place: pathlib.Path) -> pathlib.Path:
    return place / "restored"


def restore(store: Store, made: Manifest, target: pathlib.Path, *patterns: str) -> RestoredDocuments:
    return restore_documents(store, made, str(target), Progress(), patterns)


def compare(store: Store, made: Manifest, path: pathlib.Path) -> list[tuple[bytes, str]]:
    found = compare_documents(store, made, str(path), Progress())
    assert found == sorted(found) and all(isinstance(item, Difference) for item in found)
    return [(item.path, item.what) for item in found]


def write(path: pathlib.Path, content: bytes | str = "content") -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# What comes back

NON_UTF8 = os.fsdecode(b"caf\xe9.pdf")


def one_of_each(root: pathlib.Path) -> None:
    for number, name in enumerate(
        ["FA1/FA1.pdf", "été/ça va.odt", NON_UTF8, "two\nlines/-rf", "n" * 255, "/".join(["deep" * 20] * 10), "FA1-x"]
    ):
        write(root / name, f"content {number}")
    for number in range(3):
        write(root / f"large/{number}", random.Random(number).randbytes(3_000_000 + number))
        write(root / f"copies/{number}", random.Random(0).randbytes(3_000_000))
        write(root / f"empty/{number}", b"")
    write(root / "huge", random.Random(9).randbytes(5 << 20))
    (root / "empty directory").mkdir()
    (root / "link").symlink_to("FA1-x")
    (root / "dangling").symlink_to("nowhere/at all\n")
    (root / "été/up").symlink_to("../FA1/FA1.pdf")
    (root / os.fsdecode(b"link \xe9")).symlink_to(os.fsdecode(b"target \xe9"))
    os.link(root / "FA1-x", root / "été/twin")
    os.link(root / "FA1-x", root / "twin")
    write(root / "private/secret").chmod(0o400)
    (root / "private").chmod(0o500)
    write(root / "shared/x").parent.chmod(0o2770)
    if os.geteuid() == 0:
        os.chown(root / "FA1-x", 33, 65534)
        os.chown(root / "shared", 33, 33)
        os.chown(root / "link", 33, 33, follow_symlinks=False)
        (root / "shared").chmod(0o2770)
        (root / "huge").chmod(0o4755)
    os.utime(root / "FA1-x", ns=(0, 1_234_567_890_123_456_789))
    os.utime(root / "huge", (-86400, -86400))
    os.utime(root / "link", (5, 5), follow_symlinks=False)
    os.utime(root / "empty directory", (7, 7))
    os.utime(root, (9, 9))


def test_one_of_each_comes_back(points: Points, target: pathlib.Path) -> None:
    one_of_each(points.root)
    made = points.back_up()
    before = everything(points.root)
    result = restore(points.store, made, target)
    assert everything(target) == before
    assert compare(points.store, made, target) == []
    counted = [oct(stat.S_IFMT(int(thing[0], 8))) for path, thing in before.items() if path != b"."]
    assert result == RestoredDocuments(
        files=counted.count(oct(stat.S_IFREG)) - 2,
        directories=counted.count(oct(stat.S_IFDIR)),
        links=counted.count(oct(stat.S_IFLNK)) + 2,
        content_bytes=made_bytes(points),
        objects_read=2,
    )


def made_bytes(points: Points) -> int:
    return sum(line.data.get("size", 0) for line in points.bucket.index(points.made[-1].data))


def test_things_are_restored_from_all_the_archives_that_hold_them(points: Points, target: pathlib.Path) -> None:
    write(points.root / "a/stays", "stays" * 1000)
    write(points.root / "changes", "before")
    first = points.back_up()
    before = everything(points.root)
    write(points.root / "changes", "afterwards")
    write(points.root / "new/copy", "stays" * 1000)
    second = points.back_up()
    assert restore(points.store, second, target).objects_read == 3
    assert everything(target) == everything(points.root)
    shutil.rmtree(target)
    restore(points.store, first, target)
    assert everything(target) == before


def test_small_pieces_and_many_names_of_one_content(
    points: Points, target: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests that end anywhere, frames that files span, and more names than are made in one go."""
    monkeypatch.setattr(backup_documents, "FRAME", 16 << 10)
    monkeypatch.setattr(frames, "PIECE", 5000)
    monkeypatch.setattr(documents, "MOST_THINGS", 3)
    for number in range(8):
        write(points.root / f"spanning/{number}", random.Random(1).randbytes(40_000))
        write(points.root / f"small/{number}", b"small" * 100)
        write(points.root / f"other/{number}", random.Random(number).randbytes(5000))
    made = points.back_up()
    restore(points.store, made, target)
    assert everything(target) == everything(points.root)


NAMES = st.sampled_from(["a", "b", "d/a", "d/b\n", "d/e/a", NON_UTF8, os.fsdecode(b"\xff/\xfe"), "n" * 255])
SIZES = st.sampled_from([0, 1, 511, 512, 513, 9000, 1 << 20, (1 << 20) + 1]) | st.integers(0, 6 << 20)
TIMES = st.integers(-(10**18), 2 * 10**18)
OPERATIONS = st.tuples(
    st.sampled_from(["write", "write", "delete", "rename", "time", "mode", "link", "symlink", "directory"]),
    NAMES,
    NAMES,
    SIZES,
    TIMES,
)


def apply(root: pathlib.Path, operation: str, name: str, other: str, size: int, time: int) -> None:
    """One change of a tree, where it makes sense."""
    path, second = root / name, root / other
    second.parent.mkdir(parents=True, exist_ok=True)
    if operation == "directory":
        (root / f"directory {size % 3}/below").mkdir(parents=True, exist_ok=True)
    elif operation == "symlink":
        second.unlink(missing_ok=True)
        second.symlink_to(path.name)
        os.utime(second, ns=(0, time), follow_symlinks=False)
    elif operation == "write":
        path.unlink(missing_ok=True)
        half = random.Random(size % 5).randbytes(size // 2)
        write(path, half + bytes(size - len(half)))
    elif path.is_file() and not path.is_symlink():
        if operation == "delete":
            path.unlink()
        elif operation == "rename":
            path.rename(second)
        elif operation == "time":
            os.utime(path, ns=(0, time))
            os.utime(path.parent, ns=(0, time))
        elif operation == "mode":
            path.chmod(size & 0o777)
            path.parent.chmod(size & 0o777 | 0o700)
        elif not (second.exists() or second.is_symlink()):
            os.link(path, second)


@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.lists(OPERATIONS, max_size=12), min_size=2, max_size=3))
def test_what_was_backed_up_is_what_comes_back(
    moto: stores.Store, rounds: list[list[tuple[str, str, str, int, int]]]
) -> None:
    with tempfile.TemporaryDirectory(prefix="erp-restore-") as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "SETTLE", 0.02)  # still longer than a tick of this system's clock
        live = pathlib.Path(place, "live")
        live.mkdir()
        points = Points(moto.fresh(), live)
        seen = []
        for operations in rounds:
            for operation in operations:
                apply(live, *operation)
            seen.append((points.back_up(), everything(live)))
        for number, (made, before) in enumerate(seen):
            target = pathlib.Path(place, f"restored {number}")
            assert restore(points.store, made, target).refused == ()
            assert everything(target) == before
            assert compare(points.store, made, target) == []


# What is not as it was


@pytest.fixture(scope="module")
def small(moto: stores.Store, tmp_path_factory: pytest.TempPathFactory) -> tuple[Held, Manifest]:
    """A restore point of a few files in two archives, its objects in memory."""
    root = tmp_path_factory.mktemp("small")
    points = Points(moto.fresh(), root)
    write(root / "facture/FA1/FA1.pdf", random.Random(1).randbytes(700))
    write(root / "facture/FA2/FA2.pdf", "text " * 100)
    write(root / "empty", b"")
    points.back_up()
    write(root / "later", "later " * 50)
    made = points.back_up()
    return held(points, made), made


def fails(store: Held, made: Manifest, target: pathlib.Path) -> ErpError:
    """The sentence that a restore ends with."""
    with pytest.raises(ErpError) as caught:
        restore(store, made, target)
    assert str(caught.value).count(". ") == 0 and str(caught.value).endswith(".")
    shutil.rmtree(target, ignore_errors=True)
    return caught.value


def test_each_flipped_bit_is_found(small: tuple[Held, Manifest], target: pathlib.Path) -> None:
    store, made = small
    dice = random.Random(20261120)
    keys = sorted(store.bodies)
    flips = [(dice.choice(keys), dice.random(), dice.randrange(8)) for _number in range(200)]
    # A bit that no decoder looks at, the checksum of a frame, and the end of the archive.
    flips += [(ARCHIVE, 4 / len(store.bodies[ARCHIVE]), 4), (ARCHIVE, 0.9999, 7)]
    for key, where, bit in flips:
        body = bytearray(store.bodies[key])
        body[int(where * len(body))] ^= 1 << bit
        error = fails(Held(store.bodies | {key: bytes(body)}), made, target)
        assert key in str(error)
        assert ".index." in key or error.facts["path"] in ("facture/FA1/FA1.pdf", "facture/FA2/FA2.pdf", "later")


def test_one_missing_object_is_named(small: tuple[Held, Manifest], target: pathlib.Path) -> None:
    store, made = small
    for key in store.bodies:
        bodies = {other: body for other, body in store.bodies.items() if other != key}
        error = fails(Held(bodies), made, target)
        assert f"s3://bucket/erp/test/{key}" in str(error)
        assert ".index." in key or "is missing, and with it" in str(error)
    error = fails(Held({key: body for key, body in store.bodies.items() if key != ARCHIVE}), made, target)
    assert "with it 3 of the documents, facture/FA1/FA1.pdf among them" in str(error)


def test_an_archive_cut_short_is_found(small: tuple[Held, Manifest], target: pathlib.Path) -> None:
    store, made = small
    for left in (0, 3, 10, 500, len(store.bodies[ARCHIVE]) - 1):
        error = fails(Held(store.bodies | {ARCHIVE: store.bodies[ARCHIVE][:left]}), made, target)
        assert f"{ARCHIVE} is damaged near byte" in str(error)


def test_a_missing_object_of_a_real_store_is_named(points: Points, target: pathlib.Path) -> None:
    write(points.root / "one")
    made = points.back_up()
    points.bucket.write(ARCHIVE, points.bucket.read(ARCHIVE)[:-20])
    with pytest.raises(
        ErpError, match=f"{ARCHIVE} is damaged near byte 0, where one is stored .it ends early.: choose"
    ):
        restore(points.store, made, target)
    shutil.rmtree(target)
    points.bucket.delete(ARCHIVE)
    with pytest.raises(ErpError, match=f"{ARCHIVE} is missing, and with it 1 of the documents, one among them: choose"):
        restore(points.store, made, target)


# Indexes made by hand

BODY = b"content of a file"
NOW = 1_795_218_660_000_000_000
FRAME_OF_TWO = Compressor()(BODY + b"x" * 100)
OTHER = Compressor()(b"another frame")


MODES = {DIRECTORY: 0o755, SYMLINK: 0o777}


def entry(path: bytes, kind: str = FILE, **changes: Any) -> Entry:
    plain = Entry(path, kind, MODES.get(kind, 0o644), os.geteuid(), os.getegid(), "", "", NOW, 0)
    if kind == FILE:
        plain = plain._replace(size=len(BODY), sha256=hashlib.sha256(BODY).hexdigest(), archive=ARCHIVE)
    return plain._replace(**changes)


def crafted(*lines: Entry | bytes) -> tuple[Held, Manifest]:
    return by_hand(lines, {ARCHIVE: FRAME_OF_TWO + OTHER})


def test_an_index_made_by_hand_is_restored(target: pathlib.Path) -> None:
    second = entry(b"d/y", size=13, sha256=hashlib.sha256(b"another frame").hexdigest(), frame=len(FRAME_OF_TWO))
    result = restore(*crafted(entry(b"d", DIRECTORY), entry(b"d/x"), second), target)
    assert (result.files, result.directories) == (2, 1)
    assert (target / "d/x").read_bytes() == BODY
    assert (target / "d/y").read_bytes() == b"another frame"
    assert target.stat().st_mode & 0o7777 == 0o755


ATTACKS = {
    "absolute": [entry(b"/tmp/erp-attack")],
    "parent": [entry(b"../erp-attack")],
    "parent of a directory": [entry(b"a", DIRECTORY), entry(b"a/../../erp-attack")],
    "parent itself": [entry(b"..", DIRECTORY), entry(b"../erp-attack")],
    "dot": [entry(b".", DIRECTORY)],
    "nothing": [entry(b"", DIRECTORY)],
    "empty component": [entry(b"a", DIRECTORY), entry(b"a//b")],
    "slash at the end": [entry(b"a/", DIRECTORY)],
    "NUL": [entry(b"a\0b")],
    "twice": [entry(b"a"), entry(b"a")],
    "out of order": [entry(b"b"), entry(b"a")],
    "below nothing": [entry(b"a/b")],
    "below a file": [entry(b"a"), entry(b"a/b")],
    "below a link out": [entry(b"a", SYMLINK, target=b"/tmp"), entry(b"a/erp-attack")],
    "below a link within": [entry(b"a", DIRECTORY), entry(b"b", SYMLINK, target=b"a"), entry(b"b/c")],
    "hard link out": [entry(b"a", HARDLINK, target=b"/etc/passwd")],
    "hard link to a parent": [entry(b"a", HARDLINK, target=b"../x")],
    "hard link to nothing": [entry(b"a", HARDLINK, target=b"b")],
    "hard link to a directory": [entry(b"a", DIRECTORY), entry(b"b", HARDLINK, target=b"a")],
    "hard link to a link": [entry(b"a", SYMLINK, target=b"b"), entry(b"b", HARDLINK, target=b"a")],
    "hard link to itself": [entry(b"a", HARDLINK, target=b"a")],
    "link to nothing": [entry(b"a", SYMLINK)],
    "device": [entry(b"a", "device")],
    "impossible mode": [entry(b"a", mode=0o170644)],
    "impossible owner": [entry(b"a", uid=-1)],
    "no digest": [entry(b"a", sha256="")],
    "archive elsewhere": [entry(b"a", archive="docs/other.tar.zst")],
    "negative place": [entry(b"a", frame=-1)],
    "number too large": [entry(b"a", size=2**70)],
    "no JSON": [entry(b"a"), b"{\n"],
    "no entry": [b'{"type": "file"}\n'],
    "not a number": [
        b'{"type":"directory","path":"a","mode":"0755","uid":"0","gid":0,"user":"","group":"","mtime_ns":0,"ctime_ns":0}\n'
    ],
}


@pytest.mark.parametrize("patterns", [(), ("*",)], ids=["all", "some"])
@pytest.mark.parametrize("lines", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_writes_nothing_at_all(
    lines: list[Entry | bytes], patterns: tuple[str, ...], place: pathlib.Path
) -> None:
    outside = pathlib.Path("/tmp/erp-attack")
    assert not outside.exists()
    store, made = crafted(*lines)
    with pytest.raises(ErpError, match=f"^s3://bucket/erp/test/{INDEX_KEY} .*choose another restore point.$"):
        restore(store, made, place / "restored", *patterns)
    assert list(place.iterdir()) == []
    assert not outside.exists()


WRONG = {
    "another content": ([entry(b"a", sha256="0" * 64)], r"content of a in .* is not the one that was stored"),
    "another size": ([entry(b"a", size=5)], "is not the one that was stored"),
    "an empty file with another digest": ([entry(b"a", size=0)], "is not the one that was stored"),
    "no frame there": ([entry(b"a", frame=3)], "near byte 3, where a is stored .no frame begins there."),
    "no frame behind": ([entry(b"a", frame=9999)], "no frame begins there"),
    "beyond the end": ([entry(b"a", offset=200)], "it ends early"),
    "too large for the archive": ([entry(b"a", size=10_000)], "it ends early"),
}


@pytest.mark.parametrize(("lines", "sentence"), WRONG.values(), ids=WRONG)
def test_an_index_that_does_not_fit_its_archive_is_found(
    lines: list[Entry], sentence: str, target: pathlib.Path
) -> None:
    for patterns in ((), ("a",)):
        with pytest.raises(ErpError, match=sentence):
            restore(*crafted(*lines), target, *patterns)
        shutil.rmtree(target)


@pytest.mark.parametrize("body", [b"", b"no frame", FRAME_OF_TWO[:20], FRAME_OF_TWO + b"\x28\xb5\x2f\xfd" + bytes(9)])
def test_an_archive_without_documents_is_read_all_the_same(body: bytes, target: pathlib.Path) -> None:
    store, made = by_hand([], {ARCHIVE: body})
    if body:
        with pytest.raises(ErpError, match=rf"{ARCHIVE} is damaged near byte \d+ \("):
            restore(store, made, target)
    else:
        assert restore(store, made, target).objects_read == 2
    del store.bodies[ARCHIVE]
    shutil.rmtree(target)
    if body:
        with pytest.raises(ErpError, match=f"{ARCHIVE} is missing: choose"):
            restore(store, made, target)


def test_links_that_leave_the_tree_are_told_and_not_made(target: pathlib.Path) -> None:
    lines = [
        entry(b"a", DIRECTORY),
        entry(b"a/inside", SYMLINK, target=b"../b"),
        entry(b"a/out", SYMLINK, target=b"../../b"),
        entry(b"b"),
        entry(b"root", SYMLINK, target=b"/"),
        entry(b"to-a", SYMLINK, target=b"a"),
        entry(b"through", SYMLINK, target=b"to-a/../../b"),
    ]
    lines.sort(key=lambda line: line.path.replace(b"/", b"\0"))
    store, made = crafted(*lines)
    result = restore(store, made, target)
    assert result.to_facts()["refused"] == [
        {"path": path, "reason": "outside"} for path in ("a/out", "root", "through")
    ]
    assert result.links == 2
    assert sorted(str(path.relative_to(target)) for path in target.rglob("*")) == ["a", "a/inside", "b", "to-a"]
    assert compare(store, made, target) == [(b"a/out", "missing"), (b"root", "missing"), (b"through", "missing")]


# Where to


def test_a_directory_that_holds_something_is_left_alone(small: tuple[Held, Manifest], target: pathlib.Path) -> None:
    write(target / "mine", "mine")
    with pytest.raises(
        Refused, match=f"^The directory {target} is not empty: name one that is empty or does not exist"
    ):
        restore(*small, target)
    assert [path.name for path in target.iterdir()] == ["mine"]
    assert target.stat().st_mode & 0o777 == 0o755


def test_an_empty_directory_is_taken(small: tuple[Held, Manifest], target: pathlib.Path) -> None:
    target.mkdir(mode=0o777)
    store, made = small
    assert restore(store, made, target).files == 4
    assert compare(store, made, target) == []


@pytest.mark.parametrize("kind", ["file", "link to a directory", "below nothing"])
def test_what_cannot_be_restored_into_is_told(kind: str, small: tuple[Held, Manifest], target: pathlib.Path) -> None:
    aimed = target
    if kind == "file":
        target.write_text("mine")
    elif kind == "below nothing":
        aimed = target / "below"
    else:
        (target.parent / "other").mkdir()
        target.symlink_to("other")
    with pytest.raises(ErpError, match=f"^Cannot restore into {aimed} .*: name a directory of yours that is empty or"):
        restore(*small, aimed)
    assert kind == "below nothing" or target.exists()
    assert not (target.parent / "other").is_dir() or not list((target.parent / "other").iterdir())


def test_nobody_else_may_enter_before_everything_is_in_place(
    small: tuple[Held, Manifest], target: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    seen: set[int] = set()

    def watch(descriptor: int, content: bytes) -> int:
        seen.update(stat.S_IMODE(path.stat().st_mode) for path in [target, *target.rglob("*")] if path.is_dir())
        return real(descriptor, content)

    monkeypatch.setattr(documents.os, "write", watch)
    restore(*small, target)
    assert seen == {0o700}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("size", [1000, 3 << 20], ids=["small", "spanning"])
def test_a_full_disk_is_told(
    number: int, size: int, points: Points, target: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(points.root / "facture.pdf", random.Random(1).randbytes(size))
    made = points.back_up()

    def refuse(descriptor: int, content: bytes) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(documents.os, "write", refuse)
    advice = "free space there" if number == errno.ENOSPC else "check that file system"
    with pytest.raises(ErpError) as caught:
        restore(points.store, made, target)
    assert str(caught.value) == (
        f"Cannot restore facture.pdf from {points.store.describe(ARCHIVE)} into {target} ({os.strerror(number)}):"
        f" {advice} and run again."
    )


def test_short_writes_are_continued(points: Points, target: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(points.root / "small", random.Random(1).randbytes(1000))
    write(points.root / "spanning", random.Random(1).randbytes(1 << 20))
    made = points.back_up()
    real = os.write
    monkeypatch.setattr(documents.os, "write", lambda descriptor, content: real(descriptor, content[:70_001]))
    restore(points.store, made, target)
    assert everything(target) == everything(points.root)


@contextlib.contextmanager
def ordinary_user() -> Iterator[None]:
    """Root may do everything: be somebody else for a moment."""
    if os.geteuid() != 0:
        yield
        return
    other = pwd.getpwnam("nobody")
    os.setegid(other.pw_gid)
    os.seteuid(other.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def test_an_ordinary_user_gets_everything_but_the_owners(target: pathlib.Path) -> None:
    with ordinary_user():
        mine, group = os.geteuid(), os.getegid()
    lines = [
        entry(b"d", DIRECTORY, uid=33, mode=0o555),
        entry(b"d/locked", uid=mine, gid=group, mode=0o400),
        entry(b"d/other", uid=33, mode=0o4755),
        entry(b"hard", HARDLINK, uid=mine, gid=group, mode=0o400, target=b"d/locked"),
        entry(b"link", SYMLINK, target=b"d", uid=33),
        entry(b"mine", uid=mine, gid=group, mode=0o600),
    ]
    store, made = crafted(*lines)
    with ordinary_user():
        result = restore(store, made, target)
        differences = compare(store, made, target)
    found = everything(target)
    # The root of the tree is another's too, unless the tests are run by the user who restores.
    root_kept = mine != os.geteuid()
    assert result.owners_kept == 3 + root_kept
    assert found[b"d"][:3] == (oct(0o40555), mine, group)
    assert found[b"d/locked"][:3] == (oct(0o100400), mine, group)
    assert found[b"d/other"][0] == oct(0o100755)  # the right to act as the owner is not given away
    assert {thing[3] for path, thing in found.items() if path not in (b".",)} == {NOW}
    kept = [(b"d", "metadata"), (b"d/other", "metadata"), (b"link", "metadata")]
    assert differences == [(b".", "metadata")] * root_kept + kept


def test_directories_that_nobody_may_enter_are_closed_last(target: pathlib.Path) -> None:
    with ordinary_user():
        mine, group = os.geteuid(), os.getegid()
    lines = [
        entry(path, DIRECTORY if path != b"a/b/c" else FILE, uid=mine, gid=group, mode=0)
        for path in (b"a", b"a/b", b"a/b/c")
    ]
    store, made = crafted(*lines)
    with ordinary_user():
        restore(store, made, target)
    for name in ("a", "a/b", "a/b/c"):
        status = (target / name).stat()
        assert (status.st_mode & 0o7777, status.st_mtime_ns) == (0, NOW)
        (target / name).chmod(0o700)


def test_what_the_disk_did_not_keep_is_told(
    small: tuple[Held, Manifest], target: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        documents._flush(-1)

    def lose(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(documents, "_flush", lose)
    with pytest.raises(ErpError, match=f"^Cannot restore the documents into {target} .Input/output error.: check that"):
        restore(*small, target)


def test_a_place_that_may_not_be_written_is_told(small: tuple[Held, Manifest], target: pathlib.Path) -> None:
    target.parent.chmod(0o555)
    target.mkdir() if os.geteuid() == 0 else None
    with ordinary_user(), pytest.raises(ErpError, match=f"^Cannot restore into {target} .*: name a directory of yours"):
        restore(*small, target)


# Single documents


@pytest.fixture(scope="module")
def many(moto: stores.Store, tmp_path_factory: pytest.TempPathFactory) -> tuple[Points, Manifest]:
    """Twelve MiB of documents in one archive."""
    root = tmp_path_factory.mktemp("many")
    points = Points(moto.fresh(), root)
    for number in range(240):
        write(root / f"facture/FA{number:03}/FA{number:03}.pdf", random.Random(number).randbytes(50_000))
    write(root / "facture" / NON_UTF8, "latin")
    write(root / "été/devis.pdf", "accents")
    os.link(root / "facture/FA007/FA007.pdf", root / "twin.pdf")
    os.link(root / "facture/FA007/FA007.pdf", root / "twin-2.pdf")
    (root / "facture/FA100").chmod(0o750)
    os.utime(root / "facture", (1, 1))
    return points, points.back_up()


class Counted:
    """The requests that a store gets."""

    def __init__(self, points: Points) -> None:
        self.keys: list[str] = []
        self.bytes = 0
        self._events = points.store.client.meta.events

    def _note(self, model: Any, params: dict[str, Any], **_rest: Any) -> None:
        self.keys.append(params["url_path"].split("erp/test/")[1])
        first, last = params["headers"].get("Range", "bytes=0-0").removeprefix("bytes=").split("-")
        self.bytes += int(last) - int(first) + 1

    def __enter__(self) -> Counted:
        self._events.register("before-call.s3", self._note)
        return self

    def __exit__(self, *_error: object) -> None:
        self._events.unregister("before-call.s3", self._note)


def test_one_document_reads_little(many: tuple[Points, Manifest], target: pathlib.Path) -> None:
    points, made = many
    before = everything(points.root)
    with Counted(points) as counted:
        result = restore(points.store, made, target, "facture/FA100/*.pdf")
    wanted = [b"facture", b"facture/FA100", b"facture/FA100/FA100.pdf"]
    assert {path: thing for path, thing in everything(target).items() if path != b"."} == {
        path: before[path] for path in wanted
    }
    assert result == RestoredDocuments(1, 2, 0, 50_000, 2)
    assert sorted(set(counted.keys)) == [INDEX_KEY, ARCHIVE]
    assert counted.keys.count(ARCHIVE) == 1
    assert 50_000 < counted.bytes < 3 << 20


def test_documents_far_apart_are_read_one_by_one(many: tuple[Points, Manifest], target: pathlib.Path) -> None:
    points, made = many
    with Counted(points) as counted:
        result = restore(points.store, made, target, "*/FA01?.pdf", "*FA20[0-4].pdf")
    assert result.files == 15
    assert counted.keys.count(ARCHIVE) == 2
    assert counted.bytes < 6 << 20
    for number in (10, 19, 200, 204):
        assert (target / f"facture/FA{number:03}/FA{number:03}.pdf").read_bytes() == random.Random(number).randbytes(
            50_000
        )


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("*.pdf", 244),
        ("*", 244),
        ("facture/FA007/*", 1),
        ("facture/FA007", 0),
        ("facture/caf*", 1),
        (f"facture/{NON_UTF8}", 1),
        ("?t?/devis.pdf", 1),
        ("FA007.pdf", 0),
        ("[", 0),
        ("FACTURE/*", 0),
    ],
)
def test_patterns_are_shell_patterns_of_the_whole_path(
    pattern: str, files: int, many: tuple[Points, Manifest], target: pathlib.Path
) -> None:
    points, made = many
    result = restore(points.store, made, target, pattern)
    before, after = everything(points.root), everything(target)
    found = [path for path, thing in after.items() if thing[0].startswith("0o100")]
    assert (result.files + result.links, len(found)) == (files, files)
    assert result.links == (2 if pattern.startswith("*") else 0)
    assert all(before[path][:5] == after[path][:5] for path in found)


def test_a_hard_link_brings_the_content_of_what_is_not_wanted(
    many: tuple[Points, Manifest], target: pathlib.Path
) -> None:
    points, made = many
    result = restore(points.store, made, target, "twin*")
    assert (result.files, result.links, result.directories) == (1, 1, 0)
    assert (target / "twin.pdf").read_bytes() == random.Random(7).randbytes(50_000)
    assert (target / "twin.pdf").samefile(target / "twin-2.pdf")


def test_single_documents_come_out_of_a_damaged_archive(many: tuple[Points, Manifest], target: pathlib.Path) -> None:
    points, made = many
    store = held(points, made)
    body = bytearray(store.bodies[ARCHIVE])
    body[6_000_000] ^= 1
    store.bodies[ARCHIVE] = bytes(body)
    assert restore(store, made, target, "*FA00?.pdf", "*FA22?.pdf").files == 20
    with pytest.raises(ErpError, match="tar.zst is damaged near byte"):
        restore(store, made, target.with_name("all"))


def test_a_frame_larger_than_ours_is_read_on(target: pathlib.Path) -> None:
    body = random.Random(1).randbytes(9 << 20)
    large = Compressor()(body)
    lines = [entry(b"a", sha256=hashlib.sha256(body[:17]).hexdigest())]
    store, made = by_hand(lines, {ARCHIVE: large + OTHER})
    assert restore(store, made, target, "a").files == 1
    assert max(end - start for key, start, end in store.asked if key == ARCHIVE) <= frames.PIECE


# Comparing


def changed(change: Callable[[pathlib.Path], object]) -> Callable[[pathlib.Path], None]:
    """A change that leaves the times of the directories alone."""

    def run(root: pathlib.Path) -> None:
        times = {path: path.stat().st_mtime_ns for path in [root, *root.rglob("*")] if path.is_dir()}
        change(root)
        for path, time in times.items():
            if path.is_dir() and not path.is_symlink():
                os.utime(path, ns=(time, time))

    return run


def rewritten(root: pathlib.Path, name: str, content: bytes) -> None:
    """Another content under the time of the former."""
    time = (root / name).stat().st_mtime_ns
    (root / name).write_bytes(content)
    os.utime(root / name, ns=(time, time))


def replaced(root: pathlib.Path, name: str, target: str) -> None:
    (root / name).unlink()
    (root / name).symlink_to(target)


def pipe(path: pathlib.Path) -> None:
    path.unlink()
    os.mkfifo(path)


def unlinked_twin(root: pathlib.Path, content: bytes | None = None) -> None:
    body, time = (root / "d/file").read_bytes(), (root / "d/file").stat().st_mtime_ns
    (root / "twin").unlink()
    write(root / "twin", body if content is None else content)
    os.utime(root / "twin", ns=(time, time))


DIFFERENCES: dict[str, tuple[Callable[[pathlib.Path], object], list[tuple[bytes, str]]]] = {
    "nothing": (lambda root: None, []),
    "one byte": (lambda root: rewritten(root, "d/file", b"fold content"), [(b"d/file", "content")]),
    "longer": (lambda root: rewritten(root, "d/file", b"file content "), [(b"d/file", "content")]),
    "deleted": (lambda root: (root / "d/other").unlink(), [(b"d/other", "missing")]),
    "directory deleted": (lambda root: shutil.rmtree(root / "e"), [(b"e", "missing"), (b"e/x", "missing")]),
    "new": (lambda root: write(root / "new/file"), [(b"new", "extra"), (b"new/file", "extra")]),
    "new, left out": (lambda root: write(root / "d/temp/file"), []),
    "mode": (lambda root: (root / "d/other").chmod(0o640), [(b"d/other", "metadata")]),
    "mode of a directory": (lambda root: (root / "d").chmod(0o700), [(b"d", "metadata")]),
    "mode of the root": (lambda root: root.chmod(0o711), [(b".", "metadata")]),
    "time": (lambda root: os.utime(root / "d/other"), [(b"d/other", "metadata")]),
    "time of a link": (lambda root: os.utime(root / "link", follow_symlinks=False), [(b"link", "metadata")]),
    "link elsewhere": (lambda root: replaced(root, "link", "d/other"), [(b"link", "content")]),
    "link for a file": (lambda root: replaced(root, "d/other", "file"), [(b"d/other", "content")]),
    "pipe for a file": (
        lambda root: pipe(root / "d/other"),
        [(b"d/other", "missing")],
    ),
    "twin of its own": (unlinked_twin, [(b"twin", "metadata")]),
    "twin with another content": (lambda root: unlinked_twin(root, b"else content"), [(b"twin", "content")]),
    "further twin": (lambda root: os.link(root / "d/file", root / "third"), [(b"third", "extra")]),
    "twin that comes first": (
        lambda root: os.link(root / "d/file", root / "a"),
        [(b"a", "extra"), (b"d/file", "metadata"), (b"twin", "metadata")],
    ),
}


@pytest.fixture(scope="module")
def compared(moto: stores.Store, tmp_path_factory: pytest.TempPathFactory) -> tuple[Held, Manifest, pathlib.Path]:
    root = tmp_path_factory.mktemp("compared")
    points = Points(moto.fresh(), root)
    write(root / "d/file", "file content")
    write(root / "d/other", "other")
    write(root / "e/x", "x")
    (root / "link").symlink_to("d/file")
    os.link(root / "d/file", root / "twin")
    made = points.back_up()
    return held(points, made), made, root


@pytest.mark.parametrize(("change", "expected"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_each_difference_is_found(
    change: Callable[[pathlib.Path], object],
    expected: list[tuple[bytes, str]],
    compared: tuple[Held, Manifest, pathlib.Path],
    tmp_path: pathlib.Path,
) -> None:
    store, made, root = compared
    live = tmp_path / "live"
    subprocess.run(["cp", "-a", root, live], check=True)
    changed(change)(live)
    assert compare(store, made, live) == expected


def test_a_tree_that_cannot_be_read_is_not_compared(
    compared: tuple[Held, Manifest, pathlib.Path], place: pathlib.Path
) -> None:
    store, made, root = compared
    live = place / "live"
    subprocess.run(["cp", "-a", root, live], check=True)
    live.chmod(0o755)
    for name in ("d/other", "e"):
        (live / name).chmod(0)
        with ordinary_user(), pytest.raises(ErpError, match=f"^Cannot read {name} in {live} .*: run as a user who may"):
            compare(store, made, live)
        (live / name).chmod(0o755)
    with pytest.raises(ErpError, match="^Cannot read [.] in /nonexistent"):
        compare(store, made, pathlib.Path("/nonexistent"))


def test_the_manifest_may_not_know_the_time_of_the_root(target: pathlib.Path) -> None:
    store, made = by_hand([], root={"mode": "0711", "uid": os.geteuid(), "gid": os.getegid()})
    restore(store, made, target)
    assert target.stat().st_mode & 0o7777 == 0o711
    assert compare(store, made, target) == []
    timed = dataclasses.replace(
        made,
        data={
            **made.data,
            "documents": {
                **made.data["documents"],
                "root": {"mode": "0711", "uid": os.geteuid(), "gid": os.getegid(), "mtime_ns": 5},
            },
        },
    )
    assert compare(store, timed, target) == [(b".", "metadata")]
