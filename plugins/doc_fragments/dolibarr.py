# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  dolibarr_url:
    description:
      - Address of Dolibarr, for example V(https://erp.example.com). C(/api/index.php) is added unless it is there.
      - The environment variables E(HTTPS_PROXY) and E(NO_PROXY) are honoured. Redirects are not followed.
    type: str
    required: true
  dolibarr_api_key:
    description:
      - API key of a Dolibarr user who may read, and only read, what is asked for.
      - Read from the environment variable E(DOLIBARR_API_KEY) when absent.
    type: str
  dolibarr_api_key_file:
    description:
      - File that holds the key and nothing else, used instead of O(dolibarr_api_key). Only its owner may read it, as with mode V(0600).
    type: path
  dolibarr_ca_bundle:
    description: Certificates of the authorities to trust, as a PEM file. Those of C(requests) are used when absent.
    type: path
  dolibarr_timeout:
    description: Seconds to wait for a connection, and for each part of an answer.
    type: float
    default: 30
  dolibarr_connections:
    description: Number of requests that may be under way at a time.
    type: int
    default: 4
requirements:
  - requests >= 2.32
"""

    # What Dolibarr does not say and accounting needs.
    ACCOUNTING = r"""
options:
  numbering:
    description: How invoices are numbered. Without masks, the series are told from the references.
    type: dict
    suboptions:
      invoice:
        description: Masks of invoices, the present one first.
        type: list
        elements: str
        default: []
      replacement:
        description: Masks of replacement invoices.
        type: list
        elements: str
        default: []
      credit_note:
        description: Masks of credit notes.
        type: list
        elements: str
        default: []
      deposit:
        description: Masks of deposit invoices.
        type: list
        elements: str
        default: []
      fiscal_month:
        description: Month in which the financial year begins.
        type: int
        default: 1
      series_start:
        description: First number of a series, by its name, where what was before is in another program.
        type: dict
        default: {}
  schedule:
    description: Contractual instalments, compared with the money that came.
    type: list
    elements: dict
    default: []
    suboptions:
      date:
        description: Day on which it is due, as V(YYYY-MM-DD).
        type: str
        required: true
      amount:
        description: Amount, as V(510.00).
        type: str
        required: true
      customer:
        description: Id, customer code or name of the third party who has to pay.
        type: str
        required: true
  self_assessing_customers:
    description: Ids of customers who owe the VAT of the company's invoices themselves, as in building.
    type: list
    elements: int
    default: []
"""
