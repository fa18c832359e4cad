# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an HTTP answer of Dolibarr means: data, or an error in one sentence.

A status below 300 does not prove success: with its database down Dolibarr answers a page with 202, with its API turned
off a page with 200, with an upgrade pending a redirection. Data is what is JSON.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

LONGEST = 200  # characters quoted of what Dolibarr said

# What to do about a page where data was wanted, by its status.
REMEDIES = {
    200: "turn on the module API / Web services (REST) in Dolibarr, or check that dolibarr_url is Dolibarr's own address",
    202: "its database is down or it is under maintenance, so look at these, then run this again",
    501: "check the path, and API_ENDPOINT_RULES in Dolibarr's setup",
    503: "check API_RESTRICT_ON_IP in Dolibarr's setup and that the server is up, then run this again",
}


class DolibarrError(ErpError):
    """Dolibarr could not be read."""


class Unreachable(DolibarrError):
    """No answer came; ``passing`` says whether trying again may help."""

    def __init__(self, message: str, passing: bool) -> None:
        super().__init__(message)
        self.passing = passing


class Slow(Unreachable):
    """It took the question, and gave no answer in time."""


class Unauthorized(DolibarrError):
    """The key is not accepted."""


class Forbidden(DolibarrError):
    """The user of the key lacks a right, or the module is off."""


class NotFound(DolibarrError):
    """There is nothing at this path."""


class BadRequest(DolibarrError):
    """A parameter was not accepted."""


class ServerError(DolibarrError):
    """Dolibarr, its database or what stands before it failed."""


class NotDolibarr(DolibarrError):
    """Something answered that is not the API of a Dolibarr."""


class ChangedWhileRead(DolibarrError):
    """What was read does not fit together, because somebody worked meanwhile."""


def decode(path: str, status: int, headers: Mapping[str, str], body: bytes) -> Any:
    """The JSON value of an answer to ``GET path``, or the error that it stands for."""
    shown = path.partition("?")[0]
    if 300 <= status < 400:
        raise redirected(shown, status, headers.get("Location", ""))
    if not is_json(headers):
        raise page(shown, status, body)
    try:
        value = json.loads(body, object_pairs_hook=without_private)
    except ValueError as error:
        raise NotDolibarr(
            f"Dolibarr's answer to GET {shown} ({status}) is not whole JSON: look into the log of its PHP.", path=shown
        ) from error
    if status < 300:
        return value
    raise refusal(shown, status, message_of(value))


def is_passing(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether trying again may help: what stands before Dolibarr is busy, and not Dolibarr itself says no."""
    if status == 503:
        return not is_json(headers) and b"not allowed from the IP" not in body
    return status in (429, 502, 504)


def is_json(headers: Mapping[str, str]) -> bool:
    """Whether the answer says of itself that it is JSON."""
    return headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/json"


def without_private(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object without the private fields of PHP, which Dolibarr sends under names that begin with NUL."""
    return {name: value for name, value in pairs if not name.startswith("\0")}


def message_of(value: Any) -> str:
    """What the body of an error says, without the words that stand for its status."""
    error = value.get("error") if isinstance(value, dict) else None
    text = str(error.get("message") or "") if isinstance(error, dict) else ""
    return quoted(text.partition(": ")[2] or text)


def refusal(path: str, status: int, said: str) -> DolibarrError:
    """The error of an answer in JSON."""
    if status == 401:
        return Unauthorized(
            "Dolibarr does not accept the key (401): check the key, that its user is active and, after a restore, that "
            "conf.php still has the same dolibarr_main_instance_unique_id.",
            path=path,
        )
    if status == 403:
        return Forbidden(
            f"Dolibarr forbids GET {path} to the user of the key (403, {said}): give that user the right to read it, "
            "on the tab Permissions of its card, and check that the module is turned on.",
            path=path,
        )
    if status == 404:
        return NotFound(f"Dolibarr has nothing at {path} (404, {said}): check the id and the path.", path=path)
    if status == 400:
        return BadRequest(f"Dolibarr does not accept GET {path} (400, {said}): check its parameters.", path=path)
    return ServerError(
        f"Dolibarr failed at GET {path} ({status}, {said}): look into its log, then run this again.", path=path
    )


def page(path: str, status: int, body: bytes) -> DolibarrError:
    """The error of an answer that is a page."""
    failed = status == 202 or status >= 500
    remedy = REMEDIES.get(status) or (
        "look at the server, then run this again" if failed else "check that dolibarr_url is Dolibarr's own address"
    )
    text = quoted(html.unescape(re.sub(r"<[^>]*>", " ", body.decode("utf-8", "replace")))) or "nothing"
    kind = ServerError if failed else NotDolibarr
    return kind(f"GET {path} was answered by a page instead of data ({status}, {text}): {remedy}.", path=path)


def redirected(path: str, status: int, location: str) -> DolibarrError:
    """The error of a redirection, which is never followed: the key would go along."""
    parts = urlsplit(location)
    place = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")) or "nowhere"
    if "/install/" in parts.path:
        return NotDolibarr(
            f"Dolibarr sends GET {path} to its installer ({status}): its files are newer than its database, so finish "
            "the upgrade.",
            path=path,
        )
    return NotDolibarr(
        f"GET {path} is redirected to {place} ({status}): set dolibarr_url to the address that Dolibarr really has.",
        path=path,
    )


def quoted(text: str) -> str:
    """The beginning of a foreign text, on one line and in quotes; empty when there is none."""
    line = " ".join(text.replace("\0", " ").split()).rstrip(".")
    short = line if len(line) <= LONGEST else f"{line[:LONGEST].rstrip()}…"
    return f'"{short}"' if short else ""
