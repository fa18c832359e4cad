# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents directories that are the root of a volume, and stopping what is done in them anywhere."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils import volumes
from ansible_collections.arcodange.erp.plugins.module_utils.restore import switch_documents
from tests.support.document_points import everything

APART = (b".erp_restore", b"lost+found")
OLD = 1_700_000_000
Tree = dict[bytes, tuple[Any, ...]]
# What a tree of a test is made of: text of a file, a link's target as bytes, a directory as a dictionary.
Contents = dict[str, Any]


class Killed(BaseException):
    """What a kill looks like from inside."""


def plant(root: pathlib.Path, contents: Contents, mode: int = 0o750, time: int = OLD) -> None:
    """Make a tree, its root included, with times long past."""
    root.mkdir(exist_ok=True)
    for number, (name, content) in enumerate(contents.items()):
        path = root / name
        if isinstance(content, dict):
            plant(path, content, 0o755 - number % 2, time + number)
        elif isinstance(content, bytes):
            path.symlink_to(os.fsdecode(content))
            os.utime(path, (time + number, time + number), follow_symlinks=False)
        else:
            path.write_text(content)
            path.chmod(0o600 + number % 8)
            os.utime(path, (time + number, time + number))
    root.chmod(mode)
    os.utime(root, (time, time))


def make_volume(root: pathlib.Path, contents: Contents) -> pathlib.Path:
    """A directory that looks like the root of a volume with documents in it."""
    root.mkdir()
    (root / "lost+found").mkdir(mode=0o700)
    (root / "lost+found/#4711").write_text("what fsck found")
    plant(root, contents, 0o770, OLD - 100)
    return root


def documents_in(root: pathlib.Path | str) -> Tree:
    """All documents of a volume, its root included."""
    return {path: seen for path, seen in everything(pathlib.Path(root)).items() if path.split(b"/")[0] not in APART}


def pretend_mounted(patch: pytest.MonkeyPatch, root: pathlib.Path) -> None:
    """Have one directory taken for a mount point."""
    real = volumes.is_mount_point
    patch.setattr(volumes, "is_mount_point", lambda path: os.path.realpath(path) == str(root) or real(path))


class Changes:
    """Counts every change of a name, a mode or a time and every wait for the disk, and may fail one before it is made."""

    def __init__(self, patch: pytest.MonkeyPatch, fail: Callable[[int], None]) -> None:
        self.passed = 0
        self._fail = fail
        names = ("rename", "replace", "chmod", "utime", "chown", "fsync")
        for owner, name in [*((os, name) for name in names), (switch_documents, "exchange")]:
            patch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.passed += 1
            self._fail(self.passed)
            return real(*arguments, **options)

        return call


def kill_at(moment: int, act: Callable[[], object]) -> bool:
    """Do something that is killed at its ``moment``-th change; whether it was."""

    def fail(passed: int) -> None:
        if passed == moment:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        Changes(patch, fail)
        try:
            act()
        except Killed:
            return True
    return False
