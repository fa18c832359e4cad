# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data that is backed up: always the same bytes for the same sizes, four fifths of the documents incompressible."""

from __future__ import annotations

import os
import pathlib
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg

SEED = 20260101
FIRST_DAY = 1672531200  # 1 January 2023, in seconds since 1970
MODULES = ("facture", "propale", "commande", "fournisseur/facture", "societe", "ecm", "contract", "product")
# Share of files of each kind; a PDF is text for a twelfth, then streams that are deflated already.
PDF, IMAGE = 0.70, 0.85
PDF_TEXT = 0.08
POOL = 4 << 20
ROWS = {"facturedet": 3_000_000, "bookkeeping": 2_500_000, "ecm_files": 600_000}
# One list for each table, so that they can be made side by side.
TABLES = (
    (
        "SELECT setseed(0.42)",
        "CREATE TABLE llx_facturedet AS SELECT g rowid, (g%300000)::int fk_facture, CASE WHEN g%3=0"
        " THEN md5(g::text)||' '||md5((g*7)::text)"
        " ELSE 'Prestation de conseil et developpement, reference '||(g%5000)||' periode '||(g%24) END description,"
        " round((random()*10000)::numeric,8)::numeric(24,8) subprice,"
        " round((random()*100000)::numeric,8)::numeric(24,8) total_ht,"
        " round((random()*20000)::numeric,8)::numeric(24,8) total_tva, '2024-01-01'::timestamp+g*interval '11 s' tms,"
        " (random()*100)::int qty, 20.0::numeric(7,4) tva_tx FROM generate_series(1,{facturedet}) g",
        "ALTER TABLE llx_facturedet ADD PRIMARY KEY (rowid)",
        "CREATE INDEX ON llx_facturedet (fk_facture)",
    ),
    (
        "SELECT setseed(0.43)",
        "CREATE TABLE llx_accounting_bookkeeping AS SELECT g rowid, 'FA24'||lpad((g%90000)::text,6,'0') doc_ref,"
        " (400000+g%99999)::text numero_compte, 'Facture client '||md5((g/3)::text) label_operation,"
        " round((random()*10000)::numeric,2) montant, '2024-01-01'::date+(g%700)::int doc_date, md5(g::text) import_key,"
        " timestamptz '2026-01-01' date_creation FROM generate_series(1,{bookkeeping}) g",
        "ALTER TABLE llx_accounting_bookkeeping ADD PRIMARY KEY (rowid)",
        "CREATE INDEX ON llx_accounting_bookkeeping (doc_ref)",
        "CREATE TABLE llx_ecm_files AS SELECT g rowid, md5(g::text) label, 'facture/FA24'||lpad(g::text,7,'0') filepath,"
        " 'FA24'||lpad(g::text,7,'0')||'.pdf' filename, timestamptz '2026-01-01' date_c"
        " FROM generate_series(1,{ecm_files}) g",
        "ALTER TABLE llx_ecm_files ADD PRIMARY KEY (rowid)",
    ),
)


def make_documents(root: pathlib.Path, files: int, size: int, seed: int = SEED) -> None:
    """Write a tree of ``files`` documents, ``size`` bytes in all, laid out as Dolibarr does."""
    chance = random.Random(seed)
    weights = [max(200.0, chance.lognormvariate(10.2, 1.1)) for _number in range(files)]
    scale = size / sum(weights)
    sizes = [max(1, int(weight * scale)) for weight in weights]
    sizes[-1] = max(1, sizes[-1] + size - sum(sizes))
    text = _text(chance)
    made: set[str] = set()
    for number, length in enumerate(sizes):
        module = MODULES[number % len(MODULES)]
        ref = f"{module[:2].upper()}{2401 + number // 1700 % 24:04d}-{number:06d}"
        folder = f"{root}/{module}/{ref[:6]}/{ref}"
        if folder not in made:
            os.makedirs(folder, exist_ok=True)
            made.add(folder)
        body, ending = _document(chance, text, number, length)
        path = f"{folder}/{ref}.{ending}"
        with open(path, "wb") as file:
            file.write(body)
        os.utime(path, (FIRST_DAY + number * 600, FIRST_DAY + number * 600))


def _document(chance: random.Random, text: Callable[[int], bytes], number: int, length: int) -> tuple[bytes, str]:
    kind = chance.random()
    if kind < PDF:
        head = b"%PDF-1.7\n" + text(int(length * PDF_TEXT))
        return (head + chance.randbytes(max(0, length - len(head))))[:length], "pdf"
    if kind < IMAGE:
        return chance.randbytes(length), ("jpg", "odt")[number % 2]
    return text(length), ("csv", "xml", "txt")[number % 3]


def _text(chance: random.Random) -> Callable[[int], bytes]:
    """Pieces of prose whose words are as unevenly frequent as those of a language."""
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _number in range(4000)]
    weights = [1 / (rank + 1) ** 1.3 for rank in range(len(words))]
    prose = " ".join(chance.choices(words, weights, k=POOL // 4)).encode()

    def piece(length: int) -> bytes:
        start = chance.randrange(len(prose))
        taken = prose[start : start + length]
        while len(taken) < length:
            taken += prose[: length - len(taken)]
        return taken

    return piece


def make_database(connect: Callable[[], psycopg.Connection[tuple[object, ...]]], share: float = 1.0) -> None:
    """Create the tables; ``share`` 1 makes a database of about 1 GB."""
    rows = {name: int(count * share) for name, count in ROWS.items()}

    def run(statements: tuple[str, ...]) -> None:
        with connect() as connection:
            for statement in statements:
                connection.execute(statement.format(**rows).encode())

    with ThreadPoolExecutor(len(TABLES)) as pool:
        list(pool.map(run, TABLES))
    run(("VACUUM (ANALYZE)",))
