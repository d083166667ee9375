"""Bounds on what a run measured, in one language: `budget` of a suite file, and `optkit choose`.

A key is `max_` or `min_` and the name of a quantity, such as `max_zip_bytes`. A budget may leave the first part out:
the bound is then on the worse side.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from optkit.errors import nearest
from optkit.spec.gate import require
from optkit.spec.metrics import METRICS, MODES, TASK_METRICS, Better

Kind = Literal["max", "min"]
_TIME_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True)
class Quantity:
    """What a bound is on: a metric and, when it is timed, in which mode.

    `unit` is this quantity's unit in that of its metric: 1e-6 of one in µs. `task_metric` is the one metric of a task
    whose value is meant; empty means whichever was measured.
    """

    metric: str
    unit: float = 1.0
    mode: str = ""
    task_metric: str = ""

    @property
    def subject(self) -> tuple[str, str, str]:
        """What two bounds have in common that can contradict each other, in whatever units they are."""
        return _SAME.get(self.metric, self.metric), self.mode, self.task_metric

    @property
    def better(self) -> Better:
        """Which direction is better; of `score`, which may be any metric, higher."""
        return TASK_METRICS[self.task_metric].better if self.task_metric else METRICS[self.metric].better


_SAME = {"accuracy_drop": "drop"}

QUANTITIES: dict[str, Quantity] = {
    **{name: Quantity(name) for name, metric in METRICS.items() if not metric.timed},
    **{f"{mode}_{name}": Quantity("seconds", unit, mode) for mode in MODES for name, unit in _TIME_UNITS.items()},
    **{f"{mode}_speedup": Quantity("speedup", mode=mode) for mode in MODES},
    **{f"estimated_{name}": Quantity("estimated_seconds", unit) for name, unit in _TIME_UNITS.items()},
    **{name: Quantity("score", task_metric=name) for name in TASK_METRICS if name not in METRICS},
}
"""All that can be bounded, by name."""

_PLAIN = (
    "file_bytes",
    "zip_bytes",
    "drop",
    "accuracy",
    "size_ratio",
    "single_sample_us",
    "single_batch_us",
    "full_set_s",
)
"""What a budget may name without `max_` or `min_`."""
_FOR_GATES = tuple(
    name
    for name, found in QUANTITIES.items()
    if found.metric != "speedup" and not found.task_metric and not METRICS[found.metric].on_target
)
BUDGET_KEYS = (*_PLAIN, *(f"{kind}_{name}" for name in _FOR_GATES for kind in ("max", "min")))
"""The keys of a budget. A speed-up is over a variant, which a gate names; what is on a target, a target bounds."""


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A bound on a quantity, which is included. `value` is in the quantity's unit, `limit` in its metric's."""

    kind: Kind
    quantity: str
    value: float

    @property
    def key(self) -> str:
        """Such as `max_zip_bytes`."""
        return f"{self.kind}_{self.quantity}"

    @property
    def of(self) -> Quantity:
        """What it is on."""
        return QUANTITIES[self.quantity]

    @property
    def limit(self) -> float:
        """The bound in the unit of the metric: seconds of a time."""
        return self.value / round(1 / self.of.unit)  # as 20e-6 is read: 20 * 1e-6 is a little less

    def holds(self, value: float) -> bool:
        """Tell whether `value`, in the metric's unit, is within the bound. NaN never is."""
        return value <= self.limit if self.kind == "max" else value >= self.limit


def read_bounds(given: Mapping[str, Any], keys: Iterable[str] = (), where: str = "") -> tuple[Bound, ...]:
    """Return the bounds that `given` holds by key, of `keys` (empty: `max_` and `min_` of every quantity).

    Raises ValueError, which names the key after `where`, when one is not known or no number, is out of all range, or
    two contradict each other.
    """
    known = tuple(keys) or tuple(f"{kind}_{name}" for name in QUANTITIES for kind in ("max", "min"))
    found = []
    for key, value in given.items():
        require(key in known, f"{where.rstrip('.') + ': ' if where else ''}unknown key {key!r}; {nearest(key, known)}")
        number = not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value)
        require(number, f"{where}{key} is {value!r}; expected a number")
        found.append(_bound(key, value))
        _check_range(found[-1], f"{where}{key}")
    _check_together(found, where)
    return tuple(found)


def quantity_of(key: str) -> Quantity:
    """Return what a known key is on: `zip_bytes`, `max_zip_bytes`, `min_zip_bytes`."""
    return QUANTITIES[key[4:] if key.startswith(("max_", "min_")) else key]


def _bound(key: str, value: float) -> Bound:
    kind, _, name = key.partition("_")
    if kind == "max" and name in QUANTITIES:
        return Bound(kind="max", quantity=name, value=value)
    if kind == "min" and name in QUANTITIES:
        return Bound(kind="min", quantity=name, value=value)
    return Bound(kind="max" if QUANTITIES[key].better == "lower" else "min", quantity=key, value=value)


def _check_range(bound: Bound, where: str) -> None:
    """Raise ValueError when nothing at all can be within `bound`."""
    unit = METRICS[bound.of.metric].unit
    if unit == "fraction":
        least = -1.0 if bound.of.metric == "accuracy_drop" else 0.0
        possible = bound.value >= least if bound.kind == "max" else bound.value <= 1
        require(possible, f"{where} is {bound.value:g}; it is a fraction, from {least:g} to 1 (97% is 0.97)")
    elif unit in ("bytes", "seconds", "ratio", "count"):
        counted = unit == "count"
        possible = bound.kind == "min" or bound.value > 0 or (counted and bound.value == 0)
        asked = "0 or more" if counted else "more than 0"
        require(possible, f"{where} is {bound.value:g}: nothing is that small; give {asked}")


def _check_together(bounds: Iterable[Bound], where: str) -> None:
    """Raise ValueError when the largest lower bound of a subject is above its smallest upper bound."""
    upper: dict[tuple[str, str, str], Bound] = {}
    lower: dict[tuple[str, str, str], Bound] = {}
    for bound in bounds:
        kept = upper if bound.kind == "max" else lower
        other = kept.get(bound.of.subject)
        tighter = other is None or (bound.limit < other.limit) == (bound.kind == "max")
        kept[bound.of.subject] = bound if tighter else kept[bound.of.subject]
    for subject, most in upper.items():
        least = lower.get(subject)
        if least and least.limit > most.limit:
            raise ValueError(
                f"{where}{most.key} is {most.value:g} and {where}{least.key} is {least.value:g}: nothing can be both; "
                "change one of them"
            )
