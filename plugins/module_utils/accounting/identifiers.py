# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the identifiers of businesses and bank accounts are well formed, by their published rules and offline.

A number that passes may still not be registered: only the register itself (VIES, INSEE) can say so.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Phrase
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Zone

try:
    from stdnum import iban
    from stdnum.ch import uid
    from stdnum.ch import vat as swiss_vat
    from stdnum.eu import vat as european_vat
    from stdnum.exceptions import InvalidChecksum, InvalidFormat, InvalidLength, ValidationError
    from stdnum.fr import siren, siret, tva
    from stdnum.gb import vat as british_vat
    from stdnum.us import ein
except ImportError:
    pass  # the door says which library is missing


class Identifier(Phrase):
    """The numbers that can be checked."""

    SIREN = ("SIREN", "SIREN")
    SIRET = ("SIRET", "SIRET")
    NAF = ("NAF code", "code NAF")
    RNA = ("RNA number", "numéro RNA")
    FR_VAT = ("French VAT number", "numéro de TVA français")
    EU_VAT = ("EU VAT number", "numéro de TVA intracommunautaire")
    GB_VAT = ("British VAT number", "numéro de TVA britannique")
    CH_VAT = ("Swiss VAT number", "numéro de TVA suisse")
    CH_UID = ("Swiss UID", "numéro IDE suisse")
    GB_COMPANY = ("British company number", "numéro de société britannique")
    US_EIN = ("US EIN", "numéro EIN américain")
    IBAN = ("IBAN", "IBAN")
    FR_ZIP = ("French postal code", "code postal français")
    CH_ZIP = ("Swiss postal code", "code postal suisse")
    US_ZIP = ("US ZIP code", "code postal américain")


class Fault(Phrase):
    """What is wrong with a number, as the end of a sentence; empty when nothing is."""

    NONE = ("", "")
    FORM = ("has the wrong form", "n'a pas la bonne forme")
    LENGTH = ("has the wrong length", "n'a pas la bonne longueur")
    CHECK_DIGIT = ("has a wrong check digit", "a une clé de contrôle fausse")
    PART = ("has a part that does not exist", "comporte une partie qui n'existe pas")


PATTERNS = {
    Identifier.NAF: r"\d{2}\.?\d{2}[A-Z]",
    Identifier.RNA: r"W\d{9}",
    Identifier.GB_COMPANY: r"[A-Z0-9]{2}\d{6}",
    Identifier.FR_ZIP: r"\d{5}",
    Identifier.CH_ZIP: r"\d{4}",
    Identifier.US_ZIP: r"\d{5}(-\d{4})?",
}


def fault(identifier: Identifier, value: str) -> Fault:
    """What is wrong with a number."""
    if pattern := PATTERNS.get(identifier):
        return Fault.NONE if re.fullmatch(pattern, value.strip().upper(), re.ASCII) else Fault.FORM
    try:
        _validators()[identifier](value)
    except InvalidChecksum:
        return Fault.CHECK_DIGIT
    except InvalidLength:
        return Fault.LENGTH
    except InvalidFormat:
        return Fault.FORM
    except ValidationError:
        return Fault.PART
    return Fault.NONE


def _validators() -> dict[Identifier, Callable[[str], str]]:
    return {
        Identifier.SIREN: siren.validate,
        Identifier.SIRET: siret.validate,
        Identifier.FR_VAT: tva.validate,
        Identifier.EU_VAT: european_vat.validate,
        Identifier.GB_VAT: british_vat.validate,
        Identifier.CH_VAT: swiss_vat.validate,
        Identifier.CH_UID: uid.validate,
        Identifier.US_EIN: ein.validate,
        Identifier.IBAN: iban.validate,
    }


def compact(value: str) -> str:
    """A number without the signs that people write into it, in capitals."""
    return re.sub(r"[\s.\-/]", "", value).upper()


def vat_prefix(country: str, zone: Zone) -> str:
    """How the VAT numbers of a country begin; empty where no such rule is known."""
    if zone is Zone.NI:
        return "XI"
    if country == "MC" or zone in (Zone.FR, Zone.DROM):
        return "FR"
    if zone is Zone.EU:
        return "EL" if country == "GR" else country
    return {Zone.GB: "GB", Zone.CH: "CHE"}.get(zone, "")


def siren_of_vat_number(value: str) -> str:
    """The SIREN in a French VAT number; empty for Monaco, whose numbers hold none, and for other countries."""
    number = compact(value)
    if not re.fullmatch(r"FR[0-9A-Z]{2}\d{9}", number) or number[4:7] == "000":
        return ""
    return number[4:]
