"""The task is worked out from outputs and labels, with a reason, or asked for."""

from typing import Any

import numpy as np
import pytest

from optkit import DataError
from optkit.data.tasks import work_out_task
from optkit.spec.metrics import TASKS

RNG = np.random.default_rng(0)
ONE_HOT = np.eye(4)[[0, 1, 2, 3, 0, 1]]
SEVERAL = np.array([[0, 1], [1, 1], [0, 0], [1, 0], [1, 1], [0, 0]])


@pytest.mark.parametrize(
    ("output", "end", "labels", "takes", "expected"),
    [
        ((10,), "softmax", np.arange(6), (28, 28), "multiclass"),
        ((10,), None, np.arange(6.0).reshape(6, 1), (28, 28), "multiclass"),
        ((1, 1, 10), "softmax", np.arange(6), (28, 28), "multiclass"),
        ((4,), "softmax", ONE_HOT, (7,), "multiclass"),
        ((10,), "linear", np.arange(6), (10,), "multiclass"),
        ((2,), "softmax", np.array([0, 1, 1, 0, 1, 0]), (2,), "multiclass"),
        ((1,), "sigmoid", np.array([0, 1, 1, 0, 1, 0]), (7,), "binary"),
        ((), None, np.array([[0], [1], [1], [0], [1], [0]]), (7,), "binary"),
        ((2,), "sigmoid", SEVERAL, (7,), "multilabel"),
        ((4,), "sigmoid", ONE_HOT, (7,), "multilabel"),
        ((2,), None, SEVERAL, (7,), "multilabel"),
        ((1,), "linear", RNG.normal(size=6), (7,), "regression"),
        ((1,), "linear", np.arange(6), (7,), "regression"),
        ((3,), "linear", RNG.normal(size=(6, 3)), (7,), "regression"),
        ((3,), "linear", np.arange(18).reshape(6, 3), (7,), "regression"),
        ((5, 4), "softmax", RNG.integers(0, 4, (6, 5)), (5,), "sequence"),
        ((640,), "linear", np.array([0, 1, 1, 0, 1, 0]), (640,), "reconstruction"),
        ((640,), "linear", None, (640,), "reconstruction"),
        ((8, 8, 1), "sigmoid", RNG.random((6, 8, 8, 1)), (8, 8, 1), "reconstruction"),
    ],
)
def test_tasks(output: Any, end: Any, labels: Any, takes: Any, expected: str) -> None:
    task, why = work_out_task(output, end, labels, input_shape=takes)
    assert task == expected
    assert why
    assert task in TASKS


@pytest.mark.parametrize(
    ("output", "end", "labels", "message"),
    [
        ((10,), "softmax", None, r"no labels to test with, and the output of shape \(10,\) is no reconstruction"),
        (
            (10,),
            "softmax",
            np.array([3, 10]),
            "labels go from 3 to 10, and there are 10 outputs; expected class numbers",
        ),
        ((1,), "sigmoid", np.array([3, 4]), "one output that ends in sigmoid, and labels from 3 to 4"),
        ((3,), "linear", np.array([[0.5, 1], [1, 2]]), r"labels of shape \(2, 2\) hold fractions, and the outputs"),
        (
            (5, 4),
            None,
            np.zeros((2, 3)),
            r"labels of shape \(2, 3\) do not go with outputs of shape \(5, 4\); say which",
        ),
    ],
)
def test_what_nobody_can_tell_is_asked_for(output: Any, end: Any, labels: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        work_out_task(output, end, labels, input_shape=(7,))
