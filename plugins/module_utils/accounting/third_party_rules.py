# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be known of a third party, by where it is and what it is: the table, as data.

Each cell is the severity of a missing field for a customer and, after the slash, for a supplier: E error, W warning,
I info, - not asked for. One letter holds for both.

Sources: CGI annex II art. 242 nonies A, I-1 and I-3 (name, address, SIREN, VAT number of the customer); C. com. L441-9;
CGI 262 ter, I and 283 (VAT number in the EU); regulation (EU) 282/2011 art. 18 (evidence that a foreign customer is in
business: no French law asks for its tax number, hence a warning and no error).
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.identifiers import Identifier
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind, Zone


class Profile(StrEnum):
    """The columns of the table."""

    FR_BUSINESS = "FR business"
    CONSUMER = "consumer"
    FR_PUBLIC = "FR public"
    EU_BUSINESS = "EU business"
    GB = "GB"
    CH = "CH"
    US = "US"
    REST = "rest"


SEVERITIES = {"E": Severity.ERROR, "W": Severity.WARNING, "I": Severity.INFO}

# Field: FR business, consumer, FR public, EU business, GB, CH, US, rest.
TABLE = {
    "name": "E/E  E    E  E/E  E/E  E/E  E/E  E/E",
    "address": "E/E  E    E  E/E  E/E  E/E  E/E  E/E",
    "town": "E/E  E    E  E/E  E/E  E/E  E/E  E/E",
    "zip": "E/W  E    E  E/W  E/W  E/W  E/W  I/I",
    "state": "-    -    -  -    -    -    W/I  I/I",
    "country": "E/E  E    E  E/E  E/E  E/E  E/E  E/E",
    "siren": "E/W  -    E  -    -    -    -    -",
    "siret": "W/W  -    E  -    -    -    -    -",
    "naf": "I/I  -    -  -    -    -    -    -",
    "rcs": "I/I  -    -  -    -    -    -    -",
    "rna": "I/I  -    -  -    -    -    -    -",
    "vat_number": "W/W  -    I  E/E  W/W  I/I  -    I",
    "national_id": "-    -    -  I    I    W/I  W/I  W/I",
    "email": "W/I  I    I  W/I  W/I  W/I  W/I  W/I",
    "iban": "-/W  -    -  -/W  -/W  -/W  -/I  -/I",
    "payment_terms": "W/I  I    W  W/I  W/I  W/I  W/I  W/I",
    "code": "I/I  I/I  I  I/I  I/I  I/I  I/I  I/I",
}

# Only a business has these: an error is a warning while it is not known whether it is one.
OF_BUSINESSES = frozenset(("siren", "siret", "naf", "rcs", "rna", "vat_number", "national_id"))
# These follow the place and not the kind of the third party.
OF_PLACES = frozenset(("zip", "state"))

# How a field is checked; by profile where that decides.
FORMS = {
    ("siren", None): Identifier.SIREN,
    ("siret", None): Identifier.SIRET,
    ("naf", None): Identifier.NAF,
    ("rna", None): Identifier.RNA,
    ("iban", None): Identifier.IBAN,
    ("zip", Profile.FR_BUSINESS): Identifier.FR_ZIP,
    ("zip", Profile.CH): Identifier.CH_ZIP,
    ("zip", Profile.US): Identifier.US_ZIP,
    ("vat_number", Profile.FR_BUSINESS): Identifier.FR_VAT,
    ("vat_number", Profile.FR_PUBLIC): Identifier.FR_VAT,
    ("vat_number", Profile.EU_BUSINESS): Identifier.EU_VAT,
    ("vat_number", Profile.GB): Identifier.GB_VAT,
    ("vat_number", Profile.CH): Identifier.CH_VAT,
    ("national_id", Profile.GB): Identifier.GB_COMPANY,
    ("national_id", Profile.CH): Identifier.CH_UID,
    ("national_id", Profile.US): Identifier.US_EIN,
}

# The field for a person.
WORDS = {
    "name": Words("nom", "name"),
    "address": Words("adresse", "address"),
    "town": Words("ville", "town"),
    "zip": Words("code postal", "postal code"),
    "state": Words("État ou province", "state"),
    "country": Words("pays", "country"),
    "siren": Words("SIREN", "SIREN"),
    "siret": Words("SIRET", "SIRET"),
    "naf": Words("code NAF", "NAF code"),
    "rcs": Words("RCS", "RCS"),
    "rna": Words("numéro RNA", "RNA number"),
    "vat_number": Words("numéro de TVA", "VAT number"),
    "national_id": Words("identifiant national", "national identifier"),
    "email": Words("adresse électronique", "e-mail address"),
    "iban": Words("IBAN", "IBAN"),
    "payment_terms": Words("conditions de règlement", "payment terms"),
    "code": Words("code client ou fournisseur", "customer or supplier code"),
}

