# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of a cluster: what it sends, what it tries again, and what it says."""

from __future__ import annotations

import pathlib
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from kubernetes.config import incluster_config

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes import client, cluster
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.client import connect
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import (
    ACCESS_REVIEW,
    CONFIG_MAP,
    DEPLOYMENT,
    JOB,
    LONGHORN_NODE,
    LONGHORN_VOLUME,
    NODE,
    POD,
    SECRET,
    Cluster,
    Conflict,
    Kind,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.options import KubernetesOptions
from tests.support import kubernetes_objects
from tests.support.certificates import self_signed
from tests.support.kubernetes import FakeCluster, fake_cluster

PLANTED = "planted-secret-93bd"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The pauses that were made, without waiting for any; nothing of this machine's own clusters."""
    made: list[float] = []
    monkeypatch.setattr(client, "sleep", made.append)
    for name in ("HOST", "API_KEY", "KUBECONFIG", "CONTEXT", "SSL_CA_CERT", "VERIFY_SSL", "CERT_FILE", "KEY_FILE"):
        monkeypatch.delenv(f"K8S_AUTH_{name}", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", "/nonexistent/config")
    yield made


@pytest.fixture
def options(kube: FakeCluster, tmp_path: pathlib.Path) -> KubernetesOptions:
    return KubernetesOptions(kubeconfig=str(kube.kubeconfig(tmp_path / "kubeconfig")))


@pytest.fixture
def api(options: KubernetesOptions) -> Cluster:
    return connect(options, dry_run=False)


@pytest.fixture(params=["404 in HTML", "200 in JSON"])
def web_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server of something else."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            if request.param.startswith("404"):
                self.send_error(404)
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status": "ok"}')

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def config_map(name: str, namespace: str = "erp", **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": "value"}}


def sentence(call: Callable[[], Any]) -> str:
    with pytest.raises(ErpError) as caught:
        call()
    assert caught.value.outcome == "failed"
    return str(caught.value)


def test_kinds_are_where_the_api_documents_them() -> None:
    ours = {kind for kind in vars(cluster).values() if isinstance(kind, Kind)}
    documented = {
        (known.api, known.kind, known.plural, known.namespaced)
        for known in kubernetes_objects.RESOURCES
        if known is not kubernetes_objects.REPLICA_SET
    }
    assert {(kind.api, kind.name, kind.plural, kind.namespaced) for kind in ours} == documented


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "path"),
    [
        (NODE, "", "pi1", "/api/v1/nodes/pi1"),
        (NODE, "erp", "", "/api/v1/nodes"),
        (POD, "", "", "/api/v1/pods"),
        (DEPLOYMENT, "erp", "erp", "/apis/apps/v1/namespaces/erp/deployments/erp"),
        (LONGHORN_NODE, "longhorn-system", "pi1", "/apis/longhorn.io/v1beta2/namespaces/longhorn-system/nodes/pi1"),
    ],
)
def test_paths(kind: Kind, namespace: str, name: str, path: str) -> None:
    assert kind.path(namespace, name) == path


def test_objects_are_created_read_changed_and_deleted(kube: FakeCluster, api: Cluster) -> None:
    kube.add(config_map("other"))
    created = api.create(CONFIG_MAP, {"metadata": {"name": "mine", "namespace": "erp"}, "data": {"a": "1", "b": "2"}})
    assert created["kind"] == "ConfigMap"
    changed = api.patch(CONFIG_MAP, "mine", "erp", {"data": {"a": None, "c": "3"}})
    assert changed["data"] == {"b": "2", "c": "3"}
    assert api.get(CONFIG_MAP, "mine", "erp") == changed == kube.object(CONFIG_MAP, "mine", "erp")
    assert api.delete(CONFIG_MAP, "mine", "erp")
    assert not api.delete(CONFIG_MAP, "mine", "erp")
    assert api.get(CONFIG_MAP, "mine", "erp") is None
    assert [str(request) for request in kube.writes] == [
        "create configmaps erp/",
        "patch configmaps erp/mine",
        "delete configmaps erp/mine",
    ]


def test_lists_are_whole_whatever_the_size_of_a_page(
    kube: FakeCluster, api: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAGE", 2)
    for number in range(5):
        kube.add(config_map(f"map-{number}", app="erp", odd=str(number % 2)))
    kube.add(config_map("elsewhere", "tools", app="erp"))
    assert [body["metadata"]["name"] for body in api.list(CONFIG_MAP, "erp")] == [
        f"map-{number}" for number in range(5)
    ]
    assert len(kube.requests) == 3
    assert len(api.list(CONFIG_MAP)) == 6
    found = api.list(CONFIG_MAP, "erp", {"app": "erp", "odd": "1"})
    assert [body["metadata"]["name"] for body in found] == ["map-1", "map-3"]
    assert {(body["apiVersion"], body["kind"]) for body in found} == {("v1", "ConfigMap")}
    assert api.list(CONFIG_MAP, "nowhere") == []


def test_a_list_that_grew_too_old_is_begun_again(
    kube: FakeCluster, api: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAGE", 2)
    for number in range(3):
        kube.add(config_map(f"map-{number}"))
    kube.fail(position=2, status=410)
    assert len(api.list(CONFIG_MAP, "erp")) == 3
    for position in (2, 4, 6):
        kube.fail(position=position, status=410)
    assert "changed faster than it could be read" in sentence(lambda: api.list(CONFIG_MAP, "erp"))


def test_a_kind_that_the_cluster_does_not_know(kube: FakeCluster, api: Cluster) -> None:
    assert api.knows(LONGHORN_VOLUME)
    kube.without("longhorn.io")
    assert api.knows(LONGHORN_VOLUME), "asked twice"
    assert not api.knows(Kind("argoproj.io/v1alpha1", "Rollout", "rollouts"))
    assert api.list(LONGHORN_VOLUME) == []
    assert api.get(LONGHORN_VOLUME, "pvc-1", "longhorn-system") is None
    assert api.knows(POD)


def test_rights_are_asked_for(kube: FakeCluster, options: KubernetesOptions) -> None:
    kube.forbid("patch", DEPLOYMENT, "erp")
    attributes = {"verb": "patch", "group": "apps", "resource": "deployments", "namespace": "erp"}
    for dry_run in (False, True):
        kube.refuse_writes = dry_run
        api = connect(options, dry_run)
        for namespace, allowed in (("erp", False), ("tools", True)):
            body = {"spec": {"resourceAttributes": {**attributes, "namespace": namespace}}}
            assert api.create(ACCESS_REVIEW, body)["status"]["allowed"] is allowed
    assert not kube.refused and not kube.writes
    assert not any(request.dry_run for request in kube.requests), "there is nothing to try out"


def test_a_dry_run_changes_nothing(kube: FakeCluster, options: KubernetesOptions) -> None:
    kube.add(config_map("there"))
    before = kube.everything()
    kube.refuse_writes = True
    api = connect(options, dry_run=True)
    assert api.create(CONFIG_MAP, config_map("new"))["metadata"]["uid"]
    assert api.patch(CONFIG_MAP, "there", "erp", {"data": {"key": "other"}})["data"] == {"key": "other"}
    assert api.delete(CONFIG_MAP, "there", "erp")
    assert not api.delete(CONFIG_MAP, "absent", "erp")
    assert isinstance(pytest.raises(Conflict, api.create, CONFIG_MAP, config_map("there")).value, ErpError)
    assert kube.everything() == before and not kube.refused and not kube.writes
    kube.refuse_writes = True
    with pytest.raises(ErpError, match="does not let"):
        connect(options, dry_run=False).delete(CONFIG_MAP, "there", "erp")
    assert kube.everything() == before and len(kube.refused) == 1


def test_conflicts(kube: FakeCluster, api: Cluster) -> None:
    read = kube.add(config_map("there"))
    version = {"metadata": {"resourceVersion": read["metadata"]["resourceVersion"]}}
    api.patch(CONFIG_MAP, "there", "erp", {**version, "data": {"key": "mine"}})
    with pytest.raises(Conflict, match="patch ConfigMap there in namespace erp: it was changed meanwhile"):
        api.patch(CONFIG_MAP, "there", "erp", {**version, "data": {"key": "other"}})
    with pytest.raises(Conflict, match="create ConfigMap there in namespace erp: one of this name is there already"):
        api.create(CONFIG_MAP, config_map("there"))


def test_deleting_a_job_takes_its_pods_along(kube: FakeCluster, api: Cluster) -> None:
    container = {"name": "main", "image": "example.com/erp:1", "command": ["sleep", "60"]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    kube.add(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "work", "namespace": "erp"}}
        | {"spec": {"template": template}}
    )
    kube.wait(lambda: kube.objects(POD, "erp"))
    assert api.delete(JOB, "work", "erp")
    kube.wait(lambda: not kube.objects(POD, "erp"))


def test_logs(kube: FakeCluster, api: Cluster) -> None:
    command = ["sh", "-c", "printf 'one\\ntwo\\nthr\\303\\351\\n'"]
    container = {"name": "main", "image": "example.com/erp:1", "command": command}
    metadata = {"name": "talker", "namespace": "erp"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
    kube.world.start_seconds = 1e9
    kube.add({**pod, "spec": {"restartPolicy": "Never", "containers": [container]}})
    assert api.logs("talker", "erp", "main", 2) == ""
    kube.world.start_seconds = 0
    kube.wait(lambda: (api.get(POD, "talker", "erp") or {})["status"]["phase"] == "Succeeded")
    assert api.logs("talker", "erp", "main", 2) == "two\nthr\ufffd\ufffd\n"
    assert api.logs("absent", "erp", "main", 2) == ""


# What is tried again.


@pytest.mark.parametrize(
    "fault", [{"status": 429}, {"status": 500}, {"status": 503}, {"cut": "before"}, {"cut": "after"}]
)
@pytest.mark.parametrize("verb", ["get", "list", "patch", "delete"])
def test_what_is_safe_to_repeat_is_repeated(
    kube: FakeCluster, api: Cluster, pauses: list[float], verb: str, fault: dict[str, Any]
) -> None:
    kube.add(config_map("there"))
    kube.fail(times=2, **fault)
    calls: dict[str, Callable[[], Any]] = {
        "get": lambda: (api.get(CONFIG_MAP, "there", "erp") or {})["data"]["key"] == "value",
        "list": lambda: len(api.list(CONFIG_MAP, "erp")) == 1,
        "patch": lambda: api.patch(CONFIG_MAP, "there", "erp", {"data": {"key": "new"}})["data"]["key"] == "new",
        "delete": lambda: api.delete(CONFIG_MAP, "there", "erp"),
    }
    assert calls[verb]()
    assert pauses == [0.5, 1.0] and len(kube.requests) == 3


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 503}, {"cut": "before"}, {"cut": "after"}])
def test_what_is_not_safe_to_repeat_is_not(
    kube: FakeCluster, api: Cluster, pauses: list[float], fault: dict[str, Any]
) -> None:
    version = kube.add(config_map("there"))["metadata"]["resourceVersion"]
    kube.fail(**fault)
    first = sentence(lambda: api.create(CONFIG_MAP, config_map("new")))
    kube.fail(**fault)
    body = {"metadata": {"resourceVersion": version}, "data": {"key": "new"}}
    second = sentence(lambda: api.patch(CONFIG_MAP, "there", "erp", body))
    assert pauses == [] and len(kube.requests) == 2
    if "cut" in fault:
        assert "It may have been done: look before you try again." in first
        assert "when asked to patch ConfigMap there in namespace erp" in second
    assert (kube.object(CONFIG_MAP, "new", "erp") is not None) == (fault == {"cut": "after"})


