#!/usr/bin/python
# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: erp_database_info
short_description: Say what state the database of a Dolibarr is in
version_added: 0.1.0
description:
  - Tells whether the database can be reached, of which versions PostgreSQL and Dolibarr are, who is connected to it, and how many objects
    belong to others than the owner role.
  - A database that cannot be reached is an answer and no failure.
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
    details: Only reads, in a transaction that the server does not let write.
  diff_mode:
    support: none
    details: Changes nothing.
  idempotent:
    support: full
    details: Changes nothing.
options:
  db_host:
    description: Host name or address of PostgreSQL, or the directory of its Unix socket.
    type: str
    required: true
  db_owner:
    description: The role that is to own everything. Nobody asks about owners when absent.
    type: str
seealso:
  - module: arcodange.erp.pg_reassign_owned
"""

EXAMPLES = r"""
- name: See whether it may be started
  arcodange.erp.erp_database_info:
    db_host: db.example.com
    db_name: erp
    db_user: erp_backup
    db_passfile: /etc/erp/pgpass
    db_owner: erp_role
  register: database

- name: Stop when a rotation would be an outage
  ansible.builtin.assert:
    that: database.reachable and database.foreign_owners.count == 0
"""

RETURN = r"""
outcome:
  description: V(done), or V(findings) when the database cannot be reached or something belongs to others; V(failed) comes with a failure.
  returned: always
  type: str
  sample: done
reachable:
  description: Whether this role could log in.
  returned: success
  type: bool
login_refused:
  description: Whether PostgreSQL answers and does not let this role in, so that other credentials are wanted.
  returned: when not reachable
  type: bool
reason:
  description: Why not, and what to do.
  returned: when not reachable
  type: str
login_user:
  description: The role that connected, or tried to.
  returned: success
  type: str
  sample: v-kubernetes-erp-x1f3
server_version:
  description: Version of PostgreSQL.
  returned: when reachable
  type: str
  sample: "18.1"
server_major:
  description: The major one.
  returned: when reachable
  type: int
  sample: 18
dolibarr_version:
  description: The version of Dolibarr that last changed the tables. V(null) where there is none, or this role may not read it.
  returned: when reachable
  type: str
  sample: 22.0.4
holds_dolibarr:
  description: Whether there are tables of Dolibarr, also when this role may not read them.
  returned: when reachable
  type: bool
sessions:
  description:
    - The sessions of others on the database.
    - Application, address, state and time are empty for sessions of other roles unless this one has C(pg_read_all_stats).
  returned: when reachable
  type: list
  elements: dict
  sample: [{pid: 4242, user: v-kubernetes-erp-x1f3, application: "", address: 192.0.2.7, state: idle, since: "2026-11-20T04:00:00+00:00"}]
foreign_owners:
  description: What belongs to others than O(db_owner) and ought not to; what M(arcodange.erp.pg_reassign_owned) leaves alone is not counted.
  returned: when reachable and O(db_owner) is given
  type: dict
  contains:
    count:
      description: How many objects.
      type: int
    owners:
      description: How many, by owner and type.
      type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.arcodange.erp.plugins.module_utils.arguments import database_options, require_libraries
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.database_info import InfoOptions, read_info
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.ownership_options import (
    ownership_rules,
    ownership_spec,
)


def build(params: dict[str, Any]) -> InfoOptions:
    """Turn the options of the module into what is asked."""
    owner = params["db_owner"]
    return InfoOptions(database_options(params), ownership_rules(params, owner) if owner else None)


def main() -> None:
    module = AnsibleModule({**ownership_spec(), "db_owner": {"type": "str"}}, supports_check_mode=True)
    require_libraries(module, "psycopg")
    try:
        facts = read_info(build(module.params))
    except ErpError as error:
        module.fail_json(msg=str(error), outcome=error.outcome, **error.facts)
    module.exit_json(changed=False, **facts)


if __name__ == "__main__":
    main()
