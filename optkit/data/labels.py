"""What labels must look like, for each task; and arrays of numbers in general.

Law: what does not fit is one line that shows what was got beside what was expected; nothing is guessed or cut off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import DataError
from optkit.spec.metrics import Task

Array = npt.NDArray[Any]

LABEL_FORMS: dict[Task, str] = {
    "multiclass": "class numbers from 0, (samples,); or one row a sample with a single 1, (samples, classes)",
    "binary": "0 or 1, (samples,)",
    "multilabel": "0 or 1 for each label, (samples, labels)",
    "regression": "numbers, (samples,) or (samples, outputs)",
    "sequence": "class numbers from 0, (samples, steps)",
    "reconstruction": "none (a sample is its own target), 0 (normal) or 1, (samples,), or targets like samples",
}


_LARGEST_CLASS = 2**31 - 1


def numbers(place: str, array: Any, text: str = "such as ids of words") -> Array:
    """Return `array` as numpy has it. Raises DataError, naming `place`, unless it holds finite numbers.

    `text` says what becomes of text.
    """
    try:
        found = np.asarray(array)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{place} is no array of numbers ({str(error).splitlines()[0]}); make all rows alike"
        ) from error
    if found.dtype.kind in "US":
        raise DataError(f"{place} holds text (dtype {found.dtype}); turn it into numbers first, {text}")
    if found.dtype.kind == "O":
        raise DataError(f"{place} holds Python objects, such as texts or rows of different lengths; expected numbers")
    if found.dtype.kind not in "biuf":
        raise DataError(f"{place} has dtype {found.dtype}; expected whole or floating-point numbers")
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        bad = int(np.sum(~np.isfinite(found)))
        places = "1 place" if bad == 1 else f"{bad:,} places"
        raise DataError(f"{place} of shape {found.shape} holds NaN or infinity in {places}; clean the data first")
    return found


def clean_labels(place: str, y: Any, samples_shape: tuple[int, ...], task: Task) -> Array:
    """Return the labels `y` of samples of `samples_shape` in the one form of `task`; `place` names them in errors.

    multiclass and binary: int64 (samples,); multilabel: int64 (samples, labels); sequence: int64 (samples, steps);
    regression: float32 (samples,) or (samples, outputs); reconstruction: int64 (samples,), float32 as the samples, or
    empty. Raises DataError when they have another form, another length than the samples, or values that cannot be.
    """
    found = numbers(place, y)
    if task == "reconstruction" and found.size == 0:
        return np.empty(0, np.int64)
    if found.ndim == 0 or len(found) != samples_shape[0]:
        raise DataError(
            f"{place} has shape {found.shape} and its samples {samples_shape}; expected as many labels as samples"
        )
    if found.ndim == 2 and found.shape[1] == 1 and task not in ("multilabel", "sequence"):
        found = found[:, 0]
    return _CLEAN[task](place, found, samples_shape)


def check_classes(place: str, y: Array, classes: int) -> None:
    """Raise DataError when a class number in `y` is beyond the `classes` that a model knows."""
    if y.size and int(y.max()) >= classes:
        raise DataError(
            f"{place} holds class {int(y.max())}, and the model has {classes} classes; expected labels from 0 to "
            f"{classes - 1}"
        )


def _wrong(place: str, y: Array, task: Task) -> DataError:
    return DataError(f"{place} has shape {y.shape}; expected for task {task}: {LABEL_FORMS[task]}")


def _class_numbers(place: str, y: Array, task: Task) -> Array:
    whole = y if y.dtype.kind in "bui" else np.floor(y)
    if not np.array_equal(whole, y):
        raise DataError(f"{place} holds {_odd(y, whole != y)}; expected for task {task}: {LABEL_FORMS[task]}")
    if y.size and y.min() < 0:
        raise DataError(f"{place} holds {_odd(y, y < 0)}; expected for task {task}: {LABEL_FORMS[task]}")
    if y.size and y.max() > _LARGEST_CLASS:  # beyond int64 it would become another class
        raise DataError(f"{place} holds {_odd(y, y > _LARGEST_CLASS)}; expected for task {task}: {LABEL_FORMS[task]}")
    return y.astype(np.int64)


def _odd(y: Array, where: Array) -> str:
    return f"{y[where].flat[0]!s} ({int(where.sum())} such labels)"


def _multiclass(place: str, y: Array, _: tuple[int, ...]) -> Array:
    if y.ndim == 2:
        rows = _zero_one(place, y, "multiclass")
        if not (rows.sum(axis=1) == 1).all():
            raise _wrong(place, y, "multiclass")
        return np.asarray(rows.argmax(axis=1), np.int64)
    if y.ndim != 1:
        raise _wrong(place, y, "multiclass")
    return _class_numbers(place, y, "multiclass")


def _zero_one(place: str, y: Array, task: Task) -> Array:
    outside = (y != 0) & (y != 1)
    if outside.any():
        raise DataError(f"{place} holds {_odd(y, outside)}; expected for task {task}: {LABEL_FORMS[task]}")
    return y.astype(np.int64)


def _binary(place: str, y: Array, _: tuple[int, ...]) -> Array:
    if y.ndim != 1:
        raise _wrong(place, y, "binary")
    return _zero_one(place, y, "binary")


def _multilabel(place: str, y: Array, _: tuple[int, ...]) -> Array:
    if y.ndim != 2:
        raise _wrong(place, y, "multilabel")
    return _zero_one(place, y, "multilabel")


def _regression(place: str, y: Array, _: tuple[int, ...]) -> Array:
    if y.ndim not in (1, 2):
        raise _wrong(place, y, "regression")
    return y.astype(np.float32)


def _sequence(place: str, y: Array, _: tuple[int, ...]) -> Array:
    if y.ndim != 2:
        raise _wrong(place, y, "sequence")
    return _class_numbers(place, y, "sequence")


def _reconstruction(place: str, y: Array, samples_shape: tuple[int, ...]) -> Array:
    if y.ndim == 1:
        return _zero_one(place, y, "reconstruction")
    if y.shape != samples_shape:
        raise DataError(
            f"{place} has shape {y.shape} and its samples {samples_shape}; expected for task reconstruction: "
            f"{LABEL_FORMS['reconstruction']}"
        )
    return y.astype(np.float32)


_CLEAN: dict[Task, Callable[[str, Array, tuple[int, ...]], Array]] = {
    "multiclass": _multiclass,
    "binary": _binary,
    "multilabel": _multilabel,
    "regression": _regression,
    "sequence": _sequence,
    "reconstruction": _reconstruction,
}
