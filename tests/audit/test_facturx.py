# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Electronic invoices: a correct one passes, each planted defect fails its rule and no other, hostile XML is refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import Treatment, Verdict
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind, Zone
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    Invoice,
    InvoiceType,
    ThirdParty,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.facturx import facturx_results
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.facturx_rules import FACTURX_RULES
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.pdf import PdfReader
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Result, Seller, Status, Subject
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.sources import InvoiceTexts
from tests.support.facturx import XML, attached, electronic
from tests.support.paths import FIXTURES
from tests.support.pdfs import sheet

# From the captured data of the company; no data of the code under test.
SELLER = Seller(name="Atelier Lumen", siren="123456782", vat_number="FR11123456782", debits=False)
TAXED = Verdict(Treatment.STD)
IRRELEVANT = {
    "fx-foreign-currency",
    "fx-vatex",
    "fx-credit-ref",
    "fx-metadata",
    "fx-pdf-agree",
}  # of an XML in euros for an invoice, without a PDF


@pytest.fixture(scope="module")
def reader() -> Iterator[PdfReader]:
    with PdfReader(1) as opened:
        yield opened


@pytest.fixture(scope="module")
def subject() -> Subject:
    answers = json.loads((FIXTURES / "api/invoices/invoices--limit=0.json").read_text())
    invoice = next(Invoice.of_customer(answer) for answer in answers if answer["ref"] == "FA2609-0034")
    customer = ThirdParty.read(json.loads((FIXTURES / "api/thirdparties/by-id/thirdparties__1.json").read_text()))
    return Subject(invoice, customer, Kind.BUSINESS, Zone.FR, (TAXED,), SELLER, None, today=date(2026, 11, 20))


def of_xml(subject: Subject, xml: str | bytes) -> dict[str, Result]:
    data = xml.encode() if isinstance(xml, str) else xml
    return {result.rule: result for result in facturx_results(subject, InvoiceTexts(facturx_xml=data))}


def failed(results: dict[str, Result]) -> set[str]:
    return {rule for rule, result in results.items() if result.status is Status.FAIL}


def without(xml: str, start: str, end: str) -> str:
    """The text without what lies from the first ``start`` to the next ``end``, both included."""
    first = xml.index(start)
    return xml[:first] + xml[xml.index(end, first) + len(end) :]


def changed(*changes: tuple[str, str]) -> str:
    xml = XML
    for old, new in changes:
        assert old in xml
        xml = xml.replace(old, new)
    return xml


# -- correct ones -----------------------------------------------------------------------------------------------------


def test_a_correct_pdf_passes_every_rule(reader: PdfReader, subject: Subject) -> None:
    printed = replace(subject, pdf=reader.read(sheet()))
    results = facturx_results(printed, InvoiceTexts(printed.pdf, reader.read(electronic())))
    assert [result.rule for result in results] == [rule.id for rule in FACTURX_RULES]
    other = {result.rule: str(result.status) for result in results if result.status is not Status.PASS}
    assert other == dict.fromkeys(("fx-foreign-currency", "fx-credit-ref", "fx-vatex"), "not_applicable")


def test_a_correct_xml_beside_the_pdf_passes_every_rule(subject: Subject) -> None:
    results = of_xml(subject, XML)
    assert {rule for rule, result in results.items() if result.status is not Status.PASS} == IRRELEVANT
    assert results["fx-number"].evidence[0].text == "XML BT-1: FA2609-0034"


def test_no_electronic_invoice_gives_no_results(reader: PdfReader, subject: Subject) -> None:
    assert facturx_results(subject, InvoiceTexts()) == ()
    assert facturx_results(subject, InvoiceTexts(reader.read(sheet()))) == ()
    assert facturx_results(subject, InvoiceTexts(reader.read(attached("<a/>", name="terms.xml")))) == ()