def test_a_create_that_was_turned_away_is_repeated(kube: FakeCluster, api: Cluster, pauses: list[float]) -> None:
    kube.add(config_map("there"))
    kube.fail(status=429, headers={"Retry-After": "7"})
    assert api.create(CONFIG_MAP, config_map("new"))
    assert pauses == [7.0]
    kube.fail(status=429, headers={"Retry-After": "3600"})
    assert api.get(CONFIG_MAP, "new", "erp")
    assert pauses == [7.0, client.LONGEST_PAUSE]


def test_it_gives_up(kube: FakeCluster, api: Cluster, pauses: list[float]) -> None:
    kube.fail(times=9, status=503)
    said = sentence(lambda: api.get(DEPLOYMENT, "erp", "erp"))
    assert pauses == [0.5, 1.0, 2.0, 4.0]
    assert f"The cluster at {kube.url} answered 503 to get Deployment erp in namespace erp" in said


def test_an_answer_that_does_not_come(
    kube: FakeCluster, api: Cluster, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "READ_TIMEOUT", 0.1)
    kube.fail(cut="late")
    assert api.list(NODE) and pauses == [0.5]
    kube.fail(position=1, cut="late")
    said = sentence(lambda: api.create(CONFIG_MAP, config_map("new")))
    assert "did not answer in time when asked to create ConfigMap new in namespace erp" in said
    assert said.endswith("It may have been done: look before you try again.")


