# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The object store: every call to S3 that the collection makes, and what its errors mean to a person."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from ansible_collections.arcodange.erp.plugins.module_utils.addresses import is_loopback
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.version import COLLECTION_VERSION

try:
    import boto3.session
    import botocore.exceptions
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError
except ImportError:
    pass  # the door says which library is missing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

CONNECT_TIMEOUT = 10  # seconds
READ_TIMEOUT = 60  # seconds without a byte
READ_ATTEMPTS = 4  # a broken body is resumed this often; botocore itself repeats requests that were refused


@dataclass(frozen=True)
class StoreOptions:
    """Where restore points live and how to reach it; the fields are the module options ``s3_*``."""

    bucket: str
    prefix: str
    endpoint: str | None = None
    region: str = "us-east-1"
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    credentials_file: str | None = None
    addressing_style: str = "auto"
    ca_bundle: str | None = None
    checksums: str = "when_required"
    conditional_writes: bool = True
    max_parts: int = 10000


@dataclass(frozen=True)
class Listed:
    """One key of a listing, relative to the prefix; ``size`` in bytes."""

    key: str
    size: int
    etag: str
    last_modified: datetime


class StoreError(ErpError):
    """The store could not be reached or said no."""


class KeyMissing(StoreError):
    """There is no object at that key."""


class KeyExists(StoreError):
    """A key that may only be written once holds other content already."""


REASONS = {
    "NoSuchBucket": "the bucket does not exist: create it or correct s3_bucket",
    "InvalidAccessKeyId": "the access key is unknown there: check s3_access_key",
    "SignatureDoesNotMatch": "the signature was refused: check s3_secret_key, s3_region and s3_checksums",
    "AccessDenied": "the credentials do not allow it: check the rights of s3_access_key on this bucket and prefix",
    "RequestTimeTooSkewed": "the clock of this host differs too much from the store's: set the clock (NTP) and run again",
    "QuotaExceeded": "the bucket or account is full: free space or raise the quota",
    "InsufficientStorage": "the store is full: free space or raise the quota",
    "EntityTooLarge": "the object is larger than the store accepts: check s3_max_parts",
    "InvalidBucketName": "the bucket's name is not valid: correct s3_bucket",
    "BadDigest": "the bytes changed on their way: run again, and check the network if it stays so",
    "NotImplemented": "the store does not know this request: check s3_conditional_writes and s3_checksums",
    "PreconditionFailed": "the key holds an object already",
    "503": "the store is overloaded or unavailable: run again later",
    "SlowDown": "the store is overloaded or unavailable: run again later",
    "ServiceUnavailable": "the store is overloaded or unavailable: run again later",
    "500": "the store failed inside: run again later",
    "InternalError": "the store failed inside: run again later",
    "403": "the credentials do not allow it, or are wrong: check s3_access_key, s3_secret_key and their rights on this bucket",
    "404": "there is nothing at that address: check s3_endpoint and s3_bucket",
}
MISSING = {"NoSuchKey", "404", "NotFound", "NoSuchVersion"}
EXISTS = {"PreconditionFailed", "412", "ConditionalRequestConflict"}


def error_code(error: Exception) -> str:
    """The S3 error code of an exception, or its HTTP status as text, or an empty string.

    radosgw answers some errors with an empty code, so the status stands in for it.
    """
    response = getattr(error, "response", None) or {}
    code = str((response.get("Error") or {}).get("Code") or "")
    return code or str((response.get("ResponseMetadata") or {}).get("HTTPStatusCode") or "")


