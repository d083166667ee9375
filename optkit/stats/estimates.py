"""Estimates, intervals and tests: numbers in, numbers out; knows nothing of models or files.

Law: every bound has a level that was chosen before the data were seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def _special() -> Any:
    """Return `scipy.special`, imported when it is first needed: it takes 0.2 s, and `optkit gate` does not need it."""
    from scipy import special

    return special


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error and the degrees of freedom that the error was estimated with.

    Without degrees of freedom every bound is infinite and every p-value is 1.
    """

    mean: float
    error: float
    df: float

    def half_width(self, level: float) -> float:
        """Return how far the one-sided bound of error rate `level` lies from the mean: Student's t times the error."""
        return float(-_special().stdtrit(self.df, level)) * self.error if self.df > 0 else math.inf

    def lower(self, level: float) -> float:
        """Return the one-sided lower confidence bound of error rate `level`."""
        return self.mean - self.half_width(level)

    def upper(self, level: float) -> float:
        """Return the one-sided upper confidence bound of error rate `level`."""
        return self.mean + self.half_width(level)

    def p_above(self, bound: float) -> float:
        """Return the p-value of H0: the true value is at most `bound`."""
        return self._tail(self.mean - bound)

    def p_below(self, bound: float) -> float:
        """Return the p-value of H0: the true value is at least `bound`."""
        return self._tail(bound - self.mean)

    def _tail(self, distance: float) -> float:
        if self.df <= 0:
            return 1.0
        if self.error == 0:
            return 0.0 if distance > 0 else 1.0
        return float(_special().stdtr(self.df, -distance / self.error))


class Tested(Protocol):
    """What gives a p-value for each bound: `Estimate`, and `stats.bootstrap.BootstrapEstimate`."""

    def p_above(self, bound: float) -> float:
        """Return the p-value of H0: the true value is at most `bound`."""

    def p_below(self, bound: float) -> float:
        """Return the p-value of H0: the true value is at least `bound`."""


def equivalent(estimate: Tested, margin: float) -> float:
    """Return the p-value of H0: the true value is `margin` or more away from 0 (TOST, Schuirmann 1987)."""
    return max(estimate.p_above(-margin), estimate.p_below(margin))


def minimum_detectable_effect(estimate: Estimate, bound: float, margin: float, level: float) -> float:
    """Return the smallest true value shown above `bound` at `level`, and beyond `margin`, with probability 0.9."""
    return max(bound + estimate.half_width(level), margin) + estimate.half_width(0.1)


def adjusted_mean(values: Sequence[float], covariates: Floats) -> Estimate:
    """Estimate the mean of `values` (n,) after ordinary least squares on `covariates` (n, k), each centred by design.

    In a balanced design this is the plain mean, but what the covariates explain is no part of its error. Covariates
    that these values cannot tell apart count as one. The error is infinite when the mean cannot be told from them.
    """
    y = np.asarray(values, np.float64)
    if not len(y):
        return Estimate(math.nan, math.inf, 0)
    x = np.column_stack([np.ones(len(y)), covariates])
    rank = int(np.linalg.matrix_rank(x))
    with_mean = np.vstack([x, np.eye(1, x.shape[1])])
    if np.linalg.matrix_rank(with_mean) > rank or len(y) == rank:
        return Estimate(float(y.mean()), math.inf, 0)
    inverse = np.linalg.pinv(x.T @ x)
    coefficients = inverse @ x.T @ y
    df = len(y) - rank
    variance = float(np.sum((y - x @ coefficients) ** 2)) / df
    return Estimate(float(coefficients[0]), math.sqrt(variance * inverse[0, 0]), df)


def mean_difference(base: Sequence[float], head: Sequence[float]) -> Estimate:
    """Estimate mean(head) - mean(base) of two independent samples with unequal variances (Welch 1947)."""
    mean = float(np.mean(head) - np.mean(base))
    if min(len(base), len(head)) < 2:
        return Estimate(mean, math.inf, 0)
    parts = [float(np.var(side, ddof=1)) / len(side) for side in (base, head)]
    if sum(parts) == 0:
        return Estimate(mean, 0.0, len(base) + len(head) - 2)
    df = sum(parts) ** 2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, (base, head), strict=True))
    return Estimate(mean, math.sqrt(sum(parts)), df)


