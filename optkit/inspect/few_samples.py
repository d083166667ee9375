"""Whether ranges were calibrated on too few samples, and how many would do."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from optkit.inspect.explanation import SOURCES, Explanation
from optkit.inspect.layer_errors import Seen
from optkit.inspect.ranges import FIXED_SCALE, range_errors
from optkit.tflite.view import Form

Floats = npt.NDArray[np.float64]
BEYOND = 0.02
"""A range was calibrated on too few samples when what is seen goes beyond it by this share of it, in most layers."""
_MOST = 0.5
_LEAST_LAYERS = 3
_NEARLY_ALL = 0.95


def few_samples(seen: Sequence[Seen]) -> list[Explanation]:
    """Return the one cause of the whole file, or nothing: ranges that most layers go beyond, and that do harm."""
    inner = [one for one in seen if one.layer.form and one.layer.kind not in ("INPUT", *FIXED_SCALE)]
    beyond = {one.layer.name: _beyond(one, one.layer.form) for one in inner if one.layer.form}
    some = {one.layer.name: one.layer.form is not None and _holds_some(one, one.layer.form) for one in inner}
    hit = [name for name, share in beyond.items() if share > BEYOND and some[name]]
    if len(inner) < _LEAST_LAYERS or len(hit) <= _MOST * len(inner):
        return []
    harmed = [one for one in inner if one.layer.form and _harmed(one, one.layer.form)]
    if len(harmed) <= _MOST * len(hit):  # a calibration that clips on purpose gains by it
        return []
    need, there = samples_needed(inner), len(inner[0].calls)
    told = f"about {need}" if need < there else f"more than the {there} that were looked at"
    evidence = (
        f"{len(hit)} of {len(inner)} layers give values beyond their range, by up to {max(beyond.values()):.0%} of it; "
        f"{told} samples would cover 99 % of the ranges that {there} samples have"
    )
    figures = {"layers": len(hit), "of": len(inner), "beyond": max(beyond.values()), "samples": need}
    remedy = f"calibrate on more samples: calibration_samples = {need}"
    return [
        Explanation(
            layer="",
            cause="few_samples",
            evidence=evidence,
            figures={name: float(value) for name, value in figures.items()},
            source=SOURCES["few_samples"],
            remedy=remedy,
        )
    ]


def _beyond(one: Seen, form: Form) -> float:
    return max(one.high - form.high, form.low - one.low, 0.0) / (form.high - form.low or 1.0)


def _holds_some(one: Seen, form: Form) -> bool:
    """Tell whether each end of the range holds some samples, as one that came from samples does."""
    above, below = one.calls[:, 1] > form.high, one.calls[:, 0] < form.low
    return bool(above.mean() < _NEARLY_ALL and below.mean() < _NEARLY_ALL)


def _harmed(one: Seen, form: Form) -> bool:
    ranges = range_errors(one, form)
    return ranges["now"] > ranges["min_max"]


def samples_needed(seen: Sequence[Seen], covered: float = 0.99, draws: int = 20) -> int:
    """Return how many samples' ranges cover this share of all samples' ranges, on average over layers and draws."""
    there = len(seen[0].calls)
    rng = np.random.default_rng(0)
    orders = [rng.permutation(there) for _ in range(draws)]
    size = 1
    while size < there:
        shares = [_covered(one.calls, order[:size]) for one in seen for order in orders]
        if float(np.mean(shares)) >= covered:
            return size
        size = max(size + 1, math.ceil(1.5 * size))
    return there


def _covered(calls: Floats, chosen: npt.NDArray[np.int64]) -> float:
    span = float(calls[:, 1].max() - calls[:, 0].min())
    some = calls[chosen]
    return float(some[:, 1].max() - some[:, 0].min()) / span if span else 1.0
