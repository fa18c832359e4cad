# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy that sends no mail, calls nobody and takes no payment, and a result that says so without a value."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.restore.sanitize import sanitize_database
from tests.support import restores
from tests.support.databases import Cluster, Database

SECRET = "planted-secret"
CLEARED = {
    "mail servers and their passwords cleared": ["MAIN_MAIL_SMTPS_PW_EMAILING", "MAIN_MAIL_SMTP_SERVER"],
    "payment keys cleared": ["PAYBOX_HMAC_KEY", "PAYPAL_API_PASSWORD", "STRIPE_LIVE", "STRIPE_LIVE_SECRET_KEY"],
    "tokens and keys of other services cleared": [
        "CRON_KEY",
        "GOOGLE_API_KEY",
        "OAUTH_GOOGLE_SECRET",
        "WEBSERVICES_KEY",
    ],
    "external addresses cleared": ["CLICKTODIAL_URL", "EXTERNAL_LDAP"],
}
KEPT = ["MAIN_MODULE_STRIPE", "MAIN_SECURITY_SALT", "USER_PASSWORD_GENERATED", "FACTURE_ADDON"]
OTHER_ROWS = (
    f"UPDATE llx_user SET api_key = '{SECRET}' WHERE rowid = 1",
    "UPDATE llx_cronjob SET status = 1 WHERE rowid = (SELECT min(rowid) FROM llx_cronjob)",
    f"UPDATE llx_societe SET webservices_url = 'https://shop.example', webservices_key = '{SECRET}' WHERE rowid = 1",
    f"INSERT INTO llx_oauth_token (service, token, entity) VALUES ('Google', '{SECRET}', 1)",
    "INSERT INTO llx_emailcollector_emailcollector (entity, ref, label, password, status, date_creation, fk_user_creat, tms)"
    f" VALUES (1, 'in', 'in', '{SECRET}', 1, now(), 1, now())",
    "CREATE TABLE llx_webhook_target (rowid int, status int, url text NOT NULL, connection_data text)",
    f"INSERT INTO llx_webhook_target VALUES (1, 1, 'https://hook.example/{SECRET}', '{SECRET}'), (2, 0, '', NULL)",
)


@pytest.fixture
def copy(sample_database: Database) -> Database:
    """The sample with everything that may do harm."""
    names = [name for group in CLEARED.values() for name in group]
    with sample_database.connect() as connection:
        for name in [*names, *KEPT]:
            connection.execute("DELETE FROM llx_const WHERE name = %s", [name])
            value = f"https://{SECRET}.example" if name in CLEARED["external addresses cleared"] else SECRET
            connection.execute("INSERT INTO llx_const (name, value, entity) VALUES (%s, %s, 1)", [name, value])
        for statement in OTHER_ROWS:
            connection.execute(statement.encode())
    return sample_database


def constants(database: Database) -> dict[str, str]:
    return dict(database.execute("SELECT name || ' ' || entity, value FROM llx_const"))


def test_everything_that_may_do_harm_is_off_and_named(copy: Database, postgres: Cluster) -> None:
    before = constants(copy)
    steps = sanitize_database(restores.options(postgres.as_superuser(copy.name)))
    after = constants(copy)
    found = {step["step"]: step for step in steps}
    for step, names in CLEARED.items():
        assert (found[step]["names"], found[step]["rows"]) == (names, len(names))
        assert {after[f"{name} 1"] for name in names} == {""}
    touched = {f"{name} 1" for names in CLEARED.values() for name in names} | {"MAIN_DISABLE_ALL_MAILS 0"}
    assert {name for name in before | after if before.get(name) != after.get(name)} == touched
    assert after["MAIN_DISABLE_ALL_MAILS 0"] == "1"
    assert found["outgoing mail off"] == {"step": "outgoing mail off", "rows": 1, "names": ["MAIN_DISABLE_ALL_MAILS"]}
    left = (
        "SELECT (SELECT count(*) FROM llx_cronjob WHERE status <> 0), (SELECT count(*) FROM llx_user WHERE api_key IS NOT NULL),"
        " (SELECT count(*) FROM llx_oauth_token), (SELECT count(*) FROM llx_webhook_target WHERE status <> 0 OR url <> ''),"
        " (SELECT count(*) FROM llx_webhook_target WHERE connection_data IS NOT NULL),"
        " (SELECT count(*) FROM llx_societe WHERE webservices_key IS NOT NULL OR webservices_url IS NOT NULL),"
        " (SELECT count(*) FROM llx_emailcollector_emailcollector WHERE status <> 0 OR password IS NOT NULL)"
    )
    assert copy.execute(left) == [(0, 0, 0, 0, 0, 0, 0)]
    for step in ("scheduled jobs off", "API keys of users dropped"):
        assert found[step]["rows"] > 0
    for step in ("webhooks off", "credentials of webhooks cleared", "OAuth tokens dropped", "mail collectors off"):
        assert found[step]["rows"] == 1
    assert SECRET not in str(steps)
    # Once more finds nothing left to do.
    assert all(step["rows"] == 0 for step in sanitize_database(restores.options(copy)))


def test_mails_that_an_entity_had_switched_on_are_off(copy: Database) -> None:
    copy.execute("INSERT INTO llx_const (name, value, entity) VALUES ('MAIN_DISABLE_ALL_MAILS', '0', 1)")
    assert sanitize_database(restores.options(copy))[0]["rows"] == 2
    values = "SELECT entity, value FROM llx_const WHERE name = 'MAIN_DISABLE_ALL_MAILS' ORDER BY 1"
    assert copy.execute(values) == [(0, "1"), (1, "1")]


@pytest.fixture
def bare(empty_database: Database) -> Iterator[Database]:
    """A database with users that have no API key yet, and nothing else of Dolibarr."""
    empty_database.execute("CREATE TABLE llx_user (rowid int, login text)")
    empty_database.execute("CREATE TABLE llx_cronjob (rowid int, status int)")
    yield empty_database


def test_what_is_not_there_is_not_claimed(bare: Database) -> None:
    assert sanitize_database(restores.options(bare)) == [{"step": "scheduled jobs off", "rows": 0, "names": []}]


def test_a_failure_changes_nothing(copy: Database) -> None:
    copy.execute("ALTER TABLE llx_user ADD CHECK (rowid <> 1 OR api_key IS NOT NULL)")
    before = constants(copy)
    with pytest.raises(ErpError, match=f"^Cannot sanitize the database {copy.name} on .*violates check constraint"):
        sanitize_database(restores.options(copy))
    assert constants(copy) == before
