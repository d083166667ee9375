"""Scales of a picture: where a figure stands in pixels, and the ticks with their texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_TICKS = 6
_MARGIN = 0.07
"""Of the range, left free at each end."""


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: its place in pixels, and its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Scale:
    """Turns a figure into pixels. `first` and `last` (log10 of the figures with `log`) stand at `start` and `end`."""

    first: float
    last: float
    start: float
    end: float
    log: bool
    ticks: tuple[Tick, ...] = ()

    def __call__(self, figure: float) -> float:
        """Return where `figure` stands, in pixels."""
        own = math.log10(figure) if self.log else figure
        return self.start + (own - self.first) / (self.last - self.first) * (self.end - self.start)


def scale_of(figures: Sequence[float], *, log: bool, start: float, end: float) -> Scale:
    """Return a scale that holds all `figures` (above 0 with `log`), with some room at its ends, and its ticks."""
    own = [math.log10(figure) if log else figure for figure in figures]
    low, high = min(own), max(own)
    span = high - low
    if span <= 1e-9 * max(abs(low), abs(high)) or span < 1e-200:  # all the same: some room about the one figure
        room = 0.1 if log else 0.05 * abs(low) if abs(low) > 1e-200 else 1.0
    else:
        room = _MARGIN * span
    plain = Scale(low - room, high + room, start, end, log)
    ticks = tuple(Tick(plain(figure), text) for figure, text in _ticks(plain))
    return Scale(plain.first, plain.last, start, end, log, ticks)


def _ticks(scale: Scale) -> list[tuple[float, str]]:
    if not scale.log:
        return _linear(scale.first, scale.last)
    low, high = 10**scale.first, 10**scale.last
    if scale.last - scale.first < 0.7:  # within less than a decade even steps read better
        return [(figure, text) for figure, text in _linear(low, high) if figure > 0]
    every = max(1, math.ceil((scale.last - scale.first) / _TICKS))
    steps = (1, 2, 5) if scale.last - scale.first < 2 else (1,)
    decades = range(math.floor(scale.first), math.ceil(scale.last) + 1)
    found = [step * 10.0**decade for decade in decades if decade % every == 0 for step in steps]
    return [(figure, number(figure)) for figure in found if low <= figure <= high]


def _linear(low: float, high: float) -> list[tuple[float, str]]:
    step = _nice((high - low) / _TICKS)
    first = math.ceil(low / step)
    count = min(math.floor(high / step) - first + 1, 2 * _TICKS)
    digits = max(0, -math.floor(math.log10(step)))
    found: dict[str, float] = {}
    for i in range(count):
        figure = (first + i) * step
        text = f"{figure + 0.0:,.{digits}f}" if digits <= 6 and abs(figure) < 1e9 else f"{figure:.4g}"
        found.setdefault(text, figure)
    return [(figure, text) for text, figure in found.items()]


def _nice(step: float) -> float:
    """Return the next of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step * (1 - 1e-9))


def number(figure: float) -> str:
    """Return a figure as text: whole ones with commas, others with four digits."""
    if figure == round(figure) and abs(figure) < 1e12:
        return f"{figure:,.0f}"
    return f"{figure:.4g}"
