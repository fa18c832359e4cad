# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs on documents in the root of a volume: restores, backups, and drills that keep out of it."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.arguments import database_admin_spec, object_store_spec
from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.restore import switch_documents
from ansible_collections.arcodange.erp.plugins.module_utils.restore.documents import (
    Difference,
    compare_documents,
    restore_documents,
)
from ansible_collections.arcodange.erp.plugins.module_utils.restore.drill import run_drill
from ansible_collections.arcodange.erp.plugins.modules import erp_drill
from tests.support.databases import Cluster
from tests.support.document_points import Points, everything
from tests.support.restore_scene import Live, Series, named_points, series
from tests.support.stores import Store
from tests.support.volume_roots import documents_in, kill_at, make_volume, pretend_mounted

OLDER, NEWER, NEWEST = "20260331T160000Z", "20260401T160000Z", "20260402T160000Z"
PARTS = ["documents"]


@pytest.fixture(autouse=True)
def _no_power_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill loses nothing that was written, so that nobody waits for a disk."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture(scope="module")
def points(postgres: Cluster, moto: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Series]:
    with series(postgres, moto, tmp_path_factory.mktemp("points"), OLDER, NEWER) as made:
        yield made


@pytest.fixture
def live(points: Series, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """What is live, as it was at the newer restore point, its documents the root of a volume."""
    with points.live(tmp_path) as made:
        pretend_mounted(monkeypatch, made.documents)
        status = made.documents.stat()
        (made.documents / "lost+found").mkdir(mode=0o700)
        (made.documents / "lost+found/#4711").write_text("what fsck found")
        os.utime(made.documents, ns=(status.st_mtime_ns, status.st_mtime_ns))
        yield made


def test_there_and_back(points: Series, live: Live) -> None:
    assert live.restore(parts=PARTS).outcome == "unchanged"  # neither lost+found nor its absence counts
    before = everything(live.documents)
    planned = live.restore(True, backup_id=OLDER, parts=PARTS)
    assert (planned.changed, everything(live.documents)) == (True, before)
    done = live.restore(backup_id=OLDER, parts=PARTS)
    former = f"{live.documents}/.erp_restore/before_{OLDER}"
    assert done.facts["documents"]["former"] == former
    assert documents_in(live.documents) == points.states[OLDER][1]
    assert documents_in(former) == points.states[NEWER][1]
    assert live.restore(backup_id=OLDER, parts=PARTS).outcome == "unchanged"
    assert live.restore(settle=True, parts=PARTS).facts["live"] == {"documents": f"restore point {OLDER}"}
    assert live.restore(parts=PARTS).changed
    undone = live.restore(undo=True, parts=PARTS)
    assert undone.facts["documents"]["kept"] == f"{live.documents}/.erp_restore/restore_{NEWER}"
    assert documents_in(live.documents) == points.states[OLDER][1]
    assert live.restore(undo=True, parts=PARTS).restore_point == OLDER
    assert documents_in(live.documents) == points.states[NEWER][1]
    assert live.restore(drop_former=True, parts=PARTS).facts["dropped"] == {"documents": []}
    kept = [f"{live.documents}/.erp_restore/restore_{point}" for point in (NEWER, OLDER)]
    assert sorted(
        live.restore(True, drop_former=True, keep_days=0, parts=PARTS).facts["dropped"]["documents"]
    ) == sorted(kept)
    assert sorted(live.restore(drop_former=True, keep_days=0, parts=PARTS).facts["dropped"]["documents"]) == sorted(
        kept
    )
    assert documents_in(live.documents) == points.states[NEWER][1]
    assert (live.documents / "lost+found/#4711").exists()


def test_both_halves_and_an_empty_volume(points: Series, live: Live, tmp_path: pathlib.Path) -> None:
    """A new volume, as after a disaster, and one that holds somebody's files."""
    other = make_volume(tmp_path / "other", {})
    with pytest.MonkeyPatch.context() as patch:
        pretend_mounted(patch, other)
        done = live.restore(mode="into", parts=PARTS, documents_path=str(other))
        assert done.facts["documents"]["path"] == str(other)
        assert documents_in(other) == points.states[NEWER][1]
    foreign = make_volume(tmp_path / "foreign", {"a": "b"})
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Refused, match="holds files that no restore made"):
        pretend_mounted(patch, foreign)
        live.restore(mode="into", parts=PARTS, documents_path=str(foreign))


