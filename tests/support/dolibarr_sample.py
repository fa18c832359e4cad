# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the captured Dolibarr answers to whom: its lists in pages and its single objects, never anything invented.

Made from ``tests/fixtures/dolibarr/api``. Lists are put together from the captured whole ones, so that any page of them
can be had; everything else is served as captured, or as the real server answers about what does not exist.
"""

from __future__ import annotations

import base64
import copy
import json
import pathlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.support.paths import FIXTURES

Query = Mapping[str, str]
Row = dict[str, Any]

JSON = "application/json; charset=utf-8"
SEE_ALL = "societe.client.voir"
# The rights of those users that may not ask for their own, from the database.
RIGHTS = {
    "ai_limited": frozenset(
        {"facture.lire", "banque.lire", "societe.lire", "fournisseur.lire", "fournisseur.facture.lire"}
    ),
    "ai_norights": frozenset[str](),
}
NEEDED = {
    "invoices": "facture.lire",
    "supplierinvoices": "fournisseur.facture.lire",
    "thirdparties": "societe.lire",
    "bankaccounts": "banque.lire",
    "products": "produit.lire",
    "contacts": "societe.contact.lire",
    "documents": "facture.lire",
    "users": "user.user.lire",
}
# Lists, and whether each says how many rows it has.
LISTS = {
    "/invoices": True,
    "/supplierinvoices": True,
    "/thirdparties": True,
    "/products": True,
    "/contacts": True,
    "/bankaccounts": False,
    "/users": False,
}
OWNED = ("invoices", "supplierinvoices", "thirdparties", "documents")  # hidden without the right to see all
PAGING = {"limit", "page", "sortfield", "sortorder", "pagination_data", "properties", "thirdparty_ids", "sqlfilters"}
AFTER = re.compile(r"\(*t\.rowid:>:(\d+)\)*")
NO_INFO = "users/users__info--as-ai_norights.json"
NOWHERE = "errors/invoices__1__nosuch.json"
NO_FILE = "documents/documents__download--modulepart=facture+original_file=NOPE_NOPE.pdf.json"
STEP = 1000  # between the ids of two copies of an invoice


@dataclass(frozen=True)
class Reply:
    """One HTTP answer; status 0 is a connection that breaks off."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


