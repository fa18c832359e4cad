# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holes and duplicates in the numbering, by each way in which Dolibarr numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.masks import parse_mask
from ansible_collections.arcodange.erp.plugins.module_utils.restore.numbering import (
    CREDIT_NOTE,
    DEPOSIT,
    REPLACEMENT,
    STANDARD,
    Numbered,
    check_last_numbers,
    check_numbering,
)

MERCURE = {"FACTURE_ADDON": "mod_facture_mercure"}


def found(refs: list[str], live: list[str] | None = None, **settings: str) -> list[tuple[str, tuple[str, ...]]]:
    there = None if live is None else numbered(live)
    return [(one.problem, one.refs) for one in check_numbering(numbered(refs), settings, there)]


def numbered(refs: list[str]) -> list[Numbered]:
    return [Numbered(ref, kind_of(ref)) for ref in refs]


def kind_of(ref: str) -> int:
    return {"AV": CREDIT_NOTE, "AC": DEPOSIT}.get(ref[:2], STANDARD)


def masked(mask: str, refs: list[str], **more: str) -> list[tuple[str, tuple[str, ...]]]:
    return found(refs, None, **MERCURE, FACTURE_MERCURE_MASK_INVOICE=mask, **more)


@pytest.mark.parametrize(
    "refs",
    [
        [],
        ["FA2501-0001"],
        # Terre counts on whatever the month, forward or backward.
        ["FA2501-0001", "FA2502-0002", "FA2611-0003", "FA2607-0004"],
        ["FA2501-0001", "AV2501-0001", "AC2501-0001", "FA2502-0002"],
        # The history before the first one may be elsewhere.
        ["FA2501-0041", "FA2502-0042"],
        ["FA2501-9999", "FA2502-10000", "FA2502-10001"],
        ["FA2501-0001", "(PROV2)", "(PROV7)"],
        ["no number", "FA2501-0001"],
    ],
)
def test_a_series_without_holes_has_no_finding(refs: list[str]) -> None:
    assert found(refs) == []


def test_a_hole_is_named_by_the_references_it_can_have() -> None:
    assert found(["FA2501-0001", "FA2501-0003"]) == [("hole", ("FA2501-0002",))]
    assert found(["FA2501-0001", "FA2502-0003"]) == [("hole", ("FA2501-0002", "FA2502-0002"))]
    (hole,) = check_numbering(numbered(["FA2501-0001", "FA2502-0004"]), {})
    assert hole.message == (
        "Between FA2501-0001 and FA2502-0004 2 numbers are missing:"
        " FA2501-0002 or FA2502-0002, FA2501-0003 or FA2502-0003."
    )


def test_a_long_hole_is_cut_short() -> None:
    (hole,) = check_numbering(numbered(["FA2501-0001", "FA2501-0100"]), {})
    assert hole.message.startswith("Between FA2501-0001 and FA2501-0100 98 numbers are missing: FA2501-0002, ")
    assert hole.message.endswith("FA2501-0021 and 78 more.")


def test_the_live_database_tells_a_lost_invoice_from_an_old_hole() -> None:
    copy, live = numbered(["FA2501-0001", "FA2502-0003"]), numbered(["FA2501-0001", "FA2502-0002", "FA2502-0003"])
    (lost,) = check_numbering(copy, {}, live)
    assert (lost.refs, lost.live) == (("FA2502-0002",), False)
    assert lost.message.endswith("missing: FA2502-0002; the live database has FA2502-0002.")
    (old,) = check_numbering(copy, {}, copy)
    assert (old.live, old.message.endswith("; the live database has the same hole.")) == (True, True)
    assert check_numbering(copy, {})[0].live is None


def test_a_number_given_twice_is_found_whatever_the_month() -> None:
    assert found(["FA2501-0001", "FA2502-0001", "FA2502-0002"]) == [("duplicate", ("FA2501-0001", "FA2502-0001"))]
    assert found(["FA2501-0001", "FA2501-0001"]) == [("duplicate", ("FA2501-0001", "FA2501-0001"))]


def test_each_company_has_series_of_its_own() -> None:
    both = [Numbered("FA2501-0001"), Numbered("FA2501-0001", entity=2), Numbered("FA2501-0002", entity=2)]
    assert check_numbering(both, {}) == []


YEARLY = ["FA25-0001", "FA25-0002", "FA26-0001", "FA26-0002"]


