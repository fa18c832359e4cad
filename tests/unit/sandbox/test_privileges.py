# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As whom PostgreSQL runs."""

from __future__ import annotations

import os
import pathlib
import pwd
import shutil
from collections.abc import Sequence

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox import privileges

PROGRAM = pathlib.Path("/closed/bin/postgres")
DIRECTORY = pathlib.Path("/closed/.sandbox/postgresql-18")


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")


def test_an_ordinary_user_runs_it_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert privileges.run_as(PROGRAM, DIRECTORY) == privileges.RunAs((), None)


def test_root_steps_down_with_nothing_more_where_that_is_enough(as_root: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges, "_works", lambda argv: True)
    nobody = pwd.getpwnam("nobody")
    user = privileges.run_as(PROGRAM, DIRECTORY)
    assert user.owner == (nobody.pw_uid, nobody.pw_gid)
    assert user.prefix == (
        "/usr/bin/setpriv",
        f"--reuid={nobody.pw_uid}",
        f"--regid={nobody.pw_gid}",
        "--clear-groups",
    )


def test_root_lends_the_right_to_read_where_it_is_needed(as_root: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def works(argv: Sequence[str]) -> bool:
        assert {str(PROGRAM), str(DIRECTORY)} <= set(argv)
        return "--ambient-caps=+dac_read_search" in argv

    monkeypatch.setattr(privileges, "_works", works)
    assert "--ambient-caps=+dac_read_search" in privileges.run_as(PROGRAM, DIRECTORY).prefix


def test_a_machine_that_lends_no_rights_gets_a_sentence(as_root: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges, "_works", lambda argv: False)
    with pytest.raises(ErpError, match=r"nobody, .* cannot read .* run this as an ordinary user\.$"):
        privileges.run_as(PROGRAM, DIRECTORY)


def test_a_machine_without_setpriv_gets_a_sentence(as_root: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ErpError, match="setpriv is not installed"):
        privileges.run_as(PROGRAM, DIRECTORY)
