# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The French of the report: sentences read by a person, and nothing that is said in English alone."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from functools import cache

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Finding
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.numbering import audit_numbering
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.payments import payment_states
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.templates import template_health
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.third_parties import (
    ThirdPartyOptions,
    audit_third_parties,
    audit_third_party,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat import vat_report
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import VatOptions
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import (
    french_amount,
    french_count,
    french_date,
    french_figure,
    french_money,
    french_month,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.engine import audit_invoice
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.pdf_child import Reason
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import PdfText, Seller, Status
from tests.support.audited import SELLER, captured_subjects, captured_texts
from tests.support.french import require_french, tokens
from tests.support.ledger import (
    CUSTOMER_INVOICES,
    CUSTOMER_PAYMENTS,
    SUPPLIER_INVOICES,
    SUPPLIER_PAYMENTS,
    TEMPLATES,
    THIRD_PARTIES,
    TODAY,
)
from tests.support.vat import EVERYTHING


def results(seller: Seller | None, with_papers: bool) -> list[tuple[str, str]]:
    """What the rules say of the captured invoices."""
    ids = {invoice.ref: invoice.id for invoice in CUSTOMER_INVOICES}
    papers: dict[int, PdfText | None] = {}
    if with_papers:
        papers = {ids[ref]: text for ref, text in captured_texts().items()}
    subjects = (dataclasses.replace(one, seller=seller) for one in captured_subjects(papers, seller or Seller()))
    found = [one for subject in subjects for one in audit_invoice(subject)]
    assert all(one.message for one in found if one.status in (Status.FAIL, Status.UNDETERMINED))
    return [(one.message, one.message_fr) for one in found]


@cache
def captured() -> frozenset[tuple[str, str]]:
    """Everything that is said of the captured data, in English and in French."""
    audits = {one: audit_third_party(THIRD_PARTIES[one], TODAY, ThirdPartyOptions()).findings for one in THIRD_PARTIES}
    vat = vat_report(
        CUSTOMER_INVOICES,
        CUSTOMER_PAYMENTS,
        SUPPLIER_INVOICES,
        SUPPLIER_PAYMENTS,
        THIRD_PARTIES,
        EVERYTHING,
        VatOptions(),
    )
    findings: list[Finding] = [
        *audit_third_parties(THIRD_PARTIES.values(), TODAY).findings,
        *audit_numbering(CUSTOMER_INVOICES, TODAY).findings,
        *(
            one
            for state in payment_states(CUSTOMER_INVOICES, CUSTOMER_PAYMENTS, TODAY, THIRD_PARTIES)
            for one in state.findings
        ),
        *(
            one
            for health in template_health(TEMPLATES, CUSTOMER_INVOICES, THIRD_PARTIES, TODAY, audits)
            for one in health.findings
        ),
        *vat.findings,
    ]
    said = [
        *results(SELLER, with_papers=True),
        *results(None, with_papers=True),
        *results(SELLER, with_papers=False),
        *((one.message, one.message_fr) for one in findings),
        *((one.en, one.fr) for one in vat.assumptions),
        *((one.reason.en, one.reason.fr) for one in vat.unclassified),
    ]
    return frozenset(said)


def test_whatever_is_said_of_the_captured_data_is_said_in_both_languages() -> None:
    assert len(captured()) > 90
    for english, french in captured():
        require_french(english, french)


N, M = "\u202f", "\u00a0€"
# Read by a person; each is said of the captured data.
READ = (
    f"2{N}160,00{M} de FA2607-0032 sont échus depuis le 14/08/2026, soit 99 jours : régler ou relancer.",
    f"360,00{M} de AV2604-0003 n'ont été ni imputés ni remboursés : les utiliser sur une facture ou les rembourser.",
    f"FA2510-0017 comporte 104,00{M} réglés en trop, sur lesquels aucune TVA n'a été calculée.",
    "FA2505-0008 ligne 1 : 0 % à un client de l'UE sans numéro de TVA : le saisir, ou facturer la TVA.",
    "Aucune TVA n'est facturée et Atelier Brabant SRL n'a pas de numéro de TVA dans Dolibarr : le saisir et l'imprimer, ou"
    " facturer la TVA.",
    "Rien n'établit que le client est assujetti : sans numéro de TVA, facturer la TVA française, ou celle de son pays par le"
    " guichet unique OSS.",
    "Conditions d'escompte : rien n'a été trouvé ; imprimer « Escompte pour paiement anticipé : néant », ou l'escompte"
    " accordé.",
    "La facture FA2511-0019 y est citée sans sa date : l'écrire dans la note publique.",
    "Le SIREN 333333335 de Cabinet Hêtre & Associés a une clé de contrôle fausse : le corriger dans Dolibarr.",
    "Atelier Brabant SRL : numéro de TVA manquant, le demander.",
    "C'est un brouillon, sans numéro : le valider, ou le supprimer.",
    "Il n'y a pas de PDF : le générer dans Dolibarr.",
    "Le vendeur acquitte la TVA sur les services à l'encaissement.",
    "Rien ne peut être établi : renseigner si le vendeur est adhérent d'un organisme de gestion agréé (oga).",
    "Consulting DE – en retard devait générer sa prochaine facture le 01/08/2026 et ne l'a pas fait, ni 3 autres ensuite :"
    " vérifier que les tâches planifiées de Dolibarr s'exécutent.",
    "Achats : la TVA sur les biens est déduite à la facturation, sur les services au paiement, sauf suppliers_on_debits.",
    "Les biens sont réputés livrés à la date de la facture quand elle n'a pas de date d'exigibilité.",
)


@pytest.mark.parametrize("sentence", READ)
def test_a_sentence_reads_as_an_accountant_would_write_it(sentence: str) -> None:
    assert sentence in {french for _english, french in captured()}


@pytest.mark.parametrize("reason", Reason)
def test_why_a_pdf_cannot_be_read(reason: Reason) -> None:
    require_french(f"Its PDF {reason}.", f"Son PDF {reason.fr}.")


@pytest.mark.parametrize(
    ("english", "french"),
    [
        ("It makes 1234.50 on 2026-12-31.", "Cela fait 1234.50 le 31/12/2026."),
        ("It makes 1234.50.", "Cela fait 1\u202f234,05\u00a0€."),
        ("It is due on 2026-12-31.", "L'échéance est le 12/31/2026."),
        ("It is due on 2026-12-31.", "L'échéance est le 2026-12-31."),
        ("FA1 is paid.", "FA2 est réglée."),
        ("It is paid.", ""),
        ("It is paid.", "It is paid."),
        ("Correct it.", "La facture was réglée."),
        ("Correct it.", "À corriger"),
    ],
)
def test_french_that_is_none_is_noticed(english: str, french: str) -> None:
    with pytest.raises(AssertionError):
        require_french(english, french)


def test_figures_and_days_as_france_writes_them() -> None:
    assert french_money(Decimal("1234567.5")) == "1\u202f234\u202f567,50\u00a0€"
    assert french_money(Decimal("-0.001")) == "0,00\u00a0€"
    assert french_money(Decimal("-12"), "USD") == "\u221212,00\u00a0USD"
    assert french_figure(Decimal("5.50")) == "5,5" and french_figure(Decimal("1E+3")) == "1\u202f000"
    assert french_amount("n/a") == "n/a"
    assert french_date(TODAY) == "21/11/2026" and french_month("2026-11") == "11/2026"
    assert [french_count(number, "facture") for number in (0, 1, 2)] == ["0 facture", "1 facture", "2 factures"]
    assert tokens("Le 31/12/2026 : 1\u202f234,50\u00a0€ pour FA2611-0001.") == {
        "2026-12-31",
        Decimal("1234.5"),
        "FA2611-0001",
    }
