# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is the storage there: claims bound, Longhorn volumes usable, not full, and really backed up by Longhorn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ansible_collections.arcodange.erp.plugins.module_utils.recovery.items import (
    ERROR,
    NOT_APPLICABLE,
    PASS,
    UNDETERMINED,
    WARNING,
    Item,
    size,
    span,
)
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.objects import (
    LONGHORN_DRIVER,
    Claim,
    LonghornVolume,
    RecurringJob,
)
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.reading import ClusterState

USAGE_WARNING, USAGE_ERROR = 0.8, 0.9
SALVAGE = (
    "start the nodes that hold its replicas; if Longhorn does not salvage it by itself, choose Salvage in Longhorn's page"
    " for the replica that failed last, else restore with -e restore=ID into a new volume"
)
KINDS_GONE = (
    "do not install Longhorn anew over it, which gives volumes new engines and orphans the replicas: re-apply its"
    " Volume, Engine and Replica objects from a dump first"
)
VOLUME_GONE = (
    "re-apply the Volume object from a dump so that its replicas are adopted again, before anything else is deleted"
)


@dataclass(frozen=True)
class Standing:
    """One claim: what is to say of it, and whether what is on it may be gone or torn, so that nothing must write there."""

    item: Item
    is_unsafe: bool


def assess_storage(state: ClusterState) -> Iterator[Item]:
    """Whether every claim is bound and its volume holds the data."""
    unread = _unread(state)
    if unread:
        yield Item("storage", UNDETERMINED, unread, state.unreadable[unread], "grant what it names, and look again")
    else:
        yield from (_claim(claim, state.has_longhorn).item for claim in state.claims)


def is_unsafe(state: ClusterState) -> bool:
    """Whether what is on one of the volumes may be gone or torn; what cannot be read is not known to be."""
    return not _unread(state) and any(_claim(claim, state.has_longhorn).is_unsafe for claim in state.claims)


def _unread(state: ClusterState) -> str:
    return next((what for what in ("claims", "storage") if what in state.unreadable), "")


def _claim(claim: Claim, has_longhorn: bool) -> Standing:
    subject = claim.subject
    if not claim.phase:
        said = f"There is no claim {subject}."
        advice = "let ArgoCD create it, or correct erp_kubernetes_documents_claim and erp_check_claims"
        return Standing(Item("storage", ERROR, subject, said, advice), True)
    if claim.phase != "Bound":
        said = f"The claim {subject} is {claim.phase}, not Bound."
        advice = f"kubectl -n {claim.namespace} describe pvc {claim.name} says what it waits for"
        return Standing(Item("storage", ERROR, subject, said, advice), claim.phase == "Lost")
    if claim.driver != LONGHORN_DRIVER:
        return Standing(Item("storage", PASS, subject, f"{subject} is Bound."), False)
    if not has_longhorn:
        said = f"The cluster no longer knows Longhorn's kinds, so nothing serves {subject}."
        return Standing(Item("storage", ERROR, subject, said, KINDS_GONE), True)
    if claim.volume is None:
        said = f"Longhorn has no volume {claim.volume_name}, which {subject} is bound to."
        return Standing(Item("storage", ERROR, subject, said, VOLUME_GONE), True)
    return _volume(subject, claim.volume)


def _volume(subject: str, volume: LonghornVolume) -> Standing:
    usable, wanted = volume.usable_replicas, volume.wanted_replicas
    held = f"{usable} of {wanted} replicas hold the data"
    if volume.robustness == "faulted" or not usable:
        failed = ", ".join(f"{one.name} on {one.node or 'no node'}" for one in volume.replicas if one.failed)
        which = f", failed are {failed}" if failed else ""
        said = f"The Longhorn volume {volume.name} of {subject} is faulted: {held}{which}."
        return Standing(Item("storage", ERROR, subject, said, SALVAGE), True)
    if volume.state not in ("attached", "detached"):
        said = f"The Longhorn volume {volume.name} of {subject} is {volume.state}: {held}."
        advice = "wait for it; if it stays so, look at the longhorn-manager of the node that it attaches to"
        return Standing(Item("storage", ERROR, subject, said, advice), False)
    if volume.robustness == "degraded" or usable < wanted:
        said = f"The Longhorn volume {volume.name} of {subject} is degraded but usable: {held}."
        advice = "Longhorn rebuilds the others by itself when their nodes are back; look again in an hour"
        return Standing(Item("storage", WARNING, subject, said, advice), False)
    said = f"{subject} is Bound, {volume.name} is {volume.state}, {held}."
    return Standing(Item("storage", PASS, subject, said), False)


