# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stopping and starting an application in a cluster whose time passes at once."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import (
    APPLICATION,
    CRON_JOB,
    DEPLOYMENT,
    HPA,
    JOB,
    NODE,
    POD,
    Body,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce import run_quiesce
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_objects import QuiesceOptions
from tests.support.simulated_cluster import (
    DOCUMENTS,
    LABELS,
    NAMESPACE,
    Killed,
    SimulatedCluster,
    application,
    autoscaler,
    cron_job,
    pod,
    running_cluster,
)

RECORD = "arcodange.erp/quiesced"
AUTOMATED = {"prune": True, "selfHeal": True}


def full_cluster(replicas: int = 1, **behaviour: Any) -> SimulatedCluster:
    """One with everything that may start the application again."""
    cluster = running_cluster(replicas, **{"git_automated": AUTOMATED, "git_replicas": replicas, **behaviour})
    cluster.put(APPLICATION, application(AUTOMATED))
    cluster.put(HPA, autoscaler())
    cluster.put(
        CRON_JOB,
        cron_job("erp-cron", LABELS, suspend=False),
        cron_job("backup", volumes=DOCUMENTS),
        cron_job("paused", LABELS, suspend=True),
        cron_job("foreign"),
    )
    return cluster


def quiesce(cluster: SimulatedCluster, state: str = "quiesced", check_mode: bool = False, **options: Any) -> Body:
    """Run the module's logic on the cluster's own clock."""
    if "argocd_applications" not in options:
        options["argocd_applications"] = ("erp",) if ("Application", "argocd", "erp") in cluster.objects else ()
    chosen = QuiesceOptions(
        **{"state": state, "namespace": NAMESPACE, "deployment": "erp", "holder": "alice", "timeout": 60, **options}
    )
    cluster.dry_run = check_mode
    return run_quiesce(cluster, chosen, check_mode, cluster.clock())


def essence(cluster: SimulatedCluster) -> Body:
    """What must be as it was: everything but status, versions and pods."""
    return {
        str(key): copy.deepcopy(
            {"spec": body["spec"], **{name: body["metadata"].get(name) or {} for name in ("annotations", "labels")}}
        )
        for key, body in cluster.objects.items()
        if key[0] != "Pod"
    }


def is_stopped(cluster: SimulatedCluster) -> bool:
    """Whether nothing is left of the application and nothing can start it."""
    automated = cluster.body(APPLICATION, "erp", "argocd")["spec"]["syncPolicy"].get("automated")
    suspended = [cluster.body(CRON_JOB, name)["spec"].get("suspend") for name in ("erp-cron", "backup", "paused")]
    behavior = cluster.body(HPA)["spec"]["behavior"]["scaleUp"]["selectPolicy"]
    return (
        cluster.body(DEPLOYMENT)["spec"]["replicas"] == 0
        and not cluster.application_pods()
        and (automated, suspended, behavior) == (None, [True, True, True], "Disabled")
    )


