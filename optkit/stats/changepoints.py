"""Where the level of a short, noisy series changed: numbers in, places out; knows nothing of models or files.

Law: the chance of any place in a series without a change is the level it was asked for, stated before the data were
seen. It holds exactly for values in random order; that neighbours are alike is estimated and taken out first.

Circular binary segmentation: a segment is cut where a part of it, at an end or in the middle, differs most from the
rest, if a permutation test says so, and then its parts are (Olshen et al. 2004, doi:10.1093/biostatistics/kxh008; for
benchmarks, with another statistic, Daly et al. 2020, doi:10.1145/3358960.3375791). A part may spend the share of the
level that it has of the points (Meinshausen 2008, doi:10.1093/biomet/asn007). Serial correlation is taken out as in
Robbins et al. 2011, doi:10.1111/j.1467-9892.2010.00707.x: the test sees what the value before does not predict.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SHORTEST = 3
"""Fewest values on either side of a change: one or two odd runs are no level."""
FEWEST = 2 * SHORTEST + 1
"""Fewest values that can be tested: one is spent on what the value before predicts."""
_CLIP = 4.0
_LARGEST_CORRELATION = 0.95
_STANDARD_ERRORS = 1.0
_ENOUGH_EXCEEDED = 20
_DRAWS_A_LEVEL = 5
_CELLS = 1 << 20
_GRID = 40
"""Most places in a segment where a part may begin or end; longer segments are searched in steps, then refined."""


@dataclass(frozen=True)
class Place:
    """A change before value number `at` (from 0). `p` is adjusted for the places that were looked at in the series."""

    at: int
    p: float


def locate(values: Sequence[float], level: float) -> tuple[Place, ...]:
    """Return where the level of `values` (n,) changed, in order; logarithms of what is compared by ratios.

    The chance of any place when there is no change is at most `level`. The same values give the same places.
    """
    x = np.asarray(values, np.float64)
    found: dict[int, float] = {}
    left = [(0, len(x))]
    while left:
        start, stop = left.pop()
        share = (stop - start) / len(x) if len(x) else 1.0
        cuts, p = _cuts(x[start:stop], level * share)
        ends = [start, *(start + cut for cut in cuts), stop]
        if cuts:
            found |= dict.fromkeys(ends[1:-1], min(1.0, p / share))
            left += pairwise(ends)
    return _repartitioned(x, found)


def fewest_to_show(level: float) -> int:
    """Return how many values a series must have for `locate` to be able to find anything at `level`.

    Of all orders of n - 1 values, that share at least has one half of them side by side.
    """
    n = FEWEST
    while (n - 1) / math.comb(n - 1, (n - 1) // 2) > level:
        n += 1
    return n


def scatter(values: Sequence[float], places: Sequence[int]) -> float:
    """Return the robust standard deviation of `values` about the medians between `places` (1.4826 times the MAD)."""
    parts = np.split(np.asarray(values, np.float64), places)
    residuals = np.concatenate([part - np.median(part) for part in parts])
    return float(1.4826 * np.median(np.abs(residuals)))


def _repartitioned(x: Floats, found: dict[int, float]) -> tuple[Place, ...]:
    """Place each change anew between its neighbours: the first splits were made before the others were known.

    Bai 1997, doi:10.1017/S0266466600005831.
    """
    ends = [0, *sorted(found), len(x)]
    places = []
    for before, at, after in zip(ends, ends[1:], ends[2:], strict=False):
        _, split = _extremes(_clipped(x[before:after])[None])
        places.append(Place(before + split.places(0)[0], found[at]))
    return tuple(places)


def _cuts(x: Floats, level: float) -> tuple[tuple[int, ...], float]:
    """Return where to cut `x`, and the p-value; nowhere, when H0, that it has one level, holds at `level`.

    One cut if that alone is as large as chance allows no part to be, else the two ends of a part in the middle.
    """
    if len(x) < fewest_to_show(level):
        return (), 1.0
    x = _clipped(x)
    news = x[1:] - _correlation(x) * x[:-1]
    part, split = _extremes(news[None])
    if part.largest[0] <= 1e-12 * float(np.sum((news - news.mean()) ** 2)):
        return (), 1.0
    p_part, p_split = _p_values(news, float(part.largest[0]), float(split.largest[0]), level)
    chosen, p = (split, p_split) if p_split <= level else (part, p_part)
    return (tuple(at + 1 for at in chosen.places(0)), p) if p <= level else ((), p)


def _clipped(x: Floats) -> Floats:
    """Return `x` held near its running median of five, within robust deviations, so that no odd run hides a change."""
    middle = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(x, 2, mode="reflect"), 5), axis=1)
    width = _CLIP * 1.4826 * float(np.median(np.abs(x - middle)))
    clipped: Floats = np.clip(x, middle - width, middle + width) if width > 0 else x
    return clipped


def _correlation(x: Floats) -> float:
    """Return how alike neighbours are, beside changes: lag-1 autocorrelation, and then some for its uncertainty.

    Of what is left of `x` when its two most different parts are levelled, so that a change is not taken for
    correlation; the bias of fitting three means is put right (Kendall 1954), and one standard error is added: too
    little would be a false alarm, too much costs some power. Between 0 and 0.95.
    """
    n, residuals = len(x), x - x.mean()
    total = float(np.sum(residuals**2))
    for _ in range(2):
        residuals = _levelled(residuals)
    rest = float(np.sum(residuals**2))
    if rest <= 1e-12 * total:
        return 0.0
    estimate = float(np.sum(residuals[1:] * residuals[:-1])) / rest
    estimate += (3 + 5 * estimate) / n + _STANDARD_ERRORS / math.sqrt(n)
    return min(_LARGEST_CORRELATION, max(0.0, estimate))


def _levelled(x: Floats) -> Floats:
    """Return `x` without the difference between its most different part and the rest."""
    part, _ = _extremes(x[None])
    inside = np.zeros(len(x), bool)
    inside[slice(*part.places(0))] = True
    levels: Floats = np.where(inside, x[inside].mean(), x[~inside].mean())
    return x - levels


@dataclass(frozen=True)
class _Extreme:
    """For each row, the largest sum of squares between a part and the rest, (rows,), and which of `ends` it is."""

    largest: Floats
    which: Any
    ends: tuple[tuple[int, ...], ...]

    def places(self, row: int) -> tuple[int, ...]:
        return self.ends[int(self.which[row])]


@lru_cache(maxsize=256)
def _parts(n: int) -> tuple[Any, Any, Floats, Floats, tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    """Return parts [i, j) of n values, their weights, and those of splits in two; and where each of both is cut."""
    ends = np.unique([*range(0, n + 1, math.ceil(n / _GRID)), n])
    ends = ends[(ends == 0) | (ends == n) | ((ends >= SHORTEST) & (ends <= n - SHORTEST))]
    i, j = (ends[side] for side in np.triu_indices(len(ends), 1))
    inner = (i > 0) & (j < n) & (j - i >= SHORTEST)
    i, j = i[inner], j[inner]
    k = np.arange(SHORTEST, n - SHORTEST + 1)
    weights = [n / (size * (n - size)) for size in (j - i, k)]
    return (
        i,
        j,
        weights[0],
        weights[1],
        tuple(zip(i.tolist(), j.tolist(), strict=True)),
        tuple((a,) for a in k.tolist()),
    )


def _extremes(x: Floats) -> tuple[_Extreme, _Extreme]:
    """Return the most different part of each row of `x` (rows, n), and the most different split in two.

    The order of sums of squares between the two sides is that of Student's t.
    """
    rows, n = x.shape
    i, j, part_weights, split_weights, parts, splits = _parts(n)
    sums = np.zeros((rows, n + 1))
    np.cumsum(x - x.mean(axis=1, keepdims=True), axis=1, out=sums[:, 1:])
    by_split = sums[:, SHORTEST : n - SHORTEST + 1] ** 2 * split_weights
    by_part = np.concatenate([(sums[:, j] - sums[:, i]) ** 2 * part_weights, by_split], axis=1)
    part = _Extreme(by_part.max(axis=1), by_part.argmax(axis=1), (*parts, *splits))
    split = _Extreme(by_split.max(axis=1), by_split.argmax(axis=1), splits)
    return part, split


def _p_values(x: Floats, part: float, split: float, level: float) -> tuple[float, float]:
    """Return, for the sums of squares `part` and `split`, the share of random orders of `x` with such a part or split.

    The order that was seen is one of them. Draws are many enough for `level`, and stop early once it is plain that p
    is far above (Besag and Clifford 1991, doi:10.1093/biomet/78.2.301). The seed is fixed: no verdict depends on luck.
    """
    rng: Any = np.random.default_rng(0)
    most, rows = math.ceil(_DRAWS_A_LEVEL / level), 64
    drawn, exceeded = 0, [0, 0]
    while drawn < most and exceeded[0] < _ENOUGH_EXCEEDED:
        rows = max(1, min(rows, most - drawn, _CELLS // (len(x) + len(_parts(len(x))[0]))))
        orders = rng.permuted(np.broadcast_to(x, (rows, len(x))), axis=1)
        largest = _extremes(orders)[0].largest
        for number, seen in enumerate((part, split)):
            exceeded[number] += int(np.sum(largest >= seen * (1 - 1e-9)))
        drawn, rows = drawn + rows, 2 * rows
    p_part, p_split = ((1 + count) / (1 + drawn) for count in exceeded)
    return p_part, p_split
