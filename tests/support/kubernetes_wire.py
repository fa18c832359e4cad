# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wire protocol of the fake cluster: paths, verbs, rights, faults, and the record of what was asked."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.kubernetes_objects import (
    NAMESPACE,
    POD,
    RESOURCES,
    REVIEW,
    Body,
    Problem,
    Resource,
    field_selects,
    json_patch,
    merge,
    not_found,
    selects,
    strategic_merge,
    suffix,
)
from tests.support.kubernetes_store import Store, scale_of

WRITES = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
USER = "system:serviceaccount:tools:erp-ops"
PATH = re.compile(
    r"/(?:api/(?P<core>v1)|apis/(?P<api>[^/]+/[^/]+))(?:/namespaces/(?P<namespace>[^/]+)(?=/[^/]+))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<part>[^/]+))?)?"
)


@dataclasses.dataclass
class Request:
    """One request: what it was about, and the status of its answer (0 when it got none)."""

    number: int
    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]
    resource: Resource | None = None
    namespace: str = ""
    name: str = ""
    part: str = ""
    verb: str = ""
    status: int = 0

    @property
    def dry_run(self) -> bool:
        asked = self.query.get("dryRun") or (self.body.get("dryRun") if isinstance(self.body, dict) else None)
        return asked in ("All", ["All"])

    @property
    def writes(self) -> bool:
        """Whether the cluster would be another one afterwards."""
        return self.method in WRITES and not self.dry_run and self.resource is not REVIEW

    def __str__(self) -> str:
        return f"{self.verb} {self.resource} {self.namespace}/{self.name} {self.part}".strip()


@dataclasses.dataclass(frozen=True)
class Fault:
    """What happens to some requests: a status instead of the answer, or a connection that ends before or after it took effect."""

    number: int
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    cut: str = ""  # "before", "after", or "late": before, but only after half a second


