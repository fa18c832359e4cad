# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The business questions to a restored copy, each with a planted defect that must be found and named.

Defects are planted in a transaction that is rolled back, so that one database serves all tests.
"""

from __future__ import annotations

import hashlib
import pathlib
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import Entry, decode_entry
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import DatabaseOptions
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.snapshot import Snapshot
from ansible_collections.arcodange.erp.plugins.module_utils.restore.business import (
    BusinessFinding,
    business_findings,
    explain_difference,
    live_findings,
)
from tests.support.databases import Cluster, Database
from tests.support.documents import unpack_documents
from tests.support.restore_points import Scene, unpacked
from tests.support.stores import Store

FINGERPRINT = "c0ffee" * 10
SALT = "20261121002531"  # MAIN_SECURITY_SALT of the sample: Dolibarr puts it before whatever it hashes
FIRST = 1789000000  # 2026-09-10 02:26:40 in Paris
LOGGED = ["FA2609-0034", "FA2610-0035", "FA2610-0036", "FA2610-0037", "FA2611-0038"]
ROW = (
    "INSERT INTO llx_blockedlog (rowid, date_creation, action, amounts, ref_object, date_object, user_fullname,"
    " object_data, signature, signature_line, object_version, element, fk_object)"
    " VALUES (%s, %s, 'BILL_VALIDATE', %s, %s, %s, 'Ada', %s, %s, %s, '22.0.4', 'facture', 1)"
)
ENTRY = (
    "INSERT INTO llx_accounting_bookkeeping (rowid, piece_num, doc_date, doc_type, doc_ref, fk_doc, fk_docdet, numero_compte,"
    " label_compte, debit, credit, fk_user_author, code_journal)"
    " VALUES (%s, %s, '2026-09-01', 'customer_invoice', %s, 39, 0, %s, '', %s, %s, 1, 'VT')"
)


def sign(database: Database) -> None:
    """Fill the log as Dolibarr 22 does, its sums made here: PHP signs times as seconds since 1970."""
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO llx_const (rowid, name, entity, value) VALUES (9999, 'BLOCKEDLOG_ENTITY_FINGERPRINT', 1, %s)",
            [FINGERPRINT],
        )
        previous = FINGERPRINT
        for number, ref in enumerate(LOGGED, 1):
            epoch = FIRST + number * 86400
            data = f'{{"ref":"{ref}","thirdparty":{{"name":"Bor\\u00e9ale \\/ fils"}}}}'
            key = f"{epoch}|BILL_VALIDATE|{number}.25|{ref}|{epoch}|Ada|{data}"
            # Paris is two hours ahead of UTC in September.
            local = datetime.fromtimestamp(epoch, UTC).replace(tzinfo=None) + timedelta(hours=2)
            line = hashlib.sha256((SALT + key).encode()).hexdigest()
            previous = hashlib.sha256((SALT + previous + key).encode()).hexdigest()
            connection.execute(ROW, [number, local, f"{number}.25", ref, local, data, previous, line])
        for rowid, (piece, ref, account, debit, credit) in enumerate(
            [
                (1, "FA2609-0034", "411", "7200.00", "0"),
                (1, "FA2609-0034", "706", "0", "6000.00"),
                (1, "FA2609-0034", "44571", "0", "1200.00"),
                (2, "FA2610-0035", "411", "2160.00", "0"),
                (2, "FA2610-0035", "706", "0", "2160.00"),
            ],
            1,
        ):
            connection.execute(ENTRY, [rowid, piece, ref, account, debit, credit])


@pytest.fixture(scope="module")
def scene(postgres: Cluster, moto: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The sample with a log and a ledger, backed up once."""
    database = postgres.sample_database()
    sign(database)
    documents = unpack_documents(tmp_path_factory.mktemp("drill"))
    scene = Scene(database, moto.fresh(), documents, postgres.bin_dir)
    scene.back_up()
    yield scene
    postgres.drop(database.name)


@pytest.fixture(scope="module")
def manifest(scene: Scene) -> Manifest:
    return Manifest(scene.bucket.newest(), "")