# What is said.


def test_a_missing_right_is_named(kube: FakeCluster, api: Cluster) -> None:
    kube.add(config_map("there"))
    for kind in (DEPLOYMENT, NODE, POD):
        kube.forbid("*", kind)
    assert sentence(lambda: api.patch(DEPLOYMENT, "erp", "erp", {})) == (
        "The cluster does not let system:serviceaccount:tools:erp-ops patch Deployment erp in namespace erp: grant the verb "
        'patch on deployments of API group "apps" in a Role in namespace erp.'
    )
    assert sentence(lambda: api.list(NODE)) == (
        "The cluster does not let system:serviceaccount:tools:erp-ops list nodes: grant the verb list on nodes in a "
        "ClusterRole."
    )
    assert "grant the verb get on pods/log in a Role in namespace erp" in sentence(lambda: api.logs("p", "erp", "c", 1))


def test_absent_and_unacceptable(kube: FakeCluster, api: Cluster) -> None:
    kube.add(config_map("there"))
    assert sentence(lambda: api.patch(DEPLOYMENT, "erp", "erp", {})) == (
        "Could not patch Deployment erp in namespace erp: it is not there; check the names."
    )
    assert sentence(lambda: api.create(CONFIG_MAP, config_map("new", "nowhere"))) == (
        "Could not create ConfigMap new in namespace nowhere: the cluster has no namespace nowhere or no configmaps of v1; "
        "check the names."
    )
    said = sentence(lambda: api.create(CONFIG_MAP, config_map("Wrong_Name")))
    assert "did not accept to create ConfigMap Wrong_Name in namespace erp (" in said and "metadata.name" in said


