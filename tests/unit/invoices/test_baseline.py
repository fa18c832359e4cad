# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of accepted findings: what counts, what no longer does, and every way to get it wrong."""

from __future__ import annotations

import builtins
import pathlib
from datetime import date
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.baseline import Baseline, read_baseline

TODAY = date(2026, 11, 21)
ENTRY = "check: escompte\n  subject: FA2501-0001\n  who: A. Martin\n  why: agreed in writing\n"


def read(home: pathlib.Path, text: str | bytes, today: date = TODAY) -> Baseline:
    path = home / "baseline.yml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_baseline(str(path), today)


def test_an_entry_accepts_its_finding_and_says_who(tmp_path: pathlib.Path) -> None:
    baseline = read(tmp_path, f"- {ENTRY}  until: 2027-06-30\n")
    accepted = baseline.find("escompte", "FA2501-0001")
    assert accepted is not None
    assert accepted.to_facts() == {"who": "A. Martin", "why": "agreed in writing", "until": "2027-06-30"}
    assert baseline.problems == ()


@pytest.mark.parametrize(
    ("check", "subject", "accepts"),
    [
        ("escompte", "FA2501-0001", True),
        ("escompte", "FA2501-0002", False),
        ("escompte", "fa2501-0001", False),
        ("late-penalty-rate", "FA2501-0001", False),
    ],
)
def test_it_accepts_no_other_finding(tmp_path: pathlib.Path, check: str, subject: str, accepts: bool) -> None:
    baseline = read(tmp_path, f"- {ENTRY}  until: 2027-06-30\n")
    assert (baseline.find(check, subject) is not None) is accepts


def test_a_pattern_accepts_many_and_a_name_that_looks_like_one_accepts_itself(tmp_path: pathlib.Path) -> None:
    entry = "who: A. Martin, why: before 2026, until: '2027-06-30'}"
    baseline = read(
        tmp_path,
        f"- {{check: escompte, subject: 'FA25*', {entry}\n- {{check: third-party-zip-missing, subject: 'Lot [A]', {entry}\n",
    )
    assert baseline.find("escompte", "FA2512-0020") is not None
    assert baseline.find("escompte", "FA2601-0021") is None
    assert baseline.find("third-party-zip-missing", "Lot [A]") is not None


def test_json_needs_no_yaml(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name == "yaml":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    entry = '{"check": "escompte", "subject": "FA1", "who": "x", "why": "y", "until": "2027-01-01"}'
    assert len(read(tmp_path, f"[{entry}]").entries) == 1
    with pytest.raises(ErpError, match="YAML needs PyYAML here: install PyYAML, or write it as JSON"):
        read(tmp_path, f"- {ENTRY}")


@pytest.mark.parametrize("text", ["", "---\n", "[]", "# none yet\n"])
def test_nothing_accepted_is_no_mistake(tmp_path: pathlib.Path, text: str) -> None:
    baseline = read(tmp_path, text)
    assert (baseline.entries, baseline.problems) == ((), ())


@pytest.mark.parametrize(("until", "counts"), [("2026-11-20", False), ("2026-11-21", True), ("2026-11-22", True)])
def test_an_entry_counts_to_the_end_of_its_last_day(tmp_path: pathlib.Path, until: str, counts: bool) -> None:
    baseline = read(tmp_path, f"- {ENTRY}  until: {until}\n")
    assert (baseline.find("escompte", "FA2501-0001") is not None) is counts
    assert [problem.kind for problem in baseline.problems] == ([] if counts else ["expired"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- FA2501-0001\n", "Entry 1 of the baseline is no mapping: write it as {check: escompte, "),
        (f"- {ENTRY}", "Entry 1 of the baseline lacks until: write it as {check: escompte, "),
        (
            "- {check: escompte, subject: FA1, who: ' ', until: 2027-01-01}\n",
            "Entry 1 of the baseline lacks who and why: ",
        ),
        (
            f"- {ENTRY}  until: soon\n",
            "Entry 1 of the baseline has until 'soon', which is no day: write it as 2027-06-30.",
        ),
        (
            f"- {ENTRY}  utnil: 2027-06-30\n",
            "Entry 1 of the baseline has 'utnil', which is not known: it takes check, ",
        ),
    ],
)
def test_an_entry_that_is_not_whole_accepts_nothing_and_is_said(tmp_path: pathlib.Path, text: str, said: str) -> None:
    baseline = read(tmp_path, f"{text}- {ENTRY}  until: 2027-06-30\n")
    assert [(problem.kind, problem.message[: len(said)]) for problem in baseline.problems] == [("invalid", said)]
    assert [entry.place for entry in baseline.entries] == [2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("check: escompte\n", r"is no list: write one entry a line, such as - \{check"),
        ("- {check: escompte\n", r"is no YAML at line \d: correct it\."),
        (f"- {ENTRY}  until: 2027-02-30\n", r"is no YAML \(day is out of range for month\): correct it"),
        ("- !!python/object:os.system {}\n", "is no YAML at line 1: correct it"),
        (b"\xff\xfe- x", "cannot be read .it is not text.: give the path of one"),
    ],
)
def test_a_file_that_is_no_list_is_one_sentence(tmp_path: pathlib.Path, text: str | bytes, said: str) -> None:
    with pytest.raises(ErpError, match=said) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ErpError, match=r"cannot be read \(No such file or directory\)"):
        read_baseline(str(tmp_path / "none.yml"), TODAY)


def test_what_accepts_nothing_any_more_is_said(tmp_path: pathlib.Path) -> None:
    baseline = read(tmp_path, f"- {ENTRY}  until: 2027-06-30\n")
    assert baseline.unused({("escompte", "FA2501-0001")}) == ()
    (problem,) = baseline.unused({("escompte", "FA2501-0002")})
    assert (problem.kind, problem.message) == (
        "unused",
        "Entry 1 of the baseline (escompte, FA2501-0001) accepts nothing any more: take it out.",
    )
