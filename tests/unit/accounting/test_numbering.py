# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit of the numbering: on the captured invoices, and by small series with one thing wrong each."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.numbering import (
    NumberingOptions,
    audit_numbering,
    numbering_options,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Invoice, InvoiceStatus, InvoiceType
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from tests.support.paths import FIXTURES

TODAY = date(2026, 11, 21)
CAPTURED = json.loads((FIXTURES / "api/invoices/invoices--limit=0.json").read_text())
ALL = [Invoice.of_customer(answer) for answer in CAPTURED]
STANDARD, REPLACEMENT, CREDIT_NOTE, DEPOSIT = (
    InvoiceType.STANDARD,
    InvoiceType.REPLACEMENT,
    InvoiceType.CREDIT_NOTE,
    InvoiceType.DEPOSIT,
)
Row = tuple[str, str] | tuple[str, str, str]


def invoices(*rows: Row, kind: InvoiceType = STANDARD) -> list[Invoice]:
    """Validated invoices of (ref, day[, day of validation]), with ids from 1."""
    return [
        dataclasses.replace(
            ALL[0],
            id=place,
            ref=row[0],
            type=kind,
            issued=date.fromisoformat(row[1]),
            validated=None if row[-1] == "?" else datetime.fromisoformat(row[-1]).replace(tzinfo=UTC),
        )
        for place, row in enumerate(rows, 1)
    ]


