# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit of third parties: is everything known that invoices to and from them must show, and is it right?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Finding, Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.identifiers import (
    Identifier,
    compact,
    fault,
    siren_of_vat_number,
    vat_prefix,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.third_party_duplicates import (
    Duplicate,
    find_duplicates,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.third_party_rules import (
    FORMS,
    MISSING,
    OF_BUSINESSES,
    OF_PLACES,
    SIREN_REQUIRED_FROM,
    TABLE,
    Profile,
    SellerSize,
    place_of,
    profile_of,
    severity_of,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words, same
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind, Zone, kind_of, zone_of
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Invoice, ThirdParty

COMPLETE = "ok"


@dataclass(frozen=True)
class ThirdPartyOptions:
    """What third parties themselves do not tell."""

    seller_size: SellerSize = SellerSize.SME
    vat_charging_suppliers: frozenset[int] = frozenset()
    self_assessing_customers: frozenset[int] = frozenset()  # who pay the VAT of our invoices, as in construction
    customer_code_is_in_numbers: bool = False  # a numbering mask uses {c...}
    ibans_are_known: bool = True  # they were read


def vat_charging_suppliers(supplier_invoices: Iterable[Invoice]) -> frozenset[int]:
    """The suppliers of an issued invoice with VAT on it: without their VAT number it is not deductible."""
    return frozenset(
        invoice.third_party_id for invoice in supplier_invoices if not invoice.is_draft and invoice.total_tva
    )


@dataclass(frozen=True)
class ThirdPartyAudit:
    """One third party: what is missing, what is wrong, what could not be told."""

    third_party: ThirdParty
    zone: Zone
    kind: Kind
    missing: tuple[str, ...]  # fields, as in the table
    invalid: tuple[str, ...]
    undetermined: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def level(self) -> str:
        """The worst severity, or ``ok``."""
        worst = min((finding.severity for finding in self.findings), key=list(Severity).index, default=None)
        return COMPLETE if worst is None else str(worst)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is amiss beyond what is merely useful, and nothing that matters is unknown."""
        return self.level in (COMPLETE, str(Severity.INFO)) and not self.undetermined

    def to_facts(self) -> dict[str, Any]:
        return {
            "id": self.third_party.id,
            "name": self.third_party.name,
            "roles": roles_of(self.third_party),
            "country": self.third_party.country,
            "zone": str(self.zone),
            "kind": str(self.kind),
            "level": self.level,
            "complete": self.is_complete,
            "missing": list(self.missing),
            "invalid": list(self.invalid),
            "undetermined": list(self.undetermined),
            "findings": [finding.to_facts() for finding in self.findings],
        }


@dataclass(frozen=True)
class ThirdPartiesAudit:
    """All third parties; those that are closed or no more than prospects are looked at for duplicates alone."""

    audited: tuple[ThirdPartyAudit, ...]
    not_audited: tuple[tuple[ThirdParty, Words], ...]
    duplicates: tuple[Duplicate, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything found, third party by third party and then the duplicates."""
        own = tuple(finding for audit in self.audited for finding in audit.findings)
        return own + tuple(duplicate.finding for duplicate in self.duplicates)

    def to_facts(self) -> dict[str, Any]:
        return {
            "third_parties": [audit.to_facts() for audit in self.audited],
            "not_audited": [
                {"id": third_party.id, "name": third_party.name, "reason": reason.en, "reason_fr": reason.fr}
                for third_party, reason in self.not_audited
            ],
            "duplicates": [duplicate.to_facts() for duplicate in self.duplicates],
            "complete": sum(audit.is_complete for audit in self.audited),
            "incomplete": sum(not audit.is_complete for audit in self.audited),
        }


def audit_third_parties(
    third_parties: Iterable[ThirdParty], today: date, options: ThirdPartyOptions | None = None
) -> ThirdPartiesAudit:
    """Look at every customer and supplier in use.

    Findings, by check: ``third-party-FIELD-missing`` and ``third-party-FIELD-invalid`` for the fields of the table,
    ``third-party-siren-misplaced``, ``third-party-siret-siren``, ``third-party-vat-siren``, ``third-party-vat-country``,
    and ``third-party-duplicate-siren``, ``-vat-number``, ``-iban``, ``-name``.
    """
    options = options or ThirdPartyOptions()
    known = sorted(third_parties, key=lambda one: one.id)
    reasons = {one.id: reason for one in known if (reason := _not_audited(one))}
    return ThirdPartiesAudit(
        tuple(audit_third_party(one, today, options) for one in known if one.id not in reasons),
        tuple((one, reasons[one.id]) for one in known if one.id in reasons),
        find_duplicates(one for one in known if one.is_active),
    )


def _not_audited(third_party: ThirdParty) -> Words | None:
    if not third_party.is_active:
        return Words("fermé", "closed")
    return None if roles_of(third_party) else Words("ni client ni fournisseur", "neither customer nor supplier")


def roles_of(third_party: ThirdParty) -> list[str]:
    """Whether we sell to it and buy from it, in words."""
    return ["customer"] * third_party.is_customer + ["supplier"] * third_party.is_supplier


def audit_third_party(third_party: ThirdParty, today: date, options: ThirdPartyOptions) -> ThirdPartyAudit:
    """Look at one third party; see :func:`audit_third_parties`."""
    zone = zone_of(third_party.country, third_party.vat_number, third_party.zip)
    kind = kind_of(third_party)
    case = _Case(third_party, zone, kind, today, options)
    for name in TABLE:
        case.look_at(name)
    case.compare()
    return ThirdPartyAudit(
        third_party,
        zone,
        kind,
        tuple(case.missing),
        tuple(dict.fromkeys(case.invalid)),
        tuple(case.undetermined),
        tuple(sorted(case.findings, key=lambda one: (list(Severity).index(one.severity), one.check, one.message))),
    )


@dataclass
class _Case:
    third_party: ThirdParty
    zone: Zone
    kind: Kind
    today: date
    options: ThirdPartyOptions
    missing: list[str] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    undetermined: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def look_at(self, name: str) -> None:
        """Is a field of the table there, and right?"""
        profile = place_of(self.zone) if name in OF_PLACES else profile_of(self.zone, self.kind)
        severity = self._severity(name, profile)
        if severity is None:
            return
        no_country = name in OF_BUSINESSES and self.zone is Zone.UNKNOWN
        if no_country or (name == "iban" and not self.options.ibans_are_known):
            self.undetermined.append(name)
            return
        values = self._values(name)
        if not values:
            self.missing.append(name)
            self._find(f"third-party-{name}-missing", severity, MISSING[name])
            return
        if form := self._form(name, profile):
            for value in values:
                self._check_form(name, value, form, severity)

    def _severity(self, name: str, profile: Profile) -> Severity | None:
        party, options = self.third_party, self.options
        severity = severity_of(name, profile, party.is_customer, party.is_supplier)
        if name == "rna" and not party.legal_form.casefold().startswith("association"):
            return None
        if name == "vat_number" and profile is Profile.FR_BUSINESS:
            if party.id in options.vat_charging_suppliers or party.id in options.self_assessing_customers:
                return Severity.ERROR
            if not party.is_vat_liable:
                return None
        if name == "siren" and profile is Profile.FR_BUSINESS and self.today < SIREN_REQUIRED_FROM[options.seller_size]:
            return Severity.WARNING
        if name == "code" and party.is_customer and options.customer_code_is_in_numbers:
            return Severity.ERROR
        if severity is Severity.ERROR and name in OF_BUSINESSES and self.kind is Kind.UNKNOWN:
            return Severity.WARNING
        return severity

    def _values(self, name: str) -> list[str]:
        """What a field holds; a number that Dolibarr keeps in one of several places is enough in any of them."""
        party = self.third_party
        ids = party.professional_ids
        terms = [party.payment_terms_id] * party.is_customer + [party.supplier_payment_terms_id] * party.is_supplier
        codes = [party.customer_code] * party.is_customer + [party.supplier_code] * party.is_supplier
        found: dict[str, list[str]] = {
            "name": [party.name],
            "address": [party.address],
            "town": [party.town],
            "zip": [party.zip],
            "state": [str(party.state_id or "")],
            "country": [party.country],
            "siren": [ids[0]],
            "siret": [ids[1]],
            "naf": [ids[2]],
            "rcs": [ids[3]],
            "rna": [ids[5]],
            "vat_number": [party.vat_number],
            "national_id": [ids[0]] if self.zone in (Zone.GB, Zone.NI, Zone.CH, Zone.US) else [max(ids)],
            "email": [party.email],
            "iban": list(party.ibans),
            "payment_terms": [str(one or "") for one in terms],
            "code": codes,
        }
        values = found[name]
        return values if all(values) else []

    def _form(self, name: str, profile: Profile) -> Identifier | None:
        if name == "vat_number" and self.zone is Zone.NI:
            return Identifier.EU_VAT
        return FORMS.get((name, profile)) or FORMS.get((name, None))

    def _check_form(self, name: str, value: str, form: Identifier, severity: Severity) -> None:
        if name == "siren" and len(compact(value)) == 14:
            self.invalid.append(name)
            words = Words(
                "SIRET à la place du SIREN, à déplacer vers le deuxième identifiant professionnel",
                "has a SIRET for its SIREN: move it to the second professional id",
            )
            self._find("third-party-siren-misplaced", Severity.WARNING, words)
        elif wrong := fault(form, value):
            self.invalid.append(name)
            # A wrong number misleads where a missing one would only be useful.
            worse = min(severity, Severity.WARNING, key=list(Severity).index)
            end = compact(value)[-4:]
            shown = Words(f"finissant par {end}", f"ending in {end}") if name == "iban" else same(value)
            words = Words(
                f"{form.fr} {shown.fr} qui {wrong.fr}, à redemander",
                f"has the {form} {shown.en} which {wrong}: ask for it again",
            )
            self._find(f"third-party-{name}-invalid", worse, words)

    def compare(self) -> None:
        """Do its numbers agree with each other and with its country?"""
        party = self.third_party
        siren, siret = compact(party.professional_ids[0]), compact(party.professional_ids[1])
        if self.zone in (Zone.FR, Zone.DROM):
            # A SIRET in the place of the SIREN holds it.
            siren = siren[:9]
            if siren and siret and siret[:9] != siren:
                self.invalid.append("siret")
                words = Words(
                    f"SIREN {siren} et SIRET de {siret[:9]}, chercher lequel est juste",
                    f"has the SIREN {siren} and a SIRET of {siret[:9]}: find out which is right",
                )
                self._find("third-party-siret-siren", Severity.WARNING, words)
            of_vat, own = siren_of_vat_number(party.vat_number), siren or siret[:9]
            if of_vat and own and of_vat != own:
                self.invalid.append("vat_number")
                words = Words(
                    f"SIREN {own} et numéro de TVA de {of_vat}, chercher lequel est juste",
                    f"has the SIREN {own} and a VAT number of {of_vat}: find out which is right",
                )
                self._find("third-party-vat-siren", Severity.WARNING, words)
        prefix = vat_prefix(party.country, self.zone)
        if party.vat_number and not compact(party.vat_number).startswith(prefix):
            self.invalid.append("vat_number")
            words = Words(
                f"pays {party.country} et numéro de TVA {party.vat_number} qui ne commence pas par {prefix}, chercher où il est établi",
                f"is in {party.country} and its VAT number {party.vat_number} does not begin with {prefix}: find out where it is"
                " established",
            )
            self._find("third-party-vat-country", Severity.WARNING, words)

    def _find(self, check: str, severity: Severity, words: Words) -> None:
        party = self.third_party
        name = party.name or f"The third party with the id {party.id}"
        name_fr = party.name or f"Le tiers d'identifiant {party.id}"
        self.findings.append(
            Finding(check.replace("_", "-"), severity, name, f"{name} {words.en}.", f"{name_fr} : {words.fr}.")
        )
