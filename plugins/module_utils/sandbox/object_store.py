# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An embedded S3-compatible object store (moto), in memory, on 127.0.0.1."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.postgres import server_environment
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.process import HOST
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.web_server import WebServer


class ObjectStore(WebServer):
    """A store; what is in it is lost when it stops."""

    name = "The object store"
    log_name = "moto.log"
    ready = "Running on http"

    def argv(self, port: int) -> list[str]:
        # -P keeps the working directory out of the module search.
        return [sys.executable, "-P", "-m", "moto.server", "-H", HOST, "-p", str(port)]

    def environment(self) -> Mapping[str, str]:
        return server_environment()
