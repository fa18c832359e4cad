# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The legal forms that a French invoice names, in initials and in full (C. com. R123-238), as data."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import Form
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import flat


@dataclass(frozen=True)
class LegalForm:
    """A form; ``names`` are patterns of its long names in text without accents, ``wider`` the form it is a kind of."""

    initials: str
    names: tuple[str, ...]
    kind: Form = Form.COMPANY
    wider: str = ""  # what Dolibarr's dictionary has instead: good to read, if not exact


SOLE_PARTNER = r"(?: a associe unique| unipersonnelle)"
LEGAL_FORMS = (
    LegalForm("EURL", (r"entreprise unipersonnelle a responsabilite limitee", rf"societe a responsabilite limitee{SOLE_PARTNER}"), wider="SARL"),
    LegalForm("SARL", (r"societe a responsabilite limitee",)),
    LegalForm("SASU", (rf"societe par actions simplifiee{SOLE_PARTNER}",), wider="SAS"),
    LegalForm("SAS", (r"societe par actions simplifiee",)),
    LegalForm("SA", (r"societe anonyme",)),
    LegalForm("SNC", (r"societe en nom collectif",)),
    LegalForm("SCS", (r"societe en commandite simple",)),
    LegalForm("SCA", (r"societe en commandite par actions",)),
    LegalForm("SCOP", (r"societe cooperative(?: et participative| ouvriere de production)",)),
    LegalForm("SCIC", (r"societe cooperative d'interet collectif",)),
    LegalForm("SELARL", (r"societe d'exercice liberal a responsabilite limitee",)),
    LegalForm("SELAS", (r"societe d'exercice liberal par actions simplifiee",)),
    LegalForm("SELASU", (rf"societe d'exercice liberal par actions simplifiee{SOLE_PARTNER}",), wider="SELAS"),
    LegalForm("SELARLU", (rf"societe d'exercice liberal a responsabilite limitee{SOLE_PARTNER}",), wider="SELARL"),
    LegalForm("SE", (r"societe europeenne",)),
    LegalForm("SEM", (r"societe d'economie mixte",)),
    LegalForm("GIE", (r"groupement d'interet economique",), Form.OTHER),
    LegalForm("SCI", (r"societe civile immobiliere",), Form.CIVIL_COMPANY),
    LegalForm("SCP", (r"societe civile professionnelle",), Form.CIVIL_COMPANY),
    LegalForm("SCM", (r"societe civile de moyens",), Form.CIVIL_COMPANY),
    LegalForm("SC", (r"societe civile",), Form.CIVIL_COMPANY),
    LegalForm("EI", (r"entrepreneu(?:r|se) individuel(?:le)?", r"entreprise individuelle"), Form.SOLE_TRADER),
    LegalForm("EIRL", (r"entrepreneur individuel a responsabilite limitee",), Form.SOLE_TRADER),
    LegalForm("ASSOCIATION", (r"association(?: loi (?:de )?1901)?",), Form.ASSOCIATION),
)  # fmt: skip
BY_INITIALS = {form.initials: form for form in LEGAL_FORMS}


def pattern_of(form: LegalForm) -> re.Pattern[str]:
    """Where a form stands in a flat text, with or without dots between its initials."""
    dotted = r"\.?\s?".join(form.initials.casefold())
    return re.compile(rf"(?<![a-z0-9.'])(?:{'|'.join(form.names)}|{form.initials.casefold()}|{dotted}\.)(?![a-z0-9])")


def legal_form_of(text: str) -> LegalForm | None:
    """The form that a text names: « SAS », « S.A.S. », or « Société par actions simplifiée (SAS) »."""
    words = flat(text)
    if not words:
        return None
    named = re.search(r"\(([a-z]{2,11})\)$", words)
    known = BY_INITIALS.get((named[1] if named else re.sub(r"[.\s]", "", words)).upper())
    if known:
        return known
    found = [form for form in LEGAL_FORMS if pattern_of(form).search(words)]
    # Of « société par actions simplifiée unipersonnelle » and its beginning the longer name says more.
    return max(found, key=lambda form: max(len(name) for name in form.names), default=None)


def form_of(text: str) -> Form | None:
    """What kind of seller has this legal form; None when it is not known."""
    form = legal_form_of(text)
    return form.kind if form else None
