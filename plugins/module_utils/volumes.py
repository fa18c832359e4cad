# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The root of a volume as the documents directory: what is mounted cannot be renamed, and holds more than documents."""

from __future__ import annotations

import os
import re
from contextlib import suppress

OURS = ".erp_restore"  # everything that restores keep inside a volume
LOST_AND_FOUND = "lost+found"  # belongs to the file system, at its root
MOUNTS = "/proc/self/mountinfo"
ESCAPED = re.compile(rb"[ \t\n\\]")


def is_mount_point(path: str) -> bool:
    """Whether something is mounted at ``path``, be it a directory of the same file system."""
    real = os.path.realpath(path)
    if os.path.ismount(real):
        return True
    wanted = ESCAPED.sub(lambda match: b"\\%03o" % match[0][0], os.fsencode(real))
    with suppress(FileNotFoundError), open(MOUNTS, "rb") as file:  # Linux alone has it
        return any(line.split(b" ")[4] == wanted for line in file)
    return False


def reserved_names(root: str) -> tuple[str, ...]:
    """The names directly below a documents directory that cannot be a document's."""
    return (OURS, LOST_AND_FOUND) if is_mount_point(root) else (OURS,)


def set_apart(root: str) -> set[str]:
    """The directories directly below a documents directory that hold no documents: ours and the file system's."""
    places = {name: os.path.join(root, name) for name in reserved_names(root)}
    return {name for name, place in places.items() if os.path.isdir(place) and not os.path.islink(place)}


def documents_in(root: str) -> list[str]:
    """The names directly below a documents directory, without what is set apart."""
    return sorted(set(os.listdir(root)) - set_apart(root))
