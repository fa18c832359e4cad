# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the objects of a cluster, and what others said, come to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.instance import User
from ansible_collections.arcodange.erp.plugins.module_utils.recovery import (
    coverage,
    credentials,
    front,
    storage,
    workloads,
)
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.check import (
    CheckOptions,
    Seen,
    assess,
    sentence,
    table,
)
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.items import Item, worst
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.objects import (
    Claim,
    DynamicSecret,
    LonghornVolume,
    Node,
    Pod,
    RecurringJob,
    Replica,
    quantity,
    read_dynamic_secret,
    read_longhorn_volume,
    read_pod,
)
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.reading import ClusterState, Watched
from ansible_collections.arcodange.erp.plugins.module_utils.vault.replica import Replica as VaultReplica

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
GOOD = Replica("r1", "pi1", failed=False, was_healthy=True)
FAILED = Replica("r2", "pi2", failed=True, was_healthy=True)
REBUILDING = Replica("r3", "pi3", failed=False, was_healthy=False)
VOLUME = LonghornVolume(
    "pvc-1",
    "attached",
    "healthy",
    100,
    10,
    2,
    (GOOD, GOOD),
    frozenset(),
    frozenset({"default"}),
    NOW - timedelta(days=2),
)
CLAIM = Claim("erp", "documents", "Bound", "pvc-1", "driver.longhorn.io", VOLUME)


def stated(claim: Claim, **fields: Any) -> ClusterState:
    return ClusterState(claims=(claim,), has_longhorn=True, **fields)


@pytest.mark.parametrize(
    ("claim", "state", "unsafe", "words"),
    [
        (CLAIM, "pass", False, "Bound, pvc-1 is attached, 2 of 2 replicas"),
        (replace(CLAIM, volume=replace(VOLUME, state="detached", robustness="unknown")), "pass", False, "detached"),
        (replace(CLAIM, volume=replace(VOLUME, robustness="degraded")), "warning", False, "degraded but usable"),
        (replace(CLAIM, volume=replace(VOLUME, replicas=(GOOD, FAILED))), "warning", False, "1 of 2 replicas"),
        (replace(CLAIM, volume=replace(VOLUME, replicas=(GOOD, REBUILDING))), "warning", False, "1 of 2 replicas"),
        (replace(CLAIM, volume=replace(VOLUME, replicas=(FAILED, REBUILDING))), "error", True, "faulted"),
        (replace(CLAIM, volume=replace(VOLUME, replicas=(FAILED,))), "error", True, "failed are r2 on pi2"),
        (replace(CLAIM, volume=replace(VOLUME, robustness="faulted")), "error", True, "faulted"),
        (replace(CLAIM, volume=replace(VOLUME, replicas=())), "error", True, "faulted"),
        # Never attached: no replica was ever healthy, and all are good.
        (replace(CLAIM, volume=replace(VOLUME, replicas=(REBUILDING, REBUILDING))), "pass", False, "2 of 2"),
        (replace(CLAIM, volume=replace(VOLUME, state="attaching")), "error", False, "is attaching"),
        (replace(CLAIM, volume=None), "error", True, "Longhorn has no volume pvc-1"),
        (replace(CLAIM, phase="Pending", volume=None), "error", False, "is Pending, not Bound"),
        (replace(CLAIM, phase="Lost", volume=None), "error", True, "is Lost, not Bound"),
        (replace(CLAIM, phase="", volume=None), "error", True, "There is no claim erp/documents"),
        (replace(CLAIM, driver="rancher.io/local-path", volume=None), "pass", False, "erp/documents is Bound."),
    ],
)
def test_storage(claim: Claim, state: str, unsafe: bool, words: str) -> None:
    (item,) = storage.assess_storage(stated(claim))
    assert (item.state, words in item.message) == (state, True), item
    assert storage.is_unsafe(stated(claim)) is unsafe
    assert bool(item.advice) is (state != "pass")


def test_storage_without_longhorns_kinds_is_an_error_and_what_may_not_be_read_is_no_pass() -> None:
    (gone,) = storage.assess_storage(replace(stated(replace(CLAIM, volume=None)), has_longhorn=False))
    assert gone.state == "error" and "re-apply its Volume, Engine and Replica objects" in gone.advice
    unread = stated(CLAIM, unreadable={"storage": "The user may not list volumes."})
    assert [item.state for item in storage.assess_storage(unread)] == ["undetermined"]
    assert not storage.is_unsafe(unread)


