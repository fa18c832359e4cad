# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Job at a time: the second is refused, and what a stopped run left comes to its end first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from ansible_collections.arcodange.erp.plugins.module_utils.errors import Refused
from ansible_collections.arcodange.erp.plugins.module_utils.job_entry import WORK
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.bodies import name_of
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import JOB, POD, SECRET, Body, Cluster
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.job_state import (
    WATCHED,
    abandoned,
    annotation,
    begun_by,
    condition,
    exclusive,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.pod_template import GRACE, Task, label
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_pods import (
    ENDED,
    MANAGED_BY,
    MANAGED_BY_LABEL,
)

ENDING = 60.0  # seconds for what was deleted to be gone


class Wait(Protocol):
    """Waits until something is so, shows what for, and raises what it is told when that takes too long."""

    def __call__(self, phase: str, done: Callable[[], bool], limit: float, late: Callable[[], str]) -> None: ...


class Queue:
    """The Jobs of one environment that only one at a time may run; those that merely look are in nobody's way."""

    def __init__(self, cluster: Cluster, namespace: str, task: Task, wait: Wait) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._task = task
        self._wait = wait
        self._labels = {MANAGED_BY_LABEL: MANAGED_BY, "app.kubernetes.io/instance": label(task.environment)}
        self._counts = WORK[task.module].exclusive

    def refuse_others(self, own: Body | None = None) -> None:
        """Refuse while somebody waits for another Job; of two that begin at once, the later one gives way."""
        now = datetime.now(UTC)
        for job in self._jobs():
            if condition(job) or abandoned(job, now) or (own and _yields(job, own)):
                continue
            raise Refused(
                f"The Job {name_of(job)} of {self._task.environment} is under way, begun by {begun_by(job)}:"
                " wait for its end, or delete it.",
                job=name_of(job),
            )

    def await_leftovers(self) -> None:
        """Let what a stopped run began come to its end, and remove what that run could not."""
        if not self._counts:
            return
        # Also of those that merely looked: a suspended Job never ends, and so the cluster never removes its Secret.
        for job in self._cluster.list(JOB, self._namespace, self._labels):
            if annotation(job, WATCHED) and abandoned(job, datetime.now(UTC)):
                self._finish(job)
        # A pod may outlive its Job for as long as it takes to end.
        self._wait(
            "waiting for the pod of a Job that was deleted",
            lambda: not any(_ending(pod) for pod in self._cluster.list(POD, self._namespace, self._labels)),
            ENDING,
            lambda: "A pod of a Job that was deleted does not end: look at its node.",
        )

    def _jobs(self) -> list[Body]:
        if not self._counts:
            return []
        return [one for one in self._cluster.list(JOB, self._namespace, self._labels) if exclusive(one)]

    def _finish(self, job: Body) -> None:
        name = name_of(job)
        if job["spec"].get("suspend"):
            self._cluster.delete(JOB, name, self._namespace)
        elif not exclusive(job) and not condition(job):
            return  # in nobody's way, and its pod may not have read its Secret yet
        else:
            self._wait(
                f"waiting for the Job {name}, which a stopped run left",
                lambda: self._over(name),
                float(job["spec"]["activeDeadlineSeconds"] + GRACE),
                lambda: f"The Job {name} of a run that was stopped does not end: look at its pod, or delete the Job.",
            )
            if self._cluster.get(JOB, name, self._namespace):
                self._cluster.patch(JOB, name, self._namespace, {"metadata": {"annotations": {WATCHED: None}}})
        self._cluster.delete(SECRET, name, self._namespace)

    def _over(self, name: str) -> bool:
        job = self._cluster.get(JOB, name, self._namespace)
        return job is None or condition(job) is not None


def _ending(pod: Body) -> bool:
    """Whether a pod that writes is on its way out."""
    return (
        bool(pod["metadata"].get("deletionTimestamp"))
        and pod.get("status", {}).get("phase") not in ENDED
        and exclusive(pod)
    )


def _yields(job: Body, own: Body) -> bool:
    """Whether a Job is ours, or has not begun and was made after ours: both see the other, only the earlier goes on."""
    if name_of(job) == name_of(own):
        return True
    versions = [int(one["metadata"].get("resourceVersion", 0)) for one in (job, own)]
    return bool(job["spec"].get("suspend")) and versions[0] > versions[1]