class Sample:
    """The captured instance, its customers' invoices ``copies`` times, or the same one before it was used."""

    def __init__(self, fixtures: pathlib.Path = FIXTURES, copies: int = 1, empty: bool = False) -> None:
        self.directory = fixtures / "api"
        self.copies = copies
        self._empty = empty
        index: list[Row] = json.loads((self.directory / "index.json").read_text(encoding="utf-8"))
        self._entries = {entry["file"]: entry for entry in index}
        self._captured: dict[tuple[str, frozenset[tuple[str, str]], str], str] = {}
        for entry in index:
            if entry["method"] == "GET" and entry["file"].startswith("empty-instance/") == empty:
                if entry["file"].startswith("config-variants/"):
                    continue
                key = (entry["path"].rstrip("/"), pairs(entry["query"]), entry["user"])
                self._captured.setdefault(key, entry["file"])
        self.rights = {**RIGHTS}
        for login in ("ai_agent", "admin"):
            answer = json.loads(self.captured(f"users/users__info--includepermissions=1{suffix(login)}.json").body)
            self.rights[login] = frozenset(leaves(answer["rights"]))
        self._rows = {path: self._whole_list(path) for path in LISTS}

    def captured(self, file: str) -> Reply:
        """One captured answer, by its file below ``api``."""
        entry = self._entries[file]
        headers = {"Location": entry["location"]} if "location" in entry else {}
        return Reply(entry["status"], (self.directory / file).read_bytes(), entry["content_type"], headers)

    def reply(self, login: str, path: str, query: Query) -> Reply:
        """What GET of ``path`` answers to this user."""
        path = path.rstrip("/")
        endpoint = path.split("/")[1] if "/" in path else ""
        if not any(known[0].split("/")[1] == endpoint for known in self._captured):
            return self.captured("errors/nosuch.txt")
        rights = self.rights.get(login, frozenset())
        if path == "/users/info":
            return self._info(login, query) if NEEDED["users"] in rights else self.captured(NO_INFO)
        if NEEDED.get(endpoint, "") not in (*rights, ""):
            refused = self._first(
                (login, path, query), ("ai_norights", path, query), ("ai_norights", f"/{endpoint}", {})
            )
            return refused or self.captured("errors/invoices--as-ai_norights.json")
        if endpoint == "setup":
            return self._first((login, path, query), ("ai_agent", path, query)) or self.captured(NOWHERE)
        hidden = endpoint in OWNED and SEE_ALL not in rights
        if path in LISTS and query.keys() <= PAGING:
            page = self._page(path, query, hidden)
            if page is not None:
                return page
        if hidden:
            refused = self._first(("ai_limited", path, query))
            return refused or self.captured("errors/limited-user/invoices__1--as-ai_limited.json")
        return self._single(path, query)

    def _single(self, path: str, query: Query) -> Reply:
        number = re.match(r"/invoices/(\d+)", path) or re.match(r"(\d+)$", query.get("id", ""))
        of_invoice = path.startswith("/invoices/") or query.get("modulepart") == "invoice"
        if number and of_invoice and self.copies > 1:
            nth, original = divmod(int(number[1]), STEP)
            if 0 < nth < self.copies:
                source = self._single(
                    path.replace(number[1], str(original), 1),
                    {**query, **({"id": str(original)} if "id" in query else {})},
                )
                return Reply(source.status, dumped(copied(json.loads(source.body), nth)), source.content_type)
        # What does not exist is answered as another one of its kind that did not.
        unknown = {name: "999" if name == "id" else value for name, value in query.items()}
        other = "1" if self._empty or path.endswith("/bankaccounts") else "999"
        found = self._first(
            ("ai_agent", path, query),
            ("ai_agent", re.sub(r"/\d+(?=/|$)", f"/{other}", path, count=1), unknown),
        )
        if not found and path == "/documents/download":
            return self._file(query)
        return found or self.captured(NOWHERE)

    def _file(self, query: Query) -> Reply:
        """A captured PDF of an invoice, in the form in which one was captured in an answer."""
        folder, _slash, name = query.get("original_file", "").partition("/")
        pdf = self.directory.parent / "pdf" / name
        if query.get("modulepart") not in ("facture", "invoice") or name != f"{folder}.pdf" or not pdf.is_file():
            return self.captured(NO_FILE)
        content = pdf.read_bytes()
        answer = {
            "filename": name,
            "content-type": "application/pdf",
            "filesize": len(content),
            "content": base64.b64encode(content).decode("ascii"),
            "encoding": "base64",
        }
        return Reply(200, dumped(answer))

    def _info(self, login: str, query: Query) -> Reply:
        found = self._captured.get(("/users/info", pairs(query), login))
        if found:
            return self.captured(found)
        answer = json.loads(self.captured("users/users__info--includepermissions=1.json").body)
        return Reply(200, dumped({**answer, "login": login, "id": "99", "rights": tree(self.rights[login])}))

    def _first(self, *wanted: tuple[str, str, Query]) -> Reply | None:
        for login, path, query in wanted:
            file = self._captured.get((path, pairs(query), login))
            if file:
                return self.captured(file)
        return None

    # -- lists --------------------------------------------------------------------------------------------------------

    def _whole_list(self, path: str) -> list[Row]:
        everything = self._captured.get((path, pairs({"limit": "0"}), "ai_agent"))
        reply = self.captured(everything or self._captured[path, pairs({}), "ai_agent"])
        rows: list[Row] = json.loads(reply.body) if reply.status == 200 else []
        if path == "/invoices":
            rows = [copied(row, nth) if nth else row for nth in range(self.copies) for row in rows]
        return rows

    def _page(self, path: str, query: Query, hidden: bool) -> Reply | None:
        """One page of a list; None when that depends on something that only the real server can do."""
        rows = [] if hidden else self._rows[path]
        after = [AFTER.fullmatch(part) for part in re.split(r" and ", query.get("sqlfilters", "(t.rowid:>:0)"))]
        order = (query.get("sortfield", "t.rowid"), query.get("sortorder", "ASC").upper())
        if None in after or order != ("t.rowid", "ASC"):
            return None
        least = max(int(match[1]) for match in after if match)
        rows = [row for row in rows if int(row["id"]) > least]
        if "sortfield" in query:
            rows.sort(key=lambda row: int(row["id"]))
        if "thirdparty_ids" in query:
            if not re.fullmatch(r"[\d,]*", query["thirdparty_ids"]):
                return None
            rows = [row for row in rows if row["socid"] in query["thirdparty_ids"].split(",")]
        try:
            limit, page = int(query.get("limit", "100")), max(int(query.get("page", "0")), 0)
        except ValueError:
            return None
        counted = query.get("pagination_data") == "true" and LISTS[path]
        if counted and limit == 0:
            return None
        total = len(rows)
        rows = rows[page * limit : (page + 1) * limit] if limit > 0 else rows
        if not rows and path == "/thirdparties":
            return self.captured("thirdparties/thirdparties--limit=5+page=99.json")
        if query.get("properties"):
            wanted = query["properties"].split(",")
            rows = [{name: value for name, value in row.items() if name in wanted} for row in rows]
        if not counted:
            return Reply(200, dumped(rows))
        pagination = {"total": total, "page": page, "page_count": -(-total // limit), "limit": limit}
        return Reply(200, dumped({"data": rows, "pagination": pagination}))


@cache
def sample(copies: int = 1, empty: bool = False) -> Sample:
    """The sample of the clone, read once for the whole run."""
    return Sample(FIXTURES, copies, empty)


def copied(value: Any, nth: int) -> Any:
    """An invoice, or the list of its payments or files, as the ``nth`` copy has it: other ids, other references."""
    if isinstance(value, list):
        return [copied(row, nth) for row in value]
    if not isinstance(value, dict):
        return value
    row = copy.deepcopy(value)
    for name in ("id", "rowid", "fk_facture_source", "fk_bank_line", "src_object_id"):
        if row.get(name):
            row[name] = str(int(row[name]) + nth * STEP)
    if isinstance(row.get("ref"), str):
        row["ref"] = re.sub(r"\d+(?=\)?$)", lambda match: f"{int(match[0]) + nth * STEP:04d}", row["ref"])
    row["lines"] = copied(row["lines"], nth) if row.get("lines") else row.get("lines")
    return row


def pairs(query: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """A query without its order."""
    return frozenset((name, str(value)) for name, value in query.items())


def suffix(login: str) -> str:
    """How the names of captured files tell the user."""
    return "" if login == "ai_agent" else f"--as-{login}"


def leaves(rights: Any, prefix: str = "") -> list[str]:
    """The dotted names in a tree of rights."""
    if isinstance(rights, dict):
        return [
            leaf for name, value in rights.items() for leaf in leaves(value, f"{prefix}.{name}" if prefix else name)
        ]
    return [prefix] if rights == 1 else []


def tree(rights: frozenset[str]) -> Row:
    """The tree of rights as Dolibarr sends it."""
    root: Row = {}
    for right in rights:
        *folders, leaf = right.split(".")
        place = root
        for folder in folders:
            place = place.setdefault(folder, {})
        place[leaf] = 1
    return root


def dumped(value: Any) -> bytes:
    """JSON as bytes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
