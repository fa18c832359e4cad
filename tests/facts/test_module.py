# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of the captured Dolibarr, subset by subset, and what the filters leave of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from tests.support.dolibarr import StandIn
from tests.support.dolibarr_facts import facts, gather
from tests.support.dolibarr_sample import Reply
from tests.support.paths import FIXTURES

AMOUNT = re.compile(r"-?\d+\.\d\d")
FIGURES = re.compile(r"(total_|.*_tax|.*_base|base$|tax$|balance$|amount$|received$|net$|paid$|price_|outstanding$)")


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every single value with the name of the field that it is in."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, name)
    else:
        yield name, value


def captured_money() -> dict[str, Decimal]:
    """The money of each captured payment of a customer, by its reference, from the captured files themselves."""
    api = FIXTURES / "api"
    moved: dict[str, Decimal] = {}
    for entry in json.loads((api / "index.json").read_text(encoding="utf-8")):
        is_list = re.fullmatch(r"/invoices/\d+/payments", entry["path"]) and entry["method"] == "GET"
        if is_list and entry["file"].startswith("invoices/payments/"):
            for row in json.loads((api / entry["file"]).read_text(encoding="utf-8")):
                if row["typeline"] == "payment":
                    moved[row["ref"]] = moved.get(row["ref"], Decimal(0)) + Decimal(row["amount"])
    return moved


def test_without_a_wish_there_are_status_and_user(stand_in: StandIn) -> None:
    result = gather(stand_in)
    found = result["ansible_facts"]["dolibarr"]
    assert found["status"] == {"version": "22.0.4", "access_locked": False}
    assert (found["user"]["login"], found["user"]["is_admin"]) == ("ai_agent", False)
    assert "societe.client.voir" in found["user"]["rights"]
    assert list(found["user"]["missing_rights"]) == ["company"]
    assert list(found) == ["status", "user"]
    assert (result["outcome"], result["changed"], result["findings"]) == ("unchanged", False, [])


def test_a_user_who_may_not_read_its_rights_is_told_which_one_to_tick(stand_in: StandIn) -> None:
    user = facts(stand_in, login="ai_limited")["user"]
    assert (user["id"], user["rights"]) == (None, None)
    assert user["missing_rights"]["invoices"] == [
        '251 "Read information of other users" ("Consulter les autres utilisateurs")'
    ]
    assert "status" not in user["missing_rights"]


def test_everything_is_json_sorted_and_in_cents(stand_in: StandIn) -> None:
    found = facts(stand_in, gather_subset=["all"])
    assert list(found) == [
        "status",
        "user",
        "company",
        "third_parties",
        "invoices",
        "supplier_invoices",
        "payments",
        "vat",
        "templates",
        "numbering",
        "bank_accounts",
        "products",
        "documents",
    ]
    assert json.loads(json.dumps(found)) == found
    figures = [(name, value) for name, value in leaves(found) if FIGURES.match(name) and value is not None]
    assert len(figures) > 1500
    assert not [pair for pair in figures if not AMOUNT.fullmatch(str(pair[1]))]
    for name, count in (("invoices", 47), ("supplier_invoices", 26), ("bank_accounts", 3), ("products", 5)):
        assert [one["id"] for one in found[name]] == list(range(1, count + 1))
    assert [one["id"] for one in found["third_parties"]["list"]] == list(range(1, 12))
    assert [one["id"] for one in found["templates"]["health"]] == [1, 2, 3, 4, 5]
    files = [(one["invoice_id"], one["path"]) for one in found["documents"]]
    assert files == sorted(files) and len(files) == 45
    assert found["company"] is None


def test_the_company_is_shown_to_an_administrator(stand_in: StandIn) -> None:
    company = facts(stand_in, login="admin", gather_subset=["company"])["company"]
    assert (company["name"], company["country"]) == ("Atelier Lumen", "FR")


