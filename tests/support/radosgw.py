# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real object store: one Ceph monitor, one OSD on a sparse file and one radosgw, on 127.0.0.1.

Needs root and Debian's packages ceph-mon, ceph-osd and radosgw. As a command::

    python -m tests.support.radosgw start DIR    prints endpoint and keys as JSON and leaves it running
    python -m tests.support.radosgw stop DIR
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.process import (
    HOST,
    ProcessRef,
    free_port,
    last_line,
    read_json,
    spawn,
    wait_until,
    write_json,
)
from tests.support.stores import Store

# Stopped in this order: radosgw hangs when the OSD goes first.
DAEMONS = ("rgw", "osd", "mon")
COMMAND_SECONDS = 60.0
START_SECONDS = 120.0

CONFIGURATION = """\
[global]
fsid = {fsid}
mon_host = [v2:{host}:{mon_v2}/0,v1:{host}:{mon_v1}/0]
public_addr = {host}
# Without authentication radosgw hangs for ever in AUTH_CONNECTING.
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
run_dir = {directory}/run
admin_socket = {directory}/run/$name.asok
log_file = {directory}/log/$name.log
keyring = {directory}/keyring
mon_data = {directory}/mon
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 500
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_data = {directory}/osd
# Debian's default is a relative path, and radosgw then fails with "(95) Operation not supported".
osd_class_dir = {class_dir}
osd_objectstore = bluestore
# Sparse. What is overwritten is freed late; a full OSD aborts and every client hangs in silence.
bluestore_block_size = 42949672960
osd_memory_target = 939524096
rgw_frontends = beast endpoint={host}:{rgw}
rgw_data = {directory}/rgw
rgw_gc_obj_min_wait = 5
rgw_gc_processor_period = 10
rgw_gc_processor_max_time = 10
rgw_run_sync_thread = false
rgw_enable_usage_log = false
"""

CAPABILITIES = {
    "mon.": {"mon": "allow *"},
    "client.admin": {"mon": "allow *", "osd": "allow *", "mgr": "allow *"},
    "client.rgw.a": {"mon": "allow rwx", "osd": "allow rwx", "mgr": "allow rwx"},
    "osd.0": {"mon": "allow profile osd", "osd": "allow *", "mgr": "allow profile osd"},
}


@dataclasses.dataclass(frozen=True)
class User:
    """A user of the store and its keys."""

    name: str
    access_key: str
    secret_key: str


