# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three files of a report: private, whole, left alone while they say the same, and nowhere a secret."""

from __future__ import annotations

import json
import os
import pathlib
import stat
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.invoices import report_files
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.report_files import write_report
from tests.support.dolibarr import StandIn
from tests.support.invoice_audits import KNOWN, audited, run_audit_module

NAMES = ["audit.html", "audit.json", "audit.md"]
KEY, S3_SECRET = "planted-key-9be1", "planted-s3-secret-55d0"
LATER = "2026-11-22T09:00:00+00:00"


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """The report of one invoice."""
    with StandIn() as server:
        made: dict[str, Any] = audited(server, invoices=["FA2502-0003"], **KNOWN)["audit"]
    return made


@pytest.fixture
def dest(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "report"


def state(directory: pathlib.Path) -> dict[str, tuple[int, int, bytes]]:
    """Inode, mode and content of each file: a file that was written anew has another inode."""
    return {
        path.name: (path.stat().st_ino, stat.S_IMODE(path.stat().st_mode), path.read_bytes())
        for path in sorted(directory.iterdir())
    }


def test_three_private_files_in_a_private_directory(report: dict[str, Any], dest: pathlib.Path) -> None:
    written = write_report(report, str(dest), check_mode=False)
    assert sorted(os.path.basename(path) for path in written.files) == NAMES
    assert written.changed == written.files
    assert {mode for _inode, mode, _content in state(dest).values()} == {0o600}
    assert stat.S_IMODE(dest.stat().st_mode) == 0o700
    assert json.loads((dest / "audit.json").read_text(encoding="utf-8")) == report


def test_the_same_a_day_later_leaves_the_files_alone(report: dict[str, Any], dest: pathlib.Path) -> None:
    write_report(report, str(dest), check_mode=False)
    before = state(dest)
    written = write_report({**report, "generated_at": LATER}, str(dest), check_mode=False)
    assert (written.changed, written.diff, state(dest)) == ((), (), before)


def test_another_verdict_is_written_with_its_time_and_shown(report: dict[str, Any], dest: pathlib.Path) -> None:
    write_report(report, str(dest), check_mode=False)
    other = {**report, "generated_at": LATER, "verdict": {"level": "pass", "en": "All is well.", "fr": "Tout va bien."}}
    written = write_report(other, str(dest), check_mode=False)
    assert written.changed == written.files
    assert json.loads((dest / "audit.json").read_text(encoding="utf-8"))["generated_at"] == LATER
    (diff,) = written.diff
    assert "All is well." in diff["after"] and "All is well." not in diff["before"]


@pytest.mark.parametrize("harm", ["removed", "changed", "opened"])
def test_a_file_that_was_touched_is_written_again_alone(report: dict[str, Any], dest: pathlib.Path, harm: str) -> None:
    write_report(report, str(dest), check_mode=False)
    before = state(dest)
    page = dest / "audit.html"
    if harm == "removed":
        page.unlink()
    elif harm == "changed":
        page.write_text("other")
    else:
        page.chmod(0o644)
    written = write_report({**report, "generated_at": LATER}, str(dest), check_mode=False)
    assert written.changed == (str(page),)
    after = state(dest)
    assert after["audit.html"][1:] == before["audit.html"][1:]
    assert {name: after[name] for name in NAMES[1:]} == {name: before[name] for name in NAMES[1:]}


def test_check_mode_writes_nothing_and_says_what_it_would(report: dict[str, Any], dest: pathlib.Path) -> None:
    written = write_report(report, str(dest), check_mode=True)
    assert len(written.changed) == 3 and "FA2502-0003" in written.diff[0]["after"]
    assert not dest.exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"generated_at": 1}', "\x00"])
def test_what_is_no_report_is_replaced(report: dict[str, Any], dest: pathlib.Path, content: str) -> None:
    dest.mkdir()
    (dest / "audit.json").write_text(content)
    (dest / "audit.json").chmod(0o600)
    assert len(write_report(report, str(dest), check_mode=False).changed) == 3
    assert json.loads((dest / "audit.json").read_text(encoding="utf-8")) == report


def test_a_full_disk_leaves_what_was_there(
    report: dict[str, Any], dest: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_report(report, str(dest), check_mode=False)
    before = state(dest)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ErpError, match=r"^Cannot write .*No space left on device.*: give a dest") as caught:
        write_report({**report, "schema_version": 2}, str(dest), check_mode=False)
    assert "\n" not in str(caught.value)
    assert state(dest) == before


def test_a_directory_that_cannot_be_made_is_one_sentence(
    report: dict[str, Any], dest: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_given: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(report_files.os, "mkdir", read_only)
    with pytest.raises(
        ErpError, match=r"^Cannot make the directory .* \(Read-only file system\): give another dest\.$"
    ):
        write_report(report, str(dest), check_mode=False)


# -- the module in a process of its own -------------------------------------------------------------------------------


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """A Dolibarr with a key of its own."""
    with StandIn(keys={"ai_agent": KEY}) as server:
        yield server


def test_the_module_shows_no_secret_and_fails_when_asked_to(stand_in: StandIn, dest: pathlib.Path) -> None:
    """FA2505-0009 has no word of discount, penalties and indemnity, which are errors."""
    said = {
        "dolibarr_url": stand_in.url,
        "dolibarr_api_key": KEY,
        "s3_secret_key": S3_SECRET,
        "invoices": ["FA2505-0009"],
        "dest": str(dest),
        **KNOWN,
    }
    first = run_audit_module(diff=True, **said)
    assert (first.status, first.result["outcome"], first.result["changed"]) == (0, "findings", True), first.output
    assert "FA2505-0009" in first.result["diff"][0]["after"]
    again = run_audit_module(fail_on="error", **said)
    assert (again.status, again.result["failed"], again.result["outcome"]) == (1, True, "findings"), again.output
    assert again.result["msg"].startswith("3 errors, ") and again.result["changed"] is False
    assert "diff" not in again.result
    left = [path.read_text(encoding="utf-8") for path in dest.iterdir()]
    assert [
        secret for secret in (KEY, S3_SECRET) for text in (first.output, again.output, *left) if secret in text
    ] == []


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"pdfs": "documents"}, "pdfs is documents but all of the following are missing: documents_path"),
        ({"pdfs": "restore_point"}, "pdfs is restore_point but all of the following are missing: s3_bucket, s3_prefix"),
        ({"sections": ["taxes"]}, "value of sections must be one or more of: invoices, payments, vat, third_parties, "),
        ({"seller": {"siern": "1"}}, "Unsupported parameters for"),
        (
            {"invoices": ["FA1"]},
            "There is no invoice FA1 among the 47 of Dolibarr: give the reference or the id of one.",
        ),
    ],
)
def test_options_that_make_no_sense(stand_in: StandIn, said: dict[str, Any], message: str) -> None:
    ended = run_audit_module(dolibarr_url=stand_in.url, dolibarr_api_key=KEY, **said)
    assert ended.status == 1 and ended.result["msg"].startswith(message), ended.output
    assert "Traceback" not in ended.output
