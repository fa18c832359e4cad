# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changes with the years, as tables: a new rate, date or article is a new row.

State of the law: as read on 2026-11-20.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.third_party_rules import (
    SIREN_REQUIRED_FROM,
    SellerSize,
)


@dataclass(frozen=True)
class Milestone:
    """A day on which the law changes for invoices."""

    day: date
    fr: str
    en: str
    source: str

    def to_facts(self) -> dict[str, Any]:
        return {"day": self.day.isoformat(), "fr": self.fr, "en": self.en, "source": self.source}


TIMETABLE = {
    "deposits-on-goods": Milestone(
        date(2023, 1, 1),
        "La TVA d'un acompte sur des biens est exigible à l'encaissement",
        "VAT on a deposit for goods is due when it is received",
        "CGI art. 269, 2-a",
    ),
    "mentions": Milestone(
        date(2025, 1, 1),
        "Version actuelle des mentions obligatoires",
        "Current version of the compulsory mentions",
        "CGI ann. II art. 242 nonies A (décret 2024-1195)",
    ),
    "works": Milestone(
        date(2025, 2, 16),
        "Travaux à taux réduit : une mention remplace l'attestation",
        "Works at a reduced rate: a mention replaces the certificate",
        "loi 2025-127 art. 41",
    ),
    "platforms": Milestone(
        date(2026, 2, 21),
        "Seule une plateforme agréée transmet les factures électroniques",
        "Only an approved platform carries e-invoices",
        "loi 2026-103",
    ),
    "e-invoicing-large": Milestone(
        date(2026, 9, 1),
        "Réception des factures électroniques pour tous ; émission et nouvelles mentions pour les grandes entreprises et ETI",
        "Everybody receives e-invoices; large and mid-size companies issue them and print the new mentions",
        "décrets 2022-1299 et 2024-266",
    ),
    "cibs": Milestone(
        date(2027, 1, 1),
        "La TVA passe du CGI au CIBS ; conservation de dix ans ; fin du régime simplifié",
        "VAT moves from the CGI to the CIBS; ten years of retention; end of the simplified regime",
        "ordonnance 2026-671 ; LPF art. L102 B ; loi 2025-127 art. 38",
    ),
    "e-invoicing-small": Milestone(
        date(2027, 9, 1),
        "Émission et nouvelles mentions pour les PME et microentreprises",
        "Small and micro businesses issue e-invoices and print the new mentions",
        "décrets 2022-1299 et 2024-266",
    ),
    "cgi-alone": Milestone(
        date(2028, 6, 30),
        "Dernier jour où une facture peut ne citer que le CGI",
        "Last day on which an invoice may cite the CGI alone",
        "ordonnance 2026-671",
    ),
}

# VAT law is in the CIBS from then on (ordonnance 2026-671).
CIBS_FROM = TIMETABLE["cibs"].day
# Until then an invoice may cite the CGI alone.
CGI_CITED_UNTIL = TIMETABLE["cgi-alone"].day


def e_invoicing_from(size: SellerSize | None) -> tuple[date, date]:
    """From when a seller must issue e-invoices and print their four mentions: at the earliest, and at the latest.

    The two are the same day unless the size is unknown (décrets 2022-1299 and 2024-266).
    """
    if size is None:
        return min(SIREN_REQUIRED_FROM.values()), max(SIREN_REQUIRED_FROM.values())
    return SIREN_REQUIRED_FROM[size], SIREN_REQUIRED_FROM[size]


@dataclass(frozen=True)
class PenaltyRate:
    """The rates of late-payment penalties of a half-year, in percent (C. com. art. L441-10 II)."""

    since: date
    until: date
    ecb: Decimal  # main refinancing rate of the European Central Bank
    legal: Decimal  # legal interest, claims of professionals

    @property
    def default(self) -> Decimal:
        """Due when the contract says nothing: ECB and ten points."""
        return self.ecb + 10

    @property
    def floor(self) -> Decimal:
        """What a contract may not go below: three times the legal interest."""
        return self.legal * 3


def _half_year(year: int, half: int, ecb: str, legal: str) -> PenaltyRate:
    since, until = ((1, 1), (6, 30)) if half == 1 else ((7, 1), (12, 31))
    return PenaltyRate(date(year, *since), date(year, *until), Decimal(ecb), Decimal(legal))


PENALTY_RATES = (
    _half_year(2024, 1, "4.50", "5.07"),
    _half_year(2024, 2, "4.25", "4.92"),
    _half_year(2025, 1, "3.15", "3.71"),
    _half_year(2025, 2, "2.15", "2.76"),
    _half_year(2026, 1, "2.15", "2.62"),
    _half_year(2026, 2, "2.40", "2.75"),
)


def penalty_rate(day: date) -> PenaltyRate | None:
    """The rates of the half-year of an invoice's date; None where they are not known, which is never guessed."""
    return next((rate for rate in PENALTY_RATES if rate.since <= day <= rate.until), None)


@dataclass(frozen=True)
class MaximumTerm:
    """How long after the invoice's date a business may be given to pay."""

    case: str
    days: int
    source: str


MAXIMUM_TERMS = {
    "agreed": MaximumTerm("agreed", 60, "C. com. art. L441-10 I"),
    "end of month": MaximumTerm("end of month", 45, "C. com. art. L441-10 I"),  # written in the contract
    "nothing agreed": MaximumTerm("nothing agreed", 30, "C. com. art. L441-10 I"),  # from delivery
    "periodic": MaximumTerm("periodic", 45, "C. com. art. L441-10 I"),
    "transport": MaximumTerm("transport", 30, "C. com. art. L441-11"),
    "public": MaximumTerm("public", 30, "CCP art. L2192-10"),
}


@dataclass(frozen=True)
class Concordance:
    """An article of the CGI and the one of the CIBS that follows it. ``is_stable``: no reading gives another number."""

    cgi: str
    cibs: str
    is_stable: bool = True


CONCORDANCE = (
    Concordance("259, 1°", "L. 211-92"),
    Concordance("259, 2°", "L. 211-93"),
    Concordance("262, I", "L. 213-16"),
    Concordance("263", "L. 213-24"),
    Concordance("267, I-2°", "L. 213-68"),
    Concordance("267, II-2°", "L. 213-73"),
    Concordance("283, 2 nonies", "L. 221-38"),
    Concordance("283, 3", "L. 212-9"),
    Concordance("286, I-3° bis", "L. 216-40", is_stable=False),
    Concordance("289, I-1", "L. 216-30", is_stable=False),
    Concordance("293 B", "L. 223-3"),
    Concordance("294", "L. 211-7"),
    Concordance("295, 1-1°", "L. 213-203"),
    Concordance("296", "L. 213-151"),
)


def cibs_article(cgi: str) -> str:
    """The article of the CIBS that follows one of the CGI; empty where none is sure."""
    return next((row.cibs for row in CONCORDANCE if row.cgi == cgi and row.is_stable), "")
