# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How steps stand in worlds that a person could take for something else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.front import Front, Page
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.judging import Probe, World, judge
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.objects import Workload
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.options import look_options
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.reading import ClusterState
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.report import report
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.steps import (
    HOLD,
    STOP,
    UNSAFE,
    Decision,
    Judgement,
    Service,
    Wish,
    plan,
)
from ansible_collections.arcodange.erp.plugins.module_utils.vault.replica import Replica

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
ERP = Workload("erp", "erp", 1, 1, "dolibarr/dolibarr:22.0.4", ())
WELL = {"reachable": True, "server_version": "18.4", "login_user": "v-2", "dolibarr_version": "22.0.4"}


@pytest.mark.parametrize(
    ("said", "action", "words"),
    [
        ({}, "", "PostgreSQL 18.4 answers"),
        # The tables of a role that Vault dropped: nothing is lost, and nothing is to be restored.
        (
            {"dolibarr_version": None, "holds_dolibarr": True, "foreign_owners": {"count": 295}},
            "own",
            "295 objects belong to another role",
        ),
        (
            {"dolibarr_version": None, "holds_dolibarr": True, "foreign_owners": {"count": 0}},
            "stop",
            "v-2 may not read",
        ),
        # Somebody else's database, whose objects are none of ours.
        (
            {"dolibarr_version": None, "holds_dolibarr": False, "foreign_owners": {"count": 7}},
            "stop",
            "holds no Dolibarr",
        ),
        ({"dolibarr_version": "21.0.1", "foreign_owners": {"count": 7}}, "stop", "Dolibarr 21.0.1"),
    ],
)
def test_the_database(said: dict[str, Any], action: str, words: str) -> None:
    found = judge(World(NOW, ClusterState(erp=ERP), probe=Probe("", {**WELL, **said})), [])["database"]
    assert (found.action, words in found.message) == (action, True), found


def test_replicas_that_elect_are_waited_for() -> None:
    electing = Replica("https://vault-0.example.com", "standby")
    assert judge(World(NOW, ClusterState(), replicas=(electing, electing)), [])["vault"].action == "wait"


UP = Front("https://erp.example.com", "22.0.4", pages=(Page("/install/", 403),))


@pytest.mark.parametrize(
    ("front", "serves", "state", "action"),
    [
        (UP, True, "true", ""),
        (replace(UP, version=""), False, "false", ""),
        # To stop it and start it again would not make it accept the key.
        (replace(UP, version="", refuses_key=True), True, "unknown", "stop"),
        # Neither does it bring back the name, the proxy or the certificate before it.
        (replace(UP, version="", out_of_reach=True), True, "false", "wait"),
        (replace(UP, pages=(Page("/install/", 200),)), True, "false", "stop"),
        (replace(UP, pages=(Page("/install/", 200, says_locked=True),)), True, "true", ""),
    ],
)
def test_an_erp_that_runs(front: Front, serves: bool, state: str, action: str) -> None:
    world = World(NOW, ClusterState(erp=ERP), front=front)
    found = judge(world, [])["erp"]
    assert (bool(world.service.serves), found.state, found.action) == (serves, state, action), found


def test_a_record_that_nobody_can_read_says_what_to_do() -> None:
    broken = ClusterState(erp=ERP, unreadable={"record": "The annotation is not one this version wrote: put it right."})
    found = judge(World(NOW, broken), [])["assess"]
    assert (found.state, found.action, found.message) == ("false", STOP, broken.unreadable["record"])


@pytest.mark.parametrize(
    ("service", "first"),
    [
        (Service(False, False), "The ERP is DOWN, and stays down because its data is not safe."),
        # Nothing could stop it: something else scales it, or the cluster takes no writes.
        (Service(False, True), "The ERP is NOT stopped, and its data is not safe."),
        (Service(True, True), "The ERP is NOT stopped, and its data is not safe."),
    ],
)
def test_the_verdict_on_unsafe_data(service: Service, first: str) -> None:
    judged = {"storage": Judgement(UNSAFE, "The volume is faulted.", "salvage it")}
    said = report(plan(judged, Wish()), Decision(STOP, "storage", "It is.", "salvage it"), [], [], service, Wish())
    assert said[-3:-1] == [first, "Stopped at storage: It is."]


def test_a_plan_tells_that_the_erp_will_be_stopped() -> None:
    judged = {"vault": Judgement("false", "It is sealed.", action="unseal")}
    decision = Decision(HOLD, "vault", "The ERP is kept stopped until its turn comes.")
    said = report(plan(judged, Wish()), decision, [], [], Service(False, True), Wish())
    assert said[-1].startswith("Next: stop the ERP, and hold ArgoCD, autoscalers and CronJobs.")


def test_steps_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ErpError, match="from_step is erp, which comes after vault of stop_after"):
        look_options({"from_step": "erp", "stop_after": "3"})
