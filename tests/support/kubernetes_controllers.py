# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controllers of the fake cluster: claims, Deployments, Jobs and autoscalers."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

from tests.support.kubernetes_objects import (
    CLAIM,
    DEPLOYMENT,
    HPA,
    JOB,
    POD,
    REPLICA_SET,
    VOLUME,
    Body,
    now,
    suffix,
)
from tests.support.kubernetes_pods import FINISHED
from tests.support.kubernetes_store import owned_by, owner_reference
from tests.support.kubernetes_world import World, condition, holds, set_conditions


class Controllers:
    """Takes every object one step nearer to what its specification says on each tick."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.store = world.store
        # The pods that a Job has made and that have not ended, to notice one that is taken away.
        self._pods_of_jobs: dict[str, set[str]] = {}

    def tick(self) -> None:
        self.store.collect()
        for claim in list(self.store.all(CLAIM)):
            self._claim(claim)
        for autoscaler in list(self.store.all(HPA)):
            self._autoscale(autoscaler)
        for deployment in list(self.store.all(DEPLOYMENT)):
            self._deployment(deployment)
        for job in list(self.store.all(JOB)):
            self._job(job)

    def _claim(self, claim: Body) -> None:
        """Provide the volume of a claim that has a storage class."""
        if claim["status"].get("phase") == "Bound" or not claim["spec"].get("storageClassName"):
            return
        name = claim["spec"].get("volumeName") or f"pvc-{claim['metadata']['uid']}"
        bind(self.world, claim, name)

    def _autoscale(self, autoscaler: Body) -> None:
        """Keep replicas between the bounds; what is scaled to zero stays there, as documented."""
        target = autoscaler["spec"]["scaleTargetRef"]
        deployment = self.store.find(DEPLOYMENT, autoscaler["metadata"]["namespace"], target["name"])
        if deployment is None:
            return
        replicas = deployment["spec"]["replicas"]
        active = replicas > 0
        wanted = max(autoscaler["spec"].get("minReplicas", 1), min(replicas, autoscaler["spec"]["maxReplicas"]))
        key = ("autoscale", autoscaler["metadata"]["uid"])

        def show(body: Body) -> None:
            body["status"].update(currentReplicas=replicas, desiredReplicas=wanted if active else 0)
            reason = "ValidMetricFound" if active else "ScalingDisabled"
            set_conditions(body["status"], condition("ScalingActive", active, reason))

        self.store.amend(HPA, autoscaler, show)
        if not active or wanted == replicas:
            self.world.timers.forget(key)
        elif self.world.timers.elapsed(key) >= self.world.scale_seconds:
            self.store.amend(DEPLOYMENT, deployment, lambda body: body["spec"].update(replicas=wanted))

    def _deployment(self, deployment: Body) -> None:
        if "deletionTimestamp" in deployment["metadata"]:
            return
        spec = deployment["spec"]
        digest = hashlib.sha256(json.dumps(spec["template"], sort_keys=True).encode()).hexdigest()[:10]
        current = self._replica_set(deployment, digest)
        sets = [body for body in self.store.all(REPLICA_SET, _namespace(deployment)) if owned_by(body, deployment)]
        mine = [pod for pod in self.store.all(POD, _namespace(deployment)) if any(owned_by(pod, body) for body in sets)]
        living = [pod for pod in mine if "deletionTimestamp" not in pod["metadata"]]
        new = [pod for pod in living if owned_by(pod, current)]
        old = [pod for pod in living if not owned_by(pod, current)]
        wanted = 0 if spec.get("paused") and not living else spec["replicas"]
        for pod in [*old, *new[wanted:]]:
            self.store.delete(POD, _namespace(deployment), pod["metadata"]["name"])
        if not (spec["strategy"].get("type") == "Recreate" and len(mine) > len(new)):
            for _number in range(wanted - len(new)):
                self._make_pod(current, spec["template"], f"{current['metadata']['name']}-{suffix()}")
        living = [pod for pod in living if "deletionTimestamp" not in pod["metadata"]]
        self._show_deployment(deployment, wanted)

    def _replica_set(self, deployment: Body, digest: str) -> Body:
        """The set of the present template; the one before goes down to zero."""
        name = f"{deployment['metadata']['name']}-{digest}"
        found = self.store.find(REPLICA_SET, _namespace(deployment), name)
        if found is None:
            template = copy.deepcopy(deployment["spec"]["template"])
            template.setdefault("metadata", {}).setdefault("labels", {})["pod-template-hash"] = digest
            body = {
                "metadata": {"name": name, "ownerReferences": [owner_reference(deployment)]},
                "spec": {"replicas": 0, "selector": deployment["spec"]["selector"], "template": template},
            }
            self.store.create(REPLICA_SET, _namespace(deployment), body)
            found = self.store.find(REPLICA_SET, _namespace(deployment), name)
        assert found is not None
        return found

    def _show_deployment(self, deployment: Body, wanted: int) -> None:
        for body in list(self.store.all(REPLICA_SET, _namespace(deployment))):
            if owned_by(body, deployment):
                count = sum(
                    owned_by(pod, body) and "deletionTimestamp" not in pod["metadata"]
                    for pod in self.store.all(POD, _namespace(deployment))
                )
                self.store.patch(REPLICA_SET, body, {"spec": {"replicas": count}, "status": {"replicas": count}})
        sets = [body for body in self.store.all(REPLICA_SET, _namespace(deployment)) if owned_by(body, deployment)]
        # Pods that are ending do not count, although they are still there.
        living = [
            pod
            for pod in self.store.all(POD, _namespace(deployment))
            if any(owned_by(pod, body) for body in sets) and "deletionTimestamp" not in pod["metadata"]
        ]
        ready = sum(holds(pod, "Ready") for pod in living)
        generation = deployment["metadata"]["generation"]

        def edit(body: Body) -> None:
            status = body["status"]
            counts = {
                "replicas": len(living),
                "updatedReplicas": len(living),
                "readyReplicas": ready,
                "availableReplicas": ready,
                "unavailableReplicas": max(wanted - ready, 0),
            }
            status["observedGeneration"] = generation
            for field, count in counts.items():
                # The API leaves out a number that is zero.
                status.pop(field, None)
                status.update({field: count} if count else {})
            available = ready >= wanted
            reason = "MinimumReplicasAvailable" if available else "MinimumReplicasUnavailable"
            progress = "NewReplicaSetAvailable" if available else "ReplicaSetUpdated"
            set_conditions(status, condition("Available", available, reason), condition("Progressing", True, progress))

        self.store.amend(DEPLOYMENT, deployment, edit)

    def _make_pod(self, owner: Body, template: Body, name: str) -> Body:
        template = copy.deepcopy(template)
        metadata = template.get("metadata", {})
        labels = owner["spec"]["template"]["metadata"].get("labels", {})
        body = {
            "metadata": {
                "name": name,
                "labels": {**metadata.get("labels", {}), **labels},
                "annotations": metadata.get("annotations", {}),
                "ownerReferences": [owner_reference(owner)],
            },
            "spec": template["spec"],
        }
        return self.store.create(POD, _namespace(owner), body)

    def _job(self, job: Body) -> None:
        spec, uid = job["spec"], job["metadata"]["uid"]
        if holds(job, "Complete") or holds(job, "Failed"):
            lifetime = spec.get("ttlSecondsAfterFinished")
            if lifetime is not None and self.world.timers.elapsed((uid, "finished")) >= lifetime:
                self.store.delete(JOB, _namespace(job), job["metadata"]["name"], {"propagationPolicy": "Background"})
            return
        if "deletionTimestamp" in job["metadata"]:
            return
        pods = [pod for pod in self.store.all(POD, _namespace(job)) if owned_by(pod, job)]
        phases = {pod["metadata"]["uid"]: pod["status"].get("phase") for pod in pods}
        active = [pod for pod in pods if phases[pod["metadata"]["uid"]] not in FINISHED]
        known = self._pods_of_jobs.setdefault(uid, set())
        lost = len(known - phases.keys())
        succeeded = sum(phase == "Succeeded" for phase in phases.values())
        failed = sum(phase == "Failed" for phase in phases.values()) + lost
        counts = {"active": len(active), "succeeded": succeeded, "failed": failed}
        entries: list[Body] = []
        if spec["suspend"]:
            self._delete_pods(active)
            entries = [condition("Suspended", True, "JobSuspended", "Job suspended")]
        elif self._is_late(job, succeeded):
            self._delete_pods(active)
            message = "Job was active longer than specified deadline"
            kinds = ["FailureTarget", *([] if active else ["Failed"])]
            entries = [condition(kind, True, "DeadlineExceeded", message) for kind in kinds]
        elif succeeded:
            entries = [condition(kind, True, "CompletionsReached") for kind in ("SuccessCriteriaMet", "Complete")]
        elif failed > spec["backoffLimit"]:
            message = "Job has reached the specified backoff limit"
            entries = [condition(kind, True, "BackoffLimitExceeded", message) for kind in ("FailureTarget", "Failed")]
        elif not active:
            made = self._make_pod(job, spec["template"], f"{job['metadata']['name']}-{suffix()}")
            known.add(made["metadata"]["uid"])
            counts["active"] = 1
        self.store.amend(JOB, job, lambda body: _show_job(body, counts, entries))

    def _is_late(self, job: Body, succeeded: int) -> bool:
        """Whether a Job is past its deadline: in seconds of our clock, since its processes are real."""
        deadline = job["spec"].get("activeDeadlineSeconds")
        age = self.world.timers.real((job["metadata"]["uid"], "active"))
        return deadline is not None and not succeeded and age > deadline

    def _delete_pods(self, pods: list[Body]) -> None:
        for pod in pods:
            self.store.delete(POD, pod["metadata"]["namespace"], pod["metadata"]["name"])


def _show_job(body: Body, counts: dict[str, int], entries: list[Body]) -> None:
    status = body["status"]
    for field, count in counts.items():
        status.pop(field, None)
        status.update({field: count} if count else {})
    if not body["spec"]["suspend"]:
        status.setdefault("startTime", now())
    set_conditions(status, *entries)
    if holds(body, "Complete"):
        status.setdefault("completionTime", now())
    if not status["conditions"]:
        del status["conditions"]


def bind(world: World, claim: Body, name: str) -> None:
    """Bind a claim to its volume, which is made when it is not there."""
    metadata, spec = claim["metadata"], claim["spec"]
    size = spec["resources"]["requests"]["storage"]
    if world.store.find(VOLUME, "", name) is None:
        reference = {"kind": "PersistentVolumeClaim", "namespace": metadata["namespace"], "name": metadata["name"]}
        body: dict[str, Any] = {
            "metadata": {"name": name},
            "spec": {
                "accessModes": spec["accessModes"],
                "capacity": {"storage": size},
                "claimRef": {**reference, "uid": metadata["uid"]},
                "csi": {"driver": "driver.longhorn.io", "volumeHandle": name, "fsType": "ext4"},
                "persistentVolumeReclaimPolicy": "Delete",
                "storageClassName": spec.get("storageClassName", ""),
            },
        }
        world.store.create(VOLUME, "", body)
        made = world.store.find(VOLUME, "", name)
        assert made is not None
        world.store.amend(VOLUME, made, lambda copied: copied["status"].update(phase="Bound"))

    def edit(body: Body) -> None:
        body["spec"]["volumeName"] = name
        body["status"] = {"phase": "Bound", "accessModes": spec["accessModes"], "capacity": {"storage": size}}

    world.store.amend(CLAIM, claim, edit)


def _namespace(body: Body) -> str:
    namespace: str = body["metadata"]["namespace"]
    return namespace
