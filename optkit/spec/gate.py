"""What a metric must be, as a value: Gate.

Law: a bound is on the value measured or, with `at`, on the confidence interval around it; what it is on is fixed here,
before anything is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from optkit.errors import nearest
from optkit.spec.metrics import METRICS, MODES

PAIRED_MODES = ("single_sample", "single_batch")
"""The modes that are timed in pairs: one call is a block. A full set is run in a way of its own for each file."""
ON_TARGETS = ("accuracy", "accuracy_drop", "score")
"""What is measured on a target as well, where it may differ: there, by what runs there."""
_WITH_CONFIDENCE = ("accuracy", "accuracy_drop", "drop", "speedup")


def require(condition: bool, message: str) -> None:
    """Raise ValueError(message) unless `condition` holds. The suite reader adds where in the file it was."""
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A bound on a metric: `min`/`max` include the bound, `above`/`below` do not.

    `variants` empty means all; `modes` and `threads` (of timed metrics) empty mean every one that was run.
    `layers` and `except_layers` (of metrics of weights) are patterns of layer names, as in `fnmatch`: the bound is
    on the weight tensors of the layers that the first names, or of all when it is empty, and the second does not.
    `relative_to` (of speedup) is the variant whose time is divided by this one's; None is the suite's baseline.
    `at` is a confidence such as `95%`: the bound must then hold for the one-sided confidence bounds of accuracy,
    accuracy_drop or speedup. `inconclusive` says what it means for the exit code when they cannot tell.
    `target` is the suite's target on which the value is meant, and `runtime` what must have taken a time there.
    `origin` says where the bound comes from.
    """

    metric: str
    min: float | None = None
    max: float | None = None
    above: float | None = None
    below: float | None = None
    variants: tuple[str, ...] = ()
    kind: Literal["any", "keras", "tflite"] = "any"
    modes: tuple[str, ...] = ()
    threads: tuple[int, ...] = ()
    layers: tuple[str, ...] = ()
    except_layers: tuple[str, ...] = ()
    relative_to: str | None = None
    at: str | None = None
    inconclusive: Literal["fail", "pass", "inconclusive"] = "inconclusive"
    target: str = ""
    runtime: str = ""
    origin: str = "suite"

    def __post_init__(self) -> None:
        require(self.metric in METRICS, f"there is no metric {self.metric!r}; {nearest(self.metric, METRICS)}")
        require(bool(self.bounds), "the gate has no bound; give min, max, above or below")
        for mode in self.modes:
            require(mode in MODES, f"there is no mode {mode!r}; {nearest(mode, MODES)}")
        timed = METRICS[self.metric].timed
        require(timed or not (self.modes or self.threads), f"{self.metric} is not timed: drop modes and threads")
        layered = METRICS[self.metric].layered
        require(
            layered or not (self.layers or self.except_layers),
            f"{self.metric} is not of single layers: drop layers and except_layers",
        )
        require(
            self.relative_to is None or self.metric == "speedup",
            f"{self.metric} is not relative to a variant of choice: drop relative_to, which goes with speedup",
        )
        self._check_target()
        self._check_confidence()

    def _check_target(self) -> None:
        metric = METRICS[self.metric]
        require(bool(self.target) or not metric.on_target, f"{self.metric} is of a target: name one with target")
        known = metric.on_target or metric.timed or self.metric in ON_TARGETS
        require(not self.target or known, f"{self.metric} is the same on every target: drop target")
        require(not (self.target and self.at), "a figure on a target has no interval: drop at or target")

    def _check_confidence(self) -> None:
        if self.at is None:
            require(self.inconclusive == "inconclusive", "without at nothing is inconclusive: drop inconclusive")
            return
        level = _percent(self.at)
        require(50 <= level < 100, f"at is {self.at!r}; expected a confidence from 50% and below 100%, such as 95%")
        require(
            self.metric != "seconds",
            "seconds with at: a time by itself proves nothing on a shared machine, however often it is taken; "
            "use speedup with relative_to",
        )
        require(
            self.metric in _WITH_CONFIDENCE,
            f"{self.metric} is exact: drop at, which goes with {', '.join(_WITH_CONFIDENCE)}",
        )
        if self.metric == "speedup":
            require(
                bool(self.modes) and set(self.modes) <= set(PAIRED_MODES),
                f"modes is {list(self.modes)}; speedup with at is timed in pairs of processes: name the modes, of "
                f"{' and '.join(PAIRED_MODES)}",
            )

    @property
    def bounds(self) -> dict[str, float]:
        """The bounds that are set, by their names."""
        found = {name: getattr(self, name) for name in ("min", "max", "above", "below")}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def covers_depthwise(self) -> bool:
        """Whether "all layers" has depthwise convolutions among them: pruning and clustering leave them as they are."""
        return self.origin not in ("prune", "cluster")

    @property
    def error_rate(self) -> float:
        """The error rate of each one-sided bound: 0.05 of `at = "95%"`. Raises ValueError without `at`."""
        require(self.at is not None, "the gate is on the value itself: it has no confidence")
        return (100 - _percent(str(self.at))) / 100

    def holds(self, value: float) -> bool:
        """Tell whether `value` is within every bound. NaN never is."""
        tests = {
            "min": lambda bound: value >= bound,
            "max": lambda bound: value <= bound,
            "above": lambda bound: value > bound,
            "below": lambda bound: value < bound,
        }
        return all(tests[name](bound) for name, bound in self.bounds.items())

    def excludes(self, low: float, high: float) -> bool:
        """Tell whether no value from `low` to `high` is within every bound. With NaN it is never known."""
        tests = {
            "min": lambda bound: high < bound,
            "max": lambda bound: low > bound,
            "above": lambda bound: high <= bound,
            "below": lambda bound: low >= bound,
        }
        return any(tests[name](bound) for name, bound in self.bounds.items())

    @property
    def bound_text(self) -> str:
        """The bounds as a reader writes them, such as `>= 9`."""
        signs = {"min": ">=", "max": "<=", "above": ">", "below": "<"}
        return " and ".join(f"{signs[name]} {value:g}" for name, value in self.bounds.items())

    @property
    def condition(self) -> str:
        """What the bounds are read with, such as ` at 95% against float_tflite`; empty of a plain gate."""
        at = f" at {self.at}" if self.at else ""
        return f"{at} against {self.relative_to}" if self.relative_to else at


def _percent(text: str) -> float:
    """Turn `95%` into 95.0; NaN when it is no percentage."""
    try:
        return float(text.removesuffix("%")) if text.endswith("%") else float("nan")
    except ValueError:
        return float("nan")
