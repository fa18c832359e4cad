# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of rules that ask for a wording, or forbid one."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.outcomes import foreign_language, undetermined
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
        return _fail(
            rule,
            Words(f"« {found.words} » ne doit pas être imprimé", f"« {found.words} » should not be printed"),
            found,
        )
    if found := first(subject, rule.accepted):
        return Outcome(Status.PASS, evidence=(found.evidence,))
    if found := first(subject, rule.tolerated):
        return _fail(
            rule,
            Words(
                f"« {found.words} » n'est pas la formule demandée", f"« {found.words} » is not the wording asked for"
            ),
            found,
            Severity.WARNING,
        )
    if not rule.accepted:
        return Outcome(Status.PASS)
    if found := first(subject, rule.wrong):
        return _fail(
            rule,
            Words(
                f"« {found.words} » n'est pas la mention qui convient", f"« {found.words} » is not the mention for it"
            ),
            found,
        )
    if not rule.any_language and not is_understood(subject.paper):
        return foreign_language(rule.title)
    if rule.absence is Status.NOT_APPLICABLE:
        return Outcome(rule.absence)
    return Outcome(rule.absence, *_sentence(rule, Words("rien n'a été trouvé", "nothing was found")))


def no_paper(subject: Subject) -> Outcome:
    """Nothing can be said of what is printed."""
    if subject.pdf is None:
        return undetermined(
            "There is no PDF of it: make one in Dolibarr.", "Il n'y a pas de PDF : le générer dans Dolibarr."
        )
    return undetermined(f"Its PDF {subject.pdf.reason}.", f"Son PDF {subject.pdf.reason_fr}.")


def first(subject: Subject, wordings: Iterable[Wording]) -> Found | None:
    """The first of these wordings that is on the paper and may be used on the day of the invoice."""
    if subject.paper is None:
        return None
    for wording in wordings:
        if subject.day in wording.valid and (found := subject.paper.find(PATTERNS[wording.pattern])):
            return found
    return None


def _fail(rule: Rule, what: Words, found: Found, severity: Severity | None = None) -> Outcome:
    return Outcome(Status.FAIL, *_sentence(rule, what), (found.evidence,), severity)


def _sentence(rule: Rule, what: Words) -> tuple[str, str]:
    """What was found of a mention and what to do, in English and in French."""
    return f"{rule.title.en}: {what.en}; {rule.remedy.en}.", f"{rule.title.fr} : {what.fr} ; {rule.remedy.fr}."
