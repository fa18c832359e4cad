# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones and kinds of third parties, by a table of cases that bite and on the captured third parties."""

from __future__ import annotations

import dataclasses
import json

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind, Zone, kind_of, zone_of
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import ThirdParty
from tests.support.paths import FIXTURES

CAPTURED = [
    ThirdParty.read(answer)
    for answer in json.loads((FIXTURES / "api/thirdparties/thirdparties.json").read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(
    ("country", "vat_number", "postal_code", "zone"),
    [
        ("FR", "", "69001", Zone.FR),
        ("FR", "FR44111111118", "", Zone.FR),
        ("FR", "", "20000", Zone.FR),  # Ajaccio
        ("MC", "FR77000010000", "98000", Zone.FR),
        ("RE", "", "", Zone.DROM),
        ("GF", "", "", Zone.DROM),
        ("YT", "", "", Zone.DROM),
        ("FR", "", "97400", Zone.DROM),  # Saint-Denis de La Réunion, entered as France
        ("FR", "", "97500", Zone.ROW),  # Saint-Pierre-et-Miquelon
        ("FR", "", "98800", Zone.ROW),  # Nouméa
        ("NC", "", "98800", Zone.ROW),
        ("GR", "EL094259216", "", Zone.EU),
        ("BE", "", "", Zone.EU),
        ("DE", "", "97421", Zone.EU),  # Schweinfurt: a postal code that means nothing here
        ("GB", "XI123456789", "", Zone.NI),
        ("GB", "xi123456789", "", Zone.NI),
        ("GB", "GB123456789", "", Zone.GB),
        ("GB", "", "", Zone.GB),
        ("CH", "", "", Zone.CH),
        ("US", "", "", Zone.US),
        ("NO", "", "", Zone.ROW),
        ("", "", "69001", Zone.UNKNOWN),
    ],
)
def test_zone(country: str, vat_number: str, postal_code: str, zone: Zone) -> None:
    assert zone_of(country, vat_number, postal_code) is zone


def test_kinds_of_the_captured_third_parties() -> None:
    """1 SIREN; 2 nothing but TE_MEDIUM; 3 VAT number; 4 nothing; 5 a SIREN, even invalid; 6 TE_PRIVATE."""
    kinds = {party.id: kind_of(party) for party in CAPTURED}
    assert {party: kinds[party] for party in range(1, 7)} == {
        1: Kind.BUSINESS,
        2: Kind.UNKNOWN,
        3: Kind.BUSINESS,
        4: Kind.UNKNOWN,
        5: Kind.BUSINESS,
        6: Kind.CONSUMER,
    }


def test_an_administration_is_public_although_it_has_a_siren() -> None:
    town_hall = dataclasses.replace(CAPTURED[0], kind="TE_ADMIN")
    assert kind_of(town_hall) is Kind.PUBLIC


def test_a_private_person_with_a_siren_is_a_business() -> None:
    sole_trader = dataclasses.replace(CAPTURED[0], kind="TE_PRIVATE")
    assert kind_of(sole_trader) is Kind.BUSINESS
