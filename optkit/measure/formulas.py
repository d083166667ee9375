"""The formulas of metrics: from labels and outputs to what is kept of each sample, and from that to the metric.

Law: the metric is a function of what is kept and of nothing else, so that a saved record gives it again, and any
resampling of it. Arrays in, arrays and numbers out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import OptkitError
from optkit.spec.metrics import TASK_METRICS, Task

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Case:
    """Labels and outputs of a test set for one task, checked: `checked_case`.

    `labels` as `data.labels.clean_labels` gives them; `outputs` float64, of one shape for each task: multiclass
    (samples, classes), binary (samples,), multilabel and regression as the labels, sequence (samples, steps, classes),
    reconstruction as `inputs`. `groups`, (samples,), says which samples are judged as one.
    """

    task: Task
    labels: Array
    outputs: Array
    inputs: Array | None = None
    groups: Array | None = None


def checked_case(task: Task, labels: Any, outputs: Any, inputs: Any = None, groups: Array | None = None) -> Case:
    """Return labels and outputs in the form of a `Case`. Raises OptkitError when they do not go together."""
    y, out = np.asarray(labels), np.asarray(outputs)
    if out.dtype.kind not in "biuf":
        raise OptkitError(f"the outputs have dtype {out.dtype}; expected numbers")
    if out.dtype.kind == "f" and not np.isfinite(out).all():
        bad = int((~np.isfinite(out.reshape(len(out), -1))).any(axis=1).sum())
        raise OptkitError(
            f"the outputs of {bad} of {len(out)} samples hold NaN or infinity; look for the layer that gives them, or "
            "try another conversion"
        )
    wanted = _wanted(task, y, out, inputs)
    if out.size == 0 or wanted is None or out.size != int(np.prod(wanted)) or len(out) != wanted[0]:
        shape = f"{np.shape(inputs)} of the samples" if task == "reconstruction" else f"labels {y.shape}"
        raise OptkitError(f"outputs of shape {out.shape} do not go with task {task} and {shape}; {_GOES_WITH[task]}")
    out = out.reshape(wanted).astype(np.float64)
    if task in ("multiclass", "sequence") and int(y.max()) >= wanted[-1]:
        raise OptkitError(f"labels go to {int(y.max())}, and there are {wanted[-1]} outputs; expected one a class")
    return Case(task, y, out, None if inputs is None else np.asarray(inputs), groups)


_GOES_WITH: dict[Task, str] = {
    "multiclass": "expected (samples, classes) with labels (samples,)",
    "binary": "expected one output a sample; a model with two is multiclass",
    "multilabel": "expected one output a label",
    "regression": "expected one output a label",
    "sequence": "expected (samples, steps, classes) with labels (samples, steps)",
    "reconstruction": "expected outputs of the shape of the samples",
}


def _wanted(task: Task, y: Array, out: Array, inputs: Any) -> tuple[int, ...] | None:
    """Return the shape that outputs must have, axes of size 1 aside; None when nothing goes with these labels."""
    if task == "reconstruction":
        return None if inputs is None or isinstance(inputs, dict) else np.shape(inputs)
    if not out.size or not y.size:
        return None
    if task == "multiclass":
        classes = out.size // len(out)
        return (len(y), classes) if y.ndim == 1 and classes > 1 and classes in out.shape else None
    if task == "sequence":
        inner = out.size // max(1, y.size)
        return (*y.shape, inner) if y.ndim == 2 and out.ndim >= 3 and out.shape[1] == y.shape[1] else None
    return y.shape


# What is kept of each sample.


def right(case: Case) -> Array:
    """Return which samples are right, bool (samples,); of a sequence the share of its steps, float32."""
    found = predicted(case) == case.labels
    if case.task == "sequence":
        return np.asarray(found.mean(axis=1), np.float32)
    return np.asarray(found.all(axis=1) if found.ndim == 2 else found)


def right_labels(case: Case) -> Array:
    """Return the share of its labels that are right for each sample, float32 (samples,)."""
    return np.asarray((predicted(case) == case.labels).mean(axis=1), np.float32)


def in_top(case: Case, count: int = 5) -> Array:
    """Return whether the class of a sample is among its `count` largest outputs, bool (samples,). The first of ties."""
    own = np.take_along_axis(case.outputs, case.labels[:, None], axis=1)
    before = np.arange(case.outputs.shape[1]) < case.labels[:, None]
    rank = (case.outputs > own).sum(axis=1) + ((case.outputs == own) & before).sum(axis=1)
    return np.asarray(rank < count)


def predicted(case: Case) -> Array:
    """Return the predicted class numbers, or 0 and 1 from 0.5 on, int64, of the labels' shape."""
    if case.task in ("multiclass", "sequence"):
        return np.asarray(case.outputs.argmax(axis=-1), np.int64)
    return (case.outputs >= 0.5).astype(np.int64)


