# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of Dolibarr's REST API, typed: money as Decimal, days as date, instants aware.

Each class is made from one JSON answer by ``read``. Amounts are in the company's currency unless a name says otherwise,
and negative on credit notes. The API: https://wiki.dolibarr.org/index.php/Module_Web_Services_API_REST_(developer)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any, TypeVar

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.values import (
    Answer,
    day,
    flag,
    identity,
    instant,
    integer,
    local_day,
    number,
    text,
    unreadable,
)

Code = TypeVar("Code", bound=IntEnum)


OTHER_TAXES = ("revenuestamp", "total_localtax1", "total_localtax2")


class InvoiceType(IntEnum):
    """The kinds of invoices."""

    STANDARD = 0
    REPLACEMENT = 1
    CREDIT_NOTE = 2
    DEPOSIT = 3
    PROFORMA = 4
    SITUATION = 5


class InvoiceStatus(IntEnum):
    """Where an invoice stands; ``CLOSED`` does not say that it was paid."""

    DRAFT = 0
    VALIDATED = 1
    CLOSED = 2
    ABANDONED = 3


class CloseCode(StrEnum):
    """Why an invoice was closed without being paid in full."""

    NONE = ""
    DISCOUNT = "discount_vat"
    BAD_DEBT = "badcustomer"
    BAD_SUPPLIER = "badsupplier"
    BANK_CHARGE = "bankcharge"
    WITHHOLDING_TAX = "withholdingtax"
    OTHER = "other"
    ABANDONED = "abandon"
    REPLACED = "replaced"


class ProductType(IntEnum):
    """What a line sells; ``TEXT`` is a title or subtotal."""

    GOODS = 0
    SERVICE = 1
    TEXT = 9


@dataclass(frozen=True)
class Line:
    """One line of an invoice or a template."""

    id: int
    description: str
    product_type: ProductType
    quantity: Decimal
    unit_price: Decimal
    discount_percent: Decimal
    vat_rate: Decimal  # in percent
    vat_code: str
    total_ht: Decimal
    total_tva: Decimal
    total_ttc: Decimal
    info_bits: int  # bit 0: the VAT is noted and not charged (NPR); bit 1: a discount
    discount_id: int | None  # of the deposit or surplus that the line consumes
    date_start: date | None
    date_end: date | None
    situation_percent: Decimal
    previous_id: int | None = None  # of the line that a situation invoice continues
    label: str = ""  # of the product, where it is one of the catalogue
    other_taxes: Decimal = Decimal("0")  # local taxes, which are no VAT

    @property
    def is_service(self) -> bool:
        """Whether it is a service; a line with a period is one, as for Dolibarr's own VAT reports."""
        return self.product_type is ProductType.SERVICE or self.date_start is not None or self.date_end is not None

    @classmethod
    def read(cls, answer: Answer) -> Line:
        return cls(
            id=identity(answer),
            description=text(answer, "description") or text(answer, "desc"),
            product_type=one_of(ProductType, answer, "product_type"),
            quantity=number(answer, "qty"),
            unit_price=number(answer, "subprice"),
            discount_percent=number(answer, "remise_percent"),
            vat_rate=number(answer, "tva_tx"),
            vat_code=text(answer, "vat_src_code"),
            total_ht=number(answer, "total_ht"),
            total_tva=number(answer, "total_tva"),
            total_ttc=number(answer, "total_ttc"),
            info_bits=integer(answer, "info_bits") or 0,
            discount_id=integer(answer, "fk_remise_except"),
            date_start=day(answer, "date_start"),
            date_end=day(answer, "date_end"),
            situation_percent=number(answer, "situation_percent"),
            previous_id=integer(answer, "fk_prev_id"),
            label=text(answer, "product_label") or text(answer, "label"),
            other_taxes=number(answer, "total_localtax1") + number(answer, "total_localtax2"),
        )


