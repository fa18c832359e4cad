# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One replica of Vault or OpenBao as it says of itself, and what of that asks for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

ACTIVE = "active"
STANDBY = "standby"
PERFORMANCE_STANDBY = "performance_standby"
DR_SECONDARY = "dr_secondary"
SEALED = "sealed"
UNINITIALIZED = "uninitialized"
REMOVED = "removed"
UNREACHABLE = "unreachable"

SHAMIR = "shamir"


@dataclass(frozen=True)
class Replica:
    """What a replica answered; the fields are those of the result of the module."""

    address: str
    state: str
    initialized: bool | None = None
    sealed: bool | None = None
    seal_type: str | None = None
    auto_unseal: bool | None = None
    threshold: int | None = None
    shares: int | None = None
    progress: int | None = None
    version: str | None = None
    cluster_name: str | None = None
    cluster_id: str | None = None
    ha_enabled: bool | None = None
    leader_address: str | None = None
    active_since: str | None = None
    migrating: bool = False
    message: str | None = None

    @property
    def ready(self) -> bool:
        """Whether it serves, or stands by for one that does."""
        if self.state in (STANDBY, PERFORMANCE_STANDBY):
            return bool(self.leader_address)
        return self.state in (ACTIVE, DR_SECONDARY)

    @property
    def takes_keys(self) -> bool:
        """Whether unseal keys would unseal it."""
        return takes_keys({"state": self.state, "auto_unseal": self.auto_unseal, "migrating": self.migrating})

    @property
    def seal(self) -> str:
        """Its seal in a few words, for a difference."""
        if self.sealed is None:
            return self.state
        if not self.sealed:
            return "unsealed"
        return f"sealed, {self.progress} of {self.threshold} keys given" if self.progress else "sealed"


def takes_keys(replica: Mapping[str, Any]) -> bool:
    """Whether unseal keys would unseal a replica, given as in the result of the module."""
    return replica["state"] == SEALED and not replica["auto_unseal"] and not replica["migrating"]


def assess(address: str, seal: Mapping[str, Any], health: Mapping[str, Any], leader: Mapping[str, Any]) -> Replica:
    """The replica of these answers; ``health`` and ``leader`` are empty while it is sealed."""
    kind = seal.get("type") or SHAMIR
    answers = {**seal, **health}
    return Replica(
        address=address,
        state=_state(answers),
        # Versions before 1.0 have no such field and answer only when they are initialised.
        initialized=bool(seal.get("initialized", True)),
        sealed=bool(seal["sealed"]),
        seal_type=kind,
        auto_unseal=kind != SHAMIR or bool(seal.get("recovery_seal")),
        threshold=int(seal.get("t", 0)),
        shares=int(seal.get("n", 0)),
        progress=int(seal.get("progress", 0)),
        version=seal.get("version") or None,
        cluster_name=answers.get("cluster_name") or None,
        cluster_id=answers.get("cluster_id") or None,
        ha_enabled=leader.get("ha_enabled"),
        leader_address=leader.get("leader_address") or None,
        active_since=_instant(leader.get("active_time")),
        migrating=bool(seal.get("migration")),
    )


def trouble(replica: Replica) -> str | None:
    """One sentence on why the replica does not serve; ``None`` when it does."""
    address = replica.address
    if replica.ready:
        return None
    if replica.state == UNREACHABLE:
        return replica.message
    if replica.state == UNINITIALIZED:
        return (
            f"{address} is not initialised: on a new installation run `vault operator init`; one that was initialised "
            "before has lost its storage, restore that first."
        )
    if replica.state == REMOVED:
        return f"{address} was removed from its cluster: clear its storage and let it join again, or do not list it."
    if replica.state != SEALED:
        return f"{address} stands by and knows no active replica: look at the other replicas and at its log."
    if replica.migrating:
        return f"{address} is moving to another kind of seal: finish that with `vault operator unseal -migrate`."
    if replica.auto_unseal:
        return (
            f"{address} unseals itself ({replica.seal_type}) and is sealed: look at that service and at the log of the "
            "replica, unseal keys do not help."
        )
    return f"{address} is sealed, {replica.progress} of {replica.threshold} keys are given: run this with " + (
        f"{replica.threshold} keys." if not replica.progress else "the others."
    )


def _state(answers: Mapping[str, Any]) -> str:
    if not answers.get("initialized", True):
        return UNINITIALIZED
    if answers.get("removed_from_cluster"):
        return REMOVED
    if answers["sealed"]:
        return SEALED
    if answers.get("replication_dr_mode") == "secondary":
        return DR_SECONDARY
    if answers.get("performance_standby"):
        return PERFORMANCE_STANDBY
    return STANDBY if answers.get("standby") else ACTIVE


def _instant(said: Any) -> str | None:
    """Vault's ``2024-01-09T00:11:46.4Z`` or OpenBao's ``2009-11-10 23:00:00 +0000 UTC`` in UTC; the year 1 is none."""
    try:
        instant = datetime.fromisoformat(str(said).removesuffix(" UTC").replace(" +", "+"))
    except ValueError:
        return None
    instant = instant.replace(tzinfo=instant.tzinfo or UTC)
    return None if instant.year == 1 else instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
