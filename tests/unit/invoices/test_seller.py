# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who the seller is, from options, an identity file and Dolibarr's setup."""

from __future__ import annotations

import json
import pathlib
from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.instance import Company
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import BankAccount
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.legal_forms import legal_form_of
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Form, Seller
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.seller import (
    city_of_register,
    read_identity_file,
    read_seller,
    seller_findings,
    seller_gaps,
)
from tests.support.ledger import answers

COMPANY = Company.read(answers("setup/setup__company--as-admin.json"))
ACCOUNTS = [BankAccount.read(answer, Decimal(0)) for answer in answers("bankaccounts/bankaccounts.json")]
FILE = {
    "info": {
        "name": "Atelier Lumen",
        "address": "12, rue des Exemples",
        "zipCode": "91000",
        "city": "Évry-Courcouronnes",
        "country": "France",
        "website": "https://atelier-lumen.example",
        "logo": "$IMG/logo512.png",
    },
    "ID": {
        "juridicalStatus": "SAS",
        "SIREN": "123 456 782",
        "SIRET": "123 456 782 00010",
        "NAF-APE": "6202A",
        "RCS": "R.C.S. Évry B 123 456 782",
        "TVA": "FR 11 123456782",
        "capital": "5 000 €",
    },
}


def test_dolibarr_knows_all_but_the_legal_form() -> None:
    seller = read_seller({}, None, COMPANY, ACCOUNTS)
    assert seller.name == "Atelier Lumen"
    assert (seller.address, seller.zip, seller.town, seller.country) == (
        "12 rue des Exemples",
        "91000",
        "Évry-Courcouronnes",
        "FR",
    )
    assert (seller.siren, seller.siret, seller.vat_number) == ("123456782", "12345678200010", "FR11123456782")
    assert (seller.rcs_city, seller.naf, seller.capital) == ("Évry", "62.02A", Decimal(5000))
    assert seller.ibans == ("BE94967123456714", "FR7616958000010012345678923")
    assert seller.regime is Regime.NORMAL
    assert seller.is_in_rcs is True
    assert (seller.form, seller.legal_form, seller.debits, seller.size) == (None, "", None, None)
    assert seller_gaps(seller) == ("legal_form", "form", "size", "debits")


def test_the_identity_file_may_name_its_keys_in_many_ways() -> None:
    seller = read_seller({}, FILE)
    assert (seller.siren, seller.siret, seller.vat_number) == ("123456782", "12345678200010", "FR11123456782")
    assert (seller.zip, seller.town, seller.country, seller.capital) == (
        "91000",
        "Évry-Courcouronnes",
        "FR",
        Decimal(5000),
    )
    assert (seller.legal_form, seller.form, seller.rcs_city) == ("SAS", Form.COMPANY, "Évry")


def test_options_come_first_then_the_file_then_the_setup() -> None:
    seller = read_seller({"name": "Lumen"}, {"info": {"name": "Lumière", "town": "Corbeil"}}, COMPANY)
    assert (seller.name, seller.town, seller.zip) == ("Lumen", "Corbeil", "91000")


def test_nothing_is_known_of_nobody() -> None:
    assert read_seller({}) == Seller()
    assert "siren" in seller_gaps(Seller())


def test_the_siren_follows_from_the_siret_or_the_vat_number() -> None:
    assert read_seller({"siret": "12345678200010"}).siren == "123456782"
    assert read_seller({"vat_number": "FR11123456782"}).siren == "123456782"


def test_what_a_seller_needs_not_is_not_asked_for() -> None:
    trader = read_seller({"form": "sole_trader", "regime": "franchise", "is_in_rcs": False})
    assert set(seller_gaps(trader)).isdisjoint({"capital", "rcs_city", "vat_number", "legal_form", "debits"})


def test_agreement_is_no_drift() -> None:
    assert seller_findings({"legal_form": "Société par actions simplifiée (SAS)"}, FILE, COMPANY) == ()


