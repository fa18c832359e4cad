# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue for people: what restore points there are, how old, how large, and whether they are whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup.catalogue import (
    Catalogue,
    check_instance,
    read_catalogue,
    read_manifest,
    write_record,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.holdings import append_record, store_clock
from ansible_collections.arcodange.erp.plugins.module_utils.backup.holds import (
    HOLD,
    RELEASE,
    Hold,
    Subject,
    Wish,
    read_holds,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import (
    Manifest,
    ManifestError,
    manifest_key,
    restore_point_instant,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import KeyMissing, Store
from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import StoredObject, hash_object, ordered
from ansible_collections.arcodange.erp.plugins.module_utils.backup.subjects import (
    Resolution,
    read_scopes,
    read_views,
    resolve,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import DatabaseOptions
from ansible_collections.arcodange.erp.plugins.module_utils.version import COLLECTION_VERSION

READERS = 8
LATEST = "latest"
DATA_PREFIXES = ("db/", "docs/")


@dataclass(frozen=True)
class HoldOptions:
    """Holds to place or to lift: who, why, and of what.

    ``points`` are ids or ``latest``, ``subjects`` the business objects for which restore points are found.
    """

    holder: str
    reason: str = ""
    review: date | None = None
    points: tuple[str, ...] = ()
    subjects: tuple[Subject, ...] = ()


@dataclass(frozen=True)
class InfoOptions:
    """What to list and how hard to look.

    ``points`` are ids or ``latest``, empty for all; ``verify`` is ``none``, ``quick`` or ``full``; a restore point whose
    every byte was read less than ``verified_within`` ago is not read again, so an interrupted run goes on where it was.
    ``database`` is asked which invoices belong to what is to be held.
    """

    points: tuple[str, ...] = ()
    verify: str = "none"
    verified_within: timedelta = timedelta(0)
    progress_file: str | None = None
    hold: HoldOptions | None = None
    release: HoldOptions | None = None
    database: DatabaseOptions | None = None


@dataclass(frozen=True)
class Finding:
    """Something wrong with a restore point: the key, and ``missing``, ``size``, ``content`` or ``manifest``."""

    point: str
    key: str
    problem: str
    message: str

    def to_json(self) -> dict[str, str]:
        """The JSON form used in results and records."""
        return {"restore_point": self.point, "key": self.key, "problem": self.problem, "message": self.message}


def read_info(store: Store, instance_id: str, options: InfoOptions, check_mode: bool, now: datetime) -> dict[str, Any]:
    """The facts of ``erp_backup_info``. Raises ``ErpError`` when the store cannot be read or an id is unknown."""
    store.check_bucket()
    catalogue = read_catalogue(store)
    chosen = choose(catalogue, options.points)
    sizes = data_sizes(store)
    with (
        Progress(options.progress_file) as progress,
        ThreadPoolExecutor(READERS, thread_name_prefix="manifests") as pool,
    ):

        def read_all(points: Iterable[str]) -> dict[str, Manifest | ManifestError]:
            points = list(points)
            found = ordered(pool, lambda point: _try_manifest(store, point), points, 2 * READERS)
            read = dict(zip(points, found, strict=True))
            for manifest in read.values():
                if isinstance(manifest, Manifest):
                    check_instance(store, manifest, instance_id)
            return read

        read = read_all(chosen)
        findings = {point: presence(store, point, manifest, sizes) for point, manifest in read.items()}
        # Looked at before anything is recorded: a wish that cannot be fulfilled changes nothing.
        holding = _Holding(store, catalogue, now)
        if options.hold is not None and options.hold.subjects:
            every = read | read_all(point for point in catalogue.ids if point not in read)
            holding.resolve(options.hold, options.database, every, sizes)
        holding.plan(options)
        records = 0
        if options.verify == "full":
            progress.phase("verify")
            verification = _Verification(store, progress, now)
            for point in reversed(chosen):
                if not _read_lately(catalogue, point, options.verified_within, now):
                    findings[point] = verification.verify(point, read[point], findings[point])
                    if not check_mode:
                        verification.record(point, findings[point])
                        records += 1
        if not check_mode:
            holding.record()
        if records:
            catalogue = read_catalogue(store)
    holds = holding.after
    points = [
        _describe(catalogue, point, read[point], findings[point], holds[point], now) for point in reversed(chosen)
    ]
    found = [finding.to_json() for point in reversed(chosen) for finding in findings[point]]
    changed = records > 0 or bool(holding.due)
    facts = {
        "restore_points": points,
        "count": len(catalogue.ids),
        "foreign": list(catalogue.foreign),
        "findings": found,
        "overdue_holds": [
            {"id": point} | hold.to_json(now)
            for point in reversed(catalogue.ids)
            for hold in holds[point]
            if hold.is_overdue(now)
        ],
        "outcome": "findings" if found else "done" if changed else "unchanged",
        "changed": changed,
    }
    if options.hold is not None or options.release is not None:
        facts |= holding.facts()
    return facts | _freshness(store, catalogue, now)


class _Holding:
    """The holds of a catalogue, and what a run changes in them."""

    def __init__(self, store: Store, catalogue: Catalogue, now: datetime) -> None:
        self._store = store
        self._catalogue = catalogue
        self._now = store_clock(store, now) or now
        self.before = {point: read_holds(store, catalogue.records.get(point, ())) for point in catalogue.ids}
        self.after = dict(self.before)
        self.resolved: list[Resolution] = []
        self.due: list[tuple[str, Wish]] = []

    def resolve(
        self,
        options: HoldOptions,
        database: DatabaseOptions | None,
        read: Mapping[str, Manifest | ManifestError],
        sizes: Mapping[str, int],
    ) -> None:
        """Find the restore points that hold everything needed for the business objects."""
        scopes = read_scopes(options.subjects, database)
        bad = {
            point
            for point, manifest in read.items()
            if self._catalogue.is_damaged(point) or presence(self._store, point, manifest, sizes)
        }
        readable = {point: one for point, one in read.items() if isinstance(one, Manifest)}
        views = read_views(self._store, readable, bad, scopes)
        for subject in options.subjects:
            held = self._held(options, subject)
            self.resolved.append(resolve(subject, scopes[subject], views[subject], held))

    def _held(self, options: HoldOptions, subject: Subject) -> set[str]:
        """The restore points that the same holder holds for an object, for the same reason."""
        said = (options.holder, subject, options.reason)
        return {
            point
            for point, holds in self.before.items()
            if any((hold.holder, hold.subject, hold.reason) == said for hold in holds)
        }

    def plan(self, options: InfoOptions) -> None:
        """Decide what is to be recorded: releases first, so that a hold may take the place of another one."""
        if options.release is not None:
            release = options.release
            for subject in release.subjects:
                self._wish(self.after, Wish(RELEASE, release.holder, release.reason, None, subject))
            by_id = choose(self._catalogue, release.points, "release") if release.points else []
            self._wish(by_id, Wish(RELEASE, release.holder, release.reason))
        if options.hold is not None:
            hold = options.hold
            for resolution in self.resolved:
                wish = Wish(HOLD, hold.holder, hold.reason, hold.review, resolution.subject)
                self._wish(resolution.points, wish)
            by_id = choose(self._catalogue, hold.points, "hold") if hold.points else []
            self._wish(by_id, Wish(HOLD, hold.holder, hold.reason, hold.review))

    def _wish(self, points: Iterable[str], wish: Wish) -> None:
        for point in sorted(points):
            if wish.is_due(self.after[point]):
                self.due.append((point, wish))
                self.after[point] = wish.apply(self.after[point], self._now)

    def record(self) -> None:
        """Write what is due."""
        records = {point: list(self._catalogue.records.get(point, ())) for point, _wish in self.due}
        for point, wish in self.due:
            written = append_record(self._store, "", records[point], point, wish.kind, self._now, wish.body())
            records[point].append(written)

    def facts(self) -> dict[str, Any]:
        """What was, or would be, recorded, why, and the difference."""
        return {
            "resolved": [one.to_json() for one in self.resolved],
            "recorded": [{"id": point, "kind": wish.kind, **wish.body()} for point, wish in self.due],
            "diff": {
                "before_header": "holds",
                "after_header": "holds",
                "before": _lines(self.before),
                "after": _lines(self.after),
            },
        }


def _lines(holds: Mapping[str, Iterable[Hold]]) -> str:
    return "".join(f"{line}\n" for line in sorted(f"{point} {hold}" for point in holds for hold in holds[point]))


def choose(catalogue: Catalogue, points: Iterable[str], option: str = "restore_points") -> list[str]:
    """The ids asked for, oldest first; all of them when none is named."""
    wanted = list(points)
    if not wanted:
        return list(catalogue.ids)
    if LATEST in wanted and catalogue.ids:
        wanted[wanted.index(LATEST)] = catalogue.ids[-1]
    unknown = sorted(set(wanted) - set(catalogue.ids))
    if unknown:
        newest = f"the newest is {catalogue.ids[-1]}" if catalogue.ids else "there is none"
        raise ErpError(f"There is no restore point {', '.join(unknown)} ({newest}): correct {option}.")
    return sorted(set(wanted))


def _try_manifest(store: Store, point: str) -> Manifest | ManifestError:
    try:
        return read_manifest(store, point)
    except ManifestError as error:
        return error


def presence(store: Store, point: str, manifest: Manifest | ManifestError, sizes: Mapping[str, int]) -> list[Finding]:
    """The quick verification: is every object there with the right size?"""
    if isinstance(manifest, ManifestError):
        return [Finding(point, manifest_key(point), "manifest", str(manifest))]
    found = []
    for item in manifest.objects:
        if item.key not in sizes:
            found.append(Finding(point, item.key, "missing", f"{store.describe(item.key)} is missing."))
        elif sizes[item.key] != item.size:
            found.append(
                Finding(
                    point,
                    item.key,
                    "size",
                    f"{store.describe(item.key)} has {sizes[item.key]} bytes instead of {item.size}.",
                )
            )
    return found


def look_for_objects(store: Store, manifest: Manifest) -> list[Finding]:
    """The same for one restore point, by a listing of its own."""
    return presence(store, manifest.id, manifest, data_sizes(store))


def data_sizes(store: Store) -> dict[str, int]:
    """Every data object of the prefix with its size in bytes."""
    return {item.key: item.size for prefix in DATA_PREFIXES for item in store.list(prefix)}


class _Verification:
    """Reads every byte of restore points, each object once however many of them share it."""

    def __init__(self, store: Store, progress: Progress, now: datetime) -> None:
        self._store = store
        self._progress = progress
        self._now = now
        self._hashes: dict[str, str | None] = {}

    def verify(self, point: str, manifest: Manifest | ManifestError, known: list[Finding]) -> list[Finding]:
        """Everything wrong with a restore point, what is ``known`` already included."""
        if isinstance(manifest, ManifestError):
            return known
        bad = {finding.key for finding in known}
        return known + [
            Finding(
                point,
                item.key,
                "content",
                f"{self._store.describe(item.key)} is not what was stored, it was altered or rotted.",
            )
            for item in manifest.objects
            if item.key not in bad and self._hash(item) != item.sha256
        ]

    def _hash(self, item: StoredObject) -> str | None:
        if item.key not in self._hashes:
            try:
                self._hashes[item.key] = hash_object(self._store, item.key)
            except KeyMissing:
                self._hashes[item.key] = None
            self._progress.add(read=item.size, files=1)
        return self._hashes[item.key]

    def record(self, point: str, found: list[Finding]) -> None:
        """Write what was found beside the manifest."""
        body = {
            "mode": "full",
            "checked": self._now.isoformat(timespec="seconds"),
            "collection": COLLECTION_VERSION,
            "findings": [finding.to_json() for finding in found],
        }
        write_record(self._store, point, "damaged" if found else "verified", body)


def _read_lately(catalogue: Catalogue, point: str, within: timedelta, now: datetime) -> bool:
    last = catalogue.latest(point, ("verified", "damaged"))
    # A record dated ahead of us says nothing of how lately it was written.
    return last is not None and last.kind == "verified" and abs(now - last.instant) < within


def _describe(
    catalogue: Catalogue,
    point: str,
    manifest: Manifest | ManifestError,
    found: list[Finding],
    holds: Sequence[Hold],
    now: datetime,
) -> dict[str, Any]:
    """One restore point as facts; sizes in bytes, ages in hours."""
    last = catalogue.latest(point, ("verified",))
    states = ["damaged"] if found or catalogue.is_damaged(point) else ["complete"]
    states += ["verified"] if states == ["complete"] and catalogue.is_verified(point) else []
    states += ["held"] if holds else []
    facts: dict[str, Any] = {
        "id": point,
        "states": states,
        "verified_at": last.instant.isoformat(timespec="seconds") if last else None,
        "holds": [hold.to_json(now) for hold in holds],
    }
    if isinstance(manifest, ManifestError):
        return facts
    data = manifest.data
    own = {
        part: sum(item["size"] for item in data["objects"] if item["part"] == part)
        for part in ("database", "documents", "index")
    }
    return facts | {
        "instant": data["instant"],
        "age_hours": hours(now - manifest.instant),
        "sequence": manifest.sequence,
        "database": {
            "stored_bytes": own["database"],
            "rows": data["database"]["rows"],
            "dumped": data["database"]["dumped"],
        },
        "documents": {
            "stored_bytes": own["documents"] + own["index"],
            "files": data["documents"]["files"],
            "bytes": data["documents"]["bytes"],
        },
        "versions": data["versions"],
        "skipped": len(data["skipped"]),
    }


def _freshness(store: Store, catalogue: Catalogue, now: datetime) -> dict[str, Any]:
    """How old the newest restore point is, whole and by half, in hours; ``None`` where there is none."""
    verified = [point for point in catalogue.ids if catalogue.is_verified(point)]
    facts: dict[str, Any] = {"latest": None, "latest_verified": verified[-1] if verified else None}
    freshness: dict[str, float | None] = dict.fromkeys(
        ("restore_point", "database_dump", "documents_stored", "verified")
    )
    readable = (_try_manifest(store, point) for point in reversed(catalogue.ids))
    newest = next((manifest for manifest in readable if isinstance(manifest, Manifest)), None)
    if newest is not None:
        facts["latest"] = newest.id
        stored = restore_point_instant(newest.part("index")[0].key.removeprefix("docs/").partition(".")[0])
        freshness["restore_point"] = hours(now - newest.instant)
        freshness["database_dump"] = hours(now - datetime.fromisoformat(newest.data["database"]["dumped"]))
        freshness["documents_stored"] = hours(now - stored)
    if verified:
        freshness["verified"] = hours(now - restore_point_instant(verified[-1]))
    return facts | {"freshness_hours": freshness}


def hours(span: timedelta) -> float:
    """A span in hours, to a hundredth."""
    return round(span.total_seconds() / 3600, 2)
