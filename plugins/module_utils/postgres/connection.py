# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connecting to PostgreSQL: the same settings for psycopg and for the client programs, and errors as sentences."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from glob import glob
from typing import TYPE_CHECKING, Any

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.programs import run_program

try:
    import psycopg
except ImportError:
    pass  # the door says which library is missing

if TYPE_CHECKING:
    from typing import LiteralString

    from psycopg import sql
    from psycopg.rows import TupleRow

OLDEST_SERVER = 14  # the row digests need hash_record_extended
APPLICATION = "arcodange.erp"
LOCK_TIMEOUT = 60  # seconds to wait for a table that a migration holds, rather than stand in its way all night
# What turns a value into text must not depend on the server or the role.
SESSION_SETTINGS = {
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "xmloption": "content",
    "lc_monetary": "C",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "row_security": "off",
    "search_path": "",
    "statement_timeout": "0",
    "lock_timeout": f"{LOCK_TIMEOUT}s",
    "idle_in_transaction_session_timeout": "0",
    "client_encoding": "UTF8",
}


class DatabaseError(ErpError):
    """The database could not be reached or read."""


class LoginRefused(DatabaseError):
    """PostgreSQL answers, and does not let this role in: the credentials are wrong or gone."""


@dataclass(frozen=True)
class DatabaseOptions:
    """Where the database is; the fields are the module options ``db_*``."""

    host: str
    port: int
    name: str
    user: str
    password: str | None = field(default=None, repr=False)
    passfile: str | None = None
    sslmode: str = "prefer"
    sslrootcert: str | None = None

    def describe(self) -> str:
        """The database as a person names it."""
        return f"database {self.name} on {self.host}:{self.port}"

    def environment(self) -> dict[str, str]:
        """The environment for a client program: secrets never travel as arguments."""
        own = {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGDATABASE": self.name,
            "PGUSER": self.user,
            "PGSSLMODE": self.sslmode,
            "PGCONNECT_TIMEOUT": "10",
            "PGAPPNAME": APPLICATION,
            "PGTZ": "UTC",
            "PGPASSWORD": self.password,
            "PGPASSFILE": self.passfile,
            "PGSSLROOTCERT": self.sslrootcert,
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return inherited | {name: value for name, value in own.items() if value is not None}


def connect(options: DatabaseOptions, **settings: Any) -> psycopg.Connection[TupleRow]:
    """Open a connection whose session is independent of the settings of server and role.

    Raises :class:`DatabaseError` in one sentence.
    """
    for path, option in ((options.passfile, "db_passfile"), (options.sslrootcert, "db_sslrootcert")):
        if path and not os.path.isfile(path):
            raise DatabaseError(f"The file {path} does not exist: correct {option}.")
    parameters: dict[str, Any] = {
        "host": options.host,
        "port": options.port,
        "dbname": options.name,
        "user": options.user,
        "password": options.password,
        "passfile": options.passfile,
        "sslmode": options.sslmode,
        "sslrootcert": options.sslrootcert,
        "connect_timeout": 10,
        "application_name": APPLICATION,
        "keepalives_idle": 30,
        "prepare_threshold": None,  # a pooler may not know statements prepared earlier
    }
    try:
        connection = psycopg.connect(**parameters, **settings)
    except UnicodeError:  # a label that is empty or too long, as in db..example.com
        raise DatabaseError(f"'{options.host}' cannot be the name of a host: correct db_host.") from None
    except psycopg.OperationalError as error:
        refused = re.search(LOGIN_REFUSED, str(error))
        raise (LoginRefused if refused else DatabaseError)(_explain_connection(options, str(error))) from None
    return connection


# Nothing but the text tells why a connection was refused, and a server set up in France tells it in French.
LOGIN_REFUSED = (
    r'password authentication failed|no password supplied|role ".*" (does not exist|is not permitted)'
    r"|authentification par mot de passe échouée|rôle « .* » (n.existe pas|n.est pas autorisé)"
    r"|SASL authentication failed|[Nn]o such user"  # PgBouncer's own words
)
ADVICE = (
    (
        r"(password|SASL) authentication failed|no password supplied|fe_sendauth|authentification par mot de passe échouée",
        "the user or password is wrong: check db_user and db_password",
    ),
    (
        r'database ".*" does not exist|base de données « .* » n.existe pas',
        "there is no database of that name: correct db_name",
    ),
    (
        r'role ".*" does not exist|rôle « .* » n.existe pas|[Nn]o such user',
        "there is no role of that name: correct db_user",
    ),
    (
        r'role ".*" is not permitted to log in|rôle « .* » n.est pas autorisé',
        "that role may not log in: correct db_user, or ALTER ROLE ... LOGIN",
    ),
    (r"pg_hba\.conf", "the server's pg_hba.conf does not let this user or host in: add a line for it"),
    (r"certificate|SSL|root\.crt", "the TLS connection was not accepted: check db_sslmode and db_sslrootcert"),
    (r"could not translate host name|Name or service not known|resolve", "the host name is unknown: correct db_host"),
    (
        r"refused|No such file|timeout|timed out|No route|unreachable",
        "nothing answers there: check db_host and db_port, and that PostgreSQL is up",
    ),
    (
        r"starting up|shutting down|recovery|se lance|s.arrête|de restauration",
        "the server is starting or stopping: run again in a moment",
    ),
    (
        r"too many|remaining connection slots|trop de clients|emplacements de connexions",
        "the server has no free connection: run again later or raise max_connections",
    ),
)


def _explain_connection(options: DatabaseOptions, text: str) -> str:
    reason = next((advice for pattern, advice in ADVICE if re.search(pattern, text)), None)
    if reason is None:
        reason = " ".join(text.split())
    return f"Cannot connect to the {options.describe()}: {reason}."


def explain(options: DatabaseOptions, doing: str, error: Exception) -> DatabaseError:
    """An error of a running session as a sentence."""
    text = getattr(getattr(error, "diag", None), "message_primary", None) or str(error).strip().split("\n", 1)[0]
    if getattr(getattr(error, "diag", None), "source_function", None) == "check_enable_rls":  # told in any language
        advice = f"policies hide rows from {options.user}, let the superuser ALTER ROLE {options.user} BYPASSRLS"
    elif isinstance(error, psycopg.errors.InsufficientPrivilege):
        advice = f"grant it to {options.user}, for example with the role pg_read_all_data"
    elif isinstance(error, (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)):
        advice = "something else holds it, a migration for example, run again when that has ended"
    elif isinstance(error, psycopg.OperationalError):
        advice = "check the server's log and run again"
    else:
        advice = "check the database"
    return DatabaseError(f"Cannot {doing} the {options.describe()}: {text}: {advice}.")


def apply_session_settings(connection: psycopg.Connection[TupleRow]) -> None:
    """Pin, for the current transaction, every setting that a value's text could depend on."""
    for name, value in SESSION_SETTINGS.items():
        connection.execute("SELECT set_config(%s, %s, true)", (name, value))
    # Servers before 17 do not know this one.
    connection.execute("SELECT set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout'")


def one_row(
    connection: psycopg.Connection[TupleRow],
    query: LiteralString | sql.Composed,
    parameters: Sequence[Any] | None = None,
) -> TupleRow:
    """The one row that a statement gives."""
    row = connection.execute(query, parameters).fetchone()
    if row is None:
        raise DatabaseError("A statement that always gives a row gave none: check the server.")
    return row


def server_major(connection: psycopg.Connection[TupleRow]) -> int:
    """The major version of the server."""
    return connection.info.server_version // 10000


def find_program(name: str, major: int, bindir: str | None) -> tuple[str, str]:
    """Path and version of a client program that can work with a server of version ``major``.

    Without ``bindir``, the oldest one installed that is new enough. Raises :class:`DatabaseError` when there is none.
    """
    if bindir:
        candidates = [os.path.join(bindir, name)]
    else:
        on_path = shutil.which(name)
        candidates = ([on_path] if on_path else []) + sorted(
            glob(f"/usr/lib/postgresql/*/bin/{name}") + glob(f"/usr/pgsql-*/bin/{name}")
        )
    found = [(version, path) for path in candidates if (version := _program_version(path)) is not None]
    fitting = [(version, path) for version, path in found if int(version.split(".")[0]) >= major]
    if fitting:
        version, path = min(fitting, key=lambda item: int(item[0].split(".")[0]))
        return path, version
    have = (
        ", ".join(f"{path} is {version}" for version, path in found)
        or f"none was found{f' in {bindir}' if bindir else ''}"
    )
    raise DatabaseError(
        f"The server is PostgreSQL {major} and needs a {name} of version {major} or newer ({have}):"
        f" install postgresql-client-{major} or set pg_bindir.",
        server_major=major,
    )


def _program_version(path: str) -> str | None:
    try:
        answer = run_program([path, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\) (\d+(?:\.\d+)?)", answer)
    return match[1] if match else None
