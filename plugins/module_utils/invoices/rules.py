# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All rules, in the order of a report."""

from __future__ import annotations

from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rules_buyer import BUYER_RULES
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rules_document import DOCUMENT_RULES
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rules_lines import LINE_RULES
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rules_payment import PAYMENT_RULES
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rules_seller import SELLER_RULES
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rules_types import TYPE_RULES
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.rules_vat import VAT_RULES

RULES = (*DOCUMENT_RULES, *SELLER_RULES, *BUYER_RULES, *LINE_RULES, *PAYMENT_RULES, *VAT_RULES, *TYPE_RULES)
RULES_BY_ID = {rule.id: rule for rule in RULES}
