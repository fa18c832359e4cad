# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a Dolibarr section by section into typed objects, each section once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar, cast

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import TOLERANCE, ZERO, money, total
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.answers import (
    ChangedWhileRead,
    DolibarrError,
    Forbidden,
    NotFound,
    ServerError,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.client import Client
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.instance import Company, Status, User
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    BankAccount,
    Document,
    Invoice,
    Payment,
    Product,
    Template,
    ThirdParty,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.rights import require_rights
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.values import Answer, identity, number, text

T = TypeVar("T")

# Templates have no list: ids are tried to this far beyond the highest one that is known.
BEYOND = 50
# What Dolibarr says when a bank account was encrypted under another dolibarr_main_instance_unique_id.
GARBLED = "Malformed UTF-8"


class Reader:
    """All of one Dolibarr that the facts are made of, sorted by id; a section is read when it is first asked for.

    Each section first makes sure that the user of the key sees all of it (``MissingRight``), so that an empty one is
    really empty. ``ChangedWhileRead`` means that somebody worked meanwhile: a new reader may find it at rest.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kept: dict[str, Any] = {}

    def require(self, subsets: Iterable[str]) -> None:
        """Make sure that the user of the key may read all of these subsets or sections."""
        require_rights(self.user(), subsets)

    def status(self) -> Status:
        return self._once("status", lambda: Status.read(self._client.get("/status")))

    def user(self) -> User:
        """The user of the key; an unknown one when it may not read itself."""
        return self._once("user", self._user)

    def _user(self) -> User:
        try:
            return User.read(self._client.get("/users/info", includepermissions=1))
        except Forbidden:
            return User.unknown()

    def company(self) -> Company | None:
        """The company; None when the user of the key is no administrator and not named in the settings for it."""
        return self._once("company", self._company)

    def _company(self) -> Company | None:
        try:
            return Company.read(self._client.get("/setup/company"))
        except Forbidden:
            return None

    def third_parties(self, with_ibans: bool = False) -> tuple[ThirdParty, ...]:
        """Customers, suppliers and prospects, also closed ones; ``with_ibans`` costs one request for each."""
        if not with_ibans:
            return self._list("third_parties", "/thirdparties", ThirdParty.read)
        return self._once("ibans", self._third_parties_with_ibans)

    def _third_parties_with_ibans(self) -> tuple[ThirdParty, ...]:
        parties = self.third_parties()
        self._client.progress.phase("bank details")
        found = self._client.map(self._ibans, parties)
        return tuple(replace(party, ibans=ibans) for party, ibans in zip(parties, found, strict=True))

    def _ibans(self, party: ThirdParty) -> tuple[str, ...]:
        try:
            accounts = self._client.get(f"/thirdparties/{party.id}/bankaccounts")
        except NotFound:  # it has none
            return ()
        except ServerError as error:
            if GARBLED not in str(error):
                raise
            raise ServerError(
                f"Dolibarr cannot decrypt the bank details of {party.name}: put back the dolibarr_main_instance_unique_id "
                "of the conf.php under which they were entered.",
                **error.facts,
            ) from error
        return tuple(sorted({text(account, "iban") for account in accounts} - {""}))

    def invoices(self) -> tuple[Invoice, ...]:
        """Invoices to customers, drafts among them."""
        return self._list("invoices", "/invoices", Invoice.of_customer)

    def supplier_invoices(self) -> tuple[Invoice, ...]:
        """Invoices from suppliers, drafts among them."""
        return self._list("supplier_invoices", "/supplierinvoices", Invoice.of_supplier)

    def payments(self) -> dict[int, tuple[Payment, ...]]:
        """What settled each customer's invoice, by its id; one request for each that anything settled."""
        return self._once("payments", lambda: self._settlements("/invoices", self.invoices()))

    def supplier_payments(self) -> dict[int, tuple[Payment, ...]]:
        """What settled each supplier's invoice, by its id; one request for each that is no draft, as none says whether."""
        return self._once("supplier_payments", lambda: self._settlements("/supplierinvoices", self.supplier_invoices()))

    def _settlements(self, path: str, invoices: tuple[Invoice, ...]) -> dict[int, tuple[Payment, ...]]:
        settled = [invoice for invoice in invoices if invoice.has_settlement]
        self._client.progress.phase(f"payments of {path[1:]}")
        rows = self._client.map(lambda invoice: self._payments_of(path, invoice), settled)
        return {invoice.id: found for invoice, found in zip(settled, rows, strict=True)}

    def _payments_of(self, path: str, invoice: Invoice) -> tuple[Payment, ...]:
        """The payments of one invoice, which must be what its own total of them says."""
        rows = self._payment_rows(path, invoice.id)
        if invoice.paid is None or same(received(rows), invoice.paid):
            return rows
        again = Invoice.of_customer(self._client.get(f"{path}/{invoice.id}"))
        rows = self._payment_rows(path, invoice.id)
        if same(received(rows), invoice.paid):
            return rows
        if same(received(rows), again.paid or ZERO):
            raise ChangedWhileRead(f"Payments of {invoice.ref} changed while they were read: run this again.")
        raise DolibarrError(
            f"Dolibarr says that {money(again.paid or ZERO)} was received for {invoice.ref} and shows payments of "
            f"{money(received(rows))}: look at its payments in Dolibarr.",
            invoice=invoice.ref,
        )

    def _payment_rows(self, path: str, invoice_id: int) -> tuple[Payment, ...]:
        rows = [Payment.read(invoice_id, row) for row in self._client.get(f"{path}/{invoice_id}/payments")]
        return tuple(sorted(rows, key=lambda row: (row.paid_on, row.ref)))

    def templates(self) -> tuple[Template, ...]:
        """Recurring invoices.

        There is no list of them: those that invoices were made from are known, others are found by trying every id to
        ``BEYOND`` after the highest that exists.
        """
        return self._once("templates", self._templates)

    def _templates(self) -> tuple[Template, ...]:
        known = {invoice.template_id for invoice in self.invoices() if invoice.template_id is not None}
        self._client.progress.phase("templates")
        found: dict[int, Template] = {}
        tried, end = 0, max(known, default=0) + BEYOND
        while tried < end:
            new = self._client.map(self._template, range(tried + 1, end + 1))
            found |= {template.id: template for template in new if template is not None}
            tried, end = end, max(found, default=0) + BEYOND
        return tuple(found[key] for key in sorted(found))

    def _template(self, template_id: int) -> Template | None:
        try:
            return Template.read(self._client.get(f"/invoices/templates/{template_id}"))
        except NotFound:  # later versions may say so, 22 answers an object full of nulls
            return None

    def bank_accounts(self) -> tuple[BankAccount, ...]:
        """Bank and cash accounts with their balances; two requests beside one for each."""
        return self._once("bank_accounts", self._bank_accounts)

    def _bank_accounts(self) -> tuple[BankAccount, ...]:
        self.require({"bank_accounts"})
        answers = [answer for page in self._client.pages("/bankaccounts") for answer in page]
        balances = self._client.map(self._balance, [identity(answer) for answer in answers])
        return tuple(BankAccount.read(answer, balance) for answer, balance in zip(answers, balances, strict=True))

    def _balance(self, account_id: int) -> Decimal:
        return number({"balance": self._client.get(f"/bankaccounts/{account_id}/balance")}, "balance")

    def products(self) -> tuple[Product, ...]:
        """Products and services of the catalogue."""
        return self._list("products", "/products", Product.read)

    def documents(self) -> tuple[Document, ...]:
        """The files of customers' invoices, by invoice and path; one request for each invoice."""
        return self._once("documents", lambda: self.documents_of(self.invoices()))

    def documents_of(self, invoices: Sequence[Invoice]) -> tuple[Document, ...]:
        """The files of some customers' invoices, in the same order."""
        self._client.progress.phase("documents")
        found = self._client.map(self._files, [invoice.id for invoice in invoices])
        return tuple(document for documents in found for document in documents)

    def _files(self, invoice_id: int) -> list[Document]:
        try:
            answers = self._client.get("/documents", modulepart="invoice", id=invoice_id)
        except NotFound:  # it has none
            return []
        return sorted((Document.read(invoice_id, answer) for answer in answers), key=lambda document: document.path)

    def raw(self, path: str) -> Any:
        """The answer to one GET of any path, as it came."""
        return self._client.get(path)

    def _list(self, section: str, path: str, read: Callable[[Answer], T]) -> tuple[T, ...]:
        def read_all() -> tuple[T, ...]:
            self.require({section})
            self._client.progress.phase(section.replace("_", " "))
            return tuple(read(answer) for page in self._client.pages(path) for answer in page)

        return self._once(section, read_all)

    def _once(self, name: str, read: Callable[[], T]) -> T:
        if name not in self._kept:
            self._kept[name] = read()
        return cast(T, self._kept[name])


def received(rows: Iterable[Payment]) -> Decimal:
    """The money in these payments, without what was set off."""
    return total(row.amount for row in rows if row.is_money)


def same(one: Decimal, other: Decimal) -> bool:
    """Whether two amounts are the same to the cent."""
    return abs(one - other) < TOLERANCE


def at_rest(read: Callable[[], T]) -> T:
    """What ``read`` gives, from the beginning once more when somebody worked in Dolibarr meanwhile."""
    try:
        return read()
    except ChangedWhileRead:
        return read()
