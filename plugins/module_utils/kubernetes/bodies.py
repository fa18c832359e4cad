# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every object of a cluster has, whatever its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Body = Mapping[str, Any]


def name_of(body: Body) -> str:
    """The name of an object."""
    return str(body["metadata"]["name"])


def namespace_of(body: Body) -> str:
    """The namespace of an object; empty for one of the whole cluster."""
    return str(body["metadata"].get("namespace") or "")


def find_condition(body: Body, kind: str) -> Body:
    """A condition in the status of an object; empty when it has none of this kind."""
    conditions = (body.get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one.get("type") == kind), {})
