# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What electronic invoices are asked for: the rules of Factur-X, EN 16931 and its French usage (BR-FR), as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words
from ansible_collections.arcodange.erp.plugins.module_utils.invoices import (
    facturx_checks,
    facturx_figures,
    facturx_paper,
    facturx_parties,
    facturx_vat,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.cii import Cii
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, Subject

FORMATS = "CGI ann. IV art. 41 septies C"
INTEGRITY = "CGI art. 289, V"
FACTURX = "Factur-X 1.0"
EN = "EN 16931"


FieldCheck = Callable[[Cii, Subject], Outcome]


@dataclass(frozen=True)
class FacturxRule:
    """One rule."""

    id: str
    title: Words
    severity: Severity
    sources: tuple[str, ...]


@dataclass(frozen=True)
class FieldRule(FacturxRule):
    """A rule for the fields of the XML."""

    check: FieldCheck


ATTACHMENT = FacturxRule(
    "fx-attachment",
    Words("Le PDF contient un seul fichier XML", "The PDF holds exactly one XML file"),
    Severity.ERROR,
    (FACTURX, FORMATS),
)
XML = FacturxRule(
    "fx-xml",
    Words("Le XML est lisible et sans danger", "The XML can be read and is harmless"),
    Severity.ERROR,
    (FACTURX,),
)
PROFILE = FacturxRule(
    "fx-profile",
    Words("Le profil convient à une facture française", "The profile suits a French invoice"),
    Severity.ERROR,
    (FORMATS,),
)
XSD = FacturxRule(
    "fx-xsd",
    Words("Le XML respecte le schéma de son profil", "The XML is valid against the schema of its profile"),
    Severity.ERROR,
    (FACTURX, FORMATS),
)
METADATA = FacturxRule(
    "fx-metadata",
    Words("Les métadonnées annoncent un PDF/A-3 et le profil", "The metadata announce a PDF/A-3 and the profile"),
    Severity.WARNING,
    (FACTURX, "ISO 19005-3"),
)


def field(name: str, check: FieldCheck, fr: str, en: str, severity: Severity, *sources: str) -> FieldRule:
    """A rule for the fields."""
    return FieldRule(f"fx-{name}", Words(fr, en), severity, sources, check)


FIELD_RULES = (
    field(
        "number",
        facturx_checks.number,
        "Le numéro est celui de Dolibarr",
        "The number is Dolibarr's",
        Severity.ERROR,
        INTEGRITY,
        "BT-1",
    ),
    field(
        "number-charset",
        facturx_checks.number_charset,
        "Le numéro n'a que des caractères admis",
        "The number has only characters that are accepted",
        Severity.WARNING,
        "BR-FR-01",
        "BR-FR-02",
    ),
    field(
        "date",
        facturx_checks.issue_date,
        "La date est celle de Dolibarr",
        "The date is Dolibarr's",
        Severity.ERROR,
        INTEGRITY,
        "BT-2",
    ),
    field(
        "type",
        facturx_checks.type_code,
        "Le type est celui de Dolibarr",
        "The type is Dolibarr's",
        Severity.ERROR,
        INTEGRITY,
        "BT-3",
    ),
    field(
        "currency",
        facturx_checks.currency,
        "La devise est celle de Dolibarr",
        "The currency is Dolibarr's",
        Severity.ERROR,
        INTEGRITY,
        "BT-5",
    ),
    field(
        "foreign-currency",
        facturx_figures.foreign_currency,
        "La TVA est aussi donnée en euros",
        "The VAT is given in euros, too",
        Severity.ERROR,
        "CGI art. 289, IV",
        "BR-FR-CO-12",
    ),
    field(
        "totals",
        facturx_figures.totals,
        "Les totaux sont ceux de Dolibarr",
        "The totals are Dolibarr's",
        Severity.ERROR,
        INTEGRITY,
        EN,
    ),
    field(
        "payable",
        facturx_figures.payable,
        "Le net à payer est exact",
        "The amount due adds up",
        Severity.ERROR,
        EN,
        "BR-CO-16",
    ),
    field(
        "breakdown",
        facturx_figures.breakdown,
        "La TVA par taux est exacte",
        "The VAT of each rate adds up",
        Severity.ERROR,
        EN,
        "BR-CO-14",
        "BR-CO-17",
    ),
    field(
        "lines",
        facturx_figures.lines,
        "La somme des lignes est exacte",
        "The lines add up",
        Severity.ERROR,
        EN,
        "BR-CO-10",
        "BR-CO-13",
    ),
    field(
        "rates",
        facturx_figures.rates,
        "Les taux de TVA sont français",
        "The VAT rates are French",
        Severity.ERROR,
        "BR-FR-16",
    ),
    field(
        "vat-category",
        facturx_vat.category,
        "La catégorie de TVA est celle de ce qui est vendu",
        "The VAT category is that of what is sold",
        Severity.ERROR,
        EN,
        "BT-118",
    ),
    field(
        "vatex",
        facturx_vat.exemption,
        "Ce qui ne porte pas de TVA en indique le motif",
        "What bears no VAT says why",
        Severity.ERROR,
        EN,
        "BR-E-10",
        "BR-AE-10",
        "BR-IC-10",
        "BR-G-10",
        "BR-O-10",
    ),
    field(
        "due-date",
        facturx_checks.due_date,
        "L'échéance est celle de Dolibarr et suit la date",
        "The due date is Dolibarr's and follows the date",
        Severity.ERROR,
        INTEGRITY,
        "BR-FR-CO-07",
    ),
    field(
        "credit-ref",
        facturx_checks.credit_reference,
        "L'avoir cite la facture corrigée et sa date",
        "A credit note names the invoice it corrects and its date",
        Severity.ERROR,
        "CGI art. 289, I-5",
        "BR-FR-CO-04",
        "BR-FR-CO-05",
    ),
    field(
        "seller-siren",
        facturx_parties.seller_siren,
        "Le SIREN du vendeur est exact",
        "The seller's SIREN is right",
        Severity.ERROR,
        "CGI ann. II art. 242 nonies A",
        "BR-FR-10",
    ),
    field(
        "seller-vat-number",
        facturx_parties.seller_vat_number,
        "Le numéro de TVA du vendeur est exact",
        "The seller's VAT number is right",
        Severity.ERROR,
        "CGI ann. II art. 242 nonies A",
        "BT-31",
    ),
    field(
        "buyer-siren",
        facturx_parties.buyer_siren,
        "Le SIREN du client est exact",
        "The customer's SIREN is right",
        Severity.ERROR,
        "CGI ann. II art. 242 nonies A",
        "BR-FR-11",
    ),
    field(
        "buyer-vat-number",
        facturx_parties.buyer_vat_number,
        "Le numéro de TVA du client est exact",
        "The customer's VAT number is right",
        Severity.ERROR,
        "CGI ann. II art. 242 nonies A",
        "BT-48",
    ),
    field(
        "siret",
        facturx_parties.sirets,
        "Les SIRET commencent par le SIREN",
        "The SIRET begin with the SIREN",
        Severity.ERROR,
        "BR-FR-09",
    ),
    field(
        "endpoints",
        facturx_parties.endpoints,
        "Les adresses électroniques sont données",
        "The electronic addresses are given",
        Severity.WARNING,
        "BR-FR-12",
        "BR-FR-13",
    ),
    field(
        "notes",
        facturx_checks.notes,
        "Les mentions de paiement sont données une fois",
        "The payment mentions are given once",
        Severity.WARNING,
        "C. com. art. L441-9",
        "BR-FR-05",
        "BR-FR-06",
    ),
    field(
        "pdf-agree",
        facturx_paper.agreement,
        "La pièce et le XML disent la même chose",
        "The paper and the XML say the same",
        Severity.WARNING,
        INTEGRITY,
    ),
    field(
        "framework",
        facturx_checks.framework,
        "Le cadre de facturation est donné",
        "The billing framework is given",
        Severity.WARNING,
        "BR-FR-08",
    ),
    field(
        "bt8",
        facturx_checks.due_code,
        "L'option pour les débits est celle du vendeur",
        "The option for debits is the seller's",
        Severity.ERROR,
        "CGI ann. II art. 242 nonies A",
        "BT-8",
    ),
)

FACTURX_RULES: tuple[FacturxRule, ...] = (ATTACHMENT, XML, PROFILE, XSD, METADATA, *FIELD_RULES)
