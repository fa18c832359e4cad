# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reader: each section whole, once, and only after the rights are known."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.answers import (
    ChangedWhileRead,
    DolibarrError,
    Forbidden,
    ServerError,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.client import Client
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import DolibarrOptions
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.reader import Reader
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.rights import MissingRight
from tests.support.dolibarr import StandIn
from tests.support.dolibarr_sample import Reply, Sample, dumped
from tests.support.paths import FIXTURES

Connect = Callable[..., Client]


def test_status_user_and_company(reader: Reader, connect: Connect) -> None:
    assert (reader.status().version, reader.user().login, reader.company()) == ("22.0.4", "ai_agent", None)
    company = Reader(connect("admin")).company()
    assert company is not None and company.name == "Atelier Lumen"


def test_sections_are_whole_and_sorted_by_id(reader: Reader) -> None:
    sections: dict[str, tuple[Sequence[Any], int]] = {
        "third parties": (reader.third_parties(), 11),
        "invoices": (reader.invoices(), 47),
        "supplier invoices": (reader.supplier_invoices(), 26),
        "templates": (reader.templates(), 5),
        "bank accounts": (reader.bank_accounts(), 3),
        "products": (reader.products(), 5),
    }
    for name, (found, count) in sections.items():
        assert [row.id for row in found] == list(range(1, count + 1)), name


def test_a_section_is_read_once(stand_in: StandIn, reader: Reader) -> None:
    for _time in range(2):
        reader.payments()
        reader.invoices()
        reader.templates()
    paths = Counter(request.path for request in stand_in.requests)
    assert max(paths.values()) == 1


def test_payments_are_those_of_the_database(reader: Reader) -> None:
    # SQL: select count(*), sum(amount) from llx_paiement_facture, and from llx_paiementfourn_facturefourn
    money = [row for rows in reader.payments().values() for row in rows if row.is_money]
    assert (len(money), sum(row.amount for row in money)) == (35, Decimal("124875.72"))
    money = [row for rows in reader.supplier_payments().values() for row in rows if row.is_money]
    assert (len(money), sum(row.amount for row in money)) == (22, Decimal("5134.96"))


def test_payments_tell_money_from_what_was_set_off(reader: Reader) -> None:
    # FA2504-0007 of 7200.00: transfer PAY2506-0010, and credit note AV2505-0001
    found = {row.ref: (row.amount, row.is_money) for row in reader.payments()[8]}
    assert found == {"PAY2506-0010": (Decimal("5760"), True), "AV2505-0001": (Decimal("1440"), False)}
    # one transfer for FA2507-0013 and FA2508-0014
    (one,), (other,) = reader.payments()[15], reader.payments()[16]
    assert (one.ref, one.bank_line_id) == (other.ref, other.bank_line_id)
    assert (one.amount, other.amount) == (Decimal("6480"), Decimal("3600"))
    # FA2503-0005: three payments in order of their dates
    assert [row.paid_on for row in reader.payments()[6]] == sorted(row.paid_on for row in reader.payments()[6])
    assert len(reader.payments()[6]) == 3


def test_balances_are_those_of_the_bank_lines(reader: Reader) -> None:
    # SQL: select fk_account, sum(amount) from llx_bank group by 1
    assert [(account.ref, account.balance) for account in reader.bank_accounts()] == [
        ("QONTO", Decimal("94314.78")),
        ("WISE", Decimal("29463.49")),
        ("CCA-CF", Decimal("3941.99")),
    ]


def test_bank_details_of_third_parties_are_read_when_they_are_asked_for(stand_in: StandIn, reader: Reader) -> None:
    assert {party.ibans for party in reader.third_parties()} == {()}
    assert not any(request.path.endswith("/bankaccounts") for request in stand_in.requests)
    assert {party.name: party.ibans for party in reader.third_parties(with_ibans=True) if party.ibans} == {
        "Hébergements Cèdre": ("FR7630003099990000000000120",)
    }


