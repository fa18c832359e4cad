# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look at everything: read, judge, decide what is next, and keep account of what was done and how long it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.clock import Clock
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import DolibarrOptions
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import Cluster
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.front import read_front
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.items import findings
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.judging import Probe, World, assess, judge
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.reading import ClusterState, Watched, read_cluster
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.report import report
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.steps import (
    ATTEMPTS,
    END,
    FALSE,
    HOLD,
    NAMES,
    PROBE,
    START,
    STOP,
    SYNC,
    UNSAFE,
    UNSEAL,
    WAIT,
    Judgement,
    Wish,
    decide,
    plan,
)
from ansible_collections.arcodange.erp.plugins.module_utils.vault.client import Server, VaultOptions
from ansible_collections.arcodange.erp.plugins.module_utils.vault.replica import Replica

# After these, what they bring about takes its time.
AWAITED = (WAIT, UNSEAL, SYNC, START, HOLD)


@dataclass(frozen=True)
class LookOptions:
    """What to look at and for what.

    ``journal`` is that of the look before, ``failure`` what came of the action that it decided on; ``timeout`` are the
    seconds in which that action may show its effect, ``pause`` those between two readings.
    """

    watched: Watched
    vault: VaultOptions | None = None
    dolibarr: DolibarrOptions | None = None
    wish: Wish = Wish()
    probe: Probe | None = None
    restored: str = ""
    expected_version: str = ""
    journal: Sequence[Mapping[str, Any]] = ()
    failure: str = ""
    timeout: float = 300
    pause: float = 3


def look(cluster: Cluster, options: LookOptions, clock: Clock | None = None) -> dict[str, Any]:
    """The result of the module ``erp_cluster_info``."""
    clock = clock or Clock()
    journal = [dict(entry) for entry in options.journal]
    open_entry = journal[-1] if journal and journal[-1]["seconds"] is None else None
    if open_entry is not None and _is_unanswered(open_entry, journal, options):
        # PostgreSQL may come up after the cluster, and no look here sees it: each further try is given its share of the time.
        clock.sleep(options.timeout / (ATTEMPTS[PROBE] - 1))
    deadline = clock.now().timestamp() + options.timeout
    waits = open_entry is not None and not options.failure and open_entry["action"] in AWAITED
    while True:
        seen = _Seen(cluster, options, journal, clock)
        if not waits or open_entry is None or seen.has_effect(open_entry) or clock.now().timestamp() >= deadline:
            break
        clock.sleep(options.pause)
    now = seen.world.now
    if open_entry is not None:
        open_entry["seconds"] = round(now.timestamp() - open_entry["started"], 1)
        open_entry["failure"] = options.failure
    decision = seen.decision
    if decision.step and decision.action != STOP:
        journal.append(
            {
                "step": decision.step,
                "action": decision.action,
                "message": decision.message,
                "started": now.timestamp(),
                "seconds": None,
                "failure": "",
                "secret_version": seen.world.secret_version,
            }
        )
    return _result(seen, options, journal)


def _is_unanswered(entry: Mapping[str, Any], journal: Sequence[Mapping[str, Any]], options: LookOptions) -> bool:
    """Whether nothing answered where the database is, and it will be tried again."""
    probe = options.probe
    if entry["action"] != PROBE or options.failure or probe is None or probe.info is not None or probe.login_refused:
        return False
    tries = [one for one in journal if (one["step"], one["action"]) == (entry["step"], PROBE)]
    return len(tries) < ATTEMPTS[PROBE]


def look_at_vault(options: VaultOptions) -> tuple[Replica, ...]:
    """What every replica says of itself; one that does not answer holds up none of the others."""
    servers = [Server(base, options) for base in options.bases()]
    with ThreadPoolExecutor(len(servers), thread_name_prefix="vault") as pool:
        return tuple(pool.map(Server.seen, servers))


class _Seen:
    """One reading, and what it comes to."""

    def __init__(
        self, cluster: Cluster, options: LookOptions, journal: Sequence[Mapping[str, Any]], clock: Clock
    ) -> None:
        tried = [(entry["step"], entry["action"]) for entry in journal]
        started = [entry["secret_version"] for entry in journal if entry["action"] == START]
        try:
            state, error = read_cluster(cluster, options.watched), ""
        except ErpError as problem:
            state, error = ClusterState(), str(problem)
        is_up = state.erp is not None and state.erp.is_ready
        self.world = World(
            now=clock.now(),
            cluster=state,
            replicas=look_at_vault(options.vault) if options.vault else (),
            front=read_front(options.dolibarr, thorough=False) if options.dolibarr and is_up else None,
            probe=options.probe,
            restore=options.wish.restore,
            restored=options.restored,
            started_version=started[-1] if started else None,
            expected_version=options.expected_version,
        )
        self.judged = judge(self.world, tried)
        if error:
            self.judged["assess"] = Judgement(FALSE, error, "look at the machines and at the service k3s on them")
        self.items = [] if error else assess(self.world)
        self.decision = decide(self.judged, self.world.service, options.wish, tried, options.failure)

    def has_effect(self, entry: Mapping[str, Any]) -> bool:
        """Whether an action of the run has done what it was for, or something before it is in the way."""
        if entry["action"] == HOLD:
            return not self.world.service.wants_pods
        one, step, action = self.judged[entry["step"]], entry["step"], entry["action"]
        if not one.is_open or (one.action and one.action not in (action, WAIT)):
            return True
        before = [self.judged[name] for name in NAMES[: NAMES.index(step)]]
        return any(other.state == FALSE for other in before)


def _result(seen: _Seen, options: LookOptions, journal: list[dict[str, Any]]) -> dict[str, Any]:
    world, decision = seen.world, seen.decision
    steps = plan(seen.judged, options.wish)
    found = [item.to_json() for item in findings(seen.items)]
    return {
        "changed": False,
        "outcome": "findings" if found or any(step["would"] not in ("", "report") for step in steps) else "unchanged",
        "steps": steps,
        "next": asdict(decision)
        | {
            "takes_over": bool(world.service.holder),
            "settles": world.service.was_restoring and not options.restored,
        },
        "journal": journal,
        "checks": [item.to_json() for item in seen.items],
        "findings": found,
        "complete": is_complete(seen, options),
        "serves": world.service.serves,
        "holder": world.service.holder,
        "sealed": [one.address for one in world.replicas if one.takes_keys],
        "secret_version": world.secret_version,
        "report": report(steps, decision, journal, found, world.service, options.wish),
    }


def is_complete(seen: _Seen, options: LookOptions) -> bool:
    """Whether all that was asked for is true at the end."""
    last = NAMES.index(options.wish.last)
    asked = [seen.judged[name] for name in NAMES[: last + 1] if name in seen.judged]
    return seen.decision.action == END and not any(one.state in (FALSE, UNSAFE) for one in asked)
