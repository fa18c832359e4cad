#!/usr/bin/python
# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: erp_job
short_description: Run another module of this collection in a Kubernetes Job
version_added: 0.1.0
description:
  - Makes a Job whose pod mounts the documents and talks to the database and the bucket itself, waits for it, and returns what the module in it
    found, as if it had run here. Data never passes through this machine, nor through an exec stream.
  - The result comes from the pod's termination message, which holds 4096 bytes. Of a longer one the largest lists and blocks are cut, and
    RV(cut) says which; the whole result is the last line of the pod's log.
  - Secrets that no Secret of the cluster holds are given to the pod in a transient Secret, which belongs to the Job and is deleted whatever
    happens.
  - A second Job that writes for the same environment is refused while somebody waits for the first. One that a stopped run left is waited for, and
    what that run could not remove is removed.
author:
  - arcodange.erp contributors (@arcodange)
extends_documentation_fragment:
  - arcodange.erp.attributes
  - arcodange.erp.kubernetes
attributes:
  check_mode:
    support: partial
    details: The cluster is asked whether it would take the Job, as a dry run. The module itself does not run, so what it would find is not known.
  diff_mode:
    support: full
    details: Shows the differences of the module in the Job; in check mode, the Job that would run.
  idempotent:
    support: partial
    details: As much as O(job_module) is.
options:
  environment_name:
    description: Name of the environment. One Job at a time writes for it.
    type: str
    required: true
  job_module:
    description: The module to run.
    type: str
    choices: [erp_backup, erp_backup_info, erp_database_info, erp_drill, erp_restore, pg_reassign_owned, s3_tiered_prune]
    required: true
  job_options:
    description: Its options, but for those that are secret. They can be read in the Job.
    type: dict
    default: {}
  job_check_mode:
    description: Whether the module in the Job runs in check mode. The documents are mounted read-only then.
    type: bool
    default: false
  namespace:
    description: Where the Job runs. The claim and the Secrets are there, too.
    type: str
    required: true
  image:
    description: An image with this collection, Python and the client programs of PostgreSQL, such as C(Containerfile) of this collection describes.
    type: str
    required: true
  image_pull_policy:
    description: When the image is fetched.
    type: str
    choices: [Always, IfNotPresent, Never]
    default: IfNotPresent
  image_pull_secrets:
    description: Names of the Secrets with the credentials of the image's registry.
    type: list
    elements: str
    default: []
  service_account:
    description: Service account of the pod. It needs no right; its token is not mounted.
    type: str
  documents_claim:
    description:
      - The claim that holds Dolibarr's documents. Mounted read-only for a backup and a drill.
      - When only one node at a time can mount it and another pod uses it, the Job's pod is sent to that node.
    type: str
  documents_mount:
    description: Where the claim is mounted. The module's C(documents_path) when absent, for a claim whose root is the documents directory.
    type: path
  wait_for_claim:
    description: Whether to wait until no other pod uses O(documents_claim). A restore wants that.
    type: bool
    default: false
  ca_config_map:
    description: A ConfigMap with certificates of authorities to trust, mounted at C(/etc/arcodange-erp/ca).
    type: str
  scratch_size:
    description: Largest size of the directory in which a drill restores, such as V(20Gi). Not limited when absent.
    type: str
  resources:
    description: Requests and limits of the container.
    type: dict
    default: {}
  node_selector:
    description: Labels of the nodes on which the pod may run. None are needed for the processor; the image is for arm64 and amd64.
    type: dict
    default: {}
  tolerations:
    description: Taints of nodes that the pod tolerates.
    type: list
    elements: dict
    default: []
  run_as_user:
    description: Number of the user who runs the work. V(33) is the web server's in Debian and in Dolibarr's image.
    type: int
    default: 33
  run_as_group:
    description: Number of its group.
    type: int
    default: 33
  fs_group:
    description: Group that the cluster gives a volume mounted for writing. A volume's files are left alone when absent.
    type: int
  db_secret:
    description: The Secret with the database's credentials, read when the pod starts, so always the newest.
    type: dict
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      user_key:
        description: Which entry is the user.
        type: str
        default: username
      password_key:
        description: Which entry is the password.
        type: str
        default: password
  db_user:
    description: Role to connect to the database as, when there is no O(db_secret).
    type: str
  db_password:
    description: Its password.
    type: str
  s3_secret:
    description: The Secret with the credentials of the object store.
    type: dict
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      access_key:
        description: Which entry is the access key.
        type: str
        default: access_key
      secret_key:
        description: Which entry is the secret key.
        type: str
        default: secret_key
  s3_access_key:
    description: Access key, when there is no O(s3_secret).
    type: str
  s3_secret_key:
    description: Secret key.
    type: str
  instance_unique_id:
    description: The option of this name of O(job_module).
    type: str
  deadline:
    description: Seconds after which the cluster ends the Job.
    type: int
    default: 14400
  keep:
    description: Seconds that the cluster keeps a Job that has ended, with its log.
    type: int
    default: 86400
  start_timeout:
    description: Seconds for the pod to start, in which a volume must become free and the image be fetched.
    type: float
    default: 300
  poll_interval:
    description: Seconds between two looks at the Job.
    type: float
    default: 2
  progress_file:
    description: Where to write how far the run has come, once a second. Set by the action plugin of the same name.
    type: path
