"""What counts as a change when two runs are compared: how large it must be, and how sure."""

from __future__ import annotations

from dataclasses import dataclass

from optkit.errors import OptkitError


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What counts: fractions for time (`margin`), accuracy (`max_drop`) and size (`max_growth`), and the error rates.

    `allow` names variants or benchmarks that may be missing, new or renamed. Without `times`, seconds are not compared.
    Raises OptkitError when a figure is out of range.
    """

    margin: float = 0.02
    false_alarm: float = 0.01
    miss: float = 0.05
    max_drop: float = 0.005
    max_growth: float = 0.01
    allow: tuple[str, ...] = ()
    across_environments: bool = False
    times: bool = True

    def __post_init__(self) -> None:
        for name, most in (("margin", 1), ("false_alarm", 0.5), ("miss", 0.5)):
            if not 0 < getattr(self, name) < most:
                raise OptkitError(f"{name} is {getattr(self, name):g}; expected a fraction above 0 and below {most:g}")
        for name in ("max_drop", "max_growth"):
            if not 0 <= getattr(self, name) < 1:
                raise OptkitError(f"{name} is {getattr(self, name):g}; expected a fraction from 0 and below 1")
