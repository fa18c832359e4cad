# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a Dolibarr is and how to open it: address, key, certificates, patience."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

API = "/api/index.php"


class BadOptions(ErpError):
    """The options cannot be used as they are; nothing was sent."""


@dataclass(frozen=True)
class DolibarrOptions:
    """How to reach a Dolibarr; the fields are the module options ``dolibarr_*``."""

    url: str
    api_key: str | None = field(default=None, repr=False)
    api_key_file: str | None = None
    ca_bundle: str | None = None
    timeout: float = 30  # seconds to connect, and seconds without a byte
    connections: int = 4

    def __post_init__(self) -> None:
        if self.timeout <= 0:
            raise BadOptions(f"dolibarr_timeout is {self.timeout}: give a number of seconds above 0.")
        if self.connections < 1:
            raise BadOptions(f"dolibarr_connections is {self.connections}: give 1 or more.")
        if self.ca_bundle and not os.access(self.ca_bundle, os.R_OK):
            raise BadOptions(f"dolibarr_ca_bundle {self.ca_bundle} cannot be read: give the path of a PEM file.")

    def base(self) -> str:
        """The address of the API, to which a path is added."""
        try:
            parts = urlsplit(self.url.strip())
            usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
        except ValueError:
            usable = False
        if not usable:
            # The address itself is not shown: it might hold a password.
            raise BadOptions("dolibarr_url is not an address: give one such as https://erp.example.com.")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise BadOptions(
                "dolibarr_url holds a user, a query or a fragment: give Dolibarr's plain address, "
                "such as https://erp.example.com, and the key in dolibarr_api_key."
            )
        path = parts.path.rstrip("/")
        return urlunsplit((parts.scheme, parts.netloc, path if path.endswith(API) else path + API, "", ""))

    def key(self) -> str:
        """The key, from the option or from the file, which only its owner may read."""
        if self.api_key:
            return usable_key(self.api_key, "dolibarr_api_key")
        if not self.api_key_file:
            raise BadOptions(
                "There is no key for Dolibarr: set dolibarr_api_key, DOLIBARR_API_KEY or dolibarr_api_key_file."
            )
        try:
            with open(self.api_key_file, encoding="utf-8") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                text = file.read(4096)
        except (OSError, UnicodeDecodeError) as error:
            said = error.strerror if isinstance(error, OSError) else "it is not text"
            raise BadOptions(f"The key file {self.api_key_file} cannot be read ({said}): check its path.") from error
        if mode & 0o077:
            raise BadOptions(
                f"The key file {self.api_key_file} has mode {mode:04o}, so that others may read it: chmod 600 it "
                "and, if others were on this machine, make a new key in Dolibarr."
            )
        return usable_key(text, self.api_key_file)


def usable_key(text: str, where: str) -> str:
    """The key without space around it; one with other characters could not be sent and would be shown in an error."""
    key = text.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise BadOptions(
            f"{where} holds no key: give the one line that Dolibarr shows on the user's card, without spaces."
        )
    return key
