#!/usr/bin/python
# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: erp_quiesce
short_description: Stop an application on Kubernetes so that nothing starts it again, and start it as it was
version_added: 0.1.0
description:
  - Holds off what would start the application again (ArgoCD's automated sync, autoscalers, CronJobs), scales its Deployment to 0, and waits
    until no pod is left. A pod that is terminating still writes, so it counts.
  - What there was is recorded in the annotation C(arcodange.erp/quiesced) of the Deployment before anything else is changed, so that a run
    that ended at any point can be finished by another one, on another machine. The record says who made it; only its holder, or a run with
    O(resume), goes on from it.
  - With O(state=running) replicas, sync policies, autoscalers and CronJobs become exactly what the record says, in the reverse order, then the
    record is removed.
  - Before the application is stopped, O(settle) seconds show whether somebody puts back what was held off. If so, everything is put
    back and the run refused. Afterwards as many seconds show whether something scales the application back. It is scaled to 0 three times at most.
author:
  - arcodange.erp contributors (@arcodange)
extends_documentation_fragment:
  - arcodange.erp.attributes
  - arcodange.erp.kubernetes
attributes:
  check_mode:
    support: full
    details: Every write is a dry run of the cluster. Nothing is waited for.
  diff_mode:
    support: full
    details: Shows replicas, sync policies, behaviors of autoscalers and suspended CronJobs before and after.
  idempotent:
    support: full
options:
  state:
    description:
      - V(quiesced) stops the application. V(running) starts it; without a record there is nothing to do.
    type: str
    choices: [quiesced, running]
    required: true
  namespace:
    description: Namespace of the application.
    type: str
    required: true
  deployment:
    description: Name of its Deployment.
    type: str
    required: true
  argocd_applications:
    description:
      - Names of the ArgoCD Applications whose automated sync is held off. One that manages another one goes before it.
      - A Deployment that says which Application manages it is refused unless that one is named.
    type: list
    elements: str
    default: []
  argocd_namespace:
    description: Namespace of the Applications.
    type: str
    default: argocd
  cron_jobs:
    description:
      - Names of the CronJobs to suspend. Left out, those of O(namespace) that mount a claim of the Deployment or carry the same label
        C(app.kubernetes.io/instance).
      - Pods that they have started already are waited for.
    type: list
    elements: str
  holder:
    description:
      - Who stops the application. A record of another holder is refused, also with O(state=running), so that no run starts an
        application that another one is restoring. Two runs that may meet need two holders.
      - User and host where the module runs, unless set.
    type: str
  resume:
    description: Take over the record of another holder, whose run is dead.
    type: bool
    default: false
  replicas:
    description: With O(state=running), how many replicas an application gets that would otherwise stay at 0.
    type: int
  timeout:
    description: Seconds to wait until no pod is left, or until the application is ready.
    type: float
    default: 300
  settle:
    description: Seconds in which whatever puts things back is given the time to do it. Self-heal of ArgoCD takes 5 at most unless configured otherwise.
    type: float
    default: 10
  progress_file:
    description: Where to write how far the run has come, once a second. Set by the action plugin of the same name.
    type: path
notes:
  - A pod of another controller that mounts a claim of the Deployment is refused by name, unless it carries the label
    C(app.kubernetes.io/managed-by=arcodange.erp), as the Jobs of this collection do.
  - Needs the rights to get and patch the Deployment, to list pods, Jobs, CronJobs and autoscalers of O(namespace), to patch the CronJobs and
    autoscalers, and to get and patch the Applications. With the right to get nodes, a pod that stays because its node is lost is reported so.
  - A CronJob whose time passed while it was suspended may run as soon as it is resumed, as its C(startingDeadlineSeconds) says.
seealso:
  - module: arcodange.erp.erp_restore
"""

EXAMPLES = r"""
- name: Restore with nobody writing
  block:
    - name: Stop Dolibarr
      arcodange.erp.erp_quiesce:
        state: quiesced
        namespace: erp
        deployment: erp
        argocd_applications: [erp]
        holder: alice@laptop, restore of 2026-11-20
      delegate_to: localhost

    - name: Restore
      ansible.builtin.include_role:
        name: arcodange.erp.restore
  always:
    - name: Start Dolibarr as it was
      arcodange.erp.erp_quiesce:
        state: running
        namespace: erp
        deployment: erp
        argocd_applications: [erp]
        holder: alice@laptop, restore of 2026-11-20
      delegate_to: localhost

- name: Start Dolibarr again after a run that died
  arcodange.erp.erp_quiesce:
    state: running
    namespace: erp
    deployment: erp
    resume: true
"""

RETURN = r"""
outcome:
  description: V(done) or V(unchanged); V(refused), with nothing left changed, and V(failed) come with a failure.
  returned: always
  type: str
  sample: done
state:
  description: V(quiesced) while there is a record, else V(running). In check mode what would be.
  returned: always
  type: str
  sample: quiesced
holder:
  description: Who made the record, or took it over last.
  returned: always
  type: str
  sample: alice@laptop, restore of 2026-11-20
since:
  description: When the record was made.
  returned: always
  type: str
  sample: "2026-11-20T04:00:00+00:00"
stopped_at:
  description: When the application was scaled to 0; null when it was at 0 already.
  returned: always
  type: str
  sample: "2026-11-20T04:00:11+00:00"
outage_seconds:
  description: Seconds from then to now, or to when the application was ready again.
  returned: always
  type: float
  sample: 92.4
replicas:
  description: The replicas of the record, or of the Deployment when there is none.
  returned: always
  type: int
  sample: 1
held:
  description: By kind and C(namespace/name), the former value of the field that holds off an object, null for none.
  returned: always
  type: dict
  sample:
    applications: {argocd/erp: {prune: true, selfHeal: true}}
    autoscalers: {}
    cron_jobs: {erp/erp-cron: false}
claims:
  description: The claims that the Deployment mounts.
  returned: always
  type: list
  elements: str
  sample: [erp-documents]
pods:
  description: The application's pods before this run stopped it, to know the sessions on the database by.
  returned: always
  type: list
  elements: dict
  sample: [{name: erp-7d4b9c-x2x4z, address: 10.42.0.17, node: node-2}]
own_pods:
  description: Pods of this collection's Jobs that mount a claim of the Deployment.
  returned: always
  type: list
  elements: str
ready_replicas:
  description: How many pods of the application were ready when last looked at.
  returned: always
  type: int
  sample: 0
alarms:
  description: What somebody should look at, for example that the application was scaled back and by whom. Each is also a warning.
  returned: always
  type: list
  elements: str
"""

import getpass
import socket
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.arcodange.erp.plugins.module_utils.arguments import (
    kubernetes_options,
    kubernetes_spec,
    require_libraries,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.client import connect
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce import run_quiesce
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.quiesce_objects import QuiesceOptions

SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["quiesced", "running"], "required": True},
    "namespace": {"type": "str", "required": True},
    "deployment": {"type": "str", "required": True},
    "argocd_applications": {"type": "list", "elements": "str", "default": []},
    "argocd_namespace": {"type": "str", "default": "argocd"},
    "cron_jobs": {"type": "list", "elements": "str"},
    "holder": {"type": "str"},
    "resume": {"type": "bool", "default": False},
    "replicas": {"type": "int"},
    "timeout": {"type": "float", "default": 300},
    "settle": {"type": "float", "default": 10},
    "progress_file": {"type": "path"},
}


def build(params: dict[str, Any]) -> QuiesceOptions:
    """Turn the options of the module into those of the run."""
    chosen = {name: params[name] for name in SPEC}
    chosen["argocd_applications"] = tuple(params["argocd_applications"])
    chosen["cron_jobs"] = None if params["cron_jobs"] is None else tuple(params["cron_jobs"])
    chosen["holder"] = params["holder"] or f"{getpass.getuser()}@{socket.gethostname()}"
    return QuiesceOptions(**chosen)


def main() -> None:
    module = AnsibleModule({**kubernetes_spec(), **SPEC}, supports_check_mode=True)
    require_libraries(module, "kubernetes")
    try:
        cluster = connect(kubernetes_options(module.params), module.check_mode)
        facts = run_quiesce(cluster, build(module.params), module.check_mode)
    except ErpError as error:
        facts = {**error.facts, "outcome": error.outcome, "msg": str(error)}
    for alarm in facts.get("alarms", []):
        module.warn(alarm)
    if not module._diff:
        facts.pop("diff", None)
    if "msg" in facts:
        module.fail_json(**facts)
    module.exit_json(**facts)


if __name__ == "__main__":
    main()
