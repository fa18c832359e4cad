# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the replicas of a Vault or OpenBao cluster: the seal over the real HTTP protocol, and nothing else.

``with FakeVault() as vault: ... vault.addresses, vault.keys``. Keys are as long as real shares but hold no secret;
whether a set fits is asked at the threshold alone, as with real ones. No key is ever kept in what is recorded.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

HOST = "127.0.0.1"
SINCE = "2026-11-21T03:12:07.439409062Z"
NEVER = "0001-01-01T00:00:00Z"
HEALTH_CODES = {
    "uninitcode": 501,
    "sealedcode": 503,
    "drsecondarycode": 472,
    "performancestandbycode": 473,
    "standbycode": 429,
    "activecode": 200,
}


@dataclass(frozen=True)
class Kind:
    """What tells one product from another: its version and how it says that keys do not fit."""

    version: str
    misfit_code: int
    misfit: str


VAULT = Kind(
    "1.21.1",
    500,
    "unable to retrieve stored keys: failed to decrypt keys from storage: cipher: message authentication failed",
)
OPENBAO = Kind("2.4.4", 500, "failed to decrypt keys from storage: cipher: message authentication failed")
OLD_VAULT = Kind("1.2.4", 400, "Unseal failed, invalid key")


@dataclass(frozen=True)
class Request:
    """One request as it came; of a body only the names of its fields."""

    replica: int
    verb: str
    path: str
    fields: tuple[str, ...]
    headers: Mapping[str, str]


@dataclass
class Replica:
    """The seal of one replica."""

    sealed: bool = True
    initialized: bool = True
    seal_type: str = "shamir"
    migration: bool = False
    removed: bool = False
    joining: int = 0  # looks for which it stays sealed after the threshold, as one that joins a raft cluster
    parts: list[bytes] = field(default_factory=list)
    nonce: str = ""
    performance_standby: bool = False
    dr_secondary: bool = False


