"""The largest drop that a first suite file allows, in the metric's own unit, and why so much.

A metric that is a fraction may fall by 2 points. An error has no such scale of its own, so it is taken from the data:
what the best constant answer has for an error. 2 % of that, in the mean squared error, is 2 points of R². When the
model's own error is known, a tenth of it is allowed at least.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.data import Dataset

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
        return FRACTION, f"{metric} may fall by {FRACTION:g}"
    error, answer = _CONSTANT[metric]
    known = dataset.labelled and not (dataset.task == "reconstruction" and dataset.y_test.ndim == 1)
    targets = dataset.y_test if known else next(iter(dataset.inputs("test").values()))
    scale = error(np.asarray(targets, np.float64))
    if not scale > 0:
        return None, f"no drop in {metric} is allowed for yet: all test targets are the same, so they give no scale"
    bound, why = FRACTION * scale, f"{FRACTION:.0%} of what always answering {answer} has, {scale:.3g}"
    if own is not None and _OWN * own > bound:
        bound, why = _OWN * own, f"a tenth of what the model itself has, {own:.3g}"
    else:
        why += f" (the model itself has {own:.3g})" if own is not None else " (optkit bench measures the model itself)"
    digits = 1 - math.floor(math.log10(bound))
    factor = 10.0**digits
    return math.ceil(bound * factor - 1e-9) / factor, f"drop: {metric} may grow by {why}"
