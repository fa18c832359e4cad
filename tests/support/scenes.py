# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Correct invoices of every kind: what Dolibarr has of each, and the paper that goes with it, with amounts by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.numbering import audit_numbering
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.third_party_rules import SellerSize
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime, VatOptions
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    CloseCode,
    Invoice,
    InvoiceStatus,
    InvoiceType,
    Line,
    Payment,
    ProductType,
    ThirdParty,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import (
    AuditOptions,
    Form,
    PdfText,
    Sector,
    Seller,
    Subject,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.subject import build_subjects
from tests.support.audited import SELLER
from tests.support.ledger import CUSTOMER_INVOICES, THIRD_PARTIES
from tests.support.pdfs import INDEMNITY, NO_DISCOUNT, PENALTIES, Paper, Row

REF = "FA2611-0100"
DAY = date(2026, 11, 2)
TODAY = date(2026, 11, 21)
NOTES = (PENALTIES, INDEMNITY, NO_DISCOUNT)

BOREALE, NORTHWIND, KIEFERNWALD, DOMINIQUE = (THIRD_PARTIES[number] for number in (1, 2, 3, 6))
TOWN_HALL = replace(BOREALE, name="Commune de Sablons", kind="TE_ADMIN", vat_number="")
RUN_SHOP = replace(BOREALE, country="RE", zip="97400", town="Saint-Denis", vat_number="")
ISLAND = replace(
    NORTHWIND, name="Thistle & Loch Ltd", country="GB", address="4 Trial Lane", zip="EH1 1AA", town="Edinburgh"
)
BOREALE_BLOCK = ("Boréale Conseil", "5 place des Essais", "75011 Paris", "SIREN: 111 111 118")


def line(text: str, quantity: str, price: str, rate: str, ht: str, vat: str, **differing: Any) -> Line:
    """A line of services; its total with tax is the sum."""
    given: dict[str, Any] = {
        "id": 1,
        "description": text,
        "product_type": ProductType.SERVICE,
        "quantity": Decimal(quantity),
        "unit_price": Decimal(price),
        "discount_percent": Decimal(0),
        "vat_rate": Decimal(rate),
        "vat_code": "",
        "total_ht": Decimal(ht),
        "total_tva": Decimal(vat),
        "total_ttc": Decimal(ht) + Decimal(vat),
        "info_bits": 0,
        "discount_id": None,
        "date_start": None,
        "date_end": None,
        "situation_percent": Decimal(100),
    }
    return Line(**(given | differing))


def invoice(*lines: Line, ht: str = "1800", vat: str = "360", **differing: Any) -> Invoice:
    """A validated invoice of 2 November 2026 to Boréale, due thirty days later, by transfer."""
    total = Decimal(ht) + Decimal(vat)
    given: dict[str, Any] = {
        "id": 100,
        "ref": REF,
        "type": InvoiceType.STANDARD,
        "status": InvoiceStatus.VALIDATED,
        "is_paid": False,
        "third_party_id": 1,
        "issued": DAY,
        "delivery": DAY,
        "total_ht": Decimal(ht),
        "total_tva": Decimal(vat),
        "total_ttc": total,
        "currency": "EUR",
        "currency_rate": Decimal(1),
        "currency_total_ht": Decimal(ht),
        "currency_total_tva": Decimal(vat),
        "currency_total_ttc": total,
        "has_payments": False,
        "paid": Decimal(0),
        "credit_notes_used": None,
        "deposits_used": None,
        "remaining": total,
        "source_id": None,
        "template_id": None,
        "payment_terms": "30D",
        "payment_mode": "VIR",
        "customer_ref": "PO-77",
        "note_public": "",
        "lines": lines or (line("Développement – journée", "3", "600", "20", "1800", "360"),),
        **differing,
    }
    given.setdefault("due", given["issued"] + timedelta(days=30))
    return replace(CUSTOMER_INVOICES[0], **given)


def paper(**differing: Any) -> Paper:
    """The paper of :func:`invoice`."""
    given: dict[str, Any] = {
        "ref": REF,
        "issued": "02/11/2026",
        "due": "02/12/2026",
        "customer_ref": "PO-77",
        "customer": BOREALE_BLOCK,
        "customer_vat_number": "FR44111111118",
        "notes": NOTES,
        **differing,
    }
    return Paper(**given)


@dataclass(frozen=True)
class Scene:
    """An invoice, whom it is to, who sells, and its paper."""

    invoice: Invoice = field(default_factory=invoice)
    paper: Paper = field(default_factory=paper)
    customer: ThirdParty = BOREALE
    seller: Seller = SELLER
    options: AuditOptions = field(default_factory=AuditOptions)
    others: tuple[Invoice, ...] = ()  # that it refers to
    payments: Mapping[int, tuple[Payment, ...]] = field(default_factory=dict)

    def with_invoice(self, **differing: Any) -> Scene:
        return replace(self, invoice=replace(self.invoice, **differing))

    def with_line(self, place: int = 0, **differing: Any) -> Scene:
        lines = list(self.invoice.lines)
        lines[place] = replace(lines[place], **differing)
        return self.with_invoice(lines=tuple(lines))

    def with_paper(self, **differing: Any) -> Scene:
        return replace(self, paper=replace(self.paper, **differing))

    def with_seller(self, **differing: Any) -> Scene:
        return replace(self, seller=replace(self.seller, **differing))

    def with_customer(self, **differing: Any) -> Scene:
        return replace(self, customer=replace(self.customer, **differing))

    def subject(self, pdf: PdfText | None) -> Subject:
        """What the audit sees."""
        customer = replace(self.customer, id=self.invoice.third_party_id)
        known = (self.invoice, *self.others)
        (subject,) = build_subjects(
            known,
            [customer],
            self.payments,
            self.seller,
            today=TODAY,
            pdfs={self.invoice.id: pdf},
            options=self.options,
            # Only numbers that contradict each other: a few invoices are no whole series.
            numbering=dataclasses.replace(audit_numbering((), TODAY)),
            only={self.invoice.id},
        )
        return subject


UNTAXED_LINE = line("Conseil en logiciel, novembre 2026", "5", "650", "0", "3250", "0")
UNTAXED_ROW = Row("Conseil en logiciel, novembre 2026", "0%", "650,00", "5", "", "3 250,00")
UNTAXED_PAPER: dict[str, Any] = {
    "rows": (UNTAXED_ROW,),
    "total_ht": "3 250,00",
    "total_vat": (),
    "total_ttc": "3 250,00",
}


def untaxed(note: str, **differing: Any) -> Paper:
    """The paper of an invoice without VAT, with the reason for it."""
    return paper(**{**UNTAXED_PAPER, "notes": (note, *NOTES), **differing})


def untaxed_invoice(**differing: Any) -> Invoice:
    return invoice(UNTAXED_LINE, ht="3250", vat="0", **differing)


def goods_invoice(**differing: Any) -> Invoice:
    return invoice(
        replace(UNTAXED_LINE, description="Lampe en laiton, modèle 12", product_type=ProductType.GOODS),
        ht="3250",
        vat="0",
        **differing,
    )


GOODS_ROW = {
    "rows": (replace(UNTAXED_ROW, label="Lampe en laiton, modèle 12"),),
    "category": "Livraison de marchandises",
}
GERMAN_BLOCK = ("Kiefernwald GmbH", "Musterweg 7", "10115 Berlin", "Germany")
AMERICAN_BLOCK = ("Northwind Prairie LLC", "1200 Sample Avenue", "Denver, 80202", "United States")

TRADER = replace(
    SELLER,
    name="Camille Fictive",
    legal_form="Entrepreneur individuel",
    form=Form.SOLE_TRADER,
    is_in_rcs=False,
    capital=None,
    rcs_city="",
    vat_number="",
    regime=Regime.FRANCHISE,
    size=SellerSize.MICRO,
    debits=None,
)
TRADER_HEAD = {
    "seller": ("Camille Fictive EI", "12 rue des Exemples", "91000 Évry-Courcouronnes"),
    "legal_form": "",
    "capital": "",
    "rcs": "",
    "vat_number": "",
}
ASSOCIATION = replace(
    TRADER,
    name="Les Amis du Hêtre",
    legal_form="Association",
    form=Form.ASSOCIATION,
    regime=Regime.NORMAL,
    debits=False,
)
BUILDER = replace(SELLER, sector=Sector.CONSTRUCTION)
DECENNALE = "Assurance décennale : Mutuelle Fictive, 3 rue du Test, 75002 Paris, couverture : France."

DEPOSIT = invoice(
    line("Acompte 30 % – refonte du site", "1", "600", "20", "600", "120"),
    ht="600",
    vat="120",
    id=90,
    ref="AC2610-0003",
    type=InvoiceType.DEPOSIT,
    status=InvoiceStatus.CLOSED,
    is_paid=True,
    issued=date(2026, 10, 5),
    remaining=Decimal(0),
)
DEPOSIT_PAID = Payment(
    invoice_id=90,
    ref="PAY2610-0001",
    paid_on=date(2026, 10, 9),
    amount=Decimal(720),
    mode="VIR",
    is_money=True,
    number="",
    bank_line_id=None,
)
ORIGINAL = invoice(id=91, ref="FA2610-0090", issued=date(2026, 10, 12))
REPLACED = replace(ORIGINAL, status=InvoiceStatus.ABANDONED, close_code=CloseCode.REPLACED)
USED_DEPOSIT = line(
    "(DEPOSIT)", "1", "-600", "20", "-600", "-120", discount_id=7, info_bits=2, product_type=ProductType.GOODS
)

SCENES: dict[str, Scene] = {
    "service": Scene(),
    "goods": Scene(
        invoice(line("Chaise en hêtre, modèle 12", "12", "150", "20", "1800", "360", product_type=ProductType.GOODS)),
        paper(
            rows=(Row("Chaise en hêtre, modèle 12", "20%", "150,00", "12", "", "1 800,00"),),
            category="Livraison de marchandises",
        ),
    ),
    "several rates": Scene(
        invoice(
            line("Audit technique", "1", "500", "20", "500", "100"),
            line("Visite du site", "1", "200", "20", "200", "40"),
            line("Livre imprimé", "3", "30", "5.5", "90", "4.95", product_type=ProductType.GOODS),
            ht="790",
            vat="144.95",
        ),
        paper(
            rows=(
                Row("Audit technique", "20%", "500,00", "1", "", "500,00"),
                Row("Visite du site", "20%", "200,00", "1", "", "200,00"),
                Row("Livre imprimé", "5,5%", "30,00", "3", "", "90,00"),
            ),
            category="Mixte - Livraison de biens & prestation de services",
            total_ht="790,00",
            total_vat=(("20%", "140,00"), ("5,5%", "4,95")),
            total_ttc="934,95",
            more=("TVA 20% base 700,00 taxe 140,00", "TVA 5,5% base 90,00 taxe 4,95"),
        ),
    ),
    "discount": Scene(
        invoice(line("Développement – journée", "10", "300", "20", "1800", "360", discount_percent=Decimal(40))),
        paper(rows=(Row("Développement – journée", "20%", "300,00", "10", "40%", "1 800,00"),)),
    ),
    "consumer": Scene(
        invoice(
            line("Cours particulier", "2", "50", "20", "100", "20"),
            ht="100",
            vat="20",
            third_party_id=6,
            due=DAY + timedelta(days=1),
            payment_mode="CB",
            customer_ref="",
        ),
        paper(
            customer_ref="",
            customer=("Dominique Fictive", "2 impasse du Test", "91080 Évry-Courcouronnes"),
            customer_vat_number="",
            notes=(),
            rows=(Row("Cours particulier", "20%", "50,00", "2", "", "100,00"),),
            total_ht="100,00",
            total_vat=(("20%", "20,00"),),
            total_ttc="120,00",
            terms="A réception",
            due="03/11/2026",
            iban="",
            bic="",
        ),
        customer=DOMINIQUE,
    ),
    "public customer": Scene(
        paper=paper(
            customer=("Commune de Sablons", "5 place des Essais", "75011 Paris", "SIREN: 111 111 118"),
            customer_vat_number="",
            notes=(
                "Intérêts moratoires au taux de la banque centrale européenne majoré de 8 points.",
                INDEMNITY,
                NO_DISCOUNT,
            ),
        ),
        customer=TOWN_HALL,
    ),
    "service in the EU": Scene(
        untaxed_invoice(third_party_id=3),
        untaxed(
            "Autoliquidation - TVA due par le preneur, art. 283-2 du CGI et art. 196 de la directive 2006/112/CE",
            customer=GERMAN_BLOCK,
            customer_vat_number="DE111111125",
        ),
        customer=KIEFERNWALD,
    ),
    "goods in the EU": Scene(
        goods_invoice(third_party_id=3),
        untaxed(
            "Exonération de TVA, art. 262 ter, I du CGI",
            customer=GERMAN_BLOCK,
            customer_vat_number="DE 111 111 125",
            **GOODS_ROW,
        ),
        customer=KIEFERNWALD,
    ),
    "goods exported": Scene(
        goods_invoice(third_party_id=2),
        untaxed(
            "Exonération de TVA, art. 262, I du CGI", customer=AMERICAN_BLOCK, customer_vat_number="", **GOODS_ROW
        ),
        customer=NORTHWIND,
    ),
    "service outside the EU": Scene(
        untaxed_invoice(third_party_id=2),
        untaxed("TVA non applicable – art. 259-1 du CGI", customer=AMERICAN_BLOCK, customer_vat_number=""),
        customer=NORTHWIND,
    ),
    "service to Great Britain": Scene(
        untaxed_invoice(third_party_id=2),
        untaxed(
            "VAT not applicable - article 44 of directive 2006/112/EC",
            customer=("Thistle & Loch Ltd", "4 Trial Lane", "Edinburgh EH1 1AA", "United Kingdom"),
            customer_vat_number="",
        ),
        customer=ISLAND,
    ),
    "small business": Scene(
        untaxed_invoice(), untaxed("TVA non applicable, article 293 B du CGI", **TRADER_HEAD), seller=TRADER
    ),
    "small business after the switch": Scene(
        untaxed_invoice(issued=date(2027, 2, 1), due=date(2027, 3, 3), delivery=None),
        untaxed(
            "TVA non applicable, article L. 223-3 du Code des impositions sur les biens et services (CIBS)",
            issued="01/02/2027",
            due="3 mars 2027",
            **TRADER_HEAD,
        ),
        seller=TRADER,
    ),
    "association": Scene(
        untaxed_invoice(note_public="TVA non applicable, article 261, 7 du CGI"),
        untaxed(
            "TVA non applicable, article 261, 7 du CGI",
            **{**TRADER_HEAD, "seller": ("Les Amis du Hêtre", "12 rue des Exemples", "91000 Évry-Courcouronnes")},
        ),
        seller=replace(ASSOCIATION, vat_number="FR11123456782"),
    ).with_paper(vat_number="Numéro TVA: FR 11 123 456 782"),
    "training": Scene(
        untaxed_invoice(note_public="Exonération de TVA, article 261, 4, 4° a du CGI"),
        untaxed("Exonération de TVA, article 261, 4, 4° a du CGI"),
        seller=replace(SELLER, sector=Sector.TRAINING),
    ),
    "subcontracted works": Scene(
        untaxed_invoice(),
        untaxed("Autoliquidation", more=(DECENNALE,)),
        seller=BUILDER,
        options=AuditOptions(vat=VatOptions(subcontracted=frozenset((REF,)))),
    ),
    "works at a reduced rate": Scene(
        invoice(line("Rénovation de deux fenêtres", "3", "600", "10", "1800", "180"), vat="180"),
        paper(
            rows=(Row("Rénovation de deux fenêtres", "10%", "600,00", "3", "", "1 800,00"),),
            total_vat=(("10%", "180,00"),),
            total_ttc="1 980,00",
            notes=(*NOTES, "Le client atteste que le logement est achevé depuis plus de deux ans."),
            more=(DECENNALE,),
        ),
        seller=BUILDER,
    ),
    "margin": Scene(
        goods_invoice(),
        untaxed("Régime particulier - Biens d'occasion", **GOODS_ROW),
        seller=replace(SELLER, sector=Sector.SECOND_HAND),
        options=AuditOptions(vat=VatOptions(margin=frozenset((REF,)))),
    ),
    "goods to Réunion": Scene(
        goods_invoice(),
        untaxed(
            "Exonération de TVA en application de l'article 294 du CGI",
            customer=("Boréale Conseil", "5 place des Essais", "97400 Saint-Denis"),
            customer_vat_number="",
            **GOODS_ROW,
        ),
        customer=RUN_SHOP,
    ),
    "deposit": Scene(
        replace(DEPOSIT, id=100, ref="AC2611-0004", issued=DAY, due=DAY + timedelta(days=30)),
        paper(
            title="Facture d'acompte",
            ref="AC2611-0004",
            rows=(Row("Acompte 30 % – refonte du site", "20%", "600,00", "1", "", "600,00"),),
            total_ht="600,00",
            total_vat=(("20%", "120,00"),),
            total_ttc="720,00",
        ),
    ),
    "final invoice after a deposit": Scene(
        invoice(USED_DEPOSIT, line("Refonte du site", "1", "2400", "20", "2400", "480")),
        paper(
            rows=(
                Row("Acomptes issus de la facture AC2610-0003", "20%", "-600,00", "1", "", "-600,00"),
                Row("Refonte du site", "20%", "2 400,00", "1", "", "2 400,00"),
            )
        ),
        others=(DEPOSIT,),
        payments={90: (DEPOSIT_PAID,)},
    ),
    "credit note": Scene(
        invoice(
            line("Avoir – geste commercial", "1", "-300", "20", "-300", "-60"),
            ht="-300",
            vat="-60",
            id=100,
            ref="AV2611-0004",
            type=InvoiceType.CREDIT_NOTE,
            source_id=91,
        ),
        paper(
            title="Facture avoir",
            ref="AV2611-0004",
            source="Correction facture : FA2610-0090 du 12/10/2026",
            due="",
            notes=(),
            rows=(Row("Avoir – geste commercial", "20%", "-300,00", "1", "", "-300,00"),),
            terms="",
            iban="",
            bic="",
            total_ht="-300,00",
            total_vat=(("20%", "-60,00"),),
            total_ttc="-360,00",
        ),
        others=(ORIGINAL,),
    ),
    "replacement": Scene(
        invoice(type=InvoiceType.REPLACEMENT, source_id=91),
        paper(title="Facture de remplacement", source="Annule et remplace la facture FA2610-0090"),
        others=(REPLACED,),
    ),
    "situation": Scene(
        invoice(
            line("Gros œuvre, tranche 2", "1", "3000", "20", "1800", "360", situation_percent=Decimal(60)),
            type=InvoiceType.SITUATION,
        ),
        paper(rows=(Row("Gros œuvre, tranche 2", "20%", "3 000,00", "1", "", "1 800,00"),)),
    ),
    "dollars, with VAT": Scene(
        invoice(
            currency="USD",
            currency_rate=Decimal("1.08"),
            currency_total_ht=Decimal(1944),
            currency_total_tva=Decimal("388.80"),
            currency_total_ttc=Decimal("2332.80"),
        ),
        paper(
            rows=(Row("Développement – journée", "20%", "648,00", "3", "", "1 944,00"),),
            currency="Montants exprimés en US Dollars",
            total_ht="1 944,00",
            total_vat=(("20%", "388,80"),),
            total_ttc="2 332,80",
            more=("Contre-valeur de la TVA : 360,00 €",),
        ),
    ),
    "debits": Scene(
        paper=paper(more=("Option pour le paiement de la taxe d'après les débits",)), seller=replace(SELLER, debits=True)
    ),
    "large company": Scene(seller=replace(SELLER, size=SellerSize.LARGE)),
    "end of month": Scene(
        invoice(due=date(2026, 12, 31), payment_terms="30DENDMONTH"),
        paper(due="31/12/2026", terms="Règlement à 30 jours fin de mois"),
    ),
    "45 days, end of month": Scene(
        invoice(due=date(2027, 1, 14)),
        paper(due="14/01/2027", terms="45 jours fin de mois"),
        options=AuditOptions(terms_45_eom=True),
    ),
    "fixed rate of penalties": Scene(
        paper=paper(notes=("En cas de retard de paiement, pénalités de retard au taux annuel de 12,40 %.", INDEMNITY, NO_DISCOUNT))
    ),
    "ECB and ten points": Scene(
        paper=paper(
            notes=(
                "Pénalités de retard : taux d'intérêt appliqué par la Banque centrale européenne à son opération de"
                " refinancement la plus récente majoré de 10 points de pourcentage.",
                "Frais de recouvrement : 40,00 €",
                "Escompte pour paiement anticipé : 1,5 %",
            )
        )
    ),
    "delivered in the month before": Scene(
        invoice(
            line(
                "Développement – journée", "3", "600", "20", "1800", "360", date_start=date(2026, 10, 1), date_end=date(2026, 10, 31)
            ),
            delivery=None,
        ),
        paper(rows=(Row(detail="(Du 01/10/2026 au 31/10/2026)"),)),
    ),
    "single-owner company": Scene(
        paper=paper(legal_form="SASU au capital de 5 000 €", capital=""), seller=replace(SELLER, legal_form="SASU")
    ),
}  # fmt: skip
