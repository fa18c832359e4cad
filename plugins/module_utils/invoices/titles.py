# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks of all but the invoices are called, in English and French.

The rules of invoices have their titles with them.
"""

from __future__ import annotations

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.third_party_rules import WORDS

TITLES = {
    "seller-drift": ("Seller told in different ways", "Identité du vendeur divergente"),
    "seller-invalid": ("Invalid number of the seller", "Identifiant du vendeur invalide"),
    "payment-closed-short": ("Closed without being paid in full", "Soldée sans règlement complet"),
    "payment-flag-mismatch": ("Marked as paid, against its payments", "État « payée » contredit par les règlements"),
    "payment-on-abandoned": ("Payment of an abandoned invoice", "Règlement d'une facture abandonnée"),
    "payment-overdue": ("Payment overdue", "Règlement en retard"),
    "payment-overpaid": ("Paid too much", "Trop-perçu"),
    "payment-remaining-differs": ("Balance differs from Dolibarr's", "Reste dû différent de celui de Dolibarr"),
    "credit-note-exceeds": ("Credit notes exceed the invoice", "Avoirs supérieurs à la facture"),
    "credit-note-unused": ("Credit note not used", "Avoir non utilisé"),
    "deposit-unused": ("Deposit not set off", "Acompte non imputé"),
    "surplus-unused": ("Overpayment not used", "Trop-perçu non utilisé"),
    "vat-abandoned": ("VAT of an abandoned balance", "TVA d'un solde abandonné"),
    "vat-business-unproven": ("Customer's business not proven", "Qualité d'assujetti du client non établie"),
    "vat-charged-abroad": ("French VAT charged abroad", "TVA française facturée à l'étranger"),
    "vat-deposit-before-2023": ("VAT on a deposit before 2023", "TVA sur un acompte d'avant 2023"),
    "vat-form-unknown": ("CA3 form not known", "Formulaire CA3 inconnu"),
    "vat-franchise-charged": ("VAT charged under the franchise", "TVA facturée en franchise en base"),
    "vat-lines-differ": ("VAT of the lines differs from the total", "TVA des lignes différente du total"),
    "vat-overpaid": ("VAT of an overpayment", "TVA d'un trop-perçu"),
    "vat-partial-month": ("Month not complete", "Mois incomplet"),
    "vat-reverse-charge-unmarked": ("Reverse charge not marked", "Autoliquidation non signalée"),
    "vat-set-off-unknown": ("What was set off is not known", "Imputation inconnue"),
    "vat-unclassified": ("VAT treatment not known", "Traitement de TVA indéterminé"),
    "third-party-duplicate-iban": ("Two third parties, one IBAN", "Deux tiers, un même IBAN"),
    "third-party-duplicate-name": ("Two third parties, one name", "Deux tiers, un même nom"),
    "third-party-duplicate-siren": ("Two third parties, one SIREN", "Deux tiers, un même SIREN"),
    "third-party-duplicate-vat-number": ("Two third parties, one VAT number", "Deux tiers, un même numéro de TVA"),
    "third-party-siren-misplaced": ("SIREN in another field", "SIREN dans un autre champ"),
    "third-party-siret-siren": ("SIRET of another SIREN", "SIRET d'un autre SIREN"),
    "third-party-vat-country": ("VAT number of another country", "Numéro de TVA d'un autre pays"),
    "third-party-vat-siren": ("VAT number of another SIREN", "Numéro de TVA d'un autre SIREN"),
    "template-counter": ("Counter of a template", "Compteur d'un modèle"),
    "template-drafts": ("Template leaves drafts", "Modèle qui laisse des brouillons"),
    "template-finished": ("Template has ended", "Modèle terminé"),
    "template-manual": ("Template without a frequency", "Modèle sans fréquence"),
    "template-missed": ("Invoices that a template missed", "Factures manquées par un modèle"),
    "template-overdue": ("Template is late", "Modèle en retard"),
    "template-payment": ("Payment terms of a template", "Conditions de règlement d'un modèle"),
    "template-period": ("Month written in a template", "Mois écrit dans un modèle"),
    "template-suspended": ("Template suspended", "Modèle suspendu"),
    "template-third-party": ("Customer of a template", "Client d'un modèle"),
    "template-undated": ("Template without a next date", "Modèle sans prochaine date"),
    "template-vat-rate": ("VAT rate of a template", "Taux de TVA d'un modèle"),
    "template-vat-unexplained": ("Template without VAT or reason", "Modèle sans TVA ni motif"),
    "number-capacity": ("Counter almost full", "Compteur presque épuisé"),
    "number-duplicate": ("Number given twice", "Numéro attribué deux fois"),
    "number-future": ("Dated after today", "Date postérieure à aujourd'hui"),
    "number-gap": ("Gap in the numbers", "Trou dans la numérotation"),
    "number-lost": ("Issued invoice is gone", "Facture émise disparue"),
    "number-off-mask": ("Number off the mask", "Numéro hors du masque"),
    "number-order": ("Dates against the numbers", "Dates contraires aux numéros"),
    "number-per-customer": ("Counter of each customer apart", "Compteur par client"),
    "number-repeated": ("Number under two masks", "Numéro sous deux masques"),
    "number-reused": ("Number given again", "Numéro réattribué"),
    "number-series-assumed": ("Mask guessed from the numbers", "Masque déduit des numéros"),
    "number-start": ("Series does not begin at one", "Série qui ne commence pas à un"),
} | {
    f"third-party-{field.replace('_', '-')}-{what}": (
        f"{words.en[0].upper()}{words.en[1:]} {what}",
        f"{words.fr[0].upper()}{words.fr[1:]} : {french}",
    )
    for field, words in WORDS.items()
    for what, french in (("missing", "à renseigner"), ("invalid", "à corriger"))
}
