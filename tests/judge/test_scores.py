"""Two models are judged by the scores of the same samples, in the metric's own unit and direction."""

from typing import Any

import numpy as np
import pytest

from optkit.judge.scores import judge_samples, judge_scores
from optkit.measure.metrics import choose_scorer
from optkit.measure.scores import Scores
from optkit.stats.estimates import mcnemar, paired_drop_interval

RNG = np.random.default_rng(11)
ERRORS = RNG.gamma(2.0, size=500)


def scores(metric: str, task: Any, labels: Any, outputs: Any) -> Scores:
    return choose_scorer(metric, task).from_outputs(labels, outputs)


def test_correctness_is_judged_by_exact_mcnemar() -> None:
    base, head = np.ones(1000, bool), np.ones(1000, bool)
    head[:30], base[990:] = False, False
    found = judge_samples(base, head, better="higher", margin=0.005)
    assert (found.verdict, found.drop, found.method, found.differing) == ("worse", 0.02, "exact McNemar", 40)
    assert (found.p_worse, found.p_better) == (mcnemar(30, 10), mcnemar(10, 30))
    assert (found.low, found.high) == paired_drop_interval(30, 10, 1000, 0.01)
    assert judge_samples(head, base, better="higher", margin=0.005).verdict == "better"
    assert judge_samples(~base, ~head, better="lower", margin=0.005).verdict == "worse"


@pytest.mark.parametrize(
    ("shift", "margin", "expected"),
    [(0.3, 0.05, "worse"), (-0.3, 0.05, "better"), (0.005, 0.1, "same"), (0.02, 0.001, "inconclusive")],
)
@pytest.mark.parametrize("better", ["lower", "higher"])
def test_verdicts_on_scores_by_sample(shift: float, margin: float, expected: str, better: Any) -> None:
    noise = RNG.normal(0, 0.3, 500)
    head = ERRORS + (noise - noise.mean() + shift) * (1 if better == "lower" else -1)
    found = judge_samples(ERRORS, head, better=better, margin=margin)
    assert (found.verdict, found.method) == (expected, "paired bootstrap of the mean")
    assert found.drop == pytest.approx(shift)
    assert found.low < shift < found.high


def test_what_both_models_find_hard_cancels() -> None:
    """The scores scatter by 1.4, their differences by 0.02: only pairs of samples show a change of 0.01."""
    head = ERRORS + 0.01 + RNG.normal(0, 0.02, 500)
    assert judge_samples(ERRORS, head, better="lower", margin=0.001).verdict == "worse"
    assert judge_samples(ERRORS, RNG.permutation(head), better="lower", margin=0.001).verdict == "inconclusive"


def test_equal_scores_are_the_same_at_any_margin() -> None:
    found = judge_samples(ERRORS, ERRORS, better="lower", margin=0)
    assert (found.verdict, found.drop, found.low, found.high, found.p_worse) == ("same", 0, 0, 0, 1)


def test_false_alarms_stay_at_their_level() -> None:
    """Two models of equal error, 400 times: worse or better at alpha 0.05 on each side, about one time in ten."""
    rng, alarms = np.random.default_rng(3), 0
    for seed in range(400):
        pair = rng.gamma(2.0, size=(2, 60)) + rng.gamma(1.0, size=60)
        alarms += judge_samples(*pair, better="lower", margin=0, alpha=0.05, seed=seed).verdict in ("worse", "better")
    assert 20 <= alarms <= 60


def classifier(shift: float, noise: float) -> tuple[Any, Any]:
    rng = np.random.default_rng(5)
    y = rng.integers(0, 2, 400)
    return y, (y * shift + rng.normal(size=400)) / 4 + 0.5 + noise * np.random.default_rng(6).normal(size=400)


@pytest.mark.parametrize("metric", ["auc", "f1"])
def test_metrics_of_the_whole_set_are_judged_by_resampling_it(metric: str) -> None:
    y, good = classifier(1.5, 0)
    _, bad = classifier(1.5, 0.4)
    base, head = (scores(metric, "binary", y, out) for out in (good, bad))
    found = judge_scores(base, head, margin=0.01)
    assert (found.verdict, found.method, found.samples) == ("worse", "paired bootstrap of the metric", 400)
    assert found.drop == pytest.approx(base.value - head.value)
    assert 0 < found.low < found.drop < found.high
    assert judge_scores(head, base, margin=0.01).verdict == "better"
    assert judge_scores(base, base, margin=0).verdict == "same"


def test_the_interval_of_a_difference_of_areas_is_that_of_delong() -> None:
    """DeLong et al. 1988, Biometrics 44:837-845: the variance of the difference from placements, computed here."""
    y, one = classifier(1.0, 0)
    _, two = classifier(1.0, 0.2)
    found = judge_scores(scores("auc", "binary", y, one), scores("auc", "binary", y, two), margin=0.0, alpha=0.05)
    positive = y == 1
    placed = [
        (out[positive][:, None] > out[~positive][None]).astype(float) for out in (one.astype("f4"), two.astype("f4"))
    ]
    difference = placed[0] - placed[1]
    variance = sum(np.var(difference.mean(axis=axis), ddof=1) / difference.shape[1 - axis] for axis in (0, 1))
    width = 2 * 1.645 * np.sqrt(variance)
    assert found.drop == pytest.approx(difference.mean())
    assert found.high - found.low == pytest.approx(width, rel=0.1)


def test_roots_and_means_of_errors_lower_is_better() -> None:
    y = RNG.normal(size=300)
    base, head = (y + RNG.normal(0, s, 300) for s in (0.1, 0.2))
    for metric in ("mse", "mae", "rmse"):
        found = judge_scores(*(scores(metric, "regression", y, out) for out in (base, head)), margin=0.001)
        assert found.verdict == "worse"
    assert judge_scores(*(scores("r2", "regression", y, out) for out in (base, head)), margin=0.001).verdict == "worse"


def test_without_scores_of_samples_nothing_is_shown() -> None:
    known: dict[str, Any] = {"metric": "own:f", "task": "regression", "unit": "", "by_sample": False, "kept": None}
    base, head = (Scores(value=value, better="lower", **known) for value in (1.0, 1.5))
    found = judge_scores(base, head, margin=0.1)
    assert (found.verdict, found.drop, found.low, found.high, found.method) == (
        "inconclusive",
        0.5,
        -np.inf,
        np.inf,
        "none",
    )
    assert judge_scores(base, base, margin=0.1).verdict == "same"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"margin": -1.0}, "margin is -1.0"),
        ({"margin": float("nan")}, "margin is nan"),
        ({"alpha": 0.0}, "alpha is 0.0"),
        ({"equivalence_alpha": 0.5}, "equivalence_alpha is 0.5"),
        ({"head": ERRORS[:3]}, "expected the same test set"),
        ({"base": np.zeros(0), "head": np.zeros(0)}, "expected the same test set"),
    ],
)
def test_figures_that_cannot_be(change: dict[str, Any], message: str) -> None:
    arguments = {"base": ERRORS, "head": ERRORS, "better": "lower", "margin": 0.1, **change}
    with pytest.raises(ValueError, match=message):
        judge_samples(arguments.pop("base"), arguments.pop("head"), **arguments)
