# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controllers of the fake cluster do what those of a real one are documented to do."""

from __future__ import annotations

import base64
import json
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client

from tests.kubernetes.conftest import deployment
from tests.support.kubernetes import FakeCluster, fake_cluster
from tests.support.kubernetes_objects import (
    APPLICATION,
    ATTACHMENT,
    CLAIM,
    CRON_JOB,
    DEPLOYMENT,
    DYNAMIC_SECRET,
    EVENT,
    HPA,
    JOB,
    LONGHORN_VOLUME,
    NODE,
    POD,
    SECRET,
    Body,
)
from tests.support.kubernetes_world import holds

MODELS = {"HorizontalPodAutoscaler": "V2HorizontalPodAutoscaler", "Event": "CoreV1Event"}


@pytest.fixture
def kube() -> Iterator[FakeCluster]:
    """A cluster whose every object must be one by the official client's models when a test is over."""
    with fake_cluster() as cluster:
        yield cluster
        for body in cluster.everything():
            if "." not in body["apiVersion"].partition("/")[0] or "k8s.io" in body["apiVersion"]:
                model = getattr(client, MODELS.get(body["kind"], f"V1{body['kind']}"))
                model.from_dict(body)


def job(*command: str, name: str = "work", spec: Body | None = None, pod: Body | None = None, **container: Any) -> Body:
    main = {"name": "main", "image": "example.com/erp:1", "command": list(command), **container}
    template = {"spec": {"restartPolicy": "Never", "containers": [main], **(pod or {})}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "erp"},
        "spec": {"backoffLimit": 0, "template": template, **(spec or {})},
    }


def scaled(kube: FakeCluster, replicas: int) -> None:
    kube.change(DEPLOYMENT, "erp", "erp", {"spec": {"replicas": replicas}})


def status(kube: FakeCluster, kind: Any, name: str, namespace: str = "erp") -> Body:
    found: Body = (kube.object(kind, name, namespace) or {}).get("status", {})
    return found


def ready(kube: FakeCluster) -> int:
    count: int = status(kube, DEPLOYMENT, "erp").get("readyReplicas", 0)
    return count


def finished(kube: FakeCluster, name: str = "work") -> tuple[Body, Body]:
    """Wait for the end of a Job: its one condition and the state of its container."""
    kube.wait(
        lambda: {"Complete", "Failed"} & {entry["type"] for entry in status(kube, JOB, name).get("conditions", [])}
    )
    entry = status(kube, JOB, name)["conditions"][-1]
    pods = [pod for pod in kube.objects(POD, "erp") if pod["metadata"]["labels"].get("job-name") == name]
    return entry, pods[0]["status"]["containerStatuses"][0]["state"]["terminated"] if pods else {}


def test_pods_that_stop_slowly_are_there_until_they_have_stopped(kube: FakeCluster) -> None:
    kube.add(deployment(2, hook=25))
    kube.wait(lambda: ready(kube) == 2)
    generation = (kube.object(DEPLOYMENT, "erp", "erp") or {})["metadata"]["generation"]
    start = time.monotonic()
    scaled(kube, 0)
    kube.wait(lambda: status(kube, DEPLOYMENT, "erp")["observedGeneration"] == generation + 1)
    assert "replicas" not in status(kube, DEPLOYMENT, "erp"), "pods that are ending do not count"
    pods = kube.objects(POD, "erp")
    assert len(pods) == 2 and all(pod["metadata"]["deletionTimestamp"] for pod in pods)
    kube.wait(lambda: not kube.objects(POD, "erp"))
    assert 0.5 <= time.monotonic() - start < 5


def test_the_grace_period_ends_a_stop_hook(kube: FakeCluster) -> None:
    kube.add(deployment(1, hook=3600, terminationGracePeriodSeconds=5))
    kube.wait(lambda: ready(kube) == 1)
    scaled(kube, 0)
    kube.wait(lambda: not kube.objects(POD, "erp"), 5)


def test_pods_of_a_lost_node_neither_run_nor_end(kube: FakeCluster) -> None:
    kube.add(deployment())
    kube.wait(lambda: ready(kube) == 1)
    kube.set_node("pi1", False)
    kube.wait(lambda: ready(kube) == 0)
    scaled(kube, 0)
    time.sleep(0.2)
    assert len(kube.objects(POD, "erp")) == 1
    kube.set_node("pi1", True)
    kube.wait(lambda: not kube.objects(POD, "erp"))


