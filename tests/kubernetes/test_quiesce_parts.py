# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions of stopping and starting, one by one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import Body
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_holds import (
    APPLICATIONS,
    AUTOSCALERS,
    CRON_JOBS,
    difference,
    merged,
    tracking_application,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_objects import belongs, scaled_by
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_pods import (
    selects,
    why_it_stays,
    why_not_ready,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_record import Record, read_record
from tests.support import kubernetes_objects
from tests.support.simulated_cluster import DOCUMENTS, LABELS, cron_job, deployment, pod

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("automated", "works"),
    [(None, False), ({}, True), ({"selfHeal": True}, True), ({"enabled": False, "selfHeal": True}, False)]
    + [({"enabled": None}, True), ({"enabled": True}, True)],
)
def test_when_argo_cd_syncs_by_itself(automated: Body | None, works: bool) -> None:
    assert APPLICATIONS.at_work({"spec": {"syncPolicy": {"automated": automated}}}) is works


def test_objects_that_say_nothing() -> None:
    assert not APPLICATIONS.at_work({"spec": {}})
    assert AUTOSCALERS.at_work({"spec": {}}) and CRON_JOBS.at_work({"spec": {}})


documents = st.recursive(
    st.integers(0, 2) | st.text("ab", max_size=1) | st.lists(st.integers(0, 1), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abc"), documents, max_size=3)


@given(objects, objects)
def test_a_difference_makes_one_of_the_other(current: Body, wanted: Body) -> None:
    patch = difference(current, wanted)
    assert kubernetes_objects.merge(current, patch) == wanted
    assert merged(current, patch) == wanted


@given(objects, objects)
def test_merged_is_what_a_server_makes_of_a_patch(body: Body, patch: Body) -> None:
    assert merged(body, patch) == kubernetes_objects.merge(body, patch)


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ({"key": "a", "operator": "In", "values": ["1", "2"]}, True),
        ({"key": "a", "operator": "NotIn", "values": ["1"]}, False),
        ({"key": "z", "operator": "NotIn", "values": ["1"]}, True),
        ({"key": "a", "operator": "Exists"}, True),
        ({"key": "a", "operator": "DoesNotExist"}, False),
    ],
)
def test_selectors(expression: Body, holds: bool) -> None:
    assert selects({"matchExpressions": [expression]}, {"a": "1"}) is holds
    assert selects({"matchLabels": {"b": "1"}, "matchExpressions": [expression]}, {"a": "1"}) is False


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (cron_job("x"), False),
        (cron_job("x", LABELS), True),
        (cron_job("x", None, DOCUMENTS), True),
        (cron_job("x", {"app.kubernetes.io/instance": "wiki"}), False),
        (cron_job("x", None, [{"name": "v", "emptyDir": {}}]), False),
    ],
)
def test_cron_jobs_of_the_application(job: Body, expected: bool) -> None:
    assert belongs(job, deployment()) is expected
    bare = deployment()
    del bare["metadata"]["labels"]
    assert belongs(job, bare) is (expected and bool(job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"]))


def test_the_application_that_manages_a_deployment() -> None:
    key = "argocd.argoproj.io"
    assert tracking_application(deployment()) is None
    for metadata, name in [
        ({"annotations": {f"{key}/tracking-id": "erp:apps/Deployment:erp/erp"}}, "erp"),
        ({"annotations": {f"{key}/tracking-id": "team-a_erp:apps/Deployment:erp/erp"}}, "erp"),
        ({"labels": {f"{key}/instance": "erp"}}, "erp"),
        ({"annotations": None, "labels": None}, None),
    ]:
        assert tracking_application({"metadata": metadata}) == name


def test_who_scaled_last() -> None:
    def entry(manager: str, time: str, **spec: Any) -> Body:
        return {"manager": manager, "time": time, "fieldsV1": {"f:spec": spec}}

    fields = [
        entry("argocd", "2026-11-20T04:00:05Z", **{"f:replicas": {}}),
        entry("us", "2026-11-20T04:00:00Z", **{"f:replicas": {}}),
        entry("kubectl", "2026-11-20T05:00:00Z", **{"f:template": {}}),
    ]
    assert scaled_by({"metadata": {"managedFields": fields}}) == "argocd"
    assert scaled_by({"metadata": {}}) == "somebody"


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({}, "not told to stop yet"),
        ({"deletionTimestamp": "2026-11-20T04:00:20Z"}, "its program still runs, 20 s of 30 s of grace left"),
        ({"deletionTimestamp": "2026-11-20T03:59:00Z"}, "still runs 60 s after its grace of 30 s: look at node node-1"),
        ({"deletionTimestamp": "2026-11-20T04:00:20Z", "finalizers": ["x/y"]}, "the finalizer x/y keeps it"),
    ],
)
def test_why_a_pod_stays(metadata: Body, says: str) -> None:
    body = pod("erp-1", ("ReplicaSet", "erp"))
    body["metadata"].update(metadata)
    assert says in why_it_stays(body, False, NOW)
    assert "node-1 is lost" in why_it_stays(body, True, NOW)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ({"phase": "Running"}, "its readiness probe does not pass"),
        ({"phase": "Pending"}, "Pending"),
        ({}, "Pending"),
        (
            {
                "conditions": [
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
                ]
            },
            "not scheduled: 0/3 nodes",
        ),
        (
            {"containerStatuses": [{"name": "erp", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]},
            "container erp ImagePullBackOff",
        ),
        (
            {
                "initContainerStatuses": [
                    {"name": "done", "state": {"terminated": {"reason": "Completed"}}},
                    {"name": "wait", "state": {"terminated": {"reason": "Error", "message": "no database"}}},
                ]
            },
            "container wait Error: no database",
        ),
    ],
)
def test_why_a_pod_is_not_ready(status: Body, says: str) -> None:
    assert why_not_ready({"status": status}) == says


@settings(max_examples=40)
@given(
    st.text(), st.integers(0, 9), st.none() | st.just("2026-11-20T04:00:00+00:00"), st.dictionaries(st.text(), objects)
)
def test_a_record_is_read_as_it_was_written(holder: str, replicas: int, stopped: str | None, held: Body) -> None:
    record = Record(holder, "2026-11-20T03:59:00+00:00", replicas, stopped, held)
    body = {"metadata": {"annotations": {"arcodange.erp/quiesced": record.text()}}}
    assert read_record(body) == record
    assert record.outage(NOW) == (0 if stopped else None)


@settings(max_examples=40)
@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(str))
def test_no_annotation_makes_a_traceback(text: str) -> None:
    with pytest.raises(ErpError):
        read_record({"metadata": {"annotations": {"arcodange.erp/quiesced": text}}})
