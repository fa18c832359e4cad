# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs in the container of a Kubernetes Job or CronJob: one module of this collection, and what it found.

Options come in ``ERP_JOB_OPTIONS``, secrets in the variables of ``SECRETS``. The log has one JSON object a line: progress,
then the whole result. The result, cut to what a pod's termination message holds, goes to the file ``ERP_JOB_RESULT``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any, TextIO

from ansible.module_utils.common.parameters import remove_values

from ansible_collections.arcodange.erp.plugins.module_utils.job_result import LIMIT, shortened
from ansible_collections.arcodange.erp.plugins.module_utils.programs import Program

MODULES = "ansible_collections.arcodange.erp.plugins.modules"
EXIT = {"refused": 2, "failed": 1}  # any other outcome is 0
INTERVAL = 5.0  # seconds between two lines of progress
TAIL = 20  # lines of a module that broke

# Which option a variable sets. The others are read by the modules themselves.
OPTIONS = {"ERP_DB_USER": "db_user", "ERP_INSTANCE_UNIQUE_ID": "instance_unique_id"}
SECRETS = ("PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "ERP_INSTANCE_UNIQUE_ID")


@dataclass(frozen=True)
class Work:
    """What one module needs of its pod; ``exclusive`` work is done by one Job at a time."""

    documents: str = ""  # how the documents are mounted: "", "read" or "write"
    progress: bool = True
    exclusive: bool = True


WORK = {
    "erp_backup": Work(documents="read"),
    "erp_backup_info": Work(exclusive=False),
    "erp_database_info": Work(progress=False, exclusive=False),
    "erp_drill": Work(documents="read"),
    "erp_restore": Work(documents="write"),
    "pg_reassign_owned": Work(progress=False),
    "s3_tiered_prune": Work(progress=False),
}


def module_input(options: Mapping[str, Any], environment: Mapping[str, str], flags: Mapping[str, bool]) -> str:
    """What a module reads from its standard input."""
    given = {option: environment[name] for name, option in OPTIONS.items() if environment.get(name)}
    special = {f"_ansible_{name}": value for name, value in flags.items()}
    return json.dumps({"ANSIBLE_MODULE_ARGS": {**options, **given, **special}})


def broken(message: str, **facts: Any) -> dict[str, Any]:
    """The result of a module that left none."""
    return {"failed": True, "outcome": "failed", "msg": message, **facts}


def read_result(output: str, errors: str, status: int, name: str) -> dict[str, Any]:
    """The result of a module; one that broke has none, and its last words are the reason."""
    try:
        result = json.loads(output)
    except ValueError:
        result = None
    if not isinstance(result, dict):
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        words = (errors or output).strip().splitlines()[-TAIL:]
        return broken(f"The module {name} {how} and left no result: look at the log of the pod.", last_words=words)
    result.pop("invocation", None)
    if result.get("failed"):
        result.setdefault("outcome", "failed")
    return result


def masked(value: Any, environment: Mapping[str, str]) -> Any:
    """A value without the secrets of the environment, as modules do it with theirs."""
    return remove_values(value, {environment[name] for name in SECRETS if environment.get(name)})


class Log:
    """The standard output of the container, one JSON object a line."""

    def __init__(self, stream: TextIO, environment: Mapping[str, str]) -> None:
        self._stream = stream
        self._environment = environment

    def write(self, **entry: Any) -> None:
        self._stream.write(json.dumps(masked(entry, self._environment), default=str) + "\n")
        self._stream.flush()


def follow(path: str, log: Log, done: threading.Event, interval: float) -> None:
    """Copy how far the module has come into the log, when it has come further."""
    before = None
    while not done.wait(interval):
        try:
            with open(path, encoding="ascii") as file:
                state = json.load(file)
        except (OSError, ValueError):
            continue  # not there yet, or no more
        state.pop("pid", None)
        if state != before:
            log.write(progress=state)
            before = state


def run_module(name: str, standard_input: str, watch: Callable[[threading.Event], None]) -> tuple[int, str, str]:
    """Run a module to its end; a pod that is told to stop stops it and waits."""
    program = Program(
        [sys.executable, "-P", "-m", f"{MODULES}.{name}"],
        stdin=-1,
        stdout=-1,
        stderr=-1,
        text=True,
        encoding="utf-8",
        errors="replace",
    )

    def stop(_signal: int, _frame: FrameType | None) -> None:
        program.terminate()

    # The first process of a container is not ended by a signal that it does not handle.
    signal.signal(signal.SIGTERM, stop)
    done = threading.Event()
    watcher = threading.Thread(target=watch, args=(done,), daemon=True)
    watcher.start()
    try:
        output, errors = program.communicate(standard_input)
    finally:
        done.set()
        watcher.join()
    return program.returncode, output, errors


def job(environment: Mapping[str, str], stream: TextIO, interval: float = INTERVAL) -> int:
    """Run the module that the environment names; return the exit status of the container."""
    log = Log(stream, environment)
    name = environment.get("ERP_JOB_MODULE", "")
    try:
        options = json.loads(environment.get("ERP_JOB_OPTIONS", "{}"))
    except ValueError:
        options = None
    if name not in WORK:
        result = broken(f"ERP_JOB_MODULE is '{name}': set it to one of {', '.join(WORK)}.")
    elif not isinstance(options, dict):
        result = broken(f"ERP_JOB_OPTIONS is not a JSON object: set it to the options of {name}.")
    else:
        flags = {key: environment.get(f"ERP_JOB_{key.upper()}") == "true" for key in ("check_mode", "diff")}
        with tempfile.TemporaryDirectory(prefix="arcodange-erp-") as place:
            path = os.path.join(place, "progress.json")
            if WORK[name].progress:
                options["progress_file"] = path
            status, output, errors = run_module(
                name, module_input(options, environment, flags), lambda done: follow(path, log, done, interval)
            )
        result = masked(read_result(output, errors, status, name), environment)
    log.write(result=result)
    write_result(environment.get("ERP_JOB_RESULT", "/dev/termination-log"), result)
    return EXIT.get(result.get("outcome", ""), 1 if result.get("failed") else 0)


def write_result(path: str, result: Mapping[str, Any]) -> None:
    """Leave the result where the cluster takes a pod's termination message from."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(shortened(result, LIMIT), ensure_ascii=False, separators=(",", ":"), default=str))


if __name__ == "__main__":
    raise SystemExit(job(os.environ, sys.stdout))
