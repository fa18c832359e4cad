# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a zstd frame ends, told without decompressing it."""

from __future__ import annotations

import random

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.restore import frames
from ansible_collections.arcodange.erp.plugins.module_utils.restore.frames import Damage, Decompressor, Frame, measure

SIZES = [0, 1, 255, 256, 257, 65_535, 65_792, 131_072, 131_073, 1 << 20, 3 << 20]


def content(kind: str, size: int) -> bytes:
    noise = random.Random(size).randbytes(size)
    return {"zeros": bytes(size), "noise": noise, "text": (b"some words, " * (size // 12 + 1))[:size]}[kind]


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("kind", ["zeros", "noise", "text"])
def test_a_frame_is_measured_as_it_was_made(kind: str, checksum: bool) -> None:
    for size in SIZES:
        body = zstandard.ZstdCompressor(level=1, write_checksum=checksum).compress(content(kind, size))
        assert measure(memoryview(body + b"what follows")) == (len(body), size)
        for left in (0, 1, 5, 6, 9, len(body) // 2, len(body) - 1):
            assert measure(memoryview(body[: min(left, len(body) - 1)])) is None
        frame = Frame("key", 0, memoryview(body), size)
        assert (Decompressor()(frame), frame.end) == (content(kind, size), len(body))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"no frame", "no frame begins there"),
        (b"\x50\x2a\x4d\x18" + bytes(8), "no frame begins there"),  # one that decoders skip
        (zstandard.ZstdCompressor(write_content_size=False).compress(b"text" * 100), "its size is not plausible"),
        (b"\x28\xb5\x2f\xfd\xe0" + b"\xff" * 20, "its size is not plausible"),
        (b"\x28\xb5\x2f\xfd\x20\x05" + b"\x00\x00\x00" * 9, None),
    ],
)
def test_what_no_backup_writes_is_not_taken(body: bytes, reason: str | None) -> None:
    if reason is None:
        assert measure(memoryview(body)) is None
    else:
        with pytest.raises(ValueError, match=reason):
            measure(memoryview(body))


def test_a_frame_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MOST_CONTENT", 1000)
    with pytest.raises(ValueError, match="it does not end"):
        measure(memoryview(b"\x28\xb5\x2f\xfd\x20\x05" + b"\x00\xff\xff" * 1000))


@given(st.binary(max_size=200))
def test_anything_is_measured_or_refused(body: bytes) -> None:
    for head in (b"", b"\x28\xb5\x2f\xfd"):
        try:
            measured = measure(memoryview(head + body))
        except ValueError:
            continue
        assert measured is None or 6 <= measured[0] <= len(head + body)


def test_damage_is_told_with_its_place() -> None:
    body = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(b"text" * 1000))
    body[-1] ^= 1
    for size, flipped in ((4000, bytes(body)), (3999, bytes(body[:-1]) + bytes([body[-1] ^ 1]))):
        with pytest.raises(Damage) as caught:
            Decompressor()(Frame("docs/x", 77, memoryview(flipped), size))
        assert (caught.value.key, caught.value.at) == ("docs/x", 77)