@dataclass(frozen=True)
class Invoice:
    """An invoice to a customer, or from a supplier."""

    id: int
    ref: str
    type: InvoiceType
    status: InvoiceStatus
    close_code: CloseCode
    is_paid: bool  # the flag that a person or a payment set, not an amount
    third_party_id: int
    issued: date | None
    due: date | None
    delivery: date | None  # date of the point of tax, if one was given
    created: datetime | None
    validated: datetime | None
    total_ht: Decimal
    total_tva: Decimal
    total_ttc: Decimal
    currency: str
    currency_rate: Decimal
    currency_total_ttc: Decimal
    has_payments: bool  # also when they and their refunds add up to nothing; True where the API does not say
    paid: Decimal | None  # money received; None where the API does not say
    credit_notes_used: Decimal | None
    deposits_used: Decimal | None
    remaining: Decimal | None  # as Dolibarr reckons it
    source_id: int | None  # of the credited or replaced invoice
    template_id: int | None
    payment_terms: str
    payment_mode: str
    account_id: int | None
    customer_ref: str
    supplier_ref: str
    reverse_charge: bool  # a supplier's, as ticked in Dolibarr
    note_public: str
    note_private: str
    document: str  # path of the last PDF below the documents directory
    lines: tuple[Line, ...]
    currency_total_ht: Decimal = Decimal("0")
    currency_total_tva: Decimal = Decimal("0")
    other_taxes: Decimal = Decimal("0")  # revenue stamp and local taxes: in the total, and no VAT
    contact_ids: tuple[int, ...] = ()  # to one of whom it may be addressed instead of the third party

    @property
    def is_draft(self) -> bool:
        return self.status is InvoiceStatus.DRAFT

    @property
    def is_credit_note(self) -> bool:
        return self.type is InvoiceType.CREDIT_NOTE

    @property
    def has_settlement(self) -> bool:
        """Whether anything was paid or set off; True where the API does not say."""
        return not self.is_draft and (self.has_payments or any((self.credit_notes_used, self.deposits_used)))

    @classmethod
    def of_customer(cls, answer: Answer) -> Invoice:
        """Read an answer of ``/invoices``."""
        return cls._read(
            answer,
            due=day(answer, "date_lim_reglement"),
            created=instant(answer, "date_creation"),
            has_payments=text(answer, "sumpayed") != "",
            paid=number(answer, "totalpaid"),
            credit_notes_used=number(answer, "totalcreditnotes"),
            deposits_used=number(answer, "totaldeposits"),
            remaining=number(answer, "remaintopay"),
        )

    @classmethod
    def of_supplier(cls, answer: Answer) -> Invoice:
        """Read an answer of ``/supplierinvoices``, which says nothing of payments."""
        return cls._read(
            answer,
            due=day(answer, "date_echeance"),
            created=instant(answer, "datec"),
            has_payments=True,
            paid=None,
            credit_notes_used=None,
            deposits_used=None,
            remaining=None,
        )

    @classmethod
    def _read(cls, answer: Answer, **differing: Any) -> Invoice:
        return cls(
            id=identity(answer),
            ref=text(answer, "ref"),
            type=one_of(InvoiceType, answer, "type"),
            status=one_of(InvoiceStatus, answer, "status"),
            close_code=close_code(answer),
            is_paid=flag(answer, "paye"),
            third_party_id=identity(answer, "socid"),
            issued=day(answer, "date"),
            delivery=day(answer, "date_pointoftax"),
            validated=instant(answer, "date_validation"),
            total_ht=number(answer, "total_ht"),
            total_tva=number(answer, "total_tva"),
            total_ttc=number(answer, "total_ttc"),
            currency=text(answer, "multicurrency_code"),
            currency_rate=number(answer, "multicurrency_tx"),
            currency_total_ttc=number(answer, "multicurrency_total_ttc"),
            source_id=integer(answer, "fk_facture_source"),
            template_id=integer(answer, "fk_fac_rec_source"),
            payment_terms=text(answer, "cond_reglement_code"),
            payment_mode=text(answer, "mode_reglement_code"),
            account_id=integer(answer, "fk_account"),
            customer_ref=text(answer, "ref_client"),
            supplier_ref=text(answer, "ref_supplier"),
            reverse_charge=flag(answer, "vat_reverse_charge"),
            note_public=text(answer, "note_public"),
            note_private=text(answer, "note_private"),
            document=text(answer, "last_main_doc"),
            lines=tuple(Line.read(line) for line in answer.get("lines") or ()),
            currency_total_ht=number(answer, "multicurrency_total_ht"),
            currency_total_tva=number(answer, "multicurrency_total_tva"),
            other_taxes=sum((number(answer, tax) for tax in OTHER_TAXES), Decimal("0")),
            contact_ids=contacts(answer),
            **differing,
        )


