# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules on how VAT is treated and the mention that each treatment asks for."""

from __future__ import annotations

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Period, Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_options import Regime
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import Treatment
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.words import Words
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import Kind, Zone
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Form, Sector, Status
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import (
    BUSINESS,
    CREDIT_NOTE,
    ERROR,
    INFO,
    SMALL,
    WARNING,
    Level,
    Reference,
    Rule,
    Verified,
    Wording,
    cgi,
    law,
    unless,
    when,
    words,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.tables import (
    CGI_CITED_UNTIL,
    CIBS_FROM,
    TIMETABLE,
)

# An article may be left out of small and corrective invoices (242 nonies A, II); its new number is not sure from 2027.
ARTICLE = (
    Level(Severity.INFO, (SMALL,)),
    Level(Severity.INFO, (CREDIT_NOTE,)),
    Level(Severity.WARNING, valid=Period(CIBS_FROM, None)),
    Level(Severity.ERROR),
)
EXEMPTIONS = law("CGI ann. II art. 242 nonies A, I-12° et II")
REVERSE_CHARGE = law("CGI ann. II art. 242 nonies A, I-13°")
FRANCHISE_WORDINGS = (Wording("franchise_cgi", Period(None, CGI_CITED_UNTIL)), Wording("franchise_cibs"))

VAT_RULES = (
    Rule(
        "vat-franchise",
        Words("« TVA non applicable, article 293 B du CGI »", "Exemption of small businesses"),
        (Level(Severity.WARNING, valid=Period(CIBS_FROM, None)), Level(Severity.ERROR)),
        (*cgi("293 B"), Reference("CGI art. 293 E, II", Period(None, CGI_CITED_UNTIL))),
        Verified.BOTH,
        "vat_franchise",
        (when("seller.regime", Regime.FRANCHISE),),
        accepted=FRANCHISE_WORDINGS,
        tolerated=words("franchise_loose"),
        remedy=Words(
            "imprimer « TVA non applicable, article 293 B du CGI »",
            "print « TVA non applicable, article 293 B du CGI »",
        ),
    ),
    Rule(
        "vat-franchise-misused",
        Words(
            "Pas de franchise pour un vendeur soumis à la TVA",
            "No small-business exemption for a seller liable for VAT",
        ),
        ERROR,
        (*cgi("293 B"), Reference("CGI art. 293 E, II", Period(None, CGI_CITED_UNTIL))),
        Verified.PDF,
        "mention",
        (when("seller.regime", Regime.NORMAL),),
        forbidden=words("franchise_cgi", "franchise_cibs", "franchise_loose"),
        remedy=Words(
            "indiquer dans la société de Dolibarr qu'elle est assujettie à la TVA, et imprimer le motif applicable",
            "set in Dolibarr's company that it is liable for VAT, and print the reason that applies",
        ),
    ),
    Rule(
        "vat-association",
        Words("Exonération des associations", "Exemption of associations"),
        ARTICLE,
        (*cgi("261, 7"), *EXEMPTIONS),
        Verified.PDF,
        "mention",
        (
            when("seller.form", Form.ASSOCIATION),
            when("seller.regime", Regime.NORMAL),
            when("invoice.has_vat", "no"),
            when("customer.zone", Zone.FR, Zone.DROM),
        ),
        accepted=words("art261_7"),
        remedy=Words(
            "imprimer « TVA non applicable, article 261, 7 du CGI »",
            "print « TVA non applicable, article 261, 7 du CGI »",
        ),
    ),
    Rule(
        "reverse-charge-eu-service",
        Words("« Autoliquidation » d'un service dans l'UE", "« Autoliquidation » of a service in the EU"),
        ERROR,
        (*REVERSE_CHARGE, *cgi("259, 1°"), *law("directive 2006/112/CE art. 44 et 196")),
        Verified.PDF,
        "mention",
        (when("invoice.treatments", Treatment.AE_EU_SERVICE),),
        accepted=words("autoliq"),
        wrong=words("art259_1", "exoneration"),
        remedy=Words(
            "imprimer « Autoliquidation »",
            "print « Autoliquidation »",
        ),
    ),
    Rule(
        "reverse-charge-construction",
        Words("« Autoliquidation » de travaux sous-traités", "« Autoliquidation » of subcontracted works"),
        ERROR,
        (*REVERSE_CHARGE, *cgi("283, 2 nonies")),
        Verified.PDF,
        "mention",
        (when("invoice.treatments", Treatment.AE_BTP),),
        accepted=words("autoliq"),
        wrong=words("exoneration"),
        remedy=Words(
            "imprimer « Autoliquidation »",
            "print « Autoliquidation »",
        ),
    ),
    Rule(
        "out-of-scope-259-1",
        Words("Service hors du champ de la TVA française", "Service outside the scope of French VAT"),
        (Level(Severity.INFO, (SMALL,)), Level(Severity.INFO, (CREDIT_NOTE,)), Level(Severity.WARNING)),
        cgi("259, 1°"),
        Verified.PDF,
        "mention",
        (when("invoice.treatments", Treatment.OUT_SERVICE),),
        accepted=words("art259_1"),
        wrong=words("art262I", "autoliq"),
        remedy=Words(
            "imprimer « TVA non applicable - art. 259-1 du CGI »",
            "print « TVA non applicable - art. 259-1 du CGI »",
        ),
    ),
    Rule(
        "intracom-goods",
        Words("Livraison intracommunautaire", "Goods to a business in the EU"),
        ARTICLE,
        (
            *cgi("262 ter, I"),
            *EXEMPTIONS,
            *law("CGI ann. II art. 242 nonies A, I-3°", "directive 2006/112/CE art. 138"),
        ),
        Verified.PDF,
        "mention",
        (when("invoice.treatments", Treatment.IC_GOODS),),
        accepted=words("art262ter"),
        tolerated=words("art262ter_bad", "intracom_loose"),
        wrong=words("art262I", "autoliq"),
        remedy=Words(
            "imprimer « Exonération de TVA, art. 262 ter, I du CGI »",
            "print « Exonération de TVA, art. 262 ter, I du CGI »",
        ),
    ),
    Rule(
        "export-goods",
        Words("Exportation de biens", "Export of goods"),
        ARTICLE,
        (*cgi("262, I"), *EXEMPTIONS, *law("directive 2006/112/CE art. 146")),
        Verified.PDF,
        "mention",
        (when("invoice.treatments", Treatment.EXPORT_GOODS),),
        accepted=words("art262I"),
        tolerated=words("art262I_bad", "export_loose"),
        wrong=words("art262ter", "autoliq"),
        remedy=Words(
            "imprimer « Exonération de TVA, art. 262, I du CGI »",
            "print « Exonération de TVA, art. 262, I du CGI »",
        ),
    ),
    Rule(
        "exemption-domestic",
        Words("Article de l'exonération", "Article of the exemption"),
        ARTICLE,
        (*cgi("261"), *EXEMPTIONS),
        Verified.PDF,
        "mention",
        (when("invoice.treatments", Treatment.EXEMPT),),
        accepted=words("art261"),
        remedy=Words(
            "imprimer l'article d'exonération, par exemple « Exonération de TVA, article 261, 4, 4° a du CGI »",
            "print the article that exempts it, such as « Exonération de TVA, article 261, 4, 4° a du CGI »",
        ),
    ),
    Rule(
        "drom",
        Words(
            "Biens expédiés en Guadeloupe, Martinique ou à La Réunion",
            "Goods sent to Guadeloupe, Martinique or Réunion",
        ),
        WARNING,
        (*cgi("294"), *EXEMPTIONS),
        Verified.PDF,
        "mention",
        (
            when("seller.regime", Regime.NORMAL),
            when("customer.zone", Zone.DROM),
            when("invoice.supplies", "goods"),
            when("invoice.has_vat", "no"),
        ),
        accepted=words("art294"),
        forbidden=words("autoliq"),
        remedy=Words(
            "imprimer « Exonération de TVA en application de l'article 294 du CGI »",
            "print « Exonération de TVA en application de l'article 294 du CGI »",
        ),
    ),
    Rule(
        "margin-second-hand",
        Words("« Régime particulier - Biens d'occasion »", "Margin scheme for second-hand goods"),
        ERROR,
        (*law("CGI ann. II art. 242 nonies A, I-16°"), *cgi("297 A")),
        Verified.PDF,
        "mention",
        (when("invoice.treatments", Treatment.MARGIN), unless("seller.sector", Sector.TRAVEL)),
        accepted=words("margin_goods"),
        remedy=Words(
            "imprimer « Régime particulier - Biens d'occasion »",
            "print « Régime particulier - Biens d'occasion »",
        ),
    ),
    Rule(
        "margin-travel",
        Words("« Régime particulier - Agences de voyages »", "Margin scheme for travel agencies"),
        ERROR,
        (*law("CGI ann. II art. 242 nonies A, I-15°"), *cgi("266, 1-e")),
        Verified.PDF,
        "mention",
        (when("invoice.treatments", Treatment.MARGIN), when("seller.sector", Sector.TRAVEL)),
        accepted=words("margin_travel"),
        remedy=Words(
            "imprimer « Régime particulier - Agences de voyages »",
            "print « Régime particulier - Agences de voyages »",
        ),
    ),
    Rule(
        "self-billing",
        Words("« Auto-facturation »", "Self-billing"),
        ERROR,
        law("CGI ann. II art. 242 nonies A, I-14°"),
        Verified.PDF,
        "mention",
        (when("invoice.is_self_billed", "yes"),),
        accepted=words("selfbill"),
        remedy=Words(
            "imprimer « Auto-facturation »",
            "print « Auto-facturation »",
        ),
    ),
    Rule(
        "new-vehicle",
        Words("Moyen de transport neuf", "New means of transport"),
        INFO,
        law("CGI ann. II art. 242 nonies A, I-17°", "CGI art. 298 sexies"),
        Verified.PDF,
        "mention",
        (when("invoice.treatments", Treatment.IC_GOODS),),
        accepted=words("new_vehicle"),
        absence=Status.NOT_APPLICABLE,
    ),
    Rule(
        "triangular",
        Words("Opération triangulaire simplifiée", "Simplified triangular sale"),
        INFO,
        law("directive 2006/112/CE art. 141", "BOI-TVA-DECLA-30-20-20-30"),
        Verified.PDF,
        "mention",
        (when("invoice.treatments", Treatment.IC_GOODS),),
        accepted=words("art141"),
        absence=Status.NOT_APPLICABLE,
    ),
    Rule(
        "electronic-services-oss",
        Words("Vente à un consommateur de l'UE (guichet unique)", "Sale to a consumer in the EU (OSS)"),
        INFO,
        law("CGI art. 259 D", "CGI art. 298 sexdecies F"),
        Verified.API,
        "electronic_services_oss",
        (
            when("seller.regime", Regime.NORMAL),
            when("customer.zone", Zone.EU),
            when("customer.kind", Kind.CONSUMER, Kind.UNKNOWN),
        ),
        accepted=words("oss"),
    ),
    Rule(
        "reduced-rate-works",
        Words("Travaux à taux réduit : attestation du client", "Works at a reduced rate: the customer's certificate"),
        WARNING,
        law("CGI art. 279-0 bis", "CGI art. 278-0 bis A", "loi 2025-127 art. 41"),
        Verified.PDF,
        "mention",
        (when("seller.sector", Sector.CONSTRUCTION), when("invoice.vat_rates", "10", "5.5")),
        # Before, a certificate apart from the invoice did.
        valid=Period(TIMETABLE["works"].day, None),
        accepted=words("works_attested"),
        remedy=Words(
            "imprimer que le client certifie que les locaux sont à usage d'habitation et achevés depuis plus de deux ans",
            "print that the customer certifies that the premises are a dwelling completed more than two years ago",
        ),
    ),
    Rule(
        "vat-0-unexplained",
        Words("Raison d'une ligne à 0 %", "Reason for a line at 0 %"),
        ERROR,
        law("CGI ann. II art. 242 nonies A, I-8° et I-12°"),
        Verified.BOTH,
        "vat_0_unexplained",
    ),
    Rule(
        "vat-charged-abroad",
        Words("TVA française facturée à une entreprise étrangère", "French VAT charged to a business abroad"),
        WARNING,
        cgi("259, 1°"),
        Verified.API,
        "vat_charged_abroad",
        (BUSINESS, unless("customer.zone", Zone.FR, Zone.DROM), when("invoice.treatments", Treatment.STD)),
    ),
)
