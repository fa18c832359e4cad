# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switch of databases: the live name always points to a complete one, whatever kills the run."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import pathlib
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.restore import switch_database as switch
from ansible_collections.arcodange.erp.plugins.module_utils.restore.database import compare_database, restore_database
from tests.support import restores
from tests.support.databases import OWNER, Cluster
from tests.support.restore_points import Scene, connect, small_database
from tests.support.stores import Store

POINT = "20261120T040000Z"
OTHER = "20261121T040000Z"
NUMBERS = itertools.count(1)
Place = tuple[Cluster, str]


@pytest.fixture
def place(postgres: Cluster) -> Iterator[Place]:
    """A live database that says so in its one table, beside it a restored and compared one, and their name."""
    name = f"live_{next(NUMBERS)}"
    make(postgres, name, "live")
    make(postgres, switch.restored_name(name, POINT), "restored")
    switch.mark_complete(restores.options(postgres.admin), switch.restored_name(name, POINT), POINT)
    yield postgres, name
    for (found,) in postgres.admin.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{name}%"]):
        postgres.drop(found)


def make(cluster: Cluster, name: str, says: str) -> None:
    """A database of the owner's with one row."""
    cluster.admin.execute(f'CREATE DATABASE "{name}" OWNER {OWNER} TEMPLATE template0')
    cluster.as_owner(name).execute(f"CREATE TABLE t AS SELECT '{says}' AS says")


def says(place: Place, suffix: str = "") -> str:
    """What the one row of a database is, read as the application would."""
    cluster, name = place
    return str(cluster.as_owner(f"{name}{suffix}").execute("SELECT says FROM t")[0][0])


def names(place: Place) -> list[str]:
    """The names of the databases, without what they begin with."""
    cluster, name = place
    found = cluster.admin.execute("SELECT datname FROM pg_database WHERE datname LIKE %s ORDER BY 1", [f"{name}%"])
    return [row[0].removeprefix(name) for row in found]


def admin(place: Place) -> Any:
    return restores.options(place[0].admin)


def test_the_restored_database_becomes_the_live_one_and_back_and_again(place: Place) -> None:
    cluster, name = place
    before, restored = f"__before_{POINT}", f"__restore_{POINT}"
    cluster.admin.execute(f"COMMENT ON DATABASE {name} IS 'the books of Atelier Lumen'")
    for _time in range(2):
        assert switch.switch_database(admin(place), name, POINT) == f"{name}{before}"
        assert names(place) == ["", before]
        assert (says(place), says(place, before)) == ("restored", "live")
        states = switch.database_states(admin(place), name)
        assert states.live is not None
        assert (states.live.state, states.live.note) == ("live", "the books of Atelier Lumen")
        assert [(state.name, state.state) for state in states.former] == [(f"{name}{before}", "former")]
        assert states.live.to_facts()["restore_point"] == POINT
        # Once more changes nothing.
        assert switch.switch_database(admin(place), name, POINT) == f"{name}{before}"
        assert says(place) == "restored"

        assert switch.undo_database(admin(place), name, POINT) == f"{name}{restored}"
        assert names(place) == ["", restored]
        assert (says(place), says(place, restored)) == ("live", "restored")
        comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
        assert cluster.admin.execute(comment, [name]) == [("the books of Atelier Lumen",)]
        assert switch.undo_database(admin(place), name, POINT) == f"{name}{restored}"
        assert says(place) == "live"


def test_without_a_live_database_there_is_no_former_one(place: Place) -> None:
    cluster, name = place
    cluster.drop(name)
    assert switch.switch_database(admin(place), name, POINT) is None
    assert names(place) == [""]
    assert says(place) == "restored"
    assert switch.switch_database(admin(place), name, POINT) is None
    with pytest.raises(Refused, match="there is nothing to undo, nothing was changed"):
        switch.undo_database(admin(place), name, POINT)


def test_what_belongs_to_the_place_stays_with_the_name(place: Place) -> None:
    cluster, name = place
    for statement in (
        f'ALTER DATABASE {name} SET search_path TO public, "Odd, name"',
        f"ALTER DATABASE {name} SET arcodange.note TO 'it''s'",
        f"ALTER ROLE {OWNER} IN DATABASE {name} SET statement_timeout TO '99s'",
        f"ALTER DATABASE {name} CONNECTION LIMIT 40",
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {name} TO erp_backup WITH GRANT OPTION",
    ):
        cluster.admin.execute(statement)
    shown = (
        "SELECT (SELECT array_agg(x ORDER BY x::text) FROM unnest(datacl) x)::text, datconnlimit,"
        " ARRAY(SELECT setrole::regrole::text || s FROM pg_db_role_setting, unnest(setconfig) s WHERE setdatabase = d.oid ORDER BY 1)"
        " FROM pg_database d WHERE datname = %s"
    )
    expected = cluster.admin.execute(shown, [name])
    assert expected[0][0] is not None
    switch.switch_database(admin(place), name, POINT)
    assert cluster.admin.execute(shown, [name]) == expected
    assert cluster.as_owner(name).execute(
        "SELECT current_setting('search_path'), current_setting('arcodange.note')"
    ) == [('public, "Odd, name"', "it's")]
    with restores.role(cluster, "nobody_else") as nobody, pytest.raises(psycopg.OperationalError, match="permission"):
        dataclasses.replace(nobody, name=name).connect()