def test_no_secret_is_said(kube: FakeCluster, api: Cluster) -> None:
    kube.add(config_map("there"))
    body = {"metadata": {"name": "new", "namespace": "erp"}, "data": {PLANTED: PLANTED}}
    with pytest.raises(ErpError) as caught:
        api.create(SECRET, body)
    assert PLANTED not in f"{caught.value} {caught.value.facts}"
    assert "create Secret new in namespace erp" in str(caught.value)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 415, 422, 500, 503])
def test_the_token_is_never_said(kube: FakeCluster, api: Cluster, status: int) -> None:
    kube.fail(times=5, status=status)
    assert kube.token not in sentence(lambda: api.patch(CONFIG_MAP, "there", "erp", {"data": {}}))


def test_credentials_that_are_not_accepted(kube: FakeCluster, tmp_path: pathlib.Path) -> None:
    path = kube.kubeconfig(tmp_path / "wrong", token=PLANTED)
    said = sentence(lambda: connect(KubernetesOptions(str(path)), False).list(POD))
    assert "did not accept the credentials (401)" in said and PLANTED not in said


def test_a_cluster_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("K8S_AUTH_HOST", f"http://127.0.0.1:{port}")
    said = sentence(lambda: connect(KubernetesOptions(), False).create(CONFIG_MAP, config_map("new")))
    assert f"127.0.0.1:{port} cannot be reached (Connection refused): check the address" in said
    assert len(pauses) == len(client.PAUSES), "nothing was sent, so that all of it is safe to repeat"


