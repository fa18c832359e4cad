#!/usr/bin/python
# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_tiered_prune
short_description: Decide which restore points stay, and delete the others without ever losing one that is needed
version_added: 0.1.0
description:
  - Keeps every restore point of the last days, the newest one of each of the last calendar months and years, and around each close of a
    financial year the last one before and the first one after it, for as long as the law asks for the books of that year.
  - Ages count back from the newest verified restore point and not from the clock, so a month without backups deletes nothing. Inside a
    month or year the newest verified restore point wins over a newer one that nobody verified.
  - Deleting begins with a tombstone. After O(grace_days) the manifest is swept, then the objects that no other manifest lists. Documents
    archives also stay until the legal period of their financial year is over.
  - Refuses to delete anything when something smells wrong, for example a clock that is off, nothing newly verified since the last prune,
    an unreadable manifest, or a plan that deletes more than O(max_delete_count) or O(max_delete_share) allow.
  - Check mode is the plan. It returns every restore point with the reasons to keep it or not, says in RV(outcome) whether the plan would be
    refused, and does not fail for that.
author:
  - arcodange.erp contributors (@arcodange)
extends_documentation_fragment:
  - arcodange.erp.attributes
  - arcodange.erp.object_store
attributes:
  check_mode:
    support: full
    details: Returns the plan. Nothing is written.
  diff_mode:
    support: full
    details: Shows the restore points before and after, those with a tombstone marked.
  idempotent:
    support: full
options:
  catalogue:
    description:
      - V(manifests) are the restore points of M(arcodange.erp.erp_backup).
      - V(keys) takes every key below O(s3_prefix) whose name matches O(key_template) as a restore point. There are no verified states there,
        so what asks for verification does not apply; every other floor, limit and clock check does. Tombstones, holds and plans are kept
        below C(.prune/) in the same prefix. Use one run for each series of backups.
    type: str
    choices: [manifests, keys]
    default: manifests
  instance_id:
    description:
      - The instance whose restore points these are, with O(catalogue=manifests). Those of another one are left alone.
      - Without it, a prefix that holds more than one instance is refused.
    type: str
  key_template:
    description:
      - What the keys look like with O(catalogue=keys), relative to O(s3_prefix), for example V(backup-{Y}{m}{d}T{H}{M}{S}.dump).
      - C({Y}), C({m}) and C({d}) are needed, C({H}), C({M}) and C({S}) optional; all have two digits, the year four. A brace that is
        part of the name is doubled. Keys that do not match are reported in RV(unmatched) and never deleted.
    type: str
  key_timezone:
    description: Time zone in which O(key_template) was written.
    type: str
    default: UTC
  days:
    description: Keep every restore point of the anchor's day and of so many days before it.
    type: int
    default: 30
  thin_days:
    description: Inside the daily window keep the newest verified restore point of each day only, and a newer one until it is verified.
    type: bool
    default: false
  weeks:
    description: Keep the newest of the anchor's ISO week and of each of so many before it. V(0) means no weekly tier.
    type: int
    default: 0
  months:
    description: Keep the newest of the anchor's calendar month and of each of so many before it.
    type: int
    default: 12
  years:
    description: Keep the newest of the anchor's calendar year and of each of so many before it.
    type: int
    default: 10
  timezone:
    description: Time zone that decides what a day, a month and a year are.
    type: str
    default: Europe/Paris
  financial_year_end:
    description:
      - Month and day on which financial years end, as V(MM-DD); V(02-29) is the last day of February.
      - Without it, month and day of the last of O(financial_year_closes), else V(12-31). An empty string, with no closes given, switches
        the financial-year tier off.
    type: str
  financial_year_closes:
    description:
      - Dates of irregular closes, as V(YYYY-MM-DD), for example after a first financial year of 15 months.
      - Up to the last date given, only these are closes, so list all of them back to the oldest restore point. Later ones follow from
        O(financial_year_end).
    type: list
    elements: str
    default: []
  closing_lag_days:
    description: The restore point that carries the final entries of a year is the first one so many days after its close.
    type: int
    default: 0
  legal_years:
    description: Calendar years, counted from the close, for which a financial year must stay readable.
    type: int
    default: 10
  legal_margin_days:
    description: Days added to O(legal_years).
    type: int
    default: 31
  seed_compatible:
    description:
      - Also keep what an older rule kept, which counts days, then months among what the days left, then years among what those left.
      - It cuts calendar months and years in two, so its result depends on how often it ran.
    type: bool
    default: false
  verified_floor:
    description: Always keep so many of the newest verified restore points.
    type: int
    default: 7
  keep_oldest:
    description: Keep the oldest restore point while the yearly tier is not full.
    type: bool
    default: true
  unfinished_floor:
    description: Leave so many of the newest unfinished runs for diagnosis. None younger than 24 hours is ever touched.
    type: int
    default: 3
  grace_days:
    description: Days between tombstone and sweep, during which O(undelete) brings a restore point back. V(0) sweeps at once.
    type: int
    default: 14
  max_delete_count:
    description: Refuse a plan that newly deletes more restore points.
    type: int
    default: 10
  max_delete_share:
    description: Refuse a plan that newly deletes a larger share of the good restore points.
    type: float
    default: 0.2
  max_delete_yearly:
    description: Refuse a plan that newly deletes more of those that stand for a calendar year or a financial year.
    type: int
    default: 0
  allow_stale_anchor:
    description: Prune although the newest verified restore point is older than 48 hours.
    type: bool
    default: false
  plan_id:
    description: Apply only the plan with this RV(plan_id), as a run in check mode returned it. Limits may be raised meanwhile.
    type: str
  hold:
    description: Restore points to keep until they are released, whatever the rule says. Needs O(reason).
    type: list
    elements: str
    default: []
  release:
    description: Restore points to release from the holds of O(holder). What someone else holds stays held.
    type: list
    elements: str
    default: []
  undelete:
    description: Restore points to bring back while they wait for their sweep. They stay at least O(grace_days) longer; O(hold) them to keep them.
    type: list
    elements: str
    default: []
  declare_lost:
    description: Restore points whose manifest is gone although something says that they were committed, so that pruning may go on without them.
    type: list
    elements: str
    default: []
  reason:
    description: Recorded with O(hold), O(release), O(undelete) and O(declare_lost). With any of these four, nothing is deleted.
    type: str
  holder:
    description:
      - Who holds or releases. M(arcodange.erp.erp_backup_info) places holds by business object.
      - A holder that is not named here is one more, to whom all holds without a name belong.
    type: str
  review:
    description: Day, as V(YYYY-MM-DD), on which O(hold) is to be looked at again. The hold stands until it is released.
    type: str
