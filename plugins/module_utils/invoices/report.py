# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an audit found, as the data of ``audit.json``; ``docs/audit.schema.json`` says what every field is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Finding, Severity, money
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.baseline import Baseline
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.charts import charts
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import (
    PdfText,
    Result,
    Status,
    Subject,
)
from ansible_collections.arcodange.erp.plugins.module_utils.version import COLLECTION_VERSION

SCHEMA_VERSION = 1
# Everything that is audited, in the order in which it is shown.
SECTIONS = ("invoices", "payments", "vat", "third_parties", "templates", "numbering")
SHOWN = ("seller", *SECTIONS)
ORDER = {str(severity): place for place, severity in enumerate(Severity)}
# What a section finds of an invoice that these rules say of it in other words, with the law and what was printed.
SAID_BY_RULES = {
    "vat-unclassified": frozenset(("buyer-vat-number", "vat-0-unexplained", "electronic-services-oss")),
    "vat-franchise-charged": frozenset(("vat-franchise",)),
}
# From bad to good. ``undetermined`` is none of the others: nothing wrong was found, and not everything could be looked at.
LEVELS = ("error", "warning", "undetermined", "pass")


@dataclass(frozen=True)
class Audited:
    """One invoice, what became of its PDF, and the result of every rule; the text of the PDF is not kept."""

    subject: Subject
    pdf: Mapping[str, Any]
    results: tuple[Result, ...]


@dataclass(frozen=True)
class Gathered:
    """Everything that a report is made of."""

    generated_at: str
    instance: Mapping[str, Any]
    scope: Mapping[str, Any]
    seller: Mapping[str, Any]
    titles: Mapping[str, Mapping[str, str]]  # of the rules, by language
    invoices: Sequence[Audited] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)  # of the other sections, as dolibarr_facts shows them
    findings: Mapping[str, Sequence[Finding]] = field(default_factory=dict)  # of the other sections
    baseline: Baseline = field(default_factory=Baseline)
    is_whole: bool = False  # nothing was left out, so that an entry of the baseline that accepts nothing is not needed


def build_report(gathered: Gathered) -> dict[str, Any]:
    """The report. A section that was not asked for is null, and its charts are empty."""
    audited = gathered.invoices or ()
    findings = all_findings(gathered)
    still_open = [finding for finding in findings if finding["accepted"] is None]
    of_invoices: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for finding in still_open:
        if finding["section"] == "invoices":
            of_invoices[finding["subject"]].append(finding)
    invoices = [invoice_facts(one, of_invoices[one.subject.invoice.ref]) for one in audited]
    undetermined = undetermined_facts(audited)
    level = worst(still_open, bool(undetermined))
    facts = gathered.facts
    problems = gathered.baseline.problems
    if gathered.is_whole:
        problems += gathered.baseline.unused({(finding["check"], finding["subject"]) for finding in findings})
    return {
        "schema_version": SCHEMA_VERSION,
        "generated_at": gathered.generated_at,
        "collection_version": COLLECTION_VERSION,
        "instance": dict(gathered.instance),
        "scope": dict(gathered.scope),
        "seller": dict(gathered.seller),
        "verdict": {"level": level, **sentences(findings, still_open, undetermined)},
        "counts": {
            "invoices": len(invoices),
            "verdicts": counted((one["verdict"] for one in invoices), LEVELS),
            "results": counted((result.status for one in audited for result in one.results), Status),
            "findings": counted((finding["severity"] for finding in findings), Severity),
            "open": counted((finding["severity"] for finding in still_open), Severity),
            "accepted": len(findings) - len(still_open),
        },
        "findings": findings,
        "checks": {check: dict(title) for check, title in sorted(gathered.titles.items())},
        "invoices": None if gathered.invoices is None else invoices,
        "payments": facts.get("payments"),
        "vat": facts.get("vat"),
        "third_parties": (facts.get("third_parties") or {}).get("audit"),
        "templates": (facts.get("templates") or {}).get("health"),
        "numbering": facts.get("numbering"),
        "charts": charts(facts, still_open),
        "undetermined": undetermined,
        "baseline": {
            "path": gathered.baseline.path,
            "accepted": len(findings) - len(still_open),
            "problems": [problem.to_facts() for problem in problems],
        },
    }


def all_findings(gathered: Gathered) -> list[dict[str, Any]]:
    """The failed rules of every invoice and the findings of the other sections, worst first.

    What is also found on an invoice is shown once, as it was found there, with the words and the law.
    """
    refs = {one.subject.invoice.ref for one in gathered.invoices or ()}
    found = [failed(one, result) for one in gathered.invoices or () for result in one.results if is_failed(result)]
    on_invoices = {(one["subject"], one[name]) for one in found for name in ("check", "message")}
    severities = {(one["subject"], one["check"]): ORDER[one["severity"]] for one in found}
    others = {
        (section, finding): {
            "section": section,
            **finding.to_facts(),
            "invoice": finding.subject if finding.subject in refs else None,
            "evidence": [],
            "sources": [],
        }
        for section, findings in gathered.findings.items()
        for finding in findings
        if on_invoices.isdisjoint({(finding.subject, finding.check), (finding.subject, finding.message)})
        # A rule that takes it less seriously does not speak for it.
        and not any(
            severities.get((finding.subject, rule), len(ORDER)) <= ORDER[finding.severity]
            for rule in SAID_BY_RULES.get(finding.check, ())
        )
    }
    found += others.values()
    for one in found:
        accepted = gathered.baseline.find(one["check"], one["subject"])
        one["accepted"] = accepted.to_facts() if accepted else None
    return sorted(found, key=rank)


