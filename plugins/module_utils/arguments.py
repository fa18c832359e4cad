# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that several modules share, each written once; the doc fragments describe the same names."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Protocol

from ansible.module_utils.basic import env_fallback, missing_required_lib

from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import StoreOptions
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import DolibarrOptions
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.options import KubernetesOptions
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import DatabaseOptions

Spec = dict[str, dict[str, Any]]


class Door(Protocol):
    """What a module offers to the code that reads its options."""

    params: dict[str, Any]

    def fail_json(self, msg: str, **kwargs: Any) -> Any: ...


def object_store_spec() -> Spec:
    """The options ``s3_*``, as described in the doc fragment ``arcodange.erp.object_store``."""
    return {
        "s3_endpoint": {"type": "str"},
        "s3_region": {"type": "str", "default": "us-east-1"},
        "s3_bucket": {"type": "str", "required": True},
        "s3_prefix": {"type": "str", "required": True},
        "s3_access_key": {"type": "str", "no_log": False, "fallback": (env_fallback, ["AWS_ACCESS_KEY_ID"])},
        "s3_secret_key": {"type": "str", "no_log": True, "fallback": (env_fallback, ["AWS_SECRET_ACCESS_KEY"])},
        "s3_credentials_file": {"type": "path"},
        "s3_addressing_style": {"type": "str", "choices": ["auto", "path", "virtual"], "default": "auto"},
        "s3_ca_bundle": {"type": "path"},
        "s3_checksums": {"type": "str", "choices": ["when_required", "when_supported"], "default": "when_required"},
        "s3_conditional_writes": {"type": "bool", "default": True},
        "s3_max_parts": {"type": "int", "default": 10000},
    }


def database_spec() -> Spec:
    """The options ``db_*``, as described in the doc fragment ``arcodange.erp.database``."""
    return {
        "db_host": {"type": "str", "required": True},
        "db_port": {"type": "int", "default": 5432},
        "db_name": {"type": "str", "required": True},
        "db_user": {"type": "str", "required": True},
        "db_password": {"type": "str", "no_log": True, "fallback": (env_fallback, ["PGPASSWORD"])},
        "db_passfile": {"type": "path", "no_log": False},
        "db_sslmode": {
            "type": "str",
            "choices": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
            "default": "prefer",
        },
        "db_sslrootcert": {"type": "path"},
        "pg_bindir": {"type": "path"},
    }


def database_admin_spec() -> Spec:
    """The options of a role that may create databases, as described in ``arcodange.erp.database.admin``."""
    optional = {name: {"type": "str"} for name in ("db_host", "db_name", "db_user")}
    return {
        **database_spec(),
        **optional,
        "db_maintenance_name": {"type": "str", "default": "postgres"},
        "db_owner": {"type": "str"},
        "skip_functions": {"type": "list", "elements": "str", "default": []},
    }


def database_session_spec() -> Spec:
    """The options ``db_*`` of a module that may do without a database, as in ``arcodange.erp.database.session``."""
    optional = {name: {"type": "str"} for name in ("db_host", "db_name", "db_user")}
    return {name: option for name, option in {**database_spec(), **optional}.items() if name.startswith("db_")}


def dolibarr_spec() -> Spec:
    """The options ``dolibarr_*``, as described in the doc fragment ``arcodange.erp.dolibarr``."""
    return {
        "dolibarr_url": {"type": "str", "required": True},
        "dolibarr_api_key": {"type": "str", "no_log": True, "fallback": (env_fallback, ["DOLIBARR_API_KEY"])},
        "dolibarr_api_key_file": {"type": "path", "no_log": False},
        "dolibarr_ca_bundle": {"type": "path"},
        "dolibarr_timeout": {"type": "float", "default": 30},
        "dolibarr_connections": {"type": "int", "default": 4},
    }


def kubernetes_spec() -> Spec:
    """Which cluster is meant, as described in the doc fragment ``arcodange.erp.kubernetes``."""
    return {
        "kubeconfig": {"type": "path", "fallback": (env_fallback, ["K8S_AUTH_KUBECONFIG"])},
        "context": {"type": "str", "fallback": (env_fallback, ["K8S_AUTH_CONTEXT"])},
    }


def store_options(params: dict[str, Any]) -> StoreOptions:
    """Read the options ``s3_*`` of a module."""
    return StoreOptions(**{name.removeprefix("s3_"): params[name] for name in object_store_spec()})


def kubernetes_options(params: dict[str, Any]) -> KubernetesOptions:
    """Read which cluster a module talks to."""
    return KubernetesOptions(kubeconfig=params["kubeconfig"], context=params["context"])


def dolibarr_options(params: dict[str, Any]) -> DolibarrOptions:
    """Read the options ``dolibarr_*`` of a module; a file that was named wins over a key of the environment."""
    chosen = {name.removeprefix("dolibarr_"): params[name] for name in dolibarr_spec()}
    if chosen["api_key_file"]:
        chosen["api_key"] = None
    return DolibarrOptions(**chosen)


def database_options(params: dict[str, Any]) -> DatabaseOptions:
    """Read the options ``db_*`` of a module."""
    names = [name for name in database_spec() if name.startswith("db_")]
    return DatabaseOptions(**{name.removeprefix("db_"): params[name] for name in names})


def require_libraries(module: Door, *names: str) -> None:
    """Fail with one sentence when a Python library is missing where the module runs."""
    for name in names:
        if find_spec(name) is None:
            module.fail_json(msg=missing_required_lib(name), outcome="failed")
