# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dolibarr as it is seen from outside: does it answer, is its installer shut, how long does its certificate last."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from ansible_collections.arcodange.erp.plugins.module_utils.addresses import is_loopback
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.answers import (
    DolibarrError,
    Forbidden,
    Slow,
    Unauthorized,
    Unreachable,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.client import Client, reason
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.instance import Status, User
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import API, DolibarrOptions
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.rights import (
    SECTIONS,
    WHERE,
    listed,
    missing_rights,
)
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.recovery.items import (
    ERROR,
    NOT_APPLICABLE,
    PASS,
    UNDETERMINED,
    WARNING,
    Item,
)

try:
    import requests
except ImportError:
    pass  # the door says which library is missing

# Pages that set Dolibarr up or repair it, as an intruder tries them.
INSTALLER = ("/install/", "/install/index.php", "/install/check.php", "/install/upgrade.php")
# What every language's notice of a locked installer names.
LOCKED = "install.lock"
TLS_PORT = 443


@dataclass(frozen=True)
class Page:
    """One page of the installer: what it answered, where it leads inside of the installer too, or why there was no answer."""

    path: str
    status: int = 0
    says_locked: bool = False
    error: str = ""


@dataclass(frozen=True)
class Certificate:
    """A certificate in use, or why it was not accepted."""

    host: str
    ends: datetime | None = None
    error: str = ""
    refused: bool = False  # there was an answer, and its certificate is not good


@dataclass(frozen=True)
class Front:
    """What Dolibarr shows to the outside; what was not asked for is None."""

    url: str = ""
    version: str = ""
    version_error: str = ""
    refuses_key: bool = False
    out_of_reach: bool = False
    pages: tuple[Page, ...] | None = None
    certificate: Certificate | None = None
    user: User | None = None
    user_error: str = ""

    @property
    def is_down(self) -> bool:
        """Whether Dolibarr fails; it may well serve others when it refuses a key or cannot be reached from here."""
        return not (self.version or self.refuses_key or self.out_of_reach)


def read_front(options: DolibarrOptions, thorough: bool) -> Front:
    """Ask Dolibarr for its version and its installer's pages; ``thorough`` also for its user and certificate."""
    url = options.base().removesuffix(API)
    version = version_error = user_error = ""
    user, refuses_key, out_of_reach = None, False, False
    try:
        with Client(options) as client:
            try:
                version = Status.read(client.get("/status")).version
            except ErpError as error:
                version_error, refuses_key = str(error), isinstance(error, (Unauthorized, Forbidden))
                out_of_reach = isinstance(error, Unreachable) and not isinstance(error, Slow)
            if thorough:
                user, user_error = _read_user(client)
    except ErpError as error:
        version_error = user_error = str(error)
        refuses_key = True  # there is none, so that it was not even asked
    return Front(
        url,
        version,
        version_error,
        refuses_key,
        out_of_reach,
        tuple(read_page(options, url, path) for path in INSTALLER),
        read_certificate(options, url) if thorough else None,
        user,
        user_error,
    )


def _read_user(client: Client) -> tuple[User | None, str]:
    try:
        return User.read(client.get("/users/info", includepermissions=1)), ""
    except DolibarrError as error:
        return None, str(error)


def read_page(options: DolibarrOptions, url: str, path: str) -> Page:
    """Ask for a page of the installer, as anybody could."""
    try:
        response = requests.get(
            url + path,
            timeout=options.timeout,
            verify=options.ca_bundle or True,
            proxies={"no_proxy": urlsplit(url).hostname or ""} if is_loopback(url) else None,
        )
    except requests.RequestException as error:
        return Page(path, error=reason(error))
    # A proxy may lead to https, and Dolibarr from a page that is shut to its login.
    if INSTALLER[0] not in urlsplit(response.url).path:
        response = response.history[0]
    return Page(path, response.status_code, LOCKED in response.text)


def read_certificate(options: DolibarrOptions, url: str) -> Certificate:
    """Look at the certificate that is in use."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        return Certificate(host)
    try:
        context = ssl.create_default_context(cafile=options.ca_bundle)
        with (
            socket.create_connection((host, parts.port or TLS_PORT), options.timeout) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            ends = (secured.getpeercert() or {}).get("notAfter")
    except ssl.SSLCertVerificationError as error:
        return Certificate(host, error=error.verify_message, refused=True)
    except OSError as error:
        return Certificate(host, error=str(error.strerror or error))
    return Certificate(host, datetime.fromtimestamp(ssl.cert_time_to_seconds(str(ends)), UTC) if ends else None)


def assess_answer(front: Front | None) -> Item:
    """Whether Dolibarr answers."""
    if front is None:
        return Item("dolibarr", NOT_APPLICABLE, "dolibarr", "No address is given in erp_dolibarr_url.")
    if front.version:
        return Item("dolibarr", PASS, front.url, f"Dolibarr {front.version} answers.")
    if front.refuses_key:
        return Item("dolibarr", UNDETERMINED, front.url, front.version_error, "check erp_dolibarr_api_key")
    before, behind = "the name, the proxy and the certificate before it", "the log of its pod and at its database"
    advice = f"look at {before if front.out_of_reach else behind}"
    return Item("dolibarr", ERROR, front.url, front.version_error, advice)


def assess_installer(front: Front | None) -> Item:
    """Whether the installer is out of reach; a page of it that answers is one step from an empty Dolibarr."""
    check = "installer"
    if front is None or front.pages is None:
        return Item(check, NOT_APPLICABLE, "installer", "No address is given in erp_dolibarr_url.")
    advice = "create install.lock in the documents directory, and let the proxy answer 403 to /install/"
    open_pages = [page.path for page in front.pages if page.status == 200 and not page.says_locked]
    if open_pages:
        return Item(
            check, ERROR, front.url, f"Dolibarr's installer answers anybody at {', '.join(open_pages)}.", advice
        )
    failed = [page for page in front.pages if page.error or page.status >= 500]
    if failed:
        why = failed[0].error or f"HTTP {failed[0].status}"
        said = f"Whether the installer can be reached is not known: {failed[0].path} gives no answer ({why})."
        return Item(check, UNDETERMINED, front.url, said, "see dolibarr")
    locked = [page.path for page in front.pages if page.status == 200]
    if locked:
        said = f"Dolibarr's installer can be reached at {', '.join(locked)}; only install.lock keeps it shut."
        return Item(check, WARNING, front.url, said, "let the proxy answer 403 to /install/")
    shown = ", ".join(sorted({str(page.status) for page in front.pages}))
    return Item(check, PASS, front.url, f"Dolibarr's installer cannot be reached (HTTP {shown}).")


def assess_certificate(front: Front | None, now: datetime, warning_days: int, error_days: int) -> Item:
    """How long the certificate lasts."""
    check, seen = "certificate", front.certificate if front else None
    if seen is None or front is None:
        return Item(check, NOT_APPLICABLE, "certificate", "No address is given in erp_dolibarr_url.")
    if seen.refused:
        said = f"The certificate of {seen.host} is not good: {seen.error}."
        return Item(check, ERROR, seen.host, said, "renew it, or give its authority in erp_dolibarr_ca_bundle")
    if seen.error:
        said = f"The certificate of {seen.host} cannot be seen: {seen.error}."
        return Item(check, UNDETERMINED, seen.host, said, "check erp_dolibarr_url and the network")
    if seen.ends is None:
        if is_loopback(front.url):
            return Item(check, NOT_APPLICABLE, seen.host, f"{front.url} is on this host and needs no certificate.")
        said = f"{front.url} is not protected by TLS: passwords and keys travel in clear."
        return Item(check, WARNING, seen.host, said, "serve it over https")
    days = (seen.ends - now).days
    state = ERROR if days < error_days else WARNING if days < warning_days else PASS
    said = f"The certificate of {seen.host} lasts another {days} days."
    return Item(check, state, seen.host, said, "" if state == PASS else "look at what should have renewed it")


def assess_rights(front: Front | None) -> Iterator[Item]:
    """Whether the user of the key may read all that facts and audits need."""
    check = "rights"
    if front is None:
        yield Item(check, NOT_APPLICABLE, "rights", "No address is given in erp_dolibarr_url.")
    elif front.user is None:
        yield Item(
            check, UNDETERMINED, front.url, front.user_error or "Its user was not read.", "check erp_dolibarr_api_key"
        )
    else:
        missing = missing_rights(front.user, SECTIONS)
        login = front.user.login
        said = f"The user {login} may not read everything: {listed(missing)} {'are' if len(missing) > 1 else 'is'} missing."
        if missing:
            yield Item(check, ERROR, login, said, f"tick it {WHERE}")
        else:
            yield Item(check, PASS, login, f"The user {login} may read everything that is needed.")