@pytest.mark.parametrize(
    ("mask", "refs", "holes"),
    [
        ("FA{yy}-{0000@1}", YEARLY, []),
        ("FA{yy}-{0000@1}", [*YEARLY, "FA26-0004"], ["FA26-0003"]),
        # Without a restart the same references have the same numbers twice.
        ("FA{yyyy}{mm}-{000@99}", ["FA202501-001", "FA202501-002", "FA202502-001", "FA202502-003"], ["FA202502-002"]),
        # A financial year from April: March still belongs to the one before.
        (
            "FA{yy}{mm}-{0000@4}",
            ["FA2504-0001", "FA2603-0002", "FA2604-0001", "FA2605-0003"],
            ["FA2604-0002", "FA2605-0002"],
        ),
        ("FA{0000+100}/{yy}", ["FA0101/25", "FA0103/25"], ["FA0102/25"]),
        (
            "FAC{000}-{cccccc000}",
            ["FAC001-CL0001001", "FAC002-CL0002001", "FAC004-CL0001002"],
            ["FAC003-CL0002001", "FAC003-CL0001002"],
        ),
        # One series a customer.
        ("{cccc000}", ["AAAA001", "BBBB001", "AAAA003"], ["AAAA002"]),
    ],
)
def test_masks_begin_anew_when_they_say_so(mask: str, refs: list[str], holes: list[str]) -> None:
    assert masked(mask, refs) == ([("hole", tuple(holes))] if holes else [])


def test_a_fiscal_restart_takes_the_month_of_the_company() -> None:
    refs = ["FA2504-0001", "FA2601-0002", "FA2603-0003", "FA2604-0001", "FA2605-0002"]
    assert masked("FA{yy}{mm}-{0000@0}", refs, SOCIETE_FISCAL_MONTH_START="4") == []
    assert masked("FA{yy}{mm}-{0000@0}", refs) == [("duplicate", ("FA2601-0002", "FA2605-0002"))]


def test_a_mask_that_never_restarts_shows_numbers_given_again() -> None:
    assert masked("FA{yy}-{0000}", YEARLY) == [
        ("duplicate", ("FA25-0001", "FA26-0001")),
        ("duplicate", ("FA25-0002", "FA26-0002")),
    ]


def test_each_kind_has_its_mask_and_replacements_that_of_invoices() -> None:
    settings = {
        **MERCURE,
        "FACTURE_MERCURE_MASK_INVOICE": "F{0000}",
        "FACTURE_MERCURE_MASK_CREDIT": "N{0000}",
        "FACTURE_MERCURE_MASK_DEPOSIT": "F{0000}",
    }
    invoices = [
        Numbered("F0001"),
        Numbered("F0002", REPLACEMENT),
        Numbered("F0003", DEPOSIT),
        Numbered("F0005"),
        Numbered("N0001", CREDIT_NOTE),
        Numbered("N0003", CREDIT_NOTE),
    ]
    assert [one.refs for one in check_numbering(invoices, settings)] == [("F0004",), ("N0002",)]


def test_credit_notes_have_a_counter_of_their_own_under_the_mask_of_invoices() -> None:
    settings = {**MERCURE, "FACTURE_MERCURE_MASK_INVOICE": "F{0000}", "FACTURE_MERCURE_MASK_CREDIT": "F{0000}"}
    assert check_numbering([Numbered("F0001"), Numbered("F0001", CREDIT_NOTE)], settings) == []


def test_what_fits_no_mask_is_its_own_series() -> None:
    refs = ["FA2401-0007", "FA2402-0009", "FA25-0001", "FA25-0002", "2019/17", "2019/19", "2018/3"]
    assert masked("FA{yy}-{0000@1}", refs) == [
        ("hole", ("2019/18",)),
        ("hole", ("FA2401-0008", "FA2402-0008")),
    ]


@pytest.mark.parametrize("mask", ["", "FA{yy}", "FA{what}{0000}"])
def test_a_mask_that_cannot_be_read_is_no_mask(mask: str) -> None:
    assert parse_mask(mask) is None
    assert masked(mask, ["FA2501-0001", "FA2501-0003"]) == [("hole", ("FA2501-0002",))]


def test_a_recorded_last_number_that_is_gone_is_named() -> None:
    recorded = {"FA": "FA2611-0038", "AV": "AV2604-0003"}
    assert check_last_numbers(recorded, ["FA2611-0038", "AV2604-0003"], "x") == []
    (lost,) = check_last_numbers(recorded, ["FA2611-0037", "AV2604-0003"], "the restore point x")
    assert (lost.problem, lost.refs) == ("lost", ("FA2611-0038",))
    assert lost.message == "FA2611-0038, the last number of the series FA in the restore point x, is missing."


@given(st.integers(1, 40), st.data())
def test_every_number_taken_out_is_found_and_none_else(count: int, data: st.DataObject) -> None:
    numbers = list(range(1, count + 1))
    gone = data.draw(st.sets(st.sampled_from(numbers), max_size=15))
    left = [number for number in numbers if number not in gone]
    inner = {number for number in gone if left and left[0] < number < left[-1]}
    refs = data.draw(st.permutations([f"FA2501-{number:04d}" for number in left]))
    missing = {ref for problem, refs in found(refs) if problem == "hole" for ref in refs}
    assert missing == {f"FA2501-{number:04d}" for number in inner}
