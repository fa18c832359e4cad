# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting other programs.

``AnsibleModule.run_command`` holds a whole output in memory and belongs to a module; dumps are streams, and what lies
in these utilities knows no module, so this is the one place from which they start programs.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any


class Program(subprocess.Popen[Any]):
    """A program that runs; its options are those of :class:`subprocess.Popen`."""


def run_program(
    command: Sequence[Any],
    *,
    input: bytes | str | None = None,
    capture_output: bool = False,
    timeout: float | None = None,
    check: bool = False,
    **settings: Any,
) -> subprocess.CompletedProcess[Any]:
    """Run a program to its end; options, result and errors are those of :func:`subprocess.run`."""
    if input is not None:
        settings["stdin"] = subprocess.PIPE
    if capture_output:
        settings |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Program(command, **settings) as process:
        try:
            output, errors = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(command, process.returncode, output, errors)
    if check:
        done.check_returncode()
    return done
