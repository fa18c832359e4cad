# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unsealing three replicas over HTTP: every way it ends, and what is left behind."""

from __future__ import annotations

import pathlib
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.vault import client
from ansible_collections.arcodange.erp.plugins.module_utils.vault.client import VaultOptions
from ansible_collections.arcodange.erp.plugins.module_utils.vault.keys import read_keys
from ansible_collections.arcodange.erp.plugins.module_utils.vault.unseal import run_unseal
from tests.support.certificates import self_signed
from tests.support.vault import OLD_VAULT, OPENBAO, VAULT, FakeVault, Kind, Request, share
from tests.vault.conftest import Hands

Unseal = Callable[..., dict[str, Any]]
WRONG = share("of another cluster")


def states(result: dict[str, Any]) -> list[str]:
    return [replica["state"] for replica in result["replicas"]]


def sentences(result: dict[str, Any]) -> list[str]:
    return [finding["message"] for finding in result["findings"]]


def test_three_replicas_with_three_of_five_keys(vault: FakeVault, unseal: Unseal, hands: Hands) -> None:
    result = unseal(vault.keys)
    assert (result["outcome"], result["changed"], result["unsealed"]) == ("done", True, True)
    assert states(result) == ["active", "standby", "standby"]
    assert [replica["keys_given"] for replica in result["replicas"]] == [3, 3, 3]
    first = result["replicas"][0]
    assert (first["version"], first["cluster_name"], first["threshold"]) == ("1.21.1", "vault-cluster-planted", 3)
    assert (first["active_since"], first["leader_address"]) == ("2026-11-21T03:12:07Z", vault.addresses[0])
    assert result["unsealed_at"] == first["unsealed_at"] == "2026-11-21T03:12:00Z"
    assert result["diff"]["before"] == dict.fromkeys(vault.addresses, "sealed")
    assert result["diff"]["after"] == dict.fromkeys(vault.addresses, "unsealed")
    assert len(vault.writes()) == 9 and hands.passed == 0
    assert not any("token" in name.lower() for request in vault.requests for name in request.headers)
    again = unseal(vault.keys)
    assert (again["outcome"], again["changed"], again["unsealed_at"]) == ("unchanged", False, None)
    assert again["diff"]["before"] == again["diff"]["after"] and len(vault.writes()) == 9


@pytest.mark.parametrize("kind", [VAULT, OPENBAO, OLD_VAULT])
@pytest.mark.parametrize("ha", [True, False])
def test_kinds_of_server(kind: Kind, ha: bool, hands: Hands) -> None:
    with FakeVault(kind=kind, ha=ha, replicas=1) as vault:
        options = VaultOptions(vault.addresses)
        with pytest.raises(ErpError, match="number 1 of keys, number 2 of keys, number 3 of keys do not fit together"):
            run_unseal(options, read_keys([vault.keys[0], WRONG, vault.keys[1]], ()), False, hands.clock)
        result = run_unseal(options, read_keys(vault.keys[:3], ()), False, hands.clock)
        (replica,) = result["replicas"]
        assert (replica["state"], replica["version"], replica["ha_enabled"]) == ("active", kind.version, ha)
        assert result["outcome"] == "done"


def test_without_keys_it_only_looks(vault: FakeVault, unseal: Unseal) -> None:
    vault.refuse_writes = True
    vault.open(1)
    result = unseal()
    assert (result["outcome"], result["changed"], result["unsealed"]) == ("findings", False, False)
    assert states(result) == ["sealed", "active", "sealed"]
    assert len(sentences(result)) == 2 and "0 of 3 keys are given: run this with 3 keys." in sentences(result)[0]
    assert vault.writes() == []
    vault.open()
    assert (unseal()["outcome"], unseal()["unsealed"]) == ("unchanged", True)


def test_check_mode_says_what_would_be_given(vault: FakeVault, unseal: Unseal) -> None:
    vault.open(0)
    vault.give(1, vault.keys[4])
    before = len(vault.requests)
    vault.refuse_writes = True
    result = unseal(vault.keys[:3], check_mode=True)
    assert (result["outcome"], result["changed"], result["unsealed"]) == ("done", True, False)
    assert states(result) == ["active", "sealed", "sealed"]
    assert [replica["message"] for replica in result["replicas"]] == [
        None,
        "would be given 2 keys and unsealed",
        "would be given 3 keys and unsealed",
    ]
    assert result["diff"]["before"][vault.addresses[1]] == "sealed, 1 of 3 keys given"
    assert set(result["diff"]["after"].values()) == {"unsealed"}
    few = unseal(vault.keys[:1], check_mode=True)
    assert (few["outcome"], few["changed"]) == ("findings", True)
    assert few["diff"]["after"][vault.addresses[1]] == "sealed, 2 of 3 keys given"
    assert {request.verb for request in vault.requests[before:]} == {"GET"}


