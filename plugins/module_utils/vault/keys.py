# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unseal keys: where each came from, so that a wrong one can be named, and never what it is."""

from __future__ import annotations

import base64
import binascii
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

SHORTEST, LONGEST = 16, 33  # bytes; a share is one byte longer than the key, which has 32
LARGEST_FILE = 64 << 10


class BadKey(ErpError):
    """What should be an unseal key is none, or cannot be read; nothing was sent."""


@dataclass(frozen=True)
class Key:
    """An unseal key. Two are equal when their bytes are, whether written in base64 or in hex and wherever found."""

    source: str = field(compare=False)  # what messages call it
    text: str = field(compare=False, repr=False)
    share: bytes = field(repr=False)


def read_key(source: str, text: str) -> Key:
    """The key that somebody wrote; as Vault does, one of a fitting length in hex before one in base64."""
    text = text.strip()
    try:
        share = bytes.fromhex(text)
    except ValueError:
        share = b""
    if not SHORTEST <= len(share) <= LONGEST:
        try:
            share = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            share = b""
    if len(share) > LONGEST:
        raise BadKey(f"{source} is too long for an unseal key: give the key itself, decrypted if it was made for PGP.")
    if len(share) < SHORTEST:
        raise BadKey(f"{source} is no unseal key: give it as Vault printed it, in base64 or in hex.")
    return Key(source, text, share)


def read_keys(keys: Sequence[str], files: Iterable[str]) -> tuple[Key, ...]:
    """The keys of the option and of the files, each once."""
    found = [read_key(f"number {number} of keys", text) for number, text in enumerate(keys, 1)]
    for path in files:
        found += _read_file(path)
    return tuple(dict.fromkeys(found))


def _read_file(path: str) -> list[Key]:
    """The keys of a file, one a line, which only its owner may read."""
    try:
        with open(path, encoding="ascii") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(LARGEST_FILE)
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not text"
        raise BadKey(f"The key file {path} cannot be read ({said}): check its path.", path=path) from None
    if mode & 0o077:
        raise BadKey(
            f"The key file {path} has mode {mode:04o}, so that others may read it: chmod 600 it and, if others were on "
            "this machine, rekey Vault.",
            path=path,
        )
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise BadKey(f"The key file {path} is empty: write one unseal key a line.", path=path)
    return [read_key(f"{path} line {number}", line) for number, line in lines]
