# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of a recovery: what must be true at each step, and what to do next when it is not. Decides, and does nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

TRUE = "true"
FALSE = "false"
UNSAFE = "unsafe"  # false, and nothing must write to the volumes
UNKNOWN = "unknown"  # it could not be read, or was not asked yet
NOT_ASKED = "not_asked"  # nothing says that there is such a thing

OWN_HOLDER = "recover "  # what the records of recoveries begin with
# What those of runs begin with that may have been stopped between the two halves of a restore.
RESTORING = re.compile(r"restore |recover \S+ with restore ")


@dataclass(frozen=True)
class Step:
    """One step; ``undo`` tells how to take back what it does."""

    name: str
    title: str
    undo: str


STEPS = (
    Step("assess", "The cluster answers", "nothing to undo, it only reads"),
    Step("storage", "Claims are bound, volumes hold their data", "nothing to undo, it only waits"),
    Step("vault", "Vault is unsealed", "vault operator seal"),
    Step(
        "secrets",
        "The database credentials are of after that, and let in",
        "nothing to undo, old credentials do not work",
    ),
    Step(
        "database", "The database is the right one and its owner's", "the former owners are in the result of that task"
    ),
    Step("restore", "The restore point is live", "playbooks/restore.yml -e undo=true"),
    Step("erp", "The ERP serves", "scale it to 0 with erp_quiesce, state quiesced"),
    Step("schedules", "The schedules go on", "suspend them by hand"),
    Step("report", "The report", "nothing to undo"),
)
NAMES = tuple(step.name for step in STEPS)
# Those that must be true, seen again just before, for the ERP to be started.
FOUNDATIONS = ("assess", "storage", "vault", "secrets", "database")

# What is done when a step is not true; the role has one task file for each.
WAIT, HOLD, UNSEAL, SYNC, PROBE, OWN, RESTORE, START = (
    "wait",
    "hold",
    "unseal",
    "sync",
    "probe",
    "own",
    "restore",
    "start",
)
END, STOP = "end", "stop"
# Times that an action is tried for one step in one run; one wait is as long as the time-out.
ATTEMPTS = {WAIT: 1, HOLD: 2, UNSEAL: 3, SYNC: 3, PROBE: 3, OWN: 2, RESTORE: 2, START: 3}
ACTIONS = {
    "assess": WAIT,
    "storage": WAIT,
    "vault": UNSEAL,
    "secrets": SYNC,
    "database": OWN,
    "restore": RESTORE,
    "erp": START,
    "schedules": START,
}


@dataclass(frozen=True)
class Judgement:
    """How a step stands. ``action`` is what would make it true where it is not the usual one, STOP where nothing would."""

    state: str
    message: str
    advice: str = ""
    action: str = ""

    @property
    def is_open(self) -> bool:
        """Whether something is to be done about it."""
        return self.state not in (TRUE, NOT_ASKED)


@dataclass(frozen=True)
class Wish:
    """What somebody asked for: where to begin and to end, what to restore, whether to take over from another run."""

    first: str = NAMES[0]
    last: str = NAMES[-1]
    restore: str = ""
    take_over: bool = False


@dataclass(frozen=True)
class Service:
    """The ERP itself. ``holder`` stopped it, empty when nobody did; ``wants_pods`` unless it is scaled to 0."""

    serves: bool
    wants_pods: bool
    holder: str = ""

    @property
    def was_restoring(self) -> bool:
        """Whether what is live may be half of a restore that nobody ended."""
        return RESTORING.match(self.holder) is not None


@dataclass(frozen=True)
class Decision:
    """What to do next, for which step, and why."""

    action: str
    step: str = ""
    message: str = ""
    advice: str = ""


def read_step(word: str, option: str) -> str:
    """A step by its name or its number, from 1."""
    if word in NAMES:
        return word
    if word.isdecimal() and 1 <= int(word) <= len(NAMES):
        return NAMES[int(word) - 1]
    known = ", ".join(f"{number} {name}" for number, name in enumerate(NAMES, 1))
    raise ErpError(f"{option} is {word!r}, which is no step: give one of {known}.")


