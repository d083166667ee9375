"""What a series of runs did: its levels, and the changes between them, judged by the rules of a comparison.

Law: a size has no noise, an accuracy is compared by test sample, a time changes only where a test of the whole series
says so. Each level is judged against the last one that counted, so that small steps cannot add up unseen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from optkit.judge.deltas import Word
from optkit.judge.tolerances import Rules
from optkit.stats.changepoints import locate
from optkit.stats.estimates import mcnemar, median_interval, paired_drop_interval


@dataclass(frozen=True, kw_only=True)
class Level:
    """Points `start` to `stop` (excluded) of a series, their median, and its 95 % interval where there is one."""

    start: int
    stop: int
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """From the level `before` to the level `after`, whose first point is number `at` of the series.

    `change` is after / before for sizes and times and before - after for accuracy. `p` is adjusted for all tests of the
    history. `counts` says whether it is worse, or better, by more than the rules let pass.
    """

    at: int
    before: Level
    after: Level
    change: float
    verdict: Word
    counts: bool
    p: float | None = None
    reason: str = ""


def time_changes(values: Sequence[float], rules: Rules, tests: int) -> tuple[Change, ...]:
    """Return where times `values` (points,) changed: located at the level that each of `tests` series may spend."""
    places = locate([math.log(value) for value in values], rules.false_alarm / tests)
    p_values = {place.at: min(1.0, place.p * tests) for place in places}

    def judge(before: Level, after: Level) -> Change:
        ratio = after.value / before.value
        counts = abs(math.log(ratio)) > math.log1p(rules.margin)
        return _change(before, after, ratio, _word(ratio - 1), counts, p_values[after.start])

    return _judged(_levels(values, list(p_values)), judge)


def size_changes(values: Sequence[float], rules: Rules) -> tuple[Change, ...]:
    """Return every difference between neighbours of `values` (points,), bytes."""

    def judge(before: Level, after: Level) -> Change:
        ratio = after.value / before.value
        counts = abs(math.log(ratio)) > math.log1p(rules.max_growth)
        return _change(before, after, ratio, _word(ratio - 1), counts)

    places = [i for i in range(1, len(values)) if values[i] != values[i - 1]]
    return _judged(_levels(values, places), judge)


def accuracy_changes(correct: Sequence[Any], rules: Rules, tests: int) -> tuple[Change, ...]:
    """Return where the samples that are right changed; `correct` has a bool vector (samples,) for each point.

    The exact McNemar test on the pairs, one of `tests`; what it does not show to count is the same when the interval
    of the drop (Tango's) lies within the rules.
    """

    def judge(before: Level, after: Level) -> Change:
        old, new = correct[before.start], correct[after.start]
        lost, gained = int(np.sum(old & ~new)), int(np.sum(new & ~old))
        drop = (lost - gained) / len(old)
        p = min(1.0, tests * min(mcnemar(lost, gained), mcnemar(gained, lost)))
        counts = abs(drop) > rules.max_drop and p <= rules.false_alarm
        word = _word(drop) if counts else _unproven(lost, gained, len(old), rules)
        return _change(before, after, drop, word, counts, p, f"{lost} samples lost, {gained} gained")

    places = new_vectors(correct)
    means = [float(np.mean(correct[start])) for start in [0, *places]]  # of each run of equal vectors
    lengths = np.diff([0, *places, len(correct)])
    levels = _levels(np.repeat(means, lengths).tolist(), places)
    return _judged(levels, judge)


def new_vectors(correct: Sequence[Any]) -> list[int]:
    """Return the points whose vector differs from the one before: each is a test of `accuracy_changes`."""
    places = range(1, len(correct))
    return [i for i in places if correct[i] is not correct[i - 1] and not np.array_equal(correct[i], correct[i - 1])]


def _unproven(lost: int, gained: int, samples: int, rules: Rules) -> Word:
    low, high = paired_drop_interval(lost, gained, samples, rules.miss)
    same = lost + gained == 0 or (-rules.max_drop <= low and high <= rules.max_drop)
    return "same" if same else "inconclusive"


def _word(worse: float) -> Word:
    return "worse" if worse > 0 else "better" if worse < 0 else "same"


def _levels(values: Sequence[float], places: Sequence[int]) -> list[Level]:
    ends = [0, *places, len(values)]
    levels = []
    for start, stop in pairwise(ends):
        low, high = median_interval(values[start:stop]) or (None, None)
        value = float(np.median(values[start:stop]))
        levels.append(Level(start=start, stop=stop, value=value, low=low, high=high))
    return levels


def _judged(levels: Sequence[Level], judge: Callable[[Level, Level], Change]) -> tuple[Change, ...]:
    changes = []
    reference = levels[0]
    for level in levels[1:]:
        changes.append(judge(reference, level))
        if changes[-1].counts:
            reference = level
    return tuple(changes)


def _change(
    before: Level, after: Level, change: float, word: Word, counts: bool, p: float | None = None, reason: str = ""
) -> Change:
    return Change(
        at=after.start, before=before, after=after, change=change, verdict=word, counts=counts, p=p, reason=reason
    )
