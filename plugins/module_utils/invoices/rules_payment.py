# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules on when and how an invoice is to be paid."""

from __future__ import annotations

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import (
    BUSINESS,
    CONSUMER,
    ERROR,
    INFO,
    NOT_CREDIT_NOTE,
    WARNING,
    Level,
    Rule,
    Verified,
    law,
    when,
    words,
)

PAYMENT_RULES = (
    Rule(
        "due-date",
        Words("Date d'échéance", "Date on which payment is due"),
        (Level(Severity.ERROR, (BUSINESS,)), Level(Severity.INFO)),
        law("C. com. art. L441-9 I"),
        Verified.BOTH,
        "due_date",
        (NOT_CREDIT_NOTE,),
    ),
    Rule(
        "due-date-legal",
        Words("Délai de paiement légal", "Payment within the legal maximum"),
        WARNING,
        law("C. com. art. L441-10 I", "C. com. art. L441-11"),
        Verified.API,
        "due_date_legal",
        (BUSINESS, NOT_CREDIT_NOTE),
    ),
    Rule(
        "payment-terms-consistent",
        Words("Conditions de règlement et échéance concordantes", "Terms of payment agree with the due date"),
        WARNING,
        law("C. com. art. L441-9 I"),
        Verified.BOTH,
        "payment_terms_consistent",
        (NOT_CREDIT_NOTE,),
    ),
    Rule(
        "escompte",
        Words("Conditions d'escompte", "Conditions of early-payment discount"),
        ERROR,
        law("C. com. art. L441-9 I"),
        Verified.PDF,
        "mention",
        (BUSINESS, NOT_CREDIT_NOTE),
        accepted=words("escompte"),
        remedy=Words(
            "imprimer « Escompte pour paiement anticipé : néant », ou l'escompte accordé",
            "print « Escompte pour paiement anticipé : néant », or the discount",
        ),
    ),
    Rule(
        "late-penalty-rate",
        Words("Taux des pénalités de retard", "Rate of late-payment penalties"),
        ERROR,
        law("C. com. art. L441-9 I", "C. com. art. L441-10 II"),
        Verified.PDF,
        "late_penalty_rate",
        (BUSINESS, NOT_CREDIT_NOTE),
        accepted=words("penalty"),
        forbidden=words("no_penalty"),
    ),
    Rule(
        "late-penalty-public",
        Words(
            "Intérêts moratoires d'un client public (BCE + 8 points)", "Interest of a public customer (ECB + 8 points)"
        ),
        WARNING,
        law("CCP art. L2192-12", "CCP art. L2192-13"),
        Verified.PDF,
        "mention",
        (when("customer.kind", Kind.PUBLIC), NOT_CREDIT_NOTE),
        accepted=words("ecb_plus_8"),
        remedy=Words(
            "imprimer « Intérêts moratoires : taux de la BCE majoré de 8 points »",
            "print « Intérêts moratoires : taux de la BCE majoré de 8 points »",
        ),
    ),
    Rule(
        "recovery-indemnity",
        Words("Indemnité forfaitaire de 40 € pour frais de recouvrement", "Fixed indemnity of 40 € for recovery costs"),
        ERROR,
        law("C. com. art. L441-9 I", "C. com. art. L441-10 II", "C. com. art. D441-5"),
        Verified.PDF,
        "mention",
        (BUSINESS, NOT_CREDIT_NOTE),
        accepted=words("indemnity"),
        remedy=Words(
            "imprimer « Indemnité forfaitaire pour frais de recouvrement en cas de retard de paiement : 40 € »",
            "print « Indemnité forfaitaire pour frais de recouvrement en cas de retard de paiement : 40 € »",
        ),
    ),
    Rule(
        "no-b2b-mentions-b2c",
        Words("Pas d'indemnité de 40 € pour un consommateur", "No indemnity of 40 € from a consumer"),
        INFO,
        law("C. com. art. L441-10 II"),
        Verified.PDF,
        "mention",
        (CONSUMER,),
        forbidden=words("indemnity"),
        remedy=Words(
            "la retirer, car rien ne permet de la réclamer à un consommateur",
            "leave it out, as nothing allows to claim it from a consumer",
        ),
    ),
)
