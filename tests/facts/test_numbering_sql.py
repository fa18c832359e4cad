# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbering and the third parties against the captured database: what SQL says must be what the audits say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.numbering import audit_numbering
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.third_parties import (
    audit_third_parties,
    vat_charging_suppliers,
)
from tests.support.databases import Cluster, Database
from tests.support.ledger import CUSTOMER_INVOICES, SUPPLIER_INVOICES, THIRD_PARTIES, TODAY

# Series and number of each reference that is not provisional: FA2501-0001 is number 1 of FA.
NUMBERED = """
    WITH numbered AS (
        SELECT rowid, ref, datef, date_valid, substring(ref from '^[A-Z]+') AS series,
               substring(ref from '[0-9]+$')::int AS number
        FROM llx_facture WHERE fk_statut > 0
    )
"""


@pytest.fixture(scope="module")
def database(postgres: Cluster) -> Iterator[Database]:
    """One copy of the captured database, which these tests only read."""
    copy = postgres.sample_database()
    yield copy
    postgres.drop(copy.name)


def test_series_are_those_of_the_database(database: Database) -> None:
    rows = database.execute(
        NUMBERED
        + """
        SELECT series, count(*), max(number) - min(number) + 1 - count(DISTINCT number),
               min(datef)::text, max(datef)::text
        FROM numbered GROUP BY series ORDER BY series COLLATE "C"
        """
    )
    facts = audit_numbering(CUSTOMER_INVOICES, TODAY).to_facts()
    keys = ("name", "count", "missing", "since", "until")
    assert [tuple(one[key] for key in keys) for one in facts["series"]] == rows
    ((drafts,),) = database.execute("SELECT count(*) FROM llx_facture WHERE fk_statut = 0")
    assert facts["drafts"] == drafts


def test_every_number_taken_away_is_found_where_sql_finds_it(database: Database) -> None:
    """Without FA2506-0010 and AV2511-0002, which have neighbours on both sides, and FA2607-0039, which is the last."""
    gone = ("FA2506-0010", "AV2511-0002", "FA2607-0039")
    rows = database.execute(
        NUMBERED
        + """
        , left_over AS (SELECT * FROM numbered WHERE ref <> ALL(%s))
        SELECT series, candidate
        FROM (SELECT series, generate_series(min(number), max(number)) AS candidate FROM left_over GROUP BY series) all_of
        WHERE NOT EXISTS (
            SELECT FROM left_over l WHERE l.series = all_of.series AND l.number = all_of.candidate
        )
        ORDER BY series COLLATE "C", candidate
        """,
        [list(gone)],
    )
    assert rows == [("AV", 2), ("FA", 10)]
    audit = audit_numbering([one for one in CUSTOMER_INVOICES if one.ref not in gone], TODAY)
    subjects = [one.subject for one in audit.findings if one.check == "number-gap"]
    assert len(subjects) == len(rows)
    for subject, (series, number) in zip(subjects, rows, strict=True):
        names = subject.split(" or ")
        assert all(name.startswith(series) and name.endswith(f"-{number:04d}") for name in names)


def test_the_order_of_dates_is_that_of_the_database(database: Database) -> None:
    rows = database.execute(
        NUMBERED
        + """
        SELECT ref, previous FROM (
            SELECT ref, datef, date_valid,
                   lag(ref) OVER by_number AS previous,
                   lag(datef) OVER by_number AS date_before,
                   lag(date_valid) OVER by_number AS valid_before
            FROM numbered WINDOW by_number AS (PARTITION BY series ORDER BY number)
        ) neighbours
        WHERE datef < date_before AND date_valid < valid_before
        """
    )
    assert rows == [("FA2607-0039", "FA2611-0038")]
    audit = audit_numbering(CUSTOMER_INVOICES, TODAY)
    (finding,) = [one for one in audit.findings if one.check == "number-order"]
    assert (str(finding.severity), finding.subject) == ("error", "FA2607-0039")
    assert "numbered after FA2611-0038" in finding.message


def test_suppliers_who_charge_vat_are_those_of_the_database(database: Database) -> None:
    rows = database.execute(
        "SELECT DISTINCT fk_soc FROM llx_facture_fourn WHERE fk_statut > 0 AND total_tva <> 0 ORDER BY 1"
    )
    assert vat_charging_suppliers(SUPPLIER_INVOICES) == {row[0] for row in rows}


def test_fields_missing_of_third_parties_are_those_of_the_database(database: Database) -> None:
    """The fields that every customer and supplier in use is asked for, and those of French businesses."""
    audit = audit_third_parties(THIRD_PARTIES.values(), TODAY)
    in_use = "status = 1 AND (client IN (1, 3) OR fournisseur = 1)"
    for field, column in (("address", "address"), ("town", "town"), ("zip", "zip"), ("email", "email")):
        rows = database.execute(
            f"SELECT rowid FROM llx_societe WHERE {in_use} AND coalesce({column}, '') = '' ORDER BY rowid"
        )
        assert [one.third_party.id for one in audit.audited if field in one.missing] == [row[0] for row in rows]
    for field, column in (("siren", "siren"), ("siret", "siret"), ("naf", "ape"), ("rcs", "idprof4")):
        rows = database.execute(
            f"""
            SELECT s.rowid FROM llx_societe s
            JOIN llx_c_country c ON c.rowid = s.fk_pays LEFT JOIN llx_c_typent t ON t.id = s.fk_typent
            WHERE {in_use} AND c.code = 'FR' AND coalesce(t.code, '') <> 'TE_PRIVATE' AND coalesce({column}, '') = ''
            ORDER BY s.rowid
            """
        )
        assert [one.third_party.id for one in audit.audited if field in one.missing] == [row[0] for row in rows]


def test_no_two_third_parties_share_what_should_be_of_one(database: Database) -> None:
    rows = database.execute(
        """
        SELECT value, count(*) FROM (
            SELECT siren AS value FROM llx_societe WHERE status = 1
            UNION ALL SELECT tva_intra FROM llx_societe WHERE status = 1
            UNION ALL SELECT lower(nom) || coalesce(zip, '') FROM llx_societe WHERE status = 1
        ) keys WHERE coalesce(value, '') <> '' GROUP BY value HAVING count(*) > 1
        """
    )
    assert rows == []
    assert audit_third_parties(THIRD_PARTIES.values(), TODAY).duplicates == ()
