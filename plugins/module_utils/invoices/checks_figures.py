# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of amounts: that they add up, and that the paper shows the same.

Dolibarr rounds the line with and without tax and takes the difference for the tax: round(HT × rate) may differ from it by
a cent. Each amount on paper is looked for as it should be, as rows of a table cannot be read back.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import (
    CENT,
    TOLERANCE,
    Severity,
    cents,
    money,
    total,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import (
    NOT_CHARGED,
    is_worth_nothing,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words, french_figure, french_money
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    Invoice,
    InvoiceType,
    Line,
    ProductType,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks_document import (
    api,
    pdf_matches_number,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks_lines import is_foreign, rows_of, shown
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.figures import amount_pattern
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.mentions import no_paper
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.outcomes import (
    failed,
    needless,
    passed,
    undetermined,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, Subject
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import Check, Rule
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import Found, Paper
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.wording import (
    TOTAL_HT,
    TOTAL_TTC,
    Labelled,
    labelled_amount,
)

HUNDRED = Decimal(100)
WITHOUT_TAX, OF_VAT, WITH_TAX = Words("hors taxe", "without tax"), Words("de TVA", "of VAT"), Words("TTC", "with tax")
# How a currency is written besides its code.
CURRENCIES = {
    "EUR": r"€|euros?",
    "USD": r"\$|us dollars?|dollars?",
    "GBP": r"£|pounds? sterling|livres? sterling|pounds?|gb pounds?|united kingdom pounds?",
    "CHF": r"francs? suisses?|swiss francs?|switzerland francs?",
    "CAD": r"\$|dollars? canadiens?|canadian dollars?|can dollars?|canada dollars?|dollars?",
    "JPY": r"¥|yens?|japan yens?",
}
# What Dolibarr prints above the table; of most currencies it is the name in its dictionary.
STATED = re.compile(r"\b(?:montants? exprimes? en|amounts? (?:expressed )?in)\s([a-z][a-z .]{2,40})")


def vat_breakdown_per_rate(subject: Subject, rule: Rule) -> Outcome:
    """Where there are several rates, the base and the tax of each."""
    by_rate: dict[Decimal, list[Line]] = defaultdict(list)
    for line in subject.invoice.lines:
        if not is_worth_nothing(line):
            by_rate[line.vat_rate].append(line)
    if len(by_rate) < 2:
        return needless("It has one VAT rate.", "Il n'y a qu'un taux de TVA.")
    if subject.paper is None:
        return no_paper(subject)
    if is_foreign(subject):
        return undetermined(
            "The bases by rate are not known in the currency of the invoice: compare them by hand.",
            "Les bases par taux ne sont pas connues dans la devise de la facture : les comparer à la main.",
        )
    places = []
    # What bears no tax has no rate; its own reason is another rule.
    for rate, lines in sorted(((rate, lines) for rate, lines in by_rate.items() if rate), reverse=True):
        base, tax = total(line.total_ht for line in lines), total(line.total_tva for line in lines)
        found = subject.paper.find(amount_pattern(base, any_sign=True))
        if found is None:
            return failed(
                f"The base {money(base)} of the VAT rate {shown(rate)} % is not on it: set"
                " PDF_INVOICE_SHOW_VAT_ANALYSIS in Dolibarr.",
                f"La base de {french_money(base)} au taux de TVA de {french_figure(rate)} % n'y "
                "figure pas : activer PDF_INVOICE_SHOW_VAT_ANALYSIS dans Dolibarr.",
            )
        places.append(found)
        if tax and (found := subject.paper.find(amount_pattern(tax, any_sign=True))) is None:
            return failed(
                f"The VAT of {money(tax)} at {shown(rate)} % is not on it: make the PDF again.",
                f"La TVA de {french_money(tax)} à {french_figure(rate)} % n'y figure pas : générer de nouveau le PDF.",
            )
        places.append(found)
    return passed(*places)


def _totals(subject: Subject) -> tuple[Decimal, Decimal, Decimal]:
    """Totals without tax, of tax and with tax as the paper has to show them, in the currency of the invoice."""
    invoice = subject.invoice
    if is_foreign(subject):
        return invoice.currency_total_ht, invoice.currency_total_tva, invoice.currency_total_ttc
    return invoice.total_ht, invoice.total_tva, invoice.total_ttc


def _is_any_sign(subject: Subject) -> bool:
    """A credit note may be printed without the minus sign (INVOICE_POSITIVE_CREDIT_NOTE)."""
    return subject.invoice.is_credit_note


def totals_present(subject: Subject, rule: Rule) -> Outcome:
    """Totals without tax, of the tax where there is one, and with tax."""
    if subject.paper is None:
        return no_paper(subject)
    paper, (ht, tva, ttc), any_sign = subject.paper, _totals(subject), _is_any_sign(subject)
    places: list[Found] = []
    for name, label, amount in ((WITHOUT_TAX, TOTAL_HT, ht), (WITH_TAX, TOTAL_TTC, ttc)):
        labelled = labelled_amount(paper, label, amount, any_sign)
        found = (*labelled.right, *labelled.wrong) or _outside_rows(subject, paper, _all(paper, amount, any_sign))
        if not found:
            return failed(
                f"The total {name.en} is not on it: print {money(amount)}.",
                f"Le total {name.fr} n'y figure pas : imprimer {french_money(amount, subject.invoice.currency)}.",
            )
        places.append(found[0])
    if tva:
        tax = paper.find(amount_pattern(tva, any_sign)) or _tax_by_rate(subject, paper, any_sign)
        if tax is None:
            return failed(
                f"The VAT to pay is not on it, or another one: print {money(tva)}.",
                "La TVA à payer n'y figure pas, ou c'en est une autre : imprimer "
                f"{french_money(tva, subject.invoice.currency)}.",
            )
        places.append(tax)
    return passed(*places)


def _all(paper: Paper, amount: Decimal, any_sign: bool) -> tuple[Found, ...]:
    return tuple(paper.find_all(amount_pattern(amount, any_sign)))


def _outside_rows(subject: Subject, paper: Paper, found: tuple[Found, ...]) -> tuple[Found, ...]:
    """Those that are not in a row of the table: the amount of the only line is not thereby the total."""
    rows = rows_of(subject, paper)
    return tuple(one for one in found if not any(start <= one.start < end for start, end in rows))


def _tax_by_rate(subject: Subject, paper: Paper, any_sign: bool) -> Found | None:
    """The tax of each rate, where its sum is not printed."""
    places = [paper.find(amount_pattern(tax, any_sign)) for tax in _tax_of_rates(subject)]
    return places[0] if places and None not in places else None


def _tax_of_rates(subject: Subject) -> list[Decimal]:
    by_rate: dict[Decimal, Decimal] = defaultdict(Decimal)
    rate = subject.invoice.currency_rate if is_foreign(subject) else Decimal(1)
    for line in subject.invoice.lines:
        by_rate[line.vat_rate] += line.total_tva * rate
    return [tax for tax in by_rate.values() if cents(tax)]


def pdf_matches_api(subject: Subject, rule: Rule) -> Outcome:
    """The number and the totals on paper are those of Dolibarr: a PDF older than the data shows others."""
    if subject.paper is None:
        return no_paper(subject)
    reference = pdf_matches_number(subject)
    if reference is None:
        return failed(
            f"Its number {subject.invoice.ref} is not on its PDF: find out which invoice the PDF is of.",
            f"Son numéro {subject.invoice.ref} n'est pas sur son PDF : chercher de quelle facture est ce PDF.",
        )
    paper, (ht, tva, ttc), any_sign = subject.paper, _totals(subject), _is_any_sign(subject)
    places = [reference]
    for name, label, amount in ((WITHOUT_TAX, TOTAL_HT, ht), (WITH_TAX, TOTAL_TTC, ttc)):
        labelled = labelled_amount(paper, label, amount, any_sign)
        others = [amount_pattern(other, any_sign) for other in (ht, tva, ttc) if other != amount]
        found = labelled.right or _unlabelled(paper, labelled, amount, any_sign, others)
        if not found:
            return failed(
                f"The total {name.en} on its PDF is not the {money(amount)} of Dolibarr: compare them, the PDF may be older than"
                " the data.",
                f"Le total {name.fr} du PDF n'est pas celui de Dolibarr, "
                f"{french_money(amount, subject.invoice.currency)} : les comparer, le PDF peut être "
                "antérieur aux données.",
                *labelled.wrong[:1],
            )
        places.append(found[0])
    return passed(*places)


def _unlabelled(
    paper: Paper, labelled: Labelled, amount: Decimal, any_sign: bool, others: list[re.Pattern[str]]
) -> tuple[Found, ...]:
    """An amount anywhere counts only where no label says another one.

    Read by columns, all labels stand before all totals: behind the last label is then another of these ``others``.
    """
    said = (found[1].lstrip("- " if any_sign else " ") for found in labelled.wrong)
    is_wrong = any(not any(other.fullmatch(one) for other in others) for one in said)
    return () if is_wrong else _all(paper, amount, any_sign)


def totals_arithmetic(subject: Subject, rule: Rule) -> Outcome:
    """Lines and totals add up, with the rounding that Dolibarr does."""
    invoice = subject.invoice
    slack = _slack(invoice)
    for place, line in enumerate(invoice.lines, 1):
        wrong = _line_fault(line, slack[line.vat_rate], invoice.type is InvoiceType.SITUATION)
        if wrong:
            return failed(
                f"Line {place}: {wrong.en}; correct it by a credit note.",
                f"Ligne {place} : {wrong.fr} ; corriger par un avoir.",
                api(line.description),
            )
    # The lines of a later situation are cumulative while its totals are the difference.
    is_later = invoice.type is InvoiceType.SITUATION and any(line.previous_id for line in invoice.lines)
    if invoice.lines and not is_later:
        on_no_line = invoice.other_taxes - total(line.other_taxes for line in invoice.lines)
        for name, stated, summed in (
            (WITHOUT_TAX, invoice.total_ht, total(line.total_ht for line in invoice.lines)),
            (OF_VAT, invoice.total_tva, total(line.total_tva for line in invoice.lines)),
            (WITH_TAX, invoice.total_ttc, total(line.total_ttc for line in invoice.lines) + on_no_line),
        ):
            if abs(stated - summed) >= TOLERANCE:
                return failed(
                    f"The total {name.en} is {money(stated)} and the lines make {money(summed)}: correct it by a credit note.",
                    f"Le total {name.fr} est de {french_money(stated)} et les lignes font "
                    f"{french_money(summed)} : corriger par un avoir.",
                )
    made = invoice.total_ht + invoice.total_tva + invoice.other_taxes
    # VAT that is noted and not charged (NPR) is in the total of VAT and may not be in the total with tax.
    noted = total(line.total_tva for line in invoice.lines if line.info_bits & NOT_CHARGED)
    if all(abs(total_ttc - invoice.total_ttc) >= TOLERANCE for total_ttc in (made, made - noted)):
        return failed(
            f"The totals without tax and of taxes make {money(made)} and the total with tax is {money(invoice.total_ttc)}:"
            " correct it by a credit note.",
            f"Le total hors taxe et les taxes font {french_money(made)} et le total TTC est de "
            f"{french_money(invoice.total_ttc)} : corriger par un avoir.",
        )
    return _by_rate(invoice) or passed(api(f"{money(invoice.total_ht)} + {money(invoice.total_tva)}"))


def _rates(invoice: Invoice) -> dict[Decimal, tuple[Decimal, Decimal, int]]:
    """Of each rate, the tax that its lines bear, the tax on their sum, and how many lines there are."""
    found = {}
    for rate in {line.vat_rate for line in invoice.lines}:
        lines = [line for line in invoice.lines if line.vat_rate == rate]
        base = total(line.total_ht for line in lines)
        found[rate] = total(line.total_tva for line in lines), cents(base * rate / HUNDRED), len(lines)
    return found


def _slack(invoice: Invoice) -> dict[Decimal, Decimal]:
    """By how much the tax of a line may differ from what its rate makes.

    A cent; where the tax was rounded on the sum of the lines of a rate (MAIN_ROUNDOFTOTAL_NOT_TOTALOFROUND), one line
    bears the cents of all.
    """
    return {rate: CENT * (count if borne == made else 1) for rate, (borne, made, count) in _rates(invoice).items()}


def _line_fault(line: Line, slack: Decimal, is_situation: bool) -> Words | None:
    if line.product_type is ProductType.TEXT:
        return None
    is_charged = not line.info_bits & NOT_CHARGED
    if is_charged and abs(line.total_ht + line.total_tva + line.other_taxes - line.total_ttc) >= TOLERANCE:
        return Words(
            f"{french_money(line.total_ht)} et {french_money(line.total_tva)} de TVA ne font pas {french_money(line.total_ttc)}",
            f"{money(line.total_ht)} and VAT of {money(line.total_tva)} do not make {money(line.total_ttc)}",
        )
    tax = cents(line.total_ht * line.vat_rate / HUNDRED)
    if abs(line.total_tva - tax) > slack:
        return Words(
            f"la TVA à {french_figure(line.vat_rate)} % de {french_money(line.total_ht)} est de {french_money(tax)} et non de"
            f" {french_money(line.total_tva)}",
            f"VAT at {shown(line.vat_rate)} % of {money(line.total_ht)} is {money(tax)} and not {money(line.total_tva)}",
        )
    # The progress of a situation may be counted from its beginning or from the last one.
    if not is_situation and line.discount_id is None:
        net = line.quantity * line.unit_price * (1 - line.discount_percent / HUNDRED)
        if abs(line.total_ht - net) > CENT + abs(line.quantity) * _precision(line.unit_price):
            return Words(
                f"quantité, prix et remise font {french_money(net)} et non {french_money(line.total_ht)}",
                f"quantity, price and discount make {money(net)} and not {money(line.total_ht)}",
            )
    return None


def _precision(price: Decimal) -> Decimal:
    """Half of the last place of a unit price, which was rounded if it was made from one with tax."""
    exponent = price.normalize().as_tuple().exponent
    return Decimal(5).scaleb(min(-2, exponent if isinstance(exponent, int) else 0) - 1)


def _by_rate(invoice: Invoice) -> Outcome | None:
    for rate, (borne, made, count) in sorted(_rates(invoice).items()):
        if abs(borne - made) > CENT * count:
            return failed(
                f"The lines at {shown(rate)} % bear VAT of {money(borne)} and their sum makes {money(made)}: look at the"
                " rounding that is set in Dolibarr.",
                f"Les lignes à {french_figure(rate)} % portent {french_money(borne)} de TVA et leur "
                f"somme en donne {french_money(made)} : vérifier l'arrondi réglé dans Dolibarr.",
                severity=Severity.WARNING,
            )
    return None


def currency(subject: Subject, rule: Rule) -> Outcome:
    """The currency of the amounts; in another one than the euro, the VAT in euros too."""
    if subject.paper is None:
        return no_paper(subject)
    code = subject.invoice.currency or "EUR"
    found = next(_currency_named(subject.paper, code), None)
    in_words = None if found or code in CURRENCIES else _stated_otherwise(subject.paper)
    if not (found or in_words):
        return failed(
            f"Nothing says that its amounts are in {code}: print the currency.",
            f"Rien n'indique que les montants sont en {code} : imprimer la devise.",
        )
    in_euros = None
    if is_foreign(subject) and subject.invoice.total_tva:
        in_euros = subject.paper.find(amount_pattern(subject.invoice.total_tva, any_sign=True))
        if in_euros is None:
            return failed(
                f"The VAT is not on it in euros: print {money(subject.invoice.total_tva)} €.",
                f"La TVA n'y figure pas en euros : imprimer {french_money(subject.invoice.total_tva)}.",
                found or in_words,
            )
    if found is None:
        return undetermined(
            f"The currency on it is written in words: see that they mean {code}.",
            f"La devise y est écrite en toutes lettres : vérifier qu'il s'agit de {code}.",
            in_words,
        )
    return passed(found, in_euros)


def _stated_otherwise(paper: Paper) -> Found | None:
    """Where a currency is stated in words that are of none of the known ones."""
    stated = paper.find(STATED)
    is_known = stated and any(re.match(rf"(?:{names})(?!\w)", stated[1]) for names in CURRENCIES.values())
    return None if is_known else stated


def _currency_named(paper: Paper, code: str) -> Iterator[Found]:
    names = f"{CURRENCIES[code]}|{code.lower()}" if code in CURRENCIES else re.escape(code.lower())
    yield from paper.find_all(re.compile(rf"(?<!\w)(?:en|in|devise|currency)\s?:?\s(?:{names})(?!\w)"))
    beside = re.compile(
        rf"(?<![\d.,])(\d[\d .,']*[.,]\d{{2}})\s?(?:{names})(?!\w)|(?<!\w)(?:{names})\s?(\d[\d .,']*[.,]\d{{2}})"
    )
    for found in paper.find_all(beside):
        # The fixed indemnity is in euros on every invoice, and so is the capital.
        before = paper.text[max(found.start - 25, 0) : found.start]
        if not re.fullmatch(r"40[.,]00", found[1] or found[2]) and "capital" not in before:
            yield found


FIGURE_CHECKS: dict[str, Check] = {
    "vat_breakdown_per_rate": vat_breakdown_per_rate,
    "totals_present": totals_present,
    "pdf_matches_api": pdf_matches_api,
    "totals_arithmetic": totals_arithmetic,
    "currency": currency,
}
