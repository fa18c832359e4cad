# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules on the lines and amounts."""

from __future__ import annotations

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import (
    E_INVOICING,
    ERROR,
    MENTION,
    WARNING,
    Rule,
    Verified,
    law,
    when,
    words,
)

LINE_RULES = (
    Rule(
        "line-description",
        Words("Désignation précise", "Precise description"),
        WARNING,
        law("CGI ann. II art. 242 nonies A, I-8°"),
        Verified.API,
        "line_description",
    ),
    Rule(
        "line-quantity",
        Words("Quantité", "Quantity"),
        MENTION,
        law("CGI ann. II art. 242 nonies A, I-8°"),
        Verified.BOTH,
        "line_quantity",
    ),
    Rule(
        "line-unit-price-ht",
        Words("Prix unitaire hors taxe", "Unit price excluding tax"),
        MENTION,
        law("CGI ann. II art. 242 nonies A, I-8°", "C. com. art. L441-9 I"),
        Verified.BOTH,
        "line_unit_price_ht",
    ),
    Rule(
        "line-vat-rate",
        Words("Taux de TVA de chaque ligne", "VAT rate of each line"),
        MENTION,
        law("CGI ann. II art. 242 nonies A, I-8°"),
        Verified.BOTH,
        "line_vat_rate",
    ),
    Rule(
        "line-discount",
        Words("Rabais, remises et ristournes", "Discounts"),
        MENTION,
        law("CGI ann. II art. 242 nonies A, I-9°", "C. com. art. L441-9 I"),
        Verified.BOTH,
        "line_discount",
        (when("invoice.has_discount", "yes"),),
    ),
    Rule(
        "vat-breakdown-per-rate",
        Words("Base et taxe de chaque taux", "Base and tax of each rate"),
        MENTION,
        law("CGI ann. II art. 242 nonies A, I-11°"),
        Verified.BOTH,
        "vat_breakdown_per_rate",
        (when("invoice.rates", "several"),),
    ),
    Rule(
        "totals-present",
        Words("Totaux hors taxe, taxe et TTC", "Totals excluding tax, of tax and including tax"),
        MENTION,
        law("CGI ann. II art. 242 nonies A, I-11°"),
        Verified.PDF,
        "totals_present",
    ),
    Rule(
        "totals-arithmetic",
        Words("Sommes exactes", "Correct sums"),
        ERROR,
        law("C. com. art. L441-9 I"),
        Verified.API,
        "totals_arithmetic",
    ),
    Rule(
        "pdf-matches-api",
        Words("PDF conforme aux données", "PDF agrees with the data"),
        ERROR,
        law("CGI art. 289, V"),
        Verified.PDF,
        "pdf_matches_api",
    ),
    Rule(
        "currency",
        Words("Devise, et TVA en euros", "Currency, and VAT in euros"),
        MENTION,
        law("CGI art. 289, IV", "EN 16931 BR-FR-CO-12"),
        Verified.BOTH,
        "currency",
    ),
    Rule(
        "operation-category",
        Words("Catégorie d'opérations", "Category of operations"),
        E_INVOICING,
        law("CGI ann. II art. 242 nonies A, I-8° bis", "décret 2022-1299", "décret 2024-266"),
        Verified.BOTH,
        "operation_category",
        accepted=words("category"),
    ),
    Rule(
        "vat-on-debits",
        Words("Option pour le paiement de la taxe d'après les débits", "VAT due when invoiced"),
        E_INVOICING,
        law("CGI ann. II art. 242 nonies A, I-11° bis", "décret 2022-1299", "décret 2024-266"),
        Verified.PDF,
        "vat_on_debits",
        (when("seller.regime", Regime.NORMAL), when("invoice.supplies", "services")),
        accepted=words("debits_literal"),
        tolerated=words("debits_loose"),
        remedy=Words(
            "imprimer « Option pour le paiement de la taxe d'après les débits »",
            "print « Option pour le paiement de la taxe d'après les débits »",
        ),
    ),
)
