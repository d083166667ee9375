"""What a search begins with: the suite's own recipes, and how much each layer can lose.

Each hint is a point of the space: values for its holes. The sampler asks for these first, in this order.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from optkit.search.holes import CHOICES, OPTIONAL, RECIPE, Choices, Hole, Range, filled
from optkit.spec import Conversion, Suite, Variant

Values = dict[str, Any]
"""What is chosen for each hole, by its name."""
_MOST = 4
"""Recipes of the suite that are tried first: those with the most steps."""
_STEP = re.compile(r"(?:recipe\[(\d+)\]\.)?steps((?:\[\d+\])+)(?:\.(.+))?")
_BEYOND = (0.0, 0.35, 0.7)
"""Of the zeros between what a layer takes untrained and all: how many more it is tried with, as it is then trained."""


def suggested(template: Mapping[str, Any], suite: Suite) -> list[Values]:
    """Return the points of `template` that come nearest to the suite's own recipes, those with most steps first."""
    variants = [one for one in suite.variants if one.conversion and one.steps]
    variants.sort(key=lambda one: -len(one.steps))
    found = [_nearest(template, one) for one in variants]
    return _different(point for point in found if point)[:_MOST]


def endured(template: Mapping[str, Any], kept: Mapping[str, float]) -> list[Values]:
    """Return points in which each layer has as many zeros as it takes untrained (`kept`), and more, and yet more."""
    found = []
    recipes = len(template.get(CHOICES, ())) or 1
    for beyond, place in ((beyond, place) for beyond in _BEYOND for place in range(recipes)):
        wanted = {layer: share + beyond * (1 - share) for layer, share in kept.items()}
        values: Values = {}

        def ask(
            name: str, hole: Hole, wanted: Mapping[str, float] = wanted, values: Values = values, place: int = place
        ) -> Any:
            layer = name.partition(".sparsity_by_layer.")[2]
            if name == RECIPE and isinstance(hole, Choices):
                values[name] = hole.choices[place]
            else:
                values[name] = _near(hole, wanted.get(layer) if layer else _middle(name, hole))
            return values[name]

        filled(template, ask)
        if any(".sparsity_by_layer." in name for name in values):
            found.append(values)
    return _different(found)


def _middle(name: str, hole: Hole) -> Any:
    """Return a plain choice: with the step, the first conversion, the middle of all else."""
    if isinstance(hole, Range):
        return (hole.low * hole.high) ** 0.5 if hole.log else (hole.low + hole.high) / 2
    first = name.endswith(OPTIONAL) or any(isinstance(one, (Mapping, list, str)) for one in hole.choices)
    return hole.choices[0 if first else len(hole.choices) // 2]


def _different(points: Iterable[Values]) -> list[Values]:
    found: list[Values] = []
    for point in points:
        if point not in found:
            found.append(point)
    return found


def _nearest(template: Mapping[str, Any], variant: Variant) -> Values | None:
    """Return the point nearest to `variant`; None when the space has not its mode."""
    assert variant.conversion
    steps = {step.technique: dataclasses.asdict(step) for step in reversed(variant.steps)}
    values: Values = {}

    def ask(name: str, hole: Hole) -> Any:
        step = _STEP.fullmatch(name)
        if name == RECIPE and isinstance(hole, Choices):
            values[name] = max(hole.choices, key=lambda one: _common(one, steps))
        elif step:
            values[name] = _of_step(template, step, hole, steps)
        else:
            values[name] = _of_conversion(name, hole, variant.conversion)
        return values[name]

    table = filled(template, ask)
    conversion = table.get("conversion", {})
    return values if isinstance(conversion, Mapping) and conversion.get("mode") == variant.conversion.mode else None


def _of_step(template: Mapping[str, Any], name: re.Match[str], hole: Hole, steps: Mapping[str, Any]) -> Any:
    """Return the value of a step's hole that is nearest to what the variant's step of that technique has."""
    part: Any = (template[CHOICES][int(name[1])] if name[1] else template)["steps"]
    for number in re.findall(r"\[(\d+)\]", name[2]):
        part = part["choices"][int(number)] if isinstance(part, Mapping) else part[int(number)]
    if not name[3]:  # which of several lists of steps
        assert isinstance(hole, Choices)
        return max(hole.choices, key=lambda one: _shared(one, steps))
    step = steps.get(part["technique"])
    if name[3] == OPTIONAL:
        return step is not None
    field, _, key = name[3].partition(".")
    value = (step or {}).get(field)
    if field == "sparsity_by_layer" and step:
        value = _sparsity(step, key)
    elif key:
        value = value.get(key) if isinstance(value, Mapping) else None
    return _near(hole, value)


def _shared(choice: Any, steps: Mapping[str, Any]) -> int:
    """Return how many of a choice's steps the variant has; less than none when it lacks one."""
    named = [one["technique"] for one in (choice if isinstance(choice, (list, tuple)) else [choice])]
    return len(named) if all(one in steps for one in named) else -1


def _common(recipe: Mapping[str, Any], steps: Mapping[str, Any]) -> int:
    """Return how many steps of a recipe the variant has."""
    return sum(step.get("technique") in steps for step in recipe.get("steps", ()) if isinstance(step, Mapping))


def _sparsity(step: Mapping[str, Any], layer: str) -> float:
    for pattern, value in step["sparsity_by_layer"].items():
        if fnmatchcase(layer, pattern):
            return float(value)
    if step["sparsity_by_layer"] or any(fnmatchcase(layer, pattern) for pattern in step["exclude"]):
        return 0.0
    chosen = any(fnmatchcase(layer, pattern) for pattern in step["include"])
    return float(step["final_sparsity"]) if chosen else 0.0


def _of_conversion(name: str, hole: Hole, conversion: Conversion | None) -> Any:
    wanted = dataclasses.asdict(conversion) if conversion else {}
    if isinstance(hole, Choices) and all(isinstance(one, Mapping) for one in hole.choices):
        return max(hole.choices, key=lambda one: _likeness(one, wanted))
    field, _, key = re.sub(r"^(recipe\[\d+\]\.)?conversion(\[\d+\])*\.", "", name).partition(".")
    value = wanted.get(field)
    if key and isinstance(value, Mapping):
        value = next((one for pattern, one in value.items() if fnmatchcase(key, pattern)), None)
    return _near(hole, value)


def _likeness(table: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[bool, bool]:
    """Order the choices of a conversion: the same mode, then by LiteRT's quantizer where the other is, too."""
    quantizer = wanted.get("algorithm") != "min_max" or bool(wanted.get("layers"))
    return table.get("mode") == wanted.get("mode"), ("algorithm" in table) == quantizer


def _near(hole: Hole, value: Any) -> Any:
    """Return the value of a hole that is nearest to `value`: the first one or the lowest when there is none."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(hole, Range):
        clipped = min(max(value, hole.low), hole.high) if number else hole.low
        return round(clipped) if hole.whole else round(float(clipped), 6)
    if value in hole.choices:
        return value
    if number and all(isinstance(one, (int, float)) for one in hole.choices):
        return min(hole.choices, key=lambda one: abs(one - value))
    return hole.choices[0]


def as_asked(values: Values, space: Mapping[str, Hole]) -> dict[str, Any]:
    """Return `values` as Optuna takes them: a choice by its place."""
    return {
        name: hole.choices.index(values[name]) if isinstance(hole, Choices) else values[name]
        for name, hole in space.items()
        if name in values
    }
