"""The Pareto front of a run: which variants no other one beats in every figure, and the knee of a front.

Law: figures are compared as they were measured. A figure that is missing never wins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from optkit.record.run import Run
from optkit.spec.metrics import MODES

Costs = tuple[float, ...]
"""The figures of one variant, each such that less is better; infinite where it was not measured."""


@dataclass(frozen=True)
class Objectives:
    """What variants of a run compete on: zip bytes, drop (where it was measured), and the time of one benchmark.

    `names` say what, in the order of each variant's `costs`.
    """

    names: tuple[str, ...]
    costs: dict[str, Costs]


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    """Tell whether `one` is nowhere worse than `other`, and better somewhere; less is better."""
    pairs = list(zip(one, other, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def dominators(costs: Mapping[str, Costs]) -> dict[str, str | None]:
    """Return by name a variant that dominates it; None of those that none does: the front.

    Of several the one is named that is itself on the front, the first in the order of `costs`.
    """
    beaten = {name: [o for o in costs if dominates(costs[o], costs[name])] for name in costs}
    return {name: next((o for o in by if not beaten[o]), None) for name, by in beaten.items()}


def objectives_of(run: Run, *, mode: str = "", threads: int | None = None) -> Objectives:
    """Return what the variants of `run` compete on.

    The time is that of `mode` on `threads`; by default of the first of single_sample, single_batch and full_set that
    the run has, on as few threads as it has.
    """
    timed = [timing for timing in run.benchmarks if threads is None or timing.threads == threads]
    modes = [one for one in ((mode,) if mode else MODES) if any(timing.mode == one for timing in timed)]
    fewest = min((timing.threads for timing in timed if modes and timing.mode == modes[0]), default=1)
    dropped = any(facts.drop is not None for facts in run.variants.values())
    names = ["zip_bytes", *(["drop"] if dropped else [])]
    names += [f"{modes[0]} on {fewest} thread{'s' if fewest > 1 else ''}"] if modes else []
    costs = {}
    for name, facts in run.variants.items():
        found: list[float] = [facts.artifact.zip_bytes]
        if dropped:
            found.append(math.inf if facts.drop is None else facts.drop)
        if modes:
            timing = run.timing(name, modes[0], fewest)
            found.append(timing.seconds if timing else math.inf)
        costs[name] = tuple(found)
    return Objectives(tuple(names), costs)


def knee(points: Mapping[str, tuple[float, float]]) -> str | None:
    """Return the point of a front after which more of the one costs much of the other; None of fewer than three.

    `points` are two costs each. Both axes are scaled to the front's own range; the knee is the point farthest below
    the line between the ends (Satopää et al. 2011, "Finding a Kneedle in a Haystack"). None when none is below it.
    """
    free = [name for name, by in dominators({k: v for k, v in points.items() if _finite(v)}).items() if by is None]
    ends = [[side(points[name][axis] for name in free) for side in (min, max)] for axis in (0, 1)] if free else []
    if len(free) < 3 or any(low == high for low, high in ends):
        return None

    def below(name: str) -> float:
        x, y = ((points[name][axis] - low) / (high - low) for axis, (low, high) in enumerate(ends))
        return 1 - x - y

    best = max(free, key=below)
    return best if below(best) > 1e-9 else None


def _finite(costs: Sequence[float]) -> bool:
    return all(map(math.isfinite, costs))
