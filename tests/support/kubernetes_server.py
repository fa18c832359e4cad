# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server of the fake cluster: HTTP or HTTPS on a port of this machine."""

from __future__ import annotations

import contextlib
import json
import pathlib
import socket
import ssl
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.kubernetes_objects import Body, Problem
from tests.support.kubernetes_wire import Wire


class _Handler(BaseHTTPRequestHandler):
    """Reads a request off the wire and writes its answer."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        wire = self.server.wire
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request, fault = wire.begin(self.command, self.path, headers, content)
        if fault and fault.cut in ("before", "late"):
            time.sleep(0.5 if fault.cut == "late" else 0)
            return self._cut()
        if fault and fault.status:
            request.status = fault.status
            problem = Problem(fault.status, "Fault", f"the fake was told to answer {fault.status}")
            return self._send(fault.status, problem.body, fault.headers)
        status, body = wire.answer(request)
        if fault and fault.cut == "after":
            return self._cut()
        return self._send(status, body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _cut(self) -> None:
        """End the connection with a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def _send(self, status: int, body: Body | bytes, headers: tuple[tuple[str, str], ...] = ()) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        with contextlib.suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if isinstance(body, bytes) else "application/json")
            self.send_header("Content-Length", str(len(content)))
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """The record of requests is the log."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    wire: Wire

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error of the server's."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, ssl.SSLError)):
            super().handle_error(request, client_address)


def serve(wire: Wire, certificate: pathlib.Path | None = None) -> _Server:
    """Start answering on a free port of this machine, over TLS when a file with a certificate and its key is given."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.wire = wire
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server
