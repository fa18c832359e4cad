# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox, with real servers: started, found again after a crash, stopped without a trace."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from typing import Any

import boto3
import psycopg
import pytest
import requests

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError, Refused
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.process import ProcessRef
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.sandbox import Sandbox
from tests.support.databases import Cluster
from tests.support.paths import DOCUMENTS_TAR, FIXTURES, ROOT
from tests.support.restore_points import small_database

ALL_STOPS = ["stop the stand-in for Dolibarr", "stop the object store", "stop PostgreSQL 18"]
RESTARTS = [
    "start PostgreSQL 18",
    "start the object store",
    "create the bucket",
    "start the stand-in for Dolibarr",
]
ALL_STEPS = [
    "start PostgreSQL 18",
    "load the sample database",
    "start the object store",
    "create the bucket",
    "unpack the sample documents",
    "start the stand-in for Dolibarr",
]


@pytest.fixture
def place() -> Iterator[pathlib.Path]:
    """A directory that everybody may enter, for a sandbox that is gone afterwards."""
    parent = pathlib.Path(tempfile.mkdtemp(prefix="erp-sandbox-"))
    parent.chmod(0o755)
    try:
        yield parent / "sandbox"
    finally:
        if (parent / "sandbox" / "secrets.json").exists():
            Sandbox(parent / "sandbox", FIXTURES).remove()
        shutil.rmtree(parent)


@pytest.fixture
def sandbox(place: pathlib.Path, small: pathlib.Path) -> Sandbox:
    return Sandbox(place, small)


