"""The largest drop that a first suite file allows, in the metric's own unit, and why so much.

A metric that is a fraction may fall by 2 points. An error has no such scale of its own, so it is taken from the data:
what the best constant answer has for an error. 2 % of that, in the mean squared error, is 2 points of R². When the
model's own error is known, a tenth of it is allowed at least. With few test samples a fraction has more room: chance
alone moves it.

A recipe that trains is another thing: how much it loses, only a run shows. It may fall half of the way to the best
constant answer, so that the first gate stops a collapse and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.data import Dataset
from optkit.data.dataset import count

FRACTION = 0.02
_OWN = 0.1
Array = npt.NDArray[Any]


def _squares(targets: Array) -> float:
    return float(np.mean((targets - targets.mean(axis=0)) ** 2))


def _deviations(targets: Array) -> float:
    return float(np.mean(np.abs(targets - np.median(targets, axis=0))))


_CONSTANT: dict[str, tuple[Callable[[Array], float], str]] = {
    "mse": (_squares, "the mean"),
    "rmse": (lambda targets: math.sqrt(_squares(targets)), "the mean"),
    "mae": (_deviations, "the median"),
}
"""For each error, what the best constant answer has, and which answer that is."""


def loose_drop(metric: str, dataset: Dataset, own: float | None) -> tuple[float | None, str]:
    """Return how much worse than the baseline a variant may be, in the metric's unit, and the reason, a sentence.

    `own` is the metric of the user's model itself, when it was measured. None when the data give no scale: the
    targets are all the same.
    """
    if metric not in _CONSTANT:
        return _fraction(metric, count(dataset.x_test))
    _, answer = _CONSTANT[metric]
    scale = _constant_error(metric, dataset)
    if not scale > 0:
        return None, f"no drop in {metric} is allowed for yet: all test targets are the same, so they give no scale"
    bound, why = FRACTION * scale, f"{FRACTION:.0%} of what always answering {answer} has, {scale:.3g}"
    if own is not None and _OWN * own > bound:
        bound, why = _OWN * own, f"a tenth of what the model itself has, {own:.3g}"
    else:
        why += f" (the model itself has {own:.3g})" if own is not None else " (optkit bench measures the model itself)"
    return _rounded_up(bound), f"drop: {metric} may grow by {why}"


def collapse(metric: str, dataset: Dataset) -> tuple[float, str] | None:
    """Return how much a variant that trains may lose at first, and in words what that is; None: the data do not say.

    It is half of what lies between a model without an error and the best constant answer.
    """
    if metric in _CONSTANT:
        _, answer = _CONSTANT[metric]
        scale = _constant_error(metric, dataset)
        return (_rounded_up(scale / 2), f"half of what always answering {answer} has") if scale > 0 else None
    if metric == "accuracy" and dataset.labelled:
        share = _largest_share(dataset)
        return (_rounded_up((1 - share) / 2), f"half of the way to always giving one answer ({share:.3g})")
    return 0.25, "half of the way to guessing"


def _fraction(metric: str, samples: int) -> tuple[float, str]:
    """Return 2 points, or with few samples two standard errors of the difference when 1 of 20 answers changes."""
    chance = 2 * math.sqrt(0.05 / samples) if samples else 0.0
    if chance <= FRACTION:
        return FRACTION, f"{metric} may fall by {FRACTION:g}"
    bound = math.ceil(1000 * chance) / 1000
    return bound, f"drop: {metric} may fall by {bound:g}: with {samples:,} test samples chance alone moves it so far"


def _constant_error(metric: str, dataset: Dataset) -> float:
    known = dataset.labelled and not (dataset.task == "reconstruction" and dataset.y_test.ndim == 1)
    targets = dataset.y_test if known else next(iter(dataset.inputs("test").values()))
    return _CONSTANT[metric][0](np.asarray(targets, np.float64))


def _largest_share(dataset: Dataset) -> float:
    """Return the accuracy of the best constant answer: of several labels a sample, all of them have to be right."""
    labels = np.asarray(dataset.y_test)
    labels = labels.reshape(len(labels), -1) if dataset.task == "multilabel" else labels.reshape(-1, 1)
    return float(np.unique(labels, axis=0, return_counts=True)[1].max() / len(labels))


def _rounded_up(bound: float) -> float:
    """Return `bound` with two significant digits, never less than it is."""
    digits = 1 - math.floor(math.log10(bound)) if bound > 0 else 0
    factor = 10.0**digits
    return math.ceil(bound * factor - 1e-9) / factor
