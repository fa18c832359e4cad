# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which restore point is meant: an id, a word, or an instant whose truth is asked for."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ansible_collections.arcodange.erp.plugins.module_utils.backup.catalogue import Catalogue
from ansible_collections.arcodange.erp.plugins.module_utils.backup.manifest import restore_point_instant
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError

POINT_ID = re.compile(r"\d{8}T\d{6}Z")
LATEST, LATEST_VERIFIED = "latest", "latest_verified"


def choose_point(catalogue: Catalogue, wanted: str) -> str:
    """The id of the restore point that ``wanted`` means: an id, ``latest``, ``latest_verified`` or an instant.

    An instant, such as ``2026-03-31 18:00 Europe/Paris``, means the newest restore point of that instant or before.
    Restore points known to be damaged are passed over unless named by their id. Raises :class:`ErpError` when there
    is none.
    """
    if not catalogue.ids:
        raise ErpError("There is no restore point below the prefix: back up first or correct s3_prefix.")
    if POINT_ID.fullmatch(wanted):
        if wanted not in catalogue.ids:
            raise ErpError(
                f"There is no restore point {wanted} (the newest is {catalogue.ids[-1]}): correct backup_id."
            )
        return wanted
    whole = [point for point in catalogue.ids if not catalogue.is_damaged(point)]
    if wanted == LATEST:
        found, lacking = whole, "that is not damaged"
    elif wanted == LATEST_VERIFIED:
        found = [point for point in whole if catalogue.is_verified(point)]
        lacking = "that was verified in full: verify one with erp_backup_info, or name an id"
    else:
        instant = parse_instant(wanted)
        found = [point for point in whole if restore_point_instant(point) <= instant]
        lacking = f"of {instant.isoformat()} or before (the oldest is {catalogue.ids[0]})"
    if not found:
        raise ErpError(f"There is no restore point {lacking}: correct backup_id.")
    return found[-1]


def parse_instant(text: str) -> datetime:
    """An instant in ISO 8601 with an offset, or a local time and the name of its zone, in UTC.

    Of an hour that a clock change repeats, the first one is meant.
    """
    words = text.split()
    zone = None
    if len(words) > 1 and words[-1][0].isalpha():
        try:
            zone = ZoneInfo(words.pop())
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ErpError(
                f"'{text}' in backup_id names no time zone known here: write for example Europe/Paris."
            ) from error
    try:
        instant = datetime.fromisoformat(" ".join(words))
    except ValueError as error:
        raise ErpError(
            f"'{text}' in backup_id is neither an id, latest, latest_verified nor an instant: write for example"
            " 20260331T160000Z or '2026-03-31 18:00 Europe/Paris'."
        ) from error
    if instant.tzinfo is None:
        if zone is None:
            raise ErpError(f"'{text}' in backup_id has no time zone: add its name, for example Europe/Paris.")
        instant = instant.replace(tzinfo=zone)
    elif zone is not None:
        raise ErpError(f"'{text}' in backup_id has an offset and a time zone: leave one of them out.")
    return instant.astimezone(UTC)
