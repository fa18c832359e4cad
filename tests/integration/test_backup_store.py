# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every call to the object store promises, with a store that breaks, forgets and ignores."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import pathlib
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup import stream
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import (
    KeyExists,
    KeyMissing,
    Store,
    StoreError,
    StoreOptions,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import ObjectWriter, StoredObject
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.process import HOST, free_port
from tests.support import stores
from tests.support.faults import Fault, FaultProxy
from tests.support.quirks import QuirkyProxy
from tests.support.restore_points import PREFIX, Bucket, connect, lenient_store, quick_retries, small_parts

KEY = "db/20261120T040000Z.dump.zst"
PART = 64 << 10
MIB = 1 << 20


@pytest.fixture(scope="module")
def lenient() -> Iterator[stores.Store]:
    with lenient_store() as store:
        yield store


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    with quick_retries(), small_parts():
        yield


@dataclasses.dataclass(frozen=True)
class Way:
    """A bucket, a proxy before it, and the store as the code under test reaches it through the proxy."""

    bucket: Bucket
    proxy: FaultProxy
    store: Store

    def methods(self) -> list[str]:
        return [call.method for call in self.proxy.calls]


def way(found: stores.Store, *quirks: str) -> Iterator[Way]:
    bucket = found.fresh()
    with QuirkyProxy(found.endpoint, *quirks) as proxy:
        yield Way(Bucket(bucket), proxy, connect(bucket.through(proxy.endpoint)))


@pytest.fixture
def straight(lenient: stores.Store) -> Iterator[Way]:
    yield from way(lenient)


@pytest.fixture
def other_etags(lenient: stores.Store) -> Iterator[Way]:
    yield from way(lenient, "etag")


@pytest.fixture
def forgetful(lenient: stores.Store) -> Iterator[Way]:
    yield from way(lenient, "forgetful")


@pytest.fixture
def unconditional(lenient: stores.Store) -> Iterator[Way]:
    yield from way(lenient, "unconditional")


def blocks(size: int, seed: int = 1) -> list[bytes]:
    body = random.Random(seed).randbytes(size)
    return [body[start : start + PART] for start in range(0, size, PART)]


def write(store: Store, content: list[bytes], key: str = KEY) -> StoredObject:
    with ObjectWriter(store, key) as writer:
        for block in content:
            writer.write(block)
        return writer.commit()


def stored(content: list[bytes], key: str = KEY) -> StoredObject:
    body = b"".join(content)
    return StoredObject(key, len(body), hashlib.sha256(body).hexdigest())


# Objects of unknown length


@pytest.mark.parametrize("size", [0, 1, PART - 1])
def test_a_small_object_is_one_put_and_one_look(size: int, straight: Way) -> None:
    assert write(straight.store, blocks(size)) == stored(blocks(size))
    assert straight.methods() == ["PUT", "HEAD"]
    assert straight.bucket.read(KEY) == b"".join(blocks(size))


@pytest.mark.parametrize("size", [PART, PART + 1, 5 * PART, 20 * PART + 7])
def test_a_larger_object_is_sent_in_parts(size: int, straight: Way) -> None:
    assert write(straight.store, blocks(size)) == stored(blocks(size))
    assert straight.methods().count("PUT") == -(-size // PART)
    assert straight.bucket.read(KEY) == b"".join(blocks(size))
    assert straight.bucket.uploads() == []
    assert "GET" not in straight.methods()  # its ETag has proven it


def test_parts_grow(straight: Way) -> None:
    sizes: list[int] = []
    store = straight.store
    store.options = dataclasses.replace(store.options, max_parts=20)
    store.client.meta.events.register(
        "before-call.s3.UploadPart", lambda params, **_: sizes.append(len(params["body"]))
    )
    content = blocks(12 * PART)
    assert write(store, content) == stored(content)
    assert sorted(sizes) == [PART, PART, 2 * PART, 2 * PART, 2 * PART, 4 * PART]


@pytest.mark.parametrize("grown", [1, 4, 16])
def test_no_more_bytes_are_on_their_way_than_memory_was_meant_for(
    grown: int, straight: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = grown * PART
    monkeypatch.setattr(stream, "FIRST_PART", part)  # as if the parts had grown, the budget stays
    lock = threading.Lock()
    under_way = 0
    most = 0

    def begin(params: dict[str, Any], **_: Any) -> None:
        nonlocal under_way, most
        with lock:
            under_way += len(params["body"])
            most = max(most, under_way)

    def end(**_: Any) -> None:
        nonlocal under_way
        with lock:
            under_way -= part

    straight.store.client.meta.events.register("before-call.s3.UploadPart", begin)
    straight.store.client.meta.events.register("after-call.s3.UploadPart", end)
    content = blocks(8 * part)
    assert write(straight.store, content) == stored(content)
    assert most <= max(stream.IN_FLIGHT, part)


@pytest.mark.parametrize("size", [100, 5 * PART])
def test_a_failure_while_writing_leaves_nothing(size: int, straight: Way) -> None:
    with pytest.raises(ZeroDivisionError), ObjectWriter(straight.store, KEY) as writer:
        for block in blocks(size):
            writer.write(block)
        raise ZeroDivisionError
    assert straight.bucket.keys() == set()
    assert straight.bucket.uploads() == []


@pytest.mark.parametrize("size", [100, 5 * PART])
def test_a_failure_after_the_object_was_complete_takes_it_back(size: int, straight: Way) -> None:
    with pytest.raises(ZeroDivisionError), ObjectWriter(straight.store, KEY) as writer:
        for block in blocks(size):
            writer.write(block)
        writer.commit()
        raise ZeroDivisionError
    assert straight.bucket.keys() == set()


def test_what_was_not_committed_is_gone(straight: Way) -> None:
    with ObjectWriter(straight.store, KEY) as writer:
        for block in blocks(5 * PART):
            writer.write(block)
    assert straight.bucket.keys() == set()
    assert straight.bucket.uploads() == []


@pytest.mark.parametrize("size", [100, 5 * PART])
@pytest.mark.parametrize("fault", [Fault.DENIED, Fault.QUOTA, Fault.FULL, Fault.ERROR_500, Fault.RESET_RESPONSE])
def test_whatever_call_fails_for_good_nothing_is_left_that_can_be_removed(
    fault: Fault, size: int, straight: Way
) -> None:
    write(straight.store, blocks(size))
    total = len(straight.proxy.calls)
    straight.bucket.delete(KEY)
    for position in range(1, total + 1):
        straight.proxy.inject(fault, at=position, forever=True)
        with pytest.raises(StoreError) as caught:
            write(straight.store, blocks(size))
        assert str(caught.value).startswith("Cannot ")
        assert KEY in str(caught.value)
        straight.proxy.heal()
        straight.bucket.delete(KEY)  # here the store refused that too
        straight.store.abort_uploads(("db/",))
        assert straight.bucket.uploads() == []


@pytest.mark.parametrize("size", [100, 5 * PART])
def test_one_refusal_takes_back_what_was_stored(size: int, straight: Way) -> None:
    write(straight.store, blocks(size))
    total = len(straight.proxy.calls)
    straight.bucket.delete(KEY)
    for position in range(1, total + 1):
        straight.proxy.inject(Fault.DENIED, at=position)
        with pytest.raises(StoreError, match="the credentials do not allow it"):
            write(straight.store, blocks(size))
        assert (straight.bucket.keys(), straight.bucket.uploads()) == (set(), [])


# The proof


@pytest.mark.parametrize("size", [100, 5 * PART])
def test_where_etags_are_no_md5_the_object_is_read_back(size: int, other_etags: Way) -> None:
    assert write(other_etags.store, blocks(size)) == stored(blocks(size))
    assert other_etags.methods()[-2:] == ["HEAD", "GET"]


@pytest.mark.parametrize("size", [100, 5 * PART])
def test_an_object_that_reads_back_otherwise_is_refused(size: int, other_etags: Way) -> None:
    write(other_etags.store, blocks(size))
    read_back = len(other_etags.proxy.calls)
    other_etags.proxy.inject(Fault.ALTERED, at=read_back)
    with pytest.raises(StoreError, match=f"s3://.*{KEY} does not read back as written: check the store, nothing was"):
        write(other_etags.store, blocks(size))
    assert other_etags.bucket.keys() == set()


@pytest.mark.parametrize("kept", [0, 50, 99])
def test_an_object_that_is_shorter_in_the_store_is_refused(kept: int, other_etags: Way, straight: Way) -> None:
    for one in (other_etags, straight):
        with ObjectWriter(one.store, KEY) as writer, pytest.raises(StoreError, match="does not read back as written"):
            writer.write(blocks(100)[0])
            head = one.store.head

            def cut(key: str) -> tuple[int, str]:
                one.bucket.write(KEY, blocks(100)[0][:kept])  # noqa: B023
                return head(key)  # noqa: B023

            one.store.head = cut  # type: ignore[method-assign]
            writer.commit()


def test_an_altered_part_is_refused(straight: Way) -> None:
    """The store keeps other bytes of the same length than were sent."""
    altered: list[Any] = []

    def alter(params: dict[str, Any], **_: Any) -> None:
        if not altered:
            altered.append(params["body"])
            params["body"] = io.BytesIO(bytes(PART))

    straight.store.client.meta.events.register("before-call.s3.UploadPart", alter)
    with pytest.raises(StoreError):
        write(straight.store, blocks(3 * PART))
    assert straight.bucket.keys() == set()


# Answers that are lost


def test_a_completion_whose_answer_was_lost_is_success(forgetful: Way) -> None:
    content = blocks(3 * PART)
    write(forgetful.store, content)
    (complete,) = [call.number for call in forgetful.proxy.calls if call.method == "POST" and "uploadId" in call.query]
    forgetful.proxy.inject(Fault.RESET_RESPONSE, at=complete)
    assert write(forgetful.store, content) == stored(content)
    assert [call.status for call in forgetful.proxy.calls if "uploadId" in call.query][-1] == 404
    assert forgetful.bucket.read(KEY) == b"".join(content)


def test_a_completion_that_never_reached_the_store_is_a_failure(forgetful: Way) -> None:
    content = blocks(3 * PART)
    write(forgetful.store, content)
    forgetful.bucket.delete(KEY)
    (complete,) = [call.number for call in forgetful.proxy.calls if call.method == "POST" and "uploadId" in call.query]
    forgetful.proxy.inject(Fault.RESET_REQUEST, at=complete)
    with pytest.raises(StoreError, match="NoSuchUpload"):
        write(forgetful.store, content)
    assert (forgetful.bucket.keys(), forgetful.bucket.uploads()) == (set(), [])


def test_a_write_once_whose_answer_was_lost_is_ours(straight: Way) -> None:
    straight.proxy.inject(Fault.RESET_RESPONSE, at=1)
    assert straight.store.put_once("manifests/x.json", b"{}") is True
    assert [call.status for call in straight.proxy.calls] == [200, 412, 200]
    assert straight.bucket.read("manifests/x.json") == b"{}"


@pytest.mark.parametrize("conditional", [True, False])
def test_what_is_there_already_is_never_overwritten(conditional: bool, straight: Way) -> None:
    straight.store.options = dataclasses.replace(straight.store.options, conditional_writes=conditional)
    straight.bucket.write("manifests/x.json", b"older")
    with pytest.raises(
        KeyExists, match=f"Cannot write s3://.*{PREFIX}/manifests/x.json: the key holds an object already"
    ):
        straight.store.put_once("manifests/x.json", b"newer")
    assert straight.bucket.read("manifests/x.json") == b"older"


def test_a_store_that_guards_the_condition_is_told_from_one_that_ignores_it(straight: Way, unconditional: Way) -> None:
    assert straight.store.put_once("manifests/x.json", b"{}") is True
    assert unconditional.store.put_once("manifests/x.json", b"{}") is False
    assert straight.bucket.read("manifests/x.json") == unconditional.bucket.read("manifests/x.json") == b"{}"


def test_without_conditions_none_is_sent(straight: Way) -> None:
    straight.store.options = dataclasses.replace(straight.store.options, conditional_writes=False)
    assert straight.store.put_once("manifests/x.json", b"{}") is False
    assert [(call.method, call.status) for call in straight.proxy.calls] == [("HEAD", 404), ("PUT", 200), ("GET", 200)]


@pytest.mark.parametrize("fault", [Fault.DENIED, Fault.ERROR_500, Fault.TIMEOUT, Fault.RESET_REQUEST])
def test_when_the_condition_cannot_be_tried_the_write_has_still_succeeded(fault: Fault, straight: Way) -> None:
    straight.proxy.inject(fault, at=3, forever=True)
    straight.store.put_once("manifests/x.json", b"{}")
    assert straight.bucket.read("manifests/x.json") == b"{}"


def test_a_write_once_that_reads_back_otherwise_is_an_error(straight: Way) -> None:
    straight.proxy.inject(Fault.ALTERED, at=2)
    with pytest.raises(StoreError, match="does not read back as written"):
        straight.store.put_once("manifests/x.json", b"{}")


# Reading


@pytest.mark.parametrize("fault", [Fault.RESET_RESPONSE, Fault.SHORT])
@pytest.mark.parametrize("broken", [1, 2, 3])
def test_a_broken_answer_is_resumed(fault: Fault, broken: int, straight: Way) -> None:
    body = b"".join(blocks(3 * MIB))
    straight.bucket.write(KEY, body)
    straight.proxy.inject(fault, at=1, forever=True)
    read = b""
    for block in straight.store.stream(KEY, chunk=PART):
        read += block
        if len(straight.proxy.calls) >= broken:
            straight.proxy.plan = None
    assert read == body
    assert [call.status for call in straight.proxy.calls][0] == 200
    assert {call.status for call in straight.proxy.calls[1:]} == {206}


def test_a_piece_is_resumed_within_its_bounds(straight: Way) -> None:
    body = b"".join(blocks(MIB))
    straight.bucket.write(KEY, body)
    straight.proxy.inject(Fault.RESET_RESPONSE, at=1)
    assert b"".join(straight.store.stream(KEY, chunk=PART, start=1000, end=900_000)) == body[1000:900_000]
    assert b"".join(straight.store.stream(KEY, start=len(body) - 1)) == body[-1:]
    assert b"".join(straight.store.stream(KEY, start=5, end=5)) == b""


def test_pieces_of_two_versions_are_never_joined(straight: Way) -> None:
    straight.bucket.write(KEY, b"".join(blocks(MIB, seed=1)))
    straight.proxy.inject(Fault.RESET_RESPONSE, at=1)
    with pytest.raises(StoreError, match=f"Cannot read s3://.*{KEY} at http.*: it was replaced while it was read"):
        for _block in straight.store.stream(KEY, chunk=PART):
            straight.bucket.write(KEY, b"".join(blocks(MIB, seed=2)))


@pytest.mark.parametrize("fault", [Fault.RESET_RESPONSE, Fault.SHORT])
def test_answers_that_always_break_are_given_up(fault: Fault, straight: Way) -> None:
    straight.bucket.write(KEY, b"".join(blocks(8 * MIB)))
    straight.proxy.inject(fault, at=1, forever=True)
    with pytest.raises(StoreError, match=f"Cannot read s3://.*{KEY} at http.*: .*: check the network and run again"):
        list(straight.store.stream(KEY, chunk=PART))


def test_an_empty_object_is_read(straight: Way) -> None:
    straight.bucket.write(KEY, b"")
    assert straight.store.get(KEY) == b""


def test_a_missing_object_is_told_from_a_missing_bucket(straight: Way) -> None:
    for ask in (straight.store.get, straight.store.head):
        with pytest.raises(KeyMissing, match=f"s3://.*/{KEY}: there is no such object"):
            ask(KEY)
    assert straight.store.exists(KEY) is False
    straight.store.options = dataclasses.replace(straight.store.options, bucket="no-such-bucket")
    with pytest.raises(StoreError, match="the bucket does not exist: create it or correct s3_bucket"):
        straight.store.get(KEY)


def test_deleting_twice_is_no_error(straight: Way) -> None:
    straight.bucket.write(KEY, b"")
    straight.store.delete(KEY)
    straight.store.delete(KEY)
    assert straight.bucket.keys() == set()


def test_only_the_prefix_is_listed_and_aborted(straight: Way, lenient: stores.Store) -> None:
    other = connect(straight.bucket.store, "erp/test2")
    for store in (straight.store, other):
        store.put("docs/a", b"1")
        store.call("begin", "db/a", store.client.create_multipart_upload)
    assert [item.key for item in straight.store.list("")] == ["docs/a"]
    assert [item.key for item in straight.store.list("db/")] == []
    assert straight.store.abort_uploads(("db/", "docs/")) == 1
    assert straight.bucket.uploads() == ["erp/test2/db/a"]


@pytest.mark.parametrize("prefix", ["", "/", "/a/", "a/b"])
def test_a_prefix_may_be_written_with_slashes_or_be_empty(prefix: str, straight: Way) -> None:
    store = connect(straight.bucket.store, prefix)
    store.put("db/x", b"")
    clean = prefix.strip("/")
    assert straight.bucket.store.keys() == {f"{clean}/db/x" if clean else "db/x": 0}
    assert [item.key for item in store.list("")] == ["db/x"]
    assert store.describe("db/x") == f"s3://{straight.bucket.store.bucket}/{f'{clean}/' if clean else ''}db/x"


# What each refusal says


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault.SIGNATURE, "the signature was refused: check s3_secret_key, s3_region and s3_checksums"),
        (Fault.SKEWED, "the clock of this host differs too much from the store's: set the clock (NTP) and run again"),
        (Fault.DENIED, "the credentials do not allow it: check the rights of s3_access_key on this bucket and prefix"),
        (Fault.QUOTA, "the bucket or account is full: free space or raise the quota"),
        (Fault.FULL, "the store is full: free space or raise the quota"),
        (Fault.ERROR_500, "the store failed inside: run again later"),
        (Fault.ERROR_503, "the store is overloaded or unavailable: run again later"),
        (Fault.TIMEOUT, "no answer in time: check the network and run again"),
        (Fault.RESET_REQUEST, "ConnectionClosedError, the connection broke: check the network and run again"),
    ],
)
def test_each_refusal_is_one_sentence(fault: Fault, sentence: str, straight: Way) -> None:
    straight.proxy.inject(fault, at=1, forever=True)
    where = f"s3://{straight.bucket.store.bucket}/{PREFIX}/ at {straight.proxy.endpoint}"
    with pytest.raises(StoreError) as caught:
        straight.store.check_bucket()
    assert str(caught.value) == f"Cannot use {where}: {sentence}."


