# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a replica's answers mean, and what an unseal key looks like."""

from __future__ import annotations

import base64
import pathlib
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.vault.client import VaultOptions
from ansible_collections.arcodange.erp.plugins.module_utils.vault.keys import Key, read_key, read_keys
from ansible_collections.arcodange.erp.plugins.module_utils.vault.replica import assess, trouble
from ansible_collections.arcodange.erp.plugins.module_utils.vault.unseal import misfit, proven_wrong
from tests.support.vault import share

A = "https://vault-0.example.com:8200"
SEAL: dict[str, Any] = {
    "type": "shamir",
    "initialized": True,
    "sealed": False,
    "t": 3,
    "n": 5,
    "progress": 0,
    "nonce": "",
    "version": "1.21.1",
    "migration": False,
    "recovery_seal": False,
}
SEALED = {**SEAL, "sealed": True, "progress": 2, "nonce": "ef05d55d-4d2c-c594-a5e8-55bc88604c24"}
LED = {"ha_enabled": True, "leader_address": "https://vault-1.example.com:8200", "active_time": "0001-01-01T00:00:00Z"}
LEADERLESS = {**LED, "leader_address": ""}
ALONE = {"ha_enabled": False, "is_self": False, "leader_address": ""}


@pytest.mark.parametrize(
    ("seal", "health", "leader", "state", "ready", "words"),
    [
        (SEAL, {"standby": False}, LED, "active", True, None),
        (SEAL, {"standby": False}, ALONE, "active", True, None),
        (SEAL, {"standby": True}, LED, "standby", True, None),
        (SEAL, {"standby": True}, LEADERLESS, "standby", False, "stands by and knows no active replica"),
        (SEAL, {"standby": True, "performance_standby": True}, LED, "performance_standby", True, None),
        (SEAL, {"standby": False, "replication_dr_mode": "secondary"}, LED, "dr_secondary", True, None),
        (SEAL, {"standby": True, "removed_from_cluster": True}, LED, "removed", False, "was removed from its cluster"),
        (SEALED, {}, {}, "sealed", False, "is sealed, 2 of 3 keys are given: run this with the others."),
        ({**SEALED, "progress": 0}, {}, {}, "sealed", False, "0 of 3 keys are given: run this with 3 keys."),
        ({**SEALED, "type": "awskms"}, {}, {}, "sealed", False, "unseals itself (awskms) and is sealed"),
        ({**SEALED, "recovery_seal": True}, {}, {}, "sealed", False, "unseals itself"),
        ({**SEALED, "migration": True}, {}, {}, "sealed", False, "-migrate"),
        ({**SEALED, "initialized": False, "t": 0, "n": 0}, {}, {}, "uninitialized", False, "vault operator init"),
        # as of version 0.9, without type and initialized
        ({"sealed": True, "t": 3, "n": 5, "progress": 0}, {}, {}, "sealed", False, "is sealed, 0 of 3"),
    ],
)
def test_states(
    seal: dict[str, Any], health: dict[str, Any], leader: dict[str, Any], state: str, ready: bool, words: str | None
) -> None:
    replica = assess(A, seal, health, leader)
    assert (replica.state, replica.ready) == (state, ready)
    said = trouble(replica)
    assert said is None if words is None else said and words in said and said.startswith(A)


@pytest.mark.parametrize(
    ("said", "since"),
    [
        ("2026-11-21T03:12:07.439409062Z", "2026-11-21T03:12:07Z"),
        ("2026-11-21T04:12:07+01:00", "2026-11-21T03:12:07Z"),
        ("2009-11-10 23:00:00 +0000 UTC", "2009-11-10T23:00:00Z"),
        ("0001-01-01T00:00:00Z", None),
        (None, None),
    ],
)
def test_since_when_it_is_active(said: str | None, since: str | None) -> None:
    assert assess(A, SEAL, {}, {**LED, "active_time": said}).active_since == since


