# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheduler, the attacher of volumes and the kubelets of the fake cluster."""

from __future__ import annotations

import signal
from typing import Any

from tests.support.kubernetes_objects import ATTACHMENT, CLAIM, LONGHORN_VOLUME, NODE, POD, VOLUME, Body, now, suffix
from tests.support.kubernetes_processes import Container, NotYet
from tests.support.kubernetes_world import World, condition, holds, set_conditions

FINISHED = ("Succeeded", "Failed")


class Kubelets:
    """Takes every pod one step further on each tick."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.containers: dict[str, dict[str, Container]] = {}

    def tick(self) -> None:
        pods = list(self.world.store.all(POD))
        for uid in self.containers.keys() - {pod["metadata"]["uid"] for pod in pods}:
            self._kill(self.containers.pop(uid))
        for pod in pods:
            if "deletionTimestamp" in pod["metadata"]:
                self._terminate(pod)
            elif pod["status"].get("phase") not in FINISHED:
                self._advance(pod)
        self._detach()

    def logs(self, pod: Body, container: str, tail: int | None) -> bytes:
        """What a container wrote."""
        running = self.containers.get(pod["metadata"]["uid"], {}).get(container)
        lines = running.log.read_bytes().splitlines(True) if running else []
        return b"".join(lines if tail is None else lines[len(lines) - min(tail, len(lines)) :])

    def kill_all(self) -> None:
        """Leave no process behind."""
        for containers in self.containers.values():
            self._kill(containers)

    def _kill(self, containers: dict[str, Container]) -> None:
        for container in containers.values():
            container.kill()

    def _advance(self, pod: Body) -> None:
        uid = pod["metadata"]["uid"]
        try:
            if not pod["spec"].get("nodeName"):
                self._schedule(pod)
                return
            if pod["status"]["phase"] == "Pending":
                self._attach(pod)
                self._start(pod)
                return
        except NotYet as reason:
            self._wait(pod, reason)
            return
        if uid in self.containers:
            self._follow(pod)
        else:
            self._show_health(pod)

    def _schedule(self, pod: Body) -> None:
        """Give a pod a node that is ready and that it fits on; the first by name."""
        for volume in self._claims(pod):
            name = volume["claimName"]
            claim = self.world.store.find(CLAIM, pod["metadata"]["namespace"], name)
            if claim is None:
                raise NotYet("Unschedulable", f'persistentvolumeclaim "{name}" not found')
            if claim["status"].get("phase") != "Bound":
                raise NotYet("Unschedulable", "pod has unbound immediate PersistentVolumeClaims")
        nodes = list(self.world.store.all(NODE))
        fitting = [node["metadata"]["name"] for node in nodes if fits(pod["spec"], node)]
        if not fitting:
            why = "node(s) had untolerated taint(s) or did not match Pod's node affinity/selector"
            raise NotYet("Unschedulable", f"0/{len(nodes)} nodes are available: {len(nodes)} {why}.")

        def place(body: Body) -> None:
            body["spec"]["nodeName"] = fitting[0]
            body["status"]["startTime"] = now()
            set_conditions(body["status"], condition("PodScheduled", True))

        self.world.store.amend(POD, pod, place)

    def _claims(self, pod: Body) -> list[Body]:
        volumes = pod["spec"].get("volumes", [])
        return [volume["persistentVolumeClaim"] for volume in volumes if "persistentVolumeClaim" in volume]

    def _attach(self, pod: Body) -> None:
        """Attach the pod's volumes to its node; one that is ReadWriteOnce waits until no other node has it."""
        node = pod["spec"]["nodeName"]
        for volume in self._claims(pod):
            claim = self.world.store.get(CLAIM, pod["metadata"]["namespace"], volume["claimName"])
            name = claim["spec"]["volumeName"]
            attached = {
                entry["spec"]["nodeName"]
                for entry in self.world.store.all(ATTACHMENT)
                if entry["spec"]["source"]["persistentVolumeName"] == name
            }
            if attached - {node} and "ReadWriteMany" not in claim["spec"]["accessModes"]:
                why = f'Multi-Attach error for volume "{name}" Volume is already used by pod(s) on another node'
                self.world.event(pod, "FailedAttachVolume", why)
                raise NotYet("ContainerCreating", "")
            longhorn = self._longhorn(name)
            if longhorn is not None and longhorn["status"].get("robustness") == "faulted":
                why = f'AttachVolume.Attach failed for volume "{name}" : rpc error: volume {name} is not ready for workloads'
                self.world.event(pod, "FailedAttachVolume", why)
                raise NotYet("ContainerCreating", "")
            if node not in attached:
                self._record_attachment(name, node, longhorn)

    def _longhorn(self, name: str) -> Body | None:
        volume = self.world.store.find(VOLUME, "", name) or {"spec": {}}
        handle = volume["spec"].get("csi", {}).get("volumeHandle", "")
        return next(
            (body for body in self.world.store.all(LONGHORN_VOLUME) if body["metadata"]["name"] == handle), None
        )

    def _record_attachment(self, name: str, node: str, longhorn: Body | None) -> None:
        body: Body = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "VolumeAttachment",
            "metadata": {"name": f"csi-{suffix(20)}", "uid": suffix(32), "creationTimestamp": now(), "generation": 1},
            "spec": {"attacher": "driver.longhorn.io", "nodeName": node, "source": {"persistentVolumeName": name}},
            "status": {"attached": True},
        }
        self.world.store.put(ATTACHMENT, body)
        if longhorn is not None:
            self._show_attached(longhorn, node)

    def _show_attached(self, longhorn: Body, node: str) -> None:
        def edit(body: Body) -> None:
            body["status"].update(state="attached" if node else "detached", currentNodeID=node)
            if not node:
                body["status"]["robustness"] = "unknown"
            elif body["status"].get("robustness", "unknown") == "unknown":
                body["status"]["robustness"] = "healthy"

        self.world.store.amend(LONGHORN_VOLUME, longhorn, edit)

    def _detach(self) -> None:
        """Free a volume on a node some time after the last pod that used it there."""
        used = set()
        for pod in self.world.store.all(POD):
            if pod["status"].get("phase") not in FINISHED and pod["spec"].get("nodeName"):
                for volume in self._claims(pod):
                    claim = self.world.store.find(CLAIM, pod["metadata"]["namespace"], volume["claimName"])
                    used.add(((claim or {"spec": {}})["spec"].get("volumeName"), pod["spec"]["nodeName"]))
        for entry in list(self.world.store.all(ATTACHMENT)):
            name, node = entry["spec"]["source"]["persistentVolumeName"], entry["spec"]["nodeName"]
            key = ("detach", entry["metadata"]["uid"])
            if (name, node) in used:
                self.world.timers.forget(key)
            elif self.world.timers.elapsed(key) >= self.world.detach_seconds:
                self.world.store.remove(ATTACHMENT, "", entry["metadata"]["name"])
                longhorn = self._longhorn(name)
                if longhorn is not None:
                    self._show_attached(longhorn, "")

    def _start(self, pod: Body) -> None:
        uid, spec = pod["metadata"]["uid"], pod["spec"]
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            if container["image"] in self.world.unpullable:
                raise NotYet("ImagePullBackOff", f'Back-off pulling image "{container["image"]}": not found')
        if self.world.timers.elapsed((uid, "start")) < self.world.start_seconds:
            raise NotYet("ContainerCreating", "")
        if spec["restartPolicy"] == "Always":
            self._show_health(pod)
            return
        started = self.containers.setdefault(uid, {})
        for container in spec.get("initContainers", []):
            if container["name"] not in started:
                started[container["name"]] = Container(self.world, pod, container)
            code = started[container["name"]].exit_code
            if code is None:
                raise NotYet("PodInitializing", "")
            if code:
                self._follow(pod)
                return
        for container in spec["containers"]:
            if container["name"] not in started:
                started[container["name"]] = Container(self.world, pod, container)
        self._follow(pod)

    def _wait(self, pod: Body, reason: NotYet) -> None:
        """Show why a pod is still pending."""

        def edit(body: Body) -> None:
            if reason.reason == "Unschedulable":
                set_conditions(body["status"], condition("PodScheduled", False, "Unschedulable", str(reason)))
                return
            waiting = {"reason": reason.reason, **({"message": str(reason)} if str(reason) else {})}
            states = [{"waiting": waiting} for _container in body["spec"]["containers"]]
            body["status"]["containerStatuses"] = _statuses(body, "containers", states)

        self.world.store.amend(POD, pod, edit)
        if str(reason):
            self.world.event(pod, "FailedScheduling" if reason.reason == "Unschedulable" else "Failed", str(reason))

    def _follow(self, pod: Body) -> None:
        """Show how the processes of a pod are doing."""
        started = self.containers[pod["metadata"]["uid"]]
        deadline = pod["spec"].get("activeDeadlineSeconds")
        late = deadline is not None and self.world.timers.real((pod["metadata"]["uid"], "running")) > deadline
        if late:
            self._stop(pod["metadata"]["uid"], pod["spec"]["terminationGracePeriodSeconds"])
        names = [container["name"] for container in pod["spec"]["containers"]]
        first = [container["name"] for container in pod["spec"].get("initContainers", [])]
        states = {name: container.state() for name, container in started.items()}
        codes = [state["terminated"]["exitCode"] if "terminated" in state else None for state in states.values()]
        ended = None not in codes and (all(name in states for name in names) or any(codes))

        def edit(body: Body) -> None:
            status = body["status"]
            status["phase"] = ("Failed" if any(codes) or late else "Succeeded") if ended else "Running"
            if ended and late:
                message = "Pod was active on the node longer than the specified deadline"
                status.update(reason="DeadlineExceeded", message=message)
            waiting = {"waiting": {"reason": "PodInitializing"}}
            status["containerStatuses"] = _statuses(body, "containers", [states.get(name, waiting) for name in names])
            if first:
                entries = [states.get(name, waiting) for name in first]
                status["initContainerStatuses"] = _statuses(body, "initContainers", entries)
            set_conditions(status, condition("Ready", not ended, "PodCompleted" if ended else ""))

        self.world.store.amend(POD, pod, edit)

    def _show_health(self, pod: Body) -> None:
        """A pod that only is there: running, and ready when nothing speaks against it."""
        node = self.world.store.find(NODE, "", pod["spec"]["nodeName"])
        why = self.world.health(pod)
        grown = self.world.timers.elapsed((pod["metadata"]["uid"], "running")) >= self.world.ready_seconds
        ready = grown and not why and node is not None and holds(node, "Ready")

        def edit(body: Body) -> None:
            status = body["status"]
            status.update(phase="Running", podIP="127.0.0.1")
            since = status.setdefault("startTime", now())
            state: Body = {"running": {"startedAt": since}}
            if why:
                state = {"waiting": {"reason": why, "message": f"back-off restarting failed container: {why}"}}
            states = [state for _container in body["spec"]["containers"]]
            restarts = 1 if why else 0
            status["containerStatuses"] = _statuses(body, "containers", states, ready, restarts)
            reason = "" if ready else "ContainersNotReady"
            kinds = {"Initialized": True, "ContainersReady": ready, "Ready": ready}
            entries = [condition(kind, value, "" if value else reason) for kind, value in kinds.items()]
            set_conditions(status, *entries)

        self.world.store.amend(POD, pod, edit)

    def _terminate(self, pod: Body) -> None:
        """End a pod: after its stop hook and its processes, or its grace period, and only where a kubelet runs."""
        metadata = pod["metadata"]
        node = self.world.store.find(NODE, "", pod["spec"].get("nodeName", ""))
        if node is None or not holds(node, "Ready"):
            return
        grace = metadata.get("deletionGracePeriodSeconds", 30)
        elapsed = self.world.timers.elapsed((metadata["uid"], "stop"))
        if metadata["uid"] in self.containers:
            if not self._stop(metadata["uid"], grace):
                return
            if pod["status"].get("phase") not in FINISHED:
                self._follow(pod)
                pod = self.world.store.find(POD, metadata["namespace"], metadata["name"]) or pod
        elif elapsed < min(grace, stop_hook(pod) + self.world.stop_seconds):
            return
        if not pod["metadata"].get("finalizers"):
            self.world.store.remove(POD, metadata["namespace"], metadata["name"])

    def _stop(self, uid: str, grace: float) -> bool:
        """Ask the processes of a pod to end, then make them; whether they have ended."""
        running = [container for container in self.containers[uid].values() if container.exit_code is None]
        if not self.world.timers.started((uid, "term")):
            for container in running:
                container.signal(signal.SIGTERM)
        if self.world.timers.elapsed((uid, "term")) > grace:
            for container in running:
                container.signal(signal.SIGKILL)
        return not running


