# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the VAT of each captured invoice is due; every figure worked out by hand from its payments."""

from __future__ import annotations

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat import VatReport
from tests.support.ledger import CUSTOMER_INVOICES, CUSTOMER_PAYMENTS, SUPPLIER_INVOICES, SUPPLIER_PAYMENTS
from tests.support.vat import due, report


@pytest.fixture(scope="module")
def captured() -> VatReport:
    return report(CUSTOMER_INVOICES, CUSTOMER_PAYMENTS, SUPPLIER_INVOICES, SUPPLIER_PAYMENTS)


@pytest.mark.parametrize(
    ("invoice", "expected"),
    [
        # One payment of 5760: all of it.
        ("FA2501-0001", [("2025-02-27", "4800.00", "960.00")]),
        # A book at 5.5 % on the invoice (goods), services at 10 and 20 % with the payment of 2114.95.
        (
            "FA2502-0003",
            [("2025-02-15", "90.00", "4.95"), ("2025-03-14", "200.00", "20.00"), ("2025-03-14", "1500.00", "300.00")],
        ),
        # A deposit when paid; the final invoice of 6000 is net of it although Dolibarr types the line as goods.
        ("AC2502-0001", [("2025-02-25", "1800.00", "360.00")]),
        ("FA2504-0006", [("2025-05-09", "4200.00", "840.00")]),
        # Three payments of 2880.
        (
            "FA2503-0005",
            [
                ("2025-04-15", "2400.00", "480.00"),
                ("2025-05-15", "2400.00", "480.00"),
                ("2025-06-13", "2400.00", "480.00"),
            ],
        ),
        # 5760 of 7200 were paid, AV2505-0001 cancels the rest: it was never due.
        ("FA2504-0007", [("2025-06-02", "4800.00", "960.00")]),
        ("AV2505-0001", []),
        # Replaced; its replacement was paid.
        ("FA2506-0010", []),
        ("FA2506-0012", [("2025-08-29", "1800.00", "360.00")]),
        # One transfer of 10080 over two invoices.
        ("FA2507-0013", [("2025-09-15", "5400.00", "1080.00")]),
        ("FA2508-0014", [("2025-09-15", "3000.00", "600.00")]),
        # 1500 of 3600: 3000 x 1500 / 3600 = 1250, 600 x 1500 / 3600 = 250.
        ("FA2509-0015", [("2025-10-10", "1250.00", "250.00")]),
        # 3000 for 2880, and 1400 for 1296: no more than the invoice.
        ("FA2509-0016", [("2025-10-28", "2400.00", "480.00")]),
        ("FA2510-0017", [("2025-11-10", "1080.00", "216.00")]),
        # 2400 less 200; the line at nothing does not matter.
        ("FA2510-0018", [("2025-11-28", "2200.00", "440.00")]),
        # Paid, credited, paid back.
        ("FA2511-0019", [("2025-11-20", "1500.00", "300.00")]),
        ("AV2511-0002", [("2025-11-28", "-1500.00", "-300.00")]),
        # 7056 of 7200: 98 %. The rest is an early-payment discount.
        ("FA2512-0022", [("2026-01-05", "5880.00", "1176.00")]),
        # 600 of 1440; the rest is a bad debt, which nobody paid.
        ("FA2602-0024", [("2026-03-10", "500.00", "100.00")]),
        # Neither used nor paid back.
        ("AV2604-0003", []),
        # Billed in USD; 1388.89 EUR of 3472.22 came.
        ("FA2610-0037", [("2026-11-12", "1388.89", "0.00")]),
        # Unpaid: by an American charged 20 %, and a deposit.
        ("FA2603-0026", []),
        ("AC2601-0002", []),
        # Hosting paid a week later; office supplies at once; an Irish cloud by its invoice, at 20 %.
        ("SI2501-0001", [("2025-02-05", "90.00", "18.00")]),
        ("SI2502-0002", [("2025-02-11", "84.50", "16.90")]),
        ("SI2503-0004", [("2025-03-31", "210.00", "42.00")]),
        # A deposit; then 700 of 1440: 1200 x 700 / 1440 = 583.333, 240 x 700 / 1440 = 116.667.
        ("SD2510-0001", [("2025-10-10", "600.00", "120.00")]),
        ("SI2510-0012", [("2025-11-05", "583.33", "116.67")]),
        # 500 then 526.88 of 1026.88: 800 x 500 / 1026.88 = 389.529, 160 x 500 / 1026.88 = 77.906, and the remainder.
        (
            "SI2605-0018",
            [
                ("2026-05-30", "32.56", "0.00"),
                ("2026-05-30", "389.53", "77.91"),
                ("2026-06-29", "34.32", "0.00"),
                ("2026-06-29", "410.47", "82.09"),
            ],
        ),
        # Goods: a printer that nobody paid yet, cartridges paid too much, a supplier's open credit note on a service.
        ("SI2604-0017", [("2026-04-02", "249.00", "49.80")]),
        ("SI2606-0020", [("2026-06-10", "70.00", "14.00")]),
        ("SA2512-0001", []),
        ("SI2508-0009", []),
    ],
)
def test_when_each_invoice_is_due(captured: VatReport, invoice: str, expected: list[tuple[str, str, str]]) -> None:
    assert [(day, base, tax) for day, ref, base, tax in due(captured) if ref == invoice] == expected