def test_payments_of_the_captured_invoices(stand_in: StandIn) -> None:
    """What remains to be paid, by hand from the list of the captured invoices; what came, from the captured payments."""
    payments = facts(stand_in, gather_subset=["payments"])["payments"]
    states = {one["ref"]: one for one in payments["state"]}
    assert (states["FA2509-0015"]["state"], states["FA2509-0015"]["received"]) == ("PARTIAL", "1500.00")
    assert (states["FA2509-0015"]["balance"], states["FA2509-0015"]["days_late"]) == ("2100.00", 407)
    assert (states["FA2509-0016"]["state"], states["FA2509-0016"]["balance"]) == ("OVERPAID", "-120.00")
    # 2100 - 120 + 2800 + 816 - 360 + 2160 + 2160 + 2800 + 2083.33 + 2160 + 720, ids 17 18 26 30 32 37 41 42 43 44 45
    assert payments["total"]["outstanding"] == "17319.33"
    assert payments["ageing"]["total"] == "17319.33"
    # 1440 of AV2505-0001 used on FA2504-0007; converted are that and the surplus of 104 of FA2510-0017
    total = payments["total"]
    assert (total["invoices"], total["credit_notes"], total["converted"]) == (47, "1440.00", "1544.00")
    moved = captured_money()
    assert {one["ref"]: Decimal(one["amount"]) for one in payments["timeline"]} == moved
    assert Decimal(payments["timeline"][-1]["balance"]) == sum(moved.values())
    assert Decimal(payments["by_month_total"]["net"]) == sum(moved.values())
    november = next(row for row in payments["by_month"] if row["month"] == "2025-11")
    # 1400 of FA2510-0017, 1800 of FA2511-0019, 2640 of FA2510-0018; AV2511-0002 paid back
    assert (november["received"], november["paid_back"]) == ("5840.00", "1800.00")
    (transfer,) = [one for one in payments["timeline"] if len(one["invoices"]) > 1]
    assert (transfer["invoices"], transfer["amount"]) == (["FA2507-0013", "FA2508-0014"], "10080.00")
    assert transfer["account"] == "QONTO"


