# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the PDFs of invoices are taken from: the API, a documents directory, a restore point. Nothing is ever built."""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Protocol

from ansible_collections.arcodange.erp.plugins.module_utils.backup.catalogue import read_catalogue, read_manifest
from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store
from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import ordered
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.answers import NotDolibarr, NotFound
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.client import Client
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Document, Invoice
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.pdf import LARGEST, PdfReader
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.pdf_child import MOST_XML, Reason
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import PdfText
from ansible_collections.arcodange.erp.plugins.module_utils.restore.choice import choose_point
from ansible_collections.arcodange.erp.plugins.module_utils.restore.documents import restore_documents

FOLDER = "facture"  # of the invoices to customers, in the documents directory
FORBIDDEN = re.compile(r'[<>/\\?*|":°$;`]')  # what Dolibarr replaces in a ref to name its directory
READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


class Source(Protocol):
    """Where files of invoices are."""

    def content(self, invoice: Invoice, ending: str) -> bytes | Reason | None:
        """The file of an invoice whose name is the ref and ``ending``, such as ``.pdf`` or ``_facturx.xml``.

        None where there is none, the reason where it cannot be read.
        """


@dataclass(frozen=True)
class InvoiceTexts:
    """What there is on paper of one invoice; None where there is none."""

    pdf: PdfText | None = None
    facturx_pdf: PdfText | None = None  # the second one, which the module for electronic invoices writes
    facturx_xml: bytes | None = None  # beside them

    @property
    def is_missing(self) -> bool:
        return self.pdf is None and self.facturx_pdf is None


def read_texts(
    source: Source, reader: PdfReader, invoices: Iterable[Invoice], progress: Progress
) -> Iterator[InvoiceTexts]:
    """What is on paper of each invoice, in order; a few are fetched and read at a time."""
    progress.phase("PDFs")
    with ThreadPoolExecutor(reader.processes + 2, thread_name_prefix="pdf") as pool:
        for texts in ordered(pool, lambda invoice: texts_of(source, reader, invoice), invoices, reader.processes + 4):
            progress.add(files=1)
            yield texts


def texts_of(source: Source, reader: PdfReader, invoice: Invoice) -> InvoiceTexts:
    """What is on paper of one invoice."""

    def text(content: bytes | Reason | None) -> PdfText | None:
        if content is None:
            return None
        return (
            PdfText(reason=str(content), reason_fr=content.fr) if isinstance(content, Reason) else reader.read(content)
        )

    xml = source.content(invoice, "_facturx.xml")
    return InvoiceTexts(
        text(source.content(invoice, ".pdf")),
        text(source.content(invoice, "_facturx.pdf")),
        # An empty file is no XML either.
        b"" if isinstance(xml, Reason) or (xml is not None and len(xml) > MOST_XML) else xml,
    )


class ApiSource:
    """The files that Dolibarr's API gives; ``documents`` says which there are. One request for each file."""

    def __init__(self, client: Client, documents: Iterable[Document]) -> None:
        self._client = client
        self._documents: dict[int, list[Document]] = defaultdict(list)
        for document in documents:
            self._documents[document.invoice_id].append(document)

    def content(self, invoice: Invoice, ending: str) -> bytes | Reason | None:
        """The file, without asking for one that is not there or too large."""
        wanted = f"{folder_of(invoice)}{ending}"
        for document in self._documents.get(invoice.id, ()):
            folder, _slash, name = document.path.removeprefix(f"{FOLDER}/").rpartition("/")
            if name == wanted:
                return Reason.TOO_LARGE if document.size > LARGEST else self._download(f"{folder}/{name}")
        return None

    def _download(self, path: str) -> bytes | Reason | None:
        try:
            answer = self._client.get("/documents/download", modulepart=FOLDER, original_file=path)
        except NotFound:  # it was removed meanwhile
            return None
        try:
            return base64.b64decode(answer["content"], validate=True)
        except (KeyError, TypeError, binascii.Error) as error:
            raise NotDolibarr(
                f"Dolibarr's answer for the file {path} is not one: check what stands before Dolibarr.", path=path
            ) from error


def recorded_md5s(documents: Iterable[Document], invoices: Iterable[Invoice]) -> dict[int, str]:
    """What Dolibarr noted of each invoice's PDF when it made it, by the invoice's id; empty where it noted nothing."""
    noted = {(document.invoice_id, document.path): document.md5 for document in documents}
    return {
        invoice.id: noted.get((invoice.id, "{0}/{1}/{1}.pdf".format(FOLDER, folder_of(invoice))), "")
        for invoice in invoices
    }


class DirectorySource:
    """The files below a documents directory of Dolibarr; nothing outside of it is read, wherever links lead."""

    def __init__(self, path: str) -> None:
        self._root = os.path.realpath(os.path.join(path, FOLDER))
        if not os.path.isdir(self._root):
            raise ErpError(
                f"There is no directory {FOLDER} in {path}: give Dolibarr's documents directory, the one that holds it."
            )

    def content(self, invoice: Invoice, ending: str) -> bytes | Reason | None:
        """The file; one that is no regular file is not there."""
        folder = folder_of(invoice)
        path = os.path.realpath(os.path.join(self._root, folder, f"{folder}{ending}"))
        if not path.startswith(f"{self._root}{os.sep}"):
            return None
        try:
            with os.fdopen(os.open(path, READ), "rb") as file:
                state = os.fstat(file.fileno())
                if not stat.S_ISREG(state.st_mode):
                    return None
                return Reason.TOO_LARGE if state.st_size > LARGEST else file.read(LARGEST)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ErpError(f"{path} cannot be read ({error.strerror}): run as a user who may read it.") from error


@contextmanager
def restore_point(store: Store, wanted: str, progress: Progress) -> Iterator[DirectorySource]:
    """The files of the restore point that ``wanted`` means, in a temporary directory that goes away again."""
    store.check_bucket()
    manifest = read_manifest(store, choose_point(read_catalogue(store), wanted))
    with TemporaryDirectory(prefix="arcodange-erp-") as directory:
        target = os.path.join(directory, "documents")
        restore_documents(store, manifest, target, progress, (f"{FOLDER}/*.pdf", f"{FOLDER}/*_facturx.xml"))
        if not os.path.isdir(os.path.join(target, FOLDER)):
            raise ErpError(f"The restore point {manifest.id} holds no PDF of an invoice: choose another one.")
        yield DirectorySource(target)


def folder_of(invoice: Invoice) -> str:
    """The directory of an invoice's files; Dolibarr notes it when it makes a PDF, and names it after the ref."""
    top, _slash, rest = invoice.document.partition("/")
    folder = rest.partition("/")[0] if top == FOLDER else ""
    return folder if folder not in ("", ".", "..") else FORBIDDEN.sub("_", invoice.ref).replace("..", "")
