"""Whether ranges were calibrated on too few samples, and how many would do.

Of a range that is from the least to the largest value of k samples, other samples go beyond each end. How many do is
known without any assumption on the values: it depends on k alone. So how many go beyond the ends of all layers tells
ranges of few samples from those of many, from one layer whose range is wrong, and from ranges that clip on purpose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from optkit.convert.calibration import squared_error
from optkit.doctor.explanation import SOURCES, Explanation
from optkit.doctor.layer_errors import Seen
from optkit.doctor.ranges import FIXED_SCALE, range_errors
from optkit.doctor.sweep import Sweep

Floats = npt.NDArray[np.float64]
_LEAST_LAYERS = 2
"""Of one layer nobody can tell few samples from a range that is wrong for another reason."""
_FEW = 0.25
"""A calibration was on few samples when it was on fewer than this share of those that are looked at."""
_MOST_TIMES = 10
_SAME = 0.01
_HALF = 0.5
"""An end says nothing when half of all samples reach it, to `_SAME` of the range: a ReLU6, or pixels up to 1."""
_LIKELIER = 1.0
"""By what logarithm, a layer, ranges that clip on purpose must be likelier: a small sample is small in all layers."""
ENOUGH_DB = 3.0
"""Ranges of enough samples lose at most so many decibels against those of all that were looked at: half a bit."""
_DRAWS, _SURE = 10, 0.9
_KEPT = 4000


def few_samples(seen: Sequence[Seen], found: Sweep, per_call: int = 1) -> list[Explanation]:
    """Return the one cause of the whole file, or nothing.

    It is told when the ranges look like those of few samples, and one of them, which is too narrow for what is seen,
    costs most at the output. `per_call`: samples in a call.
    """
    calibrated = [one for one in seen if one.layer.form and one.layer.kind not in FIXED_SCALE]
    layers = [one for one in calibrated if _ends(one)]
    worst = next((one for one in calibrated if found.costs and one.layer.number == found.costs[0].number), None)
    if len(layers) < _LEAST_LAYERS or worst is None or found.costs[0].worst_part != "activation":
        return []
    form = worst.layer.form
    assert form
    ranges = range_errors(worst, form)
    like = looks_like([_beyond(one) for one in layers], len(worst.calls))
    if like is None or ranges["now"] <= ranges["min_max"]:  # a calibration that clips on purpose gains by it
        return []
    need, extrapolated = samples_needed(layers)
    need = max(need, like + 1) * per_call  # as these do harm, more are needed
    share = float(np.median([max(_beyond(one)) for one in layers])) / len(worst.calls)
    there, like = len(worst.calls) * per_call, like * per_call
    hit = sum(max(_beyond(one)) > 0 for one in layers)
    evidence = (
        f"{hit} of {len(layers)} layers give values beyond their range, for {share:.0%} of the samples in the middle "
        f"layer, as when {like} {'sample was' if like == 1 else 'samples were'} calibrated on; about {need} samples "
        f"would do: with their ranges hardly any layer loses {ENOUGH_DB:g} dB against those of {there}"
        f"{' (extrapolated)' if extrapolated else ''}"
    )
    figures = {"layers": hit, "of": len(layers), "beyond": share, "like": like, "samples": need, "seen": there}
    return [
        Explanation(
            layer="",
            cause="few_samples",
            evidence=evidence,
            figures={name: float(value) for name, value in figures.items()},
            source=SOURCES["few_samples"],
            remedy=f"calibrate on more samples: calibration_samples = {need}",
        )
    ]


def _ends(one: Seen) -> list[tuple[Floats, float]]:
    """Return the ends of a range that tell something: each sample's extreme, and what the range holds, both upwards."""
    form = one.layer.form
    assert form
    span = max(one.high, 0.0) - min(one.low, 0.0)
    both = [(-one.calls[:, 0], -form.low + form.scale / 2), (one.calls[:, 1], form.high + form.scale / 2)]
    return [
        (values, held) for values, held in both if np.mean(values >= values.max() - _SAME * span) < 0.5 * (span > 0)
    ]


def _beyond(one: Seen) -> list[int]:
    """Return how many samples go beyond each end."""
    return [int((values > held).sum()) for values, held in _ends(one)]


