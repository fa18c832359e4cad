# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that ask for a wording: where they apply, what satisfies each, and what only looks like it."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import Treatment
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind, Zone
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    CloseCode,
    InvoiceType,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.engine import (
    result_of,
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
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rules import RULES, RULES_BY_ID
from tests.support.subjects import SELLER, line, subject

PASS, FAIL = Status.PASS, Status.FAIL
NEEDLESS, UNKNOWN = Status.NOT_APPLICABLE, Status.UNDETERMINED


def result(rule: str, audited: Subject) -> Result:
    return result_of(audited, RULES_BY_ID[rule])


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
        "Régime particulier - Biens d\u2019occasion",
        "Régime particulier - Agences de voyages",
    ),
    (
        "margin-travel",
        subject("", FREE, treatment=Treatment.MARGIN, seller=dataclasses.replace(SELLER, sector=Sector.TRAVEL)),
        "Régime particulier - Agences de voyages",
        "Régime particulier - Biens d\u2019occasion",
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
        "Membre d\u2019un assujetti unique",
        "assujetti",
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


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Représentant fiscal : Exemple SAS", PASS),
        ("Représentant fiscal : Autre Exemple SARL", FAIL),
        ("Représentant commercial : Exemple SAS", FAIL),
    ],
)
def test_the_fiscal_representative_is_the_one_that_is_known(text: str, status: Status) -> None:
    seller = dataclasses.replace(SELLER, fiscal_representative="Exemple SAS")
    assert result("seller-fiscal-representative", printing(subject(seller=seller), text)).status is status


@pytest.mark.parametrize(
    ("mediator", "text", "status"),
    [
        ("", "Médiateur de la consommation : www.mediation.example", PASS),
        ("Médiation Exemple", "Médiateur de la consommation : Médiation Exemple, www.mediation.example", PASS),
        ("Médiation Exemple", "Médiateur de la consommation : Autre, www.autre.example", FAIL),
        # It may be on the web site.
        ("Médiation Exemple", "Merci", UNKNOWN),
    ],
)
def test_the_mediator_is_the_one_that_is_known(mediator: str, text: str, status: Status) -> None:
    seller = dataclasses.replace(SELLER, mediator=mediator)
    assert result("b2c-mediator", printing(subject(kind=Kind.CONSUMER, seller=seller), text)).status is status


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
