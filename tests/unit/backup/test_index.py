# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The index of documents: names of any bytes, one line each, in the order of the walk."""

from __future__ import annotations

import base64
import json
import os
import pathlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.backup.index import (
    DIRECTORY,
    FILE,
    HARDLINK,
    SYMLINK,
    Entry,
    decode_entry,
    display,
    encode_entry,
    order,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.tree import Problem, exclusion, walk

# What a file system accepts: any bytes but the slash and NUL.
NAMES = st.binary(min_size=1, max_size=30).map(lambda name: name.replace(b"/", b"_").replace(b"\0", b"_"))
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(b"/".join)
ODD = [b"plain.pdf", "été.pdf".encode(), b"caf\xe9.pdf", b"two\nlines.pdf", b"\x1b[31mred", b"a\\nb", b"\xed\xa0\x80"]


COMMON = {
    "path": PATHS,
    "mode": st.integers(0, 0o7777),
    "uid": st.integers(0, 2**32 - 1),
    "gid": st.integers(0, 2**32 - 1),
    "user": st.text(max_size=8),
    "group": st.text(max_size=8),
    "mtime_ns": st.integers(-(2**62), 2**62),
    "ctime_ns": st.integers(0, 2**62),
}


def entry(**fields: Any) -> Entry:
    """An entry with its defaults, which hypothesis would otherwise replace."""
    return Entry(**fields)


FILES = st.builds(
    entry,
    **COMMON,
    kind=st.just(FILE),
    size=st.integers(0, 2**50),
    sha256=st.binary(min_size=32, max_size=32).map(bytes.hex),
    md5=st.sampled_from(["", "0" * 32]),
    archive=st.just("docs/20261120T040000Z.tar.zst"),
    frame=st.integers(0, 2**50),
    offset=st.integers(0, 2**50),
    member=st.just(b"") | PATHS,
)
DIRECTORIES = st.builds(entry, **COMMON, kind=st.just(DIRECTORY))
LINKS = st.builds(entry, **COMMON, kind=st.sampled_from([SYMLINK, HARDLINK]), target=PATHS)


@given(FILES | DIRECTORIES | LINKS)
def test_an_entry_is_read_as_it_was_written_from_one_line(entry: Entry) -> None:
    line = encode_entry(entry)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode_entry(line) == entry


@pytest.mark.parametrize("path", ODD)
def test_a_path_can_be_found_with_any_json_tool(path: bytes) -> None:
    line = json.loads(encode_entry(Entry(path, FILE, 0o644, 0, 0, "", "", 0, 0)))
    exact = line.get("path_base64")
    assert (base64.b64decode(exact) if exact else line["path"].encode()) == path
    assert exact is None or line["path"].isprintable()


@given(PATHS)
def test_a_path_is_shown_on_one_line_without_control_characters(path: bytes) -> None:
    shown = display(path)
    assert shown.isprintable()
    assert (
        path.decode("utf-8", "replace") == shown or not path.decode("utf-8", "replace").isprintable() or "\\" in shown
    )


@given(st.sets(PATHS, min_size=1, max_size=12))
def test_the_order_is_that_of_the_walk(tmp_path_factory: pytest.TempPathFactory, paths: set[bytes]) -> None:
    root = os.fsencode(tmp_path_factory.mktemp("walk"))
    for path in sorted(paths):
        # A name that is a file already cannot be a directory too.
        parts = path.split(b"/")
        if any(part in (b".", b"..") for part in parts) or any(
            os.path.isfile(os.path.join(root, *parts[:depth])) for depth in range(1, len(parts))
        ):
            continue
        os.makedirs(os.path.join(root, *parts[:-1]), exist_ok=True)
        if not os.path.isdir(os.path.join(root, path)):
            pathlib.Path(os.fsdecode(os.path.join(root, path))).touch()
    met = [item.path for item in walk(root, exclusion(())) if not isinstance(item, Problem)]
    assert met == sorted(met, key=order)
    assert len(set(map(order, met))) == len(met)
