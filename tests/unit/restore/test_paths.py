# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which paths may be written, which are wanted, and which links leave the tree."""

from __future__ import annotations

import fnmatch
import os
import pathlib
import tempfile
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
    order,
)
from ansible_collections.arcodange.erp.plugins.module_utils.restore.paths import (
    PathError,
    checked,
    chosen,
    fault,
    leaves,
    matcher,
    path_fault,
)


def entry(path: bytes, kind: str = FILE, **changes: Any) -> Entry:
    plain = Entry(path, kind, 0o644, 33, 33, "", "", 0, 0, sha256="0" * 64, target=b"t")
    return plain._replace(**changes)


def names(entries: list[Entry]) -> list[bytes]:
    return [item.path for item in checked(entries, "s3://bucket/index")]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (b"a", ""),
        (b"a/b/c", ""),
        (b"...", ""),
        (b"a/..b", ""),
        (b"a\\..\\b", ""),
        (b"\xff\n ", ""),
        (b"", "has an empty component, '.' or '..'"),
        (b".", "has an empty component, '.' or '..'"),
        (b"..", "has an empty component, '.' or '..'"),
        (b"a/.", "has an empty component, '.' or '..'"),
        (b"a/../b", "has an empty component, '.' or '..'"),
        (b"../a", "has an empty component, '.' or '..'"),
        (b"a//b", "has an empty component, '.' or '..'"),
        (b"a/", "has an empty component, '.' or '..'"),
        (b"/", "is absolute"),
        (b"/etc/passwd", "is absolute"),
        (b"//a", "is absolute"),
        (b"a\0b", "holds a NUL byte"),
        (b"/\0", "holds a NUL byte"),
    ],
)
def test_paths_that_must_not_be_written(path: bytes, reason: str) -> None:
    assert path_fault(path) == reason
    assert fault(entry(path)) == reason


@given(st.lists(st.sampled_from([b"a", b"b", b".", b"..", b"", b"...", b"a\0"]), max_size=6).map(b"/".join))
def test_a_path_without_fault_stays_below(path: bytes) -> None:
    plain = b"/top/" + path
    is_below = os.path.normpath(plain) == plain and len(plain) > len(b"/top/") and b"\0" not in path
    assert (path_fault(path) == "") == (is_below and not path.startswith(b"/"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kind": "socket"}, "is of the unknown type 'socket'"),
        ({"mode": 0o10000}, "has an impossible mode or owner"),
        ({"mode": -1}, "has an impossible mode or owner"),
        ({"uid": 2**32 - 1}, "has an impossible mode or owner"),
        ({"gid": -1}, "has an impossible mode or owner"),
        ({"mtime_ns": 2**64}, "has an impossible number"),
        ({"size": 1.5}, "has an impossible number"),
        ({"uid": "0"}, "has an impossible number"),
        ({"uid": True}, "has an impossible number"),
        ({"size": -1}, "has an impossible size or place"),
        ({"frame": -1}, "has an impossible size or place"),
        ({"offset": -1}, "has an impossible size or place"),
        ({"sha256": "0" * 63}, "has no SHA-256"),
        ({"sha256": "G" * 64}, "has no SHA-256"),
        ({"kind": SYMLINK, "target": b""}, "is a link to nothing"),
        ({"kind": SYMLINK, "target": b"a\0"}, "is a link to nothing"),
    ],
)
def test_entries_that_cannot_be_restored(changes: dict[str, Any], reason: str) -> None:
    assert fault(entry(b"a", **changes)) == reason
    with pytest.raises(PathError, match=f"^s3://bucket/index names 'a', which {reason}: do not trust it, choose"):
        names([entry(b"a", **changes)])


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([entry(b"a"), entry(b"a")], "comes twice"),
        ([entry(b"a", DIRECTORY), entry(b"a")], "comes twice"),
        ([entry(b"b"), entry(b"a")], "is out of order"),
        ([entry(b"d", DIRECTORY), entry(b"e"), entry(b"d/x")], "is out of order"),
        ([entry(b"a/b")], "lies below something that is not a directory there"),
        ([entry(b"a"), entry(b"a/b")], "lies below something that is not a directory there"),
        ([entry(b"a", SYMLINK), entry(b"a/b")], "lies below something that is not a directory there"),
        ([entry(b"a", HARDLINK), entry(b"a/b")], "lies below something that is not a directory there"),
        ([entry(b"a", DIRECTORY), entry(b"a/b/c")], "lies below something that is not a directory there"),
        ([entry(b"a", DIRECTORY), entry(b"ab/c")], "lies below something that is not a directory there"),
    ],
)
def test_entries_that_do_not_fit_together(entries: list[Entry], reason: str) -> None:
    with pytest.raises(PathError, match=f"which {reason}: do not trust it"):
        names(entries)


