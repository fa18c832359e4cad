# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where each captured invoice stands on 21 November 2026, worked out by hand.

Totals, money, remainders and cases are those of the table of seeded invoices in the notes on the captured data; days are
counted from the due date of the invoice to 21 November 2026.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.payment_state import PaymentState
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.payments import payment_states
from tests.support.ledger import (
    CUSTOMER_INVOICES,
    CUSTOMER_PAYMENTS,
    SUPPLIER_INVOICES,
    SUPPLIER_PAYMENTS,
    THIRD_PARTIES,
    TODAY,
)

# ref | total | received | credit notes used on it | converted | balance | state | days late | bucket
CUSTOMERS = """
FA2501-0001 |  5760.00 |  5760.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2501-0002 |  3250.00 |  3250.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2502-0003 |  2114.95 |  2114.95 |    0.00 |    0.00 |    0.00 | OK           | -   | -
AC2502-0001 |  2160.00 |  2160.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2502-0004 |  4200.00 |  4200.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2503-0005 |  8640.00 |  8640.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2504-0006 |  5040.00 |  5040.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2504-0007 |  7200.00 |  5760.00 | 1440.00 |    0.00 |    0.00 | OK           | -   | -
AV2505-0001 | -1440.00 |     0.00 |    0.00 | 1440.00 |    0.00 | OK           | -   | -
FA2505-0008 |  1200.00 |  1200.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2505-0009 |  2880.00 |  2880.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2506-0010 |  1800.00 |     0.00 |    0.00 |    0.00 | 1800.00 | REPLACED     | -   | -
FA2506-0011 |  5200.00 |  5200.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2506-0012 |  2160.00 |  2160.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2507-0013 |  6480.00 |  6480.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2508-0014 |  3600.00 |  3600.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2509-0015 |  3600.00 |  1500.00 |    0.00 |    0.00 | 2100.00 | PARTIAL      | 407 | 90+
FA2509-0016 |  2880.00 |  3000.00 |    0.00 |    0.00 | -120.00 | OVERPAID     | -   | credit
FA2510-0017 |  1296.00 |  1400.00 |    0.00 |  104.00 |    0.00 | OK           | -   | -
FA2510-0018 |  2640.00 |  2640.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2511-0019 |  1800.00 |  1800.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
AV2511-0002 | -1800.00 | -1800.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2512-0020 |   183.30 |   183.30 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2512-0021 |  1200.00 |     0.00 |    0.00 |    0.00 | 1200.00 | ABANDONED    | -   | -
FA2512-0022 |  7200.00 |  7056.00 |    0.00 |    0.00 |  144.00 | CLOSED_SHORT | -   | -
AC2601-0002 |  2800.00 |     0.00 |    0.00 |    0.00 | 2800.00 | UNPAID       | 280 | 90+
FA2601-0023 |  7920.00 |  7920.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2602-0024 |  1440.00 |   600.00 |    0.00 |    0.00 |  840.00 | CLOSED_SHORT | -   | -
FA2602-0025 |  4760.00 |  4760.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2603-0026 |   816.00 |     0.00 |    0.00 |    0.00 |  816.00 | UNPAID       | 220 | 90+
FA2603-0027 |  7200.00 |  7200.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
AV2604-0003 |  -360.00 |     0.00 |    0.00 |    0.00 | -360.00 | UNPAID       | -   | credit
FA2604-0028 |   420.06 |   420.06 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2605-0029 |  7000.00 |  7000.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2606-0030 |  1080.00 |  1080.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2606-0031 |  8640.00 |  8640.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2607-0032 |  2160.00 |     0.00 |    0.00 |    0.00 | 2160.00 | UNPAID       | 99  | 90+
FA2608-0033 |  4442.52 |  4442.52 |    0.00 |    0.00 |    0.00 | OK           | -   | -
FA2609-0034 |  7200.00 |  7200.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
(PROV40)    |  4760.00 |     0.00 |    0.00 |    0.00 | 4760.00 | DRAFT        | -   | -
FA2610-0035 |  2160.00 |     0.00 |    0.00 |    0.00 | 2160.00 | UNPAID       | 21  | 1-30
FA2610-0036 |  2800.00 |     0.00 |    0.00 |    0.00 | 2800.00 | UNPAID       | 0   | not_due
FA2610-0037 |  3472.22 |  1388.89 |    0.00 |    0.00 | 2083.33 | PARTIAL      | 0   | not_due
FA2611-0038 |  2160.00 |     0.00 |    0.00 |    0.00 | 2160.00 | UNPAID       | 0   | not_due
FA2607-0039 |   720.00 |     0.00 |    0.00 |    0.00 |  720.00 | UNPAID       | 112 | 90+
(PROV46)    |  5040.00 |     0.00 |    0.00 |    0.00 | 5040.00 | DRAFT        | -   | -
(PROV47)    |     0.00 |     0.00 |    0.00 |    0.00 |    0.00 | DRAFT        | -   | -
"""

