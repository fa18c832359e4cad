# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules and the playbook as Ansible runs them: what they return, whose credentials they use, and no secret shown."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
from typing import Any

from psycopg import sql

from tests.support.databases import Database
from tests.support.ownership import PASSWORD, House, make_object
from tests.support.paths import ROOT
from tests.support.playbooks import PLAYBOOK, playbook_environment
from tests.support.restore_points import Ended
from tests.support.restore_scene import run_module

MODULES = "ansible_collections.arcodange.erp.plugins.modules."


def module(name: str, user: Database, check_mode: bool = False, **options: Any) -> Ended:
    given = {**user.module_options(), "_ansible_check_mode": check_mode, "_ansible_diff": True, **options}
    return run_module(json.dumps({"ANSIBLE_MODULE_ARGS": given}), MODULES + name)


def make(house: House, role: str, name: str) -> None:
    with house.admin.connect(autocommit=False) as connection:
        make_object(connection, "table", role, name)


def test_results(house: House) -> None:
    user, other = house.user(), house.user()
    make(house, user.user, "fresh")
    planned = module("pg_reassign_owned", user, check_mode=True, db_owner=house.owner)
    done = module("pg_reassign_owned", user, db_owner=house.owner)
    for ended in (planned, done):
        assert (ended.status, ended.result["changed"], ended.result["outcome"]) == (0, True, "done"), ended.output
        assert ended.result["moved"] == {user.user: {"sequence": 2, "table": 1}}
        assert ended.result["queries"] == [f'ALTER TABLE public.fresha OWNER TO "{house.owner}"']
        assert ended.result["diff"]["before"]["table public.fresha"] == user.user
        assert ended.result["diff"]["after"]["table public.fresha"] == house.owner
        assert PASSWORD not in ended.output
    assert module("pg_reassign_owned", user, db_owner=house.owner).result["outcome"] == "unchanged"
    make(house, other.user, "late")
    with other.connect(application_name="dolibarr"):
        found = module("erp_database_info", house.admin, db_owner=house.owner)
    assert (found.status, found.result["outcome"], found.result["changed"]) == (0, "findings", False), found.output
    assert found.result["foreign_owners"] == {"count": 3, "owners": {other.user: {"sequence": 2, "table": 1}}}
    assert (other.user, "dolibarr") in [(item["user"], item["application"]) for item in found.result["sessions"]]
    assert (found.result["server_major"], found.result["dolibarr_version"]) == (18, None)
    assert found.result["holds_dolibarr"] is False
    refused = module("pg_reassign_owned", user, db_owner=house.owner)
    assert (refused.status, refused.result["outcome"]) == (1, "refused")
    assert refused.result["missing_grants"] == [f'GRANT "{other.user}" TO "{user.user}"']
    gone = module("erp_database_info", user, db_password="planted-wrong-password-91e4")
    assert (gone.status, gone.result["reachable"]) == (0, False), gone.output
    assert gone.result["reason"].endswith("the user or password is wrong: check db_user and db_password.")
    assert gone.result["login_refused"] is True
    assert "planted" not in gone.output
    away = module("erp_database_info", user, db_port=1)
    assert (away.result["reachable"], away.result["login_refused"]) == (False, False), away.output


def test_the_version_of_dolibarr(sample_database: Database) -> None:
    found = module("erp_database_info", sample_database, db_owner=sample_database.user).result
    assert (found["dolibarr_version"], found["foreign_owners"]["count"]) == ("22.0.4", 0), found
    assert found["holds_dolibarr"] is True


def test_tables_of_dolibarr_that_may_not_be_read(house: House) -> None:
    user, other = house.user(), house.user()
    with house.admin.connect() as connection:
        connection.execute("CREATE TABLE public.llx_const (name text, value text)")
        connection.execute(sql.SQL("ALTER TABLE public.llx_const OWNER TO {}").format(sql.Identifier(user.user)))
    found = module("erp_database_info", other, db_owner=house.owner).result
    assert (found["holds_dolibarr"], found["dolibarr_version"]) == (True, None), found
    assert found["foreign_owners"]["count"] == 1


class Operator:
    """A person with an inventory of this house."""

    def __init__(self, house: House, live: Database, home: pathlib.Path) -> None:
        self.home = home
        self.settings: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "erp_db_host": live.host,
            "erp_db_port": live.port,
            "erp_db_name": live.name,
            "erp_db_user": live.user,
            "erp_db_password": live.password,
            "erp_db_owner": house.owner,
        }

    def play(self, *words: str, **settings: Any) -> tuple[int, str]:
        inventory = self.home / "inventory.json"
        host = {**self.settings, **settings}
        inventory.write_text(json.dumps({"erp_house": {"hosts": {"here": host}}}), encoding="utf-8")
        variables = playbook_environment(self.home)
        command = [str(PLAYBOOK), "playbooks/ownership.yml", "-i", str(inventory), "-e", "env=house", "-vvvv", *words]
        done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
        output = done.stdout + done.stderr
        assert "Traceback" not in output and PASSWORD not in output and "planted" not in output, output
        return done.returncode, output


def test_live_credentials_first_and_an_administrator_where_they_do_not_suffice(
    house: House, tmp_path: pathlib.Path
) -> None:
    old, live = house.user(), house.user()
    make(house, live.user, "own")
    make(house, old.user, "left")
    house.expire(old.user)
    operator = Operator(house, live, tmp_path)
    # Without an administrator: its own, and a sentence for the rest.
    status, output = operator.play()
    assert status == 2 and f'have an administrator run GRANT "{old.user}" TO "{live.user}"' in output, output
    assert {owner for _what, owner in house.foreign()} == {old.user}
    admin = {"erp_db_admin_user": house.admin.user, "erp_db_admin_password": house.admin.password}
    before = house.foreign()
    status, output = operator.play("--check", **admin)
    assert status == 0 and "Would move     3 objects" in output, output
    assert house.foreign() == before
    status, output = operator.play(**admin)
    assert status == 0, output
    assert f"Connected as   {house.admin.user}, because {live.user} lacks 1 rights" in output
    assert re.search(r"here .*changed=1 ", output) and house.admin.password not in output
    assert house.foreign() == []


def test_an_administrator_alone_where_the_live_role_is_in_a_secret_of_the_cluster(
    house: House, tmp_path: pathlib.Path
) -> None:
    old = house.user()
    make(house, old.user, "left")
    operator = Operator(house, house.admin, tmp_path)
    del operator.settings["erp_db_user"], operator.settings["erp_db_password"]
    status, output = operator.play(erp_platform="kubernetes")
    assert status == 2 and "set erp_db_user or erp_db_admin_user for here." in output, output
    admin = {"erp_db_admin_user": house.admin.user, "erp_db_admin_password": house.admin.password}
    status, output = operator.play(erp_platform="kubernetes", **admin)
    assert status == 0, output
    assert house.foreign() == [] and house.admin.password not in output