@dataclass(frozen=True)
class Payment:
    """One row of an invoice's payments: money, or a credit note, deposit or surplus that was set off."""

    invoice_id: int
    ref: str
    paid_on: date
    amount: Decimal  # this invoice's share; negative when money was paid back
    mode: str
    is_money: bool
    number: str  # of the cheque or transfer
    bank_line_id: int | None

    @classmethod
    def read(cls, invoice_id: int, answer: Answer) -> Payment:
        return cls(
            invoice_id=invoice_id,
            ref=text(answer, "ref"),
            paid_on=local_day(answer, "date"),
            amount=number(answer, "amount"),
            mode=text(answer, "type"),
            is_money=text(answer, "typeline") == "payment",
            number=text(answer, "num"),
            bank_line_id=integer(answer, "fk_bank_line"),
        )


@dataclass(frozen=True)
class ThirdParty:
    """A customer, supplier or prospect."""

    id: int
    name: str
    is_customer: bool
    is_prospect: bool
    is_supplier: bool
    is_active: bool
    address: str
    zip: str
    town: str
    state_id: int | None
    country: str  # ISO 3166-1, two letters; empty when unknown
    professional_ids: tuple[
        str, str, str, str, str, str
    ]  # idprof1 to idprof6: in France SIREN, SIRET, NAF, RCS, EORI, RNA
    vat_number: str
    is_vat_liable: bool
    kind: str  # typent_code, such as TE_PRIVATE or TE_ADMIN
    legal_form: str
    email: str
    phone: str
    url: str
    payment_terms_id: int | None
    customer_code: str
    supplier_code: str
    available_credit: Decimal
    ibans: tuple[str, ...] = ()
    supplier_payment_terms_id: int | None = None

    @classmethod
    def read(cls, answer: Answer, ibans: tuple[str, ...] = ()) -> ThirdParty:
        role = integer(answer, "client") or 0
        first, second, third, fourth, fifth, sixth = (text(answer, f"idprof{place}") for place in range(1, 7))
        return cls(
            id=identity(answer),
            name=text(answer, "name"),
            is_customer=role in (1, 3),
            is_prospect=role in (2, 3),
            is_supplier=flag(answer, "fournisseur"),
            is_active=flag(answer, "status"),
            address=text(answer, "address"),
            zip=text(answer, "zip"),
            town=text(answer, "town"),
            state_id=integer(answer, "state_id"),
            country=text(answer, "country_code").upper(),
            professional_ids=(first, second, third, fourth, fifth, sixth),
            vat_number=text(answer, "tva_intra"),
            is_vat_liable=flag(answer, "tva_assuj"),
            kind=text(answer, "typent_code"),
            legal_form=text(answer, "forme_juridique"),
            email=text(answer, "email"),
            phone=text(answer, "phone"),
            url=text(answer, "url"),
            payment_terms_id=integer(answer, "cond_reglement_id"),
            customer_code=text(answer, "code_client"),
            supplier_code=text(answer, "code_fournisseur"),
            available_credit=number(answer, "absolute_creditnote"),
            ibans=ibans,
            supplier_payment_terms_id=integer(answer, "cond_reglement_supplier_id"),
        )


