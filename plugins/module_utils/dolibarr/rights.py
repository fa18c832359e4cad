# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of Dolibarr's rights each subset of facts needs, and which of them a user lacks.

Without "see all third parties" Dolibarr leaves out what does not belong to the user and says nothing: lists are short or
empty, with status 200. Without the other rights it answers 403.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.answers import DolibarrError
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.instance import User


@dataclass(frozen=True)
class Right:
    """One right, as on the tab Permissions of a user's card."""

    id: int
    name: str  # as in the answer of /users/info
    english: str
    french: str

    def __str__(self) -> str:
        return f'{self.id} "{self.english}" ("{self.french}")'


class MissingRight(DolibarrError):
    """The user of the key may not read what was asked for; nothing of it was read."""


READ_USERS = Right(251, "user.user.lire", "Read information of other users", "Consulter les autres utilisateurs")
THIRD_PARTIES = Right(121, "societe.lire", "Read third parties", "Consulter les tiers")
SEE_ALL = Right(262, "societe.client.voir", "Extend access to all third parties", "Étendre l'accès à tous les tiers")
INVOICES = Right(11, "facture.lire", "Read customer invoices", "Consulter les factures clients")
SUPPLIER_INVOICES = Right(
    1231, "fournisseur.facture.lire", "Read vendor invoices", "Consulter les factures fournisseurs"
)
BANK_ACCOUNTS = Right(111, "banque.lire", "Read bank accounts", "Consulter les comptes bancaires")
PRODUCTS = Right(31, "produit.lire", "Read products", "Consulter les produits")

# What is read, by the names of the reader's methods.
SECTIONS = {
    "status": (),
    "user": (),  # without 251 it is an unknown one
    "company": (),  # not a right: administrators, and the logins in API_LOGINS_ALLOWED_FOR_GET_COMPANY
    "third_parties": (THIRD_PARTIES, SEE_ALL),
    "invoices": (INVOICES, SEE_ALL),
    "supplier_invoices": (SUPPLIER_INVOICES, SEE_ALL),
    "templates": (INVOICES, SEE_ALL),
    "documents": (INVOICES, SEE_ALL),
    "bank_accounts": (BANK_ACCOUNTS,),
    "products": (PRODUCTS,),
}
# What the subsets beyond one section are made of.
SUBSETS = {
    "payments": ("invoices", "third_parties"),
    "vat": ("invoices", "supplier_invoices", "third_parties"),
}
WHERE = "on the tab Permissions of its card (Home > Users & Groups, Accueil > Utilisateurs & Groupes)"


def needed_rights(subsets: Iterable[str]) -> tuple[Right, ...]:
    """The rights that these subsets or sections need, sorted by id."""
    sections = [section for subset in subsets for section in SUBSETS.get(subset, (subset,))]
    return tuple(sorted({right for section in sections for right in SECTIONS[section]}, key=lambda right: right.id))


def missing_rights(user: User, subsets: Iterable[str]) -> tuple[Right, ...]:
    """The rights that these subsets need and the user lacks; of a user who may not say what it has, the one to say it.

    An administrator is no exception: Dolibarr gives it every right when a module is turned on, and they can be taken
    away again.
    """
    if user.rights is None:
        return (READ_USERS,)
    return tuple(right for right in needed_rights(subsets) if right.name not in user.rights)


def require_rights(user: User, subsets: Iterable[str]) -> None:
    """Refuse subsets of which Dolibarr would, or might, show this user a part or nothing (``MissingRight``)."""
    wanted = sorted(set(subsets))
    needed = needed_rights(wanted)
    if not needed:
        return
    missing = missing_rights(user, wanted)
    facts = {"missing_rights": [right.id for right in missing], "subsets": wanted}
    if user.rights is None:
        raise MissingRight(
            f"The user of the key may not read its own rights, so that a short or empty list might mean a missing one: "
            f"tick {READ_USERS} and, where missing, {listed(needed)}, {WHERE}.",
            **facts,
        )
    if missing:
        raise MissingRight(
            f"The user {user.login} may not read all of {', '.join(wanted)}: tick {listed(missing)}, {WHERE}.", **facts
        )
    if user.third_party_id is not None and SEE_ALL in needed:
        raise MissingRight(
            f"The user {user.login} is an external one and sees third party {user.third_party_id} alone: give the key "
            "of an internal user.",
            **facts,
        )


def listed(rights: Iterable[Right]) -> str:
    """Rights as a person reads them."""
    return ", ".join(str(right) for right in rights)