def test_bank_details_of_another_instance_are_told(stand_in: StandIn, reader: Reader) -> None:
    body = {"error": {"code": 500, "message": "Error encoding/decoding JSON: Malformed UTF-8 characters"}}
    stand_in.fail(Reply(500, json.dumps(body).encode()), "/thirdparties/7/bankaccounts", times=9)
    with pytest.raises(ServerError, match="bank details of Hébergements Cèdre: put back the dolibarr_main_instance_un"):
        reader.third_parties(with_ibans=True)


def test_other_failures_of_bank_details_stay_what_they_are(stand_in: StandIn, reader: Reader) -> None:
    stand_in.fail(Reply(500, b'{"error": {"code": 500, "message": "no"}}'), "/thirdparties/7/bankaccounts", times=9)
    with pytest.raises(ServerError, match="look into its log"):
        reader.third_parties(with_ibans=True)


def test_files_of_invoices(reader: Reader) -> None:
    # 45 PDFs: all but two drafts, 40 and 47, have one
    found = reader.documents()
    assert [document.invoice_id for document in found] == [n for n in range(1, 48) if n not in (40, 47)]
    assert found[0].path.endswith("FA2501-0001/FA2501-0001.pdf")


def test_raw_is_one_get(stand_in: StandIn, reader: Reader) -> None:
    assert reader.raw("/setup/dictionary/countries/1")["code"] == "FR"
    assert [request.path for request in stand_in.requests] == ["/setup/dictionary/countries/1"]


# -- rights -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("section", ["invoices", "supplier_invoices", "third_parties", "templates", "documents"])
@pytest.mark.parametrize("login", ["ai_limited", "ai_norights"])
def test_an_empty_list_is_not_even_asked_for_before_rights_are_known(
    stand_in: StandIn, connect: Connect, section: str, login: str
) -> None:
    with pytest.raises(MissingRight, match='may not read its own rights.*tick 251 .* 262 "Extend access'):
        getattr(Reader(connect(login)), section)()
    assert [request.path for request in stand_in.requests] == ["/users/info"]


@pytest.mark.parametrize(
    ("lacking", "section", "told"),
    [
        ("societe.client.voir", "invoices", 'tick 262 "Extend access to all third parties"'),
        ("facture.lire", "payments", 'tick 11 "Read customer invoices" ("Consulter les factures clients")'),
        ("fournisseur.facture.lire", "supplier_payments", 'tick 1231 "Read vendor invoices"'),
        ("banque.lire", "bank_accounts", 'tick 111 "Read bank accounts"'),
        ("produit.lire", "products", 'tick 31 "Read products"'),
    ],
)
def test_a_missing_right_is_named_before_anything_is_read(lacking: str, section: str, told: str) -> None:
    data = Sample()
    data.rights["auditor"] = data.rights["ai_agent"] - {lacking}
    with (
        StandIn(data, {"auditor": "k"}) as server,
        Client(DolibarrOptions(server.url, "k")) as client,
        pytest.raises(MissingRight) as caught,
    ):
        getattr(Reader(client), section)()
    assert told in str(caught.value) and "The user auditor may not read all of" in str(caught.value)
    assert [request.path for request in server.requests] == ["/users/info"]


def test_all_missing_rights_are_told_at_once() -> None:
    data = Sample()
    data.rights["auditor"] = frozenset({"user.user.lire", "societe.client.voir"})
    with StandIn(data, {"auditor": "k"}) as server, Client(DolibarrOptions(server.url, "k")) as client:
        with pytest.raises(MissingRight) as caught:
            Reader(client).require(["vat", "products"])
        assert caught.value.facts["missing_rights"] == [11, 31, 121, 1231]


def test_an_entitled_user_is_told_of_a_module_that_is_off(stand_in: StandIn, reader: Reader) -> None:
    stand_in.fail("config-variants/invoices--limit=1+properties=id,ref--invoice-module-disabled.json", "/invoices")
    with pytest.raises(Forbidden, match="check that the module is turned on"):
        reader.invoices()


