# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a Dolibarr to facts, a report and a file."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Severity
from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.client import Client
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.facts import Gatherer, Request
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import API, DolibarrOptions
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.reader import Reader, at_rest
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.render import render
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.report_kinds import REPORTS
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.snapshot import Snapshot, build_snapshot
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.snapshot_difference import (
    Content,
    SnapshotDifference,
    compare_snapshots,
    invoice_refs,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.snapshot_files import (
    read_snapshot,
    write_snapshot,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.private_files import present, write_private

SNAPSHOT = "snapshot"
WORDS = {str(Severity.ERROR): "error", str(Severity.WARNING): "warning", str(Severity.INFO): "remark"}


@dataclass(frozen=True)
class Output:
    """What to make of the facts, by the options of the module; ``subsets`` are those asked for by name."""

    subsets: frozenset[str] = frozenset()
    report: str | None = None
    format: str = "table"
    dest: str | None = None
    compare_with: str | None = None

    def check(self) -> None:
        """Refuse what would have no effect."""
        if self.dest and not self.report:
            raise ErpError("dest is given and no report: say with report what to write there.")
        if self.compare_with and self.report not in (SNAPSHOT, "numbering") and "numbering" not in self.subsets:
            raise ErpError("compare_with is given and nothing to compare: ask for the report snapshot or numbering.")


@dataclass
class Read:
    """What one run read."""

    gatherer: Gatherer
    facts: dict[str, Any]
    snapshot: Snapshot | None = None
    difference: SnapshotDifference | None = None


def read_facts(
    options: DolibarrOptions,
    request: Request,
    output: Output,
    now: datetime,
    check_mode: bool,
    progress_file: str | None = None,
) -> dict[str, Any]:
    """Everything for the result of a module; ``diff`` is there when a file differs from what it held."""
    output.check()
    earlier = read_snapshot(output.compare_with) if output.compare_with else None
    if earlier is not None:
        numbering = dataclasses.replace(request.numbering, previous_refs=invoice_refs(earlier))
        request = dataclasses.replace(request, numbering=numbering)
    with Progress(progress_file) as progress, Client(options, progress) as client:
        read = at_rest(lambda: read_once(client, options, request, output, now))
    if read.snapshot is not None:
        take_snapshot(read, read.snapshot, earlier)
    return result(read, output, check_mode)


def read_once(client: Client, options: DolibarrOptions, request: Request, output: Output, now: datetime) -> Read:
    """Read from the beginning all that is asked for."""
    reader = Reader(client)
    gatherer = Gatherer(reader, request, now.date())
    read = Read(gatherer, gatherer.gather())
    if output.report == SNAPSHOT:
        read.snapshot = build_snapshot(client, reader, options.base().removesuffix(API), now)
    return read


def take_snapshot(read: Read, snapshot: Snapshot, earlier: Content | None) -> None:
    """Add the snapshot's own facts: not the data, which belong into a file."""
    if earlier is not None:
        read.difference = compare_snapshots(earlier, snapshot.to_content())
    read.facts[SNAPSHOT] = {
        **snapshot.header(),
        "counts": snapshot.counts(),
        "difference": read.difference.to_facts() if read.difference else None,
    }


def result(read: Read, output: Output, check_mode: bool) -> dict[str, Any]:
    """The result of a module: facts, findings, the report, and whether a file was written."""
    kind = REPORTS[output.report] if output.report else None
    counted = output.subsets | ({kind.subset} if kind and kind.shows_findings else set())
    findings = [
        {"subset": subset, **finding.to_facts()}
        for subset, found in read.gatherer.findings.items()
        if subset in counted
        for finding in found
    ]
    answer: dict[str, Any] = {
        "changed": False,
        "ansible_facts": {"dolibarr": read.facts},
        "findings": findings,
        "msg": sentence(findings),
    }
    if kind:
        own = [finding for finding in findings if finding["subset"] == kind.subset]
        answer["report"] = render(dataclasses.replace(kind.build(read.facts), findings=own), output.format)
        if output.dest:
            answer |= written(read, output.dest, answer["report"], check_mode)
    answer["outcome"] = "findings" if has_findings(findings) else "done" if answer["changed"] else "unchanged"
    return answer


def written(read: Read, dest: str, report: str, check_mode: bool) -> dict[str, Any]:
    """Write the file, and say whether that changed anything and what."""
    if read.snapshot is not None:
        if not write_snapshot(read.snapshot, dest, dry_run=check_mode):
            return {}
        lines = read.difference.lines() if read.difference else []
        return {"changed": True, "diff": {"prepared": "".join(f"{line}\n" for line in lines)}}
    before = present(dest)
    if before == report:
        return {}
    if not check_mode:
        write_private(os.path.realpath(dest), [report])
    return {"changed": True, "diff": {"before": before or "", "after": report, "before_header": dest}}


def has_findings(findings: Sequence[dict[str, Any]]) -> bool:
    """Whether something was found that is more than information."""
    return any(finding["severity"] != Severity.INFO for finding in findings)


def sentence(findings: Sequence[dict[str, Any]]) -> str:
    """How many findings there are, by severity, and of which checks."""
    counts = Counter(finding["severity"] for finding in findings)
    if not counts:
        return "Nothing was found that should be otherwise."
    shown = ", ".join(f"{counts[one]} {WORDS[one]}{'s' * (counts[one] > 1)}" for one in WORDS if counts[one])
    checks = sorted({finding["check"] for finding in findings if finding["severity"] != Severity.INFO})
    return f"Found {shown}: {', '.join(checks) or 'see findings'}."
