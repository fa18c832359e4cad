# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of the inalterable log: rows signed here as Dolibarr 22 signs them, then cut, altered and exchanged."""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.restore.chain import (
    LogRow,
    check_chain,
    check_head,
    check_next,
    find_zone,
    is_ancestor,
    php_number,
    signed_contents,
)

PARIS = ZoneInfo("Europe/Paris")
GENESIS = {1: "5f0e" * 16}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def signed(
    previous: str,
    rowid: int,
    key: str,
    created: str = "2026-01-31 10:00:00",
    amount: str = "5760.00000000",
    action: str = "BILL_VALIDATE",
    ref: str | None = None,
    salt: str = "",
    entity: int = 1,
    data: str = '{"ref":"x"}',
) -> LogRow:
    """A row whose signatures are those of ``key``, the text that PHP would have signed."""
    return LogRow(
        rowid,
        entity,
        datetime.fromisoformat(created),
        action,
        Decimal(amount),
        ref or f"FA2601-{rowid:04d}",
        datetime(2026, 1, 31),
        "Ada Lovelace",
        data,
        "22.0.4",
        sha256(salt + previous + key),
        sha256(salt + key),
    )


def chain(count: int, entity: int = 1, salt: str = "") -> list[LogRow]:
    """A whole chain of rows a second apart: 2026-01-31 10:00 in Paris is 1769850000, midnight of that day 1769814000."""
    rows: list[LogRow] = []
    previous = GENESIS.get(entity, "")
    for number in range(1, count + 1):
        data = f'{{"ref":"FA2601-{number:04d}","lines":{{"0":{{"desc":"L\\u00e9ger \\/ lourd"}}}}}}'
        key = (
            f"{1769850000 + number}|BILL_VALIDATE|{5760 + number}.5|FA2601-{number:04d}|1769814000|Ada Lovelace|{data}"
        )
        created = str(datetime(2026, 1, 31, 10) + timedelta(seconds=number))
        rows.append(
            signed(previous, number, key, created, f"{5760 + number}.50000000", entity=entity, salt=salt, data=data)
        )
        previous = rows[-1].signature
    return rows


def problems(rows: list[LogRow], zone: ZoneInfo = PARIS, salt: str = "") -> list[tuple[str, int | None]]:
    return [(found.problem, found.rowid) for found in check_chain(rows, GENESIS, zone, salt)]


def test_a_whole_chain_has_no_finding() -> None:
    assert problems(chain(5)) == []
    assert problems(chain(5, salt="pepper"), salt="pepper") == []
    assert problems([]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"amount": Decimal("1.00000000")},
        {"ref": "FA2601-0099"},
        {"action": "BILL_DELETE"},
        {"user": "Eve"},
        {"data": '{"ref":"y"}'},
        {"created": datetime(2026, 1, 31, 11)},
        {"dated": datetime(2026, 1, 30)},
        {"dated": None},
    ],
)
def test_a_changed_field_is_found_in_its_row_alone(change: dict[str, object]) -> None:
    rows = chain(5)
    rows[2] = dataclasses.replace(rows[2], **change)  # type: ignore[arg-type]  # each value fits its own field
    assert problems(rows) == [("altered", 3)]


def test_the_row_its_action_and_its_invoice_are_named() -> None:
    rows = chain(3)
    rows[1] = dataclasses.replace(rows[1], amount=Decimal(1))
    (found,) = check_chain(rows, GENESIS, PARIS)
    assert found.message == (
        "The row 2 of llx_blockedlog (BILL_VALIDATE FA2601-0002) was altered: its content is not what was signed."
    )
    assert (found.rowid, found.action, found.ref) == (2, "BILL_VALIDATE", "FA2601-0002")


@pytest.mark.parametrize("gone", [0, 1, 3])
def test_a_missing_row_is_found_in_the_one_after_it(gone: int) -> None:
    rows = chain(5)
    del rows[gone]
    assert problems(rows) == [("broken", gone + 2)]


def test_a_row_signed_anew_breaks_what_follows() -> None:
    rows = chain(4)
    forged = "1769850002|BILL_VALIDATE|1|FA2601-0002|1769814000|Ada Lovelace|{}"
    rows[1] = signed(rows[0].signature, 2, forged, "2026-01-31 10:00:02", "1", data="{}")
    assert problems(rows) == [("broken", 3)]


def test_each_company_has_a_chain_of_its_own() -> None:
    mine = chain(3)
    others = [dataclasses.replace(row, entity=2, rowid=row.rowid + 10) for row in chain(2)]
    found = list(check_chain(mine + others, {**GENESIS, 2: GENESIS[1]}, PARIS))
    assert found == []
    assert [one.rowid for one in check_chain(mine + others, {**GENESIS, 2: "other"}, PARIS)] == [11]
    # A setting of company 0 is that of all companies.
    assert list(check_chain(mine + others, {0: GENESIS[1]}, PARIS)) == []


def test_a_switched_off_module_leaves_a_row_that_the_next_one_follows() -> None:
    rows = chain(2)
    key = "1769850060|MODULE_RESET|0|systemevent|1769814000|Ada Lovelace|{}"
    reset = signed("", 3, key, "2026-01-31 10:01:00", "0", "MODULE_RESET", "systemevent", data="{}")
    reset = dataclasses.replace(reset, signature="0000000000")
    key = "1769850120|MODULE_SET|0|systemevent|1769814000|Ada Lovelace|{}"
    back = signed("0000000000", 4, key, "2026-01-31 10:02:00", "0", "MODULE_SET", "systemevent", data="{}")
    assert problems([*rows, reset, back]) == []
    # The same signature on anything else is no excuse.
    rows[1] = dataclasses.replace(rows[1], signature="0000000000")
    assert problems(rows) == [("broken", 2)]


