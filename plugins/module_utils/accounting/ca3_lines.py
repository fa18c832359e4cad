# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of the French VAT return (form 3310-CA3-SD) as data: number, label, box, and since when.

Read in two independent mappings of accounting software that agree, and in a reading of the 2026 notice; the form itself
was not. Number and label are therefore always shown together, and ``VatOptions.ca3_lines`` moves a feed to another line.
Lines 01 to 07 of tutorials, and 14, belong to the form before 2022.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

RENUMBERED = date(2022, 1, 1)


class Ca3Line(NamedTuple):
    """One line of the form."""

    number: str
    label: str
    box: str  # of the online form; empty where it has none
    valid_from: date
    valid_until: date | None  # None: still in force


def _line(number: str, box: str, label: str) -> Ca3Line:
    return Ca3Line(number, label, box, RENUMBERED, None)


# In the order of the form.
LINES = (
    _line("A1", "0979", "Ventes, prestations de services"),
    _line("A2", "0981", "Autres opérations imposables"),
    _line(
        "A3",
        "0044",
        "Achats de prestations de services réalisés auprès d'un assujetti non établi en France (art. 283-2)",
    ),
    _line("A4", "0056", "Importations (autres que produits pétroliers)"),
    _line("A5", "0051", "Sorties de régime suspensif"),
    _line("B1", "0048", "Mises à la consommation de produits pétroliers"),
    _line("B2", "0031", "Acquisitions intracommunautaires"),
    _line("B3", "0030", "Électricité, gaz naturel, chaleur ou froid"),
    _line("B4", "0040", "Achats de biens ou de prestations auprès d'un assujetti non établi en France (art. 283-1)"),
    _line("B5", "0036", "Régularisations"),
    _line("E1", "0032", "Exportations hors UE"),
    _line("E2", "0033", "Autres opérations non imposables"),
    _line("E3", "0047", "Ventes à distance taxables dans un autre État membre (B to C)"),
    _line("E4", "0052", "Importations (non imposables)"),
    _line("E5", "0053", "Sorties de régime suspensif (non imposables)"),
    _line("E6", "0054", "Importations placées sous régime suspensif"),
    _line("F1", "0055", "Acquisitions intracommunautaires (non imposables)"),
    _line("F2", "0034", "Livraisons intracommunautaires (B to B)"),
    _line("F3", "0029", "Électricité, gaz naturel, chaleur ou froid (non imposables)"),
    _line("F4", "0049", "Mises à la consommation de produits pétroliers (non imposables)"),
    _line("F5", "0050", "Importations de produits pétroliers placées sous régime suspensif"),
    _line("F6", "0037", "Achats en franchise"),
    _line("F7", "0043", "Ventes réalisées par un assujetti non établi en France (art. 283-1)"),
    _line("F8", "0039", "Régularisations"),
    _line("F9", "0061", "Opérations internes d'un assujetti unique"),
    _line("08", "0207", "Taux normal 20 %"),
    _line("09", "0105", "Taux réduit 5,5 %"),
    _line("9B", "0151", "Taux réduit 10 %"),
    _line("10", "0201", "Taux normal 8,5 % (DOM)"),
    _line("11", "0100", "Taux réduit 2,1 % (DOM)"),
    _line("T1", "1120", "Taux 1,75 % (DOM)"),
    _line("T2", "1110", "Taux 1,05 % (DOM)"),
    _line("TC", "1090", "Taux 13 % (Corse)"),
    _line("T3", "1081", "Taux 10 % (Corse)"),
    _line("T4", "1050", "Taux 2,1 % (Corse)"),
    _line("T5", "1040", "Taux 0,9 % (Corse)"),
    _line("T6", "1010", "Taux 2,1 % (France continentale)"),
    _line("T7", "0990", "Retenue de TVA sur droits d'auteur"),
    _line("13", "0900", "Anciens taux"),
    _line("P1", "0208", "Produits pétroliers, taux 20 %"),
    _line("P2", "0152", "Produits pétroliers, taux 13 %"),
    _line("I1", "0210", "Importations, taux 20 %"),
    _line("I2", "0211", "Importations, taux 10 %"),
    _line("I3", "0212", "Importations, taux 8,5 %"),
    _line("I4", "0213", "Importations, taux 5,5 %"),
    _line("I5", "0214", "Importations, taux 2,1 %"),
    _line("I6", "0215", "Importations, taux 1,05 %"),
    _line("15", "0600", "TVA antérieurement déduite à reverser"),
    _line("5B", "0602", "Sommes à ajouter"),
    _line("16", "", "Total TVA brute (08 à 5B)"),
    _line("17", "0035", "dont TVA sur acquisitions intracommunautaires"),
    _line("18", "0038", "dont TVA sur opérations à destination de Monaco"),
    _line("19", "0703", "Biens constituant des immobilisations"),
    _line("20", "0702", "Autres biens et services"),
    _line("21", "0059", "Autre TVA à déduire"),
    _line("22", "8001", "Report du crédit (ligne 27 précédente)"),
    _line("2C", "0603", "Sommes à imputer"),
    _line("22A", "", "Coefficient de taxation"),
    _line("23", "", "Total TVA déductible (19 à 2C)"),
    _line("24", "0710", "dont TVA déductible sur importations"),
    _line("2E", "0711", "dont TVA déductible sur les produits pétroliers"),
    _line("25", "0705", "Crédit de TVA (23 - 16)"),
    _line("TD", "8900", "TVA due (16 - 23)"),
    _line("26", "8002", "Remboursement demandé"),
    _line("AA", "", "Crédit transféré à la société tête de groupe"),
    _line("27", "8003", "Crédit à reporter (25 - 26 - AA)"),
    _line("28", "8901", "TVA nette due (TD - X5)"),
    _line("29", "9979", "Taxes assimilées (3310 A)"),
    _line("AB", "", "Total acquitté par la société tête de groupe"),
    _line("32", "9992", "Total à payer (28 + 29 + Z5 - AB)"),
)

