# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dolibarr as it is seen from outside, asked over HTTP and TLS."""

from __future__ import annotations

import pathlib
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import DolibarrOptions
from ansible_collections.arcodange.erp.plugins.module_utils.recovery import front
from tests.support.certificates import self_signed
from tests.support.dolibarr import StandIn
from tests.support.dolibarr_sample import Reply

HTML = "text/html"
WIZARD = Reply(200, b"<h1>Dolibarr install or upgrade</h1><select name=selectlang>", HTML)
SHUT = Reply(200, b"disabled by the presence of a lock file <strong>install.lock</strong>", HTML)
DENIED = Reply(403, b"<h1>Forbidden</h1>", HTML)
LOGIN = Reply(200, b"<form id=login>", HTML)


def seen(server: StandIn, ca_bundle: pathlib.Path | None = None, thorough: bool = False) -> front.Front:
    options = DolibarrOptions(server.url, server.key("ai_agent"), ca_bundle=str(ca_bundle) if ca_bundle else None)
    return front.read_front(options, thorough)


@pytest.fixture
def server() -> Iterator[StandIn]:
    with StandIn() as running:
        yield running


def to(place: str) -> Reply:
    return Reply(302, b"", HTML, {"Location": place})


@pytest.mark.parametrize(
    ("pages", "state", "said"),
    [
        ({}, "pass", "cannot be reached (HTTP 404)"),
        (dict.fromkeys(front.INSTALLER, DENIED), "pass", "cannot be reached (HTTP 403)"),
        ({"/install/check.php": WIZARD}, "error", "answers anybody at /install/check.php"),
        (dict.fromkeys(front.INSTALLER, WIZARD), "error", "answers anybody at /install/, /install/index.php, "),
        (dict.fromkeys(front.INSTALLER, SHUT), "warning", "only install.lock keeps it shut"),
        ({"/install/": to("index.php"), "/install/index.php": SHUT}, "warning", "reached at /install/, /install/index"),
        ({"/install/": to("/install/mysql/index.php"), "/install/mysql/index.php": WIZARD}, "error", "at /install/."),
        (dict.fromkeys(front.INSTALLER, to("/index.php")) | {"/index.php": LOGIN}, "pass", "(HTTP 302)"),
        ({"/install/": Reply(0)}, "undetermined", "/install/ gives no answer"),
        ({"/install/": to("/install/")}, "undetermined", "/install/ gives no answer"),
    ],
)
def test_the_installer(server: StandIn, pages: dict[str, Reply], state: str, said: str) -> None:
    server.pages |= pages
    item = front.assess_installer(seen(server))
    assert (item.state, said in item.message) == (state, True), item.message


def test_a_proxy_that_leads_to_tls_hides_no_installer(server: StandIn, tmp_path: pathlib.Path) -> None:
    certificate = self_signed(tmp_path)
    with StandIn(tls=tls(certificate)) as secured:
        secured.pages["/install/"] = WIZARD
        server.pages["/install/"] = to(f"{secured.url}/install/")
        assert front.assess_installer(seen(server, certificate)).state == "error"


def tls(certificate: pathlib.Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize(
    ("lasts", "is_known", "state", "said"),
    [
        (timedelta(days=30, hours=1), True, "pass", "lasts another 30 days"),
        (timedelta(days=20, hours=1), True, "warning", "lasts another 20 days"),
        (timedelta(hours=5), True, "error", "lasts another 0 days"),
        (timedelta(days=-1), True, "error", "certificate has expired"),
        (timedelta(days=30), False, "error", "self-signed certificate"),
    ],
)
def test_the_certificate_in_use(
    tmp_path: pathlib.Path, lasts: timedelta, is_known: bool, state: str, said: str
) -> None:
    certificate = self_signed(tmp_path, lasts)
    with StandIn(tls=tls(certificate)) as secured:
        found = seen(secured, certificate if is_known else None, thorough=True)
    item = front.assess_certificate(found, datetime.now(UTC), 21, 7)
    assert (item.state, said in item.message) == (state, True), item.message
    assert item.subject == urlsplit(secured.url).hostname


def test_a_file_of_authorities_that_holds_none(tmp_path: pathlib.Path) -> None:
    empty = tmp_path / "authorities.pem"
    empty.write_text("none\n")
    options = DolibarrOptions("https://127.0.0.1:1", "key", ca_bundle=str(empty), timeout=5)
    found = front.Front(options.url, certificate=front.read_certificate(options, options.url))
    assert front.assess_certificate(found, datetime.now(UTC), 21, 7).state == "undetermined"


@pytest.mark.parametrize("key", ["wrong", None])
def test_a_key_that_is_not_accepted_says_nothing_of_dolibarr(server: StandIn, key: str | None) -> None:
    found = front.read_front(DolibarrOptions(server.url, key, timeout=5), False)
    assert found.refuses_key and not found.is_down and front.assess_answer(found).state == "undetermined", found
    away = front.read_front(DolibarrOptions("http://127.0.0.1:1", "key", timeout=5), False)
    assert away.out_of_reach and not away.is_down and front.assess_answer(away).state == "error"


def test_a_dolibarr_that_hangs_is_down(server: StandIn) -> None:
    server.latency = 2
    found = front.read_front(DolibarrOptions(server.url, server.key("ai_agent"), timeout=0.5), False)
    assert found.is_down and "did not answer" in found.version_error


def test_a_port_without_tls(server: StandIn) -> None:
    options = DolibarrOptions(server.url.replace("http:", "https:"), server.key("ai_agent"), timeout=5)
    item = front.assess_certificate(front.read_front(options, True), datetime.now(UTC), 21, 7)
    assert item.state == "undetermined" and "cannot be seen" in item.message


def test_this_host_needs_no_certificate(server: StandIn) -> None:
    found = seen(server, thorough=True)
    assert front.assess_certificate(found, datetime.now(UTC), 21, 7).state == "not_applicable"
    assert front.assess_answer(found).message == "Dolibarr 22.0.4 answers."
    assert found.user is not None and found.user.login == "ai_agent"
