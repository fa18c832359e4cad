# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Business figures of a Dolibarr database, read in a snapshot and compared after every restore."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.postgres.dolibarr_version import DOLIBARR_VERSION
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.snapshot import Snapshot

INVOICES = {"customer": "llx_facture", "supplier": "llx_facture_fourn"}
PAYMENTS = {"customer": "llx_paiement", "supplier": "llx_paiementfourn"}
BY_TYPE = "SELECT type::int, fk_statut::int, count(*) FROM public.{table} GROUP BY 1, 2 ORDER BY 1, 2"
# A database that was moved from MySQL has amounts in double precision, whose sum depends on the order of the rows.
BY_MONTH = (
    "SELECT coalesce(to_char(datef, 'YYYY-MM'), 'undated'), sum(total_ht::numeric), sum(total_tva::numeric),"
    " sum(total_ttc::numeric) FROM public.{table} WHERE fk_statut > 0 GROUP BY 1 ORDER BY 1"
)
# A reference ends in the counter of its series and begins with the letters that name it.
LAST_NUMBERS = (
    "SELECT DISTINCT ON (series) substring(ref from '^[^0-9]+') AS series, ref FROM public.{table}"
    " WHERE fk_statut > 0 AND ref ~ '^[^0-9(]+.*[0-9]$' ORDER BY 1, substring(ref from '[0-9]+$')::numeric DESC, ref DESC"
)
PAID = "SELECT count(*), coalesce(sum(amount::numeric), 0) FROM public.{table}"
BALANCES = (
    "SELECT a.ref, coalesce(sum(b.amount::numeric), 0) FROM public.llx_bank_account a LEFT JOIN public.llx_bank b ON b.fk_account = a.rowid"
    " GROUP BY a.rowid, a.ref ORDER BY a.ref, a.rowid"
)
EXACT = Context(prec=1000)
CHAIN = "SELECT rowid, signature FROM public.llx_blockedlog ORDER BY rowid DESC LIMIT 1"


def read_figures(snapshot: Snapshot) -> dict[str, Any]:
    """The figures as JSON: amounts are text with two decimals or more, months ``YYYY-MM`` or ``undated``, absent tables left out."""
    rows = snapshot.connection.execute(
        "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'public' AND tablename LIKE 'llx\\_%%'"
    ).fetchall()
    tables = {row[0] for row in rows}
    figures: dict[str, Any] = {"llx_tables": len(tables)}

    def ask(query: str, *needed: str) -> list[tuple[Any, ...]]:
        return snapshot.connection.execute(query.encode()).fetchall() if tables.issuperset(needed) else []

    version = ask(DOLIBARR_VERSION, "llx_const")
    figures["dolibarr_version"] = version[0][0] if version else None
    for side, table in INVOICES.items():
        if table in tables:
            figures[f"{side}_invoices"] = {
                "by_type_and_status": [
                    {"type": kind, "status": status, "count": count}
                    for kind, status, count in ask(BY_TYPE.format(table=table), table)
                ],
                "by_month": {
                    month: {"ht": money(ht), "tva": money(tva), "ttc": money(ttc)}
                    for month, ht, tva, ttc in ask(BY_MONTH.format(table=table), table)
                },
                "last_numbers": dict(ask(LAST_NUMBERS.format(table=table), table)),
            }
    for side, table in PAYMENTS.items():
        for count, total in ask(PAID.format(table=table), table):
            figures[f"{side}_payments"] = {"count": count, "sum": money(total)}
    if {"llx_bank", "llx_bank_account"} <= tables:
        figures["bank_balances"] = {ref: money(total) for ref, total in ask(BALANCES, "llx_bank", "llx_bank_account")}
    if "llx_blockedlog" in tables:
        head = ask(CHAIN, "llx_blockedlog")
        count = ask("SELECT count(*) FROM public.llx_blockedlog", "llx_blockedlog")[0][0]
        figures["blockedlog"] = {"rows": count, "head": list(head[0]) if head else None}
    return figures


def money(amount: Decimal | None) -> str:
    """An amount as text: at least two decimals, more only where the database has them."""
    value = (amount or Decimal(0)).normalize(EXACT)
    if not value.is_finite():
        return str(value)  # what is not a number is recorded as such, and no reason to be without a backup
    places = -int(value.as_tuple().exponent)
    return f"{value:.{max(2, places)}f}"
