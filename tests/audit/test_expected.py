# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule on every captured PDF, against the table that was made by reading them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
import yaml

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Severity
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.engine import audit_invoice
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Result, Seller, Status
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rules import RULES
from tests.support.audited import SELLER, captured_subjects, captured_texts
from tests.support.ledger import CUSTOMER_INVOICES
from tests.support.paths import FIXTURES

TABLE = yaml.safe_load((FIXTURES.parent / "expected_audit.yml").read_text(encoding="utf-8"))


def expected(ref: str) -> dict[str, str]:
    """The status of each rule, a failure with its severity; what an invoice itself says outweighs its groups."""
    row: Mapping[str, Any] = TABLE["invoices"][ref]
    found: dict[str, str] = {}
    for name in row.get("groups", "").split():
        new = statuses(TABLE["groups"][name])
        assert not found.keys() & new.keys(), f"two groups of {ref} name one rule"
        found |= new
    return found | statuses(row)


def statuses(part: Mapping[str, Any]) -> dict[str, str]:
    return {
        **dict.fromkeys(part.get("passes", "").split(), "pass"),
        **dict.fromkeys(part.get("undetermined", "").split(), "undetermined"),
        **{rule: f"fail {severity}" for rule, severity in part.get("fails", {}).items()},
    }


def audited(seller: Seller) -> dict[str, tuple[Result, ...]]:
    ids = {invoice.ref: invoice.id for invoice in CUSTOMER_INVOICES}
    subjects = captured_subjects({ids[ref]: text for ref, text in captured_texts().items()}, seller)
    return {subject.invoice.ref: audit_invoice(subject) for subject in subjects}


@cache
def results() -> dict[str, tuple[Result, ...]]:
    return audited(SELLER)


def shown(results: tuple[Result, ...]) -> dict[str, str]:
    return {
        one.rule: f"fail {one.severity}" if one.status is Status.FAIL else str(one.status)
        for one in results
        if one.status is not Status.NOT_APPLICABLE
    }


def test_the_table_names_all_captured_pdfs_and_only_known_rules() -> None:
    assert set(TABLE["invoices"]) == set(captured_texts())
    assert len(TABLE["invoices"]) == 45
    named = {rule for ref in TABLE["invoices"] for rule in expected(ref)}
    assert named <= {rule.id for rule in RULES}


@pytest.mark.parametrize("ref", sorted(TABLE["invoices"]))
def test_each_rule_says_of_an_invoice_what_a_reader_says(ref: str) -> None:
    assert shown(results()[ref]) == expected(ref)


def test_each_result_says_why() -> None:
    for ref in TABLE["invoices"]:
        for one in results()[ref]:
            if one.status in (Status.FAIL, Status.UNDETERMINED):
                assert one.message.endswith("."), (ref, one)
                assert "None" not in one.message, (ref, one)
            else:
                assert one.severity in Severity, (ref, one)


def test_words_are_shown_with_their_page() -> None:
    (penalty,) = (one for one in results()["FA2501-0001"] if one.rule == "late-penalty-rate")
    assert penalty.evidence[0].page == 1
    assert "trois fois le taux d'intérêt légal" in penalty.evidence[0].text


def test_without_a_seller_nothing_of_it_passes_and_what_to_fill_in_is_said() -> None:
    for ref, found in audited(Seller()).items():
        if ref.startswith("("):
            continue
        for one in found:
            if one.rule.startswith("seller-") and one.status is not Status.NOT_APPLICABLE:
                assert one.status in (Status.UNDETERMINED, Status.FAIL), (ref, one)
        undetermined = {one.rule: one.message for one in found if one.status is Status.UNDETERMINED}
        assert "seller.siren" in undetermined["seller-siren"]
        assert "seller.name" in undetermined["seller-name-address"]
        assert "vat-franchise-misused" in undetermined
