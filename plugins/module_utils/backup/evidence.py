# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Invoice evidence: is the PDF of every issued invoice stored, and is it the one whose fingerprint Dolibarr recorded?

Dolibarr keeps the MD5 of each document in ``llx_ecm_files.label`` and the path of the main one in ``last_main_doc``,
which older generators left empty, so the path is resolved in three ways.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import Entry, display
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.snapshot import Snapshot

EQUAL, REGENERATED, NOT_INDEXED, MISSING = "present_equal", "present_regenerated", "present_not_indexed", "missing"
CLASSES = (EQUAL, REGENERATED, NOT_INDEXED, MISSING)
# What Dolibarr replaces in a reference to make the name of its folder.
FORBIDDEN = re.compile(r'[<>/\\?*|":°$;`]')
MOST_EXCEPTIONS = 500  # a manifest stays small whatever is wrong; the counts are always whole
ISSUED = "SELECT rowid, ref, entity, last_main_doc FROM public.llx_facture WHERE fk_statut > 0 ORDER BY ref, rowid"
RECORDED = (
    "SELECT src_object_type, src_object_id, filepath || '/' || filename, label FROM public.llx_ecm_files"
    " WHERE src_object_type IN ('facture', 'facture_fourn') AND src_object_id IS NOT NULL"
    " AND filepath <> '' AND filename <> '' ORDER BY rowid"
)


@dataclass(frozen=True)
class Expected:
    """A document that the database speaks of: paths where it may be, and the MD5 recorded for each, if any."""

    kind: str
    ref: str
    paths: tuple[bytes, ...]
    recorded: Mapping[bytes, str]


def read_expected(snapshot: Snapshot) -> list[Expected]:
    """The documents of issued customer invoices, and the files recorded for supplier invoices."""
    rows = snapshot.connection.execute(
        "SELECT to_regclass('public.llx_facture'), to_regclass('public.llx_ecm_files')"
    ).fetchone()
    if rows is None or None in rows:
        return []
    recorded: dict[int, dict[bytes, str]] = defaultdict(dict)
    suppliers: list[Expected] = []
    for kind, owner, path, label in snapshot.connection.execute(RECORDED).fetchall():
        if kind == "facture":
            recorded[owner][path.encode()] = label or ""
        else:
            suppliers.append(Expected("supplier_file", path, (path.encode(),), {path.encode(): label or ""}))
    invoices = []
    for rowid, ref, entity, main in snapshot.connection.execute(ISSUED).fetchall():
        name = FORBIDDEN.sub("_", ref)
        usual = f"facture/{name}/{name}.pdf"
        # Documents of every company but the first lie below a folder with its number.
        places = [path for path in (main, usual) if path]
        places += [f"{entity}/{path}" for path in places] if entity and entity > 1 else []
        known = [path for path in recorded[rowid] if path.endswith(f"/{name}.pdf".encode())]
        paths = tuple(dict.fromkeys([path.encode() for path in places] + known))
        invoices.append(Expected("invoice", ref, paths, recorded[rowid]))
    return invoices + suppliers


def wanted_paths(expected: Iterable[Expected]) -> frozenset[bytes]:
    """The paths whose MD5 must be known."""
    return frozenset(path for item in expected for path in item.paths)


def classify(item: Expected, found: Mapping[bytes, Entry]) -> tuple[str, bytes]:
    """The class of one document and the path that decided it."""
    for path in item.paths:
        entry = found.get(path)
        if entry is not None:
            label = item.recorded.get(path, "")
            return (NOT_INDEXED if not label else EQUAL if label == entry.md5 else REGENERATED), path
    return MISSING, item.paths[0]


def judge(expected: Iterable[Expected], found: Mapping[bytes, Entry]) -> dict[str, Any]:
    """Counts by class for issued invoices and for supplier files, and every document that is not as recorded."""
    counts: dict[str, Counter[str]] = {"invoice": Counter(), "supplier_file": Counter()}
    exceptions = []
    for item in expected:
        kind, path = classify(item, found)
        counts[item.kind][kind] += 1
        if kind != EQUAL:
            exceptions.append({"kind": item.kind, "ref": item.ref, "class": kind, "path": display(path)})
    return {
        "issued_invoices": {"total": counts["invoice"].total()} | {kind: counts["invoice"][kind] for kind in CLASSES},
        "supplier_files": {"total": counts["supplier_file"].total()}
        | {kind: counts["supplier_file"][kind] for kind in CLASSES},
        "exceptions": exceptions[:MOST_EXCEPTIONS],
        "exceptions_total": len(exceptions),
    }
