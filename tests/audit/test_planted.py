# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A correct invoice of each kind fails nothing; one with a planted defect fails for it, and for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Severity
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import InvoiceStatus, InvoiceType
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.engine import audit_invoice
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import (
    AuditOptions,
    Result,
    Status,
)
from tests.support.audited import text_of
from tests.support.pdfs import INDEMNITY, NO_DISCOUNT, PENALTIES, sheet
from tests.support.scenes import (
    BOREALE_BLOCK,
    DEPOSIT_PAID,
    GERMAN_BLOCK,
    KIEFERNWALD,
    NOTES,
    ORIGINAL,
    SCENES,
    TRADER,
    TRADER_HEAD,
    Scene,
)


def failures(scene: Scene) -> dict[str, Result]:
    subject = scene.subject(text_of(sheet(scene.paper)))
    return {one.rule: one for one in audit_invoice(subject) if one.status is Status.FAIL}


@pytest.mark.parametrize("name", SCENES)
def test_a_correct_invoice_fails_nothing(name: str) -> None:
    assert failures(SCENES[name]) == {}


def note(scene: Scene, old: str, new: str) -> Scene:
    """The same paper with other words in a note."""
    assert any(old in one for one in scene.paper.notes)
    return scene.with_paper(notes=tuple(one.replace(old, new) for one in scene.paper.notes))


def row(scene: Scene, place: int = 0, **differing: str) -> Scene:
    """The same paper with another line of the table."""
    rows = list(scene.paper.rows)
    rows[place] = replace(rows[place], **differing)
    return scene.with_paper(rows=tuple(rows))


