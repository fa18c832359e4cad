#!/usr/bin/python
# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_reassign_owned
short_description: Give all objects of a database to its owner role
version_added: 0.1.0
description:
  - Makes every table, view, sequence, type, function, schema, large object and so on of one database belong to one role. Roles that come and
    go, as HashiCorp Vault makes them, own what they create; their successors cannot use it, and they cannot be dropped.
  - The catalogue is asked first. Every change is planned, the rights for it are checked, and all of it happens in one transaction, or nothing.
  - The roles themselves stay as they are. It does not matter whether they can still log in.
  - What superusers made for the server's own ends stays theirs, such as C(pgbouncer.user_lookup), foreign-data wrappers, event triggers,
    extensions, publications and their schemas. Databases and tablespaces stay unless they are named.
  - An extension is moved with C(REASSIGN OWNED), and only when that moves nothing else than what was planned.
author:
  - arcodange.erp contributors (@arcodange)
extends_documentation_fragment:
  - arcodange.erp.attributes
  - arcodange.erp.database
  - arcodange.erp.database.session
  - arcodange.erp.ownership
attributes:
  check_mode:
    support: full
    details: The plan is made and the rights are checked in a transaction that the server does not let write.
  diff_mode:
    support: full
    details: Shows the owner of each object, and the privileges.
  idempotent:
    support: full
options:
  db_host:
    description: Host name or address of PostgreSQL, or the directory of its Unix socket.
    type: str
    required: true
  db_user:
    description:
      - Role to connect as. A superuser, or a member of O(db_owner) and of each role whose objects move; a role is a member of itself.
    type: str
    required: true
  db_owner:
    description: The role that is to own everything.
    type: str
    required: true
  functions:
    description:
      - Functions of superusers that move nevertheless, in the schemas that are looked into.
      - With or without schema and arguments, for example C(public.total(integer)).
    type: list
    elements: str
    default: []
  databases:
    description: Databases of the server that move too, whoever owns them.
    type: list
    elements: str
    default: []
  tablespaces:
    description: Tablespaces of the server that move too, whoever owns them.
    type: list
    elements: str
    default: []
  grant_to:
    description:
      - Roles that are to read and write every table, view and sequence that O(db_owner) then owns in the schemas that are looked into.
      - Members who inherit from O(db_owner) need no grant. Those who do not are named here, or O(db_owner) itself where its own rights
        were taken away.
    type: list
    elements: str
    default: []
  default_privileges:
    description:
      - Let O(db_owner), and so its members, read and write the tables and sequences that a member makes later, before they are reassigned.
        This holds for every member that can log in now, in O(schemas), or C(public) when empty.
      - Those of members that can no longer log in are taken back.
      - A role with default privileges cannot be dropped. Whoever drops it must run C(DROP OWNED BY) after C(REASSIGN OWNED BY).
    type: bool
    default: false
  lock_timeout:
    description: Seconds to wait for an object that is in use, before all is taken back.
    type: float
    default: 60
seealso:
  - module: arcodange.erp.erp_database_info
  - module: community.postgresql.postgresql_owner
"""

EXAMPLES = r"""
- name: Give everything to the owner role
  arcodange.erp.pg_reassign_owned:
    db_host: db.example.com
    db_name: erp
    db_user: erp_admin
    db_passfile: /etc/erp/pgpass
    db_owner: erp_role

- name: Show what one former user left behind
  arcodange.erp.pg_reassign_owned:
    db_host: db.example.com
    db_name: erp
    db_user: erp_admin
    db_passfile: /etc/erp/pgpass
    db_owner: erp_role
    from_roles: [v-kubernetes-erp-x1f3]
  check_mode: true
  diff: true
"""

RETURN = r"""
outcome:
  description:
    - V(unchanged), V(done), or V(findings) when something ought to move and cannot; V(refused) and V(failed) come with a failure.
  returned: always
  type: str
  sample: done
queries:
  description: The statements that ran, or would run in check mode, in order.
  returned: success
  type: list
  elements: str
  sample: ['ALTER TABLE public.llx_bookcal_calendar OWNER TO "erp_role"']
moved:
  description: How many objects moved, by former owner and type.
  returned: success, or when refused for lack of rights
  type: dict
  sample: {v-kubernetes-erp-x1f3: {sequence: 2, table: 2}}
objects:
  description: Everything that moved, with its former owner. What has no statement of its own moved with what it belongs to.
  returned: success
  type: list
  elements: dict
  sample: [{type: table, name: public.llx_bookcal_calendar, owner: v-kubernetes-erp-x1f3}]
left:
  description: What belongs to others and was left alone, and why.
  returned: success
  type: list
  elements: dict
  sample: [{type: event trigger, name: audit_ddl, owner: postgres, reason: belongs to the provisioner}]
blocked:
  description: What ought to move and cannot, and what to do.
  returned: success
  type: list
  elements: dict
missing_grants:
  description: The statements that an administrator would have to run first.
  returned: when refused for lack of rights
  type: list
  elements: str
  sample: ['GRANT "v-kubernetes-erp-x1f3" TO "erp_admin"']
lacking_roles:
  description: The roles whose objects O(db_user) may not give away.
  returned: when refused for lack of rights
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.arcodange.erp.plugins.module_utils.arguments import database_options, require_libraries
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.ownership_options import (
    ownership_rules,
    ownership_spec,
)
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.ownership_run import OwnershipOptions, run_reassign

SPEC = {
    "db_owner": {"type": "str", "required": True},
    "functions": {"type": "list", "elements": "str", "default": []},
    "databases": {"type": "list", "elements": "str", "default": []},
    "tablespaces": {"type": "list", "elements": "str", "default": []},
    "grant_to": {"type": "list", "elements": "str", "default": []},
    "default_privileges": {"type": "bool", "default": False},
    "lock_timeout": {"type": "float", "default": 60},
}


def build(params: dict[str, Any]) -> OwnershipOptions:
    """Turn the options of the module into those of a run."""
    return OwnershipOptions(
        database=database_options(params),
        rules=ownership_rules(params, params["db_owner"]),
        grant_to=tuple(params["grant_to"]),
        default_privileges=params["default_privileges"],
        lock_timeout=params["lock_timeout"],
    )


def main() -> None:
    module = AnsibleModule({**ownership_spec(), **SPEC}, supports_check_mode=True)
    require_libraries(module, "psycopg")
    try:
        done = run_reassign(build(module.params), module.check_mode)
    except ErpError as error:
        module.fail_json(msg=str(error), outcome=error.outcome, **error.facts)
    for warning in done.warnings():
        module.warn(warning)
    facts = done.to_facts()
    module.exit_json(diff=done.diff(), **facts) if module._diff else module.exit_json(**facts)


if __name__ == "__main__":
    main()
