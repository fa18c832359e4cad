#!/usr/bin/python
# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: erp_cluster_info
short_description: Look at everything the ERP stands on, and say what a recovery would do next
version_added: 0.1.0
description:
  - Reads nodes, pods, claims, Longhorn volumes and replicas, the rotated Secret and its lease, the Deployment, Vault's seals and Dolibarr once,
    says what is not well, how each step of a recovery stands, and which action is next.
  - Nothing is remembered between two runs but what is in the cluster itself, so that a recovery that was stopped anywhere goes on from there.
  - The role P(arcodange.erp.recovery#role) calls it again after each action, with O(journal). What became untrue meanwhile is next then.
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
    details: Only reads.
  diff_mode:
    support: none
    details: Changes nothing.
  idempotent:
    support: full
    details: Changes nothing.
options:
  namespace:
    description: Namespace of the ERP.
    type: str
    required: true
  from_step:
    description:
      - The step to begin with, by name or number, of V(1) V(assess), V(2) V(storage), V(3) V(vault), V(4) V(secrets), V(5) V(database),
        V(6) V(restore), V(7) V(erp), V(8) V(schedules), V(9) V(report).
      - What is before it is still looked at. The ERP is not started on what is known not to be true; what cannot be read is believed.
    type: str
    default: assess
  stop_after:
    description: The last step, by name or number.
    type: str
    default: report
  restore:
    description: The restore point that somebody wants restored.
    type: str
  restored:
    description: The restore point that was restored in this run.
    type: str
  resume:
    description: Take over from a run that stopped the ERP and is dead, though it was no recovery.
    type: bool
    default: false
  database:
    description:
      - What M(arcodange.erp.erp_database_info) said when it logged in with the credentials in O(secret), with C(secret_version) added, the value
        of RV(secret_version) just before. It counts until they are rotated.
    type: dict
    default: {}
  dolibarr_version:
    description: Version of Dolibarr that the data must be of. That in the tag of its image when absent.
    type: str
  journal:
    description: RV(journal) of the look before.
    type: list
    elements: dict
    default: []
  failure:
    description: Why the action failed that the look before decided on.
    type: str
  timeout:
    description: Seconds in which the last action in O(journal) may show its effect.
    type: float
    default: 300
  pause:
    description: Seconds between two readings while waiting for that.
    type: float
    default: 3
seealso:
  - module: arcodange.erp.erp_check
  - module: arcodange.erp.erp_quiesce
"""

EXAMPLES = r"""
- name: See how things stand
  arcodange.erp.erp_cluster_info:
    namespace: erp
    claims: [erp-documents]
    secret: vso-db-credentials
    vault_addresses: [https://vault-0.example.com:8200]
    vault_namespace: tools
  register: stack

- name: Show it
  ansible.builtin.debug:
    var: stack.report
"""

RETURN = r"""
outcome:
  description: V(findings) when something is not well, V(unchanged) otherwise; V(failed) comes with a failure.
  returned: always
  type: str
  sample: findings
steps:
  description: How each step stands.
  returned: success
  type: list
  elements: dict
  contains:
    number:
      description: Its number.
      type: int
    step:
      description: Its name.
      type: str
    state:
      description: V(true), V(false), V(unsafe), V(unknown) or V(not_asked).
      type: str
    would:
      description: What a recovery would do about it; empty for nothing.
      type: str
    message:
      description: Why.
      type: str
    advice:
      description: What a person can do.
      type: str
    undo:
      description: How to take back what the step does.
      type: str
next:
  description:
    - What to do now. C(action) is one of V(wait), V(hold), V(unseal), V(sync), V(probe), V(own), V(restore), V(start), V(stop) and V(end),
      C(step) the step it is for, C(takes_over) tells that somebody stopped the ERP before, C(settles) that it may have been stopped half way
      through a restore, which is to be ended before the ERP is started.
  returned: success
  type: dict
  sample: {action: unseal, step: vault, message: "https://vault-0.example.com:8200 is sealed.", advice: "", takes_over: false, settles: false}
journal:
  description: What was decided so far in this run, with seconds and failures.
  returned: success
  type: list
  elements: dict
checks:
  description: Everything that was looked at, each with C(check), C(state), C(subject), C(message) and C(advice).
  returned: success
  type: list
  elements: dict
findings:
  description: Those of them that are not well, the worst first.
  returned: success
  type: list
  elements: dict
complete:
  description: Whether everything that was asked for is true.
  returned: success
  type: bool
serves:
  description: Whether the ERP is up.
  returned: success
  type: bool
holder:
  description: Who stopped the ERP and has not started it again; empty for nobody.
  returned: success
  type: str
sealed:
  description: Addresses of the replicas of Vault that unseal keys would unseal.
  returned: success
  type: list
  elements: str
secret_version:
  description: Changes with each rotation of the credentials.
  returned: success
  type: str
report:
  description: The lines of a report, found, done, remaining.
  returned: success
  type: list
  elements: str
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
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.look import look
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.options import look_options, stack_spec

SPEC: dict[str, Any] = {
    "namespace": {"type": "str", "required": True},
    "from_step": {"type": "str", "default": "assess"},
    "stop_after": {"type": "str", "default": "report"},
    "restore": {"type": "str"},
    "restored": {"type": "str"},
    "resume": {"type": "bool", "default": False},
    "database": {"type": "dict", "default": {}},
    "dolibarr_version": {"type": "str"},
    "journal": {"type": "list", "elements": "dict", "default": []},
    "failure": {"type": "str"},
    "timeout": {"type": "float", "default": 300},
    "pause": {"type": "float", "default": 3},
}


def main() -> None:
    module = AnsibleModule({**kubernetes_spec(), **stack_spec(), **SPEC}, supports_check_mode=True)
    require_libraries(module, "kubernetes", "requests", "hvac")
    try:
        options = look_options(module.params)
        facts = look(connect(kubernetes_options(module.params), dry_run=True), options)
    except ErpError as error:
        module.fail_json(msg=str(error), outcome=error.outcome, **error.facts)
    module.exit_json(**facts)


if __name__ == "__main__":
    main()
