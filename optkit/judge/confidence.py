"""Judge bounds with confidence: an interval from what was measured, and whether it lies within a gate's bounds.

Law: a gate passes only when its bounds hold at both ends of the interval, and fails only when nothing in it is within
them; all else is inconclusive. Each end of an interval is a one-sided confidence bound with the gate's error rate.

Time. What is estimated is log(base / head) over paired processes (`optkit.measure.paired`), the order of loading
accounted for. A control that moved, the base against its own copy, widens the interval by as much at both ends: what
moved it may as well have moved the variant. So a gate near its limit is inconclusive then, and one that is far from it
need not be.

When to stop. After planned numbers of processes, `LOOKS`, each with an equal share of the error rate (Bonferroni's
inequality, as in `optkit.ab`). A gate is decided at the first look that can tell, and what was measured for other gates
after that does not change it: the same timings judged again, from a file, give the same verdict.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optkit.judge.verdicts import GateVerdict
from optkit.measure.paired import PairedTiming, load_places
from optkit.spec import Gate, Suite, Variant
from optkit.stats.estimates import Estimate, adjusted_mean, paired_drop_interval, proportion_interval

LOOKS = (2, 6, 12)
"""Two processes balance which of the pair is loaded first, and tell what is far from a limit; six all orders."""
_BUDGET_SECONDS = 60.0
_MOST_SAMPLES = 1e7


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A value with its confidence bounds, what they rest on, and why they may be wider than usual."""

    value: float
    low: float
    high: float
    data: str = ""
    reason: str = ""


def decide(gate: Gate, interval: Interval) -> GateVerdict:
    """Tell whether the bounds of `gate` hold throughout `interval`, nowhere in it, or neither."""
    if gate.holds(interval.low) and gate.holds(interval.high):
        return "pass"
    return "fail" if gate.excludes(interval.low, interval.high) else "inconclusive"


def exactly(value: float) -> Interval:
    """Return the interval of what is so by definition, such as the speed-up against itself."""
    return Interval(value=value, low=value, high=value, data="by definition")


def accuracy_interval(gate: Gate, correct: Any) -> Interval:
    """Return the interval of the accuracy by which test samples were classified correctly, bool (samples,)."""
    right, samples = int(np.sum(correct)), len(correct)
    low, high = proportion_interval(right, samples, gate.error_rate)
    found = Interval(value=right / samples, low=low, high=high, data=f"{samples:,} test samples")
    return dataclasses.replace(found, reason=_samples_needed(gate, found, samples))


def drop_interval(gate: Gate, base: Any, own: Any) -> Interval:
    """Return the interval of the drop from `base` to `own`, both bool (samples,) over the same test samples."""
    lost, gained, samples = int(np.sum(base & ~own)), int(np.sum(own & ~base)), len(own)
    low, high = paired_drop_interval(lost, gained, samples, gate.error_rate)
    data = f"{samples:,} test samples, {lost} lost, {gained} gained"
    found = Interval(value=(lost - gained) / samples, low=low, high=high, data=data)
    return dataclasses.replace(found, reason=_samples_needed(gate, found, samples))


def _samples_needed(gate: Gate, found: Interval, samples: int) -> str:
    """Say how many test samples would tell if the value stayed: an interval narrows with the root of their number."""
    if decide(gate, found) != "inconclusive":
        return ""
    inside = [bound for bound in gate.bounds.values() if found.low <= bound <= found.high]
    widths = [(found.value - found.low if bound < found.value else found.high - found.value, bound) for bound in inside]
    needed = max(samples * (width / max(abs(found.value - bound), 1e-9)) ** 2 for width, bound in widths)
    if needed > _MOST_SAMPLES:
        return "the value is on the limit, or so near that no test set could tell"
    return f"if the value stayed, some {float(f'{needed:.1g}'):,.0f} test samples would tell"


def speedup_interval(gate: Gate, timings: Sequence[PairedTiming]) -> Interval | None:
    """Return the interval of base time / head time at the first look that decides `gate`, else at the last one taken.

    None when there are fewer timings than the first look needs.
    """
    found = None
    for look in LOOKS:
        if look > len(timings):
            break
        found = _speedup(gate, timings[:look])
        if decide(gate, found) != "inconclusive":
            break
    return found


def _speedup(gate: Gate, timings: Sequence[PairedTiming]) -> Interval:
    level = gate.error_rate / len(LOOKS)
    effect, control = _estimate(timings, "head"), _estimate(timings, "copy")
    moved = abs(control.mean)
    low, high = -effect.upper(level), -effect.lower(level)
    still = Interval(value=_exp(-effect.mean), low=_exp(low), high=_exp(high))
    by = "CPU time of " if all(timing.clock == "cpu" for timing in timings) else ""
    data = f"{by}{len(timings)} processes, control {100 * math.expm1(control.mean):+.2f} %"
    found = dataclasses.replace(still, low=_exp(low - moved), high=_exp(high + moved), data=data)
    if decide(gate, found) == "inconclusive" != decide(gate, still):
        return dataclasses.replace(found, reason="the control moved: without that the processes could tell")
    return found


def _estimate(timings: Sequence[PairedTiming], role: str) -> Estimate:
    """Estimate log(role / base); six orders of loading tell what they explain, two only balance it."""
    places = load_places(timings, role)
    values = [timing.effect if role == "head" else timing.control for timing in timings]
    return adjusted_mean(values, places if len(timings) >= 6 else places[:, :0])


def _exp(log_ratio: float) -> float:
    return math.exp(log_ratio) if log_ratio < 700 else math.inf


def paired_gates(suite: Suite, variant: Variant, mode: str, threads: int) -> Mapping[str, tuple[Gate, ...]]:
    """Return which gates on `variant` need paired timings in `mode` on `threads` threads, by the other variant."""
    found: dict[str, tuple[Gate, ...]] = {}
    for gate in suite.gates_of(variant):
        other = gate.relative_to or suite.baseline
        if gate.metric == "speedup" and gate.at and mode in gate.modes and other != variant.name:
            if not gate.threads or threads in gate.threads:
                found[other] = (*found.get(other, ()), gate)
    return found


def time_until_decided(
    gates: Sequence[Gate],
    measure: Callable[[int], PairedTiming],
    *,
    budget: float = _BUDGET_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[PairedTiming, ...]:
    """Return timings by `measure(number of the process)` until all `gates` are decided, or `LOOKS` or time are used up.

    After the first look no other is begun that, going by the longest process so far, would end after `budget` seconds.
    """
    timings: list[PairedTiming] = []
    began = clock()
    longest = 0.0
    for look in LOOKS:
        if timings and clock() - began + longest * (look - len(timings)) > budget:
            break
        while len(timings) < look:
            before = clock()
            timings.append(measure(len(timings)))
            longest = max(longest, clock() - before)
        if all(_decided(gate, timings) for gate in gates):
            break
    return tuple(timings)


def _decided(gate: Gate, timings: Sequence[PairedTiming]) -> bool:
    found = speedup_interval(gate, timings)
    return found is not None and decide(gate, found) != "inconclusive"
