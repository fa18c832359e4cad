# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switch of the documents directory, stopped anywhere."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.restore import switch_documents
from ansible_collections.arcodange.erp.plugins.module_utils.restore.switch_documents import (
    DocumentsSwitch,
    drop_former_directories,
    former_directories,
    restored_points,
)

POINT = "20260331T160000Z"
OLD, NEW = {"a.pdf": "as it was", "b.pdf": "here too"}, {"a.pdf": "as it was backed up"}


class Killed(BaseException):
    """What a kill looks like from inside."""


def fill(path: pathlib.Path, files: dict[str, str]) -> None:
    path.mkdir(exist_ok=True)
    for name, text in files.items():
        (path / name).write_text(text)


def content(path: str | pathlib.Path) -> dict[str, str]:
    return {entry.name: entry.read_text() for entry in pathlib.Path(path).iterdir()}


@pytest.fixture
def live(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "documents"
    fill(path, OLD)
    return path


@pytest.fixture(params=["exchange", "two renames"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to swap two directories, whatever this file system can do."""
    if request.param == "two renames":
        monkeypatch.setattr(switch_documents, "exchange", lambda one, other: False)
    return str(request.param)


def restored(live: pathlib.Path) -> DocumentsSwitch:
    """A restored directory that waits for its switch."""
    switch = DocumentsSwitch(str(live), POINT)
    fill(pathlib.Path(switch.begin()), NEW)
    switch.mark_complete()
    return switch


def killing(monkeypatch: pytest.MonkeyPatch, moment: int, act: Callable[[], object]) -> bool:
    """Do something that is killed before or after its ``moment``-th change of a name; whether it was."""
    passed = 0

    def tick() -> None:
        nonlocal passed
        if passed == moment:
            raise Killed
        passed += 1

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            tick()
            result = real(*arguments, **options)
            tick()
            return result

        return call

    with monkeypatch.context() as patch:
        for owner, name in ((os, "rename"), (os, "replace"), (switch_documents, "exchange")):
            patch.setattr(owner, name, counted(getattr(owner, name)))
        try:
            act()
        except Killed:
            return True
    return False


def test_switch_undo_and_switch_again(live: pathlib.Path, way: str) -> None:
    switch = restored(live)
    assert switch.is_ready()
    former = switch.switch()
    assert (content(live), content(former)) == (NEW, OLD)
    assert switch.is_switched()
    assert former == f"{live}__before_{POINT}"
    assert [one.point for one in restored_points(str(live))] == [POINT]
    kept = switch.undo()
    assert (content(live), content(kept)) == (OLD, NEW)
    assert restored_points(str(live)) == []
    with pytest.raises(Refused, match="There is nothing to undo"):
        switch.undo()
    # What was in use is not trusted to be the restore point any more, and not thrown away.
    fill(pathlib.Path(kept), {"later.pdf": "made after the restore"})
    restored(live).switch()
    assert content(live) == NEW
    assert sorted(one.path for one in former_directories(str(live))) == [former, f"{former}_2"]
    assert content(former) == {**NEW, "later.pdf": "made after the restore"}


@pytest.mark.parametrize("moment", range(14))
def test_a_switch_killed_anywhere(live: pathlib.Path, way: str, moment: int, monkeypatch: pytest.MonkeyPatch) -> None:
    switch = restored(live)
    killed = killing(monkeypatch, moment, switch.switch)
    assert killed or moment >= 6
    if way == "exchange":
        assert content(live) in (OLD, NEW)  # never missing, never a mixture
    switch.settle()
    assert content(live) in (OLD, NEW)
    if not switch.is_switched():
        assert switch.is_ready()
        switch.switch()
    assert content(live) == NEW
    (former,) = former_directories(str(live))
    assert content(former.path) == OLD


@pytest.mark.parametrize("moment", range(14))
def test_an_undo_killed_anywhere(live: pathlib.Path, way: str, moment: int, monkeypatch: pytest.MonkeyPatch) -> None:
    switch = restored(live)
    switch.switch()
    killed = killing(monkeypatch, moment, switch.undo)
    assert killed or moment >= 6
    if way == "exchange":
        assert content(live) in (OLD, NEW)
    switch.settle()
    if switch.is_switched():
        assert content(live) == NEW
        switch.undo()
    assert content(live) == OLD
    (kept,) = former_directories(str(live))
    assert content(kept.path) == NEW


@pytest.mark.parametrize("moment", range(5))
def test_a_restore_killed_before_it_is_complete_begins_again(
    live: pathlib.Path, moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert killing(monkeypatch, moment, lambda: restored(live)) == (moment < 4)
    assert content(live) == OLD
    restored(live).switch()
    assert content(live) == NEW


def test_nothing_was_live(tmp_path: pathlib.Path) -> None:
    switch = restored(tmp_path / "documents")
    assert switch.switch() == ""
    assert content(tmp_path / "documents") == NEW
    with pytest.raises(Refused, match="nothing can be undone"):
        switch.undo()


def test_only_what_is_old_enough_is_dropped(live: pathlib.Path) -> None:
    restored(live).switch()
    week = timedelta(days=7)
    assert drop_former_directories(str(live), week, datetime.now(UTC)) == []
    # A removal that was stopped has left this.
    fill(live.parent / f"documents__dropping_{POINT}", OLD)
    later = datetime.now(UTC) + timedelta(days=8)
    assert drop_former_directories(str(live), week, later) == [f"{live}__before_{POINT}"]
    assert sorted(entry.name for entry in live.parent.iterdir()) == ["documents", f"documents__restore_{POINT}.json"]
    with pytest.raises(Refused, match="nothing can be undone"):
        DocumentsSwitch(str(live), POINT).undo()


def test_what_stands_in_the_way(live: pathlib.Path, tmp_path: pathlib.Path) -> None:
    DocumentsSwitch(str(live), POINT).check()
    with pytest.raises(ErpError, match="nowhere does not exist"):
        DocumentsSwitch(str(tmp_path / "nowhere" / "documents"), POINT).check()
    with pytest.raises(ErpError, match="too long"):
        DocumentsSwitch(str(tmp_path / ("d" * 230)), POINT).check()
    (tmp_path / f"documents__restore_{POINT}").symlink_to(tmp_path)
    with pytest.raises(Refused, match="is not a directory: move it away"):
        DocumentsSwitch(str(live), POINT).check()
