"""What a range costs: the mean squared error of the values that were seen, in it and in others."""

from __future__ import annotations

import numpy as np

from optkit.convert.calibration import squared_error
from optkit.doctor.layer_errors import Seen
from optkit.tflite.view import Form

FIXED_SCALE = ("SOFTMAX", "LOGISTIC", "LOG_SOFTMAX", "TANH", "L2_NORMALIZATION")
"""Operators whose output has the scale that LiteRT's quantization specification says, whatever is calibrated."""
_SHRUNK = np.geomspace(1.0, 1 / 256, 25)


def range_errors(one: Seen, form: Form) -> dict[str, float]:
    """Return the mean squared error of the seen values in the range as it is, from min to max, and in the best one.

    The best is the least of ranges that are min to max with both ends, or one, drawn in.
    """
    kept, extremes = one.values.astype(np.float64), one.calls.reshape(-1)
    values = np.concatenate([kept, extremes])  # of each call the extremes are known, and of the others a sample
    weights = np.concatenate([np.full(len(kept), float(one.sums[0]) / len(kept)), np.ones(len(extremes))])
    levels = 2 ** (8 if "8" in form.dtype else 16)
    low, high = min(one.low, 0.0), max(one.high, 0.0)
    ends = [(low * a, high * b) for a in _SHRUNK for b in (a, 1.0)] + [(low, high * a) for a in _SHRUNK]
    errors = [squared_error(values, weights, range_, levels) for range_ in ends]
    now = squared_error(values, weights, (min(form.low, 0.0), max(form.high, 0.0)), levels)
    tiny = 1e-12 * float(np.mean(kept**2)) + 1e-300
    return {"now": now, "min_max": max(errors[0], tiny), "best": max(min(errors), tiny)}