# Which line each kind of operation feeds with its base. A feed is the side and the treatment.
BASE_FEEDS = {
    "sale_STD": "A1",
    "sale_EXPORT_GOODS": "E1",
    "sale_OUT_SERVICE": "E2",
    "sale_AE_EU_SERVICE": "E2",
    "sale_AE_BTP": "E2",
    "sale_EXEMPT": "E2",
    "sale_IC_GOODS": "F2",
    "purchase_AE_BTP": "A2",
    "purchase_AE_SERVICE": "A3",
    # The label of A3 cites art. 283-2, which covers any supplier abroad; some software has B4 here.
    "purchase_AE_SERVICE_outside_eu": "A3",
    "purchase_IMPORT": "A4",
    "purchase_IC_ACQUISITION": "B2",
    "purchase_AE_LOCAL": "B4",
    "adjustment_taxed": "B5",
    "adjustment_untaxed": "F8",
}
# Which line each rate feeds with base and tax. In Corsica: rate_10 to T3 and rate_2.1 to T4; overseas rate_2.1 to 11.
RATE_FEEDS = {
    "rate_20": "08",
    "rate_5.5": "09",
    "rate_10": "9B",
    "rate_8.5": "10",
    "rate_2.1": "T6",
    "rate_1.75": "T1",
    "rate_1.05": "T2",
    "rate_13": "TC",
    "rate_0.9": "T5",
    "rate_7": "13",
    "rate_19.6": "13",
    "rate_20.6": "13",
    "import_20": "I1",
    "import_10": "I2",
    "import_8.5": "I3",
    "import_5.5": "I4",
    "import_2.1": "I5",
    "import_1.05": "I6",
}
# Which line takes what is deducted, or must be paid back.
DEDUCTION_FEEDS = {
    "deduction_fixed_asset": "19",
    "deduction_other": "20",
    "deduction_adjustment": "21",  # of credit notes to customers
    "repaid": "15",  # of credit notes from suppliers
}
FEEDS = {**BASE_FEEDS, **RATE_FEEDS, **DEDUCTION_FEEDS}
# The lines whose taxes line 16 adds up.
GROSS = "08 09 9B 10 11 T1 T2 TC T3 T4 T5 T6 T7 13 P1 P2 I1 I2 I3 I4 I5 I6 15 5B".split()
DEDUCTIONS = "19 20 21 22 2C".split()


def rate_text(rate: Decimal) -> str:
    """A rate in percent without needless zeros: 20, 5.5, 2.1."""
    return f"{rate.normalize():f}"


def lines_on(day: date) -> dict[str, Ca3Line]:
    """The lines of the form in force on a day, by number, in the order of the form; none before 2022."""
    return {
        line.number: line
        for line in LINES
        if line.valid_from <= day and (line.valid_until is None or day <= line.valid_until)
    }


def check_overrides(overrides: Mapping[str, str]) -> None:
    """Refuse a feed or a line that does not exist."""
    numbers = {line.number for line in LINES}
    for feed, number in overrides.items():
        if feed not in FEEDS:
            raise ErpError(f"ca3_lines names {feed}, which feeds no line: choose among {', '.join(sorted(FEEDS))}.")
        if number not in numbers:
            raise ErpError(f"ca3_lines sends {feed} to line {number}, which the form CA3 does not have.")
