"""Ranges of few samples are told from those of many, of one wrong layer, and of a calibration that clips on purpose."""

import math

import numpy as np
import pytest

from optkit.doctor.few_samples import ENOUGH_DB, _log_probability, looks_like, samples_needed
from optkit.doctor.layer_errors import Seen
from optkit.doctor.matching import Layer
from optkit.tflite.view import Form

THERE = 100


def extremes(rng, samples, layers):
    """Largest values of samples in layers, (samples, layers): some samples are large in all of them."""
    return np.exp(0.3 * rng.normal(size=(samples, 1)) + 0.2 * rng.normal(size=(samples, layers)))


def beyond(rng, k, layers):
    """How many of `THERE` samples go beyond the ranges of `k` others, for each layer."""
    held = extremes(rng, k, layers).max(axis=0)
    return [[int(n)] for n in (extremes(rng, THERE, layers) > held).sum(axis=0)]


def test_the_chances_are_those_of_counting() -> None:
    for there, k in ((5, 1), (7, 3), (20, 8)):
        chances = [math.exp(_log_probability(m, there, k)) for m in range(there + 1)]
        assert sum(chances) == pytest.approx(1)
    rng = np.random.default_rng(0)
    drawn = rng.random((20_000, 7 + 3))
    counted = np.bincount((drawn[:, :7] > drawn[:, 7:].max(axis=1, keepdims=True)).sum(axis=1), minlength=8) / 20_000
    np.testing.assert_allclose(counted, [math.exp(_log_probability(m, 7, 3)) for m in range(8)], atol=0.012)


@pytest.mark.parametrize("layers", [2, 5, 30])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_few_samples_are_told(k: int, layers: int) -> None:
    rng = np.random.default_rng(k)
    found = [looks_like(beyond(rng, k, layers), THERE) for _ in range(30)]
    told = [number for number in found if number]
    assert len(told) >= 0.7 * len(found)
    assert k / 2 <= np.median(told) <= 2 * k + 1


@pytest.mark.parametrize("layers", [2, 5, 30])
def test_many_samples_are_not(layers: int) -> None:
    rng = np.random.default_rng(0)
    found = [looks_like(beyond(rng, 300, layers), THERE) for _ in range(30)]
    assert found.count(None) >= 0.95 * len(found)


@pytest.mark.parametrize("layers", [2, 5, 30])
def test_one_wrong_layer_among_good_ones_is_not(layers: int) -> None:
    rng = np.random.default_rng(1)
    found = []
    for wrong in (100, 99, 90, 60):
        for _ in range(10):
            ends = beyond(rng, 300, layers)
            ends[0] = [wrong]
            found.append(looks_like(ends, THERE))
    assert found.count(None) >= 0.95 * len(found)


def test_a_calibration_that_clips_nearly_every_sample_is_not() -> None:
    rng = np.random.default_rng(2)
    found = [looks_like([[int(n)] for n in rng.integers(90, 101, 6)], THERE) for _ in range(20)]
    assert found == [None] * 20


def seen_layer(rng, samples, spread):
    """What is seen of a layer whose values reach a maximum that differs by `spread` from sample to sample."""
    largest = np.exp(spread * rng.normal(size=samples))
    values = (largest[:, None] * rng.random((samples, 50)) ** 4).astype(np.float32)
    form = Form(scale=float(largest.max()) / 255, zero_point=-128, dtype="int8")
    layer = Layer(
        number=0, name="it", kind="CONV_2D", pattern="it", output=0, twin=0, chain=(form,), constants={}, bias=None,
        before=(), is_output=False, stored="int8",
    )  # fmt: skip
    sums = np.zeros(7)
    sums[0] = values.size
    calls = np.stack([np.zeros(samples), largest], axis=1)
    none = np.zeros(0)
    return Seen(
        layer=layer, sums=sums, held=none, calls=calls, values=values.reshape(-1), rms=none, largest=none, gaps=none
    )


def test_so_many_samples_have_ranges_that_are_as_good() -> None:
    """Counted on draws that the function has not seen."""
    from optkit.doctor.few_samples import _error_of

    layers = [seen_layer(np.random.default_rng(seed), 200, 0.03) for seed in range(4)]
    need, extrapolated = samples_needed(layers)
    assert 2 <= need <= 100
    assert not extrapolated
    rng = np.random.default_rng(99)

    def lost(k: int) -> float:
        errors = [_error_of(one) for one in layers]
        whole = np.array([error(np.arange(200)) for error in errors])
        orders = [rng.permutation(200)[:k] for _ in range(40)]
        drawn = [(10 * np.log10(np.array([error(order) for error in errors]) / whole)).max() for order in orders]
        return float(np.quantile(drawn, 0.8))

    assert lost(need) <= ENOUGH_DB
    assert lost(max(1, need // 8)) > ENOUGH_DB


def test_where_half_of_them_do_not_suffice_it_is_extrapolated() -> None:
    layers = [seen_layer(np.random.default_rng(seed), 16, 1.5) for seed in range(4)]
    need, extrapolated = samples_needed(layers)
    assert extrapolated
    assert need > 8
