"""Compare the variants and benchmarks that two runs share: sizes exactly, accuracy by test sample, time by session.

Law: one false-alarm rate holds for all tests of a comparison together (Holm's method); what the data cannot tell is
inconclusive, with the smallest change that they could have shown.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from optkit.judge.quality import compared, quality_margin, scores_of
from optkit.judge.tolerances import Tolerances
from optkit.judge.verdicts import ChangeVerdict
from optkit.measure.clocks import ClockName
from optkit.record.facts import VariantFacts
from optkit.record.run import Run
from optkit.record.samples import correct_samples, is_accuracy_measured
from optkit.record.timing import Timing, benchmark_name, common_clock
from optkit.spec.running import said
from optkit.stats.estimates import (
    Estimate,
    equivalent,
    holm,
    mcnemar,
    mean_difference,
    minimum_detectable_effect,
    paired_drop_interval,
    sessions_to_show,
    smallest_certified_drop,
)

_WIDE = 0.25
_SHOWN = (0.05, 0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True, kw_only=True)
class Delta:
    """One metric of one benchmark in both runs.

    `change` is head / base for sizes and seconds and base - head for accuracy, with its interval where it has one.
    `base` and `head` of seconds are the medians over the sessions; `base_normalized` and `head_normalized` the times in
    multiples of the reference model (geometric means over the sessions) where both runs have them, and `change` is then
    of these. `needed` says how many sessions a side would show a change of `needed_for`.
    `minimum_detectable_effect` is the smallest such change that this much data could have shown to be worse. `p` is
    one-sided, that it is worse, adjusted for all tests of the comparison. `fails` says whether it is worse than the
    tolerances allow.
    """

    name: str
    metric: str
    verdict: ChangeVerdict
    base: float
    head: float
    change: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    minimum_detectable_effect: float | None = None
    fails: bool = False
    reason: str = ""
    base_normalized: float | None = None
    head_normalized: float | None = None
    needed: int | None = None
    needed_for: float | None = None

    @property
    def is_wide(self) -> bool:
        """Whether an interval says next to nothing: a change of a quarter could not have been shown, and none was."""
        undecided = self.verdict not in ("worse", "better")
        return (
            undecided
            and self.metric == "seconds"
            and self.minimum_detectable_effect is not None
            and self.minimum_detectable_effect > 1 + _WIDE
        )


@dataclass(frozen=True, kw_only=True)
class _Test:
    """A delta that awaits its p-values: one-sided, that it is worse and that it is better."""

    delta: Delta
    worse: float
    better: float
    same: bool
    beyond: int
    """+1 when the estimate is worse than the tolerance, -1 when it is better by as much, else 0."""


def deltas(base: Run, head: Run, tolerances: Tolerances, *, times: bool, across: bool) -> Iterator[Delta]:
    """Yield the deltas of what `base` and `head` share, with or without `times`.

    `across` says that they are of different environments.

    Raises RecordError when a record contradicts itself.
    """
    shared = [name for name in base.variants if name in head.variants]
    for name in shared:
        yield from _sizes(name, base.variants[name], head.variants[name], tolerances)
    timed = dict.fromkeys(benchmark_name(timing) for timing in base.timings if times)
    sides = [(name, _sessions(base, name), _sessions(head, name)) for name in timed]
    sides = [(name, old, new) for name, old, new in sides if new]
    judged = [name for name in shared if is_accuracy_measured(name, base, head)]
    scored = [name for name in shared if base.variants[name].quality or head.variants[name].quality]
    level = tolerances.family_alpha / max(1, len(judged) + len(scored) + len(sides))
    tests: list[_Test | Delta] = [_accuracy(name, base, head, tolerances, level) for name in judged]
    tests += [_quality(name, base, head, tolerances, level) for name in scored]
    tests += [_seconds(name, old, new, tolerances, level, across) for name, old, new in sides]
    open_tests = [test for test in tests if isinstance(test, _Test)]
    worse = iter(holm([test.worse for test in open_tests]))
    better = iter(holm([test.better for test in open_tests]))
    for test in tests:
        yield test if isinstance(test, Delta) else _decided(test, next(worse), next(better), tolerances)


def _decided(test: _Test, worse: float, better: float, tolerances: Tolerances) -> Delta:
    verdict: ChangeVerdict = "same" if test.same else "inconclusive"
    if test.beyond > 0 and worse <= tolerances.family_alpha:
        verdict = "worse"
    if test.beyond < 0 and better <= tolerances.family_alpha:
        verdict = "better"
    return dataclasses.replace(test.delta, verdict=verdict, p=worse, fails=verdict == "worse")


def _sizes(name: str, base: VariantFacts, head: VariantFacts, tolerances: Tolerances) -> Iterator[Delta]:
    """Yield exact comparisons: every byte is real; growth beyond the tolerance fails."""
    for metric in ("file_bytes", "zip_bytes"):
        old, new = getattr(base.artifact, metric), getattr(head.artifact, metric)
        yield Delta(
            name=name,
            metric=metric,
            verdict="same" if old == new else "worse" if new > old else "better",
            base=old,
            head=new,
            change=new / old,
            fails=new > old * (1 + tolerances.max_growth),
        )


def _accuracy(name: str, base: Run, head: Run, tolerances: Tolerances, level: float) -> _Test | Delta:
    """Test which samples only one side got right: exact McNemar, with Tango's interval of the drop."""
    old, new = (correct_samples(run, name) for run in (base, head))
    samples = len(old)
    lost, gained = int(np.sum(old & ~new)), int(np.sum(new & ~old))
    drop = (lost - gained) / samples
    delta = Delta(
        name=name,
        metric="accuracy",
        verdict="not comparable",
        base=float(np.mean(old)),
        head=float(np.mean(new)),
        change=drop,
        reason=f"{lost} samples lost, {gained} gained",
    )
    if other := _other_runtimes(name, base, head):
        return dataclasses.replace(delta, reason=other)
    low, high = paired_drop_interval(lost, gained, samples, level)
    near = paired_drop_interval(lost, gained, samples, tolerances.equivalence_alpha)
    return _Test(
        delta=dataclasses.replace(
            delta, low=low, high=high, minimum_detectable_effect=smallest_certified_drop(lost + gained, samples, level)
        ),
        worse=mcnemar(lost, gained),
        better=mcnemar(gained, lost),
        same=lost + gained == 0 or (-tolerances.max_drop <= near[0] and near[1] <= tolerances.max_drop),
        beyond=(drop > tolerances.max_drop) - (drop < -tolerances.max_drop),
    )


