#!/usr/bin/python
# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vault_unseal
short_description: Unseal HashiCorp Vault or OpenBao, or see whether it is sealed
version_added: 0.1.0
description:
  - Asks each replica for its seal, gives the sealed ones unseal keys until the threshold, and waits until every replica is active or stands by
    for one that is.
  - Without O(keys), O(key_files) and O(prompt), and in check mode, it only looks.
  - Goes on with an unsealing that somebody began. A key that was already given does not count twice.
  - Vault tells only at the threshold whether keys fit, and forgets them then. When there are more keys than the threshold, other sets of them
    are tried, and a wrong key is named by its place. When there are not, all keys are named. Nothing of a wrong set is left behind.
  - With fewer keys than the threshold they are given all the same, for somebody else to give the others.
  - A replica that unseals itself is recognised, is given no keys, and is waited for.
author:
  - arcodange.erp contributors (@arcodange)
extends_documentation_fragment:
  - arcodange.erp.attributes
attributes:
  check_mode:
    support: full
    details: Says what would be given. Nothing is sent but questions, and nobody is asked for a key.
  diff_mode:
    support: full
    details: Shows the seal of each replica before and after.
  idempotent:
    support: full
options:
  vault_addresses:
    description:
      - Address of each replica itself, such as V(https://vault-0.example.com:8200), and not of a service before them, for each has a seal of
        its own.
      - The variables C(VAULT_*) of the environment and the token in the home directory are not used. Redirects are not followed.
    type: list
    elements: str
    required: true
  vault_ca_bundle:
    description: Certificates of the authorities to trust, as a PEM file. Those of C(requests) are used when absent.
    type: path
  vault_timeout:
    description: Seconds to wait for a connection, and for each part of an answer.
    type: float
    default: 30
  keys:
    description: Unseal keys, as Vault printed them, in base64 or in hex.
    type: list
    elements: str
    default: []
  key_files:
    description: Files with one unseal key a line, on the host of the module. Only their owner may read them, as with mode V(0600).
    type: list
    elements: path
    default: []
  prompt:
    description:
      - Whether to ask for the keys on the terminal of C(ansible-playbook), without showing them, when a replica is sealed.
      - An empty line ends it before the threshold. Fails without a terminal.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait, after the last key, until every replica serves.
    type: float
    default: 120
requirements:
  - hvac >= 2.3
seealso:
  - name: Seal and unseal
    description: What a seal is.
    link: https://developer.hashicorp.com/vault/docs/concepts/seal
"""

EXAMPLES = r"""
- name: See whether Vault is sealed
  arcodange.erp.vault_unseal:
    vault_addresses:
      - https://vault-0.example.com:8200
      - https://vault-1.example.com:8200
      - https://vault-2.example.com:8200
  register: vault

- name: Unseal it with keys that somebody types
  arcodange.erp.vault_unseal:
    vault_addresses: ["https://vault.example.com:8200"]
    prompt: true

- name: Unseal it with keys from files of their holders
  arcodange.erp.vault_unseal:
    vault_addresses: ["https://vault.example.com:8200"]
    key_files: [/root/unseal/alice, /root/unseal/bob, /root/unseal/carol]
    vault_ca_bundle: /etc/ssl/certs/example-internal-ca.pem
"""

RETURN = r"""
outcome:
  description:
    - V(unchanged) or V(done) when every replica serves. V(findings) when one is sealed and more keys are needed, or a key was wrong.
    - V(failed) comes with a failure, which names what this run unsealed; the other values are returned then, too.
  returned: always
  type: str
  sample: done
unsealed:
  description: Whether every replica is unsealed, and active or standing by for one that is.
  returned: always
  type: bool
  sample: true
unsealed_at:
  description: Just before the key that unsealed the last replica of this run; what Vault issued after it is new. Null when it unsealed none.
  returned: always
  type: str
  sample: "2026-11-21T03:12:07Z"
replicas:
  description: What each replica says of itself.
  returned: always
  type: list
  elements: dict
  contains:
    address:
      description: Its address.
      type: str
    state:
      description:
        - V(active), V(standby), V(performance_standby), V(dr_secondary), V(sealed), V(uninitialized), V(removed) from its cluster, or
          V(unreachable).
      type: str
      sample: active
    initialized:
      description: Whether it has a key at all. This and what follows is null when it cannot be reached.
      type: bool
    sealed:
      description: Whether it is sealed.
      type: bool
    seal_type:
      description: V(shamir), or the service that unseals it.
      type: str
    auto_unseal:
      description: Whether it unseals itself.
      type: bool
    migrating:
      description: Whether it is moving to another kind of seal.
      type: bool
    threshold:
      description: Number of keys that unseal it.
      type: int
    shares:
      description: Number of keys that exist.
      type: int
    progress:
      description: Number of keys that are given.
      type: int
    version:
      description: Its version.
      type: str
    cluster_name:
      description: Name of its cluster, told when it is not sealed.
      type: str
    cluster_id:
      description: Id of its cluster, told when it is not sealed.
      type: str
    ha_enabled:
      description: Whether its storage allows more than one replica, told when it is not sealed.
      type: bool
    leader_address:
      description: Address of the active replica, as that one gives it.
      type: str
    active_since:
      description: Since when it is active, told by the active one of several replicas alone.
      type: str
    keys_given:
      description: Number of keys of this run that it counted.
      type: int
    unsealed_at:
      description: Just before the key of this run that unsealed it, or null.
      type: str
    message:
      description: What would be done, or why it cannot be reached.
      type: str
findings:
  description: What asks for a person, each with C(severity), C(address) and a sentence C(message). Never a key.
  returned: always
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.arcodange.erp.plugins.module_utils.arguments import require_libraries
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.vault.client import VaultOptions
from ansible_collections.arcodange.erp.plugins.module_utils.vault.keys import read_keys
from ansible_collections.arcodange.erp.plugins.module_utils.vault.unseal import run_unseal

SPEC = {
    "vault_addresses": {"type": "list", "elements": "str", "required": True},
    "vault_ca_bundle": {"type": "path"},
    "vault_timeout": {"type": "float", "default": 30},
    "keys": {"type": "list", "elements": "str", "default": [], "no_log": True},
    "key_files": {"type": "list", "elements": "path", "default": [], "no_log": False},
    "prompt": {"type": "bool", "default": False},
    "wait_timeout": {"type": "float", "default": 120},
}


def build(params: dict[str, Any]) -> VaultOptions:
    """Turn the options of the module into the way to the replicas."""
    return VaultOptions(
        addresses=params["vault_addresses"],
        ca_bundle=params["vault_ca_bundle"],
        timeout=params["vault_timeout"],
        wait_timeout=params["wait_timeout"],
    )


def main() -> None:
    module = AnsibleModule(SPEC, supports_check_mode=True)
    require_libraries(module, "hvac", "requests")
    params = module.params
    try:
        options = build(params)
        facts = run_unseal(options, read_keys(params["keys"], params["key_files"]), module.check_mode)
    except ErpError as error:
        facts = {**error.facts, "outcome": error.outcome}
        facts.pop("diff", None)
        module.fail_json(msg=str(error), **facts)
    difference = facts.pop("diff")
    module.exit_json(**facts, **({"diff": difference} if module._diff else {}))


if __name__ == "__main__":
    main()
