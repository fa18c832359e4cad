# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module against a cluster that answers over the wire: held off, killed, refused, dry."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible.module_utils import basic

from ansible_collections.arcodange.erp.plugins.module_utils.clock import Clock
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes import client, quiesce
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import (
    APPLICATION,
    CRON_JOB,
    DEPLOYMENT,
    HPA,
    POD,
    Body,
)
from ansible_collections.arcodange.erp.plugins.modules import erp_quiesce
from tests.support.kubernetes import FakeCluster
from tests.support.processes import fork_module, status_of
from tests.support.simulated_cluster import DOCUMENTS, LABELS, autoscaler, cron_job, deployment

SPEED = 50
KINDS = (DEPLOYMENT, APPLICATION, HPA, CRON_JOB)


class Scene:
    """The ERP in a fake cluster, and the module beside it, whose clock runs as fast as the cluster's."""

    def __init__(
        self, kube: FakeCluster, place: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capture: Any, hook: int
    ) -> None:
        self.kube = kube
        self.kubeconfig = str(kube.kubeconfig(place / "kubeconfig"))
        self.capture = capture
        self.patch = monkeypatch
        fast = Clock(
            lambda: datetime.now(UTC), lambda: time.monotonic() * SPEED, lambda seconds: time.sleep(seconds / SPEED)
        )
        monkeypatch.setattr(quiesce, "Clock", lambda: fast)
        kube.add_claim("erp-documents", "erp")
        body = deployment(1)
        del body["status"]
        container: Body = {"name": "erp", "image": "dolibarr/dolibarr:22.0.4", "command": ["sleep", "600"]}
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": hook}}}
        body["spec"]["template"]["spec"]["containers"] = [container]
        kube.add({"apiVersion": "apps/v1", "kind": "Deployment", **body})
        kube.add({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", **autoscaler()})
        for each in (cron_job("erp-cron", LABELS), cron_job("paused", LABELS, suspend=True), cron_job("foreign")):
            template = each["spec"]["jobTemplate"]["spec"]["template"]["spec"]
            template.update(containers=[{**container, "name": "cron"}], restartPolicy="Never")
            kube.add({"apiVersion": "batch/v1", "kind": "CronJob", **each})
        managed = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 1}}
        kube.add_application("erp", [{**managed, "metadata": {"name": "erp", "namespace": "erp"}}])
        kube.wait(lambda: (kube.object(DEPLOYMENT, "erp", "erp") or {})["status"].get("readyReplicas") == 1)

    def arguments(self, state: str, check_mode: bool = False, **options: Any) -> str:
        """What Ansible passes to the module."""
        chosen = {
            "state": state,
            "namespace": "erp",
            "deployment": "erp",
            "argocd_applications": ["erp"],
            "holder": "alice",
            "timeout": 60,
            "settle": 6,
            "kubeconfig": self.kubeconfig,
            "_ansible_check_mode": check_mode,
            "_ansible_diff": True,
            **options,
        }
        return json.dumps({"ANSIBLE_MODULE_ARGS": chosen})

    def run(self, state: str, check_mode: bool = False, **options: Any) -> Body:
        """Run the module here and read its result."""
        self.patch.setattr(basic, "_ANSIBLE_ARGS", self.arguments(state, check_mode, **options).encode())
        self.patch.setattr(basic, "_ANSIBLE_PROFILE", "legacy")
        with pytest.raises(SystemExit):
            erp_quiesce.main()
        result: Body = json.loads(self.capture.readouterr().out)
        return result

    def killed(self, state: str, number: int, **options: Any) -> bool:
        """Run the module in a process that is killed when its write of that number has taken effect."""
        child: list[int] = []
        self.kube.after_write(number, lambda: os.kill(child[0], signal.SIGKILL))
        child.append(fork_module(erp_quiesce.main, self.arguments(state, **options), lambda patch: None))
        ended = status_of(child[0])
        self.kube.wire.callbacks.clear()
        return ended == -signal.SIGKILL

    def specs(self) -> Body:
        """What must be as it was."""
        return {
            f"{kind.name}/{body['metadata']['name']}": (body["spec"], body["metadata"].get("annotations") or {})
            for kind in KINDS
            for body in self.kube.objects(kind)
        }

    def pods(self) -> list[Body]:
        return self.kube.objects(POD, "erp")

    def stopped(self) -> bool:
        """Whether there is no pod and nothing to make one."""
        application = self.kube.object(APPLICATION, "erp", "argocd") or {}
        return (
            not self.pods()
            and "automated" not in application["spec"]["syncPolicy"]
            and (self.kube.object(DEPLOYMENT, "erp", "erp") or {})["spec"]["replicas"] == 0
            and self.kube.fire("erp-cron", "erp") is None
        )


