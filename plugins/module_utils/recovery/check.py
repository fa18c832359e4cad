# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is everything still true that must be true: every assessment joined into one table and one outcome."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import DolibarrOptions
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import Cluster
from ansible_collections.arcodange.erp.plugins.module_utils.private_files import present, write_private
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.coverage import (
    LOCK,
    assess_coverage,
    assess_database,
    assess_lock,
    assess_restore_points,
    growth_per_day,
)
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.credentials import (
    assess_secret,
    assess_vault,
    unsealed_since,
)
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.front import (
    Front,
    assess_answer,
    assess_certificate,
    assess_installer,
    assess_rights,
    read_front,
)
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.items import (
    PASS,
    STATES,
    UNDETERMINED,
    Item,
    counts,
    findings,
    worst,
)
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.look import look_at_vault
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.reading import ClusterState, Watched, read_cluster
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.storage import (
    assess_claim_usage,
    assess_recurring_jobs,
    assess_storage,
    assess_usage,
)
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.workloads import (
    assess_erp,
    assess_nodes,
    assess_pods,
    assess_suspended,
)
from ansible_collections.arcodange.erp.plugins.module_utils.vault.client import VaultOptions
from ansible_collections.arcodange.erp.plugins.module_utils.vault.replica import Replica

MARKS = {"pass": "ok", "warning": "WARNING", "error": "ERROR", "undetermined": "?", "not_applicable": "-"}


@dataclass(frozen=True)
class Limits:
    """How old, how full, how near is too much."""

    restore_point: timedelta = timedelta(hours=26)
    verified: timedelta = timedelta(days=8)
    longhorn_backup: timedelta = timedelta(days=11)
    certificate_warning_days: int = 21
    certificate_error_days: int = 7


@dataclass(frozen=True)
class CheckOptions:
    """What to check. ``restore_points`` and ``database`` are results of other modules, or empty with the reason why not.

    ``watched`` is None where there is no cluster; ``documents`` is the directory, where it can be seen from here.
    """

    watched: Watched | None = None
    vault: VaultOptions | None = None
    dolibarr: DolibarrOptions | None = None
    documents: str = ""
    restore_points: Mapping[str, Any] | None = None
    restore_points_error: str = ""
    database: Mapping[str, Any] | None = None
    database_error: str = ""
    limits: Limits = Limits()
    dest: str = ""


@dataclass(frozen=True)
class Seen:
    """What was read here; ``disk`` are the used and the total bytes of the documents' file system."""

    cluster: ClusterState | None = None
    cluster_error: str = ""
    replicas: Sequence[Replica] = ()
    front: Front | None = None
    has_lock: bool | None = None
    disk: tuple[int, int] | None = None


def run_check(cluster: Cluster | None, options: CheckOptions, check_mode: bool, now: datetime) -> dict[str, Any]:
    """The result of the module ``erp_check``."""
    items = sorted(assess(options, read(cluster, options), now), key=lambda item: item.check)
    state = worst(items)
    check = {
        "state": state,
        "checked": now.isoformat(timespec="seconds"),
        "counts": counts(items),
        "checks": [item.to_json() for item in sorted(items, key=lambda item: STATES.index(item.state))],
    }
    answer = {
        "changed": False,
        "outcome": "unchanged" if state == PASS else "findings",
        "check": check,
        "table": table(items),
        "msg": sentence(items),
    }
    if options.dest:
        answer |= _written(options.dest, json.dumps(check, indent=2, ensure_ascii=False) + "\n", check_mode)
    return answer


def _written(dest: str, text: str, check_mode: bool) -> dict[str, Any]:
    before = present(dest)
    if not check_mode:
        write_private(os.path.realpath(dest), [text])
    return {
        "changed": True,
        "diff": {"before": before or "", "after": text, "before_header": dest, "after_header": dest},
    }


def read(cluster: Cluster | None, options: CheckOptions) -> Seen:
    """Read what can be read from here; what cannot is said in its place."""
    state, error = None, ""
    if options.watched is not None and cluster is not None:
        try:
            state = read_cluster(cluster, options.watched)
        except ErpError as problem:
            error = str(problem)
    has_lock = disk = None
    if options.documents and os.path.isdir(options.documents):
        has_lock = os.path.exists(os.path.join(options.documents, LOCK))
        usage = shutil.disk_usage(options.documents)
        disk = (usage.total - usage.free, usage.total)
    return Seen(
        cluster=state,
        cluster_error=error,
        replicas=look_at_vault(options.vault) if options.vault else (),
        front=read_front(options.dolibarr, thorough=True) if options.dolibarr else None,
        has_lock=has_lock,
        disk=disk,
    )


def assess(options: CheckOptions, seen: Seen, now: datetime) -> Iterator[Item]:
    """Every assessment; without a cluster only those that need none."""
    info, limits = options.restore_points or None, options.limits
    yield from assess_restore_points(info, limits.restore_point, limits.verified, options.restore_points_error)
    yield from assess_database(options.database, options.database_error)
    yield from assess_vault(seen.replicas)
    yield assess_lock(seen.has_lock, info)
    yield assess_answer(seen.front)
    yield assess_installer(seen.front)
    yield assess_certificate(seen.front, now, limits.certificate_warning_days, limits.certificate_error_days)
    yield from assess_rights(seen.front)
    growth = growth_per_day(info)
    if options.watched is None:
        where = options.documents or "the documents"
        used, total = seen.disk or (None, 0)
        yield from assess_coverage([where], info)
        yield assess_usage(where, used, total, growth)
    elif seen.cluster is None:
        advice = "check erp_kubernetes_kubeconfig, the network and the rights of its user"
        yield Item("cluster", UNDETERMINED, "cluster", seen.cluster_error or "The cluster was not read.", advice)
    else:
        yield from _assess_cluster(options, seen, seen.cluster, growth, now)


def _assess_cluster(
    options: CheckOptions, seen: Seen, cluster: ClusterState, growth: float | None, now: datetime
) -> Iterator[Item]:
    yield from assess_nodes(cluster)
    yield from assess_pods(cluster)
    yield assess_erp(cluster)
    yield from assess_suspended(cluster)
    if not cluster.claims:
        said = "No claim is named, so whether the data of the ERP is safe is not known."
        yield Item("storage", UNDETERMINED, "claims", said, "set erp_kubernetes_documents_claim")
    yield from assess_storage(cluster)
    yield from assess_recurring_jobs(cluster, now, options.limits.longhorn_backup)
    yield from assess_claim_usage(cluster.claims, growth)
    yield from assess_coverage([claim.subject for claim in cluster.claims], options.restore_points or None)
    yield assess_secret(cluster, unsealed_since(cluster, seen.replicas), now)


def table(items: Sequence[Item]) -> list[str]:
    """The table for a person: one line a thing, and what to do below what is not well."""
    lines = []
    for item in items:
        lines.append(f"{MARKS[item.state]:<8} {item.check:<15} {item.message}")
        if item.is_finding and item.advice:
            lines.append(f"{'':<24} -> {item.advice}")
    return [*lines, "", sentence(items)]


def sentence(items: Sequence[Item]) -> str:
    """The outcome in one sentence."""
    found, said = findings(items), counts(items)
    if not found:
        return f"All is well: {said['pass']} things checked."
    shown = ", ".join(
        f"{said[state]} {word}{'s' if said[state] > 1 and state != UNDETERMINED else ''}"
        for state, word in (("error", "error"), ("undetermined", "undetermined"), ("warning", "warning"))
        if said[state]
    )
    return f"Found {shown} in {len(items) - said['not_applicable']} things: {found[0].message}"
