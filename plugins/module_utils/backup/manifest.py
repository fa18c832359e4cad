# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The manifest: the commit of a restore point, written last, once, and never overwritten."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import StoredObject
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

FORMAT = "arcodange.erp/restore-point"
FORMAT_VERSION = 1
PREFIX = "manifests/"
ID_FORMAT = "%Y%m%dT%H%M%SZ"


class ManifestError(ErpError):
    """A manifest in the bucket cannot be used: not ours, truncated, altered, or of a newer format."""


def restore_point_id(instant: datetime) -> str:
    """The id of a restore point: the instant of its database snapshot, to the second, in UTC."""
    return instant.astimezone(UTC).strftime(ID_FORMAT)


def restore_point_instant(point_id: str) -> datetime:
    """The instant that an id names, to the second, in UTC."""
    return datetime.strptime(point_id, ID_FORMAT).replace(tzinfo=UTC)


def manifest_key(point_id: str) -> str:
    """The key of a manifest, relative to the prefix."""
    return f"{PREFIX}{point_id}.json"


@dataclass(frozen=True)
class Manifest:
    """One restore point. ``data`` is the whole JSON document; the properties are what decisions need.

    ``sha256`` is that of the bytes in the store, which the next manifest repeats.
    """

    data: Mapping[str, Any]
    sha256: str

    @property
    def id(self) -> str:
        """The restore point's id, for example ``20261120T040000Z``."""
        return str(self.data["id"])

    @property
    def sequence(self) -> int:
        """Position in the series of this instance, from 1."""
        return int(self.data["sequence"])

    @property
    def instant(self) -> datetime:
        """The instant of the database snapshot, in UTC."""
        return datetime.fromisoformat(self.data["instant"])

    @property
    def instance_id(self) -> str:
        """The Dolibarr instance this is a restore point of."""
        return str(self.data["instance"]["id"])

    @property
    def objects(self) -> tuple[StoredObject, ...]:
        """Every object that restoring needs, those of older restore points included."""
        return tuple(StoredObject(item["key"], item["size"], item["sha256"]) for item in self.data["objects"])

    def part(self, name: str) -> tuple[StoredObject, ...]:
        """The objects of one part: ``database``, ``index`` or ``documents``."""
        named = zip(self.data["objects"], self.objects, strict=True)
        return tuple(found for item, found in named if item["part"] == name)


def encode(document: Mapping[str, Any]) -> bytes:
    """The canonical bytes of a manifest, with its own digest added as ``digest``."""
    return _canonical({**document, "digest": hashlib.sha256(_canonical(document)).hexdigest()})


def decode(body: bytes, key: str, address: str) -> Manifest:
    """Read the bytes of a manifest found at ``key``; ``address`` names it in messages.

    Raises :class:`ManifestError` in one sentence when it is not a manifest, was cut or altered, or is too new.
    """
    try:
        document = json.loads(body)
    except ValueError as error:
        raise ManifestError(
            f"{address} is not complete JSON, it was cut or altered: move it out of the prefix.", key=key
        ) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ManifestError(
            f"{address} is not a manifest of this collection: move it out of the prefix or correct s3_prefix.", key=key
        )
    version = document.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise ManifestError(
            f"{address} has format version {version}, newer than the {FORMAT_VERSION} known here: update the collection.",
            key=key,
        )
    claimed = document.pop("digest", None)
    if claimed != hashlib.sha256(_canonical(document)).hexdigest() or key != manifest_key(str(document.get("id"))):
        raise ManifestError(
            f"{address} does not match its own digest, it was altered: do not trust it, restore another one.", key=key
        )
    return Manifest(document, hashlib.sha256(body).hexdigest())


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
