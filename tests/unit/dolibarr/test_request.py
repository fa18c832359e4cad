# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which subsets are chosen, and what does not go together."""

from __future__ import annotations

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.request import (
    SUBSETS,
    Selection,
    Side,
    choose_subsets,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

EVERYTHING = {
    "status",
    "user",
    "company",
    "third_parties",
    "invoices",
    "supplier_invoices",
    "payments",
    "vat",
    "templates",
    "numbering",
    "bank_accounts",
    "products",
    "documents",
}


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ([], set()),
        (["status", "user"], {"status", "user"}),
        (["all"], EVERYTHING),
        (["all", "!documents", "!vat"], EVERYTHING - {"documents", "vat"}),
        (["!documents"], EVERYTHING - {"documents"}),
        (["status", "user", "!user"], {"status"}),
        (["!user", "user", "status"], {"status"}),
        (["status", "!all"], set()),
    ],
)
def test_the_words_of_gather_subset(words: list[str], chosen: set[str]) -> None:
    assert choose_subsets(words) == chosen
    assert set(SUBSETS) == EVERYTHING


@pytest.mark.parametrize("word", ["invoice", "!invoice", "", "!", "ALL"])
def test_an_unknown_subset_names_the_known_ones(word: str) -> None:
    with pytest.raises(ErpError) as caught:
        choose_subsets(["status", word])
    assert str(caught.value) == (
        f"gather_subset has '{word}', which is no subset: choose among all, status, user, company, third_parties,"
        " invoices, supplier_invoices, payments, vat, templates, numbering, bank_accounts, products, documents;"
        " a ! before one leaves it out."
    )


@pytest.mark.parametrize(
    ("selection", "subset", "message"),
    [
        (
            Selection(side=Side.CUSTOMERS),
            "supplier_invoices",
            "clients_only leaves nothing of supplier_invoices: ask for one of them.",
        ),
        (Selection(side=Side.SUPPLIERS), "invoices", "suppliers_only leaves nothing of invoices: ask for one of them."),
        (
            Selection(side=Side.SUPPLIERS),
            "templates",
            "suppliers_only leaves nothing of templates: ask for one of them.",
        ),
        (
            Selection(third_party_ids=frozenset({1})),
            "vat",
            "vat is reckoned over all third parties: leave out third_party_ids, or vat.",
        ),
        (
            Selection(side=Side.CUSTOMERS),
            "numbering",
            "numbering is reckoned over all third parties: leave out clients_only, or numbering.",
        ),
    ],
)
def test_a_choice_that_leaves_nothing_or_a_part_is_refused(selection: Selection, subset: str, message: str) -> None:
    with pytest.raises(ErpError) as caught:
        selection.check({"status", subset})
    assert str(caught.value) == message


def test_payments_of_suppliers_are_read_from_their_invoices() -> None:
    assert Selection().sections("payments") == ("invoices", "third_parties")
    assert Selection(side=Side.SUPPLIERS).sections("payments") == ("supplier_invoices", "third_parties")
