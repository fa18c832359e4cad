# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of roles that come and go, on a real server: all of them move, nothing else does, and check mode said so."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from contextlib import closing

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from tests.support.ownership import KINDS, House, house_on, make_object

NUMBERS = itertools.count(1)
NASTY = st.text(st.sampled_from("aZ_ .\"'%$;-\u00e9\\{}()"), min_size=1, max_size=12).map(lambda text: f"n{text}")


def make(house: House, role: str, objects: Mapping[str, str]) -> None:
    """Make objects, kinds by names, that belong to the role."""
    with house.admin.connect(autocommit=False) as connection:
        for name, kind in objects.items():
            make_object(connection, kind, role, name)


def settle(house: House, *roles: str) -> None:
    """Let a run happen and see that it was what check mode said, that it was enough, and that no second one is needed."""
    planned = house.run(check=True)
    done = house.run()
    assert planned.to_facts() == done.to_facts()
    assert done.to_facts()["outcome"] == "done"
    assert house.foreign() == []
    again = house.run()
    assert (again.to_facts()["changed"], again.to_facts()["outcome"]) == (False, "unchanged")
    for role in roles:
        house.revoke(role)  # the server itself says that nothing of it is left


@pytest.mark.parametrize("server", ["postgres", "older_postgres"])
def test_every_kind(server: str, request: pytest.FixtureRequest) -> None:
    with house_on(request.getfixturevalue(server)) as house:
        role = house.user().user
        make(house, role, {f'A "{kind}" %s': kind for kind in KINDS})
        settle(house, role)


def test_kinds_with_an_owner_are_all_known(house: House) -> None:
    """A kind of object that a later server brings shows up here."""
    owners = house.admin.execute(
        "SELECT DISTINCT attrelid::regclass::text FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid"
        " WHERE attname ~ 'owner$|^datdba$' AND relkind = 'r' AND relnamespace = 'pg_catalog'::regnamespace ORDER BY 1"
    )
    assert [name for (name,) in owners] == [
        "pg_class", "pg_collation", "pg_conversion", "pg_database", "pg_event_trigger", "pg_extension",
        "pg_foreign_data_wrapper", "pg_foreign_server", "pg_language", "pg_largeobject_metadata", "pg_namespace",
        "pg_opclass", "pg_operator", "pg_opfamily", "pg_proc", "pg_publication", "pg_statistic_ext",
        "pg_subscription", "pg_tablespace", "pg_ts_config", "pg_ts_dict", "pg_type",
    ]  # fmt: skip


@settings(
    max_examples=6, phases=[Phase.generate], deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    objects=st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.integers(0, 3), NASTY), min_size=1, max_size=8),
    names=st.lists(NASTY, min_size=4, max_size=4, unique=True),
    expired=st.sets(st.integers(0, 3)),
)
def test_any_objects_of_any_roles(
    shared_house: House, objects: list[tuple[str, int, str]], names: list[str], expired: set[int]
) -> None:
    house = shared_house
    roles = [house.user(f"v-{house.admin.name}-{name}").user for name in names]
    for number, role in enumerate(roles):
        mine = [(kind, name) for kind, owner, name in objects if owner == number]
        make(house, role, {f"{name}{next(NUMBERS)}": kind for kind, name in mine})
        if number in expired:
            house.expire(role)
    settle(house, *roles)


def test_thirty_rotations(house: House) -> None:
    """Each user makes tables; every third tidies up after itself, the others are forgotten, by Vault or by everybody."""
    for number in range(30):
        user = house.user()
        with closing(user.connect()) as session:
            session.execute(
                f'CREATE TABLE public."llx_Module {number}" (rowid serial PRIMARY KEY, label text)'.encode()
            )
            session.execute(f"CREATE TABLE public.llx_extra_{number} (fk int)".encode())
        if number % 3 == 0:
            # Those of the forgotten ones are not this user's to give.
            done = house.run(user, from_roles=(user.user,))
            assert done.to_facts()["moved"] == {user.user: {"sequence": 1, "table": 2}}
            house.revoke(user.user)
        else:
            house.expire(user.user)
            if number % 2:
                house.run()
                house.revoke(user.user)
                # The next one is a member of the owner role and nothing else.
                application = house.user()
                with closing(application.connect()) as session:
                    for table in house.tables():
                        session.execute(f"INSERT INTO {table} DEFAULT VALUES".encode())
                    session.execute(b"ALTER TABLE public.llx_extra_0 ADD COLUMN IF NOT EXISTS later text")
                house.revoke(application.user)
    assert (house.run().steps, house.foreign(), len(house.tables())) == ([], [], 60)
    for role in house.roles[:]:
        house.revoke(role)


