# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controllers of the fake cluster share: its objects, its clock, and how the world around it behaves."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import sys
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from tests.support.kubernetes_objects import EVENT, Body, now, suffix
from tests.support.kubernetes_store import Store
from tests.support.paths import ROOT

# What a node says of itself and nobody asks here.
NODE_INFO = (
    *("bootID", "containerRuntimeVersion", "kernelVersion", "kubeProxyVersion", "kubeletVersion", "machineID"),
    *("osImage", "systemUUID"),
)


class Timers:
    """Measures since when something has been so, in seconds of the cluster's clock."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._since: dict[Hashable, float] = {}

    def elapsed(self, key: Hashable) -> float:
        """Seconds since this was asked first."""
        return self.real(key) * self.speed

    def real(self, key: Hashable) -> float:
        """The same in seconds of the machine's clock."""
        present = time.monotonic()
        return present - self._since.setdefault(key, present)

    def started(self, key: Hashable) -> bool:
        return key in self._since

    def forget(self, key: Hashable) -> None:
        self._since.pop(key, None)


def image_environment() -> dict[str, str]:
    """What an image of the collection says to its programs; nothing of the test's own environment."""
    return {
        "PATH": f"{os.path.dirname(sys.executable)}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT / ".collections"),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }


@dataclasses.dataclass
class World:
    """Durations are seconds of the cluster's clock, which may run faster than ours."""

    store: Store
    timers: Timers
    directory: pathlib.Path  # logs, termination messages and homes of containers
    start_seconds: float = 1.0
    ready_seconds: float = 1.0
    stop_seconds: float = 0.5
    detach_seconds: float = 2.0
    self_heal_seconds: float = 5.0
    scale_seconds: float = 15.0
    lease_seconds: int = 3600
    # Why the container of a pod cannot stay up, such as CrashLoopBackOff; nothing when it can.
    health: Callable[[Body], str] = lambda pod: ""
    unpullable: set[str] = dataclasses.field(default_factory=set)
    environment: dict[str, str] = dataclasses.field(default_factory=image_environment)
    # Where a claim's files are on this machine, by namespace and name.
    directories: dict[tuple[str, str], pathlib.Path] = dataclasses.field(default_factory=dict)
    # What is in git, by namespace and name of the Application: parts of objects.
    managed: dict[tuple[str, str], list[Body]] = dataclasses.field(default_factory=dict)
    # Who issues the content of a secret, by namespace and name of the VaultDynamicSecret; an exception when Vault is sealed.
    issuers: dict[tuple[str, str], Callable[[], Mapping[str, str]]] = dataclasses.field(default_factory=dict)
    # What no real cluster would let happen, such as a write to a read-only mount.
    violations: list[str] = dataclasses.field(default_factory=list)

    def event(self, about: Body, reason: str, message: str, kind: str = "Warning") -> None:
        """Record an event; one that is there already counts up."""
        metadata = about["metadata"]
        namespace = metadata.get("namespace") or "default"
        for event in self.store.all(EVENT, namespace):
            if event["involvedObject"]["uid"] == metadata["uid"] and event["message"] == message:
                return
        self.store.put(
            EVENT,
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {
                    "name": f"{metadata['name']}.{suffix(16)}",
                    "namespace": namespace,
                    "uid": suffix(32),
                    "creationTimestamp": now(),
                },
                "involvedObject": {
                    "apiVersion": about["apiVersion"],
                    "kind": about["kind"],
                    "name": metadata["name"],
                    "namespace": namespace,
                    "uid": metadata["uid"],
                },
                "reason": reason,
                "message": message,
                "type": kind,
                "count": 1,
                "firstTimestamp": now(),
                "lastTimestamp": now(),
            },
        )


def condition(kind: str, holds: bool, reason: str = "", message: str = "") -> Body:
    """A condition of a status."""
    entry: dict[str, Any] = {"type": kind, "status": "True" if holds else "False", "lastTransitionTime": now()}
    if reason:
        entry["reason"] = reason
    if message:
        entry["message"] = message
    return entry


def set_conditions(status: Body, *entries: Body) -> None:
    """Put conditions into a status; the time of one that holds as before stays."""
    conditions = {entry["type"]: entry for entry in status.get("conditions", [])}
    for entry in entries:
        before = conditions.get(entry["type"], {})
        if before.get("status") == entry["status"]:
            entry = {**entry, "lastTransitionTime": before["lastTransitionTime"]}
        conditions[entry["type"]] = entry
    status["conditions"] = list(conditions.values())


def holds(body: Body, kind: str) -> bool:
    """Whether a condition of an object is true."""
    conditions = body.get("status", {}).get("conditions", [])
    return any(entry["type"] == kind and entry["status"] == "True" for entry in conditions)