def rank(finding: Mapping[str, Any]) -> tuple[Any, ...]:
    """Worst first, then by section, check and subject."""
    return (
        ORDER[finding["severity"]],
        SHOWN.index(finding["section"]),
        finding["check"],
        finding["subject"],
        finding["message"],
    )


def is_failed(result: Result) -> bool:
    return result.status is Status.FAIL


def failed(audited: Audited, result: Result) -> dict[str, Any]:
    """A rule that an invoice breaks, as a finding."""
    ref = audited.subject.invoice.ref
    facts = result.to_facts()
    return {
        "section": "invoices",
        "check": facts["rule"],
        "severity": facts["severity"],
        "subject": ref,
        "message": facts["message"],
        "message_fr": facts["message_fr"],
        "invoice": ref,
        "evidence": facts["evidence"],
        "sources": facts["sources"],
    }


def invoice_facts(audited: Audited, still_open: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One invoice with all its results; its verdict counts what was found on it and nobody accepted."""
    subject, invoice = audited.subject, audited.subject.invoice
    counts = counted((result.status for result in audited.results), Status)
    return {
        "id": invoice.id,
        "ref": invoice.ref,
        "type": invoice.type.name.lower(),
        "status": invoice.status.name.lower(),
        "customer_id": invoice.third_party_id,
        "customer": subject.customer.name if subject.customer else "",
        "kind": str(subject.kind),
        "zone": str(subject.zone),
        "issued": invoice.issued.isoformat() if invoice.issued else None,
        "due": invoice.due.isoformat() if invoice.due else None,
        "total_ht": money(invoice.total_ht),
        "total_tva": money(invoice.total_tva),
        "total_ttc": money(invoice.total_ttc),
        "currency": invoice.currency,
        "pdf": dict(audited.pdf),
        "verdict": worst(still_open, counts["undetermined"] > 0),
        "counts": counts,
        "results": [result.to_facts() for result in sorted(audited.results, key=lambda result: result.rule)],
    }


def pdf_facts(pdf: PdfText | None) -> dict[str, Any]:
    """Whether the PDF of an invoice is there and was read, and which one it is."""
    if pdf is None:
        return {"state": "missing", "reason": "", "reason_fr": "", "pages": 0, "size": 0, "sha256": ""}
    return {
        "state": "unreadable" if pdf.reason else "read",
        "reason": pdf.reason,
        "reason_fr": pdf.reason_fr,
        "pages": len(pdf.pages),
        "size": pdf.size,
        "sha256": pdf.sha256,
    }


def undetermined_facts(audited: Iterable[Audited]) -> list[dict[str, Any]]:
    """What could not be told and what to fill in: each sentence once, with the rules and invoices that it concerns."""
    rules: dict[str, set[str]] = {}
    french: dict[str, str] = {}
    refs: dict[str, dict[str, None]] = {}
    for one in audited:
        for result in one.results:
            if result.status is Status.UNDETERMINED:
                rules.setdefault(result.message, set()).add(result.rule)
                french[result.message] = result.message_fr
                refs.setdefault(result.message, {})[one.subject.invoice.ref] = None
    return [
        {
            "message": message,
            "message_fr": french[message],
            "rules": sorted(rules[message]),
            "invoices": sorted(refs[message]),
        }
        for message in sorted(rules, key=lambda message: (-len(refs[message]), message))
    ]


def worst(findings: Iterable[Mapping[str, Any]], is_undetermined: bool) -> str:
    """The level of a verdict; what is only information counts for nothing."""
    found = {finding["severity"] for finding in findings} | ({"undetermined"} if is_undetermined else set())
    return next((level for level in LEVELS if level in found), LEVELS[-1])


def counted(values: Iterable[str], names: Iterable[str]) -> dict[str, int]:
    """How often each of these names occurs, those that do not occur too."""
    counts = Counter(str(value) for value in values)
    return {str(name): counts[str(name)] for name in names}


def sentences(
    findings: Sequence[Mapping[str, Any]],
    still_open: Sequence[Mapping[str, Any]],
    undetermined: Sequence[Mapping[str, Any]],
) -> dict[str, str]:
    """The verdict in words."""
    severities = counted((finding["severity"] for finding in still_open), Severity)
    errors, warnings, remarks = severities["error"], severities["warning"], severities["info"]
    accepted = len(findings) - len(still_open)
    unknown = len(undetermined)
    english = [f"{several(errors, 'error')}, {several(warnings, 'warning')} and {several(remarks, 'remark')} open."]
    french = [f"{many(errors, 'erreur')}, {many(warnings, 'avertissement')} et {many(remarks, 'remarque')} à traiter."]
    if accepted:
        english.append(f"{several(accepted, 'finding')} accepted.")
        french.append(f"{many(accepted, 'constat')} accepté{'s' * (accepted > 1)}.")
    if unknown:
        english.append(f"{several(unknown, 'question')} undetermined.")
        french.append(f"{many(unknown, 'question')} sans réponse.")
    return {"en": " ".join(english), "fr": " ".join(french)}


def several(count: int, noun: str) -> str:
    """A count with its noun in English."""
    return f"{count} {noun}{'s' * (count != 1)}"


def many(count: int, noun: str) -> str:
    """A count with its noun in French, where zero is singular."""
    return f"{count} {noun}{'s' * (count > 1)}"
