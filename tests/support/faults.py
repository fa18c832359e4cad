# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A reverse proxy before an object store that makes one chosen call, or every call from there on, go wrong.

Calls are numbered from 1 in the order of their arrival. Run once without a fault and read ``calls`` to learn the
positions, then once per position with a fault.
"""

from __future__ import annotations

import dataclasses
import enum
import http.client
import http.server
import select
import socket
import struct
import threading
import types
import urllib.parse
from collections.abc import Sequence
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.process import HOST, free_port


class Fault(enum.Enum):
    """What goes wrong with a call."""

    ERROR_500 = "500 InternalError; the store never sees the call"
    ERROR_503 = "503 SlowDown; the store never sees the call"
    TIMEOUT = "no answer at all; the store never sees the call"
    RESET_REQUEST = "connection reset after half of the request's body; the store never sees the call"
    RESET_RESPONSE = "connection reset in the middle of the answer; the store has done what was asked"
    SIGNATURE = "403 SignatureDoesNotMatch"
    SKEWED = "403 RequestTimeTooSkewed"
    DENIED = "403 AccessDenied"
    QUOTA = "403 QuotaExceeded, what radosgw answers when the bucket is full"
    FULL = "507 InsufficientStorage"
    ALTERED = "a GET answers 200 with one byte of its body changed; other methods are left alone"
    SHORT = "a GET's body ends half way with an ordinary close; other methods are left alone"


ANSWERS = {
    Fault.ERROR_500: (500, "InternalError", "We encountered an internal error. Please try again."),
    Fault.ERROR_503: (503, "SlowDown", "Please reduce your request rate."),
    Fault.SIGNATURE: (403, "SignatureDoesNotMatch", "The request signature does not match."),
    Fault.SKEWED: (403, "RequestTimeTooSkewed", "The difference between the request time and now is too large."),
    Fault.DENIED: (403, "AccessDenied", "Access Denied"),
    Fault.QUOTA: (403, "QuotaExceeded", ""),
    Fault.FULL: (507, "InsufficientStorage", "There is no space left."),
}
HOP_BY_HOP = ("connection", "expect", "keep-alive", "transfer-encoding", "content-length")


@dataclasses.dataclass
class Call:
    """One request as it arrived, what was done to it and the status that was answered (0: none)."""

    number: int
    method: str
    path: str
    query: str
    fault: Fault | None = None
    status: int = 0


@dataclasses.dataclass(frozen=True)
class Plan:
    """Which calls go wrong, and how."""

    fault: Fault
    at: int
    forever: bool = False

    def covers(self, number: int) -> bool:
        return number == self.at or (self.forever and number > self.at)


class FaultProxy:
    """Listens on a port of its own while it is open; S3 clients use ``endpoint`` in place of the store's."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urllib.parse.urlsplit(upstream)
        self.calls: list[Call] = []
        self.plan: Plan | None = None
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(self, free_port())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self._server.server_address[1]}"

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: types.TracebackType | None) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def inject(self, fault: Fault, at: int, forever: bool = False) -> None:
        """Begin to count again from 1 and let call ``at``, or every call from there on, go wrong."""
        with self._lock:
            self.calls = []
            self.plan = Plan(fault, at, forever)

    def heal(self) -> None:
        """Begin to count again from 1 and let everything through."""
        with self._lock:
            self.calls = []
            self.plan = None

    def arrived(self, method: str, target: str) -> Call:
        """Number a call and decide what happens to it."""
        parts = urllib.parse.urlsplit(target)
        with self._lock:
            call = Call(len(self.calls) + 1, method, urllib.parse.unquote(parts.path), parts.query)
            if self.plan is not None and self.plan.covers(call.number):
                call.fault = self.plan.fault
            self.calls.append(call)
        return call


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, proxy: FaultProxy, port: int) -> None:
        self.proxy = proxy
        super().__init__((HOST, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what many of these tests are about."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without this an answer in two writes waits 40 ms for the client's delayed acknowledgement.
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """The calls are recorded, nothing is printed."""

    def handle_call(self) -> None:
        call = self.server.proxy.arrived(self.command, self.path)
        if call.fault is Fault.TIMEOUT:
            self._read_body()
            self._stay_silent()
        elif call.fault is Fault.RESET_REQUEST:
            self.rfile.read(int(self.headers.get("Content-Length", "0")) // 2)
            self._reset()
        elif call.fault in ANSWERS:
            self._read_body()
            self._refuse(call, *ANSWERS[call.fault])
        else:
            self._forward(call, self._read_body())

    do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = handle_call

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            continue
        return body

    def _stay_silent(self) -> None:
        while not self.server.proxy.closing.is_set():
            readable, _writable, _broken = select.select([self.connection], [], [], 0.05)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                break
        self.close_connection = True

    def _reset(self) -> None:
        # Closing with a linger time of zero sends RST in place of FIN; shutdown_request would send FIN before it.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()
        self.close_connection = True

    def _refuse(self, call: Call, status: int, code: str, message: str) -> None:
        body = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        self._answer(call, status, [("Content-Type", "application/xml")], body.encode())

    def _forward(self, call: Call, body: bytes) -> None:
        upstream = self.server.proxy.upstream
        connection = http.client.HTTPConnection(upstream.hostname or HOST, upstream.port)
        try:
            # The signature covers Host: it travels as the client wrote it.
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    connection.putheader(name, value)
            if body or self.command in ("POST", "PUT"):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            response = connection.getresponse()
            self._answer(call, response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def _answer(self, call: Call, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        call.status = status
        kept = [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]
        if self.command == "HEAD":
            kept += [(name, value) for name, value in headers if name.lower() == "content-length"]
            body = b""
        elif status != 204:
            kept.append(("Content-Length", str(len(body))))
        head = f"HTTP/1.1 {status} {http.client.responses.get(status, '')}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in kept) + "\r\n"
        self._send(call, head.encode("latin-1"), body)

    def _send(self, call: Call, head: bytes, body: bytes) -> None:
        if call.fault is Fault.RESET_RESPONSE:
            answer = head + body
            self.wfile.write(answer[: len(head) + len(body) // 2] if body else head[: len(head) // 2])
            self._reset()
        elif call.fault is Fault.SHORT and self.command == "GET":
            self.wfile.write(head + body[: len(body) // 2])
            self.close_connection = True
        elif call.fault is Fault.ALTERED and self.command == "GET" and body:
            middle = len(body) // 2
            self.wfile.write(head + body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :])
        else:
            self.wfile.write(head + body)
