# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection asks of a Kubernetes cluster, and the kinds of objects it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

Body = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of objects and where the API keeps them."""

    api: str
    name: str
    plural: str
    namespaced: bool = True

    @property
    def group(self) -> str:
        """The API group; empty for the core one."""
        return self.api.rpartition("/")[0]

    def path(self, namespace: str = "", name: str = "") -> str:
        """The path of one object, of all those of a namespace, or of all there are."""
        parts = [f"/apis/{self.api}" if self.group else f"/api/{self.api}"]
        if self.namespaced and namespace:
            parts.append(f"namespaces/{namespace}")
        parts.append(self.plural)
        if name:
            parts.append(name)
        return "/".join(parts)


NODE = Kind("v1", "Node", "nodes", namespaced=False)
NAMESPACE = Kind("v1", "Namespace", "namespaces", namespaced=False)
POD = Kind("v1", "Pod", "pods")
EVENT = Kind("v1", "Event", "events")
SECRET = Kind("v1", "Secret", "secrets")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
VOLUME = Kind("v1", "PersistentVolume", "persistentvolumes", namespaced=False)
VOLUME_ATTACHMENT = Kind("storage.k8s.io/v1", "VolumeAttachment", "volumeattachments", namespaced=False)
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
STATEFUL_SET = Kind("apps/v1", "StatefulSet", "statefulsets")
HPA = Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
JOB = Kind("batch/v1", "Job", "jobs")
CRON_JOB = Kind("batch/v1", "CronJob", "cronjobs")
# Answers at once in status.allowed whether the caller may do what spec.resourceAttributes says; nothing is kept.
ACCESS_REVIEW = Kind("authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False)
APPLICATION = Kind("argoproj.io/v1alpha1", "Application", "applications")
VAULT_DYNAMIC_SECRET = Kind("secrets.hashicorp.com/v1beta1", "VaultDynamicSecret", "vaultdynamicsecrets")
LONGHORN_NODE = Kind("longhorn.io/v1beta2", "Node", "nodes")
LONGHORN_VOLUME = Kind("longhorn.io/v1beta2", "Volume", "volumes")
LONGHORN_REPLICA = Kind("longhorn.io/v1beta2", "Replica", "replicas")
LONGHORN_RECURRING_JOB = Kind("longhorn.io/v1beta2", "RecurringJob", "recurringjobs")


class Conflict(ErpError):
    """The object is no longer what it was when it was read, or one of its name is there already."""


class Cluster(Protocol):
    """A cluster, or what a test puts in its place. In check mode every write is the server's dry run."""

    def knows(self, kind: Kind) -> bool:
        """Say whether the cluster has this kind at all, as with Longhorn or ArgoCD."""

    def get(self, kind: Kind, name: str, namespace: str = "") -> Body | None:
        """Return an object, or None when it, or its kind, is not there."""

    def list(self, kind: Kind, namespace: str = "", labels: Mapping[str, str] | None = None) -> list[Body]:
        """Return the objects of a namespace, or of all, that carry these labels; none of a kind that is not known."""

    def create(self, kind: Kind, body: Body) -> Body:
        """Create an object where its metadata says; Conflict when one of its name is there."""

    def patch(self, kind: Kind, name: str, namespace: str, body: Body) -> Body:
        """Merge into an object; Conflict when the body names a metadata.resourceVersion that is past."""

    def delete(self, kind: Kind, name: str, namespace: str = "") -> bool:
        """Delete an object and, in the background, what it owns; False when it was not there."""

    def logs(self, pod: str, namespace: str, container: str, tail: int) -> str:
        """Return the last lines a container wrote; empty before it started."""
