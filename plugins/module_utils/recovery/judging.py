# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was read to how each step of a recovery stands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.recovery.credentials import (
    assess_secret,
    assess_vault,
    stale,
    unsealed_since,
)
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.front import Front, assess_answer, assess_installer
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.items import ERROR, UNDETERMINED, Item
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.reading import ClusterState
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.steps import (
    FALSE,
    NOT_ASKED,
    OWN,
    PROBE,
    START,
    STOP,
    SYNC,
    TRUE,
    UNKNOWN,
    UNSAFE,
    UNSEAL,
    WAIT,
    Judgement,
    Service,
)
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.storage import assess_storage, is_unsafe
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.workloads import (
    assess_erp,
    assess_nodes,
    assess_pods,
    assess_suspended,
)
from ansible_collections.arcodange.erp.plugins.module_utils.vault.replica import (
    PERFORMANCE_STANDBY,
    STANDBY,
    UNREACHABLE,
    Replica,
)


@dataclass(frozen=True)
class Probe:
    """What the database said when it was asked with the ERP's own credentials, those of ``secret_version``."""

    secret_version: str
    info: Mapping[str, Any] | None = None  # the result of erp_database_info; None when it could not be reached
    login_refused: bool = False
    error: str = ""

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Probe | None:
        """The answer in a result of ``erp_database_info`` to which ``secret_version`` was added; None without one."""
        if "reachable" not in said:
            return None
        info = said if said["reachable"] else None
        return cls(
            str(said.get("secret_version", "")), info, bool(said.get("login_refused")), str(said.get("reason", ""))
        )


@dataclass(frozen=True)
class World:
    """Everything that a decision is made from."""

    now: datetime
    cluster: ClusterState
    replicas: Sequence[Replica] = ()
    front: Front | None = None
    probe: Probe | None = None
    restore: str = ""  # the restore point that is asked for
    restored: str = ""  # the one that was restored in this run
    started_version: str | None = None  # of the Secret, when the ERP was started in this run
    expected_version: str = ""  # of Dolibarr; that of its image when empty

    @property
    def service(self) -> Service:
        """The ERP."""
        erp, record = self.cluster.erp, self.cluster.record
        return Service(
            serves=bool(erp and erp.is_ready and record is None and not (self.front and self.front.is_down)),
            wants_pods=bool(erp and erp.wanted),
            holder=record.holder if record else "",
        )

    @property
    def secret_version(self) -> str:
        """Which of the rotated credentials are the present ones; empty where nothing rotates them."""
        return self.cluster.secret.version if self.cluster.secret else ""


def judge(world: World, tried: Sequence[tuple[str, str]]) -> dict[str, Judgement]:
    """How each step stands."""
    return {
        "assess": _assess(world),
        "storage": _storage(world),
        "vault": _vault(world, ("vault", WAIT) in tried),
        "secrets": _secrets(world),
        "database": _database(world),
        "restore": _restore(world),
        "erp": _erp(world),
        "schedules": _schedules(world),
    }


def assess(world: World) -> list[Item]:
    """Everything that was found, well or not."""
    cluster = world.cluster
    return [
        *assess_nodes(cluster),
        *assess_storage(cluster),
        *assess_vault(world.replicas),
        assess_secret(cluster, unsealed_since(cluster, world.replicas), world.now),
        *assess_pods(cluster),
        assess_erp(cluster),
        *([assess_answer(world.front), assess_installer(world.front)] if world.front else []),
        *assess_suspended(cluster),
    ]


def _first(items: Sequence[Item], state: str) -> Item | None:
    return next((item for item in items if item.state == state), None)


def _of_items(items: Sequence[Item], well: str) -> Judgement:
    """The judgement that these come to: the first that is wrong, else the first that is not known."""
    wrong, unread = _first(items, ERROR), _first(items, UNDETERMINED)
    if wrong:
        return Judgement(FALSE, wrong.message, wrong.advice)
    if unread:
        return Judgement(UNKNOWN, unread.message, unread.advice, STOP)
    return Judgement(TRUE, well)


def _assess(world: World) -> Judgement:
    items = list(assess_nodes(world.cluster))
    if "record" in world.cluster.unreadable:
        unread = assess_erp(world.cluster)
        return Judgement(FALSE, unread.message, unread.advice, STOP)
    return _of_items(items, items[-1].message)


def _storage(world: World) -> Judgement:
    items = list(assess_storage(world.cluster))
    if not items:
        return Judgement(NOT_ASKED, "No claim is named in erp_kubernetes_documents_claim.")
    found = _of_items(items, " ".join(item.message for item in items))
    if found.state == FALSE and is_unsafe(world.cluster):
        return Judgement(UNSAFE, found.message, found.advice)
    return found


def _vault(world: World, has_waited: bool) -> Judgement:
    items = list(assess_vault(world.replicas))
    if not world.replicas:
        return Judgement(NOT_ASKED, items[0].message)
    missing = [one for one in world.replicas if not one.ready]
    if not missing:
        return Judgement(TRUE, f"All {len(world.replicas)} replicas are unsealed.")
    found = _of_items(items, "")
    if any(one.takes_keys for one in missing):
        sealed = sum(one.takes_keys for one in missing)
        return Judgement(FALSE, f"{sealed} of {len(world.replicas)} replicas are sealed.", found.advice, UNSEAL)
    if all(one.state == UNREACHABLE for one in missing) and len(missing) < len(world.replicas) and has_waited:
        # One that is gone with its node comes back sealed; those that are there are enough.
        return Judgement(TRUE, f"{len(world.replicas) - len(missing)} replicas are unsealed; {found.message}")
    # One that stands by is waiting for the election.
    coming = any(one.state in (UNREACHABLE, STANDBY, PERFORMANCE_STANDBY) or one.auto_unseal for one in missing)
    return Judgement(FALSE, found.message, found.advice, WAIT if coming else STOP)


