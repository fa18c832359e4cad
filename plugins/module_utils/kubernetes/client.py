# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as its API answers: one place for requests, retries and sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from time import sleep
from typing import Protocol
from urllib.parse import quote, urlencode

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.answers import (
    READ_LOG,
    Answer,
    Asked,
    explain,
    not_kubernetes,
    unreachable,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.cluster import (
    ACCESS_REVIEW,
    POD,
    Body,
    Cluster,
    Kind,
)
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.credentials import load
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.options import KubernetesOptions
from ansible_collections.arcodange.erp.plugins.module_utils.version import COLLECTION_VERSION

try:
    import urllib3
    from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError
except ImportError:
    pass  # the door says which library is missing

PAGE = 500  # objects of one answer
PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds before each further try
LONGEST_PAUSE = 30.0  # seconds, whatever the server asks for
CONNECT_TIMEOUT = 10.0  # seconds
READ_TIMEOUT = 60.0  # seconds without a byte of the answer
NOT_DONE = (429,)  # the server turned the request away before it looked at it
PASSING = (*NOT_DONE, 500, 502, 503, 504)
RESTARTS = 3  # times that a list whose pages became too old is begun anew


class Configuration(Protocol):
    """What is used of the official client's configuration."""

    host: str

    def auth_settings(self) -> dict[str, dict[str, str]]: ...


def connect(options: KubernetesOptions, dry_run: bool) -> Cluster:
    """Find the cluster and the credentials for it where kubernetes.core does; nothing is sent yet."""
    # Here, since importing them takes a second that who never gets here need not wait.
    from kubernetes.client.rest import RESTClientObject

    configuration = load(options)
    return ApiCluster(configuration, RESTClientObject(configuration).pool_manager, dry_run)


class ApiCluster:
    """The seam over the real API."""

    def __init__(self, configuration: Configuration, pool: urllib3.PoolManager, dry_run: bool) -> None:
        self._configuration = configuration
        self._pool = pool
        self._dry_run = dry_run
        self._known: dict[str, set[str]] = {}

    def knows(self, kind: Kind) -> bool:
        if kind.api not in self._known:
            path = f"/apis/{kind.api}" if kind.group else f"/api/{kind.api}"
            answer = self._ask("GET", path, Asked("discover", kind))
            resources = [] if answer.status == 404 else answer.json().get("resources") or []
            self._known[kind.api] = {resource["name"] for resource in resources}
        return kind.plural in self._known[kind.api]

    def get(self, kind: Kind, name: str, namespace: str = "") -> Body | None:
        answer = self._ask("GET", kind.path(namespace, quote(name)), Asked("get", kind, name, namespace))
        return None if answer.status == 404 else answer.json()

    def _pages(self, kind: Kind, namespace: str, query: dict[str, str]) -> list[Body] | None:
        """All pages of a list; None when the server no longer knows what it looked like at the first."""
        found: list[Body] = []
        token = ""
        while True:
            asked = {**query, **({"continue": token} if token else {})}
            answer = self._ask(
                "GET", kind.path(namespace), Asked("list", kind, "", namespace), query=asked, expected=(404, 410)
            )
            if answer.status == 410:
                return None
            if answer.status == 404:
                return []  # no such kind: a list of a kind there is may be empty, but it is there
            page = answer.json()
            # Entries of a built-in kind do not say what they are.
            found += [{"apiVersion": kind.api, "kind": kind.name, **entry} for entry in page.get("items") or []]
            token = page.get("metadata", {}).get("continue", "")
            if not token:
                return found

    def list(self, kind: Kind, namespace: str = "", labels: Mapping[str, str] | None = None) -> list[Body]:
        query = {"limit": str(PAGE)}
        if labels:
            query["labelSelector"] = ",".join(f"{key}={value}" for key, value in labels.items())
        for _restart in range(RESTARTS):
            found = self._pages(kind, namespace, query)
            if found is not None:
                return found
        raise ErpError(f"The list of {kind.plural} changed faster than it could be read: try again.")

    def create(self, kind: Kind, body: Body) -> Body:
        metadata = body.get("metadata", {})
        namespace, name = metadata.get("namespace", ""), metadata.get("name", "")
        full = {"apiVersion": kind.api, "kind": kind.name, **body}
        what = Asked("create", kind, name, namespace)
        # Asking what is allowed changes nothing, in check mode or not.
        return self._write("POST", kind.path(namespace), what, full, repeatable=kind == ACCESS_REVIEW).json()

    def patch(self, kind: Kind, name: str, namespace: str, body: Body) -> Body:
        # With a version, a second try could not tell another's change from its own first one.
        repeatable = "resourceVersion" not in body.get("metadata", {})
        what = Asked("patch", kind, name, namespace)
        return self._write("PATCH", kind.path(namespace, quote(name)), what, body, repeatable).json()

    def delete(self, kind: Kind, name: str, namespace: str = "") -> bool:
        # Said each time, since the API's default for a Job is to leave its pods behind.
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        what = Asked("delete", kind, name, namespace)
        answer = self._write("DELETE", kind.path(namespace, quote(name)), what, body, repeatable=True)
        if answer.status == 404:
            return answer.tries > 1  # gone at a further try: an earlier one did it
        return bool(answer.json())

    def logs(self, pod: str, namespace: str, container: str, tail: int) -> str:
        """Return the last lines a container wrote; empty before it started and when its pod is gone."""
        query = {"container": container, "tailLines": str(tail)}
        path = f"{POD.path(namespace, quote(pod))}/log"
        answer = self._ask("GET", path, Asked(READ_LOG, POD, pod, namespace), query=query, expected=(400, 404))
        return "" if answer.status >= 400 else answer.content.decode(errors="replace")

    def _write(self, method: str, path: str, what: Asked, body: Body, repeatable: bool) -> Answer:
        query = {"dryRun": "All"} if self._dry_run and what.kind != ACCESS_REVIEW else {}
        expected = (404,) if method == "DELETE" else ()
        return self._ask(method, path, what, query, body, repeatable or bool(query), expected)

    def _ask(
        self,
        method: str,
        path: str,
        what: Asked,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        repeatable: bool = True,
        expected: tuple[int, ...] = (404,),
    ) -> Answer:
        """One request, tried again with pauses while that may help and cannot harm; an error unless it was expected."""
        tries = 0
        while True:
            tries += 1
            pause = PAUSES[tries - 1] if tries <= len(PAUSES) else None
            try:
                answer = self._send(method, path, query or {}, body)
            except HTTPError as error:
                never_sent = isinstance(error, (NewConnectionError, ConnectTimeoutError))
                if pause is None or isinstance(error, SSLError) or not (repeatable or never_sent):
                    raise unreachable(self._configuration.host, what, error, sent=not never_sent) from error
            else:
                answer.tries = tries
                if answer.status < 300:
                    return answer
                if answer.status in (404, *expected) and not answer.is_of_api:
                    raise not_kubernetes()
                if answer.status in expected:
                    return answer
                if pause is None or answer.status not in (PASSING if repeatable else NOT_DONE):
                    raise explain(self._configuration.host, what, answer)
                pause = max(pause, min(answer.retry_after(), LONGEST_PAUSE))
            sleep(pause)

    def _send(self, method: str, path: str, query: Mapping[str, str], body: Body | None) -> Answer:
        headers = {"Accept": "application/json", "User-Agent": f"arcodange.erp/{COLLECTION_VERSION}"}
        # Asked for each time, since the token of a pod or of a login program changes.
        for setting in self._configuration.auth_settings().values():
            headers[setting["key"]] = setting["value"]
        if body is not None:
            headers["Content-Type"] = "application/merge-patch+json" if method == "PATCH" else "application/json"
        response = self._pool.request(
            method,
            f"{self._configuration.host}{path}" + (f"?{urlencode(query)}" if query else ""),
            body=None if body is None else json.dumps(body),
            headers=headers,
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT),
            retries=False,
        )
        return Answer(response.status, dict(response.headers), response.data)
