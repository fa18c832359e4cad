# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy what belongs to the project, committed or not, to another directory: ``python tree.py DIRECTORY``.

ansible-test refuses a symbolic link to the clone, and a run in the copy leaves the sandbox of the clone alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def ignored(path: str, patterns: list[str]) -> bool:
    """Does git leave this path, relative to the root, alone?"""
    return any(fnmatch("/" + path if "/" in pattern else os.path.basename(path), pattern) for pattern in patterns)


def files(top: Path, patterns: list[str]) -> Iterator[str]:
    """Paths below ``top``, relative to it, symbolic links to directories among them."""
    for folder, folders, names in os.walk(top):
        here = os.path.relpath(folder, top)
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        folders[:] = [
            name
            for name in folders
            if name not in links and not ignored(os.path.normpath(os.path.join(here, name)), patterns)
        ]
        for name in names + links:
            path = os.path.normpath(os.path.join(here, name))
            if not ignored(path, patterns):
                yield path


def copy(destination: Path) -> None:
    """Make ``destination`` equal to the project; what a run left there and git would ignore stays."""
    lines = (ROOT / ".gitignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")] + [".git"]
    wanted = set(files(ROOT, patterns))
    for path in wanted:
        source, target = ROOT / path, destination / path
        state = source.lstat()
        if target.is_symlink() or target.exists():
            known = target.lstat()
            if (known.st_mtime_ns, known.st_size, known.st_mode) == (state.st_mtime_ns, state.st_size, state.st_mode):
                continue
            target.unlink()
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
    for path in set(files(destination, patterns)) - wanted:
        (destination / path).unlink()


if __name__ == "__main__":
    tree = Path(sys.argv[1]).resolve()
    copy(tree)
    if shutil.which("git") and not (tree / ".git").exists():
        # Without its own, tools ask the clone's git, which ignores all of the copy, and check nothing.
        subprocess.run(["git", "init", "-q", str(tree)], check=True)
