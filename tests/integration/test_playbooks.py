# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks as a person types them wrongly: one sentence each, no traceback, an exit status."""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest

from tests.support.paths import ROOT
from tests.support.playbooks import PLAYBOOK, sentence

INCOMPLETE = """
erp_half:
  hosts:
    half:
      ansible_connection: local
  vars:
    erp_instance_id: half
    erp_s3_bucket: backups
"""


def play(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook of the collection from the root of the clone."""
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "1000",
        "ANSIBLE_NOCOLOR": "1",
    }
    command = [str(PLAYBOOK), f"playbooks/{name}.yml", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["backup", "drill", "facts", "prune", "restore"])
def test_an_environment_that_the_inventory_does_not_have(name: str) -> None:
    assert sentence(play(name, "-e", "env=nowhere")) == (
        "The inventory has no host in a group erp_nowhere: copy inventory/prod.example to inventory/nowhere.yml"
        " and fill it in, or correct env (known here: sandbox)."
    )


@pytest.mark.parametrize("name", ["backup", "drill", "facts", "prune", "restore"])
def test_no_environment(name: str) -> None:
    assert sentence(play(name)).startswith("No environment is named: add -e env=NAME, ")


def test_a_sandbox_that_is_not_running(tmp_path: pathlib.Path) -> None:
    done = play("backup", "-e", "env=sandbox", "-e", f"erp_sandbox_path={tmp_path}")
    assert sentence(done) == "The sandbox is not running: type make sandbox."


def test_settings_that_are_missing_are_named(tmp_path: pathlib.Path) -> None:
    inventory = tmp_path / "half.yml"
    inventory.write_text(INCOMPLETE, encoding="utf-8")
    assert sentence(play("backup", "-i", str(inventory), "-e", "env=half")) == (
        "half lacks erp_db_host, erp_db_name, erp_db_user, erp_documents_path:"
        " set them for the group erp_half as inventory/prod.example shows."
    )


def test_two_ways_to_one_secret_are_refused(tmp_path: pathlib.Path) -> None:
    inventory = tmp_path / "half.yml"
    inventory.write_text(INCOMPLETE, encoding="utf-8")
    settings = {
        "env": "half",
        "erp_db_host": "127.0.0.1",
        "erp_db_name": "erp",
        "erp_db_user": "erp",
        "erp_documents_path": "/nonexistent",
        "erp_s3_credentials_file": "/nonexistent",
        "erp_s3_secret_key": "x",
    }
    arguments = [word for name, value in settings.items() for word in ("-e", f"{name}={value}")]
    assert sentence(play("backup", "-i", str(inventory), *arguments)).startswith(
        "Both erp_s3_credentials_file and keys are set for half"
    )
