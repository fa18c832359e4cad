# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making restore points in tests, and judging what lies in the bucket without the code under test."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import functools
import hashlib
import io
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest
import zstandard
from botocore.exceptions import ClientError
from botocore.retries.standard import ExponentialBackoff

from ansible_collections.arcodange.erp.plugins.module_utils.arguments import database_spec, object_store_spec
from ansible_collections.arcodange.erp.plugins.module_utils.backup import store as backup_store
from ansible_collections.arcodange.erp.plugins.module_utils.backup import stream
from ansible_collections.arcodange.erp.plugins.module_utils.backup.run import BackupOptions, BackupResult, run_backup
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import StoreOptions
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox import object_store
from ansible_collections.arcodange.erp.plugins.modules import erp_backup
from tests.support.databases import Cluster, Database
from tests.support.paths import DUMP, ROOT
from tests.support.stores import Store, embedded_store

PREFIX = "erp/test"
MODULE = "ansible_collections.arcodange.erp.plugins.modules.erp_backup"
_NUMBERS = itertools.count(1)
build: Callable[[dict[str, Any]], BackupOptions] = erp_backup.build


SMALL_TEMPLATE = "small_template"
SMALL_TABLES = [
    "llx_bank",
    "llx_bank_account",
    "llx_blockedlog",
    "llx_const",
    "llx_cronjob",
    "llx_ecm_files",
    "llx_facture",
    "llx_facture_fourn",
    "llx_paiement",
    "llx_paiementfourn",
    "llx_societe",
    "llx_user",
]


@contextlib.contextmanager
def small_database(cluster: Cluster) -> Iterator[Database]:
    """The tables of the sample that a backup looks at, with their rows: what needs no 277 tables is done sooner."""
    if not cluster.admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [SMALL_TEMPLATE]):
        cluster.admin.execute(f"CREATE DATABASE {SMALL_TEMPLATE} OWNER dolibarr TEMPLATE template0")
        template = cluster.as_owner(SMALL_TEMPLATE)
        tables = [f"--table={name}" for name in SMALL_TABLES]
        subprocess.run(
            [cluster.bin_dir / "pg_restore", "--exit-on-error", "--dbname", template.name, *tables, DUMP],
            env={**template.environment(), "LC_ALL": "C"},
            check=True,
            capture_output=True,
        )
        template.execute("CREATE TABLE llx_session (session_id text, date_creation timestamp)")
    name = f"small_{next(_NUMBERS)}"
    cluster.admin.execute(f"CREATE DATABASE {name} OWNER dolibarr TEMPLATE {SMALL_TEMPLATE}")
    yield cluster.as_owner(name)
    cluster.drop(name)


@dataclasses.dataclass(frozen=True)
class Scene:
    """What a backup needs: a database, a bucket, a documents directory and the client programs."""

    database: Database
    store: Store
    documents: pathlib.Path
    bin_dir: pathlib.Path
    prefix: str = PREFIX

    @property
    def bucket(self) -> Bucket:
        """What is in the bucket now."""
        return Bucket(self.store, self.prefix)

    def arguments(self, **changes: Any) -> dict[str, Any]:
        """The options of the module that a task would set."""
        return {
            **self.database.module_options(),
            **self.store.module_options(),
            "s3_prefix": self.prefix,
            "pg_bindir": str(self.bin_dir),
            "documents_path": str(self.documents),
            "instance_id": "atelier-lumen",
            "environment_name": "test",
            **changes,
        }

    def options(self, **changes: Any) -> BackupOptions:
        """The same with the defaults of the module, as the module itself reads them."""
        spec: dict[str, Any] = {**object_store_spec(), **database_spec(), **erp_backup.SPEC}
        return build({name: option.get("default") for name, option in spec.items()} | self.arguments(**changes))

    def back_up(self, check_mode: bool = False, **changes: Any) -> BackupResult:
        """One run in this process."""
        return run_backup(self.options(**changes), check_mode)

    def through(self, endpoint: str) -> Scene:
        """The same with the bucket behind another address."""
        return dataclasses.replace(self, store=self.store.through(endpoint))

    def module(self, check_mode: bool = False, diff: bool = False, **changes: Any) -> str:
        """What the module reads from its standard input."""
        flags = {"_ansible_check_mode": check_mode, "_ansible_diff": diff}
        return json.dumps({"ANSIBLE_MODULE_ARGS": {**self.arguments(**changes), **flags}})


