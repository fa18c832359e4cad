# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Having the secrets operator write the rotated credentials anew after Vault was sealed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.clock import Clock
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import (
    SECRET,
    VAULT_DYNAMIC_SECRET,
    Cluster,
)
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.objects import DynamicSecret, read_dynamic_secret


@dataclass(frozen=True)
class SyncOptions:
    """Which Secret; ``not_version`` are credentials known not to work, ``timeout`` seconds for the operator to write others."""

    namespace: str
    secret: str
    not_version: str
    timeout: float = 120
    pause: float = 2


def sync_secret(cluster: Cluster, options: SyncOptions, check_mode: bool, clock: Clock | None = None) -> dict[str, Any]:
    """Delete the Secret so that the operator asks Vault for new credentials, and wait for them.

    The operator takes no other hint: it renews a lease only when most of it is over, also after a restart.
    Nothing is done when the Secret has become another one meanwhile.
    """
    clock = clock or Clock()
    before = _read(cluster, options)
    where = f"{options.namespace}/{options.secret}"
    if before.version and before.version != options.not_version:
        return _result(False, before, before)
    if before.version and not before.may_create:
        raise Refused(
            f"The operator may not create {where} again (destination.create of its VaultDynamicSecret is not true), so it "
            "is not deleted: set that, or rotate it by hand."
        )
    if check_mode:
        return _result(True, before, before)
    if before.version:
        cluster.delete(SECRET, options.secret, options.namespace)
    deadline = clock.now().timestamp() + options.timeout
    # The operator says that it renewed the Secret only after it wrote it.
    while not (after := _read(cluster, options)).version or after.renewed == before.renewed:
        if clock.now().timestamp() >= deadline:
            raise ErpError(
                f"The operator did not write {where} within {options.timeout:g} s: look at its log and at the events of "
                f"VaultDynamicSecret {after.source}, and whether Vault is sealed again."
            )
        clock.sleep(options.pause)
    return _result(True, before, after)


def _read(cluster: Cluster, options: SyncOptions) -> DynamicSecret:
    sources = cluster.list(VAULT_DYNAMIC_SECRET, options.namespace)
    source = next((one for one in sources if one["spec"]["destination"]["name"] == options.secret), None)
    if source is None:
        raise ErpError(
            f"No VaultDynamicSecret of {options.namespace} writes {options.secret}: correct erp_kubernetes_db_secret."
        )
    secret = cluster.get(SECRET, options.secret, options.namespace)
    return read_dynamic_secret(options.namespace, options.secret, secret, source)


def _result(changed: bool, before: DynamicSecret, after: DynamicSecret) -> dict[str, Any]:
    shown = [
        f"resourceVersion {one.version or 'none'}, renewed {one.renewed.isoformat() if one.renewed else 'never'}\n"
        for one in (before, after)
    ]
    return {
        "changed": changed,
        "outcome": "done" if changed else "unchanged",
        "renewed": after.renewed.isoformat() if after.renewed else None,
        "lease_seconds": after.lease_seconds,
        "diff": {"before": shown[0], "after": shown[1]},
    }
