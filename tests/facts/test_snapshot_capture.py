# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of the captured Dolibarr, over HTTP."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.answers import ChangedWhileRead, DolibarrError
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.client import Client
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.instance import User
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.reader import Reader
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.rights import MissingRight
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.snapshot import Snapshot, build_snapshot
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.snapshot_difference import compare_snapshots
from tests.facts.conftest import Connect
from tests.support.dolibarr import StandIn
from tests.support.dolibarr_sample import Reply
from tests.support.paths import FIXTURES

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
INSTANCE = "https://erp.example.com"


def taken(client: Client) -> Snapshot:
    return build_snapshot(client, Reader(client), INSTANCE, NOON)


def by_id(content: dict[str, Any], section: str) -> dict[int, dict[str, Any]]:
    return {int(one["id"]): one for one in content["data"][section]}


def test_a_snapshot_holds_everything_that_was_captured(client: Client) -> None:
    snapshot = taken(client)
    # The tables of the captured data: 11 third parties, 47 and 26 invoices, 5 templates, 3 accounts.
    products = len(json.loads((FIXTURES / "api/products/products.json").read_text()))
    assert snapshot.counts() == {
        "bank_accounts": 3,
        "invoices": 47,
        "products": products,
        "status": 1,
        "supplier_invoices": 26,
        "templates": 5,
        "third_parties": 11,
    }
    assert snapshot.not_read == ("company",)
    content = snapshot.to_content()
    assert content["data"]["status"] == {"dolibarr_version": "22.0.4"}
    for section in ("invoices", "supplier_invoices", "third_parties", "templates", "products", "bank_accounts"):
        ids = list(by_id(content, section))
        assert ids == sorted(ids)


def test_objects_carry_what_has_an_address_of_its_own(client: Client) -> None:
    content = taken(client).to_content()
    invoices, suppliers = by_id(content, "invoices"), by_id(content, "supplier_invoices")
    # FA2504-0007: one transfer of 5760.00 and the credit note AV2505-0001 of 1440.00.
    paid = {(row["ref"], row["amount"], row["typeline"]) for row in invoices[8]["payments"]}
    assert paid == {("PAY2506-0010", "5760.00000000", "payment"), ("AV2505-0001", "1440.00000000", "discount")}
    # FA2503-0005 was paid three times; FA2607-0032 not at all.
    assert len(invoices[6]["payments"]) == 3
    assert "payments" not in invoices[37]
    # SI2510-0012: 700.00 of 1440.00.
    assert [row["amount"] for row in suppliers[13]["payments"]] == ["700.00000000"]
    assert [one["iban"] for one in by_id(content, "third_parties")[7]["bank_accounts"]] == [
        "FR7630003099990000000000120"
    ]
    assert by_id(content, "bank_accounts")[1]["balance"] == "94314.78"


def test_two_captures_are_the_same_whoever_reads(connect: Connect) -> None:
    one, again = taken(connect()), taken(connect(connections=1))
    assert "".join(one.pieces()) == "".join(again.pieces())
    # An administrator sees the company too, and all else is the same.
    difference = compare_snapshots(one.to_content(), taken(connect("admin")).to_content())
    assert (difference.is_same, difference.not_compared) == (True, ("company",))


def test_payments_are_asked_for_where_there_can_be_some(stand_in: StandIn, client: Client) -> None:
    taken(client)
    asked = [request.path for request in stand_in.requests if request.path.endswith("/payments")]
    customers = [path for path in asked if path.startswith("/invoices/")]
    # The table of the captured invoices: 14 of 47 have no row of payments; all suppliers' but the draft are asked for.
    assert (len(customers), len(set(customers))) == (33, 33)
    assert len(asked) - len(customers) == 25


def test_an_invoice_whose_payments_do_not_add_up_is_read_again(stand_in: StandIn, client: Client) -> None:
    usual = taken(client)
    stand_in.fail(Reply(200, b"[]"), path="/invoices/1/payments")
    assert taken(client).content_hash == usual.content_hash
    stand_in.fail(Reply(200, b"[]"), path="/invoices/1/payments", times=2)
    with pytest.raises(ChangedWhileRead, match="The payments of FA2501-0001 do not add up to what it says was paid"):
        taken(client)


def test_nothing_is_kept_of_what_broke_off(stand_in: StandIn, client: Client) -> None:
    stand_in.fail(Reply(500, b"{}"), path="/supplierinvoices/13/payments")
    with pytest.raises(DolibarrError):
        taken(client)


def test_the_last_right_is_asked_for_first(stand_in: StandIn, client: Client) -> None:
    class Lacking(Reader):
        def user(self) -> User:
            user = super().user()
            return dataclasses.replace(user, rights=(user.rights or frozenset()) - {"banque.lire"})

    with pytest.raises(MissingRight, match="111"):
        build_snapshot(client, Lacking(client), INSTANCE, NOON)
    assert {request.path for request in stand_in.requests} == {"/users/info"}


@pytest.mark.parametrize(("login", "right"), [("ai_limited", "262"), ("ai_norights", "251")])
def test_a_missing_right_is_said_before_anything_is_read(
    stand_in: StandIn, connect: Connect, login: str, right: str
) -> None:
    with pytest.raises(MissingRight, match=right):
        taken(connect(login))
    assert {request.path for request in stand_in.requests} == {"/users/info"}