def assess_recurring_jobs(state: ClusterState, now: datetime, max_age: timedelta) -> Iterator[Item]:
    """Whether Longhorn really backs up every volume: a job that makes backups selects it, and did lately."""
    for claim in state.claims:
        yield _recurring(claim, state, now, max_age)


def _recurring(claim: Claim, state: ClusterState, now: datetime, max_age: timedelta) -> Item:
    check, subject = "longhorn_backup", claim.subject
    for what in ("claims", "storage", "recurring jobs"):
        if what in state.unreadable:
            return Item(check, UNDETERMINED, subject, state.unreadable[what], "grant what it names, and look again")
    if claim.driver and claim.driver != LONGHORN_DRIVER:
        return Item(check, NOT_APPLICABLE, subject, f"{subject} is not on Longhorn but on {claim.driver}.")
    if claim.volume is None:
        return Item(check, UNDETERMINED, subject, f"{subject} has no Longhorn volume to look at.", "see storage")
    volume = claim.volume
    backups = [job for job in state.recurring_jobs if job.makes_backups]
    selecting = [job for job in backups if job.selects(volume)]
    if not selecting:
        return Item(check, ERROR, subject, _nobody(volume, backups), _join(volume, backups))
    names = ", ".join(f"{job.name} ({job.cron})" for job in selecting)
    if volume.last_backup is None:
        return Item(
            check,
            ERROR,
            subject,
            f"{names} selects {volume.name}, and Longhorn has never backed it up.",
            "look at the pods of the job in Longhorn's namespace and at the backup target in its settings",
        )
    age = now - volume.last_backup
    if age > max_age:
        return Item(
            check,
            ERROR,
            subject,
            f"The last backup that Longhorn made of {volume.name} is {span(age.total_seconds())} old, by {names}.",
            "look at the pods of the job in Longhorn's namespace and at the backup target in its settings",
        )
    return Item(
        check, PASS, subject, f"{names} selects {volume.name}; its last backup is {span(age.total_seconds())} old."
    )


def _nobody(volume: LonghornVolume, backups: Sequence[RecurringJob]) -> str:
    idle = ", ".join(job.name for job in backups if not job.groups)
    serves = f" ({idle} has no group and serves only volumes that name it)" if idle else ""
    return f"No recurring job of Longhorn that makes backups selects {volume.name}{serves}."


def _join(volume: LonghornVolume, backups: Sequence[RecurringJob]) -> str:
    if not backups:
        return "create a RecurringJob with task backup and group default"
    groups = sorted(volume.groups) or ["default"]
    return (
        f"label the volume recurring-job.longhorn.io/{backups[0].name}=enabled, or give the job the group {groups[0]}"
    )


def assess_usage(
    subject: str, used: int | None, total: int, growth: float | None, what: str = "used", why: str = ""
) -> Item:
    """How full a volume is; ``growth`` in bytes a day, None where it is not known."""
    if used is None or not total:
        return Item(
            "usage", UNDETERMINED, subject, why or f"How full {subject} is cannot be read.", "look on the volume"
        )
    share = used / total
    grows = ""
    if growth is not None:
        grows = f", growing by {size(growth)} a day"
        if growth > 0:
            grows += f": full in {span((total - used) / growth * 86400)}"
    state = ERROR if share >= USAGE_ERROR else WARNING if share >= USAGE_WARNING else PASS
    return Item(
        "usage",
        state,
        subject,
        f"{subject} is {share:.0%} {what}: {size(used)} of {size(total)}{grows}.",
        ""
        if state == PASS
        else "enlarge the claim, or remove what does not belong there, such as old snapshots and temp/",
    )


def assess_claim_usage(claims: Iterable[Claim], growth: float | None) -> Iterator[Item]:
    """How full the claims are, by what Longhorn allocated, snapshots included."""
    for number, claim in enumerate(claims):
        volume = claim.volume
        yield assess_usage(
            claim.subject,
            volume.used if volume else None,
            volume.size if volume else 0,
            # The restore points hold the documents, which are on the first claim.
            growth if number == 0 else None,
            "allocated",
            f"How full {claim.subject} is can be read only from a Longhorn volume, and there is none.",
        )
