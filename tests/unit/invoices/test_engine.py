# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rules hold for an invoice, how much they matter, and what their checks say."""

from __future__ import annotations

import dataclasses
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Period, Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.third_party_rules import SellerSize
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import Treatment
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind, Zone
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    CloseCode,
    InvoiceStatus,
    InvoiceType,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.engine import (
    audit_invoice,
    result_of,
    severity_of,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import (
    AuditOptions,
    Form,
    PdfText,
    Result,
    Sector,
    Status,
    Subject,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import (
    ERROR,
    Rule,
    Verified,
    Wording,
    Words,
    law,
    words,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rules import RULES, RULES_BY_ID
from tests.support import ledger
from tests.support.subjects import SELLER, line, subject

PASS, FAIL = Status.PASS, Status.FAIL
NEEDLESS, UNKNOWN = Status.NOT_APPLICABLE, Status.UNDETERMINED


def result(rule: str, audited: Subject) -> Result:
    return result_of(audited, RULES_BY_ID[rule])


def short(rule: str, audited: Subject) -> tuple[Status, Severity]:
    found = result(rule, audited)
    return found.status, found.severity


# -- what is looked at ------------------------------------------------------------------------------------------------


def test_every_rule_has_a_result_in_the_order_of_the_rules() -> None:
    assert [one.rule for one in audit_invoice(subject())] == [rule.id for rule in RULES]


@pytest.mark.parametrize(
    "differing", [{"status": InvoiceStatus.DRAFT, "ref": "(PROV7)"}, {"type": InvoiceType.PROFORMA}]
)
def test_of_what_is_no_invoice_only_that_is_said(differing: dict[str, Any]) -> None:
    results = audit_invoice(subject("", **differing))
    assert {one.status for one in results if one.rule != "doc-not-draft"} == {NEEDLESS}
    assert [one.status for one in results if one.rule == "doc-not-draft"] == [FAIL]


def test_without_a_pdf_nothing_is_said_of_the_paper() -> None:
    results = {one.rule: one for one in audit_invoice(subject(None))}
    assert results["pdf-present"].status is FAIL
    assert results["pdf-readable"].status is NEEDLESS
    assert results["escompte"].message == "There is no PDF of it: make one in Dolibarr."
    printed = [one for one in results.values() if RULES_BY_ID[one.rule].verified is Verified.PDF]
    assert {one.status for one in printed} == {UNKNOWN, NEEDLESS}


def test_a_pdf_that_cannot_be_read_fails_nothing() -> None:
    unreadable = PdfText(reason="is encrypted: store one without a password")
    results = {one.rule: one for one in audit_invoice(subject(None, pdf=unreadable))}
    assert results["pdf-present"].status is PASS
    assert results["pdf-readable"].status is UNKNOWN
    assert results["escompte"].message == "Its PDF is encrypted: store one without a password."
    assert not [one.rule for one in results.values() if one.status is FAIL]


@pytest.mark.parametrize(
    ("of_file", "recorded", "status"),
    [("a", "a", PASS), ("a", "b", FAIL), ("a", "", NEEDLESS), ("", "a", NEEDLESS)],
)
def test_the_pdf_is_compared_with_the_fingerprint_of_its_making(of_file: str, recorded: str, status: Status) -> None:
    audited = subject(None, pdf=PdfText(("text",), md5=of_file), more={"recorded_md5": recorded})
    assert result("pdf-unchanged", audited).status is status


# -- what is not known ------------------------------------------------------------------------------------------------


def test_an_unknown_seller_is_asked_for() -> None:
    results = {one.rule: one for one in audit_invoice(subject(seller=None))}
    assert results["seller-capital"].status is UNKNOWN
    assert results["seller-capital"].message == (
        "It cannot be told: fill in whether the seller is a company, a sole trader or something else (form)."
    )
    assert results["seller-vat-number"].status is UNKNOWN
    # What is not asked of this invoice stays so.
    assert results["credit-note-sign"].status is NEEDLESS


def test_a_condition_that_fails_outweighs_one_that_is_not_known() -> None:
    audited = subject("", line(goods=True), seller=dataclasses.replace(SELLER, regime=None))
    assert result("vat-on-debits", audited).status is NEEDLESS


def test_for_an_unknown_kind_of_customer_it_is_a_warning_at_most() -> None:
    assert short("escompte", subject(kind=Kind.BUSINESS)) == (FAIL, Severity.ERROR)
    assert short("escompte", subject(kind=Kind.PUBLIC)) == (FAIL, Severity.ERROR)
    assert short("escompte", subject(kind=Kind.UNKNOWN)) == (FAIL, Severity.WARNING)
    assert result("escompte", subject(kind=Kind.CONSUMER)).status is NEEDLESS


# -- how much it matters ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "day", "severity"),
    [
        (SellerSize.LARGE, date(2026, 8, 31), Severity.INFO),
        (SellerSize.LARGE, date(2026, 9, 1), Severity.ERROR),
        (SellerSize.MID, date(2026, 9, 1), Severity.ERROR),
        (SellerSize.SME, date(2027, 8, 31), Severity.INFO),
        (SellerSize.SME, date(2027, 9, 1), Severity.ERROR),
        (SellerSize.MICRO, date(2027, 9, 1), Severity.ERROR),
        (None, date(2026, 8, 31), Severity.INFO),
        (None, date(2026, 9, 1), Severity.WARNING),
        (None, date(2027, 9, 1), Severity.ERROR),
    ],
)
def test_mentions_of_e_invoicing_follow_timetable_and_size(
    size: SellerSize | None, day: date, severity: Severity
) -> None:
    audited = subject(seller=dataclasses.replace(SELLER, size=size), issued=day)
    for rule in ("buyer-siren", "operation-category", "vat-on-debits"):
        levels = RULES_BY_ID[rule].levels
        guessed = severity_of(audited, levels)
        shown = Severity.WARNING if guessed == (Severity.ERROR, True) else guessed[0]
        assert shown is severity, rule


def test_while_the_size_is_unknown_it_is_a_warning_at_most() -> None:
    audited = subject(seller=dataclasses.replace(SELLER, size=None), issued=date(2026, 9, 1))
    assert short("operation-category", audited) == (FAIL, Severity.WARNING)
    late = dataclasses.replace(audited, invoice=dataclasses.replace(audited.invoice, issued=date(2027, 9, 1)))
    assert short("operation-category", late) == (FAIL, Severity.ERROR)


@pytest.mark.parametrize(
    ("audited", "severity"),
    [
        (subject("", line("150.01")), Severity.ERROR),
        (subject("", line("150")), Severity.WARNING),
        (subject(type=InvoiceType.CREDIT_NOTE), Severity.WARNING),
        (subject(kind=Kind.CONSUMER, zone=Zone.FR), Severity.WARNING),
        # The right to leave it out does not cover reverse charge.
        (subject("", line("100", "0"), treatment=Treatment.AE_EU_SERVICE, zone=Zone.EU), Severity.ERROR),
    ],
)
def test_the_sellers_vat_number_may_be_left_out_of_small_invoices(audited: Subject, severity: Severity) -> None:
    assert result("seller-vat-number", audited).severity is severity


def test_the_number_of_an_article_is_no_error_once_vat_moved() -> None:
    seller = dataclasses.replace(SELLER, regime=Regime.FRANCHISE)
    untaxed = line(rate="0")
    before, after = (
        subject("", untaxed, treatment=Treatment.FRANCHISE, seller=seller, issued=day)
        for day in (date(2026, 12, 31), date(2027, 1, 1))
    )
    assert short("vat-franchise", before) == (FAIL, Severity.ERROR)
    assert short("vat-franchise", after) == (FAIL, Severity.WARNING)
    exported = subject("", untaxed, treatment=Treatment.EXPORT_GOODS, zone=Zone.US)
    moved = dataclasses.replace(exported, invoice=dataclasses.replace(exported.invoice, issued=date(2027, 1, 1)))
    assert short("export-goods", exported) == (FAIL, Severity.ERROR)
    assert short("export-goods", moved) == (FAIL, Severity.WARNING)


# -- the law of the day -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "sources"),
    [
        (date(2026, 12, 31), ("CGI art. 259, 1°",)),
        (date(2027, 1, 1), ("CGI art. 259, 1°", "CIBS art. L. 211-92")),
        (date(2028, 7, 1), ("CIBS art. L. 211-92",)),
    ],
)
def test_the_sources_are_those_in_force_on_the_day_of_the_invoice(day: date, sources: tuple[str, ...]) -> None:
    assert result("out-of-scope-259-1", subject(issued=day)).sources == sources


@pytest.mark.parametrize(
    ("text", "day", "status"),
    [
        ("TVA non applicable, article 293 B du CGI", date(2026, 12, 31), PASS),
        ("TVA non applicable, article 293 B du CGI", date(2028, 6, 30), PASS),
        ("TVA non applicable, article 293 B du CGI", date(2028, 7, 1), FAIL),
        # Dolibarr already prints the new one.
        ("TVA non applicable, article L. 223-3 du CIBS", date(2026, 9, 1), PASS),
        ("TVA non applicable, article L. 223-3 du CIBS", date(2028, 7, 1), PASS),
        ("* Non applicable VAT art-293B of CGI", date(2026, 9, 1), FAIL),
        ("TVA non applicable", date(2026, 9, 1), FAIL),
    ],
)
def test_small_businesses_may_cite_the_code_of_the_day(text: str, day: date, status: Status) -> None:
    seller = dataclasses.replace(SELLER, regime=Regime.FRANCHISE)
    audited = subject(text, line(rate="0"), treatment=Treatment.FRANCHISE, seller=seller, issued=day)
    assert result("vat-franchise", audited).status is status
    assert result("vat-franchise-misused", audited).status is NEEDLESS


def test_a_rule_does_not_hold_before_its_day() -> None:
    works = subject("", line(rate="10"), seller=dataclasses.replace(SELLER, sector=Sector.CONSTRUCTION))
    assert short("reduced-rate-works", works) == (FAIL, Severity.WARNING)
    before = dataclasses.replace(works, invoice=dataclasses.replace(works.invoice, issued=date(2025, 2, 15)))
    assert result("reduced-rate-works", before).status is NEEDLESS


# -- wordings ---------------------------------------------------------------------------------------------------------

PLAYED = Rule(
    "played",
    Words("Phrase", "Sentence"),
    ERROR,
    law("a law"),
    Verified.PDF,
    "mention",
    accepted=(Wording("autoliq", Period(None, date(2026, 12, 31))), Wording("selfbill")),
    tolerated=words("margin"),
    forbidden=words("escompte"),
    wrong=words("art259_1"),
    remedy="print it",
)


@pytest.mark.parametrize(
    ("text", "status", "severity", "message", "evidence"),
    [
        ("Autoliquidation", PASS, Severity.ERROR, "", ["Autoliquidation"]),
        (
            "Autoliquidation. Pas d'escompte",
            FAIL,
            Severity.ERROR,
            "Sentence: « Pas d'escompte » should not be printed; print it.",
            ["Autoliquidation. Pas d'escompte"],
        ),
        (
            "Régime particulier - Agences de voyages",
            FAIL,
            Severity.WARNING,
            "Sentence: « Régime particulier - Agences de voyages » is not the wording asked for; print it.",
            ["Régime particulier - Agences de voyages"],
        ),
        (
            "art. 259-1",
            FAIL,
            Severity.ERROR,
            "Sentence: « 259-1 » is not the mention for it; print it.",
            ["art. 259-1"],
        ),
        ("Bonjour", FAIL, Severity.ERROR, "Sentence: nothing was found; print it.", []),
    ],
)
def test_wordings_are_looked_for_in_order(
    text: str, status: Status, severity: Severity, message: str, evidence: list[str]
) -> None:
    found = result_of(subject(text), PLAYED)
    assert (found.status, found.severity, found.message) == (status, severity, message)
    assert [(one.text, one.page) for one in found.evidence] == [(text, 1) for text in evidence]
    assert found.sources == ("a law",)


def test_a_wording_has_its_days() -> None:
    late = subject("Autoliquidation", issued=date(2027, 1, 1))
    assert result_of(late, PLAYED).status is FAIL
    assert result_of(subject("Auto-facturation", issued=date(2027, 1, 1)), PLAYED).status is PASS


def test_a_result_can_be_shown() -> None:
    assert result_of(subject("Bonjour"), PLAYED).to_facts() == {
        "rule": "played",
        "status": "fail",
        "severity": "error",
        "message": "Sentence: nothing was found; print it.",
        "evidence": [],
        "sources": ["a law"],
    }


# -- the rules that ask for a wording ---------------------------------------------------------------------------------

FREE = line(rate="0")
CASES: list[tuple[str, Subject, str, str]] = [
    # Rule, invoice, what satisfies it, what looks like it and does not.
    ("escompte", subject(), "Escompte pour paiement anticipé : néant", "Escompte (règl. avt échéance)"),
    (
        "recovery-indemnity",
        subject(),
        "Indemnité forfaitaire pour frais de recouvrement : 40 €",
        "Indemnité forfaitaire pour frais de recouvrement : 140 €",
    ),
    (
        "late-penalty-public",
        subject(kind=Kind.PUBLIC),
        "Intérêts moratoires : taux de la BCE majoré de 8 points",
        "Pénalités : taux de la BCE majoré de 10 points",
    ),
    (
        "reverse-charge-eu-service",
        subject("", FREE, treatment=Treatment.AE_EU_SERVICE, zone=Zone.EU),
        "Autoliquidation",
        "TVA non applicable art-259-1 du CGI",
    ),
    (
        "reverse-charge-construction",
        subject("", FREE, treatment=Treatment.AE_BTP),
        "AUTOLIQUIDATION",
        "Exonération de TVA",
    ),
    (
        "out-of-scope-259-1",
        subject("", FREE, treatment=Treatment.OUT_SERVICE, zone=Zone.US),
        "TVA non applicable - art. 259-1 du CGI",
        "Autoliquidation",
    ),
    (
        "intracom-goods",
        subject("", FREE, treatment=Treatment.IC_GOODS, zone=Zone.EU),
        "Exonération de TVA, art. 262 ter, I du CGI",
        "Exonération de TVA, art. 262 ter 1 du CGI",
    ),
    (
        "export-goods",
        subject("", FREE, treatment=Treatment.EXPORT_GOODS, zone=Zone.US),
        "Exonération de TVA, art. 262, I du CGI",
        "Exonération de TVA, art. 262 ter, I du CGI",
    ),
    (
        "exemption-domestic",
        subject("", FREE, treatment=Treatment.EXEMPT),
        "Exonération de TVA, article 261, 4, 4° a du CGI",
        "Exonération de TVA",
    ),
    (
        "drom",
        subject("", line(rate="0", goods=True), treatment=Treatment.UNKNOWN, zone=Zone.DROM),
        "Exonération de TVA en application de l'article 294 du CGI",
        "Autoliquidation, article 294 du CGI",
    ),
    (
        "margin-second-hand",
        subject("", FREE, treatment=Treatment.MARGIN, seller=dataclasses.replace(SELLER, sector=Sector.SECOND_HAND)),
        "Régime particulier - Biens d’occasion",
        "Régime particulier - Agences de voyages",
    ),
    (
        "margin-travel",
        subject("", FREE, treatment=Treatment.MARGIN, seller=dataclasses.replace(SELLER, sector=Sector.TRAVEL)),
        "Régime particulier - Agences de voyages",
        "Régime particulier - Biens d’occasion",
    ),
    (
        "self-billing",
        subject(ref="FA9", more={"options": AuditOptions(self_billed=frozenset(("FA9",)))}),
        "Auto-facturation",
        "Facturation automatique",
    ),
    (
        "vat-association",
        subject("", FREE, treatment=Treatment.EXEMPT, seller=dataclasses.replace(SELLER, form=Form.ASSOCIATION)),
        "* TVA non applicable art-261-7 du CGI",
        "TVA non applicable, article 293 B du CGI",
    ),
    ("vat-franchise-misused", subject("", FREE), "TVA 0 %", "* TVA non applicable art-293B du CGI"),
    (
        "seller-insurance",
        subject(seller=dataclasses.replace(SELLER, sector=Sector.CONSTRUCTION)),
        "Assurance décennale : Exemple Assurances, France métropolitaine",
        "Maintenance décennale",
    ),
    (
        "seller-agreed-association",
        subject(seller=dataclasses.replace(SELLER, oga=True)),
        "en sa qualité de membre d'un centre de gestion agréé par l'administration fiscale",
        "membre d'un centre de gestion",
    ),
    (
        "seller-vat-group",
        subject(seller=dataclasses.replace(SELLER, vat_group=True)),
        "Membre d’un assujetti unique",
        "assujetti",
    ),
    (
        "seller-fiscal-representative",
        subject(seller=dataclasses.replace(SELLER, fiscal_representative="Exemple SAS")),
        "Représentant fiscal : Exemple SAS",
        "Représentant commercial : Exemple SAS",
    ),
    (
        "reduced-rate-works",
        subject("", line(rate="10"), seller=dataclasses.replace(SELLER, sector=Sector.CONSTRUCTION)),
        "Le client atteste que les locaux sont achevés depuis plus de deux ans",
        "Attestation fournie",
    ),
    ("language-french", subject(), "Total TTC 1 200,00", "Total (inc. tax) 1,200.00"),
    (
        "no-b2b-mentions-b2c",
        subject(kind=Kind.CONSUMER),
        "Merci",
        "Indemnité forfaitaire pour frais de recouvrement : 40 €",
    ),
]


def printing(audited: Subject, text: str) -> Subject:
    return dataclasses.replace(audited, pdf=PdfText((text,)))


@pytest.mark.parametrize(("rule", "audited", "right", "wrong"), CASES, ids=[case[0] for case in CASES])
def test_a_mention_is_asked_for_where_it_applies(rule: str, audited: Subject, right: str, wrong: str) -> None:
    assert result(rule, printing(audited, right)).status is PASS
    assert result(rule, printing(audited, wrong)).status is FAIL


def test_every_rule_of_wordings_alone_has_a_case() -> None:
    open_ended = {rule.id for rule in RULES if rule.check == "mention" and rule.absence is not FAIL}
    tried = {rule for rule, _subject, _right, _wrong in CASES}
    assert {rule.id for rule in RULES if rule.check == "mention"} == tried | open_ended


# What a plain invoice to a French business is never asked for.
@pytest.mark.parametrize(
    "rule",
    [
        "seller-ei", "seller-vat-group", "seller-fiscal-representative", "seller-insurance", "seller-agreed-association",
        "b2c-mediator", "vat-franchise", "vat-association", "reverse-charge-eu-service", "reverse-charge-construction",
        "out-of-scope-259-1", "intracom-goods", "export-goods", "exemption-domestic", "drom", "margin-second-hand",
        "margin-travel", "self-billing", "new-vehicle", "triangular", "reduced-rate-works", "late-penalty-public",
        "no-b2b-mentions-b2c", "credit-note-reference", "replacement-reference", "final-refers-to-deposit",
        "situation-coherent", "unpaid-duplicate", "b2c-note", "delivery-address", "line-discount",
        "vat-breakdown-per-rate", "buyer-billing-address",
    ],
)  # fmt: skip
def test_a_plain_invoice_is_not_asked_for_what_others_need(rule: str) -> None:
    assert result(rule, subject()).status is NEEDLESS


@pytest.mark.parametrize(
    "rule", ["due-date", "escompte", "late-penalty-rate", "recovery-indemnity", "late-penalty-public"]
)
def test_nothing_is_paid_late_on_a_credit_note(rule: str) -> None:
    assert result(rule, subject(type=InvoiceType.CREDIT_NOTE, kind=Kind.PUBLIC)).status is NEEDLESS


# -- where absence proves nothing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "audited", "words_", "absent"),
    [
        ("b2c-mediator", subject(kind=Kind.CONSUMER), "Médiateur : www.mediation.example", UNKNOWN),
        ("delivery-address", subject("", line(goods=True)), "Adresse de livraison : 3 quai des Essais", UNKNOWN),
        ("b2c-note", subject(kind=Kind.CONSUMER), "Lieu d'exécution : 2 rue du Cas", UNKNOWN),
        ("unpaid-duplicate", subject(close_code=CloseCode.BAD_DEBT), "Facture impayée pour 100 €", UNKNOWN),
        (
            "new-vehicle",
            subject("", FREE, treatment=Treatment.IC_GOODS, zone=Zone.EU),
            "Moyen de transport neuf : 12 km",
            NEEDLESS,
        ),
        (
            "triangular",
            subject("", FREE, treatment=Treatment.IC_GOODS, zone=Zone.EU),
            "Application de l'article 141 de la directive 2006/112/CE",
            NEEDLESS,
        ),
    ],
)
def test_what_nobody_can_see_is_not_held_against_an_invoice(
    rule: str, audited: Subject, words_: str, absent: Status
) -> None:
    assert result(rule, printing(audited, words_)).status is PASS
    assert result(rule, audited).status is absent


