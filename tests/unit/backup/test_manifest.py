# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest: its canonical bytes, and everything that must not be taken for one."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import (
    FORMAT,
    Manifest,
    ManifestError,
    decode,
    encode,
    manifest_key,
    restore_point_id,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import StoredObject

ID = "20261120T040000Z"
KEY = f"manifests/{ID}.json"
ADDRESS = f"s3://bucket/erp/prod/{KEY}"
DOCUMENT: dict[str, Any] = {
    "format": FORMAT,
    "format_version": 1,
    "id": ID,
    "sequence": 7,
    "previous": None,
    "instant": "2026-11-20T04:00:00.123456+00:00",
    "instance": {"id": "atelier-lumen", "environment": "prod", "key_fingerprint": None},
    "objects": [{"part": "database", "key": f"db/{ID}.dump.zst", "size": 12, "sha256": "ab" * 32}],
    "skipped": [{"path": "facture/é\n", "reason": "unstable"}],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def read(body: bytes, key: str = KEY) -> Manifest:
    return decode(body, key, ADDRESS)


def rewritten(**changes: Any) -> bytes:
    """The manifest with other fields, its own digest made to match."""
    return encode({**DOCUMENT, **changes})


def test_is_read_as_it_was_written() -> None:
    body = encode(DOCUMENT)
    found = read(body)
    assert found.data == DOCUMENT
    assert found.sha256 == hashlib.sha256(body).hexdigest()
    assert (found.id, found.sequence, found.instance_id) == (ID, 7, "atelier-lumen")
    assert found.instant == datetime(2026, 11, 20, 4, 0, 0, 123456, UTC)
    assert found.objects == (StoredObject(f"db/{ID}.dump.zst", 12, "ab" * 32),)


@given(st.dictionaries(st.text(), JSON))
def test_whatever_it_holds_is_read_as_it_was_written(extra: dict[str, Any]) -> None:
    document = {**extra, **DOCUMENT}
    document.pop("digest", None)
    assert read(encode(document)).data == document


def test_its_bytes_do_not_depend_on_the_order_of_fields() -> None:
    assert encode(dict(reversed(DOCUMENT.items()))) == encode(DOCUMENT)


def test_its_digest_can_be_checked_with_any_json_tool() -> None:
    document = json.loads(encode(DOCUMENT))
    digest = document.pop("digest")
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert digest == hashlib.sha256(text.encode()).hexdigest()


def test_cut_anywhere_it_is_refused() -> None:
    body = encode(DOCUMENT)
    for length in range(len(body)):
        with pytest.raises(ManifestError, match=f"^{ADDRESS} is not complete JSON, .*: move it out of the prefix\\.$"):
            read(body[:length])


@given(st.data())
def test_altered_anywhere_it_is_refused(data: st.DataObject) -> None:
    body = bytearray(encode(DOCUMENT))
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ManifestError):
        read(bytes(body))


@pytest.mark.parametrize("body", [b"[]", b"7", b'"text"', b"null", b'{"format": "other/thing"}', b"{}"])
def test_other_json_is_not_ours(body: bytes) -> None:
    with pytest.raises(ManifestError, match="is not a manifest of this collection"):
        read(body)


@pytest.mark.parametrize("version", [2, 99, None, "1", 1.0])
def test_a_newer_format_is_refused_and_says_to_update(version: object) -> None:
    with pytest.raises(
        ManifestError, match=f"has format version {version}, newer than the 1 .*: update the collection"
    ):
        read(rewritten(format_version=version))


def test_under_the_key_of_another_restore_point_it_is_refused() -> None:
    with pytest.raises(ManifestError, match="does not match its own digest"):
        read(encode(DOCUMENT), "manifests/20261121T040000Z.json")


def test_every_refusal_names_the_object_and_is_one_sentence() -> None:
    for body in (b"{", b"{}", rewritten(format_version=2), encode(DOCUMENT).replace(b"lumen", b"other")):
        with pytest.raises(ManifestError) as caught:
            read(body)
        assert str(caught.value).startswith(ADDRESS)
        assert str(caught.value).endswith(".")
        assert "\n" not in str(caught.value)
        assert caught.value.facts == {"key": KEY}


def test_the_id_is_the_instant_in_utc_to_the_second() -> None:
    paris = timezone(timedelta(hours=1))
    assert restore_point_id(datetime(2026, 11, 20, 5, 0, 0, 999999, paris)) == ID
    assert manifest_key(ID) == KEY
