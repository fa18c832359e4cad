# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents in the root of a volume, which cannot be renamed: switched one by one, stopped anywhere, never mixed."""

from __future__ import annotations

import errno
import functools
import itertools
import os
import pathlib
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils import volumes
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.restore import switch_documents
from ansible_collections.arcodange.erp.plugins.module_utils.restore.switch_documents import (
    DocumentsSwitch,
    Unfinished,
    drop_former_directories,
    former_directories,
    mixed_point,
    restored_points,
)
from tests.support.volume_roots import (
    Changes,
    Contents,
    Killed,
    Tree,
    documents_in,
    kill_at,
    make_volume,
    plant,
    pretend_mounted,
)

MIDDLE = 8  # the change at which some of the documents are moved
POINT, LATER = "20260331T160000Z", "20260401T160000Z"
OLD: Contents = {"a.pdf": "as it was", "both": {"x": "old", "y": {}}, "link": b"a.pdf"}
NEW: Contents = {"a.pdf": "as it was backed up", "both": {"x": "new"}}


@pytest.fixture(autouse=True)
def _no_power_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill loses nothing that was written, so that nobody waits for a disk."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def volume(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    pretend_mounted(monkeypatch, tmp_path / "volume")
    return make_volume(tmp_path / "volume", OLD)


