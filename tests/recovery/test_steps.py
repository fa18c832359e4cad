# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of a recovery, on worlds made of nothing but judgements."""

from __future__ import annotations

import random

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.steps import (
    ATTEMPTS,
    END,
    FALSE,
    FOUNDATIONS,
    HOLD,
    NAMES,
    NOT_ASKED,
    OWN,
    PROBE,
    RESTORE,
    START,
    STOP,
    SYNC,
    TRUE,
    UNKNOWN,
    UNSAFE,
    UNSEAL,
    WAIT,
    Judgement,
    Service,
    Wish,
    decide,
    plan,
    read_step,
)

UP, CRASHING, DOWN = Service(True, True), Service(False, True), Service(False, False)
ALL = Wish()


def world(**states: str) -> dict[str, Judgement]:
    """Judgements, all true but those named, as state or state:action."""
    judged = {}
    for name in NAMES[:-1]:
        state, _colon, action = states.get(name, NOT_ASKED if name == "restore" else TRUE).partition(":")
        judged[name] = Judgement(state, f"{name} is {state}.", f"see {name}", action)
    return judged


@pytest.mark.parametrize(
    ("states", "service", "wish", "expected"),
    [
        ({}, UP, ALL, (END, "")),
        # One thing at a time, in order.
        ({"vault": FALSE, "secrets": FALSE, "erp": FALSE}, DOWN, ALL, (UNSEAL, "vault")),
        ({"secrets": FALSE, "erp": FALSE}, DOWN, ALL, (SYNC, "secrets")),
        ({"secrets": f"{UNKNOWN}:{PROBE}", "erp": FALSE}, DOWN, ALL, (PROBE, "secrets")),
        ({"database": FALSE, "erp": FALSE}, DOWN, ALL, (OWN, "database")),
        ({"restore": FALSE, "erp": FALSE}, DOWN, ALL, (RESTORE, "restore")),
        ({"erp": FALSE, "schedules": FALSE}, DOWN, ALL, (START, "erp")),
        ({"schedules": FALSE}, UP, ALL, (START, "schedules")),
        # What crashes is stopped before anything makes it start by itself; what serves is let be.
        ({"vault": FALSE}, CRASHING, ALL, (HOLD, "vault")),
        ({"vault": FALSE}, UP, ALL, (UNSEAL, "vault")),
        ({"secrets": FALSE}, UP, ALL, (WAIT, "secrets")),
        ({"erp": FALSE}, CRASHING, ALL, (WAIT, "erp")),
        # Unsafe data stops what runs, also what serves.
        ({"storage": UNSAFE}, UP, ALL, (HOLD, "storage")),
        ({"storage": UNSAFE}, DOWN, ALL, (WAIT, "storage")),
        # What nothing here can put right.
        ({"database": f"{FALSE}:{STOP}"}, DOWN, ALL, (STOP, "database")),
        ({"storage": f"{UNKNOWN}:{STOP}"}, DOWN, ALL, (STOP, "storage")),
        # A human in the loop.
        ({"vault": FALSE, "secrets": FALSE}, DOWN, Wish(last="vault"), (UNSEAL, "vault")),
        ({"secrets": FALSE}, DOWN, Wish(last="vault"), (END, "")),
        ({"secrets": FALSE, "erp": FALSE}, DOWN, Wish(first="erp"), (STOP, "secrets")),
        ({"storage": f"{UNKNOWN}:{STOP}", "erp": FALSE}, DOWN, Wish(first="vault"), (START, "erp")),
        ({"secrets": f"{UNKNOWN}:{PROBE}", "erp": FALSE}, DOWN, Wish(first="erp"), (PROBE, "secrets")),
        ({"storage": UNSAFE, "erp": FALSE}, DOWN, Wish(first="erp"), (WAIT, "storage")),
        # Somebody else stopped it.
        ({"erp": FALSE}, Service(False, False, "restore 1 by ada"), ALL, (STOP, "assess")),
        ({"erp": FALSE}, Service(False, False, "restore 1 by ada"), Wish(take_over=True), (START, "erp")),
        ({"erp": FALSE}, Service(False, False, "recover prod by ada"), ALL, (START, "erp")),
    ],
)
def test_what_is_next(states: dict[str, str], service: Service, wish: Wish, expected: tuple[str, str]) -> None:
    decision = decide(world(**states), service, wish, [])
    assert (decision.action, decision.step) == expected


