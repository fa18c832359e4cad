# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What retention needs of each manifest, and a cache of it: a manifest is written once, so it is read once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup import manifest as manifests
from ansible_collections.arcodange.erp.plugins.module_utils.backup.bulk import BulkReader
from ansible_collections.arcodange.erp.plugins.module_utils.backup.catalogue import stamp
from ansible_collections.arcodange.erp.plugins.module_utils.backup.deletion import Deleter
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import ManifestError
from ansible_collections.arcodange.erp.plugins.module_utils.backup.retention import canonical_json, sha256_json
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Listed, Store, StoreError

CACHE = "cache/manifests-"
CACHE_FORMAT = "arcodange.erp/manifest-cache"
WORTH_IT = 200  # manifests read that a new cache would spare the next run


@dataclass(frozen=True, slots=True)
class Summary:
    """One manifest; ``etag`` is that of the listing, ``objects`` are (key, size, sha256)."""

    id: str
    etag: str
    size: int
    instant: datetime
    sequence: int
    instance: str
    previous: tuple[str, str] | None
    sha256: str
    objects: tuple[tuple[str, int, str], ...]


def summarise(item: Listed, body: bytes, address: str) -> Summary:
    """Read a manifest for retention. Raises ``ManifestError`` when it cannot be trusted."""
    manifest = _canonical_manifest(body, item.key) or manifests.decode(body, item.key, address)
    data = manifest.data
    try:
        previous = data["previous"]
        return Summary(
            id=manifest.id,
            etag=item.etag,
            size=item.size,
            instant=manifest.instant.astimezone(UTC),
            sequence=manifest.sequence,
            instance=manifest.instance_id,
            previous=(previous["id"], previous["sha256"]) if previous else None,
            sha256=manifest.sha256,
            objects=tuple((one["key"], one["size"], one["sha256"]) for one in data["objects"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestError(f"{address} lacks what a manifest must say ({error}): update the collection.") from error


def _canonical_manifest(body: bytes, key: str) -> manifests.Manifest | None:
    """A manifest proven by the bytes themselves: what we wrote, less its digest, is what the digest was made of."""
    try:
        document = json.loads(body)
        digest = document["digest"]
        rest = body.replace(f'"digest":"{digest}",'.encode(), b"", 1)
        known = document["format"] == manifests.FORMAT and document["format_version"] == manifests.FORMAT_VERSION
        mine = key == manifests.manifest_key(document["id"])
    except (ValueError, KeyError, TypeError):
        return None
    if not (known and mine and hashlib.sha256(rest).hexdigest() == digest):
        return None
    return manifests.Manifest(document, hashlib.sha256(body).hexdigest())


def read_manifests(
    store: Store, commits: Iterable[Listed], known: Mapping[str, Summary] | None = None
) -> list[Summary | ManifestError]:
    """Every listed manifest that is not ``known`` already; one that cannot be trusted is returned as its error."""

    def read(item: Listed, body: bytes) -> Summary | ManifestError:
        try:
            return summarise(item, body, store.describe(item.key))
        except ManifestError as error:
            return error

    found: list[Summary | ManifestError] = []
    unread = []
    for item in commits:
        summary = (known or {}).get(item.key)
        # The same tag and size under a key that is written once are the same bytes.
        if summary and (summary.etag, summary.size) == (item.etag, item.size):
            found.append(summary)
        else:
            unread.append(item)
    with BulkReader(store) as reader:
        found += reader.map(unread, read)
    return found


def read_cache(store: Store, items: Iterable[Listed]) -> dict[str, Summary]:
    """The summaries of the newest cache by key of their manifest; none when it cannot be used."""
    key = max((item.key for item in items if item.key.startswith(CACHE)), default=None)
    if key is None:
        return {}
    try:
        document = json.loads(store.get(key))
        digest = document.pop("digest")
        if document["format"] != CACHE_FORMAT or sha256_json(document) != digest:
            return {}
        objects = [(one[0], one[1], one[2]) for one in document["objects"]]
        return {manifests.manifest_key(row[0]): _summary(row, objects) for row in document["manifests"]}
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return {}


def _summary(row: list[Any], objects: list[tuple[str, int, str]]) -> Summary:
    ident, etag, size, instant, sequence, instance, previous, sha256, places = row
    return Summary(
        id=ident,
        etag=etag,
        size=size,
        instant=datetime.fromisoformat(instant),
        sequence=sequence,
        instance=instance,
        previous=(previous[0], previous[1]) if previous else None,
        sha256=sha256,
        objects=tuple(objects[place] for place in places),
    )


def write_cache(
    store: Store, items: Iterable[Listed], summaries: Iterable[Summary], known: Mapping[str, Summary], now: datetime
) -> None:
    """Keep the summaries for the next run when that spares reading many manifests, in place of an older cache."""
    summaries = list(summaries)
    if sum(manifests.manifest_key(one.id) not in known for one in summaries) < WORTH_IT:
        return
    places: dict[tuple[str, int, str], int] = {}
    rows = [
        [
            one.id,
            one.etag,
            one.size,
            one.instant.isoformat(),
            one.sequence,
            one.instance,
            one.previous,
            one.sha256,
            [places.setdefault(held, len(places)) for held in one.objects],
        ]
        for one in summaries
    ]
    document = {"format": CACHE_FORMAT, "format_version": 1, "objects": list(places), "manifests": rows}
    body = canonical_json({**document, "digest": sha256_json(document)}).encode()
    store.put_once(f"{CACHE}{stamp(now)}.json", body)
    deleter = Deleter(store)
    for item in items:
        if item.key.startswith(CACHE):
            with suppress(StoreError):  # a locked one only takes room
                deleter.delete(item.key)
