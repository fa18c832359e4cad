# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VAT report could not decide, found wrong, or took for granted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.ca3 import rate_feed
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.ca3_lines import rate_text
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Finding, Severity, money
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.settlements import CREDIT_NOTE
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_books import Book
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_due import overpayment
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_lines import (
    Document,
    Side,
    TreatedLine,
    agrees,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime, VatOptions
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import SELF_ASSESSED, Treatment
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import (
    Words,
    french_amount,
    french_money,
    french_month,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind, Zone
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import (
    CloseCode,
    Invoice,
    InvoiceType,
    ThirdParty,
)

# Since then a deposit on goods makes VAT due when it is received (CGI 269, 2-a).
DEPOSITS_ON_GOODS = date(2023, 1, 1)
AT_HOME = (Zone.FR, Zone.DROM, Zone.UNKNOWN)
UNDECIDED = {
    Treatment.MARGIN: Words(
        "imposée sur la marge, que Dolibarr ne donne pas : calculer la base et la taxe à la main.",
        "taxed on the margin, which Dolibarr does not give: reckon base and tax by hand.",
    ),
    Treatment.NPR: Words(
        "TVA non perçue récupérable (NPR) : elle n'est jamais collectée ; décider à la main où va la base.",
        "VAT noted and not charged (NPR): it is never collected; decide by hand where the base goes.",
    ),
}


@dataclass(frozen=True)
class Unclassified:
    """A line that the report put on no line of the return although it may belong there."""

    document: Document
    line: TreatedLine
    reason: Words

    def to_facts(self) -> dict[str, Any]:
        return {
            "side": str(self.document.side),
            "invoice": self.document.invoice.ref,
            "line": self.line.place,
            "rate": rate_text(self.line.line.vat_rate),
            "total_ht": money(self.line.line.total_ht),
            "total_tva": money(self.line.line.total_tva),
            "reason": self.reason.en,
            "reason_fr": self.reason.fr,
        }


def unclassified(documents: Iterable[Document]) -> Iterator[Unclassified]:
    """What is left to a person, in the order of the documents."""
    for document in documents:
        for line in document.lines:
            reason = _undecided(document.side, line)
            if reason:
                yield Unclassified(document, line, reason)


def _undecided(side: Side, line: TreatedLine) -> Words | None:
    treatment, rate = line.key.treatment, line.key.rate
    if treatment is Treatment.UNKNOWN:
        return Words(line.verdict.reason_fr, line.verdict.reason)
    if treatment is Treatment.SET_OFF and line.line.description.startswith(CREDIT_NOTE):
        return Words(
            "un avoir utilisé comme ligne, que l'API ne nomme pas : porter sa TVA à la ligne 21 à la main.",
            "a credit note used as a line, which the API does not name: put its VAT on line 21 by hand.",
        )
    is_collected = treatment in SELF_ASSESSED or (side is Side.SALE and treatment is Treatment.STD)
    if is_collected and not rate_feed(treatment, rate):
        return Words(
            f"la déclaration n'a pas de ligne pour un taux de {french_amount(rate_text(rate))} % : la TVA d'un autre État se déclare"
            " ailleurs.",
            f"the return has no line for a rate of {rate_text(rate)} %: VAT of another State is declared elsewhere.",
        )
    return UNDECIDED.get(treatment)


def findings(
    book: Book, documents: Iterable[Document], third_parties: Mapping[int, ThirdParty], options: VatOptions
) -> Iterator[Finding]:
    """What is wrong with these documents of one side, or doubtful."""
    unproven = set()
    for document in documents:
        yield from _of_amounts(book, document, options)
        yield from _of_lines(document)
        yield from _of_deposits(book, document)
        invoice, party = document.invoice, document.party
        treatments = {line.key.treatment for line in document.lines}
        if Treatment.OUT_SERVICE in treatments and party.kind is Kind.UNKNOWN:
            unproven.add(invoice.third_party_id)
        if Treatment.AE_SERVICE in treatments and not invoice.reverse_charge:
            yield _finding(
                "vat-reverse-charge-unmarked",
                Severity.INFO,
                invoice,
                "buys services abroad without VAT and is not marked as reverse charge: VAT was reckoned all the same.",
                "achète des services à l'étranger sans TVA et n'est pas marquée en autoliquidation : "
                "la TVA a été calculée quand même.",
            )
    for number in sorted(unproven):
        name = third_parties[number].name
        yield Finding(
            "vat-business-unproven",
            Severity.WARNING,
            name,
            f"{name} is outside the EU and was charged no VAT on services, and nothing shows that it is a business: "
            "enter its national identifier.",
            f"{name} est hors de l'UE et n'a pas payé de TVA sur des services, et rien n'établit "
            "sa qualité d'assujetti : saisir son identifiant national.",
        )


def _of_amounts(book: Book, document: Document, options: VatOptions) -> Iterator[Finding]:
    invoice = document.invoice
    if not any(line.verdict.reason for line in document.lines) and not agrees(
        invoice, [line.line for line in document.lines if line.place]
    ):
        yield _finding(
            "vat-lines-differ",
            Severity.ERROR,
            invoice,
            "has lines that do not add up to its totals: the lines were used; repair the invoice.",
            "a des lignes dont la somme diffère de ses totaux : les lignes ont été retenues ; réparer la facture.",
        )
    surplus = overpayment(document, book.ledger)
    if surplus:
        yield _finding(
            "vat-overpaid",
            Severity.INFO,
            invoice,
            f"was paid {money(surplus)} too much, on which no VAT was reckoned.",
            f"comporte {french_money(surplus)} réglés en trop, sur lesquels aucune TVA n'a été calculée.",
        )
    if document.side is Side.SALE and options.regime is Regime.FRANCHISE and invoice.total_tva:
        yield _finding(
            "vat-franchise-charged",
            Severity.ERROR,
            invoice,
            f"charges {money(invoice.total_tva)} of VAT under the small-business exemption: it is due because it was "
            "invoiced (CGI 283, 3); correct the invoice.",
            f"facture {french_money(invoice.total_tva)} de TVA en franchise en base : elle est "
            "due parce qu'elle est facturée (CGI 283, 3) ; corriger la facture.",
        )


def _of_lines(document: Document) -> Iterator[Finding]:
    invoice, party = document.invoice, document.party
    for line in document.lines:
        if line.key.treatment is Treatment.UNKNOWN:
            severity = Severity.ERROR if document.side is Side.SALE else Severity.WARNING
            yield _finding(
                "vat-unclassified",
                severity,
                invoice,
                f"line {line.place}: {line.verdict.reason}",
                f"ligne {line.place} : {line.verdict.reason_fr}",
            )
    if (
        document.side is Side.SALE
        and party.zone not in AT_HOME
        and party.kind is not Kind.CONSUMER
        and any(line.key.treatment is Treatment.STD and line.key.is_service for line in document.lines)
    ):
        yield _finding(
            "vat-charged-abroad",
            Severity.WARNING,
            invoice,
            f"charges French VAT on a service to a customer abroad ({party.zone}): right for a consumer or under CGI "
            "259 A; otherwise it is due because it was invoiced (CGI 283, 3), in the month of the invoice, until it is "
            "credited.",
            "facture la TVA française sur un service à un client à l'étranger "
            f"({document.party.zone}) : c'est juste pour un consommateur ou selon l'art. 259 A du "
            "CGI ; sinon elle est due parce qu'elle est facturée (CGI 283, 3), au titre du mois "
            "de la facture, jusqu'à l'avoir.",
        )


def _of_deposits(book: Book, document: Document) -> Iterator[Finding]:
    invoice = document.invoice
    rows = book.ledger.payments.get(invoice.id, ())
    if invoice.type is InvoiceType.DEPOSIT and any(not line.key.is_service for line in document.lines):
        early = [row for row in rows if row.is_money and row.paid_on < DEPOSITS_ON_GOODS]
        if early:
            yield _finding(
                "vat-deposit-before-2023",
                Severity.WARNING,
                invoice,
                "is a deposit on goods received before 2023, when its VAT was due on delivery: here it is due on receipt.",
                "est un acompte sur des biens encaissé avant 2023, quand sa TVA était due à la "
                "livraison : elle est ici due à l'encaissement.",
            )
    for row in rows:
        if not row.is_money and row.ref not in book.ledger.by_ref:
            yield _finding(
                "vat-set-off-unknown",
                Severity.WARNING,
                invoice,
                f"was settled with {money(row.amount)} of {row.ref}, which is no invoice that counts: taken for money.",
                f"compte un règlement de {french_money(row.amount)} par {row.ref}, qui n'est pas une "
                "facture prise en compte : traité comme de l'argent reçu.",
            )


def abandoned_findings(book: Book, options: VatOptions) -> Iterator[Finding]:
    """Abandoned invoices do not count; their VAT may have been declared before."""
    for invoice in sorted(book.abandoned, key=lambda one: one.ref):
        paid = any(row.is_money for row in book.ledger.payments.get(invoice.id, ()))
        at_once = options.on_debits or any(not line.is_service and line.total_tva for line in invoice.lines)
        if book.side is Side.SALE and invoice.total_tva and (paid or at_once):
            is_replaced = invoice.close_code is CloseCode.REPLACED
            how = Words("remplacée", "replaced") if is_replaced else Words("abandonnée", "abandoned")
            yield _finding(
                "vat-abandoned",
                Severity.WARNING,
                invoice,
                f"was {how.en} with {money(invoice.total_tva)} of VAT that may have been declared: it is left out here; "
                "without a credit note it stays due (CGI 283, 3).",
                f"a été {how.fr} avec {french_money(invoice.total_tva)} de TVA peut-être déjà "
                "déclarée : elle n'est pas comptée ici ; sans avoir, elle reste due (CGI 283, 3).",
            )


def assumptions(options: VatOptions, books: Iterable[Book], first_month: str) -> list[Words]:
    """What the report takes for granted, as sentences for the person who checks it."""
    documents = [one for book in books for one in book.documents]
    treatments = {line.key.treatment for one in documents for line in one.lines}
    goods = any(not line.key.is_service for one in documents for line in one.lines)
    lines = [
        Words(
            "Préparation, pas une déclaration ; régime réel normal mensuel ; taux de la France continentale sauf indication de ca3_lines.",
            "Preparation, not a declaration; monthly normal regime; rates of mainland France unless ca3_lines says otherwise.",
        ),
        Words(
            "Services : la TVA est exigible à la facturation (option pour les débits), celle des acomptes à l'encaissement.",
            "Services: VAT is due when invoiced (option for debits), deposits when paid.",
        )
        if options.on_debits
        else Words(
            "Services et acomptes : la TVA est exigible à l'encaissement, chaque règlement au prorata du total de la facture.",
            "Services and deposits: VAT is due when paid, each payment in proportion to the invoice's total.",
        ),
        Words(
            "Le règlement d'une facture mêlant biens et services compte pour les services au prorata de toute la facture.",
            "A payment of an invoice with both goods and services counts for the services in proportion to the whole invoice.",
        ),
        Words(
            "Achats : la TVA sur les biens est déduite à la facturation, sur les services au paiement, sauf suppliers_on_debits.",
            "Purchases: VAT on goods is deducted when invoiced, on services when paid, save for suppliers_on_debits.",
        ),
        Words(
            "Toute la TVA sur les achats est déduite en entier, sauf not_deductible : véhicules, hébergement et cadeaux ne se distinguent pas.",
            "All VAT on purchases is deducted in full, save for not_deductible: cars, lodging and gifts cannot be told apart.",
        ),
        Words(
            "Les immobilisations (ligne 19) sont celles de fixed_assets et aucune autre.",
            "Fixed assets (line 19) are those of fixed_assets alone.",
        ),
        Words(
            "Les opérations sans TVA sont déclarées quand la même opération avec TVA le serait.",
            "Operations without VAT are declared when the same operation with VAT would be.",
        ),
        Words(
            "Les avoirs aux clients vont aux lignes B5 et 21 ; if_credit_notes_netted montre les lignes s'ils sont déduits des ventes.",
            "Customers' credit notes go to lines B5 and 21; if_credit_notes_netted shows the lines if they are netted instead.",
        ),
        Words(
            "Les créances irrécouvrables restent taxées ; un escompte réduit la base.",
            "Bad debts stay taxed; an early-payment discount lowers the base.",
        ),
        Words(
            "Les montants en devise comptent tels que Dolibarr les a convertis.",
            "Amounts in another currency count as Dolibarr converted them.",
        ),
    ]
    if goods:
        lines.append(
            Words(
                "Les biens sont réputés livrés à la date de la facture quand elle n'a pas de date d'exigibilité.",
                "Goods are taken for delivered on the invoice's date where the invoice has no date of tax point.",
            )
        )
    if treatments & {Treatment.AE_SERVICE, Treatment.IC_ACQUISITION, Treatment.AE_LOCAL, Treatment.AE_BTP}:
        lines.append(
            Words(
                "Autoliquidation : 20 % sauf self_assessed_rates ; les services sont réputés exécutés à la date de la facture.",
                "Reverse charge: 20 % save for self_assessed_rates; services are performed on the invoice's date.",
            )
        )
    if Treatment.AE_SERVICE in treatments:
        lines.append(
            Words(
                "Les services de fournisseurs hors UE vont à la ligne A3, comme ceux de l'UE (art. 283-2).",
                "Services from suppliers outside the EU go to line A3, as those from the EU do (art. 283-2).",
            )
        )
    if Treatment.IMPORT in treatments:
        lines.append(
            Words(
                "Importations : base et date sont celles de la facture ; c'est la déclaration en douane qui fait foi.",
                "Imports: base and date are the invoice's; the customs declaration is what counts.",
            )
        )
    if options.credit_brought_forward is None and first_month:
        lines.append(
            Words(
                f"Aucun crédit n'est reporté sur {french_month(first_month)} : indiquer credit_brought_forward s'il y en a un.",
                f"No credit is brought forward into {first_month}: give credit_brought_forward if there is one.",
            )
        )
    return lines


def _finding(check: str, severity: Severity, invoice: Invoice, what: str, what_fr: str) -> Finding:
    return Finding(check, severity, invoice.ref, f"{invoice.ref} {what}", f"{invoice.ref} {what_fr}")
