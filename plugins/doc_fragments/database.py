# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  db_host:
    description:
      - Host name or address of PostgreSQL, or the directory of its Unix socket.
      - It must be the server itself or a pooler in session mode. Transaction pooling is detected and refused.
    type: str
    required: true
  db_name:
    description: Name of Dolibarr's database.
    type: str
    required: true
  db_user:
    description: Role to connect as.
    type: str
    required: true
"""

    SESSION = r"""
options:
  db_port:
    description: Port of PostgreSQL.
    type: int
    default: 5432
  db_password:
    description: Password. Read from the environment variable E(PGPASSWORD) when absent.
    type: str
  db_passfile:
    description: A PostgreSQL password file, mode V(0600), used instead of O(db_password).
    type: path
  db_sslmode:
    description: How far the connection is protected, as in libpq. V(verify-full) is the only safe choice over a network.
    type: str
    choices: [disable, allow, prefer, require, verify-ca, verify-full]
    default: prefer
  db_sslrootcert:
    description: Certificates of the authorities to trust, as a PEM file.
    type: path
requirements:
  - psycopg >= 3.1
"""

    # What only asks the database needs none of its programs.
    PROGRAMS = r"""
options:
  pg_bindir:
    description:
      - Directory of C(pg_dump) and C(pg_restore).
      - When absent, the oldest installed version that is not older than the server is used.
    type: path
requirements:
  - PostgreSQL client programs at least as new as the server, which is version 14 or newer
"""

    ADMIN = r"""
options:
  db_host:
    description:
      - Host name or address of PostgreSQL itself, or the directory of its Unix socket.
      - Required, like O(db_name) and O(db_user), where a database is restored.
    type: str
  db_name:
    description: Name of the database that is, or will be, live.
    type: str
  db_user:
    description: Role to connect as. It may create databases, end sessions (C(pg_signal_backend)) and is a member of O(db_owner).
    type: str
  db_maintenance_name:
    description: Name of the database to connect to while others are created and renamed.
    type: str
    default: postgres
  db_owner:
    description: Role that owns the restored database and everything in it. O(db_user) when absent.
    type: str
  skip_functions:
    description:
      - Functions of the dump that are not restored because the server's provisioner owns them, for example C(pgbouncer.user_lookup).
      - With or without schema and arguments.
    type: list
    elements: str
    default: []
"""
