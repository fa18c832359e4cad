# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are in the clone."""

from __future__ import annotations

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures" / "dolibarr"
DUMP = FIXTURES / "db" / "erp.dump"
TABLES = FIXTURES / "db" / "tables.tsv"
DOCUMENTS_TAR = FIXTURES / "documents.tar"
