# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results as a page: medians, spread, ratios, and which targets were met."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.measure import Weight

MIB = 1 << 20
# The cases of each half. Several cases of one kind are done one after the other.
HALVES = {
    "documents": ("documents",),
    "database": ("database",),
    "both": ("documents", "database"),
}
LIMITS = {
    "documents": ("limit: read all documents", "limit: upload the same bytes as the documents"),
    "database": ("limit: uncompressed dump to nowhere", "limit: upload the same bytes as the dump"),
}


@dataclass(frozen=True)
class Sizes:
    """How much data is made: bytes of documents, a share of the 1 GB database, and numbers of manifests."""

    documents: int
    database: float
    small: int
    large: int
    manifests: int

    def scaled(self, share: float) -> Sizes:
        """A share of all of it."""
        documents, small, large = (int(size * share) for size in (self.documents, self.small, self.large))
        return Sizes(documents, self.database * share, small, large, int(self.manifests * share))


@dataclass(frozen=True)
class Figures:
    """Everything that was measured, by case; ``notes`` say where and with what."""

    sizes: Sizes
    rounds: int
    notes: Sequence[str]
    cases: Mapping[str, Sequence[Weight]]

    def wall(self, *names: str) -> float:
        """The sum of the median wall times of cases."""
        return sum(statistics.median(weight.wall for weight in self.cases[name]) for name in names)

    def memory(self, name: str) -> float:
        """The peak of the module's process in MiB."""
        return max(weight.process for weight in self.cases[name])


@dataclass(frozen=True)
class Target:
    """One promise, the figure measured for it and the bound; ``least`` says that more is better."""

    what: str
    figure: float
    bound: float
    unit: str
    least: bool = False

    @property
    def met(self) -> bool:
        """Whether the figure keeps the promise."""
        return self.figure >= self.bound if self.least else self.figure <= self.bound

    def row(self) -> str:
        """A line of the table."""
        sign = "at least" if self.least else "at most"
        verdict = "MET" if self.met else "**NOT MET**"
        return f"| {self.what} | {self.figure:.2f} {self.unit} | {sign} {self.bound:g} {self.unit} | {verdict} |"


def targets(figures: Figures) -> list[Target]:
    """Every promise about speed and memory."""
    found = []
    for what, halves in HALVES.items():
        ours = figures.wall(f"ours: first backup of {what}")
        replaced = figures.wall(*(f"replaced: pipeline of the {half}" for half in halves))
        found.append(Target(f"first backup of {what}: faster than the replaced", replaced / ours, 4, "x", True))
        if "restic: first backup of the documents" in figures.cases:
            restic = figures.wall(*(f"restic: first backup of the {half}" for half in halves))
            found.append(Target(f"first backup of {what}: faster than restic", restic / ours, 1.5, "x", True))
        limit = sum(max(figures.wall(name) for name in LIMITS[half]) for half in halves)
        found.append(Target(f"first backup of {what}: over the slowest bare limit", ours / limit, 1.5, "x"))
    found.append(Target("first backup of documents: wall", figures.wall("ours: first backup of documents"), 4.5, "s"))
    found.append(Target("first backup of database: wall", figures.wall("ours: first backup of database"), 6, "s"))
    again = figures.wall("ours: unchanged backup of both")
    walk, digests = figures.wall("limit: metadata walk"), figures.wall("limit: digests of the database")
    found.append(Target("unchanged backup of both: over walk plus digests", again / (walk + digests), 2, "x"))
    found.append(Target("unchanged backup of both, digests taken off: over the walk", (again - digests) / walk, 2, "x"))
    for half in ("documents", "database"):
        ours = figures.wall(f"ours: restore of the {half}")
        for peer in ("replaced", "restic"):
            name = f"{peer}: restore of the {half}"
            if name in figures.cases:
                found.append(Target(f"restore of the {half}: over {peer}", ours / figures.wall(name), 1, "x"))
    found.append(Target("restore of one document", figures.wall("ours: restore of one document"), 2, "s"))
    restores = [name for name in figures.cases if name.startswith("ours: restore")]
    most = max(figures.memory(name) for name in restores)
    found.append(Target("peak of the restoring process", most, 256, "MiB"))
    ours_all = [name for name in figures.cases if name.startswith("ours: ") and "backup of" in name]
    found.append(Target("peak of the module's process", max(figures.memory(name) for name in ours_all), 200, "MiB"))
    small, large = (figures.memory(memory_case(size)) for size in (figures.sizes.small, figures.sizes.large))
    what = f"peak with {shown(figures.sizes.large)} of documents: over that with {shown(figures.sizes.small)}"
    found.append(Target(what, (large / small - 1) * 100, 10, "%"))
    for name in (plan_case(figures.sizes.manifests), first_plan_case(figures.sizes.manifests)):
        found.append(Target(name, figures.wall(name), 5, "s"))
    return found


def shown(size: int) -> str:
    """A size as a person says it."""
    return f"{size / (1 << 30):g} GiB" if size >= 1 << 30 else f"{size // MIB} MiB"


def memory_case(size: int) -> str:
    """The name of the case that shows memory."""
    return f"ours: first backup of {shown(size)}, for its memory"


def plan_case(manifests: int) -> str:
    """The name of the case that plans a prune as every run but the first one does."""
    return f"ours: plan over {manifests} manifests"


def first_plan_case(manifests: int) -> str:
    """The name of the case that plans a prune where no run before has left summaries."""
    return f"{plan_case(manifests)}, none read before"


def report(figures: Figures) -> str:
    """The page."""
    sizes = figures.sizes
    lines = [
        "# Benchmark",
        "",
        f"Made by `make bench` on {datetime.now(UTC):%Y-%m-%d}; {figures.rounds} rounds in which all cases take turns.",
        "",
        *(f"- {note}" for note in figures.notes),
        f"- documents: {shown(sizes.documents)}, four fifths incompressible; database: about {sizes.database:g} GB",
        "- clients, PostgreSQL and store share the machine, over loopback without TLS",
        "- wall: seconds, median (least to most); CPU: user and system seconds of the client's process tree, without"
        " PostgreSQL and the store; tree: peak of the summed proportional set size of that tree; process: peak resident"
        " set of its largest process; medians",
        "- replaced: `tar -cz | aws s3 cp -` and `pg_dump -Fc | aws s3 cp -`; restic of the database:"
        " `pg_dump -Fc -Z0 | restic backup --stdin`; `both` compares with the sum of the two halves",
        "- restores: ours compares every table and file with the manifest; replaced: `aws s3 cp - | tar -xz`, and a download"
        " then `pg_restore -j2`; restic: `restore`, and `dump | pg_restore`",
        "",
        "## Targets",
        "",
        "| target | measured | bound | |",
        "|---|---|---|---|",
        *(target.row() for target in targets(figures)),
        "",
        "## Cases",
        "",
        "| case | wall | CPU | tree MiB | process MiB |",
        "|---|---|---|---|---|",
    ]
    for name, weights in sorted(figures.cases.items()):
        walls = sorted(weight.wall for weight in weights)
        wall = f"{statistics.median(walls):.2f}"
        if len(walls) > 1:
            wall += f" ({walls[0]:.2f} to {walls[-1]:.2f})"
        cpu = statistics.median(weight.cpu for weight in weights)
        tree = statistics.median(weight.tree for weight in weights)
        process = statistics.median(weight.process for weight in weights)
        lines.append(f"| {name} | {wall} | {cpu:.2f} | {tree:.0f} | {process:.0f} |")
    return "\n".join(lines) + "\n"
