# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Deployment of an application that is stopped or started, and its record, which one run at a time holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from ansible_collections.arcodange.erp.plugins.module_utils.clock import Clock
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import (
    DEPLOYMENT,
    Body,
    Cluster,
    Conflict,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_holds import merged
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_objects import (
    QuiesceOptions,
    replicas_of,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_record import (
    ANNOTATION,
    Record,
    read_record,
)

PERIOD = 1.0  # seconds between two looks
CONFLICTS = 10  # tries to write a Deployment whose status changes all the time
Made = TypeVar("Made", bound="Record | None")


class HeldDeployment:
    """A Deployment as it was read last, or in check mode as it would be, with its record."""

    def __init__(self, cluster: Cluster, options: QuiesceOptions, check_mode: bool, clock: Clock) -> None:
        self._cluster = cluster
        self._options = options
        self._check_mode = check_mode
        self._clock = clock
        self.title = f"Deployment {options.namespace}/{options.deployment}"
        self.body = self._get()
        self.found = read_record(self.body)
        self.record = self.found
        self.last = self.found  # the record, or the one there was before it was removed
        self.written = False

    def _get(self) -> Body:
        body = self._cluster.get(DEPLOYMENT, self._options.deployment, self._options.namespace)
        if body is None:
            raise ErpError(f"{self.title} is not in the cluster: correct namespace or name, or create it.")
        return body

    def read(self) -> Body:
        """Read the Deployment again, and stop here when its record is no longer this run's."""
        body = self._get()
        record = read_record(body)
        if record != self.record:
            self.record = record
            if record is None:
                raise Refused(
                    f"Somebody else started the application of {self.title} again: find out who before you go on."
                )
            raise Refused(
                f"{self.title} was taken over by {record.holder}, its record is of {record.since}: leave it to that run."
            )
        self.body = body
        return body

    def check_holder(self) -> None:
        """Refuse a record of another holder, unless it is to be taken over."""
        found = self.found
        if found and found.holder != self._options.holder and not self._options.resume:
            minutes = (self._clock.now() - datetime.fromisoformat(found.since)).total_seconds() / 60
            raise Refused(
                f"{self.title} is held by {found.holder} since {found.since} ({minutes:.0f} min): wait for that run, or, when it "
                f"is dead, take it over with resume=true."
            )

    def write(self, make: Callable[[Body], Made], replicas: int | None = None) -> Made:
        """Write the record made of the Deployment as it is, and perhaps its replicas, unless somebody took it over."""
        for _attempt in range(CONFLICTS):
            body = self._get() if self._check_mode else self.read()
            record: Record | None = (made := make(body))
            patch: Body = {"metadata": {"annotations": {ANNOTATION: record.text() if record else None}}}
            if replicas is not None:
                patch["spec"] = {"replicas": replicas}
            version = {"resourceVersion": body["metadata"]["resourceVersion"]}
            conditional = {**patch, "metadata": {**patch["metadata"], **version}}
            try:
                answer = self._cluster.patch(DEPLOYMENT, self._options.deployment, self._options.namespace, conditional)
            except ErpError as error:
                answer = self._get()
                if read_record(answer) != record or replicas not in (None, replicas_of(answer)):
                    if not isinstance(error, Conflict):
                        raise
                    self._clock.sleep(PERIOD)
                    continue
                # It was written, and only the answer was lost.
            # A dry run answers without what the dry runs before it would have changed.
            self.body = merged(self.body, patch) if self._check_mode else answer
            self.record, self.last, self.written = record, record or self.last, True
            return made
        raise ErpError(
            f"{self.title} changed during each of {CONFLICTS} writes: find out who changes it, then try again."
        )
