# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of rules that ask for a wording, or forbid one."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Severity
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.outcomes import foreign_language
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.patterns import PATTERNS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, Status, Subject
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import Rule, Wording
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import Found
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.wording import is_understood


def mention(subject: Subject, rule: Rule) -> Outcome:
    """Look on paper for the wordings of a rule; see :class:`rule.Rule`."""
    if subject.paper is None:
        return no_paper(subject)
    if found := first(subject, rule.forbidden):
        return _fail(rule, f"« {found.words} » should not be printed", found)
    if found := first(subject, rule.accepted):
        return Outcome(Status.PASS, evidence=(found.evidence,))
    if found := first(subject, rule.tolerated):
        return _fail(rule, f"« {found.words} » is not the wording asked for", found, Severity.WARNING)
    if not rule.accepted:
        return Outcome(Status.PASS)
    if found := first(subject, rule.wrong):
        return _fail(rule, f"« {found.words} » is not the mention for it", found)
    if not rule.any_language and not is_understood(subject.paper):
        return foreign_language(rule.title.en)
    message = f"{rule.title.en}: nothing was found; {rule.remedy}."
    return Outcome(rule.absence, "" if rule.absence is Status.NOT_APPLICABLE else message)


def no_paper(subject: Subject) -> Outcome:
    """Nothing can be said of what is printed."""
    if subject.pdf is None:
        return Outcome(Status.UNDETERMINED, "There is no PDF of it: make one in Dolibarr.")
    return Outcome(Status.UNDETERMINED, f"Its PDF {subject.pdf.reason}.")


def first(subject: Subject, wordings: Iterable[Wording]) -> Found | None:
    """The first of these wordings that is on the paper and may be used on the day of the invoice."""
    if subject.paper is None:
        return None
    for wording in wordings:
        if subject.day in wording.valid and (found := subject.paper.find(PATTERNS[wording.pattern])):
            return found
    return None


def _fail(rule: Rule, what: str, found: Found, severity: Severity | None = None) -> Outcome:
    return Outcome(Status.FAIL, f"{rule.title.en}: {what}; {rule.remedy}.", (found.evidence,), severity)
