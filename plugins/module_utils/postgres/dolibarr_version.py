# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which Dolibarr last changed the tables of a database."""

from __future__ import annotations

# One row, or none; the version of an upgrade comes before that of the installation.
DOLIBARR_VERSION = (
    "SELECT value FROM public.llx_const WHERE name IN ('MAIN_VERSION_LAST_UPGRADE', 'MAIN_VERSION_LAST_INSTALL')"
    " AND value <> '' ORDER BY name DESC LIMIT 1"
)
