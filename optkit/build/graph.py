"""All stages that some variants need, as one graph: what can be made side by side, and what first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from optkit.build.stage import Stage

_TRAINING = 10.0
"""What a stage that trains is taken to cost, where one that does not costs 1."""


def graph(lasts: Iterable[Stage]) -> dict[str, Stage]:
    """Return every stage that `lasts` are made of, and they, by key: each after those it needs."""
    found: dict[str, Stage] = {}

    def add(stage: Stage) -> None:
        if stage.key not in found:
            for above in sources(stage):
                add(above)
            found[stage.key] = stage

    for last in lasts:
        add(last)
    return found


def sources(stage: Stage) -> tuple[Stage, ...]:
    """Return the stages whose models `stage` reads: its parent and its teachers."""
    return (*((stage.parent,) if stage.parent else ()), *stage.needs.values())


def urgency(stages: Mapping[str, Stage]) -> dict[str, float]:
    """Return by key what follows a stage, itself too, on the costliest way to an end: what is largest goes first.

    `stages` is as `graph` returns it.
    """
    after = dict.fromkeys(stages, 0.0)
    for key, stage in reversed(list(stages.items())):
        after[key] += _TRAINING if stage.recipe else 1.0
        for above in sources(stage):
            if above.key in after:
                after[above.key] = max(after[above.key], after[key])
    return after
