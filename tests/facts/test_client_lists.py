# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists are read to their end, once, and never partly."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr import client as client_module
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.answers import (
    ChangedWhileRead,
    NotDolibarr,
    NotFound,
    ServerError,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.client import Client
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import DolibarrOptions
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.reader import Reader
from tests.support.dolibarr import StandIn
from tests.support.dolibarr_sample import Reply, Sample, dumped

Connect = Callable[..., Client]


@pytest.fixture
def pages_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set how many rows the client asks for at a time."""
    return lambda rows: monkeypatch.setattr(client_module, "PAGE", rows)


def ids(client: Client, path: str, **query: str | int) -> list[int]:
    return [int(row["id"]) for page in client.pages(path, **query) for row in page]


def test_more_rows_than_a_page_are_read_to_the_end(pauses: list[float]) -> None:
    with (
        StandIn(Sample(copies=3)) as server,
        Client(DolibarrOptions(server.url, server.key("ai_agent"))) as client,
    ):
        found = ids(client, "/invoices")
        assert found == [number + 1000 * nth for nth in range(3) for number in range(1, 48)]
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("path", "rows", "requests"),
    [
        ("/invoices", 47, 1),  # its length is told, so that a full page needs no further look
        ("/invoices", 10, 5),
        ("/supplierinvoices", 26, 1),
        ("/thirdparties", 11, 1),
        ("/thirdparties", 5, 3),
        ("/products", 2, 3),
        ("/bankaccounts", 3, 2),  # never told, so that a full page needs one
        ("/bankaccounts", 4, 1),
    ],
)
def test_a_list_takes_as_many_requests_as_it_has_pages(
    stand_in: StandIn, client: Client, pages_of: Callable[[int], None], path: str, rows: int, requests: int
) -> None:
    whole = ids(client, path)
    stand_in.requests.clear()
    pages_of(rows)
    assert ids(client, path) == whole == list(range(1, len(whole) + 1))
    assert len(stand_in.requests) == requests


@pytest.mark.parametrize("lost", [{1, 2, 3}, {10}, {11}, {8, 12, 47}])
def test_rows_that_go_and_come_meanwhile_make_no_other_row_missing_or_double(
    pages_of: Callable[[int], None], pauses: list[float], lost: set[int]
) -> None:
    pages_of(10)
    data = Sample()
    rows = vars(data)["_rows"]["/invoices"]
    with StandIn(data) as server, Client(DolibarrOptions(server.url, server.key("ai_agent"))) as client:
        pages = client.pages("/invoices")
        found = [int(row["id"]) for row in next(pages)]
        vars(data)["_rows"]["/invoices"] = [row for row in rows if int(row["id"]) not in lost] + [
            {**rows[0], "id": "48"}
        ]
        found += [int(row["id"]) for page in pages for row in page]
    assert found == [number for number in range(1, 49) if number <= 10 or number not in lost]


def test_filters_of_ones_own_stay_in_force_on_every_page(
    stand_in: StandIn, client: Client, pages_of: Callable[[int], None]
) -> None:
    pages_of(20)
    assert ids(client, "/invoices", sqlfilters="(t.rowid:>:4)") == list(range(5, 48))
    assert [request.query["sqlfilters"] for request in stand_in.requests] == [
        "((t.rowid:>:4))",
        "((t.rowid:>:4)) and (t.rowid:>:24)",
        "((t.rowid:>:4)) and (t.rowid:>:44)",
    ]


def test_the_one_list_that_answers_404_when_it_is_empty(stand_in: StandIn, client: Client) -> None:
    stand_in.fail("thirdparties/thirdparties--limit=5+page=99.json")
    assert ids(client, "/thirdparties") == []
    with pytest.raises(NotFound):
        ids(client, "/invoices/1/nosuch")


def test_an_instance_without_data_has_empty_lists() -> None:
    with (
        StandIn(Sample(empty=True)) as server,
        Client(DolibarrOptions(server.url, server.key("ai_agent"))) as client,
    ):
        for path in ("/invoices", "/supplierinvoices", "/thirdparties", "/bankaccounts", "/products"):
            assert ids(client, path) == []


@pytest.mark.parametrize(
    ("body", "kind", "told"),
    [
        ([{"id": "2"}, {"id": "1"}], NotDolibarr, "The list /invoices does not come sorted by id"),
        ([{"id": "1"}, {"id": "1"}], NotDolibarr, "does not come sorted by id"),
        ({"data": [], "pagination": {"total": 5}}, ChangedWhileRead, "The list /invoices ended before its end"),
        ({"id": "1"}, NotDolibarr, "/invoices is no list: give the path of a list"),
    ],
)
def test_a_list_that_does_not_fit_together_is_an_error(
    stand_in: StandIn, client: Client, body: object, kind: type[Exception], told: str
) -> None:
    stand_in.fail(Reply(200, dumped(body)))
    with pytest.raises(kind, match=told):
        ids(client, "/invoices")


@pytest.fixture
def trouble_on_the_second_page(stand_in: StandIn, pages_of: Callable[[int], None]) -> Iterator[None]:
    pages_of(20)
    stand_in.fail("errors/invoices--sqlfilters=(t.nosuch~=~1)+properties=id,ref.json", "/invoices", skip=1)
    yield


@pytest.mark.usefixtures("trouble_on_the_second_page")
def test_an_error_in_the_middle_of_a_list_leaves_nothing_of_it(stand_in: StandIn, reader: Reader) -> None:
    with pytest.raises(ServerError, match=r"Dolibarr failed at GET /invoices \(503"):
        reader.invoices()
    assert len(reader.invoices()) == 47  # read anew, and whole


def test_a_page_of_a_proxy_in_the_middle_of_a_list_is_asked_for_again(
    stand_in: StandIn, reader: Reader, pages_of: Callable[[int], None]
) -> None:
    pages_of(20)
    stand_in.fail(Reply(502, b"<h1>Bad Gateway</h1>", "text/html"), "/invoices", skip=1)
    assert [invoice.id for invoice in reader.invoices()] == list(range(1, 48))


def test_an_answer_of_another_kind_of_list_is_told_with_its_field(stand_in: StandIn, reader: Reader) -> None:
    stand_in.fail(Reply(200, dumped([{"id": "1", "type": "9", "ref": "FA1"}])), "/invoices")
    with pytest.raises(Exception, match="FA1 has something other than a known InvoiceType in type"):
        reader.invoices()
