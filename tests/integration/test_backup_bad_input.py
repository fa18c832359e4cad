# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person may get wrong, or the world: one sentence that names it, nothing written, nothing half-written."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import pwd
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import encode
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.process import HOST, free_port
from tests.support.databases import Cluster
from tests.support.faults import Fault, FaultProxy
from tests.support.restore_points import Ended, Scene, quick_retries, run_module, small_database
from tests.support.stores import Store

POINT = "20260101T000000Z"


@pytest.fixture
def scene(postgres: Cluster, object_store: Store, tmp_path: pathlib.Path) -> Iterator[Scene]:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "note.txt").write_text("a document")
    with small_database(postgres) as database:
        yield Scene(database, object_store, documents, postgres.bin_dir)


def failed(ended: Ended) -> str:
    """The sentence of a module that failed as it should."""
    assert ended.status == 1, ended.output
    assert "Traceback" not in ended.output
    assert ended.result["failed"] is True
    assert ended.result["outcome"] == "failed"
    assert "changed" not in ended.result or ended.result["changed"] is False
    sentence = str(ended.result["msg"])
    assert sentence.endswith(".") and "\n" not in sentence and ". " not in sentence
    return sentence


OTHER_PORT = free_port()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"db_password": "wrong"},
            "Cannot connect to the database {db}: the user or password is wrong: check db_user and",
        ),
        (
            {"db_password": None},
            "Cannot connect to the database {db}: the user or password is wrong: check db_user and",
        ),
        (
            {"db_user": "nobody_here"},
            "Cannot connect to the database {db}: the user or password is wrong: check db_user",
        ),
        ({"db_name": "missing"}, "Cannot connect to the database missing on {host}: there is no database of that name"),
        ({"db_port": OTHER_PORT}, f"on 127.0.0.1:{OTHER_PORT}: nothing answers there: check db_host and db_port"),
        ({"db_host": "no.such.host.invalid"}, "the host name is unknown: correct db_host"),
        ({"db_host": "db..example.com"}, "'db..example.com' cannot be the name of a host: correct db_host"),
        ({"db_sslmode": "require"}, "the TLS connection was not accepted: check db_sslmode and db_sslrootcert"),
        (
            {"db_sslmode": "verify-full", "db_sslrootcert": "/none"},
            "The file /none does not exist: correct db_sslrootcert",
        ),
        ({"db_passfile": "/none"}, "The file /none does not exist: correct db_passfile"),
        ({"s3_bucket": "no-such-bucket"}, "Cannot use s3://no-such-bucket/erp/test/ at http"),
        ({"s3_bucket": "no-such-bucket"}, "the bucket does not exist: create it or correct s3_bucket"),
        (
            {"s3_endpoint": f"http://{HOST}:{OTHER_PORT}"},
            "nothing answers there: check s3_endpoint and that the store is up",
        ),
        (
            {"s3_endpoint": "http://[::1"},
            "The address 'http://[::1' is not valid (Invalid IPv6 URL): correct s3_endpoint",
        ),
        ({"s3_endpoint": f"http://{HOST}:port"}, "that is no address of a store: correct s3_endpoint"),
        ({"s3_access_key": None}, "No credentials for the object store: set s3_access_key and s3_secret_key, or"),
        (
            {"documents_path": "/nonexistent"},
            "The documents directory /nonexistent does not exist or is not a directory",
        ),
        ({"instance_id": ""}, "The option instance_id is empty: name the instance whose restore points these are"),
        ({"s3_max_parts": 0}, "The option s3_max_parts is 0: give 1 or more"),
        ({"full_interval_days": 1e300}, "The option full_interval_days is 1e+300: give a number from 0 to 36525"),
        ({"full_interval_days": float("nan")}, "The option full_interval_days is nan: give a number from 0 to 36525"),
        ({"pg_bindir": "/nonexistent"}, "needs a pg_dump of version 18 or newer (none was found in /nonexistent)"),
    ],
)
def test_an_option_that_is_wrong_is_named(changes: dict[str, Any], sentence: str, scene: Scene) -> None:
    where = f"{scene.database.host}:{scene.database.port}"
    with quick_retries(), pytest.raises(ErpError) as caught:
        scene.back_up(**changes)
    said = str(caught.value)
    assert sentence.format(db=f"{scene.database.name} on {where}", host=where) in said
    assert caught.value.outcome == "failed"
    assert said.endswith(".") and "\n" not in said
    assert scene.bucket.keys() == set()


