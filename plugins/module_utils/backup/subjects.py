# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Business objects as restore points: which ones hold everything that is needed for an invoice, a customer, a year.

The documents of an object are found by their folders in the indexes, every version of them. Which invoices a customer
or a year has is asked of the database. Of the restore points that qualify the fewest are taken.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup.evidence import FORBIDDEN
from ansible_collections.arcodange.erp.plugins.module_utils.backup.holds import CUSTOMER, INVOICE, Subject
from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import decode_entry, display
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store, StoreError
from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import (
    Hashed,
    StoredObject,
    decompressed,
    lines,
    ordered,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import (
    DatabaseOptions,
    apply_session_settings,
    connect,
    explain,
)

try:
    import psycopg
except ImportError:
    pass  # the door says which library is missing

READERS = 8
MOST_NAMED = 3  # documents named in one reason; the others are counted
# Documents of every company but the first lie below a folder with its number.
OWNED = re.compile(rb'"path":"(?:\d+/)?(?:facture|societe|fournisseur/facture)/')
COMPANY = re.compile(rb"\d+/")
NUMBERED = re.compile(r"(?P<letters>[^0-9]+)(?P<middle>.*?)(?P<counter>\d+)")
CUSTOMER_INVOICES = "SELECT ref, NULL FROM public.llx_facture WHERE fk_statut > 0 AND fk_soc = %s ORDER BY ref"
YEAR_INVOICES = (
    "SELECT ref, NULL FROM public.llx_facture WHERE fk_statut > 0 AND date_part('year', datef) = %(year)s"
    " UNION ALL SELECT ref, rowid FROM public.llx_facture_fourn WHERE fk_statut > 0 AND date_part('year', datef) = %(year)s"
    " ORDER BY 1"
)

Version = tuple[bytes, str]  # a path and the SHA-256 of its content, or what a link says


@dataclass(frozen=True)
class Scope:
    """What belongs to an object: folders below the documents directory, and the references of issued customer invoices."""

    folders: frozenset[bytes]
    refs: tuple[str, ...] = ()


@dataclass(frozen=True)
class View:
    """What one restore point has of an object.

    ``content`` is equal for restore points whose dump and documents are the same; ``good`` ones have nothing known to be
    wrong with them; ``issued`` are the invoices that it is sure to hold as issued.
    """

    id: str
    content: object
    good: bool
    versions: frozenset[Version] = frozenset()
    issued: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Resolution:
    """The restore points needed for an object, each with its reasons, and what no good restore point can give.

    ``versions`` counts the versions of documents, ``unsafe`` are those that only damaged restore points hold,
    ``undocumented`` are issued invoices of which no document was ever stored.
    """

    subject: Subject
    points: Mapping[str, tuple[str, ...]]
    versions: int
    unsafe: tuple[str, ...] = ()
    undocumented: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The JSON form used in results."""
        return {
            "object": self.subject.to_json(),
            "restore_points": [
                {"id": point, "reasons": list(reasons)} for point, reasons in sorted(self.points.items())
            ],
            "document_versions": self.versions,
            "only_in_damaged": list(self.unsafe),
            "without_documents": list(self.undocumented),
        }


# -- what belongs to an object ----------------------------------------------------------------------------------------


def read_scopes(subjects: Iterable[Subject], options: DatabaseOptions | None) -> dict[Subject, Scope]:
    """What belongs to each object. Raises :class:`ErpError` when that takes a database and none was named."""
    subjects = tuple(subjects)
    scopes = {one: Scope(frozenset({_folder(one.value)}), (one.value,)) for one in subjects if one.kind == INVOICE}
    asked = [one for one in subjects if one.kind != INVOICE]
    for one in asked:
        if not one.value.isdecimal():
            raise ErpError(f"'{one.value}' in objects is no {one.kind}: give a number, {_example(one)}.")
    if not asked:
        return scopes
    if options is None:
        raise ErpError(
            f"Only the database knows which invoices belong to the {asked[0]}: set db_host, db_name and db_user."
        )
    with connect(options) as connection:
        connection.read_only = True
        try:
            apply_session_settings(connection)
            scopes |= {one: _read_scope(connection, one) for one in asked}
        except psycopg.Error as error:
            raise explain(options, "read the invoices of", error) from error
    return scopes


def _example(subject: Subject) -> str:
    return "its id in Dolibarr" if subject.kind == CUSTOMER else "such as 2025"


def _read_scope(connection: psycopg.Connection[Any], subject: Subject) -> Scope:
    folders = set()
    if subject.kind == CUSTOMER:
        ident = int(subject.value)
        if connection.execute("SELECT FROM public.llx_societe WHERE rowid = %s", [ident]).fetchone() is None:
            raise ErpError(f"The database knows no third party {ident}: correct objects.")
        rows = connection.execute(CUSTOMER_INVOICES, [ident]).fetchall()
        folders.add(b"societe/%d" % ident)
    else:
        rows = connection.execute(YEAR_INVOICES, {"year": int(subject.value)}).fetchall()
        if not rows:
            raise ErpError(f"The database knows no issued invoice of the {subject}: correct objects.")
    folders |= {_folder(ref, supplier) for ref, supplier in rows}
    return Scope(frozenset(folders), tuple(ref for ref, supplier in rows if supplier is None))


def _folder(ref: str, supplier: int | None = None) -> bytes:
    """The folder of an invoice; those of suppliers lie below the last two digits of their ids, the last one first."""
    name = FORBIDDEN.sub("_", ref)
    if supplier is None:
        return f"facture/{name}".encode()
    digits = f"{supplier:02d}"
    return f"fournisseur/facture/{digits[-1]}/{digits[-2]}/{name}".encode()


# -- what restore points hold -----------------------------------------------------------------------------------------


def read_views(
    store: Store, manifests: Mapping[str, Manifest], bad: Collection[str], scopes: Mapping[Subject, Scope]
) -> dict[Subject, list[View]]:
    """For each object, oldest first, what each restore point holds of it; each index is read once.

    ``bad`` are the ids of restore points with something known to be wrong.
    """
    wanted = frozenset(folder for scope in scopes.values() for folder in scope.folders)
    indexes = {point: manifest.part("index")[0] for point, manifest in sorted(manifests.items())}
    distinct = tuple(dict.fromkeys(indexes.values()))
    with ThreadPoolExecutor(READERS, thread_name_prefix="index") as pool:
        read = dict(
            zip(distinct, ordered(pool, lambda one: _read_folders(store, one, wanted), distinct, READERS), strict=True)
        )
    views: dict[Subject, list[View]] = {}
    for subject, scope in scopes.items():
        held = {index: _within(folders, scope) for index, folders in read.items() if folders is not None}
        views[subject] = [
            View(
                point,
                frozenset(manifest.objects),
                point not in bad and indexes[point] in held,
                held.get(indexes[point], frozenset()),
                _issued(manifest, scope, read[indexes[point]] or {}),
            )
            for point, manifest in sorted(manifests.items())
        ]
    return views


def _read_folders(
    store: Store, index: StoredObject, wanted: Collection[bytes]
) -> dict[bytes, frozenset[Version]] | None:
    """Versions by folder of what an index has in these folders; ``None`` when it is damaged or missing."""
    found: dict[bytes, set[Version]] = defaultdict(set)
    source = Hashed(store.stream(index.key))
    try:
        for line in lines(decompressed(source, store.describe(index.key))):
            if OWNED.search(line):
                entry = decode_entry(line)
                folder = next((one for one in _folders(entry.path) if one in wanted), None)
                if folder is not None and (entry.sha256 or entry.target):
                    found[folder].add((entry.path, entry.sha256 or entry.target.hex()))
    except StoreError:
        return None
    if source.sha256 != index.sha256:
        return None
    return {folder: frozenset(versions) for folder, versions in found.items()}


def _folders(path: bytes) -> Iterator[bytes]:
    """The folders above a path that may be an object's own, without the number of the company."""
    first = COMPANY.match(path)
    parts = path[first.end() if first else 0 :].split(b"/")[:-1]
    for depth in (2, 5):
        if len(parts) >= depth:
            yield b"/".join(parts[:depth])


def _within(folders: Mapping[bytes, frozenset[Version]], scope: Scope) -> frozenset[Version]:
    return frozenset(version for folder in scope.folders for version in folders.get(folder, ()))


def _issued(manifest: Manifest, scope: Scope, folders: Mapping[bytes, Any]) -> frozenset[str]:
    """The invoices of an object that a restore point is sure to hold as issued.

    A folder with documents bears the final reference only once the invoice has it, and a series has given every number
    up to its last one.
    """
    last = manifest.data["business"].get("customer_invoices", {}).get("last_numbers", {})
    return frozenset(ref for ref in scope.refs if _folder(ref) in folders or is_given(ref, last))


def is_given(ref: str, last_numbers: Mapping[str, str]) -> bool:
    """Whether the last numbers of the series say that a reference was given already; never when in doubt."""
    mine = NUMBERED.fullmatch(ref)
    last = NUMBERED.fullmatch(last_numbers.get(mine["letters"], "")) if mine else None
    if mine is None or last is None:
        return False
    # Where counters begin anew each year, the year in the middle must not be a later one.
    return int(mine["counter"]) <= int(last["counter"]) and mine["middle"] <= last["middle"]


# -- the choice -------------------------------------------------------------------------------------------------------


def resolve(subject: Subject, scope: Scope, views: Sequence[View], held: Collection[str] = ()) -> Resolution:
    """The fewest restore points that hold everything of an object; ``views`` are oldest first.

    These are the newest one, the first one that holds its invoices as issued, and for each version of a document that
    no other one of these has, the newest that has it. What restore points give that are ``held`` for it already is not
    taken again. Raises :class:`ErpError` when no restore point has anything of it.
    """
    seen = frozenset(version for view in views for version in view.versions)
    ever = frozenset(ref for view in views for ref in view.issued)
    if not views or (subject.kind == INVOICE and not seen and not ever):
        raise ErpError(f"No restore point holds anything of the {subject}: correct objects, or back up first.")
    good = [view for view in views if view.good]
    taken: dict[str, list[str]] = defaultdict(list)
    covered: set[Version] = set()

    def take(view: View, reason: str) -> None:
        alike = (other for other in views if other.id in held and other.good and other.content == view.content)
        view = view if view.id in held else next(alike, view)
        taken[view.id].append(reason)
        covered.update(view.versions)

    for view in good:
        if view.id in held:
            take(view, "held for it already")
    take((good or views)[-1], "the newest restore point")
    refs = frozenset(scope.refs) & ever
    first = next((view for view in good or views if refs and refs <= view.issued), None)
    if first is not None:
        invoices = f"the {subject}" if subject.kind == INVOICE else f"every invoice of the {subject}"
        take(first, f"the first one that holds {invoices} as issued")
    # What only damaged restore points hold comes last: nothing better is left of it.
    for candidates in (good, views):
        newest = {version: view.id for view in candidates for version in view.versions}
        # Taken in the order in which versions were last seen, each restore point serves as many as it can.
        for view in candidates:
            lost = {version for version in view.versions - covered if newest[version] == view.id}
            if lost:
                take(view, f"the newest one that holds {_named(lost)}")
    safe = frozenset(version for view in good for version in view.versions)
    stored = {folder for path, _content in seen for folder in _folders(path)}
    return Resolution(
        subject,
        {point: tuple(reasons) for point, reasons in taken.items()},
        len(seen),
        tuple(sorted({display(path) for path, _content in seen - safe})),
        tuple(ref for ref in scope.refs if _folder(ref) not in stored),
    )


def _named(versions: Collection[Version]) -> str:
    ordered_ = sorted(versions)
    names = [f"{display(path)} with SHA-256 {content[:12]}" for path, content in ordered_[:MOST_NAMED]]
    more = [f"{len(ordered_) - MOST_NAMED} more"] if len(ordered_) > MOST_NAMED else []
    return ", ".join([*names, *more])
