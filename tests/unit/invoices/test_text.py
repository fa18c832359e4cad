# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a PDF: normalised once, with the page and the words that were found."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import AROUND, Evidence, Paper, flat, readable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("frais de\nrecouvrement", "frais de recouvrement"),
        ("Pénalités\u00a0: 12,40\u202f%", "penalites : 12,40 %"),
        # A core font has no U+202F.
        ("12,40?% et 1?234,50?€", "12,40 % et 1 234,50 €"),
        ("Vraiment ?", "vraiment ?"),
        (
            "l\u2019escompte, l\u2018avoir, d´accord, d`accord, d′accord",
            "l'escompte, l'avoir, d'accord, d'accord, d'accord",
        ),
        ("A–B—C−D‐E", "a-b-c-d-e"),
        ("ﬁn de bénéﬁce", "fin de benefice"),
        ("Œuvre, cœur, ex æquo", "oeuvre, coeur, ex aequo"),
        ("ÉVRY-COURCOURONNES", "evry-courcouronnes"),
        ("e\u0301te\u0301", "ete"),
        ("hy\u00adphen, zero\u200bwidth, \ufeffmark", "hyphen, zerowidth, mark"),
        ("Straße", "strasse"),
        ("  \t\n ", ""),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ],
)
def test_writing_does_not_matter(text: str, expected: str) -> None:
    assert flat(text) == expected


def test_what_is_shown_keeps_capitals_and_accents() -> None:
    assert readable("Pénalités de\nretard :\u202f12,40?%") == "Pénalités de retard : 12,40 %"


@settings(max_examples=200)
@given(st.text())
def test_normalising_again_changes_nothing_and_leaves_no_accent(text: str) -> None:
    once = flat(text)
    assert flat(once) == once or flat(flat(once)) == flat(once)
    assert not any(unicodedata.category(sign) == "Mn" for sign in readable(text))
    assert not re.search(r"\s\s|^\s|\s$", readable(text))


PAPER = Paper(
    (
        "Œuvres du cœur : pénalités de retard au taux de 12,40?%,\nfrais de recouvrement : 40 €, sans escompte aucun, merci "
        "de votre confiance et à bientôt.",
        "Deuxième page : Capital de 5 000 €",
    )
)


def test_the_page_of_what_was_found_is_known() -> None:
    found = PAPER.find(re.compile(r"capital de (\d[\d ]*)"))
    assert found is not None
    assert (found[1].strip(), found.evidence) == ("5 000", Evidence("Deuxième page : Capital de 5 000 €", 2))


def test_evidence_shows_forty_signs_around_as_they_stand_on_the_page() -> None:
    found = PAPER.find(re.compile("recouvrement"))
    assert found is not None
    # Two letters became four before it: the words must not be shifted.
    assert found.words == "recouvrement"
    assert found.evidence == Evidence(
        " de retard au taux de 12,40 %, frais de recouvrement : 40 €, sans escompte aucun, merci de v", 1
    )
    before, after = found.evidence.text.split("recouvrement")
    assert (len(before), len(after)) == (AROUND, AROUND)


def test_a_sentence_may_go_on_over_the_page() -> None:
    paper = Paper(("Pas d'escompte pour", "paiement anticipé"))
    found = paper.find(re.compile("escompte pour paiement anticipe"))
    assert found is not None
    assert found.evidence == Evidence("Pas d'escompte pour", 1)


def test_an_empty_page_between_two_is_counted() -> None:
    paper = Paper(("un", "", "trois"))
    found = paper.find(re.compile("trois"))
    assert found is not None
    assert found.evidence == Evidence("trois", 3)


def test_a_part_of_the_text_can_be_looked_at() -> None:
    word = re.compile("de")
    first = PAPER.find(word)
    assert first is not None
    second = PAPER.find(word, first.end)
    assert second is not None and second.start > first.start
    assert PAPER.find(word, 0, first.start) is None
    assert [found.start for found in PAPER.find_all(word)][:2] == [first.start, second.start]


@settings(max_examples=100)
@given(st.lists(st.text(alphabet="aéœß \n?1%€e\u0301ﬁ"), min_size=1, max_size=3), st.integers(0, 50), st.integers(1, 9))
def test_any_place_has_a_page_and_words(pages: list[str], start: int, length: int) -> None:
    paper = Paper(tuple(pages))
    if start < len(paper.text):
        shown = paper.shown_between(start, min(start + length, len(paper.text)), AROUND)
        assert shown in paper.shown[paper.page_of(start) - 1]
