# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The restore as Ansible runs it: what it returns, when it stops the application, and that it shows no secret."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.databases import Cluster
from tests.support.paths import ROOT
from tests.support.playbooks import PLAYBOOK, playbook_environment
from tests.support.processes import Onlooker
from tests.support.restore_scene import UNIQUE_ID, Live, Series, run_module, series
from tests.support.restores import programs_with
from tests.support.stores import Store

OLDER, NEWER = "20261119T040000Z", "20261120T040000Z"
S3_SECRET = "planted/s3+secret-51ce"
WRONG_PASSWORD = "planted-wrong-password-51ce"


@pytest.fixture(scope="module")
def points(postgres: Cluster, moto: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Series]:
    with series(postgres, moto, tmp_path_factory.mktemp("points"), OLDER, NEWER) as made:
        yield made


@pytest.fixture
def live(points: Series, tmp_path: pathlib.Path) -> Iterator[Live]:
    place = tmp_path / "live"
    place.mkdir()
    with points.live(place, dataclasses.replace(points.own_bucket(), secret_key=S3_SECRET)) as made:
        yield made


def check_secrets(live: Live, place: pathlib.Path, *outputs: str) -> None:
    """No secret in what was shown, in any file that was left, in the bucket, or in what lies beside what is live."""
    bodies = [output.encode() for output in outputs]
    bodies += [path.read_bytes() for path in place.rglob("*") if path.is_file() and path.name != "inventory.json"]
    bodies += live.bucket.bodies().values()
    comments = live.cluster.admin.execute("SELECT shobj_description(oid, 'pg_database') FROM pg_database")
    bodies += [str(comment).encode() for (comment,) in comments]
    for secret in (live.cluster.password, S3_SECRET, UNIQUE_ID, WRONG_PASSWORD):
        assert not [body[:300] for body in bodies if secret.encode() in body], secret


def damage(live: Live) -> None:
    live.admin.execute("UPDATE llx_facture SET total_ttc = total_ttc + 1 WHERE rowid = 2")
    (live.documents / "facture/FA2/FA2.pdf").unlink()


# The module


def test_results(points: Series, live: Live, tmp_path: pathlib.Path) -> None:
    damage(live)
    planned = run_module(live.module(check_mode=True, diff=True, instance_unique_id=UNIQUE_ID))
    assert (planned.status, planned.result["changed"], planned.result["parts"]) == (0, True, ["database", "documents"])
    assert planned.result["diff"]["after"]["database"] == f"restore point {NEWER}"
    done = run_module(live.module(instance_unique_id="that of a copy"))
    assert (done.status, done.result["outcome"], done.result["restore_point"]) == (0, "done", NEWER), done.output
    assert done.result["database"]["former"] == f"{live.database}__before_{NEWER}"
    assert done.result["documents"]["files"] == sum(1 for path in live.documents.rglob("*") if path.is_file()) - 1
    assert "was made under another $dolibarr_main_instance_unique_id" in done.output
    assert live.state() == points.states[NEWER]
    check_secrets(live, tmp_path, planned.output, done.output)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"db_password": WRONG_PASSWORD}, "the user or password is wrong: check db_user and db_password."),
        ({"undo": True, "settle": True}, "parameters are mutually exclusive: undo|settle|drop_former"),
        ({"backup_id": "yesterday"}, "nor an instant: write for example 20260331T160000Z or"),
        ({"undo": True}, "There is no restore to undo"),
    ],
)
def test_failures(changes: dict[str, Any], sentence: str, live: Live, tmp_path: pathlib.Path) -> None:
    before = live.traces()
    ended = run_module(live.module(**{"instance_unique_id": UNIQUE_ID, **changes}))
    assert (ended.status, sentence in ended.result["msg"]) == (1, True), ended.output
    assert "Traceback" not in ended.output
    assert live.traces() == before
    check_secrets(live, tmp_path, ended.output)


