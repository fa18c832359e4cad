# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # What the ERP consists of: its part of a cluster, Vault, and its address.
    DOCUMENTATION = r"""
options:
  namespace:
    description: Namespace of the ERP.
    type: str
  deployment:
    description: Its Deployment.
    type: str
    default: erp
  claims:
    description:
      - Claims whose data must not be lost, that of the documents first.
      - One of another namespace is given as V(namespace/claim).
    type: list
    elements: str
    default: []
  secret:
    description: Secret with the database credentials, which the Vault Secrets Operator rotates. Only its metadata is looked at.
    type: str
  vault_addresses:
    description: Address of each replica of Vault or OpenBao itself. Nothing is asked of Vault when empty.
    type: list
    elements: str
    default: []
  vault_ca_bundle:
    description: Certificates of the authorities to trust for O(vault_addresses), as a PEM file.
    type: path
  vault_timeout:
    description: Seconds to wait for an answer of a replica.
    type: float
    default: 5
  vault_namespace:
    description: Namespace of Vault's pods, which become ready when it is unsealed.
    type: str
  vault_pod_labels:
    description: Labels of Vault's pods.
    type: dict
    default: {app.kubernetes.io/name: vault}
  dolibarr_url:
    description: Address of Dolibarr. It is asked nothing when absent.
    type: str
    required: false
requirements:
  - hvac >= 2.3
"""
