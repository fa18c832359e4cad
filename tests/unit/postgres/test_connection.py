# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which client program is taken, what it is given, and what a refused connection says."""

from __future__ import annotations

import os
import pathlib

import psycopg
import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.postgres import connection
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import (
    DatabaseError,
    DatabaseOptions,
    LoginRefused,
    find_program,
)

OPTIONS = DatabaseOptions("db.example.com", 5433, "erp", "erp_backup", password="planted-secret")


def program(directory: pathlib.Path, version: str, name: str = "pg_dump") -> str:
    """A program that tells a version."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def installed(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A system on which nothing is installed yet; Debian's places lie below this directory."""
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(
        connection, "glob", lambda pattern: [str(p) for p in sorted((tmp_path / "debian").glob("*/" + pattern[-7:]))]
    )
    return tmp_path


def test_the_oldest_program_that_is_new_enough_is_taken(installed: pathlib.Path) -> None:
    for major in (13, 15, 16, 18):
        program(installed / "debian" / str(major), f"{major}.3 (Debian {major}.3-1)")
    program(installed / "path", "18.1")
    assert find_program("pg_dump", 15, None) == (str(installed / "debian/15/pg_dump"), "15.3")
    assert find_program("pg_dump", 14, None) == (str(installed / "debian/15/pg_dump"), "15.3")
    assert find_program("pg_dump", 17, None)[1] == "18.1"


@pytest.mark.parametrize("version", ["18.4", "19beta2", "18devel", "17.0 (Homebrew)"])
def test_versions_are_read_however_they_are_written(version: str, tmp_path: pathlib.Path) -> None:
    program(tmp_path, version)
    assert find_program("pg_dump", 17, str(tmp_path))[1] == version.split(" ")[0].split("b")[0].split("d")[0]


def test_a_program_older_than_the_server_is_refused(installed: pathlib.Path) -> None:
    path = program(installed / "bin", "15.18")
    with pytest.raises(DatabaseError) as caught:
        find_program("pg_dump", 18, str(installed / "bin"))
    assert str(caught.value) == (
        f"The server is PostgreSQL 18 and needs a pg_dump of version 18 or newer ({path} is 15.18):"
        " install postgresql-client-18 or set pg_bindir."
    )


def test_a_missing_program_is_named_with_the_place_searched(installed: pathlib.Path) -> None:
    with pytest.raises(DatabaseError, match=f"none was found in {installed}/nowhere.: .* or set pg_bindir"):
        find_program("pg_dump", 18, str(installed / "nowhere"))
    with pytest.raises(DatabaseError, match="none was found.: install postgresql-client-18 or set pg_bindir"):
        find_program("pg_dump", 18, None)


@pytest.mark.parametrize("body", ["exit 1", "echo nonsense", "kill -9 $$"])
def test_what_does_not_tell_its_version_is_no_candidate(body: str, installed: pathlib.Path) -> None:
    path = pathlib.Path(program(installed / "path", "18.4"))
    path.write_text(f"#!/bin/sh\n{body}\n")
    with pytest.raises(DatabaseError, match="none was found"):
        find_program("pg_dump", 18, None)


def test_a_chosen_directory_is_the_only_one_searched(installed: pathlib.Path) -> None:
    program(installed / "path", "18.4")
    program(installed / "chosen", "16.1")
    with pytest.raises(DatabaseError, match="chosen/pg_dump is 16.1"):
        find_program("pg_dump", 18, str(installed / "chosen"))


def test_client_programs_see_our_settings_and_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c search_path=elsewhere")
    monkeypatch.setenv("PGSERVICE", "elsewhere")
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    monkeypatch.setenv("PATH", os.environ["PATH"])
    found = {name: value for name, value in OPTIONS.environment().items() if name.startswith("PG")}
    assert found == {
        "PGHOST": "db.example.com",
        "PGPORT": "5433",
        "PGDATABASE": "erp",
        "PGUSER": "erp_backup",
        "PGPASSWORD": "planted-secret",
        "PGSSLMODE": "prefer",
        "PGCONNECT_TIMEOUT": "10",
        "PGAPPNAME": "arcodange.erp",
        "PGTZ": "UTC",
    }
    assert OPTIONS.environment()["PATH"] == os.environ["PATH"]


