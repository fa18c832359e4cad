# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures: Dolibarr's own rounding is never a fault, a wrong figure always is one."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Severity
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import InvoiceType, Line, ProductType
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks import CHECKS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, PdfText, Status
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rules import RULES_BY_ID
from tests.support.scenes import Scene, invoice, line

P, F, U, N = Status.PASS, Status.FAIL, Status.UNDETERMINED, Status.NOT_APPLICABLE


def check(rule: str, scene: Scene, text: str = "") -> Outcome:
    return CHECKS[rule.replace("-", "_")](scene.subject(PdfText(pages=(text,))), RULES_BY_ID[rule])


def cent(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def dolibarr_line(quantity: Decimal, price: Decimal, discount: int, rate: Decimal) -> Line:
    """A line as Dolibarr reckons it from a price without tax: the tax is the difference of two rounded amounts."""
    net = quantity * price * (1 - Decimal(discount) / 100)
    ht, ttc = cent(net), cent(net * (1 + rate / 100))
    return replace(
        line("Ligne", str(quantity), str(price), str(rate), str(ht), "0", discount_percent=Decimal(discount)),
        total_tva=ttc - ht,
        total_ttc=ttc,
    )


def totalled(*lines: Line) -> Scene:
    return Scene(
        replace(
            invoice(*lines),
            total_ht=sum((one.total_ht for one in lines), Decimal(0)),
            total_tva=sum((one.total_tva for one in lines), Decimal(0)),
            total_ttc=sum((one.total_ttc for one in lines), Decimal(0)),
        )
    )


LINES = st.builds(
    dolibarr_line,
    quantity=st.decimals("0.01", "500", places=2),
    price=st.decimals("-2000", "5000", places=3),
    discount=st.sampled_from([0, 0, 5, 33, 60, 100]),
    rate=st.sampled_from([Decimal(text) for text in ("0", "2.1", "5.5", "8.5", "10", "20")]),
)


@given(st.lists(LINES, min_size=1, max_size=6))
@settings(max_examples=150)
def test_what_dolibarr_reckons_adds_up(lines: list[Line]) -> None:
    outcome = check("totals-arithmetic", totalled(*lines))
    assert outcome.status is P, outcome.message


@given(st.lists(LINES, min_size=1, max_size=4), st.sampled_from(["total_ht", "total_tva", "total_ttc"]), st.booleans())
@settings(max_examples=100)
def test_a_cent_in_a_total_is_found(lines: list[Line], field: str, more: bool) -> None:
    scene = totalled(*lines)
    amount = getattr(scene.invoice, field) + (Decimal("0.01") if more else Decimal("-0.01"))
    outcome = check("totals-arithmetic", scene.with_invoice(**{field: amount}))
    assert (outcome.status, outcome.severity) == (F, None)


def test_a_cent_between_the_lines_and_the_totals_is_found() -> None:
    scene = totalled(line("Audit", "1", "100", "20", "100", "20"))
    more = scene.with_invoice(total_ht=Decimal("100.01"), total_ttc=Decimal("120.01"))
    assert check("totals-arithmetic", more).status is F


@pytest.mark.parametrize(("tax", "status"), [("20.01", P), ("19.99", P), ("20.02", F), ("19.98", F)])
def test_the_tax_of_a_line_may_differ_by_a_cent(tax: str, status: Status) -> None:
    outcome = check("totals-arithmetic", totalled(line("Audit", "1", "100", "20", "100", tax)))
    # An error, where cents of a whole rate are a warning.
    assert (outcome.status, outcome.severity) == (status, None)


def test_a_price_that_was_given_with_tax() -> None:
    # 3 at 99.99 with tax: 299.97; without 249.975, so 249.98; the unit price is kept as 83.325.
    taxed = line("Lampe", "3", "83.325", "20", "249.98", "49.99")
    assert check("totals-arithmetic", totalled(taxed)).status is P
    # 1000 at 99.99 where unit prices have two decimals: 83.33 is kept of 83.325.
    many = line("Lampe", "1000", "83.33", "20", "83325", "16665")
    assert check("totals-arithmetic", totalled(many)).status is P


def test_the_tax_may_be_rounded_on_the_sum_of_a_rate() -> None:
    # Five lines of 0.12 at 20 %: 0.024 each, 0.12 on their sum; one line bears what is left.
    small = [line("Vis", "1", "0.12", "20", "0.12", tax) for tax in ("0.02", "0.02", "0.02", "0.02", "0.04")]
    assert check("totals-arithmetic", totalled(*small)).status is P
    wrong = [*small[:4], line("Vis", "1", "0.12", "20", "0.12", "0.05")]
    assert check("totals-arithmetic", totalled(*wrong)).status is F


def test_a_rate_whose_lines_are_rounded_too_far_is_a_warning() -> None:
    # 0.03 at 5.5 % is 0.00165 each: ten lines may differ by ten cents, not by eleven.
    lines = [line("Vis", "1", "0.03", "5.5", "0.03", "0.01") for _number in range(10)]
    assert check("totals-arithmetic", totalled(*lines)).status is P
    taxed = [line("Clou", "1", "0.10", "20", "0.10", "0.03") for _number in range(10)]
    assert check("totals-arithmetic", totalled(*taxed)).status is P
    # One line more than a cent away from its own tax, of lines whose sum is not exact.
    assert check("totals-arithmetic", totalled(*taxed, line("Clou", "1", "0.10", "20", "0.10", "0.04"))).status is F


def test_vat_that_is_noted_and_not_charged() -> None:
    noted = line("Meuble", "1", "1000", "8.5", "1000", "85", info_bits=1)
    for ttc in ("1000", "1085"):
        whole = replace(noted, total_ttc=Decimal(ttc))
        assert check("totals-arithmetic", totalled(whole)).status is P


def test_a_revenue_stamp_is_in_the_total_and_on_no_line() -> None:
    scene = totalled(line("Acte", "1", "100", "20", "100", "20"))
    stamped = scene.with_invoice(other_taxes=Decimal(5), total_ttc=Decimal(125))
    assert check("totals-arithmetic", stamped).status is P
    assert check("totals-arithmetic", scene.with_invoice(total_ttc=Decimal(125))).status is F


def test_the_lines_of_a_later_situation_are_cumulative() -> None:
    later = line("Gros œuvre", "1", "1000", "20", "600", "120", situation_percent=Decimal(60), previous_id=3)
    scene = totalled(later).with_invoice(
        type=InvoiceType.SITUATION, total_ht=Decimal(300), total_tva=Decimal(60), total_ttc=Decimal(360)
    )
    assert check("totals-arithmetic", scene).status is P
    assert check("totals-arithmetic", scene.with_invoice(total_ttc=Decimal(361))).status is F


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("FA2611-0100 Total HT 1 800,00 Total TTC 2 160,00", P),
        ("FA2611-\n0100 Total HT : 1800,00 € Net à payer 2.160,00 €", P),
        ("FA2611-0100 Total (excl. tax) 1,800.00 Total (inc. tax) 2,160.00", P),
        ("FA2611-0100 Montant HT 1'800.00 Total TTC EUR 2160.00", P),
        # Without labels the amounts anywhere do.
        ("FA2611-0100 1 800,00 360,00 2 160,00", P),
        # The table's head is no label of an amount.
        (
            "FA2611-0100 Désignation TVA P.U. HT Qté Total HT\nTotal net avant remise 0,00 Total HT 1 800,00 Total TTC 2 160,00",
            P,
        ),
        # All labels, then all amounts.
        ("FA2611-0100 Total HT\nTotal TVA 20%\nTotal TTC\n1 800,00\n360,00\n2 160,00", P),
        ("FA2611-0100 Total HT\nTotal TVA 20%\nTotal TTC\n1 800,00\n360,00\n2 150,00", F),
        ("FA2611-0100 Total HT 1 800,00 Total TTC 1 800,00", F),
        ("FA2611-0100 Total HT 1 900,00 Total TTC 2 160,00 1 800,00", F),
        ("FA2611-0100 Total HT 1 800,00 Total TTC 2 161,00", F),
        ("FA2611-0100 Total HT 1 800,00 Total TTC 12 160,00", F),
        ("FA2611-0100 Total HT 1 800,00", F),
        ("FA2611-0101 Total HT 1 800,00 Total TTC 2 160,00", F),
        ("XFA2611-0100 Total HT 1 800,00 Total TTC 2 160,00", F),
    ],
)
def test_the_paper_agrees_with_the_data(text: str, status: Status) -> None:
    assert check("pdf-matches-api", Scene(), text).status is status


