# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dolibarr's inalterable log, ``llx_blockedlog``: its SHA-256 chain recomputed, and followed across restore points.

Each row is signed with the signature of the row of its company before it and its own content. A chain cannot show that
its end was cut off; the heads that manifests record can: each must be found in what comes later.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, available_timezones

if TYPE_CHECKING:
    import psycopg

OLDEST_VERSION = 18  # before, Dolibarr signed what PHP prints of its objects
RESET = "0000000000"  # the signature of the row that says that the module was switched off
RESET_ACTION = "MODULE_RESET"
USUAL_ZONES = ("Europe/Paris", "UTC")
READ_AHEAD = 500
MOST_FINDINGS = 100
COLUMNS = (
    "rowid, entity, date_creation, coalesce(action, ''), amounts, coalesce(ref_object, ''), date_object,"
    " coalesce(user_fullname, ''), coalesce(object_data, ''), coalesce(object_version, ''), signature, signature_line"
)
ALL = f"SELECT {COLUMNS} FROM public.llx_blockedlog ORDER BY entity, rowid"
EACH_MONTH = (
    f"SELECT DISTINCT ON (date_trunc('month', date_creation)) {COLUMNS} FROM public.llx_blockedlog"
    " ORDER BY date_trunc('month', date_creation), rowid"
)
SETTINGS = (
    "SELECT name, entity, value FROM public.llx_const"
    " WHERE name IN ('BLOCKEDLOG_ENTITY_FINGERPRINT', 'MAIN_SECURITY_SALT') AND value <> ''"
)


@dataclass(frozen=True)
class LogRow:
    """One row of the log; times are local ones of the server that runs PHP, as the database keeps them."""

    rowid: int
    entity: int
    created: datetime | None
    action: str
    amount: Decimal
    ref: str
    dated: datetime | None
    user: str
    data: str
    version: str
    signature: str
    line_signature: str

    def describe(self) -> str:
        """The row as a person finds it."""
        return f"row {self.rowid} of llx_blockedlog ({self.action} {self.ref or 'without a reference'})"


@dataclass(frozen=True)
class ChainFinding:
    """Something wrong with the chain: ``altered``, ``broken``, ``cut`` or ``unproven``, and the row that shows it."""

    problem: str
    message: str
    rowid: int | None = None
    action: str = ""
    ref: str = ""


def check_chain(
    rows: Iterable[LogRow], genesis: Mapping[int, str], zone: ZoneInfo, salt: str = ""
) -> Iterator[ChainFinding]:
    """Everything wrong with a chain, given its rows by company and number.

    ``genesis`` is the value that the chain of each company starts from, ``zone`` the time zone of PHP, ``salt`` what
    Dolibarr puts before whatever it hashes.
    """
    last: dict[int, str] = {}
    old = 0
    for row in rows:
        before = last.get(row.entity) or genesis.get(row.entity) or genesis.get(0, "")
        last[row.entity] = row.signature
        if _major(row.version) < OLDEST_VERSION:
            old += 1
            continue
        keys = signed_contents(row, zone)
        intact = any(_sha256(salt + key) == row.line_signature for key in keys)
        if row.signature == RESET and row.action == RESET_ACTION:
            if not intact:
                yield _finding("altered", row, "was altered: its content is not what was signed")
        elif not before:
            yield _finding(
                "unproven",
                row,
                "cannot be checked: BLOCKEDLOG_ENTITY_FINGERPRINT, which its chain starts from, is gone",
            )
        elif not any(_sha256(salt + before + key) == row.signature for key in keys):
            if intact:
                yield _finding(
                    "broken", row, "does not follow the row before it: rows between them were removed or replaced"
                )
            else:
                yield _finding("altered", row, "was altered: its content is not what was signed")
    if old:
        yield ChainFinding(
            "unproven", f"{old} rows of llx_blockedlog cannot be recomputed: a Dolibarr before 18 wrote them."
        )


def _finding(problem: str, row: LogRow, what: str) -> ChainFinding:
    return ChainFinding(problem, f"The {row.describe()} {what}.", row.rowid, row.action, row.ref)


def signed_contents(row: LogRow, zone: ZoneInfo) -> list[str]:
    """What Dolibarr signed of a row: more than one text where a time is one of an hour that a clock change repeats."""
    amount = php_number(float(row.amount))
    return [
        f"{created}|{row.action}|{amount}|{row.ref}|{dated}|{row.user}|{row.data}"
        for created, dated in product(_epochs(row.created, zone), _epochs(row.dated, zone))
    ]


def _epochs(local: datetime | None, zone: ZoneInfo) -> list[str]:
    if local is None:
        return [""]
    return list(dict.fromkeys(str(int(local.replace(tzinfo=zone, fold=fold).timestamp())) for fold in (0, 1)))


