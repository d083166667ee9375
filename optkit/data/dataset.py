"""A data set as a value: checked arrays, their digest, and where they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from optkit.data.preprocessing import Preprocessing
from optkit.errors import DataError
from optkit.names import shown

DataMode = Literal["auto", "full", "embedded"]
DATA_MODES: tuple[DataMode, ...] = ("auto", "full", "embedded")

Array = npt.NDArray[Any]
Inputs = Any
"""The samples of one split: an array (samples, *sample shape); of several inputs a dict of such arrays by name."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Model-ready arrays of one data set.

    `x_train`, `x_test`: of one input an array, shape (samples, *sample shape); of several a dict of such arrays by
    name (`inputs` gives a dict of both). The built-in data sets are float32; the user's own may have any numbers.
    `y_train`, `y_test`: the labels, whose form `data.labels` says for each task; the built-in data sets have int64
    class numbers, shape (samples,). Labels that are not there are empty. `digest` is the sha256 of the arrays as they
    were read, before scaling. `origin` says where from. `classes` is 0 when labels are no classes. `task` is empty
    when the data do not say it. `group_test`, int64 (test samples,), says which samples are judged as one; or None.
    """

    name: str
    origin: str
    digest: str
    classes: int
    x_train: Inputs
    y_train: Array
    x_test: Inputs
    y_test: Array
    task: str = ""
    group_test: Array | None = None

    @property
    def input_names(self) -> tuple[str, ...]:
        """The names of its inputs; of a single one without a name, the empty name."""
        return tuple(self.x_test) if isinstance(self.x_test, Mapping) else ("",)

    def inputs(self, split: Literal["train", "test"]) -> dict[str, Array]:
        """Return the samples of a split by input name, also of a single input, whose name is empty."""
        x = self.x_train if split == "train" else self.x_test
        return dict(x) if isinstance(x, Mapping) else {"": x}

    @property
    def trainable(self) -> bool:
        """Whether a model can be trained on it: every training sample has a label, or is its own."""
        return len(self.y_train) == count(self.x_train) or self.task == "reconstruction"

    @property
    def labelled(self) -> bool:
        """Whether it has labels. Without, there is nothing to train on, and accuracy is not measured."""
        return len(self.y_test) > 0

    @property
    def labelled_by_sample(self) -> bool:
        """Whether a label says what each sample is: of a reconstruction, 0 or 1, and not a target of its shape."""
        return self.labelled and (self.task != "reconstruction" or self.y_test.ndim == 1)

    @property
    def facts(self) -> dict[str, Any]:
        """What a record says of its data: name, digest and sizes."""
        return {
            "name": self.name,
            "digest": self.digest,
            "train": count(self.x_train),
            "test": count(self.x_test),
        }

    def __str__(self) -> str:
        sizes = f"{count(self.x_train):,} train, {count(self.x_test):,} test" + ("" if self.labelled else ", no labels")
        return shown(f"{self.name} ({sizes}, sha256 {self.digest[:12]}) from {self.origin}")


def count(x: Inputs) -> int:
    """Return how many samples there are in `x`, an array or a dict of arrays by input name."""
    return len(next(iter(x.values()))) if isinstance(x, Mapping) else len(x)


def take(x: Inputs, places: Any) -> Inputs:
    """Return the samples of `x` at `places`: a slice, or an array of numbers. `x` is as in `count`."""
    return {name: array[places] for name, array in x.items()} if isinstance(x, Mapping) else x[places]


def bytes_of_sample(x: Inputs) -> int:
    """Return the bytes of one sample of `x`, of all inputs together. `x` is as in `count`."""
    arrays = x.values() if isinstance(x, Mapping) else (x,)
    return sum(int(array[0].nbytes) for array in arrays)


@dataclass(frozen=True)
class DataEntry:
    """A line in `data.DATASETS`: the names its data sets may bear (full first) and `load(mode, **params)`.

    `preprocessing(**params)` says, without any data, how one image becomes a sample; None when samples are no images.
    """

    names: tuple[str, ...]
    load: Callable[..., Dataset]
    preprocessing: Callable[..., Preprocessing] | None = None


def make_dataset(
    name: str,
    origin: str,
    arrays: dict[str, npt.NDArray[Any]],
    *,
    classes: int,
    sample_shape: tuple[int, ...],
    scale: float = 1.0,
    preprocessing: Preprocessing | None = None,
    labelled: bool = True,
) -> Dataset:
    """Check raw arrays `x_train`, `y_train`, `x_test`, `y_test` and make a Dataset with x multiplied by `scale`.

    With `preprocessing`, x (uint8) is normalized as it says instead, and its mean and deviation enter the digest: what
    was built on samples normalized in another way is not taken for the same. Without `labelled` there are no y.

    Raises DataError when an array is missing, has another shape, holds NaN or infinity, or a label is not a class.
    """
    for split in ("train", "test"):
        _check_samples(origin, arrays, split, sample_shape)
        if labelled:
            _check_labels(origin, arrays, split, classes)
    found = hashlib.sha256()
    for key in ("x_train", "y_train", "x_test", "y_test") if labelled else ("x_train", "x_test"):
        array = np.ascontiguousarray(arrays[key])
        found.update(f"{key} {array.dtype.str} {array.shape}\n".encode())
        found.update(array.data)
    if preprocessing:
        found.update(f"mean {preprocessing.mean} std {preprocessing.std}\n".encode())

    def samples(x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        return preprocessing.apply(x) if preprocessing else np.multiply(x, scale, dtype=np.float32)

    def labels(split: str) -> npt.NDArray[np.int64]:
        return arrays[f"y_{split}"].astype(np.int64) if labelled else np.empty(0, np.int64)

    return Dataset(
        name=name,
        origin=origin,
        digest=found.hexdigest(),
        classes=classes,
        x_train=samples(arrays["x_train"]),
        y_train=labels("train"),
        x_test=samples(arrays["x_test"]),
        y_test=labels("test"),
    )


def _check_samples(origin: str, arrays: dict[str, npt.NDArray[Any]], split: str, sample_shape: tuple[int, ...]) -> None:
    x = _numbers(origin, arrays, f"x_{split}")
    if x.shape[1:] != sample_shape or len(x) == 0:
        raise DataError(f"{origin}: x_{split} has shape {x.shape}; expected (samples, {str(sample_shape)[1:-1]})")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise DataError(f"{origin}: x_{split} holds NaN or infinity; clean the data first")


def _check_labels(origin: str, arrays: dict[str, npt.NDArray[Any]], split: str, classes: int) -> None:
    y, samples = _numbers(origin, arrays, f"y_{split}"), len(arrays[f"x_{split}"])
    if y.shape != (samples,):
        raise DataError(f"{origin}: y_{split} has shape {y.shape}; expected ({samples},), one label a sample")
    if not ((y >= 0) & (y < classes) & (y == np.floor(y))).all():
        raise DataError(f"{origin}: y_{split} holds labels that are not whole numbers from 0 to {classes - 1}")


def _numbers(origin: str, arrays: dict[str, npt.NDArray[Any]], key: str) -> npt.NDArray[Any]:
    if key not in arrays:
        raise DataError(f"{origin} has no array {key!r}; expected x_train, y_train, x_test and y_test")
    if arrays[key].dtype.kind not in "uif":
        raise DataError(f"{origin}: {key} has dtype {arrays[key].dtype}; expected numbers")
    return arrays[key]
