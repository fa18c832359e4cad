# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who the seller is: from the options, an identity file and Dolibarr's own setup, and where these contradict each other.

The legal form is not in what Dolibarr's API says of the company, and only an administrator's key may read the rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Finding, Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.identifiers import (
    Identifier,
    compact,
    fault,
    siren_of_vat_number,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.third_party_rules import SellerSize
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.instance import Company
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import BankAccount
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.legal_forms import form_of, legal_form_of
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Form, Sector, Seller
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import flat

Choice = TypeVar("Choice", bound=StrEnum)

OPTIONS = Words("les options", "the options")
FILE = Words("le fichier d'identité", "the identity file")
SETUP = Words("la configuration de Dolibarr", "Dolibarr's setup")
# The blocks of the identity file: where it is, and what it is registered as.
BLOCKS = ("info", "ID")
KEYS = {
    "name": ("name", "nom", "raison_sociale", "company"),
    "address": ("address", "adresse", "street", "rue"),
    "zip": ("zip", "zip_code", "postal_code", "postcode", "code_postal", "cp"),
    "town": ("town", "city", "ville"),
    "country": ("country", "country_code", "pays"),
    "legal_form": ("legal_form", "form", "forme", "forme_juridique", "type", "juridical_status"),
    "capital": ("capital", "share_capital", "capital_social"),
    "siren": ("siren", "id_prof_1", "profid1"),
    "siret": ("siret", "id_prof_2", "profid2"),
    "naf": ("naf", "ape", "naf_ape", "ape_naf", "id_prof_3", "profid3"),
    "rcs_city": ("rcs_city", "rcs", "rcs_rm", "registry", "id_prof_4", "profid4"),
    "vat_number": ("vat_number", "vat", "vat_id", "tva", "tva_intra", "numero_tva", "intra_vat"),
    "ibans": ("ibans", "iban"),
}
COUNTRIES = {"france": "FR", "fr": "FR", "monaco": "MC", "mc": "MC"}
TEXTS = ("name", "address", "zip", "town", "country", "legal_form", "siren", "siret", "vat_number", "rcs_city", "naf")
NUMBERS = {"siren": Identifier.SIREN, "siret": Identifier.SIRET, "vat_number": Identifier.FR_VAT}
# A drift of these is another company or another liability, of the rest it may be a slip of the pen.
GRAVE = frozenset(("siren", "siret", "vat_number", "legal_form", "capital"))
# Those that rules of every invoice need, in the order in which a person fills them in.
WANTED = (
    ("name", "address", "zip", "town", "legal_form", "siren", "siret", "vat_number", "capital", "rcs_city", "ibans")
    + ("form", "regime", "size", "debits")
)  # fmt: skip


def read_identity_file(path: str) -> Mapping[str, Any]:
    """The identity file, a JSON object with the blocks ``info`` and ``ID``. Raises :class:`ErpError`."""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except OSError as error:
        raise ErpError(f"The identity file {path} cannot be read ({error.strerror}): correct its path.") from error
    except ValueError as error:
        raise ErpError(f"The identity file {path} is no JSON ({error}): correct it.") from error
    if not isinstance(content, Mapping) or not any(isinstance(content.get(block), Mapping) for block in BLOCKS):
        raise ErpError(f"The identity file {path} has neither info nor ID: write the company's identity under these.")
    for block in BLOCKS:
        if not isinstance(content.get(block) or {}, Mapping):
            raise ErpError(f'In the identity file {path} {block} is no object: write it as {{"name": "value"}}.')
    return content


def read_seller(
    options: Mapping[str, Any],
    identity_file: Mapping[str, Any] | None = None,
    company: Company | None = None,
    accounts: Iterable[BankAccount] = (),
) -> Seller:
    """The seller: each field from the options, else from the identity file, else from Dolibarr's setup.

    ``options`` has the names of :class:`Seller`'s fields. ``accounts`` are the bank accounts of Dolibarr, whose IBANs
    are the seller's own beside those of the options. Raises :class:`ErpError` for an option that cannot be read.
    """
    places = [_of_options(options), _of_file(identity_file or {}), _of_company(company)]
    texts = {name: next((place[name] for place in places if place.get(name)), "") for name in TEXTS}
    siren = texts["siren"] or texts["siret"][:9] or siren_of_vat_number(texts["vat_number"])
    form = _choice(Form, options, "form") or form_of(texts["legal_form"])
    return Seller(
        **{**texts, "siren": siren},
        capital=next((place["capital"] for place in places if place.get("capital") is not None), None),
        ibans=_ibans(places, accounts),
        form=form,
        is_in_rcs=_in_register(options, form, texts["rcs_city"]),
        regime=_choice(Regime, options, "regime") or _regime(company),
        size=_choice(SellerSize, options, "size"),
        debits=options.get("debits"),
        sector=_choice(Sector, options, "sector") or Sector.GENERAL,
        oga=bool(options.get("oga")),
        vat_group=bool(options.get("vat_group")),
        fiscal_representative=str(options.get("fiscal_representative") or ""),
        mediator=str(options.get("mediator") or ""),
    )


def seller_gaps(seller: Seller) -> tuple[str, ...]:
    """The fields that are not known and without which rules stay undetermined."""
    needless = set()
    if seller.form not in (Form.COMPANY, None):
        needless |= {"legal_form", "capital"}
    if seller.is_in_rcs is False:
        needless.add("rcs_city")
    if seller.regime is Regime.FRANCHISE:
        needless |= {"vat_number", "debits"}
    return tuple(
        name
        for name in WANTED
        if name not in needless and getattr(seller, name) in ("", None, ()) and not (name == "siret" and seller.siren)
    )


def seller_findings(
    options: Mapping[str, Any], identity_file: Mapping[str, Any] | None = None, company: Company | None = None
) -> tuple[Finding, ...]:
    """What contradicts itself in what is said of the seller: ``seller-drift`` and ``seller-invalid``."""
    places = {OPTIONS: _of_options(options), FILE: _of_file(identity_file or {}), SETUP: _of_company(company)}
    return (*_drifts(places), *_invalid(places))


def _drifts(places: Mapping[Words, Mapping[str, Any]]) -> Iterator[Finding]:
    for name in (*TEXTS, "capital"):
        said = {place: fields[name] for place, fields in places.items() if fields.get(name)}
        first, *others = said or (None,)
        for place in others:
            if first and not _same(name, said[place], said[first]):
                yield Finding(
                    "seller-drift",
                    Severity.ERROR if name in GRAVE else Severity.WARNING,
                    name,
                    f"{place.en[0].upper()}{place.en[1:]} has « {said[place]} » as the seller's {name} and {first.en} « "
                    f"{said[first]} »: find out which one is right and correct the other.",
                    f"« {said[place]} » est le champ {name} du vendeur d'après {place.fr}, et « "
                    f"{said[first]} » d'après {first.fr} : chercher lequel est juste et corriger l'autre.",
                )


def _invalid(places: Mapping[Words, Mapping[str, Any]]) -> Iterator[Finding]:
    for place, fields in places.items():
        for name, identifier in NUMBERS.items():
            if fields.get(name) and (wrong := fault(identifier, fields[name])):
                yield Finding(
                    "seller-invalid",
                    Severity.ERROR,
                    name,
                    f"The {identifier} {fields[name]} of the seller in {place.en} {wrong}: correct it.",
                    f"Le {identifier.fr} {fields[name]} du vendeur, d'après {place.fr}, {wrong.fr} : le corriger.",
                )
        siren = fields.get("siren")
        others = {
            "siret": (fields.get("siret") or "")[:9],
            "vat_number": siren_of_vat_number(fields.get("vat_number", "")),
        }
        for name, other in others.items():
            if siren and other and other != siren:
                yield Finding(
                    "seller-invalid",
                    Severity.ERROR,
                    name,
                    f"The seller's {name} {fields[name]} does not hold its SIREN {siren} in {place.en}: correct one of them.",
                    f"Le champ {name} du vendeur, {fields[name]}, ne contient pas son SIREN {siren} "
                    f"d'après {place.fr} : corriger l'un des deux.",
                )


def _same(name: str, one: Any, other: Any) -> bool:
    if isinstance(one, Decimal) or isinstance(other, Decimal):
        return bool(one == other)
    if name in NUMBERS or name in ("naf", "country"):
        return compact(one) == compact(other)
    if name == "legal_form":
        return legal_form_of(one) == legal_form_of(other) if legal_form_of(one) else _letters(one) == _letters(other)
    return _letters(one) == _letters(other)


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", flat(text))


def _of_options(options: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: options.get(name) for name in (*TEXTS, "capital", "ibans")}
    return _cleaned(fields, OPTIONS)


def _of_file(content: Mapping[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for block in BLOCKS:
        for key, value in (content.get(block) or {}).items():
            given[_key(key)] = value
    fields = {name: next((given[key] for key in keys if given.get(key)), None) for name, keys in KEYS.items()}
    return _cleaned(fields, FILE)


def _key(text: str) -> str:
    """A key of the file, whatever way its words are joined: ``zipCode``, ``zip-code`` and ``ZIP code`` are one."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    return re.sub(r"[\W_]+", "_", flat(words)).strip("_")


def _of_company(company: Company | None) -> dict[str, Any]:
    if company is None:
        return {}
    siren, siret, naf, rcs, _eori, _rna = company.professional_ids
    fields = {
        "name": company.name,
        "address": company.address,
        "zip": company.zip,
        "town": company.town,
        "country": company.country,
        "capital": company.capital,
        "siren": siren,
        "siret": siret,
        "naf": naf,
        "rcs_city": rcs,
        "vat_number": company.vat_number,
    }
    return _cleaned(fields, SETUP)


def _cleaned(fields: Mapping[str, Any], place: Words) -> dict[str, Any]:
    """Fields in one form: numbers without signs, the city of the register alone, the country in two letters."""
    clean: dict[str, Any] = {name: str(fields.get(name) or "").strip() for name in TEXTS}
    for name in NUMBERS:
        clean[name] = compact(clean[name])
    clean["country"] = COUNTRIES.get(flat(clean["country"]), clean["country"].upper())
    clean["rcs_city"] = city_of_register(clean["rcs_city"])
    clean["capital"] = _capital(fields.get("capital"), place)
    ibans = fields.get("ibans") or ()
    clean["ibans"] = tuple(compact(str(iban)) for iban in (ibans if isinstance(ibans, (list, tuple)) else [ibans]))
    return clean


def city_of_register(text: str) -> str:
    """The city in « R.C.S. Évry B 123 456 782 », however it is written."""
    bare = re.sub(r"(?i)\br\.?\s?c\.?\s?s\.?(?:\s?/\s?r\.?\s?m\.?)?(?!\w)|\bRM\b", " ", text)
    bare = re.sub(r"\b\d[\d ]*\b", " ", bare)
    bare = re.sub(r"\s[ABCD](?=\s|$)", " ", f" {bare}")
    return re.sub(r"^(?:de|d'|à|a)\s+", "", " ".join(bare.split()).strip(" :-,"), flags=re.IGNORECASE)


def _capital(value: Any, place: Words) -> Decimal | None:
    if value in (None, ""):
        return None
    digits = re.sub(r"[\s€]|eur(?:os?)?$", "", str(value).strip().lower())
    if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", digits):
        # A euro has no thousandths: « 5.000 » is what Dolibarr prints as « 5 000 ».
        digits = re.sub("[.,]", "", digits)
    with suppress(InvalidOperation):
        capital = Decimal(digits.replace(",", "."))
        if capital.is_finite():
            return capital
    raise ErpError(f"The capital « {value} » in {place.en} is no number: write it in euros, such as 5000.")


def _ibans(places: Iterable[Mapping[str, Any]], accounts: Iterable[BankAccount]) -> tuple[str, ...]:
    given = [iban for place in places for iban in place.get("ibans", ())]
    return tuple(sorted({*given, *(compact(account.iban) for account in accounts)} - {""}))


def _choice(choices: type[Choice], options: Mapping[str, Any], name: str) -> Choice | None:
    value = options.get(name)
    if value in (None, ""):
        return None
    try:
        return choices(value)
    except ValueError as error:
        known = ", ".join(choices)
        raise ErpError(f"« {value} » is no {name} of a seller: write one of {known}.") from error


def _in_register(options: Mapping[str, Any], form: Form | None, city: str) -> bool | None:
    given = options.get("is_in_rcs")
    if given is not None:
        return bool(given)
    if form in (Form.COMPANY, Form.CIVIL_COMPANY) or city:
        return True
    return False if form in (Form.ASSOCIATION, Form.PUBLIC) else None


def _regime(company: Company | None) -> Regime | None:
    """Dolibarr knows that the company is liable to VAT; that it is not may mean that nobody filled it in."""
    return Regime.NORMAL if company is not None and company.is_vat_liable else None
