# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documents as first issued: every version that any restore point holds, and which ones do."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup.catalogue import read_catalogue
from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import (
    FILE,
    HARDLINK,
    Entry,
    display,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import ManifestError
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store
from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import StoredObject, ordered
from ansible_collections.arcodange.erp.plugins.module_utils.backup.summaries import Summary, read_manifests
from ansible_collections.arcodange.erp.plugins.module_utils.restore.paths import matcher
from ansible_collections.arcodange.erp.plugins.module_utils.restore.selection import read_entries

READERS = 4
INDEX_SUFFIX = ".index.jsonl.zst"


@dataclass
class _Version:
    """One content of one path, as the oldest restore point that has it describes it."""

    entry: Entry
    points: list[Summary] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        path, entry = self.entry.path, self.entry
        shown = display(path)
        return {
            "path": shown,
            **({} if shown.encode() == path else {"path_base64": b64encode(path).decode()}),
            "sha256": entry.sha256,
            "md5": entry.md5 or None,
            "size": entry.size,
            "mtime": _text(datetime.fromtimestamp(entry.mtime_ns // 10**9, UTC)),
            "first_seen": _text(self.points[0].instant),
            "last_seen": _text(self.points[-1].instant),
            "restore_points": [point.id for point in self.points],
        }


def _text(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds")


def document_versions(store: Store, patterns: Sequence[str]) -> list[dict[str, Any]]:
    """Every version of the documents that match one of the shell patterns, by path and then by first appearance.

    ``first_seen`` and ``last_seen`` are the instants of restore points, ``restore_points`` the ids of all that hold the
    version; ``md5`` is known where Dolibarr recorded it. Each index is read once, however many restore points share it.
    Raises :class:`ErpError` when a manifest or an index cannot be trusted: what is not read must not pass as absent.
    """
    points: list[Summary] = []
    for point in read_manifests(store, read_catalogue(store).manifests):
        if isinstance(point, ManifestError):
            raise point
        points.append(point)
    # The listing is in the order of the ids, which are instants; only neighbours share an index.
    by_index: dict[StoredObject, list[Summary]] = {}
    for point in points:
        for item in point.objects:
            if item[0].endswith(INDEX_SUFFIX):
                by_index.setdefault(StoredObject(*item), []).append(point)
    matches = matcher(patterns)
    versions: dict[tuple[bytes, str], _Version] = {}
    with ThreadPoolExecutor(READERS, thread_name_prefix="index") as pool:
        found = ordered(pool, lambda index: list(_files(store, index, matches)), by_index, READERS)
        for holders, entries in zip(by_index.values(), found, strict=True):
            for entry in entries:
                versions.setdefault((entry.path, entry.sha256), _Version(entry)).points += holders
    known = sorted(versions.values(), key=lambda version: (version.entry.path, version.points[0].instant))
    return [version.to_json() for version in known]


def _files(store: Store, index: StoredObject, matches: Callable[[bytes], bool]) -> Iterator[Entry]:
    """The files of an index that match; a further name of a file has the content of that file."""
    links: dict[bytes, list[Entry]] = {}
    known: dict[bytes, Entry] = {}
    for entry in read_entries(store, index):
        if entry.kind in (FILE, HARDLINK) and matches(entry.path):
            if entry.kind == HARDLINK:
                links.setdefault(entry.target, []).append(entry)
            else:
                known[entry.path] = entry
                yield entry
    if links.keys() - known.keys():
        known |= {entry.path: entry for entry in read_entries(store, index) if entry.path in links}
    for target, names in links.items():
        for link in names:
            if target in known:
                yield known[target]._replace(path=link.path)
