# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work in parallel delivered in order, growing parts, frames and lines."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.backup import stream
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import StoreError
from tests.support.restore_points import frames

MIB = 1 << 20
GIB = 1 << 30
TIB = 1 << 40
ADDRESS = "s3://bucket/erp/prod/docs/20261120T040000Z.index.jsonl.zst"


def test_ten_thousand_parts_hold_the_largest_object_there_is() -> None:
    assert sum(stream.part_size(number, 10000) for number in range(10000)) >= 5 * TIB


@given(st.integers(1, 10000), st.data())
def test_parts_grow_and_stay_within_the_limits_of_s3(max_parts: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, max_parts - 1))
    size = stream.part_size(number, max_parts)
    assert 5 * MIB <= size <= 5 * GIB
    assert size <= stream.part_size(min(number + 1, max_parts - 1), max_parts)
    assert stream.part_size(0, max_parts) == 8 * MIB


@pytest.mark.parametrize("max_parts", [1000, 10000])
def test_the_documents_of_a_large_installation_fit(max_parts: int) -> None:
    assert sum(stream.part_size(number, max_parts) for number in range(max_parts)) > 500 * GIB


def test_the_parts_of_fifty_gigabytes_stay_small() -> None:
    sent = number = 0
    while sent < 50 * GIB:
        sent += stream.part_size(number, 10000)
        number += 1
    assert stream.part_size(number, 10000) <= 32 * MIB


def test_results_come_in_order_whoever_ends_first() -> None:
    last_done = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert last_done.wait(30)
        if item == 3:
            last_done.set()
        return item

    with ThreadPoolExecutor(4) as pool:
        assert list(stream.ordered(pool, work, range(10), 4)) == list(range(10))


def test_no_more_work_is_begun_than_the_window_allows() -> None:
    begun: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            begun.append(item)
            yield item

    with ThreadPoolExecutor(4) as pool:
        results = stream.ordered(pool, lambda item: item, items(), 3)
        for received, _result in enumerate(results, 1):
            assert len(begun) <= received + 3


def test_an_error_is_raised_where_its_result_would_have_been() -> None:
    def work(item: int) -> int:
        if item == 2:
            raise ValueError(item)
        return item

    seen = []
    with ThreadPoolExecutor(4) as pool, pytest.raises(ValueError, match="2"):
        for result in stream.ordered(pool, work, range(100), 4):
            seen.append(result)
    assert seen == [0, 1]


@given(st.lists(st.binary(min_size=1, max_size=2000), max_size=8))
def test_every_frame_can_be_read_alone(blocks: list[bytes]) -> None:
    compress = stream.Compressor()
    packed = [compress(block) for block in blocks]
    assert frames(b"".join(packed)) == blocks
    for frame, block in zip(packed, blocks, strict=True):
        parameters = zstandard.get_frame_parameters(frame)
        assert parameters.content_size == len(block)
        assert parameters.has_checksum


@given(st.lists(st.binary(max_size=2000), max_size=5), st.integers(1, 50))
def test_frames_are_joined_again_however_they_are_cut(blocks: list[bytes], piece: int) -> None:
    compress = stream.Compressor()
    packed = b"".join(compress(block) for block in blocks)
    pieces = [packed[start : start + piece] for start in range(0, len(packed), piece)]
    assert b"".join(stream.decompressed(pieces, ADDRESS)) == b"".join(blocks)


@given(st.data())
def test_damage_of_a_frame_is_noticed(data: st.DataObject) -> None:
    packed = bytearray(stream.Compressor()(bytes(range(256)) * 20))
    place = data.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(StoreError, match="damaged"):
        assert b"".join(stream.decompressed([bytes(packed)], ADDRESS)) == bytes(range(256)) * 20
        raise StoreError("the frame still says the same, it is not damaged")


@pytest.mark.parametrize("kept", [1, 10, -1])
def test_a_frame_that_ends_early_is_noticed(kept: int) -> None:
    packed = stream.Compressor()(bytes(range(256)) * 20)
    with pytest.raises(StoreError, match=f"^{ADDRESS} is damaged .it ends early.: verify"):
        list(stream.decompressed([packed[:kept]], ADDRESS))


@given(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line)), st.integers(1, 10))
def test_lines_are_found_however_the_stream_is_cut(rows: list[bytes], piece: int) -> None:
    text = b"".join(row + b"\n" for row in rows)
    assert list(stream.lines(text[start : start + piece] for start in range(0, len(text), piece))) == rows


def test_a_last_line_without_an_end_is_a_line() -> None:
    assert list(stream.lines([b"a\nb"])) == [b"a", b"b"]
