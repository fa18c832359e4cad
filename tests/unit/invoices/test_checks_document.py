# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dates, numbers, terms, VAT and ties, in the cases that are easily taken for one another."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Finding, Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    InvoiceStatus,
    InvoiceType,
    ProductType,
    ThirdParty,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks import CHECKS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import (
    AuditOptions,
    Outcome,
    PdfText,
    Sector,
    Status,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rules import RULES, RULES_BY_ID
from tests.support.scenes import (
    BOREALE,
    DEPOSIT_PAID,
    DOMINIQUE,
    ISLAND,
    KIEFERNWALD,
    NORTHWIND,
    ORIGINAL,
    RUN_SHOP,
    SCENES,
    TRADER,
    UNTAXED_LINE,
    Scene,
    goods_invoice,
    invoice,
    line,
    untaxed_invoice,
)

P, F, U, N = Status.PASS, Status.FAIL, Status.UNDETERMINED, Status.NOT_APPLICABLE


def check(rule: str, scene: Scene, text: str | None = "", **differing: Any) -> Outcome:
    pdf = None if text is None else PdfText(pages=(text,))
    subject = replace(scene.subject(pdf), **differing)
    return CHECKS[RULES_BY_ID[rule].check](subject, RULES_BY_ID[rule])


def dated(issued: date, due: date, terms: str) -> tuple[Scene, str]:
    return Scene(invoice(issued=issued, due=due)), f"Conditions de règlement: {terms}"


def test_every_rule_has_its_check_and_every_check_its_rule() -> None:
    assert {rule.check for rule in RULES} == set(CHECKS)


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_every_check_says_something_of_an_invoice_without_a_paper_or_a_customer(name: str) -> None:
    rule = next(rule for rule in RULES if rule.check == name)
    for scene in (Scene(), SCENES["credit note"], SCENES["small business"]):
        subject = scene.subject(None)
        for changed in (subject, replace(subject, customer=None), replace(subject, seller=None, source=None)):
            outcome = CHECKS[name](changed, rule)
            assert outcome.status is not F or outcome.message.endswith(".")


# -- dates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Date facturation : 02/11/2026", P),
        ("Date de facturation : 2 novembre 2026", P),
        ("Invoice date : 11/02/2026 Due date : 12/02/2026", P),
        ("Invoice date : 02/11/2026", P),
        ("Rechnungsdatum : 02.11.2026", P),
        ("Date : 2026-11-02. Annule la facture du 12/10/2026", P),
        ("Date facturation : 11/02/2026", F),
        ("Date facturation : 03/11/2026 livré le 02/11/2026", F),
        ("Date facturation :", F),
        ("Date échéance : 02/12/2026", F),
    ],
)
def test_the_date_of_issue(text: str, status: Status) -> None:
    assert check("issue-date", Scene(), text).status is status


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Date échéance : 02/12/2026", P),
        ("Échéance le 2 décembre 2026", P),
        ("Due date : 12/02/2026", P),
        ("Payable avant le 02/12/2026", P),
        ("à régler le 02-12-2026", P),
        ("Payment due on 02/12/2026", P),
        # Both labels, then both dates.
        ("Date facturation :\nDate échéance :\n02/11/2026\n02/12/2026", P),
        ("Date facturation :\nDate échéance :\n02/11/2026\n03/12/2026", F),
        ("Date facturation : 02/11/2026 Date échéance : 02/11/2026", F),
        ("Date limite règlement : 03/12/2026", F),
        ("Date échéance : 12/12/2026", F),
        ("Date échéance : 12/02/2026", F),
        ("A réception", F),
    ],
)
def test_the_date_on_which_it_is_due(text: str, status: Status) -> None:
    assert check("due-date", Scene(), text).status is status


def test_an_invoice_without_a_due_date() -> None:
    assert check("due-date", Scene().with_invoice(due=None)).status is F


def test_the_date_of_delivery() -> None:
    def delivered(day: date | None, **differing: Any) -> Scene:
        return Scene().with_invoice(delivery=day, **differing)

    assert check("supply-date", delivered(None)).status is U
    assert check("supply-date", delivered(date(2026, 11, 2))).status is N
    assert check("supply-date", delivered(date(2026, 10, 28)), "livré le 28/10/2026").status is P
    assert check("supply-date", delivered(date(2026, 10, 28)), "").status is F
    assert check("supply-date", delivered(None, type=InvoiceType.CREDIT_NOTE)).status is N