@pytest.fixture(scope="module")
def entries(scene: Scene) -> list[Entry]:
    """The index of the restore point."""
    text = unpacked(scene.bucket.read(scene.bucket.part(scene.bucket.newest(), "index")))
    return [decode_entry(line) for line in text.splitlines()]


def opened(scene: Scene) -> Iterator[Snapshot]:
    database = scene.database
    options = DatabaseOptions(database.host, database.port, database.name, database.user, database.password)
    with database.connect(autocommit=False) as connection:
        connection.execute("SET LOCAL search_path = ''")
        yield Snapshot(connection, options, "", datetime.now(UTC), "18", 18)
        connection.rollback()


@pytest.fixture
def copy(scene: Scene) -> Iterator[Snapshot]:
    """What was restored, to plant defects in."""
    yield from opened(scene)


@pytest.fixture
def live(scene: Scene) -> Iterator[Snapshot]:
    """The live database beside it."""
    yield from opened(scene)


Ask = Callable[..., list[BusinessFinding]]


@pytest.fixture
def ask(copy: Snapshot, entries: list[Entry], manifest: Manifest) -> Ask:
    """Plant something in the copy and ask; what was known when it was backed up is left out."""

    def asked(*planted: str, documents: Any = None, **more: Any) -> list[BusinessFinding]:
        for statement in planted:
            copy.connection.execute(statement.encode())
        found = business_findings(copy, entries if documents is None else documents, manifest, **more)
        return [finding for finding in found if not finding.known]

    return asked


def later(manifest: Manifest, rows: int, head: list[Any] | None) -> Manifest:
    """The manifest of another restore point, whose log ends there."""
    business = {**manifest.data["business"], "blockedlog": {"rows": rows, "head": head}}
    return Manifest({**manifest.data, "id": "20991231T040000Z", "business": business}, "")


def test_a_whole_copy_has_no_finding_from_the_index_or_from_the_directory(scene: Scene, ask: Ask) -> None:
    assert ask() == []
    assert ask(documents=str(scene.documents)) == []


class TestDocuments:
    """The PDF of every issued invoice."""

    PDF = "facture/FA2501-0001/FA2501-0001.pdf"

    def test_a_missing_one_is_named_with_invoice_and_customer(self, ask: Ask, entries: list[Entry]) -> None:
        (found,) = ask(documents=[entry for entry in entries if entry.path != self.PDF.encode()])
        assert (found.kind, found.name, found.invoice) == ("pdf_missing", self.PDF, "FA2501-0001")
        assert found.message == (
            f"The PDF {self.PDF} of the invoice FA2501-0001 to Boréale Conseil (third party 1) is missing."
        )

    def test_one_with_another_content_is_named(self, scene: Scene, ask: Ask, tmp_path: pathlib.Path) -> None:
        directory = tmp_path / "documents"
        shutil.copytree(scene.documents, directory)
        (directory / self.PDF).write_bytes(b"made again")
        (found,) = ask(documents=str(directory))
        assert (found.kind, found.invoice, found.customer) == (
            "pdf_changed",
            "FA2501-0001",
            "Boréale Conseil (third party 1)",
        )
        (directory / self.PDF).unlink()
        assert [one.kind for one in ask(documents=str(directory))] == ["pdf_missing"]

    def test_a_supplier_invoice_is_named_by_its_folder(self, ask: Ask, entries: list[Entry]) -> None:
        path = b"fournisseur/facture/0/1/SI2509-0010/CEDRE-2025-09.pdf"
        (found,) = ask(documents=[entry for entry in entries if entry.path != path])
        assert (found.kind, found.invoice) == ("pdf_missing", "SI2509-0010")
        assert "of the supplier invoice SI2509-0010 from Hébergements Cèdre" in found.message

    def test_what_was_so_when_it_was_backed_up_is_marked(
        self, copy: Snapshot, entries: list[Entry], manifest: Manifest
    ) -> None:
        known = {"kind": "invoice", "ref": "FA2501-0001", "class": "missing", "path": self.PDF}
        before = Manifest({**manifest.data, "evidence": {"exceptions": [known]}}, "")
        left = [entry for entry in entries if entry.path != self.PDF.encode()]
        found = business_findings(copy, left, before)
        assert [(one.invoice, one.known) for one in found if one.kind == "pdf_missing"] == [("FA2501-0001", True)]

    def test_an_unreadable_one_is_one_sentence(self, ask: Ask, tmp_path: pathlib.Path) -> None:
        place = tmp_path / self.PDF
        place.parent.mkdir(parents=True)
        place.symlink_to(place)
        with pytest.raises(ErpError, match=r"Cannot read .*FA2501-0001.pdf: .*: let this user read the documents"):
            ask(documents=str(tmp_path))


