"""The range choosers, on arrays alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optkit.convert import calibration
from optkit.convert.calibration import squared_error

BINS = 2**15


def histogram(values):
    low, high = min(values.min(), 0.0), max(values.max(), 0.0)
    places = ((values[values != 0] - low) * (BINS / (high - low))).astype(int)
    return np.bincount(np.clip(places, 0, BINS - 1), minlength=BINS), low, high


def error(values, range_, power):
    low, high = range_
    scale = (high - low) / 255
    zero = np.round(-low / scale)
    quantized = (np.clip(np.round(values / scale) + zero, 0, 255) - zero) * scale
    return np.mean(np.abs(values - quantized) ** power)


HEAVY = {
    "laplace": lambda rng, n: rng.laplace(size=n),
    "relu of laplace": lambda rng, n: np.maximum(rng.laplace(size=n), 0),
    "student t": lambda rng, n: rng.standard_t(3, n),
    "lognormal": lambda rng, n: rng.lognormal(size=n),
}


@pytest.mark.parametrize("name", HEAVY)
@pytest.mark.parametrize("choose", [calibration.kl_divergence, calibration.least_squares])
def test_heavy_tailed_values_have_less_mean_absolute_error_than_with_min_max(name, choose):
    values = HEAVY[name](np.random.default_rng(1), 300_000)
    counts, low, high = histogram(values)
    assert error(values, choose(counts, low, high), 1) < 0.95 * error(values, (low, high), 1)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), low=st.floats(-3, 0), width=st.floats(0.1, 9), n=st.integers(2000, 60_000))
@pytest.mark.parametrize("choose", [calibration.kl_divergence, calibration.least_squares])
def test_uniform_values_have_at_most_2_percent_more_error_than_with_min_max(choose, seed, low, width, n):
    values = np.random.default_rng(seed).uniform(low, max(low + width, 0.01), n)
    counts, low, high = histogram(values)
    assert error(values, choose(counts, low, high), 2) <= 1.02 * error(values, (low, high), 2)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(["normal", "t", "relu", "negative", "few"]),
    scale=st.floats(1e-3, 1e3),
)
def test_every_range_holds_zero_and_is_within_what_was_seen(seed, kind, scale):
    rng = np.random.default_rng(seed)
    values = (
        scale
        * {
            "normal": lambda: rng.normal(1, 2, 20_000),
            "t": lambda: rng.standard_t(2, 20_000),
            "relu": lambda: np.maximum(rng.normal(size=20_000), 0),
            "negative": lambda: -rng.exponential(size=20_000),
            "few": lambda: rng.normal(size=3),
        }[kind]()
    )
    counts, low, high = histogram(values)
    slack = 1e-9 * (high - low)
    for left, right in (
        calibration.kl_divergence(counts, low, high),
        calibration.least_squares(counts, low, high),
        calibration.percentile(counts, low, high, 99.0),
    ):
        assert low - slack <= left <= 0 <= right <= high + slack
        assert right > left


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), freedom=st.floats(1.2, 30), shift=st.floats(-3, 3))
def test_l2_never_has_more_squared_error_than_min_max(seed, freedom, shift):
    values = np.random.default_rng(seed).standard_t(freedom, 5000) + shift
    counts, low, high = histogram(values)
    filled = np.flatnonzero(counts)
    centres = low + (filled + 0.5) * (high - low) / BINS
    chosen = calibration.least_squares(counts, low, high)
    assert squared_error(centres, counts[filled], chosen) <= squared_error(centres, counts[filled], (low, high))


def test_percentile_cuts_the_same_share_from_both_ends():
    values = np.random.default_rng(1).normal(size=100_000)
    counts, low, high = histogram(values)
    left, right = calibration.percentile(counts, low, high, 99.0)
    assert np.mean(values < left) == pytest.approx(0.01, abs=1e-3)
    assert np.mean(values > right) == pytest.approx(0.01, abs=1e-3)
    assert calibration.percentile(counts, low, high, 100.0) == pytest.approx((low, high), rel=1e-3)


def test_percentile_of_a_single_value_keeps_it():
    assert calibration.percentile(*histogram(np.full(10, 4.0)), 99.0) == (0.0, 4.0)


def test_moving_average_follows_the_batches_and_one_outlier_little():
    minima, maxima = np.zeros(30), np.ones(30)
    maxima[10] = 100.0
    low, high = calibration.moving_average(minima, maxima, decay=0.9)
    assert low == 0.0
    assert high == pytest.approx(1 + 99 * 0.1 * 0.9**19)
    assert calibration.min_max(minima, maxima) == (0.0, 100.0)


def test_kl_keeps_min_and_max_of_too_few_values():
    counts, low, high = histogram(np.random.default_rng(1).standard_t(2, 4000))
    assert calibration.kl_divergence(counts, low, high) == (low, high)
    assert calibration.kl_divergence(np.zeros(BINS, np.int64), 0.0, 1.0) == (0.0, 1.0)


def test_kl_searches_again_in_finer_bins_when_an_outlier_is_far_away():
    values = np.append(np.abs(np.random.default_rng(1).normal(size=100_000)), 1000.0)
    low, high = calibration.kl_divergence(*histogram(values))
    assert low == 0
    assert 2.5 < high < 125, "2048 bins end at 1000 * 256 / 2048 = 125"