def test_a_key_is_the_same_in_base64_and_in_hex() -> None:
    text = share("one")
    key = read_key("here", f"  {text}\n")
    assert key == read_key("there", base64.b64decode(text).hex())
    assert text not in repr(key) and base64.b64decode(text) not in repr(key).encode()
    assert [one.source for one in read_keys([text, share("two"), text], ())] == ["number 1 of keys", "number 2 of keys"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no unseal key"),
        ("correct horse", "is no unseal key"),
        ("c2hvcnQ=", "is no unseal key"),
        (base64.b64encode(b"x" * 300).decode(), "decrypted if it was made for PGP"),
        ("caf\u00e9" * 12, "is no unseal key"),
    ],
)
def test_what_is_no_key_is_said_without_it(text: str, words: str) -> None:
    with pytest.raises(ErpError) as caught:
        read_keys([share("one"), text], ())
    assert str(caught.value).startswith("number 2 of keys ") and words in str(caught.value)
    assert not text or text not in str(caught.value)


def test_files_hold_one_key_a_line_and_are_private(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "alice"
    file.write_text(f"\n{share('one')}\n\n{share('two')}\n")
    file.chmod(0o600)
    assert [key.source for key in read_keys([share("one")], [str(file)])] == ["number 1 of keys", f"{file} line 4"]
    file.chmod(0o640)
    with pytest.raises(ErpError, match=r"alice has mode 0640, so that others may read it: chmod 600 it"):
        read_keys((), [str(file)])
    with pytest.raises(ErpError, match=r"bob cannot be read \(No such file or directory\): check its path\.$"):
        read_keys((), [str(tmp_path / "bob")])
    file.write_text("\n")
    file.chmod(0o600)
    with pytest.raises(ErpError, match=r"alice is empty: write one unseal key a line\.$"):
        read_keys((), [str(file)])
    file.write_bytes(b"\xff" * 40)
    with pytest.raises(ErpError, match=r"alice cannot be read \(it is not text\)"):
        read_keys((), [str(file)])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"addresses": []}, "vault_addresses is empty"),
        ({"addresses": [A, "vault-1:8200"]}, "Number 2 of vault_addresses is not a plain address"),
        ({"addresses": ["https://me:secret@vault.example.com"]}, "Number 1 of vault_addresses"),
        ({"addresses": ["https://vault.example.com/ui"]}, "Number 1 of vault_addresses"),
        ({"addresses": [A], "timeout": 0}, "vault_timeout is 0"),
        ({"addresses": [A], "wait_timeout": -1}, "wait_timeout is -1"),
        ({"addresses": [A], "ca_bundle": "/nowhere.pem"}, "vault_ca_bundle /nowhere.pem cannot be read"),
    ],
)
def test_options_that_cannot_be_used(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ErpError) as caught:
        VaultOptions(**options).bases()
    assert words in str(caught.value) and "secret" not in str(caught.value)


def test_addresses_are_taken_once_and_without_a_slash() -> None:
    addresses = [f"{A}/", A, "http://vault.example.com:8200", "http://127.0.0.1:8200"]
    assert VaultOptions(addresses).bases() == [A, *addresses[2:]]
    assert VaultOptions(addresses).unprotected() == ["http://vault.example.com:8200"]


K = {name: Key(name, share(name), share(name).encode()) for name in "abcde"}


@pytest.mark.parametrize(
    ("failed", "fitting", "wrong"),
    [
        (["abc"], "abd", "c"),
        (["abc", "abd", "acd"], "bcd", "a"),
        # e is in failed sets only beside a, which explains them
        (["abc", "abd", "abe", "acd", "ace", "ade"], "bcd", "a"),
        (["abc", "abd", "abe", "acd", "ace"], "ade", "bc"),
        ([], "abc", ""),
    ],
)
def test_a_key_is_called_wrong_only_when_nothing_else_explains_it(failed: list[str], fitting: str, wrong: str) -> None:
    sets = [[K[name] for name in names] for names in failed]
    assert "".join(key.source for key in proven_wrong(sets, [K[name] for name in fitting])) == wrong


def test_sentences_on_keys_that_do_not_fit() -> None:
    replica = assess(A, SEALED, {}, {})
    assert misfit(replica, [K["a"]]).endswith(": give 3 keys that belong together.")
    assert "a, b, c do not fit together" in misfit(replica, [K[name] for name in "abc"])
    assert "no 3 of a, b, c, d fit together" in misfit(replica, [K[name] for name in "abcd"])
    single = assess(A, {**SEALED, "t": 1}, {}, {})
    assert "a is not its key" in misfit(single, [K["a"]])
