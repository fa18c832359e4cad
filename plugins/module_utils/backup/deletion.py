# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleting so that the space comes back, and never what is locked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import (
    KeyMissing,
    Store,
    StoreError,
    error_code,
)

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    pass  # the door says which library is missing

FORBIDDEN = {"AccessDenied", "403"}
# Stores without the feature answer one of these.
UNKNOWN = {
    "ObjectLockConfigurationNotFoundError",
    "NoSuchObjectLockConfiguration",
    "NotImplemented",
    "MethodNotAllowed",
    "InvalidArgument",
    "InvalidRequest",
    "UnsupportedOperation",
    "404",
    "405",
    "501",
}
NO_HEAD = {"MethodNotAllowed", "405"}
THREADS = 8


class Deleter:
    """One bucket's ways of keeping what was deleted: versions and locks. Both are asked for once, when first needed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._locking: bool | None = None
        self._versioned: bool | None = None
        self._locks: dict[str, str] = {}

    def locks(self, keys: Iterable[str]) -> Mapping[str, str]:
        """In words, what locks each of these keys; keys that nothing locks are left out."""
        if not self.has_locks:
            return {}
        unknown = [key for key in set(keys) if key not in self._locks]
        with ThreadPoolExecutor(THREADS, thread_name_prefix="lock") as pool:
            for key, lock in zip(unknown, pool.map(self._lock, unknown), strict=True):
                self._locks[key] = lock
        return {key: lock for key in keys if (lock := self._locks[key])}

    def delete(self, key: str) -> None:
        """Delete an object with every version of it; one that is gone already is no error."""
        if not self._has_versions():
            self._store.delete(key)
            return
        for version in self._versions(key):
            # A store that shows no ids deletes as if it kept no versions.
            self._store.delete(key, version or None)

    @property
    def has_locks(self) -> bool:
        """Whether objects in this bucket can be locked."""
        if self._locking is None:
            answer = self._ask(self._store.client.get_object_lock_configuration, "see the object lock of")
            # Whoever may not see the configuration may still meet a lock: then every object is looked at.
            self._locking = answer is None or bool(answer.get("ObjectLockConfiguration"))
        return self._locking

    def _has_versions(self) -> bool:
        if self._versioned is None:
            answer = self._ask(self._store.client.get_bucket_versioning, "see the versioning of")
            self._versioned = answer is None or bool(answer.get("Status"))
        return self._versioned

    def _ask(self, request: Any, doing: str) -> dict[str, Any] | None:
        """A setting of the bucket: ``{}`` where the store has no such thing, ``None`` when we may not know."""
        try:
            return dict(request(Bucket=self._store.options.bucket))
        except (ClientError, BotoCoreError) as error:
            code = error_code(error)
            if code in UNKNOWN:
                return {}
            if code in FORBIDDEN:
                return None
            raise self._store.explain(error, doing, "") from error

    def _versions(self, key: str) -> list[str]:
        """Version ids of a key, delete markers included, oldest first: none comes to light again while they go."""
        full = self._store.full(key)
        found = []
        try:
            pages = self._store.client.get_paginator("list_object_versions").paginate(
                Bucket=self._store.options.bucket, Prefix=full
            )
            for page in pages:
                versions: list[Any] = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
                found += [(one["LastModified"], one.get("VersionId", "")) for one in versions if one["Key"] == full]
        except (ClientError, BotoCoreError) as error:
            raise self._store.explain(error, "list the versions of", key) from error
        return [version for _modified, version in sorted(found)]

    def _lock(self, key: str) -> str:
        for version in self._versions(key) if self._has_versions() else [None]:
            arguments = {} if not version else {"VersionId": version}
            try:
                head = self._store.call("look at", key, self._store.client.head_object, **arguments)
            except KeyMissing:
                continue
            except StoreError as error:
                if isinstance(error.__cause__, ClientError) and error_code(error.__cause__) in NO_HEAD:
                    continue  # a delete marker
                raise
            if head.get("ObjectLockLegalHoldStatus") == "ON":
                return f"legal hold on {key}"
            until = head.get("ObjectLockRetainUntilDate")
            if head.get("ObjectLockMode") and until:
                return f"{key} is locked until {until.date().isoformat()}"
        return ""
