# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fake cluster answers as the documentation of the real API says."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import requests
from kubernetes import client, config

from tests.kubernetes.conftest import deployment
from tests.support.kubernetes import FakeCluster
from tests.support.kubernetes_objects import (
    CONFIG_MAP,
    SECRET,
    Body,
    field_selects,
    json_patch,
    merge,
    selects,
    strategic_merge,
)

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON = "application/json"
MAPS = "/api/v1/namespaces/erp/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/erp/deployments"


class Caller:
    """Sends what a test writes, byte by byte."""

    def __init__(self, kube: FakeCluster) -> None:
        self._kube = kube

    def __call__(
        self, method: str, path: str, body: Any = None, media: str = JSON, token: str = ""
    ) -> tuple[int, Body]:
        headers = {"Content-Type": media, "Authorization": f"Bearer {token or self._kube.token}"}
        if token == "none":
            del headers["Authorization"]
        answer = requests.request(method, self._kube.url + path, json=body, headers=headers, timeout=10)
        text = answer.headers["Content-Type"] != "application/json"
        return answer.status_code, {"text": answer.text} if text else answer.json()


@pytest.fixture
def call(kube: FakeCluster) -> Caller:
    kube.add(a_map("there", app="erp", tier="web"))
    kube.add(deployment())
    return Caller(kube)


def a_map(name: str, **labels: str) -> Body:
    metadata = {"name": name, "namespace": "erp", "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": "value"}}


STRANGER = {"Secret": {"metadata": {"name": "s"}, "data": {"key": "not base64!"}}}
JOB_SPEC: Body = {"template": {"spec": {"containers": [{"name": "main", "image": "i"}], "restartPolicy": "Never"}}}
NO_POLICY: Body = {"template": {"spec": {"containers": [{"name": "main", "image": "i"}]}}}
NUMBER: Body = {"containers": [{"name": "main", "image": "i", "env": [{"name": "PORT", "value": 1}]}]}
MOUNT: Body = {"containers": [{"name": "main", "image": "i", "volumeMounts": [{"name": "x", "mountPath": "/x"}]}]}

