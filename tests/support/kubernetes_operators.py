# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What else runs in the fake cluster: ArgoCD, which puts back what is in git, and the operator of Vault's secrets."""

from __future__ import annotations

import base64
import copy
import json
import time
from typing import Any

from tests.support.kubernetes_objects import (
    APPLICATION,
    DEPLOYMENT,
    DYNAMIC_SECRET,
    RESOURCES,
    SECRET,
    Body,
    Resource,
    complete,
    merge,
    now,
    suffix,
)
from tests.support.kubernetes_store import owner_reference
from tests.support.kubernetes_world import World, condition, set_conditions


class ArgoCD:
    """Compares what an Application manages with what is there, and heals it where its policy says so."""

    def __init__(self, world: World) -> None:
        self.world = world

    def tick(self) -> None:
        for application in list(self.world.store.all(APPLICATION)):
            if "argocd.argoproj.io/skip-reconcile" not in application["metadata"].get("annotations", {}):
                self._reconcile(application)

    def _reconcile(self, application: Body) -> None:
        metadata = application["metadata"]
        key = ("heal", metadata["uid"])
        desired = self.world.managed.get((metadata["namespace"], metadata["name"]), [])
        drifted = [body for body in desired if self._drifted(application, body)]
        policy = (application["spec"].get("syncPolicy") or {}).get("automated")
        heals = policy is not None and policy.get("enabled", True) and policy.get("selfHeal", False)
        asked = "sync" in application.get("operation", {})
        if not drifted:
            self.world.timers.forget(key)
        due = bool(drifted) and heals and self.world.timers.elapsed(key) >= self.world.self_heal_seconds
        if due or asked:
            for body in drifted:
                self._apply(body)
            drifted = []

        def edit(body: Body) -> None:
            status = body.setdefault("status", {})
            status.setdefault("sync", {})["status"] = "OutOfSync" if drifted else "Synced"
            status.setdefault("health", {})["status"] = "Healthy"
            if due or asked:
                body.pop("operation", None)
                status["operationState"] = {"phase": "Succeeded", "finishedAt": now(), "message": "successfully synced"}

        self.world.store.amend(APPLICATION, application, edit)

    def _drifted(self, application: Body, desired: Body) -> bool:
        desired = copy.deepcopy(desired)
        for ignored in application["spec"].get("ignoreDifferences", []):
            if ignored["kind"] == desired["kind"] and ignored.get("name", "") in ("", desired["metadata"]["name"]):
                for pointer in ignored.get("jsonPointers", []):
                    _drop(desired, pointer.split("/")[1:])
        live = self._live(desired)
        return live is None or _applied(live, desired) != live

    def _live(self, desired: Body) -> Body | None:
        metadata = desired["metadata"]
        return self.world.store.find(_resource(desired), metadata.get("namespace", ""), metadata["name"])

    def _apply(self, desired: Body) -> None:
        live, resource = self._live(desired), _resource(desired)
        if live is None:
            self.world.store.create(resource, desired["metadata"].get("namespace", ""), desired)
        else:
            self.world.store.patch(resource, live, _applied(live, desired))


def _applied(live: Body, desired: Body) -> Body:
    """What the API makes of applying something: its defaults are there again, else every sync would be a rollout."""
    return complete(_resource(desired), copy.deepcopy(merge(live, desired)))


def _resource(body: Body) -> Resource:
    return next(known for known in RESOURCES if (known.api, known.kind) == (body["apiVersion"], body["kind"]))


def _drop(body: Any, way: list[str]) -> None:
    """Take away the value that a JSON pointer leads to, if it is there."""
    for step in way[:-1]:
        body = body.get(step, {})
    body.pop(way[-1], None)


class SecretsOperator:
    """Keeps the Secret of a VaultDynamicSecret in step with Vault."""

    def __init__(self, world: World) -> None:
        self.world = world

    def tick(self) -> None:
        for resource in list(self.world.store.all(DYNAMIC_SECRET)):
            metadata, status = resource["metadata"], resource.get("status", {})
            lease = status.get("secretLease", {}).get("duration", 0)
            destination = resource["spec"]["destination"]["name"]
            missing = self.world.store.find(SECRET, metadata["namespace"], destination) is None
            changed = status.get("lastGeneration") != metadata["generation"]
            percent = resource["spec"].get("renewalPercent", 67) / 100
            old = lease and self.world.timers.elapsed((metadata["uid"], "lease")) >= lease * percent
            if missing or changed or old:
                self.sync(resource)

    def sync(self, resource: Body) -> None:
        """Ask Vault for new credentials now; what it says instead becomes an event."""
        metadata = resource["metadata"]
        try:
            issued = dict(self.world.issuers[(metadata["namespace"], metadata["name"])]())
        except Exception as error:  # whatever the test's Vault raises
            self._show(resource, False, "VaultClientError", f"Failed to get Vault client: {error}")
            self.world.event(resource, "VaultClientError", f"Failed to get Vault client: {error}")
            return
        self._write(resource, {**issued, "_raw": json.dumps({"data": issued})})
        self.world.timers.forget((metadata["uid"], "lease"))
        self.world.timers.elapsed((metadata["uid"], "lease"))
        self._show(resource, True, "SecretSynced", "Secret synced")
        for target in resource["spec"].get("rolloutRestartTargets", []):
            deployment = self.world.store.find(DEPLOYMENT, metadata["namespace"], target["name"])
            if deployment is not None:
                restarted = {"vso.secrets.hashicorp.com/restartedAt": f"{now()}-{suffix()}"}
                patch = {"spec": {"template": {"metadata": {"annotations": restarted}}}}
                self.world.store.patch(DEPLOYMENT, deployment, patch)

    def _write(self, resource: Body, issued: dict[str, str]) -> None:
        namespace, name = resource["metadata"]["namespace"], resource["spec"]["destination"]["name"]
        data = {key: base64.b64encode(value.encode()).decode() for key, value in issued.items()}
        found = self.world.store.find(SECRET, namespace, name)
        if found is not None:
            self.world.store.amend(SECRET, found, lambda body: body.update(data=data))
            return
        labels = {"app.kubernetes.io/managed-by": "hashicorp-vso", "app.kubernetes.io/component": "secret-sync"}
        metadata = {"name": name, "labels": labels, "ownerReferences": [owner_reference(resource)]}
        self.world.store.create(SECRET, namespace, {"metadata": metadata, "data": data})

    def _show(self, resource: Body, synced: bool, reason: str, message: str) -> None:
        def edit(body: Body) -> None:
            status = body.setdefault("status", {})
            set_conditions(status, condition("Ready", synced, reason, message))
            if synced:
                status["lastRenewalTime"] = int(time.time())
                status["lastGeneration"] = body["metadata"]["generation"]
                status["secretLease"] = {
                    "duration": self.world.lease_seconds,
                    "id": f"{body['spec']['mount']}/{body['spec']['path']}/{suffix(24)}",
                    "renewable": True,
                    "requestID": suffix(32),
                }

        self.world.store.amend(DYNAMIC_SECRET, resource, edit)
