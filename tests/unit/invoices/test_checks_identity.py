# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identities on paper, in the many ways in which they are rightly written and the few in which they are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Severity
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks import CHECKS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Form, Outcome, Status
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rules import RULES_BY_ID
from tests.support.audited import SELLER, captured

FR, DE = "FA2501-0001", "FA2502-0004"
HEAD = "Atelier Lumen Facture FA2501-0001 Date facturation : 31/01/2025 "


def check(rule: str, text: str | None, ref: str = FR, **differing: Any) -> Outcome:
    seller = {name: differing.pop(name) for name in list(differing) if name in SELLER.__dataclass_fields__}
    customer = differing.pop("customer", {})
    subject = captured(ref, text, seller=replace(SELLER, **seller), **differing)
    assert subject.customer is not None
    subject = replace(subject, customer=replace(subject.customer, **customer))
    return CHECKS[rule.replace("-", "_")](subject, RULES_BY_ID[rule])


P, F, U, N = Status.PASS, Status.FAIL, Status.UNDETERMINED, Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("ATELIER LUMEN\n12, rue des Exemples\n91000 EVRY-COURCOURONNES CEDEX", P),
        ("Atelier\nLumen SAS, 12 RUE DES EXEMPLES - 91000 Évry Courcouronnes", P),
        ("Ateliers Lumen 12 rue des Exemples 91000 Évry-Courcouronnes", F),
        ("Atelier Lumens 12 rue des Exemples 91000 Évry-Courcouronnes", F),
        ("Atelier Lumen 112 rue des Exemples 91000 Évry-Courcouronnes", F),
        ("Atelier Lumen 12 rue des Exemples 91080 Évry-Courcouronnes", F),
    ],
)
def test_name_and_address_of_the_seller(text: str, status: Status) -> None:
    assert check("seller-name-address", text).status is status


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("73 Boulevard de l'Yerres", "73 bd de l'Yerres"),
        ("73 bd de l\u2019Yerres", "73, boulevard de l'Yerres"),
        ("4 avenue Saint-Jean", "4 av. St Jean"),
        ("18 rue de l'Exemple\nBâtiment B", "18 rue de l'Exemple\nBât. B"),
        ("3 place Œuvre", "3 place OEuvre"),
        ("5 rue Łódzka", "5 rue ?ódzka"),
    ],
)
def test_an_address_may_be_shortened(address: str, text: str) -> None:
    assert check("seller-name-address", f"Atelier Lumen {text} 91000 Évry-Courcouronnes", address=address).status is P


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("SIREN : 123 456 782", P),
        ("SIREN 123.456.782", P),
        ("SIRET: 12345678200010", P),
        ("SIRET 123 456 782 00010", P),
        # Another establishment of the same company.
        ("SIRET 123 456 782 00028", P),
        ("RCS Évry B 123 456 782", P),
        ("Numéro TVA: FR11123456782 1 / 1", F),
        ("Numéro TVA: FR11 123 456 782", F),
        ("Numéro TVA: FR7K 123 456 782", F),
        ("Numéro TVA: FR 7K 123 456 782", F),
        ("SIREN 123 456 783", F),
        ("Tél. 01 23 45 67 82", F),
        ("SIRET: 11111111800019", F),
        ("9123456782", F),
        ("1234567820", F),
    ],
)
def test_siren(text: str, status: Status) -> None:
    assert check("seller-siren", HEAD + text).status is status


def test_the_number_of_another_company_is_shown() -> None:
    found = check("seller-siren", HEAD + "SIREN: 732 829 320")
    assert found.status is F
    assert "732 829 320" in found.evidence[0].text


@pytest.mark.parametrize(
    ("rule", "text"), [("seller-siren", "SIREN: 111 111 118"), ("seller-vat-number", "Numéro TVA: FR44111111118")]
)
def test_the_number_of_the_customer_is_not_taken_for_a_wrong_one(rule: str, text: str) -> None:
    found = check(rule, HEAD + text)
    assert (found.status, found.evidence) == (F, ())


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Numéro TVA: FR11123456782 1 / 1", P),
        ("TVA intra. FR 11 123 456 782", P),
        ("FR11.123.456.782", P),
        ("FR11123456782\nNAF 62.02A", P),
        ("FR12123456782", F),
        # The customer's.
        ("Numéro TVA: FR44111111118", F),
        ("IBAN FR76 1695 8000 0100 1234 5678 923", F),
        ("FR111234567820", F),
    ],
)
def test_vat_number_of_the_seller(text: str, status: Status) -> None:
    assert check("seller-vat-number", HEAD + text).status is status


