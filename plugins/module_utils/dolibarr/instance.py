# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Dolibarr says of itself: its version, the user of the key, the company."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.values import (
    Answer,
    flag,
    integer,
    number,
    text,
    unreadable,
)


@dataclass(frozen=True)
class Status:
    """The version, and whether somebody locked the instance for other users."""

    version: str
    access_locked: bool

    @classmethod
    def read(cls, answer: Answer) -> Status:
        """Read an answer of ``/status``."""
        said = answer.get("success")
        if not isinstance(said, Mapping):
            raise unreadable(answer, "success", "a status")
        return cls(version=text(said, "dolibarr_version"), access_locked=flag(said, "access_locked"))


@dataclass(frozen=True)
class User:
    """The user of the key. ``rights`` are names such as ``facture.lire``; None when it may not read its own."""

    id: int | None
    login: str
    is_admin: bool
    third_party_id: int | None  # of an external user, who sees the objects of this third party alone
    rights: frozenset[str] | None

    @classmethod
    def read(cls, answer: Answer) -> User:
        """Read an answer of ``/users/info?includepermissions=1``."""
        return cls(
            id=integer(answer, "id"),
            login=text(answer, "login"),
            is_admin=flag(answer, "admin"),
            third_party_id=integer(answer, "socid") or None,
            rights=frozenset(held(answer.get("rights"))),
        )

    @classmethod
    def unknown(cls) -> User:
        """The user of a key that may not read who it belongs to."""
        return cls(id=None, login="", is_admin=False, third_party_id=None, rights=None)


@dataclass(frozen=True)
class Company:
    """The company that the instance belongs to."""

    name: str
    country: str  # ISO 3166-1, two letters
    currency: str
    address: str
    zip: str
    town: str
    professional_ids: tuple[str, str, str, str, str, str]  # idprof1 to idprof6, as of third parties
    vat_number: str
    is_vat_liable: bool
    email: str
    phone: str
    url: str
    capital: Decimal | None = None

    @classmethod
    def read(cls, answer: Answer) -> Company:
        """Read an answer of ``/setup/company``."""
        first, second, third, fourth, fifth, sixth = (text(answer, f"idprof{place}") for place in range(1, 7))
        return cls(
            name=text(answer, "name"),
            country=text(answer, "country_code").upper(),
            currency=text(answer, "currency_code"),
            address=text(answer, "address"),
            zip=text(answer, "zip"),
            town=text(answer, "town"),
            professional_ids=(first, second, third, fourth, fifth, sixth),
            vat_number=text(answer, "tva_intra"),
            is_vat_liable=flag(answer, "tva_assuj"),
            email=text(answer, "email"),
            phone=text(answer, "phone"),
            url=text(answer, "url"),
            capital=number(answer, "capital") or None,
        )


def held(rights: Any, prefix: str = "") -> Iterator[str]:
    """The dotted names of the rights in a tree whose leaves are ``1``; PHP sends an empty branch as a list."""
    if isinstance(rights, Mapping):
        for name, value in rights.items():
            yield from held(value, f"{prefix}.{name}" if prefix else name)
    elif rights and not isinstance(rights, list):
        yield prefix