def test_what_is_the_servers_stays(house: House) -> None:
    admin, user = house.admin, house.user().user
    admin.execute("CREATE EXTENSION vector")
    admin.execute("CREATE FUNCTION public.total(int) RETURNS int LANGUAGE sql AS 'SELECT 1'")
    admin.execute("CREATE FUNCTION public.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'")
    admin.execute("CREATE EVENT TRIGGER audit_ddl ON ddl_command_end EXECUTE FUNCTION public.on_ddl()")
    admin.execute("CREATE TABLE pgbouncer.notes (n int)")
    admin.execute("CREATE TABLE public.restored_by_hand (n int)")
    make(house, user, {"mine": "table"})
    done = house.run()
    assert [item.identity for item in done.plan.moving] == ["public.minea", "public.restored_by_hand"]
    left = {item["name"]: item["reason"] for item in done.to_facts()["left"]}
    assert left["public.total(integer)"] == "belongs to the provisioner: name it in functions to move it"
    assert left["audit_ddl"] == "belongs to the provisioner"
    assert done.to_facts()["outcome"] == "done" and done.warnings() == []
    assert not any("user_lookup" in query for query in done.to_facts()["queries"])
    named = house.run(functions=("total",))
    assert named.to_facts()["queries"] == [f'ALTER ROUTINE public.total(integer) OWNER TO "{house.owner}"']
    looked_into = house.run(schemas=("pgbouncer",), functions=("pgbouncer.user_lookup(text)",))
    assert [item.identity for item in looked_into.plan.moving] == [
        "pgbouncer",
        "pgbouncer.notes",
        "pgbouncer.user_lookup(pg_catalog.text)",
    ]


def test_shared_objects_move_when_named(house: House) -> None:
    admin, user = house.admin, house.user().user
    admin.execute(f'ALTER DATABASE "{admin.name}" OWNER TO "{user}"')
    # Without the database the owner role may not create in public, and tables cannot be given to it.
    make(house, user, {"x": "large object"})
    done = house.run()
    assert [item.kind for item in done.plan.moving] == ["large object"]
    assert [(item["type"], item["reason"]) for item in done.to_facts()["left"]] == [
        ("database", "is not part of the database: name it in databases to move it")
    ]
    named = house.run(databases=(admin.name,))
    assert named.to_facts()["moved"] == {user: {"database": 1}}
    assert house.run(databases=(admin.name,)).steps == []


@pytest.mark.parametrize("shared", [False, True])
def test_an_extension_moves_only_alone(house: House, shared: bool) -> None:
    user = house.user()
    house.admin.execute(f'ALTER ROLE "{user.user}" SUPERUSER')
    user.execute("CREATE EXTENSION vector")
    house.admin.execute(f'ALTER ROLE "{user.user}" NOSUPERUSER')
    make(house, user.user, {"beside": "table"})
    if not shared:
        settle(house, user.user)
        return
    house.admin.execute(f'ALTER DATABASE "{house.admin.name}" OWNER TO "{user.user}"')
    done = house.run()
    assert done.to_facts()["outcome"] == "findings"
    assert done.warnings() == [
        f"The extension vector still belongs to {user.user}: only REASSIGN OWNED moves an extension, and that would move the"
        f" database {house.admin.name} too: an administrator drops the extension and creates it as the owner."
    ]
    assert house.admin.execute(
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    ) == [(user.user,)]


def test_sources(house: House) -> None:
    one, two, kept = (house.user().user for _number in range(3))
    for role in (one, two, kept):
        make(house, role, {role: "schema"})
    assert set(house.run(check=True, from_roles=(one, "gone")).to_facts()["moved"]) == {one}
    assert set(house.run(check=True, except_roles=(kept,)).to_facts()["moved"]) == {one, two}
    assert [item.identity for item in house.run(schemas=(f"{two}a",)).plan.moving] == [
        f'"{two}a"',
        f'"{two}a"."{two}b"',
    ]


def test_missing_rights_are_said_beforehand(house: House, older_house: House) -> None:
    for place in (house, older_house):
        old, live = place.user(), place.user()
        make(place, old.user, {"left": "table"})
        make(place, live.user, {"own": "table"})
        place.expire(old.user)
        before = place.foreign()
        for check in (True, False):
            with pytest.raises(Refused) as refused:
                place.run(live, check=check)
            assert str(refused.value) == (
                f"The role {live.user} may not give 3 objects of {old.user} in the database {place.admin.name} on"
                f' 127.0.0.1:{place.admin.port} to {place.owner}: have an administrator run GRANT "{old.user}" TO'
                f' "{live.user}", or connect as one (db_user and its password, in an inventory erp_db_admin_user and'
                " erp_db_admin_password)."
            )
            assert refused.value.facts["lacking_roles"] == [old.user]
        assert place.foreign() == before
        # What the message says is enough.
        for statement in refused.value.facts["missing_grants"]:
            place.admin.execute(statement)
        place.run(live)
        assert place.foreign() == []


MEMBERSHIPS = {
    "no membership": ('REVOKE "{owner}" FROM "{user}"', 'GRANT "{owner}" TO "{user}"'),
    "no set": ('GRANT "{owner}" TO "{user}" WITH SET FALSE', 'GRANT "{owner}" TO "{user}" WITH SET TRUE'),
    "no create": ('ALTER DATABASE "{database}" OWNER TO postgres', 'GRANT CREATE ON SCHEMA "public" TO "{owner}"'),
    "no inherit": ('GRANT "{user}" TO "{user}2" WITH INHERIT FALSE', 'GRANT "{user}" TO "{user}2" WITH INHERIT TRUE'),
}