def test_what_pg_restore_says_shows_no_secret(points: Series, live: Live, tmp_path: pathlib.Path) -> None:
    """Even when that is everything it was given."""
    damage(live)
    bindir = programs_with(
        tmp_path / "bin", live.cluster.bin_dir, 'env >&2; echo "pg_restore: error: $PGPASSWORD" >&2; exec "$REAL" "$@"'
    )
    ended = run_module(live.module(pg_bindir=str(bindir), instance_unique_id=UNIQUE_ID))
    assert (ended.status, ended.result["changed"]) == (0, True), ended.output
    assert ended.result["database"]["messages"]
    assert live.state() == points.states[NEWER]
    check_secrets(live, tmp_path, ended.output)


# The playbook


@dataclasses.dataclass(frozen=True)
class Played:
    """A run of the playbook, and what the application was told meanwhile."""

    status: int
    output: str
    application: list[str]


def play(live: Live, tmp_path: pathlib.Path, *words: str) -> Played:
    """The playbook as an operator runs it, at the highest verbosity; the secrets come from the inventory."""
    log = tmp_path / "application.log"
    log.unlink(missing_ok=True)
    arguments = live.arguments()
    settings = {f"erp_{name}": value for name, value in arguments.items()}
    settings |= {
        "erp_instance_unique_id": UNIQUE_ID,
        "erp_stop_command": ["sh", "-c", f"echo stop >> {log}"],
        "erp_start_command": ["sh", "-c", f"echo start >> {log}"],
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
    }
    inventory = tmp_path / "inventory.json"
    inventory.write_text(json.dumps({"erp_secret": {"hosts": {"here": settings}}}), encoding="utf-8")
    environment = playbook_environment(tmp_path, HOME=str(tmp_path / "home"), ANSIBLE_HOME=str(tmp_path / "home"))
    command = [str(PLAYBOOK), "playbooks/restore.yml", "-i", str(inventory), "-e", "env=secret", "-vvvv", "--diff"]
    done = subprocess.run([*command, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    told = log.read_text().split() if log.exists() else []
    return Played(done.returncode, done.stdout + done.stderr, told)


def test_the_playbook_restores_while_the_application_stands_still(
    points: Series, live: Live, tmp_path: pathlib.Path
) -> None:
    damage(live)
    damaged = live.state()
    bindir = programs_with(tmp_path / "bin", live.cluster.bin_dir, 'sleep 1; exec "$REAL" "$@"')
    with Onlooker() as onlooker:
        played = play(
            live, tmp_path, "-e", "confirm=secret", "-e", f"backup_id={OLDER}", "-e", f"erp_pg_bindir={bindir}"
        )
    assert played.status == 0, played.output
    assert played.application == ["stop", "start"]
    assert f"Restored       {OLDER} is live in secret" in played.output
    assert live.state() == points.states[OLDER]
    # The present was backed up before, and can be had again.
    present = max(live.bucket.manifests())
    assert present not in points.states
    live.restore(backup_id=present)
    assert live.state() == damaged
    check_secrets(live, tmp_path, played.output)
    assert [line for line in onlooker.seen if "pg_restore" in line]
    assert not [line for line in onlooker.seen if live.cluster.password in line or S3_SECRET in line]


def test_the_playbook_starts_the_application_whatever_fails(points: Series, live: Live, tmp_path: pathlib.Path) -> None:
    damage(live)
    before = live.state()
    key = f"docs/{NEWER}.tar.zst"
    body = bytearray(live.bucket.read(key))
    body[len(body) // 2] ^= 1
    live.bucket.write(key, bytes(body))
    played = play(live, tmp_path, "-e", "confirm=secret", "-e", "erp_restore_safety_backup=false")
    assert played.status == 2, played.output
    assert played.application == ["stop", "start"]
    assert f"{key} is damaged" in played.output and "Traceback" not in played.output
    assert "The restore failed. What is live is complete:" in played.output
    assert live.state() == before
    check_secrets(live, tmp_path, played.output)