def test_a_credit_note_may_be_printed_with_either_sign() -> None:
    scene = Scene(
        invoice(line("Avoir", "1", "-300", "20", "-300", "-60"), ht="-300", vat="-60", type=InvoiceType.CREDIT_NOTE)
    )
    for text in ("Total HT -300,00 Total TTC -360,00", "Total HT 300,00 Total TTC 360,00"):
        assert check("pdf-matches-api", scene, f"FA2611-0100 {text}").status is P
    assert check("pdf-matches-api", scene, "FA2611-0100 Total HT -300,00 Total TTC -350,00").status is F


@pytest.mark.parametrize(
    ("quantity", "price", "text", "status"),
    [
        ("8", "600", "20% 600,00 8 4 800,00", P),
        ("8", "600", "8 h 600,00 4 800,00", P),
        ("8", "600", "8 600,00 4 800,00", P),
        ("8", "600", "20% 600,00 4 800,00", F),
        ("8", "600", "8 Ligne de travaux 600,00 4 800,00", P),
        ("8", "600", "le 8/11/2026 600,00 7 4 200,00", F),
        ("8", "600", "8 rue des Essais 20% 600,00 7 4 800,00", F),
        ("8", "600", "8 Ligne de travaux 600,00 780,00 4 800,00", P),
        ("3.25", "83.333", "20% 83,333 3.25 270,83", P),
        ("3.25", "83.333", "83,333 3,25 270,83", P),
        ("1200", "0.5", "0,50 1 200 600,00", P),
        ("1200", "0.5", "0,50 1200 600,00", P),
        ("2", "100", "2 100,00 200,00", P),
        ("2", "1080", "1 080,00 2 160,00", F),
        ("-1", "600", "600,00 -1 -600,00", P),
    ],
)
def test_quantities(quantity: str, price: str, text: str, status: Status) -> None:
    ht = str(cent(Decimal(quantity) * Decimal(price)))
    assert check("line-quantity", totalled(line("Ligne", quantity, price, "0", ht, "0")), text).status is status


