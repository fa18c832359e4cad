# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the cluster is and what opens it: looked for where kubernetes.core looks."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.kubernetes.options import KubernetesOptions


def load(options: KubernetesOptions) -> Any:
    """The configuration of the official client."""
    from kubernetes import client, config

    chosen: Any = client.Configuration()
    given = {name: os.environ.get(f"K8S_AUTH_{name}", "") for name in ("HOST", "API_KEY", "CERT_FILE", "KEY_FILE")}
    if given["HOST"] and not options.kubeconfig and not options.context:
        chosen.host = given["HOST"].rstrip("/")
        if given["API_KEY"]:
            chosen.api_key = {"authorization": f"Bearer {given['API_KEY']}"}
        chosen.cert_file = given["CERT_FILE"] or None
        chosen.key_file = given["KEY_FILE"] or None
        chosen.ssl_ca_cert = os.environ.get("K8S_AUTH_SSL_CA_CERT") or None
        chosen.verify_ssl = os.environ.get("K8S_AUTH_VERIFY_SSL", "").lower() not in ("0", "false", "no")
        return chosen
    path = options.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    places = [place for place in map(os.path.expanduser, path.split(os.pathsep)) if os.path.exists(place)]
    if not places and (options.kubeconfig or options.context):
        raise ErpError(f"There is no kubeconfig file {path}: give the right path in kubeconfig.")
    # The official client shows neither types nor one kind of error for a file that is not what it should be.
    loader: Any = config
    try:
        if places:
            loader.load_kube_config(os.pathsep.join(places), options.context, chosen, persist_config=False)
        else:
            loader.load_incluster_config(client_configuration=chosen)
    except Exception as error:
        if not places:
            raise ErpError(
                f"No cluster is given: there is no {path} and this is no pod of one; set kubeconfig, K8S_AUTH_KUBECONFIG, "
                "or K8S_AUTH_HOST and K8S_AUTH_API_KEY."
            ) from error
        # Only what the client itself says: other errors quote the file, which holds keys.
        why = str(error) if isinstance(error, loader.ConfigException) else type(error).__name__
        raise ErpError(f"The kubeconfig {path} cannot be used ({why}): check the file and its context.") from error
    return chosen
