# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written in a recurring invoice, and goes into every invoice made from it."""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import ZERO, Finding, Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words, french_date, french_figure
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Line, ProductType, Template

# The rates of the mainland, Corsica and the overseas departments (CGI 278 to 281 nonies, 294 to 297).
RATES_IN_FORCE = frozenset(map(Decimal, ("20", "13", "10", "8.5", "5.5", "2.1", "1.75", "1.05", "0.9", "0")))
# No reason has to be given up to this total without VAT (CGI ann. II 242 nonies A, II).
SMALL = Decimal(150)
# The reasons for 0 % that an invoice may give (CGI ann. II 242 nonies A, I-12° to I-16°), in text without accents.
REASON = re.compile(
    r"auto-?liquidation|reverse[ -]charge|tva non applicable|regime particulier|\bexoner"
    r"|\bart(?:icle|s)?\.?[ -]?(?:259|26[123]|275|277|283|29[3-8])\b|2006/112|\bl\. ?2[1-4]\d-\d{1,3}\b"
)
MONTHS = {
    name: number
    for names in (
        "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
        "january february march april may june july august september october november december",
    )
    for number, name in enumerate(names.split(), start=1)
}
MONTH_IN_TEXT = re.compile(rf"\b({'|'.join(MONTHS)}) (20\d\d)\b")


def content_findings(template: Template, today: date) -> Iterator[Finding]:
    """What the next invoice of a template would get wrong."""
    for name, is_missing in (
        (Words("conditions de règlement", "payment terms"), not template.payment_terms),
        (Words("mode de règlement", "payment mode"), not template.payment_mode),
    ):
        if is_missing:
            yield Finding(
                "template-payment",
                Severity.WARNING,
                template.title,
                f"{template.title} has no {name.en}, so that no due date or bank details are printed: choose one.",
                f"{template.title} n'a pas de {name.fr}, si bien que ni échéance ni coordonnées "
                "bancaires ne sont imprimées : choisir.",
            )
    lines = [line for line in template.lines if line.product_type is not ProductType.TEXT]
    yield from _of_rates(template, lines)
    for line in lines:
        yield from _of_period(template, line, today)


def _of_rates(template: Template, lines: list[Line]) -> Iterator[Finding]:
    for rate in sorted({line.vat_rate for line in lines if line.vat_rate not in RATES_IN_FORCE}):
        yield Finding(
            "template-vat-rate",
            Severity.ERROR,
            template.title,
            f"{template.title} has lines at {rate.normalize():f} % VAT, a rate that is not in force: correct them.",
            f"{template.title} a des lignes à {french_figure(rate)} % de TVA, un taux qui n'est "
            "pas en vigueur : les corriger.",
        )
    texts = " ".join([template.note_public, *(line.description for line in template.lines)])
    is_free = any(line.vat_rate == ZERO and line.total_ht != ZERO for line in lines)
    if is_free and template.total_ht > SMALL and not REASON.search(_plain(texts)):
        yield Finding(
            "template-vat-unexplained",
            Severity.ERROR,
            template.title,
            f"{template.title} has lines at 0 % VAT and gives no reason: add the article that exempts them to the public "
            "note.",
            f"{template.title} a des lignes à 0 % de TVA sans motif : ajouter l'article "
            "d'exonération à la note publique.",
        )


def _of_period(template: Template, line: Line, today: date) -> Iterator[Finding]:
    last = line.date_end or line.date_start
    if last is not None and last < today:
        yield Finding(
            "template-period",
            Severity.ERROR,
            template.title,
            f"A line of {template.title} is for the period until {last}, so that every invoice would show a wrong date "
            "of supply: remove or renew the period.",
            f"Une ligne de {template.title} porte sur une période finissant le "
            f"{french_date(last)}, si bien que chaque facture indiquerait une fausse date de "
            "prestation : retirer ou renouveler la période.",
        )
    months = [(int(year), MONTHS[name]) for name, year in MONTH_IN_TEXT.findall(_plain(line.description))]
    if months:
        year, month = max(months)
        if date(year, month, monthrange(year, month)[1]) < today:
            yield Finding(
                "template-period",
                Severity.WARNING,
                template.title,
                f"A line of {template.title} speaks of {year}-{month:02}, and so will every invoice: take the month out, and "
                "write __INVOICE_MONTH_TEXT__ __INVOICE_YEAR__ in the public note.",
                f"Une ligne de {template.title} parle de {month:02}/{year}, et chaque facture le fera "
                "aussi : retirer le mois, et écrire __INVOICE_MONTH_TEXT__ __INVOICE_YEAR__ dans la "
                "note publique.",
            )


def _plain(text: str) -> str:
    """Lower case, without accents, one space between words."""
    decomposed = unicodedata.normalize("NFD", text.casefold())
    return re.sub(r"\s+", " ", "".join(sign for sign in decomposed if unicodedata.category(sign) != "Mn"))
