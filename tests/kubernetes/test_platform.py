# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks on the platform kubernetes, as an operator types them: real data, a fake cluster, planted secrets."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.client import connect
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import (
    APPLICATION,
    DEPLOYMENT,
    POD,
    SECRET,
    Body,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.options import KubernetesOptions
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce import run_quiesce
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_objects import QuiesceOptions
from tests.support.background import during
from tests.support.databases import Cluster
from tests.support.kubernetes import FakeCluster
from tests.support.paths import ROOT
from tests.support.playbooks import PLAYBOOK, playbook_environment, sentence
from tests.support.processes import Onlooker
from tests.support.restore_scene import INSTANCE, UNIQUE_ID, Live, Series, series
from tests.support.stores import Store

OLDER, NEWER = "20260331T155959Z", "20260331T160001Z"
STORE_SECRET = "planted/s3+secret-8e11"
POD_SPEC = {"app.kubernetes.io/name": "erp"}


@pytest.fixture(scope="module")
def points(postgres: Cluster, moto: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Series]:
    with series(postgres, moto, tmp_path_factory.mktemp("points"), OLDER, NEWER) as made:
        yield made


@pytest.fixture
def live(points: Series, tmp_path: pathlib.Path) -> Iterator[Live]:
    store = dataclasses.replace(points.own_bucket(), secret_key=STORE_SECRET)
    volume = tmp_path / "volume"
    volume.mkdir()
    with points.live(volume, store) as live:
        yield live


class House:
    """Dolibarr in a cluster, managed by ArgoCD, and an operator before it."""

    def __init__(self, kube: FakeCluster, live: Live, place: pathlib.Path) -> None:
        self.kube = kube
        self.live = live
        self.place = place
        options = live.arguments()
        self.secrets = [options["db_password"], STORE_SECRET, UNIQUE_ID]
        kube.add_claim("erp-documents", "erp", directory=live.documents.parent)
        credentials = {"username": options["db_user"], "password": options["db_password"]}
        kube.add_dynamic_secret("erp", "erp", "erp-database", lambda: credentials)
        kube.add(self.deployment())
        managed = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "erp", "namespace": "erp"}}
        kube.add_application("erp", [{**managed, "spec": {"replicas": 1}}])
        kube.wait(lambda: kube.object(SECRET, "erp-database", "erp"))
        kube.wait(lambda: self.replicas() == (1, 1))
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "erp_platform": "kubernetes",
            "erp_kubernetes_namespace": "erp",
            "erp_kubernetes_deployment": "erp",
            "erp_kubernetes_image": "example.com/erp-tools:0.1.0",
            "erp_kubernetes_documents_claim": "erp-documents",
            "erp_kubernetes_documents_mount": str(live.documents.parent),
            "erp_kubernetes_db_secret": "erp-database",
            "erp_kubernetes_db_admin_secret": "erp-database",
            "erp_kubernetes_poll_interval": 0.1,
            "erp_kubernetes_settle": 0.2,
            "erp_argocd_applications": ["erp"],
            "erp_instance_id": INSTANCE,
            "erp_instance_unique_id": UNIQUE_ID,
            "erp_s3_prefix": live.prefix,
            "erp_backup_prune": False,
            "erp_drill_fail_on": "none",
            "erp_drill_scratch_path": str(place / "scratch"),
            **{f"erp_{name}": value for name, value in options.items() if name[:3] in ("db_", "s3_", "pg_")},
            "erp_documents_path": str(live.documents),
        }
        for name in ("erp_db_user", "erp_db_password"):
            del variables[name]
        self.inventory = place / "inventory.json"
        self.inventory.write_text(json.dumps({"erp_house": {"hosts": {"house": {}}, "vars": variables}}))

    @staticmethod
    def deployment() -> Body:
        container = {
            "name": "erp",
            "image": "example.com/dolibarr:22.0.4",
            "lifecycle": {"preStop": {"sleep": {"seconds": 25}}},
        }
        volumes = [{"name": "documents", "persistentVolumeClaim": {"claimName": "erp-documents"}}]
        spec = {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 40}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "erp", "namespace": "erp", "labels": POD_SPEC},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": POD_SPEC},
                "template": {"metadata": {"labels": POD_SPEC}, "spec": spec},
            },
        }

    def replicas(self) -> tuple[int, int]:
        """Those that are wanted and those that are ready."""
        found = self.kube.object(DEPLOYMENT, "erp", "erp")
        assert found
        return found["spec"]["replicas"], found.get("status", {}).get("readyReplicas", 0)

    def play(self, names: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Type playbooks, one after the other."""
        playbooks = [f"playbooks/{name}.yml" for name in names.split()]
        command = [str(PLAYBOOK), "-i", str(self.inventory), *playbooks, "-e", "env=house", *words]
        home = str(self.place / "home")
        variables = playbook_environment(self.place, HOME=home, ANSIBLE_HOME=home, **self.kube.environment())
        return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)

    def check_no_secret(self, output: str, processes: set[str]) -> None:
        """No secret in the output, in an object of the cluster, in what Ansible left, or in the words of a process."""
        objects = [one for one in self.kube.everything() if one["metadata"]["name"] != "erp-database"]
        logs = [self.kube.logs(pod["metadata"]["name"], "erp", "job") for pod in self.job_pods()]
        assert logs
        files = [path.read_text(errors="replace") for path in self.place.glob("[hlr]*/**/*") if path.is_file()]
        for secret in [*self.secrets, self.kube.token]:
            assert not [text[:300] for text in [output, *map(json.dumps, objects), *logs, *files] if secret in text], (
                secret
            )
            assert not [words for words in processes if secret in words]
        assert [one["metadata"]["name"] for one in self.kube.objects(SECRET, "erp")] == ["erp-database"]

    def job_pods(self) -> list[Body]:
        return [
            pod for pod in self.kube.objects(POD, "erp") if "arcodange.erp/job" in pod["metadata"].get("labels", {})
        ]

    def events(self) -> list[str]:
        """What was written, in order: the scale of the Deployment, and the module of each Job."""
        found = []
        for request in self.kube.writes:
            body = request.body or {}
            if request.path.endswith("/jobs"):
                box = body["spec"]["template"]["spec"]["containers"][0]
                names = {one["name"]: one.get("value") for one in box["env"]}
                look = " (looks)" if names.get("ERP_JOB_CHECK_MODE") else ""
                found.append(f"{names['ERP_JOB_MODULE']}{look}")
            elif "/deployments/erp" in request.path and "replicas" in body.get("spec", {}):
                found.append(f"scale {body['spec']['replicas']}")
        return found

    def check_up(self) -> None:
        """Dolibarr runs as it did, and nobody holds anything off."""
        assert self.replicas() == (1, 1)
        application = self.kube.object(APPLICATION, "erp", "argocd")
        assert application and application["spec"]["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}
        deployment = self.kube.object(DEPLOYMENT, "erp", "erp")
        assert deployment and "arcodange.erp/quiesced" not in deployment["metadata"].get("annotations", {})


@pytest.fixture
def house(kube: FakeCluster, live: Live, tmp_path: pathlib.Path) -> House:
    return House(kube, live, tmp_path)


def test_a_restore_on_a_cluster_from_question_to_answer(house: House) -> None:
    before = house.live.state()
    # Nobody confirmed it.
    assert sentence(house.play("restore", "-e", "backup_id=latest")) == (
        "This changes what is live in house: add -e confirm=house to go on."
    )
    # Nor does anybody know whom the owner role's work is done as.
    owned = ("-e", "erp_restore_ownership_role=arcodange.erp.ownership")
    assert "set erp_db_admin_user and erp_db_admin_password, or leave it out" in sentence(
        house.play("restore", "-e", "confirm=house", *owned)
    )
    assert house.kube.writes == []
    # Check mode of every verb writes nothing, whatever it says.
    house.kube.refuse_writes = True
    checked = house.play("backup drill prune restore", "--check", "-e", f"backup_id={OLDER}")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    for module in ("erp_backup", "erp_drill", "s3_tiered_prune", "erp_restore"):
        assert f"Would run      {module} in a Job of the namespace erp" in checked.stdout
    assert house.kube.refused == []
    house.kube.refuse_writes = False
    # And now really.
    with Onlooker() as onlooker:
        done = house.play("drill prune restore", "-vvvv", "-e", f"backup_id={OLDER}", "-e", "confirm=house")
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    # The few documents of these restore points are not the invoices' PDFs; the list of them is cut, their number is not.
    assert re.search(r"Restore point  \d\d defects", output)
    assert "2 kept, 0 marked, 0 waiting, 0 deleted" in output
    assert f"{OLDER} is live in house" in output
    assert "s from stop to start" in output
    assert house.events() == [
        "erp_drill",
        "s3_tiered_prune",
        "erp_restore (looks)",
        "scale 0",
        "erp_backup",
        "erp_backup_info",
        "erp_restore",
        "scale 1",
    ]
    assert house.live.state() != before
    assert len(house.live.bucket.manifests()) == 3  # the present was backed up
    house.check_up()
    house.check_no_secret(output, onlooker.seen)


def test_a_restore_that_fails_and_one_that_was_stopped_end_with_a_running_dolibarr(house: House) -> None:
    before = house.live.state()
    words = ("-e", "confirm=house", "-e", '{"parts": ["documents"], "erp_restore_safety_backup": false}')

    def kill() -> None:
        for pod in house.job_pods():
            names = {one["name"]: one.get("value") for one in pod["spec"]["containers"][0]["env"]}
            real = "ERP_JOB_CHECK_MODE" not in names and '"settle"' not in names["ERP_JOB_OPTIONS"]
            if real and pod["status"].get("phase") == "Running":
                house.kube.kill_pod(pod["metadata"]["name"], "erp")

    with during(kill):
        failed = house.play("restore", "-e", f"backup_id={OLDER}", *words)
    output = failed.stdout + failed.stderr
    assert failed.returncode == 2, output
    assert "used more memory than it may" in output
    assert "The restore failed. What is live is complete" in output
    assert house.live.state() == before
    house.check_up()
    # A restore that is done, and a Dolibarr that does not start on it.
    house.kube.world.health = lambda pod: "CrashLoopBackOff"
    output = house.play("restore", "-e", f"backup_id={OLDER}", *words, "-e", "erp_kubernetes_stop_timeout=3").stdout
    assert re.search(
        rf"Dolibarr does not start \(.*is not ready.*What is live is complete: {OLDER}, and -e undo", output
    )
    house.kube.world.health = lambda pod: ""
    house.kube.wait(lambda: house.replicas() == (1, 1))
    assert house.play("restore", "-e", "undo=true", *words).returncode == 0
    assert house.live.state() == before
    house.check_up()
    # A run that stopped Dolibarr, and of which nothing was heard again.
    options = QuiesceOptions(
        state="quiesced",
        namespace="erp",
        deployment="erp",
        argocd_applications=("erp",),
        holder="somebody else",
        settle=0.2,
        timeout=30,
    )
    config = house.kube.kubeconfig(house.place / "kubeconfig")
    run_quiesce(connect(KubernetesOptions(kubeconfig=str(config)), dry_run=False), options, False)
    assert house.replicas() == (0, 0)
    output = house.play("restore", "-e", f"backup_id={OLDER}", *words).stdout
    assert re.search(
        r"Dolibarr does not start \(Deployment erp/erp is held by somebody else.*This run changed nothing[.]", output
    )
    resumed = house.play("restore", "-e", "resume=true", *words)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert house.live.state() == before
    house.check_up()


def test_a_recovery_that_restores_on_the_way(house: House) -> None:
    before = house.live.state()
    house.kube.add_longhorn_volume("pvc-erp-documents", "attached", "healthy", {"pi1": "running"})
    words = ("-e", f"restore={OLDER}", "-e", "erp_recovery_timeout=20", "-e", "erp_recovery_pause=0.2")
    assert sentence(house.play("recover", *words)) == (
        "This changes what is live in house: add -e confirm=house to restore on the way."
    )
    done = house.play("recover", *words, "-e", "confirm=house")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The ERP is up." in done.stdout
    assert house.events() == [
        "erp_database_info",
        "erp_restore (looks)",
        "scale 0",
        "erp_backup",
        "erp_backup_info",
        "erp_restore",
        "erp_database_info",
        "scale 1",
    ]
    assert house.live.state() != before
    house.check_up()
