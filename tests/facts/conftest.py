# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Dolibarr to read from, and a client that does not wait between two tries."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr import client as client_module
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.client import Client
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import DolibarrOptions
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.reader import Reader
from tests.support.dolibarr import StandIn

Connect = Callable[..., Client]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy leads to this machine itself, and nobody's own settings matter."""
    for name in os.environ:
        if name.lower().endswith("_proxy") or name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "DOLIBARR_API_KEY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """The captured Dolibarr on a port of this test's own."""
    with StandIn() as server:
        yield server


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that clients would have waited between two tries; they do not."""
    waited: list[float] = []
    monkeypatch.setattr(client_module, "sleep", waited.append)
    return waited


@pytest.fixture
def connect(stand_in: StandIn, pauses: list[float]) -> Iterator[Connect]:
    """Open clients of the stand-in: ``connect(login="ai_agent", **options)``."""
    with ExitStack() as clients:

        def opened(login: str = "ai_agent", **options: object) -> Client:
            given = {"url": stand_in.url, "api_key": stand_in.key(login), **options}
            return clients.enter_context(Client(DolibarrOptions(**given)))  # type: ignore[arg-type]

        yield opened


@pytest.fixture
def client(connect: Connect) -> Client:
    """A client of the user who may read everything."""
    return connect()


@pytest.fixture
def reader(client: Client) -> Reader:
    """A reader of the user who may read everything."""
    return Reader(client)