def test_a_new_template_replaces_the_pods(kube: FakeCluster) -> None:
    kube.add(deployment())
    kube.wait(lambda: ready(kube) == 1)
    [before] = kube.objects(POD, "erp")
    template = {"template": {"metadata": {"annotations": {"restarted": "now"}}}}
    kube.change(DEPLOYMENT, "erp", "erp", {"spec": template})
    kube.wait(
        lambda: [pod["metadata"]["uid"] for pod in kube.objects(POD, "erp")] not in ([], [before["metadata"]["uid"]])
    )
    kube.wait(lambda: len(kube.objects(POD, "erp")) == 1 and ready(kube) == 1)
    assert kube.objects(POD, "erp")[0]["metadata"]["annotations"] == {"restarted": "now"}
    assert kube.objects(POD, "erp")[0]["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet"
    kube.remove(DEPLOYMENT, "erp", "erp")
    kube.wait(lambda: not kube.objects(POD, "erp"))


def test_pods_that_do_not_become_ready(kube: FakeCluster) -> None:
    kube.world.health = lambda pod: "CrashLoopBackOff"
    kube.add(deployment())
    kube.wait(lambda: kube.objects(POD, "erp") and kube.objects(POD, "erp")[0]["status"]["phase"] == "Running")
    [pod] = kube.objects(POD, "erp")
    assert pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert status(kube, DEPLOYMENT, "erp")["unavailableReplicas"] == 1
    kube.world.health = lambda pod: ""
    kube.wait(lambda: ready(kube) == 1)


def test_a_pod_without_a_place(kube: FakeCluster) -> None:
    kube.set_node("pi1", False)
    kube.change(NODE, "pi2", "", {"spec": {"taints": [{"key": "only", "value": "db", "effect": "NoSchedule"}]}})
    kube.add(deployment(nodeSelector={"kubernetes.io/hostname": "pi2"}))
    kube.wait(lambda: kube.objects(EVENT, "erp"))
    [pod] = kube.objects(POD, "erp")
    [entry] = pod["status"]["conditions"]
    assert (entry["type"], entry["status"], entry["reason"]) == ("PodScheduled", "False", "Unschedulable")
    assert entry["message"].startswith("0/3 nodes are available")
    toleration = {"key": "only", "operator": "Equal", "value": "db", "effect": "NoSchedule"}
    kube.change(DEPLOYMENT, "erp", "erp", {"spec": {"template": {"spec": {"tolerations": [toleration]}}}})
    kube.wait(lambda: ready(kube) == 1)
    assert [pod["spec"]["nodeName"] for pod in kube.objects(POD, "erp") if holds(pod, "Ready")] == ["pi2"]


def test_a_volume_that_another_node_holds(kube: FakeCluster, tmp_path: pathlib.Path) -> None:
    kube.add_claim("documents", "erp", tmp_path)
    kube.add_longhorn_volume("pvc-documents", state="detached", robustness="unknown")
    volumes = [{"name": "documents", "persistentVolumeClaim": {"claimName": "documents"}}]
    kube.add(deployment(volumes=volumes, hook=20))
    kube.wait(lambda: ready(kube) == 1)
    assert [entry["spec"]["nodeName"] for entry in kube.objects(ATTACHMENT)] == ["pi1"]
    assert status(kube, LONGHORN_VOLUME, "pvc-documents", "longhorn-system")["state"] == "attached"
    elsewhere = {"volumes": volumes, "nodeSelector": {"kubernetes.io/hostname": "pi2"}}
    mount = {"name": "documents", "mountPath": str(tmp_path)}
    kube.add(job("true", pod=elsewhere, volumeMounts=[mount]))
    kube.wait(lambda: [event for event in kube.objects(EVENT, "erp") if event["reason"] == "FailedAttachVolume"])
    waiting = kube.objects(POD, "erp")[-1]
    assert waiting["status"]["phase"] == "Pending"
    assert waiting["status"]["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}
    scaled(kube, 0)
    assert finished(kube)[0]["type"] == "Complete"
    kube.wait(lambda: not kube.objects(ATTACHMENT))
    assert status(kube, LONGHORN_VOLUME, "pvc-documents", "longhorn-system")["state"] == "detached"


def test_a_faulted_volume_is_not_attached(kube: FakeCluster, tmp_path: pathlib.Path) -> None:
    kube.add_claim("documents", "erp", tmp_path)
    kube.add_longhorn_volume("pvc-documents", state="detached", robustness="faulted", replicas={"pi1": "error"})
    volumes = [{"name": "documents", "persistentVolumeClaim": {"claimName": "documents"}}]
    kube.add(deployment(volumes=volumes))
    kube.wait(lambda: "not ready for workloads" in str(kube.objects(EVENT, "erp")))
    assert ready(kube) == 0


def test_a_claim_is_bound_and_an_absent_one_awaited(kube: FakeCluster) -> None:
    kube.add(deployment(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "later"}}]))
    kube.wait(lambda: 'persistentvolumeclaim "later" not found' in str(kube.objects(EVENT, "erp")))
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "longhorn",
        "resources": {"requests": {"storage": "1Gi"}},
    }
    metadata = {"name": "later", "namespace": "erp"}
    kube.add({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec})
    kube.wait(lambda: ready(kube) == 1)
    assert status(kube, CLAIM, "later")["phase"] == "Bound"