@pytest.mark.parametrize(
    ("states", "service", "tried", "expected"),
    [
        ({"storage": UNSAFE}, DOWN, [("storage", HOLD), ("storage", WAIT)], (STOP, "storage")),
        ({"storage": FALSE}, DOWN, [("storage", WAIT)], (STOP, "storage")),
        ({"vault": FALSE}, DOWN, [("vault", UNSEAL)] * 3, (STOP, "vault")),
        ({"secrets": FALSE}, UP, [("secrets", WAIT)], (HOLD, "secrets")),
        ({"erp": FALSE}, CRASHING, [("erp", WAIT)], (HOLD, "erp")),
        ({"erp": FALSE}, DOWN, [("erp", WAIT), ("erp", HOLD)], (START, "erp")),
        ({"erp": FALSE}, DOWN, [("erp", START)] * 3, (STOP, "erp")),
        # What was done since makes volumes detach, which is waited for each time, but not for ever.
        ({"storage": FALSE}, DOWN, [("storage", WAIT), ("restore", RESTORE)], (WAIT, "storage")),
        ({"storage": FALSE}, DOWN, [("storage", WAIT), ("assess", WAIT)], (STOP, "storage")),
        # What a start does not put right is not started again.
        ({"erp": f"{FALSE}:{STOP}"}, UP, [], (STOP, "erp")),
        # A restore that fails leaves what was there, and that goes up.
        ({"restore": FALSE, "erp": FALSE}, DOWN, [("restore", RESTORE)] * 2, (START, "erp")),
    ],
)
def test_what_was_tried_is_not_tried_for_ever(
    states: dict[str, str], service: Service, tried: list[tuple[str, str]], expected: tuple[str, str]
) -> None:
    decision = decide(world(**states), service, ALL, tried, "It did not work.")
    assert (decision.action, decision.step) == expected
    if decision.action == STOP and decision.step == "vault":
        assert decision.message.endswith("Tried 3 times, the last time: It did not work.")


def test_any_world_ends_and_nothing_starts_on_what_is_not_true() -> None:
    """Random worlds in which any action may work or not, and anything may become untrue at any time."""
    chance = random.Random(20261121)
    for _round in range(3000):
        states = {
            name: chance.choice([TRUE, TRUE, FALSE, f"{UNKNOWN}:{PROBE}" if name in ("secrets", "database") else TRUE])
            for name in (*FOUNDATIONS, "erp", "schedules")
        }
        states["restore"] = chance.choice([NOT_ASKED, FALSE])
        states["storage"] = chance.choice([TRUE, TRUE, FALSE, UNSAFE])
        service = chance.choice([UP, CRASHING, DOWN])
        tried: list[tuple[str, str]] = []
        for _turn in range(60):
            judged = world(**states)
            decision = decide(judged, service, ALL, tried)
            if decision.action in (END, STOP):
                break
            if decision.action == START:
                assert not any(judged[name].is_open for name in FOUNDATIONS), (states, tried)
            if decision.action == HOLD:
                service = DOWN
            elif chance.random() < 0.7:
                states[decision.step] = TRUE
                service = UP if decision.action == START else service
            if chance.random() < 0.1:
                states[chance.choice(FOUNDATIONS)] = FALSE
            tried.append((decision.step, decision.action))
            assert decision.action == WAIT or tried.count(tried[-1]) <= ATTEMPTS[decision.action]
        else:
            raise AssertionError((states, tried))
        if decision.action == END:
            assert not any(judged[name].is_open for name in (*FOUNDATIONS, "erp", "schedules"))


@pytest.mark.parametrize(
    ("holder", "was"),
    [
        ("", False),
        ("restore of prod by ada@office at 2026-11-21T03:00:00Z", True),
        ("recover prod by ada@office at 2026-11-21T03:00:00Z", False),
        ("recover restore by restore@office at 2026-11-21T03:00:00Z", False),
        ("recover prod with restore latest by ada@office at 2026-11-21T03:00:00Z", True),
    ],
)
def test_who_may_have_left_a_restore_half_done(holder: str, was: bool) -> None:
    assert Service(False, False, holder).was_restoring is was


def test_steps_by_name_and_number() -> None:
    assert (read_step("vault", "from_step"), read_step("3", "from_step")) == ("vault", "vault")
    for word in ("0", "10", "seal", ""):
        with pytest.raises(ErpError, match="from_step is .* which is no step: give one of 1 assess, 2 storage"):
            read_step(word, "from_step")


def test_the_plan_names_every_step_and_what_would_be_done() -> None:
    lines = plan(world(vault=FALSE, secrets=FALSE, storage=UNSAFE), Wish(first="vault", last="erp"))
    assert [line["step"] for line in lines] == list(NAMES)
    would = {line["step"]: line["would"] for line in lines}
    assert (would["storage"], would["vault"], would["secrets"], would["report"]) == ("", UNSEAL, SYNC, "")
    assert all(line["undo"] for line in lines)
