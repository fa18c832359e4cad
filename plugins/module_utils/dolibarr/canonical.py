# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one text of an answer: the same state of Dolibarr gives the same text, whoever reads it and when.

Sorted keys, no space, UTF-8, no null, no empty list, no volatile field, lists in an order of their own, numbers with a
fraction as text.
``jq -cS .data FILE`` prints the text that ``content_hash`` is made of, but for its last line feed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

EVERYWHERE = "*"
# What does not belong to the content, by section and field, and why; a field is left out at any depth.
EXCLUDED: Mapping[str, Mapping[str, str]] = {
    EVERYWHERE: {
        "tms": "changes with every save, also those that change nothing",
        "datem": "changes with every save, also those that change nothing",
        "date_modification": "changes with every save, also those that change nothing",
        "user_modification": "changes with every save, also those that change nothing",
        "user_modification_id": "changes with every save, also those that change nothing",
        "cond_reglement_doc": "is in the language of the reader",
        "cond_reglement_label": "is in the language of the reader",
    },
    "status": {
        "access_locked": "says who may work at the moment",
        "code": "belongs to the answer",
    },
    "third_parties": {
        "status_prospect_label": "is in the language of the reader",
        "webservices_key": "is a secret",
    },
    "invoices": {
        "online_payment_url": "holds a secret and the address of the instance",
    },
    "bank_accounts": {
        "type_lib": "is in the language of the reader",
    },
}
# The order of these was chosen by a person.
ORDERED = frozenset(("lines",))


def canonical_text(value: Any) -> str:
    """The text of a canonical value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(section: str, answer: Any) -> Any:
    """An answer without what is volatile in its section, in its one form."""
    return _canonical(answer, frozenset(EXCLUDED[EVERYWHERE]) | frozenset(EXCLUDED.get(section, ())), False)


def _canonical(value: Any, excluded: frozenset[str], is_ordered: bool) -> Any:
    if isinstance(value, Mapping):
        # Dolibarr sends every field that any object has; an empty one is null or an empty list, as it was read.
        found = {
            str(name): _canonical(inner, excluded, name in ORDERED)
            for name, inner in value.items()
            if name not in excluded
        }
        return {name: inner for name, inner in found.items() if inner not in (None, [], {})}
    if isinstance(value, list | tuple):
        items = [_canonical(inner, excluded, False) for inner in value]
        return items if is_ordered else sorted(items, key=_place)
    if isinstance(value, float):
        # The shortest form is what was sent; as text no reader can round it.
        return int(value) if value.is_integer() else repr(value)
    return value


def _place(item: Any) -> tuple[int, str]:
    """By id where there is one, else by text."""
    identity = str(item.get("id", "")) if isinstance(item, Mapping) else ""
    return (int(identity) if identity.isdecimal() else -1, canonical_text(item))
