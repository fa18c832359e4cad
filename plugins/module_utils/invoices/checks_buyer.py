# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the customer's identity: the paper against the record.

The record is that of today. A customer who moved makes older invoices differ from it that were right: a part of the
address that differs is a warning, a name or a number is not.
"""

from __future__ import annotations

import re

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.identifiers import (
    Identifier,
    compact,
    fault,
    siren_of_vat_number,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import Treatment
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind, Zone
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import ThirdParty
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.mentions import no_paper
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.outcomes import (
    failed,
    needless,
    passed,
    undetermined,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, Subject
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import Check, Rule
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import Paper, flat
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.wording import number_pattern, phrase

ORDER = r"\b(?:ref|references?|commandes?|cde|order|po|bdc|bon|marche|engagement)\b"
LONG_ENOUGH = 5  # signs of an order's number that nothing else on a paper has
POSTAL_CODE = re.compile(r"(?<![\w.,/])(?<!\d-)(\d{5}) [a-z]{2}")
REVERSED = frozenset((Treatment.IC_GOODS, Treatment.AE_EU_SERVICE, Treatment.AE_BTP))
NO_CUSTOMER = (
    "The customer is not known: see that the key may read third parties.",
    "Le client n'est pas connu : vérifier que la clé peut lire les tiers.",
)


def buyer_name_address(subject: Subject, rule: Rule) -> Outcome:
    """The customer's name, and the postal code, the town and a line of the street address."""
    customer, paper = subject.customer, subject.paper
    if customer is None:
        return undetermined(*NO_CUSTOMER)
    if paper is None:
        return no_paper(subject)
    wanted = phrase(customer.name)
    if wanted is None:
        return undetermined(
            f"The name {customer.name} has no letter that could be looked for: read its PDF.",
            f"Le nom {customer.name} ne comporte aucune lettre à chercher : lire son PDF.",
        )
    name = paper.find(wanted)
    if name is None and subject.invoice.contact_ids:
        return undetermined(
            f"It is addressed to a contact of {customer.name}: see that it is the right one.",
            f"La pièce est adressée à un contact de {customer.name} : vérifier que c'est le bon.",
        )
    if name is None:
        return failed(
            f"It is not addressed to {customer.name}, whose invoice it is: find out whom it was sent to.",
            f"La pièce n'est pas adressée à {customer.name}, à qui elle est destinée : chercher à "
            "qui elle a été envoyée.",
        )
    lines = [line for line in customer.address.splitlines() if phrase(line)]
    parts = [part for part in (*lines, customer.zip, customer.town) if phrase(part)]
    if not lines or not customer.town:
        lacking = Words("La rue", "street") if not lines else Words("La ville", "town")
        return undetermined(
            f"The {lacking.en} of {customer.name} is not known: enter it into Dolibarr.",
            f"{lacking.fr} de {customer.name} n'est pas connue : la saisir dans Dolibarr.",
            name,
        )
    places = {part: paper.find(pattern) for part in parts if (pattern := phrase(part))}
    missing = [part for part in parts if places[part] is None]
    if not missing:
        return passed(name, *places.values())
    if subject.invoice.contact_ids:
        return undetermined(
            f"It is addressed to a contact of {customer.name}: compare the address with the contact's.",
            f"La pièce est adressée à un contact de {customer.name} : comparer l'adresse avec celle du contact.",
            name,
        )
    if len(missing) == len(parts) and not _has_other_address(customer, subject, paper):
        severity = Severity.WARNING if subject.kind is Kind.CONSUMER else None
        return failed(
            f"The address of {customer.name} is not on it: print it.",
            f"L'adresse de {customer.name} n'y figure pas : l'imprimer.",
            name,
            severity=severity,
        )
    return failed(
        f"The address on it lacks {', '.join(missing)}, which Dolibarr has for {customer.name}: accept this if the customer"
        " has moved since, else correct one of them.",
        f"Il manque à l'adresse imprimée {', '.join(missing)}, que Dolibarr a pour "
        f"{customer.name} : l'accepter si le client a déménagé depuis, sinon corriger l'une "
        "des deux.",
        name,
        *places.values(),
        severity=Severity.WARNING,
    )


def _has_other_address(customer: ThirdParty, subject: Subject, paper: Paper) -> bool:
    """Whether there may be another address than the one that is known; told for France alone, by the postal code."""
    if customer.country not in ("FR", "MC"):
        return True
    ours = subject.seller.zip if subject.seller else ""
    return any(found[1] != ours for found in paper.find_all(POSTAL_CODE))


