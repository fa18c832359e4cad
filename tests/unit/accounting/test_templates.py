# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health of recurring invoices: the five captured ones on 21 November 2026, and one thing wrong at a time."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Finding, Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.templates import (
    TemplateHealth,
    occurrence,
    template_health,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Invoice, InvoiceStatus, Template
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from tests.support.ledger import CUSTOMER_INVOICES, TEMPLATES, THIRD_PARTIES, TODAY, invoice

CAPTURED = template_health(TEMPLATES, CUSTOMER_INVOICES, THIRD_PARTIES, TODAY, {})
LINE = dataclasses.replace(TEMPLATES[0].lines[0], description="Maintenance")
# Active, monthly, on time: nothing to find.
GOOD = dataclasses.replace(TEMPLATES[0], id=1, title="Good", generated=0, lines=(LINE,))


def checks(health: TemplateHealth) -> list[str]:
    return [f"{finding.check}:{finding.severity}" for finding in health.findings]


def health(*invoices: Invoice, audits: dict[int, list[Finding]] | None = None, **differing: Any) -> TemplateHealth:
    """The health of a good template but for what differs; its customer is Cabinet Hêtre, id 5."""
    (one,) = template_health(
        [dataclasses.replace(GOOD, **differing)], invoices, THIRD_PARTIES, TODAY, {} if audits is None else audits
    )
    return one


def child(number: int, **differing: Any) -> Invoice:
    return invoice(number, third_party_id=5, template_id=1, **differing)


@pytest.mark.parametrize(
    ("place", "state", "children", "missed", "found"),
    [
        # FA2610-0035 and FA2611-0038 were made of it, and say « Maintenance juillet 2026 » as it does.
        (0, "active", ["FA2610-0035", "FA2611-0038"], 0, ["template-period:warning"]),
        (
            1,
            "suspended",
            [],
            0,
            ["template-drafts:info", "template-period:warning", "template-suspended:info"],
        ),
        # 1 August to 1 November are four; FA2610-0036 is the only invoice of Kiefernwald GmbH since.
        (
            2,
            "active",
            [],
            4,
            ["template-drafts:info", "template-missed:warning", "template-overdue:error", "template-period:warning"],
        ),
        (3, "manual", [], 0, ["template-manual:warning"]),
        (4, "finished", ["(PROV40)"], 0, ["template-drafts:info", "template-finished:warning"]),
    ],
)
def test_captured_templates(place: int, state: str, children: list[str], missed: int, found: list[str]) -> None:
    facts = CAPTURED[place].to_facts()
    assert (facts["id"], facts["state"], facts["children"], facts["missed"]) == (place + 1, state, children, missed)
    assert checks(CAPTURED[place]) == found


def test_one_template_as_facts_show_it() -> None:
    facts = CAPTURED[0].to_facts()
    del facts["findings"]
    assert facts == {
        "id": 1,
        "title": "Maintenance mensuelle Hêtre",
        "third_party_id": 5,
        "third_party": "Cabinet Hêtre & Associés",
        "state": "active",
        "frequency": 1,
        "unit": "month",
        "next_date": "2026-12-01",
        "last_generated": "2026-11-20T23:51:36+00:00",
        "generated": 2,
        "maximum": 0,
        "children": ["FA2610-0035", "FA2611-0038"],
        "drafts": 0,
        "missed": 0,
        "auto_validate": True,
        "generate_pdf": True,
        "total_ht": "1800.00",
        "total_ttc": "2160.00",
        "payment_terms": "30D",
        "payment_mode": "VIR",
    }


def test_what_the_overdue_template_says() -> None:
    messages = {finding.check: finding.message for finding in CAPTURED[2].findings}
    assert messages["template-overdue"] == (
        "Consulting DE – en retard was to make its next invoice on 2026-08-01 and has not, nor the 3 after it: look "
        "whether Dolibarr's scheduled jobs run."
    )
    assert messages["template-missed"] == (
        "Consulting DE – en retard was to make 4 invoices since 2026-08-01 and its customer got 1: invoice what is "
        "missing."
    )
    assert "speaks of 2026-05" in messages["template-period"]


def test_a_good_template_has_no_finding() -> None:
    assert health().findings == ()


