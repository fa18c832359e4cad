# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the result of a run leaves out, and the fingerprint of a secret."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta

from ansible_collections.arcodange.erp.plugins.module_utils.backup.documents import DocumentsOptions
from ansible_collections.arcodange.erp.plugins.module_utils.backup.run import (
    BackupOptions,
    BackupResult,
    key_fingerprint,
)
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import StoreOptions
from ansible_collections.arcodange.erp.plugins.module_utils.backup.stream import StoredObject
from ansible_collections.arcodange.erp.plugins.module_utils.postgres.connection import DatabaseOptions

MANIFEST = {
    "id": "20261120T040000Z",
    "database": {"rows": 1, "tables": {"public.llx_facture": [1, "0" * 16]}},
    "skipped": [{"path": "a", "reason": "unstable"}],
}


def test_without_a_stored_object_nothing_changed() -> None:
    facts = BackupResult(MANIFEST, (), {}, ()).to_facts()
    assert (facts["changed"], facts["outcome"], facts["bytes_stored"], facts["stored"]) == (False, "unchanged", 0, [])


def test_the_summary_leaves_out_what_is_told_elsewhere_or_is_long() -> None:
    stored = (StoredObject("db/x", 3, "aa"), StoredObject("docs/x", 4, "bb"))
    facts = BackupResult(MANIFEST, stored, {"before": {}, "after": {}}, ("warning",)).to_facts()
    assert facts == {
        "changed": True,
        "outcome": "done",
        "restore_point": "20261120T040000Z",
        "summary": {"id": "20261120T040000Z", "database": {"rows": 1}},
        "stored": [{"key": "db/x", "size": 3, "sha256": "aa"}, {"key": "docs/x", "size": 4, "sha256": "bb"}],
        "bytes_stored": 7,
        "skipped_documents": [{"path": "a", "reason": "unstable"}],
    }


def test_the_fingerprint_is_keyed_and_absent_without_an_id() -> None:
    expected = hmac.new(b"unique", b"arcodange.erp instance key", hashlib.sha256).hexdigest()
    assert key_fingerprint("unique") == expected
    assert key_fingerprint(None) is None
    assert key_fingerprint("") is None


def test_options_do_not_show_secrets() -> None:
    options = BackupOptions(
        StoreOptions("bucket", "prefix", access_key="key", secret_key="planted-1"),
        DatabaseOptions("host", 1, "name", "user", password="planted-2"),
        DocumentsOptions("/"),
        "id",
        "test",
        timedelta(days=7),
        unique_id="planted-3",
    )
    assert "planted" not in repr(options)
