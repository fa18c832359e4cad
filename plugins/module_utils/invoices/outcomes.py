# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outcomes of checks, each in one word; what they say is one sentence in English and the same one in French."""

from __future__ import annotations

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, Status
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import Evidence, Found


def passed(*evidence: Evidence | Found | None) -> Outcome:
    """It is as it should be, by what was found."""
    return Outcome(Status.PASS, evidence=_shown(evidence))


def failed(
    message: str, message_fr: str, *evidence: Evidence | Found | None, severity: Severity | None = None
) -> Outcome:
    """It is not as it should be; ``severity`` where this matters more or less than the rule says."""
    return Outcome(Status.FAIL, message, message_fr, _shown(evidence), severity)


def undetermined(message: str, message_fr: str, *evidence: Evidence | Found | None) -> Outcome:
    """It cannot be told, and why."""
    return Outcome(Status.UNDETERMINED, message, message_fr, _shown(evidence))


def needless(message: str = "", message_fr: str = "") -> Outcome:
    """The rule does not apply."""
    return Outcome(Status.NOT_APPLICABLE, message, message_fr)


def unknown_seller(field: str) -> Outcome:
    """A field of the seller is needed and not known."""
    return undetermined(*ask_for(field))


def ask_for(field: str) -> tuple[str, str]:
    """What to say in both languages where a field of the seller is not known."""
    return (
        f"The seller's {field} is not known: fill in seller.{field}.",
        f"Le champ {field} du vendeur n'est pas connu : renseigner seller.{field}.",
    )


def foreign_language(what: Words) -> Outcome:
    """A wording was not found on a paper in a language that is not read here."""
    return undetermined(
        f"{what.en}: it is neither in French nor in English, so read it yourself.",
        f"{what.fr} : la pièce n'est ni en français ni en anglais, à lire soi-même.",
    )


def _shown(evidence: tuple[Evidence | Found | None, ...]) -> tuple[Evidence, ...]:
    return tuple(one.evidence if isinstance(one, Found) else one for one in evidence if one is not None)
