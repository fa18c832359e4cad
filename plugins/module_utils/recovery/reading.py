# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a cluster once, for everything a recovery and a check want to know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.bodies import name_of
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import (
    CLAIM,
    CRON_JOB,
    DEPLOYMENT,
    LONGHORN_RECURRING_JOB,
    LONGHORN_REPLICA,
    LONGHORN_VOLUME,
    NODE,
    POD,
    SECRET,
    VAULT_DYNAMIC_SECRET,
    VOLUME,
    Body,
    Cluster,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_pods import selects
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_record import Record, read_record
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.objects import (
    LONGHORN_DRIVER,
    Claim,
    DynamicSecret,
    Node,
    Pod,
    RecurringJob,
    Workload,
    read_dynamic_secret,
    read_longhorn_volume,
    read_node,
    read_pod,
    read_recurring_job,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Watched:
    """What belongs to the ERP in the cluster. ``claims`` hold data that must not be lost, the documents first."""

    namespace: str
    deployment: str
    claims: tuple[str, ...] = ()
    secret: str = ""
    vault_namespace: str = ""
    vault_labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ClusterState:
    """What a cluster says. ``unreadable`` tells, by what was asked for, why it is not known."""

    nodes: tuple[Node, ...] = ()
    pods: tuple[Pod, ...] = ()
    claims: tuple[Claim, ...] = ()
    has_longhorn: bool = False
    recurring_jobs: tuple[RecurringJob, ...] = ()
    erp: Workload | None = None
    vault_pods: tuple[Pod, ...] = ()
    secret: DynamicSecret | None = None
    record: Record | None = None  # of whoever stopped the ERP and has not started it again
    suspended: tuple[str, ...] = ()  # CronJobs of the ERP's namespace
    unreadable: dict[str, str] = field(default_factory=dict)


def read_cluster(cluster: Cluster, watched: Watched) -> ClusterState:
    """Read everything once. What may not be read is noted; a cluster of which nothing can be read is an ``ErpError``."""
    return _Reading(cluster, watched).read()


class _Reading:
    """One reading."""

    def __init__(self, cluster: Cluster, watched: Watched) -> None:
        self._cluster = cluster
        self._watched = watched
        self._unreadable: dict[str, str] = {}
        self._successes = 0

    def read(self) -> ClusterState:
        watched = self._watched
        deployment = self._try(
            "deployment", lambda: self._cluster.get(DEPLOYMENT, watched.deployment, watched.namespace), None
        )
        pods: list[Pod] = self._try("pods", lambda: [read_pod(one) for one in self._cluster.list(POD)], [])
        state = ClusterState(
            nodes=tuple(self._try("nodes", lambda: [read_node(one) for one in self._cluster.list(NODE)], [])),
            pods=tuple(pods),
            claims=self._claims(),
            has_longhorn=self._try("storage", lambda: self._cluster.knows(LONGHORN_VOLUME), False),
            recurring_jobs=tuple(
                self._try(
                    "recurring jobs",
                    lambda: [read_recurring_job(one) for one in self._cluster.list(LONGHORN_RECURRING_JOB)],
                    [],
                )
            ),
            erp=self._workload(deployment, pods) if deployment else None,
            vault_pods=tuple(
                one
                for one in pods
                if one.namespace == watched.vault_namespace and set(watched.vault_labels) <= set(one.labels.items())
            )
            if watched.vault_labels
            else (),
            secret=self._try("secret", self._secret, None) if watched.secret else None,
            record=self._try("record", lambda: read_record(deployment), None) if deployment else None,
            suspended=tuple(self._try("schedules", self._suspended, [])),
            unreadable=self._unreadable,
        )
        if not self._successes:
            raise ErpError(next(iter(self._unreadable.values())))
        return state

    def _try(self, what: str, function: Callable[[], T], otherwise: T) -> T:
        try:
            found = function()
        except ErpError as error:
            self._unreadable[what] = str(error)
            return otherwise
        self._successes += 1
        return found

    def _claims(self) -> tuple[Claim, ...]:
        volumes: list[Body] = self._try("storage", lambda: self._cluster.list(LONGHORN_VOLUME), [])
        replicas: list[Body] = self._try("storage", lambda: self._cluster.list(LONGHORN_REPLICA), [])
        return tuple(
            self._try("claims", partial(self._claim, name, volumes, replicas), None)
            or Claim(self._watched.namespace, name, "")
            for name in self._watched.claims
        )

    def _claim(self, wanted: str, volumes: list[Body], replicas: list[Body]) -> Claim:
        namespace, _slash, name = wanted.rpartition("/")
        namespace = namespace or self._watched.namespace
        body = self._cluster.get(CLAIM, name, namespace)
        if body is None:
            return Claim(namespace, name, "")
        phase = str((body.get("status") or {}).get("phase") or "Pending")
        bound = str(body["spec"].get("volumeName") or "")
        volume = self._cluster.get(VOLUME, bound) if bound else None
        if volume is None:
            return Claim(namespace, name, phase, bound)
        source = volume["spec"].get("csi") or {}
        driver, handle = str(source.get("driver") or ""), str(source.get("volumeHandle") or "")
        found = next((one for one in volumes if driver == LONGHORN_DRIVER and name_of(one) == handle), None)
        longhorn = read_longhorn_volume(found, replicas) if found else None
        return Claim(namespace, name, phase, handle or bound, driver, longhorn)

    def _workload(self, body: Body, pods: list[Pod]) -> Workload:
        watched = self._watched
        spec, status = body["spec"], body.get("status") or {}
        containers = spec["template"]["spec"].get("containers") or [{}]
        return Workload(
            namespace=watched.namespace,
            name=watched.deployment,
            wanted=int(spec.get("replicas", 1)),
            ready=_ready(body["metadata"], status),
            image=str(containers[0].get("image") or ""),
            pods=tuple(
                pod for pod in pods if pod.namespace == watched.namespace and selects(spec["selector"], pod.labels)
            ),
        )

    def _secret(self) -> DynamicSecret:
        watched = self._watched
        secret = self._cluster.get(SECRET, watched.secret, watched.namespace)
        sources = self._cluster.list(VAULT_DYNAMIC_SECRET, watched.namespace)
        source = next((one for one in sources if one["spec"]["destination"]["name"] == watched.secret), None)
        return read_dynamic_secret(watched.namespace, watched.secret, secret, source)

    def _suspended(self) -> list[str]:
        jobs = self._cluster.list(CRON_JOB, self._watched.namespace)
        return [name_of(one) for one in jobs if one["spec"].get("suspend")]


def _ready(metadata: Mapping[str, Any], status: Mapping[str, Any]) -> int:
    """Pods that serve as the Deployment wants them now: none while its controller has not seen the last change."""
    if int(status.get("observedGeneration") or 0) < int(metadata.get("generation") or 0):
        return 0
    return min(int(status.get("readyReplicas") or 0), int(status.get("updatedReplicas") or 0))
