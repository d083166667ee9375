"""Change single values of a suite file and keep the rest as it stands: comments, order, line breaks."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit

from optkit.spec import Gate
from optkit.spec.bounds import quantity_of

Place = tuple[str | int, ...]
"""Where a value stands in a document: keys, and indices of lists, from the top."""
GatePlaces = tuple[Gate, Mapping[str, tuple[Place, float]]]
"""A gate, and for each of its bounds where it stands and its unit (1e-6 where the file says µs)."""


def set_values(text: str, values: Mapping[Place, float]) -> str:
    """Return the TOML `text` with the number at each place replaced. All places must be there."""
    document = tomlkit.parse(text)
    for place, value in values.items():
        table: Any = document
        for key in place[:-1]:
            table = table[key]
        whole = isinstance(table[place[-1]].unwrap(), int) and value.is_integer()
        table[place[-1]] = int(value) if whole else value
    return tomlkit.dumps(document)


def difference(before: str, after: str, name: str) -> str:
    """Return what changed between two texts of the file called `name`, as a unified diff; empty when nothing did."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, f"{name}, updated", n=1, lineterm="")
    return "\n".join(lines)


def rounded_out(value: float, up: bool, digits: int = 4) -> float:
    """Return `value` with `digits` significant digits, rounded up or down."""
    if value == 0 or not math.isfinite(value):
        return value
    places = digits - 1 - math.floor(math.log10(abs(value)))
    if places <= 0:
        step = 10.0**-places
        return (math.ceil if up else math.floor)(value / step - (1e-9 if up else -1e-9)) * step
    factor = 10.0**places
    return round((math.ceil if up else math.floor)(value * factor - (1e-9 if up else -1e-9)) / factor, places)


def gate_places(document: Mapping[str, Any], gates: Sequence[Gate], on: Sequence[str]) -> list[GatePlaces]:
    """Return, for each of a suite's `gates` that stands in `document`, where its bounds stand, and in which unit.

    `document` is the file's own tables; `on` are the data set and the profile that the suite was read for.
    """
    found: list[GatePlaces] = []
    own = list(document.get("gates", []))
    of_budget = gates[: len(gates) - len(own)]
    keys = iter(document.get("budget", {}))  # some hold for no variant, and are no gate
    for gate in of_budget:
        key = next(key for key in keys if _is_gate_of(key, gate))
        [bound] = gate.bounds
        found.append((gate, {bound: (("budget", key), quantity_of(key).unit)}))
    for number, (table, gate) in enumerate(zip(own, gates[len(of_budget) :], strict=True)):
        places: dict[str, tuple[Place, float]] = {}
        for bound in gate.bounds:
            place: Place = ("gates", number, bound)
            for name in on:
                if bound in table.get("on", {}).get(name, {}):
                    place = ("gates", number, "on", name, bound)
            places[bound] = (place, 1.0)
        found.append((gate, places))
    return found


def _is_gate_of(key: str, gate: Gate) -> bool:
    quantity = quantity_of(key)
    return quantity.metric == gate.metric and (quantity.mode or None) in (*gate.modes, None)
