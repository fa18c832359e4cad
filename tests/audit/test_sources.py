# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PDFs of invoices from the API, from a documents directory and from a restore point are the same ones."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.answers import Forbidden, NotDolibarr
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.client import Client
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Document, Invoice
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import DolibarrOptions
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.reader import Reader
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.invoices import sources
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.pdf import PdfReader
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.pdf_child import Reason
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.sources import (
    ApiSource,
    DirectorySource,
    folder_of,
    read_texts,
    recorded_md5s,
    restore_point,
)
from tests.support import pdfs, stores
from tests.support.document_points import Points
from tests.support.dolibarr import StandIn
from tests.support.dolibarr_sample import Reply
from tests.support.paths import FIXTURES

# Two of the 47 captured invoices have no file: they are drafts.
WITHOUT = {40, 47}


def captured() -> list[Invoice]:
    answers = json.loads((FIXTURES / "api/invoices/invoices--limit=0.json").read_text())
    return sorted(map(Invoice.of_customer, answers), key=lambda invoice: invoice.id)


def an_invoice(ref: str = "FA2502-0003", document: str | None = None) -> Invoice:
    found = next(invoice for invoice in captured() if invoice.ref == "FA2502-0003")
    return replace(found, ref=ref, document=f"facture/{ref}/{ref}.pdf" if document is None else document)


def pdf(ref: str) -> bytes:
    return (FIXTURES / f"pdf/{ref}.pdf").read_bytes()


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with StandIn() as server:
        yield server


@pytest.fixture
def connect(stand_in: StandIn) -> Iterator[Callable[[str], Client]]:
    opened: list[Client] = []

    def connected(login: str = "ai_agent") -> Client:
        opened.append(Client(DolibarrOptions(stand_in.url, stand_in.key(login))))
        return opened[-1]

    yield connected
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def documents(tmp_path: pathlib.Path) -> pathlib.Path:
    """A documents directory with all the captured PDFs."""
    for path in (FIXTURES / "pdf").glob("*.pdf"):
        folder = tmp_path / "documents/facture" / path.stem
        folder.mkdir(parents=True)
        (folder / path.name).write_bytes(path.read_bytes())
    return tmp_path / "documents"


# -- the API ----------------------------------------------------------------------------------------------------------


def test_the_api_gives_every_captured_pdf_and_only_those(stand_in: StandIn, connect: Callable[..., Client]) -> None:
    client = connect()
    reader = Reader(client)
    invoices, source = reader.invoices(), ApiSource(client, reader.documents())
    stand_in.requests.clear()
    with PdfReader(2) as pdf_reader:
        found = dict(zip(invoices, read_texts(source, pdf_reader, invoices, Progress()), strict=True))
    assert {invoice.id for invoice, texts in found.items() if texts.is_missing} == WITHOUT
    for invoice, texts in found.items():
        if texts.pdf is not None:
            assert invoice.ref in texts.pdf.pages[0]
        assert texts.facturx_pdf is None
        assert texts.facturx_xml is None
    assert len(stand_in.requests) == 45
    assert {(request.verb, request.path) for request in stand_in.requests} == {("GET", "/documents/download")}


def test_the_recorded_fingerprints_are_those_of_the_captured_pdfs(connect: Callable[..., Client]) -> None:

    reader = Reader(connect())
    recorded = recorded_md5s(reader.documents(), reader.invoices())
    assert len(recorded) == 47
    for invoice in reader.invoices():
        expected = "" if invoice.id in WITHOUT else hashlib.md5(pdf(invoice.ref)).hexdigest()
        assert recorded[invoice.id] == expected


def test_a_file_that_was_removed_meanwhile_is_missing(connect: Callable[..., Client]) -> None:
    document = Document(an_invoice().id, "facture/GONE/GONE.pdf", 9, None, "")
    source = ApiSource(connect(), [document])
    assert source.content(an_invoice("GONE"), ".pdf") is None


def test_a_file_that_is_too_large_is_not_even_asked_for(stand_in: StandIn, connect: Callable[..., Client]) -> None:
    document = Document(an_invoice().id, "facture/FA2502-0003/FA2502-0003.pdf", 100_000_001, None, "")
    assert ApiSource(connect(), [document]).content(an_invoice(), ".pdf") == Reason.TOO_LARGE
    assert stand_in.requests == []


def test_a_user_without_rights_is_told_so(connect: Callable[..., Client]) -> None:
    document = Document(an_invoice().id, "facture/FA2502-0003/FA2502-0003.pdf", 9899, None, "")
    with pytest.raises(Forbidden, match="right to read it"):
        ApiSource(connect("ai_norights"), [document]).content(an_invoice(), ".pdf")


@pytest.mark.parametrize("body", [b"{}", b'{"content": null}', b'{"content": "%%%"}', b"[]"])
def test_an_answer_that_is_no_file_is_an_error(body: bytes, stand_in: StandIn, connect: Callable[..., Client]) -> None:
    stand_in.fail(Reply(200, body), path="/documents/download")
    document = Document(an_invoice().id, "facture/FA2502-0003/FA2502-0003.pdf", 9899, None, "")
    with pytest.raises(NotDolibarr, match="FA2502-0003.pdf is not one"):
        ApiSource(connect(), [document]).content(an_invoice(), ".pdf")


