# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``ansible-test sanity`` in ``.cache/tree`` with the Python and the ansible-core of the running environment.

Without containers and without the download ansible-test would make: a stand-in for get-pip runs the pip wheel of the
package index.
"""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import ansible_test

CACHE = Path(__file__).resolve().parents[2] / ".cache"
HOME = CACHE / "home"
TREE = CACHE / "tree/ansible_collections/arcodange/erp"
STAND_IN = """\
import os, runpy, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pip-{version}-py3-none-any.whl"))
sys.argv = ["pip", "install"] + [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def provide_pip() -> None:
    """Put the pip that this ansible-test wants, and a get-pip that uses it, where ansible-test looks first."""
    source = (Path(ansible_test.__path__[0]) / "_internal/python_requirements.py").read_text()
    found = re.search(r"default_packages = dict\(\s*pip='([\d.]+)'", source)
    if not found:
        sys.exit("This ansible-test does not say which pip it wants: tests/tools/sanity.py has to learn its new way.")
    version = found[1]
    cache = HOME / ".ansible/test/cache"
    cache.mkdir(parents=True, exist_ok=True)
    if not (cache / f"pip-{version}-py3-none-any.whl").exists():
        pip = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*pip, "-d", str(cache), f"pip=={version}"], check=True)
    (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(STAND_IN.format(version=version))


def keep_index_settings() -> None:
    """ansible-test hides PIP_* variables from its pip and has another home: write what applies here into that home."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], stdout=subprocess.PIPE, text=True, check=True
    )
    settings = configparser.RawConfigParser()
    settings["global"] = {
        name.rpartition(".")[2]: value[1:-1].encode().decode("unicode_escape")
        for name, value in (line.split("=", 1) for line in listing.stdout.splitlines())
        if name.startswith(("global.", "install.", ":env:."))
    }
    settings["global"]["quiet"] = "2"
    (HOME / ".config/pip").mkdir(parents=True, exist_ok=True)
    with open(HOME / ".config/pip/pip.conf", "w", encoding="utf-8") as file:
        settings.write(file)


def main() -> int:
    """The status is ansible-test's."""
    provide_pip()
    keep_index_settings()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    # A pyenv shim would be found first, and fails below ansible-test.
    tools = os.path.join(sys.prefix, "bin")
    path = os.pathsep.join([os.path.dirname(os.path.realpath(sys.executable)), tools, os.environ["PATH"]])
    command = [os.path.join(tools, "ansible-test"), "sanity", "--venv", "--python", version, "--color", "no"]
    environment = {**os.environ, "HOME": str(HOME), "PATH": path}
    with subprocess.Popen(
        [*command, *sys.argv[1:]],
        cwd=TREE,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        skipped = False
        for line in process.stdout or ():
            print(line, end="", flush=True)
            skipped = skipped or "All targets skipped" in line
    return process.returncode or int(skipped)


if __name__ == "__main__":
    sys.exit(main())
