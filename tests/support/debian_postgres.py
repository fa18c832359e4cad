# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's PostgreSQL in a cluster of its own that lets nobody in without TLS."""

from __future__ import annotations

import contextlib
import pathlib
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator

from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.postgres import PostgresServer
from ansible_collections.arcodange.erp.plugins.module_utils.sandbox.privileges import run_as
from tests.support.databases import Cluster

HOST_NAME = "localhost"
OPENSSL = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[server]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:{name}
"""


class TlsCluster(Cluster):
    """A server that is who its certificate says under the name ``localhost``, and under no other."""

    def __init__(self, server: PostgresServer, ca: pathlib.Path, other_ca: pathlib.Path) -> None:
        super().__init__(server)
        self.host = HOST_NAME
        self.ca = ca
        self.other_ca = other_ca


def debian_bin_dir() -> pathlib.Path:
    """The programs of the newest PostgreSQL that Debian's packages have installed."""
    found = sorted(
        pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parents[1].name)
    )
    if not found:
        raise RuntimeError("Debian's PostgreSQL is not installed: apt-get install postgresql.")
    return found[-1].parent


def _certificate(directory: pathlib.Path, file: str, name: str, section: str, signed_by: str | None = None) -> None:
    configuration = directory / f"{file}.cnf"
    configuration.write_text(OPENSSL.format(name=name), encoding="utf-8")
    authority = ["-CA", f"{signed_by}.pem", "-CAkey", f"{signed_by}.key"] if signed_by else []
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{file}.key"]
    made = ["-config", configuration.name, "-extensions", section, "-days", "2", "-out", f"{file}.pem"]
    subprocess.run(
        ["openssl", "req", "-x509", *made, *authority, *key],
        cwd=directory,
        check=True,
        capture_output=True,
    )


@contextlib.contextmanager
def tls_cluster() -> Iterator[TlsCluster]:
    """A server in a directory of its own, gone afterwards."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="erp-tls-postgres-"))
    directory.chmod(0o755)
    _certificate(directory, "ca", "Test authority", "authority")
    _certificate(directory, "other-ca", "Another authority", "authority")
    _certificate(directory, "server", HOST_NAME, "server", signed_by="ca")
    (directory / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n", encoding="utf-8")
    bin_dir = debian_bin_dir()
    run_as(bin_dir / "postgres", directory).give(directory / "server.key")
    settings = {
        "ssl": "on",
        "ssl_cert_file": str(directory / "server.pem"),
        "ssl_key_file": str(directory / "server.key"),
        "hba_file": str(directory / "pg_hba.conf"),
    }
    server = PostgresServer(bin_dir, directory, secrets.token_urlsafe(16), settings)
    try:
        server.start()
        yield TlsCluster(server, directory / "ca.pem", directory / "other-ca.pem")
    finally:
        server.stop()
        shutil.rmtree(directory)