Plant = Callable[[Scene], Scene]
# What is planted in which correct invoice, and which rules have to fail: these and no others.
DEFECTS: dict[str, tuple[str, Plant, str]] = {
    # The seller.
    "the seller's name is missing": (
        "service",
        lambda one: one.with_paper(seller=("12 rue des Exemples", "91000 Évry-Courcouronnes")),
        "seller-name-address",
    ),
    "the seller's address is missing": (
        "service",
        lambda one: one.with_paper(seller=("Atelier Lumen",)),
        # « Évry » stands in the footer, the town is Évry-Courcouronnes.
        "seller-name-address seller-registered-office",
    ),
    "the seller's street is another": (
        "service",
        lambda one: one.with_paper(seller=("Atelier Lumen", "14 rue des Exemples", "91000 Évry-Courcouronnes")),
        "seller-name-address",
    ),
    "two digits of the SIRET are exchanged": (
        "service",
        lambda one: one.with_paper(siret="SIRET: 12345687200010", rcs="RCS/RM: Évry B"),
        "seller-siren seller-siret",
    ),
    "no SIRET and no SIREN": (
        "service",
        lambda one: one.with_paper(siret="", rcs="RCS/RM: Évry"),
        "seller-siren seller-siret",
    ),
    "the customer's SIRET alone": (
        "service",
        lambda one: one.with_paper(siret="SIRET: 11111111800019", rcs="RCS/RM: Évry"),
        "seller-siren seller-siret",
    ),
    "the legal form is missing": ("service", lambda one: one.with_paper(legal_form=""), "seller-legal-form"),
    "the legal form is another": (
        "service",
        lambda one: one.with_paper(legal_form="Société à responsabilité limitée (SARL)"),
        "seller-legal-form",
    ),
    "the legal form is the customer's alone": (
        "service",
        lambda one: one.with_paper(legal_form="", customer=("Boréale Conseil SAS", *BOREALE_BLOCK[1:])),
        "seller-legal-form",
    ),
    "a capital without an amount": ("service", lambda one: one.with_paper(capital="Capital social"), "seller-capital"),
    "another capital": ("service", lambda one: one.with_paper(capital="Capital de 50 000 €"), "seller-capital"),
    "RCS without a city": ("service", lambda one: one.with_paper(rcs="RCS/RM: 123 456 782"), "seller-rcs-city"),
    "RCS of another city": ("service", lambda one: one.with_paper(rcs="RCS Melun B 123 456 782"), "seller-rcs-city"),
    "« EI » is missing": (
        "small business",
        lambda one: one.with_paper(seller=("Camille Fictive", *one.paper.seller[1:])),
        "seller-ei",
    ),
    "the VAT number is missing": ("service", lambda one: one.with_paper(vat_number=""), "seller-vat-number"),
    "the VAT number has a wrong key": (
        "service",
        lambda one: one.with_paper(vat_number="Numéro TVA: FR12123456782"),
        "seller-vat-number",
    ),
    "an IBAN instead of the VAT number": (
        "service",
        lambda one: one.with_paper(vat_number="FR14 2004 1010 0505 0001 3M02 606"),
        "seller-vat-number seller-bank-details",
    ),
    "the IBAN has a wrong digit": (
        "service",
        lambda one: one.with_paper(iban="FR76 1695 8000 0100 1234 5678 924"),
        "seller-bank-details",
    ),
    "the IBAN is somebody else's and no mode of payment is set": (
        "service",
        lambda one: one.with_invoice(payment_mode="").with_paper(iban="DE89 3704 0044 0532 0130 00"),
        "seller-bank-details",
    ),
    "the IBAN is somebody else's": (
        "service",
        lambda one: one.with_paper(iban="DE89 3704 0044 0532 0130 00"),
        "seller-bank-details",
    ),
    "another NAF code": ("service", lambda one: one.with_paper(naf="NAF-APE: 47.11D"), "seller-naf"),
    # The customer.
    "another customer": (
        "service",
        lambda one: one.with_paper(customer=("Boréal Conseil", *BOREALE_BLOCK[1:])),
        "buyer-name-address",
    ),
    "the customer's address is missing": (
        "service",
        lambda one: one.with_paper(customer=(BOREALE_BLOCK[0], BOREALE_BLOCK[3])),
        "buyer-name-address",
    ),
    "the customer's town is another": (
        "service",
        lambda one: one.with_paper(customer=(*BOREALE_BLOCK[:2], "69001 Lyon", BOREALE_BLOCK[3])),
        "buyer-name-address",
    ),
    "the customer's VAT number is missing": (
        "service in the EU",
        lambda one: one.with_paper(customer_vat_number=""),
        "buyer-vat-number",
    ),
    "a digit of the customer's VAT number is another": (
        "goods in the EU",
        lambda one: one.with_paper(customer_vat_number="DE111111126"),
        "buyer-vat-number",
    ),
    "the customer in the EU has no VAT number": (
        "service in the EU",
        lambda one: one.with_customer(vat_number="").with_paper(customer_vat_number=""),
        "buyer-vat-number",
    ),
    "the customer's SIREN is missing when it is obligatory": (
        "large company",
        lambda one: one.with_paper(customer=BOREALE_BLOCK[:3]),
        "buyer-siren",
    ),
    "the order number is missing": ("service", lambda one: one.with_paper(customer_ref=""), "buyer-order-number"),
    # The document.
    "a draft": (
        "service",
        lambda one: one.with_invoice(status=InvoiceStatus.DRAFT, ref="(PROV100)"),
        "doc-not-draft",
    ),
    "another number on the paper": (
        "service",
        lambda one: one.with_paper(ref="FA2611-0101"),
        "pdf-matches-api",
    ),
    "a longer number on the paper": ("service", lambda one: one.with_paper(ref="FA2611-01000"), "pdf-matches-api"),
    "a number that e-invoices refuse": (
        "service",
        lambda one: one.with_invoice(ref="FA 2611 0100").with_paper(ref="FA 2611 0100"),
        "number-format",
    ),
    "another date of issue": ("service", lambda one: one.with_paper(issued="03/11/2026"), "issue-date"),
    "month and day exchanged": ("service", lambda one: one.with_paper(issued="11/02/2026"), "issue-date"),
    "no date of issue": ("service", lambda one: one.with_paper(issued=""), "issue-date"),
    "the end of the service is missing": (
        "delivered in the month before",
        lambda one: row(one, detail=""),
        "supply-date",
    ),
    "an invoice two months after the delivery": (
        "service",
        lambda one: one.with_invoice(delivery=date(2026, 8, 31)).with_paper(more=("Livré le 31/08/2026",)),
        "invoice-timely",
    ),
    # Lines and amounts.
    "a line that says nothing": (
        "service",
        lambda one: one.with_line(description="Prestations de services"),
        "line-description",
    ),
    "the quantity is missing": ("goods", lambda one: row(one, quantity=""), "line-quantity"),
    "the unit price is missing": ("service", lambda one: row(one, price=""), "line-unit-price-ht"),
    "the unit price includes tax": ("service", lambda one: row(one, price="720,00"), "line-unit-price-ht"),
    "the rate of a line is missing": (
        "service",
        lambda one: row(one, vat="").with_paper(total_vat=(("", "360,00"),)),
        "line-vat-rate",
    ),
    "the discount is missing": ("discount", lambda one: row(one, discount=""), "line-discount"),
    "no base by rate": ("several rates", lambda one: one.with_paper(more=()), "vat-breakdown-per-rate"),
    "the total without tax is missing under one line": (
        "service",
        lambda one: one.with_paper(total_ht=""),
        "totals-present",
    ),
    "the rate of a line is another": ("service", lambda one: row(one, vat="10%"), "line-vat-rate"),
    "the quantity is another": ("service outside the EU", lambda one: row(one, quantity="4"), "line-quantity"),
    "the total without tax is missing": (
        "discount",
        lambda one: row(one.with_paper(total_ht=""), total=""),
        "totals-present pdf-matches-api",
    ),
    "the VAT to pay is missing": ("service", lambda one: one.with_paper(total_vat=()), "totals-present"),
    "the total with tax is missing": (
        "service",
        lambda one: one.with_paper(total_ttc=""),
        "totals-present pdf-matches-api",
    ),
    "the total with tax is another": ("service", lambda one: one.with_paper(total_ttc="2 150,00"), "pdf-matches-api"),
    "the total without tax is another": ("service", lambda one: one.with_paper(total_ht="1 700,00"), "pdf-matches-api"),
    "the total has a digit in front": ("service", lambda one: one.with_paper(total_ttc="12 160,00"), "pdf-matches-api"),
    "lines that do not make the total": (
        "service",
        lambda one: one.with_line(
            total_ht=Decimal(1200), total_tva=Decimal(240), total_ttc=Decimal(1440), quantity=Decimal(2)
        ),
        "totals-arithmetic line-quantity",
    ),
    "VAT of two cents too much": (
        "service",
        lambda one: one.with_line(total_tva=Decimal("360.02"), total_ttc=Decimal("2160.02")),
        "totals-arithmetic",
    ),
    "price times quantity is another amount": (
        "service",
        lambda one: one.with_line(unit_price=Decimal(610)).with_paper(
            rows=(replace(one.paper.rows[0], price="610,00"),)
        ),
        "totals-arithmetic",
    ),
    "no currency": ("service", lambda one: one.with_paper(currency=""), "currency"),
    "euros on an invoice in dollars": (
        "dollars, with VAT",
        lambda one: one.with_paper(currency="Montants exprimés en Euros"),
        "currency",
    ),
    "no VAT in euros on an invoice in dollars": ("dollars, with VAT", lambda one: one.with_paper(more=()), "currency"),
    "the category is missing when it is obligatory": (
        "large company",
        lambda one: one.with_paper(category=""),
        "operation-category",
    ),
    "the category is wrong": (
        "goods",
        lambda one: one.with_paper(category="Prestation de services"),
        "operation-category",
    ),
    "debits are not mentioned": ("debits", lambda one: one.with_paper(more=()), "vat-on-debits"),
    "debits in Dolibarr's own words": (
        "debits",
        lambda one: one.with_paper(more=("Option de paiement de taxe sur débits",)),
        "vat-on-debits",
    ),
    "debits that nobody chose": (
        "service",
        lambda one: one.with_paper(more=("Option pour le paiement de la taxe d'après les débits",)),
        "vat-on-debits",
    ),
    # The payment.
    "the due date is missing": ("service", lambda one: one.with_paper(due=""), "due-date"),
    "another due date": ("service", lambda one: one.with_paper(due="12/12/2026"), "due-date"),
    "ninety days": (
        "service",
        lambda one: one.with_invoice(due=date(2027, 1, 31)).with_paper(due="31/01/2027", terms="Règlement à 90 jours"),
        "due-date-legal",
    ),
    "45 days, end of month without a contract": (
        "45 days, end of month",
        lambda one: replace(one, options=AuditOptions()),
        "due-date-legal",
    ),
    "terms that lead to another day": (
        "service",
        lambda one: one.with_paper(terms="Règlement à 45 jours"),
        "payment-terms-consistent",
    ),
    "days after the end of the month, reckoned before it": (
        "service",
        lambda one: one.with_invoice(due=date(2026, 11, 30)).with_paper(
            due="30/11/2026", terms="Sous 10 jours suivant la fin du mois"
        ),
        "payment-terms-consistent",
    ),
    "no early-payment discount is spoken of": ("service", lambda one: note(one, NO_DISCOUNT, ""), "escompte"),
    "the discount of Dolibarr's list of payments": (
        "service",
        lambda one: note(one, NO_DISCOUNT, "Escompte (règl. avt échéance)"),
        "escompte",
    ),
    "no penalties": ("service", lambda one: note(one, PENALTIES, ""), "late-penalty-rate"),
    "penalties without a rate": (
        "service",
        lambda one: note(one, "trois fois le taux d'intérêt légal, exigibles", "exigibles"),
        "late-penalty-rate",
    ),
    "penalties at the legal rate": ("service", lambda one: note(one, "trois fois le", "au"), "late-penalty-rate"),
    "penalties below the floor": (
        "fixed rate of penalties",
        lambda one: note(one, "12,40 %", "8,24 %"),
        "late-penalty-rate",
    ),
    "penalties are excluded": (
        "service",
        lambda one: note(one, PENALTIES, "Aucune pénalité de retard ne sera appliquée."),
        "late-penalty-rate",
    ),
    "an indemnity of 140 €": ("service", lambda one: note(one, "40 €", "140 €"), "recovery-indemnity"),
    "no indemnity": ("service", lambda one: note(one, INDEMNITY, ""), "recovery-indemnity"),
    "an indemnity for kilometres": (
        "service",
        lambda one: note(one, INDEMNITY, "Indemnité forfaitaire kilométrique 40 €"),
        "recovery-indemnity",
    ),
    "an indemnity claimed from a consumer": (
        "consumer",
        lambda one: one.with_paper(notes=(INDEMNITY,)),
        "no-b2b-mentions-b2c",
    ),
    "a public customer is told of three times the legal interest": (
        "public customer",
        lambda one: one.with_paper(notes=NOTES),
        "late-penalty-public",
    ),
    # VAT.
    "a small business that charges VAT": (
        "small business",
        lambda one: replace(SCENES["service"], seller=TRADER).with_paper(
            notes=("TVA non applicable, article 293 B du CGI", *NOTES), **TRADER_HEAD
        ),
        "vat-franchise",
    ),
    "a small business without its mention": (
        "small business",
        lambda one: note(one, "TVA non applicable, article 293 B du CGI", ""),
        "vat-franchise",
    ),
    "293 B of a seller who is liable for VAT": (
        "service outside the EU",
        lambda one: note(one, "TVA non applicable – art. 259-1 du CGI", "TVA non applicable art-293B du CGI"),
        "vat-franchise-misused out-of-scope-259-1",
    ),
    "259-1 instead of « Autoliquidation »": (
        "service in the EU",
        lambda one: one.with_paper(notes=("TVA non applicable art-259-1 du CGI", *NOTES)),
        "reverse-charge-eu-service",
    ),
    "no « Autoliquidation » of works": (
        "subcontracted works",
        lambda one: note(one, "Autoliquidation", ""),
        "reverse-charge-construction",
    ),
    "262 ter 1 in a digit": (
        "goods in the EU",
        lambda one: note(one, "ter, I", "ter, 1"),
        "intracom-goods",
    ),
    "262 ter for an export": (
        "goods exported",
        lambda one: note(one, "262, I", "262 ter, I"),
        "export-goods",
    ),
    "262-1 in a digit for an export": ("goods exported", lambda one: note(one, "262, I", "262-1"), "export-goods"),
    "an exemption without its article": (
        "training",
        lambda one: note(one, "Exonération de TVA, article 261, 4, 4° a du CGI", "Exonération de TVA"),
        "exemption-domestic",
    ),
    "0 % without a reason": (
        "training",
        lambda one: note(one.with_invoice(note_public=""), "Exonération de TVA, article 261, 4, 4° a du CGI", ""),
        "vat-0-unexplained",
    ),
    "« Autoliquidation » towards Réunion": (
        "goods to Réunion",
        lambda one: note(one, "Exonération de TVA en application de l'article 294 du CGI", "Autoliquidation"),
        "drom vat-0-unexplained",
    ),
    "the margin scheme is not named": (
        "margin",
        lambda one: note(one, "Régime particulier - Biens d'occasion", "TVA sur la marge"),
        "margin-second-hand",
    ),
    "VAT charged to a business in the EU": (
        "service",
        lambda one: replace(one, customer=KIEFERNWALD).with_paper(customer=GERMAN_BLOCK),
        "vat-charged-abroad",
    ),
    "no insurance of a builder": ("subcontracted works", lambda one: one.with_paper(more=()), "seller-insurance"),
    "no certificate for works at 10 %": (
        "works at a reduced rate",
        lambda one: one.with_paper(notes=NOTES),
        "reduced-rate-works",
    ),
    # Ties.
    "a credit note of nothing": (
        "credit note",
        lambda one: one.with_paper(source=""),
        "credit-note-reference",
    ),
    "a credit note without the date": (
        "credit note",
        lambda one: one.with_paper(source="Correction facture : FA2610-0090"),
        "credit-note-reference",
    ),
    "a credit note of more than the invoice": (
        "credit note",
        lambda one: replace(one, others=(replace(ORIGINAL, total_ttc=Decimal(240)),)),
        "credit-note-amount",
    ),
    "a credit note with positive amounts": (
        "credit note",
        lambda one: replace(
            SCENES["service"].with_invoice(type=InvoiceType.CREDIT_NOTE, source_id=91), others=(ORIGINAL,)
        ).with_paper(source="Correction facture : FA2610-0090 du 12/10/2026"),
        "credit-note-sign",
    ),
    "the replaced invoice is not named": (
        "replacement",
        lambda one: one.with_paper(source="Annule et remplace"),
        "replacement-reference",
    ),
    "the replaced invoice is still open": (
        "replacement",
        lambda one: replace(one, others=(ORIGINAL,)),
        "replaced-is-closed",
    ),
    "the deposit is not named": (
        "final invoice after a deposit",
        lambda one: row(one, label="Acomptes"),
        "final-refers-to-deposit",
    ),
    "more progress than the whole": (
        "situation",
        lambda one: one.with_line(situation_percent=Decimal(110)),
        "situation-coherent",
    ),
    "money before the invoice and no deposit invoice": (
        "service",
        lambda one: replace(one, payments={100: (replace(DEPOSIT_PAID, invoice_id=100, paid_on=date(2026, 10, 20)),)}),
        "deposit-invoiced",
    ),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_is_found_and_nothing_else(name: str) -> None:
    scene, plant, rules = DEFECTS[name]
    found = failures(plant(SCENES[scene]))
    assert set(found) == set(rules.split())


def test_there_are_enough_defects_of_different_rules() -> None:
    assert len(DEFECTS) >= 40
    assert len({rule for _scene, _plant, rules in DEFECTS.values() for rule in rules.split()}) >= 40


@pytest.mark.parametrize(
    ("name", "severity"),
    [
        ("the seller's street is another", Severity.WARNING),
        ("the seller's address is missing", Severity.ERROR),
        ("another capital", Severity.WARNING),
        ("a capital without an amount", Severity.ERROR),
        ("the IBAN is somebody else's", Severity.WARNING),
        ("the customer's town is another", Severity.WARNING),
        ("the customer's address is missing", Severity.ERROR),
        ("another customer", Severity.ERROR),
        ("a credit note without the date", Severity.WARNING),
        ("a credit note of nothing", Severity.ERROR),
        ("debits in Dolibarr's own words", Severity.WARNING),
        ("debits that nobody chose", Severity.ERROR),
        ("the customer's SIREN is missing when it is obligatory", Severity.ERROR),
    ],
)
def test_a_defect_matters_as_the_law_says(name: str, severity: Severity) -> None:
    scene, plant, rules = DEFECTS[name]
    found = failures(plant(SCENES[scene]))
    assert found[rules.split()[0]].severity is severity
