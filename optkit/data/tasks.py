"""Work out from a model and its labels what the task is, and say why."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import DataError
from optkit.spec.metrics import TASKS, Task

Array = npt.NDArray[Any]
_SAY = f"say which it is: task = one of {', '.join(TASKS)}"


def work_out_task(
    output_shape: tuple[int, ...],
    last_activation: str | None,
    labels: Array | None,
    *,
    input_shape: tuple[int, ...] | None = None,
) -> tuple[Task, str]:
    """Return the task of a model and the reason, a sentence, from what it gives and what the labels look like.

    `output_shape` and `input_shape` are those of one sample. `last_activation` is a name such as `softmax`, `sigmoid`
    or `linear`, or None when it is not known. `labels`: (samples, ...), or None when there are none. Raises DataError
    when nothing fits, with both shapes.
    """
    mirrors = input_shape is not None and tuple(output_shape) == tuple(input_shape)
    if labels is None or labels.size == 0:
        if mirrors:
            return "reconstruction", f"the output has the shape of the input, {output_shape}, and there are no labels"
        raise DataError(
            f"there are no labels to test with, and the output of shape {output_shape} is no reconstruction; add y_test"
        )
    y = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    whole = y.dtype.kind in "bui" or bool(np.array_equal(np.floor(y), y))
    outputs = tuple(size for size in output_shape if size != 1) or (1,)
    of_labels = f"labels of shape {y.shape}"
    if mirrors and len(output_shape) and _mirrored(y, whole, labels, output_shape, last_activation):
        return "reconstruction", f"the output has the shape of the input, {output_shape}, with {of_labels}"
    if not whole:
        return _of_numbers(y, outputs)
    if outputs == (1,) and y.ndim == 1:
        return _of_one_output(y, last_activation)
    if len(outputs) == 1 and y.ndim == 1:
        return _of_classes(y, outputs[0], last_activation)
    if len(outputs) == 1 and y.shape[1:] == outputs:
        return _of_matrix(y, outputs[0], last_activation)
    if len(outputs) == 2 and y.shape[1:] == outputs[:1]:
        return "sequence", f"{outputs[0]} steps of {outputs[1]} outputs, and a class number for each step"
    raise DataError(f"labels of shape {labels.shape} do not go with outputs of shape {output_shape}; {_SAY}")


def _mirrored(y: Array, whole: bool, labels: Array, output_shape: tuple[int, ...], activation: str | None) -> bool:
    """Tell whether labels are targets shaped as the output, or 0 and 1 for whole samples of a model without softmax."""
    if labels.shape[1:] == tuple(output_shape) and not whole:
        return True
    zero_one = whole and y.ndim == 1 and bool(((y == 0) | (y == 1)).all())
    return zero_one and activation != "softmax" and int(np.prod(output_shape)) > 2


def _of_numbers(y: Array, outputs: tuple[int, ...]) -> tuple[Task, str]:
    width = y.shape[1:] or (1,)
    if y.ndim <= 2 and width == outputs:
        return "regression", f"labels of shape {y.shape} hold fractions, as many as there are outputs"
    raise DataError(f"labels of shape {y.shape} hold fractions, and the outputs have shape {outputs}; {_SAY}")


def _of_one_output(y: Array, activation: str | None) -> tuple[Task, str]:
    if ((y == 0) | (y == 1)).all():
        return "binary", "one output, and labels that are 0 or 1"
    if activation in ("sigmoid", "softmax"):
        raise DataError(
            f"one output that ends in {activation}, and labels from {y.min():g} to {y.max():g}; expected labels 0 "
            f"or 1, or {_SAY}"
        )
    return "regression", f"one output, and labels from {y.min():g} to {y.max():g}"


def _of_classes(y: Array, outputs: int, activation: str | None) -> tuple[Task, str]:
    if y.min() < 0 or y.max() >= outputs:
        raise DataError(
            f"labels go from {y.min():g} to {y.max():g}, and there are {outputs} outputs; expected class numbers from "
            f"0 to {outputs - 1}, or {_SAY}"
        )
    end = f" that end in {activation}" if activation else ""
    return "multiclass", f"{outputs} outputs{end}, and one class number a sample"


def _of_matrix(y: Array, outputs: int, activation: str | None) -> tuple[Task, str]:
    if not ((y == 0) | (y == 1)).all():
        return "regression", f"{outputs} outputs, and as many labels a sample, from {y.min():g} to {y.max():g}"
    one_each = bool((y.sum(axis=1) == 1).all())
    if one_each and activation != "sigmoid":
        return "multiclass", f"{outputs} outputs, and one 1 among as many labels a sample"
    return "multilabel", f"{outputs} outputs, and as many labels that are 0 or 1 a sample"
