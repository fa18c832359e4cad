# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of an invoice that conditions of rules name: each is a set of words, or None while it is not known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import ZERO
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import InvoiceType, Line
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Seller, Subject

# Up to this total without VAT, in euros, some mentions may be left out (CGI ann. II 242 nonies A, II).
SMALL = Decimal(150)
# From this total on, VAT included, a consumer is given a note for services (arrêté 83-50/A).
NOTE_DUE = Decimal(25)
YES, NO = "yes", "no"


def value(fact: str, subject: Subject) -> frozenset[str] | None:
    """A fact of an invoice; None when it is not known."""
    return FACTS[fact](subject)


def _of_seller(read: Callable[[Seller], object]) -> Callable[[Subject], frozenset[str] | None]:
    def fact(subject: Subject) -> frozenset[str] | None:
        found = None if subject.seller is None else read(subject.seller)
        return None if found is None else _one(found)

    return fact


def _one(found: object) -> frozenset[str]:
    return frozenset(((YES if found else NO) if isinstance(found, bool) else str(found),))


def _lines(subject: Subject) -> Iterable[Line]:
    """Those that sell something."""
    pairs = zip(subject.invoice.lines, subject.treatments, strict=True)
    return [line for line, verdict in pairs if verdict is not None and line.discount_id is None]


def _supplies(subject: Subject) -> frozenset[str]:
    return frozenset("services" if line.is_service else "goods" for line in _lines(subject))


def _state(subject: Subject) -> frozenset[str]:
    if subject.invoice.type is InvoiceType.PROFORMA:
        return frozenset(("proforma",))
    return frozenset(("draft" if subject.invoice.is_draft else "issued",))


FACTS: dict[str, Callable[[Subject], frozenset[str] | None]] = {
    "seller.form": _of_seller(lambda seller: seller.form),
    "seller.is_in_rcs": _of_seller(lambda seller: seller.is_in_rcs),
    "seller.regime": _of_seller(lambda seller: seller.regime),
    "seller.sector": _of_seller(lambda seller: seller.sector),
    "seller.oga": _of_seller(lambda seller: seller.oga),
    "seller.vat_group": _of_seller(lambda seller: seller.vat_group),
    "seller.is_represented": _of_seller(lambda seller: bool(seller.fiscal_representative)),
    "customer.kind": lambda subject: _one(subject.kind),
    "customer.zone": lambda subject: _one(subject.zone),
    "invoice.type": lambda subject: _one(subject.invoice.type.name.lower()),
    "invoice.state": _state,
    "invoice.supplies": _supplies,
    "invoice.treatments": lambda subject: frozenset(map(str, subject.used_treatments)),
    "invoice.is_small": lambda subject: _one(abs(subject.invoice.total_ht) <= SMALL),
    "invoice.is_note_due": lambda subject: _one(subject.invoice.total_ttc >= NOTE_DUE),
    "invoice.has_vat": lambda subject: _one(subject.invoice.total_tva != ZERO),
    "invoice.has_discount": lambda subject: _one(any(line.discount_percent for line in _lines(subject))),
    "invoice.vat_rates": lambda subject: frozenset(f"{line.vat_rate.normalize():f}" for line in _lines(subject)),
    "invoice.rates": lambda subject: _one("several" if len({x.vat_rate for x in _lines(subject)}) > 1 else "one"),
    "invoice.payment_mode": lambda subject: _one(subject.invoice.payment_mode or "none"),
    "invoice.close_code": lambda subject: _one(subject.invoice.close_code or "none"),
    "invoice.uses_deposit": lambda subject: _one(bool(subject.deposits)),
    "invoice.is_self_billed": lambda subject: _one(subject.invoice.ref in subject.options.self_billed),
}

# What to fill in where a fact is not known, as the end of a sentence.
ASKED_FOR = {
    "seller.form": Words(
        "si le vendeur est une société, un entrepreneur individuel ou autre (form)",
        "whether the seller is a company, a sole trader or something else (form)",
    ),
    "seller.is_in_rcs": Words(
        "si le vendeur est immatriculé au RCS (is_in_rcs)",
        "whether the seller is entered in the trade register (is_in_rcs)",
    ),
    "seller.regime": Words(
        "le régime de TVA du vendeur (regime : normal ou franchise)",
        "the seller's VAT regime (regime: normal or franchise)",
    ),
    "seller.sector": Words("le secteur d'activité du vendeur (sector)", "what the seller does (sector)"),
    "seller.oga": Words(
        "si le vendeur est adhérent d'un organisme de gestion agréé (oga)",
        "whether the seller is a member of an approved management body (oga)",
    ),
    "seller.vat_group": Words(
        "si le vendeur est membre d'un assujetti unique (vat_group)",
        "whether the seller is a member of a VAT group (vat_group)",
    ),
    "seller.is_represented": Words("le vendeur (seller)", "the seller (seller)"),
}
