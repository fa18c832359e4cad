# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was there before an application was stopped, kept in an annotation of its Deployment until it runs again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import Body

ANNOTATION = "arcodange.erp/quiesced"
VERSION = 1


@dataclass(frozen=True)
class Record:
    """Who stopped the application and when, and what everything was like that was changed for it.

    ``held`` has, by kind and ``namespace/name``, the former value of the one field that was changed; None when it had none.
    """

    holder: str
    since: str
    replicas: int
    stopped: str | None = None
    held: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def text(self) -> str:
        """Return what the annotation says."""
        return json.dumps({"version": VERSION, **asdict(self)})  # not sorted: the order of Applications counts

    def outage(self, now: datetime) -> float | None:
        """Seconds since the application was scaled to 0; None when it was there already."""
        return (now - datetime.fromisoformat(self.stopped)).total_seconds() if self.stopped else None


def read_record(deployment: Body) -> Record | None:
    """Read the record of a Deployment; None when nobody stopped its application."""
    text = (deployment["metadata"].get("annotations") or {}).get(ANNOTATION)
    if text is None:
        return None
    try:
        fields = json.loads(text)
        version = fields.pop("version")
        record = Record(**fields)
        datetime.fromisoformat(record.since)
        record.outage(datetime.fromisoformat(record.since))
        usable = isinstance(record.replicas, int) and all(isinstance(part, dict) for part in record.held.values())
    except (ValueError, TypeError, KeyError, AttributeError):
        version, usable = None, False
    if version != VERSION or not usable:
        where = f"{deployment['metadata'].get('namespace', '')}/{deployment['metadata'].get('name', '')}"
        raise ErpError(
            f"The annotation {ANNOTATION} of Deployment {where} is not one this version wrote, so what was there before is unknown: "
            f"put it right, or put replicas, sync policy, autoscaler and CronJobs back by hand and remove it."
        )
    return record