class TestLedger:
    """Debit equals credit."""

    def test_a_piece_out_of_balance_is_named(self, ask: Ask) -> None:
        (found,) = ask("UPDATE public.llx_accounting_bookkeeping SET credit = 1199.99 WHERE rowid = 3")
        assert (found.kind, found.invoice, found.customer) == (
            "unbalanced",
            "FA2609-0034",
            "Boréale Conseil (third party 1)",
        )
        assert found.message == (
            "In piece 1 of the journal VT, about FA2609-0034 to Boréale Conseil (third party 1),"
            " debit is 7200.00 and credit is 7199.99."
        )

    def test_without_the_accounting_module_nothing_is_asked(self, ask: Ask) -> None:
        assert ask("DELETE FROM public.llx_accounting_bookkeeping") == []
        assert ask("DROP TABLE public.llx_accounting_bookkeeping") == []


class TestNumbers:
    """Series without holes or duplicates, up to the last number that was recorded."""

    def test_a_hole_is_named(self, ask: Ask) -> None:
        (found,) = ask("UPDATE public.llx_facture SET ref = '(PROV39)', fk_statut = 0 WHERE rowid = 39")
        assert found.kind == "number_hole"
        assert "Between FA2608-0033 and FA2610-0035 1 number is missing: FA2608-0034 or FA2610-0034" in found.message

    def test_an_invoice_made_a_draft_again_leaves_no_hole(self, ask: Ask) -> None:
        assert ask("UPDATE public.llx_facture SET fk_statut = 0 WHERE rowid = 39") == []

    def test_the_masks_of_the_copy_count(self, ask: Ask) -> None:
        again = "UPDATE public.llx_facture SET ref = left(ref, 7) || to_char(right(ref, 4)::int - 22, 'FM0000') WHERE ref LIKE 'FA26%'"
        mask = (
            "UPDATE public.llx_const SET value = 'mod_facture_mercure' WHERE name = 'FACTURE_ADDON'",
            "INSERT INTO public.llx_const (rowid, name, entity, value)"
            " VALUES (9998, 'FACTURE_MERCURE_MASK_INVOICE', 1, 'FA{yy}{mm}-{0000@1}')",
        )
        # Numbers that begin anew in 2026 are numbers given twice, unless a mask says so.
        assert {"number_duplicate"} < {one.kind for one in ask(again) if one.kind.startswith("number")}
        assert [one.name for one in ask(*mask) if one.kind.startswith("number")] == ["FA2607-0039"]

    def test_a_hole_that_the_live_one_lacks_is_named_exactly(self, ask: Ask, live: Snapshot) -> None:
        (found,) = ask("UPDATE public.llx_facture SET ref = '(PROV39)', fk_statut = 0 WHERE rowid = 39", live=live)
        assert (found.invoice, found.known) == ("FA2609-0034", False)
        assert "the live database has FA2609-0034" in found.message

    def test_a_number_given_twice_is_named_with_both_customers(self, ask: Ask) -> None:
        found = ask("UPDATE public.llx_facture SET ref = 'FA2609-0033' WHERE rowid = 39")
        assert [one.kind for one in found if one.kind.startswith("number")] == ["number_duplicate", "number_hole"]
        (twice,) = [one for one in found if one.kind == "number_duplicate"]
        assert twice.message == (
            "The number 33 was given 2 times in its series: FA2608-0033, FA2609-0033, to Boréale Conseil (third party 1)."
        )

    def test_the_last_number_of_a_series_is_missed(self, ask: Ask) -> None:
        found = ask("UPDATE public.llx_facture SET ref = '(PROV45)', fk_statut = 0 WHERE rowid = 45")
        assert [(one.kind, one.invoice) for one in found] == [("number_lost", "FA2607-0039")]