def test_a_credit_note_has_positive_amounts_and_names_its_invoice(subject: Subject) -> None:
    invoice = replace(
        subject.invoice,
        type=InvoiceType.CREDIT_NOTE,
        total_ht=Decimal(-6000),
        total_tva=Decimal(-1200),
        total_ttc=Decimal(-7200),
    )
    reference = (
        "<ram:InvoiceReferencedDocument><ram:IssuerAssignedID>FA2608-0033</ram:IssuerAssignedID><ram:FormattedIssueDateTime>"
        '<qdt:DateTimeString format="102">20260831</qdt:DateTimeString></ram:FormattedIssueDateTime>'
        "</ram:InvoiceReferencedDocument></ram:ApplicableHeaderTradeSettlement>"
    )
    xml = changed((">380<", ">381<"), ("</ram:ApplicableHeaderTradeSettlement>", reference))
    credited = replace(subject, invoice=invoice, source=replace(subject.invoice, ref="FA2608-0033"))
    assert failed(of_xml(credited, xml)) == set()
    assert failed(of_xml(credited, xml.replace("FA2608-0033", "FA2608-0099"))) == {"fx-credit-ref"}
    assert failed(of_xml(credited, xml.replace(">20260831<", "><"))) == {"fx-credit-ref"}
    assert failed(of_xml(credited, changed((">380<", ">381<")))) == {"fx-credit-ref"}
    assert "fx-type" in failed(of_xml(credited, XML))


def test_an_invoice_in_dollars_gives_its_vat_in_euros(subject: Subject) -> None:
    invoice = replace(
        subject.invoice,
        currency="USD",
        total_ht=Decimal("5555.56"),
        total_tva=Decimal("1111.11"),
        total_ttc=Decimal("6666.67"),
        currency_total_ht=Decimal(6000),
        currency_total_tva=Decimal(1200),
        currency_total_ttc=Decimal(7200),
    )
    dollars = changed(
        ("<ram:InvoiceCurrencyCode>EUR", "<ram:TaxCurrencyCode>EUR</ram:TaxCurrencyCode><ram:InvoiceCurrencyCode>USD"),
        (
            '<ram:TaxTotalAmount currencyID="EUR">1200.00</ram:TaxTotalAmount>',
            '<ram:TaxTotalAmount currencyID="USD">1200.00</ram:TaxTotalAmount>'
            '<ram:TaxTotalAmount currencyID="EUR">1111.11</ram:TaxTotalAmount>',
        ),
    )
    abroad = replace(subject, invoice=invoice)
    assert failed(of_xml(abroad, dollars)) == set()
    without_euros = dollars.replace('<ram:TaxTotalAmount currencyID="EUR">1111.11</ram:TaxTotalAmount>', "")
    assert failed(of_xml(abroad, without_euros)) == {"fx-foreign-currency"}


# -- planted defects --------------------------------------------------------------------------------------------------

