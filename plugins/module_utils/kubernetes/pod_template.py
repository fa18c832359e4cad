# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one pod that does work in a cluster: the same for a Job and for a CronJob."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.job_entry import WORK
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import Body
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_pods import MANAGED_BY, MANAGED_BY_LABEL

COMMAND = ("python3", "-P", "-m", "ansible_collections.arcodange.erp.plugins.module_utils.job_entry")
CONTAINER = "job"
NAME = "erp-job"
JOB_LABEL = "arcodange.erp/job"
SCRATCH = "/scratch"
CERTIFICATES = "/etc/arcodange-erp/ca"
GRACE = 120  # seconds
LABEL = 63  # characters, also of a name


@dataclass(frozen=True)
class SecretKey:
    """One entry of a Secret."""

    name: str
    key: str


@dataclass(frozen=True)
class PodSettings:
    """What a cluster's owner decides about the pods; the same for every work."""

    image: str
    pull_policy: str = "IfNotPresent"
    pull_secrets: Sequence[str] = ()
    service_account: str | None = None
    claim: str | None = None
    mount: str | None = None  # where the claim is mounted; the documents directory when absent
    certificates: str | None = None
    scratch_size: str | None = None
    resources: Mapping[str, Any] = field(default_factory=dict)
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: Sequence[Mapping[str, Any]] = ()
    user: int = 33
    group: int = 33
    fs_group: int | None = None


@dataclass(frozen=True)
class Task:
    """One module, how it runs, and the variables that Secrets set."""

    environment: str
    module: str
    options: Mapping[str, Any]
    secrets: Mapping[str, SecretKey]
    check_mode: bool = False
    diff: bool = False

    @property
    def verb(self) -> str:
        """The module's name as a label."""
        return self.module.removeprefix("erp_").replace("_", "-")


def label(text: str) -> str:
    """A text as a label's value and part of a name."""
    return re.sub(r"[^a-z0-9-]+", "-", text.lower())[: LABEL - 33].strip("-")


def labels(task: Task) -> dict[str, str]:
    """What the objects of a task are found by."""
    return {
        "app.kubernetes.io/name": NAME,
        "app.kubernetes.io/instance": label(task.environment),
        "app.kubernetes.io/component": task.verb,
        MANAGED_BY_LABEL: MANAGED_BY,
    }


def pod_template(task: Task, settings: PodSettings, name: str = "", nodes: Sequence[str] = ()) -> Body:
    """The template; ``name`` is that of a Job, ``nodes`` are those that the claim may be mounted on."""
    volumes, mounts, options = _volumes(task, settings)
    spec: Body = {
        "restartPolicy": "Never",
        # The work talks to the database and the bucket, never to the cluster.
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": _pod_security(settings),
        "containers": [
            {
                "name": CONTAINER,
                "image": settings.image,
                "imagePullPolicy": settings.pull_policy,
                "command": list(COMMAND),
                "env": _variables(task, options),
                "resources": dict(settings.resources),
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
                "volumeMounts": mounts,
            }
        ],
        "volumes": volumes,
        "nodeSelector": dict(settings.node_selector),
        "tolerations": [dict(one) for one in settings.tolerations],
    }
    if settings.pull_secrets:
        spec["imagePullSecrets"] = [{"name": one} for one in settings.pull_secrets]
    if settings.service_account:
        spec["serviceAccountName"] = settings.service_account
    if nodes:
        wanted = {"key": "kubernetes.io/hostname", "operator": "In", "values": list(nodes)}
        terms = {"nodeSelectorTerms": [{"matchExpressions": [wanted]}]}
        spec["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    known = labels(task) | ({JOB_LABEL: name} if name else {})
    return {"metadata": {"labels": known}, "spec": spec}


def job_spec(template: Body, deadline: int, keep: int) -> Body:
    """What a Job is, also one that a CronJob makes: tried once, ended at its deadline, removed when it is old."""
    # The pod's own deadline leaves its log to be read; that of the Job deletes the pod, should the node be lost.
    template = {**template, "spec": {**template["spec"], "activeDeadlineSeconds": deadline}}
    return {
        "backoffLimit": 0,
        "activeDeadlineSeconds": deadline + GRACE,
        "ttlSecondsAfterFinished": keep,
        "template": template,
    }


def _pod_security(settings: PodSettings) -> Body:
    context: Body = {
        "runAsNonRoot": True,
        "runAsUser": settings.user,
        "runAsGroup": settings.group,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if settings.fs_group is not None:
        # Documents that belong to the group already are not gone through.
        context |= {"fsGroup": settings.fs_group, "fsGroupChangePolicy": "OnRootMismatch"}
    return context


def _variables(task: Task, options: Mapping[str, Any]) -> list[Body]:
    values = {
        "HOME": "/tmp",
        "ERP_JOB_MODULE": task.module,
        "ERP_JOB_OPTIONS": json.dumps(options, sort_keys=True),
        **({"ERP_JOB_CHECK_MODE": "true"} if task.check_mode else {}),
        **({"ERP_JOB_DIFF": "true"} if task.diff else {}),
    }
    # Two dollar signs are one; a single one may begin the name of a variable, which the cluster would put in its place.
    plain: list[Body] = [{"name": name, "value": value.replace("$", "$$")} for name, value in values.items()]
    return plain + [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret.name, "key": secret.key}}}
        for name, secret in sorted(task.secrets.items())
    ]


def _volumes(task: Task, settings: PodSettings) -> tuple[list[Body], list[Body], dict[str, Any]]:
    """The volumes, where they are mounted, and the options with what lies in them."""
    volumes: list[Body] = [{"name": "tmp", "emptyDir": {}}]
    mounts: list[Body] = [{"name": "tmp", "mountPath": "/tmp"}]
    options = dict(task.options)
    access = WORK[task.module].documents
    if access and settings.claim:
        # Both say read-only: the claim is attached so, and nobody in the pod can undo it.
        read_only = access == "read" or task.check_mode
        source = {"claimName": settings.claim, "readOnly": read_only}
        volumes.append({"name": "documents", "persistentVolumeClaim": source})
        mounts.append(
            {"name": "documents", "mountPath": settings.mount or options["documents_path"], "readOnly": read_only}
        )
    if task.module == "erp_drill":
        size = {"sizeLimit": settings.scratch_size} if settings.scratch_size else {}
        volumes.append({"name": "scratch", "emptyDir": size})
        options["scratch_path"] = options.get("scratch_path") or SCRATCH
        mounts.append({"name": "scratch", "mountPath": options["scratch_path"]})
    if settings.certificates:
        volumes.append({"name": "ca", "configMap": {"name": settings.certificates}})
        mounts.append({"name": "ca", "mountPath": CERTIFICATES, "readOnly": True})
    return volumes, mounts, options
