"""How the files came to be, what they were measured on, and how to get each figure again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from optkit.record.environments import environment_of
from optkit.record.lineage import lineage, rebuild_command
from optkit.record.run import Run
from optkit.report.page.answer import suite_of
from optkit.report.page.parts import Head, Lines, Section, Table, Tree, Trees, text


def build_section(run: Run, seconds: Mapping[str, Sequence[float | None]]) -> Section:
    """Return the stages that the files share and differ in, as trees; `seconds` of each stage, by variant, if known."""
    root: dict[str, Any] = {}
    for variant, facts in run.variants.items():
        below = root
        times = seconds.get(variant, ())
        for place, stage in enumerate(lineage(facts)):
            took = times[place] if place < len(times) else None
            label = f"{stage} ({took:,.0f} s)" if took is not None else stage
            below = below.setdefault(label, {})
        below.setdefault("", []).append(variant)
    missing = () if seconds else ("No training time: neither the run nor the store says how long a stage took.",)
    trees = tuple(_tree(label, below) for label, below in root.items() if label)
    if not trees:
        return Section("build", "How they are built", (), ("The run does not say how its files were built.",))
    return Section("build", "How they are built", (Trees("Stages, and the files that end at each", trees),), missing)


def _tree(label: str, below: Mapping[str, Any]) -> Tree:
    files = tuple(Tree(variant, leaf=True) for variant in below.get("", ()))
    return Tree(label, (*files, *(_tree(name, more) for name, more in below.items() if name)))


def environment_section(run: Run) -> Section:
    """Return processor, system, versions, data, date and commit."""
    data = run.dataset
    rows = [
        *environment_of(run).items(),
        ("data", f"{data.name}: {data.train:,} to train, {data.test:,} to test, sha256 {data.digest}"),
        ("measured", run.made or "at an unknown time"),
        ("sessions", run.sessions),
        ("commit", f"{run.commit.get('id') or 'not known'}{' and changes' if run.commit.get('dirty') else ''}"),
    ]
    heads = (Head("what", number=False), Head("value", number=False))
    cells = tuple(
        (text(str(name).replace("_", " ")), text("not known" if value is None else value)) for name, value in rows
    )
    return Section("environment", "Measured on", (Table("Environment", heads, cells),))


def reproduce_section(run: Run) -> Section:
    """Return the commands that give each kind of figure again, and the digest of each file."""
    suite = shlex.quote(suite_of(run))
    sessions = f" --sessions {run.sessions}" if run.sessions > 1 else ""
    commands = (
        f"optkit build {suite}   # the files: bytes, zip bytes, sha256",
        f"optkit bench {suite}{sessions} -o run.json   # accuracy, drops, times",
        f"optkit gate run.json --suite {suite}   # the verdicts of the suite's gates",
    )
    heads = (
        Head("variant", number=False),
        Head("build it again", number=False),
        Head("sha256 of the file", number=False),
    )
    rows = tuple(
        (text(name), text(rebuild_command(facts)), text(facts.artifact.sha256)) for name, facts in run.variants.items()
    )
    return Section(
        "reproduce",
        "How to get each figure again",
        (Lines(commands, code=True), Table("Files", heads, rows, folded=True)),
    )
