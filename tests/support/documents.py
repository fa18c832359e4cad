# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample documents directory."""

from __future__ import annotations

import pathlib
import subprocess

from tests.support.paths import DOCUMENTS_TAR


def unpack_documents(destination: pathlib.Path) -> pathlib.Path:
    """Unpack the sample documents with tar itself and return the directory that holds them."""
    subprocess.run(["tar", "-xpf", DOCUMENTS_TAR, "-C", destination], check=True)
    return destination / "documents"
