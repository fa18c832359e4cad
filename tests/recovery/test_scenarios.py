# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recoveries from an outage, with what goes wrong in the middle: each ends on a complete state and says which."""

from __future__ import annotations

import pathlib
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import DolibarrOptions
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import (
    APPLICATION,
    CRON_JOB,
    LONGHORN_REPLICA,
    LONGHORN_VOLUME,
    POD,
    VAULT_DYNAMIC_SECRET,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce import run_quiesce
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_objects import QuiesceOptions
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.judging import Probe
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.steps import Wish
from tests.support.databases import Cluster, Database
from tests.support.recovery_scene import (
    ERP,
    NAMESPACE,
    SOURCE,
    VOLUME,
    Killed,
    Operator,
    Scene,
    is_ready,
    outage,
    ready,
)


@pytest.fixture(scope="module")
def database(postgres: Cluster) -> Iterator[Database]:
    """The sample, which no recovery changes."""
    database = postgres.sample_database()
    yield database
    postgres.drop(database.name)


@pytest.fixture
def scene(postgres: Cluster, database: Database, tmp_path: pathlib.Path) -> Iterator[Scene]:
    with outage(postgres, database, tmp_path) as scene:
        yield scene


ORDER = ["vault:hold", "vault:unseal", "secrets:sync", "secrets:probe", "erp:start"]


def test_from_the_outage_to_an_erp_that_answers(scene: Scene) -> None:
    operator = Operator(scene)
    end = operator.run()
    assert end["complete"], end["report"]
    assert operator.done == ORDER
    assert end["report"][-1] == "The ERP is up."
    assert ready(scene.kube)
    again = Operator(scene)
    assert again.run()["complete"]
    assert again.done == ["secrets:probe"]


def test_the_controller_is_killed_between_any_two_steps(scene: Scene) -> None:
    """Each run gets one action further and dies, before it or after it; whoever comes next goes on from the world alone."""
    for place in [
        (when, action) for action in ("hold", "unseal", "sync", "probe", "start") for when in ("before", "after")
    ]:

        def kill(when: str, action: str, place: tuple[str, str] = place) -> None:
            if (when, action) == place:
                raise Killed

        with pytest.raises(Killed):
            Operator(scene, around=kill).run()
    end = Operator(scene).run()
    assert end["complete"], end["report"]
    cron, application = (
        scene.kube.object(CRON_JOB, "erp-cron", NAMESPACE),
        scene.kube.object(APPLICATION, ERP, "argocd"),
    )
    assert ready(scene.kube) and cron and application
    assert cron["spec"]["suspend"] is False
    assert application["spec"]["syncPolicy"]["automated"]["selfHeal"] is True


@pytest.mark.parametrize("moment", ["sync", "probe", "start"])
def test_vault_is_sealed_again_in_the_middle(scene: Scene, moment: str) -> None:
    """It is unsealed again before anything later is done, and the ERP starts on credentials of after that."""
    sealed: list[str] = []

    def seal(when: str, action: str) -> None:
        if when == "before" and action == moment and not sealed:
            sealed.append(action)
            for number in range(3):
                scene.vault.seal(number)
            scene.kube.wait(lambda: not any(is_ready(one) for one in scene.kube.objects(POD, "tools")))

    operator = Operator(scene, around=seal)
    end = operator.run()
    assert end["complete"], end["report"]
    assert sealed and operator.done.count("vault:unseal") == 2
    assert ready(scene.kube)
    assert not any(replica.sealed for replica in scene.vault.replicas)


@pytest.mark.parametrize(("when", "moment"), [("after", "probe"), ("before", "start"), ("after", "start")])
def test_the_secret_is_rotated_in_the_middle(scene: Scene, when: str, moment: str) -> None:
    """The former credentials end with that; the ERP runs on the present ones."""
    rotated: list[str] = []

    def rotate(now: str, action: str) -> None:
        if (now, action) == (when, moment) and not rotated:
            rotated.append(scene.credentials()[0])
            scene.kube.rotate(SOURCE, NAMESPACE)
            scene.revoke(rotated[0])

    operator = Operator(scene, around=rotate)
    end = operator.run()
    assert end["complete"] and rotated, end["report"]
    assert operator.done.count("secrets:probe") == 2, operator.done
    assert ready(scene.kube)


def test_a_faulted_volume_keeps_the_erp_down(scene: Scene) -> None:
    scene.fault()
    operator = Operator(scene)
    operator.options = replace(operator.options, timeout=0.1)
    end = operator.run()
    assert not end["complete"] and operator.done == ["storage:hold", "storage:wait"]
    assert scene.replicas == 0
    assert "The ERP is DOWN, and stays down because its data is not safe." in end["report"]
    assert end["next"]["action"] == "stop" and "Salvage" in end["report"][-1]
    assert not any("unseal" in entry for entry in operator.done)
    # A node that comes back brings the replica back, and the next run goes on from there.
    for replica in scene.kube.objects(LONGHORN_REPLICA, "longhorn-system"):
        name = replica["metadata"]["name"]
        scene.kube.change(LONGHORN_REPLICA, name, "longhorn-system", {"spec": {"failedAt": ""}})
    scene.kube.change(LONGHORN_VOLUME, VOLUME, "longhorn-system", {"status": {"robustness": "degraded"}})
    assert Operator(scene).run()["complete"] and ready(scene.kube)


def test_a_volume_that_faults_under_a_running_erp_stops_it(scene: Scene) -> None:
    assert Operator(scene).run()["complete"]
    scene.fault()
    operator = Operator(scene)
    operator.options = replace(operator.options, timeout=0.1)
    assert not operator.run()["complete"]
    assert operator.done == ["storage:hold", "storage:wait"] and scene.replicas == 0


def test_too_few_keys_leave_it_stopped_and_say_so(scene: Scene) -> None:
    operator = Operator(scene, keys=2)
    operator.options = replace(operator.options, timeout=0.1)
    end = operator.run()
    assert end["next"]["step"] == "vault" and not end["serves"] and scene.replicas == 0
    assert end["report"][-3] == "The ERP is DOWN."
    more = Operator(scene)
    assert more.run()["complete"] and "erp:start" in more.done


def test_a_human_in_the_loop(scene: Scene) -> None:
    first = Operator(scene, Wish(last="vault"))
    end = first.run()
    assert first.done == ["vault:hold", "vault:unseal"] and scene.replicas == 0
    assert end["report"][-1] == "Stopped after vault as asked. Go on with -e from_step=secrets."
    # The credentials are stale still, and nothing talks a run into starting the ERP on them.
    jump = Operator(scene, Wish(first="erp"))
    end = jump.run()
    assert jump.done == [] and end["next"]["step"] == "secrets" and scene.replicas == 0
    assert "-e from_step begins after secrets, which is not true." in end["next"]["message"]
    last = Operator(scene, Wish(first="secrets"))
    assert last.run()["complete"] and last.done == ["secrets:sync", "secrets:probe", "erp:start"]


def test_what_another_run_stopped_is_left_alone(scene: Scene) -> None:
    assert Operator(scene).run()["complete"]
    other = QuiesceOptions(
        state="quiesced",
        namespace=NAMESPACE,
        deployment=ERP,
        argocd_applications=(ERP,),
        holder="restore 20261121T171500Z by ada@office",
        timeout=5,
        settle=0.1,
    )
    run_quiesce(Operator(scene).cluster, other, False)
    operator = Operator(scene)
    end = operator.run()
    assert operator.done == [] and scene.replicas == 0
    assert "The ERP was stopped by restore 20261121T171500Z by ada@office" in end["next"]["message"]
    # It may have stopped between the two halves of its restore, also for whoever takes over from who takes over.
    torn = Operator(scene, Wish(take_over=True))
    torn.torn = True
    end = torn.run()
    assert "What is live may be incomplete" in end["next"]["message"] and scene.replicas == 0

    def kill(when: str, action: str) -> None:
        if (when, action) == ("after", "probe"):
            raise Killed

    with pytest.raises(Killed):
        Operator(scene, Wish(take_over=True), around=kill).run()
    taken = Operator(scene, Wish(take_over=True))
    assert taken.run()["complete"] and ready(scene.kube)
    assert taken.done == ["secrets:probe", "erp:start", "settle"]


def test_the_controller_is_killed_in_a_restore_on_the_way(scene: Scene) -> None:
    """Whoever comes next, and asks for no restore, ends what was begun before the ERP starts on half of it."""

    def kill(when: str, action: str) -> None:
        if (when, action) == ("after", "restore"):
            raise Killed

    with pytest.raises(Killed):
        Operator(scene, Wish(restore="20261120T040000Z"), around=kill).run()
    torn = Operator(scene)
    torn.torn = True
    assert not torn.run()["complete"] and scene.replicas == 0
    later = Operator(scene)
    assert later.run()["complete"] and ready(scene.kube)
    assert later.done == ["secrets:probe", "erp:start", "settle"]


def test_a_key_that_is_not_accepted_stops_no_erp(scene: Scene) -> None:
    assert Operator(scene).run()["complete"]
    operator = Operator(scene)
    operator.options = replace(operator.options, dolibarr=DolibarrOptions(scene.dolibarr.url, "wrong", timeout=2))
    end = operator.run()
    assert operator.done == ["secrets:probe"] and ready(scene.kube)
    assert (end["complete"], end["serves"], end["next"]["step"]) == (False, True, "erp")


def test_an_erp_that_cannot_be_reached_from_here_is_not_stopped(scene: Scene) -> None:
    assert Operator(scene).run()["complete"]
    operator = Operator(scene)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    operator.options = replace(operator.options, dolibarr=DolibarrOptions(url, "key", timeout=2), timeout=3)
    end = operator.run()
    assert operator.done == ["secrets:probe", "erp:wait"] and ready(scene.kube)
    assert (end["complete"], end["serves"], end["next"]["step"]) == (False, True, "erp")
    assert "the proxy and the certificate before it" in end["next"]["advice"]


def test_a_database_that_comes_up_last_is_given_its_time(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(scene)
    asked: list[str] = []
    probe = operator.probe

    def late(seen: dict[str, Any]) -> None:
        asked.append(seen["secret_version"])
        probe(seen)
        if len(asked) < 3:
            said = {"reachable": False, "login_refused": False, "reason": "Nothing answers there."}
            operator.options = replace(operator.options, probe=Probe.read({**said, "secret_version": asked[-1]}))

    monkeypatch.setattr(operator, "probe", late)
    end = operator.run()
    assert end["complete"] and ready(scene.kube)
    first, second, third = (entry["seconds"] for entry in end["journal"] if entry["action"] == "probe")
    assert min(first, second) >= operator.options.timeout / 2 > third


@pytest.mark.parametrize(("point", "well"), [("20261120T040000Z", True), ("broken", False)])
def test_a_restore_on_the_way(scene: Scene, point: str, well: bool) -> None:
    """One that fails leaves what was live before, and the ERP goes up on that."""
    operator = Operator(scene, Wish(restore=point))
    end = operator.run()
    assert end["complete"] is well and end["serves"] and ready(scene.kube)
    assert operator.done[:4] == ["vault:hold", "vault:unseal", "secrets:sync", "secrets:probe"]
    # What one that failed may have left is ended first.
    assert operator.done[-2:] == (["restore:restore", "erp:start"] if well else ["erp:start", "settle"])
    assert ("The restore did not succeed" in end["report"][-1]) is not well


def test_credentials_that_look_fresh_and_do_not_let_in(scene: Scene) -> None:
    """What the operator says is believed only when the database says it too."""
    scene.vault.open()
    scene.kube.wait(lambda: all(is_ready(one) for one in scene.kube.objects(POD, "tools")))
    soon = int(time.time()) + 1
    scene.kube.change(VAULT_DYNAMIC_SECRET, SOURCE, NAMESPACE, {"status": {"lastRenewalTime": soon}})
    operator = Operator(scene)
    assert operator.run()["complete"] and ready(scene.kube)
    assert operator.done == ["secrets:hold", "secrets:probe", "secrets:sync", "secrets:probe", "erp:start"]
