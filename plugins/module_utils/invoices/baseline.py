# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The findings that somebody accepted: who, why and until when, so that only others alarm."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words, french_date
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

FIELDS = ("check", "subject", "who", "why", "until")
EXAMPLE = "{check: escompte, subject: FA2501-0001, who: A. Martin, why: agreed in writing, until: 2027-06-30}"


@dataclass(frozen=True)
class Accepted:
    """One entry. ``subject`` is that of the finding, or a shell pattern such as ``FA25*``."""

    place: int  # in the file, from 1
    check: str
    subject: str
    who: str
    why: str
    until: date  # the last day on which it counts

    def covers(self, check: str, subject: str) -> bool:
        return self.check == check and (self.subject == subject or fnmatchcase(subject, self.subject))

    @property
    def name(self) -> str:
        return f"Entry {self.place} of the baseline ({self.check}, {self.subject})"

    @property
    def name_fr(self) -> str:
        return f"L'entrée {self.place} des constats acceptés ({self.check}, {self.subject})"

    def to_facts(self) -> dict[str, Any]:
        return {"who": self.who, "why": self.why, "until": self.until.isoformat()}


@dataclass(frozen=True)
class Problem:
    """An entry that accepts nothing, in one sentence of each language."""

    kind: str  # invalid, expired or unused
    check: str
    subject: str
    message: str
    message_fr: str

    def to_facts(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "check": self.check,
            "subject": self.subject,
            "message": self.message,
            "message_fr": self.message_fr,
        }


@dataclass(frozen=True)
class Baseline:
    """The entries that count today, and what is wrong with the others."""

    path: str = ""
    entries: tuple[Accepted, ...] = ()
    problems: tuple[Problem, ...] = ()

    def find(self, check: str, subject: str) -> Accepted | None:
        """The first entry that accepts a finding."""
        return next((entry for entry in self.entries if entry.covers(check, subject)), None)

    def unused(self, findings: Collection[tuple[str, str]]) -> tuple[Problem, ...]:
        """The entries that accept none of these findings, each a check and a subject: what they accepted is mended."""
        return tuple(
            Problem(
                "unused",
                entry.check,
                entry.subject,
                f"{entry.name} accepts nothing any more: take it out.",
                f"{entry.name_fr} n'accepte plus rien : la retirer.",
            )
            for entry in self.entries
            if not any(entry.covers(check, subject) for check, subject in findings)
        )


def read_baseline(path: str, today: date) -> Baseline:
    """A baseline as a person wrote it, in YAML or JSON: a list of entries, or nothing at all.

    A file that is no list is an error. An entry that is not whole, or out of date, accepts nothing and is a problem.
    """
    try:
        with open(path, encoding="utf-8") as file:
            content = parsed(file.read(), path)
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ErpError(f"The baseline {path} cannot be read ({said}): give the path of one.", path=path) from error
    if content is None:
        content = []
    if not isinstance(content, list):
        raise ErpError(f"The baseline {path} is no list: write one entry a line, such as - {EXAMPLE}.", path=path)
    return checked(path, content, today)


def parsed(text: str, path: str) -> Any:
    """JSON wherever the modules run, YAML where PyYAML is installed."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        import yaml
    except ImportError as error:
        raise ErpError(
            f"The baseline {path} is no JSON, and YAML needs PyYAML here: install PyYAML, or write it as JSON.",
            path=path,
        ) from error
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else f" ({error})"
        raise ErpError(f"The baseline {path} is no YAML{where}: correct it.", path=path) from error


def checked(path: str, content: Sequence[Any], today: date) -> Baseline:
    """Each entry among those that count, or among the problems."""
    entries: list[Accepted] = []
    problems: list[Problem] = []
    for place, said in enumerate(content, 1):
        entry = read_entry(place, said)
        if isinstance(entry, Problem):
            problems.append(entry)
        elif entry.until < today:
            message = (
                f"{entry.name} counted until {entry.until} and no longer does: settle it, or accept it anew with another"
                " until."
            )
            french = (
                f"{entry.name_fr} valait jusqu'au {french_date(entry.until)} et ne vaut plus : régler ce qu'elle acceptait, ou"
                " l'accepter de nouveau avec un autre until."
            )
            problems.append(Problem("expired", entry.check, entry.subject, message, french))
        else:
            entries.append(entry)
    return Baseline(path, tuple(entries), tuple(problems))


def read_entry(place: int, said: Any) -> Accepted | Problem:
    """One entry, or what is wrong with it."""
    if not isinstance(said, Mapping):
        return Problem(
            "invalid",
            "",
            "",
            f"Entry {place} of the baseline is no mapping: write it as {EXAMPLE}.",
            f"L'entrée {place} des constats acceptés n'est pas un dictionnaire : l'écrire sous la forme {EXAMPLE}.",
        )
    words = {name: "" if said.get(name) is None else str(said[name]).strip() for name in FIELDS}
    wrong = fault(said, words)
    if wrong:
        return Problem(
            "invalid",
            words["check"],
            words["subject"],
            f"Entry {place} of the baseline {wrong.en}.",
            f"L'entrée {place} des constats acceptés {wrong.fr}.",
        )
    return Accepted(
        place=place,
        check=words["check"],
        subject=words["subject"],
        who=words["who"],
        why=words["why"],
        until=date.fromisoformat(words["until"]),
    )


def fault(said: Mapping[Any, Any], words: Mapping[str, str]) -> Words | None:
    """What is wrong with an entry, without its subject; None when nothing is."""
    unknown = sorted(str(name) for name in said if name not in FIELDS)
    if unknown:
        return Words(
            f"contient '{unknown[0]}', qui n'est pas connu : les champs sont {', '.join(FIELDS)}",
            f"has '{unknown[0]}', which is not known: it takes {', '.join(FIELDS)}",
        )
    missing = [name for name in FIELDS if not words[name]]
    if missing:
        return Words(
            f"n'a pas {' ni '.join(missing)} : l'écrire sous la forme {EXAMPLE}",
            f"lacks {' and '.join(missing)}: write it as {EXAMPLE}",
        )
    try:
        date.fromisoformat(words["until"])
    except ValueError:
        return Words(
            f"a pour until '{words['until']}', qui n'est pas une date : l'écrire sous la forme « 2027-06-30 »",
            f"has until '{words['until']}', which is no day: write it as 2027-06-30",
        )
    return None
