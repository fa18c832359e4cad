#!/usr/bin/python
# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: erp_secret_sync
short_description: Have the Vault Secrets Operator write database credentials anew
version_added: 0.1.0
description:
  - Deletes the Secret that a VaultDynamicSecret fills, so that the operator asks Vault for new credentials, and waits for them. After Vault was
    sealed the operator would otherwise come to it only when most of the lease is over.
  - Nothing in the Secret is read.
author:
  - arcodange.erp contributors (@arcodange)
extends_documentation_fragment:
  - arcodange.erp.attributes
  - arcodange.erp.kubernetes
attributes:
  check_mode:
    support: full
    details: Says whether it would be deleted.
  diff_mode:
    support: full
    details: Shows version and time of the credentials before and after.
  idempotent:
    support: full
    details: Credentials that are no longer those of O(not_version) are left alone.
options:
  namespace:
    description: Namespace of the ERP.
    type: str
    required: true
  secret:
    description: The Secret.
    type: str
    required: true
  not_version:
    description: RV(arcodange.erp.erp_cluster_info#module:secret_version) of the credentials that are not good.
    type: str
    required: true
  timeout:
    description: Seconds to wait for new ones.
    type: float
    default: 120
notes:
  - Stop the ERP before. Credentials that it still uses end with their lease.
seealso:
  - module: arcodange.erp.erp_cluster_info
"""

EXAMPLES = r"""
- name: Look
  arcodange.erp.erp_cluster_info:
    namespace: erp
    secret: vso-db-credentials
  register: stack

- name: Have new credentials written
  arcodange.erp.erp_secret_sync:
    namespace: erp
    secret: vso-db-credentials
    not_version: "{{ stack.secret_version }}"
"""

RETURN = r"""
outcome:
  description: V(done), or V(unchanged) when there are other credentials already; V(refused) and V(failed) come with a failure.
  returned: always
  type: str
  sample: done
renewed:
  description: When the operator wrote them.
  returned: success
  type: str
  sample: "2026-11-20T04:00:00+00:00"
lease_seconds:
  description: How long they last.
  returned: success
  type: int
  sample: 3600
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.arcodange.erp.plugins.module_utils.arguments import (
    kubernetes_options,
    kubernetes_spec,
    require_libraries,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.client import connect
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.secret_sync import SyncOptions, sync_secret

SPEC: dict[str, Any] = {
    "namespace": {"type": "str", "required": True},
    "secret": {"type": "str", "required": True, "no_log": False},
    "not_version": {"type": "str", "required": True},
    "timeout": {"type": "float", "default": 120},
}


def main() -> None:
    module = AnsibleModule({**kubernetes_spec(), **SPEC}, supports_check_mode=True)
    require_libraries(module, "kubernetes")
    try:
        options = SyncOptions(**{name: module.params[name] for name in SPEC})
        cluster = connect(kubernetes_options(module.params), module.check_mode)
        facts = sync_secret(cluster, options, module.check_mode)
    except ErpError as error:
        module.fail_json(msg=str(error), outcome=error.outcome, **error.facts)
    module.exit_json(**facts)


if __name__ == "__main__":
    main()
