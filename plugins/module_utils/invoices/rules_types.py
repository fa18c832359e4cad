# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules on credit notes, replacements, deposits and situations."""

from __future__ import annotations

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.objects import CloseCode
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Status
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import (
    BUSINESS,
    CONSUMER,
    CREDIT_NOTE,
    ERROR,
    INFO,
    WARNING,
    Rule,
    Verified,
    law,
    when,
    words,
)

CORRECTIONS = law("BOI-TVA-DECLA-30-20-20-20 § 210 à 260")

TYPE_RULES = (
    Rule(
        "credit-note-reference",
        Words("Référence et date de la facture d'origine", "Number and date of the original invoice"),
        ERROR,
        (*law("CGI art. 289, I-5"), *CORRECTIONS, *law("EN 16931 BR-FR-CO-05")),
        Verified.BOTH,
        "credit_note_reference",
        (CREDIT_NOTE,),
        accepted=words("corrects"),
    ),
    Rule(
        "credit-note-sign",
        Words("Signe des montants de l'avoir", "Sign of the amounts of a credit note"),
        INFO,
        (),
        Verified.API,
        "credit_note_sign",
        (CREDIT_NOTE,),
    ),
    Rule(
        "credit-note-amount",
        Words("Avoirs dans la limite de la facture d'origine", "Credit notes within the original invoice"),
        WARNING,
        (),
        Verified.API,
        "credit_note_amount",
        (CREDIT_NOTE,),
    ),
    Rule(
        "replacement-reference",
        Words("« Annule et remplace » et numéro de la facture remplacée", "Number of the replaced invoice"),
        ERROR,
        CORRECTIONS,
        Verified.BOTH,
        "replacement_reference",
        (when("invoice.type", "replacement"),),
        accepted=words("replaces"),
    ),
    Rule(
        "replaced-is-closed",
        Words("La facture remplacée est abandonnée", "The replaced invoice is abandoned"),
        WARNING,
        (),
        Verified.API,
        "replaced_is_closed",
        (when("invoice.type", "replacement"),),
    ),
    Rule(
        "deposit-invoiced",
        Words("Facture pour chaque acompte encaissé", "Invoice for each deposit received"),
        INFO,
        law("CGI art. 289, I-1-c"),
        Verified.API,
        "deposit_invoiced",
        (BUSINESS, when("invoice.type", "standard", "situation")),
    ),
    Rule(
        "final-refers-to-deposit",
        Words("Référence des factures d'acompte", "Reference of the deposit invoices"),
        WARNING,
        law("BOI-TVA-DECLA-30-20-20-10 § 60"),
        Verified.PDF,
        "final_refers_to_deposit",
        (when("invoice.type", "standard", "situation"), when("invoice.uses_deposit", "yes")),
    ),
    Rule(
        "situation-coherent",
        Words("Avancement cohérent de la situation", "Coherent progress of a situation invoice"),
        WARNING,
        (),
        Verified.API,
        "situation_coherent",
        (when("invoice.type", "situation"),),
    ),
    Rule(
        "unpaid-duplicate",
        Words("Duplicata « facture impayée »", "Duplicate of an unpaid invoice"),
        INFO,
        law("CGI art. 272, 1", "BOI-TVA-DECLA-30-20-20-20 § 300 à 330"),
        Verified.PDF,
        "mention",
        (when("invoice.close_code", CloseCode.BAD_DEBT),),
        accepted=words("duplicate_unpaid"),
        # The duplicate is another document, which the audit does not see.
        absence=Status.UNDETERMINED,
        remedy=Words(
            "pour récupérer la TVA, envoyer un duplicata portant la mention « facture impayée » et en garder copie",
            "to recover its VAT, send a duplicate that says « facture impayée » and keep a copy",
        ),
    ),
    Rule(
        "b2c-note",
        Words("Note datée avec le lieu de la prestation", "Dated note with the place of performance"),
        INFO,
        law("arrêté 83-50/A"),
        Verified.PDF,
        "mention",
        (CONSUMER, when("invoice.supplies", "services"), when("invoice.is_note_due", "yes")),
        accepted=words("place_of_performance"),
        # No field says where a service was performed.
        absence=Status.UNDETERMINED,
        remedy=Words(
            "indiquer où la prestation a été exécutée, si ce n'est pas à l'adresse du client",
            "say where the service was performed, unless it was at the customer's address",
        ),
    ),
)