@pytest.mark.parametrize(
    "call",
    [
        lambda api: api.get(NODE, "pi1"),
        lambda api: api.list(NODE),
        lambda api: api.knows(NODE),
        lambda api: api.create(CONFIG_MAP, config_map("new")),
        lambda api: api.delete(POD, "pod", "erp"),
    ],
)
def test_a_web_server_that_is_no_cluster(
    call: Callable[[Cluster], Any], web_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("K8S_AUTH_HOST", web_server)
    said = sentence(lambda: call(connect(KubernetesOptions(), False)))
    assert "no Kubernetes API: check the address" in said


def test_tls(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = self_signed(tmp_path)
    with fake_cluster(certificate=authority) as kube:
        path = kube.kubeconfig(tmp_path / "kubeconfig", authority=str(authority))
        assert len(connect(KubernetesOptions(str(path)), False).list(NODE)) == 3
        monkeypatch.setenv("K8S_AUTH_HOST", kube.url)
        monkeypatch.setenv("K8S_AUTH_API_KEY", kube.token)
        said = sentence(lambda: connect(KubernetesOptions(), False).list(NODE))
        assert f"The TLS connection to the cluster at {kube.url} was not accepted" in said
        assert "K8S_AUTH_SSL_CA_CERT" in said
        monkeypatch.setenv("K8S_AUTH_SSL_CA_CERT", str(authority))
        assert len(connect(KubernetesOptions(), False).list(NODE)) == 3


# Where the credentials come from.


def test_a_named_file_wins_over_the_environment(
    kube: FakeCluster, options: KubernetesOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("K8S_AUTH_HOST", "http://127.0.0.1:1")
    assert connect(options, False).get(NODE, "pi1")


def test_the_environment_alone(kube: FakeCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    for name, value in kube.environment().items():
        monkeypatch.setenv(name, value)
    assert connect(KubernetesOptions(), False).get(NODE, "pi1")
    monkeypatch.delenv("K8S_AUTH_HOST")
    monkeypatch.setenv("KUBECONFIG", f"/nonexistent:{kube.kubeconfig(tmp_path / 'config')}")
    assert connect(KubernetesOptions(), False).get(NODE, "pi1")


def test_the_service_account_of_a_pod(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = self_signed(tmp_path)
    token = tmp_path / "token"
    with fake_cluster(certificate=authority) as kube:
        token.write_text(kube.token)
        monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
        monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(authority))
        address = urlsplit(kube.url)
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(address.hostname))
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(address.port))
        assert connect(KubernetesOptions(), False).get(NODE, "pi1")


@pytest.mark.parametrize(
    ("options", "content", "expected"),
    [
        (KubernetesOptions(), None, "No cluster is given: there is no /nonexistent/config"),
        (KubernetesOptions("/nonexistent/file"), None, "There is no kubeconfig file /nonexistent/file"),
        (KubernetesOptions(context="other"), "good", "cannot be used (Invalid kube-config file"),
        (KubernetesOptions(), f"token: [{PLANTED}", "cannot be used (ParserError)"),
        (KubernetesOptions(), PLANTED, "cannot be used"),
    ],
)
def test_no_usable_credentials(
    kube: FakeCluster,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: pathlib.Path,
    options: KubernetesOptions,
    content: str | None,
    expected: str,
) -> None:
    path = kube.kubeconfig(tmp_path / "config")
    if content is not None:
        monkeypatch.setenv("KUBECONFIG", str(path))
        if content != "good":
            path.write_text(content)
    said = sentence(lambda: connect(options, False))
    assert expected in said and PLANTED not in said
