# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API of a cluster answered, and what is said to a person about it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import SECRET, Conflict, Kind

try:
    from urllib3.exceptions import SSLError
    from urllib3.exceptions import TimeoutError as TookTooLong
except ImportError:
    pass  # the door says which library is missing


@dataclass(frozen=True)
class Asked:
    """What was asked of the cluster: a verb, and the object or the kind it is about."""

    verb: str
    kind: Kind
    name: str = ""
    namespace: str = ""

    def __str__(self) -> str:
        what = f"{self.kind.name} {self.name}" if self.name else self.kind.plural
        return f"{self.verb} {what}{self.where}"

    @property
    def where(self) -> str:
        """The namespace, as the end of a sentence."""
        return f" in namespace {self.namespace}" if self.namespace else ""


@dataclass
class Answer:
    """A complete answer of the API."""

    status: int
    headers: dict[str, str]
    content: bytes = field(repr=False)  # may hold a Secret
    tries: int = 1

    def json(self) -> dict[str, Any]:
        """The object that was answered."""
        body = self._body()
        if not body.get("kind"):
            raise not_kubernetes()
        return body

    def _body(self) -> dict[str, Any]:
        """The object that was answered; empty when it is something else."""
        try:
            body = json.loads(self.content)
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}

    @property
    def is_of_api(self) -> bool:
        """Whether an error is one of the API itself, and not of a web server that knows nothing of it."""
        return self._body().get("kind") == "Status" or self.content.strip() == b"404 page not found"

    def retry_after(self) -> float:
        """Seconds that the server asks to wait."""
        asked = {name.lower(): value for name, value in self.headers.items()}.get("retry-after", "")
        return float(asked) if asked.isdecimal() else 0.0

    def message(self) -> str:
        """Why the API says no, in its own words."""
        return str(self._body().get("message", ""))

    def reason(self) -> str:
        """The API's name for why."""
        return str(self._body().get("reason", ""))


def not_kubernetes() -> ErpError:
    """Say that something else answers."""
    return ErpError("What answers is no Kubernetes API: check the address of the cluster and the proxies before it.")


def explain(host: str, asked: Asked, answer: Answer) -> ErpError:
    """Turn an answer that is an error into a sentence that says what to do."""
    facts = {"status": answer.status, "verb": asked.verb, "kind": asked.kind.name}
    kind = asked.kind
    if answer.status == 401:
        return ErpError(
            f"The cluster at {host} did not accept the credentials (401): renew the token in K8S_AUTH_API_KEY or the user "
            "in the kubeconfig.",
            **facts,
        )
    if answer.status == 403:
        account = re.search(r'User "([^"]+)"', answer.message())
        role = "Role" if asked.namespace else "ClusterRole"
        group = f' of API group "{kind.group}"' if kind.group else ""
        verb = RIGHTS.get(asked.verb, asked.verb)
        resource = f"{kind.plural}/log" if asked.verb == READ_LOG else kind.plural
        return ErpError(
            f"The cluster does not let {account[1] if account else 'this account'} {asked}: grant the verb {verb} on "
            f"{resource}{group} in a {role}{asked.where}.",
            **facts,
        )
    if answer.status == 404:
        missing = "it is not there"
        if asked.verb == "create":
            missing = f"the cluster has no{asked.where.removeprefix(' in')} or no {kind.plural} of {kind.api}"
        return ErpError(f"Could not {asked}: {missing}; check the names.", **facts)
    if answer.status == 409:
        if answer.reason() == "AlreadyExists":
            return Conflict(f"Could not {asked}: one of this name is there already.", **facts)
        return Conflict(f"Could not {asked}: it was changed meanwhile; read it again and try again.", **facts)
    if answer.status in (400, 422):
        # About a Secret the API may quote what it could not read.
        why = "" if kind == SECRET else f" ({answer.message()})"
        return ErpError(f"The cluster did not accept to {asked}{why}: correct what is said there.", **facts)
    why = answer.message() if kind != SECRET else ""
    return ErpError(
        f"The cluster at {host} answered {answer.status} to {asked}{f' ({why})' if why else ''}: look at its API server, "
        "then try again.",
        **facts,
    )


READ_LOG = "read the log of"
# The verb that a Role must name where it is another word than ours.
RIGHTS = {READ_LOG: "get", "discover": "get"}


def unreachable(host: str, asked: Asked, error: Exception, sent: bool) -> ErpError:
    """Say that no answer came, and whether something may have happened all the same."""
    why = reason_of(error)
    if isinstance(error, SSLError):
        return ErpError(
            f"The TLS connection to the cluster at {host} was not accepted ({why}): give the certificate of its authority "
            "in K8S_AUTH_SSL_CA_CERT or in the kubeconfig."
        )
    if not sent:
        return ErpError(
            f"The cluster at {host} cannot be reached ({why}): check the address in the kubeconfig or K8S_AUTH_HOST, and "
            "the network."
        )
    late = "did not answer in time" if isinstance(error, TookTooLong) else f"ended the connection ({why})"
    maybe = (
        ""
        if asked.verb in ("get", "list", "discover", READ_LOG)
        else " It may have been done: look before you try again."
    )
    return ErpError(
        f"The cluster at {host} {late} when asked to {asked}: look at its API server and the network.{maybe}"
    )


def reason_of(error: BaseException) -> str:
    """The innermost reason, without the objects that libraries show."""
    inner = error
    while (cause := inner.__cause__ or inner.__context__) is not None:
        inner = cause
    return getattr(inner, "strerror", None) or str(inner).rpartition(": ")[2] or type(inner).__name__
