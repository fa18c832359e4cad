# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads PDFs in a process of its own, which may run out of time or memory without harm; ``pdf.py`` starts and feeds it.

It imports nothing of the collection. From standard input it takes the length of a PDF in eight bytes and the PDF, and
answers on standard output with the length of a JSON object and the object: ``reason`` (empty when it was read), ``pages``
(the text of each), ``attachments`` (XML files in base64, by name) and ``xmp`` (the metadata, in base64). pypdf is imported where it
is used, as the process that starts this one knows this module too and does without.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import resource
import struct
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import islice
from typing import Any, BinaryIO

LENGTH = struct.Struct(">Q")
READY = b"ready"
LEAST_LETTERS = 100  # a page that is a picture may still have a few
MOST_PAGES = 500
MOST_TEXT = 4_000_000  # characters of all pages
MOST_XML = 5_000_000  # bytes of an attachment
MOST_ATTACHMENTS = 100
SIGNS_OF_LOSS = ("not defined", "may be missing", "skipping the entry", "content is skipped")  # in warnings of pypdf
TAIL = 1024  # bytes from the end in which a whole PDF has its last mark


class Reason(StrEnum):
    """Why a PDF could not be read: ends a sentence that begins with « Its PDF », without the full stop; ``fr`` « Son PDF »."""

    fr: str

    def __new__(cls, english: str, french: str) -> Reason:
        reason = str.__new__(cls, english)
        reason._value_ = english
        reason.fr = french
        return reason

    EMPTY = ("is an empty file: make it again", "est un fichier vide : le générer de nouveau")
    NO_PDF = ("is no PDF: look at the file", "n'est pas un PDF : regarder le fichier")
    TRUNCATED = ("ends too early: restore it whole", "est tronqué : le restaurer en entier")
    DAMAGED = ("is damaged: restore it from a backup", "est endommagé : le restaurer d'une sauvegarde")
    ENCRYPTED = ("is encrypted: store one without a password", "est chiffré : en enregistrer un sans mot de passe")
    NO_TEXT = (
        "has no text, as a scan has none: read it yourself",
        "n'a pas de texte, comme une numérisation : le lire soi-même",
    )
    TOO_LARGE = ("is larger than 100 MB: look at the file", "dépasse 100 Mo : regarder le fichier")
    TOO_MANY_PAGES = (
        f"has more than {MOST_PAGES} pages: look at the file",
        f"a plus de {MOST_PAGES} pages : regarder le fichier",
    )
    TOO_MUCH_TEXT = (
        "holds more than an invoice can: look at the file",
        "contient plus que ne peut une facture : regarder le fichier",
    )
    LOOP = (
        "refers to itself without end: do not open it, ask where it comes from",
        "se renvoie sans fin à lui-même : ne pas l'ouvrir, demander d'où il vient",
    )
    BOMB = (
        "unpacks to far more than an invoice can hold: do not open it, ask where it comes from",
        "se décompresse bien au-delà de ce que contient une facture : ne pas l'ouvrir, demander d'où il vient",
    )
    TOO_LONG = (
        "took too long to read: do not open it, ask where it comes from",
        "a été trop long à lire : ne pas l'ouvrir, demander d'où il vient",
    )
    TOO_MUCH_MEMORY = (
        "took too much memory to read: do not open it, ask where it comes from",
        "a demandé trop de mémoire à la lecture : ne pas l'ouvrir, demander d'où il vient",
    )
    CRASHED = (
        "made the reader crash: do not open it, ask where it comes from",
        "a fait planter le lecteur : ne pas l'ouvrir, demander d'où il vient",
    )


class Unreadable(Exception):
    """A PDF that gives no text that could be relied on."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Losses(logging.Handler):
    """Notices when pypdf goes on without a part of the file: what is then not found may well be in it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found = False

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        self.found |= record.name == "pypdf.filters" or any(sign in message for sign in SIGNS_OF_LOSS)


def read_pdf(content: bytes, losses: Losses) -> dict[str, Any]:
    """The answer for a PDF."""
    from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError

    losses.found = False
    try:
        return read_whole(content, losses)
    except Unreadable as unreadable:
        reason = unreadable.reason
    except MemoryError:
        reason = Reason.TOO_MUCH_MEMORY
    except RecursionError:
        reason = Reason.LOOP
    except LimitReachedError:
        reason = Reason.BOMB
    except (FileNotDecryptedError, DependencyError):
        reason = Reason.ENCRYPTED
    except Exception:  # pypdf meets damage with errors of any kind
        reason = Reason.DAMAGED
    return {"reason": reason}


