# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills on a copy of the sample: what they find, what they record, and that they leave nothing."""

from __future__ import annotations

import json
import pathlib
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.arguments import database_admin_spec, object_store_spec
from ansible_collections.arcodange.erp.plugins.module_utils.backup.catalogue import Catalogue, Record
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Listed
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.restore.drill import choose, run_drill
from ansible_collections.arcodange.erp.plugins.modules import erp_drill
from tests.support.databases import Cluster
from tests.support.documents import unpack_documents
from tests.support.restore_points import Scene
from tests.support.restore_scene import Live
from tests.support.stores import Store

INVOICE, CUSTOMER = "FA2501-0001", "Boréale Conseil"
PDF = f"facture/{INVOICE}/{INVOICE}.pdf"


@pytest.fixture(scope="module")
def sample(postgres: Cluster, moto: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The sample Dolibarr, backed up once and live."""
    documents = unpack_documents(tmp_path_factory.mktemp("drill"))
    database = postgres.sample_database()
    scene = Scene(database, moto.fresh(), documents, postgres.bin_dir)
    scene.back_up()
    live = Live(postgres, scene.store, database.name, documents)
    yield live
    live.drop()


def drill(live: Live, check_mode: bool = False, **changes: Any) -> dict[str, Any]:
    """One run in this process, with the defaults of the module as it reads them."""
    spec: dict[str, Any] = {**object_store_spec(), **database_admin_spec(), **erp_drill.SPEC}
    defaults = {name: option.get("default") for name, option in spec.items()}
    return run_drill(erp_drill.build(defaults | live.arguments(**changes)), check_mode, datetime.now(UTC))


def records(live: Live) -> list[str]:
    return sorted(live.bucket.keys("records/"))


def test_a_drill_of_what_is_whole(sample: Live, tmp_path: pathlib.Path) -> None:
    before = sample.databases(), sample.directories()
    # What a drill that was killed has left.
    sample.cluster.admin.execute(f'CREATE DATABASE "{sample.database}__drill_20200101T000000Z"')
    (sample.documents.parent / "documents__drill_20200101T000000Z").mkdir()
    checked = drill(sample, check_mode=True)
    assert (checked["outcome"], records(sample)) == ("done", [])
    done = drill(sample)
    assert (done["outcome"], done["findings"], done["live_findings"]) == ("done", [], [])
    assert (sample.databases(), sample.directories()) == before
    (key,) = records(sample)
    assert key.startswith(f"records/{done['restore_point']}/verified-")
    record = json.loads(sample.bucket.read(key))
    assert record["mode"] == "drill"
    assert record["versions"]["dolibarr"] == "22.0.4"
    assert set(record["durations"]) == {"restore_seconds", "database_seconds", "documents_seconds", "drill_seconds"}
    drill(sample, scratch_path=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_what_is_live_and_no_longer_as_it_was(sample: Live) -> None:
    kept = sample.documents.parent / "kept.pdf"
    shutil.move(sample.documents / PDF, kept)
    sample.admin.execute("UPDATE llx_facture SET total_ttc = total_ttc + 100 WHERE ref = %s", [INVOICE])
    sample.admin.execute("ALTER TABLE llx_bookmark RENAME TO elsewhere")
    try:
        done = drill(sample)
        said = " ".join(item["message"] for item in done["live_findings"])
        assert done["outcome"] == "findings"
        assert done["findings"] == []
        for words in (PDF, INVOICE, CUSTOMER, "llx_bookmark", "5760.00 is now 5860.00"):
            assert words in said
        assert drill(sample, compare_live=False)["live_findings"] == []
    finally:
        shutil.move(kept, sample.documents / PDF)
        sample.admin.execute("UPDATE llx_facture SET total_ttc = total_ttc - 100 WHERE ref = %s", [INVOICE])
        sample.admin.execute("ALTER TABLE elsewhere RENAME TO llx_bookmark")


def test_a_defect_that_was_backed_up(sample: Live, moto: Store, tmp_path: pathlib.Path) -> None:
    documents = tmp_path / "documents"
    shutil.copytree(sample.documents, documents, symlinks=True)
    (documents / PDF).unlink()
    scene = Scene(sample.cluster.as_owner(sample.database), moto.fresh(), documents, sample.cluster.bin_dir)
    scene.back_up()
    done = drill(Live(sample.cluster, scene.store, sample.database, documents))
    (finding,) = done["findings"]
    assert done["outcome"] == "findings"
    assert all(word in finding["message"] for word in (PDF, INVOICE, CUSTOMER))
    # The restore point is what was backed up, so it is verified whatever was wrong already.
    assert ["verified-" in key for key in scene.bucket.keys("records/")] == [True]


def test_an_object_that_is_missing_or_rotten(sample: Live, moto: Store) -> None:
    damaged = Live(sample.cluster, moto.fresh(), sample.database, sample.documents)
    for key, body in sample.bucket.bodies().items():
        damaged.bucket.write(key, body)
    (dump,) = damaged.bucket.keys("db/")
    body = damaged.bucket.read(dump)
    before = sample.databases(), sample.directories()
    damaged.bucket.write(dump, body[:-3] + bytes([body[-3] ^ 1]) + body[-2:])
    with pytest.raises(ErpError, match=dump):
        drill(damaged)
    damaged.bucket.delete(dump)
    with pytest.raises(ErpError, match=f"{dump} is missing"):
        drill(damaged)
    assert any("/damaged-" in key for key in damaged.bucket.keys("records/"))
    assert (sample.databases(), sample.directories()) == before


def test_a_random_one_is_older_and_unread_where_there_is_such_a_one() -> None:
    points = [f"202601{day:02d}T040000Z" for day in range(1, 9)]
    listed = tuple(Listed(f"manifests/{point}.json", 1, "", datetime.now(UTC)) for point in points)
    read = {point: (Record("", point, "verified", datetime.now(UTC)),) for point in points[:5]}
    broken = {points[5]: (Record("", points[5], "damaged", datetime.now(UTC)),)}
    assert {choose(Catalogue(listed, read | broken, ()), "random") for _time in range(20)} == {points[6]}
    assert {choose(Catalogue(listed, {}, ()), "random") for _time in range(300)} == set(points[:-1])
    assert choose(Catalogue(listed[:1], {}, ()), "random") == points[0]
