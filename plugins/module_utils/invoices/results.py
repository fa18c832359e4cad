# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the audit of an invoice looks at, and what it finds: the types that all of its parts share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Finding, Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.third_party_rules import SellerSize
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime, VatOptions
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import Treatment, Verdict
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind, Zone
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Invoice, Payment, ThirdParty
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import Evidence, Paper


class Status(StrEnum):
    """The result of a rule. ``undetermined`` is one of its own: what is not known never reads as a pass."""

    PASS = "pass"
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True)
class Outcome:
    """What a check says.

    ``message`` is one sentence, and ``message_fr`` the same in French: what is wrong or unknown, and what to do; empty for
    a pass. ``severity`` is given where this finding differs from what the rule says of itself.
    """

    status: Status
    message: str = ""
    message_fr: str = ""
    evidence: tuple[Evidence, ...] = ()
    severity: Severity | None = None


@dataclass(frozen=True)
class Result:
    """The result of one rule for one invoice; ``sources`` are the legal references in force on the invoice's date."""

    rule: str
    status: Status
    severity: Severity
    message: str = ""
    message_fr: str = ""
    evidence: tuple[Evidence, ...] = ()
    sources: tuple[str, ...] = ()

    def to_facts(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "status": str(self.status),
            "severity": str(self.severity),
            "message": self.message,
            "message_fr": self.message_fr,
            "evidence": [one.to_facts() for one in self.evidence],
            "sources": list(self.sources),
        }


@dataclass(frozen=True)
class PdfText:
    """What was read of a PDF; with a ``reason`` it could not be read, and ``pages`` is empty.

    ``reason`` ends the sentence « Its PDF ... » without a full stop, such as ``is encrypted: store one without a
    password``; ``reason_fr`` ends « Son PDF ... ».
    """

    pages: tuple[str, ...] = ()  # the text of each, as it was read
    reason: str = ""
    reason_fr: str = ""
    attachments: Mapping[str, bytes] = field(default_factory=dict)
    xmp: bytes = b""  # its metadata packet
    sha256: str = ""
    md5: str = ""
    size: int = 0  # in bytes

    @cached_property
    def paper(self) -> Paper:
        """The text to look for mentions in."""
        return Paper(self.pages)


class Form(StrEnum):
    """What the seller is, as far as its invoices must say so."""

    COMPANY = "company"
    SOLE_TRADER = "sole_trader"
    CIVIL_COMPANY = "civil_company"
    ASSOCIATION = "association"
    PUBLIC = "public"
    OTHER = "other"


class Sector(StrEnum):
    """What the seller does, as far as its invoices must say more than others."""

    GENERAL = "general"
    CONSTRUCTION = "construction"
    TRAINING = "training"
    HEALTH = "health"
    SECOND_HAND = "second_hand"
    TRAVEL = "travel"
    TRANSPORT = "transport"


@dataclass(frozen=True)
class Seller:
    """Our own company. Empty and None mean unknown: rules that need it are undetermined and ask for it."""

    name: str = ""
    address: str = ""
    zip: str = ""
    town: str = ""
    country: str = ""  # ISO 3166-1, two letters
    legal_form: str = ""  # as written, such as SAS
    capital: Decimal | None = None  # in euros
    siren: str = ""
    siret: str = ""
    vat_number: str = ""
    rcs_city: str = ""
    naf: str = ""
    ibans: tuple[str, ...] = ()
    form: Form | None = None
    is_in_rcs: bool | None = None  # entered in the trade register
    regime: Regime | None = None
    size: SellerSize | None = None
    debits: bool | None = None  # opted to pay VAT on services when they are invoiced
    sector: Sector = Sector.GENERAL
    oga: bool = False  # member of an approved management body
    vat_group: bool = False  # member of a VAT group
    fiscal_representative: str = ""  # name of the one of a seller that is not established in the EU
    mediator: str = ""  # name of the consumers' mediator


@dataclass(frozen=True)
class AuditOptions:
    """What only a person knows of invoices."""

    vat: VatOptions = field(default_factory=VatOptions)  # the lines taxed on the margin, subcontracted and so on
    terms_45_eom: bool = False  # contracts agree on 45 days and the end of the month (C. com. L441-10)
    self_billed: frozenset[str] = frozenset()  # refs of invoices that the customer made out


@dataclass(frozen=True)
class Subject:
    """One invoice and everything that a rule may look at."""

    invoice: Invoice
    customer: ThirdParty | None  # None when it is not known
    kind: Kind
    zone: Zone
    treatments: tuple[Verdict | None, ...]  # of each line of the invoice; None of titles and lines worth nothing
    seller: Seller | None
    pdf: PdfText | None  # None where there is none
    payments: tuple[Payment, ...] = ()
    source: Invoice | None = None  # the invoice that this one credits or replaces
    credit_notes: tuple[Invoice, ...] = ()  # on this invoice, or on the one that this credits
    deposits: tuple[Invoice, ...] = ()  # that this invoice consumed
    numbering: tuple[Finding, ...] | None = None  # what is wrong with its number; None when that was not looked at
    options: AuditOptions = field(default_factory=AuditOptions)
    today: date = date.min
    recorded_md5: str = ""  # of the PDF, as Dolibarr noted it when it made the file; empty where it did not

    @property
    def paper(self) -> Paper | None:
        """The text of the PDF; None when there is none or it cannot be read."""
        return None if self.pdf is None or self.pdf.reason else self.pdf.paper

    @property
    def day(self) -> date:
        """The day whose law applies: that of the invoice, today for one without a date."""
        return self.invoice.issued or self.today

    @cached_property
    def used_treatments(self) -> frozenset[Treatment]:
        """The VAT treatments of its lines."""
        return frozenset(verdict.treatment for verdict in self.treatments if verdict is not None)
