# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers and samples that every test may ask for."""

from __future__ import annotations

import functools
import pathlib
import sys
from collections.abc import Iterator

import botocore.session
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
for place in (ROOT, ROOT / ".collections"):
    if str(place) not in sys.path:
        sys.path.insert(0, str(place))

from tests.support.databases import Cluster, Database, embedded_cluster  # noqa: E402
from tests.support.documents import unpack_documents  # noqa: E402
from tests.support.stores import Store, embedded_store  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def _shared_descriptions() -> Iterator[None]:
    """Let all S3 clients share the descriptions of the protocol: each would read megabytes of JSON anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(botocore.session.create_loader))
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """One embedded PostgreSQL 18 for the whole run."""
    with embedded_cluster() as cluster:
        yield cluster


@pytest.fixture
def empty_database(postgres: Cluster) -> Iterator[Database]:
    """A database of this test's own without a table, as its owner."""
    database = postgres.empty_database()
    yield database
    postgres.drop(database.name)


@pytest.fixture
def sample_database(postgres: Cluster) -> Iterator[Database]:
    """A copy of the sample Dolibarr of this test's own, as its owner."""
    database = postgres.sample_database()
    yield database
    postgres.drop(database.name)


@pytest.fixture(scope="session")
def moto() -> Iterator[Store]:
    """One embedded object store for the whole run, without a bucket."""
    with embedded_store() as store:
        yield store


@pytest.fixture
def object_store(moto: Store) -> Store:
    """An empty bucket of this test's own."""
    return moto.fresh()


@pytest.fixture
def sample_documents(tmp_path: pathlib.Path) -> pathlib.Path:
    """The sample documents directory, unpacked for this test alone."""
    return unpack_documents(tmp_path)
