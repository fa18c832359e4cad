# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster for each test, and what is put into it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.kubernetes import FakeCluster, fake_cluster
from tests.support.kubernetes_objects import Body


@pytest.fixture
def kube() -> Iterator[FakeCluster]:
    """A fake cluster of this test's own whose clock runs fifty times as fast as ours."""
    with fake_cluster() as cluster:
        yield cluster


def deployment(replicas: int = 1, hook: int = 0, **pod: Any) -> Body:
    """A Deployment of one container; ``hook`` are the seconds that its pods take to stop, ``pod`` is for their spec."""
    container: Body = {"name": "erp", "image": "dolibarr/dolibarr:22.0.4"}
    if hook:
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": hook}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "erp", "namespace": "erp"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "erp"}},
            "template": {"metadata": {"labels": {"app": "erp"}}, "spec": {"containers": [container], **pod}},
        },
    }