def buyer_vat_number(subject: Subject, rule: Rule) -> Outcome:
    """The customer's VAT number, where he owes the VAT or the goods go to another member state."""
    customer, paper = subject.customer, subject.paper
    if customer is None:
        return undetermined(*NO_CUSTOMER)
    if not _owes_a_number(subject):
        return needless()
    number = compact(customer.vat_number)
    if not number:
        return failed(
            f"No VAT is charged and {customer.name} has no VAT number in Dolibarr: enter and print it, or charge VAT.",
            f"Aucune TVA n'est facturée et {customer.name} n'a pas de numéro de TVA dans Dolibarr "
            ": le saisir et l'imprimer, ou facturer la TVA.",
        )
    wrong = fault(Identifier.EU_VAT, number)
    if wrong:
        return failed(
            f"The VAT number {number} of {customer.name} {wrong}: ask for the right one, or charge VAT.",
            f"Le numéro de TVA {number} de {customer.name} {wrong.fr} : demander le bon, ou facturer la TVA.",
        )
    if paper is None:
        return no_paper(subject)
    found = paper.find(number_pattern(number))
    return (
        passed(found)
        if found
        else failed(
            f"The customer's VAT number {number} is not on it: print it.",
            f"Le numéro de TVA du client, {number}, n'y figure pas : l'imprimer.",
        )
    )


def buyer_siren(subject: Subject, rule: Rule) -> Outcome:
    """The customer's SIREN, by itself or as the beginning of the SIRET."""
    customer, paper = subject.customer, subject.paper
    if customer is None:
        return undetermined(*NO_CUSTOMER)
    if customer.country == "MC":
        return needless("In Monaco nobody has a SIREN.", "À Monaco, personne n'a de SIREN.")
    siren = siren_of(customer)
    if not siren:
        return undetermined(
            f"The SIREN of {customer.name} is not known: enter it into Dolibarr.",
            f"Le SIREN de {customer.name} n'est pas connu : le saisir dans Dolibarr.",
        )
    if wrong := fault(Identifier.SIREN, siren):
        return undetermined(
            f"The SIREN {siren} of {customer.name} {wrong}: correct it in Dolibarr.",
            f"Le SIREN {siren} de {customer.name} {wrong.fr} : le corriger dans Dolibarr.",
        )
    if paper is None:
        return no_paper(subject)
    signs = r"[ .]?".join(siren)
    siret = re.compile(rf"(?<![a-z0-9])(?<!\d ){signs}(?:[ .]?\d){{5}}(?!\d)")
    found = paper.find(number_pattern(siren)) or paper.find(siret)
    if found:
        return passed(found)
    return failed(
        f"The customer's SIREN {siren} is not on it: set MAIN_PROFID1_IN_ADDRESS in Dolibarr so that it is.",
        f"Le SIREN du client, {siren}, n'y figure pas : activer MAIN_PROFID1_IN_ADDRESS dans "
        "Dolibarr pour qu'il y soit.",
    )


def siren_of(customer: ThirdParty) -> str:
    """The SIREN, wherever it is known from."""
    siren, siret, *_others = map(compact, customer.professional_ids)
    return siren[:9] or siret[:9] or siren_of_vat_number(customer.vat_number)


def buyer_order_number(subject: Subject, rule: Rule) -> Outcome:
    """The customer's reference, which Dolibarr has where the customer gave one."""
    reference = subject.invoice.customer_ref
    if not reference:
        return undetermined(
            "Dolibarr has no reference of the customer's: if an order had a number, enter it.",
            "Dolibarr n'a pas de référence du client : si la commande avait un numéro, le saisir.",
        )
    if subject.paper is None:
        return no_paper(subject)
    wanted = phrase(reference) or re.compile(re.escape(flat(reference)))
    if len(compact(reference)) < LONG_ENOUGH:
        # « 12 » alone is also a day, a street number and a quantity.
        wanted = re.compile(rf"{ORDER}[^;]{{0,30}}?{wanted.pattern}")
    found = subject.paper.find(wanted)
    return (
        passed(found)
        if found
        else failed(
            f"The customer's order number {reference} is not on it: print it.",
            f"Le numéro de commande du client, {reference}, n'y figure pas : l'imprimer.",
        )
    )


def _owes_a_number(subject: Subject) -> bool:
    """Whether the invoice has to bear the customer's number: he owes the VAT, or should, as nobody else does."""
    if subject.used_treatments & REVERSED:
        return True
    is_in_eu = subject.zone in (Zone.EU, Zone.NI) and subject.kind is not Kind.CONSUMER
    pairs = zip(subject.invoice.lines, subject.treatments, strict=True)
    return is_in_eu and any(
        v is not None and v.treatment is Treatment.UNKNOWN and not line.vat_rate for line, v in pairs
    )


BUYER_CHECKS: dict[str, Check] = {
    "buyer_name_address": buyer_name_address,
    "buyer_vat_number": buyer_vat_number,
    "buyer_siren": buyer_siren,
    "buyer_order_number": buyer_order_number,
}
