# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PDFs that somebody made to break who reads them, and PDFs that are broken."""

from __future__ import annotations

import io
import zlib

from pypdf import PdfWriter

from tests.support.pdfs import sheet

FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def raw(objects: list[bytes], trailer: bytes = b"") -> bytes:
    """A PDF of these objects, the first of which is its catalogue."""
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)
    return bytes(out)


def stream(content: bytes, entries: bytes = b"") -> bytes:
    """A stream object."""
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), entries, content)


def one_page(content: bytes, entries: bytes = b"", resources: bytes = b"", more: tuple[bytes, ...] = ()) -> bytes:
    """A PDF of one page with this content stream; objects in ``more`` have the numbers from 6."""
    return raw(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
            b" /Resources << /Font << /F1 5 0 R >> %s >> >>" % resources,
            stream(content, entries),
            FONT,
            *more,
        ]
    )


def bomb(size: int = 100 << 20) -> bytes:
    """A page whose content unpacks to ``size`` bytes."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _part in range(size >> 20)) + packer.flush()
    return one_page(packed, b"/Filter /FlateDecode")


def nested_bomb() -> bytes:
    """A page packed twice: a few hundred bytes that unpack to a hundred megabytes."""
    packed = zlib.compress(zlib.compress(bytes(100 << 20), 9), 9)
    return one_page(packed, b"/Filter [/FlateDecode /FlateDecode]")


def calling_forms(depth: int = 9, calls: int = 8) -> bytes:
    """Forms that draw the next form several times each: 8 to the power of 9 of them, without any loop."""
    draw = b"/X Do " * calls
    forms = [
        stream(
            draw if level < depth - 1 else b"BT /F1 9 Tf (laugh) Tj ET",
            b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X %d 0 R >>"
            b" /Font << /F1 5 0 R >> >>" % (7 + level),
        )
        for level in range(depth)
    ]
    return one_page(draw, resources=b"/XObject << /X 6 0 R >>", more=tuple(forms))


def form_in_itself() -> bytes:
    """A form that draws itself."""
    form = stream(b"/X Do", b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R >> >>")
    return one_page(b"/X Do", resources=b"/XObject << /X 6 0 R >>", more=(form,))


def pages_in_a_loop() -> bytes:
    """A tree of pages whose branch is its own child."""
    return raw([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>"])


def xref_in_a_loop() -> bytes:
    """A cross-reference table that names itself as the one before."""
    whole = sheet()
    start = int(whole.rpartition(b"startxref")[2].split()[0])
    return whole.replace(b"trailer\n<<", b"trailer\n<< /Prev %d" % start, 1)


def deep_array(depth: int = 100_000) -> bytes:
    """A content of arrays in arrays."""
    return one_page(b"[" * depth + b"]" * depth + b" TJ")


def endless_content(size: int = 60 << 20) -> bytes:
    """A content that unpacks to less than the limit and has millions of operators."""
    return one_page(zlib.compress(b"BT /F1 9 Tf (a) Tj ET\n" * (size // 22), 9), b"/Filter /FlateDecode")


def many_pages(count: int = 20_000) -> bytes:
    """One page, shown very often."""
    kids = b"3 0 R " * count
    return raw(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count),
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
            stream(b"BT /F1 9 Tf (a) Tj ET"),
            FONT,
        ]
    )


def encrypted(user: str, owner: str = "owner") -> bytes:
    """An invoice under a password; with an empty one for the user anybody may read it."""
    writer = PdfWriter(clone_from=io.BytesIO(sheet()))
    writer.encrypt(user, owner, algorithm="AES-256")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


WORDS = b"BT /F1 9 Tf 12 TL 30 800 Td " + b"".join(b"(Ligne %d de la facture) '\n" % n for n in range(40)) + b"ET\n"


def torn_stream() -> bytes:
    """Forty lines of text, compressed, with a byte in the middle changed: what comes before it can still be read."""
    packed = bytearray(zlib.compress(WORDS))
    packed[len(packed) // 2] ^= 0xFF
    return one_page(bytes(packed), b"/Filter /FlateDecode")


def torn_text() -> bytes:
    """An invoice with a byte changed in its text, which is written in ASCII."""
    whole = bytearray(sheet())
    whole[whole.index(b"stream\n") + 400] ^= 0xFF
    return bytes(whole)


def lost_object() -> bytes:
    """A page whose second half is an object that the file does not have."""
    return one_page(WORDS).replace(b"/Contents 4 0 R ", b"/Contents [4 0 R 9 0 R] ")