def read_whole(content: bytes, losses: Losses) -> dict[str, Any]:
    """Everything that is wanted of a PDF; raises :class:`Unreadable`, or anything that pypdf does."""
    if not content:
        raise Unreadable(Reason.EMPTY)
    if b"%PDF-" not in content[:TAIL]:
        raise Unreadable(Reason.NO_PDF)
    if b"%%EOF" not in content[-TAIL:]:
        raise Unreadable(Reason.TRUNCATED)
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(content))
    if reader.is_encrypted and not reader.decrypt(""):
        raise Unreadable(Reason.ENCRYPTED)
    pages = list(page_texts(reader))
    if losses.found:
        raise Unreadable(Reason.DAMAGED)
    if sum(character.isalpha() for page in pages for character in page) < LEAST_LETTERS:
        raise Unreadable(Reason.NO_TEXT)
    return {
        "reason": "",
        "pages": pages,
        "attachments": {name: base64.b64encode(data).decode("ascii") for name, data in attachments(reader)},
        "xmp": base64.b64encode(metadata(reader)).decode("ascii"),
    }


def page_texts(reader: Any) -> Iterator[str]:
    """The text of each page."""
    length = 0
    for number, page in enumerate(reader.pages):
        if number == MOST_PAGES:
            raise Unreadable(Reason.TOO_MANY_PAGES)
        text = page.extract_text()
        length += len(text)
        if length > MOST_TEXT:
            raise Unreadable(Reason.TOO_MUCH_TEXT)
        # Half a surrogate pair is no text and cannot be written as UTF-8.
        yield text.encode("utf-8", "replace").decode("utf-8")


def attachments(reader: Any) -> Iterator[tuple[str, bytes]]:
    """The XML files, which is what electronic invoices are; other files are left packed.

    What was attached twice under one name gets a number; what cannot be read, or is too large, is empty.
    """
    for name in islice(reader.attachments, MOST_ATTACHMENTS):
        if name.lower().endswith(".xml"):
            contents = unpacked(reader.attachments.__getitem__, name)
            for number, data in enumerate([contents] if isinstance(contents, bytes) else contents, 1):
                yield name if number == 1 else f"{name} ({number})", data if len(data) <= MOST_XML else b""


def metadata(reader: Any) -> bytes:
    """The XMP packet as it is; empty when there is none, or none that can be read."""
    stream = reader.root_object.get("/Metadata")
    data = unpacked(lambda: stream.get_object().get_data()) if stream is not None else b""
    return data if len(data) <= MOST_XML else b""


def unpacked(read: Callable[..., Any], *arguments: str) -> Any:
    """What ``read`` gives; nothing where that is damaged or a bomb, which hides no text."""
    try:
        return read(*arguments)
    except (MemoryError, RecursionError):
        raise
    except Exception:  # pypdf meets damage with errors of any kind
        return b""


def bounded(seconds: int) -> None:
    """Have the system end this process after so many further seconds of processor time."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    end = int(usage.ru_utime + usage.ru_stime) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (end if hard == resource.RLIM_INFINITY else min(end, hard), hard))


def serve(source: BinaryIO, sink: BinaryIO, seconds: int) -> None:
    """Answer one PDF after the other until there are no more; not even ready when pypdf is missing."""
    import pypdf

    losses = Losses()
    logger = logging.getLogger(pypdf.__name__)
    logger.addHandler(losses)
    logger.propagate = False
    sink.write(READY)
    sink.flush()
    while head := source.read(LENGTH.size):
        bounded(seconds)
        (length,) = LENGTH.unpack(head)
        answer = json.dumps(read_pdf(source.read(length), losses)).encode("ascii")
        sink.write(LENGTH.pack(len(answer)) + answer)
        sink.flush()


def main() -> None:
    """Run with the limits of the command line: bytes of memory and seconds of processor time for each PDF."""
    memory, seconds = map(int, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    # Whatever a library prints must not come between the answers.
    with os.fdopen(os.dup(1), "wb") as sink:
        os.dup2(2, 1)
        serve(sys.stdin.buffer, sink, seconds)


if __name__ == "__main__":
    main()
