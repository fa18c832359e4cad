# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks as a person types them at three in the morning: the plan, the recovery, the check; and nowhere a secret."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import DEPLOYMENT, JOB
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_record import ANNOTATION, Record
from tests.support.databases import Cluster, Database
from tests.support.paths import ROOT
from tests.support.playbooks import PLAYBOOK, playbook_environment
from tests.support.recovery_scene import CLAIM, ERP, NAMESPACE, SECRET_NAME, Scene, outage, ready
from tests.support.stores import Store


def play(
    scene: Scene, home: pathlib.Path, name: str, *words: str, **settings: object
) -> subprocess.CompletedProcess[str]:
    """Type a playbook; the variables are those of the inventory."""
    keys = home / "unseal-keys"
    keys.touch(0o600)
    keys.write_text("".join(f"{key}\n" for key in scene.vault.keys[:3]))
    host = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "erp_platform": "kubernetes",
        "erp_instance_id": "planted",
        "erp_kubernetes_kubeconfig": str(scene.config),
        "erp_kubernetes_namespace": NAMESPACE,
        "erp_kubernetes_deployment": ERP,
        "erp_kubernetes_documents_claim": CLAIM,
        "erp_kubernetes_db_secret": SECRET_NAME,
        "erp_kubernetes_image": "registry.example.com/erp-ansible:1",
        "erp_kubernetes_poll_interval": 0.2,
        "erp_kubernetes_settle": 0.5,
        "erp_argocd_applications": [ERP],
        "erp_vault_addresses": scene.vault.addresses,
        "erp_vault_key_files": [str(keys)],
        "erp_vault_namespace": "tools",
        "erp_dolibarr_url": scene.dolibarr.url,
        "erp_dolibarr_api_key": scene.dolibarr.key("ai_agent"),
        "erp_db_host": scene.database.host,
        "erp_db_port": scene.database.port,
        "erp_db_name": scene.database.name,
        "erp_db_owner": scene.database.user,
        "erp_recovery_timeout": 10,
        "erp_recovery_pause": 0.1,
        **settings,
    }
    inventory = home / "inventory.json"
    inventory.write_text(json.dumps({"erp_planted": {"hosts": {"here": host}}}), encoding="utf-8")
    environment = playbook_environment(home, ANSIBLE_SHOW_CUSTOM_STATS="1")
    command = [str(PLAYBOOK), f"playbooks/{name}.yml", "-i", str(inventory), "-e", "env=planted", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_three_in_the_morning(
    postgres: Cluster, sample_database: Database, object_store: Store, tmp_path: pathlib.Path
) -> None:
    with outage(postgres, sample_database, tmp_path) as scene:
        scene.kube.refuse_writes = True
        plan = play(scene, tmp_path, "recover", "--check")
        assert plan.returncode == 0, plan.stdout + plan.stderr
        assert "3 of 3 replicas are sealed.  -> unseal" in plan.stdout and "-> start" in plan.stdout
        looked = play(
            scene, tmp_path, "check", "--check", "-e", f"dest={tmp_path / 'check.json'}", erp_s3_bucket="none"
        )
        assert looked.returncode == 0, looked.stdout + looked.stderr
        assert not (tmp_path / "check.json").exists()
        assert scene.kube.refused == [] and all(replica.sealed for replica in scene.vault.replicas)
        scene.kube.refuse_writes = False
        # Somebody began a restore before the lights went out, and nobody ended it.
        begun = Record("restore of planted by ada@office", "2026-11-20T22:00:00+00:00", 1)
        scene.kube.change(DEPLOYMENT, ERP, NAMESPACE, {"metadata": {"annotations": {ANNOTATION: begun.text()}}})
        done = play(
            scene,
            tmp_path,
            "recover",
            "-vvvv",
            "--diff",
            "-e",
            "resume=true",
            erp_s3_bucket="none",
            erp_documents_path=str(tmp_path / "volume" / "documents"),
            erp_kubernetes_documents_mount=str(tmp_path / "volume"),
        )
        output = done.stdout + done.stderr
        assert done.returncode == 0, output[-20000:]
        assert "The ERP is up." in done.stdout and ready(scene.kube)
        jobs = [job["metadata"]["name"] for job in scene.kube.objects(JOB, NAMESPACE)]
        assert any("-restore-" in name for name in jobs), jobs
        store = {f"erp_{name}": value for name, value in object_store.module_options().items()}
        checked = play(scene, tmp_path, "check", "--diff", "-e", f"dest={tmp_path / 'check.json'}", **store)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        report = json.loads((tmp_path / "check.json").read_text())
        states = {item["check"]: item["state"] for item in report["checks"]}
        assert (states["vault"], states["owners"], states["restore_point"]) == ("pass", "pass", "error")
        user, password = scene.credentials()
        key = scene.dolibarr.key("ai_agent")
        said = output + checked.stdout + checked.stderr + plan.stdout + json.dumps(report)
        secrets = [*scene.vault.keys, password, key, scene.kube.token]
        assert [secret for secret in secrets if secret in said] == []
        left = json.dumps([body for body in scene.kube.everything() if body.get("kind") != "Secret"])
        assert [secret for secret in secrets if secret in left] == []
