# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules on the identity of the seller."""

from __future__ import annotations

from datetime import date

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Period, Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import Treatment
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Form, Sector, Status
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import (
    CONSUMER,
    CREDIT_NOTE,
    ERROR,
    INFO,
    MENTION,
    NOT_CREDIT_NOTE,
    SMALL,
    WARNING,
    Level,
    Rule,
    Verified,
    law,
    unless,
    when,
    words,
)

# Treatments for which both VAT numbers are needed.
REVERSED = (Treatment.AE_BTP, Treatment.AE_EU_SERVICE, Treatment.IC_GOODS)

SELLER_RULES = (
    Rule(
        "seller-name-address",
        Words("Nom et adresse du vendeur", "Name and address of the seller"),
        MENTION,
        law("CGI ann. II art. 242 nonies A, I-1°", "C. com. art. L441-9 I"),
        Verified.PDF,
        "seller_name_address",
    ),
    Rule(
        "seller-siren",
        Words("SIREN du vendeur", "SIREN of the seller"),
        MENTION,
        law("CGI ann. II art. 242 nonies A, I-1°", "C. com. art. R123-237, 1°"),
        Verified.PDF,
        "seller_siren",
        accepted=words("siren", "siret"),
    ),
    Rule(
        "seller-siret",
        Words("SIRET du vendeur", "SIRET of the seller"),
        INFO,
        (),
        Verified.PDF,
        "seller_siret",
        accepted=words("siret"),
    ),
    Rule(
        "seller-registered-office",
        Words("Siège social", "Registered office"),
        ERROR,
        law("C. com. art. R123-237, 3°"),
        Verified.PDF,
        "seller_registered_office",
        (when("seller.is_in_rcs", "yes"),),
    ),
    Rule(
        "seller-legal-form",
        Words("Forme juridique", "Legal form"),
        ERROR,
        law("C. com. art. R123-238"),
        Verified.PDF,
        "seller_legal_form",
        (when("seller.form", Form.COMPANY),),
    ),
    Rule(
        "seller-capital",
        Words("Montant du capital social", "Amount of the share capital"),
        ERROR,
        law("C. com. art. R123-238"),
        Verified.PDF,
        "seller_capital",
        (when("seller.form", Form.COMPANY),),
        accepted=words("capital"),
    ),
    Rule(
        "seller-rcs-city",
        Words("RCS suivi de la ville du greffe", "RCS followed by the city of the registry"),
        ERROR,
        law("C. com. art. R123-237, 2°"),
        Verified.PDF,
        "seller_rcs_city",
        (when("seller.is_in_rcs", "yes"),),
        accepted=words("rcs"),
    ),
    Rule(
        "seller-ei",
        Words(
            "« Entrepreneur individuel » ou « EI » à côté du nom",
            "« Entrepreneur individuel » or « EI » beside the name",
        ),
        ERROR,
        law("C. com. art. R526-27", since=date(2022, 5, 15)),
        Verified.PDF,
        "seller_ei",
        (when("seller.form", Form.SOLE_TRADER),),
        valid=Period(date(2022, 5, 15), None),
        accepted=words("ei"),
    ),
    Rule(
        "seller-vat-number",
        Words("Numéro de TVA du vendeur", "VAT number of the seller"),
        (
            # The right to leave it out does not cover these.
            Level(Severity.ERROR, (when("invoice.treatments", *REVERSED),)),
            Level(Severity.WARNING, (SMALL,)),
            Level(Severity.WARNING, (CREDIT_NOTE,)),
            *MENTION,
        ),
        law("CGI ann. II art. 242 nonies A, I-2° et II"),
        Verified.PDF,
        "seller_vat_number",
        (when("seller.regime", Regime.NORMAL),),
        accepted=words("fr_vat"),
    ),
    Rule(
        "seller-naf",
        Words("Code NAF", "NAF code"),
        INFO,
        (),
        Verified.PDF,
        "seller_naf",
        accepted=words("ape"),
    ),
    Rule(
        "seller-vat-group",
        Words("« Membre d'un assujetti unique »", "Member of a VAT group"),
        ERROR,
        law("CGI ann. II art. 242 nonies A, I-5° bis", since=date(2023, 1, 1)),
        Verified.PDF,
        "mention",
        (when("seller.vat_group", "yes"),),
        accepted=words("vat_group"),
        remedy=Words(
            "imprimer « Membre d'un assujetti unique » avec le nom, l'adresse et le numéro de TVA du membre",
            "print « Membre d'un assujetti unique » with the name, address and VAT number of the member",
        ),
    ),
    Rule(
        "seller-fiscal-representative",
        Words("Représentant fiscal", "Fiscal representative"),
        ERROR,
        law("CGI ann. II art. 242 nonies A, I-5°"),
        Verified.PDF,
        "seller_fiscal_representative",
        (when("seller.is_represented", "yes"),),
        accepted=words("representative"),
        remedy=Words(
            "imprimer « Représentant fiscal » avec le nom, l'adresse et le numéro de TVA du représentant",
            "print « Représentant fiscal » with the representative's name, address and VAT number",
        ),
    ),
    Rule(
        "seller-insurance",
        Words("Assurance décennale", "Ten-year construction insurance"),
        ERROR,
        law("loi 96-603 art. 22-2"),
        Verified.PDF,
        "mention",
        (when("seller.sector", Sector.CONSTRUCTION),),
        accepted=words("decennale"),
        remedy=Words(
            "imprimer « Assurance décennale » avec le nom et l'adresse de l'assureur et la couverture géographique",
            "print « Assurance décennale » with the insurer's name, address and geographic cover",
        ),
    ),
    Rule(
        "seller-agreed-association",
        Words("Membre d'un organisme de gestion agréé", "Member of an approved management body"),
        WARNING,
        law("CGI art. 1649 quater F", "CGI ann. II art. 371 Y"),
        Verified.PDF,
        "mention",
        (when("seller.oga", "yes"),),
        accepted=words("agreed_association"),
        remedy=Words(
            "imprimer « Acceptant le règlement des sommes dues par chèques libellés à son nom ou par carte bancaire en sa "
            "qualité de membre d'un centre de gestion agréé par l'administration fiscale »",
            "print « Acceptant le règlement des sommes dues par chèques libellés à son nom ou par carte bancaire en sa "
            "qualité de membre d'un centre de gestion agréé par l'administration fiscale »",
        ),
    ),
    Rule(
        "seller-bank-details",
        Words("Coordonnées bancaires du vendeur", "Bank details of the seller"),
        INFO,
        (),
        Verified.PDF,
        "seller_bank_details",
        # Dolibarr prints the account for transfers and where no mode is set; of a direct debit it is the customer's.
        (unless("invoice.payment_mode", "PRE"), NOT_CREDIT_NOTE),
        accepted=words("iban"),
    ),
    Rule(
        "b2c-mediator",
        Words("Médiateur de la consommation", "Consumers' mediator"),
        INFO,
        law("C. conso. art. L616-1"),
        Verified.PDF,
        "b2c_mediator",
        (CONSUMER,),
        accepted=words("mediator"),
        # It may as well be on the web site or the order form.
        absence=Status.UNDETERMINED,
        remedy=Words(
            "si le consommateur n'en a pas été informé autrement, imprimer le nom et le site internet du médiateur",
            "if the consumer was not told elsewhere, print the name and web site of the mediator",
        ),
    ),
)
