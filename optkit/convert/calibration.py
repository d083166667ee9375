"""Choose the range of an activation that is to be quantized, from what was seen of its values.

Law: pure functions of arrays; no range is wider than what was seen, and every range holds zero, which an integer
must stand for exactly (Jacob et al. 2018, section 2.1). A histogram is `counts`, int64 (bins,), over equal bins from
`low` to `high`, low <= 0 <= high.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

Range = tuple[float, float]
Window = tuple[int, int]
"""Bins from the first up to, not with, the second."""
Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

LEVELS = 256
"""How many values an 8-bit integer has."""
_DECAY = 0.9
_COARSE = 2048
"""Bins that the divergence is measured on, as Migacz has it; more leave too few values in each."""
_STRIDE = 8
_ENOUGH = 4 * _COARSE
_EPSILON = 1e-9
MOST_CLIPPED = 1e-4
"""The share of values, zeros left out, that KL may clip even where that makes the mean squared error larger."""
_FRACTIONS = np.geomspace(1.0, 1 / 256, 65)


def min_max(minima: Floats, maxima: Floats) -> Range:
    """Return the smallest and the largest value seen. `minima`, `maxima`: float64 (batches,)."""
    return _with_zero(float(minima.min()), float(maxima.max()))


def moving_average(minima: Floats, maxima: Floats, decay: float = _DECAY) -> Range:
    """Return the exponential moving averages of the batches' minima and maxima, float64 (batches,), in order.

    Jacob et al. 2018 (arXiv:1712.05877), section 3.1, who smooth over thousands of training steps
    with a decay near 1; a representative set has tens of batches. The first batch is the initial value. What only
    some batches reach is clipped, however many values that are: the extremes alone do not say it.
    """
    low, high = float(minima[0]), float(maxima[0])
    for smallest, largest in zip(minima[1:], maxima[1:], strict=True):
        low = decay * low + (1 - decay) * float(smallest)
        high = decay * high + (1 - decay) * float(largest)
    return _with_zero(low, high)


def percentile(counts: Counts, low: float, high: float, share: float) -> Range:
    """Return the range between the percentiles `100 - share` and `share` (above 50, up to 100) of the counted values.

    So at most `100 - share` percent of them are clipped at each end. Zeros should not be counted: no range clips
    them, and where almost all values are zero, the percentile of all would be zero too.
    """
    edges = np.linspace(low, high, len(counts) + 1)
    total = np.cumsum(counts)
    if total[-1] == 0:
        return _with_zero(low, high)
    outside = total[-1] * (1 - share / 100)
    first = int(np.searchsorted(total, outside, side="right"))
    last = int(np.searchsorted(total, total[-1] - outside, side="left"))
    return _with_zero(float(edges[min(first, last)]), float(edges[last + 1]))


def kl_divergence(counts: Counts, low: float, high: float, levels: int = LEVELS) -> Range:
    """Return the range whose quantized distribution has the least Kullback-Leibler divergence from the original.

    Migacz 2017, "8-bit Inference with TensorRT": values beyond a candidate range count at its ends, its bins are
    merged into `levels` and spread again over those that were not empty. Here both ends are searched, together
    and then each by itself, so that one-sided and lopsided activations are served, and a range at the limit of the
    2048 bins is searched again in finer ones. Zeros should not be counted: they cost nothing, and would outweigh
    all else after a ReLU. Fewer than 8192 values show no distribution on so many bins: min and max are kept then.

    The divergence alone does not see what clipping destroys: values that are clipped to an end in a full bin, as the
    bins near zero are, change that bin's share little. Migacz' ranges are symmetric and at least 128 of 2048 bins wide,
    so no end comes near zero; ends that are searched each by itself do. So a range counts only if it clips at most
    1 of 10,000 values, or if its mean squared error is not above that of min and max. 1 of 10,000 is what the
    99.99th percentile of Wu et al. 2020 (arXiv:2004.09602) clips; docs/evidence/techniques.md has what other shares do.
    """
    if counts.sum() < _ENOUGH:
        return _with_zero(low, high)
    width = (high - low) / len(counts)
    zero = min(max(round(-low / width), 0), len(counts))
    accepts = _clipping_limit(counts, low, high, levels)
    window = (0, len(counts))
    while True:
        merged = -(-(window[1] - window[0]) // _COARSE)
        chosen = _least_divergence(counts, window, merged, zero, levels, accepts)
        finer = chosen[1] - chosen[0] <= merged * (levels + _STRIDE) and merged > 1 and chosen != window
        window = chosen
        if not finer:
            return _with_zero(low + window[0] * width, low + window[1] * width)


def _clipping_limit(counts: Counts, low: float, high: float, levels: int) -> Callable[[Window], bool]:
    """Return what tells of a window of bins whether it clips few values, or has no more error than min and max."""
    below = np.concatenate([[0], np.cumsum(counts)])
    values, weights = _centres(counts, low, high)
    width = (high - low) / len(counts)
    largest_error = squared_error(values, weights, _with_zero(low, high), levels)

    def accepts(window: Window) -> bool:
        start, stop = window
        if below[start] + below[-1] - below[stop] <= MOST_CLIPPED * below[-1]:
            return True
        range_ = _with_zero(low + start * width, low + stop * width)
        return squared_error(values, weights, range_, levels) <= largest_error

    return accepts


def _window(counts: Counts, start: int, stop: int, merged: int) -> Floats:
    """Return the bins from `start` to `stop`, each `merged` as one, with all that lies beyond counted at the ends."""
    inside = counts[start:stop].astype(np.float64)
    inside[0] += counts[:start].sum()
    inside[-1] += counts[stop:].sum()
    padded: Floats = np.pad(inside, (0, -len(inside) % merged))
    return np.asarray(padded.reshape(-1, merged).sum(axis=1))


def _least_divergence(
    counts: Counts, window: Window, merged: int, zero: int, levels: int, accepts: Callable[[Window], bool]
) -> Window:
    """Return the best accepted window inside `window`, an accepted one, on bins of which `merged` count as one.

    It has at least `levels` of these. Both ends are drawn in together, then each by itself.
    """
    start, stop = window
    coarse, at_zero = _window(counts, start, stop, merged), (zero - start) // merged

    def fine(left: int, right: int) -> Window:
        return start + left * merged, min(start + right * merged, stop)

    def best(windows: Iterable[Window]) -> Window:
        fitting = [(le, r) for le, r in windows if le <= at_zero <= r and r - le >= min(levels, len(coarse))]
        by_divergence = sorted(fitting, key=lambda ends: _divergence(coarse, ends[0], ends[1], levels))
        return next(ends for ends in by_divergence if accepts(fine(*ends)))

    steps = range(0, len(coarse), _STRIDE)
    share = at_zero / len(coarse)
    left, right = best((round(s * share), len(coarse) - round(s * (1 - share))) for s in steps)
    for _ in range(2):
        right = best((left, right - s) for s in steps)[1]
        left = best((left + s, right) for s in steps)[0]
    return fine(left, right)


def _divergence(counts: Floats, left: int, right: int, levels: int) -> float:
    inside = counts[left:right]
    reference = inside.copy()
    reference[0] += counts[:left].sum()
    reference[-1] += counts[right:].sum()
    level = np.arange(len(inside)) * levels // len(inside)
    merged = np.bincount(level, inside, levels)
    filled = np.bincount(level, inside > 0, levels)
    spread = np.where(inside > 0, (merged / np.maximum(filled, 1))[level], 0.0)
    if not spread.any():
        return float("inf")
    p, q = reference / reference.sum(), spread / spread.sum()
    seen = p > 0
    return float(np.sum(p[seen] * np.log(p[seen] / np.maximum(q[seen], _EPSILON))))


def least_squares(counts: Counts, low: float, high: float, levels: int = LEVELS) -> Range:
    """Return the range with the least mean squared error between the values and their quantized ones.

    The two ends are searched in turn, from min and max inwards, each over 65 fractions of its span and then finely
    around the best; so the error is never above that of min and max.
    """
    values, weights = _centres(counts, low, high)
    if not len(values):
        return _with_zero(low, high)
    best = _with_zero(low, high)
    for _ in range(3):
        before = best
        for side in (1, 0):
            for fractions in (_FRACTIONS, np.linspace(0.9, 1.1, 41)):
                ends = [min(max(best[side] * fraction, low), high) for fraction in fractions]
                tried = [(best[0], end) if side else (end, best[1]) for end in [best[side], *ends]]
                best = min(tried, key=lambda r: squared_error(values, weights, r, levels))
        if best == before:
            break
    return best


def squared_error(values: Floats, weights: Floats, range_: Range, levels: int = LEVELS) -> float:
    """Return the weighted mean squared error of `values`, float64 (n,), quantized to `levels` over `range_`."""
    low, high = range_
    if high <= low:
        return float(np.average(values**2, weights=weights))
    scale = (high - low) / (levels - 1)
    zero = np.round(-low / scale)
    quantized = (np.clip(np.round(values / scale) + zero, 0, levels - 1) - zero) * scale
    return float(np.average((values - quantized) ** 2, weights=weights))


def _centres(counts: Counts, low: float, high: float) -> tuple[Floats, Floats]:
    """Return the centres of the bins that are not empty, and their counts, both float64 (filled bins,)."""
    filled = np.flatnonzero(counts)
    return low + (filled + 0.5) * (high - low) / len(counts), counts[filled].astype(np.float64)


def _with_zero(low: float, high: float) -> Range:
    return min(low, 0.0), max(high, 0.0)
