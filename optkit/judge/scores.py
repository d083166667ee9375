"""Judge two models by the scores of the same samples: worse, better, same, or more data are needed.

Law: correctness is judged by exact McNemar; other scores, and metrics of the whole set, by the paired bootstrap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from optkit.judge.verdicts import ChangeVerdict
from optkit.measure.scores import Scores
from optkit.spec.metrics import Better
from optkit.stats.bootstrap import MEAN_RESAMPLES, METRIC_RESAMPLES, BootstrapEstimate, bootstrap_mean, bootstrap_metric
from optkit.stats.estimates import mcnemar, paired_drop_interval

Array = npt.NDArray[Any]
Method = Literal["exact McNemar", "paired bootstrap of the mean", "paired bootstrap of the metric", "none"]
Bounds = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class ScoreJudgement:
    """How much worse the head is than the base, in the metric's own unit: `drop`, positive is worse.

    `low` and `high` are its one-sided bounds, each of error rate alpha; `p_worse` and `p_better` the one-sided p-values
    that it is worse, and better, at all. `differing` of `samples` have other scores.
    """

    verdict: ChangeVerdict
    drop: float
    low: float
    high: float
    p_worse: float
    p_better: float
    samples: int
    differing: int
    method: Method


def judge_samples(
    base: Array,
    head: Array,
    *,
    better: Better,
    margin: float,
    alpha: float = 0.01,
    equivalence_alpha: float = 0.05,
    seed: int = 0,
) -> ScoreJudgement:
    """Judge scores of the same samples, (n,) each, in the same order; bool is correctness.

    Worse: shown at `alpha` to be worse at all, and by more than `margin` (in the metric's unit) as estimated; better
    the other way round. Same: no score differs, or both bounds of error rate `equivalence_alpha` are within the margin
    (TOST). Else inconclusive. Raises ValueError when the two are not of one length, or a figure is out of range.
    """
    base, head = np.asarray(base), np.asarray(head)
    if base.shape != head.shape or base.ndim != 1 or not len(base):
        raise ValueError(f"scores of shapes {base.shape} and {head.shape}; expected the same test set, (n,)")
    _check(margin, alpha, equivalence_alpha)
    if base.dtype == head.dtype == np.bool_:
        return _of_correctness(base, head, better, margin, alpha, equivalence_alpha)
    worse = 1 if better == "lower" else -1
    found = worse * (head.astype(np.float64) - base.astype(np.float64))
    estimate = bootstrap_mean(found, resamples=_enough(MEAN_RESAMPLES, alpha), seed=seed)
    differing = int(np.count_nonzero(found))
    return _of_estimate(
        estimate, "paired bootstrap of the mean", len(found), differing, margin, alpha, equivalence_alpha
    )


def judge_scores(
    base: Scores, head: Scores, *, margin: float, alpha: float = 0.01, equivalence_alpha: float = 0.05, seed: int = 0
) -> ScoreJudgement:
    """Judge two measured metrics, by sample where the metric has scores by sample, else by the metric of resamples.

    As `judge_samples`. Of a metric of which nothing was kept of the samples there is no interval: it is the same when
    the values are equal, else inconclusive. Raises ValueError when the two are not of the same metric and test set.
    """
    head.check_same(base)
    _check(margin, alpha, equivalence_alpha)
    if base.kept is None or head.kept is None:
        drop = head.drop_from(base)
        return ScoreJudgement(
            verdict="inconclusive" if drop else "same",
            drop=drop,
            low=-np.inf if drop else 0.0,
            high=np.inf if drop else 0.0,
            p_worse=1.0,
            p_better=1.0,
            samples=0,
            differing=0,
            method="none",
        )
    if head.by_sample:
        return judge_samples(
            base.kept,
            head.kept,
            better=head.better,
            margin=margin,
            alpha=alpha,
            equivalence_alpha=equivalence_alpha,
            seed=seed,
        )
    old, new, worse = base.kept, head.kept, 1 if head.better == "lower" else -1
    differing = int((old != new).reshape(len(old), -1).any(axis=1).sum())

    def drop_of(places: Array) -> float:
        return worse * (head.statistic(new[places]) - base.statistic(old[places]))

    resamples = _enough(METRIC_RESAMPLES, alpha) if differing else 1
    estimate = bootstrap_metric(drop_of, len(old), differing, resamples=resamples, seed=seed)
    return _of_estimate(
        estimate, "paired bootstrap of the metric", len(old), differing, margin, alpha, equivalence_alpha
    )


def _check(margin: float, alpha: float, equivalence_alpha: float) -> None:
    for name, value in (("alpha", alpha), ("equivalence_alpha", equivalence_alpha)):
        if not 0 < value < 0.5:
            raise ValueError(f"{name} is {value}; expected above 0 and below 0.5")
    if not margin >= 0:
        raise ValueError(f"margin is {margin}; expected 0 or more, in the metric's unit")


def _enough(resamples: int, alpha: float) -> int:
    """Return how many resamples to draw: at least five beyond a bound of error rate `alpha`."""
    return max(resamples, round(5 / alpha))


def _of_correctness(
    base: Array, head: Array, better: Better, margin: float, alpha: float, equivalence_alpha: float
) -> ScoreJudgement:
    if better != "higher":
        base, head = ~base, ~head
    lost, gained, samples = int(np.sum(base & ~head)), int(np.sum(head & ~base)), len(base)
    low, high = paired_drop_interval(lost, gained, samples, alpha)
    drop, p_worse, p_better = (lost - gained) / samples, mcnemar(lost, gained), mcnemar(gained, lost)
    near = paired_drop_interval(lost, gained, samples, equivalence_alpha)
    return ScoreJudgement(
        verdict=_word(drop, p_worse, p_better, near, lost + gained, margin, alpha),
        drop=drop,
        low=low,
        high=high,
        p_worse=p_worse,
        p_better=p_better,
        samples=samples,
        differing=lost + gained,
        method="exact McNemar",
    )


def _of_estimate(
    estimate: BootstrapEstimate,
    method: Method,
    samples: int,
    differing: int,
    margin: float,
    alpha: float,
    equivalence_alpha: float,
) -> ScoreJudgement:
    p_worse, p_better = estimate.p_above(0), estimate.p_below(0)
    near = estimate.lower(equivalence_alpha), estimate.upper(equivalence_alpha)
    return ScoreJudgement(
        verdict=_word(estimate.mean, p_worse, p_better, near, differing, margin, alpha),
        drop=estimate.mean,
        low=estimate.lower(alpha),
        high=estimate.upper(alpha),
        p_worse=p_worse,
        p_better=p_better,
        samples=samples,
        differing=differing,
        method=method,
    )


def _word(
    drop: float, p_worse: float, p_better: float, near: Bounds, differing: int, margin: float, alpha: float
) -> ChangeVerdict:
    """Return the verdict: as `compare` reads accuracy, for a drop in any unit."""
    if drop > margin and p_worse <= alpha:
        return "worse"
    if drop < -margin and p_better <= alpha:
        return "better"
    within = -margin <= near[0] and near[1] <= margin
    return "same" if within or not differing else "inconclusive"
