# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real servers: radosgw, Debian's PostgreSQL with TLS, PgBouncer. Needs root on Debian and their packages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.debian_postgres import TlsCluster, tls_cluster
from tests.support.pgbouncer import Poolers, poolers
from tests.support.radosgw import Radosgw, radosgw
from tests.support.stores import Store


@pytest.fixture(scope="session")
def rgw() -> Iterator[Radosgw]:
    """One real object store for the whole run."""
    with radosgw() as server:
        yield server


@pytest.fixture
def rgw_store(rgw: Radosgw) -> Store:
    """An empty bucket of this test's own in the real object store."""
    return rgw.store.fresh()


@pytest.fixture(scope="session")
def tls_postgres() -> Iterator[TlsCluster]:
    """One Debian PostgreSQL for the whole run that takes TLS connections only."""
    with tls_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def pgbouncer(tls_postgres: TlsCluster) -> Iterator[Poolers]:
    """PgBouncer in front of it."""
    with poolers(tls_postgres) as running:
        yield running
