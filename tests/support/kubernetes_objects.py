# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fake cluster knows of objects: where they live, how they are checked, completed, merged and selected."""

from __future__ import annotations

import base64
import binascii
import copy
import dataclasses
import random
import re
import string
from datetime import UTC, datetime
from typing import Any

Body = dict[str, Any]

DICE = random.Random(20261120)
LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
# Lists that a strategic merge patch merges by a key of their entries.
MERGED_LISTS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "conditions": "type",
    "ownerReferences": "uid",
}


@dataclasses.dataclass(frozen=True)
class Resource:
    """One kind, as the API's documentation gives it; written down again, not taken from the code under test."""

    api: str
    kind: str
    plural: str
    namespaced: bool = True
    status: bool = True
    scale: bool = False
    custom: bool = False

    @property
    def group(self) -> str:
        return self.api.rpartition("/")[0]

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


NODE = Resource("v1", "Node", "nodes", namespaced=False)
NAMESPACE = Resource("v1", "Namespace", "namespaces", namespaced=False)
POD = Resource("v1", "Pod", "pods")
EVENT = Resource("v1", "Event", "events", status=False)
SECRET = Resource("v1", "Secret", "secrets", status=False)
CONFIG_MAP = Resource("v1", "ConfigMap", "configmaps", status=False)
CLAIM = Resource("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
VOLUME = Resource("v1", "PersistentVolume", "persistentvolumes", namespaced=False)
ATTACHMENT = Resource("storage.k8s.io/v1", "VolumeAttachment", "volumeattachments", namespaced=False)
DEPLOYMENT = Resource("apps/v1", "Deployment", "deployments", scale=True)
REPLICA_SET = Resource("apps/v1", "ReplicaSet", "replicasets", scale=True)
STATEFUL_SET = Resource("apps/v1", "StatefulSet", "statefulsets", scale=True)
HPA = Resource("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
JOB = Resource("batch/v1", "Job", "jobs")
CRON_JOB = Resource("batch/v1", "CronJob", "cronjobs")
REVIEW = Resource("authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False)
# The status of an Application is a part of it like any other: ArgoCD's definition has no status sub-resource.
APPLICATION = Resource("argoproj.io/v1alpha1", "Application", "applications", status=False, custom=True)
DYNAMIC_SECRET = Resource("secrets.hashicorp.com/v1beta1", "VaultDynamicSecret", "vaultdynamicsecrets", custom=True)
LONGHORN_NODE = Resource("longhorn.io/v1beta2", "Node", "nodes", custom=True)
LONGHORN_VOLUME = Resource("longhorn.io/v1beta2", "Volume", "volumes", custom=True)
LONGHORN_REPLICA = Resource("longhorn.io/v1beta2", "Replica", "replicas", custom=True)
LONGHORN_RECURRING_JOB = Resource("longhorn.io/v1beta2", "RecurringJob", "recurringjobs", custom=True)
RESOURCES = tuple(value for value in list(globals().values()) if isinstance(value, Resource))


class Problem(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.body = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "details": details,
            "code": code,
        }


def not_found(resource: Resource, name: str) -> Problem:
    message = f'{resource} "{name}" not found'
    return Problem(404, "NotFound", message, name=name, group=resource.group, kind=resource.plural)


def invalid(resource: Resource, body: Body, field: str, why: str) -> Problem:
    name = body.get("metadata", {}).get("name", "")
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    return Problem(422, "Invalid", f'{kind} "{name}" is invalid: {field}: {why}', name=name, kind=resource.kind)


def now() -> str:
    """The present as the API writes it, in whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def suffix(length: int = 5) -> str:
    return "".join(DICE.choices(string.ascii_lowercase + string.digits, k=length))


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def strategic_merge(target: Any, patch: Any, field: str = "") -> Any:
    """A merge in which some lists are merged by a key; without the directives ($patch and others)."""
    key = MERGED_LISTS.get(field)
    if key and isinstance(patch, list):
        entries = {entry[key]: entry for entry in target or []}
        for entry in patch:
            entries[entry[key]] = strategic_merge(entries.get(entry[key]), entry)
        return list(entries.values())
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = strategic_merge(merged.get(name), value, name)
    return merged


def json_patch(target: Body, operations: list[Body]) -> Body:
    """RFC 6902 with the operations test, add, replace and remove."""
    changed = copy.deepcopy(target)
    for operation in operations:
        *way, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        place: Any = changed
        try:
            for part in way:
                place = place[int(part) if isinstance(place, list) else part]
            index: Any = last
            if isinstance(place, list):
                index = len(place) if last == "-" else int(last)
            if operation["op"] == "test":
                if place[index] != operation["value"]:
                    raise KeyError(last)
            elif operation["op"] == "remove":
                del place[index]
            elif operation["op"] == "add" and isinstance(place, list):
                place.insert(index, operation["value"])
            elif operation["op"] in ("add", "replace"):
                if operation["op"] == "replace":
                    place[index]
                place[index] = operation["value"]
            else:
                raise Problem(400, "BadRequest", f"json patch operation {operation['op']} is not supported")
        except (KeyError, IndexError, ValueError) as error:
            raise Problem(422, "Invalid", "the server rejected our request due to an error in our request") from error
    return changed


def selects(selector: str, labels: dict[str, str]) -> bool:
    """Whether a label selector, as in a query, holds for these labels."""
    for part in re.split(r",(?![^(]*\))", selector):
        part = part.strip()
        if found := re.fullmatch(r"(\S+)\s+(in|notin)\s+\(([^)]*)\)", part):
            values = {value.strip() for value in found[3].split(",")}
            if (labels.get(found[1]) in values) != (found[2] == "in"):
                return False
        elif found := re.fullmatch(r"([^=!\s]+)\s*(==|=|!=)\s*(\S*)", part):
            if (labels.get(found[1]) == found[3]) != (found[2] != "!="):
                return False
        elif part.startswith("!"):
            if part[1:] in labels:
                return False
        elif part and part not in labels:
            return False
    return True


def field_selects(selector: str, body: Body) -> bool:
    """Whether a field selector holds; only fields that the API documents as selectable."""
    known = r"metadata\.(name|namespace)|status\.(phase|successful)|spec\.nodeName|involvedObject\.\w+|reason|type"
    for part in filter(None, selector.split(",")):
        found = re.fullmatch(r"([\w.]+)(==|=|!=)(.*)", part)
        if not found or not re.fullmatch(known, found[1]):
            raise Problem(400, "BadRequest", f'field label not supported: "{part}"')
        value: Any = body
        for step in found[1].split("."):
            value = value.get(step, {})
        if (str(value or "") == found[3]) != (found[2] != "!="):
            return False
    return True


def complete(resource: Resource, body: Body) -> Body:
    """Check an object as the API does and give it the defaults that consumers may rely on."""
    metadata = body["metadata"]
    if not NAME.fullmatch(metadata["name"]) or len(metadata["name"]) > 253:
        raise invalid(resource, body, "metadata.name", "a lowercase RFC 1123 subdomain must consist of lower case ...")
    for field in ("labels", "annotations"):
        for key, value in (metadata.get(field) or {}).items():
            if not isinstance(value, str):
                raise Problem(400, "BadRequest", f"json: cannot unmarshal {value!r} into field metadata.{field}.{key}")
            if field == "labels" and (len(value) > 63 or not LABEL.fullmatch(value)):
                raise invalid(resource, body, "metadata.labels", f'Invalid value: "{value}": must be 63 characters ...')
    if resource is SECRET:
        for key, value in body.pop("stringData", {}).items():
            body.setdefault("data", {})[key] = base64.b64encode(value.encode()).decode()
        for key, value in body.get("data", {}).items():
            try:
                base64.b64decode(value, validate=True)
            except (binascii.Error, TypeError) as error:
                raise Problem(400, "BadRequest", f"illegal base64 data in data.{key}") from error
        body.setdefault("type", "Opaque")
    if resource in (DEPLOYMENT, STATEFUL_SET):
        body["spec"].setdefault("replicas", 1)
    if resource is DEPLOYMENT:
        body["spec"].setdefault("strategy", {"type": "RollingUpdate"})
    if resource is JOB:
        complete_job(body)
    if resource is CRON_JOB:
        body["spec"].setdefault("suspend", False)
        body["spec"].setdefault("concurrencyPolicy", "Allow")
    template = body if resource is POD else body.get("spec", {}).get("template")
    if resource is CRON_JOB:
        template = body["spec"]["jobTemplate"]["spec"]["template"]
    if template and not resource.custom:
        complete_pod(resource, body, template["spec"], "Never" if resource in (JOB, CRON_JOB) else "")
    return body


def complete_job(body: Body) -> None:
    spec, uid = body["spec"], body["metadata"].get("uid", "")
    name = body["metadata"]["name"]
    if len(name) > 63:
        raise invalid(JOB, body, "spec.template.labels", f'Invalid value: "{name}": must be no more than 63 characters')
    for field, value in {"backoffLimit": 6, "completions": 1, "parallelism": 1, "suspend": False}.items():
        spec.setdefault(field, value)
    own = {"batch.kubernetes.io/controller-uid": uid}
    spec.setdefault("selector", {"matchLabels": own})
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    labels.update({**own, "batch.kubernetes.io/job-name": name, "controller-uid": uid, "job-name": name})


def complete_pod(resource: Resource, body: Body, spec: Body, policy: str) -> None:
    if policy and spec.get("restartPolicy") not in ("Never", "OnFailure"):
        why = f'Required value: valid values: "OnFailure", "Never" (given: {spec.get("restartPolicy", "Always")})'
        raise invalid(resource, body, "spec.template.spec.restartPolicy", why)
    for field, value in {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
    }.items():
        spec.setdefault(field, value)
    volumes = {volume["name"] for volume in spec.get("volumes", [])}
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
        container.setdefault("imagePullPolicy", "IfNotPresent")
        for entry in container.get("env", []):
            if not isinstance(entry.get("value", ""), str):
                raise Problem(
                    400, "BadRequest", f"json: cannot unmarshal {entry['value']!r} into EnvVar.value of string"
                )
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                raise invalid(resource, body, "spec.containers.volumeMounts.name", f'Not found: "{mount["name"]}"')
