# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of the fake cluster and what writing them does: versions, conflicts, dry runs, finalizers, owners."""

from __future__ import annotations

import copy
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.kubernetes_objects import (
    JOB,
    NAMESPACE,
    POD,
    REPLICA_SET,
    STATEFUL_SET,
    Body,
    Problem,
    Resource,
    complete,
    invalid,
    merge,
    not_found,
    now,
    suffix,
)

Key = tuple[Resource, str, str]
FIRST_STATUS: dict[Resource, Body] = {
    POD: {"phase": "Pending"},
    REPLICA_SET: {"replicas": 0},
    STATEFUL_SET: {"replicas": 0},
}
PROTECTED = ("name", "namespace", "uid", "creationTimestamp", "generation", "deletionTimestamp", "resourceVersion")


class Store:
    """Every object there is; whoever touches it holds ``lock``."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.version = 1000
        self._objects: dict[Key, Body] = {}

    def find(self, resource: Resource, namespace: str, name: str) -> Body | None:
        """The object itself, not a copy of it."""
        return self._objects.get((resource, namespace if resource.namespaced else "", name))

    def get(self, resource: Resource, namespace: str, name: str) -> Body:
        found = self.find(resource, namespace, name)
        if found is None:
            raise not_found(resource, name)
        return copy.deepcopy(found)

    def all(self, resource: Resource, namespace: str = "") -> Iterator[Body]:
        """The objects themselves, by namespace and name."""
        keys = sorted((key for key in self._objects if key[0] is resource), key=lambda key: key[1:])
        return (self._objects[key] for key in keys if not namespace or key[1] == namespace)

    def create(self, resource: Resource, namespace: str, given: Body, dry_run: bool = False) -> Body:
        body = copy.deepcopy(given)
        metadata = body.setdefault("metadata", {})
        if body.get("kind", resource.kind) != resource.kind or body.get("apiVersion", resource.api) != resource.api:
            message = f"{body.get('kind')} in version {body.get('apiVersion')} cannot be handled as a {resource.kind}"
            raise Problem(400, "BadRequest", message)
        if metadata.get("resourceVersion"):
            raise Problem(400, "BadRequest", "resourceVersion should not be set on objects to be created")
        if not metadata.get("name"):
            if not metadata.get("generateName"):
                raise invalid(resource, body, "metadata.name", "Required value: name or generateName is required")
            metadata["name"] = metadata["generateName"] + suffix()
        name = metadata["name"]
        if resource.namespaced:
            if metadata.setdefault("namespace", namespace) != namespace:
                message = "the namespace of the provided object does not match the namespace sent on the request"
                raise Problem(400, "BadRequest", message)
            if self.find(NAMESPACE, "", namespace) is None:
                raise not_found(NAMESPACE, namespace)
        if self.find(resource, namespace, name) is not None:
            details = {"name": name, "group": resource.group, "kind": resource.plural}
            raise Problem(409, "AlreadyExists", f'{resource} "{name}" already exists', **details)
        body.update(apiVersion=resource.api, kind=resource.kind)
        metadata.update(uid=str(uuid.uuid4()), creationTimestamp=now(), generation=1)
        if resource.status:
            body.pop("status", None)
        body = complete(resource, body)
        if resource.status and not resource.custom:
            body["status"] = dict(FIRST_STATUS.get(resource, {}))
        if not dry_run:
            self.put(resource, body)
        return copy.deepcopy(body)

    def put(self, resource: Resource, body: Body) -> None:
        """Keep an object as it is, under a new version."""
        self.version += 1
        metadata = body["metadata"]
        metadata["resourceVersion"] = str(self.version)
        self._objects[(resource, metadata.get("namespace", "") if resource.namespaced else "", metadata["name"])] = body

    def change(self, resource: Resource, body: Body, part: str = "", dry_run: bool = False) -> Body:
        """Replace an object, or its status, or all but its status; its resourceVersion is a condition when it has one."""
        metadata = body.setdefault("metadata", {})
        name = metadata.get("name", "")
        current = self.get(resource, metadata.get("namespace", ""), name)
        given = metadata.get("resourceVersion")
        if given and given != current["metadata"]["resourceVersion"]:
            message = (
                f'Operation cannot be fulfilled on {resource} "{name}": the object has been modified; '
                "please apply your changes to the latest version and try again"
            )
            raise Problem(409, "Conflict", message, name=name, group=resource.group, kind=resource.plural)
        if metadata.get("uid", current["metadata"]["uid"]) != current["metadata"]["uid"]:
            message = f'Operation cannot be fulfilled on {resource} "{name}": Precondition failed: UID in precondition'
            raise Problem(409, "Conflict", message, name=name, group=resource.group, kind=resource.plural)
        changed = copy.deepcopy(current if part == "status" else body)
        if part == "status":
            changed["status"] = copy.deepcopy(body.get("status", {}))
        elif resource.status:
            changed.pop("status", None)
            changed |= {"status": current["status"]} if "status" in current else {}
        for field in PROTECTED:
            changed["metadata"].pop(field, None)
            if field in current["metadata"]:
                changed["metadata"][field] = current["metadata"][field]
        changed = complete(resource, changed)
        if resource is JOB and changed["spec"]["template"] != current["spec"]["template"]:
            raise invalid(resource, changed, "spec.template", "Invalid value: field is immutable")
        if changed == current:
            return current
        if any(changed.get(field) != current.get(field) for field in {*changed, *current} - {"metadata", "status"}):
            changed["metadata"]["generation"] += 1
        if not dry_run:
            self.put(resource, changed)
            self._end_when_free(resource, changed)
        return copy.deepcopy(changed)

    def amend(self, resource: Resource, body: Body, edit: Callable[[Body], Any]) -> None:
        """What a controller does: change an object in one go, whatever part of it; its generation counts the spec."""
        changed = copy.deepcopy(body)
        edit(changed)
        self._keep(resource, body, changed)

    def patch(self, resource: Resource, body: Body, patch: Body) -> None:
        """The same by a merge."""
        self._keep(resource, body, copy.deepcopy(merge(body, patch)))

    def _keep(self, resource: Resource, before: Body, after: Body) -> None:
        if after != before:
            if after.get("spec") != before.get("spec"):
                after["metadata"]["generation"] += 1
            self.put(resource, after)

    def delete(
        self, resource: Resource, namespace: str, name: str, options: Body | None = None, dry_run: bool = False
    ) -> Body | None:
        """Begin or do a deletion: the object when it is still there afterwards, else None."""
        options = options or {}
        body = self.get(resource, namespace, name)
        for field, wanted in (options.get("preconditions") or {}).items():
            if wanted and body["metadata"][field] != wanted:
                message = f'Operation cannot be fulfilled on {resource} "{name}": Precondition failed: {field}'
                raise Problem(409, "Conflict", message, name=name, kind=resource.plural)
        if dry_run:
            return None
        # For batch/v1 the API's default is to leave the pods behind.
        policy = options.get("propagationPolicy") or ("Orphan" if resource is JOB else "Background")
        if policy == "Orphan":
            self._orphan(body["metadata"]["uid"])
        grace = options.get("gracePeriodSeconds")
        if grace is None:
            grace = body["spec"].get("terminationGracePeriodSeconds", 30) if resource is POD else 0
        if resource is POD and body["status"].get("phase") in ("Succeeded", "Failed"):
            grace = 0
        finalizers = body["metadata"].setdefault("finalizers", [])
        if policy == "Foreground" and "foregroundDeletion" not in finalizers:
            finalizers.append("foregroundDeletion")
        unplaced = resource is POD and not body["spec"].get("nodeName")
        if finalizers or (resource is POD and grace and not unplaced):
            if "deletionTimestamp" not in body["metadata"]:
                moment = datetime.now(UTC) + timedelta(seconds=grace)
                body["metadata"]["deletionTimestamp"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
                body["metadata"]["deletionGracePeriodSeconds"] = grace
                body["metadata"]["generation"] += 1
            if not finalizers:
                del body["metadata"]["finalizers"]
            self.put(resource, body)
            return copy.deepcopy(body)
        self.remove(resource, namespace, name)
        return None

    def remove(self, resource: Resource, namespace: str, name: str) -> None:
        """Take an object away at once; what it owns is for the garbage collector."""
        self.version += 1
        self._objects.pop((resource, namespace if resource.namespaced else "", name), None)

    def _end_when_free(self, resource: Resource, body: Body) -> None:
        metadata = body["metadata"]
        if "deletionTimestamp" in metadata and not metadata.get("finalizers") and resource is not POD:
            self.remove(resource, metadata.get("namespace", ""), metadata["name"])

    def _orphan(self, uid: str) -> None:
        for key, body in list(self._objects.items()):
            owners = body["metadata"].get("ownerReferences", [])
            if any(owner["uid"] == uid for owner in owners):
                self.amend(key[0], body, lambda copied: _disown(copied, uid))

    def collect(self) -> None:
        """Delete what no owner is left of, and end deletions in the foreground whose dependents are gone."""
        uids = {body["metadata"]["uid"] for body in self._objects.values()}
        owned = {
            owner["uid"] for body in self._objects.values() for owner in body["metadata"].get("ownerReferences", [])
        }
        for key, body in list(self._objects.items()):
            metadata = body["metadata"]
            owners = [owner["uid"] for owner in metadata.get("ownerReferences", [])]
            if owners and not uids.intersection(owners) and "deletionTimestamp" not in metadata:
                self.delete(*key, {"propagationPolicy": "Background"})
            if "foregroundDeletion" in metadata.get("finalizers", []):
                for other, dependent in list(self._objects.items()):
                    owns = dependent["metadata"].get("ownerReferences", [])
                    ending = "deletionTimestamp" in dependent["metadata"]
                    if any(owner["uid"] == metadata["uid"] for owner in owns) and not ending:
                        self.delete(*other, {"propagationPolicy": "Background"})
                if metadata["uid"] not in owned:
                    changed = copy.deepcopy(body)
                    changed["metadata"]["finalizers"].remove("foregroundDeletion")
                    self.put(key[0], changed)
                    self._end_when_free(key[0], changed)


def _disown(body: Body, uid: str) -> None:
    body["metadata"]["ownerReferences"] = [
        owner for owner in body["metadata"]["ownerReferences"] if owner["uid"] != uid
    ]


def owned_by(body: Body, owner: Body) -> bool:
    """Whether one object is another's own."""
    return any(entry["uid"] == owner["metadata"]["uid"] for entry in body["metadata"].get("ownerReferences", []))


def owner_reference(owner: Body) -> Body:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def scale_of(body: Body) -> Body:
    """The scale sub-resource of a Deployment, ReplicaSet or StatefulSet."""
    labels = body["spec"].get("selector", {}).get("matchLabels", {})
    metadata = {
        field: body["metadata"][field]
        for field in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        if field in body["metadata"]
    }
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {"replicas": body["spec"].get("replicas", 1)} if body["spec"].get("replicas", 1) else {},
        "status": {
            "replicas": body.get("status", {}).get("replicas", 0),
            "selector": ",".join(f"{key}={value}" for key, value in labels.items()),
        },
    }