@pytest.mark.parametrize(
    ("form", "text", "status"),
    [
        ("SAS", "Atelier Lumen SAS", P),
        ("SAS", "Atelier Lumen S.A.S. au capital de 5 000 €", P),
        ("SAS", "Société par actions simplifiée (SAS) - Capital de 5 000 €", P),
        ("SAS", "Société par Actions\nSimplifiée au capital de 5 000 euros", P),
        ("SARL", "Société à responsabilité limitée (SARL) - Capital de 5 000 €", P),
        ("SASU", "SASU au capital de 5 000 €", P),
        ("EURL", "EURL Atelier Lumen", P),
        # Dolibarr's dictionary has no entry for these two.
        ("SASU", "Société par actions simplifiée (SAS) - Capital de 5 000 €", F),
        ("EURL", "SARL au capital de 5 000 €", F),
        ("SAS", "SARL au capital de 5 000 €", F),
        ("SAS", "Capital de 5 000 €", F),
        # The customer's.
        ("SAS", "Adressé à Boréale Conseil SAS 5 place des Essais", F),
        ("SAS", "Émetteur Atelier Lumen Tél. 01 Adressé à SAS Boréale Conseil", F),
        ("SA", "Atelier Lumen SA", P),
    ],
)
def test_legal_form(form: str, text: str, status: Status) -> None:
    assert check("seller-legal-form", text, legal_form=form).status is status


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Capital de 5 000 €", P),
        ("au capital social de 5.000,00 euros", P),
        ("Capital of 5,000 €", P),
        ("Capital social : 5000 EUR", P),
        ("Capital variable de 5 000 €", P),
        ("Capital de 50 000 €", F),
        ("Crédit Capital, 5 000 000", F),
        ("notre capital humain", F),
    ],
)
def test_capital(text: str, status: Status) -> None:
    assert check("seller-capital", text).status is status


def test_a_capital_that_is_not_known_is_not_judged() -> None:
    assert check("seller-capital", "Capital de 5 000 €", capital=None).status is U
    assert check("seller-capital", "sans rien", capital=None).status is F


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("RCS Évry B 123 456 782", P),
        ("R.C.S. EVRY", P),
        ("RCS/RM: Évry B 123 456 782 - Numéro TVA", P),
        ("RCS d'Évry", P),
        ("RCS : 123 456 782", F),
        ("RCS Melun", F),
        ("SIREN 123 456 782", F),
    ],
)
def test_city_of_the_register(text: str, status: Status) -> None:
    assert check("seller-rcs-city", text).status is status


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("EI Camille Fictive", P),
        ("Camille Fictive, entrepreneur individuel", P),
        ("Camille Fictive E.I.", P),
        ("Camille Fictive (EI)", P),
        ("Camille Fictive 12 rue des Exemples - Entrepreneur individuel", F),
        ("Camille Fictive EIRL", F),
        ("Camille Fictive", F),
    ],
)
def test_sole_traders(text: str, status: Status) -> None:
    name = "Camille Fictive"
    assert check("seller-ei", text, name=name, form=Form.SOLE_TRADER).status is status


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Code IBAN: FR76 1695 8000 0100 1234 5678 923 Code BIC/SWIFT: QNTOFRP1XXX", P),
        # The word after a Belgian IBAN could be its last four signs.
        ("IBAN account number: BE94 9671 2345 6714 BIC/SWIFT code: TRWIBEB1XXX", P),
        ("IBAN BE94967123456714", P),
        ("IBAN: FR76 1695 8000 0100 1234 5678 932", F),
        ("IBAN: DE89 3704 0044 0532 0130 00", F),
        ("FR76 1695 8000 0100 1234 5678 923 et DE89 3704 0044 0532 0130 00", F),
        ("Virement", F),
    ],
)
def test_bank_details(text: str, status: Status) -> None:
    assert check("seller-bank-details", text).status is status


def test_bank_details_of_the_customer_are_not_the_sellers() -> None:
    text = "Prélèvement sur DE89 3704 0044 0532 0130 00"
    assert check("seller-bank-details", text, payment_mode="PRE").status is F
    known = {"ibans": ("DE89370400440532013000",)}
    assert check("seller-bank-details", text, payment_mode="PRE", customer=known).status is N