notes:
  - What deletes needs the right to list, read, write and delete below O(s3_prefix), and on a versioned bucket to delete versions.
seealso:
  - module: arcodange.erp.erp_backup
  - module: arcodange.erp.erp_backup_info
"""

EXAMPLES = r"""
- name: Show what would be kept and why
  arcodange.erp.s3_tiered_prune:
    instance_id: atelier-lumen
    s3_endpoint: https://storage.googleapis.com
    s3_bucket: example-erp-backups
    s3_prefix: erp/prod
    s3_credentials_file: /etc/erp/s3-credentials
  check_mode: true
  register: shown

- name: Apply exactly that plan, although it deletes 25 restore points
  arcodange.erp.s3_tiered_prune:
    instance_id: atelier-lumen
    s3_endpoint: https://storage.googleapis.com
    s3_bucket: example-erp-backups
    s3_prefix: erp/prod
    s3_credentials_file: /etc/erp/s3-credentials
    plan_id: "{{ shown.plan_id }}"
    max_delete_count: 25
    max_delete_share: 0.5

- name: Keep a restore point for the tax office
  arcodange.erp.s3_tiered_prune:
    s3_bucket: example-erp-backups
    s3_prefix: erp/prod
    hold: [20251231T040000Z]
    holder: accountant
    reason: tax audit of 2025
    review: 2027-06-30

- name: Prune dumps that another tool wrote, 31 days and 12 months, no years
  arcodange.erp.s3_tiered_prune:
    s3_bucket: example-erp-backups
    s3_prefix: gitea/dumps
    catalogue: keys
    key_template: gitea-{Y}-{m}-{d}_{H}{M}.tar.zst
    key_timezone: Europe/Paris
    days: 31
    years: 0
    financial_year_end: ""
