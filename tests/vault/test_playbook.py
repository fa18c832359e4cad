# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as a playbook runs it: keys of a variable, of files and typed in, and nowhere one of them."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail, AnsiblePromptInterrupt

from ansible_collections.arcodange.erp.plugins.action import vault_unseal as action
from tests.support.paths import ROOT
from tests.support.playbooks import PLAYBOOK, playbook_environment
from tests.support.restore_scene import run_module
from tests.support.vault import FakeVault, share

MODULE = "ansible_collections.arcodange.erp.plugins.modules.vault_unseal"
WRONG = share("planted wrong key")
# What makes the terminal given as standard input the one that controls the program.
AT_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)

PLAY = """
- hosts: here
  gather_facts: false
  module_defaults:
    arcodange.erp.vault_unseal: {wait_timeout: 5}
  tasks:
    - name: Unseal with a variable and files
      arcodange.erp.vault_unseal: {vault_addresses: "{{ files }}", keys: "{{ planted }}", key_files: "{{ key_files }}"}
      register: first
    - name: Unseal with wrong keys
      arcodange.erp.vault_unseal: {vault_addresses: "{{ misfit }}", keys: "{{ wrong }}"}
      register: second
      ignore_errors: true
    - name: Unseal with what is typed
      arcodange.erp.vault_unseal: {vault_addresses: "{{ typed }}", prompt: true}
      register: third
    - name: Ask nobody when nothing is sealed
      arcodange.erp.vault_unseal: {vault_addresses: "{{ typed }}", prompt: true}
      register: fourth
    - ansible.builtin.assert:
        that:
          - first.outcome == 'done' and first.changed and first.replicas[0].state == 'active'
          - second is failed and second.outcome == 'failed' and not second.changed
          - second.msg is search('number 1 of keys, number 2 of keys, number 3 of keys do not fit together')
          - third.outcome == 'done' and third.unsealed
          - fourth.outcome == 'unchanged' and not fourth.changed
"""


def environment(home: pathlib.Path) -> dict[str, str]:
    return playbook_environment(home, TERM="xterm", ANSIBLE_LOG_PATH=str(home / "ansible.log"))


def command(home: pathlib.Path, play: str, **variables: Any) -> list[str]:
    """The command for a play over this host, whose variables stand in its inventory."""
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, **variables}
    (home / "inventory.json").write_text(json.dumps({"all": {"hosts": {"here": host}}}), encoding="utf-8")
    (home / "play.yml").write_text(play, encoding="utf-8")
    return [str(PLAYBOOK), str(home / "play.yml"), "-i", str(home / "inventory.json")]


