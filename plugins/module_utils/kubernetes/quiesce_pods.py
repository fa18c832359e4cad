# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which pods an application still has, who else uses its claims, and why a pod does not go or does not come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.bodies import find_condition
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import Body
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_objects import claims_of

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "arcodange.erp"
ENDED = ("Succeeded", "Failed")


def selects(selector: Body, labels: Mapping[str, str]) -> bool:
    """Say whether a label selector selects these labels."""
    if any(labels.get(name) != value for name, value in (selector.get("matchLabels") or {}).items()):
        return False
    tests: dict[str, Callable[[str, list[str]], bool]] = {
        "In": lambda name, values: labels.get(name) in values,
        "NotIn": lambda name, values: labels.get(name) not in values,
        "Exists": lambda name, values: name in labels,
        "DoesNotExist": lambda name, values: name not in labels,
    }
    expressions = selector.get("matchExpressions") or []
    return all(tests[each["operator"]](each["key"], each.get("values") or []) for each in expressions)


def controller(body: Body) -> tuple[str, str] | None:
    """Kind and name of the controller of an object."""
    owners = body["metadata"].get("ownerReferences") or []
    return next(((owner["kind"], owner["name"]) for owner in owners if owner.get("controller")), None)


def named(pod: Body) -> str:
    """A pod and its controller, in words."""
    owner = controller(pod)
    return (
        f"{pod['metadata']['name']} ({owner[0]} {owner[1]})" if owner else f"{pod['metadata']['name']} (no controller)"
    )


@dataclass(frozen=True)
class Pods:
    """The pods of a namespace that count: the application's, those of CronJobs held off, other users of its claims, and ours."""

    application: tuple[Body, ...]
    scheduled: tuple[Body, ...]
    others: tuple[Body, ...]
    ours: tuple[Body, ...]

    @property
    def remaining(self) -> tuple[Body, ...]:
        """Those that must be gone before the application counts as stopped."""
        return self.application + self.scheduled


def sort_pods(pods: list[Body], jobs: list[Body], deployment: Body, cron_jobs: frozenset[str]) -> Pods:
    """Sort the pods of a namespace; one that has ended counts nowhere, one that is ending does."""
    selector = deployment["spec"]["selector"]
    claims = claims_of(deployment["spec"]["template"]["spec"])
    scheduled_jobs = {job["metadata"]["name"] for job in jobs if (controller(job) or ("", ""))[1] in cron_jobs}
    application: list[Body] = []
    scheduled: list[Body] = []
    others: list[Body] = []
    ours: list[Body] = []
    for pod in pods:
        if pod.get("status", {}).get("phase") in ENDED:
            continue
        labels = pod["metadata"].get("labels") or {}
        owner = controller(pod)
        if owner and owner[0] == "Job":  # a chart's Jobs often carry the labels the Deployment selects
            if owner[1] in scheduled_jobs:
                scheduled.append(pod)
                continue
        elif selects(selector, labels):
            application.append(pod)
            continue
        if claims_of(pod["spec"]) & claims:
            (ours if labels.get(MANAGED_BY_LABEL) == MANAGED_BY else others).append(pod)
    return Pods(tuple(application), tuple(scheduled), tuple(others), tuple(ours))


def lost(node: Body | None) -> bool:
    """Say whether a node is gone or silent."""
    return node is None or find_condition(node, "Ready").get("status") != "True"


def why_it_stays(pod: Body, node_lost: bool | None, now: datetime) -> str:
    """Why a pod is still there, and what to do; ``node_lost`` is None when its node could not be looked at."""
    meta = pod["metadata"]
    node = pod["spec"].get("nodeName")
    if node and node_lost:
        return f"its node {node} is lost: bring the node back, or delete the pod with --force once that node is off for sure"
    if not meta.get("deletionTimestamp"):
        return "nothing told it to stop: find out who made it" if controller(pod) is None else "not told to stop yet"
    # The deletion timestamp is when the grace period ends.
    left = (datetime.fromisoformat(meta["deletionTimestamp"]) - now).total_seconds()
    grace = meta.get("deletionGracePeriodSeconds", pod["spec"].get("terminationGracePeriodSeconds", 30))
    hooks = [each["name"] for each in pod["spec"].get("containers", []) if each.get("lifecycle", {}).get("preStop")]
    doing = f"the stop hook of container {', '.join(hooks)} or the program itself" if hooks else "its program"
    if meta.get("finalizers"):
        return f"the finalizer {', '.join(meta['finalizers'])} keeps it"
    if left > 0:
        return f"{doing} still runs, {left:.0f} s of {grace} s of grace left: allow it a longer timeout"
    return f"{doing} still runs {-left:.0f} s after its grace of {grace} s: look at node {node}"


def why_not_ready(pod: Body) -> str:
    """Why a pod is not ready, in the cluster's words."""
    scheduled = find_condition(pod, "PodScheduled")
    if scheduled and scheduled["status"] != "True":
        return f"not scheduled: {scheduled.get('message') or scheduled.get('reason')}"
    status = pod.get("status", {})
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        state: Any = container.get("state") or {}
        for kind in ("waiting", "terminated"):
            told = state.get(kind)
            if told and told.get("reason") not in (None, "Completed"):
                return ": ".join(filter(None, (f"container {container['name']} {told['reason']}", told.get("message"))))
    return "its readiness probe does not pass" if status.get("phase") == "Running" else status.get("phase", "Pending")
