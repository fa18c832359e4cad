# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a database is restored, read from the options of a module."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.arguments import database_options
from ansible_collections.arcodange.erp.plugins.module_utils.restore.target import TargetOptions


def target_options(params: dict[str, Any]) -> TargetOptions | None:
    """Where a database is restored; ``None`` where none is named."""
    if not (params["db_host"] and params["db_name"] and params["db_user"]):
        return None
    return TargetOptions(
        admin=replace(database_options(params), name=params["db_maintenance_name"]),
        owner=params["db_owner"],
        skip_functions=tuple(params["skip_functions"]),
        bindir=params["pg_bindir"],
    )