def test_sessions_are_ended_and_new_ones_wait_for_the_new_state(place: Place) -> None:
    cluster, name = place
    stop = threading.Event()
    seen: list[str] = []

    def application() -> None:
        while not stop.is_set():
            with contextlib.suppress(psycopg.Error), cluster.as_owner(name).connect() as connection:
                while not stop.is_set():
                    seen.append(str(connection.execute("SELECT says FROM t").fetchall()[0][0]))

    with contextlib.ExitStack() as stack:
        threads = [threading.Thread(target=application) for _number in range(4)]
        for thread in threads:
            thread.start()
        stack.callback(stop.set)
        deadline = time.monotonic() + 20
        while len(seen) < 50 and time.monotonic() < deadline:
            time.sleep(0.01)
        switch.switch_database(admin(place), name, POINT)
        here = len(seen)
        while len(seen) < here + 50 and time.monotonic() < deadline:
            time.sleep(0.01)
        stop.set()
        for thread in threads:
            thread.join()
    assert set(seen) == {"live", "restored"}
    assert seen[-1] == "restored"


def test_a_session_that_does_not_end_refuses_the_switch_and_nothing_is_changed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, name = place
    monkeypatch.setattr(switch, "PATIENCE", 0.0)
    monkeypatch.setattr(switch, "END_SESSIONS", "SELECT %s::text[]")
    with cluster.as_owner(name).connect():
        with pytest.raises(
            Refused, match=r"still used by 1 sessions \(dolibarr\) that do not end: stop the application"
        ):
            switch.switch_database(admin(place), name, POINT)
        assert says(place) == "live"
    assert names(place) == ["", f"__restore_{POINT}"]
    states = switch.database_states(admin(place), name)
    assert [(state.state, state.accepts_connections) for state in states.all] == [(None, True), ("complete", True)]


def test_a_vacuum_of_the_servers_own_is_no_session_and_does_not_refuse_an_admin_who_is_no_superuser(
    place: Place,
) -> None:
    cluster, name = place
    superuser = cluster.admin
    superuser.execute("CREATE ROLE switcher LOGIN CREATEDB PASSWORD 'switcher'")
    superuser.execute(f"GRANT {OWNER}, pg_signal_backend TO switcher")
    superuser.execute("ALTER SYSTEM SET autovacuum_naptime TO '1s'")
    superuser.execute("SELECT pg_reload_conf()")
    vacuums = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND backend_type = 'autovacuum worker'"
    try:
        table = "CREATE TABLE slow WITH (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)"
        cluster.as_owner(name).execute(f"{table} AS SELECT n, repeat('x', 1000) FROM generate_series(1, 3000) n")
        cluster.as_owner(name).execute("DELETE FROM slow WHERE n > 100")
        deadline = time.monotonic() + 30
        while not superuser.execute(vacuums, [name]):
            assert time.monotonic() < deadline, "no vacuum came"
            time.sleep(0.01)
        switcher = dataclasses.replace(superuser, user="switcher", password="switcher")
        switch.switch_database(restores.options(switcher), name, POINT)
        assert says(place) == "restored"
    finally:
        superuser.execute("ALTER SYSTEM RESET autovacuum_naptime")
        superuser.execute("SELECT pg_reload_conf()")
        superuser.execute(f"REVOKE {OWNER}, pg_signal_backend FROM switcher")
        superuser.execute("DROP ROLE switcher")


def test_a_prepared_transaction_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch, "PATIENCE", 0.0)
    error = psycopg.errors.ObjectInUse("in use")

    def in_use(*_words: object) -> None:
        raise error

    monkeypatch.setattr(switch, "_carry_over", in_use)
    with pytest.raises(Refused, match="cannot be renamed: .* Run again when that has ended"):
        switch.switch_database(admin(place), place[1], POINT)
    assert says(place) == "live"


