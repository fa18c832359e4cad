#!/usr/bin/python
# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: erp_backup_info
short_description: List, verify and hold the restore points of a Dolibarr
version_added: 0.1.0
description:
  - Lists the restore points in a bucket with their age, size and state, and says how fresh the newest one is.
  - Verifies them when asked. A full verification reads every byte again at constant memory, each object once however many restore points share
    it, and is recorded beside the manifest.
  - Holds and releases them, by id or by business object. M(arcodange.erp.s3_tiered_prune) never deletes what is held.
  - Finding something wrong is not a failure. RV(outcome) is then V(findings) and RV(findings) names each object.
author:
  - arcodange.erp contributors (@arcodange)
extends_documentation_fragment:
  - arcodange.erp.attributes
  - arcodange.erp.database.session
  - arcodange.erp.object_store
attributes:
  check_mode:
    support: full
    details: Reads everything and records nothing, neither verifications nor holds.
  diff_mode:
    support: full
    details: Shows the holds before and after. A full verification adds a record beside a manifest, which is not shown.
  idempotent:
    support: full
    details: Reports a change when a verification was recorded, or a hold or release that says something new.
options:
  instance_id:
    description: The instance whose restore points are expected under O(s3_prefix).
    type: str
    required: true
  restore_points:
    description: Ids of the restore points to list and verify, or V(latest). All of them when empty.
    type: list
    elements: str
    default: []
  verify:
    description:
      - V(none) believes what is recorded about an object's content and checks only that it is there.
      - V(quick) is the same, and says so by name. Every object must be present with the right size.
      - V(full) reads and hashes every byte.
    type: str
    choices: [none, quick, full]
    default: none
  verified_within_days:
    description:
      - A restore point whose every byte was read within so many days is not read again by O(verify=full).
      - An interrupted verification goes on where it stopped. With V(0), everything is read again.
    type: float
    default: 1
  documents:
    description:
      - Shell patterns of documents, such as C(facture/FA2501-0001/*.pdf), whose versions over time are listed in RV(document_versions).
      - The first version of an invoice's PDF is the invoice as it was first issued, whatever Dolibarr has made of it since.
    type: list
    elements: str
    default: []
  hold:
    description:
      - Restore points to keep until O(hold.holder) releases them, whatever the retention rule says.
      - A hold keeps what is stored now. Hold again when more was issued; what is held already is not held twice.
    type: dict
    suboptions:
      holder:
        description: Who wants them kept, for example V(accountant).
        type: str
        required: true
      reason:
        description: Why. Another reason of the same holder is another hold.
        type: str
        required: true
      review:
        description: Day, as V(YYYY-MM-DD), on which to look at the hold again. It is listed as overdue from then on, and still holds.
        type: str
      restore_points:
        description: Ids of restore points, or V(latest).
        type: list
        elements: str
        default: []
      objects:
        description:
          - Business objects. Everything needed for each of them is held, in as few restore points as can be.
          - These are the newest restore point, the first one that holds its invoices as issued, and for every other version of one of its
            documents the newest restore point that has it. RV(resolved) names each with its reasons.
        type: list
        elements: dict
        default: []
        suboptions:
          invoice:
            description: Reference of an issued customer invoice. Its folder.
            type: str
          customer:
            description: Id of a third party. Its own folder and those of all invoices issued to it. Needs O(db_host).
            type: int
          year:
            description: Calendar year. The folders of all customer and supplier invoices dated in it. Needs O(db_host).
            type: int
  release:
    description:
      - Restore points that O(release.holder) needs no longer. What others hold stays held.
      - By id, holds by id are released. What was held for a business object is released by the same object.
    type: dict
    suboptions:
      holder:
        description: Who held them.
        type: str
        required: true
      reason:
        description: Why they may go, recorded with the release.
        type: str
      restore_points:
        description: Ids of restore points, or V(latest).
        type: list
        elements: str
        default: []
      objects:
        description: Business objects, each released on every restore point that was held for it.
        type: list
        elements: dict
        default: []
        suboptions:
          invoice:
            description: Reference of an issued customer invoice.
            type: str
          customer:
            description: Id of a third party.
            type: int
          year:
            description: Calendar year.
            type: int
  db_host:
    description:
      - Host name or address of PostgreSQL, or the directory of its Unix socket. It is only asked, in a read-only transaction.
      - Needed, with O(db_name) and O(db_user), to hold by customer or year, because only the database knows their invoices.
    type: str
  db_name:
    description: Name of Dolibarr's database.
    type: str
  db_user:
    description: Role to connect as. It needs to read the tables of invoices and third parties.
    type: str
  progress_file:
    description: Where to write how far the run has come, once a second. Set by the action plugin of the same name.
    type: path
requirements:
  - zstandard >= 0.21
notes:
  - C(psycopg) is needed only with O(db_host).
seealso:
  - module: arcodange.erp.erp_backup
  - module: arcodange.erp.s3_tiered_prune
"""

EXAMPLES = r"""
- name: How fresh is the newest restore point?
  arcodange.erp.erp_backup_info:
    instance_id: atelier-lumen
    s3_endpoint: https://storage.googleapis.com
    s3_bucket: example-erp-backups
    s3_prefix: erp/prod
    s3_credentials_file: /etc/erp/s3-credentials
    restore_points: [latest]
    verify: quick
  register: catalogue
  failed_when: catalogue is failed or catalogue.findings or catalogue.freshness_hours.restore_point > 26

- name: Keep everything needed for one invoice, and for the year 2025, until the tax office is done
  arcodange.erp.erp_backup_info:
    instance_id: atelier-lumen
    s3_bucket: example-erp-backups
    s3_prefix: erp/prod
    db_host: db.example.org
    db_name: erp
    db_user: erp_backup
    db_passfile: /etc/erp/pgpass
    hold:
      holder: accountant
      reason: tax audit of 2025
      review: 2027-06-30
      objects:
        - invoice: FA2501-0001
        - year: 2025

- name: Which versions of an invoice's PDF are there, and where is the one first issued?
  arcodange.erp.erp_backup_info:
    instance_id: atelier-lumen
    s3_bucket: example-erp-backups
    s3_prefix: erp/prod
    restore_points: [latest]
    documents: ["facture/FA2501-0001/*.pdf"]

- name: The audit is over
  arcodange.erp.erp_backup_info:
    instance_id: atelier-lumen
    s3_bucket: example-erp-backups
    s3_prefix: erp/prod
    release:
      holder: accountant
      reason: closed without findings
      objects:
        - invoice: FA2501-0001
        - year: 2025
"""

RETURN = r"""
outcome:
  description: V(unchanged), V(done) when a verification, a hold or a release was recorded, or V(findings).
  returned: always
  type: str
  sample: unchanged
restore_points:
  description:
    - The restore points asked for, newest first, each with id, states, age in hours and sizes in bytes.
    - C(holds) lists who holds it, with C(reason), C(object), C(since), C(review) and whether that day has come in C(overdue).
  returned: success
  type: list
  elements: dict
overdue_holds:
  description: Every hold in the catalogue whose day of review has come, with the C(id) of its restore point.
  returned: success
  type: list
  elements: dict
  sample:
    - id: 20251231T040000Z
      holder: accountant
      reason: tax audit of 2025
      review: "2027-06-30"
      object: {year: "2025"}
      since: "2026-11-20T04:00:00+00:00"
      overdue: true
resolved:
  description: For each business object to be held, the restore points needed for it.
  returned: when O(hold) or O(release) was given
  type: list
  elements: dict
  contains:
    object:
      description: The business object.
      type: dict
      sample: {invoice: FA2501-0001}
    restore_points:
      description: The restore points, each with C(id) and C(reasons).
      type: list
      elements: dict
      sample: [{id: 20261120T040000Z, reasons: [the newest restore point]}]
    document_versions:
      description: Number of versions of documents that are held by them.
      type: int
    only_in_damaged:
      description: Documents a version of which is held by damaged restore points alone.
      type: list
      elements: str
    without_documents:
      description: Issued invoices of which no restore point holds a document.
      type: list
      elements: str
recorded:
  description: The holds and releases that were recorded, or in check mode would be, each with C(id) and C(kind).
  returned: when O(hold) or O(release) was given
  type: list
  elements: dict
document_versions:
  description:
    - Every version of the documents asked for, each with C(path), C(sha256), C(md5), C(size) in bytes, C(mtime), C(first_seen) and C(last_seen),
      the instants of the first and the last restore point that holds it, and the ids of all of them.
  returned: when O(documents) was given
  type: list
  elements: dict
count:
  description: Number of restore points under the prefix.
  returned: success
  type: int
latest:
  description: Id of the newest restore point.
  returned: success
  type: str
latest_verified:
  description: Id of the newest restore point whose every byte was read again.
  returned: success
  type: str
freshness_hours:
  description: Age in hours of the newest restore point, of the dump and the documents it refers to, and of the newest verified one.
  returned: success
  type: dict
  sample: {restore_point: 4.02, database_dump: 28.02, documents_stored: 4.02, verified: 28.02}
findings:
  description: What is wrong, one entry an object.
  returned: success
  type: list
  elements: dict
foreign:
  description: Keys under the prefix that are not this collection's.
  returned: success
  type: list
  elements: str
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.arcodange.erp.plugins.module_utils.arguments import (
    database_options,
    database_session_spec,
    object_store_spec,
    require_libraries,
    store_options,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.holds import parse_review, parse_subjects
from ansible_collections.arcodange.erp.plugins.module_utils.backup.info import HoldOptions, InfoOptions, read_info
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.restore.history import document_versions

LONGEST_AGE = 36525  # days
OBJECTS = {"invoice": {"type": "str"}, "customer": {"type": "int"}, "year": {"type": "int"}}
RELEASE: dict[str, Any] = {
    "holder": {"type": "str", "required": True},
    "reason": {"type": "str"},
    "restore_points": {"type": "list", "elements": "str", "default": []},
    "objects": {"type": "list", "elements": "dict", "default": [], "options": OBJECTS},
}
HOLD: dict[str, Any] = {**RELEASE, "reason": {"type": "str", "required": True}, "review": {"type": "str"}}
SPEC: dict[str, Any] = {
    "instance_id": {"type": "str", "required": True},
    "restore_points": {"type": "list", "elements": "str", "default": []},
    "verify": {"type": "str", "choices": ["none", "quick", "full"], "default": "none"},
    "verified_within_days": {"type": "float", "default": 1},
    "documents": {"type": "list", "elements": "str", "default": []},
    "hold": {"type": "dict", "options": HOLD},
    "release": {"type": "dict", "options": RELEASE},
    "progress_file": {"type": "path"},
}


def build(params: dict[str, Any]) -> InfoOptions:
    """Turn the options of the module into those of the catalogue. Raises ``ErpError`` for one that makes no sense."""
    days = params["verified_within_days"]
    if not 0 <= days <= LONGEST_AGE:
        raise ErpError(f"The option verified_within_days is {days}: give a number from 0 to {LONGEST_AGE}.")
    return InfoOptions(
        points=tuple(params["restore_points"]),
        verify=params["verify"],
        verified_within=timedelta(days=days),
        progress_file=params["progress_file"],
        hold=build_hold(params["hold"]),
        release=build_hold(params["release"]),
        database=database_options(params) if params["db_host"] else None,
    )


def build_hold(said: dict[str, Any] | None) -> HoldOptions | None:
    """Read O(hold) or O(release)."""
    if said is None:
        return None
    return HoldOptions(
        holder=said["holder"],
        reason=said["reason"] or "",
        review=parse_review(said.get("review")),
        points=tuple(said["restore_points"]),
        subjects=parse_subjects(said["objects"]),
    )


def main() -> None:
    module = AnsibleModule(
        {**object_store_spec(), **database_session_spec(), **SPEC},
        required_together=[["db_host", "db_name", "db_user"]],
        supports_check_mode=True,
    )
    params = module.params
    require_libraries(module, "boto3", "zstandard", *(["psycopg"] if params["db_host"] else []))
    try:
        store = Store(store_options(params))
        facts = read_info(store, params["instance_id"], build(params), module.check_mode, datetime.now(UTC))
        if params["documents"]:
            facts["document_versions"] = document_versions(store, params["documents"])
    except ErpError as error:
        module.fail_json(msg=str(error), outcome=error.outcome, **error.facts)
    if not module._diff:
        facts.pop("diff", None)
    module.exit_json(**facts)


if __name__ == "__main__":
    main()
