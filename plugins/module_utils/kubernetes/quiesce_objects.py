# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to stop, and what of the cluster belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import CRON_JOB, HPA, Body, Cluster
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_holds import (
    APPLICATIONS,
    AUTOSCALERS,
    CRON_JOBS,
    HOLDS,
    Hold,
    key_of,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_record import Record

Objects = dict[str, dict[str, Body]]  # by section of the record and namespace/name
INSTANCE = "app.kubernetes.io/instance"


@dataclass(frozen=True)
class QuiesceOptions:
    """What to stop or start, who does it, and how long to wait."""

    state: str
    namespace: str
    deployment: str
    holder: str
    argocd_applications: tuple[str, ...] = ()
    argocd_namespace: str = "argocd"
    cron_jobs: tuple[str, ...] | None = None
    resume: bool = False
    replicas: int | None = None
    timeout: float = 300
    settle: float = 10
    progress_file: str | None = None


def replicas_of(deployment: Body) -> int:
    """The replicas a Deployment asks for; one when it does not say."""
    replicas = deployment["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def scaled_by(deployment: Body) -> str:
    """Who wrote a Deployment's replicas last, as the cluster recorded it."""
    writers = [
        entry
        for entry in deployment["metadata"].get("managedFields") or []
        if "f:replicas" in entry.get("fieldsV1", {}).get("f:spec", {})
    ]
    return str(max(writers, key=lambda entry: entry.get("time", ""))["manager"]) if writers else "somebody"


def claims_of(pod_spec: Body) -> frozenset[str]:
    """Names of the claims a pod mounts."""
    claims = [volume.get("persistentVolumeClaim") for volume in pod_spec.get("volumes") or []]
    return frozenset(claim["claimName"] for claim in claims if claim)


def autoscales(autoscaler: Body, deployment: str) -> bool:
    """Say whether an autoscaler sets the replicas of this Deployment."""
    target = autoscaler["spec"]["scaleTargetRef"]
    return bool(target["kind"] == "Deployment" and target["name"] == deployment)


def belongs(cron_job: Body, deployment: Body) -> bool:
    """Say whether a CronJob works on what the Deployment's application works on: one instance, or one claim."""
    instance = (deployment["metadata"].get("labels") or {}).get(INSTANCE)
    template = cron_job["spec"]["jobTemplate"]["spec"]["template"]
    labels = [cron_job["metadata"].get("labels") or {}, (template.get("metadata") or {}).get("labels") or {}]
    if instance is not None and any(each.get(INSTANCE) == instance for each in labels):
        return True
    return bool(claims_of(template["spec"]) & claims_of(deployment["spec"]["template"]["spec"]))


def find_objects(cluster: Cluster, options: QuiesceOptions, deployment: Body, record: Record | None) -> Objects:
    """Everything that may be held off: what the options name, what works on the Deployment, what a record has."""
    namespace = options.namespace
    autoscalers = [each for each in cluster.list(HPA, namespace) if autoscales(each, options.deployment)]
    # Nothing that is gone meanwhile may keep the application down.
    needed = options.state == "quiesced"
    applications = _named(cluster, APPLICATIONS, options.argocd_namespace, options.argocd_applications, needed)
    found = {
        APPLICATIONS.section: applications,
        AUTOSCALERS.section: _keyed(namespace, autoscalers),
    }
    if options.cron_jobs is None:
        belonging = [each for each in cluster.list(CRON_JOB, namespace) if belongs(each, deployment)]
        found[CRON_JOBS.section] = _keyed(namespace, belonging)
    else:
        found[CRON_JOBS.section] = _named(cluster, CRON_JOBS, namespace, options.cron_jobs, needed)
    for hold in HOLDS:
        for key in record.held.get(hold.section, {}) if record else ():
            if key not in found[hold.section]:
                body = cluster.get(hold.kind, *reversed(key_of(key)))
                if body:  # what was deleted meanwhile needs no putting back
                    found[hold.section][key] = body
    return found


def _keyed(namespace: str, bodies: Sequence[Body]) -> dict[str, Body]:
    return {f"{namespace}/{body['metadata']['name']}": body for body in bodies}


def _named(cluster: Cluster, hold: Hold, namespace: str, names: Sequence[str], needed: bool) -> dict[str, Body]:
    found = {}
    for name in names:
        body = cluster.get(hold.kind, name, namespace)
        if body is None and not needed:
            continue
        if body is None:
            raise ErpError(
                f"{hold.kind.name} {namespace}/{name} is not in the cluster: correct the name or leave it out."
            )
        found[f"{namespace}/{name}"] = body
    return found