def test_a_web_server_that_is_no_store_is_told(scene: Scene) -> None:
    class Portal(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html><body>Accept the terms of this network</body></html>")

        def log_message(self, *_words: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Portal) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with pytest.raises(ErpError, match="what answers there is no object store: correct s3_endpoint"):
            scene.back_up(s3_endpoint=f"http://{HOST}:{server.server_port}")
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("AWS_PROFILE", "nobodys", "The config profile (nobodys) could not be found"),
        ("AWS_CONFIG_FILE", "{file}", "Unable to parse config file: {file}"),
        ("AWS_DEFAULTS_MODE", "odd", "Client configured with invalid defaults mode: odd"),
    ],
)
def test_settings_of_the_s3_library_that_are_wrong_are_named(
    name: str, value: str, reason: str, scene: Scene, tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "config"
    file.write_text("not a [config")
    said = failed(run_module(scene.module(), **{name: value.format(file=file)}))
    assert said.startswith(f"The AWS settings of this host cannot be used ({reason.format(file=file)}")
    assert said.endswith("): correct the variables AWS_* of the environment and the files that they name.")
    assert scene.bucket.keys() == set()


def test_the_module_fails_with_that_sentence_and_no_traceback(scene: Scene) -> None:
    ended = run_module(scene.module(db_password="wrong", db_name="missing"))
    assert failed(ended).startswith("Cannot connect to the database missing on ")
    assert scene.bucket.keys() == set()


# Documents that may not be read, for a user who is not almighty


@pytest.fixture
def confined(scene: Scene) -> tuple[str, ...]:
    """The words before a command that keep root from reading what belongs to others."""
    for name in ("a", "b"):
        secret = scene.documents / f"{name}.pdf"
        secret.write_text("not for everybody")
        secret.chmod(0)
        if os.geteuid() == 0:
            os.chown(secret, pwd.getpwnam("nobody").pw_uid, -1)
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


def test_unreadable_documents_fail_the_module(scene: Scene, confined: tuple[str, ...]) -> None:
    ended = run_module(scene.module(), prefix=confined)
    assert failed(ended) == (
        f"Cannot read 2 of the documents in {scene.documents} (a.pdf, b.pdf):"
        " run as a user who may read them, or set unreadable=warn."
    )
    assert ended.result["unreadable"] == ["a.pdf", "b.pdf"]
    assert scene.bucket.keys() == set()
    assert scene.bucket.uploads() == []


def test_unreadable_documents_are_listed_when_that_is_wanted(scene: Scene, confined: tuple[str, ...]) -> None:
    ended = run_module(scene.module(unreadable="warn"), prefix=confined)
    assert ended.status == 0, ended.output
    listed = [{"path": "a.pdf", "reason": "unreadable"}, {"path": "b.pdf", "reason": "unreadable"}]
    assert [item for value in ended.result.values() if value == listed for item in value] == listed
    assert scene.bucket.newest()["skipped"] == listed
    assert scene.bucket.contents(scene.bucket.newest()) == {b"note.txt": b"a document"}


# A store that refuses half way


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault.QUOTA, "the bucket or account is full: free space or raise the quota"),
        (Fault.FULL, "the store is full: free space or raise the quota"),
        (Fault.DENIED, "the credentials do not allow it: check the rights of s3_access_key on this bucket and prefix"),
        (Fault.SKEWED, "the clock of this host differs too much from the store's: set the clock (NTP) and run again"),
        (Fault.SIGNATURE, "the signature was refused: check s3_secret_key, s3_region and s3_checksums"),
    ],
)
def test_a_write_that_is_refused_half_way_leaves_nothing(fault: Fault, sentence: str, scene: Scene) -> None:
    with quick_retries(), FaultProxy(scene.store.endpoint) as proxy:
        scene.through(proxy.endpoint).back_up(check_mode=True)
        reads = len(proxy.calls)
        proxy.heal()
        for position in (1, reads + 3, reads + 5):  # before anything, at the dump, at the documents
            proxy.inject(fault, at=position)
            with pytest.raises(ErpError) as caught:
                scene.through(proxy.endpoint).back_up()
            assert [call.fault for call in proxy.calls].count(fault) == 1
            assert str(caught.value).startswith("Cannot ")
            assert str(caught.value).endswith(f": {sentence}.")
            assert (scene.bucket.keys(), scene.bucket.uploads()) == (set(), [])
    assert scene.back_up().changed


