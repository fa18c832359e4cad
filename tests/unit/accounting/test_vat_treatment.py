# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each line is treated: the order of the rules, case by case, then the captured invoices."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import Treatment
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Line, ProductType
from tests.support.ledger import CUSTOMER_INVOICES, CUSTOMER_PAYMENTS, SUPPLIER_INVOICES, SUPPLIER_PAYMENTS
from tests.support.vat import (
    AMERICAN,
    BRITISH,
    FRENCH,
    GERMAN,
    GERMAN_WITH_FRENCH_NUMBER,
    GOODS,
    NORTHERN_IRISH,
    NOWHERE,
    REUNION,
    SERVICE,
    SWISS_PRIVATE,
    bill,
    line,
    on,
    report,
)

BELGIAN_WITHOUT_NUMBER = 4


def treated(purchase: bool, one: Line, party: int, options: dict[str, Any] | None = None, **invoice: Any) -> str:
    """The treatment of a single line, by way of the report."""
    made = bill(1, one, third_party_id=party, **invoice)
    found = report(purchases=[made], **options or {}) if purchase else report([made], **options or {})
    (only,) = found.to_facts(with_lines=True)["lines"]
    return str(only["treatment"])


@pytest.mark.parametrize(
    ("party", "one", "treatment"),
    [
        (FRENCH, line("100", "20"), Treatment.STD),
        (AMERICAN, line("100", "20"), Treatment.STD),
        (FRENCH, line("100", "0"), Treatment.UNKNOWN),
        (FRENCH, line("100", "0", description="Formation, exonérée, article 261, 4, 4° a du CGI"), Treatment.EXEMPT),
        (FRENCH, line("100", "0", description="TVA non applicable art-261-7 du CGI"), Treatment.EXEMPT),
        (FRENCH, line("100", "0", description="261 D du CGI"), Treatment.EXEMPT),
        (FRENCH, line("100", "0", description="Maintenance, 261 heures"), Treatment.UNKNOWN),
        (FRENCH, line("100", "0", description="article 262, I du CGI"), Treatment.UNKNOWN),
        (GERMAN, line("100", "0", GOODS), Treatment.IC_GOODS),
        (GERMAN, line("100", "0", SERVICE), Treatment.AE_EU_SERVICE),
        # A period makes a service of it, as for Dolibarr itself.
        (GERMAN, line("100", "0", GOODS, date_start=on("2026-09-01")), Treatment.AE_EU_SERVICE),
        (BELGIAN_WITHOUT_NUMBER, line("100", "0"), Treatment.UNKNOWN),
        (GERMAN_WITH_FRENCH_NUMBER, line("100", "0", GOODS), Treatment.UNKNOWN),
        (NORTHERN_IRISH, line("100", "0", GOODS), Treatment.IC_GOODS),
        (NORTHERN_IRISH, line("100", "0", SERVICE), Treatment.OUT_SERVICE),
        (BRITISH, line("100", "0", GOODS), Treatment.EXPORT_GOODS),
        (BRITISH, line("100", "0", SERVICE), Treatment.OUT_SERVICE),
        (AMERICAN, line("100", "0", GOODS), Treatment.EXPORT_GOODS),
        (SWISS_PRIVATE, line("100", "0", GOODS), Treatment.EXPORT_GOODS),
        (SWISS_PRIVATE, line("100", "0", SERVICE), Treatment.UNKNOWN),
        (REUNION, line("100", "0", GOODS), Treatment.UNKNOWN),
        (REUNION, line("100", "8.5", GOODS), Treatment.STD),
        (NOWHERE, line("100", "0"), Treatment.UNKNOWN),
        (FRENCH, line("100", "8.5", GOODS, info_bits=1), Treatment.NPR),
    ],
)
def test_what_is_sold(party: int, one: Line, treatment: Treatment) -> None:
    assert treated(False, one, party) == treatment


@pytest.mark.parametrize(
    ("options", "rate", "treatment"),
    [
        ({"subcontracted": frozenset({"FA1"})}, "0", Treatment.AE_BTP),
        ({"margin": frozenset({"FA1:1"})}, "0", Treatment.MARGIN),
        ({"disbursements": frozenset({"FA1"})}, "0", Treatment.DEBOURS),
        # Tax on the invoice outweighs what a person said, and the regime outweighs the tax.
        ({"margin": frozenset({"FA1"})}, "20", Treatment.STD),
        ({"regime": Regime.FRANCHISE}, "0", Treatment.FRANCHISE),
        ({"regime": Regime.FRANCHISE}, "20", Treatment.FRANCHISE),
    ],
)
def test_what_only_a_person_knows(options: dict[str, Any], rate: str, treatment: Treatment) -> None:
    assert treated(False, line("100", rate), FRENCH, options) == treatment


