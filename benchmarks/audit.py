# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long auditing 1 034 invoices with their PDFs takes, and in how much memory.

``python benchmarks/audit.py [--copies N]``. 22 copies of the 47 captured invoices are 1 034, read from a stand-in for
Dolibarr in a process of its own; their PDFs are the captured ones printed again with a picture, so that they have 25 KB.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / ".collections")]

import psutil  # noqa: E402
from pypdf import PdfReader  # noqa: E402

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import DolibarrOptions  # noqa: E402
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.audit import AuditRequest, PdfPlace  # noqa: E402
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.run import Output, run_audit  # noqa: E402
from tests.support.pdfs import print_lines  # noqa: E402

WANTED_SECONDS, WANTED_MEMORY = 60, 300  # for 1 000 invoices on 2 processors; MiB of all processes together
PICTURE = 17_800  # bytes that make a PDF one of 25 KB
TODAY = datetime(2026, 11, 20, 12, tzinfo=UTC)


@contextmanager
def dolibarr(copies: int, key: str) -> Iterator[str]:
    """The address of a stand-in of its own process."""
    argv = [sys.executable, "-m", "tests.support.dolibarr", "--copies", str(copies)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DOLIBARR_API_KEY": key}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().rpartition(" ")[2].strip()
        finally:
            server.terminate()


def write_documents(directory: Path) -> float:
    """A documents directory with a PDF of 25 KB for each captured one; returns the median of their sizes."""
    sizes = []
    for path in sorted((ROOT / "tests/fixtures/dolibarr/pdf").glob("*.pdf")):
        folder = directory / "facture" / path.stem
        folder.mkdir(parents=True)
        pages = [(page.extract_text() or "").splitlines() for page in PdfReader(path).pages]
        sizes.append((folder / path.name).write_bytes(print_lines(*pages, picture=PICTURE)))
    return median(sizes)


def audit(url: str, directory: str) -> None:
    """Audit everything and print what it took; the key is in DOLIBARR_API_KEY. Without a directory: PDFs from the API."""
    place = PdfPlace("documents", directory) if directory else PdfPlace()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as dest:
        result = run_audit(
            DolibarrOptions(url, os.environ["DOLIBARR_API_KEY"]),
            AuditRequest(pdfs=place),
            Output(dest=dest),
            TODAY,
            check_mode=False,
        )
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    taken = {
        "seconds": time.monotonic() - start,
        "processor": own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime,
        "invoices": len(result["audit"]["invoices"]),
    }
    print(json.dumps(taken))


def run(argv: list[str], environment: dict[str, str]) -> tuple[dict[str, float], float, float]:
    """What a program prints, and the most memory that it took, with its children and without, in MiB."""
    most, most_alone = 0, 0
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) as program:
        process = psutil.Process(program.pid)
        while program.poll() is None:
            with suppress(psutil.NoSuchProcess):
                alone = process.memory_info().rss
                most_alone = max(most_alone, alone)
                most = max(most, alone + sum(child.memory_info().rss for child in process.children()))
            time.sleep(0.02)
        assert program.stdout is not None
        taken: dict[str, float] = json.loads(program.stdout.read())
    return taken, most / 2**20, most_alone / 2**20


def measure(copies: int) -> None:
    """Print a line for PDFs from a directory and one for PDFs from the API, and how that compares with what is wanted."""
    key = secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory() as directory, dolibarr(copies, key) as url:
        size = write_documents(Path(directory))
        for name, place in ((f"a directory, {size / 1000:.0f} KB each", directory), ("the API, as captured", "")):
            taken, most, alone = run(
                [sys.executable, __file__, "--audit", url, "--documents", place],
                {**os.environ, "DOLIBARR_API_KEY": key},
            )
            print(
                f"PDFs from {name}: {taken['invoices']} invoices in {taken['seconds']:.1f} s"
                f" ({taken['processor']:.1f} s processor), 1 000 in {taken['seconds'] / taken['invoices'] * 1000:.1f} s"
                f" (wanted: {WANTED_SECONDS}); peak {most:.0f} MiB (wanted: {WANTED_MEMORY}), {alone:.0f} of one process",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--copies", type=int, default=22)
    parser.add_argument("--audit", help=argparse.SUPPRESS)
    parser.add_argument("--documents", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.audit:
        audit(options.audit, options.documents)
    else:
        measure(options.copies)


if __name__ == "__main__":
    main()
