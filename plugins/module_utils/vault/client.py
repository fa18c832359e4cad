# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few calls to Vault and OpenBao that unsealing needs, over hvac, and what their errors mean to a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.arcodange.erp.plugins.module_utils.addresses import is_loopback
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.client import reason
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.vault.keys import Key
from ansible_collections.arcodange.erp.plugins.module_utils.vault.replica import UNREACHABLE, Replica, assess

try:
    import requests
    from hvac.adapters import RawAdapter
    from hvac.api import SystemBackend
except ImportError:
    pass  # the door says which library is missing

# What Vault and OpenBao of different ages say of keys that do not fit; since 1.3 with 500 instead of 400.
MISFITS = ("invalid key", "message authentication failed", "combined key", "failed to verify", "duplicate part")


class BadOptions(ErpError):
    """The options cannot be used as they are; nothing was sent."""


class NoAnswer(ErpError):
    """A replica did not answer, or something else did; a key that was sent may have arrived."""


class WrongKeys(ErpError):
    """The keys given do not make the key of this replica."""


@dataclass(frozen=True)
class VaultOptions:
    """How to reach the replicas; the fields are the module options ``vault_*``."""

    addresses: Sequence[str]
    ca_bundle: str | None = None
    timeout: float = 30  # seconds to connect, and seconds without a byte
    wait_timeout: float = 120  # seconds for all replicas to serve after the last key

    def __post_init__(self) -> None:
        if not self.addresses:
            raise BadOptions("vault_addresses is empty: give the address of each replica.")
        if self.timeout <= 0:
            raise BadOptions(f"vault_timeout is {self.timeout:g}: give a number of seconds above 0.")
        if self.wait_timeout < 0:
            raise BadOptions(f"wait_timeout is {self.wait_timeout:g}: give a number of seconds from 0.")
        try:
            if self.ca_bundle:
                with open(self.ca_bundle, "rb"):
                    pass
        except OSError as error:
            raise BadOptions(
                f"vault_ca_bundle {self.ca_bundle} cannot be read ({error.strerror}): give the path of a PEM file."
            ) from error

    def bases(self) -> list[str]:
        """The addresses without a slash at their end, each once."""
        return list(dict.fromkeys(_base(number, address) for number, address in enumerate(self.addresses, 1)))

    def unprotected(self) -> list[str]:
        """The addresses to which keys would travel in clear over a network."""
        return [base for base in self.bases() if base.startswith("http:") and not is_loopback(base)]


def _base(number: int, address: str) -> str:
    try:
        parts = urlsplit(address.strip())
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or "@" in parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
        # The address itself is not shown: it might hold a password.
        raise BadOptions(
            f"Number {number} of vault_addresses is not a plain address: give one such as "
            "https://vault-0.example.com:8200."
        )
    return f"{parts.scheme}://{parts.netloc}"


class Server:
    """One replica; no token and no variable ``VAULT_*`` of the environment is used, and no redirect followed."""

    def __init__(self, base: str, options: VaultOptions) -> None:
        self.address = base
        self._timeout = options.timeout
        session = requests.Session()
        session.verify = options.ca_bundle or True
        # As an authentication, so that requests does not look for one in ~/.netrc.
        session.auth = _unsigned
        # A proxy of the network cannot reach what listens on this host alone.
        session.trust_env = not is_loopback(base)
        adapter = RawAdapter(
            base_uri=base, timeout=options.timeout, allow_redirects=False, session=session, ignore_exceptions=True
        )
        self._system = SystemBackend(adapter=adapter)

    def look(self) -> Replica:
        """What the replica says of itself; raises :class:`NoAnswer`."""
        seal = self._ask(self._system.read_seal_status)
        health: dict[str, Any] = {}
        leader: dict[str, Any] = {}
        if "sealed" not in seal:
            raise NoAnswer(f"What answers at {self.address} is not Vault: check vault_addresses.")
        if not seal["sealed"]:
            health = self._ask(lambda: self._system.read_health_status(method="GET"))
            leader = self._ask(self._system.read_leader_status)
        return assess(self.address, seal, health, leader)

    def seen(self) -> Replica:
        """What the replica says of itself, also when it does not answer."""
        try:
            return self.look()
        except NoAnswer as error:
            return Replica(self.address, UNREACHABLE, message=str(error))

    def submit(self, key: Key) -> Replica:
        """Give one key; the seal after it. Raises :class:`WrongKeys` when it is the last of a set that does not fit."""
        return self._unseal(key, key=key.text)

    def reset(self) -> Replica:
        """Take back the keys that were given so far."""
        return self._unseal(None, reset=True)

    def _unseal(self, given: Key | None, **said: Any) -> Replica:
        response = self._send(lambda: self._system.submit_unseal_key(**said))
        body = _body(response)
        if response.ok and "sealed" in body:
            return assess(self.address, body, {}, {})
        text = "; ".join(str(error) for error in body.get("errors") or [])
        if given:
            # What stands before Vault may show the request it could not serve.
            text = text.replace(given.text, "***")
        if response.status_code in (400, 500) and any(misfit in text.lower() for misfit in MISFITS):
            raise WrongKeys(text)
        raise ErpError(
            f"{self.address} did not take {given.source if given else 'a reset'} (HTTP {response.status_code}"
            f"{', ' + text if text else ''}): look at its log and at what stands before it."
        )

    def _ask(self, call: Callable[[], Any]) -> dict[str, Any]:
        response = self._send(call)
        body = _body(response)
        if not body or "errors" in body:
            said = "; ".join(str(error) for error in body.get("errors") or []) or "no JSON"
            raise NoAnswer(
                f"{self.address} answers with HTTP {response.status_code} ({said}): check that the replica runs and "
                "what stands before it."
            )
        return body

    def _send(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except requests.exceptions.SSLError as error:
            raise NoAnswer(
                f"The TLS connection to {self.address} was not accepted ({reason(error)}): check vault_addresses, or "
                "give the certificate of its authority in vault_ca_bundle."
            ) from error
        except requests.exceptions.ReadTimeout as error:
            raise NoAnswer(
                f"{self.address} did not answer within {self._timeout:g} s: look at its load and its storage, or give "
                "a higher vault_timeout."
            ) from error
        except requests.RequestException as error:
            raise NoAnswer(
                f"No answer from {self.address} ({reason(error)}): check that the replica runs, the address and the "
                "network."
            ) from error


def _unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _body(response: Any) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