def stop_hook(pod: Body) -> float:
    """Seconds that the longest preStop hook of a pod sleeps."""
    longest = 0.0
    for container in pod["spec"]["containers"]:
        hook = container.get("lifecycle", {}).get("preStop", {})
        command = hook.get("exec", {}).get("command", [])
        seconds: Any = hook.get("sleep", {}).get("seconds", 0)
        if command[:1] == ["sleep"]:
            seconds = command[1]
        longest = max(longest, float(seconds))
    return longest


def fits(spec: Body, node: Body) -> bool:
    """Whether a node is ready, carries the labels a pod asks for, and has no taint the pod does not tolerate."""
    labels = node["metadata"].get("labels", {})
    if not holds(node, "Ready") or node.get("spec", {}).get("unschedulable"):
        return False
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    tolerations = spec.get("tolerations") or []
    for taint in node.get("spec", {}).get("taints", []):
        if taint["effect"] != "PreferNoSchedule" and not any(_tolerates(entry, taint) for entry in tolerations):
            return False
    return True


def _tolerates(toleration: Body, taint: Body) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return (toleration.get("key"), toleration.get("value", "")) == (taint["key"], taint.get("value", ""))


def _statuses(pod: Body, field: str, states: list[Body], ready: bool = False, restarts: int = 0) -> list[Body]:
    """The statuses of the containers of a pod."""
    return [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": ready,
            "started": "running" in state,
            "restartCount": restarts,
            "lastState": {},
            "state": state,
        }
        for container, state in zip(pod["spec"][field], states, strict=True)
    ]