def test_a_deposit_that_was_received_before_its_invoice() -> None:
    scene = SCENES["deposit"]
    assert check("supply-date", scene).status is N
    early = replace(DEPOSIT_PAID, invoice_id=100, paid_on=date(2026, 10, 30))
    assert check("supply-date", scene, payments=(early,)).status is F
    same_day = replace(early, paid_on=date(2026, 11, 2))
    assert check("supply-date", scene, payments=(same_day,)).status is N
    assert check("supply-date", scene, "reçu le 30/10/2026", payments=(early,)).status is P


@pytest.mark.parametrize(
    ("delivered", "status"),
    [(date(2026, 11, 2), P), (date(2026, 10, 27), P), (date(2026, 11, 30), P), (date(2026, 10, 20), F)],
)
def test_an_invoice_follows_the_delivery(delivered: date, status: Status) -> None:
    assert check("invoice-timely", Scene().with_invoice(delivery=delivered)).status is status


# -- numbers ----------------------------------------------------------------------------------------------------------


def test_what_the_audit_of_numbers_found_is_the_invoices_own() -> None:
    def found(name: str, severity: Severity) -> tuple[Finding, ...]:
        return (Finding(name, severity, "FA2611-0100", "It is wrong: look at it.", "C'est faux : à voir."),)

    assert check("number-unique", Scene(), numbering=()).status is P
    assert check("number-unique", Scene(), numbering=None).status is U
    twice = check("number-unique", Scene(), numbering=found("number-duplicate", Severity.ERROR))
    assert (twice.status, twice.severity) == (F, Severity.ERROR)
    order = check("number-continuous", Scene(), numbering=found("number-order", Severity.WARNING))
    assert (order.status, order.severity) == (F, Severity.WARNING)
    # That the series was only assumed is no fault of an invoice.
    assumed = found("number-series-assumed", Severity.INFO)
    assert check("number-continuous", Scene(), numbering=assumed).status is P


def test_drafts_and_proformas_are_no_invoices() -> None:
    assert check("doc-not-draft", Scene()).status is P
    assert check("doc-not-draft", Scene().with_invoice(status=InvoiceStatus.DRAFT)).status is F
    assert check("doc-not-draft", Scene().with_invoice(ref="(PROV12)")).status is F
    assert check("doc-not-draft", Scene().with_invoice(type=InvoiceType.PROFORMA)).status is F


# -- terms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issued", "due", "terms", "status"),
    [
        (date(2026, 11, 2), date(2026, 12, 2), "Règlement à 30 jours", P),
        (date(2026, 11, 2), date(2026, 12, 2), "30 jours net", P),
        (date(2026, 11, 2), date(2026, 12, 2), "30 jours date de facture", P),
        (date(2026, 11, 2), date(2026, 12, 3), "Règlement à 30 jours", F),
        # Both ways to count.
        (date(2026, 11, 2), date(2026, 12, 31), "Règlement à 30 jours fin de mois", P),
        (date(2026, 11, 2), date(2026, 12, 30), "Règlement à 30 jours fin de mois", P),
        (date(2026, 11, 2), date(2026, 12, 2), "Règlement à 30 jours fin de mois", F),
        # Dolibarr prints one and reckons the other.
        (date(2026, 2, 24), date(2026, 3, 31), "Sous 10 jours suivant la fin du mois", F),
        (date(2026, 2, 24), date(2026, 3, 10), "Sous 10 jours suivant la fin du mois", P),
        (date(2026, 11, 2), date(2026, 11, 3), "A réception", P),
        (date(2026, 11, 2), date(2026, 11, 2), "A réception de facture", P),
        (date(2026, 11, 2), date(2026, 12, 2), "A réception", F),
        (date(2026, 11, 2), date(2026, 12, 30), "Within 30 days following the end of the month", P),
        (date(2026, 11, 2), date(2026, 12, 31), "Within 30 days following the end of the month", F),
        # Nothing that could be reckoned.
        (date(2026, 11, 2), date(2026, 12, 2), "À réception de commande", N),
        (date(2026, 11, 2), date(2026, 12, 2), "50 % à la commande, 50 % à la livraison", N),
        (date(2026, 11, 2), date(2027, 1, 10), "30 jours fin de mois le 10", N),
        (date(2026, 11, 2), date(2026, 12, 2), "", N),
    ],
)
def test_printed_terms(issued: date, due: date, terms: str, status: Status) -> None:
    scene, text = dated(issued, due, terms)
    assert check("payment-terms-consistent", scene, text).status is status