def php_number(value: float) -> str:
    """A number as PHP makes it text: 14 significant digits, and an exponent that does without leading zeros."""
    text = f"{value:.14G}"
    if "E" not in text:
        return text
    digits, _letter, exponent = text.partition("E")
    return f"{digits if '.' in digits else f'{digits}.0'}E{int(exponent):+d}"


def _major(version: str) -> int:
    digits = version.partition(".")[0]
    return int(digits) if digits.isdecimal() else 0


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def find_zone(rows: Sequence[LogRow], salt: str = "") -> ZoneInfo:
    """The time zone in which most of the rows are what was signed; the usual ones are tried first."""
    checked = [row for row in rows if _major(row.version) >= OLDEST_VERSION]

    def fitting(name: str) -> int:
        zone = ZoneInfo(name)
        return sum(
            any(_sha256(salt + key) == row.line_signature for key in signed_contents(row, zone)) for row in checked
        )

    best, most = USUAL_ZONES[0], -1
    for name in (*USUAL_ZONES, *sorted(available_timezones() - set(USUAL_ZONES))):
        if (count := fitting(name)) > most:
            best, most = name, count
        if most == len(checked):
            break
    return ZoneInfo(best)


# -- heads ------------------------------------------------------------------------------------------------------------


def is_ancestor(head: Sequence[Any] | None, rows: Mapping[int, str]) -> bool:
    """Whether a chain, number to signature, contains a head that was recorded earlier, ``[rowid, signature]``."""
    return head is None or rows.get(head[0]) == head[1]


def check_head(recorded: Mapping[str, Any] | None, rows: Mapping[int, str], where: str) -> Iterator[ChainFinding]:
    """What is wrong when the ``blockedlog`` figures of a manifest were recorded before or with these rows."""
    if recorded is None or is_ancestor(recorded["head"], rows):
        return
    rowid, signature = recorded["head"]
    what = "is gone, the end of the chain was cut off" if rowid not in rows else "has another signature now"
    yield ChainFinding(
        "cut", f"The row {rowid} of llx_blockedlog, head of the chain in {where}, {what} ({signature[:12]}).", rowid
    )


def check_next(
    recorded: Mapping[str, Any] | None, later: Mapping[str, Any] | None, where: str
) -> Iterator[ChainFinding]:
    """What is wrong between the ``blockedlog`` figures of a manifest and those of a later one, ``where``."""
    if recorded is None or recorded["head"] is None:
        return
    rowid, signature = recorded["head"]
    head = None if later is None else later["head"]
    if later is None or head is None:
        what = "there is no chain any more"
    elif head[0] < rowid or later["rows"] < recorded["rows"]:
        what = f"it ends at row {head[0]} with {later['rows']} rows, its end was cut off"
    elif head[0] == rowid and head[1] != signature:
        what = "this row has another signature"
    else:
        return
    yield ChainFinding(
        "cut",
        f"The chain of llx_blockedlog ends at row {rowid} with {recorded['rows']} rows, but in {where} {what}.",
        rowid,
    )


# -- reading ----------------------------------------------------------------------------------------------------------


def read_heads(connection: psycopg.Connection[Any], recorded: Iterable[Mapping[str, Any] | None]) -> dict[int, str]:
    """Number and signature of those rows that are the heads of recorded ``blockedlog`` figures."""
    wanted = [figures["head"][0] for figures in recorded if figures is not None and figures["head"] is not None]
    query = "SELECT rowid, signature FROM public.llx_blockedlog WHERE rowid = ANY(%s)"
    return dict(connection.execute(query, [wanted]).fetchall())


def read_chain_findings(connection: psycopg.Connection[Any]) -> list[ChainFinding]:
    """Everything wrong with the chain in a database that has one, at memory that does not grow with it."""
    genesis: dict[int, str] = {}
    salt = ""
    for name, entity, value in connection.execute(SETTINGS).fetchall():
        if name == "MAIN_SECURITY_SALT":
            salt = value
        else:
            genesis[entity] = value
    sample = [LogRow(*row) for row in connection.execute(EACH_MONTH.encode()).fetchall()]
    found: list[ChainFinding] = []
    more: Counter[str] = Counter()
    with connection.cursor(name="chain") as cursor:
        cursor.itersize = READ_AHEAD
        cursor.execute(ALL.encode())
        for finding in check_chain((LogRow(*row) for row in cursor), genesis, find_zone(sample, salt), salt):
            if len(found) < MOST_FINDINGS:
                found.append(finding)
            else:
                more[finding.problem] += 1
    return found + [
        ChainFinding(problem, f"{count} more rows of llx_blockedlog are {problem}.") for problem, count in more.items()
    ]
