# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The electronic invoice that is embedded in a PDF or lies beside it: is it one, and does it say what Dolibarr says?

Factur-X 1.0 is a PDF/A-3 with an XML file; Dolibarr's module for it writes a second PDF, ``<ref>_facturx.pdf``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.common import Severity
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.cii import (
    Cii,
    XmlError,
    parse_xml,
    read_cii,
    values_of,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.facturx_rules import (
    ATTACHMENT,
    FIELD_RULES,
    METADATA,
    PROFILE,
    XML,
    XSD,
    FacturxRule,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.outcomes import (
    failed,
    needless,
    passed,
    undetermined,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.results import (
    Outcome,
    PdfText,
    Result,
    Status,
    Subject,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.sources import InvoiceTexts
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import Evidence

XML_NAMES = re.compile(r"(factur-x|zugferd-invoice|xrechnung)\.xml( \(\d+\))?", re.IGNORECASE)
PDFA = "http://www.aiim.org/pdfa/ns/id/"
FACTURX = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
# What the metadata of the PDF call a profile.
LEVELS = {
    "minimum": "MINIMUM",
    "basicwl": "BASIC WL",
    "basic": "BASIC",
    "en16931": "EN 16931",
    "extended": "EXTENDED",
    "extended-ctc-fr": "EXTENDED",
}
# From the best to the worst.
ORDER = (Status.NOT_APPLICABLE, Status.PASS, Status.UNDETERMINED, Status.FAIL)
WITHOUT_LINES = frozenset({"minimum", "basicwl"})


@dataclass(frozen=True)
class Embedded:
    """The XML files of one PDF, or the one beside the PDFs (``pdf`` is None)."""

    pdf: PdfText | None
    xmls: tuple[bytes, ...]


def facturx_results(subject: Subject, texts: InvoiceTexts) -> tuple[Result, ...]:
    """The result of every rule for the electronic invoice; nothing at all where there is none.

    Where the invoice has several (embedded and beside), each rule's worst result stands.
    """
    found = tuple(electronic_invoices(texts))
    if not found:
        return ()
    results: dict[str, Result] = {}
    for embedded in found:
        for result in _results(subject, embedded):
            known = results.get(result.rule)
            if known is None or ORDER.index(result.status) > ORDER.index(known.status):
                results[result.rule] = result
    return tuple(results.values())


def electronic_invoices(texts: InvoiceTexts) -> Iterator[Embedded]:
    """Where XML files are, or should be."""
    for pdf in (texts.pdf, texts.facturx_pdf):
        if pdf is not None and not pdf.reason:
            xmls = tuple(data for name, data in pdf.attachments.items() if XML_NAMES.fullmatch(name))
            if xmls or pdf is texts.facturx_pdf:
                yield Embedded(pdf, xmls)
    if texts.facturx_xml is not None:
        yield Embedded(None, (texts.facturx_xml,))


def _results(subject: Subject, embedded: Embedded) -> Iterator[Result]:
    yield _result(ATTACHMENT, attachment(embedded))
    if not embedded.xmls:
        return
    try:
        root = parse_xml(embedded.xmls[0])
        cii = read_cii(root)
    except XmlError as error:
        yield _result(XML, failed(f"The XML {error}.", f"Le XML {error.french}."))
        return
    yield _result(XML, passed())
    yield _result(PROFILE, profile(cii))
    yield _result(XSD, schema(embedded.xmls[0], cii))
    yield _result(METADATA, metadata(embedded.pdf, cii))
    for rule in FIELD_RULES:
        yield _result(rule, rule.check(cii, subject))


def _result(rule: FacturxRule, outcome: Outcome) -> Result:
    return Result(
        rule.id,
        outcome.status,
        outcome.severity or rule.severity,
        outcome.message,
        outcome.message_fr,
        outcome.evidence,
        rule.sources,
    )


def attachment(embedded: Embedded) -> Outcome:
    """Exactly one XML file is attached."""
    if not embedded.xmls:
        return failed(
            "The PDF made for it has no XML attached: make the electronic invoice again.",
            "Le PDF généré ne contient aucun XML : générer de nouveau la facture électronique.",
        )
    if len(embedded.xmls) > 1:
        return failed(
            f"Its XML is attached {len(embedded.xmls)} times: make the electronic invoice again.",
            f"Son XML est joint {len(embedded.xmls)} fois : générer de nouveau la facture électronique.",
        )
    return passed()


def profile(cii: Cii) -> Outcome:
    """The profile carries an invoice with its lines, enough for the reform."""
    shown = Evidence(f"XML BT-24: {cii.profile or 'nothing'}")
    if cii.profile not in LEVELS:
        return failed(
            "BT-24 names no profile of Factur-X: set up the e-invoicing module.",
            "BT-24 n'indique aucun profil Factur-X : configurer le module de facturation électronique.",
            shown,
        )
    if cii.profile in WITHOUT_LINES:
        return failed(
            "This profile has no lines and is no invoice in French law: use EN 16931 or EXTENDED.",
            "Ce profil n'a pas de lignes et n'est pas une facture en droit français : utiliser EN 16931 ou EXTENDED.",
            shown,
        )
    if cii.profile == "basic":
        return failed(
            "It is not said that platforms accept this profile: use EN 16931 or EXTENDED.",
            "Rien ne dit que les plateformes acceptent ce profil : utiliser EN 16931 ou EXTENDED.",
            shown,
            severity=Severity.WARNING,
        )
    return passed(shown)


def schema(data: bytes, cii: Cii) -> Outcome:
    """The XML is valid against the XSD of its profile."""
    try:
        # Here: it brings a lot along, and most invoices have no XML.
        import facturx
        from lxml import etree
    except ImportError:
        return undetermined(
            "The schema was not checked: install the Python library factur-x where this runs.",
            "Le schéma n'a pas été vérifié : installer la bibliothèque Python factur-x là où l'audit s'exécute.",
        )
    if cii.profile not in LEVELS:
        return needless("There is no schema for its profile.", "Il n'existe pas de schéma pour son profil.")
    # parse_xml has read it: there is no document type in it, and nothing is fetched.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        facturx.xml_check_xsd(etree.fromstring(data, parser), flavor="factur-x", level=cii.profile)
    except Exception as error:  # the library raises no other kind
        said = re.sub(r"\{[^}]*\}", "", str(error.__cause__ or error))
        return failed(
            "The XML is not valid against the schema of its profile: make it again.",
            "Le XML n'est pas valide selon le schéma de son profil : le générer de nouveau.",
            Evidence(said[:300]),
        )
    return passed()


def metadata(pdf: PdfText | None, cii: Cii) -> Outcome:
    """The PDF says of itself that it is a PDF/A-3 with an invoice of that profile."""
    if pdf is None:
        return needless("The XML is a file of its own.", "Le XML est un fichier à part.")
    try:
        root: Element | None = parse_xml(pdf.xmp) if pdf.xmp else None
    except XmlError as error:
        return failed(
            f"The metadata of the PDF cannot be used: their XML {error}.",
            f"Les métadonnées du PDF sont inutilisables : leur XML {error.french}.",
        )
    found = dict(values_of(root, PDFA)) | dict(values_of(root, FACTURX)) if root is not None else {}
    expected = {"part": "3", "DocumentType": "INVOICE", "ConformanceLevel": LEVELS.get(cii.profile, "")}
    amiss = [name for name, value in expected.items() if found.get(name) != value]
    wrong = [f"{name} is {found.get(name, 'missing')}" for name in amiss]
    wrong_fr = [f"{name} est {found.get(name, 'absent')}" for name in amiss]
    shown = tuple(Evidence(f"XMP {name}: {found[name]}") for name in expected if name in found)
    if wrong:
        return failed(
            f"The metadata of the PDF do not make it a Factur-X ({', '.join(wrong)}): make it again with a PDF/A-3.",
            f"Les métadonnées du PDF n'en font pas un Factur-X ({', '.join(wrong_fr)}) : le "
            "générer de nouveau en PDF/A-3.",
            *shown,
        )
    return passed(*shown)
