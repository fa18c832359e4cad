# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Invoices to audit: the captured ones with their PDFs, and small ones with a text of their own."""

from __future__ import annotations

import dataclasses
import io
from datetime import date
from functools import cache
from typing import Any

import pypdf

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.numbering import audit_numbering
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import (
    AuditOptions,
    PdfText,
    Seller,
    Subject,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.subject import build_subjects
from tests.support import subjects
from tests.support.ledger import CUSTOMER_INVOICES, CUSTOMER_PAYMENTS, THIRD_PARTIES, TODAY
from tests.support.paths import FIXTURES

# With both of its bank accounts.
SELLER = dataclasses.replace(subjects.SELLER, ibans=("BE94967123456714", *subjects.SELLER.ibans))


def captured_subjects(
    texts: dict[int, PdfText | None], seller: Seller = SELLER, options: AuditOptions | None = None, today: date = TODAY
) -> tuple[Subject, ...]:
    """All captured invoices, with these PDFs by id."""
    return build_subjects(
        CUSTOMER_INVOICES,
        THIRD_PARTIES.values(),
        CUSTOMER_PAYMENTS,
        seller,
        today=today,
        pdfs=texts,
        options=options,
        numbering=audit_numbering(CUSTOMER_INVOICES, today),
    )


@cache
def captured_without_pdf() -> dict[str, Subject]:
    """All captured invoices by reference, without PDFs."""
    return {subject.invoice.ref: subject for subject in captured_subjects({})}


def captured(ref: str, text: str | None = None, **differing: Any) -> Subject:
    """A captured invoice whose PDF has this text; other fields of the subject, or of its invoice, may be given."""
    subject = captured_without_pdf()[ref]
    fields = {field.name for field in dataclasses.fields(Subject)}
    invoice = {name: value for name, value in differing.items() if name not in fields}
    own = {name: value for name, value in differing.items() if name in fields}
    if text is not None:
        own["pdf"] = PdfText(pages=(text,))
    return dataclasses.replace(subject, invoice=dataclasses.replace(subject.invoice, **invoice), **own)


@cache
def captured_texts() -> dict[str, PdfText]:
    """The text of each captured PDF, by the reference of its invoice."""
    return {path.stem: text_of(path.read_bytes()) for path in sorted((FIXTURES / "pdf").glob("*.pdf"))}


def text_of(content: bytes) -> PdfText:
    """The text of a PDF, read without the reader under test."""
    return PdfText(pages=tuple(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages))