def test_accounts_are_blank_and_it_is_said_where_the_user_may_not_see_them(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    rights = stand_in.sample.rights
    monkeypatch.setitem(rights, "ai_limited", rights["ai_agent"] - {"banque.lire"})
    payments = facts(stand_in, login="ai_limited", gather_subset=["payments"])["payments"]
    assert {one["account"] for one in payments["timeline"]} == {""}
    assert payments["notes"] == [
        "The accounts that money moved on are not shown: the user of the key lacks"
        ' 111 "Read bank accounts" ("Consulter les comptes bancaires").'
    ]


def test_vat_of_february_2025(stand_in: StandIn) -> None:
    """By hand: 960 on the 5760 of FA2501-0001, 360 on the deposit of 2160, 4.95 on goods of FA2502-0003; 34.90 deducted."""
    vat = facts(stand_in, gather_subset=["vat"], month="2025-02")["vat"]
    assert vat["due"]["collected_tax"] == "1324.95"
    assert vat["reconciliation"]["is_exact"] is True
    (month,) = vat["months"]
    lines = {line["line"]: line for line in month["lines"]}
    assert (lines["08"]["base"], lines["08"]["tax"]) == ("6600.00", "1320.00")
    assert (lines["09"]["tax"], lines["09"]["tax_rounded"], lines["09"]["box"]) == ("4.95", "5.00", "0105")
    assert "entries" not in vat


def test_every_line_of_vat_on_request(stand_in: StandIn) -> None:
    vat = facts(stand_in, gather_subset=["vat"], month="2025-02", details=True)["vat"]
    due = {(one["invoice"], one["rate"]): one["tax"] for one in vat["entries"] if one["side"] == "sale"}
    assert due == {("FA2501-0001", "20"): "960.00", ("AC2502-0001", "20"): "360.00", ("FA2502-0003", "5.5"): "4.95"}
    assert {line["invoice"] for line in vat["lines"]} >= {"FA2501-0001", "AC2502-0001", "FA2502-0003"}


@pytest.mark.parametrize(
    ("said", "ids"),
    [
        ({"year": 2026, "month": "7"}, [37, 45]),
        ({"month": "2025-02"}, [3, 4, 5]),
        ({"since": "2026-11-01"}, [44]),
        ({"until": "2025-01-31"}, [1, 2]),
        ({"third_party_ids": [3], "year": 2026}, [26, 34, 42]),
        ({"third_party_ids": [11]}, []),
    ],
)
def test_filters_choose_invoices_and_their_payments(stand_in: StandIn, said: dict[str, Any], ids: list[int]) -> None:
    found = facts(stand_in, gather_subset=["invoices", "payments"], **said)
    assert [one["id"] for one in found["invoices"]] == ids
    assert [one["id"] for one in found["payments"]["state"]] == ids


def test_documents_are_those_of_the_invoices_chosen(stand_in: StandIn) -> None:
    found = facts(stand_in, gather_subset=["documents"], month="2025-01")["documents"]
    assert [one["path"].rpartition("/")[2] for one in found] == ["FA2501-0001.pdf", "FA2501-0002.pdf"]


def test_payments_are_chosen_by_the_day_on_which_they_came(stand_in: StandIn) -> None:
    """FA2501-0001 is of January and was paid on 27 February 2025, the deposit on the 25th."""
    payments = facts(stand_in, gather_subset=["payments"], month="2025-02")["payments"]
    assert [(one["date"], one["amount"]) for one in payments["timeline"]] == [
        ("2025-02-25", "2160.00"),
        ("2025-02-27", "5760.00"),
    ]


def test_one_side_alone(stand_in: StandIn) -> None:
    customers = facts(stand_in, gather_subset=["third_parties"], clients_only=True)["third_parties"]
    assert [one["id"] for one in customers["list"]] == [1, 2, 3, 4, 5, 6]
    assert [one["id"] for one in customers["audit"]["third_parties"]] == [1, 2, 3, 4, 5, 6]
    suppliers = facts(stand_in, gather_subset=["third_parties", "payments"], suppliers_only=True)
    assert [one["id"] for one in suppliers["third_parties"]["list"]] == [7, 8, 9, 11]
    assert suppliers["third_parties"]["audit"]["not_audited"] == [
        {"id": 11, "name": "Ancien Fournisseur Orme", "reason": "closed", "reason_fr": "fermé"}
    ]
    payments = suppliers["payments"]
    assert payments["side"] == "suppliers"
    states = {one["ref"]: (one["state"], one["balance"]) for one in payments["state"]}
    assert states["SI2510-0012"] == ("PARTIAL", "740.00")  # 700 of 1440 paid
    assert states["SI2606-0020"] == ("OVERPAID", "-6.00")  # 90 of 84


def test_a_contractual_schedule(stand_in: StandIn) -> None:
    """Cabinet Hêtre paid 600 on 2026-03-10 and nothing in July, when FA2607-0032 was issued."""
    result = gather(
        stand_in,
        gather_subset=["payments"],
        schedule=[
            {"date": "2026-03-01", "amount": "600", "customer": "5"},
            {"date": "2026-07-15", "amount": "2160.00", "customer": "Cabinet Hêtre & Associés"},
        ],
    )
    schedule = result["ansible_facts"]["dolibarr"]["payments"]["schedule"]
    met = [(one["due"], one["state"], one["days"], one["missing"]) for one in schedule["instalments"]]
    assert met == [("2026-03-01", "late", 9, "0.00"), ("2026-07-15", "late", 129, "2160.00")]
    assert [one["subject"] for one in result["findings"] if one["check"] == "schedule-missing"] == [
        "Cabinet Hêtre & Associés"
    ]


def test_what_has_no_subset_is_one_request_more(stand_in: StandIn) -> None:
    found = facts(stand_in, gather_subset=["!all"], raw="/invoices/9")
    assert list(found) == ["raw"]
    assert found["raw"]["ref"] == "AV2505-0001"
    assert [request.path for request in stand_in.requests] == ["/invoices/9"]


def test_no_list_is_read_before_the_rights_are_known(stand_in: StandIn) -> None:
    with pytest.raises(ErpError) as caught:
        gather(stand_in, login="ai_limited", gather_subset=["status", "payments"])
    message = str(caught.value)
    assert '262 "Extend access to all third parties"' in message and '251 "Read information' in message
    assert {request.path for request in stand_in.requests} <= {"/users/info", "/status"}


def test_a_missing_right_names_what_cannot_be_read_and_the_right(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    rights = stand_in.sample.rights
    monkeypatch.setitem(rights, "ai_limited", rights["ai_agent"] - {"societe.client.voir"})
    with pytest.raises(ErpError) as caught:
        gather(stand_in, login="ai_limited", gather_subset=["status", "templates"])
    assert str(caught.value) == (
        "The user ai_limited may not read all of invoices, templates, third_parties: tick 262"
        ' "Extend access to all third parties" ("Étendre l\'accès à tous les tiers"), on the tab Permissions of its'
        " card (Home > Users & Groups, Accueil > Utilisateurs & Groupes)."
    )


def test_a_server_that_fails_in_the_middle_leaves_no_figure(stand_in: StandIn) -> None:
    stand_in.fail(
        Reply(500, b'{"error": {"code": 500, "message": "Internal Server Error: no memory"}}'), "/invoices/*", 9
    )
    with pytest.raises(ErpError, match=r'^Dolibarr failed at GET /invoices/\d+/payments \(500, "no memory"\): look'):
        gather(stand_in, gather_subset=["payments"])


def test_vat_that_does_not_add_up_is_an_error_and_a_finding(stand_in: StandIn) -> None:
    """A total of FA2501-0001 that its own line does not explain."""
    rows = json.loads(stand_in.sample.captured("invoices/invoices--limit=0.json").body)
    rows[0]["total_ht"] = "4801.00000000"
    stand_in.fail(Reply(200, json.dumps(rows).encode()), "/invoices")
    result = gather(stand_in, report="vat_summary", month="2025-01")
    assert result["ansible_facts"]["dolibarr"]["vat"]["reconciliation"]["is_exact"] is False
    assert result["findings"][0]["check"] == "vat-not-reconciled"
    assert "Does not reconcile with the invoices" in result["report"]