class TestChain:
    """The inalterable log."""

    def test_an_altered_row_is_named_with_its_invoice_and_customer(self, ask: Ask) -> None:
        (found,) = ask("UPDATE public.llx_blockedlog SET amounts = 1 WHERE rowid = 2")
        assert (found.kind, found.name, found.invoice) == ("chain_altered", "llx_blockedlog row 2", "FA2610-0035")
        assert found.message == (
            "The row 2 of llx_blockedlog (BILL_VALIDATE FA2610-0035) was altered: its content is not what was signed;"
            " the invoice is to Cabinet Hêtre & Associés (third party 5)."
        )

    def test_a_row_taken_out_is_seen_in_the_next_one(self, ask: Ask) -> None:
        found = ask("DELETE FROM public.llx_blockedlog WHERE rowid = 2")
        assert [(one.kind, one.invoice) for one in found] == [("chain_broken", "FA2610-0036")]

    def test_a_tail_that_was_cut_off_is_seen_by_the_manifest(self, ask: Ask, manifest: Manifest) -> None:
        (found,) = ask("DELETE FROM public.llx_blockedlog WHERE rowid = 5")
        assert (found.kind, found.name) == ("chain_cut", "llx_blockedlog row 5")
        assert f"head of the chain in the restore point {manifest.id}, is gone" in found.message

    def test_the_head_of_the_restore_point_before_must_be_in_it(self, ask: Ask, manifest: Manifest) -> None:
        head = manifest.data["business"]["blockedlog"]["head"]
        assert ask(previous_manifest=later(manifest, 5, head)) == []
        (found,) = ask(previous_manifest=later(manifest, 6, [6, "f" * 64]))
        assert (found.kind, "row 6" in found.message, "20991231T040000Z" in found.message) == ("chain_cut", True, True)

    def test_the_next_restore_point_must_go_on_from_it(self, ask: Ask, manifest: Manifest) -> None:
        assert ask(next_manifest=later(manifest, 7, [7, "f" * 64])) == []
        (found,) = ask(next_manifest=later(manifest, 4, [4, "f" * 64]))
        assert (found.kind, "its end was cut off" in found.message) == ("chain_cut", True)

    def test_a_log_that_is_gone_is_no_log(self, ask: Ask, manifest: Manifest) -> None:
        assert [one.kind for one in ask("DROP TABLE public.llx_blockedlog")] == ["chain_cut"]