def test_what_cannot_be_proven_is_not_said_to_be_right() -> None:
    rows = chain(2)
    assert [found.problem for found in check_chain(rows, {}, PARIS)] == ["unproven"]
    old = [dataclasses.replace(row, version="17.0.1", data='O:8:"stdClass":0:{}') for row in rows]
    (found,) = check_chain(old, GENESIS, PARIS)
    assert (found.problem, found.message) == (
        "unproven",
        "2 rows of llx_blockedlog cannot be recomputed: a Dolibarr before 18 wrote them.",
    )


@pytest.mark.parametrize("epoch", [1792888200, 1792891800])
def test_an_hour_that_the_clock_repeats_is_either(epoch: int) -> None:
    key = f"{epoch}|BILL_VALIDATE|5760|FA2601-0001|1769814000|Ada Lovelace|{{}}"
    row = signed(GENESIS[1], 1, key, "2026-10-25 02:30:00", data="{}")
    assert problems([row]) == []


def test_the_time_zone_of_php_is_found_by_the_rows() -> None:
    rows = chain(3)
    assert find_zone(rows).key == "Europe/Paris"
    shifted = [
        dataclasses.replace(
            row, created=row.created and row.created - timedelta(hours=1), dated=datetime(2026, 1, 30, 23)
        )
        for row in rows
    ]
    assert find_zone(shifted).key == "UTC"
    assert problems(shifted, find_zone(shifted)) == []
    # What most rows say counts: a single row dated otherwise is a finding.
    assert find_zone([*rows, shifted[0]]).key == "Europe/Paris"
    far = [
        dataclasses.replace(
            row,
            created=row.created and row.created + timedelta(hours=8, minutes=30),
            dated=datetime(2026, 1, 31, 8, 30),
        )
        for row in rows
    ]
    assert problems(far, find_zone(far)) == []
    assert find_zone([]).key == "Europe/Paris"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0"),
        ("5760.00000000", "5760"),
        ("-1440.5", "-1440.5"),
        ("2114.95", "2114.95"),
        ("0.1", "0.1"),
        ("0.00010000", "0.0001"),
        ("0.00001234", "1.234E-5"),
        ("0.00001000", "1.0E-5"),
        ("1388.88888889", "1388.88888889"),
        ("123456789012.12345678", "123456789012.12"),
        ("100000000000000", "1.0E+14"),
    ],
)
def test_numbers_are_text_as_php_makes_it(value: str, text: str) -> None:
    assert php_number(float(Decimal(value))) == text


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_an_amount_of_money_is_its_shortest_text(amount: Decimal) -> None:
    row = dataclasses.replace(chain(1)[0], amount=amount)
    text = signed_contents(row, PARIS)[0].split("|")[2]
    assert Decimal(text) == amount
    assert not text.endswith((".", "0")) or "." not in text


class TestHeads:
    """The end of a chain is proven by what manifests recorded of it."""

    ROWS = {1: "a", 2: "b", 3: "c"}

    @pytest.mark.parametrize(
        ("head", "holds"), [(None, True), ([3, "c"], True), ([1, "a"], True), ([2, "x"], False), ([4, "d"], False)]
    )
    def test_a_head_is_an_ancestor_of_what_contains_it(self, head: list[object] | None, holds: bool) -> None:
        assert is_ancestor(head, self.ROWS) is holds
        found = list(check_head({"rows": 3, "head": head}, self.ROWS, "the restore point x"))
        assert bool(found) is not holds

    def test_a_cut_tail_is_found_and_its_row_named(self) -> None:
        (found,) = check_head({"rows": 4, "head": [4, "d" * 64]}, self.ROWS, "the restore point x")
        assert (found.problem, found.rowid) == ("cut", 4)
        assert "row 4 of llx_blockedlog, head of the chain in the restore point x, is gone" in found.message

    @pytest.mark.parametrize(
        ("later", "says"),
        [
            ({"rows": 3, "head": [3, "c"]}, ""),
            ({"rows": 5, "head": [6, "f"]}, ""),
            ({"rows": 3, "head": [3, "x"]}, "in y this row has another signature"),
            ({"rows": 2, "head": [2, "b"]}, "in y it ends at row 2 with 2 rows, its end was cut off"),
            ({"rows": 2, "head": [9, "z"]}, "in y it ends at row 9 with 2 rows, its end was cut off"),
            ({"rows": 3, "head": [2, "b"]}, "in y it ends at row 2 with 3 rows, its end was cut off"),
            ({"rows": 0, "head": None}, "in y there is no chain any more"),
            (None, "in y there is no chain any more"),
        ],
    )
    def test_the_next_restore_point_goes_on_from_it(self, later: dict[str, object] | None, says: str) -> None:
        found = list(check_next({"rows": 3, "head": [3, "c"]}, later, "y"))
        assert bool(found) is bool(says)
        assert all(says in one.message for one in found)

    def test_an_empty_chain_has_no_head_to_find(self) -> None:
        assert list(check_next({"rows": 0, "head": None}, None, "y")) == []
        assert list(check_next(None, {"rows": 0, "head": None}, "y")) == []
        assert list(check_head(None, {}, "y")) == []
