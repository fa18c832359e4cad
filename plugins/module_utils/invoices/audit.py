# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One audit over one read: the rules of every invoice, and what the rest of accounting finds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Finding, Period
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.numbering import (
    NumberingOptions,
    audit_numbering,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.third_parties import ThirdPartyOptions
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store, StoreOptions
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.client import Client
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.facts import Gatherer, Request
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    BankAccount,
    Document,
    Invoice,
    InvoiceType,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.plain import plain
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.reader import Reader
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.request import SUBSETS, Selection
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.rights import missing_rights, needed_rights
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.baseline import Baseline
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.engine import audit_invoice
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.facturx import facturx_results
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.facturx_rules import FACTURX_RULES
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.pdf import PdfReader
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.report import (
    SECTIONS,
    Audited,
    Gathered,
    pdf_facts,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import AuditOptions, Seller
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rules import RULES
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.seller import (
    read_identity_file,
    read_seller,
    seller_findings,
    seller_gaps,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.sources import (
    ApiSource,
    DirectorySource,
    Source,
    read_texts,
    recorded_md5s,
    restore_point,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.subject import build_subjects
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.titles import TITLES

INVOICES = "invoices"
# What is read for the rules.
OF_INVOICES = ("invoices", "third_parties", "documents")


@dataclass(frozen=True)
class PdfPlace:
    """Where the PDFs are: ``api``, below ``documents_path``, or in the restore point ``backup_id`` of ``store``."""

    kind: str = "api"
    documents_path: str = ""
    backup_id: str = "latest"
    store: StoreOptions | None = None


@dataclass(frozen=True)
class AuditRequest:
    """What to audit. ``names`` are references or ids of the only invoices wanted."""

    sections: frozenset[str] = frozenset(SECTIONS)
    names: tuple[str, ...] = ()
    period: Period = field(default_factory=Period)
    seller: Mapping[str, Any] = field(default_factory=dict)  # as of read_seller
    identity_file: str | None = None
    options: AuditOptions = field(default_factory=AuditOptions)
    third_parties: ThirdPartyOptions = field(default_factory=ThirdPartyOptions)
    numbering: NumberingOptions = field(default_factory=NumberingOptions)
    schedule: Sequence[Mapping[str, Any]] = ()
    pdfs: PdfPlace = field(default_factory=PdfPlace)

    def wants(self, invoice: Invoice) -> bool:
        """Whether it is of the period; without one, every invoice is."""
        return self.period == Period() or invoice.issued in self.period


def audit(client: Client, address: str, request: AuditRequest, baseline: Baseline, now: datetime) -> Gathered:
    """Read a Dolibarr from the beginning, and audit it; ``address`` is the one to show."""
    auditor = Auditor(client, request, now)
    auditor.require_rights()
    status = auditor.reader.status()
    audited = auditor.invoices() if INVOICES in request.sections else None
    facts, findings = auditor.other_sections()
    return Gathered(
        generated_at=now.isoformat(timespec="seconds"),
        instance={"url": address, "dolibarr_version": status.version},
        scope=auditor.scope(),
        seller={**plain(auditor.seller), "unknown": list(seller_gaps(auditor.seller))},
        titles=titles(),
        invoices=audited,
        facts=facts,
        findings={"seller": auditor.seller_findings, **findings},
        baseline=baseline,
        is_whole=not request.names and request.period == Period() and request.sections == frozenset(SECTIONS),
    )


class Auditor:
    """Audits one Dolibarr by one reader, which reads each section once."""

    def __init__(self, client: Client, request: AuditRequest, now: datetime) -> None:
        self.client = client
        self.reader = Reader(client)
        self.request = request
        self.today = now.date()
        self.seller = Seller()
        self.seller_findings: tuple[Finding, ...] = ()

    def require_rights(self) -> None:
        """Have all rights before the first list is read, then say who the seller is."""
        names = self.request.sections - {INVOICES}
        sections = {section for name in names for section in SUBSETS[name]}
        if INVOICES in self.request.sections:
            sections |= set(OF_INVOICES)
        self.reader.require(section for section in sections if needed_rights([section]))
        file = read_identity_file(self.request.identity_file) if self.request.identity_file else None
        company = self.reader.company()
        self.seller = read_seller(self.request.seller, file, company, self._accounts())
        self.seller_findings = seller_findings(self.request.seller, file, company)

    def _accounts(self) -> tuple[BankAccount, ...]:
        """The company's bank accounts; none where the user may not see them, and rules then say so."""
        return () if missing_rights(self.reader.user(), {"bank_accounts"}) else self.reader.bank_accounts()

    def scope(self) -> dict[str, Any]:
        """What was looked at, and what was not because it is no invoice."""
        request = self.request
        left_out = [one for one in self.reader.invoices() if request.wants(one) and not is_issued(one)]
        drafts = sum(one.type is not InvoiceType.PROFORMA for one in left_out)
        return {
            **plain(request.period),
            "invoices": list(request.names) or None,
            "sections": [name for name in SECTIONS if name in request.sections],
            "left_out": {"drafts": drafts, "proformas": len(left_out) - drafts} if not request.names else None,
        }

    def invoices(self) -> list[Audited]:
        """Every rule for every invoice that is wanted; of the text of PDFs nothing stays in memory."""
        reader, request = self.reader, self.request
        wanted = choose_invoices(reader.invoices(), request)
        documents = reader.documents_of(wanted)
        subjects = build_subjects(
            reader.invoices(),
            reader.third_parties(),
            reader.payments(),
            self.seller,
            today=self.today,
            recorded_md5=recorded_md5s(documents, wanted),
            options=request.options,
            numbering=audit_numbering(reader.invoices(), self.today, request.numbering),
            only={invoice.id for invoice in wanted},
        )
        audited = []
        with PdfReader() as pdf_reader, self._source(documents) as source:
            invoices = [subject.invoice for subject in subjects]
            papers = read_texts(source, pdf_reader, invoices, self.client.progress)
            for bare, texts in zip(subjects, papers, strict=True):
                subject = dataclasses.replace(bare, pdf=texts.pdf or texts.facturx_pdf)
                results = (*audit_invoice(subject), *facturx_results(subject, texts))
                audited.append(Audited(bare, pdf_facts(subject.pdf), results))
        return audited

    @contextmanager
    def _source(self, documents: Sequence[Document]) -> Iterator[Source]:
        place = self.request.pdfs
        if place.kind == "restore_point" and place.store is not None:
            with restore_point(Store(place.store), place.backup_id, self.client.progress) as source:
                yield source
        elif place.kind == "documents":
            yield DirectorySource(place.documents_path)
        else:
            yield ApiSource(self.client, documents)

    def other_sections(self) -> tuple[dict[str, Any], dict[str, list[Finding]]]:
        """The facts and findings of all sections but the invoices, as :class:`Gatherer` has them."""
        request = self.request
        vat = dataclasses.replace(
            request.options.vat, regime=self.seller.regime or Regime.NORMAL, on_debits=bool(self.seller.debits)
        )
        gatherer = Gatherer(
            self.reader,
            Request(
                subsets=request.sections - {INVOICES},
                selection=Selection(period=request.period),
                schedule=request.schedule,
                vat=vat,
                third_parties=request.third_parties,
                numbering=request.numbering,
            ),
            self.today,
        )
        return gatherer.gather(), gatherer.findings


def choose_invoices(invoices: Iterable[Invoice], request: AuditRequest) -> list[Invoice]:
    """The invoices named, drafts too, or those issued in the period."""
    known = list(invoices)
    if not request.names:
        return [invoice for invoice in known if is_issued(invoice) and request.wants(invoice)]
    by_name = {str(invoice.id): invoice for invoice in known} | {invoice.ref: invoice for invoice in known}
    unknown = [name for name in request.names if name not in by_name]
    if unknown:
        raise ErpError(
            f"There is no invoice {unknown[0]} among the {len(known)} of Dolibarr: give the reference or the id of one.",
            invoice=unknown[0],
        )
    return list({by_name[name].id: by_name[name] for name in request.names}.values())


def is_issued(invoice: Invoice) -> bool:
    """Whether it is an invoice at all: no draft and no proforma."""
    return not invoice.is_draft and invoice.type is not InvoiceType.PROFORMA


def titles() -> dict[str, dict[str, str]]:
    """What every check is called, in both languages."""
    words = {rule.id: rule.title for rule in RULES} | {rule.id: rule.title for rule in FACTURX_RULES}
    of_rules = {check: {"en": title.en, "fr": title.fr} for check, title in words.items()}
    return {check: {"en": english, "fr": french} for check, (english, french) in TITLES.items()} | of_rules
