"""Data that a function returns: every form, and one clear line for each thing that can be wrong with them."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optkit import DataError, OptkitError
from optkit.data.own import load_own

X, Y = np.arange(20.0).reshape(10, 2), np.arange(10) % 2
FUNCTIONS = """
import numpy as np

X, Y = np.arange(20.0).reshape(10, 2), np.arange(10) % 2


def arrays():
    return X, Y, X + 1, Y


def fails():
    raise ValueError("no such file\\nsecond line")


def nothing():
    return None


def early():
    return ((x for x in zip(X, Y)), 12), (zip(X, Y), 3)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "own_functions.py").write_text(FUNCTIONS)
    yield tmp_path
    sys.modules.pop("own_functions", None)


def load(name: str, folder: Path) -> Any:
    return load_own(f"own_functions:{name}", "binary", folder=folder, allowed=("own_functions",))


def test_a_function_is_called_only_when_it_was_allowed(folder: Path) -> None:
    data = load("arrays", folder)
    assert (data.x_test[0, 0], data.name, data.origin) == (1, "own_functions-arrays", "own_functions:arrays")
    with pytest.raises(OptkitError, match="--allow own_functions"):
        load_own("own_functions:arrays", "binary", folder=folder)


def test_the_digest_covers_the_functions_source_and_what_it_returned(folder: Path) -> None:
    before = load("arrays", folder).digest
    assert load_own((X, Y, X + 1, Y), "binary").digest != before
    (folder / "own_functions.py").write_text(FUNCTIONS + "# the same data\n")
    assert load("arrays", folder).digest != before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fails", "own_functions:fails raised ValueError: no such file; mend the function"),
        ("nothing", r"own_functions:nothing is a NoneType; expected \(x_train, y_train, x_test, y_test\)"),
        ("early", "own_functions:early, train ended after 10 of 12 samples; mend its length"),
        ("gone", "there is no 'gone' in .*own_functions"),
    ],
)
def test_functions_that_do_not_give_data(folder: Path, name: str, message: str) -> None:
    with pytest.raises(OptkitError, match=message) as caught:
        load(name, folder)
    assert "second line" not in str(caught.value)


class Sequence:
    """Samples by index, as torch's data sets have them."""

    def __init__(self, samples: int = 10) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, i: int) -> Any:
        return X[i], Y[i]


class Batches(Sequence):
    """Batches by index, as Keras' sequences have them."""

    def __init__(self) -> None:
        super().__init__(3)

    def __getitem__(self, i: int) -> Any:
        return X[4 * i : 4 * i + 4], Y[4 * i : 4 * i + 4]

    def on_epoch_end(self) -> None:
        pass


SPLIT: list[Callable[[], Any]] = [
    lambda: (X, Y, X, Y),
    lambda: ((X, Y), (X, Y)),
    lambda: {"train": (X, Y), "test": (X, Y)},
    lambda: {"train": (zip(X, Y, strict=True), 10), "val": (X.tolist(), Y.tolist())},
    lambda: {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y},
    lambda: ((zip(X, Y, strict=True), 10), (iter(list(zip(X, Y, strict=True)) * 2), 10)),
    lambda: (Sequence(), Batches()),
]
WHOLE: list[Callable[[], Any]] = [
    lambda: (X, Y),
    lambda: {"x": X, "y": Y},
    lambda: (zip(X, Y, strict=True), np.int64(10)),
    lambda: Sequence(),
    lambda: Batches(),
]


@pytest.mark.parametrize("make", SPLIT)
def test_forms_that_are_split(make: Callable[[], Any]) -> None:
    data = load_own(make(), "binary")
    for split in (data.x_train, data.x_test):
        np.testing.assert_array_equal(split, X)
    np.testing.assert_array_equal(data.y_test, Y)


@pytest.mark.parametrize("make", WHOLE)
def test_forms_that_are_not(make: Callable[[], Any]) -> None:
    data = load_own(make(), "binary")
    assert (len(data.x_train), len(data.x_test)) == (8, 2)
    np.testing.assert_array_equal(data.x_test[:, 0] / 2 % 2, data.y_test)


def test_several_inputs_from_a_generator_and_from_arrays() -> None:
    items = (({"a": x, "b": x[:1]}, y) for x, y in zip(X, Y, strict=True))
    data = load_own({"train": ({"a": X, "b": X[:, :1]}, Y), "test": (items, 10)}, "binary")
    np.testing.assert_array_equal(data.x_test["b"], data.x_train["b"])
    assert data.input_names == ("a", "b")


def test_samples_without_labels() -> None:
    data = load_own({"train": X, "test": (iter(X), 10)}, "reconstruction")
    np.testing.assert_array_equal(data.x_test, X)


def raising() -> Iterator[Any]:
    yield X[0], Y[0]
    raise RuntimeError("disk full")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda: ((raising(), 5), (X, Y)), "the data, train raised RuntimeError: disk full after 1 items"),
        (lambda: zip(X, Y, strict=True), "the data is a generator without a length; return it with one"),
        (lambda: ((iter([]), 0), (X, Y)), "train gave no samples"),
        (lambda: (iter([(X[0], 1), (X[0, :1], 0)]), 2), r"item 1 has shape \(1,\) and the first \(2,\); make them"),
        (lambda: (iter([(X[0], 1), X[0]]), 2), "item 1 has not the same inputs and labels as the first"),
        (lambda: (iter([(X[0], 1, 0.5)]), 1), r"gives 3 values a sample; expected \(x, y\)"),
        (lambda: ((X, X), Y, (X, X), Y), "has 2 inputs without names; give them in a dict"),
        (lambda: (X, Y, X), "is a tuple; expected"),
        (lambda: (["a", "b"], [0, 1]), "holds text"),
        (lambda: ([[1], [1, 2]], [0, 1]), "rows"),
        (lambda: {"train": ({}, Y), "test": ({}, Y)}, "has no inputs"),
        (lambda: {"a": X}, "the data has no array 'x'; it has a; expected"),
    ],
)
def test_what_cannot_be(value: Callable[[], Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_own(value(), "binary")


def test_tf_data_of_samples_and_of_batches() -> None:
    from optkit.keras.tensorflow import load_tensorflow

    tf = load_tensorflow()
    samples = tf.data.Dataset.from_tensor_slices((X, Y))
    ids = tf.data.Dataset.from_tensor_slices(({"a": X, "b": X[:, :1]}, X))
    for data in (samples, samples.batch(3), samples.batch(4).prefetch(1), samples.batch(3).unbatch()):
        found = load_own({"train": data, "test": samples}, "binary")
        np.testing.assert_array_equal(found.x_train, X)
        np.testing.assert_array_equal(found.y_train, Y)
    several = load_own({"train": ids.batch(4), "test": ids.batch(10)}, "regression")
    np.testing.assert_array_equal(several.x_train["b"], X[:, :1])
    with pytest.raises(DataError, match=r"whether it gives samples or batches .*end it with"):
        load_own({"train": ids, "test": ids}, "regression")
    with pytest.raises(DataError, match="never ends; drop repeat"):
        load_own({"train": samples.repeat(), "test": samples}, "binary")
    broken = samples.map(lambda x, y: (x, tf.debugging.check_numerics(1.0 - tf.sqrt(-tf.cast(y, tf.float32)), "odd")))
    with pytest.raises(DataError, match="train raised InvalidArgumentError"):
        load_own({"train": broken, "test": samples}, "binary")
