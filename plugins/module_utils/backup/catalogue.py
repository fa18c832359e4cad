# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue: which restore points a bucket holds, and what has been recorded about each since."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup import manifest as manifests
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import Manifest, ManifestError
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Listed, Store

RECORDS = "records/"
RECORD_FORMAT = "%Y%m%dT%H%M%S%fZ"
RECORD_KEY = re.compile(r"records/(?P<point>\d{8}T\d{6}Z)/(?P<kind>[a-z]+)-(?P<instant>\d{8}T\d{12}Z)\.json")
MANIFEST_KEY = re.compile(r"manifests/(?P<point>\d{8}T\d{6}Z)\.json")


@dataclass(frozen=True)
class Record:
    """A fact recorded about a restore point; its key alone tells kind and instant, its body the details."""

    key: str
    point_id: str
    kind: str
    instant: datetime


@dataclass(frozen=True)
class Catalogue:
    """The listing of manifests and records: everything that can be known without reading a single object."""

    manifests: tuple[Listed, ...]
    records: Mapping[str, tuple[Record, ...]]
    foreign: tuple[str, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the restore points, oldest first."""
        return tuple(sorted(point_id(item.key) for item in self.manifests))

    def latest(self, point: str, kinds: Iterable[str]) -> Record | None:
        """The newest record of one of the kinds about a restore point."""
        found = [record for record in self.records.get(point, ()) if record.kind in kinds]
        return max(found, key=lambda record: record.instant, default=None)

    def is_verified(self, point: str) -> bool:
        """Whether the last look at every byte of a restore point found nothing wrong."""
        last = self.latest(point, ("verified", "damaged"))
        return last is not None and last.kind == "verified"

    def is_damaged(self, point: str) -> bool:
        """Whether the last look at a restore point found something wrong."""
        last = self.latest(point, ("verified", "damaged"))
        return last is not None and last.kind == "damaged"

    def may_be_held(self, point: str) -> bool:
        """Whether a hold was ever placed on a restore point; only the records themselves say which still stand."""
        return self.latest(point, ("hold",)) is not None


def point_id(key: str) -> str:
    """The restore point id in the key of a manifest."""
    return key.removeprefix(manifests.PREFIX).removesuffix(".json")


def stamp(instant: datetime) -> str:
    """An instant as the names of records and plans spell it, to the microsecond in UTC."""
    return instant.astimezone(UTC).strftime(RECORD_FORMAT)


def read_stamp(text: str) -> datetime | None:
    """The instant of such a name; ``None`` for the thirteenth month."""
    try:
        return datetime.strptime(text, RECORD_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def record_of(key: str) -> Record | None:
    """What the key of a record says; ``None`` for any other key."""
    match = RECORD_KEY.fullmatch(key)
    instant = read_stamp(match["instant"]) if match else None
    return Record(key, match["point"], match["kind"], instant) if match and instant else None


def instant_after(records: Iterable[Record], now: datetime) -> datetime:
    """The instant of a new record: a slower clock must not put what is said now before what was said already."""
    last = max((one.instant for one in records), default=None)
    return now if last is None else max(now, last + timedelta(microseconds=1))


def read_catalogue(store: Store) -> Catalogue:
    """List the manifests and records of a prefix, one request per 1 000 keys each."""
    found: list[Listed] = []
    foreign: list[str] = []
    for item in store.list(manifests.PREFIX):
        if MANIFEST_KEY.fullmatch(item.key):
            found.append(item)
        else:
            foreign.append(item.key)
    records: dict[str, list[Record]] = defaultdict(list)
    for item in store.list(RECORDS):
        if record := record_of(item.key):
            records[record.point_id].append(record)
        else:
            foreign.append(item.key)
    return Catalogue(
        tuple(sorted(found, key=lambda item: item.key)),
        {point: tuple(items) for point, items in records.items()},
        tuple(foreign),
    )


def read_manifest(store: Store, point: str) -> Manifest:
    """Read one manifest. Raises :class:`ManifestError` when it cannot be trusted."""
    key = manifests.manifest_key(point)
    return manifests.decode(store.get(key), key, store.describe(key))


def newest_manifest(store: Store, catalogue: Catalogue, instance_id: str) -> Manifest | None:
    """The newest restore point, or ``None`` in an empty prefix.

    Raises :class:`ManifestError` when it cannot be read or belongs to another instance: two instances must never
    share a prefix.
    """
    if catalogue.foreign:
        address = store.describe(catalogue.foreign[0])
        raise ManifestError(
            f"{address} is not an object of this collection: move it out of the prefix or correct s3_prefix."
        )
    if not catalogue.ids:
        return None
    newest = read_manifest(store, catalogue.ids[-1])
    check_instance(store, newest, instance_id)
    return newest


def check_instance(store: Store, manifest: Manifest, instance_id: str) -> None:
    """Raise :class:`ManifestError` when a restore point is another instance's."""
    if manifest.instance_id != instance_id:
        raise ManifestError(
            f"{store.describe(manifests.manifest_key(manifest.id))} belongs to the instance '{manifest.instance_id}',"
            f" not to '{instance_id}': correct s3_prefix or instance_id."
        )


def read_damage(store: Store, catalogue: Catalogue, point: str) -> frozenset[str]:
    """The keys of the objects that the last look at a restore point found damaged or missing."""
    last = catalogue.latest(point, ("verified", "damaged"))
    if last is None or last.kind != "damaged":
        return frozenset()
    return frozenset(item["key"] for item in json.loads(store.get(last.key))["findings"])


def record_key(point: str, kind: str, instant: datetime) -> str:
    """The key of a new record."""
    return f"{RECORDS}{point}/{kind}-{stamp(instant)}.json"


def write_record(store: Store, point: str, kind: str, body: Mapping[str, Any]) -> str:
    """Append a fact about a restore point and return its key."""
    known = filter(None, (record_of(item.key) for item in store.list(f"{RECORDS}{point}/")))
    key = record_key(point, kind, instant_after(known, datetime.now(UTC)))
    store.put_once(key, json.dumps(dict(body), sort_keys=True).encode())
    return key
