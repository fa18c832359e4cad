# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an accountant would ask a restored Dolibarr, and what is no longer in the live one as it was restored.

Is the PDF of every issued invoice there, and the one that Dolibarr made? Does debit equal credit? Has the numbering
holes? Is the inalterable log whole? Every answer that is not yes names the object, the invoice and the customer.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup.evidence import (
    EQUAL,
    MISSING,
    NOT_INDEXED,
    REGENERATED,
    Expected,
    classify,
    read_expected,
    wanted_paths,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.figures import money
from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import FILE, Entry, display
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.snapshot import Snapshot
from ansible_collections.arcodange.erp.plugins.module_utils.restore import numbering
from ansible_collections.arcodange.erp.plugins.module_utils.restore.chain import (
    ChainFinding,
    check_head,
    check_next,
    read_chain_findings,
    read_heads,
)
from ansible_collections.arcodange.erp.plugins.module_utils.restore.numbering import Numbered, NumberingFinding

BLOCK = 1 << 20
TABLES = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'public' AND tablename LIKE 'llx\\_%'"
INVOICES = {"customer": "llx_facture", "supplier": "llx_facture_fourn"}
LINES = {
    "llx_facture": ("llx_facturedet", "fk_facture"),
    "llx_facture_fourn": ("llx_facture_fourn_det", "fk_facture_fourn"),
}
# What may not change once an invoice is issued, by the name a person knows it by.
FIXED = {
    "ref": "reference",
    "type": "type",
    "fk_soc": "third party",
    "datef": "date",
    "date_lim_reglement": "due date",
    "total_ht": "total HT",
    "total_tva": "VAT",
    "total_ttc": "total TTC",
}
MOVING = {"fk_statut": "status", "paye": "paid"}
AMOUNTS = ("total_ht", "total_tva", "total_ttc")
LINE_COLUMNS = ("description", "qty", "tva_tx", "subprice", "pu_ht", "total_ht", "tva", "total_tva", "total_ttc")
COLUMNS = (
    "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = ANY(%s)"
    " ORDER BY 1, ordinal_position"
)
UNBALANCED = (
    "SELECT entity, code_journal, piece_num, sum(debit), sum(credit), array_agg(DISTINCT doc_ref ORDER BY doc_ref)"
    " FROM public.llx_accounting_bookkeeping GROUP BY 1, 2, 3 HAVING sum(debit) <> sum(credit) ORDER BY 1, 2, 3"
)
CONSTANTS = "SELECT name, value FROM public.llx_const WHERE name = ANY(%s) AND value <> '' ORDER BY entity"
PDFS = {
    MISSING: ("pdf_missing", "is missing"),
    REGENERATED: ("pdf_changed", "is not the one whose fingerprint Dolibarr recorded"),
    NOT_INDEXED: ("pdf_unproven", "is there, but Dolibarr recorded no fingerprint of it"),
}


@dataclass(frozen=True)
class BusinessFinding:
    """Something that an accountant must know: the object it is about, and where there is one, invoice and customer.

    ``kind`` is one word for a program. ``known`` is set when the manifest recorded it already, so that the restore is
    not to blame.
    """

    kind: str
    name: str
    message: str
    invoice: str = ""
    customer: str = ""
    known: bool = False

    def to_json(self) -> dict[str, Any]:
        """The JSON form used in results and records."""
        return {
            "kind": self.kind,
            "name": self.name,
            "message": self.message,
            "invoice": self.invoice,
            "customer": self.customer,
            "known": self.known,
        }


@dataclass(frozen=True)
class Invoice:
    """An invoice of either side; ``values`` are the texts of its columns, ``lines`` a digest of what its lines say."""

    rowid: int
    side: str
    partner: str
    entity: int
    values: Mapping[str, str]
    lines: str = ""

    @property
    def ref(self) -> str:
        """The reference."""
        return self.values["ref"]

    @property
    def issued(self) -> bool:
        """Whether it left the state of a draft."""
        return self.values["fk_statut"] != "0"


Names = Mapping[str, str]  # the partner of each reference


# -- reading ----------------------------------------------------------------------------------------------------------


def read_tables(snapshot: Snapshot) -> frozenset[str]:
    """The tables of Dolibarr."""
    return frozenset(row[0] for row in snapshot.connection.execute(TABLES.encode()).fetchall())


def read_invoices(snapshot: Snapshot, tables: frozenset[str]) -> dict[tuple[str, int], Invoice]:
    """Every invoice by side and id, drafts included."""
    found = {}
    for side, table in INVOICES.items():
        if table in tables:
            for invoice in _read_side(snapshot, tables, side, table):
                found[side, invoice.rowid] = invoice
    return found


def _read_side(snapshot: Snapshot, tables: frozenset[str], side: str, table: str) -> Iterator[Invoice]:
    lines, owner = LINES[table]
    columns: dict[str, list[str]] = {table: [], lines: []}
    for name, column in snapshot.connection.execute(COLUMNS, [[table, lines]]).fetchall():
        columns[name].append(column)
    known = [name for name in (*FIXED, *MOVING) if name in columns[table]]
    values = ", ".join(f"coalesce(f.{name}::text, '')" for name in known)
    partner, join = "'third party ' || f.fk_soc", ""
    if "llx_societe" in tables:
        partner = "coalesce(s.nom, '') || ' (third party ' || f.fk_soc || ')'"
        join = " LEFT JOIN public.llx_societe s ON s.rowid = f.fk_soc"
    digest = "''"
    if owner in columns[lines]:
        said = ", ".join(f"d.{name}" for name in LINE_COLUMNS if name in columns[lines])
        digest = "coalesce(l.digest, '')"
        join += (
            f" LEFT JOIN (SELECT d.{owner} AS owner, md5(string_agg(ROW({said})::text, '|' ORDER BY d.rowid)) AS digest"
            f" FROM public.{lines} d GROUP BY 1) l ON l.owner = f.rowid"
        )
    query = f"SELECT f.rowid, {partner}, f.entity, {digest}, {values} FROM public.{table} f{join} ORDER BY f.rowid"
    for rowid, name, entity, content, *texts in snapshot.connection.execute(query.encode()).fetchall():
        yield Invoice(rowid, side, name, entity, dict(zip(known, texts, strict=True)), content)


def read_settings(snapshot: Snapshot, tables: frozenset[str]) -> dict[str, str]:
    """The settings of the numbering."""
    if "llx_const" not in tables:
        return {}
    return dict(snapshot.connection.execute(CONSTANTS, [list(numbering.SETTINGS)]).fetchall())


def found_in(documents: Iterable[Entry] | str, wanted: frozenset[bytes]) -> dict[bytes, Entry]:
    """Those of the documents that are wanted and there, from an index or from a directory, where they are hashed now.

    Raises :class:`ErpError` when one cannot be read.
    """
    if isinstance(documents, str):
        found = {path: _hashed(documents, path) for path in sorted(wanted) if b".." not in path.split(b"/")}
        return {path: entry for path, entry in found.items() if entry is not None}
    return {entry.path: entry for entry in documents if entry.kind == FILE and entry.path in wanted}


def _hashed(directory: str, path: bytes) -> Entry | None:
    place = os.path.join(os.fsencode(directory), path.lstrip(b"/"))
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with open(place, "rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise ErpError(f"Cannot read {display(place)}: {error.strerror}: let this user read the documents.") from error
    return Entry(path, FILE, 0, 0, 0, "", "", 0, 0, md5=digest.hexdigest())


# -- questions to the restored copy -----------------------------------------------------------------------------------


def business_findings(
    snapshot: Snapshot,
    documents: Iterable[Entry] | str,
    manifest: Manifest,
    next_manifest: Manifest | None = None,
    previous_manifest: Manifest | None = None,
    live: Snapshot | None = None,
) -> list[BusinessFinding]:
    """Every question to a restored copy; ``documents`` is the index of the restore point or the restored directory.

    The heads of the log in the manifests around it must be in its chain, or go on from it. With ``live``, a hole in the
    numbering says whether it is there too.
    """
    tables = read_tables(snapshot)
    invoices = read_invoices(snapshot, tables)
    names = _names(invoices)
    figures = manifest.data["business"]
    found = _missing_documents(read_expected(snapshot), documents, names, manifest)
    if "llx_accounting_bookkeeping" in tables:
        found += _unbalanced(snapshot, names)
    settings = read_settings(snapshot, tables)
    present = None if live is None else _numbered(read_invoices(live, read_tables(live)))
    numbers = numbering.check_numbering(_numbered(invoices), settings, present)
    for side in INVOICES:
        recorded = figures.get(f"{side}_invoices", {}).get("last_numbers", {})
        refs = {invoice.ref for invoice in invoices.values() if invoice.side == side}
        numbers += numbering.check_last_numbers(recorded, refs, f"the restore point {manifest.id}")
    found += [_number(finding, names) for finding in numbers]
    return found + [
        _chain(finding, names) for finding in _chained(snapshot, tables, manifest, next_manifest, previous_manifest)
    ]


def _names(invoices: Mapping[tuple[str, int], Invoice]) -> dict[str, str]:
    return {invoice.ref: invoice.partner for invoice in invoices.values()}


def _numbered(invoices: Mapping[tuple[str, int], Invoice]) -> list[Numbered]:
    # An invoice that was made a draft again keeps its number.
    return [
        Numbered(invoice.ref, int(invoice.values["type"]), invoice.entity)
        for invoice in invoices.values()
        if invoice.side == "customer"
    ]


def _missing_documents(
    expected: list[Expected], documents: Iterable[Entry] | str, names: Names, manifest: Manifest
) -> list[BusinessFinding]:
    recorded = {(item["ref"], item["class"]) for item in manifest.data["evidence"]["exceptions"]}
    present = found_in(documents, wanted_paths(expected))
    findings = []
    for item in expected:
        kind, path = classify(item, present)
        if kind != EQUAL:
            findings.append(_document(item, kind, path, names, (item.ref, kind) in recorded))
    return findings


def _document(item: Expected, kind: str, path: bytes, names: Names, known: bool, where: str = "") -> BusinessFinding:
    word, what = PDFS[kind]
    shown = display(path)
    # The files of a supplier invoice are known by their path alone, in which there is its reference.
    invoice = item.ref if item.kind == "invoice" else next((part for part in shown.split("/") if part in names), "")
    partner = names.get(invoice, "")
    subject = f"The PDF {shown} of the invoice {invoice} to {partner}"
    if item.kind != "invoice":
        subject = (
            f"The file {shown} of the supplier invoice {invoice or 'without a reference'} from {partner or 'nobody'}"
        )
    return BusinessFinding(word, shown, f"{subject} {what}{where}.", invoice, partner, known)


def _unbalanced(snapshot: Snapshot, names: Names) -> list[BusinessFinding]:
    findings = []
    for entity, journal, piece, debit, credit, refs in snapshot.connection.execute(UNBALANCED).fetchall():
        name = f"piece {piece} of the journal {journal}" + (f" of company {entity}" if entity != 1 else "")
        invoice = next((ref for ref in refs if ref in names), "")
        about = f", about {', '.join(refs)}" + (f" to {names[invoice]}" if invoice else "")
        message = f"In {name}{about}, debit is {money(debit)} and credit is {money(credit)}."
        findings.append(BusinessFinding("unbalanced", name, message, invoice, names.get(invoice, "")))
    return findings


def _number(finding: NumberingFinding, names: Names) -> BusinessFinding:
    ref = finding.refs[0]
    customers = dict.fromkeys(names[ref] for ref in finding.refs if ref in names)
    message = finding.message
    if finding.problem == "duplicate" and customers:
        message = f"{message.removesuffix('.')}, to {', '.join(customers)}."
    return BusinessFinding(
        f"number_{finding.problem}", ", ".join(finding.refs), message, ref, ", ".join(customers), bool(finding.live)
    )


def _chained(
    snapshot: Snapshot,
    tables: frozenset[str],
    manifest: Manifest,
    next_manifest: Manifest | None,
    previous_manifest: Manifest | None,
) -> Iterator[ChainFinding]:
    recorded = manifest.data["business"].get("blockedlog")
    earlier = {
        one.id: one.data["business"].get("blockedlog") for one in (previous_manifest, manifest) if one is not None
    }
    rows: dict[int, str] = {}
    if "llx_blockedlog" in tables:
        yield from read_chain_findings(snapshot.connection)
        rows = read_heads(snapshot.connection, earlier.values())
    for point, figures in earlier.items():
        yield from check_head(figures, rows, f"the restore point {point}")
    if next_manifest is not None:
        yield from check_next(
            recorded, next_manifest.data["business"].get("blockedlog"), f"the restore point {next_manifest.id}"
        )


def _chain(finding: ChainFinding, names: Names) -> BusinessFinding:
    name = "llx_blockedlog" if finding.rowid is None else f"llx_blockedlog row {finding.rowid}"
    invoice = finding.ref if finding.ref in names else ""
    message = finding.message
    if invoice:
        message = f"{message.removesuffix('.')}; the invoice is to {names[invoice]}."
    return BusinessFinding(f"chain_{finding.problem}", name, message, invoice, names.get(invoice, ""))


# -- the live one beside the copy -------------------------------------------------------------------------------------


def live_findings(
    live: Snapshot, copy: Snapshot, documents: Iterable[Entry] | str, live_documents: Iterable[Entry] | str
) -> list[BusinessFinding]:
    """What must not have changed since the restore point, but did: :func:`explain_difference` without what is due.

    An invoice that was paid or given up since is business; one whose amounts, dates or lines changed is not.
    """
    return [
        finding
        for finding in explain_difference(live, copy, documents, live_documents)
        if finding.kind != "invoice_status"
    ]


def explain_difference(
    live: Snapshot, copy: Snapshot, documents: Iterable[Entry] | str = (), live_documents: Iterable[Entry] | str = ()
) -> list[BusinessFinding]:
    """What the live database and its documents lack or have otherwise than a restored copy, by invoice and customer.

    Tables that are gone, issued invoices that are gone or whose reference, third party, dates, totals, lines or status
    differ, and PDFs that are gone or are no longer those Dolibarr recorded. What is new in the live one is not named.
    """
    before, after = read_tables(copy), read_tables(live)
    found = [
        BusinessFinding("table_missing", table, f"The table {table} is missing from the live database.")
        for table in sorted(before - after)
    ]
    invoices = read_invoices(copy, before)
    names = _names(invoices)
    present = read_invoices(live, after)
    for (side, rowid), invoice in invoices.items():
        if invoice.issued and INVOICES[side] in after:
            found += _changed(invoice, present.get((side, rowid)), LINES[INVOICES[side]][0] in after)
    expected = read_expected(copy)
    stored = found_in(documents, wanted_paths(expected))
    relabelled = {(item.kind, item.ref): item for item in read_expected(live)}
    wanted = wanted_paths(expected) | wanted_paths(relabelled.values())
    there = found_in(live_documents, wanted)
    for item in expected:
        if classify(item, stored)[0] == MISSING:
            continue
        # Dolibarr may have made the document again since, and recorded that.
        newer = relabelled.get((item.kind, item.ref), item)
        kind, path = min((classify(one, there) for one in (item, newer)), key=lambda pair: _order(pair[0]))
        if kind in (MISSING, REGENERATED):
            found.append(_document(item, kind, path, names, False, " in the live documents"))
    return found


def _order(kind: str) -> int:
    return (EQUAL, NOT_INDEXED, REGENERATED, MISSING).index(kind)


def _changed(invoice: Invoice, now: Invoice | None, has_lines: bool) -> Iterator[BusinessFinding]:
    """How an issued invoice differs in the live database."""
    name = f"{INVOICES[invoice.side]} row {invoice.rowid}"
    to = "to" if invoice.side == "customer" else "from"
    subject = f"The {'supplier ' if invoice.side == 'supplier' else ''}invoice {invoice.ref} {to} {invoice.partner}"

    def finding(kind: str, what: str) -> BusinessFinding:
        return BusinessFinding(kind, name, f"{subject} {what}.", invoice.ref, invoice.partner)

    if now is None:
        yield finding("invoice_missing", "is missing from the live database")
        return
    fixed = [
        f"{label} {_shown(column, invoice.values[column])} is now {_shown(column, now.values.get(column, ''))}"
        for column, label in FIXED.items()
        if column in invoice.values and invoice.values[column] != now.values.get(column, "")
    ]
    if invoice.lines != now.lines and has_lines:
        fixed.append("its lines say something else")
    moved = [
        f"{label} {invoice.values[column]} is now {now.values.get(column, '')}"
        for column, label in MOVING.items()
        if column in invoice.values and invoice.values[column] != now.values.get(column, "")
    ]
    if fixed or not now.issued:
        yield finding("invoice_changed", f"was changed in the live database: {', '.join(fixed + moved)}")
    elif moved:
        yield finding("invoice_status", f"moved on in the live database: {', '.join(moved)}")


def _shown(column: str, text: str) -> str:
    return money(Decimal(text)) if column in AMOUNTS and text else text or "empty"