def _secrets(world: World) -> Judgement:
    cluster = world.cluster
    since = unsealed_since(cluster, world.replicas)
    item = assess_secret(cluster, since, world.now)
    if "secret" in cluster.unreadable:
        return Judgement(UNKNOWN, item.message, item.advice, STOP)
    if cluster.secret is None:
        return Judgement(NOT_ASKED, item.message)
    why = stale(cluster.secret, since, world.now)
    if why:
        return Judgement(FALSE, why, item.advice, SYNC if cluster.secret.source else STOP)
    probe = _fresh_probe(world)
    if probe is None:
        return Judgement(UNKNOWN, "Whether the database lets these credentials in is not known yet.", "", PROBE)
    if probe.login_refused:
        action = SYNC if cluster.secret.source else STOP
        return Judgement(FALSE, f"The database does not let these credentials in. {probe.error}", item.advice, action)
    if probe.info is None:
        return Judgement(UNKNOWN, probe.error, "look at PostgreSQL and at what stands before it", PROBE)
    return Judgement(TRUE, f"{item.message} They let in.")


def _fresh_probe(world: World) -> Probe | None:
    """The answer of the database, unless the credentials were rotated since."""
    probe = world.probe
    return probe if probe is not None and probe.secret_version == world.secret_version else None


def _database(world: World) -> Judgement:
    probe = _fresh_probe(world)
    if probe is None:
        return Judgement(UNKNOWN, "The database was not asked yet.", "", PROBE)
    if probe.info is None:
        return Judgement(FALSE, probe.error, "look at PostgreSQL and at what stands before it", PROBE)
    found, wanted = str(probe.info.get("dolibarr_version") or ""), _expected(world)
    owners = probe.info.get("foreign_owners") or {"count": 0}
    awaits_restore = bool(world.restore and not world.restored)
    if not awaits_restore:
        if not found and not probe.info.get("holds_dolibarr"):
            said = "The database holds no Dolibarr."
            return Judgement(FALSE, said, "check erp_db_name, or restore with -e restore=latest", STOP)
        if not found and not owners["count"]:
            said = f"{probe.info['login_user']} may not read the tables of Dolibarr."
            return Judgement(FALSE, said, "make the role that these credentials belong to a member of the owner", STOP)
        if found and wanted and _branch(found) != _branch(wanted):
            said = f"The data is that of Dolibarr {found}, and the ERP is {wanted}."
            return Judgement(FALSE, said, "set the image back to that version, or upgrade on purpose", STOP)
        if owners["count"]:
            said = f"{owners['count']} objects belong to another role than the owner."
            return Judgement(FALSE, said, "run playbooks/ownership.yml", OWN)
    held = f"the data of Dolibarr {found}" if found else "no Dolibarr yet"
    return Judgement(TRUE, f"PostgreSQL {probe.info['server_version']} answers and holds {held}.")


def _expected(world: World) -> str:
    if world.expected_version:
        return world.expected_version
    image = world.cluster.erp.image if world.cluster.erp else ""
    tag = re.search(r":(\d+\.\d+(\.\d+)?)[^/]*$", image)
    return tag[1] if tag else ""


def _branch(version: str) -> list[str]:
    """The part of a version within which the database stays as it is."""
    return version.split(".")[:2]


def _restore(world: World) -> Judgement:
    if not world.restore:
        return Judgement(NOT_ASKED, "No restore was asked for.")
    if world.restored:
        return Judgement(TRUE, f"{world.restored} is live.")
    return Judgement(FALSE, f"{world.restore} was asked for with -e restore.", "see playbooks/restore.yml")


def _erp(world: World) -> Judgement:
    item = assess_erp(world.cluster)
    if "deployment" in world.cluster.unreadable or world.cluster.erp is None:
        return Judgement(UNKNOWN if world.cluster.unreadable else FALSE, item.message, item.advice, STOP)
    if world.started_version is not None and world.started_version != world.secret_version:
        return Judgement(
            FALSE, "The credentials were rotated while the ERP started: it starts again on the new ones.", "", START
        )
    if item.state == ERROR:
        return Judgement(FALSE, item.message, "look at the log of its pod, then run this again")
    if world.front is None:
        return Judgement(TRUE, item.message)
    answer, installer = assess_answer(world.front), assess_installer(world.front)
    if not world.front.version:
        # Starting it again would not make it accept the key, and mends no name, proxy or certificate before it.
        if world.front.refuses_key:
            return Judgement(UNKNOWN, answer.message, answer.advice, STOP)
        return Judgement(FALSE, answer.message, answer.advice, WAIT if world.front.out_of_reach else "")
    if installer.state == ERROR:
        return Judgement(FALSE, installer.message, installer.advice, STOP)
    return Judgement(TRUE, f"{item.message} {answer.message}")


def _schedules(world: World) -> Judgement:
    record = world.cluster.record
    if record is not None:
        return Judgement(FALSE, f"ArgoCD, autoscalers and CronJobs are held since {record.since}.", "run this again")
    if world.cluster.suspended:
        return Judgement(TRUE, f"Nothing is held; {', '.join(world.cluster.suspended)} was suspended by somebody else.")
    return Judgement(TRUE, "ArgoCD, autoscalers and CronJobs are as they were.")
