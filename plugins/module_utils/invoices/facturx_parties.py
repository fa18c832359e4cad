# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Factur-X must say of the seller and the buyer; each check is a pure function."""

from __future__ import annotations

import re

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind, Zone
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.cii import Cii, Party
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.facturx_checks import equal, seen
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.outcomes import (
    failed,
    needless,
    passed,
    undetermined,
    unknown_seller,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, Subject


def seller_siren(cii: Cii, subject: Subject) -> Outcome:
    """BR-FR-10."""
    if subject.seller is None or not subject.seller.siren:
        return unknown_seller("siren")
    return equal("BT-30", cii.seller.siren, subject.seller.siren)


def seller_vat_number(cii: Cii, subject: Subject) -> Outcome:
    if subject.seller is not None and subject.seller.regime is Regime.FRANCHISE and not subject.seller.vat_number:
        return needless()
    if subject.seller is None or not subject.seller.vat_number:
        return unknown_seller("vat_number")
    return equal("BT-31", cii.seller.vat_number, re.sub(r"\s", "", subject.seller.vat_number))


def buyer_siren(cii: Cii, subject: Subject) -> Outcome:
    """BR-FR-11: of businesses in France."""
    if subject.zone is not Zone.FR or subject.kind is Kind.CONSUMER or subject.customer is None:
        return needless()
    if subject.customer.country == "MC":  # where nobody has one
        return needless()
    siren, siret = (re.sub(r"\s", "", number) for number in subject.customer.professional_ids[:2])
    expected = siren[:9] or siret[:9]
    if expected:
        return equal("BT-47", cii.buyer.siren, expected)
    return undetermined(
        "The customer's SIREN is not known: fill it in in Dolibarr.",
        "Le SIREN du client n'est pas connu : le renseigner dans Dolibarr.",
        seen("BT-47", cii.buyer.siren),
    )


def buyer_vat_number(cii: Cii, subject: Subject) -> Outcome:
    """Needed where the customer is liable (AE) or for goods that go to another member state (K); else as known."""
    known = re.sub(r"\s", "", subject.customer.vat_number) if subject.customer else ""
    is_needed = any(tax.category == "K" or (tax.category == "AE" and not cii.buyer.siren) for tax in cii.taxes)
    if not cii.buyer.vat_number:
        return (
            failed(
                "BT-48, the customer's VAT number, is missing: fill it in.",
                "BT-48, le numéro de TVA du client, manque : le renseigner.",
            )
            if is_needed
            else needless()
        )
    if known:
        return equal("BT-48", cii.buyer.vat_number, known)
    return undetermined(
        "The customer's VAT number is not known in Dolibarr.",
        "Le numéro de TVA du client n'est pas connu dans Dolibarr.",
        seen("BT-48", cii.buyer.vat_number),
    )


def sirets(cii: Cii, subject: Subject) -> Outcome:
    """BR-FR-09: a SIRET is 14 digits that begin with the SIREN."""
    parties: dict[str, Party] = {"BT-29": cii.seller, "BT-46": cii.buyer}
    given = {name: party for name, party in parties.items() if party.siret}
    wrong = [
        seen(name, party.siret)
        for name, party in given.items()
        if not re.fullmatch(r"\d{14}", party.siret) or (party.siren and not party.siret.startswith(party.siren))
    ]
    if wrong:
        return failed(
            "A SIRET is not 14 digits that begin with the SIREN: correct it.",
            "Un SIRET n'est pas composé de 14 chiffres commençant par le SIREN : le corriger.",
            *wrong,
        )
    return passed(*(seen(name, party.siret) for name, party in given.items())) if given else needless()


def endpoints(cii: Cii, subject: Subject) -> Outcome:
    """BR-FR-12 and -13."""
    found = seen("BT-34", cii.seller.endpoint), seen("BT-49", cii.buyer.endpoint)
    if cii.seller.endpoint and cii.buyer.endpoint:
        return passed(*found)
    return failed(
        "An electronic address is missing (BT-34 or BT-49): fill it in.",
        "Une adresse électronique manque (BT-34 ou BT-49) : la renseigner.",
        *found,
    )