def test_an_exemption_may_stand_in_the_public_note() -> None:
    note = "Exonération de TVA, art. 261-4-1° du CGI"
    assert treated(False, line("100", "0"), FRENCH, note_public=note) == Treatment.EXEMPT


@pytest.mark.parametrize(
    ("party", "one", "treatment"),
    [
        (FRENCH, line("100", "20"), Treatment.STD),
        (FRENCH, line("100", "0"), Treatment.NO_VAT),
        (GERMAN, line("100", "0", SERVICE), Treatment.AE_SERVICE),
        (GERMAN, line("100", "0", GOODS), Treatment.IC_ACQUISITION),
        (GERMAN, line("100", "19"), Treatment.UNKNOWN),
        (GERMAN_WITH_FRENCH_NUMBER, line("100", "20"), Treatment.STD),
        (NORTHERN_IRISH, line("100", "0", GOODS), Treatment.IC_ACQUISITION),
        (NORTHERN_IRISH, line("100", "0", SERVICE), Treatment.AE_SERVICE),
        (AMERICAN, line("100", "0", SERVICE), Treatment.AE_SERVICE),
        (AMERICAN, line("100", "0", GOODS), Treatment.IMPORT),
        (REUNION, line("100", "0", GOODS), Treatment.UNKNOWN),
        (NOWHERE, line("100", "0"), Treatment.UNKNOWN),
        (NOWHERE, line("100", "20"), Treatment.STD),
        (FRENCH, line("100", "8.5", GOODS, info_bits=1), Treatment.NPR),
    ],
)
def test_what_is_bought(party: int, one: Line, treatment: Treatment) -> None:
    assert treated(True, one, party) == treatment


@pytest.mark.parametrize(
    ("option", "party", "treatment"),
    [
        ("exempt_purchases", GERMAN, Treatment.NO_VAT),
        ("supplied_in_france", GERMAN, Treatment.AE_LOCAL),
        ("supplied_in_france", AMERICAN, Treatment.AE_LOCAL),
        ("subcontracted", FRENCH, Treatment.AE_BTP),
    ],
)
def test_what_only_a_person_knows_of_purchases(option: str, party: int, treatment: Treatment) -> None:
    assert treated(True, line("100", "0"), party, {option: frozenset({"FA1"})}) == treatment


def test_a_french_supplier_marked_as_reverse_charge_is_a_subcontractor() -> None:
    assert treated(True, line("100", "0"), FRENCH, reverse_charge=True) == Treatment.AE_BTP


def test_vat_charged_on_an_invoice_marked_as_reverse_charge_is_left_to_a_person() -> None:
    assert treated(True, line("100", "20"), FRENCH, reverse_charge=True) == Treatment.UNKNOWN


def test_titles_and_lines_of_nothing_are_no_lines() -> None:
    title = line("0", "20", ProductType.TEXT)
    made = report([bill(1, line("100"), title, line("0", "0"))]).to_facts(with_lines=True)
    assert [one["line"] for one in made["lines"]] == [1]


def test_the_captured_sales_without_vat() -> None:
    """FA2501-0002 ff. to the United States; FA2502-0004 ff. to Germany; FA2505-0008 to Belgium without a number."""
    facts = report(CUSTOMER_INVOICES, CUSTOMER_PAYMENTS).to_facts(with_lines=True)
    found = {one["invoice"]: one["treatment"] for one in facts["lines"] if one["rate"] == "0"}
    assert found == {
        "FA2501-0002": "OUT_SERVICE",
        "FA2502-0004": "AE_EU_SERVICE",
        "FA2505-0008": "UNKNOWN",
        "FA2506-0011": "OUT_SERVICE",
        "AC2601-0002": "AE_EU_SERVICE",
        "FA2602-0025": "OUT_SERVICE",
        "FA2605-0029": "AE_EU_SERVICE",
        "FA2610-0036": "AE_EU_SERVICE",
        "FA2610-0037": "OUT_SERVICE",
    }


def test_the_captured_purchases_without_vat() -> None:
    """Three of the Irish cloud (the third not marked in Dolibarr); court fees and an insurance in France."""
    facts = report([], {}, SUPPLIER_INVOICES, SUPPLIER_PAYMENTS).to_facts(with_lines=True)
    found = {(one["invoice"], one["line"]): one["treatment"] for one in facts["lines"] if one["charged_tax"] == "0.00"}
    assert found == {
        ("SI2503-0004", 1): "AE_SERVICE",
        ("SI2509-0011", 1): "AE_SERVICE",
        ("SI2602-0015", 1): "AE_SERVICE",
        ("SI2605-0018", 2): "NO_VAT",
        ("SI2608-0022", 1): "NO_VAT",
    }