class Store:
    """One bucket and prefix. Keys given and returned are relative to the prefix."""

    def __init__(self, options: StoreOptions) -> None:
        self.options = options
        self._clock_offset: float | None = None
        if options.max_parts < 1:
            raise StoreError(f"The option s3_max_parts is {options.max_parts}: give 1 or more.")
        self.client = self._connect()

    def _connect(self) -> S3Client:
        options = self.options
        session = botocore.session.Session()
        if options.credentials_file:
            if not os.path.isfile(options.credentials_file):
                raise StoreError(f"The file {options.credentials_file} does not exist: correct s3_credentials_file.")
            session.set_config_variable("credentials_file", options.credentials_file)
            session.set_config_variable("config_file", os.devnull)
            session.set_config_variable("profile", "default")
            try:
                found = session.get_component("credential_provider").get_provider("shared-credentials-file").load()
            except BotoCoreError:
                found = None  # not in the format of such a file, without the profile, or with half of it
            if found is None:
                raise StoreError(
                    f"The file {options.credentials_file} has no profile 'default' with aws_access_key_id and aws_secret_access_key: add it."
                )
            access_key, secret_key = found.access_key, found.secret_key
        else:
            access_key, secret_key = options.access_key, options.secret_key
        if not access_key or not secret_key:
            raise StoreError(
                "No credentials for the object store: set s3_access_key and s3_secret_key, or s3_credentials_file."
            )
        if options.ca_bundle and not os.path.isfile(options.ca_bundle):
            raise StoreError(f"The file {options.ca_bundle} does not exist: correct s3_ca_bundle.")
        settings: dict[str, Any] = {
            "signature_version": "s3v4",
            "retries": {"mode": "standard", "total_max_attempts": 5},
            "connect_timeout": CONNECT_TIMEOUT,
            "read_timeout": READ_TIMEOUT,
            "max_pool_connections": 16,
            "request_checksum_calculation": options.checksums,
            "response_checksum_validation": options.checksums,
            # A proxy of the network cannot reach what listens on this host alone.
            "proxies": {} if is_loopback(options.endpoint) else None,
            "user_agent_extra": f"arcodange.erp/{COLLECTION_VERSION}",
            # Content-MD5 protects every body, so hashing it once more for the signature buys nothing.
            "s3": {"addressing_style": options.addressing_style, "payload_signing_enabled": False},
        }
        try:
            client = boto3.session.Session(botocore_session=session).client(
                "s3",
                region_name=options.region,
                endpoint_url=options.endpoint,
                aws_access_key_id=access_key,
                aws_secret_access_key=secret_key,
                verify=options.ca_bundle,
                config=Config(**settings),
            )
        except (
            botocore.exceptions.ProfileNotFound,
            botocore.exceptions.ConfigParseError,
            botocore.exceptions.InvalidDefaultsMode,
        ) as error:
            raise StoreError(
                f"The AWS settings of this host cannot be used ({str(error).partition('. ')[0]}):"
                " correct the variables AWS_* of the environment and the files that they name."
            ) from error
        except botocore.exceptions.InvalidRegionError as error:
            raise StoreError(f"The region {options.region!r} is not valid: correct s3_region.") from error
        except ValueError as error:
            raise StoreError(
                f"The address {options.endpoint!r} is not valid ({error}): correct s3_endpoint."
            ) from error
        client.meta.events.register("after-call.s3", self._note_clock)
        return client

    def _note_clock(self, http_response: Any, **_kwargs: Any) -> None:
        date = getattr(http_response, "headers", {}).get("Date")
        if date:
            try:
                seen = parsedate_to_datetime(date)
            except ValueError:
                return
            # A date that names no zone is meant in UTC (RFC 9110).
            seen = seen if seen.tzinfo else seen.replace(tzinfo=UTC)
            self._clock_offset = (seen - datetime.now(UTC)).total_seconds()

    @property
    def clock_offset(self) -> float | None:
        """Seconds by which the store's clock is ahead of this host's; ``None`` before the first answer."""
        return self._clock_offset

    def describe(self, key: str = "") -> str:
        """The address of a key as a person writes it."""
        return f"s3://{self.options.bucket}/{self.full(key)}"

    @property
    def _where(self) -> str:
        return f" at {self.options.endpoint}" if self.options.endpoint else ""

    def full(self, key: str) -> str:
        """The key in the bucket of a key relative to the prefix."""
        return f"{self.options.prefix.strip('/')}/{key}".lstrip("/")

    @contextmanager
    def _explained(self, doing: str, key: str) -> Iterator[None]:
        try:
            yield
        except (ClientError, BotoCoreError, HTTPError) as error:
            raise self.explain(error, doing, key) from error

    def explain(self, error: Exception, doing: str, key: str) -> StoreError:
        """Turn an exception of the S3 library into a sentence: what, where, what to do."""
        code = error_code(error)
        address = self.describe(key)
        where = self._where
        if code in MISSING and key:
            return KeyMissing(f"Cannot {doing} {address}: there is no such object.", key=key)
        if code in EXISTS and doing == "read":
            return StoreError(f"Cannot read {address}{where}: it was replaced while it was read: run again.", code=code)
        if code in EXISTS:
            return KeyExists(f"Cannot {doing} {address}: the key holds an object already.", key=key)
        if isinstance(error, ClientError):
            response = error.response.get("Error") or {}
            reason = REASONS.get(code) or f"{code} {response.get('Message') or ''}".strip()
            return StoreError(f"Cannot {doing} {address}{where}: {reason}.", code=code)
        if isinstance(error, botocore.exceptions.SSLError):
            reason = "the certificate was not accepted: check s3_endpoint and s3_ca_bundle"
        elif isinstance(error, (botocore.exceptions.ConnectTimeoutError, botocore.exceptions.ReadTimeoutError)):
            reason = "no answer in time: check the network and run again"
        elif isinstance(error, botocore.exceptions.EndpointProviderError):
            reason = "that is no address of a store: correct s3_endpoint"
        elif isinstance(error, botocore.exceptions.EndpointConnectionError):
            reason = "nothing answers there: check s3_endpoint and that the store is up"
        elif isinstance(error, botocore.exceptions.ParamValidationError):
            reason = f"{' '.join(str(error).split())}: correct s3_bucket"
        else:
            reason = f"{type(error).__name__}, the connection broke: check the network and run again"
        return StoreError(f"Cannot {doing} {address}{where}: {reason}.", code=type(error).__name__)

    def check_bucket(self) -> None:
        """Raise :class:`StoreError` unless the bucket exists and the credentials may list it."""
        with self._explained("use", ""):
            # A listing names the reason (no bucket, wrong key, clock); a HEAD answers without a body.
            answer = self.client.list_objects_v2(Bucket=self.options.bucket, Prefix=self.full(""), MaxKeys=1)
        if not answer.keys() & {"Name", "Prefix", "MaxKeys", "KeyCount", "IsTruncated"}:
            raise StoreError(
                f"Cannot use {self.describe()}{self._where}: what answers there is no object store: correct s3_endpoint."
            )

    def list(self, prefix: str) -> Iterator[Listed]:
        """Every key that begins with ``prefix``, in the order of the store, one request per 1 000 keys."""
        strip = len(self.full(""))
        with self._explained("list", prefix):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.options.bucket, Prefix=self.full(prefix)
            )
            for page in pages:
                for item in page.get("Contents", ()):
                    yield Listed(item["Key"][strip:], item["Size"], item["ETag"].strip('"'), item["LastModified"])

    def head(self, key: str) -> tuple[int, str]:
        """Size in bytes and ETag of an object; no ETag where the store gives none."""
        with self._explained("look at", key):
            found = self.client.head_object(Bucket=self.options.bucket, Key=self.full(key))
        return found["ContentLength"], found.get("ETag", "").strip('"')

    def stream(self, key: str, chunk: int = 1 << 20, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes of an object (``start`` to ``end``, exclusive), resumed where a connection broke.

        The same version is asked for again, so that pieces of two versions are never joined.
        """
        etag: str | None = None
        left = READ_ATTEMPTS
        while end is None or start < end:
            span: dict[str, Any] = (
                {} if not start and end is None else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
            )
            match: dict[str, Any] = {} if etag is None else {"IfMatch": etag}
            with self._explained("read", key):
                answer = self.client.get_object(Bucket=self.options.bucket, Key=self.full(key), **span, **match)
            etag, body = answer.get("ETag"), answer["Body"]
            end = start + answer["ContentLength"] if end is None else end
            try:
                for block in body.iter_chunks(chunk):
                    start += len(block)
                    yield block
                if start >= end:
                    return
            except (BotoCoreError, HTTPError) as error:
                if left <= 1:
                    raise self.explain(error, "read", key) from error
            finally:
                body.close()
            left -= 1
            if not left:
                raise StoreError(
                    f"Cannot read {self.describe(key)}: the answers end early: check the network and run again."
                )

    def get(self, key: str) -> bytes:
        """A small object as a whole."""
        return b"".join(self.stream(key))

    def put(self, key: str, body: bytes, once: bool = False) -> str:
        """Write a small object and return the ETag that the store gave it.

        With ``once``, raise :class:`KeyExists` when the key holds something already.
        """
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if once and self.options.conditional_writes else {}
        with self._explained("write", key):
            answer = self.client.put_object(
                Bucket=self.options.bucket, Key=self.full(key), Body=body, ContentMD5=content_md5(body), **condition
            )
        return str(answer.get("ETag", "")).strip('"')

    def put_once(self, key: str, body: bytes) -> bool:
        """Write a small object that must never be overwritten, read it back, and say whether the store guards it.

        Returns ``False`` where the store accepts the condition and ignores it, or conditions are switched off.
        Raises :class:`KeyExists` when the key holds other content.
        """
        if not self.options.conditional_writes and self.exists(key):
            raise KeyExists(f"Cannot write {self.describe(key)}: the key holds an object already.", key=key)
        try:
            self.put(key, body, once=True)
        except KeyExists:
            # The first answer may have been lost after the store had kept the object: our own bytes are success.
            if self.get(key) != body:
                raise
            return True
        if self.get(key) != body:
            raise StoreError(
                f"{self.describe(key)} does not read back as written: verify it with verify=full before trusting it."
            )
        if not self.options.conditional_writes:
            return False
        try:
            self.put(key, body, once=True)  # the same bytes: harmless where the condition is ignored
        except StoreError:
            return True  # said no, as it should, or could not be asked: the object is there and whole either way
        return False

    def exists(self, key: str) -> bool:
        """Whether there is an object at the key."""
        try:
            self.head(key)
        except KeyMissing:
            return False
        return True

    def delete(self, key: str, version_id: str | None = None) -> None:
        """Delete one object, or one version of it; one that is gone already is no error."""
        version: dict[str, Any] = {} if version_id is None else {"VersionId": version_id}
        try:
            with self._explained("delete", key):
                self.client.delete_object(Bucket=self.options.bucket, Key=self.full(key), **version)
        except KeyMissing:
            return

    def abort_uploads(self, prefixes: tuple[str, ...], older_than: datetime | None = None) -> int:
        """Abort unfinished multipart uploads below the prefixes and return how many there were."""
        aborted = 0
        for prefix in prefixes:
            with self._explained("list unfinished uploads of", prefix):
                pages = self.client.get_paginator("list_multipart_uploads").paginate(
                    Bucket=self.options.bucket, Prefix=self.full(prefix)
                )
                found = [upload for page in pages for upload in page.get("Uploads", ())]
            for upload in found:
                if older_than is None or upload["Initiated"] < older_than:
                    with self._explained("abort an upload of", prefix):
                        self.client.abort_multipart_upload(
                            Bucket=self.options.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                        )
                    aborted += 1
        return aborted

    def call(self, doing: str, key: str, request: Callable[..., T], **arguments: Any) -> T:
        """Send one request about a key, its errors explained."""
        with self._explained(doing, key):
            return request(Bucket=self.options.bucket, Key=self.full(key), **arguments)


def content_md5(body: bytes) -> str:
    """The header Content-MD5 of a body (RFC 1864)."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
