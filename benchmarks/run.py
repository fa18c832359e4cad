# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the collection with what it replaces, with restic and with the bare limits, on one real store.

All cases take turns, so that a noisy moment hits them alike. No figure fails the run; the results say which targets
were met. Needs root on Debian with the packages that ``make test-real`` installs.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import pathlib
import platform
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / ".collections")]

# pylint: disable=wrong-import-position
from ansible.release import __version__ as ansible_version  # noqa: E402

from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import (  # noqa: E402
    encode,
    manifest_key,
    restore_point_id,
)
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import DatabaseOptions  # noqa: E402
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.digests import (  # noqa: E402
    digest_query,
    list_tables,
)
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.snapshot import open_snapshot  # noqa: E402
from benchmarks.cases import AWS, PREFIX, Bench, Source, fetch, has_restic  # noqa: E402
from benchmarks.data import make_database, make_documents  # noqa: E402
from benchmarks.measure import Weight, machine  # noqa: E402
from benchmarks.report import MIB, Figures, Sizes, first_plan_case, memory_case, plan_case, report, shown  # noqa: E402
from benchmarks.restores import Restores, one_document  # noqa: E402
from tests.support.databases import Cluster, Database, embedded_cluster  # noqa: E402
from tests.support.radosgw import radosgw  # noqa: E402
from tests.support.stores import Store  # noqa: E402

RESULTS = ROOT / "benchmarks" / "RESULTS.md"
FILE_SIZE = 52 * 1024  # mean size of a document
FULL = Sizes(documents=1 << 30, database=1.0, small=100 * MIB, large=5 << 30, manifests=5000)
ROOMY = pathlib.Path("/dev/shm")


