# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured: our module, the pipelines it replaces, restic, and the bare limits, each as one command."""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.measure import Weight, weigh
from tests.support.databases import Cluster, Database
from tests.support.radosgw import Radosgw
from tests.support.stores import Store

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODULES = "ansible_collections.arcodange.erp.plugins.modules"
AWS = ROOT / ".venv-bench" / "bin" / "aws"
PREFIX = "erp/bench"
INSTANCE = "benchmark"
# Eight MiB at a time, four side by side: more of either buys memory, not speed.
UPLOAD = """
import sys, boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
bucket, key, path = sys.argv[1:]
config = Config(request_checksum_calculation="when_required", s3={"addressing_style": "path"})
client = boto3.client("s3", config=config)
client.upload_file(path, bucket, key, Config=TransferConfig(multipart_chunksize=8 << 20, max_concurrency=4))
"""


@dataclass(frozen=True)
class Source:
    """What is backed up: a database and a documents directory."""

    database: Database
    documents: pathlib.Path


class Bench:
    """The servers of a run and the commands that use them."""

    def __init__(self, cluster: Cluster, server: Radosgw, scratch: pathlib.Path) -> None:
        self.cluster = cluster
        self.server = server
        self.scratch = scratch

    @contextmanager
    def bucket(self) -> Iterator[Store]:
        """A new bucket; what is in it is deleted at once afterwards, not while something else is measured."""
        store = self.server.store.fresh()
        yield store
        self.server.admin("bucket", "rm", f"--bucket={store.bucket}", "--purge-objects", "--bypass-gc")

    # Ours

    def back_up(self, store: Store, source: Source) -> tuple[Weight, dict[str, Any]]:
        """One run of the backup module, and its result."""
        return self.module("erp_backup", self.backup_options(store, source))

    def backup_options(self, store: Store, source: Source) -> dict[str, Any]:
        """The options of a task."""
        return {
            **source.database.module_options(),
            **store.module_options(),
            "s3_prefix": PREFIX,
            "pg_bindir": str(self.cluster.bin_dir),
            "documents_path": str(source.documents),
            "instance_id": INSTANCE,
            "environment_name": "benchmark",
        }

    def play(self, store: Store, source: Source) -> Weight:
        """One run of the backup module by ansible-playbook."""
        options, playbook = self.scratch / "options.json", self.scratch / "backup.yml"
        options.touch(0o600)
        options.write_text(json.dumps({"options": self.backup_options(store, source)}), encoding="utf-8")
        task = {"arcodange.erp.erp_backup": "{{ options }}"}
        play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}
        playbook.write_text(json.dumps([play]), encoding="utf-8")
        variables = {
            **self._module_environment(),
            "HOME": str(self.scratch),
            "ANSIBLE_HOME": str(self.scratch / "ansible"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INJECT_FACT_VARS": "true",
        }
        program = str(pathlib.Path(sys.executable).parent / "ansible-playbook")
        python = f"ansible_python_interpreter={sys.executable}"
        return weigh([program, "-i", "localhost,", "-e", python, "-e", f"@{options}", str(playbook)], variables)[0]

    def plan(self, store: Store) -> tuple[Weight, dict[str, Any]]:
        """The retention plan of a prefix, in check mode."""
        return self._prune(store, {"_ansible_check_mode": True})

    def prune_nothing(self, store: Store) -> None:
        """An ordinary prune that keeps everything; it leaves the summaries that the next one reads."""
        self._prune(store, {"days": 36525})

    def _prune(self, store: Store, changes: dict[str, Any]) -> tuple[Weight, dict[str, Any]]:
        limits = {"max_delete_count": 10**6, "max_delete_share": 1, "max_delete_yearly": 10**6}
        place = {**store.module_options(), "s3_prefix": PREFIX, "instance_id": INSTANCE}
        return self.module("s3_tiered_prune", {**place, **limits, **changes})

    def module(self, name: str, options: dict[str, Any]) -> tuple[Weight, dict[str, Any]]:
        """One run of a module, and its result."""
        command = [sys.executable, "-P", "-m", f"{MODULES}.{name}"]
        weight, said = weigh(command, self._module_environment(), json.dumps({"ANSIBLE_MODULE_ARGS": options}))
        result: dict[str, Any] = json.loads(said)
        return weight, result

    def _module_environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": "/nonexistent",
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": f"{ROOT / '.collections'}",
            "PYTHONDONTWRITEBYTECODE": "1",  # Ansible sends modules as source, so they are compiled each time
        }

    # Peers

    def _peer_environment(self, store: Store, database: Database) -> dict[str, str]:
        return {
            **database.environment(),
            "PATH": f"{self.cluster.bin_dir}:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.scratch),
            "LC_ALL": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": store.access_key,
            "AWS_SECRET_ACCESS_KEY": store.secret_key,
            "AWS_DEFAULT_REGION": store.region,
            "AWS_ENDPOINT_URL": store.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "RESTIC_PASSWORD": "benchmark",
            "RESTIC_REPOSITORY": f"s3:{store.endpoint}/{store.bucket}/restic",
            "RESTIC_CACHE_DIR": str(self.scratch / "restic" / store.bucket),
        }

    def shell(self, line: str, store: Store, database: Database) -> Weight:
        """A pipeline, any part of which may fail it."""
        return weigh(["bash", "-o", "pipefail", "-ec", line], self._peer_environment(store, database))[0]

    def replaced_documents(self, store: Store, source: Source) -> Weight:
        """The pipeline that is replaced: a tar through gzip."""
        return self.shell(f"tar -cz -C {quoted(source.documents)} . | {copy_to(store)}", store, source.database)

    def replaced_database(self, store: Store, source: Source) -> Weight:
        """The pipeline that is replaced: a dump as pg_dump compresses it by itself."""
        return self.shell(f"pg_dump -Fc | {copy_to(store)}", store, source.database)

    def restic_init(self, store: Store, source: Source) -> None:
        """Make a repository; nobody's figure."""
        self.shell("restic -q init", store, source.database)

    def restic_documents(self, store: Store, source: Source) -> Weight:
        """A backup of the documents by restic, the first one or another."""
        return self.shell(f"restic -q backup {quoted(source.documents)}", store, source.database)

    def restic_database(self, store: Store, source: Source) -> Weight:
        """A backup of an uncompressed dump by restic, which compresses itself."""
        line = "pg_dump -Fc -Z0 | restic -q backup --stdin --stdin-filename erp.dump"
        return self.shell(line, store, source.database)

    # Bare limits

    def read_all(self, store: Store, source: Source) -> Weight:
        """Reading every file."""
        line = f"find {quoted(source.documents)} -type f -print0 | xargs -0 cat >/dev/null"
        return self.shell(line, store, source.database)

    def walk(self, store: Store, source: Source) -> Weight:
        """Reading the metadata of every file."""
        line = f"find {quoted(source.documents)} -printf '%p %y %s %T@ %C@ %m %U %G\\n' >/dev/null"
        return self.shell(line, store, source.database)

    def dump(self, store: Store, source: Source) -> Weight:
        """An uncompressed dump to nowhere."""
        return self.shell("pg_dump -Fc -Z0 >/dev/null", store, source.database)

    def digests(self, store: Store, source: Source, queries: pathlib.Path) -> Weight:
        """The digests of every table and nothing else."""
        return self.shell(f"psql -qAt -v ON_ERROR_STOP=1 -f {quoted(queries)}", store, source.database)

    def upload(self, store: Store, source: Source, path: pathlib.Path) -> Weight:
        """A plain upload of a file."""
        words = [sys.executable, "-c", UPLOAD, store.bucket, "upload", str(path)]
        return weigh(words, self._peer_environment(store, source.database))[0]

    def version(self, command: str) -> str:
        """The first line that a program says of its version."""
        environment = {"PATH": f"{self.cluster.bin_dir}:{os.environ.get('PATH', os.defpath)}"}
        return weigh(["bash", "-ec", command], environment)[1].splitlines()[0]


def fetch(store: Store, below: str, path: pathlib.Path) -> None:
    """Keep what our module stored below a part of the prefix, for a plain upload of the same bytes."""
    sizes = store.keys(f"{PREFIX}/{below}")
    store.client().download_file(store.bucket, max(sizes, key=lambda key: sizes[key]), str(path))


def quoted(path: pathlib.Path) -> str:
    """A path as a word of a shell."""
    return shlex.quote(str(path))


def copy_to(store: Store) -> str:
    """The command that stores its standard input."""
    return f"{quoted(AWS)} s3 cp --only-show-errors - s3://{store.bucket}/copy"


def has_restic() -> bool:
    """Whether restic can be compared with."""
    return shutil.which("restic") is not None
