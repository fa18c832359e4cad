# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook as a person types it: a verdict to read, for AWX and in files; then nothing changed; nowhere a secret."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.dolibarr import StandIn
from tests.support.invoice_audits import SELLER, documents_at
from tests.support.paths import ROOT
from tests.support.playbooks import PLAYBOOK, playbook_environment

KEY, S3_SECRET = "planted-key-2f4c", "planted-s3-secret-aa17"
ERRORS = "3 errors, "


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """A Dolibarr with a key of its own."""
    with StandIn(keys={"ai_agent": KEY}) as server:
        yield server


def play(url: str, home: pathlib.Path, *words: str, **settings: object) -> subprocess.CompletedProcess[str]:
    """Run the playbook for the one invoice FA2505-0009, the settings being those of the inventory."""
    host = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "erp_instance_id": "planted",
        "erp_dolibarr_url": url,
        "erp_dolibarr_api_key": KEY,
        "erp_s3_secret_key": S3_SECRET,
        "erp_seller": SELLER,
        "erp_seller_size": "micro",
        "erp_vat": {"regime": "normal", "on_debits": False},
        **settings,
    }
    inventory = home / "inventory.json"
    inventory.write_text(json.dumps({"erp_planted": {"hosts": {"here": host}}}), encoding="utf-8")
    environment = playbook_environment(home, ANSIBLE_SHOW_CUSTOM_STATS="1")
    command = [str(PLAYBOOK), "playbooks/audit.yml", "-i", str(inventory), "-e", "env=planted"]
    for word in ("invoices=FA2505-0009", *words):
        command += ["-e", word] if "=" in word else [word]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def changed(output: str) -> str:
    found = re.search(r"here +: ok=\d+ +changed=(\d+)", output)
    assert found, output
    return found[1]


def test_a_verdict_on_the_screen_for_awx_and_in_files(stand_in: StandIn, tmp_path: pathlib.Path) -> None:
    """FA2505-0009 has no word of discount, penalties and indemnity."""
    dest = tmp_path / "report"
    first = play(stand_in.url, tmp_path, f"dest={dest}", "-vvvv", "--diff")
    output = first.stdout + first.stderr
    assert first.returncode == 0, output
    assert (changed(output), sorted(path.name for path in dest.iterdir())) == (
        "1",
        ["audit.html", "audit.json", "audit.md"],
    )
    assert re.search(rf"\n +{ERRORS}.* open\.", first.stdout) and "- escompte: FA2505-0009\n" in first.stdout
    kept = " ".join(first.stdout.partition("CUSTOM STATS")[2].split())
    assert "erp_audit: planted: counts:" in kept and "open: escompte: - FA2505-0009 late-penalty-rate:" in kept, output
    assert kept.endswith("verdict: error") and f"files: - {dest / 'audit.json'} - {dest / 'audit.md'} - " in kept
    left = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".json"}
    left |= {"output": output.encode(), "audit.json": (dest / "audit.json").read_bytes()}
    assert [name for name, body in left.items() for secret in (KEY, S3_SECRET) if secret.encode() in body] == []
    # and failing, on request, comes after everything, and changes nothing
    again = play(stand_in.url, tmp_path, f"dest={dest}", "fail_on=error")
    assert again.returncode == 2, again.stdout
    assert changed(again.stdout) == "0" and "- escompte: FA2505-0009\n" in again.stdout
    said = re.findall(r"\[ERROR\]: (?:Task failed: )?(?:Action failed: )?(.*)", again.stdout + again.stderr)
    assert len(said) == 1 and said[0].startswith(ERRORS)


def test_what_the_inventory_says_reaches_the_audit(stand_in: StandIn, tmp_path: pathlib.Path) -> None:
    """Three errors are accepted, so that the play does not fail; PDFs come from a directory; nothing is written."""
    baseline = tmp_path / "baseline.yml"
    rules = ("escompte", "late-penalty-rate", "recovery-indemnity", "third-party-zip-missing")
    entry = "{{check: {}, subject: FA2505-0009, who: A. Martin, why: agreed, until: 2999-12-31}}"
    baseline.write_text("".join(f"- {entry.format(rule)}\n" for rule in rules), encoding="utf-8")
    done = play(
        stand_in.url,
        tmp_path,
        "--check",
        erp_audit_dest=str(tmp_path / "report"),
        erp_audit_baseline=str(baseline),
        erp_audit_fail_on="error",
        erp_audit_pdfs="documents",
        erp_documents_path=str(documents_at(tmp_path / "documents")),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\n +0 errors, .* 3 findings accepted\.", done.stdout), done.stdout
    assert "Would be written" in done.stdout and not (tmp_path / "report").exists()
    assert "/documents/download" not in {request.path for request in stand_in.requests}
