# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audits of the captured Dolibarr, as the module makes them, in this process and in one of its own."""

from __future__ import annotations

import json
import pathlib
from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import StoreOptions
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import DolibarrOptions
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.audit_options import AUDIT_SPEC, audit_request
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.run import Output, run_audit
from tests.support.dolibarr import StandIn
from tests.support.paths import FIXTURES
from tests.support.restore_points import Ended
from tests.support.restore_scene import run_module

# The captured instance was read on this day.
NOW = datetime(2026, 11, 21, 1, tzinfo=UTC)
MODULE = "ansible_collections.arcodange.erp.plugins.modules.dolibarr_invoice_audit"
# The company of the captured instance, as its PDFs print it.
SELLER: dict[str, Any] = {
    "name": "Atelier Lumen",
    "address": "12 rue des Exemples",
    "zip": "91000",
    "town": "Évry-Courcouronnes",
    "country": "FR",
    "legal_form": "SAS",
    "capital": "5000",
    "siren": "123456782",
    "siret": "12345678200010",
    "vat_number": "FR11123456782",
    "rcs_city": "Évry",
    "naf": "62.02A",
}
KNOWN: dict[str, Any] = {
    "seller": SELLER,
    "seller_size": "micro",
    "vat": {"regime": "normal", "on_debits": False},
}


def audited(
    server: StandIn,
    login: str = "ai_agent",
    check_mode: bool = False,
    now: datetime = NOW,
    store: StoreOptions | None = None,
    **said: Any,
) -> dict[str, Any]:
    """The result of the module on the day of the capture, for these options, with the whole report."""
    checked = ArgumentSpecValidator(AUDIT_SPEC).validate({"details": True, **said})
    assert not checked.error_messages, checked.error_messages
    options = checked.validated_parameters
    output = Output(options["dest"], options["baseline"], options["details"])
    opening = DolibarrOptions(server.url, server.key(login))
    return run_audit(opening, audit_request(options, store), output, now, check_mode)


def run_audit_module(check_mode: bool = False, diff: bool = False, **options: Any) -> Ended:
    """Run the module in a process of its own."""
    flags = {"_ansible_check_mode": check_mode, "_ansible_diff": diff}
    return run_module(json.dumps({"ANSIBLE_MODULE_ARGS": {**options, **flags}}), MODULE, no_proxy="*")


def documents_at(home: pathlib.Path) -> pathlib.Path:
    """A documents directory with every captured PDF."""
    for path in (FIXTURES / "pdf").glob("*.pdf"):
        folder = home / "facture" / path.stem
        folder.mkdir(parents=True)
        (folder / path.name).write_bytes(path.read_bytes())
    return home


def results_of(result: dict[str, Any], ref: str) -> dict[str, dict[str, Any]]:
    """The results of an invoice, by rule."""
    (found,) = [one for one in result["audit"]["invoices"] if one["ref"] == ref]
    return {one["rule"]: one for one in found["results"]}
