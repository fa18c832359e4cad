# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 at every step of a restore: what is live is complete, and running again ends what was begun."""

from __future__ import annotations

import contextlib
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.errors import Refused
from ansible_collections.arcodange.erp.plugins.module_utils.restore import (
    database,
    halves,
    rows,
    switch_database,
    switch_documents,
)
from ansible_collections.arcodange.erp.plugins.module_utils.restore.switch_database import Mark
from ansible_collections.arcodange.erp.plugins.module_utils.restore.switch_documents import DocumentsSwitch
from ansible_collections.arcodange.erp.plugins.modules import erp_restore
from tests.support.databases import Cluster
from tests.support.processes import fork_module, status_of
from tests.support.restore_points import environment
from tests.support.restore_scene import MODULE, Live, Series, series
from tests.support.stores import Store

POINTS = ("20261119T040000Z", "20261120T040000Z")
MOMENTS = 2
# A step is what happens when, and for the how manieth time. Each must be reached, else its test fails.
RESTORE = (
    "after begin",
    "before incomplete",
    "before rows",
    "after rows",
    "after read 4",
    "before equal 2",
    "after complete",
    "before rename 1",
    "before journal 1",
    "before switch",
    "connections refused",
    "sessions ended",
    "live renamed",
    "all renamed",
    "end",
    "before exchange",
    "after exchange",
    "after journal 3",
)
UNDO = ("live renamed", "end", "before exchange", "after exchange", "after journal 2")
# Where directories cannot be exchanged, the live one is missing between two renames, until the next run.
RENAMES = ("before rename 2", "after rename 2", "after rename 3")


def watch(patch: pytest.MonkeyPatch, reached: Callable[[str], None]) -> None:
    """Say each step as it is reached, with its number where it comes again."""

    def around(owner: Any, attribute: str, name: str) -> None:
        real = getattr(owner, attribute)
        numbers = {"before": 0, "after": 0}

        def say(when: str) -> None:
            numbers[when] += 1
            reached(f"{when} {name}")
            reached(f"{when} {name} {numbers[when]}")

        def watched(*arguments: Any, **options: Any) -> Any:
            say("before")
            result = real(*arguments, **options)
            say("after")
            return result

        patch.setattr(owner, attribute, watched)

    around(DocumentsSwitch, "begin", "begin")
    around(DocumentsSwitch, "_write", "journal")
    around(database._Restore, "_create", "create")
    around(database, "set_comment", "incomplete")
    around(rows.Loader, "run", "rows")
    around(Progress, "add", "read")
    around(halves, "compare_database", "equal")
    around(switch_database, "mark_complete", "complete")
    around(os, "rename", "rename")
    around(switch_documents, "exchange", "exchange")
    phase = Progress.phase

    def phased(self: Progress, name: str) -> None:
        reached(f"before {name}")
        phase(self, name)

    patch.setattr(Progress, "phase", phased)


def steps_of(live: Live, reached: Callable[[str], None]) -> Callable[[str], None]:
    """The steps of the switch of databases, whatever their names."""

    def step(name: str) -> None:
        words = name.split(" ")
        if words[0].startswith(live.database):
            words[0] = "live" if words[0] == live.database else "restored"
        reached(" ".join(words))

    return step


def run_in_child(live: Live, deadly: str, no_exchange: bool = False, **changes: Any) -> int:
    """Run the module in a process of its own that kills itself at a step; returns how it ended."""

    def reached(step: str) -> None:
        if step == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    def prepare(patch: pytest.MonkeyPatch) -> None:
        if no_exchange:
            patch.setattr(switch_documents, "exchange", lambda one, other: False)
        watch(patch, reached)
        patch.setattr(switch_database, "_no_steps", steps_of(live, reached))

    return status_of(fork_module(erp_restore.main, live.module(**changes), prepare))


@pytest.fixture(scope="module")
def points(postgres: Cluster, moto: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Series]:
    with series(postgres, moto, tmp_path_factory.mktemp("points"), *POINTS) as made:
        yield made


