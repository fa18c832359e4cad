# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The join of issued invoices with stored documents: every class, and the three ways to a path."""

from __future__ import annotations

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup import evidence
from ansible_collections.arcodange.erp.plugins.module_utils.backup.evidence import (
    Expected,
    classify,
    judge,
    wanted_paths,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import FILE, Entry

PDF, OTHER = b"facture/FA1/FA1.pdf", b"2/facture/FA1/FA1.pdf"


def stored(path: bytes, md5: str) -> Entry:
    return Entry(path, FILE, 0o644, 0, 0, "", "", 0, 0, md5=md5)


@pytest.mark.parametrize(
    ("paths", "recorded", "found", "kind", "path"),
    [
        ((PDF,), {PDF: "one"}, {PDF: "one"}, evidence.EQUAL, PDF),
        ((PDF,), {PDF: "one"}, {PDF: "two"}, evidence.REGENERATED, PDF),
        ((PDF,), {}, {PDF: "two"}, evidence.NOT_INDEXED, PDF),
        ((PDF,), {PDF: ""}, {PDF: "two"}, evidence.NOT_INDEXED, PDF),
        ((PDF,), {PDF: "one"}, {}, evidence.MISSING, PDF),
        ((PDF, OTHER), {OTHER: "one"}, {OTHER: "one"}, evidence.EQUAL, OTHER),
        ((PDF, OTHER), {OTHER: "one"}, {PDF: "one", OTHER: "one"}, evidence.NOT_INDEXED, PDF),
        ((PDF, OTHER), {}, {}, evidence.MISSING, PDF),
    ],
)
def test_every_class(
    paths: tuple[bytes, ...], recorded: dict[bytes, str], found: dict[bytes, str], kind: str, path: bytes
) -> None:
    item = Expected("invoice", "FA1", paths, recorded)
    assert classify(item, {place: stored(place, md5) for place, md5 in found.items()}) == (kind, path)


def test_counts_are_whole_and_exceptions_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "MOST_EXCEPTIONS", 2)
    expected = [Expected("invoice", f"FA{number}", (b"%d.pdf" % number,), {}) for number in range(5)]
    expected.append(Expected("supplier_file", "x", (PDF,), {PDF: "one"}))
    result = judge(expected, {b"0.pdf": stored(b"0.pdf", "one"), PDF: stored(PDF, "one")})
    assert result["issued_invoices"] == {
        "total": 5,
        "present_equal": 0,
        "present_regenerated": 0,
        "present_not_indexed": 1,
        "missing": 4,
    }
    assert result["supplier_files"]["present_equal"] == result["supplier_files"]["total"] == 1
    assert result["exceptions_total"] == 5
    assert [item["ref"] for item in result["exceptions"]] == ["FA0", "FA1"]


def test_a_path_of_any_bytes_is_shown() -> None:
    result = judge([Expected("invoice", "FA1", (b"caf\xe9\n.pdf",), {})], {})
    assert result["exceptions"][0]["path"] == "caf\\\\xe9\\n.pdf"


def test_every_path_that_may_decide_is_wanted() -> None:
    expected = [Expected("invoice", "FA1", (PDF, OTHER), {}), Expected("supplier_file", "x", (b"x",), {})]
    assert wanted_paths(expected) == {PDF, OTHER, b"x"}
