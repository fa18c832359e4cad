# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the objects of a cluster, as far as a recovery asks for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.bodies import (
    find_condition,
    name_of,
    namespace_of,
)

LONGHORN_DRIVER = "driver.longhorn.io"
JOB_LABEL = "recurring-job.longhorn.io/"
GROUP_LABEL = "recurring-job-group.longhorn.io/"
DEFAULT_GROUP = "default"
UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Node:
    """A machine of the cluster."""

    name: str
    ready: bool
    reason: str = ""


@dataclass(frozen=True)
class Pod:
    """A pod; ``reasons`` say why it does not run, ``ready_since`` when it last became ready."""

    namespace: str
    name: str
    phase: str
    ready: bool
    labels: Mapping[str, str] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    ready_since: datetime | None = None
    terminating: bool = False


@dataclass(frozen=True)
class Replica:
    """A copy of a Longhorn volume on one node."""

    name: str
    node: str
    failed: bool
    was_healthy: bool


@dataclass(frozen=True)
class LonghornVolume:
    """A volume of Longhorn; ``jobs`` and ``groups`` are those its own labels select."""

    name: str
    state: str
    robustness: str
    size: int
    used: int | None
    wanted_replicas: int
    replicas: tuple[Replica, ...]
    jobs: frozenset[str]
    groups: frozenset[str]
    last_backup: datetime | None

    @property
    def usable_replicas(self) -> int:
        """How many replicas hold the data; before a volume was ever attached none is healthy and all are good."""
        any_healthy = any(replica.was_healthy for replica in self.replicas)
        return sum(not one.failed and (one.was_healthy or not any_healthy) for one in self.replicas)


@dataclass(frozen=True)
class RecurringJob:
    """A schedule of Longhorn."""

    name: str
    task: str
    cron: str
    groups: frozenset[str]

    @property
    def makes_backups(self) -> bool:
        """Whether it copies a volume out of the cluster; snapshots stay on the volume's own disks."""
        return self.task.startswith("backup")

    def selects(self, volume: LonghornVolume) -> bool:
        """Whether it serves a volume: by its name, or by a group that both name.

        Longhorn counts a volume that names neither to the group default.
        """
        groups = volume.groups if volume.groups or volume.jobs else frozenset({DEFAULT_GROUP})
        return self.name in volume.jobs or bool(self.groups & groups)


