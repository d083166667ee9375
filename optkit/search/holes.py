"""A recipe with holes: a variant's table in which a value may be a range or a choice, and a step may be left out.

    { low = 0.5, high = 0.97 }        a number from here to there; whole when both ends are
    { low = 1e-4, high = 1e-2, log = true }
    { choices = [4, 8, 16] }          one of these; a table or a list of them may have holes of its own
    optional = true                   in a step: with it, or without

The whole table may be a choice, too, of recipes that have not the same steps.

Law: a hole is asked for only when its step is used, so a choice that makes no difference is never made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from optkit.errors import SuiteError
from optkit.suites.tables import convert_table
from optkit.techniques import TECHNIQUES

OPTIONAL = "optional"
CHOICES, RECIPE = "choices", "recipe"
_RANGE = frozenset({"low", "high"})


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
_WITH_OR_WITHOUT = Choices(choices=(True, False))
Ask = Callable[[str, Hole], Any]
"""Chooses a value for the hole of this name."""


def holes(template: Mapping[str, Any]) -> dict[str, Hole]:
    """Return a template's holes by name, such as `steps[0].final_sparsity`. Raises SuiteError when one is wrong.

    Those within a choice are among them, such as `conversion[1].granularity` of the second choice. Where the whole
    table is a choice, that is `recipe`, and its holes are `recipe[0].steps[0].epochs` and so on.
    """
    return dict(_holes(template, RECIPE if CHOICES in template else ""))


def _holes(value: Any, where: str) -> Iterator[tuple[str, Hole]]:
    if isinstance(value, Mapping) and (hole := _hole(value, where)):
        yield where, hole
        value = list(hole.choices) if isinstance(hole, Choices) else ()
    if isinstance(value, Mapping):
        if value.get(OPTIONAL) is True and "technique" in value:
            yield f"{where}.{OPTIONAL}", _WITH_OR_WITHOUT
        for key, inner in value.items():
            yield from _holes(inner, f"{where}.{key}" if where else key)
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _holes(inner, f"{where}[{number}]")


def filled(template: Mapping[str, Any], ask: Ask) -> dict[str, Any]:
    """Return the variant's table that `template` becomes when `ask` fills its holes.

    Steps that could undo an earlier one get the parameters with which they keep what it made, where they have such.
    """
    before = ""
    if CHOICES in template and (hole := _hole(template, RECIPE)):
        template, place = _chosen(hole, RECIPE, ask)
        before = f"{place}."
    table = {key: _filled(value, f"{before}{key}", ask) for key, value in template.items() if key != "steps"}
    steps = list(_steps(template.get("steps", ()), f"{before}steps", ask))
    return {**table, "steps": _keeping(steps)} if steps else table


def _steps(steps: Any, where: str, ask: Ask) -> Iterator[dict[str, Any]]:
    """Yield the steps that are used. A choice of a list of steps is those steps, one after another."""
    if isinstance(steps, Mapping) and (hole := _hole(steps, where)):
        steps, where = _chosen(hole, where, ask)
    if isinstance(steps, (list, tuple)):
        for number, step in enumerate(steps):
            yield from _steps(step, f"{where}[{number}]", ask)
    elif not steps.get(OPTIONAL) or ask(f"{where}.{OPTIONAL}", _WITH_OR_WITHOUT):
        yield {key: _filled(value, f"{where}.{key}", ask) for key, value in steps.items() if key != OPTIONAL}


def _filled(value: Any, where: str, ask: Ask) -> Any:
    if isinstance(value, Mapping):
        if hole := _hole(value, where):
            return _filled(*_chosen(hole, where, ask), ask)
        return {key: _filled(inner, f"{where}.{key}", ask) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_filled(inner, f"{where}[{number}]", ask) for number, inner in enumerate(value)]
    return value


def told(hole: Hole, value: Any) -> Any:
    """Return a chosen value as it is shown and saved: what has parts by what it is, and its place among the choices."""
    if not isinstance(hole, Choices) or not isinstance(value, (Mapping, list, tuple)):
        return value
    parts = value if isinstance(value, (list, tuple)) else [value]
    return f"{hole.choices.index(value) + 1}: {' + '.join(_word(one) for one in parts if one) or 'nothing'}"


def _word(part: Any) -> str:
    """Return what a part of a choice is called: its technique or mode, of a recipe its last step."""
    if not isinstance(part, Mapping):
        return str(part)
    if part.get("steps"):
        return _word(part["steps"][-1])
    return str(part.get("technique") or part.get("mode") or next(iter(part.values())))


def _chosen(hole: Hole, where: str, ask: Ask) -> tuple[Any, str]:
    """Return what is chosen, and where it is: a choice may have holes of its own."""
    found = ask(where, hole)
    return found, f"{where}[{hole.choices.index(found)}]" if isinstance(hole, Choices) else where


def _hole(table: Mapping[str, Any], where: str) -> Hole | None:
    kind: type[Range] | type[Choices]
    if _RANGE <= table.keys():
        kind = Range
    elif CHOICES in table:
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
