# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long reading 1 269 invoices with their payments takes over 1 and over 4 connections, and in how much memory.

``python benchmarks/facts.py [--latency SECONDS] [--copies N]``. The stand-in for Dolibarr waits before each answer; it
and each reading have a process of their own. 27 copies of the 47 captured invoices are 1 269, 891 with a payment.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / ".collections")]

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.client import Client  # noqa: E402
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import DolibarrOptions  # noqa: E402
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.reader import Reader  # noqa: E402

WANTED = 2.5  # times faster over 4 connections than over 1, at 20 ms latency


@contextmanager
def dolibarr(latency: float, copies: int, key: str) -> Iterator[str]:
    """The address of a stand-in of its own process."""
    argv = [sys.executable, "-m", "tests.support.dolibarr", "--latency", str(latency), "--copies", str(copies)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DOLIBARR_API_KEY": key}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().rpartition(" ")[2].strip()
        finally:
            server.terminate()


def read(url: str, connections: int) -> None:
    """Read the invoices and their payments, and print what it took; the key is in DOLIBARR_API_KEY."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    options = DolibarrOptions(url, os.environ["DOLIBARR_API_KEY"], connections=connections)
    with Client(options) as client:
        reader = Reader(client)
        start = time.monotonic()
        payments = reader.payments()
        taken = {
            "seconds": time.monotonic() - start,
            "processor": time.process_time(),
            "invoices": len(reader.invoices()),
            "payments": len(payments),
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            "grown": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before,
        }
    print(json.dumps(taken))


def measure(latency: float, copies: int) -> None:
    """Print one line for each number of connections, and how they compare."""
    key = secrets.token_urlsafe(24)
    seconds = {}
    with dolibarr(latency, copies, key) as url:
        for connections in (1, 4):
            argv = [sys.executable, __file__, "--read", url, "--connections", str(connections)]
            done = subprocess.run(
                argv, env={**os.environ, "DOLIBARR_API_KEY": key}, stdout=subprocess.PIPE, text=True, check=True
            )
            taken = json.loads(done.stdout)
            seconds[connections] = taken["seconds"]
            print(
                f"{connections} connection{'s' if connections > 1 else ' '}  {taken['seconds']:6.1f} s"
                f"  {taken['processor']:5.1f} s processor  {taken['invoices']} invoices, {taken['payments']} with payments"
                f"  peak {taken['peak'] / 1024:.0f} MiB, {taken['grown'] / 1024:.0f} MiB of it for the data",
                flush=True,
            )
    ratio = seconds[1] / seconds[4]
    print(f"4 connections are {ratio:.1f} times as fast as 1 at {latency * 1000:.0f} ms latency (wanted: {WANTED}).")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.02)
    parser.add_argument("--copies", type=int, default=27)
    parser.add_argument("--read", help=argparse.SUPPRESS)
    parser.add_argument("--connections", type=int, default=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        read(options.read, options.connections)
    else:
        measure(options.latency, options.copies)


if __name__ == "__main__":
    main()
