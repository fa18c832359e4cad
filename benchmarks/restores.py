# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back: our restore, that of the pipelines it replaces, and that of restic, each as one command."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Callable
from typing import Any

from benchmarks.cases import AWS, INSTANCE, PREFIX, Bench, Source, quoted
from benchmarks.measure import Weight
from tests.support.databases import Database
from tests.support.stores import Store

RESTORED = "restored"


class Restores:
    """Restores what a case has just stored, and removes it again outside the time that is measured."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._place = bench.scratch / RESTORED

    def _into_directory(self, run: Callable[[], Weight], source: Source, all_of_it: bool = True) -> Weight:
        try:
            weight = run()
            wanted, found = count(source.documents), count(self._place)
            if found != (wanted if all_of_it else 1):
                raise RuntimeError(f"{found} of {wanted} files were restored.")
            return weight
        finally:
            for path in self._place.parent.glob(f"{RESTORED}*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _into_database(self, run: Callable[[Database], Weight], source: Source, create: bool) -> Weight:
        admin = self._bench.cluster.admin
        if create:
            admin.execute(f"CREATE DATABASE {RESTORED} OWNER dolibarr TEMPLATE template0")
        try:
            weight = run(self._bench.cluster.as_superuser(RESTORED))
            owner = self._bench.cluster.as_superuser(source.database.name)
            query = "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM llx_facturedet t"
            if owner.execute(query) != self._bench.cluster.as_superuser(RESTORED).execute(query):
                raise RuntimeError("The restored database is not the one that was backed up.")
            return weight
        finally:
            self._bench.cluster.drop(RESTORED)

    # Ours

    def _module(self, store: Store, changes: dict[str, Any]) -> Weight:
        options = {**store.module_options(), "s3_prefix": PREFIX, "instance_id": INSTANCE, "mode": "into"}
        return self._bench.module("erp_restore", {**options, **changes})[0]

    def documents(self, store: Store, source: Source, paths: tuple[str, ...] = ()) -> Weight:
        """Our restore of the documents, all or those of some paths."""
        changes = {"parts": ["documents"], "documents_path": str(self._place), "paths": list(paths)}
        return self._into_directory(lambda: self._module(store, changes), source, not paths)

    def database(self, store: Store, source: Source) -> Weight:
        """Our restore of the database, comparison of every row included."""
        admin = self._bench.cluster.admin.module_options()
        changes = {"parts": ["database"], **admin, "db_name": RESTORED, "pg_bindir": str(self._bench.cluster.bin_dir)}
        return self._into_database(lambda _database: self._module(store, changes), source, create=False)

    # Peers

    def replaced_documents(self, store: Store, source: Source) -> Weight:
        """The pipeline that is replaced: the tar back through gzip."""
        place = quoted(self._place)
        line = f"mkdir {place} && {fetch_from(store)} - | tar -xz -C {place}"
        return self._into_directory(lambda: self._bench.shell(line, store, source.database), source)

    def replaced_database(self, store: Store, source: Source) -> Weight:
        """The pipeline that is replaced: a dump fetched, then restored by two jobs."""
        file = quoted(self._bench.scratch / "fetched.dump")
        line = f"{fetch_from(store)} {file} && pg_restore -j2 --dbname {RESTORED} {file}; rm {file}"
        return self._into_database(lambda target: self._bench.shell(line, store, target), source, create=True)

    def restic_documents(self, store: Store, source: Source) -> Weight:
        """A restore of the documents by restic, which keeps their whole path."""
        line = f"restic -q restore latest --target {quoted(self._place)}"
        return self._into_directory(lambda: self._bench.shell(line, store, source.database), source)

    def restic_database(self, store: Store, source: Source) -> Weight:
        """A restore of the database by restic."""
        line = f"restic -q dump latest /erp.dump | pg_restore --dbname {RESTORED}"
        return self._into_database(lambda target: self._bench.shell(line, store, target), source, create=True)

    def plain_copy(self, store: Store, source: Source) -> Weight:
        """What making so many files costs on this file system, whoever makes them."""
        line = f"cp -a {quoted(source.documents)} {quoted(self._place)}"
        return self._into_directory(lambda: self._bench.shell(line, store, source.database), source)


def count(path: pathlib.Path) -> int:
    """Files below a directory."""
    return sum(entry.is_file() for entry in path.rglob("*"))


def one_document(source: Source) -> str:
    """The path of a document in the middle of the tree, as a pattern that matches it alone."""
    files = sorted(entry for entry in source.documents.rglob("*.pdf") if entry.is_file())
    return str(files[len(files) // 2].relative_to(source.documents))


def fetch_from(store: Store) -> str:
    """The command that fetches what the replaced pipeline stored, to where the next word says."""
    return f"{quoted(AWS)} s3 cp --only-show-errors s3://{store.bucket}/copy"
