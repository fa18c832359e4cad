# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds by restore point and by business object: what they keep, who lifts them, and that pruning honours them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import zstandard

from ansible_collections.arcodange.erp.plugins.module_utils.backup.holds import Subject
from ansible_collections.arcodange.erp.plugins.module_utils.backup.info import HoldOptions, InfoOptions, read_info
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import DatabaseOptions
from tests.support import stores
from tests.support.databases import Cluster, Database
from tests.support.prune_scene import DAY, Scene, actions, name, reasons
from tests.support.restore_points import environment, small_database

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
INVOICE = Subject("invoice", "FA2501-0001")
PDF = "facture/FA2501-0001/FA2501-0001.pdf"
MODULE = "ansible_collections.arcodange.erp.plugins.modules.erp_backup_info"


@pytest.fixture
def scene(object_store: stores.Store) -> Scene:
    return Scene(object_store, NOW)


@pytest.fixture(scope="module")
def database(postgres: Cluster) -> Iterator[Database]:
    with small_database(postgres) as database:
        yield database


def back_up(scene: Scene, age: int, documents: Mapping[str, str], last: str = "FA2612-0099", dump: str = "") -> str:
    """A restore point so many days old with these documents, path to content, written without the code under test."""
    instant = (NOW - age * DAY).replace(hour=4)
    lines = [
        {
            "type": "file",
            "path": path,
            "mode": "0644",
            "uid": 33,
            "gid": 33,
            "user": "",
            "group": "",
            "mtime_ns": 0,
            "ctime_ns": 0,
            "size": len(content),
            "sha256": hashlib.sha256(content.encode()).hexdigest(),
            "archive": "docs/x",
            "frame": 0,
            "offset": 0,
        }
        for path, content in documents.items()
    ]
    # As a backup does: an index that says what an earlier one says is not stored again.
    text = b"".join(json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for line in lines)
    packed = zstandard.compress(text)
    alike = (key for key in sorted(scene.listing("docs/")) if scene.read(key) == packed)
    bodies = {
        next(alike, f"docs/{name(instant)}.index.jsonl.zst"): ("index", packed),
        f"db/{dump or name(instant)}.dump.zst": ("database", (dump or name(instant)).encode()),
    }
    objects = []
    for key, (part, body) in bodies.items():
        objects.append({"key": key, "size": len(body), "sha256": hashlib.sha256(body).hexdigest(), "part": part})
    figures = {"customer_invoices": {"last_numbers": {"FA": last}}}
    ident = scene.back_up(
        instant,
        archive=False,
        dump=False,
        objects=objects,
        business=figures,
        database={"rows": 1, "dumped": instant.isoformat()},
        documents={"files": len(lines), "bytes": 1},
        versions={},
        skipped=[],
    )
    for key, (_part, body) in bodies.items():
        scene.write(key, body)
    return ident


