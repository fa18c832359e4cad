# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can be read of a Dolibarr, as one JSON object that can be kept and compared.

Objects are turned into their text as they are read, a page at a time, so that memory grows with the text alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import money, total
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.answers import (
    ChangedWhileRead,
    Forbidden,
    NotFound,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.canonical import (
    EXCLUDED,
    canonical,
    canonical_text,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.client import Client
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.reader import Reader, same
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.values import Answer, identity, number, text

SCHEMA_VERSION = "1"
# What is read, by the names of the reader's sections; documents are kept by backups and not here.
SECTIONS = ("third_parties", "invoices", "supplier_invoices", "templates", "products", "bank_accounts")


@dataclass(frozen=True)
class Snapshot:
    """The state of one instance: by section the canonical text of one object, or those of many, sorted by id."""

    instance: str  # its address
    captured_at: datetime
    not_read: tuple[str, ...]  # sections that the user of the key may not read and that are not needed
    sections: Mapping[str, str | tuple[str, ...]]

    @cached_property
    def content_hash(self) -> str:
        """The SHA-256 of the data alone, so that two captures of one state have the same."""
        digest = hashlib.sha256()
        for piece in self._data():
            digest.update(piece.encode())
        return f"sha256:{digest.hexdigest()}"

    def header(self) -> dict[str, Any]:
        """Everything but the data."""
        return {
            "schema_version": SCHEMA_VERSION,
            "captured_at": f"{self.captured_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "instance": self.instance,
            "content_hash": self.content_hash,
            "excluded": {section: dict(fields) for section, fields in EXCLUDED.items()},
            "not_read": list(self.not_read),
        }

    def pieces(self) -> Iterator[str]:
        """The canonical JSON text with a line feed at its end, in pieces."""
        header = self.header()
        start: str = "{"
        for name in sorted([*header, "data"]):
            yield f"{start}{canonical_text(name)}:"
            if name == "data":
                yield from self._data()
            else:
                yield canonical_text(header[name])
            start = ","
        yield "}\n"

    def counts(self) -> dict[str, int]:
        """How many objects each section holds."""
        return {name: 1 if isinstance(texts, str) else len(texts) for name, texts in sorted(self.sections.items())}

    def to_content(self) -> dict[str, Any]:
        """The whole as one object, such as :func:`compare_snapshots` takes."""
        content: dict[str, Any] = json.loads("".join(self.pieces()))
        return content

    def _data(self) -> Iterator[str]:
        start = "{"
        for name in sorted(self.sections):
            texts = self.sections[name]
            yield f"{start}{canonical_text(name)}:"
            start = ","
            if isinstance(texts, str):
                yield texts
                continue
            yield "["
            for place, one in enumerate(texts):
                yield f",{one}" if place else one
            yield "]"
        yield "}"


def build_snapshot(source: Client, reader: Reader, instance: str, now: datetime) -> Snapshot:
    """Read everything of the Dolibarr at the address ``instance``; ``reader`` knows the rights and the templates.

    One request for each third party (its bank accounts), bank account (its balance), template and issued invoice that
    can have payments, beside the lists. Raises :class:`MissingRight` before the first list, :class:`ChangedWhileRead`
    when somebody worked meanwhile.
    """
    reader.require(SECTIONS)
    template_ids = [template.id for template in reader.templates()]
    source.progress.phase("snapshot")
    company = _company(source)
    sections: dict[str, str | tuple[str, ...]] = {
        "status": canonical_text(canonical("status", source.get("/status").get("success", {}))),
        **({} if company is None else {"company": canonical_text(canonical("company", company))}),
        "third_parties": _all(source, "third_parties", "/thirdparties", _with_bank_accounts),
        "invoices": _all(source, "invoices", "/invoices", _with_payments),
        "supplier_invoices": _all(source, "supplier_invoices", "/supplierinvoices", _with_supplier_payments),
        "templates": _texts(
            "templates", source.map(lambda one: source.get(f"/invoices/templates/{one}"), template_ids)
        ),
        "products": _all(source, "products", "/products", _as_it_is),
        "bank_accounts": _all(source, "bank_accounts", "/bankaccounts", _with_balance),
    }
    return Snapshot(instance, now, () if company is not None else ("company",), sections)


def _company(source: Client) -> Answer | None:
    try:
        answer: Answer = source.get("/setup/company")
    except Forbidden:
        return None
    return answer


Completed = Callable[[Client, Answer], Answer]


def _all(source: Client, section: str, path: str, completed: Completed) -> tuple[str, ...]:
    found: list[str] = []
    for page in source.pages(path):
        found += _texts(section, source.map(lambda answer: completed(source, answer), page))
    return tuple(found)


def _texts(section: str, answers: Iterable[Answer]) -> tuple[str, ...]:
    return tuple(canonical_text(canonical(section, answer)) for answer in answers)


def _as_it_is(_source: Client, answer: Answer) -> Answer:
    return answer


def _with_bank_accounts(source: Client, answer: Answer) -> Answer:
    try:
        accounts = source.get(f"/thirdparties/{identity(answer)}/bankaccounts")
    except NotFound:  # it has none
        accounts = []
    return {**answer, "bank_accounts": accounts}


def _with_balance(source: Client, answer: Answer) -> Answer:
    balance = source.get(f"/bankaccounts/{identity(answer)}/balance")
    return {**answer, "balance": money(number({"balance": balance}, "balance"))}


def _with_payments(source: Client, answer: Answer) -> Answer:
    """An invoice with its payments, which must add up to what it says was paid; read again once if they do not."""
    path = f"/invoices/{identity(answer)}"
    if not any(number(answer, key) for key in ("totalpaid", "totalcreditnotes", "totaldeposits")):
        return answer
    rows = source.get(f"{path}/payments")
    if not same(_received(rows), number(answer, "totalpaid")):
        answer, rows = source.get(path), source.get(f"{path}/payments")
        if not same(_received(rows), number(answer, "totalpaid")):
            raise ChangedWhileRead(
                f"The payments of {text(answer, 'ref')} do not add up to what it says was paid: run this again, and if"
                " that does not help look at them in Dolibarr.",
                invoice=text(answer, "ref"),
            )
    return {**answer, "payments": rows}


def _received(rows: Iterable[Answer]) -> Decimal:
    return total(number(row, "amount") for row in rows if text(row, "typeline") == "payment")


def _with_supplier_payments(source: Client, answer: Answer) -> Answer:
    if text(answer, "status") == "0":  # a draft
        return answer
    return {**answer, "payments": source.get(f"/supplierinvoices/{identity(answer)}/payments")}
