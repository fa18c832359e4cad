# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Every module of the collection says these three about itself; it overrides the support in its own block.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return the changes it would make without making any.
  diff_mode:
    description: Returns what changed, or would change in check mode, when run in diff mode.
  idempotent:
    description: When run twice in a row outside check mode with the same arguments, the second run reports no change.
"""