class Wire:
    """Answers requests from a store."""

    def __init__(self, store: Store, token: str) -> None:
        self.store = store
        self.token = token
        self.resources: list[Resource] = list(RESOURCES)
        self.requests: list[Request] = []
        self.refused: list[Request] = []
        self.refuse_writes = False
        self.forbidden: list[tuple[str, Resource, str]] = []
        self.faults: list[Fault] = []
        self.callbacks: list[tuple[int, Callable[[], Any]]] = []
        self.written = 0
        self.logs: Callable[[Body, str, int | None], bytes] = lambda pod, container, tail: b""
        self._pages: dict[str, list[Body]] = {}

    def begin(self, method: str, target: str, headers: dict[str, str], content: bytes) -> tuple[Request, Fault | None]:
        """Record a request before anything is done about it."""
        address = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(address.query, keep_blank_values=True).items()}
        body = json.loads(content) if content else None
        with self.store.lock:
            request = Request(len(self.requests) + 1, method, address.path, query, body, headers)
            self.requests.append(request)
            self._place(request)
            fault = next((fault for fault in self.faults if fault.number == request.number), None)
        return request, fault

    def _place(self, request: Request) -> None:
        found = PATH.fullmatch(request.path)
        if not found:
            return
        request.namespace, request.name = found["namespace"] or "", found["name"] or ""
        request.part = found["part"] or ""
        for resource in self.resources:
            if resource.api == (found["core"] or found["api"]) and resource.plural == found["plural"]:
                request.resource = resource
        request.verb = WRITES.get(request.method) or ("get" if request.name else "list")
        if request.method == "DELETE" and not request.name:
            request.verb = "deletecollection"

    def answer(self, request: Request) -> tuple[int, Body | bytes]:
        """Do what is asked; the status and the body of the answer."""
        with self.store.lock:
            try:
                self._authenticate(request)
                code, body = self._do(request)
            except Problem as problem:
                code, body = problem.code, problem.body
            due = []
            if request.writes and code < 300:
                self.written += 1
                due = [callback for number, callback in self.callbacks if number == self.written]
        for callback in due:
            callback()
        request.status = code
        return code, body

    def _authenticate(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        scheme, _space, token = given.partition(" ")
        if given and (scheme.lower(), token) != ("bearer", self.token):
            raise Problem(401, "Unauthorized", "Unauthorized")
        if not given:
            message = f'forbidden: User "system:anonymous" cannot {request.method.lower()} path "{request.path}"'
            raise Problem(403, "Forbidden", message)

    def allowed(self, verb: str, resource: Resource, namespace: str) -> bool:
        """Whether no rule forbids it."""
        return not any(
            forbidden in (verb, "*") and resource is kind and place in ("", namespace)
            for forbidden, kind, place in self.forbidden
        )

    def _authorise(self, request: Request, resource: Resource) -> None:
        if request.writes and self.refuse_writes:
            self.refused.append(request)
        elif self.allowed(request.verb, resource, request.namespace):
            return
        name = f' "{request.name}"' if request.name else ""
        part = f"/{request.part}" if request.part else ""
        where = f' in the namespace "{request.namespace}"' if request.namespace else " at the cluster scope"
        message = (
            f'{resource}{name} is forbidden: User "{USER}" cannot {request.verb} '
            f'resource "{resource.plural}{part}" in API group "{resource.group}"{where}'
        )
        raise Problem(403, "Forbidden", message, name=request.name, group=resource.group, kind=resource.plural)

    def _do(self, request: Request) -> tuple[int, Body | bytes]:
        resource = request.resource
        if resource is None:
            return self._discover(request)
        self._authorise(request, resource)
        if request.query.get("watch") in ("true", "1"):
            raise Problem(501, "NotImplemented", "this fake cannot be watched")
        if resource is REVIEW:
            return 201, self._review(request.body)
        if request.part == "log" and resource is POD:
            return 200, self._log(request)
        if request.part not in ("", "status", "scale") or (request.part == "scale" and not resource.scale):
            raise Problem(404, "NotFound", "the server could not find the requested resource")
        if request.part == "status" and not resource.status:
            raise Problem(404, "NotFound", "the server could not find the requested resource")
        if request.method == "GET":
            if not request.name:
                return 200, self._list(request, resource)
            found = self.store.get(resource, request.namespace, request.name)
            return 200, scale_of(found) if request.part == "scale" else found
        if request.method == "POST" and not request.name:
            return 201, self.store.create(resource, request.namespace, request.body, request.dry_run)
        if request.method in ("PUT", "PATCH") and request.name:
            return 200, self._change(request, resource)
        if request.method == "DELETE":
            return 200, self._delete(request, resource)
        raise Problem(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")

    def _discover(self, request: Request) -> tuple[int, Body | bytes]:
        groups = sorted({resource.api for resource in self.resources if resource.group})
        known = {"/api/v1": "v1", **{f"/apis/{api}": api for api in groups}}
        if request.path == "/version":
            return 200, {"major": "1", "minor": "34", "gitVersion": "v1.34.2+k3s1", "platform": "linux/arm64"}
        if request.path == "/api":
            return 200, {"kind": "APIVersions", "versions": ["v1"]}
        if request.path == "/apis":
            entries = []
            for api in groups:
                version = {"groupVersion": api, "version": api.partition("/")[2]}
                entries.append({"name": api.partition("/")[0], "versions": [version], "preferredVersion": version})
            return 200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": entries}
        if request.path in known:
            resources: list[Body] = []
            for resource in self.resources:
                if resource.api == known[request.path]:
                    resources += _described(resource)
            answer = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": known[request.path]}
            return 200, {**answer, "resources": resources}
        return 404, b"404 page not found\n"

    def _review(self, body: Body) -> Body:
        asked = body["spec"]["resourceAttributes"]
        named = (asked.get("group", ""), asked["resource"])
        resource = next((known for known in self.resources if (known.group, known.plural) == named), None)
        allowed = resource is not None and self.allowed(asked["verb"], resource, asked.get("namespace", ""))
        return {**body, "status": {"allowed": allowed}}

    def _log(self, request: Request) -> bytes:
        pod = self.store.get(POD, request.namespace, request.name)
        names = [container["name"] for container in pod["spec"]["containers"]]
        container = request.query.get("container") or names[0]
        if len(names) > 1 and "container" not in request.query:
            message = f"a container name must be specified for pod {request.name}, choose one of: [{' '.join(names)}]"
            raise Problem(400, "BadRequest", message)
        states = {
            status["name"]: status["state"]
            for field in ("containerStatuses", "initContainerStatuses")
            for status in pod["status"].get(field, [])
        }
        if "waiting" in states.get(container, {"waiting": {}}):
            reason = states.get(container, {}).get("waiting", {}).get("reason", "ContainerCreating")
            message = f'container "{container}" in pod "{request.name}" is waiting to start: {reason}'
            raise Problem(400, "BadRequest", message)
        tail = request.query.get("tailLines")
        return self.logs(pod, container, int(tail) if tail is not None else None)

    def _list(self, request: Request, resource: Resource) -> Body:
        token = request.query.get("continue", "")
        if token and token not in self._pages:
            raise Problem(
                410, "Expired", "The provided continue parameter is too old to display a consistent list result"
            )
        found = self._pages.pop(token, None)
        if found is None:
            found = [
                copy.deepcopy(body)
                for body in self.store.all(resource, request.namespace)
                if selects(request.query.get("labelSelector", ""), body["metadata"].get("labels") or {})
                and field_selects(request.query.get("fieldSelector", ""), body)
            ]
        limit = int(request.query.get("limit") or 0) or len(found)
        items, rest = found[:limit], found[limit:]
        metadata: Body = {"resourceVersion": str(self.store.version)}
        if rest:
            metadata |= {"continue": suffix(20), "remainingItemCount": len(rest)}
            self._pages[metadata["continue"]] = rest
        if not resource.custom:
            # As the API does: entries of a list of a built-in kind do not say their kind.
            items = [{key: value for key, value in body.items() if key not in ("kind", "apiVersion")} for body in items]
        return {"kind": f"{resource.kind}List", "apiVersion": resource.api, "metadata": metadata, "items": items}

    def expire_pages(self) -> None:
        """Let every list that is being read in pages be too old to go on."""
        self._pages.clear()

    def _change(self, request: Request, resource: Resource) -> Body:
        current = self.store.get(resource, request.namespace, request.name)
        version = current["metadata"]["resourceVersion"]
        before = scale_of(current) if request.part == "scale" else current
        after = request.body if request.method == "PUT" else self._patched(request, resource, before)
        if not isinstance(after, dict) or after.get("metadata", {}).get("name", request.name) != request.name:
            raise Problem(400, "BadRequest", "the name of the object does not match the name on the URL")
        if request.part == "scale":
            given = after.get("metadata", {}).get("resourceVersion", version)
            current["metadata"]["resourceVersion"] = given
            current["spec"]["replicas"] = after.get("spec", {}).get("replicas", 0)
            return scale_of(self.store.change(resource, current, "", request.dry_run))
        after.setdefault("metadata", {}).update(name=request.name)
        if resource.namespaced:
            after["metadata"]["namespace"] = request.namespace
        return self.store.change(resource, after, request.part, request.dry_run)

    def _patched(self, request: Request, resource: Resource, before: Body) -> Any:
        media = request.headers.get("content-type", "").partition(";")[0]
        if media == "application/merge-patch+json":
            return merge(before, request.body)
        if media == "application/strategic-merge-patch+json" and not resource.custom:
            return strategic_merge(before, request.body)
        if media == "application/json-patch+json":
            if not isinstance(request.body, list):
                raise Problem(400, "BadRequest", "error decoding patch: json: cannot unmarshal object into Go value")
            return json_patch(before, request.body)
        raise Problem(415, "UnsupportedMediaType", "the body of the request was in an unknown format")

    def _delete(self, request: Request, resource: Resource) -> Body:
        options = dict(request.body or {})
        for option in ("propagationPolicy", "gracePeriodSeconds"):
            if option in request.query:
                options[option] = request.query[option]
        if "gracePeriodSeconds" in options:
            options["gracePeriodSeconds"] = int(options["gracePeriodSeconds"])
        success: Body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        if not request.name:
            listed = self._list(request, resource)
            for body in listed["items"]:
                metadata = body["metadata"]
                self.store.delete(resource, metadata.get("namespace", ""), metadata["name"], options, request.dry_run)
            return listed
        if resource is NAMESPACE:
            raise Problem(501, "NotImplemented", "this fake does not delete namespaces")
        if self.store.find(resource, request.namespace, request.name) is None:
            raise not_found(resource, request.name)
        details = {"name": request.name, "group": resource.group, "kind": resource.plural}
        left = self.store.delete(resource, request.namespace, request.name, options, request.dry_run)
        return left or {**success, "details": details}


def _described(resource: Resource) -> list[Body]:
    verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
    described = {
        "name": resource.plural,
        "singularName": resource.kind.lower(),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": ["create"] if resource is REVIEW else verbs,
    }
    parts = [part for part, there in (("status", resource.status), ("scale", resource.scale)) if there]
    few = ["get", "patch", "update"]
    return [described, *({**described, "name": f"{resource.plural}/{part}", "verbs": few} for part in parts)]