@pytest.mark.parametrize(
    ("next_date", "found"),
    [
        ("2026-11-22", []),
        ("2026-11-21", []),
        ("2026-11-20", ["template-missed:warning", "template-overdue:info"]),
        ("2026-10-21", ["template-missed:warning", "template-overdue:info"]),
        ("2026-10-20", ["template-missed:warning", "template-overdue:error"]),
    ],
)
def test_more_than_one_period_late_is_an_error(next_date: str, found: list[str]) -> None:
    """On 21 November, an invoice of 20 October is late by more than a month, one of 21 October is not."""
    assert checks(health(next_date=date.fromisoformat(next_date))) == found


@pytest.mark.parametrize(
    ("made", "found"),
    [
        ([], ["template-missed:warning"]),
        ([invoice(7, third_party_id=5, issued=date(2026, 11, 18))], []),
        ([invoice(7, third_party_id=5, issued=date(2026, 11, 17))], ["template-missed:warning"]),
        ([invoice(7, third_party_id=1, issued=date(2026, 11, 18))], ["template-missed:warning"]),
        ([invoice(7, "-9", third_party_id=5, issued=date(2026, 11, 18))], ["template-missed:warning"]),
        (
            [invoice(7, third_party_id=5, issued=date(2026, 11, 18), status=InvoiceStatus.DRAFT)],
            ["template-missed:warning"],
        ),
    ],
)
def test_an_invoice_made_by_hand_replaces_a_missed_one(made: list[Invoice], found: list[str]) -> None:
    shown = health(*made, next_date=date(2026, 11, 18))
    assert [check for check in checks(shown) if check.startswith("template-missed")] == found


@pytest.mark.parametrize(
    ("differing", "found"),
    [
        ({"frequency": 0, "next_date": date(2026, 1, 1)}, ["template-manual:warning"]),
        ({"is_suspended": True, "next_date": date(2026, 1, 1)}, ["template-suspended:info"]),
        ({"next_date": None}, ["template-undated:warning"]),
        ({"auto_validate": False}, ["template-drafts:info"]),
        ({"auto_validate": False, "frequency": 0}, ["template-manual:warning"]),
        ({"payment_terms": ""}, ["template-payment:warning"]),
        ({"payment_mode": ""}, ["template-payment:warning"]),
        ({"payment_terms": "", "payment_mode": ""}, ["template-payment:warning"] * 2),
        ({"third_party_id": None}, ["template-third-party:error"]),
        ({"generated": 3}, ["template-counter:warning"]),
    ],
)
def test_one_thing_wrong(differing: dict[str, Any], found: list[str]) -> None:
    assert checks(health(**differing)) == found


def test_a_finished_template_is_not_judged_by_what_is_in_it() -> None:
    shown = health(child(1), generated=1, maximum=1, payment_terms="", next_date=date(2026, 1, 1))
    assert (str(shown.state), checks(shown)) == ("finished", ["template-finished:warning"])


def test_more_invoices_than_the_counter_were_made_by_hand() -> None:
    shown = health(child(1), child(2), generated=1)
    assert checks(shown) == ["template-counter:warning"]
    assert shown.findings[0].message.startswith("Good says that it made 1 invoice and 2 can be found")


@pytest.mark.parametrize(("drafts", "severity"), [(1, "info"), (2, "warning")])
def test_drafts_pile_up(drafts: int, severity: str) -> None:
    made = [child(number, status=InvoiceStatus.DRAFT) for number in range(1, drafts + 1)]
    shown = health(*made, generated=drafts, auto_validate=False)
    assert (shown.drafts, checks(shown)) == (drafts, [f"template-drafts:{severity}"])


@pytest.mark.parametrize(
    ("description", "found"),
    [
        ("Maintenance octobre 2026", ["template-period:warning"]),
        ("Maintenance OCTOBRE   2026", ["template-period:warning"]),
        ("Maintenance novembre 2026", []),
        ("Consulting, October 2026", ["template-period:warning"]),
        ("Août 2026", ["template-period:warning"]),
        ("De décembre 2025 à janvier 2027", []),
        ("Février 2025 à février 2026", ["template-period:warning"]),
        ("Article 2026", []),
        ("Maintenance de __INVOICE_MONTH_TEXT__ __INVOICE_YEAR__", []),
    ],
)
def test_a_month_in_the_text_of_a_line(description: str, found: list[str]) -> None:
    assert checks(health(lines=(dataclasses.replace(LINE, description=description),))) == found


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (None, TODAY, []),
        (date(2026, 1, 1), TODAY - timedelta(1), ["template-period:error"]),
        (date(2026, 1, 1), None, ["template-period:error"]),
        (date(2026, 1, 1), date(2026, 12, 31), []),
    ],
)
def test_a_period_in_the_past(start: date | None, end: date | None, found: list[str]) -> None:
    assert checks(health(lines=(dataclasses.replace(LINE, date_start=start, date_end=end),))) == found


