# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The form CA3 as data: numbers, labels and boxes, and what is refused of a person's own."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.ca3_lines import (
    DEDUCTIONS,
    FEEDS,
    GROSS,
    LINES,
    lines_on,
    rate_text,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from tests.support.vat import GOODS, bill, checks, line, on, report


def test_the_form_has_each_line_once_and_boxes_are_its_own() -> None:
    numbers = [line.number for line in LINES]
    boxes = [line.box for line in LINES if line.box]
    assert len(numbers) == len(set(numbers))
    assert len(boxes) == len(set(boxes))
    assert all(len(box) == 4 and box.isdigit() for box in boxes)
    assert {*FEEDS.values(), *GROSS, *DEDUCTIONS} <= set(numbers)


@pytest.mark.parametrize(
    ("number", "box", "label"),
    [
        ("A1", "0979", "Ventes, prestations de services"),
        ("A4", "0056", "Importations (autres que produits pétroliers)"),
        ("B2", "0031", "Acquisitions intracommunautaires"),
        ("E1", "0032", "Exportations hors UE"),
        ("E2", "0033", "Autres opérations non imposables"),
        ("F2", "0034", "Livraisons intracommunautaires (B to B)"),
        ("08", "0207", "Taux normal 20 %"),
        ("09", "0105", "Taux réduit 5,5 %"),
        ("9B", "0151", "Taux réduit 10 %"),
        ("17", "0035", "dont TVA sur acquisitions intracommunautaires"),
        ("19", "0703", "Biens constituant des immobilisations"),
        ("20", "0702", "Autres biens et services"),
        ("24", "0710", "dont TVA déductible sur importations"),
        ("27", "8003", "Crédit à reporter (25 - 26 - AA)"),
        ("32", "9992", "Total à payer (28 + 29 + Z5 - AB)"),
    ],
)
def test_number_label_and_box(number: str, box: str, label: str) -> None:
    found = lines_on(date(2026, 10, 1))[number]
    assert (found.box, found.label) == (box, label)


def test_the_old_form_is_not_known_and_said() -> None:
    assert lines_on(date(2021, 12, 31)) == {}
    made = report([bill(1, line("100", "20", GOODS), issued=on("2021-12-31"))])
    assert made.returns == ()
    assert checks(made) == ["vat-form-unknown:2021-12"]
    assert made.to_facts()["due"]["collected_tax"] == "20.00"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ca3_lines": {"rate_21": "08"}}, "rate_21, which feeds no line"),
        ({"ca3_lines": {"rate_20": "8"}}, "line 8, which the form CA3 does not have"),
        ({"margin": frozenset({"FA9"})}, "margin names FA9, which is no invoice"),
        ({"fixed_assets": frozenset({"FA1", "FA1:3"})}, "fixed_assets names FA1:3"),
        ({"self_assessed_rates": {"SI1": Decimal(10)}}, "self_assessed_rates names SI1"),
    ],
)
def test_what_does_not_exist_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ErpError, match=message):
        report([bill(1, line("100"))], **options)


@pytest.mark.parametrize(("rate", "text"), [("20.0000", "20"), ("5.5000", "5.5"), ("0", "0"), ("2.10", "2.1")])
def test_rates_without_needless_zeros(rate: str, text: str) -> None:
    assert rate_text(Decimal(rate)) == text
