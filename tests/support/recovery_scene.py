# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole stack after a power cut, and somebody who brings it back as the role does, without Ansible."""

from __future__ import annotations

import base64
import contextlib
import pathlib
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg import sql

from ansible_collections.arcodange.erp.plugins.module_utils.clock import Clock
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import DolibarrOptions
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.client import connect
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import (
    DEPLOYMENT,
    LONGHORN_REPLICA,
    LONGHORN_VOLUME,
    POD,
    SECRET,
    VAULT_DYNAMIC_SECRET,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.options import KubernetesOptions
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce import run_quiesce
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_objects import QuiesceOptions
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import DatabaseOptions
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.database_info import InfoOptions, read_info
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.judging import Probe
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.look import LookOptions, look
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.reading import Watched
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.secret_sync import SyncOptions, sync_secret
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.steps import END, STOP, Wish
from ansible_collections.arcodange.erp.plugins.module_utils.vault.client import VaultOptions
from ansible_collections.arcodange.erp.plugins.module_utils.vault.keys import read_keys
from ansible_collections.arcodange.erp.plugins.module_utils.vault.unseal import run_unseal
from tests.support.databases import Cluster as Postgres
from tests.support.databases import Database
from tests.support.dolibarr import StandIn
from tests.support.kubernetes import FakeCluster, fake_cluster
from tests.support.vault import FakeVault

NAMESPACE, ERP, CLAIM, SECRET_NAME, SOURCE = "erp", "erp", "erp-documents", "vso-db-credentials", "erp"
VOLUME = f"pvc-{CLAIM}"
LABELS = {"app.kubernetes.io/name": "erp", "app.kubernetes.io/instance": "erp"}
LONG_AGO = "2026-01-01T00:00:00+00:00"
QUICK = Clock(sleep=lambda _seconds: time.sleep(0.02))


@dataclass
class Scene:
    """A cluster, a Vault, a database and a Dolibarr; ``issued`` are the login roles that Vault made."""

    kube: FakeCluster
    vault: FakeVault
    database: Database
    postgres: Postgres
    dolibarr: StandIn
    config: pathlib.Path
    issued: list[str] = field(default_factory=list)

    def issue(self) -> dict[str, str]:
        """New credentials, as Vault makes them while it is unsealed."""
        if all(replica.sealed for replica in self.vault.replicas):
            raise RuntimeError("Vault is sealed")
        user, password = f"v-kubernetes-erp-{secrets.token_hex(4)}", f"planted-{secrets.token_hex(8)}"
        with self.postgres.admin.connect() as connection:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}").format(
                    sql.Identifier(user), sql.Literal(password), sql.Identifier(self.database.user)
                )
            )
        self.issued.append(user)
        return {"username": user, "password": password}

    def revoke(self, user: str) -> None:
        """What the end of a lease does."""
        with self.postgres.admin.connect() as connection:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(user)))
        self.issued.remove(user)

    def credentials(self) -> tuple[str, str]:
        """What the rotated Secret holds."""
        body = self.kube.object(SECRET, SECRET_NAME, NAMESPACE)
        assert body is not None
        return (
            base64.b64decode(body["data"]["username"]).decode(),
            base64.b64decode(body["data"]["password"]).decode(),
        )

    @property
    def replicas(self) -> int:
        body = self.kube.object(DEPLOYMENT, ERP, NAMESPACE)
        assert body is not None
        return int(body["spec"]["replicas"])

    def fault(self) -> None:
        """No replica of the documents' volume holds its data any more."""
        for replica in self.kube.objects(LONGHORN_REPLICA, "longhorn-system"):
            name = replica["metadata"]["name"]
            self.kube.change(LONGHORN_REPLICA, name, "longhorn-system", {"spec": {"failedAt": LONG_AGO}})
        self.kube.change(LONGHORN_VOLUME, VOLUME, "longhorn-system", {"status": {"robustness": "faulted"}})