def test_services_of_less_than_25_euros_need_no_note() -> None:
    assert result("b2c-note", subject("", line("20.82"), kind=Kind.CONSUMER)).status is NEEDLESS
    assert result("b2c-note", subject("", line("20.83"), kind=Kind.CONSUMER)).status is UNKNOWN


# -- articles on small and corrective invoices ------------------------------------------------------------------------


def test_an_article_may_be_left_out_of_small_invoices_and_credit_notes() -> None:
    small = subject("", line("150", "0"), treatment=Treatment.EXPORT_GOODS, zone=Zone.US)
    note = subject("", FREE, treatment=Treatment.EXPORT_GOODS, zone=Zone.US, type=InvoiceType.CREDIT_NOTE)
    assert short("export-goods", small) == (FAIL, Severity.INFO)
    assert short("export-goods", note) == (FAIL, Severity.INFO)


# -- deposits ---------------------------------------------------------------------------------------------------------


def test_money_before_the_invoice_asks_for_a_deposit_invoice() -> None:
    early = ledger.paid(1, ("2026-09-30", "300"), ("2026-10-05", "100"))[1]
    found = result("deposit-invoiced", subject(more={"payments": early}))
    assert (found.status, found.severity) == (FAIL, Severity.INFO)
    assert found.message == "300.00 were received on 2026-09-30, before the invoice: make a deposit invoice for it."
    late = ledger.paid(1, ("2026-10-01", "300"))[1]
    assert result("deposit-invoiced", subject(more={"payments": late})).status is PASS
    # What another invoice gave is no money.
    given = (ledger.set_off(1, "AC1", "300"),)
    assert result("deposit-invoiced", subject(more={"payments": given}, issued=date(2026, 11, 2))).status is PASS


def test_a_contact_may_have_another_address() -> None:
    audited = subject(contact_ids=(7,))
    assert result("buyer-billing-address", audited).status is UNKNOWN


def test_the_total_without_vat_decides_what_is_small() -> None:
    assert subject("", line("150")).invoice.total_ht == Decimal(150)
