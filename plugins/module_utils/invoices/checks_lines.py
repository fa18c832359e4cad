# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of lines: what was sold, how many, at what price, with which VAT and discount.

Rows of a table cannot be read back from the text of a PDF: each figure is looked for as it should be.
"""

from __future__ import annotations

import re
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import french_figure
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Line
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks_document import api, sold
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.figures import amount_pattern
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.mentions import no_paper
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.outcomes import (
    failed,
    needless,
    passed,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, Subject
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import Check, Rule
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import Found, Paper, flat
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.wording import phrase

HUNDRED = Decimal(100)
MOST_SHOWN = 3
BEFORE_PRICE = 160  # characters of the same line of a table
START, END = r"(?<![\d.,])", r"(?!\d|[.,]\d)"
# Words that by themselves do not say what was sold.
GENERIC = frozenset(
    (
        "article articles divers diverse diverses forfait fourniture fournitures frais honoraires marchandise marchandises"
        " materiel prestation prestations produit produits service services travaux vente ventes"
    ).split()
) | {
    "prestation de service",
    "prestation de services",
    "prestations de service",
    "prestations de services",
    "prestation diverse",
    "prestations diverses",
    "fournitures diverses",
    "travaux divers",
    "selon devis",
    "suivant devis",
}  # fmt: skip
HTML = re.compile(r"<[^>]{0,200}>")


def line_description(subject: Subject, rule: Rule) -> Outcome:
    """A precise name on each line that sells something."""
    lines = sold(subject)
    if not lines:
        return needless("It sells nothing.", "Rien n'y est vendu.")
    for line in lines:
        text = " ".join(flat(HTML.sub(" ", f"{line.label} {line.description}")).split(" "))
        if not text:
            return failed(
                "A line does not say what was sold: describe it.",
                "Une ligne ne dit pas ce qui a été vendu : la décrire.",
                severity=None,
            )
        words = [flat(part).strip(" .:-") for part in (line.label, HTML.sub(" ", line.description)) if part]
        if all(word in GENERIC for word in words):
            return failed(
                f"« {line.description or line.label} » does not say what was sold: name it precisely.",
                f"« {line.description or line.label} » ne dit pas ce qui a été vendu : le désigner précisément.",
                api(text),
            )
    return passed(api(lines[0].description or lines[0].label))


def line_quantity(subject: Subject, rule: Rule) -> Outcome:
    """The quantity of each line."""
    lines = sold(subject)
    if not lines:
        return needless("It sells nothing.", "Rien n'y est vendu.")
    if subject.paper is None:
        return no_paper(subject)
    places = []
    for line in lines:
        found = _quantity_of(subject, line, subject.paper)
        if found is None:
            return failed(
                f"The quantity {shown(line.quantity)} of a line is not on it: show the column of quantities.",
                f"La quantité {french_figure(line.quantity)} d'une ligne n'y figure pas : afficher la "
                "colonne des quantités.",
            )
        places.append(found)
    return passed(*places[:MOST_SHOWN])


def _quantity_of(subject: Subject, line: Line, paper: Paper) -> Found | None:
    """The quantity of a line: beside its price, or anywhere, unless the price and the total stand side by side."""
    rate = _rate(subject)
    quantity, price, total = (
        quantity_form(line.quantity),
        _price_form(line.unit_price * rate),
        _price_form(line.total_ht * rate),
    )
    unit, percent = r"(?:\s?[a-z]{1,12}\.?)?", r"(?:\d{1,2}(?:[.,]\d+)?\s?%\s)?"
    # « 100,00 2 200,00 » is a price, a quantity and a total, where the total is not « 2 200,00 ».
    beside = (
        rf"{START}{price}\s-?{quantity}\s{percent}-?{total}{END}|{START}{price}\s-?{quantity}{END}(?! \d{{3}}[.,]\d)"
        rf"|{START}-?{quantity}{unit}\s-?{price}{END}"
    )
    if found := paper.find(re.compile(beside)):
        return found
    if _has_other_quantity(line, paper, rf"{START}{price}\s", rf"\s{percent}-?{total}{END}"):
        return None
    alone = re.compile(rf"(?<![\w.,/])(?<!\w-){quantity}(?!\d|[.,/]\d|-\d|\s?%| \d{{3}}[.,]\d)")
    row = paper.find(re.compile(rf"{START}{price}\s{percent}-?{total}{END}"))
    if row is None:
        return paper.find(alone)
    # The quantity may stand before the words of the line, which may hold the same figure.
    before = paper.text[max(row.start - BEFORE_PRICE, 0) : row.start]
    for words in (line.label, *HTML.sub(" ", line.description).splitlines()):
        if wanted := phrase(words):
            before = wanted.sub(" ", before)
    return row if alone.search(before) else None


def _has_other_quantity(line: Line, paper: Paper, before: str, after: str) -> bool:
    """Whether another figure stands between the price and the total of a line, such as « 600,00 4 1 800,00 »."""
    others = re.compile("|".join(map(quantity_form, (line.vat_rate, line.discount_percent))))
    # With two decimals it may be an amount.
    between = paper.find_all(re.compile(rf"{before}-?(\d{{1,6}}(?:[.,]\d)?){after}"))
    return any(not others.fullmatch(found[1]) for found in between)


def rows_of(subject: Subject, paper: Paper) -> list[tuple[int, int]]:
    """Where the figures of the lines stand in the text, from the price to the total."""
    rate = _rate(subject)
    rows = (
        rf"{START}{_price_form(line.unit_price * rate)}\s(?:-?[\d.,]+\s?%?\s){{0,3}}?-?{_price_form(line.total_ht * rate)}{END}"
        for line in sold(subject)
    )
    return [(found.start, found.end) for row in rows for found in paper.find_all(re.compile(row))]


def quantity_form(quantity: Decimal) -> str:
    """The pattern of a quantity with as many decimals as it has, or with zeros after them."""
    whole, _point, decimals = f"{abs(quantity.normalize()):f}".partition(".")
    groups = r"[ ',.]?".join(f"{int(whole):,}".split(","))
    return groups + (rf"[.,]{decimals}0*" if decimals else r"(?:[.,]0+)?")


def line_unit_price_ht(subject: Subject, rule: Rule) -> Outcome:
    """The unit price of each line, without tax."""
    lines = [line for line in sold(subject) if line.unit_price]
    if not lines:
        return needless("It sells nothing.", "Rien n'y est vendu.")
    if subject.paper is None:
        return no_paper(subject)
    places = []
    for line in lines:
        price = line.unit_price * _rate(subject)
        found = subject.paper.find(re.compile(rf"{START}{_price_form(price)}{END}"))
        if found is None:
            return failed(
                f"The unit price {shown(price)} of a line is not on it: show the column of prices without tax.",
                f"Le prix unitaire {french_figure(price)} d'une ligne n'y figure pas : afficher la "
                "colonne des prix hors taxe.",
            )
        places.append(found)
    return passed(*places[:MOST_SHOWN])


def _price_form(price: Decimal) -> str:
    """The pattern of a price with its own decimals, at least two, or rounded to fewer."""
    forms = []
    for places in range(2, 9):
        whole, _point, decimals = f"{abs(price).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):f}".partition(".")
        groups = r"[ ',.]?".join(f"{int(whole):,}".split(","))
        forms.append(rf"{groups}[.,]{decimals}")
    return rf"(?:{'|'.join(dict.fromkeys(forms))})0*"


def _rate(subject: Subject) -> Decimal:
    """What the amounts of lines are multiplied with to be those on paper."""
    return subject.invoice.currency_rate if is_foreign(subject) else Decimal(1)


def is_foreign(subject: Subject) -> bool:
    """Whether the invoice is in another currency than the euro."""
    return subject.invoice.currency not in ("", "EUR")


def shown(figure: Decimal) -> str:
    """A quantity, price or rate without needless zeros."""
    return f"{figure.normalize():f}"


def line_vat_rate(subject: Subject, rule: Rule) -> Outcome:
    """The VAT rate of each line that has one."""
    rates = sorted({line.vat_rate for line in sold(subject) if line.vat_rate}, reverse=True)
    if subject.paper and (other := _other_rate(subject, subject.paper)):
        return failed(
            f"It says {other[1]} % beside an amount that is at another rate in Dolibarr: make the PDF again.",
            f"Le taux de {other[1]} % y figure à côté d'un montant qui est à un autre taux dans Dolibarr : générer de"
            " nouveau le PDF.",
            other,
        )
    if not rates:
        return needless("It charges no VAT.", "Aucune TVA n'est facturée.")
    if subject.paper is None:
        return no_paper(subject)
    places = []
    for rate in rates:
        whole, _point, decimals = shown(rate).partition(".")
        fraction = rf"[.,]{decimals}0*" if decimals else r"(?:[.,]0+)?"
        found = subject.paper.find(re.compile(rf"(?<![\d.,]){whole}{fraction}\s?%"))
        if found is None:
            return failed(
                f"The VAT rate {shown(rate)} % is not on it: show the column of VAT.",
                f"Le taux de TVA de {french_figure(rate)} % n'y figure pas : afficher la colonne de la TVA.",
            )
        places.append(found)
    return passed(*places)


def _other_rate(subject: Subject, paper: Paper) -> Found | None:
    """A rate of VAT right before the price of a line, or the tax of a rate, that are at other rates."""
    lines, rate = sold(subject), _rate(subject)
    taxes: dict[Decimal, Decimal] = defaultdict(Decimal)
    at: dict[str, set[Decimal]] = defaultdict(set)
    for line in lines:
        taxes[line.vat_rate] += line.total_tva * rate
        at[_price_form(line.unit_price * rate)].add(line.vat_rate)
    for vat_rate, tax in taxes.items():
        if tax:
            at[_price_form(tax)].add(vat_rate)
    said = flat(" ".join(f"{line.label} {line.description}" for line in subject.invoice.lines))
    known = {percent for line in subject.invoice.lines for percent in (line.discount_percent, line.situation_percent)}
    for amount, rates in at.items():
        found = list(paper.find_all(re.compile(rf"{START}(\d{{1,2}}(?:[.,]\d{{1,2}})?)\s?%\s-?{amount}{END}")))
        printed = [Decimal(one[1].replace(",", ".")) for one in found]
        # Another percentage may be a discount, or the end of the description.
        if rates.isdisjoint(printed):
            for one, percent in zip(found, printed, strict=True):
                if percent not in known and not re.search(rf"{START}{quantity_form(percent)}\s?%", said):
                    return one
    return None


def line_discount(subject: Subject, rule: Rule) -> Outcome:
    """Discounts of lines, by their percentage or by what they take off."""
    lines = [line for line in subject.invoice.lines if line.discount_percent]
    if not lines:
        return needless("It grants no discount.", "Aucune remise n'est accordée.")
    if subject.paper is None:
        return no_paper(subject)
    places = []
    for line in lines:
        percent = rf"{START}{quantity_form(line.discount_percent)}"
        free = r"|offert|gratuit|free|100\s?%" if line.discount_percent == HUNDRED else ""
        taken_off = abs(line.quantity * line.unit_price * line.discount_percent / HUNDRED)
        patterns = (re.compile(rf"{percent}\s?%{free}"), amount_pattern(taken_off, any_sign=True))
        found = subject.paper.find(patterns[0]) or subject.paper.find(patterns[1])
        if found is None:
            return failed(
                f"The discount of {shown(line.discount_percent)} % is not on it: show the column of discounts.",
                f"La remise de {french_figure(line.discount_percent)} % n'y figure pas : afficher la "
                "colonne des remises.",
            )
        places.append(found)
    return passed(*places)


LINE_CHECKS: dict[str, Check] = {
    "line_description": line_description,
    "line_quantity": line_quantity,
    "line_unit_price_ht": line_unit_price_ht,
    "line_vat_rate": line_vat_rate,
    "line_discount": line_discount,
}