def _other_runtimes(name: str, base: Run, head: Run) -> str:
    """Say which runtimes, or which settings of one, ran the variant; empty when they were the same."""
    old, new = (run.variants[name].runtime for run in (base, head))
    if old.name != new.name:
        return f"other runtimes: {old.name} and {new.name}"
    if old.settings != new.settings:
        return f"other settings of {old.name}: {said(old.settings)} and {said(new.settings)}"
    return ""


def _quality(name: str, base: Run, head: Run, tolerances: Tolerances, level: float) -> _Test | Delta:
    """Test a metric other than accuracy: by the paired bootstrap, or exactly where its scores are right or wrong."""
    old, new = scores_of(base, name), scores_of(head, name)
    margin = quality_margin(old, tolerances.max_drop)
    found = compared(base, head, name, name, margin=margin, alpha=level, equivalence_alpha=tolerances.equivalence_alpha)
    delta = Delta(
        name=name,
        metric=old.metric,
        verdict="inconclusive",
        base=old.value,
        head=new.value,
        change=found.drop,
        low=found.low,
        high=found.high,
        reason=f"{found.differing} of {found.samples} samples differ; {found.method}",
    )
    if other := _other_runtimes(name, base, head):
        return dataclasses.replace(delta, verdict="not comparable", reason=other)
    return _Test(
        delta=delta,
        worse=found.p_worse,
        better=found.p_better,
        same=found.verdict == "same",
        beyond=(found.drop > margin) - (found.drop < -margin),
    )


def _sessions(run: Run, name: str) -> list[Timing]:
    """Return the timings of one benchmark, one a session."""
    return [timing for timing in run.timings if benchmark_name(timing) == name]