@contextlib.contextmanager
def scratch(sizes: Sizes) -> Iterator[pathlib.Path]:
    """A directory for the data, in memory where that is large enough, so that the disk is not what is measured."""
    roomy = ROOMY.is_dir() and shutil.disk_usage(ROOMY).free > 2 * (sizes.large + 3 * sizes.documents)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="erp-benchmark-", dir=ROOMY if roomy else None))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def say(text: str) -> None:
    """Tell whoever waits."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def documents(place: pathlib.Path, size: int) -> pathlib.Path:
    """A tree of so many bytes of documents."""
    say(f"making {shown(size)} of documents")
    make_documents(place, max(1, size // FILE_SIZE), size)
    return place


def digest_statements(database: Database) -> str:
    """The statements that digest every table, as the module sends them."""
    options = DatabaseOptions(database.host, database.port, database.name, database.user, database.password)
    with open_snapshot(options, None) as snapshot:
        queries = [digest_query(table).as_string(snapshot.connection) for table in list_tables(snapshot)]
    return ";\n".join(queries)


@dataclass(frozen=True)
class Data:
    """What is backed up, each half with as good as nothing of the other, and both together."""

    documents: Source
    database: Source
    both: Source
    nothing: Source
    digests: pathlib.Path


def prepare(cluster: Cluster, place: pathlib.Path, sizes: Sizes) -> Data:
    """Make the data of the rounds."""
    big, small = cluster.empty_database(), cluster.empty_database()
    tree, empty, digests = place / "documents", place / "empty", place / "digests.sql"
    empty.mkdir()
    documents(tree, sizes.documents)
    say("making the database")
    make_database(big.connect, sizes.database)
    digests.write_text(digest_statements(big), encoding="utf-8")
    return Data(Source(small, tree), Source(big, empty), Source(big, tree), Source(small, empty), digests)


class Rounds:
    """All cases in turns; ``found`` is what they took."""

    def __init__(self, bench: Bench, data: Data) -> None:
        self.found: dict[str, list[Weight]] = defaultdict(list)
        self._bench = bench
        self._restores = Restores(bench)
        self._data = data

    def take(self, name: str, weight: Weight) -> None:
        """Note what a case took."""
        self.found[name].append(weight)
        say(f"  {name}: {weight.wall:.2f} s, CPU {weight.cpu:.2f} s, {weight.process:.0f} MiB")

    def run(self) -> None:
        """One round."""
        self._half("documents", self._data.documents, "docs/")
        self._half("database", self._data.database, "db/")
        with self._bench.bucket() as store:
            self._ours("first backup of both", store, self._data.both)
            before = set(store.keys())
            self._ours("unchanged backup of both", store, self._data.both)
            new = set(store.keys()) - before
            if len(new) != 1 or not new.pop().startswith(f"{PREFIX}/manifests/"):
                raise RuntimeError("An unchanged backup has stored more than a manifest.")
            self.take("ours: unchanged backup of both, by ansible-playbook", self._bench.play(store, self._data.both))
            self.take("limit: metadata walk", self._bench.walk(store, self._data.documents))
            digests = self._bench.digests(store, self._data.database, self._data.digests)
            self.take("limit: digests of the database", digests)

    def _ours(self, name: str, store: Store, source: Source) -> None:
        weight, result = self._bench.back_up(store, source)
        outcome = "unchanged" if name.startswith("unchanged") else "done"
        if result["outcome"] != outcome:
            raise RuntimeError(f"The {name} ended with {result['outcome']}.")
        self.take(f"ours: {name}", weight)

    def _half(self, half: str, source: Source, below: str) -> None:
        bench, copy = self._bench, self._bench.scratch / f"{half}.copy"
        with bench.bucket() as store:
            self._ours(f"first backup of {half}", store, source)
            fetch(store, below, copy)
            self._restore("ours", half, store, source)
        with bench.bucket() as store:
            pipeline = bench.replaced_documents if half == "documents" else bench.replaced_database
            self.take(f"replaced: pipeline of the {half}", pipeline(store, source))
            self._restore("replaced", half, store, source)
        with bench.bucket() as store:
            if half == "documents":
                self.take("limit: read all documents", bench.read_all(store, source))
                self.take("limit: upload the same bytes as the documents", bench.upload(store, source, copy))
            else:
                self.take("limit: uncompressed dump to nowhere", bench.dump(store, source))
                self.take("limit: upload the same bytes as the dump", bench.upload(store, source, copy))
        copy.unlink()
        if has_restic():
            with bench.bucket() as store:
                bench.restic_init(store, source)
                backup = bench.restic_documents if half == "documents" else bench.restic_database
                self.take(f"restic: first backup of the {half}", backup(store, source))
                self._restore("restic", half, store, source)
                if half == "documents":
                    self.take("restic: unchanged backup of the documents", backup(store, source))
        shutil.rmtree(bench.scratch / "restic", ignore_errors=True)

    def _restore(self, who: str, half: str, store: Store, source: Source) -> None:
        """The way back by the same means, and what only ours is asked for."""
        back = self._restores
        ways = {
            ("ours", "documents"): back.documents,
            ("ours", "database"): back.database,
            ("replaced", "documents"): back.replaced_documents,
            ("replaced", "database"): back.replaced_database,
            ("restic", "documents"): back.restic_documents,
            ("restic", "database"): back.restic_database,
        }
        self.take(f"{who}: restore of the {half}", ways[who, half](store, source))
        if (who, half) == ("ours", "documents"):
            self.take("ours: restore of one document", back.documents(store, source, (one_document(source),)))
            self.take("limit: plain copy of the documents", back.plain_copy(store, source))


def warm_up(bench: Bench, data: Data) -> None:
    """Let the store make its pools and the programs be read from disk before anything is measured."""
    copy = bench.scratch / "warm"
    copy.write_bytes(bytes(64 * MIB))
    with bench.bucket() as store:
        bench.back_up(store, data.nothing)
        bench.upload(store, data.nothing, copy)
        bench.replaced_documents(store, data.nothing)
        if has_restic():
            bench.restic_init(store, data.nothing)
    copy.unlink()


def memory(bench: Bench, data: Data, size: int) -> Weight:
    """What the module takes with so many bytes of documents."""
    tree = documents(bench.scratch / "more", size)
    with bench.bucket() as store:
        weight, _result = bench.back_up(store, Source(data.nothing.database, tree))
    shutil.rmtree(tree)
    return weight


def planning(bench: Bench, data: Data, count: int) -> Iterator[tuple[str, Weight]]:
    """Plans over daily restore points of a real Dolibarr, each with the manifest of the sample and its chain."""
    say(f"writing {count} manifests")
    sample = bench.cluster.sample_database()
    with bench.bucket() as store:
        bench.back_up(store, Source(sample, data.nothing.documents))
        (point,) = store.keys(f"{PREFIX}/manifests/")
        template = store.client().get_object(Bucket=store.bucket, Key=point)["Body"].read()
    with bench.bucket() as store, ThreadPoolExecutor(8) as pool:
        client = store.client(max_pool_connections=8)
        for key, body in chain(template, count):
            pool.submit(client.put_object, Bucket=store.bucket, Key=f"{PREFIX}/{key}", Body=body)
        pool.shutdown()
        if len(store.keys()) != count:
            raise RuntimeError("Not all manifests have been written.")
        for name in (first_plan_case(count), plan_case(count)):
            weight, result = bench.plan(store)
            if len(result["plan"]) != count:
                raise RuntimeError("The plan does not speak of every restore point.")
            yield name, weight
            bench.prune_nothing(store)


def chain(template: bytes, count: int) -> Iterator[tuple[str, bytes]]:
    """Manifests of so many days, the last one of an hour ago, each naming the one before."""

    document: dict[str, Any] = json.loads(template)
    del document["digest"]
    newest = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    previous = None
    for number in range(1, count + 1):
        instant = newest - timedelta(days=count - number)
        point = restore_point_id(instant)
        objects = [{**item, "key": item["key"].replace(document["id"], point)} for item in document["objects"]]
        changes = {"id": point, "sequence": number, "previous": previous, "objects": objects}
        body = encode({**document, **changes, "instant": instant.isoformat(timespec="microseconds")})
        yield manifest_key(point), body
        previous = {"id": point, "sha256": hashlib.sha256(body).hexdigest()}


def notes(bench: Bench) -> list[str]:
    """Where it was measured, and with what."""
    load = f"load before the first case: {os.getloadavg()[0]:.1f}"
    ours = f"ours: Python {platform.python_version()}, ansible-core {ansible_version}"
    peers = [bench.version("pg_dump --version"), bench.version("radosgw --version"), bench.version(f"{AWS} --version")]
    peers += [bench.version("restic version")] if has_restic() else ["restic is not installed"]
    return [", ".join([*machine(), load]), "; ".join([ours, *peers])]


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each case is run")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="share of the data; with less than all, nothing is written"
    )
    arguments = parser.parse_args()
    sizes, count = FULL.scaled(arguments.scale), arguments.rounds
    with (
        scratch(sizes) as place,
        embedded_cluster() as cluster,
        ThreadPoolExecutor(1) as pool,
    ):
        making = pool.submit(prepare, cluster, place, sizes)
        with radosgw() as server:
            bench = Bench(cluster, server, place)
            data = making.result()
            where = notes(bench)
            warm_up(bench, data)
            rounds = Rounds(bench, data)
            for number in range(count):
                say(f"round {number + 1} of {count}")
                rounds.run()
            for size in (sizes.small, sizes.large):
                rounds.take(memory_case(size), memory(bench, data, size))
            for name, weight in planning(bench, data, sizes.manifests):
                rounds.take(name, weight)
    text = report(Figures(sizes, count, where, rounds.found))
    print(text)
    if arguments.scale < 1:
        say("With so little data start-up is much of what was measured, so the targets say little.")
    else:
        RESULTS.write_text(text, encoding="utf-8")
        say(f"written to {RESULTS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
