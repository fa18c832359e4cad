# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Job, read from the options of a module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.job import JobOptions
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.pod_template import (
    PodSettings,
    SecretKey,
    Task,
)

# Which variable of the container each secret is.
VARIABLES = {
    "db_user": "ERP_DB_USER",
    "db_password": "PGPASSWORD",
    "s3_access_key": "AWS_ACCESS_KEY_ID",
    "s3_secret_key": "AWS_SECRET_ACCESS_KEY",
    "instance_unique_id": "ERP_INSTANCE_UNIQUE_ID",
}
# Files of the machine that types are not in the pod.
FILES = ("db_passfile", "s3_credentials_file")


def job_options(params: Mapping[str, Any], who: str, diff: bool) -> JobOptions:
    """Turn the options of the module into those of a Job."""
    task = Task(
        environment=params["environment_name"],
        module=params["job_module"],
        options=_harmless(params["job_options"]),
        secrets=_secrets(params["db_secret"], params["s3_secret"]),
        check_mode=params["job_check_mode"],
        diff=diff,
    )
    settings = PodSettings(
        image=params["image"],
        pull_policy=params["image_pull_policy"],
        pull_secrets=params["image_pull_secrets"],
        service_account=params["service_account"],
        claim=params["documents_claim"],
        mount=params["documents_mount"],
        certificates=params["ca_config_map"],
        scratch_size=params["scratch_size"],
        resources=params["resources"],
        node_selector=params["node_selector"],
        tolerations=params["tolerations"],
        user=params["run_as_user"],
        group=params["run_as_group"],
        fs_group=params["fs_group"],
    )
    given = {variable: params[name] for name, variable in VARIABLES.items() if params[name]}
    return JobOptions(
        namespace=params["namespace"],
        task=task,
        settings=settings,
        who=who,
        values={variable: value for variable, value in given.items() if variable not in task.secrets},
        free_claim=params["wait_for_claim"],
        deadline=params["deadline"],
        keep=params["keep"],
        start_timeout=params["start_timeout"],
        poll=params["poll_interval"],
    )


def _harmless(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options of the module in the Job, which anybody who may read Jobs can read."""
    for name in VARIABLES:
        if name != "db_user" and options.get(name):
            raise ErpError(
                f"job_options has {name}, which everybody who reads the Job would see: give it beside job_options."
            )
    for name in FILES:
        if options.get(name):
            raise ErpError(
                f"job_options has {name}, a file that is not in the pod: name a Secret, or give the secret itself."
            )
    return options


def _secrets(database: Mapping[str, str] | None, store: Mapping[str, str] | None) -> dict[str, SecretKey]:
    found = {}
    if database:
        found["ERP_DB_USER"] = SecretKey(database["name"], database["user_key"])
        found["PGPASSWORD"] = SecretKey(database["name"], database["password_key"])
    if store:
        found["AWS_ACCESS_KEY_ID"] = SecretKey(store["name"], store["access_key"])
        found["AWS_SECRET_ACCESS_KEY"] = SecretKey(store["name"], store["secret_key"])
    return found
