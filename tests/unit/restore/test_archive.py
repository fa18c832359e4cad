# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of a dump's archive: its list of contents, privileges, and rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.restore import archive

LISTED = """;
; Archive created at 2026-11-20 23:52:57 UTC
;     Dump Version: 1.14-0
;
; Selected TOC Entries:
;
7962; 0 0 ENCODING - ENCODING\x20
7965; 1262 77640 DATABASE - erp dolibarr
2; 3079 16388 EXTENSION - pgcrypto\x20
8000; 0 0 COMMENT - EXTENSION pgcrypto\x20
739; 1255 77641 FUNCTION public date_format(timestamp without time zone, text) dolibarr
740; 1255 77642 FUNCTION pgbouncer user_lookup(text) postgres
8001; 0 0 ACL pgbouncer FUNCTION user_lookup(text) postgres
214; 1259 77657 TABLE public user_lookup dolibarr
215; 1259 77670 SEQUENCE public llx_x_rowid_seq dolibarr
;	depends on: 214
7966; 0 0 SEQUENCE OWNED BY public llx_x_rowid_seq dolibarr
;	depends on: 215 214
7000; 0 77657 TABLE DATA public user_lookup dolibarr
5996; 2606 80428 FK CONSTRAINT public llx_a fk_a dolibarr
3999; 0 0 MATERIALIZED VIEW DATA public v dolibarr
"""


def entries() -> dict[int, archive.Entry]:
    return {entry.number: entry for entry in archive.parse_list(LISTED)}


def test_the_list_of_contents_is_read() -> None:
    found = entries()
    shown = {number: (entry.kind, entry.schema, entry.name, entry.needs) for number, entry in found.items()}
    assert shown[2] == ("EXTENSION", "-", "pgcrypto", ())
    assert shown[739] == ("FUNCTION", "public", "date_format(timestamp without time zone, text)", ())
    assert shown[214] == ("TABLE", "public", "user_lookup", ())
    assert shown[7000] == ("TABLE DATA", "public", "user_lookup", ())
    assert shown[7966] == ("SEQUENCE OWNED BY", "public", "llx_x_rowid_seq", (215, 214))
    assert shown[5996] == ("FK CONSTRAINT", "public", "llx_a fk_a", ())
    assert shown[3999] == ("MATERIALIZED VIEW DATA", "public", "v", ())
    assert len(found) == 13
    assert found[739].describe() == "function public.date_format(timestamp without time zone, text)"
    assert found[2].describe() == "extension pgcrypto"


@pytest.mark.parametrize(
    "name", ["user_lookup", "pgbouncer.user_lookup", "user_lookup(text)", "pgbouncer.user_lookup(text)"]
)
def test_a_function_is_left_out_with_what_belongs_to_it(name: str) -> None:
    skipped = archive.skipped_by([name])
    assert [number for number, entry in entries().items() if skipped(entry)] == [740, 8001]


@pytest.mark.parametrize("name", ["lookup", "public.user_lookup", "user_lookup(int)", ""])
def test_other_functions_stay(name: str) -> None:
    skipped = archive.skipped_by([name])
    assert not any(skipped(entry) for entry in entries().values())


@pytest.mark.parametrize(
    ("statement", "roles"),
    [
        ("GRANT SELECT ON TABLE public.llx_facture TO reader;", {"reader"}),
        ("GRANT ALL ON SCHEMA public TO PUBLIC;", set()),
        ('GRANT SELECT(ref) ON TABLE public.x TO "Comptable ""A""" WITH GRANT OPTION;', {'Comptable "A"'}),
        ("REVOKE ALL ON FUNCTION public.f(a TO b) FROM PUBLIC;", set()),
        ("REVOKE ALL ON TABLE public.x FROM dolibarr;", {"dolibarr"}),
        ("SET SESSION AUTHORIZATION provisioner;", {"provisioner"}),
        ("RESET SESSION AUTHORIZATION;", set()),
        (
            "ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public GRANT SELECT ON TABLES TO reader;",
            {"owner", "reader"},
        ),
        ("ALTER DEFAULT PRIVILEGES FOR ROLE owner REVOKE ALL ON FUNCTIONS FROM PUBLIC;", {"owner"}),
    ],
)
def test_the_roles_of_privileges_are_known(statement: str, roles: set[str]) -> None:
    assert archive.privilege_statements(f"SET x = 1;\n{statement}\n--\n") == [statement]
    assert archive.roles_of(statement) == roles


def test_the_roles_of_policies_are_known() -> None:
    script = (
        'CREATE POLICY p ON public.x FOR SELECT TO a, "B" USING ((owner = CURRENT_USER));\n'
        "CREATE POLICY q ON public.x WITH CHECK (true);\n"
        "CREATE POLICY r ON public.x TO c WITH CHECK (true);\n"
    )
    assert archive.policy_roles(script) == {"a", "B", "c"}


def test_complaints_do_not_quote_rows() -> None:
    said = (
        b"pg_restore: error: could not execute query: ERROR:  permission denied\n"
        b"DETAIL:  Key (api_key)=(secret) is duplicated.\nCommand was: CREATE x\npg_restore: warning: errors ignored: 1\n"
    )
    assert archive.complaints(said) == ["could not execute query: ERROR:  permission denied"]


ROW = st.text(alphabet="a\\.é\t", max_size=8).filter(lambda row: row != "\\.").map(str.encode)


@given(
    st.lists(st.lists(ROW, max_size=6), max_size=4),
    st.integers(1, 40),
    st.integers(1, 30),
)
def test_rows_are_found_however_the_script_is_cut(tables: list[list[bytes]], piece: int, size: int) -> None:
    script = b"--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\nSET row_security = off;\n\n"
    for number, rows in enumerate(tables):
        script += b"--\n-- Data for Name: COPY t; Type: TABLE DATA\n--\n\nCOPY t%d (a, b) FROM stdin;\n" % number
        script += b"".join(row + b"\n" for row in rows) + b"\\.\n\n\n"
    script += b"--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n"
    pieces = [script[start : start + piece] for start in range(0, len(script), piece)]
    found: dict[bytes, bytes] = {}
    for statement, rows_of_it in archive.copies(pieces, size):
        assert rows_of_it.endswith(b"\n") == (statement in found)
        found[statement] = found.get(statement, b"") + rows_of_it
    assert found == {
        b"COPY t%d (a, b) FROM stdin;" % number: b"".join(row + b"\n" for row in rows)
        for number, rows in enumerate(tables)
    }


@pytest.mark.parametrize("end", [b"", b"1\n", b"1\n\\", b"1\n\\."])
def test_a_script_that_ends_among_rows_is_cut_short(end: bytes) -> None:
    with pytest.raises(
        archive.CutShort, match=r"^The dump ends among the rows of a table \(COPY t \(a\) FROM stdin;\)"
    ):
        list(archive.copies([b"\nCOPY t (a) FROM stdin;\n" + end]))
