# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Payments as the API gives them against the captured database: what SQL says must be what the facts say."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.ageing import (
    ageing,
    ageing_by_third_party,
    payment_delays,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Period, cents
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.movements import (
    movements,
    payment_timeline,
    payments_by_month,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.payment_state import PaymentState
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.payments import payment_states
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.templates import template_health
from tests.support.databases import Cluster, Database
from tests.support.ledger import (
    CUSTOMER_INVOICES,
    CUSTOMER_PAYMENTS,
    SUPPLIER_INVOICES,
    SUPPLIER_PAYMENTS,
    TEMPLATES,
    THIRD_PARTIES,
    TODAY,
)

# The same questions on both sides: their tables and columns.
CUSTOMER = {
    "invoice": "llx_facture",
    "share": "llx_paiement_facture",
    "share_invoice": "fk_facture",
    "share_payment": "fk_paiement",
    "payment": "llx_paiement",
    "used_on": "fk_facture",
    "used_line": "fk_facture_line",
    "source": "fk_facture_source",
}
SUPPLIER = {
    "invoice": "llx_facture_fourn",
    "share": "llx_paiementfourn_facturefourn",
    "share_invoice": "fk_facturefourn",
    "share_payment": "fk_paiementfourn",
    "payment": "llx_paiementfourn",
    "used_on": "fk_invoice_supplier",
    "used_line": "fk_invoice_supplier_line",
    "source": "fk_invoice_supplier_source",
}
CUSTOMER_STATES = payment_states(CUSTOMER_INVOICES, CUSTOMER_PAYMENTS, TODAY, THIRD_PARTIES)
SUPPLIER_STATES = payment_states(SUPPLIER_INVOICES, SUPPLIER_PAYMENTS, TODAY, THIRD_PARTIES)
SIDES = [
    pytest.param(CUSTOMER, CUSTOMER_STATES, id="customers"),
    pytest.param(SUPPLIER, SUPPLIER_STATES, id="suppliers"),
]
# What of an invoice is still owed: of a closed one nothing, of any other its total less money and discounts used on it,
# and of a credit note less what others used of it.
OUTSTANDING = """
    SELECT f.rowid, f.fk_soc, f.date_lim_reglement, f.datef,
           f.total_ttc
           - (SELECT coalesce(sum(s.amount), 0) FROM {share} s WHERE s.{share_invoice} = f.rowid)
           - (SELECT coalesce(sum(d.amount_ttc), 0) FROM llx_societe_remise_except d WHERE d.{used_on} = f.rowid)
           + (SELECT coalesce(sum(d.amount_ttc), 0) FROM llx_societe_remise_except d
              WHERE d.{source} = f.rowid AND f.type = 2) AS amount
    FROM {invoice} f WHERE f.fk_statut = 1
"""


@pytest.fixture(scope="module")
def database(postgres: Cluster) -> Iterator[Database]:
    """One copy of the captured database, which these tests only read."""
    copy = postgres.sample_database()
    yield copy
    postgres.drop(copy.name)


def rows(database: Database, statement: str, side: dict[str, str]) -> list[tuple[Any, ...]]:
    return database.execute(statement.format(**side))


@pytest.mark.parametrize(("side", "states"), SIDES)
def test_totals_money_and_discounts_of_every_invoice(
    database: Database, side: dict[str, str], states: tuple[PaymentState, ...]
) -> None:
    in_database = rows(
        database,
        """
        SELECT f.rowid, f.total_ttc,
               (SELECT coalesce(sum(s.amount), 0) FROM {share} s WHERE s.{share_invoice} = f.rowid),
               (SELECT coalesce(sum(d.amount_ttc), 0) FROM llx_societe_remise_except d WHERE d.{used_on} = f.rowid)
        FROM {invoice} f ORDER BY f.rowid
        """,
        side,
    )
    assert [
        (
            state.invoice.id,
            state.invoice.total_ttc,
            state.settlement.received,
            state.settlement.credit_notes + state.settlement.deposits,
        )
        for state in states
    ] == in_database


@pytest.mark.parametrize(("side", "states"), SIDES)
def test_what_is_outstanding_of_every_invoice(
    database: Database, side: dict[str, str], states: tuple[PaymentState, ...]
) -> None:
    in_database = rows(database, f"SELECT rowid, amount FROM ({OUTSTANDING}) o WHERE amount <> 0 ORDER BY 1", side)
    assert [(state.invoice.id, state.outstanding) for state in states if state.outstanding] == in_database


@pytest.mark.parametrize(("side", "states"), SIDES)
def test_ageing(database: Database, side: dict[str, str], states: tuple[PaymentState, ...]) -> None:
    statement = f"""
        SELECT CASE WHEN amount < 0 THEN 'credit' WHEN late <= 0 THEN 'not_due' WHEN late <= 30 THEN '1-30'
                    WHEN late <= 60 THEN '31-60' WHEN late <= 90 THEN '61-90' ELSE '90+' END, sum(amount)
        FROM (SELECT *, date '{TODAY}' - coalesce(date_lim_reglement, datef + 30) AS late FROM ({OUTSTANDING}) o) aged
        GROUP BY 1 HAVING sum(amount) <> 0
    """
    shown = {str(bucket): amount for bucket, amount in ageing(states).amounts.items() if amount}
    assert shown == dict(rows(database, statement, side))


@pytest.mark.parametrize(("side", "states"), SIDES)
def test_ageing_by_third_party(database: Database, side: dict[str, str], states: tuple[PaymentState, ...]) -> None:
    statement = f"SELECT fk_soc, sum(amount) FROM ({OUTSTANDING}) o WHERE amount <> 0 GROUP BY 1"
    shown = {row.third_party_id: row.total for row in ageing_by_third_party(states)}
    assert shown == dict(rows(database, statement, side))


@pytest.mark.parametrize(("side", "states"), SIDES)
def test_where_the_discounts_are(database: Database, side: dict[str, str], states: tuple[PaymentState, ...]) -> None:
    """A line does not say which deposit it uses; the database does, and which discounts nobody used."""
    statement = """
        SELECT {source}, sum(amount_ttc) FILTER (WHERE {used_on} IS NOT NULL OR {used_line} IS NOT NULL),
               sum(amount_ttc) FILTER (WHERE {used_on} IS NULL AND {used_line} IS NULL)
        FROM llx_societe_remise_except WHERE {source} IS NOT NULL GROUP BY 1 ORDER BY 1
    """
    shown = [
        (state.invoice.id, state.settlement.used_elsewhere or None, state.available or None)
        for state in states
        if state.settlement.used_elsewhere or state.available
    ]
    assert shown == rows(database, statement, side)


def test_what_came_in_dollars(database: Database) -> None:
    """The API shows the payment of FA2610-0037 in euros alone; the database holds the 1500.00 USD as well."""
    in_database = database.execute("SELECT multicurrency_amount FROM llx_paiement_facture WHERE fk_facture = 43")
    (state,) = [state for state in CUSTOMER_STATES if state.foreign is not None]
    assert state.foreign is not None
    assert [(Decimal(state.foreign["settled"]),)] == in_database


@pytest.mark.parametrize(
    ("side", "invoices", "payments"),
    [
        pytest.param(CUSTOMER, CUSTOMER_INVOICES, CUSTOMER_PAYMENTS, id="customers"),
        pytest.param(SUPPLIER, SUPPLIER_INVOICES, SUPPLIER_PAYMENTS, id="suppliers"),
    ],
)
def test_timeline_and_months(database: Database, side: dict[str, str], invoices: Any, payments: Any) -> None:
    """One row per payment, on the account that its bank line names."""
    accounts = dict(
        database.execute(
            "SELECT l.rowid, a.ref FROM llx_bank l JOIN llx_bank_account a ON a.rowid = l.fk_account ORDER BY 1"
        )
    )
    moved = movements(invoices, payments, THIRD_PARTIES, accounts)
    in_database = rows(
        database,
        """
        SELECT p.datep::date, p.ref, a.ref, p.amount,
               sum(p.amount) OVER (ORDER BY p.datep::date, p.ref),
               (SELECT count(*) FROM {share} s WHERE s.{share_payment} = p.rowid)
        FROM {payment} p JOIN llx_bank l ON l.rowid = p.fk_bank JOIN llx_bank_account a ON a.rowid = l.fk_account
        ORDER BY 1, 2
        """,
        side,
    )
    timeline = payment_timeline(moved, Period())
    assert [
        (row.movement.day, row.movement.ref, row.movement.account, row.movement.amount, row.balance, shares)
        for row in timeline
        for shares in [len(row.movement.shares)]
    ] == in_database
    by_month = rows(
        database,
        """
        SELECT to_char(datep, 'YYYY-MM'), count(*), coalesce(sum(amount) FILTER (WHERE amount > 0), 0),
               coalesce(-sum(amount) FILTER (WHERE amount < 0), 0), sum(sum(amount)) OVER (ORDER BY to_char(datep, 'YYYY-MM'))
        FROM {payment} GROUP BY 1 ORDER BY 1
        """,
        side,
    )
    assert [
        (row.month, row.movements, row.received, row.paid_back, row.cumulative)
        for row in payments_by_month(moved, Period())
    ] == by_month


@pytest.mark.parametrize(("side", "states"), SIDES)
def test_delays(database: Database, side: dict[str, str], states: tuple[PaymentState, ...]) -> None:
    """Of invoices closed as paid: credit notes and money paid back do not count."""
    ((count, weighted, mean),) = rows(
        database,
        """
        SELECT count(*), sum(s.amount * (p.datep::date - f.date_lim_reglement)) / sum(s.amount),
               avg(p.datep::date - f.date_lim_reglement)
        FROM {share} s JOIN {payment} p ON p.rowid = s.{share_payment} JOIN {invoice} f ON f.rowid = s.{share_invoice}
        WHERE f.fk_statut = 2 AND f.paye = 1 AND f.type <> 2
        """,
        side,
    )
    delays = payment_delays(states, TODAY)
    assert (delays.payments, delays.weighted_days, delays.mean_days) == (count, cents(weighted), cents(mean))
    ((sales,),) = rows(
        database,
        f"SELECT sum(total_ttc) FROM {{invoice}} WHERE fk_statut IN (1, 2) AND datef > date '{TODAY}' - 365",
        side,
    )
    ((receivables,),) = rows(database, f"SELECT sum(amount) FROM ({OUTSTANDING}) o WHERE amount > 0", side)
    assert (delays.sales, delays.receivables) == (sales, receivables)
    assert delays.dso == cents(receivables / sales * 365)


def test_counters_and_children_of_templates(database: Database) -> None:
    in_database = database.execute(
        """
        SELECT t.rowid, t.titre, t.nb_gen_done,
               ARRAY(SELECT f.ref FROM llx_facture f WHERE f.fk_fac_rec_source = t.rowid ORDER BY f.rowid)
        FROM llx_facture_rec t ORDER BY t.rowid
        """
    )
    shown = [
        (health.template.id, health.template.title, health.template.generated, [child.ref for child in health.children])
        for health in template_health(TEMPLATES, CUSTOMER_INVOICES, THIRD_PARTIES, TODAY, {})
    ]
    assert shown == in_database