def test_a_job_runs_its_command(kube: FakeCluster, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_THE_TEST", "must not reach a container")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "erp"}}
    kube.add({**secret, "stringData": {"password": "p-1", "more": "m"}})
    script = "import json, os; print('working'); json.dump(dict(os.environ), open(os.environ['ERP_JOB_RESULT'], 'w'))"
    env = [
        {"name": "PGPASSWORD", "valueFrom": {"secretKeyRef": {"name": "s", "key": "password"}}},
        {"name": "ABSENT", "valueFrom": {"secretKeyRef": {"name": "other", "key": "x", "optional": True}}},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "BOTH", "value": "$(PGPASSWORD) $(NO) $$(POD)"},
    ]
    kube.add(job("python3", "-c", script, env=env, envFrom=[{"secretRef": {"name": "s"}, "prefix": "S_"}]))
    entry, state = finished(kube)
    assert (entry["type"], entry["status"]) == ("Complete", "True")
    assert (state["exitCode"], state["reason"]) == (0, "Completed")
    seen = json.loads(state["message"])
    [pod] = kube.objects(POD, "erp")
    assert (seen["PGPASSWORD"], seen["POD"], seen["S_more"]) == ("p-1", pod["metadata"]["name"], "m")
    assert seen["BOTH"] == "p-1 $(NO) $(POD)"
    assert "ABSENT" not in seen and "OF_THE_TEST" not in seen
    assert kube.logs(pod["metadata"]["name"], "erp", "main") == "working\n"
    assert status(kube, JOB, "work")["succeeded"] == 1


def test_a_job_that_fails(kube: FakeCluster) -> None:
    kube.add(job("sh", "-c", "printf '%05000d' 7 > $ERP_JOB_RESULT; exit 3"))
    entry, state = finished(kube)
    assert (entry["type"], entry["reason"]) == ("Failed", "BackoffLimitExceeded")
    assert (state["exitCode"], state["reason"], len(state["message"])) == (3, "Error", 4096)
    policy: Any = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    kube.add(job("sh", "-c", "echo why; exit 1", name="talks", **policy))
    assert finished(kube, "talks")[1]["message"] == "why\n"
    kube.add(job("no-such-program", name="absent"))
    assert finished(kube, "absent")[1]["reason"] == "StartError"
    kube.add(job("sleep", "60", name="hungry"))
    [pod] = kube.wait(lambda: [pod for pod in kube.objects(POD, "erp") if pod["status"]["phase"] == "Running"])
    kube.kill_pod(pod["metadata"]["name"], "erp")
    assert (finished(kube, "hungry")[1]["reason"], finished(kube, "hungry")[1]["exitCode"]) == ("OOMKilled", 137)
    kube.add(job("false", name="again", spec={"backoffLimit": 2}))
    finished(kube, "again")
    assert status(kube, JOB, "again")["failed"] == 3


def test_the_deadline_of_a_pod_leaves_its_log(kube: FakeCluster) -> None:
    script = "trap 'echo told to stop; exit 0' TERM; echo begun; while :; do sleep 0.02; done"
    kube.add(job("sh", "-c", script, pod={"activeDeadlineSeconds": 0}))
    assert finished(kube)[0]["reason"] == "BackoffLimitExceeded"
    [pod] = kube.objects(POD, "erp")
    assert (pod["status"]["phase"], pod["status"]["reason"]) == ("Failed", "DeadlineExceeded")
    assert "told to stop" in kube.logs(pod["metadata"]["name"], "erp", "main")


