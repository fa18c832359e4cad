# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How French VAT treats a line that was sold or bought.

Sales follow the order of CGI 293 B, 256, 283 (2 nonies), 262 ter I, 259 1°, 262 I; purchases CGI 283 and 271.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import ZERO
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.identifiers import Identifier, fault
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.settlements import CREDIT_NOTE, SURPLUS
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime, VatOptions, is_named
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind, Zone, kind_of, zone_of
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    Invoice,
    Line,
    ProductType,
    ThirdParty,
)

VALID_NUMBER = Words("numéro de TVA valide d'un autre État membre", "a valid VAT number of another member State")
ANY_NUMBER = Words("numéro de TVA", "a VAT number")
NOT_CHARGED = 1  # bit of info_bits: VAT noted and not charged (NPR)
# « article 261, 4, 4° a », « art. 261-7-1° », « 261 D du CGI », « L. 213-57 du CIBS »; not « 261 heures ».
EXEMPTION = re.compile(
    r"\bart(?:icle|icles|s?\.)?[ -]?261\b|\b261(?:[ ,-]*[A-E]|[ ,-]+\d+°?)?.{0,30}\bCGI\b|\bL\.?\s?213-\d+.{0,40}\bCIBS\b",
    re.IGNORECASE,
)


class Treatment(StrEnum):
    """What happens to the VAT of a line."""

    STD = "STD"  # charged at a rate
    FRANCHISE = "FRANCHISE"
    MARGIN = "MARGIN"
    DEBOURS = "DEBOURS"  # an expense passed on at cost, outside the base (CGI 267, II-2°)
    EXEMPT = "EXEMPT"  # CGI 261 to 261 E
    AE_BTP = "AE_BTP"  # subcontracted building work: the customer owes the VAT
    IC_GOODS = "IC_GOODS"  # goods to a business in the EU
    AE_EU_SERVICE = "AE_EU_SERVICE"  # services to a business in the EU
    EXPORT_GOODS = "EXPORT_GOODS"
    OUT_SERVICE = "OUT_SERVICE"  # services to a business outside the EU
    AE_SERVICE = "AE_SERVICE"  # services bought from a supplier abroad
    IC_ACQUISITION = "IC_ACQUISITION"  # goods bought in the EU
    IMPORT = "IMPORT"  # goods bought outside the EU
    AE_LOCAL = "AE_LOCAL"  # supplied in France by a supplier established abroad
    NO_VAT = "NO_VAT"  # bought without VAT in France: stamps, insurance, expenses passed on
    NPR = "NPR"  # VAT noted and not charged, overseas
    SET_OFF = "SET_OFF"  # a surplus or credit note used as a line: a payment, not a sale
    UNKNOWN = "UNKNOWN"


# The customer reckons the VAT and deducts it in the same return.
SELF_ASSESSED = frozenset(
    (
        Treatment.AE_BTP,
        Treatment.AE_SERVICE,
        Treatment.IC_ACQUISITION,
        Treatment.IMPORT,
        Treatment.AE_LOCAL,
    )
)


@dataclass(frozen=True)
class Party:
    """What matters of a third party for VAT."""

    zone: Zone
    kind: Kind
    vat_number: str
    is_in_monaco: bool  # France for VAT, shown apart on the return
    has_eu_number: bool  # a well-formed VAT number of another member state, or of Northern Ireland

    @classmethod
    def read(cls, third_party: ThirdParty | None) -> Party:
        """``None`` stands for a third party that is not known: nothing can be told of it."""
        if third_party is None:
            return cls(Zone.UNKNOWN, Kind.UNKNOWN, "", False, False)
        number = third_party.vat_number.upper()
        return cls(
            zone=zone_of(third_party.country, number, third_party.zip),
            kind=kind_of(third_party),
            vat_number=number,
            is_in_monaco=third_party.country == "MC",
            has_eu_number=not number.startswith("FR") and not fault(Identifier.EU_VAT, number),
        )


@dataclass(frozen=True)
class Verdict:
    """A treatment; ``reason``, in French ``reason_fr``, says why it could not be told, and what to do."""

    treatment: Treatment
    reason: str = ""
    reason_fr: str = ""


def is_worth_nothing(line: Line) -> bool:
    """Whether it is a title, a subtotal or a line without an amount."""
    return line.product_type is ProductType.TEXT or not (line.total_ht or line.total_tva or line.total_ttc)


