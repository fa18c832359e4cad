# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one family of errors: a sentence for a person, an outcome and facts for a play."""

from __future__ import annotations

from typing import Any


class ErpError(Exception):
    """Something could not be read or written.

    ``str(error)`` is one sentence naming what, where and what to do; ``facts`` are JSON values for the
    result of a module and never hold a secret.
    """

    outcome = "failed"

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts = facts


class Refused(ErpError):
    """A safety rule said no; nothing was changed."""

    outcome = "refused"