def test_the_deadline_of_a_job_takes_its_pod_away(kube: FakeCluster, tmp_path: pathlib.Path) -> None:
    stubborn = f"trap '' TERM; touch {tmp_path}/begun; while :; do sleep 0.02; done"
    kube.add(job("sh", "-c", stubborn, spec={"activeDeadlineSeconds": 1}, pod={"terminationGracePeriodSeconds": 5}))
    entry, state = finished(kube)
    assert (entry["type"], entry["reason"], state) == ("Failed", "DeadlineExceeded", {})
    assert (tmp_path / "begun").exists() and status(kube, JOB, "work")["failed"] == 1
    assert not kube.objects(POD, "erp")


def test_a_job_waits_for_what_it_needs(kube: FakeCluster) -> None:
    reference = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "late", "key": "key"}}}
    kube.add(job("true", env=[reference]))

    def reason() -> str:
        found = [entry for pod in kube.objects(POD, "erp") for entry in pod["status"].get("containerStatuses", [])]
        return str(found[0]["state"].get("waiting", {}).get("reason", "")) if found else ""

    kube.wait(lambda: reason() == "CreateContainerConfigError")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "late", "namespace": "erp"}}
    kube.add({**secret, "stringData": {"key": "v"}})
    assert finished(kube)[0]["type"] == "Complete"
    kube.remove(JOB, "work", "erp")
    kube.wait(lambda: not kube.objects(POD, "erp"))
    kube.world.unpullable.add("example.com/erp:1")
    kube.add(job("true", name="no-image"))
    kube.wait(lambda: reason() == "ImagePullBackOff")


def test_what_a_job_mounts(kube: FakeCluster, tmp_path: pathlib.Path) -> None:
    documents, keys, scratch = (tmp_path / name for name in ("documents", "keys", "scratch"))
    documents.mkdir()
    kube.add_claim("documents", "erp", documents)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "erp"}}
    kube.add({**secret, "stringData": {"key": "v"}})
    volumes = [
        {"name": "documents", "persistentVolumeClaim": {"claimName": "documents"}},
        {"name": "keys", "secret": {"secretName": "s", "defaultMode": 0o400}},
        {"name": "scratch", "emptyDir": {}},
    ]
    mounts = [
        {"name": "documents", "mountPath": str(documents), "readOnly": True},
        {"name": "keys", "mountPath": str(keys)},
        {"name": "scratch", "mountPath": str(scratch)},
    ]
    kube.add(job("sh", "-c", f"cat {keys}/key; touch {scratch}/new", pod={"volumes": volumes}, volumeMounts=mounts))
    assert finished(kube)[0]["type"] == "Complete"
    assert kube.logs(kube.objects(POD, "erp")[0]["metadata"]["name"], "erp", "main") == "v"
    assert not keys.exists() and not scratch.exists() and not kube.world.violations
    kube.add(job("touch", f"{documents}/new", name="writes", pod={"volumes": volumes}, volumeMounts=mounts))
    finished(kube, "writes")
    assert "which is mounted read-only" in kube.world.violations.pop()


def test_a_deleted_job_ends_its_process(kube: FakeCluster, tmp_path: pathlib.Path) -> None:
    kube.add(
        job(
            "sh",
            "-c",
            f"trap 'touch {tmp_path}/ended; exit' TERM; touch {tmp_path}/begun; while :; do sleep 0.02; done",
        )
    )
    kube.wait((tmp_path / "begun").exists)
    kube.remove(JOB, "work", "erp")
    kube.wait(lambda: not kube.objects(POD, "erp"))
    assert (tmp_path / "ended").exists()


