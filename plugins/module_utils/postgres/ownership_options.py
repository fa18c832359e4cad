# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that the modules about owners share."""

from __future__ import annotations

from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.arguments import Spec, database_spec
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.ownership import Rules

LISTS = ("from_roles", "except_roles", "schemas", "functions", "databases", "tablespaces")


def ownership_spec() -> Spec:
    """The options of a connection, and those that say whose objects are foreign and where."""
    # The server alone is asked, and none of its programs.
    session = {name: option for name, option in database_spec().items() if name.startswith("db_")}
    lists = {name: {"type": "list", "elements": "str", "default": []} for name in LISTS[:3]}
    return {**session, **lists}


def ownership_rules(params: dict[str, Any], owner: str) -> Rules:
    """Read who is to own what."""
    return Rules(owner, **{name: tuple(params[name]) for name in LISTS if name in params})
