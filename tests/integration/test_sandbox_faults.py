# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault proxy does to a client what it says, and nothing else."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from tests.support.faults import ANSWERS, Fault, FaultProxy
from tests.support.stores import Store

BODY = bytes(range(256)) * 4096


@pytest.fixture
def proxy(object_store: Store) -> Iterator[FaultProxy]:
    with FaultProxy(object_store.endpoint) as opened:
        yield opened


@pytest.fixture
def through(object_store: Store, proxy: FaultProxy) -> Store:
    return object_store.through(proxy.endpoint)


def test_lets_everything_through_and_records_it(through: Store, proxy: FaultProxy) -> None:
    through.write("dir/a key+é", BODY)
    assert through.read("dir/a key+é") == BODY
    assert through.keys() == {"dir/a key+é": len(BODY)}
    assert through.client().head_object(Bucket=through.bucket, Key="dir/a key+é")["ContentLength"] == len(BODY)
    through.delete("dir/a key+é")
    bucket = through.bucket
    assert [(call.number, call.method, call.path, call.status) for call in proxy.calls] == [
        (1, "PUT", f"/{bucket}/dir/a key+é", 200),
        (2, "GET", f"/{bucket}/dir/a key+é", 200),
        (3, "GET", f"/{bucket}", 200),
        (4, "HEAD", f"/{bucket}/dir/a key+é", 200),
        (5, "DELETE", f"/{bucket}/dir/a key+é", 204),
    ]
    assert "list-type=2" in proxy.calls[2].query


def test_multipart_upload_goes_through(through: Store) -> None:
    client = through.client()
    upload = client.create_multipart_upload(Bucket=through.bucket, Key="big")["UploadId"]
    parts = []
    for number in (1, 2):
        answer = client.upload_part(Bucket=through.bucket, Key="big", UploadId=upload, PartNumber=number, Body=BODY * 5)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    assert through.uploads() == ["big"]
    client.complete_multipart_upload(
        Bucket=through.bucket, Key="big", UploadId=upload, MultipartUpload={"Parts": parts}
    )
    assert through.read("big") == BODY * 10


def test_checksum_trailers_of_the_default_client_go_through(through: Store) -> None:
    client = through.client(
        request_checksum_calculation="when_supported", response_checksum_validation="when_supported"
    )
    client.put_object(Bucket=through.bucket, Key="key", Body=BODY)
    assert through.read("key") == BODY


@pytest.mark.parametrize("fault", ANSWERS)
def test_answers_an_error_in_place_of_the_store(
    fault: Fault, object_store: Store, through: Store, proxy: FaultProxy
) -> None:
    proxy.inject(fault, at=2)
    through.write("first", BODY)
    with pytest.raises(ClientError) as caught:
        through.write("second", BODY)
    status, code, _message = ANSWERS[fault]
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    through.write("third", BODY)
    assert sorted(object_store.keys()) == ["first", "third"]
    assert [call.fault for call in proxy.calls] == [None, fault, None]


def test_head_gets_an_error_without_a_body(through: Store, proxy: FaultProxy) -> None:
    proxy.inject(Fault.DENIED, at=1)
    client = through.client()
    with pytest.raises(ClientError, match="403"):
        client.head_bucket(Bucket=through.bucket)
    client.head_bucket(Bucket=through.bucket)


def test_fails_for_ever(through: Store, proxy: FaultProxy) -> None:
    proxy.inject(Fault.ERROR_503, at=2, forever=True)
    through.write("first", BODY)
    for _again in range(3):
        with pytest.raises(ClientError, match="SlowDown"):
            through.write("later", BODY)
    proxy.heal()
    through.write("later", BODY)
    assert [call.number for call in proxy.calls] == [1]


def test_gives_no_answer(object_store: Store, through: Store, proxy: FaultProxy) -> None:
    proxy.inject(Fault.TIMEOUT, at=1)
    with pytest.raises(ReadTimeoutError):
        through.client(read_timeout=0.3).put_object(Bucket=through.bucket, Key="key", Body=BODY)
    assert object_store.keys() == {}


def test_resets_in_the_middle_of_the_request(object_store: Store, through: Store, proxy: FaultProxy) -> None:
    proxy.inject(Fault.RESET_REQUEST, at=1)
    with pytest.raises(ConnectionClosedError):
        through.write("key", BODY * 8)
    assert object_store.keys() == {}


def test_resets_the_answer_of_a_write_that_was_done(object_store: Store, through: Store, proxy: FaultProxy) -> None:
    proxy.inject(Fault.RESET_RESPONSE, at=1)
    with pytest.raises(ConnectionClosedError):
        through.write("key", BODY)
    assert object_store.read("key") == BODY


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault.RESET_RESPONSE, ResponseStreamingError), (Fault.SHORT, (ResponseStreamingError, IncompleteReadError))],
)
def test_breaks_off_a_read(
    fault: Fault, error: type[Exception], object_store: Store, through: Store, proxy: FaultProxy
) -> None:
    object_store.write("key", BODY)
    proxy.inject(fault, at=1)
    with pytest.raises(error):
        through.read("key")
    assert through.read("key") == BODY


@pytest.mark.parametrize("fault", [Fault.RESET_REQUEST, Fault.RESET_RESPONSE])
def test_a_reset_is_not_an_ordinary_close(fault: Fault, through: Store, proxy: FaultProxy) -> None:
    proxy.inject(fault, at=1)
    connection = http.client.HTTPConnection(proxy.endpoint.removeprefix("http://"))
    with pytest.raises(ConnectionResetError):
        connection.request("PUT", f"/{through.bucket}/key", BODY)
        connection.getresponse().read()
    connection.close()


def test_alters_what_is_read(object_store: Store, through: Store, proxy: FaultProxy) -> None:
    object_store.write("key", BODY)
    proxy.inject(Fault.ALTERED, at=1)
    seen = through.read("key")
    assert len(seen) == len(BODY)
    assert sum(one != other for one, other in zip(seen, BODY, strict=True)) == 1
