# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rights a subset needs, and how a missing one is told."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.instance import Company, Status, User
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.rights import (
    SECTIONS,
    SUBSETS,
    MissingRight,
    missing_rights,
    needed_rights,
    require_rights,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.values import UnreadableAnswer
from tests.support.paths import FIXTURES

API = FIXTURES / "api"
EVERYTHING = [*SECTIONS, *SUBSETS]
# Ids and names of rights as in llx_rights_def of the captured database.
NAMES = {
    11: "facture.lire",
    31: "produit.lire",
    111: "banque.lire",
    121: "societe.lire",
    262: "societe.client.voir",
    1231: "fournisseur.facture.lire",
}


def captured(file: str) -> User:
    return User.read(json.loads((API / file).read_text(encoding="utf-8")))


AGENT = captured("users/users__info--includepermissions=1.json")
ADMIN = captured("users/users__info--includepermissions=1--as-admin.json")


def without(*rights: int) -> User:
    return replace(AGENT, rights=(AGENT.rights or frozenset()) - {NAMES[right] for right in rights})


def test_the_user_who_may_read_everything_lacks_nothing() -> None:
    assert (AGENT.id, AGENT.login, AGENT.is_admin, AGENT.third_party_id) == (2, "ai_agent", False, None)
    assert (ADMIN.id, ADMIN.login, ADMIN.is_admin) == (1, "admin", True)
    assert missing_rights(AGENT, EVERYTHING) == missing_rights(ADMIN, EVERYTHING) == ()
    require_rights(AGENT, EVERYTHING)


def test_the_rights_are_those_of_dolibarr() -> None:
    assert {right.id: right.name for right in needed_rights(EVERYTHING)} == NAMES


@pytest.mark.parametrize(
    ("subset", "lacking", "told"),
    [
        ("invoices", (11,), {11}),
        ("invoices", (262,), {262}),
        ("third_parties", (121, 262), {121, 262}),
        ("supplier_invoices", (1231,), {1231}),
        ("supplier_invoices", (11,), set()),
        ("payments", (121,), {121}),
        ("vat", (11, 1231), {11, 1231}),
        ("templates", (11,), {11}),
        ("documents", (262,), {262}),
        ("bank_accounts", (111, 262), {111}),
        ("products", (31, 262), {31}),
        ("status", tuple(NAMES), set()),
        ("company", tuple(NAMES), set()),
    ],
)
def test_each_subset_needs_its_rights(subset: str, lacking: tuple[int, ...], told: set[int]) -> None:
    user = without(*lacking)
    assert {right.id for right in missing_rights(user, [subset])} == told
    if told:
        with pytest.raises(MissingRight) as caught:
            require_rights(user, [subset])
        assert caught.value.facts == {"missing_rights": sorted(told), "subsets": [subset]}
    else:
        require_rights(user, [subset])


def test_a_missing_right_is_told_with_number_names_and_place() -> None:
    with pytest.raises(MissingRight) as caught:
        require_rights(without(262), ["invoices", "status"])
    assert str(caught.value) == (
        "The user ai_agent may not read all of invoices, status: tick 262 "
        '"Extend access to all third parties" ("Étendre l\'accès à tous les tiers"), on the tab Permissions of its card '
        "(Home > Users & Groups, Accueil > Utilisateurs & Groupes)."
    )


def test_an_administrator_whose_rights_were_taken_away_is_no_exception() -> None:
    with pytest.raises(MissingRight, match="262"):
        require_rights(replace(ADMIN, rights=(ADMIN.rights or frozenset()) - {NAMES[262]}), ["invoices"])


def test_who_may_not_read_its_own_rights_may_read_nothing_that_needs_one() -> None:
    unknown = User.unknown()
    require_rights(unknown, ["status", "user", "company"])
    assert [right.id for right in missing_rights(unknown, ["invoices"])] == [251]
    with pytest.raises(MissingRight) as caught:
        require_rights(unknown, ["bank_accounts"])
    assert "may not read its own rights, so that a short or empty list might mean a missing one" in str(caught.value)
    assert '251 "Read information of other users"' in str(caught.value) and '111 "Read bank accounts"' in str(
        caught.value
    )


def test_an_external_user_sees_its_own_third_party_alone() -> None:
    with pytest.raises(MissingRight, match="an external one and sees third party 7 alone: give the key of an internal"):
        require_rights(replace(AGENT, third_party_id=7), ["invoices"])
    require_rights(replace(AGENT, third_party_id=7), ["products"])


def test_a_branch_of_rights_without_any_is_an_empty_list_in_php() -> None:
    answer = {
        "id": "9",
        "login": "x",
        "admin": "0",
        "rights": {"facture": [], "user": {"user": {"lire": 1, "creer": 0}}},
    }
    assert User.read(answer).rights == frozenset({"user.user.lire"})
    assert User.read({**answer, "rights": []}).rights == frozenset()


def test_status_and_company_are_read() -> None:
    status = Status.read(json.loads((API / "status/status.json").read_text(encoding="utf-8")))
    assert status == Status(version="22.0.4", access_locked=False)
    with pytest.raises(UnreadableAnswer, match="something other than a status in success"):
        Status.read({})
    company = Company.read(json.loads((API / "setup/setup__company--as-admin.json").read_text(encoding="utf-8")))
    assert (company.name, company.country, company.currency, company.is_vat_liable) == (
        "Atelier Lumen",
        "FR",
        "EUR",
        True,
    )
    assert company.professional_ids[:2] == ("123456782", "12345678200010")
    assert company.vat_number == "FR11123456782"
