# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door: what a play sees of a prune, by the module run as Ansible runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from ansible_collections.arcodange.erp.plugins.module_utils.backup.prune_options import PRUNE_SPEC
from ansible_collections.arcodange.erp.plugins.modules import s3_tiered_prune
from tests.support import stores
from tests.support.paths import ROOT
from tests.support.prune_scene import Scene, actions, codes

SECRET = "planted-secret-7f3a"


@pytest.fixture
def scene(object_store: stores.Store) -> Scene:
    # Ten restore points, the newest an hour old, by the real clock: the module has no other.
    scene = Scene(object_store, datetime.now(UTC))
    for age in reversed(range(10)):
        scene.back_up(scene.now - timedelta(days=age, hours=2))
    return scene


def run(scene: Scene, check_mode: bool = False, diff: bool = False, **options: Any) -> tuple[int, dict[str, Any], str]:
    """Exit status, result and everything printed."""
    arguments = {
        **scene.bucket.module_options(),
        "s3_secret_key": SECRET,
        "s3_prefix": scene.prefix,
        # Nothing that depends on the day on which the test runs.
        "timezone": "UTC",
        "days": 4,
        "months": 0,
        "years": 0,
        "verified_floor": 3,
        "financial_year_end": "",
        "max_delete_share": 0.5,
        "max_delete_yearly": 9,
        **options,
    }
    flags = {"_ansible_check_mode": check_mode, "_ansible_diff": diff, "_ansible_verbosity": 4}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "ansible_collections.arcodange.erp.plugins.modules.s3_tiered_prune"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {**arguments, **flags}}),
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{ROOT / '.collections'}", "LC_ALL": "C.UTF-8"},
    )
    return done.returncode, json.loads(done.stdout), done.stdout + done.stderr


def test_check_mode_then_the_run_then_nothing(scene: Scene) -> None:
    before = scene.listing()
    status, shown, _output = run(scene, check_mode=True, diff=True)

    assert (status, shown["outcome"], shown["changed"]) == (0, "done", True)
    assert scene.listing() == before
    marked = actions(shown, "tombstone")
    assert len(marked) == 5
    assert set(shown["diff"]["after"].split("\n")) >= {f"{ident} tombstone" for ident in marked}
    assert "tombstone" not in shown["diff"]["before"]

    status, done, output = run(scene, plan_id=shown["plan_id"], diff=True)
    assert (status, done["outcome"], done["changed"], done["tombstoned"]) == (0, "done", True, 5)
    assert done["plan"] == shown["plan"]
    assert done["diff"] == shown["diff"]
    assert SECRET not in output
    status, again, _output = run(scene)
    assert (status, again["outcome"], again["changed"]) == (0, "unchanged", False)
    assert "diff" not in again


def test_a_refusal_fails_with_the_plan(scene: Scene) -> None:
    status, result, output = run(scene, max_delete_count=3)

    assert (status, result["failed"], result["outcome"], result["changed"]) == (1, True, "refused", False)
    assert codes(result) == {"too_many"}
    assert len(actions(result, "tombstone")) == 5
    assert result["msg"].startswith("The plan deletes 5 restore points, more than 3")
    assert SECRET not in output


def test_check_mode_shows_a_plan_that_would_be_refused(scene: Scene) -> None:
    status, result, _output = run(scene, check_mode=True, max_delete_count=3)

    assert (status, result["outcome"], result["changed"]) == (0, "refused", False)
    assert codes(result) == {"too_many"}


def test_alarms_are_warnings(scene: Scene) -> None:
    scene.back_up(scene.now + timedelta(days=1))
    _status, result, _output = run(scene, check_mode=True)

    assert any("after the store's clock" in str(warning) for warning in result["warnings"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"s3_bucket": "no-such-bucket"}, "the bucket does not exist"),
        ({"s3_endpoint": "http://127.0.0.1:9"}, "nothing answers there"),
        ({"catalogue": "keys"}, "key_template"),
        ({"catalogue": "keys", "key_template": "{Y}"}, "The key_template '{Y}' cannot be used"),
        ({"timezone": "Europe/Atlantis"}, "not in the zone database"),
        ({"days": -3}, "give 0 or more"),
    ],
)
def test_bad_input_is_one_sentence(scene: Scene, options: dict[str, Any], says: str) -> None:
    before = scene.listing()
    status, result, output = run(scene, **options)

    assert (status, result["failed"]) == (1, True)
    assert says in result["msg"]
    assert "Traceback" not in output
    assert "\n" not in result["msg"]
    assert scene.listing() == before


def test_the_documentation_names_every_option_with_its_default() -> None:
    documented = yaml.safe_load(s3_tiered_prune.DOCUMENTATION)["options"]

    assert set(documented) == set(PRUNE_SPEC)
    for name, spec in PRUNE_SPEC.items():
        assert documented[name]["type"] == spec["type"]
        assert documented[name].get("default") == spec.get("default")
