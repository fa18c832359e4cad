# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a PDF, normalised once, with the page and the words that were found.

TCPDF and other makers write one sentence in many ways: accents, ligatures, curly quotes, narrow spaces (which its core
font turns into a question mark) and line feeds anywhere. Everything is looked for in :attr:`Paper.text`.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate

APOSTROPHES = dict.fromkeys(map(ord, "\u2019\u2018\u02bc\u2032`\u00b4"), "'")
DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")
INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"), None)
SIGNS = {**APOSTROPHES, **DASHES, **INVISIBLE}
LIGATURES = {"œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae"}
# What a core font writes for the narrow no-break space, U+202F.
LOST_SPACE = re.compile(r"(?<=\d)\?(?=[%€\d])")
# How much is shown on either side of the words found.
AROUND = 40


def readable(text: str) -> str:
    """The text on one line with plain quotes, dashes and spaces; still with its capitals and accents."""
    # Signs first: NFKC would turn an acute accent that stands for an apostrophe into a space.
    signs = unicodedata.normalize("NFKC", text.translate(SIGNS)).translate(SIGNS)
    letters = "".join(sign for sign in LOST_SPACE.sub(" ", signs) if unicodedata.category(sign) != "Mn")
    return re.sub(r"\s+", " ", letters).strip()


def flat(text: str) -> str:
    """The text as it is compared: see :func:`readable`, in lower case and without accents."""
    return "".join(map(_folded, readable(text)))


@lru_cache(maxsize=4096)
def _folded(sign: str) -> str:
    letters = LIGATURES.get(sign) or unicodedata.normalize("NFD", sign)
    return "".join(letter for letter in letters if unicodedata.category(letter) != "Mn").casefold()


@dataclass(frozen=True)
class Evidence:
    """The words found on either side of which ``AROUND`` more are shown; ``page`` from 1, None for a field of the API."""

    text: str
    page: int | None = None

    def to_facts(self) -> dict[str, str | int | None]:
        return {"text": self.text, "page": self.page}


@dataclass(frozen=True)
class Found:
    """A place of a paper where a pattern was found; groups as of :class:`re.Match`."""

    paper: Paper
    match: re.Match[str]

    def __getitem__(self, group: int) -> str:
        return self.match[group] or ""

    @property
    def start(self) -> int:
        return self.match.start()

    @property
    def end(self) -> int:
        return self.match.end()

    @property
    def words(self) -> str:
        """What was found, as it stands on the page."""
        return self.paper.shown_between(self.start, self.end, 0)

    @property
    def evidence(self) -> Evidence:
        """What was found with the words around it."""
        return Evidence(self.paper.shown_between(self.start, self.end, AROUND), self.paper.page_of(self.start))


@dataclass(frozen=True)
class Paper:
    """The pages of a document as one text."""

    pages: tuple[str, ...]  # as they were read

    @cached_property
    def shown(self) -> tuple[str, ...]:
        """Each page for a person."""
        return tuple(readable(page) for page in self.pages)

    @cached_property
    def text(self) -> str:
        """All pages as :func:`flat` makes them, with a space between two."""
        return " ".join(self._flat_pages)

    @cached_property
    def _flat_pages(self) -> tuple[str, ...]:
        return tuple("".join(map(_folded, page)) for page in self.shown)

    @cached_property
    def _starts(self) -> Sequence[int]:
        """Where each page begins in the text."""
        return list(accumulate((len(page) + 1 for page in self._flat_pages[:-1]), initial=0))

    def find(self, pattern: re.Pattern[str], start: int = 0, end: int | None = None) -> Found | None:
        """The first place of a pattern, looked for between two places of the text."""
        match = pattern.search(self.text, start, len(self.text) if end is None else end)
        return Found(self, match) if match else None

    def find_all(self, pattern: re.Pattern[str]) -> Iterator[Found]:
        """Every place of a pattern, in order."""
        return (Found(self, match) for match in pattern.finditer(self.text))

    def page_of(self, place: int) -> int:
        """The page of a place of the text, from 1."""
        return bisect_right(self._starts, place)

    def shown_between(self, start: int, end: int, around: int) -> str:
        """The words between two places of the text and some around them, as they stand on the page of the first."""
        page = self.page_of(start)
        shown, compared = self.shown[page - 1], self._flat_pages[page - 1]
        first, last = start - self._starts[page - 1], min(end - self._starts[page - 1], len(compared))
        if len(shown) != len(compared):
            # A letter that became two, such as œ, moves what follows it.
            places = [place for place, sign in enumerate(shown) for _letter in _folded(sign)] + [len(shown)]
            first, last = places[first], places[last]
        return shown[max(first - around, 0) : last + around]
