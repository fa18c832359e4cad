# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rate of late-payment penalties, as papers write it, against the floor of the half-year of the invoice.

The floor is three times the legal interest: 7.86 % in the first half of 2026, 8.25 % in the second, 15.21 % in the first
half of 2024 (C. com. L441-10 II; the rates are those published for businesses).
"""

from __future__ import annotations

from datetime import date

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.invoices.engine import result_of
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Status
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rules import RULES_BY_ID
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.tables import PENALTY_RATES, penalty_rate
from tests.support.subjects import subject

RULE = RULES_BY_ID["late-penalty-rate"]
H1, H2 = date(2026, 6, 30), date(2026, 7, 1)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Pénalités de retard : trois fois le taux d'intérêt légal, exigibles sans rappel", H1),
        ("Pénalités de retard : 3 fois le taux de l\u2019intérêt légal", H1),
        ("Pénalités de retard : 3 (trois) fois le taux d'intérêt légal", H1),
        ("Pénalités de retard au taux de la BCE majoré de 10 points de pourcentage", H1),
        ("Pénalités de retard : taux de la BCE +\n10 points", H2),
        ("Pénalités de retard : taux directeur de la BCE majoré de dix\npoints", H2),
        ("Intérêts de retard : 12,15 %", H1),
        ("Intérêts de retard : 12,40?%", H2),
        ("Pénalités de retard : 7,86 % l'an", H1),
        ("Pénalités de retard : 1,5 % par mois", H2),
        ("Pénalités de 12,40 % en cas de retard de paiement", H2),
        (
            "En cas de retard de paiement, seront exigibles une indemnité calculée sur la base de trois fois le taux de "
            "l'intérêt légal et une indemnité forfaitaire de 40 euros",
            H2,
        ),
        ("Late payment penalties: three times the legal interest rate", H2),
        ("Pénalités de retard : 12,40 % 40,00 € de frais", H2),
        ("Pénalités de retard : 3 fois l'intérêt légal", H2),
        ("Pénalités de retard : 0,05 % par jour", H2),
        ("En cas de retard, application de pénalités d'un montant égal à 3 fois le taux de l'intérêt légal", H2),
        ("En cas de retard de paiement, application d'un taux égal à trois fois le taux d'intérêt légal", H2),
        ("Paiement tardif : intérêts au taux de la BCE majoré de 10 points", H2),
    ],
)
def test_a_rate_of_at_least_the_floor_passes(text: str, day: date) -> None:
    assert result_of(subject(text, issued=day), RULE).status is Status.PASS


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Pénalités de retard au taux d\u2019intérêt légal", H1),
        ("Pénalités de retard : deux fois le taux d'intérêt légal", H1),
        ("Pénalités de retard : 7,85 %", H1),
        ("Pénalités de retard : 0,02 % par jour", H1),
        ("En cas de retard de paiement, application du taux d'intérêt légal", H1),
        ("Pénalités de retard : 8 %", H2),
        ("Pénalités de retard : 12 %", date(2024, 3, 1)),
        ("Aucune pénalité de retard", H1),
        ("Pénalités de retard : néant", H1),
        ("Pénalités de retard exigibles sans rappel. Total TVA 20%", H1),
        ("Pénalités de retard exigibles sans rappel. DEV-JOUR - journée\n20% 600,00 8 4 800,00", H1),
        ("Pénalités de retard : voir nos conditions. Escompte : 20 %", H1),
        ("Pénalités de retard exigibles." + " Mot" * 70 + " Taux 20 %", H1),
        ("Total TVA 20%. Pénalités de retard exigibles", H1),
        ("Total TVA 20%", H1),
    ],
)
def test_what_is_no_rate_or_too_low_a_one_fails(text: str, day: date) -> None:
    assert result_of(subject(text, issued=day), RULE).status is Status.FAIL


def test_a_percentage_is_not_judged_by_rates_that_are_not_known() -> None:
    assert result_of(subject("Pénalités de retard : 12 %", issued=date(2027, 1, 1)), RULE).status is Status.UNDETERMINED


def test_the_half_years_follow_each_other() -> None:
    for earlier, later in zip(PENALTY_RATES, PENALTY_RATES[1:], strict=False):
        assert (later.since - earlier.until).days == 1


# Default and floor as published for each half-year.
@pytest.mark.parametrize(
    ("day", "default", "floor"),
    [
        (date(2024, 1, 1), "14.50", "15.21"),
        (date(2024, 12, 31), "14.25", "14.76"),
        (date(2025, 6, 30), "13.15", "11.13"),
        (date(2025, 7, 1), "12.15", "8.28"),
        (H1, "12.15", "7.86"),
        (H2, "12.40", "8.25"),
    ],
)
def test_the_rates_are_those_of_the_half_year(day: date, default: str, floor: str) -> None:
    rate = penalty_rate(day)
    assert rate is not None
    assert (str(rate.default), str(rate.floor)) == (default, floor)


@pytest.mark.parametrize("day", [date(2023, 12, 31), date(2027, 1, 1)])
def test_a_rate_that_is_not_known_is_not_guessed(day: date) -> None:
    assert penalty_rate(day) is None
