"""Classes from scores, and the packed vector of what was right."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from optkit.measure.accuracy import Evaluation, classify


@given(hnp.arrays(bool, st.integers(1, 70)))
def test_packing_keeps_every_bit(correct: np.ndarray) -> None:
    again = Evaluation.unpacked(Evaluation(correct).packed(), len(correct))
    assert np.array_equal(again.correct, correct)
    assert again.accuracy == correct.mean()


def test_classes() -> None:
    assert classify(np.float32([[0.1, 0.9], [2, -1]]), "multiclass").tolist() == [1, 0]
    assert classify(np.float32([[0.5], [0.49]]), "binary").tolist() == [1, 0]


@given(st.integers(0, 50), st.integers(1, 50))
def test_a_drop_of_whole_samples_is_exactly_that_fraction(lost: int, more: int) -> None:
    samples = 10 * (lost + more)
    whole, less = np.ones(samples, bool), np.ones(samples, bool)
    less[:lost] = False
    assert Evaluation(less).drop_from(Evaluation(whole)) == lost / samples


def test_a_drop_between_different_test_sets_is_refused() -> None:
    with pytest.raises(ValueError, match="expected the same test set"):
        Evaluation(np.ones(3, bool)).drop_from(Evaluation(np.ones(4, bool)))
