#!/usr/bin/python
# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: erp_check
short_description: Say whether everything is still true that must be true
version_added: 0.1.0
description:
  - Joins everything into one table with one outcome; restore points fresh and verified, data covered by them and by Longhorn, volumes not full,
    every object the owner's, Vault unsealed, credentials not about to expire, the rights of the key sufficient, Dolibarr's installer shut, its
    certificate good.
  - What cannot be read is V(undetermined) and never a pass.
author:
  - arcodange.erp contributors (@arcodange)
extends_documentation_fragment:
  - arcodange.erp.attributes
  - arcodange.erp.kubernetes
  - arcodange.erp.stack
  - arcodange.erp.dolibarr
attributes:
  check_mode:
    support: full
    details: Reads everything and writes no file.
  diff_mode:
    support: full
    details: Shows what changes in O(dest).
  idempotent:
    support: partial
    details: The file holds ages and the time of the check, so each run writes it.
options:
  namespace:
    description: Namespace of the ERP. Without one, nothing of a cluster is checked.
    type: str
  restore_points:
    description: What M(arcodange.erp.erp_backup_info) said, asked for the documents C(install.lock).
    type: dict
    default: {}
  restore_points_error:
    description: Why it said nothing.
    type: str
  database:
    description: What M(arcodange.erp.erp_database_info) said.
    type: dict
    default: {}
  database_error:
    description: Why it said nothing.
    type: str
  documents_path:
    description: Dolibarr's documents directory, where the module can see it.
    type: path
  max_restore_point_hours:
    description: Age from which the newest restore point is too old.
    type: float
    default: 26
  max_verified_days:
    description: Age from which the newest restore point that was verified is too old.
    type: float
    default: 8
  max_longhorn_backup_days:
    description: Age from which Longhorn's last backup of a volume is too old.
    type: float
    default: 11
  certificate_warning_days:
    description: Days that the certificate of O(dolibarr_url) must last, else it is a warning.
    type: int
    default: 21
  certificate_error_days:
    description: The same for an error.
    type: int
    default: 7
  dest:
    description: File to write RV(check) to as JSON, with mode V(0600).
    type: path
seealso:
  - module: arcodange.erp.erp_cluster_info
  - module: arcodange.erp.erp_backup_info
  - module: arcodange.erp.erp_database_info
"""

EXAMPLES = r"""
- name: Ask for the restore points
  arcodange.erp.erp_backup_info:
    instance_id: atelier-lumen
    documents: [install.lock]
    s3_bucket: example-erp-backups
    s3_prefix: erp/prod
    s3_credentials_file: /etc/erp/s3-credentials
  register: points

- name: Check
  arcodange.erp.erp_check:
    restore_points: "{{ points }}"
    documents_path: /var/www/documents
    dolibarr_url: https://erp.example.com
    dolibarr_api_key_file: /etc/erp/dolibarr-key
    dest: /var/lib/erp/check.json
"""

RETURN = r"""
outcome:
  description: V(unchanged) when all is well, V(findings) otherwise; V(failed) comes with a failure.
  returned: always
  type: str
  sample: findings
check:
  description: The whole check.
  returned: success
  type: dict
  contains:
    state:
      description: The worst state, of V(error), V(undetermined), V(warning) and V(pass).
      type: str
    checked:
      description: When.
      type: str
    counts:
      description: How many there are of each state.
      type: dict
    checks:
      description: Everything that was checked, the worst first, each with C(check), C(state), C(subject), C(message) and C(advice).
      type: list
      elements: dict
table:
  description: The same as lines for a person.
  returned: success
  type: list
  elements: str
msg:
  description: The outcome in a sentence.
  returned: always
  type: str
"""

from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.arcodange.erp.plugins.module_utils.arguments import (
    kubernetes_options,
    kubernetes_spec,
    require_libraries,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.client import connect
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.check import run_check
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.options import check_options, stack_spec

SPEC: dict[str, Any] = {
    "restore_points": {"type": "dict", "default": {}},
    "restore_points_error": {"type": "str"},
    "database": {"type": "dict", "default": {}},
    "database_error": {"type": "str"},
    "documents_path": {"type": "path"},
    "max_restore_point_hours": {"type": "float", "default": 26},
    "max_verified_days": {"type": "float", "default": 8},
    "max_longhorn_backup_days": {"type": "float", "default": 11},
    "certificate_warning_days": {"type": "int", "default": 21},
    "certificate_error_days": {"type": "int", "default": 7},
    "dest": {"type": "path"},
}


def main() -> None:
    module = AnsibleModule({**kubernetes_spec(), **stack_spec(), **SPEC}, supports_check_mode=True)
    require_libraries(module, "requests", *(["kubernetes"] if module.params["namespace"] else []))
    require_libraries(module, *(["hvac"] if module.params["vault_addresses"] else []))
    try:
        options = check_options(module.params)
        cluster = connect(kubernetes_options(module.params), dry_run=True) if options.watched else None
        facts = run_check(cluster, options, module.check_mode, datetime.now(UTC))
    except ErpError as error:
        module.fail_json(msg=str(error), outcome=error.outcome, **error.facts)
    module.exit_json(**facts)


if __name__ == "__main__":
    main()
