"""Move the gates of a suite file to what a run measured: `optkit gate RUN.json --update`.

A bound goes to the worst value among the variants, modes and threads that its gate judged, rounded away from it. Times
vary from run to run, so `seconds` and `speedup` get a quarter more room. A bound with confidence goes to the end of the
interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from optkit.judge.gates import Verdict
from optkit.spec import Gate
from optkit.spec.metrics import METRICS
from optkit.suites.edit import GatePlaces, Place, rounded_out

ROOM = 0.25
"""How much more room a timed metric gets, as a share of its value."""
_UPPER = ("max", "below")


def new_bounds(places: Iterable[GatePlaces], verdicts: Sequence[Verdict]) -> dict[Place, float]:
    """Return the new value of each bound that moves, by its place in the suite file.

    `places` are as `gate_places` returns them. Gates whose value was not measured stay as they are.
    """
    found: dict[Place, float] = {}
    for gate, bounds in places:
        own = [verdict for verdict in verdicts if verdict.gate == gate and verdict.value is not None]
        for name, (place, unit) in bounds.items():
            values = list(_values(own, upper=name in _UPPER))
            if not values:
                continue
            value = _with_room(gate, max(values) if name in _UPPER else min(values), upper=name in _UPPER)
            moved = rounded_out(value / unit, up=name in _UPPER)
            if name in ("above", "below") and moved * unit in values:
                moved = rounded_out(moved * (1.001 if name == "below" else 0.999), up=name == "below")
            if moved != gate.bounds[name] / unit:
                found[place] = moved
    return found


def _values(verdicts: Iterable[Verdict], *, upper: bool) -> Iterator[float]:
    for verdict in verdicts:
        end = verdict.high if upper else verdict.low
        value: Any = end if end is not None else verdict.value
        yield float(value)


def _with_room(gate: Gate, value: float, *, upper: bool) -> float:
    if METRICS[gate.metric].timed:
        return value * (1 + ROOM) if upper else value / (1 + ROOM)
    if gate.metric in ("accuracy_drop", "drop") and upper:
        return max(value, 0.0)  # a gain is no reason to fail the next run that has none
    return value
