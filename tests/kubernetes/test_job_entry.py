# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs in the container: the real modules in a process of their own, and the result that fits a termination message."""

from __future__ import annotations

import json
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.job_result import KEPT, LIMIT, shortened, size
from tests.support.databases import Cluster
from tests.support.restore_points import Scene, environment, programs, small_database
from tests.support.stores import Store

ENTRY = [sys.executable, "-P", "-m", "ansible_collections.arcodange.erp.plugins.module_utils.job_entry"]
SECRETS = ("db_password", "s3_secret_key", "s3_access_key", "db_user")
UNIQUE_ID = "planted-unique-id-77f0"


@pytest.fixture
def scene(postgres: Cluster, object_store: Store, tmp_path: pathlib.Path) -> Iterator[Scene]:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "note.txt").write_text("a document")
    with small_database(postgres) as database:
        yield Scene(database, object_store, documents, postgres.bin_dir)


class Container:
    """A container with a file for its last words."""

    def __init__(self, scene: Scene, place: pathlib.Path) -> None:
        self._scene = scene
        self.message = place / "termination-log"

    def start(self, module: str = "erp_backup", **changes: Any) -> subprocess.Popen[str]:
        """Begin the work; secrets come by environment."""
        options = self._scene.arguments(**changes)
        variables = {
            "ERP_JOB_MODULE": module,
            "ERP_JOB_OPTIONS": json.dumps(
                {name: value for name, value in options.items() if name not in SECRETS and value is not None}
            ),
            "ERP_JOB_RESULT": str(self.message),
            "ERP_DB_USER": options["db_user"],
            "PGPASSWORD": options["db_password"],
            "AWS_ACCESS_KEY_ID": options["s3_access_key"],
            "AWS_SECRET_ACCESS_KEY": options["s3_secret_key"],
            "ERP_INSTANCE_UNIQUE_ID": UNIQUE_ID,
        }
        return subprocess.Popen(
            ENTRY, env=environment(**variables), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/"
        )

    def run(self, **changes: Any) -> tuple[int, dict[str, Any], str]:
        """Its exit status, its last words and its log."""
        with self.start(**changes) as process:
            log = process.communicate()[0]
        return process.returncode, json.loads(self.message.read_text()), log


@pytest.fixture
def container(scene: Scene, tmp_path: pathlib.Path) -> Container:
    return Container(scene, tmp_path)


def test_a_backup_leaves_a_restore_point_and_says_which(container: Container, scene: Scene) -> None:
    status, result, log = container.run()
    assert (status, result["outcome"], result["changed"]) == (0, "done", True), log
    assert result["restore_point"] == scene.bucket.newest()["id"]
    assert scene.bucket.newest()["instance"]["key_fingerprint"]  # the unique id came by environment
    assert json.loads(log.splitlines()[-1])["result"]["restore_point"] == result["restore_point"]
    for secret in (scene.database.password, UNIQUE_ID):
        assert secret not in log + container.message.read_text()


def test_a_refusal_has_a_status_of_its_own(container: Container) -> None:
    status, result, _log = container.run(module="erp_restore", undo=True, environment_name=None)
    assert (status, result["outcome"]) == (2, "refused")
    assert "There is no restore to undo" in result["msg"]


def test_a_failure_is_a_sentence_without_the_secret(container: Container) -> None:
    status, result, log = container.run(db_password="planted-wrong-password-4410")
    assert (status, result["outcome"]) == (1, "failed")
    assert "the user or password is wrong" in result["msg"]
    assert "planted-wrong-password" not in log


def test_a_module_that_is_not_meant_for_jobs_is_named(container: Container) -> None:
    status, result, _log = container.run(module="erp_sandbox")
    assert status == 1
    assert result["msg"].startswith("ERP_JOB_MODULE is 'erp_sandbox': set it to one of erp_backup, ")


def test_a_pod_that_is_told_to_stop_stops_its_module_and_says_so(scene: Scene, tmp_path: pathlib.Path) -> None:
    bindir = programs(tmp_path / "slow", scene.bin_dir, f"touch {tmp_path}/dumping; exec sleep 60")
    container = Container(scene, tmp_path)
    process = container.start(pg_bindir=str(bindir))
    end = time.monotonic() + 20
    while not (tmp_path / "dumping").exists() and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    result = json.loads(container.message.read_text())
    assert (process.returncode, result["outcome"]) == (1, "failed")
    assert result["msg"].startswith("The module erp_backup was ended by signal 15")
    assert not scene.bucket.manifests()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=600),
    lambda inner: st.lists(inner, max_size=40) | st.dictionaries(st.text(max_size=9), inner, max_size=12),
    max_leaves=60,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b.c", "summary", "findings"]), JSON), st.integers(200, 1500))
def test_whatever_a_module_found_fits_and_keeps_what_is_decided_by(found: dict[str, Any], limit: int) -> None:
    result = {**found, "outcome": "findings", "changed": True, "restore_point": "20261120T040000Z"}
    short = shortened(result, limit)
    assert size(short) <= limit
    assert {name: short[name] for name in KEPT & set(result)} == {name: result[name] for name in KEPT & set(result)}
    if size(result) <= limit:
        assert short == result
    else:
        assert short.get("cut") or set(short) <= KEPT


def test_what_was_cut_is_named_with_the_length_it_had() -> None:
    findings = [{"message": f"finding number {number} of many"} for number in range(400)]
    result = {"outcome": "findings", "findings": findings, "summary": {"business": {"months": {}}, "files": 3}}
    short = shortened(result, LIMIT)
    assert short["cut"] == {"findings": 400}
    assert short["findings"] == findings[: len(short["findings"])] and len(short["findings"]) >= 50
    assert short["summary"] == result["summary"]


def test_a_finding_never_becomes_none() -> None:
    findings = [{"message": f"a long finding, {'x' * 300}"}]
    seconds = {f"phase {number}": number * 1.5 for number in range(300)}
    short = shortened({"outcome": "findings", "findings": findings, "seconds": seconds}, LIMIT)
    assert len(short["findings"]) == 1 and short["seconds"] == {}


def test_a_large_block_of_figures_goes_before_a_short_list() -> None:
    months = {f"2025-{number:03}": {"ht": "1234.00", "ttc": "1480.80"} for number in range(100)}
    result = {"outcome": "done", "summary": {"business": {"months": months}}, "stored": [{"key": "k" * 60}] * 3}
    short = shortened(result, LIMIT)
    assert short["summary"]["business"] == {} and short["stored"] == result["stored"]
