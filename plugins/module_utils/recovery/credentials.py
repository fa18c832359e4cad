# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May the ERP get in: Vault unsealed, the rotated Secret newer than that, and not about to expire."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from ansible_collections.arcodange.erp.plugins.module_utils.recovery.items import (
    ERROR,
    NOT_APPLICABLE,
    PASS,
    UNDETERMINED,
    WARNING,
    Item,
    span,
)
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.objects import DynamicSecret
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.reading import ClusterState
from ansible_collections.arcodange.erp.plugins.module_utils.vault.replica import Replica, trouble

# Shares of the lease that are left; the operator renews at a third.
LEASE_WARNING, LEASE_ERROR = 0.2, 0.05


def assess_vault(replicas: Sequence[Replica]) -> Iterator[Item]:
    """Whether every replica is unsealed and serves."""
    if not replicas:
        yield Item("vault", NOT_APPLICABLE, "vault", "No Vault is named in erp_vault_addresses.")
    for replica in replicas:
        said = trouble(replica)
        yield Item(
            "vault",
            ERROR if said else PASS,
            replica.address,
            said or f"{replica.address} is unsealed and {replica.state}.",
            "playbooks/recover.yml unseals it with the keys of erp_vault_key_files or typed at its prompt"
            if said
            else "",
        )


def unsealed_since(state: ClusterState, replicas: Sequence[Replica]) -> datetime | None:
    """When Vault was last there again after it was sealed; None where nothing tells.

    Its pods become ready by being unsealed, as in its chart, and the first of them ends the outage. Without its pods in
    the cluster, the active replica of several says since when it is active.
    """
    known = [pod.ready_since for pod in state.vault_pods if pod.ready_since is not None]
    known = known or [datetime.fromisoformat(one.active_since) for one in replicas if one.active_since]
    return min(known, default=None)


def assess_secret(state: ClusterState, since: datetime | None, now: datetime) -> Item:
    """Whether the operator renewed the Secret after Vault was unsealed, and its lease lasts."""
    check = "secret"
    if "secret" in state.unreadable:
        return Item(check, UNDETERMINED, "secret", state.unreadable["secret"], "grant what it names, and look again")
    secret = state.secret
    if secret is None:
        return Item(check, NOT_APPLICABLE, "secret", "No rotated Secret is named in erp_kubernetes_db_secret.")
    subject = f"{secret.namespace}/{secret.secret}"
    if not secret.version:
        return Item(check, ERROR, subject, f"There is no Secret {subject}.", "look at the secrets operator's log")
    if not secret.source:
        return Item(check, PASS, subject, f"{subject} is there, and nobody rotates it.")
    why = stale(secret, since, now)
    if why:
        return Item(
            check,
            ERROR,
            subject,
            why,
            f"playbooks/recover.yml has it made anew; kubectl -n {secret.namespace} describe vaultdynamicsecret {secret.source}",
        )
    return _lease(secret, subject, now)


def stale(secret: DynamicSecret, since: datetime | None, now: datetime) -> str:
    """Why the credentials cannot be trusted to work; empty when they can."""
    subject = f"{secret.namespace}/{secret.secret}"
    if not secret.version:
        return f"There is no Secret {subject}."
    if not secret.source:
        return ""
    if secret.renewed is None:
        return f"The operator has never written {subject}."
    if since is not None and secret.renewed < since:
        return f"{subject} was last renewed {span((since - secret.renewed).total_seconds())} before Vault was unsealed."
    if secret.expires is not None and secret.expires <= now:
        return f"The lease of {subject} ended {span((now - secret.expires).total_seconds())} ago."
    return ""


def _lease(secret: DynamicSecret, subject: str, now: datetime) -> Item:
    if secret.expires is None:
        return Item(
            "secret",
            UNDETERMINED,
            subject,
            f"How long the lease of {subject} lasts is not known.",
            "look at its VaultDynamicSecret",
        )
    left = (secret.expires - now).total_seconds()
    share = left / secret.lease_seconds
    state = ERROR if share < LEASE_ERROR else WARNING if share < LEASE_WARNING else PASS
    return Item(
        "secret",
        state,
        subject,
        f"The lease of {subject} lasts another {span(left)} of {span(secret.lease_seconds)}.",
        "" if state == PASS else "the operator should have renewed it: look at its log, and whether Vault is unsealed",
    )
