# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running one module in a Job: begun suspended, given its secrets, followed to its end, cleaned up whatever happens."""

from __future__ import annotations

import base64
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import FrameType
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.job_entry import WORK
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.bodies import name_of
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import (
    CLAIM,
    JOB,
    POD,
    SECRET,
    Body,
    Cluster,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.job_queue import ENDING, Queue
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.job_state import (
    STARTED_BY,
    WATCHED,
    condition,
    container_state,
    doomed,
    holders,
    nodes_for,
    progress_in,
    result_of,
    said,
    waiting_for,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.pod_template import (
    CONTAINER,
    JOB_LABEL,
    LABEL,
    PodSettings,
    SecretKey,
    Task,
    job_spec,
    label,
    labels,
    pod_template,
)

PATIENCE = 120.0  # seconds that the cluster may not answer while a Job runs
HEARTBEAT = 20.0  # seconds between two signs that somebody waits for the Job
LOG_LINES = 40
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class JobOptions:
    """One module to run in the cluster; ``values`` are secrets that only a transient Secret may hold."""

    namespace: str
    task: Task
    settings: PodSettings
    who: str
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    free_claim: bool = False
    deadline: int = 14400
    keep: int = 86400
    start_timeout: float = 300.0
    poll: float = 2.0


class JobRun:
    """The way of one Job from its first check to its last trace."""

    def __init__(self, cluster: Cluster, options: JobOptions, progress: Progress) -> None:
        self._cluster = cluster
        self._options = options
        self._progress = progress
        task = options.task
        ending = f"-{uuid.uuid4().hex[:8]}"
        self.name = f"erp-{label(task.environment)}-{task.verb}"[: LABEL - len(ending)] + ending
        self.warnings: list[str] = []
        self._queue = Queue(cluster, options.namespace, task, self._wait)
        self._made = False
        self._beaten = 0.0
        self._silent_since: float | None = None

    def plan(self) -> dict[str, Any]:
        """What check mode can know: the cluster takes the Job, and nobody is in its way."""
        self._queue.refuse_others()
        self._cluster.create(JOB, self._body(self._nodes()))
        task = self._options.task
        job = {"name": self.name, "namespace": self._options.namespace, "module": task.module}
        return {
            "changed": WORK[task.module].exclusive and not task.check_mode,
            "outcome": "done" if WORK[task.module].exclusive else "unchanged",
            "job": job,
            "diff": {"before": {}, "after": {**job, "options": dict(task.options)}},
        }

    def run(self) -> dict[str, Any]:
        """Run the module and return its result; whatever happens, no Secret of this run stays behind."""
        self._queue.refuse_others()
        self._queue.await_leftovers()
        body = self._body(self._nodes())
        finished = False
        try:
            job = self._create(body)
            self._queue.refuse_others(job)
            self._await_claim()
            self._give_secrets(job)
            self._patch({"spec": {"suspend": False}})
            result = self._follow()
            finished = True
            return result
        finally:
            if self._made:
                self._clean(finished)

    def _create(self, body: Body) -> Body:
        self._made = True
        self._beaten = time.monotonic()
        try:
            return self._cluster.create(JOB, body)
        except ErpError:
            self._made = False
            with suppress(ErpError):  # the answer may be lost, and not the Job
                self._cluster.delete(JOB, self.name, self._options.namespace)
            raise

    def _wait(self, phase: str, done: Callable[[], bool], limit: float, late: Callable[[], str]) -> None:
        """Wait until something is so, and show what for."""
        if done():
            return
        self._progress.wait(phase)
        end = time.monotonic() + limit
        while time.monotonic() < end:
            time.sleep(self._options.poll)
            if done():
                return
        raise ErpError(late())

    @property
    def _claim(self) -> str | None:
        """The claim that the work needs; None when it needs no documents."""
        return self._options.settings.claim if WORK[self._options.task.module].documents else None

    def _others(self) -> list[Body]:
        """The other pods that use the claim."""
        if not self._claim:
            return []
        return holders(self._cluster.list(POD, self._options.namespace), self._claim, self.name)

    def _nodes(self) -> list[str]:
        """Where the pod must run to share a claim that one node may mount."""
        claim, namespace = self._claim, self._options.namespace
        if not claim:
            return []
        found = self._cluster.get(CLAIM, claim, namespace)
        if found is None:
            raise ErpError(
                f"There is no claim {claim} in the namespace {namespace}: name that of the documents in"
                " erp_kubernetes_documents_claim.",
                claim=claim,
            )
        return [] if self._options.free_claim else nodes_for(found, self._others())

    def _await_claim(self) -> None:
        """Wait until nobody else uses the claim, where the work needs it alone."""
        if not self._options.free_claim:
            return
        seen: list[Body] = []

        def free() -> bool:
            self._beat()
            seen[:] = self._others()
            return not seen

        self._wait(
            "waiting for the volume of the documents",
            free,
            self._options.start_timeout,
            lambda: (
                f"The claim {self._options.settings.claim} is still used by {said(seen)} after"
                f" {self._options.start_timeout:.0f} s: stop that first."
            ),
        )

    def _body(self, nodes: list[str]) -> Body:
        options = self._options
        task = options.task
        if options.values:
            own = {name: SecretKey(self.name, name) for name in options.values}
            task = replace(task, secrets={**task.secrets, **own})
        now = datetime.now(UTC).isoformat(timespec="seconds")
        template = pod_template(task, options.settings, self.name, nodes)
        return {
            "apiVersion": JOB.api,
            "kind": JOB.name,
            "metadata": {
                "name": self.name,
                "namespace": options.namespace,
                "labels": labels(task),
                "annotations": {STARTED_BY: options.who, WATCHED: now},
            },
            # Nothing runs before its secrets are there and nobody else was found.
            "spec": {**job_spec(template, options.deadline, options.keep), "suspend": True},
        }

    def _give_secrets(self, job: Body) -> None:
        """Make the transient Secret; it belongs to the Job, so the cluster removes it should nobody else."""
        values = self._options.values
        if not values:
            return
        owner = {"apiVersion": JOB.api, "kind": JOB.name, "name": self.name, "uid": job["metadata"]["uid"]}
        body = {
            "apiVersion": SECRET.api,
            "kind": SECRET.name,
            "metadata": {
                "name": self.name,
                "namespace": self._options.namespace,
                "labels": labels(self._options.task),
                "ownerReferences": [owner],
            },
            "type": "Opaque",
            "data": {name: base64.b64encode(value.encode()).decode() for name, value in values.items()},
        }
        self._cluster.create(SECRET, body)

    def _follow(self) -> dict[str, Any]:
        """Wait for the pod, show how far it is, and read what it left."""
        began = time.monotonic()
        started = False
        given_up: float | None = None
        reason = ""
        while True:
            look = self._look()
            if look is not None:
                job, pod = look
                started = started or bool(pod and {"running", "terminated"} & set(container_state(pod)))
                # The cluster calls a Job over when its last pod has ended, which one on a lost node never does.
                if doomed(job):
                    given_up = given_up or time.monotonic()
                if condition(job) or given_up and time.monotonic() - given_up > ENDING:
                    return self._ended(job, pod, time.monotonic() - began)
                if started and pod:
                    self._show(pod)
                elif not started:
                    reason = waiting_for(pod, self._others())
                    self._progress.wait(f"waiting, {reason}")
            if not started and time.monotonic() - began > self._options.start_timeout:
                raise ErpError(
                    f"The Job {self.name} did not start within {self._options.start_timeout:.0f} s: {reason or 'no answer'}."
                    " Remove what is in its way, or allow it more time (erp_kubernetes_start_timeout).",
                    job=self.name,
                )
            time.sleep(self._options.poll)

    def _look(self) -> tuple[Body, Body | None] | None:
        """The Job and its pod; None when the cluster does not answer, which it may do for a while."""
        options = self._options
        try:
            job = self._cluster.get(JOB, self.name, options.namespace)
            pods = self._cluster.list(POD, options.namespace, {JOB_LABEL: self.name})
            self._beat()
        except ErpError as error:
            now = time.monotonic()
            self._silent_since = self._silent_since or now
            if now - self._silent_since > PATIENCE:
                raise ErpError(f"{error} The Job {self.name} may go on there.", **error.facts) from error
            return None
        self._silent_since = None
        if job is None:
            raise ErpError(
                f"The Job {self.name} was deleted while it ran: find out by whom, then run it again.", job=self.name
            )
        return job, max(pods, key=_age, default=None)

    def _beat(self) -> None:
        """Let others know that somebody waits for the Job."""
        if time.monotonic() - self._beaten > HEARTBEAT:
            self._patch({"metadata": {"annotations": {WATCHED: datetime.now(UTC).isoformat(timespec="seconds")}}})
            self._beaten = time.monotonic()

    def _show(self, pod: Body) -> None:
        with suppress(ErpError):
            state = progress_in(self._log(pod, 5))
            if state:
                self._progress.mirror(state)

    def _log(self, pod: Body, lines: int) -> str:
        return self._cluster.logs(name_of(pod), self._options.namespace, CONTAINER, lines)

    def _ended(self, job: Body, pod: Body | None, seconds: float) -> dict[str, Any]:
        result = result_of(job, pod)
        result["job"] = {
            "name": self.name,
            "namespace": self._options.namespace,
            "pod": name_of(pod) if pod else None,
            "node": pod["spec"].get("nodeName") if pod else None,
            "seconds": round(seconds, 1),
        }
        if result.get("failed") and pod:
            try:
                result["pod_log"] = self._log(pod, LOG_LINES).splitlines()
            except ErpError as error:
                self.warnings.append(f"The log of the pod could not be read: {error}")
        return result

    def _clean(self, finished: bool) -> None:
        """Remove the Secret, and a Job that did not come to its end with all its pods."""
        _ignore_signals()
        namespace = self._options.namespace
        if self._options.values:
            self._attempt(f"the Secret {self.name}", lambda: self._cluster.delete(SECRET, self.name, namespace))
        if finished:
            self._attempt(
                f"the mark of the Job {self.name}", lambda: self._patch({"metadata": {"annotations": {WATCHED: None}}})
            )
            return
        self._attempt(f"the Job {self.name}", lambda: self._cluster.delete(JOB, self.name, namespace))
        try:
            self._wait(
                "waiting for the pod to end",
                lambda: not self._cluster.list(POD, namespace, {JOB_LABEL: self.name}),
                ENDING,
                lambda: f"The pod of the Job {self.name} does not end and may still work: look at its node.",
            )
        except ErpError as error:
            self.warnings.append(str(error))

    def _attempt(self, what: str, action: Callable[[], object]) -> None:
        try:
            action()
        except ErpError as error:
            self.warnings.append(f"{what[0].upper()}{what[1:]} could not be removed, do it by hand: {error}")

    def _patch(self, body: Body) -> None:
        self._cluster.patch(JOB, self.name, self._options.namespace, body)


def _age(body: Body) -> tuple[str, str]:
    return str(body["metadata"].get("creationTimestamp", "")), name_of(body)


def _ignore_signals() -> None:
    """Let no signal stop a clean-up."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Have the signals that end a program end it by way of its clean-up, which no second signal stops."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        _ignore_signals()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_job(
    cluster: Cluster, options: JobOptions, check_mode: bool, progress_file: str | None
) -> tuple[dict[str, Any], list[str]]:
    """Run one module in the cluster, or see whether that could be; return its result and warnings."""
    with Progress(progress_file) as progress:
        run = JobRun(cluster, options, progress)
        try:
            with _interruptible():
                return run.plan() if check_mode else run.run(), run.warnings
        except ErpError as error:
            error.facts["warnings"] = run.warnings
            raise
        except KeyboardInterrupt:
            left = " ".join(run.warnings) or "Its Job and Secret were removed."
            raise ErpError(f"The run was stopped by a signal. {left}", job=run.name) from None
