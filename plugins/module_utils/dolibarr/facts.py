# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a Dolibarr: what was read of it, and what accounting makes of that."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Finding, Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.numbering import (
    NumberingOptions,
    audit_numbering,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.templates import template_health
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.third_parties import (
    ThirdPartiesAudit,
    ThirdPartyOptions,
    audit_third_parties,
    vat_charging_suppliers,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat import vat_report
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import VatOptions
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Invoice, ThirdParty
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.payment_facts import payment_facts
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.plain import plain
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.reader import Reader
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.request import SUBSETS, Selection
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.rights import (
    READ_USERS,
    listed,
    missing_rights,
    needed_rights,
)

NOT_RECONCILED = Finding(
    "vat-not-reconciled",
    Severity.ERROR,
    "VAT",
    "The VAT report does not add up to the invoices: look for the difference in vat.reconciliation before using it.",
    "Le rapport de TVA ne correspond pas aux factures : chercher l'écart dans vat.reconciliation avant de s'en servir.",
)
# What opens it in place of a right.
COMPANY = "an administrator, or the login in API_LOGINS_ALLOWED_FOR_GET_COMPANY (Home > Setup > Other setup)"


@dataclass(frozen=True)
class Request:
    """What is asked for; the options are those of the calculations."""

    subsets: frozenset[str]
    selection: Selection = field(default_factory=Selection)
    raw: str | None = None  # a path of the API
    details: bool = False  # also every line of VAT
    schedule: Sequence[Mapping[str, Any]] = ()
    vat: VatOptions = field(default_factory=VatOptions)
    third_parties: ThirdPartyOptions = field(default_factory=ThirdPartyOptions)
    numbering: NumberingOptions = field(default_factory=NumberingOptions)


class Gatherer:
    """Gathers facts, one method for each subset; ``findings`` are what was found on the way, by subset."""

    def __init__(self, reader: Reader, request: Request, today: date) -> None:
        self.reader = reader
        self.request = request
        self.chosen = request.selection
        self.today = today
        self.findings: dict[str, list[Finding]] = {}

    def gather(self) -> dict[str, Any]:
        """The facts by subset, in the order of the subsets. All rights are checked before the first list is read."""
        request = self.request
        self.chosen.check(request.subsets)
        names = [name for name in SUBSETS if name in request.subsets]
        sections = {section for name in names for section in self.chosen.sections(name)}
        guarded = [section for section in sections if needed_rights([section])]
        if guarded:
            self.reader.require(guarded)
        facts = {name: getattr(self, name)() for name in names}
        if request.raw is not None:
            facts["raw"] = self.reader.raw(request.raw)
        return facts

    def status(self) -> dict[str, Any]:
        facts: dict[str, Any] = plain(self.reader.status())
        return facts

    def user(self) -> dict[str, Any]:
        """The user of the key, and the rights that it lacks for each subset: 251 alone where it may not tell which it has."""
        user = self.reader.user()
        lacking = {name: self._lacking(self.chosen.sections(name)) for name in SUBSETS}
        if user.rights is None:
            lacking["user"] = [listed([READ_USERS])]
        if self.reader.company() is None:
            lacking["company"] = [COMPANY]
        return {**plain(user), "missing_rights": {name: rights for name, rights in lacking.items() if rights}}

    def company(self) -> dict[str, Any] | None:
        """The company; None when the user of the key may not read it."""
        facts: dict[str, Any] | None = plain(self.reader.company())
        return facts

    def third_parties(self) -> dict[str, Any]:
        """``list`` and ``audit`` of those chosen, each compared with all others."""
        parties = self.reader.third_parties(with_ibans=True)
        audit = self._chosen_audit(self._audit(parties, ibans_are_known=True))
        self.findings["third_parties"] = list(audit.findings)
        lacking = self._lacking(["supplier_invoices"])
        return {
            "list": self._plain(party for party in parties if self.chosen.has_party(party)),
            "audit": audit.to_facts(),
            "notes": [f"Which suppliers charge VAT is not known without {right}." for right in lacking],
            "notes_fr": [f"On ne sait pas quels fournisseurs facturent la TVA sans {right}." for right in lacking],
        }

    def _audit(self, parties: Sequence[ThirdParty], ibans_are_known: bool) -> ThirdPartiesAudit:
        options = dataclasses.replace(self.request.third_parties, ibans_are_known=ibans_are_known)
        if not self._lacking(["supplier_invoices"]):
            charging = vat_charging_suppliers(self.reader.supplier_invoices())
            options = dataclasses.replace(options, vat_charging_suppliers=charging)
        return audit_third_parties(parties, self.today, options)

    def _chosen_audit(self, audit: ThirdPartiesAudit) -> ThirdPartiesAudit:
        ids = {party.id for party in self.reader.third_parties() if self.chosen.has_party(party)}
        return ThirdPartiesAudit(
            tuple(one for one in audit.audited if one.third_party.id in ids),
            tuple(one for one in audit.not_audited if one[0].id in ids),
            tuple(one for one in audit.duplicates if ids.intersection(one.ids)),
        )

    def invoices(self) -> list[Any]:
        return self._chosen_invoices(self.reader.invoices())

    def supplier_invoices(self) -> list[Any]:
        return self._chosen_invoices(self.reader.supplier_invoices())

    def _chosen_invoices(self, invoices: Iterable[Invoice]) -> list[Any]:
        return self._plain(invoice for invoice in invoices if self.chosen.has_invoice(invoice))

    def payments(self) -> dict[str, Any]:
        facts, findings = payment_facts(self.reader, self.chosen, self.request.schedule, self.today)
        self.findings["payments"] = findings
        return facts

    def vat(self) -> dict[str, Any]:
        reader = self.reader
        report = vat_report(
            reader.invoices(),
            reader.payments(),
            reader.supplier_invoices(),
            reader.supplier_payments(),
            self._parties(),
            self.chosen.period,
            self.request.vat,
        )
        facts = report.to_facts(with_lines=self.request.details)
        self.findings["vat"] = list(report.findings)
        if not facts["reconciliation"]["is_exact"]:
            self.findings["vat"].insert(0, NOT_RECONCILED)
        return facts

    def templates(self) -> dict[str, Any]:
        """``list`` and ``health`` of those of the third parties chosen."""
        templates = [one for one in self.reader.templates() if self.chosen.has_third_party(one.third_party_id)]
        audit = self._audit(self.reader.third_parties(), ibans_are_known=False)
        audits = {one.third_party.id: one.findings for one in audit.audited}
        health = template_health(templates, self.reader.invoices(), self._parties(), self.today, audits)
        self.findings["templates"] = [finding for one in health for finding in one.findings]
        return {"list": self._plain(templates), "health": [one.to_facts() for one in health]}

    def numbering(self) -> dict[str, Any]:
        """Of all invoices of all time."""
        audit = audit_numbering(self.reader.invoices(), self.today, self.request.numbering)
        self.findings["numbering"] = list(audit.findings)
        return audit.to_facts()

    def bank_accounts(self) -> list[Any]:
        return self._plain(self.reader.bank_accounts())

    def products(self) -> list[Any]:
        return self._plain(self.reader.products())

    def documents(self) -> list[Any]:
        """The files of the invoices chosen."""
        chosen = {invoice.id for invoice in self.reader.invoices() if self.chosen.has_invoice(invoice)}
        return self._plain(document for document in self.reader.documents() if document.invoice_id in chosen)

    def _parties(self) -> dict[int, ThirdParty]:
        return {party.id: party for party in self.reader.third_parties()}

    def _lacking(self, sections: Iterable[str]) -> list[str]:
        needing = [section for section in sections if needed_rights([section])]
        return [listed([right]) for right in missing_rights(self.reader.user(), needing)] if needing else []

    @staticmethod
    def _plain(objects: Iterable[Any]) -> list[Any]:
        return [plain(one) for one in objects]
