# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a third party is for French VAT, and what kind of customer it is."""

from __future__ import annotations

from enum import StrEnum

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import ThirdParty

# Dolibarr's own list less France and Monaco.
EU_COUNTRIES = frozenset("AT BE BG CY CZ DE DK EE ES FI GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())
DROM_COUNTRIES = frozenset(("GP", "MQ", "GF", "RE", "YT"))
# Overseas, postal codes say more than the country, which is often entered as France.
DROM_POSTAL_CODES = ("971", "972", "973", "974", "976")
COLLECTIVITY_POSTAL_CODES = ("975", "977", "978", "986", "987", "988")


class Zone(StrEnum):
    """A territory for French VAT."""

    FR = "FR"  # mainland, Corsica and Monaco
    DROM = "DROM"  # Guadeloupe, Martinique, Guyane, Réunion, Mayotte: neither mainland nor third country
    EU = "EU"
    NI = "NI"  # Northern Ireland: in the EU for goods alone
    GB = "GB"
    CH = "CH"
    US = "US"
    ROW = "ROW"  # any other third country, overseas collectivities included
    UNKNOWN = "unknown"  # no country was entered


class Kind(StrEnum):
    """What a third party is as a customer."""

    BUSINESS = "business"
    PUBLIC = "public"
    CONSUMER = "consumer"
    UNKNOWN = "unknown"


def zone_of(country: str, vat_number: str = "", postal_code: str = "") -> Zone:
    """The zone of an ISO 3166-1 country code (two capitals, empty when unknown).

    A VAT number with the prefix ``XI`` puts a British third party in Northern Ireland; a French postal code of an
    overseas department or collectivity outweighs the country France.
    """
    if country in ("FR", "MC"):
        if postal_code.startswith(COLLECTIVITY_POSTAL_CODES):
            return Zone.ROW
        return Zone.DROM if postal_code.startswith(DROM_POSTAL_CODES) else Zone.FR
    if country == "GB":
        return Zone.NI if vat_number.upper().startswith("XI") else Zone.GB
    if country in DROM_COUNTRIES:
        return Zone.DROM
    if country in EU_COUNTRIES:
        return Zone.EU
    if country in ("CH", "US"):
        return Zone(country)
    return Zone.ROW if country else Zone.UNKNOWN


def kind_of(third_party: ThirdParty) -> Kind:
    """Public if Dolibarr says so, a business if it has an identifier, a consumer if Dolibarr says private.

    Dolibarr takes everybody else for a company (``MAIN_UNKNOWN_CUSTOMERS_ARE_COMPANIES``); here they are unknown.
    """
    if third_party.kind == "TE_ADMIN":
        return Kind.PUBLIC
    if third_party.vat_number or any(third_party.professional_ids):
        return Kind.BUSINESS
    return Kind.CONSUMER if third_party.kind.startswith("TE_PRIVATE") else Kind.UNKNOWN
