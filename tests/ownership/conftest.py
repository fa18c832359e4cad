# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database with an owner role that cannot log in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.databases import Cluster, embedded_cluster
from tests.support.ownership import House, house_on


@pytest.fixture
def house(postgres: Cluster) -> Iterator[House]:
    with house_on(postgres) as made:
        yield made


@pytest.fixture(scope="module")
def shared_house(postgres: Cluster) -> Iterator[House]:
    """One that tests leave without a foreign object."""
    with house_on(postgres) as made:
        yield made


@pytest.fixture(scope="session")
def older_postgres() -> Iterator[Cluster]:
    """PostgreSQL 16, where a multirange has an owner of its own."""
    with embedded_cluster(16) as cluster:
        yield cluster


@pytest.fixture
def older_house(older_postgres: Cluster) -> Iterator[House]:
    with house_on(older_postgres) as made:
        yield made
