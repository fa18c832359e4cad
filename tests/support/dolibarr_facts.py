# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of the stand-in, as the module gathers them, in this process and in one of its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.fact_options import FACTS_SPEC, facts_request
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import DolibarrOptions
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.request import choose_subsets
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.run import Output, read_facts
from tests.support.dolibarr import StandIn
from tests.support.restore_points import Ended
from tests.support.restore_scene import run_module

# The captured instance was read on this day.
NOW = datetime(2026, 11, 21, 1, tzinfo=UTC)
MODULE = "ansible_collections.arcodange.erp.plugins.modules.dolibarr_facts"


def gather(
    server: StandIn, login: str = "ai_agent", check_mode: bool = False, now: datetime = NOW, **said: Any
) -> dict[str, Any]:
    """The result of the module on the day of the capture, for these options."""
    checked = ArgumentSpecValidator(FACTS_SPEC).validate(said)
    assert not checked.error_messages, checked.error_messages
    options = checked.validated_parameters
    output = Output(
        choose_subsets(options["gather_subset"]),
        **{name: options[name] for name in ("report", "format", "dest", "compare_with")},
    )
    opening = DolibarrOptions(server.url, server.key(login))
    return read_facts(opening, facts_request(options), output, now, check_mode)


def facts(server: StandIn, **said: Any) -> dict[str, Any]:
    """The facts by subset."""
    found: dict[str, Any] = gather(server, **said)["ansible_facts"]["dolibarr"]
    return found


def run_facts(check_mode: bool = False, diff: bool = False, environment: Any = None, **options: Any) -> Ended:
    """Run the module in a process of its own."""
    flags = {"_ansible_check_mode": check_mode, "_ansible_diff": diff}
    said = json.dumps({"ANSIBLE_MODULE_ARGS": {**options, **flags}})
    return run_module(said, MODULE, no_proxy="*", **(environment or {}))
