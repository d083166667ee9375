"""Grids are found again from float values, also where a channel misses integers."""

from functools import reduce
from math import gcd

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optkit.tflite.grid import MOST, bits_for, find_grid, largest_of

integers = st.lists(st.lists(st.integers(-MOST, MOST), min_size=4, max_size=4), min_size=1, max_size=5)


@given(integers, st.lists(st.floats(2**-20, 1024, width=32), min_size=5, max_size=5))
def test_integers_and_steps_come_back(rows, steps):
    """The quantizer's own recovery takes the smallest distance of two values, and loses 0, 3, 5."""
    trained = np.array(rows, np.int64)
    step = np.array(steps[: len(rows)], np.float32)
    values = trained.astype(np.float32) * step[:, None]
    found = find_grid(values, 0)
    assert found is not None
    factors = np.array([max(1, reduce(gcd, map(abs, row))) for row in rows])
    assert np.array_equal(found.integers * factors[:, None], trained)
    assert np.allclose(found.integers * found.steps[:, None].astype(np.float64), values, rtol=1e-6, atol=0)


@given(st.integers(0, 10_000))
def test_weights_that_were_not_trained_on_a_grid_have_none(seed):
    values = np.random.default_rng(seed).normal(size=(3, 9)).astype(np.float32)
    assert find_grid(values, 0) is None


@pytest.mark.parametrize("channel", [0, 1, 2, -1])
def test_channels_are_along_the_axis_that_is_named(channel):
    rng = np.random.default_rng(3)
    shape = [1, 1, 1]
    shape[channel] = 4
    steps = np.array([0.11, 0.013, 7.0, 0.9], np.float32)
    whole = rng.integers(-7, 8, (4, 4, 4))
    found = find_grid(whole.astype(np.float32) * steps.reshape(shape), channel)
    assert found is not None
    assert found.steps == pytest.approx(steps)
    assert np.array_equal(np.moveaxis(found.integers, 0, channel), whole)
    assert found.bits == 4


def test_a_channel_of_zeros_has_a_step_like_the_others():
    """With a step of 1e-9 an int32 bias of that channel would overflow."""
    found = find_grid(np.array([[0, 0], [0.5, -1.5], [0.2, 0.2]], np.float32), 0)
    assert found is not None
    assert found.steps == pytest.approx([0.35, 0.5, 0.2])
    assert found.integers.tolist() == [[0, 0], [1, -3], [1, 1]]
    empty = find_grid(np.zeros((2, 3), np.float32), 1)
    assert empty is not None
    assert empty.bits == 2


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_no_numbers_lie_on_no_grid(bad):
    assert find_grid(np.array([[1, bad, 0]], np.float32), 0) is None


def test_bits_and_their_largest_integer():
    assert [largest_of(bits) for bits in (2, 3, 4, 8)] == [1, 3, 7, 127]
    assert [bits_for(largest) for largest in (0, 1, 2, 3, 4, 7, 8, 127)] == [2, 2, 3, 3, 4, 4, 5, 8]
