# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as three files: ``audit.json``, ``audit.md`` and ``audit.html``, for their owner alone."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.arcodange.erp.plugins.module_utils.errors import ErpError
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html import render_html
from ansible_collections.arcodange.erp.plugins.module_utils.invoices.markdown import render_markdown
from ansible_collections.arcodange.erp.plugins.module_utils.private_files import PRIVATE, present, write_private

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
    timed = {**report, "generated_at": time_in(os.path.join(place, JSON))}
    if holds(os.path.join(place, JSON), json_pieces(timed)):
        report = timed
    paths = {name: os.path.join(directory, name) for name in RENDERERS}
    changed, diff = [], []
    # One after the other, and data piece by piece: the page and the data of many invoices are large.
    for name, render in RENDERERS.items():
        pieces = render(report)
        path = os.path.join(place, name)
        if holds(path, pieces):
            continue
        changed.append(paths[name])
        if name == MARKDOWN:
            before = present(path) or ""
            diff.append({"before": before, "after": "".join(pieces), "before_header": paths[name]})
        if not check_mode:
            make_directory(place)
            write_private(path, pieces if isinstance(pieces, list) else render(report))
    return Written(tuple(paths.values()), tuple(changed), tuple(diff))


def json_pieces(report: Mapping[str, Any]) -> Iterator[str]:
    """The report as JSON: a field or an item of a list on each line, for a comparison line by line."""
    start = "{\n"
    for name, value in report.items():
        yield f"{start}{encoded(name)}: "
        if isinstance(value, list) and value:
            for place, item in enumerate(value):
                yield f"{',' if place else '['}\n{encoded(item)}"
            yield "\n]"
        else:
            yield encoded(value)
        start = ",\n"
    yield "\n}\n"


def encoded(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


RENDERERS: dict[str, Callable[[Mapping[str, Any]], Iterable[str]]] = {
    JSON: json_pieces,
    MARKDOWN: lambda report: [render_markdown(report)],
    HTML: lambda report: [render_html(report)],
}


def holds(path: str, pieces: Iterable[str]) -> bool:
    """Whether a file that only its owner may read has just this content."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            is_private = stat.S_IMODE(os.fstat(file.fileno()).st_mode) == PRIVATE
            return is_private and all(file.read(len(piece)) == piece for piece in pieces) and not file.read(1)
    except (OSError, UnicodeDecodeError):
        return False


def time_in(path: str) -> str:
    """When the report that is there was made, from its first lines; empty for what is no report."""
    try:
        with open(path, encoding="utf-8") as file:
            found = re.search(r'^"generated_at": "([^"]+)",$', file.read(1000), re.MULTILINE)
    except (OSError, UnicodeDecodeError):
        return ""
    return found[1] if found else ""


def make_directory(place: str) -> None:
    """The directory, for its owner alone when it is new."""
    try:
        os.mkdir(place, stat.S_IRWXU)
    except FileExistsError:
        pass
    except OSError as error:
        raise ErpError(f"Cannot make the directory {place} ({error.strerror}): give another dest.") from error
