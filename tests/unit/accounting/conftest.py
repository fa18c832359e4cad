# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests here share."""

from __future__ import annotations

from tests.support.french import everything_is_said_in_french

__all__ = ["everything_is_said_in_french"]
