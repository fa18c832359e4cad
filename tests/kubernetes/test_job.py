# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One module in a Job: it moves real data, it is alone, it says why it waits, and no Secret stays behind."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes import pod_template
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.client import ApiCluster, connect
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import JOB, POD, SECRET, Body, Kind
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.job import JobOptions, run_job
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.job_state import STARTED_BY, WATCHED, condition
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.options import KubernetesOptions
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.pod_template import PodSettings, SecretKey, Task
from tests.support.background import during
from tests.support.databases import Cluster
from tests.support.kubernetes import FakeCluster
from tests.support.restore_points import Scene, environment, small_database
from tests.support.stores import Store

JOBS = "ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.job"
STATE = "ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.job_state"
PLANTED = "planted-secret-6d02"
SETTINGS = PodSettings(image="example.com/erp-tools:0.1.0", claim="erp-documents", mount="/data")
DONE = """echo '{"changed": true, "outcome": "done", "restore_point": "20261120T040000Z"}' > "$ERP_JOB_RESULT" """


class House:
    """A namespace with a claim, and somebody who runs Jobs in it."""

    def __init__(self, kube: FakeCluster, place: pathlib.Path) -> None:
        self.kube = kube
        self.documents = place / "documents"
        self.documents.mkdir(exist_ok=True)
        kube.add_claim("erp-documents", "erp", directory=self.documents)
        self.config = kube.kubeconfig(place / "kubeconfig")

    def options(self, module: str = "erp_backup", **changes: Any) -> JobOptions:
        """What a run asks for; the secrets go through a transient Secret."""
        task = Task(
            environment="prod",
            module=module,
            options={"documents_path": str(self.documents)},
            secrets={},
            check_mode=changes.pop("check_mode", False),
        )
        values = {
            "namespace": "erp",
            "task": task,
            "settings": dataclasses.replace(SETTINGS, mount=str(self.documents)),
            "who": "ops@desk",
            "values": {"PGPASSWORD": PLANTED},
            "poll": 0.05,
            "start_timeout": 10.0,
            **changes,
        }
        return JobOptions(**values)

    def run(self, options: JobOptions | None = None, check_mode: bool = False) -> dict[str, Any]:
        """One run in this process."""
        cluster = connect(KubernetesOptions(kubeconfig=str(self.config)), check_mode)
        return run_job(cluster, options or self.options(), check_mode, None)[0]

    def jobs(self) -> list[Body]:
        return self.kube.objects(JOB, "erp")

    def clean(self) -> None:
        """No Secret is left, and nothing that holds what one held."""
        assert self.kube.objects(SECRET, "erp") == []
        assert PLANTED not in json.dumps(self.kube.everything())

    def holder(self, node: str = "pi2") -> None:
        """A pod of the application that uses the claim."""
        volumes = [{"name": "documents", "persistentVolumeClaim": {"claimName": "erp-documents"}}]
        container = {"name": "erp", "image": "example.com/dolibarr:22.0.4"}
        spec = {"nodeName": node, "volumes": volumes, "containers": [container]}
        self.kube.add(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "erp-7f", "namespace": "erp", "labels": {"app.kubernetes.io/name": "erp"}},
                "spec": spec,
                "status": {"phase": "Running"},
            }
        )

    def left(self, name: str, age: timedelta = timedelta(minutes=5), module: str = "erp_backup", **spec: Any) -> None:
        """A Job that a run left which is gone, or that another run waits for; with a Secret of its own."""
        watched = (datetime.now(UTC) - age).isoformat(timespec="seconds")
        template = pod_template.pod_template(self.options(module).task, self.options().settings, name)
        made = self.kube.add(
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {
                    "name": name,
                    "namespace": "erp",
                    "labels": template["metadata"]["labels"],
                    "annotations": {STARTED_BY: "kim@laptop", WATCHED: watched},
                },
                "spec": {**pod_template.job_spec(template, 60, 60), **spec},
            }
        )
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": made["metadata"]["uid"]}
        metadata = {"name": name, "namespace": "erp", "ownerReferences": [owner]}
        self.kube.add({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {}})