def test_english_terms() -> None:
    scene = Scene(invoice(due=date(2026, 12, 2)))
    assert check("payment-terms-consistent", scene, "Payment Terms: 30 days").status is P
    assert check("payment-terms-consistent", scene, "Payment Terms: 60 days").status is F
    assert check("payment-terms-consistent", scene, "Payment Terms: Due upon receipt").status is F


@pytest.mark.parametrize(
    ("due", "options", "sector", "kind", "status"),
    [
        (date(2027, 1, 1), AuditOptions(), Sector.GENERAL, Kind.BUSINESS, P),
        (date(2027, 1, 2), AuditOptions(), Sector.GENERAL, Kind.BUSINESS, F),
        # 45 days end at 17 December, its month at 31; the end of November and 45 days is 14 January.
        (date(2027, 1, 14), AuditOptions(terms_45_eom=True), Sector.GENERAL, Kind.BUSINESS, P),
        (date(2027, 1, 15), AuditOptions(terms_45_eom=True), Sector.GENERAL, Kind.BUSINESS, F),
        (date(2026, 12, 2), AuditOptions(), Sector.TRANSPORT, Kind.BUSINESS, P),
        (date(2026, 12, 3), AuditOptions(), Sector.TRANSPORT, Kind.BUSINESS, F),
        (date(2026, 12, 3), AuditOptions(), Sector.GENERAL, Kind.PUBLIC, F),
    ],
)
def test_the_longest_terms(due: date, options: AuditOptions, sector: Sector, kind: Kind, status: Status) -> None:
    scene = replace(Scene(invoice(due=due)), options=options).with_seller(sector=sector)
    assert check("due-date-legal", scene, kind=kind).status is status


@pytest.mark.parametrize(
    ("words", "issued", "status"),
    [
        ("Pénalités de retard : le triple du taux d'intérêt légal", date(2026, 11, 2), P),
        ("Pénalités de retard : 3 x le taux d'intérêt légal", date(2026, 11, 2), P),
        ("Pénalités de retard : deux fois le taux d'intérêt légal", date(2026, 11, 2), F),
        ("Pénalités de retard : taux d'intérêt légal majoré de 10 points", date(2026, 11, 2), P),
        # 2.75 % and five points are less than 8.25 %.
        ("Pénalités de retard : taux d'intérêt légal majoré de 5 points", date(2026, 11, 2), F),
        ("Pénalités de retard : 1 % par mois", date(2026, 11, 2), P),
        ("Pénalités de retard : 0,5 % par mois", date(2026, 11, 2), F),
        ("Intérêts moratoires au taux de la BCE majoré de 8 points", date(2026, 11, 2), P),
        ("Intérêts moratoires au taux de la BCE majoré de 5 points", date(2026, 11, 2), F),
        # 2.62 % three times in the first half of 2026.
        ("Pénalités de retard : 7,86 %", date(2026, 6, 30), P),
        ("Pénalités de retard : 7,86 %", date(2026, 7, 1), F),
        # Nobody knows the legal interest of 2027 yet.
        ("Pénalités de retard : 12 %", date(2027, 1, 4), U),
        ("Pénalités de retard : trois fois le taux d'intérêt légal", date(2027, 1, 4), P),
        ("Pénalités de retard : BCE + 10", date(2027, 1, 4), P),
        ("Pénalités de retard selon la loi. TVA 20 %", date(2026, 11, 2), F),
        ("Pénalités de retard selon la loi. Escompte 15 %", date(2026, 11, 2), F),
    ],
)
def test_rates_of_penalties(words: str, issued: date, status: Status) -> None:
    assert check("late-penalty-rate", Scene(invoice(issued=issued)), words).status is status


