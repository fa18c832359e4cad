# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 at fifty random moments: never a manifest without its objects, and the next run needs no hand."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from ansible_collections.arcodange.erp.plugins.modules import erp_backup
from tests.support.databases import Cluster
from tests.support.documents import unpack_documents
from tests.support.processes import fork_module, killed_after, status_of
from tests.support.restore_points import MODULE, Scene, environment, small_database
from tests.support.stores import Store

MOMENTS = 50
PATIENCE = 60  # seconds for a server to notice that its client is gone
LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


@pytest.fixture(scope="module")
def scene(postgres: Cluster, moto: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The sample with a file that is stored in parts of its own."""
    documents = unpack_documents(tmp_path_factory.mktemp("documents"))
    (documents / "large.bin").write_bytes(random.Random(1).randbytes(9 << 20))
    with small_database(postgres) as database:
        yield Scene(database, moto, documents, postgres.bin_dir)


@pytest.fixture(scope="module")
def first(scene: Scene, moto: Store) -> Scene:
    """A bucket with one restore point, of documents and rows that are not quite today's."""
    there = Scene(scene.database, moto.fresh(), scene.documents, scene.bin_dir)
    passing = scene.documents / "gone.txt"
    passing.write_text("yesterday", encoding="utf-8")
    there.back_up()
    passing.unlink()
    (scene.documents / "new.bin").write_bytes(random.Random(2).randbytes(5 << 20))
    scene.database.execute("UPDATE llx_facture SET note_private = 'changed' WHERE rowid = 1")
    return there


def start(scene: Scene) -> int:
    """Begin a run in a process of its own."""
    return fork_module(erp_backup.main, scene.module(), lambda patch: None)


@pytest.fixture(scope="module")
def span(scene: Scene, moto: Store, first: Scene) -> float:
    """How long a whole run takes here and now, in seconds."""
    started = time.monotonic()
    assert status_of(start(dataclasses.replace(scene, store=moto.fresh()))) == 0
    return time.monotonic() - started


def wait_until_gone(scene: Scene) -> None:
    """Wait until the server has ended what the killed run had open; nobody has to do it by hand."""
    deadline = time.monotonic() + PATIENCE
    while scene.database.execute(LOCKS) != [(0,)] or scene.database.execute(SESSIONS, [scene.database.name]) != [(0,)]:
        assert time.monotonic() < deadline, "the killed run still holds its lock or a session"
        time.sleep(0.05)


def processes_of(bin_dir: pathlib.Path, port: int) -> list[str]:
    """Every pg_dump of these programs that is connected to that server."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes()
            variables = (entry / "environ").read_bytes() if words else b""
        except OSError:
            continue
        if words.startswith(os.fsencode(bin_dir / "pg_dump")) and f"PGPORT={port}".encode() in variables:
            found.append(entry.name)
    return found


def check_next_run(there: Scene, before: int) -> None:
    """The server has let go of the killed run, and the next one makes a whole restore point of what is there."""
    wait_until_gone(there)
    assert processes_of(there.bin_dir, there.database.port) == []
    there.back_up()
    bucket = there.bucket.held()
    assert bucket.torn() == []
    assert bucket.uploads() == []
    assert len(bucket.manifests()) > before
    assert bucket.newest()["documents"]["files"] == sum(1 for path in there.documents.rglob("*") if path.is_file())


@pytest.mark.parametrize("number", range(MOMENTS))
def test_a_killed_run_leaves_nothing_that_looks_like_a_backup(
    scene: Scene, first: Scene, moto: Store, span: float, number: int
) -> None:
    moment = random.Random(number).uniform(0.0, 1.0) * span
    there = dataclasses.replace(scene, store=moto.fresh())
    if number % 2:
        for key in sorted(first.bucket.keys()):
            there.bucket.write(key, first.bucket.read(key))
    before = len(there.bucket.manifests())
    killed = killed_after(moment, start(there))
    assert there.bucket.torn() == [], f"killed after {moment:.3f} s"
    assert killed or len(there.bucket.manifests()) == before + 1
    check_next_run(there, before)


def test_a_killed_run_of_the_module_as_ansible_starts_it(scene: Scene, moto: Store) -> None:
    """In a process that knows nothing of tests, killed as soon as it is sending."""
    there = dataclasses.replace(scene, store=moto.fresh())
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=environment(),
    )
    assert process.stdin is not None
    process.stdin.write(there.module().encode())
    process.stdin.close()
    while not there.bucket.uploads():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert there.bucket.torn() == []
    check_next_run(there, 0)
