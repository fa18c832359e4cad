# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the mentions of invoices are written: regular expressions by name, for text as :func:`text.flat` makes it.

A pattern recognises a wording and nothing more: whether a number is valid, and ours, or a rate high enough, is for checks.
"""

from __future__ import annotations

import re

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import EXEMPTION

ART = r"art(?:icle|icles|s?\.)?"
EUR = r"\s?(?:€|eur\b|euros?\b)"
FORTY = rf"(?<![\d,.])(?:40(?:[.,]00)?(?: \(quarante\))?{EUR}|quarante(?: \(40\))? euros?\b|(?:€|eur)\s?40(?:[.,]00)?(?![\d]|[.,]\d))"
# Digits may follow a number only as the page, « 1 / 2 », which Dolibarr prints at the end of its footer.
NOT_LONGER = r"(?!\d|\s\d(?!\d{0,2}\s?/\s?\d))"
# A percentage with an amount behind it is the VAT of a line: « 20% 600,00 8 4 800,00 ».
NOT_OF_A_LINE = r"(?!\s?-?\d[\d ,.]*[.,]\d\d(?!\d|\s?(?:€|eur)))"


def of_directive(article: int) -> str:
    """An article of directive 2006/112/CE, which is named after it or before."""
    return rf"\b{ART}[ -]?{article}\b.{{0,25}}\bdir(?:ective\b|\.)|\bdirective\b[^.;]{{0,30}}\b{ART}[ -]?{article}\b"


WRITTEN = {
    # The seller.
    "capital": r"\bcapital(?: social)?(?: variable)?(?: minimum)?(?: de| of| est de)?\s?:?\s?"
    rf"(?:(\d(?:[\d .,']*\d)?){EUR}|(?:€|eur)\s?(\d(?:[\d .,']*\d)?))",
    "rcs": r"(?<![a-z])(?:r\.?\s?c\.?\s?s\.?(?:\s?/\s?r\.?\s?m\.?)?|registre du commerce(?: et des societes)?)\s?:?\s?(?:r\.?c\.?s\.?\s)?"
    r"(?:(?:[ab]\s|(?:sous le )?n[°o]?\s?)?\d{3}\s?\d{3}\s?\d{3}\s)?(?:de |d'|a |- )?([a-z][a-z' .-]{1,40})",
    "fr_vat": rf"(?<![a-z0-9])fr\s?([0-9a-hj-np-z]{{2}})\s?(\d{{3}})\s?(\d{{3}})\s?(\d{{3}}){NOT_LONGER}",
    "siren": rf"(?<!\d)(?<!\d\s)(\d{{3}})\s?(\d{{3}})\s?(\d{{3}}){NOT_LONGER}",
    "siret": rf"(?<!\d)(\d{{3}})\s?(\d{{3}})\s?(\d{{3}})\s?(\d{{5}}){NOT_LONGER}",
    "ape": r"(?:naf|ape)(?:\s?[-/(]\s?(?:ape|naf)\)?)?\s?:?\s?(\d{2}\.?\d{2}\s?[a-z])\b",
    "ei": r"(?<![a-z])(?:ei|e\.i\.|entrepreneur individuel|entrepreneuse individuelle)(?![a-z])",
    "iban": r"(?<![a-z0-9])([a-z]{2}\d{2}(?:\s?[0-9a-z]{4}){2,7}(?:\s?[0-9a-z]{1,4})?)(?![a-z0-9])",
    "decennale": r"(?:assurance|garantie|responsabilite)\b.{0,60}?decennale",
    "agreed_association": r"membre d'un(?:e)? (?:centre de gestion|association|organisme mixte).{0,40}?agree",
    "vat_group": r"membre d'un assujetti unique",
    "representative": r"representant(?:e)? fiscal",
    "mediator": r"\bmediat(?:eur|rice|ion)\b",
    # The document.
    "debits_literal": r"option pour le paiement de la taxe d'apres les debits",
    "debits_loose": r"option (?:pour le|de) paiement de (?:la )?(?:taxe|tva) (?:sur|d'apres) (?:les )?debits"
    r"|tva (?:acquittee |payee )?(?:sur|d'apres) les debits|option to pay tax based on debits",
    "category": r"(?:categorie|nature) (?:de l'|d'|de |des )operations?\s?:?\s?"
    r"(livraisons? de (?:biens|marchandises)|prestations? de services?|mixte|operations? mixtes?)"
    r"|category of operations?\s?:?\s?(deliver(?:y|ies) of goods|provisions? of services?|mixed)",
    "selfbill": r"\bauto-?facturation\b",
    "duplicate_unpaid": r"facture impayee",
    "french": r"\btotal ttc\b|\bnet a payer\b|\bmontants exprimes en\b|\bdate (?:de )?factur",
    "delivery_address": r"\b(?:adresse|lieu) de livraison\b|\blivre[es]* a\b|\blivraison a\b|\b(?:delivery|shipping) address\b",
    "place_of_performance": r"\b(?:lieu|adresse) (?:de l'|d'|de la |des? )(?:execution|intervention|prestations?|realisation|chantier)",
    # The payment.
    "escompte": r"\b(?:pas|aucune?|sans|ni)\b[^.]{0,30}?\bescompte(?! \(regl)"
    # The rate of VAT is no discount, and neither is that of penalties.
    r"|escompte(?! \(regl)(?:(?!tva|penalit|interet|retard).){0,60}?(?:neant|aucun|\d{1,2}(?:[.,]\d{1,2})?\s?%)"
    r"|escompte(?! \(regl)[^.]{0,40}?\b(?:non|nul|pas)\b"
    r"|neant.{0,20}escompte"
    r"|no (?:cash )?discount\b.{0,30}?(?:early|prompt|advance|anticipated)"
    r"|\bno (?:early|prompt|cash)[ -](?:payment )?discount"
    r"|(?:early|prompt)[ -]payment discount.{0,40}?(?:none|nil|not |\d{1,2}(?:[.,]\d{1,2})?\s?%)",
    "penalty": r"(?:penalites?|indemnites?|interets?)\s(?:de |pour |en cas de |d[eu]s? )?"
    r"(?:retard|moratoires|paiement tardif)|late[ -]payment (?:penalt|interest)"
    # The rate may stand between the two words.
    r"|(?:penalites?|interets?)\b(?=.{0,80}?\bretard\b)"
    # It may also stand before the second one: « 3 fois le taux d'intérêt légal ».
    r"|\b(?:retard (?:de |du )?(?:paiement|reglement)|paiement tardif|en cas de retard)\b"
    r"(?=.{0,120}?(?:penalites?\b|interets?\b|indemnite (?:calculee|egale)))"
    r"|(?:penalt(?:y|ies)|interest)(?: charges?)? (?:for|on|in case of|in the event of) late",
    "no_penalty": r"(?:aucune|sans|pas de) penalites?(?: de| pour| en cas de)? (?:retard|paiement tardif)"
    r"|penalites? (?:de|pour) retard\s?:?\s?(?:neant|aucune)",
    "ecb_plus_8": r"(?:bce|ecb|banque centrale europeenne|refinancement).{0,120}?(?:\+|majore[es]* de|augmente[es]* de|plus)"
    r"\s?(?:8\b|huit)",
    "indemnity": rf"(?:indemnite|frais)\b.{{0,120}}?recouvrement[^€]{{0,100}}?{FORTY}|{FORTY}[^€]{{0,120}}?recouvrement"
    # The amount right after « indemnité forfaitaire », and what it is for: those of kilometres are of another kind.
    rf"|indemnite forfaitaire(?: legale)?(?: de| :| d'un montant de| est de| de :)?\s?{FORTY}.{{0,80}}?"
    r"(?:retard|d\.?\s?441-5|l\.?\s?441-10)"
    rf"|indemnite forfaitaire[^€]{{0,60}}?\b[ld]\.?\s?441-(?:5|10)[^€]{{0,40}}?{FORTY}"
    rf"|(?:retard|d\.?\s?441-5|l\.?\s?441-10).{{0,80}}?indemnite forfaitaire(?: legale)?"
    rf"(?: de| :| d'un montant de| est de)?\s?{FORTY}"
    rf"|(?:recovery|collection) (?:costs?|charges?|fees?).{{0,100}}?{FORTY}|{FORTY}.{{0,80}}?(?:recovery|collection)",
    # VAT.
    "franchise_cgi": r"t\.?v\.?a\.? non[ -]applicable[ ,:(-]{0,4}"
    r"(?:(?:en application de|en vertu de|conformement a|au titre de|selon|suivant) l')?\s?"
    rf"{ART}[ -]?293[ -]?b\b",
    "franchise_cibs": rf"t\.?v\.?a\.? non[ -]applicable.{{0,20}}?{ART}[ -]?l\.?\s?223(?:-3)?\b.{{0,40}}?"
    r"(?:cibs|impositions (?:sur les|des) biens)",
    "franchise_loose": rf"(?:tva|vat)\b.{{0,40}}?(?:{ART})?[ -]?293[ -]?b\b|\b293[ -]?b\b.{{0,20}}?\bcgi\b",
    "art259_1": r"\b259(?:[ ,-]{1,2}\s?(?:1°|1o|1\b)|[ ,-]{0,3}b\b)|\bl\.?\s?211-92\b"
    rf"|{of_directive(44)}",
    "art262ter": rf"\b262[ -]?ter[ ,-]{{0,3}}\s?i\b|{of_directive(138)}",
    "art262ter_bad": r"\b262[ -]?ter[ ,-]{0,3}\s?(?:1\b|l\b)|\b262[ -]?ter\b(?![ ,-]{0,3}\s?i\b)",
    "intracom_loose": r"\b(?:livraison|vente) intra-?communautaire\b|\bintra-?community supply\b",
    "export_loose": r"\bexoner.{0,40}?\bexport|\bexport.{0,40}?\bexoner|\bvat exempt.{0,40}?\bexport",
    "art262I": rf"\b262[ ,-]{{0,3}}\s?i\b|\bl\.?\s?213-16\b|{of_directive(146)}",
    "art262I_bad": rf"\b{ART}[ -]?262\b(?![ ,-]{{0,3}}\s?(?:ter|bis|ii?|0+)\b)",
    "art261_7": r"\b261[ ,-]*7\b",
    "art294": rf"\b{ART}[ -]?294\b|\bl\.?\s?211-7\b.{{0,40}}?\bcibs\b",
    "art141": of_directive(141),
    "autoliq": r"\bauto-?liquidation\b|\breverse[ -]charge\b",
    "exoneration": r"\bexoner(?:ation|e|ee|es|ees)\b",
    "oss": r"\b(?:oss|guichet unique)\b",
    "margin": r"regime particulier\s?-\s?(?:biens d'occasion|objets d'art|objets de collection (?:et|ou) d'antiquite"
    r"|agences? de voyages?)",
    "margin_goods": r"regime particulier\s?-\s?(?:biens d'occasion|objets d'art|objets de collection (?:et|ou) d'antiquite)",
    "margin_travel": r"regime particulier\s?-\s?agences? de voyages?",
    "works_attested": r"\battest.{0,120}?\b(?:deux|2) ans\b|\b(?:plus de|acheve[es]* depuis plus de) (?:deux|2) ans\b",
    "new_vehicle": r"moyens? de transport neufs?|\b298 sexies\b",
    # References to other invoices.
    "corrects": r"\b(?:correction (?:de la )?facture|correction of invoice|avoir sur (?:la )?facture|annule la facture)\b",
    "replaces": r"\bannule et remplace\b|\b(?:remplacement (?:de la )?facture|replacement (?:of |for )?invoice)\b",
}

PATTERNS = {name: re.compile(written) for name, written in WRITTEN.items()} | {"art261": EXEMPTION}

# How far from the word the rate of late-payment penalties is looked for: farther away it is another rate, such as VAT.
NEAR_PENALTY = 250
