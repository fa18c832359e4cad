# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as three files: ``audit.json``, ``audit.md`` and ``audit.html``, for their owner alone."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.run import present
from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.snapshot_files import write_private
from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html import render_html
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.markdown import render_markdown

JSON, MARKDOWN, HTML = "audit.json", "audit.md", "audit.html"


@dataclass(frozen=True)
class Written:
    """The paths of all files, those that changed, and what changed for a person to read."""

    files: tuple[str, ...]
    changed: tuple[str, ...]
    diff: tuple[dict[str, str], ...]


def check_destination(directory: str) -> None:
    """Refuse a directory that could not be written to, before anything is read."""
    place = os.path.realpath(directory)
    exists = os.path.lexists(place)
    above = place if exists else os.path.dirname(place)
    if not os.path.isdir(above) or not os.access(above, os.W_OK | os.X_OK):
        why = "is no directory" if exists and not os.path.isdir(place) else "cannot be written to"
        raise ErpError(f"dest {directory} {why}: give a directory, or the name of a new one where this user may write.")


def write_report(report: Mapping[str, Any], directory: str, check_mode: bool) -> Written:
    """Write what differs. A report that says the same as the one that is there keeps that one's time."""
    place = os.path.realpath(directory)
    earlier = present(os.path.join(place, JSON)) or ""
    timed = {**report, "generated_at": time_of(earlier)}
    if render_json(timed) == earlier:
        report = timed
    contents = {JSON: render_json(report), MARKDOWN: render_markdown(report), HTML: render_html(report)}
    before = {name: present(os.path.join(place, name)) for name in contents}
    changed = [name for name, content in contents.items() if before[name] != content]
    if changed and not check_mode:
        make_directory(place)
        for name in changed:
            write_private(os.path.join(place, name), [contents[name]])
    paths = {name: os.path.join(directory, name) for name in contents}
    shown = [{"before": before[MARKDOWN] or "", "after": contents[MARKDOWN], "before_header": paths[MARKDOWN]}]
    return Written(
        files=tuple(paths.values()),
        changed=tuple(paths[name] for name in changed),
        diff=tuple(shown if MARKDOWN in changed else ()),
    )


def render_json(report: Mapping[str, Any]) -> str:
    """The report as data, for programs and for a comparison line by line."""
    return json.dumps(report, ensure_ascii=False, indent=1) + "\n"


def time_of(text: str) -> Any:
    """When a report was made; None for what is no report."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found.get("generated_at") if isinstance(found, dict) else None


def make_directory(place: str) -> None:
    """The directory, for its owner alone when it is new."""
    try:
        os.mkdir(place, stat.S_IRWXU)
    except FileExistsError:
        pass
    except OSError as error:
        raise ErpError(f"Cannot make the directory {place} ({error.strerror}): give another dest.") from error