def info(scene: Scene, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    """What the module would return at the time of the scene."""
    return read_info(scene.store, scene.instance, InfoOptions(**options), check_mode, scene.now)


def wish(*subjects: Subject, points: tuple[str, ...] = (), holder: str = "accountant", **more: Any) -> HoldOptions:
    return HoldOptions(holder, more.pop("reason", "tax audit"), points=points, subjects=subjects, **more)


def points_of(facts: dict[str, Any], number: int = 0) -> list[str]:
    return [point["id"] for point in facts["resolved"][number]["restore_points"]]


def holders(scene: Scene) -> dict[str, list[str]]:
    """Who holds what, as a listing says."""
    points = info(scene)["restore_points"]
    return {one["id"]: [hold["holder"] for hold in one["holds"]] for one in points if one["holds"]}


def options(database: Database) -> DatabaseOptions:
    return DatabaseOptions(database.host, database.port, database.name, database.user, database.password)


def test_a_hold_by_id_is_recorded_once_and_lifted_by_its_holder_alone(scene: Scene) -> None:
    old, new = (back_up(scene, age, {PDF: "one"}) for age in (2, 1))
    first = info(scene, hold=wish(points=(old, "latest"), review=date(2027, 6, 30)))
    assert (first["outcome"], first["changed"]) == ("done", True)
    assert [one["id"] for one in first["recorded"]] == [old, new]
    written = scene.listing("records/")
    again = info(scene, hold=wish(points=(old,)))
    assert (again["outcome"], again["changed"], again["recorded"]) == ("unchanged", False, [])
    info(scene, hold=wish(points=(old,), holder="lawyer", reason="trial"))
    assert holders(scene) == {new: ["accountant"], old: ["accountant", "lawyer"]}
    assert info(scene, release=wish(points=(old,), holder="nobody"))["changed"] is False
    assert info(scene, release=wish(points=(old, new)))["changed"] is True
    assert holders(scene) == {old: ["lawyer"]}
    assert written <= scene.listing("records/")
    state = {one["id"]: one["states"] for one in info(scene)["restore_points"]}
    assert state == {old: ["complete", "verified", "held"], new: ["complete", "verified"]}


def test_check_mode_shows_the_difference_and_records_nothing(scene: Scene) -> None:
    point = back_up(scene, 1, {PDF: "one"})
    before = scene.listing()
    facts = info(scene, check_mode=True, hold=wish(INVOICE, review=date(2027, 6, 30)))
    assert (facts["changed"], facts["outcome"]) == (True, "done")
    line = f"{point} tax audit (accountant, invoice FA2501-0001, review 2027-06-30)\n"
    assert (facts["diff"]["before"], facts["diff"]["after"]) == ("", line)
    assert facts["recorded"] == [
        {
            "id": point,
            "kind": "hold",
            "holder": "accountant",
            "reason": "tax audit",
            "review": "2027-06-30",
            "object": {"invoice": "FA2501-0001"},
        }
    ]
    assert scene.listing() == before


def test_a_review_that_is_due_is_listed_until_it_is_put_off(scene: Scene) -> None:
    point = back_up(scene, 1, {PDF: "one"})
    info(scene, hold=wish(points=(point,), review=date(2026, 11, 20)))
    (overdue,) = info(scene, points=(point,))["overdue_holds"]
    assert (overdue["id"], overdue["holder"], overdue["review"], overdue["overdue"]) == (
        point,
        "accountant",
        "2026-11-20",
        True,
    )
    assert info(scene, hold=wish(points=(point,), review=date(2027, 11, 20)))["changed"] is True
    facts = info(scene)
    assert facts["overdue_holds"] == []
    assert [hold["review"] for hold in facts["restore_points"][0]["holds"]] == ["2027-11-20"]


class TestInvoice:
    """An invoice that is issued, whose PDF is made again later, and what stays of it."""

    OTHER = {"facture/FA2501-0002/FA2501-0002.pdf": "x", "facture/FA2501-00010/FA2501-00010.pdf": "y"}
    LAST = OTHER | {PDF: "three", "facture/FA2501-0001/detail.pdf": "d"}
    DUMP = name((NOW - 5 * DAY).replace(hour=4))

    @pytest.fixture
    def points(self, scene: Scene) -> list[str]:
        """A draft; issued; a logo; made again; once more, twice the same."""
        history = [
            ("FA2412-0000", {"facture/(PROV1)/(PROV1).pdf": "draft"}, ""),
            ("FA2501-0001", {PDF: "one"}, ""),
            ("FA2501-0001", {PDF: "one", "societe/1/logo.png": "x"}, ""),
            ("FA2501-0002", {PDF: "two", **self.OTHER}, ""),
            ("FA2501-0002", {PDF: "two"}, ""),
            ("FA2501-0002", self.LAST, self.DUMP),
            ("FA2501-0002", self.LAST, self.DUMP),
        ]
        return [
            back_up(scene, 10 - number, documents, last, dump) for number, (last, documents, dump) in enumerate(history)
        ]

    def test_everything_needed_is_held_and_nothing_else(self, scene: Scene, points: list[str]) -> None:
        (found,) = info(scene, hold=wish(INVOICE))["resolved"]
        digest = hashlib.sha256(b"two").hexdigest()[:12]
        assert found == {
            "object": {"invoice": "FA2501-0001"},
            "restore_points": [
                {"id": points[1], "reasons": ["the first one that holds the invoice FA2501-0001 as issued"]},
                {"id": points[4], "reasons": [f"the newest one that holds {PDF} with SHA-256 {digest}"]},
                {"id": points[6], "reasons": ["the newest restore point"]},
            ],
            "document_versions": 4,
            "only_in_damaged": [],
            "without_documents": [],
        }
        assert set(holders(scene)) == {points[1], points[4], points[6]}

    def test_a_second_time_changes_nothing_until_there_is_more_to_hold(self, scene: Scene, points: list[str]) -> None:
        info(scene, hold=wish(INVOICE))
        assert info(scene, hold=wish(INVOICE))["changed"] is False
        back_up(scene, 3, self.LAST, "FA2501-0002", self.DUMP)
        assert info(scene, hold=wish(INVOICE))["changed"] is False
        new = back_up(scene, 2, self.LAST, "FA2501-0002")
        assert [one["id"] for one in info(scene, hold=wish(INVOICE))["recorded"]] == [new]

    def test_a_release_of_the_object_lifts_it_everywhere_and_nothing_else(
        self, scene: Scene, points: list[str]
    ) -> None:
        info(scene, hold=wish(INVOICE, points=(points[0],)))
        info(scene, hold=wish(INVOICE, holder="lawyer", reason="trial"))
        assert info(scene, release=wish(Subject("invoice", "FA2501-0002")))["changed"] is False
        assert info(scene, release=wish(INVOICE))["changed"] is True
        held = holders(scene)
        assert held.pop(points[0]) == ["accountant"]
        assert set(map(tuple, held.values())) == {("lawyer",)}

    def test_every_prune_honours_it(self, scene: Scene, points: list[str]) -> None:
        rule: dict[str, Any] = {
            "days": 0,
            "months": 0,
            "years": 0,
            "keep_oldest": False,
            "max_delete_share": 1.0,
            "grace_days": 0,
        }
        rule |= {"max_delete_yearly": 9, "verified_floor": 1}
        unheld = scene.prune(check_mode=True, allow_stale_anchor=True, **rule).facts
        assert actions(unheld, "keep") == {points[6]}
        facts = info(scene, hold=wish(INVOICE))
        kept = points_of(facts)
        planned = scene.prune(check_mode=True, allow_stale_anchor=True, **rule).facts
        assert actions(planned, "keep") == set(kept)
        assert "held: tax audit (accountant, invoice FA2501-0001)" in reasons(planned, points[1])
        scene.prune(allow_stale_anchor=True, **rule)
        assert set(scene.ids()) == set(kept)
        info(scene, release=wish(INVOICE))
        scene.now += timedelta(hours=1)
        released = scene.prune(check_mode=True, allow_stale_anchor=True, **rule).facts
        assert actions(released, "keep") == {kept[-1]}

    def test_what_a_damaged_restore_point_holds_is_held_elsewhere(self, scene: Scene, points: list[str]) -> None:
        scene.record(points[4], "damaged", NOW, json.dumps({"findings": []}).encode())
        assert points_of(info(scene, hold=wish(INVOICE))) == [points[1], points[3], points[6]]

    def test_an_unknown_one_is_one_sentence_and_records_nothing(self, scene: Scene, points: list[str]) -> None:
        before = scene.listing()
        with pytest.raises(ErpError, match="No restore point holds anything of the invoice FA2501-0077"):
            info(scene, hold=wish(INVOICE, Subject("invoice", "FA2501-0077")))
        with pytest.raises(ErpError, match="There is no restore point 20200101T000000Z .*: correct hold"):
            info(scene, hold=wish(INVOICE, points=("20200101T000000Z",)))
        assert scene.listing() == before


class TestCustomerAndYear:
    """Which invoices belong to them is known to the database alone."""

    def documents(self, database: Database, query: str) -> dict[str, str]:
        return {f"facture/{ref}/{ref}.pdf": ref for (ref,) in database.execute(query)}

    def test_a_customer_is_its_folder_and_the_folders_of_its_invoices(self, scene: Scene, database: Database) -> None:
        every = self.documents(database, "SELECT ref FROM llx_facture WHERE fk_statut > 0")
        mine = self.documents(database, "SELECT ref FROM llx_facture WHERE fk_statut > 0 AND fk_soc = 3")
        assert len(mine) == 4
        (first, *_rest) = mine
        points = [
            back_up(scene, 9, {}, "FA2412-0000"),
            back_up(scene, 8, every | {first: "as issued"}, "FA2610-0036"),
            back_up(scene, 7, every | {first: "made again", f"2/{first}": "of the other company"}),
            back_up(scene, 6, every | {"societe/3/terms.pdf": "old", "societe/33/terms.pdf": "x"}),
            back_up(scene, 5, every | {"societe/3/terms.pdf": "new", "societe/33/terms.pdf": "y"}),
        ]
        facts = info(scene, hold=wish(Subject("customer", "3")), database=options(database))
        assert points_of(facts) == points[1:]
        assert facts["resolved"][0]["document_versions"] == len(mine) + 5
        assert "every invoice of the customer 3 as issued" in str(facts["resolved"])

    def test_a_year_is_the_invoices_dated_in_it_from_both_sides(self, scene: Scene, database: Database) -> None:
        every = self.documents(database, "SELECT ref FROM llx_facture WHERE fk_statut > 0")
        supplier = "fournisseur/facture/0/1/SI2509-0010/CEDRE-2025-09.pdf"
        points = [
            back_up(scene, 9, {supplier: "lost later"}, "FA2501-0001"),
            back_up(scene, 8, every, "FA2611-0038"),
            # Dated 2026: nothing of the year 2025 is in them alone.
            back_up(scene, 7, every | {"facture/FA2602-0024/FA2602-0024.pdf": "made again"}, "FA2611-0038"),
            back_up(scene, 6, every, "FA2611-0038"),
        ]
        facts = info(scene, hold=wish(Subject("year", "2025")), database=options(database))
        assert points_of(facts) == [points[0], points[1], points[3]]
        assert facts["resolved"][0]["without_documents"] == []

    @pytest.mark.parametrize(
        ("subject", "sentence"),
        [
            (Subject("customer", "777"), "The database knows no third party 777"),
            (Subject("year", "1999"), "The database knows no issued invoice of the year 1999"),
            (Subject("customer", "three"), "'three' in objects is no customer"),
        ],
    )
    def test_what_the_database_does_not_know_is_one_sentence(
        self, scene: Scene, database: Database, subject: Subject, sentence: str
    ) -> None:
        back_up(scene, 1, {PDF: "one"})
        with pytest.raises(ErpError, match=sentence):
            info(scene, hold=wish(subject), database=options(database))

    def test_without_a_database_it_is_said_that_one_is_needed(self, scene: Scene) -> None:
        back_up(scene, 1, {PDF: "one"})
        with pytest.raises(ErpError, match="which invoices belong to the customer 3: set db_host, db_name and db_user"):
            info(scene, hold=wish(Subject("customer", "3")))
        assert info(scene, release=wish(Subject("customer", "3")))["changed"] is False

    def test_the_database_is_only_read(self, scene: Scene, postgres: Cluster, database: Database) -> None:
        back_up(scene, 1, {PDF: "one"})
        reader = dataclasses.replace(options(database), user="erp_backup", password=postgres.backup_password)
        assert info(scene, hold=wish(Subject("year", "2025")), database=reader)["changed"] is True


def test_the_module_takes_the_options_as_documented(scene: Scene) -> None:
    point = back_up(scene, 1, {PDF: "one"})
    arguments = {
        **scene.bucket.module_options(),
        "s3_prefix": scene.prefix,
        "instance_id": scene.instance,
        "hold": {
            "holder": "accountant",
            "reason": "tax audit",
            "review": "2027-06-30",
            "objects": [{"invoice": "FA2501-0001"}],
        },
        "_ansible_diff": True,
    }

    def run(**changes: Any) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-P", "-m", MODULE],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments | changes}),
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=environment(),
        )
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    first = run()
    assert (first["changed"], points_of(first)) == (True, [point])
    assert first["diff"]["after"] == f"{point} tax audit (accountant, invoice FA2501-0001, review 2027-06-30)\n"
    again = run(_ansible_diff=False)
    assert (again["changed"], "diff" in again) == (False, False)
    assert "Each of objects names one" in run(hold={"holder": "a", "reason": "b", "objects": [{}]})["msg"]