# What the API documents: request, status, reason, part of the message.
ERRORS: list[tuple[Any, ...]] = [
    ("GET", f"{MAPS}/absent", None, JSON, 404, "NotFound", 'configmaps "absent" not found'),
    ("GET", f"{DEPLOYMENTS}/absent", None, JSON, 404, "NotFound", 'deployments.apps "absent" not found'),
    ("POST", MAPS, a_map("there"), JSON, 409, "AlreadyExists", 'configmaps "there" already exists'),
    ("POST", MAPS, {**a_map("new"), "kind": "Secret"}, JSON, 400, "BadRequest", "cannot be handled as a ConfigMap"),
    (
        "POST",
        MAPS,
        {"metadata": {"name": "a", "namespace": "b"}},
        JSON,
        400,
        "BadRequest",
        "does not match the namespace",
    ),
    ("POST", MAPS, {"metadata": {}}, JSON, 422, "Invalid", "name or generateName is required"),
    ("POST", MAPS, {"metadata": {"name": "A_b"}}, JSON, 422, "Invalid", "RFC 1123"),
    ("POST", MAPS, {"metadata": {"name": "a", "resourceVersion": "1"}}, JSON, 400, "BadRequest", "resourceVersion"),
    ("POST", MAPS, {"metadata": {"name": "a", "annotations": {"n": 1}}}, JSON, 400, "BadRequest", "annotations.n"),
    ("POST", MAPS, {"metadata": {"name": "a", "labels": {"n": "x" * 64}}}, JSON, 422, "Invalid", "63 characters"),
    ("POST", "/api/v1/namespaces/no/configmaps", {"metadata": {"name": "a"}}, JSON, 404, "NotFound", 'namespaces "no"'),
    ("POST", "/api/v1/namespaces/erp/secrets", STRANGER["Secret"], JSON, 400, "BadRequest", "illegal base64"),
    (
        "POST",
        "/api/v1/namespaces/erp/pods",
        {"metadata": {"name": "p"}, "spec": NUMBER},
        JSON,
        400,
        "BadRequest",
        "EnvVar",
    ),
    (
        "POST",
        "/api/v1/namespaces/erp/pods",
        {"metadata": {"name": "p"}, "spec": MOUNT},
        JSON,
        422,
        "Invalid",
        "Not found",
    ),
    (
        "POST",
        "/apis/batch/v1/namespaces/erp/jobs",
        {"metadata": {"name": "j"}, "spec": NO_POLICY},
        JSON,
        422,
        "Invalid",
        "OnF",
    ),
    (
        "POST",
        "/apis/batch/v1/namespaces/erp/jobs",
        {"metadata": {"name": "j" * 64}, "spec": JOB_SPEC},
        JSON,
        422,
        "Invalid",
        "63",
    ),
    ("PATCH", f"{MAPS}/absent", {}, MERGE, 404, "NotFound", "not found"),
    ("PATCH", f"{MAPS}/there", {}, JSON, 415, "UnsupportedMediaType", "unknown format"),
    ("PATCH", f"{MAPS}/there", {"metadata": {"name": "x"}}, MERGE, 400, "BadRequest", "does not match the name"),
    ("PATCH", f"{MAPS}/there", {"metadata": {"resourceVersion": "1"}}, MERGE, 409, "Conflict", "has been modified"),
    ("PATCH", f"{MAPS}/there", {"metadata": {"uid": "1"}}, MERGE, 409, "Conflict", "Precondition failed"),
    ("PATCH", f"{DEPLOYMENTS}/erp/scale", {"metadata": {"resourceVersion": "1"}}, MERGE, 409, "Conflict", "modified"),
    (
        "PUT",
        f"{MAPS}/there",
        {**a_map("there"), "metadata": {"name": "there", "resourceVersion": "1"}},
        JSON,
        409,
        "Conflict",
        "",
    ),
    ("PATCH", f"{MAPS}/there/status", {}, MERGE, 404, "NotFound", "could not find the requested resource"),
    ("DELETE", f"{MAPS}/absent", None, JSON, 404, "NotFound", "not found"),
    ("DELETE", f"{MAPS}/there", {"preconditions": {"uid": "other"}}, JSON, 409, "Conflict", "Precondition failed"),
    ("GET", f"{MAPS}?continue=old", None, JSON, 410, "Expired", "too old"),
    ("GET", f"{MAPS}?fieldSelector=data.key%3Dvalue", None, JSON, 400, "BadRequest", "field label not supported"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: f"{error[0]} {error[5]} {error[6]}")
def test_errors(call: Caller, kube: FakeCluster, error: tuple[Any, ...]) -> None:
    method, path, body, media, status, reason, message = error
    before = kube.objects(CONFIG_MAP)
    code, answer = call(method, path, body, media)
    assert (code, answer["code"], answer["reason"], answer["kind"]) == (status, status, reason, "Status")
    assert message in answer["message"] and answer["status"] == "Failure"
    assert kube.objects(CONFIG_MAP) == before and not kube.writes


def test_what_is_unknown(call: Caller, kube: FakeCluster) -> None:
    for path in ("/apis/example.com/v1", "/apis/apps/v1/namespaces/erp/gadgets", "/nowhere"):
        assert call("GET", path) == (404, {"text": "404 page not found\n"})
    kube.without("longhorn.io")
    assert call("GET", "/apis/longhorn.io/v1beta2/volumes")[0] == 404


def test_tokens(call: Caller) -> None:
    assert call("GET", MAPS, token="wrong")[1]["reason"] == "Unauthorized"
    code, answer = call("GET", MAPS, token="none")
    assert code == 403 and 'User "system:anonymous"' in answer["message"]


def test_discovery(call: Caller) -> None:
    assert call("GET", "/version")[1]["major"] == "1"
    assert call("GET", "/api")[1]["versions"] == ["v1"]
    groups = {group["name"]: group["preferredVersion"] for group in call("GET", "/apis")[1]["groups"]}
    assert groups["apps"] == {"groupVersion": "apps/v1", "version": "v1"}
    listed = call("GET", "/apis/apps/v1")[1]
    assert listed["kind"] == "APIResourceList"
    assert "deployments/scale" in [resource["name"] for resource in listed["resources"]]


def test_metadata_of_the_server(call: Caller) -> None:
    created = call("POST", MAPS, {"metadata": {"generateName": "made-"}})[1]
    metadata = created["metadata"]
    assert metadata["name"].startswith("made-") and len(metadata["name"]) == 10
    assert metadata["namespace"] == "erp" and metadata["uid"] and metadata["creationTimestamp"].endswith("Z")
    path = f"{MAPS}/{metadata['name']}"
    changed = call("PATCH", path, {"data": {"a": "1"}, "metadata": {"creationTimestamp": None}}, MERGE)[1]
    assert int(changed["metadata"]["resourceVersion"]) > int(metadata["resourceVersion"])
    assert changed["metadata"]["creationTimestamp"] == metadata["creationTimestamp"]
    # A change that changes nothing is no new version.
    assert call("PATCH", path, {"data": {"a": "1"}}, MERGE)[1] == changed


def test_generations_count_the_specification(call: Caller, kube: FakeCluster) -> None:
    kube.wait(lambda: call("GET", f"{DEPLOYMENTS}/erp")[1]["status"].get("readyReplicas") == 1)
    path = f"{DEPLOYMENTS}/erp"
    assert call("GET", path)[1]["metadata"]["generation"] == 1
    assert call("PATCH", path, {"metadata": {"annotations": {"a": "b"}}}, MERGE)[1]["metadata"]["generation"] == 1
    ignored = call("PATCH", path, {"status": {"replicas": 9}}, MERGE)[1]
    assert ignored["status"]["replicas"] == 1, "the status is a sub-resource"
    assert call("PATCH", path, {"spec": {"replicas": 2}}, MERGE)[1]["metadata"]["generation"] == 2
    assert kube.wait(lambda: call("GET", path)[1]["status"]["observedGeneration"] == 2)
    other = call("PATCH", f"{path}/status", {"spec": {"replicas": 9}, "status": {"collisionCount": 1}}, MERGE)[1]
    assert other["spec"]["replicas"] == 2 and other["status"]["collisionCount"] == 1


def test_the_scale_of_a_deployment(call: Caller) -> None:
    path = f"{DEPLOYMENTS}/erp"
    scale = call("GET", f"{path}/scale")[1]
    assert (scale["kind"], scale["apiVersion"], scale["spec"]) == ("Scale", "autoscaling/v1", {"replicas": 1})
    assert scale["status"]["selector"] == "app=erp"
    assert call("PATCH", f"{path}/scale", {"spec": {"replicas": 0}}, MERGE)[1]["spec"] == {}
    assert call("GET", path)[1]["spec"]["replicas"] == 0
    assert call("PUT", f"{path}/scale", {**scale, "metadata": {"name": "erp"}})[1]["spec"] == {"replicas": 1}
    assert call("GET", f"{MAPS}/there/scale")[0] == 404


def test_lists(call: Caller, kube: FakeCluster) -> None:
    for number in range(3):
        kube.add(a_map(f"map-{number}", app="erp"))
    whole = call("GET", MAPS)[1]
    assert (whole["kind"], whole["apiVersion"]) == ("ConfigMapList", "v1")
    assert all("kind" not in item and "apiVersion" not in item for item in whole["items"])
    first = call("GET", f"{MAPS}?limit=3")[1]
    assert first["metadata"]["remainingItemCount"] == 1
    kube.add(a_map("map-9"))
    rest = call("GET", f"{MAPS}?limit=3&continue={first['metadata']['continue']}")[1]
    assert first["items"] + rest["items"] == whole["items"], "the list as it was when it was begun"
    assert "continue" not in rest["metadata"]
    names = [item["metadata"]["name"] for item in call("GET", f"{MAPS}?labelSelector=app%3Derp%2Ctier")[1]["items"]]
    assert names == ["there"]
    assert len(call("GET", "/api/v1/configmaps?fieldSelector=metadata.name%3Dmap-1")[1]["items"]) == 1
    kube.add_application("erp", [])
    assert call("GET", "/apis/argoproj.io/v1alpha1/applications")[1]["items"][0]["kind"] == "Application"


def test_secrets(call: Caller, kube: FakeCluster) -> None:
    body = {"metadata": {"name": "s"}, "stringData": {"user": "erp"}, "data": {"key": base64.b64encode(b"v").decode()}}
    made = call("POST", "/api/v1/namespaces/erp/secrets", body)[1]
    assert "stringData" not in made and made["type"] == "Opaque"
    assert made["data"] == {"user": base64.b64encode(b"erp").decode(), "key": "dg=="}
    changed = call("PATCH", "/api/v1/namespaces/erp/secrets/s", {"stringData": {"user": "x"}}, STRATEGIC)[1]
    assert changed["data"]["user"] == "eA=="


def test_a_dry_run_answers_and_changes_nothing(call: Caller, kube: FakeCluster) -> None:
    kube.refuse_writes = True
    before = kube.everything()
    assert call("POST", f"{MAPS}?dryRun=All", a_map("new"))[0] == 201
    assert call("POST", f"{MAPS}?dryRun=All", a_map("there"))[0] == 409
    assert call("PATCH", f"{MAPS}/there?dryRun=All", {"data": None}, MERGE)[1].get("data") is None
    assert call("PUT", f"{MAPS}/there?dryRun=All", a_map("there", new="yes"))[1]["metadata"]["labels"] == {"new": "yes"}
    assert (
        call("PATCH", f"{DEPLOYMENTS}/erp/scale?dryRun=All", {"spec": {"replicas": 7}}, MERGE)[1]["spec"]["replicas"]
        == 7
    )
    assert call("DELETE", f"{MAPS}/there", {"dryRun": ["All"]})[0] == 200
    assert call("DELETE", f"{MAPS}?dryRun=All")[0] == 200
    assert [body for body in kube.everything() if body["kind"] == "ConfigMap"] == [
        body for body in before if body["kind"] == "ConfigMap"
    ]
    assert not kube.refused
    for method, path, body in (
        ("POST", MAPS, a_map("new")),
        ("PATCH", f"{MAPS}/there", {"data": {}}),
        ("DELETE", MAPS, None),
    ):
        code, answer = call(method, path, body, MERGE)
        assert code == 403 and answer["reason"] == "Forbidden"
    assert len(kube.refused) == 3 and not kube.writes


def test_finalizers_hold_an_object_back(call: Caller, kube: FakeCluster) -> None:
    call("PATCH", f"{MAPS}/there", {"metadata": {"finalizers": ["example.com/hold"]}}, MERGE)
    assert "deletionTimestamp" in call("DELETE", f"{MAPS}/there")[1]["metadata"]
    assert call("GET", f"{MAPS}/there")[0] == 200
    call("PATCH", f"{MAPS}/there", {"metadata": {"finalizers": None}}, MERGE)
    assert call("GET", f"{MAPS}/there")[0] == 404


@pytest.mark.parametrize("policy", ["Background", "Foreground", "Orphan", ""])
def test_what_is_owned(call: Caller, kube: FakeCluster, policy: str) -> None:
    job = call(
        "POST", "/apis/batch/v1/namespaces/erp/jobs", {"metadata": {"name": "j"}, "spec": {**JOB_SPEC, "suspend": True}}
    )[1]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": job["metadata"]["uid"]}
    owned = {"metadata": {"name": "owned", "ownerReferences": [owner]}}
    call("POST", "/api/v1/namespaces/erp/secrets", owned)
    call("DELETE", "/apis/batch/v1/namespaces/erp/jobs/j", {"propagationPolicy": policy} if policy else None)
    kube.wait(lambda: call("GET", "/apis/batch/v1/namespaces/erp/jobs/j")[0] == 404)
    if policy in ("Orphan", ""):
        # Without a policy the API leaves what a Job owns, for old clients' sake.
        assert (kube.object(SECRET, "owned", "erp") or {})["metadata"]["ownerReferences"] == []
    else:
        kube.wait(lambda: kube.object(SECRET, "owned", "erp") is None)


def test_faults_and_hooks_by_position(call: Caller, kube: FakeCluster) -> None:
    seen: list[str] = []
    kube.fail(position=2, status=503)
    kube.after_write(1, lambda: seen.append("first"))
    kube.after_write(2, lambda: seen.append((kube.object(CONFIG_MAP, "two", "erp") or {})["metadata"]["name"]))
    assert [call("GET", MAPS)[0] for _number in range(3)] == [200, 503, 200]
    for name in ("one", "two"):
        call("POST", f"{MAPS}?dryRun=All", a_map(name))
        call("POST", MAPS, a_map(name))
    assert seen == ["first", "two"]
    assert [str(request) for request in kube.writes] == ["create configmaps erp/"] * 2
    kube.fail(cut="after")
    with pytest.raises(requests.ConnectionError):
        call("POST", MAPS, a_map("three"))
    assert kube.object(CONFIG_MAP, "three", "erp")


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("", True),
        ("app=erp", True),
        ("app==erp,tier!=db", True),
        ("app!=erp", False),
        ("other!=x", True),
        ("app in (a, erp),tier", True),
        ("app notin (erp)", False),
        ("!other", True),
        ("!app", False),
        ("other", False),
    ],
)
def test_label_selectors(selector: str, expected: bool) -> None:
    assert selects(selector, {"app": "erp", "tier": "web"}) is expected


