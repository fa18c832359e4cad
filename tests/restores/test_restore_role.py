# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook that restores, as an operator types it: it asks first, and goes there and back."""

from __future__ import annotations

import http.server
import json
import pathlib
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.support.databases import Cluster
from tests.support.paths import ROOT
from tests.support.playbooks import PLAYBOOK, sentence
from tests.support.restore_points import environment
from tests.support.restore_scene import INSTANCE, Live, Series, series
from tests.support.stores import Store

OLDER, NEWER = "20260331T155959Z", "20260331T160001Z"


@pytest.fixture(scope="module")
def points(postgres: Cluster, moto: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Series]:
    with series(postgres, moto, tmp_path_factory.mktemp("points"), OLDER, NEWER) as made:
        yield made


@pytest.fixture
def live(points: Series, tmp_path: pathlib.Path) -> Iterator[Live]:
    with points.live(tmp_path, points.own_bucket()) as live:
        yield live


@pytest.fixture
def dolibarr() -> Iterator[str]:
    """What answers at the address of the application."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"success": {"code": 200, "dolibarr_version": "22.0.4"}}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Operator:
    """Somebody at a terminal; ``said`` is what the application was told, in order."""

    def __init__(self, live: Live, place: pathlib.Path, dolibarr: str = "") -> None:
        self._log = place / "application.log"
        self._inventory = place / "inventory.json"
        options = live.arguments()
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "erp_instance_id": INSTANCE,
            "erp_s3_prefix": live.prefix,
            "erp_db_admin_user": options["db_user"],
            "erp_db_admin_password": options["db_password"],
            "erp_backup_prune": False,
            "erp_dolibarr_url": dolibarr,
            "erp_stop_command": self._note("stop"),
            "erp_start_command": self._note("start"),
            **{f"erp_{name}": value for name, value in options.items() if name[:3] in ("db_", "s3_", "pg_")},
            "erp_documents_path": str(live.documents),
        }
        hosts = {"erp_house": {"hosts": {"house": {}}, "vars": variables}}
        self._inventory.write_text(json.dumps(hosts))

    def _note(self, word: str) -> list[str]:
        return ["sh", "-c", f"echo {word} >> {self._log}"]

    @property
    def said(self) -> list[str]:
        return self._log.read_text().split() if self._log.exists() else []

    def restore(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Type the playbook with these words."""
        command = [
            str(PLAYBOOK),
            "-i",
            str(self._inventory),
            "playbooks/restore.yml",
            "-e",
            "env=house",
            *words,
        ]
        variables = environment(
            HOME=str(self._inventory.parent),
            ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"),
            COLUMNS="1000",
            ANSIBLE_NOCOLOR="1",
        )
        return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)


CONFIRM = ("-e", "confirm=house")


def test_the_whole_way_there_and_back(live: Live, tmp_path: pathlib.Path, dolibarr: str) -> None:
    operator = Operator(live, tmp_path, dolibarr)
    before = live.state()
    assert sentence(operator.restore()) == ("This changes what is live in house: add -e confirm=house to go on.")
    checked = operator.restore("--check", "-e", f"backup_id={OLDER}")
    assert checked.returncode == 0 and "nothing was written anywhere" in checked.stdout
    assert (live.state(), operator.said) == (before, [])
    done = operator.restore(*CONFIRM, "-e", f"backup_id={OLDER}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{OLDER} is live in house" in done.stdout
    assert "22.0.4 answers" in done.stdout
    assert operator.said == ["stop", "start"]
    assert live.state() != before
    assert len(live.bucket.manifests()) == 3  # the present was backed up
    again = operator.restore(*CONFIRM, "-e", f"backup_id={OLDER}")
    assert "nothing was changed" in again.stdout
    assert operator.said == ["stop", "start"]
    undone = operator.restore(*CONFIRM, "-e", "undo=true")
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert live.state() == before
    assert operator.said == ["stop", "start"] * 2