@pytest.fixture(scope="module")
def live(points: Series, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with points.live(tmp_path_factory.mktemp("live")) as made:
        yield made


@pytest.fixture
def change(points: Series, live: Live) -> tuple[str, str]:
    """The restore point that is live, and the other one; nothing lies beside what is live."""
    live.tidy()
    now = live.state()
    (old,) = [point for point, state in points.states.items() if state == now]
    (new,) = [point for point in POINTS if point != old]
    return old, new


def look(points: Series, live: Live, *allowed: str) -> tuple[str, str]:
    """Which of the restore points each half of what is live is, every row and every byte of it."""
    accepts, comment = live.cluster.admin.execute(
        "SELECT datallowconn, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
        [live.database],
    )[0]
    if not accepts:
        mark = Mark.parse(comment)
        assert mark is not None and mark.state == "switching", comment
    if not accepts or not live.documents.exists():
        live.restore(settle=True)  # what the playbook does before it starts the application again
    rows_now, tree_now = live.state()
    (database_is,) = [point for point in allowed if points.states[point][0] == rows_now]
    (documents_are,) = [point for point in allowed if points.states[point][1] == tree_now]
    return database_is, documents_are


def programs_left(live: Live) -> list[str]:
    """Every pg_restore that is still connected to the server of the tests."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes()
            if words.startswith(os.fsencode(live.cluster.bin_dir / "pg_restore")):
                variables = (entry / "environ").read_bytes()
                found += [entry.name] * (f"PGPORT={live.cluster.port}\0".encode() in variables)
    return found


def check_restored(points: Series, live: Live, new: str) -> None:
    """Run again: everything is there, and beside it only what may be."""
    live.restore(backup_id=new)
    assert live.state() == points.states[new]
    assert live.databases() == [live.database, f"{live.database}__before_{new}"]
    assert live.directories() == ["documents", f"documents__before_{new}", f"documents__restore_{new}.json"]
    assert live.cluster.admin.execute("SELECT datname FROM pg_database WHERE NOT datallowconn") == [("template0",)]
    assert programs_left(live) == []


@pytest.mark.parametrize("step", RESTORE)
def test_a_restore_killed_at_a_step(step: str, points: Series, live: Live, change: tuple[str, str]) -> None:
    old, new = change
    assert run_in_child(live, step, backup_id=new) == -signal.SIGKILL
    look(points, live, old, new)
    check_restored(points, live, new)


@pytest.mark.parametrize("step", RENAMES)
def test_a_restore_killed_where_directories_cannot_be_exchanged(
    step: str, points: Series, live: Live, change: tuple[str, str]
) -> None:
    old, new = change
    assert run_in_child(live, step, no_exchange=True, backup_id=new) == -signal.SIGKILL
    look(points, live, old, new)
    check_restored(points, live, new)


@pytest.mark.parametrize("step", UNDO)
def test_an_undo_killed_at_a_step(step: str, points: Series, live: Live, change: tuple[str, str]) -> None:
    old, new = change
    live.restore(backup_id=new)
    assert run_in_child(live, step, undo=True) == -signal.SIGKILL
    look(points, live, old, new)
    with contextlib.suppress(Refused):  # when nothing but names was left to do
        live.restore(undo=True)
    assert live.state() == points.states[old]
    assert live.databases() == [live.database, f"{live.database}__restore_{new}"]
    assert live.directories() == ["documents", f"documents__restore_{new}", f"documents__restore_{new}.json"]


def start(live: Live, new: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=environment(),
    )
    assert process.stdin is not None
    process.stdin.write(live.module(backup_id=new).encode())
    process.stdin.close()
    return process


def test_a_restore_killed_at_any_moment(points: Series, live: Live) -> None:
    """The module as Ansible starts it, in a process that knows nothing of tests."""
    now = live.state()
    (old,) = [point for point, state in points.states.items() if state == now]
    began = time.monotonic()
    for number in range(-1, MOMENTS):
        live.tidy()
        (new,) = [point for point in POINTS if point != old]
        process = start(live, new)
        if number < 0:
            assert process.wait() == 0
            span = time.monotonic() - began
        else:
            time.sleep(random.Random(number).uniform(0.3, 1.0) * span)
            process.kill()
            process.wait()
            look(points, live, old, new)
        check_restored(points, live, new)
        old = new
