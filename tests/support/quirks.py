# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An object store that keeps its word otherwise than most."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support import faults
from tests.support.faults import Call, FaultProxy


class _Quirk(faults._Handler):
    """A store that names objects by something else than their MD5, forgets a condition or a completed upload."""

    def _forward(self, call: Call, body: bytes) -> None:
        quirks = self.server.proxy.quirks  # type: ignore[attr-defined]
        if "unconditional" in quirks:
            del self.headers["If-None-Match"]
        completing = call.method == "POST" and "uploadId" in call.query
        before = [
            other for other in self.server.proxy.calls if other.query == call.query and other.number < call.number
        ]
        if "forgetful" in quirks and completing and any(other.method == "POST" for other in before):
            self._refuse(call, 404, "NoSuchUpload", "The specified upload does not exist.")
        else:
            super()._forward(call, body)

    def _answer(self, call: Call, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        if "etag" in self.server.proxy.quirks and "partNumber" not in call.query:  # type: ignore[attr-defined]
            headers = [(name, '"0x8D"' if name.lower() == "etag" else value) for name, value in headers]
        super()._answer(call, status, headers, body)


class QuirkyProxy(FaultProxy):
    """The fault proxy before a store with quirks: ``etag``, ``unconditional`` or ``forgetful``."""

    def __init__(self, upstream: str, *quirks: str) -> None:
        super().__init__(upstream)
        self.quirks = quirks
        self._server.RequestHandlerClass = _Quirk
