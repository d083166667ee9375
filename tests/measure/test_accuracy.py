"""Classes from scores, and the packed vector of what was right."""

import numpy as np
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
