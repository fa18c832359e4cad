# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stopping an application so that nothing starts it again, and starting it as it was; every write may be the last one of a run.

The record is written first and removed last, so whoever finishes an interrupted run knows what there was.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import datetime

from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.clock import Clock
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import (
    JOB,
    NODE,
    POD,
    Body,
    Cluster,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_deployment import (
    PERIOD,
    HeldDeployment,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_holds import (
    APPLICATIONS,
    CRON_JOBS,
    HOLDS,
    Hold,
    key_of,
    owner_of,
    syncing,
    tracking_application,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_objects import (
    QuiesceOptions,
    claims_of,
    find_objects,
    replicas_of,
    scaled_by,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_pods import (
    Pods,
    lost,
    named,
    sort_pods,
    why_it_stays,
    why_not_ready,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_record import Record

SCALINGS = 3  # times to scale to 0 before saying that something else is stronger
BACK = "Its record stays, and state=running puts everything back."


def run_quiesce(cluster: Cluster, options: QuiesceOptions, check_mode: bool, clock: Clock | None = None) -> Body:
    """Bring the application into the wanted state; return the facts, with ``alarms`` and ``diff``."""
    with Progress(options.progress_file) as progress:
        run = _Run(cluster, options, check_mode, clock or Clock(), progress)
        try:
            if options.state == "quiesced":
                run.stop()
            else:
                run.start()
        except ErpError as error:
            error.facts.update(run.facts())
            raise
    return run.facts()


class _Run:
    def __init__(
        self, cluster: Cluster, options: QuiesceOptions, check_mode: bool, clock: Clock, progress: Progress
    ) -> None:
        self.cluster = cluster
        self.options = options
        self.check_mode = check_mode
        self.clock = clock
        self.progress = progress
        self.deployment = HeldDeployment(cluster, options, check_mode, clock)
        self.title = self.deployment.title
        self.patched = False
        self.undone = False
        self.alarms: list[str] = []
        self.pods: list[Body] = []
        self.own_pods: list[str] = []
        self.ended: datetime | None = None
        self.objects = find_objects(cluster, options, self.deployment.body, self.deployment.found)
        self.before = self._view()

    @property
    def changed(self) -> bool:
        """Whether anything is not as this run found it."""
        return (self.patched or self.deployment.written) and not self.undone

    def stop(self) -> None:
        """Hold off what would start the application, scale it to 0, and wait until no pod is left."""
        self.deployment.check_holder()
        application = tracking_application(self.deployment.body)
        if application and application not in self.options.argocd_applications:
            raise Refused(
                f"ArgoCD Application {application} manages {self.title} and would scale it back: name it in argocd_applications."
            )
        record = self._wanted(self.deployment.body)
        pods = self._look(record)
        self._refuse_others(pods)
        self.pods = list(pods.application)
        if record != self.deployment.found:
            record = self.deployment.write(self._wanted)
        if self._hold_off(record) and not self.check_mode:
            self._settle(record)
        if replicas_of(self.deployment.body) > 0:
            record = self._scale_to_zero(record)
        if not self.check_mode:
            self._wait_until_gone(record)

    def start(self) -> None:
        """Scale the application to what it was, put back what was held off, and wait until it is ready."""
        self.deployment.check_holder()
        found = record = self.deployment.found
        replicas = (record.replicas if record else 0) or self.options.replicas
        if record is None and (not replicas or replicas_of(self.deployment.body)):
            return
        if found and found.holder != self.options.holder:
            record = self.deployment.write(lambda body: replace(found, holder=self.options.holder))
        if replicas and not replicas_of(self.deployment.body):
            self.deployment.write(lambda body: record, replicas)
        if record:
            self._put_back(record)
        if not self.check_mode:
            self._wait_until_ready()
            self.ended = self.clock.now()

    def facts(self) -> Body:
        """What is known of the run so far."""
        told = self.deployment.last
        outage = told.outage(self.ended or self.clock.now()) if told else None
        return {
            "outcome": "done" if self.changed else "unchanged",
            "changed": self.changed,
            "state": "quiesced" if self.deployment.record else "running",
            "holder": told.holder if told else None,
            "since": told.since if told else None,
            "stopped_at": told.stopped if told else None,
            "outage_seconds": None if outage is None else round(outage, 1),
            "replicas": told.replicas if told else replicas_of(self.deployment.body),
            "held": {section: dict(held) for section, held in told.held.items()} if told else {},
            "claims": sorted(claims_of(self.deployment.body["spec"]["template"]["spec"])),
            "pods": [
                {
                    "name": pod["metadata"]["name"],
                    "address": pod.get("status", {}).get("podIP"),
                    "node": pod["spec"].get("nodeName"),
                }
                for pod in self.pods
            ],
            "own_pods": self.own_pods,
            "ready_replicas": self.deployment.body.get("status", {}).get("readyReplicas") or 0,
            "alarms": self.alarms,
            "diff": {"before": self.before, "after": self._view()},
        }

    def _view(self) -> Body:
        """What a diff shows."""
        view: Body = {
            hold.section: {key: copy.deepcopy(hold.value(body)) for key, body in self.objects[hold.section].items()}
            for hold in HOLDS
        }
        holder = self.deployment.record.holder if self.deployment.record else None
        return {**view, "replicas": replicas_of(self.deployment.body), "holder": holder}

    # Holding off and putting back

    def _wanted(self, body: Body) -> Record:
        """The record with all that is at work added; what it has already stays as it was first seen."""
        since = self.clock.now().isoformat(timespec="seconds")
        record = self.deployment.found or Record(self.options.holder, since, replicas_of(body))
        held = {}
        for hold in HOLDS:
            former = record.held.get(hold.section, {})
            entries = {
                key: former.get(key, hold.value(each))
                for key, each in self.objects[hold.section].items()
                if key in former or hold.at_work(each)
            }
            held[hold.section] = {**entries, **{key: former[key] for key in former if key not in entries}}
        return replace(record, holder=self.options.holder, held=held)

    def _patch(self, hold: Hold, key: str, patch: Body) -> None:
        namespace, name = key_of(key)
        self.objects[hold.section][key] = self.cluster.patch(hold.kind, name, namespace, patch)
        self.patched = True

    def _hold_off(self, record: Record) -> bool:
        """Hold off everything in the record; return whether anything had to be."""
        pending = [
            (hold, key)
            for hold in HOLDS
            for key in record.held[hold.section]
            if key in self.objects[hold.section] and hold.at_work(self.objects[hold.section][key])
        ]
        for hold, key in pending:
            self._patch(hold, key, hold.patch(hold.off))
        return bool(pending)

    def _put_back(self, record: Record) -> None:
        """Make everything in the record what it was, last held off first, and remove the record."""
        for hold in reversed(HOLDS):
            for key, former in reversed(list(record.held.get(hold.section, {}).items())):
                body = self.objects[hold.section].get(key)
                patch = hold.patch_back(body, former) if body else None
                if patch is not None:
                    self._patch(hold, key, patch)
        self.deployment.write(lambda body: None)

    def _put_back_by_others(self, record: Record) -> str | None:
        """Read again everything held off; say what is at work again, through whom probably, and what helps."""
        for hold in HOLDS:
            for key in record.held[hold.section]:
                namespace, name = key_of(key)
                body = self.cluster.get(hold.kind, name, namespace)
                if body is None:
                    continue
                self.objects[hold.section][key] = body
                if hold.at_work(body):
                    others = self.options.argocd_applications
                    who = owner_of(body, others) if hold is APPLICATIONS else "find out which controller manages it"
                    return f"{'.'.join(hold.path)} of {hold.kind.name} {key} was put back after it was changed; {who}."
        return None

    def _settle(self, record: Record) -> None:
        """Before the application stops, see whether what was held off stays so and no sync is under way."""
        self.progress.wait("seeing whether anything is put back")
        begun = self.clock.monotonic()
        while True:
            self.clock.sleep(PERIOD)
            waited = self.clock.monotonic() - begun
            trouble = self._put_back_by_others(record)
            busy = [key for key, body in self.objects[APPLICATIONS.section].items() if syncing(body)]
            if not trouble and busy and waited >= self.options.timeout:
                trouble = (
                    f"ArgoCD is syncing Application {', '.join(busy)} for {waited:.0f} s: let it end, or terminate it."
                )
            if trouble and self.deployment.found:
                raise ErpError(f"{self.title} is not held for sure: {trouble} {BACK}")
            if trouble:
                self._put_back(record)
                self.undone = True
                raise Refused(f"{self.title} was left running: {trouble}")
            if waited >= self.options.settle and not busy:
                return

    # Stopping

    def _scale_to_zero(self, record: Record) -> Record:
        stopped = record.stopped or self.clock.now().isoformat(timespec="seconds")
        return self.deployment.write(lambda body: replace(record, stopped=stopped), 0)

    def _wait_until_gone(self, record: Record) -> None:
        """Wait until no pod is left, and nothing scaled the application back for as long as it has to settle."""
        begun = scaled = self.clock.monotonic()
        scalings = 1
        while True:
            self.deployment.read()
            trouble = self._put_back_by_others(record)
            replicas, seconds = replicas_of(self.deployment.body), self.clock.monotonic() - scaled
            if replicas and not trouble:
                back = f"scaled back to {replicas} after {seconds:.0f} s by {scaled_by(self.deployment.body)}"
                self.alarms.append(f"{self.title} was {back}.")
                if scalings == SCALINGS:
                    trouble = f"{SCALINGS} times it was {back}: hold that off, then try again."
                else:
                    record = self._scale_to_zero(record)
                    scaled, seconds, scalings = self.clock.monotonic(), 0, scalings + 1
            pods = self._look(record)
            waited = self.clock.monotonic() - begun
            if not trouble and not pods.remaining and (seconds >= self.options.settle or not self.changed):
                self._refuse_others(pods)
                return
            if not trouble and pods.remaining and waited >= self.options.timeout:
                trouble = f"after {waited:.0f} s there is still {self._reasons(pods)}."
            if trouble:
                raise ErpError(f"{self.title} is not stopped for sure: {trouble} {BACK}")
            count = len(pods.remaining)
            self.progress.wait(f"waiting for {count} pod(s) to end" if count else "seeing whether it stays stopped")
            self.clock.sleep(PERIOD)

    def _look(self, record: Record) -> Pods:
        namespace = self.options.namespace
        cron_jobs = frozenset(key_of(key)[1] for key in record.held.get(CRON_JOBS.section, {}))
        jobs = self.cluster.list(JOB, namespace) if cron_jobs else []
        pods = sort_pods(self.cluster.list(POD, namespace), jobs, self.deployment.body, cron_jobs)
        self.own_pods = [pod["metadata"]["name"] for pod in pods.ours]
        return pods

    def _refuse_others(self, pods: Pods) -> None:
        if not pods.others:
            return
        sentence = (
            f"The claims of {self.title} are also mounted by pod {', '.join(map(named, pods.others))}: stop what runs it, then try "
            f"again."
        )
        raise ErpError(f"{sentence} {BACK}") if self.deployment.record else Refused(sentence)

    def _reasons(self, pods: Pods) -> str:
        now = self.clock.now()
        return "; ".join(
            f"pod {named(pod)}: {why_it_stays(pod, self._node_lost(pod['spec'].get('nodeName')), now)}"
            for pod in pods.remaining
        )

    def _node_lost(self, name: str | None) -> bool | None:
        try:
            return lost(self.cluster.get(NODE, name)) if name else None
        except ErpError:
            return None  # reading nodes takes a ClusterRole, which a Role for one namespace does not give

    # Starting

    def _wait_until_ready(self) -> None:
        self.progress.wait("waiting until it is ready")
        begun = self.clock.monotonic()
        while True:
            self.deployment.read()
            status, replicas = self.deployment.body.get("status", {}), replicas_of(self.deployment.body)
            seen = status.get("observedGeneration", 0) >= self.deployment.body["metadata"].get("generation", 0)
            if seen and min(status.get("readyReplicas") or 0, status.get("updatedReplicas") or 0) >= replicas:
                return
            waited = self.clock.monotonic() - begun
            if waited >= self.options.timeout:
                raise ErpError(
                    f"{self.title} is not ready after {waited:.0f} s: {self._waiting()}. Everything held off was put back."
                )
            self.clock.sleep(PERIOD)

    def _waiting(self) -> str:
        pods = sort_pods(
            self.cluster.list(POD, self.options.namespace), [], self.deployment.body, frozenset()
        ).application
        waiting = [f"pod {pod['metadata']['name']}: {why_not_ready(pod)}" for pod in pods]
        return "; ".join(waiting) or "it has no pod, look at the events of its ReplicaSet"
