"""Levels of a series: exact for sizes, by sample for accuracy, and no creeping in small steps."""

import numpy as np
import pytest

from optkit.judge.segments import accuracy_changes, size_changes, time_changes
from optkit.judge.tolerances import Tolerances


def test_every_byte_is_a_change_and_growth_beyond_the_rule_counts() -> None:
    found = size_changes([1000, 1000, 1001, 1020, 1020, 900], Tolerances().max_growth)
    assert [(c.at, c.verdict, c.counts) for c in found] == [
        (2, "worse", False), (3, "worse", True), (5, "better", True),
    ]  # fmt: skip
    assert found[1].change == 1020 / 1000  # from the last level that counted, not from 1001
    assert size_changes([5, 5, 5], Tolerances().max_growth) == ()


def test_small_steps_that_add_up_count_in_the_end() -> None:
    found = size_changes([1000 + 4 * i for i in range(6)], Tolerances().max_growth)
    assert [change.counts for change in found] == [False, False, True, False, False]


def correct(*wrong: int, samples: int = 2000) -> np.ndarray:
    vector = np.ones(samples, bool)
    vector[list(wrong)] = False
    return vector


def test_accuracy_changes_when_the_samples_show_it() -> None:
    vectors = [correct(*range(40))] * 3 + [correct(*range(70))] * 2
    (change,) = accuracy_changes(vectors, Tolerances(), 1)
    assert (change.at, change.verdict, change.counts, change.reason) == (3, "worse", True, "30 samples lost, 0 gained")
    assert change.change == pytest.approx(0.015)
    assert (change.before.value, change.after.value) == (0.98, 0.965)
    assert accuracy_changes(vectors[::-1], Tolerances(), 1)[0].verdict == "better"
    assert not accuracy_changes(vectors, Tolerances(), 10**8)[0].counts, "p is adjusted for the number of tests"


def test_accuracy_on_other_samples_is_inconclusive_and_a_few_are_the_same() -> None:
    (other,) = accuracy_changes([correct(*range(40)), correct(*range(40, 80))], Tolerances(), 1)
    assert (other.verdict, other.counts, other.change) == ("inconclusive", False, 0)
    (few,) = accuracy_changes([correct(1), correct(2)], Tolerances(), 1)
    assert few.verdict == "same"


def test_accuracy_that_creeps_counts_in_the_end() -> None:
    vectors = [correct(*range(8 * i)) for i in range(6)]
    assert [c.counts for c in accuracy_changes(vectors, Tolerances(), 1)] == [False, True, False, True, False]


def test_a_time_change_below_the_margin_does_not_count() -> None:
    rng = np.random.default_rng(0)
    times = np.exp(rng.normal(0, 0.001, 40)) * np.where(np.arange(40) < 20, 1.0, 1.01)
    (change,) = time_changes(times.tolist(), Tolerances(), 1)
    assert (change.at, change.verdict, change.counts) == (20, "worse", False)
    (change,) = time_changes(times.tolist(), Tolerances(margin=0.005), 1)
    assert change.counts
    assert change.before.low is not None
    assert change.before.high is not None
    assert change.before.low < 1.0 < change.before.high
    assert change.change == pytest.approx(1.01, abs=0.001)


def test_the_false_alarm_rate_is_shared_among_the_tests() -> None:
    times = np.exp(np.random.default_rng(1).normal(0, 0.01, 16))
    times[8:] *= 1.2
    assert time_changes(times.tolist(), Tolerances(), 1)
    assert time_changes(times.tolist(), Tolerances(), 1000) == (), "16 runs cannot show anything at 0.001 %"
