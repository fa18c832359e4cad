# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One fault at every call to the store, in a first run and in a later one.

Whatever the fault and wherever it strikes: no manifest without every byte it names, and the next run needs no hand.
"""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from tests.faults.conftest import Installation, build
from tests.support.databases import Cluster
from tests.support.faults import Call, Fault, FaultProxy
from tests.support.restore_points import Scene
from tests.support.stores import Store

WORKERS = 4
# A later run makes every kind of call, and more of them; a first run gets one fault that passes and one that does not.
IN_A_FIRST_RUN = (Fault.ERROR_500, Fault.DENIED)
PASSING = (Fault.ERROR_500, Fault.ERROR_503, Fault.TIMEOUT, Fault.RESET_REQUEST, Fault.RESET_RESPONSE, Fault.SHORT)


@pytest.fixture(scope="module")
def installation(
    postgres: Cluster, lenient: Store, quick: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    yield from build(postgres, lenient, tmp_path_factory.mktemp("documents"))


Proxies = queue.SimpleQueue[FaultProxy]


@pytest.fixture(scope="module")
def proxies(lenient: Store) -> Iterator[Proxies]:
    """One for each of the runs that go on at the same time."""
    waiting = Proxies()
    with contextlib.ExitStack() as stack:
        for _worker in range(WORKERS):
            waiting.put(stack.enter_context(FaultProxy(lenient.endpoint)))
        yield waiting


def clean_calls(installation: Installation, later: bool) -> list[Call]:
    """The calls of a run without a fault."""
    scene = installation.with_bucket(later)
    with FaultProxy(scene.store.endpoint) as proxy:
        scene.through(proxy.endpoint).back_up()
        return proxy.calls


@pytest.fixture(scope="module")
def calls(installation: Installation) -> dict[bool, list[Call]]:
    """Those of a first and of a later run."""
    return {later: clean_calls(installation, later) for later in (False, True)}


def kind(call: Call) -> tuple[str, str]:
    """What a call is about: its method, and its directory below the prefix or its query."""
    what = call.path.partition("/erp/test/")[2].partition("/")[0] or call.query.partition("&")[0]
    if "uploads" in call.query and what:
        what += " upload"
    elif "uploadId" in call.query:
        what += " part" if "partNumber" in call.query else " whole"
    return call.method, what


def test_the_runs_make_every_kind_of_call(calls: dict[bool, list[Call]]) -> None:
    """Else the faults below would strike less than they say."""
    writes = {
        *((method, f"{half} {step}") for half in ("db", "docs") for method, step in STEPS),
        ("HEAD", "db"),
        ("HEAD", "docs"),
        ("PUT", "docs"),
        ("PUT", "manifests"),
        ("GET", "manifests"),
    }
    for later in (False, True):
        made = [kind(call) for call in calls[later]]
        assert writes <= set(made), later
        assert made.count(("PUT", "db part")) >= 2
        assert made.count(("PUT", "docs part")) >= 2
        assert ("GET", "list-type=2") in made
        assert ("GET", "uploads upload") in made
    assert ("GET", "docs") in [kind(call) for call in calls[True]]


STEPS = (("POST", "upload"), ("PUT", "part"), ("POST", "whole"))


def strike(
    installation: Installation, proxies: Proxies, later: bool, fault: Fault, position: int, forever: bool
) -> list[str]:
    """One run with a fault, and one without where something was left to do; what is wrong afterwards."""
    scene = installation.with_bucket(later)
    before = scene.bucket.keys("manifests/")
    wrong = []
    proxy = proxies.get()
    try:
        proxy.inject(fault, position, forever)
        try:
            scene.through(proxy.endpoint).back_up()
        except ErpError as error:
            sentence = str(error)
            if not sentence.endswith(".") or "\n" in sentence or "s3://" not in sentence:
                wrong.append(f"not a sentence about an object: {sentence!r}")
            if fault in PASSING and not forever:
                wrong.append(f"one passing fault was not overcome: {sentence}")
        else:
            if len(scene.bucket.keys("manifests/")) != len(before) + 1:
                wrong.append("success without a manifest")
        struck = [kind(call) for call in proxy.calls if call.fault]
    finally:
        proxies.put(proxy)
    left = scene.bucket.held()
    if left.uploads() or not left.manifests() or left.contents(left.newest()) != installation.files():
        wrong += next_run(scene)
    wrong += judged(installation, scene)
    return [f"{fault.name} at {position} {struck[:1]}: {problem}" for problem in wrong]


def next_run(scene: Scene) -> list[str]:
    """The run after the fault must succeed by itself."""
    try:
        made = scene.back_up().manifest["id"]
    except ErpError as error:
        return [f"the next run fails: {error}"]
    return [] if scene.bucket.newest()["id"] == made else ["the next run left no manifest"]


def judged(installation: Installation, scene: Scene) -> list[str]:
    """The newest restore point must be what is there, every manifest whole, and nothing half done.

    What the run with the fault left is judged too: nothing mends a manifest once it is written.
    """
    bucket = scene.bucket.held()
    wrong = bucket.torn() + [f"unfinished upload {key}" for key in bucket.uploads()]
    if not wrong and bucket.contents(bucket.newest()) != installation.files():
        wrong.append("the newest restore point holds other documents")
    return wrong


def struck_everywhere(
    installation: Installation,
    proxies: Proxies,
    calls: dict[bool, list[Call]],
    later: bool,
    fault: Fault,
    forever: bool = False,
) -> list[str]:
    """A run for each call, several at a time, each with a bucket of its own."""
    only = {Fault.SHORT: ("GET",), Fault.ALTERED: ("GET",), Fault.QUOTA: ("PUT", "POST")}.get(fault)
    positions = [call.number for call in calls[later] if only is None or call.method in only]
    with ThreadPoolExecutor(WORKERS) as pool:
        found = pool.map(lambda position: strike(installation, proxies, later, fault, position, forever), positions)
        return [problem for problems in found for problem in problems]


@pytest.mark.parametrize(
    ("fault", "later"),
    [
        *(pytest.param(fault, True, id=f"{fault.name}-later run") for fault in (*PASSING, Fault.DENIED, Fault.ALTERED)),
        *(pytest.param(fault, False, id=f"{fault.name}-first run") for fault in IN_A_FIRST_RUN),
    ],
)
def test_one_fault_at_every_call(
    fault: Fault, later: bool, installation: Installation, proxies: Proxies, calls: dict[bool, list[Call]]
) -> None:
    assert struck_everywhere(installation, proxies, calls, later, fault) == []


@pytest.mark.parametrize("fault", [Fault.QUOTA, Fault.RESET_RESPONSE], ids=lambda fault: fault.name)
def test_a_fault_from_every_call_on(
    fault: Fault, installation: Installation, proxies: Proxies, calls: dict[bool, list[Call]]
) -> None:
    """The bucket is full, or every answer is lost while the store does what it is asked."""
    assert struck_everywhere(installation, proxies, calls, True, fault, forever=True) == []
