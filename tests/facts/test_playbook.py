# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook as a person types it: a table to read, one sentence for a mistake, and nowhere a secret."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
import textwrap

import pytest

from tests.support.dolibarr import StandIn
from tests.support.paths import ROOT
from tests.support.playbooks import PLAYBOOK, playbook_environment

KEY, WRONG = "planted-key-7c1e90", "planted-wrong-key-44d2"


@pytest.fixture
def stand_in() -> StandIn:
    """A Dolibarr with a key of its own."""
    return StandIn(keys={"ai_agent": KEY})


def play(
    url: str, home: pathlib.Path, *words: str, key: str = KEY, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run the playbook, the settings being those of the inventory."""
    host = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "erp_dolibarr_url": url,
        "erp_dolibarr_api_key": key,
        **settings,
    }
    inventory = home / "inventory.json"
    inventory.write_text(json.dumps({"erp_planted": {"hosts": {"here": host}}}), encoding="utf-8")
    environment = playbook_environment(home)
    command = [str(PLAYBOOK), "playbooks/facts.yml", "-i", str(inventory), "-e", "env=planted"]
    for word in words:
        command += ["-e", word] if "=" in word else [word]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def shown(output: str) -> str:
    """The report as the callback prints it, without its indentation."""
    found = re.search(r"msg: \|-\n((?: {8}.*\n|\n)+)", output)
    assert found, output
    return textwrap.dedent(found[1]).rstrip("\n") + "\n"


def leaks(home: pathlib.Path, output: str) -> list[str]:
    """Where a secret is: in the output, or in a file that the run left."""
    left = {
        str(path): path.read_bytes() for path in home.rglob("*") if path.is_file() and path.name != "inventory.json"
    }
    left["output"] = output.encode()
    return [name for name, body in left.items() for secret in (KEY, WRONG) if secret.encode() in body]


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one error of a run."""
    output = done.stdout + done.stderr
    assert done.returncode == 2 and "Traceback" not in output, output
    errors: list[str] = re.findall(r"\[ERROR\]: (?:Task failed: )?(?:Module failed: |Action failed: )?(.*)", output)
    assert len(errors) == 1, output
    return errors[0]


def test_a_table_on_the_screen_and_no_secret_anywhere(stand_in: StandIn, tmp_path: pathlib.Path) -> None:
    dest = tmp_path / "report.txt"
    with stand_in:
        done = play(
            stand_in.url, tmp_path, "report=payments_by_month", "month=2025-11", f"dest={dest}", "-vvvv", "--diff"
        )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    # 1400 of FA2510-0017, 1800 of FA2511-0019 and 2640 of FA2510-0018 came, 1800 of AV2511-0002 went back
    table = (
        "Payments by month, customers\n"
        "\n"
        "Month      Movements    Received    Paid back      Net    Cumulative\n"
        "-------  -----------  ----------  -----------  -------  ------------\n"
        "2025-11            4     5840.00      1800.00  4040.00       4040.00\n"
        "-------  -----------  ----------  -----------  -------  ------------\n"
        "All                4     5840.00      1800.00  4040.00\n"
    )
    assert shown(done.stdout) == table
    assert dest.read_text(encoding="utf-8") == table
    assert leaks(tmp_path, output) == []


def test_a_wrong_key_is_said_and_not_shown(stand_in: StandIn, tmp_path: pathlib.Path) -> None:
    with stand_in:
        done = play(stand_in.url, tmp_path, "report=snapshot", "-vvvv", "--diff", key=WRONG)
    assert done.returncode == 2
    assert "Dolibarr does not accept the key (401): check the key" in done.stdout + done.stderr
    assert leaks(tmp_path, done.stdout + done.stderr) == []


def test_findings_fail_on_request_after_they_are_shown(stand_in: StandIn, tmp_path: pathlib.Path) -> None:
    with stand_in:
        done = play(stand_in.url, tmp_path, "report=numbering", "format=json", "fail_on_findings=true")
    assert sentence(done) == "Found 1 error: number-order."
    said = json.loads(shown(done.stdout))
    assert [row["name"] for row in said["rows"]] == ["AC", "AV", "FA"]
    assert [finding["subject"] for finding in said["findings"]] == ["FA2607-0039"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("report=invoices",), "value of report must be one of: numbering, payments_by_month, payments_state, "),
        (
            ("erp_dolibarr_api_key_file=/etc/key",),
            "Both erp_dolibarr_api_key and erp_dolibarr_api_key_file are set for here",
        ),
    ],
)
def test_a_mistake_is_one_sentence(words: tuple[str, ...], message: str, tmp_path: pathlib.Path) -> None:
    assert sentence(play("https://erp.example.com", tmp_path, *words)).startswith(message)
