#!/usr/bin/python
# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dolibarr_facts
short_description: Read a Dolibarr, and say where payments, VAT, third parties, templates and numbering stand
version_added: 0.1.0
description:
  - Reads a Dolibarr over its REST API and returns what it holds, and what accounting makes of it, as C(ansible_facts.dolibarr). Nothing but
    C(GET) is ever sent.
  - Amounts are texts with two decimals, negative on credit notes; days are texts such as V(2026-01-31). Every list is sorted.
  - An empty list means that there is nothing. When the user of the key lacks a right to see all of something, the module fails and names the
    right, before it reads a list.
  - Finding something wrong is not a failure. RV(outcome) is then V(findings) and RV(findings) names each object.
author:
  - arcodange.erp contributors (@arcodange)
extends_documentation_fragment:
  - arcodange.erp.attributes
  - arcodange.erp.dolibarr
  - arcodange.erp.dolibarr.accounting
attributes:
  check_mode:
    support: full
    details: Reads everything and does not write O(dest).
  diff_mode:
    support: full
    details: Shows O(dest) before and after. For a snapshot, shows what differs by object.
  idempotent:
    support: full
    details: Reports a change when O(dest) was written, which a file with the same content is not.
options:
  gather_subset:
    description:
      - What to gather. V(!x) leaves V(x) out, of the others named or of V(all) when no other is named.
      - Known are V(status), V(user) (of the key, with the rights it lacks for each other subset), V(company), V(third_parties) (with their audit),
        V(invoices), V(supplier_invoices), V(payments) (state of each invoice, timeline, months), V(vat), V(templates) (with their health),
        V(numbering), V(bank_accounts), V(products) and V(documents) (files of customers' invoices).
    type: list
    elements: str
    default: [status, user]
  since:
    description:
      - First day, as V(YYYY-MM-DD). Invoices and documents are chosen by the date of the invoice, movements by the day of the payment, VAT by
        the month in which it is due.
      - Third parties, templates and numbering are of all time.
    type: str
  until:
    description: Last day, as V(YYYY-MM-DD).
    type: str
  year:
    description: A whole calendar year, instead of O(since) and O(until).
    type: int
  month:
    description: A whole calendar month, as V(2026-03), or as V(3) with O(year).
    type: str
  third_party_ids:
    description: Only what belongs to these third parties. VAT and numbering are of all, and are refused with it.
    type: list
    elements: int
    default: []
  clients_only:
    description: Only customers.
    type: bool
    default: false
  suppliers_only:
    description: Only suppliers. V(payments) are then those to suppliers.
    type: bool
    default: false
  raw:
    description:
      - Path of one more C(GET) below the API, such as V(/invoices/12?loadlinkedobjects=1), for what has no subset.
      - Its answer is C(ansible_facts.dolibarr.raw), as it came.
    type: str
  details:
    description:
      - Also return every line that VAT was reckoned from, with its treatment, and everything that is due, in C(lines) and C(entries) of V(vat).
      - The reports V(vat_collected) and V(vat_deductible) then show what is due invoice by invoice.
    type: bool
    default: false
  vat:
    description:
      - What the subset V(vat) needs to know and Dolibarr does not say. What is not said is assumed, and listed under C(assumptions).
      - A list of lines holds references of invoices, each for all of its lines, or reference, colon and number of one line, as V(FA2501-0001:2).
    type: dict
    suboptions:
      regime:
        description: Whether the company charges VAT (V(normal)) or is exempt as a small business (V(franchise)).
        type: str
        choices: [normal, franchise]
        default: normal
      on_debits:
        description: Whether VAT on services is due when they are invoiced, by option, and not when they are paid.
        type: bool
        default: false
      suppliers_on_debits:
        description: Ids of suppliers whose invoices say that VAT is due when invoiced.
        type: list
        elements: int
        default: []
      margin:
        description: Lines sold under the margin scheme.
        type: list
        elements: str
        default: []
      disbursements:
        description: Lines that pass on an expense at cost.
        type: list
        elements: str
        default: []
      subcontracted:
        description: Lines of building work sold or bought as a subcontract, for which the customer owes the VAT.
        type: list
        elements: str
        default: []
      fixed_assets:
        description: Lines bought that are fixed assets.
        type: list
        elements: str
        default: []
      not_deductible:
        description: Lines bought whose VAT may not be deducted.
        type: list
        elements: str
        default: []
      exempt_purchases:
        description: Lines bought abroad that are taxed nowhere, such as insurance.
        type: list
        elements: str
        default: []
      supplied_in_france:
        description: Goods that a supplier established abroad delivered from within France.
        type: list
        elements: str
        default: []
      self_assessed_rates:
        description: Rates in percent, by line, at which the customer reckons the VAT itself, where not 20.
        type: dict
        default: {}
      credit_brought_forward:
        description: Line 27 of the return before the first month, as V(223.22).
        type: str
      ca3_lines:
        description: Lines of the form by what feeds them, where they differ from the table of the collection.
        type: dict
        default: {}
  seller_size:
    description: Size of the company, which decides from when on a customer's SIREN must be on its invoices.
    type: str
    choices: [large, mid, sme, micro]
    default: sme
  report:
    description: Table to make of the facts, returned in RV(report). The subset that it shows is gathered too.
    type: str
    choices:
      - numbering
      - payments_by_month
      - payments_state
      - payments_timeline
      - ping
      - snapshot
      - templates
      - third_parties
      - vat_ca3
      - vat_collected
      - vat_deductible
      - vat_summary
      - whoami
  format:
    description:
      - What RV(report) looks like. V(csv) has the rows alone, the others also totals, findings and notes.
      - A snapshot is JSON in O(dest) whatever this says.
    type: str
    choices: [table, json, csv, markdown]
    default: table
  dest:
    description:
      - File on the host that runs the module to write RV(report) to, mode V(0600), whole or not at all.
      - For V(snapshot), the whole read state of the Dolibarr, as canonical JSON.
    type: path
  compare_with:
    description: File of an earlier snapshot. The report V(snapshot) then shows what differs, and V(numbering) also finds numbers that were given again.
    type: path
  fail_on_findings:
    description: Fail when something was found that is more than information. RV(outcome) is V(findings) all the same.
    type: bool
    default: false
  progress_file:
    description: Where to write how far the run has come, once a second. Set by the action plugin of the same name.
    type: path
requirements:
  - python-stdnum >= 2.0
  - tabulate >= 0.9
notes:
  - Figures are a preparation for an accountant and no tax return.
  - Give the module the key of a Dolibarr user who may only read. C(docs/facts.md) lists the rights.
seealso:
  - module: arcodange.erp.erp_backup_info
"""

EXAMPLES = r"""
- name: Who may the key read as, and is Dolibarr there?
  arcodange.erp.dolibarr_facts:
    dolibarr_url: https://erp.example.com
    dolibarr_api_key_file: /etc/erp/dolibarr-key

- name: Which invoices of 2026 are not paid?
  arcodange.erp.dolibarr_facts:
    dolibarr_url: https://erp.example.com
    dolibarr_api_key_file: /etc/erp/dolibarr-key
    gather_subset: [payments]
    year: 2026
  register: erp

- name: Name them
  ansible.builtin.debug:
    msg: "{{ item.ref }} of {{ item.third_party }}: {{ item.outstanding }}, {{ item.days_late }} days late"
  loop: "{{ erp.ansible_facts.dolibarr.payments.state | selectattr('state', 'in', ['UNPAID', 'PARTIAL']) }}"

- name: The lines of the VAT return of a month, for a company that carries a credit forward
  arcodange.erp.dolibarr_facts:
    dolibarr_url: https://erp.example.com
    dolibarr_api_key_file: /etc/erp/dolibarr-key
    report: vat_ca3
    month: 2026-03
    vat:
      credit_brought_forward: "223.22"
      fixed_assets: ["SI2603-0016:1"]

- name: Keep the whole state, readable by its owner alone, and say what changed since last month
  arcodange.erp.dolibarr_facts:
    dolibarr_url: https://erp.example.com
    dolibarr_api_key_file: /etc/erp/dolibarr-key
    report: snapshot
    dest: /var/lib/erp/snapshots/2026-11.json
    compare_with: /var/lib/erp/snapshots/2026-10.json

- name: Fail when a number of an invoice is missing
  arcodange.erp.dolibarr_facts:
    dolibarr_url: https://erp.example.com
    dolibarr_api_key_file: /etc/erp/dolibarr-key
    gather_subset: [numbering]
    fail_on_findings: true
"""

RETURN = r"""
outcome:
  description: V(unchanged), V(done) when O(dest) was written, V(findings) or V(failed).
  returned: always
  type: str
  sample: findings
msg:
  description: How many findings of which severity there are, in words.
  returned: always
  type: str
  sample: "Found 1 error, 2 warnings: number-gap, payment-overpaid, third-party-zip-missing."
findings:
  description:
    - What should be otherwise, each with C(subset), C(check), C(severity) (V(error), V(warning) or V(info)), C(subject), C(message)
      and the same in French C(message_fr).
    - Of the subsets asked for. The reports that only list (payments by date and month, VAT by line, V(snapshot)) add none.
  returned: success
  type: list
  elements: dict
  sample:
    - subset: payments
      check: payment-overpaid
      severity: warning
      subject: FA2509-0016
      message: "FA2509-0016 was settled with 120.00 too much: pay it back, or convert it into a discount for a later invoice."
      message_fr: "FA2509-0016 : 120,00 € réglés en trop, à rembourser ou à convertir en réduction sur une facture à venir."
report:
  description: The table that O(report) asked for, in O(format).
  returned: when O(report) was given
  type: str
ansible_facts:
  description: The facts.
  returned: success
  type: dict
  contains:
    dolibarr:
      description: The subsets asked for, by name.
      type: dict
      sample:
        status: {version: 22.0.4, access_locked: false}
        user: {id: 3, login: ai_agent, is_admin: false, rights: [facture.lire, societe.lire], missing_rights: {}}
"""

from datetime import datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.arcodange.erp.plugins.module_utils.arguments import (
    dolibarr_options,
    dolibarr_spec,
    require_libraries,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.fact_options import FACTS_SPEC, facts_request
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.request import choose_subsets
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.run import Output, read_facts
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError


def output(params: dict[str, Any]) -> Output:
    """What to make of the facts."""
    names = ("report", "format", "dest", "compare_with")
    return Output(choose_subsets(params["gather_subset"]), **{name: params[name] for name in names})


def main() -> None:
    module = AnsibleModule({**dolibarr_spec(), **FACTS_SPEC}, supports_check_mode=True)
    params = module.params
    require_libraries(module, "requests", "stdnum", "tabulate")
    try:
        result = read_facts(
            dolibarr_options(params),
            facts_request(params),
            output(params),
            datetime.now().astimezone(),
            module.check_mode,
            params["progress_file"],
        )
    except ErpError as error:
        module.fail_json(msg=str(error), outcome=error.outcome, **error.facts)
    if not module._diff:
        result.pop("diff", None)
    if params["fail_on_findings"] and result["outcome"] == "findings":
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