def refs(*several: str, kind: InvoiceType = STANDARD) -> list[Invoice]:
    """Validated invoices, some days apart and all before today."""
    first = date(2025, 1, 1)
    return invoices(
        *((ref, (first + timedelta(place // 4)).isoformat()) for place, ref in enumerate(several)), kind=kind
    )


def found(audited: Iterable[Invoice], options: NumberingOptions | None = None) -> list[tuple[str, str, str]]:
    facts = audit_numbering(audited, TODAY, options).to_facts()
    return [(one["check"], one["severity"], one["subject"]) for one in facts["findings"]]


def masked(*texts: str, **more: Any) -> NumberingOptions:
    return numbering_options({STANDARD: texts}, **more)


# -- the captured invoices --------------------------------------------------------------------------------------------


def test_the_captured_series_are_whole() -> None:
    # From the table of the captured invoices: FA2501-0001 to FA2607-0039, AV2505-0001 to AV2604-0003, two AC, 3 drafts.
    facts = audit_numbering(ALL, TODAY).to_facts()
    assert (facts["numbered"], facts["drafts"], facts["unplaced"]) == (44, 3, [])
    shown = [(one["name"], one["count"], one["first"], one["last"], one["missing"]) for one in facts["series"]]
    assert shown == [
        ("AC", 2, "AC2502-0001", "AC2601-0002", 0),
        ("AV", 3, "AV2505-0001", "AV2604-0003", 0),
        ("FA", 39, "FA2501-0001", "FA2607-0039", 0),
    ]
    days = [(one["since"], one["until"]) for one in facts["series"]]
    assert days == [("2025-02-20", "2026-01-15"), ("2025-05-12", "2026-04-10"), ("2025-01-31", "2026-11-01")]


def test_the_captured_invoice_of_july_numbered_in_november_is_the_only_finding() -> None:
    (finding,) = audit_numbering(ALL, TODAY).findings
    assert (finding.check, str(finding.severity), finding.subject) == ("number-order", "error", "FA2607-0039")
    assert finding.message == (
        "FA2607-0039 is dated 2026-07-02 and numbered after FA2611-0038, which is dated 2026-11-01;"
        " their validation dates say the same: note for the tax office why."
    )


@pytest.mark.parametrize("gone", ["FA2506-0010", "FA2512-0021"])
def test_a_captured_number_is_used_even_when_the_invoice_was_abandoned(gone: str) -> None:
    # FA2506-0010 was replaced and FA2512-0021 abandoned: taken out, each leaves a gap.
    left = [invoice for invoice in ALL if invoice.ref != gone]
    (gap,) = [one for one in found(left) if one[0] == "number-gap"]
    assert gap[1] == "error"
    assert gone in gap[2].split(" or ")
    assert "number-gap" not in {check for check, _severity, _ref in found(ALL)}


# -- gaps, duplicates, starts -----------------------------------------------------------------------------------------


def test_a_gap_is_named_by_what_it_can_be() -> None:
    (finding,) = audit_numbering(refs("FA2501-0001", "FA2502-0003"), TODAY).findings
    assert finding.message == (
        "Between FA2501-0001 and FA2502-0003 1 number is missing: FA2501-0002 or FA2502-0002:"
        " find the invoice in a backup, or note for the tax office why the number was not used."
    )


def test_a_long_gap_is_one_finding_and_all_of_it_is_counted() -> None:
    audit = audit_numbering(refs("FA2501-0001", "FA2501-0100"), TODAY)
    assert [one.missing for one in audit.series] == [98]
    (finding,) = audit.findings
    assert "98 numbers are missing: FA2501-0002, " in finding.message
    assert " and 78 more: " in finding.message


def test_the_same_reference_twice_is_a_duplicate() -> None:
    (finding,) = audit_numbering(refs("FA2501-0001", "FA2501-0001", "FA2501-0002"), TODAY).findings
    assert (finding.check, str(finding.severity)) == ("number-duplicate", "error")
    assert finding.message.startswith("FA2501-0001 is the number of 2 invoices (ids 1, 2)")


def test_the_same_counter_in_two_months_is_repeated() -> None:
    several = refs("FA2501-0001", "FA2501-0002", "FA2502-0002", "FA2502-0003", "FA2503-0004", "FA2503-0005")
    assert found(several) == [("number-repeated", "error", "FA2501-0002")]


def test_a_series_that_does_not_begin_with_one_may_have_a_past_elsewhere() -> None:
    several = refs("FA2501-0041", "FA2501-0042")
    assert found(several) == [("number-start", "warning", "FA2501-0041")]
    assert found(several, NumberingOptions(series_start={"FA": 41})) == []
    (gap,) = audit_numbering(several, TODAY, NumberingOptions(series_start={"FA": 39})).findings
    assert (gap.check, str(gap.severity), gap.subject) == ("number-gap", "error", "FA2501-0039")
    assert "Between the start of the series and FA2501-0041 2 numbers are missing: FA2501-0039, " in gap.message


def test_a_mask_with_an_offset_begins_after_it() -> None:
    assert found(refs("FA0101", "FA0102"), masked("FA{0000+100}")) == []
    assert found(refs("FA0102", "FA0103"), masked("FA{0000+100}")) == [("number-start", "warning", "FA0102")]


# -- how it is counted ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("several", "often"),
    [
        (["FA2501-0001", "FA2503-0002", "FA2601-0001", "FA2602-0002", "FA2603-0003"], "year"),
        (["FA2501-0001", "FA2501-0002", "FA2502-0001", "FA2502-0002", "FA2503-0001"], "month"),
    ],
)
def test_a_counter_that_begins_anew_is_recognised_and_said(several: list[str], often: str) -> None:
    audit = audit_numbering(refs(*several), TODAY)
    assert {(one.check, str(one.severity)) for one in audit.findings} == {("number-series-assumed", "info")}
    assert all(f"seems to begin anew each {often}" in one.message for one in audit.findings)
    assert sum(len(one.invoices) for one in audit.series) == len(several)


def test_a_gap_does_not_make_an_endless_counter_a_yearly_one() -> None:
    several = refs("FA2501-0001", "FA2502-0002", "FA2601-0004", "FA2602-0005")
    assert found(several) == [("number-gap", "error", "FA2502-0003 or FA2601-0003")]


def test_a_form_of_nobody_is_assumed_and_its_gaps_are_softer() -> None:
    several = refs("2025/7", "2025/9")
    assert found(several) == [
        ("number-gap", "warning", "2025/8"),
        ("number-series-assumed", "warning", "2025/7"),
        ("number-start", "warning", "2025/7"),
    ]


def test_a_reference_without_any_number_is_shown() -> None:
    audit = audit_numbering(refs("FA2501-0001", "sans suite"), TODAY)
    assert audit.unplaced == ("sans suite",)
    assert [(one.check, one.subject) for one in audit.findings] == [("number-off-mask", "sans suite")]


def test_yearly_masks_have_a_series_a_year() -> None:
    several = refs("FA25-0001", "FA25-0002", "FA26-0001", "FA26-0003")
    audit = audit_numbering(several, TODAY, masked("FA{yy}-{0000@1}"))
    assert [(one.name, one.missing) for one in audit.series] == [("FA{yy}-{0000@1} 25", 0), ("FA{yy}-{0000@1} 26", 1)]
    assert [one.subject for one in audit.findings] == ["FA26-0002"]


def test_a_given_start_is_that_of_the_first_year_alone() -> None:
    several = refs("FA25-0041", "FA25-0042", "FA26-0002")
    options = masked("FA{yy}-{0000@1}", series_start={"FA{yy}-{0000@1}": 41})
    assert found(several, options) == [("number-start", "warning", "FA26-0002")]


def test_a_financial_year_from_april_is_one_series() -> None:
    several = refs("FA2504-0001", "FA2603-0002", "FA2604-0001")
    assert found(several, masked("FA{yy}{mm}-{0000@0}", fiscal_month=4)) == []


def test_what_fits_no_mask_is_said() -> None:
    several = refs("FA25-0001", "FACTURE-12")
    assert [one for one in found(several, masked("FA{yy}-{0000@1}")) if one[0] == "number-off-mask"] == [
        ("number-off-mask", "warning", "FACTURE-12")
    ]


def test_former_masks_may_go_on_or_count_a_number_again() -> None:
    now, before = "FAC{000}-{cccccc000}", "FAC{000}-{cccccc}"
    # The former mask ended at 002 and the new one goes on from 003.
    assert found(refs("FAC001-CL0001", "FAC002-CL0002", "FAC003-CL0001001"), masked(now, before)) == []
    again = refs("FAC001-CL0001", "FAC001-CL0001001", "FAC002-CL0001002")
    assert found(again, masked(now, before)) == [("number-repeated", "warning", "FAC001-CL0001")]


def test_invoices_and_deposits_share_a_mask_and_credit_notes_do_not() -> None:
    options = numbering_options({STANDARD: ["F{0000}"], DEPOSIT: ["F{0000}"], CREDIT_NOTE: ["F{0000}"]})
    several = [*refs("F0001", "F0003"), *refs("F0002", kind=DEPOSIT), *refs("F0001", kind=CREDIT_NOTE)]
    several = [dataclasses.replace(one, id=place, issued=TODAY) for place, one in enumerate(several)]
    assert {check for check, _severity, _ref in found(several, options)} == {"number-duplicate"}
    assert audit_numbering(several, TODAY, options).series[0].missing == 0


def test_replacements_follow_the_mask_of_invoices() -> None:
    several = [*refs("F0001", "F0003"), *invoices(("F0002", "2025-01-01"), kind=REPLACEMENT)]
    assert found(several, masked("F{0000}")) == []


def test_a_counter_of_each_customer_needs_a_reason() -> None:
    several = refs("AAAA001", "BBBB001", "AAAA002")
    assert found(several, masked("{cccc000}")) == [("number-per-customer", "warning", "{cccc000}")]


@pytest.mark.parametrize(("last", "full"), [(799, False), (800, True)])
def test_three_digits_are_nearly_full_at_800_of_999(last: int, full: bool) -> None:
    several = refs(*(f"F{number:03d}" for number in range(1, last + 1)))
    assert found(several, masked("F{000}")) == ([("number-capacity", "info", "F800")] if full else [])


def test_only_the_newest_year_can_be_nearly_full() -> None:
    several = refs(*(f"F24{number:03d}" for number in range(1, 900)), "F25001")
    assert found(several, masked("F{yy}{000@1}")) == []


def test_a_mask_that_cannot_be_read_is_an_error_that_names_it() -> None:
    with pytest.raises(ErpError, match=r"The numbering mask FA\{yy\} for credit note invoices cannot be read"):
        numbering_options({CREDIT_NOTE: ["FA{yy}"]})


# -- dates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "severity", "why"),
    [
        (("FA2501-0002", "2025-01-09"), "error", "their validation dates say the same"),
        (("FA2501-0002", "2025-01-09", "2025-01-11"), "warning", "it was validated in order and dated otherwise"),
        (("FA2501-0002", "2025-01-09", "?"), "warning", "their validation dates are not known"),
    ],
)
def test_a_date_that_goes_back_is_as_bad_as_the_validation_says(second: Row, severity: str, why: str) -> None:
    (finding,) = audit_numbering(invoices(("FA2501-0001", "2025-01-10"), second), TODAY).findings
    assert (finding.check, str(finding.severity), finding.subject) == ("number-order", severity, "FA2501-0002")
    assert f"numbered after FA2501-0001, which is dated 2025-01-10; {why}:" in finding.message


def test_one_wrong_date_is_one_finding_whichever_way_it_is_wrong() -> None:
    days = ["2025-01-10", "2025-01-11", "2025-02-01", "2025-01-12", "2025-01-12"]
    rows = [(f"FA2501-{number:04d}", day) for number, day in enumerate(days, 1)]
    (finding,) = audit_numbering(invoices(*rows), TODAY).findings
    assert finding.subject == "FA2501-0003"
    assert "is dated 2025-02-01 and numbered before FA2501-0004, which is dated 2025-01-12" in finding.message


def test_series_are_ordered_each_by_itself() -> None:
    several = invoices(("FA2501-0001", "2025-03-01"), ("AB2501-0001", "2025-01-01"))
    assert found(several) == []


def test_a_date_after_today_is_said() -> None:
    assert found(invoices(("FA2611-0001", "2026-11-21"))) == []
    assert found(invoices(("FA2611-0001", "2026-11-22"))) == [("number-future", "warning", "FA2611-0001")]


# -- an earlier snapshot ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("previous", "expected"),
    [
        ({1: "FA2501-0001", 2: "FA2501-0002", 9: "(PROV9)"}, []),
        ({1: "FA2501-0001", 8: "FA2501-0002"}, [("number-reused", "error", "FA2501-0002")]),
        ({3: "FA2501-0003"}, [("number-lost", "error", "FA2501-0003")]),
        ({2: "(PROV2)"}, []),
    ],
)
def test_an_earlier_snapshot_shows_numbers_given_again(
    previous: Mapping[int, str], expected: list[tuple[str, str, str]]
) -> None:
    options = NumberingOptions(previous_refs=previous)
    assert found(refs("FA2501-0001", "FA2501-0002"), options) == expected


# -- what is always true ----------------------------------------------------------------------------------------------


def test_drafts_and_proformas_have_no_number() -> None:
    draft = dataclasses.replace(ALL[0], ref="(PROV1)", status=InvoiceStatus.DRAFT)
    kept = dataclasses.replace(ALL[0], ref="FA2501-0007", status=InvoiceStatus.DRAFT)
    proforma = dataclasses.replace(ALL[0], ref="PF2501-0009", type=InvoiceType.PROFORMA)
    audit = audit_numbering([draft, kept, proforma], TODAY)
    assert (audit.series, audit.drafts, audit.findings) == ((), 2, ())


@settings(max_examples=40)
@given(st.sets(st.integers(1, 30), min_size=1), st.randoms(use_true_random=False))
def test_every_missing_number_is_counted_once_in_whatever_order(present: set[int], shuffle: Any) -> None:
    several = invoices(*((f"FA2501-{number:04d}", f"2025-01-{number:02d}") for number in sorted(present)))
    expected = set(range(min(present), max(present))) - present
    shuffle.shuffle(several)
    audit = audit_numbering(several, TODAY)
    assert sum(one.missing for one in audit.series) == len(expected)
    gaps = " ".join(one.message for one in audit.findings if one.check == "number-gap")
    named = {number for number in range(1, 31) if f"FA2501-{number:04d}" in gaps.replace("Between", "")}
    assert expected <= named
    assert audit == audit_numbering(sorted(several, key=lambda one: one.id), TODAY)


@settings(max_examples=40)
@given(st.lists(st.integers(1, 28), min_size=1, max_size=12))
def test_without_those_named_the_dates_are_in_order(days: list[int]) -> None:
    rows = [(f"FA2501-{number:04d}", f"2025-01-{day:02d}") for number, day in enumerate(days, 1)]
    named = {ref for check, _severity, ref in found(invoices(*rows)) if check == "number-order"}
    left = [day for ref, day in rows if ref not in named]
    assert left == sorted(left)
    assert bool(named) == (days != sorted(days))