DEFECTS: dict[str, tuple[str, set[str]]] = {
    "another number": (changed(("FA2609-0034", "FA2609-0035")), {"fx-number"}),
    "a space in the number": (changed(("FA2609-0034", "FA2609 0034")), {"fx-number", "fx-number-charset"}),
    "another date": (changed((">20260930<", ">20260929<")), {"fx-date"}),
    "a date that is none": (changed((">20260930<", ">30/09/2026<")), {"fx-date"}),
    "the code of a credit note": (changed((">380<", ">381<")), {"fx-type"}),
    "another currency": (
        changed((">EUR<", ">USD<"), ('"EUR"', '"USD"')),
        {"fx-currency", "fx-foreign-currency"},
    ),
    "another total": (changed((">7200.00<", ">7200.01<")), {"fx-totals"}),
    "another amount due": (
        changed(("<ram:DuePayableAmount>7200.00", "<ram:DuePayableAmount>7100.00")),
        {"fx-payable"},
    ),
    "another total without tax": (
        changed(("<ram:TaxBasisTotalAmount>6000.00", "<ram:TaxBasisTotalAmount>6000.10")),
        {"fx-totals", "fx-breakdown", "fx-lines"},
    ),
    "a tax that does not fit its base": (
        changed(
            ("<ram:CalculatedAmount>1200.00", "<ram:CalculatedAmount>1202.00"),
            ('"EUR">1200.00', '"EUR">1202.00'),
        ),
        {"fx-totals", "fx-breakdown"},
    ),
    "a tax that does not add up": (
        changed(("<ram:CalculatedAmount>1200.00", "<ram:CalculatedAmount>1200.50")),
        {"fx-breakdown"},
    ),
    "another line total": (
        changed(
            (
                "<ram:SpecifiedTradeSettlementLineMonetarySummation><ram:LineTotalAmount>6000.00",
                "<ram:SpecifiedTradeSettlementLineMonetarySummation><ram:LineTotalAmount>600.00",
            )
        ),
        {"fx-lines"},
    ),
    "a rate that is none of France": (
        changed(
            (">20.00<", ">19.00<"),
            ("<ram:CalculatedAmount>1200.00", "<ram:CalculatedAmount>1140.00"),
            ('"EUR">1200.00', '"EUR">1140.00'),
        ),
        {"fx-rates", "fx-totals"},
    ),
    "another due date": (changed((">20261030<", ">20261031<")), {"fx-due-date"}),
    "a due date before the invoice": (changed((">20261030<", ">20260829<")), {"fx-due-date"}),
    "no due date": (
        without(XML, "<ram:SpecifiedTradePaymentTerms>", "</ram:SpecifiedTradePaymentTerms>"),
        {"fx-due-date"},
    ),
    "another seller": (
        changed(('"0002">123456782', '"0002">999999998'), ('"0009">12345678200010', '"0009">99999999800010')),
        {"fx-seller-siren"},
    ),
    "no SIREN of the seller": (changed(('"0002">123456782', '"0007">123456782')), {"fx-seller-siren"}),
    "another VAT number of the seller": (changed(("FR11123456782", "FR12123456782")), {"fx-seller-vat-number"}),
    "another customer": (
        changed(('"0002">111111118', '"0002">999999998'), ('"0009">11111111800019', '"0009">99999999800010')),
        {"fx-buyer-siren"},
    ),
    "another VAT number of the customer": (changed(("FR44111111118", "FR45111111118")), {"fx-buyer-vat-number"}),
    "no VAT number of a customer in another member state": (
        changed((">S<", ">K<"), ('<ram:ID schemeID="VA">FR44111111118</ram:ID>', "<ram:ID/>")),
        {"fx-buyer-vat-number", "fx-vat-category", "fx-vatex"},
    ),
    "a SIRET of somebody else": (changed(("11111111800019", "22222222600011")), {"fx-siret"}),
    "a SIRET of 13 digits": (changed(("12345678200010", "1234567820001")), {"fx-siret"}),
    "no electronic address": (
        changed(('<ram:URIID schemeID="0225">111111118</ram:URIID>', '<ram:URIID schemeID="0225"/>')),
        {"fx-endpoints"},
    ),
    "no note on the indemnity": (changed((">PMT<", ">AAI<")), {"fx-notes"}),
    "two notes on penalties": (
        changed(
            (
                "</rsm:ExchangedDocument>",
                "<ram:IncludedNote><ram:Content>Pénalités</ram:Content><ram:SubjectCode>PMD</ram:SubjectCode>"
                "</ram:IncludedNote></rsm:ExchangedDocument>",
            )
        ),
        {"fx-notes"},
    ),
    "no framework": (changed((">S1<", "><")), {"fx-framework"}),
    "paid already, it says": (changed((">S1<", ">S2<")), {"fx-framework"}),
    "after a deposit that there was not": (changed((">S1<", ">S4<")), {"fx-framework"}),
    "debits without the option": (
        changed(
            (
                "</ram:CategoryCode><ram:RateApplicablePercent>20.00</ram:RateApplicablePercent></ram:ApplicableTradeTax>\n   "
                "<ram:SpecifiedTradePaymentTerms>",
                "</ram:CategoryCode><ram:DueDateTypeCode>5</ram:DueDateTypeCode><ram:RateApplicablePercent>20.00"
                "</ram:RateApplicablePercent></ram:ApplicableTradeTax>\n   <ram:SpecifiedTradePaymentTerms>",
            )
        ),
        {"fx-bt8"},
    ),
    "an unknown profile": (changed(("urn:cen.eu:en16931:2017", "urn:example:mine")), {"fx-profile"}),
    "an element that is not in the schema": (
        changed(("<ram:TypeCode>380", "<ram:Invented/><ram:TypeCode>380")),
        {"fx-xsd"},
    ),
    "elements in another order": (
        changed(
            (
                "<ram:TypeCode>VAT</ram:TypeCode>\n    <ram:BasisAmount>6000.00</ram:BasisAmount>",
                "<ram:BasisAmount>6000.00</ram:BasisAmount><ram:TypeCode>VAT</ram:TypeCode>",
            )
        ),
        {"fx-xsd"},
    ),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_fails_its_rule_and_no_other(name: str, subject: Subject) -> None:
    xml, rules = DEFECTS[name]
    results = of_xml(subject, xml)
    assert failed(results) == rules
    for rule in rules:
        assert results[rule].message.endswith(".")


AGAIN = "</ram:CalculatedAmount><ram:TypeCode>VAT</ram:TypeCode>"


def coded(category: str, reason: str = "", code: str = "") -> str:
    """The invoice without VAT, of a category and with the reason or code of its exemption."""
    reason = f"<ram:ExemptionReason>{reason}</ram:ExemptionReason>" if reason else ""
    code = f"<ram:ExemptionReasonCode>{code}</ram:ExemptionReasonCode>" if code else ""
    xml = changed((">1200.00<", ">0.00<"), (">20.00<", ">0.00<"), (">7200.00<", ">6000.00<"))
    xml = xml.replace(AGAIN, f"{AGAIN}{reason}")
    return xml.replace(
        "<ram:CategoryCode>S</ram:CategoryCode><ram:RateApplicablePercent>0.00</ram:RateApplicablePercent></ram:ApplicableTradeTax>\n   <ram:Spec",
        f"<ram:CategoryCode>{category}</ram:CategoryCode>{code}<ram:RateApplicablePercent>0.00</ram:RateApplicablePercent>"
        "</ram:ApplicableTradeTax>\n   <ram:Spec",
    )


@pytest.mark.parametrize(
    ("treatment", "category", "code", "wrong"),
    [
        (Treatment.FRANCHISE, "E", "VATEX-FR-FRANCHISE", set()),
        (Treatment.FRANCHISE, "E", "VATEX-EU-AE", {"fx-vatex"}),
        (Treatment.FRANCHISE, "O", "VATEX-EU-O", {"fx-vat-category"}),
        (Treatment.EXEMPT, "E", "VATEX-FR-CGI261-4", set()),
        (Treatment.EXEMPT, "E", "VATEX-EU-132-1I", set()),
        (Treatment.EXEMPT, "E", "VATEX-FR-FRANCHISE", {"fx-vatex"}),
        (Treatment.MARGIN, "E", "VATEX-EU-F", set()),
        (Treatment.AE_BTP, "AE", "VATEX-FR-AE", set()),
        (Treatment.AE_EU_SERVICE, "AE", "VATEX-EU-AE", set()),
        (Treatment.AE_EU_SERVICE, "AE", "VATEX-FR-AE", {"fx-vatex"}),
        (Treatment.AE_EU_SERVICE, "K", "VATEX-EU-IC", {"fx-vat-category"}),
        (Treatment.IC_GOODS, "K", "VATEX-EU-IC", set()),
        (Treatment.IC_GOODS, "G", "VATEX-EU-G", {"fx-vat-category"}),
        (Treatment.EXPORT_GOODS, "G", "vatex-eu-g", set()),
        (Treatment.OUT_SERVICE, "O", "VATEX-EU-O", set()),
        (Treatment.OUT_SERVICE, "G", "VATEX-EU-G", set()),
        (Treatment.STD, "E", "VATEX-FR-CNWVAT", {"fx-vat-category"}),
        (Treatment.EXEMPT, "E", "VATEX-FR-CNWVAT", set()),
        (Treatment.EXEMPT, "L", "", {"fx-vat-category"}),
    ],
)
def test_the_category_and_the_exemption_are_those_of_what_is_sold(
    treatment: Treatment, category: str, code: str, wrong: set[str], subject: Subject
) -> None:
    sold = replace(subject, treatments=(Verdict(treatment),))
    judged = {"fx-vat-category", "fx-vatex"}
    assert failed(of_xml(sold, coded(category, code=code))) & judged == wrong
    if category != "L" and not wrong:
        assert failed(of_xml(sold, coded(category))) & judged == {"fx-vatex"}
        assert failed(of_xml(sold, coded(category, reason="Voir la facture"))) & judged == set()


def test_a_category_of_what_is_not_known_is_undetermined(subject: Subject) -> None:
    for treatments in ((), (Verdict(Treatment.UNKNOWN),), (TAXED, Verdict(Treatment.DEBOURS))):
        results = of_xml(replace(subject, treatments=treatments), XML)
        assert results["fx-vat-category"].status is Status.UNDETERMINED
    both = replace(subject, treatments=(TAXED, Verdict(Treatment.EXEMPT)))
    assert "fx-vat-category" in failed(of_xml(both, XML))


def test_a_profile_without_lines_is_no_invoice(subject: Subject) -> None:
    xml = changed(("urn:cen.eu:en16931:2017", "urn:factur-x.eu:1p0:minimum"))
    assert "fx-profile" in failed(of_xml(subject, xml))
    extended = "urn:cen.eu:en16931:2017#conformant#urn:factur-x.eu:1p0:extended"
    assert failed(of_xml(subject, changed(("urn:cen.eu:en16931:2017", extended)))) == set()


def test_what_is_not_known_of_the_seller_is_undetermined(subject: Subject) -> None:
    results = of_xml(replace(subject, seller=None), XML)
    unknown = {rule for rule, result in results.items() if result.status is Status.UNDETERMINED}
    assert unknown == {"fx-seller-siren", "fx-seller-vat-number"}
    assert "seller.siren" in results["fx-seller-siren"].message


def test_who_has_no_number_is_not_asked_for_it(subject: Subject) -> None:
    small = replace(subject, seller=replace(SELLER, vat_number="", regime=Regime.FRANCHISE))
    assert of_xml(small, XML)["fx-seller-vat-number"].status is Status.NOT_APPLICABLE
    assert subject.customer is not None
    in_monaco = replace(subject, customer=replace(subject.customer, country="MC", professional_ids=("",) * 6))
    assert of_xml(in_monaco, XML)["fx-buyer-siren"].status is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("old", "new", "rules"),
    [
        # The same in other words.
        ("trois fois le taux d'intérêt légal", "3 fois l'intérêt légal", set()),
        ("Pas d'escompte pour paiement anticipé<", "Escompte : néant<", set()),
        ("Pas d'escompte pour paiement anticipé<", "Escompte : 0 %<", set()),
        ("recouvrement : 40 €", "recouvrement : 40,00 EUR", set()),
        # A note without a figure says nothing else.
        ("trois fois le taux d'intérêt légal", "voir nos conditions", set()),
        ("trois fois le taux d'intérêt légal", "taux de la BCE majoré de 10 points", {"fx-pdf-agree"}),
        ("trois fois le taux d'intérêt légal", "12,40 %", {"fx-pdf-agree"}),
        ("Pas d'escompte pour paiement anticipé<", "Escompte de 2 % sous 8 jours<", {"fx-pdf-agree"}),
        ("recouvrement : 40 €", "recouvrement : 60 €", {"fx-pdf-agree"}),
    ],
)
def test_the_notes_say_what_the_paper_says(
    reader: PdfReader, subject: Subject, old: str, new: str, rules: set[str]
) -> None:
    assert failed(of_xml(replace(subject, pdf=reader.read(sheet())), changed((old, new)))) == rules