def decide(
    judged: Mapping[str, Judgement], service: Service, wish: Wish, tried: Sequence[tuple[str, str]], failure: str = ""
) -> Decision:
    """The next thing to do; from the beginning each time, so that what became untrue meanwhile is seen.

    ``tried`` are the steps and actions of this run so far, ``failure`` why the last of them failed.
    """
    if service.holder and not (wish.take_over or service.holder.startswith(OWN_HOLDER)):
        return Decision(
            STOP,
            "assess",
            f"The ERP was stopped by {service.holder} and not started again.",
            "if that run is still under way, wait for it; if it is dead, add -e resume=true",
        )
    first, last = NAMES.index(wish.first), NAMES.index(wish.last)
    for number, name in enumerate(NAMES[: last + 1]):
        one = judged.get(name)
        if one is None or not one.is_open:
            continue
        if number < first and one.state == UNKNOWN and one.action == STOP:
            continue  # whoever begins later vouches for what cannot be read
        decision = _open_step(name, one, number < first, service, tried, failure)
        if decision is not None:
            return decision
    return Decision(END)


def _open_step(
    name: str, one: Judgement, is_before: bool, service: Service, tried: Sequence[tuple[str, str]], failure: str
) -> Decision | None:
    """What to do about a step that is not true; None to go on without it. ``is_before`` tells that it was to be left out."""
    action = one.action or ACTIONS[name]
    if one.state == UNSAFE:
        if service.wants_pods and tried.count((name, HOLD)) < ATTEMPTS[HOLD]:
            return Decision(HOLD, name, f"{one.message} The ERP is stopped, so that it writes nothing.")
        action = WAIT
    elif name == "erp" and service.wants_pods and action not in (STOP, WAIT):
        # Its pods are on their way, or they are not well and are made anew.
        action = next((other for other in (WAIT, HOLD) if (name, other) not in tried), START)
    elif action == SYNC and service.serves and (name, WAIT) not in tried:
        action = WAIT  # the operator may come to it, and nobody has to be interrupted
    # What was done since a wait may have made another one necessary, as volumes that detach.
    since = list(takewhile(lambda entry: entry[1] == WAIT, reversed(tried))) if action == WAIT else tried
    count = since.count((name, action))
    only_looks = action in (WAIT, PROBE)
    if action == STOP or (is_before and not only_looks) or count >= ATTEMPTS[action]:
        if name == "restore":
            return None  # what was live before is live still, and better than nothing
        return Decision(STOP, name, one.message + _why_not(name, action, is_before, count, failure), one.advice)
    if name != "erp" and _is_in_the_way(action, service) and tried.count((name, HOLD)) < ATTEMPTS[HOLD]:
        return Decision(HOLD, name, "The ERP is kept stopped until its turn comes.")
    return Decision(action, name, one.message, one.advice)


def _is_in_the_way(action: str, service: Service) -> bool:
    """Whether the ERP would start by itself on whatever credentials it finds, or run on those that go away."""
    if not service.wants_pods or action in (START, HOLD):
        return False
    return action == SYNC or not service.serves


def _why_not(name: str, action: str, is_before: bool, count: int, failure: str) -> str:
    if is_before:
        return f" -e from_step begins after {name}, which is not true."
    if failure and action != STOP and count:
        return f" Tried {count} times, the last time: {failure}"
    return ""


def plan(judged: Mapping[str, Judgement], wish: Wish) -> list[dict[str, Any]]:
    """Every step, how it stands and what a run would do about it."""
    lines = []
    first, last = NAMES.index(wish.first), NAMES.index(wish.last)
    for number, step in enumerate(STEPS):
        one = judged.get(step.name)
        if one is None:
            state, would, message = TRUE, "report", step.title
        else:
            state, message = one.state, one.message
            would = "" if not one.is_open else STOP if one.state == UNSAFE else one.action or ACTIONS[step.name]
        if not first <= number <= last:
            would = ""
        lines.append(
            {
                "number": number + 1,
                "step": step.name,
                "state": state,
                "would": would,
                "message": message,
                "advice": one.advice if one else "",
                "undo": step.undo,
            }
        )
    return lines