@contextmanager
def watched_arguments(secrets: Iterable[str]) -> Iterator[set[str]]:
    """Watch the arguments of every process of this machine; gives the programs that had a secret in theirs."""
    seen: set[str] = set()
    done = threading.Event()
    wanted = [secret.encode() for secret in secrets]

    def watch() -> None:
        while not done.wait(0.1):
            for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    arguments = process.read_bytes()
                    if any(secret in arguments for secret in wanted):
                        seen.add(arguments.split(b"\0")[0].decode())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def at_terminal(words: Sequence[str], home: pathlib.Path, typed: Sequence[str]) -> tuple[int, str]:
    """Run a program at a terminal and type a line at each question for a key; gives its code and all it showed."""
    ours, theirs = pty.openpty()
    lines, output = list(typed), b""
    program = subprocess.Popen(
        [sys.executable, "-c", AT_TERMINAL, *words],
        cwd=ROOT,
        env=environment(home),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    asked = 0
    with suppress(OSError):  # the end of the terminal
        while some := os.read(ours, 65536):
            output += some
            if output.count(b"not shown") > asked and lines:
                asked += 1
                time.sleep(0.2)  # what is typed before the question is thrown away
                os.write(ours, lines.pop(0).encode() + b"\r")
    os.close(ours)
    return program.wait(60), output.decode("utf-8", "replace")


def leaks(home: pathlib.Path, output: str, secrets: Sequence[str]) -> list[str]:
    """Where a secret is: in the output, or in a file that the run left."""
    given = ("inventory.json", "alice", "bob")
    left = {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file() and path.name not in given}
    left["output"] = output.encode()
    return [name for name, body in left.items() for secret in secrets if secret.encode() in body]


def test_a_playbook_at_a_terminal_shows_no_key(tmp_path: pathlib.Path) -> None:
    with ExitStack() as servers:
        files, misfit, typed = (servers.enter_context(FakeVault(replicas=1, name=f"planted {n}")) for n in "abc")
        for name, keys in (("alice", files.keys[:1]), ("bob", files.keys[1:2])):
            (tmp_path / name).write_text("\n".join(keys))
            (tmp_path / name).chmod(0o600)
        secrets = [*files.keys, *misfit.keys, *typed.keys, WRONG]
        words = command(
            tmp_path,
            PLAY,
            planted=files.keys[4:],
            wrong=[*misfit.keys[:2], WRONG],
            key_files=[str(tmp_path / "alice"), str(tmp_path / "bob")],
            files=files.addresses,
            misfit=misfit.addresses,
            typed=typed.addresses,
        )
        lines = ["no key at all", typed.keys[0], typed.keys[0], *typed.keys[1:3]]
        with watched_arguments(secrets) as seen:
            code, output = at_terminal([*words, "-vvvv", "--diff"], tmp_path, lines)
        assert code == 0, output
        assert "What was typed is no unseal key" in output and "That key was typed before" in output
        assert f"{typed.addresses[0]} is sealed, 0 of 3 keys are given." in output
        assert re.search(r"-.*: sealed\s", output) and re.search(r"\+.*: unsealed\s", output)
        assert [len(one.writes()) for one in (files, misfit, typed)] == [3] * 3
    assert "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" in output
    assert (tmp_path / "ansible.log").stat().st_size > 1000
    assert seen == set()
    assert leaks(tmp_path, output, [*secrets, "no key at all"]) == []


def test_without_a_terminal_it_does_not_wait_for_anybody(tmp_path: pathlib.Path) -> None:
    task = "arcodange.erp.vault_unseal: {vault_addresses: '{{ at }}', prompt: true}"
    play = f"[{{hosts: here, gather_facts: false, tasks: [{{{task}}}]}}]"
    with FakeVault(replicas=1) as vault:
        done = subprocess.run(
            command(tmp_path, play, at=vault.addresses),
            cwd=ROOT,
            env=environment(tmp_path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    output = done.stdout + done.stderr
    assert done.returncode == 2 and "Traceback" not in output, output
    assert "There is no terminal to ask for unseal keys on: run this from one, or set keys or key_files." in output
    assert vault.writes() == []


def test_the_module_in_check_mode_sends_questions_alone(tmp_path: pathlib.Path) -> None:
    with FakeVault() as vault:
        vault.refuse_writes = True
        options = {"vault_addresses": vault.addresses, "keys": vault.keys[:3]}
        said = json.dumps({"ANSIBLE_MODULE_ARGS": {**options, "_ansible_check_mode": True, "_ansible_diff": True}})
        ended = run_module(said, MODULE, no_proxy="*")
        assert (ended.result["changed"], ended.result["outcome"], vault.writes()) == (True, "done", [])
        assert ended.result["diff"]["after"] == dict.fromkeys(vault.addresses, "unsealed")
        said = json.dumps({"ANSIBLE_MODULE_ARGS": options})
        refused = run_module(said, MODULE, no_proxy="*")
    assert refused.result["msg"].startswith(f"{vault.addresses[0]} did not take number 1 of keys (HTTP 403, permission")
    assert (refused.result["failed"], refused.result["changed"]) == (True, False)
    assert not [key for key in vault.keys if key in ended.output + refused.output]


SEALED = [{"address": "https://vault.example.com", "threshold": 3, "progress": 1}]


def typing(monkeypatch: pytest.MonkeyPatch, *lines: bytes | Exception) -> list[str]:
    """Have these lines typed; gives what is shown meanwhile."""
    waiting, shown = list(lines), []

    def prompt_until(text: str, private: bool) -> bytes:
        assert private
        shown.append(text)
        line = waiting.pop(0)
        if isinstance(line, Exception):
            raise line
        return line

    monkeypatch.setattr(action.display, "prompt_until", prompt_until)
    monkeypatch.setattr(action.display, "display", shown.append)
    return shown


def test_an_empty_line_ends_the_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = typing(monkeypatch, share("a").encode(), b"\xff\xfe", b"")
    assert action.ask(SEALED) == [share("a")]
    assert shown[0] == "https://vault.example.com is sealed, 1 of 3 keys are given."
    assert [line.partition(",")[0] for line in shown[1:]] == [
        "Unseal key 1 of 3",
        "Unseal key 2 of 3",
        "What was typed is no unseal key: give it as Vault printed it",
        "Unseal key 2 of 3",
    ]
    assert share("a") not in str(shown)


def test_a_key_typed_twice_counts_once_however_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    again = base64.b64decode(share("a")).hex()
    shown = typing(monkeypatch, share("a").encode(), again.encode(), b"")
    assert action.ask(SEALED) == [share("a")]
    assert "That key was typed before: type another one." in shown


@pytest.mark.parametrize(
    ("line", "words"), [(b"", "No unseal key was typed"), (AnsiblePromptInterrupt("^C"), "Interrupted while asking")]
)
def test_nothing_typed_is_a_sentence(line: bytes | Exception, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    typing(monkeypatch, line)
    with pytest.raises(AnsibleActionFail, match=words):
        action.ask(SEALED)
