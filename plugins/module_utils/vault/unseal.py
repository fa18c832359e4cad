# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unsealing: give the keys to each replica, stop at the threshold, wait until all serve.

Vault says only at the threshold whether keys fit, and forgets them then. With more keys than the threshold, other sets
of them are tried, so that one wrong key does not keep it sealed and can be named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC
from itertools import combinations, islice
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.clock import Clock
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.vault.client import (
    NoAnswer,
    Server,
    VaultOptions,
    WrongKeys,
)
from ansible_collections.arcodange.erp.plugins.module_utils.vault.keys import Key
from ansible_collections.arcodange.erp.plugins.module_utils.vault.replica import (
    ACTIVE,
    PERFORMANCE_STANDBY,
    SEALED,
    STANDBY,
    UNREACHABLE,
    Replica,
    trouble,
)

MOST_SETS = 100  # of keys, tried on one replica; more than three of seven or four of eight make
PERIOD = 1.0  # seconds between two looks while waiting


@dataclass
class Given:
    """What giving keys to one replica came to."""

    keys: Sequence[Key]  # those that fit first, for the next replica
    counted: int = 0  # keys that moved it on
    wrong: Sequence[Key] = ()  # proven not to be keys of this replica
    unsealed_at: str | None = None  # just before the last key: what is newer was made after it
    opened: bool = False  # it said so; one that joins a cluster takes all keys and is unsealed a little later


@dataclass
class Run:
    """One run over all replicas."""

    options: VaultOptions
    servers: list[Server]
    before: list[Replica]
    after: list[Replica]
    keys: Sequence[Key] = ()  # none when it only looks
    given: dict[str, Given] = field(default_factory=dict)
    findings: list[dict[str, str]] = field(default_factory=list)

    def look(self) -> None:
        """Ask all of them again: one that served may be sealed by now."""
        self.after = [server.seen() for server in self.servers]

    def took_all(self, replica: Replica) -> bool:
        """Whether this run gave the replica every key it asked for."""
        given = self.given.get(replica.address)
        return given is not None and given.unsealed_at is not None

    def find(self, severity: str, address: str, message: str) -> None:
        """Note something for a person."""
        self.findings.append({"severity": severity, "address": address, "message": message})


def run_unseal(
    options: VaultOptions, keys: Sequence[Key], check_mode: bool, clock: Clock | None = None
) -> dict[str, Any]:
    """Unseal with ``keys``, or only look when there are none and in check mode; gives the result of the module."""
    clock = clock or Clock()
    servers = [Server(base, options) for base in options.bases()]
    before = [server.seen() for server in servers]
    if check_mode:
        return _result(Run(options, servers, before, list(before)), [_would_be(one, len(keys)) for one in before])
    run = Run(options, servers, before, list(before), keys)
    if keys:
        _unseal_all(run, clock)
        _wait(run, clock)
    return _result(run, run.after)


def _unseal_all(run: Run, clock: Clock) -> None:
    """Give the keys to each sealed replica; one that stops answering does not keep the others sealed."""
    keys = run.keys
    for server, before in zip(run.servers, run.before, strict=True):
        if not before.takes_keys:
            continue
        given = run.given[server.address] = Given(keys)
        try:
            unseal_replica(server, before, given, clock)
        except NoAnswer:
            continue  # the look afterwards says what became of it
        except ErpError as error:
            run.look()
            run.find("error", server.address, str(error))
            raise ErpError(f"{error}{_done(run)}", **_facts(run, run.after)) from None
        keys = given.keys
        for key in given.wrong:
            run.find("warning", server.address, f"{key.source} is no unseal key of {server.address}: correct it.")
    run.look()


def unseal_replica(server: Server, before: Replica, given: Given, clock: Clock) -> None:
    """Give keys until the threshold; after a set that does not fit, other sets of our own."""
    keys, threshold = tuple(given.keys), before.threshold or 1
    failed: list[tuple[Key, ...]] = []
    mixed = bool(before.progress)  # keys that others gave are in it
    first = None if mixed else keys[:threshold]
    try:
        _give(server, before, keys, given, clock)
        return
    except WrongKeys:
        _forget(server, given)
    if first:
        failed.append(first)
    for chosen in islice(combinations(keys, threshold), MOST_SETS):
        if chosen == first:
            continue
        try:
            _give(server, replace(before, progress=0), chosen, given, clock)
        except WrongKeys:
            _forget(server, given)
            failed.append(chosen)
            continue
        given.keys = [*chosen, *(key for key in keys if key not in chosen)]
        given.wrong = proven_wrong(failed, chosen)
        return
    raise WrongKeys(misfit(before, keys))


def proven_wrong(failed: Sequence[Sequence[Key]], fitting: Sequence[Key]) -> list[Key]:
    """The keys that alone can be why a set failed: all others of that set are known to fit."""
    strangers = [[key for key in chosen if key not in fitting] for chosen in failed]
    return list(dict.fromkeys(keys[0] for keys in strangers if len(keys) == 1))


def misfit(before: Replica, keys: Sequence[Key]) -> str:
    """The sentence about keys of which no set fits."""
    names = ", ".join(key.source for key in keys)
    threshold = before.threshold or 1
    if len(keys) < threshold:
        return (
            f"{before.address} did not accept {names} with the {before.progress} of {threshold} keys that were given "
            f"before and forgot them all: give {threshold} keys that belong together."
        )
    if len(keys) == threshold:
        several = "is not its key" if threshold == 1 else "do not fit together, at least one is wrong"
        return (
            f"{before.address} is still sealed and was reset, {names} {several}: give the right "
            "ones, or one more key, and the wrong one will be named."
        )
    return (
        f"{before.address} is still sealed and was reset, no {threshold} of {names} fit together: give the right keys."
    )


