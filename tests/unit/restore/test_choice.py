# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which restore point a person means."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.backup.catalogue import Catalogue, Record
from ansible_collections.arcodange.erp.plugins.module_utils.backup.store import Listed
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.restore.choice import choose_point, parse_instant

JANUARY, MARCH, APRIL = "20260131T170000Z", "20260331T160000Z", "20260401T040000Z"
NOW = datetime(2026, 4, 2, tzinfo=UTC)


def catalogue(*points: str, **records: str) -> Catalogue:
    """A catalogue of these restore points; ``records`` say which kind was recorded about which of them."""
    return Catalogue(
        tuple(Listed(f"manifests/{point}.json", 1, "", NOW) for point in points),
        {point: (Record("", point, kind, NOW),) for kind, point in records.items()},
        (),
    )


ALL = catalogue(JANUARY, MARCH, APRIL, verified=JANUARY, damaged=APRIL)


@pytest.mark.parametrize(
    ("wanted", "point"),
    [
        (JANUARY, JANUARY),
        (APRIL, APRIL),  # named by its id although it is damaged
        ("latest", MARCH),
        ("latest_verified", JANUARY),
        ("2026-03-31 18:00 Europe/Paris", MARCH),  # summer time since two days
        ("2026-03-31 17:59 Europe/Paris", JANUARY),
        ("2026-03-31T16:00:00Z", MARCH),
        ("2026-03-31T18:00:00+02:00", MARCH),
        ("2030-01-01 00:00 UTC", MARCH),
    ],
)
def test_what_is_meant(wanted: str, point: str) -> None:
    assert choose_point(ALL, wanted) == point


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("20200101T000000Z", f"There is no restore point 20200101T000000Z (the newest is {APRIL}): correct backup_id."),
        (
            "2026-01-01 00:00 UTC",
            f"There is no restore point of 2026-01-01T00:00:00+00:00 or before (the oldest is {JANUARY}): correct backup_id.",
        ),
        ("yesterday", "'yesterday' in backup_id is neither an id, latest, latest_verified nor an instant"),
        (
            "2026-03-31 18:00",
            "'2026-03-31 18:00' in backup_id has no time zone: add its name, for example Europe/Paris.",
        ),
        ("2026-03-31 18:00 Mars/Olympus", "names no time zone known here"),
        ("2026-03-31T18:00+02:00 Europe/Paris", "has an offset and a time zone: leave one of them out."),
    ],
)
def test_what_cannot_be_meant(wanted: str, sentence: str) -> None:
    with pytest.raises(ErpError) as error:
        choose_point(ALL, wanted)
    assert sentence in str(error.value)


@pytest.mark.parametrize("wanted", ["latest_verified", "latest"])
def test_nothing_that_fits(wanted: str) -> None:
    with pytest.raises(ErpError, match="There is no restore point that"):
        choose_point(catalogue(APRIL, damaged=APRIL), wanted)
    with pytest.raises(ErpError, match="back up first"):
        choose_point(catalogue(), wanted)


def test_the_first_of_an_hour_that_comes_twice() -> None:
    assert parse_instant("2026-10-25 02:30 Europe/Paris") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
