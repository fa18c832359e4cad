# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VAT category and the code of the exemption that an electronic invoice gives each treatment (EN 16931, list VATEX)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Severity
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.vat_treatment import Treatment
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.cii import Cii, Tax
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.facturx_checks import seen
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.outcomes import (
    failed,
    needless,
    passed,
    undetermined,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Outcome, Subject


@dataclass(frozen=True)
class Coding:
    """The categories (BT-118) that a treatment may have, and the codes (BT-121) of its exemption."""

    categories: frozenset[str]
    codes: str = ""  # a pattern, after VATEX-


CODINGS = {
    Treatment.STD: Coding(frozenset("S")),
    Treatment.FRANCHISE: Coding(frozenset("E"), "FR-FRANCHISE"),
    Treatment.EXEMPT: Coding(frozenset("E"), r"FR-CGI261.*|FR-298SEXDECIESA|EU-13[25].*"),
    Treatment.MARGIN: Coding(frozenset("E"), r"EU-[DFIJ]"),
    Treatment.AE_BTP: Coding(frozenset(("AE",)), r"(?:EU|FR)-AE"),
    Treatment.AE_EU_SERVICE: Coding(frozenset(("AE",)), "EU-AE"),
    Treatment.IC_GOODS: Coding(frozenset("K"), "EU-IC"),
    Treatment.EXPORT_GOODS: Coding(frozenset("G"), "EU-G"),
    Treatment.OUT_SERVICE: Coding(frozenset("OGE"), "EU-[OG]"),
}
EXEMPT = frozenset(("E", "AE", "K", "G", "O"))
# Of the Canary Islands, and of Ceuta and Melilla.
FOREIGN = frozenset("LM")
# Exemptions of category E that no treatment is told apart by: free of tax, warehouses, overseas, a credit note without VAT.
OTHER_CODES = "FR-CGI(?:275|277A|295).*|FR-CNWVAT"


def category(cii: Cii, subject: Subject) -> Outcome:
    """BT-118: each is one of the treatments of the lines, and each treatment has one."""
    if not cii.taxes:
        return needless()
    shown = tuple(seen("BT-118", tax.category) for tax in cii.taxes)
    found = {tax.category for tax in cii.taxes}
    if found & FOREIGN:
        return failed(
            "BT-118 is L or M, which are no categories of France: correct the VAT of the lines.",
            "BT-118 est L ou M, catégories inconnues en France : corriger la TVA des lignes.",
            *shown,
        )
    treatments = subject.used_treatments
    missing = [CODINGS[one] for one in sorted(treatments & CODINGS.keys()) if not CODINGS[one].categories & found]
    if missing:
        wanted = sorted({"/".join(sorted(one.categories)) for one in missing})
        return failed(
            f"BT-118 is not {', '.join(wanted)}, the category of what is sold: correct the VAT of the lines, and make the"
            " electronic invoice again.",
            f"BT-118 n'est pas {', '.join(wanted)}, catégorie de ce qui est vendu : corriger la TVA des lignes, puis"
            " générer de nouveau la facture électronique.",
            *shown,
        )
    if not treatments or not treatments <= CODINGS.keys():
        return undetermined(
            "How VAT applies to some of its lines is not known, and so neither is their category: see that BT-118 suits them.",
            "Le régime de TVA de certaines lignes n'est pas connu, ni donc leur catégorie : vérifier que BT-118 convient.",
            *shown,
        )
    surplus = sorted(found - frozenset().union(*(CODINGS[one].categories for one in treatments)))
    if surplus:
        return failed(
            f"BT-118 is {', '.join(surplus)}, the category of nothing that is sold: make the electronic invoice again.",
            f"BT-118 est {', '.join(surplus)}, catégorie de rien de ce qui est vendu : générer de nouveau la facture"
            " électronique.",
            *shown,
        )
    return passed(*shown)


def exemption(cii: Cii, subject: Subject) -> Outcome:
    """BT-120 and BT-121: what bears no VAT says why, and says what is so."""
    exempt = [tax for tax in cii.taxes if tax.category in EXEMPT]
    if not exempt:
        return needless()
    silent = sorted({tax.category for tax in exempt if not (tax.exemption or tax.exemption_code)})
    shown = tuple(seen("BT-121", tax.exemption_code or tax.exemption) for tax in exempt)
    if silent:
        return failed(
            f"The category {', '.join(silent)} gives no reason for the exemption (BT-120 or BT-121): make the electronic"
            " invoice again.",
            f"La catégorie {', '.join(silent)} n'indique pas le motif de l'exonération (BT-120 ou BT-121) : générer de"
            " nouveau la facture électronique.",
            *shown,
        )
    if any(_is_another(tax, subject) for tax in exempt):
        return failed(
            "The code of the exemption (BT-121) is not that of what is sold: correct it in the setup of the e-invoicing module.",
            "Le code d'exonération (BT-121) n'est pas celui de ce qui est vendu : le corriger dans la configuration du"
            " module de facturation électronique.",
            *shown,
            severity=Severity.WARNING,
        )
    return passed(*shown)


def _is_another(tax: Tax, subject: Subject) -> bool:
    """Whether the code of an exemption fits none of the treatments that have its category."""
    fitting = [
        CODINGS[one].codes
        for one in subject.used_treatments & CODINGS.keys()
        if tax.category in CODINGS[one].categories
    ]
    if not (tax.exemption_code and fitting):
        return False
    codes = "|".join((*fitting, OTHER_CODES) if tax.category == "E" else fitting)
    return re.fullmatch(rf"VATEX-(?:{codes})", tax.exemption_code.upper()) is None