def labels_and_predicted(case: Case) -> Array:
    """Return labels, then predictions, float32 (samples, columns)."""
    return _columns(case.labels, predicted(case))


def labels_and_outputs(case: Case) -> Array:
    """Return labels, then outputs, float32 (samples, columns); of a reconstruction label and error of each group."""
    if case.task != "reconstruction":
        return _columns(case.labels, case.outputs)
    if case.labels.ndim != 1 or len(case.labels) != len(case.outputs):
        raise OptkitError(
            f"auc of a reconstruction needs a label 0 (normal) or 1 for each sample; the labels have shape "
            f"{case.labels.shape}; add them, or use mse"
        )
    assert case.inputs is not None
    errors = _by_sample((case.outputs - case.inputs) ** 2)
    if case.groups is None:
        return _columns(case.labels, errors)
    _, first, which = np.unique(case.groups, return_index=True, return_inverse=True)
    which = which.reshape(-1)  # numpy 2.0 gave it the shape of what it was made from
    return _columns(case.labels[first], np.bincount(which, errors) / np.bincount(which))


def squared_errors(case: Case) -> Array:
    """Return the mean squared error of each sample, float32 (samples,)."""
    return _by_sample((case.outputs - _target(case)) ** 2).astype(np.float32)


def squared_errors_of_outputs(case: Case) -> Array:
    """Return the squared error of each output, float32 (samples, outputs); of a reconstruction that of each sample."""
    if case.task == "reconstruction":
        return squared_errors(case)[:, None]
    return ((case.outputs - case.labels) ** 2).reshape(len(case.labels), -1).astype(np.float32)


def squared_errors_and_labels(case: Case) -> Array:
    """Return the squared errors of all outputs, then the labels, float32 (samples, columns)."""
    return _columns(squared_errors_of_outputs(case), case.labels)


def absolute_errors(case: Case) -> Array:
    """Return the mean absolute error of each sample, float32 (samples,)."""
    return _by_sample(np.abs(case.outputs - _target(case))).astype(np.float32)


def _target(case: Case) -> Array:
    """Return what the outputs should be: the labels; of a reconstruction the samples, unless the labels are targets."""
    if case.task != "reconstruction" or (case.labels.size and case.labels.shape == case.outputs.shape):
        return case.labels
    assert case.inputs is not None
    return case.inputs


def _by_sample(values: Array) -> Array:
    return np.asarray(values.reshape(len(values), -1).mean(axis=1))


def _columns(*parts: Array) -> Array:
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1).astype(np.float32)


# From what is kept to the metric. Each takes an array (samples, ...) and returns NaN where it is not defined.


def mean(kept: Array) -> float:
    """Return the mean of the scores (samples,)."""
    return float(np.mean(kept, dtype=np.float64))


def roots(kept: Array) -> float:
    """Return the mean over outputs of the root of the mean squared error. `kept`: (samples, outputs)."""
    return float(np.sqrt(kept.mean(axis=0, dtype=np.float64)).mean())


def explained(kept: Array) -> float:
    """Return the mean over outputs of 1 - (squared errors) / (squared deviations of the labels from their mean).

    `kept`: squared errors, then labels. NaN when all labels of an output are equal.
    """
    errors, y = np.split(kept.astype(np.float64), 2, axis=1)
    around = ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    return float(np.mean(1 - errors.sum(axis=0) / around)) if (around > 0).all() else float("nan")


