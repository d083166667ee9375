"""Labels are taken in one form for each task; what does not fit is refused with what was got and expected."""

from typing import Any

import numpy as np
import pytest

from optkit import DataError
from optkit.data.labels import check_classes, clean_labels, numbers

SAMPLES = (4, 8)


@pytest.mark.parametrize(
    ("task", "y", "expected", "dtype"),
    [
        ("multiclass", [0, 3, 1, 2], [0, 3, 1, 2], np.int64),
        ("multiclass", np.array([[0], [3], [1], [2]], np.uint8), [0, 3, 1, 2], np.int64),
        ("multiclass", [0.0, 3.0, 1.0, 2.0], [0, 3, 1, 2], np.int64),
        ("multiclass", np.eye(4)[[2, 0, 1, 3]], [2, 0, 1, 3], np.int64),
        ("binary", np.array([True, False, True, True]), [1, 0, 1, 1], np.int64),
        ("binary", [[0.0], [1.0], [0.0], [1.0]], [0, 1, 0, 1], np.int64),
        ("multilabel", [[0, 1], [1, 1], [0, 0], [1, 0]], [[0, 1], [1, 1], [0, 0], [1, 0]], np.int64),
        ("regression", [0.5, 2, -1, 1], [0.5, 2, -1, 1], np.float32),
        ("regression", [[1, 2], [3, 4], [5, 6], [7, 8]], [[1, 2], [3, 4], [5, 6], [7, 8]], np.float32),
        ("sequence", [[0, 1], [2, 1], [0, 0], [1, 0]], [[0, 1], [2, 1], [0, 0], [1, 0]], np.int64),
        ("reconstruction", [0, 1, 1, 0], [0, 1, 1, 0], np.int64),
        ("reconstruction", np.ones((4, 8)), np.ones((4, 8)), np.float32),
        ("reconstruction", [], [], np.int64),
    ],
)
def test_labels_of_every_task(task: Any, y: Any, expected: Any, dtype: Any) -> None:
    found = clean_labels("here: y", y, SAMPLES, task)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("task", "y", "message"),
    [
        ("multiclass", [0, 1, 2], r"here: y has shape \(3,\) and its samples \(4, 8\); expected as many"),
        ("multiclass", 3, r"has shape \(\) and its samples"),
        ("multiclass", [0, -1, 2, 1], r"holds -1 \(1 such labels\); expected for task multiclass: class numbers"),
        ("multiclass", [0, 0.5, 2, 1.5], r"holds 0\.5 \(2 such labels\)"),
        ("multiclass", [[0, 1], [1, 1], [0, 1], [1, 0]], r"shape \(4, 2\); expected .* a single 1"),
        ("multiclass", np.zeros((4, 2, 2)), r"has shape \(4, 2, 2\); expected for task multiclass"),
        ("binary", [0, 1, 2, 1], r"holds 2 \(1 such labels\); expected for task binary: 0 or 1"),
        ("binary", [-1, 1, -1, 1], r"holds -1 \(2 such"),
        ("binary", np.zeros((4, 2)), r"has shape \(4, 2\); expected for task binary"),
        ("multilabel", [0, 1, 0, 1], r"has shape \(4,\); expected for task multilabel"),
        ("multilabel", [[0, 3], [1, 1], [0, 0], [1, 0]], "holds 3"),
        ("regression", np.zeros((4, 2, 2)), r"has shape \(4, 2, 2\); expected for task regression"),
        ("sequence", [0, 1, 0, 1], r"has shape \(4,\); expected for task sequence"),
        ("reconstruction", [0, 1, 2, 1], "holds 2"),
        ("reconstruction", np.zeros((4, 7)), r"shape \(4, 7\) and its samples \(4, 8\); expected for task rec"),
        ("regression", [0.5, np.nan, np.inf, 1], r"of shape \(4,\) holds NaN or infinity in 2 places"),
        ("multiclass", ["cat", "dog", "cat", "dog"], "holds text .*; turn it into numbers first"),
        ("multiclass", [[1], [1, 2], [3], [4]], "rows"),
        # beyond int64 it became another class, and the sample was wrong in silence
        ("multiclass", np.array([0, 1, 2, 2**63 + 5], np.uint64), r"holds 9223372036854775813 \(1 such labels\)"),
        ("sequence", np.array([[0.0, 1e300]] * 4), "holds 1e[+]300"),
    ],
)
def test_labels_that_cannot_be(task: Any, y: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        clean_labels("here: y", y, SAMPLES, task)


def test_classes_that_the_model_does_not_know() -> None:
    check_classes("here: y", np.array([0, 9]), 10)
    with pytest.raises(DataError, match="holds class 10, and the model has 10 classes; expected labels from 0 to 9"):
        check_classes("here: y", np.array([0, 10]), 10)


@pytest.mark.parametrize("values", [np.array([{}]), np.array(["2020-01-01"], "M8[D]"), np.array([1j])])
def test_arrays_that_hold_no_numbers(values: Any) -> None:
    with pytest.raises(DataError, match=r"here .*expected (whole|numbers)"):
        numbers("here", values)