@pytest.mark.parametrize("case", MEMBERSHIPS)
def test_each_missing_right(house: House, case: str) -> None:
    user = house.user()
    other = house.user(f"{user.user}2")
    make(house, user.user, {"own": "table"})
    words = {"owner": house.owner, "user": user.user, "database": house.admin.name}
    taken, statement = (text.format(**words) for text in MEMBERSHIPS[case])
    house.admin.execute(taken)
    with pytest.raises(Refused) as refused:
        house.run(other if case == "no inherit" else user)
    assert refused.value.facts["missing_grants"] == [statement]
    house.admin.execute(statement)
    house.run(other if case == "no inherit" else user)
    assert house.foreign() == []


def test_a_schema_needs_the_database(house: House) -> None:
    user = house.user()
    make(house, user.user, {"own": "schema"})
    house.admin.execute(f'ALTER DATABASE "{house.admin.name}" OWNER TO postgres')
    with pytest.raises(Refused) as refused:
        house.run(user)
    assert refused.value.facts["missing_grants"] == [f'GRANT CREATE ON DATABASE "{house.admin.name}" TO "{user.user}"']
    house.admin.execute(refused.value.facts["missing_grants"][0])
    house.run(user)
    assert house.foreign() == []


def test_a_busy_table_is_one_sentence_and_no_change(house: House) -> None:
    user = house.user()
    make(house, user.user, {"one": "table"})
    make(house, user.user, {"two": "table"})
    before = house.foreign()
    with closing(house.admin.connect(autocommit=False)) as busy:
        busy.execute(b"SELECT * FROM public.twoa")
        with pytest.raises(ErpError) as failed:
            house.run(lock_timeout=0.1)
        # A plan waits for nobody.
        assert len(house.run(check=True).plan.moving) == 2
        busy.rollback()
    assert str(failed.value) == (
        f"The table public.twoa in the database {house.admin.name} on 127.0.0.1:{house.admin.port} was in use for longer than"
        " 0.1 seconds: nothing was changed, run again when that has ended, or raise lock_timeout."
    )
    assert house.foreign() == before


def test_a_name_that_is_nobodys(house: House) -> None:
    with pytest.raises(ErpError, match="There is no role nobody-here in the database"):
        house.run(grant_to=("nobody-here",))
    with pytest.raises(ErpError, match="There is no schema pubic in the database"):
        house.run(schemas=("pubic",))


def test_reading_and_writing_for_others(house: House) -> None:
    """A member that does not inherit, and an owner role whose own rights were taken away."""
    user, reader = house.user(), house.user()
    house.admin.execute(f'REVOKE "{house.owner}" FROM "{reader.user}"')
    for kind in ("table", "schema", "view", "sequence"):
        make(house, user.user, {kind: kind})
    house.admin.execute(f'REVOKE ALL ON public.tablea FROM "{user.user}"')
    wanted = (house.owner, reader.user)
    planned = house.run(check=True, grant_to=wanted)
    done = house.run(grant_to=wanted)
    assert planned.to_facts() == done.to_facts()
    assert house.run(grant_to=wanted).steps == []
    for member in (reader, house.user()):
        with closing(member.connect()) as session:
            session.execute(b"INSERT INTO public.tablea (label) VALUES ('x')")
            session.execute(b"INSERT INTO schemaa.schemab DEFAULT VALUES")
            session.execute(b"UPDATE public.tablea SET label = 'y'")
            session.execute(b"SELECT nextval('public.sequencea'), one FROM public.viewa")


def test_default_privileges(house: House) -> None:
    rotating, successor, gone = house.user(), house.user(), house.user()
    house.run(default_privileges=True)
    rotating.execute("CREATE TABLE public.fresh (id serial)")
    successor.execute("INSERT INTO public.fresh DEFAULT VALUES")
    house.expire(gone.user)
    planned = house.run(check=True, default_privileges=True)
    done = house.run(default_privileges=True)
    assert planned.to_facts() == done.to_facts()
    assert [query for query in done.to_facts()["queries"] if "REVOKE" in query] == [
        f'ALTER DEFAULT PRIVILEGES FOR ROLE "{gone.user}" IN SCHEMA "public" REVOKE ALL ON {kind} FROM "{house.owner}"'
        for kind in ("TABLES", "SEQUENCES")
    ]
    house.revoke(gone.user)
    assert house.run(default_privileges=True).steps == []
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        house.revoke(rotating.user)
    another, live = house.user(), house.user()
    with pytest.raises(Refused) as refused:
        house.run(live, default_privileges=True)
    assert refused.value.facts["lacking_roles"] == [another.user]
    assert "may not give the default privileges of" in str(refused.value)
