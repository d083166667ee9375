"""Which choices mattered in a search: how much of a figure's differences between trials goes with a hole's value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.search.state import Trial

_BINS = 4
_LEAST = 8
"""Trials that a share is made of, at least: with fewer, chance alone explains most."""


@dataclass(frozen=True, kw_only=True)
class Mattered:
    """Of a hole: the share of the differences in rank that its value goes with (0 to 1), in so many trials."""

    hole: str
    share: float
    trials: int


def what_mattered(trials: Iterable[Trial], figure: str) -> list[Mattered]:
    """Return, for each hole that enough trials have, how much of `figure` goes with its value, the most first.

    The share is epsilon squared of ranks (Kelley 1935, eta squared less what chance gives): 0 when it is all chance.
    Numbers are taken in four groups. Trials are those that were built, with their last figures.
    """
    told = [(trial.values, trial.rungs[-1].figures[figure]) for trial in trials if trial.rungs and not trial.refused]
    found = []
    for hole in dict.fromkeys(name for values, _ in told for name in values):
        with_it = [(values[hole], value) for values, value in told if hole in values]
        share = _share([value for value, _ in with_it], np.array([value for _, value in with_it], np.float64))
        if share is not None:
            found.append(Mattered(hole=hole, share=share, trials=len(with_it)))
    return sorted(found, key=lambda one: -one.share)


def _share(values: list[Any], figures: npt.NDArray[np.float64]) -> float | None:
    groups = _groups(values)
    count, kinds = len(values), len(set(groups))
    if count < _LEAST or kinds < 2 or kinds >= count:
        return None
    ranks = figures.argsort(kind="stable").argsort(kind="stable").astype(np.float64)
    whole = float(((ranks - ranks.mean()) ** 2).sum())
    within = sum(
        float(((own - own.mean()) ** 2).sum())
        for kind in set(groups)
        for own in [ranks[[group == kind for group in groups]]]
    )
    return max(0.0, 1 - (within / (count - kinds)) / (whole / (count - 1)))


def _groups(values: list[Any]) -> list[str]:
    """Return the group of each value: of many numbers a quarter of them by size, else itself."""
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    if not numbers or len(set(values)) <= _BINS:
        return [repr(value) for value in values]
    edges = np.quantile(np.array(values, np.float64), np.linspace(0, 1, _BINS + 1)[1:-1])
    return [str(group) for group in np.searchsorted(edges, np.array(values, np.float64))]
