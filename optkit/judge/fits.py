"""Whether a file fits a target: all its limits in one verdict, by how much, and the first thing that does not fit.

Law: a file that the target refuses does not fit. What was not measured is not comparable, never a fit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from optkit.judge.gates import Verdict, judge
from optkit.judge.verdicts import GateVerdict
from optkit.record.run import Run
from optkit.spec import Suite, Variant
from optkit.spec.target import Target

_WORST: tuple[GateVerdict, ...] = ("fail", "not comparable", "inconclusive", "pass")


@dataclass(frozen=True, kw_only=True)
class Fit:
    """One variant on one target. `verdicts` are of its limits, in their order; none when it need not keep them.

    `held` is False when the target's limits are not for this variant: what they would say is shown all the same.
    """

    variant: str
    target: str
    verdicts: tuple[Verdict, ...]
    held: bool = True

    @property
    def status(self) -> GateVerdict:
        """The worst of its verdicts."""
        found = {verdict.status for verdict in self.verdicts}
        return next((word for word in _WORST if word in found), "not comparable")

    @property
    def first(self) -> Verdict | None:
        """The first limit that does not hold, or of which nothing is known; None when it fits."""
        return next((verdict for verdict in self.verdicts if verdict.status == self.status != "pass"), None)

    @property
    def room(self) -> float | None:
        """How much is left of the tightest limit, as a share of it; below 0 how far the worst is beyond it."""
        found = [room for verdict in self.verdicts if (room := room_of(verdict)) is not None]
        return min(found) if found and len(found) == len(self.verdicts) else None


def room_of(verdict: Verdict) -> float | None:
    """Return how far a value is within its bound, as a share of the bound; below 0 beyond it. None without a value."""
    value = verdict.value
    if value is None or not math.isfinite(value):
        return None
    rooms = [
        (bound - value if name in ("max", "below") else value - bound) / (abs(bound) or 1.0)
        for name, bound in verdict.gate.bounds.items()
    ]
    return min(rooms)


def fit(target: Target, variant: Variant, run: Run) -> Fit:
    """Judge a variant of `run` by the limits of a target. Raises RecordError when a record contradicts itself."""
    held = variant.kind == "tflite" and (not target.variants or variant.name in target.variants)
    verdicts = tuple(verdict for gate in target.gates for verdict in judge(gate, variant, run))
    return Fit(variant=variant.name, target=target.name, verdicts=verdicts, held=held)


def fits(suite: Suite, run: Run) -> tuple[Fit, ...]:
    """Return a row for each target of the suite and each .tflite file of the run, targets in the suite's order."""
    return tuple(_fits(suite, run))


def _fits(suite: Suite, run: Run) -> Iterator[Fit]:
    files: Sequence[Variant] = [v for v in suite.variants if v.kind == "tflite" and v.name in run.variants]
    for target in suite.targets:
        yield from (fit(target, variant, run) for variant in files)


def row(one: Fit, run: Run) -> dict[str, Any]:
    """Return what is said of a variant and a target as plain JSON types: for `--json` and for tables."""
    there = run.variants[one.variant].targets.get(one.target)
    first = one.first
    return {
        "variant": one.variant,
        "target": one.target,
        "held": one.held,
        "fits": one.status,
        "room": one.room,
        "first": first.gate.metric if first else None,
        "reason": first.reason if first else "",
        "figures": dict(there.figures) if there else {},
        "estimated": bool(there and there.estimated),
    }
