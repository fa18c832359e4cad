# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents in the root of a file system that is really mounted, also by a user to whom it does not belong."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils import volumes
from ansible_collections.arcodange.erp.plugins.module_utils.restore.switch_documents import DocumentsSwitch
from tests.support.restores import run_in_child
from tests.support.volume_roots import Contents, documents_in, kill_at, plant

POINT = "20260331T160000Z"
OLD: Contents = {"a.pdf": "as it was", "both": {"x": "old", "deep": {"y": "old"}}, "link": b"a.pdf"}
NEW: Contents = {"a.pdf": "as it was backed up", "both": {"x": "new"}}
NOBODY, GROUP = 65534, 2000


@pytest.fixture(params=["tmpfs", "ext4", "a directory of the same file system"])
def volume(request: pytest.FixtureRequest) -> Iterator[pathlib.Path]:
    """Something mounted with documents in it, where an ordinary user may enter too."""
    place = pathlib.Path(tempfile.mkdtemp(prefix="erp-volume-"))
    place.chmod(0o711)
    root = place / "my documents"
    root.mkdir()
    if request.param == "tmpfs":
        command = ["-t", "tmpfs", "none"]
    elif request.param == "ext4":
        image = place / "image"
        with image.open("wb") as file:
            file.truncate(8 << 20)
        subprocess.run(["mkfs.ext4", "-q", image], check=True)
        command = ["-o", "loop", str(image)]
    else:
        (place / "elsewhere").mkdir()
        command = ["--bind", str(place / "elsewhere")]
    subprocess.run(["mount", *command, str(root)], check=True)
    try:
        plant(root, OLD)
        yield root
    finally:
        subprocess.run(["umount", root], check=True)
        shutil.rmtree(place)


def restored(volume: pathlib.Path) -> DocumentsSwitch:
    """A restored tree that waits for its switch."""
    switch = DocumentsSwitch(str(volume), POINT)
    switch.check()
    plant(pathlib.Path(switch.begin()), NEW)
    switch.mark_complete()
    return switch


def test_there_and_back_on_what_is_really_mounted(volume: pathlib.Path, tmp_path: pathlib.Path) -> None:
    plant(tmp_path / "expected", NEW)
    old, new = documents_in(volume), documents_in(tmp_path / "expected")
    assert volumes.is_mount_point(str(volume))
    switch = restored(volume)
    assert kill_at(8, switch.switch)
    assert documents_in(volume) not in (old, new)
    switch = DocumentsSwitch(str(volume), POINT)
    switch.settle()
    assert documents_in(volume) == old
    former = switch.switch()
    assert (documents_in(volume), documents_in(former)) == (new, old)
    kept = switch.undo()
    assert (documents_in(volume), documents_in(kept)) == (old, new)
    assert sorted(path.name for path in volume.parent.iterdir() if "__" in path.name) == []


@pytest.mark.parametrize("volume", ["tmpfs"], indirect=True)
def test_a_user_of_the_group_to_whom_the_root_does_not_belong(volume: pathlib.Path) -> None:
    """A pod without root: the volume belongs to root and to the group of the pod, what lies in it to its user."""
    for path in volume.rglob("*"):
        os.chown(path, NOBODY, GROUP, follow_symlinks=False)
    os.chown(volume, 0, GROUP)
    volume.chmod(0o2775)

    def work() -> None:
        os.setgroups([GROUP])
        os.setgid(GROUP)
        os.setuid(NOBODY)
        restored(volume).switch()
        assert (volume / "a.pdf").read_text() == "as it was backed up"
        DocumentsSwitch(str(volume), POINT).undo()

    assert run_in_child(work) == 0
    assert (volume / "both/deep/y").read_text() == "old"
    status = volume.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (0, GROUP, 0o2775)