def test_room_is_that_of_the_volume(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = os.statvfs

    def statvfs(path: str) -> os.statvfs_result:
        asked.append(path)
        return real(path)

    monkeypatch.setattr(os, "statvfs", statvfs)
    live.restore(True, parts=PARTS)
    assert asked == [str(live.documents)]


def test_a_switch_that_was_stopped_is_said_and_not_backed_up(points: Series, live: Live) -> None:
    scene = dataclasses.replace(points.scene, documents=live.documents, store=points.own_bucket())
    real = switch_documents.DocumentsSwitch.switch
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(switch_documents.DocumentsSwitch, "switch", lambda self: kill_at(9, lambda: real(self)))
        live.restore(backup_id=OLDER, parts=PARTS)
    assert documents_in(live.documents) != points.states[NEWER][1]
    for check_mode in (True, False):
        with pytest.raises(
            Refused, match=f"half way to or from the restore point {OLDER}, because a restore was stopped"
        ):
            scene.back_up(check_mode)
    settled = live.restore(settle=True, parts=PARTS)
    assert (settled.changed, settled.diff["before"]) == (
        True,
        {"documents": f"half way to or from restore point {OLDER}"},
    )
    assert settled.facts["live"] == {"documents": "not restored"}
    assert documents_in(live.documents) == points.states[NEWER][1]
    assert live.restore(backup_id=OLDER, parts=PARTS).changed
    assert documents_in(live.documents) == points.states[OLDER][1]
    with named_points(NEWEST):
        made = scene.back_up()
    assert (
        made.manifest["documents"]["files"]
        == sum(1 for seen in points.states[OLDER][1].values() if seen[0].startswith("0o100")) - 1
    )  # the second name of a file is a link
    assert made.manifest["skipped"] == []


def test_an_error_of_the_disk_takes_both_halves_back(
    points: Series, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = live.rows(), documents_in(live.documents)
    real = os.rename
    moved = iter(range(100))

    def rename(old: str, new: str) -> None:
        if old.startswith(str(live.documents)) and next(moved) == 5:
            raise OSError(5, "Input/output error", old)
        real(old, new)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", rename)
        with pytest.raises(ErpError, match="^The switch was taken back, what was live is live again: .*Input/output"):
            live.restore(backup_id=OLDER)
    assert next(moved) > 5
    assert (live.rows(), documents_in(live.documents)) == before
    assert live.restore(backup_id=OLDER).facts["parts"] == ["database", "documents"]
    assert (live.rows(), documents_in(live.documents)) == points.states[OLDER]


def test_what_is_set_apart_is_not_stored_or_compared(
    object_store: Store, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = {"facture": {"lost+found": {"a": "a user's"}, ".erp_restore": {"b": "too"}}}
    volume = make_volume(tmp_path / "volume", contents)
    (volume / ".erp_restore/before_20260101T000000Z").mkdir(parents=True)
    (volume / ".erp_restore/before_20260101T000000Z/a.pdf").write_text("former")
    made = Points(object_store, volume)
    plain = made.back_up()  # no mount point: the user's own lost+found
    pretend_mounted(monkeypatch, volume)
    mounted = made.back_up()
    for manifest, expected in ((plain, {b"lost+found", b"lost+found/#4711"}), (mounted, set())):
        target = tmp_path / manifest.id
        restore_documents(made.store, manifest, str(target), Progress())
        inner = {
            b"facture",
            b"facture/lost+found",
            b"facture/lost+found/a",
            b"facture/.erp_restore",
            b"facture/.erp_restore/b",
        }
        assert set(everything(target)) == {b".", *inner, *expected}
    assert compare_documents(made.store, mounted, str(volume), Progress()) == []
    assert compare_documents(made.store, plain, str(volume), Progress()) == [
        Difference(b"lost+found", "missing"),
        Difference(b"lost+found/#4711", "missing"),
    ]


def test_a_drill_asks_for_a_directory_of_its_own(live: Live, tmp_path: pathlib.Path) -> None:
    spec: dict[str, Any] = {**object_store_spec(), **database_admin_spec(), **erp_drill.SPEC}
    defaults = {name: option.get("default") for name, option in spec.items()}
    before = everything(live.documents)
    for check_mode in (True, False):
        with pytest.raises(Refused, match="is a mount point, so beside it is another file system: name a directory"):
            run_drill(erp_drill.build(defaults | live.arguments()), check_mode, datetime.now(UTC))
    options = erp_drill.build(defaults | live.arguments(scratch_path=str(tmp_path)))
    assert run_drill(options, True, datetime.now(UTC))["outcome"] == "done"
    assert everything(live.documents) == before
