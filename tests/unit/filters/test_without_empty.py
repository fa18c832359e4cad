# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that leaves out what is empty."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterTypeError

from ansible_collections.arcodange.erp.plugins.filter.without_empty import without_empty


@pytest.mark.parametrize(
    ("entries", "kept"),
    [
        ({}, {}),
        ({"key": "", "file": "/etc/erp/s3"}, {"file": "/etc/erp/s3"}),
        (
            {"port": 0, "force": False, "exclude": [], "wish": None},
            {"port": 0, "force": False, "exclude": [], "wish": None},
        ),
        ({"blank": " ", "b": "2", "a": "1"}, {"blank": " ", "b": "2", "a": "1"}),
    ],
)
def test_only_the_empty_string_is_left_out(entries: dict[str, object], kept: dict[str, object]) -> None:
    assert without_empty(entries) == kept
    assert list(without_empty(entries)) == list(kept)


def test_what_is_no_dictionary_is_named() -> None:
    with pytest.raises(AnsibleFilterTypeError, match="without_empty needs a dictionary, it was given"):
        without_empty(["a"])
