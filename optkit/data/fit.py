"""Whether data fit a model: input by input, both shapes side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from optkit.data.dataset import Dataset
from optkit.errors import DataError

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class TensorSpec:
    """One input of a model: its name, the shape of one sample (None: any size), and the numpy name of its dtype.

    A quantized input that is given real values is a `float32` one here.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"

    def __str__(self) -> str:
        sizes = ", ".join("any" if size is None else str(size) for size in self.shape)
        return f"{self.name or 'input'} ({sizes}{',' if len(self.shape) == 1 else ''}) {self.dtype}"


def check_fit(dataset: Dataset, inputs: Sequence[TensorSpec]) -> None:
    """Raise DataError unless both splits of `dataset` fit the model's `inputs`, with both shapes in the message.

    A single input may have any name. Axes of size 1 may be missing or too many: (28, 28) fits (28, 28, 1). Whole
    numbers fit a floating-point input; a whole-number input takes whole numbers that its type can hold.
    """
    for split in ("train", "test"):
        found = _named(dataset, split, inputs)
        for spec in inputs:
            _checked_shape(dataset, split, found[spec.name], spec)


def fitted(dataset: Dataset, inputs: Sequence[TensorSpec]) -> Dataset:
    """Return `dataset` with arrays as the model takes them: names, order, shape and dtype of `inputs`.

    What is right already is not copied. Raises DataError as `check_fit` does.
    """
    x = {}
    for split in ("train", "test"):
        found = _named(dataset, split, inputs)
        done = {}
        for spec in inputs:
            array = found[spec.name]
            shape = (len(array), *_checked_shape(dataset, split, array, spec))
            done[spec.name] = array.reshape(shape).astype(spec.dtype, copy=False)
        x[split] = done if len(inputs) > 1 else next(iter(done.values()))
    return dataclasses.replace(dataset, x_train=x["train"], x_test=x["test"])


def _named(dataset: Dataset, split: Literal["train", "test"], inputs: Sequence[TensorSpec]) -> dict[str, Array]:
    """Return the arrays of a split by the model's names of inputs."""
    arrays = dataset.inputs(split)
    names = [spec.name for spec in inputs]
    if len(arrays) == 1 and len(inputs) == 1:
        return {names[0]: next(iter(arrays.values()))}
    takes = ", ".join(map(str, inputs))
    has = ", ".join(f"{name or 'x'} {array.shape[1:]} {array.dtype}" for name, array in arrays.items())
    if "" in arrays:
        raise DataError(
            f"{dataset.origin} has one input without a name ({has}), and the model takes {len(inputs)}: {takes}; name "
            f"them, such as x_{split}_{names[0]}"
        )
    if set(arrays) != set(names):
        raise DataError(f"{dataset.origin} has the inputs {has}, and the model takes {takes}; give them the same names")
    return arrays


def _checked_shape(dataset: Dataset, split: str, array: Array, spec: TensorSpec) -> tuple[int, ...]:
    """Return the shape of samples as the model takes them. Raises DataError when the array does not fit."""
    place = f"{dataset.origin}: x_{split}"
    sides = f"samples {array.shape[1:]} {array.dtype}, and the model takes {spec}"
    shape = _reshaped(array.shape[1:], spec.shape)
    if shape is None:
        raise DataError(f"{place} has {sides}; {_remedy(array.shape[1:], spec.shape)}")
    dtype = np.dtype(spec.dtype)
    if dtype.kind in "iu":
        _check_whole(place, sides, array, dtype)
    elif dtype.kind == "b" and array.dtype.kind != "b":
        raise DataError(f"{place} has {sides}; give true and false")
    return shape


def _reshaped(got: tuple[int, ...], wanted: tuple[int | None, ...]) -> tuple[int, ...] | None:
    """Return the shape of samples as the model takes them: only axes of size 1 come or go. None when it cannot be."""
    if len(got) == len(wanted) and all(w in (None, g) for g, w in zip(got, wanted, strict=True)):
        return got
    if None in wanted or [size for size in got if size != 1] != [size for size in wanted if size != 1]:
        return None
    return tuple(size for size in wanted if size is not None)


def _remedy(got: tuple[int, ...], wanted: tuple[int | None, ...]) -> str:
    """Say how samples of shape `got` become `wanted`: images often have their channels at the other end."""
    if len(got) == 3 and wanted == (got[2], *got[:2]):
        return "it takes channels first, as PyTorch does: np.moveaxis(x, -1, 1)"
    if len(got) == 3 and wanted == (*got[1:], got[0]):
        return "it takes channels last: np.moveaxis(x, 1, -1)"
    return "bring the data to the model's shape"


def _check_whole(place: str, sides: str, array: Array, dtype: np.dtype[Any]) -> None:
    if array.dtype.kind == "f":
        raise DataError(f"{place} has {sides}; give whole numbers, such as ids")
    limits = np.iinfo(dtype)
    low, high = int(array.min()), int(array.max())
    if low < limits.min or high > limits.max:
        raise DataError(f"{place} goes from {low} to {high}: {sides}; that type holds {limits.min} to {limits.max}")