seealso:
  - module: arcodange.erp.erp_backup
  - module: arcodange.erp.erp_restore
  - module: arcodange.erp.erp_quiesce
"""

EXAMPLES = r"""
- name: Back up an ERP that runs in a cluster
  arcodange.erp.erp_job:
    environment_name: prod
    namespace: erp
    image: example.com/erp-tools:0.1.0
    documents_claim: erp-documents
    db_secret:
      name: erp-database
    s3_secret:
      name: erp-backup-bucket
    job_module: erp_backup
    job_options:
      environment_name: prod
      instance_id: atelier-lumen
      db_host: postgres.example.com
      db_name: erp
      documents_path: /var/www/documents
      s3_endpoint: https://storage.googleapis.com
      s3_bucket: example-erp-backups
      s3_prefix: erp/prod
  register: backup
"""

RETURN = r"""
outcome:
  description: That of the module in the Job; V(failed) also when it left no result.
  returned: always
  type: str
  sample: done
job:
  description: The Job, its pod and node, and how long it took in seconds.
  returned: when a Job was, or in check mode would be, made
  type: dict
  sample: {name: erp-prod-backup-1f0c22ab, namespace: erp, pod: erp-prod-backup-1f0c22ab-x7k2p, node: pi2, seconds: 41.3}
pod_log:
  description: The last lines of the pod's log.
  returned: when the module in the Job failed
  type: list
  elements: str
cut:
  description: What of the result did not fit, with the length it had.
  returned: when something did not fit
  type: dict
  sample: {summary.business: 8}
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
from ansible_collections.arcodange.erp.plugins.module_utils.job_entry import WORK
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.client import connect
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.job import run_job
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.job_options import job_options

NAMED = {"type": "str", "required": True}
SPEC: dict[str, Any] = {
    "environment_name": {"type": "str", "required": True},
    "job_module": {"type": "str", "choices": sorted(WORK), "required": True},
    "job_options": {"type": "dict", "default": {}},
    "job_check_mode": {"type": "bool", "default": False},
    "namespace": {"type": "str", "required": True},
    "image": {"type": "str", "required": True},
    "image_pull_policy": {"type": "str", "choices": ["Always", "IfNotPresent", "Never"], "default": "IfNotPresent"},
    "image_pull_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "service_account": {"type": "str"},
    "documents_claim": {"type": "str"},
    "documents_mount": {"type": "path"},
    "wait_for_claim": {"type": "bool", "default": False},
    "ca_config_map": {"type": "str"},
    "scratch_size": {"type": "str"},
    "resources": {"type": "dict", "default": {}},
    "node_selector": {"type": "dict", "default": {}},
    "tolerations": {"type": "list", "elements": "dict", "default": []},
    "run_as_user": {"type": "int", "default": 33},
    "run_as_group": {"type": "int", "default": 33},
    "fs_group": {"type": "int"},
    "db_secret": {
        "type": "dict",
        "no_log": False,
        "options": {
            "name": NAMED,
            "user_key": {"type": "str", "default": "username", "no_log": False},
            "password_key": {"type": "str", "default": "password", "no_log": False},
        },
    },
    "db_user": {"type": "str"},
    "db_password": {"type": "str", "no_log": True},
    "s3_secret": {
        "type": "dict",
        "no_log": False,
        "options": {
            "name": NAMED,
            "access_key": {"type": "str", "default": "access_key", "no_log": False},
            "secret_key": {"type": "str", "default": "secret_key", "no_log": False},
        },
    },
    "s3_access_key": {"type": "str", "no_log": False},
    "s3_secret_key": {"type": "str", "no_log": True},
    "instance_unique_id": {"type": "str", "no_log": True},
    "deadline": {"type": "int", "default": 14400},
    "keep": {"type": "int", "default": 86400},
    "start_timeout": {"type": "float", "default": 300},
    "poll_interval": {"type": "float", "default": 2},
    "progress_file": {"type": "path"},
}


def main() -> None:
    module = AnsibleModule(
        {**kubernetes_spec(), **SPEC},
        mutually_exclusive=[("db_secret", "db_password"), ("s3_secret", "s3_secret_key")],
        supports_check_mode=True,
    )
    require_libraries(module, "kubernetes")
    params = module.params
    try:
        options = job_options(params, f"{getpass.getuser()}@{socket.gethostname()}", module._diff)
        cluster = connect(kubernetes_options(params), module.check_mode)
        result, warnings = run_job(cluster, options, module.check_mode, params["progress_file"])
    except ErpError as error:
        module.fail_json(msg=str(error), outcome=error.outcome, **error.facts)
    for warning in [*warnings, *result.pop("warnings", [])]:
        module.warn(warning)
    if not module._diff:
        result.pop("diff", None)
    module.fail_json(**result) if result.get("failed") else module.exit_json(**result)


if __name__ == "__main__":
    main()
