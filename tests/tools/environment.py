# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a virtual environment from the locks: ``python environment.py DIRECTORY {run|test|bench}...``.

Runs on the Python to build with, with the standard library alone. Says nothing when there is nothing to do: a stamp
remembers the interpreter, the place and the content of the locks.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"


def lock(name: str) -> Path:
    """The lock for this Python: ansible-core 2.19 is the last for 3.11, 2.21 the first tested for all newer ones."""
    if name == "bench":
        return REQUIREMENTS / "bench.txt"
    return REQUIREMENTS / f"{name}-{'py311' if sys.version_info < (3, 12) else 'py312'}.txt"


def run(command: list[str]) -> None:
    """Run quietly; on failure show what the command said and stop."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode:
        sys.exit(f"{result.stdout}Set-up stopped: `{' '.join(command)}` failed with status {result.returncode}.")


def create(directory: Path) -> None:
    """An empty environment with the pinned pip."""
    shutil.rmtree(directory, ignore_errors=True)
    pip = ["install", "-qq", "--disable-pip-version-check", "-r", str(REQUIREMENTS / "pip.txt")]
    if importlib.util.find_spec("ensurepip"):
        run([sys.executable, "-m", "venv", str(directory)])
        run([str(directory / "bin/python"), "-m", "pip", *pip])
    elif importlib.util.find_spec("pip") and importlib.util.find_spec("venv"):
        run([sys.executable, "-m", "venv", "--without-pip", str(directory)])
        run([sys.executable, "-m", "pip", "--python", str(directory / "bin/python"), *pip])
    else:
        sys.exit(
            f"{sys.executable} has neither ensurepip nor pip: install them (Debian and Ubuntu: apt-get install "
            f"python{sys.version_info.major}.{sys.version_info.minor}-venv), or name another Python with PYTHON=."
        )


def main(directory: Path, names: list[str]) -> None:
    """Bring the environment to the state the locks describe."""
    if "test" in names:
        names = ["run", "test"]
    origin = [sys.version, os.path.realpath(sys.executable), str(directory)]
    wanted = {name: hashlib.sha256(lock(name).read_bytes()).hexdigest() for name in names}
    stamp = directory / "stamp.json"
    state = json.loads(stamp.read_text()) if stamp.exists() else {}
    done = state.get("locks", {})
    fresh = state.get("origin") == origin and all(
        hashlib.sha256(lock(name).read_bytes()).hexdigest() == digest for name, digest in done.items()
    )
    missing = [name for name in names if not fresh or done.get(name) != wanted[name]]
    if not missing:
        return
    count = sum(lock(name).read_text().count("==") for name in missing)
    print(
        f"Setting up {os.path.relpath(directory)} on Python {sys.version.split()[0]}: {count} packages, "
        "one or two minutes the first time ...",
        flush=True,
    )
    start = time.monotonic()
    if not fresh:
        done = {}
        create(directory)
    stamp.unlink(missing_ok=True)
    python = str(directory / "bin/python")
    for name in missing:
        run(
            [
                python,
                "-m",
                "pip",
                "install",
                "-qq",
                "--no-deps",
                "--no-compile",
                "--only-binary",
                ":all:",
                "-r",
                str(lock(name)),
            ]
        )
        done[name] = wanted[name]
    # On every core, which pip does not do; some packages carry files that are not meant to compile.
    subprocess.run([python, "-m", "compileall", "-qq", "-j", "0", str(directory / "lib")], check=False)
    stamp.write_text(json.dumps({"origin": origin, "locks": done}))
    print(f"... done in {time.monotonic() - start:.0f} s.", flush=True)


if __name__ == "__main__":
    main(ROOT / sys.argv[1], sys.argv[2:])