def test_field_selectors() -> None:
    pod = {"metadata": {"name": "a"}, "status": {"phase": "Running"}}
    assert field_selects("status.phase=Running,metadata.name!=b", pod)
    assert not field_selects("spec.nodeName=pi1", pod)


def test_patches() -> None:
    target = {"a": {"b": 1, "c": 2}, "d": [1, 2]}
    assert merge(target, {"a": {"b": None}, "d": [3]}) == {"a": {"c": 2}, "d": [3]}
    containers = {"containers": [{"name": "x", "image": "1"}, {"name": "y"}]}
    patched = strategic_merge(containers, {"containers": [{"name": "x", "image": "2"}]})
    assert patched == {"containers": [{"name": "x", "image": "2"}, {"name": "y"}]}
    operations: list[Body] = [
        {"op": "test", "path": "/a/b", "value": 1},
        {"op": "replace", "path": "/a/b", "value": 5},
        {"op": "remove", "path": "/a/c"},
        {"op": "add", "path": "/d/-", "value": 3},
        {"op": "add", "path": "/e~1f", "value": True},
    ]
    assert json_patch(target, operations) == {"a": {"b": 5}, "d": [1, 2, 3], "e/f": True}


def test_the_official_client_understands_it(kube: FakeCluster, tmp_path: Any) -> None:
    # As what they are, everything in its models may be absent.
    official: Any = client
    loader: Any = config
    api = loader.new_client_from_config(str(kube.kubeconfig(tmp_path / "config")))
    core, apps, batch = official.CoreV1Api(api), official.AppsV1Api(api), official.BatchV1Api(api)
    kube.add(deployment())
    kube.wait(lambda: apps.read_namespaced_deployment("erp", "erp").status.ready_replicas == 1)
    assert [node.metadata.name for node in core.list_node().items] == ["pi1", "pi2", "pi3"]
    secret = client.V1Secret(metadata=client.V1ObjectMeta(name="s"), string_data={"password": "x"})
    assert core.create_namespaced_secret("erp", secret, dry_run="All").data == {"password": "eA=="}
    core.create_namespaced_secret("erp", secret)
    scale = apps.patch_namespaced_deployment_scale("erp", "erp", {"spec": {"replicas": 0}})
    assert scale.kind == "Scale"
    kube.wait(lambda: not core.list_namespaced_pod("erp", label_selector="app=erp").items)
    assert apps.read_namespaced_deployment("erp", "erp").status.replicas is None
    command = ["python3", "-c", "import os; print(os.environ['PASSWORD'])"]
    reference = {"secretKeyRef": {"name": "s", "key": "password"}}
    env = [{"name": "PASSWORD", "valueFrom": reference}]
    container = {"name": "main", "image": "i", "command": command, "env": env}
    spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}
    batch.create_namespaced_job(
        "erp", {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": spec}
    )
    kube.wait(lambda: batch.read_namespaced_job("j", "erp").status.succeeded == 1)
    [pod] = core.list_namespaced_pod("erp", label_selector="job-name=j").items
    assert pod.status.container_statuses[0].state.terminated.exit_code == 0
    assert core.read_namespaced_pod_log(pod.metadata.name, "erp") == "x\n"
    custom = official.CustomObjectsApi(api)
    kube.add_longhorn_volume("pvc-1")
    volumes = custom.list_namespaced_custom_object("longhorn.io", "v1beta2", "longhorn-system", "volumes")
    assert volumes["items"][0]["status"]["robustness"] == "healthy"
    with pytest.raises(client.exceptions.ApiException) as caught:
        core.read_namespaced_secret("absent", "erp")
    assert caught.value.status == 404
