# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - A kubeconfig file. Read from the environment variable E(K8S_AUTH_KUBECONFIG) when absent.
      - Without it and O(context), E(K8S_AUTH_HOST) and E(K8S_AUTH_API_KEY) are used, with E(K8S_AUTH_SSL_CA_CERT),
        E(K8S_AUTH_VERIFY_SSL), E(K8S_AUTH_CERT_FILE) and E(K8S_AUTH_KEY_FILE); then the file named by E(KUBECONFIG), C(~/.kube/config),
        and the service account of the pod the module runs in.
      - There is no option for a token, so that none shows in the output of a play.
    type: path
  context:
    description: Context of the kubeconfig file. Read from E(K8S_AUTH_CONTEXT) when absent, then the file's current one is used.
    type: str
requirements:
  - kubernetes >= 31.0
"""