@pytest.mark.parametrize(
    ("price", "text", "status"),
    [
        ("600", "600,00", P),
        ("83.333", "83,333", P),
        ("83.333", "83,33", P),
        ("0.00125", "0,00125", P),
        ("1250", "1 250,00", P),
        ("1250", "1,250.00", P),
        ("-200", "-200,00", P),
        ("600", "600", F),
        ("600", "6 000,00", F),
        ("600", "600,005", F),
    ],
)
def test_unit_prices(price: str, text: str, status: Status) -> None:
    assert check("line-unit-price-ht", totalled(line("Ligne", "1", price, "0", price, "0")), text).status is status


@pytest.mark.parametrize(
    ("label", "description", "status"),
    [
        ("Audit technique", "", P),
        ("", "Développement octobre 2026", P),
        ("Prestation", "Refonte du site", P),
        ("", "Prestation de services", F),
        ("Divers", "", F),
        ("Services", "<b>Prestations</b>", F),
        ("", "Prestations de services informatiques du 3 au 5 mars", P),
        ("", "", F),
    ],
)
def test_descriptions(label: str, description: str, status: Status) -> None:
    scene = totalled(line(description, "1", "100", "20", "100", "20", label=label))
    assert check("line-description", scene).status is status


@pytest.mark.parametrize(
    ("rate", "text", "status"),
    [
        ("20", "20%", P),
        ("20", "20,0 %", P),
        ("5.5", "5,5%", P),
        ("5.5", "5.50 %", P),
        ("2.1", "2,1 %", P),
        ("10", "10%", P),
        ("5.5", "15,5%", F),
        ("20", "120%", F),
        ("20", "2,20", F),
    ],
)
def test_rates(rate: str, text: str, status: Status) -> None:
    tax = str(cent(Decimal(rate)))
    assert check("line-vat-rate", totalled(line("Ligne", "1", "100", rate, "100", tax)), text).status is status


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("10% 600,00 3 1 800,00 Total TVA 20% 360,00", F),
        ("20% 600,00 3 1 800,00 Total TVA 10% 360,00", F),
        ("TVA 20% sur ces prix, remise 5% 600,00 3 1 800,00 Total TVA 20% 360,00", F),
        ("20% 600,00 3 1 800,00 Total TVA 20,00 % 360,00", P),
        ("600,00 3 20% 1 800,00 Total TVA 360,00", P),
        # The words of the line end with a percentage, and the rate stands elsewhere.
        ("Formation à 50% 600,00 3 1 800,00 TVA 20%", P),
    ],
)
def test_the_rate_beside_an_amount_is_its_own(text: str, status: Status) -> None:
    scene = Scene().with_line(description="Formation à 50%")
    assert check("line-vat-rate", scene, text).status is status


def test_a_line_without_vat_shows_no_rate() -> None:
    scene = totalled(line("Conseil", "5", "650", "0", "3250", "0"))
    assert check("line-vat-rate", scene, "20% 650,00 5 3 250,00").status is F


def test_the_amount_of_the_only_line_is_not_the_total() -> None:
    row, totals = "20% 600,00 3 1 800,00", "Total TVA 20% 360,00 Total TTC 2 160,00"
    assert check("totals-present", Scene(), f"{row} {totals}").status is F
    assert check("totals-present", Scene(), f"{row} Sous-total 1 800,00 {totals}").status is P
    assert check("totals-present", Scene(), f"{row} Total HT 1 800,00 {totals}").status is P


