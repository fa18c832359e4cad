# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client on the wire: what it sends, when it tries again, what it never does."""

from __future__ import annotations

import pathlib
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.answers import (
    Forbidden,
    NotDolibarr,
    NotFound,
    ServerError,
    Unauthorized,
    Unreachable,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.client import PAUSES, Client
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import BadOptions, DolibarrOptions
from ansible_collections.arcodange.erp.plugins.module_utils.version import COLLECTION_VERSION
from tests.support.certificates import self_signed
from tests.support.dolibarr import StandIn
from tests.support.dolibarr_sample import Reply

Connect = Callable[..., Client]

BUSY = Reply(503, b"<h1>No server is available</h1>", "text/html")


# -- what is sent -----------------------------------------------------------------------------------------------------


def test_a_request_names_the_collection_and_carries_the_key_and_nothing_else(
    stand_in: StandIn, client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert client.get("/invoices/1")["ref"] == "FA2501-0001"
    (request,) = stand_in.requests
    assert (request.verb, request.path, request.login) == ("GET", "/invoices/1", "ai_agent")
    assert request.headers["User-Agent"] == f"arcodange.erp/{COLLECTION_VERSION}"
    assert "Authorization" not in request.headers and "Cookie" not in request.headers


def test_a_path_may_hold_a_query(client: Client) -> None:
    assert [row["id"] for row in client.get("/invoices?limit=2&page=3")] == ["7", "8"]


@pytest.mark.parametrize(
    "path",
    ["invoices", "//evil.example/invoices", "https://evil.example/", "/../../other.php", "/%2e%2e/x", "/a#b", ""],
)
def test_no_path_leaves_the_api(stand_in: StandIn, client: Client, path: str) -> None:
    with pytest.raises(BadOptions, match="is no path of the API: give one such as /invoices/12"):
        client.get(path)
    assert stand_in.requests == []


@pytest.mark.parametrize(
    "path",
    [
        "/login?login=a&password=b&reset=1",
        "/login",
        "/users/2/setPassword",
        "/users/2/setGroup/1",
        "/users/2/%73etpassword/",
        "/invoices/1?http_method=DELETE",
        "/invoices/1?method=delete",
        "/invoices/1?http.method=DELETE",
        "/invoices/1?%20http%20method=DELETE",
        "/invoices/1?http_method[]=DELETE",
    ],
)
def test_a_get_that_would_change_something_is_not_sent(stand_in: StandIn, client: Client, path: str) -> None:
    with pytest.raises(BadOptions, match="would change something: only reading is possible"):
        client.get(path)
    assert stand_in.requests == []


def test_a_verb_as_a_parameter_is_not_sent_either(stand_in: StandIn, client: Client) -> None:
    with pytest.raises(BadOptions):
        client.get("/invoices/1", http_method="PUT")
    assert stand_in.requests == []


def test_reading_a_user_by_login_is_no_login(client: Client) -> None:
    with pytest.raises(NotFound):  # the sample has no answer to it
        client.get("/users/login/ai_agent")


def test_a_proxy_of_the_environment_is_used(
    stand_in: StandIn, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", stand_in.url)
    assert connect(url="http://erp.invalid").get("/status")["success"]["dolibarr_version"] == "22.0.4"
    # none reaches what listens on this host alone
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert connect().get("/status")["success"]["dolibarr_version"] == "22.0.4"


# -- trying again -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        BUSY,
        Reply(502, b"", "text/html"),
        Reply(504, b"", "text/html"),
        Reply(429, b"slowly", "text/plain"),
        Reply(0),
        Reply(200, b"[", headers={"Content-Length": "4711"}),
    ],
    ids=["503", "502", "504", "429", "broken connection", "broken body"],
)
def test_a_passing_trouble_passes(stand_in: StandIn, client: Client, pauses: list[float], trouble: Reply) -> None:
    stand_in.fail(trouble, times=2)
    assert client.get("/invoices/1")["id"] == "1"
    assert len(stand_in.requests) == 3
    assert pauses == list(PAUSES[:2])


@pytest.mark.parametrize(("trouble", "told"), [(BUSY, "No server is available"), (Reply(0), "No answer from http://")])
def test_a_trouble_that_stays_is_an_error(
    stand_in: StandIn, client: Client, pauses: list[float], trouble: Reply, told: str
) -> None:
    stand_in.fail(trouble, times=99)
    with pytest.raises((ServerError, Unreachable), match=told):
        client.get("/invoices/1")
    assert len(stand_in.requests) == len(PAUSES) + 1
    assert pauses == list(PAUSES)


@pytest.mark.parametrize(
    "file",
    [
        "errors/invoices--sqlfilters=(t.nosuch~=~1)+properties=id,ref.json",
        "config-variants/status--ip-not-allowed.txt",
        "config-variants/invoices--database-down.txt",
        "config-variants/invoices--endpoint-rules.txt",
        "documents/documents--modulepart=ecm+id=1.json",
    ],
)
def test_what_dolibarr_itself_refuses_is_asked_once(stand_in: StandIn, client: Client, file: str) -> None:
    stand_in.fail(file)
    with pytest.raises(ServerError):
        client.get("/invoices")
    assert len(stand_in.requests) == 1


def test_the_pause_that_the_server_asks_for_is_kept_up_to_a_limit(
    stand_in: StandIn, client: Client, pauses: list[float]
) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    for asked in ("7", later, "0", "soon"):
        stand_in.fail(Reply(429, b"", "text/html", {"Retry-After": asked}))
    client.get("/status")
    assert pauses == [7.0, 30.0, PAUSES[2], PAUSES[3]]


def test_a_dolibarr_that_takes_too_long_is_not_asked_again(pauses: list[float]) -> None:
    with (
        StandIn(latency=5.0) as slow,
        Client(DolibarrOptions(slow.url, slow.key("ai_agent"), timeout=0.5)) as client,
        pytest.raises(Unreachable, match=r"did not answer GET /invoices within 0\.5 s: give a higher"),
    ):
        client.get("/invoices")
    assert pauses == []


def test_a_port_where_nobody_listens(connect: Connect) -> None:
    with StandIn() as gone:
        url = gone.url
    with pytest.raises(Unreachable, match=r"to GET /status \(.*Connection refused\): check dolibarr_url") as caught:
        connect(url=url).get("/status")
    assert "0x" not in str(caught.value) and "Max retries" not in str(caught.value)


# -- whom it trusts ---------------------------------------------------------------------------------------------------


def test_a_certificate_that_nobody_vouches_for_is_refused_unless_it_is_given(
    tmp_path: pathlib.Path, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with StandIn(tls=context) as server:
        key = server.key("ai_agent")
        with Client(DolibarrOptions(server.url, key)) as client, pytest.raises(Unreachable) as caught:
            client.get("/status")
        assert "was not accepted (self-signed certificate): check dolibarr_url, or give the certificate" in str(
            caught.value
        )
        assert (pauses, server.requests) == ([], [])
        # What the environment trusts does not win over the option.
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", ssl.get_default_verify_paths().openssl_cafile)
        with Client(DolibarrOptions(server.url, key, ca_bundle=str(certificate))) as client:
            assert client.get("/status")["success"]["code"] == 200


def test_tls_to_a_port_that_speaks_none(stand_in: StandIn, connect: Connect) -> None:
    with pytest.raises(Unreachable, match=r"The TLS connection to https://.* was not accepted \((wrong|record)"):
        connect(url=stand_in.url.replace("http:", "https:")).get("/status")


def test_a_redirection_is_not_followed(stand_in: StandIn, client: Client) -> None:
    stand_in.fail("config-variants/status--database-older-than-files.txt")
    with pytest.raises(NotDolibarr, match="to its installer"):
        client.get("/status")
    stand_in.fail(Reply(301, b"", "text/html", {"Location": f"{stand_in.url}/elsewhere"}))
    with pytest.raises(NotDolibarr, match="is redirected to http://127.0.0.1"):
        client.get("/status")
    assert [request.path for request in stand_in.requests] == ["/status", "/status"]


@pytest.mark.parametrize("url", ["{}/erp", "{}/index.html"])
def test_an_address_that_is_not_dolibarrs_own(stand_in: StandIn, connect: Connect, url: str) -> None:
    with pytest.raises(NotDolibarr, match="check that dolibarr_url is Dolibarr's own address"):
        connect(url=url.format(stand_in.url)).get("/status")


def test_a_wrong_key_and_a_missing_right(connect: Connect) -> None:
    with pytest.raises(Unauthorized, match="check the key"):
        connect(api_key="another").get("/status")
    with pytest.raises(Forbidden, match="GET /invoices to the user of the key"):
        connect("ai_norights").get("/invoices")


def test_the_key_is_in_no_error_also_when_the_server_shows_it(
    stand_in: StandIn, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    key = stand_in.key("ai_agent")
    echo = f"<pre>DOLAPIKEY: {key}</pre>".encode()
    for status, kind in ((404, "text/html"), (500, "text/html"), (400, "application/json")):
        body = echo if kind == "text/html" else f'{{"error": {{"message": "Bad Request: {key}"}}}}'.encode()
        stand_in.fail(Reply(status, body, kind))
        with pytest.raises(Exception, match=r"\*\*\*") as caught:
            client.get("/status")
        assert key not in str(caught.value) + repr(caught.value) + caplog.text
    assert key not in repr(client) + repr(vars(client)["_sessions"][0].headers)


# -- several at a time ------------------------------------------------------------------------------------------------


def test_map_keeps_the_order_and_the_number_of_connections(connect: Connect) -> None:
    client = connect(connections=3)
    lock, meeting = threading.Lock(), threading.Barrier(3, timeout=20)
    now: list[int] = []
    most = 0

    def work(item: int) -> int:
        nonlocal most
        with lock:
            now.append(item)
            most = max(most, len(now))
        meeting.wait()  # only three at a time get past it
        with lock:
            now.remove(item)
        return item * 10

    assert client.map(work, range(9)) == [item * 10 for item in range(9)]
    assert most == 3


def test_the_first_error_ends_a_map(stand_in: StandIn, connect: Connect) -> None:
    client = connect(connections=2)
    stand_in.fail("config-variants/invoices--database-down.txt", "/invoices/3")
    with pytest.raises(ServerError, match="GET /invoices/3 was answered by a page"):
        client.map(lambda number: client.get(f"/invoices/{number}"), list(range(1, 48)) * 5)
    client.map(lambda _number: client.get("/status"), range(2))  # would wait for what was not given up
    assert len(stand_in.requests) < 47


def test_each_thread_keeps_its_connection(stand_in: StandIn, connect: Connect) -> None:
    client = connect(connections=2)
    client.map(lambda number: client.get(f"/invoices/{number}"), range(1, 21))
    assert len(vars(client)["_sessions"]) <= 2
    assert stand_in.connections <= 2


def test_answers_and_bytes_are_counted(stand_in: StandIn) -> None:
    progress = Progress()
    with Client(DolibarrOptions(stand_in.url, stand_in.key("ai_agent")), progress) as client:
        client.map(lambda number: client.get(f"/invoices/{number}/payments"), range(1, 11))
    counted = vars(progress)["_counters"]
    assert counted["answers"] == 10
    assert counted["read"] > 1000
