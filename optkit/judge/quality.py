"""Judge metrics other than the accuracy of classes: two runs of one variant, and a variant against its baseline."""

from __future__ import annotations

from typing import Any

from optkit.errors import RecordError
from optkit.judge.confidence import Interval, exactly
from optkit.judge.scores import ScoreJudgement, judge_scores
from optkit.measure.scores import Scores, read_scores
from optkit.record.run import Run
from optkit.spec import Gate


def scores_of(run: Run, name: str) -> Scores:
    """Return what was kept of the variant's scores. Raises RecordError when they were not measured, or changed."""
    quality = run.variants[name].quality
    if quality is None:
        raise RecordError(f"variant {name!r} has no scores, though they were measured on the same data; run again")
    try:
        return read_scores(quality.scores)
    except ValueError as error:
        raise RecordError(f"variant {name!r}: {error}; run again to save one") from error


def drop_bounds(gate: Gate, run: Run, name: str) -> Interval:
    """Return the interval of the drop of a variant from the run's baseline, in the metric's unit."""
    if name == run.baseline:
        return exactly(0.0)
    found = compared(run, run, run.baseline, name, margin=0.0, alpha=gate.error_rate, equivalence_alpha=gate.error_rate)
    data = f"{found.samples:,} test samples, {found.differing} differ; {found.method}"
    return Interval(value=found.drop, low=found.low, high=found.high, data=data)


def compared(base: Run, head: Run, old: str, new: str, **rates: Any) -> ScoreJudgement:
    """Judge variant `new` of run `head` against `old` of `base`. Raises RecordError when they do not go together."""
    try:
        return judge_scores(scores_of(base, old), scores_of(head, new), **rates)
    except ValueError as error:
        raise RecordError(f"variants {old!r} and {new!r}: {error}; run both again") from error


def quality_margin(base: Scores, max_drop: float) -> float:
    """Return the largest drop that is tolerated: `max_drop` of a fraction, of other units that share of the value."""
    return max_drop if base.unit == "fraction" else max_drop * abs(base.value)
