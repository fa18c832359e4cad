# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs arcodange.erp.erp_job and shows its progress."""

from __future__ import annotations

from ansible_collections.arcodange.erp.plugins.plugin_utils.progress import ProgressAction


class ActionModule(ProgressAction):
    """The controller's side of the module of the same name."""
