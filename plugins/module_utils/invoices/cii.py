# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The invoice of a Factur-X as typed fields: the XML syntax is UN/CEFACT CII, the fields those of EN 16931 (BT and BG).

The XML comes from a file that anybody may have made: a document type, and so every entity, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.parsers import expat

RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
ROOT = "{urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100}CrossIndustryInvoice"
AMOUNT = re.compile(r"[+-]?\d{1,15}(\.\d{1,10})?")


class XmlError(Exception):
    """The XML is not used; says why, to follow « The XML », and in ``french`` « Le XML »."""

    def __init__(self, english: str, french: str) -> None:
        super().__init__(english)
        self.french = french


@dataclass(frozen=True)
class Party:
    """The seller (BG-4) or the buyer (BG-7)."""

    name: str
    siren: str  # BT-30 or BT-47 of the scheme 0002
    siret: str  # BT-29 or BT-46 of the scheme 0009
    vat_number: str  # BT-31 or BT-48
    endpoint: str  # BT-34 or BT-49


@dataclass(frozen=True)
class Tax:
    """The VAT of one category and rate (BG-23); ``rate`` in percent."""

    category: str  # BT-118
    rate: Decimal | None  # BT-119
    basis: Decimal | None  # BT-116
    tax: Decimal | None  # BT-117
    due_code: str  # BT-8
    exemption: str  # BT-120
    exemption_code: str  # BT-121


@dataclass(frozen=True)
class Cii:
    """One invoice; amounts are None and texts empty where they are not given."""

    profile: str  # BT-24, the last part of the guideline: minimum, basicwl, basic, en16931, extended
    framework: str  # BT-23
    number: str  # BT-1
    type_code: str  # BT-3
    issued: date | None  # BT-2
    due: date | None  # BT-9
    currency: str  # BT-5
    tax_currency: str  # BT-6
    notes: tuple[tuple[str, str], ...]  # BG-1: subject code, text
    seller: Party
    buyer: Party
    sources: tuple[tuple[str, date | None], ...]  # BG-3: number and date of the invoices before
    taxes: tuple[Tax, ...]
    line_totals: tuple[Decimal | None, ...]  # BT-131
    allowances: Decimal  # BT-107
    charges: Decimal  # BT-108
    total_ht: Decimal | None  # BT-109
    tax_totals: tuple[tuple[str, Decimal | None], ...]  # BT-110 and BT-111: currency, amount
    total_ttc: Decimal | None  # BT-112
    prepaid: Decimal  # BT-113
    rounding: Decimal  # BT-114
    payable: Decimal | None  # BT-115

    @property
    def total_tax(self) -> Decimal | None:
        """The tax in the invoice's currency."""
        return self.tax_in(self.currency)

    def tax_in(self, currency: str) -> Decimal | None:
        """The total of the tax in a currency."""
        return next((amount for code, amount in self.tax_totals if code in (currency, "")), None)


