# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small installation that needs every kind of call to the store, as it was and as it is later."""

from __future__ import annotations

import dataclasses
import itertools
import os
import pathlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup import documents, run
from ansible_collections.arcodange.erp.plugins.module_utils.postgres import dump
from tests.support.databases import Cluster
from tests.support.restore_points import Scene, lenient_store, quick_retries, small_database, small_parts
from tests.support.stores import Store


@pytest.fixture(scope="session")
def lenient() -> Iterator[Store]:
    """A store that takes parts of any size."""
    with lenient_store() as store:
        yield store


@pytest.fixture(scope="module")
def quick() -> Iterator[None]:
    """Small parts and frames, no waiting between tries, and a restore point for each call whatever the second."""
    numbers = itertools.count()
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    with quick_retries(patience=1.0), small_parts(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "FRAME", 32 << 10)
        patch.setattr(documents, "LARGE", 100 << 10)
        patch.setattr(dump, "BLOCK", 64 << 10)
        patch.setattr(
            run,
            "restore_point_id",
            lambda instant: (start + timedelta(seconds=next(numbers))).strftime("%Y%m%dT%H%M%SZ"),
        )
        yield


@dataclasses.dataclass(frozen=True)
class Installation:
    """A scene in its later state, and the objects that the run before left."""

    scene: Scene
    earlier: dict[str, bytes]

    def with_bucket(self, later: bool) -> Scene:
        """The scene with a bucket of its own: empty, or as it was before the later run."""
        scene = dataclasses.replace(self.scene, store=self.scene.store.fresh())
        for key, body in self.earlier.items() if later else ():
            scene.bucket.write(key, body)
        return scene

    def files(self) -> dict[bytes, bytes]:
        """Path and content of all documents there are."""
        root = self.scene.documents
        found = [path for path in root.rglob("*") if path.is_file()]
        return {os.fsencode(path.relative_to(root)): path.read_bytes() for path in found}


def build(postgres: Cluster, store: Store, root: pathlib.Path) -> Iterator[Installation]:
    """Make one restore point, then change something of everything."""
    dice = random.Random(20261120)
    for number in range(3):
        path = root / f"facture/FA{number}/FA{number}.pdf"
        path.parent.mkdir(parents=True)
        path.write_bytes(dice.randbytes(30_000))
    (root / "large.zip").write_bytes(dice.randbytes(105_000))
    (root / "empty").mkdir()
    (root / "link").symlink_to("facture")
    # Times long past, so that nothing waits for the clock to tick.
    for path in root.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000), follow_symlinks=False)
    with small_database(postgres) as database:
        database.execute("CREATE TABLE llx_blob (id int, body text)")
        bodies = [(number, dice.randbytes(30_000).hex()) for number in range(4)]
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.executemany("INSERT INTO llx_blob VALUES (%s, %s)", bodies)
        scene = Scene(database, store.fresh(), root, postgres.bin_dir)
        scene.back_up()
        database.execute("UPDATE llx_blob SET id = id + 1")
        (root / "facture/new.pdf").write_bytes(dice.randbytes(70_000))
        (root / "facture/FA1/FA1.pdf").unlink()
        (root / "facture/FA2").rename(root / "facture/FA0/old")
        yield Installation(scene, scene.bucket.bodies())
