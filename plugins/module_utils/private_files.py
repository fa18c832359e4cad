# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files for their owner alone, whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

PRIVATE = 0o600


def present(dest: str) -> str | None:
    """What a file holds that only its owner may read; None for any other."""
    try:
        with open(dest, encoding="utf-8", newline="") as file:
            return file.read() if stat.S_IMODE(os.fstat(file.fileno()).st_mode) == PRIVATE else None
    except (OSError, UnicodeDecodeError):
        return None


def write_private(path: str, pieces: Iterable[str]) -> None:
    """Write a file that only its owner may read; it is there in full or not at all, whenever this is stopped."""
    folder = os.path.dirname(path) or "."
    new = None
    try:
        # With mode 0600 from its first byte.
        descriptor, new = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=folder)
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
        new = None
        sync_directory(folder)
    except OSError as error:
        raise ErpError(
            f"Cannot write {path} ({error.strerror}): give a dest in a directory that this user may write to.",
            path=path,
        ) from error
    finally:
        if new is not None:
            with suppress(OSError):
                os.unlink(new)


def sync_directory(folder: str) -> None:
    """Have renames in a directory outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
