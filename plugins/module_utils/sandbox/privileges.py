# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL refuses to run as root: find the user it runs as instead, and how to become that user."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import pwd
import shutil
import subprocess
from collections.abc import Sequence

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.programs import run_program

# initdb asks access(2) about its programs, which ignores the capability unless no_setuid_fixup is set.
_READ_ANYWHERE = (
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
    "--securebits=+no_setuid_fixup",
)


@dataclasses.dataclass(frozen=True)
class RunAs:
    """Whose files they are, and the words before a command that make it run as that user."""

    prefix: tuple[str, ...] = ()
    owner: tuple[int, int] | None = None

    def give(self, path: pathlib.Path) -> None:
        """Make a file or directory of ours theirs."""
        if self.owner is not None:
            os.chown(path, *self.owner)


def run_as(program: pathlib.Path, directory: pathlib.Path) -> RunAs:
    """How to run ``program`` so that it may read itself and reach ``directory``.

    An ordinary user runs it directly. Root steps down to nobody, which keeps the right to read everywhere only
    where it is needed: when the program or the directory lies below one that is closed to others.
    """
    if os.geteuid() != 0:
        return RunAs()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ErpError("PostgreSQL does not run as root and setpriv is not installed: run this as an ordinary user.")
    nobody = pwd.getpwnam("nobody")
    owner = (nobody.pw_uid, nobody.pw_gid)
    step_down = (setpriv, f"--reuid={owner[0]}", f"--regid={owner[1]}", "--clear-groups")
    for prefix in (step_down, (*step_down, *_READ_ANYWHERE)):
        # By way of a shell: setpriv has root's rights until it starts the program, what initdb starts has not.
        if _works([*prefix, "sh", "-c", '"$0" --version && ls -d "$1/."', str(program), str(directory)]):
            return RunAs(prefix, owner)
    raise ErpError(
        f"The user nobody, as whom root runs PostgreSQL, cannot read {program} or {directory}, "
        "and this machine does not let root lend it the right: "
        "move the clone out of the closed directory or run this as an ordinary user.",
        program=str(program),
        directory=str(directory),
    )


def _works(argv: Sequence[str]) -> bool:
    return run_program(argv, stdin=subprocess.DEVNULL, capture_output=True, cwd="/", check=False).returncode == 0
