# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake Kubernetes cluster: the API over the wire, controllers, and Jobs that run as processes of this machine."""

from __future__ import annotations

import contextlib
import copy
import pathlib
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import yaml

from tests.support.kubernetes_controllers import Controllers, bind
from tests.support.kubernetes_objects import (
    APPLICATION,
    CLAIM,
    CRON_JOB,
    DYNAMIC_SECRET,
    JOB,
    LONGHORN_NODE,
    NAMESPACE,
    NODE,
    POD,
    RESOURCES,
    Body,
    Problem,
    Resource,
    suffix,
)
from tests.support.kubernetes_operators import ArgoCD, SecretsOperator
from tests.support.kubernetes_pods import Kubelets
from tests.support.kubernetes_server import serve
from tests.support.kubernetes_store import Store, owner_reference
from tests.support.kubernetes_wire import Fault, Request, Wire
from tests.support.kubernetes_world import NODE_INFO, Timers, World, condition

TICK = 0.02  # seconds between two looks of the controllers
TOKEN = "token-of-the-fake-cluster-7f3a"


class Named(Protocol):
    """A kind as the code under test names it; only its two names are believed."""

    @property
    def api(self) -> str: ...
    @property
    def name(self) -> str: ...


class FakeCluster:
    """Three nodes and nothing else, until a test adds it.

    ``speed`` seconds of the cluster pass in one of ours, for all that controllers and stop hooks take; deadlines of Jobs
    are in our own seconds. What this class does by itself is neither recorded nor bound by rights.
    """

    def __init__(self, speed: float = 50.0, certificate: pathlib.Path | None = None) -> None:
        self._directory = pathlib.Path(tempfile.mkdtemp(prefix="erp-kubernetes-"))
        self.store = Store()
        self.world = World(self.store, Timers(speed), self._directory)
        self.wire = Wire(self.store, TOKEN)
        self.token = TOKEN
        self._kubelets = Kubelets(self.world)
        self._operator = SecretsOperator(self.world)
        self._steps = [ArgoCD(self.world).tick, self._operator.tick, Controllers(self.world).tick, self._kubelets.tick]
        self.wire.logs = self._kubelets.logs
        for name in ("default", "kube-system"):
            self._namespace(name)
        for name in ("pi1", "pi2", "pi3"):
            self.add_node(name)
        self.error: Exception | None = None
        self._ended = threading.Event()
        self._server = serve(self.wire, certificate)
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop everything; what went wrong inside the fake, or could not happen in a real cluster, shows here."""
        self._ended.set()
        self._thread.join()
        self._server.shutdown()
        self._server.server_close()
        self._kubelets.kill_all()
        shutil.rmtree(self._directory)
        if self.error:
            raise self.error
        assert not self.world.violations, self.world.violations

    def _run(self) -> None:
        while not self._ended.wait(TICK):
            try:
                with self.store.lock:
                    for step in self._steps:
                        step()
            except Exception as error:
                self.error = error
                return

    # What a client needs.

    def environment(self) -> dict[str, str]:
        """Variables that lead kubernetes.core and the collection here."""
        return {"K8S_AUTH_HOST": self.url, "K8S_AUTH_API_KEY": self.token}

    def kubeconfig(
        self, path: pathlib.Path, context: str = "fake", token: str = "", authority: str = ""
    ) -> pathlib.Path:
        """Write a kubeconfig file that leads here."""
        cluster = {"server": self.url, **({"certificate-authority": authority} if authority else {})}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "clusters": [{"name": "fake", "cluster": cluster}],
            "users": [{"name": "tester", "user": {"token": token or self.token}}],
            "contexts": [{"name": context, "context": {"cluster": "fake", "user": "tester"}}],
        }
        path.touch(0o600)
        path.write_text(yaml.safe_dump(content))
        return path

    # What is there.

    def add(self, body: Body) -> Body:
        """Place an object, with its status when it has one; its namespace is made."""
        resource = next(
            known for known in self.wire.resources if (known.api, known.kind) == (body["apiVersion"], body["kind"])
        )
        namespace = body["metadata"].get("namespace", "default") if resource.namespaced else ""
        with self.store.lock:
            self._namespace(namespace)
            created = self.store.create(resource, namespace, body)
            if resource.status and body.get("status"):
                live = self.store.find(resource, namespace, created["metadata"]["name"])
                assert live is not None
                status = copy.deepcopy(body["status"])
                self.store.amend(resource, live, lambda copied: copied.setdefault("status", {}).update(status))
            return self.store.get(resource, namespace, created["metadata"]["name"])

    def _namespace(self, name: str) -> None:
        if name and self.store.find(NAMESPACE, "", name) is None:
            self.store.create(NAMESPACE, "", {"metadata": {"name": name}})

    def add_node(self, name: str, ready: bool = True, taints: list[Body] | None = None, arch: str = "arm64") -> Body:
        """Place a node."""
        labels = {"kubernetes.io/hostname": name, "kubernetes.io/arch": arch, "kubernetes.io/os": "linux"}
        return self.add(
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": labels},
                "spec": {"taints": taints or []},
                "status": {
                    "conditions": [condition("Ready", ready, "KubeletReady" if ready else "NodeStatusUnknown")],
                    "nodeInfo": {**dict.fromkeys(NODE_INFO, ""), "architecture": arch, "operatingSystem": "linux"},
                },
            }
        )

    def set_node(self, name: str, ready: bool) -> None:
        """Let the kubelet of a node stop or go on answering."""
        entry = condition("Ready", ready, "KubeletReady" if ready else "NodeStatusUnknown")
        self.change(NODE, name, "", {"status": {"conditions": [entry]}})

    def add_claim(
        self,
        name: str,
        namespace: str,
        directory: pathlib.Path | None = None,
        modes: tuple[str, ...] = ("ReadWriteOnce",),
        size: str = "50Gi",
    ) -> Body:
        """Place a bound claim and its volume; its files are in ``directory``, where a pod must mount it too."""
        spec = {
            "accessModes": list(modes),
            "resources": {"requests": {"storage": size}},
            "storageClassName": "longhorn",
            "volumeName": f"pvc-{name}",
        }
        metadata = {"name": name, "namespace": namespace}
        with self.store.lock:
            self.add({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec})
            claim = self.store.find(CLAIM, namespace, name)
            assert claim is not None
            bind(self.world, claim, f"pvc-{name}")
            if directory:
                self.world.directories[(namespace, name)] = directory
            return self.store.get(CLAIM, namespace, name)

    def add_longhorn_volume(
        self,
        name: str,
        state: str = "attached",
        robustness: str = "healthy",
        replicas: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        last_backup_at: str = "",
        size: int = 50 << 30,
    ) -> Body:
        """Place a Longhorn volume and its replicas, given as the node of each and its state."""
        replicas = {"pi1": "running", "pi2": "running"} if replicas is None else replicas
        for node in self.objects(NODE):
            if self.object(LONGHORN_NODE, node["metadata"]["name"], "longhorn-system") is None:
                self._add_longhorn("Node", node["metadata"]["name"], {}, {"conditions": [condition("Ready", True)]})
        status = {
            "state": state,
            "robustness": robustness,
            "lastBackupAt": last_backup_at,
            "lastBackup": f"backup-{suffix(16)}" if last_backup_at else "",
            "currentNodeID": "pi1" if state == "attached" else "",
            "actualSize": size // 10,
        }
        spec = {"size": str(size), "numberOfReplicas": len(replicas), "accessMode": "rwo"}
        volume = self._add_longhorn("Volume", name, spec, status, {"longhornvolume": name, **(labels or {})})
        for node_name, current in replicas.items():
            spec = {
                "volumeName": name,
                "nodeID": node_name,
                "failedAt": "2026-11-20T03:00:00Z" if current == "error" else "",
                "healthyAt": "2026-11-19T03:00:00Z",
            }
            status = {"currentState": current, "started": current == "running"}
            self._add_longhorn("Replica", f"{name}-r-{suffix(8)}", spec, status, {"longhornvolume": name})
        return volume

    def _add_longhorn(
        self, kind: str, name: str, spec: Body, status: Body, labels: Mapping[str, str] | None = None
    ) -> Body:
        metadata = {"name": name, "namespace": "longhorn-system", "labels": dict(labels or {})}
        api = "longhorn.io/v1beta2"
        return self.add({"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec, "status": status})

    def add_application(
        self, name: str, managed: list[Body], self_heal: bool = True, namespace: str = "argocd", **spec: Any
    ) -> Body:
        """Place an ArgoCD Application; ``managed`` holds the parts of objects that are in git."""
        self.world.managed[(namespace, name)] = managed
        policy = {"automated": {"prune": True, "selfHeal": self_heal}, "syncOptions": ["CreateNamespace=true"]}
        source = {"repoURL": "https://git.example.com/erp.git", "path": "chart", "targetRevision": "HEAD"}
        return self.add(
            {
                "apiVersion": APPLICATION.api,
                "kind": APPLICATION.kind,
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"project": "default", "source": source, "syncPolicy": policy, **spec},
            }
        )

    def add_dynamic_secret(
        self, name: str, namespace: str, destination: str, issue: Callable[[], Mapping[str, str]], **spec: Any
    ) -> Body:
        """Place a VaultDynamicSecret; ``issue`` gives new credentials, or raises while Vault cannot."""
        self.world.issuers[(namespace, name)] = issue
        return self.add(
            {
                "apiVersion": DYNAMIC_SECRET.api,
                "kind": DYNAMIC_SECRET.kind,
                "metadata": {"name": name, "namespace": namespace},
                "spec": {
                    "mount": "postgres",
                    "path": f"creds/{name}",
                    "destination": {"name": destination, "create": True},
                    **spec,
                },
            }
        )

    def rotate(self, name: str, namespace: str) -> None:
        """Let the operator ask Vault for new credentials now."""
        with self.store.lock:
            self._operator.sync(self.store.get(DYNAMIC_SECRET, namespace, name))

    def fire(self, name: str, namespace: str) -> Body | None:
        """What a CronJob does when its time has come; None when it is suspended."""
        with self.store.lock:
            cron = self.store.get(CRON_JOB, namespace, name)
            if cron["spec"]["suspend"]:
                return None
            template = copy.deepcopy(cron["spec"]["jobTemplate"])
            metadata = {**template.get("metadata", {}), "name": f"{name}-{suffix(8)}"}
            metadata["ownerReferences"] = [owner_reference(cron)]
            return self.store.create(JOB, namespace, {"metadata": metadata, "spec": template["spec"]})

    def change(self, kind: Resource | Named, name: str, namespace: str, body: Body) -> None:
        """Merge into an object, its status too."""
        with self.store.lock:
            resource = self._resource(kind)
            live = self.store.find(resource, namespace, name)
            assert live is not None, f"there is no {resource} {namespace}/{name}"
            self.store.patch(resource, live, body)

    def remove(self, kind: Resource | Named, name: str, namespace: str = "") -> None:
        """Take an object away at once."""
        with self.store.lock:
            self.store.remove(self._resource(kind), namespace, name)

    def without(self, group: str) -> None:
        """Let the cluster not know an API group, such as longhorn.io."""
        self.wire.resources = [resource for resource in self.wire.resources if resource.group != group]

    def kill_pod(self, name: str, namespace: str) -> None:
        """Kill the processes of a pod as a machine out of memory does."""
        with self.store.lock:
            uid = self.store.get(POD, namespace, name)["metadata"]["uid"]
            for container in self._kubelets.containers.get(uid, {}).values():
                container.killed_as = "OOMKilled"
                container.signal(9)

    def evict(self, name: str, namespace: str) -> None:
        """Tell a pod to end, as the cluster does some minutes after its node is lost."""
        with self.store.lock:
            self.store.delete(POD, namespace, name)

    # What is seen.

    def _resource(self, kind: Resource | Named) -> Resource:
        name = kind.kind if isinstance(kind, Resource) else kind.name
        return next(known for known in RESOURCES if (known.api, known.kind) == (kind.api, name))

    def object(self, kind: Resource | Named, name: str, namespace: str = "") -> Body | None:
        with self.store.lock, contextlib.suppress(Problem):
            return self.store.get(self._resource(kind), namespace, name)
        return None

    def objects(self, kind: Resource | Named, namespace: str = "") -> list[Body]:
        with self.store.lock:
            return [copy.deepcopy(body) for body in self.store.all(self._resource(kind), namespace)]

    def everything(self) -> list[Body]:
        """All objects there are, to look for what should not be in them."""
        return [body for resource in RESOURCES for body in self.objects(resource)]

    def logs(self, pod: str, namespace: str, container: str) -> str:
        with self.store.lock:
            return self._kubelets.logs(self.store.get(POD, namespace, pod), container, None).decode()

    def wait(self, what: Callable[[], Any], seconds: float = 10.0) -> Any:
        """Wait until something is so, in our own seconds; what it was."""
        end = time.monotonic() + seconds
        while not (found := what()):
            if self.error:
                raise self.error
            assert time.monotonic() < end, f"waited {seconds:g} s in vain"
            time.sleep(TICK)
        return found

    # What was asked, and what goes wrong.

    @property
    def requests(self) -> list[Request]:
        """Every request, in order."""
        return list(self.wire.requests)

    @property
    def writes(self) -> list[Request]:
        """The requests that changed something."""
        return [request for request in self.requests if request.writes and 0 < request.status < 300]

    @property
    def refused(self) -> list[Request]:
        """The writes that came while writes were refused."""
        return list(self.wire.refused)

    @property
    def refuse_writes(self) -> bool:
        return self.wire.refuse_writes

    @refuse_writes.setter
    def refuse_writes(self, value: bool) -> None:
        self.wire.refuse_writes = value

    def forbid(self, verb: str, kind: Resource | Named, namespace: str = "") -> None:
        """Take a right away: a verb such as ``patch``, or ``*``, in a namespace or everywhere."""
        self.wire.forbidden.append((verb, self._resource(kind), namespace))

    def fail(
        self,
        position: int = 1,
        times: int = 1,
        status: int = 0,
        cut: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """From the ``position``-th request from now, answer so many with a status, or cut them before, late or after they took effect."""
        first = len(self.wire.requests) + position
        given = tuple((headers or {}).items())
        self.wire.faults += [Fault(number, status, given, cut) for number in range(first, first + times)]

    def after_write(self, position: int, callback: Callable[[], Any]) -> None:
        """Call something when the ``position``-th write from now has taken effect, before it is answered."""
        self.wire.callbacks.append((self.wire.written + position, callback))


@contextlib.contextmanager
def fake_cluster(speed: float = 50.0, certificate: pathlib.Path | None = None) -> Iterator[FakeCluster]:
    """A fake cluster for as long as the block lasts."""
    cluster = FakeCluster(speed, certificate)
    try:
        yield cluster
    finally:
        cluster.close()