class FakeVault:
    """``replicas`` servers of one cluster with ``shares`` keys, ``threshold`` of which unseal each of them.

    ``before`` is called with each request before it is answered; what it returns is answered in place of the right thing:
    a pair of status and body, or ``None`` as the body to close the connection without a word. After an unsealing nobody
    is active for ``election`` looks.
    """

    def __init__(
        self,
        threshold: int = 3,
        shares: int = 5,
        replicas: int = 3,
        kind: Kind = VAULT,
        ha: bool = True,
        election: int = 0,
        tls: ssl.SSLContext | None = None,
        name: str = "planted",
    ) -> None:
        self.threshold, self.shares, self.kind, self.ha, self.election = threshold, shares, kind, ha, election
        self.keys = [share(f"{name} key {number}") for number in range(1, shares + 1)]
        self.replicas = [Replica() for _replica in range(replicas)]
        self.requests: list[Request] = []
        self.refuse_writes = False
        self.before: Callable[[Request], tuple[int, Any] | None] = lambda _request: None
        self.lose_answers = 0  # of the next unseal requests, which are carried out all the same
        self.active: int | None = None
        self.lock = threading.RLock()
        self._servers = [_Server(self, number, tls) for number in range(replicas)]
        self.addresses = [server.address for server in self._servers]

    def __enter__(self) -> FakeVault:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), name="vault stand-in", daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        for number, server in enumerate(self._servers):
            if server.serving:
                self.stop(number)

    def stop(self, number: int) -> None:
        """End one server: nothing answers at its address any more."""
        self._servers[number].serving = False
        self._servers[number].shutdown()
        self._servers[number].server_close()

    def seal(self, number: int) -> None:
        """Seal a replica, as a restart does."""
        with self.lock:
            self.replicas[number].sealed = True
            if self.active == number:
                self.active = None

    def open(self, *numbers: int) -> None:
        """Unseal replicas, all of them unless some are named, without a key."""
        with self.lock:
            for number in numbers or range(len(self.replicas)):
                self.replicas[number].sealed = False

    def give(self, number: int, *keys: str) -> None:
        """Give keys as somebody else would."""
        for key in keys:
            assert self.unseal(number, {"key": key})[0] == 200

    def writes(self, number: int | None = None) -> list[Request]:
        """The requests that were no questions."""
        return [one for one in self.requests if one.verb not in ("GET", "HEAD") and number in (None, one.replica)]

    def answer(self, request: Request, query: Mapping[str, str], body: Mapping[str, Any]) -> tuple[int, Any]:
        """Record a request and answer it."""
        with self.lock:
            self.requests.append(request)
            if (said := self.before(request)) is not None:
                return said
            reads: dict[str, Callable[[], tuple[int, Any]]] = {
                "/v1/sys/seal-status": lambda: (200, self.status(request.replica)),
                "/v1/sys/health": lambda: self.health(request.replica, query),
                "/v1/sys/leader": lambda: self.leader(request.replica),
            }
            if request.path in reads:
                if request.verb not in ("GET", "HEAD"):
                    return 405, {"errors": []}
                return reads[request.path]()
            if request.path != "/v1/sys/unseal":
                return 404, {"errors": ["no handler for route"]}
            if request.verb not in ("PUT", "POST"):
                return 405, {"errors": []}
            if self.refuse_writes:
                return 403, {"errors": ["permission denied"]}
            code, reply = self.unseal(request.replica, body)
            if self.lose_answers:
                self.lose_answers -= 1
                return code, None
            return code, reply

    def status(self, number: int) -> dict[str, Any]:
        """The answer of ``sys/seal-status``."""
        one = self.replicas[number]
        if one.joining and len(one.parts) >= self.threshold:
            one.joining -= 1
            if not one.joining:
                one.sealed, one.parts = False, []
        auto = one.seal_type != "shamir"
        taken = len(one.parts) < self.threshold
        return {
            "type": one.seal_type,
            "initialized": one.initialized,
            "sealed": one.sealed,
            "t": self.threshold if one.initialized else 0,
            "n": self.shares if one.initialized else 0,
            "progress": len(one.parts) if taken else 0,
            "nonce": one.nonce if one.parts and taken else "",
            "version": self.kind.version,
            "build_date": "2026-10-22T08:34:11Z",
            "migration": one.migration,
            **({"cluster_name": "vault-cluster-planted", "cluster_id": CLUSTER} if not one.sealed else {}),
            "recovery_seal": auto,
            "storage_type": "raft" if self.ha else "file",
            **({"removed_from_cluster": one.removed} if self.kind is VAULT and self.ha else {}),
        }

    def health(self, number: int, query: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """The answer of ``sys/health`` and its status, which the query may change."""
        one = self.replicas[number]
        standby = one.sealed or self._elect(number) != number
        serving = "standbycode" if standby else "activecode"
        if standby and query.get("standbyok") == "true":
            serving = "activecode"
        state = (
            *((not one.initialized, "uninitcode"), (one.sealed, "sealedcode"), (one.dr_secondary, "drsecondarycode")),
            *((one.performance_standby, "performancestandbycode"), (True, serving)),
        )
        name = next(name for holds, name in state if holds)
        try:
            code = int(query.get(name, HEALTH_CODES[name]))
        except ValueError:
            return 400, {"errors": []}
        return code, {
            "initialized": one.initialized,
            "sealed": one.sealed,
            "standby": standby,
            "performance_standby": one.performance_standby,
            "replication_performance_mode": "disabled",
            "replication_dr_mode": "secondary" if one.dr_secondary else "disabled",
            "server_time_utc": int(datetime.now(UTC).timestamp()),
            "version": self.kind.version,
            **({"cluster_name": "vault-cluster-planted", "cluster_id": CLUSTER} if not one.sealed else {}),
            **({"enterprise": False, "clock_skew_ms": 0} if self.kind is VAULT else {}),
        }

    def leader(self, number: int) -> tuple[int, dict[str, Any]]:
        """The answer of ``sys/leader``."""
        if self.replicas[number].sealed:
            return 503, {"errors": ["Vault is sealed"]}
        active = self._elect(number)
        if not self.ha:
            return 200, {"ha_enabled": False, "is_self": False, "active_time": NEVER, "leader_address": ""}
        return 200, {
            "ha_enabled": True,
            "is_self": active == number,
            "active_time": SINCE if active == number else NEVER,
            "leader_address": "" if active is None else self.addresses[active],
            "leader_cluster_address": "" if active is None else "https://vault.example.com:8201",
            "performance_standby": False,
        }

    def unseal(self, number: int, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """The answer of ``sys/unseal``."""
        one = self.replicas[number]
        if body.get("reset"):
            if not one.sealed:
                return 400, {"errors": ["vault is unsealed"]}
            one.parts, one.nonce = [], ""
            return 200, self.status(number)
        if not body.get("key"):
            return 400, {"errors": ["'key' must be specified in request body as JSON, or 'reset' set to true"]}
        try:
            part = _decode(body["key"])
        except ValueError:
            return 400, {"errors": ["'key' must be a valid hex or base64 string"]}
        if one.sealed and part not in one.parts:
            one.nonce = one.nonce or str(uuid.uuid4())
            one.parts.append(part)
            if len(one.parts) >= self.threshold:
                fits = one.initialized and all(part in map(_decode, self.keys) for part in one.parts)
                one.nonce = ""
                if not (fits and one.joining):
                    one.parts = []
                if not fits:
                    return self.kind.misfit_code, {"errors": [self.kind.misfit]}
                one.sealed = bool(one.joining)
        return 200, self.status(number)

    def _elect(self, asked: int) -> int | None:
        if not self.ha:
            return asked
        if self.active is None:
            if self.election:
                self.election -= 1
                return None
            self.active = next((number for number, one in enumerate(self.replicas) if not one.sealed), None)
        return self.active


CLUSTER = "3e8b3fec-3749-e056-ba41-b62a63b997e8"


def share(name: str) -> str:
    """A made-up unseal key, as long as a real one."""
    return base64.b64encode(hashlib.sha256(name.encode()).digest() + b"\x01").decode()


def _decode(text: str) -> bytes:
    try:
        part = bytes.fromhex(text)
    except ValueError:
        part = b""
    return part if 16 <= len(part) <= 33 else base64.b64decode(text, validate=True)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, vault: FakeVault, number: int, tls: ssl.SSLContext | None) -> None:
        super().__init__((HOST, 0), _Handler)
        self.vault, self.number, self.serving = vault, number, True
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.address = f"{'https' if tls else 'http'}://{HOST}:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body at once: in two parts the second one waits for the client

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(text) if text else {}
        request = Request(self.server.number, self.command, parts.path, tuple(sorted(body)), dict(self.headers))
        code, reply = self.server.vault.answer(request, dict(parse_qsl(parts.query)), body)
        if reply is None:
            self.close_connection = True
            return
        sent = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        self.send_response(code)
        if 300 <= code < 400:
            self.send_header("Location", reply["location"])
        self.send_header("Content-Type", "text/html" if isinstance(reply, bytes) else "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(sent)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: a request may hold a key."""
