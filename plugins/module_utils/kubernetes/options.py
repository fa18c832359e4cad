# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which cluster a module talks to; the credentials themselves never are options."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KubernetesOptions:
    """A kubeconfig file and one of its contexts; what is absent is looked for where kubernetes.core does."""

    kubeconfig: str | None = None
    context: str | None = None