def test_fewer_keys_are_given_for_others_to_go_on(vault: FakeVault, unseal: Unseal) -> None:
    result = unseal(vault.keys[:1])
    assert (result["outcome"], result["changed"], result["unsealed"]) == ("findings", True, False)
    assert [replica["progress"] for replica in result["replicas"]] == [1, 1, 1]
    again = unseal(vault.keys[:1])
    assert (again["outcome"], again["changed"]) == ("findings", False)
    assert [replica["keys_given"] for replica in again["replicas"]] == [0, 0, 0]
    last = unseal(vault.keys[:3])
    assert (last["outcome"], last["unsealed"]) == ("done", True)
    assert [replica["keys_given"] for replica in last["replicas"]] == [2, 2, 2]


def test_a_half_done_unsealing_is_gone_on_with(vault: FakeVault, unseal: Unseal) -> None:
    vault.give(0, *vault.keys[3:])
    vault.open(1, 2)
    assert unseal(vault.keys[:1])["unsealed"]
    assert len(vault.writes()) == 1


def test_a_wrong_key_of_others_is_forgotten(vault: FakeVault, unseal: Unseal) -> None:
    vault.give(0, WRONG)
    result = unseal(vault.keys[:3])
    assert (result["outcome"], result["unsealed"], result["findings"]) == ("done", True, [])
    assert [len(vault.writes(number)) for number in range(3)] == [5, 3, 3]


def test_a_wrong_key_of_others_with_too_few_of_ours(vault: FakeVault, unseal: Unseal) -> None:
    vault.give(0, WRONG)
    with pytest.raises(ErpError) as caught:
        unseal(vault.keys[:2])
    assert "with the 1 of 3 keys that were given before and forgot them all: give 3 keys" in str(caught.value)
    assert caught.value.facts["changed"] and vault.replicas[0].parts == []


def test_a_wrong_key_is_named_when_there_is_one_more(vault: FakeVault, unseal: Unseal) -> None:
    result = unseal([vault.keys[0], WRONG, *vault.keys[2:4]])
    assert (result["outcome"], result["changed"], result["unsealed"]) == ("findings", True, True)
    assert sentences(result) == [f"number 2 of keys is no unseal key of {vault.addresses[0]}: correct it."]
    # The set that fits comes first on the next replicas.
    assert [len(vault.writes(number)) for number in range(1, 3)] == [3, 3]
    assert WRONG not in str(result)


def test_wrong_keys_stop_the_run_and_leave_nothing(vault: FakeVault, unseal: Unseal) -> None:
    with pytest.raises(ErpError) as caught:
        unseal([*vault.keys[:2], WRONG])
    said = str(caught.value)
    assert said == (
        f"{vault.addresses[0]} is still sealed and was reset, number 1 of keys, number 2 of keys, number 3 of keys do not "
        "fit together, at least one is wrong: give the right ones, or one more key, and the wrong one will be named."
    )
    assert caught.value.facts["changed"] is False and caught.value.facts["outcome"] == "findings"
    assert all(replica.parts == [] and replica.sealed for replica in vault.replicas)
    assert vault.writes(1) == vault.writes(2) == []
    with pytest.raises(ErpError, match=r"no 3 of number 1 of keys, .*number 4 of keys fit together"):
        unseal([*vault.keys[:2], WRONG, share("another wrong one")])


def test_a_server_that_keeps_a_wrong_set_is_reset(vault: FakeVault, unseal: Unseal) -> None:
    def keeps(request: Request) -> tuple[int, Any] | None:
        if request.fields == ("key", "migrate") and len(vault.writes()) == 3:
            return 500, {"errors": [VAULT.misfit]}
        return None

    vault.before = keeps
    with pytest.raises(ErpError, match="was reset"):
        unseal([*vault.keys[:2], WRONG])
    assert vault.writes()[-1].fields == ("migrate", "reset") and vault.replicas[0].parts == []


def test_one_key_that_is_wrong(hands: Hands) -> None:
    with FakeVault(threshold=1, shares=1, replicas=1) as vault:
        with pytest.raises(ErpError, match="number 1 of keys is not its key"):
            run_unseal(VaultOptions(vault.addresses), read_keys([WRONG], ()), False, hands.clock)
        assert run_unseal(VaultOptions(vault.addresses), read_keys([vault.keys[0]], ()), False, hands.clock)["unsealed"]


