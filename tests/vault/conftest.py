# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three sealed replicas, and a run over them whose clock nobody waits for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.clock import Clock
from ansible_collections.arcodange.erp.plugins.module_utils.vault.client import VaultOptions
from ansible_collections.arcodange.erp.plugins.module_utils.vault.keys import read_keys
from ansible_collections.arcodange.erp.plugins.module_utils.vault.unseal import run_unseal
from tests.support.vault import FakeVault


@dataclass
class Hands:
    """A clock that moves when somebody sleeps; ``meanwhile`` is called then."""

    passed: float = 0.0
    meanwhile: Callable[[], None] = field(default=lambda: None)

    def sleep(self, seconds: float) -> None:
        self.passed += seconds
        self.meanwhile()

    @property
    def clock(self) -> Clock:
        start = datetime(2026, 11, 21, 3, 12, tzinfo=UTC)
        return Clock(lambda: start + timedelta(seconds=self.passed), lambda: self.passed, self.sleep)


@pytest.fixture(autouse=True)
def _nobodys_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, token or certificate of the person who runs the tests matters."""
    for name in os.environ:
        if name.lower().endswith("_proxy") or name.startswith("VAULT_") or name.endswith("_CA_BUNDLE"):
            monkeypatch.delenv(name)


@pytest.fixture
def vault() -> Iterator[FakeVault]:
    """Three replicas, three of five keys."""
    with FakeVault() as server:
        yield server


@pytest.fixture
def hands() -> Hands:
    """A clock at the beginning."""
    return Hands()


@pytest.fixture
def unseal(vault: FakeVault, hands: Hands) -> Callable[..., dict[str, Any]]:
    """Run as the module does: ``unseal(keys, check_mode=False, **options)``."""

    def run(keys: Sequence[str] = (), check_mode: bool = False, **options: Any) -> dict[str, Any]:
        chosen = VaultOptions(**{"addresses": vault.addresses, "timeout": 2, **options})
        return run_unseal(chosen, read_keys(keys, ()), check_mode, hands.clock)

    return run
