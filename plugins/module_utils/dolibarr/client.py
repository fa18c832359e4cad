# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The REST client of Dolibarr: reads, and cannot do anything else."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from itertools import pairwise
from time import sleep
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from ansible_collections.arcodange.erp.plugins.module_utils.addresses import is_loopback
from ansible_collections.arcodange.erp.plugins.module_utils.backup.progress import Progress
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.answers import (
    ChangedWhileRead,
    NotDolibarr,
    NotFound,
    Slow,
    Unreachable,
    decode,
    is_passing,
)
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import BadOptions, DolibarrOptions
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.values import Answer, identity
from ansible_collections.arcodange.erp.plugins.module_utils.version import COLLECTION_VERSION

try:
    import requests
    from urllib3.exceptions import HTTPError, InvalidHeader
    from urllib3.util import Retry
except ImportError:
    pass  # the door says which library is missing

T = TypeVar("T")
R = TypeVar("R")

PAGE = 100  # rows; more than this at a time makes Dolibarr's PHP run out of memory first
PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds before each further try
LONGEST_PAUSE = 30.0  # seconds, whatever the server asks for

# Addresses that answer to GET and change something all the same.
WRITING_PATHS = re.compile(r"/+(login|users/[^/]+/set(password|group))(/|$)", re.IGNORECASE)
# Dolibarr's framework (Restler) takes the verb from a parameter of this name.
VERB_PARAMETERS = re.compile(r"\s*(http[_. \[])?method(\[|$)", re.IGNORECASE)


