# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Object stores for tests."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config

from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.object_store import ObjectStore

REGION = "us-east-1"
_NUMBERS = itertools.count(1)


@dataclasses.dataclass(frozen=True)
class Store:
    """One bucket behind one endpoint, and keys that may use it."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str
    region: str = REGION

    def client(self, **config: Any) -> Any:
        """A boto3 client for looking at the bucket beside the code under test; it does not retry."""
        config = {
            "s3": {"addressing_style": "path"},
            "retries": {"total_max_attempts": 1},
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
            "proxies": {},
            "connect_timeout": 10,
            "read_timeout": 60,
            **config,
        }
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(**config),
        )

    def fresh(self) -> Store:
        """The same store with a new, empty bucket."""
        other = dataclasses.replace(self, bucket=f"erp-test-{next(_NUMBERS)}")
        other.client().create_bucket(Bucket=other.bucket)
        return other

    def through(self, endpoint: str) -> Store:
        """The same bucket reached by another address, that of a proxy for example."""
        return dataclasses.replace(self, endpoint=endpoint)

    def keys(self, prefix: str = "") -> dict[str, int]:
        """Every object under the prefix with its size in bytes."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", [])}

    def uploads(self) -> list[str]:
        """The keys of the multipart uploads that nobody completed or aborted."""
        answer = self.client().list_multipart_uploads(Bucket=self.bucket)
        return [upload["Key"] for upload in answer.get("Uploads", [])]

    def read(self, key: str) -> bytes:
        body: bytes = self.client().get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def write(self, key: str, body: bytes) -> None:
        self.client().put_object(Bucket=self.bucket, Key=key, Body=body)

    def delete(self, key: str) -> None:
        self.client().delete_object(Bucket=self.bucket, Key=key)

    def module_options(self) -> dict[str, str]:
        """The s3_* options of the collection's modules."""
        return {
            "s3_endpoint": self.endpoint,
            "s3_region": self.region,
            "s3_bucket": self.bucket,
            "s3_access_key": self.access_key,
            "s3_secret_key": self.secret_key,
            "s3_addressing_style": "path",
        }


@contextlib.contextmanager
def embedded_store() -> Iterator[Store]:
    """A moto server, which speaks the real protocol but checks no signature; call ``fresh`` for a bucket."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="erp-store-"))
    server = ObjectStore(directory)
    try:
        server.start()
        yield Store(server.endpoint, "", "test-access-key", "test-secret-key")
    finally:
        server.stop()
        shutil.rmtree(directory)
