# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applies rules to an invoice: which hold for it, how much they matter, and what their checks say."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks import CHECKS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.facts import ASKED_FOR, value
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.outcomes import needless, undetermined
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, Result, Status, Subject
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import Condition, Level, Rule
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rules import RULES
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.tables import e_invoicing_from

NOT_ISSUED = {
    "draft": Words("C'est un brouillon, pas encore une facture.", "It is a draft, which is no invoice yet."),
    "proforma": Words(
        "C'est une facture proforma, qui n'est pas une facture.", "It is a proforma, which is no invoice."
    ),
}


def audit_invoice(subject: Subject, rules: Iterable[Rule] = RULES) -> tuple[Result, ...]:
    """The result of every rule for one invoice, in the order of the rules."""
    return tuple(result_of(subject, rule) for rule in rules)


def result_of(subject: Subject, rule: Rule) -> Result:
    """The result of one rule; its severity is known even where it does not apply."""
    severity, is_guess = severity_of(subject, rule.levels)
    outcome, rests_on_guess = _outcome(subject, rule)
    if outcome.severity is not None:
        severity = outcome.severity
    if is_guess or rests_on_guess:
        severity = _at_most_warning(severity)
    return Result(
        rule.id,
        outcome.status,
        severity,
        outcome.message,
        outcome.message_fr,
        outcome.evidence,
        tuple(source.text for source in rule.sources if subject.day in source.valid),
    )


def severity_of(subject: Subject, levels: Iterable[Level]) -> tuple[Severity, bool]:
    """The severity of the first level that holds, and whether that is a guess; information where none does."""
    for level in levels:
        if subject.day not in level.valid:
            continue
        holds, is_guess = _hold(subject, level.conditions)
        if not holds:
            continue
        if not level.is_e_invoicing:
            return level.severity, is_guess
        earliest, latest = e_invoicing_from(subject.seller.size if subject.seller else None)
        if subject.day >= earliest:
            return level.severity, is_guess or subject.day < latest
    return Severity.INFO, False


def _outcome(subject: Subject, rule: Rule) -> tuple[Outcome, bool]:
    """What the check says, and whether it is a guess that the rule applies at all."""
    if subject.day not in rule.valid:
        return Outcome(Status.NOT_APPLICABLE), False
    for state in value("invoice.state", subject) or ():
        if state in NOT_ISSUED and not rule.drafts:
            return needless(NOT_ISSUED[state].en, NOT_ISSUED[state].fr), False
    holds, is_guess = _hold(subject, rule.conditions)
    if holds is False:
        return Outcome(Status.NOT_APPLICABLE), False
    if holds is None:
        unknown = [ASKED_FOR[one.fact] for one in rule.conditions if value(one.fact, subject) is None]
        return undetermined(
            f"It cannot be told: fill in {' and '.join(one.en for one in unknown)}.",
            f"Rien ne peut être établi : renseigner {' et '.join(one.fr for one in unknown)}.",
        ), False
    return CHECKS[rule.check](subject, rule), is_guess


def _hold(subject: Subject, conditions: Iterable[Condition]) -> tuple[bool | None, bool]:
    """Whether all conditions hold, None where that hangs on what is not known; and whether it is a guess."""
    is_unknown = is_guess = False
    for condition in conditions:
        found = value(condition.fact, subject)
        if found is None:
            is_unknown = True
        elif condition.guessed & found:
            is_guess = True
        elif bool(condition.values & found) is condition.is_negative:
            return False, False
    return (None if is_unknown else True), is_guess


def _at_most_warning(severity: Severity) -> Severity:
    return Severity.WARNING if severity is Severity.ERROR else severity
