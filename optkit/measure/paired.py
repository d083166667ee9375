"""A pair's timing: what one process found of two models, and of a copy of the first as a control.

The sample is the process. The clock of a shared machine changes by a third within seconds, so only what is timed
within a millisecond of each other is comparable (`paired_rounds`). Where a model lies in memory stays the same for a
whole process and moves its time by half a per cent (Mytkowicz et al. 2009, "Producing Wrong Data Without Doing
Anything Obviously Wrong"), so only fresh processes are independent (`paired_process`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optkit.measure.clocks import ClockName

ROLES = ("base", "head", "copy")
LOAD_ORDERS: tuple[tuple[str, ...], ...] = (
    ("base", "head", "copy"),
    ("head", "base", "copy"),
    ("copy", "base", "head"),
    ("copy", "head", "base"),
    ("base", "copy", "head"),
    ("head", "copy", "base"),
)
"""Every order of loading; six processes in a row are balanced, and the first two in which of the pair comes first."""

SECONDS = 0.4
"""What a process times for, on the clock that it times with. It also starts and loads, for some 0.5 s."""
LOADS = len(LOAD_ORDERS)
"""How often a process loads the three, in each order once. Where a model lies in memory is worth more than all else,
and no further round averages it out: on an Intel Xeon two copies of a MobileNet differed by 3.7 % from one loading to
the next (standard deviation), in one process as between processes. Means of six loadings differed by 0.9 %."""


@dataclass(frozen=True, kw_only=True)
class PairedTiming:
    """One process: medians over its rounds of log(head / base) and, the control, of log(copy / base).

    With several `loads` they are means over the loadings. `load_order` is the order the three were first loaded in;
    `calls` the calls in a block; `seconds` of one call of the base is for information: it holds for the moment only.
    `clock` took all of them; what was saved before there was a choice was taken by wall clock.
    """

    effect: float
    control: float
    load_order: tuple[str, ...]
    rounds: int
    calls: int
    seconds: float
    clock: ClockName = "wall"
    loads: int = 1

    def __post_init__(self) -> None:
        if self.load_order not in LOAD_ORDERS:
            raise ValueError(f"load_order is {self.load_order}; expected an order of {', '.join(ROLES)}")


def mean_of(loadings: Sequence[PairedTiming]) -> PairedTiming:
    """Return the timings of all loadings of a process as one: means of the log ratios, the median of the seconds."""
    return dataclasses.replace(
        loadings[0],
        effect=float(np.mean([one.effect for one in loadings])),
        control=float(np.mean([one.control for one in loadings])),
        rounds=sum(one.rounds for one in loadings),
        seconds=float(np.median([one.seconds for one in loadings])),
        loads=len(loadings),
    )


def load_places(timings: Sequence[PairedTiming], role: str) -> Any:
    """Return what loading order does to log(role / base): covariates (processes, 2) that sum to 0 over six orders.

    Column k is +1 where `role` was loaded as number k + 1, -1 where the base was (from 0). A process that loaded in all
    orders has zeros; where all have, there is nothing to account for: (processes, 0).
    """
    places = np.array([_places(timing, role) for timing in timings], np.float64).reshape(len(timings), 2)
    return places if places.any() else places[:, :0]


def _places(timing: PairedTiming, role: str) -> list[int]:
    if timing.loads == LOADS:
        return [0, 0]
    return [(timing.load_order[k] == role) - (timing.load_order[k] == "base") for k in (1, 2)]