BACKUP = RecurringJob("nightly", "backup", "0 2 * * *", frozenset({"default"}))
IDLE = RecurringJob("thrice-a-month-backup", "backup", "0 2 1,11,21 * *", frozenset())
SNAPSHOT = RecurringJob("snap", "snapshot", "0 * * * *", frozenset({"default"}))


@pytest.mark.parametrize(
    ("volume", "jobs", "state", "words"),
    [
        (VOLUME, [BACKUP], "pass", "nightly (0 2 * * *) selects pvc-1; its last backup is 2 days old"),
        # The job that served nobody, for years.
        (VOLUME, [IDLE], "error", "thrice-a-month-backup has no group and serves only volumes that name it"),
        (replace(VOLUME, jobs=frozenset({"thrice-a-month-backup"})), [IDLE], "pass", "thrice-a-month-backup"),
        (VOLUME, [SNAPSHOT], "error", "No recurring job of Longhorn that makes backups selects pvc-1."),
        (VOLUME, [], "error", "No recurring job"),
        (replace(VOLUME, groups=frozenset()), [BACKUP], "pass", "nightly"),  # Longhorn counts it to default
        (replace(VOLUME, groups=frozenset({"other"})), [BACKUP], "error", "No recurring job"),
        (replace(VOLUME, last_backup=None), [BACKUP], "error", "has never backed it up"),
        (replace(VOLUME, last_backup=NOW - timedelta(days=12)), [BACKUP], "error", "12 days old"),
    ],
)
def test_a_recurring_job_that_really_selects_the_volume(
    volume: LonghornVolume, jobs: list[RecurringJob], state: str, words: str
) -> None:
    seen = stated(replace(CLAIM, volume=volume), recurring_jobs=tuple(jobs))
    (item,) = storage.assess_recurring_jobs(seen, NOW, timedelta(days=11))
    assert (item.state, words in item.message) == (state, True), item


@pytest.mark.parametrize(
    ("used", "growth", "state", "words"),
    [
        (79, None, "pass", "79% used: 79 B of 100 B."),
        (80, None, "warning", "80% used"),
        (89, 1.0, "warning", "growing by 1 B a day: full in 11 days"),
        (90, 0.0, "error", "growing by 0 B a day."),
        (90, -1.0, "error", "growing by -1 B a day."),
        (None, None, "undetermined", "cannot be read"),
    ],
)
def test_usage(used: int | None, growth: float | None, state: str, words: str) -> None:
    item = storage.assess_usage("documents", used, 100, growth)
    assert (item.state, words in item.message) == (state, True), item


SECRET = DynamicSecret("erp", "db", "7", "erp", True, NOW - timedelta(minutes=10), 3600)


@pytest.mark.parametrize(
    ("secret", "since", "state", "words"),
    [
        (SECRET, None, "pass", "lasts another 50 minutes of 60 minutes"),
        (SECRET, NOW - timedelta(minutes=11), "pass", "lasts another"),
        (SECRET, NOW - timedelta(minutes=5), "error", "5 minutes before Vault was unsealed"),
        (replace(SECRET, renewed=NOW - timedelta(minutes=50)), None, "warning", "lasts another 10 minutes"),
        (replace(SECRET, renewed=NOW - timedelta(minutes=58)), None, "error", "lasts another 2 minutes"),
        (replace(SECRET, renewed=NOW - timedelta(hours=2)), None, "error", "ended 60 minutes ago"),
        (replace(SECRET, renewed=None), None, "error", "has never written"),
        (replace(SECRET, version=""), None, "error", "There is no Secret erp/db"),
        (replace(SECRET, lease_seconds=0), None, "undetermined", "not known"),
        (DynamicSecret("erp", "db", "7"), NOW, "pass", "nobody rotates it"),
        (None, None, "not_applicable", "No rotated Secret"),
    ],
)
def test_the_rotated_secret(secret: DynamicSecret | None, since: datetime | None, state: str, words: str) -> None:
    item = credentials.assess_secret(ClusterState(secret=secret), since, NOW)
    assert (item.state, words in item.message) == (state, True), item


def test_when_vault_was_unsealed() -> None:
    pods = tuple(
        Pod("tools", f"vault-{number}", "Running", True, ready_since=NOW - timedelta(minutes=number))
        for number in (1, 2)
    )
    active = [VaultReplica("https://v", "active", active_since="2026-11-21T02:00:00Z")]
    assert credentials.unsealed_since(ClusterState(vault_pods=pods), active) == NOW - timedelta(minutes=2)
    assert credentials.unsealed_since(ClusterState(), active) == NOW - timedelta(hours=1)
    assert credentials.unsealed_since(ClusterState(), []) is None


