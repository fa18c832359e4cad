# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.kubernetes import FakeCluster, fake_cluster


@pytest.fixture
def kube() -> Iterator[FakeCluster]:
    """A fake cluster of this test's own whose clock runs fifty times as fast as ours."""
    with fake_cluster() as cluster:
        yield cluster