def test_a_cron_job_fires_unless_it_is_suspended(kube: FakeCluster) -> None:
    template = {"spec": job("true")["spec"]}
    metadata = {"name": "nightly", "namespace": "erp"}
    spec = {"schedule": "0 4 * * *", "jobTemplate": template}
    kube.add({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": spec})
    made = kube.fire("nightly", "erp")
    assert made is not None and finished(kube, made["metadata"]["name"])[0]["type"] == "Complete"
    kube.change(CRON_JOB, "nightly", "erp", {"spec": {"suspend": True}})
    assert kube.fire("nightly", "erp") is None


def test_self_heal_puts_back_what_is_in_git(kube: FakeCluster) -> None:
    kube.add(deployment())
    in_git = {**deployment(), "spec": {"replicas": 1}}
    kube.add_application("erp", [in_git])
    kube.wait(lambda: ready(kube) == 1 and status(kube, APPLICATION, "erp", "argocd").get("sync"))
    scaled(kube, 0)
    kube.wait(lambda: status(kube, APPLICATION, "erp", "argocd")["sync"]["status"] == "OutOfSync")
    kube.wait(lambda: (kube.object(DEPLOYMENT, "erp", "erp") or {})["spec"]["replicas"] == 1)
    for held in (
        {"automated": {"selfHeal": False}},
        {"automated": None},
        {"automated": {"selfHeal": True, "enabled": False}},
    ):
        kube.change(APPLICATION, "erp", "argocd", {"spec": {"syncPolicy": held}})
        scaled(kube, 0)
        time.sleep(0.2)
        assert (kube.object(DEPLOYMENT, "erp", "erp") or {})["spec"]["replicas"] == 0, held
    kube.change(APPLICATION, "erp", "argocd", {"operation": {"sync": {}}})
    kube.wait(lambda: ready(kube) == 1)
    assert status(kube, APPLICATION, "erp", "argocd")["operationState"]["phase"] == "Succeeded"
    ignored = [{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}]
    healing = {"syncPolicy": {"automated": {"selfHeal": True, "enabled": True}}, "ignoreDifferences": ignored}
    kube.change(APPLICATION, "erp", "argocd", {"spec": healing})
    scaled(kube, 0)
    time.sleep(0.2)
    assert (kube.object(DEPLOYMENT, "erp", "erp") or {})["spec"]["replicas"] == 0


def test_an_autoscaler_leaves_zero_alone(kube: FakeCluster) -> None:
    kube.add(deployment(1))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "erp"}
    spec = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 3}
    metadata = {"name": "erp", "namespace": "erp"}
    kube.add({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec})
    kube.wait(lambda: ready(kube) == 2)
    scaled(kube, 0)
    kube.wait(lambda: status(kube, HPA, "erp")["conditions"][0]["reason"] == "ScalingDisabled")
    time.sleep(0.4)
    assert (kube.object(DEPLOYMENT, "erp", "erp") or {})["spec"]["replicas"] == 0


def test_a_rotated_secret(kube: FakeCluster) -> None:
    numbers = iter(range(1, 100))
    sealed = False

    def issue() -> dict[str, str]:
        if sealed:
            raise RuntimeError("Vault is sealed")
        return {"username": f"v-erp-{next(numbers)}", "password": "p"}

    kube.add(deployment())
    restart = {"rolloutRestartTargets": [{"kind": "Deployment", "name": "erp"}]}
    kube.add_dynamic_secret("erp", "erp", "vso-db-credentials", issue, **restart)

    def user() -> str:
        secret = kube.object(SECRET, "vso-db-credentials", "erp")
        return base64.b64decode(secret["data"]["username"]).decode() if secret else ""

    kube.wait(lambda: user() == "v-erp-1")
    state = status(kube, DYNAMIC_SECRET, "erp")
    assert state["secretLease"]["id"].startswith("postgres/creds/erp/") and holds({"status": state}, "Ready")
    assert abs(state["lastRenewalTime"] - time.time()) < 60
    first = (kube.object(DEPLOYMENT, "erp", "erp") or {})["spec"]["template"]["metadata"]["annotations"]
    kube.rotate("erp", "erp")
    assert user() == "v-erp-2"
    assert (kube.object(DEPLOYMENT, "erp", "erp") or {})["spec"]["template"]["metadata"]["annotations"] != first
    sealed = True
    kube.rotate("erp", "erp")
    assert user() == "v-erp-2" and not holds(kube.object(DYNAMIC_SECRET, "erp", "erp") or {}, "Ready")
    sealed = False
    # Taking the Secret away asks for a new one.
    kube.remove(SECRET, "vso-db-credentials", "erp")
    kube.wait(lambda: user() == "v-erp-3")
    kube.world.lease_seconds = 10
    kube.rotate("erp", "erp")
    kube.wait(lambda: user() == "v-erp-5")