SUPPLIERS = """
SI2501-0001 |   108.00 |   108.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
SI2502-0002 |   101.40 |   101.40 |    0.00 |    0.00 |    0.00 | OK           | -   | -
SI2503-0003 |   108.00 |   108.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
SI2503-0004 |   210.00 |   210.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
SI2504-0005 |   164.07 |   164.07 |    0.00 |    0.00 |    0.00 | OK           | -   | -
SI2505-0006 |   108.00 |   108.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
SI2506-0007 |   138.01 |   138.01 |    0.00 |    0.00 |    0.00 | OK           | -   | -
SI2507-0008 |   108.00 |   108.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
SI2508-0009 |   180.00 |     0.00 |    0.00 |    0.00 |  180.00 | ABANDONED    | -   | -
SI2509-0010 |   108.00 |   108.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
SI2509-0011 |   245.40 |   245.40 |    0.00 |    0.00 |    0.00 | OK           | -   | -
SD2510-0001 |   720.00 |   720.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
SI2510-0012 |  1440.00 |   700.00 |    0.00 |    0.00 |  740.00 | PARTIAL      | 367 | 90+
SI2511-0013 |   108.00 |   108.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
SA2512-0001 |   -54.00 |     0.00 |    0.00 |    0.00 |  -54.00 | UNPAID       | -   | credit
SI2601-0014 |   108.00 |   108.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
SI2602-0015 |   260.00 |   260.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
SI2603-0016 |   108.00 |   108.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
SI2604-0017 |   298.80 |     0.00 |    0.00 |    0.00 |  298.80 | UNPAID       | 203 | 90+
SI2605-0018 |  1026.88 |  1026.88 |    0.00 |    0.00 |    0.00 | OK           | -   | -
SI2605-0019 |   108.00 |   108.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
SI2606-0020 |    84.00 |    90.00 |    0.00 |    0.00 |   -6.00 | OVERPAID     | -   | credit
SI2607-0021 |    97.20 |    97.20 |    0.00 |    0.00 |    0.00 | OK           | -   | -
SI2608-0022 |   410.00 |   410.00 |    0.00 |    0.00 |    0.00 | OK           | -   | -
SI2610-0023 |   108.00 |     0.00 |    0.00 |    0.00 |  108.00 | UNPAID       | 0   | not_due
(PROV26)    |    50.40 |     0.00 |    0.00 |    0.00 |   50.40 | DRAFT        | -   | -
"""

CUSTOMER_STATES = payment_states(CUSTOMER_INVOICES, CUSTOMER_PAYMENTS, TODAY, THIRD_PARTIES)
SUPPLIER_STATES = payment_states(SUPPLIER_INVOICES, SUPPLIER_PAYMENTS, TODAY, THIRD_PARTIES)
STATES = {state.invoice.ref: state for state in (*CUSTOMER_STATES, *SUPPLIER_STATES)}
EXPECTED = [[cell.strip() for cell in row.split("|")] for row in (CUSTOMERS + SUPPLIERS).splitlines() if row]


def test_the_tables_name_every_captured_invoice() -> None:
    assert [row[0] for row in EXPECTED[:47]] == [invoice.ref for invoice in CUSTOMER_INVOICES]
    assert [row[0] for row in EXPECTED[47:]] == [invoice.ref for invoice in SUPPLIER_INVOICES]


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda row: row[0])
def test_state(expected: list[str]) -> None:
    facts = STATES[expected[0]].to_facts()
    shown = [
        *(facts[name] for name in ("ref", "total_ttc", "received", "credit_notes", "converted", "balance", "state")),
        "-" if facts["days_late"] is None else str(facts["days_late"]),
        facts["bucket"] or "-",
    ]
    assert shown == expected


@pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
def test_only_what_is_still_owed_is_outstanding(state: PaymentState) -> None:
    is_open = str(state.state) in ("UNPAID", "PARTIAL", "OVERPAID")
    assert state.outstanding == (state.balance if is_open else Decimal(0))