# -- VAT --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("customer", "text", "status", "severity"),
    [
        (BOREALE, "Exonération de TVA, article 261, 4, 4° a du CGI", P, None),
        (BOREALE, "Article 259 A du CGI", P, None),
        (BOREALE, "Débours, article 267, II-2° du CGI", P, None),
        (BOREALE, "", F, None),
        (BOREALE, "Exonération de TVA", F, None),
        (BOREALE, "TVA non applicable - art. 259-1 du CGI", F, Severity.WARNING),
        (BOREALE, "Exonération de TVA, art. 262 ter, I du CGI", F, Severity.WARNING),
        (RUN_SHOP, "Exonération de TVA en application de l'article 294 du CGI", P, None),
        (RUN_SHOP, "Autoliquidation", F, Severity.WARNING),
        # These treatments follow from the customer, and have rules of their own.
        (NORTHWIND, "", N, None),
        (KIEFERNWALD, "", N, None),
    ],
)
def test_reasons_for_no_vat(customer: ThirdParty, text: str, status: Status, severity: Severity | None) -> None:
    outcome = check("vat-0-unexplained", Scene(untaxed_invoice(), customer=customer), text)
    assert (outcome.status, outcome.severity) == (status, severity)


def test_a_small_invoice_may_leave_out_the_reason() -> None:
    small = Scene(invoice(line("Conseil", "1", "150", "0", "150", "0"), ht="150", vat="0"))
    assert check("vat-0-unexplained", small).severity is Severity.INFO


@pytest.mark.parametrize(
    ("customer", "goods", "status"),
    [
        (KIEFERNWALD, False, F),
        (KIEFERNWALD, True, N),
        (replace(KIEFERNWALD, vat_number=""), False, N),
        (replace(KIEFERNWALD, vat_number="DE111111126"), False, N),
        (NORTHWIND, False, U),
        (replace(NORTHWIND, professional_ids=("12-3456789", *("",) * 5)), False, F),
        (ISLAND, False, U),
        (BOREALE, False, N),
    ],
)
def test_french_vat_for_a_business_abroad(customer: ThirdParty, goods: bool, status: Status) -> None:
    kind = ProductType.GOODS if goods else ProductType.SERVICE
    scene = Scene(invoice(line("Conseil", "3", "600", "20", "1800", "360", product_type=kind)), customer=customer)
    assert check("vat-charged-abroad", scene).status is status


def test_nothing_goes_untaxed_to_a_consumer_in_the_eu() -> None:
    consumer = replace(DOMINIQUE, country="BE", zip="1000")
    assert check("electronic-services-oss", Scene(untaxed_invoice(), customer=consumer)).status is F
    assert check("electronic-services-oss", Scene(goods_invoice(), customer=consumer)).status is F
    assert check("electronic-services-oss", Scene(customer=consumer)).status is N
    somebody = replace(consumer, kind="")
    assert check("electronic-services-oss", Scene(untaxed_invoice(), customer=somebody)).status is U


def test_a_small_business_owes_the_vat_that_it_charges() -> None:
    outcome = check("vat-franchise", Scene(seller=TRADER), "TVA non applicable, article 293 B du CGI")
    assert (outcome.status, outcome.severity) == (F, Severity.ERROR)
    assert "360.00" in outcome.message


@pytest.mark.parametrize(
    ("debits", "text", "status"),
    [
        (True, "Option pour le paiement de la taxe d'après les débits", P),
        (True, "TVA acquittée sur les débits", F),
        (True, "", F),
        (False, "", N),
        (False, "TVA acquittée sur les débits", F),
        (None, "", U),
    ],
)
def test_debits(debits: bool | None, text: str, status: Status) -> None:
    assert check("vat-on-debits", Scene().with_seller(debits=debits), text).status is status


def test_debits_without_a_taxed_service() -> None:
    scene = Scene(untaxed_invoice()).with_seller(debits=True)
    assert check("vat-on-debits", scene).status is N