def test_everything_is_held_off_and_put_back() -> None:
    cluster = full_cluster(2, self_heal_seconds=3)
    before = essence(cluster)
    stopped = quiesce(cluster)
    order = ["Deployment", "Application", "HorizontalPodAutoscaler", "CronJob", "CronJob", "Deployment"]
    assert [kind for verb, kind in cluster.requests if verb == "patch"] == order
    assert is_stopped(cluster)
    assert stopped["changed"] and stopped["outcome"] == "done" and stopped["state"] == "quiesced"
    assert stopped["held"] == {
        "applications": {"argocd/erp": AUTOMATED},
        "autoscalers": {"erp/erp": None},
        "cron_jobs": {"erp/erp-cron": False, "erp/backup": None},
    }
    assert stopped["replicas"] == 2 and stopped["claims"] == ["erp-documents"]
    assert [each["address"] for each in stopped["pods"]] == ["10.42.0.17"] * 2
    assert "suspend" not in cluster.body(CRON_JOB, "foreign")["spec"]
    # The outage begins with the scaling, not with the ten seconds of looking before it.
    assert 10 <= stopped["outage_seconds"] <= 12
    assert stopped["diff"]["before"]["replicas"] == 2 and stopped["diff"]["after"]["replicas"] == 0
    assert stopped["diff"]["after"]["applications"] == {"argocd/erp": None}

    cluster.sleep(60)
    assert is_stopped(cluster)
    again = quiesce(cluster)
    assert not again["changed"] and again["outcome"] == "unchanged"
    assert again["stopped_at"] == stopped["stopped_at"] and again["replicas"] == 2

    cluster.requests.clear()
    started = quiesce(cluster, "running")
    assert essence(cluster) == before
    assert [kind for verb, kind in cluster.requests if verb == "patch"] == order[::-1]
    assert started["ready_replicas"] == 2 and started["state"] == "running" and started["changed"]
    assert 70 <= started["outage_seconds"] <= 80
    assert RECORD not in cluster.body(DEPLOYMENT)["metadata"]["annotations"]
    over = quiesce(cluster, "running")
    assert not over["changed"] and over["outcome"] == "unchanged" and over["holder"] is None


@pytest.mark.parametrize("state", ["quiesced", "running"])
def test_check_mode_changes_nothing_and_says_the_same(state: str) -> None:
    cluster = full_cluster()
    if state == "running":
        quiesce(cluster)
    before, time = copy.deepcopy(cluster.objects), cluster.time
    shown = quiesce(cluster, state, check_mode=True)
    assert cluster.objects == before and cluster.time == time
    done = quiesce(cluster, state)
    for name in ("outcome", "changed", "state", "holder", "replicas", "held", "claims"):
        assert shown[name] == done[name], name
    for side in ("before", "after"):
        assert shown["diff"][side] == done["diff"][side]


def test_without_argo_cd_autoscaler_and_cron_jobs() -> None:
    cluster = running_cluster(unknown=frozenset({"Application", "HorizontalPodAutoscaler", "CronJob"}))
    before = essence(cluster)
    stopped = quiesce(cluster)
    assert (
        stopped["held"] == {"applications": {}, "autoscalers": {}, "cron_jobs": {}} and not cluster.application_pods()
    )
    quiesce(cluster, "running")
    assert essence(cluster) == before


# What brings the application back


@pytest.mark.parametrize("seconds", [1, 3, 5])
def test_self_heal_that_is_not_held_off_is_noticed_and_named(seconds: int) -> None:
    cluster = full_cluster(self_heal_seconds=seconds)
    with pytest.raises(
        ErpError, match=r"3 times it was scaled back to 1 after \d s by argocd-application-controller"
    ) as caught:
        quiesce(cluster, argocd_applications=())
    assert caught.value.facts["changed"] and caught.value.facts["state"] == "quiesced"
    quiesce(cluster, "running")
    assert cluster.body(DEPLOYMENT)["spec"]["replicas"] == 1


def test_a_deployment_that_names_its_application_is_refused_without_it() -> None:
    cluster = full_cluster()
    cluster.body(DEPLOYMENT)["metadata"]["annotations"] = {
        "argocd.argoproj.io/tracking-id": "argocd_erp:apps/Deployment:erp/erp"
    }
    with pytest.raises(Refused, match="ArgoCD Application erp manages Deployment erp/erp"):
        quiesce(cluster, argocd_applications=())
    assert cluster.writes == 0


def test_a_sync_under_way_is_let_end_first() -> None:
    cluster = full_cluster(git_replicas=1)
    cluster.sync_under_way_seconds = cluster.time + 15
    cluster.sleep(1)
    stopped = quiesce(cluster)
    assert is_stopped(cluster) and stopped["alarms"] == []


