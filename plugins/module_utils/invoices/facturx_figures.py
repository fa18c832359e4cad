# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the amounts of a Factur-X must be, compared with Dolibarr's and with each other; each check is a pure function."""

from __future__ import annotations

from decimal import Decimal

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import TOLERANCE, cents, money, total
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import french_figure, french_money
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.cii import Cii
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.facturx_checks import CREDIT_NOTE_TYPES, EURO, seen
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.outcomes import failed, needless, passed
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, Subject

RATES = frozenset(map(Decimal, "0 0.9 1.05 1.75 2.1 5.5 7 8.5 9.2 9.6 10 13 19.6 20 20.6".split()))
SPARE = Decimal(1)  # the published schematron lets the tax of a category differ by this much (BR-CO-17)


def foreign_currency(cii: Cii, subject: Subject) -> Outcome:
    if cii.currency == EURO:
        return needless()
    found = seen("BT-6", cii.tax_currency), seen("BT-111", cii.tax_in(EURO))
    if cii.tax_currency == EURO and any(code == EURO for code, _amount in cii.tax_totals):
        return passed(*found)
    return failed(
        "The VAT is not given in euros (BT-6 and BT-111): make the electronic invoice again.",
        "La TVA n'est pas donnée en euros (BT-6 et BT-111) : générer de nouveau la facture électronique.",
        *found,
    )


def totals(cii: Cii, subject: Subject) -> Outcome:
    """BT-109, BT-110 and BT-112 are Dolibarr's in the invoice's currency; a credit note's have no sign there."""
    invoice = subject.invoice
    if invoice.currency in ("", EURO):
        known = invoice.total_ht, invoice.total_tva, invoice.total_ttc
    else:
        known = invoice.currency_total_ht, invoice.currency_total_tva, invoice.currency_total_ttc
    sign = -1 if invoice.is_credit_note and cii.type_code in CREDIT_NOTE_TYPES else 1
    found = cii.total_ht, cii.total_tax or (Decimal(0) if known[1] == 0 else None), cii.total_ttc
    names = ("BT-109", "BT-110", "BT-112")
    shown = tuple(map(seen, names, found))
    wrong = [
        (name, sign * amount)
        for name, amount, written in zip(names, known, found, strict=True)
        if written is None or abs(written - sign * amount) >= TOLERANCE
    ]
    if wrong:
        return failed(
            f"{', '.join(f'{name} is not {money(amount)}' for name, amount in wrong)}, as in Dolibarr: make the electronic invoice again.",
            f"{', '.join(f'{name} n{chr(39)}est pas {french_money(amount, cii.currency)}' for name, amount in wrong)}, comme dans"
            " Dolibarr : générer de nouveau la facture électronique.",
            *shown,
        )
    return passed(*shown)


def payable(cii: Cii, subject: Subject) -> Outcome:
    """BR-CO-16: what is to be paid is the total less what was paid, rounded."""
    if cii.total_ttc is None or cii.payable is None:
        return failed(
            "BT-112 or BT-115 is missing: make the electronic invoice again.",
            "BT-112 ou BT-115 manque : générer de nouveau la facture électronique.",
            seen("BT-112", cii.total_ttc),
            seen("BT-115", cii.payable),
        )
    expected = cii.total_ttc - cii.prepaid + cii.rounding
    if abs(cii.payable - expected) < TOLERANCE:
        return passed(seen("BT-115", cii.payable))
    return failed(
        f"BT-115 is not BT-112 - BT-113 + BT-114 = {money(expected)}: make the electronic invoice again.",
        f"BT-115 n'est pas BT-112 - BT-113 + BT-114 = {french_money(expected, cii.currency)} "
        ": générer de nouveau la facture électronique.",
        seen("BT-115", cii.payable),
    )


def breakdown(cii: Cii, subject: Subject) -> Outcome:
    """BR-CO-14, BR-CO-17 and BR-S-08: each tax fits its basis and rate, and all of them add up."""
    for tax in cii.taxes:
        if tax.basis is None or tax.tax is None:
            return failed(
                "A VAT category lacks BT-116 or BT-117: make the electronic invoice again.",
                "Il manque BT-116 ou BT-117 à une catégorie de TVA : générer de nouveau la facture électronique.",
            )
        if abs(tax.tax - cents(tax.basis * (tax.rate or Decimal(0)) / 100)) >= SPARE:
            return failed(
                f"The VAT at {tax.rate} % on {money(tax.basis)} is not {money(tax.tax)}: make the electronic invoice again.",
                f"La TVA à {french_figure(tax.rate or Decimal(0))} % sur "
                f"{french_money(tax.basis, cii.currency)} n'est pas de "
                f"{french_money(tax.tax, cii.currency)} : générer de nouveau la facture électronique.",
                seen("BT-117", tax.tax),
            )
    sums = (
        ("BT-116", "BT-109", total(tax.basis or Decimal(0) for tax in cii.taxes), cii.total_ht),
        ("BT-117", "BT-110", total(tax.tax or Decimal(0) for tax in cii.taxes), cii.total_tax or Decimal(0)),
    )
    for part, whole, added, written in sums:
        if written is None or abs(added - written) >= TOLERANCE:
            return failed(
                f"The sum of {part} is {money(added)} and not {whole}: make the electronic invoice again.",
                f"La somme des {part} est de {french_money(added, cii.currency)} et non {whole} : "
                "générer de nouveau la facture électronique.",
                seen(whole, written),
            )
    return passed(*(seen("BT-117", tax.tax) for tax in cii.taxes))


def lines(cii: Cii, subject: Subject) -> Outcome:
    """BR-CO-10 and BR-CO-13: the lines, allowances and charges make up the total."""
    if None in cii.line_totals or not cii.line_totals:
        return failed(
            "A line lacks its total (BT-131), or there is none: make the electronic invoice again.",
            "Une ligne n'a pas de total (BT-131), ou il n'y en a aucune : générer de nouveau la facture électronique.",
        )
    added = total(line for line in cii.line_totals if line is not None) - cii.allowances + cii.charges
    if cii.total_ht is not None and abs(added - cii.total_ht) < TOLERANCE:
        return passed(seen("BT-109", cii.total_ht))
    return failed(
        f"The lines add up to {money(added)} and not to BT-109: make the electronic invoice again.",
        f"Les lignes font {french_money(added, cii.currency)} et non BT-109 : générer de "
        "nouveau la facture électronique.",
        seen("BT-109", cii.total_ht),
    )


def rates(cii: Cii, subject: Subject) -> Outcome:
    wrong = [tax for tax in cii.taxes if tax.rate is not None and tax.rate not in RATES]
    if not wrong:
        return passed(*(seen("BT-119", tax.rate) for tax in cii.taxes if tax.rate is not None))
    return failed(
        "A VAT rate is none of France: correct the line.",
        "Un taux de TVA n'existe pas en France : corriger la ligne.",
        *(seen("BT-119", tax.rate) for tax in wrong),
    )
