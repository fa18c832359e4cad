#!/usr/bin/python
# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: erp_restore
short_description: Bring a restore point back, provably and undoably
version_added: 0.1.0
description:
  - Restores the database and the documents of a restore point beside what is live, compares both with the manifest, and only then switches
    them by renaming. What was live stays beside it, and O(undo) makes it live again.
  - Everything that can be known beforehand is checked before any change. A run that is stopped anywhere leaves what is live complete, and the
    next one goes on or takes back what the stopped one began.
  - Stop the application first. Sessions that are still open on the database are ended.
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
    details: Checks everything that is checked before a restore, and says what would change.
  diff_mode:
    support: full
    details: Shows which state each half would leave and take.
  idempotent:
    support: full
    details: What equals the restore point already is left alone.
options:
  instance_id:
    description: The instance whose restore points these are. Those of another one are refused.
    type: str
    required: true
  backup_id:
    description:
      - The restore point, as an id, V(latest), V(latest_verified), or an instant such as C(2026-03-31 18:00 Europe/Paris), which means the
        newest restore point of that instant or before.
      - Restore points known to be damaged are passed over unless named by their id.
    type: str
    default: latest
  parts:
    description: Which halves to restore. Both are restored side by side.
    type: list
    elements: str
    choices: [database, documents]
    default: [database, documents]
  mode:
    description:
      - V(switch) replaces what is live and keeps it beside.
      - V(into) restores into another database and another directory, named by O(db_name) and O(documents_path). They must be absent, empty,
        or made by an earlier restore.
    type: str
    choices: [switch, into]
    default: switch
  documents_path:
    description:
      - Dolibarr's documents directory. It is renamed, or where it is a mount point, what lies in it is; everything that is kept then lies in its
        C(.erp_restore).
    type: path
  paths:
    description:
      - Shell patterns of single documents to restore, matched against the whole path below the documents directory, such as
        C(facture/FA2501-0001/*.pdf). Only what they need is read.
      - With O(mode=into) and O(parts=documents) alone.
    type: list
    elements: str
    default: []
  sanitize:
    description:
      - Make the restored database harmless before anyone can use it, for a sandbox. Outgoing mail and scheduled jobs are switched off,
        addresses of other services, payment keys and users' API keys are cleared.
    type: bool
    default: false
  undo:
    description: Make live again what was live before the newest restore.
    type: bool
    default: false
  settle:
    description: Only end what a stopped run began, so that the application can be started, and say what is live.
    type: bool
    default: false
  drop_former:
    description: Remove what restores and undone restores put aside longer than O(keep_days) ago.
    type: bool
    default: false
  keep_days:
    description: How long what was put aside is kept from O(drop_former).
    type: float
    default: 7
  instance_unique_id:
    description:
      - The value of C($dolibarr_main_instance_unique_id) in the C(conf.php) that will be used.
      - When the restore point was made under another one, a warning says that encrypted settings will not be readable.
    type: str
  progress_file:
    description: Where to write how far the run has come, once a second. Set by the action plugin of the same name.
    type: path
requirements:
  - zstandard >= 0.21
seealso:
  - module: arcodange.erp.erp_backup
  - module: arcodange.erp.erp_backup_info
"""

EXAMPLES = r"""
- name: Bring back what was true at the end of the quarter
  arcodange.erp.erp_restore:
    instance_id: atelier-lumen
    backup_id: 2026-03-31 18:00 Europe/Paris
    db_host: db.example.com
    db_name: erp
    db_user: erp_admin
    db_passfile: /etc/erp/pgpass
    db_owner: erp_owner
    documents_path: /var/www/documents
    s3_endpoint: https://storage.googleapis.com
    s3_bucket: example-erp-backups
    s3_prefix: erp/prod
    s3_credentials_file: /etc/erp/s3-credentials

- name: Hand over the PDF of one invoice
  arcodange.erp.erp_restore:
    instance_id: atelier-lumen
    parts: [documents]
    mode: into
    documents_path: /srv/handed-over
    paths: [facture/FA2501-0001/*.pdf]
    s3_bucket: example-erp-backups
    s3_prefix: erp/prod
    s3_credentials_file: /etc/erp/s3-credentials
"""

RETURN = r"""
outcome:
  description:
    - V(unchanged) when what is live equals the restore point, V(done) otherwise; V(refused) and V(failed) come with a failure.
  returned: always
  type: str
  sample: done
restore_point:
  description: Id of the restore point that was restored or undone.
  returned: success, unless O(drop_former) or O(settle)
  type: str
  sample: 20261120T040000Z
parts:
  description: The halves that were, or in check mode would be, changed.
  returned: success
  type: list
  elements: str
database:
  description: What was restored into which database, and what was left out or made harmless.
  returned: when the database changed
  type: dict
  contains:
    name:
      description: The live database.
      type: str
    former:
      description: Name of what was live before.
      type: str
      returned: after a restore
    kept:
      description: Name of what was restored and is undone.
      type: str
      returned: when O(undo)
    sanitized:
      description: What was made harmless, by step.
      type: list
      elements: dict
      returned: when O(sanitize)
documents:
  description: Counts of what was restored, and where.
  returned: when the documents changed
  type: dict
  contains:
    path:
      description: The live directory.
      type: str
    former:
      description: Path of what was live before.
      type: str
      returned: after a restore
    kept:
      description: Path of what was restored and is undone.
      type: str
      returned: when O(undo)
versions:
  description: Versions of Dolibarr, PostgreSQL and the collection that made the restore point.
  returned: when something was to be restored
  type: dict
live:
  description: Which restore point each half comes from, or that it was not restored.
  returned: when O(settle)
  type: dict
dropped:
  description: What was removed, by half.
  returned: when O(drop_former)
  type: dict
"""

from datetime import timedelta
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.arcodange.erp.plugins.module_utils.arguments import (
    database_admin_spec,
    object_store_spec,
    require_libraries,
    store_options,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.restore.options import target_options
from ansible_collections.arcodange.erp.plugins.module_utils.restore.run import RestoreOptions, run_restore

SPEC = {
    "instance_id": {"type": "str", "required": True},
    "backup_id": {"type": "str", "default": "latest"},
    "parts": {
        "type": "list",
        "elements": "str",
        "choices": ["database", "documents"],
        "default": ["database", "documents"],
    },
    "mode": {"type": "str", "choices": ["switch", "into"], "default": "switch"},
    "documents_path": {"type": "path"},
    "paths": {"type": "list", "elements": "str", "default": []},
    "sanitize": {"type": "bool", "default": False},
    "undo": {"type": "bool", "default": False},
    "settle": {"type": "bool", "default": False},
    "drop_former": {"type": "bool", "default": False},
    "keep_days": {"type": "float", "default": 7},
    "instance_unique_id": {"type": "str", "no_log": True},
    "progress_file": {"type": "path"},
}


def build(params: dict[str, Any]) -> RestoreOptions:
    """Turn the options of the module into those of a restore."""
    return RestoreOptions(
        store=store_options(params),
        instance_id=params["instance_id"],
        backup_id=params["backup_id"],
        parts=tuple(params["parts"]),
        mode=params["mode"],
        target=target_options(params),
        database=params["db_name"],
        documents=params["documents_path"],
        paths=tuple(params["paths"]),
        sanitize=params["sanitize"],
        task=next((name for name in ("undo", "settle", "drop_former") if params[name]), "restore"),
        keep=timedelta(days=params["keep_days"]),
        unique_id=params["instance_unique_id"],
        progress_file=params["progress_file"],
    )


def main() -> None:
    module = AnsibleModule(
        {**object_store_spec(), **database_admin_spec(), **SPEC},
        mutually_exclusive=[("undo", "settle", "drop_former")],
        supports_check_mode=True,
    )
    require_libraries(module, "boto3", "psycopg", "zstandard")
    try:
        result = run_restore(build(module.params), module.check_mode)
    except ErpError as error:
        module.fail_json(msg=str(error), outcome=error.outcome, **error.facts)
    for warning in result.warnings:
        module.warn(warning)
    facts = result.to_facts()
    module.exit_json(diff=result.diff, **facts) if module._diff else module.exit_json(**facts)


if __name__ == "__main__":
    main()