def parse_xml(data: bytes) -> Element:
    """The root of an XML text; raises :class:`XmlError` for one that is none, or that has a document type."""

    def refuse(*_declaration: object) -> None:
        raise XmlError(
            "has a document type, which no invoice needs and an attack may: do not use it",
            "a un type de document, inutile à une facture mais pas à une attaque : ne pas l'utiliser",
        )

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
        return ElementTree.fromstring(data)
    except (expat.ExpatError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise XmlError(
            f"is none ({error}): make it again", f"n'en est pas un ({error}) : le générer de nouveau"
        ) from error


def read_cii(root: Element) -> Cii:
    """The fields of an invoice."""
    if root.tag != ROOT:
        name = root.tag.rpartition("}")[2]
        raise XmlError(
            f"is no Factur-X invoice but {name!r}: attach one in the syntax CII",
            f"n'est pas une facture Factur-X mais {name!r} : en joindre une à la syntaxe CII",
        )
    settlement = f"*/{RAM}ApplicableHeaderTradeSettlement"
    sums = f"{settlement}/{RAM}SpecifiedTradeSettlementHeaderMonetarySummation"
    context = document = "*"
    return Cii(
        profile=profile_of(text(root, context, "GuidelineSpecifiedDocumentContextParameter", "ID")),
        framework=text(root, context, "BusinessProcessSpecifiedDocumentContextParameter", "ID"),
        number=text(root, document, "ID"),
        type_code=text(root, document, "TypeCode"),
        issued=day(root, document, "IssueDateTime"),
        due=day(root, settlement, "SpecifiedTradePaymentTerms", "DueDateDateTime"),
        currency=text(root, settlement, "InvoiceCurrencyCode"),
        tax_currency=text(root, settlement, "TaxCurrencyCode"),
        notes=tuple(
            (text(note, "SubjectCode"), text(note, "Content")) for note in root.iterfind(f"*/{RAM}IncludedNote")
        ),
        seller=party(root, "SellerTradeParty"),
        buyer=party(root, "BuyerTradeParty"),
        sources=tuple(
            (text(source, "IssuerAssignedID"), day(source, "FormattedIssueDateTime"))
            for source in root.iterfind(f"{settlement}/{RAM}InvoiceReferencedDocument")
        ),
        taxes=tuple(
            Tax(
                category=text(tax, "CategoryCode"),
                rate=amount(tax, "RateApplicablePercent"),
                basis=amount(tax, "BasisAmount"),
                tax=amount(tax, "CalculatedAmount"),
                due_code=text(tax, "DueDateTypeCode"),
                exemption=text(tax, "ExemptionReason"),
                exemption_code=text(tax, "ExemptionReasonCode"),
            )
            for tax in root.iterfind(f"{settlement}/{RAM}ApplicableTradeTax")
        ),
        line_totals=tuple(
            amount(
                line,
                "SpecifiedLineTradeSettlement",
                "SpecifiedTradeSettlementLineMonetarySummation",
                "LineTotalAmount",
            )
            for line in root.iterfind(f"*/{RAM}IncludedSupplyChainTradeLineItem")
        ),
        allowances=amount(root, sums, "AllowanceTotalAmount") or Decimal(0),
        charges=amount(root, sums, "ChargeTotalAmount") or Decimal(0),
        total_ht=amount(root, sums, "TaxBasisTotalAmount"),
        tax_totals=tuple(
            (total.get("currencyID", ""), decimal(total.text)) for total in root.iterfind(f"{sums}/{RAM}TaxTotalAmount")
        ),
        total_ttc=amount(root, sums, "GrandTotalAmount"),
        prepaid=amount(root, sums, "TotalPrepaidAmount") or Decimal(0),
        rounding=amount(root, sums, "RoundingAmount") or Decimal(0),
        payable=amount(root, sums, "DuePayableAmount"),
    )


def party(root: Element, name: str) -> Party:
    """A party of the invoice."""
    where = f"*/{RAM}ApplicableHeaderTradeAgreement/{RAM}{name}"

    def of_scheme(scheme: str, *path: str) -> str:
        found = root.iterfind(steps(where, *path))
        return next((spaceless(one.text) for one in found if one.get("schemeID") == scheme), "")

    return Party(
        name=text(root, where, "Name"),
        siren=of_scheme("0002", "SpecifiedLegalOrganization", "ID"),
        siret=of_scheme("0009", "GlobalID") or of_scheme("0009", "ID"),
        vat_number=of_scheme("VA", "SpecifiedTaxRegistration", "ID"),
        endpoint=text(root, where, "URIUniversalCommunication", "URIID"),
    )


def profile_of(guideline: str) -> str:
    """The profile that a guideline stands for, such as ``urn:cen.eu:en16931:2017#conformant#urn:factur-x.eu:1p0:extended``."""
    last = guideline.rpartition(":")[2].lower()
    return "en16931" if last == "2017" else last


def steps(first: str, *more: str) -> str:
    """A path of which all but a first one with a namespace are names of the aggregate entities."""
    return "/".join(name if name[0] in "*{" else f"{RAM}{name}" for name in (first, *more))


def text(element: Element, first: str, *more: str) -> str:
    """The text at a path, without space around it."""
    return (element.findtext(steps(first, *more)) or "").strip()


def amount(element: Element, first: str, *more: str) -> Decimal | None:
    """The amount at a path; None where there is none or no number."""
    return decimal(element.findtext(steps(first, *more)))


def decimal(value: str | None) -> Decimal | None:
    """A number as XML writes it, without exponents."""
    written = (value or "").strip()
    return Decimal(written) if AMOUNT.fullmatch(written) else None


def day(element: Element, first: str, *more: str) -> date | None:
    """The day at a path, which holds one element in the format 102 (YYYYMMDD)."""
    found = element.find(f"{steps(first, *more)}/*")
    try:
        return datetime.strptime((found.text or "").strip(), "%Y%m%d").date() if found is not None else None
    except ValueError:
        return None


def spaceless(value: str | None) -> str:
    """An identifier without the spaces in it."""
    return re.sub(r"\s", "", value or "")


def values_of(root: Element, namespace: str) -> Iterator[tuple[str, str]]:
    """Names and values of a namespace, which RDF writes as elements or as attributes."""
    for element in root.iter():
        for name, value in (*element.items(), (element.tag, element.text or "")):
            if name.startswith(f"{{{namespace}}}"):
                yield name.rpartition("}")[2], value.strip()
