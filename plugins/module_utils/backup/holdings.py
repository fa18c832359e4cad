# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a prefix holds, as retention sees it: restore points, the objects behind them, and what was recorded since."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

from ansible_collections.arcodange.erp.plugins.module_utils.backup import manifest as manifests
from ansible_collections.arcodange.erp.plugins.module_utils.backup.bulk import BulkReader
from ansible_collections.arcodange.erp.plugins.module_utils.backup.catalogue import (
    Record,
    instant_after,
    point_id,
    read_stamp,
    stamp,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.holds import read_holds
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import ManifestError
from ansible_collections.arcodange.erp.plugins.module_utils.backup.retention import (
    LastPrune,
    Point,
    Refusal,
    State,
    canonical_json,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Listed, Store
from ansible_collections.arcodange.erp.plugins.module_utils.backup.summaries import (
    Summary,
    read_cache,
    read_manifests,
    write_cache,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # the door says which library is missing

PLAN_FORMAT = "arcodange.erp/prune-plan"
DATA_KEY = re.compile(r"(?:db|docs)/(?P<point>\d{8}T\d{6}Z)\.[^/]+")
RECORD_KEY = re.compile(r"records/(?P<point>[^/]+)/(?P<kind>[a-z]+)-(?P<instant>\d{8}T\d{12}Z)\.json")
KINDS = {"verified", "damaged", "hold", "release", "tombstone", "undelete"}
RUNNING = timedelta(hours=24)  # how long a run without a manifest may still be writing


@dataclass(frozen=True, slots=True)
class Upload:
    """An unfinished multipart upload."""

    key: str
    upload_id: str


@dataclass(frozen=True)
class Holdings:
    """One reading of a prefix; keys are relative to it.

    ``commits`` names, by id, the object that makes a restore point one: it is deleted first. ``needs`` lists every
    object that a restore point needs, shared ones included. ``objects`` is all data in the store. ``half_swept`` are
    ids whose commit a sweep removed but whose own objects may still be there, ``held_remains`` those of them that are
    held. ``state`` is where records and plans are kept. ``seal`` changes with any change of commits or records.
    """

    points: tuple[Point, ...]
    commits: Mapping[str, Listed]
    needs: Mapping[str, tuple[str, ...]]
    objects: Mapping[str, Listed]
    own: Mapping[str, tuple[str, ...]]
    half_swept: frozenset[str]
    records: Mapping[str, tuple[Record, ...]]
    seal: str
    last_plan: Mapping[str, str] | None
    last_prune: LastPrune | None
    state: str = ""
    uploads: tuple[Upload, ...] = ()
    problems: tuple[Refusal, ...] = ()
    alarms: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = field(default=())
    held_remains: frozenset[str] = frozenset()


def record_key(state: str, ident: str, kind: str, instant: datetime) -> str:
    """The key of a new record about a restore point."""
    return f"{records_of(state, ident)}{kind}-{stamp(instant)}.json"


def records_of(state: str, ident: str) -> str:
    """What the keys of all records about a restore point begin with."""
    return f"{state}records/{quote(ident, safe='')}/"


def append_record(
    store: Store, state: str, records: Iterable[Record], ident: str, kind: str, now: datetime, body: Mapping[str, Any]
) -> Record:
    """Record a fact about a restore point after all that ``records`` know of it, and return it."""
    instant = instant_after(records, now)
    key = record_key(state, ident, kind, instant)
    store.put_once(key, canonical_json(body).encode())
    return Record(key, ident, kind, instant)


def store_clock(store: Store, runner_now: datetime) -> datetime | None:
    """The store's time, from the header Date of its last answer; ``None`` when it sends none."""
    return None if store.clock_offset is None else runner_now + timedelta(seconds=store.clock_offset)


def latest(records: Iterable[Record], *kinds: str) -> Record | None:
    """The newest record of one of these kinds."""
    return max((one for one in records if one.kind in kinds), key=lambda one: one.instant, default=None)


def seal(commits: Iterable[Listed], records: Mapping[str, tuple[Record, ...]]) -> str:
    """SHA-256 over the listing of everything a plan rests on."""
    lines = sorted(f"{one.key} {one.size} {one.etag}" for one in commits)
    lines += sorted(record.key for some in records.values() for record in some)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def list_all(store: Store) -> list[Listed]:
    """Everything below the prefix, one request per 1 000 keys; afterwards the store's clock is known."""
    try:
        store.client.head_bucket(Bucket=store.options.bucket)
    except (ClientError, BotoCoreError):
        store.check_bucket()  # says why, unless only looking at the bucket itself is forbidden
    with BulkReader(store) as reader:
        return reader.list_all()


def records_in(items: Iterable[Listed], state: str) -> tuple[dict[str, tuple[Record, ...]], list[str]]:
    """The records below ``state`` by restore point, and the keys there that are none."""
    found: dict[str, list[Record]] = defaultdict(list)
    strange: list[str] = []
    for item in items:
        if not item.key.startswith(f"{state}records/"):
            continue
        match = RECORD_KEY.fullmatch(item.key.removeprefix(state))
        instant = read_stamp(match["instant"]) if match else None
        if match is None or instant is None:
            strange.append(item.key)
            continue
        ident = unquote(match["point"])
        found[ident].append(Record(item.key, ident, match["kind"], instant))
    return {ident: tuple(some) for ident, some in found.items()}, strange


def read_last_plan(
    store: Store, items: Iterable[Listed], state: str
) -> tuple[Mapping[str, str] | None, LastPrune | None]:
    """Key and SHA-256 of the newest plan that was applied, and what it says of its time."""
    key = max(
        (one.key for one in items if one.key.startswith(f"{state}plans/") and one.key.endswith(".json")), default=""
    )
    if not key:
        return None, None
    body = store.get(key)
    try:
        plan = json.loads(body)
        if plan["format"] != PLAN_FORMAT:
            raise ValueError("not a plan")
        anchor = (plan.get("anchor") or {}).get("instant")
        last = LastPrune(datetime.fromisoformat(plan["instant"]), datetime.fromisoformat(anchor) if anchor else None)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ErpError(
            f"{store.describe(key)} is not a complete prune plan, it was cut or altered: move it out of the prefix."
        ) from error
    return {"key": key, "sha256": hashlib.sha256(body).hexdigest()}, last


def facts(store: Store, records: Iterable[Record]) -> dict[str, Any]:
    """What records say of a restore point, as fields of ``Point``."""
    records = tuple(records)
    state: dict[str, Any] = {"holds": tuple(_holds(store, records))}
    tombstone = latest(records, "tombstone", "undelete")
    if tombstone:
        name = "tombstoned_at" if tombstone.kind == "tombstone" else "undeleted_at"
        state[name] = tombstone.instant
    return state


def _holds(store: Store, records: tuple[Record, ...]) -> Iterable[str]:
    for hold in read_holds(store, records):
        yield str(hold)
    for kind in sorted({record.kind for record in records} - KINDS):
        yield f"a newer version of the collection recorded '{kind}' about it"


# -- restore points with manifests ------------------------------------------------------------------------------------


def manifests_in(items: Iterable[Listed]) -> list[Listed]:
    """What lies below ``manifests/``."""
    return [item for item in items if item.key.startswith(manifests.PREFIX)]


def read_manifest_holdings(
    store: Store, instance_id: str | None, runner_now: datetime, use_cache: bool, may_write: bool
) -> Holdings:
    """Read restore points of one instance; without ``instance_id`` there must be one only.

    ``use_cache`` spares reading manifests that were read before; ``may_write`` lets this reading be spared next time.
    """
    items = list_all(store)
    last_plan, last_prune = read_last_plan(store, items, "")
    commits = manifests_in(items)
    records, strange_records = records_in(items, "")
    objects = {item.key: item for item in items if item.key.startswith(("db/", "docs/"))}
    now = store_clock(store, runner_now) or runner_now
    known = read_cache(store, items) if use_cache else {}
    summaries = read_manifests(store, commits, known)
    own: dict[str, list[str]] = defaultdict(list)
    strange = []
    for key in sorted(objects):
        match = DATA_KEY.fullmatch(key)
        if match:
            own[match["point"]].append(key)
        else:
            strange.append(key)
    good = [one for one in summaries if isinstance(one, Summary)]
    if may_write:
        write_cache(store, items, good, known, now)
    committed = {point_id(item.key) for item in commits}
    half_swept = frozenset(ident for ident in records if ident not in committed and _tombstoned(records[ident]))
    unfinished = [ident for ident in own if ident not in committed and ident not in half_swept]
    uploads = _uploads(store)
    began: dict[str, datetime] = {}
    for key, _upload_id, begun in uploads:
        if match := DATA_KEY.fullmatch(key):
            began[match["point"]] = max(begun, began.get(match["point"], begun))
    points = [_point(store, one, records.get(one.id, ()), instance_id) for one in good]
    unreadable = {point_id(item.key) for item in commits} - {one.id for one in good}
    points += [_unreadable(ident, instant) for ident in sorted(unreadable) if (instant := _instant(ident))]
    points += [
        _unfinished(ident, instant, max(instant, began.get(ident, instant)) > now - RUNNING)
        for ident in sorted({*unfinished, *(set(began) - committed - half_swept)})
        if (instant := _instant(ident))
    ]
    return Holdings(
        points=tuple(points),
        commits={point_id(item.key): item for item in commits},
        needs={one.id: tuple(key for key, _size, _digest in one.objects) for one in good},
        objects=objects,
        own={ident: tuple(keys) for ident, keys in own.items()},
        half_swept=half_swept,
        held_remains=frozenset(ident for ident in half_swept if read_holds(store, records[ident])),
        records=records,
        seal=seal(commits, records),
        last_plan=last_plan,
        last_prune=last_prune,
        uploads=tuple(Upload(key, upload_id) for key, upload_id, begun in uploads if _is_stale(key, begun, now)),
        problems=tuple(_problems(summaries, good, committed, records, instance_id)),
        alarms=tuple(
            f"{store.describe(key)} is not an object of this collection: it is left alone."
            for key in strange + strange_records
        ),
    )


def _tombstoned(records: Iterable[Record]) -> bool:
    last = latest(records, "tombstone", "undelete")
    return last is not None and last.kind == "tombstone"


def _instant(ident: str) -> datetime | None:
    try:
        return datetime.strptime(ident, manifests.ID_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def _point(store: Store, one: Summary, records: tuple[Record, ...], instance_id: str | None) -> Point:
    proof = latest(records, "verified", "damaged")
    state: State = "complete" if proof is None else "verified" if proof.kind == "verified" else "damaged"
    other = instance_id is not None and one.instance != instance_id
    return Point(
        id=one.id,
        instant=one.instant,
        sequence=one.sequence,
        state=state,
        foreign=f"it belongs to the instance '{one.instance}'" if other else "",
        **facts(store, records),
    )


def _unreadable(ident: str, instant: datetime) -> Point:
    return Point(ident, instant, foreign="its manifest cannot be used")


def _unfinished(ident: str, instant: datetime, writing: bool) -> Point:
    return Point(ident, instant, state="running" if writing else "failed")


def _uploads(store: Store) -> list[tuple[str, str, datetime]]:
    """Unfinished multipart uploads as (key, upload id, when it began)."""
    strip = len(store.full(""))
    found = []
    for prefix in ("db/", "docs/"):
        try:
            pages = store.client.get_paginator("list_multipart_uploads").paginate(
                Bucket=store.options.bucket, Prefix=store.full(prefix)
            )
            for page in pages:
                for upload in page.get("Uploads", ()):
                    found.append((upload["Key"][strip:], upload["UploadId"], upload["Initiated"]))
        except (ClientError, BotoCoreError) as error:
            raise store.explain(error, "list unfinished uploads of", prefix) from error
    return found


def _is_stale(key: str, begun: datetime, now: datetime) -> bool:
    """Older than a run may last, by the store's word and by its name: some stores do not tell when it began."""
    match = DATA_KEY.fullmatch(key)
    instant = _instant(match["point"]) if match else None
    return instant is not None and max(instant, begun) < now - RUNNING


def _problems(
    summaries: Iterable[Summary | ManifestError],
    good: list[Summary],
    committed: set[str],
    records: Mapping[str, tuple[Record, ...]],
    instance_id: str | None,
) -> Iterable[Refusal]:
    for one in summaries:
        if isinstance(one, ManifestError):
            yield Refusal("unreadable", str(one))
    instances = sorted({one.instance for one in good})
    if instance_id is None and len(instances) > 1:
        yield Refusal("instances", f"This prefix holds several instances ({', '.join(instances)}): set instance_id.")
    claims: dict[str, tuple[int, str, str]] = {}
    for one in good:
        for key, size, digest in one.objects:
            claim = claims.setdefault(key, (size, digest, one.id))
            if claim[:2] != (size, digest):
                yield Refusal(
                    "conflict", f"{claim[2]} and {one.id} both claim {key} with different content: verify both."
                )
    yield from _missing(good, committed, records)


def _missing(good: list[Summary], committed: set[str], records: Mapping[str, tuple[Record, ...]]) -> Iterable[Refusal]:
    """A listing is complete when every restore point that another one or a record names is there or was deleted by us."""
    gone = {ident for ident, some in records.items() if _tombstoned(some)}
    named = {one.previous[0] for one in good if one.previous} | set(records)
    for ident in sorted(named - committed - gone):
        yield Refusal(
            "missing",
            f"The restore point {ident} was committed but its manifest is not in the listing: list again, "
            "or declare it lost with declare_lost.",
            ident,
        )
    by_id = {one.id: one for one in good}
    for one in good:
        if one.previous and one.previous[0] in by_id and by_id[one.previous[0]].sha256 != one.previous[1]:
            yield Refusal(
                "altered",
                f"The manifest of {one.previous[0]} is not the one that {one.id} was chained to: it was replaced.",
            )
