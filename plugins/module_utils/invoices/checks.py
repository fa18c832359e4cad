# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks that rules name."""

from __future__ import annotations

from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks_buyer import BUYER_CHECKS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks_document import DOCUMENT_CHECKS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks_figures import FIGURE_CHECKS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks_legal_form import LEGAL_FORM_CHECKS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks_lines import LINE_CHECKS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks_payment import PAYMENT_CHECKS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks_rest import REST_CHECKS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks_seller import SELLER_CHECKS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks_types import TYPE_CHECKS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.checks_vat import VAT_CHECKS
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rule import Check

CHECKS: dict[str, Check] = {
    **SELLER_CHECKS,
    **LEGAL_FORM_CHECKS,
    **BUYER_CHECKS,
    **DOCUMENT_CHECKS,
    **LINE_CHECKS,
    **FIGURE_CHECKS,
    **PAYMENT_CHECKS,
    **VAT_CHECKS,
    **TYPE_CHECKS,
    **REST_CHECKS,
}