def test_one_that_scales_back_once_is_scaled_again_and_told() -> None:
    cluster = full_cluster()
    number: list[int] = []

    def scale_back(write: int) -> None:
        if not number and cluster.body(DEPLOYMENT)["spec"]["replicas"] == 0:
            number.append(write)
            cluster._scale(1, "kubectl")

    cluster.after_write = scale_back
    stopped = quiesce(cluster)
    assert is_stopped(cluster)
    assert stopped["alarms"] == ["Deployment erp/erp was scaled back to 1 after 0 s by kubectl."]
    assert stopped["replicas"] == 1


def test_the_outage_counts_from_the_first_scaling() -> None:
    cluster = full_cluster()
    stopped = quiesce(cluster)["stopped_at"]
    cluster._scale(1, "kubectl")
    cluster.sleep(5)
    again = quiesce(cluster)
    assert again["changed"] and again["stopped_at"] == stopped and is_stopped(cluster)


def test_something_that_scales_up_for_ever_ends_the_run() -> None:
    cluster = full_cluster(restless=True)
    with pytest.raises(ErpError, match="3 times it was scaled back to 2 after 3 s by kubectl-cron"):
        quiesce(cluster)
    assert cluster.time < 60


@pytest.mark.parametrize(
    ("owner", "says"),
    [
        ({"ownerReferences": [{"kind": "ApplicationSet", "name": "all-apps"}]}, "ApplicationSet all-apps manages it"),
        (
            {"annotations": {"argocd.argoproj.io/tracking-id": "root:argoproj.io/Application:argocd/erp"}},
            "Application root",
        ),
        ({}, "find out who manages it"),
    ],
)
@pytest.mark.parametrize("seconds", [1, 4, 9])
def test_a_sync_policy_put_back_is_refused_while_the_application_still_runs(
    owner: Body, says: str, seconds: int
) -> None:
    cluster = full_cluster(policy_seconds=seconds, self_heal_seconds=5)
    cluster.body(APPLICATION, "erp", "argocd")["metadata"].update(owner)
    before = essence(cluster)
    with pytest.raises(Refused, match=says) as caught:
        quiesce(cluster)
    assert "spec.syncPolicy.automated of Application argocd/erp was put back" in str(caught.value)
    assert essence(cluster) == before and min(cluster.shape) == 1
    assert not caught.value.facts["changed"] and caught.value.facts["state"] == "running"


def test_a_sync_policy_put_back_later_is_told_and_the_record_stays() -> None:
    cluster = full_cluster(policy_seconds=14, self_heal_seconds=60, stop_seconds=25)
    with pytest.raises(ErpError, match="was put back after it was changed.*Its record stays"):
        quiesce(cluster)
    assert RECORD in cluster.body(DEPLOYMENT)["metadata"]["annotations"]


def test_the_parent_is_held_off_before_its_child_and_put_back_after_it() -> None:
    cluster = full_cluster()
    parent = application({"selfHeal": True})
    parent["metadata"]["name"] = "root"
    cluster.put(APPLICATION, parent)
    order: list[Any] = []
    cluster.after_write = lambda number: order.append(
        tuple(
            "automated" in cluster.body(APPLICATION, name, "argocd")["spec"]["syncPolicy"] for name in ("root", "erp")
        )
    )
    quiesce(cluster, argocd_applications=("root", "erp"))
    quiesce(cluster, "running", argocd_applications=("erp",))
    assert list(dict.fromkeys(order)) == [(True, True), (False, True), (False, False)]
    assert order[-1] == (True, True) and (False, True) in order[8:] and (True, False) not in order


def test_an_autoscaler_with_minimum_zero_is_held_off() -> None:
    cluster = full_cluster()
    cluster.body(HPA)["spec"].update(minReplicas=0, behavior={"scaleUp": {"selectPolicy": "Max"}, "scaleDown": {}})
    before = essence(cluster)
    quiesce(cluster)
    assert cluster.body(HPA)["spec"]["behavior"] == {"scaleUp": {"selectPolicy": "Disabled"}, "scaleDown": {}}
    quiesce(cluster, "running")
    assert essence(cluster) == before


# Pods


