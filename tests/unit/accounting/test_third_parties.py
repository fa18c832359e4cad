# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit of third parties: the captured ones, and one whole French customer with one thing wrong at a time."""

from __future__ import annotations

import dataclasses
import json
from datetime import date
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.third_parties import (
    ThirdPartiesAudit,
    ThirdPartyOptions,
    audit_third_parties,
    vat_charging_suppliers,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.third_party_rules import (
    FORMS,
    TABLE,
    WORDS,
    Profile,
    SellerSize,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Invoice, ThirdParty
from tests.support.paths import FIXTURES

TODAY = date(2026, 11, 21)
ANSWERS = json.loads((FIXTURES / "api/thirdparties/thirdparties.json").read_text())
# Only Hébergements Cèdre has a bank account in the captured answers.
CEDRE_IBAN = "FR7630003099990000000000120"
CAPTURED = [ThirdParty.read(answer, (CEDRE_IBAN,) if answer["id"] == "7" else ()) for answer in ANSWERS]
SUPPLIER_INVOICES = [
    Invoice.of_supplier(answer)
    for answer in json.loads((FIXTURES / "api/supplierinvoices/supplierinvoices.json").read_text())
]
BOREALE = CAPTURED[0]
KIEFERNWALD = CAPTURED[2]
CEDRE = CAPTURED[6]


def with_ids(party: ThirdParty = BOREALE, **places: str) -> ThirdParty:
    """The same with other professional ids: ``first=``, ``second=`` and so on."""
    names = ("first", "second", "third", "fourth", "fifth", "sixth")
    ids: Any = tuple(places.get(name, had) for name, had in zip(names, party.professional_ids, strict=True))
    return dataclasses.replace(party, professional_ids=ids)


def found(party: ThirdParty, today: date = TODAY, **options: Any) -> set[tuple[str, str]]:
    """Checks and severities, without those that are merely useful."""
    audit = audit_third_parties([party], today, ThirdPartyOptions(**options))
    return {(one.check, str(one.severity)) for one in audit.findings if str(one.severity) != "info"}


def changed(party: ThirdParty = BOREALE, **fields: Any) -> set[tuple[str, str]]:
    return found(dataclasses.replace(party, **fields))


# -- the captured third parties ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def captured() -> ThirdPartiesAudit:
    return audit_third_parties(
        CAPTURED, TODAY, ThirdPartyOptions(vat_charging_suppliers=vat_charging_suppliers(SUPPLIER_INVOICES))
    )


@pytest.mark.parametrize(
    ("name", "level", "missing", "invalid"),
    [
        # By hand from section 6 and the captured fields; RCS (idprof4) is empty everywhere.
        ("Boréale Conseil", "info", ["rcs"], []),
        ("Northwind Prairie LLC", "warning", ["state", "national_id"], []),
        ("Kiefernwald GmbH", "info", ["national_id"], []),
        ("Atelier Brabant SRL", "warning", ["vat_number", "national_id"], []),
        ("Cabinet Hêtre & Associés", "warning", ["siret", "naf", "rcs", "vat_number"], ["siren"]),
        ("Dominique Fictive", "ok", [], []),
        ("Hébergements Cèdre", "info", ["rcs"], []),
        (
            "Papeterie Sureau",
            "error",
            ["address", "zip", "siren", "siret", "naf", "rcs", "vat_number", "email", "iban", "payment_terms"],
            [],
        ),
        ("Emerald Cloud Ltd", "error", ["national_id", "iban"], ["vat_number"]),
    ],
)
def test_the_captured_third_parties_are_as_by_hand(
    captured: ThirdPartiesAudit, name: str, level: str, missing: list[str], invalid: list[str]
) -> None:
    (facts,) = [one for one in captured.to_facts()["third_parties"] if one["name"] == name]
    assert (facts["level"], facts["missing"], facts["invalid"]) == (level, missing, invalid)


def test_four_of_nine_captured_third_parties_are_complete(captured: ThirdPartiesAudit) -> None:
    facts = captured.to_facts()
    assert [one["name"] for one in facts["third_parties"] if one["complete"]] == [
        "Boréale Conseil",
        "Kiefernwald GmbH",
        "Dominique Fictive",
        "Hébergements Cèdre",
    ]
    assert (facts["complete"], facts["incomplete"], facts["duplicates"]) == (4, 5, [])
    assert [(one["name"], one["reason"]) for one in facts["not_audited"]] == [
        ("Prospect Tilleul", "neither customer nor supplier"),
        ("Ancien Fournisseur Orme", "closed"),
    ]


def test_the_captured_countries_and_kinds(captured: ThirdPartiesAudit) -> None:
    shown = {one["id"]: (one["zone"], one["kind"], one["roles"]) for one in captured.to_facts()["third_parties"]}
    assert shown[1] == ("FR", "business", ["customer"])
    assert shown[2] == ("US", "unknown", ["customer"])
    assert shown[6] == ("FR", "consumer", ["customer"])
    assert shown[9] == ("EU", "business", ["supplier"])


def test_who_charges_vat_is_read_from_the_captured_supplier_invoices() -> None:
    # Emerald Cloud (9) bills at 0 %; Ancien Fournisseur Orme (11) has 20 % lines on SI2605-0018.
    assert vat_charging_suppliers(SUPPLIER_INVOICES) == {7, 8, 11}


def test_a_finding_says_who_and_what_to_do(captured: ThirdPartiesAudit) -> None:
    messages = {one.message for one in captured.findings}
    assert "Papeterie Sureau has no postal code: enter it." in messages
    assert (
        "Cabinet Hêtre & Associés has the SIREN 333333335 which has a wrong check digit: ask for it again." in messages
    )


# -- the table --------------------------------------------------------------------------------------------------------


def test_the_table_is_whole() -> None:
    assert set(TABLE) == set(WORDS)
    assert {field for field, _profile in FORMS} <= set(TABLE)
    assert {len(cells.split()) for cells in TABLE.values()} == {len(Profile)}
    assert set("".join(TABLE.values())) == set("EWI-/ ")


@pytest.mark.parametrize(
    ("party", "fields", "expected"),
    [
        (BOREALE, {}, set()),
        (BOREALE, {"address": ""}, {("third-party-address-missing", "error")}),
        (BOREALE, {"town": ""}, {("third-party-town-missing", "error")}),
        (BOREALE, {"zip": ""}, {("third-party-zip-missing", "error")}),
        (BOREALE, {"zip": "7501"}, {("third-party-zip-invalid", "error")}),
        (BOREALE, {"email": ""}, {("third-party-email-missing", "warning")}),
        (BOREALE, {"payment_terms_id": None}, {("third-party-payment-terms-missing", "warning")}),
        (BOREALE, {"vat_number": ""}, {("third-party-vat-number-missing", "warning")}),
        # Not liable to VAT, as Dolibarr says: it has no VAT number.
        (BOREALE, {"vat_number": "", "is_vat_liable": False}, set()),
        (BOREALE, {"name": ""}, {("third-party-name-missing", "error")}),
        # A customer's IBAN is not asked for, a supplier's is, and its terms are merely useful.
        (BOREALE, {"ibans": ()}, set()),
        (CEDRE, {"ibans": ()}, {("third-party-iban-missing", "warning")}),
        (CEDRE, {"ibans": (CEDRE_IBAN[:-1] + "1",)}, {("third-party-iban-invalid", "warning")}),
        (CEDRE, {"supplier_payment_terms_id": None, "email": ""}, set()),
        (CEDRE, {"zip": ""}, {("third-party-zip-missing", "warning")}),
        # Both: the worse of the two.
        (CEDRE, {"zip": "", "is_customer": True, "payment_terms_id": 1}, {("third-party-zip-missing", "error")}),
        (CEDRE, {"is_customer": True}, {("third-party-payment-terms-missing", "warning")}),
        (KIEFERNWALD, {"vat_number": "DE111111126"}, {("third-party-vat-number-invalid", "error")}),
        # Without any identifier it may be a consumer.
        (KIEFERNWALD, {"vat_number": ""}, {("third-party-vat-number-missing", "warning")}),
        (KIEFERNWALD, {"vat_number": "", "kind": "TE_PRIVATE"}, set()),
        # Public bodies need a SIRET (Chorus Pro).
        (
            BOREALE,
            {"kind": "TE_ADMIN", "professional_ids": ("111111118", "", "", "", "", "")},
            {("third-party-siret-missing", "error")},
        ),
    ],
)
def test_one_thing_wrong_is_found_alone(party: ThirdParty, fields: Any, expected: set[tuple[str, str]]) -> None:
    assert changed(party, **fields) == expected


@pytest.mark.parametrize(
    ("country", "fields", "expected"),
    [
        ("GB", {"zip": "SW1A 1AA"}, {("third-party-vat-number-missing", "warning")}),
        ("GB", {"vat_number": "GB980780684"}, set()),
        ("GB", {"vat_number": "XI980780684"}, set()),
        ("GB", {"vat_number": "XI980780685"}, {("third-party-vat-number-invalid", "warning")}),
        ("CH", {"zip": "8001"}, {("third-party-national-id-missing", "warning")}),
        (
            "CH",
            {"zip": "80001", "professional_ids": ("CHE-107.787.577", "", "", "", "", "")},
            {("third-party-zip-invalid", "error")},
        ),
        (
            "US",
            {"state_id": 1, "professional_ids": ("07-1144442", "", "", "", "", "")},
            {("third-party-national-id-invalid", "warning")},
        ),
        ("US", {"state_id": 1, "professional_ids": ("91-1144442", "", "", "", "", "")}, set()),
        # Elsewhere any number will do, in any place, and neither postal code nor state matters.
        ("JP", {"zip": "", "professional_ids": ("", "", "", "x", "", "")}, set()),
        ("JP", {"zip": ""}, {("third-party-national-id-missing", "warning")}),
    ],
)
def test_each_country_asks_for_its_own(country: str, fields: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    party = dataclasses.replace(BOREALE, country=country, vat_number="", professional_ids=("",) * 6, zip="10115")
    assert changed(party, **fields) == expected


def test_without_a_country_what_depends_on_it_is_undetermined() -> None:
    (audit,) = audit_third_parties([dataclasses.replace(BOREALE, country="")], TODAY).audited
    assert ("country" in audit.missing, audit.is_complete) == (True, False)
    assert audit.undetermined == ("vat_number", "national_id")


def test_ibans_that_were_not_read_are_undetermined_and_not_missing() -> None:
    (audit,) = audit_third_parties([CEDRE], TODAY, ThirdPartyOptions(ibans_are_known=False)).audited
    assert (audit.missing, audit.undetermined, audit.is_complete) == (("rcs",), ("iban",), False)


# -- what depends on options and dates --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "today", "severity"),
    [
        (SellerSize.SME, date(2027, 8, 31), "warning"),
        (SellerSize.SME, date(2027, 9, 1), "error"),
        (SellerSize.MICRO, date(2026, 11, 21), "warning"),
        (SellerSize.LARGE, date(2026, 8, 31), "warning"),
        (SellerSize.LARGE, date(2026, 9, 1), "error"),
        (SellerSize.MID, date(2026, 9, 1), "error"),
    ],
)
def test_the_siren_of_a_customer_becomes_a_duty(size: SellerSize, today: date, severity: str) -> None:
    party = with_ids(first="", second="")
    assert ("third-party-siren-missing", severity) in found(party, today, seller_size=size)
    assert ("third-party-siren-missing", "warning") in found(
        dataclasses.replace(party, is_customer=False, is_supplier=True), today, seller_size=size
    )


def test_the_vat_number_is_a_duty_of_who_charges_or_self_assesses() -> None:
    without = dataclasses.replace(CEDRE, vat_number="")
    assert found(without) == {("third-party-vat-number-missing", "warning")}
    assert found(without, vat_charging_suppliers=frozenset({7})) == {("third-party-vat-number-missing", "error")}
    customer = dataclasses.replace(BOREALE, vat_number="", is_vat_liable=False)
    assert found(customer, self_assessing_customers=frozenset({1})) == {("third-party-vat-number-missing", "error")}


def test_the_customer_code_is_a_duty_when_numbers_hold_it() -> None:
    without = dataclasses.replace(BOREALE, customer_code="")
    assert found(without) == set()
    assert found(without, customer_code_is_in_numbers=True) == {("third-party-code-missing", "error")}
    assert found(dataclasses.replace(CEDRE, supplier_code=""), customer_code_is_in_numbers=True) == set()


def test_only_associations_have_an_rna_number() -> None:
    association = dataclasses.replace(BOREALE, legal_form="Association loi 1901")
    (audit,) = audit_third_parties([association], TODAY).audited
    assert audit.missing == ("rcs", "rna")
    assert ("third-party-rna-invalid", "warning") in found(with_ids(association, sixth="751234567"))


# -- numbers that contradict each other -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("party", "expected"),
    [
        # Well formed numbers of two companies: 222222226 is that of Hébergements Cèdre.
        (with_ids(second="22222222600011"), {("third-party-siret-siren", "warning")}),
        (dataclasses.replace(BOREALE, vat_number="FR46222222226"), {("third-party-vat-siren", "warning")}),
        # A SIRET where the SIREN belongs holds the SIREN all the same.
        (with_ids(first="11111111800019"), {("third-party-siren-misplaced", "warning")}),
        # The key of 44 has no French prefix, the number itself is right.
        (dataclasses.replace(BOREALE, vat_number="44111111118"), {("third-party-vat-country", "warning")}),
        (
            dataclasses.replace(KIEFERNWALD, country="BE", zip="1000"),
            {("third-party-vat-country", "warning")},
        ),
        (dataclasses.replace(KIEFERNWALD, country="GR", vat_number="EL094259216"), set()),
        # Monaco has French VAT numbers without a SIREN in them.
        (dataclasses.replace(BOREALE, country="MC", vat_number="FR48000000012"), set()),
    ],
)
def test_numbers_that_contradict_each_other_are_found(party: ThirdParty, expected: set[tuple[str, str]]) -> None:
    assert found(party) == expected


# -- duplicates -------------------------------------------------------------------------------------------------------


def duplicates(*parties: ThirdParty) -> list[tuple[str, tuple[int, ...]]]:
    return [(one.field, one.ids) for one in audit_third_parties(parties, TODAY).duplicates]


def other(party: ThirdParty = BOREALE, **fields: Any) -> ThirdParty:
    """Somebody else: nothing in common but what ``fields`` say."""
    own: dict[str, Any] = {"id": 99, "name": "Zinc", "professional_ids": ("",) * 6, "vat_number": "", "ibans": ()}
    return dataclasses.replace(party, **{**own, **fields})


@pytest.mark.parametrize(
    ("second", "field"),
    [
        (other(professional_ids=("111 111 118", "", "", "", "", "")), "siren"),
        (other(professional_ids=("11111111800027", "", "", "", "", "")), "siren"),
        (other(vat_number="fr 44 111 111 118"), "vat_number"),
        (other(name="BOREALE-CONSEIL (S.A.S.)"), "name"),
        (other(name="Boréale  Conseil", is_customer=False, is_prospect=True), "name"),
    ],
)
def test_the_same_twice_is_found_however_it_was_typed(second: ThirdParty, field: str) -> None:
    assert duplicates(BOREALE, second) == [(field, (1, 99))]
    assert duplicates(second, BOREALE) == [(field, (1, 99))]


@pytest.mark.parametrize(
    "second",
    [
        other(),
        other(name="Boréale Conseil", zip="69002"),
        other(vat_number="FR44111111118", is_active=False),
        # What a German keeps in the first place is no SIREN.
        other(KIEFERNWALD, professional_ids=("111111118", "", "", "", "", "")),
    ],
)
def test_different_ones_and_closed_ones_are_not(second: ThirdParty) -> None:
    assert duplicates(BOREALE, second) == []


def test_two_suppliers_with_one_bank_account_are_found_without_showing_it() -> None:
    spaced = other(ibans=("FR76 3000 3099 9900 0000 0000 120",))
    assert duplicates(CEDRE, spaced) == [("iban", (7, 99))]
    (duplicate,) = audit_third_parties([CEDRE, spaced], TODAY).duplicates
    assert duplicate.finding.message == (
        "Hébergements Cèdre (id 7) and Zinc (id 99) have the same IBAN ending in 0120:"
        " merge them in Dolibarr unless they are really different."
    )
    assert duplicate.to_facts()["check"] == "third-party-duplicate-iban"


def test_two_establishments_are_said_to_be_so() -> None:
    second = other(professional_ids=("111111118", "11111111800027", "", "", "", ""))
    (duplicate,) = audit_third_parties([BOREALE, second], TODAY).duplicates
    assert duplicate.finding.message.endswith("unless you need its establishments apart.")


def test_the_order_of_the_answer_does_not_matter() -> None:
    assert audit_third_parties(reversed(CAPTURED), TODAY) == audit_third_parties(CAPTURED, TODAY)