@pytest.fixture
def house(kube: FakeCluster, tmp_path: pathlib.Path) -> House:
    return House(kube, tmp_path)


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let the container run a line of shell instead of the collection, which takes seconds to load."""

    def replace(line: str) -> None:
        monkeypatch.setattr(pod_template, "COMMAND", ("sh", "-c", line))

    replace(DONE)
    return replace


def test_a_backup_in_a_job_moves_the_data_and_leaves_no_secret(
    kube: FakeCluster, tmp_path: pathlib.Path, postgres: Cluster, object_store: Store
) -> None:
    house = House(kube, tmp_path)
    (house.documents / "note.txt").write_text("a document")
    with small_database(postgres) as database:
        scene = Scene(database, object_store, house.documents, postgres.bin_dir)
        arguments = scene.arguments()
        store_keys = {name: arguments.pop(name) for name in ("s3_access_key", "s3_secret_key")}
        user, password = arguments.pop("db_user"), arguments.pop("db_password")
        rotated = {"username": user, "password": password}
        kube.add_dynamic_secret("erp", "erp", "erp-database", lambda: rotated)
        kube.wait(lambda: kube.object(SECRET, "erp-database", "erp"))
        options = house.options(
            values={"AWS_SECRET_ACCESS_KEY": store_keys["s3_secret_key"], "AWS_ACCESS_KEY_ID": "key"}
        )
        secrets = {
            "ERP_DB_USER": SecretKey("erp-database", "username"),
            "PGPASSWORD": SecretKey("erp-database", "password"),
        }
        options = dataclasses.replace(
            options, task=dataclasses.replace(options.task, options=arguments, secrets=secrets)
        )
        result = house.run(options)
    assert result["outcome"] == "done", result
    assert result["restore_point"] == scene.bucket.newest()["id"]
    assert scene.bucket.newest()["documents"]["files"] == 1
    assert [secret["metadata"]["name"] for secret in kube.objects(SECRET, "erp")] == ["erp-database"]
    others = [body for body in kube.everything() if body["metadata"]["name"] != "erp-database"]
    assert password not in json.dumps(others)
    assert store_keys["s3_secret_key"] not in json.dumps(kube.everything())
    made = next(request for request in kube.requests if request.writes and "secrets" in request.path)
    assert made.body["metadata"]["ownerReferences"][0]["uid"] == house.jobs()[0]["metadata"]["uid"]


@pytest.mark.parametrize("outcome", ["refused", "failed"])
def test_what_the_module_says_is_said_here_with_the_log(
    outcome: str, house: House, says: Callable[[str], None]
) -> None:
    result = json.dumps({"failed": True, "outcome": outcome, "msg": "One sentence."})
    says(f"""echo first; echo last; echo '{result}' > "$ERP_JOB_RESULT"; exit 1""")
    found = house.run()
    assert (found["outcome"], found["msg"]) == (outcome, "One sentence.")
    assert found["pod_log"] == ["first", "last"]
    house.clean()


@pytest.mark.parametrize(
    ("line", "changes", "sentence"),
    [
        ("exit 3", {}, "ended with status 3 (Error) and left no result: look at its log."),
        ("sleep 30", {"deadline": 1}, "was ended after 1 s: allow it more time (erp_kubernetes_deadline)"),
    ],
)
def test_a_pod_that_left_no_result(
    line: str, changes: dict[str, Any], sentence: str, house: House, says: Callable[[str], None]
) -> None:
    says(line)
    found = house.run(house.options(**changes))
    assert found["outcome"] == "failed" and sentence in found["msg"]
    house.clean()


def test_a_pod_that_needed_too_much_memory(house: House, says: Callable[[str], None]) -> None:
    says("sleep 30")
    seen: list[str] = []

    def kill() -> None:
        pods = [pod for pod in house.kube.objects(POD, "erp") if pod["status"].get("phase") == "Running"]
        if pods and not seen:
            seen.append(pods[0]["metadata"]["name"])
            house.kube.kill_pod(seen[0], "erp")

    with during(kill):
        found = house.run()
    assert "used more memory than it may" in found["msg"]


def test_a_pod_on_a_node_that_is_lost(
    house: House, says: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod_template, "GRACE", 1)
    monkeypatch.setattr(f"{JOBS}.ENDING", 0.5)
    says("sleep 30")

    def lose() -> None:
        for pod in house.kube.objects(POD, "erp"):
            if pod["status"].get("phase") == "Running":
                house.kube.set_node(pod["spec"]["nodeName"], ready=False)
                house.kube.evict(pod["metadata"]["name"], "erp")

    with during(lose):
        found = house.run(house.options(deadline=2))
    assert found["outcome"] == "failed" and "look at its node, then run it again" in found["msg"]
    assert house.kube.objects(SECRET, "erp") == []
    # The pod may still write, so nobody goes on beside it.
    with pytest.raises(Refused, match=f"The Job {found['job']['name']} of prod is under way"):
        house.run()
    house.kube.set_node(found["job"]["node"], ready=True)
    house.kube.wait(lambda: not house.kube.objects(POD, "erp"))
    says(DONE)
    house.kube.wait(lambda: condition(house.jobs()[0]))
    assert house.run()["outcome"] == "done"


def test_check_mode_asks_the_cluster_and_writes_nothing(house: House) -> None:
    house.kube.refuse_writes = True
    found = house.run(check_mode=True)
    assert found["changed"] and found["job"]["module"] == "erp_backup"
    assert house.kube.refused == [] and house.jobs() == []
    house.clean()


def test_a_second_job_is_refused_with_who_and_since(house: House, says: Callable[[str], None]) -> None:
    house.left("erp-prod-backup-other", age=timedelta(seconds=5), suspend=True)
    made = house.jobs()[0]["metadata"]["creationTimestamp"]
    for check_mode in (False, True):
        with pytest.raises(Refused) as refusal:
            house.run(check_mode=check_mode)
        assert str(refusal.value) == (
            f"The Job erp-prod-backup-other of prod is under way, begun by kim@laptop at {made}:"
            " wait for its end, or delete it."
        )
    assert house.run(house.options(module="erp_backup_info"))["outcome"] == "done"  # who only looks is in nobody's way


def test_what_a_stopped_run_left_is_waited_for_and_cleaned(house: House, says: Callable[[str], None]) -> None:
    says(f"sleep 0.5; {DONE}")
    house.left("erp-prod-backup-left")
    assert house.run()["outcome"] == "done"
    jobs = {job["metadata"]["name"]: job for job in house.jobs()}
    left = jobs.pop("erp-prod-backup-left")
    (own,) = jobs.values()
    assert left["status"]["completionTime"] <= own["metadata"]["creationTimestamp"]
    house.clean()


@pytest.mark.parametrize("module", ["erp_backup", "erp_backup_info"])
def test_what_never_began_is_removed(module: str, house: House, says: Callable[[str], None]) -> None:
    house.left("erp-prod-left", module=module, suspend=True)
    assert house.run()["outcome"] == "done"
    assert "erp-prod-left" not in [job["metadata"]["name"] for job in house.jobs()]
    house.clean()


def test_what_merely_looks_is_left_alone_until_it_ends(house: House, says: Callable[[str], None]) -> None:
    says(f"sleep 1; {DONE}")
    house.left("erp-prod-left", module="erp_backup_info")
    says(DONE)
    assert house.run()["outcome"] == "done"
    assert [secret["metadata"]["name"] for secret in house.kube.objects(SECRET, "erp")] == ["erp-prod-left"]
    house.kube.wait(lambda: all(job.get("status", {}).get("completionTime") for job in house.jobs()))
    assert house.run()["outcome"] == "done"
    house.clean()


@pytest.mark.parametrize(("kind", "jobs"), [(JOB, 0), (SECRET, 0)])
def test_what_may_not_be_made_leaves_nothing(kind: Kind, jobs: int, house: House, says: Callable[[str], None]) -> None:
    house.kube.forbid("create", kind, "erp")
    with pytest.raises(ErpError, match=kind.plural):
        house.run()
    assert len(house.jobs()) == jobs and house.kube.objects(POD, "erp") == []
    house.clean()


@pytest.mark.parametrize("position", range(1, 5))
def test_a_controller_killed_after_any_write_is_followed_by_one_that_cleans_up(
    position: int, house: House, says: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{STATE}.ABANDONED", timedelta())
    child: list[int] = []
    house.kube.after_write(position, lambda: os.kill(child[0], signal.SIGKILL))

    def first() -> None:
        house.run()

    pid = os.fork()
    if not pid:
        time.sleep(0.1)
        try:
            first()
        finally:
            os._exit(0)
    child.append(pid)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert house.run()["outcome"] == "done"
    house.clean()


def test_a_job_whose_answer_is_lost_is_not_left(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.client.PAUSES", ())
    house.kube.fail(position=6, cut="after")
    with pytest.raises(ErpError):
        house.run()
    assert [request.path for request in house.kube.writes][-1].startswith("/apis/batch/v1/namespaces/erp/jobs/erp-prod")
    assert house.jobs() == []


def test_a_secret_that_could_not_be_removed_is_named(house: House, says: Callable[[str], None]) -> None:
    house.kube.forbid("delete", SECRET, "erp")
    cluster = connect(KubernetesOptions(kubeconfig=str(house.config)), dry_run=False)
    result, warnings = run_job(cluster, house.options(), False, None)
    assert result["outcome"] == "done"
    assert warnings[0].startswith(f"The Secret {result['job']['name']} could not be removed, do it by hand: ")


def test_a_signal_does_not_stop_the_clean_up(
    house: House, says: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ApiCluster.delete

    def delete(*arguments: Any) -> bool:
        os.kill(os.getpid(), signal.SIGTERM)
        return real(*arguments)

    monkeypatch.setattr(ApiCluster, "delete", delete)
    before = signal.getsignal(signal.SIGTERM)
    assert house.run()["outcome"] == "done"
    assert signal.getsignal(signal.SIGTERM) is before
    house.clean()


def test_a_signal_removes_job_pod_and_secret(house: House, tmp_path: pathlib.Path) -> None:
    """The module itself in a process of its own, told to stop while its pod works."""
    arguments = {
        "kubeconfig": str(house.config),
        "environment_name": "prod",
        "namespace": "erp",
        "image": "example.com/erp-tools:0.1.0",
        "documents_claim": "erp-documents",
        "job_module": "erp_backup",
        "job_options": {"documents_path": str(house.documents)},
        "db_user": "erp",
        "db_password": PLANTED,
        "poll_interval": 0.05,
    }
    house.kube.world.unpullable.add("example.com/erp-tools:0.1.0")
    command = [sys.executable, "-P", "-m", "ansible_collections.arcodange.erp.plugins.modules.erp_job"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(), cwd="/"
    ) as module:
        assert module.stdin and module.stdout
        module.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}))
        module.stdin.close()
        house.kube.wait(lambda: house.kube.objects(POD, "erp"), 30)
        assert house.kube.objects(SECRET, "erp")
        module.send_signal(signal.SIGTERM)
        result = json.loads(module.stdout.read())
    assert result["outcome"] == "failed"
    assert result["msg"] == "The run was stopped by a signal. Its Job and Secret were removed."
    assert house.jobs() == [] and house.kube.objects(POD, "erp") == []
    house.clean()


def test_a_pod_that_does_not_start_is_said_why(house: House, says: Callable[[str], None]) -> None:
    house.kube.world.unpullable.add("example.com/erp-tools:0.1.0")
    with pytest.raises(ErpError, match="did not start within 1 s: .*Pull") as error:
        house.run(house.options(start_timeout=1.0))
    assert "erp_kubernetes_start_timeout" in str(error.value)
    assert house.jobs() == []
    house.clean()


def test_a_claim_of_one_node_is_shared_on_that_node(house: House, says: Callable[[str], None]) -> None:
    house.holder("pi2")
    assert house.run()["outcome"] == "done"
    (made,) = house.jobs()
    affinity = made["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["pi2"]}]


def test_a_restore_waits_until_the_claim_is_free(house: House, says: Callable[[str], None]) -> None:
    house.holder("pi2")
    with pytest.raises(ErpError) as error:
        house.run(house.options(module="erp_restore", free_claim=True, start_timeout=0.5))
    assert str(error.value) == (
        "The claim erp-documents is still used by erp-7f (no controller) on node pi2 after 0 s: stop that first."
    )
    assert house.jobs() == []
    seen: list[float] = []

    def free() -> None:
        if house.jobs() and not seen:
            assert house.kube.objects(POD, "erp")[0]["metadata"]["name"] == "erp-7f"
            house.kube.remove(POD, "erp-7f", "erp")
            seen.append(1)

    with during(free):
        assert house.run(house.options(module="erp_restore", free_claim=True))["outcome"] == "done"
    house.clean()


def test_a_job_that_waits_for_its_claim_is_not_taken_for_abandoned(
    house: House, says: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{JOBS}.HEARTBEAT", 0.1)
    house.holder("pi2")
    with pytest.raises(ErpError, match="is still used"):
        house.run(house.options(module="erp_restore", free_claim=True, start_timeout=0.5))
    marks = [request for request in house.kube.writes if WATCHED in json.dumps(request.body or {})]
    assert len(marks) > 2  # the Job was made with one


def test_options_arrive_as_they_are(house: House, says: Callable[[str], None]) -> None:
    says("""printf '%s' "$ERP_JOB_OPTIONS" > "$ERP_JOB_RESULT" """)
    options = house.options()
    given = {**options.task.options, "exclude": ["$(HOME)/*", "*$$*", "~$*"]}
    found = house.run(dataclasses.replace(options, task=dataclasses.replace(options.task, options=given)))
    assert found["exclude"] == given["exclude"]


def test_a_claim_that_is_not_there(house: House) -> None:
    options = house.options()
    settings = dataclasses.replace(options.settings, claim="erp-document")
    with pytest.raises(ErpError, match="There is no claim erp-document in the namespace erp"):
        house.run(dataclasses.replace(options, settings=settings))


def test_a_cluster_that_is_away_for_a_while_is_waited_for(
    house: House, says: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.client.PAUSES", (0.01,))
    says(f"sleep 1; {DONE}")
    away: list[int] = []

    def leave() -> None:
        if not away and any(pod["status"].get("phase") == "Running" for pod in house.kube.objects(POD, "erp")):
            away.append(1)
            house.kube.fail(position=1, times=8, status=503)

    with during(leave):
        assert house.run()["outcome"] == "done"
    assert [request for request in house.kube.requests if request.status == 503]
    house.clean()
