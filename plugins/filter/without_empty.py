# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter arcodange.erp.without_empty."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterTypeError

DOCUMENTATION = r"""
name: without_empty
short_description: The entries of a dictionary whose value is not the empty string
version_added: 0.1.0
author:
  - arcodange.erp contributors (@arcodange)
description:
  - Leaves out each entry whose value is the empty string. An option of a module that is empty counts as given, one that is absent does not.
  - Other values that are false, such as V(0), V(false) and an empty list, stay.
positional: _input
options:
  _input:
    description: The dictionary.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Ask with the credentials that are set
  arcodange.erp.erp_backup_info:
    instance_id: example
    s3_bucket: example
    s3_access_key: "{{ given.s3_access_key | default(omit) }}"
    s3_secret_key: "{{ given.s3_secret_key | default(omit) }}"
    s3_credentials_file: "{{ given.s3_credentials_file | default(omit) }}"
  vars:
    given: >-
      {{ {'s3_access_key': '', 's3_secret_key': '', 's3_credentials_file': '/etc/erp/s3'} | arcodange.erp.without_empty }}
"""

RETURN = r"""
_value:
  description: The dictionary without the empty ones, in the same order.
  type: dict
"""


def without_empty(entries: Any) -> dict[str, Any]:
    """The entries whose value is not the empty string, in their order."""
    if not isinstance(entries, Mapping):
        raise AnsibleFilterTypeError(f"without_empty needs a dictionary, it was given {type(entries).__name__}.")
    return {key: value for key, value in entries.items() if value != ""}


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[[Any], dict[str, Any]]]:
        """The filters of this file by name."""
        return {"without_empty": without_empty}
