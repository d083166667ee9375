"""Figures as texts: times in the unit that reads best, speed-ups, and metrics with digits that fit their size."""

from __future__ import annotations

import math
from collections.abc import Iterable

NOT_MEASURED = "not measured"


def time_text(seconds: float) -> str:
    """Return a time with three digits, in the unit that reads best: s, ms or µs."""
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 0.9995:
            return f"{_three(seconds * factor)} {unit}"
    return f"{_three(seconds * 1e6)} µs"


def times_text(times: float | None) -> str:
    """Return how many times as fast, with two decimals or three digits; `-` when it is not known."""
    if times is None:
        return "-"
    return f"{times:,.0f}" if times >= 100 else f"{times:.2f}" if times >= 0.1 else f"{times:.2g}"


def accuracy_text(value: float | None, form: str = ".4f") -> str:
    """Return an accuracy or a drop as a fraction; one that was not measured as such."""
    return NOT_MEASURED if value is None else format(value, form)


def metric_form(values: Iterable[float]) -> str:
    """Return the format of values of one metric and of their drops: four digits of the largest, the same decimals."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if largest == 0:
        return ".4f"
    if not 1e-5 <= largest < 1e9:
        return ".3e"
    return f",.{max(0, 3 - math.floor(math.log10(largest)))}f"


def threads_text(threads: int) -> str:
    """Return `1 thread` or `2 threads`."""
    return f"{threads} thread{'s' if threads > 1 else ''}"


def _three(value: float) -> str:
    return f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}"
