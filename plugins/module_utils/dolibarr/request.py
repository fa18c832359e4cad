# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody asks of a Dolibarr: subsets of facts, of which days and third parties."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Period
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Invoice, ThirdParty
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

# Every subset, and the sections that are read for it.
SUBSETS: dict[str, tuple[str, ...]] = {
    "status": ("status",),
    "user": ("user",),
    "company": ("company",),
    "third_parties": ("third_parties",),
    "invoices": ("invoices",),
    "supplier_invoices": ("supplier_invoices",),
    "payments": ("invoices", "third_parties"),
    "vat": ("invoices", "supplier_invoices", "third_parties"),
    "templates": ("templates", "invoices", "third_parties"),
    "numbering": ("invoices",),
    "bank_accounts": ("bank_accounts",),
    "products": ("products",),
    "documents": ("documents",),
}
DEFAULT = ("status", "user")
# What only makes sense over everybody: a return is filed for the whole company, and a part of a series has gaps.
WHOLE = frozenset({"vat", "numbering"})


class Side(StrEnum):
    """Whose invoices, payments and third parties; ``BOTH`` are customers' payments where only one side fits."""

    BOTH = "both"
    CUSTOMERS = "clients_only"
    SUPPLIERS = "suppliers_only"


# What the other side alone has.
NOTHING_LEFT = {
    Side.BOTH: frozenset[str](),
    Side.CUSTOMERS: frozenset({"supplier_invoices"}),
    Side.SUPPLIERS: frozenset({"invoices", "templates", "documents"}),
}


def choose_subsets(words: Iterable[str]) -> frozenset[str]:
    """The subsets of ``gather_subset``: ``!`` leaves one out of the others named, or of all when no other is."""
    wanted: set[str] = set()
    unwanted: set[str] = set()
    for word in words:
        name = word.removeprefix("!")
        if name not in SUBSETS and name != "all":
            raise ErpError(
                f"gather_subset has '{word}', which is no subset: choose among all, {', '.join(SUBSETS)}; "
                "a ! before one leaves it out."
            )
        chosen = SUBSETS if name == "all" else (name,)
        (unwanted if word.startswith("!") else wanted).update(chosen)
    return frozenset((wanted or set(SUBSETS if unwanted else ())) - unwanted)


@dataclass(frozen=True)
class Selection:
    """Which objects are shown. Whatever is chosen, figures are reckoned over all of them first."""

    period: Period = field(default_factory=Period)
    third_party_ids: frozenset[int] = frozenset()
    side: Side = Side.BOTH

    def has_invoice(self, invoice: Invoice) -> bool:
        """By its date and its third party."""
        return self.has_third_party(invoice.third_party_id) and (
            self.period == Period() or invoice.issued in self.period
        )

    def has_third_party(self, third_party_id: int | None) -> bool:
        return not self.third_party_ids or third_party_id in self.third_party_ids

    def has_party(self, party: ThirdParty) -> bool:
        """By its id and what it is to the company."""
        is_one = {Side.BOTH: True, Side.CUSTOMERS: party.is_customer, Side.SUPPLIERS: party.is_supplier}[self.side]
        return is_one and self.has_third_party(party.id)

    def sections(self, subset: str) -> tuple[str, ...]:
        """What is read for a subset; payments are of one side."""
        sections = SUBSETS[subset]
        if subset == "payments" and self.side is Side.SUPPLIERS:
            return tuple(section.replace("invoices", "supplier_invoices") for section in sections)
        return sections

    def check(self, subsets: Iterable[str]) -> None:
        """Refuse a choice that would leave a subset empty, or a part of what is only true as a whole."""
        for subset in sorted(subsets):
            if subset in NOTHING_LEFT[self.side]:
                raise ErpError(f"{self.side} leaves nothing of {subset}: ask for one of them.")
            if subset in WHOLE and (self.third_party_ids or self.side is not Side.BOTH):
                option = "third_party_ids" if self.third_party_ids else self.side
                raise ErpError(f"{subset} is reckoned over all third parties: leave out {option}, or {subset}.")