@pytest.fixture
def scene(
    kube: FakeCluster,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> Scene:
    return Scene(kube, tmp_path, monkeypatch, capsys, getattr(request, "param", 1))


@pytest.mark.parametrize("scene", [25], indirect=True)
def test_a_stop_hook_of_25_seconds_and_self_heal_of_5(scene: Scene) -> None:
    before = scene.specs()
    result = scene.run("quiesced")
    assert result["outcome"] == "done" and result["changed"] and result["state"] == "quiesced", result
    assert scene.stopped()
    assert result["held"]["applications"] == {"argocd/erp": {"prune": True, "selfHeal": True}}
    assert result["held"]["cron_jobs"] == {"erp/erp-cron": False}
    assert result["diff"]["after"]["replicas"] == 0 and result["pods"][0]["node"].startswith("pi")
    time.sleep(10 / SPEED)
    assert scene.stopped()
    assert not scene.run("quiesced")["changed"]
    refused = scene.run("running", holder="bob")
    assert refused["failed"] and refused["outcome"] == "refused" and "held by alice" in refused["msg"]
    result = scene.run("running")
    assert result["changed"] and result["ready_replicas"] == 1 and scene.specs() == before
    assert not scene.run("running")["changed"]


def test_self_heal_that_nobody_held_off(scene: Scene) -> None:
    result = scene.run("quiesced", argocd_applications=[], settle=60)
    assert result["failed"] and result["outcome"] == "failed"
    assert "3 times it was scaled back to 1" in result["msg"] and len(result["alarms"]) == 3


def test_check_mode_writes_nothing(scene: Scene) -> None:
    scene.kube.refuse_writes = True
    before = scene.kube.objects(DEPLOYMENT), scene.specs()
    shown = scene.run("quiesced", check_mode=True)
    assert shown["changed"] and shown["diff"]["after"]["replicas"] == 0
    assert (scene.kube.objects(DEPLOYMENT), scene.specs()) == before
    scene.kube.refuse_writes = False
    scene.run("quiesced")
    scene.kube.refuse_writes = True
    before = scene.kube.objects(DEPLOYMENT), scene.specs()
    shown = scene.run("running", check_mode=True)
    assert shown["changed"] and shown["diff"]["after"]["replicas"] == 1
    assert (scene.kube.objects(DEPLOYMENT), scene.specs()) == before
    assert scene.kube.refused == []


@pytest.mark.parametrize("state", ["quiesced", "running"])
def test_killed_after_any_write_another_machine_finishes(scene: Scene, state: str) -> None:
    scene.kube.world.self_heal_seconds = 1
    before = scene.specs()
    number = 1
    while True:
        if state == "running":
            assert scene.run("quiesced", settle=2)["state"] == "quiesced"
        if not scene.killed(state, number, settle=2):
            break
        assert scene.run("quiesced", holder="bob", resume=True, settle=2)["replicas"] == 1
        assert scene.stopped()
        assert scene.run("running", holder="bob")["ready_replicas"] == 1
        assert scene.specs() == before
        number += 1
    assert number == 6  # record, Application, autoscaler, CronJob, replicas; and none after them


def test_a_cluster_without_argo_cd(scene: Scene) -> None:
    scene.kube.remove(APPLICATION, "erp", "argocd")
    scene.kube.without("argoproj.io")
    scene.kube.without("autoscaling")
    result = scene.run("quiesced", argocd_applications=[], holder=None)
    assert result["held"]["applications"] == {} and not scene.pods()
    assert "@" in result["holder"]
    assert scene.run("running", argocd_applications=[], holder=None)["ready_replicas"] == 1


def test_a_missing_right_is_named_and_what_was_begun_can_be_undone(scene: Scene) -> None:
    before = scene.specs()
    scene.kube.forbid("patch", CRON_JOB, "erp")
    result = scene.run("quiesced")
    assert result["failed"] and "patch" in result["msg"] and "cronjobs" in result["msg"].lower()
    assert scene.pods() and result["state"] == "quiesced"
    assert scene.run("running")["state"] == "running" and scene.specs() == before


def test_a_pod_on_a_lost_node_is_named(scene: Scene) -> None:
    node = scene.pods()[0]["spec"]["nodeName"]
    scene.kube.set_node(node, False)
    result = scene.run("quiesced")
    assert f"its node {node} is lost" in result["msg"] and result["state"] == "quiesced"
    scene.kube.set_node(node, True)
    assert scene.run("quiesced")["state"] == "quiesced" and scene.stopped()


def test_another_user_of_the_claim_is_named(scene: Scene) -> None:
    spec = {"containers": [{"name": "shell", "image": "busybox", "command": ["sleep", "600"]}], "volumes": DOCUMENTS}
    metadata = {"name": "shell", "namespace": "erp"}
    scene.kube.add({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    result = scene.run("quiesced")
    assert result["outcome"] == "refused" and "mounted by pod shell (no controller)" in result["msg"]
    assert scene.kube.writes == []


def test_an_answer_that_gets_lost_is_no_trouble(scene: Scene) -> None:
    before = scene.specs()
    # Reads are tried again; whether a write arrived, the next look shows.
    scene.patch.setattr(client, "PAUSES", (0.01, 0.01))
    first = len(scene.kube.requests)
    scene.run("quiesced", check_mode=True)
    asked = [request.method for request in scene.kube.requests[first:]]
    scene.kube.fail(1, 1, status=503)
    lost = asked.index("PATCH") + 2
    scene.kube.fail(lost, 1, cut="after")
    second = len(scene.kube.requests)
    assert scene.run("quiesced")["outcome"] == "done" and scene.stopped()
    assert scene.kube.requests[second + lost - 1].method == "PATCH"
    assert scene.run("running")["state"] == "running" and scene.specs() == before
