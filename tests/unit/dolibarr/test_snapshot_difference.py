# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed between two snapshots, from small contents written by hand."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.snapshot_difference import (
    compare_snapshots,
    invoice_refs,
)

PAID = {"amount": "5760.00000000", "fk_bank_line": "3", "ref": "PAY2502-0001", "type": "VIR", "typeline": "payment"}
INVOICE: dict[str, Any] = {
    "id": "1",
    "lines": [{"id": "1", "qty": "8", "subprice": "600.00000000"}, {"id": "2", "qty": "1"}],
    "payments": [PAID],
    "ref": "FA2501-0001",
    "total_ttc": "5760.00000000",
}
DATA: dict[str, Any] = {
    "invoices": [INVOICE],
    "status": {"dolibarr_version": "22.0.4"},
    "third_parties": [{"id": "7", "name": "Hébergements Cèdre"}],
}


def content(data: dict[str, Any], at: str = "2026-11-21T12:00:00Z") -> dict[str, Any]:
    return {"captured_at": at, "content_hash": "sha256:x", "instance": "https://erp.example.com", "data": data}


def lines(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return compare_snapshots(content(before), content(after)).lines()


def changed_invoice(**fields: Any) -> dict[str, Any]:
    return {**DATA, "invoices": [{name: value for name, value in {**INVOICE, **fields}.items() if value is not None}]}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (DATA, []),
        (
            changed_invoice(total_ttc="5761.00000000"),
            ['invoice FA2501-0001: total_ttc: "5760.00000000" -> "5761.00000000"'],
        ),
        (changed_invoice(ref="FA2501-0002"), ['invoice FA2501-0002: ref: "FA2501-0001" -> "FA2501-0002"']),
        (
            changed_invoice(lines=[{"id": "1", "qty": "9", "subprice": "600.00000000"}, {"id": "2", "qty": "1"}]),
            ['invoice FA2501-0001: lines[1].qty: "8" -> "9"'],
        ),
        (
            changed_invoice(lines=[{"id": "1", "qty": "8", "subprice": "600.00000000"}]),
            ['invoice FA2501-0001: lines[2]: {"id":"2","qty":"1"} -> nothing'],
        ),
        (
            changed_invoice(payments=None),
            [
                "invoice FA2501-0001: payments[payment PAY2502-0001 3]:"
                ' {"amount":"5760.00000000","fk_bank_line":"3","ref":"PAY2502-0001","type":"VIR","typeline":"payment"}'
                " -> nothing"
            ],
        ),
        (
            changed_invoice(payments=[{**PAID, "amount": "5000.00000000"}]),
            ['invoice FA2501-0001: payments[payment PAY2502-0001 3].amount: "5760.00000000" -> "5000.00000000"'],
        ),
        (
            changed_invoice(array_options={"options_contrat": "C-1"}),
            ['invoice FA2501-0001: array_options: nothing -> {"options_contrat":"C-1"}'],
        ),
        (changed_invoice(creditnote_ids=["9"]), ['invoice FA2501-0001: creditnote_ids: nothing -> ["9"]']),
        ({**DATA, "invoices": []}, ["invoice FA2501-0001: removed"]),
        (
            {**DATA, "third_parties": [*DATA["third_parties"], {"id": "10", "name": "Zinc"}]},
            ["third party Zinc: added"],
        ),
        ({**DATA, "status": {"dolibarr_version": "22.0.5"}}, ['Dolibarr: dolibarr_version: "22.0.4" -> "22.0.5"']),
    ],
)
def test_a_change_is_one_readable_line(after: dict[str, Any], expected: list[str]) -> None:
    assert lines(DATA, after) == expected


def test_rows_that_cannot_be_told_apart_are_shown_whole() -> None:
    twice = changed_invoice(payments=[{"typeline": "payment"}, {"typeline": "payment"}])
    (line,) = lines(DATA, twice)
    assert line.startswith("invoice FA2501-0001: payments: [{")


def test_the_facts_name_object_field_and_both_values() -> None:
    facts = compare_snapshots(content(DATA, "2026-11-20T12:00:00Z"), content(changed_invoice(total_ttc="1"))).to_facts()
    assert facts == {
        "same": False,
        "before": {
            "captured_at": "2026-11-20T12:00:00Z",
            "content_hash": "sha256:x",
            "instance": "https://erp.example.com",
        },
        "after": {
            "captured_at": "2026-11-21T12:00:00Z",
            "content_hash": "sha256:x",
            "instance": "https://erp.example.com",
        },
        "not_compared": [],
        "counts": {"added": 0, "removed": 0, "changed": 1},
        "changes": [
            {
                "change": "changed",
                "object": "invoice FA2501-0001",
                "section": "invoices",
                "id": 1,
                "fields": [{"field": "total_ttc", "before": "5760.00000000", "after": "1"}],
            }
        ],
    }


def test_a_section_that_one_of_them_could_not_read_is_said_and_not_removed() -> None:
    difference = compare_snapshots(content({**DATA, "company": {"name": "Atelier Lumen"}}), content(DATA))
    assert (difference.is_same, difference.not_compared) == (True, ("company",))


def test_objects_come_by_their_numbers() -> None:
    several = {**DATA, "invoices": [{"id": "9", "ref": "I"}, {"id": "10", "ref": "J"}]}
    assert lines({**DATA, "invoices": []}, several) == ["invoice I: added", "invoice J: added"]


def test_the_references_by_id_are_those_of_the_invoices() -> None:
    assert invoice_refs(content(DATA)) == {1: "FA2501-0001"}
    assert invoice_refs(content({})) == {}


OBJECTS = st.dictionaries(
    st.integers(1, 6).map(str),
    st.dictionaries(st.sampled_from(["ref", "total_ttc", "note"]), st.text(max_size=2), max_size=3),
)


@settings(max_examples=40)
@given(OBJECTS, OBJECTS)
def test_what_is_said_to_change_turns_one_into_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    def data(objects: dict[str, Any]) -> dict[str, Any]:
        return {"invoices": [{"id": identity, **fields} for identity, fields in objects.items()]}

    difference = compare_snapshots(content(data(old)), content(data(new)))
    patched = copy.deepcopy(old)
    for one in difference.changes:
        if one.change == "removed":
            del patched[str(one.id)]
        elif one.change == "added":
            patched[str(one.id)] = new[str(one.id)]
        for field in one.fields:
            assert patched[str(one.id)].get(field.field) == field.before
            patched[str(one.id)] = {**patched[str(one.id)], field.field: field.after}
    shown = {
        identity: {name: value for name, value in fields.items() if value is not None}
        for identity, fields in patched.items()
    }
    assert shown == new
    assert difference.is_same == (old == new)
