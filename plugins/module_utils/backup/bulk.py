# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listing and reading thousands of small objects for a fraction of the work that the S3 library spends on each.

The library signs addresses; the requests themselves are plain. Whatever is not a clean answer is left to the store's
own way, so every error is repeated and explained as everywhere else, and a proxy in the environment is honoured.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import TypeVar
from urllib.parse import SplitResult, unquote_plus, urlsplit
from xml.etree import ElementTree

from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Listed, Store

T = TypeVar("T")

THREADS = 32
TIMEOUT = 30.0  # seconds
BLOCK = 1 << 17
HEAD_END = b"\r\n\r\n"


class BulkReader:
    """Many requests to one store, side by side; use it as a context manager."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._local = threading.local()
        self._opened: list[socket.socket] = []
        self._tls: ssl.SSLContext | None = None
        self._direct = not urllib.request.getproxies()

    def __enter__(self) -> BulkReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._opened:
            connection.close()

    def list_all(self) -> list[Listed]:
        """Everything below the prefix, one request per 1 000 keys."""
        if self._direct:
            # What goes wrong here is said by the ordinary way.
            with suppress(OSError, http.client.HTTPException, ElementTree.ParseError, ValueError):
                return [item for page in self._pages() for item in page]
        return list(self._store.list(""))

    def map(self, items: Iterable[Listed], use: Callable[[Listed, bytes], T]) -> Iterator[T]:
        """``use(item, body)`` for each object, in order; what ``use`` raises is raised here."""
        with ThreadPoolExecutor(THREADS, thread_name_prefix="read") as pool:
            yield from pool.map(lambda item: use(item, self._read(item)), items)

    def _read(self, item: Listed) -> bytes:
        body = self._body(item) if self._direct else None
        return self._store.get(item.key) if body is None else body

    def _address(self, method: str, **parameters: str) -> SplitResult:
        parameters["Bucket"] = self._store.options.bucket
        address: str = self._store.client.generate_presigned_url(method, Params=parameters)
        return urlsplit(address)

    def _pages(self) -> Iterator[list[Listed]]:
        strip = len(self._store.full(""))
        more = {"Prefix": self._store.full("")}
        connection: http.client.HTTPConnection | None = None
        while True:
            url = self._address("list_objects_v2", **more)
            if connection is None:
                connection = http.client.HTTPConnection(url.netloc, timeout=TIMEOUT)
                connection.sock = self._open(url)
            connection.request("GET", f"{url.path}?{url.query}")
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise ValueError(answer.status)
            page, token = parse_page(body, strip)
            yield page
            if not token:
                return
            more["ContinuationToken"] = token

    def _open(self, url: SplitResult) -> socket.socket:
        secure = url.scheme == "https"
        connection = socket.create_connection((url.hostname or "", url.port or (443 if secure else 80)), TIMEOUT)
        if secure:
            self._tls = self._tls or ssl.create_default_context(cafile=self._store.options.ca_bundle)
            connection = self._tls.wrap_socket(connection, server_hostname=url.hostname)
        self._opened.append(connection)
        return connection

    def _body(self, item: Listed) -> bytes | None:
        """The body when it comes whole in an ordinary answer; otherwise ``None``, and the connection is given up."""
        url = self._address("get_object", Key=self._store.full(item.key))
        body = None
        with suppress(OSError):
            connection: socket.socket = getattr(self._local, "connection", None) or self._open(url)
            self._local.connection = None
            connection.sendall(f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode())
            if hasattr(socket, "TCP_QUICKACK"):
                # Without it a store that answers in two writes waits 40 ms for the acknowledgement of the first.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            body, stays_open = _read_body(connection, item.size)
            if stays_open:
                self._local.connection = connection
        return body


def _read_body(connection: socket.socket, size: int) -> tuple[bytes | None, bool]:
    """The body of an ordinary answer of exactly this size, and whether the connection may be used again."""
    head = b""
    while HEAD_END not in head:
        block = connection.recv(BLOCK)
        if not block:
            return None, False
        head += block
    head, body = head.split(HEAD_END, 1)
    lines = head.lower().split(b"\r\n")
    if b" 200 " not in lines[0] or f"content-length: {size}".encode() not in lines:
        return None, False
    blocks, left = [body], size - len(body)
    while left > 0:
        block = connection.recv(BLOCK)
        if not block:
            return None, False
        blocks.append(block)
        left -= len(block)
    return b"".join(blocks), b"connection: close" not in lines


def parse_page(body: bytes, strip: int) -> tuple[list[Listed], str | None]:
    """One page of a ListObjectsV2 answer, ``strip`` characters off each key, and the token of the next page."""
    root = ElementTree.fromstring(body)
    space = root.tag[: root.tag.index("}") + 1] if root.tag.startswith("{") else ""
    if root.tag != f"{space}ListBucketResult":
        raise ValueError(root.tag)
    quoted = root.findtext(f"{space}EncodingType") == "url"
    found = []
    for entry in root.iter(f"{space}Contents"):
        field = {child.tag.removeprefix(space): child.text or "" for child in entry}
        key = unquote_plus(field["Key"]) if quoted else field["Key"]
        modified = datetime.fromisoformat(field["LastModified"])
        found.append(Listed(key[strip:], int(field["Size"]), field["ETag"].strip('"'), modified))
    token = root.findtext(f"{space}NextContinuationToken")
    if root.findtext(f"{space}IsTruncated") == "true" and not token:
        raise ValueError("a listing that ends without saying where it goes on")
    return found, token
