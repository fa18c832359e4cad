# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots as files: for their owner alone, whole or not at all, and left alone while nothing changed."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.canonical import canonical_text
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.snapshot import SCHEMA_VERSION, Snapshot
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.private_files import PRIVATE, write_private

FIELDS = ("schema_version", "captured_at", "instance", "content_hash", "data")


def read_snapshot(path: str) -> dict[str, Any]:
    """A snapshot as it was written; raises :class:`ErpError` when it is not whole, was changed, or is of another kind."""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise ErpError(f"The snapshot {path} cannot be read ({said}): give the path of one.", path=path) from error
    if not isinstance(content, dict) or any(name not in content for name in FIELDS):
        raise ErpError(f"{path} is no snapshot of a Dolibarr: give the path of one.", path=path)
    if content["schema_version"] != SCHEMA_VERSION:
        raise ErpError(
            f"The snapshot {path} is of version {content['schema_version']}, this collection reads version"
            f" {SCHEMA_VERSION}: take a new one, or use the version of the collection that wrote it.",
            path=path,
        )
    digest = hashlib.sha256(canonical_text(content["data"]).encode()).hexdigest()
    if content["content_hash"] != f"sha256:{digest}":
        raise ErpError(
            f"The data of the snapshot {path} are not those of its content_hash: it was changed or damaged, use another.",
            path=path,
        )
    return content


def write_snapshot(snapshot: Snapshot, path: str, dry_run: bool = False) -> bool:
    """Write it, and say whether that changed anything; ``dry_run`` only says whether it would.

    A file with the same content of the same instance is left as it is, time of capture included. Raises
    :class:`Refused` rather than overwrite what is no snapshot.
    """
    path = os.path.realpath(path)
    if os.path.exists(path):
        before = _present(path)
        same = (before["instance"], before["content_hash"]) == (snapshot.instance, snapshot.content_hash)
        if same and stat.S_IMODE(os.stat(path).st_mode) == PRIVATE:
            return False
    if not dry_run:
        write_private(path, snapshot.pieces())
    return True


def _present(path: str) -> dict[str, Any]:
    try:
        return read_snapshot(path)
    except ErpError as error:
        raise Refused(
            f"{path} exists and is no snapshot that can be read: remove it or choose another dest.", path=path
        ) from error
