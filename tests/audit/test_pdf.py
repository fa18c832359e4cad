# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of PDFs, and that hostile and broken ones harm nobody and name their reason."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator

import pytest
from pypdf import PdfWriter

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.invoices import pdf as pdf_module
from ansible_collections.arcodange.erp.plugins.module_utils.invoices import pdf_child
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.pdf import LARGEST, Limits, PdfReader
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.pdf_child import Reason
from tests.support import hostile_pdfs, pdfs
from tests.support.paths import FIXTURES

CAPTURED = sorted((FIXTURES / "pdf").glob("*.pdf"))


@pytest.fixture(scope="module")
def reader() -> Iterator[PdfReader]:
    with PdfReader(1, Limits(seconds=1)) as opened:
        yield opened


def children() -> set[int]:
    """The processes that this one has started and not yet seen end."""
    return {int(number) for number in pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


def with_attachments(*attached: tuple[str, bytes]) -> bytes:
    writer = PdfWriter(clone_from=io.BytesIO(pdfs.sheet()))
    for name, content in attached:
        writer.add_attachment(name, content)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


# -- reading ----------------------------------------------------------------------------------------------------------


def test_every_captured_pdf_is_read_in_order() -> None:
    contents = [path.read_bytes() for path in CAPTURED]
    with PdfReader(2) as reader:
        texts = list(reader.read_all(contents))
    assert len(texts) == 45
    for path, content, text in zip(CAPTURED, contents, texts, strict=True):
        assert (text.reason, len(text.pages)) == ("", 1)
        assert path.stem in text.pages[0]
        assert text.size == len(content)
        assert text.sha256 == hashlib.sha256(content).hexdigest()
        assert text.md5 == hashlib.md5(content).hexdigest()
        assert text.attachments == {}


def test_the_words_of_a_captured_invoice(reader: PdfReader) -> None:
    # Read by eye in FA2502-0003.pdf.
    (page,) = reader.read((FIXTURES / "pdf/FA2502-0003.pdf").read_bytes()).pages
    for words in ("Date échéance : 17/03/2025", "Total TVA 5,5% 4,95", "Total TTC 2 114,95", "Boréale Conseil"):
        assert words in page


def test_each_page_keeps_its_own_text(reader: PdfReader) -> None:
    text = reader.read(pdfs.print_lines(pdfs.Paper().lines(), ["Conditions générales", "Pas d'escompte"]))
    assert len(text.pages) == 2
    assert "Total TTC 2 160,00" in text.pages[0]
    assert text.pages[1].split("\n")[:2] == ["Conditions générales", "Pas d'escompte"]


def test_xml_attachments_are_kept_also_when_one_comes_twice(reader: PdfReader) -> None:
    text = reader.read(with_attachments(("factur-x.xml", b"<a/>"), ("factur-x.xml", b"<b/>"), ("other.XML", b"\xff")))
    assert text.attachments == {"factur-x.xml": b"<a/>", "factur-x.xml (2)": b"<b/>", "other.XML": b"\xff"}


def test_attachments_that_are_too_large_hide_nothing_else(reader: PdfReader) -> None:
    text = reader.read(with_attachments(("factur-x.xml", bytes(5_000_001)), ("plans.pdf", bytes(30_000_000))))
    assert text.attachments == {"factur-x.xml": b""}
    assert "Total TTC 2 160,00" in text.pages[0]


def test_a_password_for_changes_alone_hides_nothing(reader: PdfReader) -> None:
    assert "Total TTC 2 160,00" in reader.read(hostile_pdfs.encrypted("")).pages[0]


# -- what cannot be read ----------------------------------------------------------------------------------------------

UNREADABLE: dict[str, tuple[Callable[[], bytes], set[Reason]]] = {
    "empty": (lambda: b"", {Reason.EMPTY}),
    "a text": (lambda: b"Facture FA2611-0038\n" * 20, {Reason.NO_PDF}),
    "cut off": (lambda: pdfs.sheet()[:-300], {Reason.TRUNCATED}),
    "cut off in the middle": (lambda: pdfs.sheet()[:1000], {Reason.TRUNCATED}),
    "one byte changed": (hostile_pdfs.torn_stream, {Reason.DAMAGED}),
    "another byte changed": (hostile_pdfs.torn_text, {Reason.DAMAGED}),
    "a lost object": (hostile_pdfs.lost_object, {Reason.DAMAGED}),
    "no objects": (lambda: b"%PDF-1.7\nnothing\n%%EOF", {Reason.DAMAGED}),
    "encrypted": (lambda: hostile_pdfs.encrypted("secret"), {Reason.ENCRYPTED}),
    "a scan": (pdfs.picture_only, {Reason.NO_TEXT}),
    "a line of text": (lambda: pdfs.print_lines(["Facture FA2611-0038"]), {Reason.NO_TEXT}),
    "a bomb": (hostile_pdfs.bomb, {Reason.BOMB}),
    "a bomb in a bomb": (hostile_pdfs.nested_bomb, {Reason.BOMB}),
    "arrays in arrays": (hostile_pdfs.deep_array, {Reason.LOOP}),
    "pages in a loop": (hostile_pdfs.pages_in_a_loop, {Reason.DAMAGED, Reason.LOOP}),
    "a form in itself": (hostile_pdfs.form_in_itself, {Reason.NO_TEXT, Reason.LOOP}),
    "forms that multiply": (hostile_pdfs.calling_forms, {Reason.DAMAGED, Reason.TOO_LONG}),
    "a page shown 20 000 times": (hostile_pdfs.many_pages, {Reason.TOO_MANY_PAGES}),
    "millions of operators": (hostile_pdfs.endless_content, {Reason.TOO_LONG}),
    "larger than any invoice": (lambda: b"%PDF-1.7" + bytes(LARGEST), {Reason.TOO_LARGE}),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_names_its_reason_and_costs_nothing_else(name: str, reader: PdfReader) -> None:
    make, reasons = UNREADABLE[name]
    text = reader.read(make())
    assert text.reason in reasons
    assert text.pages == ()
    assert reader.read(pdfs.sheet()).reason == ""


def test_the_largest_one_that_is_read_is_bounded(reader: PdfReader) -> None:
    text = reader.read(b"%PDF-1.7" + bytes(LARGEST - 20) + b"%%EOF")
    assert text.reason in {Reason.TOO_LONG, Reason.TOO_MUCH_MEMORY, Reason.DAMAGED}


def test_references_in_a_circle_are_read_once(reader: PdfReader) -> None:
    assert "Total TTC 2 160,00" in reader.read(hostile_pdfs.xref_in_a_loop()).pages[0]


def test_too_little_memory_for_a_pdf_is_its_reason() -> None:
    with PdfReader(1, Limits(memory=160 << 20)) as reader:
        assert reader.read(hostile_pdfs.one_page(b"%" + bytes(90 << 20))).reason == Reason.TOO_MUCH_MEMORY
        assert reader.read(pdfs.sheet()).reason == ""


def test_a_process_that_sleeps_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    (tmp_path / "sleeper.py").write_text(
        "import sys, time\nsys.stdout.write('ready')\nsys.stdout.flush()\ntime.sleep(60)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(pdf_module.pdf_child, "__name__", "sleeper")
    with PdfReader(1, Limits(patience=0.5)) as reader:
        assert reader.read(pdfs.sheet()).reason == Reason.TOO_LONG


@pytest.mark.parametrize(
    ("ending", "reason"), [(signal.SIGSEGV, Reason.CRASHED), (signal.SIGKILL, Reason.TOO_MUCH_MEMORY)]
)
def test_a_process_that_dies_is_replaced(ending: signal.Signals, reason: Reason) -> None:
    before = children()
    with PdfReader(1) as reader:
        assert reader.read(pdfs.sheet()).reason == ""
        (child,) = children() - before
        os.kill(child, ending)
        assert reader.read(pdfs.sheet()).reason == reason
        assert reader.read(pdfs.sheet()).reason == ""
    assert children() == before


# -- the processes ----------------------------------------------------------------------------------------------------


def test_no_process_is_left_when_something_else_fails() -> None:
    before = children()
    with pytest.raises(KeyError), PdfReader(2) as reader:
        for _text in reader.read_all([pdfs.sheet()] * 4):
            raise KeyError
    assert children() == before


def test_the_processes_see_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOLIBARR_API_KEY", "planted")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted")
    before = children()
    with PdfReader(1) as reader:
        reader.read(pdfs.sheet())
        (child,) = children() - before
        assert b"planted" not in pathlib.Path(f"/proc/{child}/environ").read_bytes()
        assert b"planted" not in pathlib.Path(f"/proc/{child}/cmdline").read_bytes()


def test_an_interpreter_without_pypdf_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    (tmp_path / "pypdf.py").write_text("raise ImportError")
    monkeypatch.syspath_prepend(tmp_path)
    with PdfReader(1) as reader, pytest.raises(ErpError, match="install pypdf"):
        reader.read(pdfs.sheet())


def test_it_works_from_a_zip_file_as_a_module_of_ansible_runs(tmp_path: pathlib.Path) -> None:
    archive = tmp_path / "payload.zip"
    root = pathlib.Path(pdf_child.__file__).resolve().parents[3]
    with zipfile.ZipFile(archive, "w") as payload:
        for path in (root / "plugins/module_utils").rglob("*.py"):
            payload.write(path, f"ansible_collections/arcodange/erp/{path.relative_to(root)}")
        folders = {str(parent) for name in payload.namelist() for parent in pathlib.PurePath(name).parents} - {"."}
        for folder in folders:
            payload.writestr(f"{folder}/__init__.py", "")
    (tmp_path / "sheet.pdf").write_bytes(pdfs.sheet())
    program = (
        f"import sys, json; sys.path[:] = [{str(archive)!r}] + [p for p in sys.path if 'erp' not in p or 'site-packages' in p]\n"
        "from ansible_collections.arcodange.erp.plugins.module_utils.invoices.pdf import PdfReader\n"
        "with PdfReader(1) as reader:\n"
        "    text = reader.read(open('sheet.pdf', 'rb').read())\n"
        "    print(json.dumps([PdfReader.__module__ and sys.modules[PdfReader.__module__].__file__, text.reason, text.pages]))\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    file, reason, pages = json.loads(done.stdout)
    assert file.startswith(str(archive))
    assert reason == ""
    assert "Total TTC 2 160,00" in pages[0]