class Client:
    """Reads from one Dolibarr over at most ``connections`` connections; to be used as a context manager.

    Every answer is counted in ``progress``. No method takes a verb, a body or another address, so that nothing but GET
    can be sent, and only to the API of the options.
    """

    def __init__(self, options: DolibarrOptions, progress: Progress | None = None) -> None:
        self.progress = progress or Progress()
        self._base = options.base()
        self._key = options.key()
        self._timeout = options.timeout
        # Not set on the session: there, REQUESTS_CA_BUNDLE of the environment would win over it.
        self._verify: str | bool = options.ca_bundle or True
        # A proxy of the network cannot reach what listens on this host alone.
        self._proxies = {"no_proxy": urlsplit(self._base).hostname or ""} if is_loopback(self._base) else None
        self._own = threading.local()
        self._sessions: list[requests.Session] = []
        self._pool = ThreadPoolExecutor(options.connections, thread_name_prefix="dolibarr")

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        for session in self._sessions:
            session.close()

    def get(self, path: str, **query: str | int) -> Any:
        """The JSON answer to one GET of ``path`` below the API, such as ``/invoices/12``; it may hold a query."""
        check_path(path, query)
        response = self._answer(path, query)
        body = response.content
        self.progress.add(answers=1, read=len(body))
        if not response.ok:
            # What stands before Dolibarr may show the request it could not serve.
            body = body.replace(self._key.encode("ascii"), b"***")
        return decode(path, response.status_code, response.headers, body)

    def pages(self, path: str, **query: str | int) -> Iterator[list[Answer]]:
        """A list, page by page to its end, sorted by id.

        Each page begins after the last id of the page before, and not at a number of rows, so that nothing is missed
        or read twice when rows come and go meanwhile.
        """
        given = query.pop("sqlfilters", "")
        last = 0
        while True:
            after = f"(t.rowid:>:{last})" if last else ""
            filters = " and ".join(part for part in (given and f"({given})", after) if part)
            rows, total = self._page(path, {**query, **({"sqlfilters": filters} if filters else {})})
            ids = [last, *map(identity, rows)]
            if any(earlier >= later for earlier, later in pairwise(ids)):
                raise NotDolibarr(f"The list {path} does not come sorted by id: check what stands before Dolibarr.")
            if rows:
                yield rows
            if len(rows) == total if total is not None else len(rows) < PAGE:
                return
            if not rows:
                raise ChangedWhileRead(f"The list {path} ended before its end: run this again.")
            last = ids[-1]

    def _page(self, path: str, query: dict[str, str | int]) -> tuple[list[Answer], int | None]:
        """The rows, and how many there are from here to the end of the list; None where Dolibarr does not say."""
        try:
            answer = self.get(path, limit=PAGE, sortfield="t.rowid", sortorder="ASC", pagination_data="true", **query)
        except NotFound:
            if path == "/thirdparties":  # the one list that answers 404 when it is empty
                return [], 0
            raise
        if isinstance(answer, dict) and "pagination" in answer:
            return answer["data"], int(answer["pagination"]["total"])
        if not isinstance(answer, list):
            raise NotDolibarr(f"{path} is no list: give the path of a list, such as /invoices.")
        return answer, None

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """``function`` of each item, as many at a time as there are connections, in the order of the items.

        The first error ends it: what has not begun does not begin. ``function`` must not call ``map`` itself.
        """
        futures = [self._pool.submit(function, item) for item in items]
        try:
            for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                future.result()
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()

    def _answer(self, path: str, query: dict[str, str | int]) -> requests.Response:
        """The answer of one GET, tried again with pauses while that may help."""
        for pause in PAUSES:
            try:
                response = self._send(path, query)
            except Unreachable as error:
                if not error.passing:
                    raise
            else:
                if not is_passing(response.status_code, response.headers, response.content):
                    return response
                pause = max(pause, min(asked_pause(response), LONGEST_PAUSE))
            sleep(pause)
        return self._send(path, query)

    def _send(self, path: str, query: dict[str, str | int]) -> requests.Response:
        try:
            return self._session().get(
                self._base + path,
                params=query,
                timeout=self._timeout,
                verify=self._verify,
                proxies=self._proxies,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise self._unreachable(path.partition("?")[0], error) from error

    def _session(self) -> requests.Session:
        """This thread's own session: requests does not promise that threads may share one."""
        session: requests.Session | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = requests.Session()
            session.headers["User-Agent"] = f"arcodange.erp/{COLLECTION_VERSION}"
            session.headers["Accept"] = "application/json"
            session.auth = self._sign
            self._sessions.append(session)
        return session

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        # As an authentication, so that requests does not look for one in ~/.netrc.
        request.headers["DOLAPIKEY"] = self._key
        return request

    def _unreachable(self, path: str, error: requests.RequestException) -> Unreachable:
        why = reason(error)
        if isinstance(error, requests.exceptions.SSLError):
            return Unreachable(
                f"The TLS connection to {self._base} was not accepted ({why}): check dolibarr_url, or give the "
                "certificate of its authority in dolibarr_ca_bundle.",
                passing=False,
            )
        if isinstance(error, requests.exceptions.ReadTimeout):
            # It may still be working on it; asking again would only add to its load.
            return Slow(
                f"Dolibarr did not answer GET {path} within {self._timeout:g} s: give a higher dolibarr_timeout or look "
                "at its load.",
                passing=False,
            )
        return Unreachable(
            f"No answer from {self._base} to GET {path} ({why}): check dolibarr_url, the network and the proxy.",
            passing=True,
        )


def check_path(path: str, query: dict[str, str | int]) -> None:
    """Refuse what would leave the API or change something."""
    parts = urlsplit(path)
    place = unquote(parts.path)
    if not path.startswith("/") or parts.netloc or parts.fragment or ".." in place.split("/"):
        raise BadOptions(f"{parts.path or path!r} is no path of the API: give one such as /invoices/12.")
    names = [name for name, _value in parse_qsl(parts.query, keep_blank_values=True)] + list(query)
    if WRITING_PATHS.match(place) or any(VERB_PARAMETERS.match(name) for name in names):
        raise BadOptions(f"GET {parts.path} with these parameters would change something: only reading is possible.")


def asked_pause(response: requests.Response) -> float:
    """The seconds after which the server wants to be asked again; 0 when it does not say."""
    try:
        return float(Retry().parse_retry_after(response.headers.get("Retry-After", "0")))
    except InvalidHeader:
        return 0.0


def reason(error: BaseException) -> str:
    """The innermost reason of an error of requests or urllib3, without addresses and numbers of objects."""
    inner: Any = error
    while isinstance(inner, requests.RequestException | HTTPError):
        within = getattr(inner, "reason", None) or next((arg for arg in inner.args if isinstance(arg, Exception)), None)
        if not isinstance(within, Exception):
            break
        inner = within
    if isinstance(inner, ssl.SSLCertVerificationError):
        return inner.verify_message
    return re.sub(r"<[^>]*>: |\s*\(_ssl\.c:\d+\)|\[SSL[^]]*\] ", "", str(inner)).rpartition("): ")[2].rstrip(".")