@pytest.mark.parametrize("state", ["incomplete", "of somebody else", "missing"])
def test_only_a_compared_database_goes_live(state: str, place: Place) -> None:
    cluster, name = place
    restored = switch.restored_name(name, POINT)
    if state == "incomplete":
        mark = switch.new_mark(switch.INCOMPLETE, POINT).to_comment()
        cluster.admin.execute(f"COMMENT ON DATABASE \"{restored}\" IS '{mark}'")
    elif state == "of somebody else":
        cluster.admin.execute(f"COMMENT ON DATABASE \"{restored}\" IS 'arcodange.erp: not JSON'")
    else:
        cluster.drop(restored)
    with pytest.raises(Refused, match=f"^The database {restored} is not there or was not found equal"):
        switch.switch_database(admin(place), name, POINT)
    assert says(place) == "live"


def test_restoring_the_same_point_again_keeps_every_former_state(place: Place) -> None:
    cluster, name = place
    for number in range(3):
        former = switch.switch_database(admin(place), name, POINT)
        assert former == f"{name}__before_{POINT}" + (f"_{number + 1}" if number else "")
        make(cluster, switch.restored_name(name, POINT), f"restored {number}")
        switch.mark_complete(admin(place), switch.restored_name(name, POINT), POINT)
    assert [says(place, f"__before_{POINT}{end}") for end in ("", "_2", "_3")] == ["live", "restored", "restored 0"]
    # The undo goes back one step, to the state that the last switch replaced.
    assert switch.undo_database(admin(place), name, POINT) == f"{name}__restore_{POINT}_2"
    assert says(place) == "restored 0"


def test_an_undone_state_is_put_aside_before_the_point_is_restored_again(place: Place) -> None:
    _cluster, name = place
    assert switch.set_aside_undone(admin(place), name, POINT) is None
    switch.switch_database(admin(place), name, POINT)
    switch.undo_database(admin(place), name, POINT)
    assert switch.set_aside_undone(admin(place), name, POINT) == f"{name}__before_{POINT}"
    assert says(place, f"__before_{POINT}") == "restored"
    assert switch.database_states(admin(place), name).former[0].state == "former"


def test_only_old_former_states_are_dropped_and_only_by_asking(place: Place) -> None:
    cluster, name = place
    switch.switch_database(admin(place), name, POINT)
    former = f"{name}__before_{POINT}"
    now = datetime.now(UTC) + timedelta(minutes=1)
    week = timedelta(days=7)
    cluster.admin.execute(f'CREATE DATABASE "{name}__before_{OTHER}" TEMPLATE template0')  # somebody else's
    for keep, dropped in ((week, []), (timedelta(0), [former])):
        assert switch.droppable(admin(place), name, keep, now) == dropped
    assert switch.drop_former(admin(place), name, week, now) == []
    with (
        cluster.as_owner(former).connect(),
        pytest.raises(Refused, match=f"^The former database {former} was not dropped because somebody is connected"),
    ):
        switch.drop_former(admin(place), name, timedelta(0), now)
    assert wait_for(lambda: drop_all(place, now)) == [former]
    assert names(place) == ["", f"__before_{OTHER}"]
    assert says(place) == "restored"


def drop_all(place: Place, now: datetime) -> list[str]:
    return switch.drop_former(admin(place), place[1], timedelta(0), now)


def wait_for(work: Any) -> Any:
    """What ``work`` returns once a session that has just ended is gone."""
    for _try in range(100):
        with contextlib.suppress(Refused):
            return work()
        time.sleep(0.05)
    raise AssertionError("it is still refused")


def test_two_restores_at_once_are_one_too_many(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch, "LOCK_PATIENCE", 0.0)
    cluster, name = place
    with (
        cluster.admin.connect() as connection,
        switch.lock_instance(connection, admin(place), name),
        pytest.raises(Refused, match=f"^Another restore of {name} on .* is under way: wait for it to end"),
    ):
        switch.switch_database(admin(place), name, POINT)
    assert says(place) == "live"


def test_a_role_without_the_rights_changes_nothing(place: Place) -> None:
    cluster, name = place
    with (
        restores.role(cluster, "poor_switcher", "CREATEDB") as poor,
        pytest.raises(ErpError, match="^The role poor_switcher may not switch databases on .* grant it the owner role"),
    ):
        switch.switch_database(restores.options(poor), name, POINT)
    assert says(place) == "live"
    assert [state.accepts_connections for state in switch.database_states(admin(place), name).all] == [True, True]


def test_a_long_name_is_told_before_anything_happens() -> None:
    assert switch.name_problem("erp") is None
    assert switch.name_problem("e" * 34) is None
    assert str(switch.name_problem("é" * 18)).startswith(f"The database name {'é' * 18} has more than 34 bytes")
    assert len(f"{'e' * 34}__restore_{POINT}_99") == switch.LONGEST_NAME


# kill -9

OF_THE_RESTORE = 7
OF_THE_SWITCH = 9