def test_a_tree_in_the_order_of_the_walk_passes() -> None:
    entries = [
        entry(b"a", DIRECTORY),
        entry(b"a/b", DIRECTORY),
        entry(b"a/b/c"),
        entry(b"a/d"),
        entry(b"a-b"),
        entry(b"e", SYMLINK),
        entry(b"f", DIRECTORY),
        entry(b"f/\xff", HARDLINK),
    ]
    assert names(entries) == [item.path for item in entries]


PARTS = st.sampled_from([b"a", b"b", b"a-", b"\xff"])
PATHS = st.lists(PARTS, min_size=1, max_size=4).map(b"/".join)
TREES = st.dictionaries(PATHS, st.sampled_from([DIRECTORY, FILE, SYMLINK]), max_size=12)


def sorted_entries(tree: dict[bytes, str]) -> list[Entry]:
    return [entry(path, tree[path]) for path in sorted(tree, key=order)]


@given(TREES)
def test_exactly_trees_pass(tree: dict[bytes, str]) -> None:
    parents = {path.rpartition(b"/")[0] for path in tree} - {b""}
    is_tree = all(tree.get(parent) == DIRECTORY for parent in parents)
    try:
        passed = names(sorted_entries(tree))
    except PathError:
        assert not is_tree
    else:
        assert is_tree and passed == sorted(tree, key=order)


@given(
    TREES,
    st.lists(st.sampled_from(["*", "a*", "a/b", "*/a", "?", "[ab]/*", "\udcff", "b/*a-"]), min_size=1, max_size=2),
)
def test_what_matches_is_chosen_with_the_directories_above(tree: dict[bytes, str], patterns: list[str]) -> None:
    for path in list(tree):
        for parent in list(pathlib.PurePosixPath(os.fsdecode(path)).parents)[:-1]:
            tree[os.fsencode(parent)] = DIRECTORY
    wanted = {path for path in tree if any(fnmatch.fnmatchcase(os.fsdecode(path), pattern) for pattern in patterns)}
    assert {path for path in tree if matcher(patterns)(path)} == wanted
    above = {parent for parent in tree if any(path.startswith(parent + b"/") for path in wanted)}
    found = [item.path for item in chosen(sorted_entries(tree), patterns)]
    assert found == sorted(wanted | above, key=order)


def test_without_patterns_everything_is_chosen_and_nothing_matches() -> None:
    entries = sorted_entries({b"a": DIRECTORY, b"a/b": FILE})
    assert list(chosen(entries, ())) == entries
    assert not matcher(())(b"a")


@pytest.mark.parametrize(
    ("path", "target", "is_out"),
    [
        (b"a", b"b", False),
        (b"a", b"nowhere/at/all", False),
        (b"a", b"/", True),
        (b"a", b"/etc/passwd", True),
        (b"a", b"..", True),
        (b"a", b"./../x", True),
        (b"a", b".", False),
        (b"d/a", b"..", False),
        (b"d/a", b"../b", False),
        (b"d/a", b"../..", True),
        (b"d/a", b"../../d/b", True),
        (b"d/a", b"b/../../c", False),
        (b"d/a", b"b/../../..", True),
        (b"d/e/a", b"..//.//../x", False),
        (b"a", b"link/x", False),
        (b"a", b"link/..", True),
        (b"a", b"d/link/x/../..", True),
        (b"d/a", b"../link/..", True),
        (b"a", b"...", False),
    ],
)
def test_links_that_leave(path: bytes, target: bytes, is_out: bool) -> None:
    assert leaves(path, target, {b"link", b"d/link"}) == is_out


TARGETS = st.lists(st.sampled_from([b"..", b"a", b"b", b"d", b"d/e", b"."]), min_size=1, max_size=5).map(b"/".join)
LINKS = st.dictionaries(st.sampled_from([b"a", b"b", b"d/a", b"d/b", b"d/e/a"]), TARGETS, max_size=4)


@given(LINKS)
def test_no_link_that_stays_leads_out_through_others(links: dict[bytes, bytes]) -> None:
    with tempfile.TemporaryDirectory() as place:
        top = os.fsencode(os.path.realpath(place)) + b"/x/y/top"
        os.makedirs(top + b"/d/e")
        for path, target in links.items():
            if not leaves(path, target, links):
                os.symlink(target, top + b"/" + path)
        for path in links:
            assert (os.path.realpath(top + b"/" + path) + b"/").startswith(top + b"/")