def test_the_password_is_not_shown() -> None:
    assert "planted-secret" not in repr(OPTIONS)
    assert "planted-secret" not in OPTIONS.describe()


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ('FATAL:  password authentication failed for user "x"', "check db_user and db_password"),
        ("fe_sendauth: no password supplied", "check db_user and db_password"),
        ('FATAL:  database "x" does not exist', "correct db_name"),
        ('FATAL:  role "x" does not exist', "correct db_user"),
        ("server does not support SSL, but SSL was required", "check db_sslmode and db_sslrootcert"),
        ("SSL error: certificate verify failed", "check db_sslmode and db_sslrootcert"),
        ('server certificate for "a" does not match host name "b"', "check db_sslmode and db_sslrootcert"),
        ('could not translate host name "db" to address: Name or service not known', "correct db_host"),
        ("[Errno -2] Name or service not known", "correct db_host"),
        ("connection to server at ... failed: Connection refused", "check db_host and db_port"),
        ("connection timeout expired", "check db_host and db_port"),
        ("No route to host", "check db_host and db_port"),
        (
            'no pg_hba.conf entry for host "192.0.2.1", user "x", database "y", no encryption',
            "pg_hba.conf does not let",
        ),
        (
            'no pg_hba.conf entry for host "192.0.2.1", user "x", database "y", SSL encryption',
            "pg_hba.conf does not let",
        ),
        ("FATAL:  the database system is starting up", "run again in a moment"),
        ("FATAL:  sorry, too many clients already", "run again later or raise max_connections"),
        ("FATAL:  something\n  never seen", "FATAL: something never seen"),
        (
            "FATAL:  authentification par mot de passe échouée pour l'utilisateur  « x »",
            "check db_user and db_password",
        ),
        ("FATAL:  la base de données « x » n'existe pas", "correct db_name"),
        ("FATAL:  le rôle « x » n'existe pas", "correct db_user"),
        ("FATAL:  le rôle « x » n'est pas autorisé à se connecter", "ALTER ROLE ... LOGIN"),
        (
            "aucune entrée dans pg_hba.conf pour l'hôte « h »,\nbase de données « y », aucun chiffrement",
            "pg_hba.conf does not let",
        ),
        ("FATAL:  le système de bases de données se lance", "run again in a moment"),
        ("FATAL:  désolé, trop de clients sont déjà connectés", "run again later or raise max_connections"),
    ],
)
def test_a_refused_connection_says_what_to_do(text: str, advice: str) -> None:
    sentence = connection._explain_connection(OPTIONS, text)
    assert sentence.startswith("Cannot connect to the database erp on db.example.com:5433: ")
    assert advice in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ('password authentication failed for user "x"', True),
        ("authentification par mot de passe échouée pour l'utilisateur  « x »", True),
        ("le rôle « x » n'existe pas", True),
        ("SASL authentication failed", True),
        ("no such user", True),
        ("No such user: v-kubernetes-erp-x1f3", True),
        ("la base de données « x » n'existe pas", False),
        ("désolé, trop de clients sont déjà connectés", False),
    ],
)
def test_a_login_that_is_refused_is_told_from_other_failures(
    text: str, login: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_parameters: object) -> None:
        raise psycopg.OperationalError(f"connection failed: FATAL:  {text}")

    monkeypatch.setattr(psycopg, "connect", refuse)
    with pytest.raises(DatabaseError) as caught:
        connection.connect(OPTIONS)
    assert isinstance(caught.value, LoginRefused) is login
