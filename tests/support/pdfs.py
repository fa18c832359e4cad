# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes PDFs of invoices whose every line a test chooses, so that one mention can be left out or one figure changed.

``sheet(Paper())`` is a correct invoice as Dolibarr's model lays it out; ``sheet(replace(Paper(), due=""))`` lacks its due
date. ``print_lines`` prints any lines: those of a captured PDF with one of them changed, for instance.
"""

from __future__ import annotations

import io
import random
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, replace

from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

WIDTH = 130  # characters on a line; Dolibarr cuts long sentences anywhere, too
LINES = 60  # on a page

PENALTIES = "Pénalités de retard : trois fois le taux d'intérêt légal, exigibles sans rappel (art. L441-10 du code de commerce)."
INDEMNITY = "Indemnité forfaitaire pour frais de recouvrement en cas de retard de paiement : 40 €."
NO_DISCOUNT = "Pas d'escompte pour paiement anticipé."


@dataclass(frozen=True)
class Row:
    """One line of the table; amounts as printed."""

    label: str = "DEV-JOUR - Développement – journée"
    vat: str = "20%"
    price: str = "600,00"
    quantity: str = "3"
    discount: str = ""
    total: str = "1 800,00"
    detail: str = ""

    def lines(self) -> tuple[str, ...]:
        figures = " ".join(part for part in (self.vat, self.price, self.quantity, self.discount, self.total) if part)
        return (self.label, self.detail, figures) if self.detail else (f"{self.label} {figures}",)


@dataclass(frozen=True)
class Paper:
    """What is printed on an invoice; a field that is empty is not printed at all.

    As it stands: a French company sells a service at 20 % to a French business, with every mention.
    """

    title: str = "Facture"
    ref: str = "FA2611-0038"
    source: str = ""  # such as "Correction facture : FA2511-0019"
    issued: str = "01/11/2026"
    due: str = "01/12/2026"
    customer_code: str = "CU2611-00005"
    customer_ref: str = ""
    seller: tuple[str, ...] = ("Atelier Lumen", "12 rue des Exemples", "91000 Évry-Courcouronnes")
    customer: tuple[str, ...] = ("Cabinet Hêtre & Associés", "18 rue de l'Exemple", "Bâtiment B", "69002 Lyon")
    customer_vat_number: str = ""
    notes: tuple[str, ...] = (PENALTIES, INDEMNITY, NO_DISCOUNT)
    rows: tuple[Row, ...] = (Row(),)
    category: str = "Prestation de services"
    currency: str = "Montants exprimés en Euros"
    legal_form: str = "Société par actions simplifiée (SAS)"
    capital: str = "Capital de 5 000 €"
    siret: str = "SIRET: 12345678200010"
    naf: str = "NAF-APE: 62.02A"
    rcs: str = "RCS/RM: Évry B 123 456 782"
    vat_number: str = "Numéro TVA: FR11123456782"
    terms: str = "Règlement à 30 jours"
    iban: str = "FR76 1695 8000 0100 1234 5678 923"
    bic: str = "QNTOFRP1XXX"
    total_ht: str = "1 800,00"
    total_vat: tuple[tuple[str, str], ...] = (("20%", "360,00"),)
    total_ttc: str = "2 160,00"
    more: tuple[str, ...] = ()  # at the end

    def lines(self) -> tuple[str, ...]:
        """The lines, in the order in which the text of Dolibarr's PDFs has them."""

        def named(name: str, value: str) -> str:
            return f"{name}{value}" if value else ""

        footer = (self.legal_form, self.capital, self.siret), (self.naf, self.rcs, self.vat_number)
        printed = (
            f"{self.seller[0]} {self.title} {self.ref}" if self.seller else f"{self.title} {self.ref}",
            self.source,
            named("Réf. client : ", self.customer_ref),
            named("Date facturation : ", self.issued),
            named("Date échéance : ", self.due),
            named("Code client : ", self.customer_code),
            "Émetteur",
            *self.seller,
            "Adressé à",
            *self.customer,
            named("Numéro TVA: ", self.customer_vat_number),
            *self.notes,
            "Désignation TVA P.U. HT Qté Total HT",
            *(line for row in self.rows for line in row.lines()),
            named("Catégorie d'opérations : ", self.category),
            self.currency,
            named("Conditions de règlement: ", self.terms),
            named("Code IBAN: ", self.iban),
            named("Code BIC/SWIFT: ", self.bic),
            named("Total HT ", self.total_ht),
            *(f"Total TVA {rate} {amount}" for rate, amount in self.total_vat),
            named("Total TTC ", self.total_ttc),
            *self.more,
            *(" - ".join(part for part in parts if part) for parts in footer),
        )
        return tuple(line for line in printed if line)


def sheet(paper: Paper | None = None) -> bytes:
    """The PDF of an invoice."""
    return print_lines((paper or Paper()).lines())


def without(paper: Paper, *words: str) -> Paper:
    """The same paper without the notes that hold one of these words."""
    return replace(paper, notes=tuple(note for note in paper.notes if not any(word in note for word in words)))


def print_lines(*pages: Iterable[str], picture: int = 0) -> bytes:
    """A PDF of these lines, each argument on pages of its own; ``picture`` adds one of about so many bytes.

    The fonts are the core ones, as Dolibarr's: what is not in Windows-1252 becomes a question mark.
    """
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, pageCompression=1, invariant=1)
    for lines in pages:
        wrapped = [piece for line in lines for piece in textwrap.wrap(line, WIDTH) or [""]]
        for start in range(0, len(wrapped) or 1, LINES):
            text = canvas.beginText(30, A4[1] - 40)
            text.setFont("Helvetica", 8, leading=12)
            for line in wrapped[start : start + LINES]:
                text.textLine(line.encode("cp1252", "replace").decode("cp1252"))
            canvas.drawText(text)
            if picture and start == 0:
                canvas.drawImage(noise(picture), 400, 20, width=100, height=30)
            canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def picture_only() -> bytes:
    """A PDF as a scanner makes it: a picture and no text."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=1)
    canvas.drawImage(noise(3000), 0, 0, width=A4[0], height=A4[1])
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def noise(size: int) -> ImageReader:
    """A picture of about so many bytes that nothing can compress; always the same."""
    side = max(1, round((size / 3) ** 0.5))
    pixels = random.Random(side).randbytes(side * side * 3)
    return ImageReader(Image.frombytes("RGB", (side, side), pixels))