def _give(server: Server, before: Replica, keys: Sequence[Key], given: Given, clock: Clock) -> None:
    """Give keys one by one until the replica needs no more."""
    now = before
    for key in keys:
        instant = clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            after = server.submit(key)
        except NoAnswer:
            # Lost on the way there or back: a key that had arrived does not count twice.
            after = server.look()
            if after.seal == now.seal:
                after = server.submit(key)
        moved = after.seal != now.seal
        given.counted += moved
        now = after
        if moved and not now.progress:
            given.unsealed_at, given.opened = instant, not now.sealed
            return


def _forget(server: Server, given: Given) -> None:
    """Leave no key of a set that does not fit behind; Vault forgets them itself at the threshold."""
    given.counted = 0
    if server.look().progress:
        server.reset()


def _wait(run: Run, clock: Clock) -> None:
    """Wait until every replica serves that can do so without a person."""
    deadline = clock.monotonic() + run.options.wait_timeout
    while any(_may_come(run, one) for one in run.after) and clock.monotonic() < deadline:
        clock.sleep(PERIOD)
        run.look()


def _may_come(run: Run, replica: Replica) -> bool:
    """Whether waiting may help: it elects, unseals itself, is joining, or stopped answering after it took keys."""
    if replica.state == SEALED:
        return bool(replica.auto_unseal) or run.took_all(replica) and not run.given[replica.address].opened
    if replica.state == UNREACHABLE:
        return replica.address in run.given
    return replica.state in (STANDBY, PERFORMANCE_STANDBY) and not replica.ready


def _would_be(replica: Replica, keys: int) -> Replica:
    """The replica after a run with so many keys, all of which fit and are new."""
    if not (keys and replica.takes_keys):
        return replica
    threshold = replica.threshold or 1
    progress = min((replica.progress or 0) + keys, threshold)
    if progress < threshold:
        return replace(replica, progress=progress, message=f"would be given {keys} keys")
    message = f"would be given {threshold - (replica.progress or 0)} keys and unsealed"
    return replace(replica, state=ACTIVE, sealed=False, progress=0, message=message)


def _result(run: Run, end: Sequence[Replica]) -> dict[str, Any]:
    """The facts of a run that ends so, or the failure that they are."""
    failures = []
    for replica in end:
        if sentence := _sentence(run, replica):
            run.find("error", replica.address, sentence)
            if _failed(run, replica):
                failures.append(sentence)
    facts = _facts(run, end)
    if run.given and (clear := run.options.unprotected()):
        facts["warnings"] = [f"Unseal keys went to {', '.join(clear)} without TLS: anybody on the way could read them."]
    if failures:
        raise ErpError(" ".join(failures) + _done(run), **facts)
    return facts


def _sentence(run: Run, replica: Replica) -> str | None:
    if replica.state == SEALED and run.took_all(replica):
        if run.given[replica.address].opened:
            return f"{replica.address} was unsealed and is sealed again: look at its log, and run this again."
        return (
            f"{replica.address} took the keys and is still sealed after {run.options.wait_timeout:g} s: look at its "
            "log, or give a higher wait_timeout."
        )
    if replica.state in (STANDBY, PERFORMANCE_STANDBY) and run.keys and not replica.ready:
        return (
            f"{replica.address} stands by and no replica became active within {run.options.wait_timeout:g} s: look at "
            "its log, or give a higher wait_timeout."
        )
    return trouble(replica)


def _failed(run: Run, replica: Replica) -> bool:
    """Whether trouble is a failure: it cannot be read, or enough keys were given and it does not serve all the same."""
    if not run.keys:
        return replica.state == UNREACHABLE
    return not replica.takes_keys or len(run.keys) >= (replica.threshold or 1)


def _done(run: Run) -> str:
    """Which replicas this run unsealed, for a failure that tells of another one."""
    done = [one.address for one in run.after if run.took_all(one) and one.sealed is False]
    return f" Unsealed: {', '.join(done)}." if done else ""


def _facts(run: Run, end: Sequence[Replica]) -> dict[str, Any]:
    """The result of the module; ``end`` is what is foreseen in check mode."""
    pairs = zip(run.before, end, strict=True)
    moved = any(one.takes_keys and then.state != UNREACHABLE and one.seal != then.seal for one, then in pairs)
    changed = moved or any(given.counted for given in run.given.values())
    rows = [_row(run, now, then) for now, then in zip(run.after, end, strict=True)]
    return {
        "changed": changed,
        "outcome": "findings" if run.findings else "done" if changed else "unchanged",
        "unsealed": all(one.ready for one in run.after),
        "unsealed_at": max(filter(None, (row["unsealed_at"] for row in rows)), default=None),
        "replicas": rows,
        "findings": run.findings,
        "diff": {
            "before": {one.address: one.seal for one in run.before},
            "after": {one.address: one.seal for one in end},
        },
    }


def _row(run: Run, now: Replica, end: Replica) -> dict[str, Any]:
    given = run.given.get(now.address)
    return {
        **asdict(now),
        "message": end.message,
        "keys_given": given.counted if given else 0,
        "unsealed_at": given.unsealed_at if given and now.sealed is False else None,
    }