def test_nodes_and_pods() -> None:
    two = ClusterState(nodes=(Node("pi1", True), Node("pi2", False, "Kubelet stopped posting")))
    assert [item.state for item in workloads.assess_nodes(two)] == ["warning", "pass"]
    assert worst(workloads.assess_nodes(ClusterState(nodes=(Node("pi1", False),)))) == "error"
    body = {
        "metadata": {"name": "erp-1", "namespace": "erp"},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "False"}],
            "initContainerStatuses": [{"state": {"terminated": {"reason": "Completed"}}}],
            "containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff"}}}],
        },
    }
    items = list(workloads.assess_pods(ClusterState(pods=(read_pod(body),))))
    assert items[0].message == "The pod erp/erp-1 does not run: CrashLoopBackOff."
    assert items[1].message == "0 of 1 pods run or have ended well."


def info(hours: float = 4, verified: float | None = 28, **fields: Any) -> dict[str, Any]:
    """What erp_backup_info says."""
    points = [
        {
            "id": f"2026112{day}T000000Z",
            "instant": f"2026-11-2{day}T00:00:00+00:00",
            "states": ["complete"],
            "documents": {"files": 78, "bytes": 1000 + 500 * day},
        }
        for day in (1, 0)
    ]
    return {
        "latest": "20261121T000000Z",
        "latest_verified": "20261120T000000Z" if verified is not None else None,
        "freshness_hours": {"restore_point": hours, "verified": verified},
        "findings": [],
        "restore_points": points,
        "document_versions": [{"path": "install.lock", "last_seen": "2026-11-21T00:00:00+00:00"}],
        **fields,
    }


@pytest.mark.parametrize(
    ("said", "states"),
    [
        (info(), {"restore_point": "pass", "verification": "pass"}),
        (info(hours=26), {"restore_point": "pass", "verification": "pass"}),
        (info(hours=26.1), {"restore_point": "error", "verification": "pass"}),
        (info(verified=200), {"restore_point": "pass", "verification": "error"}),
        (info(verified=None), {"restore_point": "pass", "verification": "error"}),
        (info(latest=None), {"restore_point": "error"}),
        (None, {"restore_point": "undetermined"}),
    ],
)
def test_restore_points(said: dict[str, Any] | None, states: dict[str, str]) -> None:
    items = list(coverage.assess_restore_points(said, timedelta(hours=26), timedelta(days=8)))
    assert {item.check: item.state for item in items} == states


def test_coverage_growth_and_the_lock() -> None:
    assert [item.state for item in coverage.assess_coverage(["erp/documents", "erp/other"], info())] == [
        "pass",
        "error",
    ]
    assert [item.state for item in coverage.assess_coverage(["erp/documents"], None)] == ["undetermined"]
    assert coverage.growth_per_day(info()) == 500
    assert coverage.growth_per_day(info(restore_points=[])) is None
    assert coverage.assess_lock(None, info()).state == "pass"
    gone = info(document_versions=[{"path": "install.lock", "last_seen": "2026-11-20T00:00:00+00:00"}])
    assert coverage.assess_lock(None, gone).state == "error"
    assert coverage.assess_lock(None, None).state == "undetermined"
    assert (coverage.assess_lock(True, None).state, coverage.assess_lock(False, info()).state) == ("pass", "error")


def test_the_database() -> None:
    well = {"reachable": True, "server_version": "18.4", "dolibarr_version": "22.0.4", "foreign_owners": {"count": 0}}
    assert [item.state for item in coverage.assess_database(well)] == ["pass", "pass"]
    assert [item.state for item in coverage.assess_database({**well, "foreign_owners": {"count": 1}})] == [
        "pass",
        "error",
    ]
    unasked = {"reachable": True, "server_version": "18.4", "dolibarr_version": None}
    assert [item.state for item in coverage.assess_database(unasked)] == ["warning", "not_applicable"]
    hidden = unasked | {"holds_dolibarr": True, "login_user": "v-2", "foreign_owners": {"count": 295}}
    shown, owners = coverage.assess_database(hidden)
    assert (shown.state, owners.state) == ("warning", "error")
    assert shown.message == "PostgreSQL 18.4 answers, and v-2 may not read its tables of Dolibarr."
    away = list(coverage.assess_database({"reachable": False, "reason": "Nothing answers."}))
    assert [(item.state, item.message) for item in away] == [("undetermined", "Nothing answers.")] * 2


