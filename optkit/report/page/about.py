"""How the files came to be, what they were measured on, and how to get each figure again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from optkit.build.store import Store
from optkit.record.environments import environment_of
from optkit.record.lineage import lineage, rebuild_command, stage_keys, stage_seconds
from optkit.record.run import Run
from optkit.report.page.answer import suite_of
from optkit.report.page.parts import Head, Lines, Section, Table, Tree, Trees, text
from optkit.report.text import time_text


def build_section(run: Run, store: Store) -> Section:
    """Return the stages that the files share and differ in, as trees, with the time of each that `store` knows."""
    root: dict[str, Any] = {}
    keys = {variant: stage_keys(facts) for variant, facts in run.variants.items()}
    every = list(dict.fromkeys(key for found in keys.values() for key in found))
    seconds = stage_seconds(every, store)
    for variant, facts in run.variants.items():
        below = root
        for stage, key in zip_longest(lineage(facts), keys[variant]):
            if stage is not None:
                below = below.setdefault(f"{stage}: {time_text(seconds[key])}" if key in seconds else stage, {})
        below.setdefault("", []).append(variant)
    missing = tuple(_untimed(len(every), len(seconds)))
    trees = tuple(_tree(label, below) for label, below in root.items() if label)
    if not trees:
        return Section("build", "How they are built", (), ("The run does not say how its files were built.",))
    parts: list[Trees | Lines] = [Trees("Stages, and the files that end at each", trees)]
    if seconds:
        parts.append(Lines((f"Stages whose time is known took {time_text(sum(seconds.values()))} together.",)))
    return Section("build", "How they are built", tuple(parts), missing)


def _untimed(stages: int, timed: int) -> Iterator[str]:
    """Yield why the time of stages is not shown."""
    if not timed:
        yield "No time of stages: the files are not in the store, or an optkit built them that did not note times."
    elif timed < stages:
        yield (
            f"Of {stages - timed} of {stages} stages the time is not known: they are not in the store, were built in "
            "several goes, or by an optkit that did not note times."
        )


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
        f"optkit build {suite}   # the files: bytes, zip bytes, sha256, time of stages",
        f"optkit bench {suite}{sessions} -o run.json   # accuracy, drops, times",
        f"optkit gate run.json --suite {suite}   # the verdicts of the suite's gates",
        "optkit choose run.json --max-drop 0.5%   # what to ship, and the front",
        "optkit inspect MODEL.tflite --profile   # bytes by tensor, memory of activations, time per operator",
        "optkit report run.json --data auto --profile -o page   # this page",
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