def test_the_option_for_debits_is_said(subject: Subject) -> None:
    assert any(line.is_service for line in subject.invoice.lines)
    on_debits = replace(subject, seller=replace(SELLER, debits=True))
    assert failed(of_xml(on_debits, XML)) == {"fx-bt8"}
    assert failed(of_xml(on_debits, DEFECTS["debits without the option"][0])) == set()


def test_without_the_library_the_schema_is_undetermined(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "facturx", None)
    result = of_xml(subject, XML)["fx-xsd"]
    assert result.status is Status.UNDETERMINED
    assert "install the Python library factur-x" in result.message


# -- the PDF ----------------------------------------------------------------------------------------------------------


def of_pdf(reader: PdfReader, subject: Subject, content: bytes) -> dict[str, Result]:
    results = facturx_results(subject, InvoiceTexts(reader.read(sheet()), reader.read(content)))
    return {result.rule: result for result in results}


def test_a_second_pdf_without_xml_fails(reader: PdfReader, subject: Subject) -> None:
    results = of_pdf(reader, subject, sheet())
    assert list(results) == ["fx-attachment"]
    assert failed(results) == {"fx-attachment"}


def test_an_xml_that_is_attached_twice_fails(reader: PdfReader, subject: Subject) -> None:
    assert failed(of_pdf(reader, subject, attached(XML, XML))) == {"fx-attachment", "fx-metadata"}