def area(labels: Array, scores: Array) -> float:
    """Return the area under the ROC curve: how often a positive scores above a negative, ties counting half.

    Hanley and McNeil 1982, Radiology 143:29-36. NaN unless there are both positives and negatives.
    """
    positive = labels > 0.5
    above, below = np.sort(scores[positive]), np.sort(scores[~positive])
    if not len(above) or not len(below):
        return float("nan")
    beaten = np.searchsorted(below, above, "left").sum() + np.searchsorted(below, above, "right").sum()
    return float(beaten / 2 / (len(above) * len(below)))


def area_of_one(kept: Array) -> float:
    """Return `area` of two columns: label and score."""
    return area(kept[:, 0], kept[:, 1])


def area_of_labels(kept: Array) -> float:
    """Return the mean `area` of the labels that have positives and negatives. `kept`: labels, then scores."""
    labels, scores = np.split(kept, 2, axis=1)
    return _mean_of_defined([area(labels[:, i], scores[:, i]) for i in range(labels.shape[1])])


def area_of_classes(kept: Array) -> float:
    """Return the mean `area` of each class that occurs against the rest. `kept`: class number, then all scores."""
    return _mean_of_defined([area(kept[:, 0] == i, kept[:, 1 + i]) for i in range(kept.shape[1] - 1)])


def _mean_of_defined(values: list[float]) -> float:
    defined = [value for value in values if value == value]
    return sum(defined) / len(defined) if defined else float("nan")


def f1_of_one(kept: Array) -> float:
    """Return F1 of class 1 from two columns, label and prediction; 0 when class 1 is in neither."""
    return float(_f1(kept[:, :1], kept[:, 1:])[0])


def f1_of_labels(kept: Array) -> float:
    """Return the mean F1 of the labels. `kept`: labels, then predictions."""
    return float(_f1(*np.split(kept, 2, axis=1)).mean())


def f1_of_classes(kept: Array) -> float:
    """Return the mean F1 of the classes that are labels or predictions. `kept`: label, prediction."""
    labels, found = kept.astype(np.int64).T
    size = int(kept.max()) + 1
    hits = np.bincount(labels[labels == found], minlength=size)
    both = np.bincount(labels, minlength=size) + np.bincount(found, minlength=size)
    return float((2 * hits[both > 0] / both[both > 0]).mean())


def _f1(labels: Array, found: Array) -> Array:
    both = (labels + found).sum(axis=0, dtype=np.float64)
    return np.where(both > 0, 2 * (labels * found).sum(axis=0, dtype=np.float64) / np.maximum(both, 1), 0.0)


Keep = Callable[[Case], Array]
Value = Callable[[Array], float]

FORMULAS: dict[tuple[str, Task], tuple[Keep, Value]] = {
    **{("accuracy", task): (right, mean) for task in TASK_METRICS["accuracy"].tasks},
    ("label_accuracy", "multilabel"): (right_labels, mean),
    ("top5", "multiclass"): (in_top, mean),
    ("auc", "binary"): (labels_and_outputs, area_of_one),
    ("auc", "reconstruction"): (labels_and_outputs, area_of_one),
    ("auc", "multilabel"): (labels_and_outputs, area_of_labels),
    ("auc", "multiclass"): (labels_and_outputs, area_of_classes),
    ("f1", "binary"): (labels_and_predicted, f1_of_one),
    ("f1", "multilabel"): (labels_and_predicted, f1_of_labels),
    ("f1", "multiclass"): (labels_and_predicted, f1_of_classes),
    **{("mse", task): (squared_errors, mean) for task in TASK_METRICS["mse"].tasks},
    **{("mae", task): (absolute_errors, mean) for task in TASK_METRICS["mae"].tasks},
    **{("rmse", task): (squared_errors_of_outputs, roots) for task in TASK_METRICS["rmse"].tasks},
    ("r2", "regression"): (squared_errors_and_labels, explained),
}
"""For each metric and task: what is kept of each sample, and the metric of that."""