def treatment_of_sale(invoice: Invoice, place: int, line: Line, customer: Party, options: VatOptions) -> Verdict:
    """The treatment of a line sold; ``place`` is its number on the invoice."""
    if _is_set_off(line):
        return Verdict(Treatment.SET_OFF)
    if options.regime is Regime.FRANCHISE:
        return Verdict(Treatment.FRANCHISE)
    if line.vat_rate > ZERO:
        return Verdict(Treatment.NPR if line.info_bits & NOT_CHARGED else Treatment.STD)
    if is_named(invoice, place, options.margin):
        return Verdict(Treatment.MARGIN)
    if is_named(invoice, place, options.disbursements):
        return Verdict(Treatment.DEBOURS)
    if customer.zone is Zone.FR:
        if is_named(invoice, place, options.subcontracted):
            return Verdict(Treatment.AE_BTP)
        if EXEMPTION.search(f"{line.description} {invoice.note_public}"):
            return Verdict(Treatment.EXEMPT)
        return _unknown(
            "0 % to a customer in France without a reason: print the article of the exemption",
            "0 % à un client en France sans motif : imprimer l'article d'exonération",
        )
    if customer.zone in (Zone.EU, Zone.NI) and not (customer.zone is Zone.NI and line.is_service):
        if customer.has_eu_number:
            return Verdict(Treatment.AE_EU_SERVICE if line.is_service else Treatment.IC_GOODS)
        missing = VALID_NUMBER if customer.vat_number else ANY_NUMBER
        return _unknown(
            f"0 % to a customer in the EU without {missing.en}: enter it, or charge VAT",
            f"0 % à un client de l'UE sans {missing.fr} : le saisir, ou facturer la TVA",
        )
    if customer.zone is Zone.DROM:
        return _unknown(
            "0 % to an overseas department, which is neither mainland nor third country: decide by hand",
            "0 % vers un département d'outre-mer, qui n'est ni la métropole ni un pays tiers : décider à la main",
        )
    if customer.zone is Zone.UNKNOWN:
        return _unknown("0 % to a customer without a country: enter it", "0 % à un client sans pays : le saisir")
    if not line.is_service:
        return Verdict(Treatment.EXPORT_GOODS)
    if customer.kind is Kind.CONSUMER:
        return _unknown(
            "0 % on a service to a consumer outside the EU: only services of CGI 259 B go untaxed",
            "0 % sur un service à un consommateur hors UE : seuls les services de l'art. 259 B "
            "du CGI ne sont pas taxés",
        )
    return Verdict(Treatment.OUT_SERVICE)


def treatment_of_purchase(invoice: Invoice, place: int, line: Line, supplier: Party, options: VatOptions) -> Verdict:
    """The treatment of a line bought; ``place`` is its number on the invoice."""
    if _is_set_off(line):
        return Verdict(Treatment.SET_OFF)
    is_foreign = supplier.zone not in (Zone.FR, Zone.DROM, Zone.UNKNOWN)
    if line.vat_rate > ZERO:
        if line.info_bits & NOT_CHARGED:
            return Verdict(Treatment.NPR)
        if invoice.reverse_charge:
            return _unknown(
                "VAT was charged on an invoice marked as reverse charge: one of the two is wrong",
                "TVA facturée sur une facture marquée en autoliquidation : l'un des deux est faux",
            )
        if is_foreign and not supplier.vat_number.startswith("FR"):
            return _unknown(
                "VAT charged by a supplier abroad without a French VAT number: not to be deducted in France",
                "TVA facturée par un fournisseur étranger sans numéro de TVA français : non déductible en France",
            )
        return Verdict(Treatment.STD)
    if is_named(invoice, place, options.exempt_purchases):
        return Verdict(Treatment.NO_VAT)
    if is_named(invoice, place, options.subcontracted):
        return Verdict(Treatment.AE_BTP)
    if supplier.zone is Zone.UNKNOWN:
        return _unknown(
            "bought without VAT from a supplier without a country: enter it",
            "achat sans TVA à un fournisseur sans pays : le saisir",
        )
    if supplier.zone is Zone.DROM:
        return _unknown(
            "bought without VAT from an overseas department, which is no third country: decide by hand",
            "achat sans TVA d'un département d'outre-mer, qui n'est pas un pays tiers : décider à la main",
        )
    if supplier.zone is Zone.FR:
        return Verdict(Treatment.AE_BTP if invoice.reverse_charge else Treatment.NO_VAT)
    if is_named(invoice, place, options.supplied_in_france):
        return Verdict(Treatment.AE_LOCAL)
    if line.is_service:
        return Verdict(Treatment.AE_SERVICE)
    return Verdict(Treatment.IC_ACQUISITION if supplier.zone in (Zone.EU, Zone.NI) else Treatment.IMPORT)


def _is_set_off(line: Line) -> bool:
    """Whether the line uses a surplus or a credit note; a deposit does lower the base and is no set-off."""
    return line.discount_id is not None and line.description.startswith((CREDIT_NOTE, *SURPLUS))


def _unknown(reason: str, reason_fr: str) -> Verdict:
    return Verdict(Treatment.UNKNOWN, f"{reason}.", f"{reason_fr}.")
