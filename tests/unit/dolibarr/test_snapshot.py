# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The canonical text of captured answers, and snapshots of them as files."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import os
import pathlib
import stat
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr import snapshot_files
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.canonical import (
    EXCLUDED,
    canonical,
    canonical_text,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.snapshot import Snapshot
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.snapshot_files import (
    read_snapshot,
    write_snapshot,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.private_files import write_private
from tests.support.paths import FIXTURES

INVOICES: list[dict[str, Any]] = json.loads((FIXTURES / "api/invoices/invoices--limit=0.json").read_text())
NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def text_of(answer: Any, section: str = "invoices") -> str:
    return canonical_text(canonical(section, answer))


def snapshot(*invoices: dict[str, Any], at: datetime = NOON) -> Snapshot:
    return Snapshot(
        "https://erp.example.com",
        at,
        ("company",),
        {
            "status": '{"dolibarr_version":"22.0.4"}',
            "invoices": tuple(text_of(answer) for answer in invoices or INVOICES[:3]),
        },
    )


# -- the canonical text -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"b": 1, "a": "é"}, '{"a":"é","b":1}'),
        ({"a": None, "b": [], "c": {}, "d": "", "e": "0"}, '{"d":"","e":"0"}'),
        # Dolibarr sends totalpaid as a JSON number: 5040, 2114.95.
        ({"totalpaid": 2114.95}, '{"totalpaid":"2114.95"}'),
        ({"totalpaid": 5040.0}, '{"totalpaid":5040}'),
        ({"tms": 1, "date": 2, "lines": [{"id": "1", "tms": 3}]}, '{"date":2,"lines":[{"id":"1"}]}'),
        ({"rows": [{"id": "10"}, {"id": "9"}]}, '{"rows":[{"id":"9"},{"id":"10"}]}'),
        ({"creditnote_ids": ["9", "8"]}, '{"creditnote_ids":["8","9"]}'),
        ({"lines": [{"id": "2"}, {"id": "1"}]}, '{"lines":[{"id":"2"},{"id":"1"}]}'),
        # Keys that PHP makes of private fields.
        ({"\0*\0table": "x", "": 1}, '{"":1,"\\u0000*\\u0000table":"x"}'),
    ],
)
def test_the_text_has_one_form(answer: dict[str, Any], text: str) -> None:
    assert text_of(answer) == text
    assert text_of(json.loads(text)) == text


@pytest.mark.parametrize("name", sorted({*EXCLUDED["*"], *EXCLUDED["invoices"]}))
def test_volatile_fields_of_a_captured_invoice_do_not_count(name: str) -> None:
    before = INVOICES[0]
    assert text_of({**before, name: "something else"}) == text_of(before)


def test_a_captured_invoice_keeps_everything_else() -> None:
    # FA2501-0001, 5760.00 incl. VAT, paid in full.
    kept = json.loads(text_of(INVOICES[0]))
    assert (kept["ref"], kept["total_ttc"], kept["totalpaid"]) == ("FA2501-0001", "5760.00000000", 5760)
    left_out = {name for name, value in INVOICES[0].items() if name not in kept and value not in (None, [], {})}
    # array_options holds one field that is null.
    assert left_out == {"array_options", "date_modification", "datem", "cond_reglement_doc", "online_payment_url"}


