# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a recovery: what was found, what was done, how long each took, what remains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.recovery.steps import (
    END,
    RESTORE,
    STOP,
    UNSAFE,
    Decision,
    Service,
    Wish,
)

MARKS = {"true": "ok", "false": "NOT", "unsafe": "UNSAFE", "unknown": "?", "not_asked": "-"}
# What an action is when it is over.
DONE = {
    "wait": "waited",
    "hold": "stopped the ERP, held ArgoCD, autoscalers and CronJobs",
    "unseal": "gave Vault its keys",
    "sync": "had new credentials written",
    "probe": "logged in to the database as the ERP",
    "own": "gave every object to the owner role",
    "restore": "restored",
    "start": "started the ERP, put back what was held",
}
# What it does first, for a plan.
DOES = {
    "wait": "wait for it",
    "hold": "stop the ERP, and hold ArgoCD, autoscalers and CronJobs",
    "unseal": "give Vault its keys",
    "sync": "have new credentials written",
    "probe": "log in to the database as the ERP",
    "own": "give every object to the owner role",
    "restore": "restore",
    "start": "start the ERP, and put back what is held",
}


def report(
    steps: Sequence[Mapping[str, Any]],
    decision: Decision,
    journal: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping[str, Any]],
    service: Service,
    wish: Wish,
) -> list[str]:
    """The lines for a person; the last ones say whether the ERP is up and what to do."""
    lines = [_step(step) for step in steps if step["step"] != "report"]
    done = [entry for entry in journal if entry["seconds"] is not None]
    if done:
        lines += ["", f"Done in {sum(entry['seconds'] for entry in done):.1f} s"]
        lines += [_entry(entry) for entry in done]
    if found:
        lines += ["", "Remains"]
        for item in found:
            lines.append(f"  {item['state']:<12} {item['message']}")
            lines += [f"  {'':<12} -> {item['advice']}"] if item["advice"] else []
    return [*lines, "", *_verdict(steps, decision, service, wish)]


def _step(step: Mapping[str, Any]) -> str:
    would = f"  -> {step['would']}" if step["would"] else ""
    return f"{step['number']} {step['step']:<10} {MARKS[step['state']]:<6} {step['message']}{would}"


def _entry(entry: Mapping[str, Any]) -> str:
    said = f"{entry['action']} FAILED: {entry['failure']}" if entry["failure"] else f"{DONE[entry['action']]}."
    return f"  {entry['seconds']:6.1f} s  {entry['step']:<10} {said} Found: {entry['message']}"


def _verdict(steps: Sequence[Mapping[str, Any]], decision: Decision, service: Service, wish: Wish) -> list[str]:
    unsafe = any(step["state"] == UNSAFE for step in steps)
    if unsafe and service.wants_pods:
        up = "The ERP is NOT stopped, and its data is not safe."
    elif service.serves:
        up = "The ERP is up."
    elif unsafe:
        up = "The ERP is DOWN, and stays down because its data is not safe."
    else:
        up = "The ERP is DOWN."
    lines = [up]
    undone = [step for step in steps if step["step"] == RESTORE and step["state"] == "false"]
    if decision.action in DOES:
        lines.append(f"Next: {DOES[decision.action]}. {decision.message}")
    elif decision.action == STOP:
        lines += [f"Stopped at {decision.step}: {decision.message}"]
        if decision.advice:
            lines.append(f"What to do: {decision.advice}. Then run this again, it goes on from there.")
    elif undone and decision.action == END and wish.last != RESTORE:
        lines.append("The restore did not succeed: what was live before is live. See above, and docs/restore.md.")
    elif decision.action == END and wish.last != steps[-1]["step"]:
        following = steps[[step["step"] for step in steps].index(wish.last) + 1]["step"]
        lines.append(f"Stopped after {wish.last} as asked. Go on with -e from_step={following}.")
    return lines
