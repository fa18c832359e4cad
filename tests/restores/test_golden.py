# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore points of every format version that was ever written come back, with the collection and without it."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup.info import InfoOptions, read_info
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import FORMAT_VERSION
from tests.support.databases import Cluster
from tests.support.paths import ROOT
from tests.support.restore_points import Line, connect, cut, unpacked
from tests.support.restore_scene import Live, Rows, Tree, rows_of
from tests.support.stores import Store

GOLDEN = ROOT / "tests/fixtures/golden"
# Of every file of a version. A change of this line is a mistake: what was stored years ago does not change either.
FROZEN = {"v1": "d273eed8221b9840bbef1313448b4479628effba3e95e86119694b9d9df7901b"}
PREFIX = "erp/golden"
Point = tuple[str, str]


def objects(version: str) -> dict[str, bytes]:
    """Every object of a version's bucket."""
    bucket = GOLDEN / version / "bucket"
    return {str(path.relative_to(bucket)): path.read_bytes() for path in bucket.rglob("*") if path.is_file()}


def expected(version: str, point: str) -> tuple[Rows, Tree]:
    """What a restore point holds."""
    stored = json.loads((GOLDEN / version / "expected.json").read_text())["restore_points"][point]
    tree: Tree = {}
    for path, (mode, uid, gid, mtime, content, *twins) in stored["documents"].items():
        if os.geteuid() != 0:
            uid, gid = os.geteuid(), os.getegid()  # only root gives files away
        exact = bytes.fromhex(content) if mode.startswith("0o10") else os.fsencode(content)
        tree[os.fsencode(path)] = (mode, uid, gid, mtime, exact, *map(os.fsencode, twins))
    return {name: (rows, digest) for name, (rows, digest) in stored["tables"].items()}, tree


def points_of(version: str) -> list[Point]:
    return [(version, pathlib.Path(key).stem) for key in sorted(objects(version)) if key.startswith("manifests/")]


POINTS = [point for version in FROZEN for point in points_of(version)]


@pytest.fixture(scope="module")
def uploaded(moto: Store) -> dict[str, Store]:
    """A bucket for each version."""
    stores = {}
    for version in FROZEN:
        stores[version] = moto.fresh()
        for key, body in objects(version).items():
            stores[version].write(f"{PREFIX}/{key}", body)
    return stores


@pytest.fixture
def nothing(postgres: Cluster, moto: Store, tmp_path: pathlib.Path) -> Iterator[Live]:
    """Neither a database nor a directory."""
    live = Live(postgres, moto, "golden", tmp_path / "documents", PREFIX)
    yield live
    live.drop()


def test_every_format_version_has_its_golden_restore_points_and_none_was_rewritten() -> None:
    assert sorted(FROZEN) == sorted(f"v{number}" for number in range(1, FORMAT_VERSION + 1))
    assert sorted(path.name for path in GOLDEN.iterdir() if path.is_dir()) == sorted(FROZEN)
    for version, digest in FROZEN.items():
        total = hashlib.sha256()
        for path in sorted(path for path in (GOLDEN / version).rglob("*") if path.is_file()):
            body = path.read_bytes()
            total.update(f"{path.relative_to(GOLDEN)} {hashlib.sha256(body).hexdigest()}\n".encode())
        assert total.hexdigest() == digest


@pytest.mark.parametrize(("version", "point"), POINTS)
def test_it_is_restored(version: str, point: str, uploaded: dict[str, Store], nothing: Live) -> None:
    live = dataclasses.replace(nothing, store=uploaded[version])
    wanted = {"backup_id": point, "instance_id": "golden", "instance_unique_id": "golden-unique-id"}
    result = live.restore(False, **wanted)
    assert result.warnings == [] or os.geteuid() != 0
    assert live.state() == expected(version, point)
    assert live.cluster.as_backup("golden").execute("SELECT count(*) FROM golden_types") == [(3,)]
    assert live.restore(False, **wanted).outcome == "unchanged"


@pytest.mark.parametrize("version", FROZEN)
def test_it_is_whole_and_known_to_be(version: str, uploaded: dict[str, Store]) -> None:
    store = connect(uploaded[version], PREFIX)
    facts = read_info(store, "golden", InfoOptions(verify="full"), True, datetime.now(UTC))
    assert (facts["findings"], facts["foreign"]) == ([], [])
    assert [point["states"] for point in facts["restore_points"]] == [["complete", "verified"]] * 2
    dumps = [point["objects"] for point in map(json.loads, manifests(version))]
    assert dumps[0][0]["key"] == dumps[1][0]["key"] and len(dumps[1]) == 4  # the second reuses dump and archive


def manifests(version: str) -> list[bytes]:
    return [body for key, body in sorted(objects(version).items()) if key.startswith("manifests/")]


@pytest.mark.parametrize(("version", "point"), POINTS)
def test_it_is_restored_without_the_collection(
    version: str, point: str, postgres: Cluster, tmp_path: pathlib.Path
) -> None:
    """With JSON, zstd, ``pg_restore`` and ``tar`` alone, as the description of the format says."""
    bodies = objects(version)
    manifest = json.loads(bodies[f"manifests/{point}.json"])
    parts: dict[str, list[str]] = {}
    for item in manifest["objects"]:
        parts.setdefault(item["part"], []).append(item["key"])
    rows, tree = expected(version, point)

    database = postgres.empty_database()
    subprocess.run(
        [postgres.bin_dir / "pg_restore", "--no-owner", "--exit-on-error", "--dbname", database.name],
        input=unpacked(bodies[parts["database"][0]]),
        env={**database.environment(), "LC_ALL": "C"},
        check=True,
    )
    assert rows_of(database) == rows
    postgres.drop(database.name)

    places = {}
    for number, key in enumerate(parts["documents"]):
        places[key] = tmp_path / str(number)
        places[key].mkdir()
        subprocess.run(["tar", "-xp", "-C", places[key]], input=unpacked(bodies[key]), check=True)
    digest = functools.cache(lambda path: hashlib.sha256(path.read_bytes()).digest())
    found: dict[bytes, Any] = {}
    for line in map(Line, map(json.loads, unpacked(bodies[parts["index"][0]]).splitlines())):
        if line.kind == "file":
            member = line.name("member") if "member" in line.data else line.path
            found[line.path] = digest(places[line.data["archive"]] / os.fsdecode(member))
            archive = bodies[line.data["archive"]]
            content = cut(archive[line.data["frame"] :], line.data["offset"], line.data["size"])
            assert hashlib.sha256(content).digest() == found[line.path]
        elif line.kind == "hardlink":
            found[line.path] = found[line.name("target")]
        else:
            found[line.path] = line.name("target") if line.kind == "symlink" else b""
    assert found == {path: thing[4] for path, thing in tree.items() if path != b"."}