def test_several_rates_need_the_base_of_each() -> None:
    two = totalled(
        line("Audit", "1", "500", "20", "500", "100"),
        line("Visite", "1", "200", "20", "200", "40"),
        line("Livre", "3", "30", "5.5", "90", "4.95"),
    )
    rows = "500,00 200,00 30,00 90,00 TVA 20% 140,00 TVA 5,5% 4,95"
    assert check("vat-breakdown-per-rate", two, rows).status is F
    assert check("vat-breakdown-per-rate", two, f"{rows} base 700,00").status is P
    # What bears no tax has no rate.
    free = totalled(line("Audit", "1", "500", "20", "500", "100"), line("Timbres", "1", "7", "0", "7", "0"))
    assert check("vat-breakdown-per-rate", free, "500,00 100,00").status is P


@pytest.mark.parametrize(
    ("code", "text", "status"),
    [
        ("EUR", "Montants exprimés en Euros", P),
        ("EUR", "Amount in Euros currency", P),
        ("EUR", "Total TTC 2 160,00 €", P),
        ("EUR", "Total TTC EUR 2 160,00", P),
        ("EUR", "Capital de 5 000,00 € - indemnité de 40,00 €", F),
        ("EUR", "Amount in US Dollars currency", F),
        ("EUR", "Total TTC 2 160,00", F),
        ("", "Montants exprimés en Euros", P),
        ("USD", "Amount in US Dollars currency. VAT 360,00 EUR", P),
        ("USD", "Amount in US Dollars currency", F),
        ("GBP", "Total £ 2,160.00, VAT 360.00 EUR", P),
        ("SEK", "Devise : SEK, TVA 360,00 EUR", P),
        ("SEK", "TVA 360,00 EUR", F),
        # Its name in Dolibarr's dictionary.
        ("SEK", "Montants exprimés en Sweden Krona, TVA 360,00 EUR", U),
        ("SEK", "Montants exprimés en Sweden Krona", F),
        ("SEK", "Montants exprimés en Euros, TVA 360,00 EUR", F),
        ("GBP", "Amount in GB Pounds currency. VAT 360.00 EUR", P),
    ],
)
def test_currencies(code: str, text: str, status: Status) -> None:
    assert check("currency", Scene().with_invoice(currency=code), text).status is status


@pytest.mark.parametrize(
    ("kinds", "text", "status"),
    [
        ("s", "Catégorie d'opérations : Prestation de services", P),
        ("g", "Catégorie d'opérations : Livraison de marchandises", P),
        ("g", "Nature de l'opération : livraison de biens", P),
        ("gs", "Catégorie d'opérations : Mixte - Livraison de biens & prestation de services", P),
        ("s", "Category of operations : Provision of services", P),
        ("g", "Category of operations : Delivery of goods", P),
        ("gs", "Catégorie d'opérations : Prestation de services", F),
        ("g", "Catégorie d'opérations : Prestation de services", F),
        ("s", "Prestation de services informatiques", F),
    ],
)
def test_categories_of_operations(kinds: str, text: str, status: Status) -> None:
    lines = [
        line(
            "Ligne", "1", "10", "20", "10", "2", product_type=ProductType.GOODS if kind == "g" else ProductType.SERVICE
        )
        for kind in kinds
    ]
    assert check("operation-category", totalled(*lines), text).status is status


def test_a_consumed_deposit_is_no_sale_of_goods() -> None:
    deposit = line("(DEPOSIT)", "1", "-10", "20", "-10", "-2", discount_id=3, product_type=ProductType.GOODS)
    scene = totalled(deposit, line("Conseil", "1", "100", "20", "100", "20"))
    assert check("operation-category", scene, "Catégorie d'opérations : Prestation de services").status is P
    assert check("operation-category", scene, "Catégorie d'opérations : Mixte").status is F


def test_a_wrong_total_of_a_line_is_an_error() -> None:
    outcome = check("totals-arithmetic", totalled(line("Ligne", "3", "600", "20", "1900", "380")))
    assert outcome.status is F
    assert outcome.severity is not Severity.WARNING
    assert "1800.00" in outcome.message


def test_discounts() -> None:
    def scene(percent: int) -> Scene:
        ht = str(Decimal(1000) * (100 - percent) / 100)
        row: dict[str, Any] = {"discount_percent": Decimal(percent)}
        return totalled(line("Ligne", "1", "1000", "0", ht, "0", **row))

    assert check("line-discount", scene(60), "1 000,00 1 60% 400,00").status is P
    assert check("line-discount", scene(60), "remise -600,00").status is P
    assert check("line-discount", scene(100), "1 000,00 1 Offert 0,00").status is P
    assert check("line-discount", scene(60), "1 000,00 1 160% 400,00").status is F
    assert check("line-discount", scene(60), "1 000,00 1 400,00").status is F
    assert check("line-discount", scene(0)).status is N
