# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster in memory whose time passes only when somebody sleeps: what takes minutes is tested in milliseconds.

It has what stops and starts an application: a Deployment's pods, ArgoCD's self-heal, an ApplicationSet, an autoscaler.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.clock import Clock
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import (
    DEPLOYMENT,
    Body,
    Conflict,
    Kind,
)
from tests.support.kubernetes_objects import merge

START = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
TICK = 0.25
NAMESPACE = "erp"
LABELS = {"app.kubernetes.io/name": "erp", "app.kubernetes.io/instance": "erp"}
DOCUMENTS = [{"name": "documents", "persistentVolumeClaim": {"claimName": "erp-documents"}}]


class Killed(BaseException):
    """The process ends here; no code of its own runs any more but for what unwinds."""


def deployment(replicas: int = 1) -> Body:
    """The application's Deployment."""
    return {
        "metadata": {"name": "erp", "namespace": NAMESPACE, "labels": dict(LABELS), "generation": 1},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app.kubernetes.io/name": "erp"}},
            "template": {
                "metadata": {"labels": dict(LABELS)},
                "spec": {"volumes": DOCUMENTS, "containers": [{"name": "erp"}], "terminationGracePeriodSeconds": 30},
            },
        },
        "status": {},
    }


def pod(name: str, owner: tuple[str, str] | None, **spec: Any) -> Body:
    """A running pod."""
    owners = [{"kind": owner[0], "name": owner[1], "controller": True}] if owner else []
    return {
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {}, "ownerReferences": owners},
        "spec": {"nodeName": "node-1", "containers": [{"name": "main"}], **spec},
        "status": {"phase": "Running", "podIP": "10.42.0.9"},
    }


def application(automated: Body | None, **spec: Any) -> Body:
    """ArgoCD's Application of the ERP."""
    policy = {} if automated is None else {"syncPolicy": {"automated": automated}}
    return {"metadata": {"name": "erp", "namespace": "argocd"}, "spec": {"project": "default", **policy, **spec}}