# What is wrong and what to do where it is missing, after the name of the third party.
MISSING = {
    "name": Words("nom manquant, le saisir", "has no name: enter it"),
    "address": Words("adresse manquante, saisir la rue", "has no address: enter its street"),
    "town": Words("ville manquante, la saisir", "has no town: enter it"),
    "zip": Words("code postal manquant, le saisir", "has no postal code: enter it"),
    "state": Words("État ou province manquant, le choisir", "has no state: choose it"),
    "country": Words(
        "pays manquant, le choisir, le reste en dépend",
        "has no country: choose it, as what else is needed depends on it",
    ),
    "siren": Words(
        "SIREN manquant, le saisir comme premier identifiant professionnel",
        "has no SIREN: enter it as first professional id",
    ),
    "siret": Words(
        "SIRET manquant, le saisir comme deuxième identifiant professionnel",
        "has no SIRET: enter it as second professional id",
    ),
    "naf": Words(
        "code NAF manquant, le saisir comme troisième identifiant professionnel",
        "has no NAF code: enter it as third professional id",
    ),
    "rcs": Words(
        "RCS manquant, le saisir comme quatrième identifiant professionnel",
        "has no RCS: enter it as fourth professional id",
    ),
    "rna": Words(
        "numéro RNA manquant, le saisir comme sixième identifiant professionnel",
        "has no RNA number: enter it as sixth professional id",
    ),
    "vat_number": Words("numéro de TVA manquant, le demander", "has no VAT number: ask for it"),
    "national_id": Words(
        "identifiant national manquant, saisir son numéro d'immatriculation ou fiscal, qui établit son activité",
        "has no national identifier: enter its registration or tax number, which shows that it is in business",
    ),
    "email": Words("adresse électronique manquante, la saisir", "has no e-mail address: enter it"),
    "iban": Words("IBAN manquant, saisir son compte bancaire", "has no IBAN: enter its bank account"),
    "payment_terms": Words("conditions de règlement manquantes, les choisir", "has no payment terms: choose them"),
    "code": Words(
        "code client ou fournisseur manquant, laisser Dolibarr l'attribuer",
        "has no customer or supplier code: let Dolibarr give it one",
    ),
}


class SellerSize(StrEnum):
    """The size of our own company: loi 2022-1157 art. 26."""

    LARGE = "large"
    MID = "mid"
    SME = "sme"
    MICRO = "micro"


# From when the SIREN of a customer must be on its invoices (décrets 2022-1299 and 2024-266).
SIREN_REQUIRED_FROM = {
    SellerSize.LARGE: date(2026, 9, 1),
    SellerSize.MID: date(2026, 9, 1),
    SellerSize.SME: date(2027, 9, 1),
    SellerSize.MICRO: date(2027, 9, 1),
}


def place_of(zone: Zone) -> Profile:
    """The column of a zone, for a business there."""
    if zone in (Zone.FR, Zone.DROM):
        return Profile.FR_BUSINESS
    if zone in (Zone.GB, Zone.NI):
        return Profile.GB
    return {Zone.EU: Profile.EU_BUSINESS, Zone.CH: Profile.CH, Zone.US: Profile.US}.get(zone, Profile.REST)


def profile_of(zone: Zone, kind: Kind) -> Profile:
    """The column of a third party."""
    if kind is Kind.CONSUMER:
        return Profile.CONSUMER
    if kind is Kind.PUBLIC and zone in (Zone.FR, Zone.DROM):
        return Profile.FR_PUBLIC
    return place_of(zone)


def severity_of(field: str, profile: Profile, is_customer: bool, is_supplier: bool) -> Severity | None:
    """The severity of a missing field: for who is both, the worse of the two; None where it is not asked for."""
    cell = TABLE[field].split()[list(Profile).index(profile)]
    customer, _slash, supplier = cell.partition("/")
    roles = [customer] * is_customer + [supplier or customer] * is_supplier
    found = [SEVERITIES[letter] for letter in roles if letter in SEVERITIES]
    return min(found, key=list(Severity).index, default=None)