@dataclasses.dataclass(frozen=True)
class Ended:
    """A module that ran to its end in a process of its own."""

    status: int
    result: dict[str, Any]
    output: str


def environment(**changes: str) -> dict[str, str]:
    """The environment of a module's process: no variables of the developer's own, the collection importable."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": f"{ROOT / '.collections'}:{ROOT}",
        "PYTHONDONTWRITEBYTECODE": "1",
        **changes,
    }


def run_module(standard_input: str, prefix: Iterable[str] = (), **variables: str) -> Ended:
    """Run the module in a process of its own, behind the words ``prefix``, and read its result."""
    done = subprocess.run(
        [*prefix, sys.executable, "-P", "-m", MODULE],
        input=standard_input,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=environment(**variables),
    )
    output = done.stdout + done.stderr
    try:
        result = json.loads(done.stdout)
    except ValueError:
        result = {}
    return Ended(done.returncode, result, output)


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of an index, its names as bytes."""

    data: Mapping[str, Any]

    def name(self, field: str) -> bytes:
        exact = self.data.get(f"{field}_base64")
        return self.data[field].encode() if exact is None else base64.b64decode(exact)

    @property
    def path(self) -> bytes:
        return self.name("path")

    @property
    def kind(self) -> str:
        return str(self.data["type"])


@contextlib.contextmanager
def quick_retries(patience: float = 0.5) -> Iterator[None]:
    """Repeat refused requests at once: nobody waits, and a silent store is given up after ``patience`` seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ExponentialBackoff, "delay_amount", lambda self, context: 0.0)
        patch.setattr(backup_store, "READ_TIMEOUT", patience)
        yield


@contextlib.contextmanager
def small_parts() -> Iterator[None]:
    """Cut objects into parts of 64 KiB and more; only a store of :func:`lenient_store` takes them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "FIRST_PART", 64 << 10)
        patch.setattr(stream, "IN_FLIGHT", 4 * (64 << 10))
        yield