@settings(max_examples=40)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=12,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_in_which_dolibarr_answers_does_not_matter(answer: Any, shuffle: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            names = list(value)
            shuffle.shuffle(names)
            return {name: value[name] if name == "lines" else shuffled(value[name]) for name in names}
        if isinstance(value, list):
            return shuffle.sample([shuffled(one) for one in value], len(value))
        return value

    text = text_of(answer)
    assert text_of(shuffled(answer)) == text
    assert text_of(json.loads(text)) == text


# -- the snapshot -----------------------------------------------------------------------------------------------------


def test_the_file_is_canonical_json_and_its_hash_is_of_the_data_alone() -> None:
    text = "".join(snapshot().pieces())
    content = json.loads(text)
    assert text == json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    data = json.dumps(content["data"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert content["content_hash"] == f"sha256:{hashlib.sha256(data.encode()).hexdigest()}"
    assert (content["schema_version"], content["captured_at"], content["instance"], content["not_read"]) == (
        "1",
        "2026-11-21T12:00:00Z",
        "https://erp.example.com",
        ["company"],
    )
    assert content["excluded"]["invoices"] == {"online_payment_url": "holds a secret and the address of the instance"}


def test_two_captures_of_one_state_have_the_same_hash() -> None:
    later = snapshot(at=NOON.replace(hour=18))
    assert later.content_hash == snapshot().content_hash
    changed = snapshot({**INVOICES[0], "total_ttc": "5761.00000000"}, *INVOICES[1:3])
    assert changed.content_hash != snapshot().content_hash


def test_the_counts_are_those_of_the_objects() -> None:
    assert snapshot().counts() == {"invoices": 3, "status": 1}


# -- files ------------------------------------------------------------------------------------------------------------


def test_a_snapshot_is_written_for_its_owner_alone_and_read_back(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "state.json"
    assert write_snapshot(snapshot(), str(path)) is True
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_snapshot(str(path)) == snapshot().to_content()
    assert os.listdir(tmp_path) == ["state.json"]


def test_unchanged_content_leaves_the_file_alone(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "state.json"
    write_snapshot(snapshot(), str(path))
    before = (path.stat().st_ino, path.stat().st_mtime_ns, path.read_text())
    assert write_snapshot(snapshot(at=NOON.replace(hour=18)), str(path)) is False
    assert (path.stat().st_ino, path.stat().st_mtime_ns, path.read_text()) == before


@pytest.mark.parametrize(
    "other",
    [
        snapshot({**INVOICES[0], "ref": "FA2501-0009"}),
        dataclasses.replace(snapshot(), instance="https://other.example.com"),
    ],
)
def test_another_content_or_instance_is_written(tmp_path: pathlib.Path, other: Snapshot) -> None:
    path = tmp_path / "state.json"
    write_snapshot(snapshot(), str(path))
    assert write_snapshot(other, str(path), dry_run=True) is True
    assert read_snapshot(str(path)) == snapshot().to_content()
    assert write_snapshot(other, str(path)) is True
    assert read_snapshot(str(path)) == other.to_content()


def test_a_file_that_others_may_read_is_closed_to_them(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "state.json"
    write_snapshot(snapshot(), str(path))
    path.chmod(0o644)
    assert write_snapshot(snapshot(), str(path)) is True
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_is_followed_and_kept(tmp_path: pathlib.Path) -> None:
    path, link = tmp_path / "state.json", tmp_path / "latest.json"
    link.symlink_to(path)
    write_snapshot(snapshot(), str(link))
    assert link.is_symlink()
    assert read_snapshot(str(path)) == snapshot().to_content()


@pytest.mark.parametrize("text", ["", "not JSON", "{}", "[]", "\0\xff"])
def test_what_is_no_snapshot_is_never_overwritten(tmp_path: pathlib.Path, text: str) -> None:
    path = tmp_path / "precious"
    path.write_text(text)
    with pytest.raises(Refused, match=r"precious exists and is no snapshot that can be read: remove it or choose"):
        write_snapshot(snapshot(), str(path))
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": "9"}, "is of version 9, this collection reads version 1: take a new one"),
        ({"data": {}}, "are not those of its content_hash: it was changed or damaged"),
        ({"content_hash": "sha256:0"}, "are not those of its content_hash: it was changed or damaged"),
    ],
)
def test_a_snapshot_that_was_changed_is_not_read(tmp_path: pathlib.Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps({**copy.deepcopy(snapshot().to_content()), **change}))
    with pytest.raises(ErpError, match=message):
        read_snapshot(str(path))


def test_a_path_that_leads_nowhere_is_one_sentence(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ErpError, match=r"The snapshot .*gone\.json cannot be read \(No such file or directory\)"):
        read_snapshot(str(tmp_path / "gone.json"))
    with pytest.raises(ErpError, match=r"Cannot write .*gone/state\.json \(No such file or directory\): give a dest"):
        write_snapshot(snapshot(), str(tmp_path / "gone" / "state.json"))
    with pytest.raises(ErpError, match=r"cannot be read \(Is a directory\)"):
        read_snapshot(str(tmp_path))


def test_a_write_that_stops_half_way_leaves_what_was_there(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    write_private(str(path), ["before"])

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshot_files.os, "fsync", full)
    with pytest.raises(ErpError, match=r"Cannot write .*state\.json \(No space left on device\)"):
        write_private(str(path), ["after"])
    assert (path.read_text(), os.listdir(tmp_path)) == ("before", ["state.json"])