def test_a_path_in_place_of_the_xml_fails(reader: PdfReader, subject: Subject) -> None:
    assert failed(of_pdf(reader, subject, attached("/var/www/documents/facture/temp/factur-x.xml"))) == {"fx-xml"}


def test_a_pdf_that_does_not_say_what_it_is_fails(reader: PdfReader, subject: Subject) -> None:
    assert failed(of_pdf(reader, subject, attached(XML))) == {"fx-metadata"}


def test_metadata_of_another_profile_fail(reader: PdfReader, subject: Subject) -> None:
    results = of_pdf(reader, subject, electronic(level="extended"))
    assert failed(results) == {"fx-metadata"}
    assert "ConformanceLevel is EXTENDED" in results["fx-metadata"].message


def test_the_older_name_of_the_attachment_is_known(reader: PdfReader, subject: Subject) -> None:
    assert failed(of_pdf(reader, subject, attached(XML, name="ZUGFeRD-invoice.xml"))) == {"fx-metadata"}


def test_the_worst_result_of_several_files_stands(reader: PdfReader, subject: Subject) -> None:
    wrong = changed(("FA2609-0034", "FA2609-0035")).encode()
    texts = InvoiceTexts(reader.read(electronic()), reader.read(electronic()), wrong)
    results = facturx_results(subject, texts)
    assert [result.rule for result in results] == [rule.id for rule in FACTURX_RULES]
    assert {result.rule for result in results if result.status is Status.FAIL} == {"fx-number"}


