# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long-lived processes: recognised, detached, stopped, and nobody else's touched."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.sandbox import process
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.process import ProcessRef

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as child:
        yield child
        child.kill()


def ref(pid: int) -> ProcessRef:
    found = ProcessRef.of(pid)
    assert found is not None
    return found


def test_a_live_process_is_recognised(sleeper: subprocess.Popen[bytes]) -> None:
    assert ref(sleeper.pid).alive()
    assert ref(sleeper.pid) == ref(sleeper.pid)


def test_a_recycled_pid_is_neither_alive_nor_killed(sleeper: subprocess.Popen[bytes]) -> None:
    earlier = dataclasses.replace(ref(sleeper.pid), began="before the last boot")
    assert not earlier.alive()
    earlier.stop()
    assert sleeper.poll() is None


def test_stop_waits_until_it_is_gone(sleeper: subprocess.Popen[bytes]) -> None:
    ref(sleeper.pid).stop()
    assert sleeper.wait(timeout=0) == -signal.SIGTERM


def test_stop_kills_what_does_not_listen() -> None:
    with subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        ref(child.pid).stop(timeout=0.1)
    assert child.returncode == -signal.SIGKILL


def test_a_zombie_is_dead() -> None:
    with subprocess.Popen(["true"]) as child:
        # The pid stays taken until the parent has asked for the exit status.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert ProcessRef.of(child.pid) is None


def test_no_process_at_all() -> None:
    with subprocess.Popen(["true"]) as child:
        child.wait()
    assert ProcessRef.of(child.pid) is None
    assert process.command_line(child.pid) == []


def test_a_name_with_spaces_and_brackets_is_read_right(tmp_path: pathlib.Path) -> None:
    odd = tmp_path / "a) R (b"
    odd.symlink_to("/bin/sleep")
    with subprocess.Popen([odd, "60"]) as child:
        found = ref(child.pid)
        assert found.began.rpartition("/")[2].isdigit()
        found.stop()


def test_spawn_detaches(tmp_path: pathlib.Path) -> None:
    log = tmp_path / "log"
    child = process.spawn(["sh", "-c", "echo out; echo err >&2; exec sleep 60"], log, {"PATH": os.environ["PATH"]})
    try:
        process.wait_until(lambda: log.read_text() == "out\nerr\n", 10)
        assert os.getsid(child.pid) == child.pid != os.getsid(0)
        descriptors = pathlib.Path(f"/proc/{child.pid}/fd")
        held = {entry.readlink() for entry in descriptors.iterdir()}
        assert held == {pathlib.Path("/dev/null"), log}
        assert pathlib.Path(f"/proc/{child.pid}/cwd").readlink() == pathlib.Path("/")
    finally:
        ref(child.pid).stop()
        child.wait()


def test_wait_until_gives_up() -> None:
    with pytest.raises(TimeoutError):
        process.wait_until(lambda: False, 0.05)


def test_free_port_is_below_the_kernels_own() -> None:
    for _again in range(50):
        port = process.free_port()
        assert 10240 <= port < 32768
        with socket.socket() as server:
            server.bind((process.HOST, port))


def test_free_port_passes_over_a_taken_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as server:
        server.bind((process.HOST, 0))
        server.listen()
        taken, other = server.getsockname()[1], process.free_port()
        monkeypatch.setattr(random, "sample", lambda _range, _count: [taken, other])
        assert process.free_port() == other


def test_write_json_is_complete_or_not_there(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "value.json"
    process.write_json(path, {"a": 1}, 0o600)
    assert process.read_json(path) == {"a": 1}
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(TypeError):
        process.write_json(path, {"a": object()})
    assert process.read_json(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_read_json_of_what_is_not_ours(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "value.json"
    assert process.read_json(path) == {}
    for body in ("", '{"a": 1', "[1]"):
        path.write_text(body, encoding="utf-8")
        assert process.read_json(path) == {}


def test_last_line_prefers_what_went_wrong(tmp_path: pathlib.Path) -> None:
    log = tmp_path / "log"
    assert process.last_line(log) == "it left no log"
    log.write_text("\n", encoding="utf-8")
    assert process.last_line(log) == "it said nothing"
    log.write_text("FATAL:  no space\nLOG:  shut down\n\n", encoding="utf-8")
    assert process.last_line(log) == "FATAL:  no space"
    log.write_text("first\nsecond\n", encoding="utf-8")
    assert process.last_line(log) == "second"


def test_began_is_the_same_a_moment_later(sleeper: subprocess.Popen[bytes]) -> None:
    first = ref(sleeper.pid)
    time.sleep(0.05)
    assert first == ref(sleeper.pid)
