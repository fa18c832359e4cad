# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules look at, from the captured invoices; expectations from the list of cases of the sample."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import Treatment
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind, Zone
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import PdfText, Seller, Subject
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.subject import build_subjects
from tests.support.audited import SELLER, captured_without_pdf
from tests.support.ledger import CUSTOMER_INVOICES, CUSTOMER_PAYMENTS, THIRD_PARTIES, TODAY

SUBJECTS = captured_without_pdf()


def test_every_invoice_is_a_subject() -> None:
    assert len(SUBJECTS) == 47


def test_the_deposit_that_a_final_invoice_consumed() -> None:
    users = {ref: [one.ref for one in subject.deposits] for ref, subject in SUBJECTS.items() if subject.deposits}
    assert users == {"FA2504-0006": ["AC2502-0001"]}


def test_sources_of_credit_notes_and_replacements() -> None:
    sources = {ref: subject.source.ref for ref, subject in SUBJECTS.items() if subject.source}
    assert sources == {
        "AV2505-0001": "FA2504-0007",
        "AV2511-0002": "FA2511-0019",
        "AV2604-0003": "FA2603-0027",
        "FA2506-0012": "FA2506-0010",
    }


def test_credit_notes_on_an_invoice_and_on_the_one_that_is_credited() -> None:
    assert [one.ref for one in SUBJECTS["FA2504-0007"].credit_notes] == ["AV2505-0001"]
    assert [one.ref for one in SUBJECTS["AV2505-0001"].credit_notes] == ["AV2505-0001"]


@pytest.mark.parametrize(
    ("ref", "kind", "zone", "treatments"),
    [
        ("FA2501-0001", Kind.BUSINESS, Zone.FR, frozenset((Treatment.STD,))),
        ("FA2501-0002", Kind.UNKNOWN, Zone.US, frozenset((Treatment.OUT_SERVICE,))),
        ("FA2502-0004", Kind.BUSINESS, Zone.EU, frozenset((Treatment.AE_EU_SERVICE,))),
        ("FA2505-0008", Kind.UNKNOWN, Zone.EU, frozenset((Treatment.UNKNOWN,))),
        ("FA2512-0020", Kind.CONSUMER, Zone.FR, frozenset((Treatment.STD,))),
    ],
)
def test_what_a_customer_is_and_how_vat_treats_it(
    ref: str, kind: Kind, zone: Zone, treatments: frozenset[Treatment]
) -> None:
    subject = SUBJECTS[ref]
    assert (subject.kind, subject.zone, subject.used_treatments) == (kind, zone, treatments)


def test_a_line_for_nothing_has_no_treatment() -> None:
    assert [verdict is None for verdict in SUBJECTS["FA2604-0028"].treatments] == [False, False, True]


def build(seller: Seller | None = SELLER, **differing: object) -> tuple[Subject, ...]:
    given = {"today": TODAY, **differing}
    return build_subjects(CUSTOMER_INVOICES, THIRD_PARTIES.values(), CUSTOMER_PAYMENTS, seller, **given)  # type: ignore[arg-type]


def test_the_regime_of_the_seller_decides() -> None:
    subjects = {one.invoice.ref: one for one in build(replace(SELLER, regime=Regime.FRANCHISE))}
    assert subjects["FA2501-0002"].used_treatments == {Treatment.FRANCHISE}


def test_only_those_asked_for_with_their_pdf() -> None:
    text = PdfText(pages=("Facture",), md5="0a1b")
    (first, second) = build(only={4, 7}, pdfs={4: text}, recorded_md5={4: "0a1b"})
    assert [first.invoice.ref, second.invoice.ref] == ["AC2502-0001", "FA2504-0006"]
    assert (first.pdf, first.recorded_md5) == (text, "0a1b")
    assert (second.pdf, second.recorded_md5) == (None, "")
    assert [one.ref for one in second.deposits] == ["AC2502-0001"]


def test_numbering_that_was_not_looked_at_is_unknown() -> None:
    assert all(subject.numbering is None for subject in build())
    found = SUBJECTS["FA2607-0039"].numbering
    assert found is not None
    assert [one.check for one in found] == ["number-order"]
    assert SUBJECTS["FA2501-0001"].numbering == ()


def test_a_customer_that_is_not_known() -> None:
    (subject,) = build_subjects(CUSTOMER_INVOICES, (), CUSTOMER_PAYMENTS, SELLER, today=TODAY, only={1})
    assert (subject.customer, subject.kind, subject.zone) == (None, Kind.UNKNOWN, Zone.UNKNOWN)
