"""Figures of a run with their intervals: of sizes, accuracy, drops, times and weights, by the name of the quantity.

Law: an interval says what it rests on. One session says nothing of the next one, so its times have none.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from optkit.judge.gates import value_of
from optkit.judge.quality import compared, scores_of
from optkit.record.facts import VariantFacts
from optkit.record.run import Run
from optkit.record.samples import correct_samples
from optkit.record.timing import session_quotients
from optkit.spec.bounds import QUANTITIES, Quantity
from optkit.stats.bootstrap import bootstrap_mean, bootstrap_metric
from optkit.stats.estimates import Estimate, paired_drop_interval, proportion_interval

LEVEL = 0.05
"""The error rate of each end of an interval when none is asked for."""
_EXACT = "exact"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A value in its metric's unit, and one-sided confidence bounds at each end; None where they are not known.

    `where` is the thread count of a time. `data` is what the bounds rest on, or why there are none.
    """

    value: float
    low: float | None = None
    high: float | None = None
    data: str = ""
    where: str = ""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A value, and how to get its interval, which may take time: `interval(level)`."""

    value: float
    interval: Callable[[float], Figure]
    where: str = ""


def measured(run: Run, name: str, quantity: Quantity, threads: Sequence[int] = ()) -> Iterator[Measured]:
    """Yield what the run has of a quantity of the variant `name`; of a time one for each of `threads` (empty: all).

    Nothing when it was not measured.
    """
    if quantity.mode:
        yield from _timed(run, name, quantity, threads)
        return
    facts = run.variants[name]
    value = _value(facts, quantity)
    if value is None:
        return
    if quantity.metric in ("accuracy", "score"):
        yield Measured(value=value, interval=lambda level: score_figure(run, name, level))
    elif quantity.metric in ("drop", "accuracy_drop"):
        yield Measured(value=value, interval=lambda level: drop_figure(run, name, level))
    else:
        yield Measured(value=value, interval=lambda level: _exactly(value))


def _value(facts: VariantFacts, quantity: Quantity) -> float | None:
    metric = facts.quality.scores.metric if facts.quality else "accuracy"
    if quantity.task_metric and quantity.task_metric != metric:
        return None
    if quantity.metric == "accuracy":
        return facts.score if metric == "accuracy" else None
    return value_of(facts, quantity.metric)


def available(run: Run) -> tuple[str, ...]:
    """Return the names of the quantities that some variant of the run has a figure of."""
    return tuple(
        name
        for name, quantity in QUANTITIES.items()
        if any(next(measured(run, variant, quantity), None) for variant in run.variants)
    )


def score_figure(run: Run, name: str, level: float = LEVEL) -> Figure:
    """Return how well a variant does its task, with bounds of error rate `level` each.

    Of shares of right samples the exact interval of Clopper and Pearson, else BCa bootstrap. Raises RecordError when
    it was not measured, or its record contradicts itself.
    """
    facts = run.variants[name]
    if facts.quality is None:
        correct = correct_samples(run, name)
        low, high = proportion_interval(int(np.sum(correct)), len(correct), level)
        return Figure(value=float(np.mean(correct)), low=low, high=high, data=f"{len(correct):,} test samples")
    scores = scores_of(run, name)
    kept = scores.kept
    if kept is None:
        return Figure(value=scores.value, data=f"{scores.metric} keeps nothing of the samples")
    data = f"{len(kept):,} test samples"
    if kept.dtype == np.bool_:
        low, high = proportion_interval(int(np.sum(kept)), len(kept), level)
        return Figure(value=scores.value, low=low, high=high, data=data)
    if scores.by_sample:
        found = bootstrap_mean(kept)
    else:
        found = bootstrap_metric(lambda places: scores.statistic(kept[places]), len(kept), len(kept))
    return Figure(value=scores.value, low=_known(found.lower(level)), high=_known(found.upper(level)), data=data)


def drop_figure(run: Run, name: str, level: float = LEVEL) -> Figure:
    """Return how much worse a variant is than the baseline, with bounds of error rate `level` each.

    Of accuracy Tango's interval of paired samples, else as `judge.scores`. Raises RecordError when it was not measured.
    """
    facts = run.variants[name]
    drop = float(facts.drop or 0.0)
    if name == run.baseline:
        return Figure(value=0.0, low=0.0, high=0.0, data="by definition")
    if run.baseline not in run.variants:
        return Figure(value=drop, data=f"the run has no record of the baseline {run.baseline!r}")
    if facts.quality:
        found = compared(run, run, run.baseline, name, margin=0.0, alpha=level, equivalence_alpha=level)
        data = f"{found.samples:,} test samples, {found.differing:,} differ"
        return Figure(value=found.drop, low=_known(found.low), high=_known(found.high), data=data)
    base, own = (correct_samples(run, one) for one in (run.baseline, name))
    lost, gained = int(np.sum(base & ~own)), int(np.sum(own & ~base))
    low, high = paired_drop_interval(lost, gained, len(own), level)
    return Figure(value=drop, low=low, high=high, data=f"{len(own):,} test samples, {lost:,} lost, {gained:,} gained")


def _timed(run: Run, name: str, quantity: Quantity, threads: Sequence[int]) -> Iterator[Measured]:
    over = run.float_file or run.baseline
    for timing in run.benchmarks:
        if timing.variant != name or timing.mode != quantity.mode or (threads and timing.threads not in threads):
            continue
        where = f"{timing.threads} thread{'s' if timing.threads > 1 else ''}"
        if quantity.metric == "speedup":
            values = session_quotients(run.timings, (over, timing.mode, timing.threads), timing.benchmark)
        else:
            values = [one.seconds for one in run.timings if one.benchmark == timing.benchmark]
        if values:
            yield _of_sessions(values, where)


def _of_sessions(values: Sequence[float], where: str) -> Measured:
    value = statistics.median(values)
    return Measured(value=value, interval=lambda level: time_figure(values, level, where), where=where)


def time_figure(values: Sequence[float], level: float = LEVEL, where: str = "") -> Figure:
    """Return the median of the sessions' `values`, with bounds of error rate `level` each, by Student's t of the logs.

    One session has no bounds.
    """
    value = statistics.median(values)
    if len(values) < 2:
        return Figure(value=value, data="one session", where=where)
    logs = np.log(values)
    found = Estimate(float(logs.mean()), float(logs.std(ddof=1)) / math.sqrt(len(logs)), len(logs) - 1)
    low, high = (math.exp(min(700.0, end)) for end in (found.lower(level), found.upper(level)))
    return Figure(value=value, low=min(low, value), high=max(high, value), data=f"{len(values)} sessions", where=where)


def _exactly(value: float) -> Figure:
    return Figure(value=value, low=value, high=value, data=_EXACT)


def _known(bound: float) -> float | None:
    return bound if math.isfinite(bound) else None
