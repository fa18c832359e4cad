# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Third parties that seem to be the same: entered twice, their invoices and balances are split."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Finding, Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.identifiers import compact
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words, same
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Zone, zone_of
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import ThirdParty

LEGAL_FORMS = frozenset(
    "sa sas sasu sarl eurl sci snc scop selarl ei srl sprl bv nv gmbh ag ug kg ltd limited plc llc inc corp spa".split()
)
WORDS = {
    "siren": Words("le même SIREN", "SIREN"),
    "vat_number": Words("le même numéro de TVA", "VAT number"),
    "iban": Words("le même IBAN", "IBAN"),
    "name": Words("les mêmes nom et code postal", "name and postal code"),
}


@dataclass(frozen=True)
class Duplicate:
    """Several third parties that share what should be of one."""

    field: str  # siren, vat_number, iban or name
    ids: tuple[int, ...]
    finding: Finding

    def to_facts(self) -> dict[str, Any]:
        return {"field": self.field, "ids": list(self.ids), **self.finding.to_facts()}


def find_duplicates(third_parties: Iterable[ThirdParty]) -> tuple[Duplicate, ...]:
    """Those that share a SIREN, a VAT number, an IBAN, or name and postal code; the caller leaves out closed ones."""
    shared: dict[tuple[str, str], dict[int, ThirdParty]] = defaultdict(dict)
    for one in third_parties:
        for key in _keys(one):
            shared[key][one.id] = one
    order = list(WORDS)
    return tuple(
        _duplicate(name, value, [several[identity] for identity in sorted(several)])
        for (name, value), several in sorted(shared.items(), key=lambda item: (order.index(item[0][0]), item[0][1]))
        if len(several) > 1
    )


def _keys(one: ThirdParty) -> Iterable[tuple[str, str]]:
    in_france = zone_of(one.country, one.vat_number, one.zip) in (Zone.FR, Zone.DROM)
    # What another country keeps in this place is no SIREN.
    if in_france and (siren := compact(one.professional_ids[0])[:9]):
        yield "siren", siren
    if one.vat_number:
        yield "vat_number", compact(one.vat_number)
    for iban in one.ibans:
        yield "iban", compact(iban)
    if name := normal_name(one.name):
        yield "name", f"{name} {compact(one.zip)}"


def normal_name(name: str) -> str:
    """A name without case, accents, signs and legal form: ``Boréale-Conseil SAS`` is ``boreale conseil``."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    words = re.findall(r"\w+", re.sub(r"(?<=\b\w)\.(?=\w\b)", "", plain.casefold().replace("&", " et ")))
    return " ".join([word for word in words if word not in LEGAL_FORMS] or words)


def _duplicate(name: str, value: str, several: list[ThirdParty]) -> Duplicate:
    names = [f"{one.name} (id {one.id})" for one in several]
    end = value[-4:]
    shown = {"name": same(""), "iban": Words(f" finissant par {end}", f" ending in {end}")}.get(name, same(f" {value}"))
    note = Words(
        "les fusionner dans Dolibarr sauf s'ils sont réellement distincts",
        "merge them in Dolibarr unless they are really different",
    )
    if name == "siren" and len({compact(one.professional_ids[1]) for one in several} - {""}) == len(several):
        note = Words(
            "les fusionner dans Dolibarr sauf s'il faut distinguer ses établissements",
            "merge them in Dolibarr unless you need its establishments apart",
        )
    return Duplicate(
        name,
        tuple(one.id for one in several),
        Finding(
            f"third-party-duplicate-{name.replace('_', '-')}",
            Severity.WARNING,
            several[0].name,
            f"{' and '.join(names)} have the same {WORDS[name].en}{shown.en}: {note.en}.",
            f"{' et '.join(names)} ont {WORDS[name].fr}{shown.fr} : {note.fr}.",
        ),
    )