@dataclass(frozen=True)
class Claim:
    """A claim of a volume; ``volume`` is None unless Longhorn provides it and has its object."""

    namespace: str
    name: str
    phase: str  # empty when there is no such claim
    volume_name: str = ""
    driver: str = ""
    volume: LonghornVolume | None = None

    @property
    def subject(self) -> str:
        """How a person names it."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Workload:
    """A Deployment."""

    namespace: str
    name: str
    wanted: int
    ready: int
    image: str
    pods: tuple[Pod, ...]

    @property
    def is_ready(self) -> bool:
        """Whether it serves, with as many pods as it wants and at least one."""
        return 0 < self.wanted <= self.ready


@dataclass(frozen=True)
class DynamicSecret:
    """A Secret that the operator fills from Vault; never what is in it.

    ``version`` changes with every rotation and is empty when there is no such Secret.
    """

    namespace: str
    secret: str
    version: str
    source: str = ""  # name of the VaultDynamicSecret, empty for a Secret that nobody rotates
    may_create: bool = False
    renewed: datetime | None = None
    lease_seconds: int = 0

    @property
    def expires(self) -> datetime | None:
        """When the lease ends; None where that is not known."""
        if self.renewed is None or not self.lease_seconds:
            return None
        return datetime.fromtimestamp(self.renewed.timestamp() + self.lease_seconds, UTC)


def read_node(body: Body) -> Node:
    """A node from its object."""
    condition = find_condition(body, "Ready")
    ready = condition.get("status") == "True"
    return Node(name_of(body), ready, "" if ready else str(condition.get("message") or condition.get("reason") or ""))


def read_pod(body: Body) -> Pod:
    """A pod from its object."""
    status = body.get("status") or {}
    ready = find_condition(body, "Ready")
    reasons = [status.get("reason")]
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        state = container.get("state") or {}
        reasons.append((state.get("waiting") or {}).get("reason"))
        reasons.append((state.get("terminated") or {}).get("reason"))
    scheduled = find_condition(body, "PodScheduled")
    if scheduled.get("status") == "False":
        reasons.append(scheduled.get("message") or scheduled.get("reason"))
    return Pod(
        namespace=namespace_of(body),
        name=name_of(body),
        phase=str(status.get("phase") or "Unknown"),
        ready=ready.get("status") == "True",
        labels=body["metadata"].get("labels") or {},
        reasons=tuple(dict.fromkeys(str(reason) for reason in reasons if reason not in (None, "", "Completed"))),
        ready_since=instant(ready.get("lastTransitionTime")) if ready.get("status") == "True" else None,
        terminating=bool(body["metadata"].get("deletionTimestamp")),
    )


def read_replica(body: Body) -> Replica:
    """A replica from its object."""
    spec = body.get("spec") or {}
    return Replica(
        name_of(body), str(spec.get("nodeID") or ""), bool(spec.get("failedAt")), bool(spec.get("healthyAt"))
    )


def read_longhorn_volume(body: Body, replicas: Iterable[Body]) -> LonghornVolume:
    """A volume from its object, and those of all replicas."""
    spec, status, labels = body.get("spec") or {}, body.get("status") or {}, body["metadata"].get("labels") or {}
    enabled = [label for label, value in labels.items() if value == "enabled"]
    used = status.get("actualSize")
    return LonghornVolume(
        name=name_of(body),
        state=str(status.get("state") or "unknown"),
        robustness=str(status.get("robustness") or "unknown"),
        size=quantity(spec.get("size")),
        used=None if used is None else quantity(used),
        wanted_replicas=int(spec.get("numberOfReplicas") or 0),
        replicas=tuple(read_replica(one) for one in replicas if one["spec"].get("volumeName") == name_of(body)),
        jobs=frozenset(one.removeprefix(JOB_LABEL) for one in enabled if one.startswith(JOB_LABEL)),
        groups=frozenset(one.removeprefix(GROUP_LABEL) for one in enabled if one.startswith(GROUP_LABEL)),
        last_backup=instant(status.get("lastBackupAt")),
    )


def read_recurring_job(body: Body) -> RecurringJob:
    """A schedule from its object."""
    spec = body.get("spec") or {}
    groups = frozenset(spec.get("groups") or [])
    return RecurringJob(name_of(body), str(spec.get("task") or ""), str(spec.get("cron") or ""), groups)


def read_dynamic_secret(namespace: str, name: str, secret: Body | None, source: Body | None) -> DynamicSecret:
    """A rotated Secret from its metadata and from what the operator says of it."""
    version = str(secret["metadata"].get("resourceVersion") or "") if secret else ""
    if source is None:
        return DynamicSecret(namespace, name, version)
    status = source.get("status") or {}
    renewed = status.get("lastRenewalTime")
    return DynamicSecret(
        namespace,
        name,
        version,
        source=name_of(source),
        may_create=bool(source["spec"]["destination"].get("create")),
        renewed=datetime.fromtimestamp(renewed, UTC) if renewed else None,
        lease_seconds=int((status.get("secretLease") or {}).get("duration") or 0),
    )


def instant(text: Any) -> datetime | None:
    """A time as objects hold it; None where there is none."""
    return datetime.fromisoformat(str(text)) if text else None


def quantity(text: Any) -> int:
    """A number of bytes, as ``50Gi`` or ``53687091200``; 0 for what is none."""
    match = re.fullmatch(r"(\d+)([kMGT]?i?)", str(text or "0"))
    return int(match[1]) * UNITS.get(match[2], 1) if match else 0
