# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for Dolibarr's REST API: the captured answers over HTTP, reading only.

In tests: ``with StandIn() as server: ... server.url, server.key("ai_agent")``. As a program, from the clone:
``DOLIBARR_API_KEY=... python -m tests.support.dolibarr [--login ai_agent] [--port N]``.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.support.dolibarr_sample import Reply, Sample, dumped, sample
from tests.support.paths import FIXTURES

API = "/api/index.php"
HOST = "127.0.0.1"
NOT_FOUND = Reply(404, b"<h1>Not Found</h1>", "text/html")
LOGINS = ("ai_agent", "ai_limited", "ai_norights", "admin")


@dataclass(frozen=True)
class Request:
    """One request as it came; ``path`` below the API."""

    verb: str
    path: str
    query: Mapping[str, str]
    login: str
    headers: Mapping[str, str]


@dataclass
class Fault:
    """A reply in place of the right one."""

    reply: Reply
    path: str
    skip: int
    times: int


class StandIn:
    """One server on 127.0.0.1; ``requests`` holds all that came, refused ones too, ``connections`` counts theirs.

    ``latency`` are seconds before each answer. Keys are made from the logins unless ``keys`` gives them. ``pages`` are
    answers by their path outside of the API.
    """

    def __init__(
        self,
        data: Sample | None = None,
        keys: Mapping[str, str] | None = None,
        latency: float = 0.0,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.sample = data or sample()
        self.latency = latency
        self.requests: list[Request] = []
        self.connections = 0
        self.pages: dict[str, Reply] = {}
        self._logins = {key: login for login, key in (keys or {login: f"key-of-{login}" for login in LOGINS}).items()}
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._server = _Server((HOST, port), _Handler)
        self._server.stand_in = self
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://{HOST}:{self.port}"

    def __enter__(self) -> StandIn:
        threading.Thread(target=self.serve, name="dolibarr stand-in", daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self) -> None:
        """Answer until the end."""
        self._server.serve_forever(poll_interval=0.02)

    def key(self, login: str) -> str:
        """The key of a user."""
        return next(key for key, known in self._logins.items() if known == login)

    def fail(self, reply: Reply | str, path: str = "*", skip: int = 0, times: int = 1) -> None:
        """Answer ``times`` requests for ``path``, a pattern of the shell, after the first ``skip`` with something else.

        ``reply`` may be the file of a captured answer.
        """
        wrong = reply if isinstance(reply, Reply) else self.sample.captured(reply)
        with self._lock:
            self._faults.append(Fault(wrong, path, skip, times))

    def reply(self, request: Request) -> Reply:
        """Note the request and answer it."""
        with self._lock:
            self.requests.append(request)
            for fault in self._faults:
                if fault.times and fnmatchcase(request.path, fault.path):
                    if fault.skip:
                        fault.skip -= 1
                        continue
                    fault.times -= 1
                    return fault.reply
        if request.verb != "GET":
            return Reply(403, dumped({"error": {"code": 403, "message": f"Forbidden: {request.verb} by the stand-in"}}))
        if not request.login:
            unsigned = "DOLAPIKEY" not in request.headers
            return self.sample.captured(f"status/status--as-{'nokey' if unsigned else 'badkey'}.json")
        return self.sample.reply(request.login, request.path, request.query)

    def login_of(self, key: str) -> str:
        """The user whose key this is; empty for none."""
        return self._logins.get(key, "")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    stand_in: StandIn

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up, or does not trust us, is its own affair."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    wbufsize = -1  # header and body in one piece, or the client waits for a delayed acknowledgement

    def setup(self) -> None:
        super().setup()
        self.server.stand_in.connections += 1
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)

    def _serve(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        # As the framework of the real one, which takes the verb from the query too.
        verb = (query.get("http_method") or query.get("method") or self.command).upper()
        stand_in = self.server.stand_in
        if stand_in.latency:
            time.sleep(stand_in.latency)
        key = self.headers.get("DOLAPIKEY", "")
        inside = parts.path.startswith(API)
        path = parts.path.removeprefix(API) or "/"
        request = Request(verb, path, query, stand_in.login_of(key), dict(self.headers))
        reply = stand_in.reply(request) if inside else stand_in.pages.get(path, NOT_FOUND)
        if not reply.status:
            self.close_connection = True
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)
        self.wfile.flush()
        self.close_connection |= "Content-Length" in reply.headers  # a body that is shorter than it says

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: tests look at ``requests``."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the captured Dolibarr on 127.0.0.1 until it is stopped.")
    parser.add_argument("--fixtures", type=pathlib.Path, default=FIXTURES)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--login", choices=LOGINS, default="ai_agent", help="whose key DOLIBARR_API_KEY is")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--copies", type=int, default=1, help="how many times there are the customers' invoices")
    options = parser.parse_args()
    keys = {options.login: os.environ["DOLIBARR_API_KEY"]}
    server = StandIn(Sample(options.fixtures, options.copies), keys, options.latency, options.port)
    print(f"Listening on {server.url}", flush=True)
    server.serve()


if __name__ == "__main__":
    main()