def _seconds(
    name: str, old: Sequence[Timing], new: Sequence[Timing], tolerances: Tolerances, level: float, across: bool
) -> _Test | Delta:
    """Test session medians: normalized by the reference model where both runs are, else as they are.

    The question is that of `optkit.ab`: worse is shown to be above half the margin and estimated beyond the margin.
    """
    normalized, why_not = _normalized(old, new)
    clock = common_clock((*old, *new))
    logs = [[math.log(_figure(timing, normalized, clock)) for timing in side] for side in (old, new)]
    effect = mean_difference(*logs)
    delta = Delta(
        name=name,
        metric="seconds",
        verdict="inconclusive",
        base=statistics.median(timing.seconds for timing in old),
        head=statistics.median(timing.seconds for timing in new),
        base_normalized=math.exp(float(np.mean(logs[0]))) if normalized else None,
        head_normalized=math.exp(float(np.mean(logs[1]))) if normalized else None,
        change=math.exp(effect.mean),
        reason=f"times the reference model{' by CPU time' * (clock == 'cpu')}" if normalized else f"seconds, {why_not}",
    )
    if settings := _other_settings(old[0], new[0]):
        return dataclasses.replace(delta, verdict="not comparable", reason=f"other runtime settings: {settings}")
    if across and not normalized:
        reason = f"seconds of different environments prove nothing ({why_not}); record both with one reference model"
        return dataclasses.replace(delta, verdict="not comparable", reason=reason)
    if effect.df <= 0:
        reason = f"{len(old)} and {len(new)} sessions: absolute times of different sessions prove nothing"
        if normalized:
            reason = f"{len(old)} and {len(new)} sessions; at least 2 each are needed to know the noise"
        return dataclasses.replace(delta, reason=f"{reason}; use optkit ab, or record several sessions")
    return _time_test(_with_needed(delta, logs, tolerances, level), effect, tolerances, level)


def _with_needed(delta: Delta, logs: Sequence[Sequence[float]], tolerances: Tolerances, level: float) -> Delta:
    """Say how many sessions a side would show how large a change by the same test, if they scattered as these did.

    It is the smallest change of 5 % (and twice the margin), 10, 25, 50 and 100 % that a hundred sessions would show.
    """
    changes = [change for change in _SHOWN if change >= 2 * tolerances.margin] or [2 * tolerances.margin]
    found = sessions_to_show(logs, changes, tolerances.alarm_bound, tolerances.log_margin, level)
    return dataclasses.replace(delta, needed=found[0], needed_for=found[1]) if found else delta


def _time_test(delta: Delta, effect: Estimate, tolerances: Tolerances, level: float) -> _Test:
    margin, bound = tolerances.log_margin, tolerances.alarm_bound
    return _Test(
        delta=dataclasses.replace(
            delta,
            low=math.exp(effect.lower(level)),
            high=math.exp(min(700.0, effect.upper(level))),
            minimum_detectable_effect=math.exp(min(700.0, minimum_detectable_effect(effect, bound, margin, level))),
        ),
        worse=effect.p_above(bound),
        better=effect.p_below(-bound),
        same=equivalent(effect, margin) <= tolerances.equivalence_alpha,
        beyond=(effect.mean > margin) - (effect.mean < -margin),
    )


def _normalized(old: Sequence[Timing], new: Sequence[Timing]) -> tuple[bool, str]:
    """Say whether all were timed beside one and the same reference model, and if not, why not."""
    if not all(timing.normalized_by(common_clock((*old, *new))) for timing in (*old, *new)):
        return False, "not normalized"
    same = len({timing.reference for timing in (*old, *new)}) == 1
    return same, "" if same else "not normalized: the reference models differ"


def _figure(timing: Timing, normalized: bool, clock: ClockName) -> float:
    figure = timing.normalized_by(clock) if normalized else None
    return timing.seconds if figure is None else figure


def _other_settings(base: Timing, head: Timing) -> str:
    """Say which settings differ that a time depends on; empty when none does."""
    names = ("batch", "samples", "strategy", "running")
    told = [(name, getattr(base, name), getattr(head, name)) for name in names]
    return ", ".join(
        f"{name} {getattr(old, 'name', old)} and {getattr(new, 'name', new)}" for name, old, new in told if old != new
    )
