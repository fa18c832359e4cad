# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Are the machines up, do the pods run, does the ERP serve."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.arcodange.erp.plugins.module_utils.recovery.items import (
    ERROR,
    PASS,
    UNDETERMINED,
    WARNING,
    Item,
)
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.objects import Pod
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.reading import ClusterState

SHOWN = 10  # pods; the rest are counted


def assess_nodes(state: ClusterState) -> Iterator[Item]:
    """Whether the machines are there; one that works is enough to go on."""
    if "nodes" in state.unreadable:
        yield Item("nodes", UNDETERMINED, "nodes", state.unreadable["nodes"], "grant what it names, and look again")
        return
    ready = sum(node.ready for node in state.nodes)
    for node in state.nodes:
        if not node.ready:
            yield Item(
                "nodes",
                WARNING if ready else ERROR,
                node.name,
                f"The node {node.name} is not ready{f': {node.reason}' if node.reason else ''}.",
                "look at its power, its disk and the service k3s on it",
            )
    yield Item(
        "nodes",
        PASS if ready else ERROR,
        "cluster",
        f"{ready} of {len(state.nodes)} nodes are ready.",
        "" if ready else "start the machines; without one nothing can run",
    )


def assess_pods(state: ClusterState) -> Iterator[Item]:
    """The pods that do not run, with their reasons."""
    if "pods" in state.unreadable:
        yield Item("pods", UNDETERMINED, "pods", state.unreadable["pods"], "grant what it names, and look again")
        return
    idle = [pod for pod in state.pods if not is_well(pod)]
    for pod in idle[:SHOWN]:
        why = ", ".join(pod.reasons) or ("terminating" if pod.terminating else f"{pod.phase}, not ready")
        yield Item(
            "pods",
            WARNING,
            f"{pod.namespace}/{pod.name}",
            f"The pod {pod.namespace}/{pod.name} does not run: {why}.",
            f"kubectl -n {pod.namespace} describe pod {pod.name}",
        )
    more = f", {len(idle) - SHOWN} more than shown" if len(idle) > SHOWN else ""
    well = len(state.pods) - len(idle)
    yield Item("pods", PASS, "cluster", f"{well} of {len(state.pods)} pods run or have ended well{more}.")


def is_well(pod: Pod) -> bool:
    """Whether a pod runs, or has ended as it should."""
    return pod.phase == "Succeeded" or (pod.phase == "Running" and pod.ready and not pod.terminating)


def assess_erp(state: ClusterState) -> Item:
    """Whether the Deployment of the ERP has the pods it wants."""
    if "deployment" in state.unreadable:
        return Item(
            "erp", UNDETERMINED, "deployment", state.unreadable["deployment"], "grant what it names, and look again"
        )
    if "record" in state.unreadable:
        return Item("erp", ERROR, "deployment", state.unreadable["record"], "do what it says")
    erp = state.erp
    if erp is None:
        return Item(
            "erp",
            ERROR,
            "deployment",
            "There is no Deployment of the ERP.",
            "let ArgoCD create it, or correct erp_kubernetes_deployment",
        )
    subject = f"{erp.namespace}/{erp.name}"
    if state.record is not None:
        return Item(
            "erp",
            ERROR,
            subject,
            f"{subject} was stopped by {state.record.holder} since {state.record.since} and not started again.",
            "if that run is dead, playbooks/recover.yml finishes what it began",
        )
    if not erp.wanted:
        return Item("erp", ERROR, subject, f"{subject} is scaled to 0.", "run playbooks/recover.yml")
    reasons = sorted({reason for pod in erp.pods for reason in pod.reasons})
    why = f": {', '.join(reasons)}" if reasons else ""
    state_ = PASS if erp.is_ready else ERROR
    return Item(
        "erp",
        state_,
        subject,
        f"{subject} has {erp.ready} of {erp.wanted} pods ready{why}.",
        "" if erp.is_ready else "run playbooks/recover.yml",
    )


def assess_suspended(state: ClusterState) -> Iterator[Item]:
    """The schedules that stand still."""
    for name in state.suspended:
        yield Item(
            "schedules",
            WARNING,
            name,
            f"The CronJob {name} is suspended{' for the time the ERP is stopped' if state.record else ''}.",
            "it goes on with playbooks/recover.yml"
            if state.record
            else "resume it if nobody meant that: kubectl patch cronjob",
        )