def looks_like(beyond: Sequence[Sequence[int]], there: int) -> int | None:
    """Return how many samples the ranges of layers look like, when that is few; None when something else is likelier.

    `beyond`: for each layer, how many of the samples that are `there` go beyond each end of its range. The others are:
    many samples, with some layers whose ranges are anything (each as likely as one in twice the number of layers); and
    ranges that clip on purpose, beyond which nearly every sample goes.
    """
    few = [k for k in _counts(1, there) if k <= max(1, _FEW * there)]
    many = _counts(max(1, int(_FEW * there)) + 1, _MOST_TIMES * there)
    anything = -math.log(there + 1) - math.log(2 * len(beyond))

    def of_all(k: int, least: float, turned: bool = False) -> float:
        return sum(
            max(least, float(np.mean([_log_probability(there - m if turned else m, there, k) for m in ends])))
            for ends in beyond
        )

    best = max(few, key=lambda k: of_all(k, -math.inf))
    some_wrong = max(of_all(k, anything) for k in many)
    on_purpose = max(of_all(k, -math.inf, turned=True) for k in _counts(2, there)) - _LIKELIER * len(beyond)
    return best if of_all(best, -math.inf) > max(some_wrong, on_purpose) else None


def _counts(least: int, most: int) -> list[int]:
    return sorted({round(k) for k in np.geomspace(least, max(least, most), 40)})


def _log_probability(beyond: int, there: int, k: int) -> float:
    """Return how likely it is that just so many of `there` samples are larger than the largest of k others.

    All orders of the k and the others are equally likely, so it is C(there - beyond + k - 1, k - 1) / C(there + k, k).
    """
    return _log_choose(there - beyond + k - 1, k - 1) - _log_choose(there + k, k)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def samples_needed(layers: Sequence[Seen]) -> tuple[int, bool]:
    """Return how many samples give ranges about as good as all that were seen, and whether that is extrapolated.

    The squared error in the ranges of growing subsets, drawn by a seed, is compared with that in the ranges of all. A
    size is enough when in nine of ten draws no layer loses more than `ENOUGH_DB`. Where half of the samples do not
    suffice, what is lost is taken to shrink as one over their number, as the chance of a larger value does.
    """
    there = len(layers[0].calls)
    sizes = [2**n for n in range(there.bit_length()) if 2 ** (n + 1) <= there] or [1]
    rng = np.random.default_rng(0)
    orders = [rng.permutation(there) for _ in range(_DRAWS)]
    errors = [(error, error(orders[0])) for error in map(_error_of, layers)]

    def lost(size: int) -> float:
        worst = [max(_decibels(error, whole, order[:size]) for error, whole in errors) for order in orders]
        return float(np.quantile(worst, _SURE))

    losses = [lost(size) for size in sizes]
    enough = len(sizes)
    while enough and losses[enough - 1] <= ENOUGH_DB:
        enough -= 1
    if enough < len(sizes):
        return sizes[enough], False
    return math.ceil(sizes[-1] * losses[-1] / ENOUGH_DB), True


def _decibels(error: Callable[[npt.NDArray[np.int64]], float], whole: float, chosen: npt.NDArray[np.int64]) -> float:
    return 10 * math.log10(max(error(chosen), 1e-300) / max(whole, 1e-300))


def _error_of(one: Seen) -> Callable[[npt.NDArray[np.int64]], float]:
    """Return the squared error of what was seen of a layer in the range of some calls, as a function of them."""
    kept, extremes = one.values[:: max(1, len(one.values) // _KEPT)].astype(np.float64), one.calls.reshape(-1)
    values = np.concatenate([kept, extremes])
    weights = np.concatenate([np.full(len(kept), float(one.sums[0]) / len(kept)), np.ones(len(extremes))])
    assert one.layer.form
    levels = 2 ** (8 if "8" in one.layer.form.dtype else 16)

    def error(chosen: npt.NDArray[np.int64]) -> float:
        low, high = float(one.calls[chosen, 0].min()), float(one.calls[chosen, 1].max())
        return squared_error(values, weights, (min(low, 0.0), max(high, 0.0)), levels)

    return error
