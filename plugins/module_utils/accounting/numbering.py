# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit of the numbering of customer invoices: unique, without a gap, in the order of the dates.

Source: CGI annex II art. 242 nonies A, I-7; BOI-TVA-DECLA-30-20-20-10, 70 to 110. An abandoned invoice keeps its number,
credit notes and deposits may have series of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Finding, Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.masks import Mask, parse_mask
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.numbering_series import (
    Numbered,
    NumberedSeries,
    assumed_masks,
    series_findings,
    series_of,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.series import Masks, masks_of
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import Invoice, InvoiceType
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

# A proforma is no invoice and no supplier's document has our number.
NUMBERED = frozenset(InvoiceType) - {InvoiceType.PROFORMA}


@dataclass(frozen=True)
class NumberingOptions:
    """What the API does not tell a reader.

    ``masks`` are those of the model Mercure by kind, the present one first and former ones after it; without any, the
    model is taken for Terre or Mars. ``series_start`` is the first number by series (``FA``, or the text of its mask),
    where the history before it is in another program. ``previous_refs`` are the references by id in an earlier
    snapshot: only they show a number that was given again.
    """

    masks: Masks = field(default_factory=dict)
    series_start: Mapping[str, int] = field(default_factory=dict)
    previous_refs: Mapping[int, str] = field(default_factory=dict)


def numbering_options(
    masks: Mapping[InvoiceType, Iterable[str]],
    fiscal_month: int = 1,
    series_start: Mapping[str, int] | None = None,
    previous_refs: Mapping[int, str] | None = None,
) -> NumberingOptions:
    """The options, from the texts of the masks; raises :class:`ErpError` naming a mask that cannot be read."""
    read: dict[int, list[Mask]] = defaultdict(list)
    for kind, texts in masks.items():
        for text in texts:
            mask = parse_mask(text, fiscal_month)
            if mask is None:
                raise ErpError(
                    f"The numbering mask {text} for {kind.name.lower().replace('_', ' ')} invoices cannot be read:"
                    " copy it from Dolibarr's setup of the module Invoices, with its counter such as {0000}."
                )
            read[kind].append(mask)
    return NumberingOptions(read, series_start or {}, previous_refs or {})


@dataclass(frozen=True)
class NumberingAudit:
    """Every series and everything found; ``to_facts`` gives the figures."""

    series: tuple[NumberedSeries, ...]
    drafts: int
    unplaced: tuple[str, ...]  # references without a number
    findings: tuple[Finding, ...]

    def to_facts(self) -> dict[str, Any]:
        return {
            "series": [one.to_facts() for one in self.series],
            "numbered": sum(len(one.invoices) for one in self.series),
            "drafts": self.drafts,
            "unplaced": list(self.unplaced),
            "findings": [finding.to_facts() for finding in self.findings],
        }


def audit_numbering(
    invoices: Iterable[Invoice], today: date, options: NumberingOptions | None = None
) -> NumberingAudit:
    """Look at all customer invoices of all time: a part of them would show gaps that are none.

    Findings, by check: ``number-gap``, ``number-duplicate``, ``number-repeated``, ``number-order``, ``number-future``,
    ``number-start``, ``number-off-mask``, ``number-per-customer``, ``number-capacity``, ``number-reused``,
    ``number-lost``, ``number-series-assumed``.
    """
    options = options or NumberingOptions()
    known = [invoice for invoice in invoices if invoice.type in NUMBERED]
    issued = [Numbered(one.id, one.ref, one.type, one.issued, one.validated) for one in known if not one.is_draft]
    masks = assumed_masks(issued) if not options.masks else options.masks
    series, unplaced = series_of(issued, masks, is_assumed=not options.masks)
    findings = [
        *_off_mask(issued, series, options.masks),
        *(_unplaced(ref) for ref in unplaced),
        *_duplicates(issued),
        *(finding for one in series for finding in series_findings(one, series, today, options.series_start)),
        *_repeated_across_masks(series),
        *_per_customer(options.masks),
        *_reused(issued, options.previous_refs),
    ]
    return NumberingAudit(
        series,
        len(known) - len(issued),
        unplaced,
        tuple(sorted(findings, key=lambda one: (list(Severity).index(one.severity), one.check, one.subject))),
    )


def _off_mask(issued: Iterable[Numbered], series: Iterable[NumberedSeries], masks: Masks) -> Iterator[Finding]:
    free = {place.invoice.id for one in series if one.mask is None for place in one.invoices}
    for invoice in issued:
        if invoice.id in free and (known := masks_of(invoice.kind, masks)):
            yield Finding(
                "number-off-mask",
                Severity.WARNING,
                invoice.ref,
                f"{invoice.ref} does not follow the mask {known[0].text}: name the former mask, or find out who wrote"
                " the number.",
                f"{invoice.ref} ne suit pas le masque {known[0].text} : indiquer l'ancien masque, ou "
                "chercher qui a écrit ce numéro.",
            )


def _unplaced(ref: str) -> Finding:
    return Finding(
        "number-off-mask",
        Severity.WARNING,
        ref,
        f"{ref} has no number: find out why its reference was written.",
        f"{ref} n'a pas de numéro : chercher pourquoi cette référence a été écrite.",
    )


def _duplicates(issued: Iterable[Numbered]) -> Iterator[Finding]:
    by_ref: dict[str, list[int]] = defaultdict(list)
    for invoice in issued:
        by_ref[invoice.ref].append(invoice.id)
    for ref, ids in sorted(by_ref.items()):
        if len(ids) > 1:
            yield Finding(
                "number-duplicate",
                Severity.ERROR,
                ref,
                f"{ref} is the number of {len(ids)} invoices (ids {', '.join(map(str, sorted(ids)))}): credit all but"
                " one of them.",
                f"{ref} est le numéro de {len(ids)} factures (ids {', '.join(map(str, sorted(ids)))}) "
                ": les annuler par avoir sauf une.",
            )


def _repeated_across_masks(series: Iterable[NumberedSeries]) -> Iterator[Finding]:
    seen: dict[tuple[object, ...], list[tuple[str, str]]] = defaultdict(list)
    for one in series:
        if one.mask is not None and not one.is_assumed and not one.mask.is_per_customer:
            for place in one.invoices:
                seen[(one.is_credit, *one.family, *one.period, place.number)].append((one.mask.text, place.invoice.ref))
    for key, places in sorted(seen.items(), key=lambda item: str(item[0])):
        if len({mask for mask, _ref in places}) > 1 and len({ref for _mask, ref in places}) > 1:
            refs = sorted(ref for _mask, ref in places)
            yield Finding(
                "number-repeated",
                Severity.WARNING,
                refs[0],
                f"The number {key[-1]} was counted under two masks: {', '.join(refs)}; keep a note of when the mask was"
                " changed.",
                f"Le numéro {key[-1]} a été compté sous deux masques : {', '.join(refs)} ; garder "
                "trace de la date du changement de masque.",
            )


def _per_customer(masks: Masks) -> Iterator[Finding]:
    for text in sorted({mask.text for known in masks.values() for mask in known if mask.is_per_customer}):
        yield Finding(
            "number-per-customer",
            Severity.WARNING,
            text,
            f"The mask {text} counts for each customer apart, which needs a reason in the business: give it a counter"
            " of all invoices such as {0000}.",
            f"Le masque {text} compte pour chaque client à part, ce qui doit se justifier par l'activité : lui donner un"
            " compteur de toutes les factures tel que {0000}.",
        )


def _reused(issued: Iterable[Numbered], previous: Mapping[int, str]) -> Iterator[Finding]:
    present = {invoice.id: invoice.ref for invoice in issued}
    owners = {ref: identity for identity, ref in sorted(present.items())}
    for identity, ref in sorted(previous.items()):
        if ref.startswith("(") or present.get(identity) == ref:
            continue
        if ref in owners:
            yield Finding(
                "number-reused",
                Severity.ERROR,
                ref,
                f"{ref} was the number of the invoice with the id {identity} and is now that of id {owners[ref]}: an"
                " invoice was deleted and its number given again.",
                f"{ref} était le numéro de la facture d'id {identity} et est maintenant celui de l'id "
                f"{owners[ref]} : une facture a été supprimée et son numéro réattribué.",
            )
        else:
            yield Finding(
                "number-lost",
                Severity.ERROR,
                ref,
                f"{ref} (id {identity}) was issued before and is gone: look for it in a backup and restore it.",
                f"{ref} (id {identity}) : pièce émise qui a disparu, la chercher dans une sauvegarde et la restaurer.",
            )
