"""Whether data fit a model, with both shapes in the message; and how they are brought to its types."""

from typing import Any

import numpy as np
import pytest

from optkit import DataError, Dataset
from optkit.data.dataset import bytes_of_sample, count, take
from optkit.data.fit import TensorSpec, check_fit, fitted


def data(x: Any) -> Dataset:
    y = np.zeros(3, np.int64)
    return Dataset(name="own", origin="own.npz", digest="0" * 64, classes=2, x_train=x, y_train=y, x_test=x, y_test=y)


def test_one_input_may_have_any_name_and_is_brought_to_the_models_type() -> None:
    found = fitted(data(np.full((3, 28, 28), 7, np.uint8)), [TensorSpec("image", (28, 28, 1))])
    assert (found.x_test.shape, found.x_train.dtype, found.x_test[0, 0, 0, 0]) == ((3, 28, 28, 1), np.float32, 7)
    named = fitted(data({"other": np.zeros((3, 4))}), [TensorSpec("image", (None,))])
    assert named.x_test.shape == (3, 4)


def test_ids_become_the_models_whole_numbers() -> None:
    found = fitted(data(np.array([[1, 2], [3, 4], [5, 70_000]])), [TensorSpec("ids", (2,), "int32")])
    assert (found.x_test.dtype, found.x_test.max()) == (np.int32, 70_000)


def test_what_fits_is_not_copied() -> None:
    x = np.zeros((3, 4), np.float32)
    assert np.shares_memory(fitted(data(x), [TensorSpec("", (4,))]).x_test, x)


def test_several_inputs_go_by_name_in_the_models_order() -> None:
    given = data({"b": np.zeros((3, 2)), "a": np.ones((3, 5), np.int64)})
    found = fitted(given, [TensorSpec("a", (5,), "int64"), TensorSpec("b", (2,))])
    assert [(name, array.dtype.name) for name, array in found.x_test.items()] == [("a", "int64"), ("b", "float32")]
    assert found.input_names == ("a", "b")
    assert (count(found.x_test), bytes_of_sample(found.x_test)) == (3, 5 * 8 + 2 * 4)
    assert take(found.x_test, slice(2))["a"].shape == (2, 5)
    assert found.inputs("train")["b"].shape == (3, 2)
    assert found.facts["test"] == 3
    assert "3 train, 3 test" in str(found)


@pytest.mark.parametrize(
    ("x", "inputs", "message"),
    [
        (
            np.zeros((3, 32, 32, 3), np.uint8),
            [TensorSpec("image", (28, 28, 1))],
            r"own\.npz: x_train has samples \(32, 32, 3\) uint8, and the model takes image \(28, 28, 1\) float32",
        ),
        (
            np.zeros((3, 28, 24, 3)),
            [TensorSpec("image", (3, 28, 24))],
            r"samples \(28, 24, 3\) .*takes image \(3, 28, 24\) float32; it takes channels first.*moveaxis\(x, -1, 1\)",
        ),
        (np.zeros((3, 3, 28, 24)), [TensorSpec("a", (28, 24, 3))], r"it takes channels last: np\.moveaxis\(x, 1, -1\)"),
        (np.zeros((3, 3, 24, 28)), [TensorSpec("a", (28, 24, 3))], "bring the data to the model's shape"),
        (np.zeros((3, 4)), [TensorSpec("a", (2, None))], r"samples \(4,\) float64, and the model takes a \(2, any\)"),
        (
            np.zeros((3, 4)),
            [TensorSpec("ids", (4,), "int32")],
            r"takes ids \(4,\) int32; give whole numbers, such as ids",
        ),
        (np.full((3, 4), 300), [TensorSpec("a", (4,), "uint8")], "goes from 300 to 300: .*that type holds 0 to 255"),
        (np.zeros((3, 4)), [TensorSpec("a", (4,), "bool")], "give true and false"),
        (
            np.zeros((3, 4)),
            [TensorSpec("a", (4,)), TensorSpec("b", (2,))],
            r"one input without a name \(x \(4,\) float64\), and the model takes 2: a \(4,\).*such as x_train_a",
        ),
        (
            {"a": np.zeros((3, 4)), "c": np.zeros((3, 2))},
            [TensorSpec("a", (4,)), TensorSpec("b", (2,))],
            r"has the inputs a \(4,\) float64, c \(2,\) .*, and the model takes a \(4,\) float32, b .*the same names",
        ),
        ({"a": np.zeros((3, 4)), "c": np.zeros((3, 2))}, [TensorSpec("a", (4,))], "give them the same names"),
    ],
)
def test_what_does_not_fit(x: Any, inputs: list[TensorSpec], message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_fit(data(x), inputs)