@pytest.fixture(params=["exchange", "two renames"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to swap two directories, whatever this file system can do."""
    if request.param == "two renames":
        monkeypatch.setattr(switch_documents, "exchange", lambda one, other: False)
    return str(request.param)


def restored(volume: pathlib.Path, contents: Contents | None = None, point: str = POINT) -> DocumentsSwitch:
    """A restored tree that waits for its switch."""
    switch = DocumentsSwitch(str(volume), point)
    plant(pathlib.Path(switch.begin()), NEW if contents is None else contents)
    switch.mark_complete()
    return switch


def again(volume: pathlib.Path, point: str = POINT) -> DocumentsSwitch:
    """What the next run knows."""
    return DocumentsSwitch(str(volume), point)


def expected(place: pathlib.Path, contents: Contents) -> Tree:
    """What a restored tree looks like, made somewhere else."""
    plant(place, contents)
    return documents_in(place)


class Scene:
    """A fresh volume for every moment at which something is stopped."""

    def __init__(self, place: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
        self._place = place
        self._patch = patch
        self._numbers = itertools.count()
        self.new = expected(place / "expected", NEW)

    def volume(self) -> pathlib.Path:
        root = self._place / f"volume{next(self._numbers)}"
        pretend_mounted(self._patch, root)
        return make_volume(root, OLD)


@pytest.fixture
def scene(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


def check_apart(volume: pathlib.Path) -> None:
    """What is the file system's has stayed where it is."""
    assert (volume / "lost+found/#4711").read_text() == "what fsck found"
    assert not list((volume / ".erp_restore").rglob("lost+found"))


def test_switch_undo_and_switch_again(volume: pathlib.Path, way: str, tmp_path: pathlib.Path) -> None:
    old, new = documents_in(volume), expected(tmp_path / "expected", NEW)
    switch = restored(volume)
    assert switch.is_ready()
    assert documents_in(volume) == old  # its root included
    former = switch.switch()
    assert former == f"{volume}/.erp_restore/before_{POINT}"
    assert (documents_in(volume), documents_in(former)) == (new, old)
    assert switch.is_switched()
    assert [one.point for one in restored_points(str(volume))] == [POINT]
    kept = switch.undo()
    assert kept == f"{volume}/.erp_restore/restore_{POINT}"
    assert (documents_in(volume), documents_in(kept)) == (old, new)
    assert restored_points(str(volume)) == []
    with pytest.raises(Refused, match="There is nothing to undo"):
        switch.undo()
    # What was in use is not trusted to be the restore point any more, and not thrown away.
    (pathlib.Path(kept) / "later.pdf").write_text("made after the restore")
    restored(volume).switch()
    assert documents_in(volume) == new
    assert sorted(one.path for one in former_directories(str(volume))) == [former, f"{former}_2"]
    assert b"later.pdf" in documents_in(former)
    assert documents_in(f"{former}_2") == old
    assert sorted(os.listdir(volume)) == [".erp_restore", "a.pdf", "both", "lost+found"]
    check_apart(volume)


def test_one_restore_on_another_and_both_undone(volume: pathlib.Path, way: str, tmp_path: pathlib.Path) -> None:
    old, new = documents_in(volume), expected(tmp_path / "expected", NEW)
    restored(volume).switch()
    restored(volume, {"later": "l"}, LATER).switch()
    assert [again(volume, point).is_switched() for point in (POINT, LATER)] == [False, True]
    again(volume, LATER).undo()
    assert documents_in(volume) == new
    assert [again(volume, point).is_switched() for point in (POINT, LATER)] == [True, False]
    again(volume).undo()
    assert documents_in(volume) == old


def test_a_restore_stopped_before_it_is_switched(scene: Scene) -> None:
    for moment in itertools.count(1):
        volume = scene.volume()
        old = documents_in(volume)
        killed = kill_at(moment, functools.partial(restored, volume))
        now = documents_in(volume)
        assert {**now, b".": None} == {**old, b".": None}
        restored(volume).switch()
        assert documents_in(volume) == scene.new
        if not killed:
            break
    assert moment > 5


def stopped_everywhere(scene: Scene, undo: bool) -> int:
    """Stop a switch or an undo at every moment there is, settle, do it again; how many moments there were."""
    ends = set()
    for moment in itertools.count(1):
        volume = scene.volume()
        old, new = documents_in(volume), scene.new
        switch = restored(volume)
        if undo:
            switch.switch()
        killed = kill_at(moment, switch.undo if undo else switch.switch)
        mixed = mixed_point(str(volume))
        after = again(volume)
        after.settle()
        now = documents_in(volume)
        assert now in (old, new), moment
        assert mixed or not killed or now == (new if undo else old) or after.is_switched() != undo
        ends.add(now == new)
        assert mixed_point(str(volume)) == ""
        assert after.is_switched() == (now == new)
        assert os.listdir(volume / ".erp_restore/live") == []
        (other,) = former_directories(str(volume))  # nothing is lost: the other tree is whole as well
        assert documents_in(other.path) == (old if now == new else new), moment
        if (now == new) == undo:
            assert after.is_ready() != undo
            again(volume).undo() if undo else again(volume).switch()
        assert documents_in(volume) == (old if undo else new)
        restored(volume, {"later": "l"}, LATER).switch()
        assert sorted(path for path in documents_in(volume)) == [b".", b"later"]
        check_apart(volume)
        shutil.rmtree(volume)
        if not killed:
            break
    assert ends == {True, False}
    return moment


def test_a_switch_stopped_anywhere(scene: Scene, way: str) -> None:
    assert stopped_everywhere(scene, undo=False) > 25


def test_an_undo_stopped_anywhere(scene: Scene, way: str) -> None:
    assert stopped_everywhere(scene, undo=True) > 25


def failing(moment: int, last: int, killed: int = 0) -> Callable[[int], None]:
    """An error of the disk from one change to another, and perhaps a kill after that."""

    def fail(passed: int) -> None:
        if passed == killed:
            raise Killed
        if moment <= passed <= last:
            raise OSError(errno.EIO, "Input/output error")

    return fail


@pytest.mark.parametrize("undo", [False, True], ids=["switch", "undo"])
def test_what_fails_half_way_is_taken_back(scene: Scene, way: str, undo: bool) -> None:
    for moment in itertools.count(1):
        volume = scene.volume()
        old = documents_in(volume)
        switch = restored(volume)
        if undo:
            switch.switch()
        before = scene.new if undo else old
        with pytest.MonkeyPatch.context() as patch:
            changes = Changes(patch, failing(moment, moment))
            try:
                switch.undo() if undo else switch.switch()
            except (OSError, ErpError) as error:
                failed: Exception | None = error
            else:
                failed = None
        if failed is not None and not isinstance(failed, Unfinished) and not unwritten(volume):
            assert documents_in(volume) == before, moment
            assert switch.is_switched() if undo else switch.is_ready()
        again(volume).settle()
        assert documents_in(volume) in (old, scene.new)
        if documents_in(volume) == before:
            again(volume).undo() if undo else again(volume).switch()
        assert documents_in(volume) == (old if undo else scene.new)
        shutil.rmtree(volume)
        if failed is None:
            break
    assert moment == changes.passed + 1


def unwritten(volume: pathlib.Path) -> bool:
    """Whether the error came when nothing was moved yet and the journal could not be written."""
    return mixed_point(str(volume)) != ""


def test_what_goes_wrong_while_it_is_taken_back_is_settled(scene: Scene, way: str) -> None:
    dice = random.Random(20261121)
    unfinished = 0
    for _number in range(40):
        volume = scene.volume()
        old = documents_in(volume)
        switch = restored(volume)
        moment = dice.randrange(1, 34)
        killed = moment + dice.randrange(1, 20)
        with pytest.MonkeyPatch.context() as patch:
            Changes(patch, failing(moment, moment if dice.random() < 0.7 else 10_000, killed))
            try:
                switch.switch()
            except Unfinished as error:
                unfinished += 1
                assert "are between two states" in str(error)
            except (Killed, ErpError, OSError):
                pass
        again(volume).settle()
        assert documents_in(volume) in (old, scene.new)
        if not again(volume).is_switched():
            assert documents_in(volume) == old
            again(volume).switch()
        assert documents_in(volume) == scene.new
        assert [documents_in(one.path) for one in former_directories(str(volume))] == [old]
        shutil.rmtree(volume)
    assert unfinished


NAMES = st.sampled_from([*"abcdefgh", "\u00e9t\u00e9 (1)", "live", "before_20260331T160000Z", ".hidden"])
TREES = st.recursive(
    st.dictionaries(NAMES, st.text(max_size=3) | st.sampled_from([b"a", b"../b", b"nowhere"]), max_size=4),
    lambda below: st.dictionaries(NAMES, st.text(max_size=3) | below, max_size=5),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(old=TREES, new=TREES, moment=st.integers(1, 50), undo=st.booleans(), exchanges=st.booleans())
def test_any_trees_stopped_anywhere(old: Contents, new: Contents, moment: int, undo: bool, exchanges: bool) -> None:
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        place = pathlib.Path(directory).resolve()
        pretend_mounted(patch, place / "volume")
        if not exchanges:
            patch.setattr(switch_documents, "exchange", lambda one, other: False)
        volume = make_volume(place / "volume", old)
        before, after = documents_in(volume), expected(place / "expected", new)
        switch = restored(volume, new)
        if undo:
            switch.switch()
        kill_at(moment, switch.undo if undo else switch.switch)
        again(volume).settle()
        is_new = again(volume).is_switched()
        assert documents_in(volume) == (after if is_new else before)
        if not is_new and not undo:
            again(volume).switch()
        if is_new and undo:
            again(volume).undo()
        assert documents_in(volume) == (before if undo else after)
        check_apart(volume)


# What stands in the way


def test_what_stands_in_the_way(volume: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = documents_in(volume)
    again(volume).check()
    assert not (volume / ".erp_restore").exists()
    with monkeypatch.context() as patch:
        pretend_mounted(patch, volume / "both")
        with pytest.raises(Refused, match="/both is a mount point inside the documents, which cannot be moved"):
            again(volume).check()
    real = os.access
    for place, sentence in (("", "may not write to"), ("/both", "may not move the directory")):
        with monkeypatch.context() as patch:
            patch.setattr(os, "access", lambda path, mode, place=place: path != f"{volume}{place}" and real(path, mode))
            with pytest.raises(ErpError, match=f"^This user {sentence} {volume}{place}: run as its owner"):
                again(volume).check()
    (volume / ".erp_restore").symlink_to("/tmp")
    with pytest.raises(Refused, match=r"/\.erp_restore/live is not a directory|/\.erp_restore is not a directory"):
        again(volume).check()
    (volume / ".erp_restore").unlink()
    assert {**documents_in(volume), b".": None} == {**before, b".": None}


@pytest.mark.parametrize("name", ["lost+found", ".erp_restore"])
def test_a_restore_point_with_a_name_that_the_volume_keeps(name: str, volume: pathlib.Path) -> None:
    before = documents_in(volume)
    switch = again(volume)
    plant(pathlib.Path(switch.begin()), {name: {"x": "y"}, "a": "b"})
    with pytest.raises(Refused, match=f"holds {name.replace('+', '.')}, which {volume} cannot take"):
        switch.mark_complete()
    assert not switch.is_ready()
    assert documents_in(volume) == before


def test_a_document_that_appears_meanwhile_is_not_overwritten(
    volume: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application that was not stopped."""
    switch = restored(volume)
    old = documents_in(volume)
    real = switch_documents.exchange

    def exchange(one: str, other: str) -> bool:
        (volume / "a.pdf").write_text("written meanwhile")
        return real(one, other)

    with monkeypatch.context() as patch:
        patch.setattr(switch_documents, "exchange", exchange)
        with pytest.raises(Unfinished, match=r"volume/a\.pdf appeared while"):
            switch.switch()
    with pytest.raises(ErpError, match=r"volume/a\.pdf appeared while the documents were being switched: stop the"):
        again(volume).settle()
    assert (volume / "a.pdf").read_text() == "written meanwhile"
    (volume / "a.pdf").unlink()
    again(volume).settle()
    assert (volume / "a.pdf").read_text() == "as it was backed up"
    (former,) = former_directories(str(volume))
    assert documents_in(former.path) == old


# What was put aside


def test_only_what_is_old_enough_is_dropped(volume: pathlib.Path) -> None:
    assert drop_former_directories(str(volume), timedelta(0), datetime.now(UTC)) == []
    former = restored(volume).switch()
    now = documents_in(volume)
    week = timedelta(days=7)
    assert drop_former_directories(str(volume), week, datetime.now(UTC)) == []
    plant(volume / f".erp_restore/dropping_{POINT}", OLD)  # a removal that was stopped
    os.utime(former)  # as mounting does that gives everything to a group
    later = datetime.now(UTC) + timedelta(days=8)
    assert drop_former_directories(str(volume), week, later) == [former]
    assert sorted(os.listdir(volume / ".erp_restore")) == ["live", f"restore_{POINT}.json"]
    assert documents_in(volume) == now
    with pytest.raises(Refused, match="nothing can be undone"):
        again(volume).undo()


def test_nothing_is_dropped_while_a_switch_has_not_ended(volume: pathlib.Path) -> None:
    switch = restored(volume)
    assert kill_at(MIDDLE, switch.switch)
    with pytest.raises(Refused, match=f"The restore of {POINT} into {volume} was stopped: run erp_restore with settle"):
        drop_former_directories(str(volume), timedelta(0), datetime.now(UTC) + timedelta(days=1))


def test_a_volume_that_is_seen_as_a_plain_directory_is_settled_there(
    volume: pathlib.Path, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    """The host sees below an ordinary path what a container has mounted."""
    switch = restored(volume)
    old = documents_in(volume)
    assert kill_at(MIDDLE, switch.switch)
    with monkeypatch.context() as patch:
        patch.setattr(volumes, "is_mount_point", lambda path: False)
        assert mixed_point(str(volume)) == POINT
        again(volume).settle()
    assert documents_in(volume) in (old, expected(tmp_path / "expected", NEW))


# What a mount point is


@pytest.fixture
def mounts(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pathlib.Path]:
    """A table of mounts in which a directory of this file system is mounted elsewhere in it."""
    place = tmp_path / "my documents"
    place.mkdir()
    escaped = str(place).replace(" ", "\\040")
    table = tmp_path / "mountinfo"
    table.write_text(
        f"36 35 8:1 / / rw - ext4 /dev/sda1 rw\n99 36 8:1 /srv {escaped} rw shared:1 - ext4 /dev/sda1 rw\n"
    )
    monkeypatch.setattr(volumes, "MOUNTS", str(table))
    yield place


def test_what_is_a_mount_point(mounts: pathlib.Path) -> None:
    assert volumes.is_mount_point("/proc")
    assert volumes.is_mount_point(str(mounts))
    (mounts.parent / "link").symlink_to(mounts)
    assert volumes.is_mount_point(str(mounts.parent / "link"))
    assert not volumes.is_mount_point(str(mounts.parent))
    assert not volumes.is_mount_point(str(mounts / "nowhere"))
