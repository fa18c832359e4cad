# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Jobs and their pods say of themselves: which still run, why one waits, how one ended."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.job_entry import WORK
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.bodies import find_condition, name_of
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import Body
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.pod_template import CONTAINER, JOB_LABEL
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_objects import claims_of
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_pods import ENDED, controller, named

STARTED_BY = "arcodange.erp/started-by"
WATCHED = "arcodange.erp/watched"
ABANDONED = timedelta(minutes=2)
COMING = ("ContainerCreating", "PodInitializing")
# Shared by the pods of one node only.
ONE_NODE = {"ReadWriteOnce"}


def annotation(job: Body, name: str) -> str:
    """An annotation; empty when it is not there."""
    found: str = (job["metadata"].get("annotations") or {}).get(name) or ""
    return found


def condition(job: Body) -> Body | None:
    """What says that a Job is over; None while it is not."""
    conditions = job.get("status", {}).get("conditions") or []
    return next((one for one in conditions if one["type"] in ("Complete", "Failed") and one["status"] == "True"), None)


def doomed(job: Body) -> bool:
    """Whether the cluster has given a Job up, while a pod of it may still be there."""
    return find_condition(job, "FailureTarget").get("status") == "True"


def module_of(body: Body) -> str:
    """The module that a Job, or a pod, runs; empty when it is not of this collection."""
    spec = body["spec"].get("template", body)["spec"]
    values = {one["name"]: one.get("value") for box in spec.get("containers") or [] for one in box.get("env") or []}
    return values.get("ERP_JOB_MODULE") or ""


def exclusive(body: Body) -> bool:
    """Whether a Job, or a pod, does what only one at a time may do."""
    module = module_of(body)
    return module in WORK and WORK[module].exclusive


def abandoned(job: Body, now: datetime) -> bool:
    """Whether the run that waited for a Job is gone; one that a CronJob made is waited for by nobody."""
    watched = annotation(job, WATCHED)
    return bool(watched) and now - datetime.fromisoformat(watched) > ABANDONED


def begun_by(job: Body) -> str:
    """Who began a Job, and when, in words."""
    owner = controller(job)
    who = f"the {owner[0]} {owner[1]}" if owner else annotation(job, STARTED_BY) or "somebody"
    return f"{who} at {job['metadata'].get('creationTimestamp', 'an unknown time')}"


def holders(pods: Iterable[Body], claim: str, own: str = "") -> list[Body]:
    """The pods that use a claim, also those that are ending, but for those of the Job ``own``."""
    return [
        pod
        for pod in pods
        if pod.get("status", {}).get("phase") not in ENDED
        and claim in claims_of(pod["spec"])
        and (pod["metadata"].get("labels") or {}).get(JOB_LABEL, "") != (own or None)
    ]


def said(pods: Sequence[Body]) -> str:
    """Pods and their nodes, in words."""
    return ", ".join(f"{named(pod)} on node {pod['spec'].get('nodeName') or 'none yet'}" for pod in pods)


def nodes_for(claim: Body, using: Sequence[Body]) -> list[str]:
    """The nodes on which a claim can be mounted while others use it; none in particular when the list is empty."""
    if not set(claim["spec"].get("accessModes") or []) <= ONE_NODE:
        return []
    return sorted({pod["spec"]["nodeName"] for pod in using if pod["spec"].get("nodeName")})


def container_state(pod: Body) -> dict[str, Any]:
    """The state of the container that does the work."""
    statuses = pod.get("status", {}).get("containerStatuses") or []
    return next((one.get("state") or {} for one in statuses if one["name"] == CONTAINER), {})


def waiting_for(pod: Body | None, others: Sequence[Body]) -> str:
    """Why the container does not run yet."""
    if pod is None:
        return "there is no pod yet"
    scheduled = find_condition(pod, "PodScheduled")
    reasons = []
    if scheduled.get("status") == "False":
        reasons.append(f"not scheduled: {scheduled.get('message') or scheduled.get('reason')}")
    waiting = container_state(pod).get("waiting") or {}
    if waiting.get("reason") and waiting["reason"] not in COMING:
        reasons.append(": ".join(filter(None, (waiting["reason"], waiting.get("message")))))
    elif others:
        reasons.append(f"its volume is used by {said(others)}")
    return "; ".join(reasons) or "its container is being made"


def result_of(job: Body, pod: Body | None) -> dict[str, Any]:
    """What the module found, or why that is not known."""
    name = name_of(job)
    ended = (container_state(pod).get("terminated") or {}) if pod else {}
    result = _parsed(ended.get("message") or "")
    if result is not None:
        return result
    return {"failed": True, "outcome": "failed", "msg": f"The Job {name} {_why(job, pod, ended)}"}


def _why(job: Body, pod: Body | None, ended: Mapping[str, Any]) -> str:
    over = condition(job) or {}
    status: Body = (pod or {}).get("status", {})
    if "DeadlineExceeded" in (over.get("reason"), status.get("reason")):
        limit = job["spec"]["template"]["spec"].get("activeDeadlineSeconds")
        return (
            f"was ended after {limit} s: allow it more time (erp_kubernetes_deadline), or find out what it waited for."
        )
    if ended.get("reason") == "OOMKilled":
        return "was ended because it used more memory than it may: raise the limit in erp_kubernetes_resources."
    if ended:
        return f"ended with status {ended.get('exitCode')} ({ended.get('reason')}) and left no result: look at its log."
    if pod is None:
        return f"is over ({over.get('reason') or over.get('type')}) and its pod is gone: run it again."
    words = ": ".join(filter(None, (status.get("reason"), status.get("message")))) or status.get(
        "phase", "no reason told"
    )
    return f"lost its pod {name_of(pod)} ({words}): look at its node, then run it again."


def _parsed(message: str) -> dict[str, Any] | None:
    try:
        result = json.loads(message)
    except ValueError:
        return None
    return result if isinstance(result, dict) else None


def progress_in(log: str) -> dict[str, Any] | None:
    """How far the work has come, from the last line of a log that says so."""
    for line in reversed(log.splitlines()):
        entry = _parsed(line)
        if entry and isinstance(entry.get("progress"), dict):
            return dict(entry["progress"])
    return None
