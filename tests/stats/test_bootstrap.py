"""The bootstrap agrees with a published example, with scipy's, and with the truth as often as it says."""

import math
import time
from typing import Any

import numpy as np
import pytest
from scipy import stats

from optkit.stats.bootstrap import BootstrapEstimate, bootstrap_mean, bootstrap_metric
from optkit.stats.estimates import equivalent

# Efron and Tibshirani 1993, An Introduction to the Bootstrap, table 14.1: spatial test A of 26 children
SPATIAL = np.array(
    [48, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6, 0, 33, 28, 34, 4, 32, 24, 47, 41, 24, 26, 30, 41], float
)


def variance(places: Any) -> float:
    return float(np.var(SPATIAL[places]))


def test_the_variance_of_the_spatial_test() -> None:
    """Section 14.3: the estimate is 171.5, z0 is 0.146, a is 0.061, and the 90 % interval is (115.8, 259.6)."""
    found = bootstrap_metric(variance, len(SPATIAL), len(SPATIAL), resamples=20_000)
    assert found.mean == pytest.approx(171.5, abs=0.05)
    assert found.acceleration == pytest.approx(0.061, abs=0.0005)
    assert found.bias == pytest.approx(0.146, abs=0.03)
    assert (found.lower(0.05), found.upper(0.05)) == pytest.approx((115.8, 259.6), abs=4)


@pytest.mark.parametrize("level", [0.005, 0.05, 0.2])
def test_bounds_of_a_mean_are_those_of_scipy(level: float) -> None:
    values = np.random.default_rng(0).exponential(size=60)
    found = bootstrap_mean(values, resamples=20_000)
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, confidence_level=1 - 2 * level, random_state=np.random.default_rng(1)
    ).confidence_interval
    error = values.std() / math.sqrt(len(values))
    assert (found.lower(level), found.upper(level)) == pytest.approx(tuple(expected), abs=0.1 * error)


def test_bounds_from_the_same_replicates_are_exactly_those_of_scipy() -> None:
    values = np.random.default_rng(0).lognormal(size=40)
    found = bootstrap_mean(values, resamples=500)
    shown = type("Shown", (), {"bootstrap_distribution": found.replicates})()
    for level in (0.01, 0.1):
        expected = stats.bootstrap(
            (values,), np.mean, n_resamples=0, bootstrap_result=shown, confidence_level=1 - 2 * level
        ).confidence_interval
        assert (found.lower(level), found.upper(level)) == pytest.approx(tuple(expected), rel=1e-9)


def test_paired_metrics_are_those_of_scipy() -> None:
    """The correlation of two columns, drawn by pairs."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=50)
    y = x + rng.normal(size=50)
    found = bootstrap_metric(lambda i: float(np.corrcoef(x[i], y[i])[0, 1]), 50, 50, resamples=4000)
    expected = stats.bootstrap(
        (x, y),
        lambda x, y, axis: stats.pearsonr(x, y, axis=axis)[0],
        paired=True,
        n_resamples=4000,
        confidence_level=0.9,
        random_state=np.random.default_rng(3),
    ).confidence_interval
    assert (found.lower(0.05), found.upper(0.05)) == pytest.approx(tuple(expected), abs=0.02)


def skewed(kind: str) -> BootstrapEstimate:
    values = np.random.default_rng(5).gamma(1.0, size=80) - 0.7
    if kind == "mean":
        return bootstrap_mean(values, resamples=20_000)
    return bootstrap_metric(lambda i: float(np.std(values[i])), 80, 80, resamples=5000)


@pytest.mark.parametrize("kind", ["mean", "metric"])
def test_a_bound_is_where_the_p_value_is_its_level(kind: str) -> None:
    found = skewed(kind)
    for level in (0.02, 0.05, 0.3):
        assert found.p_above(found.lower(level)) == pytest.approx(level, rel=0.1)
        assert found.p_below(found.upper(level)) == pytest.approx(level, rel=0.1)


def test_p_values_fall_as_the_bound_moves_away_and_serve_for_equivalence() -> None:
    found = skewed("mean")
    bounds = np.linspace(found.mean - 1, found.mean + 1, 41)
    above, below = ([test(bound) for bound in bounds] for test in (found.p_above, found.p_below))
    assert above == sorted(above)
    assert below == sorted(below, reverse=True)
    assert above[0] == 1 / 20_001 <= below[-1] < 0.005, "a long tail to the right: less is shown on that side"
    assert equivalent(found, 1.0) < 0.01 < equivalent(found, abs(found.mean))


@pytest.mark.parametrize("draw", ["normal", "exponential"])
def test_bounds_miss_the_truth_as_often_as_they_say(draw: str) -> None:
    """Of 600 samples of 100, a bound of level 0.05 misses about 30 times: a share of at most 0.03 more or less."""
    rng = np.random.default_rng(7)
    missed = np.zeros(2)
    for i in range(600):
        values = rng.standard_normal(100) if draw == "normal" else rng.exponential(size=100) - 1
        found = bootstrap_mean(values, resamples=1000, seed=i)
        missed += (found.lower(0.05) > 0, found.upper(0.05) < 0)
    assert missed / 600 == pytest.approx(np.full(2, 0.05), abs=0.03)


@pytest.mark.parametrize("differing", [1, 3, 5, 8])
def test_few_samples_that_differ_show_no_more_than_a_sign_test(differing: int) -> None:
    """Of ten thousand samples three are worse: half the bootstrap's draws would say so, and chance does once in 8."""
    values = np.zeros(10_000)
    values[:differing] = 1
    found = bootstrap_mean(values, resamples=2000)
    assert found.p_above(0) >= 0.5**differing
    assert found.lower(0.5**differing * 0.9) == -math.inf
    assert found.p_below(0) > 0.5


def test_too_few_samples_tell_nothing_and_samples_that_are_alike_are_certain() -> None:
    few = bootstrap_mean(np.array([1.0, 2.0, 3.0]))
    assert (few.lower(0.1), few.upper(0.1), few.p_above(-9), few.p_below(9)) == (-math.inf, math.inf, 1.0, 1.0)
    alike = bootstrap_mean(np.zeros(20))
    assert (alike.lower(0.001), alike.upper(0.001), alike.p_above(0), alike.p_above(-1)) == (0, 0, 1, 0)
    assert bootstrap_mean(np.full(20, 2.0)).p_above(0) == 1 / 10_001


def test_a_metric_that_resamples_leave_undefined_tells_nothing() -> None:
    """One positive among twenty: a third of the resamples have none."""
    positive = np.arange(20) == 3
    found = bootstrap_metric(lambda i: 0.3 if positive[i].any() else math.nan, 20, 20, resamples=200)
    assert (found.lower(0.1), found.upper(0.1), found.p_above(-1)) == (-math.inf, math.inf, 1.0)


def test_the_same_seed_gives_the_same_bounds() -> None:
    values = np.random.default_rng(0).normal(size=50)
    one, again, other = (bootstrap_mean(values, resamples=300, seed=seed).lower(0.05) for seed in (1, 1, 2))
    assert one == again != other


def test_ten_thousand_resamples_of_a_mean_take_less_than_a_second() -> None:
    values = np.random.default_rng(0).normal(size=5000)
    bootstrap_mean(values, resamples=10)
    began = time.process_time()
    bootstrap_mean(values)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("values", [np.zeros(0), np.zeros((3, 2))])
def test_values_that_cannot_be(values: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        bootstrap_mean(values)
    with pytest.raises(ValueError, match="0 samples"):
        bootstrap_metric(lambda i: 0.0, 0, 0)
