#!/usr/bin/python
# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: erp_backup
short_description: Back up a Dolibarr database and its documents as one restore point
version_added: 0.1.0
description:
  - Makes one restore point in an S3-compatible bucket, from a consistent snapshot of the PostgreSQL database and the documents directory.
  - The dump, the row counts, the content digests and the business figures are all taken in one snapshot. Documents are read after it.
  - Documents whose content is stored already are not sent again, whatever their name. A database whose durable content did not change is not
    dumped again until O(full_interval_days) has passed. One that holds large objects is dumped each time.
  - Every object is proven to be in the store before the manifest is written. Without a manifest there is no restore point, so a run that is
    stopped anywhere leaves nothing that looks like a backup, and the next run needs no hand.
  - A second run while one is under way is refused.
author:
  - arcodange.erp contributors (@arcodange)
extends_documentation_fragment:
  - arcodange.erp.attributes
  - arcodange.erp.database
  - arcodange.erp.database.programs
  - arcodange.erp.database.session
  - arcodange.erp.object_store
attributes:
  check_mode:
    support: full
    details: Says what would be stored. Nothing is written anywhere and no lock is taken.
  diff_mode:
    support: full
    details: Shows the tables and documents that changed since the newest restore point.
  idempotent:
    support: full
    details: Each run writes a manifest. It reports a change when anything else was stored.
options:
  instance_id:
    description:
      - What identifies this Dolibarr for as long as its restore points are kept, across new servers, names and versions.
      - A prefix that holds restore points of another instance is refused.
    type: str
    required: true
  environment_name:
    description: Name of the environment, recorded in the manifest.
    type: str
    required: true
  documents_path:
    description:
      - Dolibarr's documents directory, on the host where the module runs.
      - What restores keep directly in it (C(.erp_restore)), and C(lost+found) where it is a mount point, are not documents.
    type: path
    required: true
  exclude:
    description:
      - Shell patterns of documents to leave out, matched against the path below O(documents_path) with a slash before it.
      - Dolibarr regenerates what lies in C(temp) directories.
    type: list
    elements: str
    default: ["*/temp/*"]
  unreadable:
    description: Whether documents that cannot be read fail the run or are listed in RV(skipped_documents).
    type: str
    choices: [fail, warn]
    default: fail
  full_interval_days:
    description: After so many days the database is dumped although its durable content did not change.
    type: float
    default: 7
  instance_unique_id:
    description:
      - The value of C($dolibarr_main_instance_unique_id) in C(conf.php), on which encrypted fields depend.
      - Only a keyed fingerprint of it is stored, so that a restore under another value can be told.
    type: str
  progress_file:
    description: Where to write how far the run has come, once a second. Set by the action plugin of the same name.
    type: path
requirements:
  - zstandard >= 0.21
seealso:
  - module: arcodange.erp.erp_backup_info
  - module: arcodange.erp.s3_tiered_prune
"""

EXAMPLES = r"""
- name: Back up Dolibarr
  arcodange.erp.erp_backup:
    instance_id: atelier-lumen
    environment_name: prod
    db_host: db.example.com
    db_name: erp
    db_user: erp_backup
    db_passfile: /etc/erp/pgpass
    db_sslmode: verify-full
    documents_path: /var/www/documents
    s3_endpoint: https://storage.googleapis.com
    s3_bucket: example-erp-backups
    s3_prefix: erp/prod
    s3_credentials_file: /etc/erp/s3-credentials
  register: backup
"""

RETURN = r"""
outcome:
  description: V(unchanged) when nothing but a manifest was stored, V(done) otherwise; V(refused) and V(failed) come with a failure.
  returned: always
  type: str
  sample: done
restore_point:
  description: Id of the restore point, the instant of its database snapshot in UTC.
  returned: success
  type: str
  sample: 20261120T040000Z
summary:
  description: The manifest, without the digests of single tables.
  returned: success
  type: dict
stored:
  description: Objects stored by this run besides the manifest, with key, size in bytes and SHA-256. In check mode, those it would store.
  returned: success
  type: list
  elements: dict
bytes_stored:
  description: Size of the objects stored by this run.
  returned: success
  type: int
skipped_documents:
  description: Documents that were not taken, each with its path and the reason.
  returned: success
  type: list
  elements: dict
"""

from datetime import timedelta
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.arcodange.erp.plugins.module_utils.arguments import (
    database_options,
    database_spec,
    object_store_spec,
    require_libraries,
    store_options,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.documents import DocumentsOptions
from ansible_collections.arcodange.erp.plugins.module_utils.backup.run import BackupOptions, run_backup
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

LONGEST_INTERVAL = 36525  # days
SPEC = {
    "instance_id": {"type": "str", "required": True},
    "environment_name": {"type": "str", "required": True},
    "documents_path": {"type": "path", "required": True},
    "exclude": {"type": "list", "elements": "str", "default": ["*/temp/*"]},
    "unreadable": {"type": "str", "choices": ["fail", "warn"], "default": "fail"},
    "full_interval_days": {"type": "float", "default": 7},
    "instance_unique_id": {"type": "str", "no_log": True},
    "progress_file": {"type": "path"},
}


def build(params: dict[str, Any]) -> BackupOptions:
    """Turn the options of the module into those of a run. Raises ``ErpError`` for one that makes no sense."""
    days = params["full_interval_days"]
    if not 0 <= days <= LONGEST_INTERVAL:
        raise ErpError(f"The option full_interval_days is {days}: give a number from 0 to {LONGEST_INTERVAL}.")
    return BackupOptions(
        store=store_options(params),
        database=database_options(params),
        documents=DocumentsOptions(params["documents_path"], tuple(params["exclude"]), params["unreadable"]),
        instance_id=params["instance_id"],
        environment=params["environment_name"],
        full_interval=timedelta(days=days),
        bindir=params["pg_bindir"],
        unique_id=params["instance_unique_id"],
        progress_file=params["progress_file"],
    )


def main() -> None:
    module = AnsibleModule({**object_store_spec(), **database_spec(), **SPEC}, supports_check_mode=True)
    require_libraries(module, "boto3", "psycopg", "zstandard")
    try:
        result = run_backup(build(module.params), module.check_mode)
    except ErpError as error:
        module.fail_json(msg=str(error), outcome=error.outcome, **error.facts)
    for warning in result.warnings:
        module.warn(warning)
    facts = result.to_facts()
    module.exit_json(diff=result.diff, **facts) if module._diff else module.exit_json(**facts)


if __name__ == "__main__":
    main()
