"""A recipe with holes: a variant's table in which a value may be a range or a choice, and a step may be left out.

    { low = 0.5, high = 0.97 }        a number from here to there; whole when both ends are
    { low = 1e-4, high = 1e-2, log = true }
    { choices = [4, 8, 16] }          one of these
    optional = true                   in a step: with it, or without

Law: a hole is asked for only when its step is used, so a choice that makes no difference is never made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from optkit.errors import SuiteError
from optkit.suites.tables import convert_table
from optkit.techniques import TECHNIQUES

OPTIONAL = "optional"
_RANGE, _CHOICES = frozenset({"low", "high"}), frozenset({"choices"})


@dataclass(frozen=True, kw_only=True)
class Range:
    """A number from `low` to `high`, both included; whole when both ends are. `log`: evenly by its logarithm."""

    low: int | float
    high: int | float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"the range goes from {self.low} to {self.high}; expected low below high")
        if self.log and self.low <= 0:
            raise ValueError(f"a range by logarithm begins at {self.low}; expected more than 0")

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)


@dataclass(frozen=True, kw_only=True)
class Choices:
    """One of several values."""

    choices: tuple[Any, ...]

    def __post_init__(self) -> None:
        if len(self.choices) < 2:
            raise ValueError(f"choices has {len(self.choices)} values; expected two or more")


Hole = Range | Choices
Ask = Callable[[str, Hole], Any]
"""Chooses a value for the hole of this name."""


def holes(template: Mapping[str, Any]) -> dict[str, Hole]:
    """Return a template's holes by name, such as `steps[0].final_sparsity`. Raises SuiteError when one is wrong."""
    found: dict[str, Hole] = {}

    def take(name: str, hole: Hole) -> Any:
        found[name] = hole
        return hole.low if isinstance(hole, Range) else hole.choices[0]

    filled(template, take)
    return found


def filled(template: Mapping[str, Any], ask: Ask) -> dict[str, Any]:
    """Return the variant's table that `template` becomes when `ask` fills its holes.

    Steps that could undo an earlier one get the parameters with which they keep what it made, where they have such.
    """
    table = {key: _filled(value, key, ask) for key, value in template.items() if key != "steps"}
    steps = [step for step in _steps(template.get("steps", ()), ask) if step is not None]
    return {**table, "steps": _keeping(steps)} if steps else table


def _steps(steps: Sequence[Mapping[str, Any]], ask: Ask) -> Iterator[dict[str, Any] | None]:
    for number, step in enumerate(steps):
        where = f"steps[{number}]"
        if step.get(OPTIONAL) and not ask(f"{where}.{OPTIONAL}", Choices(choices=(True, False))):
            yield None
        else:
            yield {key: _filled(value, f"{where}.{key}", ask) for key, value in step.items() if key != OPTIONAL}


def _filled(value: Any, where: str, ask: Ask) -> Any:
    if isinstance(value, Mapping):
        if hole := _hole(value, where):
            return ask(where, hole)
        return {key: _filled(inner, f"{where}.{key}", ask) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_filled(inner, f"{where}[{number}]", ask) for number, inner in enumerate(value)]
    return value


def _hole(table: Mapping[str, Any], where: str) -> Hole | None:
    kind: type[Range] | type[Choices]
    if _RANGE <= table.keys():
        kind = Range
    elif _CHOICES <= table.keys():
        kind = Choices
    else:
        return None
    try:
        found: Hole = convert_table(kind, dict(table), where)
    except ValueError as error:
        raise SuiteError(f"{where}: {error}") from error
    return found


def _keeping(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return `steps` with what makes each keep what those before it made, unless it says that itself."""
    found: list[dict[str, Any]] = []
    made: frozenset[Any] = frozenset()
    for step in steps:
        technique = TECHNIQUES.get(str(step.get("technique")))
        if technique is None:
            found.append(step)  # reading the variant says so
            continue
        found.append({**msgspec.to_builtins(technique.keeping(made)), **step} if made else step)
        made |= technique.makes
    return found