@pytest.fixture(scope="module")
def small(postgres: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    """The sample with a few tables of its database, which load in no time."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="erp-sample-"))
    try:
        yield small_sample(postgres, root)
    finally:
        shutil.rmtree(root)


def small_sample(postgres: Cluster, root: pathlib.Path) -> pathlib.Path:
    """Write the small sample below a directory that everybody may enter."""
    root.chmod(0o755)
    fixtures = root / "tests" / "fixtures" / "dolibarr"
    shutil.copytree(FIXTURES, fixtures)
    (root / "tests" / "support").symlink_to(ROOT / "tests" / "support")
    names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    with small_database(postgres) as database:
        subprocess.run(
            [postgres.bin_dir / "pg_dump", "-Fc", "--file", fixtures / "db" / "erp.dump", database.name],
            env=database.environment(),
            check=True,
        )
        rows = [
            f"{name}\t{number}\tdolibarr\n"
            for (name,) in database.execute(names)
            for (number,) in database.execute(f"SELECT count(*) FROM {name}")
        ]
    (fixtures / "db" / "tables.tsv").write_text("table\trows\towner\n" + "".join(rows), encoding="utf-8")
    return fixtures


def secret(place: pathlib.Path, name: str) -> str:
    value: str = json.loads((place / "secrets.json").read_text(encoding="utf-8"))[name]
    return value


def connect(
    sandbox: Sandbox, user: str = "postgres", secret_name: str = "superuser_password", dbname: str = "erp"
) -> psycopg.Connection[Any]:
    found = sandbox.start(check=True).endpoints
    assert found is not None
    database = found["postgresql"]
    return psycopg.connect(
        host=database["host"],
        port=database["port"],
        dbname=dbname,
        user=user,
        password=secret(sandbox.path, secret_name),
        autocommit=True,
    )


def ask_dolibarr(sandbox: Sandbox, key: str) -> requests.Response:
    found = sandbox.start(check=True).endpoints
    assert found is not None
    url = f"{found['dolibarr']['url']}/api/index.php/status"
    return requests.get(url, headers={"DOLAPIKEY": key}, proxies={"http": ""}, timeout=10)


def buckets(sandbox: Sandbox) -> list[str]:
    found = sandbox.start(check=True).endpoints
    assert found is not None
    client = boto3.client(
        "s3",
        endpoint_url=found["object_store"]["endpoint"],
        region_name="us-east-1",
        aws_access_key_id=secret(sandbox.path, "s3_access_key"),
        aws_secret_access_key=secret(sandbox.path, "s3_secret_key"),
    )
    return [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]


def processes_of(place: pathlib.Path) -> list[int]:
    """Every process that names the sandbox or works in it, PostgreSQL's children included."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_text(encoding="utf-8", errors="replace")
                held = [os.readlink(entry / "cwd"), *(os.readlink(handle) for handle in (entry / "fd").iterdir())]
                if str(place) in words or any(path.startswith(str(place)) for path in held):
                    found.append(int(entry.name))
    return found


def kill(pid: int) -> None:
    process = ProcessRef.of(pid)
    assert process is not None
    process.stop(signal.SIGKILL)


def test_starts_once_and_stops_without_a_trace(place: pathlib.Path) -> None:
    sandbox = Sandbox(place, FIXTURES)
    first = sandbox.start()
    assert first.actions == ALL_STEPS
    assert first.endpoints is not None
    again = sandbox.start()
    assert again.actions == []
    assert again.endpoints == first.endpoints

    with connect(sandbox) as connection:
        assert connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone() == (277,)
        assert connection.execute(
            "select distinct tableowner from pg_tables where schemaname = 'public'"
        ).fetchall() == [("dolibarr",)]
    assert buckets(sandbox) == ["erp-backups"]
    with tarfile.open(DOCUMENTS_TAR) as archive:
        for member in archive:
            found = (place / member.name).stat()
            assert (found.st_mtime, stat.S_IMODE(found.st_mode)) == (member.mtime, member.mode)
            assert found.st_uid == (member.uid if os.geteuid() == 0 else os.geteuid())

    assert ask_dolibarr(sandbox, secret(place, "dolibarr_api_key")).json()["success"]["dolibarr_version"] == "22.0.4"
    assert ask_dolibarr(sandbox, "another").status_code == 401

    assert len(processes_of(place)) > 3
    assert sandbox.stop().actions == ALL_STOPS
    assert processes_of(place) == []
    assert not (place / "state.json").exists()
    assert sandbox.stop().actions == []

    # A sandbox that was made before there was this secret gets it, and keeps the others.
    known = json.loads((place / "secrets.json").read_text(encoding="utf-8"))
    del known["dolibarr_api_key"]
    (place / "secrets.json").write_text(json.dumps(known), encoding="utf-8")
    assert sandbox.start().actions == RESTARTS
    assert ask_dolibarr(sandbox, secret(place, "dolibarr_api_key")).status_code == 200
    completed = json.loads((place / "secrets.json").read_text(encoding="utf-8"))
    assert completed == {**known, "dolibarr_api_key": completed["dolibarr_api_key"]}
    assert sandbox.remove().actions == [*ALL_STOPS, "remove the directory"]
    assert processes_of(place) == []
    assert not place.exists()
    assert sandbox.remove().actions == []


def check_secrets_are_in_one_file_only(sandbox: Sandbox, place: pathlib.Path) -> None:
    report = sandbox.start()
    file = place / "secrets.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    values = json.loads(file.read_text(encoding="utf-8")).values()
    commands = [pathlib.Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8") for pid in processes_of(place)]
    texts = [json.dumps(report.endpoints), (place / "state.json").read_text(encoding="utf-8"), *commands]
    texts += [log.read_text(encoding="utf-8") for log in place.glob("*/*.log")]
    assert not [value for value in values for text in texts if value in text]


def check_roles_need_their_passwords_and_may_do_no_more_than_they_must(sandbox: Sandbox) -> None:
    with connect(sandbox) as connection:
        assert connection.execute("show unix_socket_directories").fetchone() == ("",)
    with connect(sandbox, "erp_backup", "backup_password") as connection:
        assert connection.execute("select count(*) > 0 from llx_facture").fetchone() == (True,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from llx_facture")
    with connect(sandbox, "dolibarr", "owner_password") as connection:
        assert connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() == (False,)
        connection.execute("update llx_const set note = note")
    for user in ("postgres", "dolibarr", "erp_backup"):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect(sandbox, user, "s3_secret_key")


def test_check_mode_does_nothing_and_what_runs_is_closed(sandbox: Sandbox, place: pathlib.Path) -> None:
    assert sandbox.start(check=True).actions == ALL_STEPS
    assert not place.exists()
    sandbox.start()
    before = processes_of(place)
    assert sandbox.stop(check=True).actions == ALL_STOPS
    assert sandbox.remove(check=True).actions[-1] == "remove the directory"
    assert sandbox.start(check=True).actions == []
    assert processes_of(place) == before

    # One sandbox serves several looks at it: starting costs seconds.
    check_secrets_are_in_one_file_only(sandbox, place)
    check_roles_need_their_passwords_and_may_do_no_more_than_they_must(sandbox)
    check_a_server_is_found_without_the_state_file(sandbox, place)


def test_a_crash_is_repaired_and_keeps_what_was_done(sandbox: Sandbox, place: pathlib.Path) -> None:
    first = sandbox.start().endpoints
    assert first is not None
    with connect(sandbox) as connection:
        connection.execute("create table kept as select 1")
    (place / "documents" / "kept").touch()
    for part in ("postgresql", "object_store", "dolibarr"):
        kill(first[part]["pid"])
    assert (place / "state.json").exists()
    assert (place / "postgresql-18" / "data" / "postmaster.pid").exists()

    assert sandbox.start().actions == RESTARTS
    with connect(sandbox) as connection:
        assert connection.execute("select * from kept").fetchall() == [(1,)]
    assert (place / "documents" / "kept").exists()
    assert json.loads((place / "state.json").read_text(encoding="utf-8"))["object_store"] != first["object_store"]


def test_pids_that_now_belong_to_others_are_left_alone(sandbox: Sandbox, place: pathlib.Path) -> None:
    sandbox.start()
    record = json.loads((place / "object-store" / "process.json").read_text(encoding="utf-8"))
    lock = (place / "postgresql-18" / "data" / "postmaster.pid").read_text(encoding="utf-8").split("\n")
    sandbox.stop()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (place / "object-store" / "process.json").write_text(json.dumps({**record, "pid": stranger.pid}))
        stale = "\n".join([str(stranger.pid), *lock[1:]])
        (place / "postgresql-18" / "data" / "postmaster.pid").write_text(stale, encoding="utf-8")
        assert sandbox.stop().actions == []
        assert sandbox.start().actions[0] == "start PostgreSQL 18"
        assert stranger.poll() is None
        stranger.kill()


def check_a_server_is_found_without_the_state_file(sandbox: Sandbox, place: pathlib.Path) -> None:
    (place / "state.json").unlink()
    assert sandbox.start().actions == []
    assert (place / "state.json").exists()
    (place / "state.json").unlink()
    assert sandbox.stop().actions == ALL_STOPS
    assert processes_of(place) == []


def test_an_interrupted_start_is_completed(sandbox: Sandbox, place: pathlib.Path) -> None:
    sandbox.start()
    with connect(sandbox, dbname="postgres") as connection:
        connection.execute("alter database erp rename to erp_loading")
    (place / "documents").rename(place / "documents.new")
    assert sandbox.start().actions == ["load the sample database", "unpack the sample documents"]
    assert not (place / "documents.new").exists()
    sandbox.stop()
    shutil.rmtree(place / "postgresql-18" / "data")
    (place / "postgresql-18" / "data.new").mkdir()
    (place / "postgresql-18" / "data.new" / "PG_VERSION").touch()
    assert sandbox.start().actions[:2] == ["start PostgreSQL 18", "load the sample database"]


def test_the_database_appears_only_when_it_loaded_whole(
    place: pathlib.Path, tmp_path: pathlib.Path, postgres: Cluster
) -> None:
    fixtures = small_sample(postgres, tmp_path)
    good = (fixtures / "db" / "tables.tsv").read_text(encoding="utf-8")
    (fixtures / "db" / "tables.tsv").write_text(f"{good}llx_missing\t7\tdolibarr\n", encoding="utf-8")
    sandbox = Sandbox(place, fixtures)
    with pytest.raises(ErpError, match="did not load whole; .*llx_missing"):
        sandbox.start()
    (fixtures / "db" / "tables.tsv").write_text(good, encoding="utf-8")
    dump = (fixtures / "db" / "erp.dump").read_bytes()
    (fixtures / "db" / "erp.dump").write_bytes(dump[: len(dump) // 2])
    with pytest.raises(ErpError, match="pg_restore of .* failed"):
        sandbox.start()
    (fixtures / "db" / "erp.dump").write_bytes(dump)
    assert sandbox.start().actions == ALL_STEPS[1:]


def test_another_version_has_a_database_of_its_own(sandbox: Sandbox, place: pathlib.Path) -> None:
    sandbox.start()
    older = Sandbox(place, FIXTURES, 16)  # it cannot read the archive of a newer pg_dump
    assert older.start().actions == ["stop the other PostgreSQL", "start PostgreSQL 16", "load the sample database"]
    with connect(older) as connection:
        assert connection.info.server_version // 10000 == 16
    assert sandbox.start().actions == ["stop the other PostgreSQL", "start PostgreSQL 18"]
    older.stop()
    assert processes_of(place) == []


def test_a_directory_that_is_not_a_sandbox_is_refused(sandbox: Sandbox, place: pathlib.Path) -> None:
    place.mkdir()
    (place / "precious").touch()
    for act in (sandbox.start, sandbox.stop, sandbox.remove):
        with pytest.raises(Refused, match="not empty and holds no secrets.json"):
            act()
    assert list(place.iterdir()) == [place / "precious"]


def test_two_runs_at_once_are_refused(sandbox: Sandbox, place: pathlib.Path) -> None:
    place.mkdir()
    with (place / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_SH)  # the weakest hold that has to stop a run
        with pytest.raises(Refused, match="Another run holds the sandbox"):
            sandbox.start()


def test_no_sample_no_sandbox(place: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with pytest.raises(ErpError, match="lacks .*erp.dump: run this from a clone"):
        Sandbox(place, tmp_path).start()
    assert not place.exists()


def test_runs_below_a_closed_directory_or_says_why_not(tmp_path: pathlib.Path, small: pathlib.Path) -> None:
    tmp_path.chmod(0o700)
    sandbox = Sandbox(tmp_path / "sandbox", small)
    capabilities = pathlib.Path("/proc/self/status").read_text(encoding="ascii").partition("CapBnd:")[2].split()[0]
    may_lend = int(capabilities, 16) >> 2 & 1  # CAP_DAC_READ_SEARCH
    if os.geteuid() != 0 or may_lend:
        assert sandbox.start().actions == ALL_STEPS
        sandbox.remove()
    else:
        with pytest.raises(ErpError, match="run this as an ordinary user"):
            sandbox.start()


def playbook(place: pathlib.Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "ansible", "playbook", "playbooks/sandbox.yml", "-e", f"erp_sandbox_path={place}"]
    # A proxy that the user needs for the package index must not come between.
    environment = {**os.environ, "http_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [*command, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_playbook_starts_and_stops_it(place: pathlib.Path) -> None:
    assert "changed=1" in playbook(place, "--check")
    assert not place.exists()
    shown = playbook(place, "-vvvv")
    assert "changed=1" in shown
    assert not [value for value in json.loads((place / "secrets.json").read_text()).values() if value in shown]
    assert "changed=0" in playbook(place)
    assert "changed=1" in playbook(place, "-e", "sandbox_state=absent")
    assert processes_of(place) == []
    assert not place.exists()
