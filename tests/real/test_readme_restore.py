# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The five lines of the README restore a restore point with the programs that they name, and nothing of ours."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
import re
import stat
import subprocess

from tests.support.databases import Cluster
from tests.support.paths import ROOT
from tests.support.restore_points import Scene, small_database
from tests.support.restore_scene import named_points, plant, rows_of
from tests.support.stores import Store

PROGRAMS = ROOT / ".venv-bench/bin"  # aws
BLOCK = re.compile(r"^## Without us\n.*?^```\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ADDRESS = re.compile(r'S3="aws s3 cp s3://([a-z0-9-]+)/([a-z/]+)"; ID=(\d{8}T\d{6}Z)')
DATABASE = "erp"
OLDER = "20261119T040000Z"


def files(root: pathlib.Path) -> dict[bytes, tuple[int, int, bytes]]:
    """Mode, time and content of every file of a tree, by name."""
    found = {}
    for place, _directories, names in os.walk(os.fsencode(root)):
        for name in names:
            path = os.path.join(place, name)
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode):
                content = pathlib.Path(os.fsdecode(path)).read_bytes()
                relative = os.path.relpath(path, os.fsencode(root))
                found[relative] = (status.st_mode, int(status.st_mtime), hashlib.sha256(content).digest())
    return found


def test_the_lines_of_the_readme_restore_both_halves(postgres: Cluster, moto: Store, tmp_path: pathlib.Path) -> None:
    found = BLOCK.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert found is not None and found[1].count("\n") == 5
    address = ADDRESS.search(found[1])
    assert address is not None
    bucket, prefix, newer = address.groups()
    store = dataclasses.replace(moto, bucket=bucket)
    store.client().create_bucket(Bucket=bucket)
    documents = tmp_path / "source"
    plant(documents)
    odd = documents / "two\nlines\tand \\ 'quotes' & $HOME"
    odd.mkdir()
    (odd / " -rf *").write_bytes(b"an odd name")
    with small_database(postgres) as database, named_points(OLDER, newer):
        postgres.admin.execute("CREATE ROLE of_another_server")
        database.execute("GRANT SELECT ON llx_facture TO of_another_server")
        scene = Scene(database, store, documents, postgres.bin_dir, prefix)
        scene.back_up()
        (documents / "facture/FA2/FA2.pdf").write_bytes(b"second version")
        (documents / "facture/FA1/FA1.pdf").rename(documents / "facture/FA1 moved.pdf")
        (documents / "facture/FA0/FA0.pdf").unlink()
        second = scene.back_up().manifest
        rows = rows_of(database)
        database.execute("REVOKE ALL ON llx_facture FROM of_another_server")
        postgres.admin.execute("DROP ROLE of_another_server")
    kept = [item["key"] for item in second["objects"] if OLDER in item["key"]]
    assert kept == [f"db/{OLDER}.dump.zst", f"docs/{OLDER}.tar.zst"]
    (documents / "facture/twin.pdf").unlink()  # a hard link, which is in the index only

    postgres.admin.execute(f"CREATE DATABASE {DATABASE} OWNER dolibarr")
    here = tmp_path / "here"
    here.mkdir()
    target = postgres.as_owner(DATABASE)
    done = subprocess.run(
        ["bash", "-c", found[1]],
        cwd=here,
        env={
            "PATH": f"{postgres.bin_dir}:{PROGRAMS}:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "LC_ALL": "C.UTF-8",
            "AWS_ENDPOINT_URL": store.endpoint,
            "AWS_DEFAULT_REGION": store.region,
            "AWS_ACCESS_KEY_ID": store.access_key,
            "AWS_SECRET_ACCESS_KEY": store.secret_key,
            **{name: value for name, value in target.environment().items() if name != "PGDATABASE"},
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert rows_of(target) == rows
    postgres.drop(DATABASE)
    restored, wanted = files(here / "documents"), files(documents)
    # A second document of the same content comes with mode and time of the first.
    assert restored.pop(b"facture/FA3/copy.pdf")[2] == wanted.pop(b"facture/FA3/copy.pdf")[2]
    assert restored == wanted
