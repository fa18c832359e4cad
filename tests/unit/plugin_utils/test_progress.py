# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person sees of a long run."""

from __future__ import annotations

import json
import os
import pathlib

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.plugin_utils.progress import human_bytes, pace, progress_line


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 << 20, "5.0 MiB"), (3 << 30, "3.0 GiB"), (2 << 40, "2.0 TiB")],
)
def test_bytes_are_said_in_the_unit_that_fits(count: int, text: str) -> None:
    assert human_bytes(count) == text


def test_the_pace_slows_down_so_that_a_night_long_run_does_not_flood_a_log() -> None:
    assert [pace(second) for second in (10, 59, 60, 599, 600, 36000)] == [10, 10, 30, 30, 60, 60]
    lines, now = 0, 10.0
    while now < 8 * 3600:
        lines, now = lines + 1, now + pace(now)
    assert lines < 500


def test_a_line_has_phase_files_bytes_rate_and_time() -> None:
    before = {"phase": "documents", "read": 1 << 20, "files": 10}
    state = {"phase": "documents", "read": 21 << 20, "files": 400}
    assert progress_line(state, before, 10, 30) == "documents, 400 files, 21.0 MiB, 2.0 MiB/s, 30 s"


def test_a_line_says_how_many_answers_came() -> None:
    state = {"phase": "payments of invoices", "read": 300 << 10, "files": 0, "answers": 512}
    assert progress_line(state, {}, 10, 20) == "payments of invoices, 512 answers, 300.0 KiB, 30.0 KiB/s, 20 s"


def test_the_rate_begins_again_with_each_phase() -> None:
    before = {"phase": "database", "read": 500 << 20, "files": 0}
    state = {"phase": "documents", "read": 10 << 20, "files": 3}
    assert progress_line(state, before, 10, 40) == "documents, 3 files, 10.0 MiB, 1.0 MiB/s, 40 s"
    assert progress_line({"phase": "database", "read": 0, "files": 0}, {}, 10, 10) == "database, 0 B, 10 s"
    waiting = {"phase": "waiting for 1 pod(s) to end"}
    assert progress_line(waiting, waiting, 10, 20) == "waiting for 1 pod(s) to end, 20 s"


def test_the_file_is_there_during_the_run_and_gone_after_it(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "progress.json"
    with Progress(str(path)) as progress:
        progress.phase("documents")
        progress.add(read=7, files=1)
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert os.listdir(tmp_path) == []


def test_a_full_disk_does_not_end_the_run(tmp_path: pathlib.Path) -> None:
    with Progress(str(tmp_path / "missing" / "progress.json")) as progress:
        progress.add(read=1)