def test_an_instance_without_data_is_empty_for_who_may_see_all() -> None:
    data = Sample(empty=True)
    data.rights["auditor"] = Sample().rights["ai_agent"]
    with StandIn(data, {"auditor": "k"}) as server, Client(DolibarrOptions(server.url, "k")) as client:
        reader = Reader(client)
        lists = (reader.invoices(), reader.third_parties(), reader.templates(), reader.bank_accounts())
        assert lists == ((), (), (), ())
        assert reader.payments() == {}


# -- requests and consistency -----------------------------------------------------------------------------------------


def test_1269_invoices_take_one_request_for_each_that_has_a_payment_and_their_pages() -> None:
    # 33 of the 47 captured invoices have payment rows; 27 copies of them are 891, and 1269 invoices are 13 pages
    with (
        StandIn(Sample(copies=27)) as server,
        Client(DolibarrOptions(server.url, server.key("ai_agent"))) as client,
    ):
        reader = Reader(client)
        found = reader.payments()
        assert (len(reader.invoices()), len(found)) == (1269, 891)
        assert sum(row.amount for rows in found.values() for row in rows if row.is_money) == 27 * Decimal("124875.72")
        asked = Counter(request.path.rpartition("/")[2] for request in server.requests)
        assert asked == {"info": 1, "invoices": 13, "payments": 891}


def test_payments_that_do_not_add_up_are_read_again(stand_in: StandIn, reader: Reader) -> None:
    stand_in.fail(Reply(200, b"[]"), "/invoices/8/payments")
    assert len(reader.payments()[8]) == 2


def test_a_payment_that_was_made_meanwhile_is_told_as_such(stand_in: StandIn, reader: Reader) -> None:
    rows = [{"amount": "8000", "typeline": "payment", "type": "VIR", "date": "2026-11-21 12:00:00", "ref": "PAY1"}]
    stand_in.fail(Reply(200, dumped(rows)), "/invoices/8/payments", times=2)
    invoice = json.loads((FIXTURES / "api/invoices/by-id/invoices__8.json").read_text(encoding="utf-8"))
    stand_in.fail(Reply(200, dumped({**invoice, "totalpaid": 8000})), "/invoices/8")
    with pytest.raises(ChangedWhileRead, match="Payments of FA2504-0007 changed while they were read: run this again"):
        reader.payments()


def test_payments_that_never_add_up_are_an_error_with_both_figures(stand_in: StandIn, reader: Reader) -> None:
    stand_in.fail(Reply(200, b"[]"), "/invoices/8/payments", times=2)
    with pytest.raises(DolibarrError, match=r"5760\.00 was received for FA2504-0007 and shows payments of 0\.00: look"):
        reader.payments()


def test_templates_are_found_behind_a_gap_and_far_from_any_invoice(stand_in: StandIn, reader: Reader) -> None:
    missing = Reply(200, (FIXTURES / "api/templates/invoices__templates__999.json").read_bytes())
    for number in (2, 3, 4):
        stand_in.fail(missing, f"/invoices/templates/{number}")
    far = json.loads((FIXTURES / "api/templates/invoices__templates__3.json").read_text(encoding="utf-8"))
    stand_in.fail(Reply(200, dumped({**far, "id": "55"})), "/invoices/templates/55")
    assert [template.id for template in reader.templates()] == [1, 5, 55]
    asked = sorted(int(r.path.rpartition("/")[2]) for r in stand_in.requests if "/templates/" in r.path)
    assert asked == list(range(1, 106))  # to 50 after the last, none twice


def test_dates_do_not_depend_on_the_zone_of_the_server(stand_in: StandIn, reader: Reader) -> None:
    # FA2501-0001 of 2025-01-31: midnight in Paris and midnight UTC are the same day
    utc = (FIXTURES / "api/config-variants/invoices__1--php-timezone-utc.json").read_bytes()
    (invoice, *_others) = reader.invoices()
    stand_in.fail(Reply(200, b"[" + utc + b"]"), "/invoices")
    (same,) = Reader(vars(reader)["_client"]).invoices()
    assert invoice.issued == same.issued == date(2025, 1, 31)
    assert invoice.due == same.due
