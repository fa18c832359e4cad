# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens when something goes wrong, shown on the sandbox: damage, drill, restore, undo, and once more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parents[2]
SANDBOX = ROOT / ".sandbox"
INVOICE, TABLE = "FA2501-0001", "llx_bookmark"
PDF = f"facture/{INVOICE}/{INVOICE}.pdf"


def step(text: str) -> None:
    """A heading."""
    print(f"\n=== {text}", flush=True)


def play(verb: str, *words: str) -> str:
    """Run a verb on the sandbox, show what it prints, and return it."""
    command = ["ansible-playbook", f"playbooks/{verb}.yml", "-e", "env=sandbox", *words]
    print("$", *command, flush=True)
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(done.stdout, flush=True)
    if done.returncode:
        sys.exit(f"{verb} ended with {done.returncode}.")
    return done.stdout


def server() -> dict[str, Any]:
    """How to reach the sandbox's database, from what the sandbox has written down."""
    place = json.loads((SANDBOX / "state.json").read_text())["postgresql"]
    secrets = json.loads((SANDBOX / "secrets.json").read_text())
    return {
        "host": place["host"],
        "port": place["port"],
        "dbname": place["database"],
        "user": place["superuser"],
        "password": secrets["superuser_password"],
    }


def state() -> tuple[str, bool, bool]:
    """What the damage touches: the invoice's total, its PDF, and the table."""
    with psycopg.connect(**server()) as connection:
        total = connection.execute("SELECT total_ttc FROM llx_facture WHERE ref = %s", (INVOICE,)).fetchone()
        table = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (f"public.{TABLE}",)).fetchone()
    return str(total and total[0]), (SANDBOX / "documents" / PDF).is_file(), bool(table and table[0])


def expect(said: str, *words: str) -> None:
    """End with a sentence unless all the words were said."""
    missing = [word for word in words if word not in said]
    if missing:
        sys.exit(f"This was not said: {', '.join(missing)}.")


def main() -> None:
    """The whole story; ends with a status other than 0 as soon as something is not as it must be."""
    step("back up")
    play("backup")
    whole = state()

    step(f"damage: the total of {INVOICE} changed, its PDF deleted, the table {TABLE} dropped")
    with psycopg.connect(**server()) as connection:
        connection.execute("UPDATE llx_facture SET total_ttc = total_ttc + 100 WHERE ref = %s", (INVOICE,))
        connection.execute(f"DROP TABLE public.{TABLE} CASCADE".encode())
    (SANDBOX / "documents" / PDF).unlink()
    damaged = state()
    print(f"before: {whole}\nnow:    {damaged}")

    step("drill: what is no longer as it was backed up?")
    expect(play("drill"), INVOICE, PDF, TABLE)

    for word in ("restore", "redo"):
        step(word)
        play("restore", "-e", "erp_restore_safety_backup=false")
        if state() != whole:
            sys.exit(f"Not everything is back: {state()} instead of {whole}.")
        expect(play("restore", "--check"), "is what is live already")
        if word == "restore":
            step("undo")
            play("restore", "-e", "undo=true")
            if state() != damaged:
                sys.exit(f"What was live before is not back: {state()} instead of {damaged}.")
    print("Everything is equal to the restore point again.")


if __name__ == "__main__":
    main()