# -- ties -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "status", "severity"),
    [
        ("Correction facture : FA2610-0090 du 12/10/2026", P, None),
        ("Correction facture : FA2610-\n0090, 12 octobre 2026", P, None),
        ("Correction facture : FA2610-0090", F, Severity.WARNING),
        ("Correction facture : FA2610-00901 du 12/10/2026", F, None),
        ("Correction facture : FA2610-0091 du 12/10/2026", F, None),
    ],
)
def test_what_a_credit_note_corrects(text: str, status: Status, severity: Severity | None) -> None:
    outcome = check("credit-note-reference", SCENES["credit note"], text)
    assert (outcome.status, outcome.severity) == (status, severity)


def test_a_credit_note_of_which_dolibarr_knows_no_source() -> None:
    scene = replace(SCENES["credit note"].with_invoice(source_id=None), others=())
    assert (
        check("credit-note-reference", scene, "Remise annuelle sur les factures FA2510-0012 et suivantes").status is P
    )
    assert check("credit-note-reference", scene, "Notre facture AV2611-0004").status is F
    assert check("credit-note-amount", scene).status is U


def test_several_credit_notes_on_one_invoice() -> None:
    scene = SCENES["credit note"]

    def other(total: str) -> Any:
        return replace(scene.invoice, id=101, ref="AV2611-0005", total_ttc=Decimal(total))

    # 2 160 were asked for, and 360 are taken back here.
    assert check("credit-note-amount", replace(scene, others=(ORIGINAL, other("-1800")))).status is P
    assert check("credit-note-amount", replace(scene, others=(ORIGINAL, other("-1800.01")))).status is F


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Remplacement facture : FA2610-0090", P),
        ("Cette facture annule et remplace la facture FA2610-0090", P),
        ("FA2610-0090", F),
        ("Annule et remplace la précédente", F),
    ],
)
def test_what_a_replacement_replaces(text: str, status: Status) -> None:
    assert check("replacement-reference", SCENES["replacement"], text).status is status


@pytest.mark.parametrize(("percent", "status"), [("0", P), ("100", P), ("100.01", F), ("-5", F)])
def test_progress(percent: str, status: Status) -> None:
    scene = SCENES["situation"].with_line(situation_percent=Decimal(percent))
    assert check("situation-coherent", scene).status is status


def test_what_is_not_on_a_paper_that_cannot_be_read_is_not_known() -> None:
    subject = Scene(invoice(UNTAXED_LINE, ht="3250", vat="0")).subject(
        PdfText(reason="is encrypted: store it plain", reason_fr="est chiffré : le stocker en clair")
    )
    for rule in ("issue-date", "due-date", "currency", "pdf-matches-api", "buyer-siren", "seller-siren"):
        outcome = CHECKS[rule.replace("-", "_")](subject, RULES_BY_ID[rule])
        assert outcome.status is U
        assert "encrypted" in outcome.message


def test_a_seller_in_the_small_business_regime_has_no_vat_number_to_print() -> None:
    assert TRADER.regime is Regime.FRANCHISE
    assert check("seller-vat-number", Scene(seller=TRADER), "Camille Fictive").status is U


@pytest.mark.parametrize(
    "rule", ["late-penalty-rate", "operation-category", "seller-capital", "escompte", "recovery-indemnity"]
)
def test_a_paper_in_another_language_is_not_judged_by_its_words(rule: str) -> None:
    german = "Atelier Lumen Rechnung FA2611-0100 Rechnungsdatum 02.11.2026 Gesamt 1.800,00"
    assert check(rule, Scene(), german).status is U
    assert check(rule, Scene(), german.replace("Rechnung ", "Facture ")).status is F


def test_a_french_customer_reads_french() -> None:
    assert check("language-french", Scene(), "Date facturation : 02/11/2026").status is P
    assert check("language-french", Scene(), "Rechnung FA2611-0100").status is F
    assert check("language-french", Scene(), "Invoice date : 11/02/2026").status is F


def test_dolibarrs_english_words() -> None:
    replacing = "Replacement invoice FA2611-0100 Replacement invoice : FA2610-0090"
    assert check("replacement-reference", SCENES["replacement"], replacing).status is P
    debits = Scene().with_seller(debits=False)
    assert check("vat-on-debits", debits, "Option to pay tax based on debits").status is F
