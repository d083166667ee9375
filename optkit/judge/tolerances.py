"""What counts as a change when two things are compared: how large it must be, and how sure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from optkit.errors import OptkitError


@dataclass(frozen=True, kw_only=True)
class Tolerances:
    """What counts: the largest changes that are let pass, as fractions, and the error rates.

    `margin` is of times, `max_drop` of accuracy (of the test samples), `max_growth` of sizes. `family_alpha` is the
    chance of any false alarm in a whole invocation, in each direction; `equivalence_alpha` the chance, for each
    benchmark, that a change of the margin is called the same. Raises OptkitError when a figure is out of range.
    """

    margin: float = 0.02
    family_alpha: float = 0.01
    equivalence_alpha: float = 0.05
    max_drop: float = 0.005
    max_growth: float = 0.01

    def __post_init__(self) -> None:
        for name, most in (("margin", 1), ("family_alpha", 0.5), ("equivalence_alpha", 0.5)):
            if not 0 < getattr(self, name) < most:
                raise _out_of_range(name, getattr(self, name), f"above 0 and below {most:g}")
        for name in ("max_drop", "max_growth"):
            if not 0 <= getattr(self, name) < 1:
                raise _out_of_range(name, getattr(self, name), "from 0 and below 1")

    @property
    def log_margin(self) -> float:
        """The margin as a log ratio."""
        return math.log1p(self.margin)

    @property
    def alarm_bound(self) -> float:
        """The log ratio that a slower one must be shown to exceed: of half the margin."""
        return math.log1p(self.margin / 2)


_OPTIONS = {"family_alpha": "false alarm", "equivalence_alpha": "miss"}
"""What the options of the commands call them."""


def _out_of_range(name: str, value: float, expected: str) -> OptkitError:
    named = _OPTIONS.get(name, name.replace("_", " "))
    return OptkitError(f"{named} is {value:g}; expected a fraction {expected}, such as 1%")
