# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules on the document: its file, number and dates."""

from __future__ import annotations

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Zone
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import (
    BUSINESS,
    ERROR,
    INFO,
    MENTION,
    WARNING,
    Rule,
    Verified,
    law,
    when,
    words,
)

NUMBERING = law("CGI ann. II art. 242 nonies A, I-7°", "BOI-TVA-DECLA-30-20-20-10 § 70 à 110")

DOCUMENT_RULES = (
    Rule(
        "doc-not-draft",
        Words("Facture définitive", "Definitive invoice"),
        ERROR,
        law("CGI ann. II art. 242 nonies A, I-7°"),
        Verified.API,
        "doc_not_draft",
        drafts=True,
    ),
    Rule(
        "pdf-present",
        Words("PDF de la facture", "PDF of the invoice"),
        ERROR,
        law("CGI art. 289, V", "LPF art. L102 B"),
        Verified.FILE,
        "pdf_present",
    ),
    Rule(
        "pdf-readable",
        Words("PDF lisible", "Readable PDF"),
        ERROR,
        law("CGI art. 289, V"),
        Verified.FILE,
        "pdf_readable",
    ),
    Rule(
        "pdf-unchanged",
        Words("PDF inchangé depuis son émission", "PDF unchanged since it was issued"),
        ERROR,
        law("CGI art. 289, V"),
        Verified.FILE,
        "pdf_unchanged",
    ),
    Rule(
        "number-unique",
        Words("Numéro unique", "Unique number"),
        ERROR,
        NUMBERING,
        Verified.API,
        "number_unique",
    ),
    Rule(
        "number-continuous",
        Words("Numérotation chronologique et continue", "Chronological and unbroken numbering"),
        ERROR,
        NUMBERING,
        Verified.API,
        "number_continuous",
    ),
    Rule(
        "number-format",
        Words("Forme du numéro", "Form of the number"),
        WARNING,
        law("DGFiP règle G1", "EN 16931 BR-FR-01 et 02"),
        Verified.API,
        "number_format",
        (BUSINESS, when("customer.zone", Zone.FR)),
    ),
    Rule(
        "issue-date",
        Words("Date d'émission", "Date of issue"),
        MENTION,
        law("CGI ann. II art. 242 nonies A, I-6°"),
        Verified.BOTH,
        "issue_date",
    ),
    Rule(
        "supply-date",
        Words("Date de la livraison ou de la prestation", "Date of delivery or performance"),
        WARNING,
        law("CGI ann. II art. 242 nonies A, I-10°", "C. com. art. L441-9 I"),
        Verified.BOTH,
        "supply_date",
    ),
    Rule(
        "invoice-timely",
        Words("Facture émise dès la livraison", "Invoice issued on delivery"),
        INFO,
        law("CGI art. 289, I-3", "BOI-TVA-DECLA-30-20-10-40"),
        Verified.API,
        "invoice_timely",
    ),
    Rule(
        "language-french",
        Words("Facture en français", "Invoice in French"),
        INFO,
        law("loi 94-665 art. 2"),
        Verified.PDF,
        "mention",
        (when("customer.zone", Zone.FR, Zone.DROM),),
        accepted=words("french"),
        remedy=Words(
            "choisir le français comme langue du client dans Dolibarr",
            "choose French as the customer's language in Dolibarr",
        ),
        any_language=True,
    ),
)