class Radosgw:
    """One store in one directory."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        self._record = directory / "state.json"
        self._children: list[subprocess.Popen[bytes]] = []

    @property
    def endpoint(self) -> str:
        return str(read_json(self._record)["endpoint"])

    @property
    def user(self) -> User:
        """The user whom everything is allowed in its own buckets."""
        return User(**read_json(self._record)["user"])

    @property
    def store(self) -> Store:
        """The store as its user; call ``fresh`` for a bucket."""
        return self.store_as(self.user)

    def store_as(self, user: User) -> Store:
        return Store(self.endpoint, "", user.access_key, user.secret_key)

    def create_user(self, name: str) -> User:
        """Another user, who may not touch the buckets of the first."""
        shown = self.admin("user", "create", f"--uid={name}", f"--display-name={name}")
        keys = json.loads(shown)["keys"][0]
        return User(name, keys["access_key"], keys["secret_key"])

    def admin(self, *arguments: str) -> str:
        """Run radosgw-admin, to set a quota for example."""
        return self._run("radosgw-admin", *arguments)

    def start(self) -> None:
        """Bring it up in a new directory; on failure nothing is left running."""
        for name in ("mon", "osd", "run", "log", "rgw"):
            (self.directory / name).mkdir(parents=True)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        for name in DAEMONS:
            found = read_json(self.directory / f"{name}.json")
            if found:
                ProcessRef(found["pid"], found["began"]).stop()
        for child in self._children:
            child.wait()

    def _start(self) -> None:
        fsid = str(uuid.uuid4())
        ports = {name: free_port() for name in ("mon_v2", "mon_v1", "rgw")}
        class_dirs = sorted(pathlib.Path("/usr/lib").glob("*/rados-classes"))
        if not class_dirs:
            raise RuntimeError("ceph-osd is not installed: apt-get install ceph-mon ceph-osd radosgw.")
        configuration = CONFIGURATION.format(
            fsid=fsid, host=HOST, directory=self.directory, class_dir=class_dirs[0], **ports
        )
        (self.directory / "ceph.conf").write_text(configuration, encoding="utf-8")
        self._make_keys()

        monmap = str(self.directory / "monmap")
        addresses = f"[v2:{HOST}:{ports['mon_v2']},v1:{HOST}:{ports['mon_v1']}]"
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", addresses, monmap)
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", str(self._keyring))
        self._daemon("mon", ["ceph-mon", "-i", "a", "-f"], lambda: self._ceph("-s") is not None)

        osd = str(uuid.uuid4())
        secret = self._run("ceph-authtool", str(self._keyring), "-n", "osd.0", "--print-key").strip()
        self._run("ceph", "osd", "new", osd, "-i", "-", typed=json.dumps({"cephx_secret": secret}))
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._daemon("osd", ["ceph-osd", "-i", "0", "-f"], lambda: "1 up" in (self._ceph("osd", "stat") or ""))

        log = self.directory / "log" / "client.rgw.a.log"
        self._daemon(
            "rgw",
            ["radosgw", "-n", "client.rgw.a", "-f"],
            lambda: log.exists() and "starting handler: beast" in log.read_text(errors="replace"),
        )
        endpoint = f"http://{HOST}:{ports['rgw']}"
        write_json(self._record, {"endpoint": endpoint, "user": dataclasses.asdict(self.create_user("erp"))}, 0o600)

    @property
    def _keyring(self) -> pathlib.Path:
        return self.directory / "keyring"

    def _make_keys(self) -> None:
        for name, capabilities in CAPABILITIES.items():
            words = [word for part, right in capabilities.items() for word in ("--cap", part, right)]
            create = [] if self._keyring.exists() else ["--create-keyring"]
            self._run("ceph-authtool", *create, str(self._keyring), "--gen-key", "-n", name, *words)

    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "CEPH_CONF": str(self.directory / "ceph.conf")}

    def _run(self, *argv: str, typed: str = "") -> str:
        done = subprocess.run(
            argv,
            input=typed,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            env=self._environment(),
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv)} failed: {done.stderr.strip()}")
        return done.stdout

    def _ceph(self, *arguments: str) -> str | None:
        """What the ceph command says, or nothing when the cluster does not answer soon."""
        with contextlib.suppress(subprocess.TimeoutExpired, RuntimeError):
            return self._run("timeout", "5", "ceph", *arguments)
        return None

    def _daemon(self, name: str, argv: list[str], ready: Callable[[], bool]) -> None:
        log = self.directory / "log" / f"{name}.out"
        child = spawn(argv, log, self._environment())
        process = ProcessRef.of(child.pid)
        if process is None:
            raise RuntimeError(f"{argv[0]} ended at once: {last_line(log)}")
        write_json(self.directory / f"{name}.json", dataclasses.asdict(process))
        self._children.append(child)

        def settled() -> bool:
            return child.poll() is not None or ready()

        with contextlib.suppress(TimeoutError):
            wait_until(settled, START_SECONDS)
            if child.poll() is None:
                return
        raise RuntimeError(f"{argv[0]} does not come up, see {self.directory}/log: {last_line(log)}")


@contextlib.contextmanager
def radosgw() -> Iterator[Radosgw]:
    """A store in a directory of its own, gone afterwards."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="erp-radosgw-"))
    server = Radosgw(directory)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory)


def main(arguments: list[str]) -> Any:
    match arguments:
        case ["start", directory]:
            server = Radosgw(pathlib.Path(directory).absolute())
            server.start()
            print(json.dumps({"endpoint": server.endpoint, **dataclasses.asdict(server.user)}, indent=2))
        case ["stop", directory]:
            Radosgw(pathlib.Path(directory).absolute()).stop()
        case _:
            return __doc__
    return None


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main(sys.argv[1:]))