def sessions_to_show(
    logs: Sequence[Sequence[float]],
    changes: Sequence[float],
    bound: float,
    margin: float,
    level: float,
    most: int = 100,
) -> tuple[int, float] | None:
    """Return how many values a side show the first of `changes` that `most` of them would show, and that change.

    `logs` are two samples of logarithms, whose variances the values to come are taken to have; `changes` are fractions,
    in rising order. A change is shown as in `detectable`, by Welch's test. None when `most` would show none.
    """
    parts = [float(np.var(side, ddof=1)) for side in logs]

    def shown(count: int) -> float:
        df = (count - 1) * sum(parts) ** 2 / sum(part**2 for part in parts) if sum(parts) else 2.0 * (count - 1)
        estimate = Estimate(0.0, math.sqrt(sum(parts) / count), df)
        return math.expm1(min(700.0, minimum_detectable_effect(estimate, bound, margin, level)))

    for change in changes:
        if shown(most) <= change:
            return next(count for count in range(2, most + 1) if shown(count) <= change), change
    return None


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number, in the order given (Holm 1979).

    Rejecting those at most `level` holds the chance of any false rejection at `level`, whatever their dependence.
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, (len(p_values) - rank) * p_values[i])
        adjusted[i] = min(1.0, largest)
    return adjusted


def median_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Return the interval of the median of independent `values` (n,) of any distribution, or None when n is too small.

    Between order statistics, by the binomial distribution: David and Nagaraja 2003, Order Statistics, section 7.1.
    """
    n = len(values)
    below = float((1 - confidence) / 2)
    rank = int(np.sum(_special().bdtr(np.arange(n), n, 0.5) <= below))
    if rank == 0:
        return None
    ordered = sorted(values)
    return float(ordered[rank - 1]), float(ordered[n - rank])


def mcnemar(lost: int, gained: int) -> float:
    """Return the one-sided exact p-value of H0: as many or more are gained than lost (McNemar 1947, binomial form).

    `lost` and `gained` are the samples that only the base, and only the head, got right.
    """
    return float(_special().bdtrc(lost - 1, lost + gained, 0.5)) if lost else 1.0


def proportion_interval(successes: int, samples: int, level: float) -> tuple[float, float]:
    """Return the exact interval of a proportion, each side with error rate of at most `level`.

    Clopper and Pearson 1934, Biometrika 26:404-413.
    """
    failures = samples - successes
    low = float(_special().betaincinv(successes, failures + 1, level)) if successes else 0.0
    high = float(_special().betaincinv(successes + 1, failures, 1 - level)) if failures else 1.0
    return low, high


def paired_drop_interval(lost: int, gained: int, samples: int, level: float) -> tuple[float, float]:
    """Return the interval of the drop (lost - gained) / samples, each side with error rate `level`.

    The score interval of the difference of paired proportions: Tango 1998, Statistics in Medicine 17:891-908.
    """
    z = float(-_special().ndtri(level))

    def solve(outside: float, sign: int) -> float:
        inside = (lost - gained) / samples
        for _ in range(60):  # bisection: the score falls as the drop that is supposed rises
            middle = (outside + inside) / 2
            if sign * _tango_score(lost, gained, samples, middle) > z:
                outside = middle
            else:
                inside = middle
        return inside

    return solve(-1.0, 1), solve(1.0, -1)


def _tango_score(lost: int, gained: int, samples: int, drop: float) -> float:
    """Return the score of a supposed `drop`: the residual over its deviation under that drop."""
    a = 2 * samples
    b = -lost - gained + (2 * samples - lost + gained) * drop
    c = -gained * drop * (1 - drop)
    nuisance = (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
    variance = samples * (2 * nuisance + drop * (1 - drop))
    residual = lost - gained - samples * drop
    if variance <= 0:
        return math.copysign(math.inf, residual) if residual else 0.0
    return residual / math.sqrt(variance)


def smallest_certified_drop(discordant: int, samples: int, level: float) -> float:
    """Return the smallest drop that `mcnemar` finds at `level` among `samples`, if `discordant` of them disagree.

    With fewer disagreements than could ever be significant, as many as are needed at least, all lost. A fraction;
    1.0 when the whole set would not do.
    """
    fewest = math.ceil(math.log(level) / math.log(0.5))
    pairs = max(discordant, fewest)
    if pairs > samples:
        return 1.0
    lost = next(k for k in range((pairs + 1) // 2, pairs + 1) if mcnemar(k, pairs - k) <= level)
    return (2 * lost - pairs) / samples