@contextlib.contextmanager
def outage(postgres: Postgres, database: Database, place: pathlib.Path) -> Iterator[Scene]:
    """After the lights are back: Vault sealed, one replica of the volume lost, the ERP crashing on credentials that are gone."""
    with fake_cluster() as kube, FakeVault() as vault, StandIn() as dolibarr:
        scene = Scene(kube, vault, database, postgres, dolibarr, kube.kubeconfig(place / "kubeconfig"))
        vault.open()
        users: dict[str, str] = {}  # which credentials a pod of the ERP was started with

        def health(pod: dict[str, Any]) -> str:
            metadata = pod["metadata"]
            if metadata["namespace"] == "tools":
                return "Sealed" if vault.replicas[int(metadata["name"][-1])].sealed else ""
            if metadata.get("labels", {}).get("app.kubernetes.io/name") != "erp":
                return ""
            secret = kube.object(SECRET, SECRET_NAME, NAMESPACE)
            if secret and metadata["uid"] not in users:
                users[metadata["uid"]] = base64.b64decode(secret["data"]["username"]).decode()
            return "" if users.get(metadata["uid"]) in scene.issued else "CrashLoopBackOff"

        kube.world.health = health
        kube.world.lease_seconds = 36000
        documents = place / "volume" / "documents"
        documents.mkdir(parents=True)
        kube.add_claim(CLAIM, NAMESPACE, directory=documents.parent)
        kube.add_longhorn_volume(
            VOLUME,
            "attached",
            "degraded",
            {"pi1": "running", "pi2": "running", "pi3": "error"},
            last_backup_at="2026-11-19T04:00:00Z",
        )
        kube.add_dynamic_secret(SOURCE, NAMESPACE, SECRET_NAME, scene.issue)
        kube.wait(lambda: kube.object(SECRET, SECRET_NAME, NAMESPACE))
        for number in range(3):
            kube.add(pod(f"vault-{number}"))
        deployment = erp_deployment()
        kube.add(deployment)
        kube.add_application(ERP, [deployment])
        kube.add(cron_job())
        kube.wait(lambda: ready(kube))
        # The lights go out.
        scene.revoke(scene.credentials()[0])
        for number in range(3):
            vault.seal(number)
        renewed = int(time.time()) - 19 * 3600
        kube.change(VAULT_DYNAMIC_SECRET, SOURCE, NAMESPACE, {"status": {"lastRenewalTime": renewed}})
        kube.wait(lambda: not ready(kube) and not any(is_ready(one) for one in kube.objects(POD, "tools")))
        yield scene


def erp_deployment() -> dict[str, Any]:
    """The Deployment of the ERP, as its chart makes it."""
    container = {
        "name": "erp",
        "image": "dolibarr/dolibarr:22.0.4",
        "env": [
            {"name": "DOLI_DB_USER", "valueFrom": {"secretKeyRef": {"name": SECRET_NAME, "key": "username"}}},
        ],
        "volumeMounts": [{"name": "documents", "mountPath": "/var/www/documents"}],
    }
    volumes = [{"name": "documents", "persistentVolumeClaim": {"claimName": CLAIM}}]
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [container], "volumes": volumes}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": ERP, "namespace": NAMESPACE, "labels": LABELS},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": {"app.kubernetes.io/name": "erp"}},
            "template": template,
        },
    }


def cron_job() -> dict[str, Any]:
    """A CronJob that mounts the documents."""
    container = {"name": "cron", "image": "dolibarr/dolibarr:22.0.4", "command": ["true"]}
    volumes = [{"name": "documents", "persistentVolumeClaim": {"claimName": CLAIM}}]
    spec = {"containers": [container], "volumes": volumes, "restartPolicy": "Never"}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "erp-cron", "namespace": NAMESPACE, "labels": LABELS},
        "spec": {
            "schedule": "*/5 * * * *",
            "suspend": False,
            "jobTemplate": {"spec": {"template": {"metadata": {"labels": LABELS}, "spec": spec}}},
        },
    }


