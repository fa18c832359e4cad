# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each captured answer means: data, or an error that says what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.answers import (
    BadRequest,
    DolibarrError,
    Forbidden,
    NotDolibarr,
    NotFound,
    ServerError,
    Unauthorized,
    decode,
    is_passing,
)
from tests.support.paths import FIXTURES

CAPTURED = FIXTURES / "api"
INDEX: list[dict[str, Any]] = json.loads((CAPTURED / "index.json").read_text(encoding="utf-8"))


def captured(file: str) -> tuple[str, int, dict[str, str], bytes]:
    entry = next(entry for entry in INDEX if entry["file"] == file)
    headers = {"Content-Type": entry["content_type"], "Location": entry.get("location", "")}
    return entry["path"], entry["status"], headers, (CAPTURED / file).read_bytes()


TRAPS = [
    ("config-variants/invoices--database-down.txt", ServerError, "(202,", "its database is down"),
    ("config-variants/status--api-module-disabled.txt", NotDolibarr, "(200,", "turn on the module API"),
    ("config-variants/status--database-older-than-files.txt", NotDolibarr, "installer (302)", "finish the upgrade"),
    ("config-variants/status--ip-not-allowed.txt", ServerError, "from the IP 127.0.0.1", "API_RESTRICT_ON_IP"),
    ("config-variants/invoices--endpoint-rules.txt", ServerError, "(501,", "API_ENDPOINT_RULES"),
    ("errors/nosuch.txt", ServerError, "API not found", "check the path"),
    ("documents/documents__download--modulepart=nonsense+original_file=a.pdf.txt", ServerError, "(202,", "run this again"),
    ("invoices/invoices--limit=0+pagination_data=true.txt", ServerError, "(500, nothing)", "look at the server"),
    ("status/status--as-nokey.json", Unauthorized, "(401)", "check the key"),
    ("status/status--as-badkey.json", Unauthorized, "(401)", "its user is active"),
    ("config-variants/status--other-instance-unique-id.json", Unauthorized, "(401)", "dolibarr_main_instance_unique_id"),
    ("config-variants/status--as-ai_limited--user-disabled.json", Unauthorized, "(401)", "its user is active"),
    ("errors/invoices--as-ai_norights.json", Forbidden, "GET /invoices", "tab Permissions"),
    ("errors/orders.json", Forbidden, "GET /orders", "module is turned on"),
    ("errors/limited-user/thirdparties__1--as-ai_limited.json", Forbidden, "ai_limited on this thirdparty", "the right to read it"),
    ("errors/invoices__999.json", NotFound, '(404, "Invoice not found")', "check the id"),
    ("errors/invoices__1__nosuch.json", NotFound, "/invoices/1/nosuch", "the path"),
    ("errors/invoices__abc.json", BadRequest, "invalid value specified for `id`", "check its parameters"),
    ("errors/invoices--sqlfilters=foo+properties=id,ref.json", BadRequest, "sqlfilters", "check its parameters"),
    ("errors/invoices--sqlfilters=(t.nosuch~=~1)+properties=id,ref.json", ServerError, "t.nosuch", "look into its log"),
    ("documents/documents--modulepart=ecm+id=1.json", ServerError, "(500,", "not implemented yet"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "kind", "what", "remedy"), TRAPS, ids=[trap[0] for trap in TRAPS])
def test_each_trap_is_an_error_in_one_sentence(file: str, kind: type[DolibarrError], what: str, remedy: str) -> None:
    with pytest.raises(kind) as caught:
        decode(*captured(file))
    said = str(caught.value)
    assert what in said and remedy in said
    assert "\n" not in said and said.endswith(".") and len(said) < 500 and "<" not in said


def test_no_captured_refusal_passes_for_data_nor_data_for_a_refusal() -> None:
    wrong = []
    for entry in INDEX:
        try:
            decode(*captured(entry["file"]))
            is_data = True
        except DolibarrError:
            is_data = False
        if is_data != (entry["status"] == 200 and entry["content_type"].startswith("application/json")):
            wrong.append(entry["file"])
    assert wrong == []


def test_private_fields_of_php_do_not_come_through() -> None:
    path, status, headers, body = captured("documents/list-invoice/documents--modulepart=invoice+id=1.json")
    assert body.count(rb'"\u0000') == 12
    (document,) = decode(path, status, headers, body)
    assert [name for name in document if "\0" in name] == []
    assert document["relativename"] == "FA2501-0001.pdf"


def test_production_mode_leaves_out_the_debugging_and_means_the_same() -> None:
    with pytest.raises(NotFound, match="Invoice not found"):
        decode(*captured("config-variants/invoices__999--production-mode.json"))


@pytest.mark.parametrize("body", [b'{"id": "1", "ref', b"", b"<br />\n<b>Warning</b>: x\n[]"])
def test_what_only_calls_itself_json_is_not_taken_for_data(body: bytes) -> None:
    with pytest.raises(NotDolibarr, match=r"GET /invoices \(200\) is not whole JSON"):
        decode("/invoices", 200, {"Content-Type": "application/json"}, body)


def test_a_redirection_shows_where_to_without_what_it_carries() -> None:
    with pytest.raises(NotDolibarr) as caught:
        decode("/status", 301, {"Location": "https://me:secret@erp.example.com/api?DOLAPIKEY=secret"}, b"")
    assert "redirected to https://erp.example.com/api (301)" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_query_is_not_part_of_what_an_error_shows() -> None:
    with pytest.raises(NotFound) as caught:
        decode("/invoices/9?DOLAPIKEY=secret", 404, {"Content-Type": "application/json"}, b"{}")
    assert "secret" not in str(caught.value) + repr(caught.value.facts)


def test_a_long_foreign_text_is_cut_and_its_tags_are_left_out() -> None:
    with pytest.raises(NotDolibarr) as caught:
        decode("/status", 404, {"Content-Type": "text/html"}, b"<h1>Gone</h1>" + b"<p>really</p> " * 500)
    assert '"Gone really really' in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("file", "passing"),
    [
        ("errors/invoices--sqlfilters=(t.nosuch~=~1)+properties=id,ref.json", False),
        ("config-variants/status--ip-not-allowed.txt", False),
        ("config-variants/invoices--database-down.txt", False),
        ("config-variants/invoices--endpoint-rules.txt", False),
        ("status/status.json", False),
    ],
)
def test_what_dolibarr_itself_says_is_final(file: str, passing: bool) -> None:
    assert is_passing(*captured(file)[1:]) is passing


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_stands_before_dolibarr_may_be_better_the_next_time(status: int) -> None:
    assert is_passing(status, {"Content-Type": "text/html"}, b"<h1>No server is available</h1>")