SHUT = front.Front(
    "https://erp.example.com",
    "22.0.4",
    pages=tuple(front.Page(path, 403) for path in front.INSTALLER),
    certificate=front.Certificate("erp.example.com", NOW + timedelta(days=60)),
    user=User(1, "ai_agent", False, None, frozenset()),
)


@pytest.mark.parametrize(
    ("page", "state"),
    [
        (front.Page("/install/", 403), "pass"),
        (front.Page("/install/", 302), "pass"),
        (front.Page("/install/", 200), "error"),
        (front.Page("/install/", 200, says_locked=True), "warning"),
        (front.Page("/install/", error="timed out"), "undetermined"),
        (front.Page("/install/", 502), "undetermined"),
    ],
)
def test_the_installer(page: front.Page, state: str) -> None:
    assert front.assess_installer(replace(SHUT, pages=(front.Page("/install/check.php", 404), page))).state == state


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (front.Certificate("erp", NOW + timedelta(days=21)), "pass"),
        (front.Certificate("erp", NOW + timedelta(days=20, hours=23)), "warning"),
        (front.Certificate("erp", NOW + timedelta(days=6)), "error"),
        (front.Certificate("erp", error="certificate has expired", refused=True), "error"),
        (front.Certificate("erp", error="timed out"), "undetermined"),
        (front.Certificate("erp"), "warning"),
    ],
)
def test_the_certificate(seen: front.Certificate, state: str) -> None:
    assert front.assess_certificate(replace(SHUT, certificate=seen), NOW, 21, 7).state == state


def test_rights() -> None:
    (item,) = front.assess_rights(SHUT)
    assert item.state == "error" and '11 "Read customer invoices"' in item.message
    (unread,) = front.assess_rights(replace(SHUT, user=None, user_error="The key is wrong."))
    assert (unread.state, unread.message) == ("undetermined", "The key is wrong.")


def test_nothing_that_was_not_read_passes() -> None:
    """With no answer of anybody, on both platforms, nothing is a pass and nothing is left out."""
    for watched in (None, Watched("erp", "erp", ("documents",), "db")):
        items = list(assess(CheckOptions(watched=watched), Seen(), NOW))
        assert {item.state for item in items} <= {"undetermined", "not_applicable"}, items
        assert worst(items) == "undetermined"


def test_the_table_and_the_sentence() -> None:
    items = [
        Item("vault", "pass", "v", "v is unsealed."),
        Item("usage", "warning", "d", "d is 85% used.", "enlarge it"),
        Item("owners", "error", "db", "3 objects belong to another role.", "run it"),
        Item("rights", "undetermined", "u", "Not read.", "look"),
        Item("dolibarr", "not_applicable", "x", "No address."),
    ]
    lines = table(items)
    assert lines[0] == "ok       vault           v is unsealed."
    assert lines[1:3] == ["WARNING  usage           d is 85% used.", "                         -> enlarge it"]
    assert sentence(items) == (
        "Found 1 error, 1 undetermined, 1 warning in 4 things: 3 objects belong to another role."
    )
    assert sentence(items[:1]) == "All is well: 1 things checked."


def test_objects_as_the_api_writes_them() -> None:
    assert [quantity(text) for text in ("50Gi", "53687091200", "1k", None, "")] == [50 << 30, 50 << 30, 1000, 0, 0]
    labels = {
        "recurring-job-group.longhorn.io/default": "enabled",
        "recurring-job.longhorn.io/nightly": "enabled",
        "recurring-job.longhorn.io/old": "disabled",
    }
    body = {
        "metadata": {"name": "pvc-1", "labels": labels},
        "spec": {"size": "100", "numberOfReplicas": 2},
        "status": {
            "state": "attached",
            "robustness": "healthy",
            "actualSize": 10,
            "lastBackupAt": "2026-11-19T03:00:00Z",
        },
    }
    replicas = [
        {
            "metadata": {"name": "r1"},
            "spec": {"volumeName": "pvc-1", "nodeID": "pi1", "healthyAt": "x", "failedAt": ""},
        },
        {"metadata": {"name": "r9"}, "spec": {"volumeName": "pvc-9"}},
    ]
    volume = read_longhorn_volume(body, replicas)
    assert (set(volume.jobs), set(volume.groups), volume.last_backup) == (
        {"nightly"},
        {"default"},
        NOW - timedelta(days=2),
    )
    assert volume.replicas == (GOOD,)
    source = {"metadata": {"name": "erp"}, "spec": {"destination": {"name": "db", "create": True}}}
    assert read_dynamic_secret("erp", "db", None, source).renewed is None
