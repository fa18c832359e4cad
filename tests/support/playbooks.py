# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Typing a playbook in a test."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

from tests.support.paths import ROOT

PLAYBOOK = pathlib.Path(sys.executable).with_name("ansible-playbook")


def playbook_environment(home: pathlib.Path, **changes: str) -> dict[str, str]:
    """No variable of the developer's own; whatever Ansible leaves lies below ``home``."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        # A proxy that the user needs for the package index must not come between.
        "no_proxy": "*",
        "COLUMNS": "1000",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_HOME": str(home / "ansible"),
        "ANSIBLE_LOCAL_TEMP": str(home / "local"),
        "ANSIBLE_REMOTE_TEMP": str(home / "remote"),
        **changes,
    }


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one error of a run."""
    output = done.stdout + done.stderr
    assert done.returncode == 2, output
    assert "Traceback" not in output
    errors: list[str] = re.findall(r"\[ERROR\]: (?:Task failed: )?(?:Action failed: )?(.*)", output)
    assert len(errors) == 1, output
    return errors[0]