# -- hostile XML ------------------------------------------------------------------------------------------------------

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
HEAD, BODY = XML.split("\n", 1)
HOSTILE: dict[str, bytes] = {
    "a billion laughs": f'{HEAD}<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>{BODY.replace("FA2609-0034", "&l9;")}'.encode(),
    "a file of the host": (
        f'{HEAD}<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>{BODY.replace("FA2609-0034", "&f;")}'.encode()
    ),
    "a document type elsewhere": f'{HEAD}<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">{BODY}'.encode(),
    "the same in UTF-16": f'<!DOCTYPE x [<!ENTITY a "b">]>{BODY}'.encode("utf-16"),
    "an unknown encoding": XML.replace("UTF-8", "UTF-7").encode(),
    "nothing": b"",
    "no XML": b"Facture",
    "another XML": b"<html/>",
    "cut off": XML.encode()[:2000],
    "NUL bytes": b"\0" * 1000,
    "a million elements": b"<a>" * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_xml_that_is_none_or_hostile_is_refused(name: str, subject: Subject) -> None:
    results = of_xml(subject, HOSTILE[name])
    assert set(results) == {"fx-attachment", "fx-xml"}
    assert failed(results) == {"fx-xml"}
    assert len(results["fx-xml"].message) < 300


def test_hostile_metadata_are_refused(reader: PdfReader, subject: Subject) -> None:
    text = reader.read(electronic())
    hostile = replace(text, xmp=b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>')
    results = {result.rule: result for result in facturx_results(subject, InvoiceTexts(hostile))}
    assert failed(results) == {"fx-metadata"}
    assert "document type" in results["fx-metadata"].message
