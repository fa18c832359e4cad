# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What would start an application again by itself: what its field is, when it is at work, and how it is held off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import (
    APPLICATION,
    CRON_JOB,
    HPA,
    Body,
    Kind,
)


def key_of(text: str) -> tuple[str, str]:
    """Namespace and name of an object as a record names it."""
    namespace, _slash, name = text.partition("/")
    return namespace, name


@dataclass(frozen=True)
class Hold:
    """How objects of one kind are held off: ``off`` is merged into the field at ``path`` while ``active`` says it is at work."""

    section: str
    kind: Kind
    path: tuple[str, ...]
    off: Any
    active: Callable[[Any], bool]

    def value(self, body: Body) -> Any:
        """The field; None when the object has none."""
        found: Any = body
        for name in self.path:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    def at_work(self, body: Body) -> bool:
        """Say whether the object would start the application."""
        return self.active(self.value(body))

    def patch(self, value: Any) -> Body:
        """The merge patch that merges ``value`` into the field."""
        for name in reversed(self.path):
            value = {name: value}
        patch: Body = value
        return patch

    def patch_back(self, body: Body, former: Any) -> Body | None:
        """The merge patch after which the field is exactly ``former``; None when it is."""
        current = self.value(body)
        return None if current == former else self.patch(difference(current, former))


def merged(body: Body, patch: Body) -> Body:
    """What a merge patch (RFC 7396) makes of ``body``."""
    result = {name: value for name, value in body.items() if name not in patch}
    for name, value in patch.items():
        if isinstance(value, dict):
            inner = body.get(name)
            result[name] = merged(inner if isinstance(inner, dict) else {}, value)
        elif value is not None:
            result[name] = value
    return result


def difference(current: Any, wanted: Any) -> Any:
    """The merge patch (RFC 7396) that makes ``wanted`` of ``current``."""
    if not isinstance(current, dict) or not isinstance(wanted, dict):
        return wanted
    gone: Body = {name: None for name in current if name not in wanted}
    return gone | {
        name: difference(current.get(name), value)
        for name, value in wanted.items()
        if name not in current or current[name] != value
    }


def _scales_up(behavior: Any) -> bool:
    return ((behavior or {}).get("scaleUp") or {}).get("selectPolicy") != "Disabled"


# In the order in which they are held off. ArgoCD before all: it would put back what is changed after it.
# `enabled: false` is not known to every version of ArgoCD; no policy at all is.
APPLICATIONS = Hold(
    "applications",
    APPLICATION,
    ("spec", "syncPolicy", "automated"),
    None,
    lambda automated: automated is not None and automated.get("enabled") is not False,
)
# Kubernetes leaves an autoscaler alone while its target has 0 replicas, unless its minimum is 0 too.
AUTOSCALERS = Hold("autoscalers", HPA, ("spec", "behavior"), {"scaleUp": {"selectPolicy": "Disabled"}}, _scales_up)
CRON_JOBS = Hold("cron_jobs", CRON_JOB, ("spec", "suspend"), True, lambda suspend: not suspend)
HOLDS = (APPLICATIONS, AUTOSCALERS, CRON_JOBS)


def tracking_application(deployment: Body) -> str | None:
    """Name of the ArgoCD Application that says it manages the Deployment."""
    tracking = (deployment["metadata"].get("annotations") or {}).get("argocd.argoproj.io/tracking-id", "")
    # An Application outside ArgoCD's own namespace is tracked as namespace_name.
    return tracking.partition(":")[0].rpartition("_")[2] or (deployment["metadata"].get("labels") or {}).get(
        "argocd.argoproj.io/instance"
    )


def owner_of(application: Body, others: Sequence[str]) -> str:
    """Who is likely to put an Application's sync policy back, and what helps, as the end of a sentence."""
    for owner in application["metadata"].get("ownerReferences") or []:
        if owner["kind"] == "ApplicationSet":
            return (
                f"ApplicationSet {owner['name']} manages it: list the jsonPointer /spec/syncPolicy in its "
                f"spec.ignoreApplicationDifferences, then try again"
            )
    parent = tracking_application(application)
    if parent and parent not in others:
        return f"Application {parent} manages it: name that one first in argocd_applications, then try again"
    return "find out who manages it, name that Application first in argocd_applications, then try again"


def syncing(application: Body) -> bool:
    """Say whether ArgoCD is applying an Application, or is about to."""
    phase = application.get("status", {}).get("operationState", {}).get("phase")
    return "operation" in application or phase == "Running"
