# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a Dolibarr to an audit, its report and three files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.client import Client
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import API, DolibarrOptions
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.reader import at_rest
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.audit import AuditRequest, audit
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.baseline import Baseline, read_baseline
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.report import build_report
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.report_files import (
    check_destination,
    write_report,
)

# What a module returns of the report; everything else is in the files.
SHORT = ("verdict", "counts", "findings", "undetermined", "baseline")
OF_INVOICE = ("id", "ref", "customer", "pdf", "verdict", "counts")
FAILING: dict[str, tuple[str, ...]] = {"none": (), "warning": ("error", "warning"), "error": ("error",)}


@dataclass(frozen=True)
class Output:
    """What to make of an audit; ``dest`` is a directory, ``baseline`` a file."""

    dest: str | None = None
    baseline: str | None = None
    details: bool = False


def run_audit(
    options: DolibarrOptions,
    request: AuditRequest,
    output: Output,
    now: datetime,
    check_mode: bool,
    progress_file: str | None = None,
) -> dict[str, Any]:
    """Everything for the result of a module; ``diff`` is there when a file differs from what it held."""
    if output.dest:
        check_destination(output.dest)
    baseline = read_baseline(output.baseline, now.date()) if output.baseline else Baseline()
    address = options.base().removesuffix(API)
    with Progress(progress_file) as progress, Client(options, progress) as client:
        report = build_report(at_rest(lambda: audit(client, address, request, baseline, now)))
    return result(report, output, check_mode)


def result(report: Mapping[str, Any], output: Output, check_mode: bool) -> dict[str, Any]:
    """The result of a module: verdict and findings, in full with ``details``, and which files were written."""
    answer: dict[str, Any] = {
        "changed": False,
        "msg": report["verdict"]["en"],
        "audit": report if output.details else short(report),
        "files": [],
    }
    if output.dest:
        written = write_report(report, output.dest, check_mode)
        answer |= {"changed": bool(written.changed), "files": list(written.files), "diff": list(written.diff)}
    level = report["verdict"]["level"]
    answer["outcome"] = "findings" if level in FAILING["warning"] else "done" if answer["changed"] else "unchanged"
    return answer


def short(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report without what fills it: results of rules that say nothing wrong, and the facts of other sections."""
    invoices = report["invoices"] or ()
    return {
        **{name: report[name] for name in SHORT},
        "invoices": [{name: invoice[name] for name in OF_INVOICE} for invoice in invoices],
    }
