# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for Dolibarr's REST API, which answers as the sample did when it was captured, on 127.0.0.1."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Mapping

from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.postgres import server_environment
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.web_server import WebServer

LOGIN = "ai_agent"


class Dolibarr(WebServer):
    """Reads only. Its program is ``tests/support/dolibarr.py`` of the clone that ``fixtures`` belong to."""

    name = "The stand-in for Dolibarr"
    log_name = "dolibarr.log"
    ready = "Listening on http"

    def __init__(self, directory: pathlib.Path, fixtures: pathlib.Path, key: str) -> None:
        super().__init__(directory)
        self.fixtures = fixtures.absolute()
        self.tests = self.fixtures.parents[1]
        self.program = self.tests / "support" / "dolibarr.py"
        self.answers = fixtures / "api" / "index.json"
        self._key = key

    def argv(self, port: int) -> list[str]:
        return [
            *(sys.executable, "-P", "-m", "tests.support.dolibarr"),
            *("--fixtures", str(self.fixtures), "--login", LOGIN, "--port", str(port)),
        ]

    def environment(self) -> Mapping[str, str]:
        return {**server_environment(), "PYTHONPATH": str(self.tests.parent), "DOLIBARR_API_KEY": self._key}
