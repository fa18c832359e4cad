# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs arcodange.erp.vault_unseal and asks for the unseal keys on the terminal where somebody wants to type them."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail, AnsiblePromptInterrupt, AnsiblePromptNoninteractive
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.vault.keys import Key, read_key
from ansible_collections.arcodange.erp.plugins.module_utils.vault.replica import takes_keys

display = Display()


class ActionModule(ActionBase):
    """The controller's side of the module of the same name."""

    _supports_check_mode = True
    _supports_async = False
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module; with ``prompt``, look first, ask only when a replica is sealed, and run it with the keys."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        options = dict(self._task.args)
        if boolean(options.get("prompt", False), strict=False):
            if options.get("keys") or options.get("key_files"):
                raise AnsibleActionFail("prompt is set beside keys or key_files: set one of them.")
            seen = self._execute_module(module_args={**options, "prompt": False}, task_vars=task_vars)
            sealed = [replica for replica in seen.get("replicas", []) if takes_keys(replica)]
            if self._task.check_mode or not sealed:
                result.update(seen)
                return result
            options |= {"prompt": False, "keys": ask(sealed)}
        result.update(self._execute_module(module_args=options, task_vars=task_vars))
        return result


def ask(sealed: list[dict[str, Any]]) -> list[str]:
    """The keys that somebody types, as many as the threshold asks for unless an empty line ends it."""
    for replica in sealed:
        display.display(
            f"{replica['address']} is sealed, {replica['progress']} of {replica['threshold']} keys are given."
        )
    needed = max(replica["threshold"] for replica in sealed)
    keys: list[Key] = []
    while len(keys) < needed:
        typed = _prompt(f"Unseal key {len(keys) + 1} of {needed}, not shown (Enter alone when there are no more): ")
        if not typed:
            break
        try:
            key = read_key("What was typed", typed)
        except ErpError as error:
            display.display(str(error))
            continue
        if key in keys:
            display.display("That key was typed before: type another one.")
            continue
        keys.append(key)
    if not keys:
        raise AnsibleActionFail("No unseal key was typed: run this again when the holders of the keys are there.")
    return [key.text for key in keys]


def _prompt(text: str) -> str:
    try:
        typed: bytes = display.prompt_until(text, private=True)
    except AnsiblePromptNoninteractive:
        raise AnsibleActionFail(
            "There is no terminal to ask for unseal keys on: run this from one, or set keys or key_files."
        ) from None
    except AnsiblePromptInterrupt:
        raise AnsibleActionFail("Interrupted while asking for unseal keys: nothing was given.") from None
    # What is not text is no key either, and is said to be none.
    return typed.decode("ascii", "replace").strip()
