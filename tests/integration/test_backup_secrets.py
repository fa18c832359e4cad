# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planted secrets are searched in everything a run shows or leaves: output at -vvvv, processes, files, the bucket."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.databases import Cluster
from tests.support.paths import ROOT
from tests.support.playbooks import PLAYBOOK, playbook_environment
from tests.support.processes import Onlooker
from tests.support.restore_points import Scene, programs, run_module, small_database
from tests.support.stores import Store

UNIQUE_ID = "planted-unique-id-3e1f"
S3_SECRET = "planted/s3+secret-77aa"
WRONG_PASSWORD = "planted-wrong-password-90bc"


@pytest.fixture
def scene(postgres: Cluster, object_store: Store, tmp_path: pathlib.Path) -> Iterator[Scene]:
    """A run that takes long enough for others to look at the list of processes."""
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "note.txt").write_text("a document")
    bindir = programs(tmp_path / "bin", postgres.bin_dir, 'sleep 1; exec "$REAL" "$@"')
    with small_database(postgres) as database:
        yield Scene(database, object_store, documents, bindir)


@pytest.fixture
def secrets(scene: Scene) -> list[str]:
    return [scene.database.password, S3_SECRET, UNIQUE_ID, WRONG_PASSWORD]


def play(scene: Scene, tmp_path: pathlib.Path, password: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The playbook as an operator runs it, at the highest verbosity; the secrets come from the inventory."""
    arguments = {**scene.arguments(), "s3_secret_key": S3_SECRET, "db_password": password}
    settings = {f"erp_{name}": value for name, value in arguments.items()}
    settings |= {
        "erp_instance_unique_id": UNIQUE_ID,
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
    }
    inventory = tmp_path / "inventory.json"
    inventory.write_text(json.dumps({"erp_secret": {"hosts": {"here": settings}}}), encoding="utf-8")
    environment = playbook_environment(tmp_path, HOME=str(tmp_path / "home"), ANSIBLE_HOME=str(tmp_path / "home"))
    command = [
        str(PLAYBOOK),
        "playbooks/backup.yml",
        "-i",
        str(inventory),
        "-e",
        "env=secret",
        "-vvvv",
        "--diff",
        *words,
    ]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def check(scene: Scene, tmp_path: pathlib.Path, secrets: list[str], output: str) -> None:
    """No secret in the output, in what is left of Ansible's files, or in any object of the bucket."""
    bodies = [output.encode()]
    bodies += [
        path.read_bytes()
        for name in ("home", "local", "remote")
        for path in (tmp_path / name).rglob("*")
        if path.is_file()
    ]
    bodies += scene.bucket.bodies().values()
    for secret in secrets:
        assert not [body[:200] for body in bodies if secret.encode() in body], secret


def test_a_run_that_succeeds_shows_no_secret(scene: Scene, secrets: list[str], tmp_path: pathlib.Path) -> None:
    with Onlooker() as onlooker:
        done = play(scene, tmp_path, scene.database.password)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "erp_backup" in output and scene.bucket.newest()["id"] in output
    assert scene.bucket.newest()["instance"]["key_fingerprint"]
    check(scene, tmp_path, secrets, output)
    assert [line for line in onlooker.seen if "pg_dump --format=custom" in line]
    assert not [line for line in onlooker.seen for secret in secrets if secret in line]


def test_a_run_that_fails_shows_no_secret(scene: Scene, secrets: list[str], tmp_path: pathlib.Path) -> None:
    done = play(scene, tmp_path, WRONG_PASSWORD)
    output = done.stdout + done.stderr
    assert done.returncode == 2, output
    assert "the user or password is wrong: check db_user and db_password" in output
    check(scene, tmp_path, secrets, output)


@pytest.mark.parametrize("failing", ["exit 1", 'env >&2; set >&2; echo "$PGPASSWORD" >&2; exit 1', "kill -9 $$"])
def test_a_dump_that_fails_shows_no_secret(
    failing: str, scene: Scene, secrets: list[str], tmp_path: pathlib.Path
) -> None:
    """Whatever pg_dump says before it gives up, even when that is everything it was given."""
    bindir = programs(tmp_path / "failing", scene.bin_dir, failing)
    ended = run_module(
        scene.module(pg_bindir=str(bindir), s3_secret_key=S3_SECRET, instance_unique_id=UNIQUE_ID, diff=True)
    )
    assert ended.status == 1
    assert "pg_dump of the database" in ended.result["msg"]
    check(scene, tmp_path, secrets, ended.output)


def test_check_mode_and_diff_show_no_secret(scene: Scene, secrets: list[str], tmp_path: pathlib.Path) -> None:
    for flags in ({"check_mode": True, "diff": True}, {"diff": True}):
        ended = run_module(scene.module(s3_secret_key=S3_SECRET, instance_unique_id=UNIQUE_ID, **flags))
        assert ended.status == 0, ended.output
        assert ended.result["diff"]["after"]["tables"]
        check(scene, tmp_path, secrets, ended.output)
