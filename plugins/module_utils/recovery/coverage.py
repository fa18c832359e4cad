# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is there something to restore from: a fresh restore point, verified lately, that holds the documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import restore_point_instant
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.items import (
    ERROR,
    NOT_APPLICABLE,
    PASS,
    UNDETERMINED,
    WARNING,
    Item,
    span,
)

LOCK = "install.lock"


def assess_restore_points(
    info: Mapping[str, Any] | None, max_age: timedelta, max_verified: timedelta, why: str = ""
) -> Iterator[Item]:
    """How fresh the newest restore point and the last verification are; ``info`` is what ``erp_backup_info`` said."""
    if info is None or "freshness_hours" not in info:
        said = why or "The restore points were not read."
        yield Item("restore_point", UNDETERMINED, "restore points", said, "see why they cannot be read")
        return
    latest, fresh = info.get("latest"), info["freshness_hours"]
    if not latest:
        yield Item("restore_point", ERROR, "restore points", "There is no restore point.", "run playbooks/backup.yml")
        return
    yield _age(
        "restore_point",
        f"The newest restore point, {latest},",
        latest,
        fresh["restore_point"],
        max_age,
        "run playbooks/backup.yml, and look at what runs it by night",
    )
    verified = info.get("latest_verified")
    drill = "run playbooks/drill.yml, or backups with erp_backup_verify: full"
    if not verified:
        yield Item("verification", ERROR, latest, "No restore point was ever read in full or drilled.", drill)
    else:
        yield _age(
            "verification",
            f"The newest verified restore point, {verified},",
            verified,
            fresh["verified"],
            max_verified,
            drill,
        )
    for finding in info.get("findings", []):
        yield Item(
            "restore_point",
            ERROR,
            finding["restore_point"],
            finding["message"],
            "run playbooks/backup.yml, which stores it anew",
        )


def _age(check: str, what: str, subject: str, hours: float, limit: timedelta, advice: str) -> Item:
    late = hours * 3600 > limit.total_seconds()
    allowed = f"more than {span(limit.total_seconds())}" if late else f"within {span(limit.total_seconds())}"
    return Item(
        check,
        ERROR if late else PASS,
        subject,
        f"{what} is {span(hours * 3600)} old, {allowed}.",
        advice if late else "",
    )


def assess_coverage(subjects: Sequence[str], info: Mapping[str, Any] | None) -> Iterator[Item]:
    """Whether a restore point holds what is on each volume; the documents are on the first."""
    points = [point for point in (info or {}).get("restore_points", []) if "documents" in point]
    for number, subject in enumerate(subjects):
        if number:
            yield Item(
                "coverage",
                ERROR,
                subject,
                f"No restore point holds what is on {subject}, only Longhorn can.",
                "move what matters to the documents, or take it from erp_check_claims",
            )
        elif not points:
            yield Item(
                "coverage",
                UNDETERMINED,
                subject,
                f"Whether a restore point holds {subject} is not known.",
                "see restore_point",
            )
        else:
            newest, files = points[0], points[0]["documents"]["files"]
            yield Item(
                "coverage",
                PASS if files and "damaged" not in newest["states"] else ERROR,
                subject,
                f"{newest['id']} holds {files} documents of {subject}{', and is damaged' if 'damaged' in newest['states'] else ''}.",
                ""
                if files and "damaged" not in newest["states"]
                else "check erp_documents_path and run playbooks/backup.yml",
            )


def growth_per_day(info: Mapping[str, Any] | None) -> float | None:
    """Bytes a day by which the documents grow, between the oldest and the newest restore point known; None for under a day."""
    points = [point for point in (info or {}).get("restore_points", []) if "documents" in point]
    if len(points) < 2:
        return None
    newest, oldest = points[0], points[-1]
    days = (instant_of(newest) - instant_of(oldest)).total_seconds() / 86400
    return (newest["documents"]["bytes"] - oldest["documents"]["bytes"]) / days if days >= 1 else None


def instant_of(point: Mapping[str, Any]) -> datetime:
    """The instant of a restore point."""
    return datetime.fromisoformat(point["instant"])


def assess_lock(path_exists: bool | None, info: Mapping[str, Any] | None) -> Item:
    """Whether Dolibarr's installer is locked, by the file on the spot or by the newest restore point."""
    touch = f"touch {LOCK} in the documents directory and make it read-only"
    if path_exists is not None:
        said = f"{LOCK} is in the documents directory." if path_exists else f"{LOCK} is not in the documents directory."
        return Item("install_lock", PASS if path_exists else ERROR, LOCK, said, "" if path_exists else touch)
    latest = (info or {}).get("latest")
    if info is None or not latest or "document_versions" not in info:
        return Item("install_lock", UNDETERMINED, LOCK, f"Whether {LOCK} is there is not known.", "see restore_point")
    newest = restore_point_instant(latest)
    seen = any(
        version.get("path") == LOCK and datetime.fromisoformat(version["last_seen"]) >= newest
        for version in info["document_versions"]
    )
    said = f"{LOCK} is {'' if seen else 'not '}among the documents of {latest}."
    return Item("install_lock", PASS if seen else ERROR, LOCK, said, "" if seen else touch)


def assess_database(info: Mapping[str, Any] | None, why: str = "") -> Iterator[Item]:
    """Whether the database answers and everything in it belongs to the owner role; ``info`` is of ``erp_database_info``."""
    if not info or not info.get("reachable"):
        said = why or (info or {}).get("reason") or "The database was not asked."
        yield Item("database", UNDETERMINED, "database", said, "see why it cannot be asked")
        yield Item("owners", UNDETERMINED, "database", said, "see why it cannot be asked")
        return
    dolibarr = info.get("dolibarr_version")
    if dolibarr:
        said, advice = f"its data is that of Dolibarr {dolibarr}", ""
    elif info.get("holds_dolibarr"):
        said, advice = f"and {info['login_user']} may not read its tables of Dolibarr", "see owners"
    else:
        said, advice = "and holds no Dolibarr", "check erp_db_name"
    message = f"PostgreSQL {info['server_version']} answers, {said}."
    yield Item("database", PASS if dolibarr else WARNING, "database", message, advice)
    owners = info.get("foreign_owners")
    if owners is None:
        yield Item("owners", NOT_APPLICABLE, "database", "No owner role is named in erp_db_owner.")
        return
    count = owners["count"]
    yield Item(
        "owners",
        ERROR if count else PASS,
        "database",
        f"{count} object{'s belong' if count != 1 else ' belongs'} to another role than the owner."
        if count
        else "Every object belongs to the owner role.",
        "run playbooks/ownership.yml before the credentials rotate" if count else "",
    )
