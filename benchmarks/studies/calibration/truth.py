"""How much slower each wider model truly is: many processes of paired timing."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.studies.calibration import records
from optkit.measure.paired import PairedTiming, load_places
from optkit.stats.estimates import Estimate, adjusted_mean

LONG = 36
"""Processes of each pair: a multiple of six, so that all orders of loading have the same number."""

Measure = Callable[[str, str, int], PairedTiming]
Couple = tuple[str, str]


class Timings:
    """The processes of each couple of files so far, kept in a file of records."""

    def __init__(self, path: Path, facts: Mapping[str, Any], measure: Measure) -> None:
        self._path, self._measure = path, measure
        self.done: dict[Couple, list[PairedTiming]] = defaultdict(list)
        for one in records.begin(path, dict(facts)):
            self._keep(one)

    def _keep(self, one: Mapping[str, Any]) -> None:
        timing = PairedTiming(
            effect=one["effect"],
            control=one["control"],
            load_order=tuple(one["order"].split()),
            rounds=one["rounds"],
            calls=1,
            seconds=one["seconds"],
            loads=one.get("loads", 1),
            clock=one.get("clock", "wall"),
        )
        self.done[one["base"], one["head"]].append(timing)

    def more(self, couple: Couple) -> None:
        """Time one more process of `couple`."""
        timing = self._measure(*couple, len(self.done[couple]))
        record = {
            "base": couple[0],
            "head": couple[1],
            "effect": round(timing.effect, 6),
            "control": round(timing.control, 6),
            "order": " ".join(timing.load_order),
            "rounds": timing.rounds,
            "loads": timing.loads,
            "seconds": float(f"{timing.seconds:.4g}"),
            "clock": timing.clock,
        }
        records.append(self._path, record)
        self._keep(record)


def estimate(timings: Sequence[PairedTiming]) -> Estimate:
    """Return log(head / base), the order of loading accounted for, as `optkit ab` does."""
    return adjusted_mean([one.effect for one in timings], load_places(timings, "head"))


def summary(couple: Couple, timings: Sequence[PairedTiming]) -> dict[str, Any]:
    """Return the true ratio of a couple with its 95 % interval."""
    found = estimate(timings)
    return {
        "base": couple[0],
        "head": couple[1],
        "ratio": round(math.exp(found.mean), 5),
        "low": round(math.exp(found.lower(0.025)), 5),
        "high": round(math.exp(found.upper(0.025)), 5),
        "processes": len(timings),
        "clock": timings[0].clock,
        "scatter": round(found.error * math.sqrt(len(timings)), 5),
        "seconds": float(f"{sorted(one.seconds for one in timings)[len(timings) // 2]:.3g}"),
    }


def run(
    timings: Timings, couples: Sequence[Couple], say: Callable[[str], None], until: float, processes: int = LONG
) -> list[dict[str, Any]]:
    """Time each couple in `processes` processes; return their summaries.

    One process of each after the other, so that a change of the machine meets all of them. Raises TimeoutError when
    `until` (of the monotonic clock) comes first; what was timed is kept.
    """
    for number in range(processes):
        for couple in couples:
            if len(timings.done[couple]) <= number:
                if time.monotonic() > until:
                    raise TimeoutError
                timings.more(couple)
        say(f"{number + 1} of {processes} processes of each of {len(couples)} pairs")
    return [summary(couple, timings.done[couple]) for couple in couples]
