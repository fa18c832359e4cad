# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers of the fake cluster's Jobs as processes of this machine."""

from __future__ import annotations

import base64
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
from typing import Any

from tests.support.kubernetes_objects import CONFIG_MAP, SECRET, Body, now
from tests.support.kubernetes_world import World

MESSAGE_LIMIT = 4096  # bytes of a termination message
LOG_MESSAGE_LIMIT = 2048  # bytes of a log that is used instead of one


class NotYet(Exception):
    """A container cannot start as things are; the reason and message that its state shows."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Container:
    """One started container: a process group of its own."""

    def __init__(self, world: World, pod: Body, spec: Body) -> None:
        self.spec = spec
        self.started = now()
        self.finished = ""
        self.start_error = ""
        self.killed_as = ""
        given = _environment(world, pod, spec)
        self._mounts = Mounts(world, pod, spec)
        uid = pod["metadata"]["uid"]
        self.log = world.directory / f"{uid}-{spec['name']}.log"
        self._message = world.directory / f"{uid}-{spec['name']}.message"
        home = world.directory / f"{uid}-{spec['name']}"
        home.mkdir()
        self._message.touch()
        environment = {
            "HOME": str(home),
            "HOSTNAME": pod["metadata"]["name"],
            **world.environment,
            **given,
            # In place of the file at terminationMessagePath, which is the same in every container.
            "ERP_JOB_RESULT": str(self._message),
        }
        command = [_expand(part, given) for part in [*spec.get("command", []), *spec.get("args", [])]]
        self._process: subprocess.Popen[bytes] | None = None
        with open(self.log, "wb") as log:
            try:
                program = shutil.which(command[0], path=environment["PATH"]) if command else None
                self._process = subprocess.Popen(
                    [program or (command or ["no command"])[0], *command[1:]],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    cwd=spec.get("workingDir", home),
                    start_new_session=True,
                )
            except OSError as error:
                self.start_error = f"failed to create containerd task: {error}"

    @property
    def exit_code(self) -> int | None:
        """None while it runs; 128 more than the signal that ended it."""
        if self._process is None:
            return 128
        code = self._process.poll()
        return code if code is None or code >= 0 else 128 - code

    def signal(self, number: int) -> None:
        """Send a signal to all processes of the container."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """Leave nothing of the container behind."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        self.end()

    def end(self) -> None:
        """When the first process has ended no other one goes on, and the mounts are gone."""
        if not self.finished:
            self.finished = now()
            self.signal(signal.SIGKILL)
            self._mounts.remove()

    def state(self) -> Body:
        """What a pod's status says of it."""
        code = self.exit_code
        if code is None:
            return {"running": {"startedAt": self.started}}
        self.end()
        reason = "StartError" if self.start_error else "Completed" if code == 0 else self.killed_as or "Error"
        terminated = {"exitCode": code, "reason": reason, "startedAt": self.started, "finishedAt": self.finished}
        message = self.start_error or self._termination_message(code)
        return {"terminated": {**terminated, **({"message": message} if message else {})}}

    def _termination_message(self, code: int) -> str:
        message = self._message.read_bytes()[-MESSAGE_LIMIT:]
        if not message and code and self.spec["terminationMessagePolicy"] == "FallbackToLogsOnError":
            message = b"".join(self.log.read_bytes()[-LOG_MESSAGE_LIMIT:].splitlines(True)[-80:])
        return message.decode(errors="replace")


