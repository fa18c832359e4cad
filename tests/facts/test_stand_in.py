# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in answers as the captured Dolibarr did, to whom it did, and reads only."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
import requests

from tests.support.dolibarr import API, StandIn
from tests.support.dolibarr_sample import Reply, sample
from tests.support.paths import FIXTURES, ROOT

CAPTURED = FIXTURES / "api"
INDEX: list[dict[str, Any]] = json.loads((CAPTURED / "index.json").read_text(encoding="utf-8"))
USERS = ("ai_agent", "ai_limited", "ai_norights", "admin")
# What a running instance was asked under its usual configuration.
READ = [
    entry
    for entry in INDEX
    if entry["method"] == "GET"
    and entry["user"] in USERS
    and not entry["file"].startswith(("config-variants/", "empty-instance/"))
]


def get(server: StandIn, path: str, login: str | None = "ai_agent", **query: str | int) -> requests.Response:
    headers = {"DOLAPIKEY": server.key(login)} if login else {}
    return requests.get(f"{server.url}{API}{path}", params=query, headers=headers, timeout=10)


def test_every_captured_answer_comes_back_as_it_was() -> None:
    differing = []
    for entry in READ:
        reply = sample().reply(
            entry["user"], entry["path"], {name: str(value) for name, value in entry["query"].items()}
        )
        wanted = (CAPTURED / entry["file"]).read_bytes()
        same_body = (
            json.loads(reply.body) == json.loads(wanted) if wanted.startswith((b"[", b"{")) else reply.body == wanted
        )
        if not (reply.status == entry["status"] and reply.content_type == entry["content_type"] and same_body):
            differing.append((entry["user"], entry["path"], entry["query"], reply.status))
    assert differing == []
    assert len(READ) > 440


def test_pages_hold_each_row_once_and_say_how_many_there_are(stand_in: StandIn) -> None:
    pages = [get(stand_in, "/invoices", limit=20, page=page, pagination_data="true").json() for page in range(3)]
    assert [len(page["data"]) for page in pages] == [20, 20, 7]
    assert [row["id"] for page in pages for row in page["data"]] == [str(number) for number in range(1, 48)]
    assert pages[0]["pagination"] == {"total": 47, "page": 0, "page_count": 3, "limit": 20}


def test_after_an_id_comes_the_rest_of_the_list(stand_in: StandIn) -> None:
    answer = get(stand_in, "/supplierinvoices", sqlfilters="(t.rowid:>:24)", limit=1, pagination_data="true").json()
    assert [row["id"] for row in answer["data"]] == ["25"]
    assert answer["pagination"]["total"] == 2


def test_what_was_never_captured_is_not_there(stand_in: StandIn) -> None:
    missing = {
        path: get(stand_in, path).status_code for path in ("/invoices/48", "/invoices/48/payments", "/thirdparties/12")
    }
    assert missing == {"/invoices/48": 404, "/invoices/48/payments": 404, "/thirdparties/12": 404}
    assert get(stand_in, "/invoices/templates/7").json()["id"] is None
    assert get(stand_in, "/stockmovements").status_code == 501
    assert get(stand_in, "/thirdparties/2/bankaccounts").status_code == 404


def test_keys_and_rights_decide(stand_in: StandIn) -> None:
    assert get(stand_in, "/invoices", None).status_code == 401
    unknown = requests.get(f"{stand_in.url}{API}/invoices", headers={"DOLAPIKEY": "no"}, timeout=10)
    assert (unknown.status_code, "not found with api key" in unknown.text) == (401, True)
    assert get(stand_in, "/invoices", "ai_norights").status_code == 403
    assert get(stand_in, "/invoices", "ai_limited").json() == []
    assert get(stand_in, "/thirdparties", "ai_limited").status_code == 404
    assert get(stand_in, "/invoices/2", "ai_limited").status_code == 403
    assert get(stand_in, "/setup/company", "ai_agent").status_code == 403
    assert get(stand_in, "/setup/company", "admin").json()["name"] == "Atelier Lumen"


@pytest.mark.parametrize("verb", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_but_reading_is_served_and_all_is_noted(stand_in: StandIn, verb: str) -> None:
    headers = {"DOLAPIKEY": stand_in.key("admin")}
    url = f"{stand_in.url}{API}/invoices/1"
    direct = requests.request(verb, url, headers=headers, json={"note": "x"}, timeout=10)
    disguised = requests.get(url, params={"http_method": verb}, headers=headers, timeout=10)
    assert (direct.status_code, disguised.status_code) == (403, 403)
    assert [request.verb for request in stand_in.requests] == [verb, verb]
    assert get(stand_in, "/invoices/1").json()["ref"] == "FA2501-0001"


def test_it_fails_when_it_is_told_to(stand_in: StandIn) -> None:
    stand_in.fail("config-variants/invoices--database-down.txt", "/invoices", skip=1)
    assert [get(stand_in, path).status_code for path in ("/invoices", "/status", "/invoices", "/invoices")] == [
        200,
        200,
        202,
        200,
    ]
    stand_in.fail(Reply(0))
    with pytest.raises(requests.ConnectionError):
        get(stand_in, "/status")


def test_copies_are_invoices_of_their_own_with_the_same_amounts() -> None:
    three = sample(copies=3)
    rows = json.loads(three.reply("ai_agent", "/invoices", {"limit": "0"}).body)
    assert (len(rows), len({row["id"] for row in rows}), len({row["ref"] for row in rows})) == (141, 141, 141)
    second = next(row for row in rows if row["id"] == "1008")
    assert (second["ref"], second["total_ttc"]) == ("FA2504-1007", "7200.00000000")
    paid = json.loads(three.reply("ai_agent", "/invoices/1008/payments", {}).body)
    assert [(row["ref"], row["amount"]) for row in paid] == [
        ("PAY2506-1010", "5760.00000000"),
        ("AV2505-1001", "1440.00000000"),
    ]


def test_an_instance_without_data_is_empty() -> None:
    empty = sample(empty=True)
    assert json.loads(empty.reply("ai_agent", "/invoices", {}).body) == []
    assert empty.reply("ai_agent", "/thirdparties", {}).status == 404


def test_it_runs_as_a_program() -> None:
    argv = [sys.executable, "-P", "-m", "tests.support.dolibarr", "--login", "admin"]
    environment = {"PYTHONPATH": str(ROOT), "DOLIBARR_API_KEY": "a-key-of-its-own"}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd="/", env=environment) as program:
        try:
            assert program.stdout is not None
            url = program.stdout.readline().rpartition(" ")[2].strip()
            answer = requests.get(f"{url}{API}/setup/company", headers={"DOLAPIKEY": "a-key-of-its-own"}, timeout=10)
            assert answer.json()["name"] == "Atelier Lumen"
        finally:
            program.terminate()
