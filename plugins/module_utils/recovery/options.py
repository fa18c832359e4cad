# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say what the ERP consists of; the doc fragment ``arcodange.erp.stack`` describes the same names."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.arguments import Spec, dolibarr_options, dolibarr_spec
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import DolibarrOptions
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.check import CheckOptions, Limits
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.judging import Probe
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.look import LookOptions
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.reading import Watched
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.steps import NAMES, Wish, read_step
from ansible_collections.arcodange.erp.plugins.module_utils.vault.client import VaultOptions

VAULT_LABELS = {"app.kubernetes.io/name": "vault"}


def stack_spec() -> Spec:
    """What the ERP consists of, and how Dolibarr is opened."""
    return {
        **dolibarr_spec(),
        "dolibarr_url": {"type": "str"},
        "namespace": {"type": "str"},
        "deployment": {"type": "str", "default": "erp"},
        "claims": {"type": "list", "elements": "str", "default": []},
        "secret": {"type": "str", "no_log": False},
        "vault_addresses": {"type": "list", "elements": "str", "default": []},
        "vault_ca_bundle": {"type": "path"},
        "vault_timeout": {"type": "float", "default": 5},
        "vault_namespace": {"type": "str"},
        "vault_pod_labels": {"type": "dict", "default": VAULT_LABELS},
    }


def watched(params: dict[str, Any]) -> Watched:
    """The ERP's part of a cluster."""
    return Watched(
        namespace=params["namespace"],
        deployment=params["deployment"],
        claims=tuple(filter(None, params["claims"])),
        secret=params["secret"] or "",
        vault_namespace=params["vault_namespace"] or "",
        vault_labels=tuple(params["vault_pod_labels"].items()) if params["vault_namespace"] else (),
    )


def vault(params: dict[str, Any]) -> VaultOptions | None:
    """How Vault is reached; None where there is none."""
    if not params["vault_addresses"]:
        return None
    return VaultOptions(params["vault_addresses"], params["vault_ca_bundle"], params["vault_timeout"])


def dolibarr(params: dict[str, Any]) -> DolibarrOptions | None:
    """How Dolibarr is opened; None without an address."""
    if not params["dolibarr_url"]:
        return None
    options = dolibarr_options(params)
    options.base()  # now, and not when the ERP is up again
    return options


def look_options(params: dict[str, Any]) -> LookOptions:
    """The options of ``erp_cluster_info``."""
    first, last = read_step(params["from_step"], "from_step"), read_step(params["stop_after"], "stop_after")
    if NAMES.index(first) > NAMES.index(last):
        raise ErpError(f"from_step is {first}, which comes after {last} of stop_after: nothing would be done.")
    return LookOptions(
        watched=watched(params),
        vault=vault(params),
        dolibarr=dolibarr(params),
        wish=Wish(
            first=first,
            last=last,
            restore=params["restore"] or "",
            take_over=params["resume"],
        ),
        probe=Probe.read(params["database"]),
        restored=params["restored"] or "",
        expected_version=params["dolibarr_version"] or "",
        journal=params["journal"],
        failure=params["failure"] or "",
        timeout=params["timeout"],
        pause=params["pause"],
    )


def check_options(params: dict[str, Any]) -> CheckOptions:
    """The options of ``erp_check``."""
    return CheckOptions(
        watched=watched(params) if params["namespace"] else None,
        vault=vault(params),
        dolibarr=dolibarr(params),
        documents=params["documents_path"] or "",
        restore_points=params["restore_points"],
        restore_points_error=params["restore_points_error"] or "",
        database=params["database"],
        database_error=params["database_error"] or "",
        limits=Limits(
            restore_point=timedelta(hours=params["max_restore_point_hours"]),
            verified=timedelta(days=params["max_verified_days"]),
            longhorn_backup=timedelta(days=params["max_longhorn_backup_days"]),
            certificate_warning_days=params["certificate_warning_days"],
            certificate_error_days=params["certificate_error_days"],
        ),
        dest=params["dest"] or "",
    )