"""

RETURN = r"""
outcome:
  description: V(unchanged), V(done), V(refused) or V(failed). Outside check mode the last two come with a failure.
  returned: always
  type: str
  sample: done
plan:
  description: Every restore point, oldest first.
  returned: success or refused
  type: list
  elements: dict
  contains:
    id:
      description: The restore point, or the key with O(catalogue=keys).
      type: str
      sample: 20260331T040000Z
    action:
      description: V(keep), V(tombstone), V(wait) for the end of the grace, V(sweep), or V(ignore) for what is not ours.
      type: str
      sample: keep
    reasons:
      description: Every reason for it, in words.
      type: list
      elements: str
      sample: [newest of March 2026 (monthly tier)]
plan_id:
  description: SHA-256 over the catalogue and the decisions. The clock and the limits do not change it.
  returned: success or refused
  type: str
  sample: ab2a24c9e8696ec36e7736856a057e01e2df91e912c930a3929191c19d9b0b96
anchor:
  description: The restore point that ages count from.
  returned: success or refused
  type: str
  sample: 20260630T040000Z
refusals:
  description: What forbids to delete anything, each with C(code) and C(sentence). Also listed when there is nothing to delete.
  returned: success or refused
  type: list
  elements: dict
  sample: [{code: too_many, sentence: "The plan deletes 25 restore points, more than 10."}]
alarms:
  description: What somebody should look at, in words. Each is also a warning.
  returned: success or refused
  type: list
  elements: str
kept:
  description: Number of restore points that stay.
  returned: success or refused
  type: int
tombstoned:
  description: Number of restore points marked by this run, or in check mode to be marked.
  returned: success or refused
  type: int
waiting:
  description: Number of restore points marked earlier whose grace is not over.
  returned: success or refused
  type: int
swept:
  description: Number of restore points and remains deleted by this run, or in check mode to be deleted.
  returned: success or refused
  type: int
ignored:
  description: Number of restore points that are not ours to judge.
  returned: success or refused
  type: int
bytes_freed:
  description: Bytes that the sweeps of this run free.
  returned: success or refused
  type: int
bytes_after_grace:
  description: Bytes that go when the grace of everything marked is over.
  returned: success or refused
  type: int
documents_kept:
  description: Documents archives that no manifest lists and that stay for the legal period of their financial year.
  returned: success or refused
  type: list
  elements: str
kept_by_lock:
  description: Restore points that object lock or a legal hold of the store keeps, with what is locked.
  returned: success or refused
  type: dict
changed_meanwhile:
  description: Restore points that were spared because something was recorded about them while the plan was carried out.
  returned: success, outside check mode
  type: list
  elements: str
aborted_uploads:
  description: Number of unfinished uploads older than 24 hours that were aborted, or in check mode would be.
  returned: success or refused
  type: int
unmatched:
  description: Keys that do not match O(key_template).
  returned: success or refused
  type: list
  elements: str
recorded:
  description: What was recorded for O(hold), O(release), O(undelete) and O(declare_lost), each with C(kind) and C(id).
  returned: when one of them was given
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.arcodange.erp.plugins.module_utils.arguments import (
    object_store_spec,
    require_libraries,
    store_options,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.prune import prune
from ansible_collections.arcodange.erp.plugins.module_utils.backup.prune_options import PRUNE_SPEC, prune_options
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Store
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError


def main() -> None:
    module = AnsibleModule(
        {**object_store_spec(), **PRUNE_SPEC},
        required_if=[("catalogue", "keys", ["key_template"])],
        supports_check_mode=True,
    )
    require_libraries(module, "boto3")
    try:
        result = prune(Store(store_options(module.params)), prune_options(module.params), module.check_mode)
    except ErpError as error:
        module.fail_json(msg=str(error), **{**error.facts, "outcome": error.outcome})
    for alarm in result.facts["alarms"]:
        module.warn(alarm)
    if module._diff:
        result.facts["diff"] = result.diff
    module.exit_json(**result.facts)


if __name__ == "__main__":
    main()