@dataclass(frozen=True)
class Template:
    """A recurring invoice: what Dolibarr makes invoices from, and when."""

    id: int
    title: str
    third_party_id: int | None
    frequency: int  # in units; zero never recurs
    unit: str  # d, m or y
    next_date: date | None
    last_generated: datetime | None  # when its last invoice was made, whatever day that invoice bears
    generated: int
    maximum: int  # zero is endless
    is_suspended: bool
    auto_validate: bool
    generate_pdf: bool
    total_ht: Decimal
    total_tva: Decimal
    total_ttc: Decimal
    payment_terms: str
    payment_mode: str
    account_id: int | None
    note_public: str
    lines: tuple[Line, ...]

    @classmethod
    def read(cls, answer: Answer) -> Template | None:
        """Read an answer of ``/invoices/templates/{id}``; an id that does not exist answers an object full of nulls."""
        if integer(answer, "id") is None:
            return None
        return cls(
            id=identity(answer),
            title=text(answer, "title"),
            third_party_id=integer(answer, "socid"),
            frequency=integer(answer, "frequency") or 0,
            unit=text(answer, "unit_frequency"),
            next_date=day(answer, "date_when"),
            last_generated=instant(answer, "date_last_gen"),
            generated=integer(answer, "nb_gen_done") or 0,
            maximum=integer(answer, "nb_gen_max") or 0,
            is_suspended=flag(answer, "suspended"),
            auto_validate=flag(answer, "auto_validate"),
            generate_pdf=flag(answer, "generate_pdf"),
            total_ht=number(answer, "total_ht"),
            total_tva=number(answer, "total_tva"),
            total_ttc=number(answer, "total_ttc"),
            payment_terms=text(answer, "cond_reglement_code"),
            payment_mode=text(answer, "mode_reglement_code"),
            account_id=integer(answer, "fk_account"),
            note_public=text(answer, "note_public"),
            lines=tuple(Line.read(line) for line in answer.get("lines") or ()),
        )


@dataclass(frozen=True)
class BankAccount:
    """A bank or cash account; ``balance`` comes from its own address, the list always says zero."""

    id: int
    ref: str
    label: str
    bank: str
    iban: str
    bic: str
    country: str
    currency: str
    is_closed: bool
    balance: Decimal

    @classmethod
    def read(cls, answer: Answer, balance: Decimal) -> BankAccount:
        return cls(
            id=identity(answer),
            ref=text(answer, "ref"),
            label=text(answer, "label"),
            bank=text(answer, "bank"),
            iban=text(answer, "iban"),
            bic=text(answer, "bic"),
            country=text(answer, "country_code"),
            currency=text(answer, "currency_code"),
            is_closed=flag(answer, "clos"),
            balance=balance,
        )


@dataclass(frozen=True)
class Product:
    """A product or service of the catalogue."""

    id: int
    ref: str
    label: str
    type: ProductType
    price_ht: Decimal
    price_ttc: Decimal
    vat_rate: Decimal
    is_sold: bool
    is_bought: bool

    @classmethod
    def read(cls, answer: Answer) -> Product:
        return cls(
            id=identity(answer),
            ref=text(answer, "ref"),
            label=text(answer, "label"),
            type=one_of(ProductType, answer, "type"),
            price_ht=number(answer, "price"),
            price_ttc=number(answer, "price_ttc"),
            vat_rate=number(answer, "tva_tx"),
            is_sold=flag(answer, "status"),
            is_bought=flag(answer, "status_buy"),
        )


@dataclass(frozen=True)
class Document:
    """A file that belongs to an invoice."""

    invoice_id: int
    path: str  # below the documents directory
    size: int  # in bytes
    modified: datetime | None
    md5: str  # as recorded when Dolibarr made it; empty for files that were uploaded

    @classmethod
    def read(cls, invoice_id: int, answer: Answer) -> Document:
        folder = text(answer, "filepath") or text(answer, "level1name")
        return cls(
            invoice_id=invoice_id,
            path=f"{folder}/{text(answer, 'relativename') or text(answer, 'filename')}",
            size=integer(answer, "size") or 0,
            modified=instant(answer, "date"),
            md5=text(answer, "label"),
        )


def one_of(codes: type[Code], answer: Answer, key: str) -> Code:
    """A code of a list that Dolibarr defines; zero when it was never set."""
    value = integer(answer, key) or 0
    try:
        return codes(value)
    except ValueError as error:
        raise unreadable(answer, key, f"a known {codes.__name__}") from error


def contacts(answer: Answer) -> tuple[int, ...]:
    """The contacts of an invoice: PHP sends none as a list, and some as a list or an object."""
    found = answer.get("contacts_ids") or ()
    ids = found.values() if isinstance(found, Mapping) else found
    return tuple(sorted({identity(one if isinstance(one, Mapping) else {"id": one}) for one in ids}))


def close_code(answer: Answer) -> CloseCode:
    """Why an invoice was closed."""
    try:
        return CloseCode(text(answer, "close_code"))
    except ValueError as error:
        raise unreadable(answer, "close_code", "a known reason") from error
