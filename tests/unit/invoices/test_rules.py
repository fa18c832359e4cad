# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules are data: they name what exists, and say what the law asks for on which day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.third_party_rules import SIREN_REQUIRED_FROM
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import Treatment
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind, Zone
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import CloseCode, InvoiceType
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks import CHECKS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.facts import ASKED_FOR, FACTS, value
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.patterns import PATTERNS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Form, Sector, Status
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import Condition, Rule, cgi
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rules import RULES, RULES_BY_ID
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.tables import (
    CONCORDANCE,
    MAXIMUM_TERMS,
    TIMETABLE,
    cibs_article,
)
from tests.support.subjects import subject

# Every mention and check of the reference of French invoicing, sections 2.1 to 2.7, and the three of the file itself.
IDS = """
seller-name-address seller-siren seller-siret seller-registered-office seller-legal-form seller-capital seller-rcs-city
seller-ei seller-vat-number seller-naf seller-vat-group seller-fiscal-representative seller-insurance
seller-agreed-association seller-bank-details b2c-mediator
buyer-name-address buyer-billing-address buyer-vat-number buyer-siren buyer-order-number delivery-address
doc-not-draft number-unique number-continuous number-format issue-date supply-date invoice-timely language-french
line-description line-quantity line-unit-price-ht line-vat-rate line-discount vat-breakdown-per-rate totals-present
totals-arithmetic pdf-matches-api currency operation-category vat-on-debits
due-date due-date-legal payment-terms-consistent escompte late-penalty-rate late-penalty-public recovery-indemnity
no-b2b-mentions-b2c
vat-franchise vat-franchise-misused vat-association reverse-charge-eu-service reverse-charge-construction
out-of-scope-259-1 intracom-goods export-goods exemption-domestic drom margin-second-hand margin-travel self-billing
new-vehicle triangular electronic-services-oss reduced-rate-works vat-0-unexplained vat-charged-abroad
credit-note-reference credit-note-sign credit-note-amount replacement-reference replaced-is-closed deposit-invoiced
final-refers-to-deposit situation-coherent unpaid-duplicate b2c-note
pdf-present pdf-readable pdf-unchanged
""".split()

# What the values of conditions may be, where they are those of a list.
LISTS: dict[str, set[str]] = {
    "seller.form": set(Form),
    "seller.regime": set(Regime),
    "seller.sector": set(Sector),
    "customer.kind": set(Kind),
    "customer.zone": set(Zone),
    "invoice.type": {one.name.lower() for one in InvoiceType},
    "invoice.treatments": set(Treatment),
    "invoice.close_code": set(CloseCode),
    "invoice.supplies": {"goods", "services"},
    "invoice.rates": {"one", "several"},
}
FREE = {"invoice.payment_mode", "invoice.vat_rates"}


def conditions(rule: Rule) -> Iterator[Condition]:
    yield from rule.conditions
    for level in rule.levels:
        yield from level.conditions


def test_every_mention_has_one_rule() -> None:
    assert sorted(rule.id for rule in RULES) == sorted(IDS)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_names_what_exists(rule: Rule) -> None:
    assert rule.check in CHECKS
    for wording in (*rule.accepted, *rule.tolerated, *rule.forbidden, *rule.wrong):
        assert wording.pattern in PATTERNS
    for condition in conditions(rule):
        assert condition.fact in FACTS
        if condition.fact not in FREE:
            allowed = LISTS.get(condition.fact, {"yes", "no"})
            assert {str(one) for one in condition.values | condition.guessed} <= {str(one) for one in allowed}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_can_be_shown(rule: Rule) -> None:
    assert rule.title.fr and rule.title.en and rule.title.fr != rule.title.en
    facts = rule.to_facts()
    assert facts["id"] == rule.id and facts["verified"] in ("api", "pdf", "both", "file")
    # An error rests on the law.
    if any(level.severity is Severity.ERROR for level in rule.levels):
        assert rule.sources
    if rule.check == "mention" and rule.absence is not Status.NOT_APPLICABLE:
        for remedy in (rule.remedy.en, rule.remedy.fr):
            assert remedy and not remedy.endswith(".")


def test_what_may_be_unknown_can_be_asked_for() -> None:
    unknown = subject(seller=None)
    assert {fact for fact in FACTS if value(fact, unknown) is None} == set(ASKED_FOR)


def test_both_codes_stand_side_by_side() -> None:
    assert [(one.text, one.valid.since, one.valid.until) for one in cgi("293 B", "262 ter, I")] == [
        ("CGI art. 293 B", None, date(2028, 6, 30)),
        ("CIBS art. L. 223-3", date(2027, 1, 1), None),
        ("CGI art. 262 ter, I", None, date(2028, 6, 30)),
    ]


def test_an_article_whose_new_number_is_not_sure_has_none() -> None:
    assert cibs_article("289, I-1") == ""
    assert cibs_article("259, 1°") == "L. 211-92"
    assert len({row.cgi for row in CONCORDANCE}) == len(CONCORDANCE)


def test_the_timetable_is_in_order() -> None:
    days = [milestone.day for milestone in TIMETABLE.values()]
    assert days == sorted(days)
    # The days of e-invoicing are those of the audit of third parties.
    issuing = {TIMETABLE["e-invoicing-large"].day, TIMETABLE["e-invoicing-small"].day}
    assert issuing == {date(2026, 9, 1), date(2027, 9, 1)} == set(SIREN_REQUIRED_FROM.values())
    assert all(milestone.fr and milestone.en and milestone.source for milestone in TIMETABLE.values())


def test_terms_are_those_of_the_law() -> None:
    assert {case: term.days for case, term in MAXIMUM_TERMS.items()} == {
        "agreed": 60,
        "end of month": 45,
        "nothing agreed": 30,
        "periodic": 45,
        "transport": 30,
        "public": 30,
    }


def test_no_article_number_is_asked_for() -> None:
    """The content is the duty: neither « L441-10 » nor « R123-237 » has to be printed."""
    for rule in RULES:
        for wording in rule.accepted:
            assert "441" not in PATTERNS[wording.pattern].pattern or rule.id == "recovery-indemnity"
    assert RULES_BY_ID["escompte"].check == "mention"