@pytest.mark.parametrize(
    ("rate", "found"),
    [
        ("20", []),
        ("20.0000", []),
        ("5.5", []),
        ("19.6", ["template-vat-rate:error"]),
        ("7", ["template-vat-rate:error"]),
    ],
)
def test_rates_in_force(rate: str, found: list[str]) -> None:
    assert checks(health(lines=(dataclasses.replace(LINE, vat_rate=Decimal(rate)),))) == found


@pytest.mark.parametrize(
    ("note", "total_ht", "found"),
    [
        ("", "1800", ["template-vat-unexplained:error"]),
        ("", "150.01", ["template-vat-unexplained:error"]),
        ("", "150", []),
        ("TVA non applicable - art. 259-1 du CGI", "1800", []),
        ("TVA non applicable, article 293 B du CGI", "1800", []),
        ("Autoliquidation", "1800", []),
        ("Exonération de TVA, art. 262 ter, I du CGI", "1800", []),
        ("Article 261-4-4° a du CGI", "1800", []),
        ("L. 211-92 du CIBS", "1800", []),
        ("Directive 2006/112/CE, article 44", "1800", []),
        # About late payment alone: 441 is no article on VAT, and 40 and 293 are amounts.
        ("Pénalités (art. L441-10 du code de commerce), indemnité 40 €, acompte 293,00", "1800", None),
    ],
)
def test_no_vat_needs_a_reason(note: str, total_ht: str, found: list[str] | None) -> None:
    line = dataclasses.replace(LINE, vat_rate=Decimal(0))
    shown = health(lines=(line,), note_public=note, total_ht=Decimal(total_ht))
    assert checks(shown) == (["template-vat-unexplained:error"] if found is None else found)


def test_a_reason_may_be_in_a_line_and_a_free_line_needs_none() -> None:
    line = dataclasses.replace(LINE, vat_rate=Decimal(0))
    explained = dataclasses.replace(line, description="Formation, article 261, 4, 4° a du CGI")
    nothing = dataclasses.replace(line, total_ht=Decimal(0))
    assert checks(health(lines=(explained,), note_public="")) == []
    assert checks(health(lines=(LINE, nothing), note_public="")) == []


@pytest.mark.parametrize(
    ("severities", "found"),
    [
        ([Severity.INFO], []),
        ([Severity.INFO, Severity.WARNING], ["template-third-party:warning"]),
        ([Severity.WARNING, Severity.ERROR], ["template-third-party:error"]),
    ],
)
def test_what_is_wrong_with_the_customer(severities: list[Severity], found: list[str]) -> None:
    audits = {5: [Finding(f"check-{severity}", severity, "Hêtre", "Wrong.", "Faux.") for severity in severities]}
    assert checks(health(audits=audits)) == found
    assert checks(health(audits={1: audits[5]})) == []


@pytest.mark.parametrize(
    ("start", "frequency", "unit", "dates"),
    [
        ("2026-01-31", 1, "m", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("2026-11-30", 3, "m", ["2026-11-30", "2027-02-28", "2027-05-30"]),
        ("2024-02-29", 1, "y", ["2024-02-29", "2025-02-28", "2026-02-28"]),
        ("2026-12-30", 10, "d", ["2026-12-30", "2027-01-09", "2027-01-19"]),
        ("2026-12-30", 2, "w", ["2026-12-30", "2027-01-13", "2027-01-27"]),
    ],
)
def test_occurrences(start: str, frequency: int, unit: str, dates: list[str]) -> None:
    template = dataclasses.replace(GOOD, next_date=date.fromisoformat(start), frequency=frequency, unit=unit)
    assert [occurrence(template, number).isoformat() for number in range(3)] == dates


@pytest.mark.parametrize("differing", [{"unit": "h"}, {"frequency": -1}])
def test_a_frequency_that_nobody_knows_is_one_sentence(differing: dict[str, Any]) -> None:
    with pytest.raises(ErpError, match="Template 'Good' has the frequency .* look at it in Dolibarr"):
        health(next_date=date(2026, 1, 1), **differing)


def test_templates_come_in_the_order_of_their_ids() -> None:
    shuffled: tuple[Template, ...] = (*TEMPLATES[2:], *TEMPLATES[:2])
    assert template_health(shuffled, CUSTOMER_INVOICES, THIRD_PARTIES, TODAY, {}) == CAPTURED
