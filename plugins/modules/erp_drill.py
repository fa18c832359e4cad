#!/usr/bin/python
# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: erp_drill
short_description: Restore a restore point for nobody's use, and ask it what an accountant would ask
version_added: 0.1.0
description:
  - Restores a restore point into a scratch database and directory, compares every table, figure and file with the manifest, asks the
    business questions, compares with what is live, writes a record beside the manifest, and drops the scratch.
  - The business questions are whether the PDF of every issued invoice is there and is the one Dolibarr recorded, whether debit equals credit,
    whether the numbering has holes, and whether the chain of C(llx_blockedlog) is whole and goes on in the next restore point.
  - A drill without a difference makes the restore point verified.
author:
  - arcodange.erp contributors (@arcodange)
extends_documentation_fragment:
  - arcodange.erp.attributes
  - arcodange.erp.database.admin
  - arcodange.erp.database.programs
  - arcodange.erp.database.session
  - arcodange.erp.object_store
attributes:
  check_mode:
    support: full
    details: Checks what is checked before a restore. Nothing is restored and no record is written.
  diff_mode:
    support: none
    details: A drill changes nothing but a record.
  idempotent:
    support: none
    details: Each drill writes a record of its own.
options:
  instance_id:
    description: The instance whose restore points these are. Those of another one are refused.
    type: str
    required: true
  backup_id:
    description:
      - The restore point, as an id, V(latest), V(latest_verified), an instant such as C(2026-03-31 18:00 Europe/Paris), or V(random) for an
        older one, of those never read in full if there are any.
    type: str
    default: latest
  documents_path:
    description: Dolibarr's live documents directory.
    type: path
    required: true
  scratch_path:
    description:
      - Directory in which the documents are restored for the drill. Beside O(documents_path) when absent.
      - Needed where O(documents_path) is a mount point, because what lies beside it is another file system.
    type: path
  compare_live:
    description: Whether to look for issued invoices, their PDFs and tables that are no longer as they were backed up.
    type: bool
    default: true
  progress_file:
    description: Where to write how far the run has come, once a second. Set by the action plugin of the same name.
    type: path
requirements:
  - zstandard >= 0.21
seealso:
  - module: arcodange.erp.erp_restore
  - module: arcodange.erp.erp_backup_info
"""

EXAMPLES = r"""
- name: Prove the newest restore point
  arcodange.erp.erp_drill:
    instance_id: atelier-lumen
    db_host: db.example.com
    db_name: erp
    db_user: erp_admin
    db_passfile: /etc/erp/pgpass
    db_owner: erp_owner
    documents_path: /var/www/documents
    scratch_path: /var/tmp
    s3_endpoint: https://storage.googleapis.com
    s3_bucket: example-erp-backups
    s3_prefix: erp/prod
    s3_credentials_file: /etc/erp/s3-credentials
  register: drill
"""

RETURN = r"""
outcome:
  description: V(findings) when something is not as it must be, V(done) otherwise; V(refused) and V(failed) come with a failure.
  returned: always
  type: str
  sample: done
restore_point:
  description: Id of the restore point.
  returned: success
  type: str
  sample: 20261120T040000Z
age_hours:
  description: How old its data is.
  returned: success
  type: float
findings:
  description: What is wrong with the restore point, one entry a thing, each with a sentence that names the object, the invoice and the customer.
  returned: success
  type: list
  elements: dict
live_findings:
  description: What is live and no longer as it was backed up although it should be.
  returned: success
  type: list
  elements: dict
durations:
  description: Seconds that restoring each half, both, and the whole drill took.
  returned: success
  type: dict
unknown:
  description: What could not be found out beforehand.
  returned: success
  type: list
  elements: str
"""

from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.arcodange.erp.plugins.module_utils.arguments import (
    database_admin_spec,
    object_store_spec,
    require_libraries,
    store_options,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.restore.drill import DrillOptions, run_drill
from ansible_collections.arcodange.erp.plugins.module_utils.restore.options import target_options

SPEC = {
    "instance_id": {"type": "str", "required": True},
    "backup_id": {"type": "str", "default": "latest"},
    "documents_path": {"type": "path", "required": True},
    "scratch_path": {"type": "path"},
    "compare_live": {"type": "bool", "default": True},
    "progress_file": {"type": "path"},
}


def build(params: dict[str, Any]) -> DrillOptions:
    """Turn the options of the module into those of a drill."""
    target = target_options(params)
    if target is None:
        raise ErpError("A drill needs db_host, db_name and db_user: set them.")
    return DrillOptions(
        store=store_options(params),
        instance_id=params["instance_id"],
        backup_id=params["backup_id"],
        target=target,
        database=params["db_name"],
        documents=params["documents_path"],
        scratch=params["scratch_path"],
        compare_live=params["compare_live"],
        progress_file=params["progress_file"],
    )


def main() -> None:
    module = AnsibleModule({**object_store_spec(), **database_admin_spec(), **SPEC}, supports_check_mode=True)
    require_libraries(module, "boto3", "psycopg", "zstandard")
    try:
        facts = run_drill(build(module.params), module.check_mode, datetime.now(UTC))
    except ErpError as error:
        module.fail_json(msg=str(error), outcome=error.outcome, **error.facts)
    module.exit_json(**facts)


if __name__ == "__main__":
    main()
