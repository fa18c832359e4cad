# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore points of any age in a real store, written without the code under test."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup.prune import PruneResult, prune
from ansible_collections.arcodange.erp.plugins.module_utils.backup.prune_options import PRUNE_SPEC, prune_options
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store, StoreOptions
from tests.support import stores

PREFIX = "erp/test"
GENEROUS: dict[str, Any] = {"max_delete_count": 999, "max_delete_share": 1.0, "max_delete_yearly": 999}
DAY = timedelta(days=1)


def name(instant: datetime) -> str:
    """The id of a restore point."""
    return instant.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def stamp(instant: datetime) -> str:
    """The instant in the name of a record."""
    return instant.astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")


def canonical(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclasses.dataclass
class Scene:
    """A prefix, a clock that stands at ``now``, and the restore points written so far."""

    bucket: stores.Store
    now: datetime
    prefix: str = PREFIX
    instance: str = "atelier-lumen"
    sequence: int = 0
    previous: dict[str, str] | None = None

    def key(self, key: str) -> str:
        return f"{self.prefix}/{key}"

    def read(self, key: str) -> bytes:
        body: bytes = self.client.get_object(Bucket=self.bucket.bucket, Key=self.key(key))["Body"].read()
        return body

    def listing(self, *prefixes: str) -> set[str]:
        """Every key below the prefix, relative to it, that begins with one of these."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket.bucket, Prefix=f"{self.prefix}/"
        )
        found = {one["Key"].removeprefix(f"{self.prefix}/") for page in pages for one in page.get("Contents", ())}
        return {key for key in found if key.startswith(prefixes or ("",))}

    def ids(self) -> list[str]:
        """Restore points with a manifest, oldest first."""
        return sorted(key[len("manifests/") : -len(".json")] for key in self.listing("manifests/"))

    @functools.cached_property
    def client(self) -> Any:
        """One client for all that is written: making one takes longer than using it."""
        return self.bucket.client()

    def write(self, key: str, body: bytes = b"x") -> None:
        self.client.put_object(Bucket=self.bucket.bucket, Key=self.key(key), Body=body)

    def back_up(
        self,
        instant: datetime,
        verified: bool = True,
        shared: Sequence[str] = (),
        archive: bool = True,
        dump: bool = True,
        **changes: Any,
    ) -> str:
        """Write a restore point with objects of its own, and with ``shared`` ones of older restore points."""
        ident = name(instant)
        own = [f"db/{ident}.dump.zst"] if dump else []
        own += [f"docs/{ident}.tar.zst"] if archive else []
        own += [f"docs/{ident}.index.jsonl.zst"]
        objects = []
        for key in [*own, *shared]:
            body = key.encode()
            if key in own:
                self.write(key, body)
            objects.append({"key": key, "size": len(body), "sha256": hashlib.sha256(body).hexdigest(), "part": "x"})
        self.sequence += 1
        document = {
            "format": "arcodange.erp/restore-point",
            "format_version": 1,
            "id": ident,
            "sequence": self.sequence,
            "previous": self.previous,
            "instant": instant.astimezone(UTC).isoformat(timespec="microseconds"),
            "instance": {"id": self.instance, "environment": "test"},
            "objects": objects,
            **changes,
        }
        body = canonical({**document, "digest": hashlib.sha256(canonical(document)).hexdigest()})
        self.write(f"manifests/{ident}.json", body)
        self.previous = {"id": ident, "sha256": hashlib.sha256(body).hexdigest()}
        if verified:
            self.record(ident, "verified", instant + timedelta(hours=1))
        return ident

    def daily(self, count: int, **options: Any) -> list[str]:
        """So many daily restore points, the last one of this morning."""
        first = self.now.replace(hour=4, minute=0, second=0, microsecond=0) - (count - 1) * DAY
        return [self.back_up(first + number * DAY, **options) for number in range(count)]

    def record(self, ident: str, kind: str, instant: datetime, body: bytes = b"{}") -> None:
        self.write(f"records/{ident}/{kind}-{stamp(instant)}.json", body)

    def new_store(self) -> Store:
        """The store as the module opens it."""
        return Store(
            StoreOptions(
                bucket=self.bucket.bucket,
                prefix=self.prefix,
                endpoint=self.bucket.endpoint,
                access_key=self.bucket.access_key,
                secret_key=self.bucket.secret_key,
                addressing_style="path",
            )
        )

    @functools.cached_property
    def store(self) -> Store:
        return self.new_store()

    def prune(self, check_mode: bool = False, store: Store | None = None, **options: Any) -> PruneResult:
        """One run at ``now``; raises what the module would report as a failure.

        The options are the module's defaults but for what keeps tests short: five days, no financial years.
        """
        defaults = {option: spec.get("default") for option, spec in PRUNE_SPEC.items()}
        short = {"days": 4, "verified_floor": 3, "financial_year_end": "", "max_delete_share": 0.5}
        chosen = prune_options({**defaults, **short, **options})
        return prune(store or self.store, chosen, check_mode, lambda: self.now)

    def wait(self, days: float) -> None:
        """Let time pass, with a verified backup a day so that the anchor stays fresh."""
        until = self.now + days * DAY
        while self.now + DAY <= until:
            self.now += DAY
            self.back_up(self.now.replace(hour=4, minute=0, second=0, microsecond=0))
        self.now = until


def actions(facts: dict[str, Any], *wanted: str) -> set[str]:
    """Ids with one of these actions."""
    return {one["id"] for one in facts["plan"] if one["action"] in wanted}


def reasons(facts: dict[str, Any], ident: str) -> str:
    return "; ".join(next(one["reasons"] for one in facts["plan"] if one["id"] == ident))


def codes(facts: dict[str, Any]) -> set[str]:
    return {one["code"] for one in facts["refusals"]}


def owned_by(idents: Iterable[str], keys: Iterable[str]) -> set[str]:
    """Data and manifests that carry one of these ids in their names."""
    wanted = set(idents)
    return {key for key in keys if key.rpartition("/")[2].partition(".")[0] in wanted}
