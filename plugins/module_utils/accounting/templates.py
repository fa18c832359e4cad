# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the recurring invoices will be made, and made right."""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import count, takewhile
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Finding, Severity, money
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.template_contents import content_findings
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import french_count, french_date
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    Invoice,
    InvoiceType,
    Template,
    ThirdParty,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

UNITS = {"d": "day", "w": "week", "m": "month", "y": "year"}


class TemplateState(StrEnum):
    """What a template does by itself."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    FINISHED = "finished"  # it has made as many invoices as it was to make
    MANUAL = "manual"  # it never recurs


@dataclass(frozen=True)
class TemplateHealth:
    """One template, the invoices that were made from it, and what is wrong."""

    template: Template
    third_party: str
    state: TemplateState
    children: tuple[Invoice, ...]  # by id
    missed: int  # occurrences before today that made no invoice
    findings: tuple[Finding, ...]

    @property
    def drafts(self) -> int:
        return sum(child.is_draft for child in self.children)

    def to_facts(self) -> dict[str, Any]:
        template = self.template
        return {
            "id": template.id,
            "title": template.title,
            "third_party_id": template.third_party_id,
            "third_party": self.third_party,
            "state": str(self.state),
            "frequency": template.frequency,
            "unit": UNITS.get(template.unit, template.unit),
            "next_date": None if template.next_date is None else template.next_date.isoformat(),
            "last_generated": None if template.last_generated is None else template.last_generated.isoformat(),
            "generated": template.generated,
            "maximum": template.maximum,
            "children": [child.ref for child in self.children],
            "drafts": self.drafts,
            "missed": self.missed,
            "auto_validate": template.auto_validate,
            "generate_pdf": template.generate_pdf,
            "total_ht": money(template.total_ht),
            "total_ttc": money(template.total_ttc),
            "payment_terms": template.payment_terms,
            "payment_mode": template.payment_mode,
            "findings": [finding.to_facts() for finding in self.findings],
        }


def template_health(
    templates: Iterable[Template],
    invoices: Sequence[Invoice],
    third_parties: Mapping[int, ThirdParty],
    today: date,
    audits: Mapping[int, Sequence[Finding]],
) -> tuple[TemplateHealth, ...]:
    """The health of each template, sorted by id.

    All customers' invoices are needed, drafts included, to count what each template made. ``audits`` are the findings
    on third parties by id: a template repeats the gravest severity of its customer's errors and warnings. What is
    written in a template is not judged once it has finished.
    """
    children = defaultdict(list)
    of_customer = defaultdict(list)
    for invoice in sorted(invoices, key=lambda invoice: invoice.id):
        if invoice.template_id is not None:
            children[invoice.template_id].append(invoice)
        of_customer[invoice.third_party_id].append(invoice)
    return tuple(
        _health(template, tuple(children[template.id]), of_customer, third_parties, today, audits)
        for template in sorted(templates, key=lambda template: template.id)
    )


def occurrence(template: Template, number: int) -> date:
    """The date of an occurrence: zero is the next one; a day that a month lacks is its last day."""
    if template.next_date is None or template.unit not in UNITS or template.frequency <= 0:
        raise ErpError(
            f"Template {template.title!r} has the frequency {template.frequency} {template.unit!r}, which is not known: "
            "look at it in Dolibarr.",
        )
    steps = template.frequency * number
    if template.unit in ("d", "w"):
        return template.next_date + timedelta(days=steps if template.unit == "d" else 7 * steps)
    months = template.next_date.month - 1 + steps * (12 if template.unit == "y" else 1)
    year, month = template.next_date.year + months // 12, months % 12 + 1
    return date(year, month, min(template.next_date.day, calendar.monthrange(year, month)[1]))


def _health(
    template: Template,
    children: tuple[Invoice, ...],
    of_customer: Mapping[int, Sequence[Invoice]],
    third_parties: Mapping[int, ThirdParty],
    today: date,
    audits: Mapping[int, Sequence[Finding]],
) -> TemplateHealth:
    state = _state_of(template)
    missed: list[date] = []
    if state is TemplateState.ACTIVE and template.next_date is not None:
        missed = list(takewhile(lambda day: day < today, (occurrence(template, number) for number in count())))
    third_party = third_parties.get(template.third_party_id or 0)
    findings = [*_of_state(template, state, missed), *_of_children(template, state, children)]
    if missed:
        since = [
            invoice
            for invoice in of_customer.get(template.third_party_id or 0, ())
            if invoice.issued is not None
            and invoice.issued >= missed[0]
            and not invoice.is_draft
            and invoice.type in (InvoiceType.STANDARD, InvoiceType.SITUATION)
        ]
        findings += _of_missed(template, missed, since)
    if state is not TemplateState.FINISHED:
        findings += content_findings(template, today)
        findings += _of_third_party(template, audits.get(template.third_party_id or 0, ()))
    return TemplateHealth(
        template=template,
        third_party="" if third_party is None else third_party.name,
        state=state,
        children=children,
        missed=len(missed),
        findings=tuple(sorted(findings, key=lambda finding: (finding.check, finding.message))),
    )


def _state_of(template: Template) -> TemplateState:
    if template.frequency == 0:
        return TemplateState.MANUAL
    if template.is_suspended:
        return TemplateState.SUSPENDED
    if template.maximum and template.generated >= template.maximum:
        return TemplateState.FINISHED
    return TemplateState.ACTIVE


def _of_state(template: Template, state: TemplateState, missed: Sequence[date]) -> Iterator[Finding]:
    title = template.title
    if state is TemplateState.MANUAL:
        yield Finding(
            "template-manual",
            Severity.WARNING,
            title,
            f"{title} has no frequency and makes no invoice by itself: set one, or make its invoices by hand.",
            f"{title} n'a pas de fréquence et ne génère aucune facture de lui-même : en fixer "
            "une, ou établir ses factures à la main.",
        )
    if state is TemplateState.SUSPENDED:
        yield Finding(
            "template-suspended",
            Severity.INFO,
            title,
            f"{title} is suspended and makes no invoice.",
            f"{title} est suspendu et ne génère aucune facture.",
        )
    if state is TemplateState.FINISHED:
        yield Finding(
            "template-finished",
            Severity.WARNING,
            title,
            f"{title} has made its {invoice_count(template.maximum)}, and makes no more: raise the number if the contract "
            "goes on.",
            f"{title} a généré {french_count(template.maximum, 'facture')}, son maximum, et n'en "
            "génère plus : augmenter ce nombre si le contrat continue.",
        )
    if state is not TemplateState.ACTIVE:
        return
    if template.next_date is None:
        yield Finding(
            "template-undated",
            Severity.WARNING,
            title,
            f"{title} recurs and has no next date, so that it makes no invoice: enter the date.",
            f"{title} est récurrent mais n'a pas de prochaine date et ne génère aucune facture : saisir la date.",
        )
    elif missed:
        # The job runs once a day or less: one that is due since less than a period may just not have run.
        is_late = len(missed) > 1
        yield Finding(
            "template-overdue",
            Severity.ERROR if is_late else Severity.INFO,
            title,
            f"{title} was to make its next invoice on {template.next_date} and has not"
            + (f", nor the {len(missed) - 1} after it" if is_late else "")
            + ": look whether Dolibarr's scheduled jobs run.",
            f"{title} devait générer sa prochaine facture le {french_date(template.next_date)} et ne l'a pas fait"
            + (f", ni {french_count(len(missed) - 1, 'autre')} ensuite" if is_late else "")
            + " : vérifier que les tâches planifiées de Dolibarr s'exécutent.",
        )


def _of_children(template: Template, state: TemplateState, children: Sequence[Invoice]) -> Iterator[Finding]:
    title = template.title
    if template.generated != len(children):
        yield Finding(
            "template-counter",
            Severity.WARNING,
            title,
            f"{title} says that it made {invoice_count(template.generated)} and {len(children)} can be found: look for "
            "some that were deleted, or made from it by hand.",
            f"{title} indique "
            f"{french_count(template.generated, 'facture générée', 'factures générées')} et "
            f"{len(children)} se retrouvent : chercher celles qui ont été supprimées, ou créées à "
            "la main à partir de lui.",
        )
    drafts = [child.ref for child in children if child.is_draft]
    if drafts:
        yield Finding(
            "template-drafts",
            Severity.WARNING if len(drafts) > 1 else Severity.INFO,
            title,
            f"{', '.join(drafts)} of {title} {'are drafts' if len(drafts) > 1 else 'is a draft'}, so no invoice: "
            "validate or delete.",
            f"{', '.join(drafts)} de {title} : {'brouillons' if len(drafts) > 1 else 'brouillon'}, donc pas de facture,"
            " à valider ou à supprimer.",
        )
    elif not template.auto_validate and state in (TemplateState.ACTIVE, TemplateState.SUSPENDED):
        yield Finding(
            "template-drafts",
            Severity.INFO,
            title,
            f"{title} makes drafts, which are no invoices until somebody validates them.",
            f"{title} génère des brouillons, qui ne sont pas des factures tant que personne ne les valide.",
        )


def invoice_count(number: int) -> str:
    """Such as ``1 invoice``."""
    return f"{number} invoice{'' if number == 1 else 's'}"


def _of_missed(template: Template, missed: Sequence[date], found: Sequence[Invoice]) -> Iterator[Finding]:
    if len(found) < len(missed):
        yield Finding(
            "template-missed",
            Severity.WARNING,
            template.title,
            f"{template.title} was to make {invoice_count(len(missed))} since {missed[0]} and its customer got "
            f"{len(found)}: invoice what is missing.",
            f"{template.title} devait générer {french_count(len(missed), 'facture')} depuis le "
            f"{french_date(missed[0])} et son client en a reçu {len(found)} : facturer ce qui "
            "manque.",
        )


def _of_third_party(template: Template, audit: Sequence[Finding]) -> Iterator[Finding]:
    title = template.title
    if template.third_party_id is None:
        yield Finding(
            "template-third-party",
            Severity.ERROR,
            title,
            f"{title} has no customer and makes no invoice: choose one.",
            f"{title} n'a pas de client et ne génère aucune facture : en choisir un.",
        )
    amiss = [finding for finding in audit if finding.severity is not Severity.INFO]
    if amiss:
        yield Finding(
            "template-third-party",
            min((finding.severity for finding in amiss), key=list(Severity).index),
            title,
            f"The customer of {title} needs correction ({', '.join(sorted({finding.check for finding in amiss}))}), or its "
            "invoices will lack what is missing there.",
            f"Le client de {title} est à corriger "
            f"({', '.join(sorted({finding.check for finding in amiss}))}), sinon ses factures "
            "n'auront pas ce qui y manque.",
        )
