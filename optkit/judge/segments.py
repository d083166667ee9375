"""What a series of runs did: its segments, and the changes between them, judged by the tolerances of a comparison.

Law: a size has no noise, an accuracy is compared by test sample, a time changes only where a test of the whole series
says so. Each segment is judged against the last one that counted, so that small steps cannot add up unseen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from optkit.judge.tolerances import Tolerances
from optkit.judge.verdicts import ChangeVerdict
from optkit.stats.changepoints import locate
from optkit.stats.estimates import mcnemar, median_interval, paired_drop_interval


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Points `start` to `stop` (excluded) of a series, their median, and its 95 % interval where there is one."""

    start: int
    stop: int
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """From the segment `before` to the segment `after`, whose first point is number `at` of the series.

    `change` is after / before for sizes and times and before - after for accuracy. `p` is adjusted for all tests of the
    history. `counts` says whether it is worse, or better, by more than the tolerances let pass.
    """

    at: int
    before: Segment
    after: Segment
    change: float
    verdict: ChangeVerdict
    counts: bool
    p: float | None = None
    reason: str = ""


def time_changes(values: Sequence[float], tolerances: Tolerances, tests: int) -> tuple[Change, ...]:
    """Return where times `values` (points,) changed: located at the level that each of `tests` series may spend."""
    places = locate([math.log(value) for value in values], tolerances.family_alpha / tests)
    p_values = {place.at: min(1.0, place.p * tests) for place in places}

    def judge(before: Segment, after: Segment) -> Change:
        ratio = after.value / before.value
        counts = abs(math.log(ratio)) > math.log1p(tolerances.margin)
        return _change(before, after, ratio, _word(ratio - 1), counts, p_values[after.start])

    return _judged(_segments(values, list(p_values)), judge)


def size_changes(values: Sequence[float], limit: float, *, higher_is_better: bool = False) -> tuple[Change, ...]:
    """Return every difference between neighbours of `values` (points,), bytes or counts.

    One by more than `limit`, a fraction, counts.
    """

    def judge(before: Segment, after: Segment) -> Change:
        ratio = after.value / before.value if before.value else math.inf
        counts = ratio > 1 + limit or ratio < 1 / (1 + limit)
        worse = 1 - ratio if higher_is_better else ratio - 1
        return _change(before, after, ratio, _word(worse), counts)

    places = [i for i in range(1, len(values)) if values[i] != values[i - 1]]
    return _judged(_segments(values, places), judge)


def accuracy_changes(correct: Sequence[Any], tolerances: Tolerances, tests: int) -> tuple[Change, ...]:
    """Return where the samples that are right changed; `correct` has a bool vector (samples,) for each point.

    The exact McNemar test on the pairs, one of `tests`; what it does not show to count is the same when the interval
    of the drop (Tango's) lies within the tolerance.
    """

    def judge(before: Segment, after: Segment) -> Change:
        old, new = correct[before.start], correct[after.start]
        lost, gained = int(np.sum(old & ~new)), int(np.sum(new & ~old))
        drop = (lost - gained) / len(old)
        p = min(1.0, tests * min(mcnemar(lost, gained), mcnemar(gained, lost)))
        counts = abs(drop) > tolerances.max_drop and p <= tolerances.family_alpha
        word = _word(drop) if counts else _unproven(lost, gained, len(old), tolerances)
        return _change(before, after, drop, word, counts, p, f"{lost} samples lost, {gained} gained")

    places = new_vectors(correct)
    means = [float(np.mean(correct[start])) for start in [0, *places]]  # of each run of equal vectors
    lengths = np.diff([0, *places, len(correct)])
    segments = _segments(np.repeat(means, lengths).tolist(), places)
    return _judged(segments, judge)


def new_vectors(correct: Sequence[Any]) -> list[int]:
    """Return the points whose vector differs from the one before: each is a test of `accuracy_changes`."""
    places = range(1, len(correct))
    return [i for i in places if correct[i] is not correct[i - 1] and not np.array_equal(correct[i], correct[i - 1])]


def _unproven(lost: int, gained: int, samples: int, tolerances: Tolerances) -> ChangeVerdict:
    low, high = paired_drop_interval(lost, gained, samples, tolerances.equivalence_alpha)
    same = lost + gained == 0 or (-tolerances.max_drop <= low and high <= tolerances.max_drop)
    return "same" if same else "inconclusive"


def _word(worse: float) -> ChangeVerdict:
    return "worse" if worse > 0 else "better" if worse < 0 else "same"


def _segments(values: Sequence[float], places: Sequence[int]) -> list[Segment]:
    ends = [0, *places, len(values)]
    segments = []
    for start, stop in pairwise(ends):
        low, high = median_interval(values[start:stop]) or (None, None)
        value = float(np.median(values[start:stop]))
        segments.append(Segment(start=start, stop=stop, value=value, low=low, high=high))
    return segments


def _judged(segments: Sequence[Segment], judge: Callable[[Segment, Segment], Change]) -> tuple[Change, ...]:
    changes = []
    reference = segments[0]
    for segment in segments[1:]:
        changes.append(judge(reference, segment))
        if changes[-1].counts:
            reference = segment
    return tuple(changes)


def _change(
    before: Segment,
    after: Segment,
    change: float,
    word: ChangeVerdict,
    counts: bool,
    p: float | None = None,
    reason: str = "",
) -> Change:
    return Change(
        at=after.start, before=before, after=after, change=change, verdict=word, counts=counts, p=p, reason=reason
    )