def test_a_store_that_does_not_answer_is_named(straight: Way) -> None:
    nobody = straight.bucket.store.through(f"http://{HOST}:{free_port()}")
    with pytest.raises(StoreError, match="nothing answers there: check s3_endpoint and that the store is up"):
        connect(nobody).check_bucket()


def test_tls_towards_a_server_without_it_is_named(straight: Way) -> None:
    tls = straight.bucket.store.through(straight.proxy.endpoint.replace("http:", "https:"))
    with pytest.raises(StoreError, match="the certificate was not accepted: check s3_endpoint and s3_ca_bundle"):
        connect(tls).check_bucket()


OPTIONS = StoreOptions(bucket="bucket", prefix="erp", endpoint="http://127.0.0.1:1", access_key="a", secret_key="b")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"access_key": None}, "No credentials .*: set s3_access_key and s3_secret_key, or s3_credentials_file"),
        ({"secret_key": ""}, "No credentials .*: set s3_access_key and s3_secret_key, or s3_credentials_file"),
        ({"credentials_file": "/none"}, "The file /none does not exist: correct s3_credentials_file"),
        ({"credentials_file": "/dev/null"}, "does not exist: correct s3_credentials_file"),
        ({"ca_bundle": "/none"}, "The file /none does not exist: correct s3_ca_bundle"),
        ({"endpoint": "storage.example.com"}, "The address 'storage.example.com' is not valid .*: correct s3_endpoint"),
        ({"endpoint": "http://"}, "The address 'http://' is not valid .*: correct s3_endpoint"),
        ({"bucket": "My Bucket!"}, "Invalid bucket name .*: correct s3_bucket"),
        ({"bucket": ""}, "Invalid bucket name .*: correct s3_bucket"),
        ({"region": "no region"}, "correct s3_region"),
    ],
)
def test_an_option_that_cannot_work_is_named(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(StoreError, match=sentence) as caught:
        Store(dataclasses.replace(OPTIONS, **changes)).check_bucket()
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_certificate_is_named(straight: Way, tmp_path: pathlib.Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("not a certificate")
    endpoint = straight.proxy.endpoint.replace("http:", "https:")
    with pytest.raises(StoreError, match="the certificate was not accepted: check s3_endpoint and s3_ca_bundle"):
        Store(dataclasses.replace(OPTIONS, ca_bundle=str(bundle), endpoint=endpoint)).check_bucket()


def test_credentials_are_read_from_a_file(straight: Way, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("[other]\naws_access_key_id = x\n")
    options = dataclasses.replace(straight.store.options, access_key=None, secret_key=None, credentials_file=str(file))
    with pytest.raises(StoreError, match=f"The file {file} has no profile 'default' with aws_access_key_id and"):
        Store(options)
    file.write_text("[default]\naws_access_key_id = x\naws_secret_access_key = y\n")
    Store(options).check_bucket()
    assert [call.status for call in straight.proxy.calls] == [200]


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000"])
def test_the_date_of_a_store_is_in_utc_however_it_says_so(zone: str, straight: Way) -> None:
    store = straight.store
    now = datetime.now(UTC)
    store._note_clock(SimpleNamespace(headers={"Date": f"{now:%a, %d %b %Y %H:%M:%S} {zone}"}))
    assert store.clock_offset is not None
    assert abs(store.clock_offset) < 60
