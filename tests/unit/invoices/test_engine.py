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
    InvoiceStatus,
    InvoiceType,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.engine import (
    audit_invoice,
    result_of,
    severity_of,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import (
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
    unreadable = PdfText(reason="is encrypted: store it plain", reason_fr="est chiffré : le stocker en clair")
    results = {one.rule: one for one in audit_invoice(subject(None, pdf=unreadable))}
    assert results["pdf-present"].status is PASS
    assert results["pdf-readable"].status is UNKNOWN
    assert results["escompte"].message == "Its PDF is encrypted: store it plain."
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
    remedy=Words("l'imprimer", "print it"),
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
        "message_fr": "Phrase : rien n'a été trouvé ; l'imprimer.",
        "evidence": [],
        "sources": ["a law"],
    }


# -- articles on small and corrective invoices ------------------------------------------------------------------------


FREE = line(rate="0")


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