def pod(name: str) -> dict[str, Any]:
    """A pod of Vault, which is ready when it is unsealed."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "tools", "labels": {"app.kubernetes.io/name": "vault"}},
        "spec": {"containers": [{"name": "vault", "image": "hashicorp/vault:1.20"}]},
    }


def is_ready(body: dict[str, Any]) -> bool:
    conditions = body.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def ready(kube: FakeCluster) -> bool:
    body = kube.object(DEPLOYMENT, ERP, NAMESPACE)
    return bool(body and body.get("status", {}).get("readyReplicas"))


class Killed(Exception):
    """The controller is gone."""


Hook = Callable[[str, str], None]


class Operator:
    """One run of a recovery; ``around`` is called before and after each action, and may kill the run."""

    def __init__(self, scene: Scene, wish: Wish | None = None, keys: int = 3, around: Hook | None = None) -> None:
        self.scene = scene
        self.cluster = connect(KubernetesOptions(kubeconfig=str(scene.config)), dry_run=False)
        self.keys = read_keys(scene.vault.keys[:keys], [])
        self.around = around or (lambda _when, _action: None)
        self.done: list[str] = []
        self.restoring = ""
        self.torn = False  # whether what a restore left cannot be ended
        self.vault = VaultOptions(scene.vault.addresses, timeout=2, wait_timeout=2)
        self.options = LookOptions(
            watched=Watched(NAMESPACE, ERP, (CLAIM,), SECRET_NAME, "tools", (("app.kubernetes.io/name", "vault"),)),
            vault=self.vault,
            dolibarr=DolibarrOptions(scene.dolibarr.url, scene.dolibarr.key("ai_agent"), timeout=2),
            wish=wish or Wish(),
            timeout=2,
            pause=0.02,
        )

    def look(self) -> dict[str, Any]:
        return look(self.cluster, self.options)

    def run(self) -> dict[str, Any]:
        """Look, act, look again, until the end; the last look."""
        while True:
            seen = self.look()
            if seen["next"]["settles"] or self.options.wish.restore:
                self.restoring = " with restore"
            action = seen["next"]["action"]
            if action in (END, STOP):
                return seen
            assert len(seen["journal"]) < 40, seen["report"]
            self.around("before", action)
            self.done.append(f"{seen['next']['step']}:{action}")
            failure = ""
            try:
                getattr(self, action)(seen)
            except ErpError as error:
                failure = str(error)
            self.options = replace(self.options, journal=seen["journal"], failure=failure)
            self.around("after", action)

    def wait(self, _seen: dict[str, Any]) -> None:
        """The look itself waits."""

    def _quiesce(self, state: str, seen: dict[str, Any]) -> None:
        options = QuiesceOptions(
            state=state,
            namespace=NAMESPACE,
            deployment=ERP,
            argocd_applications=(ERP,),
            holder=f"recover prod{self.restoring} by {id(self)}",
            resume=seen["next"]["takes_over"],
            replicas=1,
            timeout=5,
            settle=0.2,
        )
        run_quiesce(self.cluster, options, False, QUICK)

    def hold(self, seen: dict[str, Any]) -> None:
        self._quiesce("quiesced", seen)

    def start(self, seen: dict[str, Any]) -> None:
        if seen["next"]["settles"]:
            self.done.append("settle")
            if self.torn:
                raise ErpError("What is live may be incomplete, so Dolibarr stays stopped.")
        self._quiesce("running", seen)

    def unseal(self, _seen: dict[str, Any]) -> None:
        run_unseal(self.vault, self.keys, False, QUICK)

    def sync(self, seen: dict[str, Any]) -> None:
        options = SyncOptions(NAMESPACE, SECRET_NAME, seen["secret_version"], timeout=1, pause=0.02)
        sync_secret(self.cluster, options, False, QUICK)

    def probe(self, seen: dict[str, Any]) -> None:
        user, password = self.scene.credentials()
        database = self.scene.database
        said = read_info(InfoOptions(DatabaseOptions(database.host, database.port, database.name, user, password)))
        self.options = replace(self.options, probe=Probe.read({**said, "secret_version": seen["secret_version"]}))

    def own(self, _seen: dict[str, Any]) -> None:
        raise ErpError("There is nothing to reassign in this scene.")

    def restore(self, seen: dict[str, Any]) -> None:
        """What the role restore does to the service: stopped by the same holder, and left so."""
        self._quiesce("quiesced", seen)
        if self.options.wish.restore == "broken":
            raise ErpError("The restore point is not whole.")
        self.options = replace(self.options, restored=self.options.wish.restore)
