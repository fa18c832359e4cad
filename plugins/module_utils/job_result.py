# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cutting a module's result to what fits into the termination message of a pod."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

LIMIT = 4096  # bytes; Kubernetes cuts off what is longer
SMALL = 160  # bytes; a list or text that is not longer is worth less cutting than a block of figures
# What a play decides by is never cut.
KEPT = {"changed", "failed", "outcome", "restore_point", "cut"}

Place = tuple[Any, ...]


def size(value: Any) -> int:
    """Bytes of a value as it is sent."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str).encode())


def shortened(result: Mapping[str, Any], limit: int) -> dict[str, Any]:
    """The result in at most ``limit`` bytes; ``cut`` names what was shortened and how long it was.

    The largest goes first: lists and texts lose their second half, blocks of figures all they hold.
    """
    short = copy.deepcopy(dict(result))
    lengths: dict[Place, int] = {}
    while size(short) > limit:
        chosen = _chosen(short)
        if chosen is None:
            return {name: value for name, value in short.items() if name in KEPT - {"cut"}}
        place, value = chosen
        lengths.setdefault(place, len(value))
        _set(short, place, _less(value))
        # What lies in something that is gone needs no word of its own.
        short["cut"] = {".".join(map(str, at)): count for at, count in lengths.items() if _there(short, at)}
    return short


def _chosen(result: dict[str, Any]) -> tuple[Place, Any] | None:
    found = sorted(_values(result, ()), key=lambda one: size(one[1]), reverse=True)
    # A list that has something is not to look as if it had nothing: its last entry is cut itself.
    cuttable = [
        one
        for one in found
        if size(one[1]) > SMALL and (isinstance(one[1], str) or isinstance(one[1], list) and len(one[1]) > 1)
    ]
    # What stands at the top is what a summary shows.
    blocks = [one for one in found if isinstance(one[1], dict) and len(one[0]) > 1]
    if not cuttable or not blocks:
        return next(iter(cuttable or blocks or found), None)
    if size(blocks[0][1]) > 2 * size(cuttable[0][1]):
        return blocks[0]
    return cuttable[0]


def _values(block: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    """Everything that is in there and can become shorter, with the way to it."""
    for key, value in block.items() if isinstance(block, dict) else enumerate(block):
        if not value or (not place and key in KEPT):
            continue
        if isinstance(value, (dict, list)):
            yield (*place, key), value
            yield from _values(value, (*place, key))
        elif isinstance(value, str):
            yield (*place, key), value


def _less(value: Any) -> Any:
    if isinstance(value, dict):
        return {}
    half = value[: len(value) // 2]
    return half + "..." if isinstance(value, str) and len(half) > 3 else half


def _set(result: Any, place: Place, value: Any) -> None:
    for part in place[:-1]:
        result = result[part]
    result[place[-1]] = value


def _there(result: Any, place: Place) -> bool:
    for part in place:
        if part not in (result if isinstance(result, dict) else range(len(result))):
            return False
        result = result[part]
    return True