@pytest.fixture(scope="module")
def backed_up(
    postgres: Cluster, moto: Store, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Scene, Manifest]]:
    """A restore point of a small database."""
    with small_database(postgres) as database:
        scene = Scene(database, moto.fresh(), tmp_path_factory.mktemp("documents"), postgres.bin_dir)
        scene.back_up()
        yield scene, restores.manifest_of(scene)


def restore_and_switch(scene: Scene, manifest: Manifest, cluster: Cluster, name: str, deadly: int) -> None:
    """What a run does, up to a step."""
    progress = restores.DeadlyProgress(deadly)
    where = restores.target(cluster)
    restored = switch.restored_name(name, manifest.id)
    found = switch.database_states(where.admin, name).find(restored)
    if found is None or found.state != switch.COMPLETE:
        restore_database(connect(scene.store), manifest, where, restored, progress)
        progress.step("restored")
        switch.mark_complete(where.admin, restored, manifest.id)
        progress.step("complete")
    switch.switch_database(where.admin, name, manifest.id, progress.step)


def test_a_restore_that_is_killed_at_any_step_is_finished_by_the_next(
    postgres: Cluster, backed_up: tuple[Scene, Manifest]
) -> None:
    scene, manifest = backed_up
    before = restores.contents(postgres, scene.database.name)
    for step in range(1, OF_THE_RESTORE + 1):
        name = f"killed_{step}"
        place = (postgres, name)
        make(postgres, name, "live")
        run = functools.partial(restore_and_switch, scene, manifest, postgres, name, step)
        assert restores.run_in_child(run) == -9
        assert says(place) == "live"
        restore_and_switch(scene, manifest, postgres, name, 0)
        assert restores.contents(postgres, name) == before, f"step {step}"
        assert says(place, f"__before_{manifest.id}") == "live"
        assert names(place) == ["", f"__before_{manifest.id}"]
        for suffix in names(place):
            postgres.drop(f"{name}{suffix}")


def test_a_switch_that_is_killed_at_any_step_is_finished_by_the_next(place: Place) -> None:
    _cluster, name = place
    options = admin(place)
    for step in range(1, 40):
        progress = restores.DeadlyProgress(step)
        run = functools.partial(switch.switch_database, options, name, POINT, progress.step)
        status = restores.run_in_child(run)
        assert status in (0, -9)
        begun = switch.database_states(options, name)
        assert begun.live is not None
        if not begun.live.accepts_connections:
            assert begun.live.state == "switching"
            assert switch.recover_switch(options, name)
        assert not switch.recover_switch(options, name)
        assert says(place) == ("restored" if f"__before_{POINT}" in names(place) else "live")
        assert switch.switch_database(options, name, POINT) == f"{name}__before_{POINT}"
        assert (says(place), says(place, f"__before_{POINT}")) == ("restored", "live")
        states = switch.database_states(options, name)
        assert [(state.state, state.accepts_connections) for state in states.all] == [("live", True), ("former", True)]
        if not status:
            break
        switch.undo_database(options, name, POINT)
    assert step > OF_THE_SWITCH


def test_a_killed_undo_is_finished_by_the_next(place: Place) -> None:
    cluster, name = place
    options = admin(place)
    switch.switch_database(options, name, POINT)
    for step in range(1, 40):
        progress = restores.DeadlyProgress(step)
        run = functools.partial(switch.undo_database, options, name, POINT, progress.step)
        status = restores.run_in_child(run)
        switch.recover_switch(options, name)
        assert says(place) in ("live", "restored")
        assert switch.undo_database(options, name, POINT) == f"{name}__restore_{POINT}"
        assert says(place) == "live"
        assert switch.switch_database(options, name, POINT) == f"{name}__before_{POINT}"
        assert says(place) == "restored"
        if not status:
            break
    assert step > OF_THE_SWITCH


def test_a_killed_restore_leaves_the_live_database_open(
    postgres: Cluster, backed_up: tuple[Scene, Manifest], tmp_path: pathlib.Path
) -> None:
    scene, manifest = backed_up
    options = restores.options(scene.database)
    assert restores.run_in_child(lambda: restore_and_switch(scene, manifest, postgres, scene.database.name, 3)) == -9
    assert compare_database(options, manifest) == []
    leftover = switch.restored_name(scene.database.name, manifest.id)
    states = switch.database_states(restores.options(postgres.admin), scene.database.name)
    assert [(state.name, state.state) for state in states.restored] == [(leftover, "incomplete")]
    # Killed before it got its comment.
    postgres.drop(leftover)
    postgres.admin.execute(f'CREATE DATABASE "{leftover}" TEMPLATE template0')
    restored = restore_database(connect(scene.store), manifest, restores.target(postgres), leftover, Progress())
    assert restored.messages == ()
    postgres.drop(leftover)