# A bucket that holds something else


def altered(body: bytes) -> bytes:
    return body.replace(b"atelier-lumen", b"atelier-sombre")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda body: b"<html>", "{} is not complete JSON, it was cut or altered: move it out of the prefix"),
        (lambda body: b"", "{} is not complete JSON, it was cut or altered: move it out of the prefix"),
        (
            lambda body: body[: len(body) // 2],
            "{} is not complete JSON, it was cut or altered: move it out of the prefix",
        ),
        (lambda body: body[:-1], "{} is not complete JSON, it was cut or altered: move it out of the prefix"),
        (lambda body: b'{"kind": "backup"}', "{} is not a manifest of this collection: move it out of the prefix or"),
        (lambda body: bytes(range(128, 256)), "{} is not complete JSON, it was cut or altered"),
        (altered, "{} does not match its own digest, it was altered: do not trust it, restore another one"),
    ],
    ids=["html", "empty", "half", "all but the last byte", "other json", "bytes", "altered"],
)
def test_a_manifest_that_is_not_ours_stops_the_run(
    change: Callable[[bytes], bytes], sentence: str, scene: Scene
) -> None:
    point = scene.back_up().manifest["id"]
    key = f"manifests/{point}.json"
    scene.bucket.write(key, change(scene.bucket.read(key)))
    before = scene.bucket.bodies()
    with pytest.raises(ErpError) as caught:
        scene.back_up()
    assert sentence.format(f"s3://{scene.store.bucket}/{scene.prefix}/{key}") in str(caught.value)
    assert caught.value.outcome == "failed"
    assert scene.bucket.bodies() == before


def test_a_manifest_of_a_newer_version_stops_the_run(scene: Scene) -> None:
    manifest = dict(scene.back_up().manifest)
    scene.bucket.write(f"manifests/{manifest['id']}.json", encode({**manifest, "format_version": 2}))
    before = scene.bucket.sizes()
    with pytest.raises(ErpError, match="has format version 2, newer than the 1 known here: update the collection"):
        scene.back_up()
    assert scene.bucket.sizes() == before


@pytest.mark.parametrize(
    "key",
    [
        "manifests/readme.txt",
        "manifests/",
        "records/x",
        f"manifests/{POINT}.json.bak",
        f"records/{POINT}/verified-20261399T000000000000Z.json",
    ],
)
def test_an_object_of_somebody_else_stops_the_run(key: str, scene: Scene) -> None:
    scene.bucket.write(key, b"")
    with pytest.raises(
        ErpError, match="is not an object of this collection: move it out of the prefix or correct s3_pre"
    ):
        scene.back_up()
    assert scene.bucket.keys() == {key}


def test_other_objects_in_the_bucket_or_prefix_are_let_alone(scene: Scene) -> None:
    others = {"notes.txt": b"x", "db/other": b"y", "docs/other": b"z"}
    for key, body in others.items():
        scene.bucket.write(key, body)
    dataclasses.replace(scene, prefix="elsewhere").bucket.write("manifests/readme.txt", b"")
    assert scene.back_up().changed
    assert scene.back_up().changed is False
    assert {key: scene.bucket.read(key) for key in others} == others


# A runner without room


def test_a_runner_that_can_write_no_file_fails_in_one_sentence(scene: Scene) -> None:
    full = ("sh", "-c", 'ulimit -f 0; exec "$0" "$@"')
    ended = run_module(scene.module(), prefix=full)
    assert "temporary directory" in failed(ended)
    assert (scene.bucket.keys(), scene.bucket.uploads()) == (set(), [])


def test_a_runner_with_little_room_needs_none(scene: Scene) -> None:
    """Nothing is staged: a file of 64 KiB at most is enough for a database and documents of more."""
    (scene.documents / "large").write_bytes(os.urandom(1 << 20))
    little = ("sh", "-c", 'ulimit -f 128; exec "$0" "$@"')
    ended = run_module(scene.module(), prefix=little)
    assert ended.status == 0, ended.output
    assert scene.bucket.torn() == []