class TestLive:
    """What the live one lacks or has otherwise."""

    CHANGE = "UPDATE public.llx_facture SET total_ttc = 1, total_ht = 1 WHERE ref = 'FA2501-0001'"

    def explained(
        self, live: Snapshot, copy: Snapshot, scene: Scene, entries: list[Entry], *planted: str
    ) -> list[BusinessFinding]:
        for statement in planted:
            live.connection.execute(statement.encode())
        return explain_difference(live, copy, entries, str(scene.documents))

    def test_the_same_has_no_difference(
        self, live: Snapshot, copy: Snapshot, scene: Scene, entries: list[Entry]
    ) -> None:
        assert self.explained(live, copy, scene, entries) == []

    def test_three_damages_are_all_found_and_named(
        self, live: Snapshot, copy: Snapshot, scene: Scene, entries: list[Entry], tmp_path: pathlib.Path
    ) -> None:
        live.connection.execute(self.CHANGE.encode())
        live.connection.execute("DROP TABLE public.llx_cronjob")
        directory = tmp_path / "documents"
        shutil.copytree(scene.documents, directory)
        (directory / "facture/FA2501-0002/FA2501-0002.pdf").unlink()
        found = live_findings(live, copy, entries, str(directory))
        assert [(one.kind, one.name, one.invoice, one.customer) for one in found] == [
            ("table_missing", "llx_cronjob", "", ""),
            ("invoice_changed", "llx_facture row 1", "FA2501-0001", "Boréale Conseil (third party 1)"),
            (
                "pdf_missing",
                "facture/FA2501-0002/FA2501-0002.pdf",
                "FA2501-0002",
                "Northwind Prairie LLC (third party 2)",
            ),
        ]
        assert found[1].message == (
            "The invoice FA2501-0001 to Boréale Conseil (third party 1) was changed in the live database:"
            " total HT 4800.00 is now 1.00, total TTC 5760.00 is now 1.00."
        )

    @pytest.mark.parametrize(
        ("planted", "kind", "says"),
        [
            (
                "UPDATE public.llx_facture SET datef = '2025-02-01' WHERE rowid = 1",
                "invoice_changed",
                "date 2025-01-31 is now 2025-02-01",
            ),
            ("UPDATE public.llx_facture SET fk_soc = 2 WHERE rowid = 1", "invoice_changed", "third party 1 is now 2"),
            (
                "UPDATE public.llx_facturedet SET qty = 99 WHERE fk_facture = 1",
                "invoice_changed",
                "its lines say something else",
            ),
            (
                "DELETE FROM public.llx_facturedet WHERE fk_facture = 1",
                "invoice_changed",
                "its lines say something else",
            ),
            ("UPDATE public.llx_facture SET fk_statut = 0 WHERE rowid = 1", "invoice_changed", "status 2 is now 0"),
            (
                "UPDATE public.llx_facture SET fk_statut = 2, paye = 1 WHERE rowid = 45",
                "invoice_status",
                "status 1 is now 2, paid 0 is now 1",
            ),
            (
                "UPDATE public.llx_facture_fourn SET total_ttc = 7 WHERE ref = 'SI2501-0001'",
                "invoice_changed",
                "supplier invoice SI2501-0001 from Hébergements Cèdre (third party 7)",
            ),
        ],
    )
    def test_each_change_is_named(
        self, live: Snapshot, copy: Snapshot, scene: Scene, entries: list[Entry], planted: str, kind: str, says: str
    ) -> None:
        found = self.explained(live, copy, scene, entries, planted)
        assert [one.kind for one in found] == [kind]
        assert says in found[0].message
        drilled = live_findings(live, copy, entries, str(scene.documents))
        assert drilled == (found if kind == "invoice_changed" else [])

    def test_an_invoice_that_is_gone_is_named(
        self, live: Snapshot, copy: Snapshot, scene: Scene, entries: list[Entry]
    ) -> None:
        found = self.explained(
            live,
            copy,
            scene,
            entries,
            "DELETE FROM public.llx_facturedet WHERE fk_facture = 45",
            "DELETE FROM public.llx_facture WHERE rowid = 45",
        )
        assert [(one.kind, one.invoice) for one in found] == [("invoice_missing", "FA2607-0039")]

    def test_what_is_new_and_what_was_made_again_by_dolibarr_is_business(
        self, live: Snapshot, copy: Snapshot, scene: Scene, entries: list[Entry], tmp_path: pathlib.Path
    ) -> None:
        directory = tmp_path / "documents"
        shutil.copytree(scene.documents, directory)
        (directory / TestDocuments.PDF).write_bytes(b"made again")
        found = live_findings(live, copy, entries, str(directory))
        assert [(one.kind, one.invoice) for one in found] == [("pdf_changed", "FA2501-0001")]
        label = hashlib.md5(b"made again", usedforsecurity=False).hexdigest()
        live.connection.execute(
            "UPDATE public.llx_ecm_files SET label = %s WHERE filepath = 'facture/FA2501-0001'", [label]
        )
        live.connection.execute("UPDATE public.llx_facture SET fk_statut = 1, ref = 'FA2611-0040' WHERE rowid = 46")
        assert live_findings(live, copy, entries, str(directory)) == []
