# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restored copy made harmless before anybody starts it: it sends no mail, calls nobody, takes no payment."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import (
    DatabaseOptions,
    connect,
    explain,
    one_row,
)

try:
    import psycopg
    from psycopg import sql
except ImportError:
    pass  # the door says which library is missing

if TYPE_CHECKING:
    from psycopg.rows import TupleRow

# Constants of llx_const by their names: what is left of each is an empty value, so that no default comes back.
MAIL_ACCESS = r"^MAIN_MAIL_SMTP"
PAYMENT = r"^(STRIPE|PAYPAL|PAYBOX|STANCER|PAYPLUG|MOLLIE|SUMUP|PAYMENT_SECURITY|ONLINE_PAYMENT)_"
TOKENS = (
    r"^(OAUTH|AI_API|ZAPIER|LDAP_ADMIN|CRON_KEY|WEBSERVICES_KEY|FTP_PASSWORD|ADHERENT_MAILMAN)"
    r"|_(SECRET|API_?KEY|ACCESS_TOKEN|TOKEN|HMAC_KEY|DSN)(_|$)"
)
# Options that only look like secrets, and modules, which stay as they are.
KEPT = r"^MAIN_(MODULE|SECURITY|AGENDA|INFO|VERSION)_"
ADDRESS = r"^(https?|wss?|ldaps?|s?ftps?|imaps?|smtps?)://"
NO_MAILS = "MAIN_DISABLE_ALL_MAILS"
CONSTANTS = (
    ("mail servers and their passwords cleared", "name ~ %(names)s", MAIL_ACCESS),
    ("payment keys cleared", "name ~ %(names)s", PAYMENT),
    ("tokens and keys of other services cleared", "name ~ %(names)s", TOKENS),
    ("external addresses cleared", "value ~* %(names)s", ADDRESS),
)
CLEAR = (
    "UPDATE public.llx_const SET value = '' WHERE {which} AND value <> '' AND name !~ %(kept)s"
    " AND name <> %(no_mails)s RETURNING name"
)


@dataclass(frozen=True)
class SanitizeStep:
    """What a step did: rows that it changed, and the names of the constants among them, never a value."""

    step: str
    rows: int
    names: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The JSON form used in results."""
        return {**asdict(self), "names": list(self.names)}


@dataclass(frozen=True)
class _Change:
    """A statement, and the columns without which it has no meaning."""

    step: str
    table: str
    columns: tuple[str, ...]
    statement: str


CHANGES = (
    _Change(
        "scheduled jobs off", "llx_cronjob", ("status",), "UPDATE public.llx_cronjob SET status = 0 WHERE status <> 0"
    ),
    _Change(
        "mail collectors off",
        "llx_emailcollector_emailcollector",
        ("status", "password"),
        "UPDATE public.llx_emailcollector_emailcollector SET status = 0, password = NULL"
        " WHERE status <> 0 OR password IS NOT NULL",
    ),
    _Change(
        "webhooks off",
        "llx_webhook_target",
        ("status", "url"),
        "UPDATE public.llx_webhook_target SET status = 0, url = '' WHERE status <> 0 OR url <> ''",
    ),
    _Change(
        "credentials of webhooks cleared",
        "llx_webhook_target",
        ("connection_data",),
        "UPDATE public.llx_webhook_target SET connection_data = NULL WHERE connection_data IS NOT NULL",
    ),
    _Change("OAuth tokens dropped", "llx_oauth_token", (), "DELETE FROM public.llx_oauth_token"),
    _Change("OAuth states dropped", "llx_oauth_state", (), "DELETE FROM public.llx_oauth_state"),
    _Change(
        "web services of third parties cleared",
        "llx_societe",
        ("webservices_url", "webservices_key"),
        "UPDATE public.llx_societe SET webservices_url = NULL, webservices_key = NULL"
        " WHERE webservices_url IS NOT NULL OR webservices_key IS NOT NULL",
    ),
    _Change(
        "API keys of users dropped",
        "llx_user",
        ("api_key",),
        "UPDATE public.llx_user SET api_key = NULL WHERE api_key IS NOT NULL",
    ),
)


def sanitize_database(options: DatabaseOptions) -> list[dict[str, Any]]:
    """Make a copy harmless, all in one transaction; returns the steps taken, those without a table left out.

    Run it on a copy before the switch: what it takes away cannot be brought back but by another restore.
    """
    with connect(options) as connection:
        try:
            # As the owner, whose triggers are not to run with the rights of an admin, and see what they expect to see.
            owner = one_row(
                connection, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
            )
            connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(owner[0])))
            connection.execute("SET LOCAL search_path TO public")
            steps = _sanitize(connection)
        except psycopg.Error as error:
            raise explain(options, "sanitize", error) from error
    return [step.to_json() for step in steps]


def _sanitize(connection: psycopg.Connection[TupleRow]) -> list[SanitizeStep]:
    found = connection.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
    ).fetchall()
    columns: dict[str, set[str]] = {}
    for table, column in found:
        columns.setdefault(table, set()).add(column)
    steps = []
    if {"name", "value", "entity"} <= columns.get("llx_const", set()):
        steps.append(_mails_off(connection))
        for step, which, names in CONSTANTS:
            parameters = {"names": names, "kept": KEPT, "no_mails": NO_MAILS}
            cleared = connection.execute(CLEAR.format(which=which).encode(), parameters).fetchall()
            steps.append(SanitizeStep(step, len(cleared), tuple(sorted({row[0] for row in cleared}))))
    for change in CHANGES:
        if change.table in columns and columns[change.table].issuperset(change.columns):
            steps.append(SanitizeStep(change.step, connection.execute(change.statement.encode()).rowcount))
    return steps


def _mails_off(connection: psycopg.Connection[TupleRow]) -> SanitizeStep:
    """Switch outgoing mail off for all entities: entity 0 speaks for those that have no value of their own."""
    changed = connection.execute(
        "UPDATE public.llx_const SET value = '1' WHERE name = %s AND value IS DISTINCT FROM '1'", (NO_MAILS,)
    ).rowcount
    added = connection.execute(
        "INSERT INTO public.llx_const (name, entity, value, type, visible)"
        " SELECT %(name)s::text, 0, '1', 'chaine', 1"
        " WHERE NOT EXISTS (SELECT FROM public.llx_const WHERE name = %(name)s::text AND entity = 0)",
        {"name": NO_MAILS},
    ).rowcount
    return SanitizeStep("outgoing mail off", changed + added, (NO_MAILS,))
