# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a sentence and its French one say the same, asked of everything that tests make a check say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Finding
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.baseline import Problem
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome

QUOTED = re.compile(r"«[^»]*»|\{[^}]*\}")
# Words that every English sentence has one of and no French one does, the words of Dolibarr and laws apart.
ENGLISH = re.compile(r"(?i)\b(?:the|its|which|print|correct it|enter|has|is not|was)\b")
WRITTEN_IN_ENGLISH = re.compile(r"(?<![\w./-])\d+\.\d{2}(?![\w.])|\b\d{4}-\d\d-\d\d\b")


def tokens(sentence: str) -> set[str | Decimal]:
    """The figures, references and days of a sentence in either language, in one form."""
    text = sentence.replace("\u2212", "-")
    text = re.sub(r"\b(\d\d)/(\d\d)/(\d{4})\b", r"\3-\2-\1", text)
    text = re.sub(r"\b(\d\d)/(\d{4})\b", r"\2-\1", text)
    text = re.sub(r"(?<=\d)\u202f(?=\d{3})", "", text)
    text = re.sub(r"(?<=\d),(?=\d)", ".", text)
    return {number(one.strip(".'/")) for one in re.findall(r"[^\s«»,;:()'\u00a0%€]*\d[^\s«»,;:()\u00a0%€]*", text)}


def number(token: str) -> str | Decimal:
    try:
        return Decimal(token)
    except InvalidOperation:
        return token


def require_french(english: str, french: str) -> None:
    """Both are sentences, they differ, and the French one has the same figures as France writes them."""
    assert bool(english) == bool(french), (english, french)
    if not english:
        return
    assert french != english, english
    assert english.endswith(".") and french.endswith("."), (english, french)
    assert tokens(english) == tokens(french), (english, french)
    bare = QUOTED.sub("x", french)
    assert not ENGLISH.search(bare), french
    assert not WRITTEN_IN_ENGLISH.search(bare), french
    assert re.sub(r"[:;]\s*[.;:]|\s[.,]", "", bare) == bare, french


def watched(made: type[Any]) -> Callable[..., None]:
    """The constructor of something that is said, which asks for its French."""
    build = made.__init__

    def init(self: Any, *arguments: Any, **named: Any) -> None:
        build(self, *arguments, **named)
        require_french(self.message, self.message_fr)

    return init


@pytest.fixture(scope="session", autouse=True)
def everything_is_said_in_french() -> Iterator[None]:
    """Whatever a check says in a test of this directory is said in French too."""
    with pytest.MonkeyPatch.context() as patch:
        for made in (Finding, Outcome, Problem):
            patch.setattr(made, "__init__", watched(made))
        yield
