# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  from_roles:
    description:
      - The roles whose objects move. Every role but O(db_owner) when empty.
      - A role that does not exist any more owns nothing, and is no error.
    type: list
    elements: str
    default: []
  except_roles:
    description: Roles whose objects stay, and whose schemas are not looked into, for example that of a provisioner who is no superuser.
    type: list
    elements: str
    default: []
  schemas:
    description:
      - The schemas to look into. When empty, all but those that belong to a superuser or to one of O(except_roles); C(public) always.
      - What lies in no schema, such as a large object, is always looked at.
    type: list
    elements: str
    default: []
"""