def test_waits_for_an_election(vault: FakeVault, unseal: Unseal, hands: Hands) -> None:
    vault.election = 20
    assert states(unseal(vault.keys)).count("active") == 1
    assert 1 <= hands.passed < 10
    vault.seal(0)
    vault.active, vault.election = None, 10**6
    with pytest.raises(ErpError, match=r"no replica became active within 5 s: look at its log"):
        unseal(vault.keys, wait_timeout=5)
    assert hands.passed < 20


def test_a_replica_that_joins_unseals_a_little_later(vault: FakeVault, unseal: Unseal, hands: Hands) -> None:
    vault.replicas[2].joining = 4
    assert unseal(vault.keys)["unsealed"] and hands.passed >= 1
    assert [len(vault.writes(number)) for number in range(3)] == [3, 3, 3]
    vault.seal(2)
    vault.replicas[2].joining = 10**6
    with pytest.raises(ErpError, match=r"took the keys and is still sealed after 3 s: look at its log"):
        unseal(vault.keys, wait_timeout=3)


def test_one_that_unseals_itself_is_waited_for(vault: FakeVault, unseal: Unseal, hands: Hands) -> None:
    for replica in vault.replicas:
        replica.seal_type = "awskms"
    assert "unseals itself (awskms) and is sealed" in sentences(unseal())[0]
    hands.meanwhile = vault.open
    result = unseal(vault.keys)
    assert (result["outcome"], result["changed"], result["unsealed"]) == ("unchanged", False, True)
    assert all(replica["auto_unseal"] for replica in result["replicas"]) and vault.writes() == []
    vault.seal(1)
    hands.meanwhile = lambda: None
    with pytest.raises(ErpError, match="unseal keys do not help"):
        unseal(vault.keys, wait_timeout=2)
    assert vault.writes() == []


def test_an_unreachable_replica_does_not_keep_the_others_sealed(vault: FakeVault, unseal: Unseal) -> None:
    vault.stop(1)
    with pytest.raises(ErpError) as caught:
        unseal(vault.keys)
    done = f"{vault.addresses[0]}, {vault.addresses[2]}"
    assert str(caught.value).startswith(f"No answer from {vault.addresses[1]} (")
    assert str(caught.value).endswith(f"Unsealed: {done}.")
    facts = caught.value.facts
    assert [replica["state"] for replica in facts["replicas"]] == ["active", "unreachable", "standby"]
    assert (facts["changed"], facts["unsealed"]) == (True, False)
    with pytest.raises(ErpError, match="No answer from"):
        unseal()


def test_an_uninitialised_replica_is_a_sentence(vault: FakeVault, unseal: Unseal) -> None:
    vault.replicas[1].initialized = False
    assert "vault operator init" in sentences(unseal())[1]
    with pytest.raises(ErpError, match=r"is not initialised.*Unsealed: "):
        unseal(vault.keys)
    assert vault.writes(1) == []


def test_a_seal_that_moves_is_left_alone(vault: FakeVault, unseal: Unseal) -> None:
    vault.replicas[0].migration = True
    with pytest.raises(ErpError, match="vault operator unseal -migrate"):
        unseal(vault.keys)
    assert vault.writes(0) == []


def test_sealed_in_the_middle(vault: FakeVault, unseal: Unseal, hands: Hands) -> None:
    """The first one is sealed again while the third one is unsealed: it is not called unsealed."""

    def again(request: Request) -> None:
        if request.replica == 2 and request.verb == "PUT":
            vault.seal(0)

    vault.before = again
    with pytest.raises(ErpError) as caught:
        unseal(vault.keys)
    assert hands.passed == 0
    assert f"{vault.addresses[0]} was unsealed and is sealed again: look at its log" in str(caught.value)
    assert [one["state"] for one in caught.value.facts["replicas"]] == ["sealed", "active", "standby"]
    assert caught.value.facts["replicas"][0]["unsealed_at"] is None
    assert str(caught.value).endswith(f"Unsealed: {vault.addresses[1]}, {vault.addresses[2]}.")


def test_one_that_served_is_sealed_in_the_middle(vault: FakeVault, unseal: Unseal) -> None:
    vault.open(0)

    def seal(request: Request) -> None:
        if request.verb == "PUT" and len(vault.writes()) == 1:
            vault.seal(0)

    vault.before = seal
    with pytest.raises(ErpError, match=rf"{vault.addresses[0]} is sealed, 0 of 3 keys are given: run this with 3 keys"):
        unseal(vault.keys)


