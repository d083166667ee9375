"""The card of a chosen variant, from its run."""

from __future__ import annotations

from collections.abc import Iterator

from optkit.judge.choice import Candidate, Choice
from optkit.judge.figures import LEVEL, drop_figure, measured, score_figure
from optkit.record.card import SCHEMA, Card, CardBound, CardFigure
from optkit.record.environments import environment_of
from optkit.record.lineage import lineage, rebuild_command
from optkit.record.run import Run
from optkit.spec.bounds import QUANTITIES
from optkit.spec.metrics import MODES


def card_of(run: Run, choice: Choice, name: str, version: str, suffix: str) -> Card:
    """Return the card of the variant `name` of `run`; `version` is optkit's, `suffix` that of the file.

    Raises RecordError as a figure does.
    """
    facts = run.variants[name]
    return Card(
        schema=SCHEMA,
        optkit=version,
        variant=name,
        suite=run.suite,
        baseline=run.baseline,
        kind=facts.kind,
        file=f"{name}{suffix}",
        artifact=facts.artifact,
        dataset=facts.dataset,
        runtime=facts.runtime,
        lineage=tuple(lineage(facts)),
        recipe=facts.spec,
        figures=tuple(_figures(run, name)),
        bounds=tuple(_bounds(choice.candidate(name))),
        at=choice.at,
        wish=choice.wish,
        environment=environment_of(run),
        sessions=run.sessions,
        made=run.made,
        commit=str(run.commit.get("id") or ""),
        rebuild=rebuild_command(facts),
    )


def _bounds(candidate: Candidate) -> Iterator[CardBound]:
    for check in candidate.checks:
        where = f" ({check.where})" if check.where else ""
        yield CardBound(key=check.bound.key, value=check.bound.value, word=f"{check.word}{where}")


def _figures(run: Run, name: str) -> Iterator[CardFigure]:
    facts = run.variants[name]
    metric = facts.quality.scores.metric if facts.quality else "accuracy"
    unit = facts.quality.scores.unit if facts.quality else ""
    for label, found in (
        (metric, score_figure(run, name) if facts.score is not None else None),
        (f"drop of {metric}", drop_figure(run, name) if facts.drop is not None else None),
    ):
        if found:
            confidence = None if found.low is None else 1 - LEVEL
            yield CardFigure(
                name=label,
                value=found.value,
                unit="" if unit == "fraction" else unit,
                low=found.low,
                high=found.high,
                confidence=confidence,
                data=found.data,
            )
    for mode in MODES:
        for one in measured(run, name, QUANTITIES[f"{mode}_s"]):
            found = one.interval(LEVEL)
            yield CardFigure(
                name="time of a call",
                value=found.value,
                unit="seconds",
                low=found.low,
                high=found.high,
                confidence=None if found.low is None else 1 - LEVEL,
                data=found.data,
                where=f"{mode}, {one.where}",
            )
