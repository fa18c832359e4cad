# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rule is made of. Rules are data: a new rule, wording, date or severity is a new entry in a ``rules_`` module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Period, Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, Status, Subject
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.tables import (
    CGI_CITED_UNTIL,
    CIBS_FROM,
    cibs_article,
)

ALWAYS = Period()


class Verified(StrEnum):
    """Where a rule looks: in the fields of the API, in the text of the PDF, in both, or at the PDF's file."""

    API = "api"
    PDF = "pdf"
    BOTH = "both"
    FILE = "file"


@dataclass(frozen=True)
class Reference:
    """Where the law says so, and when it does."""

    text: str
    valid: Period = ALWAYS

    def to_facts(self) -> dict[str, Any]:
        since, until = self.valid.since, self.valid.until
        return {
            "text": self.text,
            "valid_from": since.isoformat() if since else None,
            "valid_to": until.isoformat() if until else None,
        }


def law(*texts: str, since: date | None = None, until: date | None = None) -> tuple[Reference, ...]:
    """References that are in force on the same days."""
    return tuple(Reference(text, Period(since, until)) for text in texts)


def cgi(*articles: str) -> tuple[Reference, ...]:
    """Articles of the CGI on VAT, each with the one of the CIBS that follows it where that is sure."""
    found = []
    for article in articles:
        # The CGI may still be cited for a while beside the CIBS.
        found.append(Reference(f"CGI art. {article}", Period(None, CGI_CITED_UNTIL)))
        if follower := cibs_article(article):
            found.append(Reference(f"CIBS art. {follower}", Period(CIBS_FROM, None)))
    return tuple(found)


@dataclass(frozen=True)
class Condition:
    """Holds when a fact of the invoice has one of these values; a negative one, when it has none of them.

    ``fact`` is a name of :data:`facts.FACTS`. With one of ``guessed`` it only seems to hold: what is found is then a
    warning at most.
    """

    fact: str
    values: frozenset[str]
    guessed: frozenset[str] = frozenset()
    is_negative: bool = False


def when(fact: str, *values: str) -> Condition:
    """The fact has one of these values."""
    return Condition(fact, frozenset(values))


def unless(fact: str, *values: str) -> Condition:
    """The fact is known and has none of these values."""
    return Condition(fact, frozenset(values), is_negative=True)


BUSINESS = Condition("customer.kind", frozenset(("business", "public")), frozenset(("unknown",)))
CONSUMER = when("customer.kind", "consumer")
CREDIT_NOTE = when("invoice.type", "credit_note")
NOT_CREDIT_NOTE = unless("invoice.type", "credit_note")
SMALL = when("invoice.is_small", "yes")


@dataclass(frozen=True)
class Level:
    """A severity, under conditions and from a day on.

    ``is_e_invoicing``: from the day when a seller of that size has to print the mentions of e-invoicing; while the size
    is unknown and only the largest have to, a warning at most.
    """

    severity: Severity
    conditions: tuple[Condition, ...] = ()
    valid: Period = ALWAYS
    is_e_invoicing: bool = False


ERROR = (Level(Severity.ERROR),)
WARNING = (Level(Severity.WARNING),)
INFO = (Level(Severity.INFO),)
# A consumer's invoice is one only if it was asked for: no fine for a mention that is missing (CGI 1737, II).
MENTION = (Level(Severity.WARNING, (CONSUMER,)), Level(Severity.ERROR))
# An error once e-invoicing obliges the seller, useful before.
E_INVOICING = (Level(Severity.ERROR, is_e_invoicing=True), Level(Severity.INFO))


@dataclass(frozen=True)
class Wording:
    """A way to write a mention, by the name of its pattern in :data:`patterns.PATTERNS`, and when it may be used."""

    pattern: str
    valid: Period = ALWAYS


def words(*patterns: str) -> tuple[Wording, ...]:
    """Wordings that may be used on any day."""
    return tuple(map(Wording, patterns))


@dataclass(frozen=True)
class Rule:
    """One thing that invoices are asked for.

    It applies from ``valid`` on where all ``conditions`` hold, with the severity of the first of ``levels`` that holds.
    ``check`` is a name of :data:`checks.CHECKS`; that of wordings, ``mention``, looks for those named here: a
    ``forbidden`` one fails, else an ``accepted`` one passes, else a ``tolerated`` one is a warning, else it is ``absence``,
    naming a ``wrong`` one that was printed instead. ``remedy`` ends the sentence that is said then.
    """

    id: str
    title: Words
    levels: tuple[Level, ...]
    sources: tuple[Reference, ...]
    verified: Verified
    check: str
    conditions: tuple[Condition, ...] = ()
    valid: Period = ALWAYS
    accepted: tuple[Wording, ...] = ()
    tolerated: tuple[Wording, ...] = ()
    forbidden: tuple[Wording, ...] = ()
    wrong: tuple[Wording, ...] = ()
    absence: Status = Status.FAIL
    remedy: Words = Words("", "")
    drafts: bool = False  # whether it also looks at what is no invoice yet
    any_language: bool = False  # whether nothing found counts on a paper that is neither in French nor in English

    def to_facts(self) -> dict[str, Any]:
        """What a report says of the rule itself."""
        return {
            "id": self.id,
            "title": {"fr": self.title.fr, "en": self.title.en},
            "verified": str(self.verified),
            "sources": [source.to_facts() for source in self.sources],
        }


Check = Callable[[Subject, Rule], Outcome]