def autoscaler(minimum: int = 1, **spec: Any) -> Body:
    """An autoscaler of the Deployment."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "erp"}
    return {
        "metadata": {"name": "erp", "namespace": NAMESPACE},
        "spec": {"scaleTargetRef": target, "minReplicas": minimum, "maxReplicas": 3, **spec},
    }


def cron_job(name: str, labels: Body | None = None, volumes: list[Body] | None = None, **spec: Any) -> Body:
    """A CronJob."""
    template = {"metadata": {"labels": labels or {}}, "spec": {"volumes": volumes or []}}
    return {
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"schedule": "0 4 * * *", "jobTemplate": {"spec": {"template": template}}, **spec},
    }


@dataclass
class SimulatedCluster:
    """Objects by kind, namespace and name, and how the world around them behaves."""

    stop_seconds: float = 1.0
    ready_seconds: float | None = 2.0  # None: never
    self_heal_seconds: float | None = None  # ArgoCD puts git's replicas back, while its policy says so
    git_replicas: int = 1
    sync_under_way_seconds: float = 0.0  # a sync begun before its policy was changed ends then, with git's replicas
    policy_seconds: float | None = None  # an ApplicationSet puts the sync policy back
    git_automated: Body = field(default_factory=lambda: {"selfHeal": True})
    restless: bool = False  # something else scales up for ever
    unknown: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()
    dry_run: bool = False
    before_write: Callable[[int], None] = lambda number: None
    after_write: Callable[[int], None] = lambda number: None

    def __post_init__(self) -> None:
        self.time = 0.0
        self.objects: dict[tuple[str, str, str], Body] = {}
        self.writes = 0
        self.requests: list[tuple[str, str]] = []
        self.versions = 0
        self.since: dict[str, float] = {}
        self.pods_made = 0
        self.shape: list[int] = []  # how many application pods there were, tick by tick

    # What a test sets up and asks

    def put(self, kind: Kind, *bodies: Body) -> SimulatedCluster:
        """Add objects as they are."""
        for body in bodies:
            meta = body["metadata"]
            self.objects[kind.name, meta.get("namespace", ""), meta["name"]] = self._stamped(copy.deepcopy(body))
        return self

    def body(self, kind: Kind, name: str = "erp", namespace: str = NAMESPACE) -> Body:
        """One object."""
        return self.objects[kind.name, namespace, name]

    def clock(self) -> Clock:
        """The clock of the cluster."""
        return Clock(lambda: self.now, lambda: self.time, self.sleep)

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.time)

    def application_pods(self) -> list[Body]:
        """The pods that the Deployment made and that are still there."""
        return [body for key, body in self.objects.items() if key[0] == "Pod" and key[2].startswith("erp-7d4b9c-")]

    def sleep(self, seconds: float) -> None:
        """Let time pass and the controllers work."""
        end = self.time + seconds
        while self.time < end:
            self.time += TICK
            self._applicationset()
            self._argocd()
            self._scaler()
            self._deployment()
            self.shape.append(len(self.application_pods()))

    # The protocol

    def knows(self, kind: Kind) -> bool:
        return kind.name not in self.unknown

    def get(self, kind: Kind, name: str, namespace: str = "") -> Body | None:
        self._asked("get", kind)
        return copy.deepcopy(self.objects.get((kind.name, namespace, name)))

    def list(self, kind: Kind, namespace: str = "", labels: Mapping[str, str] | None = None) -> list[Body]:
        self._asked("list", kind)
        bodies = [body for key, body in self.objects.items() if key[0] == kind.name and namespace in ("", key[1])]
        wanted = (labels or {}).items()
        return copy.deepcopy([each for each in bodies if wanted <= (each["metadata"].get("labels") or {}).items()])

    def create(self, kind: Kind, body: Body) -> Body:
        raise AssertionError("To stop or start an application nothing is made.")

    def patch(self, kind: Kind, name: str, namespace: str, body: Body) -> Body:
        self._asked("patch", kind)
        self.writes += 1
        self.before_write(self.writes)
        key = (kind.name, namespace, name)
        current = self.objects[key]
        version = body.get("metadata", {}).get("resourceVersion")
        if version not in (None, current["metadata"]["resourceVersion"]):
            raise Conflict(f"{kind.name} {namespace}/{name} is no longer what it was.")
        changed: Body = merge(current, body)
        if not self.dry_run:
            if changed["spec"] != current["spec"]:
                changed["metadata"]["generation"] = changed["metadata"].get("generation", 0) + 1
            self.objects[key] = self._stamped(changed)
            self.after_write(self.writes)
        return copy.deepcopy(changed)

    def delete(self, kind: Kind, name: str, namespace: str = "") -> bool:
        raise AssertionError("To stop or start an application nothing is deleted.")

    def logs(self, pod: str, namespace: str, container: str, tail: int) -> str:
        raise AssertionError("To stop or start an application no log is read.")

    def _asked(self, verb: str, kind: Kind) -> None:
        self.requests.append((verb, kind.name))
        if kind.name in self.forbidden:
            raise ErpError(f"May not {verb} {kind.plural}.")

    def _stamped(self, body: Body) -> Body:
        self.versions += 1
        body["metadata"]["resourceVersion"] = str(self.versions)
        return body

    # The controllers

    def _lasting(self, what: str, so: bool) -> float:
        """Seconds since something is so; 0 when it is not."""
        if not so:
            self.since.pop(what, None)
            return 0.0
        return self.time - self.since.setdefault(what, self.time - TICK)

    def _scale(self, replicas: int, manager: str) -> None:
        body = self.body(DEPLOYMENT)
        body["spec"]["replicas"] = replicas
        body["metadata"]["generation"] += 1
        body["metadata"]["managedFields"] = [
            {"manager": "somebody-before", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            {"manager": manager, "time": self.now.isoformat(), "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        ]
        self._stamped(body)

    def _applicationset(self) -> None:
        app = self.objects.get(("Application", "argocd", "erp"))
        if app is None or self.policy_seconds is None:
            return
        off = "automated" not in app["spec"].get("syncPolicy", {})
        if off and self._lasting("policy", off) >= self.policy_seconds:
            app["spec"].setdefault("syncPolicy", {})["automated"] = copy.deepcopy(self.git_automated)
            self._stamped(app)

    def _argocd(self) -> None:
        app = self.objects.get(("Application", "argocd", "erp"))
        if app is None:
            return
        automated = app["spec"].get("syncPolicy", {}).get("automated")
        differs = self.body(DEPLOYMENT)["spec"]["replicas"] != self.git_replicas
        heals = self.self_heal_seconds is not None and automated and automated.get("selfHeal") and differs
        if heals and self._lasting("heal", True) >= (self.self_heal_seconds or 0):
            self._scale(self.git_replicas, "argocd-application-controller")
        self._lasting("heal", bool(heals))
        if self.sync_under_way_seconds:
            over = self.time >= self.sync_under_way_seconds
            app["status"] = {"operationState": {"phase": "Succeeded" if over else "Running"}}
            if over:
                self.sync_under_way_seconds = 0
                self._scale(self.git_replicas, "argocd-application-controller")

    def _scaler(self) -> None:
        replicas = self.body(DEPLOYMENT)["spec"]["replicas"]
        if self.restless and self._lasting("restless", replicas == 0) >= 3:
            self._scale(2, "kubectl-cron")
        for key, body in self.objects.items():
            if key[0] == "HorizontalPodAutoscaler" and key[1] == NAMESPACE:
                minimum = body["spec"].get("minReplicas", 1)
                held = body["spec"].get("behavior", {}).get("scaleUp", {}).get("selectPolicy") == "Disabled"
                asleep = replicas == 0 and (minimum > 0 or held)
                if not asleep and replicas < max(minimum, 1):
                    self._scale(max(minimum, 1), "horizontal-pod-autoscaler")

    def _deployment(self) -> None:
        body = self.body(DEPLOYMENT)
        replicas = body["spec"]["replicas"]
        pods = self.application_pods()
        staying = [each for each in pods if "deletionTimestamp" not in each["metadata"]]
        grace = body["spec"]["template"]["spec"].get("terminationGracePeriodSeconds", 30)
        for each in pods:
            if "stops" in each and each["stops"] <= self.time:
                del self.objects["Pod", NAMESPACE, each["metadata"]["name"]]
            if self.ready_seconds is not None and each["starts"] + self.ready_seconds <= self.time:
                each["status"] = {"phase": "Running", "podIP": "10.42.0.17"}
        for each in staying[replicas:]:
            each["metadata"]["deletionTimestamp"] = (self.now + timedelta(seconds=grace)).isoformat()
            each["metadata"]["deletionGracePeriodSeconds"] = grace
            each["stops"] = self.time + self.stop_seconds
        for _missing in range(replicas - len(staying)):
            self.pods_made += 1
            self.add_pod(f"erp-7d4b9c-{self.pods_made}")
        ready = [
            each
            for each in self.application_pods()
            if "deletionTimestamp" not in each["metadata"] and each["status"]["phase"] == "Running"
        ]
        status = {
            "observedGeneration": body["metadata"]["generation"],
            "replicas": replicas,
            "readyReplicas": len(ready),
            "updatedReplicas": len(ready),
        }
        if status != body["status"]:
            body["status"] = status
            self._stamped(body)

    def add_pod(self, name: str) -> None:
        """Make a pod as the Deployment's ReplicaSet does."""
        template = self.body(DEPLOYMENT)["spec"]["template"]
        body = pod(name, ("ReplicaSet", "erp-7d4b9c"), **copy.deepcopy(template["spec"]), nodeName="node-1")
        body["metadata"]["labels"] = dict(template["metadata"]["labels"])
        waiting = {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}
        body["status"] = {
            "phase": "Pending",
            "containerStatuses": [{"name": "erp", "state": {"waiting": waiting}}],
        }
        body["starts"] = self.time
        self.objects["Pod", NAMESPACE, name] = self._stamped(body)


def running_cluster(replicas: int = 1, **behaviour: Any) -> SimulatedCluster:
    """A cluster whose application runs and is ready."""
    cluster = SimulatedCluster(**behaviour)
    cluster.put(DEPLOYMENT, deployment(replicas))
    cluster.sleep(5)
    return cluster