def test_a_pod_with_a_stop_hook_of_25_seconds_is_waited_for() -> None:
    cluster = full_cluster(stop_seconds=25)
    begun = cluster.time
    stopped = quiesce(cluster)
    assert is_stopped(cluster)
    assert 35 <= cluster.time - begun <= 38 and 25 <= stopped["outage_seconds"] <= 27


def test_the_time_out_names_what_remains_and_why() -> None:
    cluster = full_cluster(2, stop_seconds=500)
    spec = cluster.body(DEPLOYMENT)["spec"]["template"]["spec"]
    spec["terminationGracePeriodSeconds"] = 120
    for each in cluster.application_pods():
        each["spec"]["containers"] = [{"name": "erp", "lifecycle": {"preStop": {"exec": {}}}}]
    cluster.put(NODE, {"metadata": {"name": "node-1"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    with pytest.raises(ErpError) as caught:
        quiesce(cluster)
    message = str(caught.value)
    assert (
        "after 60 s there is still pod erp-7d4b9c-1 (ReplicaSet erp-7d4b9c): the stop hook of container erp" in message
    )
    assert "pod erp-7d4b9c-2" in message and "60 s of 120 s of grace left" in message
    assert caught.value.facts["state"] == "quiesced"
    # The one who started it goes on from there.
    cluster.sleep(500)
    assert quiesce(cluster)["stopped_at"] == caught.value.facts["stopped_at"]


@pytest.mark.parametrize("node", [None, {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}])
def test_a_pod_of_a_lost_node_is_told_as_such(node: Body | None) -> None:
    cluster = full_cluster(stop_seconds=10**6)
    if node:
        cluster.put(NODE, {"metadata": {"name": "node-1"}, **node})
    with pytest.raises(ErpError, match="its node node-1 is lost: bring the node back"):
        quiesce(cluster)


def test_nodes_that_may_not_be_read_are_no_trouble() -> None:
    cluster = full_cluster(stop_seconds=10**6, forbidden=frozenset({"Node"}))
    with pytest.raises(ErpError, match=r"its program still runs 30 s after its grace of 30 s: look at node node-1"):
        quiesce(cluster)


def test_a_pod_without_controller_that_nobody_stops() -> None:
    cluster = full_cluster()
    lone = pod("debug", None)
    lone["metadata"]["labels"] = dict(LABELS)
    cluster.put(POD, lone).put(
        NODE, {"metadata": {"name": "node-1"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    )
    with pytest.raises(ErpError, match=r"debug \(no controller\): nothing told it to stop"):
        quiesce(cluster)


def test_what_is_left_of_an_evicted_pod_does_not_count() -> None:
    cluster = full_cluster()
    evicted = pod("erp-evicted", ("ReplicaSet", "erp-7d4b9c"), volumes=DOCUMENTS)
    evicted["metadata"]["labels"] = dict(LABELS)
    evicted["status"] = {"phase": "Failed", "reason": "Evicted"}
    cluster.put(POD, evicted)
    assert quiesce(cluster)["outcome"] == "done"


def test_another_user_of_the_documents_is_refused_by_name() -> None:
    cluster = full_cluster()
    cluster.put(POD, pod("wiki-1", ("StatefulSet", "wiki"), volumes=DOCUMENTS))
    with pytest.raises(Refused, match=r"mounted by pod wiki-1 \(StatefulSet wiki\): stop what runs it"):
        quiesce(cluster)
    assert cluster.writes == 0


def test_another_user_that_comes_meanwhile_is_told() -> None:
    cluster = full_cluster()
    late = pod("wiki-1", ("StatefulSet", "wiki"), volumes=DOCUMENTS)
    cluster.after_write = lambda number: (cluster.put(POD, late), None)[1]
    with pytest.raises(ErpError, match="Its record stays"):
        quiesce(cluster)


def test_our_own_jobs_are_listed_and_let_be() -> None:
    cluster = full_cluster()
    # A chart's Job often carries the labels the Deployment selects.
    ours = pod("erp-restore-1", ("Job", "erp-restore"), volumes=DOCUMENTS)
    ours["metadata"]["labels"] = {**LABELS, "app.kubernetes.io/managed-by": "arcodange.erp"}
    cluster.put(POD, ours)
    assert quiesce(cluster)["own_pods"] == ["erp-restore-1"]


def test_the_pod_a_suspended_cron_job_started_is_waited_for() -> None:
    cluster = full_cluster()
    owner = [{"kind": "CronJob", "name": "erp-cron", "controller": True}]
    cluster.put(
        JOB, {"metadata": {"name": "erp-cron-29", "namespace": NAMESPACE, "ownerReferences": owner}, "spec": {}}
    )
    cluster.put(POD, pod("erp-cron-29-x", ("Job", "erp-cron-29"), volumes=DOCUMENTS))
    with pytest.raises(ErpError, match=r"still pod erp-cron-29-x \(Job erp-cron-29\)"):
        quiesce(cluster)
    cluster.body(POD, "erp-cron-29-x")["status"]["phase"] = "Succeeded"
    assert quiesce(cluster)["changed"] is False


def test_an_application_that_does_not_come_up_names_its_pods() -> None:
    cluster = full_cluster()
    quiesce(cluster)
    cluster.ready_seconds = None
    with pytest.raises(
        ErpError, match="not ready after 60 s: pod erp-7d4b9c-2: container erp CrashLoopBackOff"
    ) as caught:
        quiesce(cluster, "running")
    assert cluster.body(APPLICATION, "erp", "argocd")["spec"]["syncPolicy"]["automated"] == AUTOMATED
    assert caught.value.facts["state"] == "running" and caught.value.facts["outage_seconds"] > 60


def test_a_status_of_before_the_scaling_is_not_believed() -> None:
    cluster = full_cluster()
    quiesce(cluster)
    body = cluster.body(DEPLOYMENT)
    body["status"] = {"observedGeneration": body["metadata"]["generation"], "readyReplicas": 1, "updatedReplicas": 1}
    quiesce(cluster, "running")
    assert [each["status"]["phase"] for each in cluster.application_pods()] == ["Running"]


# Two runs, and runs that died


class Runs:
    """The same run again and again, killed at another write each time."""

    def __init__(self, state: str, after: bool) -> None:
        self.state = state
        self.after = after

    def killed_at(self, cluster: SimulatedCluster, number: int) -> bool:
        """Run until that write; say whether there was one."""
        cluster.writes = 0

        def kill(write: int) -> None:
            if write == number:
                raise Killed

        cluster.after_write, cluster.before_write = (
            (kill, lambda write: None) if self.after else (lambda write: None, kill)
        )
        try:
            quiesce(cluster, self.state)
        except Killed:
            return True
        finally:
            cluster.after_write = cluster.before_write = lambda write: None
        return False


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("finish", ["quiesced", "running"])
def test_killed_at_any_write_of_stopping_another_run_finishes(after: bool, finish: str) -> None:
    for number in range(1, 20):
        cluster = full_cluster(2, self_heal_seconds=4)
        before = essence(cluster)
        killed = Runs("quiesced", after).killed_at(cluster, number)
        if not killed:
            break
        cluster.sleep(7)
        quiesce(cluster, finish, holder="bob", resume=True)
        if finish == "quiesced":
            assert is_stopped(cluster)
            assert json.loads(cluster.body(DEPLOYMENT)["metadata"]["annotations"][RECORD])["replicas"] == 2
            quiesce(cluster, "running", holder="bob")
        assert essence(cluster) == before
        cluster.sleep(5)
        assert len(cluster.application_pods()) == 2
    assert number == 7  # record, Application, autoscaler, two CronJobs, scale


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("finish", ["quiesced", "running"])
def test_killed_at_any_write_of_starting_another_run_finishes(after: bool, finish: str) -> None:
    for number in range(1, 20):
        cluster = full_cluster(2, self_heal_seconds=4)
        before = essence(cluster)
        quiesce(cluster)
        killed = Runs("running", after).killed_at(cluster, number)
        if not killed:
            break
        cluster.sleep(7)
        quiesce(cluster, finish, holder="bob", resume=True)
        if finish == "quiesced":
            assert is_stopped(cluster)
            quiesce(cluster, "running", holder="bob")
        assert essence(cluster) == before
        cluster.sleep(5)
        assert len(cluster.application_pods()) == 2
    assert number == 7


@pytest.mark.parametrize("state", ["quiesced", "running"])
def test_the_record_of_another_holder_is_refused(state: str) -> None:
    cluster = full_cluster()
    quiesce(cluster)
    before = essence(cluster)
    cluster.sleep(600)
    with pytest.raises(Refused, match=r"is held by alice since .* \(10 min\): wait for that run"):
        quiesce(cluster, state, holder="bob")
    assert essence(cluster) == before


def test_two_operators_at_once_one_is_told_who_was_first() -> None:
    cluster = full_cluster()

    def other(write: int) -> None:
        cluster.before_write = lambda number: None
        quiesce(cluster, holder="bob")

    cluster.before_write = other
    with pytest.raises(Refused, match="was taken over by bob"):
        quiesce(cluster)
    assert is_stopped(cluster)
    quiesce(cluster, "running", holder="bob")


def test_a_run_that_was_taken_over_stops_there() -> None:
    cluster = full_cluster(stop_seconds=40)

    def other(write: int) -> None:
        if cluster.body(DEPLOYMENT)["spec"]["replicas"] == 0:
            cluster.after_write = lambda number: None
            quiesce(cluster, "running", holder="bob", resume=True)

    cluster.after_write = other
    with pytest.raises(Refused, match="Somebody else started the application of Deployment erp/erp again"):
        quiesce(cluster)
    assert len([each for each in cluster.application_pods() if "stops" not in each]) == 1


def test_a_status_that_changes_all_the_time_is_no_conflict() -> None:
    cluster = full_cluster()
    turns: list[int] = []

    def change(write: int) -> None:
        if len(turns) < 5:
            turns.append(write)
            cluster._stamped(cluster.body(DEPLOYMENT))

    cluster.before_write = change
    assert quiesce(cluster)["outcome"] == "done"


def test_an_answer_that_was_lost_is_no_failure() -> None:
    cluster = full_cluster()
    before = essence(cluster)

    def lose(write: int) -> None:
        if write in (1, 6):  # the record; the replicas
            raise ErpError("The answer was lost.")

    for state in ("quiesced", "running"):
        cluster.writes, cluster.after_write = 0, lose
        assert quiesce(cluster, state)["outcome"] == "done"
    assert essence(cluster) == before


def test_a_write_that_fails_is_told_and_nothing_is_taken_for_written() -> None:
    cluster = full_cluster()

    def fail(write: int) -> None:
        raise ErpError("May not patch deployments.")

    cluster.before_write = fail
    with pytest.raises(ErpError, match="May not patch") as caught:
        quiesce(cluster)
    assert caught.value.facts["state"] == "running" and not caught.value.facts["changed"]


def test_writes_that_never_succeed_end() -> None:
    cluster = full_cluster()
    cluster.before_write = lambda write: (cluster._stamped(cluster.body(DEPLOYMENT)), None)[1]
    with pytest.raises(ErpError, match="changed during each of 10 writes"):
        quiesce(cluster)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"version": 2}', '{"version": 1, "holder": "x", "since": "y", "replicas": 1}']
)
def test_a_record_that_cannot_be_read_is_told(text: str) -> None:
    cluster = full_cluster()
    cluster.body(DEPLOYMENT)["metadata"]["annotations"] = {RECORD: text}
    for state in ("quiesced", "running"):
        with pytest.raises(ErpError, match=f"The annotation {RECORD} of Deployment erp/erp is not one"):
            quiesce(cluster, state)
    assert cluster.writes == 0


def test_what_is_gone_meanwhile_does_not_hinder_starting() -> None:
    cluster = full_cluster()
    quiesce(cluster)
    del cluster.objects["CronJob", NAMESPACE, "backup"]
    del cluster.objects["Application", "argocd", "erp"]
    done = quiesce(cluster, "running", argocd_applications=("erp",), cron_jobs=("erp-cron", "backup"))
    assert done["outcome"] == "done"
    assert cluster.body(DEPLOYMENT)["spec"]["replicas"] == 1


def test_names_that_are_not_there() -> None:
    cluster = full_cluster()
    for options in ({"deployment": "erq"}, {"argocd_applications": ("erq",)}, {"cron_jobs": ("erq",)}):
        with pytest.raises(ErpError, match="erq is not in the cluster"):
            quiesce(cluster, **options)
    assert cluster.writes == 0


def test_named_cron_jobs_replace_those_found() -> None:
    cluster = full_cluster()
    assert quiesce(cluster, cron_jobs=("foreign",))["held"]["cron_jobs"] == {"erp/foreign": None}


def test_replicas_for_an_application_that_would_stay_at_zero() -> None:
    cluster = running_cluster(0)
    assert quiesce(cluster, "running")["outcome"] == "unchanged"
    assert quiesce(cluster, "running", replicas=1)["ready_replicas"] == 1
    assert quiesce(cluster, "running", replicas=2)["outcome"] == "unchanged"


policies = st.fixed_dictionaries(
    {},
    optional={"prune": st.booleans(), "selfHeal": st.booleans(), "allowEmpty": st.booleans(), "enabled": st.booleans()},
)
behaviors = st.fixed_dictionaries(
    {},
    optional={
        "scaleUp": st.fixed_dictionaries(
            {},
            optional={
                "selectPolicy": st.sampled_from(["Max", "Disabled"]),
                "stabilizationWindowSeconds": st.integers(0, 9),
            },
        ),
        "scaleDown": st.just({"selectPolicy": "Min"}),
    },
)


@given(
    replicas=st.integers(0, 3),
    automated=st.none() | policies,
    options=st.none() | st.just(["CreateNamespace=true"]),
    behavior=st.none() | behaviors,
    suspends=st.lists(st.none() | st.booleans(), max_size=3),
    annotations=st.dictionaries(st.sampled_from(["a", "b"]), st.just("1")),
    kill=st.none() | st.integers(1, 8),
    after=st.booleans(),
)
def test_whatever_there_was_is_there_again(
    replicas: int,
    automated: Body | None,
    options: list[str] | None,
    behavior: Body | None,
    suspends: list[bool | None],
    annotations: dict[str, str],
    kill: int | None,
    after: bool,
) -> None:
    cluster = running_cluster(replicas, git_replicas=replicas)
    cluster.body(DEPLOYMENT)["metadata"]["annotations"] = dict(annotations)
    body = application(automated)
    if options:
        body["spec"].setdefault("syncPolicy", {})["syncOptions"] = options
    cluster.put(APPLICATION, body)
    cluster.put(HPA, autoscaler(1, **({} if behavior is None else {"behavior": behavior})))
    for number, suspend in enumerate(suspends):
        cluster.put(
            CRON_JOB, cron_job(f"cron-{number}", LABELS, None, **({} if suspend is None else {"suspend": suspend}))
        )
    before = essence(cluster)
    if kill:
        Runs("quiesced", after).killed_at(cluster, kill)
    quiesce(cluster)
    assert cluster.body(DEPLOYMENT)["spec"]["replicas"] == 0 and not cluster.application_pods()
    assert all(each["spec"]["suspend"] for key, each in cluster.objects.items() if key[0] == "CronJob")
    if kill:
        Runs("running", after).killed_at(cluster, kill)
    quiesce(cluster, "running")
    now = essence(cluster)
    # Held off, a policy that was nothing but automated is an empty one; put back, it is what it was.
    assert now == before
