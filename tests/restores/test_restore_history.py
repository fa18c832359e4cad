# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every version of a document over time, and the one as first issued handed over."""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.restore.documents import restore_documents
from ansible_collections.arcodange.erp.plugins.module_utils.restore.history import document_versions
from tests.support import stores
from tests.support.document_points import Points

INVOICE = "facture/FA1/FA1.pdf"
LATIN = os.fsdecode(b"caf\xe9.pdf")
CONTENTS = [b"as first issued", b"with another address", b"with another address", b"as first issued", None]


def write(path: pathlib.Path, content: bytes, time: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (time, time))


@pytest.fixture(scope="module")
def points(moto: stores.Store, tmp_path_factory: pytest.TempPathFactory) -> Points:
    """Five nights: an invoice is issued, made anew, left alone, put back and deleted."""
    points = Points(moto.fresh(), tmp_path_factory.mktemp("live"))
    other = points.root / "other.pdf"
    write(other, b"other", 5)
    os.link(other, points.root / "twin.pdf")
    write(points.root / LATIN, b"latin", -5)
    for night, content in enumerate(CONTENTS):
        path = points.root / INVOICE
        if content is None:
            path.unlink()
        elif night != 2:
            write(path, content, 1000 + night)
        points.back_up(wanted=[INVOICE.encode()])
    return points


def ids(points: Points, *numbers: int) -> list[str]:
    return [points.made[number].id for number in numbers]


def version(points: Points, content: bytes, *nights: int) -> dict[str, Any]:
    instants = [points.made[night].instant.isoformat(timespec="seconds") for night in nights]
    return {
        "sha256": hashlib.sha256(content).hexdigest(),
        "md5": None,
        "size": len(content),
        "first_seen": instants[0],
        "last_seen": instants[-1],
        "restore_points": ids(points, *nights),
    }


def test_each_version_names_the_restore_points_that_hold_it(points: Points) -> None:
    first, second = (
        version(points, content, *nights) | {"md5": hashlib.md5(content, usedforsecurity=False).hexdigest()}
        for content, nights in ((b"as first issued", (0, 3)), (b"with another address", (1, 2)))
    )
    assert document_versions(points.store, ["facture/*.pdf"]) == [
        {"path": INVOICE, "mtime": "1970-01-01T00:16:40+00:00", **first},
        {"path": INVOICE, "mtime": "1970-01-01T00:16:41+00:00", **second},
    ]


def test_the_document_as_first_issued_can_be_handed_over(points: Points, tmp_path: pathlib.Path) -> None:
    issued = document_versions(points.store, [INVOICE])[0]
    made = next(made for made in points.made if made.id == issued["restore_points"][0])
    restore_documents(points.store, made, str(tmp_path / "handed over"), Progress(), [INVOICE])
    assert (tmp_path / "handed over" / INVOICE).read_bytes() == b"as first issued"


def test_further_names_have_the_content_of_their_file(points: Points) -> None:
    always = version(points, b"other", 0, 1, 2, 3, 4)
    found = document_versions(points.store, ["twin.pdf"])
    assert found == [{"path": "twin.pdf", "mtime": "1970-01-01T00:00:05+00:00", **always}]
    both = document_versions(points.store, ["*.pdf"])
    assert [item["path"] for item in both] == ["caf\\xe9.pdf", INVOICE, INVOICE, "other.pdf", "twin.pdf"]
    assert both[-1] == found[0]


def test_a_name_that_is_no_text_is_kept_exactly(points: Points) -> None:
    (found,) = document_versions(points.store, [LATIN])
    assert (found["path"], found["path_base64"]) == ("caf\\xe9.pdf", "Y2Fm6S5wZGY=")
    assert found["mtime"] == "1969-12-31T23:59:55+00:00"


def test_nothing_matches(points: Points) -> None:
    assert document_versions(points.store, ["FACTURE/*", "facture", "facture/FA1"]) == []
    assert document_versions(points.store, []) == []


def test_each_index_is_read_once(points: Points, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = points.store.stream

    def stream(key: str, *rest: Any, **more: Any) -> Iterator[bytes]:
        asked.append(key)
        return real(key, *rest, **more)

    monkeypatch.setattr(points.store, "stream", stream)
    document_versions(points.store, ["*.pdf"])
    indexes = [key for key in asked if ".index." in key]
    assert len(set(indexes)) == 4  # the third night changed nothing and has none of its own
    # Once for its digest, once for what it says.
    assert sorted(indexes) == sorted([*set(indexes)] * 2)


def test_what_cannot_be_read_does_not_pass_as_absent(moto: stores.Store, tmp_path: pathlib.Path) -> None:
    points = Points(moto.fresh(), tmp_path)
    write(tmp_path / "a", b"a", 1)
    points.back_up()
    write(tmp_path / "b", b"b", 1)
    made = points.back_up()
    key = f"manifests/{points.made[0].id}.json"
    body = points.bucket.read(key)
    points.bucket.write(key, body.replace(b'"sequence":1', b'"sequence":7'))
    with pytest.raises(ErpError, match=f"{key} does not match its own digest"):
        document_versions(points.store, ["*"])
    points.bucket.write(key, body)
    assert len(document_versions(points.store, ["*"])) == 2
    index = f"docs/{made.id}.index.jsonl.zst"
    points.bucket.delete(index)
    with pytest.raises(ErpError, match=f"Cannot read .*{index}: there is no such object."):
        document_versions(points.store, ["*"])