@pytest.mark.parametrize(
    ("block", "key", "value", "severity"),
    [
        ("ID", "SIRET", "12345678200028", Severity.ERROR),
        ("ID", "capital", "1000", Severity.ERROR),
        ("ID", "juridicalStatus", "SARL", Severity.ERROR),
        ("ID", "RCS", "R.C.S. Melun", Severity.WARNING),
        ("info", "address", "14 rue des Exemples", Severity.WARNING),
        ("info", "name", "Atelier Lumen & Fils", Severity.WARNING),
    ],
)
def test_a_drift_is_a_finding(block: str, key: str, value: str, severity: Severity) -> None:
    content = {**FILE, block: {**FILE[block], key: value}}
    drifts = [one for one in seller_findings({"legal_form": "SAS"}, content, COMPANY) if one.check == "seller-drift"]
    assert len({one.subject for one in drifts}) == 1
    assert {one.severity for one in drifts} == {severity}
    assert all(one.message.endswith(".") for one in drifts)


def test_wrong_numbers_are_findings() -> None:
    found = seller_findings({"siren": "123456783", "siret": "12345678200010", "vat_number": "FR12123456782"})
    assert {one.check for one in found} == {"seller-invalid"}
    # The SIREN has a wrong digit, and neither of the others holds it; the VAT number has a wrong key.
    assert sorted(one.subject for one in found) == ["siren", "siret", "vat_number", "vat_number"]


@pytest.mark.parametrize(
    ("written", "city"),
    [
        ("Évry B 123 456 782", "Évry"),
        ("R.C.S. Évry", "Évry"),
        ("RCS de Paris 123456782", "Paris"),
        ("123 456 782 RCS Bourg-en-Bresse", "Bourg-en-Bresse"),
        ("RCS/RM: Aix-en-Provence A 123 456 782", "Aix-en-Provence"),
        ("RCS", ""),
        ("", ""),
    ],
)
def test_the_city_of_the_register(written: str, city: str) -> None:
    assert city_of_register(written) == city


@pytest.mark.parametrize(
    ("written", "initials"),
    [
        ("SAS", "SAS"),
        ("S.A.R.L.", "SARL"),
        ("Société à responsabilité limitée (SARL)", "SARL"),
        ("Société par actions simplifiée unipersonnelle", "SASU"),
        ("Entreprise unipersonnelle à responsabilité limitée", "EURL"),
        ("Société anonyme à conseil d'administration", "SA"),
        ("Entrepreneur individuel", "EI"),
        ("Société civile immobilière", "SCI"),
    ],
)
def test_legal_forms(written: str, initials: str) -> None:
    form = legal_form_of(written)
    assert form is not None
    assert form.initials == initials


def test_an_unknown_legal_form() -> None:
    assert legal_form_of("Fondation") is None
    assert read_seller({"legal_form": "Fondation"}).form is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"form": "gmbh"}, "form"),
        ({"regime": "none"}, "regime"),
        ({"size": "huge"}, "size"),
        ({"sector": "space"}, "sector"),
        ({"capital": "five thousand"}, "capital"),
        ({"capital": "Infinity"}, "capital"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ErpError, match=words) as caught:
        read_seller(options)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "no JSON"),
        ("[]", "neither info nor ID"),
        ('{"a": 1}', "neither"),
        ('{"info": ["Lumen"], "ID": {"siren": "123456782"}}', "info is no object"),
    ],
)
def test_a_bad_identity_file_is_one_sentence(tmp_path: pathlib.Path, content: str, words: str) -> None:
    path = tmp_path / "company.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ErpError, match=words):
        read_identity_file(str(path))


def test_values_that_are_no_text_are_read_all_the_same() -> None:
    seller = read_seller({}, {"info": {"zip": 91000}, "ID": {"siren": 123456782, "iban": 12, "capital": 5000}})
    assert (seller.zip, seller.siren, seller.ibans, seller.capital) == ("91000", "123456782", ("12",), Decimal(5000))


@pytest.mark.parametrize(
    ("written", "capital"),
    [("5.000", "5000"), ("1.500.000 €", "1500000"), ("5000.00", "5000"), ("5000,50", "5000.50"), ("500.0", "500")],
)
def test_a_capital_may_have_its_thousands_marked(written: str, capital: str) -> None:
    assert read_seller({"capital": written}).capital == Decimal(capital)


def test_an_identity_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "company.json"
    path.write_text(json.dumps(FILE), encoding="utf-8")
    assert read_identity_file(str(path)) == FILE
    with pytest.raises(ErpError, match="cannot be read"):
        read_identity_file(str(tmp_path / "missing.json"))