def test_bank_details_are_not_judged_while_nobody_knows_them() -> None:
    assert check("seller-bank-details", "IBAN DE89 3704 0044 0532 0130 00", ibans=()).status is U


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Adressé à BOREALE CONSEIL 5, place des Essais 75011 PARIS", P),
        ("Boréale Conseil 5 pl. des Essais 75011 Paris Cedex 11", P),
        ("Boréale & Conseil 5 place des Essais 75011 Paris", P),
        ("Borealis Conseil 5 place des Essais 75011 Paris", F),
        ("Boréale Conseil 5 place des Essais 75012 Paris", F),
        ("Boréale Conseil", F),
    ],
)
def test_name_and_address_of_the_customer(text: str, status: Status) -> None:
    assert check("buyer-name-address", text).status is status


def test_an_invoice_to_a_contact_is_not_judged_by_the_record() -> None:
    moved = "Boréale Conseil, service achats, 9 quai du Test 33000 Bordeaux"
    assert check("buyer-name-address", moved).status is F
    assert check("buyer-name-address", moved, contact_ids=(3,)).status is U
    assert check("buyer-name-address", "Holding Boréale", contact_ids=(3,)).status is U


def test_a_customer_may_have_moved_since() -> None:
    elsewhere = check("buyer-name-address", HEAD + "91000 Évry Adressé à Boréale Conseil 9 quai du Test 33000 Bordeaux")
    assert (elsewhere.status, elsewhere.severity) == (F, Severity.WARNING)
    nowhere = check("buyer-name-address", HEAD + "91000 Évry Adressé à Boréale Conseil CU2611-00005 Émetteur")
    assert (nowhere.status, nowhere.severity) == (F, None)


def test_a_record_without_an_address_tells_nothing() -> None:
    assert check("buyer-name-address", "Boréale Conseil", customer={"address": ""}).status is U


def test_a_name_without_letters_that_can_be_read_tells_nothing() -> None:
    assert check("buyer-name-address", "??????", customer={"name": "株式会社"}).status is U


@pytest.mark.parametrize(
    ("ref", "number", "text", "status"),
    [
        (DE, "DE111111125", "VAT ID: DE111111125", P),
        (DE, "DE 111 111 125", "VAT ID: DE 111 111 125", P),
        (DE, "DE111111125", "VAT ID: DE111111126", F),
        (DE, "DE111111126", "VAT ID: DE111111126", F),
        (DE, "", "", F),
        # Not needed.
        (FR, "FR44111111118", "", N),
        ("FA2501-0002", "", "", N),
        # No VAT to a customer in the EU of whom nothing is known.
        ("FA2505-0008", "", "Autoliquidation", F),
    ],
)
def test_vat_number_of_the_customer(ref: str, number: str, text: str, status: Status) -> None:
    subject = {"vat_number": number}
    assert check("buyer-vat-number", text, ref, customer=subject).status is status


@pytest.mark.parametrize(
    ("text", "customer", "status"),
    [
        ("SIREN 111 111 118", {}, P),
        ("SIRET 111 111 118 00019", {}, P),
        ("FR44111111118", {}, F),
        ("FR44111111118", {"professional_ids": ("",) * 6}, F),
        ("SIREN 111 111 118", {"professional_ids": ("",) * 6}, P),
        ("", {"professional_ids": ("",) * 6, "vat_number": ""}, U),
        ("", {"professional_ids": ("333333335", *("",) * 5)}, U),
        ("", {"country": "MC"}, N),
    ],
)
def test_siren_of_the_customer(text: str, customer: dict[str, Any], status: Status) -> None:
    assert check("buyer-siren", text, customer=customer).status is status


@pytest.mark.parametrize(
    ("reference", "text", "status"),
    [
        ("PO-2025-001", "Réf. client : PO-2025-001", P),
        ("PO-2025-001", "Réf. client : PO 2025 001", P),
        ("PO-2025-001", "Réf. client : PO-2025-0012", F),
        ("PO-2025-001", "", F),
        ("###", "commande ###", P),
        ("12", "Réf. client : 12 Date facturation : 02/12/2026", P),
        ("12", "Date facturation : 02/12/2026 12 rue des Essais", F),
        ("", "", U),
    ],
)
def test_order_number(reference: str, text: str, status: Status) -> None:
    assert check("buyer-order-number", text, customer_ref=reference).status is status
