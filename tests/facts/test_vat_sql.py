# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VAT as the API's invoices give it against the captured database: what SQL says must be what the report says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Period
from tests.support.databases import Cluster, Database
from tests.support.ledger import CUSTOMER_INVOICES, CUSTOMER_PAYMENTS, SUPPLIER_INVOICES, SUPPLIER_PAYMENTS
from tests.support.vat import on, report

CUSTOMER = {
    "invoice": "llx_facture",
    "line": "llx_facturedet",
    "line_invoice": "fk_facture",
    "line_tax": "d.total_tva",
    "share": "llx_paiement_facture",
    "share_invoice": "fk_facture",
    "share_payment": "fk_paiement",
    "payment": "llx_paiement",
    "rate": "d.tva_tx",
}
# Services bought abroad carry no VAT: 20 % is reckoned by whoever buys them.
SUPPLIER = {
    "invoice": "llx_facture_fourn",
    "line": "llx_facture_fourn_det",
    "line_invoice": "fk_facture_fourn",
    "line_tax": "CASE WHEN p.code = 'IE' THEN round(d.total_ht * 0.20, 2) ELSE d.tva END",
    "share": "llx_paiementfourn_facturefourn",
    "share_invoice": "fk_facturefourn",
    "share_payment": "fk_paiementfourn",
    "payment": "llx_paiementfourn",
    "rate": "CASE WHEN p.code = 'IE' THEN 20 ELSE d.tva_tx END",
}
# The lines of issued invoices; the line that uses a deposit is a service here, since all that it reduces are.
LINES = """
    lines AS (
        SELECT f.rowid, f.datef, f.total_ttc, {rate} AS rate, d.total_ht AS ht, {line_tax} AS tax,
               d.product_type = 0 AND d.fk_remise_except IS NULL AS goods, p.code = 'IE' AS at_once
          FROM {invoice} f
          JOIN {line} d ON d.{line_invoice} = f.rowid
          JOIN llx_societe s ON s.rowid = f.fk_soc
          JOIN llx_c_country p ON p.rowid = s.fk_pays
         WHERE f.fk_statut IN (1, 2)
    )"""
INVOICED = (
    "WITH"
    + LINES
    + """
    SELECT to_char(datef, 'YYYY-MM'), rate, sum(ht), sum(tax) FROM lines GROUP BY 1, 2
    """
)
# Each payment's share of an invoice: what it adds to what was received, of which no more than the total counts.
DUE = (
    "WITH"
    + LINES
    + """
    , received AS (
        SELECT f.rowid, f.total_ttc, y.datep, s.amount,
               sum(s.amount) OVER (PARTITION BY f.rowid ORDER BY y.datep, y.rowid) AS so_far
          FROM {invoice} f
          JOIN {share} s ON s.{share_invoice} = f.rowid
          JOIN {payment} y ON y.rowid = s.{share_payment}
    ), shares AS (
        SELECT rowid, datep,
               (CASE WHEN total_ttc > 0 THEN least(so_far, total_ttc) - least(so_far - amount, total_ttc)
                     ELSE greatest(so_far, total_ttc) - greatest(so_far - amount, total_ttc) END) / total_ttc AS part
          FROM received
    )
    SELECT month, rate, sum(ht), sum(tax)
      FROM (
        SELECT to_char(datef, 'YYYY-MM') AS month, rate, ht, tax FROM lines WHERE goods OR at_once
        UNION ALL
        SELECT to_char(datep, 'YYYY-MM'), rate, round(ht * part, 2), round(tax * part, 2)
          FROM lines JOIN shares USING (rowid)
         WHERE NOT goods AND NOT at_once
      ) parts
     GROUP BY 1, 2
    """
)
TOTALS = """
    SELECT count(*), sum(total_ht), sum(total_tva), sum(total_ttc) FROM {invoice} f WHERE fk_statut IN (1, 2)
       AND datef BETWEEN %s AND %s
    """


@pytest.fixture(scope="module")
def database(postgres: Cluster) -> Iterator[Database]:
    """The captured database, which these tests only read."""
    sample = postgres.sample_database()
    yield sample
    postgres.drop(sample.name)


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    return report(CUSTOMER_INVOICES, CUSTOMER_PAYMENTS, SUPPLIER_INVOICES, SUPPLIER_PAYMENTS).to_facts()


def by_month_and_rate(rows: list[dict[str, Any]]) -> dict[tuple[str, Decimal], tuple[Decimal, Decimal]]:
    """The report's rows without the treatment, and without what is nothing."""
    sums: dict[tuple[str, Decimal], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in rows:
        found = sums[row["month"], Decimal(row["rate"])]
        found[0] += Decimal(row["base"])
        found[1] += Decimal(row["tax"])
    return {key: (base, tax) for key, (base, tax) in sums.items() if base or tax}


def asked(database: Database, query: str, side: dict[str, str]) -> dict[tuple[str, Decimal], tuple[Decimal, Decimal]]:
    rows = database.execute(query.format(**side))
    return {(month, Decimal(rate)): (Decimal(ht), Decimal(tax)) for month, rate, ht, tax in rows if ht or tax}


@pytest.mark.parametrize(("basis", "query"), [("invoiced", INVOICED), ("due", DUE)])
def test_collected_by_month_and_rate(database: Database, facts: dict[str, Any], basis: str, query: str) -> None:
    own = [row for row in facts[basis]["collected"] if row["treatment"] != "AE_SERVICE"]
    found = asked(database, query, CUSTOMER)
    assert len(found) > 20
    assert by_month_and_rate(own) == found


@pytest.mark.parametrize(("basis", "query"), [("invoiced", INVOICED), ("due", DUE)])
def test_deductible_by_month_and_rate(database: Database, facts: dict[str, Any], basis: str, query: str) -> None:
    found = asked(database, query, SUPPLIER)
    assert len(found) > 10
    assert by_month_and_rate(facts[basis]["deductible"]) == found


@pytest.mark.parametrize("year", ["2025", "2026"])
@pytest.mark.parametrize(("side", "tables"), [("customers", CUSTOMER), ("suppliers", SUPPLIER)])
def test_reconciled_totals(database: Database, year: str, side: str, tables: dict[str, str]) -> None:
    period = Period(on(f"{year}-01-01"), on(f"{year}-12-31"))
    made = report(CUSTOMER_INVOICES, CUSTOMER_PAYMENTS, SUPPLIER_INVOICES, SUPPLIER_PAYMENTS, period=period)
    found = made.to_facts()["reconciliation"][side]
    ((count, ht, tva, ttc),) = database.execute(TOTALS.format(**tables), (period.since, period.until))
    assert found["is_exact"] is True
    assert (found["invoices"], *(Decimal(found[name]) for name in ("total_ht", "total_tva", "total_ttc"))) == (
        count,
        ht,
        tva,
        ttc,
    )
