# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pod of every work: what it may do, what it mounts, and what it says in clear."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.job_entry import WORK
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.job_options import job_options
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.pod_template import (
    PodSettings,
    SecretKey,
    Task,
    job_spec,
    label,
    pod_template,
)
from ansible_collections.arcodange.erp.plugins.modules import erp_job

SETTINGS = PodSettings(
    image="example.com/erp-tools:0.1.0", claim="erp-documents", resources={"limits": {"memory": "1Gi"}}
)


def template(module: str = "erp_backup", check_mode: bool = False, **changes: Any) -> dict[str, Any]:
    settings = PodSettings(**{**vars(SETTINGS), **changes})
    task = Task(
        "prod", module, {"documents_path": "/var/www/documents"}, {"PGPASSWORD": SecretKey("db", "pw")}, check_mode
    )
    return pod_template(task, settings, "erp-prod-backup-1")


def mounts(made: dict[str, Any]) -> dict[str, bool]:
    """Where something is mounted, and whether the pod may only read it."""
    (container,) = made["spec"]["containers"]
    return {mount["mountPath"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}


@pytest.mark.parametrize("module", WORK)
def test_no_work_runs_as_root_or_may_become_more(module: str) -> None:
    spec = template(module)["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 33,
        "runAsGroup": 33,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["automountServiceAccountToken"] is False
    assert spec["restartPolicy"] == "Never"
    assert "kubernetes.io/arch" not in json.dumps(spec)


@pytest.mark.parametrize(
    ("module", "check_mode", "expected"),
    [
        ("erp_backup", False, {"/tmp": False, "/var/www/documents": True}),
        ("erp_restore", False, {"/tmp": False, "/var/www/documents": False}),
        ("erp_restore", True, {"/tmp": False, "/var/www/documents": True}),
        ("erp_drill", False, {"/tmp": False, "/var/www/documents": True, "/scratch": False}),
        ("s3_tiered_prune", False, {"/tmp": False}),
        ("erp_database_info", False, {"/tmp": False}),
    ],
)
def test_only_a_restore_may_write_to_the_documents(module: str, check_mode: bool, expected: dict[str, bool]) -> None:
    made = template(module, check_mode)
    assert mounts(made) == expected
    for volume in made["spec"]["volumes"]:
        claim = volume.get("persistentVolumeClaim")
        assert claim is None or claim == {"claimName": "erp-documents", "readOnly": expected["/var/www/documents"]}


def test_a_drill_is_told_where_its_scratch_is() -> None:
    (container,) = template("erp_drill", scratch_size="20Gi")["spec"]["containers"]
    values = {one["name"]: one.get("value") for one in container["env"]}
    assert json.loads(values["ERP_JOB_OPTIONS"])["scratch_path"] == "/scratch"


def test_what_the_owner_of_the_cluster_decides_is_in_the_pod() -> None:
    tolerations = [{"key": "backup", "operator": "Exists"}]
    spec = template(
        fs_group=33,
        node_selector={"storage": "ssd"},
        tolerations=tolerations,
        pull_secrets=["registry"],
        service_account="erp-jobs",
        certificates="internal-ca",
        mount="/var/www",
    )["spec"]
    assert spec["securityContext"]["fsGroup"] == 33
    assert spec["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"
    assert (spec["nodeSelector"], spec["tolerations"]) == ({"storage": "ssd"}, tolerations)
    assert (spec["imagePullSecrets"], spec["serviceAccountName"]) == ([{"name": "registry"}], "erp-jobs")
    assert {"/var/www", "/etc/arcodange-erp/ca"} < set(mounts({"spec": spec}))
    assert spec["containers"][0]["resources"] == {"limits": {"memory": "1Gi"}}


def test_a_job_is_tried_once_and_its_pod_ends_before_it() -> None:
    spec = job_spec(template(), 600, 86400)
    assert (spec["backoffLimit"], spec["ttlSecondsAfterFinished"]) == (0, 86400)
    assert spec["template"]["spec"]["activeDeadlineSeconds"] == 600 < spec["activeDeadlineSeconds"]


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=90))
def test_any_environment_has_a_name_that_the_cluster_takes(text: str) -> None:
    assert re.fullmatch(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?)?", label(text))
    assert len(label(text)) <= 30


def params(**changes: Any) -> dict[str, Any]:
    """The options of the module with their defaults."""
    values = {name: option.get("default") for name, option in erp_job.SPEC.items()}
    return {
        **values,
        "environment_name": "prod",
        "job_module": "erp_backup",
        "namespace": "erp",
        "image": "i",
        **changes,
    }


@pytest.mark.parametrize(
    "name", ["db_password", "s3_secret_key", "instance_unique_id", "db_passfile", "s3_credentials_file"]
)
def test_a_secret_among_the_options_is_refused_without_saying_it(name: str) -> None:
    with pytest.raises(ErpError, match=f"job_options has {name}") as error:
        job_options(params(job_options={name: "planted-12"}), "ops", diff=False)
    assert "planted" not in str(error.value)


def test_what_a_secret_of_the_cluster_holds_is_not_given_again() -> None:
    secret = {"name": "erp-database", "user_key": "username", "password_key": "password"}
    options = job_options(
        params(db_secret=secret, db_user="erp", s3_access_key="a", s3_secret_key="b"), "ops", diff=False
    )
    assert options.task.secrets["PGPASSWORD"] == SecretKey("erp-database", "password")
    assert options.values == {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    assert "AWS_SECRET_ACCESS_KEY" not in repr(options)  # nor what it is