class Mounts:
    """The volumes of a container, as directories that are where the container has them."""

    def __init__(self, world: World, pod: Body, spec: Body) -> None:
        self._world = world
        self._made: list[str] = []
        self._read_only: dict[str, Any] = {}
        self._name = f"{pod['metadata']['name']}/{spec['name']}"
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
        try:
            for mount in spec.get("volumeMounts", []):
                self._mount(pod, mount, volumes[mount["name"]])
        except NotYet:
            self.remove()
            raise

    def _mount(self, pod: Body, mount: Body, volume: Body) -> None:
        path, namespace = mount["mountPath"], pod["metadata"]["namespace"]
        if claim := volume.get("persistentVolumeClaim"):
            directory = self._world.directories.get((namespace, claim["claimName"]))
            if directory is None or os.path.join(directory, mount.get("subPath", "")).rstrip("/") != path.rstrip("/"):
                why = f"the fake has claim {claim['claimName']} at {directory}, which is not its mount path {path}"
                raise NotYet("CreateContainerError", why)
            if mount.get("readOnly") or claim.get("readOnly"):
                self._read_only[path] = _picture(path)
        elif not os.path.isdir(path):
            if not pathlib.Path(path).is_relative_to(tempfile.gettempdir()):
                raise NotYet("CreateContainerError", f"the fake makes no directory {path} outside temporary ones")
            os.makedirs(path)
            self._made.append(path)
        files: dict[str, bytes] = {}
        if source := volume.get("secret"):
            secret = _read(self._world, SECRET, namespace, source["secretName"], source.get("optional", False))
            files = {name: base64.b64decode(value) for name, value in (secret or {}).get("data", {}).items()}
        elif source := volume.get("configMap"):
            config = _read(self._world, CONFIG_MAP, namespace, source["name"], source.get("optional", False))
            files = {name: value.encode() for name, value in (config or {}).get("data", {}).items()}
        names = {item["key"]: item["path"] for item in (source or {}).get("items", [])}
        for name, content in files.items():
            if not names or name in names:
                target = pathlib.Path(path, names.get(name, name))
                target.write_bytes(content)
                target.chmod((source or {}).get("defaultMode", 0o644))
                self._made.append(str(target))

    def remove(self) -> None:
        """Take away what was made, and look at what should not have been written to."""
        for path, picture in self._read_only.items():
            if _picture(path) != picture:
                self._world.violations.append(f"{self._name} wrote to {path}, which is mounted read-only")
        for path in reversed(self._made):
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def _picture(root: str) -> list[tuple[str, int, int]]:
    """Everything under a directory, so that a write shows."""
    found = []
    for place, directories, files in os.walk(root):
        for name in [".", *directories, *files]:
            path = os.path.join(place, name)
            about = os.lstat(path)
            found.append((path, about.st_mtime_ns, about.st_mode))
    return sorted(found)


def _read(world: World, resource: Any, namespace: str, name: str, optional: bool) -> Body | None:
    body = world.store.find(resource, namespace, name)
    if body is None and not optional:
        raise NotYet("CreateContainerConfigError", f'{resource.kind.lower()} "{name}" not found')
    return body


def _environment(world: World, pod: Body, spec: Body) -> dict[str, str]:
    """The variables of a container as its specification says."""
    namespace = pod["metadata"]["namespace"]
    variables: dict[str, str] = {}
    for source in spec.get("envFrom", []):
        for field, resource in (("secretRef", SECRET), ("configMapRef", CONFIG_MAP)):
            if reference := source.get(field):
                body = _read(world, resource, namespace, reference["name"], reference.get("optional", False))
                for key in (body or {}).get("data", {}):
                    variables[source.get("prefix", "") + key] = _value(resource, body or {}, key)
    for entry in spec.get("env", []):
        origin = entry.get("valueFrom")
        if origin is None:
            variables[entry["name"]] = _expand(entry.get("value", ""), variables)
            continue
        for field, resource in (("secretKeyRef", SECRET), ("configMapKeyRef", CONFIG_MAP)):
            if reference := origin.get(field):
                optional = reference.get("optional", False)
                body = _read(world, resource, namespace, reference["name"], optional)
                if reference["key"] in (body or {}).get("data", {}):
                    variables[entry["name"]] = _value(resource, body or {}, reference["key"])
                elif not optional:
                    where = f"{resource.kind} {namespace}/{reference['name']}"
                    raise NotYet("CreateContainerConfigError", f"couldn't find key {reference['key']} in {where}")
        if reference := origin.get("fieldRef"):
            value: Any = pod
            for step in reference["fieldPath"].split("."):
                value = value[step]
            variables[entry["name"]] = value
    return variables


def _value(resource: Any, body: Body, key: str) -> str:
    value: str = body["data"][key]
    return base64.b64decode(value).decode() if resource is SECRET else value


def _expand(text: str, variables: dict[str, str]) -> str:
    """Replace $(NAME); one that is not known stays, and $$ is a dollar sign."""

    def replaced(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else variables.get(found[1], found[0])

    return re.sub(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_]*)\)", replaced, text)