@contextlib.contextmanager
def lenient_store() -> Iterator[Store]:
    """An embedded store that takes parts of any size, so that small objects show what large ones do."""
    variables = {**object_store.server_environment(), "S3_UPLOAD_PART_MIN_SIZE": "1"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(object_store, "server_environment", lambda: variables)
        with embedded_store() as store:
            yield store


def connect(store: Store, prefix: str = PREFIX) -> backup_store.Store:
    """The bucket as the code under test reaches it."""
    return backup_store.Store(
        StoreOptions(
            bucket=store.bucket,
            prefix=prefix,
            endpoint=store.endpoint,
            access_key=store.access_key,
            secret_key=store.secret_key,
            addressing_style="path",
        )
    )


@functools.cache
def _client(store: Store) -> Any:
    """One client for all buckets of a store: each new one reads megabytes of descriptions."""
    return store.client()


class Bucket:
    """A bucket read with boto3, json, zstandard and tarfile alone; keys are relative to the prefix."""

    def __init__(self, store: Store, prefix: str = PREFIX) -> None:
        self.store = store
        self.prefix = prefix
        self.client = _client(dataclasses.replace(store, bucket=""))

    def sizes(self, below: str = "") -> dict[str, int]:
        """Every key with its size."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.store.bucket, Prefix=f"{self.prefix}/{below}"
        )
        strip = len(self.prefix) + 1
        return {entry["Key"][strip:]: entry["Size"] for page in pages for entry in page.get("Contents", [])}

    def keys(self, below: str = "") -> set[str]:
        return set(self.sizes(below))

    def uploads(self) -> list[str]:
        """Unfinished multipart uploads."""
        answer = self.client.list_multipart_uploads(Bucket=self.store.bucket)
        return [upload["Key"] for upload in answer.get("Uploads", [])]

    def read(self, key: str) -> bytes:
        body: bytes = self.client.get_object(Bucket=self.store.bucket, Key=f"{self.prefix}/{key}")["Body"].read()
        return body

    def write(self, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=self.store.bucket, Key=f"{self.prefix}/{key}", Body=body)

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.store.bucket, Key=f"{self.prefix}/{key}")

    def bodies(self) -> dict[str, bytes]:
        """Every object."""
        return {key: self.read(key) for key in self.sizes()}

    def manifests(self) -> dict[str, dict[str, Any]]:
        """Every manifest by its restore point's id, oldest first."""
        found = sorted(self.keys("manifests/"))
        return {key[len("manifests/") : -len(".json")]: json.loads(self.read(key)) for key in found}

    def newest(self) -> dict[str, Any]:
        return list(self.manifests().values())[-1]

    def held(self) -> Bucket:
        """The same, but what was read once is not read again."""
        other = Bucket(self.store, self.prefix)
        other.read = functools.cache(self.read)  # type: ignore[method-assign]
        return other

    def torn(self) -> list[str]:
        """What the manifests promise and the bucket does not hold, byte by byte."""
        wrong = []
        digests: dict[str, tuple[int, str]] = {}
        for point, manifest in self.manifests().items():
            if not manifest["objects"]:
                wrong.append(f"{point} names no object")
            for item in manifest["objects"]:
                key = item["key"]
                if key not in digests:
                    try:
                        body = self.read(key)
                    except ClientError as error:
                        wrong.append(f"{point}: {key}: {error}")
                        continue
                    digests[key] = (len(body), hashlib.sha256(body).hexdigest())
                if digests[key] != (item["size"], item["sha256"]):
                    wrong.append(f"{point}: {key} is {digests[key]}, not {item['size']}, {item['sha256']}")
        return wrong

    def part(self, manifest: Mapping[str, Any], part: str) -> str:
        """The key of the one object that holds a part."""
        (key,) = (item["key"] for item in manifest["objects"] if item["part"] == part)
        return str(key)

    def index(self, manifest: Mapping[str, Any]) -> list[Line]:
        """The lines of the index of a restore point."""
        text = unpacked(self.read(self.part(manifest, "index")))
        return [Line(json.loads(line)) for line in text.split(b"\n") if line]

    def contents(self, manifest: Mapping[str, Any]) -> dict[bytes, bytes]:
        """Path and content of every file of a restore point, found by archive, frame and offset alone."""
        archives = functools.cache(self.read)
        allowed = {item["key"] for item in manifest["objects"]}
        found = {}
        for line in self.index(manifest):
            if line.kind == "file":
                data = line.data
                assert data["archive"] in allowed
                content = cut(archives(data["archive"])[data["frame"] :], data["offset"], data["size"])
                assert hashlib.sha256(content).hexdigest() == data["sha256"], line.path
                found[line.path] = content
        return found

    def tar(self, key: str) -> tarfile.TarFile:
        """An archive as tar reads it."""
        return tarfile.open(fileobj=io.BytesIO(unpacked(self.read(key))), errors="surrogateescape")


def framed(body: bytes) -> dict[int, bytes]:
    """The zstd frames that a body is made of: where each begins and what it holds, decompressed alone."""
    found = {}
    start = 0
    while start < len(body):
        engine = zstandard.ZstdDecompressor().decompressobj()
        found[start] = engine.decompress(body[start:])
        assert engine.eof
        start = len(body) - len(engine.unused_data)
    return found


def frames(body: bytes) -> list[bytes]:
    """The contents of the frames, in order."""
    return list(framed(body).values())


def unpacked(body: bytes) -> bytes:
    return b"".join(frames(body))


def cut(body: bytes, offset: int, size: int) -> bytes:
    """A piece of what the frames at the head of a body decompress to, reading no more frames than it takes."""
    content = b""
    while len(content) < offset + size:
        engine = zstandard.ZstdDecompressor().decompressobj()
        content += engine.decompress(body)
        assert engine.eof
        body = engine.unused_data
    return content[offset : offset + size]


def programs(directory: pathlib.Path, bin_dir: pathlib.Path, pg_dump: str, version: str = "18.4") -> pathlib.Path:
    """A directory of client programs in which pg_dump is a shell script that finds the real one in ``$REAL``."""
    directory.mkdir()
    (directory / "pg_restore").symlink_to(bin_dir / "pg_restore")
    script = directory / "pg_dump"
    script.write_text(
        f'#!/bin/sh\nREAL="{bin_dir}/pg_dump"\n'
        f'if [ "$1" = --version ]; then echo "pg_dump (PostgreSQL) {version}"; exit 0; fi\n{pg_dump}\n'
    )
    script.chmod(0o755)
    return directory
