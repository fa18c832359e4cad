# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run gates, each a target of the Makefile, to the end, whatever fails: ``python gates.py GATE... [--again GATE...]``.

Those after ``--again`` run once more on the other end of the supported versions, where its Python is found. A gate made
of pytest counts as its tests, any other as one. The last line is ``N passed, N failed``. With ``--jobs`` 2, two run at a
time: what they share (environment, copy) must be there before.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / ".cache/logs"
LONGEST = 15 * 60  # seconds; a gate that takes longer hangs
TAIL = 100  # lines shown of a gate that failed
RUNNING: set[subprocess.Popen[bytes]] = set()


@dataclass
class Outcome:
    """What became of a gate."""

    name: str
    seconds: float
    passed: int
    failed: int
    skipped: int

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.name:<20}{self.seconds:>7.1f} s  {self.passed:>5} passed, {self.failed} failed{skipped}"


def run(gate: str, name: str, settings: list[str]) -> Outcome:
    """Run one gate with its output in a log; show the end of it when it fails."""
    log, report = LOGS / f"{name}.log", LOGS / f"{name}.xml"
    report.unlink(missing_ok=True)
    start = time.monotonic()
    with open(log, "wb") as output:
        process = subprocess.Popen(
            ["make", "--no-print-directory", gate, *settings],
            cwd=ROOT,
            env={**os.environ, "PYTEST_ADDOPTS": f"--junitxml={report}"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        RUNNING.add(process)
        try:
            status = process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)
            status = process.wait()
            output.write(f"\nStopped after {LONGEST} s.\n".encode())
        RUNNING.discard(process)
    passed, failed, skipped = counts(report) if report.exists() else (int(status == 0), 0, 0)
    outcome = Outcome(name, time.monotonic() - start, passed, max(failed, 1) if status else failed, skipped)
    text = [str(outcome)]
    if outcome.failed:
        lines = log.read_text(errors="replace").splitlines()[-TAIL:]
        text += [f"---- the last {len(lines)} lines of {log.relative_to(ROOT)}", *lines, "----"]
    print("\n".join(text), flush=True)
    return outcome


def run_all(gates: list[tuple[str, str, list[str]]], jobs: int) -> list[Outcome]:
    """Run gates, each with its name and settings, at most ``jobs`` at a time, begun in their order."""
    with ThreadPoolExecutor(jobs) as pool:
        try:
            return list(pool.map(lambda gate: run(*gate), gates))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(RUNNING):  # when this one is interrupted
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)


def counts(report: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped tests of a JUnit report."""
    suites = [suite.attrib for suite in ElementTree.parse(report).iter("testsuite")]
    total, failures, errors, skipped = (
        sum(int(suite[key]) for suite in suites) for key in ("tests", "failures", "errors", "skipped")
    )
    return total - failures - errors - skipped, failures + errors, skipped


def other_end() -> str:
    """The Python for the ansible-core that this environment does not have; empty where there is none."""
    versions = ["3.13", "3.12", "3.14"] if sys.version_info < (3, 12) else ["3.11"]
    found = subprocess.run(
        ["sh", "tests/tools/python.sh", *versions], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    if not found.stdout:
        print(f"No Python {' or '.join(versions)} was found: the other ansible-core is not tested here.", flush=True)
    return found.stdout.strip()


def main() -> int:
    """Run all, then what failed and the counts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("gates", nargs="+")
    parser.add_argument("--again", nargs="+", default=[])
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    LOGS.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    gates: list[tuple[str, str, list[str]]] = [(gate, gate, []) for gate in options.gates]
    other = other_end() if options.again else ""
    if other:
        command = [other, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        version = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        settings = [f"VENV=.venv-{version}", f"PYTHON={other}"]
        subprocess.run(["make", "--no-print-directory", "tree", *settings], cwd=ROOT, check=True)
        gates += [(gate, f"{gate}-{version}", settings) for gate in options.again]
    outcomes = run_all(gates, options.jobs)
    failed = [outcome for outcome in outcomes if outcome.failed]
    print(f"\n{time.monotonic() - start:.0f} s; " + ("failed:" if failed else "all gates passed."))
    print(*failed, sep="\n", end="\n" if failed else "")
    print(f"{sum(o.passed for o in outcomes)} passed, {sum(o.failed for o in outcomes)} failed")
    return int(bool(failed))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Interrupted; the gates that were running are ended.")