def test_reset_by_somebody_else_in_the_middle(vault: FakeVault, unseal: Unseal) -> None:
    def other(request: Request) -> None:
        if request.verb == "PUT" and len(vault.writes()) == 3:
            vault.unseal(0, {"reset": True})

    vault.before = other
    with pytest.raises(ErpError, match=r"is sealed, 1 of 3 keys are given: run this with the others"):
        unseal(vault.keys[:3])
    assert states(unseal(vault.keys[:3])) == ["standby", "active", "standby"]


def test_an_answer_that_is_lost_counts_once(vault: FakeVault, unseal: Unseal) -> None:
    vault.lose_answers = 4
    assert unseal(vault.keys)["unsealed"]
    assert [len(vault.writes(number)) for number in range(3)] == [3, 3, 3]


def test_a_request_that_is_lost_is_sent_again(vault: FakeVault, unseal: Unseal) -> None:
    lost: list[Request] = []

    def lose(request: Request) -> tuple[int, Any] | None:
        if request.verb == "PUT" and not lost:
            lost.append(request)
            return 0, None
        return None

    vault.before = lose
    assert unseal(vault.keys)["unsealed"]
    assert [len(vault.writes(number)) for number in range(3)] == [4, 3, 3]


@pytest.mark.parametrize(
    ("code", "body", "words"),
    [
        (502, b"<html>Bad Gateway</html>", r"answers with HTTP 502 \(no JSON\): check that the replica runs"),
        (500, {"errors": ["failed to fetch cluster details"]}, r"HTTP 500 \(failed to fetch cluster details\)"),
        (200, {"hello": "world"}, r"What answers at http.* is not Vault: check vault_addresses\."),
    ],
)
def test_what_is_not_vault(code: int, body: Any, words: str, vault: FakeVault, unseal: Unseal) -> None:
    vault.before = lambda request: (code, body)
    with pytest.raises(ErpError, match=words) as caught:
        unseal()
    assert [one["state"] for one in caught.value.facts["replicas"]] == ["unreachable"] * 3


def test_no_key_follows_a_redirect(vault: FakeVault, unseal: Unseal) -> None:
    def elsewhere(request: Request) -> tuple[int, Any] | None:
        if request.verb == "PUT" and request.replica == 0:
            return 307, {"location": f"{vault.addresses[1]}/v1/sys/unseal"}
        return None

    vault.before = elsewhere
    with pytest.raises(ErpError, match=r"did not take number 1 of keys \(HTTP 307\)"):
        unseal(vault.keys)
    assert vault.writes(1) == []


def test_what_refuses_the_keys_may_show_them_and_this_does_not(vault: FakeVault, unseal: Unseal) -> None:
    def refuse(request: Request) -> tuple[int, Any] | None:
        return (403, {"errors": [f"refused body with {vault.keys[0]}"]}) if request.verb == "PUT" else None

    vault.before = refuse
    with pytest.raises(ErpError) as caught:
        unseal(vault.keys)
    assert "did not take number 1 of keys (HTTP 403, refused body with ***)" in str(caught.value)
    assert vault.keys[0] not in str(caught.value.facts)


def test_a_replica_that_is_silent(vault: FakeVault, unseal: Unseal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ErpError, match=r"did not answer within 0\.2 s: look at its load"):
            unseal(vault.keys, addresses=[address, vault.addresses[0]], timeout=0.2)
    assert not vault.replicas[0].sealed


def test_a_certificate_of_an_authority_of_ones_own(tmp_path: pathlib.Path, hands: Hands) -> None:
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with FakeVault(replicas=1, tls=context) as vault:
        keys = read_keys(vault.keys, ())
        with pytest.raises(ErpError, match=r"was not accepted \(self-signed certificate\).*in vault_ca_bundle\.$"):
            run_unseal(VaultOptions(vault.addresses), keys, False, hands.clock)
        assert vault.requests == []
        assert run_unseal(VaultOptions(vault.addresses, str(certificate)), keys, False, hands.clock)["unsealed"]


def test_keys_without_tls_are_warned_of(vault: FakeVault, monkeypatch: pytest.MonkeyPatch, unseal: Unseal) -> None:
    assert "warnings" not in unseal(vault.keys)
    vault.seal(0)
    monkeypatch.setattr(client, "is_loopback", lambda base: False)
    (warning,) = unseal(vault.keys)["warnings"]
    assert warning.startswith(f"Unseal keys went to {vault.addresses[0]}, ") and "without TLS" in warning
    assert "warnings" not in unseal(vault.keys)
