# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules on the identity of the customer."""

from __future__ import annotations

from datetime import date

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Period, Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Zone
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Status
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import (
    BUSINESS,
    E_INVOICING,
    ERROR,
    MENTION,
    NOT_CREDIT_NOTE,
    Level,
    Rule,
    Verified,
    law,
    when,
    words,
)

BUYER_RULES = (
    Rule(
        "buyer-name-address",
        Words("Nom et adresse du client", "Name and address of the customer"),
        MENTION,
        law("CGI ann. II art. 242 nonies A, I-1°", "C. com. art. L441-9 I"),
        Verified.PDF,
        "buyer_name_address",
    ),
    Rule(
        "buyer-billing-address",
        Words("Adresse de facturation", "Billing address"),
        (Level(Severity.ERROR, (BUSINESS,)), Level(Severity.WARNING)),
        law("C. com. art. L441-9 I", since=date(2019, 10, 1)),
        Verified.BOTH,
        "buyer_billing_address",
        valid=Period(date(2019, 10, 1), None),
    ),
    Rule(
        "buyer-vat-number",
        Words("Numéro de TVA du client", "VAT number of the customer"),
        ERROR,
        law("CGI ann. II art. 242 nonies A, I-3° et I-4°"),
        Verified.BOTH,
        # Its absence also decides the treatment: which lines need it is for the check.
        "buyer_vat_number",
    ),
    Rule(
        "buyer-siren",
        Words("SIREN du client", "SIREN of the customer"),
        E_INVOICING,
        law("CGI ann. II art. 242 nonies A, I-1°", "décret 2022-1299", "décret 2024-266"),
        Verified.BOTH,
        "buyer_siren",
        (BUSINESS, when("customer.zone", Zone.FR)),
    ),
    Rule(
        "buyer-order-number",
        Words("Numéro de bon de commande", "Purchase-order number"),
        ERROR,
        law("C. com. art. L441-9 I", since=date(2019, 10, 1)),
        Verified.BOTH,
        "buyer_order_number",
        (BUSINESS,),
        valid=Period(date(2019, 10, 1), None),
    ),
    Rule(
        "delivery-address",
        Words("Adresse de livraison des biens", "Delivery address of goods"),
        E_INVOICING,
        law("CGI ann. II art. 242 nonies A, I-7° bis"),
        Verified.PDF,
        "mention",
        (when("invoice.supplies", "goods"), NOT_CREDIT_NOTE),
        accepted=words("delivery_address"),
        # Dolibarr's API does not say where goods were sent.
        absence=Status.UNDETERMINED,
        remedy=Words(
            "si les biens ont été livrés ailleurs qu'à l'adresse du client, imprimer « Adresse de livraison » suivi de celle-ci",
            "if the goods went elsewhere than to the customer's address, print « Adresse de livraison » with it",
        ),
    ),
)