# -- a directory ------------------------------------------------------------------------------------------------------


def test_a_directory_gives_every_captured_pdf(documents: pathlib.Path) -> None:
    source = DirectorySource(str(documents))
    for invoice in captured():
        expected = None if invoice.id in WITHOUT else pdf(invoice.ref)
        assert source.content(invoice, ".pdf") == expected
        assert source.content(invoice, "_facturx.pdf") is None


def test_a_second_pdf_and_an_xml_beside_it_are_found(documents: pathlib.Path) -> None:
    folder = documents / "facture/FA2502-0003"
    (folder / "FA2502-0003_facturx.pdf").write_bytes(pdfs.sheet())
    (folder / "FA2502-0003_facturx.xml").write_bytes(b"<a/>")
    with PdfReader(1) as reader:
        (texts,) = read_texts(DirectorySource(str(documents)), reader, [an_invoice()], Progress())
    assert texts.pdf is not None
    assert "Total TTC 2 114,95" in texts.pdf.pages[0]
    assert texts.facturx_pdf is not None
    assert "Total TTC 2 160,00" in texts.facturx_pdf.pages[0]
    assert texts.facturx_xml == b"<a/>"


@pytest.mark.parametrize(
    ("ref", "document", "folder"),
    [
        ("FA2502-0003", "facture/FA2502-0003/FA2502-0003.pdf", "FA2502-0003"),
        ("(PROV46)", "", "(PROV46)"),
        ("FA/2025/001", "", "FA_2025_001"),
        ("FA/2025/001", "facture/FA_2025_001/FA_2025_001.odt", "FA_2025_001"),
        ("FA1", "propale/PR1/PR1.pdf", "FA1"),
        ("../../etc/x", "", "__etc_x"),
        ("FA1", "facture/../../etc/passwd", "FA1"),
    ],
)
def test_the_directory_of_an_invoice(ref: str, document: str, folder: str) -> None:
    assert folder_of(an_invoice(ref, document)) == folder


def test_nothing_outside_of_the_directory_is_read(documents: pathlib.Path) -> None:
    outside = documents.parent / "secret.pdf"
    outside.write_bytes(pdfs.sheet())
    for ref in ("FA1", "FA2"):
        (documents / "facture" / ref).mkdir()
    (documents / "facture/FA1/FA1.pdf").symlink_to(outside)
    os.mkfifo(documents / "facture/FA2/FA2.pdf")
    source = DirectorySource(str(documents))
    assert source.content(an_invoice("FA1"), ".pdf") is None
    assert source.content(an_invoice("FA2"), ".pdf") is None


def test_a_large_file_is_not_read(documents: pathlib.Path) -> None:
    with (documents / "facture/FA2502-0003/FA2502-0003.pdf").open("r+b") as file:
        file.truncate(100_000_001)
    assert DirectorySource(str(documents)).content(an_invoice(), ".pdf") == Reason.TOO_LARGE


def test_another_directory_is_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ErpError, match="There is no directory facture in"):
        DirectorySource(str(tmp_path))


def test_a_file_that_may_not_be_read_is_an_error(documents: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    source = DirectorySource(str(documents))
    monkeypatch.setattr(sources.os, "open", refuse)
    with pytest.raises(ErpError, match=r"FA2502-0003.pdf cannot be read \(Permission denied\)"):
        source.content(an_invoice(), ".pdf")


# -- a restore point --------------------------------------------------------------------------------------------------


def test_a_restore_point_gives_every_captured_pdf_and_leaves_nothing_behind(
    object_store: stores.Store, documents: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (documents / "facture/FA2502-0003/photo.png").write_bytes(b"a picture")
    (documents / "facture/FA2502-0003/FA2502-0003_facturx.xml").write_bytes(b"<a/>")
    (documents / "propale").mkdir()
    (documents / "propale/PR1.pdf").write_bytes(b"an offer")
    points = Points(object_store, documents)
    points.back_up()
    (documents / "facture/FA2502-0003/FA2502-0003.pdf").write_bytes(b"changed since")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    with restore_point(points.store, "latest", Progress()) as source:
        for invoice in captured():
            assert source.content(invoice, ".pdf") == (None if invoice.id in WITHOUT else pdf(invoice.ref))
        assert source.content(an_invoice(), "_facturx.xml") == b"<a/>"
        restored = [path for path in elsewhere.rglob("*") if path.is_file()]
        assert len(restored) == 46
    assert list(elsewhere.iterdir()) == []


def test_a_restore_point_without_invoices_is_an_error(object_store: stores.Store, tmp_path: pathlib.Path) -> None:
    (tmp_path / "live").mkdir()
    points = Points(object_store, tmp_path / "live")
    made = points.back_up()
    with (
        pytest.raises(ErpError, match=f"{made.id} holds no PDF of an invoice"),
        restore_point(points.store, made.id, Progress()),
    ):
        pass


def test_an_unknown_restore_point_is_an_error(object_store: stores.Store, documents: pathlib.Path) -> None:
    points = Points(object_store, documents)
    points.back_up()
    with (
        pytest.raises(ErpError, match="There is no restore point 20200101T000000Z"),
        restore_point(points.store, "20200101T000000Z", Progress()),
    ):
        pass
