# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How known things are found on paper, as patterns for text as :func:`text.flat` makes it: names, numbers, labels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.identifiers import (
    Fault,
    Identifier,
    compact,
    fault,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.figures import (
    ENGLISH_MONTHS,
    MONTHS,
    amount_pattern,
    day_pattern,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.patterns import PATTERNS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.text import Found, Paper, flat

# Words that one writes out and the other shortens or leaves away.
JOINING = frozenset(("et", "and", "cedex", "the"))
# Words of addresses that may be shortened, each with all of its forms.
SHORTENED = {
    form: rf"(?:{forms.replace(' ', '|')})"
    for forms in (
        "avenue av ave",
        "boulevard bd bld blvd bvd",
        "place pl",
        "impasse imp",
        "chemin ch che chem",
        "route rte",
        "allee all",
        "faubourg fg fbg",
        "batiment bat bt",
        "saint st",
        "sainte ste",
        "square sq",
        "residence res",
    )
    for form in forms.split()
}
BETWEEN = r"[^a-z0-9]{0,3}(?:(?:et|and)[^a-z0-9]{1,3})?"
ENGLISH = re.compile(r"\binvoice date\b|\btotal \((?:excl|inc)|\bdue date\b|\bpayment terms\b")
UNDERSTOOD = re.compile(r"\b(?:facture|avoir|invoice|credit note)\b")
# What an invoice or a credit note is called in the languages that Dolibarr speaks besides.
NOT_UNDERSTOOD = re.compile(
    r"\b(?:rechnung|gutschrift|factura|fattura|nota di credito|factuur|creditnota|fatura|nota de credito|faktura|faktuur|szamla"
    r"|lasku|arve|racun|τιμολογιο|фактура|счет)\b"
)
WRITTEN_DATE = (
    rf"\d{{1,2}}[/.-]\d{{1,2}}[/.-]\d{{4}}|\d{{4}}-\d{{2}}-\d{{2}}"
    rf"|\d{{1,2}}(?:er|e|st|nd|rd|th)? (?:{'|'.join((*MONTHS, *ENGLISH_MONTHS))}) \d{{4}}"
    rf"|(?:{'|'.join(ENGLISH_MONTHS)}) \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}"
)
ISSUED = r"date (?:de |d')?(?:la )?factur\w*|invoice date|date d'emission|date de l'avoir"
DUE = (
    r"date (?:d'|limite d')?echeance|date limite (?:de )?(?:reglement|paiement)|echeance(?: le)?|due date|payment due on"
    r"|payable (?:le|avant le)|a regler (?:le|avant le)"
)
WRITTEN_AMOUNT = r"-?\s?(?:\d{1,3}(?:[ .,']\d{3})+|\d+)[.,]\d{2}(?!\d)"
TOTAL_HT = r"(?:montant |total )(?:net )?(?:ht|hors taxes?)|total \(excl\. tax\)|total excl(?:uding|\.) (?:tax|vat)"
TOTAL_TTC = r"(?:montant |total )(?:net )?ttc|net a payer|total \(inc\. tax\)|total incl(?:uding|\.) (?:tax|vat)"


def phrase(words: str) -> re.Pattern[str] | None:
    """Words in this order, whatever stands between them; None when there is nothing to look for.

    A letter that the fonts of a PDF do not have may come out as anything.
    """
    wanted = [word for word in re.findall(r"[^\W_]+", flat(words)) if word not in JOINING]
    if not any(sign.isascii() for word in wanted for sign in word):
        return None
    return re.compile(rf"(?<![a-z0-9]){BETWEEN.join(map(_word, wanted))}(?![a-z0-9])")


def _word(word: str) -> str:
    return SHORTENED.get(word) or "".join(sign if sign.isascii() else r"\S{0,2}" for sign in word)


def number_pattern(number: str) -> re.Pattern[str]:
    """An identifier with any spaces, dots or dashes between its signs, and nothing that makes it a longer one."""
    signs = r"[ .-]?".join(map(re.escape, flat(compact(number))))
    # The French VAT number holds the SIREN, which is not thereby given.
    return re.compile(rf"(?<![a-z0-9])(?<!\d[ .-])(?<!fr[0-9a-z]{{2}} )(?<!fr [0-9a-z]{{2}} ){signs}(?!\d)")


def reference_pattern(reference: str) -> re.Pattern[str]:
    """The number of an invoice, which a line may end after one of its signs."""
    signs = re.sub(r"(\\-|/|_|\\\.)", r"\1\\s?", re.escape(flat(reference)).replace(r"\ ", r"\s"))
    return re.compile(rf"(?<![a-z0-9]){signs}(?![a-z0-9]|-\d)")


def is_english(paper: Paper) -> bool:
    """Whether its labels are English: its dates may then have the month first."""
    return paper.find(ENGLISH) is not None


def is_understood(paper: Paper) -> bool:
    """Whether wordings can be looked for: its title is not in another language than French and English."""
    return paper.find(UNDERSTOOD) is not None or paper.find(NOT_UNDERSTOOD) is None


def find_day(paper: Paper, day: date) -> Found | None:
    """A day, wherever it is written."""
    found = paper.find(day_pattern(day))
    return found or (paper.find(day_pattern(day, english=True)) if is_english(paper) else None)


@dataclass(frozen=True)
class Labelled:
    """What stands beside a label: the places that say what is expected, and those that say something else."""

    right: tuple[Found, ...]
    wrong: tuple[Found, ...]


def labelled_day(paper: Paper, label: str, day: date) -> Labelled:
    """The days beside a label."""
    written = re.compile(rf"(?<![a-z])(?:{label})\s?(?::\s?)?(?:le )?({WRITTEN_DATE})(?!\d)")
    patterns = [day_pattern(day), *([day_pattern(day, english=True)] if is_english(paper) else ())]
    return _sorted_out(paper, written, patterns)


def labelled_amount(paper: Paper, label: str, amount: Decimal, any_sign: bool = False) -> Labelled:
    """The amounts beside a label."""
    written = re.compile(rf"(?<![a-z])(?:{label})\s?(?::\s?)?(?:(?:€|eur|\$|£)\s?)?({WRITTEN_AMOUNT})")
    return _sorted_out(paper, written, [amount_pattern(amount, any_sign)], any_sign)


def _sorted_out(
    paper: Paper, written: re.Pattern[str], patterns: list[re.Pattern[str]], any_sign: bool = False
) -> Labelled:
    right: list[Found] = []
    wrong: list[Found] = []
    for found in paper.find_all(written):
        said = found[1].lstrip("- ") if any_sign else found[1].strip()
        (right if any(pattern.fullmatch(said) for pattern in patterns) else wrong).append(found)
    return Labelled(tuple(right), tuple(wrong))


def read_amount(written: str) -> Decimal | None:
    """The amount in digits with any separators, such as « 5 000 » or « 1,234.50 »; None when it is none."""
    digits = re.sub(r"[\s']", "", written).rstrip(".,")
    match = re.fullmatch(r"(-?[\d.,]*\d)[.,](\d{1,2})", digits)
    whole, decimals = (match[1], f".{match[2]}") if match else (digits, "")
    with suppress(ArithmeticError):
        return Decimal(re.sub("[.,]", "", whole) + decimals)
    return None


@dataclass(frozen=True)
class WrittenIban:
    """An IBAN on paper; ``fault`` says what is wrong with it."""

    number: str
    found: Found
    fault: Fault


def written_ibans(paper: Paper) -> Iterator[WrittenIban]:
    """Every IBAN; the word after it may read as its end, so that the longest beginning that is valid counts."""
    for found in paper.find_all(PATTERNS["iban"]):
        number = compact(found[1])
        valid = [
            number[:length] for length in range(len(number), 14, -1) if not fault(Identifier.IBAN, number[:length])
        ]
        if valid:
            yield WrittenIban(valid[0], found, Fault.NONE)
        elif re.search(r"iban\W{0,3}$", paper.text[max(found.start - 12, 0) : found.start]):
            yield WrittenIban(number, found, fault(Identifier.IBAN, number))