def test_one_row_as_facts_show_it() -> None:
    """FA2604-0028: 420.06 due on 30 May 2026, paid on 28 May."""
    assert STATES["FA2604-0028"].to_facts() == {
        "id": 33,
        "ref": "FA2604-0028",
        "type": "standard",
        "third_party_id": 1,
        "third_party": "Boréale Conseil",
        "issued": "2026-04-30",
        "due": "2026-05-30",
        "due_assumed": False,
        "total_ttc": "420.06",
        "received": "420.06",
        "credit_notes": "0.00",
        "deposits": "0.00",
        "deposit_lines": "0.00",
        "converted": "0.00",
        "balance": "0.00",
        "outstanding": "0.00",
        "available": "0.00",
        "state": "OK",
        "days_late": None,
        "bucket": None,
        "settled_on": "2026-05-28",
        "foreign": None,
        "findings": [],
    }


def test_a_final_invoice_is_net_of_its_deposit() -> None:
    """FA2504-0006 asks 5040.00 for 7200.00 of work: 2160.00 is a line that uses AC2502-0001."""
    assert STATES["FA2504-0006"].settlement.deposit_lines == Decimal("2160")
    assert STATES["AC2502-0001"].settlement.users == ["FA2504-0006"]
    assert STATES["AC2502-0001"].available == 0


def test_a_paid_deposit_waits_for_its_final_invoice() -> None:
    """SD2510-0001: 720.00 paid on 10 October 2025, and no supplier invoice uses it."""
    assert STATES["SD2510-0001"].available == Decimal("720")


def test_a_converted_surplus_waits_for_an_invoice() -> None:
    """FA2510-0017: 1400.00 for 1296.00."""
    assert STATES["FA2510-0017"].available == Decimal("104")


def test_a_used_credit_note_names_who_used_it() -> None:
    assert STATES["AV2505-0001"].settlement.users == ["FA2504-0007"]
    assert STATES["AV2505-0001"].settled_on is None


def test_an_invoice_in_dollars_shows_both_currencies() -> None:
    """FA2610-0037: 3750.00 USD at 1.08, of which 1500.00 USD came; the API shows 1388.89 in euros alone."""
    state = STATES["FA2610-0037"]
    assert state.foreign == {"currency": "USD", "total_ttc": "3750.00", "settled": "1500.00", "balance": "2250.00"}
    assert [shown.invoice.ref for shown in STATES.values() if shown.foreign is not None] == ["FA2610-0037"]


def test_a_missing_due_date_is_assumed() -> None:
    """SI2604-0017 of 2 April 2026 has none: 30 days later is 2 May."""
    state = STATES["SI2604-0017"]
    assert (state.due, state.is_due_assumed) == (date(2026, 5, 2), True)
    assert [shown.invoice.ref for shown in STATES.values() if shown.is_due_assumed] == ["SI2604-0017"]


FINDINGS = {
    "FA2509-0015": ["payment-overdue"],
    "FA2509-0016": ["payment-overpaid"],
    "FA2510-0017": ["surplus-unused"],
    "FA2512-0022": ["payment-closed-short"],
    "AC2601-0002": ["payment-overdue"],
    "FA2602-0024": ["payment-closed-short"],
    "FA2603-0026": ["payment-overdue"],
    "AV2604-0003": ["credit-note-unused"],
    "FA2607-0032": ["payment-overdue"],
    "FA2610-0035": ["payment-overdue"],
    "FA2607-0039": ["payment-overdue"],
    "SD2510-0001": ["deposit-unused"],
    "SI2510-0012": ["payment-overdue"],
    "SA2512-0001": ["credit-note-unused"],
    "SI2604-0017": ["due-date-missing", "payment-overdue"],
    "SI2606-0020": ["payment-overpaid"],
}


def test_findings_on_the_captured_invoices() -> None:
    found = {ref: [finding.check for finding in state.findings] for ref, state in STATES.items() if state.findings}
    assert found == FINDINGS


def test_a_finding_says_what_where_and_what_to_do() -> None:
    (finding,) = STATES["FA2509-0016"].findings
    assert finding.to_facts() == {
        "check": "payment-overpaid",
        "severity": "warning",
        "subject": "FA2509-0016",
        "message": "FA2509-0016 was settled with 120.00 too much: pay it back, or convert it into a discount for a later "
        "invoice.",
        "message_fr": "FA2509-0016 : 120,00\u00a0€ réglés en trop, à rembourser ou à convertir en réduction sur une"
        " facture à venir.",
    }


def test_who_is_not_known_has_no_name() -> None:
    states = payment_states(CUSTOMER_INVOICES, CUSTOMER_PAYMENTS, TODAY, {})
    assert {state.third_party for state in states} == {""}


def test_the_order_of_what_goes_in_does_not_matter() -> None:
    assert (
        payment_states(tuple(reversed(CUSTOMER_INVOICES)), CUSTOMER_PAYMENTS, TODAY, THIRD_PARTIES) == CUSTOMER_STATES
    )
